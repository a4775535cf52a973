//! What a seed draws of the pool: a sample of its rows, and those labeled at the start.

use subsel::{CheckedPool, Context, Draws, Pool};
use subsel_formats::MemorySource;
use subsel_kernels::Block;

use super::run::Given;
use super::setting::Arranged;
use crate::error::Error;
use crate::evaluator::Standard;

/// What a seed draws of the pool.
pub(super) struct Drawn {
    /// Rows of the sample by their numbers in the pool, ascending; none stands for all.
    rows: Option<Vec<usize>>,
    /// Their values.
    values: Vec<f32>,
    pub(super) dim: usize,
    /// Rows of the sample that are labeled at the start, by their numbers in it.
    pub(super) initial: Vec<usize>,
    /// Whether another seed draws another.
    pub(super) is_random: bool,
}

impl Drawn {
    pub(super) fn new(arranged: &Arranged, given: &Given<'_>, ctx: &Context) -> Result<Self, Error> {
        let n = given.pool.len();
        let mut draws = Draws::new(ctx.stream("comparison-pool"));
        let size = arranged.comparison.pool_size.filter(|size| *size < n);
        let rows = size.map(|size| draws.sample(n, size));
        let mut values = Vec::new();
        if let Some(rows) = &rows {
            given.pool.gather_f32(ctx, rows, &mut Block::default(), &mut values)?;
        }
        let len = size.unwrap_or(n);
        let mut draws = Draws::new(ctx.stream("comparison-initial"));
        let initial = draws.sample(len, arranged.comparison.initial);
        let is_random = rows.is_some() || !initial.is_empty();
        Ok(Drawn { rows, values, dim: given.pool.dim(), initial, is_random })
    }

    pub(super) fn source(&self) -> Result<MemorySource<&[f32]>, Error> {
        MemorySource::new(&self.values[..], self.dim).map_err(|error| subsel::Error::from(error).into())
    }

    /// The pool that methods pick from.
    pub(super) fn pool<'a>(
        &self,
        arranged: &Arranged,
        given: &Given<'a>,
        source: &'a MemorySource<&[f32]>,
        ctx: &mut Context,
    ) -> Result<CheckedPool<'a>, Error> {
        let mut pool = match &self.rows {
            None => given.pool.clone(),
            Some(rows) => {
                let known = given.pool.known().keep(rows);
                CheckedPool::new(&Pool { known, ..Pool::new(source) }, ctx)?
            }
        };
        if !arranged.comparison.show_labels {
            pool.forget_labels();
        }
        pool.label(&self.initial);
        Ok(pool)
    }

    /// The number in the whole pool of a row of the sample.
    pub(super) fn number(&self, row: usize) -> usize {
        self.rows.as_ref().map_or(row, |rows| rows[row])
    }

    pub(super) fn standard(&self, given: &Given<'_>, ctx: &Context) -> Result<Standard, Error> {
        match &self.rows {
            Some(_) => Ok(Standard::of_rows(&self.values, self.dim)),
            None => Ok(Standard::of_pool(given.pool, ctx)?),
        }
    }
}
