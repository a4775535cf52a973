//! Which rows are covered, and how many more each row would cover.

use std::collections::BinaryHeap;

use subsel_kernels::{Block, Kernels, Panel, PanelScratch, Rows};

use crate::Error;
use crate::coarse::{Coarse, CoarseWorker, First};
use crate::context::Context;
use crate::pairs::{self, Merge, Tiles};
use crate::plan::Shape;
use crate::pool::CheckedPool;
use crate::scan::{self, BlockAt};

/// Rows compared with all others in one pass, at most.
const GROUP: usize = 1024;

/// Newly covered rows kept as vectors until they are subtracted from every gain, at most.
const PENDING: usize = 2048;

/// Rows brought up to date at once, at most. Batches grow by 4 from 1.
const BATCH: usize = 256;

/// A pass that reads and converts all rows costs about as much as comparing them with this many vectors.
const PASS: f64 = 24.0;

/// Row-by-row work is so many times slower than a pass, about: few rows per product, on one thread.
const ROW_BY_ROW: f64 = 4.0;

/// The greedy cover by balls of one radius.
///
/// The gain of a row is the number of rows in its ball that are not covered yet. Gains only shrink, so a heap of old
/// ones finds the largest: rows that come up are compared with the rows covered since they were last looked at, and all
/// at once when that has cost as much. Everything that decides is a whole number, counted canonically.
pub(crate) struct Cover<'p> {
    pool: &'p CheckedPool<'p>,
    /// A row is in a ball if its canonical squared distance is below this.
    limit: f64,
    /// Rows in the ball of each row.
    degrees: Vec<u32>,
    /// Gains as they were when the first `seen` of `pending` had been covered.
    gains: Vec<u32>,
    seen: Vec<u32>,
    covered: Vec<bool>,
    n_covered: usize,
    /// Rows covered since the last refresh, by pick.
    pending: Vec<Panel>,
    n_pending: usize,
    /// Multiply-adds of row-by-row work since then.
    work: f64,
    /// Share of the cost of a refresh that row-by-row work may reach: less where it came to a refresh before.
    patience: f64,
    /// Gain and row, the largest gain and then the lowest row first.
    heap: BinaryHeap<u64>,
    evaluations: u64,
    /// Candidates that were neither taken nor passed over. The heap may still hold others, until they come up.
    open: Vec<bool>,
    n_open: usize,
    scratch: PanelScratch,
    wide: Vec<f32>,
    block: Block,
}

fn entry(gain: u32, row: usize) -> u64 {
    u64::from(gain) << 32 | u64::from(!(row as u32))
}

fn parts(entry: u64) -> (u32, usize) {
    ((entry >> 32) as u32, !(entry as u32) as usize)
}

/// Buffers of one worker.
#[derive(Default)]
struct Worker {
    scratch: PanelScratch,
    counts: Vec<u32>,
    of_panel: Vec<u32>,
}

impl Worker {
    /// How many vectors of the panel lie within the limit of each row.
    fn count(&mut self, ctx: &Context, rows: Rows<'_>, sq_norms: &[f64], panel: &Panel, limit: f64) -> &[u32] {
        self.counts.clear();
        self.counts.resize(rows.len(), 0);
        self.of_panel.clear();
        self.of_panel.resize(panel.len(), 0);
        let Worker { scratch, counts, of_panel } = self;
        ctx.kernels().count_within(rows, Some(sq_norms), panel, limit, scratch, counts, of_panel);
        counts
    }
}

/// Buffers of one worker that compares tiles.
#[derive(Default)]
struct PairWorker {
    scratch: PanelScratch,
    coarse: CoarseWorker,
    wide: Vec<f32>,
}

impl PairWorker {
    /// Counts the pairs of two tiles below the limit, for the rows of both.
    fn count(
        &mut self,
        kernels: Kernels,
        tiles: &Tiles<'_>,
        coarse: Option<&Coarse>,
        limit: f64,
        of_rows: &mut [u32],
        of_panel: &mut [u32],
    ) {
        let PairWorker { scratch, coarse: worker, wide } = self;
        let Some(coarse) = coarse else {
            let (rows, sq_norms) = (tiles.rows.rows, Some(tiles.sq_norms));
            return kernels.count_within(rows, sq_norms, tiles.panel, limit, scratch, of_rows, of_panel);
        };
        let values = pairs::widened(kernels, tiles.rows.rows, wide);
        let dim = tiles.panel.dim();
        let (codes, panel, scratch) = coarse.pair(kernels, tiles, worker);
        kernels.coarse_count_within(codes, panel, limit, scratch, of_rows, of_panel, |row, column| {
            let x = &values[row * dim..(row + 1) * dim];
            kernels.sq_dist_below(x, tiles.panel.center(column), limit).is_some()
        });
    }
}

