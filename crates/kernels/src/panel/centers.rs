//! Squared distances of rows to a panel of centers: nearest center, pairs below a limit.

use super::tiles::{PanelScratch, Right, padded_len};
use super::{LARGE, MAX_DIM, U, f64_error, round_down, underflow};
use crate::scalar::TwoLeast;
use crate::{Kernels, LANES, Rows, arch, dot_error};
use std::borrow::Cow;
use std::ops::Range;

/// Centers `(k, d)`, prepared for the verbs that compare rows with all of them.
///
/// An offset near the mean of the rows makes norms, and with them all errors, smaller where the mean is large.
#[derive(Clone, Debug)]
pub struct Panel {
    /// The centers less the offset.
    pub(super) right: Right,
    /// The centers as given, where there is an offset.
    given: Option<Vec<f32>>,
    /// Squared norms of the centers less the offset, rounded to nearest, then infinities up to whole lanes.
    pub(super) near: Vec<f32>,
    /// Lower bounds of the same, already less the error of a pair that is owed to the center.
    pub(super) low: Vec<f32>,
    /// Whether a center is so large that its pairs are open.
    pub(super) is_open: Vec<bool>,
    pub(super) max_sq_norm: f64,
    /// Relative error of an approximate squared distance, errors 1 to 3 of the module's page.
    pub(super) error: f64,
}

/// The approximately nearest center of one row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nearest {
    /// The center of the least approximate squared distance; the lowest of equals.
    pub index: u32,
    /// That approximate squared distance (rounding may make it negative).
    pub sq_dist: f64,
    /// The least approximate squared distance of the other centers; infinite where there is none.
    pub second: f64,
    /// For every center, approximate and true squared distance differ by at most this. Infinite where nothing is known.
    pub error: f64,
}

impl Nearest {
    /// Nothing known yet.
    pub const NONE: Nearest =
        Nearest { index: u32::MAX, sq_dist: f64::INFINITY, second: f64::INFINITY, error: f64::INFINITY };

    /// Whether no other center can be as near, canonically or truly.
    pub fn is_certain(&self) -> bool {
        self.second - self.sq_dist > 2.0 * self.error
    }

    /// The squared distance to the canonically nearest center is at most the first, to every other at least the second.
    pub fn sq_bounds(&self) -> (f64, f64) {
        // Which center is the nearest is open where it is not certain: the other may be as near as the nearest.
        let other = if self.is_certain() { self.second } else { self.sq_dist };
        (self.sq_dist + self.error, (other - self.error).max(0.0))
    }

    /// Takes in the result of one more block of the panel, whose first center is `first`.
    fn merge(&mut self, block: TwoLeast, first: usize, row_sq_norm: f64) {
        let sq_dist = row_sq_norm + f64::from(block.least);
        let second = row_sq_norm + f64::from(block.second);
        if sq_dist < self.sq_dist || self.index == u32::MAX {
            self.second = self.sq_dist.min(second);
            (self.index, self.sq_dist) = ((first + block.index) as u32, sq_dist);
        } else {
            self.second = self.second.min(sq_dist);
        }
    }
}

