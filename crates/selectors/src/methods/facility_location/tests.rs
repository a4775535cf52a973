use super::*;
use crate::testing::{LinePool, line_pool, matrix_pool, mixture_pool, picks_of, select_rows, values_of};

/// The points of the specification.
fn points() -> LinePool {
    line_pool(&[0., 1., 2., 3., 4., 7., 8., 9., 15.])
}

fn of_distance(driver: Driver) -> FacilityLocation {
    FacilityLocation {
        similarity: Alike::MaxDistance,
        most: Auto::Value(15.0),
        rows: RowScale::Raw,
        driver,
        ..FacilityLocation::default()
    }
}

#[test]
fn picks_match_the_worked_example() {
    for driver in [Driver::Lazy, Driver::Full] {
        let selection = select_rows(&of_distance(driver), &points(), 3, 0).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(selection.rows(), [4, 6, 1], "6 ties with 7, and 1 with 8");
        let gains: Vec<f64> = selection.picks.iter().map(|pick| pick.score).collect();
        assert_eq!(gains, [102.0, 14.0, 7.0]);
        assert_eq!(selection.events["represented"], 123.0);
        assert_eq!(selection.picks[1].reason, Reason::Represents { gain: 14.0, rows: 4 });
    }
    let first = |row: usize| {
        let mut pool = points();
        pool.labeled = (0..9).filter(|other| *other != row).collect();
        pool
    };
    // Each row's gain at the start, asked for by leaving it as the only candidate of a pool without labels.
    for (row, gain) in [86., 93., 98., 101., 102., 99., 96., 91., 49.].into_iter().enumerate() {
        let labeled = first(row);
        let pool = crate::Pool { excluded: labeled.labeled.clone(), labeled: vec![], ..labeled.pool() };
        let mut ctx = Context::new(&crate::Settings::default()).unwrap_or_else(|error| panic!("{error}"));
        let selection = crate::select(&of_distance(Driver::Lazy), &pool, 1, &mut ctx);
        assert_eq!(selection.unwrap_or_else(|error| panic!("{error}")).picks[0].score, gain);
    }
}

#[test]
fn the_limit_found_changes_scores_but_not_picks() {
    let found = FacilityLocation { most: Auto::Auto, ..of_distance(Driver::Lazy) };
    let selection = select_rows(&found, &points(), 3, 0).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(selection.rows(), [4, 6, 1]);
    let most = selection.events["most"].as_f64().unwrap_or(0.0);
    assert!((15.0..=20.0).contains(&most), "{most}");
}

/// Greedy facility location as written down, in plain `f64`.
fn naive(values: &[f32], dim: usize, labeled: &[usize], budget: usize, alike: impl Fn(f64, f64) -> f64) -> Vec<usize> {
    let rows: Vec<&[f32]> = values.chunks_exact(dim).collect();
    let similarity = |a: usize, b: usize| {
        let dot: f64 = rows[a].iter().zip(rows[b]).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
        let sq_dist: f64 = rows[a].iter().zip(rows[b]).map(|(x, y)| (f64::from(*x) - f64::from(*y)).powi(2)).sum();
        alike(dot, sq_dist).max(0.0)
    };
    let n = rows.len();
    let mut levels = vec![0.0; n];
    let raise = |levels: &mut Vec<f64>, row: usize| {
        (0..n).for_each(|i| levels[i] = f64::max(levels[i], similarity(i, row)));
    };
    labeled.iter().for_each(|row| raise(&mut levels, *row));
    let mut picks: Vec<usize> = Vec::new();
    for _ in 0..budget {
        let gain = |row: usize| (0..n).map(|i| (similarity(i, row) - levels[i]).max(0.0)).sum::<f64>();
        let open = (0..n).filter(|row| !picks.contains(row) && !labeled.contains(row));
        let gains: Vec<(usize, f64)> = open.map(|row| (row, gain(row))).collect();
        let most = gains.iter().map(|(_, gain)| *gain).fold(0.0, f64::max);
        let Some((best, _)) = gains.into_iter().find(|(_, gain)| *gain >= most * (1.0 - 1e-11)) else { break };
        picks.push(best);
        raise(&mut levels, best);
    }
    picks
}

/// Rows of length 1, as the method makes them.
fn unit(pool: &LinePool, dim: usize) -> Vec<f32> {
    let mut values = values_of(pool);
    for row in values.chunks_exact_mut(dim) {
        let norm = row.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
        row.iter_mut().for_each(|v| *v = (f64::from(*v) * (1.0 / norm)) as f32);
    }
    values
}

