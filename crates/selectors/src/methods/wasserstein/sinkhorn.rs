//! Entropic transport: Sinkhorn's iterations, annealed.
//!
//! Potentials are kept in the log domain and absorbed into the kernel `exp((f_i + g_s - c_is) / eps)` whenever eps falls
//! or a scaling grows large; between, iterations are products of the kernel with vectors (Schmitzer, Stabilized sparse
//! scaling algorithms for entropy regularized transport problems, 2019). Sums run in canonical order, and exponentials
//! and logarithms are `libm`'s, so that every machine gets the same bits.

use rayon::prelude::*;

use super::Solved;
use crate::Error;
use crate::context::{CHUNK_ROWS, Context};

/// Marginals of a plan are off by less than this in all, relative to the whole mass.
pub(super) const ERROR: f64 = 1e-6;

/// The same where only the cost is asked for, which the entropy puts off by more.
pub(super) const ERROR_OF_COST: f64 = 1e-4;

/// Rows of a chunk: few, since a pass is a few milliseconds of all threads, and fixed, so that sums are the same for any
/// number of them.
const ROWS: usize = 256;

/// The last eps, relative to the median cost.
const LAST: f64 = 0.01;

/// Iterations at each eps but the last, and at least at the last: more where they cost little. A plan that is still off
/// after them is taken as it is, and told.
const ITERATIONS: usize = 10;
const LAST_ITERATIONS: usize = 2000;
const LAST_WORK: usize = 1 << 30;

/// A scaling beyond this, or below its reciprocal, is absorbed.
const LARGE: f64 = 1e60;

/// Part of a row's mass below which it does not count among a column's rows.
const FAINT: f64 = 1e-3;

struct Sinkhorn<'c> {
    ctx: &'c Context,
    cost: &'c [f64],
    k: usize,
    eps: f64,
    /// Whether potentials of the rows were ever found; before, the columns' are a guess from outside.
    is_fitted: bool,
    /// Potentials of rows and columns.
    f: Vec<f64>,
    g: Vec<f64>,
    /// `(m, k)`: the plan but for what has been scaled since it was made.
    kernel: Vec<f64>,
    by_row: Vec<f64>,
    by_column: Vec<f64>,
}