impl Panel {
    /// Prepares `centers` `(k, d)`, `k >= 1`; `offset` `(d,)` is subtracted from centers and rows alike. Centers given as a
    /// `Vec` are not copied.
    ///
    /// # Panics
    /// If the lengths do not fit, `d` is 0 or above 2^20, or there are more than 2^32 - 1 centers.
    pub fn new<'c>(kernels: Kernels, centers: impl Into<Cow<'c, [f32]>>, dim: usize, offset: Option<&[f32]>) -> Panel {
        assert!((1..=MAX_DIM).contains(&dim), "dimension from 1 to {MAX_DIM}, got {dim}");
        let mut values = centers.into().into_owned();
        let n_centers = Rows::from_f32(&values, dim).len();
        assert!((1..u32::MAX as usize).contains(&n_centers), "centers counted by a u32, at least one");
        let mut error = 1.0001 * dot_error(dim) + f64_error(dim);
        let given = offset.map(|offset| {
            let given = values.clone();
            kernels.widen_offset(Rows::from_f32(&given, dim), offset, &mut values);
            error += 4.2 * U;
            given
        });
        let mut sq_norms = vec![0.0; n_centers];
        kernels.sq_norms_f32(&values, dim, &mut sq_norms);
        let padded = |of: &dyn Fn(f64) -> f32| {
            let mut out: Vec<f32> = sq_norms.iter().map(|n| of(*n)).collect();
            out.resize(padded_len(out.len()), f32::INFINITY);
            out
        };
        Panel {
            near: padded(&|sq_norm| sq_norm as f32),
            low: padded(&|sq_norm| round_down(sq_norm * (1.0 - error))),
            is_open: sq_norms.iter().map(|n| is_open(*n)).collect(),
            max_sq_norm: sq_norms.iter().copied().fold(0.0, f64::max),
            error,
            given,
            right: Right { values, dim, offset: offset.map(<[f32]>::to_vec) },
        }
    }

    /// Number of centers.
    pub fn len(&self) -> usize {
        self.right.len()
    }

    /// Whether there is no center: never.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Values per center.
    pub fn dim(&self) -> usize {
        self.right.dim
    }

    /// The centers as given, `(k, d)`.
    pub fn centers(&self) -> &[f32] {
        self.given.as_deref().unwrap_or(&self.right.values)
    }

    /// The centers as given, to be used again.
    pub fn into_centers(self) -> Vec<f32> {
        self.given.unwrap_or(self.right.values)
    }

    /// Center `index` as given.
    pub fn center(&self, index: usize) -> &[f32] {
        &self.centers()[index * self.dim()..(index + 1) * self.dim()]
    }

    /// A bound of the error of every approximate squared distance of a row of this squared norm: errors 1 to 4.
    fn nearest_error(&self, row_sq_norm: f64) -> f64 {
        if is_open(row_sq_norm) || is_open(self.max_sq_norm) {
            return f64::INFINITY;
        }
        (self.error + 4.0 * U) * 1.0001 * (row_sq_norm + self.max_sq_norm) + 4.0 * underflow(self.dim())
    }

    /// How far `low[j] - 2 dot` may be from the squared distance: errors 1 to 3 of row and center, of which `low` has
    /// taken in the center's once, and its rounding down.
    pub(super) fn excess_range(&self, row_sq_norm: f64) -> ExcessRange {
        let room = 4.0 * underflow(self.dim()) + f64_error(self.dim()) * (row_sq_norm + self.max_sq_norm);
        ExcessRange {
            low: row_sq_norm * (1.0 - self.error) - room,
            high: row_sq_norm * (1.0 + self.error) + self.max_sq_norm * (2.0 * self.error + 4.0 * U) + room,
        }
    }

    /// What `low[j] - 2 dot` must not exceed where the squared distance is below `limit`, rounded up.
    pub(super) fn threshold(&self, row_sq_norm: f64, limit: f64) -> f32 {
        if is_open(row_sq_norm) {
            return f32::INFINITY;
        }
        // A canonical distance below the (positive) limit is a true one below this.
        let limit = limit * (1.0 + f64_error(self.dim()));
        let own = row_sq_norm * (1.0 - self.error);
        let threshold = (limit - own + 4.0 * underflow(self.dim())) as f32;
        // Up by more than the conversion may have gone down. What that leaves of subnormal numbers and of the rounding
        // above is covered by the room in `underflow` and `f64_error`.
        threshold + threshold.abs() * f32::EPSILON
    }
}

/// What turns `low[j] - 2 dot` of one row into bounds of the squared distance.
pub(super) struct ExcessRange {
    low: f64,
    high: f64,
}

impl Bounds {
    /// Of a pair of which nothing is known.
    pub(super) const OPEN: Bounds = Bounds { low: 0.0, high: f64::INFINITY };
}

