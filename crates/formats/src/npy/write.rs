//! Writing npy files of version 1.0, little endian, row-major.

use std::io::{self, Write};
use std::path::Path;

use subsel_kernels::{Dtype, Rows, with_values};

use super::header::MAGIC;
use crate::{AtomicFile, Error};

/// The header of an array with this type and shape, padded so that the values begin at a multiple of 64.
pub(crate) fn header(descr: &str, shape: &[u64]) -> Vec<u8> {
    let axes: String = shape.iter().map(|len| format!("{len}, ")).collect();
    let axes = if shape.len() == 1 { axes.trim_end() } else { axes.trim_end_matches(", ") };
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({axes}), }}");
    const BEFORE: usize = 10;
    let padding = 63 - (BEFORE + text.len()) % 64;
    text.extend(std::iter::repeat_n(' ', padding));
    text.push('\n');
    [MAGIC, &[1, 0], &(text.len() as u16).to_le_bytes(), text.as_bytes()].concat()
}

/// How NumPy spells a type. It has no bfloat16; two raw bytes is what its extensions save.
fn descr(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::F32 => "<f4",
        Dtype::F16 => "<f2",
        Dtype::Bf16 => "<V2",
        Dtype::I8 => "|i1",
        Dtype::U8 => "|u1",
    }
}

/// The values of a block as they lie in little-endian files.
pub(crate) fn little_endian_bytes<'a>(rows: &Rows<'a>) -> std::borrow::Cow<'a, [u8]> {
    let bytes: &[u8] = with_values!(rows.values(), values => bytemuck::cast_slice(values));
    if cfg!(target_endian = "little") {
        return bytes.into();
    }
    let mut swapped = bytes.to_vec();
    crate::matrix::to_native(&mut swapped, rows.dtype().size(), false);
    swapped.into()
}

/// Writes a matrix block by block to an npy file that appears when it is complete.
#[derive(Debug)]
pub struct NpyWriter {
    file: AtomicFile,
    dtype: Dtype,
    shape: (usize, usize),
    written: usize,
}

impl NpyWriter {
    /// Starts a file of `n_rows` rows of `dim` values.
    ///
    /// # Errors
    /// As [`AtomicFile::create`].
    pub fn create(path: &Path, dtype: Dtype, n_rows: usize, dim: usize, force: bool) -> Result<Self, Error> {
        let mut file = AtomicFile::create(path, force)?;
        let header = header(descr(dtype), &[n_rows as u64, dim as u64]);
        file.write_all(&header).map_err(|e| Error::io("write", path, e))?;
        Ok(NpyWriter { file, dtype, shape: (n_rows, dim), written: 0 })
    }

    /// Appends rows, which must have the type and dimension announced.
    ///
    /// # Errors
    /// [`Error::Shape`] if they do not; [`Error::Io`].
    pub fn push(&mut self, rows: Rows<'_>) -> Result<(), Error> {
        if (rows.dtype(), rows.dim()) != (self.dtype, self.shape.1) || rows.len() > self.shape.0 - self.written {
            let detail = format!(
                "{} rows of {} {} after {} of {} rows of {} {}",
                rows.len(),
                rows.dim(),
                rows.dtype().name(),
                self.written,
                self.shape.0,
                self.shape.1,
                self.dtype.name()
            );
            return Err(Error::Shape { what: self.file.path().display().to_string(), detail });
        }
        self.written += rows.len();
        let bytes = little_endian_bytes(&rows);
        self.file.write_all(&bytes).map_err(|e| Error::io("write", self.file.path(), e))
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// [`Error::Shape`] if fewer rows came than were announced; else as [`AtomicFile::commit`].
    pub fn finish(self) -> Result<(), Error> {
        if self.written != self.shape.0 {
            let detail = format!("{} rows written of {}", self.written, self.shape.0);
            return Err(Error::Shape { what: self.file.path().display().to_string(), detail });
        }
        self.file.commit()
    }
}

/// Writes numbers as a 1-D float64 array.
pub(crate) fn float64(out: &mut impl Write, values: &[f64]) -> io::Result<()> {
    out.write_all(&header("<f8", &[values.len() as u64]))?;
    values.iter().try_for_each(|value| out.write_all(&value.to_le_bytes()))
}

/// Writes whole numbers as a 1-D int64 array.
pub(crate) fn int64(out: &mut impl Write, values: &[i64]) -> io::Result<()> {
    out.write_all(&header("<i8", &[values.len() as u64]))?;
    values.iter().try_for_each(|value| out.write_all(&value.to_le_bytes()))
}
