//! Similarities, and bounds of what is gained by them from one row of a panel product.
//!
//! A product with its error gives an interval of the underlying number `t` (an inner product or a squared distance).
//! Every similarity is monotone in it (or in its magnitude), so its values at the two ends bound it, up to the rounding
//! of its own evaluation in `f32`, for which [`Similarity::slack`] makes room.

use crate::LANES;

/// How alike two rows are, 0 or more; higher is more alike.
///
/// What is held in brackets must be finite and 0 or more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Similarity {
    /// `max(x.y, 0)`.
    Dot,
    /// `max((1 + x.y) / 2, 0)`.
    ShiftedDot,
    /// `(x.y)^2`.
    SquaredDot,
    /// `exp(-(|x-y| / width)^2)`; holds `1 / width^2`.
    Gaussian(f64),
    /// `exp(-|x-y| / width)`; holds `1 / width`.
    Laplace(f64),
    /// `1 / (1 + (|x-y| / width)^2)`; holds `1 / width^2`.
    Cauchy(f64),
    /// `(1 + scale |x-y|^2)^(-quarters/4)`.
    Student {
        /// What multiplies the squared distance.
        scale: f64,
        /// Four times the power, from 1 to [`MOST_QUARTERS`](Self::MOST_QUARTERS): a power of quarters needs products
        /// and square roots only, which round alike everywhere.
        quarters: u32,
    },
    /// `max(most - |x-y|, 0)`; holds `most`.
    Near(f64),
    /// `max(most - |x-y|^2, 0)`; holds `most`.
    SqNear(f64),
    /// 1 where `|x-y| < radius`, else 0; holds `radius^2`.
    Within(f64),
}

/// `x^(quarters/4)` for x of 1 or more, in the type of x: by products, at most 4 of the whole powers, and roots.
macro_rules! quarter_power {
    ($x:expr, $quarters:expr) => {{
        let (x, quarters) = ($x, $quarters);
        let (x2, root) = (x * x, x.sqrt());
        let x4 = x2 * x2;
        // Chosen, not branched on: that lets lanes go together.
        let factor = |bit: u32, value| if quarters & bit != 0 { value } else { 1.0 };
        let roots = factor(1, root.sqrt()) * factor(2, root);
        roots * factor(4, x) * factor(8, x2) * factor(16, x4) * factor(32, x4 * x4)
    }};
}

impl Similarity {
    /// The most quarters of a power.
    pub const MOST_QUARTERS: u32 = 63;

    /// Whether it goes by inner products; else by squared distances.
    pub fn is_of_dots(self) -> bool {
        matches!(self, Similarity::Dot | Similarity::ShiftedDot | Similarity::SquaredDot)
    }

    /// Its value for a canonical inner product or squared distance: canonical again.
    pub fn of(self, t: f64) -> f64 {
        match self {
            Similarity::Dot => t.max(0.0),
            Similarity::ShiftedDot => (0.5 + 0.5 * t).max(0.0),
            Similarity::SquaredDot => t * t,
            Similarity::Gaussian(scale) => libm::exp(-(t * scale)),
            Similarity::Laplace(scale) => libm::exp(-(t.sqrt() * scale)),
            Similarity::Cauchy(scale) => 1.0 / (1.0 + t * scale),
            Similarity::Student { scale, quarters } => 1.0 / quarter_power!(1.0 + t * scale, quarters),
            Similarity::Near(most) => (most - t.sqrt()).max(0.0),
            Similarity::SqNear(most) => (most - t).max(0.0),
            Similarity::Within(sq_radius) => f64::from(t < sq_radius),
        }
    }

    /// Whether `f32` holds what comes up, sums of 64 similarities included, for rows of squared norms up to these.
    pub(crate) fn fits_f32(self, row_sq_norm: f64, center_sq_norm: f64) -> bool {
        match self {
            Similarity::Dot | Similarity::ShiftedDot => true,
            Similarity::SquaredDot => row_sq_norm * center_sq_norm < 1e36,
            // Powers below 1 of what overflows would be large: so nothing but the power itself may overflow.
            Similarity::Student { scale, .. } => scale < 1e30 && scale * (row_sq_norm + center_sq_norm) < 1e36,
            Similarity::Gaussian(v)
            | Similarity::Laplace(v)
            | Similarity::Cauchy(v)
            | Similarity::Near(v)
            | Similarity::SqNear(v)
            | Similarity::Within(v) => v < 1e30,
        }
    }

