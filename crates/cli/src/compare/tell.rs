//! What a comparison says on the terminal.

use subsel_metrics::compare::{Arranged, Entry, Journal, Mean, Recipe, Saved, Summary, Verdict};

use crate::messages::{count, counted, table};

/// What will be done.
pub(super) fn beginning(arranged: &Arranged, n: usize, journal: &Journal) -> String {
    let comparison = &arranged.comparison;
    let from = match comparison.pool_size {
        Some(size) if size < n => format!("samples of {} of {} rows", count(size), count(n)),
        _ => format!("{} rows", count(n)),
    };
    let known = match journal.len() {
        0 => String::new(),
        known => format!("; {} known already", counted(known, "result")),
    };
    format!(
        "comparing {} at {} over {} on {from}{known}",
        counted(comparison.methods.len(), "method"),
        counted(comparison.budgets.len(), "budget"),
        counted(comparison.seeds, "seed")
    )
}

/// What came of it as Markdown, to be kept with the pictures: command, notes, and a table for each judge.
pub(super) fn markdown(recipe: &Recipe, summary: &Summary, command: &str, subtitle: &str, took: &str) -> String {
    let mut text = format!("# {}\n\n{subtitle}\n\n", recipe.title);
    recipe.notes.iter().for_each(|note| text.push_str(&format!("- {note}\n")));
    text.push_str(&format!("\n```\n{command}\n```\n\nThis run took {took}.\n"));
    for judge in &summary.columns {
        let scale = judge.scale();
        let unit = if scale > 1.0 { ", percent of the test rows" } else { "" };
        text.push_str(&format!(
            "\n## {}{unit}\n\nRandom, and what the others are over it (± standard error).\n\n",
            judge.name
        ));
        for (i, row) in rows(summary, &judge.name, scale).into_iter().enumerate() {
            text.push_str(&format!("| {} |\n", row.join(" | ")));
            if i == 0 {
                text.push_str(&format!("|{}\n", "---|".repeat(row.len())));
            }
        }
    }
    text
}

/// What came of it: for each judge random's values, and how far the others are from them.
pub(super) fn results(arranged: &Arranged, summary: &Summary) -> String {
    let mut text = String::new();
    for judge in &summary.columns {
        let scale = judge.scale();
        let unit = if scale > 1.0 { ", percent of the test rows" } else { "" };
        let seeds = counted(summary.seeds, "seed");
        text.push_str(&format!(
            "\n{}{unit}: random, and what the others are over it ({seeds}, ± standard error)\n",
            judge.name
        ));
        text.push_str(&table(&rows(summary, &judge.name, scale)));
        text.push_str(&saved(arranged, summary, &judge.name));
    }
    text.trim_end().to_owned() + "\n"
}

/// A row per method: its values or what they are over random's, and what that allows to say.
fn rows(summary: &Summary, judge: &str, scale: f64) -> Vec<Vec<String>> {
    let mut rows = vec![vec![String::new()]];
    rows[0].extend(summary.budgets.iter().cloned());
    let has_mean = summary.budgets.len() > 1;
    if has_mean {
        rows[0].push("mean".into());
    }
    rows[0].push(String::new());
    for method in &summary.methods {
        let mut row = vec![method.clone()];
        let budgets = summary.budgets.iter().map(|budget| Some(budget.as_str()));
        let entries: Vec<&Entry> =
            budgets.chain(has_mean.then_some(None)).filter_map(|budget| summary.entry(judge, method, budget)).collect();
        row.extend(entries.iter().map(|entry| match &entry.difference {
            Some(difference) => signed(difference, scale),
            None => plain(&entry.value, scale),
        }));
        let verdict = entries.last().and_then(|entry| entry.verdict);
        row.push(verdict.map(|verdict| verdict.to_string()).unwrap_or_default());
        rows.push(row);
    }
    rows
}

/// Labels saved, for methods that are better than random.
fn saved(arranged: &Arranged, summary: &Summary, judge: &str) -> String {
    let mut rows = Vec::new();
    for method in &summary.methods {
        let mut row = vec![method.clone()];
        let entries = summary.budgets.iter().filter_map(|budget| summary.entry(judge, method, Some(budget)));
        let with: Vec<(&Entry, &Saved)> = entries.filter_map(|entry| Some((entry, entry.saved.as_ref()?))).collect();
        if with.is_empty() || with.iter().all(|(entry, _)| entry.verdict != Some(Verdict::Better)) {
            continue;
        }
        row.extend(with.iter().map(|(_, saved)| {
            format!("{} [{}, {}]", labels(saved.random, saved), labels(saved.low, saved), labels(saved.high, saved))
        }));
        rows.push(row);
    }
    if rows.is_empty() {
        return String::new();
    }
    let mut heading = vec!["labels".to_owned()];
    let budget = |picks: usize| (picks + arranged.comparison.initial).to_string();
    heading.extend(
        summary.budgets.iter().filter_map(|b| Some(budget(summary.entry(judge, &summary.methods[0], Some(b))?.picks))),
    );
    rows.insert(0, heading);
    format!("do the work of so many random labels [95 % of resampled seeds]:\n{}", table(&rows))
}

/// A number of random labels; those that no number tried reaches are more than the most.
pub(super) fn labels(random: f64, saved: &Saved) -> String {
    if random.is_finite() { format!("{random:.0}") } else { format!(">{:.0}", saved.most) }
}

fn plain(mean: &Mean, scale: f64) -> String {
    with_error(mean.mean * scale, mean.error() * scale, "")
}

fn signed(mean: &Mean, scale: f64) -> String {
    with_error(mean.mean * scale, mean.error() * scale, "+")
}

/// As many decimals as the error asks for.
fn with_error(value: f64, error: f64, plus: &str) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    let scale = if error.is_finite() && error > 0.0 { error } else { value.abs().max(1e-12) / 10.0 };
    if value == 0.0 && error == 0.0 {
        return "0".into();
    }
    let decimals = (1.0 - scale.log10().floor()).clamp(0.0, 6.0) as usize;
    let sign = if value >= 0.0 { plus } else { "" };
    match error.is_finite() {
        true => format!("{sign}{value:.decimals$} ± {error:.decimals$}"),
        false => format!("{sign}{value:.decimals$}"),
    }
}
