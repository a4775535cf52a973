//! DCoM: from covering the pool to asking about what a model doubts, as the labeled rows come to cover it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Error;
use crate::context::Context;
use crate::method::{Asks, MethodInfo, ParamInfo, Selector, params_of};
use crate::methods::prob_cover::{Ball, Cover, warn_of_radius};
use crate::methods::random;
use crate::outputs::Uncertainty;
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::selection::{Pick, Reason};
use crate::shrinking::TIE;
use crate::unit::RowScale;

mod radii;
#[cfg(test)]
mod tests;

pub(crate) static INFO: MethodInfo = MethodInfo {
    name: "dcom",
    aliases: &[],
    summary: "rows whose ball holds most rows not covered yet, or that a model is least sure of: the more, the more is covered",
    needs: "model outputs (class probabilities or logits) and labels once rows are labeled",
    rows: "scaled to unit length by the method",
    nested: true,
    random: false,
    cost: "time O(n^2 d) at the rate of matrix products, and O(n d) for each labeled row; memory O(n)",
    source: "Mishal, Weinshall, DCoM: Active Learning for All Learners, 2024",
    not_when: "there is no model yet (prob-cover then finds a radius for you), or no radius suits the whole pool",
    params: &[
        ParamInfo {
            name: "initial_delta",
            values: "a distance above 0",
            doc: "radius of the balls as long as nothing is labeled, and of labeled rows before theirs is found",
        },
        ParamInfo { name: "max_delta", values: "a distance above 0", doc: "no labeled row has a larger radius" },
        ParamInfo {
            name: "delta_resolution",
            values: "a distance above 0",
            doc: "how exactly radii are found, by halving from max_delta, before they are rounded to 2 decimals",
        },
        ParamInfo {
            name: "a",
            values: "a share from 0 to 1",
            doc: "the share of rows covered at which density and uncertainty count about alike",
        },
        ParamInfo { name: "k", values: "a number above 0", doc: "how suddenly that changes around a" },
        ParamInfo { name: "rows", values: "unit or raw", doc: "whether rows are scaled to unit length first" },
    ],
};

/// One round of DCoM: repeatedly takes the row of largest `S e + (1 - S) r`, where `r` is how many rows not covered yet
/// its ball holds, `e` how unsure the model is of it, and `S` the model's competence, which follows from how much of the
/// pool the labeled rows cover.
///
/// 1. Every labeled row has a ball: the largest, by bisection, in which the share of rows of its class is at least `0.2 c
///    + 0.4`; rows that are not labeled are of the class that the model thinks likeliest, and `c` is the share of the pool
///    covered with all radii at `initial_delta`. Radii are rounded to 2 decimals.
/// 2. The share `c` covered by these balls gives `S = (1 + exp(-k (1 - a))) / (1 + exp(-k (c - a)))`, rounded to 3 decimals.
/// 3. Other balls have the mean of these radii. `r` counts what they hold and no ball of a labeled or picked row does; `e`
///    is `1 - (p1 - p2)` less its least over the pool. At every pick both are divided by their largest among the rows that
///    may still be picked.
///
/// # Input
/// Embeddings `(n, d)`, scaled to unit length here; outputs of a model trained on the labeled rows, and labels, of which
/// only those of labeled rows are looked at. Where nothing is labeled, nothing is covered and this is ProbCover with
/// `initial_delta`: neither outputs nor labels are looked at. Excluded rows still count as rows to be covered.
/// # Guarantees
/// Nested. Ties (within a relative 2^-40) go to the lowest row. When all is covered and nothing is doubted, covering begins
/// anew; a model competent in everything (`S = 1`) that doubts nothing leaves a uniform draw.
/// # Errors
/// [`Error::Missing`] without model outputs or labels where rows are labeled; [`Error::Labels`] where labels do not name
/// the classes of the outputs; [`Error::Param`] for settings that break their rule.
/// # Cost
/// As prob-cover, time `O(n^2 d)` at the rate of matrix products, and one look from every labeled row at the pool for each
/// halving of the radius, 5 by default. A pick whose uncertainty counts takes time `O(n)` besides. Memory `O(n)`.
/// # Source
/// Mishal, Weinshall, "DCoM: Active Learning for All Learners", 2024. Their code keeps the radii of earlier rounds, each
/// found with the model and the coverage of its time; this has no memory and finds all radii anew from the labels, with
/// the model of this round. Their code holds all edges of the graph and leaves out up to 699 rows as centers; it can pick
/// a labeled row, which here is no candidate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dcom {
    /// Radius before anything is known of it. Default: 0.75.
    pub initial_delta: f64,
    /// Largest radius. Default: 1.1.
    pub max_delta: f64,
    /// Width to which radii are bisected. Default: 0.05.
    pub delta_resolution: f64,
    /// Center of the competence. Default: 0.8.
    pub a: f64,
    /// Steepness of the competence. Default: 50.
    pub k: f64,
    /// Whether rows are scaled. Default: [`RowScale::Unit`].
    pub rows: RowScale,
}

