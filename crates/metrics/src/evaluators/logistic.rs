//! Multinomial logistic regression: the probe without a seed, since its optimum is one.

use argmin::core::{CostFunction, Executor, Gradient};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use serde::{Deserialize, Serialize};
use subsel::{Context, Error};
use subsel_kernels::Kernels;

use crate::evaluator::{Evaluation, Evaluator, Standard, Task, every, largest};

/// Multinomial logistic regression on features standardized by the pool, found by L-BFGS in `f64`.
///
/// Minimizes the mean cross-entropy and `lambda / (2 n)` times the squared weights, biases free: scikit-learn's
/// `LogisticRegression(C=1/lambda)` behind a `StandardScaler` that was fitted to the pool.
///
/// # Guarantees
/// The optimum to a gradient of 1e-6, or the best point of [`Logistic::MOST_STEPS`] steps. No seed.
///
/// # Cost
/// Time `O(steps * n d C)`; memory of the picked rows and some 20 copies of the layer in `f64`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Logistic {
    /// What weights cost.
    pub lambda: f64,
}

impl Default for Logistic {
    fn default() -> Self {
        Logistic { lambda: 1e-2 }
    }
}

/// Length of the gradient at which the optimum counts as found.
const TOLERANCE: f64 = 1e-6;

/// Steps that L-BFGS remembers.
const MEMORY: usize = 10;

impl Evaluator for Logistic {
    fn name(&self) -> &'static str {
        "logistic"
    }

    fn summary(&self) -> String {
        format!("logistic regression on standardized features, L2 penalty {} / 2n, to its optimum", self.lambda)
    }

    fn is_random(&self) -> bool {
        false
    }

    fn evaluate(&self, task: &Task<'_>, _seed: u64, ctx: &Context) -> Result<Evaluation, Error> {
        let fit = self.train(task, ctx)?;
        let logits = fit.logits(ctx.kernels(), task.test.features(), task.test.width());
        Ok(Evaluation::of(task, logits.chunks_exact(task.classes).map(largest)))
    }
}

impl Logistic {
    /// The most steps of L-BFGS.
    pub const MOST_STEPS: u64 = 2000;

    /// Learns from the task's rows; its test rows are not looked at.
    ///
    /// # Errors
    /// [`Error::Interrupted`], before or after the fit.
    pub fn train(&self, task: &Task<'_>, ctx: &Context) -> Result<LogisticFit, Error> {
        let problem = Problem::new(task, self.lambda, ctx.kernels());
        let layer = self.fit(&problem, ctx)?;
        Ok(LogisticFit { dim: task.train.dim(), width: problem.width, layer, standard: task.standard.clone() })
    }

    fn fit(&self, problem: &Problem<'_, '_>, ctx: &Context) -> Result<Vec<f64>, Error> {
        ctx.go_on()?;
        let failed = |error: argmin::core::Error| Error::Settings(format!("logistic regression failed: {error}"));
        let search = MoreThuenteLineSearch::new();
        let solver = LBFGS::new(search, MEMORY).with_tolerance_grad(TOLERANCE).map_err(failed)?;
        let solver = solver.with_tolerance_cost(0.0).map_err(failed)?;
        let start = vec![0.0; problem.classes * problem.width];
        let run = Executor::new(problem, solver)
            .configure(|state| state.param(start.clone()).max_iters(Self::MOST_STEPS))
            .timer(false)
            .run();
        ctx.go_on()?;
        match run {
            Ok(mut done) => Ok(done.state.take_best_param().unwrap_or(start)),
            Err(error) => Err(failed(error)),
        }
    }
}

#[cfg(test)]
impl Logistic {
    /// Length of the gradient where the fit ends.
    pub(super) fn gradient_length(&self, task: &Task<'_>, ctx: &Context) -> Result<f64, Error> {
        let problem = Problem::new(task, self.lambda, ctx.kernels());
        let layer = self.fit(&problem, ctx)?;
        let gradient = (&&problem).gradient(&layer).map_err(|error| Error::Settings(error.to_string()))?;
        Ok(gradient.iter().map(|g| g * g).sum::<f64>().sqrt())
    }
}

/// What a [`Logistic`] learned.
#[derive(Clone, Debug)]
pub struct LogisticFit {
    dim: usize,
    width: usize,
    /// Weights `(C, width)` for standardized rows, the bias of each class behind them.
    layer: Vec<f64>,
    standard: Standard,
}

