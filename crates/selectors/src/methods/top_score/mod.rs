//! The rows of the highest given scores.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Error;
use crate::context::Context;
use crate::method::{MethodInfo, ParamInfo, Selector, params_of};
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::selection::{Pick, Reason};
use crate::top::{Key, Smallest};

pub(crate) static INFO: MethodInfo = MethodInfo {
    name: "top-score",
    aliases: &["highest-score", "top-k"],
    summary: "the rows of the highest scores, or of the lowest",
    needs: "scores (any number per row)",
    rows: "not looked at",
    nested: true,
    random: false,
    cost: "time O(n), memory O(budget)",
    source: "the rule of data pruning: Toneva et al., 2019 (forgetting); Paul et al., 2021 (EL2N, GraNd)",
    not_when: "little is kept of a labeled pool: the hardest rows alone are outliers and wrong labels, and do worse than random ones (ccs and d2 cut those off and spread); or most scores tie, as forgetting events do at 0",
    params: &[ParamInfo { name: "order", values: "highest or lowest", doc: "which end of the scores is taken" }],
};

/// Which end of the scores is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// The highest: the hard rows by EL2N, forgetting events, uncertainty.
    #[default]
    Highest,
    /// The lowest: the hard rows by AUM, correctness, confidence; the suspicious ones by label quality.
    Lowest,
}

/// Ranks the candidates by the scores the pool is given.
///
/// # Input
/// One score per row, finite or infinite; embeddings are not looked at.
/// # Guarantees
/// Nested and deterministic; ties go to the lowest row. Infinite scores, such as that of a row never learned among
/// forgetting events, come before or after all others. The score of a pick is that of its row, with the opposite sign for
/// [`Order::Lowest`]; the largest number there is stands for an infinite one.
/// # Errors
/// [`Error::Missing`] without scores.
/// # Cost
/// Time `O(n)`, memory `O(budget)`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TopScore {
    /// Which end is taken. Default: [`Order::Highest`].
    pub order: Order,
}

impl Selector for TopScore {
    fn info(&self) -> &'static MethodInfo {
        &INFO
    }

    fn params(&self) -> Map<String, Value> {
        params_of(self)
    }

    fn plan(&self, _: &Shape, budget: usize) -> Work {
        Work { bytes: 64 * budget as u64, ..Work::default() }
    }

    fn run(
        &self,
        pool: &CheckedPool<'_>,
        budget: usize,
        ctx: &mut Context,
        picks: &mut Vec<Pick>,
    ) -> Result<(), Error> {
        let scores = pool.needed_scores(INFO.name)?;
        // 0 and -0 are one score, and so is what they become here.
        let rank = |row: usize| match self.order {
            Order::Highest => 0.0 - scores[row],
            Order::Lowest => scores[row] + 0.0,
        };
        let mut best = Smallest::new(budget);
        pool.candidates().for_each(|row| best.push((Key(rank(row)), row)));
        let ranked = best.into_sorted();
        warn_of_ties(pool, &ranked, rank, ctx);
        picks.extend(ranked.into_iter().map(|(Key(key), row)| {
            // Tables in JSON have no infinite numbers.
            let finite = |score: f64| score.clamp(f64::MIN, f64::MAX);
            Pick::new(row, finite(0.0 - key), Reason::Given { score: finite(scores[row]) })
        }));
        Ok(())
    }
}

/// Says so where the last score picked is that of many rows left out: the lowest of them were taken, which is no choice.
fn warn_of_ties(pool: &CheckedPool<'_>, ranked: &[(Key, usize)], rank: impl Fn(usize) -> f64, ctx: &mut Context) {
    let Some(&(Key(last), _)) = ranked.last() else { return };
    let tied = pool.candidates().filter(|row| rank(*row) == last).count();
    let taken = ranked.iter().filter(|(Key(key), _)| *key == last).count();
    if tied > taken {
        ctx.record("ties_at_the_last_score", tied);
        // One row more or less is no matter; a tenth of the picks that nothing speaks for is.
        if 10 * taken > ranked.len() && taken > 1 {
            ctx.warn(format!(
                "{tied} rows have the score of the last pick, and {taken} of them were taken for being the first in the pool"
            ));
        }
    }
}
