//! What learns: a network, a probe, a program of the user's. The loops know no more of it than this.

use std::fmt::Debug;
use std::path::Path;

use subsel::training::TrainingScore;
use subsel::{Context, Outputs};

use crate::error::Error;

/// One of the two models of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The cheap one, which chooses.
    Proxy,
    /// The one that matters, which learns from what was chosen.
    Target,
}

impl Role {
    /// `proxy` or `target`.
    pub fn name(self) -> &'static str {
        match self {
            Role::Proxy => "proxy",
            Role::Target => "target",
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A training that is asked for.
#[derive(Debug)]
pub struct Job<'a> {
    /// The rows to learn from, ascending and distinct. None of the others may be learned from.
    pub rows: &'a [usize],
    /// Seed of everything that the training draws; below 2^31, so that every library takes it.
    pub seed: u64,
    /// The round: 0 for the first, on the initial rows; in core-set selection always 0.
    pub round: usize,
    /// A directory of its own for what the training writes; it exists. What a run that was stopped left there, such as
    /// checkpoints, is still there.
    pub dir: &'a Path,
    /// What is asked of the model beside its accuracy.
    pub wants: Wants,
}

/// What is asked of a trained model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// Logits of every row of the pool.
    pub logits: bool,
    /// Penultimate features of every row of the pool.
    pub features: bool,
    /// What the training says of every row it learns from.
    pub dynamics: Option<TrainingScore>,
}

impl Wants {
    /// Whether anything is.
    pub fn anything(self) -> bool {
        self.logits || self.features || self.dynamics.is_some()
    }

    /// In words parted by commas, such as `logits,features`; `accuracy` where nothing else is wanted.
    pub fn text(self) -> String {
        let words = [
            self.logits.then_some("logits"),
            self.features.then_some("features"),
            self.dynamics.is_some().then_some("scores"),
        ];
        let words: Vec<&str> = words.into_iter().flatten().collect();
        if words.is_empty() { "accuracy".into() } else { words.join(",") }
    }
}

/// Penultimate features of the pool `(n, dim)`: the input of a model's last layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    /// Row by row.
    pub values: Vec<f32>,
    /// Values per row.
    pub dim: usize,
}

/// What came of a training. Inference is in eval mode, without augmentation; scores of a training are of its own
/// minibatches, taken before each step.
#[derive(Clone, Debug, Default)]
pub struct Learned {
    /// Outputs of every row of the pool `(n, C)`, of the last epoch.
    pub outputs: Option<Outputs>,
    /// Penultimate features of every row of the pool.
    pub features: Option<Features>,
    /// A number per row of the pool, higher where the row is harder; NaN of rows that were not learned from.
    pub scores: Option<Vec<f64>>,
    /// Outputs of the test rows `(m, C)`, of the last epoch.
    pub test_outputs: Option<Outputs>,
    /// Share of the test rows told rightly after the last epoch, where the learner says so itself and there are no
    /// `test_outputs`.
    pub accuracy: Option<f64>,
    /// The same after the best epoch: what the reference of SVP reports. Told beside, never instead.
    pub best_accuracy: Option<f64>,
    /// Test rows behind `accuracy`, where the learner says so itself.
    pub test_rows: Option<usize>,
    /// What it took.
    pub seconds: Seconds,
}

/// What a training took.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Seconds {
    /// Learning.
    pub train: f64,
    /// Telling the rows of the pool; what is part of `train` where a learner cannot tell them apart is 0 here.
    pub infer: f64,
}

/// A model that is trained from scratch each time it is asked.
pub trait Learner: Debug {
    /// Its name, as the user gave it.
    fn name(&self) -> String;

    /// One line that holds everything that decides what it learns from given rows and seed: a journal goes by it.
    fn describe(&self) -> String;

    /// Why it cannot give what is wanted, where that is known beforehand.
    ///
    /// # Errors
    /// [`Error::Incomplete`].
    fn check(&self, _wants: Wants) -> Result<(), Error> {
        Ok(())
    }

    /// Whether its penultimate features are the embeddings that the pool was given as, so that nobody need write them.
    fn features_are_input(&self) -> bool {
        false
    }

    /// Learns from the rows of the job, from scratch, and tells what is wanted.
    ///
    /// A learner may leave its outputs in the directory of the job itself, as `logits.npy` and the like; those it does
    /// not leave are written there.
    ///
    /// # Errors
    /// [`subsel::Error::Interrupted`], and what the learner's page says.
    fn learn(&mut self, job: &Job<'_>, ctx: &Context) -> Result<Learned, Error>;
}
