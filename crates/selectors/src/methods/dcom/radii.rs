//! How far a labeled row speaks for its class.

use subsel_kernels::{Block, Panel, PanelScratch};

use super::{Dcom, INFO};
use crate::Error;
use crate::context::Context;
use crate::methods::prob_cover::{Ball, Ordered, mark_covered};
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::scan::{self, BlockAt};

/// Labeled rows compared with the pool at once, at most.
const GROUP: usize = 1024;

/// Which class each row is taken to be of.
pub(super) struct Known {
    /// Of each row: that of its label where it is labeled, else what the model thinks likeliest.
    classes: Vec<u32>,
}

impl Known {
    /// `None` where nothing is labeled.
    ///
    /// # Errors
    /// [`Error::Missing`] or [`Error::Labels`].
    pub(super) fn of(pool: &CheckedPool<'_>) -> Result<Option<Self>, Error> {
        let labeled = pool.labeled();
        if labeled.is_empty() {
            return Ok(None);
        }
        let outputs = pool.needed_outputs(INFO.name)?;
        let columns = outputs.columns_of(pool.needed_labels(INFO.name)?, labeled)?;
        let mut classes: Vec<u32> = (0..pool.len()).map(|row| outputs.class_of(row) as u32).collect();
        labeled.iter().zip(columns).for_each(|(&row, column)| classes[row] = column as u32);
        Ok(Some(Known { classes }))
    }

    #[cfg(test)]
    pub(super) fn classes(&self) -> &[u32] {
        &self.classes
    }
}

/// The places of equal radii, by ascending radius.
pub(super) fn by_radius(radii: &[f64]) -> Vec<(f64, Vec<usize>)> {
    let mut order: Vec<usize> = (0..radii.len()).collect();
    order.sort_by(|a, b| radii[*a].total_cmp(&radii[*b]).then(a.cmp(b)));
    order.chunk_by(|a, b| radii[*a] == radii[*b]).map(|run| (radii[run[0]], run.to_vec())).collect()
}

/// Rows in a ball, and those of its class.
#[derive(Clone, Copy, Default)]
struct Count {
    all: u32,
    same: u32,
}

impl Dcom {
    /// The radius of each labeled row.
    ///
    /// # Errors
    /// Reading, interruption.
    pub(super) fn radii(&self, pool: &CheckedPool<'_>, known: &Known, ctx: &mut Context) -> Result<Vec<f64>, Error> {
        let threshold = 0.2 * self.initial_coverage(pool, ctx)? + 0.4;
        ctx.record("purity_threshold", threshold);
        // By class, so that whole runs of rows are of one.
        let mut order: Vec<usize> = (0..pool.len()).collect();
        order.sort_by_key(|&row| known.classes[row]);
        let classes: Vec<u32> = order.iter().map(|&row| known.classes[row]).collect();
        let sq_norms: Vec<f64> = order.iter().map(|&row| pool.sq_norms()[row]).collect();
        let rows = ByClass { source: Ordered { pool, order }, classes, sq_norms };
        // Bisection; the intervals of all rows have one width.
        let mut lows = vec![0.0; pool.labeled().len()];
        let mut width = self.max_delta;
        ctx.progress().begin("finding radii", self.halvings() as u64);
        for step in 0..self.halvings() {
            width /= 2.0;
            let middles: Vec<f64> = lows.iter().map(|low| low + width).collect();
            let counts = rows.count(pool, known, &middles, ctx)?;
            for (low, count) in lows.iter_mut().zip(counts) {
                if f64::from(count.same) / f64::from(count.all.max(1)) >= threshold {
                    *low += width;
                }
            }
            ctx.progress().at(step as u64 + 1);
        }
        Ok(lows.iter().map(|low| ((low + width / 2.0) * 100.0).round() / 100.0).collect())
    }

    /// How often the interval of radii is halved.
    pub(super) fn halvings(&self) -> usize {
        let (mut width, mut halvings) = (self.max_delta, 0);
        while width > self.delta_resolution {
            width /= 2.0;
            halvings += 1;
        }
        halvings
    }

    /// The share of the pool that labeled rows cover with the radius they begin with.
    fn initial_coverage(&self, pool: &CheckedPool<'_>, ctx: &Context) -> Result<f64, Error> {
        let limit = Ball::Open.limit(self.initial_delta * self.initial_delta);
        let (mut block, mut wide) = (Block::default(), Vec::new());
        let mut covered = vec![false; pool.len()];
        for rows in pool.labeled().chunks(GROUP) {
            pool.gather_f32(ctx, rows, &mut block, &mut wide)?;
            let panel = Panel::new(ctx.kernels(), &wide, pool.dim(), None);
            mark_covered(pool, &panel, limit, &mut covered, ctx)?;
        }
        Ok(covered.iter().filter(|covered| **covered).count() as f64 / pool.len() as f64)
    }

