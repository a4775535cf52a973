//! Whole runs with learners small enough to follow by hand.

mod commands;
mod loops;
mod probes;
mod resuming;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use subsel::training::TrainingScore;
use subsel::{Classes, Context, OutputKind, Outputs, Settings, Stream};

use crate::{
    Error, Given, Header, Job, Journal, Learned, Learner, Learners, Plan, Report, Seconds, Setting, Task, Unwatched,
    Wants, run,
};

pub(crate) const N: usize = 120;
pub(crate) const DIM: usize = 2;
pub(crate) const CLASSES: usize = 3;

pub(crate) fn context() -> Context {
    Context::new(&Settings { threads: Some(2), ..Settings::default() }).unwrap_or_else(|error| panic!("{error}"))
}

/// Rows of three blobs that overlap a little, and their classes.
pub(crate) fn blobs(n: usize, seed: u64) -> (Vec<f32>, Vec<u32>) {
    let noise = Stream::new(seed, "blobs");
    let class = |i: usize| (i * 7 + i / 5) % CLASSES;
    let value = |at: usize| {
        let (row, column) = (at / DIM, at % DIM);
        let center = [[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]][class(row)][column];
        let draws: f64 = (0..4).map(|k| noise.unit((4 * at + k) as u64) - 0.5).sum();
        (center + 2.0 * draws) as f32
    };
    ((0..n * DIM).map(value).collect(), (0..n).map(|row| class(row) as u32).collect())
}

pub(crate) fn classes(codes: Vec<u32>) -> Classes {
    Classes { codes, names: (0..CLASSES).map(|class| class.to_string()).collect() }
}

/// Rows, seed and round of a training.
pub(crate) type Seen = (Vec<usize>, u64, usize);

/// Tells the class whose mean is nearest: no seed, no epochs.
#[derive(Clone)]
pub(crate) struct Nearest {
    pub(crate) rows: Vec<f32>,
    pub(crate) labels: Vec<u32>,
    pub(crate) test: Vec<f32>,
    /// Every training.
    pub(crate) seen: Arc<Mutex<Vec<Seen>>>,
    /// Trainings that work; the next is interrupted.
    pub(crate) patience: usize,
    /// What is wrong with what it says.
    pub(crate) fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    None,
    NanLogit,
    FewRows,
    NoScoreOfRow(usize),
}

impl std::fmt::Debug for Nearest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Nearest")
    }
}

impl Nearest {
    pub(crate) fn new() -> Self {
        let (rows, labels) = blobs(N, 1);
        let (test, _) = blobs(60, 2);
        Nearest { rows, labels, test, seen: Arc::default(), patience: usize::MAX, fault: Fault::None }
    }

    pub(crate) fn logits(&self, learned: &[usize], rows: &[f32]) -> Vec<f32> {
        let mean = |class: usize, column: usize| {
            let own = learned.iter().filter(|row| self.labels[**row] as usize == class);
            let values: Vec<f32> = own.map(|row| self.rows[row * DIM + column]).collect();
            if values.is_empty() { 99.0 } else { values.iter().sum::<f32>() / values.len() as f32 }
        };
        let of_class =
            |row: &[f32], class| -(0..DIM).map(|column| (row[column] - mean(class, column)).powi(2)).sum::<f32>();
        rows.chunks(DIM)
            .flat_map(|row| (0..CLASSES).map(move |class| of_class(row, class)).collect::<Vec<_>>())
            .collect()
    }

    /// How hard each row is: rows 3, 6, 9 .. are never learned, of others many are equal.
    pub(crate) fn hardness(&self) -> Vec<f64> {
        (0..N).map(|row| if row % 3 == 0 && row > 0 { f64::INFINITY } else { (row % 4) as f64 }).collect()
    }
}

impl Learner for Nearest {
    fn name(&self) -> String {
        "nearest".into()
    }

    fn describe(&self) -> String {
        "nearest mean".into()
    }

    fn learn(&mut self, job: &Job<'_>, _ctx: &Context) -> Result<Learned, Error> {
        let mut seen = self.seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if seen.len() == self.patience {
            return Err(subsel::Error::Interrupted.into());
        }
        seen.push((job.rows.to_vec(), job.seed, job.round));
        let mut logits = self.logits(job.rows, &self.rows);
        match self.fault {
            Fault::NanLogit => logits[7 * CLASSES + 1] = f32::NAN,
            Fault::FewRows => logits.truncate(CLASSES * (N - 1)),
            _ => {}
        }
        let scores = job.wants.dynamics.map(|_: TrainingScore| {
            let mut hardness = self.hardness();
            if let Fault::NoScoreOfRow(row) = self.fault {
                hardness[row] = f64::NAN;
            }
            hardness
        });
        let features = crate::Features { values: self.rows.clone(), dim: DIM };
        Ok(Learned {
            outputs: job.wants.logits.then(|| Outputs::new(OutputKind::Logits, logits, CLASSES)),
            features: job.wants.features.then_some(features),
            scores,
            test_outputs: Some(Outputs::new(OutputKind::Logits, self.logits(job.rows, &self.test), CLASSES)),
            seconds: Seconds { train: 2.0, infer: 1.0 },
            ..Learned::default()
        })
    }
}

/// A run into a directory of its own.
pub(crate) struct Ran {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) plan: Plan,
}

impl Ran {
    pub(crate) fn begin(setting: Setting) -> Self {
        let plan = setting.plan(N).unwrap_or_else(|error| panic!("{error}"));
        Ran { dir: tempfile::tempdir().unwrap_or_else(|error| panic!("{error}")), plan }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn go(&self, proxy: &mut dyn Learner, target: &mut dyn Learner) -> Result<Report, Error> {
        let labels = classes(blobs(N, 1).1);
        let test = classes(blobs(60, 2).1);
        let given = Given { n: N, pool: None, labels: Some(&labels), test: Some(&test) };
        let learners = Learners { proxy, target };
        let header = given.header(&self.plan, &learners, "1");
        let mut journal = Journal::open(&self.path().join(Journal::NAME), &header)?;
        let outcome = run(&self.plan, &given, learners, (self.path(), &mut journal), 0, &mut Unwatched, &mut context());
        outcome.map(|()| self.report(&header, &journal))
    }

    fn report(&self, header: &Header, journal: &Journal) -> Report {
        Report::of(&self.plan, header, journal, 0)
    }

    pub(crate) fn picks(&self, seed: u64, size: usize) -> Vec<usize> {
        let path: PathBuf = self.path().join(format!("seed-{seed}")).join(format!("picks-{size}.npy"));
        let found = subsel_formats::read_column(&path, &Default::default()).unwrap_or_else(|error| panic!("{error}"));
        match found.values {
            subsel_formats::SideColumn::Ints(rows) => rows.into_iter().map(|row| row as usize).collect(),
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn active(budgets: &[&str], score: &str) -> Setting {
    Setting {
        score: score.parse().ok(),
        budgets: budgets.iter().map(|text| (*text).to_owned()).collect(),
        initial: Some("6".into()),
        ..Setting::default()
    }
}

pub(crate) fn core_set(budgets: &[&str], score: &str) -> Setting {
    Setting { task: Task::CoreSet, initial: None, ..active(budgets, score) }
}

pub(crate) fn wants_logits() -> Wants {
    Wants { logits: true, ..Wants::default() }
}
