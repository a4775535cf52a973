//! Zero-shot coreset selection: coverage of random planes less redundancy, without labels or a model.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Error;
use crate::columns::Columns;
use crate::context::Context;
use crate::method::{MethodInfo, ParamInfo, Selector, params_of};
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::selection::{Pick, Reason};
use crate::top::{Key, Smallest};

use locations::Locations;
use search::{Rules, UNIT};
use stability::Stability;
use tally::Tally;

mod locations;
mod search;
mod stability;
mod tally;
#[cfg(test)]
mod tests;

pub(crate) static INFO: MethodInfo = MethodInfo {
    name: "zcore",
    aliases: &["zero-shot-coreset"],
    summary: "rows that are nearest to random locations in random planes, less what their neighbors cover",
    needs: "",
    rows: "raw; embeddings of several networks side by side, not rescaled",
    nested: true,
    random: true,
    cost: "time O(draws n / 16), memory 5 n d bytes and O(n threads)",
    source: "Griffin et al., Zero-Shot Coreset Selection, WACV 2026; arXiv 2411.15349",
    not_when: "few labels are to be bought: there it was worse than random; and where its ranks are mostly noise, of which it warns",
    params: &[
        ParamInfo { name: "draws", values: "a count, at least 1", doc: "random locations" },
        ParamInfo { name: "dims", values: "a count, at least 1", doc: "columns of each location" },
        ParamInfo { name: "k", values: "a count, 1 to 4194304", doc: "neighbors that share the cost of redundancy" },
        ParamInfo {
            name: "exponent",
            values: "a whole number, 0 to 64",
            doc: "how fast a neighbor's share of the cost falls with its distance",
        },
        ParamInfo {
            name: "replicate_workers",
            values: "a count, at least 1",
            doc: "worker processes of the published program, which all repeat the same draws",
        },
        ParamInfo { name: "jitter", values: "true or false", doc: "add a random number in [0, 1) to each row's score" },
        ParamInfo {
            name: "random_ties",
            values: "true or false",
            doc: "decide ties of distance at random rather than for the lowest row",
        },
        ParamInfo {
            name: "constant_columns",
            values: "drop or keep",
            doc: "whether locations may lie in columns that do not vary",
        },
    ],
};

/// What becomes of columns whose values are all equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConstantColumns {
    /// Locations are not drawn in them; their number is reported.
    #[default]
    Drop,
    /// They are columns like others, in which every location has that one value.
    Keep,
}

/// Scores rows by random locations: each location, in a few random columns, credits the row nearest to it with 1 and
/// charges 1 to that row's neighbors, the nearer the more. The highest scores are taken.
///
/// One draw: `dims` distinct columns, uniformly; in each a coordinate from the triangular law between the column's
/// least and greatest value with its mode at the median. The nearest row by L1 distance in these columns gains 1. Its
/// `k` nearest neighbors there share a loss of 1 in proportion to `distance^-exponent`; where a neighbor has distance 0,
/// the lowest such row bears it all. After all draws, `jitter` adds a uniform number from `[0, 1)` to each row, and the
/// scores are scaled to `[0, 1]` (all 0 where they are equal).
///
/// The scores are noisy: a default run is repeated by another seed's to a rank correlation of about 0.4 on 50,000 rows.
/// Each run compares the scores of its even draws with those of its odd draws, records `split_half_correlation` and
/// `split_half_top10_overlap`, and warns with what more draws would bring where ranks are mostly noise.
///
/// # Input
/// Raw embeddings `(n, d)`, finite. With fewer than `dims` columns that vary, locations are drawn in those there are; with
/// none, every score is 0.
/// # Guarantees
/// The scores are those of the full scan over all rows, to the bit: fast paths only leave out rows that cannot matter.
/// Distances between rows are sums of absolute differences in `f32`, as in the published program, those to locations in
/// `f64`. Each draw's gains and losses are whole multiples of 2^-40 that sum to zero, so nothing depends on order.
/// Labeled and excluded rows are scored like others and not picked. Nested.
///
/// It departs from the published program where that errs: draws are distinct for every worker (`replicate_workers`
/// restores its repetition), a row is never its own neighbor, and tiny distances do not overflow.
/// # Errors
/// [`Error::Param`]; pools of 2^32 rows or more are refused with [`Error::Settings`].
/// # Cost
/// Time `O(draws * n)` at 16 to 64 rows per instruction, plus `O(draws * k)`. Memory `5 n d` bytes for the columns, and
/// 56 bytes a row and 16 more for every thread.
/// # Source
/// Griffin et al., "Zero-Shot Coreset Selection via Iterative Subspace Sampling", WACV 2026, arXiv 2411.15349.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ZCore {
    /// Random locations. Default: 1,000,000.
    pub draws: u64,
    /// Columns of each location. Default: 2.
    pub dims: usize,
    /// Neighbors that share the cost of redundancy. Default: 1000.
    pub k: usize,
    /// The power of distance by which they share it. Default: 4.
    pub exponent: u32,
    /// As the published program with so many workers: `draws / replicate_workers` draws, each counted as often as there
    /// are workers. Default: 1.
    pub replicate_workers: u64,
    /// Whether to add a number from `[0, 1)` to each row's score. Default: true.
    pub jitter: bool,
    /// Whether ties of distance are decided at random. Default: false, for the lowest row.
    pub random_ties: bool,
    /// What becomes of columns that do not vary. Default: [`ConstantColumns::Drop`].
    pub constant_columns: ConstantColumns,
}

