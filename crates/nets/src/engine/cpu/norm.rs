//! Batch normalization with the sum and the ReLU that follow it, of values `(pixels, channels)`.
//!
//! Sums over pixels run over chunks that depend on the number of channels alone, and the chunks are added in order, in
//! `f64`: the number of threads changes nothing.

use super::{team, vector::Kernel};

/// Channels worked on at once.
const LANES: usize = 16;
/// Values of a chunk: two of them stay in a core's second-level cache.
const CHUNK: usize = 64 << 10;

/// Values of a chunk of whole pixels.
fn chunk(channels: usize) -> usize {
    (CHUNK / channels).max(1) * channels
}

/// What follows normalization: times `scale` plus `shift`, plus `add`, then the slope below zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Affine<'a> {
    pub(super) scale: &'a [f32],
    pub(super) shift: &'a [f32],
    pub(super) add: Option<&'a [f32]>,
    pub(super) slope: Option<f32>,
}

/// Mean and variance (divisor n) of each channel.
pub(super) fn moments(x: &[f32], channels: usize) -> (Vec<f32>, Vec<f32>) {
    let len = chunk(channels);
    let parts = team::sums(x.len().div_ceil(len), 2 * channels, |i, part| {
        let x = &x[i * len..][..len.min(x.len() - i * len)];
        let (means, spreads) = part.split_at_mut(channels);
        ChunkMoments { x, channels, means, spreads }.go();
    });
    // Chan, Golub and LeVeque 1979: sums of squares about each chunk's own mean lose nothing.
    let (mut count, mut mean, mut spread) = (0.0, vec![0.0_f64; channels], vec![0.0_f64; channels]);
    for (i, part) in parts.chunks_exact(2 * channels).enumerate() {
        let n = (len.min(x.len() - i * len) / channels) as f64;
        let all = count + n;
        for c in 0..channels {
            let away = f64::from(part[c]) - mean[c];
            mean[c] += away * n / all;
            spread[c] += f64::from(part[channels + c]) + away * away * count * n / all;
        }
        count = all;
    }
    (mean.into_iter().map(|m| m as f32).collect(), spread.into_iter().map(|s| (s / count) as f32).collect())
}

/// Means, and sums of squares about them, of one chunk.
struct ChunkMoments<'a> {
    x: &'a [f32],
    channels: usize,
    means: &'a mut [f32],
    spreads: &'a mut [f32],
}

impl Kernel for ChunkMoments<'_> {
    #[inline(always)]
    fn run(self) {
        let ChunkMoments { x, channels, means, spreads } = self;
        let n = (x.len() / channels) as f32;
        for first in (0..channels).step_by(LANES) {
            let mut sum = [0.0_f32; LANES];
            for pixel in x.chunks_exact(channels) {
                let pixel: &[f32; LANES] = lanes(pixel, first);
                (0..LANES).for_each(|i| sum[i] += pixel[i]);
            }
            let mean = sum.map(|sum| sum / n);
            let mut squares = [0.0_f32; LANES];
            for pixel in x.chunks_exact(channels) {
                let pixel: &[f32; LANES] = lanes(pixel, first);
                (0..LANES).for_each(|i| squares[i] = (pixel[i] - mean[i]).mul_add(pixel[i] - mean[i], squares[i]));
            }
            means[first..first + LANES].copy_from_slice(&mean);
            spreads[first..first + LANES].copy_from_slice(&squares);
        }
    }
}

/// So many values from the first on.
#[inline(always)]
fn lanes(values: &[f32], first: usize) -> &[f32; LANES] {
    values[first..].first_chunk().expect("channels are a multiple of the lanes")
}

/// Scale and shift of a normalization by `mean` and `variance`.
pub(super) fn affine(gamma: &[f32], beta: &[f32], mean: &[f32], variance: &[f32], eps: f32) -> (Vec<f32>, Vec<f32>) {
    let scale: Vec<f32> = gamma.iter().zip(variance).map(|(gamma, v)| gamma / (v + eps).sqrt()).collect();
    let shift = beta.iter().zip(mean).zip(&scale).map(|((beta, mean), scale)| beta - mean * scale).collect();
    (scale, shift)
}

