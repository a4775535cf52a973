//! The pool and its side files: what was asked for, kept in manifests too, and what was opened.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use subsel::{Annotations, Constraints, Context, Pool};
use subsel_formats::{Error, Ids, Join, OpenOptions, Opened, Part, RowSource, expand, is_annotations, open};
use subsel_kernels::Dtype;

use crate::args::{DtypeArg, JoinArg, KnownArgs, LabeledBy, ReadArgs};
use crate::failure::Failure;
use crate::images;
use crate::messages::counted;
use crate::side::{self, Given, Role, SideRecord, Sides};
use crate::tools;

/// What to read and how: all that decides which rows a pool has and what is known of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// The files, globs expanded.
    pub(crate) files: Vec<FileRecord>,
    /// `--column`.
    pub(crate) column: Option<String>,
    /// `--id-column`.
    pub(crate) id_column: Option<String>,
    /// `--join`.
    pub(crate) join: JoinArg,
    /// `--dtype`.
    pub(crate) dtype: Option<DtypeArg>,
    /// `--drop-nonfinite`.
    pub(crate) drop_nonfinite: bool,
    /// `--labeled-by`.
    pub(crate) labeled_by: Option<LabeledBy>,
    /// `--temperature`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) temperature: Option<f64>,
    /// `--model`, where the pool is images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    /// `--skip-broken`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) skip_broken: bool,
    /// `--dedup`.
    #[serde(default)]
    pub(crate) dedup: Option<f64>,
    /// `--per-group` and its kin.
    #[serde(default, skip_serializing_if = "Constraints::is_empty")]
    pub(crate) constraints: Constraints,
}

/// A file of the pool as the manifest keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileRecord {
    /// Its path, as given or as its glob found it.
    pub(crate) path: String,
    /// Its length.
    pub(crate) bytes: u64,
}

impl Request {
    /// What the options ask for; globs are expanded here.
    pub(crate) fn new(read: &ReadArgs) -> Result<Self, Failure> {
        Ok(Request {
            files: file_records(&read.inputs)?,
            column: read.column.clone(),
            id_column: read.id_column.clone(),
            join: read.join,
            dtype: read.dtype,
            drop_nonfinite: false,
            labeled_by: None,
            temperature: None,
            model: read.model.clone(),
            skip_broken: read.skip_broken,
            dedup: None,
            constraints: Constraints::default(),
        })
    }

    /// The same with what is known of the rows.
    pub(crate) fn knowing(self, known: &KnownArgs) -> (Self, Sides) {
        let KnownArgs {
            labeled,
            labels,
            groups,
            scores,
            costs,
            probs,
            logits,
            temperature,
            exclude,
            ids,
            labeled_by,
            drop_nonfinite,
        } = known.clone();
        let side = Sides::files([
            // First, since lists of rows may go by them.
            (Role::Ids, ids),
            (Role::Labels, labels),
            (Role::Groups, groups),
            (Role::Scores, scores),
            (Role::Costs, costs),
            (Role::Probs, probs),
            (Role::Logits, logits),
            (Role::Labeled, labeled),
            (Role::Exclude, exclude),
        ]);
        (Request { labeled_by, drop_nonfinite, temperature, ..self }, side)
    }
}

/// The files that paths and globs name, and their lengths.
pub(crate) fn file_records(paths: &[PathBuf]) -> Result<Vec<FileRecord>, Failure> {
    // Of a pool in memory there is none.
    let files = if paths.is_empty() { Vec::new() } else { expand(paths)? };
    files
        .iter()
        .map(|path| {
            let bytes = images::bytes(path).map_err(|error| Failure::io("open", path, &error))?;
            Ok(FileRecord { path: path.display().to_string(), bytes })
        })
        .collect()
}

/// A pool opened, with what is known of its rows.
pub(crate) struct Loaded {
    /// The embeddings.
    pub(crate) source: Box<dyn RowSource>,
    /// Names of the rows.
    pub(crate) ids: Option<Ids>,
    /// The files in the order of their rows.
    pub(crate) parts: Vec<Part>,
    /// What was learned on opening.
    pub(crate) notes: Vec<String>,
    /// Rows labeled already.
    pub(crate) labeled: Vec<usize>,
    /// Rows never to be picked.
    pub(crate) excluded: Vec<usize>,
    /// The side files that were read.
    pub(crate) side_files: Vec<SideRecord>,
    known: Annotations,
    known_bytes: u64,
    drop_nonfinite: bool,
    /// What picks keep to.
    pub(crate) constraints: Constraints,
}

