//! CSV tables of numbers as pools: one row a line, cells separated by `,`, `;` or a tab.
//!
//! The separator is a tab or `;` where the first line has one, else `,`. A first line with a cell that is not a number
//! is a header. Blank lines and lines beginning with `#` are passed over. Refused: cells that are not numbers or that
//! f32 cannot hold, rows of different lengths. The length of a table is stated nowhere, so that a truncated one shows
//! only in its number of rows. A table is parsed once, while it is opened, into a scratch file.

use std::io::{Chain, Read};
use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, StringRecord};
use subsel_kernels::{Block, Dtype};

use crate::error::excerpt;
use crate::file::{Cursor, DataFile};
use crate::matrix::{Scalar, taken_as};
use crate::open::{OpenOptions, Single};
use crate::side::{SideColumn, texts_or_ints};
use crate::spool::{RowStream, block_rows, drain};
use crate::{Error, Ids};

/// Bytes searched for the end of the first line.
const FIRST_LINE_BYTES: u64 = 1 << 16;

/// Opens a table whose columns are all numbers but for the ids.
pub(crate) fn open(file: DataFile, options: &OpenOptions) -> Result<Single, Error> {
    if let Some(column) = &options.column {
        let what = format!("column `{column}` cannot be chosen: in a CSV table every column but the ids is a value");
        return Err(Error::unsupported(file.path(), what, "leave `--column` out, or cut the table"));
    }
    taken_as(file.path(), Scalar::Stored(Dtype::F32), options.dtype)?;
    let mut stream = CsvStream::open(&file, options.id_column.as_deref())?;
    let scratch_dir = options.scratch_dir.as_deref();
    let matrix = drain(file.path(), stream.dim, Dtype::F32, &mut stream, scratch_dir)?;
    let mut single = Single::matrix(matrix);
    if stream.id_place.is_some() {
        single.ids = Some(match texts_or_ints(stream.ids) {
            SideColumn::Ints(ids) => Ids::Int(ids),
            SideColumn::Texts(ids) => Ids::Text(ids),
            SideColumn::Floats(_) => unreachable!("texts_or_ints() makes no floats"),
        });
    }
    if stream.had_header {
        single.notes.push(format!("the first line of {} is taken as a header", file.path().display()));
    }
    Ok(single)
}

/// The records of a table.
pub(crate) struct Table {
    path: PathBuf,
    reader: csv::Reader<Chain<Cursor, &'static [u8]>>,
    /// The byte between cells.
    pub(crate) separator: u8,
    /// The names in the first line, if it was a header.
    pub(crate) header: Option<Vec<String>>,
    /// The first line, if it was not.
    pending: Option<StringRecord>,
}

impl Table {
    /// Opens a table. Its first line is a header if `always_header` or if a cell of it is not a number.
    pub(crate) fn open(file: &DataFile, always_header: bool) -> Result<Self, Error> {
        let separator = separator(file)?;
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(separator)
            .comment(Some(b'#'))
            .trim(csv::Trim::All)
            .buffer_capacity(1 << 18)
            // A last line without its end counts as a line like the others.
            .from_reader(
                file.cursor().chain(
                    b"
"
                    .as_slice(),
                ),
            );
        let mut first = StringRecord::new();
        let found = reader.read_record(&mut first).map_err(|e| csv_error(file.path(), e))?;
        let mut table = Table { path: file.path().to_owned(), reader, separator, header: None, pending: None };
        if found && (always_header || first.iter().any(|cell| cell.parse::<f64>().is_err())) {
            table.header = Some(first.iter().map(str::to_owned).collect());
        } else if found {
            table.pending = Some(first);
        }
        Ok(table)
    }

    /// The next record; `false` at the end.
    pub(crate) fn next(&mut self, record: &mut StringRecord) -> Result<bool, Error> {
        if let Some(first) = self.pending.take() {
            *record = first;
            return Ok(true);
        }
        self.reader.read_record(record).map_err(|e| csv_error(&self.path, e))
    }

