//! Log-determinant: rows that together take up the largest volume.

mod curved;
mod linear;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Error;
use crate::context::Context;
use crate::method::{Asks, MethodInfo, ParamInfo, Selector, params_of};
use crate::methods::random;
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::selection::{Pick, Reason};
use crate::shrinking::{Known, Largest, Shrinking};
use crate::unit::RowScale;
use curved::{Curve, Curved};
use linear::Linear;

pub(crate) static INFO: MethodInfo = MethodInfo {
    name: "log-det",
    aliases: &["logdet", "dpp"],
    summary: "again and again the row that most enlarges the volume of the picks: greedy MAP of a determinantal point process",
    needs: "",
    rows: "scaled to unit length by the method, but for similarity=dot",
    nested: true,
    random: true,
    cost: "time O(n d + b^2 d) for typical data, at most O(b n d), with similarity=rbf or squared O(b n (b + d)); memory O(n + b d), with these two O(n b) up to 256 MiB",
    source: "Kulesza, Taskar, Determinantal Point Processes for Machine Learning, 2012; Chen, Zhang, Zhou, 2018",
    not_when: "picks should stand for the pool: it takes what is unlike the rest, outliers first; or the budget exceeds the rank of the embeddings, where the rest is drawn at random",
    params: &[
        ParamInfo {
            name: "similarity",
            values: "shifted, cosine, dot, squared or rbf",
            doc: "of two rows: (1 + cosine)/2, the cosine, the inner product of the rows as given, the cosine squared, or exp(-(distance/sigma)^2)",
        },
        ParamInfo { name: "sigma", values: "a distance above 0", doc: "width of rbf" },
        ParamInfo {
            name: "jitter",
            values: "a number from 0 to below 1",
            doc: "added to each row's similarity to itself, times its mean over the pool; a row of which no more than twice that is new counts as spanned",
        },
        ParamInfo {
            name: "driver",
            values: "lazy or full",
            doc: "full brings every row up to date after every pick, as textbooks do; same picks, for comparison",
        },
    ],
};

/// How alike two rows are. Positive semidefinite, all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Similarity {
    /// `(1 + cosine) / 2`.
    #[default]
    Shifted,
    /// The cosine.
    Cosine,
    /// The inner product of the rows as they are given.
    Dot,
    /// The square of the cosine.
    Squared,
    /// `exp(-(distance / sigma)^2)` of unit rows.
    Rbf,
}

/// How picks are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Driver {
    /// Rows are brought up to date only where they might be the pick.
    #[default]
    Lazy,
    /// All rows are brought up to date at every pick.
    Full,
}

/// Greedy MAP of a determinantal point process: repeatedly takes the row that most raises the log-determinant of the
/// picks' similarities, `ln(K_jj - K_jS K_SS^-1 K_Sj)`.
///
/// What is in the brackets, the part of a row that earlier picks do not explain, only shrinks, so that an old value is
/// an upper bound: a few rows per pick are touched instead of all. Similarities that are inner products need no Cholesky
/// row per row either: with `q_t = (f_s - sum_k c_sk q_k) / l_t` for the pick `s`, entry `t` of row `j` is `q_t . f_j`.
///
/// # Input
/// Embeddings `(n, d)`; cosines are taken here. Labeled rows count as already taken.
/// # Guarantees
/// Nested. Ties (within a relative 2^-40) go to the lowest row; no duplicate of a pick is picked before the picks span
/// every row, up to the jitter. Then the rest is drawn uniformly.
/// # Errors
/// [`Error::Param`] for a sigma that is not above 0 or a jitter outside `[0, 1)`.
/// # Cost
/// Time `O(n d + b^2 d)` for typical data and at most `O(b n d)`, memory `O(n + b d)`. With `rbf` and `squared` up to
/// `O(b n (b + d))`, and 8 bytes per row brought up to date and pick, up to 256 MiB: more is worked out again.
/// # Source
/// Kulesza, Taskar, "Determinantal point processes for machine learning", 2012; incremental Cholesky as in Chen, Zhang,
/// Zhou, "Fast greedy MAP inference for determinantal point process", 2018.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogDet {
    /// How alike rows are. Default: [`Similarity::Shifted`].
    pub similarity: Similarity,
    /// Width of `rbf`. Default: 1.
    pub sigma: f64,
    /// What is added to the diagonal, relative to its mean. Default: 1e-6.
    pub jitter: f64,
    /// How picks are found; changes time, never picks. Default: [`Driver::Lazy`].
    pub driver: Driver,
}

impl Default for LogDet {
    fn default() -> Self {
        LogDet { similarity: Similarity::default(), sigma: 1.0, jitter: 1e-6, driver: Driver::default() }
    }
}

/// What is left of a row counts as nothing below this part of its similarity to itself, jitter or not: where
/// Gram-Schmidt selection takes a residual for zero.
const ZERO: f64 = 1e-10;

/// How much dearer a direction is row by row than in a pass, about; as found for Gram-Schmidt selection. It only tunes
/// when to refresh.
const PASS_GAIN: f64 = 16.0;