impl Default for ZCore {
    fn default() -> Self {
        ZCore {
            draws: 1_000_000,
            dims: 2,
            k: 1000,
            exponent: 4,
            replicate_workers: 1,
            jitter: true,
            random_ties: false,
            constant_columns: ConstantColumns::Drop,
        }
    }
}

/// Largest `k`: shares of so many neighbors sum to less than 2^63 units.
const MOST_NEIGHBORS: usize = 1 << 22;
/// Largest `exponent`: beyond, only the nearest neighbor pays.
const MOST_EXPONENT: u32 = 64;

impl Selector for ZCore {
    fn info(&self) -> &'static MethodInfo {
        &INFO
    }

    fn params(&self) -> Map<String, Value> {
        params_of(self)
    }

    fn check(&self) -> Result<(), Error> {
        let refuse = |param, rule: String, got: String| Err(Error::Param { method: INFO.name, param, rule, got });
        let at_least_one =
            [("draws", self.draws), ("dims", self.dims as u64), ("replicate_workers", self.replicate_workers)];
        if let Some((param, _)) = at_least_one.into_iter().find(|(_, value)| *value == 0) {
            return refuse(param, "at least 1".into(), "0".into());
        }
        if !(1..=MOST_NEIGHBORS).contains(&self.k) {
            return refuse("k", format!("from 1 to {MOST_NEIGHBORS}"), self.k.to_string());
        }
        if self.exponent > MOST_EXPONENT {
            return refuse("exponent", format!("from 0 to {MOST_EXPONENT}"), self.exponent.to_string());
        }
        if self.replicate_workers > self.draws {
            let (rule, got) = ("at most `draws`".into(), self.replicate_workers.to_string());
            return refuse("replicate_workers", rule, got);
        }
        Ok(())
    }

    fn plan(&self, shape: &Shape, budget: usize) -> Work {
        let draws = self.distinct_draws();
        Work {
            passes: 1.0,
            // A row costs a draw about what 45 multiply-adds of a product cost, a neighbor that pays about 300.
            panel_ops: draws as f64 * (45.0 * shape.n as f64 + 300.0 * self.k.min(shape.n) as f64),
            gathered: Columns::gathered(shape),
            bytes: Columns::bytes(shape) + Tally::bytes(shape, draws, self.k) + 64 * budget as u64,
            ..Work::default()
        }
    }

    fn run(
        &self,
        pool: &CheckedPool<'_>,
        budget: usize,
        ctx: &mut Context,
        picks: &mut Vec<Pick>,
    ) -> Result<(), Error> {
        let tally = self.tally(pool, ctx)?;
        let scores = self.scaled(pool, ctx, &tally);
        let mut smallest = Smallest::new(budget);
        pool.candidates().for_each(|row| smallest.push((Key(-scores[row]), row)));
        picks.extend(smallest.into_sorted().into_iter().map(|(_, row)| {
            let score = self.raw(&tally, row);
            let credit = tally.credits[row] * self.replicate_workers;
            Pick::new(row, scores[row], Reason::Score { score, credit, penalty: credit as f64 - score })
        }));
        Ok(())
    }
}