/// `out = act(x * scale + shift + add)`.
pub(super) fn apply(x: &[f32], how: Affine<'_>, out: &mut [f32]) {
    let channels = how.scale.len();
    let len = chunk(channels);
    team::each_chunk(out, len, |i, out| {
        let x = &x[i * len..][..out.len()];
        let add = how.add.map(|add| &add[i * len..][..out.len()]);
        ChunkApply { x, how: Affine { add, ..how }, out }.go();
    });
}

struct ChunkApply<'a> {
    x: &'a [f32],
    how: Affine<'a>,
    out: &'a mut [f32],
}

impl Kernel for ChunkApply<'_> {
    #[inline(always)]
    fn run(self) {
        let ChunkApply { x, how, out } = self;
        let channels = how.scale.len();
        for first in (0..channels).step_by(LANES) {
            let (scale, shift) = (lanes(how.scale, first), lanes(how.shift, first));
            let pixels = out.chunks_exact_mut(channels).zip(x.chunks_exact(channels));
            match how.add {
                None => {
                    for (out, x) in pixels {
                        let (out, x) = (lanes_mut(out, first), lanes(x, first));
                        (0..LANES).for_each(|i| out[i] = bent(x[i].mul_add(scale[i], shift[i]), how.slope));
                    }
                }
                Some(add) => {
                    for ((out, x), add) in pixels.zip(add.chunks_exact(channels)) {
                        let (out, x, add) = (lanes_mut(out, first), lanes(x, first), lanes(add, first));
                        (0..LANES).for_each(|i| out[i] = bent(x[i].mul_add(scale[i], shift[i]) + add[i], how.slope));
                    }
                }
            }
        }
    }
}

/// The ReLU. What is not a number stays so.
#[inline(always)]
fn bent(value: f32, slope: Option<f32>) -> f32 {
    match slope {
        None => value,
        Some(0.0) => {
            if value < 0.0 {
                0.0
            } else {
                value
            }
        }
        Some(slope) => {
            if value < 0.0 {
                slope * value
            } else {
                value
            }
        }
    }
}

#[inline(always)]
fn lanes_mut(values: &mut [f32], first: usize) -> &mut [f32; LANES] {
    values[first..].first_chunk_mut().expect("channels are a multiple of the lanes")
}

/// What the gradient of a normalization needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Back<'a> {
    pub(super) x: &'a [f32],
    pub(super) y: &'a [f32],
    pub(super) dy: &'a [f32],
    pub(super) gamma: &'a [f32],
    pub(super) mean: &'a [f32],
    pub(super) variance: &'a [f32],
    pub(super) eps: f32,
    pub(super) slope: Option<f32>,
    /// Added to the gradient by `x`.
    pub(super) add: Option<&'a [f32]>,
}

impl<'a> Back<'a> {
    #[inline(always)]
    fn at(self, range: std::ops::Range<usize>) -> Self {
        Back {
            x: &self.x[range.clone()],
            y: &self.y[range.clone()],
            dy: &self.dy[range.clone()],
            add: self.add.map(|add| &add[range]),
            ..self
        }
    }
}

/// The gradients by `gamma` and `beta`.
pub(super) fn back_sums(back: Back<'_>) -> (Vec<f32>, Vec<f32>) {
    let channels = back.gamma.len();
    let len = chunk(channels);
    let inverse: Vec<f32> = back.variance.iter().map(|v| 1.0 / (v + back.eps).sqrt()).collect();
    let parts = team::sums(back.x.len().div_ceil(len), 2 * channels, |i, part| {
        let back = back.at(i * len..(i * len + len).min(back.x.len()));
        let (gammas, betas) = part.split_at_mut(channels);
        ChunkSums { back, inverse: &inverse, gammas, betas }.go();
    });
    let mut sums = vec![0.0_f64; 2 * channels];
    for part in parts.chunks_exact(2 * channels) {
        sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += f64::from(*part));
    }
    let sums: Vec<f32> = sums.into_iter().map(|sum| sum as f32).collect();
    (sums[..channels].to_vec(), sums[channels..].to_vec())
}

struct ChunkSums<'a> {
    back: Back<'a>,
    inverse: &'a [f32],
    gammas: &'a mut [f32],
    betas: &'a mut [f32],
}

