//! What rows are like, from a sample.

use rayon::prelude::*;
use serde::Serialize;
use subsel_formats::MemorySource;
use subsel_kernels::Block;

use crate::annotations::Classes;
use crate::context::Context;
use crate::neighbors::{KnnGraph, knn, knn_plan};
use crate::plan::{PROGRAM_BYTES, Shape};
use crate::pool::{CheckedPool, Pool, PoolFacts, check_rows};
use crate::random::Draws;
use crate::{Error, Stream};

/// Rows sampled, and values, at most.
const SAMPLE: usize = 1024;
const VALUES: usize = 1 << 22;

/// Fewer rows tell nothing of structure, and fewer nothing of labels.
const LEAST: usize = 64;
const LEAST_LABELED: usize = 200;

/// Rows sampled of a pool of so many values per row.
fn sample_rows(dim: usize) -> usize {
    SAMPLE.min(VALUES / dim.max(1)).max(LEAST)
}

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
    /// An empty pool, labeled rows beyond it, annotations of another length, reading, interruption. Rows that are not finite are left out.
    pub fn measure(pool: &Pool<'_>, ctx: &mut Context) -> Result<Self, Error> {
        let n = pool.source.n_rows();
        if n == 0 {
            return Err(Error::EmptyPool);
        }
        check_rows("the labeled list", &pool.labeled, n)?;
        pool.known.check(n)?;
        let most = sample_rows(pool.source.dim());
        let stream = ctx.stream("advice");
        let sampled = Sample::draw(pool, &Draws::new(stream).sample(n, most.min(n)), ctx)?;
        let (graph, facts) = sampled.nearest(ctx)?;
        let lift = match &pool.known.labels {
            None => None,
            Some(labels) if pool.labeled.is_empty() => lift(labels, &sampled.rows, &graph),
            Some(labels) => {
                // A row that is listed twice is not its own neighbor.
                let labeled = super::distinct(&pool.labeled);
                let chosen = Draws::new(stream.child(1)).sample(labeled.len(), most.min(labeled.len()));
                let rows: Vec<usize> = chosen.into_iter().map(|i| labeled[i]).collect();
                let labeled = Sample::draw(pool, &rows, ctx)?;
                lift(labels, &labeled.rows, &labeled.nearest(ctx)?.0)
            }
        };
        Ok(Traits {
            sampled_rows: sampled.rows.len(),
            norm_spread: if facts.norm_mean > 0.0 { facts.norm_sd / facts.norm_mean } else { 0.0 },
            structure: structure(&sampled, facts.norm_mean, &graph, stream.child(2), ctx)?,
            lift,
        })
    }

    /// Peak bytes of a program that measures, as those of a [`Plan`](crate::plan::Plan).
    pub fn bytes(shape: &Shape) -> u64 {
        let sample = Shape { n: sample_rows(shape.dim).min(shape.n), ..*shape };
        // The sample, its rows from their mean in f64, and the noise; or the sample, the noise and what searches it.
        let values = (sample.n * sample.dim) as u64;
        let measuring = (16 * values).max(8 * values + knn_plan(&sample, 1).bytes);
        PROGRAM_BYTES + measuring + 256 * sample.n as u64
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
        for (to, from) in kept.iter().enumerate() {
            wide.copy_within(from * dim..(from + 1) * dim, to * dim);
        }
        wide.truncate(kept.len() * dim);
        let rows = kept.iter().map(|i| rows[*i]).collect();
        Ok(Sample { rows, dim, values: wide })
    }

    /// The nearest other row of each, and what checking the rows learned.
    fn nearest(&self, ctx: &mut Context) -> Result<(KnnGraph, PoolFacts), Error> {
        if self.rows.is_empty() {
            return Ok((KnnGraph { k: 0, indices: Vec::new(), sq_dists: Vec::new() }, PoolFacts::default()));
        }
        let source = MemorySource::new(&self.values[..], self.dim)?;
        let pool = CheckedPool::new(&Pool::new(&source), ctx)?;
        Ok((knn(&pool, 1, ctx)?, pool.facts().clone()))
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
        let signed = |(i, out): (usize, &mut [f32])| {
            let signs = stream.child(i as u64);
            let mut sum = vec![0.0; dim];
            for (j, row) in centered.chunks_exact(dim).enumerate() {
                let sign = if signs.bits((j / 64) as u64) >> (j % 64) & 1 == 0 { 1.0 } else { -1.0 };
                sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += sign * value);
            }
            out.iter_mut().zip(sum).for_each(|(out, value)| *out = (scale * value) as f32);
        };
        let mut noise = vec![0.0; count * dim];
        ctx.threads().install(|| noise.par_chunks_exact_mut(dim).enumerate().for_each(signed));
        Sample { rows: self.rows.clone(), dim, values: noise }
    }
}

fn structure(
    sampled: &Sample,
    norm_mean: f64,
    graph: &KnnGraph,
    stream: Stream,
    ctx: &mut Context,
) -> Result<Option<f64>, Error> {
    if sampled.rows.len() < LEAST {
        return Ok(None);
    }
    let (noise, _) = sampled.noise(stream, ctx).nearest(ctx)?;
    let mean = |graph: &KnnGraph| super::standing::mean(graph.sq_dists.iter().map(|sq_dist| sq_dist.sqrt()));
    let (found, by_chance) = (mean(graph), mean(&noise));
    // Rows that are all the same differ from their mean by its rounding.
    Ok((by_chance > 1e-6 * norm_mean).then(|| found / by_chance))
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
