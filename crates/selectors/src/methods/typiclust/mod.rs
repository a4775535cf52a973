//! TypiClust: one dense row per cluster.

use std::cmp::Reverse;
use std::sync::Mutex;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use subsel_kernels::{Block, Codes, CodesFrame, CodesPanel, CodesScratch, Kernels, Panel, PanelScratch, Rows};

use crate::Error;
use crate::clustering::KMeans;
use crate::coarse::{mean, words};
use crate::context::{CHUNK_ROWS, Context};
use crate::method::{MethodInfo, ParamInfo, Selector, params_of};
use crate::neighbors::{knn, knn_plan};
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::scan::lock;
use crate::selection::{Pick, Reason};
use crate::shrinking::TIE;
use crate::top::{Key, Smallest};
use crate::unit::RowScale;

#[cfg(test)]
mod tests;

pub(crate) static INFO: MethodInfo = MethodInfo {
    name: "typiclust",
    aliases: &["typi-clust"],
    summary: "the most typical row of each cluster: the one whose neighbors are nearest",
    needs: "",
    rows: "scaled to unit length (done on the fly)",
    nested: false,
    random: true,
    cost: "time O(iterations n d k + laps n^2 d / k), memory O(n + k d threads) and a cluster's rows, k = labeled + budget",
    source: "Hacohen, Dekel and Weinshall, Active Learning on a Budget, 2022",
    not_when: "more than a few hundred rows are picked, or a large share of the pool is kept: it takes the same dense spots again",
    params: &[
        ParamInfo {
            name: "distance",
            values: "squared or euclidean",
            doc: "what typicality averages: the authors' code takes squared distances, their paper plain ones",
        },
        ParamInfo { name: "clusters", values: "k-means or labels", doc: "clusters found here, or the pool's labels" },
        ParamInfo {
            name: "max_clusters",
            values: "a count, at least 1",
            doc: "clusters at most; beyond, clusters are visited again",
        },
        ParamInfo { name: "iterations", values: "a count, at least 1", doc: "Lloyd iterations at most" },
    ],
};

/// Which distance typicality averages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distance {
    /// Squared Euclidean, as in the authors' code.
    #[default]
    Squared,
    /// Euclidean, as in their paper.
    Euclidean,
}

impl Distance {
    /// The mean of these distances, given as squares.
    pub(crate) fn mean(self, sq_dists: &[f64]) -> f64 {
        let sum: f64 = match self {
            Distance::Squared => sq_dists.iter().sum(),
            Distance::Euclidean => sq_dists.iter().map(|sq| sq.sqrt()).sum(),
        };
        sum / sq_dists.len() as f64
    }

    /// The square of such a mean.
    fn square(self, mean: f64) -> f64 {
        match self {
            Distance::Squared => mean,
            Distance::Euclidean => mean * mean,
        }
    }

    /// What the mean of `k` distances is at least, if their squares are below `limit` by at most `shortfall` in all.
    fn least_mean(self, k: usize, limit: f64, shortfall: f64) -> f64 {
        let squared = (limit - shortfall / k as f64).max(0.0);
        match self {
            _ if squared == 0.0 => 0.0,
            Distance::Squared => squared,
            // Below the limit the root lies above its chord from 0.
            Distance::Euclidean => squared / limit.sqrt(),
        }
    }
}

/// Where clusters come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clusters {
    /// k-means on the unit rows.
    #[default]
    KMeans,
    /// The pool's labels: clusters found elsewhere, as by SCAN.
    Labels,
}

/// Clusters the pool into one cluster per row to pick and per labeled row, and takes from each the most typical row:
/// the one of smallest mean distance to its nearest neighbors in the cluster.
///
/// Clusters with fewest labeled rows come first, then the largest; clusters of 5 rows or fewer are left out while there
/// are others. When all have been visited, the next lap takes the next most typical rows. Typicality is
/// `1 / (mean distance + 1e-5)` over the `min(20, half the rows left)` nearest rows that are left in the cluster;
/// labeled and excluded rows count in a cluster's size, but are no neighbors.
///
/// # Input
/// Embeddings `(n, d)`; rows are scaled to unit length on the fly. For `clusters=labels` one cluster label per row.
/// # Guarantees
/// Same picks for any number of threads; of equally typical rows (within a relative 2^-40) the lowest wins.
/// # Errors
/// [`Error::Missing`] for `clusters=labels` without labels.
/// # Cost
/// k-means, then `O(laps * n^2 * d / k)` at the rate of matrix products; memory `O(n + k * d * threads)` and the rows of
/// a cluster per thread.
/// # Source
/// Hacohen, Dekel and Weinshall, "Active Learning on a Budget: Opposite Strategies Suit High and Low Budgets", 2022, and
/// the authors' code where the two differ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TypiClust {
    /// Which distance is averaged. Default: [`Distance::Squared`].
    pub distance: Distance,
    /// Where clusters come from. Default: [`Clusters::KMeans`].
    pub clusters: Clusters,
    /// Clusters at most. Default: 500.
    pub max_clusters: usize,
    /// Lloyd iterations over all rows at most. Default: 10, after which inertia is within 0.5 % of where 100 lead; the
    /// authors' mini-batches stop earlier still.
    pub iterations: usize,
}

