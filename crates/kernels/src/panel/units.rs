//! Similarities in whole units: small enough to be kept for all pairs of rows.

use super::centers::{Panel, is_open};
use super::gains::{Widened, round_up};
use super::tiles::{BLOCK, PanelScratch};
use crate::alike::{self, Similarity};
use crate::{Kernels, Rows, arch};

impl Kernels {
    /// Upper bounds `(n, k)` of the (canonical) similarities of rows and centers, as whole numbers of units, of which a
    /// similarity of 1 has `per_unit`: less than three above the truth where that is at all distinct in `f32`. Similarities
    /// of more than 65,535 units count as that; see [`Similarity::most`]. The panel must have no offset.
    ///
    /// `row_sq_norms` as [`nearest`](Self::nearest); time `O(n k d)` at about the rate of
    /// [`panel_dots`](Self::panel_dots).
    #[allow(clippy::too_many_arguments)] // as its kin
    pub fn similarity_units(
        self,
        rows: Rows<'_>,
        row_sq_norms: Option<&[f64]>,
        panel: &Panel,
        similarity: Similarity,
        per_unit: f32,
        scratch: &mut PanelScratch,
        out: &mut [u16],
    ) {
        assert!(panel.right.offset.is_none(), "no offset");
        assert_eq!(out.len(), rows.len() * panel.len(), "one number per row and center");
        let mut wide = Widened::new(panel.dim());
        let slack = similarity.slack();
        let mut units = [0_u16; BLOCK];
        self.for_tiles(rows, row_sq_norms, &panel.right, scratch, |tile| {
            let near = &panel.near[tile.padded_columns()];
            for (row, sq_norm, dots) in tile.iter() {
                let out = &mut out[row * panel.len()..(row + 1) * panel.len()][tile.columns.clone()];
                let error = panel.error_of(similarity, sq_norm);
                if panel.leaves_open(similarity, sq_norm) || is_open(error) {
                    wide.load(self, rows, row);
                    for (center, out) in tile.columns.clone().zip(out) {
                        let alike = wide.alike(self, similarity, panel, center);
                        // Up, so that rounding takes nothing off.
                        let units = if alike > 0.0 { (alike * f64::from(per_unit)).next_up() } else { 0.0 };
                        *out = units.ceil().min(65_535.0) as u16;
                    }
                    continue;
                }
                let (own, error) = (sq_norm as f32, round_up(error));
                let of = alike::Units { similarity, slack, dots, near, own, error, per_unit };
                arch::units(self, of, &mut units[..dots.len()]);
                out.copy_from_slice(&units[..out.len()]);
            }
        });
    }

    /// The sum of how far `units` are above `levels`, 0 for those that are not, each times its weight if there are weights.
    pub fn units_above(self, units: &[u16], levels: &[u16], weights: Option<&[u16]>) -> u64 {
        /// Partial sums fit 32 bits for so many.
        const AT_ONCE: usize = 1 << 16;
        assert_eq!(units.len(), levels.len(), "one level per number");
        match weights {
            Some(weights) => {
                assert_eq!(units.len(), weights.len(), "one weight per number");
                arch::units_above_weighted(self, units, levels, weights)
            }
            None => {
                let parts = units.chunks(AT_ONCE).zip(levels.chunks(AT_ONCE));
                parts.map(|(units, levels)| arch::units_above(self, units, levels)).sum()
            }
        }
    }
}
