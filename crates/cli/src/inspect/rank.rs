//! How many dimensions the rows span and how many they use, estimated from a sample.
//!
//! Rank is the number of pivots that a pivoted QR of sampled rows finds before every row left is spanned to within 1e-5
//! of its norm: what Gram-Schmidt selection meets. The effective dimension is the participation ratio of the spectrum of
//! the centered sample, `(sum l)^2 / sum l^2` over eigenvalues `l` of its covariance: the d of a ball, near 1 for a line.

use std::fmt;

use serde::Serialize;
use subsel::{Context, Draws, Pool, Reason, parse_method, select};
use subsel_formats::{MemorySource, RowSource};
use subsel_kernels::Block;

use crate::failure::Failure;

/// Rows sampled at most.
const SAMPLE: usize = 2048;

/// Pivots taken at most; beyond, the rank is told as "at least".
const PIVOTS: usize = 1024;

/// What a sample tells of the dimensions.
#[derive(Serialize)]
pub(super) struct Rank {
    /// Dimensions that the sampled rows span.
    pub(super) rank: usize,
    /// Whether that is all: the rows ran out of directions, not the sample or the patience.
    pub(super) is_whole: bool,
    /// Participation ratio of the spectrum of the centered sample.
    pub(super) effective_dim: f64,
    /// Rows sampled.
    pub(super) sampled_rows: usize,
    #[serde(skip)]
    dim: usize,
}

impl fmt::Display for Rank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at_least = if self.is_whole { "" } else { "at least " };
        let Rank { rank, dim, effective_dim, sampled_rows, .. } = self;
        write!(f, "{at_least}{rank} of {dim}; effective dimension {effective_dim:.1} (from {sampled_rows} rows)")
    }
}

/// Estimates from a sample of the finite rows; nothing for none.
pub(super) fn estimate(source: &dyn RowSource, finite: &[usize], ctx: &mut Context) -> Result<Option<Rank>, Failure> {
    if finite.is_empty() {
        return Ok(None);
    }
    let rows = sample(finite, ctx);
    let dim = source.dim();
    let mut scratch = Block::new(source.dtype());
    let mut wide = vec![0.0; rows.len() * dim];
    ctx.kernels().widen(source.gather(&rows, &mut scratch)?, &mut wide);
    let (rank, is_whole) = rank(&wide, dim, ctx)?;
    let effective_dim = effective_dim(wide, dim, ctx);
    Ok(Some(Rank { rank, is_whole: is_whole || rank == dim, effective_dim, sampled_rows: rows.len(), dim }))
}

fn sample(finite: &[usize], ctx: &Context) -> Vec<usize> {
    if finite.len() <= SAMPLE {
        return finite.to_vec();
    }
    let places = Draws::new(ctx.stream("inspect")).sample(finite.len(), SAMPLE);
    places.into_iter().map(|place| finite[place]).collect()
}

/// Pivots found, and whether the rows then had nothing left.
fn rank(wide: &[f32], dim: usize, ctx: &mut Context) -> Result<(usize, bool), Failure> {
    let source = MemorySource::new(wide, dim)?;
    let budget = source.n_rows().min(dim + 1).min(PIVOTS);
    let method = parse_method("gram-schmidt:pick=largest").map_err(subsel::Error::from)?;
    let selection = select(&*method, &Pool::new(&source), budget, ctx)?;
    let new = |reason: &Reason| matches!(reason, Reason::Residual { pass: 1, .. });
    let pivots = selection.picks.iter().take_while(|pick| new(&pick.reason)).count();
    Ok((pivots, pivots < budget))
}

/// `(sum l)^2 / sum l^2`: by traces, `trace(G)^2 / |G|^2` of the Gram matrix of the centered rows.
fn effective_dim(mut wide: Vec<f32>, dim: usize, ctx: &Context) -> f64 {
    let rows = wide.len() / dim;
    let mut mean = vec![0.0f64; dim];
    wide.chunks_exact(dim).for_each(|row| mean.iter_mut().zip(row).for_each(|(sum, v)| *sum += f64::from(*v)));
    for row in wide.chunks_exact_mut(dim) {
        row.iter_mut().zip(&mean).for_each(|(v, sum)| *v = (f64::from(*v) - sum / rows as f64) as f32);
    }
    let mut gram = vec![0.0f32; rows * rows];
    ctx.kernels().panel_dots(&wide, &wide, dim, &mut gram);
    let trace: f64 = (0..rows).map(|i| f64::from(gram[i * rows + i])).sum();
    let squares: f64 = gram.iter().map(|v| f64::from(*v).powi(2)).sum();
    if squares > 0.0 { trace * trace / squares } else { 0.0 }
}
