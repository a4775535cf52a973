//! Graph cut: alike to the pool, unlike each other.

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
    name: "graph-cut",
    aliases: &["graphcut"],
    summary: "again and again the row most alike to the pool and least to the picks",
    needs: "",
    rows: "scaled to unit length by the method",
    nested: true,
    random: false,
    cost: "time O(b n d), with similarity=rbf O(n^2 d) besides; memory O(n)",
    source: "Iyer et al., Submodular Combinatorial Information Measures with Applications in Machine Learning, 2021",
    not_when: "rare kinds of rows matter: it takes what is near the middle of the pool, as far as lambda lets it",
    params: &[
        ParamInfo {
            name: "similarity",
            values: "shifted, cosine or rbf",
            doc: "of two rows: (1 + cosine)/2, the cosine, or exp(-(distance/width)^2)",
        },
        ParamInfo { name: "width", values: "a distance above 0", doc: "of rbf" },
        ParamInfo {
            name: "lambda",
            values: "a number, 0 or more",
            doc: "how much likeness among picks costs; up to 0.5 a pick never lowers the sum of similarities of 0 or more",
        },
    ],
};

/// How alike two rows are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Similarity {
    /// `(1 + cosine) / 2`.
    #[default]
    Shifted,
    /// The cosine.
    Cosine,
    /// `exp(-(distance / width)^2)` of unit rows.
    Rbf,
}

/// Greedily maximizes `sum over rows i and picks j of s_ij - lambda * sum over pairs of picks j, k of s_jk`.
///
/// # Input
/// Embeddings `(n, d)`, scaled to unit length here. Labeled rows count as picks.
/// # Guarantees
/// Nested and deterministic; ties within a relative 2^-40 go to the lowest row. For `lambda <= 0.5` and similarities of
/// 0 or more the sum is monotone, and within 1 - 1/e of the best.
/// # Cost
/// A pass per pick, `O(b n d)`, all of it canonical; `similarity=rbf` compares all pairs first. Memory `O(n)`.
/// # Source
/// The function as in Iyer et al., 2021, and in the library submodlib.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GraphCut {
    /// Default: [`Similarity::Shifted`].
    pub similarity: Similarity,
    /// Width of `rbf`. Default: 1.
    pub width: f64,
    /// What likeness among picks costs. Default: 0.5.
    pub lambda: f64,
}

impl Default for GraphCut {
    fn default() -> Self {
        GraphCut { similarity: Similarity::default(), width: 1.0, lambda: 0.5 }
    }
}

impl Selector for GraphCut {
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
        let refuse = |param, rule: &str, got: f64| {
            Err(Error::Param { method: INFO.name, param, rule: rule.into(), got: got.to_string() })
        };
        if !(self.width.is_finite() && self.width > 0.0) {
            return refuse("width", "finite and above 0", self.width);
        }
        if !(self.lambda.is_finite() && self.lambda >= 0.0) {
            return refuse("lambda", "finite and 0 or more", self.lambda);
        }
        Ok(())
    }

    fn plan(&self, shape: &Shape, budget: usize) -> Work {
        let work = Sums::plan(shape, self.similarity != Similarity::Rbf, budget);
        Work { passes: work.passes + 1.0, bytes: work.bytes + RowScale::bytes(shape), ..work }
    }

    fn run(
        &self,
        pool: &CheckedPool<'_>,
        budget: usize,
        ctx: &mut Context,
        picks: &mut Vec<Pick>,
    ) -> Result<(), Error> {
        let unit = pool.unit(ctx)?;
        let alike = match self.similarity {
            Similarity::Shifted => Alike::Linear { constant: 0.5, slope: 0.5 },
            Similarity::Cosine => Alike::Linear { constant: 0.0, slope: 1.0 },
            Similarity::Rbf => Alike::Gaussian(self.width.powi(2).recip()),
        };
        let gain =
            |sums: &Sums<'_>, row: usize| sums.to_all[row] - self.lambda * (sums.own(row) + 2.0 * sums.to_taken[row]);
        Sums::pick(&unit, alike, gain, budget, ctx, picks)
    }
}
