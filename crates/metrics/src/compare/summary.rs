//! What a comparison came to: means, paired differences to random, verdicts, labels saved.

use serde::Serialize;

use super::cells::{Journal, Place};
use super::run::CEILING;
use super::saved::{Saved, labels_saved};
use super::setting::{Arranged, RANDOM};
use super::stats::{Correlation, Mean, Verdict};
use crate::unlabeled::Better;

/// A judge of the comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Column {
    /// Its name in results.
    pub name: String,
    /// What is better; `None` where neither is.
    pub higher_is_better: Option<bool>,
    /// Whether it is the accuracy of an evaluator, from 0 to 1.
    pub is_accuracy: bool,
}

impl Column {
    /// What values are told times: shares of the test rows read best in percent.
    pub fn scale(&self) -> f64 {
        if self.is_accuracy || self.name == "ceiling" { 100.0 } else { 1.0 }
    }
}

/// What a method came to by one judge.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// The judge's name.
    pub column: String,
    /// The method's text.
    pub method: String,
    /// The budget's text; `None` for the mean of all budgets.
    pub budget: Option<String>,
    /// Rows picked, rows labeled at the start left out; 0 for the mean of all budgets.
    pub picks: usize,
    /// Over the seeds.
    pub value: Mean,
    /// Less random's, seed by seed; `None` for random itself.
    pub difference: Option<Mean>,
    /// What that allows to say; `None` for random, and where neither side is better.
    pub verdict: Option<Verdict>,
    /// Labels saved, of accuracies.
    pub saved: Option<Saved>,
}

/// What a comparison came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The judges.
    pub columns: Vec<Column>,
    /// The methods in the order asked for, random first.
    pub methods: Vec<String>,
    /// The budgets in the order asked for.
    pub budgets: Vec<String>,
    /// Seeds of which everything is known.
    pub seeds: usize,
    /// Judge by judge, method by method, budget by budget, the mean of all budgets last.
    pub entries: Vec<Entry>,
}

impl Summary {
    /// Of the seeds that are complete. A pool has `n` rows.
    pub fn of(arranged: &Arranged, journal: &Journal, n: usize) -> Self {
        let candidates = arranged.candidates(n);
        let comparison = &arranged.comparison;
        let (methods, budgets) = (&comparison.methods, &comparison.budgets);
        let place = |method: &str, budget: &str, seed| Place { method: method.into(), budget: budget.into(), seed };
        let names = arranged.columns();
        let is_complete = |seed: u64| {
            methods.iter().all(|method| {
                budgets.iter().all(|b| journal.get(&place(method, b, seed)).is_some_and(|cell| cell.has(&names)))
            })
        };
        let seeds: Vec<u64> = (0..comparison.seeds as u64).filter(|&seed| is_complete(seed)).collect();
        let values = |column: &str, method: &str, budget: &str| -> Vec<f64> {
            let value = |seed: &u64| journal.get(&place(method, budget, *seed)).map_or(f64::NAN, |c| c.value(column));
            seeds.iter().map(value).collect()
        };
        let mut entries = Vec::new();
        let columns = columns(arranged);
        for column in &columns {
            let curve =
                if column.is_accuracy { self::curve(arranged, candidates, &column.name, &values) } else { Vec::new() };
            for method in methods {
                let mut of_all = (Vec::new(), Vec::new());
                for (text, budget) in budgets.iter().zip(&arranged.budgets) {
                    let own = values(&column.name, method, text);
                    let random = values(&column.name, RANDOM, text);
                    let picks = budget.resolve(candidates).unwrap_or(0);
                    let labels = (picks + comparison.initial) as f64;
                    let saved = if method == RANDOM { None } else { labels_saved(labels, &own, &curve) };
                    entries.push(entry(column, method, Some(text), picks, &own, &random, saved));
                    of_all.0.push(own);
                    of_all.1.push(random);
                }
                if budgets.len() > 1 {
                    let (own, random) = (mean_by_seed(&of_all.0, seeds.len()), mean_by_seed(&of_all.1, seeds.len()));
                    entries.push(entry(column, method, None, 0, &own, &random, None));
                }
            }
        }
        Summary { columns, methods: methods.clone(), budgets: budgets.clone(), seeds: seeds.len(), entries }
    }

