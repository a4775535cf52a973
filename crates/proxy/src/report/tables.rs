//! A report as tables: every training, rounds, budgets.

use subsel_formats::{Column, Listed, PicksTable};

use super::{AtBudget, AtRound, Report, Told};

/// A mean and the ends of its interval, as three columns.
fn told<T>(name: &str, all: &[T], of: impl Fn(&T) -> Option<Told>) -> Vec<(String, Column)> {
    let column =
        |pick: fn(&Told) -> f64| Column::F64(all.iter().map(|each| of(each).as_ref().map_or(f64::NAN, pick)).collect());
    vec![
        (name.to_owned(), column(|told| told.mean)),
        (format!("{name}_low"), column(|told| told.low)),
        (format!("{name}_high"), column(|told| told.high)),
    ]
}

fn counts<T>(name: &str, all: &[T], of: impl Fn(&T) -> usize) -> (String, Column) {
    (name.to_owned(), Column::U64(all.iter().map(|each| of(each) as u64).collect()))
}

impl Report {
    /// A row per budget.
    pub fn budgets_csv(&self) -> PicksTable {
        let all = &self.budgets;
        let text = |of: fn(&AtBudget) -> String| Column::Text(all.iter().map(of).collect());
        let mut columns = vec![("budget".to_owned(), text(|at| at.budget.clone())), counts("rows", all, |at| at.rows)];
        columns.extend(told("target", all, |at| at.target));
        columns.extend(told("target_best", all, |at| at.target_best));
        columns.extend(told("random", all, |at| at.random));
        columns.extend(told("over_random", all, |at| at.over_random));
        columns.push(("verdict".into(), text(|at| at.verdict.map(|verdict| verdict.to_string()).unwrap_or_default())));
        columns.extend(told("error_over_full", all, |at| at.error_over_full));
        columns.extend(told("overlap", all, |at| at.overlap));
        PicksTable { columns, listed: Listed::Scores }
    }

    /// A row per round.
    pub fn rounds_csv(&self) -> PicksTable {
        let all: &[AtRound] = &self.rounds;
        let mut columns = vec![
            counts("round", all, |at| at.round),
            counts("rows", all, |at| at.rows),
            counts("picks", all, |at| at.picks),
        ];
        type Of = fn(&AtRound) -> Option<Told>;
        let named: [(&str, Of); 10] = [
            ("proxy", |at| at.proxy),
            ("proxy_best", |at| at.proxy_best),
            ("target", |at| at.target),
            ("target_best", |at| at.target_best),
            ("proxy_secs", |at| at.proxy_secs),
            ("target_secs", |at| at.target_secs),
            ("spearman", |at| at.spearman),
            ("entropy_spearman", |at| at.entropy),
            ("entropy_spearman_held_out", |at| at.entropy_held_out),
            ("overlap", |at| at.overlap),
        ];
        named.into_iter().for_each(|(name, of)| columns.extend(told(name, all, of)));
        PicksTable { columns, listed: Listed::Scores }
    }
}
