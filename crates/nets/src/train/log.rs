//! What a training says on its way.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Error;

/// An epoch that is done.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochLog {
    /// Its number, from 0.
    pub epoch: usize,
    /// Epochs in all.
    pub epochs: usize,
    /// Steps taken so far, over all epochs.
    pub steps: usize,
    /// The learning rate of its last step.
    pub rate: f64,
    /// The mean loss of its steps, before each.
    pub loss: f64,
    /// The share of its pictures, as augmented, that were told rightly before the step; of classifiers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_accuracy: Option<f64>,
    /// The same of test pictures after the epoch, where they were looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_accuracy: Option<f64>,
    /// The share of held-out pictures told rightly by the vote of their 20 nearest neighbors, where it was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub neighbors_accuracy: Option<f64>,
    /// Pictures that went through the network per second, forwards and backwards.
    pub images_per_second: f64,
    /// Seconds that the epoch took, looks at test pictures included.
    pub seconds: f64,
}

/// Hears of a training as it goes.
pub trait Watch: Send {
    /// An epoch is done.
    ///
    /// # Errors
    /// What it meets ends the training.
    fn epoch(&mut self, log: &EpochLog) -> Result<(), Error>;
}

/// Nobody.
impl Watch for () {
    fn epoch(&mut self, _log: &EpochLog) -> Result<(), Error> {
        Ok(())
    }
}

impl Watch for Vec<EpochLog> {
    fn epoch(&mut self, log: &EpochLog) -> Result<(), Error> {
        self.push(*log);
        Ok(())
    }
}

/// A file of JSON, a line per epoch, each on disk before the next begins.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: File,
}

impl LogFile {
    /// Adds to this file, or begins it.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        let opened = File::options().create(true).append(true).open(path);
        let file = opened.map_err(|error| Error::File { path: path.into(), detail: error.to_string() })?;
        Ok(LogFile { path: path.into(), file })
    }
}

impl Watch for LogFile {
    fn epoch(&mut self, log: &EpochLog) -> Result<(), Error> {
        let error = |detail: String| Error::File { path: self.path.clone(), detail };
        let mut line = serde_json::to_string(log).map_err(|e| error(e.to_string()))?;
        line.push('\n');
        self.file.write_all(line.as_bytes()).map_err(|e| error(e.to_string()))
    }
}
