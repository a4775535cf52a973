//! Readers and writers for subsel: embedding pools ([`RowSource`]), side files and picks.
//!
//! [`open`] turns paths into a pool, whatever the format; [`read_column`] reads labels, scores and lists of rows beside
//! it, and what labeling tools export ([`ToolWriter`] writes for them). Everything that comes from a file is checked before it is believed: declared sizes against the length of the file
//! before memory is reserved, and the parsers of others run behind a fence that turns their panics into errors. There is
//! no memory map: files are read by position, and one that shrinks meanwhile is an [`Error::Shrank`].

mod arrays;
mod atomic;
#[cfg(feature = "parquet")]
mod batches;
#[cfg(feature = "parquet")]
mod bytes_column;
#[cfg(feature = "parquet")]
mod columnar;
mod concat;
mod convert;
#[cfg(feature = "parquet")]
mod convert_arrow;
#[cfg(feature = "csv")]
mod convert_csv;
#[cfg(feature = "csv")]
mod csv;
mod error;
mod file;
mod format;
mod guard;
#[cfg(feature = "parquet")]
mod ipc;
mod items;
#[cfg(feature = "parquet")]
mod items_parquet;
mod join;
mod matrix;
mod npy;
#[cfg(feature = "npz")]
mod npz;
mod open;
#[cfg(feature = "parquet")]
mod parquet;
mod picks;
#[cfg(feature = "parquet")]
mod picks_parquet;
mod safetensors;
mod side;
mod source;
mod spool;
mod take;
#[cfg(feature = "parquet")]
mod take_parquet;
mod tools;

pub use arrays::{ArrayInfo, Arrays, ByteRows, read_file};
pub use atomic::AtomicFile;
#[cfg(feature = "parquet")]
pub use batches::open_batches;
#[cfg(feature = "parquet")]
pub use bytes_column::{BytesColumn, BytesReader};
pub use convert::{ConvertOptions, cast_rows, convert};
pub use error::Error;
pub use items::{Item, list_files, read_items};
pub use npy::NpyWriter;
pub use open::{Join, OpenOptions, Opened, expand, open};
pub use picks::{Column, Listed, PicksTable, PicksWriter};
pub use side::{SideColumn, SideFile, SideMatrix, SideOptions, read_column, read_matrix};
pub use source::{Ids, MemorySource, Part, RowSource, gather_by_rows};
pub use subsel_kernels::{Block, Dtype, Rows, Values};
pub use take::{count_rows, take};
pub use tools::{Annotated, Task, ToolFormat, ToolOptions, ToolWriter, image_size, is_annotations, read_annotations};
