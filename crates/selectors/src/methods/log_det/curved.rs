//! Similarities that are no inner products of features one could write down: each row's Cholesky row is worked out entry
//! by entry, `c_jt = (K_js - sum_k<t c_jk c_sk) / l_t` for pick `s` at `t`, and kept as far as it went.

use subsel_kernels::{Block, Kernels, Rows};

use super::{Driver, FIRST_STEP, Left, LogDet, MOST_STEP, PASS_GAIN, Volume, ZERO};
use crate::Error;
use crate::context::Context;
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::scan;
use crate::shrinking::{Known, Shrinking};

/// Entries kept of all rows, at most: 256 MiB. When they would be more, all are dropped and worked out again where
/// needed, to the same bits.
const MOST_KEPT: usize = 32 << 20;

/// How alike rows are.
#[derive(Clone, Copy)]
pub(super) enum Curve {
    /// The square of the cosine; of rows as given.
    SquaredCosine,
    /// `exp(-distance^2 * this)`; of rows that are scaled already.
    Gaussian(f64),
}

/// What is left of each row, and the Cholesky rows worked out so far.
pub(super) struct Curved<'p> {
    pool: &'p CheckedPool<'p>,
    jitter: f64,
    /// What is left of each row.
    left: Vec<Left>,
    /// The entries of each row: as many as it has seen, fewer where they were dropped.
    kept: Vec<Vec<f64>>,
    /// Entries in `kept`.
    n_kept: usize,
    most_kept: usize,
    taken: Taken,
    refreshed: usize,
    work: f64,
    driver: Driver,
    buffers: Buffers,
}

/// What was taken: the values, `(t, d)`, what cosines divide by, and the factor's rows, each with its diagonal last.
struct Taken {
    curve: Curve,
    values: Vec<f32>,
    scales: Vec<f64>,
    factor: Vec<Vec<f64>>,
}

/// Buffers of one worker.
#[derive(Default)]
struct Buffers {
    scratch: Block,
    wide: Vec<f32>,
    row: Vec<f64>,
    kernel: Vec<f64>,
    entries: Vec<f64>,
}

impl Curve {
    fn own(self, sq_norm: f64) -> f64 {
        match self {
            Curve::SquaredCosine => f64::from(sq_norm > 0.0),
            Curve::Gaussian(_) => 1.0,
        }
    }

    fn scale(self, sq_norm: f64) -> f64 {
        match self {
            Curve::SquaredCosine if sq_norm > 0.0 => 1.0 / sq_norm.sqrt(),
            _ => 0.0,
        }
    }
}

impl Taken {
    fn len(&self) -> usize {
        self.factor.len()
    }

    /// Similarities of `x` to the rows taken from number `from` to `to`, into `buffers.kernel`.
    fn similarities(&self, kernels: Kernels, x: &[f32], scale: f64, from: usize, to: usize, buffers: &mut Buffers) {
        let dim = x.len();
        let values = &self.values[from * dim..to * dim];
        buffers.kernel.resize(to - from, 0.0);
        let out = &mut buffers.kernel;
        match self.curve {
            Curve::Gaussian(by) => {
                kernels.sq_dists(x, values, out);
                out.iter_mut().for_each(|v| *v = libm::exp(-(*v * by)));
            }
            Curve::SquaredCosine => {
                buffers.row.clear();
                buffers.row.extend(x.iter().map(|v| f64::from(*v)));
                kernels.dots_rows(Rows::from_f32(values, dim), &buffers.row, out);
                for (v, other) in out.iter_mut().zip(&self.scales[from..to]) {
                    let cosine = *v * (scale * other);
                    *v = cosine * cosine;
                }
            }
        }
    }

    /// Extends the entries of row `x` in `buffers.entries`, and takes off the squares of those not seen yet, until all
    /// are seen or less than `stop_below` is left. Gives the multiply-adds it took.
    fn extend(
        &self,
        kernels: Kernels,
        x: &[f32],
        scale: f64,
        left: &mut Left,
        stop_below: f64,
        buffers: &mut Buffers,
    ) -> usize {
        let (mut step, mut work) = (FIRST_STEP, 0);
        while buffers.entries.len() < self.len() && left.rest >= stop_below {
            let from = buffers.entries.len();
            let to = (from + step).min(self.len());
            step = (step * 2).min(MOST_STEP);
            self.similarities(kernels, x, scale, from, to, buffers);
            for t in from..to {
                let (row, diagonal) = (&self.factor[t][..t], self.factor[t][t]);
                let mut explained = [0.0];
                kernels.dots(&buffers.entries, row, &mut explained);
                let entry = (buffers.kernel[t - from] - explained[0]) / diagonal;
                buffers.entries.push(entry);
                if t >= left.seen as usize {
                    left.rest = (left.rest - entry * entry).max(0.0);
                    left.seen = t as u32 + 1;
                }
            }
            work += (to - from) * (x.len() + to);
        }
        work
    }
}