impl ExcessRange {
    pub(super) fn bounds(&self, excess: f64) -> Bounds {
        // The difference was rounded once.
        let rounding = 2.0 * U * excess.abs();
        Bounds { low: (self.low + excess - rounding).max(0.0), high: (self.high + excess + rounding).max(0.0) }
    }
}

/// Whether a vector of this squared norm is so large (or not a number) that products with it may overflow.
pub(super) fn is_open(sq_norm: f64) -> bool {
    // Written so that NaN is open.
    !matches!(sq_norm.partial_cmp(&LARGE), Some(std::cmp::Ordering::Less | std::cmp::Ordering::Equal))
}

/// Products looked at together where a row has something to visit.
const CHUNK: usize = 4 * LANES;

impl Kernels {
    /// The approximately nearest center of each row, with a rigorous error, into `out` `(n,)`.
    ///
    /// `row_sq_norms` are the squared norms `(n,)` of the rows less the panel's offset, as [`sq_norms`](Self::sq_norms)
    /// or [`sq_norms_offset`](Self::sq_norms_offset) give them; absent, they are computed on the way.
    /// Time `O(n k d)` at about the rate of [`panel_dots`](Self::panel_dots), on the calling thread.
    pub fn nearest(
        self,
        rows: Rows<'_>,
        row_sq_norms: Option<&[f64]>,
        panel: &Panel,
        scratch: &mut PanelScratch,
        out: &mut [Nearest],
    ) {
        self.nearest_each(rows, row_sq_norms, panel, scratch, out, |_, _, _, _| ());
    }

    /// As [`nearest`](Self::nearest), with the products for `each` as in [`assign_each`](Self::assign_each).
    fn nearest_each(
        self,
        rows: Rows<'_>,
        row_sq_norms: Option<&[f64]>,
        panel: &Panel,
        scratch: &mut PanelScratch,
        out: &mut [Nearest],
        mut each: impl FnMut(usize, f64, Range<usize>, &[f32]),
    ) {
        assert_eq!(rows.len(), out.len(), "one output per row");
        out.fill(Nearest::NONE);
        self.for_tiles(rows, row_sq_norms, &panel.right, scratch, |tile| {
            let near = &panel.near[tile.padded_columns()];
            for (row, sq_norm, dots) in tile.iter() {
                each(row, sq_norm, tile.padded_columns(), dots);
                out[row].merge(arch::two_least(self, dots, near), tile.columns.start, sq_norm);
                out[row].error = panel.nearest_error(sq_norm);
            }
        });
        for nearest in out.iter_mut().filter(|nearest| nearest.error == f64::INFINITY) {
            *nearest = Nearest { index: 0, ..Nearest::NONE };
        }
    }

    /// The canonically nearest center of each row, the lowest of equals, into `out` `(n,)`: the same on every
    /// instruction set, with or without an offset.
    ///
    /// [`nearest`](Self::nearest) first; rows that leaves open are compared canonically with the centers that may be
    /// nearest. `row_sq_norms` as there. For the distances see [`sq_dists_paired`](Self::sq_dists_paired).
    pub fn assign(
        self,
        rows: Rows<'_>,
        row_sq_norms: Option<&[f64]>,
        panel: &Panel,
        scratch: &mut PanelScratch,
        out: &mut [u32],
    ) {
        let mut nearest = vec![Nearest::NONE; rows.len()];
        self.assign_nearest(rows, row_sq_norms, panel, scratch, &mut nearest, out);
    }

    /// As [`assign`](Self::assign), and what [`nearest`](Self::nearest) found on the way into `nearest` `(n,)`: bounds
    /// of the distances to the nearest center and to the others, by which later calls can be spared.
    pub fn assign_nearest(
        self,
        rows: Rows<'_>,
        row_sq_norms: Option<&[f64]>,
        panel: &Panel,
        scratch: &mut PanelScratch,
        nearest: &mut [Nearest],
        out: &mut [u32],
    ) {
        self.assign_each(rows, row_sq_norms, panel, scratch, nearest, out, |_, _, _, _| ());
    }

