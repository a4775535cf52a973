//! Several sources side by side: row `i` of each belongs to the same example.

use std::ops::Range;

use subsel_kernels::{Block, Dtype, Rows};

use crate::concat::{common_dtype, copy_widened};
use crate::{Error, RowSource};

/// Sources with one number of rows; where their types differ, all values are handed out as f32.
pub(crate) struct JoinColumns {
    parts: Vec<Box<dyn RowSource>>,
    dim: usize,
    dtype: Dtype,
}

impl JoinColumns {
    /// At least one source, all with as many rows.
    pub(crate) fn new(parts: Vec<Box<dyn RowSource>>) -> Self {
        let dim = parts.iter().map(|part| part.dim()).sum();
        let dtype = common_dtype(parts.iter().map(|part| part.dtype()));
        JoinColumns { parts, dim, dtype }
    }

    /// Fills `scratch` with `n_rows` rows, each part's share as `read` gives it.
    fn assemble<'a>(
        &'a self,
        n_rows: usize,
        scratch: &'a mut Block,
        read: impl for<'b> Fn(&'b dyn RowSource, &'b mut Block) -> Result<Rows<'b>, Error>,
    ) -> Result<Rows<'a>, Error> {
        let out = scratch.bytes_mut(self.dtype, n_rows * self.dim);
        let mut piece = Block::default();
        let mut first = 0;
        for part in &self.parts {
            let found = read(part.as_ref(), &mut piece)?;
            let end = first + part.dim() * self.dtype.size();
            for (i, row) in out.chunks_exact_mut(self.dim * self.dtype.size()).enumerate() {
                copy_widened(found.slice(i..i + 1), self.dtype, &mut row[first..end]);
            }
            first = end;
        }
        Ok(scratch.rows(self.dim))
    }
}

impl RowSource for JoinColumns {
    fn n_rows(&self) -> usize {
        self.parts[0].n_rows()
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn rows<'a>(&'a self, range: Range<usize>, scratch: &'a mut Block) -> Result<Rows<'a>, Error> {
        self.assemble(range.len(), scratch, |part, piece| part.rows(range.clone(), piece))
    }

    fn gather<'a>(&'a self, rows: &[usize], scratch: &'a mut Block) -> Result<Rows<'a>, Error> {
        self.assemble(rows.len(), scratch, |part, piece| part.gather(rows, piece))
    }
}