impl Default for TypiClust {
    fn default() -> Self {
        TypiClust { distance: Distance::default(), clusters: Clusters::KMeans, max_clusters: 500, iterations: 10 }
    }
}

/// Clusters of more rows than this are visited; the authors' MIN_CLUSTER_SIZE.
const MIN_SIZE: usize = 5;

/// Neighbors that typicality averages over, at most.
const MOST_NEIGHBORS: usize = 20;

impl TypiClust {
    fn k_means(&self, labeled: usize, budget: usize, n: usize) -> KMeans {
        KMeans { k: (labeled + budget).min(self.max_clusters).min(n), iterations: self.iterations }
    }

    /// The cluster of each row and how many clusters there are.
    fn assignment(&self, unit: &CheckedPool<'_>, budget: usize, ctx: &mut Context) -> Result<(Vec<u32>, usize), Error> {
        match self.clusters {
            Clusters::KMeans => {
                let settings = self.k_means(unit.labeled().len(), budget, unit.len());
                let found = settings.fit(unit, ctx, ctx.stream("k-means"))?;
                ctx.record("iterations", found.iterations);
                Ok((found.assignment, found.sizes.len()))
            }
            Clusters::Labels => {
                let labels = unit.labels().ok_or(Error::Missing {
                    method: "typiclust:clusters=labels",
                    what: "labels",
                    hint: "`--labels FILE` gives one cluster per row",
                })?;
                Ok((labels.codes.clone(), labels.names.len()))
            }
        }
    }
}

impl Selector for TypiClust {
    fn info(&self) -> &'static MethodInfo {
        &INFO
    }

    fn params(&self) -> Map<String, Value> {
        params_of(self)
    }

    fn check(&self) -> Result<(), Error> {
        for (param, value) in [("iterations", self.iterations), ("max_clusters", self.max_clusters)] {
            if value == 0 {
                let (rule, got) = ("at least 1".into(), "0".into());
                return Err(Error::Param { method: INFO.name, param, rule, got });
            }
        }
        Ok(())
    }

    fn plan(&self, shape: &Shape, budget: usize) -> Work {
        let settings = self.k_means(shape.labeled, budget, shape.n);
        let clustering = match self.clusters {
            Clusters::KMeans => settings.plan(shape),
            Clusters::Labels => Work { bytes: 4 * shape.n as u64, ..Work::default() },
        };
        // Clusters differ in size: the largest of a few is some times the mean.
        let largest = if settings.k == 1 { shape.n } else { (3 * shape.n / settings.k).clamp(1, shape.n) };
        let at_once = if largest <= CHUNK_ROWS { shape.threads.min(settings.k) as u64 } else { 1 };
        let k = MOST_NEIGHBORS.min(largest / 2);
        let neighbors = if largest > CHUNK_ROWS {
            knn_plan(&Shape { n: largest, ..*shape }, k)
        } else {
            Work {
                passes: 1.0,
                // Each pair once; probes and contenders with all.
                panel_ops: (0.5 * (largest + 128) as f64 + 4.0 * PROBES as f64) * (largest * shape.dim) as f64,
                canonical_ops: (largest * shape.dim * 8) as f64,
                bytes: Buffers::bytes(largest, shape),
                ..Work::default()
            }
        };
        let visits = budget.div_ceil(settings.k) as f64 * shape.n as f64 / largest as f64;
        let kept = 24 * largest as u64 + (40 << 10);
        Work {
            passes: clustering.passes + 1.0,
            gathered: clustering.gathered + visits * neighbors.passes * largest as f64,
            panel_ops: clustering.panel_ops + visits * neighbors.panel_ops,
            canonical_ops: clustering.canonical_ops + visits * neighbors.canonical_ops,
            // The neighbors' own count has the buffers that scaling would take twice.
            bytes: RowScale::bytes(shape) - shape.block_bytes()
                + clustering.bytes.max(12 * shape.n as u64 + at_once * (neighbors.bytes + kept))
                + 4 * shape.n as u64,
        }
    }

    fn run(
        &self,
        pool: &CheckedPool<'_>,
        budget: usize,
        ctx: &mut Context,
        picks: &mut Vec<Pick>,
    ) -> Result<(), Error> {
        let unit = pool.unit(ctx)?;
        let (assignment, k) = self.assignment(&unit, budget, ctx)?;
        let (visited, small) = clusters(&unit, &assignment, k);
        drop(assignment);
        ctx.record("clusters", visited.len() + small.len());
        ctx.record("clusters_too_small", small.len());
        if visited.is_empty() {
            ctx.warn(format!(
                "all {} clusters have {MIN_SIZE} rows or fewer, too few to tell what is typical: all are visited",
                small.len()
            ));
        }
        ctx.progress().begin("picking", budget as u64);
        self.visit(&unit, visited, budget, ctx, picks)?;
        if picks.len() < budget && !picks.is_empty() {
            ctx.warn(format!(
                "only {} picks lie in clusters of more than {MIN_SIZE} rows; the rest is from the small ones",
                picks.len()
            ));
        }
        self.visit(&unit, small, budget, ctx, picks)
    }
}

