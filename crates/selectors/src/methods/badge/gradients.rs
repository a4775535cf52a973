//! Distances between gradients of the last layer, none of which is ever formed.

use std::ops::Range;

use subsel_kernels::{Block, Kernels};

use crate::Error;
use crate::context::Context;
use crate::outputs::Outputs;
use crate::plan::Shape;
use crate::pool::CheckedPool;
use crate::scan;
use crate::shrinking::{Known, Shrinking, TIE};

/// What is known of one row: 16 bytes.
#[derive(Clone, Copy, Debug)]
struct Near {
    /// Canonical squared distance to the nearest of the first `seen` picks; before there is one, the squared length.
    sq_dist: f64,
    /// Picks accounted for.
    seen: u32,
    /// Which of them is the nearest.
    pick: u32,
}

/// A gradient as its two factors: `error`, what the logits are to change by, and `row`, what the layer is given.
#[derive(Clone, Copy)]
struct Factors<'a> {
    error: &'a [f32],
    row: &'a [f32],
    sq_error: f64,
    sq_row: f64,
}

impl Factors<'_> {
    fn sq_length(&self) -> f64 {
        self.sq_error * self.sq_row
    }

    /// The squared distance of two outer products: that of `(a - b) (x) (h + k) / 2 + (a + b) / 2 (x) (h - k)`, which is their
    /// difference. Unlike the textbook's `|g|^2 + |g'|^2 - 2 (a.b)(h.k)` it is 0 for equal factors, and loses nothing
    /// where they are nearly equal.
    fn sq_dist(&self, other: &Factors<'_>, kernels: Kernels) -> f64 {
        // Factors of a gradient that is 0 are no part of it.
        if self.sq_length() == 0.0 || other.sq_length() == 0.0 {
            return self.sq_length() + other.sq_length();
        }
        let (mut errors, mut rows) = ([0.0], [0.0]);
        kernels.sq_dists(self.error, other.error, &mut errors);
        kernels.sq_dists(self.row, other.row, &mut rows);
        let mean_row = (2.0 * (self.sq_row + other.sq_row) - rows[0]) / 4.0;
        let mean_error = (2.0 * (self.sq_error + other.sq_error) - errors[0]) / 4.0;
        let cross = (self.sq_error - other.sq_error) * (self.sq_row - other.sq_row) / 2.0;
        (errors[0] * mean_row + mean_error * rows[0] + cross).max(0.0)
    }
}

/// Buffers for the gradient of one row.
#[derive(Default)]
struct Buffers {
    block: Block,
    row: Vec<f32>,
    error: Error32,
}

/// What the logits of a row are to change by.
#[derive(Default)]
struct Error32 {
    probabilities: Vec<(f64, f64)>,
    values: Vec<f32>,
}

impl Error32 {
    /// Probabilities less the likeliest class, and the squared length of that.
    fn of(&mut self, outputs: &Outputs, row: usize, kernels: Kernels) -> f64 {
        outputs.probabilities(row, 1.0, &mut self.probabilities);
        let guess = outputs.class_of(row);
        self.values.clear();
        self.values.extend(self.probabilities.iter().map(|(p, _)| *p as f32));
        // p - 1, without its rounding where the model is nearly certain.
        let others = self.probabilities.iter().enumerate().filter(|(class, _)| *class != guess);
        self.values[guess] = -others.map(|(_, (p, _))| p).sum::<f64>() as f32;
        let mut sq_length = [0.0];
        kernels.sq_norms_f32(&self.values, self.values.len(), &mut sq_length);
        sq_length[0]
    }
}

/// The gradients picked, as factors.
#[derive(Default)]
struct Picked {
    numbers: Vec<usize>,
    errors: Vec<f32>,
    rows: Vec<f32>,
    /// Squared lengths of both factors.
    squares: Vec<(f64, f64)>,
}

impl Picked {
    fn get(&self, pick: usize, classes: usize, dim: usize) -> Factors<'_> {
        let (sq_error, sq_row) = self.squares[pick];
        Factors {
            error: &self.errors[pick * classes..(pick + 1) * classes],
            row: &self.rows[pick * dim..(pick + 1) * dim],
            sq_error,
            sq_row,
        }
    }
}

