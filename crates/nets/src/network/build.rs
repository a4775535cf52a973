//! Putting networks together.

use super::{Block, ConvLayer, Entry, Network, NormLayer, Role};
use crate::engine::{Conv, Kind};

/// Collects the parameters of a network in the order in which it is put together.
struct Builder {
    entries: Vec<Entry>,
    running: Vec<(String, usize)>,
    eps: f32,
}

impl Builder {
    fn new() -> Self {
        Builder { entries: Vec::new(), running: Vec::new(), eps: 1e-5 }
    }

    fn entry(&mut self, name: String, kind: Kind, role: Role) -> usize {
        self.entries.push(Entry { name, kind, role });
        self.entries.len() - 1
    }

    fn conv(&mut self, name: &str, [input, output]: [usize; 2], kernel: usize, stride: usize) -> ConvLayer {
        let conv = Conv { input, output, kernel, stride, padding: kernel / 2 };
        ConvLayer { conv, filter: self.entry(format!("{name}.weight"), conv.kind(), Role::Filter), bias: None }
    }

    fn norm(&mut self, name: &str, channels: usize) -> NormLayer {
        let gamma = self.entry(format!("{name}.weight"), Kind::Vector(channels), Role::Gamma);
        let beta = self.entry(format!("{name}.bias"), Kind::Vector(channels), Role::Beta);
        self.running.push((name.to_owned(), channels));
        NormLayer { gamma, beta, moments: self.running.len() - 1, eps: self.eps }
    }

    /// A block of which each convolution is followed by its normalization.
    fn after(&mut self, name: &str, input: usize, output: usize, stride: usize) -> Block {
        let conv1 = self.conv(&format!("{name}.conv1"), [input, output], 3, stride);
        let norm1 = self.norm(&format!("{name}.bn1"), output);
        let conv2 = self.conv(&format!("{name}.conv2"), [output, output], 3, 1);
        let norm2 = self.norm(&format!("{name}.bn2"), output);
        let shortcut = (input != output || stride != 1).then(|| {
            let conv = self.conv(&format!("{name}.downsample.0"), [input, output], 1, stride);
            (conv, self.norm(&format!("{name}.downsample.1"), output))
        });
        Block::After { steps: vec![(conv1, norm1), (conv2, norm2)], shortcut }
    }

    /// A block of convolutions of these kernels and widths, each after its normalization.
    fn before(&mut self, name: &str, input: usize, convs: &[(usize, usize)], stride: usize, raw: bool) -> Block {
        let mut steps = Vec::new();
        let mut width = input;
        // The stride is that of the first convolution of 3 x 3.
        let strided = convs.iter().position(|conv| conv.0 == 3);
        for (i, (kernel, output)) in convs.iter().enumerate() {
            let norm = self.norm(&format!("{name}.bn{}", i + 1), width);
            let stride = if Some(i) == strided { stride } else { 1 };
            steps.push((norm, self.conv(&format!("{name}.conv{}", i + 1), [width, *output], *kernel, stride)));
            width = *output;
        }
        let shortcut = (input != width || stride != 1)
            .then(|| self.conv(&format!("{name}.downsample.0"), [input, width], 1, stride));
        Block::Before { steps, shortcut, raw }
    }

    fn finish(mut self, name: &str, classes: usize, dim: usize, body: Body) -> Network {
        let weight = self.entry("fc.weight".into(), Kind::Matrix { output: classes, input: dim }, Role::Matrix);
        let bias = self.entry("fc.bias".into(), Kind::Vector(classes), Role::Bias { fan_in: dim });
        Network {
            name: name.to_owned(),
            classes,
            dim,
            slope: body.slope,
            momentum: body.momentum,
            entries: self.entries,
            running: self.running,
            stem: body.stem,
            stem_norm: body.stem_norm,
            stem_pool: body.stem_pool,
            blocks: body.blocks,
            last_norm: body.last_norm,
            weight,
            bias,
        }
    }
}

struct Body {
    slope: f32,
    momentum: f32,
    stem: ConvLayer,
    stem_norm: Option<NormLayer>,
    stem_pool: bool,
    blocks: Vec<Block>,
    last_norm: Option<NormLayer>,
}

/// The beginning of a ResNet of ImageNet's widths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stem {
    /// 3 x 3, no pooling: for pictures of 32 pixels.
    Cifar,
    /// The same and a max-pool: a quarter of the work.
    Pooled,
    /// 7 x 7 with stride 2 and a max-pool, as torchvision has it.
    ImageNet,
}

/// Momentum of running moments in PyTorch, and so in most code.
const MOMENTUM: f32 = 0.1;

/// Blocks in each section of a ResNet-18.
pub(super) const OF_18: [usize; 4] = [2, 2, 2, 2];

