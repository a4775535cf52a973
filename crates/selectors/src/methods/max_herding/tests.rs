use super::*;
use crate::testing::{line_pool, mixture_pool, picks_of, select_rows};

#[test]
fn picks_match_the_worked_example() {
    let pool = line_pool(&[0., 1., 2., 3., 4., 7., 8., 9., 15.]);
    for driver in [Driver::Lazy, Driver::Full] {
        let method = MaxHerding { driver, rows: RowScale::Raw, ..MaxHerding::default() };
        let selection = select_rows(&method, &pool, 4, 0).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(selection.rows(), [2, 6, 8, 0], "the last ties with 1, 3 and 4");
        let want = [0.196932, 0.192862, 0.111111, 0.109076];
        for (pick, want) in selection.picks.iter().zip(want) {
            assert!((pick.score - want).abs() < 1e-6, "{} {want}", pick.score);
        }
        let coverage = selection.events["coverage"].as_f64().unwrap_or(0.0);
        assert!((coverage - 0.609981).abs() < 1e-6, "{coverage}");
    }
}

#[test]
fn lazy_is_full_for_every_kernel() {
    let mut pool = mixture_pool(400, 6, 5);
    pool.labeled = vec![3, 90];
    for kernel in [Kernel::Rbf, Kernel::Laplace, Kernel::Cauchy, Kernel::RationalQuadratic, Kernel::TopHat] {
        for sigma in [0.05, 0.4, 1.0] {
            let run = |driver| {
                let method = MaxHerding { kernel, sigma, driver, ..MaxHerding::default() };
                picks_of(&method, &pool, 40, 0)
            };
            assert_eq!(run(Driver::Lazy), run(Driver::Full), "{kernel:?} {sigma}");
        }
    }
}

#[test]
fn a_top_hat_covers_as_prob_cover_does() {
    let pool = mixture_pool(300, 4, 6);
    let ours = MaxHerding { kernel: Kernel::TopHat, sigma: 0.3, ..MaxHerding::default() };
    let theirs = crate::parse_method("prob-cover:delta=0.3,on_covered=random").unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(picks_of(&ours, &pool, 60, 2), picks_of(&*theirs, &pool, 60, 2));
}

#[test]
fn a_sigma_that_is_none_is_refused() {
    for sigma in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let method = MaxHerding { sigma, ..MaxHerding::default() };
        assert!(matches!(method.check(), Err(Error::Param { param: "sigma", .. })), "{sigma}");
    }
}
