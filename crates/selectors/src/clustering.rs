//! k-means: seeding in proportion to squared distance, then Lloyd's iterations on panel products.
//!
//! Every decision is canonical: products only tell which center may be the nearest, and rows they leave open are
//! compared in `f64`; centers are means summed by chunks in order. So a clustering is the same for any number of
//! threads, block size, storage and instruction set.

mod lloyd;
mod seeding;
#[cfg(test)]
mod tests;

use subsel_kernels::{Block, Panel};

use crate::Error;
use crate::context::Context;
use crate::methods::random::draw_uniform;
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::random::Stream;
use crate::scan;
use crate::start::mean;
use lloyd::Lloyd;

/// Settings of a clustering.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KMeans {
    /// Clusters.
    pub k: usize,
    /// Iterations at most.
    pub iterations: usize,
}

/// Iterations on a sample of a large pool before those on all rows: centers come near to their places at a fraction of
/// the cost (Bradley and Fayyad, Refining initial points for k-means clustering, 1998).
const SAMPLE_ITERATIONS: usize = 25;

/// Rows of that sample.
fn sample_rows(k: usize) -> usize {
    (64 * k).max(8192)
}

/// scikit-learn's tolerance: stop when centers move by less than this times the mean variance of the columns.
const TOLERANCE: f64 = 1e-4;

/// A clustering of all rows of a pool.
#[derive(Clone, Debug)]
pub struct Clustering {
    /// Centers `(k, d)`.
    pub centers: Vec<f32>,
    /// The cluster of each row: the nearest center, the lowest of equals.
    pub assignment: Vec<u32>,
    /// Rows of each cluster.
    pub sizes: Vec<usize>,
    /// Iterations made.
    pub iterations: usize,
    /// Rows looked at in all iterations; the bounds spared the others.
    pub looked_at: u64,
    /// Distances to centers worked out for these; the bounds spared the others.
    pub compared: u64,
}

/// Clusters where the user names no number: the square root of the rows, at most 1,000. It does not depend on the
/// budget, so that methods that pick within clusters are nested.
pub(crate) fn default_clusters(n: usize) -> usize {
    ((n as f64).sqrt().round() as usize).clamp(1, 1000)
}

impl KMeans {
    /// Clusters all rows of `pool` into `k` clusters, at most as many as it has rows; fewer where rows are equal.
    ///
    /// # Errors
    /// Reading, interruption.
    pub fn fit(&self, pool: &CheckedPool<'_>, ctx: &Context, stream: Stream) -> Result<Clustering, Error> {
        let name = || format!("{self:?} {stream:?} {}", pool.name());
        ctx.memo().recall(name, || self.fit_anew(pool, ctx, stream))
    }

    fn fit_anew(&self, pool: &CheckedPool<'_>, ctx: &Context, stream: Stream) -> Result<Clustering, Error> {
        ctx.progress().begin("seeding clusters", self.k as u64);
        let mut centers = seeding::seed(pool, self.k, ctx, stream)?;
        let k = centers.len() / pool.dim();
        if pool.len() > 2 * sample_rows(k) {
            let mut rows: Vec<usize> = draw_uniform(pool, stream.child(2), 0..pool.len(), sample_rows(k))
                .into_iter()
                .map(|(_, row)| row)
                .collect();
            rows.sort_unstable();
            centers = iterate(&pool.keep(rows), centers, self.iterations.min(SAMPLE_ITERATIONS), ctx)?.centers;
        }
        iterate(pool, centers, self.iterations, ctx)
    }

    /// Clusters all rows of `pool` from the centers that these rows are, with all rows in every iteration.
    ///
    /// # Errors
    /// Reading, interruption.
    pub fn fit_from(&self, pool: &CheckedPool<'_>, rows: &[usize], ctx: &Context) -> Result<Clustering, Error> {
        let mut centers = Vec::new();
        pool.gather_f32(ctx, rows, &mut Block::default(), &mut centers)?;
        iterate(pool, centers, self.iterations, ctx)
    }

    /// Work of a fit: typical iterations, not the most allowed.
    pub fn plan(&self, shape: &Shape) -> Work {
        let (n, d, k) = (shape.n as f64, shape.dim as f64, self.k as f64);
        let of_sample = if shape.n > 2 * sample_rows(self.k) { sample_rows(self.k) } else { 0 };
        let of_sample = Shape { n: of_sample, ..*shape };
        let sampled = of_sample.n as f64 / n;
        // As measured, in products of all rows and centers: of later iterations the bounds spare most rows, and, with one
        // for each center, most centers, but for those right after seeding; taking these bounds takes as long as products.
        let (on_all, on_sample) = (self.iterations.min(45) as f64, self.iterations.min(SAMPLE_ITERATIONS) as f64);
        let whole = on_all + sampled * on_sample;
        let compared = |shape: &Shape, iterations: f64, is_seeded: bool| match Lloyd::keeps_floors(shape, self.k) {
            true => 1.9 + (0.27 + 4.0 / k) * iterations + if is_seeded { 4.4 } else { 0.0 },
            false => iterations,
        };
        let compared = compared(shape, on_all, of_sample.n == 0) + sampled * compared(&of_sample, on_sample, true);
        let trials = seeding::trials(self.k) as f64;
        // The view of the sample: what is known of each row, and what drew it.
        let sample = 80 * of_sample.n as u64;
        Work {
            passes: 2.0 * whole + 4.0,
            gathered: n * (self.iterations as f64 - whole).clamp(0.0, 30.0) / 20.0 + 8.0 * k * trials,
            panel_ops: compared * n * d * k + n * d + seeding::panel_ops(shape, self.k),
            canonical_ops: 2.0 * whole * n * d / shape.threads as f64 + k * k * d * trials,
            bytes: seeding::bytes(shape, self.k)
                .max(Lloyd::bytes(shape, self.k) + 4 * shape.n as u64)
                .max(Lloyd::bytes(&of_sample, self.k))
                + sample
                + (self.k * (20 * shape.dim + 64)) as u64,
        }
    }
}

