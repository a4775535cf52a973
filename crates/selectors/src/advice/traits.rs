//! What rows are like, from a sample.

use rayon::prelude::*;
use serde::Serialize;
use subsel_formats::MemorySource;
use subsel_kernels::{Block, Rows};

use crate::annotations::Classes;
use crate::context::Context;
use crate::neighbors::{KnnGraph, knn};
use crate::pool::{CheckedPool, Pool};
use crate::random::Draws;
use crate::{Error, Stream};

/// Rows sampled, and values, at most.
const SAMPLE: usize = 1024;
const VALUES: usize = 1 << 22;

/// Fewer rows tell nothing of structure, and fewer nothing of labels.
const LEAST: usize = 64;
const LEAST_LABELED: usize = 200;

/// What a sample of rows tells.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Traits {
    /// Rows it is told from.
    pub sampled_rows: usize,
    /// Standard deviation of the Euclidean norms over their mean.
    pub norm_spread: f64,
    /// Mean distance of a row to its nearest, over the same for normal noise with the same covariance: 1 for noise,
    /// less where rows lie in clusters, on curves, or at unlike distances from their mean. `None` for fewer than 64 rows, or rows that are all the same.
    pub structure: Option<f64>,
    /// How far neighbors share labels, where those of 200 rows and more are known.
    pub lift: Option<Lift>,
}

/// How often a row's nearest has its label.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Lift {
    /// Share of rows whose nearest row has the same label.
    pub accuracy: f64,
    /// Share of the largest class.
    pub majority: f64,
    /// Rows it is told from.
    pub rows: usize,
}

impl Lift {
    /// Accuracy over the largest class's share, of what could be gained: 0 for none, 1 for all.
    pub fn share(&self) -> f64 {
        (self.accuracy - self.majority) / (1.0 - self.majority)
    }
}

impl Traits {
    /// Measures 1,024 rows (fewer of more than 4,096 values); labels, where they are known, of the labeled rows, or of the
    /// sample if none counts as labeled. Time `O(1024^2 d)`, memory some copies of the sample.
    ///
    /// # Errors
    /// An empty pool, reading, interruption. Rows that are not finite are left out.
    pub fn measure(pool: &Pool<'_>, ctx: &mut Context) -> Result<Self, Error> {
        let n = pool.source.n_rows();
        let most = SAMPLE.min(VALUES / pool.source.dim().max(1)).max(LEAST);
        let stream = ctx.stream("advice");
        let sampled = Sample::draw(pool, &Draws::new(stream).sample(n, most.min(n)), ctx)?;
        let mut sq_norms = vec![0.0; sampled.rows.len()];
        ctx.kernels().sq_norms(Rows::from_f32(&sampled.values, sampled.dim), &mut sq_norms);
        let norms: Vec<f64> = sq_norms.into_iter().map(f64::sqrt).collect();
        let graph = sampled.nearest(ctx)?;
        let lift = match &pool.known.labels {
            None => None,
            Some(labels) if pool.labeled.is_empty() => lift(labels, &sampled.rows, &graph),
            Some(labels) => {
                let chosen = Draws::new(stream.child(1)).sample(pool.labeled.len(), most.min(pool.labeled.len()));
                let rows: Vec<usize> = chosen.into_iter().map(|i| pool.labeled[i]).collect();
                let labeled = Sample::draw(pool, &rows, ctx)?;
                lift(labels, &labeled.rows, &labeled.nearest(ctx)?)
            }
        };
        Ok(Traits {
            sampled_rows: sampled.rows.len(),
            norm_spread: spread(&norms),
            structure: structure(&sampled, &norms, &graph, stream.child(2), ctx)?,
            lift,
        })
    }
}

/// Finite rows in memory.
struct Sample {
    rows: Vec<usize>,
    dim: usize,
    values: Vec<f32>,
}

