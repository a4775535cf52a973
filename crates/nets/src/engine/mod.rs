//! Where networks run. An [`Engine`] holds arrays in whatever memory and order suit it and offers the few verbs that
//! networks are made of, forwards and backwards; networks and trainings are written once, over any engine.
//!
//! There are two: [`Cpu`], kernels of our own, and `OnBurn`, any backend of Burn (feature `burn`), such as CUDA.

mod cpu;
#[cfg(feature = "burn")]
mod on_burn;
#[cfg(test)]
mod tests;

use std::fmt::Debug;

use serde::{Deserialize, Serialize};

pub(crate) use cpu::team;
pub use cpu::team::together;
pub use cpu::{Array, Cpu};
#[cfg(feature = "burn")]
pub use on_burn::OnBurn;

/// What a parameter is, and so how its values lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// Of a convolution, `(output, input, kernel, kernel)`.
    Filter {
        /// Channels it makes.
        output: usize,
        /// Channels it takes.
        input: usize,
        /// Pixels along a side.
        kernel: usize,
    },
    /// Of a linear layer, `(output, input)`.
    Matrix {
        /// Values it makes.
        output: usize,
        /// Values it takes.
        input: usize,
    },
    /// One value per channel.
    Vector(usize),
}

impl Kind {
    /// Values of it.
    pub fn len(self) -> usize {
        self.shape().iter().product()
    }

    /// Whether it has none; no parameter does.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Its shape in files.
    pub fn shape(self) -> Vec<usize> {
        match self {
            Kind::Filter { output, input, kernel } => vec![output, input, kernel, kernel],
            Kind::Matrix { output, input } => vec![output, input],
            Kind::Vector(n) => vec![n],
        }
    }

    /// Inputs of each of its outputs.
    pub fn fan_in(self) -> usize {
        match self {
            Kind::Filter { input, kernel, .. } => input * kernel * kernel,
            Kind::Matrix { input, .. } => input,
            Kind::Vector(_) => 1,
        }
    }
}

/// A square convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv {
    /// Channels it takes.
    pub input: usize,
    /// Channels it makes: a multiple of 16.
    pub output: usize,
    /// Pixels along a side of its kernel.
    pub kernel: usize,
    /// Pixels between its places.
    pub stride: usize,
    /// Zeros around the picture.
    pub padding: usize,
}

impl Conv {
    /// Pixels along a side of what it makes.
    pub fn side(self, side: usize) -> usize {
        (side + 2 * self.padding - self.kernel) / self.stride + 1
    }

    /// Its filter.
    pub fn kind(self) -> Kind {
        Kind::Filter { output: self.output, input: self.input, kernel: self.kernel }
    }
}

/// A normalization of channels: its parameters, and the moments that it goes by.
#[derive(Debug)]
pub struct Norm<'a, E: Engine + ?Sized> {
    /// Scale.
    pub gamma: &'a E::Param,
    /// Shift.
    pub beta: &'a E::Param,
    /// Mean and variance (divisor n) of each channel.
    pub moments: &'a Moments<E>,
    /// Added to the variance.
    pub eps: f32,
}

/// Mean and variance (divisor n) of each channel.
#[derive(Debug)]
pub struct Moments<E: Engine + ?Sized> {
    /// Means.
    pub mean: E::Param,
    /// Variances.
    pub variance: E::Param,
}

impl<E: Engine + ?Sized> Clone for Moments<E> {
    fn clone(&self) -> Self {
        Moments { mean: self.mean.clone(), variance: self.variance.clone() }
    }
}

/// What the gradient of a normalization comes to.
#[derive(Debug)]
pub struct NormGradient<E: Engine + ?Sized> {
    /// By its input.
    pub input: E::Maps,
    /// By its scale.
    pub gamma: E::Param,
    /// By its shift.
    pub beta: E::Param,
    /// By what was added to it.
    pub added: Option<E::Maps>,
}

/// A step of stochastic gradient descent: `g + decay w`, `v = momentum v + g`, `w -= rate v`; with Nesterov
/// `w -= rate (g + momentum v)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdStep {
    /// Learning rate.
    pub rate: f32,
    /// Share of the last step that is taken again.
    pub momentum: f32,
    /// What is added to the gradient per unit of weight.
    pub decay: f32,
    /// Whether the momentum looks ahead.
    pub nesterov: bool,
}

/// A step of Adam, with weight decay as part of the gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// Learning rate.
    pub rate: f32,
    /// Of the mean.
    pub beta1: f32,
    /// Of the square.
    pub beta2: f32,
    /// Added to the root.
    pub eps: f32,
    /// What is added to the gradient per unit of weight.
    pub decay: f32,
    /// Steps taken, this one included.
    pub step: u64,
}

