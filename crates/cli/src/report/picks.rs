//! The picks of a page: those of the largest budget, with their scores and reasons.

use std::path::Path;

use subsel::Reason;
use subsel_formats::{Item, SideColumn, SideOptions, count_rows, read_column, read_items};

use super::ShownPick;
use crate::args::LabeledBy;
use crate::failure::Failure;
use crate::input::Loaded;
use crate::manifest::path_beside;
use crate::messages::{self, count, shell_word};
use crate::picks::{Block, Picks};

/// The picks of a page.
pub(super) struct Picked<'a> {
    picks: &'a Picks,
    block: Block,
    scores: Option<Vec<f64>>,
    reasons: Option<Vec<String>>,
}

impl<'a> Picked<'a> {
    /// Reads the table; of several budgets the largest is shown.
    pub(super) fn read(path: &Path, picks: &'a Picks, loaded: &Loaded, by: Option<LabeledBy>) -> Result<Self, Failure> {
        let blocks = picks.blocks(loaded.source.n_rows(), loaded.ids.as_ref(), by)?;
        let all = blocks.iter().flat_map(|block| &block.entries).max().map_or(0, |last| last + 1);
        let block =
            blocks.into_iter().max_by_key(|block| block.rows.len()).unwrap_or_else(|| unreachable!("no list is empty"));
        if block.rows.len() < all {
            messages::note(&format!(
                "{} holds picks for several budgets: the {} of the largest are shown, of {}",
                path.display(),
                count(block.rows.len()),
                count(all)
            ));
        }
        let scores = numbers(path, "score").filter(|scores| scores.len() == all);
        Ok(Picked { picks, block, scores, reasons: reasons(path, all) })
    }

    /// The rows picked, in rank order, by the numbers the user knows.
    pub(super) fn rows(&self) -> &[usize] {
        &self.block.rows
    }

    /// What a reader must know.
    pub(super) fn warnings(&self) -> Vec<String> {
        let Some(manifest) = &self.picks.manifest else {
            return vec!["There is no manifest beside the picks: nothing shows that they are of this pool.".into()];
        };
        let mut warnings = manifest.warnings.clone();
        if !manifest.complete {
            warnings.push("the selection was interrupted: these are the first of the picks that were asked for".into());
        }
        warnings
    }

    /// The picks as the page shows them.
    pub(super) fn shown(&self) -> Vec<ShownPick> {
        let pick = |(row, i): (&usize, &usize)| ShownPick {
            row: *row,
            score: self.scores.as_ref().map(|scores| scores[*i]),
            reason: self.reasons.as_ref().map(|reasons| reasons[*i].clone()).unwrap_or_default(),
        };
        self.block.rows.iter().zip(&self.block.entries).map(pick).collect()
    }

    /// What makes the picks again.
    pub(super) fn command(&self, path: &Path) -> String {
        let Some(manifest) = &self.picks.manifest else { return String::new() };
        let mut words = vec!["subsel".to_owned(), "select".into()];
        words.extend(manifest.pool.files.iter().map(|file| shell_word(&file.path)));
        let asked: Vec<&str> = manifest.budgets.iter().map(|budget| budget.asked.as_str()).collect();
        words.extend(["-n".into(), shell_word(&asked.join(",")), "-m".into(), shell_word(&manifest.method.text)]);
        words.extend(["--seed".into(), manifest.seed.to_string()]);
        let pool = &manifest.pool;
        let named = [("--column", pool.column.clone()), ("--id-column", pool.id_column.clone())];
        for (option, value) in named.into_iter().filter_map(|(option, value)| Some((option, value?))) {
            words.extend([option.to_owned(), shell_word(&value)]);
        }
        for file in &manifest.side_files {
            words.extend([format!("--{}", file.role.name()), shell_word(&file.path)]);
        }
        let verify = format!("subsel verify {}", shell_word(&path_beside(path).display().to_string()));
        // Rules that are seldom given stand in the manifest only.
        let is_all =
            pool.constraints.is_empty() && pool.dedup.is_none() && pool.dtype.is_none() && !pool.drop_nonfinite;
        match is_all {
            true => format!("{}\n{verify}", words.join(" ")),
            false => verify,
        }
    }
}

/// A column of numbers, where the table has it.
fn numbers(path: &Path, name: &str) -> Option<Vec<f64>> {
    let file = read_column(path, &SideOptions { column: Some(name.into()), prefer: Vec::new() }).ok()?;
    // A list without columns is read whatever the name.
    match (file.column.as_deref() == Some(name)).then_some(file.values)? {
        SideColumn::Ints(values) => Some(values.into_iter().map(|value| value as f64).collect()),
        SideColumn::Floats(values) => Some(values),
        SideColumn::Texts(_) => None,
    }
}

/// Reasons as text, where the table has them; jsonl holds them as objects.
fn reasons(path: &Path, all: usize) -> Option<Vec<String>> {
    let parts = count_rows(&[path.to_owned()]).ok()?;
    let rows: Vec<usize> = (0..all).collect();
    let options = SideOptions { column: Some("reason".into()), prefer: Vec::new() };
    let items = read_items(&parts, &rows, &options).ok()?;
    let text = |item: Option<Item>| match item {
        Some(Item::Text(text)) => {
            serde_json::from_str::<Reason>(&text).map(|reason| reason.to_string()).unwrap_or(text)
        }
        _ => String::new(),
    };
    let texts: Vec<String> = items.into_iter().map(text).collect();
    // A list of rows alone would be taken for its reasons.
    let has_words = texts.iter().any(|text| text.contains(' '));
    has_words.then_some(texts)
}
