//! Features learned without labels: two views of a picture are to be alike.

use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::json;
use subsel::{Context, Stream};
use subsel_images::{Batcher, ChannelStats, Normalize, Pixels};
use subsel_metrics::evaluators::Neighbors;
use subsel_metrics::{Evaluator, Examples, Standard, Task};

use super::classifier::{hash, hash_of};
use super::log::{EpochLog, Watch};
use super::order::Order;
use super::state::State;
use super::{Keep, Labeled, pictures};
use crate::device::Job;
use crate::engine::{Engine, Kind, team};
use crate::loss::nt_xent;
use crate::model::About;
use crate::network::{Entry, Network, Role, Weights};
use crate::outputs::{check_rows, score};
use crate::schedule::Place;
use crate::{Device, Error, Model, SimclrRecipe};

/// What a training without labels can be given beside recipe and pictures.
#[derive(Default)]
pub struct SimclrOptions<'a> {
    /// Where it runs.
    pub device: Device,
    /// Seed of initial weights, order and augmentation.
    pub seed: u64,
    /// Labeled pictures whose neighbors vote, held-out ones that are told, and after how many epochs: never trained on, only
    /// looked at.
    pub judge: Option<(Labeled<'a>, Labeled<'a>, usize)>,
    /// Hears of every epoch.
    pub watch: Option<&'a mut dyn Watch>,
    /// Where it is kept while it runs.
    pub keep: Option<Keep>,
}

/// Whether features are better than those of the network before training, by the vote of 20 nearest neighbors on held-out
/// pictures: features that are not by 10 points are not worth selecting by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// Share told rightly before training.
    pub untrained: f64,
    /// Share told rightly after it.
    pub trained: f64,
}

impl Gate {
    /// What the trained network must be ahead by.
    pub const MARGIN: f64 = 0.10;

    /// Whether it is.
    pub fn passes(self) -> bool {
        self.trained - self.untrained >= Self::MARGIN
    }
}

/// A network trained without labels. Its linear layer is as it was drawn.
#[derive(Clone, Debug)]
pub struct Simclr {
    /// The weights after the last epoch.
    pub model: Model,
    /// Whether the features are worth anything, where there were labels to tell.
    pub gate: Option<Gate>,
    /// The loss of the last epoch; NaN where nothing was left to do.
    pub loss: f64,
    /// Epochs.
    pub epochs: usize,
    /// Steps.
    pub steps: usize,
    /// Seconds it took, in all its parts where it was stopped.
    pub seconds: f64,
}

/// Trains features of pictures without labels, by SimCLR.
///
/// # Guarantees
/// Those of [`classifier`](super::classifier()).
///
/// # Errors
/// [`Error::NoRows`], [`Error::Row`]; [`Error::Setting`] of the recipe; [`Error::Diverged`]; those of files and of the
/// device; interruption.
///
/// # Cost
/// Six times [`Network::macs`] per picture and epoch, for two views; memory of all maps of a batch of them, twice.
///
/// # Source
/// Chen et al., A Simple Framework for Contrastive Learning of Visual Representations (2020), as SCAN (2020) has it.
pub fn simclr(
    recipe: &SimclrRecipe,
    pixels: &Pixels,
    rows: &[usize],
    options: SimclrOptions<'_>,
    ctx: &Context,
) -> Result<Simclr, Error> {
    recipe.check()?;
    check_rows(pixels, rows)?;
    if rows.is_empty() {
        return Err(Error::NoRows);
    }
    if let Some((bank, held_out, _)) = &options.judge {
        for labeled in [bank, held_out] {
            labeled.check()?;
            if labeled.pixels.side() != pixels.side() {
                return Err(Error::Side { got: labeled.pixels.side(), side: pixels.side() });
            }
        }
    }
    options.device.run(Training { recipe, pixels, rows, options, ctx })
}

struct Training<'a, 'o> {
    recipe: &'a SimclrRecipe,
    pixels: &'a Pixels,
    rows: &'a [usize],
    options: SimclrOptions<'o>,
    ctx: &'a Context,
}

/// The two layers after the features.
struct Projector {
    entries: Vec<Entry>,
    kinds: [Kind; 2],
    projection: usize,
}

