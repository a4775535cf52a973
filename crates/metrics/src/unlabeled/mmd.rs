//! Maximum mean discrepancy: how far the selection is from the pool in the eyes of a Gaussian kernel.
//!
//! `k(x, y) = exp(-|x - y|^2 / (2 h^2))`. The V-statistic is `mean k(S, S) + mean k(P, P) - 2 mean k(S, P)`, 0 or more; the
//! U-statistic leaves the similarities of rows to themselves out of the first two means (Gretton et al. 2012).

use nalgebra::DMatrixView;
use subsel::{Context, Error};

use super::coverage::quantile;
use super::dense::{Matrix, products, slabs};
use super::members::Members;

/// Rows and their squared norms.
pub(super) struct Points {
    /// `(d, n)`.
    columns: Matrix,
    sq_norms: Vec<f64>,
}

/// What of the pool is worked out once.
pub(super) struct Mmd {
    pool: Points,
    /// `1 / (2 h^2)`, finite.
    scale: f64,
    /// Sum of the similarities of all pairs of rows of the pool, each with itself too.
    within_pool: f64,
}

/// Both statistics.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Statistics {
    pub(super) v: f64,
    pub(super) u: f64,
}

/// Columns compared at once.
const AT_ONCE: usize = 256;

impl Points {
    /// All rows of `members`.
    pub(super) fn new(members: &Members) -> Self {
        let columns = members.columns(0..members.len());
        let sq_norms = columns.column_iter().map(|row| row.norm_squared()).collect();
        Points { columns, sq_norms }
    }

    fn len(&self) -> usize {
        self.sq_norms.len()
    }

    /// Hands the squared distances of some of these points, from `first`, to all of `others` to `visit(first, distances)`,
    /// `(some, others)`. Products lose the difference of points that nearly coincide; those are taken from differences.
    fn for_sq_dists(&self, others: &Points, ctx: &Context, mut visit: impl FnMut(usize, &Matrix)) -> Result<(), Error> {
        for rows in slabs(0..self.len(), AT_ONCE) {
            ctx.go_on()?;
            let mut found =
                products(view(&self.columns, rows.start, rows.len()), view(&others.columns, 0, others.len()));
            for (j, mut column) in found.column_iter_mut().enumerate() {
                for (i, value) in rows.clone().zip(column.iter_mut()) {
                    let sum = self.sq_norms[i] + others.sq_norms[j];
                    *value = sum - 2.0 * *value;
                    if *value < 1e-6 * sum {
                        let pairs = self.columns.column(i);
                        *value =
                            pairs.iter().zip(others.columns.column(j).iter()).map(|(x, y)| (x - y) * (x - y)).sum();
                    }
                }
            }
            visit(rows.start, &found);
        }
        Ok(())
    }

    /// The median distance of two of these points; 0 of one point.
    ///
    /// # Errors
    /// Interruption.
    /// # Cost
    /// Time `O(n^2 d)`, memory `4 n^2` bytes.
    pub(super) fn median_distance(&self, ctx: &Context) -> Result<f64, Error> {
        let mut all = Vec::with_capacity(self.len() * self.len().saturating_sub(1) / 2);
        self.for_sq_dists(self, ctx, |first, found| {
            for (j, column) in found.column_iter().enumerate() {
                all.extend(column.iter().enumerate().filter(|(i, _)| first + i < j).map(|(_, value)| value.sqrt()));
            }
        })?;
        Ok(if all.is_empty() { 0.0 } else { quantile(&mut all, 0.5) })
    }

    /// The sum of the similarities of all pairs.
    fn similarity(&self, others: &Points, scale: f64, ctx: &Context) -> Result<f64, Error> {
        let mut sum = 0.0;
        self.for_sq_dists(others, ctx, |_, found| {
            sum += found.iter().map(|value| (-value * scale).exp()).sum::<f64>();
        })?;
        Ok(sum)
    }
}

fn view(columns: &Matrix, first: usize, count: usize) -> DMatrixView<'_, f64> {
    let dim = columns.nrows();
    DMatrixView::from_slice(&columns.as_slice()[first * dim..(first + count) * dim], dim, count)
}

impl Mmd {
    /// For a pool, or a sample of it, and a width `h`. With a width of 0 only equal rows are similar.
    ///
    /// # Errors
    /// Interruption.
    pub(super) fn new(pool: Points, width: f64, ctx: &Context) -> Result<Self, Error> {
        let scale = (0.5 / (width * width)).min(f64::MAX);
        let within_pool = pool.similarity(&pool, scale, ctx)?;
        Ok(Mmd { pool, scale, within_pool })
    }

    /// Both statistics of a selection, or a sample of it; `u` is NaN where a side has one row.
    ///
    /// # Errors
    /// Interruption.
    /// # Cost
    /// Time `O((n + N) n d)`.
    pub(super) fn measure(&self, members: &Points, ctx: &Context) -> Result<Statistics, Error> {
        let within = members.similarity(members, self.scale, ctx)?;
        let between = members.similarity(&self.pool, self.scale, ctx)?;
        let (n, m) = (members.len() as f64, self.pool.len() as f64);
        let cross = 2.0 * between / (n * m);
        let unbiased = |sum: f64, n: f64| if n > 1.0 { (sum - n) / (n * (n - 1.0)) } else { f64::NAN };
        Ok(Statistics {
            v: (within / (n * n) + self.within_pool / (m * m) - cross).max(0.0),
            u: unbiased(within, n) + unbiased(self.within_pool, m) - cross,
        })
    }
}
