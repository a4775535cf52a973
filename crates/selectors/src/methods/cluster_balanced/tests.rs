use super::*;
use crate::testing::{chi_square_ok, line_pool, mixture_pool, picks_of, select_rows};

fn of(clusters: usize, within: Within) -> ClusterBalanced {
    ClusterBalanced { clusters: Some(clusters), within }
}

/// 3, 40, 7 and 10 rows, far apart.
fn separated() -> crate::testing::LinePool {
    let places = [(3, 0.0), (40, 1000.0), (7, 2000.0), (10, 3000.0)];
    let values: Vec<f32> = places.iter().flat_map(|&(size, at)| (0..size).map(move |i| at + i as f32)).collect();
    line_pool(&values)
}

#[test]
fn defaults_are_as_documented() {
    assert_eq!(ClusterBalanced::default(), ClusterBalanced { clusters: None, within: Within::Random });
    assert_eq!([1, 10, 50_000, 10_000_000].map(default_clusters), [1, 3, 224, 1000]);
}

#[test]
fn shares_match_the_worked_example() {
    let pool = separated();
    for within in [Within::Random, Within::Center, Within::Spread] {
        for seed in 0..5 {
            let rows = picks_of(&of(4, within), &pool, 20, seed);
            let count = |from: usize, to: usize| rows.iter().filter(|row| (from..to).contains(*row)).count();
            assert_eq!([count(0, 3), count(3, 43), count(43, 50), count(50, 60)], [3, 6, 5, 6], "{within:?}");
        }
    }
}

#[test]
fn rows_of_a_cluster_are_taken_as_asked() {
    let pool = separated();
    let first_of_seven = |within| {
        let rows = picks_of(&of(4, within), &pool, 12, 1);
        rows.into_iter().filter(|row| (43..50).contains(row)).collect::<Vec<_>>()
    };
    assert_eq!(first_of_seven(Within::Center), [46, 45, 47], "ties go to the lower row");
    assert_eq!(first_of_seven(Within::Spread), [46, 43, 49]);
}

#[test]
fn rows_of_a_cluster_are_equally_likely() {
    let pool = separated();
    let mut counts = [0_u32; 7];
    for seed in 0..4000 {
        let rows = picks_of(&of(4, Within::Random), &pool, 8, seed);
        rows.into_iter().filter(|row| (43..50).contains(row)).for_each(|row| counts[row - 43] += 1);
    }
    assert!(chi_square_ok(&counts, &[1.0 / 7.0; 7]));
}

#[test]
fn no_clusters_are_refused() {
    let error = select_rows(&of(0, Within::Random), &mixture_pool(10, 2, 1), 2, 0).err();
    assert_eq!(
        error.map(|e| e.to_string()).as_deref(),
        Some("`clusters` of `cluster-balanced` must be at least 1, got 0")
    );
}
