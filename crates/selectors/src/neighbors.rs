//! Exact nearest neighbors, by matrix products that dismiss nearly all pairs.
//!
//! Rows come in panels; every row is compared with one panel after another and keeps the best it has met. A product
//! bounds each distance, and only pairs that might enter a list are worked out canonically. So lists are exact and the
//! same for any number of threads, block size, storage and instruction set, and nothing of size n x n is kept.

#[cfg(test)]
mod tests;

use std::ops::Range;

use subsel_formats::RowSource;
use subsel_kernels::{Block, Panel, PanelScratch, Rows, Values};

use crate::Error;
use crate::context::Context;
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::scan::{self, BlockAt};

/// The `k` nearest rows of every row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KnnGraph {
    /// Neighbors of each row: fewer than asked for only if the pool has fewer other rows.
    pub(crate) k: usize,
    /// The neighbors `(n, k)` of each row, by ascending distance, of equals the lowest row first. Never the row itself;
    /// duplicates of it are neighbors at distance 0.
    pub(crate) indices: Vec<u32>,
    /// Their canonical squared distances `(n, k)`.
    pub(crate) sq_dists: Vec<f64>,
}

impl KnnGraph {
    /// The neighbors of a row and their squared distances, ascending.
    pub(crate) fn of(&self, row: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let range = row * self.k..(row + 1) * self.k;
        self.indices[range.clone()].iter().map(|other| *other as usize).zip(self.sq_dists[range].iter().copied())
    }

    /// Squared distances from a row to its neighbors, ascending.
    pub(crate) fn sq_dists_of(&self, row: usize) -> &[f64] {
        &self.sq_dists[row * self.k..(row + 1) * self.k]
    }
}

/// The neighbors found so far of one row, ascending by (distance, row).
struct List<'g> {
    len: usize,
    indices: &'g mut [u32],
    sq_dists: &'g mut [f64],
}

impl List<'_> {
    /// What a distance must be below to enter. Rows come in ascending order, so that of equals the lowest stays.
    fn limit(&self) -> f64 {
        if self.len < self.sq_dists.len() { f64::INFINITY } else { self.sq_dists.last().copied().unwrap_or(0.0) }
    }

    fn insert(&mut self, index: u32, sq_dist: f64) {
        let at = self.sq_dists[..self.len].partition_point(|other| *other <= sq_dist);
        self.len = (self.len + 1).min(self.sq_dists.len());
        self.sq_dists.copy_within(at..self.len - 1, at + 1);
        self.indices.copy_within(at..self.len - 1, at + 1);
        (self.sq_dists[at], self.indices[at]) = (sq_dist, index);
    }
}

/// Bytes of the rows of one panel: with more, passes over the rows are fewer.
const PANEL_BYTES: usize = 16 << 20;

/// Rows of one panel.
fn panel_rows(n: usize, dim: usize) -> usize {
    (PANEL_BYTES / (4 * dim)).clamp(1024, 1 << 20).min(n)
}

/// Bytes of the open pairs of a block, for each row and neighbor: a list meets about so many rows before it settles.
const OPEN_BYTES: usize = 8 * size_of::<Open>();

/// Buffers of one worker.
#[derive(Default)]
struct Worker {
    scratch: PanelScratch,
    limits: Vec<f64>,
    wide: Vec<f32>,
    /// For each row of the block, upper bounds `(block, k)` of its `k` least squared distances so far, ascending.
    highs: Vec<f64>,
    open: Vec<Open>,
}

/// A pair that might be one of neighbors.
#[derive(Clone, Copy)]
struct Open {
    row: u32,
    column: u32,
    /// Its squared distance is at least this.
    low: f64,
}

/// The `min(k, n - 1)` nearest rows of every row of the pool, by canonical Euclidean distance, ties to the lowest row.
///
/// Time `O(n^2 d)` at about the rate of matrix products, memory `O(n k)` and a panel.
///
/// # Errors
/// Reading, interruption.
pub(crate) fn knn(pool: &CheckedPool<'_>, k: usize, ctx: &Context) -> Result<KnnGraph, Error> {
    let n = pool.len();
    let k = k.min(n - 1);
    let mut graph = KnnGraph { k, indices: vec![0; n * k], sq_dists: vec![0.0; n * k] };
    if k == 0 {
        return Ok(graph);
    }
    let mut lists: Vec<List<'_>> = graph
        .indices
        .chunks_exact_mut(k)
        .zip(graph.sq_dists.chunks_exact_mut(k))
        .map(|(indices, sq_dists)| List { len: 0, indices, sq_dists })
        .collect();
    for_panels(pool, ctx, |panel, first| {
        scan::for_rows(pool, ctx, &mut lists, Worker::default, |worker, block, lists| {
            worker.merge(pool, ctx, block, panel, first, lists);
            Ok(())
        })
    })?;
    Ok(graph)
}

