//! Learners without a network: probes on the embeddings of the pool.

use std::time::Instant;

use rayon::prelude::*;
use serde_json::{Map, Value};
use subsel::training::Tracker;
use subsel::{CheckedPool, Classes, Context, MethodInfo, OutputKind, Outputs, ParamInfo, grammar};
use subsel_kernels::{Block, Kernels};
use subsel_metrics::evaluators::{Layer, LinearProbe, Logistic, LogisticFit};
use subsel_metrics::{Evaluator, Examples, Standard, Task};

use crate::error::Error;
use crate::learner::{Job, Learned, Learner, Seconds, Wants};

/// A probe and its settings, read from `name[:key=value,..]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    kind: Kind,
    /// Only so many columns of the embeddings, the first.
    columns: Option<usize>,
    text: String,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Linear(LinearProbe),
    Logistic(Logistic),
}

const COLUMNS: ParamInfo = ParamInfo {
    name: "columns",
    values: "a number of columns",
    doc: "learns from the first so many columns only: cheaper, and less able",
};

static LINEAR: MethodInfo = MethodInfo {
    name: "linear-probe",
    aliases: &["linear"],
    summary: "one layer trained by stochastic gradient descent on the embeddings as they are",
    needs: "labels",
    rows: "raw",
    nested: false,
    random: true,
    cost: "time O(epochs n d C)",
    source: "see subsel_metrics::evaluators::LinearProbe",
    not_when: "there are no embeddings",
    params: &[
        ParamInfo { name: "epochs", values: "a count", doc: "passes over the rows" },
        ParamInfo { name: "rate", values: "a number", doc: "learning rate of the first epoch" },
        ParamInfo { name: "momentum", values: "a number", doc: "Nesterov momentum" },
        ParamInfo { name: "weight_decay", values: "a number", doc: "added to the gradient per unit of weight" },
        ParamInfo { name: "batch", values: "a count", doc: "rows of a step" },
        COLUMNS,
    ],
};

static LOGISTIC: MethodInfo = MethodInfo {
    name: "logistic",
    aliases: &["logistic-regression"],
    summary: "logistic regression on standardized embeddings, to its optimum",
    needs: "labels",
    rows: "raw",
    nested: false,
    random: false,
    cost: "time O(steps n d C)",
    source: "see subsel_metrics::evaluators::Logistic",
    not_when: "scores of a training are wanted: it has no epochs",
    params: &[ParamInfo { name: "lambda", values: "a number", doc: "what weights cost" }, COLUMNS],
};

/// The probes there are.
pub fn all() -> [&'static MethodInfo; 2] {
    [&LINEAR, &LOGISTIC]
}

impl Probe {
    /// Reads a probe's text.
    ///
    /// # Errors
    /// [`grammar::GrammarError`] that points at the first thing that cannot be read.
    pub fn parse(text: &str) -> Result<Self, grammar::GrammarError> {
        type Build = fn(Map<String, Value>) -> Result<Box<Probe>, String>;
        let list: [(&'static MethodInfo, Build); 2] = [(&LINEAR, linear), (&LOGISTIC, logistic)];
        let probe = grammar::parse_listed(text, "probe", list.into_iter())?;
        Ok(Probe { text: text.into(), ..*probe })
    }
}

/// The setting of both kinds, apart from those of one.
fn columns(params: &mut Map<String, Value>) -> Result<Option<usize>, String> {
    let Some(value) = params.remove("columns") else { return Ok(None) };
    let found = value.as_u64().filter(|columns| *columns > 0).map(|columns| columns as usize);
    found.map(Some).ok_or_else(|| format!("`columns` must be a number of columns, got {value}"))
}

fn linear(mut params: Map<String, Value>) -> Result<Box<Probe>, String> {
    let columns = columns(&mut params)?;
    let settings: LinearProbe = serde_json::from_value(Value::Object(params)).map_err(|error| error.to_string())?;
    if settings.epochs == 0 || settings.batch == 0 {
        return Err("`epochs` and `batch` must be at least 1".into());
    }
    let are_finite =
        [settings.rate, settings.momentum, settings.weight_decay].iter().all(|v| v.is_finite() && *v >= 0.0);
    if !are_finite {
        return Err("`rate`, `momentum` and `weight_decay` must be finite and 0 or more".into());
    }
    Ok(Box::new(Probe { kind: Kind::Linear(settings), columns, text: String::new() }))
}

fn logistic(mut params: Map<String, Value>) -> Result<Box<Probe>, String> {
    let columns = columns(&mut params)?;
    let settings: Logistic = serde_json::from_value(Value::Object(params)).map_err(|error| error.to_string())?;
    if !(settings.lambda.is_finite() && settings.lambda >= 0.0) {
        return Err("`lambda` must be finite and 0 or more".into());
    }
    Ok(Box::new(Probe { kind: Kind::Logistic(settings), columns, text: String::new() }))
}

/// A probe on a pool whose classes are known.
///
/// Gives logits of all rows, its inputs as penultimate features, and for `linear-probe` the scores of its training: it sees
/// its rows as they are, there being no augmentation. Inference runs on all threads, learning on one.
#[derive(Clone)]
pub struct ProbeLearner<'a> {
    probe: Probe,
    pool: &'a CheckedPool<'a>,
    labels: &'a Classes,
    test: Option<Examples>,
    standard: Standard,
    dim: usize,
}

impl std::fmt::Debug for ProbeLearner<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ProbeLearner").field(&self.probe).finish()
    }
}

