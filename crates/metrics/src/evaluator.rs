//! What judges rows by the labels they have: a probe, a vote of neighbors, a network.

use std::fmt::Debug;

use subsel::{Context, Error};

/// A classification problem: rows that may be learned from, and rows to be told.
///
/// Features are `f32`, `(n, d)` and `(m, d)`; labels are class numbers below `classes`.
#[derive(Clone, Copy, Debug)]
pub struct Task<'a> {
    /// Values per row.
    pub dim: usize,
    /// How many classes there are.
    pub classes: usize,
    /// Features of the rows that may be learned from, `(n, d)`.
    pub train: &'a [f32],
    /// Their classes, `(n,)`.
    pub train_labels: &'a [u32],
    /// Features of the rows to be told, `(m, d)`.
    pub test: &'a [f32],
    /// Their classes, `(m,)`.
    pub test_labels: &'a [u32],
}

/// What learning from some rows came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Share of the test rows that were told rightly, 0 to 1.
    pub accuracy: f64,
    /// The same among test rows of classes that the picked rows have: what is lost otherwise no learner can win. NaN where
    /// there is none.
    pub accuracy_on_seen: f64,
    /// Share of the test rows whose class the picked rows have: the most that `accuracy` can be.
    pub ceiling: f64,
}

/// Learns from some rows and is examined on others.
pub trait Evaluator: Debug + Send + Sync {
    /// Its name, kebab-case.
    fn name(&self) -> &'static str;

    /// One line: what is trained, and how.
    fn summary(&self) -> String;

    /// Whether the seed changes what it finds.
    fn is_random(&self) -> bool;

    /// Learns from `rows` of the task's train part and tells its test part. Runs on one thread, so that many can run at
    /// once.
    ///
    /// # Errors
    /// [`Error::Interrupted`], and what the evaluator's page says.
    fn evaluate(&self, task: &Task<'_>, rows: &[usize], seed: u64, ctx: &Context) -> Result<Evaluation, Error>;
}