    /// What finding radii costs.
    pub(super) fn radii_plan(&self, shape: &Shape) -> Work {
        let (n, d, labeled) = (shape.n as f64, shape.dim as f64, shape.labeled as f64);
        let group = GROUP.min(shape.labeled);
        // As many panels as there are radii.
        let filling = 16 * group.min(1 << self.halvings().min(20));
        let passes = (1 + self.halvings()) as f64 * (labeled / GROUP as f64).ceil();
        let scratch = PanelScratch::bytes(shape.block_rows.min(shape.n), group, shape.dim) * shape.threads as u64;
        Work {
            passes,
            gathered: 0.1 * n * passes,
            panel_ops: (1 + self.halvings()) as f64 * n * labeled * d,
            canonical_ops: 0.0,
            // Order, classes twice, norms, marks; panels, each with room to be filled up; counts and radii.
            bytes: 25 * shape.n as u64 + ((group + filling) * shape.dim * 16 + shape.labeled * 64) as u64 + scratch,
        }
    }
}

/// Balls of one radius.
struct Balls {
    centers: Panel,
    classes: Vec<u32>,
    limit: f64,
}

/// The rows of a pool ordered by class.
struct ByClass<'p> {
    source: Ordered<'p>,
    classes: Vec<u32>,
    sq_norms: Vec<f64>,
}

impl ByClass<'_> {
    /// What the balls of the labeled rows hold, each of its own radius.
    fn count(&self, pool: &CheckedPool<'_>, known: &Known, radii: &[f64], ctx: &Context) -> Result<Vec<Count>, Error> {
        let mut order: Vec<usize> = (0..radii.len()).collect();
        order.sort_by(|a, b| radii[*a].total_cmp(&radii[*b]).then(a.cmp(b)));
        let mut counts = vec![Count::default(); radii.len()];
        let (mut block, mut wide) = (Block::default(), Vec::new());
        for group in order.chunks(GROUP) {
            let mut balls = Vec::new();
            for places in group.chunk_by(|a, b| radii[*a] == radii[*b]) {
                let rows: Vec<usize> = places.iter().map(|&at| pool.labeled()[at]).collect();
                pool.gather_f32(ctx, &rows, &mut block, &mut wide)?;
                balls.push(Balls {
                    centers: Panel::new(ctx.kernels(), &wide, pool.dim(), None),
                    classes: rows.iter().map(|&row| known.classes[row]).collect(),
                    limit: Ball::Open.limit(radii[places[0]] * radii[places[0]]),
                });
            }
            let found = self.count_within(&balls, ctx)?;
            group.iter().zip(found).for_each(|(&at, found)| counts[at] = found);
        }
        Ok(counts)
    }

    /// One pass. Whole numbers, so the order of chunks does not matter.
    fn count_within(&self, balls: &[Balls], ctx: &Context) -> Result<Vec<Count>, Error> {
        let nothing = || vec![Count::default(); balls.iter().map(|balls| balls.classes.len()).sum()];
        let mut total = nothing();
        let worker = || (PanelScratch::default(), Vec::new(), Vec::new());
        let step = |(scratch, of_rows, near): &mut (_, Vec<u32>, Vec<u32>),
                    folded: Option<Vec<Count>>,
                    block: BlockAt<'_>,
                    _: &mut [()]| {
            let mut counts = folded.unwrap_or_else(nothing);
            let (classes, sq_norms) = (&self.classes[block.range()], &self.sq_norms[block.range()]);
            let mut at = 0;
            for run in classes.chunk_by(|a, b| a == b) {
                let range = at..at + run.len();
                at = range.end;
                let (rows, norms) = (block.rows.slice(range.clone()), Some(&sq_norms[range]));
                let mut counts = counts.iter_mut();
                for balls in balls {
                    of_rows.clear();
                    of_rows.resize(run.len(), 0);
                    near.clear();
                    near.resize(balls.classes.len(), 0);
                    ctx.kernels().count_within(rows, norms, &balls.centers, balls.limit, scratch, of_rows, near);
                    for ((near, class), count) in near.iter().zip(&balls.classes).zip(&mut counts) {
                        count.all += near;
                        count.same += if *class == run[0] { *near } else { 0 };
                    }
                }
            }
            Ok(counts)
        };
        scan::pass(&self.source, ctx, &mut vec![(); self.classes.len()], worker, step, |found: Vec<Count>| {
            for (total, found) in total.iter_mut().zip(found) {
                total.all += found.all;
                total.same += found.same;
            }
            Ok(())
        })?;
        Ok(total)
    }
}
