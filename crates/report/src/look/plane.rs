//! Places of rows on a plane.

use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par, Side};
use subsel::{CheckedPool, Context};
use subsel_formats::RowSource;
use subsel_kernels::Block;

use crate::Error;

/// How rows are laid out on the map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// Along the two directions in which rows vary most.
    #[default]
    Pca,
}

/// Most rows that directions are worked out from; of more, evenly spaced ones are taken.
const SAMPLE: usize = 50_000;

/// Most values per row for a covariance; of more, directions come from the products of rows with rows.
const COVARIANCE: usize = 2048;

/// Rows that those products are of, at most.
const PRODUCTS: usize = 2048;

/// Most values of a block.
const VALUES: usize = 1 << 20;

/// The mean of the rows and the directions in which they vary most.
pub(super) struct Principal {
    mean: Vec<f64>,
    /// `(components, d)`, of length 1, or 0 where rows do not vary.
    directions: Vec<Vec<f64>>,
    /// Shares of the variance.
    shares: Vec<f64>,
}

impl Layout {
    /// Refuses a pool that it would take too long for.
    pub(super) fn check(self, _n: usize) -> Result<(), Error> {
        Ok(())
    }

    /// Places of the rows `drawn`, each coordinate from 0 to 1, and what the axes are.
    pub(super) fn places(
        self,
        pool: &CheckedPool<'_>,
        drawn: &[usize],
        ctx: &Context,
    ) -> Result<(Vec<[f32; 2]>, String), Error> {
        let principal = Principal::of(pool, 2, ctx)?;
        let places = principal.project(pool, drawn, ctx)?;
        let percent = |i: usize| principal.shares.get(i).map_or(0.0, |share| 100.0 * share);
        let axes = format!(
            "the two directions in which the rows vary most (PCA): {:.0} and {:.0} % of the variance",
            percent(0),
            percent(1)
        );
        Ok((to_unit(&places), axes))
    }

    /// Bytes that it takes.
    pub(super) fn bytes(self, n: usize, dim: usize) -> u64 {
        let square = if dim <= COVARIANCE { dim } else { PRODUCTS.min(n) };
        // The matrix, its copy, its vectors; a block as read and as `f64`.
        (3 * 8 * square * square + 16 * block_rows(dim) * dim + 16 * n) as u64
            + if dim > COVARIANCE { (8 * PRODUCTS.min(n) * dim) as u64 } else { 0 }
    }
}

fn block_rows(dim: usize) -> usize {
    (VALUES / dim).clamp(16, 4096)
}

/// Reads the named rows as `f64` less `offset`, block by block.
fn by_blocks(
    pool: &CheckedPool<'_>,
    rows: &[usize],
    offset: &[f64],
    ctx: &Context,
    mut visit: impl FnMut(Range<usize>, &[f64]) -> Result<(), Error>,
) -> Result<(), Error> {
    let dim = pool.dim();
    let (mut scratch, mut values, mut wide) = (Block::new(pool.dtype()), Vec::new(), Vec::new());
    let block = block_rows(dim);
    for first in (0..rows.len()).step_by(block) {
        ctx.go_on()?;
        let range = first..(first + block).min(rows.len());
        let named = &rows[range.clone()];
        let stored = match named {
            // Rows that follow each other are read as a pass reads them.
            [start, .., end] if end - start + 1 == named.len() => pool.rows(*start..end + 1, &mut scratch)?,
            _ => pool.gather(named, &mut scratch)?,
        };
        values.resize(named.len() * dim, 0.0_f32);
        ctx.kernels().widen(stored, &mut values);
        wide.clear();
        wide.extend(values.chunks_exact(dim).flat_map(|row| row.iter().zip(offset).map(|(v, o)| f64::from(*v) - o)));
        visit(range, &wide)?;
    }
    Ok(())
}

impl Principal {
    /// The `count` directions of the pool, in `f64`, from at most [`SAMPLE`] evenly spaced rows.
    pub(super) fn of(pool: &CheckedPool<'_>, count: usize, ctx: &Context) -> Result<Self, Error> {
        let dim = pool.dim();
        let most = if dim <= COVARIANCE { SAMPLE } else { PRODUCTS };
        let rows: Vec<usize> = (0..pool.len()).step_by(pool.len().div_ceil(most)).collect();
        let n = rows.len() as f64;
        ctx.progress().begin("laying out the map", 3);
        let mut mean = vec![0.0; dim];
        by_blocks(pool, &rows, &vec![0.0; dim], ctx, |_, values| {
            for row in values.chunks_exact(dim) {
                mean.iter_mut().zip(row).for_each(|(m, v)| *m += v / n);
            }
            Ok(())
        })?;
        ctx.progress().at(1);
        let found = match dim <= COVARIANCE {
            true => by_covariance(pool, &rows, &mean, count, ctx)?,
            false => by_products(pool, &rows, &mean, count, ctx)?,
        };
        ctx.progress().at(2);
        let (directions, shares) = found;
        Ok(Principal { mean, directions, shares })
    }

