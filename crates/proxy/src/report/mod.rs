//! What came of a run, over its seeds: accuracies, what choosing took, how alike proxy and target rank.

mod acceptance;
mod tables;
mod text;

use serde::Serialize;
use subsel_metrics::compare::{Mean, Verdict};

use crate::journal::{Compared, Header, Journal, Of, Place, Trained};
use crate::learner::Role;
use crate::score::Score;
use crate::setting::{Plan, Task};

pub use acceptance::Acceptance;
pub use text::Table;

/// A mean over seeds and its 95 % interval, by Student's t; NaN (null in JSON) where there are fewer than two.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Told {
    /// Seeds.
    pub n: usize,
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Told {
    /// Of the values that there are; `None` of none.
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mean = Mean::of(values);
        let (low, high) = mean.interval();
        (mean.n > 0).then_some(Told { n: mean.n, mean: mean.mean, sd: mean.sd, low, high })
    }

    fn as_mean(&self) -> Mean {
        Mean { n: self.n, mean: self.mean, sd: self.sd }
    }
}

/// What choosing took, in seconds, and how alike the models rank, in one round.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AtRound {
    /// The round, from 0.
    pub round: usize,
    /// Rows that both models learned from.
    pub rows: usize,
    /// Rows chosen then.
    pub picks: usize,
    /// Accuracy of the proxy, last epoch.
    pub proxy: Option<Told>,
    /// The same of its best epoch, where it says so.
    pub proxy_best: Option<Told>,
    /// Accuracy of the target on the same rows, last epoch.
    pub target: Option<Told>,
    /// The same of its best epoch.
    pub target_best: Option<Told>,
    /// Seconds of choosing with the proxy: learning, telling the pool, ranking.
    pub proxy_secs: Option<Told>,
    /// The same with the target.
    pub target_secs: Option<Told>,
    /// Spearman's correlation of their scores on the rows both ranked.
    pub spearman: Option<Told>,
    /// The same of their entropies.
    pub entropy: Option<Told>,
    /// The same of their entropies of the test rows.
    pub entropy_held_out: Option<Told>,
    /// Share of the proxy's picks that are the target's too.
    pub overlap: Option<Told>,
}

impl AtRound {
    /// With intervals of correlations and shares kept to what those can be.
    fn bounded(mut self) -> Self {
        let within = |told: &mut Option<Told>, least: f64| {
            if let Some(told) = told {
                // Not `clamp`: the ends of one seed are NaN, and stay so.
                told.low = if told.low < least { least } else { told.low };
                told.high = if told.high > 1.0 { 1.0 } else { told.high };
            }
        };
        [&mut self.spearman, &mut self.entropy, &mut self.entropy_held_out].into_iter().for_each(|r| within(r, -1.0));
        within(&mut self.overlap, 0.0);
        self
    }
}

/// What the target comes to on rows of one number.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AtBudget {
    /// As asked.
    pub budget: String,
    /// In rows.
    pub rows: usize,
    /// Accuracy on the rows chosen, last epoch.
    pub target: Option<Told>,
    /// The same of the best epoch.
    pub target_best: Option<Told>,
    /// Accuracy on as many random rows.
    pub random: Option<Told>,
    /// The first less the second, seed by seed.
    pub over_random: Option<Told>,
    /// What that allows to say.
    pub verdict: Option<Verdict>,
    /// Error on the rows chosen less error on all rows, seed by seed.
    pub error_over_full: Option<Told>,
    /// Core-sets: share of the proxy's picks that the target would have taken too.
    pub overlap: Option<Told>,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Version of what was run.
    pub version: String,
    /// What was chosen.
    pub task: Task,
    /// By what.
    pub score: Score,
    /// What the proxy is.
    pub proxy: String,
    /// What the target is.
    pub target: String,
    /// Rows of the pool.
    pub n: usize,
    /// Test rows, where they are known.
    pub test_rows: Option<usize>,
    /// The first seed.
    pub first_seed: u64,
    /// Seeds asked for.
    pub seeds: usize,
    /// Seeds of which everything asked for is known.
    pub complete: usize,
    /// Round by round; of core-sets the one there is.
    pub rounds: Vec<AtRound>,
    /// Budget by budget.
    pub budgets: Vec<AtBudget>,
    /// Accuracy of the target on all rows.
    pub full: Option<Told>,
    /// Seconds of all rounds with the proxy: learning, telling, ranking; without the last training of the target.
    pub proxy_secs: Option<Told>,
    /// The same with the target.
    pub target_secs: Option<Told>,
    /// The second over the first, seed by seed.
    pub speed_up: Option<Told>,
    /// The numbers by which selection via proxy is judged.
    pub acceptance: Vec<Acceptance>,
}

