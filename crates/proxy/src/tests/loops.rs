//! The two loops, against loops written out plainly.

use super::*;
use crate::{overlap, random_keys};

/// Rows in the order of their keys, the largest first.
fn shuffled(seed: u64) -> Vec<usize> {
    let keys = random_keys(seed, N);
    let mut rows: Vec<usize> = (0..N).collect();
    rows.sort_by(|a, b| keys[*b].total_cmp(&keys[*a]));
    rows
}

/// One less the largest probability, as the definition says.
fn least_confidence(logits: &[f32]) -> f64 {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|z| f64::from(z - most).exp()).sum();
    1.0 - 1.0 / sum
}

#[test]
fn active_learning_is_the_loop_of_the_paper() {
    let learner = Nearest::new();
    let mut labeled = shuffled(1)[..6].to_vec();
    let mut rounds = vec![labeled.clone()];
    for size in [12, 24, 36] {
        let logits = learner.logits(&labeled, &learner.rows);
        let mut rest: Vec<usize> = (0..N).filter(|row| !labeled.contains(row)).collect();
        let score = |row: usize| least_confidence(&logits[row * CLASSES..(row + 1) * CLASSES]);
        // Stable, so that the lowest row is first among equals.
        rest.sort_by(|a, b| score(*b).total_cmp(&score(*a)));
        labeled.extend(&rest[..size - labeled.len()]);
        rounds.push(labeled.clone());
    }

    let ran = Ran::begin(Setting { seeds: 2, ..active(&["24", "30%"], "least-confidence") });
    assert_eq!(ran.plan.sizes, [6, 12, 24, 36]);
    let (mut proxy, mut target) = (Nearest::new(), Nearest::new());
    let report = ran.go(&mut proxy, &mut target).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(ran.picks(1, 36), labeled);
    assert_eq!(ran.picks(1, 24), labeled[..24]);

    let ascending = |rows: &[usize]| {
        let mut rows = rows.to_vec();
        rows.sort_unstable();
        rows
    };
    let of_proxy = proxy.seen.lock().expect("no training panicked").clone();
    let of_target = target.seen.lock().expect("no training panicked").clone();
    // The second seed's: three rounds, each from scratch on all that is labeled; then the target at each budget, and on
    // as many random rows, of which the initial ones are the first.
    let rows = |seen: &[Seen]| seen.iter().map(|(rows, ..)| rows.clone()).collect::<Vec<_>>();
    assert_eq!(rows(&of_proxy[3..]), rounds[..3].iter().map(|rows| ascending(rows)).collect::<Vec<_>>());
    let random = |size: usize| ascending(&shuffled(1)[..size]);
    assert_eq!(rows(&of_target[4..]), [ascending(&labeled[..24]), random(24), ascending(&labeled), random(36)]);
    // The same weights to begin with on chosen and on random rows, others in each round, all below 2^31.
    assert_eq!(of_target[4].1, of_target[5].1);
    assert!(of_proxy[3].1 != of_proxy[4].1 && of_proxy[3].1 != of_proxy[0].1, "{:?}", of_proxy[3].1);
    assert!(of_proxy.iter().chain(&of_target).all(|(_, seed, _)| *seed < 1 << 31));

    assert_eq!((report.complete, report.test_rows, report.budgets.len()), (2, Some(60), 2));
    let spent = report.proxy_secs.map(|told| told.mean).unwrap_or_default();
    assert!((9.0..10.0).contains(&spent), "three trainings of 2 + 1 s, and ranking: {spent}");
    let right = learner.logits(&labeled, &learner.test);
    let truth = blobs(60, 2).1;
    let told =
        right.chunks(CLASSES).map(|row| (0..CLASSES).fold(0, |best, c| if row[c] > row[best] { c } else { best }));
    let accuracy = told.zip(&truth).filter(|(told, truth)| *told as u32 == **truth).count() as f64 / 60.0;
    let text = std::fs::read_to_string(ran.path().join(Journal::NAME)).unwrap_or_default();
    assert!(text.contains(&format!("\"accuracy\":{accuracy}")), "{accuracy}: {text}");
}

#[test]
fn a_model_compared_with_itself_ranks_the_same() {
    let ran = Ran::begin(Setting { compare_target: true, full: true, ..active(&["36"], "entropy") });
    let report = ran.go(&mut Nearest::new(), &mut Nearest::new()).unwrap_or_else(|error| panic!("{error}"));
    for round in &report.rounds {
        let means =
            [round.spearman, round.entropy, round.entropy_held_out, round.overlap].map(|told| told.map(|t| t.mean));
        assert!(means.iter().all(|mean| mean.is_some_and(|mean| (mean - 1.0).abs() < 1e-12)), "{means:?}");
        assert_eq!(round.proxy.map(|told| told.mean), round.target.map(|told| told.mean));
    }
    assert!(report.speed_up.is_some_and(|told| (told.mean - 1.0).abs() < 0.2), "{:?}", report.speed_up);
    assert!(report.full.is_some() && report.budgets[0].error_over_full.is_some());
    assert!(report.acceptance.iter().any(|each| each.name == "entropy-spearman"), "{:?}", report.acceptance);
    let text = report.markdown("subsel proxy");
    assert!(text.contains("| held out |") && text.contains("1 seed"), "{text}");
}

