use super::*;
use crate::annotations::{Annotations, Classes};
use crate::context::Settings;
use crate::outputs::Outputs;
use crate::testing::{LinePool, line_pool, matrix_pool, mixture_pool, picks_of, select_rows, values_of};

const LINE: [f32; 9] = [0., 1., 2., 3., 4., 7., 8., 9., 15.];

/// Probabilities of two classes with these of the first.
fn two(first: &[f32]) -> Outputs {
    let values = first.iter().flat_map(|p| [*p, 1.0 - *p]).collect();
    Outputs::new(OutputKind::Probabilities, values, 2)
}

/// The points of the line, some labeled, with outputs.
fn line(labeled: &[usize]) -> LinePool {
    let mut pool = line_pool(&LINE);
    pool.labeled = labeled.to_vec();
    pool.known.outputs = Some(two(&[0.6, 0.9, 0.5, 0.75, 1.0, 0.55, 0.95, 0.8, 0.625]));
    pool
}

/// A pool of clusters with outputs of four classes.
fn clusters(n: usize, dim: usize, labeled: Vec<usize>) -> LinePool {
    let mut pool = mixture_pool(n, dim, 5);
    pool.labeled = labeled;
    let logits = (0..4 * n).map(|i| ((i * i + 7 * i) % 23) as f32 / 4.0).collect();
    let labels: Vec<String> = (0..n).map(|row| (row * 3 % 4).to_string()).collect();
    pool.known = Annotations {
        outputs: Some(Outputs::new(OutputKind::Logits, logits, 4)),
        labels: Some(Classes::from_names(&labels)),
        ..Annotations::default()
    };
    pool
}

fn raw() -> UHerding {
    UHerding { rows: RowScale::Raw, ..UHerding::default() }
}

#[test]
fn defaults_are_as_documented() {
    let method = UHerding::default();
    assert_eq!((method.temperature, method.sigma, method.nu), (Auto::Value(1.0), Auto::Auto, 0.5));
    assert_eq!((method.uncertainty, method.kernel, method.rows), (Uncertainty::Margin, Kernel::Rbf, RowScale::Unit));
}

#[test]
fn picks_match_the_worked_examples() {
    // By hand: margins .8 .2 1 .5 0 .9 .1 .4 .75, those of labeled rows 0.
    let one = ([(5, 0.104902), (2, 0.089656), (8, 0.083333), (0, 0.056188)], 0.408673);
    let two = ([(5, 0.104902), (8, 0.083333), (0, 0.056188), (7, 0.043630)], 0.341192);
    for (labeled, (want, coverage)) in [(&[1][..], one), (&[1, 2], two)] {
        for driver in [Driver::Lazy, Driver::Full] {
            let method = UHerding { driver, ..raw() };
            let selection = select_rows(&method, &line(labeled), 4, 0).unwrap_or_else(|error| panic!("{error}"));
            for (pick, (row, score)) in selection.picks.iter().zip(want) {
                assert_eq!(pick.row, row);
                assert!((pick.score - score).abs() < 1e-6, "{} {score}", pick.score);
            }
            let found = selection.events["coverage"].as_f64().unwrap_or(0.0);
            assert!((found - coverage).abs() < 1e-6, "{found}");
            assert_eq!(selection.events["sigma"], 1.0);
        }
    }
}

#[test]
fn without_labeled_rows_it_is_max_herding() {
    let mut pool = clusters(300, 5, Vec::new());
    let theirs = crate::parse_method("max-herding").unwrap_or_else(|error| panic!("{error}"));
    let want = picks_of(&*theirs, &pool, 30, 0);
    assert_eq!(picks_of(&UHerding::default(), &pool, 30, 0), want);
    pool.known.outputs = None;
    assert_eq!(picks_of(&UHerding::default(), &pool, 30, 0), want, "outputs are not looked at");
}

