//! All that a training remembers, and the file it is kept in.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use subsel::training::Tracker;

use super::Keep;
use crate::engine::{Engine, Kind};
use crate::model::{About, File, read, write};
use crate::network::{Entry, Gradients, Named, Network, Weights};
use crate::schedule::{Memory, Optimizer};
use crate::{Error, Model};

/// What all names of a training's own tensors begin with.
const OWN: &str = "training.";

/// Where a checkpoint says how far it is; it is no part of what tells one training from another.
const PROGRESS: &str = "progress";

/// Weights of a network, of a projector after it, and what the optimizer remembers of each.
#[derive(Debug)]
pub(super) struct State<E: Engine> {
    pub(super) weights: Weights<E>,
    /// Parameters of layers that are used in training alone.
    pub(super) extra: Vec<E::Param>,
    memory: Vec<Memory<E>>,
    optimizer: Optimizer,
    /// Epochs done.
    pub(super) epoch: usize,
    /// Steps taken.
    pub(super) step: usize,
    /// Seconds that took, over all parts of a training that was stopped.
    pub(super) seconds: f64,
    /// The best look at test pictures so far.
    pub(super) best: Option<Best>,
}

/// The best of all looks at some test pictures.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(super) struct Best {
    /// Hash of the pictures and their classes.
    pub(super) of: String,
    /// Share told rightly.
    pub(super) accuracy: f64,
}

/// What a checkpoint says of how far it is, beside what tells its training.
#[derive(Deserialize, Serialize)]
struct Progress {
    epochs: usize,
    steps: usize,
    seconds: f64,
    best: Option<Best>,
}

impl<E: Engine> State<E> {
    pub(super) fn new(engine: &E, weights: Weights<E>, extra: Vec<E::Param>, optimizer: &Optimizer) -> Self {
        let zeros = |param: &E::Param| optimizer.arrays().iter().map(|_| engine.zeros(param)).collect();
        let memory = weights.params.iter().chain(&extra).map(zeros).collect();
        State { weights, extra, memory, optimizer: optimizer.clone(), epoch: 0, step: 0, seconds: 0.0, best: None }
    }

    /// One step of every parameter that has a gradient.
    pub(super) fn update(
        &mut self,
        engine: &E,
        rate: f64,
        entries: (&[Entry], &[Entry]),
        gradients: &Gradients<E>,
        extra: &[E::Param],
    ) {
        let params = self.weights.params.iter_mut().chain(&mut self.extra);
        let given = gradients.0.iter().map(Option::as_ref).chain(extra.iter().map(Some));
        let entries = entries.0.iter().chain(entries.1);
        for (((param, memory), gradient), entry) in params.zip(&mut self.memory).zip(given).zip(entries) {
            if let Some(gradient) = gradient {
                self.optimizer.step(engine, (rate, self.step), entry.role, param, memory, gradient);
            }
        }
        self.step += 1;
    }

    /// Remembers a look at test pictures, if it is the best.
    pub(super) fn look(&mut self, of: &str, accuracy: f64) {
        if self.best.as_ref().is_none_or(|best| accuracy > best.accuracy) {
            self.best = Some(Best { of: of.to_owned(), accuracy });
        }
    }

    /// The weights as a model.
    pub(super) fn model(&self, engine: &E, network: &Network, about: About) -> Model {
        let values = network.read(engine, &self.weights).into_iter().map(|tensor| tensor.values).collect();
        Model::new(about, network.clone(), values)
    }

    /// Names and kinds of everything beyond the network's own tensors.
    fn own(&self, network: &Network, extra: &[Entry]) -> Vec<(String, Kind)> {
        let mut own: Vec<(String, Kind)> =
            extra.iter().map(|entry| (format!("{OWN}{}", entry.name), entry.kind)).collect();
        for entry in network.entries().iter().chain(extra) {
            let arrays = self.optimizer.arrays().iter();
            own.extend(arrays.map(|array| (format!("{OWN}{array}.{}", entry.name), entry.kind)));
        }
        own
    }

