//! The input of pictures: found among a model's inputs, and filled from bytes.

use std::path::Path;

use crate::runtime::{Signature, Tensor};
use crate::{Layout, Normalization, OnnxError, OnnxOptions};

/// The side of pictures where neither the file nor the user tells.
const SIDE: usize = 224;

/// What a model takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Input {
    pub(crate) layout: Layout,
    pub(crate) side: usize,
    /// Pictures at once, where the file fixes it.
    pub(crate) batch: Option<usize>,
    /// Whether the side was told by neither the file nor the user.
    pub(crate) side_assumed: bool,
    scale: [f32; 3],
    shift: [f32; 3],
}

impl Input {
    /// The one input of a model, if it takes pictures.
    pub(crate) fn of(signature: &Signature, options: &OnnxOptions, path: &Path) -> Result<Self, OnnxError> {
        let refuse = || OnnxError::NoImageInput { path: path.to_owned(), inputs: signature.inputs_text() };
        let [input] = signature.inputs.as_slice() else { return Err(refuse()) };
        let Some([batch, a, b, c]) =
            input.shape.as_deref().and_then(|shape| <[Option<usize>; 4]>::try_from(shape).ok())
        else {
            return Err(refuse());
        };
        let layout = match options.layout {
            Some(layout) => layout,
            None if a == Some(3) => Layout::Nchw,
            None if c == Some(3) => Layout::Nhwc,
            None => return Err(refuse()),
        };
        let (channels, height, width) = if layout == Layout::Nchw { (a, b, c) } else { (c, a, b) };
        if !input.is_f32 || channels.unwrap_or(3) != 3 || batch == Some(0) {
            return Err(refuse());
        }
        let fixed = height.or(width);
        let side = fixed.or(options.side).unwrap_or(SIDE);
        let size = |wanted: String| {
            let (height, width) = (height.unwrap_or(side), width.unwrap_or(side));
            Err(OnnxError::Size { path: path.to_owned(), height, width, wanted })
        };
        if height.unwrap_or(side) != width.unwrap_or(side) {
            return size("pictures are squares here".into());
        }
        if let Some(wanted) = options.side.filter(|wanted| *wanted != side) {
            return size(format!("{wanted} were asked for"));
        }
        if side == 0 {
            return Err(OnnxError::Option { option: "side", rule: "at least 1", got: "0".into() });
        }
        let (mean, std) = options.normalization.mean_std();
        Ok(Input {
            layout,
            side,
            batch,
            side_assumed: fixed.is_none() && options.side.is_none(),
            scale: std.map(|std| 1.0 / (255.0 * std)),
            shift: std::array::from_fn(|channel| -mean[channel] / std[channel]),
        })
    }

    /// Bytes of a picture.
    pub(crate) fn bytes(&self) -> usize {
        self.side * self.side * 3
    }

    /// Pictures `(b, side, side, 3)` as the model takes them, the last repeated up to `batch`.
    pub(crate) fn tensor(&self, pixels: &[u8], batch: usize) -> Tensor {
        let pictures = || pixels.chunks_exact(self.bytes());
        let mut values = Vec::with_capacity(batch * self.bytes());
        let repeated = pictures().last().into_iter().cycle();
        for picture in pictures().chain(repeated).take(batch) {
            match self.layout {
                Layout::Nhwc => values.extend(picture.iter().enumerate().map(|(at, byte)| self.value(at % 3, *byte))),
                Layout::Nchw => {
                    for channel in 0..3 {
                        let of_channel = picture.iter().skip(channel).step_by(3);
                        values.extend(of_channel.map(|byte| self.value(channel, *byte)));
                    }
                }
            }
        }
        let shape = match self.layout {
            Layout::Nchw => [batch, 3, self.side, self.side],
            Layout::Nhwc => [batch, self.side, self.side, 3],
        };
        Tensor { shape: shape.to_vec(), values }
    }

    fn value(&self, channel: usize, byte: u8) -> f32 {
        f32::from(byte) * self.scale[channel] + self.shift[channel]
    }
}

impl Normalization {
    /// The side to which pictures are scaled before the middle is cut out, where it is not set: as those who publish such
    /// models do.
    pub(crate) fn resize(self, side: usize) -> usize {
        if self == Normalization::ImageNet { (side * 8).div_ceil(7) } else { side }
    }
}
