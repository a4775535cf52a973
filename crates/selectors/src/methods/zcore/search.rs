//! What one draw does: the row nearest to a location, that row's neighbors, and what each of them pays. Exact: sample
//! and codes only bound where the answer can lie.

use subsel_kernels::{Hits, Interval, Kernels, NearestRow};

use super::locations::Location;
use crate::columns::Columns;
use crate::context::CHUNK_ROWS;
use crate::pool::CheckedPool;
use crate::random::Stream;

/// Scores are whole multiples of this many units to 1.
pub(crate) const UNIT: i64 = 1 << 40;

/// How neighbors pay and ties are decided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Neighbors that pay.
    pub(crate) k: usize,
    /// The power of distance by which they do.
    pub(crate) exponent: u32,
    /// Where ties are decided at random: from this stream.
    pub(crate) ties: Option<Stream>,
}

/// The search over one pool, by one thread.
pub(crate) struct Search<'a> {
    pool: &'a CheckedPool<'a>,
    columns: &'a Columns,
    kernels: Kernels,
    rules: Rules,
    /// Sampled rows that a first radius should take in, so that it hardly ever takes in fewer than `k` rows in all.
    wanted: usize,
    /// Whether codes rule out enough blocks to be worth a look.
    is_sparse: bool,
    /// Radius of the last draw over the spread of its columns: where to look first.
    last_reach: f32,
    /// The neighbors found last, the row itself left out.
    hits: Hits,
    shares: Vec<i64>,
    sample_dists: Vec<f32>,
    point: Vec<f32>,
    codes: Vec<(u8, u8)>,
}

/// What a draw does beside its credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charge {
    /// One row pays all: it coincides with the credited one.
    One(u32),
    /// The rows of [`Search::shares`] pay.
    Shared,
}

impl<'a> Search<'a> {
    /// A search; `pool` and `columns` are the same rows, at least two of them.
    pub(crate) fn new(pool: &'a CheckedPool<'a>, columns: &'a Columns, kernels: Kernels, rules: Rules) -> Self {
        // A sample of m rows holds about e = k m / n of the k nearest, give or take the square root.
        let expected = rules.k as f64 * columns.sampled() as f64 / columns.n() as f64;
        let wanted = (expected + 3.0 * expected.sqrt() + 4.0) as usize;
        // The box around the ball of `wanted` holds about twice as much; a block of 64 rows is empty of it so often.
        let in_box = (2.0 * wanted as f64 / columns.sampled() as f64).min(1.0);
        let is_sparse = (1.0 - in_box).powi(64) > 0.2;
        Search {
            pool,
            columns,
            kernels,
            rules,
            wanted,
            is_sparse,
            last_reach: 0.05,
            hits: Hits::default(),
            shares: Vec::new(),
            sample_dists: vec![0.0; columns.sampled()],
            point: Vec::new(),
            codes: Vec::new(),
        }
    }

    /// Bytes of the buffers at their largest: when every row is a hit.
    pub(crate) fn bytes(n: usize, k: usize) -> u64 {
        8 * n as u64 + 8 * k.min(n) as u64
    }

    /// Who pays how much, in units, after a draw that is [`Charge::Shared`].
    pub(crate) fn shares(&self) -> impl Iterator<Item = (u32, i64)> {
        self.hits.rows().iter().copied().zip(self.shares.iter().copied())
    }

    /// The credited row of a draw, and who pays.
    pub(crate) fn draw(&mut self, draw: u64, location: &Location) -> (u32, Charge) {
        let row = self.nearest(draw, location);
        (row, self.charge(draw, location, row))
    }

    /// Ranks rows that are equally far; the least comes first.
    fn tie_key(&self, draw: u64, row: u32) -> (u64, u32) {
        match self.rules.ties {
            Some(stream) => (stream.child(draw).bits(self.pool.global(row as usize) as u64), row),
            None => (0, row),
        }
    }

