//! What every method must do, whatever it is: this walks the method list, so a method is covered once it is registered.

use std::sync::atomic::{AtomicUsize, Ordering};

use subsel::registry;
use subsel::{
    Annotations, Classes, Context, Draws, Error, OutputKind, Outputs, Pool, Reason, Selection, Selector, Settings,
    Stream, parse_method, select,
};
use subsel_formats::MemorySource;
use subsel_kernels::Isa;

type Source = MemorySource<Vec<f32>>;

/// All methods by text, with settings that change their course, and compositions.
fn methods() -> Vec<String> {
    let mut texts: Vec<String> = registry::all().iter().map(|entry| quick(entry.info.name).to_string()).collect();
    let variants = [
        "stratified:allocation=balanced",
        "norm:norm=l1",
        "norm:norm=linf,pick=largest",
        "gram-schmidt:norm=l1",
        "gram-schmidt:norm=linf",
        "gram-schmidt:pick=largest",
        "gram-schmidt:pick=largest,norm=l1",
        "gram-schmidt:on_exhaustion=norm",
        "k-center:start=medoid",
        "k-center:driver=full",
        "k-means-pp:start=max-norm",
        "k-center+norm",
        "norm+gram-schmidt",
        "k-means-pp+random:refine=3",
        "k-means-centers:iterations=2",
        "k-means-centers:start=random,iterations=3",
        "k-means-centers+k-center",
        "random+k-means-centers",
        "typiclust:distance=euclidean,max_clusters=7",
        "typiclust:clusters=labels",
        "typiclust+norm",
        "cluster-balanced:within=center,clusters=7",
        "cluster-balanced:within=spread",
        "cluster-balanced+k-center",
        "prototypicality:keep=easy",
        "prototypicality:balance=none,clusters=3",
        "prob-cover:delta=0.3,ball=closed",
        "prob-cover:delta=purity,classes=3,on_covered=random",
        "prob-cover:delta=1.5,rows=raw",
        "graph-cut:similarity=cosine,lambda=1",
        "graph-cut:similarity=rbf,width=0.5",
        "kernel-herding:kernel=linear,rows=raw",
        "kernel-herding:sigma=0.5",
        "log-det:similarity=dot",
        "log-det:similarity=cosine,jitter=0,driver=full",
        "log-det:similarity=squared",
        "log-det:similarity=rbf,sigma=0.5",
        "moderate:center=mean,clusters=6",
        "moderate+k-center",
        "semdedup:clusters=3,keep=easy",
        "semdedup:keep=random",
        "ccs:beta=0.5,strata=7,hard=low",
        "top-score:order=lowest",
        "badge+norm",
        "k-means-pp+badge",
        "margin+k-center",
        "d2:k=4,gamma=1,kernel_power=2,forward=product,rows=unit",
        "d2:strata=5,beta=0.1,reverse=absolute,hard=low",
        "d2+random",
        "max-herding:kernel=top-hat,sigma=0.4",
        "max-herding:kernel=laplace,rows=raw",
        "max-herding:kernel=cauchy,sigma=0.3",
        "dcom:initial_delta=0.3,a=0.4,k=5",
        "dcom:max_delta=3,delta_resolution=0.01,a=0,rows=raw",
        "dcom+norm",
        "max-herding:kernel=student,nu=2.5,sigma=0.3",
        "u-herding:uncertainty=entropy,kernel=student",
        "u-herding:uncertainty=least-confidence,sigma=0.4,rows=raw",
        "u-herding:temperature=auto",
        "u-herding+k-center",
        "facility-location:similarity=cosine",
        "facility-location:similarity=squared",
        "facility-location:similarity=rbf,width=0.5",
        "facility-location:similarity=max-distance,rows=raw",
        "facility-location:similarity=max-sq-distance,rows=raw",
        "facility-location:similarity=exp-distance,rows=raw",
        "facility-location:driver=stochastic,eps=0.1",
        "facility-location:neighbors=10",
        "facility-location+norm",
        "wasserstein:start=k-means-pp,rounds=3,swaps=5",
        "wasserstein:sample=200,rows=unit",
        "wasserstein:solver=sinkhorn,sample=150,rounds=2,swaps=3",
        "zcore:draws=300,k=5,random_ties=true",
        "zcore:draws=200,dims=3,jitter=false,constant_columns=keep",
        "zcore:draws=400,exponent=2,replicate_workers=10",
        "norm+zcore:draws=100",
    ];
    texts.extend(variants.map(String::from));
    texts
}

