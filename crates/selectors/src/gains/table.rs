//! The similarities of all pairs of rows in whole units, where there is room for them: two bytes each.
//!
//! They are upper bounds, so their sums above the levels bound the gains; what decides is canonical as ever. One look at
//! each pair of rows fills the table, and from then on a gain is bounded in the time of reading its row of the table.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use subsel_kernels::{Block, Bounds, PanelScratch, Rows, Similarity};

use super::exact::Found;
use super::{Gains, ROOM};
use crate::Error;
use crate::context::{CHUNK_ROWS, Context};
use crate::pairs;
use crate::plan::Shape;
use crate::pool::CheckedPool;
use crate::shrinking::{Known, TIE};
use crate::unit::keeps_rows;

/// Units of the largest similarity there can be: a little is left for rounding up.
const UNITS: f64 = 65_000.0;

/// Rows that a thread takes at once when many are to be bounded.
const PORTION: usize = 32;

/// Rows gathered at once for canonical similarities.
const GATHERED: usize = 1024;

/// A gain is worked out by reading rows one by one where no more than this share of all may count, else by a pass.
const FEW: usize = 8;

/// Similarities of all pairs, and the levels, in units.
pub(super) struct Table {
    /// Units of a similarity of 1.
    per_unit: f32,
    /// Rows of a tile.
    tile: usize,
    n_tiles: usize,
    /// For each pair of tiles the similarities of the rows of the first to those of the second.
    blocks: Vec<Vec<u16>>,
    /// The level of each row, rounded down.
    levels: Vec<u16>,
    /// Weights of the rows, rounded up, and how many units a weight of 1 has.
    weights: Option<(Vec<u16>, f64)>,
}

impl Table {
    /// Whether there is room for the table of a pool, beside its rows.
    pub(super) fn fits(n: usize, dim: usize, cache_bytes: u64) -> bool {
        let rows = if keeps_rows(n, dim, cache_bytes) { (4 * n * dim) as u64 } else { 0 };
        (n as u64).saturating_mul(n as u64).saturating_mul(2) <= cache_bytes - rows
    }

    /// Looks at all pairs of rows; `None` if `f32` cannot hold their similarities.
    ///
    /// # Errors
    /// Reading, interruption.
    pub(super) fn new(
        pool: &CheckedPool<'_>,
        similarity: Similarity,
        levels: &[f64],
        weights: Option<&[f64]>,
        ctx: &Context,
    ) -> Result<Option<Self>, Error> {
        let n = pool.len();
        let longest = pool.sq_norms().iter().copied().fold(0.0, f64::max);
        let per_unit = (UNITS / similarity.most(longest)) as f32;
        if !per_unit.is_normal() || !(per_unit * f32::from(u16::MAX)).is_finite() {
            return Ok(None);
        }
        let tiles = pairs::tiles(0..n, pool.dim());
        let n_tiles = tiles.len();
        let blocks: Vec<OnceLock<Vec<u16>>> = (0..n_tiles * n_tiles).map(|_| OnceLock::new()).collect();
        let threads = ctx.threads().current_num_threads();
        pairs::walk(
            pool,
            pool.sq_norms(),
            &tiles,
            |_, _| true,
            ctx,
            threads,
            PanelScratch::default,
            |scratch, pair| {
                let (rows, panel) = (pair.rows.rows, pair.panel);
                let mut found = vec![0; rows.len() * panel.len()];
                ctx.kernels().similarity_units(
                    rows,
                    Some(pair.sq_norms),
                    panel,
                    similarity,
                    per_unit,
                    scratch,
                    &mut found,
                );
                // Each pair of tiles is met once, so that no place is taken.
                if pair.left != pair.right {
                    let _ = blocks[pair.left * n_tiles + pair.right].set(transposed(&found, panel.len()));
                }
                let _ = blocks[pair.right * n_tiles + pair.left].set(found);
            },
        )?;
        let blocks = blocks.into_iter().map(|block| block.into_inner().unwrap_or_default()).collect();
        let mut table = Table {
            per_unit,
            tile: tiles[0].len(),
            n_tiles,
            blocks,
            levels: vec![0; n],
            weights: weights.map(weight_units),
        };
        (0..n).for_each(|row| table.raise(row, levels[row]));
        Ok(Some(table))
    }

