//! What there is: methods and scores, for the classes and documentation of the package.

use pyo3::prelude::*;
use serde_json::{Map, Value, json};
use subsel::{MethodInfo, parse_method, registry, scores as scorers};

use crate::error::raised;

/// All methods with their parameters and defaults, as JSON.
#[pyfunction]
pub(crate) fn methods() -> String {
    let facts = |entry: &subsel::Entry| {
        let defaults = (entry.build)(Map::new()).map(|method| method.params()).unwrap_or_default();
        facts(entry.info, &defaults)
    };
    Value::Array(registry::all().iter().map(facts).collect()).to_string()
}

/// All scores with their parameters and defaults, as JSON.
#[pyfunction]
pub(crate) fn scores() -> String {
    let facts = |entry: &subsel::ScoreEntry| {
        let defaults = (entry.build)(Map::new()).map(|score| score.params()).unwrap_or_default();
        let mut facts = facts(entry.info, &defaults);
        facts["summary"] = entry.score.into();
        facts
    };
    Value::Array(scorers::all().iter().map(facts).collect()).to_string()
}

fn facts(info: &MethodInfo, defaults: &Map<String, Value>) -> Value {
    let params = info.params.iter().map(|param| {
        let default = defaults.get(param.name).cloned().unwrap_or(Value::Null);
        json!({ "name": param.name, "values": param.values, "default": default, "doc": param.doc })
    });
    json!({
        "name": info.name,
        "aliases": info.aliases,
        "summary": info.summary,
        "needs": info.needs,
        "rows": info.rows,
        "nested": info.nested,
        "random": info.random,
        "cost": info.cost,
        "source": info.source,
        "not_when": info.not_when,
        "params": params.collect::<Vec<_>>(),
    })
}

/// A method text in its short form: aliases resolved, without settings that have their defaults.
#[pyfunction]
pub(crate) fn method_text(text: &str) -> PyResult<String> {
    Ok(parsed(text)?.text())
}

/// All settings of a method text, as JSON.
#[pyfunction]
pub(crate) fn method_settings(text: &str) -> PyResult<String> {
    Ok(Value::Object(parsed(text)?.params()).to_string())
}

fn parsed(text: &str) -> PyResult<Box<dyn subsel::Selector>> {
    let method = parse_method(text).map_err(|error| raised(subsel::Error::from(error).into()))?;
    method.check().map_err(|error| raised(error.into()))?;
    Ok(method)
}
