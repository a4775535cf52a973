use super::*;
use crate::selection::Reason;
use crate::testing::{line_pool, matrix_pool, mixture_pool, picks_of, select_rows};

fn from(row: usize, driver: Driver) -> KCenter {
    KCenter { start: Start::Row(row), driver }
}

#[test]
fn defaults_are_as_documented() {
    assert_eq!(KCenter::default(), KCenter { start: Start::Random, driver: Driver::Lazy });
}

#[test]
fn picks_match_the_worked_example() {
    let pool = line_pool(&[0., 1., 2., 3., 4., 7., 8., 9., 15.]);
    for driver in [Driver::Lazy, Driver::Full] {
        // Two ties: 5 with 6, then 3 with 4; the lower row wins.
        assert_eq!(picks_of(&from(0, driver), &pool, 4, 0), [0, 8, 5, 3]);
    }
}

#[test]
fn picks_and_radii_match_the_example_with_a_labeled_row() {
    let mut pool = matrix_pool(vec![0., 0., 1., 0., 4., 0., 4., 3., 0., 2.5], 2);
    pool.labeled = vec![0];
    let selection = select_rows(&KCenter::default(), &pool, 3, 0).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(selection.rows(), [3, 2, 4]);
    assert_eq!(selection.picks.iter().map(|pick| pick.score).collect::<Vec<_>>(), [5.0, 3.0, 2.5]);
    assert_eq!(selection.picks[1].reason, Reason::Far { nearest: 3, distance: 3.0 });
}

#[test]
fn lazy_equals_the_full_pass() {
    for (seed, n, dim) in [(1, 900, 7), (2, 5000, 3), (3, 300, 33)] {
        let pool = mixture_pool(n, dim, seed);
        let lazy = select_rows(&from(5, Driver::Lazy), &pool, n / 4, 0).unwrap_or_else(|error| panic!("{error}"));
        let full = select_rows(&from(5, Driver::Full), &pool, n / 4, 0).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(lazy.picks, full.picks);
    }
}

#[test]
fn starts_are_what_they_say() {
    let pool = line_pool(&[-9., 1., 2., 3., 4., 8.]);
    let first = |start| picks_of(&KCenter { start, ..KCenter::default() }, &pool, 1, 0)[0];
    assert_eq!(first(Start::MaxNorm), 0);
    assert_eq!(first(Start::Medoid), 1, "the mean is 1.5, and row 1 ties with row 2");
    assert_eq!(first(Start::Row(3)), 3);
    let beyond = select_rows(&from(6, Driver::Lazy), &pool, 1, 0).err();
    assert!(matches!(beyond, Some(Error::RowOutOfRange { .. })), "{beyond:?}");
}

#[test]
fn coinciding_rows_are_filled_uniformly_with_a_warning() {
    let selection = select_rows(&KCenter::default(), &line_pool(&[1., 1., 2., 2., 1.]), 4, 3)
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(selection.warnings.iter().any(|warning| warning.contains("after 2 picks")));
    assert_eq!(selection.picks[2].reason, Reason::Fill);
}

#[test]
fn the_radius_is_at_most_twice_the_optimum() {
    let values = [0., 1., 2., 10., 11., 30., 31., 33.];
    let pool = line_pool(&values);
    let radius = |rows: &[usize]| {
        values
            .iter()
            .map(|v| rows.iter().map(|row| f32::abs(v - values[*row])).fold(f32::MAX, f32::min))
            .fold(0.0, f32::max)
    };
    let mut best = f32::MAX;
    for a in 0..8 {
        for b in a + 1..8 {
            (b + 1..8).for_each(|c| best = best.min(radius(&[a, b, c])));
        }
    }
    (0..8).for_each(|start| assert!(radius(&picks_of(&from(start, Driver::Lazy), &pool, 3, 0)) <= 2.0 * best));
}
