//! Texts and pictures of chosen rows of a Parquet file: only their pages are read.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Schema};
use parquet::arrow::arrow_reader::RowSelection;

use crate::columnar::{cell_columns, cells, place};
use crate::file::DataFile;
use crate::guard::guarded;
use crate::parquet::{Batches, ParquetFile, parquet_error};
use crate::side::only_column;
use crate::{Error, Item, SideColumn, SideOptions};

/// Rows decoded at a time: a row with an image in it may be large.
const BATCH_ROWS: usize = 256;

/// The field that holds the file, in columns of images as data sets have them.
pub(crate) const BYTES: &str = "bytes";

/// Reads the items of the rows `rows`, which are sorted, each once.
pub(crate) fn read(file: DataFile, rows: &[usize], options: &SideOptions) -> Result<Vec<Option<Item>>, Error> {
    let parquet = ParquetFile::open(file, false)?;
    let (path, n_rows) = (parquet.file.path(), parquet.n_rows()?);
    let schema = parquet.metadata.schema();
    let name = only_column(path, &item_columns(schema), options)?;
    let at = place(path, schema, &name, || item_columns(schema))?;
    if rows.last().is_some_and(|last| *last >= n_rows) {
        return Err(Error::damaged(path, "has fewer rows than when it was counted"));
    }
    let runs = rows.chunk_by(|a, b| *b == *a + 1).map(|run| run[0]..run[0] + run.len());
    let selection = RowSelection::from_consecutive_ranges(runs, n_rows);
    let builder = parquet.builder(Some(at)).with_batch_size(BATCH_ROWS).with_row_selection(selection);
    let reader = guarded(path, || builder.build().map_err(|e| parquet_error(path, e)))?;
    let mut batches = Batches::new(parquet.file.clone(), reader);
    let mut items = Vec::with_capacity(rows.len());
    while let Some(batch) = batches.next()? {
        let values = batch.column(0);
        guarded(path, || {
            append(values, &mut items).ok_or(()).or_else(|()| {
                // Numbers and dictionaries are texts too.
                items.extend(texts(cells(path, &name, values, items.len())?));
                Ok(())
            })
        })?;
    }
    Ok(items)
}

/// The columns that items can come from.
fn item_columns(schema: &Schema) -> Vec<String> {
    let holds_bytes = |data_type: &DataType| match data_type {
        DataType::Binary | DataType::LargeBinary => true,
        DataType::Struct(fields) => fields.iter().any(|field| {
            field.name() == BYTES && matches!(field.data_type(), DataType::Binary | DataType::LargeBinary)
        }),
        _ => false,
    };
    let plain = cell_columns(schema);
    let fields = schema.fields().iter();
    let wanted = fields.filter(|field| holds_bytes(field.data_type()) || plain.contains(field.name()));
    wanted.map(|field| field.name().clone()).collect()
}

/// Appends bytes and texts; `None` for an array of anything else.
fn append(array: &ArrayRef, items: &mut Vec<Option<Item>>) -> Option<()> {
    let bytes = |value: Option<&[u8]>| value.map(|bytes| Item::Bytes(bytes.to_vec()));
    let text = |value: Option<&str>| value.map(|text| Item::Text(text.to_owned()));
    match array.data_type() {
        DataType::Binary => items.extend(array.as_binary::<i32>().iter().map(bytes)),
        DataType::LargeBinary => items.extend(array.as_binary::<i64>().iter().map(bytes)),
        DataType::Utf8 => items.extend(array.as_string::<i32>().iter().map(text)),
        DataType::LargeUtf8 => items.extend(array.as_string::<i64>().iter().map(text)),
        DataType::Struct(_) => {
            let whole = array.as_struct();
            let first = items.len();
            append(whole.column_by_name(BYTES)?, items)?;
            // A missing struct hides what its fields hold.
            (0..whole.len()).filter(|row| whole.is_null(*row)).for_each(|row| items[first + row] = None);
        }
        _ => return None,
    }
    Some(())
}

fn texts(column: SideColumn) -> Vec<Option<Item>> {
    let texts: Vec<String> = match column {
        SideColumn::Ints(values) => values.iter().map(i64::to_string).collect(),
        SideColumn::Floats(values) => values.iter().map(f64::to_string).collect(),
        SideColumn::Texts(values) => values,
    };
    texts.into_iter().map(|text| Some(Item::Text(text))).collect()
}
