//! Lloyd's iterations that look only at rows whose nearest center may have changed.
//!
//! Every row keeps an upper bound of the distance to its own center and a lower bound of the distance to all others
//! (Hamerly 2010). Centers that move by some length change distances by at most that, so that a row whose bounds stay
//! apart keeps its center without being read. Rows that are looked at are decided canonically, and sums are corrected
//! by the rows that changed sides, in order of row: the clusters are those of a full pass, for any blocks and threads.

use std::ops::Range;
use std::sync::Mutex;

use subsel_kernels::{Block, Nearest, Panel, PanelScratch, Rows, Values};

use crate::Error;
use crate::context::{CHUNK_ROWS, Context};
use crate::plan::Shape;
use crate::pool::CheckedPool;
use crate::scan;

/// What is known of one row: 12 bytes.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// The distance to its center is at most this.
    upper: f32,
    /// The distance to any other is at least this.
    lower: f32,
    /// Its cluster; none before the first pass.
    cluster: u32,
}

const NONE: u32 = u32::MAX;

impl Known {
    /// Whether another center might be as near as its own. The factor outweighs all roundings of canonical distances.
    fn is_open(&self) -> bool {
        // Written so that NaN is open.
        !matches!((self.upper * (1.0 + 1e-6)).partial_cmp(&self.lower), Some(std::cmp::Ordering::Less))
    }

    /// Works out the distance of the row `x` to its own center, and tells whether that leaves it open.
    fn stays_open(&mut self, panel: &Panel, x: &[f32], ctx: &Context) -> bool {
        if self.cluster == NONE || self.lower <= 0.0 {
            return true;
        }
        let mut sq_dist = [0.0];
        ctx.kernels().sq_dists(x, panel.center(self.cluster as usize), &mut sq_dist);
        self.upper = (sq_dist[0].sqrt() as f32).next_up();
        self.is_open()
    }
}

/// The assignment of all rows, kept up to date from one set of centers to the next.
pub(super) struct Lloyd<'p> {
    pool: &'p CheckedPool<'p>,
    known: Vec<Known>,
    /// Sums of the rows of each cluster, `(k, d)`.
    pub(super) sums: Vec<f64>,
    pub(super) counts: Vec<usize>,
    /// Norms of the rows now in each cluster, and of all that came or went since its sum was taken afresh, added up.
    norms: Vec<(f64, f64)>,
    /// Rows looked at.
    pub(super) looked_at: u64,
}

/// A sum is taken afresh when the norms of rows that came and went outweigh those it holds by this factor: rounding
/// errors then reach a relative 2^-53 times this.
const WORN: f64 = 65536.0;

/// Corrections of the sums by one chunk.
struct Changes {
    /// For each cluster, its place in `values` and `rows`, or [`NONE`].
    place: Vec<u32>,
    touched: Vec<Change>,
    /// `(touched, d)`.
    values: Vec<f64>,
    looked_at: u64,
}

/// What changes of one cluster.
struct Change {
    cluster: u32,
    count: isize,
    norm: f64,
    moved_norm: f64,
}

impl Changes {
    /// Room for all that one chunk can change, which takes memory only where it is used.
    fn new(k: usize, dim: usize) -> Self {
        let most = k.min(2 * CHUNK_ROWS);
        let (touched, values) = (Vec::with_capacity(most), Vec::with_capacity(most * dim));
        Changes { place: vec![NONE; k], touched, values, looked_at: 0 }
    }

    /// As new, in the same memory.
    fn clear(&mut self) {
        self.touched.drain(..).for_each(|change| self.place[change.cluster as usize] = NONE);
        self.values.clear();
        self.looked_at = 0;
    }

    /// Bytes of one.
    fn bytes(k: usize, dim: usize) -> u64 {
        (4 * k + k.min(2 * CHUNK_ROWS) * (8 * dim + size_of::<Change>())) as u64
    }

    fn of(&mut self, cluster: u32, dim: usize) -> (&mut Change, &mut [f64]) {
        let place = &mut self.place[cluster as usize];
        if *place == NONE {
            *place = self.touched.len() as u32;
            self.touched.push(Change { cluster, count: 0, norm: 0.0, moved_norm: 0.0 });
            self.values.resize(self.touched.len() * dim, 0.0);
        }
        let place = *place as usize;
        (&mut self.touched[place], &mut self.values[place * dim..(place + 1) * dim])
    }

    fn add(&mut self, ctx: &Context, cluster: u32, row: &[f32], norm: f64) {
        let (change, sum) = self.of(cluster, row.len());
        change.count += 1;
        change.norm += norm;
        change.moved_norm += norm;
        ctx.kernels().sums(Rows::from_f32(row, row.len()), sum);
    }

    fn remove(&mut self, cluster: u32, row: &[f32], norm: f64) {
        let (change, sum) = self.of(cluster, row.len());
        change.count -= 1;
        change.norm -= norm;
        change.moved_norm += norm;
        sum.iter_mut().zip(row).for_each(|(sum, v)| *sum -= f64::from(*v));
    }
}

