//! `subsel plan`: passes, time and peak memory of a selection, told before it starts.

use std::process::ExitCode;

use serde::Serialize;
use subsel::plan::{Plan, Rates, Shape, bytes_text, plan, secs_text};
use subsel::{Context, Entry, Selector, parse_method, registry};

use crate::args::PlanArgs;
use crate::failure::Failure;
use crate::input::{Request, load};
use crate::messages::{self, count, counted};
use crate::{memory, usage};

/// Runs longer than this announce themselves and name a cheaper form.
pub(crate) const LONG_SECS: f64 = 600.0;

/// Rows per pick that the cheaper form draws at random beforehand.
const THINNED: usize = 10;

/// The JSON plan: the fields of the first plan, and all of them. Fields are only ever added.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    first: &'a Plan,
    /// Bytes a run may take.
    allowed_bytes: u64,
    plans: &'a [Plan],
}

/// Runs the command.
pub(crate) fn run(args: PlanArgs) -> Result<ExitCode, Failure> {
    let budgets = usage::budgets(args.n.as_deref(), &args.other_tools)?;
    let (request, side) = Request::new(&args.read)?.knowing(&args.known);
    let ctx = args.run.context()?;
    let mut loaded = load(&request, &side, args.read.scratch.as_deref())?;
    let candidates = loaded.candidates();
    let (loaded, pool) = loaded.pool();
    let rates = Rates::measure(&ctx);
    let shape = Shape::of(&pool, &ctx);
    let mut plans = Vec::new();
    for budget in budgets {
        let budget = budget.resolve(candidates)?;
        for selector in selectors(&args, budget, candidates)? {
            let mut plan = plan(&*selector, &shape, budget, &rates);
            plan.peak_bytes += loaded.bytes();
            plans.push(plan);
        }
    }
    tell(&args, &ctx, &shape, &rates, &plans)?;
    Ok(ExitCode::SUCCESS)
}

/// The methods asked for: named, all, or the default.
fn selectors(args: &PlanArgs, budget: usize, candidates: usize) -> Result<Vec<Box<dyn Selector>>, Failure> {
    if args.method.is_empty() {
        let chosen = usage::method(None, budget, candidates)?;
        if let (Some(reason), false) = (chosen.default_reason, args.json) {
            messages::note(&format!("method {} by default: {reason}", chosen.selector.text()));
        }
        return Ok(vec![chosen.selector]);
    }
    let mut all = Vec::new();
    for text in &args.method {
        if text == "all" {
            for entry in registry::all() {
                all.push(parse_method(entry.info.name).map_err(subsel::Error::from)?);
            }
        } else {
            all.push(usage::method(Some(text), budget, candidates)?.selector);
        }
    }
    Ok(all)
}

fn tell(args: &PlanArgs, ctx: &Context, shape: &Shape, rates: &Rates, plans: &[Plan]) -> Result<(), Failure> {
    let allowed_bytes = memory::allowed(args.run.max_memory);
    if args.json {
        let Some(first) = plans.first() else { return Ok(()) };
        return messages::print_json(&Report { first, allowed_bytes, plans });
    }
    let mut rows = vec![["method", "picks", "passes", "time", "peak memory", ""].map(str::to_owned).to_vec()];
    for plan in plans {
        let fits =
            if plan.peak_bytes > allowed_bytes { "more than allowed".into() } else { missing(args, &plan.method) };
        rows.push(vec![
            plan.method.clone(),
            count(plan.budget),
            passes_text(plan.passes),
            secs_text(plan.secs),
            bytes_text(plan.peak_bytes),
            fits,
        ]);
    }
    let threads = ctx.threads().current_num_threads();
    let mut text = format!(
        "{} rows of {} values, {}, {} allowed\n\n",
        count(shape.n),
        shape.dim,
        counted(threads, "thread"),
        bytes_text(allowed_bytes)
    );
    text.push_str(&messages::table(&rows));
    messages::print(&text)?;
    for plan in plans.iter().filter(|plan| plan.secs > LONG_SECS) {
        if let Ok(selector) = parse_method(&plan.method) {
            messages::note(&long_run(&*selector, shape, plan.budget, rates, plan.secs));
        }
    }
    Ok(())
}

/// What a method needs that the command line does not give.
fn missing(args: &PlanArgs, method: &str) -> String {
    match registry::find(method) {
        Some(Entry { info, .. }) if info.needs.starts_with("labels") && args.known.labels.is_none() => {
            format!("needs {}", info.needs)
        }
        Some(Entry { info, .. }) if info.needs.starts_with("scores") && args.known.scores.is_none() => {
            format!("needs {}", info.needs)
        }
        // Without labeled rows there is no model that they could have trained.
        Some(Entry { info, .. })
            if info.needs.starts_with("model outputs")
                && args.known.labeled.is_some()
                && args.known.probs.is_none()
                && args.known.logits.is_none() =>
        {
            format!("needs {}", info.needs)
        }
        _ => String::new(),
    }
}

fn passes_text(passes: f64) -> String {
    if passes < 10.0 && passes.fract() > 0.05 { format!("{passes:.1}") } else { count(passes.round() as usize) }
}

/// Says that a run is long and how to have something like it sooner.
pub(crate) fn long_run(selector: &dyn Selector, shape: &Shape, budget: usize, rates: &Rates, secs: f64) -> String {
    let text = selector.text();
    let long = format!("{text} will take about {}", secs_text(secs));
    match cheaper(&text, shape, budget, rates) {
        Some(plan) if plan.secs < secs / 2.0 => {
            format!(
                "{long}; `--method {}`, which looks at {THINNED} random rows per pick, about {}",
                plan.method,
                secs_text(plan.secs)
            )
        }
        _ => format!("{long}; `--method random` takes a few seconds"),
    }
}

/// The same method among random rows.
fn cheaper(text: &str, shape: &Shape, budget: usize, rates: &Rates) -> Option<Plan> {
    let is_chain = text.contains('+');
    if is_chain || budget.saturating_mul(THINNED) >= shape.n {
        return None;
    }
    let refine = if text.contains(':') { ',' } else { ':' };
    let selector = parse_method(&format!("random+{text}{refine}refine={THINNED}")).ok()?;
    Some(plan(&*selector, shape, budget, rates))
}
