//! Lists of nearest rows, which may learn of neighbors in any order.

use std::ops::Range;
use std::sync::Mutex;

use crate::scan::lock;

/// The neighbors found so far of one row, ascending by (distance, row). Places not yet taken are infinitely far.
struct List<'g> {
    indices: &'g mut [u32],
    sq_dists: &'g mut [f64],
}

impl<'g> List<'g> {
    fn of(row: usize, k: usize, indices: &'g mut [u32], sq_dists: &'g mut [f64]) -> Self {
        let range = row * k..(row + 1) * k;
        List { indices: &mut indices[range.clone()], sq_dists: &mut sq_dists[range] }
    }

    /// Takes a new neighbor in, or leaves it out where it is too far.
    fn insert(&mut self, index: u32, sq_dist: f64) {
        let equals = self.sq_dists.partition_point(|other| *other < sq_dist);
        let lower = |at: &usize| self.sq_dists[*at] == sq_dist && self.indices[*at] < index;
        let at = equals + (equals..self.sq_dists.len()).take_while(lower).count();
        if at < self.sq_dists.len() {
            self.sq_dists.copy_within(at..self.sq_dists.len() - 1, at + 1);
            self.indices.copy_within(at..self.indices.len() - 1, at + 1);
            (self.sq_dists[at], self.indices[at]) = (sq_dist, index);
        }
    }

    /// Takes in another list of the same row, which may have neighbors in common.
    fn merge(&mut self, indices: &[u32], sq_dists: &[f64], spare: &mut Vec<(f64, u32)>) {
        spare.clear();
        spare.extend(self.sq_dists.iter().copied().zip(self.indices.iter().copied()));
        let (mut ours, mut theirs) = (0, 0);
        for (sq_dist, index) in self.sq_dists.iter_mut().zip(&mut *self.indices) {
            // Each has as many as are taken, so that neither ends before.
            let (our, their) = (spare[ours], (sq_dists[theirs], indices[theirs]));
            (*sq_dist, *index) = if their < our { their } else { our };
            ours += usize::from(our <= their);
            theirs += usize::from(their <= our);
        }
    }
}

/// What the distance to row `index` must be below to enter a list whose last entry is this: of equals the lowest row
/// stays.
fn limit(last: (f64, u32), index: usize) -> f64 {
    if index < last.1 as usize { last.0.next_up() } else { last.0 }
}

/// A worker's copy of the lists of a tile.
#[derive(Default)]
pub(super) struct Side {
    /// The first row of the tile.
    pub(super) first: usize,
    /// Neighbors per row; 0 where the side is not to learn of pairs.
    k: usize,
    indices: Vec<u32>,
    sq_dists: Vec<f64>,
    /// For each row upper bounds of its `k` least squared distances so far, ascending.
    highs: Vec<f64>,
    /// Rows whose list has changed.
    changed: Vec<bool>,
    spare: Vec<(f64, u32)>,
}

/// The lists of a tile, for all workers.
pub(super) type Slot<'g> = Mutex<(&'g mut [u32], &'g mut [f64])>;

impl Side {
    /// Copies the lists of a tile; `k` is 0 where the side is not to learn of pairs.
    pub(super) fn begin(&mut self, rows: Range<usize>, k: usize, slot: &Slot<'_>) {
        (self.first, self.k) = (rows.start, k);
        self.indices.clear();
        self.sq_dists.clear();
        self.highs.clear();
        self.changed.clear();
        self.changed.resize(rows.len(), false);
        if k > 0 {
            let lists = lock(slot);
            self.indices.extend_from_slice(lists.0);
            self.sq_dists.extend_from_slice(lists.1);
            drop(lists);
            self.highs.extend_from_slice(&self.sq_dists);
        }
    }

    /// What the distance of row `at` of the tile to row `other` of the pool must be below to matter.
    pub(super) fn limit(&self, at: usize, other: usize) -> f64 {
        if self.k == 0 {
            return 0.0;
        }
        let last = (at + 1) * self.k - 1;
        // As near as the bound itself is still near enough.
        limit((self.sq_dists[last], self.indices[last]), other).min(self.highs[last].next_up())
    }

    /// The limits of all rows of the tile, to rows from `others` on.
    pub(super) fn limits(&self, others: usize, out: &mut Vec<f64>) {
        out.clear();
        out.extend((0..self.changed.len()).map(|at| self.limit(at, others)));
    }

    /// Hears that one more row is no farther than `high` from row `at`, and lowers the limit of that accordingly.
    pub(super) fn note(&mut self, at: usize, high: f64, limit: &mut f64) {
        let highs = &mut self.highs[at * self.k..(at + 1) * self.k];
        if high < highs[self.k - 1] {
            let place = highs.partition_point(|other| *other <= high);
            highs.copy_within(place..self.k - 1, place + 1);
            highs[place] = high;
            *limit = limit.min(highs[self.k - 1].next_up());
        }
    }

    /// Takes in row `other` of the pool as a neighbor of row `at` of the tile, or leaves it out where it is too far.
    pub(super) fn insert(&mut self, at: usize, other: usize, sq_dist: f64) {
        if sq_dist < self.limit(at, other) {
            List::of(at, self.k, &mut self.indices, &mut self.sq_dists).insert(other as u32, sq_dist);
            self.changed[at] = true;
        }
    }

    /// Hands in what was found.
    pub(super) fn end(&mut self, slot: &Slot<'_>) {
        let mut lists = lock(slot);
        let (indices, sq_dists) = &mut *lists;
        for at in (0..self.changed.len()).filter(|at| self.changed[*at]) {
            let own = List::of(at, self.k, &mut self.indices, &mut self.sq_dists);
            List::of(at, self.k, indices, sq_dists).merge(own.indices, own.sq_dists, &mut self.spare);
        }
    }
}
