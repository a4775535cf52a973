//! The first pick of methods that go by distance, where nothing is labeled yet.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Error;
use crate::context::Context;
use crate::methods::random::draw_uniform;
use crate::pool::CheckedPool;
use crate::scan;

/// How the first row is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// Uniformly.
    #[default]
    Random,
    /// The row of largest Euclidean norm.
    MaxNorm,
    /// The row nearest to the mean of the pool.
    Medoid,
    /// This row.
    Row(usize),
}

impl Serialize for Start {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Start::Random => serializer.serialize_str("random"),
            Start::MaxNorm => serializer.serialize_str("max-norm"),
            Start::Medoid => serializer.serialize_str("medoid"),
            Start::Row(row) => serializer.serialize_u64(*row as u64),
        }
    }
}

impl<'de> Deserialize<'de> for Start {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Raw {
            Row(usize),
            Name(String),
        }
        match Raw::deserialize(deserializer)? {
            Raw::Row(row) => Ok(Start::Row(row)),
            Raw::Name(name) => match name.as_str() {
                "random" => Ok(Start::Random),
                "max-norm" => Ok(Start::MaxNorm),
                "medoid" => Ok(Start::Medoid),
                _ => Err(D::Error::custom("must be random, max-norm, medoid or a row number")),
            },
        }
    }
}

impl Start {
    /// Passes over the pool it takes.
    pub(crate) fn passes(self) -> f64 {
        if self == Start::Medoid { 2.0 } else { 0.0 }
    }

    /// The first row.
    ///
    /// # Errors
    /// [`Error::RowOutOfRange`] or [`Error::NotCandidate`] for a named row that cannot be picked.
    pub(crate) fn row(self, pool: &CheckedPool<'_>, ctx: &Context) -> Result<usize, Error> {
        let largest = |values: &[f64]| {
            pool.candidates().fold(None, |best: Option<usize>, row| match best {
                Some(best) if values[best] >= values[row] => Some(best),
                _ => Some(row),
            })
        };
        let found = match self {
            Start::Random => draw_uniform(pool, ctx.stream("start"), pool.candidates(), 1).first().map(|(_, row)| *row),
            Start::MaxNorm => largest(pool.sq_norms()),
            Start::Medoid => largest(&negative_sq_dists_to_mean(pool, ctx)?),
            Start::Row(number) => return named(pool, number),
        };
        // A selection is only run on a pool with candidates.
        found.ok_or(Error::EmptyPool)
    }
}

/// The row of this pool that the user knows by `number`.
fn named(pool: &CheckedPool<'_>, number: usize) -> Result<usize, Error> {
    let row = pool.local(number).ok_or_else(|| Error::RowOutOfRange {
        what: "`start`",
        row: number.to_string(),
        last: pool.global(pool.len() - 1),
    })?;
    if pool.is_candidate(row) { Ok(row) } else { Err(Error::NotCandidate { what: "`start`", row: number }) }
}

/// The squared distance of each row to the mean row, negative; canonical.
pub(crate) fn negative_sq_dists_to_mean(pool: &CheckedPool<'_>, ctx: &Context) -> Result<Vec<f64>, Error> {
    let mean = mean(pool, ctx)?;
    let mean: Vec<f32> = mean.iter().map(|v| *v as f32).collect();
    let mut negative = vec![0.0; pool.len()];
    scan::for_rows(pool, ctx, &mut negative, Vec::new, |wide, block, out| {
        wide.resize(block.rows.len() * mean.len(), 0.0);
        ctx.kernels().widen(block.rows, wide);
        ctx.kernels().sq_dists(&mean, wide, out);
        out.iter_mut().for_each(|v| *v = -*v);
        Ok(())
    })?;
    Ok(negative)
}

/// The mean row of the pool, summed by chunks in order, so the same for every block size and thread count.
pub(crate) fn mean(pool: &CheckedPool<'_>, ctx: &Context) -> Result<Vec<f64>, Error> {
    mean_of(pool, ctx, |_, v| v)
}

/// The mean of `of(column, value)` over the rows, for each column.
pub(crate) fn mean_of(
    pool: &CheckedPool<'_>,
    ctx: &Context,
    of: impl Fn(usize, f64) -> f64 + Sync,
) -> Result<Vec<f64>, Error> {
    let dim = pool.dim();
    let mut total = vec![0.0; dim];
    let mut state = vec![(); pool.len()];
    let step = |wide: &mut Vec<f32>, folded: Option<Vec<f64>>, block: scan::BlockAt<'_>, _: &mut [()]| {
        let mut sums = folded.unwrap_or_else(|| vec![0.0; dim]);
        wide.resize(block.rows.len() * dim, 0.0);
        ctx.kernels().widen(block.rows, wide);
        for row in wide.chunks_exact(dim) {
            sums.iter_mut().zip(row).enumerate().for_each(|(i, (sum, v))| *sum += of(i, f64::from(*v)));
        }
        Ok(sums)
    };
    scan::pass(pool, ctx, &mut state, Default::default, step, |sums: Vec<f64>| {
        total.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
        Ok(())
    })?;
    total.iter_mut().for_each(|v| *v /= pool.len() as f64);
    Ok(total)
}
