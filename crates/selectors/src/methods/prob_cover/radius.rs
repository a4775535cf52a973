//! A radius from the pool itself: how far rows are from the nearest row of another pseudo-class.

use std::ops::Range;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use subsel_formats::RowSource;
use subsel_kernels::{Block, Dtype, Panel, PanelScratch, Rows};

use crate::Error;
use crate::clustering::KMeans;
use crate::context::Context;
use crate::pairs::{self, Merge};
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::scan::{self, BlockAt};

/// The radius of the balls.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Delta {
    /// The largest radius at which half of the balls hold one pseudo-class only.
    #[default]
    Median,
    /// The largest radius at which 95 % of the balls hold one pseudo-class only: the paper's.
    Purity,
    /// This radius.
    Value(f64),
}

impl Serialize for Delta {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Delta::Median => serializer.serialize_str("median"),
            Delta::Purity => serializer.serialize_str("purity"),
            Delta::Value(value) => serializer.serialize_f64(*value),
        }
    }
}

impl<'de> Deserialize<'de> for Delta {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Raw {
            Value(f64),
            Name(String),
        }
        match Raw::deserialize(deserializer)? {
            Raw::Value(value) => Ok(Delta::Value(value)),
            Raw::Name(name) => match name.as_str() {
                "median" => Ok(Delta::Median),
                "purity" => Ok(Delta::Purity),
                _ => Err(D::Error::custom("must be median, purity or a number")),
            },
        }
    }
}

/// Iterations of the clustering into pseudo-classes at most.
const ITERATIONS: usize = 100;

impl Delta {
    /// Refuses a radius that is not finite and above 0, as a parameter of `method`.
    ///
    /// # Errors
    /// [`Error::Param`].
    pub fn check(self, method: &'static str) -> Result<(), Error> {
        match self {
            Delta::Value(value) if !(value.is_finite() && value > 0.0) => {
                let rule = "finite and above 0".into();
                Err(Error::Param { method, param: "delta", rule, got: value.to_string() })
            }
            _ => Ok(()),
        }
    }

    /// The squared radius in a pool whose rows are scaled as they are to be covered, with so many pseudo-classes. Infinite
    /// where the pool has one pseudo-class only.
    ///
    /// # Errors
    /// Reading, interruption.
    /// # Cost
    /// But for a given value, k-means and one look at half of all pairs of rows, `O(n^2 d)`.
    pub fn squared(self, pool: &CheckedPool<'_>, classes: usize, ctx: &Context) -> Result<f64, Error> {
        let n = pool.len();
        // Of n distances, ascending, as many as asked for are at least the one of this rank.
        let rank = match self {
            Delta::Value(value) => return Ok(value * value),
            Delta::Median => n - n.div_ceil(2),
            Delta::Purity => n - (95 * n).div_ceil(100),
        };
        let settings = KMeans { k: classes.min(n), iterations: ITERATIONS };
        let clustering = settings.fit(pool, ctx, ctx.stream("pseudo-classes"))?;
        foreign_sq_dist(pool, &clustering.assignment, rank, ctx)
    }

    /// Work of finding it.
    pub fn plan(self, shape: &Shape, classes: usize) -> Work {
        if matches!(self, Delta::Value(_)) {
            return Work::default();
        }
        let (n, d) = (shape.n as f64, shape.dim as f64);
        let fit = KMeans { k: classes.min(shape.n), iterations: ITERATIONS }.plan(shape);
        Work {
            passes: fit.passes + 1.0,
            gathered: fit.gathered + n,
            panel_ops: fit.panel_ops + n * n * d / 2.0,
            canonical_ops: fit.canonical_ops,
            bytes: fit.bytes.max(24 * shape.n as u64 + pairs::bytes(shape)),
        }
    }
}

/// The rows of a pool in another order.
pub(crate) struct Ordered<'a> {
    pub(crate) pool: &'a CheckedPool<'a>,
    pub(crate) order: Vec<usize>,
}

impl RowSource for Ordered<'_> {
    fn n_rows(&self) -> usize {
        self.order.len()
    }

    fn dim(&self) -> usize {
        self.pool.dim()
    }

    fn dtype(&self) -> Dtype {
        self.pool.dtype()
    }

    fn rows<'a>(&'a self, range: Range<usize>, scratch: &'a mut Block) -> Result<Rows<'a>, subsel_formats::Error> {
        self.pool.gather(&self.order[range], scratch)
    }

    fn gather<'a>(&'a self, rows: &[usize], scratch: &'a mut Block) -> Result<Rows<'a>, subsel_formats::Error> {
        let rows: Vec<usize> = rows.iter().map(|&row| self.order[row]).collect();
        self.pool.gather(&rows, scratch)
    }
}

