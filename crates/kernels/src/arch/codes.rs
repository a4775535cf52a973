//! Rows as codes: products by VNNI where the processor has it, of words by AVX2, and the scans of those products.

use crate::codes::{self, CountEdge, Edges, Encoded, RowEdge};
use crate::{Isa, Kernels};

/// Calls `$name` of the module for the instruction set of `$kernels`.
macro_rules! verbs {
    ($($name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)?;)*) => {
        $(pub(crate) fn $name(kernels: Kernels, $($arg: $type),*) $(-> $result)? {
            match kernels.isa {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: a `Kernels` is made only for an instruction set that this processor has.
                Isa::Avx512Vnni => unsafe { x86::vnni::$name($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                Isa::Avx512 => unsafe { x86::avx512::$name($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                Isa::Avx2 => unsafe { x86::avx2::$name($($arg),*) },
                _ => codes::$name($($arg),*),
            }
        })*
    };
}

verbs! {
    encode(values: &mut [f32], signs: &[f32], limit: f32, codes: &mut [i8]) -> Encoded;
    encode_words(values: &mut [f32], signs: &[f32], limit: f32, codes: &mut [i16]) -> Encoded;
    product(rows: &[i8], sums: &[i32], packed: &[u8], stride: usize, out: &mut [i32], out_stride: usize);
    product_words(rows: &[i16], packed: &[i16], stride: usize, out: &mut [i32], out_stride: usize);
    within(dots: &[i32], edges: &Edges<'_>, row: &RowEdge, masks: &mut [u16]) -> bool;
    count(dots: &[i32], edges: &Edges<'_>, row: &CountEdge, counts: &mut [u32], masks: &mut [u16]) -> (u32, bool);
    shortfalls(dots: &[i32], scales: &[f32], offsets: &[f32], scale: f32, reach: f32, sums: &mut [f32]) -> f32;
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::*;
    use crate::LANES;
    use crate::arch::vector::Vector;
    use crate::arch::x86::{Avx2, Avx512};
    use crate::codes::{GROUP, PAIR, QUAD};
    use std::arch::x86_64::*;

    /// See [`codes::within`].
    ///
    /// # Safety
    /// The processor has the instruction set of `V`.
    #[inline(always)]
    unsafe fn any_within<V: Vector>(dots: &[i32], edges: &Edges<'_>, row: &RowEdge, masks: &mut [u16]) -> bool {
        let Edges { scales, near, errors, offsets, reaches } = *edges;
        let lens = [scales.len(), near.len(), errors.len(), offsets.len(), reaches.len(), LANES * masks.len()];
        let len = lens.into_iter().fold(dots.len(), usize::min);
        let mut any = 0;
        // SAFETY: the offsets stay below the length of all slices, a multiple of sixteen.
        unsafe {
            let (scale, reach, error) = (V::splat_f32(-row.scale), V::splat_f32(-row.reach), V::splat_f32(-row.error));
            let (threshold, own, zero) = (V::splat_f32(row.threshold), V::splat_f32(row.own), V::splat_f32(-0.0));
            for (i, mask) in (0..len - len % LANES).step_by(LANES).zip(masks) {
                let load = |from: &[f32]| V::load_f32(from.as_ptr().add(i));
                // Adding -0 rounds nothing.
                let dot = V::mul_add_f32(V::load_i32(dots.as_ptr().add(i)), load(scales), zero);
                let value = V::mul_add_f32(reach, load(errors), V::mul_add_f32(scale, dot, load(near)));
                let other = V::mul_add_f32(error, load(reaches), V::mul_add_f32(scale, dot, load(offsets)));
                *mask = V::not_greater(value, threshold) | V::not_greater(other, own);
                any |= *mask;
            }
        }
        any != 0
    }

    /// One module of wrappers, for one instruction set.
    macro_rules! wrappers {
        ($module:ident, $vector:ty, $features:literal, $product:path) => {
            pub(super) mod $module {
                use super::*;

                #[target_feature(enable = $features)]
                pub(in crate::arch) fn encode(
                    values: &mut [f32],
                    signs: &[f32],
                    limit: f32,
                    codes: &mut [i8],
                ) -> Encoded {
                    codes::encode(values, signs, limit, codes)
                }

                #[target_feature(enable = $features)]
                pub(in crate::arch) fn encode_words(
                    values: &mut [f32],
                    signs: &[f32],
                    limit: f32,
                    codes: &mut [i16],
                ) -> Encoded {
                    codes::encode(values, signs, limit, codes)
                }

                #[target_feature(enable = $features)]
                pub(in crate::arch) fn product(
                    rows: &[i8],
                    sums: &[i32],
                    packed: &[u8],
                    stride: usize,
                    out: &mut [i32],
                    out_stride: usize,
                ) {
                    $product(rows, sums, packed, stride, out, out_stride)
                }

                #[target_feature(enable = $features)]
                pub(in crate::arch) fn product_words(
                    rows: &[i16],
                    packed: &[i16],
                    stride: usize,
                    out: &mut [i32],
                    out_stride: usize,
                ) {
                    word_product(rows, packed, stride, out, out_stride)
                }

                #[target_feature(enable = $features)]
                pub(in crate::arch) fn within(
                    dots: &[i32],
                    edges: &Edges<'_>,
                    row: &RowEdge,
                    masks: &mut [u16],
                ) -> bool {
                    // SAFETY: this function is compiled for the instruction set of the vector, so whoever calls it has
                    // found the processor to have it.
                    unsafe { any_within::<$vector>(dots, edges, row, masks) }
                }

                #[target_feature(enable = $features)]
                pub(in crate::arch) fn count(
                    dots: &[i32],
                    edges: &Edges<'_>,
                    row: &CountEdge,
                    counts: &mut [u32],
                    masks: &mut [u16],
                ) -> (u32, bool) {
                    codes::count(dots, edges, row, counts, masks)
                }

                #[target_feature(enable = $features)]
                pub(in crate::arch) fn shortfalls(
                    dots: &[i32],
                    scales: &[f32],
                    offsets: &[f32],
                    scale: f32,
                    reach: f32,
                    sums: &mut [f32],
                ) -> f32 {
                    codes::shortfalls(dots, scales, offsets, scale, reach, sums)
                }
            }
        };
    }

    wrappers!(avx2, Avx2, "avx2,fma,f16c", codes::product);
    wrappers!(avx512, Avx512, "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c", codes::product);
    wrappers!(vnni, Avx512, "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c", byte_product);

    /// Rows and groups of columns of one block: 24 sums and 3 vectors of the panel leave registers for a row's value,
    /// and two multiply-adds per cycle get their 11 loads in 12 cycles.
    const ROWS: usize = 8;
    const GROUPS: usize = 3;

    /// See [`codes::product`]; `sums` are those of the codes of each row, one per row.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
    fn byte_product(rows: &[i8], sums: &[i32], packed: &[u8], stride: usize, out: &mut [i32], out_stride: usize) {
        let (m, groups) = (rows.len() / stride, packed.len() / (GROUP * stride));
        assert!(stride.is_multiple_of(QUAD) && sums.len() >= m, "whole quads, one sum per row");
        if m == 0 || groups == 0 {
            return;
        }
        assert!(groups * GROUP <= out_stride && (m - 1) * out_stride + groups * GROUP <= out.len(), "room for all");
        for group in (0..groups).step_by(GROUPS) {
            let width = (groups - group).min(GROUPS);
            for row in (0..m).step_by(ROWS) {
                // SAFETY: `packed` holds `groups` groups and `rows` `m` rows of `stride` codes by the divisions above;
                // `out` has room for all rows and groups by the assertion; rows and groups stay below these.
                unsafe {
                    let right = packed.as_ptr().add(group * GROUP * stride);
                    let at = |row: usize| {
                        let to = row * out_stride + group * GROUP;
                        (rows.as_ptr().wrapping_add(row * stride), sums.as_ptr().wrapping_add(row), to)
                    };
                    if row + ROWS <= m {
                        let (left, sums, to) = at(row);
                        let to = out.as_mut_ptr().add(to);
                        match width {
                            3 => block::<ROWS, 3>(left, sums, right, stride, to, out_stride),
                            2 => block::<ROWS, 2>(left, sums, right, stride, to, out_stride),
                            _ => block::<ROWS, 1>(left, sums, right, stride, to, out_stride),
                        }
                    } else {
                        for row in row..m {
                            let (left, sums, to) = at(row);
                            let to = out.as_mut_ptr().add(to);
                            match width {
                                3 => block::<1, 3>(left, sums, right, stride, to, out_stride),
                                2 => block::<1, 2>(left, sums, right, stride, to, out_stride),
                                _ => block::<1, 1>(left, sums, right, stride, to, out_stride),
                            }
                        }
                    }
                }
            }
        }
    }

    /// The products of `R` rows and `G` groups.
    ///
    /// The panel's codes are raised by 128, since one factor of the instruction has no sign; each sum starts at what
    /// that adds, taken away. Sums wrap and do not saturate, so that only their last value has to fit.
    ///
    /// # Safety
    /// `R` rows of `stride` codes can be read at `left` and as many sums at `sums`, `G` groups at `right`; `R` rows of
    /// `G` groups, `out_stride` apart, can be written at `out`.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
    #[allow(clippy::needless_range_loop)] // indices that unroll to registers
    unsafe fn block<const R: usize, const G: usize>(
        left: *const i8,
        sums: *const i32,
        right: *const u8,
        stride: usize,
        out: *mut i32,
        out_stride: usize,
    ) {
        // SAFETY: the caller's; all offsets stay below what is named there.
        unsafe {
            let mut totals = [[_mm512_setzero_si512(); G]; R];
            for row in 0..R {
                totals[row] = [_mm512_set1_epi32((*sums.add(row)).wrapping_mul(-128)); G];
            }
            for at in (0..stride).step_by(QUAD) {
                let mut columns = [_mm512_setzero_si512(); G];
                for group in 0..G {
                    columns[group] = _mm512_loadu_si512(right.add((group * stride + at) * GROUP).cast());
                }
                for row in 0..R {
                    let value = _mm512_set1_epi32(left.add(row * stride + at).cast::<i32>().read_unaligned());
                    for group in 0..G {
                        totals[row][group] = _mm512_dpbusd_epi32(totals[row][group], columns[group], value);
                    }
                }
            }
            for row in 0..R {
                for group in 0..G {
                    _mm512_storeu_si512(out.add(row * out_stride + group * GROUP).cast(), totals[row][group]);
                }
            }
        }
    }

    /// Rows of words of one block: 12 sums, the panel's 2 vectors, a row's value and a product are all 16 registers.
    const WORD_ROWS: usize = 6;

    /// See [`codes::product_words`].
    #[target_feature(enable = "avx2,fma,f16c")]
    fn word_product(rows: &[i16], packed: &[i16], stride: usize, out: &mut [i32], out_stride: usize) {
        let (m, groups) = (rows.len() / stride, packed.len() / (GROUP * stride));
        assert!(stride.is_multiple_of(2 * PAIR), "an even number of pairs");
        if m == 0 || groups == 0 {
            return;
        }
        assert!(groups * GROUP <= out_stride && (m - 1) * out_stride + groups * GROUP <= out.len(), "room for all");
        for group in 0..groups {
            let mut row = 0;
            while row < m {
                // SAFETY: `packed` holds `groups` groups and `rows` `m` rows of `stride` words by the divisions above;
                // `out` has room for all rows and groups by the assertion; rows and groups stay below these.
                row += unsafe {
                    let right = packed.as_ptr().add(group * GROUP * stride);
                    let left = rows.as_ptr().add(row * stride);
                    let to = out.as_mut_ptr().add(row * out_stride + group * GROUP);
                    match m - row {
                        WORD_ROWS.. => word_block::<WORD_ROWS>(left, right, stride, to, out_stride),
                        2.. => word_block::<2>(left, right, stride, to, out_stride),
                        _ => word_block::<1>(left, right, stride, to, out_stride),
                    }
                };
            }
        }
    }

    /// The products of `R` rows and a group; tells `R`.
    ///
    /// # Safety
    /// `R` rows of `stride` words (a multiple of four) can be read at `left`, a group at `right`; `R` rows of a group,
    /// `out_stride` apart, can be written at `out`.
    #[target_feature(enable = "avx2,fma,f16c")]
    #[allow(clippy::needless_range_loop)] // indices that unroll to registers
    unsafe fn word_block<const R: usize>(
        left: *const i16,
        right: *const i16,
        stride: usize,
        out: *mut i32,
        out_stride: usize,
    ) -> usize {
        const HALF: usize = GROUP / 2;
        // SAFETY: the caller's; all offsets stay below what is named there.
        unsafe {
            let mut totals = [[_mm256_setzero_si256(); 2]; R];
            for at in (0..stride).step_by(2 * PAIR) {
                // Twice, for the loop's own count takes time.
                for at in [at, at + PAIR] {
                    let columns = right.add(at * GROUP).cast::<__m256i>();
                    let columns = [_mm256_loadu_si256(columns), _mm256_loadu_si256(columns.add(1))];
                    for row in 0..R {
                        let value = _mm256_set1_epi32(left.add(row * stride + at).cast::<i32>().read_unaligned());
                        for half in 0..2 {
                            let product = _mm256_madd_epi16(columns[half], value);
                            totals[row][half] = _mm256_add_epi32(totals[row][half], product);
                        }
                    }
                }
            }
            for row in 0..R {
                for half in 0..2 {
                    _mm256_storeu_si256(out.add(row * out_stride + half * HALF).cast(), totals[row][half]);
                }
            }
        }
        R
    }
}
