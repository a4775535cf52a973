//! All pairs of rows of a pool, each once: what is the same for (i, j) and (j, i) costs half.
//!
//! Rows are cut into tiles. Any thread takes a tile as a panel and multiplies later tiles with it; results go to both
//! sides of each pair. So they must not depend on the order of merging: whole numbers, minima, or bounds.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use subsel_formats::RowSource;
use subsel_kernels::{Block, Kernels, Panel, PanelScratch, Rows, Values};

use crate::Error;
use crate::context::Context;
use crate::plan::Shape;
use crate::scan::{BlockAt, lock};

/// Two tiles whose pairs are to be looked at.
pub(crate) struct Tiles<'a> {
    /// The number of one of them, not above the other's.
    pub(crate) left: usize,
    /// The number of the other.
    pub(crate) right: usize,
    /// The left one, prepared.
    pub(crate) panel: &'a Panel,
    /// Its row numbers.
    pub(crate) panel_range: Range<usize>,
    /// The right one.
    pub(crate) rows: BlockAt<'a>,
    /// Squared norms of `rows`.
    pub(crate) sq_norms: &'a [f64],
}

/// What is kept per row, and how it comes together.
#[derive(Clone, Copy)]
pub(crate) struct Merge<T> {
    /// The result of no pairs.
    pub(crate) nothing: T,
    /// Takes in a partial result; the order must not matter.
    pub(crate) merge: fn(&mut T, T),
}

/// Cuts rows into tiles. At 2,048 rows converting a tile costs about a twentieth of one multiplication with it.
pub(crate) fn tiles(rows: Range<usize>, dim: usize) -> Vec<Range<usize>> {
    let len = tile_rows(dim);
    rows.clone().step_by(len).map(|first| first..(first + len).min(rows.end)).collect()
}

/// Rows of a tile, of enough rows.
pub(crate) fn tile_rows(dim: usize) -> usize {
    ((1 << 20) / dim).clamp(256, 2048)
}

/// Bytes of all workers.
pub(crate) fn bytes(shape: &Shape) -> u64 {
    let rows = tile_rows(shape.dim).min(shape.n);
    let values = (rows * shape.dim) as u64;
    let scratch = PanelScratch::bytes(rows, rows, shape.dim);
    shape.threads as u64 * (values * (12 + shape.value_bytes as u64) + scratch + 32 * rows as u64)
}

/// Looks at all pairs of rows of different tiles for which `wanted(tile, tile)`, and at all ordered pairs within each
/// wanted tile.
///
/// `tiles` cover all rows in order. `step` adds what it finds to one result per row and one per row of the panel, which
/// start as nothing; within a tile the latter are ignored.
///
/// # Errors
/// Reading, interruption.
#[allow(clippy::too_many_arguments)] // a walk with its parts
pub(crate) fn for_pairs<T: Copy + Send + Sync, W>(
    source: &dyn RowSource,
    sq_norms: &[f64],
    tiles: &[Range<usize>],
    wanted: impl Fn(usize, usize) -> bool + Sync,
    ctx: &Context,
    how: Merge<T>,
    state: &mut [T],
    worker: impl Fn() -> W + Sync,
    step: impl Fn(&mut W, &Tiles<'_>, &mut [T], &mut [T]) + Sync,
) -> Result<(), Error> {
    let mut slots = Vec::with_capacity(tiles.len());
    let mut rest = state;
    for tile in tiles {
        let (slot, after) = rest.split_at_mut(tile.len());
        slots.push(Mutex::new(slot));
        rest = after;
    }
    let merge = |tile: usize, found: &[T]| {
        let mut slot = lock(&slots[tile]);
        slot.iter_mut().zip(found).for_each(|(total, found)| (how.merge)(total, *found));
    };
    let threads = ctx.threads().current_num_threads();
    let worker = || (worker(), Vec::new(), Vec::new());
    walk(source, sq_norms, tiles, wanted, ctx, threads, worker, |(own, of_rows, of_panel), tiles| {
        of_rows.clear();
        of_rows.resize(tiles.rows.rows.len(), how.nothing);
        of_panel.clear();
        of_panel.resize(tiles.panel.len(), how.nothing);
        step(own, tiles, of_rows, of_panel);
        merge(tiles.right, of_rows);
        if tiles.right != tiles.left {
            merge(tiles.left, of_panel);
        }
    })
}

/// Calls `step` for all pairs of tiles for which `wanted(tile, tile)`, the first not after the second, from up to
/// `threads` threads, and from this one alone if that is 1; other arguments as of [`for_pairs`].
///
/// # Errors
/// Reading, interruption.
#[allow(clippy::too_many_arguments)] // a walk with its parts
pub(crate) fn walk<W>(
    source: &dyn RowSource,
    sq_norms: &[f64],
    tiles: &[Range<usize>],
    wanted: impl Fn(usize, usize) -> bool + Sync,
    ctx: &Context,
    threads: usize,
    worker: impl Fn() -> W + Sync,
    step: impl Fn(&mut W, &Tiles<'_>) + Sync,
) -> Result<(), Error> {
    let tasks = tasks(tiles.len(), threads, &wanted);
    let (next, failure) = (AtomicUsize::new(0), Mutex::new(None));
    let done = AtomicUsize::new(0);
    let read = |tile: usize, block: &mut Block, hold: &mut dyn FnMut(BlockAt<'_>)| -> Result<(), Error> {
        let range = tiles[tile].clone();
        hold(BlockAt { first: range.start, rows: source.rows(range, block)? });
        Ok(())
    };
    let work = || -> Result<(), Error> {
        let (mut own, mut block, mut wide) = (worker(), Block::default(), Vec::new());
        let mut panel: Option<(usize, Panel)> = None;
        while let Some((left, rights)) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
            let left = *left;
            if panel.as_ref().is_none_or(|(tile, _)| *tile != left) {
                drop(panel.take());
                read(left, &mut block, &mut |at| {
                    wide.resize(at.rows.len() * at.rows.dim(), 0.0);
                    ctx.kernels().widen(at.rows, &mut wide);
                })?;
                panel = Some((left, Panel::new(ctx.kernels(), &wide, source.dim(), None)));
            }
            let (_, panel) = panel.as_ref().expect("set above");
            for right in rights.clone().filter(|right| wanted(left, *right)) {
                ctx.go_on()?;
                read(right, &mut block, &mut |rows| {
                    let (panel_range, sq_norms) = (tiles[left].clone(), &sq_norms[rows.range()]);
                    step(&mut own, &Tiles { left, right, panel, panel_range, rows, sq_norms });
                })?;
            }
            ctx.progress().at(done.fetch_add(1, Ordering::Relaxed) as u64 + 1);
        }
        Ok(())
    };
    ctx.progress().begin("comparing all pairs", tasks.len() as u64);
    let workers = threads.min(tasks.len());
    if workers == 1 {
        // Here and now: within a parallel section a waiting thread would begin something else, and hold that too.
        return work();
    }
    ctx.threads().scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|_| {
                if let Err(error) = work() {
                    next.store(usize::MAX / 2, Ordering::Relaxed);
                    lock(&failure).get_or_insert(error);
                }
            });
        }
    });
    failure.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()).map_or(Ok(()), Err)
}