impl<'p> Curved<'p> {
    /// Before anything is taken.
    pub(super) fn new(pool: &'p CheckedPool<'p>, curve: Curve, settings: &LogDet, budget: usize) -> Self {
        let left = pool.sq_norms().iter().enumerate().map(|(row, sq_norm)| match pool.is_candidate(row) {
            true => Left { rest: curve.own(*sq_norm) + settings.jitter, seen: 0 },
            false => Left::OUT,
        });
        Curved {
            pool,
            jitter: settings.jitter,
            left: left.collect(),
            kept: vec![Vec::new(); pool.len()],
            n_kept: 0,
            most_kept: MOST_KEPT.min(pool.len() * (budget + pool.labeled().len())),
            taken: Taken { curve, values: Vec::new(), scales: Vec::new(), factor: Vec::new() },
            refreshed: 0,
            work: 0.0,
            driver: settings.driver,
            buffers: Buffers::default(),
        }
    }

    #[cfg(test)]
    pub(super) fn keeping(self, most_kept: usize) -> Self {
        Curved { most_kept, ..self }
    }

    fn floor(&self, row: usize) -> f64 {
        2.0 * self.jitter + ZERO * self.own(row)
    }

    /// Keeps the entries of a row, unless all are too many: then none are kept.
    fn keep(&mut self, row: usize, entries: &[f64]) {
        let more = entries.len() - self.kept[row].len();
        if self.n_kept + more > self.most_kept {
            self.kept.iter_mut().for_each(|kept| *kept = Vec::new());
            self.n_kept = 0;
            return;
        }
        self.n_kept += more;
        self.kept[row].reserve_exact(more);
        let had = self.kept[row].len();
        self.kept[row].extend_from_slice(&entries[had..]);
    }

    /// Work of so many picks.
    pub(super) fn plan(shape: &Shape, budget: usize, is_full: bool) -> Work {
        let (n, d, b) = (shape.n as f64, shape.dim as f64, budget as f64);
        let taken = budget + shape.labeled;
        // Rows' entries grow piece by piece, which leaves holes between them: a quarter, to be sure.
        let kept = 10 * MOST_KEPT.min(shape.n * taken);
        let factor = 2 * taken * (4 * shape.dim + 40) + 4 * taken * (taken + 1);
        let block = 4 * shape.block_rows.min(shape.n) * shape.dim + 8 * (shape.dim + 2 * taken + MOST_STEP);
        Work {
            passes: if is_full { b } else { b / 24.0 },
            gathered: 8.0 * b,
            panel_ops: 0.0,
            canonical_ops: n * b * (d + taken as f64) / shape.threads as f64,
            bytes: (shape.n * (size_of::<Left>() + 8 + size_of::<Vec<f64>>()) + kept + factor + shape.threads * block)
                as u64,
        }
    }
}

impl Volume for Curved<'_> {
    fn left(&self) -> &[Left] {
        &self.left
    }

    fn own(&self, row: usize) -> f64 {
        self.taken.curve.own(self.pool.sq_norms()[row])
    }
}

