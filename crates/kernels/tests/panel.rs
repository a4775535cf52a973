//! Panel verbs: bounds hold on hostile values, filters drop nothing, canonical answers are those of a full search.

mod common;

use common::{DTYPES, KINDS, Kind, Random, bits, exact, fast, scalar, values};
use proptest::prelude::*;
use subsel_kernels::{
    Block, Bounds, Dtype, Kernels, Levels, Nearest, Panel, PanelScratch, Rows, Similarity, bf16, dot_error, f16,
};

fn all() -> impl Iterator<Item = Kernels> {
    fast().chain([scalar()])
}

fn lowest_of_least(sq_dists: &[f64]) -> u32 {
    let least = sq_dists.iter().copied().fold(f64::INFINITY, f64::min);
    sq_dists.iter().position(|v| *v == least).expect("not empty") as u32
}

const EMPTY: Nearest = Nearest { index: 0, sq_dist: 0.0, second: 0.0, error: 0.0 };

/// Checks all verbs on one set of rows and centers; `left` is compared as `f32`, in which it is exact.
fn check(kernels: Kernels, left: &[f32], rows: Rows<'_>, centers: &[f32], offset: Option<&[f32]>, what: &str) {
    let dim = rows.dim();
    let truth = exact(left, centers, dim);
    let panel = Panel::new(kernels, centers, dim, offset);
    let mut scratch = PanelScratch::default();

    let mut nearest = vec![EMPTY; rows.len()];
    kernels.nearest(rows, None, &panel, &mut scratch, &mut nearest);
    for (found, truth) in nearest.iter().zip(&truth).filter(|(found, _)| found.error.is_finite()) {
        let error = (found.sq_dist - truth[found.index as usize]).abs();
        assert!(error <= found.error, "{what}: {found:?} {error}");
        for (center, sq_dist) in truth.iter().enumerate().filter(|(center, _)| *center != found.index as usize) {
            assert!(found.second - found.error <= *sq_dist, "{what}: {found:?} {center} {sq_dist}");
        }
        assert!(!found.is_certain() || found.index == lowest_of_least(truth), "{what}: {found:?}");
    }

    let mut assigned = vec![0; rows.len()];
    kernels.assign(rows, None, &panel, &mut scratch, &mut assigned);
    let want: Vec<u32> = truth.iter().map(|truth| lowest_of_least(truth)).collect();
    assert_eq!(assigned, want, "{what}");
    let mut sq_dists = vec![0.0; rows.len()];
    kernels.sq_dists_paired(rows, &panel, &assigned, &mut sq_dists);
    let want: Vec<f64> = truth.iter().zip(&want).map(|(truth, index)| truth[*index as usize]).collect();
    assert_eq!(bits(&sq_dists), bits(&want), "{what}");

    kernels.assign_nearest(rows, None, &panel, &mut scratch, &mut nearest, &mut assigned);
    for ((found, index), truth) in nearest.iter().zip(&assigned).zip(&truth) {
        let (upper, lower) = found.sq_bounds();
        let others = (0..truth.len()).filter(|center| *center != *index as usize);
        assert!(truth[*index as usize] <= upper, "{what}: {found:?}");
        others.for_each(|center| assert!(truth[center] >= lower, "{what}: {found:?} {center}"));
    }

    if offset.is_none() {
        let few: Vec<u32> = (0..panel.len() as u32).rev().collect();
        for (row, truth) in left.chunks_exact(dim).zip(&truth) {
            let (mut sq_norm, mut near) = ([0.0], vec![0.0; few.len()]);
            kernels.sq_norms(Rows::from_f32(row, dim), &mut sq_norm);
            kernels.sq_dists_near(row, sq_norm[0], &panel, &few, &mut near);
            let error = panel.sq_dist_error(sq_norm[0]);
            for (center, near) in few.iter().zip(near).filter(|_| error.is_finite()) {
                let truth = truth[*center as usize];
                assert!((near - truth).abs() <= error, "{what}: {near} {truth} {error}");
            }
        }
    }

    let stride = panel.len().next_multiple_of(16);
    let farthest = truth.iter().flatten().copied().fold(0.0, f64::max).sqrt();
    for most in [300.0, 60_000.0, 200_000.0] {
        let per_unit = (most / farthest.max(1e-30)) as f32;
        let (mut floors, mut again) = (vec![7; rows.len() * stride], vec![0; rows.len()]);
        let scratch = &mut scratch;
        kernels.assign_floors(rows, None, &panel, per_unit, scratch, &mut nearest, &mut again, &mut floors);
        assert_eq!(again, assigned, "{what}");
        for (floors, truth) in floors.chunks_exact(stride).zip(&truth) {
            for (floor, sq_dist) in floors.iter().zip(truth) {
                let units = sq_dist.sqrt() * f64::from(per_unit);
                assert!(f64::from(*floor) <= units, "{what}: {floor} {units}");
            }
        }
    }

    check_filter(kernels, rows, &panel, &truth, what);
    check_shrinking(kernels, rows, &panel, &truth, what);
    check_bounds(kernels, rows, &panel, &truth, what);
    check_both(kernels, rows, &panel, &truth, what);
    if offset.is_none() {
        check_among(kernels, rows, what);
        check_gains(kernels, left, rows, &panel, &truth, what);
    }
}

