//! All draws, in parallel, and what they add up to.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::locations::{Location, Locations};
use super::search::{Charge, Rules, Search, UNIT};
use crate::Error;
use crate::columns::Columns;
use crate::context::Context;
use crate::plan::Shape;
use crate::pool::CheckedPool;

/// What the draws did to each row.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    /// Gains less losses of the even and of the odd draws, in units of 2^-40: exact for any number of draws.
    pub(crate) halves: Vec<[i128; 2]>,
    /// How many locations a row was the nearest to.
    pub(crate) credits: Vec<u64>,
    /// Draws whose credited row coincides with another in the columns drawn.
    pub(crate) duplicates: u64,
}

/// Draws sorted at once.
const BATCH: u64 = 1 << 20;
/// Draws that a worker takes at once.
const JOB: usize = 256;
/// Draws after which a worker's 64-bit sums could be too small: a draw changes none by more than 2^40 units.
const SPILL_AFTER: u64 = 1 << 22;

impl Tally {
    /// Of no draws.
    pub(crate) fn empty(n: usize) -> Self {
        Tally { halves: vec![[0; 2]; n], credits: vec![0; n], duplicates: 0 }
    }

    /// Of a pool with one row: it is the nearest to every location, and nobody pays.
    pub(crate) fn of_one_row(draws: u64) -> Self {
        let half = |draws: u64| i128::from(draws) * i128::from(UNIT);
        Tally { halves: vec![[half(draws.div_ceil(2)), half(draws / 2)]], credits: vec![draws], duplicates: 0 }
    }

    /// Bytes of the sums, of what the workers hold and of the order of draws.
    pub(crate) fn bytes(shape: &Shape, draws: u64, k: usize) -> u64 {
        let n = shape.n as u64;
        let workers = shape.threads as u64 * (16 * n + Search::bytes(shape.n, k));
        40 * n + workers + 8 * draws.min(BATCH)
    }

    /// Makes the draws `0..draws`.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub(crate) fn of_draws(
        pool: &CheckedPool<'_>,
        columns: &Columns,
        locations: &Locations<'_>,
        rules: Rules,
        draws: u64,
        ctx: &Context,
    ) -> Result<Tally, Error> {
        let n = columns.n();
        let credits: Vec<AtomicU64> = (0..n).map(|_| AtomicU64::new(0)).collect();
        let duplicates = AtomicU64::new(0);
        let total = Mutex::new(vec![[0; 2]; n]);
        let stopped = AtomicBool::new(false);
        let done = AtomicU64::new(0);
        ctx.progress().begin("drawing locations", draws);
        let jobs = (draws.min(BATCH) as usize).div_ceil(JOB);
        let workers = ctx.threads().current_num_threads().min(jobs);
        // Each worker keeps its sums and buffers from batch to batch.
        let mut workers: Vec<Worker<'_>> = (0..workers)
            .map(|_| Worker { search: Search::new(pool, columns, ctx.kernels(), rules), sums: Sums::new(n) })
            .collect();
        for first in (0..draws).step_by(BATCH as usize) {
            let order = in_order(locations, first..draws.min(first + BATCH), ctx);
            let next = AtomicU64::new(0);
            let work = |worker: &mut Worker<'_>| {
                let mut location = Location::default();
                while let Some(job) = order.chunks(JOB).nth(next.fetch_add(1, Ordering::Relaxed) as usize) {
                    if ctx.go_on().is_err() {
                        return stopped.store(true, Ordering::Relaxed);
                    }
                    for key in job {
                        let draw = first + key % BATCH;
                        locations.place(draw, &mut location);
                        let (credited, is_duplicate) = worker.draw(draw, &location);
                        credits[credited as usize].fetch_add(1, Ordering::Relaxed);
                        duplicates.fetch_add(u64::from(is_duplicate), Ordering::Relaxed);
                    }
                    worker.sums.count(job.len() as u64, &total);
                    ctx.progress().at(done.fetch_add(job.len() as u64, Ordering::Relaxed) + job.len() as u64);
                }
            };
            ctx.threads().scope(|scope| workers.iter_mut().for_each(|worker| scope.spawn(|_| work(worker))));
            if stopped.load(Ordering::Relaxed) {
                return Err(Error::Interrupted);
            }
        }
        workers.iter_mut().for_each(|worker| worker.sums.spill(&total));
        Ok(Tally {
            halves: total.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()),
            credits: credits.into_iter().map(AtomicU64::into_inner).collect(),
            duplicates: duplicates.into_inner(),
        })
    }
}

