//! Norms of the parts of rows outside a growing span, without ever forming those parts.
//!
//! With an orthonormal basis `q_1..q_t` of the span, the squared residual of a row `F` is
//! `|F|^2 - sum_k (q_k . F)^2`; so one number per row stands for its residual vector, and it is brought up to date
//! from the directions it has not seen yet. Where this number has lost its digits to cancellation, the residual is
//! formed once to measure it.

use subsel_kernels::Block;

use crate::Error;
use crate::context::Context;
use crate::methods::norm::{NormName, PickRule};
use crate::plan::Shape;
use crate::pool::CheckedPool;
use crate::scan;
use crate::shrinking::{Known, Shrinking};

/// A residual counts as zero below this ratio of squared norms (a ratio of norms of 1e-5).
const ZERO: f64 = 1e-10;

/// Below this ratio the subtraction has lost too many digits and the residual is formed.
const CANCELED: f64 = 1e-6;

/// Slack of a bound against rounding in the subtraction, relative to the squared norm of the row.
const SLACK: f64 = 1.0 / (1u64 << 42) as f64;

/// Directions a row is compared with before asking whether it can be rejected already: the first few, then more each
/// time up to the most. A row whose number is old is mostly rejected by the first.
const FIRST_STEP: usize = 4;
const MOST_STEP: usize = 64;

/// How much dearer a direction is row by row than in a pass, about: the pass runs in parallel and reads rows in order.
/// Found by trying 2, 8 and 32; it only tunes when to refresh.
const PASS_GAIN: f64 = 16.0;

/// Directions projected out together.
const FEW: usize = 8;

/// What is known of one row: 16 bytes.
#[derive(Clone, Copy, Debug)]
struct Left {
    /// `|F|^2` less the squared products with the first `seen` directions; negative once known to be zero.
    sq_norm: f64,
    seen: u32,
}

/// Residual norms against the span of what was taken.
pub(super) struct Residuals<'p> {
    pool: &'p CheckedPool<'p>,
    norm: NormName,
    pick: PickRule,
    left: Vec<Left>,
    /// Orthonormal directions `(t, d)`.
    directions: Vec<f64>,
    labeled_rank: usize,
    /// Directions that all bounds account for at least.
    refreshed: usize,
    /// Multiply-adds of row-by-row work since then.
    work: f64,
    buffers: Buffers,
}

/// Buffers of one worker.
#[derive(Default)]
struct Buffers {
    scratch: Block,
    wide: Vec<f32>,
    row: Vec<f64>,
    products: Vec<f64>,
    rest: Vec<f64>,
}

impl Buffers {
    fn load(&mut self, row: &[f32]) {
        self.row.clear();
        self.row.extend(row.iter().map(|v| f64::from(*v)));
    }
}

/// The directions and what a row's work needs besides its own state.
#[derive(Clone, Copy)]
struct Basis<'b> {
    ctx: &'b Context,
    directions: &'b [f64],
    dim: usize,
    norm: NormName,
}

impl<'p> Residuals<'p> {
    /// Residuals against the span of the labeled rows.
    pub(super) fn new(pool: &'p CheckedPool<'p>, norm: NormName, pick: PickRule, ctx: &Context) -> Result<Self, Error> {
        let left = pool.sq_norms().iter().enumerate();
        let left = left.map(|(row, &sq)| Left { sq_norm: if pool.is_candidate(row) { sq } else { -1.0 }, seen: 0 });
        let mut residuals = Residuals {
            pool,
            norm,
            pick,
            left: left.collect(),
            directions: Vec::new(),
            labeled_rank: 0,
            refreshed: 0,
            work: 0.0,
            buffers: Buffers::default(),
        };
        for &row in pool.labeled() {
            if residuals.span_is_whole() {
                break;
            }
            residuals.add(ctx, row)?;
        }
        residuals.labeled_rank = residuals.rank();
        Ok(residuals)
    }

    /// Number of directions.
    pub(super) fn rank(&self) -> usize {
        self.directions.len() / self.pool.dim()
    }

    /// Of these, how many the labeled rows span.
    pub(super) fn labeled_rank(&self) -> usize {
        self.labeled_rank
    }

    /// Whether there are as many directions as dimensions, so that nothing is left of any row.
    pub(super) fn span_is_whole(&self) -> bool {
        self.rank() >= self.pool.dim()
    }

    /// Upper bounds of the residual norms; 0 for rows out of play.
    pub(super) fn bounds(&self) -> Vec<f64> {
        let rows = self.left.iter().zip(self.pool.sq_norms());
        rows.map(|(left, &full)| self.norm.widest(left.bound(full), self.pool.dim())).collect()
    }

