//! The bodies, written once over [`Vector`]: inlined into the wrappers of `x86`, which give them their instructions.
//!
//! # Safety
//! Every `unsafe fn` here requires that the processor has the instruction set of `V`, and is sound only when inlined
//! into a function compiled for it. The sizes come from the slices, which the safe wrappers have compared.
//!
//! # Same bits as `scalar`
//! Value `i` goes to lane `i % 16`, in order of `i`, by the operation that `scalar` uses. The last, partial step is
//! padded with zeros, which add exactly +0.0 to lanes that started at +0.0; that can turn a lane of -0.0 (an
//! underflowed negative product) into +0.0, so sums are normalized to +0.0 at the end, here and in `scalar`.

use super::vector::Vector;
use crate::{LANES, Rows, Values, scalar};

/// A number that the lanes are loaded from.
pub(super) trait Lane: Copy {
    unsafe fn load<V: Vector>(from: *const Self) -> V::F64;
    unsafe fn load_part<V: Vector>(from: *const Self, len: usize) -> V::F64;
}

impl Lane for f64 {
    #[inline(always)]
    unsafe fn load<V: Vector>(from: *const f64) -> V::F64 {
        // SAFETY: passed on to the caller.
        unsafe { V::load_f64(from) }
    }
    #[inline(always)]
    unsafe fn load_part<V: Vector>(from: *const f64, len: usize) -> V::F64 {
        // SAFETY: passed on to the caller.
        unsafe { V::load_f64_part(from, len) }
    }
}

impl Lane for f32 {
    #[inline(always)]
    unsafe fn load<V: Vector>(from: *const f32) -> V::F64 {
        // SAFETY: passed on to the caller.
        unsafe { V::load_widened(from) }
    }
    #[inline(always)]
    unsafe fn load_part<V: Vector>(from: *const f32, len: usize) -> V::F64 {
        // SAFETY: passed on to the caller.
        unsafe { V::load_widened_part(from, len) }
    }
}

/// What a sum adds for the pair of values `(x, y)`; must add zero for a pair of zeros.
pub(super) trait Step {
    unsafe fn step<V: Vector>(x: V::F64, y: V::F64, sum: V::F64) -> V::F64;
}

/// `x * y`: inner products.
pub(super) struct Product;
/// `(x - y)^2`: squared distances.
pub(super) struct SqDiff;
/// `|y|`: l1 norms.
pub(super) struct Abs;

impl Step for Product {
    #[inline(always)]
    unsafe fn step<V: Vector>(x: V::F64, y: V::F64, sum: V::F64) -> V::F64 {
        // SAFETY: passed on to the caller.
        unsafe { V::mul_add(x, y, sum) }
    }
}

impl Step for SqDiff {
    #[inline(always)]
    unsafe fn step<V: Vector>(x: V::F64, y: V::F64, sum: V::F64) -> V::F64 {
        // SAFETY: passed on to the caller.
        unsafe {
            let diff = V::sub(x, y);
            V::mul_add(diff, diff, sum)
        }
    }
}

impl Step for Abs {
    #[inline(always)]
    unsafe fn step<V: Vector>(_x: V::F64, y: V::F64, sum: V::F64) -> V::F64 {
        // SAFETY: passed on to the caller.
        unsafe { V::add(sum, V::abs(y)) }
    }
}

/// One sum for each of `N` consecutive rows `y`, all against the same `x`: `x` is loaded once for all of them, and
/// their independent sums hide the latency of the fused multiply-add.
#[inline(always)]
unsafe fn sum_rows<V: Vector, S: Step, X: Lane, Y: Lane, const N: usize>(
    x: *const X,
    y: *const Y,
    dim: usize,
) -> [f64; N] {
    let whole = dim - dim % LANES;
    // SAFETY: the caller gives `dim` values at `x` and `N * dim` at `y`; all offsets stay below these.
    unsafe {
        let mut sums = [V::zero(); N];
        let mut i = 0;
        while i < whole {
            let at_x = X::load::<V>(x.add(i));
            for (row, sum) in sums.iter_mut().enumerate() {
                *sum = S::step::<V>(at_x, Y::load::<V>(y.add(row * dim + i)), *sum);
            }
            i += LANES;
        }
        if whole < dim {
            let at_x = X::load_part::<V>(x.add(whole), dim - whole);
            for (row, sum) in sums.iter_mut().enumerate() {
                let at_y = Y::load_part::<V>(y.add(row * dim + whole), dim - whole);
                *sum = S::step::<V>(at_x, at_y, *sum);
            }
        }
        // Not `map`: a closure would not be compiled for the instruction set.
        let mut totals = [0.0; N];
        for (total, sum) in totals.iter_mut().zip(sums) {
            *total = V::sum(sum);
        }
        totals
    }
}