/// The textbook: all kernel values at every pick, as long as there is something to gain.
fn naive(pool: &LinePool, dim: usize, method: &UHerding, sigma: f64, budget: usize) -> Vec<usize> {
    let values = values_of(pool);
    let rows: Vec<&[f32]> = values.chunks_exact(dim).collect();
    let similarity = method.kernel.similarity(sigma, method.nu);
    let alike = |a: usize, b: usize| {
        let mut sq_dist = [0.0];
        subsel_kernels::Kernels::best().sq_dists(rows[a], rows[b], &mut sq_dist);
        similarity.of(sq_dist[0])
    };
    let ctx = Context::new(&Settings::default()).unwrap_or_else(|error| panic!("{error}"));
    let outputs = pool.known.outputs.clone().unwrap_or_else(|| panic!("outputs"));
    let mut weights = outputs.uncertainties(method.uncertainty, 1.0, &ctx).unwrap_or_else(|error| panic!("{error}"));
    pool.labeled.iter().for_each(|row| weights[*row] = 0.0);
    let level = |row: usize| pool.labeled.iter().map(|of| alike(row, *of)).fold(0.0, f64::max);
    let mut levels: Vec<f64> = (0..rows.len()).map(level).collect();
    let mut picks: Vec<usize> = Vec::new();
    for _ in 0..budget {
        let gain = |row: usize| {
            let part = |of: usize| weights[of] * (alike(of, row) - levels[of]).max(0.0);
            (0..rows.len()).map(part).sum::<f64>()
        };
        let open = (0..rows.len()).filter(|row| !picks.contains(row) && !pool.labeled.contains(row));
        let gains: Vec<(usize, f64)> = open.map(|row| (row, gain(row))).collect();
        let most = gains.iter().map(|(_, gain)| *gain).fold(0.0, f64::max);
        let best = gains.iter().find(|(_, gain)| *gain >= most * (1.0 - crate::shrinking::TIE));
        let row = best.unwrap_or_else(|| panic!("no candidate")).0;
        if most == 0.0 {
            return picks;
        }
        (0..rows.len()).for_each(|of| levels[of] = levels[of].max(alike(of, row)));
        picks.push(row);
    }
    picks
}

#[test]
fn picks_are_those_of_the_textbook() {
    let pool = clusters(400, 6, vec![3, 90, 200, 201]);
    for kernel in [Kernel::Rbf, Kernel::Laplace, Kernel::Cauchy, Kernel::Student, Kernel::TopHat] {
        for (sigma, uncertainty) in
            [(0.8, Uncertainty::Margin), (3.0, Uncertainty::Entropy), (9.0, Uncertainty::LeastConfidence)]
        {
            let method = UHerding { kernel, uncertainty, sigma: Auto::Value(sigma), ..raw() };
            let want = naive(&pool, 6, &method, sigma, 30);
            assert!(want.len() >= 2, "{kernel:?} {sigma}");
            assert_eq!(picks_of(&method, &pool, 30, 0)[..want.len()], want, "{kernel:?} {sigma}");
            let full = UHerding { driver: Driver::Full, ..method };
            assert_eq!(picks_of(&full, &pool, 30, 0)[..want.len()], want, "{kernel:?} {sigma}, full");
        }
    }
}

#[test]
fn the_lazy_way_is_exact_over_many_picks_and_refreshes() {
    let pool = clusters(1500, 12, (0..1500).step_by(100).collect());
    for sigma in [0.2, 0.6] {
        let run = |driver| {
            let method = UHerding { driver, sigma: Auto::Value(sigma), ..UHerding::default() };
            picks_of(&method, &pool, 150, 0)
        };
        assert_eq!(run(Driver::Lazy), run(Driver::Full), "{sigma}");
    }
}

#[test]
fn what_the_model_is_sure_of_draws_no_pick() {
    // Two far groups, and the model is unsure of the second only.
    let mut pool = line_pool(&[0., 0.1, 0.2, 0.3, 50., 50.1, 50.2]);
    pool.labeled = vec![0];
    pool.known.outputs = Some(two(&[1., 1., 1., 1., 0.5, 0.5, 0.5]));
    let selection = select_rows(&raw(), &pool, 1, 0).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(selection.rows(), [5]);
    // Sure of everything: nothing to tell rows apart by.
    pool.known.outputs = Some(two(&[1.0; 7]));
    let selection = select_rows(&raw(), &pool, 3, 0).unwrap_or_else(|error| panic!("{error}"));
    assert!(selection.picks.iter().all(|pick| pick.reason == Reason::Fill) && selection.picks.len() == 3);
}

