//! Bringing the bounds of a few rows up to date by the levels that changed since they were last looked at.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use subsel_formats::RowSource;
use subsel_kernels::{Block, Bounds, Levels, Panel, PanelScratch, Rows};

use super::{ANYTHING, Change, Gains, MOST_CHANGES, READING};
use crate::Error;
use crate::context::Context;
use crate::plan::Shape;
use crate::pool::CheckedPool;
use crate::scan::lock;

/// Changes that a worker takes at once.
const PORTION: usize = 256;

/// Fewest changes of a step, if there are so many.
const STEP: usize = 512;

/// Multiply-adds below which one thread does it alone.
const ALONE: usize = 1 << 22;

/// Buffers of one worker, kept from call to call.
#[derive(Default)]
pub(super) struct Buffers {
    scratch: PanelScratch,
    block: Block,
    rows: Vec<usize>,
    sq_norms: Vec<f64>,
    from: Vec<f64>,
    to: Vec<f64>,
    weights: Vec<f64>,
}

impl Gains<'_> {
    /// Brings the bounds of these rows up to date, or as far as it takes for their gain to be certainly below `stop`.
    pub(super) fn catch_up(&mut self, ctx: &Context, stale: &[usize], stop: f64) -> Result<(), Error> {
        if self.table.is_some() {
            self.bound_by_table(ctx, stale);
            return Ok(());
        }
        let (anew, mut stale): (Vec<usize>, Vec<usize>) = stale.iter().partition(|row| self.bounds[**row] == ANYTHING);
        self.bound_anew(ctx, &anew)?;
        if stale.is_empty() {
            return Ok(());
        }
        stale.sort_by_key(|row| self.seen[*row]);
        let dim = self.pool.dim();
        let (mut block, mut wide, mut values) = (Block::default(), Vec::new(), Vec::new());
        self.pool.gather_f32(ctx, &stale, &mut block, &mut wide)?;
        // Those at work, by place in `stale`: all that have seen as much as each other and are not below `stop`.
        let (mut active, mut next): (Vec<usize>, usize) = (Vec::new(), 0);
        loop {
            let seen = match (active.first(), stale.get(next)) {
                (Some(&at), _) => self.seen[stale[at]],
                (None, Some(&row)) => self.seen[row],
                (None, None) => return Ok(()),
            };
            while stale.get(next).is_some_and(|row| self.seen[*row] == seen) {
                active.push(next);
                next += 1;
            }
            let from = seen as usize;
            let to = self.step_end(from).min(stale.get(next).map_or(usize::MAX, |row| self.seen[*row] as usize));
            if from == to {
                return Ok(());
            }
            values.clear();
            active.iter().for_each(|at| values.extend_from_slice(&wide[at * dim..(at + 1) * dim]));
            let panel = Panel::new(ctx.kernels(), &values, dim, None);
            self.work += ((to - from) * dim) as f64 * (active.len() as f64 + READING);
            let lost = self.lost(ctx, from..to, &panel)?;
            for (&at, lost) in active.iter().zip(lost) {
                let bounds = &mut self.bounds[stale[at]];
                // The rounding of the difference, and of the sums behind it.
                let room = 1e-13 * bounds.high;
                *bounds = Bounds {
                    low: (bounds.low - lost.high - room).max(0.0),
                    high: (bounds.high - lost.low + room).max(0.0).min(bounds.high),
                };
                self.seen[stale[at]] = to as u32;
            }
            active.retain(|at| self.high(stale[*at]) >= stop);
        }
    }

    /// Where a step through the changes ends: those of one pick are taken in eight steps, the greatest first.
    fn step_end(&self, from: usize) -> usize {
        let pick = self.starts.partition_point(|start| *start <= from);
        match self.starts.get(pick) {
            Some(&end) => (from + ((end - self.starts[pick - 1]) / 8).max(STEP)).min(end),
            None => from,
        }
    }

    /// Bounds of what the vectors of a panel no longer gain, since these levels changed.
    fn lost(&mut self, ctx: &Context, changes: Range<usize>, panel: &Panel) -> Result<Vec<Bounds>, Error> {
        self.kept.extend(ctx, self.pool, &self.changes)?;
        let ops = changes.len() * panel.dim() * panel.len();
        let (pool, similarity, kept, all) = (self.pool, self.similarity, &self.kept, &self.changes);
        let weights_of_all = self.weights.as_deref();
        let first = changes.start;
        // Portions end where the kept ones begin.
        let middle = kept.first.clamp(first, changes.end);
        let portions: Vec<Range<usize>> = portions(first..middle).chain(portions(middle..changes.end)).collect();
        let step = |buffers: &mut Buffers, portion: Range<usize>, lost: &mut [Bounds]| -> Result<(), Error> {
            buffers.load(pool, weights_of_all, &all[portion.clone()]);
            let Buffers { scratch, block, rows, sq_norms, from, to, weights } = buffers;
            let found = match kept.rows(portion, panel.dim()) {
                Some(found) => found,
                None => pool.gather(rows, block)?,
            };
            let levels = Levels { from, to: Some(to), weights: weights_of_all.map(|_| &weights[..]) };
            let kernels = ctx.kernels();
            kernels.gain_bounds(found, Some(sq_norms), panel, similarity, levels, None, scratch, &mut [], lost);
            Ok(())
        };
        let (next, failure) = (AtomicUsize::new(0), Mutex::new(None));
        let (total, resting) = (Mutex::new(vec![Bounds::ZERO; panel.len()]), Mutex::new(&mut self.resting));
        let work = || -> Result<(), Error> {
            let mut buffers = lock(&resting).pop().unwrap_or_default();
            let mut own = vec![Bounds::ZERO; panel.len()];
            while let Some(portion) = portions.get(next.fetch_add(1, Ordering::Relaxed)) {
                ctx.go_on()?;
                step(&mut buffers, portion.clone(), &mut own)?;
            }
            // In any order: these are bounds, with room for their rounding.
            lock(&total).iter_mut().zip(own).for_each(|(total, own)| total.add(own));
            lock(&resting).push(buffers);
            Ok(())
        };
        let workers = ctx.threads().current_num_threads().min(portions.len());
        if workers <= 1 || ops < ALONE {
            work()?;
        } else {
            ctx.threads().scope(|scope| {
                for _ in 0..workers {
                    scope.spawn(|_| {
                        if let Err(error) = work() {
                            lock(&failure).get_or_insert(error);
                        }
                    });
                }
            });
        }
        failure.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()).map_or(Ok(()), Err)?;
        Ok(total.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }
}

