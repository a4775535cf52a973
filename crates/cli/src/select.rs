//! `subsel select`: picks, their manifest and a summary.

use std::path::PathBuf;
use std::time::Instant;

use subsel::{Budget, Context, Pool, Selection};
use subsel_formats::ToolFormat;

use crate::advise::{self, AUTO};
use crate::args::SelectArgs;
use crate::failure::{DONE, Failure, INTERRUPTED};
use crate::input::{Loaded, Request, load};
use crate::manifest::{BudgetRecord, Manifest, MethodRecord};
use crate::output::Targets;
use crate::run::{Made, MemoryLimit, Order, check_pool};
use crate::side::Sides;
use crate::summary::{Measured, tell};
use crate::usage::{self, Chosen};
use crate::{messages, progress, tools};

/// A selection made: all there is to write and to tell.
pub(crate) struct Selected {
    pub(crate) loaded: Loaded,
    pub(crate) made: Made,
    /// What the manifest says, but for the files written.
    pub(crate) manifest: Manifest,
    /// Near-duplicates left out.
    pub(crate) duplicates: Vec<usize>,
    /// Whether picks for several budgets stand in one table.
    apart: bool,
    check_secs: f64,
    /// What the library took: checking the pool and selecting.
    pub(crate) library_secs: f64,
    planned_bytes: u64,
}

impl Selected {
    /// The selections, each with its budget where a column tells them apart.
    pub(crate) fn selections(&self) -> Vec<(Option<usize>, &Selection)> {
        let selections = self.made.selections.iter().zip(&self.made.asked);
        selections.map(|(selection, budget)| (self.apart.then_some(*budget), selection)).collect()
    }
}

/// Runs the command.
pub(crate) fn run(args: SelectArgs) -> Result<u8, Failure> {
    let began = Instant::now();
    let (budgets, request, side) = understand(&args)?;
    if args.format.is_some() && budgets.len() > 1 {
        return Err(
            Failure::usage("tasks of a labeling tool are of one budget").hint("ask for one number of rows with `-n`")
        );
    }
    let targets = Targets::new(&args.output()?, args.rest.as_deref(), &request, &side)?;
    let writers = targets.begin(&args)?;
    let mut ctx = args.run.context()?;
    let watched = progress::watch(&mut ctx, args.say.quiet);
    let loaded = load(&request, &side, args.read.scratch.as_deref(), None, &mut ctx)?;
    writers.check_ids(&loaded)?;
    let texts = args.texts.as_deref().map(|path| tools::texts(path, loaded.source.n_rows())).transpose()?;
    let note = messages::notes_unless(args.say.quiet);
    let bytes = targets.rest_bytes(&loaded);
    let mut selected = select(&args, (budgets, request), loaded, (began, bytes), &mut ctx, &note)?;
    drop(watched);

    let manifest = &mut selected.manifest;
    manifest.rest = targets.rest.as_ref().map(|path| path.display().to_string());
    manifest.output = targets.output.display().to_string();
    let (loaded, made, manifest) = (&selected.loaded, &selected.made, &selected.manifest);
    writers.write(&targets, loaded, &selected.selections(), &selected.duplicates, texts.as_deref(), manifest)?;
    let measured = Measured {
        total_secs: began.elapsed().as_secs_f64(),
        check_secs: selected.check_secs,
        planned_bytes: selected.planned_bytes,
        threads: ctx.threads().current_num_threads(),
        isa: ctx.kernels().isa(),
    };
    tell(&args, manifest, &targets, made, &measured)?;
    Ok(if manifest.complete { DONE } else { INTERRUPTED })
}

impl SelectArgs {
    /// Where the picks go.
    fn output(&self) -> Result<PathBuf, Failure> {
        let extension = match &self.format {
            Some(format) => format.parse::<ToolFormat>()?.extension(),
            None => "csv",
        };
        Ok(self.output.clone().unwrap_or_else(|| format!("picks.{extension}").into()))
    }
}

/// What the options mean, before any file is opened.
pub(crate) fn understand(args: &SelectArgs) -> Result<(Vec<Budget>, Request, Sides), Failure> {
    // A budget of costs needs no count.
    let all = args.constraints.cost_budget.map(|_| "100%");
    let budgets = usage::budgets(args.n.as_deref().or(all), &args.other_tools)?;
    if let Some(text) = args.method.as_deref().filter(|text| *text != AUTO) {
        usage::method(text)?;
    }
    let (request, side) = Request::new(&args.read)?.knowing(&args.known);
    let constraints = args.constraints.constraints()?;
    Ok((budgets, Request { dedup: args.dedup, constraints, ..request }, side))
}

/// Picks. It began at some time, and writing will take `output_bytes`.
pub(crate) fn select(
    args: &SelectArgs,
    (budgets, request): (Vec<Budget>, Request),
    mut loaded: Loaded,
    (began, output_bytes): (Instant, u64),
    ctx: &mut Context,
    note: &dyn Fn(&str),
) -> Result<Selected, Failure> {
    let (opened, pool) = loaded.pool();
    let chosen = choose(args, opened, &pool, &budgets, ctx, note)?;
    let order = Order { selector: &*chosen.selector, budgets: &budgets };
    let limit = MemoryLimit { max_memory: args.run.max_memory, output_bytes };
    let planned_bytes = order.check_plan(opened, &pool, request.dedup, ctx, &limit, note)?.max(chosen.bytes);
    let library_began = Instant::now();
    let outcome = check_pool(&pool, request.dedup, ctx).and_then(|(checked, duplicates)| {
        let check_secs = began.elapsed().as_secs_f64();
        Ok((check_secs, checked.n_candidates(), duplicates, order.select(&checked, ctx)?))
    });
    let library_secs = library_began.elapsed().as_secs_f64();
    let (check_secs, candidates, duplicates, made) = outcome.map_err(|error| opened.explain(error))?;
    let manifest = Manifest { seed: args.run.seed, candidates, ..describe(request, opened, &chosen, &order, &made) };
    let apart = order.has_budget_column();
    Ok(Selected { made, manifest, duplicates, apart, check_secs, library_secs, planned_bytes, loaded })
}

/// The method named, or what the evidence speaks for, which is told.
fn choose(
    args: &SelectArgs,
    loaded: &Loaded,
    pool: &Pool<'_>,
    budgets: &[Budget],
    ctx: &mut Context,
    note: &dyn Fn(&str),
) -> Result<Chosen, Failure> {
    let limit = (args.run.max_memory, loaded.bytes());
    let candidates = loaded.candidates();
    let resolved = budgets.iter().map(|budget| budget.resolve(candidates)).collect::<Result<Vec<_>, _>>()?;
    let chosen = advise::choose(args.method.as_deref(), pool, resolved.into_iter().max().unwrap_or(1), limit, ctx)?;
    if let Some(reason) = &chosen.default_reason {
        note(&format!("method {}: {reason} (`subsel advise` tells more)", chosen.selector.text()));
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
