//! The walk common to all verbs: a tile of rows is converted once, multiplied with one block of the panel after
//! another, and each block of products is handed on while it is in the cache.

use crate::{Kernels, LANES, Rows, Values, arch};
use std::ops::Range;

/// Columns of one block of products.
pub(super) const BLOCK: usize = 512;

/// Most rows of a tile. The products of a tile (2 MiB) stay in or near the second-level cache until they are scanned,
/// and the block of the panel is packed seldom enough: with 512 rows the product runs at three quarters of its best
/// rate, with 2048 no faster than with 1024.
const TILE_ROWS: usize = 1024;

/// Most values of a tile of rows, as long as that leaves [`MIN_ROWS`].
const TILE_VALUES: usize = 1 << 21;

/// Fewest rows of a tile (of enough rows).
const MIN_ROWS: usize = 128;

/// Buffers of the panel verbs, to be reused from call to call; one per thread. Up to 10 MiB for `d <= 2048`, and
/// 2 KiB for each value of a row beyond.
#[derive(Clone, Debug, Default)]
pub struct PanelScratch {
    left: Vec<f32>,
    packed: Vec<f32>,
    dots: Vec<f32>,
    sq_norms: Vec<f64>,
}

/// The right-hand side of the products: `(k, d)`, and what is subtracted from the rows before.
#[derive(Clone, Debug)]
pub(super) struct Right {
    pub(super) values: Vec<f32>,
    pub(super) dim: usize,
    pub(super) offset: Option<Vec<f32>>,
}

impl Right {
    pub(super) fn len(&self) -> usize {
        self.values.len() / self.dim
    }

    /// Just these of its vectors.
    pub(super) fn part(&self, columns: Range<usize>) -> RightPart<'_> {
        RightPart { right: self, columns }
    }
}

/// Some vectors of a panel, one after the other.
pub(super) struct RightPart<'a> {
    right: &'a Right,
    columns: Range<usize>,
}

impl<'a> From<&'a Right> for RightPart<'a> {
    fn from(right: &'a Right) -> Self {
        right.part(0..right.len())
    }
}

/// `len` rounded up to whole lanes.
pub(super) fn padded_len(len: usize) -> usize {
    len.next_multiple_of(LANES)
}

/// The products of some rows with one block of the panel.
pub(super) struct Tile<'a> {
    /// The rows, numbered within the call.
    pub(super) rows: Range<usize>,
    /// The vectors of the panel.
    pub(super) columns: Range<usize>,
    /// `(rows, stride)`: inner products, then zeros.
    dots: &'a [f32],
    /// Squared norms of the rows as multiplied.
    sq_norms: &'a [f64],
}

impl Tile<'_> {
    /// For each row: its number within the call, its squared norm, its products (whole lanes, padded with zeros).
    #[inline]
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, f64, &[f32])> {
        let stride = padded_len(self.columns.len());
        self.rows.clone().zip(self.sq_norms).zip(self.dots.chunks_exact(stride)).map(|((r, n), dots)| (r, *n, dots))
    }

    /// The columns with their padding: what a padded array over the panel is sliced by.
    pub(super) fn padded_columns(&self) -> Range<usize> {
        self.columns.start..self.columns.start + padded_len(self.columns.len())
    }
}

impl PanelScratch {
    /// The most bytes it holds after calls of at most `n_rows` rows of `dim` values against `k` vectors.
    pub fn bytes(n_rows: usize, k: usize, dim: usize) -> u64 {
        let rows = tile_rows(dim).min(n_rows) as u64;
        let columns = 4 * padded_len(k.min(BLOCK)) as u64;
        rows * (4 * dim as u64 + columns + 8) + columns * dim as u64
    }

    /// The most bytes it holds after calls of [`Kernels::shortfalls`] with at most `k` vectors of `dim` values.
    pub fn bytes_among(k: usize, dim: usize) -> u64 {
        PanelScratch::bytes(k, super::among::at_once(), dim)
    }
}

/// The first `len` values of `buffer`, contents unspecified; grows it by no more than that takes.
pub(super) fn sized<T: Copy + Default>(buffer: &mut Vec<T>, len: usize) -> &mut [T] {
    if buffer.len() < len {
        buffer.reserve_exact(len - buffer.len());
        buffer.resize(len, T::default());
    }
    &mut buffer[..len]
}

