use super::*;
use crate::context::Settings;
use crate::pool::Pool;
use crate::testing::{LinePool, line_pool, matrix_pool, mixture_pool};

/// A clustering and its inertia: the same with bounds for each center (where these are kept at all) and with one.
fn cluster(pool: &LinePool, k: usize, iterations: usize, seed: u64) -> (Clustering, f64) {
    let with_room = cluster_within(crate::context::CACHE_BYTES, pool, k, iterations, seed);
    let without = cluster_within(0, pool, k, iterations, seed);
    assert_eq!(with_room.0.assignment, without.0.assignment);
    assert_eq!(with_room.0.centers, without.0.centers);
    assert_eq!((with_room.0.iterations, with_room.1), (without.0.iterations, without.1));
    with_room
}

fn cluster_within(cache_bytes: u64, pool: &LinePool, k: usize, iterations: usize, seed: u64) -> (Clustering, f64) {
    let settings = Settings { seed, threads: Some(2), cache_bytes: Some(cache_bytes), ..Settings::default() };
    let mut ctx = Context::new(&settings).unwrap_or_else(|error| panic!("{error}"));
    let pool: Pool<'_> = pool.pool();
    let checked = CheckedPool::new(&pool, &mut ctx).unwrap_or_else(|error| panic!("{error}"));
    let stream = ctx.stream("test");
    let clustering = KMeans { k, iterations }.fit(&checked, &ctx, stream).unwrap_or_else(|error| panic!("{error}"));
    let inertia = clustering.sq_dists(&checked, &ctx).unwrap_or_else(|error| panic!("{error}")).iter().sum();
    (clustering, inertia)
}

/// Lloyd as the textbook has it, from the same centers.
fn naive_inertia(values: &[Vec<f64>], centers: &mut [Vec<f64>], iterations: usize) -> f64 {
    let sq = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
    for _ in 0..iterations {
        let mut sums = vec![(vec![0.0; values[0].len()], 0.0); centers.len()];
        for row in values {
            let near =
                (0..centers.len()).min_by(|&a, &b| sq(row, &centers[a]).total_cmp(&sq(row, &centers[b]))).unwrap_or(0);
            sums[near].0.iter_mut().zip(row).for_each(|(s, v)| *s += v);
            sums[near].1 += 1.0;
        }
        for (center, (sum, count)) in centers.iter_mut().zip(sums).filter(|(_, (_, count))| *count > 0.0) {
            *center = sum.iter().map(|v| v / count).collect();
        }
    }
    values.iter().map(|row| centers.iter().map(|c| sq(row, c)).fold(f64::MAX, f64::min)).sum()
}

#[test]
fn every_row_is_at_its_nearest_center_and_sizes_count_them() {
    let pool = mixture_pool(3000, 8, 1);
    let (clustering, _) = cluster(&pool, 40, 100, 3);
    let values = crate::testing::values_of(&pool);
    for (row, &own) in values.chunks_exact(8).zip(&clustering.assignment) {
        let sq = |c: usize| {
            clustering.centers[c * 8..c * 8 + 8]
                .iter()
                .zip(row)
                .map(|(c, v)| (f64::from(*c) - f64::from(*v)).powi(2))
                .sum::<f64>()
        };
        let best = (0..40).map(sq).fold(f64::MAX, f64::min);
        assert!(sq(own as usize) <= best * (1.0 + 1e-12));
    }
    for (cluster, &size) in clustering.sizes.iter().enumerate() {
        assert_eq!(size, clustering.assignment.iter().filter(|c| **c as usize == cluster).count());
    }
}

#[test]
fn iterations_are_the_textbooks() {
    let pool = mixture_pool(2000, 5, 2);
    let rows: Vec<Vec<f64>> =
        crate::testing::values_of(&pool).chunks_exact(5).map(|r| r.iter().map(|v| f64::from(*v)).collect()).collect();
    let (start, _) = cluster(&pool, 20, 1, 7);
    let mut centers: Vec<Vec<f64>> =
        start.centers.chunks_exact(5).map(|c| c.iter().map(|v| f64::from(*v)).collect()).collect();
    let expected = naive_inertia(&rows, &mut centers, 11);
    let (_, got) = cluster(&pool, 20, 12, 7);
    assert!((got / expected - 1.0).abs() < 1e-5, "{got} is not {expected}");
}

#[test]
fn separated_clusters_are_found_from_any_seed() {
    let values: Vec<f32> = (0..300).map(|i| (i % 6) as f32 * 100.0 + (i / 6) as f32 * 0.1).collect();
    for seed in 0..10 {
        let (clustering, inertia) = cluster(&line_pool(&values), 6, 100, seed);
        assert_eq!(clustering.sizes, [50; 6]);
        assert!(inertia < 300.0 * 6.25);
    }
}

