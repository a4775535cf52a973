//! Near-duplicates: rows whose cosine to a row that is kept exceeds a threshold.

#[cfg(test)]
mod tests;

use subsel_kernels::{Block, Panel, PanelScratch, Rows};

use crate::Error;
use crate::clustering::KMeans;
use crate::context::{CHUNK_ROWS, Context};
use crate::plan::{Plan, Rates, Shape, Work};
use crate::pool::CheckedPool;
use crate::scan::{self, BlockAt};
use crate::top::Key;
use crate::unit::RowScale;

/// What counts as a duplicate, and where it is looked for.
///
/// Rows are taken in order: labeled ones first, then by falling score where the pool has scores, then by row number. A
/// row is a duplicate if its cosine to a row kept before it is above the threshold; else it is kept. So the rows kept
/// are no duplicates of each other, and every other is one of a row kept.
///
/// # Cost
/// All rows: time `O(n * kept * d)`, half of it saved where rows are taken by number, at the rate of matrix products;
/// memory `O(n)`. Within clusters: k-means, and each cluster as a pool of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Dedup {
    /// Cosines above this make a duplicate; from 0 to below 1.
    pub threshold: f64,
    /// Look for duplicates within so many k-means clusters only: faster, and duplicates in different ones are not seen.
    pub clusters: Option<usize>,
}

/// A duplicate, and what of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Duplicate {
    /// The row.
    pub row: usize,
    /// The nearest row kept before it.
    pub of: usize,
    /// Their cosine.
    pub similarity: f64,
}

/// Rows compared with all later ones at once.
const GROUP: usize = 2048;

/// Lloyd iterations at most.
const ITERATIONS: usize = 25;

/// What is known of a row: the nearest row kept before it, if that is near enough.
#[derive(Clone, Copy, Debug)]
struct Near {
    /// Canonical squared distance; at first what it must be below.
    sq_dist: f64,
    /// Its place in the order, or [`NONE`].
    place: u32,
}

const NONE: u32 = u32::MAX;

impl Dedup {
    /// Faults of the settings.
    ///
    /// # Errors
    /// [`Error::Param`].
    pub fn check(&self) -> Result<(), Error> {
        if !(0.0..1.0).contains(&self.threshold) {
            let (rule, got) = ("from 0 to below 1".into(), self.threshold.to_string());
            return Err(Error::Param { method: "dedup", param: "threshold", rule, got });
        }
        if self.clusters == Some(0) {
            return Err(Error::Param {
                method: "dedup",
                param: "clusters",
                rule: "at least 1".into(),
                got: "0".into(),
            });
        }
        Ok(())
    }

    /// The duplicates among the candidates of `pool`, by ascending row. Excluded rows are neither kept nor duplicates.
    ///
    /// # Errors
    /// Settings that break a rule, reading, [`Error::Interrupted`]; pools of 2^32 rows or more are refused.
    pub fn find(&self, pool: &CheckedPool<'_>, ctx: &mut Context) -> Result<Vec<Duplicate>, Error> {
        self.check()?;
        if u32::try_from(pool.len()).is_err() {
            return Err(Error::Settings(format!(
                "dedup numbers rows by 32 bits, and the pool has {} rows",
                pool.len()
            )));
        }
        let unit = pool.unit(ctx)?;
        let taking_part: Vec<usize> = (0..unit.len())
            .filter(|&row| unit.is_candidate(row) || unit.labeled().binary_search(&row).is_ok())
            .collect();
        let mut found = match self.clusters {
            None if taking_part.len() == unit.len() => self.find_among(&unit, |row| row, ctx)?,
            None => self.find_among(&unit.keep(taking_part.clone()), |row| taking_part[row], ctx)?,
            Some(clusters) => {
                let k_means = KMeans { k: clusters.min(unit.len()), iterations: ITERATIONS };
                let clustering = k_means.fit(&unit, ctx, ctx.stream("k-means"))?;
                ctx.record("clusters", clustering.sizes.len());
                let mut members = vec![Vec::new(); clustering.sizes.len()];
                taking_part.into_iter().for_each(|row| members[clustering.assignment[row] as usize].push(row));
                let mut found = Vec::new();
                for rows in members.into_iter().filter(|rows| rows.len() > 1) {
                    found.extend(self.find_among(&unit.keep(rows.clone()), |row| rows[row], ctx)?);
                }
                found
            }
        };
        found.sort_unstable_by_key(|duplicate| duplicate.row);
        for duplicate in &mut found {
            (duplicate.row, duplicate.of) = (pool.global(duplicate.row), pool.global(duplicate.of));
        }
        ctx.record("duplicates", found.len());
        Ok(found)
    }

