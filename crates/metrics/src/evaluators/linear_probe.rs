//! The linear probe: one layer trained by stochastic gradient descent on features as they are.

use serde::{Deserialize, Serialize};
use subsel::{Context, Draws, Error, Stream};
use subsel_kernels::Kernels;

use crate::evaluator::{Evaluation, Evaluator, Task, every, largest};

/// One linear layer `d -> C` with bias on raw features, trained as the paper's code trains it: cross-entropy, SGD with
/// Nesterov momentum and weight decay, the rate following a cosine from epoch to epoch.
///
/// Rows are doubled until a batch is full, and what is left of the last batch is dropped: up to 100 rows make one step
/// per epoch, on a random 100 of the repeated rows.
///
/// # Guarantees
/// The same weights for a seed on every machine, in `f32`. Weights and biases start uniform within `1/sqrt(d)`.
///
/// # Cost
/// Time `O(epochs * max(n, batch) * d * C)`; memory of the picked rows and three copies of the layer.
///
/// # Source
/// Effective Subset Selection Through the Lens of Neural Network Pruning (2024), framework ii; settings it does not give
/// are those of the deep active learning code it builds on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LinearProbe {
    /// Passes over the rows.
    pub epochs: usize,
    /// Learning rate of the first epoch.
    pub rate: f32,
    /// Share of the last step that is taken again.
    pub momentum: f32,
    /// What is added to the gradient per unit of weight, biases included.
    pub weight_decay: f32,
    /// Rows of a step.
    pub batch: usize,
}

impl Default for LinearProbe {
    fn default() -> Self {
        LinearProbe { epochs: 400, rate: 2.5, momentum: 0.9, weight_decay: 3e-4, batch: 100 }
    }
}

impl Evaluator for LinearProbe {
    fn name(&self) -> &'static str {
        "linear-probe"
    }

    fn summary(&self) -> String {
        format!(
            "linear layer on raw features, {} epochs of SGD from rate {} (Nesterov {}, weight decay {}, batches of {})",
            self.epochs, self.rate, self.momentum, self.weight_decay, self.batch
        )
    }

    fn is_random(&self) -> bool {
        true
    }

    fn evaluate(&self, task: &Task<'_>, seed: u64, ctx: &Context) -> Result<Evaluation, Error> {
        let kernels = ctx.kernels();
        let layer = self.train(task, seed, ctx, &mut |_, _, _| Ok(()))?;
        let mut logits = vec![0.0; task.test.len() * task.classes];
        let all = every(task.test.len());
        layer.logits(kernels, task.test.features(), &all, &mut logits);
        Ok(Evaluation::of(task, logits.chunks_exact(task.classes).map(largest)))
    }
}

/// Weights `(C, width)` and biases `(C,)` that a [`LinearProbe`] learned.
#[derive(Clone, Debug)]
pub struct Layer {
    width: usize,
    pub(super) weights: Vec<f32>,
    pub(super) biases: Vec<f32>,
}

/// Sees every minibatch before the step of the optimizer: the epoch from 0, the places of its rows, each once and
/// ascending, and their logits `(b, C)`.
pub type Seen<'a> = dyn FnMut(usize, &[u32], &[f32]) -> Result<(), Error> + 'a;

impl Layer {
    /// Logits `(m, C)` of the rows `picked` `(m,)` of `rows`, which are padded as those of
    /// [`Examples`](crate::Examples) are.
    ///
    /// # Panics
    /// If lengths do not fit.
    pub fn logits(&self, kernels: Kernels, rows: &[f32], picked: &[u32], out: &mut [f32]) {
        kernels.class_dots(rows, self.width, picked, &self.weights, out);
        for row in out.chunks_exact_mut(self.biases.len()) {
            row.iter_mut().zip(&self.biases).for_each(|(logit, bias)| *logit += bias);
        }
    }
}

