//! Sums of integer weights over rows, for drawing a row in proportion to its weight.

/// Weights per node: a node's sums fit a few cache lines, and three levels cover 262,144 rows.
const FAN: usize = 64;

/// A sum tree over whole-number weights. Integers do not drift, however many updates there are, and the row a number
/// falls on does not depend on the order of summation.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    /// `levels[0]` are the weights; each entry above is the sum of `FAN` below.
    levels: Vec<Vec<u64>>,
}

impl Tree {
    pub(crate) fn new(weights: Vec<u64>) -> Self {
        let mut levels = vec![weights];
        while levels[levels.len() - 1].len() > 1 {
            let below = &levels[levels.len() - 1];
            levels.push(below.chunks(FAN).map(|chunk| chunk.iter().sum()).collect());
        }
        Tree { levels }
    }

    pub(crate) fn len(&self) -> usize {
        self.levels[0].len()
    }

    pub(crate) fn total(&self) -> u64 {
        self.levels[self.levels.len() - 1].first().copied().unwrap_or(0)
    }

    pub(crate) fn weight(&self, row: usize) -> u64 {
        self.levels[0][row]
    }

    pub(crate) fn set(&mut self, row: usize, weight: u64) {
        let old = self.levels[0][row];
        let mut at = row;
        for level in &mut self.levels {
            level[at] = level[at] - old + weight;
            at /= FAN;
        }
    }

    /// The row on which `ticket`, below the total, falls when weights are laid end to end.
    pub(crate) fn find(&self, mut ticket: u64) -> usize {
        let mut at = 0;
        for level in self.levels.iter().rev().skip(1) {
            at *= FAN;
            while ticket >= level[at] {
                ticket -= level[at];
                at += 1;
            }
        }
        at
    }

    /// Bytes for so many rows.
    pub(crate) fn bytes(n: usize) -> u64 {
        (n * 8 + n / 7) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_a_plain_scan_finds_through_updates() {
        let mut weights: Vec<u64> = (0..5000u64).map(|i| i * i % 17).collect();
        let mut tree = Tree::new(weights.clone());
        for step in 0..200u64 {
            let row = (step * 977 % 5000) as usize;
            weights[row] = step % 23;
            tree.set(row, weights[row]);
            assert_eq!(tree.total(), weights.iter().sum::<u64>());
            let ticket = (step * 7919 + 13) % tree.total();
            let mut rest = ticket;
            let expected = weights.iter().position(|w| {
                let here = rest < *w;
                rest = rest.saturating_sub(if here { 0 } else { *w });
                here
            });
            assert_eq!(Some(tree.find(ticket)), expected);
        }
    }

    #[test]
    fn one_row_is_a_tree() {
        let tree = Tree::new(vec![5]);
        assert_eq!((tree.total(), tree.find(4), tree.weight(0)), (5, 0, 5));
    }
}
