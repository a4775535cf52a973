use super::*;
use crate::testing::{line_pool, mixture_pool, picks_of, select_rows, values_of};

#[test]
fn defaults_are_as_documented() {
    assert_eq!(KMeansCenters::default(), KMeansCenters { iterations: 100, start: Begin::KMeansPp });
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
    let error =
        select_rows(&KMeansCenters { iterations: 0, ..KMeansCenters::default() }, &mixture_pool(10, 2, 1), 2, 0).err();
    assert_eq!(
        error.map(|e| e.to_string()).as_deref(),
        Some("`iterations` of `k-means-centers` must be at least 1, got 0")
    );
}

#[test]
fn random_starts_are_told_and_lead_where_plain_iterations_lead() {
    let (n, dim, k) = (400, 6, 9);
    let pool = mixture_pool(n, dim, 5);
    let values = values_of(&pool);
    for iterations in [1, 3, 100] {
        let method = KMeansCenters { iterations, start: Begin::Random };
        let selection = select_rows(&method, &pool, k, 3).unwrap_or_else(|error| panic!("{error}"));
        let start = selection.events["start_rows"].as_array().expect("a list");
        let start: Vec<usize> = start.iter().map(|row| row.as_u64().unwrap_or(0) as usize).collect();
        assert!(start.len() == k && start.is_sorted_by(|a, b| a < b) && start[k - 1] < n, "{start:?}");
        let row = |i: usize| values[i * dim..(i + 1) * dim].iter().map(|v| f64::from(*v));
        let mut centers: Vec<Vec<f64>> = start.iter().map(|i| row(*i).collect()).collect();
        let sq_dist = |i: usize, center: &[f64]| row(i).zip(center).map(|(x, c)| (x - c).powi(2)).sum::<f64>();
        let nearest = |centers: &[Vec<f64>], i: usize| {
            (0..k).min_by(|a, b| sq_dist(i, &centers[*a]).total_cmp(&sq_dist(i, &centers[*b]))).expect("some")
        };
        for _ in 0..selection.events["iterations"].as_u64().unwrap_or(0) {
            let clusters: Vec<usize> = (0..n).map(|i| nearest(&centers, i)).collect();
            for (cluster, center) in centers.iter_mut().enumerate() {
                let members: Vec<usize> = (0..n).filter(|i| clusters[*i] == cluster).collect();
                let mean = |at: usize| members.iter().map(|i| f64::from(values[i * dim + at])).sum::<f64>();
                *center = (0..dim).map(|at| mean(at) / members.len() as f64).collect();
            }
        }
        let inertia = (0..n).map(|i| sq_dist(i, &centers[nearest(&centers, i)])).sum::<f64>() / n as f64;
        let found = selection.events["mean_sq_dist"].as_f64().unwrap_or(0.0);
        assert!((found - inertia).abs() < 1e-5 * inertia, "{iterations}: {found} {inertia}");
    }
}
