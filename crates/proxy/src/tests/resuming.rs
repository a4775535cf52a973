//! Runs that were stopped, and runs that are not the same.

use super::*;

fn setting() -> Setting {
    Setting { compare_target: true, seeds: 2, ..active(&["24", "36"], "least-confidence") }
}

#[test]
fn a_run_stopped_anywhere_ends_as_one_that_was_not() {
    let whole = Ran::begin(setting());
    let (mut proxy, mut target) = (Nearest::new(), Nearest::new());
    let expected = whole.go(&mut proxy, &mut target).unwrap_or_else(|error| panic!("{error}"));
    let count = |learner: &Nearest| learner.seen.lock().expect("no training panicked").len();
    let (of_proxy, of_target) = (count(&proxy), count(&target));
    assert_eq!((of_proxy, of_target), (2 * 3, 2 * 6));

    for patience in [0, 1, 4, of_target - 1] {
        let ran = Ran::begin(setting());
        let (mut proxy, mut target) = (Nearest::new(), Nearest { patience, ..Nearest::new() });
        let error = ran.go(&mut proxy, &mut target).expect_err("it is interrupted");
        assert!(matches!(error, Error::Subsel(subsel::Error::Interrupted)), "{error}");
        target.patience = usize::MAX;
        let report = ran.go(&mut proxy, &mut target).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((count(&proxy), count(&target)), (of_proxy, of_target), "nothing is trained twice");
        for seed in [0, 1] {
            assert_eq!(ran.picks(seed, 36), whole.picks(seed, 36));
        }
        let accuracies = |report: &Report| report.budgets.iter().map(|at| at.over_random).collect::<Vec<_>>();
        assert_eq!(accuracies(&report), accuracies(&expected));
    }
}

#[test]
fn a_line_cut_short_and_files_that_are_gone_are_done_again() {
    let ran = Ran::begin(setting());
    ran.go(&mut Nearest::new(), &mut Nearest::new()).unwrap_or_else(|error| panic!("{error}"));
    let (path, picks) = (ran.path().join(Journal::NAME), ran.picks(0, 36));
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    std::fs::write(&path, &text[..text.len() - 5]).unwrap_or_else(|error| panic!("{error}"));
    std::fs::remove_file(ran.path().join("seed-0/proxy-12/logits.npy")).unwrap_or_else(|error| panic!("{error}"));
    let (mut proxy, mut target) = (Nearest::new(), Nearest::new());
    ran.go(&mut proxy, &mut target).unwrap_or_else(|error| panic!("{error}"));
    let count = |learner: &Nearest| learner.seen.lock().expect("no training panicked").len();
    assert_eq!((count(&proxy), count(&target)), (1, 1), "the round without its logits, and the last training");
    assert_eq!(ran.picks(0, 36), picks);
}

#[test]
fn more_may_be_asked_of_a_run_but_nothing_else() {
    let mut ran = Ran::begin(Setting { compare_target: false, seeds: 1, ..setting() });
    ran.go(&mut Nearest::new(), &mut Nearest::new()).unwrap_or_else(|error| panic!("{error}"));
    let replan = |ran: &mut Ran, setting: Setting| ran.plan = setting.plan(N).unwrap_or_else(|error| panic!("{error}"));
    replan(&mut ran, Setting { full: true, seeds: 2, ..setting() });
    let report = ran.go(&mut Nearest::new(), &mut Nearest::new()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((report.complete, report.full.map(|told| told.n)), (2, Some(2)));
    for (setting, what) in [
        (
            Setting { score: "margin".parse().ok(), ..setting() },
            "the score (there \"least-confidence\", here \"margin\")",
        ),
        (
            Setting { initial: Some("7".into()), ..setting() },
            "the sizes of the rounds (there [6, 12, 24, 36], here [7, 12, 24, 36])",
        ),
        (core_set(&["24"], "least-confidence"), "the task (there ActiveLearning, here CoreSet)"),
    ] {
        replan(&mut ran, setting);
        let error = ran.go(&mut Nearest::new(), &mut Nearest::new()).expect_err("another run");
        assert!(error.to_string().ends_with(&format!("holds another run: {what} differs")), "{error}");
        assert!(error.hint().is_some_and(|hint| hint.contains("--force")));
    }
}
