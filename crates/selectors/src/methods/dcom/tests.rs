use super::*;
use crate::annotations::{Annotations, Classes};
use crate::outputs::{OutputKind, Outputs};
use crate::selection::Selection;
use crate::testing::{LinePool, line_pool, mixture_pool, picks_of, select_rows, values_of};

const LINE: [f32; 9] = [0., 1., 2., 3., 4., 7., 8., 9., 15.];

fn labels(of: impl Iterator<Item = usize>) -> Option<Classes> {
    Some(Classes::from_names(&of.map(|class| class.to_string()).collect::<Vec<_>>()))
}

/// The points of the line, with outputs of two classes; row 1 is labeled 0, row 6 is labeled 1.
fn line() -> LinePool {
    let values = [0.9, 0.8, 0.45, 0.3, 0.4, 0.65, 0.1, 0.75, 0.9].iter().flat_map(|p: &f32| [*p, 1.0 - *p]).collect();
    let known = Annotations {
        outputs: Some(Outputs::new(OutputKind::Probabilities, values, 2)),
        labels: labels([0, 0, 0, 0, 0, 0, 1, 0, 0].into_iter()),
        ..Annotations::default()
    };
    LinePool { labeled: vec![1, 6], known, ..line_pool(&LINE) }
}

fn on_the_line() -> Dcom {
    Dcom { initial_delta: 1.5, max_delta: 4.0, delta_resolution: 0.5, rows: RowScale::Raw, ..Dcom::default() }
}

fn run(method: &Dcom, pool: &LinePool, budget: usize) -> Selection {
    select_rows(method, pool, budget, 0).unwrap_or_else(|error| panic!("{error}"))
}

fn event(selection: &Selection, key: &str) -> f64 {
    selection.events[key].as_f64().unwrap_or_else(|| panic!("{key}"))
}

#[test]
fn defaults_are_as_documented() {
    let method = Dcom::default();
    assert_eq!((method.initial_delta, method.max_delta, method.delta_resolution), (0.75, 1.1, 0.05));
    assert_eq!((method.a, method.k, method.rows), (0.8, 50.0, RowScale::Unit));
    assert_eq!(method.halvings(), 5);
}

#[test]
fn competence_matches_the_worked_values() {
    let competence = |covered| Dcom::default().competence(covered);
    assert!((competence(0.5) / 3.06e-7 - 1.0).abs() < 1e-3, "{}", competence(0.5));
    assert!((competence(0.8) - (1.0 + (-10f64).exp()) / 2.0).abs() < 1e-12);
    for (covered, want) in [(0.8, 0.500023), (0.9, 0.993352), (1.0, 1.0)] {
        assert!((competence(covered) - want).abs() < 1e-6, "{covered}: {}", competence(covered));
    }
    for k in [1e-300, 1e300] {
        let found = Dcom { k, ..Dcom::default() }.competence(0.3);
        assert!((0.0..=1.0).contains(&found), "{k}: {found}");
    }
}

#[test]
fn picks_match_the_worked_examples() {
    // By hand: 6 of 9 rows covered at first, so that purity .5333 is asked for; radii 2.25 and 1.25, which cover 7.
    let sudden = (on_the_line(), 0.248, [(4, 0.964571), (8, 0.752), (2, 0.248), (5, 0.248)]);
    let gentle = Dcom { a: 0.5, k: 4.0, ..on_the_line() };
    let gentle = (gentle, 0.854, [(4, 0.878), (2, 0.854), (5, 0.854), (3, 0.854)]);
    for (method, competence, want) in [sudden, gentle] {
        let selection = run(&method, &line(), 4);
        assert_eq!(event(&selection, "competence"), competence);
        assert!((event(&selection, "coverage") - 7.0 / 9.0).abs() < 1e-12);
        assert!((event(&selection, "purity_threshold") - (0.4 + 0.2 * 6.0 / 9.0)).abs() < 1e-12);
        assert_eq!(event(&selection, "mean_radius"), 1.75);
        for (pick, (row, score)) in selection.picks.iter().zip(want) {
            assert_eq!(pick.row, row);
            assert!((pick.score - score).abs() < 1e-6, "row {row}: {} {score}", pick.score);
        }
        let Reason::Doubted { rows: 1, doubt, competence: told } = selection.picks[0].reason else {
            panic!("{:?}", selection.picks[0].reason)
        };
        assert!((doubt - 0.857143).abs() < 1e-6 && told == competence);
    }
}

#[test]
fn without_labeled_rows_it_is_prob_cover() {
    let pool = mixture_pool(500, 5, 3);
    let theirs = crate::parse_method("prob-cover:delta=0.4").unwrap_or_else(|error| panic!("{error}"));
    let ours = Dcom { initial_delta: 0.4, ..Dcom::default() };
    // Long enough for covering to begin anew.
    assert_eq!(picks_of(&ours, &pool, 450, 0), picks_of(&*theirs, &pool, 450, 0));
    let selection = run(&ours, &pool, 5);
    assert!(selection.picks.iter().all(|pick| matches!(pick.reason, Reason::Covers { lap: 1, .. })));
    assert_eq!(event(&selection, "competence"), 0.0);
}

