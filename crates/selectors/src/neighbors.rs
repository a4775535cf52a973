//! Exact nearest neighbors, by matrix products that dismiss nearly all pairs.
//!
//! Rows are cut into tiles, and each pair of rows is multiplied once, for the lists of both. The product bounds the
//! distance, by bytes where the processor multiplies these faster than `f32`, and only pairs that might enter a list are
//! worked out canonically. A list is ordered by distance and then
//! by row, however its rows arrive: so lists are exact and the same for any number of threads, block size, storage and
//! instruction set, and nothing of size n x n is kept.

mod lists;
#[cfg(test)]
mod tests;

use std::sync::Mutex;

use subsel_kernels::{Bounds, Kernels, Panel, PanelScratch, Rows};

use self::lists::{Side, Slot};
use crate::Error;
use crate::coarse::{self, Coarse, CoarseWorker, First};
use crate::context::{CHUNK_ROWS, Context};
use crate::pairs::{self, Tiles};
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;

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

/// A pair that might be one of neighbors.
#[derive(Clone, Copy)]
struct Open {
    row: u32,
    column: u32,
    /// Its squared distance is at least this.
    low: f64,
}

/// Most open pairs of two tiles before they are worked out, later ones seldom being nearer: a list meets about so many
/// rows before it settles.
fn open_pairs(rows: usize, k: usize) -> usize {
    rows.saturating_mul(8).saturating_mul(k).min(1 << 20)
}

/// The open pairs of two tiles, and the lists they may enter.
#[derive(Default)]
struct Pairs {
    rows: Side,
    panel: Side,
    open: Vec<Open>,
    /// Whether lists have changed since the tiles were begun.
    has_settled: bool,
}

/// Buffers of one worker.
#[derive(Default)]
struct Worker {
    scratch: PanelScratch,
    coarse: CoarseWorker,
    wide: Vec<f32>,
    row_limits: Vec<f64>,
    panel_limits: Vec<f64>,
    pairs: Pairs,
}

/// The `min(k, n - 1)` nearest rows of every row of the pool, by canonical Euclidean distance, ties to the lowest row.
///
/// Time `O(n^2 d / 2)` at about the rate of matrix products, memory `O(n k)` and two tiles per thread; with products of
/// bytes `n d` more bytes, as long as that is little.
///
/// # Errors
/// Reading, interruption.
pub(crate) fn knn(pool: &CheckedPool<'_>, k: usize, ctx: &Context) -> Result<KnnGraph, Error> {
    ctx.memo().recall(|| format!("{k} neighbors {}", pool.name()), || knn_by(First::Fastest, pool, k, ctx))
}

/// As [`knn`], by the products named first.
fn knn_by(first: First, pool: &CheckedPool<'_>, k: usize, ctx: &Context) -> Result<KnnGraph, Error> {
    let n = pool.len();
    let k = k.min(n - 1);
    let mut graph = KnnGraph { k, indices: vec![u32::MAX; n * k], sq_dists: vec![f64::INFINITY; n * k] };
    if k == 0 {
        return Ok(graph);
    }
    let tiles = pairs::tiles(0..n, pool.dim());
    let tile_values = tiles[0].len() * k;
    let slots: Vec<Slot<'_>> = graph
        .indices
        .chunks_mut(tile_values)
        .zip(graph.sq_dists.chunks_mut(tile_values))
        .map(|(indices, sq_dists)| Mutex::new((indices, sq_dists)))
        .collect();
    let coarse = Coarse::for_lists(pool, tiles.len(), k, first, ctx)?;
    let threads = threads(n, ctx.threads().current_num_threads());
    let walk = |wanted: fn(usize, usize) -> bool| {
        pairs::walk(pool, pool.sq_norms(), &tiles, wanted, ctx, threads, Worker::default, |worker, pair| {
            worker.compare(ctx.kernels(), pair, coarse.as_ref(), k, &slots);
        })
    };
    // Each tile with itself first: from then on lists are full (of enough rows), and few pairs near enough.
    walk(|left, right| left == right)?;
    if tiles.len() > 1 {
        walk(|left, right| left != right)?;
    }
    drop(slots);
    Ok(graph)
}

/// Threads that share the work on so many rows: a pool of one chunk occupies only the thread it is given to.
fn threads(n: usize, most: usize) -> usize {
    most.min(n.div_ceil(CHUNK_ROWS)).max(1)
}

