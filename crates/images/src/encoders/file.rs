//! Encoders in files: safetensors, whose metadata tells the kind and the settings.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};
use serde::Serialize;
use serde::de::DeserializeOwned;
use xxhash_rust::xxh3::xxh3_64;

use crate::Error;
use crate::encoder::Encoder;
use crate::encoders::patches::{self, PatchEncoder};
use crate::encoders::rgb::{self, RgbEncoder};

/// Keys of the metadata.
const KIND: &str = "subsel.model";
const SETTINGS: &str = "subsel.settings";

/// Largest file that is read as a model.
const MOST_BYTES: u64 = 1 << 30;

/// An encoder as a file holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelFile {
    path: PathBuf,
    kind: String,
    settings: String,
    tensors: Vec<Tensor>,
}

/// A named array.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tensor {
    name: String,
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl Tensor {
    pub(crate) fn new(name: &str, shape: Vec<usize>, values: Vec<f32>) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), values.len(), "whole");
        Tensor { name: name.into(), shape, values }
    }
}

/// Whether a path is called as model files are, `.safetensors`.
pub fn is_model_file(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("safetensors"))
}

impl ModelFile {
    pub(crate) fn new(kind: &str, settings: &impl Serialize, tensors: Vec<Tensor>) -> Self {
        let settings = serde_json::to_string(settings).expect("settings are plain data");
        ModelFile { path: PathBuf::new(), kind: kind.into(), settings, tensors }
    }

    /// What kind of model it is, such as `patches`; `None` in files that other programs wrote.
    ///
    /// # Errors
    /// [`Error::Model`] for a file that cannot be read or is no safetensors file.
    pub fn kind_of(path: &Path) -> Result<Option<String>, Error> {
        let bytes = read(path)?;
        Ok(metadata(path, &bytes)?.remove(KIND))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Model`] for what is not a model that this program wrote.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::from_bytes(path, &read(path)?)
    }

    pub(crate) fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let mut metadata = metadata(path, bytes)?;
        let (Some(kind), Some(settings)) = (metadata.remove(KIND), metadata.remove(SETTINGS)) else {
            return Err(bad(path, "is no model that `subsel embed` wrote"));
        };
        let file = SafeTensors::deserialize(bytes).map_err(|error| bad(path, error.to_string()))?;
        let tensor = |(name, view): (String, TensorView<'_>)| {
            if view.dtype() != Dtype::F32 {
                return Err(bad(path, format!("tensor `{name}` is of type {:?}, not f32", view.dtype())));
            }
            let values = view.data().chunks_exact(4);
            let values: Vec<f32> =
                values.map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])).collect();
            if values.iter().any(|value| !value.is_finite()) {
                return Err(bad(path, format!("tensor `{name}` has NaN or infinite values")));
            }
            Ok(Tensor { name, shape: view.shape().to_vec(), values })
        };
        let tensors = file.tensors().into_iter().map(tensor).collect::<Result<_, _>>()?;
        Ok(ModelFile { path: path.to_owned(), kind, settings, tensors })
    }

    /// The file as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let bytes: Vec<Vec<u8>> = self
            .tensors
            .iter()
            .map(|tensor| tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect())
            .collect();
        let views = self.tensors.iter().zip(&bytes).map(|(tensor, bytes)| {
            let view =
                TensorView::new(Dtype::F32, tensor.shape.clone(), bytes).expect("as many bytes as the shape says");
            (tensor.name.as_str(), view)
        });
        let metadata =
            HashMap::from([(KIND.to_owned(), self.kind.clone()), (SETTINGS.to_owned(), self.settings.clone())]);
        serialize(views, Some(metadata)).expect("tensors of distinct names")
    }

    /// A hash of the kind, the settings and every value.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut all = format!("{} {}", self.kind, self.settings).into_bytes();
        let mut tensors: Vec<&Tensor> = self.tensors.iter().collect();
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        for tensor in tensors {
            all.extend(format!("{} {:?}", tensor.name, tensor.shape).bytes());
            all.extend(tensor.values.iter().flat_map(|value| value.to_le_bytes()));
        }
        xxh3_64(&all)
    }

    /// The encoder that it holds.
    ///
    /// # Errors
    /// [`Error::Model`] for a kind that is not known, missing tensors, shapes that do not fit.
    pub fn encoder(&self) -> Result<Box<dyn Encoder>, Error> {
        match self.kind.as_str() {
            rgb::NAME => Ok(Box::new(RgbEncoder::from_file(self)?)),
            patches::NAME => Ok(Box::new(PatchEncoder::from_file(self)?)),
            other => Err(self.bad(format!("holds a model of kind `{other}`, which this program does not know"))),
        }
    }

    pub(crate) fn settings<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(&self.settings).map_err(|error| self.bad(format!("its settings cannot be read: {error}")))
    }

    pub(crate) fn tensor(&self, name: &str, shape: &[usize]) -> Result<&[f32], Error> {
        let found = self.tensors.iter().find(|tensor| tensor.name == name);
        let found = found.ok_or_else(|| self.bad(format!("has no tensor `{name}`")))?;
        if found.shape != shape {
            return Err(self.bad(format!("tensor `{name}` has shape {:?}, expected {shape:?}", found.shape)));
        }
        Ok(&found.values)
    }

    /// The first length of a tensor, by which others are checked.
    pub(crate) fn rows(&self, name: &str) -> usize {
        self.tensors
            .iter()
            .find(|tensor| tensor.name == name)
            .and_then(|tensor| tensor.shape.first())
            .copied()
            .unwrap_or(0)
    }

    fn bad(&self, detail: impl Into<String>) -> Error {
        bad(&self.path, detail)
    }
}

fn bad(path: &Path, detail: impl Into<String>) -> Error {
    Error::Model { path: path.to_owned(), detail: detail.into() }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |error: std::io::Error| bad(path, format!("cannot be read: {error}"));
    let bytes = std::fs::metadata(path).map_err(failed)?.len();
    if bytes > MOST_BYTES {
        return Err(bad(path, format!("has {bytes} bytes, more than any model of this program")));
    }
    std::fs::read(path).map_err(failed)
}

fn metadata(path: &Path, bytes: &[u8]) -> Result<HashMap<String, String>, Error> {
    let (_, header) =
        SafeTensors::read_metadata(bytes).map_err(|error| bad(path, format!("is no safetensors file: {error}")))?;
    Ok(header.metadata().clone().unwrap_or_default())
}
