use super::*;
use crate::outputs::{OutputKind, Outputs};
use crate::testing::{LinePool, chi_square_ok, matrix_pool, mixture_pool, picks_of, select_rows, values_of};

/// Features of `dim` values and probabilities of `classes`.
fn told(features: &[f32], dim: usize, kind: OutputKind, outputs: &[f32], classes: usize) -> LinePool {
    let mut pool = matrix_pool(features.to_vec(), dim);
    pool.known.outputs = Some(Outputs::new(kind, outputs.to_vec(), classes));
    pool
}

/// Rows with logits of some spread, so that some are certain.
fn mixture(n: usize, dim: usize, classes: usize) -> LinePool {
    let mut pool = mixture_pool(n, dim, 3);
    let logits = (0..n * classes).map(|i| ((i * i + 3 * i) % 31) as f32 / 4.0 * (1 + i / classes % 3) as f32);
    pool.known.outputs = Some(Outputs::new(OutputKind::Logits, logits.collect(), classes));
    pool
}

/// The textbook: every gradient is formed, of `classes * dim` values.
fn formed(pool: &LinePool) -> Vec<Vec<f64>> {
    let (values, outputs) = (values_of(pool), pool.known.outputs.as_ref().expect("given"));
    let mut p = Vec::new();
    values
        .chunks_exact(values.len() / (outputs_len(outputs)))
        .enumerate()
        .map(|(row, h)| {
            outputs.probabilities(row, 1.0, &mut p);
            let guess = outputs.class_of(row);
            let error = p.iter().enumerate().map(|(class, (p, _))| if class == guess { p - 1.0 } else { *p });
            error.flat_map(|e| h.iter().map(move |h| e * f64::from(*h))).collect()
        })
        .collect()
}

fn outputs_len(outputs: &Outputs) -> usize {
    (0..).find(|n| outputs.check(*n).is_ok()).expect("outputs of some number of rows")
}

fn sq_dist(g: &[f64], other: &[f64]) -> f64 {
    g.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum()
}

fn worked() -> LinePool {
    let p = [0.7, 0.2, 0.1, 0.4, 0.35, 0.25, 0.1, 0.1, 0.8];
    told(&[1.0, 2.0, 3.0, 0.0, 0.0, 1.0], 2, OutputKind::Probabilities, &p, 3)
}

#[test]
fn lengths_and_distances_are_those_of_the_worked_example() {
    let mut lengths = [0.0; 3];
    let mut between = None;
    for seed in 0..50 {
        let selection = select_rows(&Badge {}, &worked(), 3, seed).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(selection.picks[0].row, 1, "the longest is first");
        for pick in &selection.picks {
            let Reason::Gradient { length, distance, nearest } = pick.reason else { panic!("{:?}", pick.reason) };
            lengths[pick.row] = length * length;
            assert_eq!(pick.score, distance);
            if (pick.row, nearest) == (0, Some(1)) {
                between = Some(distance * distance);
            }
        }
    }
    for (length, expected) in lengths.into_iter().zip([0.7, 4.905, 0.06]) {
        assert!((length - expected).abs() < 1e-6, "{length} {expected}");
    }
    assert!(between.is_some_and(|between| (between - 3.955).abs() < 1e-6), "{between:?}");
}

#[test]
fn the_second_pick_and_ordered_triples_follow_the_textbook_law() {
    let features = [1.0, 0.5, -2.0, 1.0, 0.3, 0.8, 3.0, -1.0, 0.2, 0.2];
    let logits = [0.0, 1.0, 0.5, 2.0, 1.9, 0.0, 0.0, 0.1, 0.3, 1.0, 0.0, 0.9, 0.4, 0.4, 3.0];
    let pool = told(&features, 2, OutputKind::Logits, &logits, 3);
    let g = formed(&pool);
    let first = (0..5).max_by(|a, b| sq_dist(&g[*a], &[0.0; 6]).total_cmp(&sq_dist(&g[*b], &[0.0; 6]))).expect("rows");
    let (mut triples, mut p) = (Vec::new(), Vec::new());
    let total: f64 = g.iter().map(|row| sq_dist(&g[first], row)).sum();
    for second in (0..5).filter(|row| *row != first) {
        let near = |row: usize| sq_dist(&g[first], &g[row]).min(sq_dist(&g[second], &g[row]));
        let left: f64 = (0..5).map(near).sum();
        for third in (0..5).filter(|row| ![first, second].contains(row)) {
            triples.push([first, second, third]);
            p.push(sq_dist(&g[first], &g[second]) / total * near(third) / left);
        }
    }
    let mut counts = vec![0u32; triples.len()];
    for seed in 0..20_000 {
        let rows = picks_of(&Badge {}, &pool, 3, seed);
        counts[triples.iter().position(|triple| rows == *triple).unwrap_or_else(|| panic!("{rows:?}"))] += 1;
    }
    assert!(chi_square_ok(&counts, &p));
}

