//! The output: chosen among a model's outputs, and made one vector per picture.

use std::path::Path;

use crate::runtime::{Signature, Tensor, shape_text};
use crate::{Layout, OnnxError, OutputChoice, Pooling};

/// The output that is taken.
pub(crate) fn choose(signature: &Signature, choice: Option<&OutputChoice>, path: &Path) -> Result<usize, OnnxError> {
    let outputs = &signature.outputs;
    let refuse =
        |detail: String| Err(OnnxError::Output { path: path.to_owned(), detail, outputs: signature.outputs_text() });
    match choice {
        None if outputs.len() == 1 => Ok(0),
        None => refuse(format!("it has {} outputs, and none is chosen", outputs.len())),
        Some(OutputChoice::Index(index)) if *index < outputs.len() => Ok(*index),
        Some(OutputChoice::Index(index)) => refuse(format!("there is no output {index}")),
        Some(OutputChoice::Name(name)) => match outputs.iter().position(|output| output.name == *name) {
            Some(index) => Ok(index),
            None => refuse(format!("there is no output `{name}`")),
        },
    }
}

/// How the values of one picture become one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reduced {
    /// They are one.
    AsIs,
    /// The first of so many.
    First(usize),
    /// The mean of so many, each with its values side by side.
    MeanOfRows(usize),
    /// The mean of so many, value by value.
    MeanOfColumns(usize),
}

impl Reduced {
    /// By the shape of an output, and the values per picture; or what is wrong with it.
    pub(crate) fn of(
        shape: &[usize],
        pictures: usize,
        layout: Layout,
        pooling: Pooling,
    ) -> Result<(Self, usize), &'static str> {
        let [batch, rest @ ..] = shape else { return Err("it has no axes") };
        if *batch != pictures {
            return Err("its first axis is not that of pictures");
        }
        if rest.contains(&0) {
            return Err("it is empty");
        }
        match (rest, pooling) {
            ([dim], _) => Ok((Reduced::AsIs, *dim)),
            ([tokens, dim], Pooling::Auto | Pooling::First) => Ok((Reduced::First(*tokens), *dim)),
            ([tokens, dim], Pooling::Mean) => Ok((Reduced::MeanOfRows(*tokens), *dim)),
            ([_, _, _], Pooling::First) => Err("it is a map, which has no first token"),
            ([dim, height, width], _) if layout == Layout::Nchw => Ok((Reduced::MeanOfColumns(height * width), *dim)),
            ([height, width, dim], _) => Ok((Reduced::MeanOfRows(height * width), *dim)),
            _ => Err("an embedding has 2 axes, tokens 3, a map 4"),
        }
    }

    /// Writes the vectors of the first pictures of a tensor, of `dim` values each, into `out`.
    pub(crate) fn write(self, tensor: &Tensor, dim: usize, out: &mut [f32]) {
        let per_picture = tensor.values.len() / tensor.shape[0];
        for (values, out) in tensor.values.chunks_exact(per_picture).zip(out.chunks_exact_mut(dim)) {
            match self {
                Reduced::AsIs | Reduced::First(_) => out.copy_from_slice(&values[..dim]),
                Reduced::MeanOfColumns(count) => {
                    for (out, places) in out.iter_mut().zip(values.chunks_exact(count)) {
                        *out = (places.iter().map(|v| f64::from(*v)).sum::<f64>() / count as f64) as f32;
                    }
                }
                Reduced::MeanOfRows(count) => {
                    for (column, out) in out.iter_mut().enumerate() {
                        let sum: f64 = values.iter().skip(column).step_by(dim).map(|v| f64::from(*v)).sum();
                        *out = (sum / count as f64) as f32;
                    }
                }
            }
        }
    }

    /// In words.
    pub(crate) fn text(self) -> String {
        match self {
            Reduced::AsIs => "as it is".into(),
            Reduced::First(tokens) => format!("the first of {tokens} tokens"),
            Reduced::MeanOfRows(count) | Reduced::MeanOfColumns(count) => format!("the mean of {count} vectors"),
        }
    }
}

/// That an output is no embedding.
pub(crate) fn wrong(path: &Path, output: &str, shape: &[usize], pictures: usize, detail: &str) -> OnnxError {
    let shape = shape_text(shape.iter().map(|size| Some(*size)));
    OnnxError::OutputShape { path: path.to_owned(), output: output.into(), shape, pictures, detail: detail.into() }
}
