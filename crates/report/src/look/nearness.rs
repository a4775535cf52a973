//! Rows against picks: the nearest pick of every row, coverage as picks accumulate, the neighbors of the first picks.

use rayon::prelude::*;
use subsel::{CheckedPool, Context};
use subsel_formats::RowSource;
use subsel_kernels::Block;

use super::Neighbor;
use super::coverage::Covered;
use crate::Error;

/// Picks that are multiplied with the rows in one pass.
const PANEL: usize = 2048;

/// Rows that a thread multiplies at once.
const ROWS: usize = 256;

/// Candidates kept beyond the neighbors asked for, since products are not quite distances.
const SPARE: usize = 6;

/// Most values of rows read at once.
const VALUES: usize = 1 << 21;

/// What rows and picks are to each other. Rows are numbered within the checked pool.
pub(super) struct Near {
    /// The nearest pick of each row, from 0.
    pub(super) pick: Vec<u32>,
    /// The squared distance to it.
    pub(super) sq_dist: Vec<f32>,
    pub(super) coverage: Vec<Covered>,
    pub(super) neighbors: Vec<Vec<Neighbor>>,
}

/// Sums and largest values over rows, for each pick of a panel; and candidates for the neighbors of the first.
struct Found {
    sums: Vec<f64>,
    largest: Vec<f32>,
    /// `(approximate squared distance, row)`, ascending.
    candidates: Vec<Vec<(f32, usize)>>,
}

/// Picks of a pass, less the offset.
struct Picks {
    /// Number of the first among all picks.
    first: usize,
    rows: Vec<usize>,
    values: Vec<f32>,
    sq_norms: Vec<f64>,
}

/// Compares all rows with the picks; neighbors are those of the first `shown`, `k` each.
pub(super) fn near(
    pool: &CheckedPool<'_>,
    picks: &[usize],
    shown: usize,
    k: usize,
    ctx: &Context,
) -> Result<Near, Error> {
    let n = pool.len();
    let mut near = Near {
        pick: vec![0; n],
        sq_dist: vec![f32::INFINITY; n],
        coverage: Vec::with_capacity(picks.len()),
        neighbors: Vec::new(),
    };
    let offset = mean(pool, &picks[..picks.len().min(PANEL)], ctx)?;
    let passes = picks.len().div_ceil(PANEL);
    ctx.progress().begin("comparing with picks", passes as u64);
    for (pass, rows) in picks.chunks(PANEL).enumerate() {
        let panel = Picks::gather(pool, pass * PANEL, rows, &offset, ctx)?;
        let lists = shown.saturating_sub(panel.first).min(rows.len());
        let found = compare(pool, &panel, lists, k + SPARE, &offset, &mut near, ctx)?;
        let coverage = found.sums.iter().zip(&found.largest).enumerate().map(|(i, (sum, largest))| Covered {
            picks: panel.first + i + 1,
            mean: sum / n as f64,
            radius: f64::from(*largest),
        });
        near.coverage.extend(coverage);
        for (row, candidates) in rows.iter().zip(found.candidates) {
            near.neighbors.push(settle(pool, *row, &candidates, k, ctx)?);
        }
        ctx.progress().at(pass as u64 + 1);
    }
    Ok(near)
}

/// Bytes of [`near`].
pub(super) fn bytes(n: usize, dim: usize, picks: usize, threads: usize) -> u64 {
    let (panel, block) = (picks.min(PANEL), block_rows(dim).min(n));
    let subs = block.div_ceil(ROWS);
    (8 * n + 24 * picks + 4 * panel * dim + 8 * block * dim + subs * (12 + 48) * panel + threads * 4 * ROWS * panel)
        as u64
}

fn block_rows(dim: usize) -> usize {
    (VALUES / dim).clamp(ROWS, 8 * ROWS)
}

/// The mean of some rows, which makes products more exact where all rows are far from zero.
fn mean(pool: &CheckedPool<'_>, rows: &[usize], ctx: &Context) -> Result<Vec<f32>, Error> {
    let (mut scratch, mut values) = (Block::default(), Vec::new());
    pool.gather_f32(ctx, rows, &mut scratch, &mut values)?;
    let mut sums = vec![0.0; pool.dim()];
    ctx.kernels().sums(subsel_kernels::Rows::from_f32(&values, pool.dim()), &mut sums);
    Ok(sums.iter().map(|sum| (sum / rows.len() as f64) as f32).collect())
}

impl Picks {
    fn gather(
        pool: &CheckedPool<'_>,
        first: usize,
        rows: &[usize],
        offset: &[f32],
        ctx: &Context,
    ) -> Result<Self, Error> {
        let (dim, kernels) = (pool.dim(), ctx.kernels());
        let mut scratch = Block::default();
        let mut values = vec![0.0; rows.len() * dim];
        kernels.widen_offset(pool.gather(rows, &mut scratch)?, offset, &mut values);
        let mut sq_norms = vec![0.0; rows.len()];
        kernels.sq_norms_f32(&values, dim, &mut sq_norms);
        Ok(Picks { first, rows: rows.to_vec(), values, sq_norms })
    }
}

