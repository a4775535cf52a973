//! What rows are worth while messages pass.

use std::collections::BinaryHeap;

use super::{D2, Forward, Reverse};
use crate::neighbors::KnnGraph;
use crate::pool::CheckedPool;
use crate::selection::{Pick, Reason};
use crate::shrinking::TIE;
use crate::top::Key;

/// The worth of every row; it only shrinks, so that a heap of old values finds the largest.
pub(super) struct Messages<'g> {
    settings: &'g D2,
    graph: &'g KnnGraph,
    worth: Vec<f64>,
    /// As it was before anything was taken.
    pub(super) before: Vec<f64>,
    heap: BinaryHeap<(Key, std::cmp::Reverse<usize>)>,
}

impl<'g> Messages<'g> {
    /// Every row hears from its neighbors.
    pub(super) fn new(settings: &'g D2, graph: &'g KnnGraph, importance: &[f64]) -> Self {
        let worth: Vec<f64> = (0..importance.len())
            .map(|row| {
                let sent = graph.of(row).map(|(other, sq_dist)| settings.fade(1.0, sq_dist) * importance[other]);
                let sent: f64 = sent.sum();
                match settings.forward {
                    Forward::Sum => importance[row] + sent,
                    Forward::Product => importance[row] * sent,
                }
            })
            .collect();
        Messages { settings, graph, before: worth.clone(), worth, heap: BinaryHeap::new() }
    }

    /// Takes from the neighbors of `row` what it is worth.
    pub(super) fn take(&mut self, row: usize) {
        let worth = self.worth[row];
        // A row worth less than nothing would give to its neighbors instead.
        if worth <= 0.0 {
            return;
        }
        for (other, sq_dist) in self.graph.of(row) {
            let share = match self.settings.reverse {
                Reverse::Weighted => self.settings.fade(self.settings.gamma, sq_dist),
                Reverse::Absolute => 1.0,
            };
            self.worth[other] -= share * worth;
        }
    }

    /// Makes all candidates pickable.
    pub(super) fn pile_up(&mut self, pool: &CheckedPool<'_>) {
        self.heap = pool.candidates().map(|row| (Key(self.worth[row]), std::cmp::Reverse(row))).collect();
    }

    /// Picks the row of largest worth, the lowest of equals.
    pub(super) fn pick(&mut self) -> Option<Pick> {
        let mut equals: Vec<usize> = Vec::new();
        let mut floor = f64::NEG_INFINITY;
        while let Some(&(Key(old), std::cmp::Reverse(row))) = self.heap.peek() {
            if old < floor {
                break;
            }
            self.heap.pop();
            let worth = self.worth[row];
            if worth < old {
                self.heap.push((Key(worth), std::cmp::Reverse(row)));
                continue;
            }
            if equals.is_empty() {
                floor = worth - worth.abs() * TIE;
            }
            equals.push(row);
        }
        let row = equals.iter().copied().min()?;
        let others = equals.into_iter().filter(|other| *other != row);
        self.heap.extend(others.map(|other| (Key(self.worth[other]), std::cmp::Reverse(other))));
        let value = self.worth[row];
        self.take(row);
        Some(Pick::new(row, value, Reason::Message { value, before: self.before[row] }))
    }
}

impl D2 {
    /// How much of a message arrives.
    fn fade(&self, rate: f64, sq_dist: f64) -> f64 {
        let distance = if self.kernel_power == 2 { sq_dist } else { sq_dist.sqrt() };
        libm::exp(-(rate * distance))
    }
}
