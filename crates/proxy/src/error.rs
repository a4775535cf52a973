//! What can go wrong in selection via proxy.

use std::io;
use std::path::{Path, PathBuf};

/// Why a run could not be made. Facts only; [`Error::hint`] has the remedy where one is known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Of the library below: reading, settings, interruption.
    #[error(transparent)]
    Subsel(#[from] subsel::Error),
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
    /// A run without something it needs.
    #[error("{what}")]
    Incomplete {
        /// What is missing.
        what: String,
        /// How to give it.
        hint: String,
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
    /// A command that cannot be read.
    #[error("{option} `{command}`: {detail}")]
    Template {
        /// The option that gave it.
        option: String,
        /// The command as given.
        command: String,
        /// What is wrong.
        detail: String,
        /// What to do.
        hint: String,
    },
    /// A command that could not be started.
    #[error("cannot run `{program}`: {error}")]
    Start {
        /// The first word of the command.
        program: String,
        /// What the system says.
        error: io::Error,
    },
    /// A command that ended badly.
    #[error("the command of the {what} {outcome}{}", ending(.log, .tail))]
    Command {
        /// What was trained, in words.
        what: String,
        /// How it ended.
        outcome: String,
        /// What it said.
        log: PathBuf,
        /// The end of that.
        tail: String,
    },
    /// A file that a training left, or did not, and what is wanted.
    #[error("{path}: {detail}")]
    Output {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
        /// What to do.
        hint: Option<String>,
    },
    /// A model built in that could not be trained.
    #[error("{name}: {detail}")]
    Learner {
        /// The model.
        name: String,
        /// What went wrong.
        detail: String,
    },
    /// A score that orders nothing.
    #[error("the score `{score}` of row {row} is not a number")]
    NotANumber {
        /// The score.
        score: &'static str,
        /// The row.
        row: usize,
    },
    /// The directory holds another run.
    #[error("{path} holds another run: {what} differs")]
    OtherRun {
        /// The journal.
        path: PathBuf,
        /// What is not the same.
        what: String,
    },
    /// The journal cannot be read or written.
    #[error("{path}: {error}")]
    Journal {
        /// The file.
        path: PathBuf,
        /// What happened.
        error: String,
    },
    /// The system refuses something.
    #[error("cannot {action} {path}: {error}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// Where the log is and how it ends.
fn ending(log: &Path, tail: &str) -> String {
    match tail.is_empty() {
        true => format!("; it said nothing ({} is empty)", log.display()),
        false => format!("; the end of {}:\n{tail}", log.display()),
    }
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path, error: io::Error) -> Self {
        Error::Io { action, path: path.to_owned(), error }
    }

    pub(crate) fn output(path: &Path, detail: impl Into<String>, hint: Option<&str>) -> Self {
        Error::Output { path: path.to_owned(), detail: detail.into(), hint: hint.map(str::to_owned) }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Subsel(error) => error.hint(),
            Error::Unknown { known, .. } => Some(format!("there are: {known}")),
            Error::Incomplete { hint, .. } | Error::Template { hint, .. } => Some(hint.clone()),
            Error::Start { .. } => Some(
                "the first word of a command is a program, found by PATH; no shell is run: `sh -c '...'` asks for one"
                    .into(),
            ),
            Error::Command { .. } => Some("the same command line goes on from here once that is mended".into()),
            Error::Output { hint, .. } => hint.clone(),
            Error::NotANumber { .. } => Some("a training that diverged has no scores to give".into()),
            Error::OtherRun { .. } => Some("choose another `-o`, or `--force` to begin anew".into()),
            _ => None,
        }
    }
}

impl From<subsel_formats::Error> for Error {
    fn from(error: subsel_formats::Error) -> Self {
        Error::Subsel(error.into())
    }
}
