//! The nearest of the rows before each row.

use rayon::prelude::*;
use subsel_kernels::{Panel, PanelScratch, Rows};

use crate::Error;
use crate::context::Context;
use crate::plan::Shape;

/// Rows of one panel.
const PANEL: usize = 2048;

/// Rows compared with it at once.
const BLOCK: usize = 512;

/// Canonical squared distance of each row of `values` `(m, d)` to the nearest that comes before it and is not zero;
/// infinite where there is none.
///
/// # Errors
/// Interruption.
pub(super) fn nearest(values: &[f32], dim: usize, sq_norms: &[f64], ctx: &Context) -> Result<Vec<f64>, Error> {
    let mut nearest = vec![f64::INFINITY; sq_norms.len()];
    for first in (0..sq_norms.len()).step_by(PANEL) {
        let end = (first + PANEL).min(sq_norms.len());
        let panel = Panel::new(ctx.kernels(), &values[first * dim..end * dim], dim, None);
        let rest = nearest[first..].par_chunks_mut(BLOCK).enumerate();
        ctx.threads().install(|| {
            rest.try_for_each_init(PanelScratch::default, |scratch, (number, nearest)| {
                ctx.go_on()?;
                let start = first + number * BLOCK;
                let block = Block { values: &values[start * dim..], dim, start, sq_norms };
                block.compare(&panel, first, nearest, scratch, ctx);
                Ok::<_, Error>(())
            })
        })?;
    }
    Ok(nearest)
}

/// Rows from `start` on.
struct Block<'a> {
    values: &'a [f32],
    dim: usize,
    start: usize,
    sq_norms: &'a [f64],
}

impl Block<'_> {
    /// Lowers `nearest` of the block's rows by the rows of `panel`, the first of which is number `first`.
    fn compare(&self, panel: &Panel, first: usize, nearest: &mut [f64], scratch: &mut PanelScratch, ctx: &Context) {
        let (kernels, dim) = (ctx.kernels(), self.dim);
        let values = &self.values[..nearest.len() * dim];
        let sq_norms = &self.sq_norms[self.start..self.start + nearest.len()];
        kernels.candidates_shrinking(
            Rows::from_f32(values, dim),
            Some(sq_norms),
            panel,
            nearest,
            scratch,
            |row, center, limit| {
                let earlier = first + center;
                if earlier >= self.start + row || self.sq_norms[earlier] == 0.0 {
                    return limit;
                }
                let x = &values[row * dim..(row + 1) * dim];
                kernels.sq_dist_below(x, panel.center(center), limit).unwrap_or(limit)
            },
        );
    }
}

/// Bytes for so many rows, their values apart.
pub(super) fn bytes(rows: usize, shape: &Shape) -> u64 {
    let panel = PANEL.min(rows) * (8 * shape.dim + 40);
    (16 * rows + panel) as u64 + shape.threads as u64 * PanelScratch::bytes(BLOCK, PANEL, shape.dim)
}
