//! Doing what is asked, training by training, each on disk before the next.

mod active;
mod core_set;
mod ranking;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use subsel::{CheckedPool, Classes, Context, Stream, rows_hash};
use xxhash_rust::xxh3::Xxh3;

use crate::error::Error;
use crate::files::Left;
use crate::journal::{Compared, Header, Journal, Of, Place, Ranked, Trained};
use crate::learner::{Job, Learner, Role, Wants};
use crate::rank::{random_keys, top};
use crate::score::Score;
use crate::setting::{Plan, Task};

/// What is known of the rows.
pub struct Given<'a> {
    /// Rows of the pool.
    pub n: usize,
    /// Their embeddings, where there are some.
    pub pool: Option<&'a CheckedPool<'a>>,
    /// Their classes, where they are known.
    pub labels: Option<&'a Classes>,
    /// Classes of the test rows, named as those of the pool.
    pub test: Option<&'a Classes>,
}

/// The two models.
pub struct Learners<'a> {
    /// The cheap one.
    pub proxy: &'a mut dyn Learner,
    /// The one that matters.
    pub target: &'a mut dyn Learner,
}

/// Watches a run.
pub trait Watch {
    /// A training begins.
    fn begins(&mut self, _place: &Place, _round: usize) {}
    /// A training is done: `done` of `all`.
    fn trained(&mut self, _trained: &Trained, _done: usize, _all: usize) {}
    /// Rows were chosen.
    fn chose(&mut self, _ranked: &Ranked) {}
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Watch for Unwatched {}

impl Given<'_> {
    /// What results depend on beside their place.
    pub fn header(&self, plan: &Plan, learners: &Learners<'_>, version: &str) -> Header {
        let mut hash = Xxh3::new();
        for classes in [self.labels, self.test].into_iter().flatten() {
            classes.names.iter().for_each(|name| hash.update(format!("{name}\n").as_bytes()));
            classes.codes.iter().for_each(|code| hash.update(&code.to_le_bytes()));
        }
        let is_empty = self.labels.is_none() && self.test.is_none();
        Header {
            version: version.into(),
            task: plan.setting.task,
            score: plan.score,
            proxy: learners.proxy.describe(),
            target: learners.target.describe(),
            rows: plan.n,
            pool: self.pool.map(|pool| pool.facts().fingerprint.clone()).unwrap_or_default(),
            examples: if is_empty { String::new() } else { format!("{:032x}", hash.digest128()) },
            sizes: plan.sizes.clone(),
            start: plan.start,
        }
    }
}

/// Does everything of `plan` that `journal` does not know, in `dir`.
///
/// The seeds are `first_seed` and those after it. Trainings of a seed draw from streams of their own: those of the proxy and
/// those of the target differ by the number of rows only, so that the target begins from the same weights on chosen and on
/// as many random rows.
///
/// # Errors
/// What learners, reading and writing meet; [`subsel::Error::Interrupted`]. What was done until then is in the journal.
pub fn run(
    plan: &Plan,
    given: &Given<'_>,
    learners: Learners<'_>,
    place: (&Path, &mut Journal),
    first_seed: u64,
    watch: &mut dyn Watch,
    ctx: &mut Context,
) -> Result<(), Error> {
    let (dir, journal) = place;
    learners.proxy.check(plan.wants())?;
    learners.target.check(if plan.setting.compare_target { plan.wants() } else { Wants::default() })?;
    let (proxy, target) = plan.trainings();
    let mut run = Run {
        plan,
        given,
        learners,
        dir,
        journal,
        watch,
        ctx,
        done: HashSet::new(),
        all: (proxy + target) * plan.setting.seeds,
    };
    for seed in first_seed..first_seed + plan.setting.seeds as u64 {
        run.ctx.set_seed(seed);
        match plan.setting.task {
            Task::ActiveLearning => run.active(seed)?,
            Task::CoreSet => run.core_set(seed)?,
        }
    }
    Ok(())
}

/// The directory of a training.
pub fn dir_of(dir: &Path, place: &Place) -> PathBuf {
    let (role, rows) = (place.role, place.rows);
    let name = match place.of {
        Of::Round => format!("{role}-{rows}"),
        Of::Picks => format!("{role}-{rows}-picks"),
        Of::Random => format!("{role}-{rows}-random"),
        Of::All => format!("{role}-all"),
    };
    dir.join(format!("seed-{}", place.seed)).join(name)
}

impl Plan {
    /// What the proxy is asked for.
    pub fn wants(&self) -> Wants {
        let wants = self.score.wants();
        // How alike two rankings are is always told by entropy too.
        Wants { logits: wants.logits || self.setting.compare_target, ..wants }
    }
}

/// A run under way.
struct Run<'r, 'g, 'l> {
    plan: &'r Plan,
    given: &'r Given<'g>,
    learners: Learners<'l>,
    dir: &'r Path,
    journal: &'r mut Journal,
    watch: &'r mut dyn Watch,
    ctx: &'r mut Context,
    /// Trainings that are known by now.
    done: HashSet<Place>,
    all: usize,
}

