//! Readers and writers for subsel: embedding pools ([`RowSource`]), side files, picks and manifests.

mod error;
mod source;

pub use error::Error;
pub use source::{Ids, MemorySource, Part, RowSource};
pub use subsel_kernels::{Block, Dtype, Rows, Values};
