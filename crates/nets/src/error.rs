//! What can go wrong with networks.

use std::path::PathBuf;

/// Why a network could not be made, trained, read or run. Facts only; [`Error::hint`] has the remedy where one is known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The library failed: interruption, settings.
    #[error(transparent)]
    Subsel(#[from] subsel::Error),
    /// Pictures or their augmentation.
    #[error(transparent)]
    Images(#[from] subsel_images::Error),
    /// A name that is none of those known.
    #[error("there is no {what} `{name}`")]
    Unknown {
        /// What was looked for.
        what: &'static str,
        /// The name.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A setting that breaks its rule.
    #[error("`{name}` must be {rule}, got {got}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What is required.
        rule: String,
        /// What was given.
        got: String,
    },
    /// A list that does not fit the pictures.
    #[error("{got} {what} for {n} pictures")]
    Length {
        /// What the list holds.
        what: &'static str,
        /// Its entries.
        got: usize,
        /// Pictures.
        n: usize,
    },
    /// A row beyond the pictures.
    #[error("row {row} is named for training, but there are pictures 0 to {last}")]
    Row {
        /// The row.
        row: usize,
        /// The last picture.
        last: usize,
    },
    /// A class that there is not.
    #[error("row {row} is of class {class}, but there are classes 0 to {last}")]
    Class {
        /// The row.
        row: usize,
        /// Its class.
        class: u32,
        /// The last class.
        last: usize,
    },
    /// Nothing to train on.
    #[error("there are no rows to train on")]
    NoRows,
    /// Pictures of a size that the network was not trained with.
    #[error("the pictures are of {got} x {got} pixels, the network's of {side} x {side}")]
    Side {
        /// Of the pictures.
        got: usize,
        /// Of the network.
        side: usize,
    },
    /// A training that ran away.
    #[error("the loss is {loss} in epoch {epoch}, step {step}")]
    Diverged {
        /// Epoch, from 0.
        epoch: usize,
        /// Step of the epoch, from 0.
        step: usize,
        /// What the loss was.
        loss: f64,
    },
    /// A file of weights that cannot be read or written.
    #[error("{path}: {detail}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What happened.
        detail: String,
    },
    /// A file of weights that are not those of the network.
    #[error("{path} does not fit {network}: {faults}", path = path.display())]
    Misfit {
        /// The file.
        path: PathBuf,
        /// The network.
        network: String,
        /// Which tensors are missing, superfluous or of another shape.
        faults: Misfits,
    },
    /// A checkpoint of another training.
    #[error("{path} is of another training: {what} differs", path = path.display())]
    OtherTraining {
        /// The file.
        path: PathBuf,
        /// What is not the same.
        what: String,
    },
    /// A device that is not there.
    #[error("device `{device}` cannot be used: {detail}")]
    Device {
        /// Its name.
        device: String,
        /// Why not.
        detail: String,
        /// What to do about it.
        hint: String,
    },
}

/// Tensors of a file that are not as a network needs them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Misfits {
    /// Names of those that are not there.
    pub missing: Vec<String>,
    /// Names of those that the network does not have.
    pub extra: Vec<String>,
    /// Names of those of another shape: what the network needs, what the file has.
    pub misshapen: Vec<(String, Vec<usize>, Vec<usize>)>,
}

impl Misfits {
    /// Whether everything fits.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.extra.is_empty() && self.misshapen.is_empty()
    }
}

/// Names listed in a message.
const LISTED: usize = 4;

impl std::fmt::Display for Misfits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut parts = Vec::new();
        for (what, names) in [("lacks", &self.missing), ("has unknown", &self.extra)] {
            if !names.is_empty() {
                parts.push(format!("it {what} {}", listed(names.len(), names.iter().map(|name| format!("`{name}`")))));
            }
        }
        if !self.misshapen.is_empty() {
            let each = self.misshapen.iter().map(|(name, need, have)| format!("`{name}` is {have:?}, not {need:?}"));
            parts.push(listed(self.misshapen.len(), each));
        }
        f.write_str(&parts.join("; "))
    }
}

fn listed(n: usize, each: impl Iterator<Item = String>) -> String {
    let mut text = each.take(LISTED).collect::<Vec<_>>().join(", ");
    if n > LISTED {
        text.push_str(&format!(" and {} more", n - LISTED));
    }
    text
}

impl Error {
    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Subsel(error) => error.hint(),
            Error::Images(error) => error.hint(),
            Error::Unknown { known, .. } => Some(format!("there are: {known}")),
            Error::Diverged { .. } => Some("try a smaller learning rate".into()),
            Error::Device { hint, .. } => Some(hint.clone()),
            Error::OtherTraining { .. } => Some("choose another file (`-o`), or train anew (`--force`)".into()),
            _ => None,
        }
    }
}
