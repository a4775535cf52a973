use crate::grammar::parse;
use crate::testing::{chi_square_ok, line_pool, mixture_pool, picks_of};

fn method(text: &str) -> Box<dyn crate::Selector> {
    parse(text).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_second_stage_refines_by_norm_as_in_the_worked_example() {
    // The candidates {5, 9} have norms 1 and 3: row 9 is kept with probability 3/4.
    let mut values = vec![0.5; 10];
    (values[5], values[9]) = (1.0, 3.0);
    let pool = line_pool(&values);
    let first = method("norm:pick=largest");
    assert_eq!(picks_of(&*first, &pool, 2, 0), [9, 5]);
    let mut counts = [0u32; 10];
    let then = method("norm:pick=largest+norm");
    (0..4000).for_each(|seed| counts[picks_of(&*then, &pool, 1, seed)[0]] += 1);
    let mut p = [0.0; 10];
    (p[5], p[9]) = (0.25, 0.75);
    assert!(chi_square_ok(&counts, &p));
}

#[test]
fn picks_are_among_the_first_stage_and_refine_one_keeps_it() {
    let pool = mixture_pool(200, 5, 1);
    let first = picks_of(&*method("k-center:start=0"), &pool, 20, 4);
    let second = picks_of(&*method("k-center:start=0+random"), &pool, 10, 4);
    assert!(second.iter().all(|row| first.contains(row)));
    let mut whole = picks_of(&*method("k-center:start=0+random:refine=1"), &pool, 20, 4);
    let mut base = first.clone();
    whole.sort_unstable();
    base.sort_unstable();
    assert_eq!(whole, base);
}

#[test]
fn refining_by_random_twice_is_uniform() {
    let pool = line_pool(&[1.0; 8]);
    let mut counts = [0u32; 8];
    (0..8000).for_each(|seed| counts[picks_of(&*method("random+random"), &pool, 2, seed)[0]] += 1);
    assert!(chi_square_ok(&counts, &[0.125; 8]));
}