    /// The line on which the last record ended, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.reader.position().line().saturating_sub(1)
    }

    /// The place of the column called `name`.
    pub(crate) fn place(&self, name: &str) -> Result<usize, Error> {
        let header = self.header.as_deref().unwrap_or_default();
        header.iter().position(|column| column == name).ok_or_else(|| Error::NoSuchColumn {
            path: self.path.clone(),
            kind: "column",
            name: name.to_owned(),
            candidates: header.to_vec(),
        })
    }
}

fn csv_error(path: &Path, error: csv::Error) -> Error {
    let text = error.to_string();
    match error.into_kind() {
        csv::ErrorKind::Io(source) => Error::io("read", path, source),
        csv::ErrorKind::Utf8 { pos, .. } => {
            Error::damaged(path, format!("line {} is not UTF-8 text", pos.map_or(0, |pos| pos.line())))
        }
        _ => Error::damaged(path, text),
    }
}

fn separator(file: &DataFile) -> Result<u8, Error> {
    let head = file.head(FIRST_LINE_BYTES)?;
    let lines = head.split(|byte| *byte == b'\n');
    let first = lines.into_iter().find(|line| !line.trim_ascii().is_empty() && !line.starts_with(b"#")).unwrap_or(&[]);
    Ok([b'\t', b';'].into_iter().find(|separator| first.contains(separator)).unwrap_or(b','))
}

struct CsvStream {
    table: Table,
    dim: usize,
    next_row: usize,
    had_header: bool,
    id_place: Option<usize>,
    ids: Vec<String>,
}

impl CsvStream {
    fn open(file: &DataFile, id_column: Option<&str>) -> Result<Self, Error> {
        let mut table = Table::open(file, false)?;
        let had_header = table.header.is_some();
        let id_place = id_column.map(|name| table.place(name)).transpose()?;
        let mut first = StringRecord::new();
        if !table.next(&mut first)? {
            return Err(Error::Empty { path: file.path().to_owned() });
        }
        let dim = first.len().saturating_sub(usize::from(id_place.is_some()));
        if dim == 0 {
            return Err(Error::damaged(file.path(), "rows have no values beside the ids"));
        }
        table.pending = Some(first);
        Ok(CsvStream { table, dim, next_row: 0, had_header, id_place, ids: Vec::new() })
    }

    /// Puts the cells of `record` where they belong.
    fn take(&mut self, record: &StringRecord, out: &mut Vec<f32>) -> Result<(), Error> {
        let expected = self.dim + usize::from(self.id_place.is_some());
        if record.len() != expected {
            return Err(Error::RaggedLine {
                path: self.table.path.clone(),
                line: self.table.line(),
                expected,
                found: record.len(),
            });
        }
        for (place, cell) in record.iter().enumerate() {
            if Some(place) == self.id_place {
                self.ids.push(cell.to_owned());
            } else {
                out.push(self.number(place, cell)?);
            }
        }
        Ok(())
    }

    fn number(&self, place: usize, cell: &str) -> Result<f32, Error> {
        let not_a_number = || Error::NotANumber {
            path: self.table.path.clone(),
            line: self.table.line(),
            column: place + 1,
            text: excerpt(cell),
        };
        let value: f32 = cell.parse().map_err(|_| not_a_number())?;
        if value.is_infinite() {
            let wide: f64 = cell.parse().map_err(|_| not_a_number())?;
            // `inf` is written with letters; digits that give infinity were beyond f32.
            if wide.is_finite() || cell.contains(|c: char| c.is_ascii_digit()) {
                return Err(Error::OutOfRange {
                    path: self.table.path.clone(),
                    row: self.next_row,
                    column: place,
                    value: wide,
                    dtype: Dtype::F32.name(),
                });
            }
        }
        Ok(value)
    }
}

impl RowStream for CsvStream {
    fn next_block(&mut self, out: &mut Block) -> Result<bool, Error> {
        let Block::F32(values) = out else {
            *out = Block::new(Dtype::F32);
            return self.next_block(out);
        };
        values.clear();
        let mut record = StringRecord::new();
        for _ in 0..block_rows(self.dim, Dtype::F32) {
            if !self.table.next(&mut record)? {
                break;
            }
            self.take(&record, values)?;
            self.next_row += 1;
        }
        Ok(!values.is_empty())
    }
}
