//! What a page shows of a selection, worked out in passes over the pool.

mod coverage;
mod nearness;
mod neighborly;
mod plane;
mod rows;

use subsel::{CheckedPool, Context};

pub use coverage::{Covered, knee};
pub use plane::Layout;

use crate::Error;

/// Picks whose neighbors are found, and which a page shows one by one.
pub const SHOWN: usize = 500;

/// Rows that are drawn on a map, at most; of more, evenly spaced ones are, and the picks.
pub const DRAWN: usize = 200_000;

/// Neighbors of each pick.
const NEIGHBORS: usize = 6;

/// Most picks that coverage and nearest picks are worked out for.
const COVERING: usize = 20_000;

/// Most multiplications for it: about a minute on two cores.
const WORK: f64 = 1e13;

/// Another row and how far it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbor {
    /// The row, from 0.
    pub row: usize,
    /// Its Euclidean distance.
    pub distance: f64,
}

/// What there is to see of a selection. Rows are numbered as the user knows them.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// The rows that are drawn, ascending.
    pub rows: Vec<usize>,
    /// Their places, each coordinate from 0 to 1, `(rows, 2)`.
    pub places: Vec<[f32; 2]>,
    /// What the two axes are.
    pub axes: String,
    /// Which pick (from 0, in rank order) is nearest to each drawn row.
    pub nearest_pick: Vec<u32>,
    /// The Euclidean distance to it.
    pub distances: Vec<f32>,
    /// Euclidean norms of the drawn rows.
    pub norms: Vec<f32>,
    /// Norms of the picks, in rank order.
    pub pick_norms: Vec<f64>,
    /// How the pool is covered as picks accumulate.
    pub coverage: Vec<Covered>,
    /// The nearest other rows of each of the first [`SHOWN`] picks, nearest first.
    pub neighbors: Vec<Vec<Neighbor>>,
    /// What was left out, and why.
    pub notes: Vec<String>,
}

impl Look {
    /// Looks at the picks `picks` (rows as the user knows them, in rank order) of a pool. Reads the pool three times, and
    /// once more for every 2,048 picks beyond the first.
    ///
    /// Distances to picks come from `f32` products of rows less the mean of the picks: relative to the squared norms of
    /// these they are off by at most `d` units in the last place, and far less as a rule. Neighbors are ordered by
    /// canonical distances.
    ///
    /// # Errors
    /// [`Error::PickOutOfRange`]; [`Error::TooManyRows`] for a layout by neighbors; reading, interruption.
    pub fn at(pool: &CheckedPool<'_>, picks: &[usize], layout: Layout, ctx: &Context) -> Result<Look, Error> {
        let locals = rows::locals(pool, picks)?;
        layout.check(pool.len())?;
        let mut look = Look::default();
        let drawn = rows::drawn(pool.len(), &locals);
        if drawn.len() < pool.len() {
            let (drawn, n) = (drawn.len(), pool.len());
            look.notes.push(format!("the map shows {drawn} of {n} rows: every k-th and the picks"));
        }
        (look.places, look.axes) = layout.places(pool, &drawn, ctx)?;
        let most = (WORK / (pool.len() as f64 * pool.dim() as f64)) as usize;
        let covering = &locals[..locals.len().min(most.clamp(SHOWN, COVERING))];
        if covering.len() < locals.len() {
            let (some, all) = (covering.len(), locals.len());
            look.notes.push(format!("coverage and nearest picks are of the first {some} of {all} picks"));
        }
        let near = nearness::near(pool, covering, SHOWN, NEIGHBORS, ctx)?;
        look.coverage = near.coverage;
        let global = |neighbor: &Neighbor| Neighbor { row: pool.global(neighbor.row), ..*neighbor };
        look.neighbors = near.neighbors.iter().map(|list| list.iter().map(global).collect()).collect();
        look.nearest_pick = drawn.iter().map(|row| near.pick[*row]).collect();
        look.distances = drawn.iter().map(|row| near.sq_dist[*row].sqrt()).collect();
        look.norms = drawn.iter().map(|row| pool.sq_norms()[*row].sqrt() as f32).collect();
        look.pick_norms = locals.iter().map(|row| pool.sq_norms()[*row].sqrt()).collect();
        look.rows = drawn.iter().map(|row| pool.global(*row)).collect();
        Ok(look)
    }

    /// Bytes that it and its page take beyond the pool: of `n` rows of `dim` values, `picks` of them picked, on so many
    /// threads.
    pub fn bytes(n: usize, dim: usize, picks: usize, threads: usize, layout: Layout) -> u64 {
        let drawn = n.min(DRAWN + picks);
        // The look twice, and what it is packed into, which passes through memory several times as text.
        (2 * 36 * drawn + 70 * drawn + 500 * picks) as u64
            + nearness::bytes(n, dim, picks.min(COVERING), threads)
            + layout.bytes(n, dim)
    }
}

#[cfg(test)]
mod tests;
