//! What is compared: methods, budgets, seeds, judges.

use serde::{Deserialize, Serialize};
use subsel::{Budget, Selector, parse_method};

use crate::error::Error;
use crate::evaluator::{self, Evaluator};
use crate::unlabeled::Metric;

/// A comparison as it is asked for, in texts: what a recipe and a command line hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Comparison {
    /// Methods, `name[:key=value,...][+name...]`. Random joins them where it is not among them.
    pub methods: Vec<String>,
    /// Budgets: counts, or percentages of the candidates.
    pub budgets: Vec<String>,
    /// How many seeds. Each redraws the sample of the pool, what methods draw and what evaluators draw.
    pub seeds: usize,
    /// Rows of the sample of the pool that each seed draws; the whole pool if none.
    pub pool_size: Option<usize>,
    /// Rows drawn at random that count as labeled before a method begins; budgets are of new picks.
    pub initial: usize,
    /// What methods are given: rows as they are, or scaled to length 1. Judges always see rows as they are.
    pub rows: RowsAs,
    /// Whether methods are given the labels of the rows.
    pub show_labels: bool,
    /// Judges with labels, by name.
    pub evaluators: Vec<String>,
    /// Judges without labels, by name.
    pub metrics: Vec<String>,
    /// Whether the norms of the picks are kept, to be drawn beside those of the pool.
    pub norms: bool,
}

/// How methods are given the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowsAs {
    /// As they are.
    #[default]
    Raw,
    /// Scaled to length 1.
    Unit,
}

impl Default for Comparison {
    fn default() -> Self {
        Comparison {
            methods: Vec::new(),
            budgets: Vec::new(),
            seeds: 10,
            pool_size: None,
            initial: 0,
            rows: RowsAs::Raw,
            show_labels: false,
            evaluators: Vec::new(),
            metrics: Vec::new(),
            norms: false,
        }
    }
}

/// The method that all others are held against.
pub const RANDOM: &str = "random";

/// A comparison with everything found that its texts name.
#[derive(Debug)]
pub struct Arranged {
    /// As asked, names written out.
    pub comparison: Comparison,
    /// The methods, random first.
    pub methods: Vec<Box<dyn Selector>>,
    /// The budgets.
    pub budgets: Vec<Budget>,
    /// Judges with labels.
    pub evaluators: Vec<Box<dyn Evaluator>>,
    /// Judges without.
    pub metrics: Vec<Metric>,
}

impl Comparison {
    /// Finds what the texts name.
    ///
    /// # Errors
    /// Names there are not, settings that break a rule, nothing to compare or nothing to judge by.
    pub fn arrange(&self) -> Result<Arranged, Error> {
        self.arrange_by(|name| evaluator::evaluator(name))
    }

    /// The same, where `find` gives evaluators by name: those of other crates too.
    ///
    /// # Errors
    /// As [`Comparison::arrange`], and those of `find`.
    pub fn arrange_by<E: From<Error>>(
        &self,
        find: impl FnMut(&String) -> Result<Box<dyn Evaluator>, E>,
    ) -> Result<Arranged, E> {
        let evaluators = self.evaluators.iter().map(find).collect::<Result<_, _>>()?;
        Ok(self.arrange_with(evaluators)?)
    }

    fn arrange_with(&self, evaluators: Vec<Box<dyn Evaluator>>) -> Result<Arranged, Error> {
        let incomplete = |what, hint| Err(Error::Incomplete { what, hint });
        if self.methods.is_empty() {
            return incomplete("no method is named", "such as `--methods norm,gram-schmidt,typiclust`");
        }
        if self.budgets.is_empty() {
            return incomplete("no budget is named", "such as `-n 10,20,40` or `-n 1%,5%,10%`");
        }
        if self.evaluators.is_empty() && self.metrics.is_empty() {
            return incomplete(
                "there is nothing to judge by",
                "give `--labels`, `--test-features` and `--test-labels`, or `--metrics`",
            );
        }
        if self.seeds == 0 {
            return Err(Error::Setting { name: "seeds", rule: "at least 1".into(), got: "0".into() });
        }
        let mut methods: Vec<Box<dyn Selector>> = Vec::new();
        for text in std::iter::once(RANDOM).chain(self.methods.iter().map(String::as_str)) {
            let method = parse_method(text).map_err(subsel::Error::from)?;
            method.check()?;
            if methods.iter().all(|other| other.text() != method.text()) {
                methods.push(method);
            }
        }
        let mut budgets: Vec<Budget> = Vec::new();
        for text in &self.budgets {
            let budget: Budget = text.parse()?;
            if !budgets.contains(&budget) {
                budgets.push(budget);
            }
        }
        Ok(Arranged {
            evaluators,
            metrics: self.metrics.iter().map(|name| name.parse()).collect::<Result<_, _>>()?,
            comparison: Comparison {
                methods: methods.iter().map(|method| method.text()).collect(),
                budgets: budgets.iter().map(Budget::to_string).collect(),
                ..self.clone()
            },
            methods,
            budgets,
        })
    }
}
