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

use super::ToolFormat;
use super::UNDERSTOOD;
use super::annotated::{Annotated, Found, Gathered};
use super::label_studio::{ROW, row_of};
use super::write::{Task, ToolOptions, no_ids};
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
    let (mut depth, mut rooted) = (0_usize, false);
    loop {
        let at = reader.buffer_position();
        let broken = |e: String| Error::damaged(path, format!("line {} is no XML: {e}", line(text, at)));
        match reader.read_event().map_err(|e| broken(e.to_string()))? {
            Event::Start(tag) => {
                open(path, &tag, depth, &mut image, &broken)?;
                (depth, rooted) = (depth + 1, true);
            }
            Event::Empty(tag) => {
                open(path, &tag, depth, &mut image, &broken)?;
                close(depth, &mut image, &mut gathered);
                rooted = true;
            }
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                close(depth, &mut image, &mut gathered);
            }
            Event::Eof if depth > 0 => return Err(Error::damaged(path, "breaks off before the end of its XML")),
            Event::Eof if !rooted => return Err(Error::unsupported(path, "is no XML: it has no element", UNDERSTOOD)),
            Event::Eof => return Ok(gathered.finish(path)),
            _ => {}
        }
    }
}

/// Takes in a tag; `broken` tells what is wrong with its attributes.
fn open(
    path: &Path,
    tag: &BytesStart<'_>,
    depth: usize,
    image: &mut Option<Found>,
    broken: &dyn Fn(String) -> Error,
) -> Result<(), Error> {
    let name = tag.name();
    let attribute = |name: &str| attribute(tag, name).map_err(broken);
    match (depth, name.as_ref()) {
        (0, "annotations") => {}
        (0, other) => {
            let what = format!("is XML with the root `{}`, not `annotations`", excerpt(other));
            return Err(Error::unsupported(path, what, UNDERSTOOD));
        }
        (1, "track") => {
            let hint = "export it as CVAT for images 1.1, which has an entry for each frame";
            return Err(Error::unsupported(path, "holds tracks of a video", hint));
        }
        (1, "image") => {
            let file = attribute("name")?.ok_or_else(|| broken("an image has no name".into()))?;
            let name = format!("image `{file}`");
            *image = Some(Found { name, row: None, id: Some(file), number: None, labels: Vec::new() });
        }
        (2, kind) => {
            if let (Some(image), Some(label)) = (image, attribute("label")?) {
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

fn attribute(tag: &BytesStart<'_>, name: &str) -> Result<Option<String>, String> {
    let found = tag.try_get_attribute(name).map_err(|e| e.to_string())?;
    let value = found.map(|found| found.normalized_value(XmlVersion::Implicit1_0).map(|value| value.into_owned()));
    value.transpose().map_err(|e| e.to_string())
}

/// The line of a byte, from 1.
fn line(text: &str, at: u64) -> usize {
    let end = usize::try_from(at).unwrap_or(usize::MAX).min(text.len());
    text.as_bytes()[..end].iter().filter(|byte| **byte == b'\n').count() + 1
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
            2 => Err(Error::unsupported(path, "is a manifest, but not of images", UNDERSTOOD)),
            _ => {
                let text = |field: &str| object.get(field).and_then(Value::as_str);
                let name = text("name").ok_or_else(|| wrong("has no text `name`"))?;
                let id = format!("{name}{}", text("extension").ok_or_else(|| wrong("has no text `extension`"))?);
                let name = format!("image `{id}`");
                let row = row_of(path, &name, object.get("meta").and_then(|meta| meta.get(ROW)))?;
                gathered.push(Found { name, row, id: Some(id), number: None, labels: Vec::new() });
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
        let id = task.id.as_deref().ok_or_else(|| no_ids(path, ToolFormat::Cvat))?;
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