impl Projector {
    fn new(recipe: &SimclrRecipe, dim: usize) -> Self {
        let hidden = if recipe.hidden == 0 { dim } else { recipe.hidden };
        let kinds =
            [Kind::Matrix { output: hidden, input: dim }, Kind::Matrix { output: recipe.projection, input: hidden }];
        let mut entries = Vec::new();
        for (layer, kind) in [(0, kinds[0]), (2, kinds[1])] {
            let outputs = Kind::Vector(kind.shape()[0]);
            let fan_in = kind.fan_in();
            entries.push(Entry { name: format!("projector.{layer}.weight"), kind, role: Role::Matrix });
            entries.push(Entry { name: format!("projector.{layer}.bias"), kind: outputs, role: Role::Bias { fan_in } });
        }
        Projector { entries, kinds, projection: recipe.projection }
    }

    fn params<E: Engine>(&self, engine: &E, recipe: &SimclrRecipe, seed: u64) -> Vec<E::Param> {
        self.entries.iter().map(|entry| engine.param(entry.kind, &recipe.init.values(entry, seed))).collect()
    }
}

impl Job for Training<'_, '_> {
    type Output = Simclr;

    fn run<E: Engine>(self, engine: E) -> Result<Simclr, Error> {
        let threads = self.ctx.threads();
        team::together(threads, || self.train(&engine))
    }
}

impl Training<'_, '_> {
    fn about(&self, network: &Network) -> About {
        let Training { recipe, pixels, rows, options, ctx } = self;
        About {
            network: network.name().into(),
            classes: network.classes(),
            side: pixels.side(),
            normalize: recipe.normalize.unwrap_or_else(|| ChannelStats::of_pixels(pixels, ctx).normalize()),
            class_names: Vec::new(),
            training: json!({
                "kind": "simclr",
                "recipe": recipe,
                "seed": options.seed,
                "rows": rows.len(),
                "data": hash(rows, &[]),
                "pictures": hash_of(pixels, rows),
            }),
        }
    }

