//! Comparisons on pools whose answer is known, stopped and gone on with.

use std::sync::atomic::Ordering;

use subsel::{Annotations, CheckedPool, Classes, Context, Pool, Settings, Stream};
use subsel_formats::MemorySource;

use super::cells::{Cell, Journal};
use super::run::{Given, NORMS, Watch, run};
use super::setting::{Arranged, Comparison, RowsAs};
use super::stats::Verdict;
use super::summary::Summary;
use crate::error::Error;
use crate::evaluator::Examples;

fn context() -> Context {
    Context::new(&Settings::default()).unwrap_or_else(|error| panic!("{error}"))
}

/// Blobs of very unequal size around corners, so that picks that spread see more classes than random ones.
fn blobs(n: usize, seed: u64) -> (Vec<f32>, Vec<u32>) {
    const DIM: usize = 12;
    let noise = Stream::new(seed, "blobs");
    let label = |i: usize| if i % 20 < 14 { 0 } else { (i % 20 - 13) as u32 };
    let labels: Vec<u32> = (0..n).map(label).collect();
    let value = |i: usize| {
        let (row, column) = (i / DIM, i % DIM);
        let at = if column == labels[row] as usize { 5.0 } else { 0.0 };
        (at + noise.unit(i as u64)) as f32
    };
    ((0..n * DIM).map(value).collect(), labels)
}

