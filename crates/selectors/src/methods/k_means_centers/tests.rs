use super::*;
use crate::testing::{line_pool, mixture_pool, picks_of, select_rows};

#[test]
fn defaults_are_as_documented() {
    assert_eq!(KMeansCenters::default(), KMeansCenters { iterations: 100 });
}

#[test]
fn one_typical_row_per_cluster_the_largest_first() {
    let pool = line_pool(&[0., 1., 2., 3., 4., 50., 51., 52., 90.]);
    for seed in 0..20 {
        assert_eq!(picks_of(&KMeansCenters::default(), &pool, 3, seed), [2, 6, 8]);
    }
}

#[test]
fn clusters_that_hold_a_labeled_row_come_last() {
    let mut pool = line_pool(&[0., 1., 2., 3., 4., 50., 51., 52., 90.]);
    pool.labeled = vec![1];
    let rows = picks_of(&KMeansCenters::default(), &pool, 2, 0);
    assert!(rows.iter().all(|row| *row != 1));
    assert!(rows.contains(&6), "the cluster around 51 has no label yet: {rows:?}");
}

#[test]
fn fewer_distinct_rows_than_picks_go_round_again() {
    let selection = select_rows(&KMeansCenters::default(), &line_pool(&[1., 1., 1., 5., 5.]), 4, 1)
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(selection.events["clusters"], 2);
    assert_eq!(selection.rows(), [0, 3, 1, 4]);
}

#[test]
fn zero_iterations_are_refused() {
    let error = select_rows(&KMeansCenters { iterations: 0 }, &mixture_pool(10, 2, 1), 2, 0).err();
    assert_eq!(
        error.map(|e| e.to_string()).as_deref(),
        Some("`iterations` of `k-means-centers` must be at least 1, got 0")
    );
}
