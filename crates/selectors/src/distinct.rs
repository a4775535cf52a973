//! Counting distinct rows in constant memory: the k smallest hashes (Bar-Yossef et al. 2002).

/// Hashes kept: up to this many distinct rows are counted exactly; beyond, the standard error is `1/sqrt` of it, 1.6 %.
const KEEP: usize = 4096;

/// An order-independent sketch of the distinct rows seen. Two rows with one 64-bit hash count as one.
#[derive(Clone, Debug, Default)]
pub struct Distinct {
    /// Ascending, without repeats, at most `KEEP`.
    smallest: Vec<u64>,
}

impl Distinct {
    pub(crate) fn extend(&mut self, hashes: impl Iterator<Item = u64>) {
        let limit = if self.is_exact() { u64::MAX } else { self.smallest[KEEP - 1] };
        let before = self.smallest.len();
        self.smallest.extend(hashes.filter(|hash| *hash < limit));
        if self.smallest.len() > before {
            self.smallest.sort_unstable();
            self.smallest.dedup();
            self.smallest.truncate(KEEP);
        }
    }

    /// Whether [`Distinct::count`] is exact.
    pub fn is_exact(&self) -> bool {
        self.smallest.len() < KEEP
    }

    /// Distinct rows seen: exact up to 4,095, else an estimate.
    pub fn count(&self) -> u64 {
        match self.smallest.last() {
            Some(most) if !self.is_exact() => ((KEEP - 1) as f64 / (*most as f64 / 2f64.powi(64))).round() as u64,
            _ => self.smallest.len() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    #[test]
    fn counts_exactly_while_small_and_closely_beyond() {
        let stream = Stream::new(1, "distinct");
        let mut few = Distinct::default();
        few.extend((0..3000).map(|i| stream.bits(i % 1000)));
        assert!(few.is_exact());
        assert_eq!(few.count(), 1000);
        let mut left = Distinct::default();
        left.extend((0..60_000).map(|i| stream.bits(i)));
        left.extend((40_000..100_000).map(|i| stream.bits(i)));
        assert!(!left.is_exact());
        assert!((left.count() as f64 / 1e5 - 1.0).abs() < 0.08, "five standard errors, got {}", left.count());
    }
}
