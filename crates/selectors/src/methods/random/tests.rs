use super::*;
use crate::testing::{chi_square_ok, line_pool, picks_of};

#[test]
fn every_row_is_as_likely_as_any_other() {
    let pool = line_pool(&[0.0; 12]);
    let mut counts = [0u32; 12];
    for seed in 0..6000 {
        picks_of(&Random {}, &pool, 3, seed).into_iter().for_each(|row| counts[row] += 1);
    }
    assert!(chi_square_ok(&counts, &[1.0 / 12.0; 12]));
}

#[test]
fn order_is_uniform_too() {
    let pool = line_pool(&[0.0; 4]);
    let mut counts = [0u32; 4];
    (0..8000).for_each(|seed| counts[picks_of(&Random {}, &pool, 4, seed)[3]] += 1);
    assert!(chi_square_ok(&counts, &[0.25; 4]));
}