/// One cluster while it is picked from.
struct Cluster {
    /// Its place in the order, from 0.
    rank: usize,
    /// All its rows.
    size: usize,
    /// Candidates not picked yet, ascending.
    left: Vec<usize>,
}

/// The clusters in the order in which they are visited, and those too small to be.
fn clusters(pool: &CheckedPool<'_>, assignment: &[u32], k: usize) -> (Vec<Cluster>, Vec<Cluster>) {
    let mut sizes = vec![0_usize; k];
    let mut labeled = vec![0_usize; k];
    let mut left = vec![Vec::new(); k];
    assignment.iter().for_each(|cluster| sizes[*cluster as usize] += 1);
    pool.labeled().iter().for_each(|row| labeled[assignment[*row] as usize] += 1);
    pool.candidates().for_each(|row| left[assignment[row] as usize].push(row));
    let mut order: Vec<usize> = (0..k).filter(|cluster| sizes[*cluster] > 0).collect();
    order.sort_by_key(|&cluster| (sizes[cluster] <= MIN_SIZE, labeled[cluster], Reverse(sizes[cluster]), cluster));
    let all = order.into_iter().enumerate().map(|(rank, cluster)| Cluster {
        rank,
        size: sizes[cluster],
        left: std::mem::take(&mut left[cluster]),
    });
    all.partition(|cluster| cluster.size > MIN_SIZE)
}

impl TypiClust {
    /// Takes one row of each cluster, lap by lap, until the budget or the clusters are used up.
    fn visit(
        &self,
        unit: &CheckedPool<'_>,
        mut clusters: Vec<Cluster>,
        budget: usize,
        ctx: &Context,
        picks: &mut Vec<Pick>,
    ) -> Result<(), Error> {
        let spare = Mutex::new(Vec::new());
        loop {
            clusters.retain(|cluster| !cluster.left.is_empty());
            let rest = (budget - picks.len()).min(clusters.len());
            if rest == 0 {
                return Ok(());
            }
            // A large cluster occupies all threads; of small ones each thread takes one.
            let is_large = |cluster: &&Cluster| cluster.left.len() > CHUNK_ROWS;
            let lap = &clusters[..rest];
            let mut found: Vec<Option<Typical>> = vec![None; rest];
            for (cluster, found) in lap.iter().zip(&mut found).filter(|(cluster, _)| is_large(cluster)) {
                *found = Some(self.most_typical(unit, &cluster.left, &spare, ctx)?);
            }
            ctx.threads().install(|| {
                lap.par_iter().zip(&mut found).with_max_len(1).filter(|(cluster, _)| !is_large(cluster)).try_for_each(
                    |(cluster, found)| {
                        *found = Some(self.most_typical(unit, &cluster.left, &spare, ctx)?);
                        Ok::<(), Error>(())
                    },
                )
            })?;
            for (cluster, found) in clusters.iter_mut().zip(found.into_iter().flatten()) {
                let reason = Reason::Typical {
                    cluster: cluster.rank,
                    size: cluster.size,
                    neighbors: found.neighbors,
                    distance: found.distance,
                };
                picks.push(Pick::new(cluster.left.remove(found.at), found.typicality, reason));
            }
            ctx.progress().at(picks.len() as u64);
        }
    }

