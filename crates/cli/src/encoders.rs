//! What embeds images, as a user names it: `patches`, `rgb`, an untrained network, a file.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use subsel::Context;
use subsel_images::encoders::model::{read, sample, settings, text};
use subsel_images::encoders::{Model, ModelFile};
use subsel_images::{Encoder, Filter, Fit, ImageSet, Normalize, OnBroken};
use subsel_nets::{Device, NetEncoder, UNTRAINED};
use subsel_onnx::{OnnxEncoder, OnnxOptions};

use crate::failure::Failure;

/// A model that a text names.
#[derive(Debug)]
pub(crate) enum Named {
    /// Features of patches, pixels, or a file of them.
    Own(Model),
    /// A network as it is before training.
    Untrained(&'static str, Untrained),
    /// A network that `subsel train` wrote.
    Checkpoint(PathBuf),
    /// Somebody's encoder.
    Onnx(PathBuf, Box<OnnxOptions>, String),
}

/// Settings of an untrained network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Untrained {
    side: usize,
    seed: u64,
    normalize: String,
    /// Whether its normalizations go by the moments of the images, not by 0 and 1.
    calibrate: bool,
}

/// Images that an untrained network is calibrated by.
const CALIBRATED_BY: usize = 2048;

impl Default for Untrained {
    fn default() -> Self {
        Untrained { side: 32, seed: 0, normalize: "imagenet".into(), calibrate: false }
    }
}

/// An encoder, and what is to be said of it.
pub(crate) struct Made {
    pub(crate) encoder: Box<dyn Encoder>,
    /// The encoder as a file, where it was learned from images.
    pub(crate) learned: Option<Vec<u8>>,
    pub(crate) notes: Vec<String>,
}

impl Named {
    /// The model of this text.
    pub(crate) fn parse(given: &str) -> Result<Self, Failure> {
        let (name, rest) = given.split_once(':').unwrap_or((given, ""));
        let path = Path::new(name);
        let ends = |with: &str| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(with));
        if ends("onnx") {
            return Ok(Named::Onnx(path.to_owned(), Box::new(onnx_options(given, rest)?), given.to_owned()));
        }
        if ends("safetensors") {
            return Ok(match ModelFile::kind_of(path)? {
                Some(_) => Named::Own(Model::File(path.to_owned())),
                None => Named::Checkpoint(path.to_owned()),
            });
        }
        if let Some((network, _)) = UNTRAINED.iter().find(|(known, _)| *known == name) {
            let (_, given_settings) = settings(given)?;
            return Ok(Named::Untrained(network, read(given, given_settings)?));
        }
        match Model::parse(given)? {
            Some(model) => Ok(Named::Own(model)),
            None => {
                let known: Vec<&str> =
                    Model::NAMES.into_iter().chain(UNTRAINED.iter().map(|(name, _)| *name)).collect();
                let message =
                    format!("`{given}` is no model: known are {}, and files .onnx and .safetensors", known.join(", "));
                Err(Failure::usage(message)
                    .hint("embeddings of any other encoder are read from a file, such as features.npy"))
            }
        }
    }

    /// The encoder, learned from pictures of the set where it must be.
    pub(crate) fn make(
        &self,
        set: &ImageSet,
        on_broken: OnBroken,
        device: Device,
        ctx: &mut Context,
    ) -> Result<Made, Failure> {
        let made = |encoder| Made { encoder, learned: None, notes: Vec::new() };
        Ok(match self {
            Named::Own(model) => {
                let encoder = model.encoder(set, on_broken, ctx)?;
                let file = if let Model::File(_) = model { None } else { encoder.to_file() };
                Made { learned: file.map(|file| file.to_bytes()), ..made(encoder) }
            }
            Named::Untrained(name, Untrained { side, seed, normalize, calibrate }) => {
                let known = Normalize::NAMED.iter().find(|(name, _)| name == normalize).map(|(_, known)| *known);
                let known = known.ok_or_else(|| {
                    let names: Vec<&str> = Normalize::NAMED.iter().map(|(name, _)| *name).collect();
                    Failure::usage(format!("there is no normalization `{normalize}`"))
                        .hint(format!("there are: {}", names.join(", ")))
                })?;
                let model = NetEncoder::untrained_model(name, *side, known, *seed)?;
                if !*calibrate {
                    return Ok(made(Box::new(NetEncoder::new(*name, &model, device)?)));
                }
                let pixels = sample(set, CALIBRATED_BY, *seed, Fit::to(*side), on_broken, ctx)?;
                let model = model.calibrated(&pixels, device, ctx)?;
                Made { learned: Some(model.to_bytes()?), ..made(Box::new(NetEncoder::new(*name, &model, device)?)) }
            }
            Named::Checkpoint(path) => {
                let model = subsel_nets::Model::load(path)?;
                made(Box::new(NetEncoder::new(path.display().to_string(), &model, device)?))
            }
            Named::Onnx(path, options, _) => {
                let encoder = OnnxEncoder::open(path, options)?;
                Made { notes: encoder.notes().to_vec(), learned: None, encoder: Box::new(encoder) }
            }
        })
    }

    /// What tells rows of this model from those of others, where it is known without making it: of a file it is not.
    pub(crate) fn identity(&self) -> Option<String> {
        match self {
            Named::Own(Model::File(_)) | Named::Checkpoint(_) | Named::Onnx(..) => None,
            other => Some(other.to_string()),
        }
    }
}

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Named::Own(model) => model.fmt(f),
            Named::Untrained(name, settings) => f.write_str(&text(name, settings)),
            Named::Checkpoint(path) => path.display().fmt(f),
            Named::Onnx(_, _, text) => f.write_str(text),
        }
    }
}

/// Settings of a model in an ONNX file: `key=value` parted by commas.
fn onnx_options(whole: &str, given: &str) -> Result<OnnxOptions, Failure> {
    let mut options = OnnxOptions::default();
    let count = |key: &str, value: &str| {
        value
            .parse()
            .map(Some)
            .map_err(|_| Failure::usage(format!("model `{whole}`: `{key}` must be a number, got {value}")))
    };
    for setting in given.split(',').filter(|setting| !setting.is_empty()) {
        let Some((key, value)) = setting.split_once('=') else {
            return Err(Failure::usage(format!("model `{whole}`: `{setting}` is not `key=value`")));
        };
        match key {
            "normalize" => options.normalization = value.replace('/', ",").parse()?,
            "runtime" => options.runtime = value.parse()?,
            "side" => options.side = count(key, value)?,
            "resize" => options.resize = count(key, value)?,
            "layout" => options.layout = Some(value.parse()?),
            "output" => options.output = value.parse().ok(),
            "pooling" => options.pooling = value.parse()?,
            "filter" => {
                options.filter = Some(match value {
                    "bilinear" => Filter::Bilinear,
                    "bicubic" => Filter::Bicubic,
                    _ => return Err(Failure::usage(format!("model `{whole}`: `filter` is bilinear or bicubic"))),
                });
            }
            _ => {
                let known = "normalize, side, resize, filter, layout, output, pooling, runtime";
                return Err(Failure::usage(format!("model `{whole}`: there is no setting `{key}`"))
                    .hint(format!("there are: {known}")));
            }
        }
    }
    Ok(options)
}
