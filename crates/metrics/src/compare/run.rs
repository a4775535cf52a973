//! Filling the journal: seed by seed, method by method.

use std::collections::HashMap;
use std::time::Instant;

use rayon::prelude::*;
use serde_json::{Map, Value};
use subsel::{Budget, CheckedPool, Context, Reason, Selector, select_checked};
use subsel_kernels::Block;
use xxhash_rust::xxh3::Xxh3;

use super::cells::{Cell, Header, Journal, Place};
use super::drawn::Drawn;
use super::setting::{Arranged, RowsAs};
use crate::error::Error;
use crate::evaluator::{Examples, Standard, Task};
use crate::unlabeled::{Judge, JudgeSettings};

/// What is compared on.
pub struct Given<'a> {
    /// The pool, its labels among what is known of it where there are evaluators.
    pub pool: &'a CheckedPool<'a>,
    /// Rows to be told, classes numbered as those of the pool.
    pub test: Option<Examples>,
}

/// Watches a comparison.
pub trait Watch {
    /// A result was found: `done` of `all` that are sought.
    fn found(&mut self, cell: &Cell, done: usize, all: usize);
}

impl Given<'_> {
    fn examples(&self, arranged: &Arranged) -> Result<Option<&Examples>, Error> {
        if arranged.evaluators.is_empty() {
            return Ok(None);
        }
        let needs = |what| {
            Err(Error::Incomplete {
                what,
                hint: "evaluators need `--labels`, `--test-features` and `--test-labels`; `--metrics` need none of them",
            })
        };
        if self.pool.labels().is_none() {
            return needs("there are evaluators but no labels of the pool");
        }
        let Some(test) = &self.test else { return needs("there are evaluators but no test rows") };
        if test.is_empty() {
            return needs("there are evaluators but no test rows");
        }
        if test.dim() != self.pool.dim() {
            return Err(Error::Width { test: test.dim(), pool: self.pool.dim() });
        }
        Ok(Some(test))
    }

    /// Whether the comparison can be made on this; [`run`] asks too.
    ///
    /// # Errors
    /// Sizes and budgets beyond the pool, evaluators without labels or test rows, test rows of another width.
    pub fn check(&self, arranged: &Arranged) -> Result<(), Error> {
        self.examples(arranged)?;
        let n = self.pool.len();
        let comparison = &arranged.comparison;
        if let Some(size) = comparison.pool_size.filter(|size| *size == 0 || *size > n) {
            return Err(Error::Setting { name: "pool-size", rule: format!("from 1 to {n}"), got: size.to_string() });
        }
        if comparison.initial >= comparison.pool_size.unwrap_or(n) {
            let got = comparison.initial.to_string();
            return Err(Error::Setting { name: "initial", rule: "below the rows to pick from".into(), got });
        }
        let candidates = arranged.candidates(n);
        arranged.budgets.iter().try_for_each(|budget| budget.resolve(candidates).map(drop))?;
        Ok(())
    }

    /// What results depend on beside their place.
    pub fn header(&self, arranged: &Arranged, version: &str) -> Header {
        let mut hash = Xxh3::new();
        if let (false, Some(labels)) = (arranged.evaluators.is_empty(), self.pool.labels()) {
            labels.codes.iter().for_each(|code| hash.update(&code.to_le_bytes()));
        }
        if let (false, Some(test)) = (arranged.evaluators.is_empty(), &self.test) {
            test.features().iter().for_each(|value| hash.update(&value.to_le_bytes()));
            test.labels().iter().for_each(|code| hash.update(&code.to_le_bytes()));
        }
        let comparison = &arranged.comparison;
        Header {
            version: version.into(),
            pool: self.pool.facts().fingerprint.clone(),
            examples: if arranged.evaluators.is_empty() { String::new() } else { format!("{:032x}", hash.digest128()) },
            pool_size: comparison.pool_size,
            initial: comparison.initial,
            rows: comparison.rows,
            show_labels: comparison.show_labels,
            evaluators: arranged.evaluators.iter().map(|each| (each.name().to_owned(), each.summary())).collect(),
        }
    }
}

