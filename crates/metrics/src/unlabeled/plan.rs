//! What judging takes, told beforehand.

use subsel::RowScale;
use subsel::plan::{Shape, Work};
use subsel_kernels::PanelScratch;

use super::judge::MEDIAN_ROWS;
use super::{Judge, JudgeSettings, Metric, clusters, coverage, frechet::PoolMoments, transport};

impl Judge<'_> {
    /// Work of judging `selections` of `picks` rows each of a pool of this shape, beyond checking it.
    pub fn plan(metrics: &[Metric], settings: &JudgeSettings, shape: &Shape, picks: usize, selections: usize) -> Work {
        let wants = |any: &[Metric]| any.iter().any(|metric| metrics.contains(metric));
        let (n, k, d) = (shape.n as f64, picks as f64, shape.dim as f64);
        let (many, threads) = (selections as f64, shape.threads as f64);
        let members = (picks * shape.dim) as u64;
        let mut work = Work { bytes: 24 * picks as u64, ..Work::default() };
        let mut held = 0;
        // Each family in turn: what it holds on to, and the most it needs beyond that.
        let mut add = |more: Work, holds: u64| {
            work.passes += more.passes;
            work.gathered += more.gathered;
            work.panel_ops += more.panel_ops;
            work.canonical_ops += more.canonical_ops;
            work.bytes = work.bytes.max(more.bytes);
            held += holds;
        };
        let scaled = match settings.cover_rows {
            RowScale::Unit => wants(&[Metric::BallCoverage, Metric::KernelCoverage]),
            RowScale::Raw => false,
        } || settings.rows == RowScale::Unit;
        if scaled {
            add(Work { passes: 2.0, ..Work::default() }, RowScale::bytes(shape));
        }
        let near = [wants(&coverage::DISTANCES), wants(&[Metric::BallCoverage, Metric::KernelCoverage])];
        for _ in near.into_iter().filter(|wanted| *wanted) {
            // The rows read, and the panel of them with its norms; distances.
            // For each worker tiles of products, what is known of its rows, and rows that are compared canonically.
            let rows = shape.block_rows.min(shape.n);
            let worker = PanelScratch::bytes(rows, picks, shape.dim) + (64 * rows + 4 * 256 * shape.dim) as u64;
            let bytes = 12 * members
                + 32 * picks as u64
                + 16 * shape.n as u64
                + shape.block_bytes()
                + shape.threads as u64 * worker;
            let passes = 3.0 * many;
            add(Work { passes, gathered: k * many, panel_ops: n * k * d * many, bytes, ..Work::default() }, 0);
        }
        if wants(&[Metric::BallCoverage]) {
            add(settings.delta.plan(shape, 10), 0);
        }
        if wants(&[Metric::ClusterEntropy, Metric::ClustersHit, Metric::ClusterKl]) {
            let fit = clusters::settings(settings.clusters, shape.n).plan(shape);
            add(fit, 4 * shape.n as u64);
        }
        // Products in `f64` run at half the rate of those in `f32`, on one thread within a chunk.
        let double = 2.0 * threads;
        if wants(&[Metric::Frechet, Metric::FrechetRest]) {
            let small = k.min(d);
            let bytes = 4 * members + PoolMoments::bytes(shape.n, picks, shape.dim, shape.threads);
            let panel_ops = 2.0 * n * d * d + many * double * (k * d * d + 12.0 * small.powi(3));
            add(
                Work { passes: 2.0, gathered: k * many, panel_ops, bytes, ..Work::default() },
                (8 * shape.dim * shape.dim) as u64,
            );
        }
        if wants(&[Metric::Mmd, Metric::MmdUnbiased]) {
            let (all, some) = (settings.mmd_rows.min(shape.n), settings.mmd_rows.min(picks));
            let (median, at_once) = (MEDIAN_ROWS.min(shape.n), 256 * 24 * all.max(some));
            let bytes = (20 * shape.dim * some.max(all) + at_once + 4 * median * median) as u64;
            let pairs = (all * all) as f64 + many * (some * (some + all)) as f64;
            // An exponential costs what about 50 multiply-adds do.
            let panel_ops = double * pairs * (d + 50.0);
            add(
                Work { gathered: all as f64 + some as f64 * many, panel_ops, bytes, ..Work::default() },
                (8 * shape.dim * all) as u64,
            );
        }
        if wants(&[Metric::W1]) {
            let (m, some) = (settings.w1_rows.min(shape.n), settings.w1_rows.min(picks));
            let bytes = (4 * shape.dim * some) as u64 + transport::bytes(m, some);
            let exact = 7.0 * (m * some) as f64 * some as f64;
            let iterated = 2400.0 * (m * some) as f64 / threads;
            let canonical_ops = many * ((m * some) as f64 * (d + 30.0) + if exact < 7e9 { exact } else { iterated });
            add(
                Work { gathered: (m + some) as f64, canonical_ops, bytes, ..Work::default() },
                (4 * shape.dim * m) as u64,
            );
        }
        if wants(&[Metric::Vendi, Metric::LargestCosine, Metric::ClosePairs, Metric::LogVolume]) {
            let small = picks.min(shape.dim + 1);
            let slab = 40 * super::dense::slab_rows(shape.dim).min(picks) * shape.dim;
            let bytes = 4 * members + (16 * small * shape.dim + 40 * small * small + slab) as u64;
            let pairs = k.min(settings.cosine_rows as f64) * k;
            let panel_ops = many * double * (pairs * d + 2.0 * k * d * small as f64 + 12.0 * (small as f64).powi(3));
            add(Work { gathered: k * many, panel_ops, bytes, ..Work::default() }, 0);
        }
        work.bytes += held;
        work
    }
}