/// Of the squared distances of every row to the nearest row of another class, the one of this rank, from 0, ascending.
/// Infinite where there is one class only.
///
/// Products give every row's within a proven error, by one look at each pair; the rows that may hold the answer are
/// compared canonically.
///
/// # Errors
/// Reading, interruption.
pub(crate) fn foreign_sq_dist(pool: &CheckedPool<'_>, class: &[u32], rank: usize, ctx: &Context) -> Result<f64, Error> {
    // By class, so that whole tiles can be left out.
    let mut order: Vec<usize> = (0..pool.len()).collect();
    order.sort_by_key(|&row| class[row]);
    let runs = order.chunk_by(|a, b| class[*a] == class[*b]);
    let (mut tiles, mut at) = (Vec::new(), 0);
    for run in runs {
        tiles.extend(pairs::tiles(at..at + run.len(), pool.dim()));
        at += run.len();
    }
    let of_tile: Vec<u32> = tiles.iter().map(|tile| class[order[tile.start]]).collect();
    if of_tile.first() == of_tile.last() {
        return Ok(f64::INFINITY);
    }
    let sq_norms: Vec<f64> = order.iter().map(|&row| pool.sq_norms()[row]).collect();
    let source = Ordered { pool, order };
    let mut least = vec![f32::INFINITY; pool.len()];
    pairs::for_pairs(
        &source,
        &sq_norms,
        &tiles,
        |left, right| of_tile[left] != of_tile[right],
        ctx,
        Merge { nothing: f32::INFINITY, merge: |least: &mut f32, more| *least = least.min(more) },
        &mut least,
        PanelScratch::default,
        |scratch, tiles, of_rows, of_panel| {
            let sq_norms = Some(tiles.sq_norms);
            ctx.kernels().least_sq_dists(tiles.rows.rows, sq_norms, tiles.panel, scratch, of_rows, of_panel);
        },
    )?;
    let error = largest_error(pool, ctx)?;
    let mut sorted = least.clone();
    let (_, middle, _) = sorted.select_nth_unstable_by(rank, f32::total_cmp);
    let middle = f64::from(*middle);
    // The answer lies within the error of `middle`, and so do all rows that may hold it within twice that.
    let is_below = |least: f32| error.is_finite() && f64::from(least) < middle - 2.0 * error;
    let is_above = |least: f32| error.is_finite() && f64::from(least) > middle + 2.0 * error;
    let below = least.iter().filter(|least| is_below(**least)).count();
    let between = least.iter().zip(&source.order).filter(|(least, _)| !is_below(**least) && !is_above(**least));
    let between: Vec<usize> = between.map(|(_, row)| *row).collect();
    let limit = if error.is_finite() { (middle + 3.0 * error).next_up() } else { f64::INFINITY };
    let mut exact = exact_foreign(pool, class, &between, limit, ctx)?;
    Ok(*exact.select_nth_unstable_by(rank - below, f64::total_cmp).1)
}

/// The error of every approximate squared distance in the pool.
fn largest_error(pool: &CheckedPool<'_>, ctx: &Context) -> Result<f64, Error> {
    let norms = pool.sq_norms().iter().enumerate();
    let (row, most) = norms.fold((0, 0.0), |best, (row, norm)| if *norm > best.1 { (row, *norm) } else { best });
    let mut wide = Vec::new();
    pool.gather_f32(ctx, &[row], &mut Block::default(), &mut wide)?;
    Ok(Panel::new(ctx.kernels(), &wide, pool.dim(), None).sq_dist_error(most))
}

/// Rows compared with all others in one pass.
const GROUP: usize = 1024;

/// Canonical squared distances of some rows to the nearest row of another class, each known to be below `limit`.
fn exact_foreign(
    pool: &CheckedPool<'_>,
    class: &[u32],
    rows: &[usize],
    limit: f64,
    ctx: &Context,
) -> Result<Vec<f64>, Error> {
    let (kernels, dim) = (ctx.kernels(), pool.dim());
    let (mut exact, mut wide) = (Vec::with_capacity(rows.len()), Vec::new());
    for group in rows.chunks(GROUP) {
        pool.gather_f32(ctx, group, &mut Block::default(), &mut wide)?;
        let panel = Panel::new(kernels, &wide, dim, None);
        let mut nearest = vec![f64::INFINITY; group.len()];
        let step = |scratch: &mut PanelScratch, folded: Option<Vec<f64>>, block: BlockAt<'_>, _: &mut [()]| {
            let mut nearest = folded.unwrap_or_else(|| vec![f64::INFINITY; group.len()]);
            let limits = vec![limit; block.rows.len()];
            let sq_norms = &pool.sq_norms()[block.range()];
            let mut wide = vec![0.0; dim];
            kernels.candidates_below(block.rows, Some(sq_norms), &panel, &limits, scratch, |row, center| {
                if class[block.first + row] != class[group[center]] {
                    kernels.widen(block.rows.slice(row..row + 1), &mut wide);
                    if let Some(found) = kernels.sq_dist_below(&wide, panel.center(center), nearest[center]) {
                        nearest[center] = found;
                    }
                }
            });
            Ok(nearest)
        };
        let mut state = vec![(); pool.len()];
        scan::pass(pool, ctx, &mut state, PanelScratch::default, step, |found: Vec<f64>| {
            nearest.iter_mut().zip(found).for_each(|(nearest, found)| *nearest = nearest.min(found));
            Ok(())
        })?;
        exact.append(&mut nearest);
    }
    Ok(exact)
}
