use super::*;
use crate::annotations::Classes;
use crate::testing::{LinePool, chi_square_ok, line_pool, select_rows};

fn strata(sizes: &[usize]) -> LinePool {
    let names: Vec<String> = sizes.iter().enumerate().flat_map(|(i, &size)| vec![format!("s{i}"); size]).collect();
    let mut pool = line_pool(&vec![0.0; names.len()]);
    pool.known.labels = Some(Classes::from_names(&names));
    pool
}

fn counts(selector: &Stratified, sizes: &[usize], budget: usize) -> Vec<usize> {
    let pool = strata(sizes);
    let codes = pool.known.labels.clone().map(|labels| labels.codes).unwrap_or_default();
    let mut counts = vec![0; sizes.len()];
    let rows = select_rows(selector, &pool, budget, 1).map(|s| s.rows()).unwrap_or_default();
    rows.into_iter().for_each(|row| counts[codes[row] as usize] += 1);
    counts
}

#[test]
fn shares_match_the_worked_examples() {
    assert_eq!(counts(&Stratified::default(), &[50, 30, 15, 5], 10), [5, 3, 2, 0]);
    let balanced = Stratified { allocation: Allocation::Balanced };
    assert_eq!(counts(&balanced, &[3, 1, 40, 7, 10], 20), [3, 1, 6, 5, 5]);
}

#[test]
fn rows_of_a_stratum_are_equally_likely() {
    let pool = strata(&[6, 4]);
    let mut picked = [0u32; 6];
    for seed in 0..5000 {
        let rows = select_rows(&Stratified::default(), &pool, 5, seed).map(|s| s.rows()).unwrap_or_default();
        rows.into_iter().filter(|row| *row < 6).for_each(|row| picked[row] += 1);
    }
    assert!(chi_square_ok(&picked, &[1.0 / 6.0; 6]));
}

#[test]
fn without_labels_it_says_what_it_needs() {
    let error = select_rows(&Stratified::default(), &line_pool(&[1.0, 2.0]), 1, 0).err();
    assert!(error.is_some_and(|error| error.to_string().contains("needs labels")));
}
