//! Which method to use, by how many rows are to be picked and what the rows are like: a rule with its evidence.
//!
//! The evidence is `evidence.csv`: what each method gained over random labels, by a linear probe, on six data sets and a
//! control without structure, with 30 paired seeds (`benchmarks/evidence.py` makes it). The rule:
//!
//! 1. *Regime*, by the labels there will be: few (up to 100), hundreds (up to 500), many (more, or a fifth of the pool).
//! 2. *Method*: the one whose largest regret over the data sets is smallest, random included. It is taken if its mean
//!    gain is half a point of accuracy or more, and above 0 by a t-interval over the data sets; if not, random is as good.
//!    Where norms hardly vary, `norm` is left out; in large pools, what compares all pairs of rows.
//! 3. *Rows*: those as evenly spread as noise ([`Traits::structure`]), or whose neighbors do not share labels
//!    ([`Traits::lift`]), are labeled at random after all.
//!
//! [`advise`] tells what the same rule says with each data set left out, and what that would have cost there.

mod evidence;
mod standing;
#[cfg(test)]
mod tests;
mod traits;

use serde::Serialize;

pub use self::evidence::{DataSet, sets, structures};
pub use self::standing::{Gain, LeftOut, Standing};
pub use self::traits::{Lift, Traits};
use crate::Error;
use crate::context::Context;
use crate::pool::Pool;

/// Labels that are few, and that are hundreds, at most.
const FEW: usize = 100;
const HUNDREDS: usize = 500;

/// Share of the pool from which on picks are many, however few they are.
const MANY: f64 = 0.2;

/// From here on rows are as evenly spread as noise: the data sets of the evidence lie below 0.95, noise from 0.99 on.
const STRUCTURELESS: f64 = 0.97;

/// Below this, neighbors share labels hardly more often than strangers.
const NO_LIFT: f64 = 0.05;

/// Norms are flat below this ratio of deviation to mean, as in the warning of `norm`.
const FLAT: f64 = 0.1;

/// Pools up to this size are worth comparing all pairs of rows.
const ALL_PAIRS: usize = 100_000;

/// The method that everything is held against.
const RANDOM: &str = "random";

/// How many labels there will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Regime {
    /// Up to 100: evidence from 10 to 60 labels of pools of 3,000 to 5,000.
    Few,
    /// Up to 500: evidence from 150 and 300 labels of pools of 3,000.
    Hundreds,
    /// More, or a fifth of the pool: evidence from 900 and 1,500 of pools of 3,000.
    Many,
}

impl Regime {
    /// That of so many picks from so many rows, `labeled` of which have labels already.
    pub fn of(picks: usize, labeled: usize, rows: usize) -> Self {
        let labels = picks + labeled;
        if labels > HUNDREDS || labels as f64 >= MANY * rows as f64 {
            Regime::Many
        } else if labels > FEW {
            Regime::Hundreds
        } else {
            Regime::Few
        }
    }

    /// Whether a comparison with so many picks of so many rows is evidence for it.
    fn is_shown_by(self, picks: usize, pool: usize) -> bool {
        Regime::of(picks, 0, pool) == self
    }

    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Regime::Few => "a few labels",
            Regime::Hundreds => "hundreds of labels",
            Regime::Many => "many labels",
        }
    }
}

/// What an advice rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The comparisons.
    Evidence,
    /// Rows as evenly spread as noise.
    Rows,
    /// Labels that neighbors do not share.
    Labels,
}

/// What to use, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Advice {
    /// The method's text.
    pub method: String,
    /// Why, in one line.
    pub reason: String,
    /// How many labels there will be.
    pub regime: Regime,
    /// What it rests on.
    pub cause: Cause,
    /// What the method gained over random labels on the data sets of the evidence, in points of accuracy; nothing for
    /// random.
    pub gain: Option<Gain>,
    /// All methods that were considered, the one of smallest regret first.
    pub standings: Vec<Standing>,
    /// What the rule says with each data set left out, and what that costs there.
    pub left_out: Vec<LeftOut>,
}

impl Advice {
    /// Whether labeling at random is as good.
    pub fn is_random(&self) -> bool {
        self.method == RANDOM
    }

    /// Mean of what the rule costs on a data set it was not made from.
    pub fn mean_regret(&self) -> f64 {
        standing::mean(self.left_out.iter().map(|left| left.regret))
    }
}

