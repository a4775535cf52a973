//! ProbCover: cover the pool by balls of one radius.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Error;
use crate::annotations::Classes;
use crate::coarse;
use crate::context::Context;
use crate::method::{Asks, MethodInfo, ParamInfo, Selector, params_of};
use crate::methods::random;
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::selection::{Pick, Reason};
use crate::unit::RowScale;

mod cover;
mod radius;
#[cfg(test)]
mod tests;

pub(crate) use cover::{Cover, ball_sizes, mark_covered};
pub use radius::Delta;
pub(crate) use radius::Ordered;

pub(crate) static INFO: MethodInfo = MethodInfo {
    name: "prob-cover",
    aliases: &["probcover"],
    summary: "again and again the row whose ball holds most rows not covered yet",
    needs: "",
    rows: "scaled to unit length by the method",
    nested: true,
    random: true,
    cost: "time O(n^2 d), twice that for a radius found from the pool; memory O(n)",
    source: "Yehuda et al., Active Learning Through a Covering Lens, 2022",
    not_when: "a large share of the pool is kept, or no radius suits all of it: dense regions then win every pick",
    params: &[
        ParamInfo {
            name: "delta",
            values: "median, purity or a distance above 0",
            doc: "radius of the balls: the largest at which half (median) or 95 % (purity) of them hold one pseudo-class only",
        },
        ParamInfo {
            name: "classes",
            values: "auto or a count, at least 2",
            doc: "pseudo-classes that k-means finds for delta; auto takes as many as the pool's labels name, else 10",
        },
        ParamInfo {
            name: "ball",
            values: "open or closed",
            doc: "whether a row exactly delta away is outside or inside",
        },
        ParamInfo {
            name: "on_covered",
            values: "reset, random or stop",
            doc: "once all is covered: begin covering anew, draw the rest uniformly, or give fewer picks",
        },
        ParamInfo { name: "rows", values: "unit or raw", doc: "whether rows are scaled to unit length first" },
    ],
};

/// Whether the edge belongs to a ball.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ball {
    /// Distances below the radius, as in the paper's code.
    #[default]
    Open,
    /// Distances up to the radius, as in scikit-activeml.
    Closed,
}

/// What follows when no candidate covers anything more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnCovered {
    /// Nothing counts as covered any more, and covering goes on with the rows left: keeps the order of density.
    #[default]
    Reset,
    /// The rest is drawn uniformly.
    Random,
    /// The selection ends with fewer picks.
    Stop,
}

/// How many pseudo-classes there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "must be auto or a count")]
pub enum ClassCount {
    /// As many as the pool's labels name, else 10.
    #[default]
    #[serde(with = "auto")]
    Auto,
    /// So many.
    Count(usize),
}

/// `ClassCount::Auto` is the word `auto`.
mod auto {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("auto")
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "auto" => Ok(()),
            _ => Err(D::Error::custom("must be auto or a count")),
        }
    }
}

/// Greedy cover by balls of one radius: repeatedly takes the row whose ball holds most rows not covered yet.
///
/// Few labels go to the dense regions of the pool, one each. With a radius that covers almost nothing, or almost
/// everything, it has little to go by, and warns.
///
/// # Input
/// Embeddings `(n, d)`, scaled to unit length here. The balls of labeled rows are covered beforehand; excluded rows
/// still count as rows to be covered.
/// # Guarantees
/// Nested for a given radius, which does not depend on the budget. Ties go to the lowest row. Covers at least 1 - 1/e
/// of what the best choice of as many rows could. Random only in the clustering that finds a radius: one k-means fit.
/// # Errors
/// [`Error::Param`] for a radius that is not above 0 or fewer than 2 classes.
/// # Cost
/// Time `O(n^2 d)` at the rate of matrix products, half of it saved by symmetry: once for the sizes of all balls, once
/// for a radius found from the pool, and at most twice while picking. Memory `O(n)`: no list of neighbors is kept.
/// # Source
/// Yehuda, Dekel, Hacohen, Weinshall, "Active Learning Through a Covering Lens", 2022. Their code leaves out up to 499
/// rows as centers and picks row 0 again and again once all is covered; this does neither. Its purity radius, `m` of
/// the distances to the nearest row of another pseudo-class, is found exactly instead of on a grid.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProbCover {
    /// Radius of the balls. Default: [`Delta::Median`].
    pub delta: Delta,
    /// Pseudo-classes for a radius found from the pool. Default: [`ClassCount::Auto`].
    pub classes: ClassCount,
    /// Whether the edge belongs to a ball. Default: [`Ball::Open`].
    pub ball: Ball,
    /// What follows when all is covered. Default: [`OnCovered::Reset`].
    pub on_covered: OnCovered,
    /// Whether rows are scaled. Default: [`RowScale::Unit`].
    pub rows: RowScale,
}

impl ClassCount {
    /// How many there are in a pool of these labels.
    pub fn count(self, labels: Option<&Classes>) -> usize {
        match self {
            ClassCount::Count(count) => count,
            ClassCount::Auto => labels.map_or(10, |labels| labels.names.len()).max(2),
        }
    }

