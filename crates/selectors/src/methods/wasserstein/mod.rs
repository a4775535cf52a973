//! Wasserstein selection: rows that the pool can be carried to at little cost, each taking an equal share.

mod exact;
mod problem;
mod sinkhorn;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Error;
use crate::auto::Auto;
use crate::context::Context;
use crate::method::{MethodInfo, ParamInfo, Selector, params_of};
use crate::methods::k_means_centers::KMeansCenters;
use crate::methods::k_means_pp::KMeansPp;
use crate::methods::random::draw_uniform;
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::random::Draws;
use crate::selection::{Pick, Reason};
use crate::top::Key;
use crate::unit::RowScale;
use problem::Problem;

pub(crate) static INFO: MethodInfo = MethodInfo {
    name: "wasserstein",
    aliases: &["w1"],
    summary: "rows to which the pool is carried at little cost, an equal share to each: a heuristic for the integer program",
    needs: "",
    rows: "raw, as the network delivers them",
    nested: false,
    random: true,
    cost: "time O(iterations n d b) for the start, O((rounds + b) m d) and a transport of m sampled rows to b per change; memory O(n + m (d + b))",
    source: "Mahmood et al., Low-Budget Active Learning via Wasserstein Distance, 2022; improved by medoids and swaps, not by their program",
    not_when: "time matters: k-means-centers, its start, has most of the gain; or a large share of the pool is kept",
    params: &[
        ParamInfo {
            name: "start",
            values: "k-means or k-means-pp",
            doc: "what is improved: the rows nearest to k-means centers, or rows drawn in proportion to squared distance",
        },
        ParamInfo {
            name: "sample",
            values: "a count, at least 1",
            doc: "rows drawn to stand for the pool where it has more; fewer where costs would not fit 160 MB",
        },
        ParamInfo {
            name: "solver",
            values: "auto, exact or sinkhorn",
            doc: "of the transport; auto is exact up to 10,000,000 pairs of rows and picks and 2,000 picks",
        },
        ParamInfo {
            name: "rounds",
            values: "a count",
            doc: "medoid rounds at most; they end where the cost no longer falls by 1e-4 of itself",
        },
        ParamInfo {
            name: "swaps",
            values: "auto or a count",
            doc: "random swaps tried at the end; auto is the budget",
        },
        ParamInfo { name: "rows", values: "raw or unit", doc: "rows as given, or scaled to length 1" },
    ],
};

/// What is improved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Begin {
    /// The rows nearest to k-means centers.
    #[default]
    KMeans,
    /// Rows drawn in proportion to squared distance.
    KMeansPp,
}

/// How the transport is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Solver {
    /// Exactly where that is quick, else by Sinkhorn's iterations.
    #[default]
    Auto,
    /// By successive shortest paths.
    Exact,
    /// By Sinkhorn's iterations: nearly, from above.
    Sinkhorn,
}

/// Picks whose distance `W1(pool, picks and labeled rows)` is small: what it costs to carry the mass of the pool, spread
/// evenly over its rows, to the picks and labeled rows, an equal share to each.
///
/// A heuristic for an integer program, and no claim to its optimum: it starts from k-means, replaces picks by medoids of
/// what is carried to them while that lowers the cost, then tries random swaps. Unlike k-medoids every pick has to stand
/// for as many rows, so that dense regions get more picks.
///
/// # Input
/// Embeddings `(n, d)`. Labeled rows take their share; excluded rows still count as rows to be carried.
/// # Guarantees
/// Same picks for any number of threads. The cost, `w1`, is never above that of the start, `w1_start`, nor below
/// `lower_bound`, the mean distance to the nearest pick; all over the sample. Sinkhorn's costs are those of blurred
/// plans, a little above the true ones, with marginals right to 1e-6 or a warning.
/// # Errors
/// [`Error::Param`] for a sample of no rows.
/// # Cost
/// k-means first, then a transport per round and per swap that could pay: prices of the last one bound what a swap gains,
/// and dismiss most at `m` distances. Memory `O(n + m (d + b))` for a sample of `m` rows. Where a sample of two rows per
/// pick would not fit, the start is what is picked, with a warning.
/// # Source
/// Mahmood et al., "Low-budget active learning via Wasserstein distance: an integer programming approach", 2022.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wasserstein {
    /// What is improved. Default: [`Begin::KMeans`].
    pub start: Begin,
    /// Rows that stand for the pool, at most. Default: 20,000.
    pub sample: usize,
    /// How the transport is found. Default: [`Solver::Auto`].
    pub solver: Solver,
    /// Medoid rounds at most. Default: 20.
    pub rounds: usize,
    /// Random swaps tried. Default: [`Auto::Auto`], as many as picks.
    pub swaps: Auto<usize>,
    /// Whether rows are scaled. Default: [`RowScale::Raw`].
    pub rows: RowScale,
}