/// How many rows lie in the ball of each row, itself among them: those whose canonical squared distance is below
/// `limit`. One look at each pair of rows.
///
/// # Errors
/// Reading, interruption.
pub(crate) fn ball_sizes(pool: &CheckedPool<'_>, limit: f64, ctx: &Context) -> Result<Vec<u32>, Error> {
    ball_sizes_by(First::Fastest, pool, limit, ctx)
}

/// As [`ball_sizes`], by the products named first.
pub(super) fn ball_sizes_by(
    first: First,
    pool: &CheckedPool<'_>,
    limit: f64,
    ctx: &Context,
) -> Result<Vec<u32>, Error> {
    let mut sizes = vec![0; pool.len()];
    let how = Merge { nothing: 0, merge: |total: &mut u32, more| *total += more };
    let tiles = pairs::tiles(0..pool.len(), pool.dim());
    let coarse = Coarse::for_counts(pool, tiles.len(), limit, first, ctx)?;
    pairs::for_pairs(
        pool,
        pool.sq_norms(),
        &tiles,
        |_, _| true,
        ctx,
        how,
        &mut sizes,
        PairWorker::default,
        |worker, tiles, of_rows, of_panel| {
            worker.count(ctx.kernels(), tiles, coarse.as_ref(), limit, of_rows, of_panel)
        },
    )?;
    Ok(sizes)
}

/// The rows within `limit` of a vector of the panel that were not covered, ascending; marks them covered.
///
/// # Errors
/// Reading, interruption.
pub(crate) fn mark_covered(
    pool: &CheckedPool<'_>,
    panel: &Panel,
    limit: f64,
    covered: &mut [bool],
    ctx: &Context,
) -> Result<Vec<usize>, Error> {
    let sq_norms = pool.sq_norms();
    let mut newly = Vec::new();
    let step = |worker: &mut Worker, folded: Option<Vec<usize>>, block: BlockAt<'_>, covered: &mut [bool]| {
        let mut found = folded.unwrap_or_default();
        let counts = worker.count(ctx, block.rows, &sq_norms[block.range()], panel, limit);
        for ((row, covered), count) in block.range().zip(covered).zip(counts) {
            if *count > 0 && !*covered {
                *covered = true;
                found.push(row);
            }
        }
        Ok(found)
    };
    scan::pass(pool, ctx, covered, Worker::default, step, |found: Vec<usize>| {
        newly.extend(found);
        Ok(())
    })?;
    Ok(newly)
}

impl<'p> Cover<'p> {
    /// Counts every ball, by one look at each pair of rows.
    ///
    /// # Errors
    /// Reading, interruption.
    pub(crate) fn new(pool: &'p CheckedPool<'p>, limit: f64, ctx: &Context) -> Result<Self, Error> {
        let degrees = ball_sizes(pool, limit, ctx)?;
        let mut cover = Cover {
            pool,
            limit,
            gains: degrees.clone(),
            degrees,
            seen: vec![0; pool.len()],
            covered: vec![false; pool.len()],
            n_covered: 0,
            pending: Vec::new(),
            n_pending: 0,
            work: 0.0,
            patience: 1.0,
            heap: BinaryHeap::new(),
            evaluations: 0,
            open: (0..pool.len()).map(|row| pool.is_candidate(row)).collect(),
            n_open: pool.n_candidates(),
            scratch: PanelScratch::default(),
            wide: Vec::new(),
            block: Block::default(),
        };
        cover.pile_up();
        Ok(cover)
    }

    /// Rows in the ball of each row.
    pub(crate) fn degrees(&self) -> &[u32] {
        &self.degrees
    }

    /// Rows covered.
    pub(crate) fn n_covered(&self) -> usize {
        self.n_covered
    }

    /// Rows evaluated so far.
    pub(crate) fn evaluations(&self) -> u64 {
        self.evaluations
    }

    /// The candidate of largest gain, the lowest of equals, and its gain; `None` if no candidate covers anything more. It
    /// is to be taken or passed over.
    ///
    /// # Errors
    /// Reading, interruption.
    pub(crate) fn best(&mut self, ctx: &Context) -> Result<Option<(usize, u32)>, Error> {
        let found = self.largest(ctx)?;
        if found.is_some() {
            self.heap.pop();
        }
        Ok(found)
    }

