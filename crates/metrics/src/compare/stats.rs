//! Means with their errors, paired differences with their intervals, and what they allow to say.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// How sure an interval is meant to be.
pub const CONFIDENCE: f64 = 0.95;

/// A mean and what is known of its error.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Mean {
    /// How many values.
    pub n: usize,
    /// Their mean; NaN of none.
    pub mean: f64,
    /// Their standard deviation, divisor n - 1; NaN of fewer than two.
    pub sd: f64,
}

impl Mean {
    /// Of these values, those that are NaN left out.
    pub fn of(values: impl Iterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.filter(|value| !value.is_nan()).collect();
        let n = values.len();
        let mean = values.iter().sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
        let sd = if n > 1 { (squares / (n - 1) as f64).sqrt() } else { f64::NAN };
        Mean { n, mean, sd }
    }

    /// Standard error of the mean.
    pub fn error(&self) -> f64 {
        self.sd / (self.n as f64).sqrt()
    }

    /// The interval that holds the true mean with [`CONFIDENCE`], by Student's t; NaN of fewer than two values.
    pub fn interval(&self) -> (f64, f64) {
        let half = t_quantile(self.n) * self.error();
        (self.mean - half, self.mean + half)
    }

    /// What a mean that should be 0 if nothing differs allows to say; `higher` is what is better.
    pub fn verdict(&self, higher_is_better: bool) -> Verdict {
        let (low, high) = self.interval();
        if self.n > 1 && self.sd == 0.0 && self.mean == 0.0 {
            return Verdict::Same;
        }
        match (low > 0.0, high < 0.0) {
            (true, _) if higher_is_better => Verdict::Better,
            (_, true) if !higher_is_better => Verdict::Better,
            (true, _) | (_, true) => Verdict::Worse,
            _ => Verdict::CannotTell { seeds: self.seeds_needed() },
        }
    }

    /// How many values it would take for the interval to leave 0 out, if mean and deviation stay; `None` beyond 10,000.
    pub fn seeds_needed(&self) -> Option<usize> {
        if self.n < 2 || self.mean == 0.0 {
            return None;
        }
        let leaves_zero_out = |n: usize| t_quantile(n) * self.sd / (n as f64).sqrt() < self.mean.abs();
        if !leaves_zero_out(MOST_SEEDS) {
            return None;
        }
        let (mut low, mut high) = (1, MOST_SEEDS);
        while high - low > 1 {
            let middle = (low + high) / 2;
            if leaves_zero_out(middle) { high = middle } else { low = middle }
        }
        Some(high)
    }
}

const MOST_SEEDS: usize = 10_000;

/// Student's t of [`CONFIDENCE`] for a mean of so many values; NaN of fewer than two.
fn t_quantile(n: usize) -> f64 {
    if n < 2 {
        return f64::NAN;
    }
    match StudentsT::new(0.0, 1.0, (n - 1) as f64) {
        Ok(t) => t.inverse_cdf(0.5 + CONFIDENCE / 2.0),
        Err(_) => f64::NAN,
    }
}

/// What can be said of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// Its interval lies on the better side.
    Better,
    /// Its interval lies on the worse side.
    Worse,
    /// Not a trace of a difference in any seed.
    Same,
    /// Its interval holds 0.
    CannotTell {
        /// About how many seeds would tell, if the difference is what it seems; `None` if 10,000 would not.
        seeds: Option<usize>,
    },
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Verdict::Better => write!(f, "better"),
            Verdict::Worse => write!(f, "worse"),
            Verdict::Same => write!(f, "the same"),
            Verdict::CannotTell { seeds: Some(seeds) } => write!(f, "cannot tell ({seeds} seeds might)"),
            Verdict::CannotTell { seeds: None } => write!(f, "cannot tell"),
        }
    }
}

/// How two columns go together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Correlation {
    /// How many pairs.
    pub n: usize,
    /// Pearson's r.
    pub r: f64,
    /// Its interval with [`CONFIDENCE`], by Fisher's transform; NaN of fewer than four pairs.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// Slope of the regression of the second on the first.
    pub slope: f64,
    /// Its value at 0.
    pub intercept: f64,
}

