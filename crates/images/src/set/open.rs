//! Which kind of set the inputs are.

use std::path::{Path, PathBuf};

use subsel_formats::expand;

use super::{ImageSet, SetOptions, arrays, cifar, columns, folder};
use crate::Error;

/// A kind of set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Files,
    Columns,
    Arrays,
    Cifar,
}

impl Kind {
    fn told(self) -> &'static str {
        match self {
            Kind::Files => "images or directories of them",
            Kind::Columns => "Parquet",
            Kind::Arrays => "npz or npy",
            Kind::Cifar => "CIFAR's .bin",
        }
    }

    /// The kind that a path is, by its name; the readers confirm it by content.
    fn of(path: &Path) -> Result<Self, Error> {
        std::fs::metadata(path).map_err(|source| subsel_formats::Error::Io {
            action: "open",
            path: path.to_owned(),
            source,
        })?;
        if path.is_dir() || folder::is_image(path) {
            return Ok(Kind::Files);
        }
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        match extension.to_ascii_lowercase().as_str() {
            "parquet" | "pq" => Ok(Kind::Columns),
            "npz" | "npy" => Ok(Kind::Arrays),
            "bin" => Ok(Kind::Cifar),
            "" => Err(Error::NoImages { path: path.to_owned(), found: "a file without an extension".into() }),
            other => Err(Error::NoImages { path: path.to_owned(), found: format!("a .{other} file holds no images") }),
        }
    }
}

pub(super) fn open(paths: &[PathBuf], options: &SetOptions) -> Result<ImageSet, Error> {
    let paths = expand(paths)?;
    let kinds = paths.iter().map(|path| Kind::of(path)).collect::<Result<Vec<_>, _>>()?;
    if let Some(other) = kinds.iter().position(|kind| *kind != kinds[0]) {
        let detail = format!("one is {}, the other {}", kinds[0].told(), kinds[other].told());
        return Err(Error::Disagree { first: paths[0].clone(), second: paths[other].clone(), detail });
    }
    refuse_idle(kinds[0], &paths[0], options)?;
    match kinds[0] {
        Kind::Files => folder::open(&paths, options),
        Kind::Columns => columns::open(&paths, options),
        Kind::Arrays => arrays::open(&paths, options),
        Kind::Cifar => cifar::open(&paths),
    }
}

/// An option that would have no effect was meant for something else.
fn refuse_idle(kind: Kind, path: &Path, options: &SetOptions) -> Result<(), Error> {
    let column = options.column.is_some() || options.label_column.is_some() || options.id_column.is_some();
    let idle = match kind {
        _ if column && kind != Kind::Columns => "columns",
        _ if options.split.is_some() && kind != Kind::Arrays => "a split",
        _ => return Ok(()),
    };
    let what = format!("{idle} cannot be named of {}", kind.told());
    Err(Error::Set { path: path.to_owned(), what, hint: None })
}
