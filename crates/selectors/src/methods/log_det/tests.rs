use super::*;
use crate::context::Settings;
use crate::testing::{LinePool, matrix_pool, mixture_pool, picks_of, select_rows, values_of};

fn of(similarity: Similarity) -> LogDet {
    LogDet { similarity, ..LogDet::default() }
}

const ALL: [Similarity; 5] =
    [Similarity::Shifted, Similarity::Cosine, Similarity::Dot, Similarity::Squared, Similarity::Rbf];

/// Similarities by their definitions, in plain `f64`, with jitter.
fn kernel(values: &[f32], dim: usize, settings: &LogDet) -> Vec<Vec<f64>> {
    let rows: Vec<Vec<f64>> = values.chunks_exact(dim).map(|row| row.iter().map(|v| f64::from(*v)).collect()).collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let norms: Vec<f64> = rows.iter().map(|row| dot(row, row).sqrt()).collect();
    let mean = norms.iter().map(|norm| norm * norm).sum::<f64>() / rows.len() as f64;
    let unit = |i: usize| rows[i].iter().map(|v| if norms[i] > 0.0 { v / norms[i] } else { 0.0 }).collect::<Vec<_>>();
    let similarity = |i: usize, j: usize| {
        let cosine = dot(&unit(i), &unit(j));
        match settings.similarity {
            Similarity::Shifted => 0.5 + 0.5 * cosine,
            Similarity::Cosine => cosine,
            Similarity::Dot => dot(&rows[i], &rows[j]),
            Similarity::Squared => cosine * cosine,
            Similarity::Rbf => {
                let sq_dist: f64 = unit(i).iter().zip(unit(j)).map(|(x, y)| (x - y).powi(2)).sum();
                (-sq_dist / settings.sigma.powi(2)).exp()
            }
        }
    };
    let jitter = settings.jitter * if settings.similarity == Similarity::Dot { mean } else { 1.0 };
    (0..rows.len())
        .map(|i| (0..rows.len()).map(|j| similarity(i, j) + if i == j { jitter } else { 0.0 }).collect())
        .collect()
}

/// The determinant of the kernel of some rows, by elimination with pivots.
fn det(kernel: &[Vec<f64>], rows: &[usize]) -> f64 {
    let mut matrix: Vec<Vec<f64>> = rows.iter().map(|&i| rows.iter().map(|&j| kernel[i][j]).collect()).collect();
    let (n, mut det) = (rows.len(), 1.0);
    for column in 0..n {
        let pivot = (column..n).max_by(|&a, &b| matrix[a][column].abs().total_cmp(&matrix[b][column].abs()));
        let pivot = pivot.unwrap_or(column);
        if pivot != column {
            matrix.swap(pivot, column);
            det = -det;
        }
        det *= matrix[column][column];
        let above = matrix[column].clone();
        for row in &mut matrix[column + 1..] {
            let factor = row[column] / above[column];
            row.iter_mut().zip(&above).for_each(|(v, above)| *v -= factor * above);
        }
    }
    det
}

/// Greedy picks by determinants, and each one's ratio: what the Schur complement is.
fn naive(kernel: &[Vec<f64>], labeled: &[usize], budget: usize) -> Vec<(usize, f64)> {
    let mut taken = labeled.to_vec();
    let mut picks = Vec::new();
    for _ in 0..budget {
        let before = det(kernel, &taken);
        let gains: Vec<(usize, f64)> = (0..kernel.len())
            .filter(|row| !taken.contains(row))
            .map(|row| (row, det(kernel, &[&taken[..], &[row]].concat()) / before))
            .collect();
        let most = gains.iter().map(|(_, gain)| *gain).fold(0.0, f64::max);
        let Some(best) = gains.into_iter().find(|(_, gain)| *gain >= most * (1.0 - 1e-11)) else { break };
        taken.push(best.0);
        picks.push(best);
    }
    picks
}

/// Rows whose inner products are the kernel of the specification.
fn worked() -> LinePool {
    let b = (1.0f64 - 0.81).sqrt();
    let c = (0.3 - 0.9 * 0.2) / b;
    let d = (1.0 - 0.04 - c * c).sqrt();
    matrix_pool([1.0, 0.0, 0.0, 0.9, b, 0.0, 0.2, c, d].map(|v: f64| v as f32).to_vec(), 3)
}