impl Shrinking for Curved<'_> {
    fn tighten(&mut self, ctx: &Context, rows: &[usize], stop_below: f64, known: &mut Vec<Known>) -> Result<(), Error> {
        let mut buffers = std::mem::take(&mut self.buffers);
        let (dim, total) = (self.pool.dim(), self.taken.len());
        if rows.iter().any(|&row| (self.left[row].seen as usize) < total) {
            self.pool.gather_f32(ctx, rows, &mut buffers.scratch, &mut buffers.wide)?;
        }
        let wide = std::mem::take(&mut buffers.wide);
        for (i, &row) in rows.iter().enumerate() {
            let mut left = self.left[row];
            let mut work = 0;
            if (left.seen as usize) < total {
                let scale = self.taken.curve.scale(self.pool.sq_norms()[row]);
                buffers.entries.clear();
                buffers.entries.extend_from_slice(&self.kept[row]);
                let x = &wide[i * dim..(i + 1) * dim];
                work = self.taken.extend(ctx.kernels(), x, scale, &mut left, stop_below, &mut buffers);
                self.keep(row, &buffers.entries);
            }
            let found = left.known(total, self.floor(row), stop_below);
            if found.value.is_none_or(|value| value <= stop_below) {
                self.work += work as f64;
            }
            self.left[row] = left;
            known.push(found);
        }
        buffers.wide = wide;
        self.buffers = buffers;
        Ok(())
    }

    /// Adds a row to the factor, unless what is left of it counts as nothing.
    fn add(&mut self, ctx: &Context, row: usize) -> Result<(), Error> {
        let mut buffers = std::mem::take(&mut self.buffers);
        self.pool.gather_f32(ctx, &[row], &mut buffers.scratch, &mut buffers.wide)?;
        let wide = std::mem::take(&mut buffers.wide);
        let (own, scale) = (self.own(row), self.taken.curve.scale(self.pool.sq_norms()[row]));
        let mut left = Left { rest: own + self.jitter, seen: 0 };
        buffers.entries.clear();
        self.taken.extend(ctx.kernels(), &wide, scale, &mut left, 0.0, &mut buffers);
        if left.rest > self.floor(row) {
            let mut entries = Vec::with_capacity(buffers.entries.len() + 1);
            entries.extend_from_slice(&buffers.entries);
            entries.push(left.rest.sqrt());
            self.taken.factor.push(entries);
            self.taken.values.extend_from_slice(&wide);
            self.taken.scales.push(scale);
        }
        self.left[row] = Left::OUT;
        self.n_kept -= self.kept[row].len();
        self.kept[row] = Vec::new();
        buffers.wide = wide;
        self.buffers = buffers;
        Ok(())
    }

    fn wants_refresh(&self) -> bool {
        let new = (self.taken.len() - self.refreshed) as f64;
        let pass = (self.pool.len() * (self.pool.dim() + self.taken.len())) as f64;
        let fits = self.pool.len() * self.taken.len() <= self.most_kept;
        match self.driver {
            Driver::Full => new > 0.0,
            // A pass that cannot keep what it works out is no help to the next.
            Driver::Lazy => new > 0.0 && fits && PASS_GAIN * self.work > pass * (new + 4.0),
        }
    }

    fn refresh(&mut self, ctx: &Context, bounds: &mut [f64]) -> Result<(), Error> {
        let (pool, dim, taken) = (self.pool, self.pool.dim(), &self.taken);
        let fits = pool.len() * taken.len() <= self.most_kept;
        if !fits {
            self.kept.iter_mut().for_each(|kept| *kept = Vec::new());
        }
        let mut state: Vec<(&mut Left, &mut Vec<f64>)> = self.left.iter_mut().zip(&mut self.kept).collect();
        scan::for_rows(pool, ctx, &mut state, Buffers::default, |buffers, block, state| {
            let mut wide = std::mem::take(&mut buffers.wide);
            wide.resize(block.rows.len() * dim, 0.0);
            ctx.kernels().widen(block.rows, &mut wide);
            for ((values, (left, kept)), row) in wide.chunks_exact(dim).zip(state).zip(block.range()) {
                if left.rest < 0.0 {
                    continue;
                }
                let scale = taken.curve.scale(pool.sq_norms()[row]);
                buffers.entries.clear();
                buffers.entries.extend_from_slice(kept);
                taken.extend(ctx.kernels(), values, scale, left, 0.0, buffers);
                if fits {
                    kept.reserve_exact(buffers.entries.len() - kept.len());
                    let had = kept.len();
                    kept.extend_from_slice(&buffers.entries[had..]);
                }
            }
            buffers.wide = wide;
            Ok(())
        })?;
        drop(state);
        self.n_kept = self.kept.iter().map(Vec::len).sum();
        bounds.iter_mut().zip(&self.left).for_each(|(bound, left)| *bound = bound.min(left.bound()));
        (self.refreshed, self.work) = (self.taken.len(), 0.0);
        Ok(())
    }
}