    /// Sets the level of a row.
    pub(super) fn raise(&mut self, row: usize, level: f64) {
        let units = (level * f64::from(self.per_unit)).next_down().floor();
        self.levels[row] = units.clamp(0.0, f64::from(u16::MAX)) as u16;
    }

    /// The units of a row, tile by tile, and the rows that they are about.
    fn row(&self, row: usize) -> impl Iterator<Item = (usize, &[u16])> {
        let (tile, at) = (row / self.tile, row % self.tile);
        let blocks = &self.blocks[tile * self.n_tiles..(tile + 1) * self.n_tiles];
        let len = |first: usize| self.tile.min(self.levels.len() - first);
        blocks.iter().enumerate().map(move |(other, block)| {
            let first = other * self.tile;
            (first, &block[at * len(first)..(at + 1) * len(first)])
        })
    }

    /// An upper bound of the gain of a row.
    fn bound(&self, ctx: &Context, row: usize) -> f64 {
        let above = |(first, units): (usize, &[u16])| {
            let rows = first..first + units.len();
            let weights = self.weights.as_ref().map(|(weights, _)| &weights[rows.clone()]);
            ctx.kernels().units_above(units, &self.levels[rows.clone()], weights)
        };
        let per_unit = f64::from(self.per_unit) * self.weights.as_ref().map_or(1.0, |(_, per_unit)| *per_unit);
        self.row(row).map(above).sum::<u64>() as f64 / per_unit * (1.0 + ROOM)
    }

    /// Upper bounds of the gains of rows.
    pub(super) fn bounds(&self, ctx: &Context, rows: &[usize]) -> Vec<f64> {
        let mut bounds = vec![0.0; rows.len()];
        if rows.len() < 2 * PORTION {
            bounds.iter_mut().zip(rows).for_each(|(bound, row)| *bound = self.bound(ctx, *row));
            return bounds;
        }
        let portions: Vec<std::sync::Mutex<(&mut [f64], &[usize])>> =
            bounds.chunks_mut(PORTION).zip(rows.chunks(PORTION)).map(std::sync::Mutex::new).collect();
        let next = AtomicUsize::new(0);
        ctx.threads().scope(|scope| {
            for _ in 0..ctx.threads().current_num_threads().min(portions.len()) {
                scope.spawn(|_| {
                    while let Some(portion) = portions.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let mut portion = crate::scan::lock(portion);
                        let (bounds, rows) = &mut *portion;
                        bounds.iter_mut().zip(*rows).for_each(|(bound, row)| *bound = self.bound(ctx, *row));
                    }
                });
            }
        });
        drop(portions);
        bounds
    }

    /// The rows that may be more alike `row` than their level, ascending; `None` if they are many.
    fn above(&self, row: usize) -> Option<Vec<usize>> {
        let most = self.levels.len() / FEW;
        let mut above = Vec::new();
        for (first, units) in self.row(row) {
            let levels = &self.levels[first..first + units.len()];
            let is_above = |at: &usize| units[*at] > levels[*at];
            above.extend((0..units.len()).filter(is_above).map(|at| first + at));
            if above.len() > most {
                return None;
            }
        }
        Some(above)
    }

    /// Bytes for a pool of `n` rows, and while it is filled.
    pub(super) fn bytes(shape: &Shape) -> u64 {
        let n = shape.n as u64;
        2 * n * n + 4 * n + (n / FEW as u64 + GATHERED as u64) * 32 + (GATHERED * shape.dim * 12) as u64
    }
}

/// Weights in units, rounded up, and how many units a weight of 1 has.
fn weight_units(weights: &[f64]) -> (Vec<u16>, f64) {
    let most = weights.iter().copied().fold(1e-290, f64::max);
    let units = |weight: &f64| match *weight > 0.0 {
        true => (weight / most * f64::from(u16::MAX)).next_up().ceil().min(f64::from(u16::MAX)) as u16,
        false => 0,
    };
    (weights.iter().map(units).collect(), f64::from(u16::MAX) / most)
}

