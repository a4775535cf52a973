//! MaxHerding: cover the pool softly, by a kernel instead of balls.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use subsel_kernels::Similarity;

use crate::Error;
use crate::context::Context;
use crate::gains::{self, Finder, Gains};
use crate::method::{Asks, MethodInfo, ParamInfo, Selector, params_of};
use crate::methods::random;
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::selection::{Pick, Reason};
use crate::unit::RowScale;

#[cfg(test)]
mod tests;

pub(crate) static INFO: MethodInfo = MethodInfo {
    name: "max-herding",
    aliases: &["maxherding", "kernel-coverage"],
    summary: "again and again the row that raises the kernel coverage of the pool most",
    needs: "",
    rows: "scaled to unit length by the method",
    nested: true,
    random: false,
    cost: "time O(n^2 d) at the rate of matrix products, half of it saved by symmetry; memory O(n)",
    source: "Bae et al., Generalized coverage for more robust low-budget active learning, 2024",
    not_when: "a large share of the pool is kept, or it is so large that comparing all pairs of rows takes too long",
    params: &[
        ParamInfo {
            name: "kernel",
            values: "rbf, laplace, cauchy, rational-quadratic or top-hat",
            doc: "how much a pick covers at distance r, with q = r/sigma: exp(-q^2), exp(-q), 1/(1 + q^2), 1/(1 + q^2/2), or all below sigma",
        },
        ParamInfo { name: "sigma", values: "a distance above 0", doc: "how far a pick covers" },
        ParamInfo {
            name: "driver",
            values: "lazy or full",
            doc: "full works out every gain at every pick, as textbooks do; same picks, for comparison",
        },
        ParamInfo { name: "rows", values: "unit or raw", doc: "whether rows are scaled to unit length first" },
    ],
};

/// How much a pick covers at a distance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kernel {
    /// `exp(-(r / sigma)^2)`; mind that there is no factor 2.
    #[default]
    Rbf,
    /// `exp(-r / sigma)`.
    Laplace,
    /// `1 / (1 + (r / sigma)^2)`: also Student's t with one degree of freedom.
    Cauchy,
    /// `1 / (1 + (r / sigma)^2 / 2)`: the rational quadratic of exponent 1.
    RationalQuadratic,
    /// 1 below `sigma`, else 0: the balls of ProbCover.
    TopHat,
}

/// How picks are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Driver {
    /// Gains are brought up to date only where they might be the largest.
    #[default]
    Lazy,
    /// All gains are worked out at every pick.
    Full,
}

/// Greedy kernel coverage: repeatedly takes the row that most raises the mean, over all rows of the pool, of the kernel
/// between the row and the taken row nearest to it.
///
/// Like ProbCover, with an edge as soft as the kernel: it needs no radius that suits the whole pool.
///
/// # Input
/// Embeddings `(n, d)`, scaled to unit length here. Labeled rows count as already taken; excluded rows still count as
/// rows to be covered.
/// # Guarantees
/// Nested. Ties (within a relative 2^-40) go to the lowest row. Covers at least 1 - 1/e of what the best choice of as
/// many rows could. When no candidate covers anything more, the rest is drawn uniformly.
/// # Errors
/// [`Error::Param`] for a sigma that is not above 0.
/// # Cost
/// Time `O(n^2 d)` at the rate of matrix products, half of it saved by symmetry: once before the first pick, once after
/// it, then a few rows per pick. Memory `O(n)`: no kernel value is kept.
/// # Source
/// Bae, Noh, Sutherland, "Generalized coverage for more robust low-budget active learning", 2024. Their code holds the
/// whole kernel matrix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaxHerding {
    /// How much a pick covers at a distance. Default: [`Kernel::Rbf`].
    pub kernel: Kernel,
    /// How far a pick covers. Default: 1.
    pub sigma: f64,
    /// How picks are found; changes time, never picks. Default: [`Driver::Lazy`].
    pub driver: Driver,
    /// Whether rows are scaled. Default: [`RowScale::Unit`].
    pub rows: RowScale,
}

impl Default for MaxHerding {
    fn default() -> Self {
        MaxHerding { kernel: Kernel::Rbf, sigma: 1.0, driver: Driver::Lazy, rows: RowScale::Unit }
    }
}

impl MaxHerding {
    fn similarity(&self) -> Similarity {
        // Finite whatever sigma is: a kernel narrower than this covers nothing but the row itself.
        let scale = |power: i32| self.sigma.powi(power).recip().min(f64::MAX);
        match self.kernel {
            Kernel::Rbf => Similarity::Gaussian(scale(2)),
            Kernel::Laplace => Similarity::Laplace(scale(1)),
            Kernel::Cauchy => Similarity::Cauchy(scale(2)),
            Kernel::RationalQuadratic => Similarity::Cauchy(0.5 * scale(2)),
            // Above 0 even where the square underflows: a row is always in its own ball.
            Kernel::TopHat => Similarity::Within(self.sigma.powi(2).clamp(f64::MIN_POSITIVE, f64::MAX)),
        }
    }
}

impl Selector for MaxHerding {
    fn info(&self) -> &'static MethodInfo {
        &INFO
    }

    fn params(&self) -> Map<String, Value> {
        params_of(self)
    }

    fn check(&self) -> Result<(), Error> {
        if !(self.sigma.is_finite() && self.sigma > 0.0) {
            let (rule, got) = ("finite and above 0".into(), self.sigma.to_string());
            return Err(Error::Param { method: INFO.name, param: "sigma", rule, got });
        }
        Ok(())
    }

    fn asks(&self) -> Asks {
        Asks::BeforeEach
    }

    fn plan(&self, shape: &Shape, budget: usize) -> Work {
        let lazy = Gains::plan(shape, budget, true);
        let work = match self.driver {
            Driver::Lazy => lazy,
            Driver::Full => Gains::plan_full(shape, budget),
        };
        Work { passes: work.passes + 1.0, bytes: work.bytes + RowScale::bytes(shape), ..work }
    }

    fn run(
        &self,
        pool: &CheckedPool<'_>,
        budget: usize,
        ctx: &mut Context,
        picks: &mut Vec<Pick>,
    ) -> Result<(), Error> {
        let scaled = self.rows.apply(pool, ctx)?;
        let pool = scaled.as_ref().unwrap_or(pool);
        let finder = match self.driver {
            Driver::Lazy => Finder::Lazy,
            Driver::Full => Finder::Full,
        };
        let n = pool.len() as f64;
        let covered = gains::pick(pool, self.similarity(), None, finder, budget, ctx, |found| {
            let reason = Reason::Represents { gain: found.gain, rows: found.rows };
            picks.push(Pick::new(found.row, found.gain / n, reason));
        })?;
        ctx.record("coverage", covered / n);
        random::fill(pool, "no row left covers any more", budget, ctx, picks)
    }
}
