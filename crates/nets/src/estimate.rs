//! How long a training would take.

use serde::Serialize;
use subsel::{Context, Stream};
use subsel_images::Pixels;

use crate::network::Network;
use crate::train::{ClassifierOptions, EpochLog, Labeled, SimclrOptions, classifier, simclr};
use crate::{Batches, Device, Error, Length, Recipe, SimclrRecipe};

/// What a training comes to, from a few steps of it on made pictures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The device that was measured.
    pub device: String,
    /// Epochs.
    pub epochs: usize,
    /// Steps.
    pub steps: usize,
    /// Pictures of a step; views, for SimCLR.
    pub batch: usize,
    /// Multiply-accumulates in all, backwards included.
    pub macs: f64,
    /// Pictures per second, as measured.
    pub images_per_second: f64,
    /// Seconds in all, looks at test pictures and checkpoints not counted.
    pub seconds: f64,
    /// Bytes that it holds beside the pictures, on whatever device.
    pub bytes: u64,
}

/// Bytes that a training of a classifier on `n` pictures of this side holds beside the pictures: maps of a step, and
/// weights with all that is kept of them.
///
/// # Errors
/// [`Error::Unknown`] network.
pub fn training_bytes(recipe: &Recipe, (n, side, classes): (usize, usize, usize)) -> Result<u64, Error> {
    recipe.check()?;
    let network = Network::named(&recipe.network, classes)?;
    // The last batch is of another size, and has arrays of its own.
    Ok(network.step_bytes(side, 2 * recipe.batches.plan(n).size) + 16 * network.weight_count() as u64)
}

/// The same of a training without labels, for two views of every picture.
///
/// # Errors
/// [`Error::Unknown`] network.
pub fn simclr_bytes(recipe: &SimclrRecipe, (n, side): (usize, usize)) -> Result<u64, Error> {
    recipe.check()?;
    let (network, views) = (Network::named(&recipe.network, 1)?, 2 * recipe.batches.plan(n).size);
    let products = 8 * (views * views) as u64;
    Ok(network.step_bytes(side, 2 * views) + products + 16 * network.weight_count() as u64)
}

/// Steps that are measured, after one that is not.
const MEASURED: usize = 2;

/// Pictures, or views, of a step that is measured: more go through a network at the same speed.
const MEASURED_AT_ONCE: usize = 1024;

/// How many of the pictures of a step are measured, so that no more memory is taken than is allowed.
fn measured_size(
    size: usize,
    most: usize,
    allowed: u64,
    bytes: impl Fn(usize) -> Result<u64, Error>,
) -> Result<usize, Error> {
    let mut measured = size.min(most);
    while measured > 1 && bytes(measured)? > allowed {
        measured = measured.div_ceil(2);
    }
    Ok(measured)
}

/// Estimates the training of a classifier on `n` pictures of this side.
///
/// # Errors
/// Those of [`classifier`](classifier()).
///
/// # Cost
/// Three steps of the training; of smaller ones, where those take more memory than is `allowed` in bytes.
pub fn estimate(
    recipe: &Recipe,
    (n, side, classes): (usize, usize, usize),
    device: Device,
    allowed: u64,
    ctx: &Context,
) -> Result<Estimate, Error> {
    recipe.check()?;
    if n == 0 {
        return Err(Error::NoRows);
    }
    let plan = recipe.batches.plan(n);
    let network = Network::named(&recipe.network, classes)?;
    let bytes = |n| training_bytes(&Recipe { batches: Batches::of(n), ..recipe.clone() }, (n, side, classes));
    let size = measured_size(plan.size, MEASURED_AT_ONCE, allowed, bytes)?;
    let short = Recipe { length: Length::Epochs(1 + MEASURED), batches: Batches::of(size), ..recipe.clone() };
    let (pixels, rows) = made(size, side)?;
    let labels: Vec<u32> = (0..size).map(|i| (i % classes.max(1)) as u32).collect();
    let data = Labeled { pixels: &pixels, rows: &rows, labels: &labels, classes };
    let mut log: Vec<EpochLog> = Vec::new();
    let options = ClassifierOptions { device, watch: Some(&mut log), ..ClassifierOptions::default() };
    classifier(&short, data, options, ctx)?;
    let bytes = training_bytes(recipe, (n, side, classes))?;
    Ok(sum_up(&log, plan.span(recipe.length), (plan.size, network.macs(side)), bytes, device))
}

