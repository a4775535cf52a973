use subsel_formats::MemorySource;

use super::standing::{choice, leave_each_out, standings};
use super::*;
use crate::annotations::{Annotations, Classes};
use crate::context::Settings;
use crate::random::{Draws, Stream};
use crate::{Context, parse_method};

const REGIMES: [Regime; 3] = [Regime::Few, Regime::Hundreds, Regime::Many];

fn context(threads: usize) -> Context {
    Context::new(&Settings { threads: Some(threads), ..Settings::default() }).expect("a context")
}

/// Uniform noise in 16 dimensions, around centers so far apart.
fn rows(n: usize, centers: usize, apart: f64) -> Vec<f32> {
    let mut draws = Draws::new(Stream::new(5, "rows"));
    let places: Vec<f64> = (0..centers * 16).map(|_| apart * draws.unit()).collect();
    (0..n * 16).map(|i| (places[i / 16 % centers * 16 + i % 16] + draws.unit()) as f32).collect()
}

fn measure(values: &[f32], labels: Option<Vec<u32>>, ctx: &mut Context) -> Traits {
    let source = MemorySource::new(values, 16).expect("rows");
    let names = (0..10).map(|class| class.to_string()).collect();
    let labels = labels.map(|codes| Classes { codes, names });
    let known = Annotations { labels, ..Annotations::default() };
    Traits::measure(&Pool { known, ..Pool::new(&source) }, ctx).expect("traits")
}

#[test]
fn every_line_of_the_evidence_is_read_and_names_a_method() {
    let mut texts = include_str!("evidence.csv").lines();
    let head: Vec<&str> = texts.next().expect("a head").split(',').collect();
    assert_eq!(head[..4], ["data", "method", "picks", "pool"]);
    let seeds = head.len() - 4;
    assert_eq!(seeds, 30);
    let all: Vec<_> = texts.map(|text| evidence::line(text, seeds).expect("a line")).collect();
    let of_random = all.iter().filter(|line| line.method == RANDOM).count();
    assert_eq!(evidence::lines().len() + of_random, all.len());
    for line in &all {
        parse_method(line.method).expect("a method");
        assert!(line.data == evidence::CONTROL || sets().iter().any(|set| set.name == line.data), "{}", line.data);
        let is_shown = REGIMES.iter().filter(|regime| regime.is_shown_by(line.picks, line.pool)).count();
        assert_eq!(is_shown, 1, "{} picks of {}", line.picks, line.pool);
    }
    // What is compared was measured everywhere, the control included.
    for regime in REGIMES {
        let standings = standings(regime, &|_| true);
        assert!(standings.len() >= 9, "{regime:?}");
        assert!(
            standings.iter().all(|each| each.by_data.len() == sets().len() && each.control.is_some()),
            "{regime:?}"
        );
    }
}

#[test]
fn labels_decide_the_regime_those_there_already_included() {
    assert_eq!(Regime::of(60, 0, 5000), Regime::Few);
    assert_eq!(Regime::of(60, 90, 5000), Regime::Hundreds);
    assert_eq!(Regime::of(501, 0, 1_000_000), Regime::Many);
    assert_eq!(Regime::of(60, 0, 300), Regime::Many, "a fifth of the pool");
}

#[test]
fn gains_and_regrets_are_means_over_seeds_and_picks() {
    // By hand from the file, as plainly as can be.
    let mean_of = |data: &str, method: &str| {
        let wanted = |line: &&evidence::Line| line.data == data && line.method == method && line.picks <= 100;
        let all: Vec<f64> =
            evidence::lines().iter().filter(wanted).flat_map(|line| line.over_random.iter().copied()).collect();
        all.iter().sum::<f64>() / all.len() as f64
    };
    let found = standings(Regime::Few, &|_| true);
    for standing in &found {
        let mut worst: f64 = 0.0;
        for (set, (title, mean, _)) in sets().iter().zip(&standing.by_data) {
            assert_eq!(set.title, *title);
            assert!((mean - mean_of(set.name, standing.method)).abs() < 1e-9, "{} on {title}", standing.method);
            let best = found.iter().map(|other| mean_of(set.name, other.method)).fold(0.0, f64::max);
            worst = worst.max(best - mean);
        }
        assert!((standing.worst_regret - worst).abs() < 1e-9, "{}", standing.method);
    }
    assert!(found.windows(2).all(|pair| pair[0].worst_regret <= pair[1].worst_regret));
}

#[test]
fn intervals_over_data_sets_are_students() {
    // 1, 2, 3 and 6: mean 3, standard deviation sqrt(14 / 3), t with 3 degrees of freedom 3.182.
    let gain = standing::Gain::of(&[1.0, 2.0, 3.0, 6.0]);
    let margin = 3.182 * (14.0f64 / 3.0 / 4.0).sqrt();
    assert!((gain.mean - 3.0).abs() < 1e-12 && (gain.low - (3.0 - margin)).abs() < 1e-12);
    assert_eq!((gain.least, gain.most), (1.0, 6.0));
}

