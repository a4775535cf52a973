//! Several sources as one, their rows one after the other.

use std::ops::Range;

use subsel_kernels::{Block, Dtype, Element, Rows, with_values};

use crate::{Error, RowSource};

/// Sources of one dimension; where their types differ, all rows are handed out as f32.
pub(crate) struct Concat {
    parts: Vec<Box<dyn RowSource>>,
    /// First row of every part, and the number of rows.
    starts: Vec<usize>,
    dtype: Dtype,
}

impl Concat {
    /// At least one source, all of one dimension.
    pub(crate) fn new(parts: Vec<Box<dyn RowSource>>) -> Self {
        let mut starts = vec![0];
        starts.extend(parts.iter().scan(0, |end, part| {
            *end += part.n_rows();
            Some(*end)
        }));
        let dtype = common_dtype(parts.iter().map(|part| part.dtype()));
        Concat { parts, starts, dtype }
    }

    /// The part that holds `row`.
    fn part_of(&self, row: usize) -> usize {
        self.starts.partition_point(|start| *start <= row) - 1
    }

    fn row_bytes(&self) -> usize {
        self.dim() * self.dtype.size()
    }
}

/// The one type there is, else f32, which every type widens to.
pub(crate) fn common_dtype(mut dtypes: impl Iterator<Item = Dtype>) -> Dtype {
    let first = dtypes.next().unwrap_or(Dtype::F32);
    if dtypes.all(|dtype| dtype == first) { first } else { Dtype::F32 }
}

/// Copies values to where values of `dtype` lie, which is their type or f32.
pub(crate) fn copy_widened(rows: Rows<'_>, dtype: Dtype, out: &mut [u8]) {
    if rows.dtype() == dtype {
        with_values!(rows.values(), values => out.copy_from_slice(bytemuck::cast_slice(values)));
        return;
    }
    assert!(dtype == Dtype::F32, "types widen to f32 only");
    let out: &mut [f32] = bytemuck::cast_slice_mut(out);
    with_values!(rows.values(), values => {
        for (wide, value) in out.iter_mut().zip(values) {
            *wide = Element::to_f32(*value);
        }
    });
}

impl RowSource for Concat {
    fn n_rows(&self) -> usize {
        self.starts[self.parts.len()]
    }

    fn dim(&self) -> usize {
        self.parts[0].dim()
    }

    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn rows<'a>(&'a self, range: Range<usize>, scratch: &'a mut Block) -> Result<Rows<'a>, Error> {
        assert!(range.start <= range.end && range.end <= self.n_rows(), "rows {range:?} of {}", self.n_rows());
        let first = self.part_of(range.start.min(self.n_rows() - 1));
        if range.end <= self.starts[first + 1] && self.parts[first].dtype() == self.dtype {
            let start = self.starts[first];
            return self.parts[first].rows(range.start - start..range.end - start, scratch);
        }
        let mut out = scratch.bytes_mut(self.dtype, range.len() * self.dim());
        let mut piece = Block::default();
        for (part, bounds) in self.parts.iter().zip(self.starts.windows(2)).skip(first) {
            let (start, end) = (range.start.max(bounds[0]), range.end.min(bounds[1]));
            if start >= end {
                break;
            }
            let (head, rest) = out.split_at_mut((end - start) * self.row_bytes());
            copy_widened(part.rows(start - bounds[0]..end - bounds[0], &mut piece)?, self.dtype, head);
            out = rest;
        }
        Ok(scratch.rows(self.dim()))
    }

    fn gather<'a>(&'a self, rows: &[usize], scratch: &'a mut Block) -> Result<Rows<'a>, Error> {
        let bytes = self.row_bytes();
        let out = scratch.bytes_mut(self.dtype, rows.len() * self.dim());
        // One read per part, whatever the order: places sorted by the row they ask for.
        let mut places: Vec<usize> = (0..rows.len()).collect();
        places.sort_unstable_by_key(|place| rows[*place]);
        let mut piece = Block::default();
        for places in places.chunk_by(|a, b| self.part_of(rows[*a]) == self.part_of(rows[*b])) {
            let part = self.part_of(rows[places[0]]);
            let local: Vec<usize> = places.iter().map(|place| rows[*place] - self.starts[part]).collect();
            let found = self.parts[part].gather(&local, &mut piece)?;
            for (i, place) in places.iter().enumerate() {
                copy_widened(found.slice(i..i + 1), self.dtype, &mut out[place * bytes..(place + 1) * bytes]);
            }
        }
        Ok(scratch.rows(self.dim()))
    }
}
