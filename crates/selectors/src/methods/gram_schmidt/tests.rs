use super::*;
use crate::testing::{LinePool, chi_square_ok, matrix_pool, mixture_pool, picks_of, select_rows, values_of};

/// The specification's worked example.
fn worked() -> LinePool {
    matrix_pool(vec![3., 0., 0., 2., 2., 0., 0., 1., 1., 1., 0., 2.], 3)
}

fn largest() -> GramSchmidt {
    GramSchmidt { pick: PickRule::Largest, ..GramSchmidt::default() }
}

/// The textbook, literally: residual vectors of all rows, updated after each pick.
struct Textbook {
    residuals: Vec<Vec<f64>>,
    taken: Vec<bool>,
}

impl Textbook {
    fn new(values: &[f32], dim: usize) -> Self {
        let residuals: Vec<Vec<f64>> =
            values.chunks_exact(dim).map(|row| row.iter().map(|v| f64::from(*v)).collect()).collect();
        Textbook { taken: vec![false; residuals.len()], residuals }
    }

    fn norms(&self) -> Vec<f64> {
        let norm =
            |(row, taken): (&Vec<f64>, &bool)| if *taken { 0.0 } else { row.iter().map(|v| v * v).sum::<f64>().sqrt() };
        self.residuals.iter().zip(&self.taken).map(norm).collect()
    }

    fn take(&mut self, row: usize) {
        self.taken[row] = true;
        let length = self.residuals[row].iter().map(|v| v * v).sum::<f64>().sqrt();
        let q: Vec<f64> = self.residuals[row].iter().map(|v| v / length).collect();
        for residual in &mut self.residuals {
            let product: f64 = residual.iter().zip(&q).map(|(a, b)| a * b).sum();
            residual.iter_mut().zip(&q).for_each(|(r, q)| *r -= product * q);
        }
    }

    fn largest(&mut self) -> usize {
        let norms = self.norms();
        let best = norms.iter().copied().fold(0.0, f64::max);
        let row = norms.iter().position(|norm| *norm >= best * (1.0 - 1e-12)).unwrap_or(0);
        self.take(row);
        row
    }
}

#[test]
fn defaults_are_as_documented() {
    let expected = GramSchmidt { norm: NormName::L2, pick: PickRule::Drawn, on_exhaustion: OnExhaustion::Restart };
    assert_eq!(GramSchmidt::default(), expected);
}

#[test]
fn largest_picks_match_the_worked_example() {
    let selection = select_rows(&largest(), &worked(), 4, 0).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(selection.rows(), [0, 1, 3, 2], "rows 1 and 3 tie at norm 2; the fourth comes after a restart");
    assert_eq!(selection.picks[1].score, 2.0);
    assert_eq!(selection.events["restarts"], serde_json::json!([3]));
    assert!(selection.warnings.iter().any(|warning| warning.contains("beyond the rank")));
}

#[test]
fn ordered_pairs_have_the_worked_probabilities() {
    let p = [
        ([0, 1], 0.116914),
        ([0, 3], 0.116914),
        ([0, 2], 0.082671),
        ([1, 0], 0.115777),
        ([1, 3], 0.115777),
        ([1, 2], 0.066844),
        ([2, 0], 0.062326),
        ([2, 1], 0.050889),
        ([2, 3], 0.035984),
        ([3, 0], 0.097957),
        ([3, 1], 0.097957),
        ([3, 2], 0.039991),
    ];
    let pool = worked();
    let mut counts = [0u32; 12];
    for seed in 0..20_000 {
        let rows = picks_of(&GramSchmidt::default(), &pool, 2, seed);
        let at = p.iter().position(|(pair, _)| rows == *pair);
        counts[at.unwrap_or_else(|| panic!("{rows:?} is no pair"))] += 1;
    }
    assert!(chi_square_ok(&counts, &p.map(|(_, p)| p)));
}

#[test]
fn every_norm_draws_ordered_triples_by_the_textbook_law() {
    let pool = worked();
    let values = [3f32, 0., 0., 2., 2., 0., 0., 1., 1., 1., 0., 2.];
    for norm in [NormName::L1, NormName::L2, NormName::Linf] {
        let measure = |row: &[f64]| match norm {
            NormName::L1 => row.iter().map(|v| v.abs()).sum::<f64>(),
            NormName::L2 => row.iter().map(|v| v * v).sum::<f64>().sqrt(),
            NormName::Linf => row.iter().fold(0.0, |most: f64, v| most.max(v.abs())),
        };
        let mut triples = Vec::new();
        enumerate(&Textbook::new(&values, 3), &measure, &mut Vec::new(), 1.0, &mut triples);
        let mut counts = vec![0u32; triples.len()];
        let selector = GramSchmidt { norm, ..GramSchmidt::default() };
        for seed in 0..24_000 {
            let rows = picks_of(&selector, &pool, 3, seed);
            let at = triples.iter().position(|(triple, _)| *triple == rows);
            counts[at.unwrap_or_else(|| panic!("{rows:?} is no triple"))] += 1;
        }
        let p: Vec<f64> = triples.iter().map(|(_, p)| *p).collect();
        assert!(chi_square_ok(&counts, &p), "{norm:?}");
    }
}

