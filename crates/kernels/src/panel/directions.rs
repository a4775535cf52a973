//! How much of each row lies in the span of given directions: what Gram-Schmidt bounds its residuals by.

use super::tiles::{PanelScratch, Right};
use super::{LARGE, MAX_DIM, U, f64_error, round_up, underflow};
use crate::{Kernels, Rows, arch, dot_error};

/// Vectors `(k, d)`, meant to be orthonormal, rounded to `f32` for products with many rows.
#[derive(Clone, Debug)]
pub struct Directions {
    right: Right,
    /// The largest norm of a vector as given.
    max_norm: f64,
}

impl Directions {
    /// Prepares `vectors` `(k, d)`; `offset` `(d,)` is subtracted from the rows, not from the directions.
    ///
    /// # Panics
    /// If the lengths do not fit, or `d` is 0 or above 2^20.
    pub fn new(kernels: Kernels, vectors: &[f64], dim: usize, offset: Option<&[f32]>) -> Directions {
        assert!((1..=MAX_DIM).contains(&dim), "dimension from 1 to {MAX_DIM}, got {dim}");
        assert!(vectors.len().is_multiple_of(dim), "whole vectors");
        assert!(offset.is_none_or(|offset| offset.len() == dim), "one offset per column");
        let sq_norm = |vector: &[f64]| {
            let mut out = [0.0];
            kernels.dots(vector, vector, &mut out);
            out[0]
        };
        Directions {
            max_norm: vectors.chunks_exact(dim).map(sq_norm).fold(0.0, f64::max).sqrt(),
            right: Right {
                values: vectors.iter().map(|v| *v as f32).collect(),
                dim,
                offset: offset.map(<[f32]>::to_vec),
            },
        }
    }

    /// Number of vectors.
    pub fn len(&self) -> usize {
        self.right.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Values per vector.
    pub fn dim(&self) -> usize {
        self.right.dim
    }

    /// A bound of `|p - q.x|`, where `p` is the computed product and `q` a vector as given.
    ///
    /// With `u = 2^-24`: rounding `q` moves the product by at most `u |q| |x|`, subtracting the offset from `x` by as
    /// much, and the product errs by `dot_error(d) |q| |x|` (see the page of the module). Values of `q` that become
    /// subnormal err by `2^-150` each.
    fn dot_bound(&self, row_sq_norm: f64) -> f64 {
        let norm = row_sq_norm.sqrt();
        let relative = 1.0001 * (dot_error(self.dim()) + 2.1 * U) + f64_error(self.dim());
        relative * self.max_norm * norm + underflow(self.dim()) * (2.0 + norm)
    }
}

impl Kernels {
    /// A rigorous lower bound of the sum of `(q . x)^2` over the directions `q`, for each row `x` (less the offset),
    /// into `out` `(n,)`. Zero where nothing is known, as for rows beyond about 1e18.
    ///
    /// Within about `2 dot_error(d) |x|^2 sqrt(k)` of exact for orthonormal directions. `row_sq_norms`: canonical
    /// squared norms of the rows less the offset, computed on the way where absent. Time `O(n k d)` at about the rate of
    /// [`panel_dots`](Self::panel_dots), on the calling thread.
    pub fn sq_dot_sums(
        self,
        rows: Rows<'_>,
        row_sq_norms: Option<&[f64]>,
        directions: &Directions,
        scratch: &mut PanelScratch,
        out: &mut [f64],
    ) {
        assert_eq!(rows.len(), out.len(), "one output per row");
        out.fill(0.0);
        self.for_tiles(rows, row_sq_norms, &directions.right, scratch, |tile| {
            for (row, sq_norm, dots) in tile.iter() {
                // All squares together stay below this; NaN must not pass.
                let most = sq_norm * directions.max_norm.powi(2) * dots.len() as f64;
                if sq_norm <= LARGE && most <= LARGE {
                    out[row] += self.block_sum(dots, round_up(directions.dot_bound(sq_norm)));
                }
            }
        });
    }

    /// Lower bound of the sum of squares of numbers that are within `error` of `dots`.
    fn block_sum(self, dots: &[f32], error: f32) -> f64 {
        let sum = f64::from(arch::excess_sum(self, dots, error));
        // `|dot| - error` and its square are rounded once each, and adding up n terms of one sign errs by at most
        // n u relatively, in any order. Squares that underflow err by less than the smallest normal number.
        let steps = (dots.len() + 16) as f64;
        ((sum * (1.0 - steps * U)) - underflow(dots.len())).max(0.0)
    }
}
