//! `subsel train classifier`.

use std::path::{Path, PathBuf};

use serde::Serialize;
use subsel::plan::secs_text;
use subsel::training::{NeverLearned, Tracker, TrainingScore};
use subsel_formats::{Column, Dtype, Listed, NpyWriter, PicksTable, Rows};
use subsel_nets::train::{ClassifierOptions, classifier};
use subsel_nets::{Model, estimate, training_bytes};

use super::pictures::Pictures;
use super::watch::{Told, log_path};
use super::{Begun, allowed, check_memory, recipe};
use crate::args::ClassifierArgs;
use crate::failure::{DONE, Failure};
use crate::messages::{self, count};
use crate::output::{begin_table, column};

/// What came of it. In JSON, fields are only ever added.
#[derive(Serialize)]
struct Summary {
    output: String,
    log: String,
    network: String,
    images: usize,
    classes: usize,
    epochs: usize,
    steps: usize,
    /// Share of test images told rightly after the last epoch.
    test_accuracy: Option<f64>,
    /// The same at the best epoch, which is chosen on the test images.
    best_test_accuracy: Option<f64>,
    test_images: Option<usize>,
    secs: f64,
    written: Vec<String>,
}

/// Scores of a training by name.
const SCORES: [(&str, TrainingScore); 6] = [
    ("forgetting", TrainingScore::Forgetting(NeverLearned::Infinite)),
    ("forgetting-zero", TrainingScore::Forgetting(NeverLearned::Zero)),
    ("el2n", TrainingScore::El2n),
    ("el2n-sum", TrainingScore::El2nSum),
    ("aum", TrainingScore::AumLogit),
    ("aum-prob", TrainingScore::AumProb),
];

/// Runs the command.
pub(super) fn run(args: &ClassifierArgs) -> Result<u8, Failure> {
    let training = &args.training;
    let mut recipe = recipe(&args.recipe)?;
    recipe.network = training.network.clone().unwrap_or(recipe.network);
    recipe.batches.size = training.batch.unwrap_or(recipe.batches.size);
    if let Some(epochs) = training.epochs {
        recipe = recipe.in_epochs(epochs);
    }
    recipe.check()?;
    let scores = args.scores.iter().map(|name| score(name)).collect::<Result<Vec<_>, _>>()?;
    let Begun { ctx, device, keep } = training.begin()?;
    let quiet = training.say.quiet;
    let (train, test) = Pictures::read(&args.pictures, training.seed, quiet, &ctx)?;
    let data = train.labeled()?;
    let size = (data.rows.len(), train.pixels.side(), data.classes);
    if !training.dry_run {
        check_memory(device, training_bytes(&recipe, size)?)?;
    }
    if training.tell(&estimate(&recipe, size, device, allowed(device), &ctx)?, device)? {
        return Ok(DONE);
    }
    let mut tracker = match scores.is_empty() {
        true => None,
        false => Some(Tracker::new(train.pixels.len(), Some(data.classes))?),
    };
    let mut told = Told::beside(&training.output, quiet)?;
    let labeled = test.as_ref().map(Pictures::labeled).transpose()?;
    let options = ClassifierOptions {
        device,
        seed: training.seed,
        test: labeled.map(|labeled| (labeled, training.every.max(1))),
        tracker: tracker.as_mut(),
        watch: Some(&mut told),
        keep: Some(keep),
        ..ClassifierOptions::default()
    };
    let trained = classifier(&recipe, data, options, &ctx)?;
    let mut written = Vec::new();
    if let Some(tracker) = &tracker {
        for (name, score) in &scores {
            let values = score.harder_is_higher(tracker.scores(*score));
            written.push(write_scores(&training.output, name, values)?);
        }
    }
    if args.outputs {
        let every: Vec<usize> = (0..train.pixels.len()).collect();
        let found = trained.model.outputs(&train.pixels, &every, device, &ctx)?;
        written.push(write_rows(&training.output, "logits", &found.logits, found.classes)?);
        written.push(write_rows(&training.output, "features", &found.features, found.dim)?);
    }
    let summary = Summary {
        output: training.output.display().to_string(),
        log: log_path(&training.output).display().to_string(),
        network: recipe.network.clone(),
        images: data.rows.len(),
        classes: data.classes,
        epochs: trained.epochs,
        steps: trained.steps,
        test_accuracy: trained.test_accuracy,
        best_test_accuracy: trained.best_test_accuracy,
        test_images: labeled.map(|labeled| labeled.rows.len()),
        secs: trained.seconds,
        written: written.iter().map(|path| path.display().to_string()).collect(),
    };
    tell(args, &summary, &trained.model)?;
    Ok(DONE)
}

fn score(name: &str) -> Result<(&'static str, TrainingScore), Failure> {
    SCORES.into_iter().find(|(known, _)| *known == name).ok_or_else(|| {
        let known: Vec<&str> = SCORES.iter().map(|(name, _)| *name).collect();
        Failure::usage(format!("a training has no score `{name}`")).hint(format!("there are: {}", known.join(", ")))
    })
}

/// Writes one number per image beside the network, as `--scores` takes it; NaN of images that were not trained on.
fn write_scores(output: &Path, name: &str, values: Vec<f64>) -> Result<PathBuf, Failure> {
    let path = output.with_extension(format!("{name}.npy"));
    let rows = (0..values.len() as u64).collect();
    let columns = vec![column("row", Column::U64(rows)), column("score", Column::F64(values))];
    begin_table(&path, true)?.write(&PicksTable { columns, listed: Listed::Scores })?;
    Ok(path)
}

fn write_rows(output: &Path, name: &str, values: &[f32], dim: usize) -> Result<PathBuf, Failure> {
    let path = output.with_extension(format!("{name}.npy"));
    let mut writer = NpyWriter::create(&path, Dtype::F32, values.len() / dim, dim, true)?;
    writer.push(Rows::from_f32(values, dim))?;
    writer.finish()?;
    Ok(path)
}

fn tell(args: &ClassifierArgs, summary: &Summary, model: &Model) -> Result<(), Failure> {
    let say = &args.training.say;
    if !say.quiet {
        let test = match (summary.test_accuracy, summary.test_images) {
            (Some(accuracy), Some(n)) => {
                format!(", {:.1} % of {} test images told rightly", 100.0 * accuracy, count(n))
            }
            _ => String::new(),
        };
        messages::say(&format!(
            "{} trained on {} images of {} classes in {}{test}",
            model.about().network,
            count(summary.images),
            count(summary.classes),
            secs_text(summary.secs)
        ));
        messages::say(&format!(
            "in {}; `subsel embed --model` takes it, {} has its epochs",
            summary.output, summary.log
        ));
        if !summary.written.is_empty() {
            messages::say(&format!("also written: {}", summary.written.join(", ")));
        }
    }
    if say.json {
        messages::print_json(summary)?;
    }
    Ok(())
}
