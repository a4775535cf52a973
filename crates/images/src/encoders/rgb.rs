//! Pixels as they are, standardized: the plainest features.

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::encoder::{Encoder, Fit};
use crate::encoders::file::{ModelFile, Tensor};

/// Settings of [`RgbEncoder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rgb {
    /// Pixels along a side of the squares that pictures are scaled to. Default: 32.
    pub side: usize,
}

impl Default for Rgb {
    fn default() -> Self {
        Rgb { side: 32 }
    }
}

impl Rgb {
    pub(crate) fn fit(&self) -> Fit {
        Fit::to(self.side)
    }

    /// What is wrong with the settings, if anything is.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn check(&self) -> Result<(), Error> {
        match self.side {
            1..=1024 => Ok(()),
            got => Err(Error::Setting { of: NAME, setting: "side", rule: "from 1 to 1024".into(), got }),
        }
    }
}

/// The pixels of a square, row by row, each channel less its mean and over its deviation: `3 * side^2` values.
///
/// The norm of a row is then the distance of the picture from the mean color, its contrast; of plain pixels it would be
/// the brightness. Section 8 of Effective Subset Selection Through the Lens of Neural Network Pruning (2024) uses them so.
#[derive(Clone, Debug, PartialEq)]
pub struct RgbEncoder {
    settings: Rgb,
    mean: [f32; 3],
    scale: [f32; 3],
}

/// What model files call it.
pub(crate) const NAME: &str = "rgb";

impl RgbEncoder {
    /// Standardizes by the mean and the deviation of each channel, of values from 0 to 1; a channel that does not vary is
    /// only centered.
    ///
    /// # Errors
    /// [`Error::Setting`] for a side beyond 1 to 1024.
    pub fn new(settings: Rgb, mean: [f64; 3], std: [f64; 3]) -> Result<Self, Error> {
        settings.check()?;
        let scale = std.map(|std| if std > 0.0 { (1.0 / std) as f32 } else { 1.0 });
        Ok(RgbEncoder { settings, mean: mean.map(|mean| mean as f32), scale })
    }

    pub(crate) fn file(&self) -> ModelFile {
        let tensors =
            vec![Tensor::new("mean", vec![3], self.mean.to_vec()), Tensor::new("scale", vec![3], self.scale.to_vec())];
        ModelFile::new(NAME, &self.settings, tensors)
    }

    pub(crate) fn from_file(file: &ModelFile) -> Result<Self, Error> {
        let three = |name| {
            let values = file.tensor(name, &[3])?;
            Ok::<[f32; 3], Error>([values[0], values[1], values[2]])
        };
        let settings: Rgb = file.settings()?;
        settings.check()?;
        Ok(RgbEncoder { settings, mean: three("mean")?, scale: three("scale")? })
    }
}

impl Encoder for RgbEncoder {
    fn name(&self) -> &str {
        NAME
    }

    fn dim(&self) -> usize {
        3 * self.settings.side * self.settings.side
    }

    fn fit(&self) -> Fit {
        self.settings.fit()
    }

    fn batch(&self) -> usize {
        32
    }

    fn fingerprint(&self) -> u64 {
        self.file().fingerprint()
    }

    fn to_file(&self) -> Option<ModelFile> {
        Some(self.file())
    }

    fn encode(&self, pixels: &[u8], out: &mut [f32]) -> Result<(), Error> {
        assert_eq!(pixels.len(), out.len(), "pictures of this side");
        for (out, pixel) in out.chunks_exact_mut(3).zip(pixels.chunks_exact(3)) {
            for channel in 0..3 {
                let value = f32::from(pixel[channel]) / 255.0;
                out[channel] = (value - self.mean[channel]) * self.scale[channel];
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn norm_is_the_distance_from_the_mean_color() {
        let encoder = RgbEncoder::new(Rgb { side: 1 }, [0.4, 0.2, 0.6], [0.2, 0.1, 0.0]).expect("a side of 1");
        let mut out = [9.0; 3];
        encoder.encode(&[102, 51, 153], &mut out).expect("a picture");
        assert!(out.iter().all(|value| value.abs() < 1e-6), "{out:?}");
        encoder.encode(&[153, 0, 255], &mut out).expect("a picture");
        let expected = [1.0, -2.0, 0.4];
        assert!(out.iter().zip(expected).all(|(got, expected)| (got - expected).abs() < 1e-6), "{out:?}");
    }

    #[test]
    fn is_the_same_after_writing_and_reading() {
        let encoder =
            RgbEncoder::new(Rgb { side: 8 }, [0.4914, 0.4822, 0.4465], [0.247, 0.2435, 0.2616]).expect("a side of 8");
        assert!(RgbEncoder::new(Rgb { side: 0 }, [0.0; 3], [1.0; 3]).is_err());
        let bytes = encoder.file().to_bytes();
        let file = ModelFile::from_bytes("m.safetensors".as_ref(), &bytes).expect("a model file");
        let again = RgbEncoder::from_file(&file).expect("of pixels");
        assert_eq!(again, encoder);
        assert_eq!(again.fingerprint(), encoder.fingerprint());
    }
}
