//! Panel products through the `f32` part of the `gemm` crates (the whole costs minutes to build), which chooses its own instructions: its values are bounds only.

use gemm_common::Parallelism;

use crate::LANES;

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

/// Columns of a strip: what the microkernel takes at once, or twice that, so that a strip is multiplied where it lies,
/// and rows are not packed either: 64 at once with AVX-512, 24 with AVX2.
pub(crate) fn strip() -> usize {
    #[cfg(target_arch = "x86_64")]
    if !std::arch::is_x86_feature_detected!("avx512f") {
        return 48;
    }
    64
}

/// Rows multiplied with all strips in turn: few enough to stay in the second-level cache beside these.
const AT_ONCE: usize = 192;

/// Lays `right` `(k, d)` out in strips of `strip` columns, each `(d, columns)`, for [`product_packed`]; columns are
/// padded with zeros to whole lanes. `out` grows to no more than that takes.
///
/// The crate would pack at every call, into memory that it reserves and frees each time: a sixth of the time of k-means
/// went to page faults.
pub(crate) fn pack(right: &[f32], dim: usize, strip: usize, out: &mut Vec<f32>) {
    let (k, padded) = (right.len() / dim, (right.len() / dim).next_multiple_of(LANES));
    if out.len() < padded * dim {
        out.reserve_exact(padded * dim - out.len());
        out.resize(padded * dim, 0.0);
    }
    for first in (0..padded).step_by(strip) {
        let width = strip.min(padded - first);
        let part = &mut out[first * dim..(first + width) * dim];
        for lane in (0..width).step_by(LANES) {
            // Sixteen rows side by side; beyond the last one, zeros.
            let rows: [&[f32]; LANES] = std::array::from_fn(|i| {
                let row = first + lane + i;
                if row < k { &right[row * dim..(row + 1) * dim] } else { &[] }
            });
            // Square by square, which the compiler makes shuffles of where no row is missing.
            let whole = if rows[LANES - 1].is_empty() { 0 } else { dim / LANES * LANES };
            for first in (0..whole).step_by(LANES) {
                let square: [[f32; LANES]; LANES] =
                    rows.map(|row| std::array::from_fn(|i| row[first..first + LANES][i]));
                for (d, out) in part[first * width..].chunks_exact_mut(width).take(LANES).enumerate() {
                    let column: [f32; LANES] = std::array::from_fn(|i| square[i][d]);
                    out[lane..lane + LANES].copy_from_slice(&column);
                }
            }
            for (d, out) in part.chunks_exact_mut(width).enumerate().skip(whole) {
                let out = &mut out[lane..lane + LANES];
                out.iter_mut().zip(rows).for_each(|(out, row)| *out = row.get(d).copied().unwrap_or(0.0));
            }
        }
    }
}

/// As [`product`], with the right-hand side [packed](pack): `out` is `(m, padded k)`, whatever the padding then holds.
///
/// # Panics
/// If a length does not fit the others.
pub(crate) fn product_packed(left: &[f32], packed: &[f32], dim: usize, strip: usize, out: &mut [f32]) {
    let (m, stride) = (left.len() / dim, packed.len() / dim);
    assert!(out.len() == m * stride, "out is (m, padded k)");
    if stride == 0 {
        return;
    }
    let multiply = gemm_f32::gemm::f32::get_gemm_fn();
    for (left, out) in left.chunks(AT_ONCE * dim).zip(out.chunks_mut(AT_ONCE * stride)) {
        let m = left.len() / dim;
        for first in (0..stride).step_by(strip) {
            let width = strip.min(stride - first);
            let part = &packed[first * dim..(first + width) * dim];
            let out = &mut out[first..];
            assert!((m - 1) * stride + width <= out.len(), "out has room for the strip");
            // SAFETY: `part` holds (d, width) values by its slice, read with column stride `width`, and `left` (m, d) by
            // the division above, read with row stride d; `out` has room for (m, width) values with row stride `stride`
            // by the assertion, and is borrowed exclusively. `read_dst` is false, so that old contents do not matter.
            unsafe {
                multiply(
                    width,
                    m,
                    dim,
                    out.as_mut_ptr(),
                    stride as isize,
                    1,
                    false,
                    part.as_ptr(),
                    width as isize,
                    1,
                    left.as_ptr(),
                    dim as isize,
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small whole numbers, so that every order of summation gives the same.
    #[test]
    fn packed_products_are_products() {
        let shapes = [(1, 1, 1), (7, 16, 16), (193, 15, 17), (5, 64, 33), (200, 131, 48), (3, 80, 700)];
        for ((m, k, dim), strip) in shapes.into_iter().flat_map(|shape| [48, 64].map(|strip| (shape, strip))) {
            let values = |len, by: usize| (0..len).map(|i| ((i * by) % 17) as f32 - 8.0).collect::<Vec<f32>>();
            let (left, right, stride) = (values(m * dim, 5), values(k * dim, 7), k.next_multiple_of(LANES));
            // What a larger panel left behind must not show.
            let mut packed = vec![f32::NAN; stride * dim + 5];
            let (mut expected, mut got) = (vec![0.0; m * k], vec![f32::NAN; m * stride]);
            product(&left, &right, dim, &mut expected, k);
            pack(&right, dim, strip, &mut packed);
            product_packed(&left, &packed[..stride * dim], dim, strip, &mut got);
            for (expected, got) in expected.chunks_exact(k).zip(got.chunks_exact(stride)) {
                assert_eq!((expected, got[k..].iter().all(|v| *v == 0.0)), (&got[..k], true), "{m} {k} {dim} {strip}");
            }
        }
    }
}
