//! A value beside those of random rows, in words.

use serde::Serialize;
use subsel_metrics::Better;

/// Standard deviations of the draws from which on a difference is clear. With 20 draws of a Gaussian, one value in a
/// hundred is as far off by chance; twenty metrics are looked at.
const CLEAR: f64 = 3.0;

/// Those from which on it is told at all.
const FAINT: f64 = 2.0;

/// One line of the judgment. Values that do not exist, and infinite ones, are `null` in JSON.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) better: Better,
    pub(crate) value: f64,
    pub(crate) random_mean: f64,
    pub(crate) random_sd: f64,
    /// How many standard deviations of the draws the value is above their mean.
    pub(crate) deviation: f64,
    pub(crate) verdict: &'static str,
}

impl Line {
    /// A value beside those of the draws.
    pub(crate) fn new(name: &str, label: &str, better: Better, value: f64, draws: &[f64]) -> Self {
        let (mean, sd) = mean_and_sd(draws);
        let deviation = if sd > 0.0 { (value - mean) / sd } else { f64::NAN };
        let verdict = verdict(better, value, mean, deviation);
        Line {
            name: name.into(),
            label: label.into(),
            better,
            value,
            random_mean: mean,
            random_sd: sd,
            deviation,
            verdict,
        }
    }

    /// The cells of a table: label, value, random, verdict.
    pub(crate) fn cells(&self) -> Vec<String> {
        let (value, random) = (number(self.value, self.random_sd), number(self.random_mean, self.random_sd));
        let spread = match self.random_sd {
            sd if sd.is_finite() => format!("{random} ± {}", number(sd, sd)),
            _ => random,
        };
        let far = match self.deviation.abs() {
            far if far >= 1000.0 => " (far beyond)".into(),
            far if far >= FAINT => format!(" ({far:.1} sd)"),
            _ => String::new(),
        };
        vec![self.label.clone(), value, spread, format!("{}{far}", self.verdict)]
    }
}

fn verdict(better: Better, value: f64, mean: f64, deviation: f64) -> &'static str {
    if value.is_nan() {
        return "does not exist";
    }
    if mean.is_nan() {
        return "nothing to compare with";
    }
    // Draws that all agree leave no deviation: any difference is one. Rounding is none.
    let agrees = value == mean || (mean.is_finite() && (value - mean).abs() <= 1e-9 * mean.abs());
    let far = match deviation.is_nan() {
        true if agrees => 0.0,
        true => f64::INFINITY * (value - mean).signum(),
        false => deviation,
    };
    let is_faint = far.abs() < CLEAR;
    match better {
        _ if far.is_nan() || far.abs() < FAINT => "like random",
        Better::Neither if far > 0.0 => "higher than random",
        Better::Neither => "lower than random",
        Better::High | Better::Low => match ((far > 0.0) == (better == Better::High), is_faint) {
            (true, false) => "better",
            (true, true) => "perhaps better",
            (false, false) => "worse",
            (false, true) => "perhaps worse",
        },
    }
}

/// Mean and standard deviation (divisor n - 1); 0 where the draws differ by rounding alone. Of infinite draws there is no
/// spread.
fn mean_and_sd(draws: &[f64]) -> (f64, f64) {
    let n = draws.len() as f64;
    let mean = draws.iter().sum::<f64>() / n;
    let variance = draws.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (n - 1.0);
    let sd = variance.sqrt();
    (mean, if sd <= 1e-12 * mean.abs() { 0.0 } else { sd })
}

/// A number with two digits of its error, or four of its own.
fn number(value: f64, error: f64) -> String {
    if value.is_nan() {
        return "–".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf".into() } else { "-inf".into() };
    }
    if value == 0.0 && !(error.is_finite() && error > 0.0) {
        return "0".into();
    }
    let decimals = match error.is_finite() && error > 0.0 {
        true => 1.0 - error.log10().floor(),
        false => 3.0 - value.abs().log10().floor(),
    };
    format!("{value:.*}", decimals.clamp(0.0, 8.0) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(better: Better, value: f64, draws: &[f64]) -> &'static str {
        Line::new("x", "x", better, value, draws).verdict
    }

    #[test]
    fn verdicts_are_by_the_spread_of_the_draws() {
        // Mean 2, standard deviation 1.
        let draws = [1.0, 2.0, 3.0];
        for (value, low, high) in [
            (2.5, "like random", "like random"),
            (4.5, "perhaps worse", "perhaps better"),
            (5.5, "worse", "better"),
            (-1.5, "better", "worse"),
        ] {
            assert_eq!((of(Better::Low, value, &draws), of(Better::High, value, &draws)), (low, high), "{value}");
        }
        assert_eq!(of(Better::Neither, 9.0, &draws), "higher than random");
        assert_eq!(of(Better::Neither, -9.0, &draws), "lower than random");
    }

    #[test]
    fn what_has_no_spread_or_no_value_is_told() {
        assert_eq!(of(Better::Low, 1.0, &[1.0, 1.0]), "like random");
        let rounded = Line::new("x", "x", Better::Low, 0.1, &[0.1; 7]);
        assert_eq!((rounded.random_sd, rounded.verdict), (0.0, "like random"), "a mean of equal values is rounded");
        assert_eq!(of(Better::Low, 0.5, &[1.0, 1.0]), "better");
        assert_eq!(of(Better::Low, f64::NAN, &[1.0, 1.0]), "does not exist");
        assert_eq!(of(Better::Low, 1.0, &[f64::NAN, f64::NAN]), "nothing to compare with");
        let none = f64::NEG_INFINITY;
        assert_eq!(of(Better::High, none, &[none, none]), "like random");
        assert_eq!(of(Better::High, 3.0, &[none, none]), "better");
        assert_eq!(of(Better::High, none, &[1.0, 2.0]), "worse");
    }

    #[test]
    fn numbers_have_the_digits_that_count() {
        assert_eq!(number(13.58671, 0.56), "13.59");
        assert_eq!(number(13.58671, 12.0), "14");
        assert_eq!(number(0.012345, 0.0), "0.01235");
        assert_eq!((number(f64::NAN, 1.0), number(f64::NEG_INFINITY, 1.0)), ("–".into(), "-inf".into()));
        assert_eq!(number(0.0, 0.0), "0");
    }
}
