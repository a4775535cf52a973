//! What Parquet and Arrow IPC share: finding a column of lists, and turning Arrow arrays into rows and cells.

use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Schema};
use subsel_kernels::{Block, Dtype};

use crate::matrix::{Scalar, narrowed};
use crate::side::SideColumn;
use crate::{Error, Ids};

/// The type of the values of a list column that can be embeddings.
fn scalar_of(list: &DataType) -> Option<Scalar> {
    match element_of(list)? {
        DataType::Float16 => Some(Scalar::Stored(Dtype::F16)),
        DataType::Float32 => Some(Scalar::Stored(Dtype::F32)),
        DataType::Float64 => Some(Scalar::F64),
        DataType::Int8 => Some(Scalar::Stored(Dtype::I8)),
        DataType::UInt8 => Some(Scalar::Stored(Dtype::U8)),
        _ => None,
    }
}

fn element_of(list: &DataType) -> Option<&DataType> {
    match list {
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            Some(field.data_type())
        }
        _ => None,
    }
}

/// The column of embeddings: the one named, or the only one there is.
pub(crate) fn list_column(path: &Path, schema: &Schema, column: Option<&str>) -> Result<(usize, Scalar), Error> {
    let fields = schema.fields();
    let lists: Vec<usize> = (0..fields.len()).filter(|at| scalar_of(fields[*at].data_type()).is_some()).collect();
    let names = || lists.iter().map(|at| fields[*at].name().clone()).collect::<Vec<_>>();
    let at = match column {
        Some(name) => place(path, schema, name, names)?,
        None => match lists[..] {
            [at] => at,
            [] => {
                let what = "no column holds lists of numbers (f16, f32, f64, i8 or u8)";
                return Err(Error::unsupported(
                    path,
                    what,
                    "embeddings are one list of numbers per row; this file has none",
                ));
            }
            _ => {
                return Err(Error::AmbiguousColumn { path: path.to_owned(), kind: "column", candidates: names() });
            }
        },
    };
    let data_type = fields[at].data_type();
    let scalar = scalar_of(data_type).ok_or_else(|| {
        let what = format!(
            "column `{}` holds {data_type}; embeddings are lists of f16, f32, f64, i8 or u8",
            fields[at].name()
        );
        let others = names();
        let hint = match others.is_empty() {
            true => "convert it to lists of float".to_owned(),
            false => format!("columns of lists: {}", others.join(", ")),
        };
        Error::unsupported(path, what, hint)
    })?;
    Ok((at, scalar))
}

/// The place of the column called `name`.
pub(crate) fn place(
    path: &Path,
    schema: &Schema,
    name: &str,
    candidates: impl FnOnce() -> Vec<String>,
) -> Result<usize, Error> {
    schema.fields().iter().position(|field| field.name() == name).ok_or_else(|| Error::NoSuchColumn {
        path: path.to_owned(),
        kind: "column",
        name: name.to_owned(),
        candidates: candidates(),
    })
}

