use super::*;
use crate::registry;
use crate::testing::{LinePool, mixture_pool, select_rows, values_of};
use crate::{Pool, Selection, Settings, parse_method, select};

/// Rows of 10 groups (by row modulo 10) and 3 labels of 60, 30 and 10 %, with scores, costs and outputs.
fn pool(n: usize) -> LinePool {
    let mut pool = mixture_pool(n, 5, 9);
    let names = |of: &dyn Fn(usize) -> String| Classes::from_names(&(0..n).map(of).collect::<Vec<_>>());
    pool.known.groups = Some(names(&|row| format!("g{}", row % 10)));
    pool.known.labels =
        Some(names(&|row| ["a", "b", "c"][usize::from(row % 10 >= 6) + usize::from(row % 10 == 9)].into()));
    pool.known.scores = Some((0..n).map(|row| (row * 37 % 101) as f64).collect());
    let logits = (0..3 * n).map(|i| (i * 31 % 17) as f32 / 3.0).collect();
    pool.known.outputs = Some(crate::Outputs::new(crate::OutputKind::Logits, logits, 3));
    pool.known.costs = Some((0..n).map(|row| 1.0 + (row % 4) as f64).collect());
    pool
}

fn run(text: &str, pool: &LinePool, constraints: &Constraints, budget: usize) -> Result<Selection, Error> {
    let method = parse_method(text).unwrap_or_else(|error| panic!("{error}"));
    let pool = Pool { constraints: constraints.clone(), ..pool.pool() };
    let settings = Settings { seed: 4, threads: Some(2), ..Settings::default() };
    select(&*method, &pool, budget, &mut Context::new(&settings)?)
}

fn rows(text: &str, pool: &LinePool, constraints: &Constraints, budget: usize) -> Vec<usize> {
    run(text, pool, constraints, budget).unwrap_or_else(|error| panic!("{text}: {error}")).rows()
}

fn methods() -> Vec<String> {
    let quick = |name: &str| if name == "zcore" { "zcore:draws=300,k=5".into() } else { name.to_owned() };
    let all = registry::all().iter().map(|entry| quick(entry.info.name));
    all.chain(
        ["k-center+norm", "random+gram-schmidt", "typiclust+random", "cluster-balanced:within=spread"]
            .map(String::from),
    )
    .collect()
}

fn count(rows: &[usize], is: impl Fn(usize) -> bool) -> usize {
    rows.iter().filter(|row| is(**row)).count()
}

#[test]
fn every_method_keeps_to_every_rule() {
    let pool = pool(400);
    let values = values_of(&pool);
    let sq_dist = |a: usize, b: usize| -> f64 {
        (0..5).map(|i| (f64::from(values[a * 5 + i]) - f64::from(values[b * 5 + i])).powi(2)).sum()
    };
    for text in methods() {
        let rows_of = |constraints: Constraints, budget| rows(&text, &pool, &constraints, budget);
        let capped = rows_of(Constraints { per_group: Some(3), ..Constraints::default() }, 24);
        assert!(capped.len() == 24 && (0..10).all(|group| count(&capped, |row| row % 10 == group) <= 3), "{text}");

        let quotas =
            ["label=c:8..9", "label=a:..5"].map(|quota| quota.parse().unwrap_or_else(|error| panic!("{error}")));
        let shared = rows_of(Constraints { quotas: quotas.into(), ..Constraints::default() }, 20);
        let (of_a, of_c) = (count(&shared, |row| row % 10 < 6), count(&shared, |row| row % 10 == 9));
        assert!(shared.len() == 20 && (8..=9).contains(&of_c) && of_a <= 5, "{text}: {of_a} {of_c}");

        let even = rows_of(Constraints { balance: Some(Axis::Label), ..Constraints::default() }, 21);
        let counts = [0..6, 6..9, 9..10].map(|range| count(&even, |row| range.contains(&(row % 10))));
        assert_eq!(counts, [7; 3], "{text}");

        let apart = rows_of(Constraints { min_distance: Some(3.0), ..Constraints::default() }, 12);
        let near = apart.iter().enumerate().any(|(i, &a)| apart[..i].iter().any(|&b| sq_dist(a, b) < 9.0));
        assert!(apart.len() == 12 && !near, "{text}");

        let cheap = rows_of(Constraints { cost_budget: Some(30.0), ..Constraints::default() }, 400);
        let cost = |rows: &[usize]| rows.iter().map(|row| 1.0 + (row % 4) as f64).sum::<f64>();
        // Stopping with money left for the cheapest row would be too early.
        assert!(cost(&cheap) <= 30.0 && cost(&cheap) > 29.0, "{text}: {}", cost(&cheap));
    }
}

#[test]
fn a_ranking_is_walked_past_what_is_refused() {
    let pool = pool(200);
    let free = rows("norm:pick=largest", &pool, &Constraints::default(), 200);
    let mut counts = [0; 10];
    let mut expected = free;
    expected.retain(|row| {
        counts[row % 10] += 1;
        counts[row % 10] <= 2
    });
    assert_eq!(
        rows("norm:pick=largest", &pool, &Constraints { per_group: Some(2), ..Constraints::default() }, 20),
        expected
    );
}

