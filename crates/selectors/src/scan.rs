//! Passes over a pool in chunks of [`CHUNK_ROWS`] rows, in parallel, with results that do not depend on it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use subsel_formats::RowSource;
use subsel_kernels::{Block, Rows};

use crate::Error;
use crate::context::{CHUNK_ROWS, Context};

/// A block of a pass: where it lies and what it holds.
#[derive(Clone, Copy, Debug)]
pub struct BlockAt<'a> {
    /// Number of its first row.
    pub first: usize,
    /// Its rows.
    pub rows: Rows<'a>,
}

impl BlockAt<'_> {
    /// Its row numbers.
    pub fn range(&self) -> Range<usize> {
        self.first..self.first + self.rows.len()
    }
}

/// Makes one pass. Every chunk sees its blocks in order through `step(worker, result so far, block, &mut state)`, and its
/// result goes to `merge`, which is called in the order of the chunks, from one thread at a time.
///
/// `state` has one entry per row; a chunk may change its own entries only. Workers keep one `W` each, made by `worker`,
/// for buffers.
///
/// # Errors
/// The first failure to read, of `step` or of `merge`; [`Error::Interrupted`].
pub fn pass<T: Send, W, R: Send>(
    source: &dyn RowSource,
    ctx: &Context,
    state: &mut [T],
    worker: impl Fn() -> W + Sync,
    step: impl Fn(&mut W, Option<R>, BlockAt<'_>, &mut [T]) -> Result<R, Error> + Sync,
    merge: impl FnMut(R) -> Result<(), Error> + Send,
) -> Result<(), Error> {
    let block_rows = ctx.block_rows(source.dim());
    chunks(
        source.n_rows(),
        ctx,
        state,
        || (worker(), Block::new(source.dtype())),
        |(buffers, scratch), rows, state| {
            let mut folded = None;
            for first in rows.clone().step_by(block_rows) {
                let range = first..(first + block_rows).min(rows.end);
                let state = &mut state[range.start - rows.start..range.end - rows.start];
                let block = source.rows(range, scratch)?;
                folded = Some(step(buffers, folded, BlockAt { first, rows: block }, state)?);
            }
            Ok(folded)
        },
        merge,
    )
}

/// [`pass`] without the reading: `step(worker, rows, &mut state)` is called once per chunk.
///
/// # Errors
/// The first failure of `step` or of `merge`; [`Error::Interrupted`].
pub fn chunks<T: Send, W, R: Send>(
    n: usize,
    ctx: &Context,
    state: &mut [T],
    worker: impl Fn() -> W + Sync,
    step: impl Fn(&mut W, Range<usize>, &mut [T]) -> Result<Option<R>, Error> + Sync,
    merge: impl FnMut(R) -> Result<(), Error> + Send,
) -> Result<(), Error> {
    assert!(state.len() == n || size_of::<T>() == 0, "one state entry per row");
    let chunks = n.div_ceil(CHUNK_ROWS);
    let workers = ctx.threads().current_num_threads().min(chunks);
    let queue = Mutex::new((0..chunks).zip(state.chunks_mut(CHUNK_ROWS)).peekable());
    let in_order = Mutex::new(InOrder { merge, waiting: BTreeMap::new(), next: 0 });
    let (merged, resting, done) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicU64::new(0));
    let failure = Mutex::new(None);
    let take = || {
        let mut queue = lock(&queue);
        let far = merged.load(Ordering::Acquire) + MOST_AHEAD * workers;
        if queue.peek().is_some_and(|(chunk, _)| *chunk >= far) {
            resting.fetch_add(1, Ordering::AcqRel);
            return None;
        }
        queue.next()
    };
    let work = |wake: &dyn Fn()| {
        let mut buffers = worker();
        loop {
            if lock(&failure).is_some() {
                return;
            }
            let Some((chunk, state)) = take() else { return };
            let rows = chunk * CHUNK_ROWS..((chunk + 1) * CHUNK_ROWS).min(n);
            let result = ctx
                .go_on()
                .and_then(|()| step(&mut buffers, rows, state))
                .and_then(|folded| lock(&in_order).hand_in(chunk, folded));
            match result {
                Ok(next) => merged.fetch_max(next, Ordering::AcqRel),
                Err(error) => {
                    lock(&failure).get_or_insert(error);
                    return;
                }
            };
            if resting.fetch_update(Ordering::AcqRel, Ordering::Acquire, |resting| resting.checked_sub(1)).is_ok() {
                wake();
            }
            ctx.progress().pass(done.fetch_add(1, Ordering::Relaxed) + 1, chunks as u64);
        }
    };
    if workers == 1 {
        // Here and now: within a parallel section a waiting thread would begin something else, and hold that too.
        work(&|| ());
    } else {
        ctx.threads().scope(|scope| (0..workers).for_each(|_| start(scope, &work)));
    }
    match failure.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// Chunks a worker may be ahead of the oldest one that is not merged, for each worker: what bounds the results that
/// wait. A worker that would go further leaves, and the next merge begins another. It does not wait where it is: the
/// chunk it would wait for may be suspended below it on the stack of the same thread. Whoever has that chunk has not
/// left, so the pass always goes on.
pub(crate) const MOST_AHEAD: usize = 2;

/// Begins a worker, which may begin more.
fn start<'s>(scope: &rayon::Scope<'s>, work: &'s (impl Fn(&dyn Fn()) + Sync)) {
    scope.spawn(move |scope| work(&|| start(scope, work)));
}

