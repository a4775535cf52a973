//! A sample of the pool, the columns it is carried to, and the transport between them as it stands.

use subsel_kernels::Block;

use super::{Solved, exact, sinkhorn};
use crate::Error;
use crate::context::Context;
use crate::plan::Shape;
use crate::pool::CheckedPool;
use crate::random::Draws;
use crate::scan;
use crate::top::Key;

/// Rows tried as the medoid of a column, at most: those of most mass, of equals the nearest to the pick.
const MEDOIDS: usize = 64;

/// The problem and its present solution.
pub(super) struct Problem<'p> {
    pool: &'p CheckedPool<'p>,
    /// Rows that stand for the pool, ascending, and their values `(m, d)`.
    sample: Vec<usize>,
    values: Vec<f32>,
    /// Labeled rows, then picks.
    columns: Vec<usize>,
    labeled: usize,
    /// Rows that may become picks.
    is_open: Vec<bool>,
    /// Canonical distances `(m, k)`.
    cost: Vec<f64>,
    is_exact: bool,
    solved: Solved,
    offers: Vec<Offer>,
}

/// What a row is offered at the present prices.
#[derive(Clone, Copy)]
struct Offer {
    /// The least of `cost - price`, and where.
    least: f64,
    column: u32,
    /// The least elsewhere.
    second: f64,
}

impl<'p> Problem<'p> {
    /// The problem of these picks, solved.
    pub(super) fn new(
        pool: &'p CheckedPool<'p>,
        sample: Vec<usize>,
        picks: &[usize],
        is_exact: bool,
        ctx: &Context,
    ) -> Result<Self, Error> {
        let columns: Vec<usize> = pool.labeled().iter().chain(picks).copied().collect();
        let (k, dim) = (columns.len(), pool.dim());
        let values = gather(pool, &sample, ctx)?;
        let centers = gather(pool, &columns, ctx)?;
        let mut cost = vec![0.0; sample.len() * k];
        let mut state: Vec<&mut [f64]> = cost.chunks_exact_mut(k).collect();
        let fill = |(): &mut (), rows: std::ops::Range<usize>, state: &mut [&mut [f64]]| {
            for (row, out) in rows.zip(state) {
                ctx.kernels().sq_dists(&values[row * dim..(row + 1) * dim], &centers, out);
                out.iter_mut().for_each(|v| *v = v.sqrt());
            }
            Ok(None)
        };
        scan::chunks(sample.len(), ctx, &mut state, || (), fill, |()| Ok(()))?;
        drop(state);
        let mut is_open: Vec<bool> = (0..pool.len()).map(|row| pool.is_candidate(row)).collect();
        picks.iter().for_each(|&row| is_open[row] = false);
        let solved = solve(&cost, k, vec![0.0; k], (!is_exact).then_some(sinkhorn::ERROR), ctx)?;
        let offers = offers(&cost, &solved.prices);
        Ok(Problem { pool, sample, values, labeled: k - picks.len(), columns, is_open, cost, is_exact, solved, offers })
    }

    /// What the transport costs.
    pub(super) fn cost(&self) -> f64 {
        self.solved.cost
    }

    /// How far columns are from their shares, in all, relative to the whole mass.
    pub(super) fn error(&self) -> f64 {
        self.solved.error
    }

    /// The mean distance to the nearest column.
    pub(super) fn lower_bound(&self) -> f64 {
        let nearest = self.cost.chunks_exact(self.columns.len());
        nearest.map(|row| row.iter().copied().fold(f64::INFINITY, f64::min)).sum::<f64>() / self.sample.len() as f64
    }

