//! The pool by columns: for methods that look at few values of every row rather than at all values of a few rows.

use std::sync::Mutex;

use subsel_formats::RowSource;
use subsel_kernels::{Block, CODE_EDGES, quantile_code};

use crate::Error;
use crate::context::{CHUNK_ROWS, Context};
use crate::plan::Shape;
use crate::pool::CheckedPool;
use crate::random::Stream;
use crate::scan;

/// A copy of the pool by columns: values as `f32`, a byte per value that tells between which quantiles it lies, and a
/// sample of the rows.
///
/// Columns lie in pieces of [`CHUNK_ROWS`] rows, so that one pass fills them in parallel. Codes and sample only save
/// work: what is computed with them does not depend on which rows are in the sample.
pub(crate) struct Columns {
    n: usize,
    dim: usize,
    /// Chunk after chunk, in each column after column.
    values: Vec<f32>,
    /// As `values`.
    codes: Vec<u8>,
    /// Column after column, of the sampled rows.
    sample: Vec<f32>,
    sampled: usize,
    /// Where codes change, by column.
    edges: Vec<[f32; CODE_EDGES]>,
    spans: Vec<Span>,
}

/// Where the values of a column lie.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Span {
    /// The least.
    pub(crate) least: f32,
    /// The middle one, or the mean of the two middle ones.
    pub(crate) median: f64,
    /// The greatest.
    pub(crate) most: f32,
}

/// Rows of the sample.
const SAMPLE_ROWS: usize = 2048;

impl Columns {
    /// Bytes of the copy, its making included.
    pub(crate) fn bytes(shape: &Shape) -> u64 {
        let (n, dim, sampled) = (shape.n as u64, shape.dim as u64, shape.n.min(SAMPLE_ROWS) as u64);
        // The sample as stored, by rows and by columns are there at once before the values are.
        let making = 4 * n * shape.threads as u64;
        5 * n * dim + sampled * dim * 8 + dim * (4 * CODE_EDGES as u64 + 16) + making
    }

    /// Rows read one by one for the sample.
    pub(crate) fn gathered(shape: &Shape) -> f64 {
        shape.n.min(SAMPLE_ROWS) as f64
    }

    /// Reads the pool in one pass.
    ///
    /// # Errors
    /// Whatever reading meets, or [`Error::Interrupted`].
    pub(crate) fn read(pool: &CheckedPool<'_>, ctx: &Context) -> Result<Self, Error> {
        let (n, dim) = (pool.len(), pool.dim());
        let sampled = n.min(SAMPLE_ROWS);
        let sample = read_sample(pool, ctx, sampled)?;
        let edges: Vec<[f32; CODE_EDGES]> = sample.chunks_exact(sampled).map(edges_of).collect();
        let (mut values, mut codes) = (vec![0.0; n * dim], vec![0; n * dim]);
        {
            let pieces = values.chunks_mut(CHUNK_ROWS * dim).zip(codes.chunks_mut(CHUNK_ROWS * dim));
            // Nobody waits: a chunk is one worker's at a time.
            let pieces: Vec<Mutex<_>> = pieces.map(Mutex::new).collect();
            let step = |wide: &mut Vec<f32>, _: Option<()>, block: scan::BlockAt<'_>, _: &mut [()]| {
                let chunk = block.first / CHUNK_ROWS;
                let rows = CHUNK_ROWS.min(n - chunk * CHUNK_ROWS);
                wide.resize(block.rows.len() * dim, 0.0);
                ctx.kernels().widen(block.rows, wide);
                let mut piece = pieces[chunk].lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                let (values, codes) = &mut *piece;
                ctx.kernels().transpose(wide, dim, values, rows, block.first % CHUNK_ROWS);
                if block.range().end == (chunk * CHUNK_ROWS + rows) {
                    let columns = values.chunks_exact(rows).zip(codes.chunks_exact_mut(rows)).zip(&edges);
                    columns.for_each(|((values, codes), edges)| ctx.kernels().quantile_codes(values, edges, codes));
                }
                Ok(())
            };
            ctx.progress().begin("reading columns", n.div_ceil(CHUNK_ROWS) as u64);
            scan::pass(pool, ctx, &mut vec![(); n], Vec::new, step, |()| Ok(()))?;
        }
        let mut columns = Columns { n, dim, values, codes, sample, sampled, edges, spans: vec![Span::default(); dim] };
        columns.spans = columns.measure(ctx)?;
        Ok(columns)
    }

    /// Spans of all columns, in parallel.
    fn measure(&self, ctx: &Context) -> Result<Vec<Span>, Error> {
        use rayon::prelude::*;
        ctx.go_on()?;
        let span = |buffer: &mut Vec<f32>, column| {
            buffer.clear();
            (0..self.chunks()).for_each(|chunk| buffer.extend_from_slice(self.values(chunk, column)));
            span_of(buffer)
        };
        Ok(ctx.threads().install(|| (0..self.dim).into_par_iter().map_init(Vec::new, span).collect()))
    }

    /// Rows.
    pub(crate) fn n(&self) -> usize {
        self.n
    }

    /// Columns.
    pub(crate) fn dim(&self) -> usize {
        self.dim
    }

    /// Pieces of each column.
    pub(crate) fn chunks(&self) -> usize {
        self.n.div_ceil(CHUNK_ROWS)
    }

    fn piece(&self, chunk: usize, column: usize) -> std::ops::Range<usize> {
        let first = chunk * CHUNK_ROWS;
        let rows = CHUNK_ROWS.min(self.n - first);
        let start = first * self.dim + column * rows;
        start..start + rows
    }

    /// One piece of a column: rows from `chunk * CHUNK_ROWS`.
    pub(crate) fn values(&self, chunk: usize, column: usize) -> &[f32] {
        &self.values[self.piece(chunk, column)]
    }

    /// The codes of [`values`](Self::values).
    pub(crate) fn codes(&self, chunk: usize, column: usize) -> &[u8] {
        &self.codes[self.piece(chunk, column)]
    }

    /// One value.
    pub(crate) fn value(&self, row: usize, column: usize) -> f32 {
        self.values(row / CHUNK_ROWS, column)[row % CHUNK_ROWS]
    }

    /// A column's values in the sampled rows.
    pub(crate) fn sample(&self, column: usize) -> &[f32] {
        &self.sample[column * self.sampled..(column + 1) * self.sampled]
    }

    /// Rows in the sample, at least 1.
    pub(crate) fn sampled(&self) -> usize {
        self.sampled
    }

    /// Where a column's values lie.
    pub(crate) fn span(&self, column: usize) -> Span {
        self.spans[column]
    }

    /// The codes that values of a column between two numbers have, both included.
    pub(crate) fn codes_between(&self, column: usize, low: f64, high: f64) -> (u8, u8) {
        (quantile_code(low, &self.edges[column]), quantile_code(high, &self.edges[column]))
    }
}