/// The method with its defaults, or, where these are meant for large pools, with less to do.
fn quick(name: &str) -> &str {
    match name {
        "zcore" => "zcore:draws=1000,k=20",
        name => name,
    }
}

/// Methods share the cores: most checks use one.
fn for_every_method(check: impl Fn(&str, &dyn Selector) + Sync) {
    let (methods, next) = (methods(), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(text) = methods.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let method = parse_method(text).unwrap_or_else(|error| panic!("{error}"));
                    check(text, &*method);
                }
            });
        }
    });
}

/// Clusters, a few zero rows and a few duplicates.
fn values(n: usize, dim: usize, seed: u64) -> Vec<f32> {
    let mut draws = Draws::new(Stream::new(seed, "values"));
    let mut rows: Vec<Vec<f32>> = (0..n)
        .map(|i| (0..dim).map(|j| (draws.unit() - 0.5 + ((i % 5 * 7 + j) % 5) as f64) as f32).collect())
        .collect();
    for i in (0..n).step_by(37) {
        rows[i].fill(0.0);
    }
    for i in (5..n).step_by(41) {
        rows[i] = rows[i - 3].clone();
    }
    rows.concat()
}

fn source(n: usize, dim: usize, seed: u64) -> Source {
    Source::new(values(n, dim, seed), dim).unwrap_or_else(|error| panic!("{error}"))
}

fn pool(source: &Source) -> Pool<'_> {
    use subsel_formats::RowSource;
    let names: Vec<String> = (0..source.n_rows()).map(|row| (row % 5).to_string()).collect();
    let scores = (0..names.len()).map(|row| (row * 37 % 101) as f64 / 100.0).collect();
    let logits = (0..5 * names.len()).map(|i| (i * 31 % 17) as f32 / 3.0).collect();
    let known = Annotations {
        labels: Some(Classes::from_names(&names)),
        scores: Some(scores),
        outputs: Some(Outputs::new(OutputKind::Logits, logits, 5)),
        ..Annotations::default()
    };
    Pool { known, ..Pool::new(source) }
}

fn run(method: &dyn Selector, pool: &Pool<'_>, budget: usize, settings: &Settings) -> Result<Selection, Error> {
    select(method, pool, budget, &mut Context::new(settings)?)
}

fn rows(method: &dyn Selector, pool: &Pool<'_>, budget: usize, seed: u64) -> Vec<usize> {
    let settings = Settings { seed, threads: Some(1), ..Settings::default() };
    run(method, pool, budget, &settings).unwrap_or_else(|error| panic!("{}: {error}", method.text())).rows()
}

fn is_distinct(rows: &[usize]) -> bool {
    let mut sorted = rows.to_vec();
    sorted.sort_unstable();
    sorted.windows(2).all(|pair| pair[0] != pair[1])
}

#[test]
fn picks_are_distinct_candidates_as_many_as_asked_for() {
    let source = source(300, 6, 1);
    let mut pool = pool(&source);
    pool.labeled = (0..300).step_by(11).collect();
    pool.excluded = (3..300).step_by(17).collect();
    for_every_method(|text, method| {
        for budget in [1, 2, 17, 100] {
            let got = rows(method, &pool, budget, 5);
            assert_eq!(got.len(), budget, "{text}");
            assert!(is_distinct(&got), "{text}");
            assert!(got.iter().all(|row| !pool.labeled.contains(row) && !pool.excluded.contains(row)), "{text}");
        }
    });
}

#[test]
fn nested_methods_are_nested() {
    let source = source(400, 5, 2);
    let pool = pool(&source);
    for_every_method(|text, method| {
        if method.nested() {
            let longest = rows(method, &pool, 120, 3);
            for budget in [1, 13, 64] {
                assert_eq!(rows(method, &pool, budget, 3), longest[..budget], "{text} at {budget}");
            }
        }
    });
}

