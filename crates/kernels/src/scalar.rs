//! The portable kernels: the definition of every canonical value, and the oracle of the fast paths.

pub(crate) use crate::alike::{gains, units, units_above, units_above_weighted};
use crate::{Element, LANES, Rows, Values, linear, with_values};

/// Sums the lanes over the fixed tree. `+ 0.0` makes a sum of negative zeros positive; see `arch::generic`.
pub(crate) fn reduce(mut lanes: [f64; LANES]) -> f64 {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
        width /= 2;
    }
    lanes[0] + 0.0
}

fn sum_by(len: usize, mut step: impl FnMut(usize, f64) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    for i in 0..len {
        lanes[i % LANES] = step(i, lanes[i % LANES]);
    }
    reduce(lanes)
}

pub(crate) fn sq_norms_f32(rows: &[f32], dim: usize, out: &mut [f64]) {
    for (x, out) in rows.chunks_exact(dim).zip(out) {
        *out = sum_by(dim, |i, lane| f64::from(x[i]).mul_add(f64::from(x[i]), lane));
    }
}

pub(crate) fn l1_norms_f32(rows: &[f32], dim: usize, out: &mut [f64]) {
    for (x, out) in rows.chunks_exact(dim).zip(out) {
        *out = sum_by(dim, |i, lane| lane + f64::from(x[i]).abs());
    }
}

pub(crate) fn linf_norms_f32(rows: &[f32], dim: usize, out: &mut [f64]) {
    for (x, out) in rows.chunks_exact(dim).zip(out) {
        *out = x.iter().fold(0.0, |most: f64, v| most.max(f64::from(*v).abs()));
    }
}

pub(crate) fn dots(x: &[f64], panel: &[f64], out: &mut [f64]) {
    for (y, out) in panel.chunks_exact(x.len()).zip(out) {
        *out = sum_by(x.len(), |i, lane| x[i].mul_add(y[i], lane));
    }
}

pub(crate) fn dots_f32(y: &[f64], rows: &[f32], out: &mut [f64]) {
    for (x, out) in rows.chunks_exact(y.len()).zip(out) {
        *out = sum_by(y.len(), |i, lane| y[i].mul_add(f64::from(x[i]), lane));
    }
}

pub(crate) fn sq_dists(x: &[f32], panel: &[f32], out: &mut [f64]) {
    for (y, out) in panel.chunks_exact(x.len()).zip(out) {
        *out = sum_by(x.len(), |i, lane| {
            let diff = f64::from(x[i]) - f64::from(y[i]);
            diff.mul_add(diff, lane)
        });
    }
}

pub(crate) fn sq_dist_below(x: &[f32], y: &[f32], limit: f64) -> Option<f64> {
    let mut out = [0.0];
    sq_dists(x, y, &mut out);
    (out[0] < limit).then_some(out[0])
}

pub(crate) fn sums_f32(rows: &[f32], out: &mut [f64]) {
    for row in rows.chunks_exact(out.len()) {
        for (sum, value) in out.iter_mut().zip(row) {
            *sum += f64::from(*value);
        }
    }
}

pub(crate) fn subtract_scaled(v: &mut [f64], coef: f64, q: &[f64]) {
    for (v, q) in v.iter_mut().zip(q) {
        *v = (-coef).mul_add(*q, *v);
    }
}

pub(crate) fn scale(v: &mut [f32], scale: f64) {
    v.iter_mut().for_each(|v| *v = (f64::from(*v) * scale) as f32);
}

pub(crate) fn subtract_offset(rows: &mut [f32], offset: &[f32]) {
    for row in rows.chunks_exact_mut(offset.len()) {
        for (value, offset) in row.iter_mut().zip(offset) {
            *value -= *offset;
        }
    }
}

pub(crate) fn widen(rows: Rows<'_>, out: &mut [f32]) {
    with_values!(rows.values(), values => {
        for (value, out) in values.iter().zip(out) {
            *out = Element::to_f32(*value);
        }
    });
}

pub(crate) fn has_non_finite(rows: Rows<'_>) -> bool {
    match rows.values() {
        Values::I8(_) | Values::U8(_) => false,
        values => with_values!(values, values => values.iter().any(|v| !Element::to_f32(*v).is_finite())),
    }
}

pub(crate) fn panel_dots(left: &[f32], right: &[f32], dim: usize, out: &mut [f32], stride: usize) {
    for (x, out) in left.chunks_exact(dim).zip(out.chunks_mut(stride.max(1))) {
        for (y, out) in right.chunks_exact(dim).zip(out) {
            *out = x.iter().zip(y).map(|(a, b)| a * b).sum();
        }
    }
}

// Scans over one row of a panel product. Lengths are multiples of `LANES`; all values are finite, but for offsets of
// infinity, which pad a panel.

/// Whether for some `j` the value `offsets[j] - 2 dots[j]`, rounded once, is not above `limit`.
pub(crate) fn any_within(dots: &[f32], offsets: &[f32], limit: f32) -> bool {
    dots.iter().zip(offsets).any(|(dot, offset)| (-2.0_f32).mul_add(*dot, *offset) <= limit)
}

/// Sets in `masks`, a bit per `j` and sixteen to a mask, for which `j` the value `offsets[j] - 2 dots[j]` is not above
/// `limit` or `others[j] - 2 dots[j]` not above `other_limit`, both rounded once; tells whether for any.
pub(crate) fn either_within(
    dots: &[f32],
    offsets: &[f32],
    limit: f32,
    others: &[f32],
    other_limit: f32,
    masks: &mut [u16],
) -> bool {
    let mut any = false;
    masks.fill(0);
    for (j, ((dot, offset), other)) in dots.iter().zip(offsets).zip(others).enumerate() {
        if (-2.0_f32).mul_add(*dot, *offset) <= limit || (-2.0_f32).mul_add(*dot, *other) <= other_limit {
            masks[j / LANES] |= 1 << (j % LANES);
            any = true;
        }
    }
    any
}

