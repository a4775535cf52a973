//! The two ways to go by values that shrink, as one.

use super::{Drawn, Largest, Shrinking};
use crate::Error;
use crate::context::Context;

/// Draws, or takes the largest.
pub(crate) enum Driver {
    Drawn(Drawn),
    Largest(Largest),
}

impl Driver {
    /// The next row and its value; `None` where all are 0.
    pub(crate) fn next(&mut self, ctx: &Context, method: &mut impl Shrinking) -> Result<Option<(usize, f64)>, Error> {
        Ok(match self {
            Driver::Drawn(drawn) => drawn.next(ctx, method)?.map(|found| (found.row, found.value)),
            Driver::Largest(largest) => largest.next(ctx, method)?.map(|found| (found.row, found.value)),
        })
    }

    /// Starts over from other bounds.
    pub(crate) fn reset(&mut self, bounds: &[f64]) {
        match self {
            Driver::Drawn(drawn) => drawn.reset(bounds),
            Driver::Largest(largest) => largest.reset(bounds),
        }
    }

    /// Records how many rows were looked at.
    pub(crate) fn record(&self, ctx: &mut Context) {
        match self {
            Driver::Drawn(drawn) => ctx.record("trials", drawn.trials()),
            Driver::Largest(largest) => ctx.record("evaluations", largest.evaluations()),
        }
    }
}
