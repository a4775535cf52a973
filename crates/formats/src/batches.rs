//! Arrow record batches that lie in memory: a column of lists as a pool, handed out as it lies.

use std::ops::Range;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, Float64Type, Int8Type, UInt8Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::Schema;
use subsel_kernels::{Block, Dtype, Rows, Values};

use crate::columnar::{Lists, cell_columns, cells, ids, list_column, place};
use crate::concat::Concat;
use crate::guard::guarded;
use crate::matrix::{NARROWED, Scalar, narrowed};
use crate::side::SideColumn;
use crate::source::gather_by_rows;
use crate::{Error, Ids, OpenOptions, Opened, RowSource};

/// Opens the column of embeddings of a table in memory, which messages call `name`. Of the options, `column` and `id_column`
/// count. Lists of f16, f32, i8 and u8 are read where they lie; f64 is narrowed to f32 as it is read.
///
/// # Errors
/// As [`crate::open`] of an Arrow file: no column of lists or several, nulls, lists of different lengths.
pub fn open_batches(
    name: &str,
    schema: &Schema,
    batches: &[RecordBatch],
    options: &OpenOptions,
) -> Result<Opened, Error> {
    let path = Path::new(name);
    let (at, scalar) = list_column(path, schema, options.column.as_deref())?;
    let column = schema.field(at).name();
    let with_rows = || batches.iter().filter(|batch| batch.num_rows() > 0);
    let first = with_rows().next().ok_or_else(|| Error::Empty { path: path.to_owned() })?;
    let mut lists = guarded(path, || Lists::new(path, column, scalar, first.column(at)))?;
    let dim = lists.dim();
    let mut parts: Vec<Box<dyn RowSource>> = Vec::new();
    let mut first_row = 0;
    for batch in with_rows() {
        let values = guarded(path, || lists.flatten(batch.column(at)))?;
        parts.push(Box::new(Chunk { name: name.into(), values, dim, scalar, first_row }));
        first_row += batch.num_rows();
    }
    let ids = options.id_column.as_deref().map(|id| ids_of(path, schema, batches, id)).transpose()?;
    let source = if parts.len() == 1 { parts.remove(0) } else { Box::new(Concat::new(parts)) };
    let notes = if scalar == Scalar::F64 { vec![NARROWED.to_owned()] } else { Vec::new() };
    Ok(Opened { source, ids, parts: Vec::new(), notes })
}

fn ids_of(path: &Path, schema: &Schema, batches: &[RecordBatch], name: &str) -> Result<Ids, Error> {
    let at = place(path, schema, name, || cell_columns(schema))?;
    let mut all: Option<SideColumn> = None;
    for batch in batches {
        let row = all.as_ref().map_or(0, SideColumn::len);
        let values = guarded(path, || cells(path, name, batch.column(at), row))?;
        all = Some(match all {
            None => values,
            Some(all) => SideColumn::appended(all, values),
        });
    }
    ids(path, name, all.unwrap_or(SideColumn::Ints(Vec::new())))
}

/// The rows of one batch: their values, one after the other.
struct Chunk {
    name: String,
    values: ArrayRef,
    dim: usize,
    scalar: Scalar,
    /// The number of its first row in the table.
    first_row: usize,
}

