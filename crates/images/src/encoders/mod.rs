//! Embeddings that need no network: raw pixels, and features learned from the images' own patches.

mod file;
pub mod model;
pub mod patches;
pub mod rgb;

pub use file::{ModelFile, is_model_file};
pub use model::Model;
