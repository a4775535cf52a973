use super::*;
use crate::context::Settings;
use crate::testing::{LinePool, line_pool, mixture_pool, values_of};
use subsel_kernels::Isa;

fn scores_under(scorer: &dyn Scorer, pool: &LinePool, settings: &Settings) -> Vec<f64> {
    let mut ctx = Context::new(settings).unwrap_or_else(|error| panic!("{error}"));
    let checked = CheckedPool::new(&pool.pool(), &mut ctx).unwrap_or_else(|error| panic!("{error}"));
    score_checked(scorer, &checked, &mut ctx).unwrap_or_else(|error| panic!("{error}"))
}

fn scores(text: &str, pool: &LinePool) -> Vec<f64> {
    let scorer = parse(text).unwrap_or_else(|error| panic!("{error}"));
    scores_under(&*scorer, pool, &Settings::default())
}

const TEXTS: [&str; 9] = [
    "norm",
    "norm:norm=l1",
    "zcore:draws=300,k=5",
    "prototypicality:clusters=4,keep=easy",
    "typicality:k=3",
    "typicality:distance=euclidean,rows=raw",
    "density:delta=0.4,ball=closed",
    "density:classes=3",
    "k-distance:k=2,rows=raw",
];

#[test]
fn threads_blocks_and_instruction_sets_change_nothing() {
    let pool = mixture_pool(5000, 7, 3);
    for text in TEXTS {
        let scorer = parse(text).unwrap_or_else(|error| panic!("{error}"));
        let base = Settings { seed: 2, threads: Some(1), ..Settings::default() };
        let expected = scores_under(&*scorer, &pool, &base);
        assert!(expected.len() == 5000 && expected.iter().all(|score| score.is_finite()), "{text}");
        let mut others = vec![Settings { threads: Some(3), block_rows: Some(700), ..base.clone() }];
        others.extend(
            Isa::ALL
                .into_iter()
                .filter(|isa| isa.is_available())
                .map(|isa| Settings { isa: Some(isa), ..base.clone() }),
        );
        for settings in others {
            assert!(scores_under(&*scorer, &pool, &settings) == expected, "{text} under {settings:?}");
        }
    }
}

#[test]
fn neighborhoods_are_those_of_all_pairs() {
    let (n, dim) = (600, 5);
    let pool = mixture_pool(n, dim, 8);
    let values: Vec<f64> = values_of(&pool).into_iter().map(f64::from).collect();
    let distance = |a: usize, b: usize| {
        let pairs = values[a * dim..(a + 1) * dim].iter().zip(&values[b * dim..(b + 1) * dim]);
        pairs.map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt()
    };
    let typicality = scores("typicality:k=4,distance=euclidean,rows=raw", &pool);
    let k_distance = scores("k-distance:k=4,rows=raw", &pool);
    // A radius that is the distance of a pair tells open balls from closed ones.
    let radius = distance(0, 7);
    let density = |ball| scores(&format!("density:delta={radius},rows=raw,ball={ball}"), &pool);
    let (open, closed) = (density("open"), density("closed"));
    for row in 0..n {
        let mut distances: Vec<f64> = (0..n).filter(|other| *other != row).map(|other| distance(row, other)).collect();
        distances.sort_by(f64::total_cmp);
        assert!((k_distance[row] - distances[3]).abs() < 1e-9);
        let mean = distances[..4].iter().sum::<f64>() / 4.0;
        assert!((typicality[row] * (mean + 1e-5) - 1.0).abs() < 1e-9);
        let within = distances.iter().filter(|d| **d < radius - 1e-9).count() as f64;
        let at = distances.iter().filter(|d| (**d - radius).abs() <= 1e-9).count() as f64;
        assert!((within..=within + at).contains(&open[row]) && (within..=within + at).contains(&closed[row]));
        assert!(at > 0.0 || open[row] == closed[row]);
    }
}

#[test]
fn one_row_and_equal_rows_have_scores() {
    for text in TEXTS {
        for values in [vec![2.0], vec![0.0], vec![3.0; 7]] {
            let got = scores(text, &line_pool(&values));
            assert!(
                got.len() == values.len() && got.iter().all(|score| !score.is_nan()),
                "{text} on {values:?}: {got:?}"
            );
        }
    }
}

#[test]
fn what_is_listed_can_be_named_and_its_settings_are_told() {
    for entry in all() {
        let scorer = parse(entry.info.name).unwrap_or_else(|error| panic!("{error}"));
        let mut told: Vec<&str> = entry.info.params.iter().map(|param| param.name).collect();
        let params = scorer.params();
        let mut real: Vec<&str> = params.keys().map(String::as_str).collect();
        told.sort_unstable();
        real.sort_unstable();
        assert_eq!(told, real, "{}", entry.info.name);
    }
    let error = parse("typicalty").err().map(|error| (error.to_string(), error.hint()));
    assert!(
        error.is_some_and(|(text, hint)| text.contains("no score `typicalty`")
            && hint.as_deref() == Some("did you mean `typicality`?"))
    );
    assert!(parse("k-distance:k=0").is_ok_and(|scorer| scorer.check().is_err()));
    assert!(parse("density:delta=-1").is_ok_and(|scorer| scorer.check().is_err()));
    assert!(parse("norm+zcore").is_err());
}

#[test]
fn uncertainty_is_scored_from_model_outputs_and_needs_them() {
    let mut pool = line_pool(&[0.0, 1.0, 2.0]);
    for text in ["margin", "entropy", "least-confidence"] {
        let scorer = parse(text).unwrap_or_else(|error| panic!("{error}"));
        let mut ctx = Context::new(&Settings::default()).unwrap_or_else(|error| panic!("{error}"));
        let checked = CheckedPool::new(&pool.pool(), &mut ctx).unwrap_or_else(|error| panic!("{error}"));
        let error = score_checked(&*scorer, &checked, &mut ctx).err();
        let hint = error.as_ref().and_then(Error::hint).unwrap_or_default();
        assert!(matches!(error, Some(Error::Missing { .. })) && hint.contains("--probs"), "{text}: {hint}");
    }
    let values = vec![0.5, 0.3, 0.2, 0.4, 0.35, 0.25, 0.45, 0.45, 0.1];
    pool.known.outputs = Some(crate::Outputs::new(crate::OutputKind::Probabilities, values, 3));
    let want = [("margin", 1.0), ("entropy", 0.948915), ("least-confidence", 0.55)];
    for (text, want) in want {
        assert!((scores(text, &pool)[2] - want).abs() < 1e-6, "{text}");
    }
}