/// The rows as `f32`: as they lie, or in `wide`.
pub(crate) fn widened<'a>(kernels: Kernels, rows: Rows<'a>, wide: &'a mut Vec<f32>) -> &'a [f32] {
    if let Values::F32(values) = rows.values() {
        return values;
    }
    wide.resize(rows.len() * rows.dim(), 0.0);
    kernels.widen(rows, wide);
    wide
}

/// Which tile goes with which run of later ones: runs long enough to use a panel several times, short enough that no
/// thread waits long for another at the end.
fn tasks(tiles: usize, threads: usize, wanted: &impl Fn(usize, usize) -> bool) -> Vec<(usize, Range<usize>)> {
    let run = (tiles * tiles / (16 * threads)).clamp(1, 8);
    let mut tasks = Vec::new();
    for left in 0..tiles {
        for first in (left..tiles).step_by(run) {
            let rights = first..(first + run).min(tiles);
            if rights.clone().any(|right| wanted(left, right)) {
                tasks.push((left, rights));
            }
        }
    }
    tasks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Settings;
    use crate::testing::mixture_pool;

    #[test]
    fn every_pair_is_seen_once_from_each_side() {
        let (n, dim) = (700, 5000);
        let pool = mixture_pool(n, dim, 1);
        for threads in [1, 3] {
            let settings = Settings { threads: Some(threads), ..Settings::default() };
            let ctx = Context::new(&settings).unwrap_or_else(|error| panic!("{error}"));
            let cut = tiles(0..n, dim);
            assert!(cut.len() > 2);
            let mut sums = vec![0u64; n];
            let how = Merge { nothing: 0, merge: |total, more| *total += more };
            let seen = for_pairs(
                &pool.source,
                &vec![0.0; n],
                &cut,
                |left, right| (left, right) != (1, 2),
                &ctx,
                how,
                &mut sums,
                || (),
                |(), tiles, of_rows, of_panel| {
                    of_rows.iter_mut().for_each(|sum| *sum += tiles.panel.len() as u64);
                    of_panel.iter_mut().for_each(|sum| *sum += tiles.rows.rows.len() as u64);
                },
            );
            seen.unwrap_or_else(|error| panic!("{error}"));
            for (row, sum) in sums.into_iter().enumerate() {
                let but = if cut[1].contains(&row) {
                    cut[2].len()
                } else if cut[2].contains(&row) {
                    cut[1].len()
                } else {
                    0
                };
                assert_eq!(sum, (n - but) as u64, "row {row}");
            }
        }
    }
}
