//! The rows of every class whose distance to its center is nearest to the median of such distances.

mod medians;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use subsel_kernels::Panel;

use crate::Error;
use crate::clustering::{KMeans, default_clusters};
use crate::context::Context;
use crate::method::{MethodInfo, ParamInfo, Selector, params_of};
use crate::methods::cluster_balanced::check_clusters;
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::scan;
use crate::selection::{Pick, Reason};
use crate::top::Key;
use crate::unit::held_bytes;

pub(crate) static INFO: MethodInfo = MethodInfo {
    name: "moderate",
    aliases: &["moderate-coreset"],
    summary: "of every class the rows neither near its center nor far from it",
    needs: "",
    rows: "raw, as the network delivers them",
    nested: true,
    random: true,
    cost: "time O(n d) and a pass per 64 MiB of columns, memory O(n); without labels k-means besides",
    source: "Xia et al., Moderate Coreset: A Universal Method of Data Selection for Real-world Data-efficient Deep Learning, 2023",
    not_when: "few labels are to be bought: it looks at distances to class centers alone and covers nothing",
    params: &[
        ParamInfo { name: "center", values: "median or mean", doc: "of every column" },
        ParamInfo {
            name: "clusters",
            values: "a count, at least 1; by default the pool's labels are the classes, and without labels the square root of the rows, at most 1,000",
            doc: "k-means clusters instead of labels",
        },
    ],
};

/// Lloyd iterations at most, where classes are clusters.
const ITERATIONS: usize = 25;

/// What a class's center is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Center {
    /// The median of every column; of an even number the mean of the two in the middle.
    #[default]
    Median,
    /// The mean of every column.
    Mean,
}

/// Ranks the rows of each class by how near their distance to the class's center is to the median of these distances,
/// and takes from all classes in proportion to their candidates.
///
/// # Input
/// Raw embeddings `(n, d)`; classes are the pool's labels or k-means clusters. Labeled rows count for centers and
/// medians.
/// # Guarantees
/// Nested: turns among classes follow Webster's rule of apportionment, by which no class loses a pick when the budget
/// grows. Same picks for any number of threads.
/// # Cost
/// Time `O(n d)`, with `center=median` one pass for every 64 MiB of columns; memory `O(n)` and 64 MiB. Without labels
/// k-means besides.
/// # Source
/// Xia et al., "Moderate Coreset", 2023. (A widely used baseline returns the two tails instead: not this.)
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Moderate {
    /// What a class's center is. Default: [`Center::Median`].
    pub center: Center,
    /// k-means clusters instead of labels. Default: labels where the pool has them.
    pub clusters: Option<usize>,
}

impl Moderate {
    fn k_means(&self, n: usize) -> KMeans {
        KMeans { k: self.clusters.unwrap_or(default_clusters(n)).min(n), iterations: ITERATIONS }
    }

    /// The class of each row, and how many there are.
    fn classes(&self, pool: &CheckedPool<'_>, ctx: &mut Context) -> Result<(Vec<u32>, usize), Error> {
        if let (None, Some(labels)) = (self.clusters, pool.labels()) {
            return Ok((labels.codes.clone(), labels.names.len()));
        }
        let clustering = self.k_means(pool.len()).fit(pool, ctx, ctx.stream("k-means"))?;
        ctx.record("clusters", clustering.sizes.len());
        Ok((clustering.assignment, clustering.sizes.len()))
    }
}

