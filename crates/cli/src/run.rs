//! A selection as the program makes it: settings, memory limit, progress, interruption, several budgets.

use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::time::Instant;

use subsel::dedup::{self, Dedup};
use subsel::plan::{Rates, Shape};
use subsel::{Budget, CheckedPool, Context, Pool, Selection, Selector, Settings, plan, select_checked};

use crate::args::RunArgs;
use crate::failure::{Failure, INTERRUPTED};
use crate::input::Loaded;
use crate::memory;

/// A context for these options, stopped by Ctrl-C.
///
/// `SUBSEL_ISA` chooses an instruction set, to show that the picks are the same on all.
pub(crate) fn context(seed: u64, threads: Option<usize>, block_rows: Option<usize>) -> Result<Context, Failure> {
    let ctx = quiet_context(seed, threads, block_rows)?;
    stop_on_signals(&ctx)?;
    Ok(ctx)
}

/// The same for a caller that handles signals itself.
pub(crate) fn quiet_context(seed: u64, threads: Option<usize>, block_rows: Option<usize>) -> Result<Context, Failure> {
    let isa = match std::env::var("SUBSEL_ISA") {
        Ok(name) if !name.is_empty() => {
            Some(name.parse().map_err(|message: String| Failure::usage(format!("SUBSEL_ISA: {message}")))?)
        }
        _ => None,
    };
    Ok(Context::new(&Settings { seed, threads, isa, block_rows, cache_bytes: None })?)
}

/// What this machine does in a second, measured once.
pub(crate) fn rates(ctx: &Context) -> Rates {
    static RATES: OnceLock<Rates> = OnceLock::new();
    *RATES.get_or_init(|| Rates::measure(ctx))
}

impl RunArgs {
    /// The context of these options.
    pub(crate) fn context(&self) -> Result<Context, Failure> {
        context(self.seed, self.threads, self.block_rows)
    }

    /// The same for a caller that handles signals itself.
    pub(crate) fn quiet_context(&self) -> Result<Context, Failure> {
        quiet_context(self.seed, self.threads, self.block_rows)
    }
}

/// The first signal asks the run to stop and write what is whole; the second ends the process.
fn stop_on_signals(ctx: &Context) -> Result<(), Failure> {
    let flag = ctx.cancel_flag();
    let stop = move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(INTERRUPTED));
        }
    };
    ctrlc::set_handler(stop).map_err(|error| Failure::new(format!("cannot listen for Ctrl-C: {error}")))
}

/// The rule of `--dedup`.
fn within_all(threshold: f64) -> Dedup {
    Dedup { threshold, clusters: None }
}

/// Checks a pool and, where that is asked for, leaves its near-duplicates out. Gives their rows.
pub(crate) fn check_pool<'a>(
    pool: &Pool<'a>,
    dedup: Option<f64>,
    ctx: &mut Context,
) -> Result<(CheckedPool<'a>, Vec<usize>), subsel::Error> {
    let mut checked = CheckedPool::new(pool, ctx)?;
    let duplicates = match dedup {
        Some(threshold) => within_all(threshold).find(&checked, ctx)?,
        None => Vec::new(),
    };
    let rows: Vec<usize> = duplicates.iter().map(|duplicate| duplicate.row).collect();
    checked.exclude(&rows);
    Ok((checked, rows))
}

/// What a run may take, and what it takes beyond the plan of its method.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MemoryLimit {
    /// `--max-memory`.
    pub(crate) max_memory: Option<u64>,
    /// Bytes of tables that are written.
    pub(crate) output_bytes: u64,
}

/// What is to be picked.
pub(crate) struct Order<'a> {
    /// The method.
    pub(crate) selector: &'a dyn Selector,
    /// How many rows, possibly several times.
    pub(crate) budgets: &'a [Budget],
}

