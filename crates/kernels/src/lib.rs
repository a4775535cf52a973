//! Numerics over blocks of rows `(n, d)`, in two kinds that are never mixed.
//!
//! **Canonical values** decide picks. They are `f64`, summed in [`LANES`] fixed lanes (value `i` goes to lane
//! `i % LANES`) by fused multiply-add and then over a fixed tree, so that they have the same bits on every
//! instruction set, for every block size and storage type. **Bounds** come from fast products, of `f32` or of
//! bytes, and carry a proven error; a decision they leave open is taken on canonical values.
//!
//! Everything is a method of [`Kernels`], which holds the instruction set chosen at start. `scalar` is the portable
//! implementation and the oracle of the others; `arch` holds the SIMD paths and all `unsafe`.

mod alike;
mod arch;
mod codes;
mod columns;
mod isa;
mod linear;
mod panel;
mod rows;
mod scalar;

pub use alike::Similarity;
pub use codes::CodeWidth;
pub use columns::{CODE_EDGES, Hits, Interval, NearestRow, quantile_code};
pub use half::{bf16, f16};
pub use isa::Isa;
pub use linear::{Real, padded};
pub use panel::{Bounds, Codes, CodesFrame, CodesPanel, CodesScratch, Levels, Nearest, Panel, PanelScratch};
pub use rows::{Block, Dtype, Element, Rows, Values};

use std::ops::Range;

/// Lanes of a canonical sum.
pub const LANES: usize = 16;

/// The kernels of one instruction set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernels {
    isa: Isa,
}

/// Which norm of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormKind {
    /// Sum of absolute values.
    L1,
    /// Square root of the sum of squares.
    L2,
    /// Largest absolute value.
    Linf,
}

/// The values of a block that are NaN or infinite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NonFinite {
    /// How many values.
    pub count: usize,
    /// Row (within the block) and column of the first.
    pub first: (usize, usize),
}

impl Kernels {
    /// The kernels of `isa`, or `None` where this processor lacks it.
    pub fn new(isa: Isa) -> Option<Self> {
        isa.is_available().then_some(Kernels { isa })
    }

    /// The kernels of the strongest instruction set of this processor.
    pub fn best() -> Self {
        Kernels { isa: Isa::best() }
    }

    /// The instruction set in use.
    pub fn isa(self) -> Isa {
        self.isa
    }

    /// Canonical squared Euclidean norms of the rows into `out` `(n,)`.
    ///
    /// Within a relative `(d + 16) * 2^-53` of exact, as are all canonical sums of positive terms. Reads `f16` at about
    /// the speed of memory.
    pub fn sq_norms(self, rows: Rows<'_>, out: &mut [f64]) {
        self.for_widened(rows, out, arch::sq_norms_f32);
    }

    /// Canonical squared norms of `f32` rows of `dim` values, as [`sq_norms`](Self::sq_norms).
    pub fn sq_norms_f32(self, rows: &[f32], dim: usize, out: &mut [f64]) {
        self.sq_norms(Rows::from_f32(rows, dim), out);
    }

    /// Canonical norms of the rows into `out` `(n,)`. The values must be finite.
    pub fn norms(self, rows: Rows<'_>, kind: NormKind, out: &mut [f64]) {
        match kind {
            NormKind::L2 => {
                self.sq_norms(rows, out);
                out.iter_mut().for_each(|v| *v = v.sqrt());
            }
            NormKind::L1 => self.for_widened(rows, out, arch::l1_norms_f32),
            NormKind::Linf => self.for_widened(rows, out, arch::linf_norms_f32),
        }
    }

    /// Canonical inner products of one vector `x` `(d,)` with each row of `panel` `(m, d)` into `out` `(m,)`.
    pub fn dots(self, x: &[f64], panel: &[f64], out: &mut [f64]) {
        assert_eq!(panel.len(), x.len() * out.len(), "panel is (m, d)");
        if x.is_empty() {
            out.fill(0.0);
        } else {
            arch::dots(self, x, panel, out);
        }
    }

