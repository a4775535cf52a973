//! Pictures at another size, value for value as Pillow's `Image.resize` makes them.
//!
//! Separable: rows first, then columns, each rounded to bytes. A value is the weighted mean of the pixels within the
//! filter's support, which grows with the scale when a picture shrinks (so nothing aliases); weights are normalized in
//! `f64` and then fixed to 22 binary places, so that sums are whole numbers and the same on every machine.

use std::ops::Range;

use crate::Filter;

/// Binary places of a weight: 8 bits of a value and 2 of headroom for the overshoot of the cubic fit beside them.
const PLACES: u32 = 32 - 8 - 2;

/// A part of a picture, which is resampled as if there were nothing around it.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    /// All pixels, 3 bytes each.
    pub(crate) pixels: &'a [u8],
    /// Pixels in a row of them.
    pub(crate) stride: usize,
    /// The first column and row of the part.
    pub(crate) corner: (usize, usize),
    /// Columns and rows of the part.
    pub(crate) size: (usize, usize),
}

impl<'a> Source<'a> {
    fn row(&self, y: usize) -> &'a [u8] {
        let start = 3 * ((self.corner.1 + y) * self.stride + self.corner.0);
        &self.pixels[start..start + 3 * self.size.0]
    }
}

/// Memory that is used again from one picture to the next.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resampler {
    columns: Weights,
    rows: Weights,
    between: Vec<u8>,
    sums: Vec<i32>,
}

impl Resampler {
    /// Scales `source` to `(width, height)` and writes the pixels `(columns, rows)` of that to `out`, which is of their
    /// size. What lies outside is never computed.
    pub(crate) fn window(
        &mut self,
        source: Source<'_>,
        (width, height): (usize, usize),
        (columns, rows): (Range<usize>, Range<usize>),
        filter: Filter,
        out: &mut [u8],
    ) {
        let (n_columns, n_rows) = (columns.len(), rows.len());
        assert_eq!(out.len(), 3 * n_columns * n_rows, "pixels of the window");
        self.columns.fill(source.size.0, width, columns, filter);
        self.rows.fill(source.size.1, height, rows, filter);
        let needed = self.rows.reach();
        self.between.resize(3 * n_columns * needed.len(), 0);
        for (y, line) in needed.clone().zip(self.between.chunks_exact_mut(3 * n_columns)) {
            self.columns.along(source.row(y), line);
        }
        self.sums.resize(3 * n_columns, 0);
        for (place, line) in out.chunks_exact_mut(3 * n_columns).enumerate() {
            let (first, weights) = self.rows.of(place);
            self.sums.fill(1 << (PLACES - 1));
            let start = 3 * n_columns * (first - needed.start);
            for (weight, above) in weights.iter().zip(self.between[start..].chunks_exact(3 * n_columns)) {
                self.sums.iter_mut().zip(above).for_each(|(sum, value)| *sum += weight * i32::from(*value));
            }
            line.iter_mut().zip(&self.sums).for_each(|(value, sum)| *value = byte(*sum));
        }
    }
}

/// The nearest byte to a sum that holds half a unit more.
fn byte(sum: i32) -> u8 {
    (sum >> PLACES).clamp(0, 255) as u8
}

/// For each place of a line, the pixels it is made of.
#[derive(Clone, Debug, Default)]
struct Weights {
    /// The first pixel, and how many.
    spans: Vec<(usize, usize)>,
    /// `per` weights for each place.
    values: Vec<i32>,
    per: usize,
    exact: Vec<f64>,
}

impl Weights {
    /// The weights of the places `window` of a line of `from` pixels scaled to `to`.
    fn fill(&mut self, from: usize, to: usize, window: Range<usize>, filter: Filter) {
        let scale = from as f64 / to as f64;
        let stretch = scale.max(1.0);
        let support = filter.support() * stretch;
        self.per = support.ceil() as usize * 2 + 1;
        self.spans.clear();
        self.values.clear();
        self.values.resize(self.per * window.len(), 0);
        for (place, out) in window.zip(self.values.chunks_exact_mut(self.per)) {
            let center = (place as f64 + 0.5) * scale;
            // Casts cut towards zero, and below zero they give 0.
            let first = (center - support + 0.5) as usize;
            let end = ((center + support + 0.5) as usize).min(from);
            self.exact.clear();
            self.exact.extend((first..end).map(|at| filter.at((at as f64 - center + 0.5) / stretch)));
            let sum: f64 = self.exact.iter().sum();
            for (out, weight) in out.iter_mut().zip(&self.exact) {
                let fixed = weight / sum * f64::from(1u32 << PLACES);
                *out = (fixed + 0.5f64.copysign(fixed)) as i32;
            }
            self.spans.push((first, end - first));
        }
    }

    /// The pixels that any place needs.
    fn reach(&self) -> Range<usize> {
        let first = self.spans.iter().map(|span| span.0).min().unwrap_or(0);
        first..self.spans.iter().map(|span| span.0 + span.1).max().unwrap_or(0)
    }

    /// The first pixel of a place, and the weights from it on.
    fn of(&self, place: usize) -> (usize, &[i32]) {
        let (first, count) = self.spans[place];
        (first, &self.values[place * self.per..][..count])
    }

    /// Scales one line.
    fn along(&self, from: &[u8], to: &mut [u8]) {
        for (place, out) in to.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let (first, weights) = self.of(place);
            let mut sums = [1 << (PLACES - 1); 3];
            for (weight, pixel) in weights.iter().zip(from[3 * first..].as_chunks::<3>().0) {
                for (sum, value) in sums.iter_mut().zip(pixel) {
                    *sum += weight * i32::from(*value);
                }
            }
            *out = sums.map(byte);
        }
    }
}

impl Filter {
    /// How far it reaches, in pixels of the larger scale.
    fn support(self) -> f64 {
        match self {
            Filter::Bilinear => 1.0,
            Filter::Bicubic => 2.0,
        }
    }

    fn at(self, x: f64) -> f64 {
        let x = x.abs();
        match self {
            Filter::Bilinear => (1.0 - x).max(0.0),
            // Keys 1981 with a = -0.5.
            Filter::Bicubic if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
            Filter::Bicubic if x < 2.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
            Filter::Bicubic => 0.0,
        }
    }
}
