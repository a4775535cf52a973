//! Arrays of other owners as pools: read where they lie, whatever their layout.

use std::ops::Range;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use subsel_formats::{Error, Opened, RowSource, gather_by_rows};
use subsel_kernels::{Block, Dtype, Rows, Values};

/// How one number lies in an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    /// A type that kernels take.
    Stored(Dtype),
    /// Others are handed out as `f32`.
    F64,
    I16,
    I32,
    I64,
    U16,
    U32,
    U64,
}

impl Number {
    /// Of a type string of the array interface, such as `<f4`.
    fn of(typestr: &str, is_bf16: bool) -> Option<Self> {
        let native = if cfg!(target_endian = "little") { ['<', '|', '='] } else { ['>', '|', '='] };
        let (order, kind) = typestr.split_at_checked(1)?;
        if !order.starts_with(native) {
            return None;
        }
        Some(match kind {
            "i2" | "u2" | "V2" if is_bf16 => Number::Stored(Dtype::Bf16),
            "f2" => Number::Stored(Dtype::F16),
            "f4" => Number::Stored(Dtype::F32),
            "f8" => Number::F64,
            "i1" => Number::Stored(Dtype::I8),
            "u1" | "b1" => Number::Stored(Dtype::U8),
            "i2" => Number::I16,
            "i4" => Number::I32,
            "i8" => Number::I64,
            "u2" => Number::U16,
            "u4" => Number::U32,
            "u8" => Number::U64,
            _ => return None,
        })
    }

    fn size(self) -> usize {
        match self {
            Number::Stored(dtype) => dtype.size(),
            Number::I16 | Number::U16 => 2,
            Number::I32 | Number::U32 => 4,
            Number::F64 | Number::I64 | Number::U64 => 8,
        }
    }

    fn dtype(self) -> Dtype {
        match self {
            Number::Stored(dtype) => dtype,
            _ => Dtype::F32,
        }
    }
}

/// A matrix that lies in the memory of a Python object.
///
/// Whoever writes to the object while it is read gets picks of neither the old nor the new values, as with any other reader
/// of a shared array.
pub(crate) struct ArraySource {
    /// Keeps the memory alive.
    _owner: Py<PyAny>,
    base: *const u8,
    n_rows: usize,
    dim: usize,
    row_stride: isize,
    column_stride: isize,
    number: Number,
}

// SAFETY: the memory is read only, and lives as long as its owner, which is kept.
#[allow(unsafe_code)]
unsafe impl Send for ArraySource {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl Sync for ArraySource {}

impl ArraySource {
    /// The array behind `__array_interface__` of an object; `what` it is, for messages. `bf16` says that two bytes are
    /// bfloat16, which numpy has no type for.
    pub(crate) fn new(array: &Bound<'_, PyAny>, what: &str, bf16: bool) -> PyResult<Self> {
        let interface = array.getattr("__array_interface__")?;
        let interface = interface.cast::<PyDict>()?;
        let field = |name: &str| {
            interface.get_item(name)?.ok_or_else(|| PyTypeError::new_err(format!("{what}: the array has no {name}")))
        };
        let typestr: String = field("typestr")?.extract()?;
        let shape: Vec<usize> = field("shape")?.extract()?;
        let number = Number::of(&typestr, bf16).ok_or_else(|| {
            PyValueError::new_err(format!("{what} must hold numbers (float, int or bool), got dtype `{typestr}`"))
        })?;
        let [n_rows, dim] = shape[..] else {
            let hint = match shape.len() {
                1 => "; reshape(-1, 1) makes a column of one axis",
                _ => "; reshape(len(X), -1) makes rows of the other axes",
            };
            return Err(PyValueError::new_err(format!("{what} must have two axes (n, d), got shape {shape:?}{hint}")));
        };
        if dim == 0 {
            // In the words of scikit-learn, whose checks look for them.
            let text = format!(
                "{what} has 0 feature(s) (shape=({n_rows}, 0)) while a minimum of 1 is required: rows need columns"
            );
            return Err(PyValueError::new_err(text));
        }
        let (address, _read_only): (usize, bool) = field("data")?.extract()?;
        let size = number.size() as isize;
        let strides: Option<(isize, isize)> = match interface.get_item("strides")? {
            Some(strides) if !strides.is_none() => Some(strides.extract()?),
            _ => None,
        };
        let (row_stride, column_stride) = strides.unwrap_or((dim as isize * size, size));
        Ok(ArraySource {
            _owner: array.clone().unbind(),
            base: address as *const u8,
            n_rows,
            dim,
            row_stride,
            column_stride,
            number,
        })
    }

    /// The same as an opened pool.
    pub(crate) fn opened(self) -> Opened {
        let notes = match self.number {
            Number::Stored(_) => Vec::new(),
            Number::F64 => vec!["f64 values are narrowed to f32".to_owned()],
            _ => vec!["whole numbers are taken as f32".to_owned()],
        };
        Opened { source: Box::new(self), ids: None, parts: Vec::new(), notes }
    }

    /// Whether rows lie one after the other, and values within them.
    fn is_contiguous(&self) -> bool {
        let size = self.number.size();
        self.column_stride == size as isize
            && self.row_stride == (self.dim * size) as isize
            && (self.base as usize).is_multiple_of(size)
    }

