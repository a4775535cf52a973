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
    /// Beside the network: `model.safetensors` has `model.log.jsonl`.
    pub(super) fn beside(output: &Path, quiet: bool) -> Result<Self, Failure> {
        Ok(Told { file: LogFile::open(&log_path(output))?, quiet })
    }
}

pub(super) fn log_path(output: &Path) -> PathBuf {
    output.with_extension("log.jsonl")
}

impl Watch for Told {
    fn begin(&mut self, epoch: usize, epochs: usize) -> Result<(), Error> {
        if epoch > 0 && !self.quiet {
            let said = match epoch < epochs {
                true => format!("goes on with epoch {} of {epochs}: a training that was stopped", epoch + 1),
                false => format!("all {epochs} epochs had been done"),
            };
            messages::note(&said);
        }
        self.file.begin(epoch, epochs)
    }

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
