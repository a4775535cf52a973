//! Progress with time remaining, on a terminal only.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use subsel::{Context, Progress};

/// A bar on stderr.
pub(crate) struct Bar {
    bar: ProgressBar,
    step: AtomicU64,
}

/// Positions of the bar within one step.
const FINE: u64 = 1000;

impl Bar {
    fn forward(&self, position: u64) {
        if position > self.bar.position() {
            self.bar.set_position(position);
        }
    }
}

impl Progress for Bar {
    fn begin(&self, stage: &str, steps: u64) {
        self.step.store(0, Ordering::Relaxed);
        self.bar.set_length(steps * FINE);
        self.bar.set_position(0);
        self.bar.set_message(stage.to_owned());
        self.bar.reset_eta();
    }

    fn at(&self, steps: u64) {
        self.step.store(steps, Ordering::Relaxed);
        self.forward(steps * FINE);
    }

    fn pass(&self, done: u64, chunks: u64) {
        // A step may take several passes: the first fills most of it, the others stand still.
        self.forward(self.step.load(Ordering::Relaxed) * FINE + FINE * done / (chunks + 1));
    }
}

/// Shows the progress of `ctx` until dropped, if stderr is a terminal and nobody asked for quiet.
#[must_use]
pub(crate) fn watch(ctx: &mut Context, quiet: bool) -> Option<Watched> {
    if quiet || !std::io::stderr().is_terminal() {
        return None;
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
    let style = ProgressStyle::with_template("{msg:20} {bar:32} {percent:>3} %  {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    ctx.set_progress(Arc::new(Bar { bar: bar.clone(), step: AtomicU64::new(0) }));
    Some(Watched { bar })
}

/// Takes the bar off the screen when dropped, so that messages stand on clean lines.
pub(crate) struct Watched {
    bar: ProgressBar,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