    /// The duplicates among all rows of a pool of unit rows; `number` is what rows are called outside.
    fn find_among(
        &self,
        unit: &CheckedPool<'_>,
        number: impl Fn(usize) -> usize,
        ctx: &Context,
    ) -> Result<Vec<Duplicate>, Error> {
        let n = unit.len();
        let mut order: Vec<usize> = (0..n).collect();
        let score = |row: usize| unit.scores().map_or(0.0, |scores| -scores[row]);
        order.sort_by_key(|&row| (unit.is_candidate(row), Key(score(row)), row));
        let mut places = vec![0; n];
        order.iter().zip(0..).for_each(|(&row, place)| places[row] = place);
        let mut search = Search {
            unit,
            order,
            places,
            // Of unit rows: the cosine is 1 less half the squared distance.
            limit: 2.0 - 2.0 * self.threshold,
            near: vec![Near { sq_dist: 2.0 - 2.0 * self.threshold, place: NONE }; n],
        };
        for first in (0..n).step_by(GROUP) {
            ctx.go_on()?;
            let kept = search.settle(first..(first + GROUP).min(n), ctx)?;
            search.compare_later(&kept, first + GROUP, ctx)?;
        }
        let duplicates = (0..n).filter(|&row| unit.is_candidate(row) && search.near[row].place != NONE);
        let duplicate = |row: usize| {
            let Near { sq_dist, place } = search.near[row];
            let of = number(search.order[place as usize]);
            Duplicate { row: number(row), of, similarity: 1.0 - sq_dist / 2.0 }
        };
        Ok(duplicates.map(duplicate).collect())
    }
}

/// A search under way.
struct Search<'p, 'a> {
    unit: &'p CheckedPool<'a>,
    /// The rows in order.
    order: Vec<usize>,
    /// The place of each row in it.
    places: Vec<u32>,
    limit: f64,
    near: Vec<Near>,
}

/// Buffers of one worker.
#[derive(Default)]
struct Worker {
    scratch: PanelScratch,
    limits: Vec<f64>,
    wide: Vec<f32>,
}

impl Search<'_, '_> {
    fn values(&self, rows: &[usize], ctx: &Context) -> Result<Vec<f32>, Error> {
        let (mut block, mut wide) = (Block::default(), Vec::new());
        self.unit.gather_f32(ctx, rows, &mut block, &mut wide)?;
        Ok(wide)
    }

    /// A zero row has no direction: no duplicate but of another zero row.
    fn comparable(&self, a: usize, b: usize) -> bool {
        let is_zero = |row: usize| self.unit.sq_norms()[row] == 0.0;
        is_zero(a) == is_zero(b)
    }

    /// Decides which of the rows at these places are kept: all before have been compared with them. Gives the places.
    fn settle(&mut self, places: std::ops::Range<usize>, ctx: &Context) -> Result<Vec<u32>, Error> {
        let (kernels, dim) = (ctx.kernels(), self.unit.dim());
        let rows = self.order[places.clone()].to_vec();
        let values = self.values(&rows, ctx)?;
        let panel = Panel::new(kernels, &values, dim, None);
        let sq_norms: Vec<f64> = rows.iter().map(|&row| self.unit.sq_norms()[row]).collect();
        let mut pairs: Vec<(usize, usize, f64)> = Vec::new();
        let limits = vec![self.limit; rows.len()];
        let mut scratch = PanelScratch::default();
        let all = Rows::from_f32(&values, dim);
        kernels.candidates_below(all, Some(&sq_norms), &panel, &limits, &mut scratch, |row, before| {
            let x = &values[row * dim..(row + 1) * dim];
            if before < row
                && self.comparable(rows[row], rows[before])
                && let Some(sq_dist) = kernels.sq_dist_below(x, panel.center(before), self.limit)
            {
                pairs.push((row, before, sq_dist));
            }
        });
        pairs.sort_unstable_by_key(|(row, before, _)| (*row, *before));
        let mut pairs = pairs.into_iter().peekable();
        let mut kept = Vec::new();
        for (i, &row) in rows.iter().enumerate() {
            while let Some((_, before, sq_dist)) = pairs.next_if(|(of, ..)| *of == i) {
                let place = (places.start + before) as u32;
                if kept.binary_search(&place).is_ok() {
                    self.near[row].take(sq_dist, place);
                }
            }
            // A labeled row is there whatever it is like.
            if self.near[row].place == NONE || !self.unit.is_candidate(row) {
                kept.push((places.start + i) as u32);
            }
        }
        Ok(kept)
    }