    /// Canonical inner products of each row with one vector `y` `(d,)` into `out` `(n,)`: the bits of
    /// [`dots`](Self::dots) with the row widened to `f64`.
    pub fn dots_rows(self, rows: Rows<'_>, y: &[f64], out: &mut [f64]) {
        assert_eq!(rows.dim(), y.len(), "vectors of one length");
        self.for_widened(rows, out, |kernels, widened, _, out| arch::dots_f32(kernels, y, widened, out));
    }

    /// Canonical squared distances of one vector `x` `(d,)` to each row of `panel` `(m, d)` into `out` `(m,)`:
    /// differences in `f64`, so exact to rounding even where `x` and the row nearly coincide.
    pub fn sq_dists(self, x: &[f32], panel: &[f32], out: &mut [f64]) {
        assert_eq!(panel.len(), x.len() * out.len(), "panel is (m, d)");
        if x.is_empty() {
            out.fill(0.0);
        } else {
            arch::sq_dists(self, x, panel, out);
        }
    }

    /// The canonical squared distance of `x` and `y`, or `None` as soon as it is certain to be at least `limit`.
    /// (Squares only add up and rounding is monotone, so a partial sum at the limit decides.)
    pub fn sq_dist_below(self, x: &[f32], y: &[f32], limit: f64) -> Option<f64> {
        assert_eq!(x.len(), y.len(), "vectors of one length");
        arch::sq_dist_below(self, x, y, limit)
    }

    /// Adds the rows to the column sums `out` `(d,)`, in order, one `f64` addition per value: the same bits however the
    /// rows are cut into blocks.
    pub fn sums(self, rows: Rows<'_>, out: &mut [f64]) {
        assert_eq!(rows.dim(), out.len(), "one sum per column");
        self.by_widened(rows, |_, widened| arch::sums_f32(self, widened, out));
    }

    /// `v -= coef * q`, one fused multiply-add per value.
    pub fn subtract_scaled(self, v: &mut [f64], coef: f64, q: &[f64]) {
        assert_eq!(v.len(), q.len(), "vectors of one length");
        arch::subtract_scaled(self, v, coef, q);
    }

    /// `v *= scale`, each product rounded from `f64` to `f32`.
    pub fn scale(self, v: &mut [f32], scale: f64) {
        arch::scale(self, v, scale);
    }

    /// Widens rows to `f32` (exact) into `out` `(n, d)`.
    pub fn widen(self, rows: Rows<'_>, out: &mut [f32]) {
        assert_eq!(rows.len() * rows.dim(), out.len(), "one output per value");
        arch::widen(self, rows, out);
    }

    /// Widens rows to `f32` and subtracts `offset` `(d,)` from each, into `out` `(n, d)`. Each value is rounded once:
    /// within `2^-24 |x - offset|` of exact, without exception for small values; beyond the range of `f32` it is
    /// infinite.
    pub fn widen_offset(self, rows: Rows<'_>, offset: &[f32], out: &mut [f32]) {
        assert_eq!(rows.dim(), offset.len(), "one offset per column");
        self.widen(rows, out);
        arch::subtract_offset(self, out, offset);
    }

    /// Canonical squared norms of the rows less `offset` `(d,)`, each value rounded to `f32` once as by
    /// [`widen_offset`](Self::widen_offset), into `out` `(n,)`: what the panel verbs want to know of each row.
    pub fn sq_norms_offset(self, rows: Rows<'_>, offset: &[f32], out: &mut [f64]) {
        assert_eq!(rows.len(), out.len(), "one output per row");
        assert_eq!(rows.dim(), offset.len(), "one offset per column");
        let at_once = (WIDENED / rows.dim()).clamp(1, rows.len().max(1));
        let mut scratch = vec![0.0; at_once * rows.dim()];
        for start in (0..rows.len()).step_by(at_once) {
            let range = start..(start + at_once).min(rows.len());
            let values = &mut scratch[..range.len() * rows.dim()];
            self.widen_offset(rows.slice(range.clone()), offset, values);
            arch::sq_norms_f32(self, values, rows.dim(), &mut out[range]);
        }
    }

