//! Gram-Schmidt selection: large norm in what earlier picks do not span.

mod residuals;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::Error;
use crate::context::Context;
use crate::method::{Asks, MethodInfo, ParamInfo, Selector, params_of};
use crate::methods::norm::{self, NormName, PickRule};
use crate::methods::random;
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::random::Draws;
use crate::selection::{Pick, Reason};
use crate::shrinking::{Drawn, Driver, Largest, Shrinking};
use residuals::Residuals;

pub(crate) static INFO: MethodInfo = MethodInfo {
    name: "gram-schmidt",
    aliases: &["gs", "gram_schmidt"],
    summary: "large norm in what earlier picks do not span: norm plus diversity",
    needs: "",
    rows: "raw (not normalized)",
    nested: true,
    random: true,
    cost: "time O(n d + budget^2 d), memory O(n + d min(budget, d))",
    source: "Effective Subset Selection Through the Lens of Neural Network Pruning, 2024, Algorithm 1",
    not_when: "the budget exceeds the rank of the embeddings (it restarts then), or a handful of labels is bought on good features: typiclust or k-means-centers gain more there",
    params: &[
        ParamInfo {
            name: "norm",
            values: "l1, l2 or linf",
            doc: "which norm of the residual counts; projection is Euclidean always",
        },
        ParamInfo {
            name: "pick",
            values: "drawn or largest",
            doc: "drawn in proportion, or the largest (for l2: column-pivoted QR)",
        },
        ParamInfo {
            name: "on_exhaustion",
            values: "restart, norm or error",
            doc: "what happens when the picks span everything: a new pass, drawing by norm, or an error",
        },
    ],
};

/// What to do when the picks span every row left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnExhaustion {
    /// Forget the span and begin a new pass over the rows left.
    #[default]
    Restart,
    /// Draw the rest by norm.
    Norm,
    /// Fail.
    Error,
}

/// Draws rows in proportion to the norm of what earlier picks do not span (or takes the largest), one after another.
///
/// Exact and lazy: residual norms only shrink, so a row is drawn by an old norm, brought up to date, and accepted with
/// the ratio of new to old; a few rows per pick are touched instead of all. `pick=largest` with l2 gives the picks of a
/// column-pivoted QR of the transposed embeddings.
///
/// # Input
/// Raw embeddings `(n, d)`. Labeled rows are projected out first.
/// # Guarantees
/// Nested; a duplicate of a pick is not picked before a restart; within a pass the picks are linearly independent.
/// Residuals below 1e-5 of their row's norm count as zero.
/// # Errors
/// [`Error::Rank`] with `on_exhaustion=error`.
/// # Cost
/// Time `O(n d + budget^2 d)` for typical data, memory `O(n + d * min(budget, d))`.
/// # Source
/// "Effective Subset Selection Through the Lens of Neural Network Pruning", 2024, Algorithm 1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GramSchmidt {
    /// Which norm of the residual counts. Default: [`NormName::L2`]; the paper found l1 and linf to hurt.
    pub norm: NormName,
    /// Drawn or largest. Default: [`PickRule::Drawn`].
    pub pick: PickRule,
    /// What to do when the picks span everything. Default: [`OnExhaustion::Restart`].
    pub on_exhaustion: OnExhaustion,
}