impl Default for Wasserstein {
    fn default() -> Self {
        Wasserstein {
            start: Begin::default(),
            sample: 20_000,
            solver: Solver::default(),
            rounds: 20,
            swaps: Auto::Auto,
            rows: RowScale::Raw,
        }
    }
}

/// Costs held at once, at most: 160 MB.
const MOST_COSTS: usize = 20_000_000;

/// Up to so many costs and columns the transport is solved exactly.
const MOST_EXACT: (usize, usize) = (10_000_000, 2_000);

/// Up to so many `m k^2` a transport alone, begun from no prices, is solved exactly: seconds.
const MOST_STEPS: usize = 1_000_000_000;

/// A change is kept where the cost falls by more than this, relatively.
const GAIN: f64 = 1e-4;

/// A transport: what it costs, how far columns are from their shares in all, prices of the columns, and which rows go to
/// each column, ascending, with their mass.
#[derive(Clone, Debug, PartialEq)]
struct Solved {
    cost: f64,
    error: f64,
    prices: Vec<f64>,
    masses: Vec<Vec<(u32, f64)>>,
}

/// What it costs to carry mass 1, spread evenly over `m` rows, to `k` columns, an equal share to each: the least mean of
/// `costs` `(m, k)`, finite and 0 or more. Exact where that is quick (see [`Solver::Auto`], and less than 10^9 `m k^2`),
/// else by Sinkhorn's iterations: a little above the least.
///
/// # Errors
/// [`Error::Interrupted`].
/// # Panics
/// If `k` is 0 or the costs are no `m` rows of `k`.
pub fn transport_cost(costs: &[f64], k: usize, ctx: &Context) -> Result<f64, Error> {
    assert!(k > 0 && costs.len().is_multiple_of(k), "costs (m, k)");
    let m = costs.len() / k;
    let is_exact = m * k <= MOST_EXACT.0 && k <= MOST_EXACT.1 && m * k <= MOST_STEPS / k;
    let allowed = (!is_exact).then_some(sinkhorn::ERROR_OF_COST);
    problem::solve(costs, k, vec![0.0; k], allowed, ctx).map(|solved| solved.cost)
}

/// Bytes that [`transport_cost`] takes beyond the costs.
pub fn transport_bytes(m: usize, k: usize) -> u64 {
    exact::bytes(m, k.min(MOST_EXACT.1)).max(sinkhorn::bytes(m, k))
}

impl Wasserstein {
    fn start(&self) -> Box<dyn Selector> {
        match self.start {
            Begin::KMeans => Box::new(KMeansCenters::default()),
            Begin::KMeansPp => Box::new(KMeansPp::default()),
        }
    }

    /// How many rows stand for a pool of `n` where there are `k` columns; `None` where costs of enough would not fit.
    fn sample_rows(&self, n: usize, k: usize) -> Option<usize> {
        let m = n.min(self.sample).min(MOST_COSTS / k);
        (m > 0 && (m == n || m >= 2 * k)).then_some(m)
    }

    fn is_exact(&self, m: usize, k: usize) -> bool {
        match self.solver {
            Solver::Auto => m * k <= MOST_EXACT.0 && k <= MOST_EXACT.1,
            Solver::Exact => true,
            Solver::Sinkhorn => false,
        }
    }

    /// Replaces picks by medoids of what is carried to them, round after round.
    fn improve_by_medoids(&self, problem: &mut Problem<'_>, ctx: &Context) -> Result<usize, Error> {
        ctx.progress().begin("moving picks to medoids", self.rounds as u64);
        for round in 0..self.rounds {
            ctx.progress().at(round as u64);
            let moves = problem.medoids(ctx)?;
            if moves.is_empty() || !problem.try_moves(&moves, GAIN, ctx)? {
                return Ok(round);
            }
        }
        Ok(self.rounds)
    }

    /// Tries to replace random picks by random rows.
    fn improve_by_swaps(&self, problem: &mut Problem<'_>, budget: usize, ctx: &mut Context) -> Result<(), Error> {
        let tries = self.swaps.or(budget);
        let mut draws = Draws::new(ctx.stream("wasserstein-swaps"));
        let (mut solved, mut kept) = (0, 0);
        ctx.progress().begin("trying swaps", tries as u64);
        for attempt in 0..tries {
            ctx.go_on()?;
            ctx.progress().at(attempt as u64);
            let Some((column, row)) = problem.draw_swap(&mut draws) else { break };
            if problem.bound_of_swap(column, row, ctx)? < problem.cost() * (1.0 - GAIN) {
                solved += 1;
                kept += usize::from(problem.try_moves(&[(column, row)], GAIN, ctx)?);
            }
        }
        ctx.record("swaps_tried", tries);
        ctx.record("swaps_solved", solved);
        ctx.record("swaps_kept", kept);
        Ok(())
    }
}