    /// NaN and infinite values of the block, if any. Runs at about the speed of memory where there is none.
    pub fn non_finite(self, rows: Rows<'_>) -> Option<NonFinite> {
        arch::has_non_finite(self, rows).then(|| NonFinite::locate(rows))
    }

    /// Approximate inner products of every row of `left` `(m, d)` with every row of `right` `(k, d)` into `out`
    /// `(m, k)`, in `f32` with any order of summation: each is within [`dot_error`]` * |x| * |y|` of the exact one.
    ///
    /// Runs on the calling thread, through the `gemm` crate unless the instruction set is [`Isa::Scalar`].
    pub fn panel_dots(self, left: &[f32], right: &[f32], dim: usize, out: &mut [f32]) {
        assert!(dim > 0 && left.len().is_multiple_of(dim) && right.len().is_multiple_of(dim), "whole rows");
        assert_eq!(out.len(), (left.len() / dim) * (right.len() / dim), "out is (m, k)");
        self.product(left, right, dim, out, right.len() / dim);
    }

    /// As [`panel_dots`](Self::panel_dots), with `stride` values from one row of `out` to the next.
    fn product(self, left: &[f32], right: &[f32], dim: usize, out: &mut [f32], stride: usize) {
        match self.isa {
            Isa::Scalar => scalar::panel_dots(left, right, dim, out, stride),
            _ => arch::product(left, right, dim, out, stride),
        }
    }

    /// Hands the rows to `visit`, widened to `f32`, some at a time: small enough to stay in the first-level cache.
    fn by_widened(self, rows: Rows<'_>, mut visit: impl FnMut(Range<usize>, &[f32])) {
        if let Values::F32(values) = rows.values() {
            return visit(0..rows.len(), values);
        }
        let at_once = (WIDENED / rows.dim()).clamp(1, rows.len().max(1));
        let mut scratch = vec![0.0; at_once * rows.dim()];
        for start in (0..rows.len()).step_by(at_once) {
            let range = start..(start + at_once).min(rows.len());
            let widened = &mut scratch[..range.len() * rows.dim()];
            arch::widen(self, rows.slice(range.clone()), widened);
            visit(range, widened);
        }
    }

    /// Runs `verb(self, widened rows, dim, out)` over all rows, one output per row.
    fn for_widened(self, rows: Rows<'_>, out: &mut [f64], verb: impl Fn(Kernels, &[f32], usize, &mut [f64])) {
        assert_eq!(rows.len(), out.len(), "one output per row");
        self.by_widened(rows, |range, widened| verb(self, widened, rows.dim(), &mut out[range]));
    }
}

/// Values widened at once: 16 KiB as `f32`.
const WIDENED: usize = 4096;

impl NonFinite {
    /// The exact scan. `rows` must hold such a value.
    fn locate(rows: Rows<'_>) -> NonFinite {
        let dim = rows.dim();
        let mut found: Option<NonFinite> = None;
        with_values!(rows.values(), values => {
            for (i, value) in values.iter().enumerate() {
                if !Element::to_f32(*value).is_finite() {
                    found.get_or_insert(NonFinite { count: 0, first: (i / dim, i % dim) }).count += 1;
                }
            }
        });
        found.expect("the fast scan found a value that is not finite")
    }
}

/// Relative error bound of an `f32` inner product of length `dim`, for any order of summation, fused or not:
/// `|computed - exact| <= dot_error(dim) * |x| * |y|` (Higham 2002, section 3.1, with one step of slack; Cauchy-Schwarz).
/// Holds where no product underflows; callers add [`f32::MIN_POSITIVE`]` * dim` where that could matter.
pub fn dot_error(dim: usize) -> f64 {
    let steps = (dim + 1) as f64 * f64::from(f32::EPSILON) / 2.0;
    steps / (1.0 - steps)
}
