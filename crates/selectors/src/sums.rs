//! Sums of similarities, canonical: of every row to all rows, and to those taken. What methods are made of whose score
//! of a row may grow as others are picked, so that nothing lazy applies: each pick costs one pass.

use subsel_kernels::{Block, Rows};

use crate::Error;
use crate::context::{CHUNK_ROWS, Context};
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::scan;
use crate::selection::{Pick, Reason};
use crate::shrinking::TIE;
use crate::start;
use crate::unit::keeps_rows;

/// How alike two rows are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Alike {
    /// `constant + slope * x.y`: sums over rows need the sum of the rows only.
    Linear { constant: f64, slope: f64 },
    /// `exp(-(|x-y| / width)^2)`; holds `1 / width^2`.
    Gaussian(f64),
}

/// The sums of a pool while rows are taken.
pub(crate) struct Sums<'p> {
    pool: &'p CheckedPool<'p>,
    alike: Alike,
    /// To all rows of the pool, the row itself among them.
    pub(crate) to_all: Vec<f64>,
    /// To the rows taken.
    pub(crate) to_taken: Vec<f64>,
    pub(crate) taken: usize,
    /// Candidates not taken.
    open: Vec<bool>,
    block: Block,
    wide: Vec<f32>,
}

impl<'p> Sums<'p> {
    /// The sums to all rows, and to the labeled ones.
    ///
    /// # Errors
    /// Reading, interruption.
    fn new(pool: &'p CheckedPool<'p>, alike: Alike, ctx: &Context) -> Result<Self, Error> {
        let mut sums = Sums {
            pool,
            alike,
            to_all: to_all(pool, alike, ctx)?,
            to_taken: vec![0.0; pool.len()],
            taken: 0,
            open: (0..pool.len()).map(|row| pool.is_candidate(row)).collect(),
            block: Block::default(),
            wide: Vec::new(),
        };
        pool.labeled().iter().try_for_each(|&row| sums.take(row, ctx))?;
        Ok(sums)
    }

    /// Similarity of a row to itself.
    pub(crate) fn own(&self, row: usize) -> f64 {
        match self.alike {
            Alike::Linear { constant, slope } => constant + slope * self.pool.sq_norms()[row],
            Alike::Gaussian(_) => 1.0,
        }
    }

    /// The candidate of largest `score`, the lowest of equals, and its score; it is no candidate from now on.
    fn best(&mut self, score: impl Fn(&Self, usize) -> f64) -> Option<(usize, f64)> {
        let open = || (0..self.open.len()).filter(|&row| self.open[row]);
        let best = open().map(|row| score(self, row)).fold(f64::NEG_INFINITY, f64::max);
        let floor = best - best.abs() * TIE;
        let row = open().find(|&row| score(self, row) >= floor)?;
        self.open[row] = false;
        Some((row, score(self, row)))
    }

    /// Takes a row: one pass.
    ///
    /// # Errors
    /// Reading, interruption.
    fn take(&mut self, row: usize, ctx: &Context) -> Result<(), Error> {
        self.pool.gather_f32(ctx, &[row], &mut self.block, &mut self.wide)?;
        let (alike, taken) = (self.alike, &self.wide);
        let taken64: Vec<f64> = taken.iter().map(|v| f64::from(*v)).collect();
        scan::for_rows(self.pool, ctx, &mut self.to_taken, Worker::default, |worker, block, sums| {
            worker.values.resize(sums.len(), 0.0);
            match alike {
                Alike::Linear { .. } => ctx.kernels().dots_rows(block.rows, &taken64, &mut worker.values),
                Alike::Gaussian(_) => worker.sq_dists(ctx, block.rows, taken),
            }
            sums.iter_mut().zip(&worker.values).for_each(|(sum, value)| *sum += alike.of(*value));
            Ok(())
        })?;
        self.taken += 1;
        Ok(())
    }

    /// Picks the candidate of largest `score` again and again.
    ///
    /// # Errors
    /// Reading, interruption.
    pub(crate) fn pick(
        pool: &'p CheckedPool<'p>,
        alike: Alike,
        score: impl Fn(&Self, usize) -> f64,
        budget: usize,
        ctx: &mut Context,
        picks: &mut Vec<Pick>,
    ) -> Result<(), Error> {
        let mut sums = Sums::new(pool, alike, ctx)?;
        ctx.progress().begin("picking", budget as u64);
        while picks.len() < budget {
            ctx.go_on()?;
            let Some((row, value)) = sums.best(&score) else { break };
            if !ctx.take(pool, row)? {
                continue;
            }
            let (pool, taken) = (sums.to_all[row] / pool.len() as f64, sums.to_taken[row] / sums.taken.max(1) as f64);
            picks.push(Pick::new(row, value, Reason::Between { pool, taken }));
            if picks.len() < budget {
                sums.take(row, ctx)?;
            }
            ctx.progress().at(picks.len() as u64);
        }
        Ok(())
    }

