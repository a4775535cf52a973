//! Both sides of each pair from products of codes: a cheaper first look than that by `f32`, with wider bounds.
//!
//! # Error
//! A row `x` less the frame's center, turned, is `y`; its codes stand for `s q`, and `e >= |y - s q|` is measured (see
//! [`Codes`]). Turning keeps distances, so for two rows `|x - x'|` lies within `e + e'` of `|s q - s' q'|`. The square
//! of the latter is `A + A' - 2 s s' p`, with `A = |s q|^2` and the product `p` of the codes, which is exact.
//!
//! A pair is nearer than `l` only if `|s q - s' q'| < l + e + e'`, and it is if `|s q - s' q'| <= l - e - e'`. With
//! `a = l + e` squared: `(A' - e'^2) - 2 s s' p - 2 a e' < a^2 - A`. The left is two multiply-adds per pair. It is
//! computed in `f32`, in which each of five roundings errs by at most `u = 2^-24` of what is rounded, none of which
//! exceeds `2 (A + A' + a^2 + e'^2)`: `16 u` of either side's part ([`ROUNDING`]) is more than all of them.

use std::ops::Range;

use super::centers::Bounds;
use super::tiles::sized;
use super::{U, f64_error, round_down};
use crate::codes::{CodeWidth, CountEdge, Edges, GROUP, MAX_CODED, PAIR, QUAD, RowEdge, signs};
use crate::{Isa, Kernels, LANES, Rows, arch};

/// What rounding may change, relative to the squares it happens to.
const ROUNDING: f64 = 16.0 * U;

/// What underflow may add: an error of `2^-150` times scales of at most `2^40`.
const UNDERFLOW: f64 = 1.0 / (1_u128 << 90) as f64;

/// Norms and limits above this are not compared in `f32`.
const LARGE_NORM: f64 = (1_u64 << 40) as f64;

/// Rows multiplied at once: their products with a tile of 2,048 rows (256 KiB) stay in the second-level cache.
const AT_ONCE: usize = 32;

/// Rows of a panel whose pairs with all later ones are multiplied at once: pairs among themselves come twice, so few.
const AMONG: usize = 8 * GROUP;

/// Pairs looked at in vain before the rest of a row is scanned anew, by the limit it has by then.
const IDLE: usize = 16;

/// What is done to rows before they are encoded: a vector is subtracted, and they are turned.
#[derive(Clone, Debug)]
pub struct CodesFrame {
    center: Vec<f32>,
    /// None where rows are not turned.
    signs: Vec<f32>,
}

impl CodesFrame {
    /// A frame around `center` `(d,)`: errors are smallest where that is near the mean of the rows.
    ///
    /// # Panics
    /// If `d` is 0 or above 2^16.
    pub fn new(center: &[f32]) -> CodesFrame {
        assert!((1..=MAX_CODED).contains(&center.len()), "dimension from 1 to {MAX_CODED}, got {}", center.len());
        CodesFrame { center: center.to_vec(), signs: signs(center.len()) }
    }

    /// The same without turning, which takes more than half of the time that encoding does: rows with a few large values
    /// have larger errors then.
    ///
    /// # Panics
    /// As [`CodesFrame::new`].
    pub fn straight(center: &[f32]) -> CodesFrame {
        CodesFrame { signs: Vec::new(), ..CodesFrame::new(center) }
    }

    /// Values per row.
    pub fn dim(&self) -> usize {
        self.center.len()
    }
}

/// Rows as codes, each with its own scale and a measured error.
#[derive(Clone, Debug, Default)]
pub struct Codes {
    dim: usize,
    /// Codes from row to row: whole quads, zeros at the end.
    stride: usize,
    store: Store,
    sums: Vec<i32>,
    scales: Vec<f32>,
    /// `|s q|^2`, to a relative 2^-52.
    sq_norms: Vec<f64>,
    /// At least the distance of `s q` to the exact turned row, and room for rounding: see [`Kernels::encode`].
    errors: Vec<f64>,
    /// Whether a row is open: too large for codes.
    is_open: Vec<bool>,
}

