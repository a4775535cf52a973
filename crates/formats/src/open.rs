//! One way in for every format: paths and globs become one pool.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use subsel_kernels::Dtype;

use crate::concat::Concat;
use crate::file::DataFile;
use crate::format::{Format, POOL_EXTENSIONS};
use crate::join::JoinColumns;
use crate::matrix::{NARROWED, RawMatrix, Scalar};
use crate::spool::{Chain, Link, Opener, Shape, Spooled};
use crate::{Error, Ids, Part, RowSource, npy, safetensors};

/// What several files mean together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Join {
    /// More rows: the rows of the second file follow those of the first. The default.
    #[default]
    Rows,
    /// More columns: row `i` of every file belongs to the same example.
    Columns,
}

/// How to read a pool.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// The column (Parquet, Arrow), tensor (safetensors) or member (npz) with the embeddings. By default the only one.
    pub column: Option<String>,
    /// The column with the names of the rows (Parquet, Arrow, CSV).
    pub id_column: Option<String>,
    /// What the stored bits mean, where a file cannot say it: two raw bytes are bf16 unless this says f16.
    pub dtype: Option<Dtype>,
    /// Where scratch copies go. By default the system's directory for temporary files.
    pub scratch_dir: Option<PathBuf>,
    /// What several files mean together.
    pub join: Join,
}

/// A pool that can be read, and what was learned while opening it.
pub struct Opened {
    /// The embeddings.
    pub source: Box<dyn RowSource>,
    /// Names of the rows, where [`OpenOptions::id_column`] asked for them.
    pub ids: Option<Ids>,
    /// The files in the order of their rows. Files joined by columns are one part, named after all of them.
    pub parts: Vec<Part>,
    /// What a user should know, such as that f64 was narrowed. One sentence each.
    pub notes: Vec<String>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shape = (self.source.n_rows(), self.source.dim(), self.source.dtype());
        f.debug_struct("Opened").field("source", &shape).field("parts", &self.parts).finish_non_exhaustive()
    }
}

/// One file, opened.
pub(crate) struct Single {
    pub(crate) rows: SingleRows,
    pub(crate) ids: Option<Ids>,
    pub(crate) notes: Vec<String>,
}

/// How the rows of one file can be read.
pub(crate) enum SingleRows {
    /// In any order.
    Matrix(RawMatrix),
    /// From front to back.
    Stream(Shape, Opener),
}

impl Single {
    /// Rows that can be read in any order, with the note that f64 deserves.
    pub(crate) fn matrix(matrix: RawMatrix) -> Self {
        let notes = if matrix.scalar == Scalar::F64 { vec![NARROWED.to_owned()] } else { Vec::new() };
        Single { rows: SingleRows::Matrix(matrix), ids: None, notes }
    }

    fn shape(&self) -> Shape {
        match &self.rows {
            SingleRows::Matrix(m) => Shape { n_rows: m.n_rows, dim: m.dim, dtype: m.dtype() },
            SingleRows::Stream(shape, _) => *shape,
        }
    }
}

/// Opens `paths`, files or globs, as one pool.
///
/// Nothing is read but what tells the shape and the ids; CSV and Arrow, which do not state their length, are copied to
/// a scratch file here.
///
/// # Errors
/// Whatever is wrong with a file or its name; see [`Error`].
pub fn open(paths: &[PathBuf], options: &OpenOptions) -> Result<Opened, Error> {
    let paths = expand(paths)?;
    let singles = paths.iter().map(|path| open_single(path, options)).collect::<Result<Vec<_>, _>>()?;
    check_together(&paths, &singles, options.join)?;
    let mut notes = Vec::new();
    for note in singles.iter().flat_map(|single| &single.notes) {
        if !notes.contains(note) {
            notes.push(note.clone());
        }
    }
    let (parts, ids, source) = match options.join {
        Join::Rows => by_rows(&paths, singles, options),
        Join::Columns => by_columns(&paths, singles, options)?,
    };
    Ok(Opened { source, ids, parts, notes })
}

