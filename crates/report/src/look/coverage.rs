//! How well the first k picks cover the pool, and where more of them help little.

/// The pool as the first `picks` picks cover it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Covered {
    /// How many picks.
    pub picks: usize,
    /// Mean over the rows of the distance to the nearest pick.
    pub mean: f64,
    /// The largest such distance: the coverage radius.
    pub radius: f64,
}

/// The least bend of a curve that is called a knee, as a share of its height.
const BEND: f64 = 0.1;

/// Where a falling curve bends most: the number of picks at which the mean distance lies farthest below the straight line
/// from the first to the last point, both axes scaled to 1 (Satopää et al. 2011, "Kneedle", without smoothing).
///
/// `None` for fewer than 5 points, or where the curve lies less than a tenth of its height below the line.
pub fn knee(curve: &[Covered]) -> Option<Covered> {
    let (first, last) = (curve.first()?, curve.last()?);
    let (width, height) = ((last.picks - first.picks) as f64, first.mean - last.mean);
    if !(curve.len() >= 5 && height > 0.0) {
        return None;
    }
    let bend = |at: &Covered| {
        let along = (at.picks - first.picks) as f64 / width;
        1.0 - along - (at.mean - last.mean) / height
    };
    let best = curve.iter().max_by(|a, b| bend(a).total_cmp(&bend(b)))?;
    (bend(best) >= BEND).then_some(*best)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(mean: impl Fn(usize) -> f64) -> Vec<Covered> {
        (1..=50).map(|picks| Covered { picks, mean: mean(picks), radius: 0.0 }).collect()
    }

    #[test]
    fn a_bent_curve_has_its_knee_and_a_straight_one_has_none() {
        let bent = curve(|k| if k < 8 { 10.0 - k as f64 } else { 3.0 - (k - 7) as f64 * 0.01 });
        assert_eq!(knee(&bent).map(|at| at.picks), Some(7));
        assert_eq!(knee(&curve(|k| 10.0 - k as f64 * 0.1)), None);
        assert_eq!(knee(&curve(|_| 1.0)), None, "a flat curve has no height");
        assert_eq!(knee(&bent[..3]), None);
        assert_eq!(knee(&[]), None);
    }
}
