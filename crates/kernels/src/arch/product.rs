//! Panel products through the `gemm` crate, which chooses its own instructions: its values are bounds only.

use gemm::Parallelism;

/// `out[i * stride + j]` = inner product of row `i` of `left` `(m, d)` and row `j` of `right` `(k, d)`, on this thread.
///
/// # Panics
/// If a length does not fit the others.
pub(crate) fn product(left: &[f32], right: &[f32], dim: usize, out: &mut [f32], stride: usize) {
    let (m, k) = (left.len() / dim, right.len() / dim);
    if m == 0 || k == 0 {
        return;
    }
    assert!(k <= stride && (m - 1) * stride + k <= out.len(), "out has room for (m, k)");
    let (row, stride) = (dim as isize, stride as isize);
    // SAFETY: `left` holds (m, d) and `right` (k, d) values by the divisions above, read with row stride d; `out` has
    // room for (m, k) values with row stride `stride` by the assertion, and is borrowed exclusively. `read_dst` is
    // false, so that old contents do not matter.
    unsafe {
        gemm::gemm(
            m,
            k,
            dim,
            out.as_mut_ptr(),
            1,
            stride,
            false,
            left.as_ptr(),
            1,
            row,
            right.as_ptr(),
            row,
            1,
            0.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
