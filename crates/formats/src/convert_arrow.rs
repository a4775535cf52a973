//! Writing a pool as Parquet or Arrow IPC: a column `embedding` of fixed-size lists, and `id` where there are ids.

use std::sync::Arc;

use arrow_array::types::{Float16Type, Float32Type, Int8Type, UInt8Type};
use arrow_array::{ArrayRef, FixedSizeListArray, Int64Array, PrimitiveArray, RecordBatch, StringArray};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use subsel_kernels::{Dtype, Rows, Values};

use crate::parquet::parquet_error;
use crate::{AtomicFile, Error, Ids};

/// A file of either format being written.
pub(crate) struct Writer {
    schema: SchemaRef,
    item: Arc<Field>,
    /// Rows in a batch of Arrow; Parquet cuts its row groups itself.
    batch_rows: usize,
    out: Out,
}

enum Out {
    Parquet(Box<ArrowWriter<AtomicFile>>),
    Ipc(Box<FileWriter<AtomicFile>>),
}

impl Writer {
    /// Starts a file whose row groups or batches have `group_rows` rows.
    pub(crate) fn new(
        file: AtomicFile,
        is_parquet: bool,
        dtype: Dtype,
        dim: usize,
        ids: Option<&Ids>,
        group_rows: usize,
    ) -> Result<Self, Error> {
        let path = file.path().to_owned();
        let list_len = i32::try_from(dim).map_err(|_| {
            let hint = "write npy or safetensors";
            Error::unsupported(&path, format!("rows of {dim} values are too long for a list of Arrow"), hint)
        })?;
        let item = Arc::new(Field::new("item", element(dtype), false));
        let mut fields = vec![Field::new("embedding", DataType::FixedSizeList(item.clone(), list_len), false)];
        match ids {
            Some(Ids::Int(_)) => fields.insert(0, Field::new("id", DataType::Int64, false)),
            Some(Ids::Text(_)) => fields.insert(0, Field::new("id", DataType::Utf8, false)),
            None => {}
        }
        let schema = Arc::new(Schema::new(fields));
        let out = if is_parquet {
            // Embeddings hardly repeat: a dictionary or bounds of them would only take room.
            let column = ColumnPath::new(["embedding", "list", "item"].map(str::to_owned).to_vec());
            let properties = WriterProperties::builder()
                .set_max_row_group_row_count(Some(group_rows))
                .set_column_dictionary_enabled(column.clone(), false)
                .set_column_statistics_enabled(column, EnabledStatistics::None)
                .build();
            let writer = ArrowWriter::try_new(file, schema.clone(), Some(properties));
            Out::Parquet(Box::new(writer.map_err(|e| parquet_error(&path, e))?))
        } else {
            let writer = FileWriter::try_new(file, &schema);
            Out::Ipc(Box::new(writer.map_err(|e| arrow_error(&path, e))?))
        };
        Ok(Writer { schema, item, batch_rows: group_rows, out })
    }

    /// Appends rows, the first of which is row `first_row` of the pool.
    pub(crate) fn push(&mut self, rows: Rows<'_>, first_row: usize, ids: Option<&Ids>) -> Result<(), Error> {
        for start in (0..rows.len()).step_by(self.batch_rows) {
            let piece = rows.slice(start..(start + self.batch_rows).min(rows.len()));
            self.push_batch(piece, first_row + start, ids)?;
        }
        Ok(())
    }

    fn push_batch(&mut self, rows: Rows<'_>, first_row: usize, ids: Option<&Ids>) -> Result<(), Error> {
        let span = first_row..first_row + rows.len();
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(2);
        match ids {
            Some(Ids::Int(ids)) => columns.push(Arc::new(Int64Array::from(ids[span].to_vec()))),
            Some(Ids::Text(ids)) => columns.push(Arc::new(StringArray::from(ids[span].to_vec()))),
            None => {}
        }
        let values = values_array(rows.values());
        let path = self.path();
        let failed = |e: ArrowError| arrow_error(&path, e);
        let lists = FixedSizeListArray::try_new(self.item.clone(), rows.dim() as i32, values, None).map_err(failed)?;
        columns.push(Arc::new(lists));
        let batch = RecordBatch::try_new(self.schema.clone(), columns).map_err(failed)?;
        match &mut self.out {
            Out::Parquet(writer) => writer.write(&batch).map_err(|e| parquet_error(&path, e)),
            Out::Ipc(writer) => writer.write(&batch).map_err(failed),
        }
    }

    fn path(&self) -> std::path::PathBuf {
        match &self.out {
            Out::Parquet(writer) => writer.inner().path().to_owned(),
            Out::Ipc(writer) => writer.get_ref().path().to_owned(),
        }
    }

    /// Gives the file its name.
    pub(crate) fn finish(self) -> Result<(), Error> {
        let path = self.path();
        let file = match self.out {
            Out::Parquet(writer) => writer.into_inner().map_err(|e| parquet_error(&path, e))?,
            Out::Ipc(writer) => writer.into_inner().map_err(|e| arrow_error(&path, e))?,
        };
        file.commit()
    }
}

/// A type as Arrow names it. bf16, which it lacks, was widened to f32 before.
fn element(dtype: Dtype) -> DataType {
    match dtype {
        Dtype::F32 | Dtype::Bf16 => DataType::Float32,
        Dtype::F16 => DataType::Float16,
        Dtype::I8 => DataType::Int8,
        Dtype::U8 => DataType::UInt8,
    }
}

fn values_array(values: Values<'_>) -> ArrayRef {
    match values {
        Values::F32(values) => Arc::new(PrimitiveArray::<Float32Type>::from_iter_values(values.iter().copied())),
        Values::F16(values) => Arc::new(PrimitiveArray::<Float16Type>::from_iter_values(values.iter().copied())),
        Values::I8(values) => Arc::new(PrimitiveArray::<Int8Type>::from_iter_values(values.iter().copied())),
        Values::U8(values) => Arc::new(PrimitiveArray::<UInt8Type>::from_iter_values(values.iter().copied())),
        Values::Bf16(values) => {
            Arc::new(PrimitiveArray::<Float32Type>::from_iter_values(values.iter().map(|value| value.to_f32())))
        }
    }
}

fn arrow_error(path: &std::path::Path, error: ArrowError) -> Error {
    match error {
        ArrowError::IoError(_, source) => Error::io("write", path, source),
        other => Error::damaged(path, format!("Arrow: {other}")),
    }
}
