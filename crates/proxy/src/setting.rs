//! What is asked for: the task, the score, how many rows when, and what is told beside.

use serde::{Deserialize, Serialize};
use subsel::Budget;

use crate::error::Error;
use crate::score::Score;

/// What is chosen, and from what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Rows to label next, round after round, by a proxy that knows only the labels bought so far.
    #[default]
    ActiveLearning,
    /// Rows to keep of a data set that is labeled, by a proxy that learned from all of it.
    CoreSet,
}

impl Task {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Task::ActiveLearning => "active learning",
            Task::CoreSet => "core-set selection",
        }
    }
}

/// A run as it is asked for, sizes as texts: counts, or percentages of the pool.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// What is chosen.
    pub task: Task,
    /// By what. Default: least confidence, and entropy for core-sets.
    pub score: Option<Score>,
    /// How many rows the target learns from in the end, initial rows included. Default: [`BUDGET`].
    pub budgets: Vec<String>,
    /// Active learning: how many rows are labeled after each round. Default: [`ROUNDS`] up to the largest budget. The
    /// budgets are always among them.
    pub rounds: Vec<String>,
    /// Active learning: rows drawn at random before the first round, by default [`INITIAL`]. Core-sets by k-center: rows
    /// drawn at random that it starts from, which count against the budget, by default [`START`].
    pub initial: Option<String>,
    /// How often the whole is done, each time with other draws.
    pub seeds: usize,
    /// Train the target after every round, not at the budgets only.
    pub target_every_round: bool,
    /// Let the target rank too, from the same rows, and tell how alike the rankings are and what each took.
    pub compare_target: bool,
    /// Train the target on as many random rows too, at every budget.
    pub random: bool,
    /// Train the target on all rows too.
    pub full: bool,
}

/// What the target learns from where nobody says it.
pub const BUDGET: &str = "50%";

/// Rows labeled after each round where nobody says it: those of Coleman et al.
pub const ROUNDS: [&str; 5] = ["10%", "20%", "30%", "40%", "50%"];

/// Rows of the first training where nobody says it.
pub const INITIAL: &str = "2%";

/// Rows that k-center starts from where nobody says it.
pub const START: &str = "1000";

impl Default for Setting {
    fn default() -> Self {
        Setting {
            task: Task::default(),
            score: None,
            budgets: Vec::new(),
            rounds: Vec::new(),
            initial: None,
            seeds: 1,
            target_every_round: false,
            compare_target: false,
            random: true,
            full: false,
        }
    }
}

/// A run with its texts made numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// As asked; what implies something else says so.
    pub setting: Setting,
    /// Rows of the pool.
    pub n: usize,
    /// What rows are chosen by.
    pub score: Score,
    /// What the target learns from in the end: as asked, and in rows, ascending.
    pub budgets: Vec<(String, usize)>,
    /// Active learning: rows labeled when each training begins, ascending: the initial ones first, the largest budget
    /// last. Empty for core-sets.
    pub sizes: Vec<usize>,
    /// Core-sets by k-center: random rows that it starts from.
    pub start: usize,
}

impl Setting {
    /// Makes texts numbers, for a pool of `n` rows.
    ///
    /// # Errors
    /// Sizes beyond the pool or below the initial rows, scores that the task does not have, no seed.
    pub fn plan(&self, n: usize) -> Result<Plan, Error> {
        let mut setting = self.clone();
        if setting.seeds == 0 {
            return Err(Error::Setting { name: "seeds", rule: "at least 1".into(), got: "0".into() });
        }
        let is_active = setting.task == Task::ActiveLearning;
        let score = setting.score.unwrap_or(match setting.task {
            Task::ActiveLearning => Score::Unsure(subsel::Uncertainty::LeastConfidence),
            Task::CoreSet => Score::Unsure(subsel::Uncertainty::Entropy),
        });
        setting.score = Some(score);
        if let (true, Score::Trained(_)) = (is_active, score) {
            return Err(Error::Incomplete {
                what: format!("`{score}` needs the label of every row, which active learning has yet to buy"),
                hint: "`--task core-set` ranks rows that are labeled; least-confidence, margin, entropy and k-center need no label".into(),
            });
        }
        if !is_active && !setting.rounds.is_empty() {
            return Err(Error::Incomplete {
                what: "core-set selection has one round".into(),
                hint: "`-n` takes several sizes; `--rounds` is for `--task active-learning`".into(),
            });
        }
        // What the target learned from to rank a core-set is all there is.
        setting.full |= setting.compare_target && !is_active;
        setting.target_every_round |= setting.compare_target && is_active;
        let mut budgets = sizes(&setting.budgets, &[BUDGET], n)?;
        budgets.sort_by_key(|(_, size)| *size);
        budgets.dedup_by_key(|(_, size)| *size);
        let largest = budgets.last().map_or(n, |(_, size)| *size);
        let of_initial = |default| resolve(setting.initial.as_deref().unwrap_or(default), n);
        let mut plan = Plan { n, score, budgets, sizes: Vec::new(), start: 0, setting: setting.clone() };
        if is_active {
            let initial = of_initial(INITIAL)?;
            let mut all: Vec<usize> = match setting.rounds.is_empty() {
                true => sizes(&[], &ROUNDS, n)?
                    .into_iter()
                    .map(|(_, size)| size)
                    .filter(|&s| s < largest && s > initial)
                    .collect(),
                false => sizes(&setting.rounds, &[], n)?.into_iter().map(|(_, size)| size).collect(),
            };
            all.extend(plan.budgets.iter().map(|(_, size)| *size));
            all.sort_unstable();
            all.dedup();
            if let Some(least) = all.first().filter(|least| **least <= initial) {
                let rule = format!("below the fewest rows of a round, {least}");
                return Err(Error::Setting { name: "initial", rule, got: initial.to_string() });
            }
            plan.sizes = std::iter::once(initial).chain(all).collect();
        } else if score == Score::KCenter {
            plan.start = of_initial(START)?;
            let least = plan.budgets.first().map_or(n, |(_, size)| *size);
            if plan.start >= least {
                return Err(Error::Incomplete {
                    what: format!(
                        "k-center starts from {} random rows, which count, and of {least} none would be left to choose",
                        plan.start
                    ),
                    hint: format!("`--initial {}` starts from fewer", (least / 10).max(1)),
                });
            }
        }
        Ok(plan)
    }
}