/// Squared distances of gradients to the nearest picked one, brought up to date where needed.
///
/// All that is kept is canonical, so the bounds are as well.
pub(super) struct Gradients<'p> {
    pool: &'p CheckedPool<'p>,
    outputs: &'p Outputs,
    /// Length of each row's gradient.
    lengths: Vec<f64>,
    near: Vec<Near>,
    picked: Picked,
    /// Picks every row accounts for at least.
    refreshed: usize,
    /// Multiply-adds of row-by-row work since then.
    work: f64,
    buffers: Buffers,
}

/// What a probability costs, in multiply-adds, about; it only tunes when to refresh.
const EXP: usize = 16;

impl<'p> Gradients<'p> {
    /// Lengths; nothing is picked yet.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub(super) fn new(pool: &'p CheckedPool<'p>, outputs: &'p Outputs, ctx: &Context) -> Result<Self, Error> {
        let kernels = ctx.kernels();
        let mut lengths = vec![0.0; pool.len()];
        let step = |error: &mut Error32, rows: Range<usize>, lengths: &mut [f64]| {
            rows.zip(lengths).for_each(|(row, length)| {
                *length = (error.of(outputs, row, kernels) * pool.sq_norms()[row]).sqrt();
            });
            Ok(None::<()>)
        };
        scan::chunks(pool.len(), ctx, &mut lengths, Error32::default, step, |()| Ok(()))?;
        let near = lengths.iter().map(|length| Near { sq_dist: length * length, seen: 0, pick: 0 }).collect();
        let (picked, buffers) = (Picked::default(), Buffers::default());
        Ok(Gradients { pool, outputs, lengths, near, picked, refreshed: 0, work: 0.0, buffers })
    }

    /// Takes the first pick: from now on distances count, not lengths.
    pub(super) fn start(&mut self, ctx: &Context, row: usize) -> Result<(), Error> {
        self.near.iter_mut().for_each(|near| near.sq_dist = f64::INFINITY);
        self.add(ctx, row)?;
        self.bring_all_up_to_date(ctx)
    }

    /// The squared distances as they stand, 0 for rows out of play.
    pub(super) fn bounds(&self) -> Vec<f64> {
        let bound = |(row, near): (usize, &Near)| if self.pool.is_candidate(row) { near.sq_dist } else { 0.0 };
        self.near.iter().enumerate().map(bound).collect()
    }

    pub(super) fn length(&self, row: usize) -> f64 {
        self.lengths[row]
    }

    /// The picked row whose gradient is nearest to that of a row that is up to date, and its distance.
    pub(super) fn nearest(&self, row: usize) -> (usize, f64) {
        let near = self.near[row];
        (self.picked.numbers[near.pick as usize], near.sq_dist.sqrt())
    }

    /// Bytes for a pool of this shape and so many picks.
    pub(super) fn bytes(shape: &Shape, picks: usize) -> u64 {
        // Buffers of picks double as they grow.
        let pick = size_of::<usize>() + 16 + 4 * (shape.dim + shape.classes);
        let worker = 20 * shape.classes + 8 * shape.dim;
        (shape.n * (8 + size_of::<Near>()) + 2 * picks * pick + shape.threads * worker) as u64
    }

    /// Brings every candidate up to date by one pass.
    fn bring_all_up_to_date(&mut self, ctx: &Context) -> Result<(), Error> {
        let dim = self.pool.dim();
        let Gradients { pool, outputs, lengths, near, picked, .. } = self;
        let against = Against { outputs, picked, kernels: ctx.kernels(), dim };
        scan::for_rows(*pool, ctx, near, Buffers::default, |buffers, block, near| {
            buffers.row.resize(block.rows.len() * dim, 0.0);
            ctx.kernels().widen(block.rows, &mut buffers.row);
            for ((row, near), values) in block.range().zip(near).zip(buffers.row.chunks_exact(dim)) {
                if pool.is_candidate(row) {
                    let sq_row = pool.sq_norms()[row];
                    against.follow(row, (values, sq_row), lengths, 0.0, &mut buffers.error, near);
                }
            }
            Ok(())
        })?;
        self.refreshed = self.picked.numbers.len();
        self.work = 0.0;
        Ok(())
    }
}

