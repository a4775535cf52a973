//! Scores that go by the label of a row.

use super::*;
use crate::annotations::Classes;
use crate::context::Settings;
use crate::outputs::{OutputKind, Outputs};
use crate::testing::{LinePool, line_pool, matrix_pool};
use crate::training::{Tracker, TrainingScore};

const TEXTS: [&str; 9] = [
    "el2n",
    "grand",
    "grand:bias=false",
    "label-margin",
    "label-margin:of=probabilities",
    "label-quality",
    "label-quality:by=normalized-margin",
    "label-quality:by=confidence-weighted-entropy",
    "label-quality:adjust=true",
];

fn under(text: &str, pool: &LinePool, settings: &Settings) -> Result<Vec<f64>, Error> {
    let scorer = parse(text)?;
    let mut ctx = Context::new(settings)?;
    let drop_nonfinite = true;
    let checked = CheckedPool::new(&crate::Pool { drop_nonfinite, ..pool.pool() }, &mut ctx)?;
    score_checked(&*scorer, &checked, &mut ctx)
}

fn scores(text: &str, pool: &LinePool) -> Vec<f64> {
    under(text, pool, &Settings::default()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str, pool: &LinePool) -> Error {
    under(text, pool, &Settings::default()).err().unwrap_or_else(|| panic!("{text} was not refused"))
}

fn labels(names: &[&str]) -> Option<Classes> {
    let names: Vec<String> = names.iter().map(|name| (*name).into()).collect();
    Some(Classes::from_names(&names))
}

fn outputs(kind: OutputKind, rows: &[&[f32]]) -> Option<Outputs> {
    Some(Outputs::new(kind, rows.concat(), rows[0].len()))
}

fn close(got: f64, want: f64, what: &str) {
    assert!((got - want).abs() < 1e-6, "{what}: {got} is not {want}");
}

/// Logits (2, 1, 0), class 1, features (1, 2); and a row the model is right about.
fn worked() -> LinePool {
    let mut pool = matrix_pool(vec![1.0, 2.0, 0.0, 0.0], 2);
    pool.known.labels = labels(&["1", "0"]);
    pool.known.outputs = outputs(OutputKind::Logits, &[&[2.0, 1.0, 0.0], &[2.0, 1.0, 0.0]]);
    pool
}

#[test]
fn scores_match_the_worked_example() {
    let pool = worked();
    for (text, want) in [
        ("el2n", 1.010488),
        ("grand", 2.475180),
        ("grand:bias=false", 2.259520),
        ("label-margin", 1.0),
        ("label-margin:of=probabilities", 0.420512),
        ("label-quality", 1.0 - 0.244728),
        ("self-confidence", 1.0 - 0.244728),
    ] {
        let got = scores(text, &pool);
        close(got[0], want, text);
        assert!(got[1] < got[0], "{text}: the row that is learned is not the harder one");
    }
    close(scores("grand", &pool)[1], scores("el2n", &pool)[1], "features of zero leave the bias");
    assert_eq!(scores("grand:bias=false", &pool)[1], 0.0);
}

#[test]
fn qualities_match_the_worked_example() {
    let mut pool = line_pool(&[0.0]);
    pool.known.labels = labels(&["1"]);
    pool.known.outputs = outputs(OutputKind::Probabilities, &[&[0.6, 0.3, 0.1]]);
    close(scores("label-quality", &pool)[0], 1.0 - 0.3, "self-confidence");
    close(scores("label-quality:by=normalized-margin", &pool)[0], 1.0 - 0.35, "normalized margin");
    close(scores("label-quality:by=confidence-weighted-entropy", &pool)[0], 1.0 - 0.482634, "entropy");
    // A uniform guess of ten classes.
    pool.known.outputs = outputs(OutputKind::Logits, &[&[7.0; 10]]);
    close(scores("el2n", &pool)[0], 0.948683, "el2n of a uniform guess");
}

#[test]
fn a_sure_model_finds_labels_perfect_or_worst() {
    let mut pool = line_pool(&[0.0, 0.0]);
    pool.known.labels = labels(&["0", "1"]);
    pool.known.outputs = outputs(OutputKind::Probabilities, &[&[1.0, 0.0], &[1.0, 0.0]]);
    for by in ["self-confidence", "normalized-margin"] {
        assert_eq!(scores(&format!("label-quality:by={by}"), &pool), [0.0, 1.0], "{by}");
    }
    let got = scores("label-quality:by=confidence-weighted-entropy", &pool);
    assert!(got[0] == 0.0 && got[1] > 0.8, "{got:?}");
    assert_eq!(scores("el2n", &pool), [0.0, std::f64::consts::SQRT_2]);
    assert_eq!(scores("label-margin:of=probabilities", &pool), [-1.0, 1.0]);
}

#[test]
fn the_colder_the_model_the_farther_the_margin() {
    let mut pool = worked();
    pool.known.outputs = pool.known.outputs.map(|outputs| outputs.at_temperature(0.5));
    close(scores("label-margin", &pool)[0], 2.0, "margin at half the temperature");
    let cold = scores("el2n", &pool);
    pool.known.outputs = outputs(OutputKind::Logits, &[&[4.0, 2.0, 0.0][..]; 2]);
    assert_eq!(scores("el2n", &pool), cold);
}

#[test]
fn adjusted_quality_is_that_of_probabilities_less_thresholds() {
    let p: [&[f32]; 4] = [&[0.9, 0.05, 0.05], &[0.7, 0.2, 0.1], &[0.6, 0.3, 0.1], &[0.5, 0.4, 0.1]];
    let mut pool = line_pool(&[0.0; 4]);
    // Nothing is of class 2, so nothing is subtracted from it in the end.
    pool.known.labels = labels(&["0", "0", "0", "1"]);
    pool.known.outputs = outputs(OutputKind::Probabilities, &p);
    let threshold = [(0.9 + 0.7 + 0.6) / 3.0, 0.4];
    for (by, text) in [(0, "self-confidence"), (1, "normalized-margin")] {
        let got = scores(&format!("label-quality:by={text},adjust=true"), &pool);
        for (row, label) in [0, 0, 0, 1].into_iter().enumerate() {
            let raised =
                |class: usize| f64::from(p[row][class]) + threshold[0] - threshold.get(class).unwrap_or(&threshold[0]);
            let sum = raised(0) + raised(1) + raised(2);
            let other = raised(1 - label).max(raised(2));
            let quality = if by == 0 { raised(label) / sum } else { ((raised(label) - other) / sum + 1.0) / 2.0 };
            close(got[row], 1.0 - quality, text);
        }
    }
    // Less confidence is asked of the smaller class, whose row is then better off.
    let plain = scores("label-quality", &pool);
    assert!(scores("label-quality:adjust=true", &pool)[3] < plain[3]);
}

#[test]
fn one_look_of_a_training_scores_the_same() {
    let mut pool = line_pool(&[0.0; 60]);
    let logits: Vec<f32> = (0..240).map(|i| (i * 2654435761usize % 1000) as f32 / 150.0).collect();
    let classes: Vec<usize> = (0..60).map(|row| row % 4).collect();
    let names: Vec<String> = classes.iter().map(usize::to_string).collect();
    pool.known.labels = Some(Classes::from_names(&names));
    pool.known.outputs = Some(Outputs::new(OutputKind::Logits, logits.clone(), 4));
    let mut tracker = Tracker::new(60, None).unwrap_or_else(|error| panic!("{error}"));
    let ids: Vec<usize> = (0..60).collect();
    tracker.update(0, &ids, &logits, &classes).unwrap_or_else(|error| panic!("{error}"));
    let turned = |score| tracker.values(score).into_iter().map(|value| 0.0 - value).collect::<Vec<_>>();
    assert_eq!(scores("el2n", &pool), tracker.values(TrainingScore::El2n));
    assert_eq!(scores("label-margin", &pool), turned(TrainingScore::AumLogit));
    assert_eq!(scores("label-margin:of=probabilities", &pool), turned(TrainingScore::AumProb));
}

#[test]
fn what_is_missing_is_named() {
    for text in TEXTS {
        let mut pool = worked();
        pool.known.labels = None;
        let error = refused(text, &pool);
        assert!(matches!(error, Error::Missing { what: "labels of all rows", .. }), "{text}: {error}");
        let mut pool = worked();
        pool.known.outputs = None;
        let error = refused(text, &pool);
        assert!(error.hint().is_some_and(|hint| hint.contains("--probs")), "{text}: {error}");
        let mut pool = worked();
        pool.known.labels = labels(&["dog", "cat"]);
        assert!(matches!(refused(text, &pool), Error::Labels { .. }), "{text}");
    }
    let mut pool = line_pool(&[0.0]);
    pool.known.labels = labels(&["1"]);
    pool.known.outputs = outputs(OutputKind::Probabilities, &[&[0.6, 0.4]]);
    let error = refused("label-margin", &pool);
    assert!(matches!(error, Error::Missing { what: "logits", .. }), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("of=probabilities")));
    assert!(parse("label-quality:by=guess").is_err());
}

