//! All pairs of rows and centers at once, for both sides of each pair: what symmetric work over a pool is made of.

use super::centers::{Panel, is_open};
use super::tiles::{PanelScratch, padded_len};
use super::{U, f64_error, round_down, underflow};
use crate::{Kernels, Rows, arch};

impl Panel {
    /// A bound of the difference between true (or canonical) squared distances and what
    /// [`least_sq_dists`](Kernels::least_sq_dists) takes for them, for rows of squared norm up to `max_row_sq_norm`.
    /// Infinite where nothing is known.
    pub fn sq_dist_error(&self, max_row_sq_norm: f64) -> f64 {
        if is_open(max_row_sq_norm) || is_open(self.max_sq_norm) {
            return f64::INFINITY;
        }
        // Beyond errors 1 to 4 of the module's page, the row's norm and the last sum are rounded to `f32`.
        (self.error + 8.0 * U) * 1.0001 * (max_row_sq_norm + self.max_sq_norm) + 8.0 * underflow(self.dim())
    }

    /// What `low[j] - 2 dot`, rounded once, must not exceed for the squared distance to be below `limit` for certain.
    ///
    /// With `v` that number, `e` the relative error and `C` the largest norm of a center: `low[j]` is at least
    /// `c^2 (1 - e - 2u)` and the last rounding takes at most `u (2 C^2 + X^2)`, so the distance is at most
    /// `v + X^2 (1 + e + 2u) + C^2 (2e + 5u)` and what underflow adds.
    fn certain_threshold(&self, row_sq_norm: f64, limit: f64) -> f32 {
        let room = limit * (1.0 - f64_error(self.dim()));
        let own = row_sq_norm * (1.0 + self.error + 2.0 * U);
        let center = self.max_sq_norm * (2.0 * self.error + 5.0 * U);
        // Finite, so that the padding of a panel, which is infinite, stays outside.
        let threshold = round_down(room - own - center - 8.0 * underflow(self.dim())).min(f32::MAX);
        threshold - threshold.abs() * f32::EPSILON
    }
}

impl Kernels {
    /// Counts the pairs whose canonical squared distance is below `limit`: adds to `row_counts` `(n,)` how many centers
    /// each row is near, and to `center_counts` `(k,)` how many rows each center is near.
    ///
    /// Products decide nearly all pairs; those within their error of the limit are decided canonically, so the counts
    /// are the same on every instruction set. `row_sq_norms` and time as [`nearest`](Self::nearest).
    #[allow(clippy::too_many_arguments)] // two sides of each pair
    pub fn count_within(
        self,
        rows: Rows<'_>,
        row_sq_norms: Option<&[f64]>,
        panel: &Panel,
        limit: f64,
        scratch: &mut PanelScratch,
        row_counts: &mut [u32],
        center_counts: &mut [u32],
    ) {
        assert!(rows.len() == row_counts.len() && panel.len() == center_counts.len(), "one count per row and center");
        // NaN counts nothing, as in a comparison.
        if limit.is_nan() || limit <= 0.0 {
            return;
        }
        let dim = panel.dim();
        let mut counts = vec![0; padded_len(panel.len())];
        let mut wide = vec![0.0; dim];
        self.for_tiles(rows, row_sq_norms, &panel.right, scratch, |tile| {
            let columns = tile.padded_columns();
            for (row, sq_norm, dots) in tile.iter() {
                let (low, counts) = (&panel.low[columns.clone()], &mut counts[columns.clone()]);
                let open_row = is_open(sq_norm) || is_open(panel.max_sq_norm);
                let (maybe, certain) = match open_row {
                    true => (f32::INFINITY, f32::NEG_INFINITY),
                    false => (panel.threshold(sq_norm, limit).min(f32::MAX), panel.certain_threshold(sq_norm, limit)),
                };
                if !open_row {
                    let (found, possible) = arch::count_within(self, dots, low, certain, maybe, counts);
                    row_counts[row] += found;
                    if found == possible {
                        continue;
                    }
                }
                self.widen(rows.slice(row..row + 1), &mut wide);
                for column in 0..tile.columns.len() {
                    let excess = (-2.0_f32).mul_add(dots[column], low[column]);
                    if open_row || (excess > certain && excess <= maybe) {
                        let center = panel.center(tile.columns.start + column);
                        if self.sq_dist_below(&wide, center, limit).is_some() {
                            row_counts[row] += 1;
                            counts[column] += 1;
                        }
                    }
                }
            }
        });
        center_counts.iter_mut().zip(counts).for_each(|(count, more)| *count += more);
    }

    /// Lowers `row_least` `(n,)` to the least approximate squared distance of each row to a center, and `center_least`
    /// `(k,)` to that of each center to a row.
    ///
    /// Each lies within [`Panel::sq_dist_error`] of the true least, and may be negative. `row_sq_norms` and time as
    /// [`nearest`](Self::nearest).
    pub fn least_sq_dists(
        self,
        rows: Rows<'_>,
        row_sq_norms: Option<&[f64]>,
        panel: &Panel,
        scratch: &mut PanelScratch,
        row_least: &mut [f32],
        center_least: &mut [f32],
    ) {
        assert!(rows.len() == row_least.len() && panel.len() == center_least.len(), "one number per row and center");
        let mut least = vec![f32::INFINITY; padded_len(panel.len())];
        self.for_tiles(rows, row_sq_norms, &panel.right, scratch, |tile| {
            let columns = tile.padded_columns();
            let near = &panel.near[columns.clone()];
            for (row, sq_norm, dots) in tile.iter() {
                let found = arch::least_both(self, dots, near, sq_norm as f32, &mut least[columns.clone()]);
                row_least[row] = row_least[row].min(found);
            }
        });
        center_least.iter_mut().zip(least).for_each(|(least, found)| *least = least.min(found));
    }
}
