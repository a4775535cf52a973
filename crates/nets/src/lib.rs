//! Networks: features learned without labels, proxies, and training on what was selected.
//!
//! [`Network`] is what a network is made of, by name; [`Model`] is one with its weights, and the file that holds them;
//! [`train`] trains, by [`Recipe`]; [`NetEncoder`] turns pictures into rows; [`Supervised`] judges a selection by training
//! on it. All of it is written once over [`engine`]: kernels of our own on the processor, Burn on GPUs (feature `cuda`).

mod calibrate;
mod device;
mod encoder;
pub mod engine;
mod error;
mod estimate;
mod evaluate;
#[cfg(test)]
mod golden;
mod learner;
pub mod loss;
mod model;
pub mod network;
mod outputs;
mod recipe;
mod schedule;
pub mod train;

pub use device::Device;
pub use encoder::{NetEncoder, UNTRAINED};
pub use error::{Error, Misfits};
pub use estimate::{Estimate, estimate, estimate_simclr, simclr_bytes, training_bytes};
pub use evaluate::Supervised;
pub use learner::NetLearner;
pub use model::{About, Model};
pub use network::{Init, Network};
pub use outputs::Outputs;
pub use recipe::{Augmentation, Batches, Length, RECIPES, Recipe, SIMCLR_RECIPES, SimclrRecipe};
pub use schedule::{Optimizer, Per, Place, Schedule};