impl Arranged {
    /// Columns that every result has.
    pub fn columns(&self) -> Vec<String> {
        let mut columns: Vec<String> = self.evaluators.iter().map(|each| each.name().to_owned()).collect();
        if !columns.is_empty() {
            columns.push(CEILING.into());
        }
        columns.extend(self.metrics.iter().map(|metric| metric.name().to_owned()));
        if self.comparison.norms {
            columns.push(NORMS.into());
        }
        columns
    }

    /// Rows that methods pick from, of a pool of so many.
    pub fn candidates(&self, n: usize) -> usize {
        self.comparison.pool_size.unwrap_or(n).min(n).saturating_sub(self.comparison.initial)
    }

    /// Budgets at which random alone is judged, so that there is a curve to read labels saved from: up to three times the
    /// largest, in steps of at most half.
    pub fn random_budgets(&self, candidates: usize) -> Vec<usize> {
        let mut known: Vec<usize> = self.budgets.iter().filter_map(|budget| budget.resolve(candidates).ok()).collect();
        known.sort_unstable();
        known.dedup();
        if self.evaluators.is_empty() || known.is_empty() || self.methods.len() < 2 {
            return Vec::new();
        }
        let last = known[known.len() - 1];
        known.push((3 * last).min(candidates));
        let mut more = Vec::new();
        for pair in known.windows(2) {
            let steps = ((pair[1] as f64 / pair[0] as f64).ln() / STEP.ln() - 1e-9).ceil().max(1.0);
            let step = (pair[1] as f64 / pair[0] as f64).powf(1.0 / steps);
            more.extend((1..steps as i32).map(|i| (pair[0] as f64 * step.powi(i)).round() as usize));
        }
        more.push(known[known.len() - 1]);
        more.retain(|count| !known[..known.len() - 1].contains(count));
        more.dedup();
        more
    }
}

/// The largest step between numbers of random labels.
const STEP: f64 = 1.5;

/// Name of the norms of picks, a list in each result.
pub const NORMS: &str = "norms";

/// Name of the share of test rows whose class was picked.
pub(crate) const CEILING: &str = "ceiling";

/// Fills `journal` with everything sought that it does not know.
///
/// # Errors
/// Settings and data that do not fit, the first method that fails, [`subsel::Error::Interrupted`]: what was found until
/// then is in the journal.
pub fn run(
    arranged: &Arranged,
    given: &Given<'_>,
    journal: &mut Journal,
    watch: &mut dyn Watch,
    ctx: &mut Context,
) -> Result<(), Error> {
    given.check(arranged)?;
    let test = given.examples(arranged)?;
    let comparison = &arranged.comparison;
    let candidates = arranged.candidates(given.pool.len());
    let orders = orders(arranged, candidates);
    let columns = arranged.columns();
    let all = comparison.seeds * orders.iter().map(|order| order.budgets.len()).sum::<usize>();
    let mut done = 0;
    let mut settled = HashMap::new();
    for seed in 0..comparison.seeds as u64 {
        ctx.set_seed(seed);
        let sought: Vec<Order<'_>> = orders
            .iter()
            .map(|order| order.less_known(seed, journal, &columns))
            .filter(|o| !o.budgets.is_empty())
            .collect();
        done += orders.iter().map(|order| order.budgets.len()).sum::<usize>()
            - sought.iter().map(|order| order.budgets.len()).sum::<usize>();
        if sought.is_empty() {
            continue;
        }
        ctx.remember();
        let drawn = Drawn::new(arranged, given, ctx)?;
        let source = drawn.source()?;
        let pool = drawn.pool(arranged, given, &source, ctx)?;
        let own = match comparison.rows {
            RowsAs::Raw => None,
            RowsAs::Unit => Some(pool.unit(ctx).map_err(Error::from)?),
        };
        let settings = JudgeSettings::default();
        let judge = match arranged.metrics.is_empty() {
            true => None,
            false => Some(Judge::new(&pool, &arranged.metrics, &settings, ctx)?),
        };
        let standard = test.map(|_| drawn.standard(given, ctx)).transpose()?;
        let ground = Ground { arranged, given, drawn: &drawn, pool: &pool, judge: judge.as_ref(), standard };
        for order in sought {
            let picked = order.select(own.as_ref().unwrap_or(&pool), &drawn, &mut settled, ctx)?;
            for cell in ground.judge_all(&order, picked, test, seed, ctx)? {
                done += 1;
                watch.found(&cell, done, all);
                journal.add(cell)?;
            }
        }
    }
    Ok(())
}

