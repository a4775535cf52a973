//! k-means: seeding in proportion to squared distance, then Lloyd's iterations on panel products.
//!
//! Every decision is canonical: products only tell which center may be the nearest, and rows they leave open are
//! compared in `f64`; centers are means summed by chunks in order. So a clustering is the same for any number of
//! threads, block size, storage and instruction set.

mod seeding;
#[cfg(test)]
mod tests;

use subsel_kernels::{Panel, PanelScratch};

use crate::Error;
use crate::context::Context;
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::random::Stream;
use crate::scan::{self, BlockAt};
use crate::start::mean;

/// Settings of a clustering.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct KMeans {
    /// Clusters.
    pub(crate) k: usize,
    /// Iterations at most.
    pub(crate) iterations: usize,
}

/// scikit-learn's tolerance: stop when centers move by less than this times the mean variance of the columns.
const TOLERANCE: f64 = 1e-4;

/// A clustering of all rows of a pool.
#[derive(Clone, Debug)]
pub(crate) struct Clustering {
    /// Centers `(k, d)`.
    pub(crate) centers: Vec<f32>,
    /// The cluster of each row: the nearest center, the lowest of equals.
    pub(crate) assignment: Vec<u32>,
    /// Rows of each cluster.
    pub(crate) sizes: Vec<usize>,
    /// Iterations made.
    pub(crate) iterations: usize,
}

/// What one iteration sums up for each center.
struct Sums {
    /// `(k, d)`.
    values: Vec<f64>,
    counts: Vec<usize>,
}

impl Sums {
    fn new(k: usize, dim: usize) -> Self {
        Sums { values: vec![0.0; k * dim], counts: vec![0; k] }
    }

    fn add(&mut self, other: &Sums) {
        self.values.iter_mut().zip(&other.values).for_each(|(sum, v)| *sum += v);
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
    }
}

/// Buffers of one worker.
#[derive(Default)]
struct Worker {
    scratch: PanelScratch,
    wide: Vec<f32>,
}

impl KMeans {
    /// Clusters all rows of `pool`.
    ///
    /// # Errors
    /// Reading, interruption.
    pub(crate) fn fit(&self, pool: &CheckedPool<'_>, ctx: &Context, stream: Stream) -> Result<Clustering, Error> {
        let dim = pool.dim();
        ctx.progress().begin("seeding clusters", self.k as u64);
        let mut centers = seeding::seed(pool, self.k, ctx, stream)?;
        let still = TOLERANCE * mean_variance(pool, ctx)?;
        let mut assignment = vec![0u32; pool.len()];
        let mut iterations = 0;
        ctx.progress().begin("clustering", self.iterations as u64);
        loop {
            ctx.progress().at(iterations as u64);
            let panel = Panel::new(ctx.kernels(), &centers, dim, None);
            let sums = assign(pool, &panel, &mut assignment, ctx)?;
            if iterations == self.iterations {
                return Ok(Clustering { centers, assignment, sizes: sums.counts, iterations });
            }
            iterations += 1;
            let mut next: Vec<f32> = means(&sums, &centers, dim);
            reseed_empty(pool, &panel, &assignment, &sums.counts, &mut next, ctx)?;
            let moved: f64 = next.iter().zip(&centers).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
            if moved == 0.0 {
                return Ok(Clustering { centers, assignment, sizes: sums.counts, iterations });
            }
            centers = next;
            if moved <= still {
                let panel = Panel::new(ctx.kernels(), &centers, dim, None);
                let sums = assign(pool, &panel, &mut assignment, ctx)?;
                return Ok(Clustering { centers, assignment, sizes: sums.counts, iterations });
            }
        }
    }

    /// Work of a fit: typical iterations, not the most allowed.
    pub(crate) fn plan(&self, shape: &Shape) -> Work {
        let (n, d, k) = (shape.n as f64, shape.dim as f64, self.k as f64);
        let iterations = (self.iterations as f64).min(30.0);
        let trials = seeding::trials(self.k) as f64;
        let seeding_passes = if trials > 1.0 { k } else { 2.0 };
        let workers = (shape.threads + 1) as u64;
        Work {
            passes: iterations + seeding_passes + 2.0,
            gathered: 4.0 * k,
            panel_ops: iterations * n * d * k + if trials > 1.0 { k * n * d * (trials + 1.0) } else { n * d },
            canonical_ops: if trials > 1.0 { 4.0 * n * d } else { k * k * d * 2.0 },
            bytes: seeding::bytes(shape, self.k)
                + 4 * shape.n as u64
                + (self.k * shape.dim) as u64 * (8 * workers + 16)
                + PanelScratch::bytes(shape.block_rows.min(shape.n), self.k, shape.dim) * shape.threads as u64,
        }
    }
}

