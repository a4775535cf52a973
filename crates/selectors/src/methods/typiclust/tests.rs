use super::*;
use crate::annotations::Classes;
use crate::context::Settings;
use crate::select::select;
use crate::testing::{LinePool, line_pool, matrix_pool, mixture_pool, picks_of, select_rows, values_of};
use subsel_kernels::Isa;

/// Seven points of the specification's example.
const EXAMPLE: [f32; 14] = [0., 0., 1., 0., 0., 1., 1., 1., 0.5, 0.5, 0.4, 0.6, 3., 3.];

fn typicalities(values: &[f32], k: usize, distance: Distance) -> Vec<f64> {
    let pool = matrix_pool(values.to_vec(), 2);
    let mut ctx = Context::new(&Settings::default()).unwrap_or_else(|error| panic!("{error}"));
    let pool = CheckedPool::new(&pool.pool(), &mut ctx).unwrap_or_else(|error| panic!("{error}"));
    let graph = knn(&pool, k, &ctx).unwrap_or_else(|error| panic!("{error}"));
    (0..pool.len())
        .map(|row| {
            let of = |sq: &f64| if distance == Distance::Squared { *sq } else { sq.sqrt() };
            typicality(graph.sq_dists_of(row).iter().map(of).sum::<f64>() / k as f64)
        })
        .collect()
}

fn with_clusters(mut pool: LinePool, clusters: &[usize]) -> LinePool {
    pool.known.labels = Some(Classes::from_names(&clusters.iter().map(usize::to_string).collect::<Vec<_>>()));
    pool
}

fn by_labels() -> TypiClust {
    TypiClust { clusters: Clusters::Labels, ..TypiClust::default() }
}

#[test]
fn defaults_are_as_documented() {
    let TypiClust { distance, clusters, max_clusters, iterations } = TypiClust::default();
    assert_eq!((distance, clusters), (Distance::Squared, Clusters::KMeans));
    assert_eq!((max_clusters, iterations), (500, 10));
}

#[test]
fn typicalities_match_the_worked_example() {
    let squared = [1.485126, 1.351333, 1.648324, 1.485126, 2.941090, 3.488250, 0.090854];
    let plain = [1.235459, 1.173863, 1.319945, 1.235459, 1.928436, 2.100477, 0.302958];
    for (distance, expected) in [(Distance::Squared, squared), (Distance::Euclidean, plain)] {
        for (got, expected) in typicalities(&EXAMPLE, 3, distance).iter().zip(expected) {
            assert!((got - expected).abs() < 1e-6, "{got} is not {expected}");
        }
    }
}

/// The angle `degrees` on the unit circle, at some length.
fn at(degrees: f32, length: f32) -> [f32; 2] {
    let radians = degrees.to_radians();
    [length * radians.cos(), length * radians.sin()]
}

#[test]
fn the_densest_direction_of_each_cluster_is_taken_whatever_the_lengths() {
    let degrees = [0., 4., 6., 7., 8., 12., 90., 99., 100., 101., 104., 110., 120.];
    let values: Vec<f32> = degrees.iter().zip(1..).flat_map(|(d, i)| at(*d, i as f32)).collect();
    let pool = matrix_pool(values, 2);
    for seed in 0..5 {
        // Squared angles to the three nearest: 1 + 4 + 9 for 101 degrees, 1 + 4 + 4 for 6.
        assert_eq!(picks_of(&TypiClust::default(), &pool, 2, seed), [9, 2], "the larger cluster first");
    }
}

#[test]
fn clusters_go_by_labeled_rows_then_size_and_small_ones_wait() {
    // Sizes 6, 7, 6, 5; one row of the largest is labeled.
    let clusters = [vec![0; 6], vec![1; 7], vec![2; 6], vec![3; 5]].concat();
    let values = clusters.iter().enumerate().flat_map(|(i, c)| at(*c as f32 * 80.0 + i as f32 / 5.0, 1.0)).collect();
    let mut pool = with_clusters(matrix_pool(values, 2), &clusters);
    pool.labeled = vec![6];
    let order: Vec<usize> = picks_of(&by_labels(), &pool, 7, 0).iter().map(|row| clusters[*row]).collect();
    assert_eq!(order, [0, 2, 1, 0, 2, 1, 0]);
    let all = select_rows(&by_labels(), &pool, 23, 0).unwrap_or_else(|error| panic!("{error}"));
    assert!(all.rows()[18..].iter().all(|row| clusters[*row] == 3), "the cluster of 5 comes last");
    assert!(all.warnings.iter().any(|warning| warning.contains("only 18 picks")));
}

