//! `subsel select`: picks, their manifest and a summary.

use std::process::ExitCode;
use std::time::Instant;

use subsel::{Budget, Context, Pool};

use crate::advise::{self, AUTO};
use crate::args::SelectArgs;
use crate::failure::{Failure, INTERRUPTED};
use crate::input::{Loaded, Request, load};
use crate::manifest::{BudgetRecord, Manifest, MethodRecord};
use crate::output::Targets;
use crate::run::{Made, MemoryLimit, Order, check_pool};
use crate::summary::{Measured, tell};
use crate::usage::{self, Chosen};
use crate::{messages, progress};

/// Runs the command.
pub(crate) fn run(args: SelectArgs) -> Result<ExitCode, Failure> {
    let began = Instant::now();
    // A budget of costs needs no count.
    let all = args.constraints.cost_budget.map(|_| "100%");
    let budgets = usage::budgets(args.n.as_deref().or(all), &args.other_tools)?;
    if let Some(text) = args.method.as_deref().filter(|text| *text != AUTO) {
        // A name that is no method is known before any file is opened.
        usage::method(text)?;
    }
    let (request, side) = Request::new(&args.read)?.knowing(&args.known);
    let constraints = args.constraints.constraints()?;
    let request = Request { dedup: args.dedup, constraints, ..request };
    let targets = Targets::new(&args.output, args.rest.as_deref(), &request, &side)?;
    let writers = targets.begin(args.say.force)?;
    let mut ctx = args.run.context()?;
    let mut loaded = load(&request, &side, args.read.scratch.as_deref())?;
    let (loaded, pool) = loaded.pool();
    let chosen = choose(&args, loaded, &pool, &budgets, &mut ctx)?;
    let order = Order { selector: &*chosen.selector, budgets: &budgets };
    let limit = MemoryLimit { max_memory: args.run.max_memory, output_bytes: targets.rest_bytes(loaded) };
    let planned_bytes = order.check_plan(loaded, &pool, request.dedup, &mut ctx, &limit)?.max(chosen.bytes);

    let watched = progress::watch(&mut ctx, args.say.quiet);
    let outcome = check_pool(&pool, request.dedup, &mut ctx).and_then(|(checked, duplicates)| {
        let check_secs = began.elapsed().as_secs_f64();
        Ok((check_secs, checked.n_candidates(), duplicates, order.select(&checked, &mut ctx)?))
    });
    drop(watched);
    let (check_secs, candidates, duplicates, made) = outcome.map_err(|error| loaded.explain(error))?;

    let manifest = Manifest {
        seed: args.run.seed,
        candidates,
        rest: targets.rest.as_ref().map(|path| path.display().to_string()),
        output: targets.output.display().to_string(),
        ..describe(request, loaded, &chosen, &order, &made)
    };
    let apart = order.has_budget_column();
    let selections = made.selections.iter().zip(&made.asked);
    let selections: Vec<_> = selections.map(|(selection, budget)| (apart.then_some(*budget), selection)).collect();
    writers.write(&targets, loaded, &selections, &duplicates, &manifest)?;
    let measured = Measured {
        total_secs: began.elapsed().as_secs_f64(),
        check_secs,
        planned_bytes,
        threads: ctx.threads().current_num_threads(),
        isa: ctx.kernels().isa(),
    };
    tell(&args, &manifest, &targets, &made, &measured)?;
    Ok(if manifest.complete { ExitCode::SUCCESS } else { ExitCode::from(INTERRUPTED) })
}

/// The method named, or what the evidence speaks for, which is told.
fn choose(
    args: &SelectArgs,
    loaded: &Loaded,
    pool: &Pool<'_>,
    budgets: &[Budget],
    ctx: &mut Context,
) -> Result<Chosen, Failure> {
    let limit = (args.run.max_memory, loaded.bytes());
    let candidates = loaded.candidates();
    let resolved = budgets.iter().map(|budget| budget.resolve(candidates)).collect::<Result<Vec<_>, _>>()?;
    let chosen = advise::choose(args.method.as_deref(), pool, resolved.into_iter().max().unwrap_or(1), limit, ctx)?;
    if let (Some(reason), false) = (&chosen.default_reason, args.say.quiet) {
        messages::note(&format!("method {}: {reason} (`subsel advise` tells more)", chosen.selector.text()));
    }
    Ok(chosen)
}

/// The manifest of what was made, less what only the command line knows.
fn describe(request: Request, loaded: &Loaded, chosen: &Chosen, order: &Order<'_>, made: &Made) -> Manifest {
    let budgets = order.budgets.iter().zip(made.rows_by_budget()).map(|(budget, rows)| BudgetRecord {
        asked: budget.to_string(),
        picks: rows.len(),
        picks_hash: subsel::rows_hash(rows.into_iter()),
    });
    let facts = made.selections.first().map(|selection| selection.facts.clone()).unwrap_or_default();
    Manifest {
        version: env!("CARGO_PKG_VERSION").into(),
        complete: made.is_complete(),
        fingerprint: facts.fingerprint,
        n: loaded.source.n_rows(),
        d: loaded.source.dim(),
        candidates: 0,
        labeled: loaded.n_labeled(),
        pool: request,
        side_files: loaded.side_files.clone(),
        method: MethodRecord {
            text: chosen.selector.text(),
            params: chosen.selector.params(),
            default_reason: chosen.default_reason.clone(),
        },
        seed: 0,
        budgets: budgets.collect(),
        picks_hash: subsel::rows_hash(made.rows()),
        output: String::new(),
        rest: None,
        warnings: made.warnings(),
        notes: loaded.notes.clone(),
        events: made.selections.iter().flat_map(|selection| selection.events.clone()).collect(),
    }
}
