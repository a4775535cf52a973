//! Progress of a run, to be asked for by the thread that waits for it.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use subsel::Progress;

/// Where a run is.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    stage: Mutex<String>,
    steps: AtomicU64,
    at: AtomicU64,
    /// Within a step: thousandths of its passes.
    fine: AtomicU64,
}

/// Positions within a step.
pub(crate) const FINE: u64 = 1000;

impl Watched {
    /// Stage, position and length in thousandths of a step.
    pub(crate) fn look(&self) -> (String, u64, u64) {
        let stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (at, fine) = (self.at.load(Ordering::Relaxed), self.fine.load(Ordering::Relaxed));
        let steps = self.steps.load(Ordering::Relaxed) * FINE;
        (stage, (at * FINE + fine).min(steps), steps)
    }
}

impl Progress for Watched {
    fn begin(&self, stage: &str, steps: u64) {
        stage.clone_into(&mut self.stage.lock().unwrap_or_else(PoisonError::into_inner));
        self.steps.store(steps, Ordering::Relaxed);
        self.at.store(0, Ordering::Relaxed);
        self.fine.store(0, Ordering::Relaxed);
    }

    fn at(&self, steps: u64) {
        self.at.store(steps, Ordering::Relaxed);
        self.fine.store(0, Ordering::Relaxed);
    }

    fn pass(&self, done: u64, chunks: u64) {
        // A step may take several passes: the first fills most of it, the others stand still.
        self.fine.fetch_max(FINE * done / (chunks + 1), Ordering::Relaxed);
    }
}