/// Rows that are told at once by a thread.
const AT_ONCE: usize = 512;

impl<'a> ProbeLearner<'a> {
    /// A probe on this pool, examined on these test rows, whose classes are numbered as those of the pool.
    ///
    /// # Errors
    /// [`Error::Setting`] for more columns than there are; test rows of another width; reading.
    pub fn new(
        probe: Probe,
        pool: &'a CheckedPool<'a>,
        labels: &'a Classes,
        test: Option<&Examples>,
        ctx: &Context,
    ) -> Result<Self, Error> {
        let dim = probe.columns.unwrap_or(pool.dim());
        if dim > pool.dim() {
            let rule = format!("at most {}, the columns there are", pool.dim());
            return Err(Error::Setting { name: "columns", rule, got: dim.to_string() });
        }
        if let Some(test) = test.filter(|test| test.dim() != pool.dim()) {
            return Err(Error::Incomplete {
                what: format!("test rows have {} values, those of the pool {}", test.dim(), pool.dim()),
                hint: "both must come from one encoder".into(),
            });
        }
        let test = test.map(|test| {
            let rows = test.features().chunks_exact(test.width()).flat_map(|row| row[..dim].iter().copied());
            Examples::new(&rows.collect::<Vec<f32>>(), dim, test.labels().to_vec())
        });
        let standard = match probe.kind {
            // It takes rows as they are.
            Kind::Linear(_) => Standard::new(vec![0.0; dim], std::iter::repeat_n(1.0, dim)),
            Kind::Logistic(_) => {
                let (mean, sd) = pool.column_moments(ctx)?;
                Standard::new(mean[..dim].to_vec(), sd.into_iter().take(dim))
            }
        };
        Ok(ProbeLearner { probe, pool, labels, test: test.transpose()?, standard, dim })
    }

    /// The first columns of these rows, `(m, dim)`.
    fn rows(&self, rows: &[usize], ctx: &Context, scratch: &mut Block, out: &mut Vec<f32>) -> Result<(), Error> {
        let whole = self.pool.dim();
        self.pool.gather_f32(ctx, rows, scratch, out)?;
        if self.dim < whole {
            for (i, _) in rows.iter().enumerate() {
                out.copy_within(i * whole..i * whole + self.dim, i * self.dim);
            }
            out.truncate(rows.len() * self.dim);
        }
        Ok(())
    }

    /// Logits of every row of the pool.
    fn tell_pool(&self, fit: &Fit, ctx: &Context) -> Result<Outputs, Error> {
        let (n, classes, kernels) = (self.pool.len(), self.labels.names.len(), ctx.kernels());
        let mut logits = vec![0.0; n * classes];
        let at_once = AT_ONCE * ctx.threads().current_num_threads();
        let (mut scratch, mut values) = (Block::default(), Vec::new());
        for (part, out) in logits.chunks_mut(at_once * classes).enumerate() {
            ctx.go_on()?;
            let rows: Vec<usize> = (part * at_once..part * at_once + out.len() / classes).collect();
            self.rows(&rows, ctx, &mut scratch, &mut values)?;
            let parts = values.par_chunks(AT_ONCE * self.dim).zip(out.par_chunks_mut(AT_ONCE * classes));
            ctx.threads().install(|| parts.for_each(|(rows, out)| fit.tell(kernels, &widened(rows, self.dim), out)));
        }
        Ok(Outputs::new(OutputKind::Logits, logits, classes))
    }