impl Sinkhorn<'_> {
    fn m(&self) -> usize {
        self.f.len()
    }

    /// Runs `step(rows, of those rows, &mut results)` over chunks; its vectors, one value per column, are handed to
    /// `merge` in order.
    fn chunks<T: Send>(
        &self,
        state: &mut [T],
        step: impl Fn(std::ops::Range<usize>, &mut [T]) -> Option<Vec<f64>> + Sync,
        merge: impl FnMut(Vec<f64>),
    ) -> Result<(), Error> {
        self.ctx.go_on()?;
        let m = self.m();
        let step = |(i, state): (usize, &mut [T])| step(i * ROWS..((i + 1) * ROWS).min(m), state);
        let found: Vec<_> = self.ctx.threads().install(|| state.par_chunks_mut(ROWS).enumerate().map(step).collect());
        found.into_iter().flatten().for_each(merge);
        Ok(())
    }

    /// Takes the scalings into the potentials, fits columns and then rows in the log domain, and makes the kernel anew.
    fn absorb(&mut self, eps: f64) -> Result<(), Error> {
        let (k, cost, before) = (self.k, self.cost, std::mem::replace(&mut self.eps, eps));
        let take_in = |potentials: &mut [f64], scalings: &mut [f64]| {
            for (potential, by) in potentials.iter_mut().zip(scalings) {
                *potential += before * libm::log(std::mem::replace(by, 1.0));
            }
        };
        take_in(&mut self.f, &mut self.by_row);
        take_in(&mut self.g, &mut self.by_column);
        let g = if std::mem::replace(&mut self.is_fitted, true) { self.fitted_columns(eps)? } else { self.g.clone() };
        let mut kernel = std::mem::take(&mut self.kernel);
        let mut state: Vec<(&mut [f64], f64)> = kernel.chunks_exact_mut(k).map(|row| (row, 0.0)).collect();
        let m = state.len() as f64;
        self.chunks(
            &mut state,
            |rows, state| {
                for (i, (row, f)) in rows.zip(state) {
                    let mut most = f64::NEG_INFINITY;
                    for ((value, cost), g) in row.iter_mut().zip(&cost[i * k..(i + 1) * k]).zip(&g) {
                        *value = g - cost;
                        most = most.max(*value);
                    }
                    let mut sum = 0.0;
                    for value in row.iter_mut() {
                        *value = libm::exp((*value - most) / eps);
                        sum += *value;
                    }
                    let scale = 1.0 / (sum * m);
                    row.iter_mut().for_each(|value| *value *= scale);
                    *f = -most - eps * libm::log(sum * m);
                }
                None
            },
            |_| (),
        )?;
        let f = state.into_iter().map(|(_, f)| f).collect();
        (self.f, self.g, self.kernel) = (f, g, kernel);
        Ok(())
    }

    /// Potentials of the columns that give each its share: the largest exponent of each, then its sum relative to that.
    fn fitted_columns(&self, eps: f64) -> Result<Vec<f64>, Error> {
        let (k, cost, f) = (self.k, self.cost, &self.f);
        let mut largest = vec![f64::NEG_INFINITY; k];
        self.chunks(
            &mut vec![(); f.len()],
            |rows, _| {
                let mut most = vec![f64::NEG_INFINITY; k];
                for i in rows {
                    let values = cost[i * k..(i + 1) * k].iter().map(|cost| f[i] - cost);
                    most.iter_mut().zip(values).for_each(|(most, value)| *most = most.max(value));
                }
                Some(most)
            },
            |found| largest.iter_mut().zip(found).for_each(|(most, found)| *most = most.max(found)),
        )?;
        let mut sums = vec![0.0; k];
        self.chunks(
            &mut vec![(); f.len()],
            |rows, _| {
                let mut sums = vec![0.0; k];
                for i in rows {
                    let exponents =
                        cost[i * k..(i + 1) * k].iter().zip(&largest).map(|(cost, most)| f[i] - cost - most);
                    sums.iter_mut().zip(exponents).for_each(|(sum, exponent)| *sum += libm::exp(exponent / eps));
                }
                Some(sums)
            },
            |found| sums.iter_mut().zip(found).for_each(|(sum, found)| *sum += found),
        )?;
        Ok(largest.iter().zip(&sums).map(|(most, sum)| -most - eps * libm::log(sum * k as f64)).collect())
    }

    /// What the columns hold now.
    fn column_sums(&self) -> Result<Vec<f64>, Error> {
        let k = self.k;
        let mut total = vec![0.0; k];
        self.chunks(
            &mut vec![(); self.m()],
            |rows, _| {
                let mut sums = vec![0.0; k];
                for i in rows {
                    self.ctx.kernels().subtract_scaled(&mut sums, -self.by_row[i], &self.kernel[i * k..(i + 1) * k]);
                }
                Some(sums)
            },
            |found| total.iter_mut().zip(found).for_each(|(total, found)| *total += found),
        )?;
        total.iter_mut().zip(&self.by_column).for_each(|(total, by)| *total *= by);
        Ok(total)
    }

    /// Scales columns that hold `sums`, then rows, to their shares. Whether the kernel still serves.
    fn iterate(&mut self, sums: &[f64]) -> Result<bool, Error> {
        let (k, m) = (self.k, self.m());
        for (by, sum) in self.by_column.iter_mut().zip(sums) {
            *by /= sum * k as f64;
        }
        let mut by_row = std::mem::take(&mut self.by_row);
        self.chunks(
            &mut by_row,
            |rows, by_row| {
                self.ctx.kernels().dots(&self.by_column, &self.kernel[rows.start * k..rows.end * k], by_row);
                by_row.iter_mut().for_each(|by| *by = 1.0 / (*by * m as f64));
                None
            },
            |_| (),
        )?;
        self.by_row = by_row;
        let serves = |by: &f64| *by < LARGE && *by > 1.0 / LARGE;
        Ok(self.by_column.iter().all(serves) && self.by_row.iter().all(serves))
    }
}