#[test]
fn one_seed_gives_one_selection_and_seeds_matter_to_random_methods() {
    let source = source(300, 6, 3);
    let pool = pool(&source);
    for_every_method(|text, method| {
        assert_eq!(rows(method, &pool, 40, 1), rows(method, &pool, 40, 1), "{text}");
        // Of prob-cover only the radius depends on draws, of semdedup the clusters, of moderate with labels nothing, of
        // facility-location its samples, of log-det what is beyond the rank, which rbf does not reach here; and
        // clusters as plain as these are found by every seed.
        let settled = [
            "largest",
            "start=max-norm",
            "start=medoid",
            "clusters=labels",
            "prob-cover",
            "moderate",
            "semdedup",
            "facility-location",
            "log-det:similarity=rbf",
        ];
        let draws = ["random", "stochastic", "+norm"].iter().any(|part| text.contains(part));
        let is_settled = settled.iter().any(|part| text.contains(part)) && !draws;
        if !method.is_random() {
            // Rows that only fill up are drawn, whatever the method.
            let chosen = |seed| -> Vec<usize> {
                let settings = Settings { seed, threads: Some(1), ..Settings::default() };
                let selection = run(method, &pool, 40, &settings).unwrap_or_else(|error| panic!("{text}: {error}"));
                let chosen = selection.picks.iter().take_while(|pick| pick.reason != Reason::Fill);
                chosen.map(|pick| pick.row).collect()
            };
            assert_eq!(chosen(1), chosen(2), "{text} minds its seed");
        }
        if method.is_random() && !is_settled {
            assert!(
                (2..6).any(|seed| rows(method, &pool, 40, seed) != rows(method, &pool, 40, 1)),
                "{text} ignores its seed"
            );
        }
    });
}

#[test]
fn threads_blocks_and_instruction_sets_change_nothing() {
    // More than two chunks of 4,096 rows, so that the order of chunks could matter.
    let source = source(9000, 9, 4);
    let pool = pool(&source);
    for_every_method(|text, method| {
        let base = Settings { seed: 9, threads: Some(1), ..Settings::default() };
        let expected = run(method, &pool, 60, &base).unwrap_or_else(|error| panic!("{text}: {error}"));
        let mut others = vec![];
        for (threads, block_rows) in [(2, None), (5, Some(1000)), (1, Some(7)), (2, Some(4096))] {
            let cache_bytes = block_rows.map(|_| 0);
            others.push(Settings { threads: Some(threads), block_rows, cache_bytes, ..base.clone() });
        }
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
            others.push(Settings { isa: Some(isa), ..base.clone() });
        }
        for settings in others {
            let got = run(method, &pool, 60, &settings).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(got.picks, expected.picks, "{text} under {settings:?}");
            assert_eq!(got.facts.fingerprint, expected.facts.fingerprint);
        }
    });
}

#[test]
fn all_candidates_can_be_ranked() {
    let source = source(120, 4, 5);
    let mut pool = pool(&source);
    pool.labeled = vec![7, 8];
    for_every_method(|text, method| {
        let got = rows(method, &pool, 118, 2);
        assert!(got.len() == 118 && is_distinct(&got), "{text}");
    });
}

#[test]
fn impossible_budgets_are_refused() {
    let source = source(20, 3, 6);
    let mut pool = pool(&source);
    pool.labeled = vec![0, 0, 1];
    for_every_method(|text, method| {
        for budget in [0, 19, usize::MAX] {
            let error = run(method, &pool, budget, &Settings::default()).err();
            assert!(matches!(error, Some(Error::Budget { candidates: 18, .. })), "{text} at {budget}: {error:?}");
        }
    });
}

