//! What the tests of labeling tools' files share.

use std::fs;
use std::path::{Path, PathBuf};

use subsel_formats::{
    Annotated, Error, SideColumn, SideOptions, Task, ToolFormat, ToolOptions, ToolWriter, read_annotations, read_column,
};

use super::fixture;

pub(crate) fn tool(name: &str) -> PathBuf {
    fixture(&format!("tools/{name}"))
}

pub(crate) fn prefer(names: &[&str]) -> SideOptions {
    SideOptions { column: None, prefer: names.iter().map(|name| (*name).to_owned()).collect() }
}

pub(crate) fn named(column: &str) -> SideOptions {
    SideOptions { column: Some(column.into()), prefer: Vec::new() }
}

pub(crate) fn texts(values: &[&str]) -> SideColumn {
    SideColumn::Texts(values.iter().map(|value| (*value).to_owned()).collect())
}

pub(crate) fn column(path: &Path, options: &SideOptions) -> Result<SideColumn, Error> {
    read_column(path, options).map(|file| file.values)
}

pub(crate) fn strings(values: &[&str]) -> Option<Vec<String>> {
    Some(values.iter().map(|value| (*value).to_owned()).collect())
}

pub(crate) fn some(values: &[&str]) -> Vec<Option<String>> {
    values.iter().map(|value| Some((*value).to_owned())).collect()
}

/// Writes `text` as a file called `name` and reads it.
pub(crate) fn read_text(name: &str, text: &str) -> Result<Annotated, Error> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    fs::write(&path, text).unwrap();
    read_annotations(&path)
}

/// Message and hint, less the directory.
pub(crate) fn told(error: &Error) -> String {
    let message = error.to_string();
    let name = message.split_once(": ").map_or("", |(path, _)| path);
    let file = Path::new(name).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    format!("{} | {}", message.replace(name, file), error.hint().unwrap_or_default())
}

pub(crate) fn options() -> ToolOptions {
    ToolOptions { method: "k-center".into(), version: "0.1.0".into(), ..ToolOptions::default() }
}

pub(crate) fn tasks(ids: &[&str]) -> Vec<Task> {
    let task = |(place, id): (usize, &&str)| Task {
        rank: place as u64 + 1,
        row: 10 * place as u64 + 7,
        id: Some((*id).to_owned()),
        size: Some((640, 480)),
        score: if place == 1 { f64::NAN } else { 2.5 },
        reason: "farthest from what was taken".into(),
        ..Task::default()
    };
    ids.iter().enumerate().map(task).collect()
}

/// A file of tasks, in a directory that lasts as long.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) _dir: tempfile::TempDir,
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

pub(crate) fn written(name: &str, format: ToolFormat, options: ToolOptions, tasks: &[Task]) -> Result<Written, Error> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    ToolWriter::create(&path, format, options, false)?.write(tasks)?;
    let text = fs::read_to_string(&path).unwrap();
    Ok(Written { _dir: dir, path, text })
}

/// What a program does with a file: rows, ids and labels.
pub(crate) fn table(read: &Annotated) -> impl PartialEq + std::fmt::Debug {
    (read.rows.clone(), read.ids.clone(), read.labels(None).unwrap())
}
