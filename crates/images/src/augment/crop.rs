//! Steps that move or cover pixels.

use subsel::Draws;

use super::{Padding, between};
use crate::Filter;
use crate::resample::{Resampler, Source};

/// Tries of a resized crop before it settles for the middle.
const TRIES: usize = 10;

/// A part of a picture: its first column and row, its columns and rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) corner: (usize, usize),
    pub(super) size: (usize, usize),
}

/// `out` is `from` padded by `pad` on all sides and cut to its size, `(left, top)` pixels of the padded picture cut away.
pub(super) fn padded(
    from: &[u8],
    out: &mut Vec<u8>,
    side: usize,
    (left, top): (usize, usize),
    pad: usize,
    padding: Padding,
) {
    out.clear();
    out.resize(from.len(), 0);
    // The column or row of the picture that a place of the padded one shows.
    let shown = |at: usize| match (at.checked_sub(pad), padding) {
        (Some(inner), _) if inner < side => Some(inner),
        (_, Padding::Zero) => None,
        (Some(beyond), Padding::Reflect) => Some(2 * (side - 1) - beyond),
        (None, Padding::Reflect) => Some(pad - at),
    };
    for (y, line) in out.chunks_exact_mut(3 * side).enumerate() {
        let Some(row) = shown(y + top) else { continue };
        let row = &from[3 * side * row..][..3 * side];
        // What is inside lies in one piece.
        let (first, end) = (pad.saturating_sub(left), (pad + side - left).min(side));
        line[3 * first..3 * end].copy_from_slice(&row[3 * (first + left - pad)..3 * (end + left - pad)]);
        for x in (0..first).chain(end..side) {
            if let Some(column) = shown(x + left) {
                line[3 * x..3 * x + 3].copy_from_slice(&row[3 * column..3 * column + 3]);
            }
        }
    }
}

/// Mirrors left to right.
pub(super) fn flip(pixels: &mut [u8], side: usize) {
    pixels.chunks_exact_mut(3 * side).for_each(|line| line.as_chunks_mut::<3>().0.reverse());
}

/// Draws the part of a resized crop.
pub(super) fn draw_part(side: usize, scale: (f64, f64), ratio: (f64, f64), draws: &mut Draws) -> Part {
    let logs = (libm::log(ratio.0), libm::log(ratio.1));
    for _ in 0..TRIES {
        let area = (side * side) as f64 * between(draws, scale);
        let shape = libm::exp(between(draws, logs));
        let (width, height) = ((area * shape).sqrt().round() as usize, (area / shape).sqrt().round() as usize);
        if (1..=side).contains(&width) && (1..=side).contains(&height) {
            let top = draws.below((side - height) as u64 + 1) as usize;
            let left = draws.below((side - width) as u64 + 1) as usize;
            return Part { corner: (left, top), size: (width, height) };
        }
    }
    middle_part(side, ratio)
}

/// The largest part in the middle whose shape is allowed.
fn middle_part(side: usize, ratio: (f64, f64)) -> Part {
    let long = side as f64;
    let (width, height) = match () {
        () if ratio.0 > 1.0 => (side, (long / ratio.0).round() as usize),
        () if ratio.1 < 1.0 => ((long * ratio.1).round() as usize, side),
        () => (side, side),
    };
    let (width, height) = (width.max(1), height.max(1));
    Part { corner: ((side - width) / 2, (side - height) / 2), size: (width, height) }
}

/// `out` is the part scaled to the whole.
pub(super) fn resized(from: &[u8], out: &mut Vec<u8>, side: usize, part: Part, resampler: &mut Resampler) {
    out.resize(from.len(), 0);
    let source = Source { pixels: from, stride: side, corner: part.corner, size: part.size };
    resampler.window(source, (side, side), (0..side, 0..side), Filter::Bilinear, out);
}

/// Fills the square of side `length` around `(x, y)`, see [`super::Step::Cutout`].
pub(super) fn cutout(pixels: &mut [u8], side: usize, (x, y): (f64, f64), length: f64, fill: [u8; 3]) {
    // USB passes over a length of 0; a rectangle would cover one pixel.
    if length <= 0.0 {
        return;
    }
    let span = |center: f64| {
        let first = (center - length / 2.0).max(0.0).floor();
        let last = (first + length).min(side as f64).floor() as usize;
        // The last one is covered too, where it is in the picture.
        first as usize..(last + 1).min(side)
    };
    let (columns, rows) = (span(x), span(y));
    for row in rows {
        let line = &mut pixels[3 * side * row..][..3 * side];
        line[3 * columns.start..3 * columns.end].as_chunks_mut::<3>().0.fill(fill);
    }
}