/// What rows are brought up to date with.
struct Against<'a> {
    outputs: &'a Outputs,
    picked: &'a Picked,
    kernels: Kernels,
    dim: usize,
}

impl Against<'_> {
    /// Brings a row up to date as far as it takes for its squared distance to be below `stop_below`.
    fn follow(
        &self,
        row: usize,
        (values, sq_row): (&[f32], f64),
        lengths: &[f64],
        stop_below: f64,
        error: &mut Error32,
        near: &mut Near,
    ) {
        let mut sq_error = None;
        while (near.seen as usize) < self.picked.numbers.len() && near.sq_dist >= stop_below {
            let pick = near.seen as usize;
            near.seen += 1;
            // Two gradients are at least as far apart as their lengths differ.
            let gap = lengths[row] - lengths[self.picked.numbers[pick]];
            if gap * gap * (1.0 - TIE) >= near.sq_dist {
                continue;
            }
            let sq_error = *sq_error.get_or_insert_with(|| error.of(self.outputs, row, self.kernels));
            let own = Factors { error: &error.values, row: values, sq_error, sq_row };
            let sq_dist = own.sq_dist(&self.picked.get(pick, self.outputs.classes(), self.dim), self.kernels);
            if sq_dist < near.sq_dist {
                (near.sq_dist, near.pick) = (sq_dist, pick as u32);
            }
        }
    }
}

impl Shrinking for Gradients<'_> {
    fn tighten(&mut self, ctx: &Context, rows: &[usize], stop_below: f64, known: &mut Vec<Known>) -> Result<(), Error> {
        let (dim, total) = (self.pool.dim(), self.picked.numbers.len());
        for &row in rows {
            let mut near = self.near[row];
            if (near.seen as usize) < total {
                let Buffers { block, row: values, error } = &mut self.buffers;
                self.pool.gather_f32(ctx, &[row], block, values)?;
                let against = Against { outputs: self.outputs, picked: &self.picked, kernels: ctx.kernels(), dim };
                let sq_row = self.pool.sq_norms()[row];
                against.follow(row, (values, sq_row), &self.lengths, stop_below, error, &mut near);
                let classes = self.outputs.classes();
                let steps = (near.seen - self.near[row].seen) as usize;
                self.work += (EXP * classes + steps * (dim + classes)) as f64;
                self.near[row] = near;
            }
            let value = (near.seen as usize == total).then_some(near.sq_dist);
            known.push(Known { value, bound: near.sq_dist });
        }
        Ok(())
    }

    fn add(&mut self, ctx: &Context, row: usize) -> Result<(), Error> {
        let Buffers { block, row: values, error } = &mut self.buffers;
        self.pool.gather_f32(ctx, &[row], block, values)?;
        let sq_error = error.of(self.outputs, row, ctx.kernels());
        self.picked.numbers.push(row);
        self.picked.errors.extend_from_slice(&error.values);
        self.picked.rows.extend_from_slice(values);
        self.picked.squares.push((sq_error, self.pool.sq_norms()[row]));
        Ok(())
    }

    fn wants_refresh(&self) -> bool {
        let new = self.picked.numbers.len() - self.refreshed;
        let classes = self.outputs.classes();
        let pass = self.pool.len() * (EXP * classes + (new + 1) * (self.pool.dim() + classes));
        new > 0 && self.work > pass as f64
    }

    fn refresh(&mut self, ctx: &Context, bounds: &mut [f64]) -> Result<(), Error> {
        self.bring_all_up_to_date(ctx)?;
        for (bound, near) in bounds.iter_mut().zip(&self.near) {
            *bound = bound.min(near.sq_dist);
        }
        Ok(())
    }
}
