//! Embeddings of images by encoders in ONNX files: an [`Encoder`](subsel_images::Encoder) of a `.onnx` file of your own.
//!
//! A model runs on ONNX Runtime where its shared library is found (see [`Library::find`]), else on `rten`, which is pure
//! Rust and built in: slower, with fewer operators, and needing nothing. Which one it was is told by
//! [`OnnxEncoder::runtime`].

mod encoder;
mod error;
mod input;
mod options;
mod output;
mod runtime;

pub use encoder::OnnxEncoder;
pub use error::OnnxError;
pub use options::{Layout, Normalization, OnnxOptions, OutputChoice, Pooling, RuntimeChoice};
pub use runtime::{Library, RuntimeUsed};