impl Order<'_> {
    /// The budgets to run: a method whose first k picks are its picks for k runs once, with the largest.
    fn runs(&self, candidates: usize) -> Result<Vec<usize>, Failure> {
        let resolved = self.budgets.iter().map(|budget| budget.resolve(candidates));
        Ok(self.merged(resolved.collect::<Result<Vec<_>, _>>()?))
    }

    fn merged(&self, budgets: Vec<usize>) -> Vec<usize> {
        if self.selector.nested() { budgets.into_iter().max().into_iter().collect() } else { budgets }
    }

    /// Whether picks for several budgets stand in one table, told apart by a column.
    pub(crate) fn has_budget_column(&self) -> bool {
        self.budgets.len() > 1 && !self.selector.nested()
    }

    /// Refuses a run beyond the memory allowed, grants it what is left to keep things in, and announces a long one. Gives
    /// the bytes planned.
    pub(crate) fn check_plan(
        &self,
        loaded: &Loaded,
        pool: &Pool<'_>,
        dedup: Option<f64>,
        ctx: &mut Context,
        limit: &MemoryLimit,
        note: &dyn Fn(&str),
    ) -> Result<u64, Failure> {
        let shape = Shape::of(pool, ctx);
        let rates = rates(ctx);
        let runs = self.runs(loaded.candidates())?;
        let (constraints, most) = (&loaded.constraints, runs.iter().copied().max().unwrap_or(0));
        let depth = |budget| constraints.depth(self.selector, budget, loaded.candidates());
        let beside = loaded.bytes() + limit.output_bytes + constraints.bytes(shape.n, shape.dim, most);
        let planned = |shape: &Shape| {
            let mut plans: Vec<plan::Plan> =
                runs.iter().map(|&budget| plan::plan(self.selector, shape, depth(budget), &rates)).collect();
            plans.extend(dedup.map(|threshold| dedup::plan(&within_all(threshold), shape, &rates)));
            let need = plans.iter().map(|plan| plan.peak_bytes).max().unwrap_or(0) + beside;
            (plans, need)
        };
        let need = memory::grant(pool, ctx, limit.max_memory, |shape| planned(shape).1)?;
        let shape = Shape::of(pool, ctx);
        let (plans, _) = planned(&shape);
        let secs: f64 = plans.iter().map(|plan| plan.secs).sum();
        if let (true, Some(&budget)) = (secs > crate::plan::LONG_SECS, runs.iter().max()) {
            note(&crate::plan::long_run(self.selector, &shape, budget, &rates, secs));
        }
        Ok(need)
    }

    /// Makes the selections.
    pub(crate) fn select(&self, pool: &CheckedPool<'_>, ctx: &mut Context) -> Result<Made, subsel::Error> {
        let candidates = pool.n_candidates();
        let asked = self.budgets.iter().map(|budget| budget.resolve(candidates)).collect::<Result<Vec<_>, _>>()?;
        let runs = self.merged(asked.clone());
        let (began, cpu) = (Instant::now(), memory::cpu_secs());
        let mut run = |&budget: &usize| select_checked(self.selector, pool, budget, ctx);
        let selections = runs.iter().map(&mut run).collect::<Result<Vec<_>, _>>()?;
        let select_cpu_secs = memory::cpu_secs().zip(cpu).map(|(now, then)| now - then);
        Ok(Made { asked, selections, select_secs: began.elapsed().as_secs_f64(), select_cpu_secs })
    }
}

/// Selections made.
pub(crate) struct Made {
    /// The budgets in the order asked for.
    pub(crate) asked: Vec<usize>,
    /// One for each budget, or one for all of them.
    pub(crate) selections: Vec<Selection>,
    /// Seconds it took, without reading and checking the pool.
    pub(crate) select_secs: f64,
    /// The same summed over cores.
    pub(crate) select_cpu_secs: Option<f64>,
}

impl Made {
    /// The rows picked for each budget asked for, in rank order.
    pub(crate) fn rows_by_budget(&self) -> Vec<Vec<usize>> {
        let rows = |i: usize| {
            let selection = if self.selections.len() == 1 { &self.selections[0] } else { &self.selections[i] };
            selection.picks.iter().take(self.asked[i]).map(|pick| pick.row).collect()
        };
        (0..self.asked.len()).map(rows).collect()
    }

    /// All rows as they stand in the table of picks.
    pub(crate) fn rows(&self) -> impl Iterator<Item = usize> + '_ {
        self.selections.iter().flat_map(|selection| selection.picks.iter().map(|pick| pick.row))
    }

    /// Whether all picks asked for are there.
    pub(crate) fn is_complete(&self) -> bool {
        self.selections.iter().all(|selection| selection.complete)
    }

    /// Warnings, each once.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for warning in self.selections.iter().flat_map(|selection| &selection.warnings) {
            if !all.contains(warning) {
                all.push(warning.clone());
            }
        }
        all
    }
}
