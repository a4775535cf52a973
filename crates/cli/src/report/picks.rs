//! The picks of a page: their table, and the manifest beside it.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use subsel::{CheckedPool, Reason};
use subsel_formats::{Item, SideColumn, SideOptions, count_rows, read_column, read_items};

use super::ShownPick;
use crate::failure::{self, Failure};
use crate::input::Loaded;
use crate::manifest::{Manifest, path_beside, rows_hash};
use crate::messages::{self, count, counted};

/// The picks as their table has them.
pub(super) struct Picked {
    listed: SideColumn,
    scores: Option<Vec<f64>>,
    reasons: Option<Vec<String>>,
    /// Which entries of the table are shown: those of the largest budget.
    kept: Vec<usize>,
    /// The manifest beside the table, where there is one.
    pub(super) manifest: Option<Manifest>,
    /// The same as it is written.
    pub(super) text: Option<String>,
}

impl Picked {
    /// Reads the table and the manifest beside it.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let listed = read_column(path, &SideOptions { column: None, prefer: vec!["row".into(), "id".into()] })?.values;
        let all = listed.len();
        if all == 0 {
            return Err(Failure::new(format!("{} names no rows", path.display())));
        }
        let beside = path_beside(path);
        let (manifest, text) = match beside.is_file() {
            true => {
                let text = fs::read_to_string(&beside).map_err(|error| failure::io("open", &beside, &error))?;
                (Some(Manifest::read(&beside)?), Some(text))
            }
            false => (None, None),
        };
        let mut picked = Picked {
            scores: numbers(path, "score").filter(|scores| scores.len() == all),
            reasons: reasons(path, all),
            kept: kept(path, all),
            listed,
            manifest,
            text,
        };
        picked.check_hash(path)?;
        if picked.kept.len() < all {
            let (kept, all) = (count(picked.kept.len()), count(all));
            messages::note(&format!(
                "{} holds picks for several budgets: the {kept} of the largest are shown, of {all}",
                path.display()
            ));
        }
        if matches!(picked.listed, SideColumn::Floats(_)) {
            return Err(not_rows(path));
        }
        picked.kept.shrink_to_fit();
        Ok(picked)
    }

    /// A table that was changed has no manifest to go by.
    fn check_hash(&self, path: &Path) -> Result<(), Failure> {
        let (Some(manifest), SideColumn::Ints(rows)) = (&self.manifest, &self.listed) else { return Ok(()) };
        let is_txt = path.extension().is_some_and(|extension| extension == "txt");
        let rows: Option<Vec<usize>> = rows.iter().map(|row| usize::try_from(*row).ok()).collect();
        // A txt may hold ids that look like rows.
        if is_txt || rows.is_some_and(|rows| rows_hash(rows.into_iter()) == manifest.picks_hash) {
            return Ok(());
        }
        let (picks, beside) = (path.display(), path_beside(path));
        let what = format!(
            "{picks} does not hold the picks of {}: it was changed or written by another run",
            beside.display()
        );
        Err(Failure::new(what).hint("select again, or move the manifest away to show the rows as they are"))
    }

    /// The rows picked, in rank order.
    pub(super) fn rows(&self, path: &Path, loaded: &Loaded) -> Result<Vec<usize>, Failure> {
        let n = loaded.source.n_rows();
        let by_id: HashMap<String, usize> = match (&self.listed, &loaded.ids) {
            (SideColumn::Texts(_), Some(ids)) => (0..ids.len()).map(|row| (ids.text(row), row)).collect(),
            _ => HashMap::new(),
        };
        let row = |i: &usize| match &self.listed {
            SideColumn::Ints(rows) => usize::try_from(rows[*i]).ok().filter(|row| *row < n).ok_or_else(|| {
                let (rank, row) = (i + 1, rows[*i]);
                let what =
                    format!("pick {rank} of {} is row {row}, but the pool has {}", path.display(), counted(n, "row"));
                Failure::new(what).hint("give the pool that the picks were made from")
            }),
            SideColumn::Texts(ids) => by_id.get(&ids[*i]).copied().ok_or_else(|| {
                let what = format!(
                    "pick {} of {} is `{}`, which no row of the pool is called",
                    i + 1,
                    path.display(),
                    ids[*i]
                );
                Failure::new(what).hint("`--ids FILE` or `--id-column NAME` gives the names of the rows")
            }),
            SideColumn::Floats(_) => Err(not_rows(path)),
        };
        let rows: Vec<usize> = self.kept.iter().map(row).collect::<Result<_, _>>()?;
        let mut sorted = rows.clone();
        sorted.sort_unstable();
        match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Failure::new(format!("{} names row {} twice", path.display(), pair[0]))),
            None => Ok(rows),
        }
    }

    /// Refuses another pool by its shape, before a pass is made.
    pub(super) fn check_shape(&self, loaded: &Loaded) -> Result<(), Failure> {
        let (n, d) = (loaded.source.n_rows(), loaded.source.dim());
        match &self.manifest {
            Some(manifest) if (manifest.n, manifest.d) != (n, d) => {
                let (then_n, then_d) = (count(manifest.n), manifest.d);
                Err(self
                    .other_pool(&format!("it has {} rows of {d} values, theirs had {then_n} of {then_d}", count(n))))
            }
            _ => Ok(()),
        }
    }

    /// Refuses another pool by its rows.
    pub(super) fn check_fingerprint(&self, pool: &CheckedPool<'_>) -> Result<(), Failure> {
        let found = &pool.facts().fingerprint;
        match &self.manifest {
            Some(manifest) if manifest.fingerprint != *found => {
                Err(self.other_pool(&format!("its fingerprint is {found}, theirs was {}", manifest.fingerprint)))
            }
            _ => Ok(()),
        }
    }

    fn other_pool(&self, detail: &str) -> Failure {
        let files = self.manifest.iter().flat_map(|manifest| &manifest.pool.files);
        let files: Vec<&str> = files.map(|file| file.path.as_str()).collect();
        Failure::new(format!("the picks are not of this pool: {detail}"))
            .hint(format!("they were made from {}", files.join(", ")))
    }

    /// What a reader must know.
    pub(super) fn warnings(&self) -> Vec<String> {
        let Some(manifest) = &self.manifest else {
            return vec!["There is no manifest beside the picks: nothing shows that they are of this pool.".into()];
        };
        let mut warnings = manifest.warnings.clone();
        if !manifest.complete {
            warnings.push("the selection was interrupted: these are the first of the picks that were asked for".into());
        }
        warnings
    }

    /// The picks as the page shows them.
    pub(super) fn shown(&self, rows: &[usize]) -> Vec<ShownPick> {
        let pick = |(row, i): (&usize, &usize)| ShownPick {
            row: *row,
            score: self.scores.as_ref().map(|scores| scores[*i]),
            reason: self.reasons.as_ref().map(|reasons| reasons[*i].clone()).unwrap_or_default(),
        };
        rows.iter().zip(&self.kept).map(pick).collect()
    }

    /// What makes the picks again.
    pub(super) fn command(&self, path: &Path) -> String {
        let Some(manifest) = &self.manifest else { return String::new() };
        let mut words = vec!["subsel".to_owned(), "select".into()];
        words.extend(manifest.pool.files.iter().map(|file| quoted(&file.path)));
        let asked: Vec<&str> = manifest.budgets.iter().map(|budget| budget.asked.as_str()).collect();
        words.extend(["-n".into(), quoted(&asked.join(",")), "-m".into(), quoted(&manifest.method.text)]);
        words.extend(["--seed".into(), manifest.seed.to_string()]);
        let pool = &manifest.pool;
        let named = [("--column", pool.column.clone()), ("--id-column", pool.id_column.clone())];
        for (option, value) in named.into_iter().filter_map(|(option, value)| Some((option, value?))) {
            words.extend([option.to_owned(), quoted(&value)]);
        }
        for file in &manifest.side_files {
            words.extend([format!("--{}", file.role.name()), quoted(&file.path)]);
        }
        let verify = format!("subsel verify {}", quoted(&path_beside(path).display().to_string()));
        // Rules that are seldom given stand in the manifest only.
        let is_all =
            pool.constraints.is_empty() && pool.dedup.is_none() && pool.dtype.is_none() && !pool.drop_nonfinite;
        match is_all {
            true => format!("{}\n{verify}", words.join(" ")),
            false => verify,
        }
    }
}

fn not_rows(path: &Path) -> Failure {
    Failure::new(format!("{} does not hold row numbers", path.display()))
        .hint("give picks of `subsel select`, or whole numbers from 0, one a line")
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

/// The entries of the largest budget, where the table holds several.
fn kept(path: &Path, all: usize) -> Vec<usize> {
    let budgets = numbers(path, "budget").filter(|budgets| budgets.len() == all);
    let Some(budgets) = budgets else { return (0..all).collect() };
    let largest = budgets.iter().copied().fold(0.0, f64::max);
    (0..all).filter(|i| budgets[*i] == largest).collect()
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,:=+%@".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_are_quoted_where_a_shell_would_part_them() {
        assert_eq!(quoted("a/b.npy"), "a/b.npy");
        assert_eq!(quoted("my file's"), "'my file'\\''s'");
        assert_eq!(quoted(""), "''");
    }
}