    /// What no similarity of two rows of squared norms up to this is above.
    pub fn most(self, sq_norm: f64) -> f64 {
        let most = match self {
            Similarity::Dot => sq_norm,
            Similarity::ShiftedDot => 0.5 + 0.5 * sq_norm,
            Similarity::SquaredDot => sq_norm * sq_norm,
            Similarity::Near(most) | Similarity::SqNear(most) => most,
            Similarity::Gaussian(_)
            | Similarity::Laplace(_)
            | Similarity::Cauchy(_)
            | Similarity::Student { .. }
            | Similarity::Within(_) => 1.0,
        };
        // Room for the rounding of norms and products.
        most * (1.0 + 1e-6)
    }

    /// Relative and absolute room for its evaluation in `f32`, the rounding of its parameter included.
    pub(crate) fn slack(self) -> (f32, f32) {
        const TWO_U: f32 = f32::EPSILON;
        match self {
            // A few roundings, relative to the result or to one half: where the product is below -1 the result is 0.
            Similarity::Dot | Similarity::SquaredDot => (4.0 * TWO_U, f32::MIN_POSITIVE),
            Similarity::ShiftedDot => (4.0 * TWO_U, TWO_U),
            Similarity::Cauchy(_) => (8.0 * TWO_U, f32::MIN_POSITIVE),
            // Three roundings of what is raised count as often as the power; each factor rounds once or twice.
            Similarity::Student { quarters, .. } => ((16 + quarters) as f32 * TWO_U, f32::MIN_POSITIVE),
            // See `exp`; what is cut off below is no more than 1e-34.
            Similarity::Gaussian(_) | Similarity::Laplace(_) => (0.0, 1e-33),
            // Relative to what is subtracted from: where the distance is larger, the result is 0.
            Similarity::Near(most) | Similarity::SqNear(most) => {
                (4.0 * TWO_U, 4.0 * TWO_U * (most as f32) + f32::MIN_POSITIVE)
            }
            Similarity::Within(_) => (0.0, 0.0),
        }
    }
}

/// One row's products with a block of the panel, and what turns them into gains.
#[derive(Clone, Copy)]
pub(crate) struct Gains<'a> {
    pub(crate) similarity: Similarity,
    /// Relative and absolute room of the similarity.
    pub(crate) slack: (f32, f32),
    pub(crate) dots: &'a [f32],
    /// Squared norms of the centers, and of the row.
    pub(crate) near: &'a [f32],
    pub(crate) own: f32,
    /// Error of the inner product or squared distance.
    pub(crate) error: f32,
    /// What the row has, rounded up and down.
    pub(crate) level: (f32, f32),
    /// How much more counts, rounded down and up.
    pub(crate) room: (f32, f32),
    /// What the row's part in the gains of centers is multiplied by, rounded down and up; the centers' parts in the
    /// row's gain. Only looked at where weighted.
    pub(crate) weight: (f32, f32),
    pub(crate) center_weights: (&'a [f32], &'a [f32]),
    pub(crate) is_weighted: bool,
    /// What the centers have, rounded up and down; infinite in the padding. Empty where they are not asked for.
    pub(crate) center_levels: (&'a [f32], &'a [f32]),
}

/// Smallest argument of [`exp`]; what would be below counts as this.
const LEAST_EXPONENT: f32 = -80.0;

/// `e^x` for x from -80 to 0, within a relative `2e-6`.
///
/// With `n = round(x / ln 2)` and `r = x - n ln 2`, `|r| <= 0.3467`: the Taylor polynomial of degree 6 leaves less than
/// `1.8e-7` of `e^r`, its evaluation a few units of `6e-8`, and `r` is off by less than `1e-7` (`n ln2_hi` is exact).
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// 1.5 * 2^23: adding it rounds to whole numbers, which then stand in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    const LN2_HI: f32 = 355.0 / 512.0;
    const LN2_LO: f32 = -2.121_944_4e-4;
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN2_HI) - n * LN2_LO;
    let tail = 1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0)));
    let value = 1.0 + r * (1.0 + r * (0.5 + r * tail));
    // Times 2^n: the exponent of `value`, which is between 0.7 and 1.5, moves by n.
    f32::from_bits(value.to_bits().wrapping_add(shifted.to_bits() << 23))
}

