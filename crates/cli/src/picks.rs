//! Picks read back: their table, the manifest beside it, and the pool they are of.

use std::fs;
use std::path::{Path, PathBuf};

use subsel::CheckedPool;
use subsel_formats::{Ids, SideColumn, SideOptions, read_column};

use crate::args::{KnownArgs, LabeledBy, ReadArgs};
use crate::failure::Failure;
use crate::manifest::{Manifest, locate, path_beside};
use crate::messages::count;
use crate::side::{self, Given, Role};

/// A table of picks, or a list of rows that somebody else chose.
pub(crate) struct Picks {
    given: Given,
    /// What messages call them.
    pub(crate) name: String,
    /// The manifest beside the table, where there is one.
    pub(crate) manifest: Option<Manifest>,
    /// The same as it is written.
    pub(crate) text: Option<String>,
}

/// The rows picked for one budget, in rank order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// The budget, where there are several.
    pub(crate) budget: Option<usize>,
    /// Row numbers in the pool the user knows.
    pub(crate) rows: Vec<usize>,
    /// Where they stand in the table.
    pub(crate) entries: Vec<usize>,
}

impl Picks {
    /// Rows in memory, and the manifest of the selection that they are.
    pub(crate) fn of(given: Given, manifest: Option<&str>) -> Result<Self, Failure> {
        let manifest: Option<Manifest> = manifest.map(serde_json::from_str).transpose().map_err(|error| {
            Failure::new(format!("the picks have no manifest of subsel {}: {error}", env!("CARGO_PKG_VERSION")))
        })?;
        let name = if manifest.is_some() { "the selection" } else { "the list of picks" };
        Ok(Picks { name: name.into(), given, manifest, text: None })
    }

    /// Reads the manifest beside the table.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let beside = path_beside(path);
        let (manifest, text) = match beside.is_file() {
            true => {
                let text = fs::read_to_string(&beside).map_err(|error| Failure::io("open", &beside, &error))?;
                (Some(Manifest::read(&beside)?), Some(text))
            }
            false => (None, None),
        };
        Ok(Picks { name: path.display().to_string(), given: Given::File(path.to_owned()), manifest, text })
    }

    /// What to read and what is known: as typed, and where nothing was said as the manifest has it. A list of rows that is
    /// gone or has changed since is left out, and told.
    pub(crate) fn as_made(
        &self,
        read: ReadArgs,
        known: KnownArgs,
    ) -> Result<(ReadArgs, KnownArgs, Vec<String>), Failure> {
        let (Some(manifest), Some(path)) = (&self.manifest, self.given.path()) else {
            return match self.given.path().filter(|_| read.inputs.is_empty()) {
                Some(path) => Err(no_pool(path)),
                None => Ok((read, known, Vec::new())),
            };
        };
        let then = &manifest.pool;
        let dir = path.parent().unwrap_or(Path::new(""));
        let inputs = match read.inputs.is_empty() {
            true => then.files.iter().map(|file| locate(&file.path, dir)).collect(),
            false => read.inputs,
        };
        let mut notes = Vec::new();
        let mut list = |role: Role, typed: Option<PathBuf>| -> Result<Option<PathBuf>, Failure> {
            let recorded = manifest.side_files.iter().find(|file| file.role == role);
            let (None, Some(recorded)) = (&typed, recorded) else { return Ok(typed) };
            let path = locate(&recorded.path, dir);
            if path.exists() && side::hash(&path)? == recorded.xxh3 {
                return Ok(Some(path));
            }
            let (role, path) = (role.name(), &recorded.path);
            notes.push(format!(
                "--{role} {path} of the manifest is gone or has changed: random rows are drawn without it"
            ));
            Ok(None)
        };
        let known = KnownArgs {
            ids: list(Role::Ids, known.ids)?,
            labeled: list(Role::Labeled, known.labeled)?,
            exclude: list(Role::Exclude, known.exclude)?,
            labeled_by: known.labeled_by.or(then.labeled_by),
            drop_nonfinite: known.drop_nonfinite || then.drop_nonfinite,
            ..known
        };
        let read = ReadArgs {
            inputs,
            model: read.model.or_else(|| then.model.clone()),
            skip_broken: read.skip_broken || then.skip_broken,
            column: read.column.or_else(|| then.column.clone()),
            id_column: read.id_column.or_else(|| then.id_column.clone()),
            join: then.join,
            dtype: read.dtype.or(then.dtype),
            scratch: read.scratch,
        };
        Ok((read, known, notes))
    }

    /// Reads the picks: one block for each value of a column `budget`, or of the manifest's budgets where the picks for one
    /// are the first of those for another.
    pub(crate) fn blocks(&self, n: usize, ids: Option<&Ids>, by: Option<LabeledBy>) -> Result<Vec<Block>, Failure> {
        let rows = rows(&self.given, n, ids, by)?;
        if rows.is_empty() {
            return Err(Failure::new(format!("{} names no rows", self.name)));
        }
        self.check_hash(&rows)?;
        let block = |budget, entries: Vec<usize>| {
            let rows = entries.iter().map(|entry| rows[*entry]).collect();
            Block { budget, rows, entries }
        };
        let budgets = self.given.path().map(budgets).transpose()?.flatten();
        let blocks: Vec<Block> = match budgets {
            Some(budgets) => {
                let mut all = budgets.clone();
                all.sort_unstable();
                all.dedup();
                let entries = |budget| (0..rows.len()).filter(|entry| budgets[*entry] == budget).collect();
                all.into_iter().map(|budget| block(Some(budget), entries(budget))).collect()
            }
            None => {
                let budgets = self.manifest.as_ref().map_or(&[][..], |manifest| &manifest.budgets);
                let largest = budgets.iter().map(|budget| budget.picks).max();
                match budgets.len() > 1 && largest == Some(rows.len()) {
                    true => {
                        budgets.iter().map(|budget| block(Some(budget.picks), (0..budget.picks).collect())).collect()
                    }
                    false => vec![block(None, (0..rows.len()).collect())],
                }
            }
        };
        for block in &blocks {
            let mut sorted = block.rows.clone();
            sorted.sort_unstable();
            if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
                let message = format!("{} names row {} twice", self.name, count(pair[0]));
                return Err(Failure::new(message).hint("picks for several budgets are told apart by a column `budget`"));
            }
        }
        Ok(blocks)
    }

    /// A table that was changed has no manifest to go by.
    fn check_hash(&self, rows: &[usize]) -> Result<(), Failure> {
        match (&self.manifest, self.given.path()) {
            (Some(manifest), Some(path)) if subsel::rows_hash(rows.iter().copied()) != manifest.picks_hash => {
                let what = format!(
                    "{} does not hold the picks of {}: it was changed or written by another run",
                    self.name,
                    path_beside(path).display()
                );
                Err(Failure::new(what).hint("select again, or move the manifest away to take the rows as they are"))
            }
            _ => Ok(()),
        }
    }

    /// Refuses another pool by its shape `(n, d)`, before a pass is made.
    pub(crate) fn check_shape(&self, (n, d): (usize, usize)) -> Result<(), Failure> {
        match &self.manifest {
            Some(manifest) if (manifest.n, manifest.d) != (n, d) => {
                let (n, then, then_d) = (count(n), count(manifest.n), manifest.d);
                Err(self.other_pool(&format!("it has {n} rows of {d} values, theirs had {then} of {then_d}")))
            }
            _ => Ok(()),
        }
    }

    /// Refuses another pool by its rows.
    pub(crate) fn check_fingerprint(&self, pool: &CheckedPool<'_>) -> Result<(), Failure> {
        let found = &pool.facts().fingerprint;
        match &self.manifest {
            Some(Manifest { fingerprint, .. }) if fingerprint != found => {
                Err(self.other_pool(&format!("its fingerprint is {found}, theirs was {fingerprint}")))
            }
            _ => Ok(()),
        }
    }

    fn other_pool(&self, detail: &str) -> Failure {
        let files = self.manifest.iter().flat_map(|manifest| &manifest.pool.files);
        let files: Vec<&str> = files.map(|file| file.path.as_str()).collect();
        if files.is_empty() {
            let hint = "the row numbers alone are taken as rows of any pool";
            return Failure::new(format!("{} was not picked from this pool: {detail}", self.name)).hint(hint);
        }
        let from = match files.as_slice() {
            [file] => (*file).to_owned(),
            [first, .., last] => format!("{first} to {last}"),
            [] => "other files".to_owned(),
        };
        let beside = self.given.path().map(path_beside).unwrap_or_default();
        Failure::new(format!("{} was not picked from this pool: {detail}", self.name)).hint(format!(
            "the picks were made from {from}; a copy of them without {} beside it is taken as rows of any pool",
            beside.display()
        ))
    }

    /// The rows by their numbers in the checked pool.
    pub(crate) fn local(&self, pool: &CheckedPool<'_>, rows: &[usize]) -> Result<Vec<usize>, Failure> {
        let of = |row: &usize| {
            pool.local(*row).ok_or_else(|| {
                let message = format!("{} names row {row}, which holds values that are not finite", self.name);
                Failure::new(message).hint("such rows were left out of the pool, and cannot have been picked from it")
            })
        };
        rows.iter().map(of).collect()
    }
}

