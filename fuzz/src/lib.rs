//! What the fuzz targets share: arbitrary bytes as a file, tried in every way in which a file is read.
//!
//! ```text
//! cargo +nightly fuzz run parquet -- -max_total_time=60
//! ```
//! Good seeds: `crates/formats/tests/fixtures`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use subsel_formats::{Block, Ids, OpenOptions, Opened, SideOptions, count_rows, open, read_column, read_matrix, take};
use tempfile::TempDir;

/// Lets panics unwind: those of foreign parsers are caught where they happen, and one that reaches the fuzzer is ours
/// and ends the run.
pub fn init() {
    let _ = std::panic::take_hook();
}

fn folder() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    FOLDER.get_or_init(|| tempfile::tempdir().expect("a scratch directory")).path()
}

/// Reads `bytes` as a file with this extension in every way there is.
pub fn read(extension: &str, bytes: &[u8]) {
    let path = folder().join(format!("input.{extension}"));
    let _ = fs::remove_file(&path);
    fs::write(&path, bytes).expect("the scratch directory can be written");
    let paths = [path];
    // The first byte chooses the names asked for, so that both kinds of answer are met.
    let named = bytes.first().is_some_and(|byte| byte % 2 == 1);
    read_pool(&paths, named);
    let side = SideOptions { column: named.then(|| "id".to_owned()), prefer: vec!["row".to_owned()] };
    let _ = read_column(&paths[0], &side);
    let _ = read_matrix(&paths[0], &side);
    take_ends(&paths);
}

fn read_pool(paths: &[PathBuf], named: bool) {
    let options = OpenOptions {
        column: named.then(|| "embedding".to_owned()),
        id_column: named.then(|| "id".to_owned()),
        scratch_dir: Some(folder().to_owned()),
        ..OpenOptions::default()
    };
    let Ok(opened) = open(paths, &options) else { return };
    let Opened { source, ids, parts, .. } = opened;
    assert!(source.n_rows() > 0 && source.dim() > 0);
    assert_eq!(parts.iter().map(|part| part.n_rows).sum::<usize>(), source.n_rows());
    assert!(ids.as_ref().is_none_or(|ids: &Ids| ids.len() == source.n_rows()));
    let mut block = Block::default();
    let _ = source.gather(&[source.n_rows() - 1, 0], &mut block);
    for start in (0..source.n_rows()).step_by(1000) {
        let range = start..(start + 1000).min(source.n_rows());
        match source.rows(range.clone(), &mut block) {
            Ok(rows) => assert_eq!((rows.len(), rows.dim()), (range.len(), source.dim())),
            Err(_) => break,
        }
    }
}

fn take_ends(paths: &[PathBuf]) {
    let Ok(parts) = count_rows(paths) else { return };
    let Some(last) = parts[0].n_rows.checked_sub(1) else { return };
    let _ = take(&parts, &[vec![0, last]], &folder().join("taken"), true);
}
