//! Side files: one value for each row of a pool (labels, scores, ids), or a list of rows or ids (labeled, excluded).
//!
//! npy, txt, csv, parquet, arrow and jsonl. A txt has one entry a line; blank lines and lines beginning with `#` are
//! passed over. The first line of a csv is a header unless all its cells are numbers, so that a list of names without a
//! header belongs in a txt. Tables whose length is stated nowhere (txt, csv, jsonl) cannot show that they were cut off;
//! callers compare the number of entries with what they expect.
//!
//! Exports of labeling tools are read too, as tables of `row`, `id` and `label`; see [`crate::read_annotations`].

use std::io::{BufRead, BufReader};
use std::path::Path;

use crate::Error;
use crate::error::excerpt;
use crate::file::DataFile;
use crate::format::{Format, MATRIX_EXTENSIONS, SIDE_EXTENSIONS};
use crate::npy::side as npy_side;
use crate::tools;

/// Which column of a side file is meant.
#[derive(Clone, Debug, Default)]
pub struct SideOptions {
    /// The column (csv, parquet, arrow) or field (jsonl), by name.
    pub column: Option<String>,
    /// Names to look for, in this order, where no column is named: `["id", "row"]` reads picks of ours. A file with one
    /// column needs neither.
    pub prefer: Vec<String>,
}

/// A column of a side file.
#[derive(Clone, Debug, PartialEq)]
pub struct SideFile {
    /// The name of the column, where it has one.
    pub column: Option<String>,
    /// Its values.
    pub values: SideColumn,
}

/// The values of a column, in the narrowest of the three kinds that holds them all exactly.
#[derive(Clone, Debug, PartialEq)]
pub enum SideColumn {
    /// Whole numbers; truth values are 0 and 1.
    Ints(Vec<i64>),
    /// Numbers.
    Floats(Vec<f64>),
    /// Texts.
    Texts(Vec<String>),
}

impl SideColumn {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            SideColumn::Ints(values) => values.len(),
            SideColumn::Floats(values) => values.len(),
            SideColumn::Texts(values) => values.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values of two stretches of one column, which are of one kind.
    #[cfg(feature = "parquet")]
    pub(crate) fn appended(self, more: SideColumn) -> SideColumn {
        match (self, more) {
            (SideColumn::Ints(mut all), SideColumn::Ints(more)) => {
                all.extend(more);
                SideColumn::Ints(all)
            }
            (SideColumn::Texts(mut all), SideColumn::Texts(more)) => {
                all.extend(more);
                SideColumn::Texts(all)
            }
            (all, more) => {
                let mut all = all.into_floats();
                all.extend(more.into_floats());
                SideColumn::Floats(all)
            }
        }
    }

    /// The values as f64; texts are NaN.
    pub(crate) fn into_floats(self) -> Vec<f64> {
        match self {
            SideColumn::Ints(values) => values.into_iter().map(|value| value as f64).collect(),
            SideColumn::Floats(values) => values,
            SideColumn::Texts(values) => vec![f64::NAN; values.len()],
        }
    }
}

/// A small matrix in memory, row-major: class probabilities or logits.
#[derive(Clone, Debug, PartialEq)]
pub struct SideMatrix {
    /// `n_rows * n_columns` values.
    pub values: Vec<f64>,
    /// Number of rows.
    pub n_rows: usize,
    /// Values per row.
    pub n_columns: usize,
}

/// Reads one column of a side file.
///
/// # Errors
/// Whatever is wrong with the file; [`Error::AmbiguousColumn`] and [`Error::NoSuchColumn`]; [`Error::Null`] for a
/// missing value.
pub fn read_column(path: &Path, options: &SideOptions) -> Result<SideFile, Error> {
    let file = DataFile::open(path)?;
    if let Some(kind) = tools::kind_of(&file)? {
        return tools::read(&file, kind)?.column(options);
    }
    let named = |(column, values)| SideFile { column: Some(column), values };
    let unnamed = |values| SideFile { column: None, values };
    match side_format(&file)? {
        Some(Format::Npy) => npy_side::read_column(&file).map(unnamed),
        None | Some(Format::Text) => read_lines(&file).map(unnamed),
        Some(Format::Jsonl) => read_json_lines(&file, options).map(named),
        #[cfg(feature = "csv")]
        Some(Format::Csv) => read_table_column(&file, options),
        #[cfg(feature = "parquet")]
        Some(Format::Parquet) => crate::parquet::read_column(file, options).map(named),
        #[cfg(feature = "parquet")]
        Some(Format::Ipc) => crate::ipc::read_column(file, options).map(named),
        Some(other) => Err(not_a_side_file(path, other)),
    }
}

