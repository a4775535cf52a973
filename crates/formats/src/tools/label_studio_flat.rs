//! Label Studio's JSON-MIN and CSV: a flat record for each annotation, the data of its task and the answers side by side.
//!
//! Its field `id` is the number of the task in Label Studio, and never an id of ours. Which fields are data and which are
//! answers is stated nowhere: in JSON-MIN the data comes before `id` and the answers after it, while the columns of a CSV
//! are in the order of the alphabet, where only the names of data tell.

use std::path::Path;

use serde_json::{Map, Value};

use super::annotated::{Annotated, Found, Gathered};
use super::label_studio::{DATA_NAMES, KEY, OURS, ROW, id_of, labels_of, row_of};
use super::name_of;
use crate::Error;
#[cfg(feature = "csv")]
use crate::file::DataFile;

/// What Label Studio says of an annotation, in every record.
const ALWAYS: [&str; 5] = ["annotation_id", "annotator", "created_at", "lead_time", "updated_at"];

/// What it says in some.
const SOMETIMES: [&str; 2] = ["id", "agreement"];

/// Whether this is a record of JSON-MIN.
pub(super) fn is_record(record: &Map<String, Value>) -> bool {
    record.contains_key("annotation_id") && record.contains_key("annotator")
}

/// Whether a table begins as Label Studio's do.
pub(super) fn is_header(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    let columns: Vec<&str> = first.split([',', '\t']).map(|name| name.trim().trim_matches('"')).collect();
    ALWAYS.iter().all(|name| columns.contains(name))
}

/// Reads the records of JSON-MIN.
pub(super) fn read<'a>(path: &Path, records: impl Iterator<Item = &'a Map<String, Value>>) -> Result<Annotated, Error> {
    let mut gathered = Gathered::default();
    for (place, record) in records.enumerate() {
        let before_id = record.keys().take_while(|key| *key != "id").count();
        let ordered = (1..record.len()).contains(&before_id);
        let is_data = |place: usize, key: &str| if ordered { place < before_id } else { is_usual_data(key) };
        gathered.push_record(path, place, record, is_data)?;
    }
    Ok(gathered.finish(path))
}

/// Reads the CSV.
#[cfg(feature = "csv")]
pub(super) fn read_csv(file: &DataFile) -> Result<Annotated, Error> {
    let path = file.path();
    let mut table = crate::csv::Table::open(file, true)?;
    let names = table.header.clone().unwrap_or_default();
    let mut cells = csv::StringRecord::new();
    let mut gathered = Gathered::default();
    let mut place = 0;
    while table.next(&mut cells)? {
        if cells.len() != names.len() {
            let (expected, found) = (names.len(), cells.len());
            return Err(Error::RaggedLine { path: path.to_owned(), line: table.line(), expected, found });
        }
        // What is no text there is JSON.
        let value = |cell: &str| match cell.as_bytes().first() {
            Some(b'[' | b'{') => serde_json::from_str(cell).unwrap_or_else(|_| cell.into()),
            _ => Value::from(cell),
        };
        let filled = names.iter().zip(&cells).filter(|(_, cell)| !cell.is_empty());
        let record: Map<String, Value> = filled.map(|(name, cell)| (name.clone(), value(cell))).collect();
        gathered.push_record(path, place, &record, |_, key| is_usual_data(key))?;
        place += 1;
    }
    Ok(gathered.finish(path))
}

/// Label Studio puts `_data_` before a name that is that of a question too.
fn is_usual_data(key: &str) -> bool {
    key.starts_with("_data_") || DATA_NAMES.contains(&key)
}

impl Gathered {
    /// Takes in a record, unless it holds no answer.
    fn push_record(
        &mut self,
        path: &Path,
        place: usize,
        record: &Map<String, Value>,
        is_data: impl Fn(usize, &str) -> bool,
    ) -> Result<(), Error> {
        let name = match record.get("id").and_then(name_of) {
            Some(id) => format!("task {id}"),
            None => format!("record {}", place + 1),
        };
        let key = record.get(KEY).and_then(Value::as_str);
        let row = row_of(path, &name, record.get(ROW))?;
        let mut data = Vec::new();
        let mut labels = Vec::new();
        let mut answered = false;
        for (place, (field, value)) in record.iter().enumerate() {
            let field = field.as_str();
            if field.starts_with(OURS) || key == Some(field) || (field != "id" && is_data(place, field)) {
                data.push((field, value));
            } else if !ALWAYS.contains(&field) && !SOMETIMES.contains(&field) {
                answered |= !matches!(value, Value::Null) && value.as_array().is_none_or(|results| !results.is_empty());
                labels.extend(answers(value).into_iter().map(|label| (field.to_owned(), label)));
            }
        }
        if answered {
            let id = id_of(data.into_iter());
            self.push(Found { name, row, id, number: None, labels });
        }
        Ok(())
    }
}

/// An answer is a text, or one or several values of results.
fn answers(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Number(number) => vec![number.to_string()],
        Value::Object(value) => labels_of(value),
        Value::Array(values) => values.iter().flat_map(answers).collect(),
        _ => Vec::new(),
    }
}
