//! Tables of a comparison: every result, and what they came to.

use std::path::Path;

use subsel_formats::{Column, Listed, PicksTable};
use subsel_metrics::compare::{Cell, Place};

use super::page::Report;
use crate::failure::Failure;
use crate::output::{begin_table, column};

/// Every result: a row per method, budget and seed.
pub(super) fn results(report: &Report<'_>, path: &Path) -> Result<(), Failure> {
    let cells = cells(report);
    let text = |of: fn(&Cell) -> &String| Column::Text(cells.iter().map(|cell| of(cell).clone()).collect());
    let mut columns = vec![
        column("method", text(|cell| &cell.place.method)),
        column("budget", text(|cell| &cell.place.budget)),
        column("seed", Column::U64(cells.iter().map(|cell| cell.place.seed).collect())),
        column("picks", Column::U64(cells.iter().map(|cell| cell.picks as u64).collect())),
        column("picks_hash", text(|cell| &cell.hash)),
        column("select_secs", Column::F64(cells.iter().map(|cell| cell.select_secs).collect())),
    ];
    for judge in &report.summary.columns {
        columns.push((judge.name.clone(), Column::F64(cells.iter().map(|cell| cell.value(&judge.name)).collect())));
    }
    write(path, columns)
}

/// What the results came to: a row per judge, method and budget.
pub(super) fn summary(report: &Report<'_>, path: &Path) -> Result<(), Failure> {
    let entries = &report.summary.entries;
    let numbers = |of: &dyn Fn(&subsel_metrics::compare::Entry) -> f64| Column::F64(entries.iter().map(of).collect());
    let difference = |of: fn(&subsel_metrics::compare::Mean) -> f64| {
        numbers(&move |entry| entry.difference.as_ref().map_or(f64::NAN, of))
    };
    let saved = |of: fn(&subsel_metrics::compare::Saved) -> f64| {
        numbers(&move |entry| entry.saved.as_ref().map_or(f64::NAN, of))
    };
    let text = |of: &dyn Fn(&subsel_metrics::compare::Entry) -> String| Column::Text(entries.iter().map(of).collect());
    let columns = vec![
        column("judge", text(&|entry| entry.column.clone())),
        column("method", text(&|entry| entry.method.clone())),
        column("budget", text(&|entry| entry.budget.clone().unwrap_or_else(|| "mean".into()))),
        column("seeds", Column::U64(entries.iter().map(|entry| entry.value.n as u64).collect())),
        column("mean", numbers(&|entry| entry.value.mean)),
        column("standard_error", numbers(&|entry| entry.value.error())),
        column("over_random", difference(|mean| mean.mean)),
        column("over_random_error", difference(|mean| mean.error())),
        column("over_random_low", difference(|mean| mean.interval().0)),
        column("over_random_high", difference(|mean| mean.interval().1)),
        column("verdict", text(&|entry| entry.verdict.map(|verdict| verdict.to_string()).unwrap_or_default())),
        column("random_labels", saved(|saved| saved.random)),
        column("random_labels_low", saved(|saved| saved.low)),
        column("random_labels_high", saved(|saved| saved.high)),
    ];
    write(path, columns)
}

fn write(path: &Path, columns: Vec<(String, Column)>) -> Result<(), Failure> {
    Ok(begin_table(path, true)?.write(&PicksTable { columns, listed: Listed::Scores })?)
}

/// The results sought, seed by seed.
fn cells<'a>(report: &Report<'a>) -> Vec<&'a Cell> {
    let comparison = &report.arranged.comparison;
    let candidates = report.arranged.candidates(report.given.pool.len());
    let more: Vec<String> = report.arranged.random_budgets(candidates).iter().map(usize::to_string).collect();
    let mut cells = Vec::new();
    for seed in 0..comparison.seeds as u64 {
        for (i, method) in comparison.methods.iter().enumerate() {
            let more = if i == 0 { &more[..] } else { &[] };
            for budget in comparison.budgets.iter().chain(more) {
                let place = Place { method: method.clone(), budget: budget.clone(), seed };
                cells.extend(report.journal.get(&place));
            }
        }
    }
    cells
}