/// Cuts changes into what a worker takes at once.
fn portions(range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    range.clone().step_by(PORTION).map(move |first| first..(first + PORTION).min(range.end))
}

/// The values of the rows that changed last: reading a row on its own costs as much as many products with it.
#[derive(Default)]
pub(super) struct Kept {
    /// The first change whose row is kept; all later ones are, up to the last time.
    first: usize,
    values: Vec<f32>,
    block: Block,
    wide: Vec<f32>,
}

impl Kept {
    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.first = 0;
        self.values.clear();
    }

    /// Takes in the rows of the latest changes, and drops the oldest.
    fn extend(&mut self, ctx: &Context, pool: &CheckedPool<'_>, changes: &[Change]) -> Result<(), Error> {
        let (dim, most) = (pool.dim(), most_kept(pool.len(), pool.dim()));
        let end = self.first + self.values.len() / dim;
        let first = self.first.max(changes.len().saturating_sub(most));
        if first >= end {
            self.values.clear();
        } else {
            self.values.drain(..(first - self.first) * dim);
        }
        self.first = first;
        let new = end.max(first)..changes.len();
        self.values.reserve_exact(new.len() * dim);
        for portion in portions(new) {
            let rows: Vec<usize> = changes[portion].iter().map(|change| change.row as usize).collect();
            pool.gather_f32(ctx, &rows, &mut self.block, &mut self.wide)?;
            self.values.extend_from_slice(&self.wide);
        }
        Ok(())
    }

    /// The rows of these changes, if they are kept.
    fn rows(&self, changes: Range<usize>, dim: usize) -> Option<Rows<'_>> {
        let from = changes.start.checked_sub(self.first)?;
        Some(Rows::from_f32(self.values.get(from * dim..(from + changes.len()) * dim)?, dim))
    }
}

/// Rows kept: 192 MiB of values.
fn most_kept(n: usize, dim: usize) -> usize {
    ((48 << 20) / dim).clamp(1, MOST_CHANGES * n)
}

impl Buffers {
    fn load(&mut self, pool: &CheckedPool<'_>, weights: Option<&[f64]>, changes: &[Change]) {
        self.rows.clear();
        self.rows.extend(changes.iter().map(|change| change.row as usize));
        self.sq_norms.clear();
        self.sq_norms.extend(self.rows.iter().map(|row| pool.sq_norms()[*row]));
        self.from.clear();
        self.from.extend(changes.iter().map(|change| change.from));
        self.to.clear();
        self.to.extend(changes.iter().map(|change| change.to));
        self.weights.clear();
        self.weights.extend(weights.iter().flat_map(|of| changes.iter().map(|change| of[change.row as usize])));
    }
}

/// Bytes at most.
pub(super) fn bytes(shape: &Shape) -> u64 {
    let (rows, group) = (PORTION.min(shape.n), 256.min(shape.n));
    let worker = PanelScratch::bytes(rows, group, shape.dim) + (rows * (shape.dim * 8 + 40)) as u64;
    let kept = most_kept(shape.n, shape.dim) * shape.dim * 4;
    (shape.threads as u64 + 1) * worker + (group * shape.dim * 16 + kept) as u64
}