/// One pass. Blocks are read in order, and parts of a block merged in order: the sums do not depend on threads.
fn compare(
    pool: &CheckedPool<'_>,
    panel: &Picks,
    lists: usize,
    keep: usize,
    offset: &[f32],
    near: &mut Near,
    ctx: &Context,
) -> Result<Found, Error> {
    let (n, dim, kernels) = (pool.len(), pool.dim(), ctx.kernels());
    let b = panel.rows.len();
    let mut total = Found { sums: vec![0.0; b], largest: vec![0.0; b], candidates: vec![Vec::new(); lists] };
    let mut pick_at: Vec<(usize, usize)> = panel.rows.iter().enumerate().map(|(i, row)| (*row, i)).collect();
    pick_at.sort_unstable();
    let (mut scratch, mut wide) = (Block::new(pool.dtype()), Vec::new());
    let block = block_rows(dim);
    for first in (0..n).step_by(block) {
        ctx.go_on()?;
        let end = (first + block).min(n);
        wide.resize((end - first) * dim, 0.0);
        kernels.widen_offset(pool.rows(first..end, &mut scratch)?, offset, &mut wide);
        let state = near.pick[first..end].par_chunks_mut(ROWS).zip(near.sq_dist[first..end].par_chunks_mut(ROWS));
        let parts: Vec<Found> = ctx.threads().install(|| {
            wide.par_chunks(ROWS * dim)
                .zip(state)
                .enumerate()
                .map(|(i, (values, (pick, sq_dist)))| {
                    let part = Part { first: first + i * ROWS, values, dim, lists, keep, pick_at: &pick_at };
                    part.compare(panel, pick, sq_dist, ctx)
                })
                .collect()
        });
        parts.into_iter().for_each(|part| total.merge(part, keep));
        ctx.progress().pass(end as u64, n as u64);
    }
    Ok(total)
}

/// Some rows of a block.
struct Part<'a> {
    first: usize,
    values: &'a [f32],
    dim: usize,
    lists: usize,
    keep: usize,
    /// `(row, place in the panel)` of the picks, by row.
    pick_at: &'a [(usize, usize)],
}

impl Part<'_> {
    fn compare(&self, panel: &Picks, pick: &mut [u32], sq_dist: &mut [f32], ctx: &Context) -> Found {
        let (rows, b) = (pick.len(), panel.rows.len());
        let mut dots = vec![0.0; rows * b];
        let mut sq_norms = vec![0.0; rows];
        ctx.kernels().panel_dots(self.values, &panel.values, self.dim, &mut dots);
        ctx.kernels().sq_norms_f32(self.values, self.dim, &mut sq_norms);
        let mut found = Found { sums: vec![0.0; b], largest: vec![0.0; b], candidates: vec![Vec::new(); self.lists] };
        for (i, dots) in dots.chunks_exact(b).enumerate() {
            let row = self.first + i;
            let own = self.pick_at.binary_search_by_key(&row, |(row, _)| *row).ok().map(|at| self.pick_at[at].1);
            let (mut nearest, mut least) = (pick[i], sq_dist[i]);
            // The root is taken only where the nearest pick changes.
            let mut distance = f64::from(least).sqrt();
            for (j, dot) in dots.iter().enumerate() {
                let product = (sq_norms[i] + panel.sq_norms[j] - 2.0 * f64::from(*dot)).max(0.0) as f32;
                let is_own = own == Some(j);
                let value = if is_own { 0.0 } else { product };
                if value < least {
                    (nearest, least) = ((panel.first + j) as u32, value);
                    distance = f64::from(least).sqrt();
                }
                found.sums[j] += distance;
                found.largest[j] = found.largest[j].max(distance as f32);
                if j < self.lists && !is_own {
                    offer(&mut found.candidates[j], (value, row), self.keep);
                }
            }
            (pick[i], sq_dist[i]) = (nearest, least);
        }
        found
    }
}

impl Found {
    fn merge(&mut self, part: Found, keep: usize) {
        self.sums.iter_mut().zip(part.sums).for_each(|(all, more)| *all += more);
        self.largest.iter_mut().zip(part.largest).for_each(|(all, more)| *all = all.max(more));
        for (all, more) in self.candidates.iter_mut().zip(part.candidates) {
            more.into_iter().for_each(|candidate| offer(all, candidate, keep));
        }
    }
}

/// Takes a candidate into an ascending list of at most `keep`.
fn offer(list: &mut Vec<(f32, usize)>, candidate: (f32, usize), keep: usize) {
    if list.len() == keep && list.last().is_none_or(|last| candidate.0 >= last.0) {
        return;
    }
    let at = list.partition_point(|other| *other <= candidate);
    list.insert(at, candidate);
    list.truncate(keep);
}

/// The nearest of the candidates by canonical distance.
fn settle(
    pool: &CheckedPool<'_>,
    row: usize,
    candidates: &[(f32, usize)],
    k: usize,
    ctx: &Context,
) -> Result<Vec<Neighbor>, Error> {
    let rows: Vec<usize> = std::iter::once(row).chain(candidates.iter().map(|(_, other)| *other)).collect();
    let (mut scratch, mut values) = (Block::default(), Vec::new());
    pool.gather_f32(ctx, &rows, &mut scratch, &mut values)?;
    let (own, others) = values.split_at(pool.dim());
    let mut sq_dists = vec![0.0; candidates.len()];
    ctx.kernels().sq_dists(own, others, &mut sq_dists);
    let mut neighbors: Vec<Neighbor> =
        rows[1..].iter().zip(sq_dists).map(|(row, sq)| Neighbor { row: *row, distance: sq.sqrt() }).collect();
    neighbors.sort_unstable_by(|a, b| a.distance.total_cmp(&b.distance).then(a.row.cmp(&b.row)));
    neighbors.truncate(k);
    Ok(neighbors)
}