    /// The most typical of some rows.
    fn most_typical(
        &self,
        unit: &CheckedPool<'_>,
        rows: &[usize],
        spare: &Mutex<Vec<Buffers>>,
        ctx: &Context,
    ) -> Result<Typical, Error> {
        let k = MOST_NEIGHBORS.min(rows.len() / 2);
        if k == 0 {
            return Ok(Typical { at: 0, typicality: 0.0, neighbors: 0, distance: 0.0 });
        }
        if rows.len() > CHUNK_ROWS {
            let graph = knn(&unit.keep(rows.to_vec()), k, ctx)?;
            let distances = (0..rows.len()).map(|row| (row, self.distance.mean(graph.sq_dists_of(row))));
            return Ok(most_typical_of(distances.collect(), k));
        }
        // Bounds show which few rows the most typical is among.
        ctx.go_on()?;
        let mut buffers = lock(spare).pop().unwrap_or_default();
        unit.gather_f32(ctx, rows, &mut buffers.stored, &mut buffers.values)?;
        let (kernels, values) = (ctx.kernels(), std::mem::take(&mut buffers.values));
        let cluster = Crowd {
            distance: self.distance,
            k,
            kernels,
            sq_norms: rows.iter().map(|row| unit.sq_norms()[*row]).collect(),
            panel: Panel::new(kernels, values, unit.dim(), None),
        };
        let mut sq_dists = vec![0.0; rows.len()];
        let mut distances: Vec<(usize, f64)> = Vec::new();
        let panel = &cluster.panel;
        for at in cluster.contenders(&mut buffers) {
            kernels.sq_dists(panel.center(at), panel.centers(), &mut sq_dists);
            let mut others = sq_dists.clone();
            others.swap_remove(at);
            others.select_nth_unstable_by(k - 1, f64::total_cmp);
            others.truncate(k);
            others.sort_unstable_by(f64::total_cmp);
            distances.push((at, self.distance.mean(&others)));
            // No row has its neighbors nearer than that.
            if distances.last().is_some_and(|(_, distance)| *distance == 0.0) {
                break;
            }
        }
        buffers.values = cluster.panel.into_centers();
        lock(spare).push(buffers);
        Ok(most_typical_of(distances, k))
    }
}

/// Buffers for one cluster after the other.
#[derive(Default)]
struct Buffers {
    stored: Block,
    values: Vec<f32>,
    scratch: PanelScratch,
    codes: Codes,
    codes_panel: CodesPanel,
    codes_scratch: CodesScratch,
}

impl Buffers {
    /// The most bytes they hold for clusters of so many rows.
    fn bytes(rows: usize, shape: &Shape) -> u64 {
        let values = (rows * (8 * shape.dim + 80)) as u64;
        values
            + match words(shape.fast_codes, rows, shape.dim) {
                Some(width) => {
                    let codes = Codes::bytes(rows, shape.dim, width) + CodesPanel::bytes(rows, shape.dim, width);
                    codes + CodesScratch::bytes(rows)
                }
                None => PanelScratch::bytes_among(rows, shape.dim),
            }
    }
}

/// Rows whose mean distance is worked out first: the least of theirs shows what others can be left out by.
const PROBES: usize = 16;

/// What counts as near in a first look, in mean squared distances of the best probe. More, and most rows are near too;
/// less, and the bound says less of a row whose neighbors lie beyond. Of 50,000 rows of CIFAR-10 features 384 are left by
/// this, 563 by 1.05 and 260 by 1.1; of 20,000 rows of noise in 512 columns 62, 60 and 3,220, and by 1.15 all.
const REACH: f64 = 1.07;

/// The rows of a cluster, among which the most typical is sought.
struct Crowd {
    distance: Distance,
    /// Neighbors that count.
    k: usize,
    kernels: Kernels,
    sq_norms: Vec<f64>,
    panel: Panel,
}

