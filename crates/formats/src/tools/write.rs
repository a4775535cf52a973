//! Picks as tasks of labeling tools.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::coco::{self, Images};
use super::label_studio::{ID, KEY, OURS, ROW};
use super::{ToolFormat, cvat};
use crate::{AtomicFile, Error, Ids};

/// A pick to be labeled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Task {
    /// Its rank, from 1.
    pub rank: u64,
    /// Its row in the pool.
    pub row: u64,
    /// The id of the row: a file name, a URL, a name.
    pub id: Option<String>,
    /// What Label Studio is to show where that is not the id: a text.
    pub shown: Option<String>,
    /// Width and height of the image, which CVAT needs; [`image_size`](super::image_size) reads them.
    pub size: Option<(u32, u32)>,
    /// The score of the method, in units of its own; NaN where there is none.
    pub score: f64,
    /// Why it was picked.
    pub reason: String,
}

/// What all tasks share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolOptions {
    /// Label Studio: the variable of the labeling configuration, without its `$`. Default: `image`.
    pub key: String,
    /// Label Studio: what makes an id a URL, such as `/data/local-files/?d=images/`. Default: nothing.
    pub prefix: String,
    /// COCO: the file that the images are picked out of.
    pub coco: Option<PathBuf>,
    /// The method, as the user would write it.
    pub method: String,
    /// The version of the program.
    pub version: String,
}

impl Default for ToolOptions {
    fn default() -> Self {
        let (prefix, method, version) = Default::default();
        ToolOptions { key: "image".into(), prefix, coco: None, method, version }
    }
}

/// An output for tasks, opened before the work so that what cannot be written fails at once.
///
/// - **Label Studio** gets an array of tasks in the order of the ranks, which is the order of its sequential sampling. Its
///   sampling by uncertainty shows the task with the *lowest* score of a prediction first and takes scores from 0 to 1, so
///   that each task has an empty prediction of score `(rank - 1) / n`; the score of the method, which has a scale and a
///   direction of its own, is kept as `subsel_score` in the data. For that sampling, the version of the predictions
///   (`subsel VERSION METHOD`) has to be the one chosen in the project's settings.
/// - **CVAT** gets a dataset manifest; the sorting method `predefined` keeps its order.
/// - **COCO**: images in the order of the ranks, their annotations, and everything else as it was.
/// - **List**: an id a line.
#[derive(Debug)]
pub struct ToolWriter {
    file: AtomicFile,
    format: ToolFormat,
    options: ToolOptions,
    images: Option<Images>,
}

impl ToolWriter {
    /// Starts the file that will be `path`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for an extension that the tool would not take, and for COCO without a file to pick from;
    /// [`Error::Shape`] for a key that cannot be one; whatever keeps that file from being read; else as
    /// [`AtomicFile::create`].
    pub fn create(path: &Path, format: ToolFormat, options: ToolOptions, force: bool) -> Result<Self, Error> {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if !extension.eq_ignore_ascii_case(format.extension()) {
            let what = format!("tasks for `{}` are not written to a file of that name", format.name());
            return Err(Error::unsupported(path, what, format!("name it *.{}", format.extension())));
        }
        let images = match (format, &options.coco) {
            (ToolFormat::LabelStudio, _) if options.key.is_empty() || options.key.starts_with(OURS) => {
                let detail = format!("`{}` cannot be the key of the data", options.key);
                return Err(Error::Shape { what: "tasks for `label-studio`".into(), detail });
            }
            (ToolFormat::Coco, None) => {
                let what = "images are picked out of a COCO file, and none is named";
                return Err(Error::unsupported(path, what, "name the file that holds the images of the pool"));
            }
            (ToolFormat::Coco, Some(source)) => {
                let same =
                    |a: &Path, b: &Path| matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b);
                if same(source, path) {
                    return Err(Error::unsupported(path, "is the file that images are picked out of", "name another"));
                }
                Some(coco::images_of(source)?)
            }
            _ => None,
        };
        Ok(ToolWriter { file: AtomicFile::create(path, force)?, format, options, images })
    }

    /// The same for picks by this method, where it was not known when the file was begun.
    pub fn by(mut self, method: &str) -> Self {
        self.options.method = method.into();
        self
    }

    /// Refuses what the ids of the pool already rule out: none where the tool finds images by them, or none that the COCO
    /// file knows. Whether it knows all of the picks shows when they are written.
    ///
    /// # Errors
    /// [`Error::Unsupported`].
    pub fn check_ids(&self, ids: Option<&Ids>) -> Result<(), Error> {
        match (self.format, ids, &self.images, &self.options.coco) {
            (ToolFormat::Cvat | ToolFormat::Coco, None, ..) => Err(no_ids(self.file.path(), self.format)),
            (_, Some(Ids::Int(ids)), Some(images), Some(source)) => {
                let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
                images.check(source, &ids.iter().map(String::as_str).collect::<Vec<_>>())
            }
            (_, Some(Ids::Text(ids)), Some(images), Some(source)) => {
                images.check(source, &ids.iter().map(String::as_str).collect::<Vec<_>>())
            }
            _ => Ok(()),
        }
    }

    /// Writes the tasks, by rank, and gives the file its name.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a task without what the tool needs (an id, a size), or whose id is not in the COCO file;
    /// else as [`AtomicFile::commit`].
    pub fn write(mut self, tasks: &[Task]) -> Result<(), Error> {
        let mut tasks: Vec<&Task> = tasks.iter().collect();
        tasks.sort_by_key(|task| task.rank);
        let path = self.file.path().to_owned();
        let written = match self.format {
            ToolFormat::LabelStudio => {
                let last = tasks.last().map_or(1, |task| task.rank.max(1));
                let tasks: Vec<Value> = tasks.iter().map(|task| self.label_studio(task, last)).collect();
                write_array(&mut self.file, &tasks)
            }
            ToolFormat::Cvat => {
                let lines = cvat::manifest(&path, &tasks, &self.options)?;
                lines.iter().try_for_each(|line| writeln!(self.file, "{line}"))
            }
            ToolFormat::Coco => {
                let ids: Option<Vec<&str>> = tasks.iter().map(|task| task.id.as_deref()).collect();
                let ids = ids.ok_or_else(|| no_ids(&path, self.format))?;
                let source = self.options.coco.as_deref().unwrap_or(&path);
                let picked = coco::picked(source, &ids)?;
                serde_json::to_writer(&mut self.file, &picked).map_err(Into::into).and_then(|()| writeln!(self.file))
            }
            ToolFormat::List => {
                let lines = list(&path, &tasks)?;
                lines.iter().try_for_each(|line| writeln!(self.file, "{line}"))
            }
        };
        written.map_err(|e| Error::io("write", &path, e))?;
        self.file.commit()
    }

    fn label_studio(&self, task: &Task, last: u64) -> Value {
        let ToolOptions { key, prefix, method, version, .. } = &self.options;
        let shown = match (&task.shown, &task.id) {
            (Some(shown), _) => shown.clone(),
            (None, Some(id)) => format!("{prefix}{}", in_url(id, prefix)),
            (None, None) => format!("{prefix}{}", task.row),
        };
        let mut data = Map::new();
        data.insert(key.clone(), shown.into());
        data.insert(KEY.into(), key.clone().into());
        data.extend(task.id.as_ref().map(|id| (ID.to_owned(), id.clone().into())));
        data.extend(task.facts(&self.options));
        let score = task.rank.saturating_sub(1) as f64 / last as f64;
        let model = format!("subsel {version} {method}");
        json!({"data": data, "predictions": [{"model_version": model.trim(), "score": score, "result": []}]})
    }
}

