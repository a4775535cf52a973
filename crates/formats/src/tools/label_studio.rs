//! Label Studio's JSON: an array of tasks, each with its `data` and, once somebody worked on it, its `annotations`.

use std::path::Path;

use serde_json::{Map, Value};

use super::annotated::{Annotated, Found, Gathered};
use super::{UNDERSTOOD, label_studio_flat, name_of};
use crate::Error;

/// What every field of ours in the data of a task begins with.
pub(super) const OURS: &str = "subsel_";

/// The row that a task was written for.
pub(super) const ROW: &str = "subsel_row";

/// The id of its row: what stands under the key of the data may have a prefix before it, or be a text.
pub(super) const ID: &str = "subsel_id";

/// The key under which the data of a task of ours stands.
pub(super) const KEY: &str = "subsel_key";

/// Names that data goes by, where a task has several fields and none of ours.
pub(super) const DATA_NAMES: [&str; 9] =
    ["id", "file_name", "filename", "image", "text", "audio", "video", "html", "url"];

/// Reads an export, or a file of tasks as they are written here.
pub(super) fn read(path: &Path, tasks: &[Value]) -> Result<Annotated, Error> {
    let mut gathered = Gathered::default();
    let mut flat = 0;
    for (place, task) in tasks.iter().enumerate() {
        let foreign = || {
            let what = format!("entry {} of the array is no task of Label Studio", place + 1);
            Error::unsupported(path, what, UNDERSTOOD)
        };
        let task = task.as_object().ok_or_else(foreign)?;
        if task.get("data").is_some_and(Value::is_object) {
            continue;
        }
        if !label_studio_flat::is_record(task) {
            return Err(foreign());
        }
        flat += 1;
    }
    if flat == tasks.len() {
        return label_studio_flat::read(path, tasks.iter().filter_map(Value::as_object));
    }
    if flat > 0 {
        return Err(Error::damaged(path, "mixes tasks of Label Studio's JSON and JSON-MIN"));
    }
    let tasks: Vec<&Map<String, Value>> = tasks.iter().filter_map(Value::as_object).collect();
    let unlabeled = tasks.iter().all(|task| annotations_of(task).is_none());
    for (place, task) in tasks.into_iter().enumerate() {
        let name = match task.get("id").and_then(name_of) {
            Some(id) => format!("task {id}"),
            None => format!("task number {}", place + 1),
        };
        let data = task.get("data").and_then(Value::as_object).unwrap_or(task);
        let row = row_of(path, &name, data.get(ROW))?;
        if unlabeled && row.is_none() {
            let hint = "this is what Label Studio imports; what was labeled is in its export as JSON";
            return Err(Error::unsupported(path, format!("{name} has no field `annotations`"), hint));
        }
        let labels = match annotations_of(task) {
            Some(annotations) => answers(path, &name, annotations)?,
            None if unlabeled => Some(Vec::new()),
            None => None,
        };
        if let Some(labels) = labels {
            let id = id_of(data.iter().map(|(key, value)| (key.as_str(), value)));
            gathered.push(Found { name, row, id, number: None, labels });
        }
    }
    Ok(gathered.finish(path))
}

/// `completions` is what they were called before version 1.0.
fn annotations_of(task: &Map<String, Value>) -> Option<&Value> {
    task.get("annotations").or_else(|| task.get("completions"))
}

/// Questions and answers of a task; `None` if nobody answered.
fn answers(path: &Path, name: &str, annotations: &Value) -> Result<Option<Vec<(String, String)>>, Error> {
    let wrong = |what: &str| Error::damaged(path, format!("{name}: {what}"));
    let annotations = annotations.as_array().ok_or_else(|| wrong("`annotations` is no array"))?;
    let mut labels = Vec::new();
    let mut answered = false;
    for annotation in annotations {
        let annotation = annotation.as_object().ok_or_else(|| wrong("an annotation is no object"))?;
        let said = |field: &str| annotation.get(field).and_then(Value::as_bool) == Some(true);
        if said("was_cancelled") || said("skipped") {
            continue;
        }
        let results = annotation.get("result").and_then(Value::as_array);
        let results = results.ok_or_else(|| wrong("an annotation has no array `result`"))?;
        answered |= !results.is_empty();
        for result in results {
            let result = result.as_object().ok_or_else(|| wrong("a result is no object"))?;
            // Relations between regions have no value.
            let Some(value) = result.get("value").and_then(Value::as_object) else { continue };
            let question = result.get("from_name").and_then(Value::as_str).unwrap_or("label");
            labels.extend(labels_of(value).into_iter().map(|label| (question.to_owned(), label)));
        }
    }
    Ok(answered.then_some(labels))
}

/// The labels in the value of a result, which stand under the name of its kind: `choices`, `rectanglelabels`, `rating`.
pub(super) fn labels_of(value: &Map<String, Value>) -> Vec<String> {
    let mut labels = Vec::new();
    for (kind, value) in value {
        match kind.as_str() {
            "taxonomy" => labels.extend(texts_in(value, path_of)),
            "choices" | "selected" | "datetime" | "rating" | "number" => labels.extend(texts_in(value, scalar)),
            kind if kind.ends_with("labels") => labels.extend(texts_in(value, scalar)),
            _ => {}
        }
    }
    if labels.is_empty() {
        // Regions of a text repeat it beside their labels; without any, it is what was written.
        let lines: Vec<String> = value.get("text").map(|text| texts_in(text, scalar)).unwrap_or_default();
        labels.extend((!lines.is_empty()).then(|| lines.join("\n")));
    }
    labels
}

fn texts_in(value: &Value, text: impl Fn(&Value) -> Option<String>) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().filter_map(text).collect(),
        single => text(single).into_iter().collect(),
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A place in a taxonomy: `["animal", "cat"]`.
fn path_of(value: &Value) -> Option<String> {
    match value {
        Value::Array(steps) => {
            let steps: Vec<String> = steps.iter().filter_map(scalar).collect();
            (!steps.is_empty()).then(|| steps.join("/"))
        }
        single => scalar(single),
    }
}

/// The row that a task was written for, a number or (in a csv) its text.
pub(super) fn row_of(path: &Path, name: &str, value: Option<&Value>) -> Result<Option<i64>, Error> {
    let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(None) };
    let row = match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_i64(),
    };
    let wrong = || Error::damaged(path, format!("{name}: `{ROW}` is {value}, no row number"));
    row.map(Some).ok_or_else(wrong)
}

/// The id of a task: what was recorded when it was written; else its only field of text, or one that is usually it.
pub(super) fn id_of<'a>(data: impl Iterator<Item = (&'a str, &'a Value)>) -> Option<String> {
    let fields: Vec<(&str, &Value)> = data.collect();
    let field = |name: &str| fields.iter().find(|(key, _)| *key == name).and_then(|(_, value)| name_of(value));
    if fields.iter().any(|(key, _)| key.starts_with(OURS)) {
        return field(ID);
    }
    let texts: Vec<&str> = fields.iter().filter_map(|(_, value)| value.as_str()).collect();
    match texts.as_slice() {
        [only] if field("id").is_none() => Some((*only).to_owned()),
        _ => DATA_NAMES.iter().find_map(|name| field(name)),
    }
}