impl RowSource for Chunk {
    fn n_rows(&self) -> usize {
        self.values.len() / self.dim
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn dtype(&self) -> Dtype {
        self.scalar.dtype()
    }

    fn rows<'a>(&'a self, range: Range<usize>, scratch: &'a mut Block) -> Result<Rows<'a>, Error> {
        let place = range.start * self.dim..range.end * self.dim;
        let values = match self.scalar {
            Scalar::Stored(Dtype::F32) => Values::F32(&self.values.as_primitive::<Float32Type>().values()[place]),
            Scalar::Stored(Dtype::I8) => Values::I8(&self.values.as_primitive::<Int8Type>().values()[place]),
            Scalar::Stored(Dtype::U8) => Values::U8(&self.values.as_primitive::<UInt8Type>().values()[place]),
            // Arrow has no bf16, so two bytes are f16.
            Scalar::Stored(_) => Values::F16(&self.values.as_primitive::<Float16Type>().values()[place]),
            Scalar::F64 => {
                let wide = &self.values.as_primitive::<Float64Type>().values()[place];
                let out: &mut [f32] = bytemuck::cast_slice_mut(scratch.bytes_mut(Dtype::F32, wide.len()));
                for (i, (out, value)) in out.iter_mut().zip(wide).enumerate() {
                    *out = narrowed(*value).ok_or_else(|| Error::OutOfRange {
                        path: self.name.clone().into(),
                        row: self.first_row + range.start + i / self.dim,
                        column: i % self.dim,
                        value: *value,
                        dtype: Dtype::F32.name(),
                    })?;
                }
                return Ok(scratch.rows(self.dim));
            }
        };
        Ok(Rows::new(values, self.dim))
    }

    fn gather<'a>(&'a self, rows: &[usize], scratch: &'a mut Block) -> Result<Rows<'a>, Error> {
        gather_by_rows(self, rows, scratch)
    }

    fn lies_in_memory(&self) -> bool {
        self.scalar == Scalar::Stored(Dtype::F32)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::builder::{FixedSizeListBuilder, Float32Builder, Float64Builder, ListBuilder};
    use arrow_array::{Int64Array, StringArray};

    use super::*;

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter(columns).unwrap_or_else(|error| panic!("{error}"))
    }

    fn fixed(rows: &[[f32; 2]]) -> ArrayRef {
        let mut builder = FixedSizeListBuilder::new(Float32Builder::new(), 2);
        for row in rows {
            builder.values().append_slice(row);
            builder.append(true);
        }
        Arc::new(builder.finish())
    }

    fn open(batches: &[RecordBatch], options: &OpenOptions) -> Result<Opened, Error> {
        open_batches("table", &batches[0].schema(), batches, options)
    }

    fn read(opened: &Opened) -> Vec<f32> {
        let mut scratch = Block::default();
        let rows = opened.source.rows(0..opened.source.n_rows(), &mut scratch);
        match rows.unwrap_or_else(|error| panic!("{error}")).values() {
            Values::F32(values) => values.to_vec(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn chunks_are_read_where_they_lie() {
        let ids = |ids: &[i64]| Arc::new(Int64Array::from(ids.to_vec())) as ArrayRef;
        let batches = [
            batch(vec![("id", ids(&[7, 8])), ("v", fixed(&[[1., 2.], [3., 4.]]))]),
            batch(vec![("id", ids(&[9])), ("v", fixed(&[[5., 6.]]))]),
        ];
        let options = OpenOptions { id_column: Some("id".into()), ..OpenOptions::default() };
        let opened = open(&batches, &options).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((opened.source.n_rows(), opened.source.dim()), (3, 2));
        assert_eq!(read(&opened), [1., 2., 3., 4., 5., 6.]);
        assert_eq!(opened.ids, Some(Ids::Int(vec![7, 8, 9])));
        let mut scratch = Block::default();
        let rows = opened.source.gather(&[2, 0], &mut scratch).unwrap_or_else(|error| panic!("{error}"));
        assert!(matches!(rows.values(), Values::F32([5., 6., 1., 2.])));
        // One batch, and a slice of it: no copy.
        let one = batches[0].slice(1, 1);
        let opened =
            open(std::slice::from_ref(&one), &OpenOptions::default()).unwrap_or_else(|error| panic!("{error}"));
        let mut scratch = Block::default();
        let rows = opened.source.rows(0..1, &mut scratch).unwrap_or_else(|error| panic!("{error}"));
        let Values::F32(values) = rows.values() else { panic!("{rows:?}") };
        let stored =
            batches[0].column(1).as_fixed_size_list().values().as_primitive::<Float32Type>().values()[2..].as_ptr();
        assert_eq!(values.as_ptr(), stored);
    }

    #[test]
    fn doubles_are_narrowed_and_what_is_no_matrix_is_refused() {
        let doubles = |rows: &[&[f64]]| {
            let mut builder = ListBuilder::new(Float64Builder::new());
            rows.iter().for_each(|row| builder.append_value(row.iter().map(|value| Some(*value))));
            batch(vec![("v", Arc::new(builder.finish()) as ArrayRef)])
        };
        let opened = open(&[doubles(&[&[0.5, 1.5], &[2.5, 3.5]])], &OpenOptions::default());
        let opened = opened.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(read(&opened), [0.5, 1.5, 2.5, 3.5]);
        assert_eq!(opened.notes, [NARROWED]);
        let far = open(&[doubles(&[&[0.5, 1.5], &[2.5, 1e300]])], &OpenOptions::default());
        let far = far.unwrap_or_else(|error| panic!("{error}"));
        let found = far.source.rows(0..2, &mut Block::default()).err();
        assert!(matches!(found, Some(Error::OutOfRange { row: 1, column: 1, .. })), "{found:?}");
        let ragged = open(&[doubles(&[&[0.5, 1.5], &[2.5]])], &OpenOptions::default()).err();
        assert!(matches!(ragged, Some(Error::Ragged { row: 1, .. })), "{ragged:?}");
        let texts = batch(vec![("t", Arc::new(StringArray::from(vec!["a"])) as ArrayRef)]);
        let refused = open(&[texts], &OpenOptions::default()).err().map(|error| error.to_string());
        assert!(refused.is_some_and(|text| text.contains("no column holds lists")));
    }
}