impl Task {
    /// What a tool keeps beside the task.
    pub(super) fn facts(&self, options: &ToolOptions) -> Map<String, Value> {
        let mut facts = Map::new();
        facts.insert(ROW.into(), self.row.into());
        facts.insert("subsel_rank".into(), self.rank.into());
        // JSON has no other numbers than finite ones.
        facts.extend(self.score.is_finite().then(|| ("subsel_score".to_owned(), self.score.into())));
        facts.insert("subsel_reason".into(), self.reason.clone().into());
        facts.insert("subsel_method".into(), options.method.clone().into());
        facts
    }
}

pub(super) fn no_ids(path: &Path, format: ToolFormat) -> Error {
    let hint = match format {
        ToolFormat::Coco => "ids that are the file names or the numbers of the images are needed",
        _ => "ids that are the paths of the images from the root of the data set are needed",
    };
    Error::unsupported(path, format!("rows have no ids, by which `{}` finds images", format.name()), hint)
}

/// One task a line, so that files can be compared.
fn write_array(out: &mut impl Write, tasks: &[Value]) -> std::io::Result<()> {
    write!(out, "[")?;
    for (place, task) in tasks.iter().enumerate() {
        write!(out, "{}\n{task}", if place == 0 { "" } else { "," })?;
    }
    writeln!(out, "\n]")
}

fn list(path: &Path, tasks: &[&Task]) -> Result<Vec<String>, Error> {
    let line = |task: &&Task| match &task.id {
        Some(id) if id.contains(['\n', '\r']) => {
            let hint = "a list has one id a line; `label-studio` takes any";
            Err(Error::unsupported(path, format!("the id of row {} has several lines", task.row), hint))
        }
        Some(id) => Ok(id.clone()),
        None => Ok(task.row.to_string()),
    };
    tasks.iter().map(line).collect()
}

/// An id as it stands in a URL that begins with `prefix`: percent-encoded where browsers and Label Studio's own server
/// decode it again, which is not so for the keys of `s3://`, `gs://` and the like.
fn in_url(id: &str, prefix: &str) -> String {
    if !["/", "http://", "https://"].iter().any(|start| prefix.starts_with(start)) {
        return id.to_owned();
    }
    let mut encoded = String::with_capacity(id.len());
    for byte in id.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => encoded.push(byte.into()),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_encoded_only_where_they_are_decoded_again() {
        for (prefix, id, expected) in [
            ("", "a b.jpg", "a b.jpg"),
            ("s3://bucket/", "a b.jpg", "a b.jpg"),
            ("/data/local-files/?d=images/", "x/a b&c.jpg", "x/a%20b%26c.jpg"),
            ("https://host/", "é#1.png", "%C3%A9%231.png"),
        ] {
            assert_eq!(in_url(id, prefix), expected, "{prefix}");
        }
    }
}