/// A method with the budgets sought of it.
struct Order<'a> {
    method: &'a dyn Selector,
    budgets: Vec<Budget>,
    candidates: usize,
}

fn orders(arranged: &Arranged, candidates: usize) -> Vec<Order<'_>> {
    let mut orders: Vec<Order<'_>> = arranged
        .methods
        .iter()
        .map(|method| Order { method: &**method, budgets: arranged.budgets.clone(), candidates })
        .collect();
    if let Some(random) = orders.first_mut() {
        random.budgets.extend(arranged.random_budgets(candidates).into_iter().map(Budget::Count));
    }
    orders
}

/// What was picked for a budget, and in how many seconds.
#[derive(Clone)]
struct Picked {
    budget: Budget,
    rows: Vec<usize>,
    secs: f64,
}

impl Order<'_> {
    fn place(&self, budget: Budget, seed: u64) -> Place {
        Place { method: self.method.text(), budget: budget.to_string(), seed }
    }

    fn less_known(&self, seed: u64, journal: &Journal, columns: &[String]) -> Self {
        let is_known = |budget: Budget| journal.get(&self.place(budget, seed)).is_some_and(|cell| cell.has(columns));
        let budgets = self.budgets.iter().copied().filter(|budget| !is_known(*budget)).collect();
        Order { method: self.method, budgets, candidates: self.candidates }
    }

    /// Picks for every budget: once for all of them if the method is nested, and once for all seeds if neither the
    /// method nor the pool is drawn.
    fn select(
        &self,
        pool: &CheckedPool<'_>,
        drawn: &Drawn,
        settled: &mut HashMap<(String, String), Picked>,
        ctx: &mut Context,
    ) -> Result<Vec<Picked>, Error> {
        let counts =
            self.budgets.iter().map(|budget| budget.resolve(self.candidates)).collect::<Result<Vec<_>, _>>()?;
        let is_settled = !drawn.is_random && !self.method.is_random();
        let key = |budget: Budget| (self.method.text(), budget.to_string());
        if is_settled && let Some(known) = self.budgets.iter().map(|b| settled.get(&key(*b)).cloned()).collect() {
            return Ok(known);
        }
        // Rows that only fill up are drawn, whatever the method.
        let mut has_drawn = false;
        let mut one = |count: usize| {
            let began = Instant::now();
            let selection = select_checked(self.method, pool, count, ctx).map_err(|error| match error {
                subsel::Error::Interrupted => error.into(),
                error => Error::Method {
                    method: self.method.text(),
                    budget: count.to_string(),
                    seed: ctx.seed(),
                    error: Box::new(error),
                },
            })?;
            if !selection.complete {
                return Err(Error::from(subsel::Error::Interrupted));
            }
            has_drawn |= selection.picks.iter().any(|pick| pick.reason == Reason::Fill);
            Ok((selection.rows(), began.elapsed().as_secs_f64()))
        };
        let most = counts.iter().copied().max().unwrap_or(1);
        let nested = if self.method.nested() { Some(one(most)?) } else { None };
        let mut picked = Vec::new();
        for (&budget, &count) in self.budgets.iter().zip(&counts) {
            let (rows, secs) = match &nested {
                Some((rows, secs)) => (rows[..count.min(rows.len())].to_vec(), *secs),
                None => one(count)?,
            };
            picked.push(Picked { budget, rows, secs });
        }
        if is_settled && !has_drawn {
            picked.iter().for_each(|each| drop(settled.insert(key(each.budget), each.clone())));
        }
        Ok(picked)
    }
}

