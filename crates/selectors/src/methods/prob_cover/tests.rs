use subsel_kernels::{Isa, Kernels};

use super::cover::ball_sizes_by;
use super::*;
use crate::clustering::KMeans;
use crate::coarse::First;
use crate::context::Settings;
use crate::pool::Pool;
use crate::random::{Draws, Stream};
use crate::testing::{LinePool, line_pool, matrix_pool, mixture_pool, picks_of, select_rows, values_of};
use crate::unit::RowScale;

const LINE: [f32; 9] = [0., 1., 2., 3., 4., 7., 8., 9., 15.];

fn raw(delta: f64) -> ProbCover {
    ProbCover { delta: Delta::Value(delta), rows: RowScale::Raw, ..ProbCover::default() }
}

fn sq_dist(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
}

/// The textbook: all balls as lists, all gains anew at every pick.
fn naive(pool: &LinePool, dim: usize, delta: f64, budget: usize) -> Vec<(usize, usize)> {
    let values = values_of(pool);
    let rows: Vec<&[f32]> = values.chunks_exact(dim).collect();
    let is_near = |a: &[f32], b: &[f32]| sq_dist(a, b) < delta * delta;
    let ball = |row: &&[f32]| (0..rows.len()).filter(|other| is_near(row, rows[*other])).collect();
    let balls: Vec<Vec<usize>> = rows.iter().map(ball).collect();
    let mut covered = vec![false; rows.len()];
    pool.labeled.iter().flat_map(|row| &balls[*row]).for_each(|row| covered[*row] = true);
    let mut picks: Vec<(usize, usize)> = Vec::new();
    while picks.len() < budget {
        let gain = |row: usize| balls[row].iter().filter(|other| !covered[**other]).count();
        let open = |row: &usize| !pool.labeled.contains(row) && picks.iter().all(|(pick, _)| pick != row);
        let best = (0..rows.len()).filter(open).map(|row| (row, gain(row))).rev().max_by_key(|(_, gain)| *gain);
        let (row, gain) = best.unwrap_or_else(|| panic!("no candidate"));
        if gain == 0 {
            covered.fill(false);
        } else {
            picks.push((row, gain));
            balls[row].iter().for_each(|row| covered[*row] = true);
        }
    }
    picks
}

fn found(method: &ProbCover, pool: &LinePool, budget: usize) -> Vec<(usize, usize)> {
    let selection = select_rows(method, pool, budget, 0).unwrap_or_else(|error| panic!("{error}"));
    selection.picks.iter().map(|pick| (pick.row, pick.score as usize)).collect()
}

#[test]
fn defaults_are_as_documented() {
    let expected = ProbCover {
        delta: Delta::Median,
        classes: ClassCount::Auto,
        ball: Ball::Open,
        on_covered: OnCovered::Reset,
        rows: RowScale::Unit,
    };
    assert_eq!(ProbCover::default(), expected);
    let labels = |count: usize| Classes { codes: Vec::new(), names: vec![String::new(); count] };
    let of = |count| expected.classes.count(Some(&labels(count)));
    assert_eq!((expected.classes.count(None), of(3), of(1)), (10, 3, 2));
}

#[test]
fn picks_and_gains_match_the_worked_example() {
    let pool = line_pool(&LINE);
    assert_eq!(found(&raw(1.5), &pool, 4), [(1, 3), (6, 3), (3, 2), (8, 1)]);
    let selection = select_rows(&raw(1.5), &pool, 4, 0).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(selection.events["covered_rows"], 9);
    assert_eq!(selection.picks[0].reason, Reason::Covers { rows: 3, lap: 1 });
}

#[test]
fn covering_begins_anew_or_ends_as_asked() {
    let pool = line_pool(&LINE);
    let reset = select_rows(&raw(1.5), &pool, 6, 0).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(reset.rows(), [1, 6, 3, 8, 2, 5]);
    assert_eq!(reset.picks[4].reason, Reason::Covers { rows: 3, lap: 2 });
    assert!(reset.warnings.iter().any(|warning| warning.contains("after 4 picks")), "{:?}", reset.warnings);
    let with = |on_covered| ProbCover { on_covered, ..raw(1.5) };
    let stopped = select_rows(&with(OnCovered::Stop), &pool, 6, 0).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((stopped.rows(), stopped.complete), (vec![1, 6, 3, 8], true));
    let filled = select_rows(&with(OnCovered::Random), &pool, 6, 0).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(filled.picks[4].reason, Reason::Fill);
}