/// `out[r]` = sum over the pairs of `x` `(d,)` and row `r` of `rows`, `N` rows at a time.
#[inline(always)]
pub(super) unsafe fn against_rows<V: Vector, S: Step, X: Lane, Y: Lane, const N: usize>(
    x: &[X],
    rows: &[Y],
    out: &mut [f64],
) {
    let dim = x.len();
    let mut groups = rows.chunks_exact(dim * N);
    let mut out_groups = out.chunks_exact_mut(N);
    for (group, out) in groups.by_ref().zip(out_groups.by_ref()) {
        // SAFETY: `group` holds `N * dim` values.
        out.copy_from_slice(&unsafe { sum_rows::<V, S, X, Y, N>(x.as_ptr(), group.as_ptr(), dim) });
    }
    for (row, out) in groups.remainder().chunks_exact(dim).zip(out_groups.into_remainder()) {
        // SAFETY: `row` holds `dim` values.
        [*out] = unsafe { sum_rows::<V, S, X, Y, 1>(x.as_ptr(), row.as_ptr(), dim) };
    }
}

/// One sum for each of `N` consecutive rows, each value paired with itself.
#[inline(always)]
unsafe fn sum_own<V: Vector, S: Step, const N: usize>(rows: *const f32, dim: usize) -> [f64; N] {
    let whole = dim - dim % LANES;
    // SAFETY: the caller gives `N * dim` values at `rows`; all offsets stay below that.
    unsafe {
        let mut sums = [V::zero(); N];
        let mut i = 0;
        while i < whole {
            for (row, sum) in sums.iter_mut().enumerate() {
                let value = V::load_widened(rows.add(row * dim + i));
                *sum = S::step::<V>(value, value, *sum);
            }
            i += LANES;
        }
        if whole < dim {
            for (row, sum) in sums.iter_mut().enumerate() {
                let value = V::load_widened_part(rows.add(row * dim + whole), dim - whole);
                *sum = S::step::<V>(value, value, *sum);
            }
        }
        let mut totals = [0.0; N];
        for (total, sum) in totals.iter_mut().zip(sums) {
            *total = V::sum(sum);
        }
        totals
    }
}

/// `out[r]` = sum over the values of row `r`, each paired with itself, `N` rows at a time.
#[inline(always)]
pub(super) unsafe fn of_rows<V: Vector, S: Step, const N: usize>(rows: &[f32], dim: usize, out: &mut [f64]) {
    let mut groups = rows.chunks_exact(dim * N);
    let mut out_groups = out.chunks_exact_mut(N);
    for (group, out) in groups.by_ref().zip(out_groups.by_ref()) {
        // SAFETY: `group` holds `N * dim` values.
        out.copy_from_slice(&unsafe { sum_own::<V, S, N>(group.as_ptr(), dim) });
    }
    for (row, out) in groups.remainder().chunks_exact(dim).zip(out_groups.into_remainder()) {
        // SAFETY: `row` holds `dim` values.
        [*out] = unsafe { sum_own::<V, S, 1>(row.as_ptr(), dim) };
    }
}