/// What picks of one seed are judged by.
struct Ground<'a> {
    arranged: &'a Arranged,
    given: &'a Given<'a>,
    drawn: &'a Drawn,
    pool: &'a CheckedPool<'a>,
    judge: Option<&'a Judge<'a>>,
    standard: Option<Standard>,
}

impl Ground<'_> {
    fn judge_all(
        &self,
        order: &Order<'_>,
        picked: Vec<Picked>,
        test: Option<&Examples>,
        seed: u64,
        ctx: &Context,
    ) -> Result<Vec<Cell>, Error> {
        let mut cells: Vec<Cell> = Vec::new();
        for picked in &picked {
            let mut values = Map::new();
            if let Some(judge) = self.judge {
                let measured = judge.measure(&picked.rows, ctx)?;
                for (metric, value) in self.arranged.metrics.iter().zip(measured) {
                    values.insert(metric.name().into(), Value::from(value));
                }
            }
            if self.arranged.comparison.norms {
                let norms = picked.rows.iter().map(|&row| self.pool.sq_norms()[row].sqrt());
                values.insert(NORMS.into(), norms.collect::<Vec<f64>>().into());
            }
            cells.push(Cell {
                place: order.place(picked.budget, seed),
                picks: picked.rows.len(),
                hash: subsel::rows_hash(picked.rows.iter().copied()),
                select_secs: picked.secs,
                values,
            });
        }
        let Some((test, standard)) = test.zip(self.standard.as_ref()) else { return Ok(cells) };
        let classes = self.pool_classes();
        let work: Vec<(usize, usize)> =
            (0..picked.len()).flat_map(|i| (0..self.arranged.evaluators.len()).map(move |e| (i, e))).collect();
        let tasks = picked.iter().map(|picked| self.train(&picked.rows, ctx)).collect::<Result<Vec<_>, _>>()?;
        let told = ctx.threads().install(|| {
            work.par_iter()
                .map(|&(i, e)| {
                    let (rows, train) = &tasks[i];
                    let task = Task { classes, train, rows, test, standard };
                    self.arranged.evaluators[e].evaluate(&task, seed, ctx)
                })
                .collect::<Result<Vec<_>, _>>()
        })?;
        for (&(i, e), evaluation) in work.iter().zip(told) {
            let values = &mut cells[i].values;
            values.insert(self.arranged.evaluators[e].name().into(), evaluation.accuracy.into());
            values.insert(CEILING.into(), evaluation.ceiling.into());
        }
        Ok(cells)
    }

    fn pool_classes(&self) -> usize {
        self.given.pool.labels().map_or(0, |labels| labels.names.len())
    }

    /// The rows labeled at the start and those picked, as examples, by their numbers in the whole pool.
    fn train(&self, picked: &[usize], ctx: &Context) -> Result<(Vec<usize>, Examples), Error> {
        let rows: Vec<usize> = self.drawn.initial.iter().chain(picked).copied().collect();
        let mut values = Vec::new();
        self.pool.gather_f32(ctx, &rows, &mut Block::default(), &mut values)?;
        let numbers: Vec<usize> = rows.iter().map(|&row| self.drawn.number(row)).collect();
        let codes = self.given.pool.labels().map(|labels| &labels.codes[..]).unwrap_or_default();
        let labels = numbers.iter().map(|&row| codes[row]).collect();
        Ok((numbers, Examples::new(&values, self.drawn.dim, labels)?))
    }
}