/// Reads a matrix of numbers: a 2-D npy, a csv of numbers, or a Parquet column of lists.
///
/// # Errors
/// As [`read_column`]; [`Error::Ragged`] for rows of different lengths.
pub fn read_matrix(path: &Path, options: &SideOptions) -> Result<SideMatrix, Error> {
    let file = DataFile::open(path)?;
    match Format::of_file(&file, MATRIX_EXTENSIONS)? {
        Format::Npy => npy_side::read_matrix(&file),
        #[cfg(feature = "csv")]
        Format::Csv => read_table(&file),
        #[cfg(feature = "parquet")]
        Format::Parquet => {
            let (values, n_columns) = crate::parquet::read_lists(file, options.column.as_deref())?;
            Ok(SideMatrix { n_rows: values.len() / n_columns, values, n_columns })
        }
        other => {
            let _ = options;
            Err(not_a_side_file(path, other))
        }
    }
}

/// The format of a side file; an empty one is a list without entries in the formats that can say so (`None`).
fn side_format(file: &DataFile) -> Result<Option<Format>, Error> {
    let by_name = Format::of_name(file.path());
    if file.len() == 0 && matches!(by_name, Some(Format::Text | Format::Jsonl)) {
        return Ok(None);
    }
    Format::of_file(file, SIDE_EXTENSIONS).map(Some)
}

fn not_a_side_file(path: &Path, format: Format) -> Error {
    match format {
        Format::Csv if !cfg!(feature = "csv") => {
            Error::NotBuilt { path: path.to_owned(), format: "CSV", feature: "csv" }
        }
        Format::Parquet | Format::Ipc if !cfg!(feature = "parquet") => {
            Error::NotBuilt { path: path.to_owned(), format: "Parquet and Arrow", feature: "parquet" }
        }
        _ => {
            let hint = format!("known extensions: {SIDE_EXTENSIONS}");
            Error::unsupported(path, "a format that is not read as a side file", hint)
        }
    }
}

/// The column that is meant, by name, preference or being the only one.
pub(crate) fn only_column(path: &Path, columns: &[String], options: &SideOptions) -> Result<String, Error> {
    let kind = "column";
    if let Some(name) = &options.column {
        return match columns.contains(name) {
            true => Ok(name.clone()),
            false => Err(Error::NoSuchColumn {
                path: path.to_owned(),
                kind,
                name: name.clone(),
                candidates: columns.to_vec(),
            }),
        };
    }
    if let Some(name) = options.prefer.iter().find(|name| columns.contains(name)) {
        return Ok(name.clone());
    }
    match columns {
        [only] => Ok(only.clone()),
        [] => Err(Error::unsupported(path, "no column holds numbers or texts", "give a file with one value per row")),
        _ => Err(Error::AmbiguousColumn { path: path.to_owned(), kind, candidates: columns.to_vec() }),
    }
}

/// Texts as they are, or as numbers where every one of them is a whole number written the plain way.
pub(crate) fn texts_or_ints(texts: Vec<String>) -> SideColumn {
    let ints: Option<Vec<i64>> = texts.iter().map(|text| plain_int(text)).collect();
    ints.map_or(SideColumn::Texts(texts), SideColumn::Ints)
}

/// `007` is a name and not the number 7.
fn plain_int(text: &str) -> Option<i64> {
    text.parse::<i64>().ok().filter(|value| value.to_string() == text)
}

fn plain_float(text: &str) -> Option<f64> {
    let marked = text.contains(['.', 'e', 'E']) || text.eq_ignore_ascii_case("nan") || text.ends_with("inf");
    let value = text.parse::<f64>().ok()?;
    (marked || plain_int(text).is_some()).then_some(value)
}

/// The narrowest kind for cells of text.
pub(crate) fn typed(texts: Vec<String>) -> SideColumn {
    match texts_or_ints(texts) {
        SideColumn::Texts(texts) => {
            let floats: Option<Vec<f64>> = texts.iter().map(|text| plain_float(text)).collect();
            floats.map_or(SideColumn::Texts(texts), SideColumn::Floats)
        }
        ints => ints,
    }
}

/// Calls `each` with the number (from 1) and text of every line that is not blank.
pub(crate) fn for_each_line(
    file: &DataFile,
    mut each: impl FnMut(u64, &str) -> Result<(), Error>,
) -> Result<(), Error> {
    let path = file.path();
    let mut reader = BufReader::with_capacity(1 << 18, file.cursor());
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if reader.read_until(b'\n', &mut line).map_err(|e| Error::io("read", path, e))? == 0 {
            break;
        }
        let bytes = if number == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line) } else { &line };
        let text = std::str::from_utf8(bytes);
        let text = text.map_err(|_| Error::damaged(path, format!("line {number} is not UTF-8 text")))?.trim();
        if !text.is_empty() {
            each(number, text)?;
        }
    }
    Ok(())
}

fn read_lines(file: &DataFile) -> Result<SideColumn, Error> {
    let mut entries = Vec::new();
    for_each_line(file, |_, text| {
        if !text.starts_with('#') {
            entries.push(text.to_owned());
        }
        Ok(())
    })?;
    Ok(typed(entries))
}

