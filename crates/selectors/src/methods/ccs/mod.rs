//! Coverage-centric selection: the hardest rows cut off, then equal shares of all levels of difficulty.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Error;
use crate::allocate::balanced;
use crate::context::Context;
use crate::method::{MethodInfo, ParamInfo, Selector, params_of};
use crate::methods::random::draw_uniform;
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::selection::{Pick, Reason};
use crate::top::Key;

#[cfg(test)]
mod tests;

pub(crate) static INFO: MethodInfo = MethodInfo {
    name: "ccs",
    aliases: &["coverage-centric"],
    summary: "the hardest rows cut off, then equal shares of every level of difficulty",
    needs: "scores (the difficulty of each row)",
    rows: "not looked at",
    nested: false,
    random: true,
    cost: "time O(n log n), memory O(n)",
    source: "Zheng et al., Coverage-centric Coreset Selection for High Pruning Rates, 2023",
    not_when: "scores do not tell difficulty, or few labels are bought: it is made for keeping 10 to 50 % of a labeled pool",
    params: &[
        ParamInfo {
            name: "beta",
            values: "a share from 0 to below 1; by default .3 where at most 10 % are kept, .2 up to 20 %, .1 up to 30 %, else 0",
            doc: "the share of the candidates, the hardest, that is cut off first",
        },
        ParamInfo { name: "strata", values: "a count, at least 1", doc: "levels of difficulty, of equal width" },
        ParamInfo { name: "hard", values: "high or low", doc: "which scores are those of hard rows (AUM: low)" },
    ],
};

/// Which end of the scores is the hard one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hard {
    /// High scores are those of hard rows: EL2N, entropy, forgetting.
    #[default]
    High,
    /// Low scores are those of hard rows: AUM, confidence.
    Low,
}

/// Cuts off the hardest candidates, parts the others into strata of equal width by score, and draws uniformly from
/// each, as equal a share as sizes allow.
///
/// # Input
/// One score per row; embeddings are not looked at. Infinite scores, such as those of rows never learned, are cut off
/// first and else are in the hardest stratum (or the easiest).
/// # Errors
/// [`Error::Missing`] without scores.
/// # Guarantees
/// Not nested: shares and cut-off depend on the budget. Where the cut would leave fewer rows than are to be picked, it
/// is shortened, with a warning.
/// # Cost
/// Time `O(n log n)`, memory `O(n)`.
/// # Source
/// Zheng et al., "Coverage-centric Coreset Selection for High Pruning Rates", 2023.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ccs {
    /// The share cut off. Default: by the share that is kept, see [`Ccs::default_beta`].
    pub beta: Option<f64>,
    /// Levels of difficulty. Default: 50.
    pub strata: usize,
    /// Which scores are hard. Default: [`Hard::High`].
    pub hard: Hard,
}

impl Default for Ccs {
    fn default() -> Self {
        Ccs { beta: None, strata: 50, hard: Hard::default() }
    }
}

impl Ccs {
    /// The share of the candidates that is cut off where none is named and this share is kept.
    pub fn default_beta(kept: f64) -> f64 {
        match kept {
            kept if kept <= 0.1 => 0.3,
            kept if kept <= 0.2 => 0.2,
            kept if kept <= 0.3 => 0.1,
            _ => 0.0,
        }
    }
}

impl Selector for Ccs {
    fn info(&self) -> &'static MethodInfo {
        &INFO
    }

    fn params(&self) -> Map<String, Value> {
        params_of(self)
    }

    fn check(&self) -> Result<(), Error> {
        check_strata(INFO.name, self.beta, self.strata)
    }

    fn plan(&self, shape: &Shape, budget: usize) -> Work {
        Work { bytes: (40 * shape.n + 48 * budget) as u64, ..Work::default() }
    }

    fn run(
        &self,
        pool: &CheckedPool<'_>,
        budget: usize,
        ctx: &mut Context,
        picks: &mut Vec<Pick>,
    ) -> Result<(), Error> {
        let scores = pool.needed_scores(INFO.name)?;
        let beta = self.beta.unwrap_or_else(|| Ccs::default_beta(budget as f64 / pool.n_candidates() as f64));
        let kept = without_hardest(pool, scores, self.hard, beta, budget, ctx);
        let strata = equal_width(kept, scores, self.strata);
        let sizes: Vec<usize> = strata.iter().map(|stratum| stratum.rows.len()).collect();
        for (number, (stratum, quota)) in strata.iter().zip(balanced(&sizes, budget)).enumerate() {
            let stream = ctx.stream("ccs").child(number as u64);
            for (key, row) in draw_uniform(pool, stream, stratum.rows.iter().copied(), quota) {
                let reason = Reason::Stratum { stratum: stratum.name(), size: stratum.rows.len(), quota };
                picks.push(Pick::new(row, key, reason));
            }
        }
        // Best keys first, so that cutting the list short does not cut off whole strata.
        picks.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row)));
        Ok(())
    }
}

