//! The instruction sets of x86-64: two implementations of `Vector`, and for each the same thin wrappers.

use super::generic::{self, Abs, Product, SqDiff};
use super::vector::Vector;
use crate::alike::{self, Gains, Units};
use crate::linear;
use crate::scalar::TwoLeast;
use crate::{LANES, Rows};
use std::arch::x86_64::*;

/// One module of wrappers. `$group`: how many rows share the loads of one vector, so that the sums fill the pipeline
/// (latency 4, two per cycle, so eight chains) and still fit the registers.
macro_rules! wrappers {
    ($module:ident, $vector:ty, $features:literal, $group:literal) => {
        pub(super) mod $module {
            use super::*;

            type V = $vector;

            // SAFETY, for every block in this module: the function is compiled for the instruction set of `V`, so
            // whoever calls it has found the processor to have it.

            #[target_feature(enable = $features)]
            pub(in crate::arch) fn sq_norms_f32(rows: &[f32], dim: usize, out: &mut [f64]) {
                // SAFETY: see above.
                unsafe { generic::of_rows::<V, Product, $group>(rows, dim, out) }
            }

            #[target_feature(enable = $features)]
            pub(in crate::arch) fn l1_norms_f32(rows: &[f32], dim: usize, out: &mut [f64]) {
                // SAFETY: see above.
                unsafe { generic::of_rows::<V, Abs, $group>(rows, dim, out) }
            }

            #[target_feature(enable = $features)]
            pub(in crate::arch) fn linf_norms_f32(rows: &[f32], dim: usize, out: &mut [f64]) {
                // SAFETY: see above.
                unsafe { generic::linf_norms::<V>(rows, dim, out) }
            }

            #[target_feature(enable = $features)]
            pub(in crate::arch) fn dots(x: &[f64], panel: &[f64], out: &mut [f64]) {
                // SAFETY: see above.
                unsafe { generic::against_rows::<V, Product, f64, f64, $group>(x, panel, out) }
            }

            #[target_feature(enable = $features)]
            pub(in crate::arch) fn dots_f32(y: &[f64], rows: &[f32], out: &mut [f64]) {
                // SAFETY: see above.
                unsafe { generic::against_rows::<V, Product, f64, f32, $group>(y, rows, out) }
            }

            #[target_feature(enable = $features)]
            pub(in crate::arch) fn sq_dists(x: &[f32], panel: &[f32], out: &mut [f64]) {
                // SAFETY: see above.
                unsafe { generic::against_rows::<V, SqDiff, f32, f32, $group>(x, panel, out) }
            }

            #[target_feature(enable = $features)]
            pub(in crate::arch) fn sq_dist_below(x: &[f32], y: &[f32], limit: f64) -> Option<f64> {
                // SAFETY: see above.
                unsafe { generic::sq_dist_below::<V>(x, y, limit) }
            }

            #[target_feature(enable = $features)]
            pub(in crate::arch) fn sums_f32(rows: &[f32], out: &mut [f64]) {
                generic::sums(rows, out)
            }

            #[target_feature(enable = $features)]
            pub(in crate::arch) fn subtract_scaled(v: &mut [f64], coef: f64, q: &[f64]) {
                generic::subtract_scaled(v, coef, q)
            }

            #[target_feature(enable = $features)]
            pub(in crate::arch) fn scale(v: &mut [f32], by: f64) {
                generic::scale(v, by)
            }

            #[target_feature(enable = $features)]
            pub(in crate::arch) fn subtract_offset(rows: &mut [f32], offset: &[f32]) {
                generic::subtract_offset(rows, offset)
            }

            #[target_feature(enable = $features)]
            pub(in crate::arch) fn widen(rows: Rows<'_>, out: &mut [f32]) {
                // SAFETY: see above.
                unsafe { generic::widen::<V>(rows, out) }
            }

            #[target_feature(enable = $features)]
            pub(in crate::arch) fn has_non_finite(rows: Rows<'_>) -> bool {
                generic::has_non_finite(rows)
            }

            #[target_feature(enable = $features)]
            pub(in crate::arch) fn any_within(dots: &[f32], offsets: &[f32], limit: f32) -> bool {
                // SAFETY: see above.
                unsafe { generic::any_within::<V>(dots, offsets, limit) }
            }

            #[target_feature(enable = $features)]
            pub(in crate::arch) fn either_within(
                dots: &[f32],
                offsets: &[f32],
                limit: f32,
                others: &[f32],
                other_limit: f32,
                masks: &mut [u16],
            ) -> bool {
                // SAFETY: see above.
                unsafe { generic::either_within::<V>(dots, offsets, limit, others, other_limit, masks) }
            }

            #[target_feature(enable = $features)]
            pub(in crate::arch) fn two_least(dots: &[f32], offsets: &[f32]) -> TwoLeast {
                // SAFETY: see above.
                unsafe { generic::two_least::<V>(dots, offsets) }
            }

            #[target_feature(enable = $features)]
            pub(in crate::arch) fn count_within(
                dots: &[f32],
                offsets: &[f32],
                certain: f32,
                maybe: f32,
                counts: &mut [u32],
            ) -> (u32, u32) {
                generic::count_within(dots, offsets, certain, maybe, counts)
            }

            #[target_feature(enable = $features)]
            pub(in crate::arch) fn gains(of: Gains<'_>, lower: &mut [f32], upper: &mut [f32]) -> (f32, f32) {
                alike::gains(of, lower, upper)
            }

            #[target_feature(enable = $features)]
            pub(in crate::arch) fn units(of: Units<'_>, out: &mut [u16]) {
                alike::units(of, out);
            }

            #[target_feature(enable = $features)]
            pub(in crate::arch) fn units_above(units: &[u16], levels: &[u16]) -> u64 {
                alike::units_above(units, levels)
            }

            #[target_feature(enable = $features)]
            pub(in crate::arch) fn units_above_weighted(units: &[u16], levels: &[u16], weights: &[u16]) -> u64 {
                alike::units_above_weighted(units, levels, weights)
            }

            #[target_feature(enable = $features)]
            pub(in crate::arch) fn least_both(dots: &[f32], offsets: &[f32], own: f32, least: &mut [f32]) -> f32 {
                generic::least_both(dots, offsets, own, least)
            }

            #[target_feature(enable = $features)]
            pub(in crate::arch) fn dots_few(x: &[f32], rows: &[f32], which: &[u32], out: &mut [f32]) {
                // SAFETY: see above.
                unsafe { generic::dots_few::<V>(x, rows, which, out) }
            }

            #[target_feature(enable = $features)]
            pub(in crate::arch) fn floors(dots: &[f32], offsets: &[f32], own: f32, per_unit: f32, out: &mut [u16]) {
                generic::floors(dots, offsets, own, per_unit, out)
            }

            #[target_feature(enable = $features)]
            pub(in crate::arch) fn lower_floors(floors: &mut [u16], moved: &[u16], limit: u16, open: &mut Vec<u32>) {
                // SAFETY: both have AVX2, and each array holds sixteen values. (The compiler makes sixteen comparisons
                // of what would be one.)
                unsafe {
                    let limit = _mm256_set1_epi16(limit as i16);
                    let groups = floors.as_chunks_mut::<LANES>().0.iter_mut().zip(moved.as_chunks::<LANES>().0);
                    for (group, (floors, moved)) in groups.enumerate() {
                        let moved = _mm256_loadu_si256(moved.as_ptr().cast());
                        let lowered = _mm256_subs_epu16(_mm256_loadu_si256(floors.as_ptr().cast()), moved);
                        _mm256_storeu_si256(floors.as_mut_ptr().cast(), lowered);
                        let within = _mm256_cmpeq_epi16(_mm256_subs_epu16(lowered, limit), _mm256_setzero_si256());
                        // Two bits for each lane, of which one is enough.
                        let mut mask = _mm256_movemask_epi8(within) as u32 & 0x5555_5555;
                        while mask != 0 {
                            open.push((group * LANES) as u32 + mask.trailing_zeros() / 2);
                            mask &= mask - 1;
                        }
                    }
                }
            }

            #[target_feature(enable = $features)]
            pub(in crate::arch) fn shortfalls_both(dots: &[f32], offsets: &[f32], reach: f32, sums: &mut [f32]) -> f32 {
                generic::shortfalls_both(dots, offsets, reach, sums)
            }

            #[target_feature(enable = $features)]
            pub(in crate::arch) fn class_dots_f32(of: linear::Rows<'_, f32>, weights: &[f32], out: &mut [f32]) {
                linear::dots(of, weights, out)
            }

            #[target_feature(enable = $features)]
            pub(in crate::arch) fn class_dots_f64(of: linear::Rows<'_, f64>, weights: &[f64], out: &mut [f64]) {
                linear::dots(of, weights, out)
            }

            #[target_feature(enable = $features)]
            pub(in crate::arch) fn class_sums_f32(of: linear::Sums<'_, f32>, out: &mut [f32]) {
                linear::sums(of, out)
            }

            #[target_feature(enable = $features)]
            pub(in crate::arch) fn class_sums_f64(of: linear::Sums<'_, f64>, out: &mut [f64]) {
                linear::sums(of, out)
            }
        }
    };
}

