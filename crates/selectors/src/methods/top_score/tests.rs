use super::*;
use crate::testing::{LinePool, line_pool, picks_of, select_rows};
use crate::training::{NeverLearned, Tracker, TrainingScore};

fn scored(scores: &[f64]) -> LinePool {
    let mut pool = line_pool(&vec![1.0; scores.len()]);
    pool.known.scores = Some(scores.to_vec());
    pool
}

#[test]
fn rows_are_ranked_by_score_and_of_equals_the_lowest_comes_first() {
    let mut pool = scored(&[0.5, -1.0, 2.0, 0.5, 0.0, -0.0, 2.0]);
    let highest = TopScore::default();
    let lowest = TopScore { order: Order::Lowest };
    assert_eq!(picks_of(&highest, &pool, 7, 0), [2, 6, 0, 3, 4, 5, 1]);
    assert_eq!(picks_of(&lowest, &pool, 7, 0), [1, 4, 5, 0, 3, 2, 6]);
    pool.labeled = vec![2, 0];
    assert_eq!(picks_of(&highest, &pool, 2, 0), [6, 3]);
}

#[test]
fn infinite_scores_are_the_ends_and_picks_have_finite_ones() {
    let pool = scored(&[1.0, f64::INFINITY, -3.0, f64::NEG_INFINITY]);
    let selection = select_rows(&TopScore::default(), &pool, 4, 0).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(selection.rows(), [1, 0, 2, 3]);
    let scores: Vec<f64> = selection.picks.iter().map(|pick| pick.score).collect();
    assert_eq!(scores, [f64::MAX, 1.0, -3.0, f64::MIN]);
    let reasons: Vec<String> = selection.picks.iter().map(|pick| pick.reason.to_string()).collect();
    assert_eq!(reasons, ["score infinite", "score 1.0000", "score -3.0000", "score minus infinite"]);
    let lowest = select_rows(&TopScore { order: Order::Lowest }, &pool, 2, 0).unwrap_or_else(|error| panic!("{error}"));
    let scores: Vec<f64> = lowest.picks.iter().map(|pick| pick.score).collect();
    assert_eq!((lowest.rows(), scores), (vec![3, 2], vec![f64::MAX, 3.0]));
    assert_eq!(lowest.picks[0].reason.to_string(), "score minus infinite");
}

#[test]
fn forgetting_events_of_a_tracker_go_in_as_they_are() {
    let mut tracker = Tracker::new(3, Some(2)).unwrap_or_else(|error| panic!("{error}"));
    // Row 0 is always right, row 1 never, row 2 right and then wrong.
    for (epoch, third) in [(0, 1.0), (1, -1.0)] {
        tracker
            .update(epoch, &[0, 1, 2], &[1.0, 0.0, -1.0, 0.0, third, 0.0], &[0, 0, 0])
            .unwrap_or_else(|error| panic!("{error}"));
    }
    let order = |never| {
        let pool = scored(&tracker.scores(TrainingScore::Forgetting(never)));
        picks_of(&TopScore::default(), &pool, 3, 0)
    };
    assert_eq!(order(NeverLearned::Infinite), [1, 2, 0]);
    assert_eq!(order(NeverLearned::Most), [1, 2, 0]);
    assert_eq!(order(NeverLearned::Zero), [2, 0, 1]);
}

#[test]
fn picks_that_only_their_place_speaks_for_are_told() {
    let warned = |budget| {
        let found = select_rows(&TopScore::default(), &scored(&[3.0, 0.0, 0.0, 0.0, 0.0]), budget, 0);
        let warnings = found.unwrap_or_else(|error| panic!("{error}")).warnings;
        warnings.into_iter().filter(|warning| warning.contains("last pick")).collect::<Vec<_>>()
    };
    let expected = "4 rows have the score of the last pick, and 3 of them were taken for being the first in the pool";
    assert_eq!(warned(4), [expected]);
    assert!(warned(1).is_empty() && warned(5).is_empty());
}

#[test]
fn scores_that_are_absent_or_no_numbers_are_refused() {
    let error = |pool: &LinePool| {
        select_rows(&TopScore::default(), pool, 1, 0).err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert_eq!(error(&line_pool(&[1.0, 2.0])), "`top-score` needs scores, and the pool has none");
    let expected = "scores must be numbers, finite or infinite, and that of row 1 is NaN";
    assert_eq!(error(&scored(&[f64::INFINITY, f64::NAN])), expected);
}