/// A pool of clusters, which the outputs of a model know more or less.
fn clusters(n: usize, dim: usize, every: usize, doubt: usize) -> LinePool {
    let classes = 4;
    let of = |row: usize| row * 7 % 8 / 2;
    let value = |i: usize| {
        let (row, class) = (i / classes, i % classes);
        // Sure of the right class, but for some rows, and never quite alike.
        let is_right = class == of(row);
        let sure = if row % doubt == 0 { 0.3 } else { 3.0 };
        if is_right { sure + (row * 13 % 17) as f32 / 17.0 } else { (i * i % 11) as f32 / 11.0 }
    };
    let known = Annotations {
        outputs: Some(Outputs::new(OutputKind::Logits, (0..n * classes).map(value).collect(), classes)),
        labels: labels((0..n).map(of)),
        ..Annotations::default()
    };
    LinePool { labeled: (1..n).step_by(every).collect(), known, ..mixture_pool(n, dim, 11) }
}

/// The textbook: all balls as lists, everything anew at every pick.
fn naive(pool: &LinePool, dim: usize, method: &Dcom, budget: usize) -> (Vec<(usize, f64)>, Vec<f64>) {
    let values = values_of(pool);
    let rows: Vec<&[f32]> = values.chunks_exact(dim).collect();
    let n = rows.len();
    let distance = |a: usize, b: usize| {
        rows[a].iter().zip(rows[b]).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>().sqrt()
    };
    let known = radii::Known::of(&checked(pool)).ok().flatten().unwrap_or_else(|| panic!("known"));
    let covers = |covered: &mut Vec<bool>, row: usize, radius: f64| {
        (0..n).filter(|of| distance(row, *of) < radius).for_each(|of| covered[of] = true);
    };
    let share = |covered: &[bool]| covered.iter().filter(|covered| **covered).count() as f64 / n as f64;
    let mut at_first = vec![false; n];
    pool.labeled.iter().for_each(|&row| covers(&mut at_first, row, method.initial_delta));
    let threshold = 0.2 * share(&at_first) + 0.4;
    let classes = known.classes();
    let radius = |&row: &usize| {
        let (mut low, mut high) = (0.0, method.max_delta);
        while high - low > method.delta_resolution * (1.0 + 1e-9) {
            let middle = (low + high) / 2.0;
            let ball: Vec<usize> = (0..n).filter(|of| distance(row, *of) < middle).collect();
            let same = ball.iter().filter(|of| classes[**of] == classes[row]).count();
            if same as f64 / (ball.len() as f64) < threshold { high = middle } else { low = middle }
        }
        ((low + high) * 50.0).round() / 100.0
    };
    let radii: Vec<f64> = pool.labeled.iter().map(radius).collect();
    let mean = radii.iter().sum::<f64>() / radii.len() as f64;
    let mut covered = vec![false; n];
    pool.labeled.iter().zip(&radii).for_each(|(&row, &radius)| covers(&mut covered, row, radius));
    let competence = (method.competence(share(&covered)) * 1e3).round() / 1e3;
    let ctx = Context::new(&Default::default()).unwrap_or_else(|error| panic!("{error}"));
    let doubts = Dcom::doubts(&checked(pool), &ctx).unwrap_or_else(|error| panic!("{error}"));
    let mut picks: Vec<(usize, f64)> = Vec::new();
    while picks.len() < budget {
        let is_open = |row: &usize| !pool.labeled.contains(row) && picks.iter().all(|(pick, _)| pick != row);
        let open: Vec<usize> = (0..n).filter(is_open).collect();
        let gain = |row: usize| (0..n).filter(|of| distance(row, *of) < mean && !covered[*of]).count() as f64;
        let gains: Vec<f64> = open.iter().map(|row| gain(*row)).collect();
        let (most_gain, most_doubt) =
            (gains.iter().copied().fold(0.0, f64::max), open.iter().map(|row| doubts[*row]).fold(0.0, f64::max));
        let part = |value: f64, most: f64| if most > 0.0 { value / most } else { 0.0 };
        let score = |at: usize| match competence {
            0.0 => gains[at],
            _ => competence * part(doubts[open[at]], most_doubt) + (1.0 - competence) * part(gains[at], most_gain),
        };
        let scores: Vec<f64> = (0..open.len()).map(score).collect();
        let most = scores.iter().copied().fold(0.0, f64::max);
        let Some(best) = scores.iter().position(|score| *score > 0.0 && *score >= most * (1.0 - TIE)) else {
            covered.fill(false);
            continue;
        };
        covers(&mut covered, open[best], mean);
        picks.push((open[best], scores[best]));
    }
    (picks, radii)
}