/// Buffers of one worker.
#[derive(Default)]
struct Worker {
    scratch: PanelScratch,
    stored: Block,
    wide: Vec<f32>,
    rows: Vec<usize>,
    sq_norms: Vec<f64>,
    nearest: Vec<Nearest>,
    clusters: Vec<u32>,
}

impl<'p> Lloyd<'p> {
    pub(super) fn new(pool: &'p CheckedPool<'p>, k: usize) -> Self {
        Lloyd {
            pool,
            known: vec![Known { upper: f32::INFINITY, lower: 0.0, cluster: NONE }; pool.len()],
            sums: vec![0.0; k * pool.dim()],
            counts: vec![0; k],
            norms: vec![(0.0, 0.0); k],
            looked_at: 0,
        }
    }

    /// Bytes for so many clusters, without the centers.
    pub(super) fn bytes(shape: &Shape, k: usize) -> u64 {
        let (workers, block) = (shape.threads as u64, shape.block_rows.min(shape.n));
        // A matrix product packs its operands into memory of its own.
        let packed = 4 * shape.dim.min(512) * (block.min(1024) + k.min(512)) + (1 << 20);
        let buffers = (block * (4 * shape.dim + 60) + packed) as u64 + PanelScratch::bytes(block, k, shape.dim);
        let changes = scan::MOST_AHEAD as u64 * workers * Changes::bytes(k, shape.dim);
        (12 * shape.n + k * (8 * shape.dim + 24)) as u64 + changes + workers * buffers
    }

    /// Assigns every row to its nearest center, the lowest of equals. `moved` `(k,)` says how far each center is from
    /// where it was at the last call.
    pub(super) fn assign(&mut self, panel: &Panel, moved: &[f64], ctx: &Context) -> Result<(), Error> {
        let (pool, dim) = (self.pool, self.pool.dim());
        let block_rows = ctx.block_rows(dim);
        let moves = Moves::new(moved);
        let (sums, counts, norms, looked_at) = (&mut self.sums, &mut self.counts, &mut self.norms, &mut self.looked_at);
        // What was merged serves again: at most as many as a pass holds at once.
        let spare = Mutex::new(Vec::new());
        scan::chunks(
            pool.len(),
            ctx,
            &mut self.known,
            Worker::default,
            |worker, rows, known| {
                moves.apply(known);
                let mut changes = scan::lock(&spare).pop().unwrap_or_else(|| Changes::new(panel.len(), dim));
                for first in rows.clone().step_by(block_rows) {
                    let range = first..(first + block_rows).min(rows.end);
                    let known = &mut known[range.start - rows.start..range.end - rows.start];
                    worker.look(pool, panel, range, known, &mut changes, ctx)?;
                }
                Ok(Some(changes))
            },
            |mut changes: Changes| {
                *looked_at += changes.looked_at;
                for (change, values) in changes.touched.iter().zip(changes.values.chunks_exact(dim)) {
                    let cluster = change.cluster as usize;
                    let sum = &mut sums[cluster * dim..(cluster + 1) * dim];
                    sum.iter_mut().zip(values).for_each(|(sum, v)| *sum += v);
                    counts[cluster] = counts[cluster].strict_add_signed(change.count);
                    norms[cluster].0 += change.norm;
                    norms[cluster].1 += change.moved_norm;
                    if counts[cluster] == 0 {
                        sum.fill(0.0);
                        norms[cluster] = (0.0, 0.0);
                    }
                }
                changes.clear();
                scan::lock(&spare).push(changes);
                Ok(())
            },
        )?;
        // Written so that NaN is worn.
        // Fresh is what is known to be fresh: a sum that is no number is worn.
        let is_fresh = |(held, passed): &(f64, f64)| *passed <= WORN * *held;
        let is_worn = |sums: &(f64, f64)| !is_fresh(sums);
        if self.norms.iter().any(|norms| *norms != (0.0, 0.0) && is_worn(norms)) {
            self.sum_afresh(ctx)
        } else {
            Ok(())
        }
    }

    /// Sums up all rows again: what came and went was so much larger than what stayed that it left its rounding.
    fn sum_afresh(&mut self, ctx: &Context) -> Result<(), Error> {
        let (pool, dim, k) = (self.pool, self.pool.dim(), self.counts.len());
        self.sums.fill(0.0);
        self.norms.fill((0.0, 0.0));
        let (known, sums, norms) = (&self.known, &mut self.sums, &mut self.norms);
        let step = |wide: &mut Vec<f32>, folded: Option<Changes>, block: scan::BlockAt<'_>, _: &mut [()]| {
            let mut changes = folded.unwrap_or_else(|| Changes::new(k, dim));
            wide.resize(block.rows.len() * dim, 0.0);
            ctx.kernels().widen(block.rows, wide);
            for (row, x) in block.range().zip(wide.chunks_exact(dim)) {
                changes.add(ctx, known[row].cluster, x, pool.sq_norms()[row].sqrt());
            }
            Ok(changes)
        };
        scan::pass(pool, ctx, &mut vec![(); pool.len()], Vec::new, step, |changes: Changes| {
            for (change, values) in changes.touched.iter().zip(changes.values.chunks_exact(dim)) {
                let cluster = change.cluster as usize;
                sums[cluster * dim..(cluster + 1) * dim].iter_mut().zip(values).for_each(|(sum, v)| *sum += v);
                norms[cluster].0 += change.norm;
                norms[cluster].1 += change.norm;
            }
            Ok(())
        })
    }

    /// The cluster of each row.
    pub(super) fn assignment(&self) -> Vec<u32> {
        self.known.iter().map(|known| known.cluster).collect()
    }
}