impl Correlation {
    /// Of these pairs; those with a NaN are left out.
    pub fn of(pairs: &[(f64, f64)]) -> Self {
        let pairs: Vec<(f64, f64)> = pairs.iter().copied().filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
        let n = pairs.len();
        let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / n as f64;
        let (mean_x, mean_y) = (mean(|pair| pair.0), mean(|pair| pair.1));
        let sum = |of: &dyn Fn(f64, f64) -> f64| pairs.iter().map(|(x, y)| of(x - mean_x, y - mean_y)).sum::<f64>();
        let (xx, yy, xy) = (sum(&|x, _| x * x), sum(&|_, y| y * y), sum(&|x, y| x * y));
        let r = xy / (xx * yy).sqrt();
        // 1.959964 standard deviations: the normal quantile of 95 %.
        let half = if n > 3 { 1.959_964 / ((n - 3) as f64).sqrt() } else { f64::NAN };
        let (low, high) = ((r.atanh() - half).tanh(), (r.atanh() + half).tanh());
        let slope = xy / xx;
        Correlation { n, r, low, high, slope, intercept: mean_y - slope * mean_x }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_students() {
        // 95 % quantiles of t from the tables: 12.706 (1), 2.262 (9), 2.045 (29).
        for (n, t) in [(2, 12.7062), (10, 2.262157), (30, 2.045230)] {
            assert!((t_quantile(n) - t).abs() < 1e-4, "{n}: {}", t_quantile(n));
        }
        let mean = Mean::of([1.0, 2.0, 3.0, 4.0, f64::NAN].into_iter());
        assert_eq!((mean.n, mean.mean), (4, 2.5));
        assert!((mean.sd - 1.290_994).abs() < 1e-6 && (mean.error() - 0.645_497).abs() < 1e-6);
        let (low, high) = mean.interval();
        assert!((low - (2.5 - 3.182_446 * 0.645_497)).abs() < 1e-4 && (high + low - 5.0).abs() < 1e-12);
    }

    #[test]
    fn verdicts_say_what_intervals_allow() {
        let of = |values: &[f64]| Mean::of(values.iter().copied());
        assert_eq!(of(&[1.0, 1.1, 0.9]).verdict(true), Verdict::Better);
        assert_eq!(of(&[1.0, 1.1, 0.9]).verdict(false), Verdict::Worse);
        assert_eq!(of(&[-1.0, -1.1, -0.9]).verdict(false), Verdict::Better);
        assert_eq!(of(&[0.0, 0.0]).verdict(true), Verdict::Same);
        assert_eq!(of(&[5.0]).verdict(true), Verdict::CannotTell { seeds: None });
        let Verdict::CannotTell { seeds: Some(seeds) } = of(&[1.0, -1.0, 1.0, -0.5]).verdict(true) else {
            panic!("four values of both signs tell nothing")
        };
        let mean = of(&[1.0, -1.0, 1.0, -0.5]);
        let enough = |n: usize| t_quantile(n) * mean.sd / (n as f64).sqrt() < mean.mean;
        assert!(enough(seeds) && !enough(seeds - 1), "{seeds}");
    }

    #[test]
    fn a_line_is_found_again() {
        let noise = [0.3, -0.2, 0.1, -0.4, 0.2, 0.0];
        let pairs: Vec<(f64, f64)> = (0..6).map(|i| (i as f64, 2.0 * i as f64 + 1.0 + noise[i])).collect();
        let found = Correlation::of(&pairs);
        // numpy.corrcoef and numpy.polyfit of the same.
        assert!((found.r - 0.997_590_513).abs() < 1e-8, "{found:?}");
        assert!(
            (found.slope - 1.977_142_86).abs() < 1e-6 && (found.intercept - 1.057_142_86).abs() < 1e-6,
            "{found:?}"
        );
        assert!(found.low < found.r && found.r < found.high);
    }
}
