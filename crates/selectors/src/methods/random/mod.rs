//! Uniform selection: the opponent that every other method has to beat.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Error;
use crate::context::Context;
use crate::method::{MethodInfo, Selector, params_of};
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::random::Stream;
use crate::selection::{Pick, Reason};
use crate::top::Smallest;

#[cfg(test)]
mod tests;

pub(crate) static INFO: MethodInfo = MethodInfo {
    name: "random",
    aliases: &["uniform"],
    summary: "every row with the same chance",
    needs: "",
    rows: "any",
    nested: true,
    random: true,
    cost: "time O(n), memory O(budget)",
    source: "-",
    not_when: "few labels are to be bought and the features are good: methods that cover the pool save labels there",
    params: &[],
};

/// Uniform selection without replacement.
///
/// Every row has a key that depends on seed and row alone; the largest keys are taken. So the picks are nested, and
/// adding rows to the pool or labeling some changes nothing among the others.
///
/// # Cost
/// Time `O(n)`, memory `O(budget)`; reads no embeddings beyond the check.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Random {}

impl Selector for Random {
    fn info(&self) -> &'static MethodInfo {
        &INFO
    }

    fn params(&self) -> Map<String, Value> {
        params_of(self)
    }

    fn plan(&self, _shape: &Shape, budget: usize) -> Work {
        Work { bytes: 32 * budget as u64, ..Work::default() }
    }

    fn run(
        &self,
        pool: &CheckedPool<'_>,
        budget: usize,
        ctx: &mut Context,
        picks: &mut Vec<Pick>,
    ) -> Result<(), Error> {
        for (key, row) in draw_uniform(pool, ctx.stream("random"), pool.candidates(), budget) {
            picks.push(Pick::new(row, key, Reason::Uniform));
        }
        Ok(())
    }
}

/// So many of some rows, uniformly, with their keys in `[0, 1)`, the largest first. The numbers of the rows in the pool the
/// user knows decide, so that rows left out do not shift the draws of others.
pub fn draw_uniform(
    pool: &CheckedPool<'_>,
    stream: Stream,
    rows: impl Iterator<Item = usize>,
    budget: usize,
) -> Vec<(f64, usize)> {
    let mut smallest = Smallest::new(budget);
    for row in rows {
        let number = pool.global(row) as u64;
        // All 64 bits decide; the key shown is their first 53.
        smallest.push((u64::MAX - stream.bits(number), row));
    }
    let shown = |row: usize| stream.unit(pool.global(row) as u64);
    smallest.into_sorted().into_iter().map(|(_, row)| (shown(row), row)).collect()
}

/// Fills `picks` up to `budget` with uniformly drawn candidates that are not among them, and warns why: `after 7 picks
/// {why}: the rest was drawn uniformly`.
pub(crate) fn fill(
    pool: &CheckedPool<'_>,
    why: &str,
    budget: usize,
    ctx: &mut Context,
    picks: &mut Vec<Pick>,
) -> Result<(), Error> {
    let before = picks.len();
    if before == budget {
        return Ok(());
    }
    let mut taken = vec![false; pool.len()];
    picks.iter().for_each(|pick| taken[pick.row] = true);
    let rest = pool.candidates().filter(|row| !taken[*row]);
    let depth = if ctx.has_rules() { pool.n_candidates() } else { budget - before };
    for (_, row) in draw_uniform(pool, ctx.stream("fill"), rest, depth) {
        if picks.len() < budget && ctx.take(pool, row)? {
            picks.push(Pick::new(row, 0.0, Reason::Fill));
        }
    }
    // Where the rules of the run refuse every row, it ends for another reason, which they tell.
    if picks.len() > before {
        ctx.warn(format!("after {before} picks {why}: the rest was drawn uniformly"));
        ctx.record("filled_at_random", picks.len() - before);
    }
    Ok(())
}