#[test]
fn a_row_of_unknown_class_is_refused_by_the_number_the_user_knows() {
    // Row 1 is left out, as it holds no number.
    let mut pool = line_pool(&[0.0, f32::NAN, 2.0, 3.0]);
    pool.known.labels = labels(&["1", "-1", "0", "-1"]);
    pool.known.outputs = outputs(OutputKind::Logits, &[&[1.0, 0.0][..]; 4]);
    for text in TEXTS {
        let error = refused(text, &pool);
        let want = "goes by the class of every row, and that of row 3 is not known: it is labeled `-1`";
        assert!(error.to_string().contains(want), "{text}: {error}");
        assert!(error.hint().is_some());
    }
    pool.known.labels = labels(&["1", "-1", "0", "1"]);
    assert_eq!(scores("label-margin", &pool), [1.0, -1.0, 1.0], "what is left out needs no class");
}

#[test]
fn threads_and_blocks_change_nothing() {
    let n = 9000;
    let noise = |i: usize| (i * 2654435761 % 1000) as f32 / 250.0;
    let mut pool = matrix_pool((0..2 * n).map(|i| noise(i + 7)).collect(), 2);
    let names: Vec<String> = (0..n).map(|row| (row * row % 5).to_string()).collect();
    pool.known.labels = Some(Classes::from_names(&names));
    pool.known.outputs = Some(Outputs::new(OutputKind::Logits, (0..5 * n).map(noise).collect(), 5));
    for text in TEXTS {
        let one = under(text, &pool, &Settings { threads: Some(1), ..Settings::default() });
        let three = under(text, &pool, &Settings { threads: Some(3), block_rows: Some(700), ..Settings::default() });
        let (one, three) = (one.unwrap_or_default(), three.unwrap_or_default());
        assert!(one.len() == n && one == three && one.iter().all(|score| score.is_finite()), "{text}");
    }
}
