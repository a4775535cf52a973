//! The picks that are judged, and what their manifest says of them.

use std::path::{Path, PathBuf};

use subsel_formats::{Ids, SideColumn, SideOptions, read_column};

use crate::args::{JudgeArgs, KnownArgs, LabeledBy, ReadArgs};
use crate::failure::Failure;
use crate::manifest::{self, Manifest};
use crate::messages::count;
use crate::side::{self, Role};

/// The rows picked for one budget, in rank order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// The budget, where there are several.
    pub(super) budget: Option<usize>,
    /// Row numbers in the pool the user knows.
    pub(super) rows: Vec<usize>,
}

/// The manifest beside the picks, if there is one.
pub(super) fn manifest(picks: &Path) -> Result<Option<Manifest>, Failure> {
    let path = manifest::path_beside(picks);
    if path.exists() { Manifest::read(&path).map(Some) } else { Ok(None) }
}

/// What to read and what is known: as typed, and where nothing was said as the manifest has it. A list of rows that is gone
/// or has changed since is told and left out.
pub(super) fn given(
    args: &JudgeArgs,
    manifest: Option<&Manifest>,
) -> Result<(ReadArgs, KnownArgs, Vec<String>), Failure> {
    let then = manifest.map(|manifest| &manifest.pool);
    let read = ReadArgs {
        inputs: args.pool.clone(),
        column: args.column.clone().or_else(|| then?.column.clone()),
        id_column: args.id_column.clone().or_else(|| then?.id_column.clone()),
        join: then.map_or(args.join, |then| then.join),
        dtype: args.dtype.or_else(|| then?.dtype),
        scratch: args.scratch.clone(),
    };
    let mut notes = Vec::new();
    let dir = args.picks.parent().unwrap_or(Path::new(""));
    let mut list = |role: Role, typed: &Option<PathBuf>| -> Result<Option<PathBuf>, Failure> {
        let recorded = manifest.and_then(|manifest| manifest.side_files.iter().find(|file| file.role == role));
        let (None, Some(recorded)) = (typed, recorded) else { return Ok(typed.clone()) };
        let beside = dir.join(&recorded.path);
        let path = if Path::new(&recorded.path).exists() { PathBuf::from(&recorded.path) } else { beside };
        if path.exists() && side::hash(&path)? == recorded.xxh3 {
            return Ok(Some(path));
        }
        notes.push(format!(
            "--{} {} of the manifest is gone or has changed: random rows are drawn without it",
            role.name(),
            recorded.path
        ));
        Ok(None)
    };
    let known = KnownArgs {
        ids: list(Role::Ids, &args.ids)?,
        labeled: list(Role::Labeled, &args.labeled)?,
        exclude: list(Role::Exclude, &args.exclude)?,
        labels: args.labels.clone(),
        groups: None,
        scores: None,
        costs: None,
        probs: None,
        logits: None,
        temperature: None,
        labeled_by: args.labeled_by.or_else(|| then?.labeled_by),
        drop_nonfinite: args.drop_nonfinite || then.is_some_and(|then| then.drop_nonfinite),
    };
    Ok((read, known, notes))
}

/// Reads the picks: one block for each value of a column `budget`, or of the manifest's budgets where the picks for one
/// are the first of those for another.
pub(super) fn read(
    path: &Path,
    n: usize,
    ids: Option<&Ids>,
    by: Option<LabeledBy>,
    manifest: Option<&Manifest>,
) -> Result<Vec<Block>, Failure> {
    let rows = rows(path, n, ids, by)?;
    if rows.is_empty() {
        return Err(Failure::new(format!("{} names no rows", path.display())));
    }
    let blocks = match budgets(path)? {
        Some(budgets) => {
            let mut blocks: Vec<Block> = Vec::new();
            for (row, budget) in rows.into_iter().zip(budgets) {
                match blocks.iter_mut().find(|block| block.budget == Some(budget)) {
                    Some(block) => block.rows.push(row),
                    None => blocks.push(Block { budget: Some(budget), rows: vec![row] }),
                }
            }
            blocks
        }
        None => {
            let budgets = manifest.map_or(&[][..], |manifest| &manifest.budgets);
            let is_nested = budgets.len() > 1 && budgets.iter().map(|budget| budget.picks).max() == Some(rows.len());
            match is_nested {
                true => budgets
                    .iter()
                    .map(|budget| Block { budget: Some(budget.picks), rows: rows[..budget.picks].to_vec() })
                    .collect(),
                false => vec![Block { budget: None, rows }],
            }
        }
    };
    for block in &blocks {
        let mut sorted = block.rows.clone();
        sorted.sort_unstable();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            let message = format!("{} names row {} twice", path.display(), count(pair[0]));
            return Err(Failure::new(message).hint("picks for several budgets are told apart by a column `budget`"));
        }
    }
    Ok(blocks)
}

fn rows(path: &Path, n: usize, ids: Option<&Ids>, by: Option<LabeledBy>) -> Result<Vec<usize>, Failure> {
    let file = read_column(path, &SideOptions { column: None, prefer: vec!["row".into()] });
    // Tables of ours have a column of rows, and npy holds rows only: what other lists hold is found out as for `--labeled`.
    let is_rows = match &file {
        Ok(file) => {
            file.column.as_deref() == Some("row") || path.extension().is_some_and(|extension| extension == "npy")
        }
        Err(_) => false,
    };
    let by = if is_rows { Some(LabeledBy::Row) } else { by };
    side::Rows { n, ids, by, column: None }.read(path)
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

/// Refuses picks of another pool, as far as the manifest tells.
pub(super) fn check_pool(
    picks: &Path,
    manifest: Option<&Manifest>,
    shape: (usize, usize),
    fingerprint: Option<&str>,
) -> Result<(), Failure> {
    let Some(manifest) = manifest else { return Ok(()) };
    let then = (manifest.n, manifest.d);
    let what = if then != shape {
        format!("that had {} rows of {} values, and this has {} of {}", count(then.0), then.1, count(shape.0), shape.1)
    } else if let Some(now) = fingerprint.filter(|now| *now != manifest.fingerprint) {
        format!("its fingerprint is {now}, that of theirs {}", manifest.fingerprint)
    } else {
        return Ok(());
    };
    let files: Vec<&str> = manifest.pool.files.iter().map(|file| file.path.as_str()).collect();
    let some = match files.as_slice() {
        [file] => (*file).to_owned(),
        [first, .., last] => format!("{first} to {last}"),
        [] => "other files".to_owned(),
    };
    Err(Failure::new(format!("{} was not picked from this pool: {what}", picks.display())).hint(format!(
        "they were picked from {some}; a copy of the picks without {} beside it is judged as rows of any pool",
        manifest::path_beside(picks).display()
    )))
}