/// How far centers moved, as it enters the bounds.
struct Moves {
    moved: Vec<f32>,
    /// The farthest, which center that was, and the farthest of the others.
    most: f32,
    by: usize,
    next: f32,
}

impl Moves {
    fn new(moved: &[f64]) -> Self {
        // Canonical, so within far less than this factor of the truth.
        let moved: Vec<f32> = moved.iter().map(|m| ((m * (1.0 + 1e-9)) as f32).next_up()).collect();
        let by = (0..moved.len()).fold(0, |by, i| if moved[i] > moved[by] { i } else { by });
        let next = moved.iter().enumerate().filter(|(i, _)| *i != by).map(|(_, m)| *m).fold(0.0, f32::max);
        Moves { most: moved.get(by).copied().unwrap_or(0.0), moved, by, next }
    }

    fn apply(&self, known: &mut [Known]) {
        for known in known.iter_mut().filter(|known| known.cluster != NONE) {
            let others = if known.cluster as usize == self.by { self.next } else { self.most };
            known.upper = (known.upper + self.moved[known.cluster as usize]).next_up();
            known.lower = (known.lower - others).next_down();
        }
    }
}

impl Worker {
    /// Looks at the open rows of a block.
    fn look(
        &mut self,
        pool: &CheckedPool<'_>,
        panel: &Panel,
        range: Range<usize>,
        known: &mut [Known],
        changes: &mut Changes,
        ctx: &Context,
    ) -> Result<(), Error> {
        use subsel_formats::RowSource;
        let (dim, first, kernels) = (panel.dim(), range.start, ctx.kernels());
        self.rows.clear();
        self.rows.extend(range.clone().filter(|row| known[row - first].is_open()));
        if self.rows.is_empty() {
            return Ok(());
        }
        changes.looked_at += self.rows.len() as u64;
        let Worker { scratch, stored, wide, rows, sq_norms, nearest, clusters } = self;
        let stays_open = |known: &mut Known, x: &[f32]| known.stays_open(panel, x, ctx);
        // Reading in order is faster than picking out rows, unless these are few.
        let lying = match pool.is_held() || 2 * rows.len() > range.len() {
            true => Some(pool.rows(range, stored)?),
            false => None,
        };
        let values: &[f32] = if let Some(Values::F32(values)) = lying.map(|rows| rows.values()) {
            let of = |row: usize| &values[(row - first) * dim..(row - first + 1) * dim];
            rows.retain(|&row| stays_open(&mut known[row - first], of(row)));
            if rows.len() * dim == values.len() {
                values
            } else {
                wide.clear();
                rows.iter().for_each(|&row| wide.extend_from_slice(of(row)));
                wide
            }
        } else {
            // Whether a row lies where it does in the block, or in the list of those gathered.
            let in_block = lying.is_some();
            match lying {
                Some(block) => {
                    wide.resize(block.len() * dim, 0.0);
                    kernels.widen(block, wide);
                }
                None => pool.gather_f32(ctx, rows, stored, wide)?,
            }
            let (mut at, mut kept) = (0, 0);
            rows.retain(|&row| {
                let i = if in_block { row - first } else { at };
                at += 1;
                let x = i * dim..(i + 1) * dim;
                let is_open = stays_open(&mut known[row - first], &wide[x.clone()]);
                if is_open {
                    if kept < i {
                        wide.copy_within(x, kept * dim);
                    }
                    kept += 1;
                }
                is_open
            });
            &wide[..kept * dim]
        };
        sq_norms.clear();
        sq_norms.extend(rows.iter().map(|&row| pool.sq_norms()[row]));
        nearest.resize(rows.len(), Nearest::NONE);
        clusters.resize(rows.len(), 0);
        kernels.assign_nearest(Rows::from_f32(values, dim), Some(sq_norms), panel, scratch, nearest, clusters);
        for (i, x) in values.chunks_exact(dim).enumerate() {
            let known = &mut known[rows[i] - first];
            let (upper, lower) = nearest[i].sq_bounds();
            (known.upper, known.lower) = ((upper.sqrt() as f32).next_up(), (lower.sqrt() as f32).next_down());
            let (from, to) = (known.cluster, clusters[i]);
            if from != to {
                let norm = sq_norms[i].sqrt();
                if from != NONE {
                    changes.remove(from, x, norm);
                }
                changes.add(ctx, to, x, norm);
                known.cluster = to;
            }
        }
        Ok(())
    }
}
