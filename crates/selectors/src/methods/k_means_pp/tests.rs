use super::*;
use crate::selection::Reason;
use crate::testing::{chi_square_ok, line_pool, mixture_pool, picks_of, select_rows};

const POINTS: [f32; 9] = [0., 1., 2., 3., 4., 7., 8., 9., 15.];

#[test]
fn the_second_pick_has_the_worked_probabilities() {
    let p = [0.0, 0.002227, 0.008909, 0.020045, 0.035635, 0.109131, 0.142539, 0.180401, 0.501114];
    let selector = KMeansPp { start: Start::Row(0) };
    let mut counts = [0u32; 9];
    (0..20_000).for_each(|seed| counts[picks_of(&selector, &line_pool(&POINTS), 2, seed)[1]] += 1);
    assert!(chi_square_ok(&counts, &p));
}

#[test]
fn ordered_triples_follow_the_textbook_law() {
    let points = [0f32, 1., 3., 4.5, 9.];
    let sq = |a: usize, b: usize| f64::from(points[a] - points[b]).powi(2);
    let (mut triples, mut p) = (Vec::new(), Vec::new());
    for second in 1..5 {
        let first_total: f64 = (1..5).map(|row| sq(0, row)).sum();
        let near = |row: usize| sq(0, row).min(sq(second, row));
        let total: f64 = (1..5).map(near).sum();
        for third in (1..5).filter(|third| *third != second) {
            triples.push([0, second, third]);
            p.push(sq(0, second) / first_total * near(third) / total);
        }
    }
    let mut counts = vec![0u32; triples.len()];
    for seed in 0..24_000 {
        let rows = picks_of(&KMeansPp { start: Start::Row(0) }, &line_pool(&points), 3, seed);
        counts[triples.iter().position(|triple| rows == *triple).unwrap_or_else(|| panic!("{rows:?}"))] += 1;
    }
    assert!(chi_square_ok(&counts, &p));
}

#[test]
fn the_start_is_uniform_by_default() {
    assert_eq!(KMeansPp::default().start, Start::Random);
    let mut counts = [0u32; 9];
    (0..4500).for_each(|seed| counts[picks_of(&KMeansPp::default(), &line_pool(&POINTS), 1, seed)[0]] += 1);
    assert!(chi_square_ok(&counts, &[1.0 / 9.0; 9]));
}

#[test]
fn scores_are_the_distances_to_the_nearest_pick() {
    let selection =
        select_rows(&KMeansPp::default(), &line_pool(&POINTS), 9, 11).unwrap_or_else(|error| panic!("{error}"));
    for (i, pick) in selection.picks.iter().enumerate().skip(1) {
        let nearest =
            selection.picks[..i].iter().map(|p| (POINTS[p.row] - POINTS[pick.row]).abs()).fold(f32::MAX, f32::min);
        assert_eq!(pick.score, f64::from(nearest));
    }
}

#[test]
fn coinciding_rows_are_filled_uniformly() {
    let selection =
        select_rows(&KMeansPp::default(), &line_pool(&[2.; 6]), 6, 0).unwrap_or_else(|error| panic!("{error}"));
    assert!(selection.picks[1..].iter().all(|pick| pick.reason == Reason::Fill));
}

#[test]
fn many_picks_are_distinct_and_nested() {
    let pool = mixture_pool(800, 6, 2);
    let all = picks_of(&KMeansPp::default(), &pool, 800, 1);
    assert_eq!(all[..300], picks_of(&KMeansPp::default(), &pool, 300, 1));
    let mut sorted = all.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), 800);
}