    /// Forgets the span and puts the rows `in_play` back to their full norms. Whether any of them is not zero.
    pub(super) fn restart(&mut self, in_play: &[bool]) -> bool {
        self.directions.clear();
        (self.refreshed, self.work) = (0, 0.0);
        for ((left, &sq), &is_in_play) in self.left.iter_mut().zip(self.pool.sq_norms()).zip(in_play) {
            *left = Left { sq_norm: if is_in_play { sq } else { -1.0 }, seen: 0 };
        }
        self.left.iter().any(|left| left.sq_norm > 0.0)
    }

    pub(super) fn bytes(shape: &Shape, budget: usize) -> u64 {
        let rank = (budget + shape.labeled).min(shape.dim);
        // Directions are pushed one by one, so their buffer may have twice the room.
        (shape.n * size_of::<Left>() + 2 * rank * shape.dim * 8 + 256 * shape.dim * 8) as u64
    }
}

impl NormName {
    /// The largest value this norm of a vector can have, given its Euclidean norm.
    fn widest(self, l2: f64, dim: usize) -> f64 {
        match self {
            // Cauchy-Schwarz; the factor pays for the rounding of the root and the product.
            NormName::L1 => l2 * (dim as f64).sqrt() * (1.0 + 4.0 * f64::EPSILON),
            NormName::L2 | NormName::Linf => l2,
        }
    }

    /// Whether this norm is the Euclidean one, for which the subtraction suffices.
    fn is_l2(self) -> bool {
        self == NormName::L2
    }
}

impl Left {
    /// An upper bound of the Euclidean norm of the residual; 0 once it counts as zero.
    fn bound(&self, full: f64) -> f64 {
        if self.sq_norm < 0.0 { 0.0 } else { (self.sq_norm + full * SLACK).sqrt() }
    }
}

impl Basis<'_> {
    fn len(&self) -> usize {
        self.directions.len() / self.dim
    }

    fn slice(&self, from: usize, to: usize) -> &[f64] {
        &self.directions[from * self.dim..to * self.dim]
    }

    /// Subtracts the squared products with the directions not seen yet from a row's number, until all are seen or the
    /// norm is certainly below `stop_below`. The row's values are in `buffers.row`.
    fn subtract(&self, left: &mut Left, full: f64, stop_below: f64, buffers: &mut Buffers) {
        let mut step = FIRST_STEP;
        while (left.seen as usize) < self.len() && self.norm.widest(left.bound(full), self.dim) >= stop_below {
            let from = left.seen as usize;
            let to = (from + step).min(self.len());
            step = (step * 2).min(MOST_STEP);
            buffers.products.resize(to - from, 0.0);
            self.ctx.kernels().dots(&buffers.row, self.slice(from, to), &mut buffers.products);
            let rest = buffers.products.iter().fold(left.sq_norm, |rest, product| rest - product * product);
            // Only a measured residual counts as zero; a difference below zero is rounding.
            left.sq_norm = rest.max(0.0);
            left.seen = to as u32;
        }
    }

    /// Forms the residual of the row in `buffers.row` into `buffers.rest`: a few directions at a time, each time against
    /// what is left, so that the directions come through the first-level cache once.
    fn form(&self, buffers: &mut Buffers) {
        let kernels = self.ctx.kernels();
        let Buffers { row, rest, products, .. } = buffers;
        rest.clone_from(row);
        for few in self.directions.chunks(FEW * self.dim) {
            products.resize(few.len() / self.dim, 0.0);
            kernels.dots(rest, few, products);
            for (product, direction) in products.iter().zip(few.chunks_exact(self.dim)) {
                kernels.subtract_scaled(rest, *product, direction);
            }
        }
    }

    /// The norm of the residual of a row that has seen all directions; notes it where it counts as zero.
    fn value(&self, left: &mut Left, full: f64, buffers: &mut Buffers) -> f64 {
        let canceled = left.sq_norm < CANCELED * full;
        if left.sq_norm >= 0.0 && (canceled || !self.norm.is_l2()) {
            self.form(buffers);
        }
        let mut sq_norm = left.sq_norm;
        if canceled && left.sq_norm >= 0.0 {
            let mut measured = [0.0];
            self.ctx.kernels().dots(&buffers.rest, &buffers.rest, &mut measured);
            sq_norm = measured[0];
        }
        if sq_norm <= ZERO * full {
            left.sq_norm = -1.0;
            return 0.0;
        }
        match self.norm {
            NormName::L2 => sq_norm.sqrt(),
            NormName::L1 => buffers.rest.iter().map(|v| v.abs()).sum(),
            NormName::Linf => buffers.rest.iter().fold(0.0, |most: f64, v| most.max(v.abs())),
        }
    }

    /// Brings one row up to date; its values are in `buffers.row`.
    fn tighten(&self, left: &mut Left, full: f64, stop_below: f64, buffers: &mut Buffers) -> Known {
        self.subtract(left, full, stop_below, buffers);
        let done = left.seen as usize == self.len();
        let bound = self.norm.widest(left.bound(full), self.dim);
        if !done || bound < stop_below {
            return Known { value: None, bound };
        }
        let value = self.value(left, full, buffers);
        Known { value: Some(value), bound: self.norm.widest(left.bound(full), self.dim) }
    }
}

