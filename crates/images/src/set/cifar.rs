//! CIFAR's binary files: records of labels and 32 x 32 pixels, all red ones before all green ones before all blue ones.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use subsel::Classes;
use subsel_formats::{ByteRows, Ids, Part};

use super::{Each, ImageSet, Store, locate};
use crate::{Error, Image};

const SIDE: usize = 32;
const AREA: usize = SIDE * SIDE;

/// Bytes of a record of CIFAR-10: a label and the pixels.
const TEN: usize = 1 + 3 * AREA;

/// Bytes of a record of CIFAR-100: a coarse label, a fine one, and the pixels.
const HUNDRED: usize = 2 + 3 * AREA;

struct Records {
    paths: Vec<PathBuf>,
    files: Vec<ByteRows>,
    lens: Vec<usize>,
}

impl Store for Records {
    fn each(&self, rows: &[usize], each: &Each<'_>) -> Result<(), Error> {
        rows.par_iter().enumerate().try_for_each(|(place, row)| {
            let (file, row) = locate(&self.lens, *row);
            let file = &self.files[file];
            let mut planes = [0; 3 * AREA];
            file.read_part(row, file.row_bytes() - planes.len(), &mut planes)?;
            let pixels = (0..AREA).flat_map(|i| [planes[i], planes[AREA + i], planes[2 * AREA + i]]).collect();
            each(place, Image::new(SIDE, SIDE, pixels).map_err(|error| error.to_string()));
            Ok(())
        })
    }

    fn name(&self, row: usize) -> String {
        let (file, row) = locate(&self.lens, row);
        format!("{}, row {row}", self.paths[file].display())
    }

    fn files(&self) -> Vec<PathBuf> {
        self.paths.clone()
    }
}

/// Bytes of a record of a file: by its name where that is CIFAR's, confirmed by its length; by its length where that
/// leaves no doubt.
fn record_bytes(path: &Path) -> Result<usize, Error> {
    let failed = |source| subsel_formats::Error::Io { action: "open", path: path.to_owned(), source };
    let len = std::fs::metadata(path).map_err(failed)?.len();
    let fits = |record: usize| len > 0 && len.is_multiple_of(record as u64);
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let named = match name {
        "train.bin" | "test.bin" => Some(HUNDRED),
        "test_batch.bin" => Some(TEN),
        _ if name.starts_with("data_batch_") => Some(TEN),
        _ => None,
    };
    match (fits(TEN), fits(HUNDRED), named) {
        (true, _, Some(TEN)) | (true, false, _) => Ok(TEN),
        (_, true, Some(HUNDRED)) | (false, true, _) => Ok(HUNDRED),
        (true, true, _) => {
            let what = format!("{len} bytes make records of {TEN} and of {HUNDRED}");
            let hint = "CIFAR-10 calls its files data_batch_1.bin and so on, CIFAR-100 train.bin and test.bin";
            Err(Error::Set { path: path.to_owned(), what, hint: Some(hint.into()) })
        }
        (false, false, _) => {
            let what = format!("{len} bytes are neither records of CIFAR-10 ({TEN}) nor of CIFAR-100 ({HUNDRED})");
            Err(Error::Set { path: path.to_owned(), what, hint: Some("fetch the file again".into()) })
        }
    }
}

/// Opens CIFAR's binary files.
pub(super) fn open(paths: &[PathBuf]) -> Result<ImageSet, Error> {
    let mut files = Vec::new();
    let mut codes = Vec::new();
    for path in paths {
        let record = record_bytes(path)?;
        let file = ByteRows::records(path, record)?;
        if file.row_bytes() != files.first().map_or(record, ByteRows::row_bytes) {
            let detail = format!("records of {record} bytes and of {}", files[0].row_bytes());
            return Err(Error::Disagree { first: paths[0].clone(), second: path.clone(), detail });
        }
        let mut label = [0];
        for row in 0..file.n_rows() {
            file.read_part(row, record - 3 * AREA - 1, &mut label)?;
            codes.push(u32::from(label[0]));
        }
        files.push(file);
    }
    let names = names(&paths[0], files[0].row_bytes() == HUNDRED);
    let labels = match names {
        Some(names) if codes.iter().all(|code| (*code as usize) < names.len()) => Classes { codes, names },
        _ => Classes::from_names(&codes.iter().map(u32::to_string).collect::<Vec<_>>()),
    };
    let lens: Vec<usize> = files.iter().map(ByteRows::n_rows).collect();
    let parts = paths.iter().zip(&lens).map(|(path, len)| Part { path: path.display().to_string(), n_rows: *len });
    let parts = parts.collect();
    let ids = Ids::Int((0..lens.iter().sum::<usize>() as i64).collect());
    let store = Box::new(Records { paths: paths.to_vec(), files, lens });
    Ok(ImageSet { store, ids, labels: Some(labels), parts, notes: Vec::new(), salt: String::new() })
}

/// The names of the classes, from the text that comes with the files.
fn names(path: &Path, fine: bool) -> Option<Vec<String>> {
    let beside = path.with_file_name(if fine { "fine_label_names.txt" } else { "batches.meta.txt" });
    let text = subsel_formats::read_file(&beside, 1 << 16).ok()?;
    let text = String::from_utf8(text).ok()?;
    Some(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}
