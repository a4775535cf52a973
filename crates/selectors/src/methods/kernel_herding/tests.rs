use super::*;
use crate::testing::{matrix_pool, mixture_pool, picks_of, select_rows, values_of};

#[test]
fn equals_the_book_with_both_kernels() {
    let (n, dim) = (80, 3);
    let pool = mixture_pool(n, dim, 3);
    let values: Vec<f64> = values_of(&pool).into_iter().map(f64::from).collect();
    let row = |i: usize| &values[i * dim..(i + 1) * dim];
    for kernel in [Kernel::Rbf, Kernel::Linear] {
        let settings = KernelHerding { kernel, sigma: 2.0, rows: RowScale::Raw };
        let k = |a: usize, b: usize| match kernel {
            Kernel::Rbf => (-row(a).iter().zip(row(b)).map(|(x, y)| (x - y).powi(2)).sum::<f64>() / 4.0).exp(),
            Kernel::Linear => row(a).iter().zip(row(b)).map(|(x, y)| x * y).sum(),
        };
        let selection = select_rows(&settings, &pool, 25, 0).unwrap_or_else(|error| panic!("{error}"));
        let mut taken: Vec<usize> = Vec::new();
        for pick in &selection.picks {
            let score = |x: usize| {
                (0..n).map(|i| k(x, i)).sum::<f64>() / n as f64
                    - taken.iter().map(|&s| k(x, s)).sum::<f64>() / (taken.len() + 1) as f64
            };
            let best = (0..n).filter(|x| !taken.contains(x)).map(score).fold(f64::NEG_INFINITY, f64::max);
            assert!((score(pick.row) - best).abs() < 1e-7 * best.abs().max(1.0), "{settings:?}: {pick:?}, best {best}");
            assert!((pick.score - best).abs() < 1e-7 * best.abs().max(1.0));
            taken.push(pick.row);
        }
    }
}

#[test]
fn picks_are_nearer_to_the_pool_in_distribution_than_random_ones() {
    let (n, dim) = (300, 3);
    let pool = mixture_pool(n, dim, 8);
    let values: Vec<f64> = values_of(&pool).into_iter().map(f64::from).collect();
    let k = |a: usize, b: usize| {
        let rows = values[a * dim..(a + 1) * dim].iter().zip(&values[b * dim..(b + 1) * dim]);
        (-rows.map(|(x, y)| (x - y).powi(2)).sum::<f64>() / 16.0).exp()
    };
    let all: Vec<usize> = (0..n).collect();
    let mean = |a: &[usize], b: &[usize]| {
        a.iter().map(|&a| b.iter().map(|&b| k(a, b)).sum::<f64>()).sum::<f64>() / (a.len() * b.len()) as f64
    };
    let sq_mmd = |rows: &[usize]| mean(rows, rows) + mean(&all, &all) - 2.0 * mean(rows, &all);
    let settings = KernelHerding { sigma: 4.0, rows: RowScale::Raw, ..KernelHerding::default() };
    let herded = sq_mmd(&picks_of(&settings, &pool, 25, 0));
    for seed in 0..20 {
        assert!(herded < sq_mmd(&picks_of(&crate::methods::random::Random::default(), &pool, 25, seed)));
    }
}

#[test]
fn labeled_rows_are_part_of_what_approaches_the_pool() {
    let mut pool = matrix_pool(vec![1.0, 0.0, 0.0, 1.0, 1.0, 0.1, 0.1, 1.0], 2);
    pool.labeled = vec![0];
    assert_ne!(picks_of(&KernelHerding::default(), &pool, 1, 0), [2]);
}
