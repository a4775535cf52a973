//! Writing picks: csv, jsonl, parquet, npy or txt, as the name of the file says.

use std::io::Write;
use std::path::Path;

use serde_json::Value;

use crate::{AtomicFile, Error, npy};

/// Extensions of picks, for messages.
const EXTENSIONS: &str = ".csv .jsonl .parquet .npy .txt";

/// Picks as columns of one length, in the order in which they are written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PicksTable {
    /// Names and values.
    pub columns: Vec<(String, Column)>,
    /// What the formats that hold one column hold.
    pub listed: Listed,
}

/// What npy and txt hold of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listed {
    /// The rows: npy the column `row` as int64, txt the column `id`, or `row` where there is none.
    #[default]
    Rows,
    /// The column `score`, npy as float64.
    Scores,
}

/// The values of one column of picks.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// Whole numbers from 0: ranks, rows.
    U64(Vec<u64>),
    /// Whole numbers: ids.
    I64(Vec<i64>),
    /// Numbers, printed so that they read back as the same; NaN stands for a missing one.
    F64(Vec<f64>),
    /// Texts: ids, file names.
    Text(Vec<String>),
    /// Facts with names, such as reasons: one object a row, and the same as text where the format has no structure.
    Json {
        /// For csv and txt.
        text: Vec<String>,
        /// For jsonl and parquet.
        values: Vec<Value>,
    },
}

impl Column {
    /// How many values.
    pub fn len(&self) -> usize {
        match self {
            Column::U64(values) => values.len(),
            Column::I64(values) => values.len(),
            Column::F64(values) => values.len(),
            Column::Text(values) => values.len(),
            Column::Json { text, values } => text.len().min(values.len()),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A value as text; empty where it is missing.
    fn text(&self, row: usize) -> String {
        match self {
            Column::U64(values) => values[row].to_string(),
            Column::I64(values) => values[row].to_string(),
            Column::F64(values) if values[row].is_nan() => String::new(),
            // The debug form is the shortest that reads back the same, and keeps small and large numbers short.
            Column::F64(values) => format!("{:?}", values[row]),
            Column::Text(values) => values[row].clone(),
            Column::Json { text, .. } => text[row].clone(),
        }
    }

    /// A value as JSON; numbers that JSON cannot write are null.
    fn json(&self, row: usize) -> Value {
        match self {
            Column::U64(values) => values[row].into(),
            Column::I64(values) => values[row].into(),
            Column::F64(values) => values[row].into(),
            Column::Text(values) => values[row].clone().into(),
            Column::Json { values, .. } => values[row].clone(),
        }
    }
}

impl PicksTable {
    /// Number of picks.
    pub fn len(&self) -> usize {
        self.columns.first().map_or(0, |(_, column)| column.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|(column, _)| column == name).map(|(_, column)| column)
    }
}

/// The formats of picks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Csv,
    Jsonl,
    Parquet,
    Npy,
    Txt,
}

/// An output for picks, opened before the work so that a name that cannot be written fails at once.
#[derive(Debug)]
pub struct PicksWriter {
    file: AtomicFile,
    kind: Kind,
}

impl PicksWriter {
    /// Starts the file that will be `path`.
    ///
    /// # Errors
    /// [`Error::UnknownFormat`] for an extension that is none of `.csv .jsonl .parquet .npy .txt`;
    /// [`Error::NotBuilt`]; else as [`AtomicFile::create`].
    pub fn create(path: &Path, force: bool) -> Result<Self, Error> {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let kind = match extension.to_ascii_lowercase().as_str() {
            "csv" => Kind::Csv,
            "jsonl" => Kind::Jsonl,
            "parquet" => Kind::Parquet,
            "npy" => Kind::Npy,
            "txt" => Kind::Txt,
            _ => return Err(Error::UnknownFormat { path: path.to_owned(), known: EXTENSIONS }),
        };
        match kind {
            Kind::Csv if !cfg!(feature = "csv") => {
                Err(Error::NotBuilt { path: path.to_owned(), format: "CSV", feature: "csv" })
            }
            Kind::Parquet if !cfg!(feature = "parquet") => {
                Err(Error::NotBuilt { path: path.to_owned(), format: "Parquet", feature: "parquet" })
            }
            _ => Ok(PicksWriter { file: AtomicFile::create(path, force)?, kind }),
        }
    }

