//! Passes over a pool in chunks of [`CHUNK_ROWS`] rows, in parallel, with results that do not depend on it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use subsel_formats::RowSource;
use subsel_kernels::{Block, Rows};

use crate::Error;
use crate::context::{CHUNK_ROWS, Context};

/// A block of a pass: where it lies and what it holds.
#[derive(Clone, Copy)]
pub(crate) struct BlockAt<'a> {
    /// Number of its first row.
    pub(crate) first: usize,
    /// Its rows.
    pub(crate) rows: Rows<'a>,
}

impl BlockAt<'_> {
    /// Its row numbers.
    pub(crate) fn range(&self) -> Range<usize> {
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
pub(crate) fn pass<T: Send, W, R: Send>(
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
pub(crate) fn chunks<T: Send, W, R: Send>(
    n: usize,
    ctx: &Context,
    state: &mut [T],
    worker: impl Fn() -> W + Sync,
    step: impl Fn(&mut W, Range<usize>, &mut [T]) -> Result<Option<R>, Error> + Sync,
    merge: impl FnMut(R) -> Result<(), Error> + Send,
) -> Result<(), Error> {
    assert!(state.len() == n || size_of::<T>() == 0, "one state entry per row");
    let chunks = n.div_ceil(CHUNK_ROWS);
    let queue = Mutex::new((0..chunks).zip(state.chunks_mut(CHUNK_ROWS)));
    let in_order = Mutex::new(InOrder { merge, waiting: BTreeMap::new(), next: 0 });
    let done = AtomicU64::new(0);
    let failure = Mutex::new(None);
    let failed = |error| {
        let mut failure = lock(&failure);
        failure.get_or_insert(error);
    };
    let work = || {
        let mut buffers = worker();
        loop {
            if lock(&failure).is_some() {
                return;
            }
            let Some((chunk, state)) = lock(&queue).next() else { return };
            let rows = chunk * CHUNK_ROWS..((chunk + 1) * CHUNK_ROWS).min(n);
            let result = ctx
                .go_on()
                .and_then(|()| step(&mut buffers, rows, state))
                .and_then(|folded| lock(&in_order).hand_in(chunk, folded));
            if let Err(error) = result {
                return failed(error);
            }
            ctx.progress().pass(done.fetch_add(1, Ordering::Relaxed) + 1, chunks as u64);
        }
    };
    let workers = ctx.threads().current_num_threads().min(chunks);
    if workers == 1 {
        // Here and now: within a parallel section a waiting thread would begin something else, and hold that too.
        work();
    } else {
        ctx.threads().scope(|scope| (0..workers).for_each(|_| scope.spawn(|_| work())));
    }
    match failure.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// [`pass`] for per-row results alone.
pub(crate) fn for_rows<T: Send, W>(
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
    fn hand_in(&mut self, chunk: usize, result: Option<R>) -> Result<(), Error> {
        self.waiting.insert(chunk, result);
        while let Some(result) = self.waiting.remove(&self.next) {
            self.next += 1;
            if let Some(result) = result {
                (self.merge)(result)?;
            }
        }
        Ok(())
    }
}

/// A worker that panicked has already failed the pass; what it held is still whole.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