#[test]
fn schur_complements_match_the_worked_example() {
    let settings = LogDet { jitter: 0.0, ..of(Similarity::Cosine) };
    let mut pool = worked();
    pool.labeled = vec![0];
    let selection = select_rows(&settings, &pool, 2, 0).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(selection.rows(), [2, 1], "not the row most like what is taken");
    assert!((selection.picks[0].score - -0.040822).abs() < 1e-5, "{}", selection.picks[0].score);
    let Reason::Enlarges { new, own } = selection.picks[0].reason else { panic!("another reason") };
    assert!((new - 0.96).abs() < 1e-6 && own == 1.0, "{new} of {own}");
    // Row 1's gain beside row 0 alone: asked for by leaving it as the only candidate.
    let alone = crate::Pool { excluded: vec![2], ..pool.pool() };
    let mut ctx = Context::new(&Settings::default()).unwrap_or_else(|error| panic!("{error}"));
    let selection = crate::select(&settings, &alone, 1, &mut ctx).unwrap_or_else(|error| panic!("{error}"));
    assert!((selection.picks[0].score - -1.660731).abs() < 1e-5, "ln .19, not ln .81");
}

#[test]
fn picks_and_gains_are_those_of_determinants() {
    let (n, dim, budget) = (60, 12, 9);
    let mut pool = mixture_pool(n, dim, 3);
    pool.labeled = vec![4, 17];
    let values = values_of(&pool);
    for similarity in ALL {
        for (sigma, jitter) in [(1.0, 1e-6), (0.4, 1e-2), (3.0, 0.0)] {
            let settings = LogDet { sigma, jitter, ..of(similarity) };
            let expected = naive(&kernel(&values, dim, &settings), &pool.labeled, budget);
            for driver in [Driver::Lazy, Driver::Full] {
                let settings = LogDet { driver, ..settings.clone() };
                let selection = select_rows(&settings, &pool, budget, 0).unwrap_or_else(|error| panic!("{error}"));
                let rows: Vec<usize> = expected.iter().map(|(row, _)| *row).collect();
                assert_eq!(selection.rows(), rows, "{settings:?}");
                for (pick, (_, ratio)) in selection.picks.iter().zip(&expected) {
                    // Units are rounded to f32 where rbf goes by them.
                    let room = if similarity == Similarity::Rbf { 1e-4 } else { 1e-6 };
                    assert!((pick.score - ratio.ln()).abs() < room, "{settings:?}: {} {}", pick.score, ratio.ln());
                }
            }
        }
    }
}

#[test]
fn dot_without_jitter_is_gram_schmidt_by_largest_residual() {
    for (n, dim, budget) in [(300, 20, 20), (500, 40, 30)] {
        let pool = mixture_pool(n, dim, 5);
        let gram_schmidt = crate::parse_method("gram-schmidt:pick=largest").unwrap_or_else(|error| panic!("{error}"));
        let expected = select_rows(&*gram_schmidt, &pool, budget, 0).unwrap_or_else(|error| panic!("{error}"));
        let settings = LogDet { jitter: 0.0, ..of(Similarity::Dot) };
        let got = select_rows(&settings, &pool, budget, 0).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(got.rows(), expected.rows());
        for (got, expected) in got.picks.iter().zip(&expected.picks) {
            assert!((got.score - 2.0 * expected.score.ln()).abs() < 1e-9, "the residual squared");
        }
    }
}

#[test]
fn lazy_and_full_give_the_same_bits_and_lazy_touches_fewer_rows() {
    let pool = mixture_pool(5000, 24, 9);
    for similarity in ALL {
        let run = |driver| {
            let settings = LogDet { driver, ..of(similarity) };
            select_rows(&settings, &pool, 20, 0).unwrap_or_else(|error| panic!("{error}"))
        };
        let (lazy, full) = (run(Driver::Lazy), run(Driver::Full));
        assert_eq!(lazy.picks, full.picks, "{similarity:?}");
        assert_eq!(lazy.events["log_det"], full.events["log_det"]);
        let touched = lazy.events["evaluations"].as_u64().unwrap_or(u64::MAX);
        assert!(touched < 5000 * 20 / 2, "{similarity:?}: {touched}");
    }
}

