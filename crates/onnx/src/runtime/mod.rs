//! What runs a model.

mod library;
mod native;
mod onnx_runtime;

use std::fmt::{self, Debug};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

pub use library::Library;

use crate::{OnnxError, RuntimeChoice};

/// What runs a model, for people and fingerprints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuntimeUsed {
    /// ONNX Runtime.
    OnnxRuntime {
        /// What the library says of itself.
        version: String,
        /// Where it lies.
        library: PathBuf,
    },
    /// The built-in one.
    Rten,
}

impl RuntimeUsed {
    /// Its name, as a user types it.
    pub fn name(&self) -> &'static str {
        match self {
            RuntimeUsed::OnnxRuntime { .. } => "onnxruntime",
            RuntimeUsed::Rten => "rten",
        }
    }
}

impl fmt::Display for RuntimeUsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RuntimeUsed::OnnxRuntime { version, library } => {
                write!(f, "ONNX Runtime {version} ({})", library.display())
            }
            RuntimeUsed::Rten => write!(f, "rten, which is built in"),
        }
    }
}

/// Values and their shape.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tensor {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

/// An input or output as the file declares it.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) name: String,
    /// Whether its values are 32-bit floats.
    pub(crate) is_f32: bool,
    /// What its values are, in words.
    pub(crate) kind: String,
    /// Sizes of its axes, where these are told and fixed.
    pub(crate) shape: Option<Vec<Option<usize>>>,
}

/// What a model takes and gives.
#[derive(Clone, Debug)]
pub(crate) struct Signature {
    pub(crate) inputs: Vec<Slot>,
    pub(crate) outputs: Vec<Slot>,
}

impl Signature {
    pub(crate) fn inputs_text(&self) -> String {
        slots_text(&self.inputs)
    }

    pub(crate) fn outputs_text(&self) -> String {
        slots_text(&self.outputs)
    }
}

fn slots_text(slots: &[Slot]) -> String {
    let text = |slot: &Slot| {
        let shape = slot.shape.as_ref().map_or("of any shape".into(), |shape| shape_text(shape.iter().copied()));
        format!("`{}` {} {shape}", slot.name, slot.kind)
    };
    if slots.is_empty() { "nothing".into() } else { slots.iter().map(text).collect::<Vec<_>>().join(", ") }
}

/// A shape, `?` for an axis of any size.
pub(crate) fn shape_text(shape: impl Iterator<Item = Option<usize>>) -> String {
    let sizes: Vec<String> = shape.map(|size| size.map_or("?".into(), |size| size.to_string())).collect();
    format!("({})", sizes.join(", "))
}

/// A loaded model. Several threads may run it at once; each run is made on one thread.
pub(crate) trait Runtime: Debug + Send + Sync {
    fn used(&self) -> RuntimeUsed;

    fn signature(&self) -> &Signature;

    /// Runs the model on its one input and gives one output.
    fn run(&self, input: Tensor, output: usize) -> Result<Tensor, OnnxError>;
}

/// Loads a model, and tells why it is not run by what would have been first.
pub(crate) fn load(path: &Path, choice: RuntimeChoice) -> Result<(Box<dyn Runtime>, Option<String>), OnnxError> {
    // Before any runtime: the three say it in as many ways.
    std::fs::File::open(path).map_err(|source| OnnxError::Read { path: path.to_owned(), source })?;
    if choice == RuntimeChoice::Rten {
        return Ok((Box::new(native::Native::load(path)?), None));
    }
    match (onnx_runtime::library(), choice) {
        (Ok(library), _) => Ok((Box::new(onnx_runtime::OnnxRuntime::load(library, path)?), None)),
        // A library that the user names and that cannot be used is no reason to use another runtime.
        (Err(detail), choice) if choice == RuntimeChoice::OnnxRuntime || Library::is_named() => {
            Err(OnnxError::NoLibrary { detail })
        }
        (Err(detail), _) => Ok((Box::new(native::Native::load(path)?), Some(detail))),
    }
}

/// Things of which each run needs one of its own, made when all there are is in use.
#[derive(Debug)]
struct Spares<T>(Mutex<Vec<T>>);

impl<T> Spares<T> {
    fn new(first: T) -> Self {
        Spares(Mutex::new(vec![first]))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        // What a panicking run had taken is gone, and those that are here are whole.
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Runs with one, and puts it back.
    fn with<R>(
        &self,
        make: impl FnOnce() -> Result<T, OnnxError>,
        run: impl FnOnce(&mut T) -> Result<R, OnnxError>,
    ) -> Result<R, OnnxError> {
        let spare = self.lock().pop();
        let mut one = spare.map_or_else(make, Ok)?;
        let result = run(&mut one);
        self.lock().push(one);
        result
    }
}

/// Runs what is not ours: its panic becomes our error.
fn guarded<R>(run: impl FnOnce() -> R) -> Result<R, String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).map_err(|panic| {
        let said = panic.downcast_ref::<&str>().map(|said| (*said).to_owned());
        let said = said.or_else(|| panic.downcast_ref::<String>().cloned());
        format!("it gave up: {}", said.unwrap_or_else(|| "no reason given".into()))
    })
}
