//! Image files, named one by one or found below directories.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use subsel::Classes;
use subsel_formats::{Ids, Part, read_file};

use super::{By, Each, ImageSet, SetOptions, Store};
use crate::Error;

/// Extensions of the images that are read.
pub(crate) const EXTENSIONS: [&str; 5] = ["jpg", "jpeg", "png", "webp", "bmp"];

/// Longest file that is read as one image.
const MAX_FILE: u64 = 1 << 30;

/// Image files: each is its root joined with its id.
struct Files {
    paths: Vec<PathBuf>,
}

impl Store for Files {
    fn each(&self, rows: &[usize], each: &Each<'_>) -> Result<(), Error> {
        let read = |row: usize| crate::decode(&read_file(&self.paths[row], MAX_FILE).map_err(|error| told(&error))?);
        rows.par_iter().enumerate().for_each(|(place, row)| each(place, read(*row)));
        Ok(())
    }

    fn name(&self, row: usize) -> String {
        self.paths[row].display().to_string()
    }

    fn files(&self) -> Vec<PathBuf> {
        self.paths.clone()
    }
}

/// An error with what the system said.
fn told(error: &subsel_formats::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// Whether a name promises an image.
pub(super) fn is_image(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension))
}

/// What was found below a directory.
#[derive(Default)]
struct Found {
    /// Paths below the root, with `/`.
    images: Vec<String>,
    /// Other files by extension.
    others: BTreeMap<String, usize>,
}

/// Opens directories and image files.
pub(super) fn open(paths: &[PathBuf], options: &SetOptions) -> Result<ImageSet, Error> {
    let alone = paths.len() == 1;
    let (mut files, mut ids, mut folders, mut parts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut others: BTreeMap<String, usize> = BTreeMap::new();
    for root in paths {
        let before = files.len();
        if root.is_dir() {
            let mut found = Found::default();
            walk(root, "", &mut Vec::new(), &mut found)?;
            if found.images.is_empty() {
                return Err(Error::NoImages { path: root.clone(), found: nothing(&found.others) });
            }
            // `/` sorts below most characters but not all of them: the whole path decides.
            found.images.sort_unstable();
            for id in found.images {
                files.push(root.join(&id));
                folders.push(id.split_once('/').map(|(folder, _)| folder.to_owned()));
                ids.push(if alone { id } else { format!("{}/{id}", slashed(root)?) });
            }
            found.others.into_iter().for_each(|(kind, count)| *others.entry(kind).or_default() += count);
        } else {
            files.push(root.clone());
            ids.push(slashed(root)?);
            folders.push(None);
        }
        parts.push(Part { path: root.display().to_string(), n_rows: files.len() - before });
    }
    let mut notes = Vec::new();
    if !others.is_empty() {
        let count: usize = others.values().sum();
        let are = if count == 1 { "file is" } else { "files are" };
        notes.push(format!("{count} {are} passed over: {}", kinds(&others)));
    }
    let labels = classes(&paths[0], &ids, folders, options.classes, &mut notes)?;
    let store = Box::new(Files { paths: files });
    Ok(ImageSet { store, ids: Ids::Text(ids), labels, parts, notes, salt: String::new() })
}

/// The classes that folders name.
fn classes(
    root: &Path,
    ids: &[String],
    folders: Vec<Option<String>>,
    by: By,
    notes: &mut Vec<String>,
) -> Result<Option<Classes>, Error> {
    if by == By::None {
        return Ok(None);
    }
    let loose = folders.iter().position(Option::is_none);
    match (loose, by) {
        (Some(row), By::Folder) => {
            let what = format!("`{}` lies in no folder that could name its class", ids[row]);
            let hint = Some("every image lies in the folder of its class, or classes come from elsewhere".into());
            Err(Error::Set { path: root.to_owned(), what, hint })
        }
        (Some(_), _) => Ok(None),
        (None, _) => {
            let names: Vec<String> = folders.into_iter().flatten().collect();
            let classes = Classes::from_names(&names);
            if classes.names.len() < 2 && by == By::Auto {
                return Ok(None);
            }
            notes.push(format!("classes are the folders of the first level: {}", classes.names.len()));
            Ok(Some(classes))
        }
    }
}

/// Collects the files below `dir`, whose path below the root is `below` (with a `/` at its end unless it is the root).
fn walk(dir: &Path, below: &str, above: &mut Vec<PathBuf>, found: &mut Found) -> Result<(), Error> {
    let failed = |path: &Path, source| subsel_formats::Error::Io { action: "open", path: path.to_owned(), source };
    // A link to a directory above would be walked for ever.
    let real = dir.canonicalize().map_err(|e| failed(dir, e))?;
    if above.contains(&real) {
        return Ok(());
    }
    above.push(real);
    for entry in std::fs::read_dir(dir).map_err(|e| failed(dir, e))? {
        let path = entry.map_err(|e| failed(dir, e))?.path();
        let name = path.file_name().unwrap_or_default();
        let Some(name) = name.to_str() else {
            let what = format!("the name of {} is not Unicode", path.display());
            return Err(Error::Set { path: dir.to_owned(), what, hint: Some("rename it: names are ids".into()) });
        };
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            walk(&path, &format!("{below}{name}/"), above, found)?;
        } else if is_image(&path) {
            found.images.push(format!("{below}{name}"));
        } else {
            let extension = path.extension().and_then(OsStr::to_str);
            let kind = extension.map_or("no extension".into(), |e| format!(".{}", e.to_ascii_lowercase()));
            *found.others.entry(kind).or_default() += 1;
        }
    }
    above.pop();
    Ok(())
}

/// A path as text with `/`.
fn slashed(path: &Path) -> Result<String, Error> {
    let text = path.to_str().ok_or_else(|| {
        let what = "its name is not Unicode".to_owned();
        Error::Set { path: path.to_owned(), what, hint: Some("rename it: names are ids".into()) }
    })?;
    let text =
        if std::path::MAIN_SEPARATOR == '/' { text.to_owned() } else { text.replace(std::path::MAIN_SEPARATOR, "/") };
    Ok(text.trim_end_matches('/').to_owned())
}

/// What a directory without images holds.
fn nothing(others: &BTreeMap<String, usize>) -> String {
    match others.is_empty() {
        true => "holds no files".into(),
        false => format!("holds no images: {}", counted(others)),
    }
}

fn kinds(others: &BTreeMap<String, usize>) -> String {
    others.keys().take(8).cloned().collect::<Vec<_>>().join(", ")
}

fn counted(others: &BTreeMap<String, usize>) -> String {
    others.iter().take(8).map(|(kind, count)| format!("{count} x {kind}")).collect::<Vec<_>>().join(", ")
}
