//! k-means++ seeding: centers drawn in proportion to their squared distance from those before, for few clusters the best
//! of a few trials each (as scikit-learn does). Which trial is the best is judged on a sample where the pool is large:
//! draws are exact all the same, and no pass per center is needed.

use std::ops::Range;

use rayon::prelude::*;
use subsel_kernels::{Block, Panel};

use crate::Error;
use crate::context::{CHUNK_ROWS, Context};
use crate::methods::random::draw_uniform;
use crate::plan::Shape;
use crate::pool::CheckedPool;
use crate::random::{Draws, Stream};
use crate::scan;
use crate::shrinking::{Drawn, Nearest, RefreshRule, Shrinking};

/// Up to so many clusters, each center is the best of several trials. Beyond, one trial: the iterations even out what
/// seeding leaves (see `benchmarks/`).
const MOST_WITH_TRIALS: usize = 128;

/// Rows on which trials are judged; all rows of smaller pools.
const SAMPLE: usize = 8192;

/// Trials for each center.
pub(super) fn trials(k: usize) -> usize {
    if k <= MOST_WITH_TRIALS { 2 + (k as f64).ln().floor() as usize } else { 1 }
}

/// Seeds up to `k` centers `(k, d)`: as many as there are distinct rows, if these are fewer.
pub(super) fn seed(pool: &CheckedPool<'_>, k: usize, ctx: &Context, stream: Stream) -> Result<Vec<f32>, Error> {
    let mut draws = Draws::new(stream);
    let first = draws.below(pool.len() as u64) as usize;
    if trials(k) == 1 {
        seed_lazily(pool, k, first, draws, ctx)
    } else {
        seed_by_trials(pool, k, first, draws, ctx, stream.child(1))
    }
}

/// Multiply-adds of products that take the time: row by row they run at a quarter of the rate.
pub(super) fn panel_ops(shape: &Shape, k: usize) -> f64 {
    let tried = if trials(k) == 1 { 0 } else { k * (trials(k) + 1) };
    4.0 * (tried * shape.n.min(SAMPLE) * shape.dim) as f64
}

pub(super) fn bytes(shape: &Shape, k: usize) -> u64 {
    let sample = if trials(k) == 1 { 0 } else { shape.n.min(SAMPLE) };
    Nearest::bytes(shape, k) + Drawn::bytes(shape.n) + (sample * (4 * shape.dim + 40)) as u64
}

fn seed_lazily(pool: &CheckedPool<'_>, k: usize, first: usize, draws: Draws, ctx: &Context) -> Result<Vec<f32>, Error> {
    let mut nearest = Nearest::new(pool, RefreshRule::Paid);
    nearest.add(ctx, first)?;
    nearest.bring_all_up_to_date(ctx)?;
    let mut drawn = Drawn::new(&nearest.all_bounds(), draws);
    while nearest.taken() < k {
        let Some(found) = drawn.next(ctx, &mut nearest)? else { break };
        nearest.add(ctx, found.row)?;
        ctx.progress().at(nearest.taken() as u64);
    }
    Ok(nearest.into_centers())
}

/// A sample of the pool, and squared distances of its rows to the nearest center so far, less the latest.
struct Potentials {
    /// Of each chunk the rows, `(rows, d)`.
    sample: Vec<Vec<f32>>,
    sq_norms: Vec<f64>,
    sq_dists: Vec<f64>,
}

impl Potentials {
    /// Those of a uniform sample of the pool.
    fn new(pool: &CheckedPool<'_>, ctx: &Context, stream: Stream) -> Result<Self, Error> {
        let mut rows: Vec<usize> = if pool.len() <= SAMPLE {
            (0..pool.len()).collect()
        } else {
            draw_uniform(pool, stream, 0..pool.len(), SAMPLE).into_iter().map(|(_, row)| row).collect()
        };
        rows.sort_unstable();
        let gather = |chunk: &[usize]| {
            let mut values = Vec::with_capacity(chunk.len() * pool.dim());
            let (mut scratch, mut wide) = (Block::default(), Vec::new());
            for part in chunk.chunks(ctx.block_rows(pool.dim())) {
                pool.gather_f32(ctx, part, &mut scratch, &mut wide)?;
                values.extend_from_slice(&wide);
            }
            Ok(values)
        };
        let sample: Result<Vec<Vec<f32>>, Error> =
            ctx.threads().install(|| rows.par_chunks(CHUNK_ROWS).map(gather).collect());
        let sq_norms = rows.iter().map(|&row| pool.sq_norms()[row]).collect();
        let sq_dists = vec![f64::INFINITY; rows.len()];
        Ok(Potentials { sample: sample?, sq_norms, sq_dists })
    }