/// What a report is made of.
struct Known<'a> {
    plan: &'a Plan,
    journal: &'a Journal,
    seeds: Vec<u64>,
}

impl Report {
    /// Of a journal, finished or not.
    pub fn of(plan: &Plan, header: &Header, journal: &Journal, first_seed: u64) -> Self {
        let seeds: Vec<u64> = (first_seed..first_seed + plan.setting.seeds as u64).collect();
        let known = Known { plan, journal, seeds };
        let rounds = known.rounds();
        let full = known.told(|seed| known.accuracy(seed, Role::Target, Of::All, plan.n));
        let budgets = known.budgets();
        let secs = |seed, role| known.all_secs(seed, role);
        let test_rows = known.test_rows();
        let acceptance = acceptance::all(plan, &rounds, &budgets);
        Report {
            version: header.version.clone(),
            task: plan.setting.task,
            score: plan.score,
            proxy: header.proxy.clone(),
            target: header.target.clone(),
            n: plan.n,
            test_rows,
            first_seed,
            seeds: plan.setting.seeds,
            complete: known.seeds.iter().filter(|seed| known.is_complete(**seed)).count(),
            full,
            proxy_secs: known.told(|seed| secs(seed, Role::Proxy)),
            target_secs: known.told(|seed| secs(seed, Role::Target)),
            speed_up: known.told(|seed| Some(secs(seed, Role::Target)? / secs(seed, Role::Proxy)?)),
            acceptance,
            rounds,
            budgets,
        }
    }
}

