//! The best few of many, in memory proportional to the few.

/// Keeps the `keep` smallest entries it is given, by their order.
pub(crate) struct Smallest<T> {
    keep: usize,
    kept: Vec<T>,
}

impl<T: Ord> Smallest<T> {
    pub(crate) fn new(keep: usize) -> Self {
        Smallest { keep, kept: Vec::new() }
    }

    pub(crate) fn push(&mut self, entry: T) {
        // Twice the room: then cutting back costs a constant per entry.
        if self.kept.len() >= 2 * self.keep.max(1) {
            self.cut();
        }
        self.kept.push(entry);
    }

    fn cut(&mut self) {
        if self.keep == 0 {
            self.kept.clear();
        } else if self.kept.len() > self.keep {
            self.kept.select_nth_unstable(self.keep - 1);
            self.kept.truncate(self.keep);
        }
    }

    /// The kept entries, ascending.
    pub(crate) fn into_sorted(mut self) -> Vec<T> {
        self.cut();
        self.kept.sort_unstable();
        self.kept
    }
}

/// An `f64` that orders; for keys that are never NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Key(pub(crate) f64);

impl Eq for Key {}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_smallest_in_order() {
        for keep in [0, 1, 7, 100, 1000] {
            let mut smallest = Smallest::new(keep);
            (0..1000u64).for_each(|i| smallest.push((i * 7919) % 1000));
            let expected: Vec<u64> = (0..keep as u64).collect();
            assert_eq!(smallest.into_sorted(), expected);
        }
    }
}
