//! The evaluators: one file each.

mod linear_probe;
mod logistic;
mod neighbors;
#[cfg(test)]
mod tests;

pub use linear_probe::LinearProbe;
pub use logistic::Logistic;
pub use neighbors::Neighbors;
