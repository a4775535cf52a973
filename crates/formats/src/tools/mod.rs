//! Files of labeling tools: picks as tasks for Label Studio, CVAT and whatever reads COCO ([`ToolWriter`]), and what was
//! labeled there, read back by [`read_column`](crate::read_column) and [`read_annotations`].
//!
//! | tool | written | read |
//! |---|---|---|
//! | Label Studio | JSON tasks | exports `JSON`, `JSON-MIN` and `CSV`, tasks as written |
//! | CVAT | `manifest.jsonl` | `CVAT for images 1.1` XML, manifests as written |
//! | COCO | the images picked out of a COCO file | any COCO file |
//!
//! What is read is a table: `row` (where every task says which row it was written for), `id`, `label` and, of COCO,
//! `image_id`, with a line for each task that was labeled. A task was labeled if it has an annotation that was not skipped
//! and is not empty. Files of tasks as they are written here, before any labeling, are lists of rows, as a csv of picks is.

mod annotated;
mod coco;
mod cvat;
mod image_size;
mod label_studio;
mod label_studio_flat;
mod write;

use std::path::Path;
use std::str::FromStr;

use serde_json::Value;

pub use annotated::Annotated;
pub use image_size::image_size;
pub use write::{Task, ToolOptions, ToolWriter};

use crate::Error;
use crate::file::DataFile;
use crate::format::Format;
use crate::guard::guarded;

/// What is understood, for messages.
const UNDERSTOOD: &str = "understood are Label Studio's exports JSON, JSON-MIN and CSV, CVAT for images 1.1 (XML) and \
                          COCO (JSON)";

/// Bytes looked at to tell what a file is.
const HEAD_BYTES: u64 = 1 << 16;

/// A labeling tool that picks are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolFormat {
    /// Label Studio: a JSON array of tasks.
    LabelStudio,
    /// CVAT: a dataset manifest, JSON Lines.
    Cvat,
    /// A COCO file of the user's own, cut down to the picks.
    Coco,
    /// A text with an id a line, or row numbers where there are no ids.
    List,
}

impl ToolFormat {
    /// The names that [`ToolFormat::from_str`] knows.
    pub const NAMES: [&'static str; 4] = ["label-studio", "cvat", "coco", "list"];

    /// All of them, in the order of [`ToolFormat::NAMES`].
    const ALL: [ToolFormat; 4] = [ToolFormat::LabelStudio, ToolFormat::Cvat, ToolFormat::Coco, ToolFormat::List];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// The extension that files of it have, without the dot: the tools tell files by it.
    pub fn extension(self) -> &'static str {
        match self {
            ToolFormat::LabelStudio | ToolFormat::Coco => "json",
            ToolFormat::Cvat => "jsonl",
            ToolFormat::List => "txt",
        }
    }
}

impl FromStr for ToolFormat {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|format| format.name() == name);
        known.ok_or_else(|| Error::UnknownTool { name: name.to_owned() })
    }
}

/// The kinds of files that are read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Label Studio's JSON and JSON-MIN, COCO.
    Json,
    /// CVAT for images.
    Xml,
    /// CVAT's dataset manifest.
    Manifest,
    /// Label Studio's CSV.
    Csv,
}

/// Whether a file holds what a labeling tool exports, or tasks as they are written here: its beginning looks so.
pub fn is_annotations(path: &Path) -> bool {
    let Ok(file) = DataFile::open(path) else { return false };
    let Ok(head) = file.head(HEAD_BYTES) else { return false };
    let text = beginning(&head);
    match kind_of(&file) {
        Ok(Some(Kind::Json)) => looks_like_json(&text),
        Ok(Some(Kind::Xml)) => text.contains("<annotations"),
        Ok(Some(Kind::Manifest | Kind::Csv)) => true,
        _ => false,
    }
}

/// Reads what was labeled.
///
/// # Errors
/// [`Error::Unsupported`] for a file of another kind; [`Error::Damaged`] for one that breaks the rules of its format.
pub fn read_annotations(path: &Path) -> Result<Annotated, Error> {
    let file = DataFile::open(path)?;
    match kind_of(&file)? {
        Some(kind) => read(&file, kind),
        None => Err(Error::unsupported(path, "no file of annotations", UNDERSTOOD)),
    }
}