fn checked(pool: &LinePool) -> CheckedPool<'_> {
    let mut ctx = Context::new(&Default::default()).unwrap_or_else(|error| panic!("{error}"));
    CheckedPool::new(&pool.pool(), &mut ctx).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn picks_and_radii_are_those_of_the_textbook() {
    let mut competences = Vec::new();
    for (n, dim, every, doubt) in [(400, 3, 25, 3), (500, 12, 9, 5), (300, 2, 2, 4)] {
        let pool = clusters(n, dim, every, doubt);
        let wide = (dim as f64).sqrt();
        for (initial_delta, max_delta, a, k) in [
            (1.0, 3.0, 0.8, 50.0),
            (1.5, 6.0, 0.5, 3.0),
            (0.5, 2.0, 0.6, 8.0),
            (0.2, 0.4, 0.9, 50.0),
            (0.5, 1.5, 0.9, 2.0),
        ] {
            let method = Dcom {
                initial_delta: initial_delta * wide,
                max_delta: max_delta * wide,
                delta_resolution: 0.1 * wide,
                a,
                k,
                rows: RowScale::Raw,
            };
            let what = format!("{n} x {dim}, {method:?}");
            let budget = (n - n / every - 1).min(120);
            let (want, radii) = naive(&pool, dim, &method, budget);
            let selection = run(&method, &pool, budget);
            assert_eq!(event(&selection, "mean_radius"), radii.iter().sum::<f64>() / radii.len() as f64, "{what}");
            let found: Vec<(usize, f64)> = selection.picks.iter().map(|pick| (pick.row, pick.score)).collect();
            assert_eq!(found, want, "{what}");
            competences.push(event(&selection, "competence"));
        }
    }
    // The tests above are of all kinds of rounds.
    assert!(
        competences.contains(&0.0) && competences.iter().any(|found| (0.1..0.9).contains(found)),
        "{competences:?}"
    );
    assert!(competences.iter().any(|found| *found > 0.9), "{competences:?}");
}

#[test]
fn a_competent_model_that_doubts_nothing_leaves_chance() {
    let mut pool = line();
    pool.known.outputs = Some(Outputs::new(OutputKind::Probabilities, [0.9, 0.1].repeat(9), 2));
    let method = Dcom { initial_delta: 20.0, max_delta: 80.0, ..on_the_line() };
    // Both balls cover everything: all rows but one are of class 0.
    pool.labeled = vec![0, 1];
    let selection = run(&method, &pool, 3);
    assert_eq!(event(&selection, "competence"), 1.0);
    assert!(selection.picks.iter().all(|pick| pick.reason == Reason::Fill) && selection.picks.len() == 3);
    assert!(selection.warnings.iter().any(|warning| warning.contains("doubted no row")), "{:?}", selection.warnings);
}

#[test]
fn it_says_what_it_needs() {
    let method = on_the_line();
    let refused = |known| {
        let pool = LinePool { known, ..line() };
        select_rows(&method, &pool, 2, 0).err().unwrap_or_else(|| panic!("refused"))
    };
    let known = line().known;
    let error = refused(Annotations { outputs: None, ..known.clone() });
    assert!(error.hint().is_some_and(|hint| hint.contains("--probs") && hint.contains("--logits")), "{error}");
    let error = refused(Annotations { labels: None, ..known.clone() });
    assert!(error.hint().is_some_and(|hint| hint.contains("--labels")), "{error}");
    let error = refused(Annotations { labels: labels([0, 5, 0, 0, 0, 0, 1, 0, 0].into_iter()), ..known });
    assert!(matches!(error, Error::Labels { classes: 2, .. }), "{error}");
}

#[test]
fn labels_of_rows_that_are_not_labeled_are_not_looked_at() {
    let want = run(&on_the_line(), &line(), 5).rows();
    let mut pool = line();
    pool.known.labels =
        Some(Classes::from_names(&["-1", "0", "-1", "-1", "-1", "-1", "1", "-1", "-1"].map(String::from)));
    assert_eq!(run(&on_the_line(), &pool, 5).rows(), want);
}

#[test]
fn settings_that_break_a_rule_are_refused() {
    let refused = |method: Dcom, of: &str| {
        assert!(matches!(method.check(), Err(Error::Param { param, .. }) if param == of), "{method:?}");
    };
    for value in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        refused(Dcom { initial_delta: value, ..Dcom::default() }, "initial_delta");
        refused(Dcom { max_delta: value, ..Dcom::default() }, "max_delta");
        refused(Dcom { delta_resolution: value, ..Dcom::default() }, "delta_resolution");
        refused(Dcom { k: value, ..Dcom::default() }, "k");
    }
    refused(Dcom { delta_resolution: 1e-7, ..Dcom::default() }, "delta_resolution");
    for a in [-0.1, 1.1, f64::NAN] {
        refused(Dcom { a, ..Dcom::default() }, "a");
    }
}