#[test]
fn a_core_set_keeps_the_rows_hardest_to_learn() {
    let ran = Ran::begin(core_set(&["30", "60"], "forgetting"));
    let (mut proxy, mut target) = (Nearest::new(), Nearest::new());
    ran.go(&mut proxy, &mut target).unwrap_or_else(|error| panic!("{error}"));
    let hardness = proxy.hardness();
    let mut rows: Vec<usize> = (0..N).collect();
    rows.sort_by(|a, b| hardness[*b].total_cmp(&hardness[*a]));
    assert_eq!(ran.picks(0, 60), rows[..60]);
    assert_eq!(ran.picks(0, 30), rows[..30], "never-learned rows first, then those forgotten most, the lowest first");
    assert_eq!(proxy.seen.lock().expect("no training panicked")[0].0, (0..N).collect::<Vec<_>>(), "on everything");
}

#[test]
fn k_center_starts_from_random_rows_that_count() {
    let setting = Setting { initial: Some("5".into()), compare_target: true, ..core_set(&["20", "40"], "k-center") };
    let ran = Ran::begin(setting);
    let mut learner = Nearest::new();
    let report = ran.go(&mut learner, &mut Nearest::new()).unwrap_or_else(|error| panic!("{error}"));
    let picks = ran.picks(0, 40);
    assert_eq!(picks[..5], shuffled(0)[..5]);
    assert_eq!(ran.picks(0, 20), picks[..20]);
    // Each of the rest is the farthest from all before it.
    let sq_dist = |a: usize, b: usize| -> f64 {
        (0..DIM).map(|c| f64::from(learner.rows[a * DIM + c] - learner.rows[b * DIM + c]).powi(2)).sum()
    };
    for at in 5..40 {
        let radius = |row: usize| picks[..at].iter().map(|&pick| sq_dist(row, pick)).fold(f64::INFINITY, f64::min);
        let farthest = (0..N).map(radius).fold(0.0, f64::max);
        assert!((radius(picks[at]) - farthest).abs() <= 1e-6 * farthest, "pick {at}");
    }
    assert_eq!(report.rounds[0].spearman, None, "an order has no scores");
    assert_eq!(
        report.budgets.iter().map(|at| at.overlap.map(|told| told.mean)).collect::<Vec<_>>(),
        [Some(1.0), Some(1.0)]
    );
    assert_eq!(overlap(&picks, &picks), 1.0);
}

#[test]
fn k_center_in_rounds_takes_labeled_rows_into_account() {
    let ran = Ran::begin(active(&["20"], "k-center"));
    ran.go(&mut Nearest::new(), &mut Nearest::new()).unwrap_or_else(|error| panic!("{error}"));
    let mut picks = ran.picks(0, 20);
    assert_eq!(picks[..6], shuffled(0)[..6]);
    picks.sort_unstable();
    picks.dedup();
    assert_eq!(picks.len(), 20, "none is labeled twice");
}

#[test]
fn random_needs_no_proxy() {
    let ran = Ran::begin(active(&["30"], "random"));
    let (mut proxy, mut target) = (Nearest::new(), Nearest::new());
    let report = ran.go(&mut proxy, &mut target).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(ran.picks(0, 30), shuffled(0)[..30]);
    assert!(proxy.seen.lock().expect("no training panicked").is_empty() && report.rounds.is_empty());
    assert_eq!(report.budgets[0].over_random.map(|told| told.mean), Some(0.0));
}

#[test]
fn what_a_model_says_wrongly_is_refused_with_its_file() {
    let of = |fault, setting: Setting| {
        let mut proxy = Nearest { fault, ..Nearest::new() };
        Ran::begin(setting).go(&mut proxy, &mut Nearest::new()).expect_err("a faulty learner").to_string()
    };
    let error = of(Fault::NanLogit, active(&["30"], "margin"));
    assert!(error.ends_with("proxy-6/logits.npy: logits must be finite, and that of row 7 is NaN"), "{error}");
    let error = of(Fault::FewRows, active(&["30"], "margin"));
    assert!(error.ends_with("logits.npy: has 119 rows for 120 rows of the pool"), "{error}");
    let error = of(Fault::NoScoreOfRow(4), core_set(&["30"], "el2n"));
    assert!(error.ends_with("proxy-all/scores.npy: row 4, which was learned from, has no el2n score"), "{error}");
}