/// `out[r]` = largest magnitude in row `r`; a NaN is passed over, as by `f64::max`.
#[inline(always)]
pub(super) unsafe fn linf_norms<V: Vector>(rows: &[f32], dim: usize, out: &mut [f64]) {
    for (row, out) in rows.chunks_exact(dim).zip(out) {
        let whole = dim - dim % LANES;
        let mut lanes = [0.0; LANES];
        // SAFETY: all offsets stay below `dim`, the length of `row`; `lanes` holds sixteen values.
        unsafe {
            let mut most = V::splat_f32(0.0);
            for i in (0..whole).step_by(LANES) {
                most = V::max_f32(V::abs_f32(V::load_f32(row.as_ptr().add(i))), most);
            }
            if whole < dim {
                most = V::max_f32(V::abs_f32(V::load_f32_part(row.as_ptr().add(whole), dim - whole)), most);
            }
            V::store_f32(lanes.as_mut_ptr(), most);
        }
        *out = f64::from(lanes.into_iter().fold(0.0, f32::max));
    }
}

/// Values between two looks at the limit in [`sq_dist_below`]: a look costs about as much as adding sixty values.
const LOOK_EVERY: usize = 128;

/// The squared distance of `x` and `y`, given up where a partial sum reaches `limit`.
#[inline(always)]
pub(super) unsafe fn sq_dist_below<V: Vector>(x: &[f32], y: &[f32], limit: f64) -> Option<f64> {
    let dim = x.len().min(y.len());
    let whole = dim - dim % LANES;
    // SAFETY: all offsets stay below `dim`, the length of both slices.
    let total = unsafe {
        let (x, y) = (x.as_ptr(), y.as_ptr());
        let mut sum = V::zero();
        let mut i = 0;
        while i < whole {
            sum = SqDiff::step::<V>(V::load_widened(x.add(i)), V::load_widened(y.add(i)), sum);
            i += LANES;
            // Lanes never shrink and rounding is monotone, so the final sum is at least this one. NaN stops too.
            if i.is_multiple_of(LOOK_EVERY)
                && !matches!(V::sum(sum).partial_cmp(&limit), Some(std::cmp::Ordering::Less))
            {
                return None;
            }
        }
        if whole < dim {
            let at_x = V::load_widened_part(x.add(whole), dim - whole);
            sum = SqDiff::step::<V>(at_x, V::load_widened_part(y.add(whole), dim - whole), sum);
        }
        V::sum(sum)
    };
    (total < limit).then_some(total)
}

/// Adds the rows to the column sums, in order; four rows to one load and store of the sums.
///
/// Plain loops: each column is a chain of its own, so the compiler may take several at once without changing a bit.
#[inline(always)]
pub(super) fn sums(rows: &[f32], out: &mut [f64]) {
    let dim = out.len();
    let mut groups = rows.chunks_exact(4 * dim);
    for group in groups.by_ref() {
        let (first, rest) = group.split_at(2 * dim);
        let ((a, b), (c, d)) = (first.split_at(dim), rest.split_at(dim));
        for ((((sum, a), b), c), d) in out.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *sum = *sum + f64::from(*a) + f64::from(*b) + f64::from(*c) + f64::from(*d);
        }
    }
    for row in groups.remainder().chunks_exact(dim) {
        for (sum, value) in out.iter_mut().zip(row) {
            *sum += f64::from(*value);
        }
    }
}

/// `v -= coef * q`, fused.
#[inline(always)]
pub(super) fn subtract_scaled(v: &mut [f64], coef: f64, q: &[f64]) {
    for (v, q) in v.iter_mut().zip(q) {
        *v = (-coef).mul_add(*q, *v);
    }
}

/// `v *= scale`, rounded from `f64`.
#[inline(always)]
pub(super) fn scale(v: &mut [f32], scale: f64) {
    v.iter_mut().for_each(|v| *v = (f64::from(*v) * scale) as f32);
}

/// Subtracts `offset` `(d,)` from each row, rounding to `f32`.
#[inline(always)]
pub(super) fn subtract_offset(rows: &mut [f32], offset: &[f32]) {
    for row in rows.chunks_exact_mut(offset.len()) {
        for (value, offset) in row.iter_mut().zip(offset) {
            *value -= *offset;
        }
    }
}

