//! As equal a share of every cluster as sizes allow.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Error;
use crate::allocate::{balanced, balanced_rounds};
use crate::clustering::{Clustering, KMeans, default_clusters};
use crate::context::Context;
use crate::method::{MethodInfo, ParamInfo, Selector, params_of};
use crate::methods::k_center::KCenter;
use crate::methods::random::draw_uniform;
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::selection::{Pick, Reason};
use crate::start::Start;
use crate::top::Key;
use crate::unit::held_bytes;

#[cfg(test)]
mod tests;

pub(crate) static INFO: MethodInfo = MethodInfo {
    name: "cluster-balanced",
    aliases: &["balanced-clusters", "hierarchical-k-means"],
    summary: "the same number of rows from every cluster, as far as sizes allow",
    needs: "",
    rows: "raw, as the network delivers them",
    nested: true,
    random: true,
    cost: "time O(iterations n d clusters), memory O(n + clusters d threads)",
    source: "common practice in pruning large pools; water-filling as in Coverage-centric Coreset Selection, 2023",
    not_when: "the pool's own proportions matter: rare kinds of rows, outliers among them, are taken far more often than they occur",
    params: &[
        ParamInfo {
            name: "clusters",
            values: "a count, at least 1; by default the square root of the rows, at most 1,000",
            doc: "k-means clusters",
        },
        ParamInfo {
            name: "within",
            values: "random, center or spread",
            doc: "rows of a cluster drawn uniformly, the nearest to its center, or the farthest from one another",
        },
    ],
};

/// Lloyd iterations at most.
const ITERATIONS: usize = 25;

/// Which rows of a cluster are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Within {
    /// Drawn uniformly.
    #[default]
    Random,
    /// The nearest to the center.
    Center,
    /// The nearest to the center, then again and again the farthest from those taken and labeled.
    Spread,
}

/// Clusters the pool by k-means and takes rows from the clusters by turns, so that shares are as equal as sizes allow.
///
/// # Input
/// Raw embeddings `(n, d)`. Labeled rows count as taken for `within=spread` only.
/// # Guarantees
/// Nested: clusters do not depend on the budget, and turns go on where they stopped. Same picks for any number of
/// threads.
/// # Cost
/// Time `O(iterations * n * d * clusters)` at the rate of matrix products; memory `O(n + clusters * d * threads)`.
/// # Source
/// Common practice in pruning large pools; quotas by water-filling as in Zheng et al., "Coverage-centric Coreset
/// Selection for High Pruning Rates", 2023.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterBalanced {
    /// Clusters. Default: the square root of the rows, at most 1,000.
    pub clusters: Option<usize>,
    /// Which rows of a cluster are taken. Default: [`Within::Random`].
    pub within: Within,
}

impl ClusterBalanced {
    fn k_means(&self, n: usize) -> KMeans {
        KMeans { k: self.clusters.unwrap_or(default_clusters(n)).min(n), iterations: ITERATIONS }
    }
}