/// Runs `look` on a pool of blobs with labels, and test rows.
fn on_blobs<T>(look: impl FnOnce(&Given<'_>, &mut Context) -> T) -> T {
    let mut ctx = context();
    let (values, labels) = blobs(600, 1);
    let source = MemorySource::new(values, 12).unwrap_or_else(|error| panic!("{error}"));
    let names: Vec<String> = labels.iter().map(u32::to_string).collect();
    let known = Annotations { labels: Some(Classes::from_names(&names)), ..Annotations::default() };
    let pool = Pool { known, ..Pool::new(&source) };
    let checked = CheckedPool::new(&pool, &mut ctx).unwrap_or_else(|error| panic!("{error}"));
    let (rows, labels) = blobs(200, 2);
    let test = Some(Examples::new(&rows, 12, labels).unwrap_or_else(|error| panic!("{error}")));
    look(&Given { pool: &checked, test }, &mut ctx)
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn comparison() -> Comparison {
    Comparison {
        methods: texts(&["k-center", "k-means-centers", "norm:pick=largest"]),
        budgets: texts(&["4", "8"]),
        seeds: 6,
        pool_size: Some(200),
        evaluators: texts(&["1nn"]),
        metrics: texts(&["norm-ratio"]),
        norms: true,
        ..Comparison::default()
    }
}

fn arranged(comparison: &Comparison) -> Arranged {
    comparison.arrange().unwrap_or_else(|error| panic!("{error}"))
}

/// Counts results, and stops after some.
struct Counting {
    found: usize,
    stop: Option<(usize, std::sync::Arc<std::sync::atomic::AtomicBool>)>,
}

impl Watch for Counting {
    fn found(&mut self, _cell: &Cell, done: usize, all: usize) {
        self.found += 1;
        assert!(done <= all);
        if let Some((after, flag)) = &self.stop
            && self.found == *after
        {
            flag.store(true, Ordering::Relaxed);
        }
    }
}

fn fill(arranged: &Arranged, given: &Given<'_>, journal: &mut Journal, ctx: &mut Context) -> usize {
    let mut watch = Counting { found: 0, stop: None };
    run(arranged, given, journal, &mut watch, ctx).unwrap_or_else(|error| panic!("{error}"));
    watch.found
}

#[test]
fn a_method_that_sees_every_class_is_better_and_saves_labels() {
    on_blobs(|given, ctx| {
        let (arranged, mut journal) = (arranged(&comparison()), Journal::in_memory());
        fill(&arranged, given, &mut journal, ctx);
        let summary = Summary::of(&arranged, &journal, 600);
        assert_eq!((summary.seeds, &summary.methods[0][..]), (6, "random"));
        let mean = summary.entry("1nn", "k-means-centers", None).expect("it was compared");
        assert_eq!(mean.verdict, Some(Verdict::Better), "{mean:?}");
        let at = summary.entry("1nn", "k-means-centers", Some("8")).expect("it was compared");
        let saved = at.saved.expect("there is a curve");
        assert!(saved.random > 8.0 && saved.low <= saved.random && saved.random <= saved.high, "{saved:?}");
        assert_eq!(at.value.n, 6);
        // Means and differences are those of the results.
        let place = |method: &str, seed| super::Place { method: method.into(), budget: "8".into(), seed };
        let value = |method: &str, seed| journal.get(&place(method, seed)).expect("it was found").value("1nn");
        let by_hand: f64 = (0..6).map(|seed| value("k-means-centers", seed) - value("random", seed)).sum::<f64>() / 6.0;
        assert!((at.difference.expect("it is not random").mean - by_hand).abs() < 1e-12);
        let norms = journal.get(&place("k-center", 0)).and_then(|cell| cell.values[NORMS].as_array().cloned());
        assert_eq!(norms.map(|norms| norms.len()), Some(8));
    });
}

#[test]
fn what_was_stopped_goes_on_and_comes_to_the_same() {
    let dir = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let path = dir.path().join("results.jsonl");
    on_blobs(|given, ctx| {
        let arranged = arranged(&comparison());
        let mut whole = Journal::in_memory();
        let all = fill(&arranged, given, &mut whole, ctx);
        let header = given.header(&arranged, "1");
        let open = || Journal::open(&path, &header).unwrap_or_else(|error| panic!("{error}"));

        let mut watch = Counting { found: 0, stop: Some((all / 2, ctx.cancel_flag())) };
        let stopped = run(&arranged, given, &mut open(), &mut watch, ctx);
        assert!(matches!(stopped, Err(Error::Subsel(subsel::Error::Interrupted))), "{stopped:?}");
        ctx.cancel_flag().store(false, Ordering::Relaxed);
        // What a kill leaves behind: half a line.
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{error}"));
        std::fs::write(&path, format!("{text}{{\"method\":\"ran")).unwrap_or_else(|error| panic!("{error}"));

        let mut journal = open();
        let known = journal.len();
        assert!(known >= all / 2 && known < all, "{known} of {all}");
        assert_eq!(fill(&arranged, given, &mut journal, ctx), all - known, "nothing is found twice");
        let mut reread = open();
        assert_eq!(fill(&arranged, given, &mut reread, ctx), 0);
        let summary = |journal| Summary::of(&arranged, journal, 600);
        assert!(summary(&whole) == summary(&reread), "what is read back is what was found, to the bit");

        let other = super::Header { pool: "another".into(), ..header.clone() };
        let refused = Journal::open(&path, &other).map(|_| ());
        assert!(matches!(&refused, Err(Error::OtherComparison { what, .. }) if what.contains("pool")), "{refused:?}");
    });
}

#[test]
fn more_seeds_budgets_and_judges_add_to_what_is_known() {
    on_blobs(|given, ctx| {
        let (mut journal, first) = (Journal::in_memory(), comparison());
        fill(&arranged(&first), given, &mut journal, ctx);
        let more = Comparison { seeds: 7, evaluators: texts(&["1nn", "logistic"]), ..first.clone() };
        fill(&arranged(&more), given, &mut journal, ctx);
        let mut anew = Journal::in_memory();
        fill(&arranged(&more), given, &mut anew, ctx);
        let summary = |journal| Summary::of(&arranged(&more), journal, 600);
        assert_eq!(summary(&journal), summary(&anew));
    });
}

#[test]
fn results_do_not_depend_on_threads_and_all_methods_see_the_same_sample() {
    on_blobs(|given, ctx| {
        let settings = comparison();
        let settings = Comparison { initial: 3, rows: RowsAs::Unit, ..settings };
        let arranged = arranged(&settings);
        let (mut journal, mut single) = (Journal::in_memory(), Journal::in_memory());
        fill(&arranged, given, &mut journal, ctx);
        let mut one =
            Context::new(&Settings { threads: Some(1), ..Settings::default() }).unwrap_or_else(|e| panic!("{e}"));
        fill(&arranged, given, &mut single, &mut one);
        assert_eq!(Summary::of(&arranged, &journal, 600), Summary::of(&arranged, &single, 600));
        // With everything picked, all methods have the same rows, whatever their order.
        let all = Comparison { budgets: texts(&["197"]), pool_size: Some(200), ..settings };
        let arranged = self::arranged(&all);
        let mut journal = Journal::in_memory();
        fill(&arranged, given, &mut journal, ctx);
        let summary = Summary::of(&arranged, &journal, 600);
        for method in &summary.methods[1..] {
            let entry = summary.entry("1nn", method, Some("197")).expect("it was compared");
            assert_eq!(entry.verdict, Some(Verdict::Same), "{method}");
        }
    });
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let base = comparison();
    let wrong = |comparison: Comparison, what: &str| {
        let error = comparison.arrange().err().unwrap_or_else(|| panic!("{what} was taken"));
        assert!(error.to_string().contains(what), "{error}");
    };
    wrong(Comparison { methods: vec![], ..base.clone() }, "no method");
    wrong(Comparison { budgets: vec![], ..base.clone() }, "no budget");
    wrong(Comparison { seeds: 0, ..base.clone() }, "seeds");
    wrong(Comparison { evaluators: texts(&["oracle"]), ..base.clone() }, "oracle");
    wrong(Comparison { metrics: texts(&["beauty"]), ..base.clone() }, "beauty");
    wrong(Comparison { evaluators: vec![], metrics: vec![], ..base.clone() }, "nothing to judge by");
    on_blobs(|given, ctx| {
        let mut refused = |comparison: Comparison, given: &Given<'_>, what: &str| {
            let mut watch = Counting { found: 0, stop: None };
            let outcome = run(&arranged(&comparison), given, &mut Journal::in_memory(), &mut watch, ctx);
            let error = outcome.err().unwrap_or_else(|| panic!("{what} was taken"));
            assert!(error.to_string().contains(what), "{error}");
        };
        refused(Comparison { pool_size: Some(601), ..base.clone() }, given, "pool-size");
        refused(Comparison { initial: 200, ..base.clone() }, given, "initial");
        refused(Comparison { budgets: texts(&["201"]), ..base.clone() }, given, "cannot pick 201 of 200");
        refused(base.clone(), &Given { pool: given.pool, test: None }, "no test rows");
        let narrow = Examples::new(&[1.0, 2.0], 2, vec![0]).ok();
        refused(base.clone(), &Given { pool: given.pool, test: narrow }, "2 values");
        refused(Comparison { methods: texts(&["moderate", "ccs"]), ..base.clone() }, given, "ccs");
    });
}

#[test]
fn random_is_judged_where_labels_saved_are_read_off() {
    let settings = Comparison { budgets: texts(&["10", "60"]), pool_size: Some(5000), ..comparison() };
    let more = arranged(&settings).random_budgets(5000);
    assert_eq!((more.first(), more.last()), (Some(&14), Some(&180)));
    let mut all: Vec<usize> = more.iter().copied().chain([10, 60]).collect();
    all.sort_unstable();
    assert!(all.windows(2).all(|pair| pair[1] as f64 / pair[0] as f64 <= 1.56), "{all:?}");
    let percent = Comparison { budgets: texts(&["50%"]), ..settings };
    assert_eq!(arranged(&percent).random_budgets(100).last(), Some(&100), "no more than there are");
}
