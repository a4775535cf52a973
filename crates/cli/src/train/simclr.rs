//! `subsel train simclr`.

use serde::Serialize;
use subsel::plan::secs_text;
use subsel_nets::train::{Gate, SimclrOptions, simclr};
use subsel_nets::{Length, Schedule, estimate_simclr, simclr_bytes};

use super::pictures::Pictures;
use super::watch::{Told, log_path};
use super::{Begun, allowed, check_memory, simclr_recipe};
use crate::args::SimclrArgs;
use crate::failure::{DONE, Failure};
use crate::messages::{self, count};

/// What came of it. In JSON, fields are only ever added.
#[derive(Serialize)]
struct Summary {
    output: String,
    log: String,
    network: String,
    images: usize,
    epochs: usize,
    steps: usize,
    loss: Option<f64>,
    /// Share of test images told rightly by their 20 nearest neighbors, before and after.
    gate: Option<Gate>,
    passes: Option<bool>,
    secs: f64,
}

/// Runs the command.
pub(super) fn run(args: &SimclrArgs) -> Result<u8, Failure> {
    let training = &args.training;
    let mut recipe = simclr_recipe(&args.recipe)?;
    recipe.network = training.network.clone().unwrap_or(recipe.network);
    recipe.batches.size = training.batch.unwrap_or(recipe.batches.size);
    if let Some(epochs) = training.epochs {
        if let Schedule::Steps { .. } = recipe.schedule {
            return Err(Failure::usage("`--epochs` does not fit a schedule by steps").hint("change it in the recipe"));
        }
        recipe.length = Length::Epochs(epochs);
    }
    recipe.check()?;
    let Begun { ctx, device, keep } = training.begin()?;
    let quiet = training.say.quiet;
    let (train, test) = Pictures::read(&args.pictures, training.seed, quiet, &ctx)?;
    let size = (train.rows.len(), train.pixels.side());
    if !training.dry_run {
        check_memory(device, simclr_bytes(&recipe, size)?)?;
    }
    if training.tell(&estimate_simclr(&recipe, size, device, allowed(device), &ctx)?, device)? {
        return Ok(DONE);
    }
    let judge = match &test {
        Some(test) => Some((train.labeled()?, test.labeled()?, args.look.max(1))),
        None => None,
    };
    let mut told = Told::beside(&training.output, quiet)?;
    let options = SimclrOptions { device, seed: training.seed, judge, watch: Some(&mut told), keep: Some(keep) };
    let trained = simclr(&recipe, &train.pixels, &train.rows, options, &ctx)?;
    let summary = Summary {
        output: training.output.display().to_string(),
        log: log_path(&training.output).display().to_string(),
        network: recipe.network.clone(),
        images: train.rows.len(),
        epochs: trained.epochs,
        steps: trained.steps,
        loss: Some(trained.loss).filter(|loss| loss.is_finite()),
        gate: trained.gate,
        passes: trained.gate.map(Gate::passes),
        secs: trained.seconds,
    };
    tell(args, &summary)?;
    Ok(DONE)
}

fn tell(args: &SimclrArgs, summary: &Summary) -> Result<(), Failure> {
    let say = &args.training.say;
    match summary.gate {
        Some(gate) if !gate.passes() => messages::warning(&format!(
            "the features fail their gate: neighbors tell {:.1} % of the test images, and {:.1} % by the untrained network; \
             {:.0} points more are wanted before selecting by them",
            100.0 * gate.trained,
            100.0 * gate.untrained,
            100.0 * Gate::MARGIN
        )),
        Some(gate) if !say.quiet => messages::say(&format!(
            "the features pass their gate: neighbors tell {:.1} % of the test images, and {:.1} % by the untrained network",
            100.0 * gate.trained,
            100.0 * gate.untrained
        )),
        None if !say.quiet => messages::note(
            "whether the features are worth selecting by is not known: `--test-images` with classes would tell",
        ),
        _ => {}
    }
    if !say.quiet {
        messages::say(&format!(
            "{} trained without labels on {} images in {}",
            summary.network,
            count(summary.images),
            secs_text(summary.secs)
        ));
        messages::say(&format!(
            "in {}; `subsel embed --model` takes it, {} has its epochs",
            summary.output, summary.log
        ));
    }
    if say.json {
        messages::print_json(summary)?;
    }
    Ok(())
}