impl Sample {
    fn draw(pool: &Pool<'_>, rows: &[usize], ctx: &Context) -> Result<Self, Error> {
        let dim = pool.source.dim();
        let mut scratch = Block::new(pool.source.dtype());
        let mut wide = vec![0.0; rows.len() * dim];
        ctx.kernels().widen(pool.source.gather(rows, &mut scratch)?, &mut wide);
        let finite = |i: &usize| wide[i * dim..(i + 1) * dim].iter().all(|value| value.is_finite());
        let kept: Vec<usize> = (0..rows.len()).filter(finite).collect();
        let values = kept.iter().flat_map(|i| &wide[i * dim..(i + 1) * dim]).copied().collect();
        let rows = kept.iter().map(|i| rows[*i]).collect();
        Ok(Sample { rows, dim, values })
    }

    /// The nearest other row of each.
    fn nearest(&self, ctx: &mut Context) -> Result<KnnGraph, Error> {
        if self.rows.is_empty() {
            return Ok(KnnGraph { k: 0, indices: Vec::new(), sq_dists: Vec::new() });
        }
        let source = MemorySource::new(&self.values[..], self.dim)?;
        knn(&CheckedPool::new(&Pool::new(&source), ctx)?, 1, ctx)
    }

    /// Normal noise like these rows: each a sum of all of them, from their mean, with random signs, which has their
    /// covariance.
    fn noise(&self, stream: Stream, ctx: &Context) -> Sample {
        let (count, dim) = (self.rows.len(), self.dim);
        let values = &self.values;
        let mut mean = vec![0.0; dim];
        for row in values.chunks_exact(dim) {
            mean.iter_mut().zip(row).for_each(|(mean, value)| *mean += f64::from(*value) / count as f64);
        }
        let centered: Vec<f64> =
            values.chunks_exact(dim).flat_map(|row| row.iter().zip(&mean).map(|(v, m)| f64::from(*v) - m)).collect();
        let scale = 1.0 / (count as f64).sqrt();
        let signed = |i: usize| -> Vec<f32> {
            let signs = stream.child(i as u64);
            let mut sum = vec![0.0; dim];
            for (j, row) in centered.chunks_exact(dim).enumerate() {
                let sign = if signs.bits((j / 64) as u64) >> (j % 64) & 1 == 0 { 1.0 } else { -1.0 };
                sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += sign * value);
            }
            sum.into_iter().map(|value| (scale * value) as f32).collect()
        };
        let rows: Vec<Vec<f32>> = ctx.threads().install(|| (0..count).into_par_iter().map(signed).collect());
        Sample { rows: self.rows.clone(), dim, values: rows.concat() }
    }
}

fn structure(
    sampled: &Sample,
    norms: &[f64],
    graph: &KnnGraph,
    stream: Stream,
    ctx: &mut Context,
) -> Result<Option<f64>, Error> {
    if sampled.rows.len() < LEAST {
        return Ok(None);
    }
    let noise = sampled.noise(stream, ctx).nearest(ctx)?;
    let mean = |graph: &KnnGraph| super::standing::mean(graph.sq_dists.iter().map(|sq_dist| sq_dist.sqrt()));
    let (found, by_chance) = (mean(graph), mean(&noise));
    // Rows that are all the same differ from their mean by its rounding.
    let length = super::standing::mean(norms.iter().copied());
    Ok((by_chance > 1e-6 * length).then(|| found / by_chance))
}

fn lift(labels: &Classes, rows: &[usize], graph: &KnnGraph) -> Option<Lift> {
    if rows.len() < LEAST_LABELED {
        return None;
    }
    let of = |i: usize| labels.codes[rows[i]];
    let same = (0..rows.len()).filter(|i| of(*i) == of(graph.indices[*i] as usize)).count();
    let mut sizes = vec![0usize; labels.names.len()];
    (0..rows.len()).for_each(|i| sizes[of(i) as usize] += 1);
    let largest = sizes.into_iter().max().unwrap_or(0);
    // Of one class there is nothing to tell.
    (largest < rows.len()).then(|| Lift {
        accuracy: same as f64 / rows.len() as f64,
        majority: largest as f64 / rows.len() as f64,
        rows: rows.len(),
    })
}

fn spread(norms: &[f64]) -> f64 {
    let mean = super::standing::mean(norms.iter().copied());
    let squares: f64 = norms.iter().map(|norm| (norm - mean).powi(2)).sum();
    if mean > 0.0 { (squares / norms.len() as f64).sqrt() / mean } else { 0.0 }
}
