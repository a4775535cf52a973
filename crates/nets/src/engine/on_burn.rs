//! Any backend of Burn: maps are tensors with channels first, in the plain operations of every backend.

use std::fmt::Debug;

use burn::tensor::backend::Backend;
use burn::tensor::module::{conv2d, max_pool2d_with_indices};
use burn::tensor::ops::ConvOptions;
use burn::tensor::{FloatDType, Tensor, TensorData, TensorPrimitive};

use super::{AdamStep, Conv, Engine, Kind, Moments, Norm, NormGradient, SgdStep};

/// A device of a backend of Burn.
///
/// In mixed precision maps are bf16, which has the range of f32, so that no loss need be scaled; parameters, moments, sums,
/// rows and everything that is added to maps before they are stored are f32.
#[derive(Clone, Debug)]
pub struct OnBurn<B: Backend> {
    device: B::Device,
    /// Of maps.
    stored: FloatDType,
}

impl<B: Backend> OnBurn<B> {
    /// This device, in f32.
    pub fn new(device: B::Device) -> Self {
        OnBurn { device, stored: FloatDType::F32 }
    }

    /// This device, in mixed precision.
    pub fn mixed(device: B::Device) -> Self {
        OnBurn { device, stored: FloatDType::BF16 }
    }

    /// As maps are stored.
    fn stored<const D: usize>(&self, tensor: Tensor<B, D>) -> Tensor<B, D> {
        tensor.cast(self.stored)
    }

    fn filter(&self, conv: Conv, filter: &Tensor<B, 1>) -> Tensor<B, 4> {
        self.stored(filter.clone().reshape([conv.output, conv.input, conv.kernel, conv.kernel]))
    }

    /// The sum of maps, rounded once.
    fn sum(&self, maps: Tensor<B, 4>, add: Option<&Tensor<B, 4>>) -> Tensor<B, 4> {
        match add {
            Some(add) => self.stored(in_f32(maps) + in_f32(add.clone())),
            None => maps,
        }
    }

    fn matrix(kind: Kind, weight: &Tensor<B, 1>) -> Tensor<B, 2> {
        let Kind::Matrix { output, input } = kind else { panic!("a linear layer has a matrix, not {kind:?}") };
        weight.clone().reshape([output, input])
    }
}

fn options(conv: Conv) -> ConvOptions<2> {
    ConvOptions::new([conv.stride; 2], [conv.padding; 2], [1; 2], 1)
}

/// One value per channel, to go with maps.
fn wide<B: Backend>(values: Tensor<B, 1>) -> Tensor<B, 4> {
    let channels = values.dims()[0];
    values.reshape([1, channels, 1, 1])
}

/// In the precision of sums.
fn in_f32<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> Tensor<B, D> {
    tensor.cast(FloatDType::F32)
}

/// The sum of each channel.
fn sums<B: Backend>(maps: Tensor<B, 4>) -> Tensor<B, 1> {
    let [n, c, h, w] = maps.dims();
    maps.reshape([n, c, h * w]).sum_dim(2).sum_dim(0).reshape([c])
}

fn rectified<B: Backend>(x: Tensor<B, 4>, slope: Option<f32>) -> Tensor<B, 4> {
    match slope {
        None => x,
        Some(slope) => x.clone().clamp_min(0.0) + x.clamp_max(0.0) * slope,
    }
}

fn read<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

impl<B: Backend> Engine for OnBurn<B> {
    type Maps = Tensor<B, 4>;
    type Rows = Tensor<B, 2>;
    type Param = Tensor<B, 1>;

    const SIDE_BY_SIDE: bool = false;

    fn at_once(&self, values: usize) -> usize {
        ((1 << 25) / values.max(1)).clamp(1, 4096)
    }

