//! Networks as encoders of pictures.

use std::fmt;

use subsel_images::{Encoder, Error as ImageError, Fit, Normalize};
use xxhash_rust::xxh3::Xxh3;

use crate::device::Job;
use crate::engine::Engine;
use crate::model::About;
use crate::network::{Network, Weights};
use crate::{Device, Error, Init, Model};

/// The features of a network: the mean over all places of its last maps, in evaluation mode, not normalized.
///
/// # Guarantees
/// The features of a picture do not depend on the others; on the processor they are the same bit for bit for any batch and
/// any number of threads.
pub struct NetEncoder {
    name: String,
    about: About,
    dim: usize,
    fit: Fit,
    batch: usize,
    fingerprint: u64,
    table: Box<[[f32; 256]; 3]>,
    run: Box<dyn Run>,
}

impl fmt::Debug for NetEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetEncoder").field("name", &self.name).field("about", &self.about).finish_non_exhaustive()
    }
}

/// Untrained networks by name: encoder, network.
pub const UNTRAINED: [(&str, &str); 2] =
    [("random-resnet18", "resnet18"), ("random-resnet18-imagenet", "resnet18-imagenet")];

impl NetEncoder {
    /// The features of trained weights, for pictures as they were trained on: the shorter side scaled to that of the
    /// network, the middle cut out.
    ///
    /// # Errors
    /// [`Error::Device`].
    pub fn new(name: impl Into<String>, model: &Model, device: Device) -> Result<Self, Error> {
        let about = model.about().clone();
        let mut hash = Xxh3::new();
        // Where it is computed is no part of it: devices agree up to rounding, unless they round to bf16.
        if let Device::CudaMixed(_) = device {
            hash.update(b"bf16");
        }
        for part in [about.network.as_bytes(), &about.side.to_le_bytes()] {
            hash.update(part);
        }
        about.normalize.mean.iter().chain(&about.normalize.std).for_each(|v| hash.update(&v.to_le_bytes()));
        let head = model.network().tensors();
        for ((tensor, _), values) in head.iter().zip(model.values()) {
            if !tensor.starts_with("fc.") {
                values.iter().for_each(|v| hash.update(&v.to_le_bytes()));
            }
        }
        let run = device.run(Place { model })?;
        Ok(NetEncoder {
            name: name.into(),
            dim: model.network().dim(),
            fit: Fit::to(about.side),
            batch: run.at_once(about.side),
            fingerprint: hash.digest(),
            table: Box::new(about.normalize.table()),
            about,
            run,
        })
    }

    /// An untrained network: `random-resnet18` (the stem for small pictures) or `random-resnet18-imagenet`. Filters are He
    /// normal by fan-out, normalizations by running moments 0 and 1 are the identity up to `1 / sqrt(1 + 1e-5)`, so that
    /// nothing is added anywhere: `f(c x) = c f(x)` for c > 0 of normalized pictures x, and the norm of the features follows
    /// their contrast.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Device`].
    ///
    /// # Source
    /// Effective Subset Selection Through the Lens of Neural Network Pruning (2024), figure 4a; it does not state the
    /// initialization.
    pub fn untrained(name: &str, side: usize, normalize: Normalize, seed: u64, device: Device) -> Result<Self, Error> {
        NetEncoder::new(name, &NetEncoder::untrained_model(name, side, normalize, seed)?, device)
    }

    /// The weights of [`NetEncoder::untrained`].
    ///
    /// # Errors
    /// [`Error::Unknown`]; [`Error::Setting`] for pictures without pixels.
    pub fn untrained_model(name: &str, side: usize, normalize: Normalize, seed: u64) -> Result<Model, Error> {
        let Some((_, network)) = UNTRAINED.iter().find(|untrained| untrained.0 == name) else {
            let known = UNTRAINED.map(|untrained| untrained.0).join(", ");
            return Err(Error::Unknown { what: "untrained network", name: name.into(), known });
        };
        if side == 0 {
            return Err(Error::Setting { name: "side", rule: "at least 1".into(), got: "0".into() });
        }
        let about = About {
            network: (*network).into(),
            classes: 1,
            side,
            normalize,
            class_names: Vec::new(),
            training: serde_json::json!({ "kind": "untrained", "seed": seed }),
        };
        Model::untrained(about, Init::HeFanOut, seed)
    }

    /// What its weights are of.
    pub fn about(&self) -> &About {
        &self.about
    }
}

impl Encoder for NetEncoder {
    fn name(&self) -> &str {
        &self.name
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn fit(&self) -> Fit {
        self.fit
    }

    fn batch(&self) -> usize {
        self.batch
    }

    fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    fn encode(&self, pixels: &[u8], out: &mut [f32]) -> Result<(), ImageError> {
        let area = self.fit.side * self.fit.side;
        let each = 3 * area * self.batch;
        assert_eq!(pixels.len() * self.dim, out.len() * 3 * area, "a row for each picture");
        for (pixels, out) in pixels.chunks(each).zip(out.chunks_mut(self.batch * self.dim)) {
            let mut values = vec![0.0; pixels.len()];
            for (values, picture) in values.chunks_exact_mut(3 * area).zip(pixels.chunks_exact(3 * area)) {
                for (values, (channel, table)) in values.chunks_exact_mut(area).zip(self.table.iter().enumerate()) {
                    let bytes = picture[channel..].iter().step_by(3);
                    values.iter_mut().zip(bytes).for_each(|(value, byte)| *value = table[usize::from(*byte)]);
                }
            }
            out.copy_from_slice(&self.run.features(self.fit.side, values));
        }
        Ok(())
    }
}

/// A network with weights on some engine.
trait Run: Send + Sync {
    fn at_once(&self, side: usize) -> usize;

    /// Features of pictures `(n, 3, side, side)`.
    fn features(&self, side: usize, values: Vec<f32>) -> Vec<f32>;
}

struct Placed<E: Engine> {
    engine: E,
    network: Network,
    weights: Weights<E>,
}

impl<E: Engine> Run for Placed<E> {
    fn at_once(&self, side: usize) -> usize {
        self.engine.at_once(self.network.largest_map(side))
    }

    fn features(&self, side: usize, values: Vec<f32>) -> Vec<f32> {
        let n = values.len() / (3 * side * side);
        let pictures = self.engine.maps([n, 3, side, side], values);
        self.engine.row_values(&self.network.features(&self.engine, &self.weights, &pictures))
    }
}

struct Place<'a> {
    model: &'a Model,
}

impl Job for Place<'_> {
    type Output = Box<dyn Run>;

    fn run<E: Engine>(self, engine: E) -> Result<Box<dyn Run>, Error> {
        let network = self.model.network().clone();
        let weights = network.place(&engine, self.model.values());
        Ok(Box::new(Placed { engine, network, weights }))
    }
}

#[cfg(test)]
#[path = "encoder_tests.rs"]
mod tests;
