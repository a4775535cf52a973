//! Rows as codes of either width: bounds hold on hostile values, filters drop nothing, counts are those of a full search.

mod common;

use common::{DTYPES, KINDS, Random, exact, fast, scalar, values};
use proptest::prelude::*;
use subsel_kernels::{Block, CodeWidth, Codes, CodesFrame, CodesPanel, CodesScratch, Dtype, Kernels, Rows};

fn all() -> impl Iterator<Item = (Kernels, CodeWidth)> {
    fast().chain([scalar()]).flat_map(|kernels| CodeWidth::ALL.map(|width| (kernels, width)))
}

/// Rows that have one value each, rows of zeros, duplicates, small whole numbers, and magnitudes at the ends of `f32`.
fn odd(random: &mut Random, what: usize, rows: usize, dim: usize) -> Vec<f32> {
    let mut out = vec![0.0; rows * dim];
    for (number, row) in out.chunks_exact_mut(dim).enumerate() {
        match what {
            0 => row[random.bits() as usize % dim] = 1.0 + random.normal(),
            1 if number % 3 > 0 => row.fill(-2.5),
            1 => {}
            2 => row.iter_mut().for_each(|v| *v = (random.bits() % 3) as f32 - 1.0),
            3 => row.iter_mut().for_each(|v| *v = 1e30 * random.normal()),
            4 => row.iter_mut().for_each(|v| *v = 1e-30 * random.normal()),
            // A far common mean, one value of which outweighs all.
            _ => row.iter_mut().enumerate().for_each(|(i, v)| {
                *v = random.normal() + if i == dim / 2 { 1e6 } else { 500.0 };
            }),
        }
    }
    out
}

fn encoded((kernels, width): (Kernels, CodeWidth), rows: Rows<'_>, frame: &CodesFrame) -> Codes {
    // Longer rows were there before.
    let mut codes = Codes::default();
    kernels.encode(Rows::from_f32(&[3.0; 600], 200), &CodesFrame::new(&[0.5; 200]), width, &mut codes);
    kernels.encode(rows, frame, width, &mut codes);
    codes
}

fn ranked(of: &[f64], rank: usize) -> f64 {
    let mut sorted = of.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[rank].next_up()
}

/// Checks all verbs on one set of rows and panel, turned and not; `left` is compared as `f32`, in which it is exact.
fn check(by: (Kernels, CodeWidth), left: &[f32], rows: Rows<'_>, right: &[f32], center: &[f32], what: &str) {
    let (kernels, dim) = (by.0, rows.dim());
    let (truth, among) = (exact(left, right, dim), exact(left, left, dim));
    for frame in [CodesFrame::new(center), CodesFrame::straight(center)] {
        let (codes, mut panel) = (encoded(by, rows, &frame), CodesPanel::default());
        panel.pack(&encoded(by, Rows::from_f32(&[7.0; 200 * 40], 200), &CodesFrame::new(&[0.0; 200])));
        panel.pack(&encoded(by, Rows::from_f32(right, dim), &frame));
        check_both(kernels, &codes, &panel, &truth, what);
        check_nearest(kernels, &codes, &panel, &truth, what);
        check_counts(kernels, &codes, &panel, &truth, what);
        panel.pack(&codes);
        check_shortfalls(kernels, &codes, &panel, &among, what);
    }
}

