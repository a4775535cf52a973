//! Sets of images, and embeddings of them that need no network.

mod encoder;
mod error;
mod image;

pub use encoder::{Encoder, Filter, Fit};
pub use error::Error;
pub use image::Image;