/// Codes of either width.
#[derive(Clone, Debug)]
enum Store {
    Bytes(Vec<i8>),
    Words(Vec<i16>),
}

impl Default for Store {
    fn default() -> Self {
        Store::Bytes(Vec::new())
    }
}

impl Store {
    /// Zeros, in the room of what was before.
    fn reset(&mut self, width: CodeWidth, len: usize) {
        match (&mut *self, width) {
            (Store::Bytes(codes), CodeWidth::Byte) => cleared(codes, len).resize(len, 0),
            (Store::Words(codes), CodeWidth::Word) => cleared(codes, len).resize(len, 0),
            (_, CodeWidth::Byte) => *self = Store::Bytes(vec![0; len]),
            (_, CodeWidth::Word) => *self = Store::Words(vec![0; len]),
        }
    }
}

impl Codes {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.scales.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes it holds for so many rows.
    pub fn bytes(n_rows: usize, dim: usize, width: CodeWidth) -> u64 {
        (n_rows * (dim.next_multiple_of(QUAD) * width.bytes() + 25)) as u64
    }

    /// Errors of the rows, relative to their norms less the center: what the width of bounds goes by. Infinite for rows
    /// too large for codes.
    pub fn relative_errors(&self) -> impl Iterator<Item = f64> + '_ {
        self.errors.iter().zip(&self.sq_norms).map(|(error, sq_norm)| error / sq_norm.sqrt().max(f64::MIN_POSITIVE))
    }
}

/// Codes in the order in which products take them, and what those are compared with.
#[derive(Clone, Debug, Default)]
pub struct CodesPanel {
    dim: usize,
    stride: usize,
    len: usize,
    packed: Packed,
    /// Where they begin: at a cache line, for vectors that lie in two are loaded at half the rate.
    begin: usize,
    scales: Vec<f32>,
    /// Lower bounds of `A' - e'^2`, less what rounding may change.
    near: Vec<f32>,
    /// Upper bounds of `e'`.
    errors_up: Vec<f32>,
    sq_norms: Vec<f64>,
    errors: Vec<f64>,
    is_open: Vec<bool>,
    any_open: bool,
    max_sq_norm: f64,
    max_error: f64,
}

/// Groups of sixteen rows: four bytes of each, raised by 128, or two words are 64 bytes.
#[derive(Clone, Debug)]
enum Packed {
    Bytes(Vec<u8>),
    Words(Vec<i16>),
}

impl Default for Packed {
    fn default() -> Self {
        Packed::Bytes(Vec::new())
    }
}

impl Packed {
    /// Groups of these rows, in the room of those before, and where they begin.
    fn pack(&mut self, store: &Store, stride: usize, padded: usize) -> usize {
        match (&mut *self, store) {
            (Packed::Bytes(packed), Store::Bytes(codes)) => {
                // From -127..=127 to 1..=255: the sign bit turned over.
                pack::<QUAD, { GROUP * QUAD }, _, _>(codes, stride, padded, 128, packed, |code| code as u8 ^ 0x80)
            }
            (Packed::Words(packed), Store::Words(codes)) => {
                pack::<PAIR, { GROUP * PAIR }, _, _>(codes, stride, padded, 0, packed, |code| code)
            }
            // Those before were of the other width.
            (_, Store::Bytes(_)) => {
                *self = Packed::Bytes(Vec::new());
                self.pack(store, stride, padded)
            }
            (_, Store::Words(_)) => {
                *self = Packed::Words(Vec::new());
                self.pack(store, stride, padded)
            }
        }
    }
}

/// Groups of `padded` rows in all, `TOGETHER` codes of each row side by side; tells where they begin.
fn pack<const TOGETHER: usize, const STEP: usize, C: Copy, P: Copy>(
    codes: &[C],
    stride: usize,
    padded: usize,
    padding: P,
    packed: &mut Vec<P>,
    code: impl Fn(C) -> P + Copy,
) -> usize {
    let line = LINE / size_of::<P>();
    cleared(packed, padded * stride + line).resize(padded * stride + line, padding);
    let begin = to_line(packed);
    let rows = codes.chunks(GROUP * stride.max(1));
    for (rows, group) in rows.zip(packed[begin..].chunks_exact_mut((GROUP * stride).max(1))) {
        for (lane, row) in rows.chunks_exact(stride).enumerate() {
            let places = group.as_chunks_mut::<STEP>().0;
            for (some, place) in row.as_chunks::<TOGETHER>().0.iter().zip(places) {
                place[lane * TOGETHER..(lane + 1) * TOGETHER].copy_from_slice(&some.map(code));
            }
        }
    }
    begin
}