/// What a program that calls a command has in memory already.
#[derive(Default)]
pub struct Inputs {
    /// The pool; else the files named are read.
    pub pool: Option<Opened>,
    /// What is known of its rows, beside the files named.
    pub side: Vec<(Role, Given)>,
    /// Test rows and their classes.
    pub test: Option<(Opened, Given)>,
    /// Rows to be judged: row numbers, or ids.
    pub picks: Option<Given>,
    /// The manifest of the selection that they are, which tells the pool they are of.
    pub picks_manifest: Option<String>,
}

/// Opens the pool, unless it is in memory, and reads what is known of its rows. Images are embedded.
pub(crate) fn load(
    request: &Request,
    side: &Sides,
    scratch: Option<&Path>,
    pool: Option<Opened>,
    ctx: &mut Context,
) -> Result<Loaded, Failure> {
    let opened = pool.map_or_else(|| open_pool(request, scratch, ctx), Ok)?;
    let Opened { source, ids, parts, notes } = opened;
    let n = source.n_rows();
    if n == 0 {
        return Err(subsel::Error::EmptyPool.into());
    }
    let column = request.column.as_deref();
    let mut loaded = Loaded {
        source,
        ids,
        parts,
        notes,
        labeled: Vec::new(),
        excluded: Vec::new(),
        side_files: Vec::new(),
        known: Annotations::default(),
        known_bytes: 0,
        drop_nonfinite: request.drop_nonfinite,
        constraints: request.constraints.clone(),
    };
    for (role, given) in side.iter() {
        let rows = side::Rows { n, ids: loaded.ids.as_ref(), by: request.labeled_by, column };
        let entries = match role {
            Role::Ids => loaded.ids.insert(side::ids(given, column, n)?).len(),
            Role::Labels => match given.path().filter(|path| is_annotations(path)) {
                Some(path) => {
                    let (classes, known) = tools::classes(path, column, n, loaded.ids.as_ref())?;
                    loaded.notes.push(format!(
                        "{} has labels of {}; the other rows are taken as a class of their own",
                        path.display(),
                        counted(known, "row")
                    ));
                    loaded.known.labels.insert(classes).codes.len()
                }
                None => loaded.known.labels.insert(side::classes(role, given, column, n)?).codes.len(),
            },
            Role::Groups => loaded.known.groups.insert(side::classes(role, given, column, n)?).codes.len(),
            Role::Scores => loaded.known.scores.insert(side::numbers(role, given, column, n)?).len(),
            Role::Costs => loaded.known.costs.insert(side::numbers(role, given, column, n)?).len(),
            Role::Probs | Role::Logits => {
                let outputs = side::outputs(role, given, column, n, scratch)?;
                loaded.known_bytes += outputs_bytes(n, outputs.classes(), request.drop_nonfinite);
                loaded.known.outputs = Some(outputs.at_temperature(request.temperature.unwrap_or(1.0)));
                n
            }
            Role::Labeled => {
                loaded.labeled = rows.read(role.name(), given)?;
                loaded.labeled.len()
            }
            Role::Exclude => {
                loaded.excluded = rows.read(role.name(), given)?;
                loaded.excluded.len()
            }
        };
        // In the pool and in its checked copy; names of classes pass through memory once as text.
        loaded.known_bytes += match role {
            Role::Labels | Role::Groups => 56 * entries as u64,
            Role::Scores | Role::Costs => 24 * entries as u64,
            Role::Labeled | Role::Exclude | Role::Ids | Role::Probs | Role::Logits => 0,
        };
        loaded.side_files.push(side::record(role, given, entries)?);
    }
    Ok(loaded)
}

/// Bytes of model outputs: views share them, but a pool without some of its rows has its own.
fn outputs_bytes(n: usize, classes: usize, drops_rows: bool) -> u64 {
    let once = 4 * n as u64 * classes as u64;
    if drops_rows { 2 * once } else { once }
}