/// Some draws by the columns they lie in, so that columns stay in the cache from draw to draw; the lowest bits of an
/// entry tell which draw of the batch it is. What is summed does not depend on the order.
fn in_order(locations: &Locations<'_>, draws: std::ops::Range<u64>, ctx: &Context) -> Vec<u64> {
    use rayon::prelude::*;
    ctx.threads().install(|| {
        let mut keys: Vec<u64> = (0..draws.end - draws.start).collect();
        let set_key = |columns: &mut Vec<u32>, key: &mut u64| {
            locations.choose(draws.start + *key, columns);
            let (a, b) = (columns[0], columns.get(1).copied().unwrap_or(0));
            // Four columns stay while all others pass by.
            let field = |value: u32, bits: u32, shift: u32| u64::from(value & ((1 << bits) - 1)) << shift;
            *key |= field(a >> 2, 20, 44) | field(b, 22, 22) | field(a, 2, 20);
        };
        keys.par_iter_mut().for_each_init(Vec::new, set_key);
        keys.par_sort_unstable();
        keys
    })
}

/// What one thread keeps.
struct Worker<'a> {
    search: Search<'a>,
    sums: Sums,
}

impl Worker<'_> {
    /// Makes a draw; gives the credited row, and whether it has a duplicate.
    fn draw(&mut self, draw: u64, location: &Location) -> (u32, bool) {
        let (credited, charge) = self.search.draw(draw, location);
        let half = (draw % 2) as usize;
        let sums = &mut self.sums.halves;
        sums[credited as usize][half] += UNIT;
        match charge {
            Charge::One(row) => sums[row as usize][half] -= UNIT,
            Charge::Shared => self.search.shares().for_each(|(row, share)| sums[row as usize][half] -= share),
        }
        (credited, charge != Charge::Shared)
    }
}

/// Sums that are fast to add to, and are emptied into wider ones before they could overflow.
struct Sums {
    halves: Vec<[i64; 2]>,
    draws: u64,
    spill_after: u64,
}

impl Sums {
    fn new(n: usize) -> Self {
        Sums { halves: vec![[0; 2]; n], draws: 0, spill_after: SPILL_AFTER - JOB as u64 }
    }

    /// Notes that so many draws were added, at most a job's.
    fn count(&mut self, draws: u64, total: &Mutex<Vec<[i128; 2]>>) {
        self.draws += draws;
        if self.draws >= self.spill_after {
            self.spill(total);
        }
    }

    fn spill(&mut self, total: &Mutex<Vec<[i128; 2]>>) {
        let mut total = total.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        for (total, own) in total.iter_mut().zip(&mut self.halves) {
            for (total, own) in total.iter_mut().zip(own) {
                *total += i128::from(std::mem::take(own));
            }
        }
        self.draws = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_beyond_64_bits_are_exact() {
        let total = Mutex::new(vec![[0; 2]; 2]);
        let mut sums = Sums { spill_after: 2, ..Sums::new(2) };
        for _ in 0..9 {
            sums.halves[1][0] += i64::MAX / 2;
            sums.halves[0][1] -= i64::MAX / 2;
            sums.count(1, &total);
        }
        sums.spill(&total);
        let large = 9 * i128::from(i64::MAX / 2);
        let total = total.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        assert_eq!(total, [[0, -large], [large, 0]]);
    }
}
