//! The evaluators: one file each.

mod linear_probe;
mod logistic;
mod neighbors;
#[cfg(test)]
mod tests;

pub use linear_probe::{Layer, LinearProbe, Seen};
pub use logistic::{Logistic, LogisticFit};
pub use neighbors::Neighbors;
