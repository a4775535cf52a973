//! Convolutions of maps with channels last, as products of pixels and filters: no copy of patches is ever made.
//!
//! A filter is kept in blocks of output channels, `(out / block, k, k * in, block)`: within a row of the kernel the values
//! of neighboring taps and all input channels lie side by side in the picture too, so that one output pixel is `k` inner
//! products of `k * in` values. Every output value is one chain of fused multiply-adds in that order, whatever the
//! processor, the batch or the number of threads: results are the same on all of them.

use pulp::{Arch, Simd, WithSimd};

use super::team;

/// Output channels of a block of the filter: two vectors of AVX-512.
const BLOCK: usize = 32;
/// Output channels are a multiple of this.
pub(super) const GRAIN: usize = 16;
/// Pixels worked on at once: with two vectors of channels each, 16 sums in flight hide the latency of multiply-add.
const PIXELS: usize = 8;
/// Floats of padded pictures taken together: they stay in a core's second-level cache with the filter's block.
const CHUNK: usize = 96 << 10;

/// A convolution of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) n: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) input: usize,
    /// Output channels, a multiple of [`GRAIN`].
    pub(super) output: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) padding: usize,
}

impl Shape {
    pub(super) fn out_height(&self) -> usize {
        (self.height + 2 * self.padding - self.kernel) / self.stride + 1
    }

    pub(super) fn out_width(&self) -> usize {
        (self.width + 2 * self.padding - self.kernel) / self.stride + 1
    }

    pub(super) fn out_pixels(&self) -> usize {
        self.out_height() * self.out_width()
    }

    fn block(&self) -> usize {
        block(self.output)
    }

    /// Values of a filter per output channel.
    fn taps(&self) -> usize {
        self.kernel * self.kernel * self.input
    }

    fn frame(&self) -> Frame {
        Frame {
            height: self.height,
            width: self.width,
            channels: self.input,
            before: self.padding,
            rows: self.height + 2 * self.padding,
            columns: self.width + 2 * self.padding,
            spread: 1,
        }
    }

    /// Where each output pixel of `pictures` framed pictures begins.
    fn starts(&self, frame: &Frame, pictures: usize) -> Vec<usize> {
        let (oh, ow) = (self.out_height(), self.out_width());
        let mut starts = Vec::with_capacity(pictures * oh * ow);
        for picture in 0..pictures {
            for y in 0..oh {
                let row = (picture * frame.rows + y * self.stride) * frame.columns;
                starts.extend((0..ow).map(|x| (row + x * self.stride) * self.input));
            }
        }
        starts
    }
}

/// The block that filters of so many output channels are kept in.
pub(super) fn block(output: usize) -> usize {
    if output.is_multiple_of(BLOCK) { BLOCK } else { GRAIN }
}

/// How a picture lies in zeros: `before` of them above and to the left, pixels `spread` apart.
#[derive(Clone, Copy, Debug)]
struct Frame {
    height: usize,
    width: usize,
    channels: usize,
    before: usize,
    rows: usize,
    columns: usize,
    spread: usize,
}

impl Frame {
    fn len(&self) -> usize {
        self.rows * self.columns * self.channels
    }

    fn is_bare(&self) -> bool {
        self.rows == self.height && self.columns == self.width
    }

    /// Pictures taken together.
    fn chunk(&self) -> usize {
        (CHUNK / self.len()).max(1)
    }

    /// Copies pictures into zeros.
    fn fill(&self, pictures: &[f32], framed: &mut Vec<f32>) {
        let n = pictures.len() / (self.height * self.width * self.channels);
        framed.clear();
        framed.resize(n * self.len(), 0.0);
        let line = self.width * self.channels;
        for (picture, framed) in pictures.chunks_exact(self.height * line).zip(framed.chunks_exact_mut(self.len())) {
            for (y, row) in picture.chunks_exact(line).enumerate() {
                let at = ((self.before + y * self.spread) * self.columns + self.before) * self.channels;
                if self.spread == 1 {
                    framed[at..at + line].copy_from_slice(row);
                } else {
                    let step = self.spread * self.channels;
                    for (x, pixel) in row.chunks_exact(self.channels).enumerate() {
                        framed[at + x * step..at + x * step + self.channels].copy_from_slice(pixel);
                    }
                }
            }
        }
    }
}

