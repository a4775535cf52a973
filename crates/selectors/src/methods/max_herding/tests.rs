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
    let kernels =
        [Kernel::Rbf, Kernel::Laplace, Kernel::Cauchy, Kernel::RationalQuadratic, Kernel::Student, Kernel::TopHat];
    for kernel in kernels {
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

#[test]
fn the_student_kernel_is_that_of_the_reference() {
    for nu in [0.5_f64, 1.0, 1.5, 4.0, 7.5, 29.5, 30.0] {
        for (sigma, t) in [(1.0_f64, 0.0_f64), (1.0, 0.3), (0.4, 2.0), (3.0, 4.0), (0.01, 4.0)] {
            let want = (1.0 + t / (sigma * sigma) / nu).powf(-(nu + 1.0) / 2.0);
            let got = Kernel::Student.similarity(sigma, nu).of(t);
            assert!((got - want).abs() <= 1e-13 * want, "{nu} {sigma} {t}: {got} {want}");
        }
    }
    // (1 + 2 q^2)^(-3/4) at q = 1.
    let got = Kernel::Student.similarity(1.0, NU).of(1.0);
    assert!((got - 0.438691).abs() < 1e-6, "{got}");
    // One degree of freedom is Cauchy's; many are nearly a Gaussian.
    let student = Kernel::Student.similarity(0.7, 1.0);
    assert!((student.of(1.3) - Kernel::Cauchy.similarity(0.7, NU).of(1.3)).abs() < 1e-15);
    for nu in [0.0, 0.25, 0.7, -1.0, 30.5, f64::NAN, f64::INFINITY] {
        let method = MaxHerding { nu, ..MaxHerding::default() };
        assert!(matches!(method.check(), Err(Error::Param { param: "nu", .. })), "{nu}");
    }
    assert_eq!(MaxHerding::default().nu, 0.5);
}

#[test]
fn student_kernels_of_any_width_pick_as_all_gains_do() {
    let pool = mixture_pool(300, 5, 9);
    for (nu, sigma) in [(0.5, 1.0), (2.5, 0.3), (30.0, 0.6), (0.5, 1e-12), (30.0, 1e200), (1.5, 1e-200)] {
        let run = |driver| {
            let method = MaxHerding { kernel: Kernel::Student, nu, sigma, driver, rows: RowScale::Raw };
            picks_of(&method, &pool, 30, 0)
        };
        assert_eq!(run(Driver::Lazy), run(Driver::Full), "nu {nu}, sigma {sigma}");
    }
}