impl Selector for ClusterBalanced {
    fn info(&self) -> &'static MethodInfo {
        &INFO
    }

    fn params(&self) -> Map<String, Value> {
        params_of(self)
    }

    fn check(&self) -> Result<(), Error> {
        check_clusters(INFO.name, self.clusters)
    }

    fn plan(&self, shape: &Shape, budget: usize) -> Work {
        let settings = self.k_means(shape.n);
        let mut work = settings.plan(shape);
        if self.within == Within::Spread {
            // In turn for each cluster: its rows are gathered for every pass, and compared with its share.
            let share = budget as f64 / settings.k as f64;
            work.gathered += shape.n as f64 * (3.0 + share / 32.0);
            work.panel_ops += (shape.n * shape.dim) as f64 * share;
        }
        work.bytes = held_bytes(shape) + work.bytes.max(16 * shape.n as u64 + 48 * budget as u64) + 12 * shape.n as u64;
        work
    }

    fn run(
        &self,
        pool: &CheckedPool<'_>,
        budget: usize,
        ctx: &mut Context,
        picks: &mut Vec<Pick>,
    ) -> Result<(), Error> {
        let held = pool.held(ctx)?;
        let pool = held.as_ref().unwrap_or(pool);
        let clustering = self.k_means(pool.len()).fit(pool, ctx, ctx.stream("k-means"))?;
        ctx.record("clusters", clustering.sizes.len());
        let members = members(pool, &clustering);
        let sizes: Vec<usize> = members.iter().map(Vec::len).collect();
        let quotas = balanced(&sizes, budget);
        let sq_dists = match self.within {
            Within::Random => Vec::new(),
            Within::Center | Within::Spread => clustering.sq_dists(pool, ctx)?,
        };
        ctx.progress().begin("picking", members.len() as u64);
        let mut found = Vec::with_capacity(members.len());
        for (cluster, rows) in members.into_iter().enumerate() {
            ctx.go_on()?;
            let picks = self.pick_within(pool, cluster, rows, quotas[cluster], &sq_dists, ctx)?;
            found.push(picks.into_iter());
            ctx.progress().at(found.len() as u64);
        }
        picks.extend(balanced_rounds(&sizes, budget).into_iter().filter_map(|(cluster, _)| found[cluster].next()));
        Ok(())
    }
}

impl ClusterBalanced {
    /// The first `quota` picks of a cluster.
    fn pick_within(
        &self,
        pool: &CheckedPool<'_>,
        cluster: usize,
        mut rows: Vec<usize>,
        quota: usize,
        sq_dists: &[f64],
        ctx: &mut Context,
    ) -> Result<Vec<Pick>, Error> {
        let size = rows.len();
        if quota == 0 {
            return Ok(Vec::new());
        }
        Ok(match self.within {
            Within::Random => draw_uniform(pool, ctx.stream("within"), rows.into_iter(), quota)
                .into_iter()
                .map(|(key, row)| Pick::new(row, key, Reason::Cluster { cluster, size }))
                .collect(),
            Within::Center => {
                rows.sort_unstable_by_key(|&row| (Key(sq_dists[row]), row));
                let pick = |row: usize| {
                    let distance = sq_dists[row].sqrt();
                    Pick::new(row, -distance, Reason::Center { cluster, size, distance })
                };
                rows.into_iter().take(quota).map(pick).collect()
            }
            Within::Spread => spread(pool, rows, quota, sq_dists, ctx)?,
        })
    }
}

/// Greedy k-center among these rows, from the nearest to the center where none of the labeled is near.
fn spread(
    pool: &CheckedPool<'_>,
    rows: Vec<usize>,
    quota: usize,
    sq_dists: &[f64],
    ctx: &mut Context,
) -> Result<Vec<Pick>, Error> {
    let nearest = rows.iter().copied().min_by_key(|&row| (Key(sq_dists[row]), row)).ok_or(Error::EmptyPool)?;
    let start = Start::Row(pool.global(nearest));
    let view = pool.keep(rows.clone());
    let mut picks = Vec::new();
    KCenter { start, ..KCenter::default() }.run(&view, quota, ctx, &mut picks)?;
    for pick in &mut picks {
        pick.row = rows[pick.row];
        pick.reason.renumber(|row| rows[row]);
    }
    Ok(picks)
}

/// The candidates of each cluster, ascending.
pub(crate) fn members(pool: &CheckedPool<'_>, clustering: &Clustering) -> Vec<Vec<usize>> {
    let mut members = vec![Vec::new(); clustering.sizes.len()];
    pool.candidates().for_each(|row| members[clustering.assignment[row] as usize].push(row));
    members
}

/// A number of clusters that is named must be one.
pub(crate) fn check_clusters(method: &'static str, clusters: Option<usize>) -> Result<(), Error> {
    if clusters == Some(0) {
        let (rule, got) = ("at least 1".into(), "0".into());
        return Err(Error::Param { method, param: "clusters", rule, got });
    }
    Ok(())
}
