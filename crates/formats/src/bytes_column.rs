//! A column of files in Parquet, such as images: read from front to back, or from any row on.

use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Schema};

use crate::columnar::place;
use crate::file::DataFile;
use crate::guard::guarded;
use crate::items_parquet::BYTES;
use crate::parquet::{Batches, ParquetFile, parquet_error};
use crate::side::only_column;
use crate::{Error, SideOptions};

/// Bytes that a batch of rows is to take, as far as the row groups tell.
const BATCH_BYTES: u64 = 1 << 20;

/// Most rows of a batch.
const BATCH_ROWS: u64 = 256;

/// A column of bytes, or of structs with a field `bytes`, as data sets of images have them.
pub struct BytesColumn {
    path: PathBuf,
    parquet: ParquetFile,
    at: usize,
    name: String,
    n_rows: usize,
    batch_rows: usize,
}

impl std::fmt::Debug for BytesColumn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "column `{}` of {}, {} rows", self.name, self.path.display(), self.n_rows)
    }
}

impl BytesColumn {
    /// Opens the column `column`, or the only one of its kind; only metadata is read.
    ///
    /// # Errors
    /// [`Error::NoSuchColumn`] and [`Error::AmbiguousColumn`]; [`Error::Unsupported`] where no column holds bytes;
    /// [`Error::Damaged`].
    pub fn open(path: &Path, column: Option<&str>) -> Result<Self, Error> {
        let parquet = ParquetFile::open(DataFile::open(path)?, false)?;
        let n_rows = parquet.n_rows()?;
        let schema = parquet.metadata.schema();
        let names = byte_columns(schema);
        if names.is_empty() {
            let columns: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
            let what = format!("no column holds files (binary, or structs with a field `{BYTES}`)");
            return Err(Error::unsupported(path, what, format!("its columns: {}", columns.join(", "))));
        }
        let options = SideOptions { column: column.map(str::to_owned), prefer: Vec::new() };
        let name = only_column(path, &names, &options)?;
        let at = place(path, schema, &name, || names)?;
        let mask = parquet.leaves(at);
        let groups = parquet.metadata.metadata().row_groups().iter();
        let largest = groups.filter(|group| group.num_rows() > 0).map(|group| {
            let bytes: i64 = mask.iter().map(|leaf| group.column(*leaf).uncompressed_size().max(0)).sum();
            bytes as u64 / group.num_rows() as u64
        });
        let batch_rows = (BATCH_BYTES / largest.max().unwrap_or(1).max(1)).clamp(1, BATCH_ROWS) as usize;
        Ok(BytesColumn { path: path.to_owned(), parquet, at, name, n_rows, batch_rows })
    }

    /// How many rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// The column's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The names of all columns of whole numbers.
    pub fn int_columns(&self) -> Vec<&str> {
        let fields = self.parquet.metadata.schema().fields().iter();
        fields.filter(|field| field.data_type().is_integer()).map(|field| field.name().as_str()).collect()
    }

    /// What the writer noted under `key`.
    pub fn note(&self, key: &str) -> Option<&str> {
        let notes = self.parquet.metadata.metadata().file_metadata().key_value_metadata()?;
        notes.iter().find(|note| note.key == key)?.value.as_deref()
    }

    /// A reader that stands at `row`; row groups before its own are not touched, pages before it are passed over.
    ///
    /// # Errors
    /// As [`BytesReader::next`].
    pub fn reader_from(&self, row: usize) -> Result<BytesReader, Error> {
        let (mut first, mut group) = (0, 0);
        let groups = self.parquet.metadata.metadata().row_groups();
        while group < groups.len() && first + groups[group].num_rows() as usize <= row {
            first += groups[group].num_rows() as usize;
            group += 1;
        }
        let builder = self.parquet.builder(Some(self.at)).with_batch_size(self.batch_rows);
        let builder = builder.with_row_groups((group..groups.len()).collect()).with_offset(row - first);
        let reader = guarded(&self.path, || builder.build().map_err(|e| parquet_error(&self.path, e)))?;
        let batches = Batches::new(self.parquet.file.clone(), reader);
        Ok(BytesReader { path: self.path.clone(), batches, batch: None, in_batch: 0, row, n_rows: self.n_rows })
    }