/// Entries a row is given before asking whether it can be rejected already: the first few, then more each time up to
/// the most.
const FIRST_STEP: usize = 4;
const MOST_STEP: usize = 64;

/// What is known of one row: 16 bytes.
#[derive(Clone, Copy, Debug)]
struct Left {
    /// Its similarity to itself, with jitter, less the squares of its first `seen` entries; negative once out of play.
    /// Squares are taken off one by one in order, so an old value is an upper bound to the last bit.
    rest: f64,
    seen: u32,
}

impl Left {
    const OUT: Left = Left { rest: -1.0, seen: 0 };

    fn bound(&self) -> f64 {
        self.rest.max(0.0)
    }

    /// What is known of a row that has seen what it had to, of `total` entries; out of play once spanned.
    fn known(&mut self, total: usize, floor: f64, stop_below: f64) -> Known {
        if self.rest <= floor {
            *self = Left::OUT;
        }
        let is_whole = self.seen as usize == total || self.rest < 0.0;
        let bound = self.bound();
        Known { value: (is_whole && bound >= stop_below).then_some(bound), bound }
    }
}

/// The parts of rows that picks do not explain.
trait Volume: Shrinking {
    /// What is left of each candidate as known.
    fn left(&self) -> &[Left];

    /// A row's similarity to itself.
    fn own(&self, row: usize) -> f64;
}

impl LogDet {
    fn pick(
        &self,
        pool: &CheckedPool<'_>,
        mut volume: impl Volume,
        budget: usize,
        ctx: &mut Context,
        picks: &mut Vec<Pick>,
    ) -> Result<(), Error> {
        for &row in pool.labeled() {
            ctx.go_on()?;
            volume.add(ctx, row)?;
        }
        let bounds: Vec<f64> = volume.left().iter().map(Left::bound).collect();
        let mut largest = Largest::new(&bounds);
        drop(bounds);
        let mut log_det = 0.0;
        ctx.progress().begin("picking", budget as u64);
        while picks.len() < budget {
            let Some(found) = largest.next(ctx, &mut volume)? else { break };
            if !ctx.take(pool, found.row)? {
                continue;
            }
            volume.add(ctx, found.row)?;
            let gain = libm::log(found.value);
            log_det += gain;
            let reason = Reason::Enlarges { new: found.value, own: volume.own(found.row) };
            picks.push(Pick::new(found.row, gain, reason));
            ctx.progress().at(picks.len() as u64);
        }
        ctx.record("log_det", log_det);
        ctx.record("evaluations", largest.evaluations());
        random::fill(pool, "nothing but jitter is left of any row", budget, ctx, picks)
    }
}

impl Selector for LogDet {
    fn info(&self) -> &'static MethodInfo {
        &INFO
    }

    fn params(&self) -> Map<String, Value> {
        params_of(self)
    }

    fn check(&self) -> Result<(), Error> {
        let refuse = |param, rule: &str, got: f64| {
            Err(Error::Param { method: INFO.name, param, rule: rule.into(), got: got.to_string() })
        };
        if !(self.sigma.is_finite() && self.sigma > 0.0) {
            return refuse("sigma", "finite and above 0", self.sigma);
        }
        if !(self.jitter >= 0.0 && self.jitter < 1.0) {
            return refuse("jitter", "0 or more and below 1", self.jitter);
        }
        Ok(())
    }

    fn asks(&self) -> Asks {
        Asks::BeforeEach
    }

    fn plan(&self, shape: &Shape, budget: usize) -> Work {
        let is_full = self.driver == Driver::Full;
        let work = match self.similarity {
            Similarity::Shifted | Similarity::Cosine | Similarity::Dot => Linear::plan(shape, budget, is_full),
            Similarity::Squared => Curved::plan(shape, budget, is_full),
            Similarity::Rbf => {
                let work = Curved::plan(shape, budget, is_full);
                Work { passes: work.passes + 1.0, bytes: work.bytes + RowScale::bytes(shape), ..work }
            }
        };
        Work { bytes: work.bytes + Largest::bytes(shape.n), ..work }
    }

    fn run(
        &self,
        pool: &CheckedPool<'_>,
        budget: usize,
        ctx: &mut Context,
        picks: &mut Vec<Pick>,
    ) -> Result<(), Error> {
        match self.similarity {
            Similarity::Shifted | Similarity::Cosine | Similarity::Dot => {
                self.pick(pool, Linear::new(pool, self), budget, ctx, picks)
            }
            Similarity::Squared => {
                self.pick(pool, Curved::new(pool, Curve::SquaredCosine, self, budget), budget, ctx, picks)
            }
            Similarity::Rbf => {
                let unit = pool.unit(ctx)?;
                // Finite whatever sigma is: a kernel narrower than this sees nothing but duplicates.
                let scale = self.sigma.powi(2).recip().min(f64::MAX);
                self.pick(pool, Curved::new(&unit, Curve::Gaussian(scale), self, budget), budget, ctx, picks)
            }
        }
    }
}
