//! Picking by largest gain: lazily, by whole passes as textbooks do, or from random samples.

use subsel_kernels::Similarity;

use super::Gains;
use crate::Error;
use crate::context::Context;
use crate::pool::CheckedPool;
use crate::random::Draws;
use crate::shrinking::{Largest, Shrinking, TIE};

/// How the row of largest gain is found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Finder {
    /// By bounds.
    Lazy,
    /// All canonical gains at every pick.
    Full,
    /// The largest of so many candidates, drawn anew for every pick.
    Sample(usize),
}

/// A row picked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Picked {
    pub(crate) row: usize,
    /// Its canonical gain.
    pub(crate) gain: f64,
    /// How many rows it represents better than the rows taken before.
    pub(crate) rows: usize,
}

/// Hands up to `budget` picks to `picked`, best first: fewer if no candidate gains anything more. Labeled rows count as
/// taken. The part of each row in a gain is multiplied by its weight, if there are weights: 0 or more. Gives the sum of
/// the similarities of all rows to the taken row that each is most alike, by weight.
///
/// # Errors
/// Reading, interruption.
pub(crate) fn pick(
    pool: &CheckedPool<'_>,
    similarity: Similarity,
    weights: Option<Vec<f64>>,
    finder: Finder,
    budget: usize,
    ctx: &mut Context,
    mut picked: impl FnMut(Picked),
) -> Result<f64, Error> {
    let mut gains = Gains::new(pool, similarity, weights, ctx)?;
    let mut source = match finder {
        Finder::Lazy => {
            gains.bound_all(ctx)?;
            Source::Lazy(Largest::new(&gains.highs()))
        }
        Finder::Full => Source::Full(pool.candidates().collect()),
        Finder::Sample(size) => {
            // Where samples name most rows anyway, one look at each pair costs least.
            if 2 * size.saturating_mul(budget) > pool.len() {
                gains.tabulate(ctx)?;
            }
            Source::Sample { rest: pool.candidates().collect(), size, draws: Draws::new(ctx.stream("sample")) }
        }
    };
    ctx.progress().begin("picking", budget as u64);
    let mut n_picked = 0;
    while n_picked < budget {
        let Some((row, gain)) = source.next(ctx, &mut gains)? else { break };
        if !ctx.take(pool, row)? {
            continue;
        }
        gains.add(ctx, row)?;
        picked(Picked { row, gain, rows: gains.last_changed() });
        match finder {
            Finder::Full => gains.forget(),
            Finder::Sample(_) if gains.is_full() => gains.forget(),
            _ => {}
        }
        n_picked += 1;
        ctx.progress().at(n_picked as u64);
    }
    if let Source::Lazy(largest) = source {
        ctx.record("evaluations", largest.evaluations());
    }
    Ok(gains.total())
}

/// Where picks come from.
enum Source {
    Lazy(Largest),
    /// The candidates left.
    Full(Vec<usize>),
    Sample {
        rest: Vec<usize>,
        size: usize,
        draws: Draws,
    },
}

impl Source {
    /// The next pick and its gain, which is no candidate from now on; `None` if nothing gains.
    fn next(&mut self, ctx: &Context, gains: &mut Gains<'_>) -> Result<Option<(usize, f64)>, Error> {
        match self {
            Source::Lazy(largest) => Ok(largest.next(ctx, gains)?.map(|found| (found.row, found.value))),
            Source::Full(rest) => {
                ctx.go_on()?;
                let values = gains.canonical(ctx, rest)?;
                let best = best_of(rest, &values);
                rest.retain(|row| best.is_none_or(|(best, _)| best != *row));
                Ok(best)
            }
            Source::Sample { rest, size, draws } => {
                ctx.go_on()?;
                // The sample comes to the front, as in a shuffle that is broken off. A sample without gain says
                // nothing of the others, so the next is twice as large.
                let mut size = (*size).min(rest.len());
                loop {
                    for at in 0..size {
                        let other = at + draws.below((rest.len() - at) as u64) as usize;
                        rest.swap(at, other);
                    }
                    let sample = &rest[..size];
                    let stale: Vec<usize> = sample.iter().copied().filter(|row| !gains.is_fresh(*row)).collect();
                    gains.catch_up(ctx, &stale, 0.0)?;
                    let best = gains.best(ctx, sample)?;
                    if let Some((row, _)) = best {
                        if let Some(at) = rest.iter().position(|other| *other == row) {
                            rest.swap_remove(at);
                        }
                        return Ok(best);
                    }
                    if size == rest.len() {
                        return Ok(None);
                    }
                    size = (2 * size).min(rest.len());
                }
            }
        }
    }
}

impl Gains<'_> {
    /// The row of the largest gain of a few that are up to date, and the gain; `None` if none gains.
    fn best(&mut self, ctx: &Context, rows: &[usize]) -> Result<Option<(usize, f64)>, Error> {
        if self.has_table() {
            let mut known = Vec::new();
            self.tighten_by_table(ctx, rows, 0.0, 0.0, &mut known)?;
            let (rows, values): (Vec<usize>, Vec<f64>) =
                rows.iter().zip(known).filter_map(|(row, known)| Some((*row, known.value?))).unzip();
            return Ok(best_of(&rows, &values));
        }
        let contenders = self.contenders(rows, 0.0);
        let values = self.canonical(ctx, &contenders)?;
        Ok(best_of(&contenders, &values))
    }
}

/// The largest value above 0 and its row: the lowest of those within [`TIE`] of the largest.
fn best_of(rows: &[usize], values: &[f64]) -> Option<(usize, f64)> {
    let floor = values.iter().copied().fold(0.0, f64::max) * (1.0 - TIE);
    let near = rows.iter().copied().zip(values.iter().copied()).filter(|(_, value)| *value > 0.0 && *value >= floor);
    near.min_by_key(|(row, _)| *row)
}