/// Buffers of the verbs, to be reused from call to call.
#[derive(Clone, Debug, Default)]
pub struct CodesScratch {
    dots: Vec<i32>,
    masks: Vec<u16>,
    offsets: Vec<f32>,
    reaches: Vec<f32>,
    counts: Vec<u32>,
}

impl CodesScratch {
    /// The most bytes it holds after calls with a panel of `k` rows.
    pub fn bytes(k: usize) -> u64 {
        let k = k.next_multiple_of(GROUP) as u64;
        k * (4 * AT_ONCE as u64 + 12) + k / 8 + LINE as u64
    }
}

/// The buffer, empty, with room for `len` values and not much more.
fn cleared<T>(buffer: &mut Vec<T>, len: usize) -> &mut Vec<T> {
    buffer.clear();
    buffer.reserve_exact(len);
    buffer
}

/// Bytes of a cache line.
const LINE: usize = 64;

/// Where in a buffer the first cache line begins, at most a line from its start.
fn to_line<T>(buffer: &[T]) -> usize {
    buffer.as_ptr().align_offset(LINE).min(LINE / size_of::<T>())
}

impl CodesPanel {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes it holds for so many rows.
    pub fn bytes(n_rows: usize, dim: usize, width: CodeWidth) -> u64 {
        (n_rows.next_multiple_of(GROUP) * (dim.next_multiple_of(QUAD) * width.bytes() + 29) + LINE) as u64
    }

    /// Takes in other rows, in the room of those before.
    pub fn pack(&mut self, codes: &Codes) {
        let (len, stride) = (codes.len(), codes.stride);
        let padded = len.next_multiple_of(GROUP);
        (self.dim, self.stride, self.len) = (codes.dim, stride, len);
        self.begin = self.packed.pack(&codes.store, stride, padded);
        cleared(&mut self.sq_norms, len).extend_from_slice(&codes.sq_norms);
        cleared(&mut self.errors, len).extend_from_slice(&codes.errors);
        cleared(&mut self.is_open, len).extend_from_slice(&codes.is_open);
        self.any_open = codes.is_open.contains(&true);
        self.max_sq_norm = codes.sq_norms.iter().copied().fold(0.0, f64::max);
        self.max_error = codes.errors.iter().copied().fold(0.0, f64::max);
        let fill = |out: &mut Vec<f32>, padding: f32, values: &mut dyn Iterator<Item = f32>| {
            cleared(out, padded).extend(values);
            out.resize(padded, padding);
        };
        fill(&mut self.scales, 0.0, &mut codes.scales.iter().copied());
        let facts = || codes.sq_norms.iter().zip(&codes.errors).zip(&codes.is_open);
        // Padding is infinitely far, an open row within any limit.
        fill(
            &mut self.near,
            f32::INFINITY,
            &mut facts().map(|((sq_norm, error), is_open)| {
                let square = error * error;
                if *is_open { f32::NEG_INFINITY } else { round_down(sq_norm - square - ROUNDING * (sq_norm + square)) }
            }),
        );
        fill(
            &mut self.errors_up,
            0.0,
            &mut facts().map(|((_, error), is_open)| if *is_open { 0.0 } else { round_up(*error) }),
        );
    }

    /// What sums of errors of a row and of this panel's, and canonical sums, may add to distances.
    fn distances(&self) -> Distances {
        Distances { error: f64_error(self.dim) }
    }

