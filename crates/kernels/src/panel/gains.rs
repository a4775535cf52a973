//! How much each center would gain over what rows have already: what facility location and kernel coverage are made of.

use super::centers::{Bounds, Panel, is_open};
use super::tiles::{PanelScratch, padded_len};
use super::{U, f64_error, round_down, underflow};
use crate::alike::{Gains, Similarity};
use crate::{Kernels, Rows, arch, dot_error};

impl Bounds {
    /// Of a number that is 0.
    pub const ZERO: Bounds = Bounds { low: 0.0, high: 0.0 };

    /// Of a number that is known.
    pub fn exactly(value: f64) -> Bounds {
        Bounds { low: value, high: value }
    }

    /// Takes in the bounds of a number that is added (up to the rounding of both sums).
    pub fn add(&mut self, other: Bounds) {
        self.low += other.low;
        self.high += other.high;
    }

    /// From two sums in `f32` of positive terms.
    fn of_sums(low: f32, high: f32) -> Bounds {
        Bounds { low: f64::from(low) * (1.0 - SUM_ERROR), high: f64::from(high) * (1.0 + SUM_ERROR) }
    }
}

/// Where the gains of rows begin and end.
#[derive(Clone, Copy, Debug)]
pub struct Levels<'a> {
    /// What each row has, 0 or more: a similarity counts by how much it is above that.
    pub from: &'a [f64],
    /// What each row has afterwards: nothing above that counts. No end where absent.
    pub to: Option<&'a [f64]>,
    /// What each row's part in a gain is multiplied by: finite, 0 or more, below 2^60. 1 where absent.
    pub weights: Option<&'a [f64]>,
}

impl<'a> Levels<'a> {
    /// Levels without an end or weights.
    pub fn from(from: &'a [f64]) -> Self {
        Levels { from, to: None, weights: None }
    }
}

/// What rows or centers have, rounded both ways.
struct Rounded {
    up: Vec<f32>,
    down: Vec<f32>,
}

impl Rounded {
    fn new(levels: &[f64]) -> Self {
        Self::padded(levels, f32::INFINITY)
    }

    fn padded(values: &[f64], padding: f32) -> Self {
        let rounded = |round: fn(f64) -> f32| {
            let mut out: Vec<f32> = values.iter().map(|value| round(*value)).collect();
            out.resize(padded_len(out.len()), padding);
            out
        };
        Rounded { up: rounded(round_up), down: rounded(round_down) }
    }
}

/// Rows whose gains are added up in `f32` before they go to `f64`.
const SUB: usize = 64;

/// Room for adding up `SUB`, or 512/16 and then 16, positive terms in `f32`, and for rounding each difference and its
/// product with a weight.
const SUM_ERROR: f64 = (SUB + 16) as f64 * U;

impl Panel {
    /// Error of the inner products or squared distances of a row of this squared norm.
    pub(super) fn error_of(&self, similarity: Similarity, row_sq_norm: f64) -> f64 {
        if similarity.is_of_dots() {
            let relative = 1.0001 * dot_error(self.dim()) + f64_error(self.dim());
            relative * (row_sq_norm * self.max_sq_norm).sqrt() + underflow(self.dim())
        } else {
            self.sq_dist_error(row_sq_norm)
        }
    }

    /// Whether products say nothing of the similarities of such a row.
    pub(super) fn leaves_open(&self, similarity: Similarity, row_sq_norm: f64) -> bool {
        let norms = (row_sq_norm, self.max_sq_norm);
        is_open(norms.0) || is_open(norms.1) || !similarity.fits_f32(norms.0, norms.1)
    }
}

/// One row widened, when it is needed.
pub(super) struct Widened {
    of: Option<usize>,
    row: Vec<f32>,
    row64: Vec<f64>,
}

impl Widened {
    pub(super) fn new(dim: usize) -> Self {
        Widened { of: None, row: vec![0.0; dim], row64: vec![0.0; dim] }
    }

    pub(super) fn load(&mut self, kernels: Kernels, rows: Rows<'_>, row: usize) {
        if self.of != Some(row) {
            kernels.widen(rows.slice(row..row + 1), &mut self.row);
            self.row64.iter_mut().zip(&self.row).for_each(|(wide, value)| *wide = f64::from(*value));
            self.of = Some(row);
        }
    }

