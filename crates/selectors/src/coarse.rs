//! All pairs by products of codes first, of 8 or 16 bits, where the processor multiplies these faster.
//!
//! Which pairs are looked at twice depends on it, and nothing else does: decisions are taken on canonical values.

use std::sync::OnceLock;

use subsel_kernels::{Block, CodeWidth, Codes, CodesFrame, CodesPanel, CodesScratch, Kernels, Rows};

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
/// what products save. Measured with bytes: even at about half as many.
const VALUES_PER_NEIGHBOR: usize = 100_000;

/// Most pairs left open, as a share of all, for counts: as many cost as much as codes save.
const MOST_OPEN: f64 = 0.03;

/// Which products go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First {
    /// Those of these codes, for tests on every processor.
    #[cfg(test)]
    Codes(CodeWidth),
    /// Those of codes where they are faster.
    Fastest,
}

impl First {
    /// All there are.
    #[cfg(test)]
    pub(crate) const ALL: [First; 3] = [First::Fastest, First::Codes(CodeWidth::Byte), First::Codes(CodeWidth::Word)];

    /// The codes that go first, if any, for lists of `k` neighbors, or counts where that is 0.
    fn codes(self, kernels: Kernels, n: usize, dim: usize, k: usize) -> Option<CodeWidth> {
        match self {
            #[cfg(test)]
            First::Codes(width) => Some(width),
            First::Fastest => kernels.fast_codes().filter(|_| is_worth(n, dim, k)),
        }
    }
}

/// The pool as codes.
pub(crate) struct Coarse {
    frame: CodesFrame,
    width: CodeWidth,
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
        let Some(width) = first.codes(ctx.kernels(), pool.len(), pool.dim(), k) else { return Ok(None) };
        let sample = sample(pool, ctx)?;
        Ok(Some(Coarse::around(&sample, pool, tiles, width, ctx.kernels())))
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
        let Some(width) = first.codes(ctx.kernels(), pool.len(), pool.dim(), 0) else { return Ok(None) };
        let sample = sample(pool, ctx)?;
        let coarse = Coarse::around(&sample, pool, tiles, width, ctx.kernels());
        let is_worth = coarse.open_share(&sample, limit, ctx.kernels()) <= MOST_OPEN || first != First::Fastest;
        Ok(is_worth.then_some(coarse))
    }

    fn around(sample: &[f32], pool: &CheckedPool<'_>, tiles: usize, width: CodeWidth, kernels: Kernels) -> Coarse {
        let (n, dim) = (pool.len(), pool.dim());
        let frame = CodesFrame::new(&mean(sample, dim, kernels));
        let kept = if is_kept(n, dim, width) { tiles } else { 0 };
        Coarse { frame, width, kept: std::iter::repeat_with(OnceLock::new).take(kept).collect() }
    }

    /// Share of the pairs of a sample that codes leave open.
    fn open_share(&self, sample: &[f32], limit: f64, kernels: Kernels) -> f64 {
        let rows = Rows::from_f32(sample, self.frame.dim());
        let mut worker = CoarseWorker::default();
        kernels.encode(rows, &self.frame, self.width, &mut worker.codes);
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
                kernels.encode(rows, &self.frame, self.width, &mut codes);
                codes
            }),
            None => {
                kernels.encode(rows, &self.frame, self.width, spare);
                spare
            }
        }
    }

    /// Bytes at most, rows as `f32` among them, for lists of `k` neighbors or counts (0); none where products are of
    /// `f32`.
    pub(crate) fn bytes(shape: &Shape, k: usize) -> u64 {
        let Some(width) = planned(shape, k) else { return 0 };
        let rows = pairs::tile_rows(shape.dim).min(shape.n);
        let panel = CodesPanel::bytes(rows, shape.dim, width);
        let worker = panel + CodesScratch::bytes(rows) + (4 * rows * shape.dim) as u64;
        let codes = match is_kept(shape.n, shape.dim, width) {
            true => Codes::bytes(shape.n, shape.dim, width),
            false => shape.threads as u64 * Codes::bytes(rows, shape.dim, width),
        };
        codes + shape.threads as u64 * worker
    }
}

/// Whether products of codes go first in a pool of this size, where they are faster.
fn is_worth(n: usize, dim: usize, k: usize) -> bool {
    (MIN_DIM..=MAX_DIM).contains(&dim) && n >= MIN_ROWS && n * dim / VALUES_PER_NEIGHBOR >= k
}

fn planned(shape: &Shape, k: usize) -> Option<CodeWidth> {
    shape.fast_codes.filter(|_| is_worth(shape.n, shape.dim, k))
}

/// Fewest rows for which codes are made by themselves.
const MIN_WORD_ROWS: usize = 256;

/// Words, for what bytes are too coarse for: distances that hardly differ. `None` where they are not faster, or rows are
/// few or short.
pub(crate) fn words(fast: Option<CodeWidth>, rows: usize, dim: usize) -> Option<CodeWidth> {
    let is_worth = rows >= MIN_WORD_ROWS && (MIN_DIM..=MAX_DIM).contains(&dim);
    fast.filter(|width| is_worth && *width == CodeWidth::Word)
}

/// What so many multiply-adds in products for lists of `k` neighbors come to, in those of `f32`.
pub(crate) fn list_ops(shape: &Shape, k: usize, ops: f64) -> f64 {
    match planned(shape, k) {
        Some(CodeWidth::Byte) => 0.45 * ops,
        Some(CodeWidth::Word) => 0.75 * ops,
        None => ops,
    }
}

/// The same for counts. Which limits leave too many pairs open is not known before: something between.
pub(crate) fn count_ops(shape: &Shape, ops: f64) -> f64 {
    match planned(shape, 0) {
        Some(CodeWidth::Byte) => 0.55 * ops,
        Some(CodeWidth::Word) => 0.75 * ops,
        None => ops,
    }
}

fn is_kept(n: usize, dim: usize, width: CodeWidth) -> bool {
    Codes::bytes(n, dim, width) <= KEPT_BYTES
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