/// Bounds of gains hold on both sides of the pairs, and every similarity above its level is visited.
fn check_gains(kernels: Kernels, left: &[f32], rows: Rows<'_>, panel: &Panel, sq_dists: &[Vec<f64>], what: &str) {
    let (n, k, dim) = (rows.len(), panel.len(), panel.dim());
    let wide = |values: &[f32]| values.iter().map(|v| f64::from(*v)).collect::<Vec<f64>>();
    let centers = wide(panel.centers());
    let dots: Vec<Vec<f64>> = left
        .chunks_exact(dim)
        .map(|row| {
            let mut out = vec![0.0; k];
            kernels.dots(&wide(row), &centers, &mut out);
            out
        })
        .collect();
    let all = sq_dists.concat();
    let most = all.iter().copied().fold(0.0, f64::max);
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    let scale = 2.0 / mean.max(1e-30);
    let kinds = [
        Similarity::Dot,
        Similarity::ShiftedDot,
        Similarity::SquaredDot,
        Similarity::Gaussian(scale),
        Similarity::Laplace(scale.sqrt()),
        Similarity::Cauchy(scale),
        Similarity::Student { scale, quarters: 3 },
        Similarity::Student { scale: scale / 3.0, quarters: 62 },
        Similarity::Near(most.sqrt()),
        Similarity::SqNear(most / 2.0),
        Similarity::Within(mean),
        Similarity::Within(all[all.len() / 2]),
    ];
    for kind in kinds {
        let what = format!("{what} {kind:?}");
        let t = if kind.is_of_dots() { &dots[..] } else { sq_dists };
        let alike: Vec<Vec<f64>> = t.iter().map(|row| row.iter().map(|t| kind.of(*t)).collect()).collect();
        let of_rows: Vec<f64> = (0..n).map(|row| if row % 3 == 0 { 0.0 } else { alike[row][row % k] }).collect();
        let later: Vec<f64> = (0..n).map(|row| of_rows[row].max(alike[row][row * 5 % k] * 0.7)).collect();
        let of_centers: Vec<f64> = (0..k).map(|center| alike[center * 7 % n][center] * 0.9).collect();
        let (mut rows_gain, mut centers_gain) = (vec![Bounds::ZERO; n], vec![Bounds::ZERO; k]);
        let scratch = &mut PanelScratch::default();
        let levels = Levels::from(&of_rows);
        let (row_gains, center_gains) = (&mut rows_gain, &mut centers_gain);
        let centers = Some(Levels::from(&of_centers));
        kernels.gain_bounds(rows, None, panel, kind, levels, centers, scratch, row_gains, center_gains);
        let holds = |bounds: &Bounds, truth: f64| {
            let room = 1e-12 * truth.abs();
            assert!(bounds.low <= truth + room && truth <= bounds.high + room, "{what}: {bounds:?} {truth}");
        };
        for (row, bounds) in rows_gain.iter().enumerate() {
            holds(bounds, (0..k).map(|center| (alike[row][center] - of_centers[center]).max(0.0)).sum());
        }
        let mut alone = vec![Bounds::ZERO; k];
        kernels.gain_bounds(rows, None, panel, kind, levels, None, scratch, &mut [], &mut alone);
        for (center, bounds) in centers_gain.iter().enumerate() {
            holds(bounds, (0..n).map(|row| (alike[row][center] - of_rows[row]).max(0.0)).sum());
            assert_eq!(*bounds, alone[center], "{what}");
        }
        let mut lost = vec![Bounds::ZERO; k];
        let levels = Levels { to: Some(&later), ..Levels::from(&of_rows) };
        kernels.gain_bounds(rows, None, panel, kind, levels, None, scratch, &mut [], &mut lost);
        for (center, bounds) in lost.iter().enumerate() {
            holds(bounds, (0..n).map(|row| (alike[row][center].min(later[row]) - of_rows[row]).max(0.0)).sum());
        }
        check_units(kernels, rows, panel, kind, &alike, &what);
        // Weights of many sizes, some of them 0; a level may be infinite where a row does not count.
        let weight = |i: usize| [0.0, 0.37, 1.0, 1e-6, 1e-44, 12.5, 1e-300][i % 7];
        let row_weights: Vec<f64> = (0..n).map(weight).collect();
        let center_weights: Vec<f64> = (0..k).map(|center| weight(center + 3)).collect();
        let or_infinite = |levels: &[f64], weights: &[f64]| -> Vec<f64> {
            levels.iter().zip(weights).map(|(level, w)| if *w == 0.0 { f64::INFINITY } else { *level }).collect()
        };
        let from_rows = or_infinite(&of_rows, &row_weights);
        let from_centers = or_infinite(&of_centers, &center_weights);
        let (mut rows_gain, mut centers_gain) = (vec![Bounds::ZERO; n], vec![Bounds::ZERO; k]);
        let levels = Levels { weights: Some(&row_weights), ..Levels::from(&from_rows) };
        let centers = Some(Levels { weights: Some(&center_weights), ..Levels::from(&from_centers) });
        let (row_gains, center_gains) = (&mut rows_gain, &mut centers_gain);
        kernels.gain_bounds(rows, None, panel, kind, levels, centers, scratch, row_gains, center_gains);
        for (row, bounds) in rows_gain.iter().enumerate() {
            let gain = |center: usize| center_weights[center] * (alike[row][center] - from_centers[center]).max(0.0);
            holds(bounds, (0..k).map(gain).sum());
        }
        for (center, bounds) in centers_gain.iter().enumerate() {
            holds(bounds, (0..n).map(|row| row_weights[row] * (alike[row][center] - from_rows[row]).max(0.0)).sum());
        }
        let mut lost = vec![Bounds::ZERO; k];
        let levels = Levels { from: &of_rows, to: Some(&later), weights: Some(&row_weights) };
        kernels.gain_bounds(rows, None, panel, kind, levels, None, scratch, &mut [], &mut lost);
        for (center, bounds) in lost.iter().enumerate() {
            let part = |row: usize| (alike[row][center].min(later[row]) - of_rows[row]).max(0.0);
            holds(bounds, (0..n).map(|row| row_weights[row] * part(row)).sum());
        }
        let mut seen = vec![Vec::new(); k];
        kernels.for_alike(rows, None, panel, kind, &of_rows, scratch, |row, center, alike| {
            seen[center].push((row, alike.to_bits()));
        });
        for (center, seen) in seen.into_iter().enumerate() {
            let want = (0..n).filter(|row| alike[*row][center] > of_rows[*row]);
            let want: Vec<(usize, u64)> = want.map(|row| (row, alike[row][center].to_bits())).collect();
            assert_eq!(seen, want, "{what}");
        }
    }
}

