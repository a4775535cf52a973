//! Facility location where a row can be represented by its nearest rows only: lists instead of all pairs.

use subsel_kernels::Similarity;

use super::Picked;
use crate::Error;
use crate::context::Context;
use crate::neighbors::{KnnGraph, knn, knn_plan};
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::shrinking::{Known, Largest, Shrinking};

/// The rows that each row can represent, and their levels.
struct Sparse {
    /// Where the list of each row begins, and the end of all.
    starts: Vec<usize>,
    /// The rows that have this one among their nearest, itself among them, ascending.
    rows: Vec<u32>,
    /// How alike they are.
    alike: Vec<f64>,
    /// Similarity of each row to the taken row that it is most alike of those that can represent it.
    levels: Vec<f64>,
}

/// [`pick`](super::pick), lazily, by similarities to the `k` nearest rows of each row: to all others a row has
/// similarity 0. Every row represents itself.
///
/// # Errors
/// Reading, interruption.
pub(crate) fn pick(
    pool: &CheckedPool<'_>,
    similarity: Similarity,
    k: usize,
    budget: usize,
    ctx: &mut Context,
    mut picked: impl FnMut(Picked),
) -> Result<f64, Error> {
    let mut sparse = Sparse::new(&knn(pool, k, ctx)?, pool.sq_norms(), similarity);
    pool.labeled().iter().for_each(|&row| {
        sparse.raise(row);
    });
    let gains: Vec<f64> =
        (0..pool.len()).map(|row| if pool.is_candidate(row) { sparse.gain(row) } else { 0.0 }).collect();
    let mut largest = Largest::new(&gains);
    ctx.progress().begin("picking", budget as u64);
    let mut n_picked = 0;
    while n_picked < budget {
        let Some(found) = largest.next(ctx, &mut sparse)? else { break };
        if !ctx.take(pool, found.row)? {
            continue;
        }
        let rows = sparse.raise(found.row);
        picked(Picked { row: found.row, gain: found.value, rows });
        n_picked += 1;
        ctx.progress().at(n_picked as u64);
    }
    ctx.record("evaluations", largest.evaluations());
    Ok(sparse.levels.chunks(crate::CHUNK_ROWS).map(|chunk| chunk.iter().sum::<f64>()).sum())
}

/// Work of [`pick`].
pub(crate) fn plan(shape: &Shape, k: usize) -> Work {
    let work = knn_plan(shape, k);
    let entries = shape.n * (k.min(shape.n) + 1);
    Work { bytes: work.bytes + (entries * 12 + shape.n * 32) as u64 + Largest::bytes(shape.n), ..work }
}

impl Sparse {
    fn new(graph: &KnnGraph, sq_norms: &[f64], similarity: Similarity) -> Self {
        let n = sq_norms.len();
        let mut starts = vec![0; n + 1];
        for row in 0..n {
            starts[row + 1] += 1;
            graph.of(row).for_each(|(other, _)| starts[other + 1] += 1);
        }
        (0..n).for_each(|row| starts[row + 1] += starts[row]);
        let alike_of = |row: usize, other: usize, sq_dist: f64| {
            similarity.of(if similarity.is_of_dots() {
                0.5 * (sq_norms[row] + sq_norms[other] - sq_dist)
            } else {
                sq_dist
            })
        };
        let (mut rows, mut alike) = (vec![0; starts[n]], vec![0.0; starts[n]]);
        let mut ends = starts.clone();
        for row in 0..n {
            for (other, sq_dist) in std::iter::once((row, 0.0)).chain(graph.of(row)) {
                let at = ends[other];
                (rows[at], alike[at]) = (row as u32, alike_of(row, other, sq_dist));
                ends[other] += 1;
            }
        }
        Sparse { starts, rows, alike, levels: vec![0.0; n] }
    }

    /// The rows that `row` can represent and how alike they are.
    fn of(&self, row: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let range = self.starts[row]..self.starts[row + 1];
        self.rows[range.clone()].iter().map(|row| *row as usize).zip(self.alike[range].iter().copied())
    }

    /// What taking the row would add to the levels. Terms only shrink, and so does their rounded sum.
    fn gain(&self, row: usize) -> f64 {
        self.of(row).map(|(other, alike)| (alike - self.levels[other]).max(0.0)).sum()
    }

    /// Raises the levels by a row. Gives how many it raised.
    fn raise(&mut self, row: usize) -> usize {
        let mut raised = 0;
        for at in self.starts[row]..self.starts[row + 1] {
            let level = &mut self.levels[self.rows[at] as usize];
            if self.alike[at] > *level {
                *level = self.alike[at];
                raised += 1;
            }
        }
        raised
    }
}

impl Shrinking for Sparse {
    fn tighten(&mut self, _: &Context, rows: &[usize], _: f64, known: &mut Vec<Known>) -> Result<(), Error> {
        known.extend(rows.iter().map(|&row| {
            let gain = self.gain(row);
            Known { value: Some(gain), bound: gain }
        }));
        Ok(())
    }

    fn add(&mut self, _: &Context, row: usize) -> Result<(), Error> {
        self.raise(row);
        Ok(())
    }

    fn wants_refresh(&self) -> bool {
        false
    }

    fn refresh(&mut self, _: &Context, _: &mut [f64]) -> Result<(), Error> {
        Ok(())
    }
}