/// Work of [`knn`].
pub(crate) fn knn_plan(shape: &Shape, k: usize) -> Work {
    let (n, d) = (shape.n as f64, shape.dim as f64);
    let k = k.min(shape.n.saturating_sub(1));
    let panel = panel_rows(shape.n, shape.dim);
    let workers = shape.threads as u64;
    Work {
        passes: 1.0 + (n / panel as f64).ceil(),
        gathered: 0.0,
        panel_ops: n * n * d,
        // The k nearest of a panel are worked out, of later ones those that enter the list.
        canonical_ops: n * d * k as f64 * (1.0 + (n / panel as f64).ln()),
        bytes: (shape.n * (12 * k + size_of::<List<'_>>())) as u64
            + (panel * (8 * shape.dim + 40)) as u64
            + workers
                * (PanelScratch::bytes(shape.block_rows.min(shape.n), panel, shape.dim)
                    + (shape.block_rows.min(shape.n) * (8 + 8 * k + OPEN_BYTES * k)) as u64),
    }
}

/// Calls `visit(panel, its first row)` for all rows of the pool, some at a time.
fn for_panels(
    pool: &CheckedPool<'_>,
    ctx: &Context,
    mut visit: impl FnMut(&Panel, usize) -> Result<(), Error>,
) -> Result<(), Error> {
    let (n, at_once) = (pool.len(), panel_rows(pool.len(), pool.dim()));
    for first in (0..n).step_by(at_once) {
        let panel = panel_of(pool, first..(first + at_once).min(n), ctx)?;
        ctx.progress().begin("comparing rows", n.div_ceil(crate::context::CHUNK_ROWS) as u64);
        visit(&panel, first)?;
    }
    Ok(())
}

fn panel_of(pool: &CheckedPool<'_>, range: Range<usize>, ctx: &Context) -> Result<Panel, Error> {
    let dim = pool.dim();
    let mut values = vec![0.0; range.len() * dim];
    let at_once = ctx.block_rows(dim);
    let mut scratch = Block::new(pool.dtype());
    for (start, out) in range.clone().step_by(at_once).zip(values.chunks_mut(at_once * dim)) {
        let rows = pool.rows(start..(start + at_once).min(range.end), &mut scratch)?;
        ctx.kernels().widen(rows, out);
    }
    Ok(Panel::new(ctx.kernels(), &values, dim, None))
}

/// The rows of a block as `f32`.
fn widened<'a>(ctx: &Context, block: BlockAt<'a>, wide: &'a mut Vec<f32>) -> Rows<'a> {
    if let Values::F32(_) = block.rows.values() {
        return block.rows;
    }
    wide.resize(block.rows.len() * block.rows.dim(), 0.0);
    ctx.kernels().widen(block.rows, wide);
    Rows::from_f32(wide, block.rows.dim())
}

impl Worker {
    /// Takes the rows of `panel`, the first of which is number `first`, into the lists of a block.
    ///
    /// Products come first: they narrow what can be among the `k` nearest, so that few pairs are worked out.
    fn merge(
        &mut self,
        pool: &CheckedPool<'_>,
        ctx: &Context,
        block: BlockAt<'_>,
        panel: &Panel,
        first: usize,
        lists: &mut [List<'_>],
    ) {
        let (kernels, k) = (ctx.kernels(), lists[0].sq_dists.len());
        self.highs.clear();
        for list in lists.iter() {
            self.highs.extend_from_slice(&list.sq_dists[..list.len]);
            self.highs.resize(self.highs.len() + k - list.len, f64::INFINITY);
        }
        self.limits.clear();
        self.limits.extend(lists.iter().map(List::limit));
        self.open.clear();
        let rows = widened(ctx, block, &mut self.wide);
        let (highs, open) = (&mut self.highs, &mut self.open);
        kernels.candidates_bounded(
            rows,
            Some(&pool.sq_norms()[block.range()]),
            panel,
            &mut self.limits,
            &mut self.scratch,
            |row, column, bounds, limit| {
                if first + column == block.first + row {
                    return limit;
                }
                open.push(Open { row: row as u32, column: column as u32, low: bounds.low });
                let highs = &mut highs[row * k..(row + 1) * k];
                if bounds.high >= highs[k - 1] {
                    return limit;
                }
                let at = highs.partition_point(|high| *high <= bounds.high);
                highs.copy_within(at..k - 1, at + 1);
                highs[at] = bounds.high;
                // As near as the bound itself is still near enough.
                limit.min(highs[k - 1].next_up())
            },
        );
        let Values::F32(values) = rows.values() else { return };
        let dim = rows.dim();
        // Columns come in ascending order for each row, so that of equals the lowest stays.
        for pair in &self.open {
            let (row, column) = (pair.row as usize, pair.column as usize);
            let list = &mut lists[row];
            let limit = list.limit();
            if pair.low >= limit.min(self.limits[row]) {
                continue;
            }
            let x = &values[row * dim..(row + 1) * dim];
            if let Some(sq_dist) = kernels.sq_dist_below(x, panel.center(column), limit) {
                list.insert((first + column) as u32, sq_dist);
            }
        }
    }
}
