//! How much better a pool would be represented by one more row: what facility location and kernel coverage share.
//!
//! Every row has a *level*, its similarity to the taken row that it is most alike. The *gain* of a row is what taking it
//! would add to the levels. Gains only shrink, so a heap of old bounds finds the largest ([`Largest`](crate::shrinking)).
//!
//! - One look at each pair of rows bounds all gains at once, by products with a rigorous error.
//! - A pick changes the levels of few rows once there are several. A row that comes up is compared with the rows whose
//!   levels changed since it was last looked at, by products again: with no pass over the pool.
//! - Where there is room for the similarities of all pairs in two bytes each, they are kept ([`table`]) instead, and a row
//!   that comes up is bounded by reading its own.
//! - Rows that may have the largest gain get their canonical one: an `f64` sum over chunks of 4,096 rows by number. That
//!   decides, and the similarities found on the way are the new levels if the row is picked.

mod catch_up;
mod exact;
mod greedy;
pub(crate) mod sparse;
mod table;

pub(crate) use greedy::{Finder, Picked, pick};

use std::ops::Range;

use subsel_kernels::{Bounds, Levels, PanelScratch, Similarity};

use crate::Error;
use crate::context::Context;
use crate::pairs::{self, Merge};
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::shrinking::{Known, Largest, Shrinking};
use crate::start;

use self::table::Table;

/// The level of a row as it was and as it became.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Change {
    row: u32,
    from: f64,
    to: f64,
}

/// Changes kept until all rows are brought up to date, for each row of the pool.
const MOST_CHANGES: usize = 4;

/// Reading and converting a row costs about as much as comparing it with so many.
const READING: f64 = 16.0;

/// How far below all other rows a row that came up is followed: a little more than needed, or it soon comes up again.
const DEEPER: f64 = 0.7;

/// Relative room for summation in `f64`: of canonical gains, and of bounds.
const ROOM: f64 = 1e-11;

/// Nothing known.
const ANYTHING: Bounds = Bounds { low: 0.0, high: f64::INFINITY };

/// Bounds of the gains of all rows, and what is needed to tighten them.
pub(crate) struct Gains<'p> {
    pool: &'p CheckedPool<'p>,
    similarity: Similarity,
    /// Canonical similarity of each row to the taken row it is most alike, 0 while there is none; infinite for rows of
    /// weight 0, which thus never come up.
    levels: Vec<f64>,
    /// What the part of each row in a gain is multiplied by, if not by 1: 0 or more.
    weights: Option<Vec<f64>>,
    /// Bounds of the gains, by the first `seen` changes: the upper ones hold whatever changes, the lower ones where all
    /// has been seen.
    bounds: Vec<Bounds>,
    seen: Vec<u32>,
    /// Levels that changed since the last refresh, by pick, the greatest change first; where those of each pick begin,
    /// and the end.
    changes: Vec<Change>,
    starts: Vec<usize>,
    /// Multiply-adds of row-by-row work since the last refresh.
    work: f64,
    /// Rows above their level for candidates whose canonical gain was just worked out.
    found: Vec<(usize, exact::Found)>,
    /// Buffers of workers, and rows, from call to call.
    resting: Vec<catch_up::Buffers>,
    kept: catch_up::Kept,
    /// The similarities of all pairs, where they are kept: then no changes are.
    table: Option<Table>,
    /// Whether the table is still to be made.
    may_tabulate: bool,
    /// Rows taken so far.
    n_taken: u32,
}

impl<'p> Gains<'p> {
    /// Levels by the labeled rows, and no bounds yet: gains may be anything.
    ///
    /// # Errors
    /// Reading, interruption.
    pub(crate) fn new(
        pool: &'p CheckedPool<'p>,
        similarity: Similarity,
        weights: Option<Vec<f64>>,
        ctx: &Context,
    ) -> Result<Self, Error> {
        let level = |weight: &f64| if *weight > 0.0 { 0.0 } else { f64::INFINITY };
        let mut gains = Gains {
            pool,
            similarity,
            levels: weights.as_ref().map_or_else(|| vec![0.0; pool.len()], |of| of.iter().map(level).collect()),
            weights,
            bounds: vec![ANYTHING; pool.len()],
            seen: vec![0; pool.len()],
            changes: Vec::new(),
            starts: vec![0],
            work: 0.0,
            found: Vec::new(),
            resting: Vec::new(),
            kept: catch_up::Kept::default(),
            table: None,
            may_tabulate: Table::fits(pool.len(), pool.dim(), ctx.cache_bytes()),
            n_taken: 0,
        };
        gains.raise(ctx, pool.labeled())?;
        Ok(gains)
    }

