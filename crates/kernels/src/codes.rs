//! Rows as codes of 8 or 16 bits: the portable implementation and the data that it shares with the fast paths.
//!
//! A row `x` is kept as `s q`: a scale and whole numbers, from -127 to 127 or as far as products fit 32 bits. Products
//! of such rows are whole numbers too, and so exact in any order; how far `s q` is from the row is measured. Before, a
//! fixed vector is subtracted and the rest turned by a fixed orthogonal map that spreads every value over many: a large
//! value would widen the steps of its whole row. Neither changes distances.

/// Bits of a code. Which is faster is up to the processor; words have far smaller errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeWidth {
    /// 8 bits.
    Byte,
    /// 16 bits.
    Word,
}

impl CodeWidth {
    /// Both.
    pub const ALL: [CodeWidth; 2] = [CodeWidth::Byte, CodeWidth::Word];

    /// Bytes of a code.
    pub(crate) fn bytes(self) -> usize {
        match self {
            CodeWidth::Byte => 1,
            CodeWidth::Word => 2,
        }
    }

    /// The largest code of rows of so many: no sum of products exceeds an `i32`.
    pub(crate) fn most(self, stride: usize) -> f32 {
        match self {
            CodeWidth::Byte => 127.0,
            CodeWidth::Word => (i32::MAX as usize / stride).isqrt() as f32,
        }
    }
}

/// A code.
pub(crate) trait Code: Copy {
    const ZERO: Self;

    /// Of a number within its range.
    fn new(code: i32) -> Self;
}

impl Code for i8 {
    const ZERO: Self = 0;

    #[inline(always)]
    fn new(code: i32) -> Self {
        code as i8
    }
}

impl Code for i16 {
    const ZERO: Self = 0;

    #[inline(always)]
    fn new(code: i32) -> Self {
        code as i16
    }
}

/// Bytes of a packed panel side by side: four of each of sixteen rows are one vector.
pub(crate) const QUAD: usize = 4;

/// Words of a packed panel side by side: two of each of sixteen rows are as much.
pub(crate) const PAIR: usize = 2;

/// Rows of a packed group.
pub(crate) const GROUP: usize = 16;

/// The most values per row for which products of codes, and 128 times their sum, fit an `i32`.
pub(crate) const MAX_CODED: usize = 1 << 16;

/// What a row became.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Encoded {
    pub(crate) scale: f32,
    /// Sum of the codes.
    pub(crate) sum: i32,
    /// Sum of their squares.
    pub(crate) squares: i32,
    /// Squared distance of the turned row to what the codes stand for, summed in `f64`.
    pub(crate) sq_error: f64,
}

/// What a product with the rows of a panel is compared by, one entry per row of the panel (whole groups).
#[derive(Clone, Copy)]
pub(crate) struct Edges<'a> {
    pub(crate) scales: &'a [f32],
    pub(crate) near: &'a [f32],
    pub(crate) errors: &'a [f32],
    pub(crate) offsets: &'a [f32],
    pub(crate) reaches: &'a [f32],
}

/// The same for the other row of the product. See `panel::coarse`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowEdge {
    /// Twice the scale.
    pub(crate) scale: f32,
    /// Twice the reach.
    pub(crate) reach: f32,
    pub(crate) threshold: f32,
    /// Twice the error.
    pub(crate) error: f32,
    pub(crate) own: f32,
}

/// What counts as within and as perhaps within. See `panel::coarse`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CountEdge {
    /// Twice the scale.
    pub(crate) scale: f32,
    /// Twice the reach of what is certain, and what must not be exceeded.
    pub(crate) certain: (f32, f32),
    /// The same of what is possible.
    pub(crate) possible: (f32, f32),
}

