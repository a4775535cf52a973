//! Running moments of a network that was not trained, from pictures.

use subsel::{Context, Stream};
use subsel_images::{Augment, Batcher, Pixels};

use crate::device::Job;
use crate::engine::{Engine, team};
use crate::train::pictures;
use crate::{Device, Error, Model};

/// Pictures that are normalized together.
const BATCH: usize = 64;

impl Model {
    /// The same with running moments of normalizations as these pictures have them: the mean over batches of 64 in their
    /// order, the last one left out unless it is the only one. Nothing else changes.
    ///
    /// # Errors
    /// [`Error::Side`] for pictures of another size, [`Error::NoRows`], the device's, interruption.
    ///
    /// # Cost
    /// One forward pass; memory of all maps of a batch.
    pub fn calibrated(self, pixels: &Pixels, device: Device, ctx: &Context) -> Result<Self, Error> {
        if pixels.side() != self.about().side {
            return Err(Error::Side { got: pixels.side(), side: self.about().side });
        }
        if pixels.is_empty() {
            return Err(Error::NoRows);
        }
        device.run(Calibration { model: self, pixels, ctx })
    }
}

struct Calibration<'a> {
    model: Model,
    pixels: &'a Pixels,
    ctx: &'a Context,
}

impl Job for Calibration<'_> {
    type Output = Model;

    fn run<E: Engine>(self, engine: E) -> Result<Model, Error> {
        let Calibration { model, pixels, ctx } = self;
        let side = pixels.side();
        let batcher = Batcher::new(pixels, Augment::default(), model.about().normalize, Stream::new(0, "plain"))?;
        let rows: Vec<usize> = (0..pixels.len()).collect();
        let batches = (rows.len() / BATCH).max(1);
        let mut weights = model.network().place(&engine, model.values());
        team::together(ctx.threads(), || {
            for (i, rows) in rows.chunks(BATCH).take(batches).enumerate() {
                ctx.go_on()?;
                let x = pictures(&engine, &batcher, side, rows, (0, 1), &vec![0; rows.len()]);
                // Toward the mean of all batches so far.
                let network = model.network().clone().with_momentum(1.0 / (i + 1) as f32);
                network.train(&engine, &mut weights, &x);
            }
            Ok::<_, Error>(())
        })?;
        let values = model.network().read(&engine, &weights).into_iter().map(|tensor| tensor.values).collect();
        Ok(Model::new(model.about().clone(), model.network().clone(), values))
    }
}

#[cfg(test)]
mod tests {
    use subsel::Settings;
    use subsel_images::Normalize;

    use super::*;
    use crate::NetEncoder;
    use crate::engine::Cpu;

    fn context() -> Context {
        Context::new(&Settings { threads: Some(2), ..Settings::default() }).expect("a context")
    }

    fn some_pixels(n: usize, seed: u64) -> Pixels {
        let stream = Stream::new(seed, "bytes");
        Pixels::new(16, (0..(n * 3 * 256) as u64).map(|i| stream.bits(i) as u8).collect(), None).expect("pictures")
    }

    #[test]
    fn a_calibrated_network_normalizes_its_pictures_as_in_training() {
        let pixels = some_pixels(64, 1);
        let model = NetEncoder::untrained_model("random-resnet18", 16, Normalize::CIFAR10, 3).expect("a model");
        let engine = Cpu::new();
        let rows: Vec<usize> = (0..64).collect();
        let plain = model.clone();
        let model = model.calibrated(&pixels, Device::Cpu, &context()).expect("a model");
        let got = model.outputs(&pixels, &rows, Device::Cpu, &context()).expect("features").features;
        let batcher =
            Batcher::new(&pixels, Augment::default(), Normalize::CIFAR10, Stream::new(0, "plain")).expect("a batcher");
        let mut weights = plain.network().place(&engine, plain.values());
        let x = pictures(&engine, &batcher, 16, &rows, (0, 1), &[0; 64]);
        let tape = plain.network().train(&engine, &mut weights, &x);
        let want = engine.row_values(tape.features());
        // Running variances have divisor n - 1.
        let scale = want.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
        for (got, want) in got.iter().zip(&want) {
            assert!((got - want).abs() < 0.02 * scale, "{got}, in training {want}");
        }
        let before = plain.outputs(&pixels, &rows, Device::Cpu, &context()).expect("features").features;
        assert!(before.iter().zip(&want).any(|(before, want)| (before - want).abs() > 0.1 * scale));
    }

    #[test]
    fn moments_are_the_mean_over_whole_batches() {
        let model =
            || NetEncoder::untrained_model("random-resnet18-imagenet", 16, Normalize::UNIT, 1).expect("a model");
        let pixels = some_pixels(150, 2);
        let calibrated = |n: usize, from: usize| {
            let bytes = pixels.bytes()[from * 768..(from + n) * 768].to_vec();
            let some = Pixels::new(16, bytes, None).expect("pictures");
            let model = model().calibrated(&some, Device::Cpu, &context()).expect("a model");
            let mean = model.tensors().into_iter().find(|tensor| tensor.name == "bn1.running_mean");
            mean.expect("a mean").values
        };
        let (all, first, second) = (calibrated(150, 0), calibrated(64, 0), calibrated(64, 64));
        for ((all, first), second) in all.iter().zip(&first).zip(&second) {
            assert!((all - (first + second) / 2.0).abs() < 1e-5 * (1.0 + all.abs()));
        }
    }

    #[test]
    fn pictures_of_another_size_and_none_are_refused() {
        let model = || NetEncoder::untrained_model("random-resnet18", 8, Normalize::UNIT, 1).expect("a model");
        let error = model().calibrated(&some_pixels(2, 1), Device::Cpu, &context()).expect_err("another size");
        assert_eq!(error.to_string(), "the pictures are of 16 x 16 pixels, the network's of 8 x 8");
        let none = Pixels::new(8, Vec::new(), None).expect("no picture");
        assert!(matches!(model().calibrated(&none, Device::Cpu, &context()), Err(Error::NoRows)));
    }
}
