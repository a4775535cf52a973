//! Training of classifiers.

use std::time::Instant;

use serde_json::json;
use subsel::training::Tracker;
use subsel::{Context, Stream};
use subsel_images::{Batcher, ChannelStats, Pixels};
use xxhash_rust::xxh3::Xxh3;

use super::log::{EpochLog, Watch};
use super::order::Order;
use super::state::State;
use super::{Keep, Labeled, pictures};
use crate::device::Job;
use crate::engine::{Engine, team};
use crate::loss::cross_entropy;
use crate::model::About;
use crate::network::Network;
use crate::outputs::{largest, score};
use crate::schedule::Place;
use crate::{Device, Error, Model, Recipe};

/// What a training of a classifier can be given beside recipe and data.
#[derive(Default)]
pub struct ClassifierOptions<'a> {
    /// Where it runs.
    pub device: Device,
    /// Seed of initial weights, order and augmentation.
    pub seed: u64,
    /// Weights to begin with; by default they are drawn.
    pub start: Option<&'a Model>,
    /// Pictures to be told after every so many epochs, and after the last.
    pub test: Option<(Labeled<'a>, usize)>,
    /// Is given every batch before its step; its rows are the pictures, by number.
    pub tracker: Option<&'a mut Tracker>,
    /// Hears of every epoch.
    pub watch: Option<&'a mut dyn Watch>,
    /// Where it is kept while it runs.
    pub keep: Option<Keep>,
}

/// A trained classifier.
#[derive(Clone, Debug)]
pub struct Classifier {
    /// The weights after the last epoch.
    pub model: Model,
    /// Share of test pictures told rightly in the end, where there are some.
    pub test_accuracy: Option<f64>,
    /// The most of all looks, which papers often print; it is chosen on the test pictures.
    pub best_test_accuracy: Option<f64>,
    /// Epochs.
    pub epochs: usize,
    /// Steps.
    pub steps: usize,
    /// Seconds it took, in all its parts where it was stopped.
    pub seconds: f64,
}

/// Trains a classifier on labeled pictures.
///
/// # Guarantees
/// On the processor the weights are the same for a seed, for any number of threads, and whether or not the training was
/// stopped and resumed.
///
/// # Errors
/// [`Error::NoRows`], [`Error::Row`], [`Error::Class`], [`Error::Length`]; [`Error::Setting`] of the recipe;
/// [`Error::Diverged`]; those of files and of the device; interruption.
///
/// # Cost
/// Three times [`Network::macs`] per picture and epoch; memory of all maps of a batch, twice, and of four copies of the
/// weights.
pub fn classifier(
    recipe: &Recipe,
    data: Labeled<'_>,
    options: ClassifierOptions<'_>,
    ctx: &Context,
) -> Result<Classifier, Error> {
    data.check()?;
    recipe.check()?;
    if let Some((test, _)) = &options.test {
        test.check()?;
        if test.pixels.side() != data.pixels.side() {
            return Err(Error::Side { got: test.pixels.side(), side: data.pixels.side() });
        }
    }
    options.device.run(Training { recipe, data, options, ctx })
}

struct Training<'a, 'o> {
    recipe: &'a Recipe,
    data: Labeled<'a>,
    options: ClassifierOptions<'o>,
    ctx: &'a Context,
}

impl Job for Training<'_, '_> {
    type Output = Classifier;

    fn run<E: Engine>(self, engine: E) -> Result<Classifier, Error> {
        let threads = self.ctx.threads();
        team::together(threads, || self.train(&engine))
    }
}

impl Training<'_, '_> {
    fn about(&self, network: &Network) -> About {
        let Training { recipe, data, options, ctx } = self;
        let mut names = data.pixels.labels().map_or(Vec::new(), |labels| labels.names.clone());
        names.truncate(data.classes);
        About {
            network: network.name().into(),
            classes: data.classes,
            side: data.pixels.side(),
            normalize: recipe.normalize.unwrap_or_else(|| ChannelStats::of_pixels(data.pixels, ctx).normalize()),
            class_names: names,
            training: json!({
                "kind": "classifier",
                "recipe": recipe,
                "seed": options.seed,
                "rows": data.rows.len(),
                "data": hash(data.rows, &data.classes_of_rows()),
                "pictures": hash_of(data.pixels, data.rows),
                "start": options.start.map(|model| hash_values(model.values())),
                "tracked": options.tracker.is_some(),
            }),
        }
    }

