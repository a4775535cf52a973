//! Greedy k-center.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Error;
use crate::context::Context;
use crate::method::{Asks, MethodInfo, ParamInfo, Selector, params_of};
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::selection::Pick;
use crate::shrinking::{self, Largest, Nearest, RefreshRule, pick_far};
use crate::start::Start;

#[cfg(test)]
mod tests;

pub(crate) static INFO: MethodInfo = MethodInfo {
    name: "k-center",
    aliases: &["coreset", "core-set", "farthest-first", "k-center-greedy"],
    summary: "again and again the row farthest from everything taken",
    needs: "",
    rows: "raw, as the network delivers them",
    nested: true,
    random: true,
    cost: "time O(budget n d) at worst, far less lazily; memory O(n + budget d)",
    source: "Gonzalez, Clustering to minimize the maximum intercluster distance, 1985; Sener and Savarese, 2018",
    not_when: "outliers are noise, or few labels are bought: it takes the outliers first and loses to random there",
    params: &[
        ParamInfo {
            name: "start",
            values: "random, max-norm, medoid or a row number",
            doc: "the first pick where nothing is labeled",
        },
        ParamInfo {
            name: "driver",
            values: "lazy or full",
            doc: "full makes a whole pass per pick, as textbooks do; same picks, for comparison",
        },
    ],
};

/// How the farthest row is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Driver {
    /// Rows are brought up to date only when they might be the farthest.
    #[default]
    Lazy,
    /// All rows are brought up to date after every pick.
    Full,
}

/// Greedy k-center: repeatedly takes the row farthest from everything taken so far.
///
/// Covers every region of the pool, outliers included.
///
/// # Input
/// Raw embeddings `(n, d)`. Labeled rows count as already taken.
/// # Guarantees
/// Nested. Ties (within a relative 2^-40) go to the lowest row. Covering radius at most twice the optimum.
/// When every row left coincides with a taken one, the rest is drawn uniformly.
/// # Cost
/// Time `O(budget * n * d)` at worst; memory `O(n + budget * d)`.
/// # Source
/// Gonzalez, "Clustering to minimize the maximum intercluster distance", 1985.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KCenter {
    /// The first pick where nothing is labeled. Default: [`Start::Random`].
    pub start: Start,
    /// How the farthest row is found; changes time, never picks. Default: [`Driver::Lazy`].
    pub driver: Driver,
}

impl Selector for KCenter {
    fn info(&self) -> &'static MethodInfo {
        &INFO
    }

    fn params(&self) -> Map<String, Value> {
        params_of(self)
    }

    fn asks(&self) -> Asks {
        Asks::BeforeEach
    }

    fn is_random(&self) -> bool {
        self.start == Start::Random
    }

    fn plan(&self, shape: &Shape, budget: usize) -> Work {
        let (n, d) = (shape.n as f64, shape.dim as f64);
        let taken = budget + shape.labeled;
        let refreshes = match self.driver {
            Driver::Lazy => 2.0 + budget as f64 / 32.0,
            Driver::Full => budget as f64,
        };
        Work {
            passes: refreshes + self.start.passes(),
            // Bounds come from one pass, and at first most rows come up.
            gathered: 100.0 * budget as f64 + 0.7 * n,
            panel_ops: n * d * taken as f64,
            canonical_ops: 100.0 * budget as f64 * d * 16.0,
            bytes: Nearest::bytes(shape, taken) + Largest::bytes(shape.n),
        }
    }

    fn run(
        &self,
        pool: &CheckedPool<'_>,
        budget: usize,
        ctx: &mut Context,
        picks: &mut Vec<Pick>,
    ) -> Result<(), Error> {
        let rule = match self.driver {
            Driver::Lazy => RefreshRule::Paid,
            Driver::Full => RefreshRule::Always,
        };
        let driver = |bounds: &[f64]| shrinking::Driver::Largest(Largest::new(bounds));
        pick_far(pool, self.start, rule, driver, budget, ctx, picks)?.record(ctx);
        Ok(())
    }
}