/// Every pair below a limit of its row or its center is visited, once and in order, with bounds that hold.
fn check_both(kernels: Kernels, codes: &Codes, panel: &CodesPanel, truth: &[Vec<f64>], what: &str) {
    let (n, k) = (codes.len(), panel.len());
    let columns: Vec<Vec<f64>> = (0..k).map(|center| truth.iter().map(|row| row[center]).collect()).collect();
    for (rank, turn) in [(0, 0), (0, 1), (0, 2), (n.min(k) / 2, 0), (n.min(k) / 2, 3), (0, 4)] {
        // Some sides want nothing, or everything.
        let limit = |side: usize, of: &[f64]| match (side + turn) % 4 {
            _ if turn == 4 => f64::INFINITY,
            0 if turn > 0 => 0.0,
            1 if turn > 1 => f64::INFINITY,
            _ => ranked(of, rank),
        };
        let row_limits: Vec<f64> = truth.iter().enumerate().map(|(side, of)| limit(side, of)).collect();
        let panel_limits: Vec<f64> = columns.iter().enumerate().map(|(side, of)| limit(side + 1, of)).collect();
        let (mut a, mut b) = (row_limits.clone(), panel_limits.clone());
        let (mut visited, mut last_row) = (vec![Vec::new(); n], vec![0; k]);
        let scratch = &mut CodesScratch::default();
        kernels.coarse_candidates_both(codes, panel, &mut a, &mut b, scratch, |row, center, pair, x, y| {
            let sq_dist = truth[row][center];
            assert!(pair.low <= sq_dist && sq_dist <= pair.high, "{what}: {row} {center} {pair:?} {sq_dist}");
            assert_eq!((*x, *y), (row_limits[row], panel_limits[center]), "{what}");
            assert!(last_row[center] <= row, "{what}: rows ascend");
            last_row[center] = row;
            visited[row].push(center);
        });
        for (row, visited) in visited.iter().enumerate() {
            assert!(visited.is_sorted_by(|a, b| a < b), "{what}: {visited:?}");
            for center in 0..k {
                let below = truth[row][center] < row_limits[row] || truth[row][center] < panel_limits[center];
                assert!(!below || visited.binary_search(&center).is_ok(), "{what}: {row} {center} at {rank}, {turn}");
            }
        }
    }
}

/// With limits that shrink, the three nearest of each row and of each row of the panel are found.
fn check_nearest(kernels: Kernels, codes: &Codes, panel: &CodesPanel, truth: &[Vec<f64>], what: &str) {
    let (n, k) = (codes.len(), panel.len());
    let (mut row_limits, mut panel_limits) = (vec![f64::INFINITY; n], vec![f64::INFINITY; k]);
    let (mut of_rows, mut of_panel) = (vec![Vec::new(); n], vec![Vec::new(); k]);
    let enter = |list: &mut Vec<f64>, sq_dist: f64, limit: &mut f64| {
        if sq_dist < *limit {
            list.push(sq_dist);
            list.sort_by(f64::total_cmp);
            list.truncate(3);
            *limit = if list.len() == 3 { list[2] } else { *limit };
        }
    };
    let scratch = &mut CodesScratch::default();
    kernels.coarse_candidates_both(
        codes,
        panel,
        &mut row_limits,
        &mut panel_limits,
        scratch,
        |row, center, _, x, y| {
            enter(&mut of_rows[row], truth[row][center], x);
            enter(&mut of_panel[center], truth[row][center], y);
        },
    );
    let columns: Vec<Vec<f64>> = (0..k).map(|center| truth.iter().map(|row| row[center]).collect()).collect();
    for (list, truth) in of_rows.iter().zip(truth).chain(of_panel.iter().zip(&columns)) {
        let mut sorted = truth.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.truncate(3);
        assert_eq!(list, &sorted, "{what}");
    }
}

/// Counts of pairs below a limit are canonical on both sides, and no pair is asked about twice.
fn check_counts(kernels: Kernels, codes: &Codes, panel: &CodesPanel, truth: &[Vec<f64>], what: &str) {
    let (n, k) = (codes.len(), panel.len());
    let all = truth.concat();
    let some = [0, n * k / 3, n * k / 2, n * k - 1].map(|rank| ranked(&all, rank).next_down());
    for limit in some.into_iter().flat_map(|v| [v, v.next_up(), 1.1 * v]).chain([f64::INFINITY, f64::NAN]) {
        let (mut of_rows, mut of_panel, mut asked) = (vec![1; n], vec![2; k], vec![false; n * k]);
        let scratch = &mut CodesScratch::default();
        kernels.coarse_count_within(codes, panel, limit, scratch, &mut of_rows, &mut of_panel, |row, center| {
            assert!(!std::mem::replace(&mut asked[row * k + center], true), "{what} at {limit}: {row} {center}");
            truth[row][center] < limit
        });
        let count = |pairs: &mut dyn Iterator<Item = f64>| pairs.filter(|v| *v < limit).count() as u32;
        let want: Vec<u32> = truth.iter().map(|row| 1 + count(&mut row.iter().copied())).collect();
        assert_eq!(of_rows, want, "{what} at {limit}");
        let want: Vec<u32> = (0..k).map(|center| 2 + count(&mut truth.iter().map(|row| row[center]))).collect();
        assert_eq!(of_panel, want, "{what} at {limit}");
    }
}

