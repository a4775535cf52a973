//! Rows scaled to unit length: what methods that go by direction work on.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

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

    /// Bytes of a scaled view: two norms, a mark and a class per row, for each worker buffers of the rows as stored and as
    /// scaled, and the scaled rows where they are kept.
    pub fn bytes(shape: &Shape) -> u64 {
        29 * shape.n as u64 + 2 * shape.block_bytes() + kept_bytes(shape)
    }
}

/// Bytes of a pool whose rows are [held](CheckedPool::held): a norm, a mark and a class per row, and the rows.
pub(crate) fn held_bytes(shape: &Shape) -> u64 {
    match kept_bytes(shape) {
        0 => 0,
        _ if shape.lies_in_memory => 0,
        kept => 21 * shape.n as u64 + kept,
    }
}

/// Bytes of the rows in memory, where they are kept.
fn kept_bytes(shape: &Shape) -> u64 {
    let kept = if keeps_rows(shape.n, shape.dim, shape.cache_bytes) { 4 * shape.n * shape.dim } else { 0 };
    kept as u64
}

/// Whether rows are kept, scaled or as they are: in a quarter of what may be kept, the rest being for what is made of
/// them.
pub(crate) fn keeps_rows(n: usize, dim: usize, cache_bytes: u64) -> bool {
    (4 * n as u64).saturating_mul(dim as u64) <= cache_bytes / 4
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

/// Rows in memory as `f32`, as their pool gives them, shared by all pools of some of them.
#[derive(Clone)]
pub(crate) struct Kept {
    values: Arc<Vec<f32>>,
    /// Which of them are the rows of the pool, if not all.
    rows: Option<Vec<usize>>,
}

impl Kept {
    /// Keeps these rows.
    pub(crate) fn new(values: Vec<f32>) -> Self {
        Kept { values: Arc::new(values), rows: None }
    }

    /// Just these of them.
    pub(crate) fn keep(&self, rows: &[usize]) -> Self {
        let rows = match &self.rows {
            None => rows.to_vec(),
            Some(of) => rows.iter().map(|&row| of[row]).collect(),
        };
        Kept { values: Arc::clone(&self.values), rows: Some(rows) }
    }

    /// Whether rows in order lie one after the other, so that they are had for nothing.
    pub(crate) fn is_whole(&self) -> bool {
        self.rows.is_none()
    }

    /// One row.
    pub(crate) fn row(&self, row: usize, dim: usize) -> &[f32] {
        let row = self.rows.as_ref().map_or(row, |of| of[row]);
        &self.values[row * dim..(row + 1) * dim]
    }

    /// Some rows in order.
    pub(crate) fn rows<'a>(&'a self, range: Range<usize>, dim: usize, out: &'a mut Block) -> Rows<'a> {
        match &self.rows {
            None => Rows::from_f32(&self.values[range.start * dim..range.end * dim], dim),
            Some(_) => self.gather(range, dim, out),
        }
    }

    /// Some rows.
    pub(crate) fn gather<'a>(
        &self,
        rows: impl ExactSizeIterator<Item = usize>,
        dim: usize,
        out: &'a mut Block,
    ) -> Rows<'a> {
        let values = out.bytes_mut(Dtype::F32, rows.len() * dim);
        self.copy(rows, dim, bytemuck::cast_slice_mut(values));
        out.rows(dim)
    }

    /// Copies some rows into `out` `(rows, d)`.
    pub(crate) fn copy(&self, rows: impl Iterator<Item = usize>, dim: usize, out: &mut [f32]) {
        for (out, row) in out.chunks_exact_mut(dim).zip(rows) {
            out.copy_from_slice(self.row(row, dim));
        }
    }
}

impl Scaling {
    /// The scaling of just these rows.
    pub(crate) fn keep(&self, rows: &[usize]) -> Self {
        Scaling { kernels: self.kernels, sq_norms: rows.iter().map(|&row| self.sq_norms[row]).collect() }
    }

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
