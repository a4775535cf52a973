//! Parquet: a column of lists as a pool, streamed row group by row group.
//!
//! Number of rows and type come from the metadata at the end of the file, the dimension from its first row. Lists may be
//! of any of the three kinds, of f16, f32, f64 (narrowed to f32), i8 or u8. Refused: nulls, lists of different lengths,
//! and more rows than a file of its size can mean ([`MAX_ROWS_PER_BYTE`]). The parser is the parquet crate's; it reads
//! by position, lengths checked against the file before memory is reserved, and runs behind a fence against panics.

use std::io::BufReader;
use std::path::Path;

use arrow_array::{Array, ArrayRef, RecordBatch};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use subsel_kernels::Block;

use crate::Error;
use crate::columnar::{Lists, cell_columns, cells, ids, list_column, place};
use crate::file::{Cursor, DataFile};
use crate::guard::guarded;
use crate::matrix::{NARROWED, Scalar, taken_as};
use crate::open::{OpenOptions, Single, SingleRows};
use crate::side::{SideColumn, SideOptions, only_column};
use crate::spool::{RowStream, Shape, block_rows};

/// More rows than this per byte of the file are a lie that would cost memory: even constant rows take more.
const MAX_ROWS_PER_BYTE: u64 = 4096;

/// Rows of a plain column read at a time.
const CELL_ROWS: usize = 1 << 16;

/// A file as the parquet crate reads it.
#[derive(Clone)]
pub(crate) struct Chunks(pub(crate) DataFile);

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl ChunkReader for Chunks {
    type T = BufReader<Cursor>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        Ok(BufReader::new(self.0.section(start, self.0.len())))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        match self.0.read_vec(start, length as u64) {
            Ok(bytes) => Ok(bytes.into()),
            Err(e) => Err(ParquetError::External(Box::new(e))),
        }
    }
}

/// Our own error if it went through the parser, else what the parser says.
pub(crate) fn parquet_error(path: &Path, error: ParquetError) -> Error {
    match error {
        ParquetError::External(inner) => match inner.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(other) => match other.downcast::<std::io::Error>() {
                Ok(source) => Error::io("read or write", path, *source),
                Err(other) => Error::damaged(path, format!("Parquet: {other}")),
            },
        },
        other => Error::damaged(path, format!("Parquet: {other}")),
    }
}

fn arrow_error(path: &Path, error: arrow_schema::ArrowError) -> Error {
    match error {
        arrow_schema::ArrowError::ExternalError(inner) => match inner.downcast::<ParquetError>() {
            Ok(inner) => parquet_error(path, *inner),
            Err(other) => Error::damaged(path, format!("Parquet: {other}")),
        },
        other => Error::damaged(path, format!("Parquet: {other}")),
    }
}

/// An open file with its metadata read.
pub(crate) struct ParquetFile {
    pub(crate) file: DataFile,
    pub(crate) metadata: ArrowReaderMetadata,
}

impl ParquetFile {
    /// Reads the metadata. `with_hints`: also the Arrow schema that writers store, which [`crate::take()`] keeps and
    /// which reading values does without.
    pub(crate) fn open(file: DataFile, with_hints: bool) -> Result<Self, Error> {
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(!with_hints);
        let metadata = guarded(file.path(), || {
            ArrowReaderMetadata::load(&Chunks(file.clone()), options).map_err(|e| parquet_error(file.path(), e))
        })?;
        Ok(ParquetFile { file, metadata })
    }

    /// The number of rows, which the row groups confirm.
    pub(crate) fn n_rows(&self) -> Result<usize, Error> {
        let metadata = self.metadata.metadata();
        let declared = metadata.file_metadata().num_rows();
        let in_groups = metadata
            .row_groups()
            .iter()
            .try_fold(0i64, |sum, group| sum.checked_add(group.num_rows()).filter(|_| group.num_rows() >= 0));
        let possible = self.file.len().saturating_mul(MAX_ROWS_PER_BYTE);
        match usize::try_from(declared) {
            Ok(n_rows) if in_groups == Some(declared) && n_rows as u64 <= possible => Ok(n_rows),
            _ => {
                let detail =
                    format!("declares {declared} rows, its row groups {in_groups:?}, in {} bytes", self.file.len());
                Err(Error::damaged(self.file.path(), detail))
            }
        }
    }

