//! Picks as a Parquet table: plain columns as they are, facts with names as one struct column.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, StructArray, UInt64Array,
};
use arrow_schema::{ArrowError, Field, Fields, Schema};
use parquet::arrow::ArrowWriter;
use serde_json::Value;

use crate::Error;
use crate::parquet::parquet_error;
use crate::picks::{Column, PicksTable};

/// Writes all columns to `out`, which messages call `path`.
pub(crate) fn write(out: &mut (impl Write + Send), path: &Path, picks: &PicksTable) -> Result<(), Error> {
    let damaged = |e: ArrowError| Error::Shape { what: "picks".into(), detail: e.to_string() };
    let columns: Vec<(Field, ArrayRef)> =
        picks.columns.iter().map(|(name, column)| array(name, column)).collect::<Result<_, _>>().map_err(damaged)?;
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(schema.clone(), arrays).map_err(damaged)?;
    let failed = |e| parquet_error(path, e);
    let mut writer = ArrowWriter::try_new(out, schema, None).map_err(failed)?;
    writer.write(&batch).map_err(failed)?;
    writer.close().map_err(failed)?;
    Ok(())
}

fn array(name: &str, column: &Column) -> Result<(Field, ArrayRef), ArrowError> {
    let array: ArrayRef = match column {
        Column::U64(values) => Arc::new(UInt64Array::from(values.clone())),
        Column::I64(values) => Arc::new(Int64Array::from(values.clone())),
        Column::F64(values) => {
            Arc::new(values.iter().map(|value| (!value.is_nan()).then_some(*value)).collect::<Float64Array>())
        }
        Column::Text(values) => Arc::new(StringArray::from(values.clone())),
        Column::Json { values, .. } => structs(values)?,
    };
    let nullable = matches!(column, Column::F64(_));
    Ok((Field::new(name, array.data_type().clone(), nullable), array))
}

/// Objects as a struct with a nullable field for every name that occurs; other values as JSON text.
fn structs(values: &[Value]) -> Result<ArrayRef, ArrowError> {
    let mut names: Vec<&str> = Vec::new();
    for name in values.iter().filter_map(Value::as_object).flat_map(|object| object.keys()) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    if names.is_empty() || !values.iter().all(Value::is_object) {
        return Ok(Arc::new(values.iter().map(|value| Some(value.to_string())).collect::<StringArray>()));
    }
    let arrays: Vec<ArrayRef> = names.iter().map(|name| field_array(values, name)).collect();
    let fields: Fields =
        names.iter().zip(&arrays).map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    Ok(Arc::new(StructArray::try_new(fields, arrays, None)?))
}

/// One field of all objects: whole numbers, numbers or truth values where all are such, else texts.
fn field_array(values: &[Value], name: &str) -> ArrayRef {
    let cells: Vec<Option<&Value>> =
        values.iter().map(|value| value.get(name).filter(|cell| !cell.is_null())).collect();
    let all = |is: fn(&Value) -> bool| cells.iter().flatten().all(|cell| is(cell));
    if all(Value::is_i64) {
        Arc::new(cells.iter().map(|cell| cell.and_then(Value::as_i64)).collect::<Int64Array>())
    } else if all(Value::is_number) {
        Arc::new(cells.iter().map(|cell| cell.and_then(Value::as_f64)).collect::<Float64Array>())
    } else if all(Value::is_boolean) {
        Arc::new(cells.iter().map(|cell| cell.and_then(Value::as_bool)).collect::<BooleanArray>())
    } else {
        let text = |cell: &Value| cell.as_str().map_or_else(|| cell.to_string(), str::to_owned);
        Arc::new(cells.iter().map(|cell| cell.map(text)).collect::<StringArray>())
    }
}
