//! Progress with time remaining, on a terminal only.

use std::io::IsTerminal;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use subsel::{Context, Progress};

/// A bar on stderr.
pub(crate) struct Bar {
    bar: ProgressBar,
}

impl Progress for Bar {
    fn begin(&self, stage: &str, steps: u64) {
        self.bar.set_length(steps);
        self.bar.set_position(0);
        self.bar.set_message(stage.to_owned());
        self.bar.reset_eta();
    }

    fn at(&self, steps: u64) {
        self.bar.set_position(steps);
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
    ctx.set_progress(Arc::new(Bar { bar: bar.clone() }));
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
