//! Similarities that are inner products of features: `f = x`, `x / |x|`, or `(1, x / |x|) / sqrt 2` for the shifted
//! cosine. Entry `t` of a row's Cholesky row is then the product of its feature with one vector, so that no entry needs
//! those before it and none is kept.

use subsel_kernels::Block;

use super::{Driver, FIRST_STEP, Left, LogDet, MOST_STEP, PASS_GAIN, Similarity, Volume, ZERO};
use crate::Error;
use crate::context::Context;
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::scan;
use crate::shrinking::{Known, Shrinking};

/// Directions allocated together, so that no buffer ever has twice the room it needs.
const TOGETHER: usize = 64;

/// Inner products, and what is left of each row.
pub(super) struct Linear<'p> {
    pool: &'p CheckedPool<'p>,
    features: Features,
    jitter: f64,
    left: Vec<Left>,
    directions: Directions,
    /// Directions that all rows account for at least.
    refreshed: usize,
    /// Multiply-adds of row-by-row work since then.
    work: f64,
    driver: Driver,
    buffers: Buffers,
}

/// How rows become features: `(constant, slope * x / |x|)`, or `x` itself.
#[derive(Clone, Copy)]
struct Features {
    constant: f64,
    slope: f64,
    is_raw: bool,
}

impl Features {
    fn of(similarity: Similarity) -> Self {
        match similarity {
            Similarity::Shifted => Features { constant: 0.5f64.sqrt(), slope: 0.5f64.sqrt(), is_raw: false },
            Similarity::Dot => Features { constant: 0.0, slope: 1.0, is_raw: true },
            _ => Features { constant: 0.0, slope: 1.0, is_raw: false },
        }
    }

    /// What a row is multiplied by; 0 for a zero row, which has no direction.
    fn scale(&self, sq_norm: f64) -> f64 {
        match self.is_raw {
            true => 1.0,
            false if sq_norm > 0.0 => self.slope / sq_norm.sqrt(),
            false => 0.0,
        }
    }

    /// Similarity of a row to itself. A cosine is 1 here, not what rounding makes of it: the first picks tie by it.
    fn own(&self, sq_norm: f64) -> f64 {
        match self.is_raw {
            true => sq_norm,
            false if self.constant > 0.0 => 0.5 + 0.5 * f64::from(sq_norm > 0.0),
            false => f64::from(sq_norm > 0.0),
        }
    }
}

/// Vectors `q_t` in feature space: their first value and the others, `(t, d)` in parts of [`TOGETHER`].
#[derive(Default)]
struct Directions {
    constants: Vec<f64>,
    parts: Vec<Vec<f64>>,
}

impl Directions {
    fn len(&self) -> usize {
        self.constants.len()
    }

    fn push(&mut self, constant: f64, values: &[f64]) {
        if self.len().is_multiple_of(TOGETHER) {
            self.parts.push(Vec::with_capacity(TOGETHER * values.len()));
        }
        self.constants.push(constant);
        if let Some(part) = self.parts.last_mut() {
            part.extend_from_slice(values);
        }
    }

    /// Where the run from `from` of at most `step` directions ends that lies in one part.
    fn end(&self, from: usize, step: usize) -> usize {
        (from + step).min(self.len()).min((from / TOGETHER + 1) * TOGETHER)
    }

    /// The values of a run that lies in one part.
    fn run(&self, from: usize, to: usize, dim: usize) -> &[f64] {
        let first = from / TOGETHER * TOGETHER;
        &self.parts[from / TOGETHER][(from - first) * dim..(to - first) * dim]
    }
}

/// Buffers of one worker.
#[derive(Default)]
struct Buffers {
    scratch: Block,
    wide: Vec<f32>,
    row: Vec<f64>,
    products: Vec<f64>,
}

impl Buffers {
    fn load(&mut self, row: &[f32]) {
        self.row.clear();
        self.row.extend(row.iter().map(|v| f64::from(*v)));
    }
}

/// What a row's work needs besides its own state.
#[derive(Clone, Copy)]
struct Basis<'b> {
    ctx: &'b Context,
    directions: &'b Directions,
    features: Features,
}