/// Blocks in each section of a ResNet-34.
pub(super) const OF_34: [usize; 4] = [3, 4, 6, 3];

/// ResNet-18 or ResNet-34 of He et al. 2015.
pub(super) fn resnet_wide(name: &str, classes: usize, per_section: [usize; 4], stem: Stem) -> Network {
    let mut builder = Builder::new();
    let (kernel, stride) = if stem == Stem::ImageNet { (7, 2) } else { (3, 1) };
    let conv = builder.conv("conv1", [3, 64], kernel, stride);
    let norm = builder.norm("bn1", 64);
    let blocks = sections(&[64, 128, 256, 512], &per_section, 64, |name, input, output, stride, _| {
        builder.after(name, input, output, stride)
    });
    let body = Body {
        slope: 0.0,
        momentum: MOMENTUM,
        stem: conv,
        stem_norm: Some(norm),
        stem_pool: stem != Stem::Cifar,
        blocks,
        last_norm: None,
    };
    builder.finish(name, classes, 512, body)
}

/// The ResNet of CIFAR's size of He et al. 2015, with 1 x 1 convolutions as shortcuts.
pub(super) fn resnet_after(name: &str, classes: usize, per_section: usize) -> Network {
    let mut builder = Builder::new();
    let stem = builder.conv("conv1", [3, 16], 3, 1);
    let norm = builder.norm("bn1", 16);
    let blocks = sections(&[16, 32, 64], &[per_section; 3], 16, |name, input, output, stride, _| {
        builder.after(name, input, output, stride)
    });
    let (slope, momentum, stem_norm) = (0.0, MOMENTUM, Some(norm));
    let body = Body { slope, momentum, stem, stem_norm, stem_pool: false, blocks, last_norm: None };
    builder.finish(name, classes, 64, body)
}

/// The ResNet of CIFAR's size of He et al. 2016, normalization first; with `bottleneck` of three convolutions a block.
pub(super) fn resnet_before(name: &str, classes: usize, per_section: usize, bottleneck: bool) -> Network {
    let mut builder = Builder::new();
    let stem = builder.conv("conv1", [3, 16], 3, 1);
    let wider = if bottleneck { 4 } else { 1 };
    let widths = [16, 32, 64].map(|width| width * wider);
    let blocks = sections(&widths, &[per_section; 3], 16, |name, input, output, stride, _| {
        let inner = output / wider;
        let convs = if bottleneck { vec![(1, inner), (3, inner), (1, output)] } else { vec![(3, output), (3, output)] };
        builder.before(name, input, &convs, stride, false)
    });
    let last_norm = Some(builder.norm("bn", 64 * wider));
    let (slope, momentum, stem_norm) = (0.0, MOMENTUM, None);
    let body = Body { slope, momentum, stem, stem_norm, stem_pool: false, blocks, last_norm };
    builder.finish(name, classes, 64 * wider, body)
}

/// WRN-28-`wider` of Zagoruyko and Komodakis 2016 as Microsoft's USB has it: leaky ReLUs, a bias in the stem, slow running
/// moments. With `quirk` also what only its code does: widening blocks of the second and third group normalize and do not
/// use it.
pub(super) fn wide_resnet(name: &str, classes: usize, wider: usize, quirk: bool) -> Network {
    let mut builder = Builder::new();
    let mut stem = builder.conv("conv1", [3, 16], 3, 1);
    let fan_in = stem.conv.kind().fan_in();
    stem.bias = Some(builder.entry("conv1.bias".into(), Kind::Vector(16), Role::Bias { fan_in }));
    let widths = [16, 32, 64].map(|width| width * wider);
    let blocks = sections(&widths, &[4; 3], 16, |name, input, output, stride, section| {
        let raw = quirk && section > 0 && input != output;
        builder.before(name, input, &[(3, output), (3, output)], stride, raw)
    });
    builder.eps = 1e-3;
    let last_norm = Some(builder.norm("bn", 64 * wider));
    let (slope, momentum, stem_norm) = (0.1, 0.001, None);
    let body = Body { slope, momentum, stem, stem_norm, stem_pool: false, blocks, last_norm };
    builder.finish(name, classes, 64 * wider, body)
}

/// Blocks of sections of these widths; the first block of every section but the first halves the sides.
fn sections(
    widths: &[usize],
    per_section: &[usize],
    stem: usize,
    mut block: impl FnMut(&str, usize, usize, usize, usize) -> Block,
) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut width = stem;
    for (section, (output, count)) in widths.iter().zip(per_section).enumerate() {
        for i in 0..*count {
            let stride = if section > 0 && i == 0 { 2 } else { 1 };
            blocks.push(block(&format!("layer{}.{i}", section + 1), width, *output, stride, section));
            width = *output;
        }
    }
    blocks
}