impl Crowd {
    /// The rows, ascending, that may be the most typical: it is one of them, and they are few.
    ///
    /// How far distances stay below a limit, summed, bounds the mean distance to the `k` nearest from below, whichever
    /// they are. The sum takes one product for both rows of a pair and no list; rows in the middle give the limit.
    fn contenders(&self, buffers: &mut Buffers) -> Vec<usize> {
        let n = self.panel.len();
        let all: Vec<usize> = (0..n).collect();
        if n <= 4 * PROBES {
            return self.nearest_of(&all, f64::INFINITY).0;
        }
        let (values, dim) = (self.panel.centers(), self.panel.dim());
        let middle = mean(values, dim, self.kernels);
        let (_, best) = self.nearest_of(&self.nearest_to(&middle), f64::INFINITY);
        let limit = REACH * self.distance.square(best);
        let mut shortfalls = vec![0.0; n];
        let Buffers { scratch, codes, codes_panel, codes_scratch, .. } = buffers;
        match words(self.kernels.fast_codes(), n, dim) {
            Some(width) => {
                self.kernels.encode(Rows::from_f32(values, dim), &CodesFrame::straight(&middle), width, codes);
                codes_panel.pack(codes);
                self.kernels.coarse_shortfalls(codes, codes_panel, limit, codes_scratch, &mut shortfalls);
            }
            None => self.kernels.shortfalls(&self.panel, &self.sq_norms, limit, scratch, &mut shortfalls),
        }
        let least = |shortfall: f64| self.distance.least_mean(self.k, limit, shortfall);
        let left: Vec<usize> = all.into_iter().filter(|row| least(shortfalls[*row]) <= with_room(best)).collect();
        self.nearest_of(&left, best).0
    }

    /// Of these rows those whose mean distance may be the least of all, or `best` if that is less; and that least, at
    /// most.
    fn nearest_of(&self, rows: &[usize], best: f64) -> (Vec<usize>, f64) {
        let all: Vec<u32> = (0..self.panel.len() as u32).collect();
        let mut sq_dists = vec![0.0; all.len()];
        let mut bounds = |&row: &usize| {
            let (x, sq_norm) = (self.panel.center(row), self.sq_norms[row]);
            self.kernels.sq_dists_near(x, sq_norm, &self.panel, &all, &mut sq_dists);
            let mut others = sq_dists.clone();
            others.swap_remove(row);
            others.select_nth_unstable_by(self.k - 1, f64::total_cmp);
            let error = self.panel.sq_dist_error(sq_norm);
            let mean = |error: f64| {
                self.distance.mean(&others[..self.k].iter().map(|sq| (sq + error).max(0.0)).collect::<Vec<f64>>())
            };
            (mean(-error), mean(error))
        };
        let bounds: Vec<(f64, f64)> = rows.iter().map(&mut bounds).collect();
        let best = bounds.iter().map(|(_, high)| *high).fold(best, f64::min);
        let left = rows.iter().zip(&bounds).filter(|(_, (low, _))| *low <= with_room(best));
        (left.map(|(row, _)| *row).collect(), best)
    }

    /// The rows nearest to the mean of all: typical ones among them, more often than not.
    fn nearest_to(&self, middle: &[f32]) -> Vec<usize> {
        let mut sq_dists = vec![0.0; self.panel.len()];
        self.kernels.sq_dists(middle, self.panel.centers(), &mut sq_dists);
        let mut nearest = Smallest::new(PROBES);
        sq_dists.into_iter().enumerate().for_each(|(row, sq_dist)| nearest.push((Key(sq_dist), row)));
        nearest.into_sorted().into_iter().map(|(_, row)| row).collect()
    }
}

/// A mean distance with room for rounding, and for what counts as equal.
fn with_room(distance: f64) -> f64 {
    distance * (1.0 + 1e-9) + 1e-9
}

/// The most typical of rows whose mean distance to their neighbors is given: the first of equals.
fn most_typical_of(distances: Vec<(usize, f64)>, neighbors: usize) -> Typical {
    let best = distances.iter().map(|(_, distance)| typicality(*distance)).fold(0.0, f64::max);
    let found = distances.into_iter().find(|(_, distance)| typicality(*distance) >= best * (1.0 - TIE));
    let (at, distance) = found.expect("one of them is the best");
    Typical { at, typicality: typicality(distance), neighbors, distance }
}

/// The most typical row of a cluster.
#[derive(Clone, Copy, Debug)]
struct Typical {
    /// Its place in the list.
    at: usize,
    typicality: f64,
    neighbors: usize,
    /// Mean distance to them.
    distance: f64,
}

/// High where neighbors are near.
pub(crate) fn typicality(mean_distance: f64) -> f64 {
    1.0 / (mean_distance + 1e-5)
}
