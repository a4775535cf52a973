//! The numbers by which selection via proxy is judged, those of them that a run can tell.

use serde::Serialize;

use super::text::grouped;
use super::{AtBudget, AtRound, Told};
use crate::score::Score;
use crate::setting::{Plan, Task};

/// One of those numbers, and the rule it is held against. The rules are for CIFAR-10 and ours, except where its name says
/// whose.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Acceptance {
    /// Its name: `entropy-spearman`, `error-over-full` or `over-random`.
    pub name: &'static str,
    /// Of what, in words.
    pub of: String,
    /// The number: a correlation, or points of accuracy.
    pub value: Told,
    /// What it is held against, in words.
    pub rule: String,
    /// Whether the interval keeps to the rule: `None` where it holds values of both kinds, or is none.
    pub holds: Option<bool>,
}

/// Correlation of entropies above which a proxy is one.
const SPEARMAN: f64 = 0.7;

/// Points of error above that of all rows, at half of them.
const ERROR: f64 = 0.2;

/// Points below random rows, at a tenth of them.
const RANDOM: f64 = -0.5;

/// Those that the rounds and budgets tell.
pub(super) fn all(plan: &Plan, rounds: &[AtRound], budgets: &[AtBudget]) -> Vec<Acceptance> {
    let mut all = Vec::new();
    for round in rounds {
        // On rows neither model learned from, where there are some.
        let (entropy, on) = match round.entropy_held_out {
            Some(entropy) => (Some(entropy), "test rows"),
            None => (round.entropy, "rows of the pool"),
        };
        if let Some(value) = entropy {
            all.push(Acceptance {
                name: "entropy-spearman",
                of: format!("entropies of {on}, both trained on {} rows", grouped(round.rows)),
                value,
                rule: format!("above {SPEARMAN}"),
                holds: keeps(&value, SPEARMAN, true),
            });
        }
    }
    for budget in budgets {
        let is_share = |share: f64| (budget.rows as f64 / plan.n as f64 - share).abs() < 0.005;
        if let (true, Some(over)) = (is_share(0.5) && plan.setting.task == Task::CoreSet, budget.error_over_full) {
            let value = points(over);
            all.push(Acceptance {
                name: "error-over-full",
                of: format!("target's error on {} rows less that on all {}", grouped(budget.rows), grouped(plan.n)),
                value,
                rule: format!("at most {ERROR} points at 50 %"),
                holds: keeps(&value, ERROR, false),
            });
        }
        if let (true, Some(over)) = (is_share(0.1) && plan.score != Score::Random, budget.over_random) {
            let value = points(over);
            all.push(Acceptance {
                name: "over-random",
                of: format!(
                    "target's accuracy on {} rows by {} less that on random ones",
                    grouped(budget.rows),
                    plan.score
                ),
                value,
                rule: format!("at least {RANDOM} points at 10 %"),
                holds: keeps(&value, RANDOM, true),
            });
        }
    }
    all
}

/// A share as points of 100.
fn points(share: Told) -> Told {
    let of = |value: f64| 100.0 * value;
    Told { n: share.n, mean: of(share.mean), sd: of(share.sd), low: of(share.low), high: of(share.high) }
}

/// Whether a whole interval lies on one side of a bound.
fn keeps(told: &Told, bound: f64, above: bool) -> Option<bool> {
    match (told.low > bound, told.high < bound) {
        (true, _) => Some(above),
        (_, true) => Some(!above),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_holds_where_the_whole_interval_keeps_it() {
        let told = |low, high| Told { n: 3, mean: (low + high) / 2.0, sd: 0.1, low, high };
        assert_eq!(keeps(&told(0.8, 0.9), SPEARMAN, true), Some(true));
        assert_eq!(keeps(&told(0.1, 0.2), SPEARMAN, true), Some(false));
        assert_eq!(keeps(&told(0.6, 0.9), SPEARMAN, true), None);
        assert_eq!(keeps(&told(0.3, 0.4), ERROR, false), Some(false));
        assert_eq!(keeps(&told(f64::NAN, f64::NAN), ERROR, false), None, "one seed has no interval");
    }
}