    fn nearest(&mut self, draw: u64, location: &Location) -> u32 {
        let sample = samples(self.columns, &location.columns);
        // Of some rows, so at least that of the nearest of all.
        let bound = self.kernels.l1_least(&sample, &location.at);
        // A row at a distance that rounds to at most `bound` differs by less than the next number in each column.
        let reach = bound.next_up();
        self.set_codes(&location.columns, location.at.iter().map(|at| (at - reach, at + reach)));
        let mut best = NearestRow::NONE;
        let mut intervals = Vec::with_capacity(location.columns.len());
        for chunk in 0..self.columns.chunks() {
            set_intervals(&mut intervals, self.columns, &self.codes, &location.columns, chunk);
            self.kernels.l1_nearest(&intervals, &location.at, (chunk * CHUNK_ROWS) as u32, &mut best);
        }
        match self.rules.ties {
            None => best.row,
            Some(_) => self.any_at(draw, location, best),
        }
    }

    /// Of the rows as near to the location as `best`, the first by tie key.
    fn any_at(&mut self, draw: u64, location: &Location, best: NearestRow) -> u32 {
        let dist = |row: usize| {
            let value = |column: &u32| f64::from(self.columns.value(row, *column as usize));
            location.columns.iter().zip(&location.at).fold(0.0, |sum, (column, at)| sum + (value(column) - at).abs())
        };
        let mut first = self.tie_key(draw, best.row);
        let mut intervals = Vec::with_capacity(location.columns.len());
        for chunk in 0..self.columns.chunks() {
            set_intervals(&mut intervals, self.columns, &self.codes, &location.columns, chunk);
            let is_in = |i: usize| intervals.iter().all(|c| (c.low..=c.high).contains(&c.codes[i]));
            for i in (0..intervals[0].codes.len()).filter(|i| is_in(*i)) {
                let row = chunk * CHUNK_ROWS + i;
                if dist(row) == best.dist {
                    first = first.min(self.tie_key(draw, row as u32));
                }
            }
        }
        first.1
    }

    /// Finds who pays for the credit of `row`.
    fn charge(&mut self, draw: u64, location: &Location, row: u32) -> Charge {
        self.point.clear();
        self.point.extend(location.columns.iter().map(|column| self.columns.value(row as usize, *column as usize)));
        let sample = samples(self.columns, &location.columns);
        self.kernels.l1_dists(&sample, &self.point, &mut self.sample_dists);
        if self.kernels.count_at_most(&self.sample_dists, 0.0) > 1
            && let Some(duplicate) = self.duplicate(draw, location, row)
        {
            return Charge::One(duplicate);
        }
        let others = self.columns.n() - 1;
        let k = self.rules.k.min(others);
        let mut radius = if k == others { f32::INFINITY } else { self.first_radius(location) };
        loop {
            self.collect(location, radius, false);
            let own = self.hits.rows().binary_search(&row).expect("a row is within any distance of itself");
            self.hits.remove(own);
            if self.hits.len() >= k {
                break;
            }
            radius = if radius > 0.0 { radius * 1.6 } else { f32::INFINITY };
        }
        let nearest = least(self.hits.dists());
        if nearest == 0.0 {
            return Charge::One(self.first_at_zero(draw).expect("a hit at distance zero"));
        }
        self.keep_nearest(draw, k, radius);
        self.share(nearest);
        Charge::Shared
    }

    /// A radius that takes in enough of the sample to take in `k` rows of all but rarely fails.
    fn first_radius(&mut self, location: &Location) -> f32 {
        let span = |column: &u32| self.columns.span(*column as usize);
        let spread: f32 = location.columns.iter().map(|column| span(column).most - span(column).least).sum();
        let count = |limit| self.kernels.count_at_most(&self.sample_dists, limit);
        if self.wanted >= self.sample_dists.len() || count(f32::MAX) < self.wanted {
            return f32::INFINITY;
        }
        let guess = self.last_reach * spread;
        let radius = limit_for(count, self.wanted, self.wanted / 8, guess, f32::MAX, self.sample_dists.len());
        if radius > 0.0 && radius < f32::MAX && spread.is_finite() {
            self.last_reach = radius / spread;
        }
        radius
    }

