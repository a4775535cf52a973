//! Picks as tasks of a labeling tool, and what such a tool says of rows.

use std::path::{Path, PathBuf};

use subsel::{Classes, Pick};
use subsel_formats::{
    Annotated, Ids, SideColumn, SideOptions, Task, ToolFormat, ToolOptions, ToolWriter, image_size, read_annotations,
    read_column,
};

use crate::args::LabeledBy;
use crate::failure::Failure;
use crate::messages::count;
use crate::side::{self, Given};

/// Options of the tools.
#[derive(Clone, Debug, Default)]
pub struct ToolSettings {
    /// Label Studio: the variable of the labeling configuration; `image` if none is named.
    pub key: Option<String>,
    /// Label Studio: what makes an id a URL.
    pub prefix: Option<String>,
    /// COCO: the file that the images are picked out of.
    pub coco: Option<PathBuf>,
    /// CVAT: where the images are, whose sizes it needs.
    pub images: Option<PathBuf>,
}

/// An output for tasks, begun before the work.
pub struct Tasks {
    writer: ToolWriter,
    format: ToolFormat,
    images: Option<PathBuf>,
}

impl Tasks {
    /// Begins the file.
    ///
    /// # Errors
    /// A name that is no tool, options that the tool has no use for, and whatever keeps the file from being begun.
    pub fn begin(path: &Path, format: &str, settings: ToolSettings, force: bool) -> Result<Self, Failure> {
        let format: ToolFormat = format.parse()?;
        let ToolSettings { key, prefix, coco, images } = settings;
        let is = |tool: ToolFormat| format == tool;
        let used = [
            ("--data-key", key.is_some(), is(ToolFormat::LabelStudio)),
            ("--data-prefix", prefix.is_some(), is(ToolFormat::LabelStudio)),
            ("--coco", coco.is_some(), is(ToolFormat::Coco)),
            ("--images", images.is_some(), is(ToolFormat::Cvat)),
        ];
        if let Some((option, ..)) = used.into_iter().find(|(_, given, wanted)| *given && !wanted) {
            return Err(Failure::usage(format!("`{option}` is not for `{}`", format.name())));
        }
        if is(ToolFormat::Coco) && coco.is_none() {
            return Err(Failure::usage("images of COCO are picked out of a file, and none is named")
                .hint("`--coco FILE` names it"));
        }
        let defaults = ToolOptions::default();
        let options = ToolOptions {
            key: key.unwrap_or(defaults.key),
            prefix: prefix.unwrap_or_default(),
            coco,
            version: env!("CARGO_PKG_VERSION").into(),
            ..defaults
        };
        Ok(Tasks { writer: ToolWriter::create(path, format, options, force)?, format, images })
    }

    /// Refuses ids that the tool has no use for, before the work.
    ///
    /// # Errors
    /// No ids, or others than those of the COCO file.
    pub fn check_ids(&self, ids: Option<&Ids>) -> Result<(), Failure> {
        Ok(self.writer.check_ids(ids)?)
    }

    /// Writes the tasks, which `method` picked; those of CVAT with the sizes of their images.
    ///
    /// # Errors
    /// An image that is not there or is neither PNG nor JPEG; an id that the COCO file lacks; writing.
    pub fn write(self, mut tasks: Vec<Task>, method: &str) -> Result<(), Failure> {
        if self.format == ToolFormat::Cvat {
            let dir = self.images.unwrap_or_default();
            for task in &mut tasks {
                if let Some(id) = &task.id {
                    task.size = Some(image_size(&dir.join(id))?);
                }
            }
        }
        Ok(self.writer.by(method).write(&tasks)?)
    }
}

/// Picks as tasks; `texts` are what Label Studio shows, one per row of the pool.
pub(crate) fn tasks(picks: &[Pick], ids: Option<&Ids>, texts: Option<&[String]>) -> Vec<Task> {
    let task = |(i, pick): (usize, &Pick)| Task {
        rank: i as u64 + 1,
        row: pick.row as u64,
        id: ids.map(|ids| ids.text(pick.row)),
        shown: texts.map(|texts| texts[pick.row].clone()),
        size: None,
        score: pick.score,
        reason: pick.reason.to_string(),
    };
    picks.iter().enumerate().map(task).collect()
}

/// Texts, one per row of a pool of `n`.
pub(crate) fn texts(path: &Path, n: usize) -> Result<Vec<String>, Failure> {
    let options = SideOptions { column: None, prefer: vec!["text".into()] };
    let texts = side::texts(read_column(path, &options)?.values);
    match texts.len() == n {
        true => Ok(texts),
        false => {
            let message = format!("{} texts in {} for a pool of {} rows", count(texts.len()), path.display(), count(n));
            Err(Failure::new(message).hint("there must be one for each row, in the order of the rows"))
        }
    }
}

/// The classes that a tool's export gives some rows of a pool; all others are of the class without a name.
pub(crate) fn classes(
    path: &Path,
    column: Option<&str>,
    n: usize,
    ids: Option<&Ids>,
) -> Result<(Classes, usize), Failure> {
    let annotated = read_annotations(path)?;
    let labels = annotated.labels(column)?;
    let rows = rows(path, annotated, n, ids)?;
    let mut names = vec![String::new(); n];
    let mut known = 0;
    for (row, label) in rows.into_iter().zip(labels) {
        if let Some(label) = label {
            names[row] = label;
            known += 1;
        }
    }
    Ok((Classes::from_names(&names), known))
}

/// The rows of the pool that annotations are of: by the ids that the pool has, else by the rows that tasks of ours carry.
fn rows(path: &Path, annotated: Annotated, n: usize, ids: Option<&Ids>) -> Result<Vec<usize>, Failure> {
    let (given, by) = match (ids, annotated.ids, annotated.numbers, annotated.rows) {
        (Some(Ids::Text(_)), Some(found), ..) => (Given::Column(SideColumn::Texts(found)), LabeledBy::Id),
        (Some(Ids::Int(_)), _, Some(found), _) => (Given::Column(SideColumn::Ints(found)), LabeledBy::Id),
        (_, _, _, Some(found)) => (Given::Rows(found), LabeledBy::Row),
        (_, Some(found), ..) => (Given::Column(SideColumn::Texts(found)), LabeledBy::Id),
        _ => return Err(Failure::new(format!("{} names neither rows nor ids", path.display()))),
    };
    let list = side::Rows { n, ids, by: Some(by), column: None };
    list.read(&path.display().to_string(), &given)
}
