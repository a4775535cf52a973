//! What can be wrong with a file: facts only; the program adds what to do.

use std::path::PathBuf;

/// Why a file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Sizes that do not fit each other.
    #[error("{what}: {detail}")]
    Shape {
        /// The file or array.
        what: String,
        /// What does not fit.
        detail: String,
    },
}
