//! The volume that the picks span.

use subsel::{Context, Error};

use super::members::Members;

/// A squared residual below this part of a row's squared norm is rounding: rows are `f32`.
const FLAT: f64 = 1.0 / (1_u64 << 40) as f64;

/// `ln det` of the inner products of the members, by Cholesky; negative infinity where they are linearly dependent.
///
/// # Errors
/// Interruption.
/// # Cost
/// Time `O(n^2 (n + d))` and nothing beyond `d` members.
pub(super) fn log_volume(members: &Members, ctx: &Context) -> Result<f64, Error> {
    if members.len() > members.dim() {
        return Ok(f64::NEG_INFINITY);
    }
    let gram = members.gram(ctx)?;
    let norms = gram.diagonal();
    // Scaled to a unit diagonal, so that rows of any length neither overflow nor count as flat.
    let scales = norms.map(|norm| 1.0 / norm.sqrt());
    if scales.iter().any(|scale| !scale.is_finite()) {
        return Ok(f64::NEG_INFINITY);
    }
    let scaled = gram.map_with_location(|i, j, value| value * scales[i] * scales[j]);
    let Some(cholesky) = scaled.cholesky() else { return Ok(f64::NEG_INFINITY) };
    let residuals = cholesky.l_dirty().diagonal();
    if residuals.iter().any(|residual| residual * residual <= FLAT) {
        return Ok(f64::NEG_INFINITY);
    }
    Ok(residuals.iter().zip(norms.iter()).map(|(residual, norm)| 2.0 * residual.ln() + norm.ln()).sum())
}
