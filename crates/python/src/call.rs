//! Commands of the program, run beside the interpreter: it goes on, shows progress, and hears Ctrl-C.

use std::any::Any;
use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::exceptions::{PyKeyError, PyKeyboardInterrupt, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use subsel_cli::{Answer, Call, Failure, Inputs, Role, Tasks, ToolSettings};
use subsel_formats::{AtomicFile, Column, Listed, PicksTable, PicksWriter, Task};

use crate::convert::{PoolGiven, Table, bytes, given};
use crate::error::{in_python, raised};
use crate::progress::Watched;

/// How often the interpreter is asked for Ctrl-C and told the progress.
const TICK: Duration = Duration::from_millis(20);

/// How long a run has to stop: control returns within 100 ms.
const PATIENCE: Duration = Duration::from_millis(70);

type Outcome = Result<Result<Answer, Failure>, Box<dyn Any + Send>>;

/// Runs the command of this name.
///
/// `words` are its options as the program takes them; `pool`, `test` and `known` what is in memory; `progress(stage, at,
/// of)` is called now and then.
#[pyfunction]
#[pyo3(signature = (command, words, pool=None, known=None, test=None, progress=None))]
pub(crate) fn call<'py>(
    py: Python<'py>,
    command: &str,
    words: Vec<String>,
    pool: Option<PoolGiven<'py>>,
    known: Option<Bound<'py, PyDict>>,
    test: Option<(PoolGiven<'py>, Bound<'py, PyAny>)>,
    progress: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let mut call = Call::new(command, &words).map_err(raised)?;
    let inputs = inputs(pool, known, test)?;
    let cancel = call.cancel_flag();
    let watched = Arc::new(Watched::default());
    call.watch(Arc::<Watched>::clone(&watched));
    let (sender, receiver) = channel::<Outcome>();
    let work = move || {
        // Nobody listens where the interpreter did not wait.
        let _ = sender.send(catch_unwind(AssertUnwindSafe(|| call.run(inputs))));
    };
    std::thread::Builder::new().name("subsel".into()).spawn(work)?;
    // A lock, since only what threads may share can be used while the interpreter is let go.
    let receiver = Mutex::new(receiver);
    let wait = |time| py.detach(|| receiver.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(time));
    let outcome = loop {
        match wait(TICK) {
            Ok(outcome) => break outcome,
            Err(RecvTimeoutError::Disconnected) => return Err(PyRuntimeError::new_err("the run ended silently")),
            Err(RecvTimeoutError::Timeout) => {
                let told = || -> PyResult<()> {
                    py.check_signals()?;
                    if let Some(progress) = &progress {
                        progress.call1(watched.look())?;
                    }
                    Ok(())
                };
                if let Err(interrupt) = told() {
                    cancel.store(true, Ordering::Relaxed);
                    // What is whole by then is handed over; a run that does not stop in time ends by itself, unheard.
                    let outcome = wait(PATIENCE);
                    let is_ctrl_c = interrupt.is_instance_of::<PyKeyboardInterrupt>(py);
                    match outcome {
                        Ok(Ok(Ok(answer))) if is_ctrl_c && !answer.complete => return answered(py, answer),
                        _ => return Err(interrupt),
                    }
                }
            }
        }
    };
    match outcome {
        Ok(Ok(answer)) => answered(py, answer),
        Ok(Err(failure)) => Err(raised(failure)),
        Err(panic) => Err(PyRuntimeError::new_err(format!("a fault of subsel, please report it: {}", said(&*panic)))),
    }
}

fn inputs(
    pool: Option<PoolGiven<'_>>,
    known: Option<Bound<'_, PyDict>>,
    test: Option<(PoolGiven<'_>, Bound<'_, PyAny>)>,
) -> PyResult<Inputs> {
    let mut inputs = Inputs { pool: pool.map(|pool| pool.open("X")).transpose()?, ..Inputs::default() };
    for (name, values) in known.iter().flat_map(|known| known.iter()) {
        let name: String = name.extract()?;
        if let Ok(dict) = values.cast::<PyDict>()
            && let Some(manifest) = dict.get_item("manifest")?
        {
            inputs.picks_manifest = Some(manifest.extract()?);
        }
        let values = given(&values, &name)?;
        match Role::ALL.iter().find(|role| role.name() == name) {
            Some(role) => inputs.side.push((*role, values)),
            None if name == "picks" => inputs.picks = Some(values),
            None => return Err(PyKeyError::new_err(name)),
        }
    }
    if let Some((features, labels)) = test {
        inputs.test = Some((features.open("the test rows")?, given(&labels, "the test labels")?));
    }
    Ok(inputs)
}