    /// Coordinates of rows along the first two directions.
    fn project(&self, pool: &CheckedPool<'_>, rows: &[usize], ctx: &Context) -> Result<Vec<[f64; 2]>, Error> {
        let mut places = vec![[0.0; 2]; rows.len()];
        let dim = pool.dim();
        by_blocks(pool, rows, &self.mean, ctx, |range, values| {
            for (place, row) in places[range].iter_mut().zip(values.chunks_exact(dim)) {
                *place = [0, 1].map(|i| self.directions.get(i).map_or(0.0, |direction| dot(direction, row)));
            }
            Ok(())
        })?;
        Ok(places)
    }
}

type Found = (Vec<Vec<f64>>, Vec<f64>);

fn by_covariance(
    pool: &CheckedPool<'_>,
    rows: &[usize],
    mean: &[f64],
    count: usize,
    ctx: &Context,
) -> Result<Found, Error> {
    let dim = pool.dim();
    let mut covariance = Mat::<f64>::zeros(dim, dim);
    by_blocks(pool, rows, mean, ctx, |range, values| {
        let block = MatRef::from_row_major_slice(values, range.len(), dim);
        matmul(&mut covariance, Accum::Add, block.transpose(), block, 1.0 / rows.len() as f64, Par::Seq);
        Ok(())
    })?;
    let (vectors, shares) = strongest(&covariance, count)?;
    Ok((vectors.into_iter().map(oriented).collect(), shares))
}

/// Where rows are longer than they are many: the directions are combinations of the rows.
fn by_products(
    pool: &CheckedPool<'_>,
    rows: &[usize],
    mean: &[f64],
    count: usize,
    ctx: &Context,
) -> Result<Found, Error> {
    let (n, dim) = (rows.len(), pool.dim());
    let mut all = Vec::with_capacity(n * dim);
    by_blocks(pool, rows, mean, ctx, |_, values| {
        all.extend_from_slice(values);
        Ok(())
    })?;
    let matrix = MatRef::from_row_major_slice(&all, n, dim);
    let mut products = Mat::<f64>::zeros(n, n);
    matmul(&mut products, Accum::Replace, matrix, matrix.transpose(), 1.0 / n as f64, Par::Seq);
    let (weights, shares) = strongest(&products, count)?;
    let combine = |weights: Vec<f64>| {
        let mut direction = vec![0.0; dim];
        for (weight, row) in weights.iter().zip(all.chunks_exact(dim)) {
            direction.iter_mut().zip(row).for_each(|(d, v)| *d += weight * v);
        }
        let length = dot(&direction, &direction).sqrt();
        if length > 0.0 {
            direction.iter_mut().for_each(|d| *d /= length);
        }
        oriented(direction)
    };
    Ok((weights.into_iter().map(combine).collect(), shares))
}

/// The eigenvectors of the largest eigenvalues and these as shares of all.
fn strongest(matrix: &Mat<f64>, count: usize) -> Result<Found, Error> {
    let failed = |error| Error::Draw(format!("the principal directions cannot be found: {error:?}"));
    let found = matrix.self_adjoint_eigen(Side::Lower).map_err(failed)?;
    let (values, vectors) = (found.S().column_vector(), found.U());
    let n = matrix.nrows();
    let total: f64 = (0..n).map(|i| values[i].max(0.0)).sum();
    let column = |i: usize| (0..n).map(|j| vectors[(j, i)]).collect::<Vec<f64>>();
    // Eigenvalues ascend.
    let strongest = (0..n).rev().take(count);
    let shares = strongest.clone().map(|i| if total > 0.0 { values[i].max(0.0) / total } else { 0.0 });
    Ok((strongest.clone().map(column).collect(), shares.collect()))
}

/// An eigenvector has no sign: its largest value is made positive, so that a map is the same every time.
fn oriented(mut direction: Vec<f64>) -> Vec<f64> {
    let largest = direction.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or(0.0);
    if largest < 0.0 {
        direction.iter_mut().for_each(|value| *value = -*value);
    }
    direction
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Places scaled into the unit square, the shape kept.
fn to_unit(places: &[[f64; 2]]) -> Vec<[f32; 2]> {
    let bounds = [0, 1].map(|axis| {
        let values = places.iter().map(|place| place[axis]);
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
    });
    let span = bounds.iter().map(|(low, high)| high - low).fold(0.0, f64::max);
    let scale = if span > 0.0 { 1.0 / span } else { 0.0 };
    let unit =
        |value: f64, (low, high): (f64, f64)| (0.5 + (value - low.midpoint(high)) * scale).clamp(0.0, 1.0) as f32;
    places.iter().map(|place| [unit(place[0], bounds[0]), unit(place[1], bounds[1])]).collect()
}
