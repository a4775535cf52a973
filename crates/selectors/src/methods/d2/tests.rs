use super::*;
use crate::selection::Reason;
use crate::testing::{LinePool, line_pool, mixture_pool, picks_of, select_rows, values_of};

/// The worth of every row by the book: all pairs, all rows looked at for every pick.
fn by_the_book(values: &[f32], dim: usize, importance: &[f64], settings: &D2, budget: usize) -> Vec<(usize, f64)> {
    let n = importance.len();
    let sq_dist = |a: usize, b: usize| -> f64 {
        (0..dim).map(|i| (f64::from(values[a * dim + i]) - f64::from(values[b * dim + i])).powi(2)).sum()
    };
    let neighbors: Vec<Vec<(f64, usize)>> = (0..n)
        .map(|row| {
            let mut others: Vec<(f64, usize)> =
                (0..n).filter(|other| *other != row).map(|other| (sq_dist(row, other), other)).collect();
            others.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
            others.truncate(settings.k);
            others
        })
        .collect();
    let fade = |rate: f64, sq: f64| (-rate * if settings.kernel_power == 2 { sq } else { sq.sqrt() }).exp();
    let mut worth: Vec<f64> = (0..n)
        .map(|row| {
            let sent: f64 = neighbors[row].iter().map(|(sq, other)| fade(1.0, *sq) * importance[*other]).sum();
            if settings.forward == Forward::Sum { importance[row] + sent } else { importance[row] * sent }
        })
        .collect();
    let mut left: Vec<usize> = (0..n).collect();
    let mut picks = Vec::new();
    for _ in 0..budget {
        let best = left.iter().copied().fold(left[0], |best, row| if worth[row] > worth[best] { row } else { best });
        left.retain(|row| *row != best);
        picks.push((best, worth[best]));
        if worth[best] > 0.0 {
            for (sq, other) in &neighbors[best] {
                worth[*other] -=
                    worth[best] * if settings.reverse == Reverse::Weighted { fade(settings.gamma, *sq) } else { 1.0 };
            }
        }
    }
    picks
}

#[test]
fn the_worked_example() {
    let settings = D2 { k: 2, gamma: 1.0, ..D2::default() };
    let values = [0.0_f32, 0.1, 0.3, 2.0, 2.2];
    let importance = [1.0, 0.5, 0.8, 0.6, 0.9];
    let book = by_the_book(&values, 1, &importance, &settings, 3);
    assert_eq!(book.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [1, 4, 3]);
    let pool = line_pool(&values);
    let mut ctx = Context::new(&crate::Settings::default()).unwrap_or_else(|error| panic!("{error}"));
    let checked = CheckedPool::new(&pool.pool(), &mut ctx).unwrap_or_else(|error| panic!("{error}"));
    let graph = knn(&checked, 2, &ctx).unwrap_or_else(|error| panic!("{error}"));
    let messages = Messages::new(&settings, &graph, &importance);
    let picks = settings.pick(&checked, &importance, 3, &ctx).unwrap_or_else(|error| panic!("{error}"));
    let expected = [2.045073, 2.059822, 1.950184, 1.483004, 1.510893];
    for (row, expected) in expected.iter().enumerate() {
        assert!((messages.before[row] - expected).abs() < 1e-6, "row {row}");
    }
    let expected = [(1, 2.059822), (4, 1.510893), (3, 0.245990)];
    for (pick, (row, value)) in picks.iter().zip(expected) {
        assert!(pick.row == row && (pick.score - value).abs() < 1e-6, "{pick:?}");
    }
}

#[test]
fn equals_the_book_with_every_setting() {
    let pool = mixture_pool(300, 3, 5);
    let values = values_of(&pool);
    let scores: Vec<f64> = (0..300).map(|row| f64::from(row * 37 % 101)).collect();
    let importance: Vec<f64> = scores.iter().map(|score| score / 100.0).collect();
    let scored = LinePool { known: crate::Annotations { scores: Some(scores), ..Default::default() }, ..pool };
    for (forward, reverse, kernel_power) in [
        (Forward::Sum, Reverse::Weighted, 1),
        (Forward::Product, Reverse::Weighted, 2),
        (Forward::Sum, Reverse::Absolute, 1),
    ] {
        let settings = D2 { k: 7, gamma: 0.3, kernel_power, forward, reverse, ..D2::default() };
        let selection = select_rows(&settings, &scored, 300, 0).unwrap_or_else(|error| panic!("{error}"));
        let book = by_the_book(&values, 3, &importance, &settings, 300);
        let worst = selection.picks.iter().zip(&book).map(|(pick, (_, worth))| (pick.score - worth).abs());
        assert!(worst.fold(0.0, f64::max) < 1e-9, "{settings:?}");
        assert_eq!(selection.rows(), book.iter().map(|(row, _)| *row).collect::<Vec<_>>(), "{settings:?}");
    }
}

#[test]
fn labeled_rows_speak_first() {
    let mut pool = line_pool(&[0.0, 0.01, 0.02, 5.0, 5.02, 5.04]);
    let settings = D2 { k: 2, ..D2::default() };
    assert_eq!(picks_of(&settings, &pool, 1, 0), [1]);
    pool.labeled = vec![1];
    assert_eq!(picks_of(&settings, &pool, 1, 0), [4]);
}

#[test]
fn strata_share_the_budget_and_the_hardest_are_cut_off() {
    let mut pool = mixture_pool(200, 4, 2);
    pool.known.scores = Some((0..200).map(f64::from).collect());
    let settings = D2 { strata: 4, beta: 0.1, k: 3, ..D2::default() };
    let selection = select_rows(&settings, &pool, 40, 0).unwrap_or_else(|error| panic!("{error}"));
    let rows = selection.rows();
    assert!(rows.iter().all(|row| *row < 180));
    for quarter in 0..4 {
        assert_eq!(rows.iter().filter(|row| **row / 45 == quarter).count(), 10, "{rows:?}");
    }
    assert!(selection.picks.iter().all(|pick| matches!(pick.reason, Reason::Message { .. })));
    pool.known.scores = None;
    assert!(select_rows(&settings, &pool, 40, 0).is_err_and(|error| error.to_string().contains("scores")));
}

#[test]
fn infinite_scores_count_as_the_greatest_finite_one() {
    let mut pool = mixture_pool(60, 3, 4);
    let scores: Vec<f64> = (0..60).map(|row| f64::from(row * 7 % 60)).collect();
    let picks = |pool: &LinePool, settings: &D2| picks_of(settings, pool, 60, 0);
    let (high, low) = (D2 { k: 4, ..D2::default() }, D2 { k: 4, hard: Hard::Low, ..D2::default() });
    pool.known.scores = Some(scores.clone());
    let expected = [picks(&pool, &high), picks(&pool, &low)];
    let ends = |score: f64| match score {
        59.0 => f64::INFINITY,
        0.0 => f64::NEG_INFINITY,
        score => score,
    };
    // Beside a row of 58 and one of 1, which are the greatest and the least finite ones now.
    let shrunk = |score: f64| score.clamp(1.0, 58.0);
    pool.known.scores = Some(scores.iter().copied().map(ends).collect());
    let infinite = [picks(&pool, &high), picks(&pool, &low)];
    pool.known.scores = Some(scores.iter().copied().map(shrunk).collect());
    assert_eq!(infinite, [picks(&pool, &high), picks(&pool, &low)]);
    assert_ne!(infinite, expected);
}