/// Some rows by columns: one from each of `sampled` equal parts of the pool, at a place in it that is as good as random.
fn read_sample(pool: &CheckedPool<'_>, ctx: &Context, sampled: usize) -> Result<Vec<f32>, Error> {
    // A fixed stream rather than the run's: it decides nothing.
    let stream = Stream::new(0, "columns");
    let part = |i: usize| (i as u128 * pool.len() as u128 / sampled as u128) as usize;
    let rows: Vec<usize> =
        (0..sampled).map(|i| part(i) + (stream.unit(i as u64) * (part(i + 1) - part(i)) as f64) as usize).collect();
    let mut sample = vec![0.0; sampled * pool.dim()];
    let (mut scratch, mut wide) = (Block::new(pool.dtype()), Vec::new());
    // Few at a time: by rows they are not all needed at once.
    for (i, rows) in rows.chunks(64).enumerate() {
        pool.gather_f32(ctx, rows, &mut scratch, &mut wide)?;
        ctx.kernels().transpose(&wide, pool.dim(), &mut sample, sampled, 64 * i);
    }
    Ok(sample)
}

fn edges_of(sample: &[f32]) -> [f32; CODE_EDGES] {
    let mut sorted = sample.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    std::array::from_fn(|i| sorted[(i + 1) * sorted.len() / (CODE_EDGES + 1)])
}

/// Reorders the values, of which there is at least one.
fn span_of(values: &mut [f32]) -> Span {
    let least = values.iter().copied().fold(f32::INFINITY, f32::min);
    let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let is_even = values.len().is_multiple_of(2);
    let (below, middle, _) = values.select_nth_unstable_by(values.len() / 2, f32::total_cmp);
    let middle = f64::from(*middle);
    let median = match below.iter().copied().max_by(f32::total_cmp) {
        Some(below) if is_even => (f64::from(below) + middle) / 2.0,
        _ => middle,
    };
    Span { least, median, most }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Settings;
    use crate::testing::{mixture_pool, values_of};

    #[test]
    fn medians_are_those_of_numpy() {
        let median = |values: &[f32]| span_of(&mut values.to_vec()).median;
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&[7.0]), 7.0);
        assert_eq!(span_of(&mut [2.0, -1.0]), Span { least: -1.0, median: 0.5, most: 2.0 });
    }

    #[test]
    fn pieces_hold_the_pool_and_codes_follow_the_values() {
        let pool = mixture_pool(9001, 5, 3);
        let all = values_of(&pool);
        for (threads, block_rows) in [(1, None), (3, Some(700))] {
            let settings = Settings { threads: Some(threads), block_rows, ..Settings::default() };
            let mut ctx = Context::new(&settings).unwrap_or_else(|error| panic!("{error}"));
            let checked = CheckedPool::new(&pool.pool(), &mut ctx).unwrap_or_else(|error| panic!("{error}"));
            let columns = Columns::read(&checked, &ctx).unwrap_or_else(|error| panic!("{error}"));
            for row in 0..9001 {
                for column in 0..5 {
                    let value = columns.value(row, column);
                    assert_eq!(value.to_bits(), all[row * 5 + column].to_bits());
                    let code = columns.codes(row / CHUNK_ROWS, column)[row % CHUNK_ROWS];
                    assert_eq!(columns.codes_between(column, value.into(), value.into()), (code, code));
                }
            }
            assert!((0..5).all(|column| columns.sample(column).iter().all(|v| all.contains(v))));
        }
    }
}