    /// The rows within `radius` of the point into the hits; with `stop_at_two`, only up to a piece that brings them to
    /// two.
    fn collect(&mut self, location: &Location, radius: f32, stop_at_two: bool) {
        // As for locations: what rounds to at most the radius differs by less than the next number.
        let reach = f64::from(radius.next_up());
        let point = self.point.clone();
        self.set_codes(&location.columns, point.iter().map(|at| (f64::from(*at) - reach, f64::from(*at) + reach)));
        self.hits.clear();
        let mut intervals = Vec::with_capacity(location.columns.len());
        for chunk in 0..self.columns.chunks() {
            set_intervals(&mut intervals, self.columns, &self.codes, &location.columns, chunk);
            let first = (chunk * CHUNK_ROWS) as u32;
            if self.is_sparse || radius == 0.0 {
                self.kernels.l1_within(&intervals, &self.point, radius, first, &mut self.hits);
            } else {
                self.kernels.l1_within_all(&intervals, &self.point, radius, first, &mut self.hits);
            }
            if stop_at_two && self.hits.len() >= 2 {
                return;
            }
        }
    }

    /// The first row, but `row` itself, that coincides with the point.
    fn duplicate(&mut self, draw: u64, location: &Location, row: u32) -> Option<u32> {
        self.collect(location, 0.0, self.rules.ties.is_none());
        if let Ok(own) = self.hits.rows().binary_search(&row) {
            self.hits.remove(own);
        }
        self.first_at_zero(draw)
    }

    fn first_at_zero(&self, draw: u64) -> Option<u32> {
        let rows = self.hits.rows().iter().zip(self.hits.dists()).filter(|(_, dist)| **dist == 0.0);
        match self.rules.ties {
            None => rows.map(|(row, _)| *row).next(),
            Some(_) => rows.map(|(row, _)| self.tie_key(draw, *row)).min().map(|key| key.1),
        }
    }

    /// Leaves the `k` nearest hits, ties by their key. There are at least so many.
    fn keep_nearest(&mut self, draw: u64, k: usize, radius: f32) {
        let found = self.hits.len();
        if found == k {
            return;
        }
        let (kernels, hits) = (self.kernels, &self.hits);
        // The count within a distance grows as its power of the number of columns; with two, as its square.
        let guess = radius * (k as f32 / found as f32).sqrt();
        let limit = limit_for(|limit| kernels.count_at_most(hits.dists(), limit), k, 0, guess, radius, found);
        kernels.keep_at_most(&mut self.hits, limit);
        let excess = self.hits.len() - k;
        if excess > 0 {
            let at_limit = |(_, dist): &(&u32, &f32)| **dist == limit;
            let tied = self.hits.rows().iter().zip(self.hits.dists()).filter(at_limit);
            let mut tied: Vec<(u64, u32)> = tied.map(|(row, _)| self.tie_key(draw, *row)).collect();
            tied.sort_unstable();
            let mut out: Vec<u32> = tied[tied.len() - excess..].iter().map(|key| key.1).collect();
            out.sort_unstable();
            self.hits.remove_rows(&out);
        }
    }

    /// What each hit pays: in proportion to the inverse power of its distance, 1 in all.
    fn share(&mut self, nearest: f32) {
        // In `f64` and relative to the nearest, which neither overflows nor underflows where it matters. Infinite
        // distances, of values near the greatest, are taken as that.
        let dists = self.hits.dists();
        let nearest = f64::from(nearest.min(f32::MAX));
        let ratio = |dist: &f32| nearest / f64::from(dist.min(f32::MAX));
        self.shares.clear();
        if self.rules.exponent == 4 {
            let fourth = |x: f64| (x * x) * (x * x);
            self.shares.extend(dists.iter().map(|dist| whole(fourth(ratio(dist)) * UNIT as f64)));
        } else {
            self.shares.extend(dists.iter().map(|dist| whole(power(ratio(dist), self.rules.exponent) * UNIT as f64)));
        }
        // At most 2^22 neighbors of at most 2^40 units.
        let total: i64 = self.shares.iter().sum();
        let scale = UNIT as f64 / total as f64;
        self.shares.iter_mut().for_each(|share| *share = whole(*share as f64 * scale));
        // Rounding leaves a few units, which the nearest makes up, so that a draw changes no sum.
        let rest = UNIT - self.shares.iter().sum::<i64>();
        let first = dists.iter().position(|dist| f64::from(dist.min(f32::MAX)) == nearest);
        self.shares[first.expect("one is the nearest")] += rest;
    }