    /// Bounds of the squared distance of a row of `rows` and one of the panel's.
    fn bounds(&self, rows: &Codes, row: usize, column: usize, dot: i32) -> Bounds {
        if rows.is_open[row] || self.is_open[column] {
            return Bounds::OPEN;
        }
        // Two scales have 48 bits: their product is exact. What the others round is covered by the errors, of which
        // 2^-24 of the norms is for this.
        let scale = 2.0 * f64::from(rows.scales[row]) * f64::from(self.scales[column]);
        let coded = (rows.sq_norms[row] + self.sq_norms[column] - scale * f64::from(dot)).max(0.0).sqrt();
        let error = rows.errors[row] + self.errors[column];
        let (low, high) = ((coded - error).max(0.0), coded + error);
        let room = f64_error(self.dim);
        Bounds { low: low * low * (1.0 - room), high: high * high * (1.0 + room) }
    }
}

/// Distances that canonical squares are compared by.
#[derive(Clone, Copy)]
struct Distances {
    error: f64,
}

impl Distances {
    /// A true distance is below this where the canonical square is below `limit`.
    fn above(self, limit: f64) -> f64 {
        (limit * (1.0 + self.error)).sqrt() * (1.0 + f64::EPSILON)
    }

    /// A canonical square is below `limit` where the true distance is at most this.
    fn below(self, limit: f64) -> f64 {
        (limit * (1.0 - self.error)).sqrt() * (1.0 - f64::EPSILON)
    }
}

/// Whether a length is too large for `f32` squares, or not a number.
fn is_large(length: f64) -> bool {
    length.is_nan() || length > LARGE_NORM
}

/// The smallest `f32` not below `value`.
fn round_up(value: f64) -> f32 {
    -round_down(-value)
}

/// Twice the distance `a` within which a row's pairs matter, and what `near - 2 s s' p - 2 a e'` must not exceed where
/// they do.
fn row_reach(distances: Distances, limit: f64, sq_norm: f64, error: f64) -> (f32, f32) {
    // Nothing is nearer than zero.
    if limit <= 0.0 {
        return (0.0, f32::NEG_INFINITY);
    }
    let reach = distances.above(limit) + error;
    if is_large(reach) {
        return (0.0, f32::INFINITY);
    }
    let square = reach * reach;
    (round_up(2.0 * reach), round_up(square - sq_norm + ROUNDING * (square + sq_norm) + UNDERFLOW))
}

/// The same of a row of the panel, on the other side of the inequality: `A' - a'^2`, and `a'`.
fn column_reach(distances: Distances, limit: f64, sq_norm: f64, error: f64) -> (f32, f32) {
    if limit <= 0.0 {
        return (f32::INFINITY, 0.0);
    }
    let reach = distances.above(limit) + error;
    if is_large(reach) {
        return (f32::NEG_INFINITY, 0.0);
    }
    let square = reach * reach;
    (round_down(sq_norm - square - ROUNDING * (square + sq_norm)), round_up(reach))
}

impl Codes {
    /// The edge of a row for a limit.
    fn edge(&self, row: usize, distances: Distances, limit: f64) -> RowEdge {
        let (sq_norm, error) = (self.sq_norms[row], self.errors[row]);
        let (reach, threshold) = row_reach(distances, limit, sq_norm, error);
        let square = error * error;
        RowEdge {
            scale: 2.0 * self.scales[row],
            reach,
            threshold,
            error: round_up(2.0 * error),
            own: round_up(square - sq_norm + ROUNDING * (square + sq_norm) + UNDERFLOW),
        }
    }

    /// The edges of a row for counting what is nearer than the limit.
    fn count_edge(&self, row: usize, panel: &CodesPanel, limit: f64) -> CountEdge {
        let distances = panel.distances();
        let (sq_norm, error) = (self.sq_norms[row], self.errors[row]);
        let within = distances.below(limit) - error;
        // Where the reach is below an error of the panel the squares say nothing.
        let certain = if within > panel.max_error && within <= LARGE_NORM {
            let square = within * within;
            let most = square + sq_norm + panel.max_sq_norm + panel.max_error * panel.max_error;
            (round_up(2.0 * within), round_down(square - sq_norm - 4.0 * ROUNDING * most - UNDERFLOW))
        } else {
            (0.0, f32::NEG_INFINITY)
        };
        let (reach, threshold) = row_reach(distances, limit, sq_norm, error);
        // Finite, so that the padding of a panel, which is infinite, stays outside.
        CountEdge { scale: 2.0 * self.scales[row], certain, possible: (reach, threshold.min(f32::MAX)) }
    }
}

