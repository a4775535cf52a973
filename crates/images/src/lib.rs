//! Sets of images, and embeddings of them that need no network.
//!
//! [`ImageSet`] reads what images come in: folders, Parquet, CIFAR's records, npz and npy. [`Pixels`] holds a set at one
//! size in memory, [`Augment`] changes pictures for training, [`Batcher`] hands both to networks.

mod augment;
mod batcher;
mod channels;
mod decode;
mod embed;
mod encoder;
pub mod encoders;
mod error;
mod fit;
mod image;
mod pixels;
mod resample;
mod set;
#[cfg(test)]
mod testing;

pub use augment::{Augment, OpRanges, Padding, Scratch, Step, view_draws};
pub use batcher::Batcher;
pub use channels::{ChannelStats, Normalize};
pub use decode::decode;
pub use embed::{Embedded, Job, Skipped, encode_all};
pub use encoder::{Encoder, Filter, Fit};
pub use error::Error;
pub use fit::fit;
pub use image::Image;
pub use pixels::Pixels;
pub use set::{Broken, By, ImageSet, OnBroken, SetOptions};
