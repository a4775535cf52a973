//! What judges rows by the labels they have: a probe, a vote of neighbors, a network.

use std::fmt::Debug;

use subsel::{CheckedPool, Context, Error};
use subsel_kernels::padded;

/// Rows and their classes.
#[derive(Clone, Debug)]
pub struct Examples {
    dim: usize,
    features: Vec<f32>,
    labels: Vec<u32>,
}

impl Examples {
    /// Rows `(n, d)` as `f32` and the class of each.
    ///
    /// # Errors
    /// [`Error::Length`] where there is not one label per row.
    pub fn new(features: &[f32], dim: usize, labels: Vec<u32>) -> Result<Self, Error> {
        let n = features.len() / dim.max(1);
        if labels.len() != n {
            return Err(Error::Length { what: "labels", got: labels.len(), n });
        }
        let width = padded(dim);
        let mut wide = vec![0.0; n * width];
        for (wide, row) in wide.chunks_exact_mut(width).zip(features.chunks_exact(dim)) {
            wide[..dim].copy_from_slice(row);
        }
        Ok(Examples { dim, features: wide, labels })
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Values per row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Values per row with the zeros that follow them, for the kernels.
    pub fn width(&self) -> usize {
        padded(self.dim)
    }

    /// The rows `(n, width)`.
    pub fn features(&self) -> &[f32] {
        &self.features
    }

    /// The class of each row.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }
}

/// What standardizes features: the mean of each column, and one over its standard deviation.
#[derive(Clone, Debug, PartialEq)]
pub struct Standard {
    pub(crate) mean: Vec<f64>,
    pub(crate) scale: Vec<f64>,
}

impl Standard {
    /// From the mean and the standard deviation of each column; a constant column is centered only.
    pub fn new(mean: Vec<f64>, sd: impl Iterator<Item = f64>) -> Self {
        // What rounding leaves of a constant column is no spread.
        let scale_of = |(sd, mean): (f64, &f64)| if sd > 10.0 * f64::EPSILON * mean.abs() { 1.0 / sd } else { 1.0 };
        let scale = sd.zip(&mean).map(scale_of).collect();
        Standard { mean, scale }
    }

    /// Of these rows `(n, d)`, the deviation with divisor n.
    pub fn of_rows(rows: &[f32], dim: usize) -> Self {
        let n = (rows.len() / dim) as f64;
        let (mut mean, mut squares) = (vec![0.0; dim], vec![0.0; dim]);
        let rows = || rows.chunks_exact(dim);
        for row in rows() {
            mean.iter_mut().zip(row).for_each(|(sum, v)| *sum += f64::from(*v));
        }
        mean.iter_mut().for_each(|sum| *sum /= n);
        for row in rows() {
            for ((sum, v), mean) in squares.iter_mut().zip(row).zip(&mean) {
                *sum += (f64::from(*v) - mean) * (f64::from(*v) - mean);
            }
        }
        Standard::new(mean, squares.into_iter().map(|sum| (sum / n).sqrt()))
    }

    /// Of the rows of a pool, in one pass.
    ///
    /// # Errors
    /// Whatever reading meets.
    pub fn of_pool(pool: &CheckedPool<'_>, ctx: &Context) -> Result<Self, Error> {
        let (mean, sd) = pool.column_moments(ctx)?;
        Ok(Standard::new(mean, sd.into_iter()))
    }
}

/// A classification problem: rows that were picked and labeled, and rows to be told.
#[derive(Clone, Copy, Debug)]
pub struct Task<'a> {
    /// How many classes there are; labels are numbers below it.
    pub classes: usize,
    /// The picked rows in rank order.
    pub train: &'a Examples,
    /// Their numbers in the pool, for evaluators that look up more of them than features.
    pub rows: &'a [usize],
    /// The rows to be told.
    pub test: &'a Examples,
    /// What standardizes features, for evaluators that want it: of the whole pool, since a few picks tell little of it.
    pub standard: &'a Standard,
}

/// What learning from some rows came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation {
    /// Share of the test rows that were told rightly, 0 to 1.
    pub accuracy: f64,
    /// The same among test rows of classes that the picked rows have: no learner can win the others. NaN where there is
    /// none.
    pub accuracy_on_seen: f64,
    /// Share of the test rows whose class the picked rows have: the most that `accuracy` can be.
    pub ceiling: f64,
}

impl Evaluation {
    /// What it is to have told the test rows by these classes.
    pub fn of(task: &Task<'_>, told: impl Iterator<Item = u32>) -> Self {
        let mut is_seen = vec![false; task.classes];
        task.train.labels().iter().for_each(|&class| is_seen[class as usize] = true);
        let (mut right, mut seen) = (0_usize, 0_usize);
        for (told, &truth) in told.zip(task.test.labels()) {
            seen += usize::from(is_seen[truth as usize]);
            // A class that was not seen cannot be told rightly but by a draw of initial weights.
            right += usize::from(told == truth);
        }
        let n = task.test.len() as f64;
        Evaluation {
            accuracy: right as f64 / n,
            accuracy_on_seen: right as f64 / seen as f64,
            ceiling: seen as f64 / n,
        }
    }
}

/// Learns from some rows and is examined on others.
pub trait Evaluator: Debug + Send + Sync {
    /// Its name, kebab-case.
    fn name(&self) -> &'static str;

    /// One line: what is trained, and how.
    fn summary(&self) -> String;

    /// Whether the seed changes what it finds.
    fn is_random(&self) -> bool;

    /// Learns from the task's picked rows and tells its test rows. Runs on the calling thread, so that many can run at
    /// once, and gives the same on every machine.
    ///
    /// # Errors
    /// [`Error::Interrupted`], and what the evaluator's page says.
    fn evaluate(&self, task: &Task<'_>, seed: u64, ctx: &Context) -> Result<Evaluation, Error>;
}

/// The evaluator of this name: `linear-probe`, `logistic`, `1nn` or `20nn`.
///
/// # Errors
/// [`crate::Error::Unknown`].
pub fn evaluator(name: &str) -> Result<Box<dyn Evaluator>, crate::Error> {
    let known = || all().iter().map(|each| each.name()).collect::<Vec<_>>().join(", ");
    let found = all().into_iter().find(|evaluator| evaluator.name() == name);
    found.ok_or_else(|| crate::Error::Unknown { what: "evaluator", name: name.into(), known: known() })
}

/// Every evaluator, with its settings as they are by default.
pub fn all() -> Vec<Box<dyn Evaluator>> {
    use crate::evaluators::{LinearProbe, Logistic, Neighbors};
    vec![
        Box::new(LinearProbe::default()),
        Box::new(Logistic::default()),
        Box::new(Neighbors { k: 1 }),
        Box::new(Neighbors { k: 20 }),
    ]
}

/// Numbers of all rows.
pub(crate) fn every(n: usize) -> Vec<u32> {
    (0..n as u32).collect()
}

/// The place of the largest of `values`, the first of equals; NaN is never larger.
pub(crate) fn largest<T: PartialOrd + Copy>(values: &[T]) -> u32 {
    let mut best = 0;
    for (i, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = i;
        }
    }
    best as u32
}
