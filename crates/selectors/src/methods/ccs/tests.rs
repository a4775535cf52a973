use super::*;
use crate::testing::{LinePool, line_pool, picks_of, select_rows};

fn scored(scores: &[f64]) -> LinePool {
    let mut pool = line_pool(&vec![1.0; scores.len()]);
    pool.known.scores = Some(scores.to_vec());
    pool
}

/// Scores of strata (of 5) that hold so many rows.
fn with_sizes(sizes: [usize; 5]) -> Vec<f64> {
    let of = |(i, size): (usize, usize)| std::iter::repeat_n(i as f64 + 1.0, size);
    sizes.into_iter().enumerate().flat_map(of).collect()
}

#[test]
fn shares_are_those_of_the_worked_example() {
    let scores = with_sizes([3, 0, 40, 7, 10]);
    let pool = scored(&scores);
    let method = Ccs { beta: Some(0.0), strata: 5, ..Ccs::default() };
    let mut counts = [0; 5];
    picks_of(&method, &pool, 20, 1).iter().for_each(|row| counts[scores[*row] as usize - 1] += 1);
    assert_eq!(counts, [3, 0, 6, 5, 6]);
}

#[test]
fn the_hardest_are_cut_off_by_score_and_of_equals_the_highest_rows() {
    let scores = [5.0, 1.0, 4.0, 4.0, 3.0, 0.0, -1.0, 2.0, 4.0, 1.0];
    let picked = |hard, beta, budget| {
        let mut rows = picks_of(&Ccs { beta: Some(beta), hard, ..Ccs::default() }, &scored(&scores), budget, 3);
        rows.sort_unstable();
        rows
    };
    assert_eq!(picked(Hard::High, 0.3, 7), [1, 2, 4, 5, 6, 7, 9]);
    assert_eq!(picked(Hard::Low, 0.3, 7), [0, 1, 2, 3, 4, 7, 8]);
    // The cut is shortened where it would leave too few, and that is said.
    assert_eq!(picked(Hard::High, 0.9, 9), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let short = select_rows(&Ccs { beta: Some(0.9), ..Ccs::default() }, &scored(&scores), 9, 3);
    let short = short.unwrap_or_else(|error| panic!("{error}"));
    assert!(short.warnings.iter().any(|warning| warning.contains("1 were cut off")), "{:?}", short.warnings);
}

#[test]
fn every_row_is_in_one_stratum_whatever_the_signs() {
    for scores in [vec![-3.0, -2.0, -1.0], vec![-1.0, 0.0], vec![0.0; 4], vec![2.0; 3], vec![-1e308, 1e308, 0.0]] {
        let strata = equal_width((0..scores.len()).collect(), &scores, 50);
        let mut rows: Vec<usize> = strata.iter().flat_map(|stratum| stratum.rows.clone()).collect();
        rows.sort_unstable();
        assert_eq!(rows, (0..scores.len()).collect::<Vec<_>>(), "{scores:?}");
    }
    // The greatest of scores that are not positive is in the last one, and equal scores are in one.
    let strata = equal_width(vec![0, 1, 2], &[-3.0, -2.0, -1.0], 4);
    assert_eq!(strata[3].rows, [2]);
    assert_eq!(equal_width(vec![0, 1], &[7.0, 7.0], 4)[0].rows, [0, 1]);
}

#[test]
fn the_share_cut_off_follows_the_share_kept() {
    for (kept, beta) in [(0.01, 0.3), (0.1, 0.3), (0.2, 0.2), (0.3, 0.1), (0.31, 0.0), (1.0, 0.0)] {
        assert_eq!(Ccs::default_beta(kept), beta);
    }
    assert!(
        select_rows(&Ccs::default(), &line_pool(&[1.0, 2.0]), 1, 0)
            .is_err_and(|error| error.to_string().contains("scores"))
    );
    for wrong in ["ccs:beta=1", "ccs:beta=-0.1", "ccs:strata=0"] {
        assert!(crate::parse_method(wrong).is_ok_and(|method| method.check().is_err()), "{wrong}");
    }
}

#[test]
fn infinite_scores_are_the_hardest_and_widen_no_stratum() {
    let scores = [0.0, 1.0, f64::INFINITY, 2.0, 4.0, f64::NEG_INFINITY];
    let strata = equal_width((0..6).collect(), &scores, 4);
    let rows: Vec<&[usize]> = strata.iter().map(|stratum| stratum.rows.as_slice()).collect();
    assert_eq!(rows, [&[0, 1, 5][..], &[3], &[], &[2, 4]]);
    assert_eq!(strata[3].name(), "scores 3.0003 to inf");
    assert_eq!(equal_width(vec![2, 5], &scores, 4)[0].rows, [2, 5], "nothing finite");
    // Cut off first, though the greatest finite score is as hard a stratum.
    let mut kept = picks_of(&Ccs { beta: Some(0.2), ..Ccs::default() }, &scored(&scores), 5, 3);
    kept.sort_unstable();
    assert_eq!(kept, [0, 1, 3, 4, 5]);
}