    /// Bounds the gains of all rows anew.
    ///
    /// # Errors
    /// Reading, interruption.
    pub(crate) fn bound_all(&mut self, ctx: &Context) -> Result<(), Error> {
        let is_bare = self.levels.iter().all(|level| *level == 0.0);
        self.bounds.fill(Bounds::ZERO);
        if is_bare && self.weights.is_none() && self.similarity == Similarity::ShiftedDot {
            self.bound_linearly(ctx)?;
        } else {
            self.tabulate(ctx)?;
            if self.table.is_some() {
                let all: Vec<usize> = (0..self.pool.len()).collect();
                self.bound_by_table(ctx, &all);
                return Ok(());
            }
            self.bound_by_pairs(ctx)?;
        }
        self.settle();
        Ok(())
    }

    /// Makes the table, if there is room and it is not there yet.
    ///
    /// # Errors
    /// Reading, interruption.
    pub(crate) fn tabulate(&mut self, ctx: &Context) -> Result<(), Error> {
        if std::mem::take(&mut self.may_tabulate) {
            self.table = Table::new(self.pool, self.similarity, &self.levels, self.weights.as_deref(), ctx)?;
            if self.table.is_some() {
                // From now on `seen` counts rows taken.
                self.settle();
                self.seen.fill(u32::MAX);
            }
        }
        Ok(())
    }

    fn bound_by_pairs(&mut self, ctx: &Context) -> Result<(), Error> {
        let (levels, similarity) = (&self.levels, self.similarity);
        let weights = self.weights.as_deref();
        let how = Merge { nothing: Bounds::ZERO, merge: |total: &mut Bounds, more| total.add(more) };
        pairs::for_pairs(
            self.pool,
            self.pool.sq_norms(),
            &pairs::tiles(0..self.pool.len(), self.pool.dim()),
            |_, _| true,
            ctx,
            how,
            &mut self.bounds,
            PanelScratch::default,
            |scratch, tiles, of_rows, of_panel| {
                let (rows, sq_norms) = (tiles.rows.rows, Some(tiles.sq_norms));
                let of = |range: Range<usize>| Levels {
                    weights: weights.map(|weights| &weights[range.clone()]),
                    ..Levels::from(&levels[range.clone()])
                };
                let (from, of_centers) = (of(tiles.rows.range()), Some(of(tiles.panel_range.clone())));
                let kernels = ctx.kernels();
                kernels.gain_bounds(
                    rows,
                    sq_norms,
                    tiles.panel,
                    similarity,
                    from,
                    of_centers,
                    scratch,
                    of_rows,
                    of_panel,
                );
            },
        )
    }

    /// Where no row has a level yet, the sum of `(1 + x.y) / 2` over all `x` needs their sum only.
    fn bound_linearly(&mut self, ctx: &Context) -> Result<(), Error> {
        let (n, dim) = (self.pool.len() as f64, self.pool.dim());
        let mean = start::mean(self.pool, ctx)?;
        let mut dots = vec![0.0; self.pool.len()];
        crate::scan::for_rows(
            self.pool,
            ctx,
            &mut dots,
            || (),
            |(), block, out| {
                ctx.kernels().dots_rows(block.rows, &mean, out);
                Ok(())
            },
        )?;
        // Rows may be a little longer than 1, so that a similarity is a little below 0, which counts as 0.
        let longest = self.pool.sq_norms().iter().copied().fold(0.0, f64::max);
        let room = n * longest.max(1.0) * (1e-12 + 1e-15 * dim as f64);
        let below = n * 0.5 * (longest - 1.0).max(0.0) + room;
        for (bounds, dot) in self.bounds.iter_mut().zip(dots) {
            let sum = 0.5 * n * (1.0 + dot);
            *bounds = Bounds { low: (sum - room).max(0.0), high: sum + below };
        }
        Ok(())
    }

