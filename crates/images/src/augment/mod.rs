//! Augmentations: a list of steps, as plain data, and what they make of a picture.
//!
//! Pictures are bytes from step to step, as in the pipelines that papers publish, and every step computes what Pillow does
//! with the same numbers. Which numbers are drawn depends on nothing but a stream, an epoch, a row and a view, see
//! [`view_draws`]: neither on threads nor on what else is in the batch.

mod color;
mod crop;
mod geometry;
mod hue;
mod ops;
mod presets;

use serde::{Deserialize, Serialize};
use subsel::{Draws, Stream};

use crate::Error;
use crate::resample::Resampler;

/// Steps that a picture goes through, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augment {
    /// The steps.
    pub steps: Vec<Step>,
}

/// One change of a picture. Probabilities and ranges are uniform draws.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Step {
    /// Padded on all sides, then cut to its size anywhere: offsets from 0 to twice `pad`.
    Crop {
        /// Pixels on each side.
        pad: usize,
        /// What is put there.
        padding: Padding,
    },
    /// Mirrored left to right.
    Flip {
        /// How likely.
        p: f64,
    },
    /// A part of random area and shape, scaled to the picture's size (bilinear). Ten tries to find one that fits, then the
    /// largest in the middle that keeps to `ratio`.
    ResizedCrop {
        /// Area, as a share of the picture's.
        scale: (f64, f64),
        /// Width over height; its logarithm is uniform.
        ratio: (f64, f64),
    },
    /// Brightness, contrast, saturation and hue in random order. A factor is drawn from `1 - x` (at least 0) to `1 + x`.
    Jitter {
        /// How likely.
        p: f64,
        /// Values are multiplied.
        brightness: f64,
        /// The distance from the mean grey is multiplied.
        contrast: f64,
        /// The distance from each pixel's own grey is multiplied.
        saturation: f64,
        /// Turns from `-hue` to `hue` of the circle of hues; at most 0.5.
        hue: f64,
    },
    /// Grey, `0.299 R + 0.587 G + 0.114 B`, on all three channels.
    Grey {
        /// How likely.
        p: f64,
    },
    /// Some of 14 operations, drawn with replacement, each with a magnitude drawn from its range.
    RandAugment {
        /// How many.
        ops: usize,
        /// Which ranges.
        ranges: OpRanges,
    },
    /// A square of random side around a random point is filled; it slides at the left and top edge and is cut off at the
    /// right and bottom one.
    Cutout {
        /// Largest side, as a share of the picture's.
        share: f64,
        /// With what.
        fill: [u8; 3],
    },
}

/// What stands around a padded picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Padding {
    /// Black.
    Zero,
    /// The picture mirrored at its outermost pixels, which are not repeated.
    Reflect,
}

/// How far the operations of [`Step::RandAugment`] go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpRanges {
    /// USB's: shears and shifts of up to 0.3.
    Usb,
    /// SCAN's: shears and shifts of up to 0.1.
    Scan,
}

/// Memory of one thread, used again from one picture to the next.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    /// The picture as it is.
    now: Vec<u8>,
    /// What it becomes.
    next: Vec<u8>,
    resampler: Resampler,
}

/// The draws of one view of one picture: what is drawn for others has no influence.
pub fn view_draws(stream: Stream, epoch: u64, row: u64, view: u64) -> Draws {
    Draws::new(stream.child(epoch).child(row).child(view))
}

/// Uniform in `[low, high)`.
fn between(draws: &mut Draws, (low, high): (f64, f64)) -> f64 {
    low + (high - low) * draws.unit()
}

impl Augment {
    /// What becomes of a picture `(side, side, 3)`; the answer lies in `scratch`.
    ///
    /// # Panics
    /// If there are other than `3 * side * side` bytes, or a step does not pass [`Augment::check`].
    pub fn apply<'a>(&self, image: &[u8], side: usize, draws: &mut Draws, scratch: &'a mut Scratch) -> &'a [u8] {
        assert_eq!(image.len(), 3 * side * side, "bytes of a picture of {side} x {side}");
        scratch.now.clear();
        scratch.now.extend_from_slice(image);
        for step in &self.steps {
            step.apply(side, draws, scratch);
        }
        &scratch.now
    }

    /// Checks every setting, for pictures of this side.
    ///
    /// # Errors
    /// [`Error::Augment`].
    pub fn check(&self, side: usize) -> Result<(), Error> {
        self.steps.iter().try_for_each(|step| step.check(side))
    }
}

