//! What a model says of each row: class probabilities, or logits that make them, and how unsure it is.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::annotations::Classes;
use crate::context::Context;
use crate::scan;

/// Outputs of a classifier `(n, classes)`, one row per row of the pool.
#[derive(Clone, Debug, PartialEq)]
pub struct Outputs {
    kind: OutputKind,
    /// Row by row. Shared by the views of a pool.
    values: Arc<Vec<f32>>,
    classes: usize,
    temperature: f64,
}

/// What the numbers of [`Outputs`] are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputKind {
    /// Probabilities of the classes, which sum to 1.
    Probabilities,
    /// Logits, of which softmax makes probabilities.
    Logits,
}

/// How unsure a model is of a row; higher is less sure. With the probabilities of the classes in descending order,
/// `p1`, `p2` and so on:
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Uncertainty {
    /// `1 - (p1 - p2)`.
    #[default]
    Margin,
    /// `-sum p ln p`, in nats.
    Entropy,
    /// `1 - p1`.
    LeastConfidence,
}

/// What gives a method the outputs it needs.
const HINT: &str =
    "`--probs FILE` gives one class probability per row and class, `--logits FILE` what a model says before softmax";

/// How far the probabilities of a row may sum from 1: half precision rounds each by up to 2^-12.
const SUM_TOLERANCE: f64 = 1e-3;

/// Bins of confidence that calibration is judged by.
const BINS: usize = 15;

/// Temperatures tried by calibration: `2^(k/8)` for k from minus to plus this.
const TRIED: i32 = 32;

impl Outputs {
    /// Outputs row by row, `classes` numbers each.
    pub fn new(kind: OutputKind, values: Vec<f32>, classes: usize) -> Self {
        Outputs { kind, values: Arc::new(values), classes, temperature: 1.0 }
    }

    /// The same, divided by a temperature before softmax: above 1 the model is made less sure, below 1 surer. It must be
    /// finite and above 0. Of probabilities it divides the logarithms.
    pub fn at_temperature(self, temperature: f64) -> Self {
        Outputs { temperature, ..self }
    }

    /// Classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// What the numbers are.
    pub fn kind(&self) -> OutputKind {
        self.kind
    }

    /// What logits are divided by before softmax.
    pub(crate) fn temperature(&self) -> f64 {
        self.temperature
    }

