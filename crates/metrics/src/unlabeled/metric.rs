//! What can be measured of a selection without labels.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// One number about a selection `S` of `n` rows of a pool `P`. All are 64-bit; NaN is a value that does not exist, such as
/// the spread of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Metric {
    /// The largest distance of a row of the pool to the nearest row of the selection: one outlier decides.
    CoverageRadius,
    /// The median of these distances. Quantiles are interpolated linearly between the sorted values.
    #[serde(rename = "coverage-50")]
    Coverage50,
    /// Their 95 % quantile.
    #[serde(rename = "coverage-95")]
    Coverage95,
    /// Their 99 % quantile.
    #[serde(rename = "coverage-99")]
    Coverage99,
    /// Their mean: the cost of k-medoids, and a lower bound of [`Metric::W1`] over the same rows.
    MeanDistance,
    /// Share of the pool nearer to a row of the selection than a radius: see
    /// [`JudgeSettings::delta`](super::JudgeSettings).
    BallCoverage,
    /// Mean over the pool of `exp(-(r / sigma)^2)`, `r` the distance to the nearest row of the selection: what
    /// max-herding makes large.
    KernelCoverage,
    /// Wasserstein distance: what it costs per row to carry the pool to the selection, an equal share to each row.
    W1,
    /// Fréchet distance of the Gaussians with the moments of selection and pool, a squared length. Few rows have a large
    /// one, whatever they are: compare at equal `n` only. NaN for one row.
    Frechet,
    /// The same to the rows of the pool that are not selected. NaN where there are fewer than 2 on either side.
    FrechetRest,
    /// Squared maximum mean discrepancy under a Gaussian kernel, V-statistic: 0 or more.
    Mmd,
    /// The same without the similarities of rows to themselves, U-statistic: around 0 for random rows, and may be
    /// negative. NaN for one row.
    MmdUnbiased,
    /// Vendi score under the cosine: how many different directions there are, from 1 to `n`.
    Vendi,
    /// Entropy of the selection's shares of the pool's clusters, over the largest it can be. NaN where that is 0: one row,
    /// or one cluster.
    ClusterEntropy,
    /// How many clusters of the pool the selection has rows of.
    ClustersHit,
    /// Kullback-Leibler divergence of the selection's shares of the clusters from the pool's.
    ClusterKl,
    /// Mean over the selection of the largest cosine to another row of it. NaN for one row.
    LargestCosine,
    /// Share of the pairs of rows of the selection with a cosine above 0.95. NaN for one row.
    ClosePairs,
    /// Logarithm of the determinant of the rows' inner products: twice the sum of the logarithms of Gram-Schmidt's residual
    /// norms. Negative infinity where the rows are linearly dependent, as they are beyond their dimension.
    LogVolume,
    /// Mean norm of the selection over that of the pool. NaN where all rows are zero.
    NormRatio,
}

/// Which values of a metric speak for a selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Better {
    /// Small ones.
    Low,
    /// Large ones.
    High,
    /// It says what a selection is like, not whether that is good.
    Neither,
}

impl Metric {
    /// All, in the order in which they are told.
    pub const ALL: [Metric; 20] = [
        Metric::CoverageRadius,
        Metric::Coverage99,
        Metric::Coverage95,
        Metric::Coverage50,
        Metric::MeanDistance,
        Metric::BallCoverage,
        Metric::KernelCoverage,
        Metric::W1,
        Metric::Frechet,
        Metric::FrechetRest,
        Metric::Mmd,
        Metric::MmdUnbiased,
        Metric::ClusterKl,
        Metric::ClusterEntropy,
        Metric::ClustersHit,
        Metric::Vendi,
        Metric::LargestCosine,
        Metric::ClosePairs,
        Metric::LogVolume,
        Metric::NormRatio,
    ];

