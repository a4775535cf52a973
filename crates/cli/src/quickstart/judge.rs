//! How good picks are, and whether one method is better than another by more than chance.

use super::drawings::Kind;
use super::embed::DIM;

/// What one selection covers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quality {
    /// Kinds of drawings among the picks.
    pub(super) kinds: f64,
    /// The largest distance of any row to its nearest pick.
    pub(super) radius: f64,
    /// The mean of these distances.
    pub(super) mean_dist: f64,
}

/// Judges picks. The kinds, which no method sees, are used here only.
pub(super) fn judge(rows: &[f32], kinds: &[Kind], picks: &[usize]) -> Quality {
    let nearest = nearest(rows, picks);
    let seen = Kind::ALL.iter().filter(|kind| picks.iter().any(|&pick| kinds[pick] == **kind)).count();
    Quality {
        kinds: seen as f64,
        radius: nearest.iter().copied().fold(0.0, f64::max),
        mean_dist: nearest.iter().sum::<f64>() / nearest.len() as f64,
    }
}

/// The distance of every row to its nearest pick.
pub(super) fn nearest(rows: &[f32], picks: &[usize]) -> Vec<f64> {
    let row = |row: usize| &rows[row * DIM..(row + 1) * DIM];
    let sq_dist = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(x - y).powi(2)).sum::<f64>();
    let to_picks = |own: &[f32]| picks.iter().map(|&pick| sq_dist(own, row(pick))).fold(f64::INFINITY, f64::min).sqrt();
    rows.chunks_exact(DIM).map(to_picks).collect()
}

/// A mean over seeds and its standard error.
#[derive(Clone, Copy, Debug)]
pub(super) struct Estimate {
    pub(super) mean: f64,
    pub(super) error: f64,
}

impl Estimate {
    pub(super) fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0);
        Estimate { mean, error: (variance / count).sqrt() }
    }
}

/// What a comparison says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Better,
    Worse,
    CannotTell,
}

impl Verdict {
    /// Better or worse where the means differ by more than two standard errors of their difference.
    pub(super) fn of(ours: Estimate, random: Estimate, more_is_better: bool) -> Self {
        let gain = if more_is_better { ours.mean - random.mean } else { random.mean - ours.mean };
        let error = ours.error.hypot(random.error);
        match () {
            () if gain > 2.0 * error => Verdict::Better,
            () if gain < -2.0 * error => Verdict::Worse,
            () => Verdict::CannotTell,
        }
    }

    pub(super) fn text(self) -> &'static str {
        match self {
            Verdict::Better => "better",
            Verdict::Worse => "worse",
            Verdict::CannotTell => "cannot tell",
        }
    }
}

/// One line of the comparison.
pub(super) struct Comparison {
    /// What is compared.
    pub(super) what: &'static str,
    /// Which way is better.
    pub(super) wanted: &'static str,
    /// What it means.
    pub(super) meaning: &'static str,
    pub(super) ours: Estimate,
    pub(super) random: Estimate,
    pub(super) verdict: Verdict,
}

const MORE: &str = "more is better";
const LESS: &str = "less is better";

/// Compares selections under several seeds.
pub(super) fn compare(ours: &[Quality], random: &[Quality]) -> Vec<Comparison> {
    let line = |what, wanted, meaning, value: fn(&Quality) -> f64| {
        let estimate = |all: &[Quality]| Estimate::of(&all.iter().map(value).collect::<Vec<_>>());
        let (ours, random) = (estimate(ours), estimate(random));
        let verdict = Verdict::of(ours, random, wanted == MORE);
        Comparison { what, wanted, meaning, ours, random, verdict }
    };
    vec![
        line("kinds covered", MORE, "of 10 kinds, four of them 1 % of the pool each", |q| q.kinds),
        line("coverage radius", LESS, "the drawing farthest from every pick", |q| q.radius),
        line("mean distance", LESS, "of a drawing to its nearest pick", |q| q.mean_dist),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_needs_two_standard_errors() {
        let at = |mean, error| Estimate { mean, error };
        assert_eq!(Verdict::of(at(9.0, 0.1), at(7.0, 0.2), true), Verdict::Better);
        assert_eq!(Verdict::of(at(9.0, 0.1), at(7.0, 0.2), false), Verdict::Worse);
        assert_eq!(Verdict::of(at(9.0, 1.0), at(7.0, 1.0), true), Verdict::CannotTell);
        assert_eq!(Verdict::of(at(7.0, 0.0), at(7.0, 0.0), true), Verdict::CannotTell);
    }

    #[test]
    fn estimates_know_their_error() {
        let estimate = Estimate::of(&[1.0, 2.0, 3.0]);
        assert_eq!(estimate.mean, 2.0);
        assert!((estimate.error - (1.0f64 / 3.0).sqrt()).abs() < 1e-12);
    }
}