impl Step {
    fn apply(&self, side: usize, draws: &mut Draws, scratch: &mut Scratch) {
        let Scratch { now, next, resampler } = scratch;
        match self {
            Step::Crop { pad, padding } => {
                let offset = |draws: &mut Draws| draws.below(2 * *pad as u64 + 1) as usize;
                let (top, left) = (offset(draws), offset(draws));
                crop::padded(now, next, side, (left, top), *pad, *padding);
                std::mem::swap(now, next);
            }
            Step::Flip { p } => {
                if draws.unit() < *p {
                    crop::flip(now, side);
                }
            }
            Step::ResizedCrop { scale, ratio } => {
                let part = crop::draw_part(side, *scale, *ratio, draws);
                crop::resized(now, next, side, part, resampler);
                std::mem::swap(now, next);
            }
            Step::Jitter { p, brightness, contrast, saturation, hue } => {
                if draws.unit() < *p {
                    let amounts = [*brightness, *contrast, *saturation];
                    color::jitter(now, amounts, *hue, draws);
                }
            }
            Step::Grey { p } => {
                if draws.unit() < *p {
                    color::to_grey(now);
                }
            }
            Step::RandAugment { ops, ranges } => {
                for _ in 0..*ops {
                    let op = ops::Op::ALL[draws.below(ops::Op::ALL.len() as u64) as usize];
                    let magnitude = between(draws, op.range(*ranges));
                    op.apply(magnitude, side, now, next);
                }
            }
            Step::Cutout { share, fill } => {
                let length = draws.unit() * share * side as f64;
                let (x, y) = (draws.unit() * side as f64, draws.unit() * side as f64);
                crop::cutout(now, side, (x, y), length, *fill);
            }
        }
    }

    fn check(&self, side: usize) -> Result<(), Error> {
        let refuse = |step: &'static str, detail: String| Err(Error::Augment { step, detail });
        let share = |step: &'static str, what: &str, value: f64, most: f64| match (0.0..=most).contains(&value) {
            true => Ok(()),
            false => refuse(step, format!("`{what}` must be from 0 to {most}, got {value}")),
        };
        let range = |step: &'static str, what: &str, (low, high): (f64, f64), most: f64| match 0.0 < low
            && low <= high
            && high <= most
        {
            true => Ok(()),
            false => refuse(step, format!("`{what}` must ascend within 0 and {most}, got {low} to {high}")),
        };
        match self {
            Step::Crop { pad, padding } => match padding {
                Padding::Reflect if *pad >= side => {
                    refuse("crop", format!("`pad` must be less than the side {side} to reflect, got {pad}"))
                }
                Padding::Zero if *pad > side => {
                    refuse("crop", format!("`pad` must be at most the side {side}, got {pad}"))
                }
                _ => Ok(()),
            },
            Step::Flip { p } => share("flip", "p", *p, 1.0),
            Step::ResizedCrop { scale, ratio } => {
                range("resized-crop", "scale", *scale, 1.0)?;
                range("resized-crop", "ratio", *ratio, f64::MAX)
            }
            Step::Jitter { p, brightness, contrast, saturation, hue } => {
                share("jitter", "p", *p, 1.0)?;
                share("jitter", "brightness", *brightness, f64::MAX)?;
                share("jitter", "contrast", *contrast, f64::MAX)?;
                share("jitter", "saturation", *saturation, f64::MAX)?;
                share("jitter", "hue", *hue, 0.5)
            }
            Step::Grey { p } => share("grey", "p", *p, 1.0),
            Step::RandAugment { .. } => Ok(()),
            Step::Cutout { share: most, .. } => share("cutout", "share", *most, 1.0),
        }
    }
}

#[cfg(test)]
mod tests;