/// What distances of each row to the others lack to a limit, in all.
fn lacking(truth: &[Vec<f64>], limit: f64) -> Vec<f64> {
    let of_row = |(row, of): (usize, &Vec<f64>)| {
        let others = of.iter().enumerate().filter(|(other, _)| *other != row);
        others.map(|(_, sq_dist)| (limit - sq_dist).max(0.0)).sum()
    };
    truth.iter().enumerate().map(of_row).collect()
}

/// Shortfalls are no less than what distances lack to a limit.
fn check_shortfalls(kernels: Kernels, codes: &Codes, panel: &CodesPanel, truth: &[Vec<f64>], what: &str) {
    let all = truth.concat();
    for limit in [0, all.len() / 9, all.len() / 2, all.len() - 1].map(|rank| ranked(&all, rank)) {
        // Other values were there before.
        let mut out = vec![-7.0; codes.len()];
        kernels.coarse_shortfalls(codes, panel, limit, &mut CodesScratch::default(), &mut out);
        for (found, least) in out.iter().zip(lacking(truth, limit)) {
            assert!(*found >= least * (1.0 - 1e-12), "{what} at {limit}: {found} for {least}");
        }
    }
}

fn mean(rows: &[f32], dim: usize) -> Vec<f32> {
    let mut sums = vec![0.0; dim];
    scalar().sums(Rows::from_f32(rows, dim), &mut sums);
    sums.iter().map(|sum| (sum / (rows.len() / dim) as f64) as f32).collect()
}

#[test]
fn bounds_and_answers_hold_for_hostile_values() {
    let mut random = Random(31);
    for (n, dim, k) in [(9, 1, 1), (20, 2, 15), (33, 16, 16), (33, 17, 17), (70, 48, 64), (10, 513, 33), (5, 1030, 50)]
    {
        for kind in 0..KINDS.len() + 6 {
            let mut draw = |rows: usize| match KINDS.get(kind) {
                Some(kind) => values(&mut random, *kind, rows, dim),
                None => odd(&mut random, kind - KINDS.len(), rows, dim),
            };
            let (left, mut right, center) = (draw(n), draw(k), draw(1));
            // Some rows are in both: distances of zero.
            for i in (0..k.min(n)).step_by(3) {
                right[i * dim..(i + 1) * dim].copy_from_slice(&left[i * dim..(i + 1) * dim]);
            }
            for by in all() {
                for center in [vec![0.0; dim], mean(&left, dim), center.clone()] {
                    let what = format!("{kind} {n}x{dim}x{k} {by:?}");
                    check(by, &left, Rows::from_f32(&left, dim), &right, &center, &what);
                }
            }
        }
    }
}

#[test]
fn every_storage_type_is_taken() {
    let mut random = Random(32);
    let (n, dim, k) = (41, 67, 18);
    for dtype in DTYPES {
        let block = match dtype {
            Dtype::F32 => Block::F32(random.normals(n * dim)),
            other => random.block(other, n * dim),
        };
        let mut left = vec![0.0; n * dim];
        scalar().widen(block.rows(dim), &mut left);
        for by in all() {
            check(by, &left, block.rows(dim), &left[..k * dim], &left[..dim], &format!("{dtype:?}"));
        }
    }
}

#[test]
fn few_pairs_beyond_the_limits_are_visited_and_few_are_left_open() {
    let mut random = Random(33);
    let (n, dim) = (400, 512);
    // Far from zero, with a few values that outweigh all others: what centering and turning are for.
    let mut rows = values(&mut random, KINDS[1], n, dim);
    rows.chunks_exact_mut(dim).for_each(|row| row[7] += 30.0 * random.normal());
    let truth = exact(&rows, &rows, dim);
    let center = mean(&rows, dim);
    for by in all() {
        let codes = encoded(by, Rows::from_f32(&rows, dim), &CodesFrame::new(&center));
        assert!(codes.relative_errors().all(|error| error < 0.012), "{:?}", codes.relative_errors().next());
        let mut panel = CodesPanel::default();
        panel.pack(&codes);
        // Far below the nearest but the row itself.
        let mut limits: Vec<f64> = truth.iter().map(|row| 0.9 * ranked(row, 1)).collect();
        let (mut none, mut visited) = (vec![0.0; n], Vec::new());
        let scratch = &mut CodesScratch::default();
        by.0.coarse_candidates_both(&codes, &panel, &mut limits, &mut none, scratch, |row, center, _, _, _| {
            visited.push((row, center));
        });
        assert_eq!(visited, (0..n).map(|row| (row, row)).collect::<Vec<_>>());
        let limit = ranked(&truth.concat(), n * n / 20);
        let (mut of_rows, mut of_panel, mut open) = (vec![0; n], vec![0; n], 0);
        by.0.coarse_count_within(&codes, &panel, limit, scratch, &mut of_rows, &mut of_panel, |row, center| {
            open += 1;
            truth[row][center] < limit
        });
        assert!(open < n * n / 20, "{open} of {}", n * n);
    }
}