fn open_pool(request: &Request, scratch: Option<&Path>, ctx: &mut Context) -> Result<Opened, Failure> {
    if request.files.is_empty() {
        return Err(Failure::usage("there is no pool to read").hint("name its files, such as embeddings.npy"));
    }
    let paths: Vec<PathBuf> = request.files.iter().map(|file| PathBuf::from(&file.path)).collect();
    let options = OpenOptions {
        column: request.column.clone(),
        id_column: request.id_column.clone(),
        dtype: request.dtype.map(DtypeArg::dtype),
        scratch_dir: scratch.map(Path::to_owned),
        join: request.join.join(),
    };
    if request.model.is_some() || request.skip_broken || images::is_named_so(&paths) {
        return images::open_pool(&paths, request, ctx);
    }
    // The labels beside its images would do as a matrix, of one column.
    if request.column.is_none()
        && images::are_npz(&paths)
        && let Ok(set) = images::set(&paths, request)
    {
        return images::embedded(&set, request, ctx);
    }
    match open(&paths, &options) {
        Ok(opened) => Ok(opened),
        // There are embeddings, and a question about them.
        Err(error @ (Error::AmbiguousColumn { .. } | Error::NoSuchColumn { .. })) if request.column.is_none() => {
            Err(error.into())
        }
        // What is no table of numbers may hold images: Parquet with a column of them, arrays of pixels.
        Err(error) => match images::set(&paths, request) {
            Ok(set) => images::embedded(&set, request, ctx),
            Err(_) => Err(error.into()),
        },
    }
}

impl JoinArg {
    pub(crate) fn join(self) -> Join {
        match self {
            JoinArg::Rows => Join::Rows,
            JoinArg::Columns => Join::Columns,
        }
    }
}

impl DtypeArg {
    pub(crate) fn dtype(self) -> Dtype {
        match self {
            DtypeArg::F32 => Dtype::F32,
            DtypeArg::F16 => Dtype::F16,
            DtypeArg::Bf16 => Dtype::Bf16,
            DtypeArg::I8 => Dtype::I8,
            DtypeArg::U8 => Dtype::U8,
        }
    }
}

impl Loaded {
    /// The pool that methods see. What is known of the rows moves into it.
    pub(crate) fn pool(&mut self) -> (&Self, Pool<'_>) {
        let known = std::mem::take(&mut self.known);
        let loaded = &*self;
        let pool = Pool {
            source: &*loaded.source,
            labeled: loaded.labeled.clone(),
            excluded: loaded.excluded.clone(),
            known,
            drop_nonfinite: loaded.drop_nonfinite,
            constraints: loaded.constraints.clone(),
        };
        (loaded, pool)
    }

    /// Rows that may be picked, as far as is known before looking at the values.
    pub(crate) fn candidates(&self) -> usize {
        let mut barred: Vec<usize> = self.labeled.iter().chain(&self.excluded).copied().collect();
        barred.sort_unstable();
        barred.dedup();
        self.source.n_rows() - barred.len()
    }

    /// Distinct labeled rows.
    pub(crate) fn n_labeled(&self) -> usize {
        let mut labeled = self.labeled.clone();
        labeled.sort_unstable();
        labeled.dedup();
        labeled.len()
    }

    /// Bytes held beside the pool itself: ids, what is known of the rows, lists of rows.
    pub(crate) fn bytes(&self) -> u64 {
        let ids = match &self.ids {
            Some(Ids::Int(ids)) => 8 * ids.len(),
            Some(Ids::Text(ids)) => ids.iter().map(|id| 24 + id.capacity().max(16)).sum(),
            None => 0,
        };
        // Codes in the pool and in its checked copy; names pass through memory once as text.
        ids as u64 + self.known_bytes + (24 * (self.labeled.len() + self.excluded.len())) as u64
    }

    /// The file of a row and its number in it, where there are several files of rows.
    pub(crate) fn place(&self, row: usize) -> Option<(&str, usize)> {
        let mut first = 0;
        for part in &self.parts {
            if row < first + part.n_rows {
                return (self.parts.len() > 1).then_some((part.path.as_str(), row - first));
            }
            first += part.n_rows;
        }
        None
    }

    /// A failure of the library with the file, where the library knows rows only.
    pub(crate) fn explain(&self, error: subsel::Error) -> Failure {
        let row = match error {
            subsel::Error::NonFinite { row, .. } | subsel::Error::ClassUnknown { row, .. } => row,
            other => return other.into(),
        };
        let failure = Failure::from(error);
        match self.place(row) {
            Some((path, file_row)) => failure.and(&format!(" (row {file_row} of {path})")),
            None => match self.parts.first() {
                Some(part) => failure.about(&part.path),
                None => failure,
            },
        }
    }
}
