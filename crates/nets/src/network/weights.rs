//! The numbers of a network.

use super::Network;
use crate::engine::{Engine, Kind, Moments};

/// Parameters and running moments of a network, on an engine.
#[derive(Debug)]
pub struct Weights<E: Engine> {
    /// In the order of [`Network::entries`].
    pub params: Vec<E::Param>,
    /// In the order of [`Network::normalizations`].
    pub running: Vec<Moments<E>>,
}

impl<E: Engine> Clone for Weights<E> {
    fn clone(&self) -> Self {
        Weights { params: self.params.clone(), running: self.running.clone() }
    }
}

/// A tensor as files have it.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, the last index running fastest.
    pub values: Vec<f32>,
}

impl Network {
    /// Names and kinds of all tensors of its weights, as files have them: each parameter, and after the shift of a
    /// normalization its running moments.
    pub(crate) fn tensors(&self) -> Vec<(String, Kind)> {
        let mut all: Vec<(String, Kind)> =
            self.entries().iter().map(|entry| (entry.name.clone(), entry.kind)).collect();
        for (name, channels) in self.normalizations() {
            all.push((format!("{name}.running_mean"), Kind::Vector(*channels)));
            all.push((format!("{name}.running_var"), Kind::Vector(*channels)));
        }
        all
    }

    /// The values of all tensors, in the order of the network's.
    pub fn read<E: Engine>(&self, engine: &E, weights: &Weights<E>) -> Vec<Named> {
        let moments = weights.running.iter().flat_map(|moments| [&moments.mean, &moments.variance]);
        let params = weights.params.iter().chain(moments);
        let tensors = self.tensors().into_iter().zip(params);
        tensors
            .map(|((name, kind), param)| Named { name, shape: kind.shape(), values: engine.values(kind, param) })
            .collect()
    }

    /// Weights of these values, one list for each of [`Network::tensors`].
    ///
    /// # Panics
    /// If a list is missing or of another length.
    pub(crate) fn place<E: Engine>(&self, engine: &E, values: &[Vec<f32>]) -> Weights<E> {
        let kinds = self.tensors();
        assert_eq!(kinds.len(), values.len(), "one list per tensor");
        let mut placed = kinds.iter().zip(values).map(|((_, kind), values)| engine.param(*kind, values));
        let params = placed.by_ref().take(self.entries().len()).collect();
        let mut running = Vec::new();
        while let (Some(mean), Some(variance)) = (placed.next(), placed.next()) {
            running.push(Moments { mean, variance });
        }
        Weights { params, running }
    }
}
