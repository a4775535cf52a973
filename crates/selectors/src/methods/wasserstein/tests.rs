use super::*;
use crate::context::Settings;
use crate::random::Stream;
use crate::testing::{LinePool, line_pool, matrix_pool, mixture_pool, picks_of, select_rows, values_of};

/// The points of the specification.
fn points() -> LinePool {
    line_pool(&[0., 1., 2., 3., 10., 11.])
}

fn context() -> Context {
    Context::new(&Settings { threads: Some(1), ..Settings::default() }).unwrap_or_else(|error| panic!("{error}"))
}

fn checked<'a>(pool: &'a LinePool, ctx: &mut Context) -> CheckedPool<'a> {
    CheckedPool::new(&pool.pool(), ctx).unwrap_or_else(|error| panic!("{error}"))
}

/// The problem of some picks over a whole pool.
fn problem<'p>(pool: &'p CheckedPool<'_>, picks: &[usize], is_exact: bool, ctx: &Context) -> Problem<'p> {
    let sample = (0..pool.len()).collect();
    Problem::new(pool, sample, picks, is_exact, ctx).unwrap_or_else(|error| panic!("{error}"))
}

fn w1(pool: &LinePool, picks: &[usize]) -> f64 {
    let mut ctx = context();
    let checked = checked(pool, &mut ctx);
    problem(&checked, picks, true, &ctx).cost()
}

fn event(selection: &crate::Selection, name: &str) -> f64 {
    selection.events[name].as_f64().unwrap_or(f64::NAN)
}

/// Distances `(m, k)` between random points of the plane.
fn random_costs(m: usize, k: usize, seed: u64) -> Vec<f64> {
    let mut draws = Draws::new(Stream::new(seed, "costs"));
    let mut points = |n: usize| (0..n).map(|_| [draws.unit(), draws.unit()]).collect::<Vec<_>>();
    let (left, right) = (points(m), points(k));
    left.iter().flat_map(|a| right.iter().map(|b| (a[0] - b[0]).hypot(a[1] - b[1]))).collect()
}

/// The least cost of all ways to give out units: every row `k / gcd`, every column `m / gcd`.
fn brute_force(cost: &[f64], k: usize) -> f64 {
    fn give(cost: &[f64], k: usize, row: usize, column: usize, left: u64, room: &mut [u64], per_row: u64) -> f64 {
        if row == cost.len() / k {
            return 0.0;
        }
        if column == k {
            let done = left == 0;
            return if done { give(cost, k, row + 1, 0, per_row, room, per_row) } else { f64::INFINITY };
        }
        let mut least = f64::INFINITY;
        for units in 0..=left.min(room[column]) {
            room[column] -= units;
            let rest = give(cost, k, row, column + 1, left - units, room, per_row);
            least = least.min(units as f64 * cost[row * k + column] + rest);
            room[column] += units;
        }
        least
    }
    let m = cost.len() / k;
    let common = (1..=m.min(k)).filter(|d| m.is_multiple_of(*d) && k.is_multiple_of(*d)).max().unwrap_or(1);
    let (per_row, per_column) = ((k / common) as u64, (m / common) as u64);
    give(cost, k, 0, 0, per_row, &mut vec![per_column; k], per_row) / (m as f64 * per_row as f64)
}

/// Whether a plan keeps to its shares and adds up to its cost.
fn is_sound(solved: &Solved, cost: &[f64], k: usize, room: f64) -> bool {
    let m = cost.len() / k;
    let mut rows = vec![0.0; m];
    let mut total = 0.0;
    for (s, members) in solved.masses.iter().enumerate() {
        let mass: f64 = members.iter().map(|(_, mass)| mass).sum();
        if (mass - 1.0 / k as f64).abs() > room {
            return false;
        }
        for &(i, mass) in members {
            rows[i as usize] += mass;
            total += mass * cost[i as usize * k + s];
        }
    }
    rows.iter().all(|mass| (mass - 1.0 / m as f64).abs() < room) && (total - solved.cost).abs() < room
}

/// What prices prove: no plan costs less.
fn proven(cost: &[f64], prices: &[f64]) -> f64 {
    let rows = cost.chunks_exact(prices.len());
    let least = rows.map(|row| row.iter().zip(prices).map(|(c, v)| c - v).fold(f64::INFINITY, f64::min));
    let m = (cost.len() / prices.len()) as f64;
    least.sum::<f64>() / m + prices.iter().sum::<f64>() / prices.len() as f64
}

