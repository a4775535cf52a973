//! The one way in: checks the settings and the pool once, then lets the method run.

use crate::Error;
use crate::constraints;
use crate::context::Context;
use crate::method::Selector;
use crate::pool::{CheckedPool, Pool};
use crate::selection::Selection;

/// Picks `budget` rows of `pool`.
///
/// An interruption of a nested method gives the picks made until then, marked not complete.
///
/// # Errors
/// Settings or budgets that break a rule, a pool that fails its check, reading, and [`Error::Interrupted`] for methods
/// whose partial picks mean nothing.
pub fn select(selector: &dyn Selector, pool: &Pool<'_>, budget: usize, ctx: &mut Context) -> Result<Selection, Error> {
    selector.check()?;
    let checked = CheckedPool::new(pool, ctx)?;
    select_checked(selector, &checked, budget, ctx)
}

/// [`select`] on a pool that is checked already, to run several selections after one check.
///
/// # Errors
/// As [`select`], less what checking the pool finds.
pub fn select_checked(
    selector: &dyn Selector,
    pool: &CheckedPool<'_>,
    budget: usize,
    ctx: &mut Context,
) -> Result<Selection, Error> {
    selector.check()?;
    let candidates = pool.n_candidates();
    if budget == 0 || budget > candidates {
        return Err(Error::Budget { budget, candidates });
    }
    warn_of_pool(pool, budget, ctx);
    let mut picks = Vec::new();
    let complete = match constraints::run(selector, pool, budget, false, ctx, &mut picks) {
        Ok(()) => true,
        Err(Error::Interrupted) if selector.nested() && !picks.is_empty() => false,
        Err(error) => return Err(error),
    };
    let may_end_early = selector.gives_fewer() || pool.constraints().cost_budget.is_some();
    debug_assert!(!complete || picks.len() == budget || may_end_early, "{} of {budget} picks", picks.len());
    for pick in &mut picks {
        pick.row = pool.global(pick.row);
        pick.reason.renumber(|row| pool.global(row));
    }
    let (warnings, events) = ctx.take_notes();
    Ok(Selection { picks, complete, warnings, events, facts: pool.facts().clone() })
}

fn warn_of_pool(pool: &CheckedPool<'_>, budget: usize, ctx: &mut Context) {
    let facts = pool.facts();
    if facts.dropped_rows > 0 {
        ctx.warn(format!("{} rows with non-finite values were left out of the pool", facts.dropped_rows));
    }
    if facts.zero_rows > 0 {
        ctx.warn(format!("{} rows are all zero: they have no direction and no norm", facts.zero_rows));
    }
    let distinct = facts.distinct.count();
    // An estimate is off by 1.6 % (standard error); only a clear shortage is worth a word.
    let short =
        if facts.distinct.is_exact() { distinct < budget as u64 } else { (distinct as f64) < 0.9 * budget as f64 };
    if short {
        let about = if facts.distinct.is_exact() { "" } else { "about " };
        ctx.warn(format!(
            "the pool has only {about}{distinct} distinct rows, fewer than the {budget} picks: some picks repeat others"
        ));
    }
}
