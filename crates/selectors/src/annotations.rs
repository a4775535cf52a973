//! What is known of each row of a pool beside its values.

use crate::Error;
use crate::outputs::Outputs;

/// What is known of each row, each with one entry per row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Annotations {
    /// Strata or classes.
    pub labels: Option<Classes>,
    /// What rows belong to: a patient, a video, a camera.
    pub groups: Option<Classes>,
    /// A number of the user's own, such as a difficulty; higher is likelier taken. Finite, or infinite
    /// for the ends of all orders.
    pub scores: Option<Vec<f64>>,
    /// What labeling or keeping a row costs, for a budget of costs. Finite, 0 or more.
    pub costs: Option<Vec<f64>>,
    /// What a model says of each row.
    pub outputs: Option<Outputs>,
}

/// Classes, groups or strata of the rows: one code per row, and what each code is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Classes {
    /// The class of each row.
    pub codes: Vec<u32>,
    /// The name of each class.
    pub names: Vec<String>,
}

impl Classes {
    /// Codes the names in ascending order of number where all are numbers, else of text.
    pub fn from_names(names: &[String]) -> Self {
        let mut sorted: Vec<&String> = names.iter().collect();
        let as_number = |name: &str| name.parse::<f64>().ok().filter(|v| v.is_finite());
        if names.iter().all(|name| as_number(name).is_some()) {
            sorted.sort_by(|a, b| as_number(a).unwrap_or(0.0).total_cmp(&as_number(b).unwrap_or(0.0)).then(a.cmp(b)));
        } else {
            sorted.sort();
        }
        sorted.dedup();
        let code: std::collections::HashMap<&str, u32> =
            sorted.iter().enumerate().map(|(code, name)| (name.as_str(), code as u32)).collect();
        let codes = names.iter().map(|name| code[name.as_str()]).collect();
        Classes { codes, names: sorted.into_iter().cloned().collect() }
    }

    fn keep(&self, rows: &[usize]) -> Self {
        Classes { codes: rows.iter().map(|&row| self.codes[row]).collect(), names: self.names.clone() }
    }
}

impl Annotations {
    /// Checks that everything has one entry for each of `n` rows, and that numbers keep to their rules.
    pub(crate) fn check(&self, n: usize) -> Result<(), Error> {
        let lengths = [
            ("labels", self.labels.as_ref().map(|labels| labels.codes.len())),
            ("groups", self.groups.as_ref().map(|groups| groups.codes.len())),
            ("scores", self.scores.as_ref().map(Vec::len)),
            ("costs", self.costs.as_ref().map(Vec::len)),
        ];
        for (what, len) in lengths {
            if let Some(got) = len.filter(|len| *len != n) {
                return Err(Error::Length { what, got, n });
            }
        }
        let refuse = |what, rule, values: &Option<Vec<f64>>, is_wrong: fn(&f64) -> bool| {
            let values = values.as_deref().unwrap_or_default();
            match values.iter().position(is_wrong) {
                Some(row) => Err(Error::Number { what, rule, row, value: values[row] }),
                None => Ok(()),
            }
        };
        refuse("scores", "numbers, finite or infinite", &self.scores, |score| score.is_nan())?;
        refuse("costs", "finite and 0 or more", &self.costs, |cost| !cost.is_finite() || *cost < 0.0)?;
        self.outputs.as_ref().map_or(Ok(()), |outputs| outputs.check(n))
    }

    /// The same of just these rows.
    pub fn keep(&self, rows: &[usize]) -> Self {
        let numbers = |all: &Option<Vec<f64>>| all.as_ref().map(|all| rows.iter().map(|&row| all[row]).collect());
        Annotations {
            labels: self.labels.as_ref().map(|labels| labels.keep(rows)),
            groups: self.groups.as_ref().map(|groups| groups.keep(rows)),
            scores: numbers(&self.scores),
            costs: numbers(&self.costs),
            outputs: self.outputs.as_ref().map(|outputs| outputs.keep(rows)),
        }
    }
}