/// What is done with a sum before it is stored.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Finish<'a> {
    /// Times the first plus the second, per channel.
    pub(super) affine: Option<(&'a [f32], &'a [f32])>,
    /// Added to it, of the output's shape.
    pub(super) add: Option<&'a [f32]>,
    /// Slope below zero: 0 for ReLU.
    pub(super) slope: Option<f32>,
}

/// `out (n, oh, ow, output)` of pictures `x (n, h, w, input)`.
pub(super) fn forward(shape: &Shape, x: &[f32], filter: &[f32], finish: Finish<'_>, out: &mut [f32]) {
    run(shape, &shape.frame(), x, filter, finish, out);
}

/// The gradient by the pictures `dx (n, h, w, input)`, plus `add`, from that by the output.
pub(super) fn by_input(shape: &Shape, dy: &[f32], filter: &[f32], add: Option<&[f32]>, dx: &mut [f32]) {
    // A convolution of the output's gradient, its pixels `stride` apart, with the filter turned around.
    let (oh, ow) = (shape.out_height(), shape.out_width());
    let frame = Frame {
        height: oh,
        width: ow,
        channels: shape.output,
        before: shape.kernel - 1 - shape.padding,
        rows: shape.height + shape.kernel - 1,
        columns: shape.width + shape.kernel - 1,
        spread: shape.stride,
    };
    let turned = Shape {
        n: shape.n,
        height: frame.rows,
        width: frame.columns,
        input: shape.output,
        output: shape.input,
        kernel: shape.kernel,
        stride: 1,
        padding: 0,
    };
    let filter = turn(shape, filter);
    run(&turned, &frame, dy, &filter, Finish { add, ..Finish::default() }, dx);
}

fn run(shape: &Shape, frame: &Frame, x: &[f32], filter: &[f32], finish: Finish<'_>, out: &mut [f32]) {
    let chunk = frame.chunk().min(shape.n);
    let picture = frame.height * frame.width * frame.channels;
    let out_picture = shape.out_pixels() * shape.output;
    let starts = shape.starts(frame, chunk);
    let arch = Arch::new();
    team::each_chunk(out, chunk * out_picture, |i, out| {
        let n = out.len() / out_picture;
        let x = &x[i * chunk * picture..][..n * picture];
        let mut framed = Vec::new();
        let x = if frame.is_bare() {
            x
        } else {
            frame.fill(x, &mut framed);
            &framed
        };
        let add = finish.add.map(|add| &add[i * chunk * out_picture..][..out.len()]);
        let starts = &starts[..n * shape.out_pixels()];
        let finish = Finish { add, ..finish };
        arch.dispatch(Forward { shape, row: frame.columns * frame.channels, x, filter, starts, finish, out });
    });
}

/// The filter of [`by_input`]: input and output channels change places, taps are reversed.
fn turn(shape: &Shape, filter: &[f32]) -> Vec<f32> {
    let (k, input, output) = (shape.kernel, shape.input, shape.output);
    let (from, to) = (shape.block(), block(input));
    let mut turned = vec![0.0; filter.len()];
    let taps = k * k * output;
    team::each_chunk(&mut turned, taps * to, |block, turned| {
        for tap in 0..k * k {
            let source = k * k - 1 - tap;
            // Squares of `from` by `to` at a time: both sides of a square stay in the first-level cache.
            for first in (0..output).step_by(from) {
                let square = ((first / from) * shape.taps() + source * input + block * to) * from;
                for (i, line) in filter[square..][..to * from].chunks_exact(from).enumerate() {
                    for (o, value) in line.iter().enumerate() {
                        turned[(tap * output + first + o) * to + i] = *value;
                    }
                }
            }
        }
    });
    turned
}

