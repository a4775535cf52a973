//! The portable kernels: the definition of every canonical value, and the oracle of the fast paths.

use crate::{Element, LANES, NonFinite, Rows, with_values};

/// Sums the lanes over the fixed tree.
pub(crate) fn reduce(mut lanes: [f64; LANES]) -> f64 {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
        width /= 2;
    }
    lanes[0]
}

fn sum_by(len: usize, mut step: impl FnMut(usize, f64) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    for i in 0..len {
        lanes[i % LANES] = step(i, lanes[i % LANES]);
    }
    reduce(lanes)
}

fn per_row(rows: Rows<'_>, out: &mut [f64], of_row: impl Fn(&dyn Fn(usize) -> f64) -> f64) {
    let dim = rows.dim();
    with_values!(rows.values(), values => {
        for (row, out) in values.chunks_exact(dim).zip(out) {
            *out = of_row(&|i| f64::from(Element::to_f32(row[i])));
        }
    });
}

pub(crate) fn sq_norms(rows: Rows<'_>, out: &mut [f64]) {
    let dim = rows.dim();
    per_row(rows, out, |x| sum_by(dim, |i, lane| x(i).mul_add(x(i), lane)));
}

pub(crate) fn l1_norms(rows: Rows<'_>, out: &mut [f64]) {
    let dim = rows.dim();
    per_row(rows, out, |x| sum_by(dim, |i, lane| lane + x(i).abs()));
}

pub(crate) fn linf_norms(rows: Rows<'_>, out: &mut [f64]) {
    let dim = rows.dim();
    per_row(rows, out, |x| (0..dim).fold(0.0, |most: f64, i| most.max(x(i).abs())));
}

pub(crate) fn dots(x: &[f64], panel: &[f64], out: &mut [f64]) {
    for (y, out) in panel.chunks_exact(x.len()).zip(out) {
        *out = sum_by(x.len(), |i, lane| x[i].mul_add(y[i], lane));
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

pub(crate) fn subtract_scaled(v: &mut [f64], coef: f64, q: &[f64]) {
    for (v, q) in v.iter_mut().zip(q) {
        *v = (-coef).mul_add(*q, *v);
    }
}

pub(crate) fn widen(rows: Rows<'_>, out: &mut [f32]) {
    with_values!(rows.values(), values => {
        for (value, out) in values.iter().zip(out) {
            *out = Element::to_f32(*value);
        }
    });
}

pub(crate) fn non_finite(rows: Rows<'_>) -> Option<NonFinite> {
    let dim = rows.dim();
    let mut found: Option<NonFinite> = None;
    with_values!(rows.values(), values => {
        for (i, value) in values.iter().enumerate() {
            if !Element::to_f32(*value).is_finite() {
                found.get_or_insert(NonFinite { count: 0, first: (i / dim, i % dim) }).count += 1;
            }
        }
    });
    found
}

pub(crate) fn panel_dots(left: &[f32], right: &[f32], dim: usize, out: &mut [f32]) {
    let k = right.len() / dim;
    for (x, out) in left.chunks_exact(dim).zip(out.chunks_exact_mut(k.max(1))) {
        for (y, out) in right.chunks_exact(dim).zip(out) {
            *out = x.iter().zip(y).map(|(a, b)| a * b).sum();
        }
    }
}