impl Default for Dcom {
    fn default() -> Self {
        Dcom { initial_delta: 0.75, max_delta: 1.1, delta_resolution: 0.05, a: 0.8, k: 50.0, rows: RowScale::Unit }
    }
}

/// The smallest share of `max_delta` that radii may be told apart by: each halving looks at the pool once more.
const FINEST: f64 = 1e-6;

/// Rows brought up to date at once, at most. Batches grow by 4 from 1.
const BATCH: usize = 256;

impl Dcom {
    /// How much the model is to be trusted where this share of the pool is covered, before it is rounded.
    fn competence(&self, covered: f64) -> f64 {
        let logistic = |at: f64| 1.0 + libm::exp(-self.k * (at - self.a));
        logistic(1.0) / logistic(covered)
    }

    /// How unsure the model is of each row, from 0 to 1; 0 of labeled rows.
    fn doubts(pool: &CheckedPool<'_>, ctx: &Context) -> Result<Vec<f64>, Error> {
        let mut doubts = pool.needed_outputs(INFO.name)?.uncertainties(Uncertainty::Margin, 1.0, ctx)?;
        let least = doubts.iter().copied().fold(f64::INFINITY, f64::min);
        let width = doubts.iter().copied().fold(f64::NEG_INFINITY, f64::max) - least;
        doubts.iter_mut().for_each(|doubt| *doubt = if width > 0.0 { (*doubt - least) / width } else { 0.0 });
        pool.labeled().iter().for_each(|&row| doubts[row] = 0.0);
        Ok(doubts)
    }
}

/// What is picked by.
struct Search<'p> {
    cover: Cover<'p>,
    competence: f64,
    /// Empty where they do not count.
    doubts: Vec<f64>,
}

/// A row found.
struct Found {
    row: usize,
    score: f64,
    /// Rows it covers.
    covers: u32,
    /// Its doubt as a share of the largest.
    doubt: f64,
}

impl Search<'_> {
    /// The row of largest score, the lowest of equals; `None` if no score is above 0.
    fn next(&mut self, ctx: &Context) -> Result<Option<Found>, Error> {
        let densest = self.cover.largest(ctx)?;
        if self.competence == 0.0 {
            let found = |(row, covers)| Found { row, score: f64::from(covers), covers, doubt: 0.0 };
            return Ok(densest.map(found));
        }
        let n = self.doubts.len();
        let most_covers = densest.map_or(0.0, |(_, covers)| f64::from(covers));
        let open = (0..n).filter(|row| self.cover.is_open(*row));
        let most_doubt = open.map(|row| self.doubts[row]).fold(0.0, f64::max);
        let share = |part: f64, most: f64| if most > 0.0 { part / most } else { 0.0 };
        let (competence, doubts) = (self.competence, &self.doubts);
        let doubt = |row: usize| share(doubts[row], most_doubt);
        // Never smaller for more rows covered, rounding included: a bound for a bound.
        let score = |row: usize, covers: u32| {
            competence * doubt(row) + (1.0 - competence) * share(f64::from(covers), most_covers)
        };
        let mut batch = 1;
        loop {
            ctx.go_on()?;
            let open =
                || (0..n).filter(|row| self.cover.is_open(*row)).map(|row| (row, score(row, self.cover.gain(row))));
            let known = || open().filter(|(row, _)| self.cover.is_fresh(*row));
            let best = known().map(|(_, score)| score).fold(0.0, f64::max);
            let floor = best * (1.0 - TIE);
            let mut stale: Vec<(f64, usize)> = open()
                .filter(|(row, bound)| *bound >= floor && *bound > 0.0 && !self.cover.is_fresh(*row))
                .map(|(row, bound)| (bound, row))
                .collect();
            if stale.is_empty() {
                let found = known().find(|(_, score)| *score >= floor && *score > 0.0);
                return Ok(found.map(|(row, score)| Found {
                    row,
                    score,
                    covers: self.cover.gain(row),
                    doubt: doubt(row),
                }));
            }
            let order = |a: &(f64, usize), b: &(f64, usize)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
            if stale.len() > batch {
                stale.select_nth_unstable_by(batch - 1, order);
                stale.truncate(batch);
            }
            let rows: Vec<usize> = stale.into_iter().map(|(_, row)| row).collect();
            self.cover.tighten(ctx, &rows)?;
            batch = (batch * 4).min(BATCH);
        }
    }
}

