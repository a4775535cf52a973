//! The rows of a selection in memory.

use std::ops::Range;

use subsel::{CheckedPool, Context, Error, RowScale};
use subsel_kernels::Block;

use super::dense::{Matrix, slab_rows, slabs};

/// Some rows of a pool, `f32` `(n, d)`.
pub(super) struct Members {
    dim: usize,
    values: Vec<f32>,
    scale: RowScale,
    /// Whether there are zero rows, which get a direction of their own where rows are scaled to length 1.
    has_zeros: bool,
}

impl Members {
    /// Reads these rows; [`Members::read`] will give them scaled so.
    ///
    /// # Errors
    /// Reading, interruption.
    pub(super) fn gather(
        pool: &CheckedPool<'_>,
        rows: &[usize],
        scale: RowScale,
        ctx: &Context,
    ) -> Result<Self, Error> {
        let (mut block, mut wide) = (Block::default(), Vec::new());
        let mut values = Vec::with_capacity(rows.len() * pool.dim());
        for some in rows.chunks(slab_rows(pool.dim())) {
            ctx.go_on()?;
            pool.gather_f32(ctx, some, &mut block, &mut wide)?;
            values.extend_from_slice(&wide);
        }
        let has_zeros = rows.iter().any(|row| pool.sq_norms()[*row] == 0.0);
        Ok(Members { dim: pool.dim(), values, scale, has_zeros })
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        self.values.len() / self.dim
    }

    /// The values as gathered.
    pub(super) fn values(&self) -> &[f32] {
        &self.values
    }

    /// Values per row as read: one more than gathered where zero rows have a direction of their own.
    pub(super) fn dim(&self) -> usize {
        self.dim + usize::from(self.scale == RowScale::Unit && self.has_zeros)
    }

    /// Writes rows into `out` (cleared first) as `f64`, scaled. A zero row of unit scale becomes one in a dimension that no
    /// other row has: as like to other zero rows as can be, and unlike all else.
    pub(super) fn read(&self, rows: Range<usize>, out: &mut Vec<f64>) {
        out.clear();
        let extra = self.dim() - self.dim;
        for row in self.values[rows.start * self.dim..rows.end * self.dim].chunks_exact(self.dim) {
            let first = out.len();
            out.extend(row.iter().map(|value| f64::from(*value)));
            out.resize(first + self.dim + extra, 0.0);
            if self.scale == RowScale::Unit {
                let own = &mut out[first..];
                let norm = own.iter().map(|value| value * value).sum::<f64>().sqrt();
                if norm > 0.0 {
                    own.iter_mut().for_each(|value| *value /= norm);
                } else {
                    own[self.dim] = 1.0;
                }
            }
        }
    }

    /// Rows as the columns of a matrix `(d, rows)`.
    pub(super) fn columns(&self, rows: Range<usize>) -> Matrix {
        let (count, mut out) = (rows.len(), Vec::new());
        self.read(rows, &mut out);
        Matrix::from_vec(self.dim(), count, out)
    }

    /// All inner products, `(n, n)`.
    ///
    /// # Errors
    /// Interruption.
    pub(super) fn gram(&self, ctx: &Context) -> Result<Matrix, Error> {
        let all = self.columns(0..self.len());
        let mut gram = Matrix::zeros(self.len(), self.len());
        for rows in slabs(0..self.len(), 256) {
            ctx.go_on()?;
            let left = all.columns(rows.start, rows.len());
            gram.rows_mut(rows.start, rows.len()).copy_from(&(left.transpose() * &all));
        }
        Ok(gram)
    }
}
