//! Lloyd's iterations that look only at rows whose nearest center may have changed.
//!
//! Every row keeps an upper bound of the distance to its own center and lower bounds of the distances to the others: to
//! each of them where there is room (Elkan 2003), else one for all (Hamerly 2010). Centers that move by some length
//! change distances by at most that, so that a row whose bounds stay apart keeps its center without being read, and one
//! with few bounds that do not is compared with these few. Rows that are looked at are decided canonically, and sums
//! are corrected by the rows that changed sides, in order of row: the clusters are those of a full pass, for any blocks
//! and threads, and by either kind of bounds.

use std::ops::Range;
use std::sync::Mutex;

use subsel_kernels::{Block, LANES, Nearest, Panel, PanelScratch, Rows};

use crate::Error;
use crate::context::{CHUNK_ROWS, Context};
use crate::pairs::widened;
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
        if self.lower > 0.0 {
            self.upper = upper(sq_dist(x, panel, self.cluster, ctx));
        }
        self.is_open()
    }
}

/// The canonical squared distance of the row `x` to the center of a cluster.
fn sq_dist(x: &[f32], panel: &Panel, cluster: u32, ctx: &Context) -> f64 {
    let mut sq_dist = [0.0];
    ctx.kernels().sq_dists(x, panel.center(cluster as usize), &mut sq_dist);
    sq_dist[0]
}

/// Lower bounds of the distances of all rows to all centers, in whole units of which a length of 1 has `per_unit`: 2 bytes
/// per pair. That to a row's own center is not asked for, and the greatest.
struct Floors {
    per_unit: f32,
    /// Bounds of one row: `k` rounded up to whole lanes.
    stride: usize,
    /// Of the rows of each chunk, `(rows, stride)`.
    chunks: Vec<Mutex<Vec<u16>>>,
}

/// Fewest clusters for which bounds are kept for each: up to a vector's width, products with all come at once.
const MIN_FLOORS: usize = 17;

/// A length of so many standard deviations has all the units there are: distances come to a few of them at most.
const SPREADS: f64 = 4.0;

/// A distance to one center counts as so many of those to all centers at once.
const ONE_BY_ONE: usize = 2;

impl Floors {
    fn stride(k: usize) -> usize {
        k.next_multiple_of(LANES)
    }

    /// Bytes of all bounds.
    fn bytes(n: usize, k: usize) -> u64 {
        2 * n as u64 * Floors::stride(k) as u64
    }

    /// Whether they are kept, in half of what may be.
    fn are_kept(n: usize, k: usize, cache_bytes: u64) -> bool {
        k >= MIN_FLOORS && Floors::bytes(n, k) <= cache_bytes / 2
    }

    /// Bounds that say nothing, for rows of this standard deviation; `None` where they are not kept.
    fn new(n: usize, k: usize, deviation: f64, cache_bytes: u64) -> Option<Self> {
        let per_unit = (f64::from(u16::MAX) / (SPREADS * deviation)) as f32;
        if !per_unit.is_normal() || !Floors::are_kept(n, k, cache_bytes) {
            return None;
        }
        let stride = Floors::stride(k);
        let rows = (0..n).step_by(CHUNK_ROWS).map(|first| CHUNK_ROWS.min(n - first));
        Some(Floors { per_unit, stride, chunks: rows.map(|rows| Mutex::new(vec![0; rows * stride])).collect() })
    }

    /// A distance in units, at most that.
    fn down(&self, distance: f64) -> u16 {
        (distance * f64::from(self.per_unit) * (1.0 - 1e-9)) as u16
    }

    /// A distance in units, at least that, with as much room as [`Known::is_open`] leaves.
    fn up(&self, distance: f32) -> u16 {
        (f64::from(distance) * f64::from(self.per_unit) * (1.0 + 1e-6)).ceil() as u16
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
    /// Distances of these to centers.
    pub(super) compared: u64,
    floors: Option<Floors>,
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
    compared: u64,
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
        Changes { place: vec![NONE; k], touched, values, looked_at: 0, compared: 0 }
    }

