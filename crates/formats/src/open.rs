//! One way in for every format: paths and globs become one pool.

use std::path::{Path, PathBuf};

use subsel_kernels::Dtype;

use crate::file::DataFile;
use crate::matrix::{NARROWED, Scalar};
use crate::{Error, Ids, Part, RowSource, npy};

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
    /// The column with the names of the rows.
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
    /// The files in the order of their rows.
    pub parts: Vec<Part>,
    /// What a user should know, such as that f64 was narrowed. One sentence each.
    pub notes: Vec<String>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shape = (self.source.n_rows(), self.source.dim(), self.source.dtype());
        f.debug_struct("Opened")
            .field("source", &shape)
            .field("parts", &self.parts)
            .finish_non_exhaustive()
    }
}

/// Opens `paths`, files or globs, as one pool.
///
/// # Errors
/// Whatever is wrong with a file or its name; see [`Error`].
pub fn open(paths: &[PathBuf], options: &OpenOptions) -> Result<Opened, Error> {
    let [path] = paths else {
        return Err(Error::Shape {
            what: "input".into(),
            detail: format!("{} files, one is required", paths.len()),
        });
    };
    open_npy(path, options)
}

fn open_npy(path: &Path, options: &OpenOptions) -> Result<Opened, Error> {
    let source = npy::open(DataFile::open(path)?, options.dtype)?;
    let notes = if source.scalar == Scalar::F64 {
        vec![NARROWED.to_owned()]
    } else {
        Vec::new()
    };
    let part = Part {
        path: path.display().to_string(),
        n_rows: source.n_rows,
    };
    Ok(Opened {
        source: Box::new(source),
        ids: None,
        parts: vec![part],
        notes,
    })
}