/// Estimates a training without labels on `n` pictures of this side.
///
/// # Errors
/// Those of [`simclr`](simclr()).
///
/// # Cost
/// Three steps of the training; of smaller ones, where those take more memory than is `allowed` in bytes.
pub fn estimate_simclr(
    recipe: &SimclrRecipe,
    (n, side): (usize, usize),
    device: Device,
    allowed: u64,
    ctx: &Context,
) -> Result<Estimate, Error> {
    recipe.check()?;
    let plan = recipe.batches.plan(n);
    let network = Network::named(&recipe.network, 1)?;
    let bytes = |n| simclr_bytes(&SimclrRecipe { batches: Batches::of(n), ..recipe.clone() }, (n, side));
    let size = measured_size(plan.size, MEASURED_AT_ONCE / 2, allowed, bytes)?;
    let short = SimclrRecipe { length: Length::Epochs(1 + MEASURED), batches: Batches::of(size), ..recipe.clone() };
    let (pixels, rows) = made(size, side)?;
    let mut log: Vec<EpochLog> = Vec::new();
    let options = SimclrOptions { device, watch: Some(&mut log), ..SimclrOptions::default() };
    simclr(&short, &pixels, &rows, options, ctx)?;
    let bytes = simclr_bytes(recipe, (n, side))?;
    Ok(sum_up(&log, plan.span(recipe.length), (2 * plan.size, network.macs(side)), bytes, device))
}

/// Pictures of noise.
fn made(n: usize, side: usize) -> Result<(Pixels, Vec<usize>), Error> {
    let stream = Stream::new(0, "made");
    let bytes = (0..n * 3 * side * side).map(|i| stream.bits(i as u64) as u8).collect();
    Ok((Pixels::new(side, bytes, None)?, (0..n).collect()))
}

fn sum_up(
    log: &[EpochLog],
    (epochs, steps): (usize, usize),
    (batch, macs): (usize, u64),
    bytes: u64,
    device: Device,
) -> Estimate {
    // The first step pays for memory and, on a GPU, for kernels.
    let measured = &log[1..];
    let rate = measured.len() as f64 / measured.iter().map(|one| 1.0 / one.images_per_second).sum::<f64>();
    let images = (steps * batch) as f64;
    Estimate {
        device: device.to_string(),
        epochs,
        steps,
        batch,
        macs: 3.0 * macs as f64 * images,
        images_per_second: rate,
        seconds: images / rate,
        bytes,
    }
}

#[cfg(test)]
mod tests {
    use subsel::Settings;

    use super::*;

    #[test]
    fn estimates_are_of_the_whole_training() {
        let ctx = Context::new(&Settings::default()).expect("a context");
        let recipe = Recipe {
            network: "resnet8".into(),
            batches: Batches::of(16),
            ..Recipe::named("svp-cifar").expect("a name")
        };
        let found = estimate(&recipe, (1_000, 8, 10), Device::Cpu, u64::MAX, &ctx).expect("an estimate");
        assert_eq!((found.epochs, found.steps, found.batch), (181, 181 * 63, 16));
        assert!((found.seconds * found.images_per_second / (181.0 * 63.0 * 16.0) - 1.0).abs() < 1e-9);
        let macs = Network::named("resnet8", 10).expect("a name").macs(8) as f64;
        assert_eq!(found.macs, 3.0 * macs * (181 * 63 * 16) as f64);
        let recipe = SimclrRecipe {
            network: "resnet8".into(),
            batches: Batches { drop_last: true, ..Batches::of(16) },
            ..SimclrRecipe::named("simclr-small").expect("a name")
        };
        let found = estimate_simclr(&recipe, (100, 8), Device::Cpu, u64::MAX, &ctx).expect("an estimate");
        assert_eq!((found.epochs, found.steps, found.batch), (20, 120, 32));
    }

    #[test]
    fn what_takes_too_much_memory_is_estimated_by_smaller_steps() {
        let ctx = Context::new(&Settings::default()).expect("a context");
        let whole = Batches { whole: true, ..Batches::of(100) };
        let recipe =
            Recipe { network: "resnet8".into(), batches: whole, ..Recipe::named("ngs-supervised").expect("a name") };
        let allowed = 1 << 24;
        let found = estimate(&recipe, (50_000, 8, 10), Device::Cpu, allowed, &ctx).expect("an estimate");
        assert_eq!((found.epochs, found.steps, found.batch), (200, 200, 50_000));
        assert_eq!(found.bytes, training_bytes(&recipe, (50_000, 8, 10)).expect("a network"));
        assert!(found.bytes > 100 * allowed);
        let size = |allowed| measured_size(512, 1024, allowed, |n| Ok(n as u64));
        assert_eq!([size(512), size(511), size(100), size(0)].map(|size| size.expect("a size")), [512, 256, 64, 1]);
    }

    #[test]
    fn bytes_grow_with_the_batch() {
        let recipe = Recipe { batches: Batches::of(64), ..Recipe::named("svp-cifar").expect("a name") };
        let bytes = |n| training_bytes(&recipe, (n, 32, 10)).expect("a network");
        // ResNet-20 makes 200,704 values per picture of 32 pixels in its convolutions, 12,288 of them in its shortcuts.
        let per_picture = 4 * (3 * 1024 + 3 * (7 * 16_384 + 7 * 8_192 + 7 * 4_096));
        assert_eq!(bytes(64) - bytes(32), 2 * 32 * per_picture);
        assert_eq!(bytes(10_000), bytes(64));
    }
}
