//! Of every cluster the rows least like those before them.

mod earlier;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use subsel_kernels::Block;

use crate::Error;
use crate::clustering::KMeans;
use crate::context::Context;
use crate::method::{MethodInfo, ParamInfo, Selector, params_of};
use crate::methods::cluster_balanced::check_clusters;
use crate::methods::prototypicality::distances_to_centers;
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::selection::{Pick, Reason};
use crate::top::{Key, Smallest};
use crate::unit::RowScale;

pub(crate) static INFO: MethodInfo = MethodInfo {
    name: "semdedup",
    aliases: &["sem-de-dup"],
    summary: "every row, but for those most like another of their cluster",
    needs: "",
    rows: "scaled to length 1 on the fly",
    nested: true,
    random: true,
    cost: "time O(iterations n d clusters + n^2 d / clusters), memory O(n) and the largest cluster's rows",
    source: "Abbas et al., SemDeDup: Data-efficient learning at web-scale through semantic deduplication, 2023",
    not_when: "few labels are to be bought, or a given similarity is the limit: `subsel dedup --threshold` removes what is above it",
    params: &[
        ParamInfo {
            name: "clusters",
            values: "a count, at least 1; by default one for every 5,000 rows",
            doc: "k-means clusters; duplicates in different clusters are not seen",
        },
        ParamInfo {
            name: "keep",
            values: "hard, easy or random",
            doc: "of rows alike the one farthest from the center, nearest to it, or any",
        },
    ],
};

/// Rows for which there is one cluster, by default.
const ROWS_PER_CLUSTER: usize = 5000;

/// Lloyd iterations at most.
const ITERATIONS: usize = 25;

/// Which of rows alike is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// The one farthest from the center.
    #[default]
    Hard,
    /// The one nearest to the center.
    Easy,
    /// One by chance.
    Random,
}

/// Puts the rows of each k-means cluster in an order, gives each the largest cosine to a row before it, kept or not, and
/// takes the rows for which that is smallest: what is left when just so many near-duplicates are removed as the budget
/// asks for.
///
/// # Input
/// Embeddings `(n, d)`; rows are scaled to unit length on the fly, a zero row has cosine 0 to every other. Labeled rows
/// come before all others of their cluster.
/// # Guarantees
/// Nested; ties go to the lowest row. Same picks for any number of threads.
/// # Cost
/// Time `O(iterations * n * d * clusters + n^2 * d / clusters)` at the rate of matrix products; memory `O(n)` and the
/// rows of the largest cluster as `f32`, twice.
/// # Source
/// Abbas et al., "SemDeDup", 2023, in the form for a budget.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SemDeDup {
    /// Clusters. Default: one for every 5,000 rows.
    pub clusters: Option<usize>,
    /// Which of rows alike is kept. Default: [`Keep::Hard`].
    pub keep: Keep,
}

impl SemDeDup {
    fn k_means(&self, n: usize) -> KMeans {
        KMeans { k: self.clusters.unwrap_or(n.div_ceil(ROWS_PER_CLUSTER)).min(n), iterations: ITERATIONS }
    }
}

impl Selector for SemDeDup {
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
        // Clusters differ in size: the largest of a few is some times the mean.
        let largest = if settings.k == 1 { shape.n } else { (3 * shape.n / settings.k).clamp(1, shape.n) };
        work.passes += 2.0;
        work.gathered += shape.n as f64;
        work.panel_ops += shape.n as f64 * largest as f64 / 2.0 * shape.dim as f64;
        let compared = earlier::bytes(largest, shape) + (4 * largest * shape.dim) as u64;
        let after = 60 * shape.n as u64 + 64 * budget as u64 + compared;
        work.bytes = RowScale::bytes(shape) + work.bytes.max(after);
        work
    }

    fn run(
        &self,
        pool: &CheckedPool<'_>,
        budget: usize,
        ctx: &mut Context,
        picks: &mut Vec<Pick>,
    ) -> Result<(), Error> {
        let unit = pool.unit(ctx)?;
        let clustering = self.k_means(unit.len()).fit(&unit, ctx, ctx.stream("k-means"))?;
        ctx.record("clusters", clustering.sizes.len());
        let order = match self.keep {
            Keep::Random => {
                let stream = ctx.stream("order");
                (0..unit.len()).map(|row| stream.unit(unit.global(row) as u64)).collect()
            }
            Keep::Hard | Keep::Easy => {
                let mut distances = distances_to_centers(&unit, &clustering, ctx)?;
                if self.keep == Keep::Hard {
                    distances.iter_mut().for_each(|distance| *distance = -*distance);
                }
                distances
            }
        };
        let mut clusters = vec![Vec::new(); clustering.sizes.len()];
        for (row, cluster) in clustering.assignment.iter().enumerate() {
            // Excluded rows will not be there to be alike to.
            if unit.is_candidate(row) || unit.labeled().binary_search(&row).is_ok() {
                clusters[*cluster as usize].push(row);
            }
        }
        drop(clustering);
        let mut least = Smallest::new(budget);
        ctx.progress().begin("comparing rows of clusters", clusters.len() as u64);
        for (cluster, mut rows) in clusters.into_iter().enumerate() {
            rows.sort_unstable_by_key(|&row| (unit.is_candidate(row), Key(order[row]), row));
            let similarities = similarities(&unit, &rows, ctx)?;
            for (row, similarity) in rows.into_iter().zip(similarities).filter(|(row, _)| unit.is_candidate(*row)) {
                least.push((Key(similarity), row, cluster));
            }
            ctx.progress().at(cluster as u64 + 1);
        }
        picks.extend(least.into_sorted().into_iter().map(|(Key(similarity), row, cluster)| {
            Pick::new(row, -similarity, Reason::Unlike { cluster, similarity })
        }));
        Ok(())
    }
}

/// The largest cosine of each row to one before it; -1 for the first.
fn similarities(unit: &CheckedPool<'_>, rows: &[usize], ctx: &Context) -> Result<Vec<f64>, Error> {
    let mut values = Vec::with_capacity(rows.len() * unit.dim());
    let (mut block, mut wide) = (Block::default(), Vec::new());
    for part in rows.chunks(ctx.block_rows(unit.dim())) {
        unit.gather_f32(ctx, part, &mut block, &mut wide)?;
        values.extend_from_slice(&wide);
    }
    let sq_norms: Vec<f64> = rows.iter().map(|&row| unit.sq_norms()[row]).collect();
    let sq_dists = earlier::nearest(&values, unit.dim(), &sq_norms, ctx)?;
    let first_zero = sq_norms.iter().position(|norm| *norm == 0.0).unwrap_or(rows.len());
    let cosine = |(at, sq_dist): (usize, f64)| match sq_norms[at] {
        _ if at == 0 => -1.0,
        0.0 => 0.0,
        // Of unit rows; to a zero row before it the cosine is 0.
        _ => (1.0 - sq_dist / 2.0).max(if first_zero < at { 0.0 } else { -1.0 }),
    };
    Ok(sq_dists.into_iter().enumerate().map(cosine).collect())
}