#[test]
fn the_rule_holds_on_data_sets_it_was_not_made_from() {
    for regime in REGIMES {
        let left = leave_each_out(regime, &|_| true);
        let regret = standing::mean(left.iter().map(|left| left.regret));
        assert!(regret <= 1.5, "{regime:?}: {regret} points behind the best method of each data set");
        let gain = standing::mean(left.iter().map(|left| left.gain.0));
        let least = if regime == Regime::Few { 1.0 } else { -0.3 };
        assert!(gain > least, "{regime:?}: {gain} points over random");
        for left in left {
            let (mean, error) = left.gain;
            assert!(mean - 1.96 * error > -1.0, "{regime:?}, {}: {} {mean} ± {error}", left.data, left.method);
        }
    }
    let few = standings(Regime::Few, &|_| true);
    let best = choice(&few).expect("a method at few labels");
    assert!(best.gain.low > 0.0 && best.method != RANDOM);
}

#[test]
fn noise_has_no_structure_and_clusters_have() {
    let mut ctx = context(2);
    let noise = measure(&rows(3000, 1, 0.0), None, &mut ctx);
    assert!(noise.structure.is_some_and(|structure| (structure - 1.0).abs() < 0.04), "{noise:?}");
    let clusters = measure(&rows(3000, 20, 8.0), None, &mut ctx);
    assert!(clusters.structure.is_some_and(|structure| structure < 0.7), "{clusters:?}");
    let advice = advise(20, 0, 3000, Some(&noise));
    assert!(advice.is_random() && advice.cause == Cause::Rows && advice.reason.contains("as evenly as noise"));
    assert!(!advise(20, 0, 3000, Some(&clusters)).is_random());
    assert_eq!(measure(&rows(40, 1, 0.0), None, &mut ctx).structure, None, "too few rows");
    assert_eq!(measure(&[1.5; 1600], None, &mut ctx).structure, None, "rows that are all the same");
    assert_eq!(measure(&[f32::NAN; 1600], None, &mut ctx).sampled_rows, 0);
}

#[test]
fn labels_that_neighbors_do_not_share_are_asked_for_at_random() {
    let mut ctx = context(2);
    let values = rows(2000, 10, 8.0);
    let told = measure(&values, Some((0..2000).map(|row| row % 10).collect()), &mut ctx);
    assert!(told.lift.is_some_and(|lift| lift.share() > 0.95), "{told:?}");
    let mut draws = Draws::new(Stream::new(1, "labels"));
    let by_chance = measure(&values, Some((0..2000).map(|_| draws.below(10) as u32).collect()), &mut ctx);
    assert!(by_chance.lift.is_some_and(|lift| lift.share() < 0.05), "{by_chance:?}");
    let advice = advise(20, 0, 2000, Some(&by_chance));
    assert_eq!((advice.is_random(), advice.cause), (true, Cause::Labels));
    assert_eq!(measure(&values, Some(vec![3; 2000]), &mut ctx).lift, None, "one class tells nothing");

    // Rows that are listed as labeled twice are not their own neighbors.
    let source = MemorySource::new(&values[..], 16).expect("rows");
    let names = (0..10).map(|class| class.to_string()).collect();
    let labels = Some(Classes { codes: (0..2000).map(|_| draws.below(10) as u32).collect(), names });
    let known = Annotations { labels, ..Annotations::default() };
    let labeled: Vec<usize> = (0..400).chain(0..400).collect();
    let pool = Pool { known, labeled, ..Pool::new(&source) };
    let listed_twice = Traits::measure(&pool, &mut ctx).expect("traits").lift.expect("labels of 400 rows");
    assert!(listed_twice.rows == 400 && listed_twice.share() < 0.1, "{listed_twice:?}");
    let beyond = Pool { labeled: vec![2000], ..pool };
    assert!(matches!(Traits::measure(&beyond, &mut ctx), Err(Error::RowOutOfRange { .. })));
}

#[test]
fn traits_do_not_depend_on_threads_and_instruction_sets() {
    let values = rows(1500, 7, 3.0);
    let labels = || Some((0..1500).map(|row| row % 7).collect::<Vec<u32>>());
    let first = measure(&values, labels(), &mut context(1));
    assert_eq!(measure(&values, labels(), &mut context(3)), first);
    for isa in subsel_kernels::Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        let mut ctx = Context::new(&Settings { isa: Some(isa), ..Settings::default() }).expect("a context");
        assert_eq!(measure(&values, labels(), &mut ctx), first, "{}", isa.name());
    }
}

#[test]
fn what_compares_all_pairs_is_left_out_of_large_pools_and_norm_where_norms_are_flat() {
    let of =
        |rows, traits| -> Vec<&str> { advise(60, 0, rows, traits).standings.iter().map(|each| each.method).collect() };
    let flat = Traits { sampled_rows: 1024, norm_spread: 0.07, structure: Some(0.9), lift: None };
    assert!(of(50_000, None).contains(&"norm") && of(50_000, None).contains(&"typiclust"));
    assert!(!of(50_000, Some(&flat)).contains(&"norm"));
    assert!(!of(1_000_000, None).iter().any(|method| ["typiclust", "facility-location"].contains(method)));
}