impl ZCore {
    /// The score in `[0, 1]` of every row of the pool, labeled and excluded ones too.
    ///
    /// # Errors
    /// Settings that break a rule, reading, and [`Error::Interrupted`].
    pub fn scores(&self, pool: &CheckedPool<'_>, ctx: &mut Context) -> Result<Vec<f64>, Error> {
        self.check()?;
        let tally = self.tally(pool, ctx)?;
        Ok(self.scaled(pool, ctx, &tally))
    }

    fn distinct_draws(&self) -> u64 {
        self.draws / self.replicate_workers
    }

    /// Gains less losses of a row.
    fn raw(&self, tally: &Tally, row: usize) -> f64 {
        let [even, odd] = tally.halves[row];
        ((even + odd) * i128::from(self.replicate_workers)) as f64 / UNIT as f64
    }

    /// Jitter added, and all scaled to `[0, 1]`.
    fn scaled(&self, pool: &CheckedPool<'_>, ctx: &Context, tally: &Tally) -> Vec<f64> {
        let stream = ctx.stream("zcore-jitter");
        let jitter = |row| if self.jitter { stream.unit(pool.global(row) as u64) } else { 0.0 };
        let mut scores: Vec<f64> = (0..pool.len()).map(|row| self.raw(tally, row) + jitter(row)).collect();
        let least = scores.iter().copied().fold(f64::INFINITY, f64::min);
        let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let scale = |score: f64| if most > least { (score - least) / (most - least) } else { 0.0 };
        scores.iter_mut().for_each(|score| *score = scale(*score));
        scores
    }

    /// All draws, and the notes about them.
    fn tally(&self, pool: &CheckedPool<'_>, ctx: &mut Context) -> Result<Tally, Error> {
        let n = pool.len();
        if u32::try_from(n).is_err() {
            return Err(Error::Settings(format!("zcore numbers rows by 32 bits, and the pool has {n} rows")));
        }
        if n == 1 {
            // It is the nearest to every location, and has no neighbor to pay for it.
            return Ok(Tally::of_one_row(self.distinct_draws()));
        }
        let columns = Columns::read(pool, ctx)?;
        let usable = self.usable_columns(&columns, ctx);
        if usable.is_empty() {
            ctx.warn("no column varies: zcore cannot tell the rows apart");
            return Ok(Tally::empty(n));
        }
        let dims = self.dims.min(usable.len());
        if dims < self.dims {
            ctx.record("dims", dims);
            ctx.warn(format!("locations were to have {} columns, but only {dims} vary", self.dims));
        }
        let locations = Locations::new(&columns, usable, dims, ctx.stream("zcore"));
        let ties = self.random_ties.then(|| ctx.stream("zcore-ties"));
        let rules = Rules { k: self.k, exponent: self.exponent, ties };
        let tally = Tally::of_draws(pool, &columns, &locations, rules, self.distinct_draws(), ctx)?;
        drop(columns);
        self.note_duplicates(&tally, ctx);
        Stability::of(&tally.halves).tell(self.distinct_draws(), ctx);
        Ok(tally)
    }

    fn usable_columns(&self, columns: &Columns, ctx: &mut Context) -> Vec<u32> {
        let varies = |column: &u32| columns.span(*column as usize).least < columns.span(*column as usize).most;
        let all = 0..columns.dim() as u32;
        let varying: Vec<u32> = all.clone().filter(varies).collect();
        let constant = all.len() - varying.len();
        if constant > 0 {
            ctx.record("constant_columns", constant);
        }
        match self.constant_columns {
            ConstantColumns::Keep => all.collect(),
            ConstantColumns::Drop => {
                if constant > 0 && !varying.is_empty() {
                    let dim = columns.dim();
                    ctx.warn(format!("{constant} of {dim} columns do not vary and were left out of the locations"));
                }
                varying
            }
        }
    }

    /// Share of draws that may meet a duplicate before index order is worth a warning.
    const MOST_DUPLICATES: f64 = 0.1;

    fn note_duplicates(&self, tally: &Tally, ctx: &mut Context) {
        ctx.record("draws_at_duplicates", tally.duplicates);
        let share = tally.duplicates as f64 / self.distinct_draws() as f64;
        if share > Self::MOST_DUPLICATES && !self.random_ties {
            ctx.warn(format!(
                "{:.0} % of the draws met rows that coincide in the columns drawn, and went by row number there: `random_ties=true` treats such rows alike",
                100.0 * share
            ));
        }
    }
}
