//! Who works: the calling thread alone, or all threads of the pool that it belongs to.

use std::cell::Cell;

use rayon::prelude::*;

thread_local! {
    static TOGETHER: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`, all verbs of [`Cpu`](super::Cpu) in it with all threads of `pool`; or on the calling thread alone where
/// that already is one of some pool: it is then one of many jobs, and to share it out would only mix them up.
pub fn together<T: Send>(pool: &rayon::ThreadPool, work: impl FnOnce() -> T + Send) -> T {
    if rayon::current_thread_index().is_some() || pool.current_num_threads() == 1 {
        return work();
    }
    pool.install(|| {
        let before = TOGETHER.replace(true);
        let _restored = Restore(before);
        work()
    })
}

struct Restore(bool);

impl Drop for Restore {
    fn drop(&mut self) {
        TOGETHER.set(self.0);
    }
}

/// Runs `work` on the calling thread alone, for the many jobs of a loop that is itself shared out.
pub(crate) fn alone<T>(work: impl FnOnce() -> T) -> T {
    let _restored = Restore(TOGETHER.replace(false));
    work()
}

/// What `work` makes of chunks of `rows`, each on one thread, in order. A thread that is one of some pool and does not
/// work [`together`] with it has a job of its own there, and does this alone too.
pub(crate) fn side_by_side<T: Send, R: Sync, F: Send>(
    pool: &rayon::ThreadPool,
    rows: &[R],
    len: usize,
    work: impl Fn(&[R]) -> Result<T, F> + Sync,
) -> Result<Vec<T>, F> {
    let spread = || rows.par_chunks(len).map(|rows| alone(|| work(rows))).collect();
    match (TOGETHER.get(), rayon::current_thread_index()) {
        (true, _) => spread(),
        (false, None) => pool.install(spread),
        (false, Some(_)) => rows.chunks(len).map(work).collect(),
    }
}

/// Hands chunks of `out`, with their numbers, to the threads that work.
pub(crate) fn each_chunk(out: &mut [f32], len: usize, work: impl Fn(usize, &mut [f32]) + Sync) {
    if TOGETHER.get() {
        out.par_chunks_mut(len).enumerate().for_each(|(i, chunk)| alone(|| work(i, chunk)));
    } else {
        out.chunks_mut(len).enumerate().for_each(|(i, chunk)| work(i, chunk));
    }
}

/// `n` parts of `len` values each, worked out by the threads that work.
pub(super) fn sums(n: usize, len: usize, work: impl Fn(usize, &mut [f32]) + Sync) -> Vec<f32> {
    let mut parts = vec![0.0; n * len];
    each_chunk(&mut parts, len, work);
    parts
}
