//! Programs of the user's: shell scripts that copy what another learner would have said.

#![cfg(unix)]

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::*;
use crate::{Command, CommandSettings, Role};

fn settings(command: &str, role: Role) -> CommandSettings {
    CommandSettings {
        option: "--train-cmd".into(),
        command: command.into(),
        role,
        model: None,
        epochs: None,
        timeout: None,
        n: N,
        score: "least-confidence".parse().unwrap_or_else(|error| panic!("{error}")),
    }
}

fn command(text: &str, role: Role) -> Command {
    Command::new(settings(text, role)).unwrap_or_else(|error| panic!("{error}"))
}

/// A directory with a blank in its name that has `logits.npy` and `metrics.json` to copy.
fn said() -> tempfile::TempDir {
    let dir = tempfile::Builder::new().prefix("said by others ").tempdir().unwrap_or_else(|error| panic!("{error}"));
    let left = crate::files::Left { dir: dir.path().to_owned(), n: N };
    let learner = Nearest::new();
    let logits = learner.logits(&(0..30).collect::<Vec<_>>(), &learner.rows);
    left.keep_outputs(&Outputs::new(OutputKind::Logits, logits, CLASSES)).unwrap_or_else(|error| panic!("{error}"));
    let metrics = "{\"test_accuracy\": 0.75, \"best_test_accuracy\": 0.8, \"loss\": 3}";
    std::fs::write(dir.path().join("metrics.json"), metrics).unwrap_or_else(|error| panic!("{error}"));
    dir
}

/// One training by a command, in a directory of its own.
fn train(text: &str, timeout: Option<Duration>, ctx: &Context) -> (Result<Learned, Error>, tempfile::TempDir) {
    let dir = tempfile::Builder::new().prefix("a run ").tempdir().unwrap_or_else(|error| panic!("{error}"));
    let mut learner = Command::new(CommandSettings { timeout, ..settings(text, Role::Proxy) })
        .unwrap_or_else(|error| panic!("{error}"));
    let job = Job { rows: &[1, 4, 9], seed: 11, round: 2, dir: dir.path(), wants: wants_logits() };
    let learned = learner.learn(&job, ctx);
    (learned, dir)
}

#[test]
fn a_program_is_told_everything_and_what_it_writes_is_read() {
    let said = said();
    let text = format!(
        "sh -c 'cp \"$1\"/* \"$2\"; echo \"$3 $SUBSEL_ROUND $SUBSEL_WANTS $SUBSEL_COUNT\" > \"$2\"/told; cat \"$4\"' run '{}' {{dir}} {{role}}-{{seed}} {{rows_txt}}",
        said.path().display()
    );
    let setting = active(&["12"], "least-confidence");
    let ran = Ran::begin(setting.clone());
    let report = ran
        .go(&mut command(&text, Role::Proxy), &mut command(&text, Role::Target))
        .unwrap_or_else(|error| panic!("{error}"));
    let told = std::fs::read_to_string(ran.path().join("seed-0/proxy-6/told")).unwrap_or_default();
    let words: Vec<&str> = told.split_whitespace().collect();
    assert!(words[0].starts_with("proxy-") && words[1..] == ["0", "logits", "6"], "{told}");
    let told = std::fs::read_to_string(ran.path().join("seed-0/target-12-picks/told")).unwrap_or_default();
    assert!(told.starts_with("target-") && told.trim_end().ends_with("1 accuracy 12"), "{told}");
    let rows = std::fs::read_to_string(ran.path().join("seed-0/proxy-6/log.txt")).unwrap_or_default();
    let mut expected = ran.picks(0, 12)[..6].to_vec();
    expected.sort_unstable();
    assert_eq!(
        rows.lines().map(|row| row.parse().ok()).collect::<Vec<_>>(),
        expected.into_iter().map(Some).collect::<Vec<_>>()
    );
    let best = report.budgets[0].target_best.map(|told| told.mean);
    assert_eq!((report.budgets[0].target.map(|told| told.mean), best), (Some(0.75), Some(0.8)));
    assert_eq!(report.test_rows, None, "nobody says how many");

    // The picks are those of whoever said it.
    let own = Ran::begin(setting);
    own.go(&mut command(&text, Role::Proxy), &mut Nearest::new()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(own.picks(0, 12), ran.picks(0, 12));
}

#[test]
fn a_program_that_fails_shows_the_end_of_its_log() {
    let ctx = context();
    let script = "sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18; do echo line $i; done; printf \"10%%\\r20%%\\rbang\\n\" >&2; exit 3'";
    let (learned, dir) = train(script, None, &ctx);
    let error = learned.expect_err("status 3").to_string();
    let beginning = format!(
        "the command of the proxy (round 2, 3 rows) exited with status 3; the end of {}:\n  line 5\n",
        dir.path().join("log.txt").display()
    );
    assert!(error.starts_with(&beginning) && error.ends_with("  line 18\n  bang"), "{error}");
    let (learned, _dir) = train("sh -c 'kill -9 $$'", None, &ctx);
    assert!(learned.expect_err("a signal").to_string().contains("was ended by signal 9; it said nothing"));
    let (learned, _dir) = train("no-such-program-anywhere {rows}", None, &ctx);
    let error = learned.expect_err("no such program");
    assert!(error.to_string().starts_with("cannot run `no-such-program-anywhere`"), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("no shell is run")));
}