    /// What no canonical gain of the row, now or later, is above.
    fn high(&self, row: usize) -> f64 {
        self.bounds[row].high * (1.0 + ROOM)
    }

    /// What the canonical gain of a row that is up to date is not below.
    fn low(&self, row: usize) -> f64 {
        self.bounds[row].low * (1.0 - ROOM)
    }

    /// Whether the similarities of all pairs are kept.
    fn has_table(&self) -> bool {
        self.table.is_some()
    }

    /// What `seen` is of a row that is up to date.
    fn now(&self) -> u32 {
        if self.table.is_some() { self.n_taken } else { self.changes.len() as u32 }
    }

    /// Whether a row's bounds are those of its gain as it is now.
    fn is_fresh(&self, row: usize) -> bool {
        self.seen[row] == self.now() && self.bounds[row].high < f64::INFINITY
    }

    /// Drops the changes, so that nothing is known of any gain, where nobody asks for all bounds anew.
    fn forget(&mut self) {
        self.bounds.fill(ANYTHING);
        self.settle();
    }

    fn settle(&mut self) {
        self.seen.fill(0);
        self.changes.clear();
        self.kept.clear();
        self.starts.truncate(1);
        self.work = 0.0;
    }

    /// Whether there is no room for the changes of another pick.
    fn is_full(&self) -> bool {
        self.changes.len() > (MOST_CHANGES - 1) * self.pool.len()
    }

    /// Upper bounds of the gains of candidates, 0 for other rows.
    pub(crate) fn highs(&self) -> Vec<f64> {
        (0..self.pool.len()).map(|row| if self.pool.is_candidate(row) { self.high(row) } else { 0.0 }).collect()
    }

    /// The rows of a few that may have the largest gain of them, all being up to date: lowest row first.
    fn contenders(&self, rows: &[usize], at_least: f64) -> Vec<usize> {
        let floor = rows.iter().map(|&row| self.low(row)).fold(at_least, f64::max) * (1.0 - ROOM);
        let mut rows: Vec<usize> = rows.iter().copied().filter(|&row| self.high(row) >= floor).collect();
        rows.sort_unstable();
        rows
    }

    /// How many rows the last pick represents now.
    pub(crate) fn last_changed(&self) -> usize {
        match self.starts[..] {
            [.., before, end] => end - before,
            _ => 0,
        }
    }

    /// What the part of a row in a gain is multiplied by.
    fn weight(&self, row: usize) -> f64 {
        self.weights.as_ref().map_or(1.0, |weights| weights[row])
    }

    /// Sum of the levels by weight: how well the pool is represented, by chunks in order.
    pub(crate) fn total(&self) -> f64 {
        let part = |row: usize| if self.weight(row) > 0.0 { self.weight(row) * self.levels[row] } else { 0.0 };
        let chunk = |first: usize| (first..(first + crate::CHUNK_ROWS).min(self.levels.len())).map(part).sum::<f64>();
        (0..self.levels.len()).step_by(crate::CHUNK_ROWS).map(chunk).sum()
    }

