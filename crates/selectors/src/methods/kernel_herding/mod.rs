//! Kernel herding: picks whose mean stays near the mean of the pool.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Error;
use crate::context::Context;
use crate::method::{Asks, MethodInfo, ParamInfo, Selector, params_of};
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::selection::Pick;
use crate::sums::{Alike, Sums};
use crate::unit::RowScale;

#[cfg(test)]
mod tests;

pub(crate) static INFO: MethodInfo = MethodInfo {
    name: "kernel-herding",
    aliases: &["herding"],
    summary: "again and again the row that brings the mean of the picks nearest to that of the pool",
    needs: "",
    rows: "scaled to unit length by the method",
    nested: true,
    random: false,
    cost: "time O(b n d), with kernel=rbf O(n^2 d) besides; memory O(n)",
    source: "Chen, Welling, Smola, Super-Samples from Kernel Herding, 2010",
    not_when: "few labels are to be bought: with kernel=linear it matches one mean, which says little of a pool of many kinds",
    params: &[
        ParamInfo {
            name: "kernel",
            values: "rbf or linear",
            doc: "exp(-(distance/sigma)^2), by which whole distributions are matched, or the inner product: means alone",
        },
        ParamInfo { name: "sigma", values: "a distance above 0", doc: "width of rbf" },
        ParamInfo { name: "rows", values: "unit or raw", doc: "rows scaled to length 1, or as given" },
    ],
};

/// What is matched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kernel {
    /// `exp(-(distance / sigma)^2)`: the picks approach the pool's distribution.
    #[default]
    Rbf,
    /// The inner product: the picks' mean approaches the pool's.
    Linear,
}

/// Greedily takes the row of largest `mean over the pool of k(x, .) - sum over picks of k(x, .) / (picks + 1)`, which
/// lowers the maximum mean discrepancy between picks and pool.
///
/// # Input
/// Embeddings `(n, d)`, unit or raw. Labeled rows count as picks.
/// # Guarantees
/// Nested and deterministic; ties within a relative 2^-40 go to the lowest row.
/// # Cost
/// A pass per pick, `O(b n d)`, all of it canonical; `kernel=rbf` compares all pairs first, `O(n^2 d)`. Memory `O(n)`.
/// # Source
/// Chen, Welling, Smola, "Super-Samples from Kernel Herding", 2010; `kernel=linear` is the herding of class means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KernelHerding {
    /// Default: [`Kernel::Rbf`].
    pub kernel: Kernel,
    /// Width of `rbf`. Default: 1.
    pub sigma: f64,
    /// Default: [`RowScale::Unit`].
    pub rows: RowScale,
}

impl Default for KernelHerding {
    fn default() -> Self {
        KernelHerding { kernel: Kernel::default(), sigma: 1.0, rows: RowScale::Unit }
    }
}

impl Selector for KernelHerding {
    fn info(&self) -> &'static MethodInfo {
        &INFO
    }

    fn params(&self) -> Map<String, Value> {
        params_of(self)
    }

    fn asks(&self) -> Asks {
        Asks::BeforeEach
    }

    fn check(&self) -> Result<(), Error> {
        if self.sigma.is_finite() && self.sigma > 0.0 {
            return Ok(());
        }
        let (rule, got) = ("finite and above 0".into(), self.sigma.to_string());
        Err(Error::Param { method: INFO.name, param: "sigma", rule, got })
    }

    fn plan(&self, shape: &Shape, budget: usize) -> Work {
        let work = Sums::plan(shape, self.kernel == Kernel::Linear, budget);
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
        let alike = match self.kernel {
            Kernel::Rbf => Alike::Gaussian(self.sigma.powi(2).recip()),
            Kernel::Linear => Alike::Linear { constant: 0.0, slope: 1.0 },
        };
        let n = pool.len() as f64;
        let score = |sums: &Sums<'_>, row: usize| sums.to_all[row] / n - sums.to_taken[row] / (sums.taken + 1) as f64;
        Sums::pick(pool, alike, score, budget, ctx, picks)
    }
}