    fn param(&self, kind: Kind, values: &[f32]) -> Tensor<B, 1> {
        assert_eq!(values.len(), kind.len(), "values of {kind:?}");
        Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), &self.device)
    }

    fn values(&self, _kind: Kind, param: &Tensor<B, 1>) -> Vec<f32> {
        read(param.clone())
    }

    fn maps(&self, shape: [usize; 4], values: Vec<f32>) -> Tensor<B, 4> {
        self.stored(Tensor::from_data(TensorData::new(values, shape), &self.device))
    }

    fn map_values(&self, maps: &Tensor<B, 4>) -> Vec<f32> {
        read(maps.clone())
    }

    fn rows(&self, dim: usize, values: Vec<f32>) -> Tensor<B, 2> {
        let n = values.len() / dim;
        Tensor::from_data(TensorData::new(values, [n, dim]), &self.device)
    }

    fn row_values(&self, rows: &Tensor<B, 2>) -> Vec<f32> {
        read(rows.clone())
    }

    fn conv(
        &self,
        conv: Conv,
        filter: &Tensor<B, 1>,
        bias: Option<&Tensor<B, 1>>,
        x: &Tensor<B, 4>,
        add: Option<&Tensor<B, 4>>,
    ) -> Tensor<B, 4> {
        let bias = bias.map(|bias| self.stored(bias.clone()));
        let y = conv2d(x.clone(), self.filter(conv, filter), bias, options(conv));
        self.sum(y, add)
    }

    fn conv_input(
        &self,
        conv: Conv,
        filter: &Tensor<B, 1>,
        [h, w]: [usize; 2],
        dy: &Tensor<B, 4>,
        add: Option<&Tensor<B, 4>>,
    ) -> Tensor<B, 4> {
        let n = dy.dims()[0];
        // Only its shape counts.
        let x = self.stored(Tensor::<B, 4>::zeros([n, conv.input, h, w], &self.device));
        let primitive = |tensor: Tensor<B, 4>| tensor.into_primitive().tensor();
        let filter = self.filter(conv, filter);
        let dx = B::conv2d_x_backward(primitive(x), primitive(filter), primitive(dy.clone()), options(conv));
        self.sum(Tensor::from_primitive(TensorPrimitive::Float(dx)), add)
    }

    fn conv_filter(&self, conv: Conv, x: &Tensor<B, 4>, dy: &Tensor<B, 4>) -> Tensor<B, 1> {
        let primitive = |tensor: Tensor<B, 4>| tensor.into_primitive().tensor();
        let like =
            self.stored(Tensor::<B, 4>::zeros([conv.output, conv.input, conv.kernel, conv.kernel], &self.device));
        let gradient =
            B::conv2d_weight_backward(primitive(x.clone()), primitive(like), primitive(dy.clone()), options(conv));
        in_f32(Tensor::<B, 4>::from_primitive(TensorPrimitive::Float(gradient))).reshape([conv.kind().len()])
    }

    fn channel_sums(&self, dy: &Tensor<B, 4>) -> Tensor<B, 1> {
        sums(in_f32(dy.clone()))
    }

    fn sides(&self, maps: &Tensor<B, 4>) -> [usize; 2] {
        let [_, _, h, w] = maps.dims();
        [h, w]
    }

    fn pixels(&self, maps: &Tensor<B, 4>) -> usize {
        let [n, _, h, w] = maps.dims();
        n * h * w
    }

    fn moments(&self, x: &Tensor<B, 4>) -> Moments<Self> {
        let pixels = self.pixels(x) as f32;
        let x = in_f32(x.clone());
        let mean = sums(x.clone()) / pixels;
        let away = x - wide(mean.clone());
        Moments { variance: sums(away.clone() * away) / pixels, mean }
    }

    fn norm_frozen(
        &self,
        norm: Norm<'_, Self>,
        x: &Tensor<B, 4>,
        add: Option<&Tensor<B, 4>>,
        slope: Option<f32>,
    ) -> Tensor<B, 4> {
        let scale = norm.gamma.clone() / (norm.moments.variance.clone() + norm.eps).sqrt();
        let shift = norm.beta.clone() - norm.moments.mean.clone() * scale.clone();
        let y = in_f32(x.clone()) * wide(scale) + wide(shift);
        let y = if let Some(add) = add { y + in_f32(add.clone()) } else { y };
        self.stored(rectified(y, slope))
    }

    fn norm_back(
        &self,
        norm: Norm<'_, Self>,
        (x, y): (&Tensor<B, 4>, &Tensor<B, 4>),
        slope: Option<f32>,
        dy: &Tensor<B, 4>,
        add: Option<&Tensor<B, 4>>,
        added: bool,
    ) -> NormGradient<Self> {
        let pixels = self.pixels(x) as f32;
        let dy = in_f32(dy.clone());
        let passed = match slope {
            None => dy,
            Some(slope) => {
                let above = in_f32(y.clone()).greater_elem(0.0).float();
                dy * (above * (1.0 - slope) + slope)
            }
        };
        let inverse = (norm.moments.variance.clone() + norm.eps).sqrt().recip();
        let unit = (in_f32(x.clone()) - wide(norm.moments.mean.clone())) * wide(inverse.clone());
        let beta = sums(passed.clone());
        let gamma = sums(passed.clone() * unit.clone());
        let about = wide(beta.clone() / pixels) + unit * wide(gamma.clone() / pixels);
        let mut input = (passed.clone() - about) * wide(inverse * norm.gamma.clone());
        if let Some(add) = add {
            input = input + in_f32(add.clone());
        }
        NormGradient { input: self.stored(input), gamma, beta, added: added.then(|| self.stored(passed)) }
    }

    fn track(&self, running: &mut Moments<Self>, batch: &Moments<Self>, momentum: f32, pixels: usize) {
        let unbiased = pixels as f32 / (pixels as f32 - 1.0).max(1.0);
        let toward = |old: &Tensor<B, 1>, new: Tensor<B, 1>| old.clone() + (new - old.clone()) * momentum;
        running.mean = toward(&running.mean, batch.mean.clone());
        running.variance = toward(&running.variance, batch.variance.clone() * unbiased);
    }

    fn max_pool(&self, x: &Tensor<B, 4>) -> Tensor<B, 4> {
        max_pool2d_with_indices(x.clone(), [3; 2], [2; 2], [1; 2], [1; 2], false).0
    }

    fn max_pool_back(&self, x: &Tensor<B, 4>, dy: &Tensor<B, 4>) -> Tensor<B, 4> {
        let primitive = |tensor: Tensor<B, 4>| tensor.into_primitive().tensor();
        let (_, indices) = max_pool2d_with_indices(x.clone(), [3; 2], [2; 2], [1; 2], [1; 2], false);
        let back = B::max_pool2d_with_indices_backward(
            primitive(x.clone()),
            [3; 2],
            [2; 2],
            [1; 2],
            [1; 2],
            false,
            primitive(dy.clone()),
            indices.into_primitive(),
        );
        Tensor::from_primitive(TensorPrimitive::Float(back.x_grad))
    }

    fn mean_pool(&self, x: &Tensor<B, 4>) -> Tensor<B, 2> {
        let [n, c, h, w] = x.dims();
        in_f32(x.clone()).reshape([n, c, h * w]).mean_dim(2).reshape([n, c])
    }

    fn mean_pool_back(&self, [h, w]: [usize; 2], dy: &Tensor<B, 2>) -> Tensor<B, 4> {
        let [n, c] = dy.dims();
        self.stored(dy.clone() / (h * w) as f32).reshape([n, c, 1, 1]).expand([n, c, h, w])
    }

    fn linear(&self, (kind, weight): (Kind, &Tensor<B, 1>), bias: &Tensor<B, 1>, x: &Tensor<B, 2>) -> Tensor<B, 2> {
        x.clone().matmul(Self::matrix(kind, weight).transpose()) + bias.clone().unsqueeze()
    }

    fn linear_back(
        &self,
        (kind, weight): (Kind, &Tensor<B, 1>),
        x: &Tensor<B, 2>,
        dy: &Tensor<B, 2>,
    ) -> (Tensor<B, 2>, Tensor<B, 1>, Tensor<B, 1>) {
        let dx = dy.clone().matmul(Self::matrix(kind, weight));
        let gradient = dy.clone().transpose().matmul(x.clone()).reshape([kind.len()]);
        let [_, output] = dy.dims();
        (dx, gradient, dy.clone().sum_dim(0).reshape([output]))
    }

    fn times(&self, x: &Tensor<B, 2>, y: &Tensor<B, 2>) -> Tensor<B, 2> {
        x.clone() * y.clone()
    }

    fn relu(&self, x: &Tensor<B, 2>) -> Tensor<B, 2> {
        x.clone().clamp_min(0.0)
    }

    fn relu_back(&self, y: &Tensor<B, 2>, dy: &Tensor<B, 2>) -> Tensor<B, 2> {
        dy.clone() * y.clone().greater_elem(0.0).float()
    }

    fn sgd(&self, how: SgdStep, weight: &mut Tensor<B, 1>, velocity: &mut Tensor<B, 1>, gradient: &Tensor<B, 1>) {
        let gradient = gradient.clone() + weight.clone() * how.decay;
        *velocity = velocity.clone() * how.momentum + gradient.clone();
        let step = if how.nesterov { gradient + velocity.clone() * how.momentum } else { velocity.clone() };
        *weight = weight.clone() - step * how.rate;
    }

    fn adam(
        &self,
        how: AdamStep,
        weight: &mut Tensor<B, 1>,
        means: &mut Tensor<B, 1>,
        squares: &mut Tensor<B, 1>,
        gradient: &Tensor<B, 1>,
    ) {
        let (first, second) = how.corrections();
        let gradient = gradient.clone() + weight.clone() * how.decay;
        *means = means.clone() * how.beta1 + gradient.clone() * (1.0 - how.beta1);
        *squares = squares.clone() * how.beta2 + gradient.clone() * gradient * (1.0 - how.beta2);
        let step = (means.clone() / first) / ((squares.clone() / second).sqrt() + how.eps);
        *weight = weight.clone() - step * how.rate;
    }

    fn zeros(&self, like: &Tensor<B, 1>) -> Tensor<B, 1> {
        Tensor::zeros(like.dims(), &self.device)
    }
}
