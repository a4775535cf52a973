//! All pairs by products of bytes first, where the processor multiplies these faster.
//!
//! Which pairs are looked at twice depends on it, and nothing else does: decisions are taken on canonical values.

use std::sync::OnceLock;

use subsel_kernels::{Block, Codes, CodesFrame, CodesPanel, CodesScratch, Kernels, Rows};

use crate::Error;
use crate::context::Context;
use crate::pairs::{self, Tiles};
use crate::plan::Shape;
use crate::pool::CheckedPool;

/// Codes of all rows are kept up to so many bytes; beyond, each tile is encoded whenever it is read.
const KEPT_BYTES: u64 = 256 << 20;

/// Fewest values per row: with fewer, what is done per pair outweighs the products.
const MIN_DIM: usize = 64;

/// Most values per row of the kernels.
const MAX_DIM: usize = 1 << 16;

/// Fewest rows: with fewer there is little to save.
const MIN_ROWS: usize = 2048;

/// Fewest values of the pool per neighbor in a list: a list meets more rows by wider bounds, which has to be less than
/// what products save. Measured: even at about half as many.
const VALUES_PER_NEIGHBOR: usize = 100_000;

/// Most pairs left open, as a share of all, for counts: as many cost as much as bytes save.
const MOST_OPEN: f64 = 0.03;

/// Which products go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First {
    /// Those of bytes, for tests on every processor.
    #[cfg(test)]
    Bytes,
    /// Those of bytes where they are faster.
    Fastest,
}

impl First {
    /// Whether bytes go first, for lists of `k` neighbors, or counts where that is 0.
    fn wants(self, kernels: Kernels, n: usize, dim: usize, k: usize) -> bool {
        match self {
            #[cfg(test)]
            First::Bytes => true,
            First::Fastest => kernels.has_fast_codes() && is_worth(n, dim, k),
        }
    }
}

/// The pool as bytes.
pub(crate) struct Coarse {
    frame: CodesFrame,
    /// Codes of each tile, once it was read; none where that is too much to keep.
    kept: Vec<OnceLock<Codes>>,
}

/// Buffers of one worker.
#[derive(Default)]
pub(crate) struct CoarseWorker {
    pub(crate) scratch: CodesScratch,
    left: Option<usize>,
    panel: CodesPanel,
    codes: Codes,
}

impl Coarse {
    /// Prepares the pool, cut into so many tiles, for lists of `k` neighbors; `None` where `f32` is to be used.
    ///
    /// # Errors
    /// Reading.
    pub(crate) fn for_lists(
        pool: &CheckedPool<'_>,
        tiles: usize,
        k: usize,
        first: First,
        ctx: &Context,
    ) -> Result<Option<Self>, Error> {
        if !first.wants(ctx.kernels(), pool.len(), pool.dim(), k) {
            return Ok(None);
        }
        let sample = sample(pool, ctx)?;
        Ok(Some(Coarse::around(&sample, pool, tiles, ctx.kernels())))
    }

    /// As [`for_lists`](Self::for_lists), to count the pairs whose squared distance is below `limit`: `None` also where
    /// too many are within the errors of it.
    ///
    /// # Errors
    /// Reading.
    pub(crate) fn for_counts(
        pool: &CheckedPool<'_>,
        tiles: usize,
        limit: f64,
        first: First,
        ctx: &Context,
    ) -> Result<Option<Self>, Error> {
        if !first.wants(ctx.kernels(), pool.len(), pool.dim(), 0) {
            return Ok(None);
        }
        let sample = sample(pool, ctx)?;
        let coarse = Coarse::around(&sample, pool, tiles, ctx.kernels());
        let is_worth = coarse.open_share(&sample, limit, ctx.kernels()) <= MOST_OPEN || first != First::Fastest;
        Ok(is_worth.then_some(coarse))
    }

    fn around(sample: &[f32], pool: &CheckedPool<'_>, tiles: usize, kernels: Kernels) -> Coarse {
        let (n, dim) = (pool.len(), pool.dim());
        let frame = CodesFrame::new(&mean(sample, dim, kernels));
        let kept = if is_kept(n, dim) { tiles } else { 0 };
        Coarse { frame, kept: std::iter::repeat_with(OnceLock::new).take(kept).collect() }
    }

