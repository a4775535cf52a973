use subsel::{Draws, Pool, Settings, Stream};
use subsel_formats::MemorySource;

use super::*;

const N: usize = 700;
const DIM: usize = 7;

/// Rows far from zero, with one direction that varies most and a second one.
fn rows() -> Vec<f32> {
    let mut draws = Draws::new(Stream::new(5, "look"));
    let mut row = || {
        let (a, b) = (10.0 * (draws.unit() - 0.5), 3.0 * (draws.unit() - 0.5));
        let mut values: Vec<f32> = (0..DIM).map(|_| (50.0 + 0.1 * draws.unit()) as f32).collect();
        values[2] += a as f32;
        values[5] += b as f32;
        values
    };
    (0..N).flat_map(|_| row()).collect()
}

fn with_pool<T>(values: &[f32], dim: usize, threads: usize, check: impl Fn(&CheckedPool<'_>, &Context) -> T) -> T {
    let source = MemorySource::new(values, dim).unwrap_or_else(|error| panic!("{error}"));
    let settings = Settings { threads: Some(threads), ..Settings::default() };
    let mut ctx = Context::new(&settings).unwrap_or_else(|error| panic!("{error}"));
    let pool = CheckedPool::new(&Pool::new(&source), &mut ctx).unwrap_or_else(|error| panic!("{error}"));
    check(&pool, &ctx)
}

fn look(values: &[f32], dim: usize, picks: &[usize]) -> Look {
    with_pool(values, dim, 2, |pool, ctx| Look::at(pool, picks, Layout::Pca, ctx).unwrap_or_else(|e| panic!("{e}")))
}

fn distance(values: &[f32], a: usize, b: usize) -> f64 {
    let row = |i: usize| values[i * DIM..(i + 1) * DIM].iter().map(|v| f64::from(*v));
    row(a).zip(row(b)).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt()
}

#[test]
fn nearest_picks_coverage_and_neighbors_are_those_of_a_plain_search() {
    let values = rows();
    let picks = [13, 600, 350, 699, 0];
    let look = look(&values, DIM, &picks);
    assert_eq!(look.rows, (0..N).collect::<Vec<_>>());
    for k in 1..=picks.len() {
        let least = |row| picks[..k].iter().map(|pick| distance(&values, row, *pick)).fold(f64::INFINITY, f64::min);
        let all: Vec<f64> = (0..N).map(least).collect();
        let covered = look.coverage[k - 1];
        assert_eq!(covered.picks, k);
        assert!((covered.mean - all.iter().sum::<f64>() / N as f64).abs() < 1e-4, "{covered:?}");
        assert!((covered.radius - all.iter().copied().fold(0.0, f64::max)).abs() < 1e-4, "{covered:?}");
    }
    for row in 0..N {
        let nearest = picks[look.nearest_pick[row] as usize];
        let least = picks.iter().map(|pick| distance(&values, row, *pick)).fold(f64::INFINITY, f64::min);
        assert!((distance(&values, row, nearest) - least).abs() < 1e-3, "row {row}");
        assert!((f64::from(look.distances[row]) - least).abs() < 1e-2, "row {row}");
    }
    assert!(
        picks.iter().enumerate().all(|(i, row)| look.nearest_pick[*row] as usize == i && look.distances[*row] == 0.0)
    );
    for (pick, neighbors) in picks.iter().zip(&look.neighbors) {
        let mut others: Vec<usize> = (0..N).filter(|row| row != pick).collect();
        others.sort_by(|a, b| distance(&values, *pick, *a).total_cmp(&distance(&values, *pick, *b)));
        assert_eq!(neighbors.iter().map(|neighbor| neighbor.row).collect::<Vec<_>>(), others[..NEIGHBORS]);
        assert!((neighbors[0].distance - distance(&values, *pick, others[0])).abs() < 1e-9);
    }
}

#[test]
fn more_picks_than_one_pass_takes_give_what_one_would() {
    let mut draws = Draws::new(Stream::new(6, "many"));
    let values: Vec<f32> = (0..6000).map(|_| draws.unit() as f32).collect();
    let picks: Vec<usize> = (0..2500).collect();
    let look = look(&values, 2, &picks);
    assert_eq!(look.coverage.len(), 2500);
    assert!(look.coverage.windows(2).all(|pair| pair[1].mean <= pair[0].mean && pair[1].radius <= pair[0].radius));
    assert_eq!(look.neighbors.len(), SHOWN);
    let fewer = self::look(&values, 2, &picks[..100]);
    assert_eq!(look.coverage[99].picks, fewer.coverage[99].picks);
    assert!((look.coverage[99].mean - fewer.coverage[99].mean).abs() < 1e-6);
}

#[test]
fn the_map_shows_the_two_directions_of_most_variance() {
    let values = rows();
    let look = look(&values, DIM, &[1, 2, 3]);
    let (first, second): (Vec<f64>, Vec<f64>) =
        (0..N).map(|i| (f64::from(values[i * DIM + 2]), f64::from(values[i * DIM + 5]))).unzip();
    for (axis, wanted) in [(0, first), (1, second)] {
        let pairs = look.places.iter().zip(&wanted).map(|(place, value)| (f64::from(place[axis]), *value));
        let line = crate::Regression::of(pairs).expect("both vary");
        assert!(line.r > 0.999, "axis {axis}: r = {}", line.r);
    }
    assert!(look.places.iter().flatten().all(|at| (0.0..=1.0).contains(at)));
    assert!(look.axes.contains("92 and 8 %") || look.axes.contains("% of the variance"), "{}", look.axes);
}

#[test]
fn long_rows_are_laid_out_by_their_products_to_the_same_map() {
    let values = rows();
    let wide = 2 * 2048;
    let mut long = vec![0.0; N * wide];
    for (row, out) in values.chunks_exact(DIM).zip(long.chunks_exact_mut(wide)) {
        out[..DIM].copy_from_slice(row);
    }
    let (a, b) = (look(&values, DIM, &[4]), look(&long, wide, &[4]));
    for (p, q) in a.places.iter().flatten().zip(b.places.iter().flatten()) {
        assert!((p - q).abs() < 1e-3, "{p} and {q}");
    }
}

#[test]
fn a_layout_by_neighbors_keeps_three_crowds_apart() {
    let mut draws = Draws::new(Stream::new(8, "crowds"));
    let mut values = Vec::new();
    for row in 0..150 {
        values.extend((0..5).map(|j| (draws.unit() + if j == row % 3 { 20.0 } else { 0.0 }) as f32));
    }
    let look = with_pool(&values, 5, 2, |pool, ctx| {
        Look::at(pool, &[0, 1], Layout::Neighbors, ctx).unwrap_or_else(|error| panic!("{error}"))
    });
    let far = |a: usize, b: usize| {
        let (p, q) = (look.places[a], look.places[b]);
        (p[0] - q[0]).hypot(p[1] - q[1])
    };
    for row in 0..150 {
        let nearest = (0..150).filter(|other| *other != row).min_by(|a, b| far(row, *a).total_cmp(&far(row, *b)));
        assert_eq!(nearest.map(|other| other % 3), Some(row % 3), "row {row}");
    }
    assert!(look.axes.contains("t-SNE"));
    let few =
        with_pool(&values[..25], 5, 1, |pool, ctx| Look::at(pool, &[0], Layout::Neighbors, ctx).map(|look| look.axes));
    assert!(few.is_ok_and(|axes| axes.contains("PCA")), "five rows have no neighbors to keep");
    let error = Layout::Neighbors.check(20_001).expect_err("too many").to_string();
    assert_eq!(error, "a layout by neighbors takes at most 20000 rows, the pool has 20001");
}

#[test]
fn any_number_of_threads_gives_the_same_look() {
    let values = rows();
    let at = |threads| {
        with_pool(&values, DIM, threads, |pool, ctx| {
            let look = Look::at(pool, &[5, 77, 300], Layout::Pca, ctx).unwrap_or_else(|error| panic!("{error}"));
            (look.places, look.distances, look.coverage)
        })
    };
    assert_eq!(at(1), at(3));
}

#[test]
fn one_row_that_is_picked_is_a_map_of_one_point() {
    let look = look(&[1.0, 2.0], 2, &[0]);
    assert_eq!((look.places, look.distances), (vec![[0.5, 0.5]], vec![0.0]));
    assert_eq!(look.neighbors, [Vec::new()]);
    assert_eq!(look.coverage, [Covered { picks: 1, mean: 0.0, radius: 0.0 }]);
}

#[test]
fn a_pick_beyond_the_pool_is_named() {
    let error = with_pool(&rows(), DIM, 1, |pool, ctx| Look::at(pool, &[3, N], Layout::Pca, ctx).map(|_| ()));
    assert_eq!(error.expect_err("no such row").to_string(), "pick 2 is row 700, but the pool has 700 rows");
}

#[test]
fn of_many_rows_evenly_spaced_ones_and_all_picks_are_drawn() {
    let drawn = rows::drawn(DRAWN * 3, &[1, 7]);
    assert!(drawn.contains(&1) && drawn.contains(&7) && drawn.len() <= DRAWN + 2);
    assert!(drawn.windows(2).all(|pair| pair[0] < pair[1]));
}