/// The verbs that networks are made of. Maps are `(n, channels, height, width)`, rows `(n, values)`, whatever order an
/// engine keeps them in. `slope` is that of the ReLU below zero (0, or more for a leaky one); none is no ReLU.
///
/// # Panics
/// Where shapes do not fit: networks make sure that they do.
pub trait Engine: Debug + Send + Sync + 'static {
    /// A batch of maps; a clone costs nothing.
    type Maps: Clone + Debug + Send + Sync;
    /// A batch of rows; a clone costs nothing.
    type Rows: Clone + Debug + Send + Sync;
    /// A parameter, or as many values as one.
    type Param: Clone + Debug + Send + Sync;

    /// Whether threads score batches side by side, each on its own, rather than one batch together.
    const SIDE_BY_SIDE: bool;

    /// Pictures that are best scored at once, whose largest maps have so many values each.
    fn at_once(&self, values: usize) -> usize;

    /// A parameter of these values, in the order of files.
    fn param(&self, kind: Kind, values: &[f32]) -> Self::Param;
    /// Its values in the order of files.
    fn values(&self, kind: Kind, param: &Self::Param) -> Vec<f32>;
    /// Maps of these values `(n, channels, height, width)`.
    fn maps(&self, shape: [usize; 4], values: Vec<f32>) -> Self::Maps;
    /// The values of maps `(n, channels, height, width)`.
    fn map_values(&self, maps: &Self::Maps) -> Vec<f32>;
    /// Rows of these values `(n, dim)`.
    fn rows(&self, dim: usize, values: Vec<f32>) -> Self::Rows;
    /// The values of rows `(n, dim)`.
    fn row_values(&self, rows: &Self::Rows) -> Vec<f32>;

    /// A convolution, plus `bias`, plus `add`.
    fn conv(
        &self,
        conv: Conv,
        filter: &Self::Param,
        bias: Option<&Self::Param>,
        x: &Self::Maps,
        add: Option<&Self::Maps>,
    ) -> Self::Maps;
    /// A convolution, normalized by known moments, plus `add`, through the ReLU.
    fn conv_norm(
        &self,
        conv: Conv,
        filter: &Self::Param,
        norm: Norm<'_, Self>,
        x: &Self::Maps,
        add: Option<&Self::Maps>,
        slope: Option<f32>,
    ) -> Self::Maps {
        self.norm_frozen(norm, &self.conv(conv, filter, None, x, None), add, slope)
    }
    /// The gradient of a convolution by its input, which had so many pixels along its sides, plus `add`.
    fn conv_input(
        &self,
        conv: Conv,
        filter: &Self::Param,
        sides: [usize; 2],
        dy: &Self::Maps,
        add: Option<&Self::Maps>,
    ) -> Self::Maps;
    /// The gradient of a convolution by its filter.
    fn conv_filter(&self, conv: Conv, x: &Self::Maps, dy: &Self::Maps) -> Self::Param;
    /// The gradient of a bias: the sum of each channel.
    fn channel_sums(&self, dy: &Self::Maps) -> Self::Param;
    /// Pixels along the sides of maps: height, width.
    fn sides(&self, maps: &Self::Maps) -> [usize; 2];
    /// Pixels of a batch, over all its pictures.
    fn pixels(&self, maps: &Self::Maps) -> usize;

    /// The moments of each channel of a batch.
    fn moments(&self, x: &Self::Maps) -> Moments<Self>;
    /// Normalizes by these moments, adds `add`, through the ReLU.
    fn norm_frozen(
        &self,
        norm: Norm<'_, Self>,
        x: &Self::Maps,
        add: Option<&Self::Maps>,
        slope: Option<f32>,
    ) -> Self::Maps;
    /// The gradient of a normalization of `x` by its own moments that gave `y`; `add` is added to that by the input.
    /// `added` says whether the gradient by what was added is wanted.
    fn norm_back(
        &self,
        norm: Norm<'_, Self>,
        passage: (&Self::Maps, &Self::Maps),
        slope: Option<f32>,
        dy: &Self::Maps,
        add: Option<&Self::Maps>,
        added: bool,
    ) -> NormGradient<Self>;
    /// Moves running moments toward those of a batch of so many pixels: `running += momentum (batch - running)`, the
    /// variance with divisor n - 1.
    fn track(&self, running: &mut Moments<Self>, batch: &Moments<Self>, momentum: f32, pixels: usize);

    /// The largest of windows of 3 x 3, two apart, of maps within a border.
    fn max_pool(&self, x: &Self::Maps) -> Self::Maps;
    /// Its gradient.
    fn max_pool_back(&self, x: &Self::Maps, dy: &Self::Maps) -> Self::Maps;
    /// The mean of each channel.
    fn mean_pool(&self, x: &Self::Maps) -> Self::Rows;
    /// Its gradient, for maps of these sides.
    fn mean_pool_back(&self, sides: [usize; 2], dy: &Self::Rows) -> Self::Maps;

    /// `x weight^T + bias`.
    fn linear(&self, weight: (Kind, &Self::Param), bias: &Self::Param, x: &Self::Rows) -> Self::Rows;
    /// Its gradients by input, weight and bias.
    fn linear_back(
        &self,
        weight: (Kind, &Self::Param),
        x: &Self::Rows,
        dy: &Self::Rows,
    ) -> (Self::Rows, Self::Param, Self::Param);
    /// The products of values with values.
    fn times(&self, x: &Self::Rows, y: &Self::Rows) -> Self::Rows;
    /// The ReLU.
    fn relu(&self, x: &Self::Rows) -> Self::Rows;
    /// Its gradient, from what it gave.
    fn relu_back(&self, y: &Self::Rows, dy: &Self::Rows) -> Self::Rows;

    /// A step of stochastic gradient descent.
    fn sgd(&self, how: SgdStep, weight: &mut Self::Param, velocity: &mut Self::Param, gradient: &Self::Param);
    /// A step of Adam; `means` and `squares` begin at zero.
    fn adam(
        &self,
        how: AdamStep,
        weight: &mut Self::Param,
        means: &mut Self::Param,
        squares: &mut Self::Param,
        gradient: &Self::Param,
    );
    /// As many zeros as the parameter has values.
    fn zeros(&self, like: &Self::Param) -> Self::Param;
}

impl AdamStep {
    /// What mean and square are divided by, since they began at zero.
    pub fn corrections(&self) -> (f32, f32) {
        let past = |beta: f32| (1.0 - libm::pow(f64::from(beta), self.step as f64)) as f32;
        (past(self.beta1), past(self.beta2))
    }
}
