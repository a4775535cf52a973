//! Taking rows out of files with everything they hold: Parquet shards with all their columns, npy arrays of any type,
//! CSV tables, lines of jsonl and txt.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::file::DataFile;
use crate::format::Format;
use crate::npy::header;
use crate::side::for_each_line;
use crate::{AtomicFile, Error, Part, expand, npy};

/// Extensions that rows can be taken from, for messages.
const EXTENSIONS: &str = ".parquet .npy .csv .tsv .jsonl .txt";

/// The files that `paths` name, globs expanded, and how many rows each has. A pool of embeddings is not needed: any
/// table will do.
///
/// # Errors
/// Whatever keeps a file from being read; [`Error::Unsupported`] for one that rows cannot be taken from.
pub fn count_rows(paths: &[PathBuf]) -> Result<Vec<Part>, Error> {
    let count = |path: PathBuf| {
        let n_rows = count_file(&path)?;
        Ok(Part { path: path.display().to_string(), n_rows })
    };
    expand(paths)?.into_iter().map(count).collect()
}

fn count_file(path: &Path) -> Result<usize, Error> {
    let file = DataFile::open(path)?;
    match Format::of_file(&file, EXTENSIONS)? {
        Format::Npy => Ok(NpyRows::open(&file)?.n_rows),
        Format::Jsonl | Format::Text => {
            let mut n_rows = 0;
            for_each_line(&file, |_, _| {
                n_rows += 1;
                Ok(())
            })?;
            Ok(n_rows)
        }
        #[cfg(feature = "csv")]
        Format::Csv => {
            let mut table = crate::csv::Table::open(&file, false)?;
            let mut record = csv::StringRecord::new();
            let mut n_rows = 0;
            while table.next(&mut record)? {
                n_rows += 1;
            }
            Ok(n_rows)
        }
        #[cfg(feature = "parquet")]
        Format::Parquet => crate::parquet::ParquetFile::open(file, false)?.n_rows(),
        other => Err(refused(path, other)),
    }
}

fn refused(path: &Path, format: Format) -> Error {
    match format {
        Format::Csv if !cfg!(feature = "csv") => {
            Error::NotBuilt { path: path.to_owned(), format: "CSV", feature: "csv" }
        }
        Format::Parquet if !cfg!(feature = "parquet") => {
            Error::NotBuilt { path: path.to_owned(), format: "Parquet", feature: "parquet" }
        }
        _ => {
            let hint = format!("rows are taken from {EXTENSIONS}");
            Error::unsupported(path, "a format that rows are not taken from", hint)
        }
    }
}

/// Writes the chosen rows of every part, in the order of the part, to a file of the same name in `out_dir`.
///
/// `rows_by_part` names rows of each part, from 0; a row named twice is taken once. Parts without a chosen row are not
/// written. Gives back the files written. Parquet keeps schema, metadata and compression, and streams; text formats
/// keep lines or cells, blanks around them aside; npy keeps type and shape of a row.
///
/// # Errors
/// [`Error::Shape`] for a row that a part does not have, or for two parts of one name; [`Error::Exists`] unless `force`;
/// whatever keeps a file from being read or written.
pub fn take(parts: &[Part], rows_by_part: &[Vec<usize>], out_dir: &Path, force: bool) -> Result<Vec<Part>, Error> {
    let jobs = plan(parts, rows_by_part, out_dir)?;
    fs::create_dir_all(out_dir).map_err(|e| Error::io("create", out_dir, e))?;
    // An output that cannot be written stops the work before it starts.
    for job in &jobs {
        drop(AtomicFile::create(&job.target, force)?);
    }
    let mut written = Vec::with_capacity(jobs.len());
    for job in jobs {
        job.run(AtomicFile::create(&job.target, force)?)?;
        written.push(Part { path: job.target.display().to_string(), n_rows: job.rows.len() });
    }
    Ok(written)
}

/// One file to take rows from.
struct Job {
    source: PathBuf,
    target: PathBuf,
    /// Sorted, each once.
    rows: Vec<usize>,
}

fn plan(parts: &[Part], rows_by_part: &[Vec<usize>], out_dir: &Path) -> Result<Vec<Job>, Error> {
    if parts.len() != rows_by_part.len() {
        let detail = format!("rows for {} files, but {} files", rows_by_part.len(), parts.len());
        return Err(Error::Shape { what: "chosen rows".into(), detail });
    }
    let mut names = HashSet::new();
    let mut jobs = Vec::new();
    for (part, rows) in parts.iter().zip(rows_by_part) {
        let mut rows = rows.clone();
        rows.sort_unstable();
        rows.dedup();
        let Some(last) = rows.last() else { continue };
        let wrong = |detail: String| Error::Shape { what: part.path.clone(), detail };
        if *last >= part.n_rows {
            return Err(wrong(format!("row {last} is chosen of {} rows", part.n_rows)));
        }
        let source = PathBuf::from(&part.path);
        let name = source.file_name().ok_or_else(|| wrong("has no file name".into()))?;
        if !names.insert(name.to_owned()) {
            return Err(wrong("another file of this name is to be written to the same directory".into()));
        }
        let target = out_dir.join(name);
        if is_same_file(&source, &target) {
            return Err(wrong("would overwrite itself".into()));
        }
        jobs.push(Job { source, target, rows });
    }
    Ok(jobs)
}