/// The names of the columns whose values [`cells`] can read.
pub(crate) fn cell_columns(schema: &Schema) -> Vec<String> {
    let plain = |data_type: &DataType| {
        data_type.is_integer()
            || data_type.is_floating()
            || matches!(data_type, DataType::Boolean | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
            || matches!(data_type, DataType::Dictionary(_, _))
    };
    schema.fields().iter().filter(|field| plain(field.data_type())).map(|field| field.name().clone()).collect()
}

/// A column of lists on its way to rows: all of one length, without nulls.
pub(crate) struct Lists {
    path: PathBuf,
    column: String,
    scalar: Scalar,
    dim: usize,
    next_row: usize,
}

impl Lists {
    /// A column whose first row is the first of `array`.
    pub(crate) fn new(path: &Path, column: &str, scalar: Scalar, array: &dyn Array) -> Result<Self, Error> {
        let mut lists = Lists { path: path.to_owned(), column: column.to_owned(), scalar, dim: 0, next_row: 0 };
        if array.is_null(0) {
            return Err(lists.null(0));
        }
        lists.dim = lengths(array).next().unwrap_or(0);
        if lists.dim == 0 {
            return Err(Error::damaged(path, format!("row 0 of column `{column}` is an empty list")));
        }
        Ok(lists)
    }

    /// Values per row.
    pub(crate) fn dim(&self) -> usize {
        self.dim
    }

    fn null(&self, row: usize) -> Error {
        Error::Null { path: self.path.clone(), column: self.column.clone(), row }
    }

    /// The values of the next rows, one after the other, once it is certain that they make rows of one length.
    pub(crate) fn flatten(&mut self, array: &dyn Array) -> Result<ArrayRef, Error> {
        let first = self.next_row;
        if array.null_count() > 0 {
            let row = (0..array.len()).find(|row| array.is_null(*row)).unwrap_or(0);
            return Err(self.null(first + row));
        }
        if let Some((row, found)) = lengths(array).enumerate().find(|(_, len)| *len != self.dim) {
            return Err(Error::Ragged { path: self.path.clone(), row: first + row, expected: self.dim, found });
        }
        let values = match array.data_type() {
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                let start = list.value_offsets().first().map_or(0, |offset| *offset as usize);
                list.values().slice(start, array.len() * self.dim)
            }
            DataType::LargeList(_) => {
                let list = array.as_list::<i64>();
                let start = list.value_offsets().first().map_or(0, |offset| *offset as usize);
                list.values().slice(start, array.len() * self.dim)
            }
            // Slices of fixed-size lists already cut their values.
            _ => array.as_fixed_size_list().values().slice(0, array.len() * self.dim),
        };
        if values.null_count() > 0 {
            let at = (0..values.len()).find(|at| values.is_null(*at)).unwrap_or(0);
            return Err(self.null(first + at / self.dim));
        }
        self.next_row += array.len();
        Ok(values)
    }

    /// Replaces `out` by the next rows.
    pub(crate) fn read(&mut self, array: &dyn Array, out: &mut Block) -> Result<(), Error> {
        let first = self.next_row;
        let values = self.flatten(array)?;
        let bytes = out.bytes_mut(self.scalar.dtype(), values.len());
        match self.scalar {
            Scalar::Stored(Dtype::F32) => copy::<Float32Type>(&values, bytes),
            Scalar::Stored(Dtype::I8) => copy::<Int8Type>(&values, bytes),
            Scalar::Stored(Dtype::U8) => copy::<UInt8Type>(&values, bytes),
            // Arrow has no bf16, so two bytes are f16.
            Scalar::Stored(_) => copy::<Float16Type>(&values, bytes),
            Scalar::F64 => {
                let out: &mut [f32] = bytemuck::cast_slice_mut(bytes);
                for (i, (out, value)) in out.iter_mut().zip(values.as_primitive::<Float64Type>().values()).enumerate() {
                    *out = narrowed(*value).ok_or_else(|| Error::OutOfRange {
                        path: self.path.clone(),
                        row: first + i / self.dim,
                        column: i % self.dim,
                        value: *value,
                        dtype: Dtype::F32.name(),
                    })?;
                }
            }
        }
        Ok(())
    }
}

fn copy<T: ArrowPrimitiveType>(values: &ArrayRef, out: &mut [u8])
where
    T::Native: bytemuck::NoUninit,
{
    out.copy_from_slice(bytemuck::cast_slice(values.as_primitive::<T>().values()));
}

/// The length of each list of a column.
fn lengths(array: &dyn Array) -> Box<dyn Iterator<Item = usize> + '_> {
    match array.data_type() {
        DataType::List(_) => Box::new(array.as_list::<i32>().offsets().lengths()),
        DataType::LargeList(_) => Box::new(array.as_list::<i64>().offsets().lengths()),
        DataType::FixedSizeList(_, len) => Box::new(std::iter::repeat_n(*len as usize, array.len())),
        _ => Box::new(std::iter::empty()),
    }
}