#[test]
fn sigma_is_the_smallest_distance_between_labeled_rows_that_differ() {
    for (n, dim, every) in [(900, 7, 3), (2600, 3, 2)] {
        let pool = clusters(n, dim, (0..n).step_by(every).collect());
        let values = values_of(&pool);
        let mut least = f64::INFINITY;
        for (at, a) in pool.labeled.iter().enumerate() {
            for b in &pool.labeled[at + 1..] {
                let pair = values[a * dim..(a + 1) * dim].iter().zip(&values[b * dim..(b + 1) * dim]);
                least = least.min(pair.map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>());
            }
        }
        let selection = select_rows(&raw(), &pool, 1, 0).unwrap_or_else(|error| panic!("{error}"));
        let found = selection.events["sigma"].as_f64().unwrap_or(0.0);
        assert!((found - least.sqrt()).abs() < 1e-12 * found, "{found} {}", least.sqrt());
    }
    let sigma = |values: &[f32], dim: usize, labeled: &[usize]| {
        let mut pool = matrix_pool(values.to_vec(), dim);
        pool.labeled = labeled.to_vec();
        pool.known.outputs = Some(two(&vec![0.5; values.len() / dim]));
        let selection = select_rows(&UHerding::default(), &pool, 1, 0).unwrap_or_else(|error| panic!("{error}"));
        selection.events["sigma"].as_f64().unwrap_or(0.0)
    };
    assert_eq!(sigma(&[1., 2., 3., 1.], 2, &[0]), 1.0, "one labeled row");
    assert_eq!(sigma(&[1., 2., 1., 2., 3., 1.], 2, &[0, 1]), 1.0, "two alike");
    let of_directions = sigma(&[0.1, 0.7, 0.3, 2.1, 1., 0., 5., 5.], 2, &[0, 1, 2]);
    assert!(of_directions > 0.5, "rows of one direction are alike: {of_directions}");
}

#[test]
fn a_temperature_is_calibrated_where_logits_and_labels_are_known() {
    let pool = clusters(200, 4, (0..200).step_by(4).collect());
    let auto = UHerding { temperature: Auto::Auto, ..UHerding::default() };
    let selection = select_rows(&auto, &pool, 5, 0).unwrap_or_else(|error| panic!("{error}"));
    // Labels have nothing to do with these logits, so the model had better be unsure.
    let temperature = selection.events["temperature"].as_f64().unwrap_or(0.0);
    assert!(temperature > 2.0, "{temperature}");
    let fixed = UHerding { temperature: Auto::Value(temperature), ..UHerding::default() };
    assert_eq!(picks_of(&fixed, &pool, 5, 0), selection.rows());
    let wants = |pool: &LinePool, what: &str| {
        let error = select_rows(&auto, pool, 5, 0).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(what), "{error}");
    };
    let known = |known| LinePool { known, ..pool.clone() };
    wants(&known(Annotations { labels: None, ..pool.known.clone() }), "needs labels of the labeled rows");
    let probabilities = Some(two(&[0.5; 200]));
    wants(&known(Annotations { outputs: probabilities, ..pool.known.clone() }), "needs logits");
    wants(&known(Annotations::default()), "needs model outputs");
}

#[test]
fn settings_that_break_a_rule_are_refused() {
    let wrong = |method: UHerding, of: &str| {
        assert!(matches!(method.check(), Err(Error::Param { param, .. }) if param == of), "{method:?}");
    };
    for value in [0.0, -1.0, f64::NAN, f64::INFINITY].map(Auto::Value) {
        wrong(UHerding { sigma: value, ..raw() }, "sigma");
        wrong(UHerding { temperature: value, ..raw() }, "temperature");
    }
    wrong(UHerding { nu: 0.3, ..raw() }, "nu");
    let text = "u-herding:temperature=auto,sigma=0.5,uncertainty=least-confidence";
    let method = crate::parse_method(text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(crate::parse_method(&method.text()).map(|method| method.text()).ok(), Some(method.text()));
}
