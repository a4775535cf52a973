//! Panel products through the `f32` part of the `gemm` crates (the whole costs minutes to build), which chooses its own instructions: its values are bounds only.

use gemm_common::Parallelism;

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
    let multiply = gemm_f32::gemm::f32::get_gemm_fn();
    // SAFETY: `left` holds (m, d) and `right` (k, d) values by the divisions above, read with row stride d; `out` has
    // room for (m, k) values with row stride `stride` by the assertion, and is borrowed exclusively. `read_dst` is
    // false, so that old contents do not matter. The microkernels prefer a destination with consecutive rows, so the
    // transpose is computed: (k, m) with row stride 1.
    unsafe {
        multiply(
            k,
            m,
            dim,
            out.as_mut_ptr(),
            stride,
            1,
            false,
            right.as_ptr(),
            1,
            row,
            left.as_ptr(),
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