struct Forward<'a> {
    shape: &'a Shape,
    row: usize,
    x: &'a [f32],
    filter: &'a [f32],
    starts: &'a [usize],
    finish: Finish<'a>,
    out: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if self.shape.block() / S::F32_LANES == 1 { self.blocks::<S, 1>(simd) } else { self.blocks::<S, 2>(simd) }
    }
}

impl Forward<'_> {
    #[inline(always)]
    fn blocks<S: Simd, const V: usize>(mut self, simd: S) {
        let (block, taps) = (self.shape.block(), self.shape.taps());
        let vectors = block / S::F32_LANES;
        for b in 0..self.shape.output / block {
            let (filter, _) = S::as_simd_f32s(&self.filter[b * taps * block..][..taps * block]);
            for first in (0..vectors).step_by(V) {
                let channel = b * block + first * S::F32_LANES;
                let mut pixel = 0;
                while pixel + PIXELS <= self.starts.len() {
                    self.tile::<S, V, PIXELS>(simd, filter, vectors, first, channel, pixel);
                    pixel += PIXELS;
                }
                while pixel < self.starts.len() {
                    self.tile::<S, V, 1>(simd, filter, vectors, first, channel, pixel);
                    pixel += 1;
                }
            }
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const V: usize, const P: usize>(
        &mut self,
        simd: S,
        filter: &[S::f32s],
        vectors: usize,
        first: usize,
        channel: usize,
        pixel: usize,
    ) {
        let segment = self.shape.kernel * self.shape.input;
        let mut sums = [[simd.splat_f32s(0.0); V]; P];
        let starts: [usize; P] = std::array::from_fn(|p| self.starts[pixel + p]);
        for ky in 0..self.shape.kernel {
            let rows: [&[f32]; P] = std::array::from_fn(|p| &self.x[starts[p] + ky * self.row..][..segment]);
            let weights = filter[ky * segment * vectors..][..segment * vectors].chunks_exact(vectors);
            for (k, weights) in weights.enumerate() {
                let weights: [S::f32s; V] = std::array::from_fn(|v| weights[first + v]);
                for p in 0..P {
                    let value = simd.splat_f32s(rows[p][k]);
                    for v in 0..V {
                        sums[p][v] = simd.mul_add_f32s(value, weights[v], sums[p][v]);
                    }
                }
            }
        }
        let lanes = S::F32_LANES;
        for (p, sums) in sums.into_iter().enumerate() {
            let at = (pixel + p) * self.shape.output + channel;
            for (v, mut sum) in sums.into_iter().enumerate() {
                if let Some((scale, shift)) = self.finish.affine {
                    let scale = vector::<S>(&scale[channel + v * lanes..]);
                    sum = simd.mul_add_f32s(sum, scale, vector::<S>(&shift[channel + v * lanes..]));
                }
                if let Some(add) = self.finish.add {
                    sum = simd.add_f32s(sum, vector::<S>(&add[at + v * lanes..]));
                }
                if let Some(slope) = self.finish.slope {
                    let below =
                        if slope == 0.0 { simd.splat_f32s(0.0) } else { simd.mul_f32s(sum, simd.splat_f32s(slope)) };
                    sum = simd.max_f32s(below, sum);
                }
                S::as_mut_simd_f32s(&mut self.out[at + v * lanes..][..lanes]).0[0] = sum;
            }
        }
    }
}

#[inline(always)]
fn vector<S: Simd>(values: &[f32]) -> S::f32s {
    S::as_simd_f32s(&values[..S::F32_LANES]).0[0]
}

/// The gradient by the filter, laid out as the filter is.
pub(super) fn by_filter(shape: &Shape, x: &[f32], dy: &[f32], gradient: &mut [f32]) {
    // Pictures are summed up in groups that depend on the shape alone, and the groups in order; where the filter is large,
    // in one group, and its blocks are enough to share out.
    let groups = ((1 << 22) / gradient.len()).clamp(1, 16).min(shape.n);
    let per_group = shape.n.div_ceil(groups);
    let groups = shape.n.div_ceil(per_group);
    let (frame, len) = (shape.frame(), gradient.len());
    let (block, taps) = (shape.block(), shape.taps());
    let (picture, out_picture) = (frame.height * frame.width * frame.channels, shape.out_pixels() * shape.output);
    let chunk = frame.chunk().min(per_group);
    let starts = shape.starts(&frame, chunk);
    let arch = Arch::new();
    let work = |i: usize, part: &mut [f32]| {
        part.fill(0.0);
        let (group, b) = (i / (shape.output / block), i % (shape.output / block));
        let mut framed = Vec::new();
        let (begin, end) = (group * per_group, ((group + 1) * per_group).min(shape.n));
        for first in (begin..end).step_by(chunk) {
            let n = chunk.min(end - first);
            let x = &x[first * picture..][..n * picture];
            let x = if frame.is_bare() {
                x
            } else {
                frame.fill(x, &mut framed);
                &framed
            };
            let dy = &dy[first * out_picture..][..n * out_picture];
            let starts = &starts[..n * shape.out_pixels()];
            let row = frame.columns * frame.channels;
            arch.dispatch(ByFilter { shape, row, x, dy, starts, block: b, part });
        }
    };
    if groups == 1 {
        team::each_chunk(gradient, taps * block, work);
        return;
    }
    let parts = team::sums(groups * len / (taps * block), taps * block, work);
    gradient.copy_from_slice(&parts[..len]);
    for part in parts[len..].chunks_exact(len) {
        gradient.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    }
}

struct ByFilter<'a> {
    shape: &'a Shape,
    row: usize,
    x: &'a [f32],
    dy: &'a [f32],
    starts: &'a [usize],
    block: usize,
    part: &'a mut [f32],
}

