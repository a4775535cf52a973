//! Dense algebra in `f64` over few rows: products, eigenvalues, moments by slabs.
//!
//! Rows `(n, d)` are kept as the columns of a matrix `(d, n)`, which is row-major memory as it comes. Sums run over slabs of
//! a size that only the dimension decides, in order within chunks of 4,096 rows and then over chunks, so that a value is
//! the same for any block size and number of threads.

use std::ops::Range;

use nalgebra::{DMatrix, DMatrixView};
use subsel::{CHUNK_ROWS, Context, Error, scan};

/// A matrix, column by column.
pub(super) type Matrix = DMatrix<f64>;

/// Rows of a slab: 4 MiB of `f64`.
pub(super) fn slab_rows(dim: usize) -> usize {
    ((512 << 10) / dim).clamp(16, CHUNK_ROWS)
}

/// Ranges of at most `size` that make up `range`.
pub(super) fn slabs(range: Range<usize>, size: usize) -> impl Iterator<Item = Range<usize>> {
    range.clone().step_by(size).map(move |first| first..(first + size).min(range.end))
}

/// Inner products of the columns of `a` `(d, m)` with those of `b` `(d, k)`, `(m, k)`.
pub(super) fn products(a: DMatrixView<'_, f64>, b: DMatrixView<'_, f64>) -> Matrix {
    // A transposed copy costs little and lets the product run through the fast path.
    a.transpose() * b
}

/// Sums `(d,)` and sums of products `(d, d)` of `n` rows; `read(rows, &mut out)` gives rows as `f64`, `(rows, d)`.
///
/// # Errors
/// Those of `read`; interruption.
/// # Cost
/// Time `O(n d^2)` shared by the threads, memory of [`scatter_bytes`].
pub(super) fn scatter(
    n: usize,
    dim: usize,
    ctx: &Context,
    read: impl Fn(Range<usize>, &mut Vec<f64>) -> Result<(), Error> + Sync,
) -> Result<(Vec<f64>, Matrix), Error> {
    let (mut sums, mut products) = (vec![0.0; dim], Matrix::zeros(dim, dim));
    let step = |slab: &mut Vec<f64>, rows: Range<usize>, _: &mut [()]| {
        let (mut sums, mut products) = (vec![0.0; dim], Matrix::zeros(dim, dim));
        for rows in slabs(rows, slab_rows(dim)) {
            let count = rows.len();
            read(rows, slab)?;
            for row in slab.chunks_exact(dim) {
                sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            }
            let columns = DMatrixView::from_slice(slab, dim, count);
            products.gemm(1.0, &columns, &columns.transpose(), 1.0);
        }
        Ok(Some((sums, products)))
    };
    scan::chunks(n, ctx, &mut vec![(); n], Vec::new, step, |(some, part): (Vec<f64>, Matrix)| {
        sums.iter_mut().zip(some).for_each(|(sum, part)| *sum += part);
        products += part;
        Ok(())
    })?;
    Ok((sums, products))
}

/// Bytes of [`scatter`]: the result, and a slab twice and three results under way for each thread.
pub(super) fn scatter_bytes(n: usize, dim: usize, threads: usize) -> u64 {
    let workers = threads.min(n.div_ceil(CHUNK_ROWS));
    (8 * dim * dim * (1 + 3 * workers) + workers * 20 * slab_rows(dim).min(n) * dim) as u64
}

/// Eigenvalues of a symmetric matrix whose true ones are 0 or more, negative ones set to 0. NaN where an entry is not
/// finite.
pub(super) fn eigenvalues(mut matrix: Matrix) -> Vec<f64> {
    let Some(scale) = make_unit(&mut matrix) else { return vec![f64::NAN; matrix.nrows()] };
    matrix.symmetric_eigenvalues().iter().map(|value| value.max(0.0) * scale).collect()
}

/// A matrix `A` with `A A^T` the symmetric `matrix`, whose true eigenvalues are 0 or more: Cholesky's factor, or where
/// rounding leaves none that of the eigenvalues. `None` where an entry is not finite.
pub(super) fn factor(mut matrix: Matrix) -> Option<Matrix> {
    let scale = make_unit(&mut matrix)?.sqrt();
    let root = match matrix.clone().cholesky() {
        Some(cholesky) => cholesky.unpack(),
        None => {
            let mut eigen = matrix.symmetric_eigen();
            for (mut vector, value) in eigen.eigenvectors.column_iter_mut().zip(eigen.eigenvalues.iter()) {
                vector *= value.max(0.0).sqrt();
            }
            eigen.eigenvectors
        }
    };
    Some(root * scale)
}

/// Divides a matrix by its largest entry, so that squares of entries neither overflow nor vanish; gives that entry. `None`
/// where one is not finite.
fn make_unit(matrix: &mut Matrix) -> Option<f64> {
    if matrix.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let largest = matrix.amax();
    if largest > 0.0 {
        *matrix /= largest;
    }
    Some(largest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_of_singular_matrices_multiply_to_them() {
        let a = Matrix::from_row_slice(3, 2, &[1.0, 2.0, 2.0, 4.0, 0.0, 1e-3]);
        let singular = &a * a.transpose();
        let root = factor(singular.clone()).expect("finite entries");
        assert!((&root * root.transpose() - &singular).amax() < 1e-13);
        assert!(factor(Matrix::zeros(2, 2)).expect("finite entries").amax() == 0.0);
        assert!(factor(Matrix::from_element(2, 2, f64::NAN)).is_none());
    }

    #[test]
    fn eigenvalues_survive_extreme_scales() {
        for scale in [1e-200, 1.0, 1e200] {
            let mut found = eigenvalues(Matrix::from_row_slice(2, 2, &[2.0, 1.0, 1.0, 2.0]) * scale);
            found.sort_by(f64::total_cmp);
            assert!((found[0] / scale - 1.0).abs() < 1e-14 && (found[1] / scale - 3.0).abs() < 1e-14, "{found:?}");
        }
        assert_eq!(eigenvalues(Matrix::zeros(3, 3)), [0.0; 3]);
        assert!(eigenvalues(Matrix::from_element(1, 1, f64::INFINITY))[0].is_nan());
    }
}
