//! What can be wrong with a file: facts in the message, the remedy apart in [`Error::hint`].

use std::io;
use std::path::{Path, PathBuf};

use crate::ToolFormat;

/// Why a file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused; its reason is the chained cause.
    #[error("cannot {action} {path}", path = path.display())]
    Io {
        /// What was tried: `open`, `read`, `write`, ...
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Sizes that do not fit each other.
    #[error("{what}: {detail}")]
    Shape {
        /// The file or array.
        what: String,
        /// What does not fit.
        detail: String,
    },
    /// A directory, pipe or device where a file is needed.
    #[error("{path} is {found}, not a file", path = path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is instead.
        found: &'static str,
    },
    /// A glob that finds nothing, or that is not one.
    #[error("`{pattern}` {detail}")]
    Pattern {
        /// The glob as given.
        pattern: String,
        /// `matches no file`, or what is wrong with it.
        detail: String,
    },
    /// Neither the name nor the first bytes tell the format.
    #[error("{path}: neither its name nor its content tells its format", path = path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// The extensions that would be understood.
        known: &'static str,
    },
    /// The content is not what the name says.
    #[error("{path} is not {expected}: it looks like {found}", path = path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The format its name promises, with its article.
        expected: &'static str,
        /// What its first bytes look like.
        found: &'static str,
    },
    /// The file breaks the rules of its format: truncated, overlong, or inconsistent.
    #[error("{path}: {detail}", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which rule, and what was found instead.
        detail: String,
    },
    /// The file became shorter after it was opened.
    #[error("{path}: file shrank while being read", path = path.display())]
    Shrank {
        /// The file.
        path: PathBuf,
    },
    /// A file that is sound but holds no rows.
    #[error("{path}: holds no rows", path = path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A sound file of a kind that is not read or written here.
    #[error("{path}: {what}", path = path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What it holds.
        what: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// A column, tensor or member that was asked for is not there.
    #[error("{path}: no {kind} `{name}`", path = path.display())]
    NoSuchColumn {
        /// The file.
        path: PathBuf,
        /// `column`, `tensor` or `member`.
        kind: &'static str,
        /// The name asked for.
        name: String,
        /// The names that are there.
        candidates: Vec<String>,
    },
    /// Several columns, tensors or members would do, and none was named.
    #[error("{path}: {found} {kind}s could be meant", path = path.display(), found = candidates.len())]
    AmbiguousColumn {
        /// The file.
        path: PathBuf,
        /// `column`, `tensor` or `member`.
        kind: &'static str,
        /// Those that would do.
        candidates: Vec<String>,
    },
    /// A row of another length than the first.
    #[error("{path}: row {row} has {found} values, the first row has {expected}", path = path.display())]
    Ragged {
        /// The file.
        path: PathBuf,
        /// The row, from 0.
        row: usize,
        /// Values of the first row.
        expected: usize,
        /// Values of this row.
        found: usize,
    },
    /// A line with another number of cells than the first.
    #[error("{path}: line {line} has {found} cells, the first row has {expected}", path = path.display())]
    RaggedLine {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// Cells of the first row.
        expected: usize,
        /// Cells of this line.
        found: usize,
    },
    /// A missing value.
    #[error("{path}: row {row} of column `{column}` is or holds a null", path = path.display())]
    Null {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// The row, from 0.
        row: usize,
    },
    /// Text that ought to be a number.
    #[error("{path}: line {line}, column {column}: `{text}` is not a number", path = path.display())]
    NotANumber {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The column, from 1.
        column: usize,
        /// What stands there, cut to a readable length.
        text: String,
    },
    /// A finite value that the type it is to have cannot hold.
    #[error("{path}: row {row}, column {column}: {value:e} is beyond the range of {dtype}", path = path.display())]
    OutOfRange {
        /// The file.
        path: PathBuf,
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
        /// The value.
        value: f64,
        /// The type, such as `f32`.
        dtype: &'static str,
    },
    /// Files that do not make one pool together.
    #[error("{second} does not fit {first}: {detail}", first = first.display(), second = second.display())]
    Disagree {
        /// The file that set the rule.
        first: PathBuf,
        /// The file that breaks it.
        second: PathBuf,
        /// Both values.
        detail: String,
    },
    /// An item that was labeled in two ways.
    #[error("{path}: {item} is labeled both `{first}` and `{second}`", path = path.display())]
    Conflict {
        /// The file.
        path: PathBuf,
        /// The task or image.
        item: String,
        /// One label.
        first: String,
        /// Another.
        second: String,
    },
    /// A labeling tool that is not known.
    #[error("no labeling tool is called `{name}`")]
    UnknownTool {
        /// What it was called.
        name: String,
    },
    /// The output is there already.
    #[error("{path} exists already", path = path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The scratch copy could not be written; the system's reason is the chained cause.
    #[error("cannot keep the scratch copy in {dir}", dir = dir.display())]
    Scratch {
        /// The scratch directory.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// This build leaves the format out.
    #[error("{path}: this build of subsel does not read or write {format}", path = path.display())]
    NotBuilt {
        /// The file.
        path: PathBuf,
        /// The format.
        format: &'static str,
        /// The feature of `subsel-formats` that has it.
        feature: &'static str,
    },
    /// A stream that failed before is asked again.
    #[error("reading failed earlier: {message}")]
    FailedEarlier {
        /// What was said then.
        message: String,
    },
}

