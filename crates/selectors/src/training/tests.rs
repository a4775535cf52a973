use super::*;
use TrainingScore::{AumLogit, AumProb, Correctness, El2n, El2nSum, Forgetting};

fn tracker(n: usize, epochs: Epochs) -> Tracker {
    Tracker::over(n, None, epochs).unwrap_or_else(|error| panic!("{error}"))
}

fn all_epochs() -> Epochs {
    Epochs { el2n: 0..u32::MAX, ..Epochs::default() }
}

fn refused(result: Result<(), Error>) -> TrainingError {
    match result {
        Err(Error::Training(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// A tracker of one row per string, which was right (1) or wrong (0) in each epoch.
fn after(strings: &[&str]) -> Tracker {
    let mut tracker = tracker(strings.len(), Epochs::default());
    for epoch in 0..strings[0].len() {
        for (row, string) in strings.iter().enumerate() {
            let logits = if &string[epoch..=epoch] == "1" { [1.0, 0.0] } else { [0.0, 1.0] };
            tracker.update(epoch as u32, &[row], &logits, &[0]).unwrap_or_else(|error| panic!("{error}"));
        }
    }
    tracker
}

/// A training of `n` rows and 4 classes that is as noisy as one: `(ids, logits, labels)` of each epoch.
fn training(n: usize, epochs: usize) -> Vec<(Vec<usize>, Vec<f32>, Vec<usize>)> {
    let noise = |i: usize| ((i * 2654435761 + 12345) % 10007) as f32 / 2000.0;
    let epoch = |epoch: usize| {
        // Each epoch has another order, and leaves a few rows out.
        let ids: Vec<usize> = (0..n).map(|i| (i * 7 + epoch) % n).filter(|row| (row + epoch) % 11 != 3).collect();
        let logits =
            ids.iter().flat_map(|row| (0..4).map(move |class| noise((row * 31 + epoch) * 4 + class))).collect();
        let labels = ids.iter().map(|row| row % 4).collect();
        (ids, logits, labels)
    };
    (0..epochs).map(epoch).collect()
}

/// What of an epoch one of several workers sees.
fn see(
    tracker: &mut Tracker,
    epoch: usize,
    whole: &(Vec<usize>, Vec<f32>, Vec<usize>),
    is_mine: impl Fn(usize) -> bool,
) {
    for (place, &row) in whole.0.iter().enumerate().filter(|(_, row)| is_mine(**row)) {
        let logits = &whole.1[4 * place..4 * place + 4];
        tracker.update(epoch as u32, &[row], logits, &whole.2[place..=place]).unwrap_or_else(|error| panic!("{error}"));
    }
}

fn assert_alike(one: &Tracker, other: &Tracker) {
    for score in [Forgetting(NeverLearned::Infinite), Forgetting(NeverLearned::Zero), Correctness] {
        assert!(one.values(score).iter().zip(other.values(score)).all(|(a, b)| *a == b || (a.is_nan() && b.is_nan())));
    }
    for score in [El2n, El2nSum, AumLogit, AumProb] {
        let close = |(a, b): (&f64, f64)| (a - b).abs() < 1e-12 || (a.is_nan() && b.is_nan());
        assert!(one.values(score).iter().zip(other.values(score)).all(close), "{}", score.name());
    }
    assert_eq!(one.observations(), other.observations());
    assert_eq!(one.last_correct(), other.last_correct());
}

#[test]
fn forgetting_matches_the_worked_sequences() {
    let tracker = after(&["00000", "11111", "01011", "01010", "10101", "00001"]);
    let inf = f64::INFINITY;
    assert_eq!(tracker.scores(Forgetting(NeverLearned::Infinite)), [inf, 0.0, 1.0, 2.0, 2.0, 0.0]);
    assert_eq!(tracker.scores(Forgetting(NeverLearned::Most)), [3.0, 0.0, 1.0, 2.0, 2.0, 0.0]);
    assert_eq!(tracker.scores(Forgetting(NeverLearned::Zero)), [0.0, 0.0, 1.0, 2.0, 2.0, 0.0]);
    assert_eq!(tracker.values(Correctness), [0.0, 5.0, 3.0, 2.0, 3.0, 1.0]);
    assert_eq!(tracker.scores(Correctness), [0.0, -5.0, -3.0, -2.0, -3.0, -1.0]);
    assert_eq!(tracker.never_learned(), [0]);
    assert_eq!(tracker.last_correct(), [false, true, true, false, true, true]);
    assert_eq!(tracker.observations(), [5; 6]);
}

#[test]
fn margins_and_errors_match_the_worked_example() {
    let mut tracker = tracker(1, all_epochs());
    tracker.update(0, &[0], &[2.0, 1.0, 0.0], &[1]).unwrap_or_else(|error| panic!("{error}"));
    for (score, want) in [(El2n, 1.010488), (El2nSum, 1.010488), (AumLogit, -1.0), (AumProb, -0.420512)] {
        assert!((tracker.values(score)[0] - want).abs() < 1e-6, "{}", score.name());
    }
    // Again, and once the other way about: means stay and sums grow.
    tracker.update(1, &[0, 0], &[2.0, 1.0, 0.0, 1.0, 2.0, 0.0], &[1, 1]).unwrap_or_else(|error| panic!("{error}"));
    assert!((tracker.values(AumLogit)[0] + 1.0 / 3.0).abs() < 1e-12);
    assert!((tracker.values(AumProb)[0] + 0.420512).abs() < 1e-6);
    let right = ((1.0 - 0.665241f64).powi(2) + 0.244728f64.powi(2) + 0.090031f64.powi(2)).sqrt();
    assert!((tracker.values(El2nSum)[0] - 2.0 * 1.010488 - right).abs() < 1e-5);
    assert!((tracker.values(El2n)[0] - (2.0 * 1.010488 + right) / 3.0).abs() < 1e-5);
}

#[test]
fn only_the_epochs_that_count_count() {
    let epochs = Epochs { el2n: 1..3, margin: 0..2 };
    let mut some = tracker(2, epochs);
    for (epoch, gap) in [(0, 4.0), (1, 2.0), (2, 0.0), (3, -50.0)] {
        some.update(epoch, &[0], &[gap, 0.0], &[0]).unwrap_or_else(|error| panic!("{error}"));
    }
    some.update(3, &[1], &[0.0, 1.0], &[0]).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(some.values(AumLogit)[0], 3.0);
    let error = |gap: f64| std::f64::consts::SQRT_2 / (1.0 + gap.exp());
    assert!((some.values(El2nSum)[0] - error(2.0) - error(0.0)).abs() < 1e-12);
    assert!((some.values(El2n)[0] - (error(2.0) + error(0.0)) / 2.0).abs() < 1e-12);
    // The second row was seen too late for all but counts of right and wrong.
    assert_eq!(some.unscored(El2n), [1]);
    assert_eq!(some.unscored(AumLogit), [1]);
    assert!(some.unscored(Correctness).is_empty() && some.unseen().is_empty());
    assert_eq!(Tracker::new(1, None).map(|tracker| tracker.epochs().clone()).ok(), Some(Epochs::default()));
    assert_eq!(Epochs::default(), Epochs { el2n: 0..10, margin: 0..u32::MAX });
}

#[test]
fn harder_is_higher_whatever_the_sign() {
    let mut tracker = tracker(3, all_epochs());
    tracker.update(0, &[0, 2], &[5.0, 0.0, 0.0, 1.0], &[0, 0]).unwrap_or_else(|error| panic!("{error}"));
    for score in [Forgetting(NeverLearned::Most), Correctness, El2n, El2nSum, AumLogit, AumProb] {
        let scores = tracker.scores(score);
        assert!(scores[2] > scores[0], "{}: {scores:?}", score.name());
        assert!(scores[1].is_nan() && tracker.unscored(score) == [1]);
    }
    assert_eq!(tracker.values(AumLogit)[2], -1.0);
    assert_eq!(tracker.scores(AumLogit)[0], -(5.0 - -1.0));
    assert!(tracker.scores(AumLogit)[2].is_sign_positive());
    assert_eq!(tracker.unseen(), [1]);
}

#[test]
fn of_equal_logits_the_lowest_class_is_the_prediction() {
    let mut tracker = tracker(3, Epochs::default());
    tracker
        .update(0, &[0, 1, 2], &[7.0, 7.0, 0.0, 7.0, 7.0, 0.0, 0.0, 0.0, -0.0], &[0, 1, 0])
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(tracker.last_correct(), [true, false, true]);
}

#[test]
fn merged_workers_are_one_tracker() {
    let (n, epochs) = (50, training(50, 13));
    let mut whole = tracker(n, Epochs::default());
    let mut by_row = [tracker(n, Epochs::default()), tracker(n, Epochs::default())];
    let mut halves = by_row.clone();
    let mut every_epoch = tracker(n, Epochs::default());
    for (epoch, seen) in epochs.iter().enumerate() {
        whole.update(epoch as u32, &seen.0, &seen.1, &seen.2).unwrap_or_else(|error| panic!("{error}"));
        // Rows that stay with their worker; a training in two parts; rows that change workers, merged every epoch.
        (0..2).for_each(|worker| see(&mut by_row[worker], epoch, seen, |row| row % 2 == worker));
        see(&mut halves[usize::from(epoch > 6)], epoch, seen, |_| true);
        for worker in 0..3 {
            let mut mine = tracker(n, Epochs::default());
            see(&mut mine, epoch, seen, |row| (row + epoch) % 3 == worker);
            every_epoch.merge(&mine).unwrap_or_else(|error| panic!("{error}"));
        }
    }
    let merged = |one: &Tracker, other: &Tracker| {
        let mut one = one.clone();
        one.merge(other).unwrap_or_else(|error| panic!("{error}"));
        one
    };
    assert_eq!(merged(&by_row[0], &by_row[1]), whole, "other rows");
    assert_eq!(merged(&by_row[1], &by_row[0]), whole);
    assert_alike(&merged(&halves[0], &halves[1]), &whole);
    assert_alike(&merged(&halves[1], &halves[0]), &whole);
    assert_eq!(every_epoch, whole);
    assert!(whole.values(Forgetting(NeverLearned::Zero)).iter().any(|events| *events > 1.0));
    assert_eq!(merged(&whole, &tracker(n, Epochs::default())), whole, "nothing seen, nothing changed");
}

#[test]
fn what_cannot_be_merged_is_refused() {
    let new = |n, classes| Tracker::new(n, classes).unwrap_or_else(|error| panic!("{error}"));
    let (mut one, mut other) = (new(2, None), new(2, None));
    for epoch in 0..4 {
        let tracker = if epoch % 2 == 0 { &mut one } else { &mut other };
        tracker.update(epoch, &[1], &[1.0, 0.0], &[0]).unwrap_or_else(|error| panic!("{error}"));
    }
    let before = one.clone();
    let error = refused(one.merge(&other));
    assert_eq!(error, TrainingError::Interleaved { row: 1, one: (0, 2), other: (1, 3) });
    assert!(error.hint().is_some_and(|hint| hint.contains("each epoch")));
    assert_eq!(one, before);
    let unlike = |one: &mut Tracker, other: &Tracker| match refused(one.merge(other)) {
        TrainingError::Unlike { what, .. } => what,
        other => panic!("{other}"),
    };
    assert_eq!(unlike(&mut one, &new(3, None)), "rows");
    assert_eq!(unlike(&mut one, &new(2, Some(3))), "classes");
    assert_eq!(unlike(&mut one, &tracker(2, all_epochs())), "epochs");
    // A row that two workers saw in one epoch, as padding has it, is no conflict.
    let mut padded = new(2, None);
    padded.update(2, &[1], &[0.0, 1.0], &[0]).unwrap_or_else(|error| panic!("{error}"));
    one.merge(&padded).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(one.values(Forgetting(NeverLearned::Infinite))[1], 1.0);
}

#[test]
fn a_saved_tracker_goes_on_as_if_it_had_not_been_saved() {
    let epochs = training(40, 8);
    let mut whole = tracker(40, Epochs::default());
    let mut saved = whole.clone();
    for (epoch, seen) in epochs.iter().enumerate() {
        whole.update(epoch as u32, &seen.0, &seen.1, &seen.2).unwrap_or_else(|error| panic!("{error}"));
        saved.update(epoch as u32, &seen.0, &seen.1, &seen.2).unwrap_or_else(|error| panic!("{error}"));
        let text = serde_json::to_string(&saved).unwrap_or_else(|error| panic!("{error}"));
        saved = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(saved, whole);
    }
    // One that fell back behind its tracker would count epochs twice.
    let error = refused(saved.update(6, &[5], &[0.0; 4], &[0]));
    assert_eq!(error, TrainingError::Backward { row: 5, last: 7, epoch: 6 });
    assert!(error.hint().is_some());
    assert_eq!(size_of::<Track>(), 56, "as its documentation says");
}

#[test]
fn wrong_batches_are_refused_and_change_nothing() {
    let mut tracker = Tracker::new(4, Some(3)).unwrap_or_else(|error| panic!("{error}"));
    let before = tracker.clone();
    let mut refuse = |ids: &[usize], logits: &[f32], labels: &[usize]| {
        let error = refused(tracker.update(0, ids, logits, labels));
        assert_eq!(tracker, before);
        error
    };
    let z = [0.0; 6];
    assert_eq!(refuse(&[0, 1], &z, &[0]), TrainingError::Labels { rows: 2, got: 1 });
    assert_eq!(refuse(&[0, 1], &z[..5], &[0, 0]), TrainingError::Logits { rows: 2, classes: 3, got: 5 });
    assert_eq!(refuse(&[0, 4], &z, &[0, 0]), TrainingError::Row { place: 1, row: 4, last: 3 });
    assert_eq!(refuse(&[0, 1], &z, &[0, 3]), TrainingError::Label { row: 1, label: 3, last: 2 });
    let diverged = refuse(&[3, 2], &[0.0, 1.0, 2.0, 3.0, f32::INFINITY, 4.0], &[0, 0]);
    assert_eq!(diverged, TrainingError::NonFinite { row: 2, class: 1, value: f32::INFINITY });
    assert_eq!(diverged.to_string(), "logits must be finite, and that of class 1 of row 2 is inf");
    assert!(matches!(refuse(&[0], &[f32::NAN, 0.0, 0.0], &[0]), TrainingError::NonFinite { row: 0, class: 0, .. }));
    assert!(tracker.update(0, &[], &[], &[]).is_ok());
    assert_eq!(tracker, before);

    let mut unknown = Tracker::new(4, None).unwrap_or_else(|error| panic!("{error}"));
    assert!(unknown.update(0, &[], &[], &[]).is_ok());
    assert_eq!(refused(unknown.update(0, &[0, 1], &z[..5], &[0, 0])), TrainingError::Uneven { rows: 2, got: 5 });
    assert_eq!(refused(unknown.update(0, &[], &z, &[])), TrainingError::Uneven { rows: 0, got: 6 });
    assert_eq!(refused(unknown.update(0, &[0, 1], &z[..2], &[0, 0])), TrainingError::Classes { got: 1 });
    assert_eq!(unknown.classes(), None);
    assert!(unknown.update(0, &[0, 1], &z, &[0, 0]).is_ok());
    assert_eq!(unknown.classes(), Some(3));

    assert!(matches!(Tracker::new(0, None), Err(Error::Training(TrainingError::NoRows))));
    assert!(matches!(Tracker::new(1, Some(1)), Err(Error::Training(TrainingError::Classes { got: 1 }))));
    let none = Epochs { el2n: 3..3, ..Epochs::default() };
    assert!(matches!(Tracker::over(1, None, none), Err(Error::Training(TrainingError::Epochs { what: "EL2N", .. }))));
}

#[test]
fn runs_are_averaged_row_by_row() {
    let mut runs = vec![tracker(3, all_epochs()), tracker(3, all_epochs())];
    runs[0].update(0, &[0, 1], &[3.0, 0.0, 1.0, 0.0], &[0, 0]).unwrap_or_else(|error| panic!("{error}"));
    runs[1].update(0, &[0], &[0.0, 1.0], &[0]).unwrap_or_else(|error| panic!("{error}"));
    let mean = |score| mean_over_runs(&runs, score).unwrap_or_else(|error| panic!("{error}"));
    let aum = mean(AumLogit);
    assert!(aum[0] == 1.0 && aum[1] == 1.0 && aum[2].is_nan());
    assert_eq!(mean(Forgetting(NeverLearned::Infinite))[..2], [f64::INFINITY, 0.0]);
    let el2n = |run: usize| runs[run].values(El2n)[0];
    assert_eq!(mean(El2n)[0], (el2n(0) + el2n(1)) / 2.0);
    assert!(matches!(mean_over_runs(&[], El2n), Err(Error::Training(TrainingError::NoRuns))));
    runs.push(tracker(3, Epochs::default()));
    assert!(matches!(mean_over_runs(&runs, El2n), Err(Error::Training(TrainingError::Unlike { what: "epochs", .. }))));
}

#[test]
fn scores_and_conventions_have_names_to_be_saved_under() {
    let text = |score: TrainingScore| serde_json::to_string(&score).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(text(Forgetting(NeverLearned::default())), r#"{"forgetting":"infinite"}"#);
    for score in [Correctness, El2n, El2nSum, AumLogit, AumProb] {
        assert_eq!(text(score), format!("\"{}\"", score.name()));
    }
}
