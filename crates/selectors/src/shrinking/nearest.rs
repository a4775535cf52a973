//! The distance of every row to the nearest row taken: what k-center and k-means++ share.

use subsel_kernels::Block;

use super::{Known, Shrinking};
use crate::context::Context;
use crate::pool::CheckedPool;
use crate::scan;
use crate::Error;

/// What is known of one row: 16 bytes.
#[derive(Clone, Copy, Debug)]
struct Near {
    /// Canonical squared distance to the nearest of the first `seen` centers.
    sq_dist: f64,
    /// Centers accounted for.
    seen: u32,
    /// Which of them is the nearest.
    center: u32,
}

/// When a refresh is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefreshRule {
    /// When row-by-row work since the last one has cost what it costs.
    Paid,
    /// After every pick: the textbook's full pass.
    Always,
}

/// Squared distances to the nearest taken row, brought up to date where needed.
///
/// The value kept per row is always canonical, for the centers it accounts for; panel products only tell which pairs
/// cannot lower it. So the bounds are canonical as well.
pub(crate) struct Nearest<'p> {
    pool: &'p CheckedPool<'p>,
    near: Vec<Near>,
    /// Rows taken, labeled ones first, and their values `(t, d)`.
    rows: Vec<usize>,
    centers: Vec<f32>,
    /// Centers every row accounts for at least.
    refreshed: usize,
    /// Multiply-adds of row-by-row work since then.
    work: f64,
    rule: RefreshRule,
    scratch: Block,
    wide: Vec<f32>,
}

/// Panel products run this many times faster than canonical sums, about; it only tunes when to refresh.
const PANEL_GAIN: f64 = 8.0;

impl<'p> Nearest<'p> {
    /// Distances to nothing yet: infinite.
    pub(crate) fn new(pool: &'p CheckedPool<'p>, rule: RefreshRule) -> Self {
        let far = Near { sq_dist: f64::INFINITY, seen: 0, center: 0 };
        Nearest {
            pool,
            near: vec![far; pool.len()],
            rows: Vec::new(),
            centers: Vec::new(),
            refreshed: 0,
            work: 0.0,
            rule,
            scratch: Block::default(),
            wide: Vec::new(),
        }
    }

    /// The squared distances as they stand, 0 for rows out of play.
    pub(crate) fn bounds(&self) -> Vec<f64> {
        let bound = |(row, near): (usize, &Near)| if self.pool.is_candidate(row) { near.sq_dist } else { 0.0 };
        self.near.iter().enumerate().map(bound).collect()
    }

    /// The nearest taken row of a row that is up to date, and its distance.
    pub(crate) fn nearest(&self, row: usize) -> (usize, f64) {
        let near = self.near[row];
        (self.rows[near.center as usize], near.sq_dist.sqrt())
    }

    /// Takes several rows at once, such as the labeled ones.
    pub(crate) fn add_all(&mut self, ctx: &Context, rows: &[usize]) -> Result<(), Error> {
        rows.iter().try_for_each(|&row| self.add(ctx, row))
    }

    /// Brings every row up to date by one pass.
    pub(crate) fn bring_all_up_to_date(&mut self, ctx: &Context) -> Result<(), Error> {
        let (centers, dim, total) = (&self.centers, self.pool.dim(), self.rows.len());
        let kernels = ctx.kernels();
        scan::for_rows(self.pool, ctx, &mut self.near, Vec::new, |wide, block, near| {
            wide.resize(block.rows.len() * dim, 0.0);
            kernels.widen(block.rows, wide);
            for (x, near) in wide.chunks_exact(dim).zip(near) {
                for center in near.seen as usize..total {
                    let c = &centers[center * dim..(center + 1) * dim];
                    if let Some(sq_dist) = kernels.sq_dist_below(x, c, near.sq_dist) {
                        (near.sq_dist, near.center) = (sq_dist, center as u32);
                    }
                }
                near.seen = total as u32;
            }
            Ok(())
        })?;
        (self.refreshed, self.work) = (total, 0.0);
        Ok(())
    }

    /// Bytes for a pool of so many rows and so many taken.
    pub(crate) fn bytes(n: usize, dim: usize, taken: usize) -> u64 {
        (n * size_of::<Near>() + 2 * taken * (8 + 4 * dim)) as u64
    }
}

impl Shrinking for Nearest<'_> {
    fn tighten(&mut self, ctx: &Context, rows: &[usize], stop_below: f64, known: &mut Vec<Known>) -> Result<(), Error> {
        let (dim, total) = (self.pool.dim(), self.rows.len());
        if rows.iter().any(|&row| (self.near[row].seen as usize) < total) {
            self.pool.gather_f32(ctx, rows, &mut self.scratch, &mut self.wide)?;
        }
        for (i, &row) in rows.iter().enumerate() {
            let near = &mut self.near[row];
            while (near.seen as usize) < total && near.sq_dist >= stop_below {
                let center = near.seen as usize;
                let x = &self.wide[i * dim..(i + 1) * dim];
                let c = &self.centers[center * dim..(center + 1) * dim];
                if let Some(sq_dist) = ctx.kernels().sq_dist_below(x, c, near.sq_dist) {
                    (near.sq_dist, near.center) = (sq_dist, center as u32);
                }
                near.seen += 1;
                self.work += dim as f64;
            }
            let value = (near.seen as usize == total).then_some(near.sq_dist);
            known.push(Known { value, bound: near.sq_dist });
        }
        Ok(())
    }

    fn add(&mut self, ctx: &Context, row: usize) -> Result<(), Error> {
        self.pool.gather_f32(ctx, &[row], &mut self.scratch, &mut self.wide)?;
        self.centers.extend_from_slice(&self.wide);
        self.rows.push(row);
        Ok(())
    }

    fn wants_refresh(&self) -> bool {
        let new = (self.rows.len() - self.refreshed) as f64;
        match self.rule {
            RefreshRule::Always => new > 0.0,
            // A pass reads and converts all rows, which costs about as much as four centers' products.
            RefreshRule::Paid => self.work * PANEL_GAIN > (self.pool.len() * self.pool.dim()) as f64 * (new + 4.0),
        }
    }

    fn refresh(&mut self, ctx: &Context, bounds: &mut [f64]) -> Result<(), Error> {
        self.bring_all_up_to_date(ctx)?;
        for (bound, near) in bounds.iter_mut().zip(&self.near) {
            *bound = bound.min(near.sq_dist);
        }
        Ok(())
    }
}