    /// Each pick, with the mean distance over which mass is carried to it and how many rows of the sample send it some.
    pub(super) fn carried(&self) -> impl Iterator<Item = (usize, f64, usize)> + '_ {
        let k = self.columns.len();
        (self.labeled..k).map(move |s| {
            let rows = &self.solved.masses[s];
            let total: f64 = rows.iter().map(|(_, mass)| mass).sum();
            let cost: f64 = rows.iter().map(|(i, mass)| mass * self.cost[*i as usize * k + s]).sum();
            (self.columns[s], if total > 0.0 { cost / total } else { 0.0 }, rows.len())
        })
    }

    /// For each pick whose mass would be carried to another row at less: its column and that row, all different.
    pub(super) fn medoids(&self, ctx: &Context) -> Result<Vec<(usize, usize)>, Error> {
        let (k, dim) = (self.columns.len(), self.pool.dim());
        let mut moves = Vec::new();
        let mut is_claimed = vec![false; self.pool.len()];
        let (mut group, mut dists, mut sums) = (Vec::new(), Vec::new(), Vec::new());
        for s in self.labeled..k {
            ctx.go_on()?;
            let members = &self.solved.masses[s];
            let mut tries: Vec<(Key, Key, usize)> = members
                .iter()
                .filter(|(i, _)| self.is_open[self.sample[*i as usize]])
                .map(|&(i, mass)| (Key(-mass), Key(self.cost[i as usize * k + s]), i as usize))
                .collect();
            tries.sort_unstable();
            tries.truncate(MEDOIDS);
            group.clear();
            tries.iter().for_each(|(_, _, i)| group.extend_from_slice(&self.values[i * dim..(i + 1) * dim]));
            dists.resize(tries.len(), 0.0);
            sums.clear();
            sums.resize(tries.len(), 0.0);
            let mut now = 0.0;
            for &(i, mass) in members {
                let i = i as usize;
                ctx.kernels().sq_dists(&self.values[i * dim..(i + 1) * dim], &group, &mut dists);
                sums.iter_mut().zip(&dists).for_each(|(sum, sq_dist): (&mut f64, &f64)| *sum += mass * sq_dist.sqrt());
                now += mass * self.cost[i * k + s];
            }
            let found = sums.iter().zip(&tries).map(|(sum, (_, _, i))| (Key(*sum), self.sample[*i]));
            let best = found.filter(|(sum, row)| sum.0 < now && !is_claimed[*row]).min();
            if let Some((_, row)) = best {
                is_claimed[row] = true;
                moves.push((s, row));
            }
        }
        Ok(moves)
    }

    /// Puts these rows in the place of these columns if the cost falls by more than `gain`, relatively. Whether it did.
    pub(super) fn try_moves(&mut self, moves: &[(usize, usize)], gain: f64, ctx: &Context) -> Result<bool, Error> {
        let k = self.columns.len();
        let mut before = Vec::with_capacity(moves.len());
        for &(column, row) in moves {
            let distances = self.distances(row, ctx)?;
            let own = self.cost.iter_mut().skip(column).step_by(k);
            before.push(own.zip(distances).map(|(cost, new)| std::mem::replace(cost, new)).collect::<Vec<_>>());
        }
        let solved =
            solve(&self.cost, k, self.solved.prices.clone(), (!self.is_exact).then_some(sinkhorn::ERROR), ctx)?;
        let is_better = solved.cost < self.solved.cost * (1.0 - gain);
        if is_better {
            self.solved = solved;
            self.offers = offers(&self.cost, &self.solved.prices);
            for &(column, row) in moves {
                self.is_open[self.columns[column]] = true;
                self.columns[column] = row;
            }
            // Afterwards: one pick may take another's place.
            self.columns[self.labeled..].iter().for_each(|row| self.is_open[*row] = false);
        } else {
            for (&(column, _), before) in moves.iter().zip(before) {
                self.cost.iter_mut().skip(column).step_by(k).zip(before).for_each(|(cost, old)| *cost = old);
            }
        }
        Ok(is_better)
    }

    /// A random pick's column and a random row that may replace it; `None` where there is no such row.
    pub(super) fn draw_swap(&self, draws: &mut Draws) -> Option<(usize, usize)> {
        let picks = self.columns.len() - self.labeled;
        let column = self.labeled + draws.below(picks as u64) as usize;
        // As many rows are open as candidates are no picks.
        let open = self.pool.n_candidates() - picks;
        if open == 0 {
            return None;
        }
        let number = draws.below(open as u64) as usize;
        let rows = self.is_open.iter().enumerate().filter_map(|(row, is_open)| is_open.then_some(row));
        rows.into_iter().nth(number).map(|row| (column, row))
    }

    /// What the transport would cost at least with `row` in the place of a column. With the other columns' prices as
    /// they are and `q` as the row's, it is at least `mean_i min(u_i, c_i - q)` and the mean of all prices, where `u_i`
    /// is the least of `cost - price` over the others; this is largest where the row draws just its share.
    pub(super) fn bound_of_swap(&self, column: usize, row: usize, ctx: &Context) -> Result<f64, Error> {
        let (m, k) = (self.sample.len(), self.columns.len());
        let distances = self.distances(row, ctx)?;
        if k == 1 {
            return Ok(distances.iter().sum::<f64>() / m as f64);
        }
        let other = |offer: &Offer| if offer.column as usize == column { offer.second } else { offer.least };
        let mut offers: Vec<f64> =
            distances.iter().zip(&self.offers).map(|(cost, offer)| cost - other(offer)).collect();
        let share = (m.div_ceil(k) - 1).min(m - 1);
        let (_, &mut price, _) = offers.select_nth_unstable_by(share, f64::total_cmp);
        let carried = distances.iter().zip(&self.offers).map(|(cost, offer)| (cost - price).min(other(offer)));
        let carried: f64 = carried.sum();
        let paid: f64 =
            self.solved.prices.iter().enumerate().filter(|(s, _)| *s != column).map(|(_, price)| price).sum();
        Ok(carried / m as f64 + (paid + price) / k as f64)
    }

    /// The distance of each row of the sample to a row of the pool.
    fn distances(&self, row: usize, ctx: &Context) -> Result<Vec<f64>, Error> {
        let (m, dim) = (self.sample.len(), self.pool.dim());
        let x = gather(self.pool, &[row], ctx)?;
        let mut out = vec![0.0; m];
        let fill = |(): &mut (), rows: std::ops::Range<usize>, out: &mut [f64]| {
            ctx.kernels().sq_dists(&x, &self.values[rows.start * dim..rows.end * dim], out);
            out.iter_mut().for_each(|v| *v = v.sqrt());
            Ok(None)
        };
        scan::chunks(m, ctx, &mut out, || (), fill, |()| Ok(()))?;
        Ok(out)
    }

    /// Bytes for a sample of `m` rows and `k` columns, without the solver's.
    pub(super) fn bytes(shape: &Shape, m: usize, k: usize) -> u64 {
        // Columns of costs kept while moves are tried, rows read as stored, and two transports.
        let moved = 8 * m * k.min(shape.n - shape.labeled);
        (8 * m * k + moved + m * (4 * shape.dim + shape.value_bytes * shape.dim.min(4096) + 96) + 2 * shape.n) as u64
            + (k * (4 * shape.dim + 128)) as u64
    }
}

