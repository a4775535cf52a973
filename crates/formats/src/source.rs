//! What every reader of embeddings offers: rows by range and rows by name, as they are stored.

use std::ops::Range;

use subsel_kernels::{Block, Dtype, Rows, Values, with_values};

use crate::Error;

/// A matrix of embeddings `(n, d)` that is read by blocks; it may be larger than memory.
///
/// Several threads read at once. Both reading verbs give rows in the stored type: from memory as they lie there,
/// else read into `scratch`, which callers reuse.
pub trait RowSource: Send + Sync {
    /// Number of rows.
    fn n_rows(&self) -> usize;

    /// Values per row.
    fn dim(&self) -> usize;

    /// How values are stored.
    fn dtype(&self) -> Dtype;

    /// The rows `range`, in order.
    ///
    /// # Errors
    /// Whatever keeps the file from being read: it shrank, or what it holds is damaged.
    fn rows<'a>(&'a self, range: Range<usize>, scratch: &'a mut Block) -> Result<Rows<'a>, Error>;

    /// The rows named, in the order named; a row may be named twice.
    ///
    /// # Errors
    /// As [`RowSource::rows`].
    fn gather<'a>(&'a self, rows: &[usize], scratch: &'a mut Block) -> Result<Rows<'a>, Error>;

    /// Whether all rows lie in memory as `f32`, one after the other, so that nobody gains by keeping a copy of them.
    fn lies_in_memory(&self) -> bool {
        false
    }
}

/// One file of a pool, and how many rows came from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The path as the user gave it or as its glob found it.
    pub path: String,
    /// Its rows, which follow those of the part before.
    pub n_rows: usize,
}

/// Names of the rows of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ids {
    /// Whole numbers.
    Int(Vec<i64>),
    /// Texts.
    Text(Vec<String>),
}

impl Ids {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Ids::Int(ids) => ids.len(),
            Ids::Text(ids) => ids.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The id of one row as text.
    pub fn text(&self, row: usize) -> String {
        match self {
            Ids::Int(ids) => ids[row].to_string(),
            Ids::Text(ids) => ids[row].clone(),
        }
    }
}

/// Embeddings that lie in memory, owned or borrowed for as long as the source lives.
#[derive(Clone, Debug)]
pub struct MemorySource<B> {
    values: B,
    dim: usize,
}

impl<B: AsRef<[f32]>> MemorySource<B> {
    /// Rows of `dim` values each.
    ///
    /// # Errors
    /// [`Error::Shape`] if `dim` is 0 or does not divide the number of values.
    pub fn new(values: B, dim: usize) -> Result<Self, Error> {
        let len = values.as_ref().len();
        if dim == 0 || !len.is_multiple_of(dim) {
            return Err(Error::Shape {
                what: "embeddings in memory".into(),
                detail: format!("{len} values do not make rows of {dim}"),
            });
        }
        Ok(MemorySource { values, dim })
    }
}

impl<B: AsRef<[f32]> + Send + Sync> RowSource for MemorySource<B> {
    fn n_rows(&self) -> usize {
        self.values.as_ref().len() / self.dim
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn rows<'a>(&'a self, range: Range<usize>, _scratch: &'a mut Block) -> Result<Rows<'a>, Error> {
        let values = &self.values.as_ref()[range.start * self.dim..range.end * self.dim];
        Ok(Rows::new(Values::F32(values), self.dim))
    }

    fn gather<'a>(&'a self, rows: &[usize], scratch: &'a mut Block) -> Result<Rows<'a>, Error> {
        gather_by_rows(self, rows, scratch)
    }

    fn lies_in_memory(&self) -> bool {
        true
    }
}

/// Gathers rows of a source in memory, where reading one costs its copy only: what [`RowSource::gather`] of such a source
/// may be.
///
/// # Errors
/// As [`RowSource::rows`].
pub fn gather_by_rows<'a>(source: &dyn RowSource, rows: &[usize], scratch: &'a mut Block) -> Result<Rows<'a>, Error> {
    let (dim, dtype) = (source.dim(), source.dtype());
    let (mut piece, bytes) = (Block::new(dtype), dim * dtype.size());
    let out = scratch.bytes_mut(dtype, rows.len() * dim);
    for (row, out) in rows.iter().zip(out.chunks_exact_mut(bytes)) {
        let row = source.rows(*row..*row + 1, &mut piece)?;
        with_values!(row.values(), values => out.copy_from_slice(bytemuck::cast_slice(values)));
    }
    Ok(scratch.rows(dim))
}