impl Kernels {
    /// The codes of which products are faster here than those of `f32`, if any are.
    pub fn fast_codes(self) -> Option<CodeWidth> {
        match self.isa {
            Isa::Avx512Vnni => Some(CodeWidth::Byte),
            // With AVX-512 but no VNNI, words take as many instructions as `f32` does: counted, not measured.
            Isa::Avx2 => Some(CodeWidth::Word),
            _ => None,
        }
    }

    /// Encodes the rows, in the room of those before.
    ///
    /// Each row has the scale of its largest value after turning. The error is measured in `f64`; added to that is what
    /// subtracting and turning in `f32` have rounded: at most `u` of the norm for each of `2 log2(d) + 4` steps, each of
    /// which keeps norms (but for a factor that all rows share).
    pub fn encode(self, rows: Rows<'_>, frame: &CodesFrame, width: CodeWidth, codes: &mut Codes) {
        let (dim, len) = (frame.dim(), rows.len());
        assert_eq!(rows.dim(), dim, "rows and frame of one dimension");
        let stride = dim.next_multiple_of(QUAD);
        (codes.dim, codes.stride) = (dim, stride);
        codes.store.reset(width, len * stride);
        let limit = width.most(stride);
        cleared(&mut codes.sums, len);
        cleared(&mut codes.scales, len);
        cleared(&mut codes.sq_norms, len);
        cleared(&mut codes.errors, len);
        cleared(&mut codes.is_open, len);
        let mut values = vec![0.0; dim];
        let mut sq_norm = [0.0];
        for row in 0..len {
            self.widen_offset(rows.slice(row..row + 1), &frame.center, &mut values);
            arch::sq_norms_f32(self, &values, dim, &mut sq_norm);
            let norm = sq_norm[0].sqrt();
            if is_large(norm) {
                codes.sums.push(0);
                codes.scales.push(0.0);
                codes.sq_norms.push(0.0);
                codes.errors.push(f64::INFINITY);
                codes.is_open.push(true);
                continue;
            }
            let at = row * stride..(row + 1) * stride;
            let encoded = match &mut codes.store {
                Store::Bytes(out) => arch::codes::encode(self, &mut values, &frame.signs, limit, &mut out[at]),
                Store::Words(out) => arch::codes::encode_words(self, &mut values, &frame.signs, limit, &mut out[at]),
            };
            let scale = f64::from(encoded.scale);
            codes.sums.push(encoded.sum);
            codes.scales.push(encoded.scale);
            codes.sq_norms.push(scale * scale * f64::from(encoded.squares));
            // 2^-18 of the norm for up to 36 steps of u, and 2^-18 for the rounding of squared norms (see `bounds`).
            let rounding = (norm + UNDERFLOW.sqrt()) / f64::from(1_u32 << 17);
            codes.errors.push(encoded.sq_error.sqrt() * (1.0 + f64_error(dim)) + rounding);
            codes.is_open.push(false);
        }
    }

