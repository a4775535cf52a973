//! The distance of every row to the nearest row taken: what k-center and k-means++ share.

use rayon::prelude::*;
use subsel_kernels::{Block, Panel, PanelScratch};

use super::{Known, Shrinking};
use crate::Error;
use crate::context::Context;
use crate::plan::Shape;
use crate::pool::CheckedPool;
use crate::scan::{self, BlockAt};

/// What is known of one row: 16 bytes.
#[derive(Clone, Copy, Debug)]
struct Near {
    /// Canonical squared distance to the nearest of the first `seen` centers.
    sq_dist: f64,
    /// Centers accounted for.
    seen: u32,
    /// Which of them is the nearest.
    center: u32,
}

/// When a refresh is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefreshRule {
    /// When row-by-row work since the last one has cost what it costs.
    Paid,
    /// After every pick: the textbook's full pass.
    Always,
}

/// Squared distances to the nearest taken row, brought up to date where needed.
///
/// The value kept per row is always canonical, for the centers it accounts for; panel products only tell which pairs
/// cannot lower it. So the bounds are canonical as well.
pub(crate) struct Nearest<'p> {
    pool: &'p CheckedPool<'p>,
    near: Vec<Near>,
    /// Rows taken, labeled ones first, and their values `(t, d)`.
    rows: Vec<usize>,
    centers: Vec<f32>,
    /// Centers every row accounts for at least.
    refreshed: usize,
    /// Multiply-adds of row-by-row work since then.
    work: f64,
    rule: RefreshRule,
    buffers: (Block, Vec<f32>),
}

/// Panel products run this many times faster than canonical sums, about; it only tunes when to refresh.
const PANEL_GAIN: f64 = 8.0;

impl<'p> Nearest<'p> {
    /// Distances to nothing yet: infinite.
    pub(crate) fn new(pool: &'p CheckedPool<'p>, rule: RefreshRule) -> Self {
        let far = Near { sq_dist: f64::INFINITY, seen: 0, center: 0 };
        Nearest {
            pool,
            near: vec![far; pool.len()],
            rows: Vec::new(),
            centers: Vec::new(),
            refreshed: 0,
            work: 0.0,
            rule,
            buffers: <(Block, Vec<f32>)>::default(),
        }
    }

    /// The squared distances as they stand, 0 for rows out of play.
    pub(crate) fn bounds(&self) -> Vec<f64> {
        let bound = |(row, near): (usize, &Near)| if self.pool.is_candidate(row) { near.sq_dist } else { 0.0 };
        self.near.iter().enumerate().map(bound).collect()
    }

    /// The squared distances as they stand, of all rows, candidates or not.
    pub(crate) fn all_bounds(&self) -> Vec<f64> {
        self.near.iter().map(|near| near.sq_dist).collect()
    }

    /// How many rows are taken.
    pub(crate) fn taken(&self) -> usize {
        self.rows.len()
    }

    /// The values of the rows taken, `(t, d)`.
    pub(crate) fn into_centers(self) -> Vec<f32> {
        self.centers
    }

    /// The nearest taken row of a row that is up to date, and its distance.
    pub(crate) fn nearest(&self, row: usize) -> (usize, f64) {
        let near = self.near[row];
        (self.rows[near.center as usize], near.sq_dist.sqrt())
    }

    /// Takes several rows at once, such as the labeled ones.
    pub(crate) fn add_all(&mut self, ctx: &Context, rows: &[usize]) -> Result<(), Error> {
        rows.iter().try_for_each(|&row| self.add(ctx, row))
    }

    /// Brings every row up to date, by one pass for every [`GROUP`] centers that are new to all.
    pub(crate) fn bring_all_up_to_date(&mut self, ctx: &Context) -> Result<(), Error> {
        let dim = self.pool.dim();
        while self.refreshed < self.rows.len() {
            let first = self.refreshed;
            // Alone at the start: it gives every row a finite distance, by which the others can be filtered.
            let group = if first == 0 { 1 } else { GROUP };
            let last = (first + group).min(self.rows.len());
            let panel = Panel::new(ctx.kernels(), &self.centers[first * dim..last * dim], dim, None);
            let sq_norms = self.pool.sq_norms();
            scan::for_rows(self.pool, ctx, &mut self.near, Worker::default, |worker, block, near| {
                worker.compare(ctx, block, &sq_norms[block.range()], &panel, first, near);
                Ok(())
            })?;
            self.refreshed = last;
        }
        self.work = 0.0;
        Ok(())
    }

    /// Bytes for a pool of this shape and so many taken.
    pub(crate) fn bytes(shape: &Shape, taken: usize) -> u64 {
        let block = shape.block_rows.min(shape.n);
        // A matrix product packs its operands into memory of its own, and each thread's allocator keeps some in hand.
        let packed = 4 * shape.dim.min(512) * (block.min(1024) + GROUP) + (2 << 20);
        let worker = PanelScratch::bytes(block, GROUP, shape.dim) + (16 * block + 4 * shape.dim + packed) as u64;
        // The centers, whose buffer doubles as it grows, and the panel of a refresh.
        let centers = 2 * taken * (8 + 4 * shape.dim) + 2 * GROUP.min(taken) * (4 * shape.dim + 16);
        (shape.n * size_of::<Near>() + centers) as u64 + shape.threads as u64 * worker
    }
}