/// Work of [`knn`].
pub(crate) fn knn_plan(shape: &Shape, k: usize) -> Work {
    let shape = Shape { threads: threads(shape.n, shape.threads), ..*shape };
    let (n, d) = (shape.n as f64, shape.dim as f64);
    let k = k.min(shape.n.saturating_sub(1));
    let rows = pairs::tile_rows(shape.dim).min(shape.n);
    let tiles = (n / rows as f64).ceil();
    // Two sides: a list as found and its bounds, limit and mark of each row; rows as `f32`.
    let worker = 2 * rows * (20 * k + 9) + 4 * rows * shape.dim + open_pairs(rows, k) * size_of::<Open>();
    Work {
        // Each tile twice for itself, then every later one for it.
        passes: 2.0 + 0.6 * (tiles - 1.0),
        gathered: 0.0,
        panel_ops: coarse::list_ops(&shape, k, n * (n + rows as f64) / 2.0 * d),
        // The k nearest of the row's own tile are worked out, of others those that enter the list.
        canonical_ops: n * d * k as f64 * (1.0 + tiles.ln()),
        bytes: (shape.n * 12 * k) as u64
            + pairs::bytes(&shape)
            + (shape.threads * worker) as u64
            + Coarse::bytes(&shape, k),
    }
}

impl Pairs {
    /// Meets a pair of tiles' rows that may be near enough for either's list.
    fn meet(&mut self, row: usize, column: usize, bounds: Bounds, row_limit: &mut f64, panel_limit: &mut f64) {
        if self.has_settled {
            // Later ones have higher numbers, so that this holds for them too.
            *row_limit = row_limit.min(self.rows.limit(row, self.panel.first + column));
            *panel_limit = panel_limit.min(self.panel.limit(column, self.rows.first + row));
        }
        let (for_row, for_panel) = (bounds.low < *row_limit, bounds.low < *panel_limit);
        if for_row {
            self.rows.note(row, bounds.high, row_limit);
        }
        if for_panel {
            self.panel.note(column, bounds.high, panel_limit);
        }
        if for_row || for_panel {
            self.open.push(Open { row: row as u32, column: column as u32, low: bounds.low });
        }
    }

    /// Works out the open pairs as far as they still matter.
    fn settle(&mut self, kernels: Kernels, rows: &[f32], panel: &Panel) {
        let dim = panel.dim();
        for Open { row, column, low } in self.open.drain(..) {
            let (row, column) = (row as usize, column as usize);
            let (row_number, column_number) = (self.rows.first + row, self.panel.first + column);
            let limit = self.rows.limit(row, column_number).max(self.panel.limit(column, row_number));
            if low >= limit {
                continue;
            }
            let x = &rows[row * dim..(row + 1) * dim];
            if let Some(sq_dist) = kernels.sq_dist_below(x, panel.center(column), limit) {
                self.rows.insert(row, column_number, sq_dist);
                self.panel.insert(column, row_number, sq_dist);
            }
        }
        self.has_settled = true;
    }
}

impl Worker {
    /// Takes the pairs of two tiles, or of one with itself, into the lists.
    ///
    /// Products come first: they narrow what can be among the `k` nearest, so that few pairs are worked out.
    fn compare(&mut self, kernels: Kernels, tiles: &Tiles<'_>, coarse: Option<&Coarse>, k: usize, slots: &[Slot<'_>]) {
        let Worker { scratch, coarse: coarse_worker, wide, row_limits, panel_limits, pairs } = self;
        let (panel, is_same) = (tiles.panel, tiles.left == tiles.right);
        let values = pairs::widened(kernels, tiles.rows.rows, wide);
        let rows = Rows::from_f32(values, panel.dim());
        pairs.rows.begin(tiles.rows.range(), k, &slots[tiles.right]);
        // Within a tile every pair comes twice, and its rows learn of both.
        pairs.panel.begin(tiles.panel_range.clone(), if is_same { 0 } else { k }, &slots[tiles.left]);
        pairs.rows.limits(pairs.panel.first, row_limits);
        pairs.panel.limits(pairs.rows.first, panel_limits);
        pairs.has_settled = false;
        let most = open_pairs(rows.len(), k);
        pairs.open.reserve_exact(most);
        let visit = |row: usize, column: usize, bounds: Bounds, x: &mut f64, y: &mut f64| {
            if is_same && row == column {
                return;
            }
            pairs.meet(row, column, bounds, x, y);
            if pairs.open.len() == most {
                pairs.settle(kernels, values, panel);
            }
        };
        match coarse {
            Some(coarse) => {
                let (codes, panel, scratch) = coarse.pair(kernels, tiles, coarse_worker);
                kernels.coarse_candidates_both(codes, panel, row_limits, panel_limits, scratch, visit);
            }
            None => {
                let sq_norms = Some(tiles.sq_norms);
                kernels.candidates_both(rows, sq_norms, panel, row_limits, panel_limits, scratch, visit);
            }
        }
        pairs.settle(kernels, values, panel);
        pairs.rows.end(&slots[tiles.right]);
        pairs.panel.end(&slots[tiles.left]);
    }
}