/// [`pass`] for per-row results alone.
pub fn for_rows<T: Send, W>(
    source: &dyn RowSource,
    ctx: &Context,
    state: &mut [T],
    worker: impl Fn() -> W + Sync,
    step: impl Fn(&mut W, BlockAt<'_>, &mut [T]) -> Result<(), Error> + Sync,
) -> Result<(), Error> {
    pass(source, ctx, state, worker, |w, _, block, state| step(w, block, state), |()| Ok(()))
}

/// Gives results to `merge` by ascending chunk, holding back those that come early.
struct InOrder<R, M> {
    merge: M,
    waiting: BTreeMap<usize, Option<R>>,
    next: usize,
}

impl<R, M: FnMut(R) -> Result<(), Error>> InOrder<R, M> {
    /// Gives how many chunks are merged now.
    fn hand_in(&mut self, chunk: usize, result: Option<R>) -> Result<usize, Error> {
        self.waiting.insert(chunk, result);
        while let Some(result) = self.waiting.remove(&self.next) {
            self.next += 1;
            if let Some(result) = result {
                (self.merge)(result)?;
            }
        }
        Ok(self.next)
    }
}

/// A worker that panicked has already failed the pass; what it held is still whole.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Settings;

    /// Chunks whose first takes far longer than all others together: the results held at once stay bounded, and are
    /// merged in order all the same.
    #[test]
    fn results_that_come_early_are_bounded_and_merged_in_order() {
        const CHUNKS: usize = 60;
        for threads in [1, 2, 3, 8] {
            let ctx = Context::new(&Settings { threads: Some(threads), ..Settings::default() });
            let ctx = ctx.unwrap_or_else(|error| panic!("{error}"));
            let (held, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let mut order = Vec::new();
            let step = |(): &mut (), rows: Range<usize>, _: &mut [()]| {
                most.fetch_max(held.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                if rows.start == 0 {
                    std::thread::sleep(std::time::Duration::from_millis(100));
                }
                Ok(Some(rows.start / CHUNK_ROWS))
            };
            let merge = |chunk| {
                held.fetch_sub(1, Ordering::SeqCst);
                order.push(chunk);
                Ok(())
            };
            let n = CHUNKS * CHUNK_ROWS;
            chunks(n, &ctx, &mut vec![(); n], || (), step, merge).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(order, (0..CHUNKS).collect::<Vec<_>>());
            let most = most.into_inner();
            assert!(most <= MOST_AHEAD * threads, "{most} results were held with {threads} threads");
        }
    }

    #[test]
    fn the_first_failure_ends_a_pass() {
        let ctx = Context::new(&Settings { threads: Some(3), ..Settings::default() });
        let ctx = ctx.unwrap_or_else(|error| panic!("{error}"));
        let n = 40 * CHUNK_ROWS;
        let step = |(): &mut (), rows: Range<usize>, _: &mut [()]| {
            if rows.start / CHUNK_ROWS == 7 { Err(Error::EmptyPool) } else { Ok(Some(())) }
        };
        let result = chunks(n, &ctx, &mut vec![(); n], || (), step, |()| Ok(()));
        assert!(matches!(result, Err(Error::EmptyPool)));
    }
}