    /// As [`best`](Self::best), where any row may be taken next.
    ///
    /// # Errors
    /// Reading, interruption.
    pub(crate) fn largest(&mut self, ctx: &Context) -> Result<Option<(usize, u32)>, Error> {
        let values = (self.pool.len() * self.pool.dim()) as f64;
        let (mut batch, mut rows) = (1, Vec::new());
        loop {
            ctx.go_on()?;
            if self.work * ROW_BY_ROW > values * (self.n_pending as f64 + PASS) * self.patience {
                self.refresh(ctx)?;
                self.patience = (self.patience / 4.0).max(1.0 / 256.0);
            }
            rows.clear();
            while rows.len() < batch
                && let Some(&top) = self.heap.peek()
            {
                let (gain, row) = parts(top);
                if !self.open[row] {
                    self.heap.pop();
                    continue;
                }
                if gain == self.gains[row] && self.seen[row] as usize == self.pending.len() {
                    // Nothing beneath has a larger gain, or as large a one and a lower row.
                    if rows.is_empty() {
                        self.patience = (self.patience * 2.0).min(1.0);
                        return Ok(Some((row, gain)));
                    }
                    break;
                }
                self.heap.pop();
                rows.push(row);
            }
            if rows.is_empty() {
                return Ok(None);
            }
            self.tighten(ctx, &rows)?;
            let fresh = rows.iter().filter(|row| self.gains[**row] > 0);
            self.heap.extend(fresh.map(|&row| entry(self.gains[row], row)));
            batch = (batch * 4).min(BATCH);
        }
    }

    /// Takes a row, which is no candidate from now on, and covers its ball.
    ///
    /// # Errors
    /// Reading, interruption.
    pub(crate) fn take(&mut self, ctx: &Context, row: usize) -> Result<(), Error> {
        self.pass_over(row);
        self.cover(ctx, &[row])
    }

    /// Leaves out a row that may not be picked: it is no candidate from now on.
    pub(crate) fn pass_over(&mut self, row: usize) {
        self.n_open -= usize::from(self.open[row]);
        self.open[row] = false;
    }

    /// Whether a row is a candidate that was neither taken nor passed over.
    pub(crate) fn is_open(&self, row: usize) -> bool {
        self.open[row]
    }

    /// How many more rows a row would cover, at most.
    pub(crate) fn gain(&self, row: usize) -> u32 {
        self.gains[row]
    }

    /// Whether that is how many it would cover.
    pub(crate) fn is_fresh(&self, row: usize) -> bool {
        self.gains[row] == 0 || self.seen[row] as usize == self.pending.len()
    }

    /// Candidates that were neither taken nor passed over.
    pub(crate) fn n_left(&self) -> usize {
        self.n_open
    }

    /// Covers the balls of these rows.
    ///
    /// # Errors
    /// Reading, interruption.
    pub(crate) fn cover(&mut self, ctx: &Context, rows: &[usize]) -> Result<(), Error> {
        self.cover_within(ctx, rows, self.limit)
    }

    /// Covers balls of another radius around these rows: what lies at a canonical squared distance below `limit`.
    ///
    /// # Errors
    /// Reading, interruption.
    pub(crate) fn cover_within(&mut self, ctx: &Context, rows: &[usize], limit: f64) -> Result<(), Error> {
        for rows in rows.chunks(GROUP) {
            let panel = self.panel(ctx, rows)?;
            let newly = mark_covered(self.pool, &panel, limit, &mut self.covered, ctx)?;
            self.n_covered += newly.len();
            if newly.len() + self.n_pending <= PENDING {
                if !newly.is_empty() {
                    let panel = self.panel(ctx, &newly)?;
                    self.pending.push(panel);
                    self.n_pending += newly.len();
                }
            } else if self.pool.len() - self.n_covered < newly.len() {
                self.recount(ctx)?;
            } else {
                for newly in newly.chunks(GROUP) {
                    let panel = self.panel(ctx, newly)?;
                    self.count(ctx, std::slice::from_ref(&panel), |gain, _, count| *gain -= count)?;
                }
            }
        }
        Ok(())
    }

    /// Uncovers everything, so that the same balls count again.
    pub(crate) fn reset(&mut self) {
        self.covered.fill(false);
        self.n_covered = 0;
        self.gains.copy_from_slice(&self.degrees);
        self.settle();
    }

    fn panel(&mut self, ctx: &Context, rows: &[usize]) -> Result<Panel, Error> {
        self.pool.gather_f32(ctx, rows, &mut self.block, &mut self.wide)?;
        Ok(Panel::new(ctx.kernels(), &self.wide, self.pool.dim(), None))
    }

