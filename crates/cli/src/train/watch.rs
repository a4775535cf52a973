//! A line for each epoch, on the terminal and in a file.

use std::path::{Path, PathBuf};

use subsel_nets::Error;
use subsel_nets::train::{EpochLog, LogFile, Watch};

use crate::failure::Failure;
use crate::messages;

/// Tells of epochs.
pub(super) struct Told {
    file: LogFile,
    quiet: bool,
}

impl Told {
    /// Beside the network: `model.safetensors` has `model.log.jsonl`. A training that goes on adds to it.
    pub(super) fn beside(output: &Path, quiet: bool, anew: bool) -> Result<Self, Failure> {
        let path = log_path(output);
        if anew && path.exists() {
            std::fs::remove_file(&path).map_err(|error| Failure::io("remove", &path, &error))?;
        }
        Ok(Told { file: LogFile::open(&path)?, quiet })
    }
}

pub(super) fn log_path(output: &Path) -> PathBuf {
    output.with_extension("log.jsonl")
}

impl Watch for Told {
    fn epoch(&mut self, log: &EpochLog) -> Result<(), Error> {
        self.file.epoch(log)?;
        if self.quiet {
            return Ok(());
        }
        let mut line = format!("epoch {:>3} of {}: loss {:.4}", log.epoch + 1, log.epochs, log.loss);
        let mut share = |what: &str, value: Option<f64>| {
            if let Some(value) = value {
                line.push_str(&format!(", {what} {:.1} %", 100.0 * value));
            }
        };
        share("train", log.train_accuracy);
        share("test", log.test_accuracy);
        share("neighbors", log.neighbors_accuracy);
        line.push_str(&format!(", rate {:.4}, {:.0} images a second", log.rate, log.images_per_second));
        messages::say(&line);
        Ok(())
    }
}