/// The least `offsets[j] - 2 dots[j]`, its lowest `j`, and the least but that one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TwoLeast {
    pub(crate) least: f32,
    pub(crate) index: usize,
    pub(crate) second: f32,
}

impl TwoLeast {
    /// Of no values.
    pub(crate) const NONE: TwoLeast = TwoLeast { least: f32::INFINITY, index: usize::MAX, second: f32::INFINITY };

    /// Takes in one more value.
    pub(crate) fn offer(&mut self, value: f32, index: usize) {
        if value < self.least || (value == self.least && index < self.index) {
            self.second = self.least;
            (self.least, self.index) = (value, index);
        } else {
            self.second = self.second.min(value);
        }
    }
}

pub(crate) fn two_least(dots: &[f32], offsets: &[f32]) -> TwoLeast {
    let mut found = TwoLeast::NONE;
    for (index, (dot, offset)) in dots.iter().zip(offsets).enumerate() {
        found.offer((-2.0_f32).mul_add(*dot, *offset), index);
    }
    found
}

/// Of the values `offsets[j] - 2 dots[j]`, rounded once: how many are at most `certain`, each adding one to its count,
/// and how many are at most `maybe`, which is not below `certain`.
pub(crate) fn count_within(dots: &[f32], offsets: &[f32], certain: f32, maybe: f32, counts: &mut [u32]) -> (u32, u32) {
    let (mut found, mut possible) = (0, 0);
    for ((dot, offset), count) in dots.iter().zip(offsets).zip(counts) {
        let value = (-2.0_f32).mul_add(*dot, *offset);
        let is_within = u32::from(value <= certain);
        *count += is_within;
        found += is_within;
        possible += u32::from(value <= maybe);
    }
    (found, possible)
}

/// The least `offsets[j] - 2 dots[j] + own`; lowers each `least[j]` to its own of these.
pub(crate) fn least_both(dots: &[f32], offsets: &[f32], own: f32, least: &mut [f32]) -> f32 {
    let mut of_row = f32::INFINITY;
    for ((dot, offset), least) in dots.iter().zip(offsets).zip(least) {
        let value = (-2.0_f32).mul_add(*dot, *offset) + own;
        of_row = lesser(value, of_row);
        *least = lesser(value, *least);
    }
    of_row
}

/// The sum of how far `offsets[j] - 2 dots[j]` stay below `reach`; adds each to its own of `sums`.
pub(crate) fn shortfalls_both(dots: &[f32], offsets: &[f32], reach: f32, sums: &mut [f32]) -> f32 {
    let mut of_row = 0.0;
    for ((dot, offset), sum) in dots.iter().zip(offsets).zip(sums) {
        let shortfall = greater(2.0_f32.mul_add(*dot, -*offset) + reach, 0.0);
        of_row += shortfall;
        *sum += shortfall;
    }
    of_row
}

/// Inner products of `x` with the rows named, in any order of summation.
pub(crate) fn dots_few(x: &[f32], rows: &[f32], which: &[u32], out: &mut [f32]) {
    for (row, out) in which.iter().zip(out) {
        let row = &rows[*row as usize * x.len()..][..x.len()];
        *out = x.iter().zip(row).map(|(x, y)| x * y).sum();
    }
}

/// Lower bounds of distances in whole units, at most 65,535: of `sqrt(offsets[j] - 2 dots[j] + own)`, of which a length of 1
/// has `per_unit`, rounded down by more than all roundings.
pub(crate) fn floors(dots: &[f32], offsets: &[f32], own: f32, per_unit: f32, out: &mut [u16]) {
    for ((dot, offset), out) in dots.iter().zip(offsets).zip(out) {
        *out = floor((-2.0_f32).mul_add(*dot, *offset) + own, per_unit * FLOOR_ROOM);
    }
}

/// One of [`floors`]; 0 where it is no number.
#[inline(always)]
pub(crate) fn floor(square: f32, per_unit: f32) -> u16 {
    let units = greater(square, 0.0).sqrt() * per_unit;
    // In this order NaN stays, and becomes 0.
    lesser(65_535.0, units) as i32 as u16
}

/// Less than 1 by more than a root, two products and a conversion round.
pub(crate) const FLOOR_ROOM: f32 = 1.0 - 8.0 * f32::EPSILON;

/// Lowers each of `floors` by its own of `moved`, and pushes the places of those that are then at most `limit`.
pub(crate) fn lower_floors(floors: &mut [u16], moved: &[u16], limit: u16, open: &mut Vec<u32>) {
    for (place, (floor, moved)) in floors.iter_mut().zip(moved).enumerate() {
        *floor = floor.saturating_sub(*moved);
        if *floor <= limit {
            open.push(place as u32);
        }
    }
}

/// The greater; `b` where either is NaN.
#[inline(always)]
pub(crate) fn greater(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// The lesser; `b` where either is NaN.
#[inline(always)]
pub(crate) fn lesser(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

pub(crate) fn class_dots_f32(of: linear::Rows<'_, f32>, weights: &[f32], out: &mut [f32]) {
    linear::dots(of, weights, out);
}

pub(crate) fn class_dots_f64(of: linear::Rows<'_, f64>, weights: &[f64], out: &mut [f64]) {
    linear::dots(of, weights, out);
}

pub(crate) fn class_sums_f32(of: linear::Sums<'_, f32>, out: &mut [f32]) {
    linear::sums(of, out);
}

pub(crate) fn class_sums_f64(of: linear::Sums<'_, f64>, out: &mut [f64]) {
    linear::sums(of, out);
}
