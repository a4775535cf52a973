//! Numerics over blocks of rows `(n, d)`, in two kinds that are never mixed.
//!
//! **Canonical values** decide picks. They are `f64`, summed in [`LANES`] fixed lanes (value `i` goes to lane
//! `i % LANES`) by fused multiply-add and then over a fixed tree, so that they have the same bits on every
//! instruction set, for every block size and storage type. **Bounds** come from fast `f32` products and carry a
//! proven error; a decision they leave open is taken on canonical values.
//!
//! Everything is a method of [`Kernels`], which holds the instruction set chosen at start. `scalar` is the portable
//! implementation and the oracle of the others.

mod isa;
mod rows;
mod scalar;

pub use half::{bf16, f16};
pub use isa::Isa;
pub use rows::{Block, Dtype, Element, Rows, Values};

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
    pub fn sq_norms(self, rows: Rows<'_>, out: &mut [f64]) {
        assert_eq!(rows.len(), out.len(), "one output per row");
        scalar::sq_norms(rows, out);
    }

    /// Canonical norms of the rows into `out` `(n,)`.
    pub fn norms(self, rows: Rows<'_>, kind: NormKind, out: &mut [f64]) {
        assert_eq!(rows.len(), out.len(), "one output per row");
        match kind {
            NormKind::L2 => {
                self.sq_norms(rows, out);
                out.iter_mut().for_each(|v| *v = v.sqrt());
            }
            NormKind::L1 => scalar::l1_norms(rows, out),
            NormKind::Linf => scalar::linf_norms(rows, out),
        }
    }

    /// Canonical inner products of one vector `x` `(d,)` with each row of `panel` `(m, d)` into `out` `(m,)`.
    pub fn dots(self, x: &[f64], panel: &[f64], out: &mut [f64]) {
        assert_eq!(panel.len(), x.len() * out.len(), "panel is (m, d)");
        scalar::dots(x, panel, out);
    }

    /// Canonical squared distances of one vector `x` `(d,)` to each row of `panel` `(m, d)` into `out` `(m,)`:
    /// differences in `f64`, so exact to rounding even where `x` and the row nearly coincide.
    pub fn sq_dists(self, x: &[f32], panel: &[f32], out: &mut [f64]) {
        assert_eq!(panel.len(), x.len() * out.len(), "panel is (m, d)");
        scalar::sq_dists(x, panel, out);
    }

    /// The canonical squared distance of `x` and `y`, or `None` as soon as it is certain to be at least `limit`.
    /// (Squares only add up and rounding is monotone, so a partial sum at the limit decides.)
    pub fn sq_dist_below(self, x: &[f32], y: &[f32], limit: f64) -> Option<f64> {
        assert_eq!(x.len(), y.len(), "vectors of one length");
        scalar::sq_dist_below(x, y, limit)
    }

    /// `v -= coef * q`, one fused multiply-add per value.
    pub fn subtract_scaled(self, v: &mut [f64], coef: f64, q: &[f64]) {
        assert_eq!(v.len(), q.len(), "vectors of one length");
        scalar::subtract_scaled(v, coef, q);
    }

    /// Widens rows to `f32` (exact) into `out` `(n, d)`.
    pub fn widen(self, rows: Rows<'_>, out: &mut [f32]) {
        assert_eq!(rows.len() * rows.dim(), out.len(), "one output per value");
        scalar::widen(rows, out);
    }

    /// NaN and infinite values of the block, if any.
    pub fn non_finite(self, rows: Rows<'_>) -> Option<NonFinite> {
        scalar::non_finite(rows)
    }

    /// Approximate inner products of every row of `left` `(m, d)` with every row of `right` `(k, d)` into `out`
    /// `(m, k)`, in `f32` with any order of summation: each is within [`dot_error`]` * |x| * |y|` of the exact one.
    pub fn panel_dots(self, left: &[f32], right: &[f32], dim: usize, out: &mut [f32]) {
        assert!(dim > 0 && left.len().is_multiple_of(dim) && right.len().is_multiple_of(dim), "whole rows");
        assert_eq!(out.len(), (left.len() / dim) * (right.len() / dim), "out is (m, k)");
        scalar::panel_dots(left, right, dim, out);
    }
}

/// Relative error bound of an `f32` inner product of length `dim`, for any order of summation, fused or not:
/// `|computed - exact| <= dot_error(dim) * |x| * |y|` (Higham 2002, section 3.1, with one step of slack; Cauchy-Schwarz).
/// Holds where no product underflows; callers add [`f32::MIN_POSITIVE`]` * dim` where that could matter.
pub fn dot_error(dim: usize) -> f64 {
    let steps = (dim + 1) as f64 * f64::from(f32::EPSILON) / 2.0;
    steps / (1.0 - steps)
}
