//! D2 pruning: importance passed along a graph of nearest neighbors, and taken back from the neighbors of picks.

mod messages;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Error;
use crate::allocate::balanced;
use crate::context::Context;
use crate::method::{MethodInfo, ParamInfo, Selector, params_of};
use crate::methods::ccs::{Hard, check_strata, equal_width, finite_range, without_hardest};
use crate::neighbors::{knn, knn_plan};
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::selection::Pick;
use crate::unit::RowScale;
use messages::Messages;

pub(crate) static INFO: MethodInfo = MethodInfo {
    name: "d2",
    aliases: &["d2-pruning"],
    summary: "important rows of every region: importance is passed to near rows, and taken back where one was picked",
    needs: "",
    rows: "raw, as the network delivers them",
    nested: true,
    random: false,
    cost: "time O(n^2 d) at the rate of matrix products, memory O(n k)",
    source: "Maharana et al., D2 Pruning: Message Passing for Balancing Diversity and Difficulty in Data Pruning, 2023",
    not_when: "distances are far above 1: messages fade as exp(-distance), so scale such rows (`rows=unit`) or nothing is passed",
    params: &[
        ParamInfo { name: "k", values: "a count, at least 1", doc: "neighbors a row hears from and speaks to" },
        ParamInfo {
            name: "gamma",
            values: "a number, 0 or more",
            doc: "how fast what a pick takes back fades with distance",
        },
        ParamInfo {
            name: "kernel_power",
            values: "1 or 2",
            doc: "messages fade as exp(-distance^power); the paper writes 2, its code does 1",
        },
        ParamInfo {
            name: "forward",
            values: "sum or product",
            doc: "importance plus what neighbors send, or times it",
        },
        ParamInfo {
            name: "reverse",
            values: "weighted or absolute",
            doc: "what a pick takes from its neighbors fades with distance, or does not",
        },
        ParamInfo {
            name: "hard",
            values: "high or low",
            doc: "which of the pool's scores are those of important rows; without scores all rows are",
        },
        ParamInfo {
            name: "beta",
            values: "a share from 0 to below 1",
            doc: "the share of the candidates, the hardest by score, that is cut off first",
        },
        ParamInfo {
            name: "strata",
            values: "a count, at least 1",
            doc: "levels of score that share the budget as in ccs, with a graph in each",
        },
        ParamInfo { name: "rows", values: "raw or unit", doc: "rows as given, or scaled to length 1" },
    ],
};

/// What a row is worth once its neighbors have spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Forward {
    /// Its importance and what its neighbors send.
    #[default]
    Sum,
    /// Its importance times what its neighbors send.
    Product,
}

/// What a pick takes from its neighbors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reverse {
    /// Its worth times `exp(-gamma * distance^kernel_power)`.
    #[default]
    Weighted,
    /// Its worth.
    Absolute,
}

/// Every row sends its importance to its `k` nearest neighbors, faded by distance; then the row of largest worth is
/// picked again and again, and takes from its neighbors what it was worth.
///
/// # Input
/// Embeddings `(n, d)`, raw or unit, and a score per row, rescaled to `[0, 1]`; without scores every row has importance
/// 1, and infinite ones that of the greatest or least finite one. Labeled rows speak first: they are taken before any pick.
/// # Guarantees
/// Deterministic; ties to the lowest row. Nested, except with strata or a cut-off. A row worth 0 or less takes nothing
/// from its neighbors when it is picked.
/// # Cost
/// Time `O(n^2 d)` at the rate of matrix products for the exact graph of neighbors, then `O((n + b k) log n)`; memory
/// `O(n k)`.
/// # Source
/// Maharana, Yadav, Bansal, "D2 Pruning", 2023. Directed edges; its dense code makes them symmetric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct D2 {
    /// Neighbors. Default: 10.
    pub k: usize,
    /// How fast what a pick takes back fades. Default: 0.1.
    pub gamma: f64,
    /// The power of the distance in the exponent, 1 or 2. Default: 1.
    pub kernel_power: u32,
    /// Default: [`Forward::Sum`].
    pub forward: Forward,
    /// Default: [`Reverse::Weighted`].
    pub reverse: Reverse,
    /// Default: [`Hard::High`].
    pub hard: Hard,
    /// The share cut off. Default: 0.
    pub beta: f64,
    /// Levels of score. Default: 1.
    pub strata: usize,
    /// Default: [`RowScale::Raw`].
    pub rows: RowScale,
}

