//! Scans of columns: bodies over a small trait, its two implementations, and the wrappers that compile each body for
//! one instruction set.

use crate::columns::{Hits, Interval, NearestRow, scalar};
use crate::{Isa, Kernels};

/// Calls `$name` of the module for the instruction set of `$kernels`.
macro_rules! verbs {
    ($($name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)?;)*) => {
        $(pub(crate) fn $name(kernels: Kernels, $($arg: $type),*) $(-> $result)? {
            match kernels.isa {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: a `Kernels` is made only for an instruction set that this processor has.
                Isa::Avx512 | Isa::Avx512Vnni => unsafe { x86::avx512::$name($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                Isa::Avx2 => unsafe { x86::avx2::$name($($arg),*) },
                _ => scalar::$name($($arg),*),
            }
        })*
    };
}

verbs! {
    l1_nearest(columns: &[Interval<'_>], at: &[f64], first: u32, best: &mut NearestRow);
    l1_within(columns: &[Interval<'_>], at: &[f32], radius: f32, first: u32, hits: &mut Hits);
    l1_within_all(columns: &[Interval<'_>], at: &[f32], radius: f32, first: u32, hits: &mut Hits);
    keep_at_most(hits: &mut Hits, limit: f32);
    count_at_most(values: &[f32], limit: f32) -> usize;
    l1_dists(columns: &[&[f32]], at: &[f32], out: &mut [f32]);
    l1_least(columns: &[&[f32]], at: &[f64]) -> f64;
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::*;
    use crate::columns::SPARE;
    use std::arch::x86_64::*;

    /// What the bodies below know of an instruction set.
    ///
    /// # Safety
    /// Every function requires that the processor has the instruction set, and every pointer that as many values as are
    /// named can be read or written there. All are meant to be inlined into a function with the right `target_feature`.
    trait Scan {
        /// Codes looked at in one step, at most 64.
        const CODES: usize;
        /// Lanes of `f32`, a divisor of `CODES`, at most [`SPARE`].
        const LANES: usize;
        /// As many `f32`.
        type F32: Copy;

        /// Bit `i` of the result tells whether `low <= codes[i] <= low + width`, for `CODES` codes.
        unsafe fn coded(codes: *const u8, low: u8, width: u8) -> u64;
        /// All lanes `value`.
        unsafe fn splat(value: f32) -> Self::F32;
        /// `LANES` values.
        unsafe fn load(from: *const f32) -> Self::F32;
        /// `|values - at|`, of `LANES` values.
        unsafe fn abs_diff(values: *const f32, at: Self::F32) -> Self::F32;
        /// `a + b`.
        unsafe fn add(a: Self::F32, b: Self::F32) -> Self::F32;
        /// Bit `i` of the result tells whether `dists[i] <= limit`.
        unsafe fn at_most(dists: Self::F32, limit: Self::F32) -> u32;
        /// Writes the lanes of `mask` next to each other: of `dists`, and of the numbers `row`, `row + 1`, ... May write
        /// `LANES` entries to either.
        unsafe fn pack(mask: u32, dists: Self::F32, row: u32, to_dists: *mut f32, to_rows: *mut u32);
        /// As [`pack`](Self::pack), with `LANES` row numbers read from `rows`.
        unsafe fn pack_rows(mask: u32, dists: Self::F32, rows: *const u32, to_dists: *mut f32, to_rows: *mut u32);
    }

    /// Which of the `S::CODES` rows at `row` have codes in all intervals.
    #[inline(always)]
    unsafe fn coded<S: Scan>(columns: &[Interval<'_>], row: usize) -> u64 {
        let mut mask = u64::MAX;
        for column in columns {
            // SAFETY: the caller's: `row + S::CODES` is at most the length of the columns.
            mask &= unsafe { S::coded(column.codes.as_ptr().add(row), column.low, column.high - column.low) };
        }
        mask
    }

    #[inline(always)]
    unsafe fn nearest<S: Scan>(columns: &[Interval<'_>], at: &[f64], first: u32, best: &mut NearestRow) {
        let len = shortest(columns);
        let whole = len - len % S::CODES;
        for row in (0..whole).step_by(S::CODES) {
            // SAFETY: `row + S::CODES <= whole <= len`.
            let mut mask = unsafe { coded::<S>(columns, row) };
            while mask != 0 {
                let row = row + mask.trailing_zeros() as usize;
                mask &= mask - 1;
                let dist = scalar::dist_f64(columns, at, row);
                if dist < best.dist {
                    *best = NearestRow { dist, row: first + row as u32 };
                }
            }
        }
        scalar::nearest_from(whole, columns, at, first, best);
    }

    #[inline(always)]
    unsafe fn within<S: Scan, const CODED: bool>(
        columns: &[Interval<'_>],
        at: &[f32],
        radius: f32,
        first: u32,
        hits: &mut Hits,
    ) {
        let len = shortest(columns);
        let whole = len - len % S::CODES;
        let room = hits.rows.len().min(hits.dists.len());
        assert!(hits.len + whole + SPARE <= room, "room for every row");
        let (to_dists, to_rows) = (hits.dists.as_mut_ptr(), hits.rows.as_mut_ptr());
        let mut found = hits.len;
        // SAFETY: `radius` is a number like any other.
        let limit = unsafe { S::splat(radius) };
        for block in (0..whole).step_by(S::CODES) {
            // SAFETY: `block + S::CODES <= whole <= len`.
            if CODED && unsafe { coded::<S>(columns, block) } == 0 {
                continue;
            }
            // All rows of a block that has any: a distance within the radius implies codes within the intervals.
            for row in (block..block + S::CODES).step_by(S::LANES) {
                // SAFETY: `row + S::LANES <= whole <= len`. No more rows are found than were seen, so that
                // `found + S::LANES <= hits.len + whole + SPARE`, for which there is room.
                unsafe {
                    let mut dists = S::abs_diff(columns[0].values.as_ptr().add(row), S::splat(at[0]));
                    for (column, at) in columns[1..].iter().zip(&at[1..]) {
                        dists = S::add(dists, S::abs_diff(column.values.as_ptr().add(row), S::splat(*at)));
                    }
                    let mask = S::at_most(dists, limit);
                    S::pack(mask, dists, first + row as u32, to_dists.add(found), to_rows.add(found));
                    found += mask.count_ones() as usize;
                }
            }
        }
        hits.len = found;
        scalar::within_from::<CODED>(whole, columns, at, radius, first, hits);
    }

    #[inline(always)]
    unsafe fn keep<S: Scan>(hits: &mut Hits, limit: f32) {
        let whole = hits.len - hits.len % S::LANES;
        assert!(hits.len <= hits.dists.len().min(hits.rows.len()), "hits are there");
        let (dists, rows) = (hits.dists.as_mut_ptr(), hits.rows.as_mut_ptr());
        let mut kept = 0;
        // SAFETY: `i + S::LANES <= whole <= hits.len`, the length of both at least; as no more are kept than were seen,
        // `kept <= i`, so that what is written was read before.
        unsafe {
            let limit = S::splat(limit);
            for i in (0..whole).step_by(S::LANES) {
                let values = S::load(dists.add(i));
                let mask = S::at_most(values, limit);
                S::pack_rows(mask, values, rows.add(i), dists.add(kept), rows.add(kept));
                kept += mask.count_ones() as usize;
            }
        }
        for i in whole..hits.len {
            if hits.dists[i] <= limit {
                (hits.dists[kept], hits.rows[kept]) = (hits.dists[i], hits.rows[i]);
                kept += 1;
            }
        }
        hits.len = kept;
    }

    /// Rows that all slices of the columns hold.
    #[inline(always)]
    fn shortest(columns: &[Interval<'_>]) -> usize {
        columns.iter().map(|column| column.values.len().min(column.codes.len())).min().unwrap_or(0)
    }

    // Plain loops, compiled for each instruction set: no order of additions to keep apart from that of the columns.

    #[inline(always)]
    fn count(values: &[f32], limit: f32) -> usize {
        // 32-bit counts are as wide as the values, so that a vector of one makes a vector of the other.
        values.iter().map(|value| u32::from(*value <= limit)).sum::<u32>() as usize
    }

    #[inline(always)]
    fn dists(columns: &[&[f32]], at: &[f32], out: &mut [f32]) {
        if let ([a, b], [at_a, at_b]) = (columns, at) {
            for ((a, b), out) in a.iter().zip(*b).zip(out) {
                *out = (a - at_a).abs() + (b - at_b).abs();
            }
            return;
        }
        out.fill(0.0);
        for (values, at) in columns.iter().zip(at) {
            out.iter_mut().zip(*values).for_each(|(out, value)| *out += (value - at).abs());
        }
    }

    #[inline(always)]
    fn least(columns: &[&[f32]], at: &[f64]) -> f64 {
        let ([a, b], [at_a, at_b]) = (columns, at) else { return scalar::l1_least(columns, at) };
        // Eight running minima: one alone waits for itself. The least of all is the same in any order.
        let mut lanes = [f64::INFINITY; 8];
        let (a, a_rest) = a.as_chunks::<8>();
        let (b, b_rest) = b.as_chunks::<8>();
        let dist = |a: f32, b: f32| (f64::from(a) - at_a).abs() + (f64::from(b) - at_b).abs();
        for (a, b) in a.iter().zip(b) {
            for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
                let dist = dist(*a, *b);
                *lane = if dist < *lane { dist } else { *lane };
            }
        }
        let rest = a_rest.iter().zip(b_rest).map(|(a, b)| dist(*a, *b));
        lanes.into_iter().chain(rest).fold(f64::INFINITY, f64::min)
    }

    /// Calls a body with two columns as an array of two, which unrolls its loops over them.
    macro_rules! by_count {
        ($columns:ident, $at:ident, $body:expr) => {
            match ($columns, $at) {
                ([a, b], [at_a, at_b]) => {
                    let ($columns, $at) = (&[*a, *b], &[*at_a, *at_b]);
                    $body
                }
                _ => $body,
            }
        };
    }

    macro_rules! wrappers {
        ($module:ident, $scan:ty, $features:literal) => {
            pub(super) mod $module {
                use super::*;

                // SAFETY, for every block in this module: the function is compiled for the instruction set of the
                // implementation it names, so whoever calls it has found the processor to have it.

                #[target_feature(enable = $features)]
                pub(crate) fn l1_nearest(columns: &[Interval<'_>], at: &[f64], first: u32, best: &mut NearestRow) {
                    // SAFETY: see above.
                    by_count!(columns, at, unsafe { nearest::<$scan>(columns, at, first, best) })
                }

                #[target_feature(enable = $features)]
                pub(crate) fn l1_within(
                    columns: &[Interval<'_>],
                    at: &[f32],
                    radius: f32,
                    first: u32,
                    hits: &mut Hits,
                ) {
                    // SAFETY: see above.
                    by_count!(columns, at, unsafe { within::<$scan, true>(columns, at, radius, first, hits) })
                }

                #[target_feature(enable = $features)]
                pub(crate) fn l1_within_all(
                    columns: &[Interval<'_>],
                    at: &[f32],
                    radius: f32,
                    first: u32,
                    hits: &mut Hits,
                ) {
                    // SAFETY: see above.
                    by_count!(columns, at, unsafe { within::<$scan, false>(columns, at, radius, first, hits) })
                }

                #[target_feature(enable = $features)]
                pub(crate) fn keep_at_most(hits: &mut Hits, limit: f32) {
                    // SAFETY: see above.
                    unsafe { keep::<$scan>(hits, limit) }
                }

                #[target_feature(enable = $features)]
                pub(crate) fn count_at_most(values: &[f32], limit: f32) -> usize {
                    count(values, limit)
                }

                #[target_feature(enable = $features)]
                pub(crate) fn l1_dists(columns: &[&[f32]], at: &[f32], out: &mut [f32]) {
                    dists(columns, at, out)
                }

                #[target_feature(enable = $features)]
                pub(crate) fn l1_least(columns: &[&[f32]], at: &[f64]) -> f64 {
                    least(columns, at)
                }
            }
        };
    }

    wrappers!(avx512, Avx512, "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c,popcnt,bmi1");
    wrappers!(avx2, Avx2, "avx2,fma,f16c,popcnt,bmi1");

    /// 64 codes, 16 values.
    struct Avx512;

    // SAFETY, for every block in this implementation: the trait's contract, passed on to the caller.
    impl Scan for Avx512 {
        const CODES: usize = 64;
        const LANES: usize = 16;
        type F32 = __m512;

        #[inline(always)]
        unsafe fn coded(codes: *const u8, low: u8, width: u8) -> u64 {
            // SAFETY: see above.
            unsafe {
                let above = _mm512_sub_epi8(_mm512_loadu_si512(codes.cast()), _mm512_set1_epi8(low as i8));
                _mm512_cmple_epu8_mask(above, _mm512_set1_epi8(width as i8))
            }
        }
        #[inline(always)]
        unsafe fn splat(value: f32) -> Self::F32 {
            // SAFETY: see above.
            unsafe { _mm512_set1_ps(value) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self::F32 {
            // SAFETY: see above.
            unsafe { _mm512_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn abs_diff(values: *const f32, at: Self::F32) -> Self::F32 {
            // SAFETY: see above.
            unsafe { _mm512_abs_ps(_mm512_sub_ps(_mm512_loadu_ps(values), at)) }
        }
        #[inline(always)]
        unsafe fn add(a: Self::F32, b: Self::F32) -> Self::F32 {
            // SAFETY: see above.
            unsafe { _mm512_add_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn at_most(dists: Self::F32, limit: Self::F32) -> u32 {
            // SAFETY: see above.
            unsafe { u32::from(_mm512_cmp_ps_mask::<_CMP_LE_OQ>(dists, limit)) }
        }
        #[inline(always)]
        unsafe fn pack(mask: u32, dists: Self::F32, row: u32, to_dists: *mut f32, to_rows: *mut u32) {
            // SAFETY: see above. Packed in a register and stored whole: a masked store to memory is far slower on some
            // processors.
            unsafe {
                let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
                let rows = _mm512_add_epi32(lanes, _mm512_set1_epi32(row as i32));
                _mm512_storeu_ps(to_dists, _mm512_maskz_compress_ps(mask as u16, dists));
                _mm512_storeu_si512(to_rows.cast(), _mm512_maskz_compress_epi32(mask as u16, rows));
            }
        }
        #[inline(always)]
        unsafe fn pack_rows(mask: u32, dists: Self::F32, rows: *const u32, to_dists: *mut f32, to_rows: *mut u32) {
            // SAFETY: see above.
            unsafe {
                let rows = _mm512_loadu_si512(rows.cast());
                _mm512_storeu_ps(to_dists, _mm512_maskz_compress_ps(mask as u16, dists));
                _mm512_storeu_si512(to_rows.cast(), _mm512_maskz_compress_epi32(mask as u16, rows));
            }
        }
    }

    /// 32 codes, 8 values.
    struct Avx2;

    /// For each mask of eight lanes, which lanes to take in turn.
    static LANES_OF: [[u32; 8]; 256] = {
        let mut table = [[0; 8]; 256];
        let mut mask = 0;
        while mask < 256 {
            let (mut lane, mut to) = (0, 0);
            while lane < 8 {
                if mask >> lane & 1 == 1 {
                    table[mask][to] = lane;
                    to += 1;
                }
                lane += 1;
            }
            mask += 1;
        }
        table
    };

    // SAFETY, for every block in this implementation: the trait's contract, passed on to the caller.
    impl Scan for Avx2 {
        const CODES: usize = 32;
        const LANES: usize = 8;
        type F32 = __m256;

        #[inline(always)]
        unsafe fn coded(codes: *const u8, low: u8, width: u8) -> u64 {
            // SAFETY: see above. There is no unsigned comparison: the lesser of the two being the first tells as much.
            unsafe {
                let above = _mm256_sub_epi8(_mm256_loadu_si256(codes.cast()), _mm256_set1_epi8(low as i8));
                let within = _mm256_cmpeq_epi8(_mm256_min_epu8(above, _mm256_set1_epi8(width as i8)), above);
                u64::from(_mm256_movemask_epi8(within) as u32)
            }
        }
        #[inline(always)]
        unsafe fn splat(value: f32) -> Self::F32 {
            // SAFETY: see above.
            unsafe { _mm256_set1_ps(value) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self::F32 {
            // SAFETY: see above.
            unsafe { _mm256_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn abs_diff(values: *const f32, at: Self::F32) -> Self::F32 {
            // SAFETY: see above.
            unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), _mm256_sub_ps(_mm256_loadu_ps(values), at)) }
        }
        #[inline(always)]
        unsafe fn add(a: Self::F32, b: Self::F32) -> Self::F32 {
            // SAFETY: see above.
            unsafe { _mm256_add_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn at_most(dists: Self::F32, limit: Self::F32) -> u32 {
            // SAFETY: see above.
            unsafe { _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_LE_OQ>(dists, limit)) as u32 }
        }
        #[inline(always)]
        unsafe fn pack(mask: u32, dists: Self::F32, row: u32, to_dists: *mut f32, to_rows: *mut u32) {
            // SAFETY: see above; the mask has eight bits, so the table an entry for it.
            unsafe {
                let lanes = _mm256_loadu_si256(LANES_OF[(mask & 255) as usize].as_ptr().cast());
                _mm256_storeu_ps(to_dists, _mm256_permutevar8x32_ps(dists, lanes));
                _mm256_storeu_si256(to_rows.cast(), _mm256_add_epi32(lanes, _mm256_set1_epi32(row as i32)));
            }
        }
        #[inline(always)]
        unsafe fn pack_rows(mask: u32, dists: Self::F32, rows: *const u32, to_dists: *mut f32, to_rows: *mut u32) {
            // SAFETY: see above.
            unsafe {
                let lanes = _mm256_loadu_si256(LANES_OF[(mask & 255) as usize].as_ptr().cast());
                let rows = _mm256_permutevar8x32_epi32(_mm256_loadu_si256(rows.cast()), lanes);
                _mm256_storeu_ps(to_dists, _mm256_permutevar8x32_ps(dists, lanes));
                _mm256_storeu_si256(to_rows.cast(), rows);
            }
        }
    }
}