/// Widens to `f32`. Only halves need an instruction that the compiler does not find by itself.
#[inline(always)]
pub(super) unsafe fn widen<V: Vector>(rows: Rows<'_>, out: &mut [f32]) {
    match rows.values() {
        Values::F32(values) => out.copy_from_slice(values),
        // SAFETY: passed on to the caller.
        Values::F16(values) => unsafe { widen_f16::<V>(bytemuck::cast_slice(values), out) },
        Values::Bf16(values) => {
            let bits: &[u16] = bytemuck::cast_slice(values);
            bits.iter().zip(out).for_each(|(b, out)| *out = f32::from_bits(u32::from(*b) << 16));
        }
        Values::I8(values) => values.iter().zip(out).for_each(|(v, out)| *out = f32::from(*v)),
        Values::U8(values) => values.iter().zip(out).for_each(|(v, out)| *out = f32::from(*v)),
    }
}

#[inline(always)]
unsafe fn widen_f16<V: Vector>(bits: &[u16], out: &mut [f32]) {
    let len = bits.len().min(out.len());
    let whole = len - len % LANES;
    for i in (0..whole).step_by(LANES) {
        // SAFETY: `i + 16` is at most the length of both.
        unsafe { V::store_f32(out.as_mut_ptr().add(i), V::load_f16(bits.as_ptr().add(i))) };
    }
    for i in whole..len {
        out[i] = crate::f16::from_bits(bits[i]).to_f32();
    }
}

/// Whether some value is NaN or infinite: has all bits of its exponent set.
#[inline(always)]
pub(super) fn has_non_finite(rows: Rows<'_>) -> bool {
    match rows.values() {
        Values::F32(values) => {
            any_set(bytemuck::cast_slice::<_, u32>(values), |bits| bits & 0x7f80_0000 == 0x7f80_0000)
        }
        Values::F16(values) => any_set(bytemuck::cast_slice::<_, u16>(values), |bits| bits & 0x7c00 == 0x7c00),
        Values::Bf16(values) => any_set(bytemuck::cast_slice::<_, u16>(values), |bits| bits & 0x7f80 == 0x7f80),
        Values::I8(_) | Values::U8(_) => false,
    }
}

/// `any`, looking at whole chunks so that the inner loop has no exit and becomes vector code.
#[inline(always)]
fn any_set<T: Copy>(values: &[T], is_set: impl Fn(T) -> bool) -> bool {
    values.chunks(1024).any(|chunk| chunk.iter().fold(false, |found, value| found | is_set(*value)))
}

/// See [`scalar::any_within`].
#[inline(always)]
pub(super) unsafe fn any_within<V: Vector>(dots: &[f32], offsets: &[f32], limit: f32) -> bool {
    let len = dots.len().min(offsets.len());
    // SAFETY: the offsets stay below the length of both slices, a multiple of sixteen.
    unsafe {
        let (minus_two, limit) = (V::splat_f32(-2.0), V::splat_f32(limit));
        let mut least = V::splat_f32(f32::INFINITY);
        for i in (0..len - len % LANES).step_by(LANES) {
            let (dot, offset) = (V::load_f32(dots.as_ptr().add(i)), V::load_f32(offsets.as_ptr().add(i)));
            least = V::min_f32(V::mul_add_f32(minus_two, dot, offset), least);
        }
        V::not_greater(least, limit) != 0
    }
}

/// See [`scalar::either_within`].
#[inline(always)]
pub(super) unsafe fn either_within<V: Vector>(
    dots: &[f32],
    offsets: &[f32],
    limit: f32,
    others: &[f32],
    other_limit: f32,
    masks: &mut [u16],
) -> bool {
    let len = dots.len().min(offsets.len()).min(others.len()).min(LANES * masks.len());
    let mut any = 0;
    // SAFETY: the offsets stay below the length of the three slices, a multiple of sixteen.
    unsafe {
        let (minus_two, limit, other_limit) = (V::splat_f32(-2.0), V::splat_f32(limit), V::splat_f32(other_limit));
        for (i, mask) in (0..len - len % LANES).step_by(LANES).zip(masks) {
            let dot = V::load_f32(dots.as_ptr().add(i));
            let value = V::mul_add_f32(minus_two, dot, V::load_f32(offsets.as_ptr().add(i)));
            let other = V::mul_add_f32(minus_two, dot, V::load_f32(others.as_ptr().add(i)));
            *mask = V::not_greater(value, limit) | V::not_greater(other, other_limit);
            any |= *mask;
        }
    }
    any != 0
}

