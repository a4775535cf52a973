//! What was trained and chosen, a line each, on disk before the next begins: a run that was stopped goes on where it was.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::{Deserialize, Serialize};
use subsel_metrics::Lines;

use crate::error::Error;
use crate::learner::{Role, Seconds};
use crate::score::Score;
use crate::setting::Task;

/// What decides the results of a run beside seed and size. A journal begins with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Version of what was run.
    pub version: String,
    /// What is chosen.
    pub task: Task,
    /// By what.
    pub score: Score,
    /// What the proxy is.
    pub proxy: String,
    /// What the target is.
    pub target: String,
    /// Rows of the pool.
    pub rows: usize,
    /// Fingerprint of the embeddings; empty without.
    pub pool: String,
    /// Fingerprint of labels and test rows; empty without.
    pub examples: String,
    /// Rows labeled when each training begins.
    pub sizes: Vec<usize>,
    /// Random rows that k-center starts from.
    pub start: usize,
}

impl Header {
    /// What is not the same, in words.
    fn difference(&self, other: &Header) -> Option<String> {
        let told = |what: &str, ours: &dyn std::fmt::Debug, theirs: &dyn std::fmt::Debug| {
            let (ours, theirs) = (format!("{ours:?}"), format!("{theirs:?}"));
            (ours != theirs).then(|| format!("{what} (there {theirs}, here {ours})"))
        };
        told("the program's version", &self.version, &other.version)
            .or_else(|| told("the task", &self.task, &other.task))
            .or_else(|| told("the score", &self.score.name(), &other.score.name()))
            .or_else(|| told("the proxy", &self.proxy, &other.proxy))
            .or_else(|| told("the target", &self.target, &other.target))
            .or_else(|| told("the number of rows", &self.rows, &other.rows))
            .or_else(|| told("the fingerprint of the pool", &self.pool, &other.pool))
            .or_else(|| told("the fingerprint of labels and test rows", &self.examples, &other.examples))
            .or_else(|| told("the sizes of the rounds", &self.sizes, &other.sizes))
            .or_else(|| told("the start of k-center", &self.start, &other.start))
    }
}

/// What a training learned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Of {
    /// The rows labeled when a round begins.
    Round,
    /// The rows chosen.
    Picks,
    /// As many random rows.
    Random,
    /// All rows.
    All,
}

/// Where a training stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The seed of the repetition.
    pub seed: u64,
    /// What was trained.
    pub role: Role,
    /// On what.
    pub of: Of,
    /// On how many rows.
    pub rows: usize,
}

/// A training that was done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trained {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// Hash of its rows, ascending.
    pub rows_hash: String,
    /// Share of the test rows told rightly after the last epoch.
    pub accuracy: Option<f64>,
    /// After the best epoch.
    pub best_accuracy: Option<f64>,
    /// Test rows behind it.
    pub test_rows: Option<usize>,
    /// What it took.
    pub seconds: Seconds,
}

/// A ranking that was made of what a training said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ranked {
    /// The training.
    #[serde(flatten)]
    pub place: Place,
    /// Rows chosen: those of the next round, or of the largest budget.
    pub picks: usize,
    /// Hash of them in order.
    pub picks_hash: String,
    /// Seconds of scoring and ordering.
    pub secs: f64,
}

/// How alike proxy and target rank, both trained on the same rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// The training of the target.
    #[serde(flatten)]
    pub place: Place,
    /// Rows of the pool that both ranked.
    pub ranked: usize,
    /// Spearman's correlation of the scores of those rows; none by k-center, which has an order only.
    pub spearman: Option<f64>,
    /// The same of entropies, where both gave outputs.
    pub entropy: Option<f64>,
    /// The same of entropies of the test rows.
    pub entropy_held_out: Option<f64>,
    /// For each number of picks, the share of the proxy's that are the target's too.
    pub overlap: Vec<(usize, f64)>,
}

/// A line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
enum Line {
    Trained(Trained),
    Ranked(Ranked),
    Compared(Compared),
}

/// Everything done so far.
#[derive(Debug, Default)]
pub struct Journal {
    trained: HashMap<Place, Trained>,
    ranked: HashMap<Place, Ranked>,
    compared: HashMap<Place, Compared>,
    lines: Option<Lines>,
}

impl Journal {
    /// Its name in the directory of a run.
    pub const NAME: &str = "journal.jsonl";

    /// Opens the journal of this run, or begins it. A last line that a killed run left unfinished is cut off.
    ///
    /// # Errors
    /// [`Error::OtherRun`], and what reading and writing meet.
    pub fn open(path: &Path, header: &Header) -> Result<Self, Error> {
        let failed = |error| Error::Journal { path: path.into(), error };
        let check = |theirs: &Header| match header.difference(theirs) {
            Some(what) => Err(Error::OtherRun { path: path.into(), what }),
            None => Ok(()),
        };
        let mut journal = Journal::default();
        let lines = Lines::open(path, header, check, |line| journal.keep(line), failed)?;
        journal.lines = Some(lines);
        Ok(journal)
    }

    /// Whether a file is the journal of a run, whatever its settings.
    pub fn is_one(path: &Path) -> bool {
        let Ok(file) = File::open(path) else { return false };
        let mut line = String::new();
        BufReader::new(file).read_line(&mut line).is_ok() && serde_json::from_str::<Header>(&line).is_ok()
    }

    /// Trainings that are done.
    pub fn len(&self) -> usize {
        self.trained.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.trained.is_empty()
    }

    /// The training of this place, if it is done.
    pub fn trained(&self, place: &Place) -> Option<&Trained> {
        self.trained.get(place)
    }

    /// The ranking of this place.
    pub fn ranked(&self, place: &Place) -> Option<&Ranked> {
        self.ranked.get(place)
    }

    /// The comparison of this place.
    pub fn compared(&self, place: &Place) -> Option<&Compared> {
        self.compared.get(place)
    }

    pub(crate) fn add_trained(&mut self, trained: Trained) -> Result<(), Error> {
        self.add(Line::Trained(trained))
    }

    pub(crate) fn add_ranked(&mut self, ranked: Ranked) -> Result<(), Error> {
        self.add(Line::Ranked(ranked))
    }

    pub(crate) fn add_compared(&mut self, compared: Compared) -> Result<(), Error> {
        self.add(Line::Compared(compared))
    }

    fn add(&mut self, line: Line) -> Result<(), Error> {
        self.write(&line)?;
        self.keep(line);
        Ok(())
    }

    fn keep(&mut self, line: Line) {
        match line {
            Line::Trained(trained) => drop(self.trained.insert(trained.place, trained)),
            Line::Ranked(ranked) => drop(self.ranked.insert(ranked.place, ranked)),
            Line::Compared(compared) => drop(self.compared.insert(compared.place, compared)),
        }
    }

    fn write(&mut self, line: &impl Serialize) -> Result<(), Error> {
        let Some(lines) = &mut self.lines else { return Ok(()) };
        lines.add(line).map_err(|error| Error::Journal { path: lines.path().into(), error })
    }
}