impl LogisticFit {
    /// Logits `(m, C)` of rows `(m, width)`, padded as those of [`Examples`](crate::Examples) are.
    ///
    /// # Panics
    /// If lengths do not fit.
    pub fn logits(&self, kernels: Kernels, rows: &[f32], width: usize) -> Vec<f64> {
        let classes = self.layer.len() / self.width;
        let mut logits = Vec::with_capacity(rows.len() / width * classes);
        // Some at a time: standardized rows take twice their memory.
        for rows in rows.chunks(1024 * width) {
            let rows = standardized(rows, width, self.dim, self.width, &self.standard);
            let n = rows.len() / self.width;
            let first = logits.len();
            logits.resize(first + n * classes, 0.0);
            kernels.class_dots(&rows, self.width, &every(n), &self.layer, &mut logits[first..]);
        }
        logits
    }
}

/// Rows `(n, width)` of `dim` values standardized, with a one for the biases behind them, `(n, out_width)`.
fn standardized(rows: &[f32], width: usize, dim: usize, out_width: usize, standard: &Standard) -> Vec<f64> {
    let mut out = vec![0.0; rows.len() / width * out_width];
    for (out, row) in out.chunks_exact_mut(out_width).zip(rows.chunks_exact(width)) {
        for i in 0..dim {
            out[i] = (f64::from(row[i]) - standard.mean[i]) * standard.scale[i];
        }
        out[dim] = 1.0;
    }
    out
}

/// Rows standardized, with a column of ones for the biases behind them, and their classes.
struct Problem<'a, 'b> {
    task: &'a Task<'b>,
    classes: usize,
    width: usize,
    rows: Vec<f64>,
    lambda: f64,
    kernels: Kernels,
    all: Vec<u32>,
}

impl<'a, 'b> Problem<'a, 'b> {
    fn new(task: &'a Task<'b>, lambda: f64, kernels: Kernels) -> Self {
        let width = subsel_kernels::padded(task.train.dim() + 1);
        let mut problem = Problem {
            task,
            classes: task.classes,
            width,
            rows: Vec::new(),
            lambda,
            kernels,
            all: every(task.train.len()),
        };
        problem.rows = standardized(task.train.features(), task.train.width(), task.train.dim(), width, task.standard);
        problem
    }

    /// Half the squared weights, biases left out.
    fn penalty(&self, layer: &[f64]) -> f64 {
        let dim = self.task.train.dim();
        let squares = layer.chunks_exact(self.width).map(|weights| weights[..dim].iter().map(|w| w * w).sum::<f64>());
        0.5 * self.lambda / self.all.len() as f64 * squares.sum::<f64>()
    }

    /// Mean cross-entropy, and the shares of the classes less the truth, over n, for each row.
    fn errors(&self, layer: &[f64]) -> (f64, Vec<f64>) {
        let n = self.all.len();
        let mut logits = vec![0.0; n * self.classes];
        self.kernels.class_dots(&self.rows, self.width, &self.all, layer, &mut logits);
        let mut cost = 0.0;
        for (logits, &label) in logits.chunks_exact_mut(self.classes).zip(self.task.train.labels()) {
            let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let own = logits[label as usize] - most;
            let mut sum = 0.0;
            for logit in logits.iter_mut() {
                *logit = libm::exp(*logit - most);
                sum += *logit;
            }
            cost += libm::log(sum) - own;
            logits.iter_mut().for_each(|share| *share /= sum * n as f64);
            logits[label as usize] -= 1.0 / n as f64;
        }
        (cost / n as f64, logits)
    }
}

impl CostFunction for &Problem<'_, '_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, layer: &Self::Param) -> Result<f64, argmin::core::Error> {
        Ok(self.errors(layer).0 + self.penalty(layer))
    }
}

impl Gradient for &Problem<'_, '_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, layer: &Self::Param) -> Result<Vec<f64>, argmin::core::Error> {
        let (_, errors) = self.errors(layer);
        let mut gradient = vec![0.0; layer.len()];
        self.kernels.class_sums(&self.rows, self.width, &self.all, &errors, &mut gradient);
        let dim = self.task.train.dim();
        let by = self.lambda / self.all.len() as f64;
        for (gradient, weights) in gradient.chunks_exact_mut(self.width).zip(layer.chunks_exact(self.width)) {
            gradient[..dim].iter_mut().zip(weights).for_each(|(g, w)| *g += by * w);
        }
        Ok(gradient)
    }
}