fn is_same_file(a: &Path, b: &Path) -> bool {
    matches!((fs::canonicalize(a), fs::canonicalize(b)), (Ok(a), Ok(b)) if a == b)
}

impl Job {
    fn run(&self, mut out: AtomicFile) -> Result<(), Error> {
        let file = DataFile::open(&self.source)?;
        match Format::of_file(&file, EXTENSIONS)? {
            Format::Npy => take_npy(&file, &self.rows, &mut out)?,
            Format::Jsonl | Format::Text => take_lines(&file, &self.rows, &mut out)?,
            #[cfg(feature = "csv")]
            Format::Csv => take_records(&file, &self.rows, &mut out)?,
            #[cfg(feature = "parquet")]
            Format::Parquet => crate::take_parquet::take(file, &self.rows, &mut out)?,
            other => return Err(refused(&self.source, other)),
        }
        out.commit()
    }
}

/// An error for rows that were there when the file was counted.
fn changed(file: &DataFile) -> Error {
    Error::damaged(file.path(), "has fewer rows than when it was counted")
}

/// An npy array seen as rows of bytes.
struct NpyRows {
    header: header::Header,
    n_rows: usize,
    row_bytes: usize,
}

impl NpyRows {
    fn open(file: &DataFile) -> Result<Self, Error> {
        let header = header::read(file.path(), &mut file.cursor())?;
        header.check_len(file.path(), file.len() - header.len)?;
        if header.descr.kind == 'O' {
            let what = "an array of Python objects (pickled)";
            return Err(Error::unsupported(file.path(), what, "save it as numbers or texts"));
        }
        let [n_rows, rest @ ..] = &header.shape[..] else {
            return Err(Error::unsupported(file.path(), "an array without axes has no rows", "np.save(file, array)"));
        };
        if header.fortran_order && !rest.is_empty() {
            let what = "an array in Fortran order, whose rows are scattered";
            return Err(Error::unsupported(file.path(), what, "np.save(file, np.ascontiguousarray(array))"));
        }
        // With no rows, or rows without bytes, any number of them fits a short file.
        let total = file.len() - header.len;
        let n_rows = usize::try_from(*n_rows).ok().filter(|n_rows| *n_rows as u64 <= total);
        let n_rows = n_rows.ok_or_else(|| Error::damaged(file.path(), "rows have no values"))?;
        let row_bytes = (total as usize).checked_div(n_rows).unwrap_or(0);
        Ok(NpyRows { header, n_rows, row_bytes })
    }
}

fn take_npy(file: &DataFile, rows: &[usize], out: &mut AtomicFile) -> Result<(), Error> {
    let array = NpyRows::open(file)?;
    if rows.last().is_some_and(|last| *last >= array.n_rows) {
        return Err(changed(file));
    }
    let mut shape = array.header.shape.clone();
    shape[0] = rows.len() as u64;
    let start = npy::header_bytes(&array.header.descr_text, &shape);
    let mut bytes = vec![0; array.row_bytes];
    let write =
        |out: &mut AtomicFile, bytes: &[u8]| out.write_all(bytes).map_err(|e| Error::io("write", out.path(), e));
    write(out, &start)?;
    for row in rows {
        file.read_at(&mut bytes, array.header.len + *row as u64 * array.row_bytes as u64)?;
        write(out, &bytes)?;
    }
    Ok(())
}

fn take_lines(file: &DataFile, rows: &[usize], out: &mut AtomicFile) -> Result<(), Error> {
    let mut rows = rows.iter().copied().peekable();
    let mut row = 0;
    for_each_line(file, |_, text| {
        if rows.next_if_eq(&row).is_some() {
            writeln!(out, "{text}").map_err(|e| Error::io("write", out.path(), e))?;
        }
        row += 1;
        Ok(())
    })?;
    if rows.peek().is_some() { Err(changed(file)) } else { Ok(()) }
}

#[cfg(feature = "csv")]
fn take_records(file: &DataFile, rows: &[usize], out: &mut AtomicFile) -> Result<(), Error> {
    let path = out.path().to_owned();
    let failed = |e: csv::Error| Error::io("write", &path, e.into());
    let mut table = crate::csv::Table::open(file, false)?;
    let mut writer = csv::WriterBuilder::new().delimiter(table.separator).flexible(true).from_writer(out);
    if let Some(header) = &table.header {
        writer.write_record(header).map_err(failed)?;
    }
    let mut rows = rows.iter().copied().peekable();
    let mut record = csv::StringRecord::new();
    let mut row = 0;
    while rows.peek().is_some() {
        if !table.next(&mut record)? {
            return Err(changed(file));
        }
        if rows.next_if_eq(&row).is_some() {
            writer.write_record(&record).map_err(failed)?;
        }
        row += 1;
    }
    writer.flush().map_err(|e| Error::io("write", &path, e))
}