/// Bounds of what distances of rows to each other fall short of a limit by hold.
fn check_among(kernels: Kernels, rows: Rows<'_>, what: &str) {
    let (n, dim) = (rows.len(), rows.dim());
    let mut wide = vec![0.0; n * dim];
    kernels.widen(rows, &mut wide);
    let panel = Panel::new(kernels, &wide, dim, None);
    let truth = sq_dists_to_others(kernels, &wide, dim);
    let mut sq_norms = vec![0.0; n];
    kernels.sq_norms(rows, &mut sq_norms);
    let middle = truth.iter().flatten().copied().fold(0.0, f64::max) / 2.0;
    for limit in [-1.0, 0.0, middle, 3.0 * middle, f64::INFINITY] {
        let mut found = vec![-1.0; n];
        kernels.shortfalls(&panel, &sq_norms, limit, &mut PanelScratch::default(), &mut found);
        for (found, truth) in found.iter().zip(&truth) {
            let least: f64 = truth.iter().map(|sq_dist| (limit - sq_dist).max(0.0)).sum();
            assert!(least.is_nan() || *found >= least, "{what} {limit}: {found} {least}");
        }
    }
}

/// Canonical squared distances of each row to the others.
fn sq_dists_to_others(kernels: Kernels, rows: &[f32], dim: usize) -> Vec<Vec<f64>> {
    let to_others = |(row, x): (usize, &[f32])| {
        let mut sq_dists = vec![0.0; rows.len() / dim];
        kernels.sq_dists(x, rows, &mut sq_dists);
        sq_dists.remove(row);
        sq_dists
    };
    rows.chunks_exact(dim).enumerate().map(to_others).collect()
}

/// Where nothing is hostile, lower bounds of distances are within a few units; they are lowered by what centers moved, and
/// those within reach are named.
#[test]
fn floors_are_close_and_are_lowered() {
    let mut random = Random(11);
    for (n, dim, k) in [(5, 3, 1), (40, 64, 16), (70, 33, 17), (9, 128, 600)] {
        let (left, centers) = (random.normals(n * dim), random.normals(k * dim));
        for kernels in all() {
            let panel = Panel::new(kernels, &centers, dim, None);
            let (stride, per_unit) = (k.next_multiple_of(16), 1000.0);
            let (mut nearest, mut assigned) = (vec![EMPTY; n], vec![0; n]);
            let mut floors = vec![0; n * stride];
            let rows = Rows::from_f32(&left, dim);
            let scratch = &mut PanelScratch::default();
            kernels.assign_floors(rows, None, &panel, per_unit, scratch, &mut nearest, &mut assigned, &mut floors);
            let truth = exact(&left, &centers, dim);
            let moved: Vec<u16> = (0..stride).map(|center| if center == 3 { 60_000 } else { center as u16 }).collect();
            for (floors, truth) in floors.chunks_exact_mut(stride).zip(&truth) {
                for (floor, sq_dist) in floors.iter().zip(truth) {
                    let units = sq_dist.sqrt() * f64::from(per_unit);
                    assert!((units - 3.0..=units).contains(&f64::from(*floor)), "{floor} {units}");
                }
                let before = floors.to_vec();
                let limit = before[k / 2];
                let mut open = vec![77];
                kernels.lower_floors(floors, &moved, limit, &mut open);
                let lowered: Vec<u16> = before.iter().zip(&moved).map(|(f, moved)| f.saturating_sub(*moved)).collect();
                assert_eq!(floors, lowered);
                let within = lowered.iter().enumerate().filter(|(_, floor)| **floor <= limit);
                assert_eq!(open[1..], within.map(|(place, _)| place as u32).collect::<Vec<u32>>());
            }
        }
    }
}

