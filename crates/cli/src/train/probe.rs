//! `subsel train probe`.

use serde::Serialize;
use subsel_metrics::evaluators::LinearProbe;
use subsel_nets::train::probe;
use subsel_nets::{Device, Model};

use super::pictures::Pictures;
use crate::args::ProbeArgs;
use crate::failure::{DONE, Failure};
use crate::messages::{self, count};
use crate::run::context;

/// What came of it. In JSON, fields are only ever added.
#[derive(Serialize)]
struct Summary {
    model: String,
    images: usize,
    test_images: usize,
    accuracy: f64,
    /// The most that it could be, for the classes there were.
    ceiling: f64,
}

/// Runs the command.
pub(super) fn run(args: &ProbeArgs) -> Result<u8, Failure> {
    let device: Device = args.device.parse()?;
    device.check()?;
    let model = Model::load(&args.model)?;
    let ctx = context(args.seed, args.threads, None)?;
    let (train, test) = Pictures::read(&args.pictures, args.seed, args.json, &ctx)?;
    let test = test.ok_or_else(|| {
        Failure::usage("nothing tells how good the probe is").hint("`--test-images INPUT` are examined")
    })?;
    let (train, test) = (train.labeled()?, test.labeled()?);
    let found = probe(&model, &LinearProbe::default(), (train, test), args.seed, device, &ctx)?;
    let summary = Summary {
        model: args.model.display().to_string(),
        images: train.rows.len(),
        test_images: test.rows.len(),
        accuracy: found.accuracy,
        ceiling: found.ceiling,
    };
    if args.json {
        messages::print_json(&summary)?;
    } else {
        messages::print(&format!(
            "a linear layer on the features of {}, trained on {} images, tells {:.1} % of {} test images",
            summary.model,
            count(summary.images),
            100.0 * summary.accuracy,
            count(summary.test_images)
        ))?;
    }
    Ok(DONE)
}
