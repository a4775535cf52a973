//! The processor.

mod conv;
mod norm;
mod pool;
mod step;
pub(crate) mod team;
mod vector;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use self::vector::Kernel;
use super::{AdamStep, Conv, Engine, Kind, Moments, Norm, NormGradient, SgdStep};

/// Values of the largest maps of pictures that are scored at once: in and out, in about 2 MiB. More would leave the cache;
/// with fewer the filters of deep layers, whose maps are small, are read again and again.
const AT_ONCE: usize = 1 << 18;

/// Kernels of our own on the threads of the calling pool. Every value is the same for any number of threads, and on any
/// processor with fused multiply-add.
#[derive(Clone, Debug, Default)]
pub struct Cpu {
    shelf: Arc<Shelf>,
}

/// Memory of maps that are gone: taking it again costs nothing, asking the system for it costs more than a convolution.
#[derive(Debug, Default)]
struct Shelf {
    free: Mutex<HashMap<usize, Vec<Vec<f32>>>>,
}

/// Maps or rows in memory, channels last.
#[derive(Clone, Debug)]
pub struct Array {
    shape: [usize; 4],
    values: Arc<Shelved>,
}

#[derive(Debug)]
struct Shelved {
    values: Vec<f32>,
    shelf: Arc<Shelf>,
}

impl Drop for Shelved {
    fn drop(&mut self) {
        let values = std::mem::take(&mut self.values);
        let mut free = self.shelf.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.entry(values.len()).or_default().push(values);
    }
}

impl Array {
    fn values(&self) -> &[f32] {
        &self.values.values
    }

    fn channels(&self) -> usize {
        self.shape[3]
    }
}

impl Cpu {
    /// The processor.
    pub fn new() -> Self {
        Self::default()
    }

    /// An array that `fill` writes every value of.
    fn array(&self, shape: [usize; 4], fill: impl FnOnce(&mut [f32])) -> Array {
        let len = shape.iter().product();
        let kept = self.shelf.free.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&len).and_then(Vec::pop);
        let mut values = kept.unwrap_or_else(|| vec![0.0; len]);
        fill(&mut values);
        self.hold(shape, values)
    }

    fn hold(&self, shape: [usize; 4], values: Vec<f32>) -> Array {
        Array { shape, values: Arc::new(Shelved { values, shelf: Arc::clone(&self.shelf) }) }
    }

    fn affine(norm: &Norm<'_, Self>) -> (Vec<f32>, Vec<f32>) {
        norm::affine(norm.gamma, norm.beta, &norm.moments.mean, &norm.moments.variance, norm.eps)
    }

    /// The convolution that a linear layer is: of pictures of one pixel.
    fn as_conv(kind: Kind, n: usize) -> conv::Shape {
        let Kind::Matrix { output, input } = kind else { panic!("a linear layer has a matrix, not {kind:?}") };
        let output = output.next_multiple_of(conv::GRAIN);
        conv::Shape { n, height: 1, width: 1, input, output, kernel: 1, stride: 1, padding: 0 }
    }
}

fn shape(conv: Conv, n: usize, [height, width]: [usize; 2]) -> conv::Shape {
    let Conv { input, output, kernel, stride, padding } = conv;
    conv::Shape { n, height, width, input, output, kernel, stride, padding }
}

/// Where each value of a filter, in the order of files, is kept.
fn places(kind: Kind) -> Option<(usize, impl Iterator<Item = usize>)> {
    let (output, input, kernel) = match kind {
        Kind::Filter { output, input, kernel } => (output, input, kernel),
        Kind::Matrix { output, input } => (output, input, 1),
        Kind::Vector(_) => return None,
    };
    let padded = output.next_multiple_of(conv::GRAIN);
    let block = conv::block(padded);
    let taps = kernel * kernel;
    let at = move |o: usize, i: usize, tap: usize| ((o / block * taps + tap) * input + i) * block + o % block;
    let places = (0..output).flat_map(move |o| (0..input).flat_map(move |i| (0..taps).map(move |tap| at(o, i, tap))));
    Some((padded * input * taps, places))
}