impl Known<'_> {
    /// Of the seeds of which something is known.
    fn told(&self, of: impl Fn(u64) -> Option<f64>) -> Option<Told> {
        Told::of(self.seeds.iter().filter_map(|&seed| of(seed)))
    }

    fn trained(&self, seed: u64, role: Role, of: Of, rows: usize) -> Option<&Trained> {
        self.journal.trained(&Place { seed, role, of, rows })
    }

    fn accuracy(&self, seed: u64, role: Role, of: Of, rows: usize) -> Option<f64> {
        self.trained(seed, role, of, rows)?.accuracy
    }

    fn best(&self, seed: u64, role: Role, of: Of, rows: usize) -> Option<f64> {
        self.trained(seed, role, of, rows)?.best_accuracy
    }

    /// Seconds of one choice: learning, telling, ranking.
    fn secs(&self, seed: u64, role: Role, of: Of, rows: usize) -> Option<f64> {
        let place = Place { seed, role, of, rows };
        let (trained, ranked) = (self.journal.trained(&place)?, self.journal.ranked(&place)?);
        Some(trained.seconds.train + trained.seconds.infer + ranked.secs)
    }

    /// Where each round's models stand: rows, and of what each was trained.
    fn places(&self) -> Vec<(usize, usize, Of, Of)> {
        let plan = self.plan;
        match plan.setting.task {
            _ if plan.score == Score::Random => Vec::new(),
            Task::ActiveLearning => {
                plan.sizes.windows(2).map(|pair| (pair[0], pair[1] - pair[0], Of::Round, Of::Picks)).collect()
            }
            Task::CoreSet => {
                let largest = plan.budgets.last().map_or(plan.n, |(_, size)| *size);
                vec![(plan.n, largest - plan.start, Of::All, Of::All)]
            }
        }
    }

    fn all_secs(&self, seed: u64, role: Role) -> Option<f64> {
        let places = self.places();
        let of = |(rows, _, proxy, target): &(usize, usize, Of, Of)| {
            self.secs(seed, role, if role == Role::Proxy { *proxy } else { *target }, *rows)
        };
        let all: Option<Vec<f64>> = places.iter().map(of).collect();
        all.filter(|all| !all.is_empty()).map(|all| all.iter().sum())
    }

    fn rounds(&self) -> Vec<AtRound> {
        let round = |(round, (rows, picks, proxy, target)): (usize, (usize, usize, Of, Of))| {
            let compared = |of: fn(&Compared) -> Option<f64>| {
                self.told(|seed| {
                    self.journal.compared(&Place { seed, role: Role::Target, of: target, rows }).and_then(of)
                })
            };
            AtRound {
                round,
                rows,
                picks,
                proxy: self.told(|seed| self.accuracy(seed, Role::Proxy, proxy, rows)),
                proxy_best: self.told(|seed| self.best(seed, Role::Proxy, proxy, rows)),
                target: self.told(|seed| self.accuracy(seed, Role::Target, target, rows)),
                target_best: self.told(|seed| self.best(seed, Role::Target, target, rows)),
                proxy_secs: self.told(|seed| self.secs(seed, Role::Proxy, proxy, rows)),
                target_secs: self.told(|seed| self.secs(seed, Role::Target, target, rows)),
                spearman: compared(|of| of.spearman),
                entropy: compared(|of| of.entropy),
                entropy_held_out: compared(|of| of.entropy_held_out),
                overlap: compared(|of| of.overlap.last().map(|(_, share)| *share)),
            }
            .bounded()
        };
        self.places().into_iter().enumerate().map(round).collect()
    }

    fn budgets(&self) -> Vec<AtBudget> {
        let plan = self.plan;
        let budget = |(budget, rows): &(String, usize)| {
            let rows = *rows;
            let on = |seed, of| self.accuracy(seed, Role::Target, of, rows);
            let over_random = self.told(|seed| Some(on(seed, Of::Picks)? - on(seed, Of::Random)?));
            let all = |seed| self.accuracy(seed, Role::Target, Of::All, plan.n);
            let share = |seed| {
                let compared = self.journal.compared(&Place { seed, role: Role::Target, of: Of::All, rows: plan.n })?;
                compared.overlap.iter().find(|(size, _)| *size + plan.start == rows).map(|(_, share)| *share)
            };
            AtBudget {
                budget: budget.clone(),
                rows,
                target: self.told(|seed| on(seed, Of::Picks)),
                target_best: self.told(|seed| self.best(seed, Role::Target, Of::Picks, rows)),
                random: self.told(|seed| on(seed, Of::Random)),
                over_random,
                verdict: over_random.map(|over| over.as_mean().verdict(true)),
                error_over_full: self.told(|seed| Some(all(seed)? - on(seed, Of::Picks)?)),
                overlap: if plan.setting.task == Task::CoreSet { self.told(share) } else { None },
            }
        };
        plan.budgets.iter().map(budget).collect()
    }

    /// The fewest test rows behind any accuracy of the target; `None` where one does not say.
    fn test_rows(&self) -> Option<usize> {
        let trained = self.seeds.iter().flat_map(|&seed| {
            self.plan.budgets.iter().filter_map(move |(_, rows)| self.trained(seed, Role::Target, Of::Picks, *rows))
        });
        let rows: Option<Vec<usize>> = trained.map(|trained| trained.test_rows).collect();
        rows.and_then(|rows| rows.into_iter().min())
    }

    fn is_complete(&self, seed: u64) -> bool {
        let setting = &self.plan.setting;
        let has = |of, rows| self.trained(seed, Role::Target, of, rows).is_some();
        self.plan.budgets.iter().all(|(_, rows)| has(Of::Picks, *rows) && (!setting.random || has(Of::Random, *rows)))
            && (!setting.target_every_round || self.plan.sizes.iter().all(|rows| has(Of::Picks, *rows)))
            && (!setting.full || has(Of::All, self.plan.n))
    }
}