impl Shrinking for Residuals<'_> {
    fn tighten(&mut self, ctx: &Context, rows: &[usize], stop_below: f64, known: &mut Vec<Known>) -> Result<(), Error> {
        let dim = self.pool.dim();
        let basis = Basis { ctx, directions: &self.directions, dim, norm: self.norm };
        let buffers = &mut self.buffers;
        let mut wide = std::mem::take(&mut buffers.wide);
        self.pool.gather_f32(ctx, rows, &mut buffers.scratch, &mut wide)?;
        for (&row, values) in rows.iter().zip(wide.chunks_exact(dim)) {
            let left = &mut self.left[row];
            let seen = left.seen;
            buffers.load(values);
            let found = basis.tighten(left, self.pool.sq_norms()[row], stop_below, buffers);
            // Work that ends in a pick is not wasted: only rejected rows could have been spared by a refresh.
            if found.value.is_none_or(|value| value <= stop_below) {
                self.work += f64::from(left.seen - seen) * dim as f64;
            }
            known.push(found);
        }
        buffers.wide = wide;
        Ok(())
    }

    /// Orthonormalizes the row against the directions, twice ("twice is enough", Kahan and Parlett), and adds what is
    /// left as a direction, unless it counts as zero.
    fn add(&mut self, ctx: &Context, row: usize) -> Result<(), Error> {
        let buffers = &mut self.buffers;
        self.pool.gather_f32(ctx, &[row], &mut buffers.scratch, &mut buffers.wide)?;
        let values = std::mem::take(&mut buffers.wide);
        buffers.load(&values);
        buffers.wide = values;
        let basis = Basis { ctx, directions: &self.directions, dim: self.pool.dim(), norm: self.norm };
        for _ in 0..2 {
            basis.form(buffers);
            std::mem::swap(&mut buffers.row, &mut buffers.rest);
        }
        let mut sq_norm = [0.0];
        ctx.kernels().dots(&buffers.row, &buffers.row, &mut sq_norm);
        if sq_norm[0] > ZERO * self.pool.sq_norms()[row] {
            let length = sq_norm[0].sqrt();
            self.directions.extend(buffers.row.iter().map(|v| v / length));
        }
        self.left[row].sq_norm = -1.0;
        Ok(())
    }

    fn wants_refresh(&self) -> bool {
        let new = (self.rank() - self.refreshed) as f64;
        let pass = (self.pool.len() * self.pool.dim()) as f64;
        match self.pick {
            // Ski rental: at most twice the better of refreshing and not.
            PickRule::Drawn => self.work > pass * new && new > 0.0,
            // Rows of nearly the largest residual are many, and each is worked out again after every pick unless a
            // pass does it for all; reading the rows for it costs about as much as four directions.
            PickRule::Largest => PASS_GAIN * self.work > pass * (new + 4.0) && new > 0.0,
        }
    }

    /// By canonical sums, not products: drawing consumes randomness by its bounds, and a row of nearly the largest
    /// residual would have to be worked out canonically from its first direction otherwise.
    fn refresh(&mut self, ctx: &Context, bounds: &mut [f64]) -> Result<(), Error> {
        let (pool, norm) = (self.pool, self.norm);
        let basis = Basis { ctx, directions: &self.directions, dim: pool.dim(), norm };
        scan::for_rows(pool, ctx, &mut self.left, Buffers::default, |buffers, block, left| {
            let mut wide = std::mem::take(&mut buffers.wide);
            wide.resize(block.rows.len() * basis.dim, 0.0);
            ctx.kernels().widen(block.rows, &mut wide);
            for ((values, left), row) in wide.chunks_exact(basis.dim).zip(left).zip(block.range()) {
                if left.sq_norm >= 0.0 {
                    buffers.load(values);
                    basis.subtract(left, pool.sq_norms()[row], 0.0, buffers);
                }
            }
            buffers.wide = wide;
            Ok(())
        })?;
        for ((bound, left), &full) in bounds.iter_mut().zip(&self.left).zip(pool.sq_norms()) {
            *bound = bound.min(norm.widest(left.bound(full), pool.dim()));
        }
        (self.refreshed, self.work) = (self.rank(), 0.0);
        Ok(())
    }
}