#[test]
fn distances_are_those_of_gradients_that_are_formed() {
    // All rows, so that rows are brought up to date one by one and by passes.
    let pool = mixture(400, 6, 4);
    let g = formed(&pool);
    let selection = select_rows(&Badge {}, &pool, 400, 5).unwrap_or_else(|error| panic!("{error}"));
    let (mut distances, mut seen): (Vec<f64>, usize) = (g.iter().map(|row| sq_dist(row, &[0.0; 24])).collect(), 0);
    for pick in selection.picks.iter().take_while(|pick| pick.reason != Reason::Fill) {
        let Reason::Gradient { distance, nearest, .. } = pick.reason else { panic!("{:?}", pick.reason) };
        let expected = distances[pick.row].sqrt();
        assert!((distance - expected).abs() <= 1e-5 * expected.max(1e-3), "{distance} {expected} {pick:?}");
        if let Some(nearest) = nearest {
            let of = sq_dist(&g[nearest], &g[pick.row]).sqrt();
            assert!((of - expected).abs() <= 1e-5 * expected.max(1e-3), "{pick:?}");
        } else {
            distances.fill(f64::INFINITY);
        }
        for (distance, row) in distances.iter_mut().zip(&g) {
            *distance = distance.min(sq_dist(&g[pick.row], row));
        }
        seen += 1;
    }
    assert!(seen > 300, "{seen}");
}

#[test]
fn labeled_rows_are_not_looked_at() {
    let mut pool = mixture(200, 5, 3);
    let all = picks_of(&Badge {}, &pool, 200, 8);
    pool.labeled = vec![all[3], all[50]];
    let rest = picks_of(&Badge {}, &pool, 2, 8);
    assert_eq!(rest[0], all[0], "the longest gradient of what is left");
    let selection = select_rows(&Badge {}, &pool, 150, 8).unwrap_or_else(|error| panic!("{error}"));
    let picked = selection.rows();
    for pick in &selection.picks {
        if let Reason::Gradient { nearest: Some(nearest), .. } = pick.reason {
            assert!(picked.contains(&nearest) && !pool.labeled.contains(&nearest));
        }
    }
}

#[test]
fn equal_gradients_and_none_at_all_are_left_for_last() {
    // Rows 1 and 4 have the gradient of row 0, 2 has zero features, 3 and 5 are certain.
    let features = [2.0, 1.0, 2.0, 1.0, 0.0, 0.0, 5.0, 5.0, 2.0, 1.0, 9.0, 1.0];
    let p = [0.6, 0.4, 0.6, 0.4, 0.5, 0.5, 1.0, 0.0, 0.6, 0.4, 0.0, 1.0];
    let pool = told(&features, 2, OutputKind::Probabilities, &p, 2);
    for seed in 0..20 {
        let selection = select_rows(&Badge {}, &pool, 6, seed).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(selection.picks[0].row, 0, "the lowest of equals");
        assert!([2, 3, 5].contains(&selection.picks[1].row), "far from the first: no gradient at all");
        assert!(selection.picks[2..].iter().all(|pick| pick.reason == Reason::Fill), "{:?}", selection.picks);
    }
    let certain = told(&[1.0, 2.0], 1, OutputKind::Probabilities, &[1.0, 0.0, 0.0, 1.0], 2);
    let selection = select_rows(&Badge {}, &certain, 2, 0).unwrap_or_else(|error| panic!("{error}"));
    assert!(selection.picks.iter().all(|pick| pick.reason == Reason::Fill));
    assert!(selection.warnings[0].contains("gradient"), "{:?}", selection.warnings);
}

#[test]
fn what_a_nearly_certain_model_doubts_is_not_rounded_away() {
    // 1 - p is 2e-9 and 1e-9: `p - 1` in half of the precision would be 0 for both.
    let pool = told(&[1.0, 1.0], 1, OutputKind::Logits, &[20.0, 0.0, 0.0, 20.7], 2);
    let selection = select_rows(&Badge {}, &pool, 2, 0).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(selection.rows(), [0, 1]);
    let Reason::Gradient { length, .. } = selection.picks[0].reason else { panic!("{:?}", selection.picks) };
    let expected = 2f64.sqrt() / (1.0 + 20f64.exp());
    assert!((length / expected - 1.0).abs() < 1e-6, "{length} {expected}");
}

#[test]
fn many_picks_are_distinct_and_nested_and_outputs_are_needed() {
    let pool = mixture(800, 6, 3);
    let all = picks_of(&Badge {}, &pool, 800, 1);
    assert_eq!(all[..300], picks_of(&Badge {}, &pool, 300, 1));
    let mut sorted = all.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), 800);
    let error = select_rows(&Badge {}, &mixture_pool(10, 2, 0), 2, 0).err().map(|error| error.to_string());
    assert_eq!(error.as_deref(), Some("`badge` needs model outputs, and the pool has none"));
}
