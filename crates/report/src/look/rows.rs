//! Which rows are looked at, by the numbers of the checked pool.

use subsel::CheckedPool;

use super::DRAWN;
use crate::Error;

/// The picks by the numbers of the checked pool, which may lack rows that the user knows.
pub(super) fn locals(pool: &CheckedPool<'_>, picks: &[usize]) -> Result<Vec<usize>, Error> {
    let find = |row: usize| {
        let (mut low, mut high) = (0, pool.len());
        while low < high {
            let middle = low.midpoint(high);
            if pool.global(middle) < row { low = middle + 1 } else { high = middle }
        }
        (low < pool.len() && pool.global(low) == row).then_some(low)
    };
    let local =
        |(i, row): (usize, &usize)| find(*row).ok_or(Error::PickOutOfRange { rank: i + 1, row: *row, n: pool.len() });
    picks.iter().enumerate().map(local).collect()
}

/// Rows to draw, ascending: all, or evenly spaced ones and the picks.
pub(super) fn drawn(n: usize, picks: &[usize]) -> Vec<usize> {
    if n <= DRAWN {
        return (0..n).collect();
    }
    let mut rows: Vec<usize> = (0..n).step_by(n.div_ceil(DRAWN)).collect();
    rows.extend(picks.iter().take(DRAWN));
    rows.sort_unstable();
    rows.dedup();
    rows
}