/// Centers compared with all rows in one pass, at most.
const GROUP: usize = 256;

/// Buffers of one worker of a refresh.
#[derive(Default)]
struct Worker {
    scratch: PanelScratch,
    limits: Vec<f64>,
    wide: Vec<f32>,
}

impl Worker {
    /// Compares the rows of a block with the centers of `panel`, the first of which is number `first`. Products dismiss
    /// most pairs; the distances of the others are worked out canonically.
    fn compare(
        &mut self,
        ctx: &Context,
        block: BlockAt<'_>,
        sq_norms: &[f64],
        panel: &Panel,
        first: usize,
        near: &mut [Near],
    ) {
        let kernels = ctx.kernels();
        self.wide.resize(panel.dim(), 0.0);
        let (wide, mut widened) = (&mut self.wide, None);
        self.limits.clear();
        self.limits.extend(near.iter().map(|near| near.sq_dist));
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
                    Some(sq_dist) => {
                        near[row].center = (first + center) as u32;
                        near[row].sq_dist = sq_dist;
                        sq_dist
                    }
                    None => limit,
                }
            },
        );
        let seen = (first + panel.len()) as u32;
        near.iter_mut().for_each(|near| near.seen = near.seen.max(seen));
    }
}

/// Multiply-adds below which one thread tightens alone, and rows that a thread takes at once.
const ALONE: usize = 1 << 20;
const TOGETHER: usize = 32;

/// Brings rows up to date with `centers`, each as far as it takes for its distance to be below `stop_below`.
fn follow(
    pool: &CheckedPool<'_>,
    centers: &[f32],
    stop_below: f64,
    ctx: &Context,
    (block, wide): &mut (Block, Vec<f32>),
    rows: &mut [(usize, Near)],
) -> Result<(), Error> {
    let dim = pool.dim();
    let total = centers.len() / dim;
    if rows.iter().all(|(_, near)| near.seen as usize == total) {
        return Ok(());
    }
    let numbers: Vec<usize> = rows.iter().map(|(row, _)| *row).collect();
    pool.gather_f32(ctx, &numbers, block, wide)?;
    for ((_, near), x) in rows.iter_mut().zip(wide.chunks_exact(dim)) {
        while (near.seen as usize) < total && near.sq_dist >= stop_below {
            let center = near.seen as usize;
            let c = &centers[center * dim..(center + 1) * dim];
            if let Some(sq_dist) = ctx.kernels().sq_dist_below(x, c, near.sq_dist) {
                (near.sq_dist, near.center) = (sq_dist, center as u32);
            }
            near.seen += 1;
        }
    }
    Ok(())
}

impl Shrinking for Nearest<'_> {
    fn tighten(&mut self, ctx: &Context, rows: &[usize], stop_below: f64, known: &mut Vec<Known>) -> Result<(), Error> {
        let (dim, total) = (self.pool.dim(), self.rows.len());
        let mut found: Vec<(usize, Near)> = rows.iter().map(|&row| (row, self.near[row])).collect();
        let unseen = |near: &Near| total - near.seen as usize;
        let most: usize = found.iter().map(|(_, near)| unseen(near)).sum();
        let (pool, centers) = (self.pool, &self.centers);
        let step = |buffers: &mut (Block, Vec<f32>), found: &mut [(usize, Near)]| {
            follow(pool, centers, stop_below, ctx, buffers, found)
        };
        if most * dim < ALONE || rows.len() <= TOGETHER || ctx.threads().current_num_threads() == 1 {
            step(&mut self.buffers, &mut found)?;
        } else {
            ctx.threads()
                .install(|| found.par_chunks_mut(TOGETHER).try_for_each_init(<(Block, Vec<f32>)>::default, step))?;
        }
        for (row, near) in found {
            self.work += (near.seen - self.near[row].seen) as f64 * dim as f64;
            self.near[row] = near;
            let value = (unseen(&near) == 0).then_some(near.sq_dist);
            known.push(Known { value, bound: near.sq_dist });
        }
        Ok(())
    }

    fn add(&mut self, ctx: &Context, row: usize) -> Result<(), Error> {
        let (block, wide) = &mut self.buffers;
        self.pool.gather_f32(ctx, &[row], block, wide)?;
        self.centers.extend_from_slice(wide);
        self.rows.push(row);
        Ok(())
    }

    fn wants_refresh(&self) -> bool {
        let new = (self.rows.len() - self.refreshed) as f64;
        match self.rule {
            RefreshRule::Always => new > 0.0,
            // A pass reads and converts all rows, which costs about as much as four centers' products.
            RefreshRule::Paid => self.work * PANEL_GAIN > (self.pool.len() * self.pool.dim()) as f64 * (new + 4.0),
        }
    }

    fn refresh(&mut self, ctx: &Context, bounds: &mut [f64]) -> Result<(), Error> {
        self.bring_all_up_to_date(ctx)?;
        for (bound, near) in bounds.iter_mut().zip(&self.near) {
            *bound = bound.min(near.sq_dist);
        }
        Ok(())
    }
}