#[test]
fn a_program_that_writes_nothing_is_told_what_is_wanted() {
    for (script, message) in [
        ("true", "proxy-6/logits.npy: is not there; wanted: (n, classes), one row per row of the pool, or probs.npy"),
        ("sh -c 'echo 3 > \"$SUBSEL_DIR/metrics.json\"'", "proxy-6/metrics.json: invalid type"),
        (
            "sh -c 'echo \"{\\\"test_accuracy\\\": 93.1}\" > \"$SUBSEL_DIR/metrics.json\"'",
            "proxy-6/metrics.json: `test_accuracy` must be from 0 to 1, got 93.1",
        ),
        ("sh -c 'echo no > \"$SUBSEL_DIR/logits.npy\"'", "logits.npy"),
    ] {
        let ran = Ran::begin(active(&["12"], "entropy"));
        let error = ran.go(&mut command(script, Role::Proxy), &mut Nearest::new()).expect_err(script);
        assert!(error.to_string().contains(message), "{script}: {error}");
    }
    let ran = Ran::begin(active(&["12"], "entropy"));
    let error = ran.go(&mut Nearest::new(), &mut command("true", Role::Target)).expect_err("no accuracy");
    assert!(
        error.to_string().contains("target-12-picks/metrics.json: is not there; wanted: {\"test_accuracy\""),
        "{error}"
    );
}

#[test]
fn time_and_patience_end_a_program_with_those_it_started() {
    // It asks a child of its own to write a file later, and takes no notice of being asked to end only where it is told to.
    let script = "sh -c '(sleep 1; echo late > \"$SUBSEL_DIR/late\") & sleep 30'";
    let began = Instant::now();
    let (learned, dir) = train(script, Some(Duration::from_millis(200)), &context());
    let error = learned.expect_err("30 s").to_string();
    assert!(error.contains("took longer than 200 ms and was ended"), "{error}");
    let ctx = context();
    let flag = ctx.cancel_flag();
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        flag.store(true, Ordering::Relaxed);
    });
    let (learned, other) = train(script, None, &ctx);
    assert!(matches!(learned, Err(Error::Subsel(subsel::Error::Interrupted))));
    stopper.join().expect("the stopper ends");
    assert!(began.elapsed() < Duration::from_secs(20), "neither waited for the 30 s");
    std::thread::sleep(Duration::from_millis(1200));
    assert!(!dir.path().join("late").exists() && !other.path().join("late").exists(), "its children are ended too");
}

#[test]
fn places_without_a_value_are_refused() {
    let error = Command::new(settings("run {model} {rows}", Role::Target)).expect_err("no model");
    assert!(error.to_string().ends_with("nothing says what `{model}` stands for"), "{error}");
    assert_eq!(error.hint().as_deref(), Some("`--target NAME` does"));
    assert!(Command::new(settings("run {epochs}", Role::Proxy)).is_err());
    let named = CommandSettings {
        model: Some("small".into()),
        epochs: Some(3),
        ..settings("run {model} {epochs}", Role::Proxy)
    };
    let named = Command::new(named).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        (named.name(), named.describe()),
        ("small".into(), "run {model} {epochs} [model small] [3 epochs]".into())
    );
}
