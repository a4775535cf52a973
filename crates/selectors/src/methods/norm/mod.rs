//! Sampling by feature norm.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use subsel_kernels::NormKind;

use crate::Error;
use crate::context::Context;
use crate::method::{MethodInfo, ParamInfo, Selector, params_of};
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::random::Stream;
use crate::scan;
use crate::selection::{Pick, Reason};
use crate::top::{Key, Smallest};

#[cfg(test)]
mod tests;

pub(crate) static INFO: MethodInfo = MethodInfo {
    name: "norm",
    aliases: &["feature-norm"],
    summary: "rows of large norm: drawn in proportion to it, or the largest",
    needs: "",
    rows: "raw (not normalized)",
    nested: true,
    random: true,
    cost: "time O(n d), memory O(n)",
    source: "Effective Subset Selection Through the Lens of Neural Network Pruning, 2024, eq. 1",
    not_when: "norms hardly vary (then it is uniform sampling), and `pick=largest` for labeling: it collapses onto few kinds of rows",
    params: &[
        ParamInfo { name: "norm", values: "l1, l2 or linf", doc: "which norm" },
        ParamInfo {
            name: "pick",
            values: "drawn or largest",
            doc: "drawn in proportion to the norm, or the largest norms",
        },
    ],
};

/// Which norm of a row counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NormName {
    /// Sum of absolute values.
    L1,
    /// Euclidean.
    #[default]
    L2,
    /// Largest absolute value.
    Linf,
}

impl NormName {
    pub(crate) fn kind(self) -> NormKind {
        match self {
            NormName::L1 => NormKind::L1,
            NormName::L2 => NormKind::L2,
            NormName::Linf => NormKind::Linf,
        }
    }
}

/// Whether rows are drawn in proportion to their value or taken by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PickRule {
    /// In proportion.
    #[default]
    Drawn,
    /// The largest, ties to the lowest row.
    Largest,
}

/// Draws rows without replacement, each with probability proportional to its norm among those left.
///
/// Exact, nested and in parallel by exponential races (Efraimidis and Spirakis 2006): with `u` uniform, the rows of
/// smallest `-ln(u)/norm` in ascending order *are* the sequential draw. Zero rows come last, uniformly.
///
/// # Input
/// Raw embeddings: on normalized rows every norm is 1 and this is uniform sampling, which a warning says.
/// # Guarantees
/// Nested; multiplying the pool by a positive number changes nothing.
/// # Cost
/// Time `O(n d)` (for l2 nothing beyond the check), memory `O(n)`.
/// # Source
/// "Effective Subset Selection Through the Lens of Neural Network Pruning", 2024, equation 1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Norm {
    /// Which norm. Default: [`NormName::L2`].
    pub norm: NormName,
    /// Drawn or largest. Default: [`PickRule::Drawn`].
    pub pick: PickRule,
}

impl Selector for Norm {
    fn info(&self) -> &'static MethodInfo {
        &INFO
    }

    fn params(&self) -> Map<String, Value> {
        params_of(self)
    }

    fn is_random(&self) -> bool {
        self.pick == PickRule::Drawn
    }

    fn plan(&self, shape: &Shape, budget: usize) -> Work {
        let passes = if self.norm == NormName::L2 { 0.0 } else { 1.0 };
        Work { passes, bytes: (8 * shape.n + 64 * budget) as u64, ..Work::default() }
    }

    fn run(
        &self,
        pool: &CheckedPool<'_>,
        budget: usize,
        ctx: &mut Context,
        picks: &mut Vec<Pick>,
    ) -> Result<(), Error> {
        let norms = norms(pool, self.norm, ctx)?;
        warn_if_flat(pool, &norms, ctx);
        let rows: Vec<usize> = match self.pick {
            PickRule::Drawn => draw(pool, ctx.stream("norm"), &norms, pool.candidates(), budget),
            PickRule::Largest => {
                let mut smallest = Smallest::new(budget);
                pool.candidates().for_each(|row| smallest.push((Key(-norms[row]), row)));
                smallest.into_sorted().into_iter().map(|(_, row)| row).collect()
            }
        };
        picks.extend(rows.into_iter().map(|row| Pick::new(row, norms[row], Reason::Norm { norm: norms[row] })));
        Ok(())
    }
}

/// The norm of every row of the pool.
pub(crate) fn norms(pool: &CheckedPool<'_>, norm: NormName, ctx: &Context) -> Result<Vec<f64>, Error> {
    if norm == NormName::L2 {
        return Ok(pool.sq_norms().iter().map(|sq| sq.sqrt()).collect());
    }
    let mut norms = vec![0.0; pool.len()];
    scan::for_rows(
        pool,
        ctx,
        &mut norms,
        || (),
        |(), block, norms| {
            ctx.kernels().norms(block.rows, norm.kind(), norms);
            Ok(())
        },
    )?;
    Ok(norms)
}

/// So many of some rows, drawn without replacement in proportion to their weights, in the order drawn; rows of weight
/// zero last, uniformly.
pub(crate) fn draw(
    pool: &CheckedPool<'_>,
    stream: Stream,
    weights: &[f64],
    rows: impl Iterator<Item = usize>,
    budget: usize,
) -> Vec<usize> {
    let mut smallest = Smallest::new(budget);
    for row in rows {
        let unit = stream.unit_open_zero(pool.global(row) as u64);
        let weight = weights[row];
        let key = if weight > 0.0 { -libm::log(unit) / weight } else { unit };
        smallest.push((weight == 0.0, Key(key), row));
    }
    smallest.into_sorted().into_iter().map(|(_, _, row)| row).collect()
}

/// Below this ratio of deviation to mean, drawing by norm is uniform sampling in all but name: the likeliest rows are
/// a few per cent likelier than the others.
const FLAT: f64 = 0.1;

fn warn_if_flat(pool: &CheckedPool<'_>, norms: &[f64], ctx: &mut Context) {
    let count = pool.n_candidates() as f64;
    let mean = pool.candidates().map(|row| norms[row]).sum::<f64>() / count;
    if mean == 0.0 {
        ctx.warn("all rows are zero: every norm rule is uniform sampling here");
        return;
    }
    let sd = (pool.candidates().map(|row| (norms[row] - mean).powi(2)).sum::<f64>() / count).sqrt();
    if sd < FLAT * mean {
        let percent = 100.0 * sd / mean;
        ctx.warn(format!(
            "norms vary by only {percent:.1} % (deviation {sd:.3} around {mean:.3}): drawing by norm is nearly uniform sampling here"
        ));
    }
}
