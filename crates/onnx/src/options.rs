//! How a model is run and read.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use subsel_images::Filter;

use crate::OnnxError;

/// How a model is run and read. Everything that is not set is told from the file, or by the rule of its field, and what
/// was decided is in [`OnnxEncoder::notes`](crate::OnnxEncoder::notes).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OnnxOptions {
    /// What runs it. Default: ONNX Runtime where it is found, else `rten`.
    pub runtime: RuntimeChoice,
    /// What pixels become. Default: [`Normalization::ImageNet`]. A wrong one is the usual silent error: the embeddings are
    /// then worse, and nothing says so.
    pub normalization: Normalization,
    /// Pixels along both sides, for models of any. Default: 224.
    pub side: Option<usize>,
    /// Pixels along the shorter side before the middle is cut out. Default: 8/7 of the side for
    /// [`Normalization::ImageNet`] (256 for 224), else the side.
    pub resize: Option<usize>,
    /// How values between pixels are found. Default: bicubic for [`Normalization::Clip`], else bilinear.
    pub filter: Option<Filter>,
    /// The order of the input's axes, for files that do not tell.
    pub layout: Option<Layout>,
    /// Which output. Default: the only one.
    pub output: Option<OutputChoice>,
    /// How outputs of several vectors per picture become one.
    pub pooling: Pooling,
}

/// What runs a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuntimeChoice {
    /// ONNX Runtime where its library is found, else `rten`.
    #[default]
    Auto,
    /// ONNX Runtime, or an error.
    OnnxRuntime,
    /// `rten`.
    Rten,
}

/// What the values 0 to 255 of a pixel become: scaled to 0 to 1, less a mean, divided by a deviation, by channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Normalization {
    /// Mean .485 .456 .406, deviation .229 .224 .225: torchvision, timm's convolutional networks, DINO and DINOv2.
    #[default]
    ImageNet,
    /// Mean .48145466 .4578275 .40821073, deviation .26862954 .26130258 .27577711: CLIP, OpenCLIP.
    Clip,
    /// Mean and deviation .5, so from -1 to 1: SigLIP, many vision transformers of timm and Hugging Face.
    Half,
    /// From 0 to 1 as they are: models that normalize by themselves.
    None,
    /// Of one's own.
    #[serde(untagged)]
    Own {
        /// Means of red, green and blue.
        mean: [f32; 3],
        /// Deviations; finite and not 0.
        std: [f32; 3],
    },
}

impl Normalization {
    /// Mean and deviation of each channel.
    pub fn mean_std(self) -> ([f32; 3], [f32; 3]) {
        match self {
            Normalization::ImageNet => ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
            Normalization::Clip => {
                ([0.481_454_66, 0.457_827_5, 0.408_210_73], [0.268_629_54, 0.261_302_6, 0.275_777_1])
            }
            Normalization::Half => ([0.5; 3], [0.5; 3]),
            Normalization::None => ([0.0; 3], [1.0; 3]),
            Normalization::Own { mean, std } => (mean, std),
        }
    }

    pub(crate) fn check(self) -> Result<(), OnnxError> {
        let (mean, std) = self.mean_std();
        if mean.iter().all(|m| m.is_finite()) && std.iter().all(|s| s.is_finite() && *s != 0.0) {
            return Ok(());
        }
        let rule = "finite means, and deviations that are finite and not 0";
        Err(OnnxError::Option { option: "normalization", rule, got: format!("{mean:?} and {std:?}") })
    }
}

impl fmt::Display for Normalization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Normalization::ImageNet => "imagenet",
            Normalization::Clip => "clip",
            Normalization::Half => "half",
            Normalization::None => "none",
            Normalization::Own { .. } => "own",
        };
        let (mean, std) = self.mean_std();
        write!(f, "{name}: mean {mean:?}, deviation {std:?}")
    }
}

impl FromStr for Normalization {
    type Err = OnnxError;

    /// A name, or six numbers with commas: means, then deviations of red, green and blue.
    fn from_str(text: &str) -> Result<Self, OnnxError> {
        let numbers = || -> Option<[f32; 6]> {
            let numbers: Vec<f32> = text.split(',').map(|part| part.trim().parse().ok()).collect::<Option<_>>()?;
            numbers.try_into().ok()
        };
        let found = match text {
            "imagenet" => Normalization::ImageNet,
            "clip" => Normalization::Clip,
            "half" => Normalization::Half,
            "none" => Normalization::None,
            _ => match numbers() {
                Some([a, b, c, d, e, f]) => Normalization::Own { mean: [a, b, c], std: [d, e, f] },
                None => {
                    let rule = "imagenet, clip, half, none, or three means and three deviations with commas";
                    return Err(OnnxError::Option { option: "normalization", rule, got: text.into() });
                }
            },
        };
        found.check().map(|()| found)
    }
}

/// The order of the axes of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// (pictures, 3, height, width), as PyTorch exports them.
    Nchw,
    /// (pictures, height, width, 3), as TensorFlow exports them.
    Nhwc,
}

/// An output of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OutputChoice {
    /// By number, from 0.
    Index(usize),
    /// By name.
    Name(String),
}

/// How an output of several vectors per picture becomes one. An output (pictures, d) is taken as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// Of tokens (pictures, tokens, d) the first, the class token of vision transformers; of maps (pictures, d, height,
    /// width), or (pictures, height, width, d) for models of [`Layout::Nhwc`], the mean over places.
    #[default]
    Auto,
    /// The first token.
    First,
    /// The mean over tokens, a class token included, or places.
    Mean,
}

macro_rules! words {
    ($name:ty, $option:literal, $rule:literal, $($word:literal => $value:expr),+) => {
        impl FromStr for $name {
            type Err = OnnxError;

            fn from_str(text: &str) -> Result<Self, OnnxError> {
                match text {
                    $($word => Ok($value),)+
                    _ => Err(OnnxError::Option { option: $option, rule: $rule, got: text.into() }),
                }
            }
        }
    };
}

words!(RuntimeChoice, "runtime", "auto, onnxruntime or rten",
    "auto" => RuntimeChoice::Auto, "onnxruntime" => RuntimeChoice::OnnxRuntime, "rten" => RuntimeChoice::Rten);
words!(Layout, "layout", "nchw or nhwc", "nchw" => Layout::Nchw, "nhwc" => Layout::Nhwc);
words!(Pooling, "pooling", "auto, first (or cls) or mean",
    "auto" => Pooling::Auto, "first" => Pooling::First, "cls" => Pooling::First, "mean" => Pooling::Mean);

impl FromStr for OutputChoice {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.parse().map_or_else(|_| OutputChoice::Name(text.into()), OutputChoice::Index))
    }
}