    /// Writes a checkpoint.
    pub(super) fn save(
        &self,
        engine: &E,
        network: &Network,
        extra: &[Entry],
        about: &About,
        keep: &Keep,
        tracker: Option<&Tracker>,
    ) -> Result<(), Error> {
        let mut about = about.clone();
        let progress =
            Progress { epochs: self.epoch, steps: self.step, seconds: self.seconds, best: self.best.clone() };
        about.training[PROGRESS] = serde_json::to_value(&progress)
            .map_err(|error| Error::File { path: keep.path.clone(), detail: error.to_string() })?;
        let mut tensors = network.read(engine, &self.weights);
        let params = self.extra.iter().chain(self.memory.iter().flatten());
        for ((name, kind), param) in self.own(network, extra).into_iter().zip(params) {
            tensors.push(Named { name, shape: kind.shape(), values: engine.values(kind, param) });
        }
        let mut others = Vec::new();
        if let Some(tracker) = tracker {
            let json = serde_json::to_vec(tracker)
                .map_err(|error| Error::File { path: keep.path.clone(), detail: error.to_string() })?;
            others.push(("training.tracker", json));
        }
        write(&keep.path, &about, &tensors, &others)
    }

    /// Goes on from a checkpoint, if there is one.
    pub(super) fn resume(
        &mut self,
        engine: &E,
        network: &Network,
        extra: &[Entry],
        about: &About,
        keep: &Keep,
        tracker: Option<&mut Tracker>,
    ) -> Result<bool, Error> {
        if !keep.resume || !keep.path.exists() {
            return Ok(false);
        }
        let bytes = read(&keep.path)?;
        let file = File::parse(&keep.path, &bytes)?;
        let mut found = file.about()?.ok_or_else(|| file.error("it is no checkpoint"))?;
        let progress = found.training.as_object_mut().and_then(|training| training.shift_remove(PROGRESS));
        let progress: Progress = progress
            .and_then(|progress| serde_json::from_value(progress).ok())
            .ok_or_else(|| file.error("it is a model, not a checkpoint"))?;
        if let Some(what) = difference(about, &found) {
            return Err(Error::OtherTraining { path: keep.path.clone(), what });
        }
        self.weights = network.place(engine, file.model(found, &[])?.values());
        let mut own = Vec::new();
        for (name, kind) in self.own(network, extra) {
            let values = file.tensor(&name)?.ok_or_else(|| file.error(format!("it lacks `{name}`")))?.values;
            if values.len() != kind.len() {
                return Err(file.error(format!("`{name}` has {} values, not {}", values.len(), kind.len())));
            }
            own.push(engine.param(kind, &values));
        }
        let mut own = own.into_iter();
        self.extra = own.by_ref().take(extra.len()).collect();
        for memory in &mut self.memory {
            *memory = own.by_ref().take(memory.len()).collect();
        }
        if let Some(tracker) = tracker {
            let json = file.bytes("training.tracker").ok_or_else(|| file.error("it has no tracker"))?;
            *tracker = serde_json::from_slice(json).map_err(|error| file.error(format!("its tracker: {error}")))?;
        }
        (self.epoch, self.step) = (progress.epochs, progress.steps);
        (self.seconds, self.best) = (progress.seconds, progress.best);
        Ok(true)
    }
}

/// What is not the same of two trainings, by name.
fn difference(one: &About, other: &About) -> Option<String> {
    let fields = |about: &About| serde_json::to_value(about).unwrap_or_default();
    let (one, other) = (fields(one), fields(other));
    if one == other {
        return None;
    }
    let differing = |one: &Value, other: &Value| {
        let differs = |key: &&String| one.get(key.as_str()) != other.get(key.as_str());
        one.as_object()?.keys().chain(other.as_object()?.keys()).find(differs).cloned()
    };
    let key = differing(&one, &other)?;
    Some(differing(&one[&key], &other[&key]).unwrap_or(key))
}