impl Engine for Cpu {
    type Maps = Array;
    type Rows = Array;
    type Param = Vec<f32>;

    const SIDE_BY_SIDE: bool = true;

    fn at_once(&self, values: usize) -> usize {
        (AT_ONCE / values.max(1)).clamp(1, 64)
    }

    fn param(&self, kind: Kind, values: &[f32]) -> Vec<f32> {
        assert_eq!(values.len(), kind.len(), "values of {kind:?}");
        let Some((len, places)) = places(kind) else { return values.to_vec() };
        let mut kept = vec![0.0; len];
        places.zip(values).for_each(|(place, value)| kept[place] = *value);
        kept
    }

    fn values(&self, kind: Kind, param: &Vec<f32>) -> Vec<f32> {
        match places(kind) {
            Some((_, places)) => places.map(|place| param[place]).collect(),
            None => param.clone(),
        }
    }

    fn maps(&self, [n, c, h, w]: [usize; 4], values: Vec<f32>) -> Array {
        assert_eq!(values.len(), n * c * h * w, "values of maps");
        self.array([n, h, w, c], |out| transpose(&values, c, h * w, out))
    }

    fn map_values(&self, maps: &Array) -> Vec<f32> {
        let [_, h, w, c] = maps.shape;
        let mut values = vec![0.0; maps.values().len()];
        transpose(maps.values(), h * w, c, &mut values);
        values
    }

    fn rows(&self, dim: usize, values: Vec<f32>) -> Array {
        let n = values.len() / dim;
        assert_eq!(values.len(), n * dim, "values of rows");
        // Into an array of the shelf: one of its own would stay there, for every step another.
        self.array([n, 1, 1, dim], |out| out.copy_from_slice(&values))
    }

    fn row_values(&self, rows: &Array) -> Vec<f32> {
        rows.values().to_vec()
    }

    fn conv(&self, conv: Conv, filter: &Vec<f32>, bias: Option<&Vec<f32>>, x: &Array, add: Option<&Array>) -> Array {
        let shape = shape(conv, x.shape[0], self.sides(x));
        let ones = vec![1.0; conv.output];
        let affine = bias.map(|bias| (&ones[..], &bias[..]));
        let finish = conv::Finish { affine, add: add.map(Array::values), slope: None };
        self.array([shape.n, shape.out_height(), shape.out_width(), conv.output], |out| {
            conv::forward(&shape, x.values(), filter, finish, out);
        })
    }

    fn conv_norm(
        &self,
        conv: Conv,
        filter: &Vec<f32>,
        norm: Norm<'_, Self>,
        x: &Array,
        add: Option<&Array>,
        slope: Option<f32>,
    ) -> Array {
        let shape = shape(conv, x.shape[0], self.sides(x));
        let (scale, shift) = Self::affine(&norm);
        let finish = conv::Finish { affine: Some((&scale, &shift)), add: add.map(Array::values), slope };
        self.array([shape.n, shape.out_height(), shape.out_width(), conv.output], |out| {
            conv::forward(&shape, x.values(), filter, finish, out);
        })
    }

    fn conv_input(&self, conv: Conv, filter: &Vec<f32>, sides: [usize; 2], dy: &Array, add: Option<&Array>) -> Array {
        let shape = shape(conv, dy.shape[0], sides);
        self.array([shape.n, sides[0], sides[1], conv.input], |dx| {
            conv::by_input(&shape, dy.values(), filter, add.map(Array::values), dx);
        })
    }

    fn conv_filter(&self, conv: Conv, x: &Array, dy: &Array) -> Vec<f32> {
        let shape = shape(conv, x.shape[0], self.sides(x));
        let mut gradient = vec![0.0; conv.kind().len()];
        conv::by_filter(&shape, x.values(), dy.values(), &mut gradient);
        gradient
    }

