//! What a user names as a model: an encoder to be learned from the pictures at hand, or one in a file.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use subsel::{Context, Draws, Stream};

use crate::encoders::patches::{self, Patches};
use crate::encoders::rgb::{self, Rgb, RgbEncoder};
use crate::encoders::{ModelFile, is_model_file};
use crate::{ChannelStats, Encoder, Error, ImageSet, OnBroken, Pixels};

/// A model as its text names it: `patches`, `rgb:side=16`, or the path of a file that `subsel embed` wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Model {
    /// Features learned from the images' own patches.
    Patches(Patches),
    /// Standardized pixels.
    Rgb(Rgb),
    /// An encoder learned before.
    File(PathBuf),
}

/// Pictures that the mean and the deviation of the channels are taken of, at most.
const STANDARDIZED_FROM: usize = 10_000;

impl Default for Model {
    fn default() -> Self {
        Model::Patches(Patches::default())
    }
}

impl Model {
    /// Names of the models that need no file.
    pub const NAMES: [&'static str; 2] = [patches::NAME, rgb::NAME];

    /// Reads a text, `name[:key=value,...]` or a path that ends in `.safetensors`. `None` for a name that is not known
    /// here.
    ///
    /// # Errors
    /// [`Error::ModelText`] for settings that cannot be read, [`Error::Setting`] for one that breaks its rule.
    pub fn parse(text: &str) -> Result<Option<Self>, Error> {
        if is_model_file(Path::new(text)) {
            return Ok(Some(Model::File(text.into())));
        }
        Ok(match settings(text)? {
            (patches::NAME, settings) => {
                let found: Patches = read(text, settings)?;
                found.check()?;
                Some(Model::Patches(found))
            }
            (rgb::NAME, settings) => {
                let found: Rgb = read(text, settings)?;
                found.check()?;
                Some(Model::Rgb(found))
            }
            _ => None,
        })
    }

    /// The encoder: read from its file, or learned from pictures of the set. The same for any number of threads.
    ///
    /// # Errors
    /// Reading, broken pictures where `on_broken` says so, [`Error::Model`], interruption.
    /// # Cost
    /// `patches`: some seconds; memory of a few thousand pictures and of `(4 centers)^2` numbers of 8 bytes.
    pub fn encoder(&self, set: &ImageSet, on_broken: OnBroken, ctx: &mut Context) -> Result<Box<dyn Encoder>, Error> {
        match self {
            Model::File(path) => ModelFile::read(path)?.encoder(),
            Model::Patches(settings) => {
                let pixels = sample(set, settings.sample(), settings.seed, settings.fit(), on_broken, ctx)?;
                Ok(Box::new(settings.learn(pixels.bytes(), ctx)?))
            }
            Model::Rgb(settings) => {
                let pixels = sample(set, STANDARDIZED_FROM, 0, settings.fit(), on_broken, ctx)?;
                let stats = ChannelStats::of_pixels(&pixels, ctx);
                Ok(Box::new(RgbEncoder::new(*settings, stats.mean(), stats.std())?))
            }
        }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Model::File(path) => write!(f, "{}", path.display()),
            Model::Patches(settings) => f.write_str(&text(patches::NAME, settings)),
            Model::Rgb(settings) => f.write_str(&text(rgb::NAME, settings)),
        }
    }
}

/// The name of a text and its settings.
///
/// # Errors
/// [`Error::ModelText`].
pub fn settings(text: &str) -> Result<(&str, Map<String, Value>), Error> {
    let (name, rest) = text.split_once(':').unwrap_or((text, ""));
    let mut found = Map::new();
    for setting in rest.split(',').filter(|setting| !setting.is_empty()) {
        let Some((key, value)) = setting.split_once('=') else {
            return Err(Error::ModelText { text: text.into(), detail: format!("`{setting}` is not `key=value`") });
        };
        let value = value.trim();
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.into()));
        if found.insert(key.trim().into(), value).is_some() {
            return Err(Error::ModelText { text: text.into(), detail: format!("`{key}` is given twice") });
        }
    }
    Ok((name, found))
}

/// Settings from those of a text.
///
/// # Errors
/// [`Error::ModelText`], which names what is known.
pub fn read<T: DeserializeOwned>(text: &str, settings: Map<String, Value>) -> Result<T, Error> {
    serde_json::from_value(Value::Object(settings))
        .map_err(|error| Error::ModelText { text: text.into(), detail: error.to_string() })
}

/// A name with those settings that differ from their defaults.
pub fn text<T: Serialize + Default>(name: &str, settings: &T) -> String {
    let object = |settings: &T| match serde_json::to_value(settings) {
        Ok(Value::Object(settings)) => settings,
        _ => Map::new(),
    };
    let (given, usual) = (object(settings), object(&T::default()));
    let given: Vec<String> = given
        .iter()
        .filter(|(key, value)| usual.get(*key) != Some(value))
        .map(|(key, value)| match value {
            Value::String(text) => format!("{key}={text}"),
            other => format!("{key}={other}"),
        })
        .collect();
    if given.is_empty() { name.into() } else { format!("{name}:{}", given.join(",")) }
}

/// Pictures drawn at random, at most so many, in ascending order: what models are learned from.
///
/// # Errors
/// Reading; broken pictures where `on_broken` says so; none that can be read.
pub fn sample(
    set: &ImageSet,
    most: usize,
    seed: u64,
    fit: crate::Fit,
    on_broken: OnBroken,
    ctx: &Context,
) -> Result<Pixels, Error> {
    let rows = Draws::new(Stream::new(seed, "pictures")).sample(set.len(), most.min(set.len()));
    let (pixels, _) = Pixels::load(set, Some(&rows), fit, on_broken, ctx)?;
    if pixels.is_empty() {
        return Err(Error::NothingToLearnFrom);
    }
    Ok(pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_and_written() {
        let parse = |text: &str| Model::parse(text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(parse("patches"), Some(Model::default()));
        let small = parse("patches:side=16,dim=64");
        assert_eq!(small, Some(Model::Patches(Patches { side: 16, dim: 64, ..Patches::default() })));
        assert_eq!(small.map(|model| model.to_string()).as_deref(), Some("patches:side=16,dim=64"));
        assert_eq!(parse("rgb:side=8"), Some(Model::Rgb(Rgb { side: 8 })));
        assert_eq!(parse("a/b.safetensors"), Some(Model::File("a/b.safetensors".into())));
        assert_eq!(parse("resnet"), None);
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        for (text, part) in [
            ("patches:side", "`side` is not `key=value`"),
            ("patches:size=3", "unknown field `size`"),
            ("patches:dim=3,dim=4", "`dim` is given twice"),
            ("patches:dim=many", "invalid type"),
            ("patches:dim=0", "`dim` of `patches` must be at least 1, got 0"),
            ("rgb:side=0", "from 1 to 1024"),
        ] {
            let found = Model::parse(text).expect_err(text).to_string();
            assert!(found.contains(part), "{text}: {found}");
        }
    }
}
