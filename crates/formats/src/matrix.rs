//! A plain matrix inside a file: `n * d` numbers of one type, row after row, from some offset on. What npy,
//! safetensors, uncompressed npz members and scratch copies have in common once their headers are read.

use std::ops::Range;
use std::path::Path;

use subsel_kernels::{Block, Dtype, Rows};

use crate::file::DataFile;
use crate::{Error, RowSource};

/// How one number lies in a file. `F64` is not a type of a pool: it is narrowed to f32 as it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scalar {
    Stored(Dtype),
    F64,
}

impl Scalar {
    /// Bytes in the file.
    pub(crate) fn size(self) -> usize {
        match self {
            Scalar::Stored(dtype) => dtype.size(),
            Scalar::F64 => 8,
        }
    }

    /// The type of the rows handed out.
    pub(crate) fn dtype(self) -> Dtype {
        match self {
            Scalar::Stored(dtype) => dtype,
            Scalar::F64 => Dtype::F32,
        }
    }

    /// The name used in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Scalar::Stored(dtype) => dtype.name(),
            Scalar::F64 => "f64",
        }
    }
}

/// The remark that goes with an f64 source.
pub(crate) const NARROWED: &str = "f64 values are narrowed to f32";

/// Bytes of `n` rows of `dim` numbers, or `None` beyond what this machine can address.
pub(crate) fn byte_len(n_rows: u64, dim: u64, scalar: Scalar) -> Option<u64> {
    let len = n_rows.checked_mul(dim)?.checked_mul(scalar.size() as u64)?;
    isize::try_from(len).ok()?;
    Some(len)
}

/// Where a matrix lies in its file, checked against the file's length by whoever read the header.
#[derive(Debug)]
pub(crate) struct RawMatrix {
    pub(crate) file: DataFile,
    pub(crate) offset: u64,
    pub(crate) n_rows: usize,
    pub(crate) dim: usize,
    pub(crate) scalar: Scalar,
    pub(crate) big_endian: bool,
}

/// Bytes of f64 narrowed at a time: fits the cache beside its output.
const NARROW_BYTES: usize = 1 << 15;

impl RawMatrix {
    fn row_bytes(&self) -> usize {
        self.dim * self.scalar.size()
    }

    /// Reads the rows `range` into `out`, native endian.
    fn read(&self, range: Range<usize>, out: &mut [u8]) -> Result<(), Error> {
        assert!(range.start <= range.end && range.end <= self.n_rows, "rows {range:?} of {}", self.n_rows);
        let offset = self.offset + range.start as u64 * self.row_bytes() as u64;
        match self.scalar {
            Scalar::Stored(dtype) => {
                self.file.read_at(out, offset)?;
                to_native(out, dtype.size(), self.big_endian);
                Ok(())
            }
            Scalar::F64 => self.read_narrowed(range.start, offset, bytemuck::cast_slice_mut(out)),
        }
    }

    fn read_narrowed(&self, first_row: usize, mut offset: u64, out: &mut [f32]) -> Result<(), Error> {
        let mut wide = vec![0u8; NARROW_BYTES.min(out.len() * 8)];
        for (chunk_idx, chunk) in out.chunks_mut(NARROW_BYTES / 8).enumerate() {
            let wide = &mut wide[..chunk.len() * 8];
            self.file.read_at(wide, offset)?;
            offset += wide.len() as u64;
            for (i, (narrow, bytes)) in chunk.iter_mut().zip(wide.as_chunks::<8>().0).enumerate() {
                let value = if self.big_endian { f64::from_be_bytes(*bytes) } else { f64::from_le_bytes(*bytes) };
                *narrow = narrowed(value).ok_or_else(|| {
                    let place = chunk_idx * (NARROW_BYTES / 8) + i;
                    let (row, column) = (first_row + place / self.dim, place % self.dim);
                    Error::OutOfRange {
                        path: self.file.path().to_owned(),
                        row,
                        column,
                        value,
                        dtype: Dtype::F32.name(),
                    }
                })?;
            }
        }
        Ok(())
    }
}

/// The nearest f32, or `None` if a finite value would become infinite.
pub(crate) fn narrowed(value: f64) -> Option<f32> {
    let narrow = value as f32;
    (narrow.is_finite() || !value.is_finite()).then_some(narrow)
}

/// Turns numbers of `size` bytes from the file's byte order into this machine's: the one place where order matters.
pub(crate) fn to_native(bytes: &mut [u8], size: usize, big_endian: bool) {
    if size > 1 && big_endian != cfg!(target_endian = "big") {
        bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
    }
}

impl RowSource for RawMatrix {
    fn n_rows(&self) -> usize {
        self.n_rows
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn dtype(&self) -> Dtype {
        self.scalar.dtype()
    }

    fn rows<'a>(&'a self, range: Range<usize>, scratch: &'a mut Block) -> Result<Rows<'a>, Error> {
        let out = scratch.bytes_mut(self.dtype(), range.len() * self.dim);
        self.read(range, out)?;
        Ok(scratch.rows(self.dim))
    }

    fn gather<'a>(&'a self, rows: &[usize], scratch: &'a mut Block) -> Result<Rows<'a>, Error> {
        let mut out = scratch.bytes_mut(self.dtype(), rows.len() * self.dim);
        // Adjacent rows are one read: picks of sorted candidates come in runs.
        for run in rows.chunk_by(|a, b| *b == *a + 1) {
            let (head, rest) = out.split_at_mut(run.len() * self.dim * self.dtype().size());
            self.read(run[0]..run[0] + run.len(), head)?;
            out = rest;
        }
        Ok(scratch.rows(self.dim))
    }
}

/// The type that a wish (`--dtype`) leaves: files that state their type are not read as another.
pub(crate) fn taken_as(path: &Path, stored: Scalar, wanted: Option<Dtype>) -> Result<Scalar, Error> {
    match wanted {
        Some(wanted) if stored != Scalar::Stored(wanted) => Err(Error::unsupported(
            path,
            format!("values of {} cannot be taken as {}", stored.name(), wanted.name()),
            "`--dtype` says what bits mean where a file cannot; `subsel convert` changes the type",
        )),
        _ => Ok(stored),
    }
}