/// All ordered triples and their probabilities, by the textbook.
fn enumerate(
    state: &Textbook,
    measure: &dyn Fn(&[f64]) -> f64,
    prefix: &mut Vec<usize>,
    p: f64,
    out: &mut Vec<(Vec<usize>, f64)>,
) {
    if prefix.len() == 3 {
        return out.push((prefix.clone(), p));
    }
    let weight = |row: usize| {
        let norm = measure(&state.residuals[row]);
        if state.taken[row] || norm < 1e-9 { 0.0 } else { norm }
    };
    let total: f64 = (0..4).map(weight).sum();
    for row in (0..4).filter(|row| weight(*row) > 0.0) {
        let mut next = Textbook { residuals: state.residuals.clone(), taken: state.taken.clone() };
        next.take(row);
        prefix.push(row);
        enumerate(&next, measure, prefix, p * weight(row) / total, out);
        prefix.pop();
    }
}

#[test]
fn largest_equals_pivoted_qr() {
    for seed in 0..6 {
        let pool = mixture_pool(400, 24, seed);
        let mut textbook = Textbook::new(&values_of(&pool), 24);
        let expected: Vec<usize> = (0..24).map(|_| textbook.largest()).collect();
        assert_eq!(picks_of(&largest(), &pool, 24, 0), expected);
    }
}

#[test]
fn scores_are_the_residual_norms_and_their_product_is_the_volume() {
    let pool = mixture_pool(300, 16, 9);
    let selection = select_rows(&GramSchmidt::default(), &pool, 12, 5).unwrap_or_else(|error| panic!("{error}"));
    let mut textbook = Textbook::new(&values_of(&pool), 16);
    for pick in &selection.picks {
        let norm = textbook.norms()[pick.row];
        assert!((pick.score - norm).abs() <= 1e-9 * norm, "{} is not {norm}", pick.score);
        textbook.take(pick.row);
    }
}

#[test]
fn a_duplicate_of_a_pick_waits_for_a_restart() {
    let mut values = values_of(&mixture_pool(20, 8, 3));
    let copy = values.clone();
    values.extend(copy);
    let pool = matrix_pool(values, 8);
    for seed in 0..50 {
        let rows = picks_of(&GramSchmidt::default(), &pool, 8, seed);
        let mut originals: Vec<usize> = rows.iter().map(|row| row % 20).collect();
        originals.sort_unstable();
        originals.dedup();
        assert_eq!(originals.len(), 8);
    }
}

#[test]
fn labeled_rows_are_projected_out() {
    let mut pool = matrix_pool(vec![5., 0., 0., 0., 4., 0., 9., 0., 0., 0., 3., 0., 0., 0., 1.], 3);
    pool.labeled = vec![0, 2];
    let selection = select_rows(&largest(), &pool, 2, 0).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(selection.rows(), [1, 4], "row 3 lies along row 1, and the rows along the labeled ones are spanned");
    assert_eq!(selection.events["labeled_rank"], 1);
}

#[test]
fn exhaustion_follows_the_rule_asked_for() {
    let pool = mixture_pool(30, 4, 1);
    let with = |on_exhaustion| GramSchmidt { on_exhaustion, ..GramSchmidt::default() };
    let error = select_rows(&with(OnExhaustion::Error), &pool, 5, 0).err();
    assert!(matches!(error, Some(Error::Rank { rank: 4, budget: 5 })), "{error:?}");
    let by_norm = select_rows(&with(OnExhaustion::Norm), &pool, 30, 0).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(by_norm.events["finished_by_norm"], 26);
    let passes = select_rows(&with(OnExhaustion::Restart), &pool, 30, 0).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(passes.events["restarts"], serde_json::json!([4, 8, 12, 16, 20, 24, 28]));
}

#[test]
fn residuals_of_rounding_size_count_as_zero() {
    // Two directions and noise of 1e-6 relative: the rank is 2 for every purpose.
    let values: Vec<f32> = (0..40)
        .flat_map(|i| {
            let (a, b) = (1.0 + i as f32, 40.0 - i as f32);
            [a, b, a + b, 1e-6 * (i % 7) as f32]
        })
        .collect();
    let selection =
        select_rows(&GramSchmidt::default(), &matrix_pool(values, 4), 6, 2).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(selection.events["restarts"], serde_json::json!([2, 4]));
}

#[test]
fn zero_rows_are_filled_in_last() {
    let selection = select_rows(&GramSchmidt::default(), &matrix_pool(vec![0., 0., 1., 0., 0., 0., 0., 2.], 2), 4, 1);
    let selection = selection.unwrap_or_else(|error| panic!("{error}"));
    assert!(selection.rows()[..2].iter().all(|row| [1, 3].contains(row)));
    assert!(selection.picks[2..].iter().all(|pick| pick.reason == Reason::Fill));
}

#[test]
fn extreme_scales_change_nothing() {
    let values = values_of(&mixture_pool(60, 6, 4));
    let expected = picks_of(&GramSchmidt::default(), &matrix_pool(values.clone(), 6), 10, 8);
    for scale in [2f32.powi(90), 2f32.powi(-90)] {
        let scaled = values.iter().map(|v| v * scale).collect();
        assert_eq!(picks_of(&GramSchmidt::default(), &matrix_pool(scaled, 6), 10, 8), expected);
    }
}
