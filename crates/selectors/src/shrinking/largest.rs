//! Picking the row of largest value, lazily and exactly.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::{Known, Shrinking, TIE};
use crate::Error;
use crate::context::Context;

/// Rows evaluated at once, at most. Batches grow by 4 from 1, so that little is wasted and little is done one by one.
const BATCH: usize = 256;

/// The lazy maximum over shrinking values.
pub(crate) struct Largest {
    n: usize,
    heap: BinaryHeap<Entry>,
    evaluations: u64,
}

/// A row and an upper bound of its value.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Entry {
    bound: f64,
    row: usize,
}

impl Eq for Entry {}

impl Ord for Entry {
    /// By bound, then the lower row first.
    fn cmp(&self, other: &Self) -> Ordering {
        self.bound.total_cmp(&other.bound).then(other.row.cmp(&self.row))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The row picked and its value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LargestRow {
    pub(crate) row: usize,
    pub(crate) value: f64,
}

impl Largest {
    /// Starts from an upper bound per row; rows of bound 0 or less are out of play.
    pub(crate) fn new(bounds: &[f64]) -> Self {
        Largest { n: bounds.len(), heap: heap_of(bounds), evaluations: 0 }
    }

    /// Starts over from other bounds.
    pub(crate) fn reset(&mut self, bounds: &[f64]) {
        self.heap = heap_of(bounds);
    }

    /// Takes the row of largest current value out of play; the lowest row among equals. `None` when none is above 0.
    pub(crate) fn next(&mut self, ctx: &Context, method: &mut impl Shrinking) -> Result<Option<LargestRow>, Error> {
        ctx.go_on()?;
        if method.wants_refresh() {
            self.refresh(ctx, method)?;
        }
        let mut evaluated: Vec<(LargestRow, f64)> = Vec::new();
        let mut floor = 0.0;
        let mut best = 0.0;
        let mut batch = 1;
        let (mut rows, mut known) = (Vec::new(), Vec::new());
        loop {
            rows.clear();
            while rows.len() < batch && self.heap.peek().is_some_and(|top| top.bound > 0.0 && top.bound >= floor) {
                rows.extend(self.heap.pop().map(|entry| entry.row));
            }
            if rows.is_empty() {
                break;
            }
            known.clear();
            self.evaluations += rows.len() as u64;
            method.tighten(ctx, &rows, floor, &mut known)?;
            for (&row, &Known { value, bound }) in rows.iter().zip(&known) {
                match value {
                    Some(value) => {
                        best = f64::max(best, value);
                        evaluated.push((LargestRow { row, value }, bound));
                    }
                    None => self.heap.push(Entry { bound, row }),
                }
            }
            floor = best * (1.0 - TIE);
            batch = (batch * 4).min(BATCH);
        }
        let winner =
            evaluated.iter().map(|(found, _)| *found).filter(|found| found.value > 0.0 && found.value >= floor);
        let winner = winner.min_by_key(|found| found.row);
        for (found, bound) in evaluated {
            if winner.is_none_or(|winner| winner.row != found.row) {
                self.heap.push(Entry { bound, row: found.row });
            }
        }
        Ok(winner)
    }

    /// Rows evaluated so far.
    pub(crate) fn evaluations(&self) -> u64 {
        self.evaluations
    }

    fn refresh(&mut self, ctx: &Context, method: &mut impl Shrinking) -> Result<(), Error> {
        let mut bounds = vec![0.0; self.n];
        self.heap.iter().for_each(|entry| bounds[entry.row] = entry.bound);
        method.refresh(ctx, &mut bounds)?;
        self.reset(&bounds);
        Ok(())
    }

    /// Bytes for so many rows: the heap, and the bounds while it is rebuilt.
    pub(crate) fn bytes(n: usize) -> u64 {
        (n * (2 * size_of::<Entry>() + 8)) as u64
    }
}

fn heap_of(bounds: &[f64]) -> BinaryHeap<Entry> {
    let entries = bounds.iter().enumerate().filter(|(_, bound)| **bound > 0.0);
    entries.map(|(row, &bound)| Entry { bound, row }).collect()
}