impl Basis<'_> {
    /// Entries `from..to`, in one part, of the row in `row` times `scale`, into `entries`.
    fn entries(&self, row: &[f64], constant: f64, scale: f64, from: usize, to: usize, entries: &mut [f64]) {
        self.ctx.kernels().dots(row, self.directions.run(from, to, row.len()), entries);
        for (entry, first) in entries.iter_mut().zip(&self.directions.constants[from..to]) {
            *entry = constant * first + scale * *entry;
        }
    }

    /// Takes off the squares of entries not seen yet until all are seen or less than `stop_below` is left. The row's
    /// values are in `buffers.row`.
    fn subtract(&self, left: &mut Left, scale: f64, stop_below: f64, buffers: &mut Buffers) {
        let mut step = FIRST_STEP;
        while (left.seen as usize) < self.directions.len() && left.rest >= stop_below {
            let from = left.seen as usize;
            let to = self.directions.end(from, step);
            step = (step * 2).min(MOST_STEP);
            buffers.products.resize(to - from, 0.0);
            self.entries(&buffers.row, self.features.constant, scale, from, to, &mut buffers.products);
            left.rest = buffers.products.iter().fold(left.rest, |rest, entry| rest - entry * entry).max(0.0);
            left.seen = to as u32;
        }
    }
}

impl<'p> Linear<'p> {
    /// Before anything is taken.
    pub(super) fn new(pool: &'p CheckedPool<'p>, settings: &LogDet) -> Self {
        let features = Features::of(settings.similarity);
        let mean = pool.sq_norms().iter().sum::<f64>() / pool.len() as f64;
        let jitter = settings.jitter * if features.is_raw { mean } else { 1.0 };
        let left = pool.sq_norms().iter().enumerate().map(|(row, sq_norm)| match pool.is_candidate(row) {
            true => Left { rest: features.own(*sq_norm) + jitter, seen: 0 },
            false => Left::OUT,
        });
        Linear {
            pool,
            features,
            jitter,
            left: left.collect(),
            directions: Directions::default(),
            refreshed: 0,
            work: 0.0,
            driver: settings.driver,
            buffers: Buffers::default(),
        }
    }

    fn basis<'b>(&'b self, ctx: &'b Context) -> Basis<'b> {
        Basis { ctx, directions: &self.directions, features: self.features }
    }

    /// Work of so many picks.
    pub(super) fn plan(shape: &Shape, budget: usize, is_full: bool) -> Work {
        let (n, d, b) = (shape.n as f64, shape.dim as f64, budget as f64);
        let taken = budget + shape.labeled;
        // Directions end with the rank, or little later where jitter blurs it.
        let rank = taken.min(shape.dim + 1) as f64;
        let parts = taken.next_multiple_of(TOGETHER) * (8 * shape.dim + 8);
        let block = shape.block_rows.min(shape.n) * 4 + 8 + 8 * MOST_STEP;
        Work {
            passes: if is_full { b } else { b / 24.0 },
            // At first rows of one length are alike, so that most come up.
            gathered: 8.0 * b + 2.0 * n,
            panel_ops: 0.0,
            // A row in the end accounts for every direction, or is dismissed by some; passes are shared by threads.
            canonical_ops: n * d * rank / shape.threads as f64 + rank * rank * d,
            bytes: (shape.n * (size_of::<Left>() + 8) + parts + shape.threads * block * shape.dim) as u64,
        }
    }
}

impl Volume for Linear<'_> {
    fn left(&self) -> &[Left] {
        &self.left
    }

    fn own(&self, row: usize) -> f64 {
        self.features.own(self.pool.sq_norms()[row])
    }
}

