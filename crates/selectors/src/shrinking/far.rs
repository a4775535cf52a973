//! Picking rows by their distance to what was taken: the loop that k-center and k-means++ share.

use super::{Driver, Nearest, RefreshRule};
use crate::Error;
use crate::context::Context;
use crate::methods::random;
use crate::pool::CheckedPool;
use crate::selection::{Pick, Reason};
use crate::start::Start;

/// Picks by the distances that `driver` goes by, from the labeled rows or else from `start`; when every row left
/// coincides with a taken one, the rest is drawn uniformly. Gives the driver back, for what it counted.
///
/// # Errors
/// Reading, interruption, a start that cannot be.
pub(crate) fn pick_far(
    pool: &CheckedPool<'_>,
    start: Start,
    rule: RefreshRule,
    driver: impl FnOnce(&[f64]) -> Driver,
    budget: usize,
    ctx: &mut Context,
    picks: &mut Vec<Pick>,
) -> Result<Driver, Error> {
    let mut nearest = Nearest::new(pool, rule);
    nearest.add_all(ctx, pool.labeled())?;
    if pool.labeled().is_empty() {
        let row = start.row(pool, ctx)?;
        if ctx.take(pool, row)? {
            nearest.add_all(ctx, &[row])?;
            picks.push(Pick::new(row, f64::MAX, Reason::Start));
        }
    }
    nearest.bring_all_up_to_date(ctx)?;
    let mut bounds = nearest.bounds();
    picks.iter().for_each(|pick| bounds[pick.row] = 0.0);
    let mut driver = driver(&bounds);
    drop(bounds);
    ctx.progress().begin("picking", budget as u64);
    while picks.len() < budget {
        let Some((row, _)) = driver.next(ctx, &mut nearest)? else {
            random::fill(pool, "every row left coincides with a taken one", budget, ctx, picks)?;
            break;
        };
        if ctx.take(pool, row)? {
            let (near, distance) = nearest.nearest(row);
            picks.push(Pick::new(row, distance, Reason::Far { nearest: near, distance }));
            super::Shrinking::add(&mut nearest, ctx, row)?;
            ctx.progress().at(picks.len() as u64);
        }
    }
    Ok(driver)
}