    fn train<E: Engine>(mut self, engine: &E) -> Result<Simclr, Error> {
        let begin = Instant::now();
        let (recipe, rows, ctx) = (self.recipe, self.rows, self.ctx);
        // The linear layer is no part of it; one class is the smallest there is.
        let network = Network::named(&recipe.network, 1)?;
        let about = self.about(&network);
        let side = self.pixels.side();
        let seed = self.options.seed;
        let augment = recipe.augment.steps(side)?;
        let batcher = Batcher::new(self.pixels, augment, about.normalize, Stream::new(seed, "augmentation"))?;
        let plan = recipe.batches.plan(rows.len());
        let order = Order::new(rows.len(), plan, Stream::new(seed, "order"));
        let (epochs, steps) = plan.span(recipe.length);
        let projector = Projector::new(recipe, network.dim());
        let weights = network.init(engine, recipe.init, seed);
        let untrained = self.judged(engine, &network, &weights, about.normalize)?;
        let extra = projector.params(engine, recipe, seed);
        let mut state = State::new(engine, weights, extra, &recipe.optimizer);
        if let Some(keep) = &self.options.keep {
            state.resume(engine, &network, &projector.entries, &about, keep, None)?;
        }
        let earlier = state.seconds;
        let mut last_loss = f64::NAN;
        if let Some(watch) = self.options.watch.as_deref_mut() {
            watch.begin(state.epoch, epochs)?;
        }
        ctx.progress().begin("training", steps as u64);
        for epoch in state.epoch..epochs {
            let epoch_begin = Instant::now();
            let (mut losses, mut seen, mut taken, mut rate) = (0.0, 0, 0, 0.0);
            for batch in order.batches(epoch) {
                if state.step == steps {
                    break;
                }
                ctx.go_on()?;
                let batch_rows: Vec<usize> = batch.places.iter().map(|place| rows[*place]).collect();
                // Both views in one pass: normalizations see them together.
                let x = pictures(engine, &batcher, side, &batch_rows, (epoch, 2), &batch.repetitions);
                let tape = network.train(engine, &mut state.weights, &x);
                let features = tape.features().clone();
                let [first, second] = projector.kinds;
                let params = &state.extra;
                let hidden = engine.relu(&engine.linear((first, &params[0]), &params[1], &features));
                let projected = engine.row_values(&engine.linear((second, &params[2]), &params[3], &hidden));
                let dim = projector.projection;
                let (loss, slope) = nt_xent(ctx.kernels(), &projected, dim, recipe.temperature, recipe.one_sided);
                if !loss.is_finite() {
                    return Err(Error::Diverged { epoch, step: taken, loss });
                }
                let slope = engine.rows(dim, slope);
                let (by_hidden, weight2, bias2) = engine.linear_back((second, &params[2]), &hidden, &slope);
                let by_first = engine.relu_back(&hidden, &by_hidden);
                let (by_features, weight1, bias1) = engine.linear_back((first, &params[0]), &features, &by_first);
                let mut gradients = network.gradients();
                network.back(engine, &state.weights, tape, &by_features, &mut gradients);
                rate = recipe.schedule.rate(Place { epoch, epochs, step: state.step, steps });
                let by_projector = [weight1, bias1, weight2, bias2];
                state.update(engine, rate, (network.entries(), &projector.entries), &gradients, &by_projector);
                (losses, seen, taken) = (losses + loss, seen + 2 * batch_rows.len(), taken + 1);
                ctx.progress().at(state.step as u64);
            }
            let trained = epoch_begin.elapsed().as_secs_f64();
            state.epoch = epoch + 1;
            last_loss = losses / taken as f64;
            let mut log = EpochLog {
                epoch,
                epochs,
                steps: state.step,
                rate,
                loss: last_loss,
                train_accuracy: None,
                test_accuracy: None,
                neighbors_accuracy: None,
                images_per_second: seen as f64 / trained,
                seconds: 0.0,
            };
            let every = self.options.judge.as_ref().map_or(0, |judge| judge.2);
            if every > 0 && state.epoch.is_multiple_of(every) {
                log.neighbors_accuracy = self.judged(engine, &network, &state.weights, about.normalize)?;
            }
            log.seconds = epoch_begin.elapsed().as_secs_f64();
            state.seconds = earlier + begin.elapsed().as_secs_f64();
            if let Some(watch) = self.options.watch.as_deref_mut() {
                watch.epoch(&log)?;
            }
            if let Some(keep) = &self.options.keep
                && (state.epoch == epochs || state.epoch.is_multiple_of(keep.every.max(1)))
            {
                state.save(engine, &network, &projector.entries, &about, keep, None)?;
            }
        }
        let trained = self.judged(engine, &network, &state.weights, about.normalize)?;
        let gate = untrained.zip(trained).map(|(untrained, trained)| Gate { untrained, trained });
        let mut about = about;
        if let Some(gate) = gate {
            about.training["gate"] = json!({ "untrained": gate.untrained, "trained": gate.trained });
        }
        Ok(Simclr {
            model: state.model(engine, &network, about),
            gate,
            loss: last_loss,
            epochs,
            steps: state.step,
            seconds: earlier + begin.elapsed().as_secs_f64(),
        })
    }

    /// The share of held-out pictures told rightly by the vote of neighbors, where there are any.
    fn judged<E: Engine>(
        &self,
        engine: &E,
        network: &Network,
        weights: &Weights<E>,
        normalize: Normalize,
    ) -> Result<Option<f64>, Error> {
        let Some((bank, held_out, _)) = &self.options.judge else { return Ok(None) };
        let examples = |labeled: &Labeled<'_>| -> Result<Examples, Error> {
            let found = score(engine, network, weights, normalize, labeled.pixels, labeled.rows, self.ctx)?;
            Ok(Examples::new(&found.features, found.dim, labeled.classes_of_rows())?)
        };
        let (train, test) = (examples(bank)?, examples(held_out)?);
        let standard = Standard::new(vec![0.0; train.dim()], std::iter::repeat_n(1.0, train.dim()));
        let task = Task {
            classes: bank.classes.max(held_out.classes),
            train: &train,
            rows: bank.rows,
            test: &test,
            standard: &standard,
        };
        Ok(Some(Neighbors { k: 20 }.evaluate(&task, 0, self.ctx)?.accuracy))
    }
}
