//! Methods, budgets and seeds side by side, with error bars.
//!
//! A seed redraws the sample of the pool, what the methods draw and what the evaluators draw, and all methods of a seed
//! see the same sample: differences to random are paired, and error bars mean something for deterministic methods too.
//! [`Comparison::arrange`] finds what texts name, [`run`] fills a [`Journal`], [`Summary::of`] says what came of it.

mod cells;
mod drawn;
mod recipe;
mod run;
mod saved;
mod setting;
mod stats;
mod summary;
#[cfg(test)]
mod tests;

pub use cells::{Cell, Header, Journal, Place};
pub use recipe::{Data, Draw, Recipe, Training};
pub use run::{Given, NORMS, Watch, run};
pub use saved::{Saved, labels_saved};
pub use setting::{Arranged, Comparison, RANDOM, RowsAs};
pub use stats::{CONFIDENCE, Correlation, Mean, Verdict};
pub use summary::{Column, Entry, Summary};
