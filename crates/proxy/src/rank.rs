//! Orders of rows, and how alike two of them are.

use std::cmp::Ordering;

use subsel::Stream;
use subsel_metrics::compare::Correlation;

use crate::error::Error;
use crate::score::Score;

/// The first `keep` of `rows` by `(score, row)`: the largest scores first, the lowest row first among equals.
///
/// # Errors
/// [`Error::NotANumber`] for the first of `rows` whose score is NaN.
pub fn top(score: Score, scores: &[f64], rows: &[usize], keep: usize) -> Result<Vec<usize>, Error> {
    if let Some(&row) = rows.iter().find(|row| scores[**row].is_nan()) {
        return Err(Error::NotANumber { score: score.name(), row });
    }
    let before = |a: &usize, b: &usize| descending(scores[*a], scores[*b]).then(a.cmp(b));
    let mut rows = rows.to_vec();
    if keep < rows.len() && keep > 0 {
        rows.select_nth_unstable_by(keep - 1, before);
    }
    rows.truncate(keep);
    rows.sort_unstable_by(before);
    Ok(rows)
}

/// The larger first; zeros of both signs are equal.
fn descending(a: f64, b: f64) -> Ordering {
    (b + 0.0).total_cmp(&(a + 0.0))
}

/// A key per row, uniform in `[0, 1)` and a function of seed and row alone: the rows of largest key are a random set, and
/// smaller sets are parts of larger ones.
pub fn random_keys(seed: u64, n: usize) -> Vec<f64> {
    let stream = Stream::new(seed, "proxy-random");
    (0..n).map(|row| stream.unit(row as u64)).collect()
}

/// Spearman's rank correlation of two columns: the correlation of their ranks, equal values sharing the mean of theirs.
/// NaN of fewer than two rows, or where a column is constant.
pub fn spearman(a: &[f64], b: &[f64]) -> f64 {
    let pairs: Vec<(f64, f64)> = ranks(a).into_iter().zip(ranks(b)).collect();
    Correlation::of(&pairs).r
}

/// Ranks from 1, the mean of theirs for equal values.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| descending(values[b], values[a]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for equal in order.chunk_by(|&a, &b| descending(values[a], values[b]) == Ordering::Equal) {
        // Their ranks are before + 1 to before + len.
        let mean = before as f64 + (equal.len() + 1) as f64 / 2.0;
        equal.iter().for_each(|&row| ranks[row] = mean);
        before += equal.len();
    }
    ranks
}

/// Share of the rows of `a` that are in `b` too; NaN where `a` has none.
pub fn overlap(a: &[usize], b: &[usize]) -> f64 {
    let b: std::collections::HashSet<usize> = b.iter().copied().collect();
    a.iter().filter(|row| b.contains(row)).count() as f64 / a.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sorting everything, as the definition says.
    fn naive(scores: &[f64], rows: &[usize], keep: usize) -> Vec<usize> {
        let mut rows = rows.to_vec();
        rows.sort_by(|a, b| scores[*b].partial_cmp(&scores[*a]).unwrap_or(Ordering::Equal).then(a.cmp(b)));
        rows.truncate(keep);
        rows
    }

    #[test]
    fn the_top_is_that_of_a_whole_sort_and_ties_go_to_the_lowest_row() {
        let stream = Stream::new(3, "scores");
        // Ten different values of 300 rows: ties everywhere.
        let scores: Vec<f64> = (0..300).map(|row| (stream.bits(row) % 10) as f64).collect();
        let rows: Vec<usize> = (0..300).filter(|row| row % 3 != 1).collect();
        for keep in [0, 1, 7, 100, 199, 200, 500] {
            let found = top(Score::Random, &scores, &rows, keep).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(found, naive(&scores, &rows, keep), "{keep}");
        }
        let found = top(Score::Random, &[0.0, -0.0, f64::INFINITY, -1.0, 0.0], &[4, 3, 2, 1, 0], 5);
        assert_eq!(found.unwrap_or_default(), [2, 0, 1, 4, 3], "never-learned rows first, zeros alike");
    }

    #[test]
    fn nan_is_an_error_and_never_a_rank() {
        let scores = [1.0, f64::NAN, 2.0];
        let error = top(Score::KCenter, &scores, &[0, 1, 2], 1).expect_err("row 1 has no score");
        assert!(error.to_string().contains("row 1"), "{error}");
        assert_eq!(top(Score::KCenter, &scores, &[0, 2], 1).unwrap_or_default(), [2], "it is not asked for here");
    }

    #[test]
    fn random_rows_are_nested_and_repeat() {
        let rows: Vec<usize> = (0..50).collect();
        let of = |seed, keep| {
            top(Score::Random, &random_keys(seed, 50), &rows, keep).unwrap_or_else(|error| panic!("{error}"))
        };
        assert_eq!(of(4, 20)[..5], of(4, 5));
        assert_ne!(of(4, 5), of(5, 5));
    }

    #[test]
    fn spearman_is_that_of_scipy() {
        // scipy.stats.spearmanr of the same; the last has ties.
        let a = [1.0, 2.0, 3.0, 4.0, 5.0];
        assert!((spearman(&a, &[5.0, 6.0, 7.0, 8.0, 7.0]) - 0.820_782_681_668_123_3).abs() < 1e-12);
        assert!((spearman(&a, &[10.0, 20.0, 30.0, 1e9, f64::INFINITY]) - 1.0).abs() < 1e-12);
        assert!((spearman(&a, &[3.0, 2.0, 1.0, 0.0, -7.0]) + 1.0).abs() < 1e-12);
        assert!((spearman(&[1.0, 1.0, 2.0, 3.0], &[1.0, 2.0, 2.0, 3.0]) - 0.833_333_333_333_333_4).abs() < 1e-12);
        assert!(spearman(&a, &[1.0; 5]).is_nan(), "a constant has no ranks");
    }

    #[test]
    fn overlap_is_a_share() {
        assert_eq!(overlap(&[1, 2, 3, 4], &[4, 9, 2]), 0.5);
        assert!(overlap(&[], &[1]).is_nan());
    }
}
