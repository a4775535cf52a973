//! The least distances of each row to the others of a panel, as bounds.

use super::both::set_bits;
use super::centers::{Bounds, Panel, is_open};
use super::tiles::{BLOCK, PanelScratch};
use crate::{Kernels, LANES, Rows, arch};

impl Kernels {
    /// Bounds of the `k` least (canonical) squared distances of each row to the centers but itself, ascending, into `out`
    /// `(n, k)`: row `r` is center `first + r`. Infinite where there are fewer other centers.
    ///
    /// `row_sq_norms` and time as [`nearest`](Self::nearest), with little more for small `k`.
    #[allow(clippy::too_many_arguments)] // as its kin
    pub fn least_others(
        self,
        rows: Rows<'_>,
        row_sq_norms: Option<&[f64]>,
        panel: &Panel,
        first: usize,
        k: usize,
        scratch: &mut PanelScratch,
        out: &mut [Bounds],
    ) {
        assert!(k > 0 && out.len() == rows.len() * k, "k bounds per row");
        assert!(first + rows.len() <= panel.len(), "every row is a center");
        // Excesses of the squared distances over the row's own squared norm.
        let mut least = vec![f32::INFINITY; out.len()];
        let mut masks = [0; BLOCK / LANES];
        self.for_tiles(rows, row_sq_norms, &panel.right, scratch, |tile| {
            let (columns, padded) = (tile.columns.clone(), tile.padded_columns());
            let masks = &mut masks[..padded.len() / LANES];
            let low = &panel.low[padded];
            for (row, sq_norm, dots) in tile.iter() {
                let out = &mut out[row * k..(row + 1) * k];
                if is_open(sq_norm) || is_open(panel.max_sq_norm) {
                    out.fill(Bounds::OPEN);
                    continue;
                }
                let least = &mut least[row * k..(row + 1) * k];
                // No second side is asked for.
                if arch::either_within(self, dots, low, least[k - 1], low, f32::NEG_INFINITY, masks) {
                    for column in set_bits(masks).take_while(|column| *column < columns.len()) {
                        // The product with 2 is exact: the bits of a fused multiply-add.
                        let excess = low[column] - 2.0 * dots[column];
                        if excess < least[k - 1] && columns.start + column != first + row {
                            let place = least.partition_point(|other| *other <= excess);
                            least.copy_within(place..k - 1, place + 1);
                            least[place] = excess;
                        }
                    }
                }
                if columns.end == panel.len() {
                    let range = panel.excess_range(sq_norm);
                    out.iter_mut().zip(&*least).for_each(|(out, excess)| {
                        *out = match excess.is_finite() {
                            true => range.bounds(f64::from(*excess)),
                            false => Bounds { low: f64::INFINITY, high: f64::INFINITY },
                        }
                    });
                }
            }
        });
    }
}