#[test]
fn picks_match_the_worked_example() {
    for start in [Begin::KMeans, Begin::KMeansPp] {
        let settings = Wasserstein { start, swaps: Auto::Value(200), ..Wasserstein::default() };
        for seed in 0..5 {
            let selection = select_rows(&settings, &points(), 2, seed).unwrap_or_else(|error| panic!("{error}"));
            let mut rows = selection.rows();
            rows.sort_unstable();
            assert_eq!(rows, [1, 4], "{start:?}");
            assert!((event(&selection, "w1") - 5.0 / 3.0).abs() < 1e-12);
            assert!((event(&selection, "lower_bound") - 5.0 / 6.0).abs() < 1e-12);
        }
    }
    let selection = select_rows(&Wasserstein::default(), &points(), 3, 0).unwrap_or_else(|error| panic!("{error}"));
    assert!((event(&selection, "w1") - 0.5).abs() < 1e-12);
    let whole = select_rows(&Wasserstein::default(), &points(), 6, 0).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(event(&whole, "w1"), 0.0);
    assert_eq!(whole.picks.len(), 6);
}

#[test]
fn pairs_cost_what_the_specification_says() {
    let mut pairs: Vec<(f64, [usize; 2])> = Vec::new();
    for a in 0..6 {
        pairs.extend((a + 1..6).map(|b| (w1(&points(), &[a, b]), [a, b])));
    }
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert_eq!(pairs[0].1, [1, 4]);
    assert!((pairs[0].0 - 1.666667).abs() < 1e-6);
    let mut next: Vec<[usize; 2]> = pairs[1..4].iter().map(|(_, pair)| *pair).collect();
    next.sort_unstable();
    assert_eq!(next, [[0, 4], [1, 5], [2, 4]]);
    assert!(pairs[1..4].iter().all(|(cost, _)| (cost - 1.833333).abs() < 1e-6));
    assert!(pairs[4].0 > 1.84);
}

#[test]
fn exact_transport_is_the_cheapest_there_is() {
    for (m, k) in [(1, 1), (3, 1), (4, 2), (3, 2), (5, 3), (4, 3), (6, 3), (2, 3), (3, 3), (3, 4)] {
        for seed in 0..20 {
            let mut cost = random_costs(m, k, seed);
            if seed % 4 == 0 {
                // Many ties.
                cost.iter_mut().for_each(|cost| *cost = (*cost * 3.0).round());
            }
            let solved = exact::solve(&cost, k, vec![0.0; k], &context()).unwrap_or_else(|error| panic!("{error}"));
            assert!((solved.cost - brute_force(&cost, k)).abs() < 1e-12, "{m} to {k}, seed {seed}");
            assert!(is_sound(&solved, &cost, k, 1e-12));
        }
    }
}

#[test]
fn prices_prove_exact_transports_and_spare_work() {
    for (m, k) in [(500, 7), (400, 40), (333, 90), (30, 64), (100, 100)] {
        let cost = random_costs(m, k, 3);
        let ctx = context();
        let solved = exact::solve(&cost, k, vec![0.0; k], &ctx).unwrap_or_else(|error| panic!("{error}"));
        assert!(is_sound(&solved, &cost, k, 1e-12), "{m} to {k}");
        assert!((proven(&cost, &solved.prices) - solved.cost).abs() < 1e-12, "{m} to {k}");
        // From any prices, however wrong, to the same cost.
        let wrong = (0..k).map(|s| (s % 5) as f64 - 2.0).collect();
        let again = exact::solve(&cost, k, wrong, &ctx).unwrap_or_else(|error| panic!("{error}"));
        assert!((again.cost - solved.cost).abs() < 1e-12 && is_sound(&again, &cost, k, 1e-12));
    }
}

