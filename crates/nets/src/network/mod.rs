//! Networks for images: what they are made of, by name.

mod backward;
mod build;
mod forward;
mod init;
mod names;
#[cfg(test)]
mod tests;
mod weights;

use std::fmt;

use crate::engine::{Conv, Kind};

pub use backward::Gradients;
pub use forward::Tape;
pub use init::Init;
pub use names::NETWORKS;
pub use weights::{Named, Weights};

/// What a parameter does, which decides how it begins and whether it decays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Filter of a convolution.
    Filter,
    /// Matrix of a linear layer.
    Matrix,
    /// Bias of a convolution or of a linear layer of so many inputs.
    Bias {
        /// Inputs of each of the layer's outputs.
        fan_in: usize,
    },
    /// Scale of a normalization.
    Gamma,
    /// Shift of a normalization.
    Beta,
}

impl Role {
    /// Whether it is a weight proper: neither of a normalization nor a bias.
    pub fn is_weight(self) -> bool {
        matches!(self, Role::Filter | Role::Matrix)
    }
}

/// A parameter: the name it has in files, what it is and what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// As torchvision would call it.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// What it does.
    pub role: Role,
}

/// A convolution of a network: number of its filter, and of its bias, among the parameters.
#[derive(Clone, Copy, Debug)]
struct ConvLayer {
    conv: Conv,
    filter: usize,
    bias: Option<usize>,
}

/// A normalization of a network: numbers of its parameters, and of its running moments.
#[derive(Clone, Copy, Debug)]
struct NormLayer {
    gamma: usize,
    beta: usize,
    moments: usize,
    eps: f32,
}

#[derive(Clone, Debug)]
enum Block {
    /// Convolutions, each normalized; the ReLU of the last comes after the sum.
    After { steps: Vec<(ConvLayer, NormLayer)>, shortcut: Option<(ConvLayer, NormLayer)> },
    /// Normalizations before their convolutions. The first is not applied where `raw`; a shortcut sees what the first
    /// convolution sees.
    Before { steps: Vec<(NormLayer, ConvLayer)>, shortcut: Option<ConvLayer>, raw: bool },
}

/// A residual network: a stem, blocks, the mean over all places (the features), one linear layer (the logits).
#[derive(Clone)]
pub struct Network {
    name: String,
    classes: usize,
    dim: usize,
    /// Slope of its ReLUs below zero.
    slope: f32,
    /// How fast running moments follow.
    momentum: f32,
    entries: Vec<Entry>,
    /// Channels and name of each normalization, whose running moments are kept.
    running: Vec<(String, usize)>,
    stem: ConvLayer,
    stem_norm: Option<NormLayer>,
    stem_pool: bool,
    blocks: Vec<Block>,
    last_norm: Option<NormLayer>,
    weight: usize,
    bias: usize,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("name", &self.name).field("classes", &self.classes).finish_non_exhaustive()
    }
}

impl Network {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Classes that its linear layer tells apart.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Values of a row of features.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Its parameters, in the order in which [`Weights`] holds them.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Name and channels of each normalization, in the order in which [`Weights`] holds their running moments.
    pub fn normalizations(&self) -> &[(String, usize)] {
        &self.running
    }

    /// How many weights are trained.
    pub fn weight_count(&self) -> usize {
        self.entries.iter().map(|entry| entry.kind.len()).sum()
    }

    /// Numbers of the linear layer's weight and bias among the entries.
    pub fn head(&self) -> [usize; 2] {
        [self.weight, self.bias]
    }

    /// The same with running moments that follow so fast.
    #[must_use]
    pub(crate) fn with_momentum(self, momentum: f32) -> Self {
        Network { momentum, ..self }
    }

    /// Multiply-accumulates of one picture of this side, forwards. A step of training takes about three times as many.
    pub fn macs(&self, side: usize) -> u64 {
        let mut all = (self.dim * self.classes) as u64;
        self.for_each_conv(side, |conv, out| all += (out * out * conv.kind().len()) as u64);
        all
    }

    /// Values of its largest maps of one picture of this side.
    pub fn largest_map(&self, side: usize) -> usize {
        let mut largest = 0;
        self.for_each_conv(side, |conv, out| largest = largest.max(out * out * conv.output));
        largest
    }

    /// Bytes that a step of training on so many pictures holds at most, weights aside: of every convolution what it makes
    /// and what is made of that, and as much again for gradients on the way.
    pub fn step_bytes(&self, side: usize, batch: usize) -> u64 {
        let mut values = 3 * side * side;
        self.for_each_conv(side, |conv, out| values += 3 * out * out * conv.output);
        4 * (values * batch) as u64
    }

    /// Every convolution, with the side of what it makes of pictures of this side.
    fn for_each_conv(&self, side: usize, mut visit: impl FnMut(Conv, usize)) {
        let mut side = side;
        let mut count = |layer: &ConvLayer, side: usize| {
            let out = layer.conv.side(side);
            visit(layer.conv, out);
            out
        };
        side = count(&self.stem, side);
        if self.stem_pool {
            side = side.div_ceil(2);
        }
        for block in &self.blocks {
            let (convs, shortcut): (Vec<ConvLayer>, Option<ConvLayer>) = match block {
                Block::After { steps, shortcut } => {
                    (steps.iter().map(|step| step.0).collect(), shortcut.map(|shortcut| shortcut.0))
                }
                Block::Before { steps, shortcut, .. } => (steps.iter().map(|step| step.1).collect(), *shortcut),
            };
            if let Some(shortcut) = &shortcut {
                count(shortcut, side);
            }
            side = convs.iter().fold(side, |side, conv| count(conv, side));
        }
    }
}