#[test]
fn balls_are_open_or_closed() {
    let pool = line_pool(&LINE);
    let first = |ball| found(&ProbCover { ball, ..raw(1.0) }, &pool, 1)[0];
    assert_eq!((first(Ball::Open), first(Ball::Closed)), ((0, 1), (1, 3)));
}

#[test]
fn labeled_balls_are_covered_beforehand() {
    let mut pool = line_pool(&LINE);
    pool.labeled = vec![1];
    assert_eq!(found(&raw(1.5), &pool, 3), [(6, 3), (3, 2), (8, 1)]);
}

#[test]
fn picks_are_those_of_the_textbook_at_any_radius() {
    for (seed, n, dim) in [(1, 600, 3), (2, 900, 17)] {
        let mut pool = mixture_pool(n, dim, seed);
        pool.labeled = vec![3, 50, 51];
        for delta in [0.3, 1.0, 2.0, 4.0, 6.0, 9.0, 20.0] {
            let expected = naive(&pool, dim, delta, n / 5);
            assert_eq!(found(&raw(delta), &pool, n / 5), expected, "{n} x {dim}, radius {delta}");
        }
    }
}

#[test]
fn large_balls_and_refreshes_change_nothing() {
    // Balls larger than what is kept pending, and picks enough for refreshes.
    let pool = mixture_pool(2600, 2, 3);
    for delta in [0.2, 2.0, 9.0, 30.0] {
        assert_eq!(found(&raw(delta), &pool, 60), naive(&pool, 2, delta, 60), "radius {delta}");
    }
}

#[test]
fn gains_never_grow_within_a_lap() {
    let pool = mixture_pool(500, 4, 4);
    let gains = found(&raw(1.0), &pool, 100);
    assert!(gains.is_sorted_by(|a, b| a.1 >= b.1));
}

#[test]
fn the_cover_is_nearly_the_best_there_is() {
    for seed in 0..6 {
        let mut draws = Draws::new(Stream::new(seed, "cover"));
        let values: Vec<f32> = (0..12 * 2).map(|_| draws.unit() as f32).collect();
        let covered = |rows: &[usize]| {
            let near =
                |of: usize| rows.iter().any(|row| sq_dist(&values[2 * row..][..2], &values[2 * of..][..2]) < 0.09);
            (0..12).filter(|row| near(*row)).count()
        };
        let mut best = 0;
        for a in 0..12 {
            (a + 1..12).for_each(|b| (b + 1..12).for_each(|c| best = best.max(covered(&[a, b, c]))));
        }
        let rows = picks_of(&raw(0.3), &matrix_pool(values.clone(), 2), 3, 0);
        assert!(covered(&rows) as f64 >= (1.0 - (-1f64).exp()) * best as f64);
    }
}