    fn channel_sums(&self, dy: &Array) -> Vec<f32> {
        let (means, _) = norm::moments(dy.values(), dy.channels());
        let pixels = (dy.values().len() / dy.channels()) as f32;
        means.into_iter().map(|mean| mean * pixels).collect()
    }

    fn sides(&self, maps: &Array) -> [usize; 2] {
        [maps.shape[1], maps.shape[2]]
    }

    fn pixels(&self, maps: &Array) -> usize {
        maps.values().len() / maps.channels()
    }

    fn moments(&self, x: &Array) -> Moments<Self> {
        let (mean, variance) = norm::moments(x.values(), x.channels());
        Moments { mean, variance }
    }

    fn norm_frozen(&self, norm: Norm<'_, Self>, x: &Array, add: Option<&Array>, slope: Option<f32>) -> Array {
        let (scale, shift) = Self::affine(&norm);
        let how = norm::Affine { scale: &scale, shift: &shift, add: add.map(Array::values), slope };
        self.array(x.shape, |out| norm::apply(x.values(), how, out))
    }

    fn norm_back(
        &self,
        norm: Norm<'_, Self>,
        (x, y): (&Array, &Array),
        slope: Option<f32>,
        dy: &Array,
        add: Option<&Array>,
        added: bool,
    ) -> NormGradient<Self> {
        let back = norm::Back {
            x: x.values(),
            y: y.values(),
            dy: dy.values(),
            gamma: norm.gamma,
            mean: &norm.moments.mean,
            variance: &norm.moments.variance,
            eps: norm.eps,
            slope,
            add: add.map(Array::values),
        };
        let (gamma, beta) = norm::back_sums(back);
        let mut passed = None;
        let input = self.array(x.shape, |dx| {
            if added {
                let kept = self.array(x.shape, |kept| norm::back(back, &gamma, &beta, dx, Some(kept)));
                passed = Some(kept);
            } else {
                norm::back(back, &gamma, &beta, dx, None);
            }
        });
        NormGradient { input, gamma, beta, added: passed }
    }

    fn track(&self, running: &mut Moments<Self>, batch: &Moments<Self>, momentum: f32, pixels: usize) {
        // One value has no variance to speak of.
        if pixels < 2 {
            return;
        }
        let unbiased = pixels as f32 / (pixels as f32 - 1.0).max(1.0);
        running.mean.iter_mut().zip(&batch.mean).for_each(|(mean, new)| *mean += momentum * (new - *mean));
        let variances = running.variance.iter_mut().zip(&batch.variance);
        variances.for_each(|(variance, new)| *variance += momentum * (new * unbiased - *variance));
    }

    fn max_pool(&self, x: &Array) -> Array {
        let [n, h, w, c] = x.shape;
        self.array([n, pool::pooled(h), pool::pooled(w), c], |out| pool::max(x.shape, x.values(), out))
    }

    fn max_pool_back(&self, x: &Array, dy: &Array) -> Array {
        self.array(x.shape, |dx| pool::max_back(x.shape, x.values(), dy.values(), dx))
    }

    fn mean_pool(&self, x: &Array) -> Array {
        self.array([x.shape[0], 1, 1, x.channels()], |out| pool::mean(x.shape, x.values(), out))
    }

    fn mean_pool_back(&self, [h, w]: [usize; 2], dy: &Array) -> Array {
        let shape = [dy.shape[0], h, w, dy.channels()];
        self.array(shape, |dx| pool::mean_back(shape, dy.values(), dx))
    }

