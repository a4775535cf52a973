//! The evaluator `supervised`: a network trained from scratch on the picks.

use std::path::PathBuf;

use subsel::Context;
use subsel::plan::secs_text;
use subsel_images::{ImageSet, OnBroken, SetOptions};
use subsel_metrics::Evaluator;
use subsel_metrics::compare::Training;
use subsel_nets::{Device, Supervised, estimate};

use super::Said;
use crate::args::CompareArgs;
use crate::failure::Failure;
use crate::{images, train};

/// What it is called.
pub(super) const NAME: &str = "supervised";

/// How it trains where nothing is said.
const RECIPE: &str = "ngs-supervised";

/// The largest budget that a training is estimated for: more rows than that are rarely asked of it.
const ESTIMATED_FOR: usize = 100;

/// The evaluator, with the images that it trains on and is examined on; and how many images of the pool there are.
pub(super) fn evaluator(
    args: &CompareArgs,
    training: Option<&Training>,
    ctx: &Context,
    say: &dyn Fn(Said<'_>),
) -> Result<(Box<dyn Evaluator>, usize), Failure> {
    let test_images = &args.test_pictures.test_images;
    if args.images.is_empty() || test_images.is_empty() {
        return Err(Failure::usage("`supervised` trains on images").hint(
            "`--images INPUT` are those of the pool, row by row, and `--test-images INPUT` those of the test rows",
        ));
    }
    let named = args.train_recipe.as_deref().or(training.map(|training| training.recipe.as_str()));
    let mut recipe = train::recipe(named.unwrap_or(RECIPE))?;
    let network = args.network.as_ref().or(training.and_then(|training| training.network.as_ref()));
    recipe.network = network.cloned().unwrap_or(recipe.network);
    if let Some(epochs) = args.epochs.or(training.and_then(|training| training.epochs)) {
        recipe = recipe.in_epochs(epochs);
    }
    let device: Device = args.device.parse()?;
    device.check()?;
    let side = args.test_pictures.side;
    let load = |paths: &[PathBuf], split: Option<&String>| {
        let options = SetOptions { split: split.cloned(), ..SetOptions::default() };
        let set = ImageSet::open(paths, &options)?;
        // Rows of the pool are numbers of images: none may be missing.
        Ok::<_, Failure>(images::pixels(&set, side, OnBroken::Stop, ctx)?.0)
    };
    let pool = load(&args.images, None)?;
    let test = load(test_images, args.test_pictures.test_split.as_ref())?;
    let classes = pool.labels().map_or(10, |labels| labels.names.len());
    let one = estimate(&recipe, (ESTIMATED_FOR.min(pool.len()), side, classes), device, train::allowed(device), ctx)?;
    say(Said::Line(&format!(
        "supervised trains {} from scratch on the picks: about {} a training on {device} here, {} steps of {} images",
        recipe.network,
        secs_text(one.seconds),
        one.steps,
        one.batch
    )));
    let n_images = pool.len();
    Ok((Box::new(Supervised::new(recipe, pool, test, device)?), n_images))
}