/// A nearly cheapest plan for costs `(m, k)`, begun from these prices. Its marginals are off by less than `allowed` in all,
/// unless iterations run out.
///
/// # Errors
/// [`Error::Interrupted`].
pub(super) fn solve(cost: &[f64], k: usize, prices: Vec<f64>, allowed: f64, ctx: &Context) -> Result<Solved, Error> {
    let m = cost.len() / k;
    let (median, most) = spread(cost);
    let mut sinkhorn = Sinkhorn {
        ctx,
        cost,
        k,
        eps: most,
        is_fitted: false,
        f: vec![0.0; m],
        g: prices,
        kernel: vec![0.0; cost.len()],
        by_row: vec![1.0; m],
        by_column: vec![1.0; k],
    };
    let last = LAST * median;
    // Prices that are good already spare the way down to them.
    let is_warm = sinkhorn.g.iter().any(|price| *price != 0.0);
    let mut eps = if is_warm { 8.0 * last } else { most };
    let mut off = f64::INFINITY;
    loop {
        eps = eps.max(last);
        let is_last = eps == last;
        let (error, iterations) = if is_last {
            (allowed, LAST_ITERATIONS.max((LAST_WORK / cost.len()).min(20_000)))
        } else {
            (1e-2, ITERATIONS)
        };
        sinkhorn.absorb(eps)?;
        for _ in 0..iterations {
            ctx.go_on()?;
            let sums = sinkhorn.column_sums()?;
            off = sums.iter().map(|sum| (sum - 1.0 / k as f64).abs()).sum();
            if off < error {
                break;
            }
            // A column that underflowed is brought back in the log domain.
            if !sums.iter().all(|sum| *sum > 1.0 / LARGE) || !sinkhorn.iterate(&sums)? {
                sinkhorn.absorb(eps)?;
            }
        }
        if is_last {
            break;
        }
        eps /= 4.0;
    }
    finish(sinkhorn, off)
}

/// Reads the plan off.
fn finish(mut sinkhorn: Sinkhorn<'_>, error: f64) -> Result<Solved, Error> {
    let (m, k, eps) = (sinkhorn.m(), sinkhorn.k, sinkhorn.eps);
    let mut masses = vec![Vec::new(); k];
    let mut totals = vec![0.0; m.div_ceil(CHUNK_ROWS)];
    for (chunk, total) in totals.iter_mut().enumerate() {
        for i in chunk * CHUNK_ROWS..((chunk + 1) * CHUNK_ROWS).min(m) {
            let by_row = sinkhorn.by_row[i];
            for (s, kernel) in sinkhorn.kernel[i * k..(i + 1) * k].iter().enumerate() {
                let mass = by_row * kernel * sinkhorn.by_column[s];
                *total += mass * sinkhorn.cost[i * k + s];
                if mass * m as f64 > FAINT {
                    masses[s].push((i as u32, mass));
                }
            }
        }
    }
    sinkhorn.g.iter_mut().zip(&sinkhorn.by_column).for_each(|(g, by)| *g += eps * libm::log(*by));
    Ok(Solved { cost: totals.iter().sum(), error, prices: sinkhorn.g, masses })
}

/// The median of the costs (of the positive ones, where most are 0), and the largest.
fn spread(cost: &[f64]) -> (f64, f64) {
    // A few thousand, evenly spread, tell the median well enough.
    let step = (cost.len() / 8192).max(1) | 1;
    let mut some: Vec<f64> = cost.iter().step_by(step).copied().filter(|cost| *cost > 0.0).collect();
    let most = cost.iter().copied().fold(0.0, f64::max);
    if some.is_empty() {
        return (most, most);
    }
    let middle = some.len() / 2;
    let (_, median, _) = some.select_nth_unstable_by(middle, f64::total_cmp);
    (*median, most)
}

/// Bytes beyond the costs.
pub(super) fn bytes(m: usize, k: usize) -> u64 {
    // A row may be faintly in many columns, though its parts above a thousandth seldom are more than a few dozen.
    (8 * m * k + 16 * m * k.min(48) + 8 * k * m.div_ceil(ROWS) + 64 * (m + k)) as u64
}