    /// The canonical similarity of the row and a center.
    pub(super) fn alike(&self, kernels: Kernels, similarity: Similarity, panel: &Panel, center: usize) -> f64 {
        let mut t = [0.0];
        if similarity.is_of_dots() {
            arch::dots_f32(kernels, &self.row64, panel.center(center), &mut t);
        } else {
            arch::sq_dists(kernels, &self.row, panel.center(center), &mut t);
        }
        similarity.of(t[0])
    }
}

impl Kernels {
    /// Bounds of what each center would gain over the rows, added to `center_gains` `(k,)`: the sum over rows of how far
    /// the (canonical) similarity is above `levels`. Where `center_levels` are given, also of what each row would gain
    /// over the centers, added to `row_gains` `(n,)`; nothing has an end then. Levels may be infinite. The panel must have
    /// no offset. Weights are given for both sides or neither.
    ///
    /// `row_sq_norms` as [`nearest`](Self::nearest); time `O(n k d)` at about the rate of
    /// [`panel_dots`](Self::panel_dots).
    #[allow(clippy::too_many_arguments)] // two sides of each pair
    pub fn gain_bounds(
        self,
        rows: Rows<'_>,
        row_sq_norms: Option<&[f64]>,
        panel: &Panel,
        similarity: Similarity,
        levels: Levels<'_>,
        center_levels: Option<Levels<'_>>,
        scratch: &mut PanelScratch,
        row_gains: &mut [Bounds],
        center_gains: &mut [Bounds],
    ) {
        assert!(panel.right.offset.is_none(), "no offset");
        assert!(rows.len() == levels.from.len() && panel.len() == center_gains.len(), "one number per row and center");
        let is_weighted = levels.weights.is_some();
        assert!(levels.to.is_none_or(|to| to.len() == rows.len() && center_levels.is_none()), "one end per row");
        assert!(
            center_levels.is_none_or(|levels| levels.from.len() == panel.len() && rows.len() == row_gains.len()),
            "one level per center and one gain per row"
        );
        assert!(levels.weights.is_none_or(|weights| weights.len() == rows.len()), "one weight per row");
        let center_weights = center_levels.and_then(|levels| levels.weights);
        assert!(
            center_levels.is_none_or(|levels| levels.to.is_none() && levels.weights.is_some() == is_weighted)
                && center_weights.is_none_or(|weights| weights.len() == panel.len()),
            "one weight per center, if rows have weights"
        );
        let of_centers = Rounded::new(center_levels.map_or(&[], |levels| levels.from));
        let weights_of_centers = Rounded::padded(center_weights.unwrap_or(&[]), 0.0);
        let (mut lower, mut upper) = (vec![0.0; padded_len(panel.len())], vec![0.0; padded_len(panel.len())]);
        let mut wide = Widened::new(panel.dim());
        let slack = similarity.slack();
        self.for_tiles(rows, row_sq_norms, &panel.right, scratch, |tile| {
            let columns = tile.padded_columns();
            let real = tile.columns.clone();
            let near = &panel.near[columns.clone()];
            let of_centers = match center_levels {
                Some(_) => (&of_centers.up[columns.clone()], &of_centers.down[columns.clone()]),
                None => (&[][..], &[][..]),
            };
            let center_weights_of_tile = match center_weights {
                Some(_) => (&weights_of_centers.down[columns.clone()], &weights_of_centers.up[columns.clone()]),
                None => (&[][..], &[][..]),
            };
            let (lower, upper) = (&mut lower[columns.clone()], &mut upper[columns]);
            let gains = &mut center_gains[real.clone()];
            let mut held = 0;
            for (row, sq_norm, dots) in tile.iter() {
                let level = levels.from[row];
                let room = levels.to.map_or(f64::INFINITY, |to| (to[row] - level).max(0.0));
                let weight = levels.weights.map_or(1.0, |weights| weights[row]);
                let error = panel.error_of(similarity, sq_norm);
                if panel.leaves_open(similarity, sq_norm) || is_open(error) {
                    wide.load(self, rows, row);
                    for (center, gain) in real.clone().zip(&mut *gains) {
                        let alike = wide.alike(self, similarity, panel, center);
                        gain.add(Bounds::exactly(weight * (alike - level).max(0.0).min(room)));
                        if let Some(levels) = center_levels {
                            let weight = center_weights.map_or(1.0, |weights| weights[center]);
                            row_gains[row].add(Bounds::exactly(weight * (alike - levels.from[center]).max(0.0)));
                        }
                    }
                    continue;
                }
                let of = Gains {
                    similarity,
                    slack,
                    dots,
                    near,
                    own: sq_norm as f32,
                    error: round_up(error),
                    level: (round_up(level), round_down(level)),
                    room: (round_down(room), round_up(room)),
                    weight: (round_down(weight), round_up(weight)),
                    center_weights: center_weights_of_tile,
                    is_weighted,
                    center_levels: of_centers,
                };
                let (low, high) = arch::gains(self, of, lower, upper);
                if center_levels.is_some() {
                    row_gains[row].add(Bounds::of_sums(low, high));
                }
                held += 1;
                if held == SUB {
                    flush(gains, lower, upper);
                    held = 0;
                }
            }
            flush(gains, lower, upper);
        });
    }

