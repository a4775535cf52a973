//! `rten`: pure Rust and built in.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rten::{DataType, Dimension, LoadError, Model, NodeId, RunOptions, ThreadPool, Value, ValueType};
use rten_tensor::prelude::*;

use super::{Runtime, RuntimeUsed, Signature, Slot, Spares, Tensor, guarded};
use crate::OnnxError;

/// A model that `rten` runs.
#[derive(Debug)]
pub(super) struct Native {
    model: Model,
    path: PathBuf,
    signature: Signature,
    /// Pools of one thread each: a pool runs one batch at a time.
    threads: Spares<Arc<ThreadPool>>,
}

impl Native {
    /// Reads a model, with what it keeps in files beside it.
    pub(super) fn load(path: &Path) -> Result<Self, OnnxError> {
        let refused = |detail| OnnxError::Refused { path: path.to_owned(), runtime: "rten".into(), detail };
        // By content, not by the name of the file; and a name that is not `.onnx` cannot have files beside it.
        let read = || -> Result<Model, LoadError> {
            if path.extension().is_some_and(|extension| extension == "onnx") {
                return Model::load_file(path);
            }
            Model::load(std::fs::read(path).unwrap_or_default())
        };
        let model = match guarded(read).map_err(refused)? {
            Ok(model) => model,
            Err(error) => return Err(load_error(path, &error)),
        };
        // Nothing at all is read as a model of nothing.
        if model.input_ids().is_empty() && model.output_ids().is_empty() {
            return Err(OnnxError::NotOnnx { path: path.to_owned(), detail: "it holds no graph".into() });
        }
        let slot = |id: &NodeId| {
            let info = model.node_info(*id);
            let dtype = info.as_ref().and_then(|info| info.dtype());
            Slot {
                name: info.as_ref().and_then(|info| info.name()).unwrap_or_default().into(),
                is_f32: dtype == Some(ValueType::Tensor(DataType::Float)),
                kind: dtype.map_or("of an unknown type".into(), kind),
                shape: info.and_then(|info| info.shape()).map(|shape| shape.iter().map(fixed).collect()),
            }
        };
        let signature = Signature {
            inputs: model.input_ids().iter().map(slot).collect(),
            outputs: model.output_ids().iter().map(slot).collect(),
        };
        Ok(Native { model, path: path.to_owned(), signature, threads: Spares::new(one_thread()) })
    }
}

fn one_thread() -> Arc<ThreadPool> {
    Arc::new(ThreadPool::with_num_threads(1))
}

fn fixed(dimension: &Dimension) -> Option<usize> {
    match dimension {
        Dimension::Fixed(size) => Some(*size),
        Dimension::Symbolic(_) => None,
    }
}

fn kind(dtype: ValueType) -> String {
    match dtype {
        ValueType::Tensor(DataType::Float) => "f32".into(),
        ValueType::Tensor(dtype) => format!("{dtype:?}"),
        _ => "a sequence".into(),
    }
}

fn load_error(path: &Path, error: &LoadError) -> OnnxError {
    use rten::LoadErrorKind::{IoError, ParseError, UnknownFileType};
    let (path, detail) = (path.to_owned(), error.to_string());
    match error.kind() {
        IoError | ParseError | UnknownFileType => OnnxError::NotOnnx { path, detail },
        _ => OnnxError::Refused { path, runtime: "rten".into(), detail },
    }
}

impl Runtime for Native {
    fn used(&self) -> RuntimeUsed {
        RuntimeUsed::Rten
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&self, input: Tensor, output: usize) -> Result<Tensor, OnnxError> {
        let failed = |detail: String| OnnxError::Run { runtime: "rten".into(), detail };
        let input = Value::from_shape(input.shape, input.values).map_err(|error| failed(error.to_string()))?;
        let (from, to) = (self.model.input_ids()[0], self.model.output_ids()[output]);
        let run = |threads: &mut Arc<ThreadPool>| {
            let mut options = RunOptions::default();
            options.thread_pool = Some(Arc::clone(threads));
            guarded(|| self.model.run_n(vec![(from, input.into())], [to], Some(options)))
                .map_err(failed)?
                .map_err(|error| failed(error.to_string()))
        };
        let [value] = self.threads.with(|| Ok(one_thread()), run)?;
        tensor(value).ok_or_else(|| {
            let name = &self.signature.outputs[output].name;
            failed(format!("output `{name}` of {} is no tensor of floats", self.path.display()))
        })
    }
}

/// The values of a tensor of floats, row by row.
fn tensor(value: Value) -> Option<Tensor> {
    let tensor = value.into_tensor::<f32>()?;
    Some(Tensor { shape: tensor.shape().to_vec(), values: tensor.into_data() })
}
