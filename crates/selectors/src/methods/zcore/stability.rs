//! How far the scores can be trusted: what one half of the draws says of the other.

use crate::context::Context;
use crate::random::Stream;

/// Agreement of the scores of the even draws with those of the odd draws.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stability {
    /// Spearman's rank correlation; 0 where either half ties throughout.
    pub(crate) correlation: f64,
    /// Share of the highest tenth of one half that is in that of the other; chance is a tenth.
    pub(crate) top_overlap: f64,
}

/// Below this correlation between this run and another of its kind, ranks are mostly noise.
const MOSTLY_NOISE: f64 = 0.5;

impl Stability {
    /// Compares the halves.
    pub(crate) fn of(halves: &[[i128; 2]]) -> Self {
        let [even, odd] = [0, 1].map(|half| ranks(halves, half));
        Stability { correlation: correlation(&even, &odd), top_overlap: top_overlap(halves) }
    }

    /// The correlation to expect between two runs with `times` as many draws as a half has (Spearman and Brown 1910).
    fn with_draws(&self, times: f64) -> f64 {
        times * self.correlation / (1.0 + (times - 1.0) * self.correlation)
    }

    /// Records the figures, and warns where they are low.
    pub(crate) fn tell(&self, draws: u64, ctx: &mut Context) {
        ctx.record("split_half_correlation", self.correlation);
        ctx.record("split_half_top10_overlap", self.top_overlap);
        let (now, with_four) = (self.with_draws(2.0), self.with_draws(8.0));
        if self.correlation <= 0.0 {
            ctx.warn(format!("ranks are noise: the halves of the {draws} draws do not agree at all"));
        } else if now < MOSTLY_NOISE {
            // From r = m r1 / (1 + (m - 1) r1), solved for m at r = 0.8; r1 is that of a half.
            let enough = 0.8 * (1.0 - self.correlation) / (0.2 * self.correlation) / 2.0;
            ctx.warn(format!(
                "ranks are mostly noise: the halves of the {draws} draws correlate by {:.2} and share {:.0} % of their highest tenth (chance: 10 %); two runs of {draws} draws would correlate by about {now:.2}, with 4 times the draws by {with_four:.2}, and it takes about {enough:.0} times for 0.8",
                self.correlation,
                100.0 * self.top_overlap
            ));
        }
    }
}

/// The rank of each row in one half; ties have their mean rank. Doubled, so whole.
fn ranks(halves: &[[i128; 2]], half: usize) -> Vec<f64> {
    let mut order: Vec<u32> = (0..halves.len() as u32).collect();
    let score = |row: &u32| halves[*row as usize][half];
    order.sort_unstable_by_key(score);
    let mut ranks = vec![0.0; halves.len()];
    let mut first = 0;
    for tied in order.chunk_by(|a, b| score(a) == score(b)) {
        let rank = (2 * first + tied.len() - 1) as f64;
        tied.iter().for_each(|row| ranks[*row as usize] = rank);
        first += tied.len();
    }
    ranks
}

/// Pearson's correlation of doubled ranks, whose mean is the number of rows less 1.
fn correlation(left: &[f64], right: &[f64]) -> f64 {
    let mean = left.len() as f64 - 1.0;
    let (mut both, mut lefts, mut rights) = (0.0, 0.0, 0.0);
    for (left, right) in left.iter().zip(right) {
        let (left, right) = (left - mean, right - mean);
        both += left * right;
        lefts += left * left;
        rights += right * right;
    }
    if lefts > 0.0 && rights > 0.0 { both / (lefts.sqrt() * rights.sqrt()) } else { 0.0 }
}

fn top_overlap(halves: &[[i128; 2]]) -> f64 {
    let keep = halves.len().div_ceil(10);
    let top = |half: usize| {
        // Ties are broken apart in the halves: by row number they would agree with each other.
        let stream = Stream::new(half as u64, "zcore-halves");
        let mut order: Vec<u32> = (0..halves.len() as u32).collect();
        let key = |row: &u32| (std::cmp::Reverse(halves[*row as usize][half]), stream.bits(u64::from(*row)));
        order.select_nth_unstable_by_key(keep - 1, key);
        order.truncate(keep);
        order.sort_unstable();
        order
    };
    let (even, odd) = (top(0), top(1));
    even.iter().filter(|row| odd.binary_search(row).is_ok()).count() as f64 / keep as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rank_correlation_matches_the_textbook() {
        // Ranks 1 2 3 4 5 against 2 1 4 3 5: 1 - 6 * 4 / (5 * 24).
        let halves = [[10, -5], [20, -9], [30, 7], [40, 0], [50, 90]];
        assert!((Stability::of(&halves).correlation - 0.8).abs() < 1e-12);
        let tied = [[1, 1], [1, 2], [2, 3], [2, 4]];
        assert!((Stability::of(&tied).correlation - 0.894_427_190_999_916).abs() < 1e-12);
        assert_eq!(Stability::of(&[[1, 1], [1, 2]]).correlation, 0.0);
    }

    #[test]
    fn equal_halves_overlap_whole_and_ties_by_chance() {
        let equal: Vec<[i128; 2]> = (0..50).map(|i| [i * 7 % 50; 2]).collect();
        assert_eq!(Stability::of(&equal), Stability { correlation: 1.0, top_overlap: 1.0 });
        let overlap = Stability::of(&[[0; 2]; 5000]).top_overlap;
        assert!((0.05..0.15).contains(&overlap), "{overlap}");
    }

    #[test]
    fn prediction_follows_spearman_and_brown() {
        let stability = Stability { correlation: 0.5, top_overlap: 0.0 };
        assert!((stability.with_draws(2.0) - 2.0 / 3.0).abs() < 1e-12);
        assert!((stability.with_draws(8.0) - 8.0 / 9.0).abs() < 1e-12);
    }
}