impl Run<'_, '_, '_> {
    fn place(&self, seed: u64, role: Role, of: Of, rows: usize) -> Place {
        Place { seed, role, of, rows }
    }

    /// So many random rows, a part of those for any larger number.
    fn random_rows(&self, seed: u64, count: usize) -> Result<Vec<usize>, Error> {
        let all: Vec<usize> = (0..self.plan.n).collect();
        top(Score::Random, &random_keys(seed, self.plan.n), &all, count)
    }

    /// Trains a model on these rows, unless that is done.
    fn train(&mut self, place: Place, round: usize, rows: &[usize], wants: Wants) -> Result<Left, Error> {
        let mut rows = rows.to_vec();
        rows.sort_unstable();
        let left = Left { dir: dir_of(self.dir, &place), n: self.plan.n };
        let learner = match place.role {
            Role::Proxy => &mut *self.learners.proxy,
            Role::Target => &mut *self.learners.target,
        };
        let (rows_hash, from_input) = (rows_hash(rows.iter().copied()), learner.features_are_input());
        self.done.insert(place);
        let known = self.journal.trained(&place);
        if known.is_some_and(|known| known.rows_hash == rows_hash) && left.has(wants, from_input) {
            return Ok(left);
        }
        self.ctx.go_on()?;
        std::fs::create_dir_all(&left.dir).map_err(|error| Error::io("create", &left.dir, error))?;
        left.clear()?;
        left.write_rows(&rows)?;
        self.watch.begins(&place, round);
        let job = Job { rows: &rows, seed: training_seed(&place), round, dir: &left.dir, wants };
        let learned = learner.learn(&job, self.ctx)?;
        learned.outputs.iter().try_for_each(|outputs| left.keep_outputs(outputs))?;
        learned.test_outputs.iter().try_for_each(|outputs| left.keep_test_outputs(outputs))?;
        learned.features.iter().try_for_each(|features| left.keep_features(features))?;
        learned.scores.iter().try_for_each(|scores| left.keep_scores(scores))?;
        left.check(wants, from_input, &rows)?;
        let (accuracy, test_rows) = match self.accuracy(&left)? {
            Some((accuracy, rows)) => (Some(accuracy), Some(rows)),
            None => (learned.accuracy, learned.test_rows),
        };
        if accuracy.is_none() && place.role == Role::Target {
            return Err(left.no_accuracy());
        }
        // A model that was trained before and is asked for more tells it without training again.
        let before = known.filter(|known| known.rows_hash == rows_hash).map_or(0.0, |known| known.seconds.train);
        let (best_accuracy, mut seconds) = (learned.best_accuracy, learned.seconds);
        seconds.train = seconds.train.max(before);
        let trained = Trained { place, rows_hash, accuracy, best_accuracy, test_rows, seconds };
        self.watch.trained(&trained, self.done.len(), self.all);
        self.journal.add_trained(trained)?;
        Ok(left)
    }

    /// Share of the test rows that are told rightly, and how many there are, where that can be worked out.
    fn accuracy(&self, left: &Left) -> Result<Option<(f64, usize)>, Error> {
        let Some(test) = self.given.test else { return Ok(None) };
        let m = test.codes.len();
        let Some(outputs) = left.test_outputs(m)? else { return Ok(None) };
        let columns = outputs.columns(test)?;
        let is_right = |row: &usize| columns[test.codes[*row] as usize] == Some(outputs.class_of(*row));
        Ok(Some(((0..m).filter(is_right).count() as f64 / m as f64, m)))
    }

    /// The target on chosen rows, and on as many random ones, at a size.
    fn judge(&mut self, seed: u64, round: usize, picks: &[usize]) -> Result<(), Error> {
        let size = picks.len();
        let wants = Wants::default();
        self.train(self.place(seed, Role::Target, Of::Picks, size), round, picks, wants)?;
        if self.plan.setting.random && self.plan.is_budget(size) {
            let random = self.random_rows(seed, size)?;
            self.train(self.place(seed, Role::Target, Of::Random, size), round, &random, wants)?;
        }
        Ok(())
    }

    /// The target on all rows, where that is asked for.
    fn judge_all(&mut self, seed: u64) -> Result<(), Error> {
        if self.plan.setting.full {
            let all: Vec<usize> = (0..self.plan.n).collect();
            let wants = if self.plan.setting.compare_target && self.plan.setting.task == Task::CoreSet {
                self.plan.wants()
            } else {
                Wants::default()
            };
            self.train(self.place(seed, Role::Target, Of::All, all.len()), 0, &all, wants)?;
        }
        Ok(())
    }

    fn add_compared(&mut self, compared: Compared) -> Result<(), Error> {
        self.journal.add_compared(compared)
    }
}

/// The seed of a training: of its role and size, so that chosen and random rows meet the same weights.
fn training_seed(place: &Place) -> u64 {
    let stream = match place.role {
        Role::Proxy => "proxy-training",
        Role::Target => "target-training",
    };
    Stream::new(place.seed, stream).bits(place.rows as u64) >> 33
}

/// Seconds since `began`.
fn since(began: Instant) -> f64 {
    began.elapsed().as_secs_f64()
}