    /// Learns from rows, and keeps what the training says of them where that is wanted.
    fn fit(&self, job: &Job<'_>, train: &Examples, ctx: &Context) -> Result<(Fit, Option<Vec<f64>>), Error> {
        let none = Examples::new(&[], self.dim, Vec::new())?;
        let classes = self.labels.names.len();
        let task = Task { classes, train, rows: job.rows, test: &none, standard: &self.standard };
        match (&self.probe.kind, job.wants.dynamics) {
            (Kind::Logistic(logistic), _) => Ok((Fit::Logistic(logistic.train(&task, ctx)?), None)),
            (Kind::Linear(probe), None) => {
                Ok((Fit::Linear(probe.train(&task, job.seed, ctx, &mut |_, _, _| Ok(()))?), None))
            }
            (Kind::Linear(probe), Some(score)) => {
                let mut tracker = Tracker::new(self.pool.len(), Some(classes))?;
                let mut seen = |epoch: usize, places: &[u32], logits: &[f32]| {
                    let ids: Vec<usize> = places.iter().map(|&place| job.rows[place as usize]).collect();
                    let labels: Vec<usize> = ids.iter().map(|&row| self.labels.codes[row] as usize).collect();
                    tracker.update(epoch as u32, &ids, logits, &labels)
                };
                let layer = probe.train(&task, job.seed, ctx, &mut seen)?;
                Ok((Fit::Linear(layer), Some(tracker.scores(score))))
            }
        }
    }
}

/// A probe that has learned.
enum Fit {
    Linear(Layer),
    Logistic(LogisticFit),
}

impl Fit {
    /// Logits of rows, padded for the kernels.
    fn tell(&self, kernels: Kernels, rows: &Examples, out: &mut [f32]) {
        match self {
            Fit::Linear(layer) => {
                let every: Vec<u32> = (0..rows.len() as u32).collect();
                layer.logits(kernels, rows.features(), &every, out);
            }
            Fit::Logistic(fit) => {
                let logits = fit.logits(kernels, rows.features(), rows.width());
                out.iter_mut().zip(logits).for_each(|(out, logit)| *out = logit as f32);
            }
        }
    }
}

impl Learner for ProbeLearner<'_> {
    fn name(&self) -> String {
        self.probe.text.clone()
    }

    fn describe(&self) -> String {
        let summary = match &self.probe.kind {
            Kind::Linear(probe) => probe.summary(),
            Kind::Logistic(logistic) => logistic.summary(),
        };
        match self.dim < self.pool.dim() {
            true => format!("{summary}, the first {} of {} columns", self.dim, self.pool.dim()),
            false => summary,
        }
    }

    fn check(&self, wants: Wants) -> Result<(), Error> {
        match (&self.probe.kind, wants.dynamics) {
            (Kind::Logistic(_), Some(score)) => Err(Error::Incomplete {
                what: format!("`logistic` has no epochs, and {} is a score of those", score.name()),
                hint: "`linear-probe` has them".into(),
            }),
            _ => Ok(()),
        }
    }

    fn features_are_input(&self) -> bool {
        self.dim == self.pool.dim()
    }

    fn learn(&mut self, job: &Job<'_>, ctx: &Context) -> Result<Learned, Error> {
        let began = Instant::now();
        let mut values = Vec::new();
        self.rows(job.rows, ctx, &mut Block::default(), &mut values)?;
        let labels = job.rows.iter().map(|&row| self.labels.codes[row]).collect();
        let train = Examples::new(&values, self.dim, labels)?;
        drop(values);
        let (fit, scores) = self.fit(job, &train, ctx)?;
        let train = began.elapsed().as_secs_f64();
        let began = Instant::now();
        let outputs = if job.wants.logits { Some(self.tell_pool(&fit, ctx)?) } else { None };
        let features = match job.wants.features && !self.features_are_input() {
            true => {
                let mut values = Vec::new();
                let all: Vec<usize> = (0..self.pool.len()).collect();
                self.rows(&all, ctx, &mut Block::default(), &mut values)?;
                Some(crate::learner::Features { values, dim: self.dim })
            }
            false => None,
        };
        let infer = began.elapsed().as_secs_f64();
        let test_outputs = self.test.as_ref().map(|test| {
            let classes = self.labels.names.len();
            let mut logits = vec![0.0; test.len() * classes];
            fit.tell(ctx.kernels(), test, &mut logits);
            Outputs::new(OutputKind::Logits, logits, classes)
        });
        Ok(Learned { outputs, features, scores, test_outputs, seconds: Seconds { train, infer }, ..Learned::default() })
    }
}

/// Rows `(m, dim)` as the kernels want them; nobody looks at their classes.
fn widened(rows: &[f32], dim: usize) -> Examples {
    let m = rows.len() / dim;
    Examples::new(rows, dim, vec![0; m]).expect("one class per row")
}