    /// Whether two rows, the second not before the first, lie in one row group: then reading on is cheaper than a reader
    /// of its own.
    pub fn one_group(&self, first: usize, second: usize) -> bool {
        let mut end = 0;
        let groups = self.parquet.metadata.metadata().row_groups().iter();
        let ends = groups.map(|group| {
            end += group.num_rows() as usize;
            end
        });
        ends.into_iter().find(|end| first < *end).is_some_and(|end| second < end)
    }
}

/// Reads a column of bytes from front to back.
pub struct BytesReader {
    path: PathBuf,
    batches: Batches,
    /// The rows that are decoded.
    batch: Option<ArrayRef>,
    /// The next row in the batch.
    in_batch: usize,
    /// The next row in the file.
    row: usize,
    n_rows: usize,
}

impl std::fmt::Debug for BytesReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at row {} of {}", self.path.display(), self.row, self.n_rows)
    }
}

impl BytesReader {
    /// The row that comes next.
    pub fn row(&self) -> usize {
        self.row
    }

    /// The next row; `None` for a null.
    ///
    /// # Errors
    /// [`Error::Damaged`] after the last row and for what the parser refuses; [`Error::Shrank`], [`Error::Io`].
    #[expect(clippy::should_implement_trait, reason = "an iterator would give no end that is an error")]
    pub fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        self.fill()?;
        let batch = self.batch.as_ref().expect("a batch with rows, or an error");
        let cell = guarded(&self.path, || {
            cell(batch, self.in_batch).ok_or_else(|| Error::damaged(&self.path, "a column changed its type"))
        })?;
        self.in_batch += 1;
        self.row += 1;
        Ok(cell.map(<[u8]>::to_vec))
    }

    /// Passes over rows up to `row`.
    ///
    /// # Errors
    /// As [`BytesReader::next`].
    pub fn skip_to(&mut self, row: usize) -> Result<(), Error> {
        while self.row < row {
            self.fill()?;
            let left = self.batch.as_ref().map_or(0, |batch| batch.len()) - self.in_batch;
            let step = left.min(row - self.row);
            self.in_batch += step;
            self.row += step;
        }
        Ok(())
    }

    /// Makes sure that the next row is in the batch.
    fn fill(&mut self) -> Result<(), Error> {
        if self.batch.as_ref().is_some_and(|batch| self.in_batch < batch.len()) {
            return Ok(());
        }
        self.batch = None;
        let batch = self.batches.next()?;
        let batch = batch.ok_or_else(|| Error::damaged(&self.path, "has fewer rows than it declares"))?;
        (self.batch, self.in_batch) = (Some(batch.column(0).clone()), 0);
        Ok(())
    }
}

/// The columns that hold files.
fn byte_columns(schema: &Schema) -> Vec<String> {
    let fields = schema.fields().iter().filter(|field| match field.data_type() {
        DataType::Struct(fields) => fields.iter().any(|field| field.name() == BYTES && is_bytes(field.data_type())),
        other => is_bytes(other),
    });
    fields.map(|field| field.name().clone()).collect()
}

fn is_bytes(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Binary | DataType::LargeBinary)
}

/// The bytes of one row; the outer `None` for an array of something else.
fn cell(array: &ArrayRef, row: usize) -> Option<Option<&[u8]>> {
    if array.is_null(row) {
        return Some(None);
    }
    match array.data_type() {
        DataType::Binary => Some(Some(array.as_binary::<i32>().value(row))),
        DataType::LargeBinary => Some(Some(array.as_binary::<i64>().value(row))),
        DataType::Struct(_) => cell(array.as_struct().column_by_name(BYTES)?, row),
        _ => None,
    }
}
