//! Vendi score: how many different things a selection holds (Friedman and Dieng 2023).

use subsel::{Context, Error};

use super::dense::{Matrix, eigenvalues, scatter};
use super::members::Members;

/// The score of rows of unit scale under the cosine: `exp` of the entropy of the eigenvalues of `K / n`, from the smaller
/// of `(n, n)` and `(d, d)`.
///
/// # Errors
/// Interruption.
/// # Cost
/// Time `O(n d min(n, d))` and `O(min(n, d)^3)`.
pub(super) fn cosine(members: &Members, ctx: &Context) -> Result<f64, Error> {
    let (n, dim) = (members.len(), members.dim());
    if n <= dim {
        return Ok(of_similarities(members.gram(ctx)?, n));
    }
    let (_, products) = scatter(n, dim, ctx, |rows, out| {
        members.read(rows, out);
        Ok(())
    })?;
    Ok(of_similarities(products, n))
}

/// The score of `n` things by their similarities, 1 on the diagonal, or by another matrix of the same eigenvalues.
pub(super) fn of_similarities(similarities: Matrix, n: usize) -> f64 {
    let shares = eigenvalues(similarities / n as f64);
    let entropy: f64 = shares.iter().filter(|share| **share > 0.0).map(|share| -share * share.ln()).sum();
    // Rounding may carry it a little beyond what it can be.
    if entropy.is_nan() { f64::NAN } else { entropy.exp().clamp(1.0, n as f64) }
}