impl Selector for Wasserstein {
    fn info(&self) -> &'static MethodInfo {
        &INFO
    }

    fn params(&self) -> Map<String, Value> {
        params_of(self)
    }

    fn check(&self) -> Result<(), Error> {
        if self.sample == 0 {
            let (rule, got) = ("at least 1".into(), "0".into());
            return Err(Error::Param { method: INFO.name, param: "sample", rule, got });
        }
        Ok(())
    }

    fn plan(&self, shape: &Shape, budget: usize) -> Work {
        // Scaled rows that are kept serve the start as well.
        let scaled = Shape { cache_bytes: 0, ..*shape };
        let mut work = self.start().plan(if self.rows == RowScale::Unit { &scaled } else { shape }, budget);
        if self.rows == RowScale::Unit {
            work = Work { passes: work.passes + 1.0, bytes: work.bytes + RowScale::bytes(shape), ..work };
        }
        let k = shape.labeled + budget;
        let Some(m) = self.sample_rows(shape.n, k) else { return work };
        let is_exact = self.is_exact(m, k);
        let own = Problem::bytes(shape, m, k)
            + if is_exact { exact::bytes(m, k) } else { sinkhorn::bytes(m, k) }
            + 40 * shape.n as u64
            + if self.rows == RowScale::Unit { RowScale::bytes(shape) } else { 0 };
        let (m, k, d) = (m as f64, k as f64, shape.dim as f64);
        let (rounds, swaps) = ((self.rounds as f64).min(3.0), self.swaps.or(budget) as f64);
        let threads = shape.threads as f64;
        // Distances: of all columns, of medoids, of what swaps bring.
        let distances = (m * k * d + swaps * m * d) / threads + rounds * 64.0 * m * d;
        // As measured, in multiply-adds: the first transport, those of later rounds, and those of the swaps that the
        // bound lets through. Sinkhorn's iterations are hundreds of scans of the costs.
        let solved = swaps * if self.start == Begin::KMeans { 0.05 } else { 0.3 };
        let transports = if is_exact {
            m * k * k * (5.5 + 1.5 * rounds + 0.25 * solved) + 30.0 * m * k * (1.0 + rounds + solved)
        } else {
            2400.0 * m * k * (1.0 + rounds + solved) / threads
        };
        Work {
            gathered: work.gathered + m + swaps,
            canonical_ops: work.canonical_ops + distances + transports,
            bytes: work.bytes.max(own),
            ..work
        }
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
        let mut start = Vec::new();
        if budget == pool.n_candidates() {
            start.extend(pool.candidates().map(|row| Pick::new(row, 0.0, Reason::Start)));
        } else {
            self.start().run(pool, budget, ctx, &mut start)?;
        }
        let k = pool.labeled().len() + budget;
        let Some(m) = self.sample_rows(pool.len(), k) else {
            ctx.warn(format!(
                "costs of a sample of 2 rows for each of {k} picks and labeled rows would not fit: the picks are those of the start"
            ));
            picks.append(&mut start);
            return Ok(());
        };
        let mut sample: Vec<usize> = (0..pool.len()).collect();
        if m < pool.len() {
            let drawn = draw_uniform(pool, ctx.stream("wasserstein-sample"), 0..pool.len(), m);
            sample = drawn.into_iter().map(|(_, row)| row).collect();
            sample.sort_unstable();
        }
        let is_exact = self.is_exact(m, k);
        let rows: Vec<usize> = start.iter().map(|pick| pick.row).collect();
        drop(start);
        let mut problem = Problem::new(pool, sample, &rows, is_exact, ctx)?;
        ctx.record("w1_start", problem.cost());
        let rounds = self.improve_by_medoids(&mut problem, ctx)?;
        self.improve_by_swaps(&mut problem, budget, ctx)?;
        ctx.record("w1", problem.cost());
        ctx.record("lower_bound", problem.lower_bound());
        ctx.record("solver", if is_exact { "exact" } else { "sinkhorn" });
        if !is_exact {
            ctx.record("marginal_error", problem.error());
            if problem.error() >= sinkhorn::ERROR {
                ctx.warn(format!("Sinkhorn's iterations ended with marginals off by {:.1e}", problem.error()));
            }
        }
        ctx.record("sample", m);
        ctx.record("rounds", rounds);
        let mut found: Vec<(Key, usize, usize)> = problem.carried().map(|(row, d, n)| (Key(d), row, n)).collect();
        found.sort_unstable();
        picks.extend(
            found
                .into_iter()
                .map(|(Key(distance), row, rows)| Pick::new(row, -distance, Reason::Carries { rows, distance })),
        );
        Ok(())
    }
}