impl Default for D2 {
    fn default() -> Self {
        D2 {
            k: 10,
            gamma: 0.1,
            kernel_power: 1,
            forward: Forward::default(),
            reverse: Reverse::default(),
            hard: Hard::default(),
            beta: 0.0,
            strata: 1,
            rows: RowScale::Raw,
        }
    }
}

impl D2 {
    /// Scores as importance: from 0 to 1, the hardest 1; of equal scores, and without scores, 1.
    fn importance(&self, pool: &CheckedPool<'_>) -> Vec<f64> {
        let Some(scores) = pool.scores() else { return vec![1.0; pool.len()] };
        let (least, most) = finite_range(scores.iter().copied());
        // Halves, since the whole width may be beyond `f64`.
        let width = most / 2.0 - least / 2.0;
        let share = |score: f64| if width > 0.0 { (score / 2.0 - least / 2.0) / width } else { 1.0 };
        let of = |score: f64| if self.hard == Hard::High || width <= 0.0 { share(score) } else { 1.0 - share(score) };
        scores.iter().map(|score| of(score.clamp(least, most))).collect()
    }

    /// Picks among all candidates of `pool`, whose importance is given.
    fn pick(
        &self,
        pool: &CheckedPool<'_>,
        importance: &[f64],
        budget: usize,
        ctx: &Context,
    ) -> Result<Vec<Pick>, Error> {
        let graph = knn(pool, self.k, ctx)?;
        let mut messages = Messages::new(self, &graph, importance);
        pool.labeled().iter().for_each(|&row| messages.take(row));
        ctx.progress().begin("picking", budget as u64);
        messages.pile_up(pool);
        let mut picks = Vec::with_capacity(budget);
        while picks.len() < budget {
            ctx.go_on()?;
            let Some(pick) = messages.pick() else { break };
            picks.push(pick);
            ctx.progress().at(picks.len() as u64);
        }
        Ok(picks)
    }

    fn is_plain(&self) -> bool {
        self.strata == 1 && self.beta == 0.0
    }
}

impl Selector for D2 {
    fn info(&self) -> &'static MethodInfo {
        &INFO
    }

    fn params(&self) -> Map<String, Value> {
        params_of(self)
    }

    fn nested(&self) -> bool {
        self.is_plain()
    }

    fn check(&self) -> Result<(), Error> {
        let wrong =
            |param, rule: &str, got: String| Err(Error::Param { method: INFO.name, param, rule: rule.into(), got });
        check_strata(INFO.name, Some(self.beta), self.strata)?;
        if self.k == 0 {
            return wrong("k", "at least 1", "0".into());
        }
        if !(self.gamma >= 0.0 && self.gamma.is_finite()) {
            return wrong("gamma", "finite and 0 or more", self.gamma.to_string());
        }
        if !(1..=2).contains(&self.kernel_power) {
            return wrong("kernel_power", "1 or 2", self.kernel_power.to_string());
        }
        Ok(())
    }

    fn plan(&self, shape: &Shape, budget: usize) -> Work {
        let mut work = knn_plan(shape, self.k);
        let scaled = if self.rows == RowScale::Unit { RowScale::bytes(shape) } else { 0 };
        work.bytes += 72 * shape.n as u64 + 96 * budget as u64 + scaled;
        work
    }

    fn run(
        &self,
        pool: &CheckedPool<'_>,
        budget: usize,
        ctx: &mut Context,
        picks: &mut Vec<Pick>,
    ) -> Result<(), Error> {
        let scaled = self.rows.apply(pool, ctx)?;
        let pool = scaled.as_ref().unwrap_or(pool);
        let importance = self.importance(pool);
        if self.is_plain() {
            *picks = self.pick(pool, &importance, budget, ctx)?;
            return Ok(());
        }
        let scores = pool.needed_scores(INFO.name)?;
        let kept = without_hardest(pool, scores, self.hard, self.beta, budget, ctx);
        let strata = equal_width(kept, scores, self.strata);
        let sizes: Vec<usize> = strata.iter().map(|stratum| stratum.rows.len()).collect();
        for (stratum, quota) in strata.into_iter().zip(balanced(&sizes, budget)).filter(|(_, quota)| *quota > 0) {
            // Labeled rows speak in every stratum.
            let mut rows = stratum.rows;
            rows.extend_from_slice(pool.labeled());
            rows.sort_unstable();
            let of_rows: Vec<f64> = rows.iter().map(|&row| importance[row]).collect();
            let found = self.pick(&pool.keep(rows.clone()), &of_rows, quota, ctx)?;
            picks.extend(found.into_iter().map(|pick| Pick { row: rows[pick.row], ..pick }));
        }
        picks.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row)));
        Ok(())
    }
}
