//! What there is: methods and scores, for the classes and documentation of the package.

use pyo3::prelude::*;
use subsel::parse_method;

use crate::error::raised;

/// All methods with their parameters and defaults, as JSON.
#[pyfunction]
pub(crate) fn methods() -> String {
    subsel_cli::methods_json().to_string()
}

/// All scores with their parameters and defaults, as JSON.
#[pyfunction]
pub(crate) fn scores() -> String {
    subsel_cli::scores_json().to_string()
}

/// A method text in its short form: aliases resolved, without settings that have their defaults.
#[pyfunction]
pub(crate) fn method_text(text: &str) -> PyResult<String> {
    let method = parse_method(text).map_err(|error| raised(subsel::Error::from(error).into()))?;
    method.check().map_err(|error| raised(error.into()))?;
    Ok(method.text())
}
