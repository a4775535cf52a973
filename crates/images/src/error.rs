//! What can go wrong between files of images and their embeddings.

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
    /// An encoder failed.
    #[error("{encoder}: {detail}")]
    Encoder {
        /// Its name.
        encoder: String,
        /// What went wrong.
        detail: String,
    },
}
