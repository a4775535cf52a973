//! Many rows against a panel of vectors, by matrix products with a rigorous error.
//!
//! A [`Panel`] of centers is prepared once; the verbs then take any number of stored rows,
//! convert them tile by tile, multiply, and reduce each tile of products while it is still in the cache. What they
//! give are bounds, or (`assign`) canonical values for which the bounds have ruled out nearly all of the work.
//!
//! # Error of an approximate squared distance
//! Let `u = 2^-24`, `o` the offset, `x' = fl(x - o)` and `c' = fl(c - o)` the rows as multiplied, `X = |x'|`,
//! `C = |c'|`, and `T = |x - c|^2` the truth. Four errors add up; each is at most a factor times `X^2 + C^2`:
//!
//! 1. *Offset.* A difference of floats is rounded once, relatively, and exactly where it is subnormal (Hauser 1996), so
//!    `|x' - (x - o)| <= u |x - o|`. The two differences together move `x - c` by at most `e = u/(1-u) (X + C)`, hence
//!    its square by at most `e (2 (X + C) + e) <= 4.1 u (X^2 + C^2)`. Without an offset: nothing.
//! 2. *Product.* The computed `p` obeys `|p - x'.c'| <= g X C` with `g = dot_error(d)` for any order of summation
//!    (Higham 2002, *Accuracy and Stability of Numerical Algorithms*, section 3.1), and `2 g X C <= g (X^2 + C^2)`.
//!    Each of at most `2 d` operations may underflow and then errs by at most `2^-150`: `d` times
//!    [`f32::MIN_POSITIVE`] is ample.
//! 3. *Norms.* `X^2` and `C^2` are canonical: within a relative `(d + 16) 2^-53`. So are the canonical distances that
//!    callers compare with, which is why the bounds hold for these as well as for `T`.
//! 4. *Last steps.* `C^2 - 2 p` in `f32` rounds `C^2` and the difference: at most `4 u (X^2 + C^2)`. A filter avoids
//!    this one by rounding `C^2` down and the limit up: a rounded difference cannot cross a number that is itself an
//!    `f32`.
//!
//! None of this holds where a product could overflow. By Cauchy-Schwarz no partial sum exceeds `X C`, so pairs with
//! `X^2` and `C^2` up to [`LARGE`] are safe; all others are *open*: their bound says nothing, and they are visited.

mod among;
mod both;
mod centers;
mod coarse;
mod gains;
mod pairs;
mod tiles;
mod units;

pub use centers::{Bounds, Nearest, Panel};
pub use coarse::{Codes, CodesFrame, CodesPanel, CodesScratch};
pub use gains::Levels;
pub use tiles::PanelScratch;

/// Squared norms above this leave a pair open: sums up to here, and twice them, are far from the largest `f32`.
const LARGE: f64 = (1_u128 << 120) as f64;

/// The unit roundoff of `f32`.
const U: f64 = f32::EPSILON as f64 / 2.0;

/// The most values per row for which the bounds are worth something, and their slack enough.
const MAX_DIM: usize = 1 << 20;

/// Relative error of canonical sums of positive terms, of their differences, and of bounds computed in `f64`, with room.
fn f64_error(dim: usize) -> f64 {
    (dim + 16) as f64 * (f64::EPSILON * 2.0)
}

/// What underflow adds to the error of an inner product.
fn underflow(dim: usize) -> f64 {
    dim as f64 * f64::from(f32::MIN_POSITIVE)
}

/// The largest `f32` not above `value`.
fn round_down(value: f64) -> f32 {
    let nearest = value as f32;
    if f64::from(nearest) > value { nearest.next_down() } else { nearest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_goes_the_way_it_says() {
        for value in [0.0, 1.0, 1.0 + 1e-12, -1.0 - 1e-12, 1e-60, -1e-60, 1e60, -1e60, 1e-40, f64::INFINITY] {
            assert!(f64::from(round_down(value)) <= value, "{value}");
        }
        assert_eq!(round_down(1.0), 1.0);
        assert_eq!(round_down(1e60), f32::MAX);
        assert_eq!((round_down(1e-60), round_down(-1e-60)), (0.0, -f32::from_bits(1)));
    }
}