/// Where nothing is hostile, bounds of shortfalls are close, over several blocks of the triangle.
#[test]
fn bounds_of_shortfalls_are_close() {
    let mut random = Random(7);
    for (n, dim) in [(1, 3), (2, 16), (129, 20), (300, 33), (517, 5)] {
        let values = random.normals(n * dim);
        for kernels in all() {
            let panel = Panel::new(kernels, &values, dim, None);
            let mut sq_norms = vec![0.0; n];
            kernels.sq_norms(Rows::from_f32(&values, dim), &mut sq_norms);
            let limit = 1.5 * dim as f64;
            let mut found = vec![0.0; n];
            kernels.shortfalls(&panel, &sq_norms, limit, &mut PanelScratch::default(), &mut found);
            for (found, truth) in found.iter().zip(sq_dists_to_others(kernels, &values, dim)) {
                let least: f64 = truth.iter().map(|sq_dist| (limit - sq_dist).max(0.0)).sum();
                assert!(*found >= least && *found <= 1.001 * least + 0.01 * limit, "{n} {dim}: {found} {least}");
            }
        }
    }
}

/// Whole units of similarity are not below the truth.
fn check_units(kernels: Kernels, rows: Rows<'_>, panel: &Panel, kind: Similarity, alike: &[Vec<f64>], what: &str) {
    let k = panel.len();
    let most = kind.most(alike.iter().flatten().copied().fold(1e-30, f64::max));
    let per_unit = match kind {
        Similarity::Dot | Similarity::ShiftedDot | Similarity::SquaredDot => (65_000.0 / most) as f32,
        _ => (65_000.0 / kind.most(1.0)) as f32,
    };
    if !per_unit.is_normal() {
        return;
    }
    let mut units = vec![7; rows.len() * k];
    kernels.similarity_units(rows, None, panel, kind, per_unit, &mut PanelScratch::default(), &mut units);
    for (row, units) in units.chunks_exact(k).enumerate() {
        for (center, units) in units.iter().enumerate() {
            let truth = alike[row][center] * f64::from(per_unit);
            assert!(*units == u16::MAX || f64::from(*units) >= truth, "{what} {row} {center}: {units} {truth}");
        }
    }
}

/// Where nothing is hostile, bounds are close.
#[test]
fn bounds_of_gains_are_close() {
    let mut random = Random(31);
    let (n, dim, k) = (300, 128, 40);
    let unit = |rows: usize, random: &mut Random| {
        let mut values = random.normals(rows * dim);
        for row in values.chunks_exact_mut(dim) {
            let norm = row.iter().map(|v| v * v).sum::<f32>().sqrt();
            row.iter_mut().for_each(|v| *v /= norm);
        }
        values
    };
    let (left, centers) = (unit(n, &mut random), unit(k, &mut random));
    let student = |quarters| Similarity::Student { scale: 0.5, quarters };
    let near = [student(3), student(8), student(63)];
    let kinds = [Similarity::ShiftedDot, Similarity::Gaussian(1.0), Similarity::Laplace(1.0), Similarity::Near(2.0)];
    let kinds = kinds.into_iter().chain(near);
    for kernels in all() {
        let panel = Panel::new(kernels, &centers, dim, None);
        for kind in kinds.clone() {
            let mut gains = vec![Bounds::ZERO; k];
            let (from, scratch) = (vec![0.0; n], &mut PanelScratch::default());
            let levels = Levels::from(&from);
            kernels.gain_bounds(
                Rows::from_f32(&left, dim),
                None,
                &panel,
                kind,
                levels,
                None,
                scratch,
                &mut [],
                &mut gains,
            );
            for bounds in &gains {
                assert!(bounds.high - bounds.low < 2e-4 * bounds.high, "{kind:?} {bounds:?}");
            }
            let per_unit = (65_000.0 / kind.most(1.001)) as f32;
            let mut units = vec![0; n * k];
            let rows = Rows::from_f32(&left, dim);
            kernels.similarity_units(rows, None, &panel, kind, per_unit, scratch, &mut units);
            let sums = (0..k).map(|center| (0..n).map(|row| f64::from(units[row * k + center])).sum::<f64>());
            for (sum, gain) in sums.zip(&gains) {
                let sum = sum / f64::from(per_unit);
                assert!(sum >= gain.low && sum < gain.high + n as f64 * 3.0 / f64::from(per_unit), "{kind:?} {sum}");
            }
        }
    }
}