wrappers!(avx512, Avx512, "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c", 4);
wrappers!(avx2, Avx2, "avx2,fma,f16c", 2);

/// Sixteen `f64` in two registers, sixteen `f32` in one.
#[derive(Clone, Copy)]
pub(super) struct Avx512;

/// A mask of the lowest `len` bits.
#[inline(always)]
fn low_bits(len: usize) -> u16 {
    ((1_u32 << len) - 1) as u16
}

// SAFETY, for every block in this implementation: the trait's contract, passed on to the caller. Masked loads touch
// only the lanes of the mask.
impl Vector for Avx512 {
    type F64 = [__m512d; 2];
    type F32 = __m512;

    #[inline(always)]
    unsafe fn zero() -> Self::F64 {
        // SAFETY: see above.
        unsafe { [_mm512_setzero_pd(); 2] }
    }
    #[inline(always)]
    unsafe fn load_f64(from: *const f64) -> Self::F64 {
        // SAFETY: see above.
        unsafe { [_mm512_loadu_pd(from), _mm512_loadu_pd(from.add(8))] }
    }
    #[inline(always)]
    unsafe fn load_f64_part(from: *const f64, len: usize) -> Self::F64 {
        let [low, high] = low_bits(len).to_le_bytes();
        // SAFETY: see above. `wrapping_add`, for the upper half may lie beyond the values.
        unsafe { [_mm512_maskz_loadu_pd(low, from), _mm512_maskz_loadu_pd(high, from.wrapping_add(8))] }
    }
    #[inline(always)]
    unsafe fn load_widened(from: *const f32) -> Self::F64 {
        // SAFETY: see above. Two loads rather than a load and a shuffle: shuffles have only one port.
        unsafe { [_mm512_cvtps_pd(_mm256_loadu_ps(from)), _mm512_cvtps_pd(_mm256_loadu_ps(from.add(8)))] }
    }
    #[inline(always)]
    unsafe fn load_widened_part(from: *const f32, len: usize) -> Self::F64 {
        let [low, high] = low_bits(len).to_le_bytes();
        // SAFETY: see above.
        unsafe {
            let low = _mm256_maskz_loadu_ps(low, from);
            let high = _mm256_maskz_loadu_ps(high, from.wrapping_add(8));
            [_mm512_cvtps_pd(low), _mm512_cvtps_pd(high)]
        }
    }
    #[inline(always)]
    unsafe fn add(a: Self::F64, b: Self::F64) -> Self::F64 {
        // SAFETY: see above.
        unsafe { [_mm512_add_pd(a[0], b[0]), _mm512_add_pd(a[1], b[1])] }
    }
    #[inline(always)]
    unsafe fn sub(a: Self::F64, b: Self::F64) -> Self::F64 {
        // SAFETY: see above.
        unsafe { [_mm512_sub_pd(a[0], b[0]), _mm512_sub_pd(a[1], b[1])] }
    }
    #[inline(always)]
    unsafe fn mul_add(a: Self::F64, b: Self::F64, c: Self::F64) -> Self::F64 {
        // SAFETY: see above.
        unsafe { [_mm512_fmadd_pd(a[0], b[0], c[0]), _mm512_fmadd_pd(a[1], b[1], c[1])] }
    }
    #[inline(always)]
    unsafe fn abs(a: Self::F64) -> Self::F64 {
        // SAFETY: see above.
        unsafe { [_mm512_abs_pd(a[0]), _mm512_abs_pd(a[1])] }
    }
    #[inline(always)]
    unsafe fn sum(a: Self::F64) -> f64 {
        // SAFETY: see above.
        unsafe {
            let eight = _mm512_add_pd(a[0], a[1]);
            sum_eight(_mm512_castpd512_pd256(eight), _mm512_extractf64x4_pd::<1>(eight))
        }
    }
    #[inline(always)]
    unsafe fn splat_f32(value: f32) -> Self::F32 {
        // SAFETY: see above.
        unsafe { _mm512_set1_ps(value) }
    }
    #[inline(always)]
    unsafe fn load_f32(from: *const f32) -> Self::F32 {
        // SAFETY: see above.
        unsafe { _mm512_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn load_f32_part(from: *const f32, len: usize) -> Self::F32 {
        // SAFETY: see above.
        unsafe { _mm512_maskz_loadu_ps(low_bits(len), from) }
    }
    #[inline(always)]
    unsafe fn load_f16(from: *const u16) -> Self::F32 {
        // SAFETY: see above.
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(from.cast())) }
    }
    #[inline(always)]
    unsafe fn load_i32(from: *const i32) -> Self::F32 {
        // SAFETY: see above.
        unsafe { _mm512_cvtepi32_ps(_mm512_loadu_si512(from.cast())) }
    }
    #[inline(always)]
    unsafe fn store_f32(to: *mut f32, a: Self::F32) {
        // SAFETY: see above.
        unsafe { _mm512_storeu_ps(to, a) }
    }
    #[inline(always)]
    unsafe fn add_f32(a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: see above.
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul_add_f32(a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
        // SAFETY: see above.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn abs_f32(a: Self::F32) -> Self::F32 {
        // SAFETY: see above.
        unsafe { _mm512_abs_ps(a) }
    }
    #[inline(always)]
    unsafe fn min_f32(a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: see above.
        unsafe { _mm512_min_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn max_f32(a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: see above.
        unsafe { _mm512_max_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn select_less(a: Self::F32, b: Self::F32, value: Self::F32, other: Self::F32) -> Self::F32 {
        // SAFETY: see above.
        unsafe { _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b), other, value) }
    }
    #[inline(always)]
    unsafe fn select_equal(a: Self::F32, b: Self::F32, value: Self::F32, other: Self::F32) -> Self::F32 {
        // SAFETY: see above.
        unsafe { _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b), other, value) }
    }
    #[inline(always)]
    unsafe fn least(a: Self::F32) -> f32 {
        // SAFETY: see above.
        unsafe { least_eight(_mm256_min_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps::<1>(a))) }
    }
    #[inline(always)]
    unsafe fn not_greater(a: Self::F32, b: Self::F32) -> u16 {
        // SAFETY: see above.
        unsafe { _mm512_cmp_ps_mask::<_CMP_NGT_UQ>(a, b) }
    }
}

