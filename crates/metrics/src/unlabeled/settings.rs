//! What selections are judged by.

use serde::{Deserialize, Serialize};
use subsel::methods::prob_cover::{ClassCount, Delta};
use subsel::{Error, RowScale};

/// Settings of a [`Judge`](super::Judge). Numbers are comparable only under the same settings and pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JudgeSettings {
    /// Scale of the rows for distances, W1, Fréchet distance, MMD, clusters and log volume. Default: [`RowScale::Raw`].
    /// Cosines and norms are what they are.
    pub rows: RowScale,
    /// Scale of the rows for ball and kernel coverage. Default: [`RowScale::Unit`], as prob-cover and max-herding have it.
    pub cover_rows: RowScale,
    /// Radius of ball coverage. Default: [`Delta::Median`], prob-cover's.
    pub delta: Delta,
    /// Pseudo-classes for a radius found from the pool. Default: [`ClassCount::Auto`].
    pub classes: ClassCount,
    /// Width of kernel coverage. Default: 1.
    pub sigma: f64,
    /// Clusters of the pool, at most as many as it has rows. Default: 100.
    pub clusters: usize,
    /// Width of MMD's kernel; `None` takes the median distance of two of 2,000 rows drawn from the pool. Default: `None`.
    pub width: Option<f64>,
    /// Rows drawn to stand for the pool, and for larger selections too, in MMD. Default: 5,000.
    pub mmd_rows: usize,
    /// Rows drawn to stand for the pool, and for larger selections too, in W1. The fewer, the larger it is for all
    /// selections alike. Default: 2,000.
    pub w1_rows: usize,
    /// Members of a larger selection whose cosines to all others are looked at. Default: 8,192.
    pub cosine_rows: usize,
}

impl Default for JudgeSettings {
    fn default() -> Self {
        JudgeSettings {
            rows: RowScale::Raw,
            cover_rows: RowScale::Unit,
            delta: Delta::Median,
            classes: ClassCount::Auto,
            sigma: 1.0,
            clusters: 100,
            width: None,
            mmd_rows: 5_000,
            w1_rows: 2_000,
            cosine_rows: 8_192,
        }
    }
}

impl JudgeSettings {
    /// Refuses what breaks a rule.
    ///
    /// # Errors
    /// [`Error::Param`].
    pub(super) fn check(&self) -> Result<(), Error> {
        const OF: &str = "judge";
        self.delta.check(OF)?;
        let counts = [
            ("clusters", self.clusters),
            ("mmd_rows", self.mmd_rows),
            ("w1_rows", self.w1_rows),
            ("cosine_rows", self.cosine_rows),
        ];
        if let Some((param, count)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return Err(Error::Param { method: OF, param, rule: "at least 1".into(), got: count.to_string() });
        }
        for (param, width) in [("sigma", Some(self.sigma)), ("width", self.width)] {
            if let Some(width) = width
                && !(width.is_finite() && width > 0.0)
            {
                return Err(Error::Param {
                    method: OF,
                    param,
                    rule: "finite and above 0".into(),
                    got: width.to_string(),
                });
            }
        }
        if let ClassCount::Count(count @ ..2) = self.classes {
            return Err(Error::Param {
                method: OF,
                param: "classes",
                rule: "at least 2".into(),
                got: count.to_string(),
            });
        }
        Ok(())
    }
}