    fn name(&self) -> &'static str {
        match self.kind {
            OutputKind::Probabilities => "probabilities",
            OutputKind::Logits => "logits",
        }
    }

    /// Checks that each of `n` rows has an output and that it is what it is said to be.
    ///
    /// # Errors
    /// [`Error::Classes`], [`Error::Length`], [`Error::Number`], [`Error::ProbabilitySum`], and [`Error::Settings`] for a
    /// temperature that is none.
    pub fn check(&self, n: usize) -> Result<(), Error> {
        let what = self.name();
        if self.classes < 2 {
            return Err(Error::Classes { what, got: self.classes });
        }
        if self.values.len() != n * self.classes {
            return Err(Error::Length { what, got: self.values.len().div_ceil(self.classes), n });
        }
        if !(self.temperature.is_finite() && self.temperature > 0.0) {
            return Err(Error::Settings(format!("a temperature must be finite and above 0, got {}", self.temperature)));
        }
        let (rule, is_right): (_, fn(f32) -> bool) = match self.kind {
            OutputKind::Probabilities => ("from 0 to 1", |value| (0.0..=1.0).contains(&value)),
            OutputKind::Logits => ("finite", f32::is_finite),
        };
        if let Some(at) = self.values.iter().position(|value| !is_right(*value)) {
            let (row, value) = (at / self.classes, f64::from(self.values[at]));
            return Err(Error::Number { what, rule, row, value });
        }
        if self.kind == OutputKind::Probabilities {
            for (row, of_row) in self.values.chunks_exact(self.classes).enumerate() {
                let sum: f64 = of_row.iter().map(|p| f64::from(*p)).sum();
                if (sum - 1.0).abs() > SUM_TOLERANCE {
                    return Err(Error::ProbabilitySum { row, sum });
                }
            }
        }
        Ok(())
    }

    /// The same of just these rows.
    pub(crate) fn keep(&self, rows: &[usize]) -> Self {
        let values = rows.iter().flat_map(|&row| self.row(row)).copied().collect();
        Outputs { values: Arc::new(values), ..self.clone() }
    }

    /// The numbers of all rows, row by row, as they were given.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The numbers of a row as they were given, class by class.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.classes..(row + 1) * self.classes]
    }

    /// The likeliest class of a row, the lowest of equals.
    pub fn class_of(&self, row: usize) -> usize {
        let of_row = self.row(row);
        (1..of_row.len()).fold(0, |best, class| if of_row[class] > of_row[best] { class } else { best })
    }

    /// Probabilities and their logarithms of a row, class by class, at a temperature beyond its own.
    pub(crate) fn probabilities(&self, row: usize, temperature: f64, out: &mut Vec<(f64, f64)>) {
        out.clear();
        let temperature = temperature * self.temperature;
        let log = |p: f32| libm::log(f64::from(p));
        match self.kind {
            OutputKind::Probabilities if temperature == 1.0 => {
                out.extend(self.row(row).iter().map(|&p| (f64::from(p), log(p))));
                return;
            }
            OutputKind::Probabilities => out.extend(self.row(row).iter().map(|&p| (0.0, log(p)))),
            OutputKind::Logits => out.extend(self.row(row).iter().map(|&z| (0.0, f64::from(z)))),
        }
        softmax(out, temperature);
    }

    /// A number of each row `(n,)`; `of(buffer, row)` may use the buffer for what it likes.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub(crate) fn numbers(
        &self,
        ctx: &Context,
        of: impl Fn(&mut Vec<(f64, f64)>, usize) -> f64 + Sync,
    ) -> Result<Vec<f64>, Error> {
        let mut numbers = vec![0.0; self.values.len() / self.classes];
        let step = |buffer: &mut Vec<(f64, f64)>, rows: std::ops::Range<usize>, out: &mut [f64]| {
            rows.zip(out).for_each(|(row, out)| *out = of(buffer, row));
            Ok(None::<()>)
        };
        scan::chunks(numbers.len(), ctx, &mut numbers, Vec::new, step, |()| Ok(()))?;
        Ok(numbers)
    }

    /// How unsure the model is of each row `(n,)`, at a temperature beyond that of the outputs.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn uncertainties(&self, by: Uncertainty, temperature: f64, ctx: &Context) -> Result<Vec<f64>, Error> {
        self.numbers(ctx, |of_row, row| {
            self.probabilities(row, temperature, of_row);
            by.of(of_row)
        })
    }

    /// The temperature, beyond that of the outputs, at which confidence and share of right answers differ least among
    /// these rows of known class: by the expected calibration error with 15 bins of equal width, of `2^(k/8)` for k from
    /// -32 to 32; the one nearest to 1 among equals.
    pub(crate) fn calibrated(&self, rows: &[usize], classes: &[usize]) -> f64 {
        let mut best = (f64::INFINITY, 1.0);
        let mut of_row = Vec::new();
        let mut by_distance: Vec<i32> = (-TRIED..=TRIED).collect();
        by_distance.sort_by_key(|k| k.abs());
        for k in by_distance {
            let temperature = libm::exp2(f64::from(k) / 8.0);
            let mut bins = [0.0; BINS];
            for (&row, &class) in rows.iter().zip(classes) {
                self.probabilities(row, temperature, &mut of_row);
                let guess = self.class_of(row);
                let confidence = of_row[guess].0;
                let bin = ((confidence * BINS as f64) as usize).min(BINS - 1);
                bins[bin] += confidence - f64::from(u8::from(guess == class));
            }
            let error: f64 = bins.iter().map(|bin| bin.abs()).sum();
            // Rounding is no reason to leave a temperature nearer to 1.
            if error < best.0 - 1e-9 * rows.len() as f64 {
                best = (error, temperature);
            }
        }
        best.1
    }

    /// The column of the class of each of these rows.
    ///
    /// Labels that are all whole numbers below the number of columns name columns (negative ones, and labels without a name,
    /// stand for rows whose class is not known); else, with as many different labels as columns, they do so in ascending
    /// order.
    ///
    /// # Errors
    /// [`Error::Labels`] where they can do neither.
    pub(crate) fn columns_of(&self, labels: &Classes, rows: &[usize]) -> Result<Vec<usize>, Error> {
        let columns = self.columns(labels)?;
        let column = |&row: &usize| {
            let code = labels.codes[row] as usize;
            columns[code].ok_or_else(|| self.no_columns(labels, &labels.names[code]))
        };
        rows.iter().map(column).collect()
    }

    /// The column of each name of a label, `None` for one that stands for a class that is not known. Labels that are all
    /// whole numbers below the number of columns name columns; else, with as many different labels as columns, they do so
    /// in ascending order.
    ///
    /// # Errors
    /// [`Error::Labels`] where they can do neither.
    pub fn columns(&self, labels: &Classes) -> Result<Vec<Option<usize>>, Error> {
        // Rows that a labeling tool's export says nothing of have no name of a class.
        let number = |name: &String| if name.is_empty() { Some(-1) } else { whole(name) };
        let numbers: Option<Vec<i64>> = labels.names.iter().map(number).collect();
        let are_columns = |numbers: &Vec<i64>| numbers.iter().all(|number| *number < self.classes as i64);
        match numbers.filter(are_columns) {
            Some(numbers) => Ok(numbers.into_iter().map(|number| usize::try_from(number).ok()).collect()),
            None if labels.names.iter().filter(|name| !name.is_empty()).count() == self.classes => {
                let mut columns = 0..self.classes;
                Ok(labels.names.iter().map(|name| if name.is_empty() { None } else { columns.next() }).collect())
            }
            None => Err(self.no_columns(labels, labels.names.last().map_or("", String::as_str))),
        }
    }

    fn no_columns(&self, labels: &Classes, name: &str) -> Error {
        Error::Labels { names: labels.names.len(), name: name.into(), classes: self.classes }
    }
}

