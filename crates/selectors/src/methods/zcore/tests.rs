use super::locations::{Location, triangular};
use super::search::{Charge, Search};
use super::*;
use crate::columns::Span;
use crate::context::Settings;
use crate::random::{Draws, Stream};
use crate::testing::{LinePool, line_pool, matrix_pool, mixture_pool, select_rows, values_of};
use subsel_kernels::Isa;

fn with_checked<T>(pool: &LinePool, settings: &Settings, look: impl FnOnce(&CheckedPool<'_>, &mut Context) -> T) -> T {
    let mut ctx = Context::new(settings).unwrap_or_else(|error| panic!("{error}"));
    let checked = CheckedPool::new(&pool.pool(), &mut ctx).unwrap_or_else(|error| panic!("{error}"));
    look(&checked, &mut ctx)
}

fn tally_under(settings: &Settings, zcore: &ZCore, pool: &LinePool) -> Tally {
    with_checked(pool, settings, |pool, ctx| zcore.tally(pool, ctx).unwrap_or_else(|error| panic!("{error}")))
}

fn tally_of(zcore: &ZCore, pool: &LinePool) -> Tally {
    tally_under(&Settings { threads: Some(2), ..Settings::default() }, zcore, pool)
}

/// The same by the definition: every distance, every one sorted. No sample, no codes, no blocks, no threads.
fn naive(zcore: &ZCore, pool: &LinePool) -> Tally {
    let dim = subsel_formats::RowSource::dim(&pool.source);
    let all = values_of(pool);
    let rows: Vec<&[f32]> = all.chunks_exact(dim).collect();
    let n = rows.len();
    with_checked(pool, &Settings::default(), |checked, ctx| {
        let mut tally = Tally::empty(n);
        let columns = Columns::read(checked, ctx).unwrap_or_else(|error| panic!("{error}"));
        let usable = zcore.usable_columns(&columns, ctx);
        if usable.is_empty() {
            return tally;
        }
        let dims = zcore.dims.min(usable.len());
        let locations = Locations::new(&columns, usable, dims, ctx.stream("zcore"));
        let ties = ctx.stream("zcore-ties");
        for draw in 0..zcore.distinct_draws() {
            let tie = |row: usize| if zcore.random_ties { ties.child(draw).bits(row as u64) } else { 0 };
            let mut location = Location::default();
            locations.place(draw, &mut location);
            let at = |row: usize, i: usize| rows[row][location.columns[i] as usize];
            let to_location = |row| (0..dims).fold(0.0, |sum, i| sum + (f64::from(at(row, i)) - location.at[i]).abs());
            let nearest = (0..n).min_by_key(|row| (Key(to_location(*row)), tie(*row), *row)).expect("rows");
            let to_row = |row| (0..dims).fold(0f32, |sum, i| sum + (at(row, i) - at(nearest, i)).abs());
            let mut others: Vec<usize> = (0..n).filter(|row| *row != nearest).collect();
            others.sort_by_key(|row| (to_row(*row).to_bits(), tie(*row), *row));
            others.truncate(zcore.k);
            let half = (draw % 2) as usize;
            tally.credits[nearest] += 1;
            tally.halves[nearest][half] += i128::from(UNIT);
            let first = f64::from(to_row(others[0]).min(f32::MAX));
            if first == 0.0 {
                tally.duplicates += 1;
                tally.halves[others[0]][half] -= i128::from(UNIT);
                continue;
            }
            let weight = |row: &usize| {
                let ratio = first / f64::from(to_row(*row).min(f32::MAX));
                let mut power = 1.0;
                if zcore.exponent == 4 {
                    power = ratio * ratio * (ratio * ratio);
                } else {
                    (0..zcore.exponent).for_each(|_| power *= ratio);
                }
                (power * UNIT as f64).round_ties_even()
            };
            let total: f64 = others.iter().map(weight).sum();
            let pays = |row| (weight(row) * (UNIT as f64 / total)).round_ties_even() as i128;
            let rest = i128::from(UNIT) - others.iter().map(pays).sum::<i128>();
            let nearest_of_all = others.iter().filter(|row| f64::from(to_row(**row).min(f32::MAX)) == first).min();
            for row in &others {
                tally.halves[*row][half] -= pays(row) + if Some(row) == nearest_of_all { rest } else { 0 };
            }
        }
        tally
    })
}

#[test]
fn defaults_are_as_documented() {
    let zcore = ZCore::default();
    assert_eq!((zcore.draws, zcore.dims, zcore.k, zcore.exponent, zcore.replicate_workers), (1_000_000, 2, 1000, 4, 1));
    assert_eq!((zcore.jitter, zcore.random_ties, zcore.constant_columns), (true, false, ConstantColumns::Drop));
}

#[test]
fn coordinates_follow_the_triangular_law() {
    let span = Span { least: 0.0, median: 2.0, most: 10.0 };
    for (u, x) in [(0.1, std::f64::consts::SQRT_2), (0.2, 2.0), (0.5, 3.675445), (0.9, 7.171573)] {
        assert!((triangular(u, span) - x).abs() < 5e-7, "{u}");
    }
    assert_eq!(triangular(0.0, span), 0.0);
    assert_eq!(triangular(0.3, Span { least: 7.0, median: 7.0, most: 7.0 }), 7.0);
    let (left, right) = (Span { least: 0.0, median: 0.0, most: 1.0 }, Span { least: 0.0, median: 1.0, most: 1.0 });
    assert!((triangular(0.75, left) - 0.5).abs() < 1e-15);
    assert!((triangular(0.25, right) - 0.5).abs() < 1e-15);
}

#[test]
fn one_draw_matches_the_worked_sample() {
    let pool = matrix_pool(vec![0., 0., 1., 0., 0., 2., 3., 3., 1.5, 0.5], 2);
    let got = with_checked(&pool, &Settings::default(), |pool, ctx| {
        let columns = Columns::read(pool, ctx).unwrap_or_else(|error| panic!("{error}"));
        let rules = Rules { k: 1000, exponent: 4, ties: None };
        let mut search = Search::new(pool, &columns, ctx.kernels(), rules);
        let location = Location { columns: vec![0, 1], at: vec![0.9, 0.2] };
        assert_eq!(search.draw(0, &location), (1, Charge::Shared));
        search.shares().collect::<Vec<_>>()
    });
    assert_eq!(got.iter().map(|(_, share)| share).sum::<i64>(), UNIT);
    for ((row, share), (want_row, want)) in
        got.into_iter().zip([(0, 0.496538), (2, 0.006130), (3, 0.000794), (4, 0.496538)])
    {
        assert_eq!(row, want_row);
        assert!((share as f64 / UNIT as f64 - want).abs() < 6e-7, "{row}");
    }
}

/// Clusters squared where positive, else zero: half of all values are exact zeros.
fn relu_pool(n: usize, dim: usize, seed: u64) -> LinePool {
    let values = values_of(&mixture_pool(n, dim, seed));
    matrix_pool(values.into_iter().map(|v| v.max(0.0) * v.max(0.0)).collect(), dim)
}

fn awkward_pools() -> Vec<(&'static str, LinePool)> {
    let mixture = |n, dim| values_of(&mixture_pool(n, dim, 5));
    let doubled = [mixture(400, 6), mixture(400, 6)].concat();
    let constants = mixture(500, 6).chunks_exact(6).flat_map(|row| [row[0], 3.0, row[1], 0.0]).collect();
    let coarse = mixture(700, 5).into_iter().map(f32::round).collect();
    vec![
        ("mixture of 3001", mixture_pool(3001, 8, 1)),
        ("mixture of 900", mixture_pool(900, 12, 2)),
        ("more than a chunk", mixture_pool(9001, 5, 3)),
        ("half zeros", relu_pool(3001, 8, 4)),
        ("every row twice", matrix_pool(doubled, 6)),
        ("few values", matrix_pool(coarse, 5)),
        ("constant columns", matrix_pool(constants, 4)),
        ("one column", line_pool(&mixture(600, 1))),
        ("two rows", matrix_pool(vec![1.0, 2.0, 3.0, 5.0], 2)),
        ("two equal rows", matrix_pool(vec![1.0, 2.0, 1.0, 2.0], 2)),
        ("far from zero", matrix_pool(mixture(800, 4).into_iter().map(|v| 1e6 + v).collect(), 4)),
        ("tiny", matrix_pool(mixture(300, 4).into_iter().map(|v| v * 1e-41).collect(), 4)),
        ("huge", matrix_pool(mixture(300, 4).into_iter().map(|v| v * 2e37).collect(), 4)),
        ("an outlier", matrix_pool([mixture(500, 3), vec![3e38, -3e38, 3e38]].concat(), 3)),
    ]
}

#[test]
fn scores_are_those_of_the_full_scan_to_the_bit() {
    let quick = ZCore { draws: 300, k: 20, ..ZCore::default() };
    let variants = [
        quick.clone(),
        ZCore { random_ties: true, ..quick.clone() },
        ZCore { draws: 60, k: 1000, ..quick.clone() },
        ZCore { k: 1, exponent: 0, ..quick.clone() },
        ZCore { dims: 1, exponent: 2, ..quick.clone() },
        ZCore { dims: 3, k: 200, draws: 100, ..quick.clone() },
        ZCore { dims: 100, draws: 40, ..quick.clone() },
        ZCore { constant_columns: ConstantColumns::Keep, ..quick.clone() },
    ];
    for (name, pool) in awkward_pools() {
        for zcore in &variants {
            assert_eq!(tally_of(zcore, &pool), naive(zcore, &pool), "{name}, {}", zcore.text());
        }
    }
}

#[test]
fn the_published_regime_is_the_full_scan_too() {
    let zcore = ZCore { draws: 2000, k: 1000, ..ZCore::default() };
    for n in [3001, 900] {
        let pool = mixture_pool(n, 40, 6);
        assert_eq!(tally_of(&zcore, &pool), naive(&zcore, &pool), "{n}");
    }
}

#[test]
fn instruction_sets_threads_and_blocks_change_nothing() {
    let pools = [mixture_pool(9001, 7, 7), relu_pool(5003, 6, 8)];
    for (pool, zcore) in pools
        .iter()
        .flat_map(|pool| [(pool, 30), (pool, 1000)])
        .map(|(pool, k)| (pool, ZCore { draws: 1500, k, ..ZCore::default() }))
    {
        let base = Settings { threads: Some(1), ..Settings::default() };
        let want = tally_under(&base, &zcore, pool);
        let mut others = vec![Settings { threads: Some(3), block_rows: Some(333), ..base.clone() }];
        others.extend(
            Isa::ALL
                .into_iter()
                .filter(|isa| isa.is_available())
                .map(|isa| Settings { isa: Some(isa), ..base.clone() }),
        );
        for settings in others {
            assert_eq!(tally_under(&settings, &zcore, pool), want, "{settings:?}");
        }
    }
}

#[test]
fn gains_and_losses_sum_to_zero() {
    for (name, pool) in awkward_pools() {
        let tally = tally_of(&ZCore { draws: 501, k: 50, ..ZCore::default() }, &pool);
        for half in 0..2 {
            assert_eq!(tally.halves.iter().map(|halves| halves[half]).sum::<i128>(), 0, "{name}");
        }
        let credits: u64 = tally.credits.iter().sum();
        assert!(credits == 501 || (name == "two equal rows" && credits == 0), "{name}");
    }
}

#[test]
fn one_row_gains_all_and_pays_nothing() {
    let tally = tally_of(&ZCore { draws: 7, ..ZCore::default() }, &line_pool(&[3.0]));
    assert_eq!((tally.credits, tally.halves), (vec![7], vec![[4 * i128::from(UNIT), 3 * i128::from(UNIT)]]));
}

fn score_all(zcore: &ZCore, pool: &LinePool) -> Vec<f64> {
    let run = |pool: &CheckedPool<'_>, ctx: &mut Context| zcore.scores(pool, ctx);
    with_checked(pool, &Settings::default(), run).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn scores_lie_between_zero_and_one_and_order_the_picks() {
    let pool = mixture_pool(500, 6, 9);
    let zcore = ZCore { draws: 5000, k: 30, ..ZCore::default() };
    let scores = score_all(&zcore, &pool);
    assert_eq!(scores.iter().copied().fold(1.0, f64::min), 0.0);
    assert_eq!(scores.iter().copied().fold(0.0, f64::max), 1.0);
    let selection = select_rows(&zcore, &pool, 100, 0).unwrap_or_else(|error| panic!("{error}"));
    assert!(selection.picks.iter().all(|pick| pick.score == scores[pick.row]));
    assert!(selection.picks.is_sorted_by(|a, b| a.score >= b.score));
    let least = selection.picks[99].score;
    assert_eq!(scores.iter().filter(|score| **score >= least).count(), 100);
    let Reason::Score { score, credit, penalty } = selection.picks[0].reason else { panic!("another reason") };
    assert!(credit > 0 && score == credit as f64 - penalty);
}

#[test]
fn rows_that_cannot_be_told_apart_score_zero() {
    let pool = matrix_pool([1.0, 2.0].repeat(10), 2);
    assert_eq!(score_all(&ZCore { jitter: false, ..ZCore::default() }, &pool), [0.0; 10]);
    let selection = select_rows(&ZCore::default(), &pool, 3, 0).unwrap_or_else(|error| panic!("{error}"));
    assert!(selection.warnings.iter().any(|warning| warning.contains("no column varies")));
}

#[test]
fn replicated_workers_repeat_fewer_draws() {
    let pool = mixture_pool(300, 5, 10);
    let few = ZCore { draws: 100, k: 20, jitter: false, ..ZCore::default() };
    let replicated = ZCore { draws: 1000, replicate_workers: 10, ..few.clone() };
    assert_eq!(score_all(&few, &pool), score_all(&replicated, &pool));
    // The jitter weighs ten times less beside scores counted ten times.
    let jittered = |zcore: &ZCore| score_all(&ZCore { jitter: true, ..zcore.clone() }, &pool);
    let plain = score_all(&few, &pool);
    let off = |scores: Vec<f64>| scores.iter().zip(&plain).map(|(a, b)| (a - b).abs()).sum::<f64>();
    assert!(3.0 * off(jittered(&replicated)) < off(jittered(&few)));
}

#[test]
fn random_ties_treat_equal_rows_alike() {
    // Three copies of each of forty points.
    let mut draws = Draws::new(Stream::new(11, "points"));
    let points: Vec<f32> = (0..80).map(|_| draws.unit() as f32).collect();
    let pool = matrix_pool(points.repeat(3), 2);
    let credits = |random_ties| {
        let credits = tally_of(&ZCore { draws: 6000, k: 5, random_ties, ..ZCore::default() }, &pool).credits;
        [0, 1, 2].map(|copy| credits[copy * 40..(copy + 1) * 40].iter().sum::<u64>())
    };
    assert_eq!(credits(false), [6000, 0, 0]);
    // Binomial with deviation 36.5; false alarm 6e-5 a copy.
    assert!(credits(true).iter().all(|count| count.abs_diff(2000) < 146), "{:?}", credits(true));
    let selection = select_rows(&ZCore { draws: 500, ..ZCore::default() }, &pool, 5, 0);
    let warnings = selection.unwrap_or_else(|error| panic!("{error}")).warnings;
    assert!(warnings.iter().any(|warning| warning.contains("random_ties=true")), "{warnings:?}");
}

#[test]
fn tells_how_stable_the_ranks_are() {
    let pool = mixture_pool(2000, 20, 12);
    let run = |draws| {
        let zcore = ZCore { draws, k: 40, ..ZCore::default() };
        select_rows(&zcore, &pool, 10, 0).unwrap_or_else(|error| panic!("{error}"))
    };
    let (few, many) = (run(500), run(200_000));
    let correlation = |selection: &crate::Selection| selection.events["split_half_correlation"].as_f64();
    assert!(correlation(&few) < correlation(&many));
    assert!(many.events["split_half_top10_overlap"].as_f64() > Some(0.2));
    let is_noise = |selection: &crate::Selection| selection.warnings.iter().any(|warning| warning.contains("noise"));
    assert!(is_noise(&few) && !is_noise(&many), "{:?} {:?}", correlation(&few), correlation(&many));
}

#[test]
fn settings_that_break_a_rule_are_refused() {
    let pool = mixture_pool(10, 2, 1);
    for (zcore, message) in [
        (ZCore { draws: 0, ..ZCore::default() }, "`draws` of `zcore` must be at least 1, got 0"),
        (ZCore { dims: 0, ..ZCore::default() }, "`dims` of `zcore` must be at least 1, got 0"),
        (ZCore { k: 0, ..ZCore::default() }, "`k` of `zcore` must be from 1 to 4194304, got 0"),
        (ZCore { exponent: 65, ..ZCore::default() }, "`exponent` of `zcore` must be from 0 to 64, got 65"),
        (
            ZCore { draws: 3, replicate_workers: 4, ..ZCore::default() },
            "`replicate_workers` of `zcore` must be at most `draws`, got 4",
        ),
    ] {
        let error = select_rows(&zcore, &pool, 2, 0).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some(message));
    }
}

#[test]
fn a_cancelled_run_stops() {
    let pool = mixture_pool(500, 4, 1);
    let error = with_checked(&pool, &Settings::default(), |pool, ctx| {
        ctx.cancel_flag().store(true, std::sync::atomic::Ordering::Relaxed);
        ZCore::default().scores(pool, ctx).err()
    });
    assert!(matches!(error, Some(Error::Interrupted)));
}
