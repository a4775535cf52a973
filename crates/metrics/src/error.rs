//! What can go wrong in judging and comparing.

use std::path::PathBuf;

/// Why something could not be judged or compared. Facts only; [`Error::hint`] has the remedy where one is known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Of the library below: reading, settings of a method, interruption.
    #[error(transparent)]
    Subsel(#[from] subsel::Error),
    /// A method failed within a comparison.
    #[error("{method} failed at budget {budget}, seed {seed}: {error}")]
    Method {
        /// Its text.
        method: String,
        /// The budget.
        budget: String,
        /// The seed.
        seed: u64,
        /// What it met.
        error: Box<subsel::Error>,
    },
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
    /// A comparison without something it needs.
    #[error("{what}")]
    Incomplete {
        /// What is missing.
        what: &'static str,
        /// How to give it.
        hint: &'static str,
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
    /// The test rows have another width than the pool.
    #[error("test rows have {test} values, those of the pool {pool}")]
    Width {
        /// Of the test rows.
        test: usize,
        /// Of the pool.
        pool: usize,
    },
    /// The file of results is of another comparison.
    #[error("{path} holds results of another comparison: {what} differs")]
    OtherComparison {
        /// The file.
        path: PathBuf,
        /// What is not the same.
        what: String,
    },
    /// The file of results cannot be read or written.
    #[error("{path}: {error}")]
    Results {
        /// The file.
        path: PathBuf,
        /// What happened.
        error: String,
    },
}

impl Error {
    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Subsel(error) => error.hint(),
            Error::Method { error, .. } => error.hint(),
            Error::Unknown { known, .. } => Some(format!("there are: {known}")),
            Error::Incomplete { hint, .. } => Some((*hint).to_owned()),
            Error::OtherComparison { .. } => Some("choose another `-o`, or `--force` to begin anew".into()),
            _ => None,
        }
    }
}