    /// Compares the rows at the places of `kept` with all rows from place `from` on.
    fn compare_later(&mut self, kept: &[u32], from: usize, ctx: &Context) -> Result<(), Error> {
        if kept.is_empty() || from >= self.order.len() {
            return Ok(());
        }
        let rows: Vec<usize> = kept.iter().map(|place| self.order[*place as usize]).collect();
        let dim = self.unit.dim();
        let panel = Panel::new(ctx.kernels(), &self.values(&rows, ctx)?, dim, None);
        let mut near = std::mem::take(&mut self.near);
        let this = &*self;
        ctx.progress().begin("comparing rows", this.order.len().div_ceil(CHUNK_ROWS) as u64);
        let outcome = scan::for_rows(this.unit, ctx, &mut near, Worker::default, |worker, block, near| {
            worker.compare(this, &panel, &rows, kept, from, block, near, ctx);
            Ok(())
        });
        self.near = near;
        outcome
    }
}

impl Near {
    /// Takes in a row kept; of equals the first stays.
    fn take(&mut self, sq_dist: f64, place: u32) {
        if sq_dist < self.sq_dist {
            *self = Near { sq_dist, place };
        }
    }
}

impl Worker {
    #[allow(clippy::too_many_arguments)] // what is compared with what
    fn compare(
        &mut self,
        search: &Search<'_, '_>,
        panel: &Panel,
        kept_rows: &[usize],
        kept: &[u32],
        from: usize,
        block: BlockAt<'_>,
        near: &mut [Near],
        ctx: &Context,
    ) {
        let is_later = |row: usize| search.places[row] as usize >= from;
        if !block.range().any(is_later) {
            return;
        }
        let kernels = ctx.kernels();
        self.limits.clear();
        // Rows that came before are left alone: nothing is below 0.
        let limits = block.range().zip(near.iter()).map(|(row, near)| if is_later(row) { near.sq_dist } else { 0.0 });
        self.limits.extend(limits);
        self.wide.resize(panel.dim(), 0.0);
        let (wide, mut widened) = (&mut self.wide, None);
        let sq_norms = Some(&search.unit.sq_norms()[block.range()]);
        let (limits, scratch) = (&mut self.limits, &mut self.scratch);
        kernels.candidates_shrinking(block.rows, sq_norms, panel, limits, scratch, |row, center, limit| {
            if !search.comparable(block.first + row, kept_rows[center]) {
                return limit;
            }
            if widened != Some(row) {
                kernels.widen(block.rows.slice(row..row + 1), wide);
                widened = Some(row);
            }
            match kernels.sq_dist_below(wide, panel.center(center), limit) {
                Some(sq_dist) => {
                    near[row].take(sq_dist, kept[center]);
                    sq_dist
                }
                None => limit,
            }
        });
    }
}

/// Plans a search for duplicates in a pool of this shape.
pub fn plan(dedup: &Dedup, shape: &Shape, rates: &Rates) -> Plan {
    let group = GROUP.min(shape.n);
    let workers = shape.threads as u64
        * (PanelScratch::bytes(shape.block_rows.min(shape.n), group, shape.dim) + (16 * shape.block_rows) as u64);
    // The group and its panel; the pairs of a group of duplicates all alike.
    let panels = (group * (16 * shape.dim + 64) + 24 * group * group / 2) as u64;
    let search = 60 * shape.n as u64 + panels + workers;
    let n = shape.n as f64;
    let work = match dedup.clusters {
        None => Work {
            passes: 1.0 + 0.5 * n / GROUP as f64,
            gathered: 2.0 * n,
            panel_ops: 0.5 * n * n * shape.dim as f64,
            bytes: RowScale::bytes(shape) + search,
            ..Work::default()
        },
        Some(clusters) => {
            let k_means = KMeans { k: clusters.min(shape.n), iterations: ITERATIONS }.plan(shape);
            Work {
                passes: k_means.passes + 1.0,
                gathered: k_means.gathered + n * (2.0 + 0.5 * n / (clusters * GROUP) as f64),
                panel_ops: k_means.panel_ops + 1.5 * n * n / clusters as f64 * shape.dim as f64,
                bytes: RowScale::bytes(shape) + k_means.bytes.max(search),
                ..k_means
            }
        }
    };
    crate::plan::plan_work("dedup".into(), work, shape, 0, rates)
}