impl Selector for Dcom {
    fn info(&self) -> &'static MethodInfo {
        &INFO
    }

    fn params(&self) -> Map<String, Value> {
        params_of(self)
    }

    fn check(&self) -> Result<(), Error> {
        let wrong = |param, rule: &str, got: f64| {
            Err(Error::Param { method: INFO.name, param, rule: rule.into(), got: got.to_string() })
        };
        for (param, value) in [("initial_delta", self.initial_delta), ("max_delta", self.max_delta), ("k", self.k)] {
            if !(value.is_finite() && value > 0.0) {
                return wrong(param, "finite and above 0", value);
            }
        }
        if !(self.delta_resolution.is_finite() && self.delta_resolution >= FINEST * self.max_delta) {
            return wrong("delta_resolution", "finite and at least a millionth of max_delta", self.delta_resolution);
        }
        if !(0.0..=1.0).contains(&self.a) {
            return wrong("a", "from 0 to 1", self.a);
        }
        Ok(())
    }

    fn asks(&self) -> Asks {
        Asks::BeforeEach
    }

    fn plan(&self, shape: &Shape, budget: usize) -> Work {
        let (n, d) = (shape.n as f64, shape.dim as f64);
        let radii = self.radii_plan(shape);
        Work {
            passes: radii.passes + 1.0 + (budget + shape.labeled / 1024) as f64,
            gathered: radii.gathered + 100.0 * budget as f64,
            // Half for the sizes of the balls; how much for the covered rows depends on the radius.
            panel_ops: radii.panel_ops + 0.4 * n * n * d,
            bytes: RowScale::bytes(shape) + 24 * shape.n as u64 + radii.bytes.max(Cover::bytes(shape)),
            ..radii
        }
    }

    fn run(
        &self,
        pool: &CheckedPool<'_>,
        budget: usize,
        ctx: &mut Context,
        picks: &mut Vec<Pick>,
    ) -> Result<(), Error> {
        // Before anything that takes time: what is missing is known at once.
        let known = radii::Known::of(pool)?;
        let scaled = self.rows.apply(pool, ctx)?;
        let pool = scaled.as_ref().unwrap_or(pool);
        let radii = match &known {
            Some(known) => self.radii(pool, known, ctx)?,
            None => Vec::new(),
        };
        let mean = match radii.len() {
            0 => self.initial_delta,
            len => radii.iter().sum::<f64>() / len as f64,
        };
        ctx.record("mean_radius", mean);
        let mut cover = Cover::new(pool, Ball::Open.limit(mean * mean), ctx)?;
        warn_of_radius(cover.degrees(), mean, ctx);
        for (radius, rows) in radii::by_radius(&radii) {
            let rows: Vec<usize> = rows.iter().map(|&at| pool.labeled()[at]).collect();
            cover.cover_within(ctx, &rows, Ball::Open.limit(radius * radius))?;
        }
        let coverage = cover.n_covered() as f64 / pool.len() as f64;
        let competence = match known {
            // Where nothing is labeled there is no model to trust, whatever a and k are.
            None => 0.0,
            Some(_) => (self.competence(coverage) * 1e3).round() / 1e3,
        };
        ctx.record("coverage", coverage);
        ctx.record("competence", competence);
        let doubts = if competence > 0.0 { Self::doubts(pool, ctx)? } else { Vec::new() };
        let mut search = Search { cover, competence, doubts };
        ctx.progress().begin("picking", budget as u64);
        let mut lap = 1;
        while picks.len() < budget {
            let Some(found) = search.next(ctx)? else {
                // Where rules refuse rows, all candidates may have had their turn before there are enough picks.
                if competence == 1.0 || search.cover.n_left() == 0 {
                    break;
                }
                let what = "all that candidates can cover is covered";
                ctx.warn_once(&format!("{what} after"), format!("{} picks: covering began anew", picks.len()));
                search.cover.reset();
                lap += 1;
                continue;
            };
            let Found { row, score, covers, doubt } = found;
            if !ctx.take(pool, row)? {
                search.cover.pass_over(row);
                continue;
            }
            let rows = covers as usize;
            let reason = match competence {
                0.0 => Reason::Covers { rows, lap },
                _ => Reason::Doubted { rows, doubt, competence },
            };
            picks.push(Pick::new(row, score, reason));
            // Nothing asks for the gains after the last pick.
            if picks.len() < budget {
                search.cover.take(ctx, row)?;
            }
            ctx.progress().at(picks.len() as u64);
        }
        ctx.record("evaluations", search.cover.evaluations());
        if search.cover.n_left() > 0 {
            return random::fill(pool, "the model doubted no row that was left", budget, ctx, picks);
        }
        Ok(())
    }
}
