use super::*;
use crate::testing::{line_pool, matrix_pool, mixture_pool, picks_of, select_rows, values_of};

fn one_cluster() -> SemDeDup {
    SemDeDup { clusters: Some(1), ..SemDeDup::default() }
}

#[test]
fn the_worked_example() {
    let pool = matrix_pool(vec![1.0, 0.0, 0.99, 0.1, 0.9, 0.45, 0.0, 1.0, 0.05, 1.0], 2);
    let selection = select_rows(&one_cluster(), &pool, 5, 0).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(selection.rows(), [3, 0, 2, 1, 4]);
    let expected = [-1.0, 0.049938, 0.934843, 0.994937, 0.998752];
    for (pick, expected) in selection.picks.iter().zip(expected) {
        assert!((pick.score + expected).abs() < 1e-6, "{pick:?}");
    }
}

/// Largest cosines by looking at all pairs of one cluster.
fn by_the_book(values: &[f32], dim: usize, order: &[usize]) -> Vec<f64> {
    let row = |i: usize| values[i * dim..(i + 1) * dim].iter().map(|v| f64::from(*v));
    let cosine = |a: usize, b: usize| {
        let dot: f64 = row(a).zip(row(b)).map(|(x, y)| x * y).sum();
        let norms = (row(a).map(|v| v * v).sum::<f64>() * row(b).map(|v| v * v).sum::<f64>()).sqrt();
        if norms > 0.0 { dot / norms } else { 0.0 }
    };
    (0..order.len()).map(|t| (0..t).map(|s| cosine(order[t], order[s])).fold(-1.0, f64::max)).collect()
}

#[test]
fn equals_the_book_over_several_panels() {
    let (n, dim) = (5000, 6);
    let pool = mixture_pool(n, dim, 3);
    let mut values = values_of(&pool);
    values[100 * dim..101 * dim].fill(0.0);
    values[3000 * dim..3001 * dim].fill(0.0);
    let pool = matrix_pool(values.clone(), dim);
    let selection = select_rows(&one_cluster(), &pool, n, 0).unwrap_or_else(|error| panic!("{error}"));
    let order = {
        let mut ctx = Context::new(&crate::Settings::default()).unwrap_or_else(|error| panic!("{error}"));
        let checked = CheckedPool::new(&pool.pool(), &mut ctx).unwrap_or_else(|error| panic!("{error}"));
        let unit = checked.unit(&ctx).unwrap_or_else(|error| panic!("{error}"));
        let clustering = one_cluster().k_means(n).fit(&unit, &ctx, ctx.stream("k-means"));
        let clustering = clustering.unwrap_or_else(|error| panic!("{error}"));
        let distances = distances_to_centers(&unit, &clustering, &ctx).unwrap_or_else(|error| panic!("{error}"));
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by_key(|&row| (Key(-distances[row]), row));
        order
    };
    let mut expected = vec![0.0; n];
    by_the_book(&values, dim, &order).into_iter().zip(order).for_each(|(cosine, row)| expected[row] = cosine);
    for pick in &selection.picks {
        assert!((pick.score + expected[pick.row]).abs() < 1e-6, "{pick:?}, {}", expected[pick.row]);
    }
}

#[test]
fn duplicates_go_last_and_labeled_rows_stay_before_all() {
    let mut pool = matrix_pool(vec![1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.6, 0.8], 2);
    let rows = picks_of(&one_cluster(), &pool, 4, 0);
    assert_eq!(rows[3], 1, "the second of two equal rows");
    pool.labeled = vec![1];
    let rows = picks_of(&one_cluster(), &pool, 3, 0);
    assert_eq!(rows[2], 0, "the twin of a labeled row");
}

#[test]
fn what_is_kept_is_as_asked() {
    // The center is between the first two, nearer to them than to the third, which is nearly the second's twin.
    let pool = line_pool(&[1.0, 2.0, -1.0]);
    for keep in [Keep::Hard, Keep::Easy, Keep::Random] {
        let rows = picks_of(&SemDeDup { keep, ..one_cluster() }, &pool, 3, 1);
        assert_eq!(rows.len(), 3, "{keep:?}");
    }
    let random = SemDeDup { keep: Keep::Random, ..one_cluster() };
    let pool = mixture_pool(60, 4, 1);
    assert!((1..5).any(|seed| picks_of(&random, &pool, 5, seed) != picks_of(&random, &pool, 5, 0)));
}