    fn linear(&self, (kind, weight): (Kind, &Vec<f32>), bias: &Vec<f32>, x: &Array) -> Array {
        let shape = Self::as_conv(kind, x.shape[0]);
        let mut wide = vec![0.0; shape.n * shape.output];
        conv::forward(&shape, x.values(), weight, conv::Finish::default(), &mut wide);
        self.array([shape.n, 1, 1, bias.len()], |out| {
            for (out, wide) in out.chunks_exact_mut(bias.len()).zip(wide.chunks_exact(shape.output)) {
                out.iter_mut().zip(wide).zip(bias).for_each(|((out, value), bias)| *out = value + bias);
            }
        })
    }

    fn linear_back(&self, (kind, weight): (Kind, &Vec<f32>), x: &Array, dy: &Array) -> (Array, Vec<f32>, Vec<f32>) {
        let shape = Self::as_conv(kind, x.shape[0]);
        let output = dy.channels();
        let mut wide = vec![0.0; shape.n * shape.output];
        let mut sums = vec![0.0_f64; output];
        for (wide, dy) in wide.chunks_exact_mut(shape.output).zip(dy.values().chunks_exact(output)) {
            wide[..output].copy_from_slice(dy);
            sums.iter_mut().zip(dy).for_each(|(sum, dy)| *sum += f64::from(*dy));
        }
        let mut gradient = vec![0.0; weight.len()];
        conv::by_filter(&shape, x.values(), &wide, &mut gradient);
        let dx = self.array(x.shape, |dx| conv::by_input(&shape, &wide, weight, None, dx));
        (dx, gradient, sums.into_iter().map(|sum| sum as f32).collect())
    }

    fn times(&self, x: &Array, y: &Array) -> Array {
        self.array(x.shape, |out| {
            out.iter_mut().zip(x.values()).zip(y.values()).for_each(|((out, x), y)| *out = x * y);
        })
    }

    fn relu(&self, x: &Array) -> Array {
        self.array(x.shape, |out| {
            out.iter_mut().zip(x.values()).for_each(|(out, x)| *out = if *x < 0.0 { 0.0 } else { *x });
        })
    }

    fn relu_back(&self, y: &Array, dy: &Array) -> Array {
        self.array(y.shape, |out| {
            let values = out.iter_mut().zip(y.values()).zip(dy.values());
            values.for_each(|((out, y), dy)| *out = if *y > 0.0 { *dy } else { 0.0 });
        })
    }

    fn sgd(&self, how: SgdStep, weight: &mut Vec<f32>, velocity: &mut Vec<f32>, gradient: &Vec<f32>) {
        step::Sgd { how, weight, velocity, gradient }.go();
    }

    fn adam(
        &self,
        how: AdamStep,
        weight: &mut Vec<f32>,
        means: &mut Vec<f32>,
        squares: &mut Vec<f32>,
        gradient: &Vec<f32>,
    ) {
        step::Adam { how, weight, means, squares, gradient }.go();
    }

    fn zeros(&self, like: &Vec<f32>) -> Vec<f32> {
        vec![0.0; like.len()]
    }
}

/// Each picture's values `(a, b)` as `(b, a)`.
fn transpose(values: &[f32], a: usize, b: usize, out: &mut [f32]) {
    team::each_chunk(out, a * b, |i, out| {
        let values = &values[i * a * b..][..a * b];
        for (j, out) in out.chunks_exact_mut(a).enumerate() {
            out.iter_mut().enumerate().for_each(|(i, out)| *out = values[i * b + j]);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of all arrays that wait to be used again.
    fn shelved(engine: &Cpu) -> usize {
        let free = engine.shelf.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.values().flatten().map(Vec::len).sum()
    }

    #[test]
    fn what_comes_in_from_outside_is_not_kept_for_every_step() {
        let engine = Cpu::new();
        let step = || drop((engine.rows(10, vec![1.0; 640]), engine.maps([2, 16, 4, 4], vec![1.0; 512])));
        step();
        let once = shelved(&engine);
        (0..20).for_each(|_| step());
        assert_eq!(shelved(&engine), once);
    }
}