/// Rows per tile.
fn tile_rows(dim: usize) -> usize {
    (TILE_VALUES / dim).clamp(MIN_ROWS, TILE_ROWS)
}

impl Kernels {
    /// Multiplies all rows with all of `right`, or a part of it. For each row the blocks come in ascending order.
    ///
    /// `row_sq_norms`: canonical squared norms of the rows less the offset; computed here where absent.
    pub(super) fn for_tiles<'r>(
        self,
        rows: Rows<'_>,
        row_sq_norms: Option<&[f64]>,
        right: impl Into<RightPart<'r>>,
        scratch: &mut PanelScratch,
        mut visit: impl FnMut(Tile<'_>),
    ) {
        let RightPart { right, columns: all } = right.into();
        let dim = right.dim;
        assert_eq!(rows.dim(), dim, "rows and panel of one dimension");
        assert!(row_sq_norms.is_none_or(|norms| norms.len() == rows.len()), "one norm per row");
        let PanelScratch { left, packed, dots, sq_norms } = scratch;
        let at_once = tile_rows(dim);
        let (is_one_block, strip) = (all.len() <= BLOCK, arch::strip());
        for start in (0..rows.len()).step_by(at_once) {
            let range = start..(start + at_once).min(rows.len());
            let left = self.converted(rows.slice(range.clone()), right.offset.as_deref(), left);
            let sq_norms = match row_sq_norms {
                Some(norms) => &norms[range.clone()],
                None => {
                    let sq_norms = sized(sq_norms, range.len());
                    arch::sq_norms_f32(self, left, dim, sq_norms);
                    sq_norms
                }
            };
            for first in all.clone().step_by(BLOCK) {
                let columns = first..(first + BLOCK).min(all.end);
                if start == 0 || !is_one_block {
                    arch::pack(&right.values[columns.start * dim..columns.end * dim], dim, strip, packed);
                }
                let dots = padded_products(left, packed, columns.len(), dim, strip, dots);
                visit(Tile { rows: range.clone(), columns, dots, sq_norms });
            }
        }
    }

    /// The rows as `f32`, less the offset: in `buffer`, or as they lie where nothing is to be done.
    fn converted<'a>(self, rows: Rows<'a>, offset: Option<&[f32]>, buffer: &'a mut Vec<f32>) -> &'a [f32] {
        match (rows.values(), offset) {
            (Values::F32(values), None) => values,
            (_, offset) => {
                let buffer = sized(buffer, rows.len() * rows.dim());
                match offset {
                    Some(offset) => self.widen_offset(rows, offset, buffer),
                    None => self.widen(rows, buffer),
                }
                buffer
            }
        }
    }
}

/// Products `(m, padded k)`: the padding is zero, so that scans may run over whole lanes.
fn padded_products<'a>(
    left: &[f32],
    packed: &[f32],
    k: usize,
    dim: usize,
    strip: usize,
    buffer: &'a mut Vec<f32>,
) -> &'a [f32] {
    let stride = padded_len(k);
    let dots = sized(buffer, left.len() / dim * stride);
    arch::product_packed(left, &packed[..stride * dim], dim, strip, dots);
    if k < stride {
        // A padding of zeros times what is not finite is not zero.
        dots.chunks_exact_mut(stride).for_each(|row| row[k..].fill(0.0));
    }
    dots
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Block, Isa, Panel, f16};

    #[test]
    fn scratch_holds_no_more_than_it_says() {
        let kernels = Kernels::new(Isa::Scalar).expect("always there");
        for (n, k, dim) in [(1_usize, 1, 1), (100, 17, 5), (1500, 3, 2), (20, 600, 3)] {
            let (mut scratch, panel) = (PanelScratch::default(), Panel::new(kernels, vec![1.0; k * dim], dim, None));
            for n in [n.div_ceil(3), n.div_ceil(2), n] {
                let block = Block::F16(vec![f16::ONE; n * dim]);
                kernels.assign(block.rows(dim), None, &panel, &mut scratch, &mut vec![0; n]);
            }
            let PanelScratch { left, packed, dots, sq_norms } = &scratch;
            let held = 4 * left.capacity() + 4 * packed.capacity() + 4 * dots.capacity() + 8 * sq_norms.capacity();
            assert!(held as u64 <= PanelScratch::bytes(n, k, dim), "{n} {k} {dim}: {held}");
        }
    }
}