#[test]
fn on_a_line_the_cost_is_that_of_quantiles() {
    let mut draws = Draws::new(Stream::new(5, "line"));
    for (m, k) in [(12, 4), (50, 7), (30, 30), (101, 10)] {
        let values: Vec<f32> = (0..m).map(|_| (draws.unit() * 100.0) as f32).collect();
        let picks: Vec<usize> = (0..k).map(|s| s * m / k).collect();
        let sorted = |mut values: Vec<f64>| {
            values.sort_unstable_by(f64::total_cmp);
            values
        };
        let left = sorted(values.iter().map(|v| f64::from(*v)).collect());
        let right = sorted(picks.iter().map(|row| f64::from(values[*row])).collect());
        // The unit interval in m * k parts, in each of which both quantile functions are constant.
        let parts = (0..m * k).map(|part| (left[part / k] - right[part / m]).abs());
        let expected = parts.sum::<f64>() / (m * k) as f64;
        let got = w1(&line_pool(&values), &picks);
        assert!((got - expected).abs() < 1e-9, "{m} to {k}: {got} and {expected}");
    }
}

#[test]
fn sinkhorn_comes_near_from_above_and_keeps_to_shares() {
    for (m, k) in [(300, 6), (200, 40), (40, 100)] {
        let cost = random_costs(m, k, 8);
        let ctx = context();
        let exact = exact::solve(&cost, k, vec![0.0; k], &ctx).unwrap_or_else(|error| panic!("{error}"));
        let near =
            sinkhorn::solve(&cost, k, vec![0.0; k], sinkhorn::ERROR, &ctx).unwrap_or_else(|error| panic!("{error}"));
        assert!(near.error < 1e-4, "{m} to {k}: marginals off by {}", near.error);
        assert!(near.cost > exact.cost * (1.0 - 1e-5), "{} below {}", near.cost, exact.cost);
        assert!(near.cost < exact.cost * 1.05, "{} far above {}", near.cost, exact.cost);
        assert!(proven(&cost, &near.prices) > exact.cost * 0.95, "prices");
        // What is faint is left out of the masses, up to a thousandth of a row's mass per pair.
        assert!(is_sound(&near, &cost, k, 1e-3 / m as f64 * m.max(k) as f64));
        let again = sinkhorn::solve(&cost, k, near.prices.clone(), sinkhorn::ERROR, &ctx)
            .unwrap_or_else(|error| panic!("{error}"));
        assert!((again.cost - near.cost).abs() < 1e-4 * near.cost, "from its own prices");
    }
}