    /// Accounts for the latest center, and tells by how much each of `tried` `(t, d)` would lower the sum of all
    /// squared distances.
    fn gains(&mut self, latest: &[f32], tried: &[f32], ctx: &Context) -> Result<Vec<f64>, Error> {
        let panel = Panel::new(ctx.kernels(), [latest, tried].concat(), latest.len(), None);
        let mut gains = vec![0.0; panel.len()];
        let (sample, sq_norms) = (&self.sample, &self.sq_norms);
        let step = |near: &mut Vec<f64>, rows: Range<usize>, sq_dists: &mut [f64]| {
            let values = &sample[rows.start / CHUNK_ROWS];
            Ok(Some(compare(ctx, values, &sq_norms[rows], &panel, sq_dists, near)))
        };
        scan::chunks(sq_norms.len(), ctx, &mut self.sq_dists, Vec::new, step, |chunk: Vec<f64>| {
            gains.iter_mut().zip(chunk).for_each(|(gain, more)| *gain += more);
            Ok(())
        })?;
        gains.remove(0);
        Ok(gains)
    }
}

/// Row 0 of `panel` lowers `sq_dists`; what the others would lower them by is summed up, row by row. For so few columns a
/// matrix product is slower than that.
fn compare(
    ctx: &Context,
    values: &[f32],
    sq_norms: &[f64],
    panel: &Panel,
    sq_dists: &mut [f64],
    near: &mut Vec<f64>,
) -> Vec<f64> {
    let kernels = ctx.kernels();
    let all: Vec<u32> = (0..panel.len() as u32).collect();
    near.resize(all.len(), 0.0);
    let mut gains = vec![0.0; all.len()];
    for ((x, sq_norm), limit) in values.chunks_exact(panel.dim()).zip(sq_norms).zip(sq_dists) {
        kernels.sq_dists_near(x, *sq_norm, panel, &all, near);
        let error = panel.sq_dist_error(*sq_norm);
        for (center, near) in near.iter().enumerate() {
            // Written so that NaN may be below.
            if near - error >= *limit {
                continue;
            }
            match kernels.sq_dist_below(x, panel.center(center), *limit) {
                Some(sq_dist) if center == 0 => *limit = sq_dist,
                Some(sq_dist) => gains[center] += *limit - sq_dist,
                None => {}
            }
        }
    }
    gains
}

fn seed_by_trials(
    pool: &CheckedPool<'_>,
    k: usize,
    first: usize,
    draws: Draws,
    ctx: &Context,
    stream: Stream,
) -> Result<Vec<f32>, Error> {
    let mut potentials = Potentials::new(pool, ctx, stream)?;
    let mut nearest = Nearest::new(pool, RefreshRule::Paid);
    nearest.add(ctx, first)?;
    nearest.bring_all_up_to_date(ctx)?;
    let mut drawn = Drawn::new(&nearest.all_bounds(), draws);
    let (mut scratch, mut latest, mut values) = (Block::default(), Vec::new(), Vec::new());
    pool.gather_f32(ctx, &[first], &mut scratch, &mut latest)?;
    while nearest.taken() < k {
        let mut tried = Vec::new();
        for _ in 0..trials(k) {
            let Some(found) = drawn.next(ctx, &mut nearest)? else { break };
            drawn.put_back(found);
            tried.push(found.row);
        }
        if tried.is_empty() {
            break;
        }
        pool.gather_f32(ctx, &tried, &mut scratch, &mut values)?;
        let gains = potentials.gains(&latest, &values, ctx)?;
        let best = (1..gains.len()).fold(0, |best, i| if gains[i] > gains[best] { i } else { best });
        nearest.add(ctx, tried[best])?;
        pool.gather_f32(ctx, &tried[best..=best], &mut scratch, &mut latest)?;
        ctx.progress().at(nearest.taken() as u64);
    }
    Ok(nearest.into_centers())
}