    /// The address of a value.
    fn at(&self, row: usize, column: usize) -> *const u8 {
        self.base.wrapping_offset(row as isize * self.row_stride + column as isize * self.column_stride)
    }

    /// A value of the array.
    ///
    /// # Safety
    /// The row and column are of the array, and `T` is a plain number of the size of its values.
    #[allow(unsafe_code)]
    unsafe fn read<T: Copy>(&self, row: usize, column: usize) -> T {
        // SAFETY: the owner vouches for its shape and strides; nothing is said of alignment.
        unsafe { self.at(row, column).cast::<T>().read_unaligned() }
    }

    /// The rows `range`, as they lie.
    #[allow(unsafe_code)]
    fn slice<T>(&self, range: &Range<usize>) -> &[T] {
        let len = range.len() * self.dim;
        if len == 0 {
            // An array without values may have no address.
            return &[];
        }
        assert!(self.is_contiguous() && range.end <= self.n_rows && size_of::<T>() == self.number.size());
        // SAFETY: the rows are of the array, lie one after the other, aligned, and are of this type.
        unsafe { std::slice::from_raw_parts(self.at(range.start, 0).cast(), len) }
    }

    /// Copies rows value by value. Whatever runs fastest in memory runs innermost.
    fn copy<T: Copy, U>(&self, range: &Range<usize>, out: &mut [U], convert: impl Fn(T) -> U) {
        assert!(range.end <= self.n_rows && size_of::<T>() == self.number.size());
        // SAFETY: rows and columns are within the shape, and the type is that of the values.
        #[allow(unsafe_code)]
        let value = |row: usize, column: usize| convert(unsafe { self.read::<T>(row, column) });
        if self.row_stride.abs() < self.column_stride.abs() {
            for column in 0..self.dim {
                for (i, row) in range.clone().enumerate() {
                    out[i * self.dim + column] = value(row, column);
                }
            }
        } else {
            for (row, out) in range.clone().zip(out.chunks_exact_mut(self.dim)) {
                for (column, out) in out.iter_mut().enumerate() {
                    *out = value(row, column);
                }
            }
        }
    }

    /// Copies rows of 64-bit floats, unless a finite one would become infinite.
    fn narrow(&self, range: &Range<usize>, out: &mut [f32]) -> Result<(), Error> {
        let narrowed = |value: f64| value as f32;
        self.copy(range, out, narrowed);
        let infinite = out.iter().enumerate().filter(|(_, value)| value.is_infinite());
        for (place, _) in infinite {
            let (row, column) = (range.start + place / self.dim, place % self.dim);
            // Rare: look again at what it was.
            // SAFETY: the place is within the shape, and values are of 64 bits.
            #[allow(unsafe_code)]
            let value: f64 = unsafe { self.read(row, column) };
            if value.is_finite() {
                return Err(Error::OutOfRange { path: "X".into(), row, column, value, dtype: Dtype::F32.name() });
            }
        }
        Ok(())
    }
}

impl RowSource for ArraySource {
    fn n_rows(&self) -> usize {
        self.n_rows
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn dtype(&self) -> Dtype {
        self.number.dtype()
    }

    fn rows<'a>(&'a self, range: Range<usize>, scratch: &'a mut Block) -> Result<Rows<'a>, Error> {
        if let (Number::Stored(dtype), true) = (self.number, self.is_contiguous()) {
            let values = match dtype {
                Dtype::F32 => Values::F32(self.slice(&range)),
                Dtype::F16 => Values::F16(self.slice(&range)),
                Dtype::Bf16 => Values::Bf16(self.slice(&range)),
                Dtype::I8 => Values::I8(self.slice(&range)),
                Dtype::U8 => Values::U8(self.slice(&range)),
            };
            return Ok(Rows::new(values, self.dim));
        }
        let bytes = scratch.bytes_mut(self.dtype(), range.len() * self.dim);
        match self.number {
            Number::Stored(dtype) => match dtype.size() {
                1 => self.copy(&range, bytes, |value: u8| value),
                2 => self.copy(&range, bytemuck::cast_slice_mut(bytes), |value: u16| value),
                _ => self.copy(&range, bytemuck::cast_slice_mut(bytes), |value: u32| value),
            },
            Number::F64 => self.narrow(&range, bytemuck::cast_slice_mut(bytes))?,
            Number::I16 => self.copy(&range, bytemuck::cast_slice_mut(bytes), |value: i16| f32::from(value)),
            Number::U16 => self.copy(&range, bytemuck::cast_slice_mut(bytes), |value: u16| f32::from(value)),
            Number::I32 => self.copy(&range, bytemuck::cast_slice_mut(bytes), |value: i32| value as f32),
            Number::U32 => self.copy(&range, bytemuck::cast_slice_mut(bytes), |value: u32| value as f32),
            Number::I64 => self.copy(&range, bytemuck::cast_slice_mut(bytes), |value: i64| value as f32),
            Number::U64 => self.copy(&range, bytemuck::cast_slice_mut(bytes), |value: u64| value as f32),
        }
        Ok(scratch.rows(self.dim))
    }

    fn gather<'a>(&'a self, rows: &[usize], scratch: &'a mut Block) -> Result<Rows<'a>, Error> {
        gather_by_rows(self, rows, scratch)
    }

    fn lies_in_memory(&self) -> bool {
        self.number == Number::Stored(Dtype::F32) && self.is_contiguous()
    }
}