/// What kind of file of annotations this is, if it is one.
///
/// Files named `.json` and `.xml` are nothing else; those named as other side files are only where they begin as the
/// tools begin theirs.
pub(crate) fn kind_of(file: &DataFile) -> Result<Option<Kind>, Error> {
    let extension = file.path().extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "json" => return Ok(Some(Kind::Json)),
        "xml" => return Ok(Some(Kind::Xml)),
        "zip" => {
            let hint = "unpack it and give the file of annotations inside";
            return Err(Error::unsupported(file.path(), "a zip archive, which is not read as a side file", hint));
        }
        _ => {}
    }
    let head = file.head(HEAD_BYTES)?;
    let text = beginning(&head);
    Ok(match Format::of_name(file.path()) {
        Some(Format::Jsonl) => cvat::is_manifest(&text).then_some(Kind::Manifest),
        Some(Format::Csv) if cfg!(feature = "csv") => label_studio_flat::is_header(&text).then_some(Kind::Csv),
        Some(_) => None,
        None if cvat::is_manifest(&text) => Some(Kind::Manifest),
        None if looks_like_json(&text) => Some(Kind::Json),
        None if text.starts_with('<') && text.contains("<annotations") => Some(Kind::Xml),
        None => None,
    })
}

/// Reads a file of annotations.
pub(crate) fn read(file: &DataFile, kind: Kind) -> Result<Annotated, Error> {
    let path = file.path();
    if file.len() == 0 {
        return Err(Error::damaged(path, "is empty (0 bytes)"));
    }
    // The parsers do not panic on anything known; the fence is for what is not.
    guarded(path, || match kind {
        Kind::Json => read_json(file),
        Kind::Xml => cvat::read(path, &text_of(file)?),
        Kind::Manifest => cvat::read_manifest(file),
        #[cfg(feature = "csv")]
        Kind::Csv => label_studio_flat::read_csv(file),
        #[cfg(not(feature = "csv"))]
        Kind::Csv => Err(Error::NotBuilt { path: path.to_owned(), format: "CSV", feature: "csv" }),
    })
}

fn read_json(file: &DataFile) -> Result<Annotated, Error> {
    let path = file.path();
    let foreign = |what: &str| Err(Error::unsupported(path, what, UNDERSTOOD));
    match json_of(file)? {
        Value::Array(tasks) => label_studio::read(path, &tasks),
        Value::Object(object) if object.get("images").is_some_and(Value::is_array) => coco::read(path, &object),
        Value::Object(object) if object.contains_key("data") || object.contains_key("result") => {
            foreign("a JSON object where an array of tasks is needed")
        }
        Value::Object(_) => foreign("a JSON object without `images`, which COCO files have"),
        _ => foreign("JSON that is neither an array of tasks nor an object with `images`"),
    }
}

/// The whole of a JSON file.
fn json_of(file: &DataFile) -> Result<Value, Error> {
    let bytes = file.read_vec(0, file.len())?;
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    serde_json::from_slice(text).map_err(|e| Error::damaged(file.path(), format!("is no JSON: {e}")))
}

fn text_of(file: &DataFile) -> Result<String, Error> {
    let bytes = file.read_vec(0, file.len())?;
    let text = String::from_utf8(bytes);
    text.map_err(|e| {
        Error::damaged(file.path(), format!("is not UTF-8 text from byte {} on", e.utf8_error().valid_up_to()))
    })
}

/// The beginning of a text file, less what may precede its first character; empty for other files.
fn beginning(head: &[u8]) -> String {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The last character may be cut off.
        Err(e) if e.error_len().is_none() => std::str::from_utf8(&head[..e.valid_up_to()]).unwrap_or_default(),
        Err(_) => "",
    };
    valid.trim_start().to_owned()
}

/// An array of objects, or an object with a member of COCO's.
fn looks_like_json(text: &str) -> bool {
    match text.as_bytes().first() {
        Some(b'[') => matches!(text[1..].trim_start().as_bytes().first(), Some(b'{' | b']')),
        Some(b'{') => ["\"images\"", "\"annotations\""].iter().any(|member| text.contains(member)),
        _ => false,
    }
}

/// The text of a JSON value that names something: a text or a whole number.
fn name_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if !number.is_f64() => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_and_others_are_told_what_is() {
        for (name, format) in ToolFormat::NAMES.into_iter().zip(ToolFormat::ALL) {
            assert_eq!(name.parse::<ToolFormat>().unwrap(), format);
            assert_eq!(format.name(), name);
        }
        let error = "labelbox".parse::<ToolFormat>().unwrap_err();
        assert_eq!(error.to_string(), "no labeling tool is called `labelbox`");
        assert_eq!(error.hint().unwrap(), "there are: `label-studio`, `cvat`, `coco`, `list`");
    }
}
