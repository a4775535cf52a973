//! Tables of other libraries (pyarrow, polars, pandas) by the Arrow C stream interface, without a copy.

use std::ffi::CStr;
use std::sync::Arc;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi_and_data_type};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{Array, RecordBatch, StructArray, make_array};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use subsel_formats::{OpenOptions, Opened, open_batches};

use crate::error::raised;

/// Opens what `__arrow_c_stream__` of an object gives: a table, or one column.
pub(crate) fn open(
    table: &Bound<'_, PyAny>,
    what: &str,
    column: Option<String>,
    id_column: Option<String>,
) -> PyResult<Opened> {
    let (schema, batches) = batches(table, what)?;
    let options = OpenOptions { column, id_column, ..OpenOptions::default() };
    open_batches(what, &schema, &batches, &options).map_err(|error| raised(error.into()))
}

const NAME: &CStr = c"arrow_array_stream";

fn batches(table: &Bound<'_, PyAny>, what: &str) -> PyResult<(Schema, Vec<RecordBatch>)> {
    let capsule = table.call_method0("__arrow_c_stream__")?;
    let capsule = capsule
        .cast::<PyCapsule>()
        .map_err(|_| PyTypeError::new_err(format!("{what}: `__arrow_c_stream__` gave no capsule")))?;
    let pointer = capsule.pointer_checked(Some(NAME))?;
    // SAFETY: a capsule of this name holds a stream, by the Arrow PyCapsule interface; taking it out leaves an empty one.
    #[allow(unsafe_code)]
    let mut stream = unsafe { FFI_ArrowArrayStream::from_raw(pointer.as_ptr().cast()) };
    read(&mut stream).map_err(|error| PyValueError::new_err(format!("{what}: {error}")))
}

/// All batches of a stream. One whose elements are no structs is a table of one column, without a name.
fn read(stream: &mut FFI_ArrowArrayStream) -> Result<(Schema, Vec<RecordBatch>), ArrowError> {
    let broken = |what: &str| ArrowError::CDataInterface(what.to_owned());
    let (Some(get_schema), Some(get_next)) = (stream.get_schema, stream.get_next) else {
        return Err(broken("the stream was read already"));
    };
    let mut schema = FFI_ArrowSchema::empty();
    // SAFETY: the stream is live, and its callback fills a schema that is empty.
    #[allow(unsafe_code)]
    let code = unsafe { get_schema(stream, &mut schema) };
    if code != 0 {
        return Err(broken(&format!("the stream has no schema (error {code})")));
    }
    let data_type = DataType::try_from(&schema)?;
    let of_batch = match &data_type {
        DataType::Struct(fields) => Schema::new(fields.clone()),
        single => Schema::new(vec![Field::new(schema.name().unwrap_or_default(), single.clone(), true)]),
    };
    let shared = Arc::new(of_batch.clone());
    let mut batches = Vec::new();
    loop {
        let mut array = FFI_ArrowArray::empty();
        // SAFETY: the stream is live, and its callback fills an array that is empty.
        #[allow(unsafe_code)]
        let code = unsafe { get_next(stream, &mut array) };
        if code != 0 {
            return Err(broken(&format!("the stream broke off (error {code})")));
        }
        if array.is_released() {
            return Ok((of_batch, batches));
        }
        // SAFETY: the array came with this type from the same stream.
        #[allow(unsafe_code)]
        let data = unsafe { from_ffi_and_data_type(array, data_type.clone()) }?;
        batches.push(match &data_type {
            DataType::Struct(_) => {
                let rows = StructArray::from(data);
                if rows.null_count() > 0 {
                    return Err(broken("a row is null"));
                }
                RecordBatch::from(rows).with_schema(Arc::clone(&shared))?
            }
            _ => RecordBatch::try_new(Arc::clone(&shared), vec![make_array(data)])?,
        });
    }
}
