use subsel_kernels::Isa;

use super::*;
use crate::context::Settings;
use crate::random::Draws;
use crate::testing::{LinePool, line_pool, matrix_pool, mixture_pool, values_of};

fn checked<T>(pool: &LinePool, look: impl FnOnce(&CheckedPool<'_>, &Context) -> T) -> T {
    let settings = Settings { threads: Some(2), ..Settings::default() };
    let mut ctx = Context::new(&settings).unwrap_or_else(|error| panic!("{error}"));
    let checked = CheckedPool::new(&pool.pool(), &mut ctx).unwrap_or_else(|error| panic!("{error}"));
    look(&checked, &ctx)
}

fn graph(pool: &LinePool, k: usize) -> KnnGraph {
    checked(pool, |pool, ctx| knn(pool, k, ctx).unwrap_or_else(|error| panic!("{error}")))
}

/// All pairs, sorted.
fn naive(pool: &LinePool, dim: usize) -> Vec<Vec<(f64, u32)>> {
    let values = values_of(pool);
    let rows: Vec<&[f32]> = values.chunks_exact(dim).collect();
    let kernels = subsel_kernels::Kernels::best();
    let all = |i: usize| {
        let mut sq_dists = vec![0.0; rows.len()];
        kernels.sq_dists(rows[i], &values, &mut sq_dists);
        let mut list: Vec<(f64, u32)> = sq_dists.into_iter().zip(0..).filter(|(_, row)| *row as usize != i).collect();
        list.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        list
    };
    (0..rows.len()).map(all).collect()
}

#[test]
fn neighbors_are_those_of_all_pairs_sorted() {
    let duplicates =
        matrix_pool([values_of(&mixture_pool(300, 3, 1)), values_of(&mixture_pool(300, 3, 1))].concat(), 3);
    let grid = matrix_pool((0..400).flat_map(|i| [(i % 20) as f32, (i / 20) as f32]).collect(), 2);
    for (pool, dim) in [(mixture_pool(1500, 9, 2), 9), (duplicates, 3), (grid, 2)] {
        let expected = naive(&pool, dim);
        for k in [1, 5, 33] {
            let got = graph(&pool, k);
            for (row, expected) in expected.iter().enumerate() {
                let list: Vec<(f64, u32)> =
                    got.sq_dists_of(row).iter().copied().zip(got.indices[row * k..].iter().copied()).collect();
                assert_eq!(list, expected[..k], "row {row}");
            }
        }
    }
}

#[test]
fn a_pool_smaller_than_k_gives_all_others() {
    let pool = line_pool(&[3.0, 1.0, 1.0]);
    let got = graph(&pool, 10);
    assert_eq!((got.k, got.indices), (2, vec![1, 2, 2, 0, 1, 0]));
    assert_eq!(graph(&line_pool(&[1.0]), 4).k, 0);
}

/// The `k` nearest of each row by a full search.
fn naive_graph(pool: &LinePool, dim: usize, k: usize) -> KnnGraph {
    let values = values_of(pool);
    let kernels = subsel_kernels::Kernels::best();
    let mut graph = KnnGraph { k, indices: Vec::new(), sq_dists: Vec::new() };
    let mut sq_dists = vec![0.0; values.len() / dim];
    for (row, x) in values.chunks_exact(dim).enumerate() {
        kernels.sq_dists(x, &values, &mut sq_dists);
        let mut all: Vec<(f64, u32)> = sq_dists.iter().copied().zip(0..).filter(|(_, i)| *i as usize != row).collect();
        let by = |a: &(f64, u32), b: &(f64, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        all.select_nth_unstable_by(k - 1, by);
        all.truncate(k);
        all.sort_by(by);
        graph.indices.extend(all.iter().map(|(_, index)| *index));
        graph.sq_dists.extend(all.iter().map(|(sq_dist, _)| *sq_dist));
    }
    graph
}

#[test]
fn tiles_threads_and_instructions_make_no_difference() {
    let duplicates = {
        let half = values_of(&mixture_pool(2600, 3, 1));
        matrix_pool([half.clone(), half].concat(), 3)
    };
    let grid = matrix_pool((0..4500).flat_map(|i| [(i * 7 % 70) as f32, (i * 7 / 70 % 65) as f32]).collect(), 2);
    // Most rows are one: more pairs are open than are kept.
    let one = matrix_pool((0..4300).map(|i| if i % 5 == 3 { i as f32 } else { 7.0 }).collect(), 1);
    // Products with a few rows overflow, so that their pairs stay open.
    let huge = {
        let mut values = values_of(&mixture_pool(4200, 4, 3));
        [5, 2100, 4150].into_iter().for_each(|row| values[4 * row..4 * row + 4].fill(1e30 + row as f32 * 1e27));
        matrix_pool(values, 4)
    };
    for (pool, dim, k) in
        [(mixture_pool(6500, 5, 2), 5, 9), (duplicates, 3, 4), (grid, 2, 7), (one, 1, 2), (huge, 4, 3)]
    {
        let expected = naive_graph(&pool, dim, k);
        for (isa, threads) in Isa::ALL.into_iter().flat_map(|isa| [1, 2, 5].map(|threads| (isa, threads))) {
            let settings = Settings { threads: Some(threads), isa: Some(isa), ..Settings::default() };
            let Ok(mut ctx) = Context::new(&settings) else { continue };
            let checked = CheckedPool::new(&pool.pool(), &mut ctx).unwrap_or_else(|error| panic!("{error}"));
            for first in First::ALL {
                let got = knn_by(first, &checked, k, &ctx).unwrap_or_else(|error| panic!("{error}"));
                let n = pool.pool().source.n_rows();
                assert!(got == expected, "{n} rows of {dim}, {isa:?}, {threads} threads, {first:?}");
            }
        }
    }
}

/// Small pools of any kind, by codes.
#[test]
fn codes_first_change_no_list() {
    let ctx = Context::new(&Settings { threads: Some(1), ..Settings::default() });
    let mut ctx = ctx.unwrap_or_else(|error| panic!("{error}"));
    let mut draws = Draws::new(ctx.stream("pools"));
    for case in 0..3000 {
        let (n, dim) = (2 + draws.below(40) as usize, 1 + draws.below(70) as usize);
        let far = [0.0, 0.0, 1e4, 1e7][draws.below(4) as usize];
        let scale = [1.0, 1.0, 1e-3, 1e-30, 1e15, 1e30][draws.below(6) as usize];
        let kind = draws.below(4);
        let mut value = |place: usize| match kind {
            // Values on a grid: distances in common. One value a row. Duplicates.
            0 => draws.below(3) as f32,
            1 if place % dim != (place / dim) % dim => 0.0,
            2 => (place / dim % 5 * (place % dim)) as f32,
            _ => draws.unit() as f32 - 0.5,
        };
        let values: Vec<f32> = (0..n * dim).map(|place| scale * (value(place) + far)).collect();
        let k = 1 + draws.below(n as u64 - 1) as usize;
        let pool = matrix_pool(values, dim);
        let checked = CheckedPool::new(&pool.pool(), &mut ctx).unwrap_or_else(|error| panic!("{error}"));
        let expected = naive_graph(&pool, dim, k);
        for first in First::ALL {
            let got = knn_by(first, &checked, k, &ctx).unwrap_or_else(|error| panic!("{error}"));
            assert!(got == expected, "case {case}: {n} rows of {dim}, kind {kind}, {far} {scale}, {first:?}");
        }
    }
}

/// As wide and as many as processors with fast products of codes take by themselves.
#[test]
fn embeddings_have_the_lists_of_all_pairs() {
    let (n, dim, k) = (2500, 70, 6);
    let pool = mixture_pool(n, dim, 4);
    let expected = naive_graph(&pool, dim, k);
    for (isa, threads) in Isa::ALL.into_iter().flat_map(|isa| [1, 3].map(|threads| (isa, threads))) {
        let settings = Settings { threads: Some(threads), isa: Some(isa), ..Settings::default() };
        let Ok(mut ctx) = Context::new(&settings) else { continue };
        let checked = CheckedPool::new(&pool.pool(), &mut ctx).unwrap_or_else(|error| panic!("{error}"));
        for first in First::ALL {
            let got = knn_by(first, &checked, k, &ctx).unwrap_or_else(|error| panic!("{error}"));
            assert!(got == expected, "{isa:?}, {threads} threads, {first:?}");
        }
    }
}