    /// As [`assign_nearest`](Self::assign_nearest), and lower bounds of the distances of each row to all centers into
    /// `floors` `(n, k rounded up to whole lanes)`: whole numbers of units, of which a length of 1 has `per_unit`. 65,535
    /// stands for all beyond; 0 says nothing.
    #[allow(clippy::too_many_arguments)] // as its kin
    pub fn assign_floors(
        self,
        rows: Rows<'_>,
        row_sq_norms: Option<&[f64]>,
        panel: &Panel,
        per_unit: f32,
        scratch: &mut PanelScratch,
        nearest: &mut [Nearest],
        out: &mut [u32],
        floors: &mut [u16],
    ) {
        let stride = padded_len(panel.len());
        assert_eq!(floors.len(), rows.len() * stride, "whole lanes per row");
        self.assign_each(rows, row_sq_norms, panel, scratch, nearest, out, |row, sq_norm, columns, dots| {
            let floors = &mut floors[row * stride..(row + 1) * stride][columns.clone()];
            if is_open(sq_norm) || is_open(panel.max_sq_norm) {
                floors.fill(0);
            } else {
                // The bound covers what this rounds.
                let own = (sq_norm - panel.sq_dist_error(sq_norm)) as f32;
                arch::floors(self, dots, &panel.near[columns], own, per_unit, floors);
            }
        });
    }

    /// Approximate squared distances of one row `x` `(d,)` to the centers named, into `out`: each within
    /// [`Panel::sq_dist_error`] of the true (and the canonical) one. `sq_norm` is the canonical squared norm of `x`. The
    /// panel must have no offset.
    pub fn sq_dists_near(self, x: &[f32], sq_norm: f64, panel: &Panel, which: &[u32], out: &mut [f64]) {
        assert!(panel.right.offset.is_none() && x.len() == panel.dim(), "rows and panel of one dimension, no offset");
        assert_eq!(which.len(), out.len(), "one output per center");
        let mut dots = [0.0; 4 * LANES];
        for (which, out) in which.chunks(dots.len()).zip(out.chunks_mut(dots.len())) {
            let dots = &mut dots[..which.len()];
            arch::dots_few(self, x, &panel.right.values, which, dots);
            for ((center, dot), out) in which.iter().zip(dots).zip(out) {
                *out = sq_norm + f64::from(panel.near[*center as usize]) - 2.0 * f64::from(*dot);
            }
        }
    }

    /// Begins to load the values of a row that is needed soon. It changes nothing.
    pub fn prefetch(self, x: &[f32]) {
        arch::prefetch(x);
    }

    /// Lowers the [floors](Self::assign_floors) of one row, `(k rounded up to whole lanes,)`, by how far centers have
    /// moved, and adds to `open` the places of those that are at most `limit` then, ascending; padding may be among them.
    pub fn lower_floors(self, floors: &mut [u16], moved: &[u16], limit: u16, open: &mut Vec<u32>) {
        assert!(floors.len() == moved.len() && floors.len().is_multiple_of(LANES), "whole lanes");
        arch::lower_floors(self, floors, moved, limit, open);
    }

    /// Assigns every row, and hands each row's products to `each(row, squared norm, padded columns, products)`.
    #[allow(clippy::too_many_arguments)] // as its kin
    fn assign_each(
        self,
        rows: Rows<'_>,
        row_sq_norms: Option<&[f64]>,
        panel: &Panel,
        scratch: &mut PanelScratch,
        nearest: &mut [Nearest],
        out: &mut [u32],
        each: impl FnMut(usize, f64, Range<usize>, &[f32]),
    ) {
        assert_eq!(rows.len(), out.len(), "one output per row");
        self.nearest_each(rows, row_sq_norms, panel, scratch, nearest, each);
        let mut doubtful = Vec::new();
        for (row, nearest) in nearest.iter().enumerate() {
            out[row] = nearest.index;
            if !nearest.is_certain() {
                doubtful.push(row);
            }
        }
        for doubtful in doubtful.chunks(DOUBTFUL) {
            self.settle(rows, nearest, doubtful, panel, scratch, out);
        }
    }