fn resolve(text: &str, n: usize) -> Result<usize, Error> {
    let budget: Budget = text.parse()?;
    Ok(budget.resolve(n)?)
}

fn sizes(texts: &[String], default: &[&str], n: usize) -> Result<Vec<(String, usize)>, Error> {
    let texts: Vec<&str> = if texts.is_empty() { default.to_vec() } else { texts.iter().map(String::as_str).collect() };
    texts.into_iter().map(|text| Ok((text.trim().to_owned(), resolve(text, n)?))).collect()
}

impl Plan {
    /// Whether this is one of the sizes at which the target is judged.
    pub fn is_budget(&self, size: usize) -> bool {
        self.budgets.iter().any(|(_, budget)| *budget == size)
    }

    /// Trainings of one seed: of the proxy, and of the target.
    pub fn trainings(&self) -> (usize, usize) {
        let setting = &self.setting;
        let rounds = self.sizes.len().saturating_sub(1);
        let judged = self.budgets.len() * (1 + usize::from(setting.random)) + usize::from(setting.full);
        let every = if setting.target_every_round { self.sizes.len().saturating_sub(self.budgets.len()) } else { 0 };
        match (self.score, setting.task) {
            (Score::Random, _) => (0, judged + every),
            (_, Task::ActiveLearning) => (rounds, judged + every),
            (_, Task::CoreSet) => (1, judged),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(all: &[&str]) -> Vec<String> {
        all.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn the_rounds_are_the_published_ones_where_nobody_says_otherwise() {
        let plan = Setting::default().plan(50_000).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(plan.sizes, [1_000, 5_000, 10_000, 15_000, 20_000, 25_000]);
        assert_eq!(plan.budgets, [("50%".to_owned(), 25_000)]);
        assert_eq!((plan.score.name(), plan.trainings()), ("least-confidence", (5, 2)));
        let plan = Setting { budgets: texts(&["10%", "7"]), initial: Some("3".into()), ..Setting::default() };
        let plan = plan.plan(100).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((plan.sizes, plan.budgets.len()), (vec![3, 7, 10], 2));
    }

    #[test]
    fn a_core_set_has_one_round_and_k_center_its_start() {
        let setting = Setting { task: Task::CoreSet, budgets: texts(&["20000", "50%"]), ..Setting::default() };
        let plan = setting.plan(50_000).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((plan.sizes.len(), plan.score.name(), plan.start), (0, "entropy", 0));
        let setting = Setting { score: Some(Score::KCenter), ..setting };
        assert_eq!(setting.plan(50_000).map(|plan| plan.start).ok(), Some(1_000));
        let error = setting.plan(2_000).expect_err("20,000 of 2,000");
        assert!(error.to_string().contains("cannot pick 20000 of 2000"), "{error}");
        let setting = Setting { budgets: texts(&["900"]), ..setting };
        let error = setting.plan(2_000).expect_err("1,000 are not below 900");
        assert_eq!(error.hint().as_deref(), Some("`--initial 90` starts from fewer"));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let active = Setting { initial: Some("20%".into()), ..Setting::default() };
        let error = active.plan(100).map(|plan| plan.sizes);
        assert_eq!(error.unwrap_or_default(), [20, 30, 40, 50], "usual rounds below the initial rows are left out");
        let active = Setting { rounds: texts(&["10%"]), ..active };
        assert!(active.plan(100).is_err(), "those named are not");
        let trained = Setting { score: "forgetting".parse().ok(), ..Setting::default() };
        assert!(trained.plan(100).is_err(), "labels of all rows");
        assert!(Setting { seeds: 0, ..Setting::default() }.plan(100).is_err());
        let core = Setting { task: Task::CoreSet, rounds: texts(&["10%"]), ..Setting::default() };
        assert!(core.plan(100).is_err(), "rounds of a core-set");
    }

    #[test]
    fn comparing_implies_what_it_needs() {
        let setting = Setting { compare_target: true, ..Setting::default() };
        let plan = setting.plan(100).unwrap_or_else(|error| panic!("{error}"));
        assert!(plan.setting.target_every_round && !plan.setting.full);
        assert_eq!(plan.trainings(), (5, 7), "six sizes, and random rows at the last");
        let plan = Setting { task: Task::CoreSet, ..setting }.plan(100).unwrap_or_else(|error| panic!("{error}"));
        assert!(plan.setting.full && plan.trainings() == (1, 3), "{:?}", plan.trainings());
    }
}
