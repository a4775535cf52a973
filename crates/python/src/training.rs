//! Scores of a training: the library's tracker.

use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyType;
use subsel::training::{Epochs, NeverLearned, Tracker as Kept, TrainingScore};
use subsel_formats::RowSource;
use subsel_kernels::{Block, Kernels};

use crate::array::ArraySource;
use crate::convert::bytes;
use crate::error::raised;

/// Collects what a training says of each row.
#[pyclass(frozen, module = "subsel._native")]
pub(crate) struct Tracker {
    kept: Mutex<Kept>,
}

impl Tracker {
    fn with<T>(&self, work: impl FnOnce(&mut Kept) -> Result<T, subsel::Error>) -> PyResult<T> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut kept).map_err(|error| raised(error.into()))
    }
}

#[pymethods]
impl Tracker {
    /// For `n` rows; `epochs` are the first and the end of those that count for EL2N, and of those for AUM.
    #[new]
    fn new(n: usize, classes: Option<usize>, el2n: (u32, u32), margin: Option<(u32, u32)>) -> PyResult<Self> {
        let all = Epochs::default();
        let epochs = Epochs { el2n: el2n.0..el2n.1, margin: margin.map_or(all.margin, |(first, end)| first..end) };
        let kept = Kept::over(n, classes, epochs).map_err(|error| raised(error.into()))?;
        Ok(Tracker { kept: Mutex::new(kept) })
    }

    /// A minibatch of an epoch, from 0.
    fn update(
        &self,
        epoch: u32,
        ids: Vec<usize>,
        logits: &Bound<'_, PyAny>,
        bf16: bool,
        labels: Vec<usize>,
    ) -> PyResult<()> {
        let source = ArraySource::new(logits, "logits", bf16)?;
        let mut wide = vec![0.0; source.n_rows() * source.dim()];
        let mut block = Block::default();
        let rows = source.rows(0..source.n_rows(), &mut block).map_err(|error| raised(error.into()))?;
        Kernels::best().widen(rows, &mut wide);
        self.with(|kept| kept.update(epoch, &ids, &wide, &labels))
    }

    /// Takes over what another tracker has seen.
    fn merge(&self, other: &Tracker) -> PyResult<()> {
        let other = other.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.with(|kept| kept.merge(&other))
    }

    /// A score `(n,)` as f64 bytes, by its definition, or so that harder rows have more.
    fn scores<'py>(
        &self,
        py: Python<'py>,
        by: &str,
        never_learned: &str,
        harder_is_higher: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let score = score(by, never_learned)?;
        let values = self.with(|kept| Ok(if harder_is_higher { kept.scores(score) } else { kept.values(score) }))?;
        Ok(bytes(py, &values))
    }

    /// How often each row was seen.
    fn observations<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let seen = self.with(|kept| Ok(kept.observations().into_iter().map(u64::from).collect::<Vec<_>>()))?;
        Ok(bytes(py, &seen))
    }

    /// All of it, as JSON.
    fn dump(&self) -> PyResult<String> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        serde_json::to_string(&*kept).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// A tracker from its JSON.
    #[classmethod]
    fn load(_class: &Bound<'_, PyType>, text: &str) -> PyResult<Self> {
        let kept = serde_json::from_str(text).map_err(|error| PyValueError::new_err(format!("no tracker: {error}")))?;
        Ok(Tracker { kept: Mutex::new(kept) })
    }
}

fn score(by: &str, never_learned: &str) -> PyResult<TrainingScore> {
    let never = match never_learned {
        "infinite" => NeverLearned::Infinite,
        "most" => NeverLearned::Most,
        "zero" => NeverLearned::Zero,
        other => {
            let text = format!("never_learned must be `infinite`, `most` or `zero`, got `{other}`");
            return Err(PyValueError::new_err(text));
        }
    };
    let all = [
        TrainingScore::Forgetting(never),
        TrainingScore::Correctness,
        TrainingScore::El2n,
        TrainingScore::El2nSum,
        TrainingScore::AumLogit,
        TrainingScore::AumProb,
    ];
    let names: Vec<&str> = all.iter().map(|score| score.name()).collect();
    all.into_iter().find(|score| score.name() == by).ok_or_else(|| {
        PyValueError::new_err(format!("there is no score of a training `{by}`: there are {}", names.join(", ")))
    })
}
