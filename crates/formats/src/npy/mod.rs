//! npy: one array of NumPy per file, a text header and then the values.
//!
//! Read as embeddings: 2-D arrays of f16, bf16 (which NumPy saves as two raw bytes, `V2`), f32, f64 (narrowed to f32),
//! i8 and u8, of either byte order; arrays in Fortran order through a scratch copy. Refused: other types, other numbers
//! of axes, files shorter or longer than their header says.

mod fortran;
pub(crate) mod header;
pub(crate) mod side;
mod write;

use std::path::Path;

use subsel_kernels::Dtype;

use crate::Error;
use crate::file::DataFile;
use crate::matrix::{NARROWED, RawMatrix, Scalar, byte_len, taken_as};
use crate::open::{Single, SingleRows};
use crate::spool::Shape;
use fortran::FortranStream;
use header::{Descr, Header};

pub use write::NpyWriter;
pub(crate) use write::{float64 as write_float64, int64 as write_int64};
pub(crate) use write::{header as header_bytes, little_endian_bytes};

/// A matrix as an npy header describes it, checked against the bytes there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub(crate) scalar: Scalar,
    pub(crate) big_endian: bool,
    pub(crate) fortran_order: bool,
    pub(crate) n_rows: usize,
    pub(crate) dim: usize,
}

impl Layout {
    /// Checks that `header` is a pool of embeddings and that exactly `available` bytes of values follow it.
    pub(crate) fn new(path: &Path, header: &Header, dtype: Option<Dtype>, available: u64) -> Result<Self, Error> {
        let scalar = scalar(path, header.descr, dtype)?;
        let (n_rows, dim) = two_axes(path, &header.shape)?;
        if byte_len(n_rows, dim, scalar) != Some(available) {
            let name = scalar.name();
            let detail =
                format!("the header declares {n_rows} x {dim} values of {name}, but {available} bytes follow it");
            return Err(Error::damaged(path, detail));
        }
        if dim == 0 {
            return Err(Error::damaged(path, "rows have no values: its shape is (n, 0)"));
        }
        if n_rows == 0 {
            return Err(Error::Empty { path: path.to_owned() });
        }
        Ok(Layout {
            scalar,
            big_endian: header.descr.big_endian,
            fortran_order: header.fortran_order,
            // Neither is 0, and their product is addressable.
            n_rows: n_rows as usize,
            dim: dim as usize,
        })
    }
}

/// Opens the array of a whole file.
pub(crate) fn open(file: DataFile, dtype: Option<Dtype>) -> Result<Single, Error> {
    let header = header::read(file.path(), &mut file.cursor())?;
    let layout = Layout::new(file.path(), &header, dtype, file.len() - header.len)?;
    Ok(single(file, header.len, layout))
}

/// An array whose values lie in the file as they are, from `offset` on.
pub(crate) fn single(file: DataFile, offset: u64, layout: Layout) -> Single {
    let Layout { scalar, big_endian, n_rows, dim, .. } = layout;
    if layout.fortran_order {
        let shape = Shape { n_rows, dim, dtype: scalar.dtype() };
        let notes = match scalar {
            Scalar::F64 => vec![NARROWED.to_owned()],
            Scalar::Stored(_) => Vec::new(),
        };
        let open = move || Ok(Box::new(FortranStream::new(file, offset, layout)) as _);
        return Single { rows: SingleRows::Stream(shape, Box::new(open)), ids: None, notes };
    }
    Single::matrix(RawMatrix { file, offset, n_rows, dim, scalar, big_endian })
}

fn two_axes(path: &Path, shape: &[u64]) -> Result<(u64, u64), Error> {
    match *shape {
        [n_rows, dim] => Ok((n_rows, dim)),
        [] | [_] => Err(Error::unsupported(
            path,
            format!("an array of {} axes; embeddings have 2, (n, d)", shape.len()),
            "np.save(file, array.reshape(n, d))",
        )),
        [n_rows, ref rest @ ..] => Err(Error::unsupported(
            path,
            format!("an array of {} axes; embeddings have 2, (n, d)", shape.len()),
            format!("np.save(file, array.reshape({n_rows}, -1)) makes rows of {} values", product(rest)),
        )),
    }
}

fn product(axes: &[u64]) -> String {
    axes.iter().try_fold(1u64, |all, len| all.checked_mul(*len)).map_or("too many".into(), |p| p.to_string())
}

/// The type of the values; `dtype` says what the bits of a two-byte type mean where the file cannot.
fn scalar(path: &Path, descr: Descr, dtype: Option<Dtype>) -> Result<Scalar, Error> {
    let stored = match (descr.kind, descr.size) {
        ('f', 2) => Some(Scalar::Stored(Dtype::F16)),
        ('V', 2) => Some(Scalar::Stored(Dtype::Bf16)),
        ('f', 4) => Some(Scalar::Stored(Dtype::F32)),
        ('f', 8) => Some(Scalar::F64),
        ('i', 1) => Some(Scalar::Stored(Dtype::I8)),
        ('u', 1) => Some(Scalar::Stored(Dtype::U8)),
        _ => None,
    };
    let size = if matches!(descr.kind, 'f' | 'V' | 'i' | 'u') { descr.size } else { 0 };
    match (stored, dtype) {
        (_, Some(dtype)) if dtype.size() == size => Ok(Scalar::Stored(dtype)),
        (Some(stored), _) => taken_as(path, stored, dtype),
        (None, _) => Err(Error::unsupported(
            path,
            format!("values of type {}; embeddings are f16, bf16, f32, f64, i8 or u8", described(descr)),
            "np.save(file, array.astype(np.float32))",
        )),
    }
}

fn described(descr: Descr) -> String {
    let name = match descr.kind {
        'i' => "int",
        'u' => "uint",
        'f' => "float",
        'c' => "complex",
        'b' => return "bool".into(),
        'O' => return "object (pickled)".into(),
        'U' | 'S' => return "text".into(),
        'M' | 'm' => return "date or duration".into(),
        _ => return format!("`{}{}`", descr.kind, descr.size),
    };
    format!("{name}{}", descr.size.saturating_mul(8))
}