#[test]
fn a_greedy_method_goes_on_as_if_refused_rows_could_not_be_picked() {
    // The textbook: after every pick the rows that a full group holds are excluded.
    let pool = pool(150);
    let constraints = Constraints { per_group: Some(1), ..Constraints::default() };
    let picked = rows("k-center:start=0", &pool, &constraints, 10);
    let mut taken = vec![0];
    while taken.len() < 10 {
        let excluded = (0..150).filter(|row| taken.iter().any(|t| t % 10 == row % 10)).collect();
        let method = parse_method("k-center").unwrap_or_else(|error| panic!("{error}"));
        let next = Pool { labeled: taken.clone(), excluded, ..pool.pool() };
        let mut ctx = Context::new(&Settings::default()).unwrap_or_else(|error| panic!("{error}"));
        let next = select(&*method, &next, 1, &mut ctx).unwrap_or_else(|error| panic!("{error}"));
        taken.push(next.picks[0].row);
    }
    assert_eq!(picked, taken);
}

#[test]
fn what_cannot_be_is_refused_with_the_rule() {
    let pool = pool(100);
    let told = |constraints: &Constraints, budget| match run("random", &pool, constraints, budget) {
        Err(error) => format!("{error} / {}", error.hint().unwrap_or_default()),
        Ok(selection) => panic!("{} picks", selection.picks.len()),
    };
    let quotas = |texts: &[&str]| Constraints {
        quotas: texts.iter().map(|text| text.parse().unwrap_or_else(|error| panic!("{error}"))).collect(),
        ..Constraints::default()
    };
    let text = told(&quotas(&["label=c:11.."]), 20);
    assert!(
        text.contains("--quota label=c:11..") && text.contains("at least 11 picks and has 10 candidates"),
        "{text}"
    );
    let text = told(&quotas(&["label=a:15..", "label=b:10.."]), 20);
    assert!(text.contains("at least 25 picks") && text.contains("-n 25"), "{text}");
    let text = told(&Constraints { per_group: Some(1), ..Constraints::default() }, 20);
    assert!(text.contains("at most 10 of the 20") && text.contains("-n 10"), "{text}");
    let text = told(&quotas(&["label=d:1"]), 5);
    assert!(text.contains("no row has the label `d`"), "{text}");
    let text = told(&Constraints { min_distance: Some(1e6), ..Constraints::default() }, 3);
    assert!(text.contains("1 of 3 picks could be made") && text.contains("too near"), "{text}");
    // Two rules, each of which could be kept alone.
    let text = told(&Constraints { per_group: Some(1), ..quotas(&["label=c:2.."]) }, 5);
    assert!(text.contains("--quota label=c:2..") && text.contains("have their share"), "{text}");
    let bare = mixture_pool(20, 2, 1);
    let error = run("random", &bare, &Constraints { cost_budget: Some(1.0), ..Constraints::default() }, 2).err();
    assert!(error.is_some_and(|error| error.hint().is_some_and(|hint| hint.contains("--costs"))));
    assert!(select_rows(&crate::methods::random::Random::default(), &bare, 2, 0).is_ok());
}

#[test]
fn quotas_are_read_as_written() {
    for (text, least, most) in [
        ("label=x:3..7", 3, Some(7)),
        ("group=a=b:..2", 0, Some(2)),
        ("label=x:y:4..", 4, None),
        ("label=x:5", 5, Some(5)),
    ] {
        let quota: Quota = text.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((quota.least, quota.most), (least, most), "{text}");
    }
    for wrong in ["x:3..4", "label=x", "label=x:3..2", "label=x:a..", "color=x:1"] {
        assert!(wrong.parse::<Quota>().is_err(), "{wrong}");
    }
}

#[test]
fn methods_that_go_by_a_model_keep_to_rules_where_rows_are_labeled() {
    let mut pool = pool(400);
    pool.labeled = (0..400).step_by(23).collect();
    for text in ["u-herding", "u-herding:driver=full", "dcom", "dcom:a=0.4,k=4"] {
        let capped = rows(text, &pool, &Constraints { per_group: Some(2), ..Constraints::default() }, 20);
        assert!(capped.len() == 20 && (0..10).all(|group| count(&capped, |row| row % 10 == group) == 2), "{text}");
        assert!(capped.iter().all(|row| !pool.labeled.contains(row)), "{text}");
        let paid = run(text, &pool, &Constraints { cost_budget: Some(21.0), ..Constraints::default() }, 382);
        let paid = paid.unwrap_or_else(|error| panic!("{text}: {error}")).rows();
        let cost: f64 = paid.iter().map(|row| 1.0 + (row % 4) as f64).sum();
        assert!((20.0..=21.0).contains(&cost), "{text}: {cost}");
    }
}