/// Files that `paths` name: an existing path is itself, anything else that looks like a glob is expanded, sorted.
///
/// # Errors
/// [`Error::Pattern`] for a glob that matches no file; [`Error::Shape`] for no path at all or a file named twice.
pub fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    for path in paths {
        match path.to_str() {
            Some(pattern) if pattern.contains(['*', '?', '[']) && !path.exists() => found.append(&mut glob(pattern)?),
            _ => found.push(path.clone()),
        }
    }
    if found.is_empty() {
        return Err(Error::Shape { what: "input".into(), detail: "no file is named".into() });
    }
    let mut seen = HashSet::new();
    if let Some(twice) = found.iter().find(|path| !seen.insert(path.as_path())) {
        return Err(Error::Shape { what: twice.display().to_string(), detail: "is named twice".into() });
    }
    Ok(found)
}

fn glob(pattern: &str) -> Result<Vec<PathBuf>, Error> {
    let bad = |detail: String| Error::Pattern { pattern: pattern.to_owned(), detail };
    let mut found = Vec::new();
    for entry in glob::glob(pattern).map_err(|e| bad(format!("is not a pattern: {}", e.msg)))? {
        let path = entry.map_err(|e| bad(format!("cannot be searched: {e}")))?;
        if !path.is_dir() {
            found.push(path);
        }
    }
    if found.is_empty() {
        return Err(bad("matches no file".into()));
    }
    found.sort();
    Ok(found)
}

fn open_single(path: &Path, options: &OpenOptions) -> Result<Single, Error> {
    let file = DataFile::open(path)?;
    let format = Format::of_file(&file, POOL_EXTENSIONS)?;
    let column = options.column.as_deref();
    if options.id_column.is_some() && !matches!(format, Format::Parquet | Format::Ipc | Format::Csv) {
        let hint = "`--ids FILE` gives them from another file";
        return Err(Error::unsupported(path, "has no column of ids beside its numbers", hint));
    }
    match format {
        Format::Npy => npy::open(file, options.dtype),
        Format::Safetensors => safetensors::open(file, column, options.dtype).map(Single::matrix),
        #[cfg(feature = "npz")]
        Format::Npz => crate::npz::open(file, column, options.dtype),
        #[cfg(not(feature = "npz"))]
        Format::Npz => Err(Error::NotBuilt { path: path.to_owned(), format: "npz", feature: "npz" }),
        #[cfg(feature = "csv")]
        Format::Csv => crate::csv::open(file, options),
        #[cfg(not(feature = "csv"))]
        Format::Csv => Err(Error::NotBuilt { path: path.to_owned(), format: "CSV", feature: "csv" }),
        #[cfg(feature = "parquet")]
        Format::Parquet => crate::parquet::open(file, options),
        #[cfg(feature = "parquet")]
        Format::Ipc => crate::ipc::open(file, options),
        #[cfg(not(feature = "parquet"))]
        Format::Parquet | Format::Ipc => {
            Err(Error::NotBuilt { path: path.to_owned(), format: "Parquet and Arrow", feature: "parquet" })
        }
        Format::Jsonl | Format::Text => Err(Error::unsupported(
            path,
            "text that is no table of numbers; a pool is made of embeddings",
            format!("known extensions: {POOL_EXTENSIONS}"),
        )),
    }
}

/// Files of a pool must agree in what they do not add: the values per row, or the number of rows.
fn check_together(paths: &[PathBuf], singles: &[Single], join: Join) -> Result<(), Error> {
    let first = singles[0].shape();
    for (path, single) in paths.iter().zip(singles) {
        let shape = single.shape();
        let detail = match join {
            Join::Rows if shape.dim != first.dim => {
                format!("rows of {} values and of {}", shape.dim, first.dim)
            }
            Join::Columns if shape.n_rows != first.n_rows => {
                format!("{} rows and {}", shape.n_rows, first.n_rows)
            }
            _ => continue,
        };
        return Err(Error::Disagree { first: paths[0].clone(), second: path.clone(), detail });
    }
    Ok(())
}

type Assembled = (Vec<Part>, Option<Ids>, Box<dyn RowSource>);

