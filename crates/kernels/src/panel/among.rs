//! How near the vectors of a panel are to each other, all pairs at once.

use super::U;
use super::centers::{Panel, is_open};
use super::tiles::PanelScratch;
use crate::{Kernels, Rows, arch};

/// Centers whose pairs with all later ones are multiplied at once, in strips: pairs among themselves come twice, so few.
const STRIPS: usize = 2;

/// So many centers.
pub(super) fn at_once() -> usize {
    STRIPS * arch::strip()
}

impl Kernels {
    /// Upper bounds, into `out` `(k,)`, of the sum of how far the (canonical) squared distances of each center to the
    /// others stay below `limit`. Infinite where nothing is known.
    ///
    /// They tell how small distances to the `m` nearest can be without finding these: whichever they are, the sum of
    /// theirs is at least `m * limit` less this. `sq_norms` `(k,)` are canonical squared norms of the centers; time
    /// `O(k^2 d / 2)`, as each pair is multiplied once, and next to nothing is done for it besides. The panel must have no
    /// offset.
    pub fn shortfalls(self, panel: &Panel, sq_norms: &[f64], limit: f64, scratch: &mut PanelScratch, out: &mut [f64]) {
        assert!(panel.right.offset.is_none(), "no offset");
        assert!(sq_norms.len() == panel.len() && out.len() == panel.len(), "one number per center");
        if is_open(panel.max_sq_norm) || limit.is_nan() {
            out.fill(f64::INFINITY);
            return;
        }
        // The limit enters the sum of a row rounded; what its other parts round is in the error.
        let above = limit * (1.0 + 4.0 * U) + panel.sq_dist_error(panel.max_sq_norm);
        let (dim, width) = (panel.dim(), at_once());
        let mut near = panel.near.clone();
        let mut sums = vec![0.0; panel.len()];
        let (mut of_columns, mut unused) = (vec![0.0; width], vec![0.0; width]);
        for first in (0..panel.len()).step_by(width) {
            let columns = first..(first + width).min(panel.len());
            let rows = Rows::from_f32(&panel.centers()[first * dim..], dim);
            of_columns.fill(0.0);
            self.for_tiles(rows, Some(&sq_norms[first..]), panel.right.part(columns.clone()), scratch, |tile| {
                let padded = tile.padded_columns();
                for (row, sq_norm, dots) in tile.iter() {
                    let (row, reach) = (first + row, (above - sq_norm) as f32);
                    sums[row] += if columns.contains(&row) {
                        // Of pairs among the columns each side comes on its own; the one with itself is none.
                        let own = std::mem::replace(&mut near[row], f32::INFINITY);
                        let sum = arch::shortfalls_both(self, dots, &near[padded.clone()], reach, &mut unused);
                        near[row] = own;
                        sum
                    } else {
                        arch::shortfalls_both(self, dots, &near[padded.clone()], reach, &mut of_columns)
                    };
                }
            });
            sums[columns].iter_mut().zip(&of_columns).for_each(|(sum, more): (&mut f32, _)| *sum += more);
        }
        // Of so many summands, none negative, each sum is rounded at most once for each and a few times more.
        let rounding = 1.0 + (panel.len() + 32) as f64 * U;
        out.iter_mut().zip(sums).for_each(|(out, sum)| *out = f64::from(sum) * rounding);
    }
}