#[inline(always)]
fn positive(v: f32) -> f32 {
    if v > 0.0 { v } else { 0.0 }
}

#[inline(always)]
fn least(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

/// Room for [`exp`] itself, and for rounding its argument four times.
const EXP_ROOM: (f32, f32) = (3e-6, 4.0 * f32::EPSILON);

/// Bounds of `e^-far` and `e^-close` for computed `far >= close >= 0`.
#[inline(always)]
fn exp_bounds(far: f32, close: f32) -> (f32, f32) {
    let exponent = |v: f32| if v < -LEAST_EXPONENT { -v } else { LEAST_EXPONENT };
    let (far, close) = (exponent(far), exponent(close));
    (exp(far) * (1.0 - EXP_ROOM.0 + EXP_ROOM.1 * far), exp(close) * (1.0 + EXP_ROOM.0 - EXP_ROOM.1 * close))
}

/// What is done with the interval of each similarity of one row.
trait WithBounds {
    type Out;

    /// `bounds(product, squared norm of the center)`: the least and most the similarity can be, but for its slack.
    fn run(self, bounds: impl Fn(f32, f32) -> (f32, f32)) -> Self::Out;
}

/// Adds bounds of each center's gain from one row to `lower` and `upper`, and gives bounds of the row's own gain from
/// these centers, 0 where their levels are not given. The sums, of positive terms, are in any order and in `f32`.
#[inline(always)]
pub(crate) fn gains(of: Gains<'_>, lower: &mut [f32], upper: &mut [f32]) -> (f32, f32) {
    // Two loops, so that weights cost nothing where there are none.
    if of.is_weighted {
        with_bounds(of.similarity, of.own, of.error, SumGains::<true> { of, lower, upper })
    } else {
        with_bounds(of.similarity, of.own, of.error, SumGains::<false> { of, lower, upper })
    }
}

#[inline(always)]
fn with_bounds<W: WithBounds>(similarity: Similarity, own: f32, error: f32, work: W) -> W::Out {
    // The interval of a squared distance: far end, near end.
    let far = |dot: f32, near: f32| positive(own + near - 2.0 * dot + error);
    let close = |dot: f32, near: f32| positive(own + near - 2.0 * dot - error);
    match similarity {
        Similarity::Dot => work.run(|dot, _| (dot - error, dot + error)),
        Similarity::ShiftedDot => work.run(|dot, _| (0.5 + 0.5 * (dot - error), 0.5 + 0.5 * (dot + error))),
        Similarity::SquaredDot => work.run(|dot, _| {
            let (least, most) = (positive(dot.abs() - error), dot.abs() + error);
            (least * least, most * most)
        }),
        Similarity::Gaussian(scale) => {
            let scale = scale as f32;
            work.run(|dot, near| exp_bounds(scale * far(dot, near), scale * close(dot, near)))
        }
        Similarity::Laplace(scale) => {
            let scale = scale as f32;
            work.run(|dot, near| exp_bounds(scale * far(dot, near).sqrt(), scale * close(dot, near).sqrt()))
        }
        Similarity::Cauchy(scale) => {
            let scale = scale as f32;
            work.run(|dot, near| (1.0 / (1.0 + scale * far(dot, near)), 1.0 / (1.0 + scale * close(dot, near))))
        }
        Similarity::Student { scale, quarters } => {
            let scale = scale as f32;
            work.run(|dot, near| {
                let alike = |sq_dist: f32| 1.0 / quarter_power!(1.0 + scale * sq_dist, quarters);
                (alike(far(dot, near)), alike(close(dot, near)))
            })
        }
        Similarity::Near(most) => {
            let most = most as f32;
            work.run(|dot, near| (most - far(dot, near).sqrt(), most - close(dot, near).sqrt()))
        }
        Similarity::SqNear(most) => {
            let most = most as f32;
            work.run(|dot, near| (most - far(dot, near), most - close(dot, near)))
        }
        Similarity::Within(sq_radius) => {
            // Room for rounding the ends, relatively, and the limit itself.
            let inner = (sq_radius as f32) * (1.0 - 4.0 * f32::EPSILON) - f32::MIN_POSITIVE;
            let outer = (sq_radius as f32) * (1.0 + 4.0 * f32::EPSILON) + f32::MIN_POSITIVE;
            work.run(|dot, near| {
                (if far(dot, near) < inner { 1.0 } else { 0.0 }, if close(dot, near) < outer { 1.0 } else { 0.0 })
            })
        }
    }
}

/// [`gains`].
struct SumGains<'a, const WEIGHTED: bool> {
    of: Gains<'a>,
    lower: &'a mut [f32],
    upper: &'a mut [f32],
}

