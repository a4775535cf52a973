//! The rows nearest to k-means centers.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Error;
use crate::clustering::{Clustering, KMeans};
use crate::context::Context;
use crate::method::{MethodInfo, ParamInfo, Selector, params_of};
use crate::methods::random::draw_uniform;
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::selection::{Pick, Reason};
use crate::top::Key;
use crate::unit::held_bytes;

#[cfg(test)]
mod tests;

pub(crate) static INFO: MethodInfo = MethodInfo {
    name: "k-means-centers",
    aliases: &["kmeans-centers", "k-means"],
    summary: "one typical row per cluster: the nearest to each k-means center",
    needs: "",
    rows: "raw, as the network delivers them",
    nested: false,
    random: true,
    cost: "time O(iterations n d k), memory O(n + k d threads), k = labeled + budget",
    source: "common practice; MacQueen, Some methods for classification and analysis of multivariate observations, 1967",
    not_when: "a large share of the pool is kept: random is as good there and free",
    params: &[
        ParamInfo {
            name: "iterations",
            values: "a count, at least 1",
            doc: "Lloyd iterations at most; fewer where centers stand still",
        },
        ParamInfo {
            name: "start",
            values: "k-means-pp or random",
            doc: "centers drawn far apart and refined on a sample, or random rows, told in the manifest, as a start that other programs can share",
        },
    ],
};

/// Where centers start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Begin {
    /// k-means++, refined on a sample of a large pool.
    #[default]
    KMeansPp,
    /// Rows drawn uniformly, recorded as `start_rows`.
    Random,
}

/// Clusters the pool by k-means into one cluster per row to pick (and per labeled row) and takes the row nearest to
/// each center, clusters without a labeled row and large clusters first.
///
/// # Input
/// Raw embeddings `(n, d)`.
/// # Guarantees
/// Same picks for any number of threads. With fewer distinct rows than clusters, the next nearest rows follow.
/// # Cost
/// Time `O(iterations * n * d * k)` at the rate of matrix products; memory `O(n + k * d * threads)`.
/// # Source
/// Common practice; k-means++ seeding as in scikit-learn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KMeansCenters {
    /// Lloyd iterations at most. Default: 100.
    pub iterations: usize,
    /// Where centers start. Default: [`Begin::KMeansPp`].
    pub start: Begin,
}

impl Default for KMeansCenters {
    fn default() -> Self {
        KMeansCenters { iterations: 100, start: Begin::KMeansPp }
    }
}

impl KMeansCenters {
    fn clusters(&self, labeled: usize, budget: usize, n: usize) -> KMeans {
        KMeans { k: (labeled + budget).min(n), iterations: self.iterations }
    }
}

impl Selector for KMeansCenters {
    fn info(&self) -> &'static MethodInfo {
        &INFO
    }

    fn params(&self) -> Map<String, Value> {
        params_of(self)
    }

    fn check(&self) -> Result<(), Error> {
        if self.iterations == 0 {
            let (rule, got) = ("at least 1".into(), "0".into());
            return Err(Error::Param { method: INFO.name, param: "iterations", rule, got });
        }
        Ok(())
    }

    fn plan(&self, shape: &Shape, budget: usize) -> Work {
        let mut work = self.clusters(shape.labeled, budget, shape.n).plan(shape);
        // Distances and the order within clusters, when the clustering is done.
        work.bytes = held_bytes(shape) + work.bytes.max((44 * shape.n + 8 * budget * shape.dim) as u64);
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
        let settings = self.clusters(pool.labeled().len(), budget, pool.len());
        let stream = ctx.stream("k-means");
        let clustering = match self.start {
            Begin::KMeansPp => settings.fit(pool, ctx, stream)?,
            Begin::Random => {
                let drawn = draw_uniform(pool, stream, 0..pool.len(), settings.k);
                let mut rows: Vec<usize> = drawn.into_iter().map(|(_, row)| row).collect();
                rows.sort_unstable();
                let numbers: Vec<usize> = rows.iter().map(|row| pool.global(*row)).collect();
                ctx.record("start_rows", numbers);
                settings.fit_from(pool, &rows, ctx)?
            }
        };
        ctx.record("clusters", clustering.sizes.len());
        ctx.record("iterations", clustering.iterations);
        ctx.record("rows_looked_at", clustering.looked_at);
        if clustering.iterations == self.iterations {
            ctx.record("clusters_still_moving", true);
        }
        let sq_dists = clustering.sq_dists(pool, ctx)?;
        ctx.record("mean_sq_dist", sq_dists.iter().sum::<f64>() / sq_dists.len() as f64);
        picks.extend(nearest_to_centers(pool, &clustering, &sq_dists, budget));
        Ok(())
    }
}

/// The candidates nearest to their centers, cluster by cluster: those with fewest labeled rows first, then the largest,
/// then the lowest; in a second lap the next nearest, and so on.
fn nearest_to_centers(pool: &CheckedPool<'_>, clustering: &Clustering, sq_dists: &[f64], budget: usize) -> Vec<Pick> {
    let k = clustering.sizes.len();
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); k];
    pool.candidates().for_each(|row| members[clustering.assignment[row] as usize].push(row));
    let mut labeled = vec![0usize; k];
    pool.labeled().iter().for_each(|&row| labeled[clustering.assignment[row] as usize] += 1);
    let mut order: Vec<usize> = (0..k).collect();
    order.sort_by_key(|&cluster| (labeled[cluster], Reverse(clustering.sizes[cluster]), cluster));
    let mut picks = Vec::with_capacity(budget);
    for lap in 0.. {
        for (rank, &cluster) in order.iter().enumerate() {
            if picks.len() == budget {
                return picks;
            }
            let rows = &mut members[cluster];
            if lap < rows.len() {
                rows[lap..].select_nth_unstable_by_key(0, |&row| (Key(sq_dists[row]), row));
                let (row, size) = (rows[lap], clustering.sizes[cluster]);
                let distance = sq_dists[row].sqrt();
                picks.push(Pick::new(row, size as f64, Reason::Center { cluster: rank, size, distance }));
            }
        }
    }
    picks
}