#[test]
fn more_clusters_than_distinct_rows_gives_one_each() {
    for k in [5, 200] {
        let (clustering, inertia) = cluster(&line_pool(&[1., 2., 2., 3., 1., 3., 3.].repeat(40)), k.min(280), 10, 1);
        assert_eq!((clustering.sizes.len(), inertia), (3, 0.0));
    }
}

#[test]
fn bounds_spare_rows_of_a_large_pool_and_change_nothing() {
    let pool = mixture_pool(20_000, 6, 5);
    let (clustering, _) = cluster(&pool, 12, 60, 2);
    let values = crate::testing::values_of(&pool);
    let mut sizes = vec![0; 12];
    for (row, &own) in values.chunks_exact(6).zip(&clustering.assignment) {
        let mut sq_dists = [0.0; 12];
        subsel_kernels::Kernels::best().sq_dists(row, &clustering.centers, &mut sq_dists);
        let least = sq_dists.iter().copied().fold(f64::MAX, f64::min);
        assert_eq!(sq_dists.iter().position(|sq| *sq == least), Some(own as usize));
        sizes[own as usize] += 1;
    }
    assert_eq!(clustering.sizes, sizes);
    assert!(clustering.iterations > 3, "{}", clustering.iterations);
    assert!(clustering.looked_at < 20_000 * clustering.iterations as u64, "{}", clustering.looked_at);
}

#[test]
fn bounds_for_each_center_change_nothing_on_hostile_rows() {
    let mut values = crate::testing::values_of(&mixture_pool(6000, 7, 9));
    // Equal rows, rows far from all others, zero rows, and all of it far from zero.
    values.copy_within(0..700 * 7, 2000 * 7);
    values[14_000..14_070].iter_mut().for_each(|v| *v *= 1e4);
    values[21_000..21_700].fill(0.0);
    let far: Vec<f32> = values.iter().map(|v| v + 3e4).collect();
    let small: Vec<f32> = values.iter().map(|v| v * 1e-25).collect();
    let mut open = values.clone();
    open[77] = 1e25;
    for values in [values, far, small, open] {
        for k in [17, 60, 300] {
            cluster(&matrix_pool(values.clone(), 7), k, 25, 4);
        }
    }
}

#[test]
fn bounds_for_each_center_spare_distances() {
    let pool = mixture_pool(20_000, 24, 5);
    let (with_room, _) = cluster_within(crate::context::CACHE_BYTES, &pool, 64, 30, 2);
    let (without, _) = cluster_within(0, &pool, 64, 30, 2);
    assert_eq!(with_room.assignment, without.assignment);
    assert!(2 * with_room.compared < without.compared, "{} of {}", with_room.compared, without.compared);
}

/// Where bounds for each center are too much for all rows, they may fit for the sample, and count.
#[test]
fn bounds_of_the_sample_are_planned_for() {
    let pool = line_pool(&[1.0, 2.0]);
    let ctx = Context::new(&Settings::default()).unwrap_or_else(|error| panic!("{error}"));
    let shape = Shape { n: 1_000_000, dim: 64, ..Shape::of(&pool.pool(), &ctx) };
    let bytes = |cache_bytes| KMeans { k: 1000, iterations: 25 }.plan(&Shape { cache_bytes, ..shape }).bytes;
    let of_sample = 2 * 64_000 * 1008;
    assert!(bytes(300 << 20) >= bytes(0).max(of_sample) && bytes(0) < of_sample);
    assert!(bytes(8 << 30) >= 2 * 1_000_000 * 1008);
}

#[test]
fn rows_that_came_and_went_leave_nothing_in_the_sums() {
    let pool = line_pool(&[1.0, 2.0, 3.0, 3e20, 5.0]);
    let mut ctx = Context::new(&Settings::default()).unwrap_or_else(|error| panic!("{error}"));
    let checked = CheckedPool::new(&pool.pool(), &mut ctx).unwrap_or_else(|error| panic!("{error}"));
    let mut lloyd = Lloyd::new(&checked, 2, 1.0, &ctx);
    let mut old = [-1e19_f32, 2.0];
    // The far row joins cluster 1, leaves it for 0, and comes back.
    for (centers, sums, counts) in [
        ([-1e19_f32, 2.0], [0.0, 3e20], [0, 5]),
        ([1e19, 2.0], [3e20, 11.0], [1, 4]),
        ([3.0, 1e19], [11.0, 3e20], [4, 1]),
    ] {
        let moved: Vec<f64> =
            centers.iter().zip(old).map(|(a, b)| f64::from(*a) - f64::from(b)).map(f64::abs).collect();
        let panel = Panel::new(ctx.kernels(), &centers, 1, None);
        lloyd.assign(&panel, &moved, &ctx).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(lloyd.counts, counts);
        let are_close =
            lloyd.sums.iter().zip(sums).all(|(got, expected): (&f64, f64)| (got - expected).abs() <= 1e-6 * expected);
        assert!(are_close, "{:?} are not {sums:?}", lloyd.sums);
        old = centers;
    }
}
