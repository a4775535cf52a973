use super::*;
use crate::testing::{chi_square_ok, line_pool, matrix_pool, picks_of, select_rows};

fn worked() -> crate::testing::LinePool {
    matrix_pool(vec![3., 4., 0., 1., -1., 1., 0., 0., 0., 2., 0., -2.], 3)
}

#[test]
fn norms_match_the_worked_example() {
    let checked = |norm| {
        let selection = select_rows(&Norm { norm, pick: PickRule::Largest }, &worked(), 4, 0);
        selection.map(|s| s.picks.iter().map(|p| (p.row, p.score)).collect::<Vec<_>>()).unwrap_or_default()
    };
    assert_eq!(checked(NormName::L1), [(0, 7.0), (3, 4.0), (1, 3.0), (2, 0.0)]);
    assert_eq!(checked(NormName::L2), [(0, 5.0), (3, 8f64.sqrt()), (1, 3f64.sqrt()), (2, 0.0)]);
    assert_eq!(checked(NormName::Linf), [(0, 4.0), (3, 2.0), (1, 1.0), (2, 0.0)]);
}

#[test]
fn the_first_draw_is_in_proportion_to_the_norm() {
    for (norm, p) in [
        (NormName::L1, [0.5, 0.214286, 0.0, 0.285714]),
        (NormName::L2, [0.522986, 0.181168, 0.0, 0.295846]),
        (NormName::Linf, [0.571429, 0.142857, 0.0, 0.285714]),
    ] {
        let mut counts = [0u32; 4];
        let selector = Norm { norm, pick: PickRule::Drawn };
        (0..6000).for_each(|seed| counts[picks_of(&selector, &worked(), 1, seed)[0]] += 1);
        assert!(chi_square_ok(&counts, &p));
    }
}

#[test]
fn inclusion_probabilities_are_those_of_successive_sampling() {
    // Not budget * w / sum(w): the worked figures of successive sampling for weights 1, 2, 3, 4.
    let pool = line_pool(&[1.0, -2.0, 3.0, 4.0]);
    for (budget, p) in [(2, [0.234524, 0.441270, 0.608333, 0.715873]), (3, [0.448810, 0.758730, 0.870238, 0.922222])] {
        let runs = 20_000;
        let mut counts = [0u32; 4];
        for seed in 0..runs {
            picks_of(&Norm::default(), &pool, budget, seed).into_iter().for_each(|row| counts[row] += 1);
        }
        for (count, p) in counts.iter().zip(p) {
            let error = (p * (1.0 - p) / f64::from(runs as u32)).sqrt();
            let off = (f64::from(*count) / f64::from(runs as u32) - p).abs();
            assert!(off < 4.5 * error, "{off} is over 4.5 standard errors, false alarm 7e-6 a row");
        }
    }
}

#[test]
fn zero_rows_come_last_and_uniformly() {
    let pool = line_pool(&[0.0, 5.0, 0.0, 1.0, 0.0]);
    let mut third = [0u32; 5];
    for seed in 0..3000 {
        let rows = picks_of(&Norm::default(), &pool, 3, seed);
        assert!(rows[..2].contains(&1) && rows[..2].contains(&3));
        third[rows[2]] += 1;
    }
    assert!(chi_square_ok(&third, &[1.0, 0.0, 1.0, 0.0, 1.0]));
}

#[test]
fn scaling_the_pool_changes_no_pick() {
    let values: Vec<f32> = (1..200).map(|i| (i * 37 % 101) as f32 + 1.0).collect();
    let scaled: Vec<f32> = values.iter().map(|v| v * 1024.0).collect();
    assert_eq!(
        picks_of(&Norm::default(), &line_pool(&values), 20, 3),
        picks_of(&Norm::default(), &line_pool(&scaled), 20, 3)
    );
}

#[test]
fn large_values_do_not_overflow() {
    let pool = matrix_pool(vec![3e38, 3e38, 1e38, 0.0, 0.0, 0.0], 2);
    let selector = Norm { norm: NormName::L2, pick: PickRule::Largest };
    assert_eq!(picks_of(&selector, &pool, 3, 0), [0, 1, 2]);
}

#[test]
fn warns_where_norms_hardly_vary() {
    let warned = |values: &[f32]| {
        select_rows(&Norm::default(), &line_pool(values), 1, 0)
            .is_ok_and(|s| s.warnings.iter().any(|w| w.contains("uniform sampling")))
    };
    assert!(warned(&[1.0, -1.0, 1.0]));
    assert!(warned(&[0.0, 0.0]));
    assert!(!warned(&[1.0, 2.0, 3.0]));
}
