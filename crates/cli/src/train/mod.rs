//! `subsel train`: networks from images.

mod classifier;
mod pictures;
mod probe;
mod simclr;
mod watch;

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use subsel::Context;
use subsel::plan::{bytes_text, secs_text};
use subsel_nets::train::Keep;
use subsel_nets::{Device, Estimate, RECIPES, Recipe, SIMCLR_RECIPES, SimclrRecipe};

use crate::args::{RecipesArgs, TrainArgs, TrainCommand, TrainingArgs};
use crate::failure::{DONE, Failure, Kind};
use crate::memory;
use crate::messages::{self, count};
use crate::run::context;

/// Trainings longer than this are told of before they begin.
const LONG_SECS: f64 = 20.0;

/// Runs the command.
pub(crate) fn run(args: TrainArgs) -> Result<u8, Failure> {
    let resumable = |failure: Failure| match failure.kind {
        Kind::Interrupted => failure.or_hint("the same command goes on from the last checkpoint (`--every` epochs)"),
        _ => failure,
    };
    match args.what {
        TrainCommand::Classifier(args) => classifier::run(&args).map_err(resumable),
        TrainCommand::Simclr(args) => simclr::run(&args).map_err(resumable),
        TrainCommand::Probe(args) => probe::run(&args),
        TrainCommand::Recipes(args) => recipes(&args),
    }
}

/// The recipe of a classifier, by name or in a file.
pub(crate) fn recipe(text: &str) -> Result<Recipe, Failure> {
    by_name_or_file(text, Recipe::named)
}

fn simclr_recipe(text: &str) -> Result<SimclrRecipe, Failure> {
    by_name_or_file(text, SimclrRecipe::named)
}

fn by_name_or_file<T: DeserializeOwned>(
    text: &str,
    named: impl Fn(&str) -> Result<T, subsel_nets::Error>,
) -> Result<T, Failure> {
    let path = Path::new(text);
    if path.extension().is_none_or(|extension| extension != "toml") {
        return named(text).map_err(|error| Failure::from(error).or_hint("a recipe of your own is a .toml file"));
    }
    let content = std::fs::read_to_string(path).map_err(|error| Failure::io("open", path, &error))?;
    toml::from_str(&content).map_err(|error| {
        let message = format!("{text}: {}", error.to_string().trim_end());
        Failure::usage(message).hint("`subsel train recipes NAME` shows one that is whole")
    })
}

fn recipes(args: &RecipesArgs) -> Result<u8, Failure> {
    let text = match &args.name {
        None => {
            let all = RECIPES.iter().chain(&SIMCLR_RECIPES);
            all.map(|(name, summary)| format!("{name:20} {summary}\n")).collect()
        }
        Some(name) => match Recipe::named(name) {
            Ok(recipe) => in_toml(&recipe)?,
            Err(_) if SIMCLR_RECIPES.iter().any(|(known, _)| known == name) => in_toml(&SimclrRecipe::named(name)?)?,
            Err(error) => return Err(error.into()),
        },
    };
    messages::print(&text)?;
    Ok(DONE)
}

fn in_toml(recipe: &impl Serialize) -> Result<String, Failure> {
    toml::to_string(recipe).map_err(|error| Failure::new(format!("cannot write TOML: {error}")))
}

/// What both kinds of training begin with.
struct Begun {
    ctx: Context,
    device: Device,
    keep: Keep,
}

/// Bytes that a training may take there; of a GPU it is not known.
pub(crate) fn allowed(device: Device) -> u64 {
    if device == Device::Cpu { memory::allowed(None) } else { u64::MAX }
}

/// Refuses a training on the processor beyond the memory there is.
fn check_memory(device: Device, bytes: u64) -> Result<(), Failure> {
    if device != Device::Cpu {
        return Ok(());
    }
    memory::check(bytes, None).map_err(|failure| {
        failure.hint(
            "`--batch` takes fewer images a step; where the recipe's step takes all there are, `--rows` names the few to train on",
        )
    })
}

impl TrainingArgs {
    fn begin(&self) -> Result<Begun, Failure> {
        let device: Device = self.device.parse()?;
        device.check()?;
        // What is there already is gone on from, if it is of this training; that it is one is seen when it is read.
        let keep = Keep { path: self.output.clone(), every: self.every.max(1), resume: !self.say.force };
        Ok(Begun { ctx: context(self.seed, self.threads, None)?, device, keep })
    }

    /// Tells how long it takes. Whether that was all that was wanted.
    fn tell(&self, estimate: &Estimate, device: Device) -> Result<bool, Failure> {
        let text = format!(
            "{} epochs, {} steps of {} images: about {} on {} here ({} images a second, {:.1e} multiply-adds, {} of memory)",
            count(estimate.epochs),
            count(estimate.steps),
            count(estimate.batch),
            secs_text(estimate.seconds),
            estimate.device,
            count(estimate.images_per_second as usize),
            estimate.macs,
            bytes_text(estimate.bytes),
        );
        if self.dry_run {
            if let Err(failure) = check_memory(device, estimate.bytes) {
                messages::warning(&failure.message);
            }
            if self.say.json {
                messages::print_json(estimate)?;
            } else {
                messages::print(&text)?;
            }
        } else if estimate.seconds > LONG_SECS && !self.say.quiet {
            messages::say(&text);
        }
        Ok(self.dry_run)
    }
}