/// The table with rows and columns exchanged.
fn transposed(units: &[u16], columns: usize) -> Vec<u16> {
    /// What is read and what is written of so many rows and columns lies in the first-level cache.
    const SIDE: usize = 32;
    let rows = units.len() / columns;
    let mut out = vec![0; units.len()];
    for first_row in (0..rows).step_by(SIDE) {
        for first_column in (0..columns).step_by(SIDE) {
            for column in first_column..(first_column + SIDE).min(columns) {
                for row in first_row..(first_row + SIDE).min(rows) {
                    out[column * rows + row] = units[row * columns + column];
                }
            }
        }
    }
    out
}

impl Gains<'_> {
    /// Bounds the gains of rows, which are up to date from now on.
    pub(super) fn bound_by_table(&mut self, ctx: &Context, rows: &[usize]) {
        let Some(table) = &self.table else { return };
        let now = self.now();
        for (&row, high) in rows.iter().zip(table.bounds(ctx, rows)) {
            self.bounds[row] = Bounds { low: 0.0, high };
            self.seen[row] = now;
        }
    }

    /// [`tighten`](crate::shrinking::Shrinking::tighten): no other row is above `outside`.
    pub(super) fn tighten_by_table(
        &mut self,
        ctx: &Context,
        rows: &[usize],
        outside: f64,
        stop_below: f64,
        known: &mut Vec<Known>,
    ) -> Result<(), Error> {
        let stale: Vec<usize> = rows.iter().copied().filter(|row| !self.is_fresh(*row)).collect();
        self.bound_by_table(ctx, &stale);
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by(|a, b| self.high(rows[*b]).total_cmp(&self.high(rows[*a])));
        let mut values = vec![None; rows.len()];
        let mut best = stop_below;
        for at in order {
            let row = rows[at];
            // Canonical gains are dear: where another row may have a larger bound, that is looked at before.
            if self.high(row) < best || (self.high(row) < outside && !stale.is_empty()) {
                break;
            }
            ctx.go_on()?;
            let (gain, found) = self.found_above(ctx, row)?;
            if gain >= best {
                self.found = vec![(row, found)];
            }
            self.bounds[row] = Bounds::exactly(gain);
            best = best.max(gain * (1.0 - TIE));
            values[at] = Some(gain);
        }
        known.extend(rows.iter().zip(values).map(|(&row, value)| Known { value, bound: self.high(row) }));
        Ok(())
    }

    /// The canonical gain of a row and the rows above their level, by the table; `None` if these are many.
    ///
    /// The sum is that of a pass: over chunks of rows by number.
    pub(super) fn canonical_by_table(
        &self,
        ctx: &Context,
        table: &Table,
        row: usize,
    ) -> Result<Option<(f64, Found)>, Error> {
        let Some(above) = table.above(row) else { return Ok(None) };
        let (mut block, mut wide) = (Block::default(), Vec::new());
        let panel = self.panel(ctx, &[row])?;
        let mut found: Found = Vec::new();
        for rows in above.chunks(GATHERED) {
            self.pool.gather_f32(ctx, rows, &mut block, &mut wide)?;
            let levels: Vec<f64> = rows.iter().map(|row| self.levels[*row]).collect();
            let sq_norms: Vec<f64> = rows.iter().map(|row| self.pool.sq_norms()[*row]).collect();
            let values = Rows::from_f32(&wide, self.pool.dim());
            let scratch = &mut PanelScratch::default();
            let visit = |at: usize, _: usize, alike: f64| found.push((rows[at] as u32, alike));
            ctx.kernels().for_alike(values, Some(&sq_norms), &panel, self.similarity, &levels, scratch, visit);
        }
        let (mut gain, mut part, mut chunk) = (0.0, 0.0, 0);
        for &(row, alike) in &found {
            let row = row as usize;
            if row / CHUNK_ROWS != chunk {
                gain += part;
                (part, chunk) = (0.0, row / CHUNK_ROWS);
            }
            part += self.weight(row) * (alike - self.levels[row]);
        }
        Ok(Some((gain + part, found)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_turned() {
        for (rows, columns) in [(1, 1), (3, 70), (64, 33), (100, 5)] {
            let units: Vec<u16> = (0..rows * columns).map(|i| i as u16).collect();
            let turned = transposed(&units, columns);
            for row in 0..rows {
                for column in 0..columns {
                    assert_eq!(turned[column * rows + row], units[row * columns + column]);
                }
            }
        }
    }
}
