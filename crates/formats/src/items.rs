//! What rows of embeddings stand for: the texts and pictures of chosen rows, out of files that may be far larger.

use std::path::{Path, PathBuf};

use crate::file::DataFile;
use crate::format::Format;
use crate::side::{for_each_line, only_column};
use crate::{Error, Part, SideColumn, SideOptions, read_column};

/// Extensions that items are read from, for messages.
const EXTENSIONS: &str = ".jsonl .txt .csv .tsv .parquet .npy";

/// What a row stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A text.
    Text(String),
    /// A file of bytes, such as a JPEG.
    Bytes(Vec<u8>),
}

/// The items of the rows `rows` (in any order, as often as one likes), in their order; `None` where the cell is empty.
///
/// Rows are numbered through all parts, as [`crate::count_rows`] gives them. A txt has one text a line and a jsonl one
/// object, blank lines aside; columns are chosen as for side files, those of bytes (Parquet: binary, or structs with a
/// field `bytes`, as image data sets have them) included. Only the items asked for are kept in memory.
///
/// # Errors
/// [`Error::Shape`] for a row beyond the parts; [`Error::NoSuchColumn`] and [`Error::AmbiguousColumn`];
/// [`Error::Unsupported`] for a file without items; whatever keeps a file from being read.
pub fn read_items(parts: &[Part], rows: &[usize], options: &SideOptions) -> Result<Vec<Option<Item>>, Error> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_unstable_by_key(|i| rows[*i]);
    let total: usize = parts.iter().map(|part| part.n_rows).sum();
    if let Some(row) = rows.iter().find(|row| **row >= total) {
        let detail = format!("row {row} is asked for of {total} rows");
        return Err(Error::Shape { what: "items".into(), detail });
    }
    let mut items: Vec<Option<Item>> = vec![None; rows.len()];
    let mut first = 0;
    let mut next = 0;
    for part in parts {
        let end = first + part.n_rows;
        let mine = &order[next..next + order[next..].iter().take_while(|i| rows[**i] < end).count()];
        next += mine.len();
        let mut wanted: Vec<usize> = mine.iter().map(|i| rows[*i] - first).collect();
        wanted.dedup();
        if !wanted.is_empty() {
            let found = read_part(Path::new(&part.path), &wanted, options)?;
            for i in mine {
                let place = wanted.binary_search(&(rows[*i] - first)).ok();
                items[*i] = place.and_then(|place| found.get(place).cloned().flatten());
            }
        }
        first = end;
    }
    Ok(items)
}

/// Items of one file; `rows` ascending, each once.
fn read_part(path: &Path, rows: &[usize], options: &SideOptions) -> Result<Vec<Option<Item>>, Error> {
    let file = DataFile::open(path)?;
    let found = match Format::of_file(&file, EXTENSIONS)? {
        Format::Text => lines(&file, rows, |_, text| Ok(Some(Item::Text(text.to_owned()))))?,
        Format::Jsonl => json_lines(&file, rows, options)?,
        #[cfg(feature = "csv")]
        Format::Csv => records(&file, rows, options)?,
        #[cfg(feature = "parquet")]
        Format::Parquet => crate::items_parquet::read(file, rows, options)?,
        Format::Npy => whole(read_column(path, options)?.values, rows),
        _ => return Err(Error::unsupported(path, "no file of texts or pictures", format!("known: {EXTENSIONS}"))),
    };
    if found.len() != rows.len() {
        return Err(Error::damaged(path, "has fewer rows than when it was counted"));
    }
    Ok(found)
}

/// Items of chosen lines; each is given with its number, from 1.
fn lines(
    file: &DataFile,
    rows: &[usize],
    mut item: impl FnMut(u64, &str) -> Result<Option<Item>, Error>,
) -> Result<Vec<Option<Item>>, Error> {
    let mut left = rows.iter().copied().peekable();
    let mut found = Vec::with_capacity(rows.len());
    let mut row = 0;
    for_each_line(file, |number, text| {
        if left.next_if_eq(&row).is_some() {
            found.push(item(number, text)?);
        }
        row += 1;
        Ok(())
    })?;
    Ok(found)
}

fn json_lines(file: &DataFile, rows: &[usize], options: &SideOptions) -> Result<Vec<Option<Item>>, Error> {
    let path = file.path();
    let mut field: Option<String> = None;
    lines(file, rows, |line, text| {
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text)
            .map_err(|e| Error::damaged(path, format!("line {line} is no JSON object: {e}")))?;
        let name = match &field {
            Some(name) => name,
            None => {
                let texts = object.iter().filter(|(_, value)| options.column.is_some() || value.is_string());
                let names: Vec<String> = texts.map(|(name, _)| name.clone()).collect();
                field.insert(only_column(path, &names, options)?)
            }
        };
        Ok(match object.get(name) {
            None | Some(serde_json::Value::Null) => None,
            Some(serde_json::Value::String(text)) => Some(Item::Text(text.clone())),
            Some(other) => Some(Item::Text(other.to_string())),
        })
    })
}

#[cfg(feature = "csv")]
fn records(file: &DataFile, rows: &[usize], options: &SideOptions) -> Result<Vec<Option<Item>>, Error> {
    // A table of texts has a header: without one, nothing could tell it from its first row.
    let mut table = crate::csv::Table::open(file, true)?;
    let names = table.header.clone().unwrap_or_default();
    let place = table.place(&only_column(file.path(), &names, options)?)?;
    let mut left = rows.iter().copied().peekable();
    let mut found = Vec::with_capacity(rows.len());
    let mut record = csv::StringRecord::new();
    let mut row = 0;
    while left.peek().is_some() && table.next(&mut record)? {
        if left.next_if_eq(&row).is_some() {
            found.push(record.get(place).filter(|cell| !cell.is_empty()).map(|cell| Item::Text(cell.to_owned())));
        }
        row += 1;
    }
    Ok(found)
}

/// Items of a column that is in memory.
fn whole(column: SideColumn, rows: &[usize]) -> Vec<Option<Item>> {
    let text = |row: usize| match &column {
        SideColumn::Ints(values) => values.get(row).map(i64::to_string),
        SideColumn::Floats(values) => values.get(row).map(f64::to_string),
        SideColumn::Texts(values) => values.get(row).cloned(),
    };
    rows.iter().map_while(|row| text(*row)).map(|text| Some(Item::Text(text))).collect()
}

/// Pictures of a directory, by name; nothing is opened.
///
/// # Errors
/// [`Error::NotAFile`] if it is no directory; [`Error::Io`].
pub fn list_files(dir: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>, Error> {
    let failed = |e| Error::io("open", dir, e);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if extensions.iter().any(|known| known.eq_ignore_ascii_case(extension)) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