impl Shrinking for Linear<'_> {
    fn tighten(&mut self, ctx: &Context, rows: &[usize], stop_below: f64, known: &mut Vec<Known>) -> Result<(), Error> {
        let mut buffers = std::mem::take(&mut self.buffers);
        let (dim, total) = (self.pool.dim(), self.directions.len());
        if rows.iter().any(|&row| (self.left[row].seen as usize) < total) {
            self.pool.gather_f32(ctx, rows, &mut buffers.scratch, &mut buffers.wide)?;
        }
        for (i, &row) in rows.iter().enumerate() {
            let (mut left, sq_norm) = (self.left[row], self.pool.sq_norms()[row]);
            let seen = left.seen as usize;
            if seen < total {
                let wide = std::mem::take(&mut buffers.wide);
                buffers.load(&wide[i * dim..(i + 1) * dim]);
                buffers.wide = wide;
                self.basis(ctx).subtract(&mut left, self.features.scale(sq_norm), stop_below, &mut buffers);
            }
            let work = (left.seen as usize - seen) * dim;
            let found = left.known(total, 2.0 * self.jitter + ZERO * self.features.own(sq_norm), stop_below);
            // Work that ends in a pick is not wasted: only rejected rows could have been spared by a refresh.
            if found.value.is_none_or(|value| value <= stop_below) {
                self.work += work as f64;
            }
            self.left[row] = left;
            known.push(found);
        }
        self.buffers = buffers;
        Ok(())
    }

    /// Adds the direction of what is left of a row, unless that counts as nothing.
    fn add(&mut self, ctx: &Context, row: usize) -> Result<(), Error> {
        let mut buffers = std::mem::take(&mut self.buffers);
        self.pool.gather_f32(ctx, &[row], &mut buffers.scratch, &mut buffers.wide)?;
        let sq_norm = self.pool.sq_norms()[row];
        let (own, scale) = (self.features.own(sq_norm), self.features.scale(sq_norm));
        let kernels = ctx.kernels();
        let mut direction: Vec<f64> = buffers.wide.iter().map(|v| f64::from(*v) * scale).collect();
        let mut constant = self.features.constant;
        let mut rest = own + self.jitter;
        // Without jitter directions are orthonormal, and a second projection keeps them so.
        for lap in 0..if self.jitter == 0.0 { 2 } else { 1 } {
            let (row, first) = (direction.clone(), constant);
            let mut from = 0;
            while from < self.directions.len() {
                let to = self.directions.end(from, TOGETHER);
                buffers.products.resize(to - from, 0.0);
                self.basis(ctx).entries(&row, first, 1.0, from, to, &mut buffers.products);
                let values = self.directions.run(from, to, row.len()).chunks_exact(row.len());
                let parts = buffers.products.iter().zip(values).zip(&self.directions.constants[from..to]);
                for ((entry, values), first) in parts {
                    kernels.subtract_scaled(&mut direction, *entry, values);
                    constant -= entry * first;
                    rest -= entry * entry;
                }
                from = to;
            }
            if lap == 1 {
                let mut sq_norm = [0.0];
                kernels.dots(&direction, &direction, &mut sq_norm);
                rest = sq_norm[0] + constant * constant;
            }
        }
        if rest > 2.0 * self.jitter + ZERO * own {
            let length = rest.sqrt();
            direction.iter_mut().for_each(|v| *v /= length);
            self.directions.push(constant / length, &direction);
        }
        self.left[row] = Left::OUT;
        self.buffers = buffers;
        Ok(())
    }

    fn wants_refresh(&self) -> bool {
        let new = (self.directions.len() - self.refreshed) as f64;
        let pass = (self.pool.len() * self.pool.dim()) as f64;
        match self.driver {
            Driver::Full => new > 0.0,
            // Reading the rows costs about as much as four directions.
            Driver::Lazy => new > 0.0 && PASS_GAIN * self.work > pass * (new + 4.0),
        }
    }

    fn refresh(&mut self, ctx: &Context, bounds: &mut [f64]) -> Result<(), Error> {
        let (pool, dim) = (self.pool, self.pool.dim());
        let basis = Basis { ctx, directions: &self.directions, features: self.features };
        scan::for_rows(pool, ctx, &mut self.left, Buffers::default, |buffers, block, left| {
            let mut wide = std::mem::take(&mut buffers.wide);
            wide.resize(block.rows.len() * dim, 0.0);
            ctx.kernels().widen(block.rows, &mut wide);
            for ((values, left), row) in wide.chunks_exact(dim).zip(left).zip(block.range()) {
                if left.rest >= 0.0 {
                    buffers.load(values);
                    basis.subtract(left, basis.features.scale(pool.sq_norms()[row]), 0.0, buffers);
                }
            }
            buffers.wide = wide;
            Ok(())
        })?;
        bounds.iter_mut().zip(&self.left).for_each(|(bound, left)| *bound = bound.min(left.bound()));
        (self.refreshed, self.work) = (self.directions.len(), 0.0);
        Ok(())
    }
}
