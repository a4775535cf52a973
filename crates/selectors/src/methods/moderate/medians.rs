//! Medians of the columns of each class, exactly: some columns of all rows at a time.

use std::sync::Mutex;

use crate::Error;
use crate::context::{CHUNK_ROWS, Context};
use crate::plan::Shape;
use crate::pool::CheckedPool;
use crate::scan;

/// Bytes of the columns held at once.
const STRIPE_BYTES: usize = 64 << 20;

/// Columns held at once.
fn stripe(n: usize, dim: usize) -> usize {
    (STRIPE_BYTES / (4 * n)).clamp(1, dim)
}

/// Passes over the rows.
pub(super) fn passes(shape: &Shape) -> f64 {
    shape.dim.div_ceil(stripe(shape.n, shape.dim)) as f64
}

/// Bytes held, the centers apart.
pub(super) fn bytes(shape: &Shape) -> u64 {
    // The columns, and one of them by class for each worker.
    (4 * shape.n * (stripe(shape.n, shape.dim) + shape.threads) + 12 * shape.n) as u64
        + shape.threads as u64 * (4 * (CHUNK_ROWS * shape.dim) as u64 + (2 << 20))
}

/// The median of every column over the rows of each class, `(classes, d)`; of an even number of rows the mean of the two
/// in the middle, rounded to `f32`; of a class without rows 0.
///
/// # Errors
/// Reading, interruption.
pub(super) fn of_classes(
    pool: &CheckedPool<'_>,
    classes: &[u32],
    n_classes: usize,
    ctx: &Context,
) -> Result<Vec<f32>, Error> {
    use rayon::prelude::*;
    let (n, dim) = (pool.len(), pool.dim());
    let at_once = stripe(n, dim);
    // Where the rows of each class begin in an order by class.
    let mut starts = vec![0; n_classes + 1];
    classes.iter().for_each(|class| starts[*class as usize + 1] += 1);
    (0..n_classes).for_each(|class| starts[class + 1] += starts[class]);
    let mut centers = vec![0.0; n_classes * dim];
    let mut values = vec![0.0_f32; n * at_once];
    for first in (0..dim).step_by(at_once) {
        let columns = first..(first + at_once).min(dim);
        read_columns(pool, columns.clone(), &mut values[..n * columns.len()], ctx)?;
        let medians: Vec<Vec<f32>> = ctx.threads().install(|| {
            let of_column = |(by_class, at): &mut (Vec<f32>, Vec<usize>), column: usize| {
                by_class.resize(n, 0.0);
                at.clone_from(&starts);
                for (rows, chunk) in classes.chunks(CHUNK_ROWS).zip(values.chunks(CHUNK_ROWS * columns.len())) {
                    let chunk = &chunk[column * rows.len()..(column + 1) * rows.len()];
                    for (class, value) in rows.iter().zip(chunk) {
                        let at = &mut at[*class as usize];
                        by_class[*at] = *value;
                        *at += 1;
                    }
                }
                starts.windows(2).map(|range| median(&mut by_class[range[0]..range[1]])).collect()
            };
            (0..columns.len()).into_par_iter().map_init(Default::default, of_column).collect()
        });
        for (column, medians) in columns.zip(medians) {
            medians.into_iter().enumerate().for_each(|(class, median)| centers[class * dim + column] = median);
        }
    }
    Ok(centers)
}

/// Reads some columns of all rows: chunk of rows after chunk, in each column after column.
fn read_columns(
    pool: &CheckedPool<'_>,
    columns: std::ops::Range<usize>,
    out: &mut [f32],
    ctx: &Context,
) -> Result<(), Error> {
    let (n, dim, width) = (pool.len(), pool.dim(), columns.len());
    // Nobody waits: a chunk is one worker's at a time.
    let pieces: Vec<Mutex<&mut [f32]>> = out.chunks_mut(CHUNK_ROWS * width).map(Mutex::new).collect();
    scan::for_rows(pool, ctx, &mut vec![(); n], Vec::new, |wide: &mut Vec<f32>, block, _| {
        wide.resize(block.rows.len() * dim, 0.0);
        ctx.kernels().widen(block.rows, wide);
        let mut piece = scan::lock(&pieces[block.first / CHUNK_ROWS]);
        let rows = piece.len() / width;
        for (row, x) in wide.chunks_exact(dim).enumerate() {
            let row = block.first % CHUNK_ROWS + row;
            x[columns.clone()].iter().enumerate().for_each(|(column, v)| piece[column * rows + row] = *v);
        }
        Ok(())
    })
}

fn median(values: &mut [f32]) -> f32 {
    let (len, half) = (values.len(), values.len() / 2);
    if len == 0 {
        return 0.0;
    }
    let (lower, upper, _) = values.select_nth_unstable_by(half, f32::total_cmp);
    if len % 2 == 1 {
        return *upper;
    }
    let lower = lower.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    ((f64::from(lower) + f64::from(*upper)) / 2.0) as f32
}
