//! npy arrays in Fortran order: column after column in the file, turned into rows block by block.

use subsel_kernels::{Block, Dtype};

use super::Layout;
use crate::Error;
use crate::file::DataFile;
use crate::matrix::{Scalar, narrowed, to_native};
use crate::spool::RowStream;

/// Bytes of rows made at a time. Each block reads a stretch of every column, and long stretches read faster.
const BLOCK_BYTES: usize = 16 << 20;

/// The rows of a column-major array from front to back.
pub(super) struct FortranStream {
    file: DataFile,
    offset: u64,
    layout: Layout,
    next_row: usize,
}

impl FortranStream {
    pub(super) fn new(file: DataFile, offset: u64, layout: Layout) -> Self {
        FortranStream { file, offset, layout, next_row: 0 }
    }

    /// Puts column `column` of the rows from `next_row` on into its places in `out`.
    fn scatter(&self, column: usize, stretch: &mut [u8], out: &mut [u8]) -> Result<(), Error> {
        let Layout { scalar, big_endian, n_rows, dim, .. } = self.layout;
        let place = (column * n_rows + self.next_row) * scalar.size();
        self.file.read_at(stretch, self.offset + place as u64)?;
        to_native(stretch, scalar.size(), big_endian);
        match scalar {
            Scalar::Stored(dtype) => {
                let size = dtype.size();
                for (row, value) in stretch.chunks_exact(size).enumerate() {
                    out[(row * dim + column) * size..][..size].copy_from_slice(value);
                }
            }
            Scalar::F64 => {
                let out: &mut [f32] = bytemuck::cast_slice_mut(out);
                for (row, bytes) in stretch.as_chunks::<8>().0.iter().enumerate() {
                    let value = f64::from_ne_bytes(*bytes);
                    out[row * dim + column] = narrowed(value).ok_or_else(|| Error::OutOfRange {
                        path: self.file.path().to_owned(),
                        row: self.next_row + row,
                        column,
                        value,
                        dtype: Dtype::F32.name(),
                    })?;
                }
            }
        }
        Ok(())
    }
}

impl RowStream for FortranStream {
    fn next_block(&mut self, out: &mut Block) -> Result<bool, Error> {
        let Layout { scalar, n_rows, dim, .. } = self.layout;
        let count = (BLOCK_BYTES / (dim * scalar.size())).max(1).min(n_rows - self.next_row);
        let bytes = out.bytes_mut(scalar.dtype(), count * dim);
        let mut stretch = vec![0; count * scalar.size()];
        if count > 0 {
            (0..dim).try_for_each(|column| self.scatter(column, &mut stretch, bytes))?;
        }
        self.next_row += count;
        Ok(count > 0)
    }
}
