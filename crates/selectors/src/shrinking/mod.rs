//! Greedy selection by a number per row that only shrinks as picks accumulate.
//!
//! Residual norms, distances to the nearest pick and submodular gains share one property: an old value is an upper
//! bound of the current one. So most rows need no work: rows are drawn or ranked by their bounds, and only those that
//! come up are brought up to date. Two drivers do that for every such method:
//!
//! - [`drawn`]: exact sampling in proportion to the *current* values by rejection. A row drawn in proportion to its
//!   bound is accepted with probability value/bound; one trial accepts row j with probability proportional to its value
//!   whatever the bounds are, so the first accepted row has exactly the textbook's law.
//! - [`largest`]: the exact maximum by a lazy heap, evaluated in growing batches.
//!
//! What decides is canonical (see `subsel-kernels`): the same bits on every machine. Bounds that steer drawing must be
//! canonical too, since they decide how randomness is consumed; bounds that only order a heap need not be.

mod drawn;
mod driver;
mod far;
mod largest;
mod nearest;
mod tree;

pub(crate) use drawn::Drawn;
pub(crate) use driver::Driver;
pub(crate) use far::pick_far;
pub(crate) use largest::Largest;
pub(crate) use nearest::{Nearest, RefreshRule};

use crate::Error;
use crate::context::Context;

/// What is known of a row after work on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Known {
    /// The current value, if it was worked out; `None` if the work stopped early because it is below the level asked.
    pub(crate) value: Option<f64>,
    /// An upper bound of this and every later value.
    pub(crate) bound: f64,
}

/// A method whose number per row only shrinks.
pub(crate) trait Shrinking {
    /// Brings these rows up to date and tells what is known of each, in order. A row's work may stop as soon as its
    /// value is certainly below `stop_below`.
    fn tighten(&mut self, ctx: &Context, rows: &[usize], stop_below: f64, known: &mut Vec<Known>) -> Result<(), Error>;

    /// Takes a row: from now on values account for it.
    fn add(&mut self, ctx: &Context, row: usize) -> Result<(), Error>;

    /// Whether bringing every row up to date at once is cheaper than going on row by row. Decided by counts of work,
    /// never by time, so that it happens at the same pick everywhere.
    fn wants_refresh(&self) -> bool;

    /// Lowers the bounds of all rows by one pass. Entries of rows out of play are 0 and stay so.
    fn refresh(&mut self, ctx: &Context, bounds: &mut [f64]) -> Result<(), Error>;
}

/// Values within this of the best, relatively, count as equal; the lowest row then wins.
pub(crate) const TIE: f64 = 1.0 / (1u64 << 40) as f64;
