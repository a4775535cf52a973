//! Wasserstein distance from the pool to the selection.

use subsel::methods::wasserstein::{transport_bytes, transport_cost};
use subsel::{Context, Error};

/// `W1` from rows `(m, d)` spread evenly to rows `(k, d)` taking equal shares, by Euclidean distance.
///
/// # Errors
/// Interruption.
/// # Cost
/// Time `O(m k d)` and a transport, memory of [`bytes`].
pub(super) fn w1(from: &[f32], to: &[f32], dim: usize, ctx: &Context) -> Result<f64, Error> {
    let k = to.len() / dim;
    let mut costs = vec![0.0; from.len() / dim * k];
    for (row, out) in from.chunks_exact(dim).zip(costs.chunks_exact_mut(k)) {
        ctx.go_on()?;
        ctx.kernels().sq_dists(row, to, out);
        out.iter_mut().for_each(|value| *value = value.sqrt());
    }
    transport_cost(&costs, k, ctx)
}

/// Bytes of [`w1`].
pub(super) fn bytes(m: usize, k: usize) -> u64 {
    8 * (m * k) as u64 + transport_bytes(m, k)
}
