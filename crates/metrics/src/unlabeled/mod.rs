//! Metrics that need no labels: how a selection covers a pool, is distributed like it, and repeats itself.

mod clusters;
mod coverage;
mod dense;
mod frechet;
mod judge;
mod members;
mod metric;
mod mmd;
mod plan;
mod redundancy;
mod settings;
#[cfg(test)]
mod tests;
mod transport;
mod vendi;
mod volume;

pub use judge::Judge;
pub use metric::{Better, Metric};
pub use settings::JudgeSettings;