    fn train<E: Engine>(mut self, engine: &E) -> Result<Classifier, Error> {
        let begin = Instant::now();
        let (recipe, data, ctx) = (self.recipe, self.data, self.ctx);
        let network = Network::named(&recipe.network, data.classes)?;
        let about = self.about(&network);
        let side = data.pixels.side();
        let stream = |name: &str| Stream::new(self.options.seed, name);
        let batcher = Batcher::new(data.pixels, recipe.augment.steps(side)?, about.normalize, stream("augmentation"))?;
        let plan = recipe.batches.plan(data.rows.len());
        let order = Order::new(data.rows.len(), plan, stream("order"));
        let (epochs, steps) = plan.span(recipe.length);
        let weights = match self.options.start {
            Some(model) if model.network().tensors() == network.tensors() => network.place(engine, model.values()),
            Some(model) => {
                let (got, want) = (model.network(), &network);
                return Err(Error::Setting {
                    name: "start",
                    rule: format!("weights of {} with {} classes", want.name(), want.classes()),
                    got: format!("{} with {}", got.name(), got.classes()),
                });
            }
            None => network.init(engine, recipe.init, self.options.seed),
        };
        let mut state = State::new(engine, weights, Vec::new(), &recipe.optimizer);
        if let Some(keep) = &self.options.keep {
            let tracker = self.options.tracker.as_deref_mut();
            state.resume(engine, &network, &[], &about, keep, tracker)?;
        }
        let test_hash = self.options.test.as_ref().map_or(String::new(), |(test, _)| {
            format!("{}{}", hash_of(test.pixels, test.rows), hash(test.rows, &test.classes_of_rows()))
        });
        // A look at other pictures is none at these.
        state.best.take_if(|best| best.of != test_hash);
        let earlier = state.seconds;
        let mut test_accuracy = None;
        if let Some(watch) = self.options.watch.as_deref_mut() {
            watch.begin(state.epoch, epochs)?;
        }
        ctx.progress().begin("training", steps as u64);
        for epoch in state.epoch..epochs {
            let epoch_begin = Instant::now();
            let (mut losses, mut right, mut seen, mut taken, mut rate) = (0.0, 0, 0, 0, 0.0);
            for batch in order.batches(epoch) {
                if state.step == steps {
                    break;
                }
                ctx.go_on()?;
                let rows: Vec<usize> = batch.places.iter().map(|place| data.rows[*place]).collect();
                let labels: Vec<u32> = rows.iter().map(|row| data.labels[*row]).collect();
                let x = pictures(engine, &batcher, side, &rows, (epoch, 1), &batch.repetitions);
                let tape = network.train(engine, &mut state.weights, &x);
                let kept = self.kept(engine, network.dim(), rows.len(), state.step);
                let features = match &kept {
                    Some(kept) => engine.times(tape.features(), kept),
                    None => tape.features().clone(),
                };
                let logits = engine.row_values(&network.logits(engine, &state.weights, &features));
                let (loss, slope) = cross_entropy(&logits, &labels, data.classes, recipe.label_smoothing);
                if !loss.is_finite() {
                    return Err(Error::Diverged { epoch, step: taken, loss });
                }
                if let Some(tracker) = self.options.tracker.as_deref_mut() {
                    let labels: Vec<usize> = labels.iter().map(|label| *label as usize).collect();
                    tracker.update(epoch as u32, &rows, &logits, &labels)?;
                }
                let told = logits.chunks_exact(data.classes).map(largest);
                right += told.zip(&labels).filter(|(told, label)| told == *label).count();
                let slope = engine.rows(data.classes, slope);
                let mut gradients = network.gradients();
                let mut by_features = network.head_back(engine, &state.weights, &features, &slope, &mut gradients);
                if let Some(kept) = &kept {
                    by_features = engine.times(&by_features, kept);
                }
                network.back(engine, &state.weights, tape, &by_features, &mut gradients);
                rate = recipe.schedule.rate(Place { epoch, epochs, step: state.step, steps });
                state.update(engine, rate, (network.entries(), &[]), &gradients, &[]);
                (losses, seen, taken) = (losses + loss, seen + rows.len(), taken + 1);
                ctx.progress().at(state.step as u64);
            }
            let trained = epoch_begin.elapsed().as_secs_f64();
            state.epoch = epoch + 1;
            let is_last = state.epoch == epochs;
            let mut log = EpochLog {
                epoch,
                epochs,
                steps: state.step,
                rate,
                loss: losses / taken as f64,
                train_accuracy: Some(right as f64 / seen as f64),
                test_accuracy: None,
                neighbors_accuracy: None,
                images_per_second: seen as f64 / trained,
                seconds: 0.0,
            };
            if let Some((test, every)) = &self.options.test
                && (is_last || state.epoch.is_multiple_of((*every).max(1)))
            {
                let accuracy = self.accuracy(engine, &network, &state, &about, *test)?;
                log.test_accuracy = Some(accuracy);
                test_accuracy = Some(accuracy);
                state.look(&test_hash, accuracy);
            }
            log.seconds = epoch_begin.elapsed().as_secs_f64();
            state.seconds = earlier + begin.elapsed().as_secs_f64();
            if let Some(watch) = self.options.watch.as_deref_mut() {
                watch.epoch(&log)?;
            }
            if let Some(keep) = &self.options.keep
                && (is_last || state.epoch.is_multiple_of(keep.every.max(1)))
            {
                state.save(engine, &network, &[], &about, keep, self.options.tracker.as_deref())?;
            }
        }
        if let (None, Some((test, _))) = (test_accuracy, &self.options.test) {
            let accuracy = self.accuracy(engine, &network, &state, &about, *test)?;
            test_accuracy = Some(accuracy);
            state.look(&test_hash, accuracy);
        }
        let best = state.best.as_ref().map(|best| best.accuracy);
        let model = state.model(engine, &network, about);
        // The loss is looked at before each step: what the last one did shows in the weights alone.
        if model.values().iter().flatten().any(|value| !value.is_finite()) {
            return Err(Error::Diverged { epoch: epochs.saturating_sub(1), step: state.step, loss: f64::NAN });
        }
        Ok(Classifier {
            model,
            test_accuracy,
            best_test_accuracy: best,
            epochs,
            steps: state.step,
            seconds: earlier + begin.elapsed().as_secs_f64(),
        })
    }

