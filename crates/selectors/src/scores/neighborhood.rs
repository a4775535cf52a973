//! Scores that go by the rows nearby.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Scorer;
use crate::Error;
use crate::coarse::{self, Coarse};
use crate::context::Context;
use crate::method::{MethodInfo, ParamInfo, params_of};
use crate::methods::prob_cover::{Ball, ClassCount, Delta, ball_sizes};
use crate::methods::typiclust::{Distance, typicality};
use crate::neighbors::{knn, knn_plan};
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::unit::RowScale;

const ROWS: ParamInfo = ParamInfo { name: "rows", values: "unit or raw", doc: "rows scaled to length 1, or as given" };

pub(super) static TYPICALITY: MethodInfo = MethodInfo {
    name: "typicality",
    aliases: &[],
    summary: "high where neighbors are near: what typiclust looks for in its clusters, here in the whole pool",
    needs: "",
    rows: "scaled to length 1 on the fly",
    nested: true,
    random: false,
    cost: "time O(n^2 d) at the rate of matrix products, memory O(n k)",
    source: "Hacohen et al., Active Learning on a Budget: Opposite Strategies Suit High and Low Budgets, 2022",
    not_when: "the highest are to be picked as they are: they come from few dense places",
    params: &[
        ParamInfo { name: "k", values: "a count, at least 1", doc: "neighbors" },
        ParamInfo { name: "distance", values: "squared or euclidean", doc: "what is averaged over them" },
        ROWS,
    ],
};

pub(super) static DENSITY: MethodInfo = MethodInfo {
    name: "density",
    aliases: &[],
    summary: "how many rows lie within a radius",
    needs: "",
    rows: "scaled to length 1 on the fly",
    nested: true,
    random: true,
    cost: "time O(n^2 d) at the rate of matrix products, memory O(n)",
    source: "Yehuda et al., Active Learning Through a Covering Lens, 2022, whose ball sizes these are",
    not_when: "no radius suits the whole pool: k-distance needs none",
    params: &[
        ParamInfo {
            name: "delta",
            values: "median, purity or a number above 0",
            doc: "the radius, as prob-cover finds it",
        },
        ParamInfo { name: "ball", values: "open or closed", doc: "whether rows at just the radius are within" },
        ParamInfo {
            name: "classes",
            values: "auto or a count, at least 2",
            doc: "pseudo-classes that k-means finds for delta",
        },
        ROWS,
    ],
};

pub(super) static K_DISTANCE: MethodInfo = MethodInfo {
    name: "k-distance",
    aliases: &["knn-distance"],
    summary: "distance to the k-th nearest neighbor: high for rows alone",
    needs: "",
    rows: "scaled to length 1 on the fly",
    nested: true,
    random: false,
    cost: "time O(n^2 d) at the rate of matrix products, memory O(n k)",
    source: "Ramaswamy, Rastogi, Shim, Efficient Algorithms for Mining Outliers from Large Data Sets, 2000",
    not_when: "outliers are noise: they score highest",
    params: &[ParamInfo { name: "k", values: "a count, at least 1", doc: "which neighbor" }, ROWS],
};

/// One over the mean distance to the `k` nearest rows; higher is more typical. Fewer neighbors where the pool has fewer
/// other rows; 0 in a pool of one row.
///
/// # Cost
/// Time `O(n^2 d)` at the rate of matrix products, memory `O(n k)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Typicality {
    /// Neighbors. Default: 20.
    pub k: usize,
    /// What is averaged. Default: as typiclust.
    pub distance: Distance,
    /// Default: [`RowScale::Unit`].
    pub rows: RowScale,
}

/// Rows within a radius, the row itself not counted.
///
/// # Cost
/// Time `O(n^2 d)` at the rate of matrix products, memory `O(n)`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Density {
    /// The radius. Default: as prob-cover.
    pub delta: Delta,
    /// Whether rows at just the radius are within. Default: [`Ball::Open`].
    pub ball: Ball,
    /// Pseudo-classes for the radius. Default: as prob-cover.
    pub classes: ClassCount,
    /// Default: [`RowScale::Unit`].
    pub rows: RowScale,
}

/// Distance to the `k`-th nearest row, or to the farthest where there are fewer others; 0 in a pool of one row.
///
/// # Cost
/// Time `O(n^2 d)` at the rate of matrix products, memory `O(n k)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KDistance {
    /// Which neighbor. Default: 10.
    pub k: usize,
    /// Default: [`RowScale::Unit`].
    pub rows: RowScale,
}