impl<const WEIGHTED: bool> WithBounds for SumGains<'_, WEIGHTED> {
    type Out = (f32, f32);

    #[inline(always)]
    fn run(self, bounds: impl Fn(f32, f32) -> (f32, f32)) -> (f32, f32) {
        sum_gains::<WEIGHTED>(self.of, self.lower, self.upper, bounds)
    }
}

/// One row's products with a block of the panel, and what turns them into whole units of similarity.
#[derive(Clone, Copy)]
pub(crate) struct Units<'a> {
    pub(crate) similarity: Similarity,
    /// Relative and absolute room of the similarity.
    pub(crate) slack: (f32, f32),
    pub(crate) dots: &'a [f32],
    /// Squared norms of the centers, and of the row.
    pub(crate) near: &'a [f32],
    pub(crate) own: f32,
    /// Error of the inner product or squared distance.
    pub(crate) error: f32,
    /// Units of a similarity of 1.
    pub(crate) per_unit: f32,
}

/// The least whole number of units that each similarity is certainly not above, or one more; 65,535 stands for all from
/// there. `out` is as long as the products.
#[inline(always)]
pub(crate) fn units(of: Units<'_>, out: &mut [u16]) {
    with_bounds(of.similarity, of.own, of.error, CountUnits { of, out });
}

/// [`units`].
struct CountUnits<'a> {
    of: Units<'a>,
    out: &'a mut [u16],
}

impl WithBounds for CountUnits<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self, bounds: impl Fn(f32, f32) -> (f32, f32)) {
        /// Adding it rounds to whole numbers, which then stand in the lowest bits.
        const ROUND: f32 = 8_388_608.0;
        // Up by at least a hundredth: more than the rounding of the product and sum can take off.
        const UP: f32 = 0.51;
        let of = self.of;
        let (more, slack) = (1.0 + of.slack.0, of.slack.1);
        let dots = of.dots.as_chunks::<LANES>().0;
        let near = of.near.as_chunks::<LANES>().0;
        let out = self.out.as_chunks_mut::<LANES>().0;
        for ((dots, near), out) in dots.iter().zip(near).zip(out) {
            for lane in 0..LANES {
                let most = positive(bounds(dots[lane], near[lane]).1 * more + slack);
                let up = if most > 0.0 { UP } else { 0.0 };
                out[lane] = (least(most * of.per_unit + up, 65_535.0) + ROUND).to_bits() as u16;
            }
        }
    }
}

/// [`units_above`], each times its weight.
#[inline(always)]
pub(crate) fn units_above_weighted(units: &[u16], levels: &[u16], weights: &[u16]) -> u64 {
    let above = units.iter().zip(levels).map(|(units, level)| u32::from(units.saturating_sub(*level)));
    above.zip(weights).map(|(above, weight)| u64::from(above * u32::from(*weight))).sum()
}

/// The sum of how far `units` are above `levels`, 0 for those that are not; up to 65,536 of them.
#[inline(always)]
pub(crate) fn units_above(units: &[u16], levels: &[u16]) -> u64 {
    let mut sums = [0_u32; 2 * LANES];
    let (groups, rest) = units.as_chunks::<{ 2 * LANES }>();
    let (level_groups, level_rest) = levels.as_chunks::<{ 2 * LANES }>();
    for (units, levels) in groups.iter().zip(level_groups) {
        for lane in 0..2 * LANES {
            sums[lane] += u32::from(units[lane].saturating_sub(levels[lane]));
        }
    }
    let rest = rest.iter().zip(level_rest).map(|(units, level)| u64::from(units.saturating_sub(*level)));
    sums.iter().map(|sum| u64::from(*sum)).sum::<u64>() + rest.sum::<u64>()
}

/// A gain times a weight that is no more than the true one: what underflows is nothing.
#[inline(always)]
fn weighed_down(gain: f32, weight: f32) -> f32 {
    positive(gain * weight - f32::MIN_POSITIVE)
}