#[test]
fn shortfalls_are_about_what_distances_lack() {
    let mut random = Random(35);
    // More rows than are taken at once, and no whole number of groups.
    let (n, dim) = (301, 130);
    let rows = random.normals(n * dim);
    let truth = exact(&rows, &rows, dim);
    for by in all() {
        let codes = encoded(by, Rows::from_f32(&rows, dim), &CodesFrame::new(&mean(&rows, dim)));
        let mut panel = CodesPanel::default();
        panel.pack(&codes);
        let (limit, mut out) = (ranked(&truth.concat(), n * n / 5), vec![0.0; n]);
        by.0.coarse_shortfalls(&codes, &panel, limit, &mut CodesScratch::default(), &mut out);
        // A distance errs by two errors, its square by twice that: of bytes less than 4 % in all, of words 0.2 %.
        let error = if by.1 == CodeWidth::Byte { 0.04 } else { 0.002 };
        let most = lacking(&truth, limit * (1.0 + error));
        for (found, most) in out.iter().zip(most) {
            assert!(*found <= most, "{by:?}: {found} for {most}");
        }
        by.0.coarse_shortfalls(&codes, &panel, f64::NAN, &mut CodesScratch::default(), &mut out);
        assert!(out.iter().all(|out| *out == f64::INFINITY));
    }
}

#[test]
fn one_huge_row_costs_the_others_nothing() {
    let mut random = Random(34);
    let (n, dim) = (200, 64);
    let mut right = random.normals(n * dim);
    right[5 * dim..6 * dim].fill(1e30);
    let left = random.normals(n * dim);
    let truth = exact(&left, &right, dim);
    for by in all() {
        let frame = CodesFrame::new(&vec![0.0; dim]);
        let (codes, mut panel) = (encoded(by, Rows::from_f32(&left, dim), &frame), CodesPanel::default());
        panel.pack(&encoded(by, Rows::from_f32(&right, dim), &frame));
        let mut limits: Vec<f64> = truth.iter().map(|row| 0.8 * ranked(row, 0)).collect();
        let mut visited = Vec::new();
        let scratch = &mut CodesScratch::default();
        let mut none = vec![0.0; n];
        by.0.coarse_candidates_both(&codes, &panel, &mut limits, &mut none, scratch, |_, center, _, _, _| {
            visited.push(center);
        });
        assert_eq!(visited, vec![5; n], "its pairs are open, all others decided");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_shape_is_searched_rightly(n in 1_usize..70, dim in 1_usize..140, k in 1_usize..70, kind in 0_usize..12, seed: u64) {
        let mut random = Random(seed);
        let mut draw = |rows: usize| match KINDS.get(kind) {
            Some(kind) => values(&mut random, *kind, rows, dim),
            None => odd(&mut random, kind - KINDS.len(), rows, dim),
        };
        let (left, right) = (draw(n), draw(k));
        let center = mean(&right, dim);
        for by in all() {
            check(by, &left, Rows::from_f32(&left, dim), &right, &center, "any shape");
        }
    }
}

#[test]
fn no_rows_are_fine() {
    for by in all() {
        let frame = CodesFrame::new(&[1.0, 2.0]);
        let none = encoded(by, Rows::from_f32(&[], 2), &frame);
        let (one, mut panel) = (encoded(by, Rows::from_f32(&[1.0, 2.0], 2), &frame), CodesPanel::default());
        let mut scratch = CodesScratch::default();
        panel.pack(&one);
        by.0.coarse_candidates_both(&none, &panel, &mut [], &mut [1.0], &mut scratch, |_, _, _, _, _| {});
        panel.pack(&none);
        by.0.coarse_count_within(&one, &panel, 1.0, &mut scratch, &mut [0], &mut [], |_, _| false);
        assert!(none.is_empty() && panel.is_empty());
    }
}