    /// As new, in the same memory.
    fn clear(&mut self) {
        self.touched.drain(..).for_each(|change| self.place[change.cluster as usize] = NONE);
        self.values.clear();
        (self.looked_at, self.compared) = (0, 0);
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
    /// The nearest center of each of these.
    to: Vec<u32>,
    /// Centers that may be as near, of all rows one after the other, and where those of each row end.
    others: Vec<u32>,
    ends: Vec<usize>,
    /// Those of one row, and their squared distances.
    few: Vec<u32>,
    sq_dists: Vec<f64>,
    /// Rows, by their place in the list, that are compared with all centers, and what that takes and gives.
    compared: Vec<usize>,
    dense: Vec<f32>,
    sq_norms: Vec<f64>,
    nearest: Vec<Nearest>,
    clusters: Vec<u32>,
    floors: Vec<u16>,
}

/// Rows of a block as read.
enum Read<'a> {
    /// All of them, from this one on.
    Block { first: usize, values: &'a [f32] },
    /// Those of the list.
    List(&'a [f32]),
    /// Where the pool has them.
    Lent(&'a CheckedPool<'a>),
}

impl<'a> Read<'a> {
    /// A row of `dim` values, which is number `i` of the list.
    fn row(&self, i: usize, row: usize, dim: usize) -> &'a [f32] {
        match *self {
            Read::Block { first, values } => &values[(row - first) * dim..(row - first + 1) * dim],
            Read::List(values) => &values[i * dim..(i + 1) * dim],
            Read::Lent(pool) => pool.lent_row(row).expect("rows are lent or not, all of them"),
        }
    }

    /// So many rows, if these are all there are and lie one after the other.
    fn all(&self, len: usize) -> Option<&'a [f32]> {
        match *self {
            Read::Block { values, .. } | Read::List(values) => Some(values).filter(|values| values.len() == len),
            Read::Lent(_) => None,
        }
    }
}

/// What a block is compared with.
struct Centers<'a> {
    panel: &'a Panel,
    /// How far each has moved, in units, if there are floors: whole lanes.
    moved: Vec<u16>,
    floors: Option<&'a Floors>,
}

impl<'p> Lloyd<'p> {
    /// Of `k` centers, for rows of this standard deviation (about their mean, all columns together).
    pub(super) fn new(pool: &'p CheckedPool<'p>, k: usize, deviation: f64, ctx: &Context) -> Self {
        Lloyd {
            floors: Floors::new(pool.len(), k, deviation, ctx.cache_bytes()),
            pool,
            known: vec![Known { upper: f32::INFINITY, lower: 0.0, cluster: NONE }; pool.len()],
            sums: vec![0.0; k * pool.dim()],
            counts: vec![0; k],
            norms: vec![(0.0, 0.0); k],
            looked_at: 0,
            compared: 0,
        }
    }

    /// Bytes for so many clusters, without the centers.
    pub(super) fn bytes(shape: &Shape, k: usize) -> u64 {
        let (workers, block) = (shape.threads as u64, shape.block_rows.min(shape.n));
        // A matrix product packs its operands into memory of its own.
        let packed = 4 * shape.dim.min(512) * (block.min(1024) + k.min(512)) + (1 << 20);
        let floors = if Lloyd::keeps_floors(shape, k) { Floors::bytes(shape.n, k) } else { 0 };
        let of_block = if floors > 0 { block * (6 * Floors::stride(k) + 16) } else { 0 };
        let buffers =
            (block * (8 * shape.dim + 76) + of_block + packed) as u64 + PanelScratch::bytes(block, k, shape.dim);
        let changes = scan::MOST_AHEAD as u64 * workers * Changes::bytes(k, shape.dim);
        floors + (12 * shape.n + k * (8 * shape.dim + 24)) as u64 + changes + workers * buffers
    }