/// The bounds that come with a pair hold.
fn check_bounds(kernels: Kernels, rows: Rows<'_>, panel: &Panel, truth: &[Vec<f64>], what: &str) {
    let mut limits = vec![f64::INFINITY; rows.len()];
    let mut visited = 0;
    kernels.candidates_bounded(
        rows,
        None,
        panel,
        &mut limits,
        &mut PanelScratch::default(),
        |row, center, pair, limit| {
            let sq_dist = truth[row][center];
            assert!(pair.low <= sq_dist && sq_dist <= pair.high, "{what}: {row} {center} {pair:?} {sq_dist}");
            visited += 1;
            limit
        },
    );
    assert_eq!(visited, rows.len() * panel.len(), "{what}");
    check_pairs(kernels, rows, panel, truth, what);
}

/// Counts of pairs below a limit are canonical, and least distances lie within their error, on both sides of the pairs.
fn check_pairs(kernels: Kernels, rows: Rows<'_>, panel: &Panel, truth: &[Vec<f64>], what: &str) {
    let (n, k) = (rows.len(), panel.len());
    let mut sorted = truth.concat();
    sorted.sort_by(f64::total_cmp);
    let some = [0, n * k / 3, n * k / 2, n * k - 1].map(|rank| sorted[rank]);
    for limit in some.into_iter().flat_map(|v| [v, v.next_up()]).chain([f64::INFINITY, f64::NAN]) {
        let (mut of_rows, mut of_centers) = (vec![1; n], vec![2; k]);
        let scratch = &mut PanelScratch::default();
        kernels.count_within(rows, None, panel, limit, scratch, &mut of_rows, &mut of_centers);
        let count = |pairs: &mut dyn Iterator<Item = f64>| pairs.filter(|v| *v < limit).count() as u32;
        let want: Vec<u32> = truth.iter().map(|row| 1 + count(&mut row.iter().copied())).collect();
        assert_eq!(of_rows, want, "{what} at {limit}");
        let want: Vec<u32> = (0..k).map(|center| 2 + count(&mut truth.iter().map(|row| row[center]))).collect();
        assert_eq!(of_centers, want, "{what} at {limit}");
    }
    let (mut of_rows, mut of_centers) = (vec![f32::INFINITY; n], vec![f32::INFINITY; k]);
    kernels.least_sq_dists(rows, None, panel, &mut PanelScratch::default(), &mut of_rows, &mut of_centers);
    let mut sq_norms = vec![0.0; n];
    kernels.sq_norms(rows, &mut sq_norms);
    // The norms less any offset are at most these and the panel's together.
    let most = sq_norms.iter().copied().fold(0.0, f64::max);
    let error = panel.sq_dist_error(4.0 * most + 1e6);
    let least = |pairs: &mut dyn Iterator<Item = f64>| pairs.fold(f64::INFINITY, f64::min);
    for (found, row) in of_rows.iter().zip(truth).filter(|_| error.is_finite()) {
        assert!((f64::from(*found) - least(&mut row.iter().copied())).abs() <= error, "{what}");
    }
    for (center, found) in of_centers.iter().enumerate().filter(|_| error.is_finite()) {
        let truth = least(&mut truth.iter().map(|row| row[center]));
        assert!((f64::from(*found) - truth).abs() <= error, "{what}");
    }
}

/// Every pair below its limit is visited, once, centers ascending; limits just above some true distance.
fn check_filter(kernels: Kernels, rows: Rows<'_>, panel: &Panel, truth: &[Vec<f64>], what: &str) {
    for rank in [0, panel.len() / 2, panel.len() - 1] {
        let limit_of = |truth: &Vec<f64>| {
            let mut sorted = truth.clone();
            sorted.sort_by(f64::total_cmp);
            sorted[rank].next_up()
        };
        let limits: Vec<f64> = truth.iter().map(limit_of).collect();
        let mut visited = vec![Vec::new(); rows.len()];
        kernels.candidates_below(rows, None, panel, &limits, &mut PanelScratch::default(), |row, center| {
            visited[row].push(center);
        });
        for ((visited, truth), limit) in visited.iter().zip(truth).zip(&limits) {
            assert!(visited.is_sorted_by(|a, b| a < b), "{what}: {visited:?}");
            let below = (0..truth.len()).filter(|center| truth[*center] < *limit);
            below.for_each(|center| assert!(visited.binary_search(&center).is_ok(), "{what}: {center} of {limit}"));
        }
    }
}

