//! Our numbers beside those of other people's packages, on made and on real input.
//!
//! `benchmarks/peers/metrics.py` wrote the golden file and says whose each number is. Cases of real data are passed over
//! where it is not present.

use std::path::{Path, PathBuf};

use serde_json::Value;
use subsel::{CheckedPool, Context, Pool, RowScale, Settings};
use subsel_formats::{MemorySource, OpenOptions, open};
use subsel_kernels::{Block, Kernels};
use subsel_metrics::evaluators::{Logistic, Neighbors};
use subsel_metrics::{Evaluator, Examples, Judge, JudgeSettings, Metric, Standard, Task};

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/judges.json")).expect("the golden file is JSON")
}

fn context() -> Context {
    Context::new(&Settings { threads: Some(2), ..Settings::default() }).unwrap_or_else(|error| panic!("{error}"))
}

fn number(value: &Value) -> usize {
    value.as_u64().expect("a whole number") as usize
}

fn float(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

/// The rule of the script: SplitMix64 by counter, four uniform numbers a value.
fn made(seed: u64, n: usize, dim: usize) -> Vec<f32> {
    let uniform = |counter: u64| {
        let mut z = counter.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 * f64::EPSILON / 2.0
    };
    let value = |i: usize| {
        let first = (seed << 32) + 4 * i as u64;
        let sum = uniform(first) + uniform(first + 1) + uniform(first + 2) + uniform(first + 3) - 2.0;
        (sum * ((1 + i % dim % 5) as f64 / 2.0) + (i % dim % 3) as f64) as f32
    };
    (0..n * dim).map(value).collect()
}

fn picks(case: &Value, n: usize) -> Vec<usize> {
    (0..number(&case["picks"])).map(|i| i * number(&case["step"]) % n).collect()
}

/// Compares all that is golden of a pool and its picks.
fn compare(name: &str, values: Vec<f32>, dim: usize, case: &Value) {
    let golden = case["values"].as_object().expect("values by name");
    let n = values.len() / dim;
    let mut ctx = context();
    let source = MemorySource::new(values, dim).unwrap_or_else(|error| panic!("{error}"));
    let pool = CheckedPool::new(&Pool::new(&source), &mut ctx).unwrap_or_else(|error| panic!("{error}"));
    let known: Vec<Metric> = golden.keys().filter_map(|name| name.parse().ok()).collect();
    assert_eq!(known.len() + 1, golden.len(), "{name}: every number but the width is a metric");
    // A width found from all rows is theirs; one found from a sample is not, and theirs is taken.
    let width = float(&golden["width"]);
    let settings =
        JudgeSettings { width: (n > 2000).then_some(width), cover_rows: RowScale::Raw, ..JudgeSettings::default() };
    let judge = Judge::new(&pool, &known, &settings, &mut ctx).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!((judge.width().expect("MMD is asked for") - width).abs() < 1e-9 * width, "{name}: width");
    let rows = picks(case, n);
    let found = judge.measure(&rows, &ctx).unwrap_or_else(|error| panic!("{name}: {error}"));
    for (metric, found) in known.iter().zip(found) {
        let expected = float(&golden[metric.name()]);
        let tolerance = match metric {
            // A root of a singular product is what scipy finds of it.
            Metric::Frechet | Metric::FrechetRest if rows.len() <= dim => 1e-4 * expected,
            Metric::Mmd | Metric::MmdUnbiased => 1e-9,
            _ => 1e-6 * expected.abs(),
        };
        assert!((found - expected).abs() <= tolerance, "{name}, {metric}: {found}, theirs {expected}");
    }
}

#[test]
fn metrics_of_made_pools_are_those_of_the_reference_packages() {
    for case in golden()["made"].as_array().expect("a list") {
        let (n, dim) = (number(&case["n"]), number(&case["dim"]));
        let seed = case["seed"].as_u64().expect("a seed");
        compare(&format!("seed {seed}"), made(seed, n, dim), dim, case);
    }
}

fn data() -> PathBuf {
    std::env::var_os("SUBSEL_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), Into::into)
}

#[test]
fn metrics_of_real_pools_are_those_of_the_reference_packages() {
    for (name, cases) in golden()["real"].as_object().expect("cases by file") {
        let path = data().join(name);
        if !path.exists() {
            continue;
        }
        let opened = open(&[path], &OpenOptions::default()).unwrap_or_else(|error| panic!("{error}"));
        for case in cases.as_array().expect("a list") {
            let first = number(&case["first"]);
            let mut block = Block::default();
            let rows = opened.source.rows(first..first + number(&case["n"]), &mut block);
            let rows = rows.unwrap_or_else(|error| panic!("{error}"));
            let mut values = vec![0.0; rows.len() * rows.dim()];
            Kernels::best().widen(rows, &mut values);
            compare(&format!("{name} from {first}"), values, rows.dim(), case);
        }
    }
}

fn labels(values: &Value) -> Vec<u32> {
    values.as_array().expect("labels").iter().map(|label| number(label) as u32).collect()
}

#[test]
fn evaluators_are_as_right_as_those_of_scikit_learn() {
    for case in golden()["tasks"].as_array().expect("a list") {
        let (n, dim, tests) = (number(&case["n"]), number(&case["dim"]), number(&case["tests"]));
        let seed = case["seed"].as_u64().expect("a seed");
        let pool = made(seed, n, dim);
        let examples =
            |values: &[f32], labels| Examples::new(values, dim, labels).unwrap_or_else(|error| panic!("{error}"));
        let of_pool = labels(&case["labels"]);
        let rows = picks(case, n);
        let train: Vec<f32> = rows.iter().flat_map(|row| &pool[row * dim..(row + 1) * dim]).copied().collect();
        let train = examples(&train, rows.iter().map(|row| of_pool[*row]).collect());
        let test = examples(&made(seed + 1, tests, dim), labels(&case["test_labels"]));
        let standard = Standard::of_rows(&pool, dim);
        let task =
            Task { classes: number(&case["classes"]), train: &train, rows: &rows, test: &test, standard: &standard };
        for (name, theirs) in case["told"].as_object().expect("answers by name") {
            let evaluator: Box<dyn Evaluator> = match name.split_once("lambda=") {
                Some((_, lambda)) => Box::new(Logistic { lambda: lambda.parse().expect("a number") }),
                None => Box::new(Neighbors { k: if name == "1nn" { 1 } else { 20 } }),
            };
            let found = evaluator.evaluate(&task, 0, &context()).unwrap_or_else(|error| panic!("{error}"));
            let expected = float(&theirs["accuracy"]);
            assert!(
                (found.accuracy - expected).abs() < 1e-12,
                "{name}, seed {seed}: {} not {expected}",
                found.accuracy
            );
        }
    }
}