/// Signs that no data are made for.
pub(crate) fn signs(len: usize) -> Vec<f32> {
    let sign = |place: u64| {
        // SplitMix64.
        let z = (place + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        if (z ^ (z >> 31)) & 1 == 0 { 1.0 } else { -1.0 }
    };
    (0..len as u64).map(sign).collect()
}

/// Turns `values`: Hadamard transforms of the first and then of the last `2^k` of them, the most that fit, with signs
/// before each, or the second would undo the first where they overlap.
#[inline(always)]
pub(crate) fn turn(values: &mut [f32], signs: &[f32]) {
    let len = values.len();
    let most = 1 << len.ilog2();
    hadamard(&mut values[..most], signs);
    if most < len {
        hadamard(&mut values[len - most..], signs);
    }
}

/// The Hadamard transform of `2^k` values times signs, scaled to keep lengths.
#[inline(always)]
fn hadamard(values: &mut [f32], signs: &[f32]) {
    for (value, sign) in values.iter_mut().zip(signs) {
        *value *= *sign;
    }
    let len = values.len();
    let mut step = len / 2;
    while step >= 16 {
        for pair in values.chunks_exact_mut(2 * step) {
            let (low, high) = pair.split_at_mut(step);
            for (a, b) in low.iter_mut().zip(high) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        step /= 2;
    }
    let (groups, rest) = values.as_chunks_mut::<16>();
    for group in groups {
        in_group::<8>(group);
        in_group::<4>(group);
        in_group::<2>(group);
        in_group::<1>(group);
    }
    while step > 0 && !rest.is_empty() {
        for pair in rest.chunks_exact_mut(2 * step) {
            let (low, high) = pair.split_at_mut(step);
            for (a, b) in low.iter_mut().zip(high) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        step /= 2;
    }
    let scale = (1.0 / (len as f64).sqrt()) as f32;
    for value in values {
        *value *= scale;
    }
}

/// One stage within sixteen values.
#[inline(always)]
fn in_group<const STEP: usize>(group: &mut [f32; 16]) {
    let mut out = [0.0; 16];
    for lane in 0..16 {
        let other = group[lane ^ STEP];
        out[lane] = if lane & STEP == 0 { group[lane] + other } else { other - group[lane] };
    }
    *group = out;
}

/// Turns a row and encodes it by whole numbers up to `limit`: `codes` are at least as many as `values`, zeros from there
/// on.
#[inline(always)]
pub(crate) fn encode<C: Code>(values: &mut [f32], signs: &[f32], limit: f32, codes: &mut [C]) -> Encoded {
    if !signs.is_empty() {
        turn(values, signs);
    }
    let mut most = [0.0_f32; 16];
    let (groups, rest) = values.as_chunks::<16>();
    for group in groups {
        for (most, value) in most.iter_mut().zip(group) {
            let value = value.abs();
            *most = if value > *most { value } else { *most };
        }
    }
    let most = rest.iter().map(|value| value.abs()).chain(most).fold(0.0, f32::max);
    let scale = most / limit;
    codes.fill(C::ZERO);
    // Zero, or so small that there is no such scale.
    let by = if scale > f32::MIN_POSITIVE { 1.0 / scale } else { 0.0 };
    let scale = if by > 0.0 { scale } else { 0.0 };
    let (mut sums, mut squares, mut errors) = ([0_i32; 16], [0_i32; 16], [0.0_f64; 16]);
    let mut encode = |lane: usize, value: f32, out: &mut C| {
        let code = to_code(value * by, limit);
        *out = C::new(code);
        sums[lane] += code;
        squares[lane] += code * code;
        let error = f64::from(value) - f64::from(scale) * f64::from(code);
        errors[lane] += error * error;
    };
    let whole = values.len() - values.len() % 16;
    for (values, codes) in values.as_chunks::<16>().0.iter().zip(codes.as_chunks_mut::<16>().0) {
        for lane in 0..16 {
            encode(lane, values[lane], &mut codes[lane]);
        }
    }
    for (lane, (value, out)) in values[whole..].iter().zip(&mut codes[whole..]).enumerate() {
        encode(lane, *value, out);
    }
    Encoded { scale, sum: sums.iter().sum(), squares: squares.iter().sum(), sq_error: errors.iter().sum() }
}

/// The same to words.
pub(crate) fn encode_words(values: &mut [f32], signs: &[f32], limit: f32, codes: &mut [i16]) -> Encoded {
    encode(values, signs, limit, codes)
}

/// The whole number nearest to `value`, ties to even, up to `limit`.
#[inline(always)]
fn to_code(value: f32, limit: f32) -> i32 {
    // Adding and taking away 1.5 * 2^23 rounds what is small enough.
    const ROUND: f32 = 12_582_912.0;
    let value = if value > limit { limit } else { value };
    let value = if value < -limit { -limit } else { value };
    let bits = (value + ROUND).to_bits() as i32;
    bits - ROUND.to_bits() as i32
}

/// `out[i * out_stride + j]` = inner product of row `i` of `rows` and row `j` of the packed panel, for whole groups.
#[inline(always)]
pub(crate) fn product(rows: &[i8], _sums: &[i32], packed: &[u8], stride: usize, out: &mut [i32], out_stride: usize) {
    for (row, out) in rows.chunks_exact(stride).zip(out.chunks_exact_mut(out_stride)) {
        let row = row.as_chunks::<QUAD>().0;
        for (group, out) in packed.chunks_exact(GROUP * stride).zip(out.as_chunks_mut::<GROUP>().0) {
            let mut totals = [0; GROUP];
            for (a, b) in row.iter().zip(group.as_chunks::<{ GROUP * QUAD }>().0) {
                for lane in 0..GROUP {
                    for place in 0..QUAD {
                        totals[lane] += i32::from(a[place]) * (i32::from(b[lane * QUAD + place]) - 128);
                    }
                }
            }
            *out = totals;
        }
    }
}

/// The same of words.
#[inline(always)]
pub(crate) fn product_words(rows: &[i16], packed: &[i16], stride: usize, out: &mut [i32], out_stride: usize) {
    for (row, out) in rows.chunks_exact(stride).zip(out.chunks_exact_mut(out_stride)) {
        let row = row.as_chunks::<PAIR>().0;
        for (group, out) in packed.chunks_exact(GROUP * stride).zip(out.as_chunks_mut::<GROUP>().0) {
            let mut totals = [0; GROUP];
            for (a, b) in row.iter().zip(group.as_chunks::<{ GROUP * PAIR }>().0) {
                for lane in 0..GROUP {
                    for place in 0..PAIR {
                        totals[lane] += i32::from(a[place]) * i32::from(b[lane * PAIR + place]);
                    }
                }
            }
            *out = totals;
        }
    }
}

/// Sets in `masks` for which products a side may want the pair; tells whether for any. See `panel::coarse`.
pub(crate) fn within(dots: &[i32], edges: &Edges<'_>, row: &RowEdge, masks: &mut [u16]) -> bool {
    let mut any = false;
    for (group, mask) in masks.iter_mut().enumerate() {
        *mask = 0;
        for lane in 0..GROUP {
            let j = group * GROUP + lane;
            let dot = dots[j] as f32 * edges.scales[j];
            let value = (-row.reach).mul_add(edges.errors[j], (-row.scale).mul_add(dot, edges.near[j]));
            let other = (-row.error).mul_add(edges.reaches[j], (-row.scale).mul_add(dot, edges.offsets[j]));
            *mask |= u16::from(value <= row.threshold || other <= row.own) << lane;
        }
        any |= *mask != 0;
    }
    any
}

/// Adds one to the counts of what is certainly within; tells how many these are, and sets in `masks` which are only
/// perhaps so; tells whether any.
#[inline(always)]
pub(crate) fn count(
    dots: &[i32],
    edges: &Edges<'_>,
    row: &CountEdge,
    counts: &mut [u32],
    masks: &mut [u16],
) -> (u32, bool) {
    let (mut found, mut any) = ([0_u32; GROUP], 0);
    let groups = dots.as_chunks::<GROUP>().0.iter().zip(counts.as_chunks_mut::<GROUP>().0).zip(masks);
    let scales = edges.scales.as_chunks::<GROUP>().0.iter();
    let constants = scales.zip(edges.near.as_chunks::<GROUP>().0).zip(edges.errors.as_chunks::<GROUP>().0);
    for (((dots, counts), mask), ((scales, near), errors)) in groups.zip(constants) {
        let (mut certain, mut open) = ([0_u32; GROUP], [0_u32; GROUP]);
        for lane in 0..GROUP {
            let dot = dots[lane] as f32 * scales[lane];
            let value = (-row.scale).mul_add(dot, near[lane]);
            certain[lane] = u32::from(row.certain.0.mul_add(errors[lane], value) <= row.certain.1);
            let possible = u32::from((-row.possible.0).mul_add(errors[lane], value) <= row.possible.1);
            open[lane] = possible & (1 - certain[lane]);
            counts[lane] += certain[lane];
            found[lane] += certain[lane];
        }
        let mut bits = 0;
        for (lane, open) in open.iter().enumerate() {
            bits |= open << lane;
        }
        *mask = bits as u16;
        any |= bits;
    }
    (found.iter().sum(), any != 0)
}

/// The sum of `scale * scales[j] * dots[j] - offsets[j] + reach` where that is positive; each such summand is also added
/// to `sums[j]`.
#[inline(always)]
pub(crate) fn shortfalls(
    dots: &[i32],
    scales: &[f32],
    offsets: &[f32],
    scale: f32,
    reach: f32,
    sums: &mut [f32],
) -> f32 {
    let mut of_row = [0.0; GROUP];
    let groups = dots.as_chunks::<GROUP>().0.iter().zip(sums.as_chunks_mut::<GROUP>().0);
    let constants = scales.as_chunks::<GROUP>().0.iter().zip(offsets.as_chunks::<GROUP>().0);
    for ((dots, sums), (scales, offsets)) in groups.zip(constants) {
        for lane in 0..GROUP {
            let value = scale.mul_add(dots[lane] as f32 * scales[lane], -offsets[lane]) + reach;
            let shortfall = if value > 0.0 { value } else { 0.0 };
            of_row[lane] += shortfall;
            sums[lane] += shortfall;
        }
    }
    of_row.into_iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Isa, Kernels, arch};

    /// Any codes up to `most`, by SplitMix64.
    fn codes(mut seed: u64, len: usize, most: i32) -> Vec<i32> {
        let mut next = || {
            seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            ((z ^ (z >> 27)) % (2 * most as u64 + 1)) as i32 - most
        };
        (0..len).map(|_| next()).collect()
    }

    /// Codes of `(k, stride)` in groups, so many of each row side by side.
    fn packed(rows: &[i32], stride: usize, together: usize) -> Vec<i32> {
        let k = rows.len() / stride;
        let mut out = vec![0; k.next_multiple_of(GROUP) * stride];
        for (row, codes) in rows.chunks_exact(stride).enumerate() {
            for (place, code) in codes.iter().enumerate() {
                let (group, lane, step) = (row / GROUP, row % GROUP, place / together);
                let at = group * GROUP * stride + (step * GROUP + lane) * together + place % together;
                out[at] = *code;
            }
        }
        out
    }

    /// Products of bytes or words.
    fn product(
        kernels: Kernels,
        width: CodeWidth,
        left: &[i32],
        right: &[i32],
        stride: usize,
        out: &mut [i32],
        out_stride: usize,
    ) {
        match width {
            CodeWidth::Byte => {
                let rows: Vec<i8> = left.iter().map(|code| *code as i8).collect();
                let sums: Vec<i32> = left.chunks_exact(stride).map(|row| row.iter().sum()).collect();
                let packed: Vec<u8> = packed(right, stride, QUAD).into_iter().map(|code| (code + 128) as u8).collect();
                arch::codes::product(kernels, &rows, &sums, &packed, stride, out, out_stride);
            }
            CodeWidth::Word => {
                let rows: Vec<i16> = left.iter().map(|code| *code as i16).collect();
                let packed: Vec<i16> = packed(right, stride, PAIR).into_iter().map(|code| code as i16).collect();
                arch::codes::product_words(kernels, &rows, &packed, stride, out, out_stride);
            }
        }
    }

    #[test]
    fn products_are_those_of_whole_numbers() {
        for (m, stride, k) in
            [(1, 4, 1), (7, 8, 15), (8, 4, 16), (9, 12, 17), (17, 64, 48), (33, 100, 49), (8, 512, 97), (2, 65536, 3)]
        {
            for code_width in CodeWidth::ALL {
                let most = code_width.most(stride) as i32;
                assert!(i64::from(most) * i64::from(most) * stride as i64 <= i64::from(i32::MAX) && most <= 32767);
                let extreme = |value: i32| (vec![value; m * stride], vec![-value; k * stride]);
                let any = (codes(1, m * stride, most), codes(2, k * stride, most));
                for (left, right) in [any, extreme(most), extreme(-most)] {
                    let width = k.next_multiple_of(GROUP) + GROUP;
                    for kernels in Isa::ALL.into_iter().filter_map(Kernels::new) {
                        let mut out = vec![7; m * width];
                        product(kernels, code_width, &left, &right, stride, &mut out, width);
                        for (row, out) in left.chunks_exact(stride).zip(out.chunks_exact(width)) {
                            for (column, found) in right.chunks_exact(stride).zip(out) {
                                let want: i64 =
                                    row.iter().zip(column).map(|(a, b)| i64::from(*a) * i64::from(*b)).sum();
                                assert_eq!(i64::from(*found), want, "{m} {stride} {k} {kernels:?} {code_width:?}");
                            }
                            assert!(out[k..width - GROUP].iter().all(|value| *value == 0), "padding is zero");
                            assert!(out[width - GROUP..].iter().all(|value| *value == 7), "the rest is left alone");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn turning_keeps_lengths_and_spreads_a_value() {
        for len in [1, 2, 3, 15, 16, 17, 64, 96, 384, 511, 512, 1000] {
            for place in [0, len / 2, len - 1] {
                let mut values = vec![0.0; len];
                values[place] = -3.0;
                turn(&mut values, &signs(len));
                let norm: f64 = values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
                assert!((norm - 3.0).abs() < 1e-5, "{len} {place}: {norm}");
                let most = values.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
                assert!(len < 64 || most < 1.5, "{len} {place}: {most}");
            }
        }
    }

    #[test]
    fn codes_are_the_nearest_whole_numbers() {
        for value in [-127.0_f32, -126.6, -1.5, -0.5, -0.49, 0.0, 0.5, 0.51, 1.5, 2.5, 126.5, 127.0, 127.4, 1e9, -1e30]
        {
            for limit in [127.0, 181.0, 23170.0] {
                assert_eq!(to_code(value, limit), value.clamp(-limit, limit).round_ties_even() as i32, "{value}");
            }
        }
    }
}
