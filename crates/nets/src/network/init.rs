//! What weights are before training.

use serde::{Deserialize, Serialize};
use subsel::Stream;

use super::{Entry, Network, Role, Weights};
use crate::engine::{Engine, Moments};

/// How weights are drawn. Every draw is a function of seed, parameter and place, so that a head of other classes leaves the
/// rest as it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    /// Filters normal with variance `2 / (k k output)`, linear layers and biases uniform within `1 / sqrt(inputs)`:
    /// Selection via Proxy, SCAN, TypiClust.
    #[default]
    HeFanOut,
    /// Everything uniform within `1 / sqrt(inputs)`, as DeepCore leaves it.
    UniformFanIn,
    /// As the first, with linear layers normal of variance `2 / (inputs + outputs)` and biases zero: USB.
    XavierHead,
    /// As the first, with linear layers normal of deviation 0.01 and biases zero: a helper of TypiClust's code.
    SmallHead,
}

impl Init {
    /// The first values of a parameter, in the order of files.
    pub fn values(self, entry: &Entry, seed: u64) -> Vec<f32> {
        let stream = Stream::new(seed, "init").child(hash(&entry.name));
        let n = entry.kind.len();
        let uniform = |fan_in: usize| -> Vec<f32> {
            let bound = 1.0 / (fan_in as f64).sqrt();
            (0..n).map(|i| ((2.0 * stream.unit(i as u64) - 1.0) * bound) as f32).collect()
        };
        let normal = |deviation: f64| (0..n).map(|i| (deviation * normal(stream, i as u64)) as f32).collect();
        match entry.role {
            Role::Gamma => vec![1.0; n],
            Role::Beta => vec![0.0; n],
            Role::Filter if self == Init::UniformFanIn => uniform(entry.kind.fan_in()),
            Role::Filter => {
                let [output, _, height, width] = entry.kind.shape()[..] else { panic!("a filter has four sides") };
                normal((2.0 / (height * width * output) as f64).sqrt())
            }
            Role::Matrix => match self {
                Init::HeFanOut | Init::UniformFanIn => uniform(entry.kind.fan_in()),
                Init::XavierHead => normal((2.0 / entry.kind.shape().iter().sum::<usize>() as f64).sqrt()),
                Init::SmallHead => normal(0.01),
            },
            Role::Bias { fan_in } => match self {
                Init::HeFanOut | Init::UniformFanIn => uniform(fan_in),
                Init::XavierHead | Init::SmallHead => vec![0.0; n],
            },
        }
    }
}

/// A standard normal number (Box and Muller 1958).
fn normal(stream: Stream, i: u64) -> f64 {
    let radius = (-2.0 * libm::log(stream.unit_open_zero(2 * i))).sqrt();
    radius * libm::cos(std::f64::consts::TAU * stream.unit(2 * i + 1))
}

fn hash(name: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(name.as_bytes())
}

impl Network {
    /// Weights to begin with: parameters drawn, running moments 0 and 1.
    pub fn init<E: Engine>(&self, engine: &E, init: Init, seed: u64) -> Weights<E> {
        let param = |entry: &Entry| engine.param(entry.kind, &init.values(entry, seed));
        let params = self.entries().iter().map(param).collect();
        let running = self.normalizations().iter().map(|(_, channels)| {
            let kind = crate::engine::Kind::Vector(*channels);
            let all = |value: f32| engine.param(kind, &vec![value; *channels]);
            Moments { mean: all(0.0), variance: all(1.0) }
        });
        Weights { params, running: running.collect() }
    }
}