    /// As [`candidates_both`](Self::candidates_both), for rows as codes: the bounds are wider, and more pairs visited.
    ///
    /// # Panics
    /// If rows and panel are not of one frame's dimension and one width.
    pub fn coarse_candidates_both(
        self,
        rows: &Codes,
        panel: &CodesPanel,
        row_limits: &mut [f64],
        panel_limits: &mut [f64],
        scratch: &mut CodesScratch,
        mut visit: impl FnMut(usize, usize, Bounds, &mut f64, &mut f64),
    ) {
        assert!(rows.len() == row_limits.len() && panel.len() == panel_limits.len(), "one limit per row");
        let distances = panel.distances();
        let CodesScratch { dots, masks, offsets, reaches, .. } = scratch;
        let padded = panel.near.len();
        let masks = sized(masks, padded / LANES);
        let (offsets, reaches) = (sized(offsets, padded), sized(reaches, padded));
        offsets.fill(f32::INFINITY);
        reaches.fill(0.0);
        let reach =
            |column: usize, limit: f64| column_reach(distances, limit, panel.sq_norms[column], panel.errors[column]);
        for (column, limit) in panel_limits.iter().enumerate() {
            (offsets[column], reaches[column]) = reach(column, *limit);
        }
        self.for_codes(rows, panel, dots, |row, dots| {
            let row_limit = &mut row_limits[row];
            let mut from = 0;
            while from < panel.len() {
                let masks = &mut masks[from / LANES..];
                if rows.is_open[row] {
                    masks.fill(u16::MAX);
                } else {
                    let edge = rows.edge(row, distances, *row_limit);
                    let edges = panel.edges(offsets, reaches, from);
                    if !arch::codes::within(self, &dots[from..], &edges, &edge, masks) {
                        return;
                    }
                }
                let (first, mut idle) = (from, 0);
                let mut group = from / LANES;
                from = panel.len();
                for column in super::both::set_bits(masks).map(|bit| first + bit) {
                    // The row's limit has shrunk since: another scan of the rest costs less than many such looks.
                    if column >= panel.len() {
                        break;
                    }
                    if idle >= IDLE && column / LANES > group {
                        from = column - column % LANES;
                        break;
                    }
                    group = column / LANES;
                    let panel_limit = &mut panel_limits[column];
                    let bounds = panel.bounds(rows, row, column, dots[column]);
                    if bounds.low >= *row_limit && bounds.low >= *panel_limit {
                        idle += 1;
                        continue;
                    }
                    let before = *panel_limit;
                    visit(row, column, bounds, row_limit, panel_limit);
                    if *panel_limit != before {
                        (offsets[column], reaches[column]) = reach(column, *panel_limit);
                    }
                }
            }
        });
    }

    /// As [`count_within`](Self::count_within), for rows as codes: what these leave open, `is_within(row, center)` has to
    /// say.
    ///
    /// # Panics
    /// If rows and panel are not of one frame's dimension and one width.
    #[allow(clippy::too_many_arguments)] // two sides of each pair
    pub fn coarse_count_within(
        self,
        rows: &Codes,
        panel: &CodesPanel,
        limit: f64,
        scratch: &mut CodesScratch,
        row_counts: &mut [u32],
        panel_counts: &mut [u32],
        mut is_within: impl FnMut(usize, usize) -> bool,
    ) {
        assert!(rows.len() == row_counts.len() && panel.len() == panel_counts.len(), "one count per row");
        // NaN counts nothing, as in a comparison.
        if limit.is_nan() || limit <= 0.0 {
            return;
        }
        let CodesScratch { dots, masks, counts, .. } = scratch;
        let padded = panel.near.len();
        let (masks, counts) = (sized(masks, padded / LANES), sized(counts, padded));
        counts.fill(0);
        self.for_codes(rows, panel, dots, |row, dots| {
            // In an open pair the product may be anything, so that vectors of products say nothing.
            if rows.is_open[row] || panel.any_open {
                masks.fill(u16::MAX);
            } else {
                let edge = rows.count_edge(row, panel, limit);
                let (found, any) = arch::codes::count(self, dots, &panel.edges(&[], &[], 0), &edge, counts, masks);
                row_counts[row] += found;
                if !any {
                    return;
                }
            }
            for column in super::both::set_bits(masks).take_while(|column| *column < panel.len()) {
                if is_within(row, column) {
                    row_counts[row] += 1;
                    counts[column] += 1;
                }
            }
        });
        panel_counts.iter_mut().zip(counts).for_each(|(count, more)| *count += *more);
    }