/// One object a line; the field is the same in all of them.
fn read_json_lines(file: &DataFile, options: &SideOptions) -> Result<(String, SideColumn), Error> {
    let path = file.path();
    let mut field: Option<String> = None;
    let mut cells = JsonCells::default();
    for_each_line(file, |line, text| {
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text)
            .map_err(|e| Error::damaged(path, format!("line {line} is no JSON object: {e}")))?;
        let name = match &field {
            Some(name) => name,
            None => {
                let plain = |value: &serde_json::Value| !value.is_object() && !value.is_array();
                let named = options.column.is_some();
                let names = object.iter().filter(|(_, value)| named || plain(value));
                let names: Vec<String> = names.map(|(name, _)| name.clone()).collect();
                field.insert(only_column(path, &names, options)?)
            }
        };
        cells.push(path, name, line, object.get(name))
    })?;
    Ok((field.unwrap_or_default(), cells.finish()))
}

/// Values of a JSON field, all numbers or all texts.
#[derive(Default)]
struct JsonCells {
    ints: Vec<i64>,
    floats: Vec<f64>,
    texts: Vec<String>,
    all_ints: Option<bool>,
}

impl JsonCells {
    fn push(&mut self, path: &Path, name: &str, line: u64, value: Option<&serde_json::Value>) -> Result<(), Error> {
        let row = self.floats.len() + self.texts.len();
        let wrong = |found: String| Error::damaged(path, format!("line {line}: field `{name}` is {found}"));
        match value {
            None | Some(serde_json::Value::Null) => {
                return Err(Error::Null { path: path.to_owned(), column: name.to_owned(), row });
            }
            Some(serde_json::Value::String(text)) if self.floats.is_empty() => self.texts.push(text.clone()),
            Some(serde_json::Value::Bool(value)) if self.texts.is_empty() => {
                self.push_number(Some(i64::from(*value)), None)
            }
            Some(serde_json::Value::Number(value)) if self.texts.is_empty() => {
                if value.is_u64() && value.as_i64().is_none() {
                    return Err(wrong(format!("{value}, beyond 64-bit signed numbers")));
                }
                self.push_number(value.as_i64(), value.as_f64());
            }
            Some(other) => {
                return Err(wrong(format!("{}, of another kind than before", excerpt(&other.to_string()))));
            }
        }
        Ok(())
    }

    fn push_number(&mut self, int: Option<i64>, float: Option<f64>) {
        self.all_ints = Some(self.all_ints.unwrap_or(true) && int.is_some());
        self.ints.push(int.unwrap_or(0));
        self.floats.push(int.map(|int| int as f64).or(float).unwrap_or(f64::NAN));
    }

    fn finish(self) -> SideColumn {
        match self.all_ints {
            Some(true) => SideColumn::Ints(self.ints),
            Some(false) => SideColumn::Floats(self.floats),
            None => SideColumn::Texts(self.texts),
        }
    }
}

#[cfg(feature = "csv")]
fn read_table_column(file: &DataFile, options: &SideOptions) -> Result<SideFile, Error> {
    let path = file.path();
    let mut table = crate::csv::Table::open(file, options.column.is_some())?;
    let mut record = csv::StringRecord::new();
    let (name, place) = match &table.header {
        Some(header) => {
            let name = only_column(path, header, options)?;
            let place = table.place(&name)?;
            (Some(name), place)
        }
        None => (None, 0),
    };
    let mut cells = Vec::new();
    while table.next(&mut record)? {
        if name.is_none() && record.len() > 1 {
            let candidates = (1..=record.len()).map(|n| format!("column {n}")).collect();
            return Err(Error::AmbiguousColumn { path: path.to_owned(), kind: "column", candidates });
        }
        let column = || name.clone().unwrap_or_default();
        match record.get(place) {
            Some(cell) if !cell.is_empty() => cells.push(cell.to_owned()),
            _ => {
                return Err(Error::Null { path: path.to_owned(), column: column(), row: cells.len() });
            }
        }
    }
    Ok(SideFile { column: name, values: typed(cells) })
}

#[cfg(feature = "csv")]
fn read_table(file: &DataFile) -> Result<SideMatrix, Error> {
    let path = file.path();
    let mut table = crate::csv::Table::open(file, false)?;
    let mut record = csv::StringRecord::new();
    let mut matrix = SideMatrix { values: Vec::new(), n_rows: 0, n_columns: 0 };
    while table.next(&mut record)? {
        let line = table.line();
        if matrix.n_rows == 0 {
            matrix.n_columns = record.len();
        } else if record.len() != matrix.n_columns {
            let (expected, found) = (matrix.n_columns, record.len());
            return Err(Error::RaggedLine { path: path.to_owned(), line, expected, found });
        }
        for (place, cell) in record.iter().enumerate() {
            let value = cell.parse().map_err(|_| Error::NotANumber {
                path: path.to_owned(),
                line,
                column: place + 1,
                text: excerpt(cell),
            })?;
            matrix.values.push(value);
        }
        matrix.n_rows += 1;
    }
    match matrix.n_rows {
        0 => Err(Error::Empty { path: path.to_owned() }),
        _ => Ok(matrix),
    }
}
