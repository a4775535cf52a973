//! Scans of columns: which rows lie near a point when only a few of their values count.
//!
//! A column is held twice: its values as `f32`, and a byte per value that tells between which two of 255 quantiles it
//! lies. Codes never decrease with the value, so an interval of codes holds every value of the interval it was made
//! from: looking at codes, a quarter of the bytes and 64 rows to an instruction, rules rows out and never in. Distances
//! are sums of absolute differences (L1), added in the order of the columns.

use crate::{Kernels, arch};

/// Quantiles that a column is coded by; codes are 0 to 255.
pub const CODE_EDGES: usize = 255;

/// Some rows of one column, and the interval of codes to look at.
#[derive(Clone, Copy, Debug)]
pub struct Interval<'a> {
    /// The values.
    pub values: &'a [f32],
    /// Their codes.
    pub codes: &'a [u8],
    /// The least code to look at.
    pub low: u8,
    /// The greatest code to look at, not below `low`.
    pub high: u8,
}

/// Rows found by a scan, ascending, and their distances.
#[derive(Clone, Debug, Default)]
pub struct Hits {
    pub(crate) dists: Vec<f32>,
    pub(crate) rows: Vec<u32>,
    pub(crate) len: usize,
}

/// Entries that a scan may write beyond its last hit: whole vectors are stored.
pub(crate) const SPARE: usize = 16;

impl Hits {
    /// Forgets the rows, keeps the memory.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Their numbers, ascending.
    pub fn rows(&self) -> &[u32] {
        &self.rows[..self.len]
    }

    /// Their distances.
    pub fn dists(&self) -> &[f32] {
        &self.dists[..self.len]
    }

    /// Leaves out one entry.
    pub fn remove(&mut self, index: usize) {
        self.dists.copy_within(index + 1..self.len, index);
        self.rows.copy_within(index + 1..self.len, index);
        self.len -= 1;
    }

    /// Leaves out the entries of some rows, ascending.
    pub fn remove_rows(&mut self, rows: &[u32]) {
        let until = std::mem::take(&mut self.len);
        for i in 0..until {
            let (dist, row) = (self.dists[i], self.rows[i]);
            if rows.binary_search(&row).is_err() {
                self.push(dist, row);
            }
        }
    }

    /// Makes room for `more` entries and what a vector may write beyond.
    fn reserve(&mut self, more: usize) {
        let need = self.len + more + SPARE;
        if self.rows.len() < need {
            self.dists.resize(need, 0.0);
            self.rows.resize(need, 0);
        }
    }

    pub(crate) fn push(&mut self, dist: f32, row: u32) {
        self.dists[self.len] = dist;
        self.rows[self.len] = row;
        self.len += 1;
    }
}

/// The nearest row so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NearestRow {
    /// Its distance.
    pub dist: f64,
    /// Its number.
    pub row: u32,
}

impl NearestRow {
    /// No row yet: farther than any.
    pub const NONE: NearestRow = NearestRow { dist: f64::INFINITY, row: u32::MAX };
}