    /// As [`shortfalls`](Self::shortfalls), for rows as codes: `panel` has the same rows as `codes`.
    ///
    /// With `E` twice the largest error of a row, a distance is at least `c - E` where that of the codes is `c`. For any
    /// `a` of at least `E`, `2 c E <= E (c^2 / a + a)`, so that the square stays below `l` by at most
    /// `l + E a - (1 - E / a) c^2`, if it does at all. That is largely a product, and taken for all pairs; with `a` the
    /// root of `l` it is narrow where it matters.
    ///
    /// # Panics
    /// If the panel is not of as many rows, of one frame's dimension and one width.
    pub fn coarse_shortfalls(
        self,
        codes: &Codes,
        panel: &CodesPanel,
        limit: f64,
        scratch: &mut CodesScratch,
        out: &mut [f64],
    ) {
        assert!(codes.len() == panel.len() && out.len() == panel.len(), "one number per row");
        let (both, a) = (2.0 * panel.max_error, panel.distances().above(limit));
        // Written so that NaN is not narrow.
        let is_narrow = both <= a && !is_large(a);
        if panel.any_open || !is_narrow {
            out.fill(f64::INFINITY);
            return;
        }
        let share = 1.0 - both / a;
        let above = a * a * (1.0 + panel.distances().error) + both * a;
        // Products, scales, offsets and their sums are rounded: none exceeds these.
        let room = ROUNDING * (2.0 * panel.max_sq_norm + above) + UNDERFLOW;
        let reach = |row: usize| round_up(above + room - share * codes.sq_norms[row]);
        let CodesScratch { dots, offsets, reaches, .. } = scratch;
        let padded = panel.near.len();
        let (offsets, sums) = (sized(offsets, padded), sized(reaches, padded));
        // Padding is infinitely far.
        offsets.fill(f32::INFINITY);
        for (offset, sq_norm) in offsets.iter_mut().zip(&panel.sq_norms) {
            *offset = round_down(share * sq_norm);
        }
        sums.fill(0.0);
        // The sums of rows are kept apart: a column's is whole only after all rows before it.
        let mut of_rows = vec![0.0; codes.len()];
        for first in (0..codes.len()).step_by(AMONG) {
            let columns = first..(first + AMONG).min(padded);
            self.for_some_codes(codes, first..codes.len(), panel, columns.clone(), dots, |row, dots| {
                let scales = &panel.scales[columns.clone()];
                let (scale, reach) = ((2.0 * share) as f32 * codes.scales[row], reach(row));
                of_rows[row] += if columns.contains(&row) {
                    // Of pairs among the columns each side comes on its own; the one with itself is none.
                    let own = std::mem::replace(&mut offsets[row], f32::INFINITY);
                    let (offsets_of, mut unused) = (&offsets[columns.clone()], [0.0; AMONG]);
                    let sum = arch::codes::shortfalls(self, dots, scales, offsets_of, scale, reach, &mut unused);
                    offsets[row] = own;
                    sum
                } else {
                    let (offsets, sums) = (&offsets[columns.clone()], &mut sums[columns.clone()]);
                    arch::codes::shortfalls(self, dots, scales, offsets, scale, reach, sums)
                };
            });
        }
        // Of so many summands, none negative, each sum is rounded at most once for each and a few times more.
        let rounding = 1.0 + (panel.len() + 32) as f64 * U;
        for ((out, of_row), of_column) in out.iter_mut().zip(of_rows).zip(sums) {
            *out = (f64::from(of_row) + f64::from(*of_column)) * rounding;
        }
    }

    /// Multiplies all rows with all of the panel, and hands on the products of each row (whole groups).
    fn for_codes(self, rows: &Codes, panel: &CodesPanel, dots: &mut Vec<i32>, visit: impl FnMut(usize, &[i32])) {
        self.for_some_codes(rows, 0..rows.len(), panel, 0..panel.near.len(), dots, visit);
    }

