//! Trained weights and what they are of, and the file that holds them.

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use subsel_images::Normalize;

use crate::error::Misfits;
use crate::network::{Named, Network};
use crate::{Error, Init};

/// What weights are of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The network, by [name](crate::network::NETWORKS).
    pub network: String,
    /// Its classes.
    pub classes: usize,
    /// Pixels along a side of its pictures.
    pub side: usize,
    /// How bytes become its numbers.
    pub normalize: Normalize,
    /// Names of its classes, where they are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub class_names: Vec<String>,
    /// How it was trained: the recipe, the seed, what it came to.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub training: Value,
}

/// A network with its weights, in memory.
#[derive(Clone, Debug)]
pub struct Model {
    about: About,
    network: Network,
    /// One list for each of the network's tensors.
    values: Vec<Vec<f32>>,
}

/// Key of [`About`] in the metadata of a file.
const KEY: &str = "subsel";

impl Model {
    /// A model of these values, one list for each tensor of the network.
    pub(crate) fn new(about: About, network: Network, values: Vec<Vec<f32>>) -> Self {
        Model { about, network, values }
    }

    /// A network as it is before training.
    ///
    /// # Errors
    /// Those of [`Network::named`].
    pub fn untrained(about: About, init: Init, seed: u64) -> Result<Self, Error> {
        let network = Network::named(&about.network, about.classes)?;
        let engine = crate::engine::Cpu::new();
        let weights = network.init(&engine, init, seed);
        let values = network.read(&engine, &weights).into_iter().map(|tensor| tensor.values).collect();
        Ok(Model { about, network, values })
    }

    /// What it is of.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The values of every tensor, in the order of the network's.
    pub(crate) fn values(&self) -> &[Vec<f32>] {
        &self.values
    }

    /// Its tensors, named as torchvision names them.
    pub fn tensors(&self) -> Vec<Named> {
        let named = self.network.tensors().into_iter().zip(&self.values);
        named.map(|((name, kind), values)| Named { name, shape: kind.shape(), values: values.clone() }).collect()
    }