impl Kernel for ChunkSums<'_> {
    #[inline(always)]
    fn run(self) {
        let ChunkSums { back, inverse, gammas, betas } = self;
        let channels = back.gamma.len();
        let below = back.slope.unwrap_or(1.0);
        for first in (0..channels).step_by(LANES) {
            let (mut gamma, mut beta) = ([0.0_f32; LANES], [0.0_f32; LANES]);
            let mean = lanes(back.mean, first);
            let pixels = back.x.chunks_exact(channels).zip(back.y.chunks_exact(channels));
            for ((x, y), dy) in pixels.zip(back.dy.chunks_exact(channels)) {
                let (x, y, dy) = (lanes(x, first), lanes(y, first), lanes(dy, first));
                for i in 0..LANES {
                    let g = if y[i] > 0.0 { dy[i] } else { below * dy[i] };
                    beta[i] += g;
                    gamma[i] = g.mul_add(x[i] - mean[i], gamma[i]);
                }
            }
            for i in 0..LANES {
                gammas[first + i] = gamma[i] * inverse[first + i];
                betas[first + i] = beta[i];
            }
        }
    }
}

/// The gradient by `x`, from the sums; the gradient before the ReLU, which is that by what was added, where `passed` is
/// wanted.
pub(super) fn back(back: Back<'_>, dgamma: &[f32], dbeta: &[f32], dx: &mut [f32], passed: Option<&mut [f32]>) {
    let channels = back.gamma.len();
    let len = chunk(channels);
    let n = (back.x.len() / channels) as f32;
    // dx = s (g - dbeta / n - (x - mean) inverse dgamma / n) = g s + x a + b, with s = gamma inverse.
    let inverse: Vec<f32> = back.variance.iter().map(|v| 1.0 / (v + back.eps).sqrt()).collect();
    let scale: Vec<f32> = back.gamma.iter().zip(&inverse).map(|(gamma, inverse)| gamma * inverse).collect();
    let by_x: Vec<f32> = (0..channels).map(|c| -scale[c] * inverse[c] * dgamma[c] / n).collect();
    let shift: Vec<f32> = (0..channels).map(|c| -scale[c] * dbeta[c] / n - back.mean[c] * by_x[c]).collect();
    let how = Spread { scale: &scale, by_x: &by_x, shift: &shift };
    team::each_chunk(dx, len, |i, dx| {
        let back = back.at(i * len..i * len + dx.len());
        ChunkBack { back, how, dx }.go();
    });
    if let Some(passed) = passed {
        team::each_chunk(passed, len, |i, passed| {
            let back = back.at(i * len..i * len + passed.len());
            ChunkPassed { back, passed }.go();
        });
    }
}

/// What each channel's gradient by `x` is made of.
#[derive(Clone, Copy)]
struct Spread<'a> {
    scale: &'a [f32],
    by_x: &'a [f32],
    shift: &'a [f32],
}

struct ChunkBack<'a> {
    back: Back<'a>,
    how: Spread<'a>,
    dx: &'a mut [f32],
}

impl Kernel for ChunkBack<'_> {
    #[inline(always)]
    fn run(self) {
        let ChunkBack { back, how, dx } = self;
        let channels = how.scale.len();
        let below = back.slope.unwrap_or(1.0);
        for first in (0..channels).step_by(LANES) {
            let (scale, by_x, shift) = (lanes(how.scale, first), lanes(how.by_x, first), lanes(how.shift, first));
            let pixels = back.x.chunks_exact(channels).zip(back.y.chunks_exact(channels));
            let pixels = pixels.zip(back.dy.chunks_exact(channels)).zip(dx.chunks_exact_mut(channels));
            for (((x, y), dy), dx) in pixels {
                let (x, y, dy, dx) = (lanes(x, first), lanes(y, first), lanes(dy, first), lanes_mut(dx, first));
                for i in 0..LANES {
                    let g = if y[i] > 0.0 { dy[i] } else { below * dy[i] };
                    dx[i] = g.mul_add(scale[i], x[i].mul_add(by_x[i], shift[i]));
                }
            }
        }
        if let Some(add) = back.add {
            dx.iter_mut().zip(add).for_each(|(dx, add)| *dx += add);
        }
    }
}

struct ChunkPassed<'a> {
    back: Back<'a>,
    passed: &'a mut [f32],
}

impl Kernel for ChunkPassed<'_> {
    #[inline(always)]
    fn run(self) {
        let below = self.back.slope.unwrap_or(1.0);
        for ((passed, y), dy) in self.passed.iter_mut().zip(self.back.y).zip(self.back.dy) {
            *passed = if *y > 0.0 { *dy } else { below * *dy };
        }
    }
}