#[test]
fn entries_that_were_dropped_come_back_to_the_same_bits() {
    let pool = mixture_pool(400, 6, 2);
    let mut ctx = Context::new(&Settings::default()).unwrap_or_else(|error| panic!("{error}"));
    let checked = CheckedPool::new(&pool.pool(), &mut ctx).unwrap_or_else(|error| panic!("{error}"));
    let settings = of(Similarity::Squared);
    for driver in [Driver::Lazy, Driver::Full] {
        let settings = LogDet { driver, ..settings.clone() };
        let mut run = |most_kept| {
            let mut picks = Vec::new();
            let curved = Curved::new(&checked, Curve::SquaredCosine, &settings, 18).keeping(most_kept);
            settings.pick(&checked, curved, 18, &mut ctx, &mut picks).unwrap_or_else(|error| panic!("{error}"));
            picks
        };
        let all = run(usize::MAX);
        for most_kept in [0, 100, 1000] {
            assert_eq!(run(most_kept), all, "{driver:?} with {most_kept}");
        }
    }
}

#[test]
fn duplicates_wait_until_all_is_spanned() {
    // Four directions of three dimensions, each four times; the shifted cosine has a dimension more.
    let some = [[1f32, 0., 0.], [0., 2., 0.], [0., 0., 0.5], [1., 1., 1.]];
    let pool = matrix_pool(some.iter().flat_map(|row| row.repeat(4)).collect(), 3);
    for (similarity, rank) in [(Similarity::Shifted, 4), (Similarity::Cosine, 3), (Similarity::Rbf, 4)] {
        let selection = select_rows(&of(similarity), &pool, 9, 1).unwrap_or_else(|error| panic!("{error}"));
        let fresh = selection.picks.iter().position(|pick| pick.reason == Reason::Fill);
        assert_eq!(fresh, Some(rank), "{similarity:?}");
        let mut kinds: Vec<usize> = selection.rows()[..rank].iter().map(|row| row / 4).collect();
        kinds.sort_unstable();
        kinds.dedup();
        assert_eq!(kinds.len(), rank, "{similarity:?}");
        assert!(selection.rows()[..rank].iter().all(|row| row % 4 == 0), "the lowest of equals");
        assert_eq!(selection.events["filled_at_random"], 9 - rank);
        assert!(selection.warnings.iter().any(|warning| warning.contains("nothing but jitter")));
    }
}

#[test]
fn labeled_rows_are_taken_and_excluded_rows_do_not_matter() {
    let pool = mixture_pool(200, 8, 4);
    for similarity in ALL {
        let whole = picks_of(&of(similarity), &pool, 7, 0);
        let mut rest = pool.clone();
        rest.labeled = whole[..3].to_vec();
        assert_eq!(picks_of(&of(similarity), &rest, 4, 0), whole[3..], "{similarity:?}");
        let barred = crate::Pool { excluded: vec![whole[6]], ..pool.pool() };
        let mut ctx = Context::new(&Settings::default()).unwrap_or_else(|error| panic!("{error}"));
        let without = crate::select(&of(similarity), &barred, 6, &mut ctx).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(without.rows(), whole[..6], "{similarity:?}");
    }
}

#[test]
fn scale_does_not_matter() {
    let pool = mixture_pool(150, 5, 8);
    for similarity in ALL {
        let expected = picks_of(&of(similarity), &pool, 5, 0);
        for scale in [2f32.powi(-60), 2f32.powi(60)] {
            let scaled = matrix_pool(values_of(&pool).iter().map(|v| v * scale).collect(), 5);
            assert_eq!(picks_of(&of(similarity), &scaled, 5, 0), expected, "{similarity:?} times {scale}");
        }
    }
}

#[test]
fn settings_that_break_a_rule_are_refused() {
    let default = LogDet { similarity: Similarity::Shifted, sigma: 1.0, jitter: 1e-6, driver: Driver::Lazy };
    assert_eq!(LogDet::default(), default);
    for wrong in ["log-det:sigma=0", "log-det:jitter=-1", "log-det:jitter=1"] {
        let method = crate::parse_method(wrong).unwrap_or_else(|error| panic!("{error}"));
        assert!(matches!(method.check(), Err(Error::Param { method: "log-det", .. })), "{wrong}");
    }
    let nan = LogDet { jitter: f64::NAN, ..default };
    assert!(nan.check().is_err());
}
