//! Rows scaled to unit length: what methods that go by direction work on.

use std::cell::RefCell;

use serde::{Deserialize, Serialize};
use subsel_kernels::{Block, Dtype, Kernels, Rows};

use crate::Error;
use crate::context::Context;
use crate::plan::Shape;
use crate::pool::CheckedPool;

/// Whether a method scales the rows it is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowScale {
    /// Each row is scaled to Euclidean length 1; zero rows stay zero.
    #[default]
    Unit,
    /// Rows are taken as they are.
    Raw,
}

impl RowScale {
    /// The pool scaled, or `None` where it is to be taken as it is.
    pub(crate) fn apply<'a>(self, pool: &CheckedPool<'a>, ctx: &Context) -> Result<Option<CheckedPool<'a>>, Error> {
        match self {
            RowScale::Unit => pool.unit(ctx).map(Some),
            RowScale::Raw => Ok(None),
        }
    }

    /// Bytes of a scaled view: two norms, a mark and a class per row, and for each worker buffers of the rows as stored
    /// and as scaled.
    pub(crate) fn bytes(shape: &Shape) -> u64 {
        29 * shape.n as u64 + 2 * shape.block_bytes()
    }
}

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
            self.kernels.scale(values, scale);
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