    pub(crate) fn check(self, method: &'static str) -> Result<(), Error> {
        let ClassCount::Count(count @ (0 | 1)) = self else { return Ok(()) };
        Err(Error::Param { method, param: "classes", rule: "at least 2".into(), got: count.to_string() })
    }
}

impl Ball {
    /// The limit that canonical squared distances within a ball of this squared radius stay below.
    pub(crate) fn limit(self, squared: f64) -> f64 {
        // Above 0 even where the square underflows: a row is always in its own ball.
        let limit = squared.max(f64::MIN_POSITIVE);
        if self == Ball::Closed { limit.next_up() } else { limit }
    }
}

impl Selector for ProbCover {
    fn info(&self) -> &'static MethodInfo {
        &INFO
    }

    fn params(&self) -> Map<String, Value> {
        params_of(self)
    }

    fn check(&self) -> Result<(), Error> {
        self.delta.check(INFO.name)?;
        self.classes.check(INFO.name)
    }

    fn gives_fewer(&self) -> bool {
        self.on_covered == OnCovered::Stop
    }

    fn asks(&self) -> Asks {
        Asks::BeforeEach
    }

    fn plan(&self, shape: &Shape, budget: usize) -> Work {
        let (n, d) = (shape.n as f64, shape.dim as f64);
        let delta = self.delta.plan(shape, self.classes.count(None));
        Work {
            passes: delta.passes + 1.0 + (budget + shape.labeled / 1024) as f64,
            gathered: delta.gathered + 100.0 * budget as f64,
            // Half for the sizes of the balls; how much for the covered rows depends on the radius.
            panel_ops: delta.panel_ops + coarse::count_ops(shape, 0.5 * n * n * d) + 0.1 * n * n * d,
            canonical_ops: delta.canonical_ops,
            bytes: RowScale::bytes(shape) + delta.bytes.max(Cover::bytes(shape)),
        }
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
        let squared = self.delta.squared(pool, self.classes.count(pool.labels()), ctx)?;
        if squared.is_finite() {
            ctx.record("delta", squared.sqrt());
        }
        let mut cover = Cover::new(pool, self.ball.limit(squared), ctx)?;
        warn_of_radius(cover.degrees(), squared.sqrt(), ctx);
        cover.cover(ctx, pool.labeled())?;
        ctx.progress().begin("picking", budget as u64);
        let (mut lap, mut in_first) = (1, 0);
        while picks.len() < budget {
            let Some((row, gain)) = cover.best(ctx)? else {
                // Where rules refuse rows, all candidates may have had their turn before there are enough picks.
                if cover.n_left() > 0 && self.begin_anew(pool, budget, ctx, picks)? {
                    cover.reset();
                    lap += 1;
                    continue;
                }
                break;
            };
            if !ctx.take(pool, row)? {
                cover.pass_over(row);
                continue;
            }
            picks.push(Pick::new(row, f64::from(gain), Reason::Covers { rows: gain as usize, lap }));
            // Nothing asks for the gains after the last pick.
            if picks.len() < budget || lap == 1 {
                cover.take(ctx, row)?;
            }
            if lap == 1 {
                in_first = cover.n_covered();
            }
            ctx.progress().at(picks.len() as u64);
        }
        ctx.record("covered_rows", in_first);
        ctx.record("evaluations", cover.evaluations());
        Ok(())
    }
}

impl ProbCover {
    /// Nothing more can be covered. Whether to go on covering; fills the picks where that is asked for.
    fn begin_anew(
        &self,
        pool: &CheckedPool<'_>,
        budget: usize,
        ctx: &mut Context,
        picks: &mut Vec<Pick>,
    ) -> Result<bool, Error> {
        let what = "all that candidates can cover is covered";
        let then = match self.on_covered {
            OnCovered::Random => {
                random::fill(pool, what, budget, ctx, picks)?;
                return Ok(false);
            }
            OnCovered::Reset => "covering began anew",
            OnCovered::Stop => "the selection ends there",
        };
        ctx.warn_once(&format!("{what} after"), format!("{} picks: {then}", picks.len()));
        Ok(self.on_covered == OnCovered::Reset)
    }
}

/// Warns of a radius by which most balls are alike.
pub(crate) fn warn_of_radius(degrees: &[u32], delta: f64, ctx: &mut Context) {
    let n = degrees.len();
    let alone = degrees.iter().filter(|degree| **degree == 1).count();
    let mean = degrees.iter().map(|degree| f64::from(*degree)).sum::<f64>() / n as f64;
    ctx.record("mean_ball_rows", mean);
    if 2 * alone > n {
        ctx.warn(format!(
            "radius {delta:.4} covers almost nothing: {alone} of {n} balls hold their own row only, so most picks are as good as any"
        ));
    }
    if n > 1 && mean > 0.5 * n as f64 {
        ctx.warn(format!(
            "radius {delta:.4} covers almost everything: the mean ball holds {:.0} % of the pool, so a few picks cover it",
            100.0 * mean / n as f64
        ));
    }
}
