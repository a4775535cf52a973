//! What can go wrong between files of images and their embeddings.

use std::path::{Path, PathBuf};

use crate::Broken;

/// Why images could not be read or embedded. Facts only; [`Error::hint`] has the remedy where one is known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Reading or writing failed.
    #[error(transparent)]
    Format(#[from] subsel_formats::Error),
    /// The library failed: interruption, settings.
    #[error(transparent)]
    Subsel(#[from] subsel::Error),
    /// Pixels that are no picture.
    #[error("{got} bytes do not make a picture of {width} x {height} RGB pixels")]
    Pixels {
        /// Bytes given.
        got: usize,
        /// Pixels in a row.
        width: usize,
        /// Rows.
        height: usize,
    },
    /// A picture that cannot be read.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// Neither images nor a known container of them.
    #[error("{path}: {found}", path = path.display())]
    NoImages {
        /// What was given.
        path: PathBuf,
        /// What is there instead.
        found: String,
    },
    /// A set that is not as it should be, or not as the options say.
    #[error("{path}: {what}", path = path.display())]
    Set {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong.
        what: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// Inputs that do not make one set together.
    #[error("{second} does not fit {first}: {detail}", first = first.display(), second = second.display())]
    Disagree {
        /// The input that set the rule.
        first: PathBuf,
        /// The input that breaks it.
        second: PathBuf,
        /// Both values.
        detail: String,
    },
    /// More memory than there can be.
    #[error("{n} pictures of {side} x {side} pixels are more bytes than this machine can address")]
    TooLarge {
        /// Pictures.
        n: usize,
        /// Pixels along a side.
        side: usize,
    },
    /// An augmentation with a setting outside its range.
    #[error("augmentation `{step}`: {detail}")]
    Augment {
        /// The step, by name.
        step: &'static str,
        /// The setting, its value and its rule.
        detail: String,
    },
    /// No augmentation of this name.
    #[error("no augmentation is called `{name}`")]
    UnknownAugment {
        /// What was asked for.
        name: String,
    },
    /// An encoder failed.
    #[error("{encoder}: {detail}")]
    Encoder {
        /// Its name.
        encoder: String,
        /// What went wrong.
        detail: String,
    },
    /// A setting of an encoder breaks its rule.
    #[error("`{setting}` of `{of}` must be {rule}, got {got}")]
    Setting {
        /// The encoder's name.
        of: &'static str,
        /// The setting's name.
        setting: &'static str,
        /// What is required.
        rule: String,
        /// What was given.
        got: usize,
    },
    /// A model's text that cannot be read.
    #[error("model `{text}`: {detail}")]
    ModelText {
        /// The text.
        text: String,
        /// What is wrong with it.
        detail: String,
    },
    /// There is nothing to learn from.
    #[error("there are no images to learn from")]
    NothingToLearnFrom,
    /// A file that holds no model, or a damaged one.
    #[error("{path}: {detail}", path = path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
}

impl Error {
    /// The operating system refuses to do something (`open`, `write`) with a file.
    pub(crate) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Error::Format(subsel_formats::Error::Io { action, path: path.to_owned(), source })
    }

    /// What the user can do about it, where that is known; shown on its own line.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Format(error) => error.hint(),
            Error::Subsel(error) => error.hint(),
            Error::NoImages { .. } => Some(format!(
                "known are: {}; embeddings in a directory are named by a glob, such as `dir/*.parquet`",
                crate::set::KNOWN
            )),
            Error::Set { hint, .. } => hint.clone(),
            Error::UnknownAugment { .. } => Some(format!("there are: {}", crate::Augment::NAMES.join(", "))),
            _ => None,
        }
    }
}