    /// Calls `visit(row, center, similarity)` for every pair whose canonical similarity is above the level of the row.
    /// For each center, rows come in ascending order. As [`gain_bounds`](Self::gain_bounds) otherwise.
    #[allow(clippy::too_many_arguments)] // as its kin
    pub fn for_alike(
        self,
        rows: Rows<'_>,
        row_sq_norms: Option<&[f64]>,
        panel: &Panel,
        similarity: Similarity,
        levels: &[f64],
        scratch: &mut PanelScratch,
        mut visit: impl FnMut(usize, usize, f64),
    ) {
        assert!(panel.right.offset.is_none(), "no offset");
        assert_eq!(rows.len(), levels.len(), "one level per row");
        if panel.len() <= FEW {
            return self.for_alike_few(rows, panel, similarity, levels, visit);
        }
        let mut wide = Widened::new(panel.dim());
        let slack = similarity.slack();
        let (mut lower, mut upper) = (Vec::new(), Vec::new());
        self.for_tiles(rows, row_sq_norms, &panel.right, scratch, |tile| {
            let near = &panel.near[tile.padded_columns()];
            for (row, sq_norm, dots) in tile.iter() {
                let level = levels[row];
                let error = panel.error_of(similarity, sq_norm);
                let is_open = panel.leaves_open(similarity, sq_norm) || is_open(error);
                if !is_open {
                    for sums in [&mut lower, &mut upper] {
                        sums.clear();
                        sums.resize(dots.len(), 0.0);
                    }
                    let (own, error) = (sq_norm as f32, round_up(error));
                    let level = (round_up(level), round_down(level));
                    let room = (f32::INFINITY, f32::INFINITY);
                    let of = Gains {
                        similarity,
                        slack,
                        dots,
                        near,
                        own,
                        error,
                        level,
                        room,
                        weight: (1.0, 1.0),
                        center_weights: (&[], &[]),
                        is_weighted: false,
                        center_levels: (&[], &[]),
                    };
                    arch::gains(self, of, &mut lower, &mut upper);
                }
                for (column, center) in tile.columns.clone().enumerate() {
                    if is_open || upper[column] > 0.0 {
                        wide.load(self, rows, row);
                        let alike = wide.alike(self, similarity, panel, center);
                        if alike > level {
                            visit(row, center, alike);
                        }
                    }
                }
            }
        });
    }
}

/// Up to so many centers are compared with all rows canonically: that costs less than a product and its packing.
const FEW: usize = 4;

impl Kernels {
    fn for_alike_few(
        self,
        rows: Rows<'_>,
        panel: &Panel,
        similarity: Similarity,
        levels: &[f64],
        mut visit: impl FnMut(usize, usize, f64),
    ) {
        let dim = panel.dim();
        let centers: Vec<f64> = panel.centers().iter().map(|value| f64::from(*value)).collect();
        let mut found = Vec::new();
        self.by_widened(rows, |range, widened| {
            for center in 0..panel.len() {
                found.resize(range.len(), 0.0);
                if similarity.is_of_dots() {
                    arch::dots_f32(self, &centers[center * dim..(center + 1) * dim], widened, &mut found);
                } else {
                    arch::sq_dists(self, panel.center(center), widened, &mut found);
                }
                for (row, t) in range.clone().zip(&found) {
                    let alike = similarity.of(*t);
                    if alike > levels[row] {
                        visit(row, center, alike);
                    }
                }
            }
        });
    }
}

/// Moves sums in `f32` to the gains.
fn flush(gains: &mut [Bounds], lower: &mut [f32], upper: &mut [f32]) {
    for ((gain, low), high) in gains.iter_mut().zip(lower).zip(upper) {
        gain.add(Bounds::of_sums(std::mem::take(low), std::mem::take(high)));
    }
}

/// The smallest `f32` not below `value`.
pub(super) fn round_up(value: f64) -> f32 {
    -round_down(-value)
}
