//! How the selection is spread over the clusters of the pool.

use subsel::clustering::KMeans;
use subsel::{CheckedPool, Context, Error};

/// Iterations of k-means at most.
const ITERATIONS: usize = 100;

/// A clustering of the pool.
pub(super) struct Clusters {
    assignment: Vec<u32>,
    sizes: Vec<usize>,
}

/// What is told of a selection's shares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) entropy: f64,
    pub(super) hit: f64,
    pub(super) kl: f64,
}

/// The settings for so many clusters, of a pool of `n` rows.
pub(super) fn settings(clusters: usize, n: usize) -> KMeans {
    KMeans { k: clusters.min(n), iterations: ITERATIONS }
}

impl Clusters {
    /// By k-means, at most one cluster per row.
    ///
    /// # Errors
    /// Reading, interruption.
    pub(super) fn new(pool: &CheckedPool<'_>, clusters: usize, ctx: &Context) -> Result<Self, Error> {
        let found = settings(clusters, pool.len()).fit(pool, ctx, ctx.stream("judge-clusters"))?;
        Ok(Clusters { assignment: found.assignment, sizes: found.sizes })
    }

    /// The spread of some rows.
    pub(super) fn spread(&self, rows: &[usize]) -> Spread {
        let mut counts = vec![0; self.sizes.len()];
        rows.iter().for_each(|&row| counts[self.assignment[row] as usize] += 1);
        spread(&counts, &self.sizes)
    }
}

/// The spread of a selection with `counts` rows in clusters of these sizes, each at least as large.
pub(super) fn spread(counts: &[usize], sizes: &[usize]) -> Spread {
    let (n, all) = (counts.iter().sum::<usize>() as f64, sizes.iter().sum::<usize>() as f64);
    let shares = || counts.iter().zip(sizes).filter(|(count, _)| **count > 0);
    let entropy: f64 = shares().map(|(count, _)| *count as f64 / n).map(|p| -p * p.ln()).sum();
    let kl: f64 =
        shares().map(|(count, size)| (*count as f64 / n, *size as f64 / all)).map(|(p, q)| p * (p / q).ln()).sum();
    let most = (counts.len() as f64).min(n).ln();
    Spread {
        entropy: if most > 0.0 { (entropy / most).max(0.0) } else { f64::NAN },
        hit: shares().count() as f64,
        kl: kl.max(0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_match_the_worked_example() {
        let found = spread(&[5, 3, 2, 0], &[10, 10, 10, 10]);
        assert!((found.entropy - 0.742738).abs() < 1e-6, "{found:?}");
        assert!((found.entropy * 4_f64.ln() - 1.029653).abs() < 1e-6);
        // Against even shares the divergence is what the entropy lacks.
        assert!((found.kl - (4_f64.ln() - 1.029653)).abs() < 1e-6);
        assert_eq!(found.hit, 3.0);
    }

    #[test]
    fn shares_like_those_of_the_pool_diverge_by_nothing() {
        let found = spread(&[1, 2, 3], &[10, 20, 30]);
        assert!(found.kl < 1e-15, "{found:?}");
        assert!(spread(&[0, 1], &[3, 4]).entropy.is_nan(), "one row");
        assert!(spread(&[2], &[7]).entropy.is_nan(), "one cluster");
    }
}