impl LinearProbe {
    /// Learns from the task's rows; its test rows are not looked at.
    ///
    /// # Errors
    /// [`Error::Interrupted`], and whatever `seen` gives.
    pub fn train(&self, task: &Task<'_>, seed: u64, ctx: &Context, seen: &mut Seen<'_>) -> Result<Layer, Error> {
        let (kernels, classes, width, dim) = (ctx.kernels(), task.classes, task.train.width(), task.train.dim());
        let start = Stream::new(seed, "probe-start");
        let bound = 1.0 / (dim as f64).sqrt();
        let uniform = |i: usize| ((2.0 * start.unit(i as u64) - 1.0) * bound) as f32;
        let mut layer = Layer { width, weights: vec![0.0; classes * width], biases: Vec::new() };
        for (class, weights) in layer.weights.chunks_exact_mut(width).enumerate() {
            weights[..dim].iter_mut().enumerate().for_each(|(i, weight)| *weight = uniform(class * dim + i));
        }
        layer.biases = (0..classes).map(|class| uniform(classes * dim + class)).collect();

        let mut weight_steps = vec![0.0; classes * width];
        let mut bias_steps = vec![0.0; classes];
        let mut gradient = vec![0.0; classes * width];
        let mut bias_gradient = vec![0.0; classes];
        let mut order = Order::new(task.train.len(), self.batch, seed);
        let mut errors = Vec::new();
        for epoch in 0..self.epochs {
            ctx.go_on()?;
            let turn = std::f64::consts::PI * epoch as f64 / self.epochs as f64;
            let rate = self.rate * (0.5 * (1.0 + libm::cos(turn))) as f32;
            order.shuffle();
            for batch in order.batches() {
                errors.resize(batch.rows.len() * classes, 0.0);
                layer.logits(kernels, task.train.features(), &batch.rows, &mut errors);
                seen(epoch, &batch.rows, &errors)?;
                for ((errors, row), count) in errors.chunks_exact_mut(classes).zip(&batch.rows).zip(&batch.counts) {
                    let label = task.train.labels()[*row as usize];
                    error_of(errors, label, *count as f32 / self.batch as f32);
                }
                kernels.class_sums(task.train.features(), width, &batch.rows, &errors, &mut gradient);
                bias_gradient.fill(0.0);
                for errors in errors.chunks_exact(classes) {
                    bias_gradient.iter_mut().zip(errors).for_each(|(sum, error)| *sum += error);
                }
                self.step(rate, &gradient, &mut weight_steps, &mut layer.weights);
                self.step(rate, &bias_gradient, &mut bias_steps, &mut layer.biases);
            }
        }
        Ok(layer)
    }

    /// A step as PyTorch takes it: the first has no momentum to start from, which a zero step is the same as.
    fn step(&self, rate: f32, gradient: &[f32], steps: &mut [f32], weights: &mut [f32]) {
        for ((weight, step), gradient) in weights.iter_mut().zip(steps).zip(gradient) {
            let gradient = gradient + self.weight_decay * *weight;
            *step = self.momentum * *step + gradient;
            *weight -= rate * (gradient + self.momentum * *step);
        }
    }
}

/// Turns logits into the gradient of their cross-entropy, times `weight`.
fn error_of(logits: &mut [f32], label: u32, weight: f32) {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for logit in logits.iter_mut() {
        *logit = libm::expf(*logit - most);
        sum += *logit;
    }
    let scale = weight / sum;
    logits.iter_mut().for_each(|share| *share *= scale);
    logits[label as usize] -= weight;
}

/// The rows in the order in which an epoch takes them.
struct Order {
    rows: Vec<u32>,
    batch: usize,
    draws: Draws,
    counts: Vec<u32>,
}

/// Rows of one step, each once, with how often it is taken.
struct Batch {
    rows: Vec<u32>,
    counts: Vec<u32>,
}

impl Order {
    fn new(n: usize, batch: usize, seed: u64) -> Self {
        let mut rows = every(n);
        while rows.len() < batch {
            rows.extend_from_within(..);
        }
        Order { rows, batch, draws: Draws::new(Stream::new(seed, "probe-order")), counts: vec![0; n] }
    }

    fn shuffle(&mut self) {
        for last in (1..self.rows.len()).rev() {
            let other = self.draws.below(last as u64 + 1) as usize;
            self.rows.swap(last, other);
        }
    }

    fn batches(&mut self) -> Vec<Batch> {
        let counts = &mut self.counts;
        let batches = self.rows.chunks_exact(self.batch).map(|taken| {
            taken.iter().for_each(|&row| counts[row as usize] += 1);
            let mut rows: Vec<u32> = taken.to_vec();
            rows.sort_unstable();
            rows.dedup();
            let counts = rows.iter().map(|&row| std::mem::take(&mut counts[row as usize])).collect();
            Batch { rows, counts }
        });
        batches.collect()
    }
}