    /// Finds the canonically nearest center of the rows named in `doubtful`.
    fn settle(
        self,
        rows: Rows<'_>,
        nearest: &[Nearest],
        doubtful: &[usize],
        panel: &Panel,
        scratch: &mut PanelScratch,
        out: &mut [u32],
    ) {
        let dim = panel.dim();
        let mut values = vec![0.0; doubtful.len() * dim];
        for (row, values) in doubtful.iter().zip(values.chunks_exact_mut(dim)) {
            self.widen(rows.slice(*row..row + 1), values);
        }
        // The nearest is no farther than this; one step more, for candidates are strictly below.
        let mut limits: Vec<f64> =
            doubtful.iter().map(|row| (nearest[*row].sq_dist + nearest[*row].error).next_up()).collect();
        let mut best = vec![f64::INFINITY; doubtful.len()];
        let settled = Rows::from_f32(&values, dim);
        self.candidates_shrinking(settled, None, panel, &mut limits, scratch, |i, center, limit| {
            // Centers come in ascending order, so that the lowest of equals stays.
            let row = &values[i * dim..(i + 1) * dim];
            if let Some(sq_dist) = self.sq_dist_below(row, panel.center(center), best[i]) {
                best[i] = sq_dist;
                out[doubtful[i]] = center as u32;
            }
            limit.min(best[i])
        });
    }

    /// Canonical squared distance of each row to one center, row `i` to center `indices[i]`, into `out` `(n,)`.
    pub fn sq_dists_paired(self, rows: Rows<'_>, panel: &Panel, indices: &[u32], out: &mut [f64]) {
        let dim = panel.dim();
        assert_eq!(rows.dim(), dim, "rows and panel of one dimension");
        assert!(rows.len() == indices.len() && rows.len() == out.len(), "one center and one output per row");
        self.by_widened(rows, |range, widened| {
            let pairs = indices[range.clone()].iter().zip(&mut out[range]);
            for (row, (index, out)) in widened.chunks_exact(dim).zip(pairs) {
                arch::sq_dists(self, row, panel.center(*index as usize), std::slice::from_mut(out));
            }
        });
    }

    /// Calls `visit(row, center)` for every pair whose canonical (or true) squared distance is below `limits[row]`,
    /// and for few others: those whose approximate squared distance less its error is.
    ///
    /// For each row the centers come in ascending order; rows come in tiles, and so not one after the other. Rows
    /// without a survivor, the common case of a k-center refresh, are dismissed by one vector scan.
    /// `row_sq_norms` and time as [`nearest`](Self::nearest), plus what `visit` does.
    pub fn candidates_below(
        self,
        rows: Rows<'_>,
        row_sq_norms: Option<&[f64]>,
        panel: &Panel,
        limits: &[f64],
        scratch: &mut PanelScratch,
        mut visit: impl FnMut(usize, usize),
    ) {
        let mut limits = limits.to_vec();
        self.candidates_shrinking(rows, row_sq_norms, panel, &mut limits, scratch, |row, center, limit| {
            visit(row, center);
            limit
        });
    }

    /// As [`candidates_below`](Self::candidates_below), where `visit(row, center, limit)` gets the limit of the row and
    /// returns the one from there on, which must not grow: lists of neighbors tighten as they fill. `limits` `(n,)`
    /// holds the last ones afterwards.
    pub fn candidates_shrinking(
        self,
        rows: Rows<'_>,
        row_sq_norms: Option<&[f64]>,
        panel: &Panel,
        limits: &mut [f64],
        scratch: &mut PanelScratch,
        mut visit: impl FnMut(usize, usize, f64) -> f64,
    ) {
        self.candidates_bounded(rows, row_sq_norms, panel, limits, scratch, |row, center, _, limit| {
            visit(row, center, limit)
        });
    }