    /// Share of the pairs of a sample that bytes leave open.
    fn open_share(&self, sample: &[f32], limit: f64, kernels: Kernels) -> f64 {
        let rows = Rows::from_f32(sample, self.frame.dim());
        let mut worker = CoarseWorker::default();
        kernels.encode(rows, &self.frame, &mut worker.codes);
        worker.panel.pack(&worker.codes);
        let CoarseWorker { scratch, panel, codes, .. } = &mut worker;
        let (mut of_rows, mut of_panel, mut open) = (vec![0; rows.len()], vec![0; rows.len()], 0_u64);
        kernels.coarse_count_within(codes, panel, limit, scratch, &mut of_rows, &mut of_panel, |_, _| {
            open += 1;
            false
        });
        open as f64 / (rows.len() as f64).powi(2)
    }

    /// The rows of two tiles, the left one as a panel.
    pub(crate) fn pair<'a>(
        &'a self,
        kernels: Kernels,
        tiles: &Tiles<'_>,
        worker: &'a mut CoarseWorker,
    ) -> (&'a Codes, &'a CodesPanel, &'a mut CodesScratch) {
        let CoarseWorker { scratch, left, panel, codes } = worker;
        if *left != Some(tiles.left) {
            let rows = Rows::from_f32(tiles.panel.centers(), tiles.panel.dim());
            panel.pack(self.codes(kernels, tiles.left, rows, codes));
            *left = Some(tiles.left);
        }
        (self.codes(kernels, tiles.right, tiles.rows.rows, codes), panel, scratch)
    }

    fn codes<'a>(&'a self, kernels: Kernels, tile: usize, rows: Rows<'_>, spare: &'a mut Codes) -> &'a Codes {
        match self.kept.get(tile) {
            Some(kept) => kept.get_or_init(|| {
                let mut codes = Codes::default();
                kernels.encode(rows, &self.frame, &mut codes);
                codes
            }),
            None => {
                kernels.encode(rows, &self.frame, spare);
                spare
            }
        }
    }

    /// Bytes at most, rows as `f32` among them, for lists of `k` neighbors or counts (0); none where products are of
    /// `f32`.
    pub(crate) fn bytes(shape: &Shape, k: usize) -> u64 {
        if !is_planned(shape, k) {
            return 0;
        }
        let rows = pairs::tile_rows(shape.dim).min(shape.n);
        let worker = CodesPanel::bytes(rows, shape.dim) + CodesScratch::bytes(rows) + (4 * rows * shape.dim) as u64;
        let codes = match is_kept(shape.n, shape.dim) {
            true => Codes::bytes(shape.n, shape.dim),
            false => shape.threads as u64 * Codes::bytes(rows, shape.dim),
        };
        codes + shape.threads as u64 * worker
    }
}

/// Whether products of bytes go first in a pool of this size, where they are faster.
fn is_worth(n: usize, dim: usize, k: usize) -> bool {
    (MIN_DIM..=MAX_DIM).contains(&dim) && n >= MIN_ROWS && n * dim / VALUES_PER_NEIGHBOR >= k
}

fn is_planned(shape: &Shape, k: usize) -> bool {
    shape.fast_codes && is_worth(shape.n, shape.dim, k)
}

/// What so many multiply-adds in products for lists of `k` neighbors come to, in those of `f32`.
pub(crate) fn list_ops(shape: &Shape, k: usize, ops: f64) -> f64 {
    if is_planned(shape, k) { 0.45 * ops } else { ops }
}

/// The same for counts. Which limits leave too many pairs open is not known before: something between.
pub(crate) fn count_ops(shape: &Shape, ops: f64) -> f64 {
    if is_planned(shape, 0) { 0.55 * ops } else { ops }
}

fn is_kept(n: usize, dim: usize) -> bool {
    Codes::bytes(n, dim) <= KEPT_BYTES
}

/// Rows that lie evenly over the pool, as `f32`.
fn sample(pool: &CheckedPool<'_>, ctx: &Context) -> Result<Vec<f32>, Error> {
    let n = pool.len();
    let some = (pairs::tile_rows(pool.dim()) / 2).min(n);
    let rows: Vec<usize> = (0..some).map(|i| (i as u64 * n as u64 / some as u64) as usize).collect();
    let mut values = Vec::new();
    pool.gather_f32(ctx, &rows, &mut Block::default(), &mut values)?;
    Ok(values)
}

/// About the mean of the rows. Any vector gives bounds that hold; near the mean they are narrow.
pub(crate) fn mean(rows: &[f32], dim: usize, kernels: Kernels) -> Vec<f32> {
    let mut sums = vec![0.0; dim];
    kernels.sums(Rows::from_f32(rows, dim), &mut sums);
    let n = (rows.len() / dim) as f64;
    sums.into_iter().map(|sum| (sum / n) as f32).collect()
}