    /// The same of some rows and whole groups of the panel.
    fn for_some_codes(
        self,
        rows: &Codes,
        some: Range<usize>,
        panel: &CodesPanel,
        columns: Range<usize>,
        dots: &mut Vec<i32>,
        mut visit: impl FnMut(usize, &[i32]),
    ) {
        if some.is_empty() || columns.is_empty() {
            return;
        }
        assert_eq!((rows.dim, rows.stride), (panel.dim, panel.stride), "rows and panel of one dimension");
        let width = columns.len();
        let held = panel.begin + columns.start * panel.stride..panel.begin + columns.end * panel.stride;
        let dots = sized(dots, AT_ONCE * width + LINE / 4);
        let begin = to_line(dots);
        let dots = &mut dots[begin..begin + AT_ONCE * width];
        for first in some.clone().step_by(AT_ONCE) {
            let range = first..(first + AT_ONCE).min(some.end);
            let (at, sums) = (range.start * rows.stride..range.end * rows.stride, &rows.sums[range.clone()]);
            match (&rows.store, &panel.packed) {
                (Store::Bytes(codes), Packed::Bytes(packed)) => {
                    arch::codes::product(self, &codes[at], sums, &packed[held.clone()], rows.stride, dots, width);
                }
                (Store::Words(codes), Packed::Words(packed)) => {
                    arch::codes::product_words(self, &codes[at], &packed[held.clone()], rows.stride, dots, width);
                }
                _ => panic!("rows and panel of one width of codes"),
            }
            for (row, dots) in range.zip(dots.chunks_exact(width)) {
                visit(row, dots);
            }
        }
    }
}

impl CodesPanel {
    /// What products with the rows from `from` on are compared by.
    fn edges<'a>(&'a self, offsets: &'a [f32], reaches: &'a [f32], from: usize) -> Edges<'a> {
        Edges {
            scales: &self.scales[from..],
            near: &self.near[from..],
            errors: &self.errors_up[from..],
            offsets: offsets.get(from..).unwrap_or_default(),
            reaches: reaches.get(from..).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_hold_no_more_than_they_say() {
        let kernels = Kernels::new(Isa::Scalar).expect("always there");
        let (mut codes, mut panel, mut scratch) = (Codes::default(), CodesPanel::default(), CodesScratch::default());
        for (n, dim, width) in [(1, 1), (17, 5), (300, 64), (301, 63), (330, 101)]
            .into_iter()
            .flat_map(|(n, dim)| CodeWidth::ALL.map(|width| (n, dim, width)))
        {
            let frame = CodesFrame::new(&vec![0.5; dim]);
            kernels.encode(Rows::from_f32(&vec![1.0; n * dim], dim), &frame, width, &mut codes);
            panel.pack(&codes);
            let (mut of_rows, mut of_panel) = (vec![0; n], vec![0; n]);
            kernels.coarse_count_within(&codes, &panel, 1.0, &mut scratch, &mut of_rows, &mut of_panel, |_, _| false);
            let (mut x, mut y) = (vec![1.0; n], vec![1.0; n]);
            kernels.coarse_candidates_both(&codes, &panel, &mut x, &mut y, &mut scratch, |_, _, _, _, _| {});

            let Codes { store, sums, scales, sq_norms, errors, is_open, .. } = &codes;
            let held = match store {
                Store::Bytes(codes) => codes.capacity(),
                Store::Words(codes) => 2 * codes.capacity(),
            };
            let held = held + 4 * (sums.capacity() + scales.capacity());
            let held = held + 8 * (sq_norms.capacity() + errors.capacity()) + is_open.capacity();
            assert!(held as u64 <= Codes::bytes(n, dim, width), "{n} {dim}: {held}");
            let CodesPanel { packed, scales, near, errors_up, sq_norms, errors, is_open, .. } = &panel;
            let held = match packed {
                Packed::Bytes(packed) => packed.capacity(),
                Packed::Words(packed) => 2 * packed.capacity(),
            };
            let held = held + 4 * (scales.capacity() + near.capacity() + errors_up.capacity());
            let held = held + 8 * (sq_norms.capacity() + errors.capacity()) + is_open.capacity();
            assert!(held as u64 <= CodesPanel::bytes(n, dim, width), "{n} {dim}: {held}");
            let CodesScratch { dots, masks, offsets, reaches, counts } = &scratch;
            let fours = dots.capacity() + offsets.capacity() + reaches.capacity() + counts.capacity();
            assert!((4 * fours + 2 * masks.capacity()) as u64 <= CodesScratch::bytes(n), "{n} {dim}");
        }
    }
}
