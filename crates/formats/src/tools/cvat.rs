//! CVAT: the XML of `CVAT for images 1.1`, and dataset manifests.
//!
//! A manifest is JSON Lines: `{"version":"1.1"}`, `{"type":"images"}`, then an object for each image with `name` (its path
//! from the root of the data set, without the extension), `extension`, `width`, `height` and, of our own, `meta`. CVAT
//! keeps to its order where a task is made with the sorting method `predefined`.

use std::path::Path;

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use serde_json::{Map, Value, json};

use super::annotated::{Annotated, Found, Gathered};
use super::label_studio::{ROW, row_of};
use super::write::{Task, ToolOptions};
use crate::Error;
use crate::error::excerpt;
use crate::file::DataFile;
use crate::side::for_each_line;

/// The question that tags of whole images answer.
const TAG: &str = "tag";

/// The question that boxes, polygons, masks and so on answer.
const SHAPE: &str = "shape";

/// Reads what was exported as `CVAT for images 1.1`.
pub(super) fn read(path: &Path, text: &str) -> Result<Annotated, Error> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader::from_str(text);
    let mut gathered = Gathered::default();
    let mut image: Option<Found> = None;
    let mut depth = 0_usize;
    loop {
        let at = reader.buffer_position();
        let broken = |e: &dyn std::fmt::Display| Error::damaged(path, format!("{} is no XML: {e}", place(text, at)));
        match reader.read_event().map_err(|e| broken(&e))? {
            Event::Start(tag) => {
                open(path, &tag, depth, &mut image).map_err(|e| e.unwrap_or_else(|e| broken(&e)))?;
                depth += 1;
            }
            Event::Empty(tag) => {
                open(path, &tag, depth, &mut image).map_err(|e| e.unwrap_or_else(|e| broken(&e)))?;
                close(depth, &mut image, &mut gathered);
            }
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                close(depth, &mut image, &mut gathered);
            }
            Event::Eof if depth > 0 => {
                return Err(Error::damaged(path, "breaks off before the end of its XML"));
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if !text.contains("<annotations") {
        return Err(foreign(path, "holds no element `annotations`"));
    }
    Ok(gathered.finish(path))
}

/// What went wrong with a tag: our error, or that of the parser.
type TagError = Result<Error, quick_xml::Error>;

fn open(path: &Path, tag: &BytesStart<'_>, depth: usize, image: &mut Option<Found>) -> Result<(), TagError> {
    let name = tag.name();
    match (depth, name.as_ref()) {
        (0, "annotations") => {}
        (0, other) => {
            return Err(Ok(foreign(path, format!("is XML with the root `{}`, not `annotations`", excerpt(other)))));
        }
        (1, "track") => {
            let hint = "export it as CVAT for images 1.1, which has an entry for each frame";
            return Err(Ok(Error::unsupported(path, "holds tracks of a video", hint)));
        }
        (1, "image") => {
            let file = attribute(tag, "name")?.ok_or_else(|| {
                let id = attribute(tag, "id").ok().flatten().unwrap_or_default();
                Ok(Error::damaged(path, format!("image {} has no name", excerpt(&id))))
            })?;
            *image = Some(Found { name: format!("image `{file}`"), row: None, id: Some(file), labels: Vec::new() });
        }
        (2, kind) => {
            if let (Some(image), Some(label)) = (image, attribute(tag, "label")?) {
                image.labels.push((if kind == "tag" { TAG } else { SHAPE }.to_owned(), label));
            }
        }
        _ => {}
    }
    Ok(())
}

/// An image without annotations was not labeled.
fn close(depth: usize, image: &mut Option<Found>, gathered: &mut Gathered) {
    if depth == 1
        && let Some(image) = image.take()
        && !image.labels.is_empty()
    {
        gathered.push(image);
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Result<Option<String>, TagError> {
    let found = tag.try_get_attribute(name).map_err(|e| Err(e.into()))?;
    let value = found.map(|found| found.normalized_value(XmlVersion::Implicit1_0).map(|value| value.into_owned()));
    value.transpose().map_err(|e| Err(e.into()))
}

fn foreign(path: &Path, what: impl Into<String>) -> Error {
    Error::unsupported(path, what, super::UNDERSTOOD)
}

/// Where a byte is, as editors count.
fn place(text: &str, at: u64) -> String {
    let end = usize::try_from(at).unwrap_or(usize::MAX).min(text.len());
    let line = text.as_bytes()[..end].iter().filter(|byte| **byte == b'\n').count() + 1;
    format!("line {line}")
}

/// Whether a text begins as manifests do.
pub(super) fn is_manifest(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    let object: Option<Map<String, Value>> = serde_json::from_str(first).ok();
    object.is_some_and(|object| object.len() == 1 && object.contains_key("version"))
}

/// Reads a manifest as a list of images.
pub(super) fn read_manifest(file: &DataFile) -> Result<Annotated, Error> {
    let path = file.path();
    let mut gathered = Gathered::default();
    let mut lines = 0;
    for_each_line(file, |line, text| {
        let wrong = |what: &str| Error::damaged(path, format!("line {line}: {what}"));
        let object: Map<String, Value> =
            serde_json::from_str(text).map_err(|e| wrong(&format!("is no JSON object: {e}")))?;
        lines += 1;
        match lines {
            1 => Ok(()),
            2 if object.get("type").and_then(Value::as_str) == Some("images") => Ok(()),
            2 => Err(foreign(path, "is a manifest, but not of images")),
            _ => {
                let text = |field: &str| object.get(field).and_then(Value::as_str);
                let name = text("name").ok_or_else(|| wrong("has no text `name`"))?;
                let id = format!("{name}{}", text("extension").ok_or_else(|| wrong("has no text `extension`"))?);
                let name = format!("image `{id}`");
                let row = row_of(path, &name, object.get("meta").and_then(|meta| meta.get(ROW)))?;
                gathered.push(Found { name, row, id: Some(id), labels: Vec::new() });
                Ok(())
            }
        }
    })?;
    match lines {
        0 | 1 => Err(Error::damaged(path, "is a manifest that breaks off after its first line")),
        _ => Ok(gathered.finish(path)),
    }
}

/// The lines of a manifest.
pub(super) fn manifest(path: &Path, tasks: &[&Task], options: &ToolOptions) -> Result<Vec<Value>, Error> {
    let mut lines = vec![json!({"version": "1.1"}), json!({"type": "images"})];
    for task in tasks {
        let id = task.id.as_deref().ok_or_else(|| {
            let hint = "ids that are paths of images from the root of the data set are needed";
            Error::unsupported(path, format!("row {} has no id, and CVAT finds images by their names", task.row), hint)
        })?;
        let Some((width, height)) = task.size else {
            let hint = "CVAT needs the size of every image; it is read from PNG and JPEG files that can be found";
            return Err(Error::unsupported(path, format!("the width and height of `{id}` are not known"), hint));
        };
        let (name, extension) = split_extension(id);
        let mut meta = json!({"related_images": []});
        if let Some(meta) = meta.as_object_mut() {
            meta.extend(task.facts(options));
        }
        lines.push(json!({"name": name, "extension": extension, "width": width, "height": height, "meta": meta}));
    }
    Ok(lines)
}

/// As `os.path.splitext`, by which CVAT puts names together again: dots that begin a file name begin no extension.
fn split_extension(id: &str) -> (&str, &str) {
    let file = id.rfind('/').map_or(0, |slash| slash + 1);
    let stem = file + id[file..].bytes().take_while(|byte| *byte == b'.').count();
    match id[stem..].rfind('.') {
        Some(dot) => id.split_at(stem + dot),
        None => (id, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_are_split_as_cvat_does() {
        for (id, parts) in [
            ("a.jpg", ("a", ".jpg")),
            ("train/a.b.png", ("train/a.b", ".png")),
            ("v1.2/a", ("v1.2/a", "")),
            ("x/.hidden", ("x/.hidden", "")),
            ("..a.b", ("..a", ".b")),
            ("", ("", "")),
            ("é.", ("é", ".")),
        ] {
            assert_eq!(split_extension(id), parts, "{id}");
        }
    }
}