/// Lloyd's iterations from these centers, at most so many.
fn iterate(
    pool: &CheckedPool<'_>,
    mut centers: Vec<f32>,
    most_iterations: usize,
    ctx: &Context,
) -> Result<Clustering, Error> {
    let dim = pool.dim();
    let variance = mean_variance(pool, ctx)?;
    let still = TOLERANCE * variance;
    let mut lloyd = Lloyd::new(pool, centers.len() / dim, (variance * dim as f64).sqrt(), ctx);
    let mut moved = vec![0.0; centers.len() / dim];
    let mut iterations = 0;
    let mut is_last = false;
    ctx.progress().begin("clustering", most_iterations as u64);
    loop {
        ctx.progress().at(iterations as u64);
        let panel = Panel::new(ctx.kernels(), &centers, dim, None);
        lloyd.assign(&panel, &moved, ctx)?;
        if is_last || iterations == most_iterations {
            break;
        }
        iterations += 1;
        let mut next: Vec<f32> = means(&lloyd.sums, &lloyd.counts, &centers, dim);
        reseed_empty(pool, &panel, &lloyd, &mut next, ctx)?;
        for ((moved, next), old) in moved.iter_mut().zip(next.chunks_exact(dim)).zip(centers.chunks_exact(dim)) {
            ctx.kernels().sq_dists(next, old, std::slice::from_mut(moved));
        }
        let total: f64 = moved.iter().sum();
        if total == 0.0 {
            break;
        }
        moved.iter_mut().for_each(|moved| *moved = moved.sqrt());
        centers = next;
        is_last = total <= still;
    }
    let (assignment, sizes) = (lloyd.assignment(), lloyd.counts);
    Ok(Clustering { centers, assignment, sizes, iterations, looked_at: lloyd.looked_at, compared: lloyd.compared })
}

impl Clustering {
    /// Canonical squared distance of each row to the center of its cluster.
    pub(crate) fn sq_dists(&self, pool: &CheckedPool<'_>, ctx: &Context) -> Result<Vec<f64>, Error> {
        let panel = Panel::new(ctx.kernels(), &self.centers, pool.dim(), None);
        sq_dists_to_own(pool, &panel, &self.assignment, ctx)
    }
}

/// The mean of each cluster; an empty one keeps its center for now.
fn means(sums: &[f64], counts: &[usize], centers: &[f32], dim: usize) -> Vec<f32> {
    let mut next = centers.to_vec();
    let clusters = next.chunks_exact_mut(dim).zip(sums.chunks_exact(dim)).zip(counts);
    for ((center, sum), &count) in clusters.filter(|(_, count)| **count > 0) {
        center.iter_mut().zip(sum).for_each(|(center, sum)| *center = (sum / count as f64) as f32);
    }
    next
}

/// Puts each empty cluster at the row farthest from its center, the lowest of equals, one row each.
fn reseed_empty(
    pool: &CheckedPool<'_>,
    panel: &Panel,
    lloyd: &Lloyd<'_>,
    next: &mut [f32],
    ctx: &Context,
) -> Result<(), Error> {
    let empty: Vec<usize> = (0..lloyd.counts.len()).filter(|&cluster| lloyd.counts[cluster] == 0).collect();
    if empty.is_empty() {
        return Ok(());
    }
    let sq_dists = sq_dists_to_own(pool, panel, &lloyd.assignment(), ctx)?;
    let mut farthest = crate::top::Smallest::new(empty.len());
    sq_dists.iter().enumerate().for_each(|(row, &sq)| farthest.push((crate::top::Key(-sq), row)));
    let rows: Vec<usize> = farthest.into_sorted().into_iter().map(|(_, row)| row).collect();
    let mut wide = Vec::new();
    pool.gather_f32(ctx, &rows, &mut Block::default(), &mut wide)?;
    for (cluster, row) in empty.iter().zip(wide.chunks_exact(pool.dim())) {
        next[cluster * pool.dim()..(cluster + 1) * pool.dim()].copy_from_slice(row);
    }
    Ok(())
}

/// Canonical squared distance of each row to one center of `panel`, row `i` to center `assignment[i]`.
pub(crate) fn sq_dists_to_own(
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
