//! How the labels of a selection are spread over the classes.

use serde::Serialize;

/// Classes of the selected rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassSpread {
    /// Classes with a selected row.
    pub present: usize,
    /// Classes in all.
    pub classes: usize,
    /// `present / classes`.
    pub coverage: f64,
    /// Entropy of the shares over the logarithm of the number of classes: 1 where all classes have equally many. NaN with
    /// one class only.
    pub balance: f64,
    /// Most rows of a class over fewest, classes without rows included: infinite where there is one. NaN of no row.
    pub ratio: f64,
    /// Kullback-Leibler divergence of the selection's shares from the pool's. NaN of no row.
    pub kl: f64,
}

impl ClassSpread {
    /// The spread of the selected `rows`, numbers of entries of `codes` `(N,)`, which hold the class of every row of the pool, below
    /// `classes`. Classes that no row of the pool has are not counted.
    ///
    /// # Panics
    /// If a row is beyond the codes, or a code is not below `classes`.
    pub fn of(codes: &[u32], classes: usize, rows: &[usize]) -> Self {
        let (mut counts, mut sizes) = (vec![0_usize; classes], vec![0_usize; classes]);
        codes.iter().for_each(|code| sizes[*code as usize] += 1);
        rows.iter().for_each(|row| counts[codes[*row] as usize] += 1);
        let of: Vec<(f64, f64)> = counts
            .iter()
            .zip(&sizes)
            .filter(|(_, size)| **size > 0)
            .map(|(count, size)| (*count as f64, *size as f64))
            .collect();
        let (n, all) = (rows.len() as f64, codes.len() as f64);
        let shares = || of.iter().filter(|(count, _)| *count > 0.0);
        let entropy: f64 = shares().map(|(count, _)| -(count / n) * (count / n).ln()).sum();
        let most = (of.len() as f64).ln();
        let fewest = of.iter().map(|(count, _)| *count).fold(f64::INFINITY, f64::min);
        let none = rows.is_empty();
        ClassSpread {
            present: shares().count(),
            classes: of.len(),
            coverage: shares().count() as f64 / of.len() as f64,
            balance: if most > 0.0 && !none { (entropy / most).max(0.0) } else { f64::NAN },
            ratio: if none { f64::NAN } else { of.iter().map(|(count, _)| *count).fold(0.0, f64::max) / fewest },
            kl: match none {
                true => f64::NAN,
                false => {
                    shares().map(|(count, size)| count / n * (count * all / (n * size)).ln()).sum::<f64>().max(0.0)
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_are_told_as_they_are() {
        // Shares 5, 3, 2, 0 of four classes of equal size.
        let codes: Vec<u32> = (0..40).map(|row| row / 10).collect();
        let rows = [0, 1, 2, 3, 4, 10, 11, 12, 20, 21];
        let found = ClassSpread::of(&codes, 4, &rows);
        assert_eq!((found.present, found.classes, found.coverage), (3, 4, 0.75));
        assert!((found.balance - 0.742738).abs() < 1e-6 && found.ratio == f64::INFINITY);
        assert!((found.kl - (4_f64.ln() - 1.029653)).abs() < 1e-6);
        let all: Vec<usize> = (0..40).collect();
        let found = ClassSpread::of(&codes, 4, &all);
        assert_eq!((found.coverage, found.ratio), (1.0, 1.0));
        assert!((found.balance - 1.0).abs() < 1e-12 && found.kl < 1e-12);
    }

    #[test]
    fn classes_without_rows_in_the_pool_do_not_count() {
        let found = ClassSpread::of(&[0, 2, 2], 4, &[0, 1]);
        assert_eq!((found.present, found.classes, found.coverage, found.balance), (2, 2, 1.0, 1.0));
        let found = ClassSpread::of(&[1, 1], 2, &[0]);
        assert!(found.balance.is_nan() && found.coverage == 1.0, "one class");
        assert!(ClassSpread::of(&[0, 1], 2, &[]).kl.is_nan());
    }
}