    fn facts(self) -> (&'static str, &'static str, Better, &'static str) {
        use Better::{High, Low, Neither};
        match self {
            Metric::CoverageRadius => {
                ("coverage-radius", "coverage radius", Low, "largest distance of a pool row to its nearest pick")
            }
            Metric::Coverage50 => {
                ("coverage-50", "coverage, median", Low, "half of the pool rows are nearer to a pick")
            }
            Metric::Coverage95 => ("coverage-95", "coverage, 95 %", Low, "95 % of the pool rows are nearer to a pick"),
            Metric::Coverage99 => ("coverage-99", "coverage, 99 %", Low, "99 % of the pool rows are nearer to a pick"),
            Metric::MeanDistance => {
                ("mean-distance", "mean distance", Low, "mean distance of a pool row to its nearest pick")
            }
            Metric::BallCoverage => {
                ("ball-coverage", "ball coverage", High, "share of the pool within a radius of a pick")
            }
            Metric::KernelCoverage => {
                ("kernel-coverage", "kernel coverage", High, "mean similarity of a pool row to its nearest pick")
            }
            Metric::W1 => ("w1", "W1", Low, "what carrying the pool to the picks costs, equal shares to all"),
            Metric::Frechet => ("frechet", "Fréchet distance", Low, "of Gaussians, to the pool; large for few picks"),
            Metric::FrechetRest => ("frechet-rest", "Fréchet to the rest", Low, "the same to the rows not picked"),
            Metric::Mmd => ("mmd", "MMD²", Low, "difference in distribution from the pool, seen by a Gaussian kernel"),
            Metric::MmdUnbiased => ("mmd-unbiased", "MMD², unbiased", Low, "the same, around 0 for random rows"),
            Metric::Vendi => {
                ("vendi", "Vendi score", High, "how many different directions the picks have; diversity only")
            }
            Metric::ClusterEntropy => {
                ("cluster-entropy", "cluster entropy", High, "how evenly the picks are spread over clusters, up to 1")
            }
            Metric::ClustersHit => ("clusters-hit", "clusters hit", High, "clusters of the pool with a pick"),
            Metric::ClusterKl => {
                ("cluster-kl", "cluster divergence", Low, "how far shares of clusters are from the pool's")
            }
            Metric::LargestCosine => (
                "largest-cosine",
                "largest cosine",
                Low,
                "mean over the picks of the cosine to the most similar other pick",
            ),
            Metric::ClosePairs => {
                ("close-pairs", "close pairs", Low, "share of pairs of picks with a cosine above 0.95")
            }
            Metric::LogVolume => {
                ("log-volume", "log volume", High, "volume that the picks span; -inf beyond their dimension")
            }
            Metric::NormRatio => ("norm-ratio", "norm ratio", Neither, "mean norm of the picks over that of the pool"),
        }
    }

    /// Its name, kebab-case.
    pub fn name(self) -> &'static str {
        self.facts().0
    }

    /// Its name for people.
    pub fn label(self) -> &'static str {
        self.facts().1
    }

    /// Which values are good.
    pub fn better(self) -> Better {
        self.facts().2
    }

    /// What it is, in one line.
    pub fn doc(self) -> &'static str {
        self.facts().3
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Metric {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let known = || Metric::ALL.iter().map(|each| each.name()).collect::<Vec<_>>().join(", ");
        let found = Metric::ALL.into_iter().find(|metric| metric.name() == name);
        found.ok_or_else(|| Error::Unknown { what: "metric", name: name.into(), known: known() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_found_by_its_name_and_serialized_under_it() {
        for metric in Metric::ALL {
            assert_eq!(metric.name().parse::<Metric>().ok(), Some(metric));
            assert_eq!(serde_json::to_value(metric).ok(), Some(metric.name().into()));
            assert_eq!(Metric::ALL.iter().filter(|other| **other == metric).count(), 1);
        }
        let unknown = "fid".parse::<Metric>().expect_err("no metric");
        assert_eq!(unknown.to_string(), "there is no metric `fid`");
        assert!(unknown.hint().is_some_and(|hint| hint.contains("frechet")));
    }
}