/// The values of a column that is a list of numbers or texts; `first_row` is the number of its first row.
pub(crate) fn cells(path: &Path, column: &str, array: &ArrayRef, first_row: usize) -> Result<SideColumn, Error> {
    if let Some(dictionary) = array.as_any_dictionary_opt() {
        let plain = arrow_select::take::take(dictionary.values().as_ref(), dictionary.keys(), None)
            .map_err(|e| Error::damaged(path, format!("column `{column}`: {e}")))?;
        return cells(path, column, &plain, first_row);
    }
    if array.logical_null_count() > 0 {
        let nulls = array.logical_nulls();
        let row = nulls.and_then(|nulls| nulls.iter().position(|valid| !valid)).unwrap_or(0);
        return Err(Error::Null { path: path.to_owned(), column: column.to_owned(), row: first_row + row });
    }
    fn ints<T: ArrowPrimitiveType>(array: &ArrayRef) -> SideColumn
    where
        T::Native: Into<i64>,
    {
        SideColumn::Ints(array.as_primitive::<T>().values().iter().map(|value| (*value).into()).collect())
    }
    Ok(match array.data_type() {
        DataType::Int8 => ints::<Int8Type>(array),
        DataType::Int16 => ints::<Int16Type>(array),
        DataType::Int32 => ints::<Int32Type>(array),
        DataType::Int64 => ints::<Int64Type>(array),
        DataType::UInt8 => ints::<UInt8Type>(array),
        DataType::UInt16 => ints::<UInt16Type>(array),
        DataType::UInt32 => ints::<UInt32Type>(array),
        DataType::UInt64 => {
            let values = array.as_primitive::<UInt64Type>().values().iter();
            let signed = values.enumerate().map(|(row, value)| {
                i64::try_from(*value).map_err(|_| {
                    let row = first_row + row;
                    Error::damaged(
                        path,
                        format!("column `{column}`, row {row}: {value} is beyond 64-bit signed numbers"),
                    )
                })
            });
            SideColumn::Ints(signed.collect::<Result<_, _>>()?)
        }
        DataType::Boolean => {
            let values = array.as_boolean();
            SideColumn::Ints((0..values.len()).map(|row| i64::from(values.value(row))).collect())
        }
        DataType::Float16 => {
            SideColumn::Floats(array.as_primitive::<Float16Type>().values().iter().map(|v| v.to_f64()).collect())
        }
        DataType::Float32 => {
            SideColumn::Floats(array.as_primitive::<Float32Type>().values().iter().map(|v| f64::from(*v)).collect())
        }
        DataType::Float64 => SideColumn::Floats(array.as_primitive::<Float64Type>().values().to_vec()),
        DataType::Utf8 => SideColumn::Texts(array.as_string::<i32>().iter().flatten().map(str::to_owned).collect()),
        DataType::LargeUtf8 => {
            SideColumn::Texts(array.as_string::<i64>().iter().flatten().map(str::to_owned).collect())
        }
        DataType::Utf8View => SideColumn::Texts(array.as_string_view().iter().flatten().map(str::to_owned).collect()),
        other => {
            let what = format!("column `{column}` holds {other}, which is neither numbers nor text");
            return Err(Error::unsupported(path, what, "`--column` names another one"));
        }
    })
}

/// Ids from the values of a column.
pub(crate) fn ids(path: &Path, column: &str, values: SideColumn) -> Result<Ids, Error> {
    match values {
        SideColumn::Ints(ids) => Ok(Ids::Int(ids)),
        SideColumn::Texts(ids) => Ok(Ids::Text(ids)),
        SideColumn::Floats(_) => {
            let what = format!("column `{column}` holds floating-point numbers, which are no ids");
            Err(Error::unsupported(path, what, "ids are whole numbers or texts"))
        }
    }
}