impl Kernels {
    /// Puts into `best` the row nearest to the location `at` `(p,)` among those whose codes lie in all intervals, if it is
    /// nearer than `best`; the first of several. Rows are numbered from `first`. Distances are in `f64`, rounded at each addition
    /// and subtraction, so the same on every instruction set.
    ///
    /// # Panics
    /// If there is no column, or lengths differ.
    pub fn l1_nearest(self, columns: &[Interval<'_>], at: &[f64], first: u32, best: &mut NearestRow) {
        assert_eq!(columns.len(), at.len(), "one coordinate per column");
        check(columns, first);
        arch::l1_nearest(self, columns, at, first, best);
    }

    /// Appends to `hits` the rows whose distance to `at` `(p,)` is at most `radius`. The intervals must hold the codes of
    /// every such row; blocks without a row in all of them are passed over. Rows are numbered from `first`, which must be
    /// beyond the rows already there. Distances are in `f32`, rounded at each addition and subtraction, so the same on
    /// every instruction set.
    ///
    /// # Panics
    /// If there is no column, or lengths differ.
    pub fn l1_within(self, columns: &[Interval<'_>], at: &[f32], radius: f32, first: u32, hits: &mut Hits) {
        assert_eq!(columns.len(), at.len(), "one coordinate per column");
        hits.reserve(check(columns, first));
        arch::l1_within(self, columns, at, radius, first, hits);
    }

    /// As [`l1_within`](Self::l1_within) without a look at the codes: faster where most blocks of rows hold a hit.
    ///
    /// # Panics
    /// If there is no column, or lengths differ.
    pub fn l1_within_all(self, columns: &[Interval<'_>], at: &[f32], radius: f32, first: u32, hits: &mut Hits) {
        assert_eq!(columns.len(), at.len(), "one coordinate per column");
        hits.reserve(check(columns, first));
        arch::l1_within_all(self, columns, at, radius, first, hits);
    }

    /// Leaves those hits whose distance is at most `limit`, in order.
    pub fn keep_at_most(self, hits: &mut Hits, limit: f32) {
        hits.reserve(0);
        arch::keep_at_most(self, hits, limit);
    }

    /// How many values are at most `limit`; fewer than 2^32 values.
    pub fn count_at_most(self, values: &[f32], limit: f32) -> usize {
        arch::count_at_most(self, values, limit)
    }

    /// Writes the distances of some rows to `at` `(p,)` into `out`, as [`l1_within`](Self::l1_within) computes them.
    /// Each column holds the values of the same rows.
    ///
    /// # Panics
    /// If there is no column, or lengths differ.
    pub fn l1_dists(self, columns: &[&[f32]], at: &[f32], out: &mut [f32]) {
        assert_eq!(columns.len(), at.len(), "one coordinate per column");
        assert!(columns.iter().all(|values| values.len() == out.len()), "one output per row");
        arch::l1_dists(self, columns, at, out);
    }

    /// As [`l1_dists`](Self::l1_dists) in `f64`, as [`l1_nearest`](Self::l1_nearest) computes them; gives the least.
    ///
    /// # Panics
    /// If there is no column, or lengths differ.
    pub fn l1_least(self, columns: &[&[f32]], at: &[f64]) -> f64 {
        assert_eq!(columns.len(), at.len(), "one coordinate per column");
        assert!(columns.iter().all(|values| values.len() == columns[0].len()), "columns of one length");
        arch::l1_least(self, columns, at)
    }

    /// The code of each value: how many of the ascending `edges` are at most the value.
    ///
    /// # Panics
    /// If lengths differ.
    pub fn quantile_codes(self, values: &[f32], edges: &[f32; CODE_EDGES], out: &mut [u8]) {
        assert_eq!(values.len(), out.len(), "one code per value");
        for (value, out) in values.iter().zip(out) {
            *out = quantile_code(f64::from(*value), edges);
        }
    }

    /// Writes rows `(n, d)` by columns: value `j` of row `r` to `out[j * stride + at + r]`.
    ///
    /// # Panics
    /// If the rows do not fit between `at` and `stride`, or `out` is shorter than `(d, stride)`.
    pub fn transpose(self, rows: &[f32], dim: usize, out: &mut [f32], stride: usize, at: usize) {
        assert!(dim > 0 && rows.len().is_multiple_of(dim), "whole rows");
        assert!(at + rows.len() / dim <= stride && out.len() >= dim * stride, "room for (d, n)");
        // Sixteen columns at a time: their lines, and those of the rows read, stay in the first-level cache.
        for from in (0..dim).step_by(16) {
            for (r, row) in rows.chunks_exact(dim).enumerate() {
                for (j, value) in row.iter().enumerate().skip(from).take(16) {
                    out[j * stride + at + r] = *value;
                }
            }
        }
    }
}

/// The code of one value: how many of the ascending `edges` are at most it.
pub fn quantile_code(value: f64, edges: &[f32; CODE_EDGES]) -> u8 {
    let mut code = 0;
    for step in [128, 64, 32, 16, 8, 4, 2, 1] {
        // Adding rather than branching: codes are as good as random.
        code += step * usize::from(f64::from(edges[code + step - 1]) <= value);
    }
    code as u8
}

/// Rows of the columns, all of one length.
fn check(columns: &[Interval<'_>], first: u32) -> usize {
    let len = columns.first().expect("at least one column").values.len();
    for column in columns {
        assert!(column.values.len() == len && column.codes.len() == len, "columns of one length");
        assert!(column.low <= column.high, "an interval of codes");
    }
    assert!(u32::try_from(len).is_ok_and(|len| first.checked_add(len).is_some()), "row numbers fit 32 bits");
    len
}

/// The portable scans, and the ends of the others.
pub(crate) mod scalar {
    use super::{Hits, Interval, NearestRow};

    fn is_coded(columns: &[Interval<'_>], row: usize) -> bool {
        columns.iter().all(|column| (column.low..=column.high).contains(&column.codes[row]))
    }

    /// The distance of one row to a location.
    #[inline(always)]
    pub(crate) fn dist_f64(columns: &[Interval<'_>], at: &[f64], row: usize) -> f64 {
        columns.iter().zip(at).fold(0.0, |sum, (column, at)| sum + (f64::from(column.values[row]) - at).abs())
    }

    fn dist_f32(columns: &[Interval<'_>], at: &[f32], row: usize) -> f32 {
        columns.iter().zip(at).fold(0.0, |sum, (column, at)| sum + (column.values[row] - at).abs())
    }

    pub(crate) fn l1_nearest(columns: &[Interval<'_>], at: &[f64], first: u32, best: &mut NearestRow) {
        nearest_from(0, columns, at, first, best);
    }

    pub(crate) fn nearest_from(from: usize, columns: &[Interval<'_>], at: &[f64], first: u32, best: &mut NearestRow) {
        for row in (from..columns[0].values.len()).filter(|row| is_coded(columns, *row)) {
            let dist = dist_f64(columns, at, row);
            if dist < best.dist {
                *best = NearestRow { dist, row: first + row as u32 };
            }
        }
    }

    pub(crate) fn l1_within(columns: &[Interval<'_>], at: &[f32], radius: f32, first: u32, hits: &mut Hits) {
        within_from::<true>(0, columns, at, radius, first, hits);
    }

    pub(crate) fn l1_within_all(columns: &[Interval<'_>], at: &[f32], radius: f32, first: u32, hits: &mut Hits) {
        within_from::<false>(0, columns, at, radius, first, hits);
    }

    pub(crate) fn within_from<const CODED: bool>(
        from: usize,
        columns: &[Interval<'_>],
        at: &[f32],
        radius: f32,
        first: u32,
        hits: &mut Hits,
    ) {
        for row in (from..columns[0].values.len()).filter(|row| !CODED || is_coded(columns, *row)) {
            let dist = dist_f32(columns, at, row);
            if dist <= radius {
                hits.push(dist, first + row as u32);
            }
        }
    }

    pub(crate) fn keep_at_most(hits: &mut Hits, limit: f32) {
        keep_from(0, hits, limit);
    }

    /// Moves the entries from `from` on that are at most `limit` up to the first `hits.len`, and counts them in.
    pub(crate) fn keep_from(from: usize, hits: &mut Hits, limit: f32) {
        let until = std::mem::replace(&mut hits.len, from);
        for i in from..until {
            let (dist, row) = (hits.dists[i], hits.rows[i]);
            if dist <= limit {
                hits.push(dist, row);
            }
        }
    }

    pub(crate) fn count_at_most(values: &[f32], limit: f32) -> usize {
        values.iter().filter(|value| **value <= limit).count()
    }

    pub(crate) fn l1_dists(columns: &[&[f32]], at: &[f32], out: &mut [f32]) {
        for (row, out) in out.iter_mut().enumerate() {
            *out = columns.iter().zip(at).fold(0.0, |sum, (values, at)| sum + (values[row] - at).abs());
        }
    }

    pub(crate) fn l1_least(columns: &[&[f32]], at: &[f64]) -> f64 {
        let dist = |row: usize| columns.iter().zip(at).fold(0.0, |sum, (v, at)| sum + (f64::from(v[row]) - at).abs());
        (0..columns[0].len()).map(dist).fold(f64::INFINITY, f64::min)
    }
}