impl Selector for GramSchmidt {
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
        self.pick == PickRule::Drawn
    }

    fn plan(&self, shape: &Shape, budget: usize) -> Work {
        let pass_len = budget.min(shape.dim) as f64;
        let passes = (budget as f64 / pass_len).ceil();
        let d = shape.dim as f64;
        // About two trials a pick, each against all directions so far, plus making the direction (two projections).
        let trials = if self.norm == NormName::Linf { 8.0 } else { 2.0 };
        let per_pass = pass_len * pass_len / 2.0 * d * (trials + 4.0);
        // A complete basis means that nothing is left of any row; rows are found to be so as they are drawn: of most
        // bounds are near nothing by then.
        let exhausting = (passes - 1.0) * shape.n as f64 * d * d / 32.0;
        let driver = match self.pick {
            PickRule::Drawn => Drawn::bytes(shape.n),
            PickRule::Largest => Largest::bytes(shape.n),
        };
        let (refreshes, panel_ops) = match self.pick {
            PickRule::Drawn => (0.0, 0.0),
            PickRule::Largest => (budget as f64 / 24.0, shape.n as f64 * d * budget as f64),
        };
        Work {
            passes: refreshes,
            gathered: trials * budget as f64,
            panel_ops,
            canonical_ops: passes * per_pass + exhausting,
            bytes: driver + Residuals::bytes(shape, budget) + 8 * shape.n as u64,
        }
    }

    fn run(
        &self,
        pool: &CheckedPool<'_>,
        budget: usize,
        ctx: &mut Context,
        picks: &mut Vec<Pick>,
    ) -> Result<(), Error> {
        let mut residuals = Residuals::new(pool, self.norm, self.pick, ctx)?;
        let mut driver = self.driver(&residuals, ctx);
        let mut in_play: Vec<bool> = (0..pool.len()).map(|row| pool.is_candidate(row)).collect();
        let mut restarts = Vec::new();
        let mut pass = 1;
        ctx.progress().begin("picking", budget as u64);
        while picks.len() < budget {
            let next = if residuals.span_is_whole() { None } else { driver.next(ctx, &mut residuals)? };
            if let Some((row, residual)) = next {
                in_play[row] = false;
                if !ctx.take(pool, row)? {
                    continue;
                }
                residuals.add(ctx, row)?;
                let norm = pool.sq_norms()[row].sqrt();
                picks.push(Pick::new(row, residual, Reason::Residual { residual, norm, pass }));
                ctx.progress().at(picks.len() as u64);
                continue;
            }
            let rank = residuals.rank();
            match self.on_exhaustion {
                OnExhaustion::Error => return Err(Error::Rank { rank, budget }),
                OnExhaustion::Restart if residuals.restart(&in_play) => {
                    restarts.push(picks.len());
                    pass += 1;
                    driver.reset(&residuals.bounds());
                }
                OnExhaustion::Norm | OnExhaustion::Restart => {
                    finish(pool, &in_play, self.on_exhaustion, budget, ctx, picks)?;
                    break;
                }
            }
        }
        self.report(&driver, &residuals, restarts, budget, ctx);
        Ok(())
    }
}

impl GramSchmidt {
    fn driver(&self, residuals: &Residuals<'_>, ctx: &Context) -> Driver {
        let bounds = residuals.bounds();
        match self.pick {
            PickRule::Drawn => Driver::Drawn(Drawn::new(&bounds, Draws::new(ctx.stream("gram-schmidt")))),
            PickRule::Largest => Driver::Largest(Largest::new(&bounds)),
        }
    }

    fn report(
        &self,
        driver: &Driver,
        residuals: &Residuals<'_>,
        restarts: Vec<usize>,
        budget: usize,
        ctx: &mut Context,
    ) {
        driver.record(ctx);
        if let Some(first) = restarts.first() {
            ctx.warn(format!(
                "the first {first} picks span every row left, so {budget} picks are beyond the rank: {} new {} begun",
                restarts.len(),
                if restarts.len() == 1 { "pass was" } else { "passes were" }
            ));
        }
        ctx.record("restarts", json!(restarts));
        ctx.record("labeled_rank", residuals.labeled_rank());
    }
}

/// Takes the rest by norm, or uniformly where all that is left are zero rows.
fn finish(
    pool: &CheckedPool<'_>,
    in_play: &[bool],
    rule: OnExhaustion,
    budget: usize,
    ctx: &mut Context,
    picks: &mut Vec<Pick>,
) -> Result<(), Error> {
    if rule == OnExhaustion::Restart {
        return random::fill(pool, "all rows left are zero", budget, ctx, picks);
    }
    let before = picks.len();
    let norms: Vec<f64> = pool.sq_norms().iter().map(|sq| sq.sqrt()).collect();
    let rest = in_play.iter().enumerate().filter_map(|(row, is)| is.then_some(row));
    let depth = if ctx.has_rules() { pool.n_candidates() } else { budget - before };
    for row in norm::draw(pool, ctx.stream("gram-schmidt-norm"), &norms, rest, depth) {
        if picks.len() < budget && ctx.take(pool, row)? {
            picks.push(Pick::new(row, norms[row], Reason::Norm { norm: norms[row] }));
        }
    }
    ctx.record("finished_by_norm", picks.len() - before);
    Ok(())
}