/// Faults of a cut-off and a number of strata.
pub(crate) fn check_strata(method: &'static str, beta: Option<f64>, strata: usize) -> Result<(), Error> {
    if let Some(beta) = beta
        && !(0.0..1.0).contains(&beta)
    {
        return Err(Error::Param { method, param: "beta", rule: "from 0 to below 1".into(), got: beta.to_string() });
    }
    if strata == 0 {
        return Err(Error::Param { method, param: "strata", rule: "at least 1".into(), got: "0".into() });
    }
    Ok(())
}

/// The candidates, ascending, less the hardest `beta` of them; of equals the highest rows go first. Keeps as many as
/// are to be picked.
pub(crate) fn without_hardest(
    pool: &CheckedPool<'_>,
    scores: &[f64],
    hard: Hard,
    beta: f64,
    budget: usize,
    ctx: &mut Context,
) -> Vec<usize> {
    let mut rows: Vec<usize> = pool.candidates().collect();
    let asked = (beta * rows.len() as f64) as usize;
    let cut = asked.min(rows.len() - budget);
    if cut < asked {
        ctx.warn(format!(
            "cutting off the hardest {asked} of {} candidates would leave fewer than the {budget} to be picked: {cut} \
             were cut off",
            rows.len()
        ));
    }
    ctx.record("hardest_cut_off", cut);
    let ease = |row: usize| if hard == Hard::High { scores[row] } else { -scores[row] };
    rows.sort_unstable_by_key(|&row| (Key(ease(row)), row));
    rows.truncate(rows.len() - cut);
    rows.sort_unstable();
    rows
}

/// Rows whose scores lie in one interval.
pub(crate) struct Stratum {
    pub(crate) rows: Vec<usize>,
    /// From this score to below that.
    from: f64,
    to: f64,
}

impl Stratum {
    pub(crate) fn name(&self) -> String {
        format!("scores {:.4} to {:.4}", self.from, self.to)
    }
}

/// The least and the greatest of the finite scores, which infinite ones count as where widths matter: a row never learned
/// is in the hardest stratum, and leaves the others as they are. 0 and 0 where none is finite.
pub(crate) fn finite_range(scores: impl Iterator<Item = f64>) -> (f64, f64) {
    let mut range: Option<(f64, f64)> = None;
    for score in scores.filter(|score| score.is_finite()) {
        let (least, most) = range.unwrap_or((score, score));
        range = Some((least.min(score), most.max(score)));
    }
    range.unwrap_or((0.0, 0.0))
}

/// Parts rows into intervals of equal width from the least score to just above the greatest (by a factor of 1.0001, as
/// the reference has it; that factor would lose a greatest score that is not positive, and is left out there). Infinite
/// scores are in the first and the last.
pub(crate) fn equal_width(rows: Vec<usize>, scores: &[f64], count: usize) -> Vec<Stratum> {
    let (least, most) = finite_range(rows.iter().map(|&row| scores[row]));
    let width = (if most > 0.0 { 1.0001 * most } else { most } - least) / count as f64;
    let edge = |i: usize| least + i as f64 * width;
    let mut strata: Vec<Stratum> =
        (0..count).map(|i| Stratum { rows: Vec::new(), from: edge(i), to: edge(i + 1) }).collect();
    for row in rows {
        // No width, or one that is no number where scores span all of `f64`: one stratum.
        let at = (scores[row].clamp(least, most) - least) / width;
        let stratum = &mut strata[if at.is_finite() { (at as usize).min(count - 1) } else { 0 }];
        stratum.rows.push(row);
        if scores[row].is_infinite() {
            (stratum.from, stratum.to) = (stratum.from.min(scores[row]), stratum.to.max(scores[row]));
        }
    }
    strata
}