/// A gain times a weight that is no less than the true one: what underflows is less than what is added.
#[inline(always)]
fn weighed_up(gain: f32, weight: f32) -> f32 {
    gain * weight + f32::MIN_POSITIVE
}

#[inline(always)]
fn sum_gains<const W: bool>(
    of: Gains<'_>,
    lower: &mut [f32],
    upper: &mut [f32],
    bounds: impl Fn(f32, f32) -> (f32, f32),
) -> (f32, f32) {
    let (less, more) = (1.0 - of.slack.0, 1.0 + of.slack.0);
    let slack = of.slack.1;
    let (up, down) = of.level;
    let (room_low, room_high) = of.room;
    let (mut own_lower, mut own_upper) = ([0.0_f32; LANES], [0.0_f32; LANES]);
    let dots = of.dots.as_chunks::<LANES>().0;
    let near = of.near.as_chunks::<LANES>().0;
    let (levels_up, levels_down) =
        (of.center_levels.0.as_chunks::<LANES>().0, of.center_levels.1.as_chunks::<LANES>().0);
    let (weights_down, weights_up) =
        (of.center_weights.0.as_chunks::<LANES>().0, of.center_weights.1.as_chunks::<LANES>().0);
    let sums = lower.as_chunks_mut::<LANES>().0.iter_mut().zip(upper.as_chunks_mut::<LANES>().0);
    for (group, ((dots, near), (lower, upper))) in dots.iter().zip(near).zip(sums).enumerate() {
        let (mut low, mut high) = ([0.0_f32; LANES], [0.0_f32; LANES]);
        for lane in 0..LANES {
            let (least_alike, most_alike) = bounds(dots[lane], near[lane]);
            low[lane] = positive(least_alike * less - slack);
            high[lane] = positive(most_alike * more + slack);
            let gain_low = least(positive(low[lane] - up), room_low);
            let gain_high = least(positive(high[lane] - down), room_high);
            lower[lane] += if W { weighed_down(gain_low, of.weight.0) } else { gain_low };
            upper[lane] += if W { weighed_up(gain_high, of.weight.1) } else { gain_high };
        }
        if let (Some(ups), Some(downs)) = (levels_up.get(group), levels_down.get(group)) {
            let weights = if W { Some((&weights_down[group], &weights_up[group])) } else { None };
            for lane in 0..LANES {
                let (gain_low, gain_high) = (positive(low[lane] - ups[lane]), positive(high[lane] - downs[lane]));
                let (weighed_low, weighed_high) = match weights {
                    Some((least, most)) => (weighed_down(gain_low, least[lane]), weighed_up(gain_high, most[lane])),
                    None => (gain_low, gain_high),
                };
                own_lower[lane] += weighed_low;
                own_upper[lane] += weighed_high;
            }
        }
    }
    (own_lower.iter().sum(), own_upper.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_above_levels_are_summed() {
        for len in [0, 1, 31, 32, 33, 100, 65_536] {
            let units: Vec<u16> = (0..len).map(|i| (i * 40_503 % 65_536) as u16).collect();
            let levels: Vec<u16> = (0..len).map(|i| (i * 9_973 % 65_536) as u16).collect();
            let naive: u64 = units.iter().zip(&levels).map(|(u, l)| u64::from(*u.max(l)) - u64::from(*l)).sum();
            assert_eq!(units_above(&units, &levels), naive, "{len}");
            let weights: Vec<u16> = (0..len).map(|i| (i * 31 % 65_536) as u16).collect();
            let parts = units.iter().zip(&levels).zip(&weights);
            let naive: u64 = parts.map(|((u, l), w)| u64::from(u.saturating_sub(*l)) * u64::from(*w)).sum();
            assert_eq!(units_above_weighted(&units, &levels, &weights), naive, "{len}");
        }
        assert_eq!(units_above(&vec![u16::MAX; 65_536], &vec![0; 65_536]), 65_535 * 65_536);
    }

    #[test]
    fn exponentials_are_as_near_as_stated() {
        for i in 0..=800_000 {
            let x = -(i as f32) * 1e-4;
            let truth = f64::from(x).exp();
            assert!((f64::from(exp(x)) - truth).abs() <= 2e-6 * truth, "{x}");
        }
    }
}