    /// Writes the picks and gives the file its name.
    ///
    /// csv, jsonl and parquet hold all columns; npy and txt (one value a line) what is [`Listed`].
    ///
    /// # Errors
    /// [`Error::Shape`] if columns differ in length or the one needed is absent; else as [`AtomicFile::commit`].
    pub fn write(mut self, picks: &PicksTable) -> Result<(), Error> {
        if let Some((name, column)) = picks.columns.iter().find(|(_, column)| column.len() != picks.len()) {
            let detail = format!("column `{name}` has {} values, the first column {}", column.len(), picks.len());
            return Err(Error::Shape { what: "picks".into(), detail });
        }
        match self.kind {
            Kind::Csv => self.write_csv(picks)?,
            Kind::Jsonl => self.write_jsonl(picks)?,
            Kind::Parquet => self.write_parquet(picks)?,
            Kind::Npy => self.write_npy(picks)?,
            Kind::Txt => self.write_txt(picks)?,
        }
        self.file.commit()
    }

    fn failed(&self, error: std::io::Error) -> Error {
        Error::io("write", self.file.path(), error)
    }

    #[cfg(feature = "csv")]
    fn write_csv(&mut self, picks: &PicksTable) -> Result<(), Error> {
        let mut write = || -> Result<(), csv::Error> {
            let mut table = csv::Writer::from_writer(&mut self.file);
            table.write_record(picks.columns.iter().map(|(name, _)| name))?;
            for row in 0..picks.len() {
                table.write_record(picks.columns.iter().map(|(_, column)| column.text(row)))?;
            }
            Ok(table.flush()?)
        };
        write().map_err(|e| self.failed(e.into()))
    }

    #[cfg(not(feature = "csv"))]
    fn write_csv(&mut self, _: &PicksTable) -> Result<(), Error> {
        unreachable!("create() refuses what this build does not write")
    }

    fn write_jsonl(&mut self, picks: &PicksTable) -> Result<(), Error> {
        for row in 0..picks.len() {
            let object: serde_json::Map<String, Value> =
                picks.columns.iter().map(|(name, column)| (name.clone(), column.json(row))).collect();
            writeln!(self.file, "{}", Value::Object(object)).map_err(|e| self.failed(e))?;
        }
        Ok(())
    }

    #[cfg(feature = "parquet")]
    fn write_parquet(&mut self, picks: &PicksTable) -> Result<(), Error> {
        let path = self.file.path().to_owned();
        crate::picks_parquet::write(&mut self.file, &path, picks)
    }

    #[cfg(not(feature = "parquet"))]
    fn write_parquet(&mut self, _: &PicksTable) -> Result<(), Error> {
        unreachable!("create() refuses what this build does not write")
    }

    fn write_npy(&mut self, picks: &PicksTable) -> Result<(), Error> {
        if let (Listed::Scores, Some(Column::F64(scores))) = (picks.listed, picks.column("score")) {
            return npy::write_float64(&mut self.file, scores).map_err(|e| self.failed(e));
        }
        let rows = match picks.column("row") {
            Some(Column::U64(rows)) => rows.iter().map(|row| *row as i64).collect::<Vec<_>>(),
            _ => return Err(Error::Shape { what: "picks".into(), detail: "no column `row` of whole numbers".into() }),
        };
        npy::write_int64(&mut self.file, &rows).map_err(|e| self.failed(e))
    }

    fn write_txt(&mut self, picks: &PicksTable) -> Result<(), Error> {
        let column = match picks.listed {
            Listed::Rows => picks.column("id").or_else(|| picks.column("row")),
            Listed::Scores => picks.column("score"),
        };
        let column = column
            .ok_or_else(|| Error::Shape { what: "picks".into(), detail: "the column to list is absent".into() })?;
        (0..column.len()).try_for_each(|row| writeln!(self.file, "{}", column.text(row))).map_err(|e| self.failed(e))
    }
}
