//! Fréchet distance of Gaussians with the moments of two sets of rows.
//!
//! `|m1 - m2|^2 + tr C1 + tr C2 - 2 tr (C1 C2)^(1/2)`, covariances with divisor `n - 1` (Heusel et al. 2017, as pytorch-fid
//! computes it). The trace of the root is the sum of the roots of the eigenvalues of `C1 C2`, and those of `A B` and `B A`
//! are the same but for zeros, so that with any factor `C2 = A A^T` they are the eigenvalues of the symmetric `A^T C1 A`.
//! For fewer rows than dimensions `A = Z^T`, the centered rows over `sqrt(n - 1)`: an `n` by `n` problem, and neither `C2`
//! nor, for the rows that are left, their covariance is formed.

use subsel::{CheckedPool, Context, Error};
use subsel_kernels::Block;

use super::dense::{Matrix, eigenvalues, factor, scatter, scatter_bytes};
use super::members::Members;

/// Mean and covariance of a pool.
pub(super) struct PoolMoments {
    n: usize,
    mean: Vec<f64>,
    /// Divisor `N - 1`; NaN for a pool of one row.
    covariance: Matrix,
}

/// Distances of a selection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Distances {
    pub(super) to_pool: f64,
    pub(super) to_rest: f64,
}

impl PoolMoments {
    /// Those of all rows: two passes, time `O(N d^2)`.
    ///
    /// # Errors
    /// Reading, interruption.
    pub(super) fn new(pool: &CheckedPool<'_>, ctx: &Context) -> Result<Self, Error> {
        let mean = pool.mean(ctx)?;
        let (_, products) = scatter(pool.len(), pool.dim(), ctx, |rows, out| {
            use subsel_formats::RowSource;
            let mut block = Block::new(pool.dtype());
            let mut wide = vec![0.0; rows.len() * pool.dim()];
            ctx.kernels().widen(pool.rows(rows, &mut block)?, &mut wide);
            out.clear();
            out.extend(wide.iter().zip(mean.iter().cycle()).map(|(value, mean)| f64::from(*value) - mean));
            Ok(())
        })?;
        let divisor = if pool.len() > 1 { (pool.len() - 1) as f64 } else { f64::NAN };
        Ok(PoolMoments { n: pool.len(), mean, covariance: products / divisor })
    }

    /// Bytes of [`PoolMoments::new`] and of measuring so many rows.
    pub(super) fn bytes(n: usize, members: usize, dim: usize, threads: usize) -> u64 {
        let (small, fits) = (members.min(dim), members < dim);
        let own = if fits { small * (3 * dim + 6 * small) } else { 7 * dim * dim };
        scatter_bytes(n, dim, threads)
            .max((8 * dim * dim) as u64 + scatter_bytes(members, dim, threads) + 8 * own as u64)
    }

    /// Distances of `members`, rows of this pool, to the pool and to its other rows. NaN where a side has fewer than 2
    /// rows.
    ///
    /// # Errors
    /// Interruption.
    /// # Cost
    /// Time `O(n d^2)` and `O(min(n, d)^3)`.
    pub(super) fn distances(&self, members: &Members, wants_rest: bool, ctx: &Context) -> Result<Distances, Error> {
        if members.len() < 2 || self.n < 2 {
            return Ok(Distances { to_pool: f64::NAN, to_rest: f64::NAN });
        }
        if members.len() < self.mean.len() {
            self.of_few(members, wants_rest, ctx)
        } else {
            self.of_many(members, wants_rest, ctx)
        }
    }

    /// Fewer rows than dimensions.
    fn of_few(&self, members: &Members, wants_rest: bool, ctx: &Context) -> Result<Distances, Error> {
        let (n, dim) = (members.len() as f64, self.mean.len());
        // About the pool's mean, then about their own.
        let mut about_pool = members.columns(0..members.len());
        for mut row in about_pool.column_iter_mut() {
            row.iter_mut().zip(&self.mean).for_each(|(value, mean)| *value -= mean);
        }
        let sums = about_pool.column_sum();
        let mut centered = about_pool.clone();
        for mut row in centered.column_iter_mut() {
            row.iter_mut().zip(sums.iter()).for_each(|(value, sum)| *value -= sum / n);
        }
        centered /= (n - 1.0).sqrt();
        let own_trace = centered.norm_squared();
        let transposed = centered.transpose();
        ctx.go_on()?;
        let through_pool = &transposed * (&self.covariance * &centered);
        let to_pool = sums.norm_squared() / (n * n) + self.covariance.trace() + own_trace
            - 2.0 * trace_of_root(through_pool.clone());
        let rest = self.n as f64 - n;
        let mut to_rest = f64::NAN;
        if wants_rest && rest >= 2.0 {
            // What the pool has less what the members have, about the mean of the rest: no (d, d) matrix is formed.
            ctx.go_on()?;
            debug_assert_eq!(about_pool.nrows(), dim);
            let with_members = &transposed * &about_pool;
            let with_sum = &transposed * &sums;
            let of_pool = self.n as f64 - 1.0;
            let through_rest = (through_pool * of_pool
                - &with_members * with_members.transpose()
                - &with_sum * with_sum.transpose() / rest)
                / (rest - 1.0);
            let trace = (self.covariance.trace() * of_pool - about_pool.norm_squared() - sums.norm_squared() / rest)
                / (rest - 1.0);
            let gap = sums.norm_squared() * (1.0 / n + 1.0 / rest).powi(2);
            to_rest = gap + trace + own_trace - 2.0 * trace_of_root(through_rest);
        }
        Ok(Distances { to_pool: to_pool.max(0.0), to_rest: to_rest.max(if to_rest.is_nan() { f64::NAN } else { 0.0 }) })
    }

    /// At least as many rows as dimensions.
    fn of_many(&self, members: &Members, wants_rest: bool, ctx: &Context) -> Result<Distances, Error> {
        let (n, dim) = (members.len() as f64, self.mean.len());
        let (sums, products) = scatter(members.len(), dim, ctx, |rows, out| {
            members.read(rows, out);
            out.iter_mut().zip(self.mean.iter().cycle()).for_each(|(value, mean)| *value -= mean);
            Ok(())
        })?;
        let sums = nalgebra::DVector::from_vec(sums);
        let outer = &sums * sums.transpose();
        let own = (&products - &outer / n) / (n - 1.0);
        let own_trace = own.trace();
        let Some(root) = factor(own) else { return Ok(Distances { to_pool: f64::NAN, to_rest: f64::NAN }) };
        let transposed = root.transpose();
        let distance = |gap: f64, covariance: &Matrix| {
            let through = &transposed * (covariance * &root);
            (gap + covariance.trace() + own_trace - 2.0 * trace_of_root(through)).max(0.0)
        };
        ctx.go_on()?;
        let to_pool = distance(sums.norm_squared() / (n * n), &self.covariance);
        let rest = self.n as f64 - n;
        let mut to_rest = f64::NAN;
        if wants_rest && rest >= 2.0 {
            ctx.go_on()?;
            let covariance = (&self.covariance * (self.n as f64 - 1.0) - products - outer / rest) / (rest - 1.0);
            to_rest = distance(sums.norm_squared() * (1.0 / n + 1.0 / rest).powi(2), &covariance);
        }
        Ok(Distances { to_pool, to_rest })
    }
}

/// The sum of the roots of the eigenvalues of a symmetric matrix, which rounding may leave not quite so.
fn trace_of_root(mut matrix: Matrix) -> f64 {
    let transposed = matrix.transpose();
    matrix += transposed;
    eigenvalues(matrix * 0.5).iter().map(|value| value.sqrt()).sum()
}
