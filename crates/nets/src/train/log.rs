//! What a training says on its way.

use std::fs::File;
use std::io::{Read, Seek, Write};
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
    /// It begins, with this epoch of so many: not the first, where one that was stopped goes on.
    ///
    /// # Errors
    /// What it meets ends the training.
    fn begin(&mut self, epoch: usize, epochs: usize) -> Result<(), Error> {
        let _ = (epoch, epochs);
        Ok(())
    }

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

/// A file of JSON, a line per epoch, each written before the next begins. Each epoch stands there once: those that a
/// training does again, since it was stopped after its last checkpoint, or is another one, are taken out when it begins.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: File,
}

impl LogFile {
    /// Opens this file, or makes it.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        let opened = File::options().create(true).read(true).append(true).open(path);
        let file = opened.map_err(|error| Error::File { path: path.into(), detail: error.to_string() })?;
        Ok(LogFile { path: path.into(), file })
    }
}

impl LogFile {
    /// Keeps the lines of epochs before this one; one that was cut off is not kept.
    fn keep_before(&mut self, epoch: usize) -> std::io::Result<()> {
        let mut text = String::new();
        self.file.rewind()?;
        self.file.read_to_string(&mut text)?;
        let is_kept = |line: &&str| serde_json::from_str::<EpochLog>(line).is_ok_and(|log| log.epoch < epoch);
        let kept: String = text.lines().filter(is_kept).flat_map(|line| [line, "\n"]).collect();
        if kept != text {
            self.file.set_len(0)?;
            self.file.write_all(kept.as_bytes())?;
        }
        Ok(())
    }

    fn error(&self, detail: impl ToString) -> Error {
        Error::File { path: self.path.clone(), detail: detail.to_string() }
    }
}

impl Watch for LogFile {
    fn begin(&mut self, epoch: usize, _epochs: usize) -> Result<(), Error> {
        self.keep_before(epoch).map_err(|error| self.error(error))
    }

    fn epoch(&mut self, log: &EpochLog) -> Result<(), Error> {
        let mut line = serde_json::to_string(log).map_err(|error| self.error(error))?;
        line.push('\n');
        self.file.write_all(line.as_bytes()).map_err(|error| self.error(error))
    }
}
