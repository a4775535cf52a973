//! Readers and writers for subsel: embedding pools ([`RowSource`]), side files, picks and manifests.

mod atomic;
mod error;
mod file;
mod matrix;
mod npy;
mod open;
mod source;

pub use atomic::AtomicFile;
pub use error::Error;
pub use npy::{NpyWriter, write_npy_i64};
pub use open::{Join, OpenOptions, Opened, open};
pub use source::{Ids, MemorySource, Part, RowSource};
pub use subsel_kernels::{Block, Dtype, Rows, Values};
