//! Probes on embeddings.

use subsel::training::Tracker;
use subsel::{CheckedPool, Pool};
use subsel_formats::MemorySource;
use subsel_metrics::evaluators::{LinearProbe, Logistic};
use subsel_metrics::{Evaluator, Examples, Standard, Task as Problem};

use super::*;
use crate::probe::{Probe, ProbeLearner};
use crate::{Role, dir_of};

fn probe(text: &str) -> Probe {
    Probe::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

/// Does something with a pool of blobs.
fn on_blobs(setting: Setting, names: (&str, &str), see: impl Fn(&Ran, Result<Report, Error>, &Examples)) {
    let (rows, codes) = blobs(N, 1);
    let source = MemorySource::new(rows, DIM).unwrap_or_else(|error| panic!("{error}"));
    let mut ctx = context();
    let pool = CheckedPool::new(&Pool::new(&source), &mut ctx).unwrap_or_else(|error| panic!("{error}"));
    let (test_rows, test_codes) = blobs(60, 2);
    let examples = Examples::new(&test_rows, DIM, test_codes.clone()).unwrap_or_else(|error| panic!("{error}"));
    let (labels, test) = (classes(codes), classes(test_codes));
    let given = Given { n: N, pool: Some(&pool), labels: Some(&labels), test: Some(&test) };
    let learner = |text: &str| {
        ProbeLearner::new(probe(text), &pool, &labels, Some(&examples), &context())
            .unwrap_or_else(|error| panic!("{error}"))
    };
    let (mut proxy, mut target) = (learner(names.0), learner(names.1));
    let ran = Ran::begin(setting);
    let learners = Learners { proxy: &mut proxy, target: &mut target };
    let header = given.header(&ran.plan, &learners, "1");
    let mut journal = Journal::open(&ran.path().join(Journal::NAME), &header).unwrap_or_else(|error| panic!("{error}"));
    let outcome = run(&ran.plan, &given, learners, (ran.path(), &mut journal), 0, &mut Unwatched, &mut ctx);
    see(&ran, outcome.map(|()| ran.report(&header, &journal)), &examples);
}

#[test]
fn a_probe_learns_what_the_evaluator_of_its_name_does() {
    let logistic: (&str, Box<dyn Evaluator>) = ("logistic", Box::new(Logistic::default()));
    let short = LinearProbe { epochs: 5, ..LinearProbe::default() };
    for (text, evaluator) in [logistic, ("linear-probe:epochs=5", Box::new(short))] {
        on_blobs(active(&["20"], "least-confidence"), ("logistic", text), |ran, report, test| {
            let report = report.unwrap_or_else(|error| panic!("{error}"));
            let mut picks = ran.picks(0, 20);
            picks.sort_unstable();
            let (rows, codes) = blobs(N, 1);
            let values: Vec<f32> = picks.iter().flat_map(|row| rows[row * DIM..(row + 1) * DIM].to_vec()).collect();
            let own = picks.iter().map(|row| codes[*row]).collect();
            let train = Examples::new(&values, DIM, own).unwrap_or_else(|error| panic!("{error}"));
            let standard = Standard::of_rows(&rows, DIM);
            let task = Problem { classes: CLASSES, train: &train, rows: &picks, test, standard: &standard };
            let seed = subsel::Stream::new(0, "target-training").bits(20) >> 33;
            let expected = evaluator.evaluate(&task, seed, &context()).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(report.budgets[0].target.map(|told| told.mean), Some(expected.accuracy), "{text}");
        });
    }
}

#[test]
fn a_cheap_probe_ranks_as_a_dear_one_does() {
    let setting = Setting { compare_target: true, ..core_set(&["50%"], "entropy") };
    on_blobs(setting, ("linear-probe:epochs=20", "logistic"), |ran, report, _| {
        let report = report.unwrap_or_else(|error| panic!("{error}"));
        let entropy = report.rounds[0].entropy.map(|told| told.mean).unwrap_or_default();
        assert!(entropy > 0.7, "{entropy}");
        assert_eq!(ran.picks(0, 60).len(), 60);
    });
}

#[test]
fn scores_of_its_training_are_those_of_a_tracker() {
    let probe = LinearProbe { epochs: 30, batch: 50, ..LinearProbe::default() };
    let (rows, codes) = blobs(N, 1);
    let train = Examples::new(&rows, DIM, codes.clone()).unwrap_or_else(|error| panic!("{error}"));
    let none = Examples::new(&[], DIM, Vec::new()).unwrap_or_else(|error| panic!("{error}"));
    let all: Vec<usize> = (0..N).collect();
    let standard = Standard::of_rows(&rows, DIM);
    let task = Problem { classes: CLASSES, train: &train, rows: &all, test: &none, standard: &standard };
    let mut tracker = Tracker::new(N, Some(CLASSES)).unwrap_or_else(|error| panic!("{error}"));
    let seed = subsel::Stream::new(0, "proxy-training").bits(N as u64) >> 33;
    let mut seen = |epoch: usize, places: &[u32], logits: &[f32]| {
        let ids: Vec<usize> = places.iter().map(|&place| place as usize).collect();
        let labels: Vec<usize> = ids.iter().map(|&row| codes[row] as usize).collect();
        tracker.update(epoch as u32, &ids, logits, &labels)
    };
    probe.train(&task, seed, &context(), &mut seen).unwrap_or_else(|error| panic!("{error}"));
    for name in ["forgetting", "forgetting-zero", "el2n", "aum"] {
        on_blobs(core_set(&["30"], name), ("linear-probe:epochs=30,batch=50", "logistic"), |ran, report, _| {
            report.unwrap_or_else(|error| panic!("{error}"));
            let place = crate::Place { seed: 0, role: Role::Proxy, of: crate::Of::All, rows: N };
            let path = dir_of(ran.path(), &place).join("scores.npy");
            let found =
                subsel_formats::read_column(&path, &Default::default()).unwrap_or_else(|error| panic!("{error}"));
            let Some(score) = ran.plan.wants().dynamics else { panic!("{name} is a score of a training") };
            assert_eq!(found.values, subsel_formats::SideColumn::Floats(tracker.scores(score)), "{name}");
        });
    }
    on_blobs(core_set(&["30"], "forgetting"), ("logistic", "logistic"), |_, report, _| {
        let error = report.expect_err("it has no epochs");
        assert_eq!(error.to_string(), "`logistic` has no epochs, and forgetting is a score of those");
    });
}

#[test]
fn some_columns_are_another_embedding() {
    on_blobs(active(&["30"], "k-center"), ("logistic:columns=1", "logistic"), |ran, report, _| {
        let report = report.unwrap_or_else(|error| panic!("{error}"));
        assert!(report.proxy.ends_with("the first 1 of 2 columns"), "{}", report.proxy);
        let place = crate::Place { seed: 0, role: Role::Proxy, of: crate::Of::Round, rows: 6 };
        assert!(dir_of(ran.path(), &place).join("features.npy").is_file());
    });
    let (rows, codes) = blobs(N, 1);
    let source = MemorySource::new(rows, DIM).unwrap_or_else(|error| panic!("{error}"));
    let pool = CheckedPool::new(&Pool::new(&source), &mut context()).unwrap_or_else(|error| panic!("{error}"));
    let labels = classes(codes);
    let error = ProbeLearner::new(probe("logistic:columns=3"), &pool, &labels, None, &context());
    assert_eq!(
        error.map(drop).map_err(|e| e.to_string()),
        Err("`columns` must be at most 2, the columns there are, got 3".into())
    );
}

#[test]
fn texts_that_are_no_probe_are_refused() {
    for (text, message) in [
        ("linear-prob", "there is no probe `linear-prob`"),
        ("logistic:epochs=3", "`logistic` has no parameter `epochs`"),
        ("linear-probe:epochs=0", "`epochs` of `linear-probe` must be a count, got 0"),
        ("linear-probe:columns=0", "`columns` of `linear-probe` must be a number of columns, got 0"),
        ("logistic:lambda=-1", "`lambda` of `logistic` must be a number, got -1"),
    ] {
        let error = Probe::parse(text).expect_err(text);
        assert!(error.to_string().starts_with(message), "{error}");
    }
}