/// Pools by name, values per row, and values.
fn adversarial_pools() -> Vec<(&'static str, usize, Vec<f32>)> {
    let n = 24;
    vec![
        ("one row", 1, vec![2.0]),
        ("one row of zeros", 3, vec![0.0; 3]),
        ("one dimension", 1, (0..n).map(|i| i as f32 - 5.0).collect()),
        ("all rows equal", 4, [1.0, -2.0, 3.0, 0.5].repeat(n)),
        ("all rows zero", 4, vec![0.0; 4 * n]),
        ("half duplicates", 3, [values(n / 2, 3, 1), values(n / 2, 3, 1)].concat()),
        ("rank one", 5, (0..n).flat_map(|i| (0..5).map(move |j| (i + 1) as f32 * (j + 1) as f32)).collect()),
        ("a far outlier", 3, [values(n - 1, 3, 2), vec![1e6, -1e6, 1e6]].concat()),
        ("constant columns", 4, (0..n).flat_map(|i| [7.0, (i % 3) as f32, 7.0, 0.0]).collect()),
        ("subnormals", 3, values(n, 3, 3).into_iter().map(|v| v * 1e-42).collect()),
        ("scale 1e30", 3, values(n, 3, 4).into_iter().map(|v| v * 1e30).collect()),
        ("scale 1e-30", 3, values(n, 3, 4).into_iter().map(|v| v * 1e-30).collect()),
        ("mixed scales", 3, (0..n).flat_map(|i| [10f32.powi(i as i32 - 12), 1.0, -1.0]).collect()),
        ("signed zeros", 2, (0..n).flat_map(|i| if i % 2 == 0 { [0.0, -0.0] } else { [-0.0, 0.0] }).collect()),
    ]
}

#[test]
fn adversarial_pools_are_ranked_whole() {
    for (name, dim, values) in adversarial_pools() {
        let rows_in_pool = values.len() / dim;
        let source = Source::new(values, dim).unwrap_or_else(|error| panic!("{error}"));
        let pool = pool(&source);
        for_every_method(|text, method| {
            for budget in [1, rows_in_pool.div_ceil(2), rows_in_pool] {
                let settings = Settings { seed: 1, threads: Some(2), ..Settings::default() };
                let got =
                    run(method, &pool, budget, &settings).unwrap_or_else(|error| panic!("{text} on {name}: {error}"));
                assert!(is_distinct(&got.rows()) && got.picks.len() == budget, "{text} on {name}");
                assert!(
                    got.picks.iter().all(|pick| !pick.score.is_nan()),
                    "{text} on {name} gives a score that is no number"
                );
            }
        });
    }
}

/// Methods that go by a model do so once rows are labeled: what holds of all must hold of them then.
fn for_methods_of_models(check: impl Fn(&str, &dyn Selector) + Sync) {
    for_every_method(|text, method| {
        if ["u-herding", "dcom", "badge", "entropy"].contains(&method.info().name) {
            check(text, method);
        }
    });
}

#[test]
fn models_and_labeled_rows_change_no_law() {
    let source = source(9000, 9, 14);
    let mut pool = pool(&source);
    pool.labeled = (0..9000).step_by(31).collect();
    pool.excluded = (5..9000).step_by(50).collect();
    for_methods_of_models(|text, method| {
        let base = Settings { threads: Some(1), ..Settings::default() };
        let expected = run(method, &pool, 40, &base).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(rows(method, &pool, 13, 0), expected.rows()[..13], "{text}");
        let mut others: Vec<Settings> = Vec::new();
        for (threads, block_rows) in [(2, None), (5, Some(1000)), (1, Some(7))] {
            others.push(Settings { threads: Some(threads), block_rows, ..base.clone() });
        }
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
            others.push(Settings { isa: Some(isa), ..base.clone() });
        }
        for settings in others {
            let got = run(method, &pool, 40, &settings).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(
                (got.picks, got.events),
                (expected.picks.clone(), expected.events.clone()),
                "{text}, {settings:?}"
            );
        }
    });
}