    /// Work of so many picks and what comes before them.
    pub(crate) fn plan(shape: &Shape, is_linear: bool, budget: usize) -> Work {
        let (n, d, taken) = (shape.n as f64, shape.dim as f64, (budget + shape.labeled) as f64);
        let panel = CHUNK_ROWS.min(shape.n) * shape.dim * 4;
        let workers = shape.threads * shape.block_rows.min(shape.n) * (4 * shape.dim + 8);
        // Canonical work is shared by all threads here. An exponential costs about what 16 multiply-adds do.
        let all_pairs = if is_linear { 0.0 } else { n * n * (d + 16.0) };
        Work {
            // Scaling, widening and summing cost a pass what reading costs several times; scaled rows may be kept.
            passes: 2.0 + if keeps_rows(shape.n, shape.dim, shape.cache_bytes) { 2.0 } else { 4.0 } * taken,
            gathered: taken,
            canonical_ops: (all_pairs + n * d * (1.0 + taken)) / shape.threads as f64,
            bytes: 25 * shape.n as u64 + (panel + workers) as u64,
            ..Work::default()
        }
    }
}

impl Alike {
    /// The similarity of an inner product or a squared distance, whichever it goes by.
    fn of(self, value: f64) -> f64 {
        match self {
            Alike::Linear { constant, slope } => constant + slope * value,
            Alike::Gaussian(scale) => libm::exp(-(scale * value)),
        }
    }
}

/// Buffers of one worker.
#[derive(Default)]
struct Worker {
    wide: Vec<f32>,
    values: Vec<f64>,
}

impl Worker {
    fn sq_dists(&mut self, ctx: &Context, rows: Rows<'_>, x: &[f32]) {
        self.wide.resize(rows.len() * rows.dim(), 0.0);
        ctx.kernels().widen(rows, &mut self.wide);
        ctx.kernels().sq_dists(x, &self.wide, &mut self.values);
    }
}

fn to_all(pool: &CheckedPool<'_>, alike: Alike, ctx: &Context) -> Result<Vec<f64>, Error> {
    let (n, dim) = (pool.len(), pool.dim());
    let mut sums = vec![0.0; n];
    if let Alike::Linear { constant, slope } = alike {
        let mean = start::mean(pool, ctx)?;
        scan::for_rows(
            pool,
            ctx,
            &mut sums,
            || (),
            |(), block, sums| {
                ctx.kernels().dots_rows(block.rows, &mean, sums);
                sums.iter_mut().for_each(|sum| *sum = n as f64 * (constant + slope * *sum));
                Ok(())
            },
        )?;
        return Ok(sums);
    }
    let (mut block, mut panel, at_once) = (Block::default(), Vec::new(), ctx.block_rows(dim));
    for first in (0..n).step_by(CHUNK_ROWS) {
        let rows = first..(first + CHUNK_ROWS).min(n);
        panel.resize(rows.len() * dim, 0.0);
        for (start, part) in rows.clone().step_by(at_once).zip(panel.chunks_mut(at_once * dim)) {
            use subsel_formats::RowSource;
            let rows = pool.rows(start..(start + at_once).min(rows.end), &mut block)?;
            ctx.kernels().widen(rows, part);
        }
        ctx.progress().begin("comparing all pairs", n.div_ceil(CHUNK_ROWS) as u64);
        scan::for_rows(pool, ctx, &mut sums, Worker::default, |worker, block, sums| {
            worker.wide.resize(block.rows.len() * dim, 0.0);
            ctx.kernels().widen(block.rows, &mut worker.wide);
            worker.values.resize(panel.len() / dim, 0.0);
            for (x, sum) in worker.wide.chunks_exact(dim).zip(sums) {
                ctx.go_on()?;
                ctx.kernels().sq_dists(x, &panel, &mut worker.values);
                *sum += worker.values.iter().map(|value| alike.of(*value)).sum::<f64>();
            }
            Ok(())
        })?;
    }
    Ok(sums)
}