impl Selector for Moderate {
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
        // Whether there are labels is not known here: k-means is what it takes at most.
        let settings = self.k_means(shape.n);
        let mut work = settings.plan(shape);
        work.passes += 1.0 + medians::passes(shape);
        work.canonical_ops += (shape.n * shape.dim) as f64;
        let centers = (settings.k * shape.dim * 16) as u64;
        work.bytes = held_bytes(shape)
            + work.bytes.max(medians::bytes(shape) + centers).max(56 * shape.n as u64 + 48 * budget as u64 + centers);
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
        let (classes, n_classes) = self.classes(pool, ctx)?;
        let centers = match self.center {
            Center::Median => medians::of_classes(pool, &classes, n_classes, ctx)?,
            Center::Mean => means(pool, &classes, n_classes, ctx)?,
        };
        let distances = distances(pool, &centers, &classes, ctx)?;
        let mut members = vec![Vec::new(); n_classes];
        classes.iter().enumerate().for_each(|(row, class)| members[*class as usize].push(row));
        let middles: Vec<f64> =
            members.iter().map(|rows| median(rows.iter().map(|&row| distances[row]).collect())).collect();
        // Each candidate by its class's turn: the (i + 1)th of m comes at (i + 1/2) / m.
        let mut turns = Vec::with_capacity(pool.n_candidates());
        for (class, rows) in members.iter_mut().enumerate() {
            rows.retain(|&row| pool.is_candidate(row));
            rows.sort_unstable_by_key(|&row| (Key((distances[row] - middles[class]).abs()), row));
            let size = rows.len() as f64;
            turns.extend(rows.iter().enumerate().map(|(i, &row)| (Key((i as f64 + 0.5) / size), class, row)));
        }
        turns.sort_unstable();
        picks.extend(turns.into_iter().take(budget).map(|(_, class, row)| {
            let (distance, median) = (distances[row], middles[class]);
            Pick::new(row, -(distance - median).abs(), Reason::Moderate { class, distance, median })
        }));
        Ok(())
    }
}

/// The middle value, or the mean of the two in the middle; 0 of none.
fn median(mut values: Vec<f64>) -> f64 {
    let (len, half) = (values.len(), values.len() / 2);
    if len == 0 {
        return 0.0;
    }
    let (lower, upper, _) = values.select_nth_unstable_by(half, f64::total_cmp);
    if len % 2 == 1 {
        return *upper;
    }
    let lower = lower.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    lower + (*upper - lower) / 2.0
}

/// Means of the classes, `(classes, d)`; of a class without rows the zero vector.
fn means(pool: &CheckedPool<'_>, classes: &[u32], n_classes: usize, ctx: &Context) -> Result<Vec<f32>, Error> {
    let dim = pool.dim();
    let (mut sums, mut counts) = (vec![0.0_f64; n_classes * dim], vec![0_usize; n_classes]);
    classes.iter().for_each(|class| counts[*class as usize] += 1);
    let step = |wide: &mut Vec<f32>, folded: Option<Vec<f64>>, block: scan::BlockAt<'_>, _: &mut [()]| {
        let mut sums = folded.unwrap_or_else(|| vec![0.0; n_classes * dim]);
        wide.resize(block.rows.len() * dim, 0.0);
        ctx.kernels().widen(block.rows, wide);
        for (row, x) in block.range().zip(wide.chunks_exact(dim)) {
            let sum = &mut sums[classes[row] as usize * dim..][..dim];
            sum.iter_mut().zip(x).for_each(|(sum, v)| *sum += f64::from(*v));
        }
        Ok(sums)
    };
    scan::pass(pool, ctx, &mut vec![(); pool.len()], Vec::new, step, |found: Vec<f64>| {
        sums.iter_mut().zip(found).for_each(|(sum, more)| *sum += more);
        Ok(())
    })?;
    let of_class = |(sums, count): (&[f64], &usize)| {
        sums.iter().map(|sum| (sum / (*count).max(1) as f64) as f32).collect::<Vec<_>>()
    };
    Ok(sums.chunks_exact(dim).zip(&counts).flat_map(of_class).collect())
}

/// Canonical distance of each row to the center of its class.
fn distances(pool: &CheckedPool<'_>, centers: &[f32], classes: &[u32], ctx: &Context) -> Result<Vec<f64>, Error> {
    let panel = Panel::new(ctx.kernels(), centers, pool.dim(), None);
    let mut distances = crate::clustering::sq_dists_to_own(pool, &panel, classes, ctx)?;
    distances.iter_mut().for_each(|distance| *distance = distance.sqrt());
    Ok(distances)
}
