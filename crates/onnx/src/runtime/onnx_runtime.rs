//! ONNX Runtime, by its shared library.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ort::environment::Environment;
use ort::session::Session;
use ort::session::builder::SessionBuilder;
use ort::value::{Outlet, TensorElementType, ValueType};

use super::{Library, Runtime, RuntimeUsed, Signature, Slot, Spares, Tensor, guarded};
use crate::OnnxError;

/// The name of this runtime.
const NAME: &str = "ONNX Runtime";

/// The library of this process: there can be one only.
pub(super) struct Loaded {
    environment: Environment,
    path: PathBuf,
    version: String,
}

/// Loads the library, the first time; or tells what was tried, then and ever after.
pub(super) fn library() -> Result<&'static Loaded, String> {
    static LOADED: OnceLock<Result<Loaded, String>> = OnceLock::new();
    LOADED.get_or_init(first).as_ref().map_err(String::clone)
}

/// The first library that can be used.
fn first() -> Result<Loaded, String> {
    let mut tried = Vec::new();
    for library in Library::find() {
        match guarded(|| open(&library)).and_then(|opened| opened) {
            Ok(loaded) => return Ok(loaded),
            Err(error) => tried.push(error),
        }
    }
    if tried.is_empty() {
        return Err(
            "it is neither among the system's libraries nor in a Python package, and ORT_DYLIB_PATH is not set".into(),
        );
    }
    Err(tried.join("; "))
}

fn open(library: &Library) -> Result<Loaded, String> {
    let builder = ort::init_from(&library.path).map_err(|error| error.to_string())?;
    let environment = builder.with_name("subsel").with_telemetry(false).build().map_err(|error| error.to_string())?;
    // "ORT Build Info: git-branch=..., ..." has no number, and the file's name often has.
    let version = ort::info().split(", ").find_map(|fact| fact.split_once("git-branch=")).map(|(_, branch)| branch);
    let version = version.map(|branch| branch.trim_start_matches("rel-").to_owned()).unwrap_or_default();
    Ok(Loaded { environment, path: library.path.clone(), version })
}

/// A model that ONNX Runtime runs.
#[derive(Debug)]
pub(super) struct OnnxRuntime {
    path: PathBuf,
    library: PathBuf,
    version: String,
    signature: Signature,
    /// A session runs one batch at a time, and has weights of its own.
    sessions: Spares<Session>,
}

impl OnnxRuntime {
    /// Reads a model, with what it keeps in files beside it.
    pub(super) fn load(loaded: &'static Loaded, path: &Path) -> Result<Self, OnnxError> {
        let session = session(loaded, path)?;
        let signature = Signature {
            inputs: session.inputs().iter().map(slot).collect(),
            outputs: session.outputs().iter().map(slot).collect(),
        };
        Ok(OnnxRuntime {
            path: path.to_owned(),
            library: loaded.path.clone(),
            version: loaded.version.clone(),
            signature,
            sessions: Spares::new(session),
        })
    }
}

/// A session on one thread: what it computes does not depend on how many there are, and pictures are many.
fn session(loaded: &Loaded, path: &Path) -> Result<Session, OnnxError> {
    let refused = |detail| OnnxError::Refused { path: path.to_owned(), runtime: NAME.into(), detail };
    let build = || -> Result<SessionBuilder, String> {
        let builder = Session::builder(&loaded.environment).map_err(|error| error.to_string())?;
        let builder = builder.with_intra_threads(1).map_err(|error| error.to_string())?;
        let builder = builder.with_inter_threads(1).map_err(|error| error.to_string())?;
        builder.with_log_level(ort::logging::LogLevel::Fatal).map_err(|error| error.to_string())
    };
    let mut builder = build().map_err(refused)?;
    match guarded(|| builder.commit_from_file(path)).map_err(refused)? {
        Ok(session) => Ok(session),
        Err(error) if error.code() == ort::ErrorCode::InvalidProtobuf => {
            Err(OnnxError::NotOnnx { path: path.to_owned(), detail: error.message().into() })
        }
        Err(error) => Err(refused(error.message().into())),
    }
}

fn slot(outlet: &Outlet) -> Slot {
    let name = outlet.name().to_owned();
    match outlet.dtype() {
        ValueType::Tensor { ty, shape, .. } => {
            // Sizes that are not fixed are -1.
            let sizes = shape.iter().map(|size| usize::try_from(*size).ok()).collect();
            let is_f32 = *ty == TensorElementType::Float32;
            let kind = if is_f32 { "f32".into() } else { format!("{ty:?}") };
            Slot { name, is_f32, kind, shape: Some(sizes) }
        }
        other => Slot { name, is_f32: false, kind: format!("{other:?}"), shape: None },
    }
}

impl Runtime for OnnxRuntime {
    fn used(&self) -> RuntimeUsed {
        RuntimeUsed::OnnxRuntime { version: self.version.clone(), library: self.library.clone() }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&self, input: Tensor, output: usize) -> Result<Tensor, OnnxError> {
        let failed = |detail: String| OnnxError::Run { runtime: NAME.into(), detail };
        let make = || session(library().map_err(failed)?, &self.path);
        self.sessions.with(make, |session| {
            let run = || -> ort::Result<Tensor> {
                let input = ort::value::Tensor::from_array((input.shape, input.values))?;
                let outputs = session.run(ort::inputs![input])?;
                let (shape, values) = outputs[output].try_extract_tensor::<f32>()?;
                let shape = shape.iter().map(|size| usize::try_from(*size).unwrap_or(0)).collect();
                Ok(Tensor { shape, values: values.to_vec() })
            };
            guarded(run).map_err(failed)?.map_err(|error| failed(error.to_string()))
        })
    }
}