    /// What the features of a step are multiplied with where some are dropped: 0, or what makes up for those that are.
    fn kept<E: Engine>(&self, engine: &E, dim: usize, n: usize, step: usize) -> Option<E::Rows> {
        let dropout = self.recipe.dropout;
        if dropout == 0.0 {
            return None;
        }
        let stream = Stream::new(self.options.seed, "dropout").child(step as u64);
        let scale = (1.0 / (1.0 - dropout)) as f32;
        let kept = |at: usize| if stream.unit(at as u64) < dropout { 0.0 } else { scale };
        Some(engine.rows(dim, (0..n * dim).map(kept).collect()))
    }

    fn accuracy<E: Engine>(
        &self,
        engine: &E,
        network: &Network,
        state: &State<E>,
        about: &About,
        test: Labeled<'_>,
    ) -> Result<f64, Error> {
        let outputs = score(engine, network, &state.weights, about.normalize, test.pixels, test.rows, self.ctx)?;
        Ok(test.accuracy(outputs.classes_told()))
    }
}

/// A hash of the pictures of these rows.
pub(super) fn hash_of(pixels: &Pixels, rows: &[usize]) -> String {
    let mut hash = Xxh3::new();
    rows.iter().for_each(|row| hash.update(pixels.image(*row)));
    format!("{:016x}", hash.digest())
}

/// A hash of the values of a model.
fn hash_values(values: &[Vec<f32>]) -> String {
    let mut hash = Xxh3::new();
    values.iter().flatten().for_each(|value| hash.update(&value.to_le_bytes()));
    format!("{:016x}", hash.digest())
}

/// Of rows and classes: what tells one training's data from another's.
pub(super) fn hash(rows: &[usize], classes: &[u32]) -> String {
    let mut bytes = Vec::with_capacity(8 * rows.len() + 4 * classes.len());
    rows.iter().for_each(|row| bytes.extend_from_slice(&(*row as u64).to_le_bytes()));
    classes.iter().for_each(|class| bytes.extend_from_slice(&class.to_le_bytes()));
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(&bytes))
}
