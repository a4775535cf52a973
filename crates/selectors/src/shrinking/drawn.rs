//! Drawing rows in proportion to shrinking values, exactly.

use super::tree::Tree;
use super::{Known, Shrinking};
use crate::Error;
use crate::context::Context;
use crate::random::Draws;

/// Weights are bounds in units of the largest bound / 2^30, rounded up: 2^34 rows still sum within 64 bits.
const UNITS: f64 = (1u64 << 30) as f64;

/// When the total falls below this many units per row, rounding up would cost trials: the unit is chosen anew.
const FINE_ENOUGH: u64 = 1 << 8;

/// An exact sampler over shrinking values.
pub(crate) struct Drawn {
    tree: Tree,
    /// Units per value.
    scale: f64,
    /// Rows in play when the unit was last chosen.
    in_play: u64,
    draws: Draws,
    trials: u64,
}

/// A row drawn and its value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct DrawnRow {
    pub(crate) row: usize,
    pub(crate) value: f64,
}

impl Drawn {
    /// Starts from an upper bound per row, 0 for rows out of play.
    pub(crate) fn new(bounds: &[f64], draws: Draws) -> Self {
        let mut drawn = Drawn { tree: Tree::new(Vec::new()), scale: 0.0, in_play: 0, draws, trials: 0 };
        drawn.reset(bounds);
        drawn
    }

    /// Starts over from other bounds, going on with the same randomness.
    pub(crate) fn reset(&mut self, bounds: &[f64]) {
        let most = bounds.iter().copied().fold(0.0, f64::max);
        self.scale = if most > 0.0 { UNITS / most } else { 0.0 };
        self.in_play = bounds.iter().filter(|bound| **bound > 0.0).count() as u64;
        self.tree = Tree::new(bounds.iter().map(|bound| units(*bound, self.scale)).collect());
    }

    /// Draws the next row in proportion to the current values of `method`, and takes it out of play. `None` when every
    /// row in play has value 0.
    pub(crate) fn next(&mut self, ctx: &Context, method: &mut impl Shrinking) -> Result<Option<DrawnRow>, Error> {
        let mut known = Vec::with_capacity(1);
        loop {
            if self.tree.total() == 0 {
                return Ok(None);
            }
            ctx.go_on()?;
            if method.wants_refresh() {
                self.refresh(ctx, method)?;
                continue;
            }
            self.trials += 1;
            let row = self.tree.find(self.draws.below(self.tree.total()));
            // The acceptance level is drawn before any work, so that the work can stop once the row is certainly below.
            let level = self.draws.unit() * self.tree.weight(row) as f64 / self.scale;
            known.clear();
            method.tighten(ctx, &[row], level, &mut known)?;
            let Known { value, bound } = known[0];
            match value {
                Some(value) if value > level => {
                    self.tree.set(row, 0);
                    return Ok(Some(DrawnRow { row, value }));
                }
                _ => self.tree.set(row, units(bound, self.scale).min(self.tree.weight(row))),
            }
            if self.tree.total() < FINE_ENOUGH * self.in_play {
                self.rescale();
            }
        }
    }

    /// Puts a row just drawn back in play, so that it can be drawn again.
    pub(crate) fn put_back(&mut self, found: DrawnRow) {
        self.tree.set(found.row, units(found.value, self.scale));
    }

    /// Trials so far, accepted ones included.
    pub(crate) fn trials(&self) -> u64 {
        self.trials
    }

    fn refresh(&mut self, ctx: &Context, method: &mut impl Shrinking) -> Result<(), Error> {
        let mut bounds = self.bounds();
        method.refresh(ctx, &mut bounds)?;
        self.reset(&bounds);
        Ok(())
    }

    fn rescale(&mut self) {
        self.reset(&self.bounds());
    }

    fn bounds(&self) -> Vec<f64> {
        (0..self.tree.len()).map(|row| self.tree.weight(row) as f64 / self.scale).collect()
    }

    /// Bytes for so many rows: the tree, and the bounds while it is rebuilt.
    pub(crate) fn bytes(n: usize) -> u64 {
        2 * Tree::bytes(n) + 8 * n as u64
    }
}

/// A bound in whole units, rounded up so that it stays a bound.
fn units(bound: f64, scale: f64) -> u64 {
    // The product may round down; one more unit in the last place makes up for it.
    (bound * scale * (1.0 + f64::EPSILON)).ceil() as u64
}