impl Clustering {
    /// Canonical squared distance of each row to the center of its cluster.
    pub(crate) fn sq_dists(&self, pool: &CheckedPool<'_>, ctx: &Context) -> Result<Vec<f64>, Error> {
        let panel = Panel::new(ctx.kernels(), &self.centers, pool.dim(), None);
        sq_dists_to_own(pool, &panel, &self.assignment, ctx)
    }
}

/// Assigns every row to its nearest center and sums the rows of each.
fn assign(pool: &CheckedPool<'_>, panel: &Panel, assignment: &mut [u32], ctx: &Context) -> Result<Sums, Error> {
    let (k, dim, kernels) = (panel.len(), panel.dim(), ctx.kernels());
    let mut total = Sums::new(k, dim);
    let step = |worker: &mut Worker, folded: Option<Sums>, block: BlockAt<'_>, out: &mut [u32]| {
        let mut sums = folded.unwrap_or_else(|| Sums::new(k, dim));
        let sq_norms = &pool.sq_norms()[block.range()];
        kernels.assign(block.rows, Some(sq_norms), panel, &mut worker.scratch, out);
        worker.wide.resize(block.rows.len() * dim, 0.0);
        kernels.widen(block.rows, &mut worker.wide);
        for (row, &cluster) in worker.wide.chunks_exact(dim).zip(out.iter()) {
            let cluster = cluster as usize;
            sums.counts[cluster] += 1;
            let sum = &mut sums.values[cluster * dim..(cluster + 1) * dim];
            sum.iter_mut().zip(row).for_each(|(sum, v)| *sum += f64::from(*v));
        }
        Ok(sums)
    };
    scan::pass(pool, ctx, assignment, Worker::default, step, |sums: Sums| {
        total.add(&sums);
        Ok(())
    })?;
    Ok(total)
}

/// The mean of each cluster; an empty one keeps its center for now.
fn means(sums: &Sums, centers: &[f32], dim: usize) -> Vec<f32> {
    let mut next = centers.to_vec();
    let clusters = next.chunks_exact_mut(dim).zip(sums.values.chunks_exact(dim)).zip(&sums.counts);
    for ((center, sum), &count) in clusters.filter(|(_, count)| **count > 0) {
        center.iter_mut().zip(sum).for_each(|(center, sum)| *center = (sum / count as f64) as f32);
    }
    next
}

/// Puts each empty cluster at the row farthest from its center, the lowest of equals, one row each.
fn reseed_empty(
    pool: &CheckedPool<'_>,
    panel: &Panel,
    assignment: &[u32],
    counts: &[usize],
    next: &mut [f32],
    ctx: &Context,
) -> Result<(), Error> {
    let empty: Vec<usize> = (0..counts.len()).filter(|&cluster| counts[cluster] == 0).collect();
    if empty.is_empty() {
        return Ok(());
    }
    let sq_dists = sq_dists_to_own(pool, panel, assignment, ctx)?;
    let mut farthest = crate::top::Smallest::new(empty.len());
    sq_dists.iter().enumerate().for_each(|(row, &sq)| farthest.push((crate::top::Key(-sq), row)));
    let rows: Vec<usize> = farthest.into_sorted().into_iter().map(|(_, row)| row).collect();
    let mut wide = Vec::new();
    pool.gather_f32(ctx, &rows, &mut subsel_kernels::Block::default(), &mut wide)?;
    for (cluster, row) in empty.iter().zip(wide.chunks_exact(pool.dim())) {
        next[cluster * pool.dim()..(cluster + 1) * pool.dim()].copy_from_slice(row);
    }
    Ok(())
}

fn sq_dists_to_own(
    pool: &CheckedPool<'_>,
    panel: &Panel,
    assignment: &[u32],
    ctx: &Context,
) -> Result<Vec<f64>, Error> {
    let mut out = vec![0.0; pool.len()];
    scan::for_rows(
        pool,
        ctx,
        &mut out,
        || (),
        |(), block, out| {
            ctx.kernels().sq_dists_paired(block.rows, panel, &assignment[block.range()], out);
            Ok(())
        },
    )?;
    Ok(out)
}

/// Mean over the columns of their variance.
fn mean_variance(pool: &CheckedPool<'_>, ctx: &Context) -> Result<f64, Error> {
    let mean = mean(pool, ctx)?;
    let mean_sq = mean.iter().map(|v| v * v).sum::<f64>();
    let sq_mean = pool.sq_norms().iter().sum::<f64>() / pool.len() as f64;
    Ok(((sq_mean - mean_sq) / pool.dim() as f64).max(0.0))
}