impl Error {
    /// What the user can do about it, where that is known; shown on its own line.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::NotAFile { found: "a directory", .. } => {
                Some("name the files inside, or give a glob such as `dir/*.parquet`".into())
            }
            Error::NotAFile { .. } => Some("save it to a file first: rows are read more than once".into()),
            Error::UnknownFormat { known, .. } => Some(format!("known extensions: {known}")),
            Error::Foreign { .. } => Some("give the file the extension of its format, or write it again".into()),
            Error::Shrank { .. } => Some("let the program that writes the file finish first".into()),
            Error::Unsupported { hint, .. } => hint.clone(),
            Error::NoSuchColumn { kind, candidates, .. } if candidates.is_empty() => {
                Some(format!("the file has no {kind} that would do"))
            }
            Error::NoSuchColumn { candidates, .. } => Some(format!("there are: {}", listed(candidates))),
            Error::AmbiguousColumn { candidates, .. } => {
                Some(format!("`--column` names one of: {}", listed(candidates)))
            }
            Error::OutOfRange { .. } => Some("scale the values down, or take a wider type".into()),
            Error::Conflict { .. } => Some("settle it in the labeling tool and export again".into()),
            Error::UnknownTool { .. } => Some(format!("there are: {}", listed(&ToolFormat::NAMES.map(str::to_owned)))),
            Error::Exists { .. } => Some("`--force` overwrites it".into()),
            Error::Scratch { .. } => {
                Some("`--scratch DIR` names a directory with room for all rows as they are stored".into())
            }
            Error::NotBuilt { feature, .. } => Some(format!("build with the feature `{feature}`")),
            _ => None,
        }
    }

    /// An [`Error::Io`] about `path`.
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Error::Io { action, path: path.to_owned(), source }
    }

    /// An [`Error::Damaged`] about `path`.
    pub(crate) fn damaged(path: &Path, detail: impl Into<String>) -> Self {
        Error::Damaged { path: path.to_owned(), detail: detail.into() }
    }

    /// An [`Error::Unsupported`] about `path` with a remedy.
    pub(crate) fn unsupported(path: &Path, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Error::Unsupported { path: path.to_owned(), what: what.into(), hint: Some(hint.into()) }
    }
}

/// Names in backquotes, cut after a screenful.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let mut text = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

/// The beginning of a text from a file, fit for a message.
pub(crate) fn excerpt(text: &str) -> String {
    const SHOWN: usize = 40;
    let mut cut: String = text.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(SHOWN).is_some() {
        cut.push_str("...");
    }
    cut
}
