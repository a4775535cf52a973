//! k-means++ seeding: centers drawn in proportion to their squared distance from those before, the best of a few
//! trials each (as scikit-learn does) where a pass per center is affordable.

use subsel_kernels::{Block, Panel, PanelScratch};

use crate::Error;
use crate::context::Context;
use crate::plan::Shape;
use crate::pool::CheckedPool;
use crate::random::{Draws, Stream};
use crate::scan::{self, BlockAt};
use crate::shrinking::{Drawn, Known, Nearest, RefreshRule, Shrinking};

/// Up to so many clusters, each center is the best of several trials, which costs a pass per center. Beyond, one trial:
/// the iterations even out what seeding leaves (see `benchmarks/`), and a pass per center would outlast them.
const MOST_WITH_TRIALS: usize = 128;

/// Trials for each center.
pub(super) fn trials(k: usize) -> usize {
    if k <= MOST_WITH_TRIALS { 2 + (k as f64).ln().floor() as usize } else { 1 }
}

/// Seeds up to `k` centers `(k, d)`: as many as there are distinct rows, if these are fewer.
pub(super) fn seed(pool: &CheckedPool<'_>, k: usize, ctx: &Context, stream: Stream) -> Result<Vec<f32>, Error> {
    let mut draws = Draws::new(stream);
    let first = draws.below(pool.len() as u64) as usize;
    if trials(k) == 1 { seed_lazily(pool, k, first, draws, ctx) } else { seed_by_trials(pool, k, first, draws, ctx) }
}

pub(super) fn bytes(shape: &Shape, k: usize) -> u64 {
    Nearest::bytes(shape.n, shape.dim, k) + Drawn::bytes(shape.n) + 16 * shape.n as u64
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

/// Squared distances of all rows to the nearest center so far. One pass per center keeps them up to date for all but
/// the latest; rows that are drawn account for that one at once.
struct Potentials<'p> {
    pool: &'p CheckedPool<'p>,
    sq_dists: Vec<f64>,
    latest: Vec<f32>,
    scratch: Block,
    wide: Vec<f32>,
}

/// Buffers of one worker.
#[derive(Default)]
struct Worker {
    scratch: PanelScratch,
    limits: Vec<f64>,
    wide: Vec<f32>,
}

impl Potentials<'_> {
    /// Accounts for the latest center, and tells by how much each of `tried` `(t, d)` would lower the sum of all
    /// squared distances.
    fn gains(&mut self, tried: &[f32], ctx: &Context) -> Result<Vec<f64>, Error> {
        let panel = Panel::new(ctx.kernels(), &[&self.latest, tried].concat(), self.pool.dim(), None);
        let mut gains = vec![0.0; panel.len()];
        let sq_norms = self.pool.sq_norms();
        let step = |worker: &mut Worker, folded: Option<Vec<f64>>, block: BlockAt<'_>, sq_dists: &mut [f64]| {
            let mut gains = folded.unwrap_or_else(|| vec![0.0; panel.len()]);
            worker.compare(ctx, block, &sq_norms[block.range()], &panel, sq_dists, &mut gains);
            Ok(gains)
        };
        scan::pass(self.pool, ctx, &mut self.sq_dists, Worker::default, step, |chunk: Vec<f64>| {
            gains.iter_mut().zip(chunk).for_each(|(gain, more)| *gain += more);
            Ok(())
        })?;
        gains.remove(0);
        Ok(gains)
    }
}

impl Worker {
    /// Row 0 of `panel` lowers `sq_dists`; what the others would lower them by goes to `gains`. The panel is one block
    /// of products, so rows are visited in order and the sums do not depend on tiling.
    fn compare(
        &mut self,
        ctx: &Context,
        block: BlockAt<'_>,
        sq_norms: &[f64],
        panel: &Panel,
        sq_dists: &mut [f64],
        gains: &mut [f64],
    ) {
        let kernels = ctx.kernels();
        self.wide.resize(panel.dim(), 0.0);
        self.limits.clear();
        self.limits.extend_from_slice(sq_dists);
        let (wide, mut widened) = (&mut self.wide, None);
        kernels.candidates_shrinking(
            block.rows,
            Some(sq_norms),
            panel,
            &mut self.limits,
            &mut self.scratch,
            |row, center, limit| {
                if widened != Some(row) {
                    kernels.widen(block.rows.slice(row..row + 1), wide);
                    widened = Some(row);
                }
                match kernels.sq_dist_below(wide, panel.center(center), limit) {
                    Some(sq_dist) if center == 0 => {
                        sq_dists[row] = sq_dist;
                        sq_dist
                    }
                    Some(sq_dist) => {
                        gains[center] += limit - sq_dist;
                        limit
                    }
                    None => limit,
                }
            },
        );
    }
}

impl Shrinking for Potentials<'_> {
    fn tighten(
        &mut self,
        ctx: &Context,
        rows: &[usize],
        _stop_below: f64,
        known: &mut Vec<Known>,
    ) -> Result<(), Error> {
        self.pool.gather_f32(ctx, rows, &mut self.scratch, &mut self.wide)?;
        for (&row, x) in rows.iter().zip(self.wide.chunks_exact(self.pool.dim())) {
            if let Some(sq_dist) = ctx.kernels().sq_dist_below(x, &self.latest, self.sq_dists[row]) {
                self.sq_dists[row] = sq_dist;
            }
            known.push(Known { value: Some(self.sq_dists[row]), bound: self.sq_dists[row] });
        }
        Ok(())
    }

    fn add(&mut self, ctx: &Context, row: usize) -> Result<(), Error> {
        self.pool.gather_f32(ctx, &[row], &mut self.scratch, &mut self.latest)
    }

    fn wants_refresh(&self) -> bool {
        false
    }

    fn refresh(&mut self, ctx: &Context, bounds: &mut [f64]) -> Result<(), Error> {
        self.gains(&[], ctx)?;
        bounds.copy_from_slice(&self.sq_dists);
        Ok(())
    }
}

fn seed_by_trials(
    pool: &CheckedPool<'_>,
    k: usize,
    first: usize,
    draws: Draws,
    ctx: &Context,
) -> Result<Vec<f32>, Error> {
    let sq_dists = vec![f64::INFINITY; pool.len()];
    let mut potentials = Potentials { pool, sq_dists, latest: Vec::new(), scratch: Block::default(), wide: Vec::new() };
    potentials.add(ctx, first)?;
    potentials.gains(&[], ctx)?;
    let mut centers = potentials.latest.clone();
    let mut drawn = Drawn::new(&potentials.sq_dists, draws);
    for taken in 1..k {
        let mut tried = Vec::new();
        for _ in 0..trials(k) {
            let Some(found) = drawn.next(ctx, &mut potentials)? else { break };
            drawn.put_back(found);
            tried.push(found.row);
        }
        if tried.is_empty() {
            break;
        }
        let mut values = Vec::new();
        pool.gather_f32(ctx, &tried, &mut potentials.scratch, &mut values)?;
        let gains = potentials.gains(&values, ctx)?;
        let best = (1..gains.len()).fold(0, |best, i| if gains[i] > gains[best] { i } else { best });
        potentials.add(ctx, tried[best])?;
        centers.extend_from_slice(&potentials.latest);
        drawn.reset(&potentials.sq_dists);
        ctx.progress().at(taken as u64 + 1);
    }
    Ok(centers)
}