/// See [`scalar::two_least`]. Indices are counted as `f32`, exact below 2^24; blocks of a panel are far shorter.
#[inline(always)]
pub(super) unsafe fn two_least<V: Vector>(dots: &[f32], offsets: &[f32]) -> scalar::TwoLeast {
    const LANE_NUMBERS: [f32; LANES] = [0., 1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11., 12., 13., 14., 15.];
    let len = dots.len().min(offsets.len());
    // SAFETY: the offsets stay below the length of both slices, a multiple of sixteen; the array holds sixteen.
    unsafe {
        let (minus_two, infinity) = (V::splat_f32(-2.0), V::splat_f32(f32::INFINITY));
        // In each lane: the least so far and its index, and the least but that one.
        let (mut least, mut second) = (infinity, infinity);
        let mut now = V::load_f32(LANE_NUMBERS.as_ptr());
        let (mut index, step) = (now, V::splat_f32(LANES as f32));
        for i in (0..len - len % LANES).step_by(LANES) {
            let (dot, offset) = (V::load_f32(dots.as_ptr().add(i)), V::load_f32(offsets.as_ptr().add(i)));
            let value = V::mul_add_f32(minus_two, dot, offset);
            second = V::min_f32(V::max_f32(value, least), second);
            index = V::select_less(value, least, now, index);
            least = V::min_f32(value, least);
            now = V::add_f32(now, step);
        }
        let best = V::least(least);
        let best_index = V::least(V::select_equal(least, V::splat_f32(best), index, infinity));
        // The second best of all is the second of the winning lane or the best of another.
        let rest = V::select_equal(index, V::splat_f32(best_index), second, least);
        scalar::TwoLeast { least: best, index: best_index as usize, second: V::least(rest) }
    }
}

// Lane by lane over arrays of sixteen, which the compiler turns into vector code.

/// See [`scalar::count_within`].
#[inline(always)]
pub(super) fn count_within(dots: &[f32], offsets: &[f32], certain: f32, maybe: f32, counts: &mut [u32]) -> (u32, u32) {
    let (mut found, mut possible) = ([0; LANES], [0; LANES]);
    let groups = dots.as_chunks::<LANES>().0.iter().zip(offsets.as_chunks::<LANES>().0);
    for ((dots, offsets), counts) in groups.zip(counts.as_chunks_mut::<LANES>().0) {
        for lane in 0..LANES {
            let value = (-2.0_f32).mul_add(dots[lane], offsets[lane]);
            let is_within = u32::from(value <= certain);
            counts[lane] += is_within;
            found[lane] += is_within;
            possible[lane] += u32::from(value <= maybe);
        }
    }
    (found.iter().sum(), possible.iter().sum())
}

/// See [`scalar::least_both`].
#[inline(always)]
pub(super) fn least_both(dots: &[f32], offsets: &[f32], own: f32, least: &mut [f32]) -> f32 {
    let mut of_row = [f32::INFINITY; LANES];
    let groups = dots.as_chunks::<LANES>().0.iter().zip(offsets.as_chunks::<LANES>().0);
    for ((dots, offsets), least) in groups.zip(least.as_chunks_mut::<LANES>().0) {
        for lane in 0..LANES {
            let value = (-2.0_f32).mul_add(dots[lane], offsets[lane]) + own;
            of_row[lane] = scalar::lesser(value, of_row[lane]);
            least[lane] = scalar::lesser(value, least[lane]);
        }
    }
    of_row.into_iter().fold(f32::INFINITY, scalar::lesser)
}

