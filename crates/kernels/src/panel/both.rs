//! Candidates for both sides of each pair, from one product.

use super::centers::{Bounds, Panel, is_open};
use super::tiles::{BLOCK, PanelScratch};
use super::{f64_error, round_down};
use crate::{Kernels, LANES, Rows, arch};

impl Panel {
    /// What `low[j] - 2 dot` must not exceed where the squared distance is below the row's limit: nothing where no
    /// distance is.
    fn row_threshold(&self, row_sq_norm: f64, limit: f64) -> f32 {
        if limit <= 0.0 { f32::NEG_INFINITY } else { self.threshold(row_sq_norm, limit) }
    }

    /// The offset `o` of center `j` such that `o - 2 dot` does not exceed `threshold(row_sq_norm, 0.0)` where the squared
    /// distance is below the center's `limit`: the inequality of [`threshold`](Self::threshold) with the limit on the
    /// other side, and rounded down where that rounds up.
    fn center_offset(&self, center: usize, limit: f64) -> f32 {
        if limit <= 0.0 {
            return f32::INFINITY;
        }
        round_down(f64::from(self.low[center]) - limit * (1.0 + f64_error(self.dim())))
    }
}

impl Kernels {
    /// Calls `visit(row, center, bounds, &mut row_limit, &mut center_limit)` for every pair whose canonical (or true)
    /// squared distance is below the limit of its row or of its center, and for few others: those whose approximate
    /// squared distance less its error is.
    ///
    /// `visit` may lower either limit, not raise it; a side may want the pair where `bounds.low` is below its limit, and
    /// a limit of zero wants none. `row_limits` `(n,)` and `center_limits` `(k,)` hold the last ones afterwards. For each
    /// row the centers come in ascending order, for each center the rows do. `row_sq_norms` and time as
    /// [`nearest`](Self::nearest), plus what `visit` does.
    #[allow(clippy::too_many_arguments)] // two sides of each pair
    pub fn candidates_both(
        self,
        rows: Rows<'_>,
        row_sq_norms: Option<&[f64]>,
        panel: &Panel,
        row_limits: &mut [f64],
        center_limits: &mut [f64],
        scratch: &mut PanelScratch,
        mut visit: impl FnMut(usize, usize, Bounds, &mut f64, &mut f64),
    ) {
        assert!(rows.len() == row_limits.len() && panel.len() == center_limits.len(), "one limit per row and center");
        let mut offsets: Vec<f32> =
            center_limits.iter().enumerate().map(|(center, limit)| panel.center_offset(center, *limit)).collect();
        offsets.resize(panel.low.len(), f32::INFINITY);
        let mut masks = [0; BLOCK / LANES];
        self.for_tiles(rows, row_sq_norms, &panel.right, scratch, |tile| {
            let (first, padded) = (tile.columns.start, tile.padded_columns());
            let masks = &mut masks[..padded.len() / LANES];
            let low = &panel.low[padded.clone()];
            for (row, sq_norm, dots) in tile.iter() {
                let offsets = &mut offsets[padded.clone()];
                let row_limit = &mut row_limits[row];
                let mut threshold = panel.row_threshold(sq_norm, *row_limit);
                let own = panel.threshold(sq_norm, 0.0);
                let is_open_row = is_open(sq_norm);
                // In an open pair the product may be anything, so that vectors of products say nothing.
                if is_open_row || is_open(panel.max_sq_norm) {
                    masks.fill(u16::MAX);
                } else if !arch::either_within(self, dots, low, threshold, offsets, own, masks) {
                    continue;
                }
                let range = panel.excess_range(sq_norm);
                for column in set_bits(masks).take_while(|column| *column < tile.columns.len()) {
                    let center = first + column;
                    let center_limit = &mut center_limits[center];
                    // The product with 2 is exact: the bits of a fused multiply-add.
                    let twice = 2.0 * dots[column];
                    let bounds = if is_open_row || panel.is_open[center] {
                        if *row_limit <= 0.0 && *center_limit <= 0.0 {
                            continue;
                        }
                        Bounds::OPEN
                    } else if low[column] - twice <= threshold || offsets[column] - twice <= own {
                        range.bounds(f64::from(low[column] - twice))
                    } else {
                        continue;
                    };
                    let before = (*row_limit, *center_limit);
                    visit(row, center, bounds, row_limit, center_limit);
                    if *row_limit != before.0 {
                        threshold = panel.row_threshold(sq_norm, *row_limit);
                    }
                    if *center_limit != before.1 {
                        offsets[column] = panel.center_offset(center, *center_limit);
                    }
                }
            }
        });
    }
}

/// The places of the bits that are set, ascending, sixteen places to a mask.
pub(super) fn set_bits(masks: &[u16]) -> impl Iterator<Item = usize> {
    masks.iter().enumerate().flat_map(|(group, mask)| {
        let mut rest = *mask;
        std::iter::from_fn(move || {
            let bit = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
            rest &= rest - 1;
            Some(LANES * group + bit)
        })
    })
}