    /// What it costs to pick lazily.
    pub(crate) fn plan(shape: &Shape, budget: usize, bounds_at_start: bool) -> Work {
        let (n, d) = (shape.n as f64, shape.dim as f64);
        let picks = budget as f64;
        // As measured: one look at all pairs at the start, if needed, one after the first pick; then rows that come up,
        // and all pairs again when that has cost as much.
        let pairs = if bounds_at_start { 0.5 } else { 0.0 } + if budget > 1 { 0.7 + 0.26 * picks.sqrt() } else { 0.0 };
        if Table::fits(shape.n, shape.dim, shape.cache_bytes) && pairs > 0.0 {
            return Work {
                passes: 3.0 + picks + (shape.labeled as f64 / 256.0).ceil(),
                // A pick is worked out from the rows it may represent: ever fewer.
                gathered: n * picks.ln(),
                panel_ops: 0.55 * n * n * d,
                canonical_ops: n * d * (2.0 * picks.ln_1p() + shape.labeled as f64 / 8.0) / shape.threads as f64,
                bytes: Gains::bytes(shape) + Largest::bytes(shape.n),
            };
        }
        Work {
            passes: 3.0 + picks + (shape.labeled as f64 / 256.0).ceil(),
            gathered: n * picks.ln(),
            panel_ops: n * n * d * pairs,
            canonical_ops: n * d * (picks + shape.labeled as f64 / 8.0) / shape.threads as f64,
            bytes: Gains::bytes(shape) + Largest::bytes(shape.n),
        }
    }

    /// What it costs to work out every gain at every pick.
    pub(crate) fn plan_full(shape: &Shape, budget: usize) -> Work {
        let (n, d, budget) = (shape.n as f64, shape.dim as f64, budget as f64);
        Work {
            passes: budget * (n / 256.0).ceil(),
            gathered: n * budget,
            panel_ops: n * n * d * budget,
            canonical_ops: n * n * d * budget.ln_1p(),
            bytes: Gains::bytes(shape),
        }
    }

    /// Bytes at most.
    pub(crate) fn bytes(shape: &Shape) -> u64 {
        let changes = (shape.n * MOST_CHANGES * size_of::<Change>()) as u64 + catch_up::bytes(shape);
        // Whichever it comes to: a table is not made of what `f32` cannot hold.
        let rest =
            if Table::fits(shape.n, shape.dim, shape.cache_bytes) { changes.max(Table::bytes(shape)) } else { changes };
        (shape.n * (8 + size_of::<Bounds>() + 4)) as u64 + pairs::bytes(shape) + exact::bytes(shape) + rest
    }
}

impl Shrinking for Gains<'_> {
    fn tighten(&mut self, ctx: &Context, rows: &[usize], stop_below: f64, known: &mut Vec<Known>) -> Result<(), Error> {
        // Rows come from the top of the heap: no other row is above the lowest of these.
        let outside = rows.iter().map(|&row| self.high(row)).fold(f64::INFINITY, f64::min);
        if self.table.is_some() {
            return self.tighten_by_table(ctx, rows, outside, stop_below, known);
        }
        let stale: Vec<usize> = rows.iter().copied().filter(|&row| !self.is_fresh(row)).collect();
        self.catch_up(ctx, &stale, DEEPER * outside.max(stop_below))?;
        let fresh: Vec<usize> = rows.iter().copied().filter(|&row| self.is_fresh(row)).collect();
        let best = fresh.iter().map(|&row| self.low(row)).fold(stop_below, f64::max);
        // Canonical gains are dear: only where the best is among these, or nothing else can be learned.
        let decides = stale.is_empty() || best >= outside;
        let contenders = if decides { self.contenders(&fresh, best) } else { Vec::new() };
        let values = self.canonical(ctx, &contenders)?;
        for &row in rows {
            let value = contenders.binary_search(&row).ok().map(|at| values[at]);
            known.push(Known { value, bound: self.high(row) });
        }
        Ok(())
    }

    fn add(&mut self, ctx: &Context, row: usize) -> Result<(), Error> {
        self.take(ctx, row)
    }

    fn wants_refresh(&self) -> bool {
        if self.table.is_some() {
            return false;
        }
        let (n, dim) = (self.pool.len() as f64, self.pool.dim() as f64);
        let rows = self.changes.len() as f64;
        // After the first pick all levels are new, and with them all gains.
        rows > 0.5 * n && self.starts.len() == 2 || self.is_full() || self.work > 0.5 * n * n * dim
    }

    fn refresh(&mut self, ctx: &Context, bounds: &mut [f64]) -> Result<(), Error> {
        self.bound_all(ctx)?;
        for (row, bound) in bounds.iter_mut().enumerate() {
            *bound = bound.min(self.high(row));
        }
        Ok(())
    }
}
