use super::*;
use crate::context::Settings;
use crate::testing::{LinePool, matrix_pool, mixture_pool, values_of};

fn find(dedup: &Dedup, pool: &LinePool, threads: usize) -> Vec<Duplicate> {
    let mut ctx = Context::new(&Settings { threads: Some(threads), ..Settings::default() });
    let ctx = ctx.as_mut().unwrap_or_else(|error| panic!("{error}"));
    let checked = CheckedPool::new(&pool.pool(), ctx).unwrap_or_else(|error| panic!("{error}"));
    dedup.find(&checked, ctx).unwrap_or_else(|error| panic!("{error}"))
}

fn all(threshold: f64) -> Dedup {
    Dedup { threshold, clusters: None }
}

/// The rule as it is stated, on all pairs.
fn by_the_book(values: &[f32], dim: usize, order: &[usize], threshold: f64) -> Vec<(usize, usize, f64)> {
    let row = |i: usize| values[i * dim..(i + 1) * dim].iter().map(|v| f64::from(*v));
    let norm = |i: usize| row(i).map(|v| v * v).sum::<f64>().sqrt();
    let cosine = |a: usize, b: usize| match (norm(a) == 0.0, norm(b) == 0.0) {
        (true, true) => 1.0,
        (false, false) => row(a).zip(row(b)).map(|(x, y)| x * y).sum::<f64>() / norm(a) / norm(b),
        _ => 0.0,
    };
    let (mut kept, mut duplicates) = (Vec::new(), Vec::new());
    for &row in order {
        let best = kept
            .iter()
            .map(|&of| (of, cosine(row, of)))
            .fold((0, threshold), |best: (usize, f64), pair| if pair.1 > best.1 { pair } else { best });
        if best.1 > threshold { duplicates.push((row, best.0, best.1)) } else { kept.push(row) }
    }
    duplicates.sort_by_key(|(row, ..)| *row);
    duplicates
}

/// More rows than one group holds, with copies that are a little off, and zero rows.
fn pool_of_copies() -> (LinePool, Vec<f32>, usize) {
    let dim = 6;
    let mut values = values_of(&mixture_pool(2500, dim, 5));
    let copies: Vec<f32> =
        values[..1000 * dim].iter().enumerate().map(|(i, v)| v * (2.0 + (i % 7) as f32 * 0.01)).collect();
    values.extend(copies);
    for row in [17, 2900, 3100] {
        values[row * dim..(row + 1) * dim].fill(0.0);
    }
    (matrix_pool(values.clone(), dim), values, dim)
}

#[test]
fn equals_the_book_over_several_groups() {
    let (mut pool, values, dim) = pool_of_copies();
    let n = values.len() / dim;
    for scored in [false, true] {
        let mut order: Vec<usize> = (0..n).collect();
        if scored {
            let scores: Vec<f64> = (0..n).map(|row| (row * 31 % 97) as f64).collect();
            order.sort_by_key(|&row| (Key(-scores[row]), row));
            pool.known.scores = Some(scores);
        }
        let expected = by_the_book(&values, dim, &order, 0.999);
        assert!((500..3000).contains(&expected.len()), "{}", expected.len());
        for threads in [1, 3] {
            let found = find(&all(0.999), &pool, threads);
            assert_eq!(found.len(), expected.len());
            for (found, (row, of, cosine)) in found.iter().zip(&expected) {
                assert_eq!((found.row, found.of), (*row, *of));
                assert!((found.similarity - cosine).abs() < 1e-6);
            }
        }
    }
}

#[test]
fn labeled_rows_are_kept_and_excluded_ones_do_not_count() {
    // Three directions, each twice.
    let mut pool = matrix_pool(vec![1.0, 0.0, 2.0, 0.0, 0.0, 1.0, 0.0, 3.0, 1.0, 1.0, 2.0, 2.0], 2);
    let of = |pool: &LinePool| find(&all(0.9), pool, 1).iter().map(|d| (d.row, d.of)).collect::<Vec<_>>();
    assert_eq!(of(&pool), [(1, 0), (3, 2), (5, 4)]);
    pool.labeled = vec![1, 4, 5];
    assert_eq!(of(&pool), [(0, 1), (3, 2)], "of two labeled rows alike both stay");
    let excluded = crate::Pool { excluded: vec![2], ..pool.pool() };
    let mut ctx = Context::new(&Settings::default()).unwrap_or_else(|error| panic!("{error}"));
    let checked = CheckedPool::new(&excluded, &mut ctx).unwrap_or_else(|error| panic!("{error}"));
    let found = all(0.9).find(&checked, &mut ctx).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(found.iter().map(|d| (d.row, d.of)).collect::<Vec<_>>(), [(0, 1)]);
}

#[test]
fn clusters_see_the_duplicates_inside_them() {
    let (pool, values, dim) = pool_of_copies();
    let n = values.len() / dim;
    let one = find(&Dedup { threshold: 0.999, clusters: Some(1) }, &pool, 2);
    assert_eq!(one, find(&all(0.999), &pool, 2));
    let several = find(&Dedup { threshold: 0.999, clusters: Some(8) }, &pool, 2);
    // Rows that are exact multiples of each other share a cluster.
    assert!(several.len() > n / 5 && several.len() <= one.len(), "{} of {}", several.len(), one.len());
}

#[test]
fn thresholds_must_make_sense() {
    for threshold in [-0.1, 1.0, f64::NAN] {
        assert!(all(threshold).check().is_err(), "{threshold}");
    }
    assert!(Dedup { threshold: 0.5, clusters: Some(0) }.check().is_err());
}
