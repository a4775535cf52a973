//! The directions in which rows are largest: an orthonormal basis onto which they are projected without centering, so
//! that norms and inner products stay nearly what they are.

use nalgebra::{DMatrix, DMatrixView};
use rayon::prelude::*;
use subsel::{Context, Stream};

use crate::Error;

/// Directions iterated beyond those asked for.
const SPARE: usize = 32;

/// Iterations. What is left between two directions of nearly the same size does not matter: both are kept, or neither
/// matters.
const ITERATIONS: usize = 8;

/// Pivots of a Gram matrix below this times the largest are rounding, or nearly so.
const RANK: f64 = 1e-6;

/// Columns of a product that one task works out.
const COLUMNS: usize = 64;

/// The `dim` directions `(dim, width)` of largest second moment of the rows `(m, width)`, the largest first.
///
/// Subspace iteration on the matrix of second moments, with orthonormalization by Cholesky's factor, twice.
/// # Cost
/// Time `O(width^2 (m + iterations dim))` shared by the threads; memory `O(width^2 + m width)` in `f64`.
pub(super) fn directions(rows: &[f32], width: usize, dim: usize, ctx: &Context) -> Result<Vec<f32>, Error> {
    // Columns of the matrix are rows in memory.
    let rows = DMatrix::from_iterator(width, rows.len() / width, rows.iter().map(|value| f64::from(*value)));
    let moments = product(&rows, &rows.transpose(), ctx);
    let scale = moments.amax();
    let moments = if scale > 0.0 { moments / scale } else { moments };
    let wide = (dim + SPARE).min(width).min(rows.ncols());
    let stream = Stream::new(0, "projection");
    let start = DMatrix::from_fn(width, wide, |i, j| stream.child(j as u64).unit(i as u64) - 0.5);
    let mut basis = orthonormal(start, ctx);
    for _ in 0..ITERATIONS {
        ctx.go_on()?;
        basis = orthonormal(product(&moments, &basis, ctx), ctx);
    }
    // Rayleigh and Ritz: the best directions within the subspace.
    let within = product(&basis.transpose(), &product(&moments, &basis, ctx), ctx);
    let eigen = within.symmetric_eigen();
    let mut order: Vec<usize> = (0..wide).collect();
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]).then(a.cmp(b)));
    let vectors =
        DMatrix::from_columns(&order[..dim].iter().map(|i| eigen.eigenvectors.column(*i)).collect::<Vec<_>>());
    let found = product(&basis, &vectors, ctx);
    Ok(found.iter().map(|value| *value as f32).collect())
}

/// `a b`, blocks of columns shared by the threads: each value is worked out by one of them, in one order.
fn product(a: &DMatrix<f64>, b: &DMatrix<f64>, ctx: &Context) -> DMatrix<f64> {
    let (rows, inner) = (a.nrows(), a.ncols());
    let mut out = DMatrix::zeros(rows, b.ncols());
    ctx.threads().install(|| {
        out.as_mut_slice().par_chunks_mut(rows * COLUMNS).zip(b.as_slice().par_chunks(inner * COLUMNS)).for_each(
            |(out, b)| {
                let b = DMatrixView::from_slice(b, inner, b.len() / inner);
                let found = a * b;
                out.copy_from_slice(found.as_slice());
            },
        );
    });
    out
}

/// An orthonormal basis of what the columns span. Once leaves the rounding of a Gram matrix, twice nothing to speak of.
fn orthonormal(columns: DMatrix<f64>, ctx: &Context) -> DMatrix<f64> {
    once_orthonormal(once_orthonormal(columns, ctx), ctx)
}

fn once_orthonormal(columns: DMatrix<f64>, ctx: &Context) -> DMatrix<f64> {
    let factor = product(&columns.transpose(), &columns, ctx).cholesky().map(|factor| factor.unpack());
    let has_rank = |factor: &DMatrix<f64>| factor.diagonal().min() > RANK * factor.diagonal().max();
    match factor.filter(has_rank).and_then(|factor| factor.try_inverse()) {
        Some(inverse) => product(&columns, &inverse.transpose(), ctx),
        // Rows that span less than was asked for.
        None => columns.qr().q(),
    }
}