    /// The entry of a judge, method and budget.
    pub fn entry(&self, column: &str, method: &str, budget: Option<&str>) -> Option<&Entry> {
        let is_it = |e: &&Entry| e.column == column && e.method == method && e.budget.as_deref() == budget;
        self.entries.iter().find(is_it)
    }

    /// How two judges go together over the seeds of one method and budget.
    pub fn correlation(
        &self,
        journal: &Journal,
        method: &str,
        budget: &str,
        x: &str,
        y: &str,
    ) -> (Vec<(f64, f64)>, Correlation) {
        let place = |seed| Place { method: method.into(), budget: budget.into(), seed };
        let cells = (0..).map(|seed| journal.get(&place(seed))).take_while(Option::is_some).flatten();
        let pairs: Vec<(f64, f64)> = cells.map(|cell| (cell.value(x), cell.value(y))).collect();
        let found = Correlation::of(&pairs);
        (pairs, found)
    }
}

fn columns(arranged: &Arranged) -> Vec<Column> {
    let accuracy = |name: &str| Column { name: name.into(), higher_is_better: Some(true), is_accuracy: true };
    let mut columns: Vec<Column> = arranged.evaluators.iter().map(|each| accuracy(each.name())).collect();
    if !columns.is_empty() {
        columns.push(Column { name: CEILING.into(), higher_is_better: Some(true), is_accuracy: false });
    }
    columns.extend(arranged.metrics.iter().map(|metric| Column {
        name: metric.name().into(),
        higher_is_better: match metric.better() {
            Better::High => Some(true),
            Better::Low => Some(false),
            Better::Neither => None,
        },
        is_accuracy: false,
    }));
    columns
}

/// The mean of the budgets, for each seed.
fn mean_by_seed(budgets: &[Vec<f64>], seeds: usize) -> Vec<f64> {
    (0..seeds).map(|seed| budgets.iter().map(|of| of[seed]).sum::<f64>() / budgets.len() as f64).collect()
}

/// Accuracies of random at every number of labels it was judged at, by seed.
fn curve(
    arranged: &Arranged,
    candidates: usize,
    column: &str,
    values: &dyn Fn(&str, &str, &str) -> Vec<f64>,
) -> Vec<(f64, Vec<f64>)> {
    let asked = arranged.budgets.iter().filter_map(|b| b.resolve(candidates).ok().map(|count| (count, b.to_string())));
    let more = arranged.random_budgets(candidates).into_iter().map(|count| (count, count.to_string()));
    let mut all: Vec<(usize, String)> = asked.chain(more).collect();
    all.sort();
    all.dedup_by_key(|(count, _)| *count);
    let at =
        |(count, text): &(usize, String)| ((count + arranged.comparison.initial) as f64, values(column, RANDOM, text));
    // A run that was stopped may not have come to all of them.
    all.iter().map(at).filter(|(_, of)| of.iter().all(|value| value.is_finite())).collect()
}

fn entry(
    column: &Column,
    method: &str,
    budget: Option<&str>,
    picks: usize,
    own: &[f64],
    random: &[f64],
    saved: Option<Saved>,
) -> Entry {
    let difference = (method != RANDOM).then(|| Mean::of(own.iter().zip(random).map(|(own, random)| own - random)));
    let verdict = column.higher_is_better.and_then(|higher| Some(difference?.verdict(higher)));
    Entry {
        column: column.name.clone(),
        method: method.into(),
        budget: budget.map(str::to_owned),
        picks,
        value: Mean::of(own.iter().copied()),
        difference,
        verdict,
        saved,
    }
}