impl Default for Typicality {
    fn default() -> Self {
        Typicality { k: 20, distance: Distance::default(), rows: RowScale::Unit }
    }
}

impl Default for KDistance {
    fn default() -> Self {
        KDistance { k: 10, rows: RowScale::Unit }
    }
}

fn check_k(method: &'static str, k: usize) -> Result<(), Error> {
    match k {
        0 => Err(Error::Param { method, param: "k", rule: "at least 1".into(), got: "0".into() }),
        _ => Ok(()),
    }
}

/// The same work on scaled rows.
fn scaled(rows: RowScale, shape: &Shape, work: Work) -> Work {
    match rows {
        RowScale::Unit => Work { passes: work.passes + 1.0, bytes: work.bytes + RowScale::bytes(shape), ..work },
        RowScale::Raw => work,
    }
}

/// What `number` makes of the squared distances to the `k` nearest of each row.
fn of_neighbors(
    pool: &CheckedPool<'_>,
    rows: RowScale,
    k: usize,
    ctx: &Context,
    number: impl Fn(&[f64]) -> f64,
) -> Result<Vec<f64>, Error> {
    let scaled = rows.apply(pool, ctx)?;
    let pool = scaled.as_ref().unwrap_or(pool);
    let graph = knn(pool, k, ctx)?;
    Ok((0..pool.len()).map(|row| if graph.k == 0 { 0.0 } else { number(graph.sq_dists_of(row)) }).collect())
}

impl Scorer for Typicality {
    fn info(&self) -> &'static MethodInfo {
        &TYPICALITY
    }

    fn params(&self) -> Map<String, Value> {
        params_of(self)
    }

    fn check(&self) -> Result<(), Error> {
        check_k(TYPICALITY.name, self.k)
    }

    fn plan(&self, shape: &Shape) -> Work {
        scaled(self.rows, shape, knn_plan(shape, self.k))
    }

    fn scores(&self, pool: &CheckedPool<'_>, ctx: &mut Context) -> Result<Vec<f64>, Error> {
        of_neighbors(pool, self.rows, self.k, ctx, |sq_dists| typicality(self.distance.mean(sq_dists)))
    }
}

impl Scorer for KDistance {
    fn info(&self) -> &'static MethodInfo {
        &K_DISTANCE
    }

    fn params(&self) -> Map<String, Value> {
        params_of(self)
    }

    fn check(&self) -> Result<(), Error> {
        check_k(K_DISTANCE.name, self.k)
    }

    fn plan(&self, shape: &Shape) -> Work {
        scaled(self.rows, shape, knn_plan(shape, self.k))
    }

    fn scores(&self, pool: &CheckedPool<'_>, ctx: &mut Context) -> Result<Vec<f64>, Error> {
        of_neighbors(pool, self.rows, self.k, ctx, |sq_dists| sq_dists.last().copied().unwrap_or(0.0).sqrt())
    }
}

impl Scorer for Density {
    fn info(&self) -> &'static MethodInfo {
        &DENSITY
    }

    fn params(&self) -> Map<String, Value> {
        params_of(self)
    }

    fn check(&self) -> Result<(), Error> {
        self.delta.check(DENSITY.name)?;
        self.classes.check(DENSITY.name)
    }

    fn plan(&self, shape: &Shape) -> Work {
        let delta = self.delta.plan(shape, self.classes.count(None));
        let counts = crate::pairs::bytes(shape) + Coarse::bytes(shape, 0) + 4 * shape.n as u64;
        let ops = 0.5 * (shape.n as f64).powi(2) * shape.dim as f64;
        let work = Work {
            passes: delta.passes + 1.0,
            panel_ops: delta.panel_ops + coarse::count_ops(shape, ops),
            bytes: delta.bytes.max(counts),
            ..delta
        };
        scaled(self.rows, shape, work)
    }

    fn scores(&self, pool: &CheckedPool<'_>, ctx: &mut Context) -> Result<Vec<f64>, Error> {
        let scaled = self.rows.apply(pool, ctx)?;
        let pool = scaled.as_ref().unwrap_or(pool);
        let classes = self.classes.count(pool.labels());
        let sq_delta = self.delta.squared(pool, classes, ctx)?;
        ctx.record("delta", sq_delta.sqrt());
        // A ball holds its own row.
        let sizes = ball_sizes(pool, self.ball.limit(sq_delta), ctx)?;
        Ok(sizes.into_iter().map(|size| f64::from(size.saturating_sub(1))).collect())
    }
}