/// See [`scalar::shortfalls_both`].
#[inline(always)]
pub(super) fn shortfalls_both(dots: &[f32], offsets: &[f32], reach: f32, sums: &mut [f32]) -> f32 {
    let mut of_row = [0.0; LANES];
    let groups = dots.as_chunks::<LANES>().0.iter().zip(offsets.as_chunks::<LANES>().0);
    for ((dots, offsets), sums) in groups.zip(sums.as_chunks_mut::<LANES>().0) {
        for lane in 0..LANES {
            let shortfall = scalar::greater(2.0_f32.mul_add(dots[lane], -offsets[lane]) + reach, 0.0);
            of_row[lane] += shortfall;
            sums[lane] += shortfall;
        }
    }
    of_row.into_iter().sum()
}

/// See [`scalar::floors`].
#[inline(always)]
pub(super) fn floors(dots: &[f32], offsets: &[f32], own: f32, per_unit: f32, out: &mut [u16]) {
    let per_unit = per_unit * scalar::FLOOR_ROOM;
    let groups = dots.as_chunks::<LANES>().0.iter().zip(offsets.as_chunks::<LANES>().0);
    for ((dots, offsets), out) in groups.zip(out.as_chunks_mut::<LANES>().0) {
        for lane in 0..LANES {
            out[lane] = scalar::floor((-2.0_f32).mul_add(dots[lane], offsets[lane]) + own, per_unit);
        }
    }
}

/// See [`scalar::dots_few`].
#[inline(always)]
pub(super) unsafe fn dots_few<V: Vector>(x: &[f32], rows: &[f32], which: &[u32], out: &mut [f32]) {
    let dim = x.len();
    let of = |row: u32| rows[row as usize * dim..][..dim].as_ptr();
    let (fours, rest) = which.as_chunks::<4>();
    let (out_fours, out_rest) = out[..which.len()].as_chunks_mut::<4>();
    for (which, out) in fours.iter().zip(out_fours) {
        // SAFETY: every row has `dim` values, by its slice.
        *out = unsafe { dots_of::<V, 4, 1>(x, which.map(of), dim) };
    }
    // SAFETY: as above.
    unsafe {
        match *rest {
            [a, b, c] => out_rest.copy_from_slice(&dots_of::<V, 3, 1>(x, [of(a), of(b), of(c)], dim)),
            [a, b] => out_rest.copy_from_slice(&dots_of::<V, 2, 2>(x, [of(a), of(b)], dim)),
            [a] => out_rest.copy_from_slice(&dots_of::<V, 1, 4>(x, [of(a)], dim)),
            _ => {}
        }
    }
}

/// Inner products of `x` with `N` rows of `dim` values, each in `P` independent parts: enough sums to hide their latency.
#[inline(always)]
unsafe fn dots_of<V: Vector, const N: usize, const P: usize>(x: &[f32], rows: [*const f32; N], dim: usize) -> [f32; N] {
    // SAFETY: the offsets stay below `dim`, of which `x` and the rows have as many values.
    unsafe {
        let mut sums = [[V::splat_f32(0.0); P]; N];
        let mut i = 0;
        while i + P * LANES <= dim {
            for part in 0..P {
                let at = i + part * LANES;
                let at_x = V::load_f32(x.as_ptr().add(at));
                for (row, sums) in rows.iter().zip(&mut sums) {
                    sums[part] = V::mul_add_f32(at_x, V::load_f32(row.add(at)), sums[part]);
                }
            }
            i += P * LANES;
        }
        while i < dim {
            let len = (dim - i).min(LANES);
            let load = |from: *const f32| if len == LANES { V::load_f32(from) } else { V::load_f32_part(from, len) };
            let at_x = load(x.as_ptr().add(i));
            for (row, sums) in rows.iter().zip(&mut sums) {
                sums[0] = V::mul_add_f32(at_x, load(row.add(i)), sums[0]);
            }
            i += len;
        }
        let mut totals = [0.0; N];
        for (total, sums) in totals.iter_mut().zip(sums) {
            let mut sum = sums[0];
            for part in &sums[1..] {
                sum = V::add_f32(sum, *part);
            }
            let mut lanes = [0.0; LANES];
            V::store_f32(lanes.as_mut_ptr(), sum);
            let mut half = LANES / 2;
            while half > 0 {
                for lane in 0..half {
                    lanes[lane] += lanes[lane + half];
                }
                half /= 2;
            }
            *total = lanes[0];
        }
        totals
    }
}