fn answered(py: Python<'_>, answer: Answer) -> PyResult<Bound<'_, PyDict>> {
    let dict = PyDict::new(py);
    let all_in_python = |texts: Vec<String>| texts.iter().map(|text| in_python(text)).collect::<Vec<_>>();
    dict.set_item("json", answer.json)?;
    dict.set_item("text", answer.text)?;
    dict.set_item("table", Table::new(answer.table, answer.picks))?;
    let kept: Vec<u64> = answer.kept.iter().map(|row| *row as u64).collect();
    dict.set_item("kept", bytes(py, &kept))?;
    dict.set_item("secs", answer.secs)?;
    dict.set_item("complete", answer.complete)?;
    dict.set_item("warnings", all_in_python(answer.warnings))?;
    dict.set_item("notes", all_in_python(answer.notes))?;
    Ok(dict)
}

/// What a panic said.
fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// Runs the program `subsel` with these words, the first of which is its name, and gives its exit code.
#[pyfunction]
pub(crate) fn main(py: Python<'_>, words: Vec<OsString>) -> u8 {
    py.detach(|| subsel_cli::main(words))
}

/// A pick: row, id, score, reason, and what is shown of it.
#[derive(FromPyObject)]
pub(crate) struct TaskGiven(u64, Option<String>, f64, String, Option<String>);

/// Writes picks as tasks of a labeling tool.
///
/// `tasks` are in rank order; `options` are `key`, `prefix`, `coco` and `images`.
#[pyfunction]
pub(crate) fn export(
    py: Python<'_>,
    path: PathBuf,
    format: &str,
    method: &str,
    tasks: Vec<TaskGiven>,
    options: (Option<String>, Option<String>, Option<PathBuf>, Option<PathBuf>),
    force: bool,
) -> PyResult<()> {
    let (key, prefix, coco, images) = options;
    let task = |(i, TaskGiven(row, id, score, reason, shown))| Task {
        rank: i as u64 + 1,
        row,
        id,
        shown,
        size: None,
        score,
        reason,
    };
    let tasks: Vec<Task> = tasks.into_iter().enumerate().map(task).collect();
    let settings = ToolSettings { key, prefix, coco, images };
    let write = || Tasks::begin(&path, format, settings, force)?.write(tasks, method);
    py.detach(write).map_err(raised)
}

/// Writes picks and the manifest beside them, as the program does: the format is that of the name.
#[pyfunction]
#[pyo3(signature = (path, rows, scores, reasons, ids, manifest, force))]
#[allow(clippy::too_many_arguments, reason = "columns of one table")]
pub(crate) fn write(
    py: Python<'_>,
    path: PathBuf,
    rows: Vec<u64>,
    scores: Vec<f64>,
    reasons: Vec<String>,
    ids: Option<Vec<String>>,
    manifest: &str,
    force: bool,
) -> PyResult<()> {
    let mut columns = vec![
        ("rank".to_owned(), Column::U64((1..=rows.len() as u64).collect())),
        ("row".to_owned(), Column::U64(rows)),
    ];
    columns.extend(ids.map(|ids| ("id".to_owned(), Column::Text(ids))));
    columns.push(("score".into(), Column::F64(scores)));
    columns.push(("reason".into(), Column::Text(reasons)));
    let table = PicksTable { columns, listed: Listed::Rows };
    let written = py.detach(|| {
        let writer = PicksWriter::create(&path, force)?;
        let mut beside = AtomicFile::create(&path.with_extension("manifest.json"), force)?;
        std::io::Write::write_all(&mut beside, manifest.as_bytes())
            .map_err(|error| subsel_cli::Failure::io("write", &path, &error))?;
        writer.write(&table)?;
        Ok(beside.commit()?)
    });
    written.map_err(raised)
}