fn offers(cost: &[f64], prices: &[f64]) -> Vec<Offer> {
    let none = Offer { least: f64::INFINITY, column: 0, second: f64::INFINITY };
    let of_row = |costs: &[f64]| {
        costs.iter().zip(prices).map(|(cost, price)| cost - price).enumerate().fold(none, |offer, (column, reduced)| {
            if reduced < offer.least {
                Offer { least: reduced, column: column as u32, second: offer.least }
            } else {
                Offer { second: offer.second.min(reduced), ..offer }
            }
        })
    };
    cost.chunks_exact(prices.len()).map(of_row).collect()
}

/// A cheapest plan, or one whose marginals are off by less than `allowed`.
pub(super) fn solve(
    cost: &[f64],
    k: usize,
    prices: Vec<f64>,
    allowed: Option<f64>,
    ctx: &Context,
) -> Result<Solved, Error> {
    let allowed = allowed.filter(|_| cost.iter().any(|cost| *cost != 0.0));
    match allowed {
        None => exact::solve(cost, k, prices, ctx),
        Some(allowed) => sinkhorn::solve(cost, k, prices, allowed, ctx),
    }
}

/// The values of some rows, read a block at a time.
fn gather(pool: &CheckedPool<'_>, rows: &[usize], ctx: &Context) -> Result<Vec<f32>, Error> {
    let (mut scratch, mut wide) = (Block::default(), Vec::new());
    let mut values = Vec::with_capacity(rows.len() * pool.dim());
    for some in rows.chunks(ctx.block_rows(pool.dim())) {
        pool.gather_f32(ctx, some, &mut scratch, &mut wide)?;
        values.extend_from_slice(&wide);
    }
    Ok(values)
}