    /// A reader of whole rows or of one column, to be built behind [`guarded`].
    pub(crate) fn builder(&self, column: Option<usize>) -> ParquetRecordBatchReaderBuilder<Chunks> {
        let builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(Chunks(self.file.clone()), self.metadata.clone());
        match column {
            Some(at) => {
                let mask = ProjectionMask::roots(self.metadata.parquet_schema(), [at]);
                builder.with_projection(mask)
            }
            None => builder,
        }
    }

    /// The leaves of the column at `at`.
    pub(crate) fn leaves(&self, at: usize) -> Vec<usize> {
        let schema = self.metadata.parquet_schema();
        (0..schema.num_columns()).filter(|leaf| schema.get_column_root_idx(*leaf) == at).collect()
    }

    /// Batches of one column.
    fn column(&self, at: usize, batch_rows: usize, limit: Option<usize>) -> Result<Batches, Error> {
        let mut builder = self.builder(Some(at)).with_batch_size(batch_rows);
        if let Some(limit) = limit {
            builder = builder.with_limit(limit);
        }
        let path = self.file.path();
        let reader = guarded(path, || builder.build().map_err(|e| parquet_error(path, e)))?;
        Ok(Batches { file: self.file.clone(), reader })
    }

    fn column_name(&self, at: usize) -> &str {
        self.metadata.schema().field(at).name()
    }

    /// All values of a plain column.
    fn read_cells(&self, at: usize) -> Result<SideColumn, Error> {
        let (path, name) = (self.file.path(), self.column_name(at));
        let mut batches = self.column(at, CELL_ROWS, None)?;
        let mut all = None;
        let mut row = 0;
        while let Some(array) = batches.next_array()? {
            let values = guarded(path, || cells(path, name, &array, row))?;
            row += array.len();
            all = Some(match all {
                None => values,
                Some(all) => SideColumn::appended(all, values),
            });
        }
        Ok(all.unwrap_or(SideColumn::Ints(Vec::new())))
    }
}

/// Batches of a reader, each behind the fence.
pub(crate) struct Batches {
    file: DataFile,
    reader: ParquetRecordBatchReader,
}

impl Batches {
    pub(crate) fn new(file: DataFile, reader: ParquetRecordBatchReader) -> Self {
        Batches { file, reader }
    }

    /// The next batch with rows in it.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>, Error> {
        let path = self.file.path();
        loop {
            let batch = guarded(path, || self.reader.next().transpose().map_err(|e| arrow_error(path, e)))?;
            match batch {
                Some(batch) if batch.num_rows() == 0 => {}
                batch => return Ok(batch),
            }
        }
    }

    /// The next batch of a reader of one column.
    fn next_array(&mut self) -> Result<Option<ArrayRef>, Error> {
        Ok(self.next()?.map(|batch| batch.column(0).clone()))
    }
}

