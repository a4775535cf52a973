//! k-means++ sampling.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Error;
use crate::context::Context;
use crate::method::{Asks, MethodInfo, ParamInfo, Selector, params_of};
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::random::Draws;
use crate::selection::Pick;
use crate::shrinking::{Drawn, Driver, Nearest, RefreshRule, pick_far};
use crate::start::Start;

#[cfg(test)]
mod tests;

pub(crate) static INFO: MethodInfo = MethodInfo {
    name: "k-means-pp",
    aliases: &["k-means++", "kmeans++", "d2-sampling"],
    summary: "rows drawn in proportion to their squared distance from everything taken",
    needs: "",
    rows: "raw, as the network delivers them",
    nested: true,
    random: true,
    cost: "time O(budget n d) at worst, far less lazily; memory O(n + budget d)",
    source: "Arthur and Vassilvitskii, k-means++: the advantages of careful seeding, 2007",
    not_when: "few labels are bought: k-means-centers takes typical rows where this one takes chance ones",
    params: &[ParamInfo {
        name: "start",
        values: "random, max-norm, medoid or a row number",
        doc: "the first pick where nothing is labeled",
    }],
};

/// k-means++ sampling: each pick is drawn with probability proportional to its squared distance from the nearest row
/// taken before.
///
/// Exact and lazy: a row is drawn by an old distance, brought up to date, and accepted with the ratio of new to old.
///
/// # Input
/// Raw embeddings `(n, d)`. Labeled rows count as already taken.
/// # Guarantees
/// Nested. When every row left coincides with a taken one, the rest is drawn uniformly.
/// # Cost
/// Time `O(budget * n * d)` at worst; memory `O(n + budget * d)`.
/// # Source
/// Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", 2007.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KMeansPp {
    /// The first pick where nothing is labeled. Default: [`Start::Random`].
    pub start: Start,
}

impl Selector for KMeansPp {
    fn info(&self) -> &'static MethodInfo {
        &INFO
    }

    fn params(&self) -> Map<String, Value> {
        params_of(self)
    }

    fn asks(&self) -> Asks {
        Asks::BeforeEach
    }

    fn plan(&self, shape: &Shape, budget: usize) -> Work {
        let (n, d, taken) = (shape.n as f64, shape.dim as f64, budget + shape.labeled);
        Work {
            passes: 1.0 + self.start.passes(),
            gathered: 4.0 * budget as f64,
            panel_ops: n * d * (1 + shape.labeled) as f64,
            canonical_ops: budget as f64 * budget as f64 * d * 2.0,
            bytes: Nearest::bytes(shape, taken) + Drawn::bytes(shape.n) + 8 * shape.n as u64,
        }
    }

    fn run(
        &self,
        pool: &CheckedPool<'_>,
        budget: usize,
        ctx: &mut Context,
        picks: &mut Vec<Pick>,
    ) -> Result<(), Error> {
        let draws = Draws::new(ctx.stream("k-means-pp"));
        let driver = |bounds: &[f64]| Driver::Drawn(Drawn::new(bounds, draws));
        pick_far(pool, self.start, RefreshRule::Paid, driver, budget, ctx, picks)?.record(ctx);
        Ok(())
    }
}