/// The three nearest of each row, found with a limit that shrinks.
fn check_shrinking(kernels: Kernels, rows: Rows<'_>, panel: &Panel, truth: &[Vec<f64>], what: &str) {
    let mut limits = vec![f64::INFINITY; rows.len()];
    let mut lists: Vec<Vec<f64>> = vec![Vec::new(); rows.len()];
    kernels.candidates_shrinking(rows, None, panel, &mut limits, &mut PanelScratch::default(), |row, center, limit| {
        let list = &mut lists[row];
        if truth[row][center] < limit {
            list.push(truth[row][center]);
            list.sort_by(f64::total_cmp);
            list.truncate(3);
        }
        if list.len() == 3 { list[2] } else { limit }
    });
    for ((list, truth), limit) in lists.iter().zip(truth).zip(limits) {
        let mut sorted = truth.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.truncate(3);
        assert_eq!(list, &sorted, "{what}");
        assert!(sorted.len() < 3 || limit == sorted[2]);
    }
}

/// Every pair below a limit of its row or its center is visited, once and in order, with bounds that hold; with limits
/// that shrink, the three nearest of each row and of each center are found.
fn check_both(kernels: Kernels, rows: Rows<'_>, panel: &Panel, truth: &[Vec<f64>], what: &str) {
    let (n, k) = (rows.len(), panel.len());
    let columns: Vec<Vec<f64>> = (0..k).map(|center| truth.iter().map(|row| row[center]).collect()).collect();
    let ranked = |of: &[f64], rank: usize| {
        let mut sorted = of.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted[rank].next_up()
    };
    let scratch = &mut PanelScratch::default();
    for (rank, turn) in [(0, 0), (0, 1), (0, 2), (n.min(k) / 2, 0), (n.min(k) / 2, 3)] {
        // Some sides want nothing, or everything.
        let limit = |side: usize, of: &[f64]| match (side + turn) % 4 {
            0 if turn > 0 => 0.0,
            1 if turn > 1 => f64::INFINITY,
            _ => ranked(of, rank),
        };
        let row_limits: Vec<f64> = truth.iter().enumerate().map(|(side, of)| limit(side, of)).collect();
        let center_limits: Vec<f64> = columns.iter().enumerate().map(|(side, of)| limit(side + 1, of)).collect();
        let (mut a, mut b) = (row_limits.clone(), center_limits.clone());
        let mut visited = vec![Vec::new(); n];
        let mut last_row = vec![0; k];
        kernels.candidates_both(rows, None, panel, &mut a, &mut b, scratch, |row, center, pair, x, y| {
            let sq_dist = truth[row][center];
            assert!(pair.low <= sq_dist && sq_dist <= pair.high, "{what}: {row} {center} {pair:?} {sq_dist}");
            assert_eq!((*x, *y), (row_limits[row], center_limits[center]), "{what}");
            assert!(last_row[center] <= row, "{what}: rows ascend");
            last_row[center] = row;
            visited[row].push(center);
        });
        assert_eq!((&a, &b), (&row_limits, &center_limits), "{what}");
        for (row, visited) in visited.iter().enumerate() {
            assert!(visited.is_sorted_by(|a, b| a < b), "{what}: {visited:?}");
            for center in 0..k {
                let below = truth[row][center] < row_limits[row] || truth[row][center] < center_limits[center];
                assert!(!below || visited.binary_search(&center).is_ok(), "{what}: {row} {center} at {rank}, {turn}");
            }
        }
    }
    let (mut row_limits, mut center_limits) = (vec![f64::INFINITY; n], vec![f64::INFINITY; k]);
    let (mut of_rows, mut of_centers) = (vec![Vec::new(); n], vec![Vec::new(); k]);
    let enter = |list: &mut Vec<f64>, sq_dist: f64, limit: &mut f64| {
        if sq_dist < *limit {
            list.push(sq_dist);
            list.sort_by(f64::total_cmp);
            list.truncate(3);
            *limit = if list.len() == 3 { list[2] } else { *limit };
        }
    };
    kernels.candidates_both(rows, None, panel, &mut row_limits, &mut center_limits, scratch, |row, center, _, x, y| {
        enter(&mut of_rows[row], truth[row][center], x);
        enter(&mut of_centers[center], truth[row][center], y);
    });
    for (list, truth) in of_rows.iter().zip(truth).chain(of_centers.iter().zip(&columns)) {
        let mut sorted = truth.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.truncate(3);
        assert_eq!(list, &sorted, "{what}");
    }
}

#[test]
fn few_pairs_beyond_the_limits_of_both_sides_are_visited() {
    let mut random = Random(19);
    let (n, dim, k) = (300, 128, 700);
    let (left, centers) = (values(&mut random, Kind::Plain, n, dim), values(&mut random, Kind::Plain, k, dim));
    let truth = exact(&left, &centers, dim);
    let least = |of: &mut dyn Iterator<Item = f64>| of.fold(f64::INFINITY, f64::min) * 0.999;
    let rows = Rows::from_f32(&left, dim);
    for kernels in all() {
        let panel = Panel::new(kernels, &centers, dim, None);
        let mut row_limits: Vec<f64> = truth.iter().map(|row| least(&mut row.iter().copied())).collect();
        let mut center_limits: Vec<f64> =
            (0..k).map(|center| least(&mut truth.iter().map(|row| row[center]))).collect();
        // A thousandth below the nearest is far more than the error; one center wants all.
        center_limits[600] = f64::INFINITY;
        let mut visited = Vec::new();
        let scratch = &mut PanelScratch::default();
        kernels.candidates_both(rows, None, &panel, &mut row_limits, &mut center_limits, scratch, |row, c, _, _, _| {
            visited.push((row, c));
        });
        assert_eq!(visited, (0..n).map(|row| (row, 600)).collect::<Vec<_>>());
    }
}