fn by_rows(paths: &[PathBuf], mut singles: Vec<Single>, options: &OpenOptions) -> Assembled {
    let parts = paths
        .iter()
        .zip(&singles)
        .map(|(path, single)| Part { path: path.display().to_string(), n_rows: single.shape().n_rows });
    let parts = parts.collect();
    let ids = singles.iter_mut().map(|single| single.ids.take()).reduce(|all, more| Some(appended(all?, more?)));
    let shape = singles[0].shape();
    let chained = singles.len() > 1
        && singles.iter().all(|s| matches!(s.rows, SingleRows::Stream(s, _) if s.dtype == shape.dtype));
    let source = if chained {
        chain(paths, singles, options)
    } else {
        let mut sources = sources(paths, singles, options);
        if sources.len() == 1 { sources.remove(0) } else { Box::new(Concat::new(sources)) }
    };
    (parts, ids.flatten(), source)
}

fn by_columns(paths: &[PathBuf], mut singles: Vec<Single>, options: &OpenOptions) -> Result<Assembled, Error> {
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let part = Part { path: names.join(" + "), n_rows: singles[0].shape().n_rows };
    let ids: Vec<Option<Ids>> = singles.iter_mut().map(|single| single.ids.take()).collect();
    if let Some(other) = ids.iter().position(|other| *other != ids[0]) {
        let row = ids[0]
            .as_ref()
            .zip(ids[other].as_ref())
            .and_then(|(a, b)| (0..a.len()).find(|row| a.text(*row) != b.text(*row)));
        if let Some(row) = row {
            let detail = format!("their ids differ, first at row {row}");
            return Err(Error::Disagree { first: paths[0].clone(), second: paths[other].clone(), detail });
        }
    }
    let sources = sources(paths, singles, options);
    Ok((vec![part], ids.into_iter().next().flatten(), Box::new(JoinColumns::new(sources))))
}

/// Every file as a source of its own.
fn sources(paths: &[PathBuf], singles: Vec<Single>, options: &OpenOptions) -> Vec<Box<dyn RowSource>> {
    let scratch = options.scratch_dir.as_deref();
    let source = |(path, single): (&PathBuf, Single)| -> Box<dyn RowSource> {
        match single.rows {
            SingleRows::Matrix(matrix) => Box::new(matrix),
            SingleRows::Stream(shape, open) => {
                let link = Link { path: path.clone(), rows_left: shape.n_rows, open: Some(open) };
                Box::new(Spooled::new(path, shape, Box::new(Chain::new(vec![link], shape.dim)), scratch))
            }
        }
    };
    paths.iter().zip(singles).map(source).collect()
}

/// Streams of one shape as one stream with one scratch file.
fn chain(paths: &[PathBuf], singles: Vec<Single>, options: &OpenOptions) -> Box<dyn RowSource> {
    let mut shape = singles[0].shape();
    shape.n_rows = singles.iter().map(|single| single.shape().n_rows).sum();
    let links = paths.iter().zip(singles).filter_map(|(path, single)| match single.rows {
        SingleRows::Stream(shape, open) => Some(Link { path: path.clone(), rows_left: shape.n_rows, open: Some(open) }),
        SingleRows::Matrix(_) => None,
    });
    let stream = Chain::new(links.collect(), shape.dim);
    Box::new(Spooled::new(&paths[0], shape, Box::new(stream), options.scratch_dir.as_deref()))
}

/// The ids of two files one after the other; numbers become texts where texts follow.
fn appended(first: Ids, second: Ids) -> Ids {
    match (first, second) {
        (Ids::Int(mut all), Ids::Int(more)) => {
            all.extend(more);
            Ids::Int(all)
        }
        (first, second) => {
            let mut all = texts(first);
            all.extend(texts(second));
            Ids::Text(all)
        }
    }
}

fn texts(ids: Ids) -> Vec<String> {
    match ids {
        Ids::Int(ids) => ids.iter().map(i64::to_string).collect(),
        Ids::Text(ids) => ids,
    }
}