    /// Writes it as safetensors, under a temporary name until it is whole.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        write(path, &self.about, &self.tensors(), &[])
    }

    /// The bytes of such a file.
    ///
    /// # Errors
    /// [`Error::File`], with the name of the network for a path: what it is of cannot be told.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        to_bytes(Path::new(&self.about.network), &self.about, &self.tensors(), &[])
    }

    /// Reads a model that [`Model::save`] wrote.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Misfit`].
    pub fn load(path: &Path) -> Result<Self, Error> {
        let bytes = read(path)?;
        let file = File::parse(path, &bytes)?;
        let about = file.about()?.ok_or_else(|| file.error("it does not say what network it is of"))?;
        if about.side == 0 || !about.normalize.std.iter().all(|std| std.is_finite() && *std > 0.0) {
            return Err(file.error("its pictures have no pixels, or a normalization that divides by nothing"));
        }
        file.model(about, &[])
    }

    /// Reads the weights of another program: safetensors with torchvision's names (`layer1.0.conv1.weight`, `bn1.weight`),
    /// also behind `module.` or `backbone.`, and with `shortcut` for `downsample` and `linear` for `fc`. A file without the
    /// linear layer is taken as it is; features do not need it.
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::Misfit`] where a tensor is missing, superfluous or of another shape.
    pub fn import(path: &Path, about: About) -> Result<Self, Error> {
        let bytes = read(path)?;
        File::parse(path, &bytes)?.model(about, &["fc.weight", "fc.bias"])
    }
}

/// Reads a file whole.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|error| Error::File { path: path.into(), detail: error.to_string() })
}

/// A file of tensors that was read.
pub(crate) struct File<'a> {
    path: &'a Path,
    tensors: SafeTensors<'a>,
    metadata: HashMap<String, String>,
}

impl<'a> File<'a> {
    pub(crate) fn parse(path: &'a Path, bytes: &'a [u8]) -> Result<Self, Error> {
        let error = |detail: String| Error::File { path: path.into(), detail };
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| error(format!("not safetensors: {e}")))?;
        let tensors = SafeTensors::deserialize(bytes).map_err(|e| error(format!("not safetensors: {e}")))?;
        Ok(File { path, tensors, metadata: metadata.metadata().clone().unwrap_or_default() })
    }

    pub(crate) fn error(&self, detail: impl Into<String>) -> Error {
        Error::File { path: self.path.into(), detail: detail.into() }
    }

    pub(crate) fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
    }

    pub(crate) fn about(&self) -> Result<Option<About>, Error> {
        let parse = |text| serde_json::from_str(text).map_err(|e| self.error(format!("metadata `{KEY}`: {e}")));
        self.metadata(KEY).map(parse).transpose()
    }

    /// A tensor by its name in the file, if there is one.
    pub(crate) fn tensor(&self, name: &str) -> Result<Option<Named>, Error> {
        let Ok(tensor) = self.tensors.tensor(name) else { return Ok(None) };
        let data = tensor.data();
        let values = match tensor.dtype() {
            Dtype::F32 => data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
            Dtype::F64 => data.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes) as f32).collect(),
            Dtype::BF16 => data.as_chunks().0.iter().map(|bytes| half::bf16::from_le_bytes(*bytes).to_f32()).collect(),
            Dtype::F16 => data.as_chunks().0.iter().map(|bytes| half::f16::from_le_bytes(*bytes).to_f32()).collect(),
            other => return Err(self.error(format!("tensor `{name}` is of {other:?}, not of floats"))),
        };
        Ok(Some(Named { name: name.to_owned(), shape: tensor.shape().to_vec(), values }))
    }

    /// The bytes of a tensor.
    pub(crate) fn bytes(&self, name: &str) -> Option<&'a [u8]> {
        self.tensors.tensor(name).ok().map(|tensor| tensor.data())
    }

    /// The model of a network whose tensors, but for `optional` ones, are all here, and nothing else.
    pub(crate) fn model(&self, about: About, optional: &[&str]) -> Result<Model, Error> {
        let network = Network::named(&about.network, about.classes)?;
        let mut given: HashMap<String, String> = HashMap::new();
        for name in self.tensors.names() {
            // Counters of steps, and what trainings keep beside the weights.
            if !name.ends_with("num_batches_tracked") && !name.starts_with("training.") {
                given.insert(plain(name), name.to_owned());
            }
        }
        let mut faults = Misfits::default();
        let mut all = Vec::new();
        for (name, kind) in network.tensors() {
            let Some(in_file) = given.remove(&name) else {
                if optional.contains(&name.as_str()) {
                    all.push(vec![0.0; kind.len()]);
                } else {
                    faults.missing.push(name);
                }
                continue;
            };
            match self.tensor(&in_file)? {
                Some(tensor) if tensor.shape == kind.shape() => all.push(tensor.values),
                Some(tensor) => faults.misshapen.push((name, kind.shape(), tensor.shape)),
                None => faults.missing.push(name),
            }
        }
        faults.extra = given.into_values().collect();
        faults.extra.sort_unstable();
        if faults.is_empty() {
            Ok(Model::new(about, network, all))
        } else {
            Err(Error::Misfit { path: self.path.into(), network: network.name().into(), faults })
        }
    }
}

/// Torchvision's name of what other programs call otherwise.
fn plain(name: &str) -> String {
    let mut name = name;
    for prefix in ["module.", "backbone."] {
        name = name.strip_prefix(prefix).unwrap_or(name);
    }
    let name = name.replace("shortcut.", "downsample.");
    match name.strip_prefix("linear.") {
        Some(rest) => format!("fc.{rest}"),
        None => name,
    }
}

/// Writes tensors, and other bytes under names, with their description.
pub(crate) fn write(path: &Path, about: &About, tensors: &[Named], others: &[(&str, Vec<u8>)]) -> Result<(), Error> {
    let whole = to_bytes(path, about, tensors, others)?;
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".partial");
    let write = || {
        std::fs::write(&temporary, &whole)?;
        std::fs::rename(&temporary, path)
    };
    write().map_err(|error: std::io::Error| Error::File { path: path.into(), detail: error.to_string() })
}

/// What [`write`] writes.
fn to_bytes(path: &Path, about: &About, tensors: &[Named], others: &[(&str, Vec<u8>)]) -> Result<Vec<u8>, Error> {
    let error = |detail: String| Error::File { path: path.into(), detail };
    let bytes: Vec<Vec<u8>> =
        tensors.iter().map(|tensor| tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect()).collect();
    let mut views = Vec::new();
    for (tensor, bytes) in tensors.iter().zip(&bytes) {
        let view = TensorView::new(Dtype::F32, tensor.shape.clone(), bytes).map_err(|e| error(e.to_string()))?;
        views.push((tensor.name.clone(), view));
    }
    for (name, bytes) in others {
        let view = TensorView::new(Dtype::U8, vec![bytes.len()], bytes).map_err(|e| error(e.to_string()))?;
        views.push(((*name).to_owned(), view));
    }
    let about = serde_json::to_string(about).map_err(|e| error(e.to_string()))?;
    let metadata = HashMap::from([(KEY.to_owned(), about), ("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize(views, Some(metadata)).map_err(|e| error(e.to_string()))
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
