//! How near the selection is to every row of the pool.

use subsel::{CheckedPool, Context, Error, scan};
use subsel_kernels::{Panel, PanelScratch};

use super::Metric;

/// What is told of the distances to the selection.
pub(super) const DISTANCES: [Metric; 5] =
    [Metric::CoverageRadius, Metric::Coverage50, Metric::Coverage95, Metric::Coverage99, Metric::MeanDistance];

/// The canonical squared distance of every row of the pool to the nearest of `members` `(n, d)`.
///
/// # Errors
/// Reading, interruption.
/// # Cost
/// One pass: time `O(N n d)` at the rate of `f32` products, memory for the members twice.
pub(super) fn nearest_sq_dists(pool: &CheckedPool<'_>, members: &[f32], ctx: &Context) -> Result<Vec<f64>, Error> {
    let (kernels, sq_norms) = (ctx.kernels(), pool.sq_norms());
    let panel = Panel::new(kernels, members, pool.dim(), None);
    let mut found = vec![0.0; pool.len()];
    let worker = || (PanelScratch::default(), Vec::new());
    scan::for_rows(pool, ctx, &mut found, worker, |(scratch, nearest), block, found| {
        nearest.resize(found.len(), 0);
        kernels.assign(block.rows, Some(&sq_norms[block.range()]), &panel, scratch, nearest);
        kernels.sq_dists_paired(block.rows, &panel, nearest, found);
        Ok(())
    })?;
    Ok(found)
}

/// Radius, quantiles and mean, as [`DISTANCES`] lists them.
pub(super) fn distances(mut sq_dists: Vec<f64>) -> [f64; 5] {
    sq_dists.iter_mut().for_each(|value| *value = value.sqrt());
    let mean = sq_dists.iter().sum::<f64>() / sq_dists.len() as f64;
    let largest = sq_dists.iter().copied().fold(0.0, f64::max);
    [largest, quantile(&mut sq_dists, 0.5), quantile(&mut sq_dists, 0.95), quantile(&mut sq_dists, 0.99), mean]
}

/// The quantile `q`, between the two values around place `q (n - 1)` of the sorted ones by where it falls. NaN of none.
pub(super) fn quantile(values: &mut [f64], q: f64) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    let place = q * (values.len() - 1) as f64;
    let (_, &mut low, above) = values.select_nth_unstable_by(place as usize, f64::total_cmp);
    let next = above.iter().copied().min_by(f64::total_cmp);
    low + place.fract() * (next.unwrap_or(low) - low)
}

/// The share of squared distances below a squared radius.
pub(super) fn balls(sq_dists: &[f64], sq_radius: f64) -> f64 {
    sq_dists.iter().filter(|value| **value < sq_radius).count() as f64 / sq_dists.len() as f64
}

/// The mean of `exp(-(r / sigma)^2)`.
pub(super) fn kernel(sq_dists: &[f64], sigma: f64) -> f64 {
    sq_dists.iter().map(|value| (-(value / (sigma * sigma))).exp()).sum::<f64>() / sq_dists.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_numpy() {
        let mut values = [15.0, 20.0, 35.0, 40.0, 50.0];
        for (q, expected) in [(0.0, 15.0), (0.4, 29.0), (0.5, 35.0), (0.95, 48.0), (1.0, 50.0)] {
            assert!((quantile(&mut values, q) - expected).abs() < 1e-12, "{q}");
        }
        assert_eq!(quantile(&mut [7.0], 0.95), 7.0);
        assert!(quantile(&mut [], 0.5).is_nan());
    }
}