    /// As [`candidates_shrinking`](Self::candidates_shrinking), where `visit(row, center, bounds, limit)` also gets
    /// bounds of the squared distance: enough to tell which pairs matter before any is worked out canonically.
    pub fn candidates_bounded(
        self,
        rows: Rows<'_>,
        row_sq_norms: Option<&[f64]>,
        panel: &Panel,
        limits: &mut [f64],
        scratch: &mut PanelScratch,
        mut visit: impl FnMut(usize, usize, Bounds, f64) -> f64,
    ) {
        assert_eq!(rows.len(), limits.len(), "one limit per row");
        self.for_tiles(rows, row_sq_norms, &panel.right, scratch, |tile| {
            let low = &panel.low[tile.padded_columns()];
            for (row, sq_norm, dots) in tile.iter() {
                // No distance is below zero.
                if limits[row] <= 0.0 {
                    continue;
                }
                let mut scan = Scan { panel, sq_norm, first: tile.columns.start, dots, limit: limits[row] };
                let mut visit = |center, bounds, limit| visit(row, center, bounds, limit);
                // In an open pair the product may be anything, so that vectors of products say nothing.
                if is_open(sq_norm) || is_open(panel.max_sq_norm) {
                    scan.each(0..tile.columns.len(), &mut visit);
                } else if arch::any_within(self, dots, low, scan.threshold()) {
                    scan.chunks(self, low, tile.columns.len(), &mut visit);
                }
                limits[row] = scan.limit;
            }
        });
    }
}

/// Bounds of a squared distance: the canonical (and the true) one is neither below `low` nor above `high`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// At least this.
    pub low: f64,
    /// At most this; infinite where nothing is known.
    pub high: f64,
}

/// One row's products with a block of the panel, while they are searched.
struct Scan<'a> {
    panel: &'a Panel,
    sq_norm: f64,
    /// The first center of the block.
    first: usize,
    dots: &'a [f32],
    limit: f64,
}

impl Scan<'_> {
    fn threshold(&self) -> f32 {
        self.panel.threshold(self.sq_norm, self.limit)
    }

    /// Visits the candidates among the first `len` columns, skipping chunks with nothing in them.
    fn chunks(&mut self, kernels: Kernels, low: &[f32], len: usize, visit: &mut impl FnMut(usize, Bounds, f64) -> f64) {
        for start in (0..len).step_by(CHUNK) {
            let whole = start..(start + CHUNK).min(self.dots.len());
            if arch::any_within(kernels, &self.dots[whole.clone()], &low[whole.clone()], self.threshold()) {
                self.each(start..whole.end.min(len), visit);
            }
        }
    }

    /// Visits the candidates among `columns`.
    fn each(&mut self, columns: Range<usize>, visit: &mut impl FnMut(usize, Bounds, f64) -> f64) {
        let mut threshold = self.threshold();
        let open_row = is_open(self.sq_norm);
        let range = self.panel.excess_range(self.sq_norm);
        for column in columns {
            let center = self.first + column;
            // The product with 2 is exact: the bits of a fused multiply-add, which may be a call on this path.
            let excess = self.panel.low[center] - 2.0 * self.dots[column];
            let is_open = open_row || self.panel.is_open[center];
            if excess <= threshold || is_open {
                let bounds = if is_open { Bounds::OPEN } else { range.bounds(f64::from(excess)) };
                let limit = visit(center, bounds, self.limit);
                if limit != self.limit {
                    self.limit = limit;
                    threshold = self.threshold();
                }
            }
        }
    }
}

/// Rows settled at once: bounds the memory where all are doubtful.
const DOUBTFUL: usize = 256;