/// Opens the column of embeddings of a file.
pub(crate) fn open(file: DataFile, options: &OpenOptions) -> Result<Single, Error> {
    let parquet = ParquetFile::open(file, false)?;
    let path = parquet.file.path().to_owned();
    let (at, scalar) = list_column(&path, parquet.metadata.schema(), options.column.as_deref())?;
    let scalar = taken_as(&path, scalar, options.dtype)?;
    let n_rows = parquet.n_rows()?;
    let first = parquet.column(at, 1, Some(1))?.next_array()?.ok_or_else(|| Error::Empty { path: path.clone() })?;
    let dim = Lists::new(&path, parquet.column_name(at), scalar, &first)?.dim();
    let found_ids = match &options.id_column {
        Some(name) => Some(id_column(&parquet, name, n_rows)?),
        None => None,
    };
    let shape = Shape { n_rows, dim, dtype: scalar.dtype() };
    let notes = if scalar == Scalar::F64 { vec![NARROWED.to_owned()] } else { Vec::new() };
    // Reopened by path when its turn comes: a thousand shards are not a thousand open files.
    let open = move || Ok(Box::new(ParquetStream::open(&path, at, scalar, shape)?) as _);
    Ok(Single { rows: SingleRows::Stream(shape, Box::new(open)), ids: found_ids, notes })
}

fn id_column(parquet: &ParquetFile, name: &str, n_rows: usize) -> Result<crate::Ids, Error> {
    let path = parquet.file.path();
    let schema = parquet.metadata.schema();
    let at = place(path, schema, name, || cell_columns(schema))?;
    let found = ids(path, name, parquet.read_cells(at)?)?;
    if found.len() != n_rows {
        return Err(Error::damaged(path, format!("column `{name}` has {} values of {n_rows}", found.len())));
    }
    Ok(found)
}

/// The rows of a column of lists from front to back.
struct ParquetStream {
    batches: Batches,
    lists: Lists,
}

impl ParquetStream {
    fn open(path: &Path, at: usize, scalar: Scalar, shape: Shape) -> Result<Self, Error> {
        let parquet = ParquetFile::open(DataFile::open(path)?, false)?;
        if parquet.n_rows()? != shape.n_rows || at >= parquet.metadata.schema().fields().len() {
            return Err(Error::damaged(path, "changed since it was opened"));
        }
        let first = parquet.column(at, 1, Some(1))?.next_array()?;
        let first = first.ok_or_else(|| Error::damaged(path, "changed since it was opened"))?;
        let lists = Lists::new(path, parquet.column_name(at), scalar, &first)?;
        let batches = parquet.column(at, block_rows(shape.dim, shape.dtype), None)?;
        Ok(ParquetStream { batches, lists })
    }
}

impl RowStream for ParquetStream {
    fn next_block(&mut self, out: &mut Block) -> Result<bool, Error> {
        let Some(array) = self.batches.next_array()? else {
            return Ok(false);
        };
        let path = self.batches.file.path();
        guarded(path, || self.lists.read(&array, out))?;
        Ok(true)
    }
}

/// A column of a side file.
pub(crate) fn read_column(file: DataFile, options: &SideOptions) -> Result<(String, SideColumn), Error> {
    let parquet = ParquetFile::open(file, false)?;
    let schema = parquet.metadata.schema();
    let name = only_column(parquet.file.path(), &cell_columns(schema), options)?;
    let at = place(parquet.file.path(), schema, &name, || cell_columns(schema))?;
    let values = parquet.read_cells(at)?;
    Ok((name, values))
}

/// All values of a column of lists, and the length of its lists.
pub(crate) fn read_lists(file: DataFile, column: Option<&str>) -> Result<(Vec<f64>, usize), Error> {
    let parquet = ParquetFile::open(file, false)?;
    let path = parquet.file.path();
    let (at, scalar) = list_column(path, parquet.metadata.schema(), column)?;
    let name = parquet.column_name(at);
    let mut batches = parquet.column(at, CELL_ROWS, None)?;
    let mut lists = None;
    let mut all = Vec::new();
    while let Some(array) = batches.next_array()? {
        guarded(path, || {
            if lists.is_none() {
                lists = Some(Lists::new(path, name, scalar, &array)?);
            }
            let values = lists.as_mut().expect("made just above").flatten(&array)?;
            all.extend(cells(path, name, &values, 0)?.into_floats());
            Ok(())
        })?;
    }
    let lists = lists.ok_or_else(|| Error::Empty { path: path.to_owned() })?;
    Ok((all, lists.dim()))
}
