//! Canonical gains and levels: what decides.

use subsel_kernels::{Block, Bounds, Levels, Panel, PanelScratch};

use super::{Change, Gains};
use crate::Error;
use crate::context::Context;
use crate::plan::Shape;
use crate::scan::{self, BlockAt};

/// The rows that are more alike a candidate than their level, ascending, and how much alike they are.
pub(super) type Found = Vec<(u32, f64)>;

/// Candidates whose rows above their level are kept until the next pick, at most.
const KEPT: usize = 2;

/// Rows taken at once at the start, at most.
const GROUP: usize = 256;

/// What one chunk adds to the gain of each candidate, and the rows found for those that are kept.
struct Part {
    gains: Vec<f64>,
    found: Vec<Found>,
}

impl Gains<'_> {
    /// The canonical gains of some rows, which are their bounds from now on. One pass.
    pub(super) fn canonical(&mut self, ctx: &Context, rows: &[usize]) -> Result<Vec<f64>, Error> {
        let mut values = Vec::with_capacity(rows.len());
        for rows in rows.chunks(GROUP) {
            let Part { gains, found } = self.compare(ctx, rows)?;
            for (&row, found) in rows.iter().zip(found) {
                self.found.truncate(KEPT - 1);
                self.found.insert(0, (row, found));
            }
            for (&row, &gain) in rows.iter().zip(&gains) {
                self.bounds[row] = Bounds::exactly(gain);
                self.seen[row] = self.now();
            }
            values.extend(gains);
        }
        Ok(values)
    }

    /// Canonical gains of up to [`GROUP`] rows; for up to [`KEPT`], the rows above their level too.
    fn compare(&self, ctx: &Context, rows: &[usize]) -> Result<Part, Error> {
        let kept = if rows.len() <= KEPT { rows.len() } else { 0 };
        let mut total = Part { gains: vec![0.0; rows.len()], found: vec![Vec::new(); kept] };
        let panel = self.panel(ctx, rows)?;
        let (similarity, sq_norms, levels) = (self.similarity, self.pool.sq_norms(), &self.levels);
        let weights = self.weights.as_deref();
        let step = |scratch: &mut PanelScratch, part: Option<Part>, block: BlockAt<'_>, _: &mut [()]| {
            let mut part = part.unwrap_or_else(|| Part { gains: vec![0.0; rows.len()], found: vec![Vec::new(); kept] });
            let (levels, norms) = (&levels[block.range()], Some(&sq_norms[block.range()]));
            let weights = weights.map(|weights| &weights[block.range()]);
            ctx.kernels().for_alike(block.rows, norms, &panel, similarity, levels, scratch, |row, center, alike| {
                part.gains[center] += weights.map_or(1.0, |weights| weights[row]) * (alike - levels[row]);
                if let Some(found) = part.found.get_mut(center) {
                    found.push(((block.first + row) as u32, alike));
                }
            });
            Ok(part)
        };
        scan::pass(self.pool, ctx, &mut vec![(); self.pool.len()], PanelScratch::default, step, |part: Part| {
            total.gains.iter_mut().zip(part.gains).for_each(|(total, gain)| *total += gain);
            total.found.iter_mut().zip(part.found).for_each(|(total, found)| total.extend(found));
            Ok(())
        })?;
        Ok(total)
    }

    /// The canonical gain of a row, and the rows above their level.
    pub(super) fn found_above(&self, ctx: &Context, row: usize) -> Result<(f64, Found), Error> {
        if let Some(table) = &self.table
            && let Some(found) = self.canonical_by_table(ctx, table, row)?
        {
            return Ok(found);
        }
        let mut part = self.compare(ctx, &[row])?;
        Ok((part.gains[0], part.found.pop().unwrap_or_default()))
    }

    /// Takes a row: raises the levels of the rows that are more alike it.
    pub(super) fn take(&mut self, ctx: &Context, row: usize) -> Result<(), Error> {
        let kept = std::mem::take(&mut self.found).into_iter().find(|(candidate, _)| *candidate == row);
        let found = match kept {
            Some((_, found)) => found,
            None => self.found_above(ctx, row)?.1,
        };
        self.n_taken += 1;
        if let Some(table) = &mut self.table {
            self.starts.push(self.starts.last().copied().unwrap_or(0) + found.len());
            for (row, to) in found {
                self.levels[row as usize] = to;
                table.raise(row as usize, to);
            }
            return Ok(());
        }
        self.changes.reserve_exact(found.len());
        let first = self.changes.len();
        for (row, to) in found {
            let level = &mut self.levels[row as usize];
            self.changes.push(Change { row, from: *level, to });
            *level = to;
        }
        // The greatest first: a few of them show most of what other rows no longer gain.
        let weights = self.weights.as_deref();
        let size = |of: &Change| weights.map_or(1.0, |weights| weights[of.row as usize]) * (of.to - of.from);
        self.changes[first..].sort_by(|a, b| size(b).total_cmp(&size(a)));
        self.starts.push(self.changes.len());
        Ok(())
    }

    /// Raises the levels by rows taken beforehand.
    pub(super) fn raise(&mut self, ctx: &Context, rows: &[usize]) -> Result<(), Error> {
        let (mut rest, mut group) = (rows, 1);
        while !rest.is_empty() {
            let (now, later) = rest.split_at(group.min(rest.len()));
            let panel = self.panel(ctx, now)?;
            let (similarity, sq_norms) = (self.similarity, self.pool.sq_norms());
            let worker = || (PanelScratch::default(), Vec::new());
            scan::for_rows(self.pool, ctx, &mut self.levels, worker, |(scratch, old), block, levels| {
                old.clear();
                old.extend_from_slice(levels);
                let norms = Some(&sq_norms[block.range()]);
                ctx.kernels().for_alike(block.rows, norms, &panel, similarity, old, scratch, |row, _, alike| {
                    levels[row] = levels[row].max(alike);
                });
                Ok(())
            })?;
            // The higher the levels, the fewer pairs are worked out.
            (rest, group) = (later, (4 * group).min(GROUP));
        }
        Ok(())
    }

    pub(super) fn panel(&self, ctx: &Context, rows: &[usize]) -> Result<Panel, Error> {
        let (mut block, mut wide) = (Block::default(), Vec::new());
        self.pool.gather_f32(ctx, rows, &mut block, &mut wide)?;
        Ok(Panel::new(ctx.kernels(), &wide, self.pool.dim(), None))
    }

    /// Bounds of the gains of some rows by one pass over all, where too much has changed to follow the changes.
    pub(super) fn bound_anew(&mut self, ctx: &Context, rows: &[usize]) -> Result<(), Error> {
        for rows in rows.chunks(GROUP) {
            let panel = self.panel(ctx, rows)?;
            let (similarity, sq_norms, levels) = (self.similarity, self.pool.sq_norms(), &self.levels);
            let weights = self.weights.as_deref();
            let mut total = vec![Bounds::ZERO; rows.len()];
            let step = |scratch: &mut PanelScratch, part: Option<Vec<Bounds>>, block: BlockAt<'_>, _: &mut [()]| {
                let mut part = part.unwrap_or_else(|| vec![Bounds::ZERO; rows.len()]);
                let weights = weights.map(|weights| &weights[block.range()]);
                let from = Levels { weights, ..Levels::from(&levels[block.range()]) };
                let (of, norms) = (block.rows, Some(&sq_norms[block.range()]));
                ctx.kernels().gain_bounds(of, norms, &panel, similarity, from, None, scratch, &mut [], &mut part);
                Ok(part)
            };
            scan::pass(self.pool, ctx, &mut vec![(); self.pool.len()], PanelScratch::default, step, |part| {
                total.iter_mut().zip(part).for_each(|(total, part): (&mut Bounds, Bounds)| total.add(part));
                Ok(())
            })?;
            for (&row, bounds) in rows.iter().zip(total) {
                self.bounds[row] = bounds;
                self.seen[row] = self.changes.len() as u32;
            }
            self.work += (self.pool.len() * self.pool.dim()) as f64 * (rows.len() as f64 + super::READING);
        }
        Ok(())
    }
}

/// Bytes at most.
pub(super) fn bytes(shape: &Shape) -> u64 {
    let group = GROUP.min(shape.n);
    let scratch = PanelScratch::bytes(shape.block_rows.min(shape.n), group, shape.dim);
    let panel = (group * shape.dim * 12) as u64;
    // Lists are grown by doubling, and a chunk's is merged into the whole's.
    (shape.n * 2 * KEPT * size_of::<(u32, f64)>()) as u64 + shape.threads as u64 * scratch + panel
}
