//! Bringing the bounds of a few rows up to date by the levels that changed since they were last looked at.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use subsel_formats::RowSource;
use subsel_kernels::{Block, Bounds, Levels, Panel, PanelScratch};

use super::{ANYTHING, Change, Gains, READING};
use crate::Error;
use crate::context::Context;
use crate::plan::Shape;
use crate::pool::CheckedPool;
use crate::scan::lock;

/// Changes that a worker takes at once.
const PORTION: usize = 512;

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
}

impl Gains<'_> {
    /// Brings the bounds of these rows up to date.
    pub(super) fn catch_up(&mut self, ctx: &Context, stale: &[usize]) -> Result<(), Error> {
        // With more changes than rows, or no bounds at all, the whole sum is cheaper.
        let n_changes = |row: usize| self.changes.len() - self.starts[self.seen[row] as usize];
        let (anew, mut stale): (Vec<usize>, Vec<usize>) =
            stale.iter().partition(|row| n_changes(**row) > self.pool.len() || self.bounds[**row] == ANYTHING);
        self.bound_anew(ctx, &anew)?;
        if stale.is_empty() {
            return Ok(());
        }
        stale.sort_by_key(|row| self.seen[*row]);
        let dim = self.pool.dim();
        let (mut block, mut wide) = (Block::default(), Vec::new());
        self.pool.gather_f32(ctx, &stale, &mut block, &mut wide)?;
        let now = self.starts.len() - 1;
        let mut from = 0;
        while from < stale.len() {
            // Those that have seen as little as this one, and before it those that have seen less.
            let seen = self.seen[stale[from]];
            let to = stale.partition_point(|row| self.seen[*row] <= seen);
            let until = stale.get(to).map_or(now, |row| self.seen[*row] as usize);
            let changes = self.starts[seen as usize]..self.starts[until];
            if !changes.is_empty() {
                let panel = Panel::new(ctx.kernels(), &wide[..to * dim], dim, None);
                self.work += (changes.len() * dim) as f64 * (to as f64 + READING);
                let lost = self.lost(ctx, changes, &panel)?;
                for (row, lost) in stale[..to].iter().zip(lost) {
                    let bounds = &mut self.bounds[*row];
                    // The rounding of the difference, and of the sums behind it.
                    let room = 1e-13 * bounds.high;
                    *bounds = Bounds {
                        low: (bounds.low - lost.high - room).max(0.0),
                        high: (bounds.high - lost.low + room).max(0.0).min(bounds.high),
                    };
                }
            }
            from = to;
        }
        stale.iter().for_each(|row| self.seen[*row] = now as u32);
        Ok(())
    }

    /// Bounds of what the vectors of a panel no longer gain, since these levels changed.
    fn lost(&mut self, ctx: &Context, changes: Range<usize>, panel: &Panel) -> Result<Vec<Bounds>, Error> {
        let ops = changes.len() * panel.dim() * (panel.len() + READING as usize);
        let (pool, similarity) = (self.pool, self.similarity);
        let changes = &self.changes[changes];
        let step = |buffers: &mut Buffers, portion: &[Change], lost: &mut [Bounds]| -> Result<(), Error> {
            buffers.load(pool, portion)?;
            let Buffers { scratch, block, rows, sq_norms, from, to } = buffers;
            let found = pool.gather(rows, block)?;
            let levels = Levels { from, to: Some(to) };
            let kernels = ctx.kernels();
            kernels.gain_bounds(found, Some(sq_norms), panel, similarity, levels, None, scratch, &mut [], lost);
            Ok(())
        };
        let mut total = vec![Bounds::ZERO; panel.len()];
        let workers = ctx.threads().current_num_threads().min(changes.len().div_ceil(PORTION));
        if workers <= 1 || ops < ALONE {
            for portion in changes.chunks(PORTION) {
                ctx.go_on()?;
                step(&mut self.catch_up, portion, &mut total)?;
            }
            return Ok(total);
        }
        let (next, failure, sums) = (AtomicUsize::new(0), Mutex::new(None), Mutex::new(&mut total));
        let work = || -> Result<(), Error> {
            let (mut buffers, mut own) = (Buffers::default(), vec![Bounds::ZERO; panel.len()]);
            while let Some(portion) = changes.chunks(PORTION).nth(next.fetch_add(1, Ordering::Relaxed)) {
                ctx.go_on()?;
                step(&mut buffers, portion, &mut own)?;
            }
            // In any order: these are bounds, with room for their rounding.
            lock(&sums).iter_mut().zip(own).for_each(|(total, own)| total.add(own));
            Ok(())
        };
        ctx.threads().scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|_| {
                    if let Err(error) = work() {
                        lock(&failure).get_or_insert(error);
                    }
                });
            }
        });
        failure.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()).map_or(Ok(()), Err)?;
        Ok(total)
    }
}

impl Buffers {
    fn load(&mut self, pool: &CheckedPool<'_>, changes: &[Change]) -> Result<(), Error> {
        self.rows.clear();
        self.rows.extend(changes.iter().map(|change| change.row as usize));
        self.sq_norms.clear();
        self.sq_norms.extend(self.rows.iter().map(|row| pool.sq_norms()[*row]));
        self.from.clear();
        self.from.extend(changes.iter().map(|change| change.from));
        self.to.clear();
        self.to.extend(changes.iter().map(|change| change.to));
        Ok(())
    }
}

/// Bytes at most.
pub(super) fn bytes(shape: &Shape) -> u64 {
    let (rows, group) = (PORTION.min(shape.n), 256.min(shape.n));
    let worker = PanelScratch::bytes(rows, group, shape.dim) + (rows * (shape.dim * 8 + 32)) as u64;
    (shape.threads as u64 + 1) * worker + (group * shape.dim * 16) as u64
}