/// Sixteen `f64` in four registers, sixteen `f32` in two.
#[derive(Clone, Copy)]
pub(super) struct Avx2;

/// `len` values, then zeros.
///
/// # Safety
/// `len <= 16` values must be readable at `from`.
#[inline(always)]
unsafe fn padded<T: Copy + Default>(from: *const T, len: usize) -> [T; LANES] {
    let mut values = [T::default(); LANES];
    // SAFETY: the caller's; `values` has room for sixteen and is not where `from` points.
    unsafe { std::ptr::copy_nonoverlapping(from, values.as_mut_ptr(), len) };
    values
}

// SAFETY, for every block in this implementation: the trait's contract, passed on to the caller.
impl Vector for Avx2 {
    type F64 = [__m256d; 4];
    type F32 = [__m256; 2];

    #[inline(always)]
    unsafe fn zero() -> Self::F64 {
        // SAFETY: see above.
        unsafe { [_mm256_setzero_pd(); 4] }
    }
    #[inline(always)]
    unsafe fn load_f64(from: *const f64) -> Self::F64 {
        // SAFETY: see above.
        unsafe {
            [
                _mm256_loadu_pd(from),
                _mm256_loadu_pd(from.add(4)),
                _mm256_loadu_pd(from.add(8)),
                _mm256_loadu_pd(from.add(12)),
            ]
        }
    }
    #[inline(always)]
    unsafe fn load_f64_part(from: *const f64, len: usize) -> Self::F64 {
        // SAFETY: see above.
        unsafe { Self::load_f64(padded(from, len).as_ptr()) }
    }
    #[inline(always)]
    unsafe fn load_widened(from: *const f32) -> Self::F64 {
        // SAFETY: see above.
        unsafe {
            [
                _mm256_cvtps_pd(_mm_loadu_ps(from)),
                _mm256_cvtps_pd(_mm_loadu_ps(from.add(4))),
                _mm256_cvtps_pd(_mm_loadu_ps(from.add(8))),
                _mm256_cvtps_pd(_mm_loadu_ps(from.add(12))),
            ]
        }
    }
    #[inline(always)]
    unsafe fn load_widened_part(from: *const f32, len: usize) -> Self::F64 {
        // SAFETY: see above.
        unsafe { Self::load_widened(padded(from, len).as_ptr()) }
    }
    #[inline(always)]
    unsafe fn add(a: Self::F64, b: Self::F64) -> Self::F64 {
        // SAFETY: see above.
        unsafe {
            [_mm256_add_pd(a[0], b[0]), _mm256_add_pd(a[1], b[1]), _mm256_add_pd(a[2], b[2]), _mm256_add_pd(a[3], b[3])]
        }
    }
    #[inline(always)]
    unsafe fn sub(a: Self::F64, b: Self::F64) -> Self::F64 {
        // SAFETY: see above.
        unsafe {
            [_mm256_sub_pd(a[0], b[0]), _mm256_sub_pd(a[1], b[1]), _mm256_sub_pd(a[2], b[2]), _mm256_sub_pd(a[3], b[3])]
        }
    }
    #[inline(always)]
    unsafe fn mul_add(a: Self::F64, b: Self::F64, c: Self::F64) -> Self::F64 {
        // SAFETY: see above.
        unsafe {
            [
                _mm256_fmadd_pd(a[0], b[0], c[0]),
                _mm256_fmadd_pd(a[1], b[1], c[1]),
                _mm256_fmadd_pd(a[2], b[2], c[2]),
                _mm256_fmadd_pd(a[3], b[3], c[3]),
            ]
        }
    }
    #[inline(always)]
    unsafe fn abs(a: Self::F64) -> Self::F64 {
        // SAFETY: see above.
        unsafe {
            let sign = _mm256_set1_pd(-0.0);
            [
                _mm256_andnot_pd(sign, a[0]),
                _mm256_andnot_pd(sign, a[1]),
                _mm256_andnot_pd(sign, a[2]),
                _mm256_andnot_pd(sign, a[3]),
            ]
        }
    }
    #[inline(always)]
    unsafe fn sum(a: Self::F64) -> f64 {
        // SAFETY: see above.
        unsafe { sum_eight(_mm256_add_pd(a[0], a[2]), _mm256_add_pd(a[1], a[3])) }
    }
    #[inline(always)]
    unsafe fn splat_f32(value: f32) -> Self::F32 {
        // SAFETY: see above.
        unsafe { [_mm256_set1_ps(value); 2] }
    }
    #[inline(always)]
    unsafe fn load_f32(from: *const f32) -> Self::F32 {
        // SAFETY: see above.
        unsafe { [_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))] }
    }
    #[inline(always)]
    unsafe fn load_f32_part(from: *const f32, len: usize) -> Self::F32 {
        // SAFETY: see above.
        unsafe { Self::load_f32(padded(from, len).as_ptr()) }
    }
    #[inline(always)]
    unsafe fn load_f16(from: *const u16) -> Self::F32 {
        // SAFETY: see above.
        unsafe { [_mm256_cvtph_ps(_mm_loadu_si128(from.cast())), _mm256_cvtph_ps(_mm_loadu_si128(from.add(8).cast()))] }
    }
    #[inline(always)]
    unsafe fn load_i32(from: *const i32) -> Self::F32 {
        // SAFETY: see above.
        unsafe {
            [
                _mm256_cvtepi32_ps(_mm256_loadu_si256(from.cast())),
                _mm256_cvtepi32_ps(_mm256_loadu_si256(from.add(8).cast())),
            ]
        }
    }
    #[inline(always)]
    unsafe fn store_f32(to: *mut f32, a: Self::F32) {
        // SAFETY: see above.
        unsafe {
            _mm256_storeu_ps(to, a[0]);
            _mm256_storeu_ps(to.add(8), a[1]);
        }
    }
    #[inline(always)]
    unsafe fn add_f32(a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: see above.
        unsafe { [_mm256_add_ps(a[0], b[0]), _mm256_add_ps(a[1], b[1])] }
    }
    #[inline(always)]
    unsafe fn mul_add_f32(a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
        // SAFETY: see above.
        unsafe { [_mm256_fmadd_ps(a[0], b[0], c[0]), _mm256_fmadd_ps(a[1], b[1], c[1])] }
    }
    #[inline(always)]
    unsafe fn abs_f32(a: Self::F32) -> Self::F32 {
        // SAFETY: see above.
        unsafe {
            let sign = _mm256_set1_ps(-0.0);
            [_mm256_andnot_ps(sign, a[0]), _mm256_andnot_ps(sign, a[1])]
        }
    }
    #[inline(always)]
    unsafe fn min_f32(a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: see above.
        unsafe { [_mm256_min_ps(a[0], b[0]), _mm256_min_ps(a[1], b[1])] }
    }
    #[inline(always)]
    unsafe fn max_f32(a: Self::F32, b: Self::F32) -> Self::F32 {
        // SAFETY: see above.
        unsafe { [_mm256_max_ps(a[0], b[0]), _mm256_max_ps(a[1], b[1])] }
    }
    #[inline(always)]
    unsafe fn select_less(a: Self::F32, b: Self::F32, value: Self::F32, other: Self::F32) -> Self::F32 {
        // SAFETY: see above.
        unsafe {
            [
                _mm256_blendv_ps(other[0], value[0], _mm256_cmp_ps::<_CMP_LT_OQ>(a[0], b[0])),
                _mm256_blendv_ps(other[1], value[1], _mm256_cmp_ps::<_CMP_LT_OQ>(a[1], b[1])),
            ]
        }
    }
    #[inline(always)]
    unsafe fn select_equal(a: Self::F32, b: Self::F32, value: Self::F32, other: Self::F32) -> Self::F32 {
        // SAFETY: see above.
        unsafe {
            [
                _mm256_blendv_ps(other[0], value[0], _mm256_cmp_ps::<_CMP_EQ_OQ>(a[0], b[0])),
                _mm256_blendv_ps(other[1], value[1], _mm256_cmp_ps::<_CMP_EQ_OQ>(a[1], b[1])),
            ]
        }
    }
    #[inline(always)]
    unsafe fn least(a: Self::F32) -> f32 {
        // SAFETY: see above.
        unsafe { least_eight(_mm256_min_ps(a[0], a[1])) }
    }
    #[inline(always)]
    unsafe fn not_greater(a: Self::F32, b: Self::F32) -> u16 {
        // SAFETY: see above.
        unsafe {
            let low = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NGT_UQ>(a[0], b[0]));
            (low | _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NGT_UQ>(a[1], b[1])) << 8) as u16
        }
    }
}

/// The rest of the tree of `scalar::reduce`: lanes 0 to 3 and 4 to 7 after the first halving.
///
/// # Safety
/// The processor has AVX.
#[inline(always)]
unsafe fn sum_eight(low: __m256d, high: __m256d) -> f64 {
    // SAFETY: the caller's.
    unsafe {
        let four = _mm256_add_pd(low, high);
        let two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd::<1>(four));
        // + 0.0: see `generic` on negative zero.
        _mm_cvtsd_f64(two) + _mm_cvtsd_f64(_mm_unpackhi_pd(two, two)) + 0.0
    }
}

/// The least of eight lanes.
///
/// # Safety
/// The processor has AVX.
#[inline(always)]
unsafe fn least_eight(eight: __m256) -> f32 {
    // SAFETY: the caller's.
    unsafe {
        let four = _mm_min_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
        let two = _mm_min_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_min_ss(two, _mm_movehdup_ps(two)))
    }
}
