//! Places of rows on a plane.

use std::ops::Range;

use nalgebra::{DMatrix, DMatrixView};
use subsel::{CheckedPool, Context, Stream};
use subsel_formats::RowSource;
use subsel_kernels::Block;

use super::neighborly;
use crate::Error;

/// How rows are laid out on the map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// Along the two directions in which rows vary most.
    #[default]
    Pca,
    /// So that neighbors stay together: t-SNE of the first 30 principal components, of at most 20,000 rows.
    Neighbors,
}

/// Most rows that directions are worked out from; of more, evenly spaced ones are taken.
const SAMPLE: usize = 50_000;

/// Most values per row for a covariance; of more, directions come from the products of rows with rows.
const COVARIANCE: usize = 2048;

/// Rows that those products are of, at most.
const PRODUCTS: usize = 2048;

/// Directions iterated beyond those asked for, and how often at most.
const SPARE: usize = 10;
const ITERATIONS: usize = 300;

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
    pub(super) fn check(self, n: usize) -> Result<(), Error> {
        match self {
            Layout::Neighbors if n > neighborly::MOST => Err(Error::TooManyRows { n, most: neighborly::MOST }),
            _ => Ok(()),
        }
    }

    /// Places of the rows `drawn`, each coordinate from 0 to 1, and what the axes are.
    pub(super) fn places(
        self,
        pool: &CheckedPool<'_>,
        drawn: &[usize],
        ctx: &Context,
    ) -> Result<(Vec<[f32; 2]>, String), Error> {
        if self == Layout::Neighbors
            && let Some(places) = neighborly::places(pool, ctx)?
        {
            return Ok((to_unit(&places), "none; rows that are neighbors in the pool lie together (t-SNE)".into()));
        }
        let principal = Principal::of(pool, 2, ctx)?;
        let count = principal.directions.len();
        let places = principal.components(pool, drawn, ctx)?;
        let place = |row: &[f64]| [row[0], row.get(1).copied().unwrap_or(0.0)];
        let places: Vec<[f64; 2]> = places.chunks_exact(count).map(place).collect();
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
            + if self == Layout::Neighbors { neighborly::bytes(n) } else { 0 }
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

    /// Coordinates of rows along the directions, `(rows, count)`.
    pub(super) fn components(&self, pool: &CheckedPool<'_>, rows: &[usize], ctx: &Context) -> Result<Vec<f64>, Error> {
        let mut found = Vec::with_capacity(rows.len() * self.directions.len());
        by_blocks(pool, rows, &self.mean, ctx, |_, values| {
            for row in values.chunks_exact(pool.dim()) {
                found.extend(self.directions.iter().map(|direction| dot(direction, row)));
            }
            Ok(())
        })?;
        Ok(found)
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
    let mut covariance = DMatrix::zeros(dim, dim);
    by_blocks(pool, rows, mean, ctx, |range, values| {
        let columns = DMatrixView::from_slice(values, dim, range.len());
        covariance.gemm(1.0 / rows.len() as f64, &columns, &columns.transpose(), 1.0);
        Ok(())
    })?;
    let (vectors, shares) = strongest(&covariance, count);
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
    let columns = DMatrixView::from_slice(&all, dim, n);
    let products = columns.transpose() * columns / n as f64;
    let (weights, shares) = strongest(&products, count);
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

/// The eigenvectors of the largest eigenvalues of a symmetric matrix that has none below 0, and these as shares of all.
///
/// By iterating a subspace that is wider than asked for (Halko, Martinsson and Tropp 2011): a whole decomposition of 2,048
/// by 2,048 would take a minute for the sake of two vectors.
fn strongest(matrix: &DMatrix<f64>, count: usize) -> Found {
    let n = matrix.nrows();
    let width = (count + SPARE).min(n);
    let stream = Stream::new(0, "principal directions");
    let mut basis = DMatrix::from_fn(n, width, |i, j| stream.unit((i * width + j) as u64) - 0.5);
    let mut before = vec![0.0; width];
    for _ in 0..ITERATIONS {
        basis = (matrix * &basis).qr().q();
        let values: Vec<f64> = (0..width).map(|j| basis.column(j).dot(&(matrix * basis.column(j)))).collect();
        let largest = values.iter().copied().fold(0.0, f64::max);
        let moved = before.iter().zip(&values).take(count).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        before = values;
        if moved <= 1e-12 * largest {
            break;
        }
    }
    let small = basis.transpose() * (matrix * &basis);
    let eigen = small.symmetric_eigen();
    let mut order: Vec<usize> = (0..width).collect();
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
    let total = matrix.trace();
    let chosen = || order.iter().take(count);
    let share = |i: &usize| if total > 0.0 { eigen.eigenvalues[*i].max(0.0) / total } else { 0.0 };
    let vectors = chosen().map(|i| (&basis * eigen.eigenvectors.column(*i)).iter().copied().collect());
    (vectors.collect(), chosen().map(share).collect())
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