/// Makes logits, the second of each pair, probabilities and their logarithms.
pub(crate) fn softmax(out: &mut [(f64, f64)], temperature: f64) {
    let most = out.iter().map(|(_, z)| *z).fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for (p, z) in out.iter_mut() {
        *z = (*z - most) / temperature;
        *p = libm::exp(*z);
        sum += *p;
    }
    let log_sum = libm::log(sum);
    for (p, z) in out.iter_mut() {
        *p /= sum;
        *z -= log_sum;
    }
}

/// A label that is a whole number, written as one or as `3.0`.
fn whole(name: &str) -> Option<i64> {
    let number = name.trim().parse::<f64>().ok()?;
    (number.fract() == 0.0 && number.abs() < 1e9).then_some(number as i64)
}

impl Uncertainty {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Uncertainty::Margin => "margin",
            Uncertainty::Entropy => "entropy",
            Uncertainty::LeastConfidence => "least confidence",
        }
    }

    /// Of probabilities and their logarithms.
    fn of(self, probabilities: &[(f64, f64)]) -> f64 {
        let (mut first, mut second) = (0.0, 0.0);
        for &(p, _) in probabilities {
            if p > first {
                (first, second) = (p, first);
            } else if p > second {
                second = p;
            }
        }
        match self {
            Uncertainty::Margin => 1.0 - (first - second),
            Uncertainty::LeastConfidence => 1.0 - first,
            // No probability that is 0, or underflows, counts: 0 ln 0 = 0.
            Uncertainty::Entropy => {
                let terms = probabilities.iter().filter(|(p, _)| *p > 0.0);
                (-terms.map(|(p, log)| p * log).sum::<f64>()).max(0.0)
            }
        }
    }
}

