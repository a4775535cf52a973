//! The manifest: what lies beside every output and lets `subsel verify` repeat it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use subsel_formats::AtomicFile;

use crate::failure::Failure;
use crate::input::Request;
use crate::side::SideRecord;

/// What was done, to what, and what came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// Version of subsel.
    pub(crate) version: String,
    /// Whether all picks asked for were made; not so after an interruption.
    pub(crate) complete: bool,
    /// Hash of the rows of the pool as `f32`: the same for every storage of the same rows.
    pub(crate) fingerprint: String,
    /// Rows of the pool.
    pub(crate) n: usize,
    /// Values per row.
    pub(crate) d: usize,
    /// Rows that could be picked.
    pub(crate) candidates: usize,
    /// Rows labeled before.
    pub(crate) labeled: usize,
    /// Where the pool came from and how it was read.
    pub(crate) pool: Request,
    /// Labels, ids, lists of rows.
    pub(crate) side_files: Vec<SideRecord>,
    /// The method with all its parameters.
    pub(crate) method: MethodRecord,
    /// The seed.
    pub(crate) seed: u64,
    /// The budgets, and the picks of each.
    pub(crate) budgets: Vec<BudgetRecord>,
    /// Hash of all rows of the table of picks, in order.
    pub(crate) picks_hash: String,
    /// The table of picks.
    pub(crate) output: String,
    /// The table of rows left over.
    pub(crate) rest: Option<String>,
    /// Warnings that were given.
    pub(crate) warnings: Vec<String>,
    /// What was learned on opening the pool.
    pub(crate) notes: Vec<String>,
    /// What happened on the way, by method.
    pub(crate) events: Map<String, Value>,
}

/// A method as the manifest keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MethodRecord {
    /// The text form; without the parameters that had their defaults.
    pub(crate) text: String,
    /// All parameters.
    pub(crate) params: Map<String, Value>,
    /// Why this method, where nobody named one.
    pub(crate) default_reason: Option<String>,
}

/// A budget as the manifest keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BudgetRecord {
    /// As it was asked for, such as `5%`.
    pub(crate) asked: String,
    /// Picks made for it.
    pub(crate) picks: usize,
    /// Hash of their rows in order.
    pub(crate) picks_hash: String,
}

/// The manifest's place beside an output: `picks.csv` has `picks.manifest.json`.
pub(crate) fn path_beside(output: &Path) -> PathBuf {
    output.with_extension("manifest.json")
}

/// A path of a manifest in `dir`: as it is from here, or else from beside the manifest.
pub(crate) fn locate(path: &str, dir: &Path) -> PathBuf {
    let beside = dir.join(path);
    if !Path::new(path).exists() && beside.exists() { beside } else { path.into() }
}

impl Manifest {
    /// Reads a manifest.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = fs::read(path).map_err(|error| Failure::io("open", path, &error))?;
        serde_json::from_slice(&text).map_err(|error| {
            Failure::new(format!(
                "{} is not a manifest of subsel {}: {error}",
                path.display(),
                env!("CARGO_PKG_VERSION")
            ))
            .hint("`subsel select` writes one beside its picks, such as picks.manifest.json")
        })
    }

    /// Writes it whole.
    pub(crate) fn write(&self, mut file: AtomicFile) -> Result<(), Failure> {
        let path = file.path().to_owned();
        let failed = |error: std::io::Error| Failure::io("write", &path, &error);
        serde_json::to_writer_pretty(&mut file, self).map_err(|error| failed(error.into()))?;
        file.write_all(b"\n").map_err(failed)?;
        Ok(file.commit()?)
    }
}
