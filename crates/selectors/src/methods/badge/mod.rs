//! BADGE: k-means++ sampling of the gradients that a model would learn by.

mod gradients;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Error;
use crate::context::Context;
use crate::method::{Asks, MethodInfo, Selector, params_of};
use crate::methods::random;
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::random::Draws;
use crate::selection::{Pick, Reason};
use crate::shrinking::{Drawn, Largest, Shrinking};
use gradients::Gradients;

pub(crate) static INFO: MethodInfo = MethodInfo {
    name: "badge",
    aliases: &[],
    summary: "rows that a model is unsure of and would learn different things from: k-means++ on gradients",
    needs: "model outputs (class probabilities or logits)",
    rows: "raw: what the model's last layer is given",
    nested: true,
    random: true,
    cost: "time O(budget n (d + classes)) at worst, far less lazily; memory O(n + budget (d + classes))",
    source: "Ash et al., Deep Batch Active Learning by Diverse, Uncertain Gradient Lower Bounds, 2020",
    not_when: "there is no model yet, or the rows are not the features of the model that gave the outputs",
    params: &[],
};

/// k-means++ sampling on gradient embeddings: each row stands for the gradient of the loss by the weights of the last
/// layer, were the model's own guess its label. The first pick is the longest gradient; each later one is drawn with
/// probability proportional to its squared distance from the nearest gradient picked before. Long gradients are those of
/// rows the model is unsure of, and far ones teach it something else.
///
/// With the probabilities `p` of a row, its likeliest class `c` and its features `h`, the gradient is the outer product of
/// `p - onehot(c)` and `h`, of `classes * d` values. None is ever formed: lengths and distances take `O(classes + d)`.
///
/// # Input
/// Raw embeddings `(n, d)`: what the last layer of the model is given; and the model's outputs. The bias of the layer is
/// left out, as in the authors' code. Labeled rows are not looked at, as in the paper: a model that was trained on them has
/// short gradients where they are. Of equally likely classes the lowest is the guess.
/// # Guarantees
/// Nested. Ties of the first pick (within a relative 2^-40) go to the lowest row. When every row left has the gradient of
/// a picked one, the rest is drawn uniformly.
/// # Errors
/// [`Error::Missing`] without model outputs.
/// # Cost
/// Time `O(budget * n * (d + classes))` at worst: a row is brought up to date only when it is drawn by an old distance;
/// memory `O(n + budget * (d + classes))`.
/// # Source
/// Ash, Zhang, Krishnamurthy, Langford, Agarwal, "Deep Batch Active Learning by Diverse, Uncertain Gradient Lower Bounds",
/// 2020.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Badge {}

/// Why rows come to be drawn uniformly.
const NONE_LEFT: &str = "every row left has the gradient of a picked one, or none at all";

impl Selector for Badge {
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
        let (n, width) = (shape.n as f64, (shape.dim + shape.classes) as f64);
        let drivers = Drawn::bytes(shape.n).max(Largest::bytes(shape.n));
        Work {
            passes: 1.0,
            gathered: 4.0 * budget as f64,
            panel_ops: 0.0,
            canonical_ops: n * width / shape.threads as f64 + 2.0 * budget as f64 * budget as f64 * width,
            bytes: Gradients::bytes(shape, budget) + drivers + 8 * shape.n as u64,
        }
    }

    fn run(
        &self,
        pool: &CheckedPool<'_>,
        budget: usize,
        ctx: &mut Context,
        picks: &mut Vec<Pick>,
    ) -> Result<(), Error> {
        let mut gradients = Gradients::new(pool, pool.needed_outputs(INFO.name)?, ctx)?;
        // Rows that a rule of the run refuses are out of play for good.
        let mut out_of_play = Vec::new();
        let mut longest = Largest::new(&gradients.bounds());
        while picks.is_empty() {
            let Some(found) = longest.next(ctx, &mut gradients)? else {
                return random::fill(pool, NONE_LEFT, budget, ctx, picks);
            };
            out_of_play.push(found.row);
            if ctx.take(pool, found.row)? {
                let length = found.value.sqrt();
                picks.push(Pick::new(found.row, length, Reason::Gradient { length, distance: length, nearest: None }));
                gradients.start(ctx, found.row)?;
            }
        }
        drop(longest);
        let mut bounds = gradients.bounds();
        out_of_play.into_iter().for_each(|row| bounds[row] = 0.0);
        let mut drawn = Drawn::new(&bounds, Draws::new(ctx.stream("badge")));
        drop(bounds);
        ctx.progress().begin("picking", budget as u64);
        while picks.len() < budget {
            let Some(found) = drawn.next(ctx, &mut gradients)? else {
                random::fill(pool, NONE_LEFT, budget, ctx, picks)?;
                break;
            };
            if ctx.take(pool, found.row)? {
                let (length, (nearest, distance)) = (gradients.length(found.row), gradients.nearest(found.row));
                let reason = Reason::Gradient { length, distance, nearest: Some(nearest) };
                picks.push(Pick::new(found.row, distance, reason));
                gradients.add(ctx, found.row)?;
                ctx.progress().at(picks.len() as u64);
            }
        }
        ctx.record("trials", drawn.trials());
        Ok(())
    }
}
