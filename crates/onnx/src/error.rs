//! What can go wrong with an encoder in an ONNX file.

use std::path::PathBuf;

/// Why a model cannot serve as an encoder. Facts only; [`OnnxError::hint`] has the remedy where one is known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file holds no model.
    #[error("{} is no ONNX model, or is damaged: {detail}", path.display())]
    NotOnnx {
        /// The file.
        path: PathBuf,
        /// What the runtime said.
        detail: String,
    },
    /// The runtime does not take the model, such as for an operator that it lacks.
    #[error("{runtime} does not take {}: {detail}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// The runtime.
        runtime: String,
        /// What it said; where an operator is at fault, with its name.
        detail: String,
    },
    /// No input takes pictures.
    #[error("{} has no input of pictures: it takes {inputs}", path.display())]
    NoImageInput {
        /// The file.
        path: PathBuf,
        /// Its inputs, with types and shapes.
        inputs: String,
    },
    /// An input of pictures that are no squares, or of another side than asked for.
    #[error("{} takes pictures of {height} x {width} pixels, and {wanted}", path.display())]
    Size {
        /// The file.
        path: PathBuf,
        /// Rows of a picture.
        height: usize,
        /// Pixels of a row.
        width: usize,
        /// What was wanted.
        wanted: String,
    },
    /// No output of this name or number, or several and none chosen.
    #[error("{}: {detail}; its outputs are {outputs}", path.display())]
    Output {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
        /// Its outputs.
        outputs: String,
    },
    /// An output that is no embedding.
    #[error("output `{output}` of {} is of shape {shape}, which is no embedding of {pictures} pictures: {detail}", path.display())]
    OutputShape {
        /// The file.
        path: PathBuf,
        /// The output.
        output: String,
        /// What came out.
        shape: String,
        /// How many pictures went in.
        pictures: usize,
        /// What is wrong with it.
        detail: String,
    },
    /// A setting that breaks its rule.
    #[error("`{option}` must be {rule}, got {got}")]
    Option {
        /// The setting.
        option: &'static str,
        /// What is required.
        rule: &'static str,
        /// What was given.
        got: String,
    },
    /// The library of ONNX Runtime was asked for and is not found.
    #[error("the library of ONNX Runtime is not found: {detail}")]
    NoLibrary {
        /// What was tried.
        detail: String,
    },
    /// The model failed on pictures.
    #[error("{runtime} failed: {detail}")]
    Run {
        /// The runtime.
        runtime: String,
        /// What it said.
        detail: String,
    },
}

impl OnnxError {
    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            OnnxError::Refused { runtime, .. } if runtime == "rten" => {
                "ONNX Runtime has more operators: `pip install onnxruntime`, or set ORT_DYLIB_PATH to its library"
            }
            OnnxError::NoLibrary { .. } => {
                "`pip install onnxruntime` in the active environment, or set ORT_DYLIB_PATH to the library; the runtime \
                 `rten` needs none"
            }
            OnnxError::NoImageInput { .. } => {
                "one input of 32-bit floats, (pictures, 3, height, width) or (pictures, height, width, 3), and no others; \
                 where the file does not tell which of them, the layout can be set"
            }
            OnnxError::Output { .. } => "choose an output by its name or number, from 0",
            _ => return None,
        };
        Some(hint.into())
    }
}