impl WithSimd for ByFilter<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if self.shape.block() / S::F32_LANES == 1 { self.taps::<S, 1>(simd) } else { self.taps::<S, 2>(simd) }
    }
}

impl ByFilter<'_> {
    #[inline(always)]
    fn taps<S: Simd, const V: usize>(mut self, simd: S) {
        let segment = self.shape.kernel * self.shape.input;
        let vectors = self.shape.block() / S::F32_LANES;
        for ky in 0..self.shape.kernel {
            for first in (0..vectors).step_by(V) {
                let mut k = 0;
                while k + PIXELS <= segment {
                    self.tile::<S, V, PIXELS>(simd, ky, k, first);
                    k += PIXELS;
                }
                while k < segment {
                    self.tile::<S, V, 1>(simd, ky, k, first);
                    k += 1;
                }
            }
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const V: usize, const K: usize>(&mut self, simd: S, ky: usize, k: usize, first: usize) {
        let (block, output) = (self.shape.block(), self.shape.output);
        let vectors = block / S::F32_LANES;
        let segment = self.shape.kernel * self.shape.input;
        let (part, _) = S::as_mut_simd_f32s(self.part);
        let part = &mut part[(ky * segment + k) * vectors..][..K * vectors];
        let mut sums: [[S::f32s; V]; K] =
            std::array::from_fn(|i| std::array::from_fn(|v| part[i * vectors + first + v]));
        let channel = self.block * block + first * S::F32_LANES;
        for (start, dy) in self.starts.iter().zip(self.dy.chunks_exact(output)) {
            let values = &self.x[start + ky * self.row + k..][..K];
            let (dy, _) = S::as_simd_f32s(&dy[channel..][..V * S::F32_LANES]);
            for i in 0..K {
                let value = simd.splat_f32s(values[i]);
                for v in 0..V {
                    sums[i][v] = simd.mul_add_f32s(value, dy[v], sums[i][v]);
                }
            }
        }
        for i in 0..K {
            for v in 0..V {
                part[i * vectors + first + v] = sums[i][v];
            }
        }
    }
}