#[test]
fn bounds_and_answers_hold_for_hostile_values() {
    let mut random = Random(11);
    for kind in KINDS {
        for (n, dim, k) in [(9, 1, 1), (20, 2, 15), (33, 16, 16), (33, 17, 17), (20, 48, 64), (10, 513, 33)] {
            let left = values(&mut random, kind, n, dim);
            let mut centers = values(&mut random, kind, k, dim);
            // Some centers are rows: distances of zero.
            for i in (0..k.min(n)).step_by(3) {
                centers[i * dim..(i + 1) * dim].copy_from_slice(&left[i * dim..(i + 1) * dim]);
            }
            let offset = values(&mut random, kind, 1, dim);
            for kernels in all() {
                for offset in [None, Some(offset.as_slice())] {
                    let what = format!("{kind:?} {n}x{dim}x{k} {kernels:?} offset {}", offset.is_some());
                    check(kernels, &left, Rows::from_f32(&left, dim), &centers, offset, &what);
                }
            }
        }
    }
}

#[test]
fn blocks_and_tiles_join_without_a_seam() {
    let mut random = Random(12);
    for (n, dim, k) in [(1030, 3, 5), (40, 5, 513), (40, 5, 1100), (1025, 4, 530)] {
        let (left, centers) = (values(&mut random, Kind::Ties, n, dim), values(&mut random, Kind::Plain, k, dim));
        for kernels in all() {
            check(kernels, &left, Rows::from_f32(&left, dim), &centers, None, &format!("{n}x{dim}x{k} {kernels:?}"));
        }
    }
}

#[test]
fn every_storage_type_is_taken() {
    let mut random = Random(13);
    let (n, dim, k) = (21, 19, 18);
    for dtype in DTYPES {
        let block = match dtype {
            Dtype::F32 => Block::F32(random.normals(n * dim)),
            Dtype::F16 => Block::F16(
                (0..n * dim).map(|_| f16::from_f32((random.normal() * 20000.0).clamp(-65504.0, 65504.0))).collect(),
            ),
            Dtype::Bf16 => Block::Bf16((0..n * dim).map(|_| bf16::from_f32(random.normal())).collect()),
            other => random.block(other, n * dim),
        };
        let mut left = vec![0.0; n * dim];
        scalar().widen(block.rows(dim), &mut left);
        let centers: Vec<f32> = left[..k * dim].iter().map(|v| v * (1.0 + 0.1 * random.normal())).collect();
        for kernels in all() {
            check(kernels, &left, block.rows(dim), &centers, None, &format!("{dtype:?}"));
            check(kernels, &left, block.rows(dim), &centers, Some(&centers[..dim]), &format!("{dtype:?} offset"));
        }
    }
}

#[test]
fn norms_given_or_computed_make_no_difference() {
    let mut random = Random(14);
    let (n, dim, k) = (50, 40, 21);
    let (left, centers) = (values(&mut random, Kind::FarMean, n, dim), values(&mut random, Kind::FarMean, k, dim));
    let rows = Rows::from_f32(&left, dim);
    for kernels in all() {
        for offset in [None, Some(&left[..dim])] {
            let panel = Panel::new(kernels, &centers, dim, offset);
            let mut norms = vec![0.0; n];
            match offset {
                Some(offset) => kernels.sq_norms_offset(rows, offset, &mut norms),
                None => kernels.sq_norms(rows, &mut norms),
            }
            let run = |norms: Option<&[f64]>| {
                let mut out = vec![EMPTY; n];
                kernels.nearest(rows, norms, &panel, &mut PanelScratch::default(), &mut out);
                out
            };
            assert_eq!(run(Some(&norms)), run(None), "{kernels:?}");
        }
    }
}

#[test]
fn an_offset_near_the_mean_leaves_less_in_doubt() {
    let mut random = Random(15);
    let (n, dim, k) = (100, 64, 10);
    let (left, centers) = (values(&mut random, Kind::FarMean, n, dim), values(&mut random, Kind::FarMean, k, dim));
    let doubtful = |offset: Option<&[f32]>| {
        let kernels = Kernels::best();
        let panel = Panel::new(kernels, &centers, dim, offset);
        let mut out = vec![EMPTY; n];
        kernels.nearest(Rows::from_f32(&left, dim), None, &panel, &mut PanelScratch::default(), &mut out);
        out.iter().filter(|nearest| !nearest.is_certain()).count()
    };
    assert!(doubtful(None) > n / 2);
    assert_eq!(doubtful(Some(&[300.0; 64])), 0);
}