#[test]
fn sinkhorn_is_the_same_on_any_number_of_threads() {
    let cost = random_costs(900, 40, 8);
    let on = |threads| {
        let ctx = Context::new(&Settings { threads: Some(threads), ..Settings::default() }).expect("a context");
        let solved = sinkhorn::solve(&cost, 40, vec![0.0; 40], sinkhorn::ERROR_OF_COST, &ctx);
        solved.unwrap_or_else(|error| panic!("{error}"))
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn medoids_and_swaps_lower_the_cost_of_a_bad_start() {
    let pool = mixture_pool(400, 3, 6);
    let mut ctx = context();
    let checked = checked(&pool, &mut ctx);
    let bad: Vec<usize> = (0..12).collect();
    for is_exact in [true, false] {
        let mut problem = problem(&checked, &bad, is_exact, &ctx);
        let before = problem.cost();
        let settings = Wasserstein { swaps: Auto::Value(100), ..Wasserstein::default() };
        settings.improve_by_swaps(&mut problem, 12, &mut ctx).unwrap_or_else(|error| panic!("{error}"));
        let between = problem.cost();
        assert!(between < 0.95 * before, "{before} to {between}");
        let rounds = settings.improve_by_medoids(&mut problem, &ctx).unwrap_or_else(|error| panic!("{error}"));
        assert!(rounds > 0 && problem.cost() < 0.95 * between, "{between} to {}", problem.cost());
        // The costs and prices carried along are those of the picks from scratch.
        let picks: Vec<usize> = problem.carried().map(|(row, ..)| row).collect();
        let fresh = self::problem(&checked, &picks, is_exact, &ctx);
        assert!((fresh.cost() - problem.cost()).abs() < 1e-4 * fresh.cost());
        assert_eq!(fresh.lower_bound(), problem.lower_bound());
    }
}

#[test]
fn bounds_of_swaps_are_bounds() {
    let pool = mixture_pool(120, 4, 2);
    let mut ctx = context();
    let checked = checked(&pool, &mut ctx);
    let picks = [3, 30, 60, 90, 110];
    let problem = problem(&checked, &picks, true, &ctx);
    let mut draws = Draws::new(Stream::new(1, "swaps"));
    let mut tight = 0;
    for _ in 0..60 {
        let Some((column, row)) = problem.draw_swap(&mut draws) else { panic!("rows are left") };
        let bound = problem.bound_of_swap(column, row, &ctx).unwrap_or_else(|error| panic!("{error}"));
        let mut swapped = picks;
        swapped[column] = row;
        let cost = w1(&pool, &swapped);
        assert!(bound <= cost + 1e-12, "{bound} above {cost}");
        tight += usize::from(bound > 0.9 * cost);
    }
    assert!(tight > 30, "{tight} of 60 within a tenth");
}

#[test]
fn moving_all_rows_changes_nothing_and_the_cost_is_within_its_bounds() {
    let pool = mixture_pool(300, 4, 1);
    // Multiples of 2^-8, so that adding whole numbers rounds nothing.
    let values: Vec<f32> = values_of(&pool).iter().map(|v| (v * 256.0).round() / 256.0).collect();
    let moved: Vec<f32> = values.iter().enumerate().map(|(i, v)| v + (i % 4 * 16) as f32).collect();
    let (pool, moved) = (matrix_pool(values.clone(), 4), matrix_pool(moved, 4));
    let picks = [5, 6, 7, 100, 200];
    assert_eq!(w1(&pool, &picks), w1(&moved, &picks));
    let rows: Vec<&[f32]> = values.chunks_exact(4).collect();
    let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(x - y).powi(2)).sum::<f64>().sqrt();
    let diameter = rows.iter().flat_map(|a| rows.iter().map(move |b| distance(a, b))).fold(0.0, f64::max);
    let selection = select_rows(&Wasserstein::default(), &pool, 9, 0).unwrap_or_else(|error| panic!("{error}"));
    let (start, end, bound) =
        (event(&selection, "w1_start"), event(&selection, "w1"), event(&selection, "lower_bound"));
    assert!(bound <= end && end <= start && start <= diameter, "{bound} {end} {start} {diameter}");
    assert!((end - w1(&pool, &selection.rows())).abs() < 1e-12);
}

#[test]
fn labeled_rows_take_their_share_and_excluded_rows_are_carried() {
    // Labeled rows hold the left; the pick belongs to the right.
    let mut pool = points();
    pool.labeled = vec![1];
    assert_eq!(picks_of(&Wasserstein::default(), &pool, 1, 0), [4]);
    // All of the right but one is excluded, and still has to be carried somewhere.
    let excluded = crate::Pool { excluded: vec![4, 0, 3], ..points().pool() }.excluded;
    let pool = points();
    let open = crate::Pool { excluded, ..pool.pool() };
    let mut ctx = context();
    let selection =
        crate::select(&Wasserstein { swaps: Auto::Value(50), ..Wasserstein::default() }, &open, 2, &mut ctx);
    let mut rows = selection.unwrap_or_else(|error| panic!("{error}")).rows();
    rows.sort_unstable();
    assert_eq!(rows, [1, 5]);
}

#[test]
fn a_sample_stands_for_the_pool() {
    let pool = mixture_pool(3000, 5, 4);
    let few = Wasserstein { sample: 500, ..Wasserstein::default() };
    let selection = select_rows(&few, &pool, 10, 0).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(selection.events["sample"], 500);
    assert_eq!(selection.events["solver"], "exact");
    assert!(picks_of(&few, &pool, 10, 1) != selection.rows(), "another sample");
    // Too few for the picks: the start it is, and a warning.
    let selection = select_rows(&few, &pool, 400, 0).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(selection.rows(), picks_of(&KMeansCenters::default(), &pool, 400, 0));
    assert!(selection.warnings.iter().any(|warning| warning.contains("the picks are those of the start")));
}

#[test]
fn settings_that_break_a_rule_are_refused() {
    let default = Wasserstein {
        start: Begin::KMeans,
        sample: 20_000,
        solver: Solver::Auto,
        rounds: 20,
        swaps: Auto::Auto,
        rows: RowScale::Raw,
    };
    assert_eq!(Wasserstein::default(), default);
    let none = Wasserstein { sample: 0, ..default };
    assert!(matches!(none.check(), Err(Error::Param { param: "sample", .. })));
}