    /// Subtracts from the gains of these rows what was covered since they were last looked at.
    ///
    /// # Errors
    /// Reading, interruption.
    pub(crate) fn tighten(&mut self, ctx: &Context, rows: &[usize]) -> Result<(), Error> {
        let stale: Vec<usize> =
            rows.iter().copied().filter(|row| (self.seen[*row] as usize) < self.pending.len()).collect();
        if stale.is_empty() {
            return Ok(());
        }
        self.evaluations += stale.len() as u64;
        self.pool.gather_f32(ctx, &stale, &mut self.block, &mut self.wide)?;
        let values = Rows::from_f32(&self.wide, self.pool.dim());
        let sq_norms: Vec<f64> = stale.iter().map(|row| self.pool.sq_norms()[*row]).collect();
        let mut worker = Worker { scratch: std::mem::take(&mut self.scratch), ..Worker::default() };
        let first = stale.iter().map(|row| self.seen[*row] as usize).min().unwrap_or(0);
        for (number, panel) in self.pending.iter().enumerate().skip(first) {
            let counts = worker.count(ctx, values, &sq_norms, panel, self.limit);
            for (row, count) in stale.iter().zip(counts) {
                if self.seen[*row] as usize <= number {
                    self.gains[*row] -= count;
                }
            }
            self.work += (stale.len() * panel.len() * self.pool.dim()) as f64;
        }
        stale.iter().for_each(|row| self.seen[*row] = self.pending.len() as u32);
        self.scratch = worker.scratch;
        Ok(())
    }

    /// Brings all gains up to date by one pass.
    fn refresh(&mut self, ctx: &Context) -> Result<(), Error> {
        let pending = std::mem::take(&mut self.pending);
        self.count(ctx, &pending, |gain, is_new, count| {
            if is_new {
                *gain -= count;
            }
        })?;
        self.settle();
        Ok(())
    }

    /// Counts all gains anew, from the rows not covered: cheaper where these are fewer than those newly covered.
    fn recount(&mut self, ctx: &Context) -> Result<(), Error> {
        let left: Vec<usize> = (0..self.pool.len()).filter(|row| !self.covered[*row]).collect();
        self.gains.fill(0);
        for left in left.chunks(GROUP) {
            let panel = self.panel(ctx, left)?;
            self.count(ctx, std::slice::from_ref(&panel), |gain, _, count| *gain += count)?;
        }
        self.settle();
        Ok(())
    }

    /// Tells `change` for each row and panel: the gain, whether the row has not seen that pending panel yet, and how
    /// many of the panel's vectors are in the row's ball.
    fn count(
        &mut self,
        ctx: &Context,
        panels: &[Panel],
        change: impl Fn(&mut u32, bool, u32) + Sync,
    ) -> Result<(), Error> {
        let (limit, sq_norms, seen) = (self.limit, self.pool.sq_norms(), &self.seen);
        scan::for_rows(self.pool, ctx, &mut self.gains, Worker::default, |worker, block, gains| {
            for (number, panel) in panels.iter().enumerate() {
                let counts = worker.count(ctx, block.rows, &sq_norms[block.range()], panel, limit);
                for ((gain, seen), count) in gains.iter_mut().zip(&seen[block.range()]).zip(counts) {
                    change(gain, *seen as usize <= number, *count);
                }
            }
            Ok(())
        })
    }

    /// All gains are up to date: nothing is pending.
    fn settle(&mut self) {
        self.pending = Vec::new();
        (self.n_pending, self.work) = (0, 0.0);
        self.seen.fill(0);
        self.pile_up();
    }

    fn pile_up(&mut self) {
        let mut entries = std::mem::take(&mut self.heap).into_vec();
        entries.clear();
        entries.reserve_exact(self.n_open);
        let open = self.gains.iter().enumerate().filter(|(row, gain)| self.open[*row] && **gain > 0);
        entries.extend(open.map(|(row, gain)| entry(*gain, row)));
        self.heap = entries.into();
    }

    /// Bytes at most.
    pub(crate) fn bytes(shape: &Shape) -> u64 {
        let group = shape.n.min(GROUP);
        let panel = (group * shape.dim) as u64 * 12;
        let pending = (shape.n.min(PENDING) * shape.dim) as u64 * 4;
        let workers = PanelScratch::bytes(shape.block_rows.min(shape.n), group, shape.dim) * shape.threads as u64;
        // A sum, though they follow each other: allocators keep what was freed.
        30 * shape.n as u64 + pairs::bytes(shape) + Coarse::bytes(shape, 0) + panel + pending + workers
    }
}