    fn set_codes(&mut self, columns: &[u32], ranges: impl Iterator<Item = (f64, f64)>) {
        self.codes.clear();
        for (column, (low, high)) in columns.iter().zip(ranges) {
            // One number outwards makes up for the rounding of the ends.
            self.codes.push(self.columns.codes_between(*column as usize, low.next_down(), high.next_up()));
        }
    }
}

/// The columns' values in the sampled rows.
fn samples<'c>(columns: &'c Columns, of: &[u32]) -> Vec<&'c [f32]> {
    of.iter().map(|column| columns.sample(*column as usize)).collect()
}

/// One piece of each column with the codes to look at.
fn set_intervals<'c>(
    intervals: &mut Vec<Interval<'c>>,
    columns: &'c Columns,
    codes: &[(u8, u8)],
    of: &[u32],
    chunk: usize,
) {
    intervals.clear();
    intervals.extend(of.iter().zip(codes).map(|(column, (low, high))| Interval {
        values: columns.values(chunk, *column as usize),
        codes: columns.codes(chunk, *column as usize),
        low: *low,
        high: *high,
    }));
}

/// The least of some distances; infinity of none.
fn least(dists: &[f32]) -> f32 {
    // Numbers that are not negative order as their bits do, and integers are compared many at a time.
    let bits = dists.iter().map(|dist| dist.to_bits() as i32).min();
    bits.map_or(f32::INFINITY, |bits| f32::from_bits(bits as u32))
}

/// The nearest whole number, for `0 <= x < 2^51`; half to even. (In this range the last bit of `x + 2^52` is worth 1.)
fn whole(x: f64) -> i64 {
    const SHIFT: f64 = (1_u64 << 52) as f64;
    ((x + SHIFT).to_bits() - SHIFT.to_bits()) as i64
}

/// `x` to the power `exponent` by squaring: the same products on every machine, as `powi` does not promise.
fn power(x: f64, mut exponent: u32) -> f64 {
    let (mut result, mut square) = (1.0, x);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result *= square;
        }
        square *= square;
        exponent >>= 1;
    }
    result
}

/// A limit, at most `most`, that `want` to `want + slack` of some numbers are at most; where ties allow none, the least
/// that `want` are. No number is negative. `count` tells how many are at most a limit, `counted` how many at most `most`,
/// which must be `want` or more. `guess` is where to look first.
fn limit_for(count: impl Fn(f32) -> usize, want: usize, slack: usize, guess: f32, most: f32, counted: usize) -> f32 {
    if counted <= want + slack {
        return most;
    }
    let (mut low, mut high): ((f32, usize), (f32, usize)) = ((0.0, count(0.0)), (most, counted));
    if low.1 >= want {
        return 0.0;
    }
    // The answer lies above `low`, and `high` is one unless too many lie below it.
    let mut next = guess;
    for step in 0.. {
        if high.0.to_bits() - low.0.to_bits() <= 1 {
            break;
        }
        if !(low.0 < next && next < high.0) {
            next = f32::from_bits(low.0.to_bits().midpoint(high.0.to_bits()));
        }
        let found = count(next);
        if found < want {
            low = (next, found);
        } else {
            high = (next, found);
            if found <= want + slack {
                break;
            }
        }
        // Counts in a plane grow about as the square of the distance. Every third step halves, lest one end stand still.
        let root = |count: usize| (count as f32).sqrt();
        let part = (root(want + slack / 2) - root(low.1)) / (root(high.1) - root(low.1));
        next = if step % 3 == 2 { f32::NAN } else { low.0 + (high.0 - low.0) * part };
    }
    high.0
}
