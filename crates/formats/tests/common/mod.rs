//! What the tests of files share.
#![allow(dead_code, reason = "every test binary uses its own part of this")]

pub(crate) mod tools;

use std::path::{Path, PathBuf};

use subsel_formats::{Block, Error, OpenOptions, Opened, Rows, Values, open};

/// A file written by a reference library; see `fixtures/make.py`.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Opens one file.
pub(crate) fn open_one(path: &Path, options: &OpenOptions) -> Result<Opened, Error> {
    open(&[path.to_owned()], options)
}

/// The values of a block, widened.
pub(crate) fn widened(rows: Rows<'_>) -> Vec<f32> {
    match rows.values() {
        Values::F32(values) => values.to_vec(),
        Values::F16(values) => values.iter().map(|value| value.to_f32()).collect(),
        Values::Bf16(values) => values.iter().map(|value| value.to_f32()).collect(),
        Values::I8(values) => values.iter().map(|value| f32::from(*value)).collect(),
        Values::U8(values) => values.iter().map(|value| f32::from(*value)).collect(),
    }
}

/// All rows, read by blocks of `step` rows.
pub(crate) fn read_all(opened: &Opened, step: usize) -> Result<Vec<f32>, Error> {
    let source = &opened.source;
    let mut block = Block::default();
    let mut all = Vec::new();
    for start in (0..source.n_rows()).step_by(step) {
        let rows = source.rows(start..(start + step).min(source.n_rows()), &mut block)?;
        all.extend(widened(rows));
    }
    Ok(all)
}

/// Opens and reads a whole file, as a hostile one is tried.
pub(crate) fn read_file(path: &Path) -> Result<Vec<f32>, Error> {
    read_all(&open_one(path, &OpenOptions::default())?, 2)
}

/// Options that name a column.
pub(crate) fn column(name: &str) -> OpenOptions {
    OpenOptions { column: Some(name.into()), ..OpenOptions::default() }
}

/// A file of the real data, which `SUBSEL_DATA` or a folder beside the repository holds; absent ones are told.
#[allow(clippy::print_stderr, reason = "a test that skips says so")]
pub(crate) fn real_data(name: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let folder = std::env::var_os("SUBSEL_DATA").map_or_else(|| beside.into(), PathBuf::from);
    let path = folder.join(name);
    if !path.exists() {
        eprintln!("skipped: no {}", path.display());
        return None;
    }
    Some(path)
}