#[test]
fn adversarial_pools_with_labeled_rows_are_ranked_whole() {
    for (name, dim, values) in adversarial_pools() {
        let n = values.len() / dim;
        let source = Source::new(values, dim).unwrap_or_else(|error| panic!("{error}"));
        let mut pool = pool(&source);
        for labeled in [vec![0], vec![1, n / 2], (0..n - 1).collect()] {
            pool.labeled = labeled;
            pool.labeled.retain(|row| *row < n);
            let left = n - pool.labeled.iter().collect::<std::collections::HashSet<_>>().len();
            for_methods_of_models(|text, method| {
                for budget in [1, left].into_iter().filter(|budget| (1..=left).contains(budget)) {
                    let got = run(method, &pool, budget, &Settings::default());
                    let got = got.unwrap_or_else(|error| panic!("{text} on {name}: {error}"));
                    assert!(is_distinct(&got.rows()) && got.picks.len() == budget, "{text} on {name}");
                    assert!(got.picks.iter().all(|pick| !pick.score.is_nan()), "{text} on {name}");
                }
            });
        }
    }
}

#[test]
fn everything_labeled_but_the_budget_leaves_just_those() {
    let source = source(50, 4, 7);
    let mut pool = pool(&source);
    pool.labeled = (0..50).filter(|row| row % 10 != 3).collect();
    for_every_method(|text, method| {
        let mut got = rows(method, &pool, 5, 0);
        got.sort_unstable();
        assert_eq!(got, [3, 13, 23, 33, 43], "{text}");
    });
}

#[test]
fn non_finite_values_are_refused_with_their_place_or_dropped() {
    let mut bad = values(40, 3, 8);
    bad[7 * 3 + 2] = f32::NAN;
    bad[20 * 3] = f32::INFINITY;
    let source = Source::new(bad, 3).unwrap_or_else(|error| panic!("{error}"));
    let mut pool = pool(&source);
    for_every_method(|text, method| {
        let error = run(method, &pool, 3, &Settings::default()).err();
        assert!(matches!(error, Some(Error::NonFinite { count: 2, row: 7, column: 2, .. })), "{text}: {error:?}");
    });
    pool.drop_nonfinite = true;
    for_every_method(|text, method| {
        let got = rows(method, &pool, 38, 0);
        assert!(is_distinct(&got) && got.iter().all(|row| ![7, 20].contains(row)), "{text}");
    });
}

#[test]
fn row_order_does_not_matter_where_nothing_ties_or_draws() {
    let (n, dim) = (200, 5);
    let mut draws = Draws::new(Stream::new(12, "order"));
    let values: Vec<f32> = (0..n * dim).map(|_| (draws.unit() * 4.0 - 1.0) as f32).collect();
    let reversed: Vec<f32> = values.chunks_exact(dim).rev().flatten().copied().collect();
    let (plain, backward) = (Source::new(values, dim), Source::new(reversed, dim));
    let (plain, backward) = (plain.unwrap_or_else(|e| panic!("{e}")), backward.unwrap_or_else(|e| panic!("{e}")));
    for text in [
        "norm:pick=largest",
        "gram-schmidt:pick=largest",
        "k-center:start=max-norm",
        "facility-location",
        "max-herding",
        "u-herding",
        "log-det:similarity=dot",
    ] {
        let method = parse_method(text).unwrap_or_else(|error| panic!("{error}"));
        let mirrored: Vec<usize> = rows(&*method, &pool(&backward), 5, 0).iter().map(|row| n - 1 - row).collect();
        assert_eq!(rows(&*method, &pool(&plain), 5, 0), mirrored, "{text}");
    }
}

#[test]
fn facts_are_told_and_defaults_survive_the_grammar() {
    for entry in registry::all() {
        let info = entry.info;
        assert!(
            !info.summary.is_empty() && !info.cost.is_empty() && !info.source.is_empty() && !info.not_when.is_empty()
        );
        let method = parse_method(info.name).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(method.text(), info.name);
        let params = method.params();
        let mut told: Vec<&str> = info.params.iter().map(|param| param.name).collect();
        let mut real: Vec<&str> = params.keys().map(String::as_str).collect();
        told.sort_unstable();
        real.sort_unstable();
        assert_eq!(told, real, "{}: parameters and their description", info.name);
        for alias in info.aliases {
            assert_eq!(parse_method(alias).unwrap_or_else(|error| panic!("{error}")).text(), info.name);
        }
    }
}