/// A failure that asks for the pool.
fn no_pool(path: &Path) -> Failure {
    let (picks, beside) = (path.display(), path_beside(path));
    Failure::usage(format!("there is no {} to say which pool {picks} is of", beside.display()))
        .hint("`--pool FILE` names it")
}

fn rows(given: &Given, n: usize, ids: Option<&Ids>, by: Option<LabeledBy>) -> Result<Vec<usize>, Failure> {
    // Tables of ours have a column of rows, and npy holds rows only: what other lists hold is found out as for `--labeled`.
    let is_rows = given.path().is_some_and(|path| {
        let file = read_column(path, &SideOptions { column: None, prefer: vec!["row".into()] });
        let is_npy = || path.extension().is_some_and(|extension| extension == "npy");
        file.is_ok_and(|file| file.column.as_deref() == Some("row") || is_npy())
    });
    let by = if is_rows { Some(LabeledBy::Row) } else { by };
    side::Rows { n, ids, by, column: None }.read("picks", given)
}

/// The column `budget` of a table, if it has one.
fn budgets(path: &Path) -> Result<Option<Vec<usize>>, Failure> {
    let file = match read_column(path, &SideOptions { column: Some("budget".into()), prefer: Vec::new() }) {
        Ok(file) if file.column.as_deref() == Some("budget") => file,
        // Lists without columns, and tables without this one.
        Ok(_) | Err(subsel_formats::Error::NoSuchColumn { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let budgets = match file.values {
        SideColumn::Ints(budgets) => budgets.into_iter().map(|budget| usize::try_from(budget).ok()).collect(),
        _ => None,
    };
    let not = || Failure::new(format!("{}: the column `budget` does not hold counts", path.display()));
    budgets.map(Some).ok_or_else(not)
}