fn foreign(pool: &LinePool, class: &[u32], rank: usize) -> f64 {
    let mut ctx = Context::new(&Settings::default()).unwrap_or_else(|error| panic!("{error}"));
    let checked = CheckedPool::new(&pool.pool(), &mut ctx).unwrap_or_else(|error| panic!("{error}"));
    radius::foreign_sq_dist(&checked, class, rank, &ctx).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn pure_radii_match_the_worked_example() {
    let (pool, class) = (line_pool(&LINE), [0, 0, 0, 0, 0, 1, 1, 1, 2]);
    let all: Vec<f64> = (0..9).map(|rank| foreign(&pool, &class, rank).sqrt()).collect();
    assert_eq!(all, [3., 3., 4., 4., 5., 5., 6., 6., 7.]);
    assert_eq!((9 - (95usize * 9).div_ceil(100), 9 - 9usize.div_ceil(2)), (0, 4));
    assert_eq!(foreign(&pool, &[4; 9], 3), f64::INFINITY);
}

#[test]
fn pure_radii_are_those_of_a_full_search() {
    for (n, dim, seed) in [(1500, 6, 1), (900, 40, 2)] {
        let pool = mixture_pool(n, dim, seed);
        let values = values_of(&pool);
        let class: Vec<u32> = (0..n as u32).map(|row| row * 7 % 11 / 2).collect();
        let kernels = subsel_kernels::Kernels::best();
        let mut sorted: Vec<f64> = (0..n)
            .map(|row| {
                let mut sq_dists = vec![0.0; n];
                kernels.sq_dists(&values[row * dim..(row + 1) * dim], &values, &mut sq_dists);
                let foreign = sq_dists.iter().zip(&class).filter(|(_, of)| **of != class[row]);
                foreign.fold(f64::INFINITY, |least, (sq_dist, _)| least.min(*sq_dist))
            })
            .collect();
        sorted.sort_by(f64::total_cmp);
        for rank in [0, n / 20, n / 2, n - 1] {
            assert_eq!(foreign(&pool, &class, rank), sorted[rank], "rank {rank} of {n}");
        }
    }
}

#[test]
fn a_radius_found_from_the_pool_is_recorded() {
    let pool = mixture_pool(800, 5, 9);
    for delta in [Delta::Median, Delta::Purity] {
        let method = ProbCover { delta, classes: ClassCount::Count(8), rows: RowScale::Raw, ..ProbCover::default() };
        let selection = select_rows(&method, &pool, 8, 1).unwrap_or_else(|error| panic!("{error}"));
        let recorded = selection.events["delta"].as_f64().unwrap_or_else(|| panic!("{:?}", selection.events));
        let settings = Settings { seed: 1, ..Settings::default() };
        let mut ctx = Context::new(&settings).unwrap_or_else(|error| panic!("{error}"));
        let checked = CheckedPool::new(&Pool::new(&pool.source), &mut ctx).unwrap_or_else(|error| panic!("{error}"));
        let fit = KMeans { k: 8, iterations: 100 }.fit(&checked, &ctx, ctx.stream("pseudo-classes"));
        let class = fit.unwrap_or_else(|error| panic!("{error}")).assignment;
        let rank = if delta == Delta::Median { 400 } else { 40 };
        assert_eq!(recorded, foreign(&pool, &class, rank).sqrt());
    }
}

#[test]
fn radii_that_tell_nothing_are_warned_of() {
    let pool = mixture_pool(200, 4, 5);
    let warned = |delta, of| {
        let selection = select_rows(&raw(delta), &pool, 2, 0).unwrap_or_else(|error| panic!("{error}"));
        selection.warnings.iter().any(|warning| warning.contains(of))
    };
    assert!(warned(0.01, "almost nothing") && warned(100.0, "almost everything"));
    assert!(!warned(2.0, "almost"));
}

#[test]
fn settings_that_break_a_rule_are_refused() {
    for delta in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(raw(delta).check(), Err(Error::Param { param: "delta", .. })), "{delta}");
    }
    let classes = ProbCover { classes: ClassCount::Count(1), ..ProbCover::default() };
    assert!(matches!(classes.check(), Err(Error::Param { param: "classes", .. })));
}

#[test]
fn balls_hold_the_same_rows_whatever_products_go_first() {
    let far: Vec<f32> = values_of(&mixture_pool(900, 6, 8)).iter().map(|v| v + 1e4).collect();
    let huge: Vec<f32> = (0..300 * 3).map(|i| if i / 3 == 77 { 1e30 } else { (i % 7) as f32 }).collect();
    let pools = [(mixture_pool(3000, 64, 6), 64), (matrix_pool(far, 6), 6), (matrix_pool(huge, 3), 3)];
    for (pool, dim) in pools {
        let values = values_of(&pool);
        let from = |x: &[f32]| {
            let mut sq_dists = vec![0.0; values.len() / dim];
            Kernels::best().sq_dists(x, &values, &mut sq_dists);
            sq_dists
        };
        let mut some = from(&values[..dim])[1..200].to_vec();
        some.sort_by(f64::total_cmp);
        for limit in [some[0], some[10].next_up(), some[100], f64::INFINITY] {
            let sizes = |isa: Isa, threads: usize, first: First| {
                let settings = Settings { threads: Some(threads), isa: Some(isa), ..Settings::default() };
                let mut ctx = Context::new(&settings).ok()?;
                let checked = CheckedPool::new(&pool.pool(), &mut ctx).unwrap_or_else(|error| panic!("{error}"));
                Some(ball_sizes_by(first, &checked, limit, &ctx).unwrap_or_else(|error| panic!("{error}")))
            };
            let count = |x: &[f32]| from(x).into_iter().filter(|sq_dist| *sq_dist < limit).count() as u32;
            let expected: Vec<u32> = values.chunks_exact(dim).map(count).collect();
            for (isa, threads) in Isa::ALL.into_iter().flat_map(|isa| [1, 3].map(|threads| (isa, threads))) {
                for first in First::ALL {
                    let got = sizes(isa, threads, first);
                    assert!(got.is_none_or(|got| got == expected), "{isa:?}, {threads} threads, {first:?}, {limit}");
                }
            }
        }
    }
}