/// Whether norms that vary by this share of their mean are too flat to go by.
pub fn is_flat(norm_spread: f64) -> bool {
    norm_spread < FLAT
}

/// The method to use for `picks` new rows of a pool. Its rows are measured only where that may change the answer.
///
/// # Errors
/// As for [`Traits::measure`].
pub fn for_pool(pool: &Pool<'_>, picks: usize, ctx: &mut Context) -> Result<Advice, Error> {
    let traits = if looks_at_rows(pool, picks) { Some(Traits::measure(pool, ctx)?) } else { None };
    Ok(advise(picks, distinct(&pool.labeled).len(), pool.source.n_rows(), traits.as_ref()))
}

/// Whether [`for_pool`] measures the rows, which takes [`Traits::bytes`].
pub fn looks_at_rows(pool: &Pool<'_>, picks: usize) -> bool {
    !advise(picks, distinct(&pool.labeled).len(), pool.source.n_rows(), None).is_random()
}

/// Each row once, ascending.
fn distinct(rows: &[usize]) -> Vec<usize> {
    let mut rows = rows.to_vec();
    rows.sort_unstable();
    rows.dedup();
    rows
}

/// The method to use for `picks` new rows of a pool of `rows`, `labeled` of which have labels; and why.
///
/// `traits` are those of the rows ([`Traits::measure`]); without them, rows are taken to be like those of the evidence.
pub fn advise(picks: usize, labeled: usize, rows: usize, traits: Option<&Traits>) -> Advice {
    let regime = Regime::of(picks, labeled, rows);
    let flat = traits.is_some_and(|traits| is_flat(traits.norm_spread));
    let is_considered = |method: &str| {
        let by_pairs = matches!(method, "typiclust" | "prob-cover" | "facility-location" | "max-herding" | "d2");
        !(method == "norm" && flat || by_pairs && rows > ALL_PAIRS)
    };
    let standings = standing::standings(regime, &is_considered);
    // The rows are asked only where a method would be taken.
    let (cause, best) = match (standing::choice(&standings), traits) {
        (Some(_), Some(Traits { structure: Some(structure), .. })) if *structure >= STRUCTURELESS => {
            (Cause::Rows, None)
        }
        (Some(_), Some(Traits { lift: Some(lift), .. })) if lift.share() < NO_LIFT => (Cause::Labels, None),
        (best, _) => (Cause::Evidence, best),
    };
    let (method, reason) = match best {
        Some(best) => (best.method, for_method(regime, best)),
        None => (RANDOM, for_random(regime, cause, traits, &standings)),
    };
    Advice {
        method: method.into(),
        reason,
        regime,
        cause,
        gain: best.map(|best| best.gain),
        left_out: standing::leave_each_out(regime, &is_considered),
        standings,
    }
}

/// Why a method, in one line.
fn for_method(regime: Regime, best: &Standing) -> String {
    let Gain { mean, least, most, .. } = best.gain;
    format!(
        "with {} it gained {mean:.1} points over chance on {} data sets ({least:+.1} to {most:+.1}), and was never more than \
         {:.1} behind the best",
        regime.text(),
        best.by_data.len(),
        best.worst_regret
    )
}

/// Why random, in one line.
fn for_random(regime: Regime, cause: Cause, traits: Option<&Traits>, standings: &[Standing]) -> String {
    match (cause, traits) {
        (Cause::Rows, Some(Traits { structure: Some(structure), .. })) => {
            let (least, most) = structures();
            format!(
                "the rows are spread as evenly as noise (structure {structure:.2}, on the data sets of the evidence \
                 {least:.2} to {most:.2}), where no method is better than chance"
            )
        }
        (Cause::Labels, Some(Traits { lift: Some(lift), .. })) => format!(
            "neighbors share labels hardly more often than strangers ({:.0} % of {} rows, the largest class {:.0} %), where no \
             method is better than chance",
            100.0 * lift.accuracy,
            lift.rows,
            100.0 * lift.majority
        ),
        _ => {
            let best = standings.iter().max_by(|a, b| a.gain.mean.total_cmp(&b.gain.mean));
            let best =
                best.map(|best| format!(" (the best mean gain was {:.1} points, {})", best.gain.mean, best.method));
            format!(
                "with {} no method was worth half a point over chance on {} data sets{}",
                regime.text(),
                sets().len(),
                best.unwrap_or_default()
            )
        }
    }
}
