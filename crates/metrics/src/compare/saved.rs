//! Labels saved: how many random labels do the same.

use serde::Serialize;
use subsel::{Draws, Stream};

/// How many random labels give the accuracy that a method gives, with the interval that resampled seeds give it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Saved {
    /// Labels of the method.
    pub labels: f64,
    /// Random labels that do the same; infinite where no number that was tried does.
    pub random: f64,
    /// Lower end of the interval (95 % of the resamples).
    pub low: f64,
    /// Upper end; infinite where no number that was tried reaches it.
    pub high: f64,
    /// The most random labels that were tried.
    pub most: f64,
}

/// Resamples of the seeds.
const RESAMPLES: u64 = 1000;

/// Finds it. `curve` has, for each number of random labels in ascending order, the accuracy of each seed; `method` that of
/// the method for each seed. Seeds are resampled together, since they are paired.
///
/// The curve between the numbers tried is linear in their logarithm, after the means are made to rise (isotonic
/// regression): more random labels are not worse, whatever noise says.
pub fn labels_saved(labels: f64, method: &[f64], curve: &[(f64, Vec<f64>)]) -> Option<Saved> {
    let seeds = method.len();
    if seeds == 0 || curve.is_empty() || curve.iter().any(|(_, of)| of.len() != seeds) {
        return None;
    }
    let found = |rows: &[usize]| {
        let mean = |values: &[f64]| rows.iter().map(|&seed| values[seed]).sum::<f64>() / rows.len() as f64;
        let means: Vec<f64> = curve.iter().map(|(_, of)| mean(of)).collect();
        let counts: Vec<f64> = curve.iter().map(|(count, _)| *count).collect();
        needed(&counts, &rising(&means), mean(method))
    };
    let own = found(&(0..seeds).collect::<Vec<_>>());
    let mut draws = Draws::new(Stream::new(0, "labels-saved"));
    let mut resampled: Vec<f64> = (0..RESAMPLES)
        .map(|_| found(&(0..seeds).map(|_| draws.below(seeds as u64) as usize).collect::<Vec<_>>()))
        .collect();
    resampled.sort_by(f64::total_cmp);
    let at = |share: f64| resampled[(share * (RESAMPLES - 1) as f64).round() as usize];
    let most = curve.last().map_or(0.0, |(count, _)| *count);
    Some(Saved { labels, random: own, low: at(0.025), high: at(0.975), most })
}

/// The nearest values, by squares, that never fall: neighbors that fall are pooled.
fn rising(values: &[f64]) -> Vec<f64> {
    let mut pools: Vec<(f64, usize)> = Vec::new();
    for &value in values {
        pools.push((value, 1));
        while let [.., (before, n), (last, m)] = pools[..]
            && before > last
        {
            pools.truncate(pools.len() - 2);
            pools.push(((before * n as f64 + last * m as f64) / (n + m) as f64, n + m));
        }
    }
    pools.into_iter().flat_map(|(value, n)| std::iter::repeat_n(value, n)).collect()
}

/// The count at which a rising curve reaches `accuracy`: the first count if it begins above, infinite if it ends below.
fn needed(counts: &[f64], rising: &[f64], accuracy: f64) -> f64 {
    let Some(above) = rising.iter().position(|value| *value >= accuracy) else { return f64::INFINITY };
    if above == 0 {
        return counts[0];
    }
    let share = (accuracy - rising[above - 1]) / (rising[above] - rising[above - 1]);
    let (low, high) = (counts[above - 1].ln(), counts[above].ln());
    (low + share * (high - low)).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_falls_is_pooled() {
        assert_eq!(rising(&[1.0, 3.0, 2.0, 2.0, 5.0]), [1.0, 7.0 / 3.0, 7.0 / 3.0, 7.0 / 3.0, 5.0]);
        assert_eq!(rising(&[3.0, 2.0, 1.0]), [2.0; 3]);
    }

    #[test]
    fn counts_are_read_off_the_curve() {
        let counts = [10.0, 20.0, 40.0];
        assert!((needed(&counts, &[0.1, 0.2, 0.3], 0.25) - 20.0 * 2_f64.sqrt()).abs() < 1e-9);
        assert_eq!(needed(&counts, &[0.1, 0.2, 0.3], 0.05), 10.0);
        assert_eq!(needed(&counts, &[0.1, 0.2, 0.3], 0.31), f64::INFINITY);
        assert!((needed(&counts, &[0.1, 0.2, 0.2], 0.2) - 20.0).abs() < 1e-9, "the first count that does");
    }

    #[test]
    fn intervals_hold_the_estimate_and_shrink_with_seeds() {
        let noise = Stream::new(3, "noise");
        let of = |seeds: usize| {
            let accuracy = |count: f64, i: u64| 0.2 * count.ln() + 0.1 * (noise.unit(i) - 0.5);
            let curve: Vec<(f64, Vec<f64>)> = [10.0, 14.0, 20.0, 28.0, 40.0]
                .iter()
                .enumerate()
                .map(|(k, &count)| (count, (0..seeds).map(|s| accuracy(count, (k * 1000 + s) as u64)).collect()))
                .collect();
            // As good as 25 random labels.
            let method: Vec<f64> = (0..seeds).map(|s| accuracy(25.0, 90_000 + s as u64)).collect();
            labels_saved(10.0, &method, &curve).expect("lengths agree")
        };
        let (few, many) = (of(5), of(60));
        assert!(many.low <= many.random && many.random <= many.high && (many.random - 25.0).abs() < 3.0, "{many:?}");
        assert!(many.high - many.low < few.high - few.low, "{few:?} {many:?}");
        assert_eq!(labels_saved(1.0, &[0.1], &[]), None);
    }
}
