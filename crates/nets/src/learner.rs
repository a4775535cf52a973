//! Networks as the models of selection via proxy.

use std::time::Instant;

use subsel::training::Tracker;
use subsel::{Classes, Context, OutputKind};
use subsel_images::Pixels;
use subsel_proxy::{Features, Job, Learned, Learner, Seconds};
use xxhash_rust::xxh3::Xxh3;

use crate::train::{Classifier, ClassifierOptions, Keep, Labeled, classifier};
use crate::{Device, Error, Length, Recipe, Schedule};

/// Epochs from one checkpoint to the next.
const KEPT_EVERY: usize = 5;

/// A network that is trained from scratch each time it is asked, by a recipe.
///
/// Gives logits and penultimate features of all pictures, in evaluation mode and without augmentation, and the scores of
/// its training. A training that was stopped goes on from its last checkpoint.
#[derive(Debug)]
pub struct NetLearner<'a> {
    name: String,
    recipe: Recipe,
    pool: &'a Pixels,
    labels: &'a Classes,
    test: Option<(&'a Pixels, &'a [u32])>,
    device: Device,
    /// Of the pictures: what was learned of others is not taken for this.
    pictures: u64,
}

impl Recipe {
    /// The same in so many epochs: a schedule by steps is drawn together or out, others go by progress anyway.
    #[must_use]
    pub fn in_epochs(mut self, epochs: usize) -> Self {
        if let Schedule::Steps { table } = &mut self.schedule {
            let all: f64 = table.iter().map(|(_, epochs)| epochs).sum();
            table.iter_mut().for_each(|(_, part)| *part *= epochs as f64 / all);
        }
        self.length = Length::Epochs(epochs);
        self
    }
}

impl<'a> NetLearner<'a> {
    /// A network for these pictures, whose classes are known, examined on test pictures with their classes.
    ///
    /// # Errors
    /// [`Error::Setting`] of the recipe, [`Error::Length`], [`Error::Side`], [`Error::Unknown`] network.
    pub fn new(
        name: impl Into<String>,
        recipe: Recipe,
        (pool, labels): (&'a Pixels, &'a Classes),
        test: Option<(&'a Pixels, &'a [u32])>,
        device: Device,
    ) -> Result<Self, Error> {
        recipe.check()?;
        crate::Network::named(&recipe.network, labels.names.len())?;
        if labels.codes.len() != pool.len() {
            return Err(Error::Length { what: "labels", got: labels.codes.len(), n: pool.len() });
        }
        if let Some((pixels, codes)) = test {
            if codes.len() != pixels.len() {
                return Err(Error::Length { what: "test labels", got: codes.len(), n: pixels.len() });
            }
            if pixels.side() != pool.side() {
                return Err(Error::Side { got: pixels.side(), side: pool.side() });
            }
        }
        let mut hash = Xxh3::new();
        hash.update(pool.bytes());
        test.iter().for_each(|(pixels, _)| hash.update(pixels.bytes()));
        Ok(NetLearner { name: name.into(), recipe, pool, labels, test, device, pictures: hash.digest() })
    }

    fn trained(&self, job: &Job<'_>, ctx: &Context) -> Result<Learned, Error> {
        let classes = self.labels.names.len();
        let data = Labeled { pixels: self.pool, rows: job.rows, labels: &self.labels.codes, classes };
        let mut tracker = match job.wants.dynamics {
            Some(_) => Some(Tracker::new(self.pool.len(), Some(classes))?),
            None => None,
        };
        // Apart: one that was not tracked cannot be gone on from with scores.
        let file = if tracker.is_some() { "weights-tracked.safetensors" } else { "weights.safetensors" };
        let keep = Keep { path: job.dir.join(file), every: KEPT_EVERY, resume: true };
        let options = ClassifierOptions {
            device: self.device,
            seed: job.seed,
            keep: Some(keep),
            tracker: tracker.as_mut(),
            ..ClassifierOptions::default()
        };
        let Classifier { model, seconds: train, .. } = classifier(&self.recipe, data, options, ctx)?;
        let began = Instant::now();
        let mut learned = Learned::default();
        if job.wants.logits || job.wants.features {
            let every: Vec<usize> = (0..self.pool.len()).collect();
            let found = model.outputs(self.pool, &every, self.device, ctx)?;
            learned.outputs = Some(subsel::Outputs::new(OutputKind::Logits, found.logits, classes));
            learned.features = job.wants.features.then_some(Features { values: found.features, dim: found.dim });
        }
        learned.seconds = Seconds { train, infer: began.elapsed().as_secs_f64() };
        learned.scores = tracker.zip(job.wants.dynamics).map(|(tracker, score)| tracker.scores(score));
        if let Some((pixels, _)) = self.test {
            let every: Vec<usize> = (0..pixels.len()).collect();
            let found = model.outputs(pixels, &every, self.device, ctx)?;
            learned.test_outputs = Some(subsel::Outputs::new(OutputKind::Logits, found.logits, classes));
        }
        Ok(learned)
    }
}

impl Learner for NetLearner<'_> {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn describe(&self) -> String {
        // All of it tells one training from another; people are told the gist.
        let recipe = xxhash_rust::xxh3::xxh3_64(&serde_json::to_vec(&self.recipe).unwrap_or_default());
        // Where it runs changes the last digits.
        let (name, device, gist) = (&self.name, self.device, self.recipe.gist());
        let (side, pictures) = (self.pool.side(), self.pictures);
        format!("{name} on {device}: {gist} (recipe {recipe:016x}), {side} x {side} pixels (pictures {pictures:016x})")
    }

    fn learn(&mut self, job: &Job<'_>, ctx: &Context) -> Result<Learned, subsel_proxy::Error> {
        self.trained(job, ctx).map_err(|error| match error {
            Error::Subsel(error) => error.into(),
            other => subsel_proxy::Error::Learner { name: self.name.clone(), detail: other.to_string() },
        })
    }
}