#[test]
fn all_drivers_agree_with_the_definition_for_every_similarity() {
    let (n, dim) = (300, 7);
    let mut pool = mixture_pool(n, dim, 3);
    let values = unit(&pool, dim);
    type Definition = fn(f64, f64) -> f64;
    let cases: [(&str, Definition); 8] = [
        ("similarity=shifted", |dot, _| 0.5 + 0.5 * dot),
        ("similarity=cosine", |dot, _| dot),
        ("similarity=squared", |dot, _| dot * dot),
        ("similarity=rbf", |_, sq_dist| (-sq_dist).exp()),
        ("similarity=rbf,width=0.3", |_, sq_dist| (-sq_dist / 0.09).exp()),
        ("similarity=exp-distance", |_, sq_dist| (-sq_dist.sqrt() / 7.0).exp()),
        ("similarity=max-distance,most=2", |_, sq_dist| 2.0 - sq_dist.sqrt()),
        ("similarity=max-sq-distance,most=4", |_, sq_dist| 4.0 - sq_dist),
    ];
    for labeled in [vec![], vec![5, 77, 123]] {
        pool.labeled = labeled.clone();
        for (settings, alike) in cases {
            let want = naive(&values, dim, &labeled, 25, alike);
            for driver in ["lazy", "full"] {
                let text = format!("facility-location:{settings},driver={driver}");
                let method = crate::parse_method(&text).unwrap_or_else(|error| panic!("{error}"));
                assert_eq!(picks_of(&*method, &pool, 25, 0), want, "{text}");
            }
        }
    }
}

#[test]
fn rows_are_represented_by_their_neighbors_alone() {
    let (n, dim, k) = (200, 5, 6);
    let mut pool = mixture_pool(n, dim, 13);
    pool.labeled = vec![3, 50];
    let values = unit(&pool, dim);
    let row = |i: usize| &values[i * dim..(i + 1) * dim];
    let dot = |a: usize, b: usize| row(a).iter().zip(row(b)).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    let nearest: Vec<Vec<usize>> = (0..n)
        .map(|a| {
            let mut others: Vec<usize> = (0..n).filter(|b| *b != a).collect();
            others.sort_by(|b, c| dot(a, *c).total_cmp(&dot(a, *b)));
            others[..k].iter().copied().chain([a]).collect()
        })
        .collect();
    let alike = |a: usize, by: usize| if nearest[a].contains(&by) { 0.5 + 0.5 * dot(a, by) } else { 0.0 };
    let mut levels: Vec<f64> = (0..n).map(|a| alike(a, 3).max(alike(a, 50))).collect();
    let method = FacilityLocation { neighbors: Auto::Value(k), ..FacilityLocation::default() };
    let selection = select_rows(&method, &pool, 30, 0).unwrap_or_else(|error| panic!("{error}"));
    let mut open: Vec<usize> = (0..n).filter(|row| ![3, 50].contains(row)).collect();
    for pick in selection.picks {
        let gain = |row: usize| (0..n).map(|a| (alike(a, row) - levels[a]).max(0.0)).sum::<f64>();
        let best = open.iter().map(|row| gain(*row)).fold(0.0, f64::max);
        assert!((gain(pick.row) - best).abs() < 1e-5 && (pick.score - best).abs() < 1e-5, "{pick:?} {best}");
        (0..n).for_each(|a| levels[a] = levels[a].max(alike(a, pick.row)));
        open.retain(|row| *row != pick.row);
    }
    // With all rows as neighbors it is the dense form.
    let all = FacilityLocation { neighbors: Auto::Value(n), ..FacilityLocation::default() };
    assert_eq!(picks_of(&all, &pool, 30, 0), picks_of(&FacilityLocation::default(), &pool, 30, 0));
}

#[test]
fn a_long_run_with_refreshes_is_the_full_run() {
    let pool = mixture_pool(900, 24, 8);
    let run = |driver| picks_of(&FacilityLocation { driver, ..FacilityLocation::default() }, &pool, 300, 0);
    assert_eq!(run(Driver::Lazy), run(Driver::Full));
}

#[test]
fn samples_cost_little_of_what_is_represented() {
    let pool = mixture_pool(2000, 8, 4);
    let represented = |driver, seed| {
        let method = FacilityLocation { driver, ..FacilityLocation::default() };
        let selection = select_rows(&method, &pool, 40, seed).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(selection.picks.len(), 40);
        selection.events["represented"].as_f64().unwrap_or(0.0)
    };
    let best = represented(Driver::Lazy, 0);
    for seed in 0..3 {
        let sampled = represented(Driver::Stochastic, seed);
        assert!(sampled <= best * 1.001 && sampled > 0.97 * best, "{sampled} of {best}");
    }
}

#[test]
fn rows_that_add_nothing_are_drawn() {
    let pool = matrix_pool([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [2.0, 0.0]].concat(), 2);
    let method = FacilityLocation { similarity: Alike::Cosine, ..FacilityLocation::default() };
    let selection = select_rows(&method, &pool, 4, 0).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(selection.rows()[..2], [0, 1]);
    assert!(selection.picks[2..].iter().all(|pick| pick.reason == Reason::Fill));
    assert!(selection.warnings.iter().any(|warning| warning.contains("after 2 picks")), "{:?}", selection.warnings);
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let refused = |text: &str| {
        let method = crate::parse_method(text).unwrap_or_else(|error| panic!("{error}"));
        assert!(matches!(method.check(), Err(Error::Param { .. })), "{text}");
    };
    [
        "neighbors=0",
        "neighbors=5,driver=full",
        "width=0",
        "most=-1",
        "eps=1",
        "eps=0",
        "rows=raw",
        "similarity=squared,rows=raw",
    ]
    .into_iter()
    .for_each(|settings| refused(&format!("facility-location:{settings}")));
}
