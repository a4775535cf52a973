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
    cost: "time O(n^2 d) at the rate of matrix products, half of it saved by symmetry; memory O(n), and 2 n^2 bytes where allowed, which saves time",
    source: "Bae et al., Generalized coverage for more robust low-budget active learning, 2024",
    not_when: "a large share of the pool is kept, or it is so large that comparing all pairs of rows takes too long",
    params: &[
        ParamInfo { name: "kernel", values: KERNELS, doc: KERNEL_DOC },
        ParamInfo { name: "sigma", values: "a distance above 0", doc: "how far a pick covers" },
        ParamInfo { name: "nu", values: NUS, doc: NU_DOC },
        ParamInfo {
            name: "driver",
            values: "lazy or full",
            doc: "full works out every gain at every pick, as textbooks do; same picks, for comparison",
        },
        ParamInfo { name: "rows", values: "unit or raw", doc: "whether rows are scaled to unit length first" },
    ],
};

pub(crate) const KERNELS: &str = "rbf, laplace, cauchy, rational-quadratic, student or top-hat";
pub(crate) const KERNEL_DOC: &str = "how much a pick covers at distance r, with q = r/sigma: exp(-q^2), exp(-q), 1/(1 + q^2), 1/(1 + q^2/2), (1 + q^2/nu)^(-(nu + 1)/2), or all below sigma";
pub(crate) const NUS: &str = "a half, 1, 1.5 and so on up to 30";
pub(crate) const NU_DOC: &str = "degrees of freedom of kernel=student: the fewer, the further a pick covers a little";

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
    /// `(1 + (r / sigma)^2 / nu)^(-(nu + 1) / 2)`: Student's t with `nu` degrees of freedom. Multiples of one half, so
    /// that the power needs products and square roots only and rounds alike everywhere.
    Student,
    /// 1 below `sigma`, else 0: the balls of ProbCover.
    TopHat,
}

/// The degrees of freedom of the reference's Student kernel, where they are called `beta`.
pub(crate) const NU: f64 = 0.5;

impl Kernel {
    /// The similarity of this width and so many degrees of freedom.
    pub(crate) fn similarity(self, sigma: f64, nu: f64) -> Similarity {
        // Finite whatever sigma is: a kernel narrower than this covers nothing but the row itself.
        let scale = |power: i32| sigma.powi(power).recip().min(f64::MAX);
        match self {
            Kernel::Rbf => Similarity::Gaussian(scale(2)),
            Kernel::Laplace => Similarity::Laplace(scale(1)),
            Kernel::Cauchy => Similarity::Cauchy(scale(2)),
            Kernel::RationalQuadratic => Similarity::Cauchy(0.5 * scale(2)),
            Kernel::Student => {
                Similarity::Student { scale: (scale(2) / nu).min(f64::MAX), quarters: (2.0 * nu) as u32 + 2 }
            }
            // Above 0 even where the square underflows: a row is always in its own ball.
            Kernel::TopHat => Similarity::Within(sigma.powi(2).clamp(f64::MIN_POSITIVE, f64::MAX)),
        }
    }
}

/// Refuses what are no degrees of freedom.
pub(crate) fn check_nu(method: &'static str, nu: f64) -> Result<(), Error> {
    if (0.5..=30.0).contains(&nu) && (2.0 * nu).fract() == 0.0 {
        return Ok(());
    }
    Err(Error::Param { method, param: "nu", rule: "a multiple of 0.5 from 0.5 to 30".into(), got: nu.to_string() })
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
/// [`Error::Param`] for a sigma that is not above 0, or a nu that is no multiple of one half from 0.5 to 30.
/// # Cost
/// Time `O(n^2 d)` at the rate of matrix products, half of it saved by symmetry: once before the first pick, once after
/// it, then a few rows per pick. Memory `O(n)`. Where `2 n^2` bytes are allowed, kernel values are kept in two bytes each, as
/// by [`FacilityLocation`](crate::methods::facility_location::FacilityLocation).
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
    /// Degrees of freedom of [`Kernel::Student`]. Default: 0.5.
    pub nu: f64,
    /// How picks are found; changes time, never picks. Default: [`Driver::Lazy`].
    pub driver: Driver,
    /// Whether rows are scaled. Default: [`RowScale::Unit`].
    pub rows: RowScale,
}

impl Default for MaxHerding {
    fn default() -> Self {
        MaxHerding { kernel: Kernel::Rbf, sigma: 1.0, nu: NU, driver: Driver::Lazy, rows: RowScale::Unit }
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
        check_nu(INFO.name, self.nu)
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
        let similarity = self.kernel.similarity(self.sigma, self.nu);
        let covered = gains::pick(pool, similarity, None, finder, budget, ctx, |found| {
            let reason = Reason::Represents { gain: found.gain, rows: found.rows };
            picks.push(Pick::new(found.row, found.gain / n, reason));
        })?;
        ctx.record("coverage", covered / n);
        random::fill(pool, "no row left covers any more", budget, ctx, picks)
    }
}