/// That a method has to have outputs.
pub(crate) fn missing(method: &'static str) -> Error {
    Error::Missing { method, what: "model outputs", hint: HINT }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Settings;

    fn table(kind: OutputKind, rows: &[&[f32]]) -> Outputs {
        Outputs::new(kind, rows.concat(), rows[0].len())
    }

    fn of(outputs: &Outputs, by: Uncertainty, temperature: f64) -> Vec<f64> {
        let ctx = Context::new(&Settings::default()).unwrap_or_else(|error| panic!("{error}"));
        outputs.uncertainties(by, temperature, &ctx).unwrap_or_else(|error| panic!("{error}"))
    }

    fn close(got: &[f64], want: &[f64]) {
        assert_eq!(got.len(), want.len());
        got.iter().zip(want).for_each(|(got, want)| assert!((got - want).abs() < 1e-6, "{got} {want}"));
    }

    const ROWS: [&[f32]; 4] = [&[0.5, 0.3, 0.2], &[0.4, 0.35, 0.25], &[0.45, 0.45, 0.10], &[0.9, 0.05, 0.05]];

    #[test]
    fn uncertainties_match_the_worked_values() {
        let outputs = table(OutputKind::Probabilities, &ROWS);
        assert!(outputs.check(4).is_ok());
        close(&of(&outputs, Uncertainty::LeastConfidence, 1.0), &[0.5, 0.6, 0.55, 0.1]);
        close(&of(&outputs, Uncertainty::Margin, 1.0), &[1.0 - 0.2, 1.0 - 0.05, 1.0, 1.0 - 0.85]);
        close(&of(&outputs, Uncertainty::Entropy, 1.0), &[1.029653, 1.080528, 0.948915, 0.394398]);
        // One assertion separates all three.
        let order = |by| {
            let values = of(&outputs, by, 1.0);
            let mut order = [1, 2, 3];
            order.sort_by(|a, b| values[b - 1].total_cmp(&values[a - 1]));
            order
        };
        let measures = [Uncertainty::LeastConfidence, Uncertainty::Margin, Uncertainty::Entropy];
        assert_eq!(measures.map(order), [[2, 3, 1], [3, 2, 1], [2, 1, 3]]);
    }

    #[test]
    fn logits_become_probabilities_by_softmax() {
        let outputs = table(OutputKind::Logits, &[&[2.0, 1.0, 0.0], &[1e30, -1e30, 0.0], &[7.0, 7.0, 7.0]]);
        let mut found = Vec::new();
        outputs.probabilities(0, 1.0, &mut found);
        close(&found.iter().map(|(p, _)| *p).collect::<Vec<_>>(), &[0.665241, 0.244728, 0.090031]);
        close(&of(&outputs, Uncertainty::Margin, 1.0), &[1.0 - 0.665241 + 0.244728, 0.0, 1.0]);
        close(&of(&outputs, Uncertainty::Entropy, 1.0)[1..], &[0.0, 3f64.ln()]);
        // Whatever is certain at one temperature is anyone's guess at another.
        let warm = outputs.clone().at_temperature(1e40);
        close(&of(&warm, Uncertainty::LeastConfidence, 1.0), &[2.0 / 3.0; 3]);
        assert_eq!(of(&outputs, Uncertainty::Margin, 2.5), of(&outputs.at_temperature(2.5), Uncertainty::Margin, 1.0));
    }

    #[test]
    fn probabilities_are_tempered_as_their_logits_are() {
        let probabilities = table(OutputKind::Probabilities, &ROWS);
        let logs: Vec<f32> = ROWS.concat().iter().map(|p| p.ln() + 3.0).collect();
        let logits = Outputs::new(OutputKind::Logits, logs, 3);
        for by in [Uncertainty::Margin, Uncertainty::Entropy, Uncertainty::LeastConfidence] {
            close(&of(&probabilities, by, 0.4), &of(&logits, by, 0.4));
        }
        let certain = table(OutputKind::Probabilities, &[&[1.0, 0.0]]);
        close(&of(&certain, Uncertainty::Entropy, 7.0), &[0.0]);
    }

    #[test]
    fn what_breaks_a_rule_is_refused_with_its_row() {
        let refused = |kind, rows: &[&[f32]], n| table(kind, rows).check(n).err();
        let p = OutputKind::Probabilities;
        assert!(matches!(refused(p, &[&[1.0]], 1), Some(Error::Classes { got: 1, .. })));
        assert!(matches!(refused(p, &ROWS, 5), Some(Error::Length { got: 4, n: 5, .. })));
        assert!(matches!(refused(p, &[ROWS[0], &[0.5, 0.6, -0.1]], 2), Some(Error::Number { row: 1, .. })));
        assert!(matches!(refused(p, &[&[f32::NAN, 0.5]], 1), Some(Error::Number { row: 0, .. })));
        let sum = refused(p, &[ROWS[0], &[0.5, 0.3, 0.1]], 2);
        assert!(matches!(sum, Some(Error::ProbabilitySum { row: 1, sum }) if (sum - 0.9).abs() < 1e-6), "{sum:?}");
        assert!(refused(p, &[&[0.5004, 0.5004]], 1).is_none());
        let z = OutputKind::Logits;
        assert!(matches!(refused(z, &[&[0.0, f32::INFINITY]], 1), Some(Error::Number { row: 0, .. })));
        assert!(refused(z, &[&[-50.0, 1e30]], 1).is_none());
        assert!(table(z, &[&[0.0, 1.0]]).at_temperature(f64::NAN).check(1).is_err());
    }

    #[test]
    fn the_calibrated_temperature_is_where_confidence_is_right() {
        // Logits of gap 4 claim 98 %, and 3 of 4 are right: the gap that claims 75 % is ln 3.
        let rows: Vec<&[f32]> = vec![&[4.0, 0.0]; 400];
        let outputs = table(OutputKind::Logits, &rows);
        let all: Vec<usize> = (0..400).collect();
        let classes: Vec<usize> = all.iter().map(|row| usize::from(row % 4 == 0)).collect();
        let found = outputs.calibrated(&all, &classes);
        let want = 4.0 / 3f64.ln();
        assert!((found / want).log2().abs() <= 1.0 / 16.0, "{found} {want}");
        // A model that is right as often as it says keeps its temperature.
        let fair = table(OutputKind::Logits, &vec![&[3f32.ln(), 0.0][..]; 400]);
        assert_eq!(fair.calibrated(&all, &classes), 1.0);
        assert_eq!(outputs.calibrated(&[], &[]), 1.0);
    }

    #[test]
    fn labels_find_their_columns() {
        let outputs = table(OutputKind::Probabilities, &ROWS);
        let columns = |names: &[&str], rows: &[usize]| {
            let names: Vec<String> = names.iter().map(|name| (*name).into()).collect();
            outputs.columns_of(&Classes::from_names(&names), rows).ok()
        };
        assert_eq!(columns(&["2", "0", "2"], &[0, 1, 2]), Some(vec![2, 0, 2]), "numbers are columns");
        assert_eq!(columns(&["2.0", "-1", "0.0"], &[0, 2]), Some(vec![2, 0]), "-1 is not known");
        assert_eq!(columns(&["2", "-1", "0"], &[0, 1]), None);
        assert_eq!(columns(&["1", "3", "2"], &[0, 1, 2]), Some(vec![0, 2, 1]), "from 1");
        assert_eq!(columns(&["dog", "cat", "eel"], &[0, 1, 2]), Some(vec![1, 0, 2]), "in ascending order");
        assert_eq!(columns(&["dog", "cat"], &[0]), None);
    }
}