#[test]
fn few_pairs_beyond_the_limit_are_visited() {
    let mut random = Random(16);
    let (n, dim, k) = (500, 128, 100);
    let (left, centers) = (values(&mut random, Kind::Plain, n, dim), values(&mut random, Kind::Plain, k, dim));
    let truth = exact(&left, &centers, dim);
    let limits: Vec<f64> = truth.iter().map(|t| t[lowest_of_least(t) as usize] * 0.999).collect();
    for kernels in all() {
        let panel = Panel::new(kernels, &centers, dim, None);
        let mut visited = 0;
        let rows = Rows::from_f32(&left, dim);
        kernels.candidates_below(rows, None, &panel, &limits, &mut PanelScratch::default(), |_, _| visited += 1);
        assert_eq!(visited, 0, "a thousandth below the nearest, far more than the error");
        let zero = vec![0.0; n];
        kernels.candidates_below(rows, None, &panel, &zero, &mut PanelScratch::default(), |_, _| visited += 1);
        assert_eq!(visited, 0, "no distance is below zero");
    }
}

#[test]
fn one_huge_center_costs_the_others_nothing() {
    let mut random = Random(17);
    let (n, dim, k) = (200, 32, 20);
    let left = values(&mut random, Kind::Plain, n, dim);
    let mut centers = values(&mut random, Kind::Plain, k, dim);
    centers[5 * dim..6 * dim].fill(1e30);
    let truth = exact(&left, &centers, dim);
    let limits: Vec<f64> = truth.iter().map(|t| t[lowest_of_least(t) as usize] * 0.999).collect();
    for kernels in all() {
        let panel = Panel::new(kernels, &centers, dim, None);
        let mut visited = Vec::new();
        let rows = Rows::from_f32(&left, dim);
        kernels.candidates_below(rows, None, &panel, &limits, &mut PanelScratch::default(), |_, c| visited.push(c));
        assert_eq!(visited, vec![5; n], "its pairs are open, all others decided");
    }
}

#[test]
fn panel_products_keep_their_bound() {
    let mut random = Random(18);
    for kind in [Kind::Plain, Kind::FarMean, Kind::Subnormal] {
        for (n, dim, k) in [(1, 1, 1), (7, 5, 3), (40, 33, 17), (33, 513, 40), (3, 4097, 2)] {
            let (left, right) = (values(&mut random, kind, n, dim), values(&mut random, kind, k, dim));
            for kernels in all() {
                let mut out = vec![f32::NAN; n * k];
                kernels.panel_dots(&left, &right, dim, &mut out);
                let dot =
                    |x: &[f32], y: &[f32]| -> f64 { x.iter().zip(y).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum() };
                for (i, x) in left.chunks_exact(dim).enumerate() {
                    for (j, y) in right.chunks_exact(dim).enumerate() {
                        let bound =
                            dot_error(dim) * (dot(x, x) * dot(y, y)).sqrt() + dim as f64 * f64::from(f32::MIN_POSITIVE);
                        let error = (f64::from(out[i * k + j]) - dot(x, y)).abs();
                        assert!(error <= bound, "{kind:?} {dim} {kernels:?}: {error} > {bound}");
                    }
                }
            }
        }
    }
}

#[test]
fn rounding_by_the_offset_is_allowed_for() {
    // One value per row, rows and center on either side of the offset in different binades.
    let mut random = Random(21);
    for _ in 0..100 {
        let left: Vec<f32> = (0..1000).map(|_| (1.0 + 0.05 * random.unit()) as f32).collect();
        let center = [-(1.0 - 0.05 * random.unit()) as f32];
        let offset = [((random.unit() - 0.5) * 4e-7) as f32];
        let (rows, truth) = (Rows::from_f32(&left, 1), exact(&left, &center, 1));
        for kernels in all() {
            let panel = Panel::new(kernels, &center, 1, Some(&offset));
            check_filter(kernels, rows, &panel, &truth, "offset");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_shape_is_searched_rightly(n in 1_usize..40, dim in 1_usize..70, k in 1_usize..70, kind in 0_usize..6, seed: u64) {
        let mut random = Random(seed);
        let (left, centers) = (values(&mut random, KINDS[kind], n, dim), values(&mut random, KINDS[kind], k, dim));
        let offset = random.normals(dim);
        for kernels in all() {
            check(kernels, &left, Rows::from_f32(&left, dim), &centers, None, "plain");
            check(kernels, &left, Rows::from_f32(&left, dim), &centers, Some(&offset), "offset");
        }
    }
}

#[test]
fn no_rows_are_fine() {
    for kernels in all() {
        let panel = Panel::new(kernels, &[1.0, 2.0], 2, None);
        let (rows, mut scratch) = (Rows::from_f32(&[], 2), PanelScratch::default());
        kernels.nearest(rows, None, &panel, &mut scratch, &mut []);
        kernels.assign(rows, Some(&[]), &panel, &mut scratch, &mut []);
    }
}
