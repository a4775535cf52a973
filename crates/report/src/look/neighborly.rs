//! A layout that keeps neighbors together: t-SNE (van der Maaten 2014, Barnes-Hut) of the first principal components.

use bhtsne::tSNE;
use subsel::{CheckedPool, Context};

use super::plane::Principal;
use crate::Error;

/// Most rows it is worth the wait for.
pub(super) const MOST: usize = 20_000;

/// Fewest rows of which neighbors can be told from the rest.
const FEWEST: usize = 20;

/// Principal components that distances are taken of.
const COMPONENTS: usize = 30;

/// Neighbors that count, about.
const PERPLEXITY: usize = 30;

/// Steps of the descent.
const EPOCHS: usize = 600;

/// How far the approximation of forces may go: the customary value.
const THETA: f32 = 0.5;

/// Places of all rows, or `None` where there are too few of them to have neighbors.
///
/// Begun from the first two components, so that nothing is drawn at random. The crate sums forces on all threads in
/// whatever order they come, so that two runs may differ slightly: a map is to be looked at, not computed with.
pub(super) fn places(pool: &CheckedPool<'_>, ctx: &Context) -> Result<Option<Vec<[f64; 2]>>, Error> {
    let n = pool.len();
    if n < FEWEST {
        return Ok(None);
    }
    let principal = Principal::of(pool, COMPONENTS.min(pool.dim()), ctx)?;
    let rows: Vec<usize> = (0..n).collect();
    let values: Vec<f32> = principal.components(pool, &rows, ctx)?.iter().map(|value| *value as f32).collect();
    let width = values.len() / n;
    let points: Vec<&[f32]> = values.chunks_exact(width).collect();
    // Small at first, as is customary: what moves far at once tears neighbors apart.
    let spread = (values.iter().step_by(width).map(|x| f64::from(*x).powi(2)).sum::<f64>() / n as f64).sqrt();
    let scale = if spread > 0.0 { 1e-4 / spread as f32 } else { 0.0 };
    let second = |row: &&[f32]| row.get(1).copied().unwrap_or(0.0);
    let start: Vec<f32> = points.iter().flat_map(|row| [row[0] * scale, second(row) * scale]).collect();
    ctx.go_on()?;
    ctx.progress().begin("keeping neighbors together", EPOCHS as u64);
    let perplexity = PERPLEXITY.min((n - 1) / 4) as f32;
    let embedding = ctx.threads().install(|| {
        let mut layout: tSNE<'_, f32, &[f32], 2> = tSNE::new(&points);
        layout.perplexity(perplexity).epochs(EPOCHS).initial_embedding(start);
        layout.epoch_callback(|epoch, _| ctx.progress().at(epoch as u64));
        layout.barnes_hut(THETA, |a, b| a.iter().zip(b.iter()).map(|(x, y)| (x - y) * (x - y)).sum::<f32>().sqrt());
        layout.embedding()
    });
    // Rows that all lie in one place may leave nothing finite.
    let is_whole = embedding.iter().all(|value| value.is_finite());
    let places = embedding.chunks_exact(2).map(|at| [f64::from(at[0]), f64::from(at[1])]).collect();
    Ok(is_whole.then_some(places))
}

/// Bytes of [`places`]: components, neighbors and their weights, the tree.
pub(super) fn bytes(n: usize) -> u64 {
    (n * (12 * COMPONENTS + 3 * PERPLEXITY * 64 + 512)) as u64
}
