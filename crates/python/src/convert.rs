//! Values between Python and the program: columns in, tables out.

use std::collections::BTreeMap;

use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyDict, PyList, PyString};
use serde_json::json;
use subsel::Pick;
use subsel_cli::Given;
use subsel_formats::{Column, Opened, SideColumn};

use crate::array::ArraySource;
use crate::error::raised;
use crate::table;

/// A pool as the package hands it over: an array, or a table with the names of its columns of rows and ids.
#[derive(FromPyObject)]
pub(crate) enum PoolGiven<'py> {
    /// An array of two axes, and whether its two bytes are bfloat16.
    Array(Bound<'py, PyAny>, bool),
    /// An object with `__arrow_c_stream__`.
    Table(Bound<'py, PyAny>, Option<String>, Option<String>),
}

impl PoolGiven<'_> {
    /// Opens it. `what` it is, for messages.
    pub(crate) fn open(self, what: &str) -> PyResult<Opened> {
        match self {
            PoolGiven::Array(array, bf16) => Ok(ArraySource::new(&array, what, bf16)?.opened()),
            PoolGiven::Table(table, column, id_column) => table::open(&table, what, column, id_column),
        }
    }
}

/// What is known of rows: numbers, texts, `{"rows": [...]}` for what can only be row numbers, or a matrix.
pub(crate) fn given(values: &Bound<'_, PyAny>, what: &str) -> PyResult<Given> {
    if let Ok(pool) = values.extract::<PoolGiven<'_>>() {
        return Ok(Given::Matrix(pool.open(what)?.source));
    }
    if let Ok(rows) = values.cast::<PyDict>() {
        let rows = rows.get_item("rows")?.ok_or_else(|| PyKeyError::new_err("rows"))?;
        return Ok(Given::Rows(rows.extract()?));
    }
    let list = values.cast::<PyList>().map_err(PyErr::from)?;
    let is_text = list.get_item(0).is_ok_and(|first| first.is_instance_of::<PyString>());
    let bad = |error: PyErr| {
        PyValueError::new_err(format!("{what} must be all whole numbers, all numbers or all texts: {error}"))
    };
    Ok(Given::Column(match (is_text, list.extract::<Vec<i64>>()) {
        (true, _) => SideColumn::Texts(list.extract().map_err(bad)?),
        (false, Ok(values)) => SideColumn::Ints(values),
        (false, Err(_)) => SideColumn::Floats(list.extract().map_err(bad)?),
    }))
}

/// A table of an answer; columns are converted when they are asked for.
#[pyclass(frozen, module = "subsel._native")]
pub(crate) struct Table {
    columns: BTreeMap<String, Column>,
    picks: Vec<Pick>,
}

impl Table {
    /// The columns of a table, and those that the picks of a selection have.
    pub(crate) fn new(mut columns: BTreeMap<String, Column>, picks: Vec<Pick>) -> Self {
        if !picks.is_empty() {
            columns.insert("score".into(), Column::F64(picks.iter().map(|pick| pick.score).collect()));
        }
        Table { columns, picks }
    }
}

#[pymethods]
impl Table {
    /// The names of the columns.
    fn names(&self) -> Vec<String> {
        self.columns.keys().cloned().collect()
    }

    /// A column: its type (`u8`, `i8` or `f8` bytes, or a list of `text`) and its values.
    fn column<'py>(&self, py: Python<'py>, name: &str) -> PyResult<(&'static str, Bound<'py, PyAny>)> {
        let column = self.columns.get(name).ok_or_else(|| PyKeyError::new_err(name.to_owned()))?;
        Ok(match column {
            Column::U64(values) => ("u8", bytes(py, values)),
            Column::I64(values) => ("i8", bytes(py, values)),
            Column::F64(values) => ("f8", bytes(py, values)),
            Column::Text(values) => ("text", PyList::new(py, values)?.into_any()),
            Column::Json { text, .. } => ("text", PyList::new(py, text)?.into_any()),
        })
    }

    /// Why each pick was made, in words.
    fn reasons(&self) -> Vec<String> {
        self.picks.iter().map(|pick| pick.reason.to_string()).collect()
    }

    /// The same as facts with names: a JSON array of objects.
    fn facts(&self) -> String {
        json!(self.picks.iter().map(|pick| &pick.reason).collect::<Vec<_>>()).to_string()
    }
}

/// Numbers as bytes that numpy can own.
pub(crate) fn bytes<'py, T: bytemuck::NoUninit>(py: Python<'py>, values: &[T]) -> Bound<'py, PyAny> {
    PyByteArray::new(py, bytemuck::cast_slice(values)).into_any()
}

/// A small map of picks among rows of a pool, as SVG.
#[pyfunction]
pub(crate) fn picture(pool: PoolGiven<'_>, rows: Vec<usize>) -> PyResult<String> {
    let opened = pool.open("X")?;
    subsel_report::small_map(&*opened.source, &rows).map_err(|error| raised(error.into()))
}
