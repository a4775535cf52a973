//! Rows scaled to unit length: what methods that go by direction work on.

use std::cell::RefCell;

use subsel_kernels::{Block, Dtype, Kernels, Rows};

/// How rows become unit rows: each value is the product, rounded to `f32`, of the stored value and the reciprocal of
/// the row's canonical norm. So the scaled rows are the same for every storage of the same rows. Zero rows stay zero:
/// they have no direction.
#[derive(Clone)]
pub(crate) struct Scaling {
    pub(crate) kernels: Kernels,
    /// Canonical squared norms of the rows as stored.
    pub(crate) sq_norms: Vec<f64>,
}

impl Scaling {
    /// Scales rows as stored into `out`; `of` are their numbers.
    pub(crate) fn scale<'a>(&self, rows: Rows<'_>, of: impl Iterator<Item = usize>, out: &'a mut Block) -> Rows<'a> {
        let dim = rows.dim();
        let values: &mut [f32] = bytemuck::cast_slice_mut(out.bytes_mut(Dtype::F32, rows.len() * dim));
        self.kernels.widen(rows, values);
        for (values, row) in values.chunks_exact_mut(dim).zip(of) {
            let sq_norm = self.sq_norms[row];
            let scale = if sq_norm > 0.0 { 1.0 / sq_norm.sqrt() } else { 0.0 };
            values.iter_mut().for_each(|v| *v = (f64::from(*v) * scale) as f32);
        }
        out.rows(dim)
    }
}

/// A buffer for rows as stored, to be [given back](give_back): kept per thread, since a fresh one per block would cost
/// as much as reading.
pub(crate) fn buffer() -> Block {
    STORED.take()
}

/// Keeps a buffer for the next use on this thread.
pub(crate) fn give_back(buffer: Block) {
    STORED.set(buffer);
}

thread_local! {
    static STORED: RefCell<Block> = RefCell::new(Block::default());
}