#[test]
fn clusters_that_are_all_too_small_are_visited_with_a_warning() {
    let pool = with_clusters(line_pool(&[1.0, 2.0, -1.0, 3.0]), &[0, 0, 1, 1]);
    let selection = select_rows(&by_labels(), &pool, 3, 0).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(selection.rows(), [0, 2, 1], "ties go to the lowest row");
    assert_eq!(selection.picks[2].score, 0.0, "a row left alone has no neighbors");
    assert!(selection.warnings.iter().any(|warning| warning.contains("all 2 clusters")));
}

#[test]
fn labels_are_needed_where_they_are_the_clusters() {
    let error = select_rows(&by_labels(), &line_pool(&[1.0, 2.0]), 1, 0).err();
    assert!(error.is_some_and(|error| error.to_string().contains("needs labels")));
}

/// The rule as written, on unit rows and all pairs.
fn naive(pool: &LinePool, dim: usize, clusters: &[usize], budget: usize, distance: Distance) -> Vec<usize> {
    let rows: Vec<Vec<f64>> = values_of(pool)
        .chunks_exact(dim)
        .map(|row| {
            let norm = row.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
            row.iter().map(|v| f64::from((f64::from(*v) * (1.0 / norm)) as f32)).collect()
        })
        .collect();
    let sq = |a: usize, b: usize| rows[a].iter().zip(&rows[b]).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
    let mut left: Vec<Vec<usize>> = vec![Vec::new(); clusters.iter().max().map_or(0, |most| most + 1)];
    clusters.iter().enumerate().for_each(|(row, cluster)| left[*cluster].push(row));
    left.sort_by_key(|rows| Reverse(rows.len()));
    let mut picks = Vec::new();
    for visit in 0..budget {
        let at = visit % left.len();
        let rows = &mut left[at];
        let k = 20.min(rows.len() / 2);
        let typicality = |row: usize| {
            let mut sq_dists: Vec<f64> = rows.iter().filter(|r| **r != row).map(|r| sq(row, *r)).collect();
            sq_dists.sort_by(f64::total_cmp);
            let of = |sq: &f64| if distance == Distance::Squared { *sq } else { sq.sqrt() };
            1.0 / (sq_dists[..k].iter().map(of).sum::<f64>() / k as f64 + 1e-5)
        };
        let all: Vec<f64> = rows.iter().map(|row| typicality(*row)).collect();
        let most = all.iter().copied().fold(0.0, f64::max);
        let best = all.iter().position(|typicality| *typicality >= most * (1.0 - TIE)).unwrap_or(0);
        picks.push(rows.remove(best));
    }
    picks
}

#[test]
fn picks_are_those_of_the_rule_as_written() {
    // Wide enough for words, where these are faster, or not.
    for (n, dim) in [(700, 6), (900, 80)] {
        let clusters: Vec<usize> = (0..n).map(|i| if i < 300 { 0 } else { 1 + i % 2 }).collect();
        let distinct = values_of(&mixture_pool(n, dim, 4));
        // Of the second cluster most rows are equal: distances of 0, and ties.
        let mut equal = distinct.clone();
        (301..n - 20).filter(|row| row % 2 == 0).for_each(|row| equal.copy_within(300 * dim..301 * dim, row * dim));
        for values in [distinct, equal] {
            for distance in [Distance::Squared, Distance::Euclidean] {
                let pool = matrix_pool(values.clone(), dim);
                let expected = naive(&pool, dim, &clusters, 20, distance);
                let (method, pool) = (TypiClust { distance, ..by_labels() }, with_clusters(pool, &clusters));
                for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
                    let mut ctx = Context::new(&Settings { isa: Some(isa), ..Settings::default() })
                        .unwrap_or_else(|error| panic!("{error}"));
                    let picks = select(&method, &pool.pool(), 20, &mut ctx).unwrap_or_else(|error| panic!("{error}"));
                    assert_eq!(picks.rows(), expected, "{n} rows of {dim}, {isa:?}");
                }
            }
        }
    }
}