    /// Whether bounds are kept for each center.
    pub(super) fn keeps_floors(shape: &Shape, k: usize) -> bool {
        Floors::are_kept(shape.n, k, shape.cache_bytes)
    }

    /// Assigns every row to its nearest center, the lowest of equals. `moved` `(k,)` says how far each center is from
    /// where it was at the last call.
    pub(super) fn assign(&mut self, panel: &Panel, moved: &[f64], ctx: &Context) -> Result<(), Error> {
        let (pool, dim) = (self.pool, self.pool.dim());
        let block_rows = ctx.block_rows(dim);
        let moves = Moves::new(moved);
        let in_units = |floors: &Floors| {
            let mut units: Vec<u16> = moves.moved.iter().map(|moved| floors.up(*moved)).collect();
            units.resize(floors.stride, 0);
            units
        };
        let floors = self.floors.as_ref();
        let centers = Centers { panel, moved: floors.map_or_else(Vec::new, in_units), floors };
        let (sums, counts, norms) = (&mut self.sums, &mut self.counts, &mut self.norms);
        let (looked_at, compared) = (&mut self.looked_at, &mut self.compared);
        // What was merged serves again: at most as many as a pass holds at once.
        let spare = Mutex::new(Vec::new());
        scan::chunks(
            pool.len(),
            ctx,
            &mut self.known,
            Worker::default,
            |worker, rows, known| {
                moves.apply(known);
                let mut kept = floors.map(|floors| scan::lock(&floors.chunks[rows.start / CHUNK_ROWS]));
                let stride = floors.map_or(0, |floors| floors.stride);
                let mut changes = scan::lock(&spare).pop().unwrap_or_else(|| Changes::new(panel.len(), dim));
                for first in rows.clone().step_by(block_rows) {
                    let range = first..(first + block_rows).min(rows.end);
                    let at = range.start - rows.start..range.end - rows.start;
                    let floors =
                        kept.as_mut().map_or(&mut [][..], |kept| &mut kept[at.start * stride..at.end * stride]);
                    worker.look(pool, &centers, range, &mut known[at], floors, &mut changes, ctx)?;
                }
                Ok(Some(changes))
            },
            |mut changes: Changes| {
                *looked_at += changes.looked_at;
                *compared += changes.compared;
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
    /// Looks at the open rows of a block. `floors` has their bounds where these are kept.
    #[allow(clippy::too_many_arguments)] // what is known of a block, and what it changes
    fn look(
        &mut self,
        pool: &CheckedPool<'_>,
        centers: &Centers<'_>,
        range: Range<usize>,
        known: &mut [Known],
        floors: &mut [u16],
        changes: &mut Changes,
        ctx: &Context,
    ) -> Result<(), Error> {
        use subsel_formats::RowSource;
        let (dim, first, kernels) = (pool.dim(), range.start, ctx.kernels());
        self.find_open(centers, first, known, floors, ctx);
        if self.rows.is_empty() {
            return Ok(());
        }
        changes.looked_at += self.rows.len() as u64;
        let (mut stored, mut wide) = (std::mem::take(&mut self.stored), std::mem::take(&mut self.wide));
        // Reading in order is faster than picking out rows, unless these are few.
        let read = if pool.lent_row(first).is_some() {
            Read::Lent(pool)
        } else if pool.is_held() || 2 * self.rows.len() > range.len() {
            Read::Block { first, values: widened(kernels, pool.rows(range, &mut stored)?, &mut wide) }
        } else {
            pool.gather_f32(ctx, &self.rows, &mut stored, &mut wide)?;
            Read::List(&wide)
        };
        self.to.clear();
        self.compared.clear();
        for (i, &row) in self.rows.iter().enumerate() {
            if let Some(&next) = self.rows.get(i + 1) {
                kernels.prefetch(read.row(i + 1, next, dim));
            }
            let from = if i == 0 { 0 } else { self.ends[i - 1] };
            let known = &mut known[row - first];
            let found = match centers.floors {
                _ if known.cluster == NONE => None,
                None => (!known.stays_open(centers.panel, read.row(i, row, dim), ctx)).then_some(known.cluster),
                Some(of_all) => {
                    let floors = &mut floors[(row - first) * of_all.stride..(row - first + 1) * of_all.stride];
                    self.few.clear();
                    self.few.extend_from_slice(&self.others[from..self.ends[i]]);
                    let x = (read.row(i, row, dim), pool.sq_norms()[row]);
                    let found =
                        compare_few(of_all, centers.panel, known, &mut self.few, floors, x, &mut self.sq_dists, ctx);
                    changes.compared += 1 + if found.is_some() { self.few.len() as u64 } else { 0 };
                    found
                }
            };
            self.to.push(found.unwrap_or(NONE));
            if found.is_none() {
                self.compared.push(i);
            }
        }
        changes.compared += (self.compared.len() * centers.panel.len()) as u64;
        self.compare_all(pool, centers, (first, &read), known, floors, ctx);
        for (i, (&row, &to)) in self.rows.iter().zip(&self.to).enumerate() {
            let known = &mut known[row - first];
            if let Some(of_all) = centers.floors {
                floors[(row - first) * of_all.stride + to as usize] = u16::MAX;
            }
            if known.cluster != to {
                let (x, norm) = (read.row(i, row, dim), pool.sq_norms()[row].sqrt());
                if known.cluster != NONE {
                    changes.remove(known.cluster, x, norm);
                }
                changes.add(ctx, to, x, norm);
                known.cluster = to;
            }
        }
        (self.stored, self.wide) = (stored, wide);
        Ok(())
    }

    /// Compares the rows of the list that few comparisons do not settle with all centers.
    fn compare_all(
        &mut self,
        pool: &CheckedPool<'_>,
        centers: &Centers<'_>,
        (first, read): (usize, &Read<'_>),
        known: &mut [Known],
        floors: &mut [u16],
        ctx: &Context,
    ) {
        let (dim, kernels) = (pool.dim(), ctx.kernels());
        let Worker { scratch, rows, to, compared, dense, sq_norms, nearest, clusters, floors: fresh, .. } = self;
        let all = read.all(compared.len() * dim).unwrap_or_else(|| {
            dense.clear();
            compared.iter().for_each(|&i| dense.extend_from_slice(read.row(i, rows[i], dim)));
            dense
        });
        sq_norms.clear();
        sq_norms.extend(compared.iter().map(|&i| pool.sq_norms()[rows[i]]));
        nearest.resize(compared.len(), Nearest::NONE);
        clusters.resize(compared.len(), 0);
        let (all, norms) = (Rows::from_f32(all, dim), Some(&sq_norms[..]));
        match centers.floors {
            Some(of_all) => {
                fresh.resize(compared.len() * of_all.stride, 0);
                let per_unit = of_all.per_unit;
                kernels.assign_floors(all, norms, centers.panel, per_unit, scratch, nearest, clusters, fresh);
                for (&i, fresh) in compared.iter().zip(fresh.chunks_exact(of_all.stride)) {
                    let at = rows[i] - first;
                    floors[at * of_all.stride..(at + 1) * of_all.stride].copy_from_slice(fresh);
                }
            }
            None => kernels.assign_nearest(all, norms, centers.panel, scratch, nearest, clusters),
        }
        for ((&i, nearest), cluster) in compared.iter().zip(&*nearest).zip(&*clusters) {
            let known = &mut known[rows[i] - first];
            let (upper, lower) = nearest.sq_bounds();
            (known.upper, known.lower) = (self::upper(upper), (lower.sqrt() as f32).next_down());
            to[i] = *cluster;
        }
    }

    /// Lists the rows whose bounds do not stay apart, and the centers that may be as near as their own, after lowering
    /// `floors` by how far centers have moved.
    fn find_open(&mut self, centers: &Centers<'_>, first: usize, known: &[Known], floors: &mut [u16], ctx: &Context) {
        self.rows.clear();
        self.others.clear();
        self.ends.clear();
        let Some(of_all) = centers.floors else {
            let open = known.iter().enumerate().filter(|(_, known)| known.is_open());
            self.rows.extend(open.map(|(i, _)| first + i));
            self.ends.resize(self.rows.len(), 0);
            return;
        };
        for ((i, known), floors) in known.iter().enumerate().zip(floors.chunks_exact_mut(of_all.stride)) {
            let before = self.others.len();
            if known.cluster != NONE {
                ctx.kernels().lower_floors(floors, &centers.moved, of_all.up(known.upper), &mut self.others);
            }
            if known.cluster == NONE || self.others.len() > before {
                self.rows.push(first + i);
                self.ends.push(self.others.len());
            }
        }
    }
}

/// The center nearest to the row `x`, which is its own or one of `others`; `None` where these are so many that all are
/// compared as soon.
#[allow(clippy::too_many_arguments)] // what is known of a row
fn compare_few(
    of_all: &Floors,
    panel: &Panel,
    known: &mut Known,
    others: &mut Vec<u32>,
    floors: &mut [u16],
    (x, sq_norm): (&[f32], f64),
    sq_dists: &mut Vec<f64>,
    ctx: &Context,
) -> Option<u32> {
    let (own, error) = (known.cluster, panel.sq_dist_error(sq_norm));
    if others.len() > panel.len() || error.is_infinite() {
        return None;
    }
    let mut own_sq_dist = [0.0];
    ctx.kernels().sq_dists_near(x, sq_norm, panel, &[own], &mut own_sq_dist);
    let [own_sq_dist] = own_sq_dist;
    known.upper = upper(own_sq_dist + error);
    let limit = of_all.up(known.upper);
    // The own one and the padding have the greatest bounds, which may be reached all the same.
    others.retain(|&other| other != own && (other as usize) < panel.len() && floors[other as usize] <= limit);
    if ONE_BY_ONE * others.len() > panel.len() {
        return None;
    }
    sq_dists.resize(others.len(), 0.0);
    ctx.kernels().sq_dists_near(x, sq_norm, panel, others, sq_dists);
    let lower = |sq_dist: f64| of_all.down((sq_dist - error).max(0.0).sqrt());
    others.iter().zip(&*sq_dists).for_each(|(other, sq_dist)| floors[*other as usize] = lower(*sq_dist));
    // Which is the nearest the errors may leave open: then canonical distances decide, the lowest of equals.
    let least = sq_dists.iter().copied().fold(own_sq_dist, f64::min);
    let may_be = |sq_dist: f64| sq_dist <= least + 2.0 * error;
    let mut contenders =
        others.iter().zip(&*sq_dists).filter(|(_, sq_dist)| may_be(**sq_dist)).map(|(other, _)| *other);
    let nearest = match (contenders.next(), may_be(own_sq_dist)) {
        (None, _) => own,
        (Some(other), is_own) => {
            let rest: Vec<u32> = contenders.chain(is_own.then_some(own)).collect();
            let key = |center: u32| (crate::top::Key(sq_dist(x, panel, center, ctx)), center);
            if rest.is_empty() { other } else { rest.into_iter().chain([other]).map(key).min()?.1 }
        }
    };
    if nearest != own {
        floors[own as usize] = lower(own_sq_dist);
        known.upper = upper(least + 2.0 * error);
    }
    Some(nearest)
}

/// At least the root.
fn upper(sq_dist: f64) -> f32 {
    (sq_dist.max(0.0).sqrt() as f32).next_up()
}
