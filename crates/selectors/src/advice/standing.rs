//! Methods beside each other: what each gained on each data set, and what choosing it may cost.

use std::ops::Range;

use serde::Serialize;

use super::evidence::{CONTROL, DataSet, lines, sets};
use super::{RANDOM, Regime};

/// Seeds of the evidence.
const SEEDS: usize = 30;

/// Points of accuracy over random labels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Gain {
    /// Mean over the data sets.
    pub mean: f64,
    /// Ends of the 95 % t-interval of the mean over data sets.
    pub low: f64,
    /// Its other end.
    pub high: f64,
    /// On the data set where it is smallest.
    pub least: f64,
    /// On the one where it is largest.
    pub most: f64,
}

impl Gain {
    pub(super) fn of(gains: &[f64]) -> Self {
        let (mean, error) = mean_and_error(gains.iter().copied());
        let margin = t_quantile(gains.len().saturating_sub(1)) * error;
        let least = gains.iter().copied().fold(f64::INFINITY, f64::min);
        let most = gains.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Gain { mean, low: mean - margin, high: mean + margin, least, most }
    }
}

/// A method in a regime.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Standing {
    /// Its text.
    pub method: &'static str,
    /// Over the data sets.
    pub gain: Gain,
    /// By data set: its title, points over random labels, and their standard error over seeds.
    pub by_data: Vec<(&'static str, f64, f64)>,
    /// The most it was behind the best method of a data set, in points; random counts too.
    pub worst_regret: f64,
    /// Points over random labels on rows without structure: mean and standard error.
    pub control: Option<(f64, f64)>,
}

/// What the rule says without a data set, and how that does there.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LeftOut {
    /// The data set's title.
    pub data: &'static str,
    /// The method chosen by the others.
    pub method: &'static str,
    /// Its points over random labels on the data set left out, and their standard error.
    pub gain: (f64, f64),
    /// The best method on the data set left out, by every other seed.
    pub best: &'static str,
    /// Points by which that one is ahead, by the remaining seeds.
    pub regret: f64,
}

/// The methods considered, that of smallest worst regret first.
pub(super) fn standings(regime: Regime, is_considered: &dyn Fn(&str) -> bool) -> Vec<Standing> {
    standings_on(&sets().iter().collect::<Vec<_>>(), regime, is_considered)
}

fn standings_on(on: &[&'static DataSet], regime: Regime, is_considered: &dyn Fn(&str) -> bool) -> Vec<Standing> {
    let mut methods: Vec<&'static str> = Vec::new();
    for line in lines().iter().filter(|line| regime.is_shown_by(line.picks, line.pool) && is_considered(line.method)) {
        if !methods.contains(&line.method) {
            methods.push(line.method);
        }
    }
    let seen = |data: &str, method: &str| by_seed(regime, data, method, 0..SEEDS, 1);
    // A method that one of the data sets lacks is not compared.
    methods.retain(|method| on.iter().all(|set| !seen(set.name, method).is_empty()));
    let gains: Vec<Vec<(f64, f64)>> = methods
        .iter()
        .map(|method| on.iter().map(|set| mean_and_error(seen(set.name, method).into_iter())).collect())
        .collect();
    let best: Vec<f64> = (0..on.len()).map(|d| gains.iter().map(|gain| gain[d].0).fold(0.0, f64::max)).collect();
    let standing = |(method, gains): (&&'static str, &Vec<(f64, f64)>)| {
        let means: Vec<f64> = gains.iter().map(|gain| gain.0).collect();
        let control = seen(CONTROL, method);
        Standing {
            method,
            gain: Gain::of(&means),
            by_data: on.iter().zip(gains).map(|(set, gain)| (set.title, gain.0, gain.1)).collect(),
            worst_regret: means.iter().zip(&best).map(|(mean, best)| best - mean).fold(0.0, f64::max),
            control: (!control.is_empty()).then(|| mean_and_error(control.into_iter())),
        }
    };
    let mut standings: Vec<Standing> = methods.iter().zip(&gains).map(standing).collect();
    standings.sort_by(|a, b| a.worst_regret.total_cmp(&b.worst_regret));
    standings
}

/// A mean gain below this, in points, is not worth a method.
const WORTH: f64 = 0.5;

/// The method of smallest worst regret, if that is not random's, and if its mean gain is half a point or more and above 0
/// beyond the data sets' spread.
pub(super) fn choice(standings: &[Standing]) -> Option<&Standing> {
    let first = standings.first()?;
    let best_of = |d: usize| standings.iter().map(|each| each.by_data[d].1).fold(0.0, f64::max);
    let of_random = (0..first.by_data.len()).map(best_of).fold(0.0, f64::max);
    let is_worth_it = first.gain.mean >= WORTH && first.gain.low > 0.0;
    (first.worst_regret < of_random && is_worth_it).then_some(first)
}

/// The rule without each data set in turn, tried on that one.
pub(super) fn leave_each_out(regime: Regime, is_considered: &dyn Fn(&str) -> bool) -> Vec<LeftOut> {
    let tried = |left: &'static DataSet| {
        let others: Vec<&'static DataSet> = sets().iter().filter(|set| set.name != left.name).collect();
        let standings = standings_on(&others, regime, is_considered);
        let method = choice(&standings).map_or(RANDOM, |best| best.method);
        let on_left = |method: &str, first: usize, step: usize| -> (f64, f64) {
            match method {
                RANDOM => (0.0, 0.0),
                method => mean_and_error(by_seed(regime, left.name, method, first..SEEDS, step).into_iter()),
            }
        };
        let names = std::iter::once(RANDOM).chain(standings.iter().map(|each| each.method));
        let best = names.max_by(|a, b| on_left(a, 0, 2).0.total_cmp(&on_left(b, 0, 2).0)).unwrap_or(RANDOM);
        let regret = on_left(best, 1, 2).0 - on_left(method, 1, 2).0;
        LeftOut { data: left.title, method, gain: on_left(method, 0, 1), best, regret }
    };
    sets().iter().map(tried).collect()
}

/// Points over random labels by seed, over every `step`-th seed of these: the mean over the numbers of picks of the regime.
fn by_seed(regime: Regime, data: &str, method: &str, seeds: Range<usize>, step: usize) -> Vec<f64> {
    let is_one = |line: &&super::evidence::Line| {
        line.data == data && line.method == method && regime.is_shown_by(line.picks, line.pool)
    };
    let found: Vec<_> = lines().iter().filter(is_one).collect();
    match found.is_empty() {
        true => Vec::new(),
        false => seeds.step_by(step).map(|seed| mean(found.iter().map(|line| line.over_random[seed]))).collect(),
    }
}

/// The mean; 0 of nothing.
pub(super) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}

/// The mean and its standard error.
fn mean_and_error(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let values: Vec<f64> = values.collect();
    let center = mean(values.iter().copied());
    let count = values.len() as f64;
    let squares: f64 = values.iter().map(|value| (value - center).powi(2)).sum();
    (center, if count > 1.0 { (squares / (count - 1.0) / count).sqrt() } else { f64::INFINITY })
}

/// 97.5 % quantile of Student's t, from tables.
fn t_quantile(freedom: usize) -> f64 {
    const TABLE: [f64; 10] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];
    match freedom {
        0 => f64::INFINITY,
        // Hill's leading terms, right to a hundredth from ten on.
        freedom => TABLE.get(freedom - 1).copied().unwrap_or(1.96 + 2.4 / freedom as f64),
    }
}
