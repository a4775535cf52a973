//! `subsel plan`: passes, time and peak memory of a selection, told before it starts.

use serde::Serialize;
use subsel::plan::{Plan, Rates, Shape, bytes_text, plan, secs_text};
use subsel::{Context, Entry, Pool, Selector, parse_method, registry};

use crate::advise::{self, AUTO};
use crate::args::PlanArgs;
use crate::failure::{DONE, Failure};
use crate::input::{Loaded, Request, load};
use crate::memory;
use crate::messages::{self, count, counted};
use crate::run::rates;
use crate::usage::{self, Chosen};

/// Runs longer than this announce themselves and name a cheaper form.
pub(crate) const LONG_SECS: f64 = 600.0;

/// Rows per pick that the cheaper form draws at random beforehand.
const THINNED: usize = 10;

/// The JSON plan: the fields of the first plan, and all of them. Fields are only ever added.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    first: Option<&'a Plan>,
    /// Bytes a run may take.
    allowed_bytes: u64,
    plans: &'a [Plan],
}

/// What plans were made for.
pub(crate) struct Planned {
    pub(crate) plans: Vec<Plan>,
    /// What more memory would bring, and what is long.
    pub(crate) notes: Vec<String>,
    shape: Shape,
    threads: usize,
    allowed_bytes: u64,
}

impl Planned {
    /// The JSON plan.
    pub(crate) fn json(&self) -> impl Serialize {
        let first = self.plans.first();
        Report { first, allowed_bytes: self.allowed_bytes, plans: &self.plans }
    }
}

/// Runs the command.
pub(crate) fn run(args: PlanArgs) -> Result<u8, Failure> {
    // Known before any file is opened.
    usage::budgets(args.n.as_deref(), &args.other_tools)?;
    let (request, side) = Request::new(&args.read)?.knowing(&args.known);
    let mut ctx = args.run.context()?;
    let loaded = load(&request, &side, args.read.scratch.as_deref(), None, &mut ctx)?;
    let note = messages::notes_unless(args.json);
    let planned = make(&args, loaded, &mut ctx, &note)?;
    if args.json {
        messages::print_json(&planned.json())?;
    } else {
        messages::print(&text(&args, &planned))?;
        planned.notes.iter().for_each(|line| messages::note(line));
    }
    Ok(DONE)
}

/// Makes the plans.
pub(crate) fn make(
    args: &PlanArgs,
    mut loaded: Loaded,
    ctx: &mut Context,
    note: &dyn Fn(&str),
) -> Result<Planned, Failure> {
    let budgets = usage::budgets(args.n.as_deref(), &args.other_tools)?;
    let candidates = loaded.candidates();
    let (loaded, pool) = loaded.pool();
    let rates = rates(ctx);
    let shape = Shape::of(&pool, ctx);
    let (mut plans, mut sooner, mut long) = (Vec::new(), Vec::new(), Vec::new());
    for budget in budgets {
        let budget = budget.resolve(candidates)?;
        for Chosen { selector, bytes: choosing, .. } in selectors(args, &pool, budget, loaded.bytes(), ctx, note)? {
            let planned = |cache_bytes| {
                let mut plan = plan(&*selector, &Shape { cache_bytes, ..shape }, budget, &rates);
                plan.peak_bytes = choosing.max(plan.peak_bytes + loaded.bytes());
                plan
            };
            let least = planned(0).peak_bytes;
            let plan = planned(memory::cache_bytes(least, args.run.max_memory));
            let roomy = planned(u64::MAX);
            if plan.secs > LONG_SECS {
                long.push(long_run(&*selector, &shape, plan.budget, &rates, plan.secs));
            }
            if roomy.secs < plan.secs / 2.0 && roomy.peak_bytes < memory::available() {
                sooner.push(format!(
                    "{} takes about {} with `--max-memory {}`",
                    plan.method,
                    secs_text(roomy.secs),
                    memory::size_text(roomy.peak_bytes)
                ));
            }
            plans.push(plan);
        }
    }
    let notes = [long, sooner].concat();
    let threads = ctx.threads().current_num_threads();
    Ok(Planned { plans, notes, shape, threads, allowed_bytes: memory::allowed(args.run.max_memory) })
}

/// The methods asked for: named, all, or the default.
fn selectors(
    args: &PlanArgs,
    pool: &Pool<'_>,
    budget: usize,
    beside: u64,
    ctx: &mut Context,
    note: &dyn Fn(&str),
) -> Result<Vec<Chosen>, Failure> {
    let mut all = Vec::new();
    let auto = [AUTO.to_owned()];
    for text in if args.method.is_empty() { &auto[..] } else { &args.method } {
        if text == AUTO {
            let chosen = advise::choose(None, pool, budget, (args.run.max_memory, beside), ctx)?;
            if let Some(reason) = &chosen.default_reason {
                note(&format!("method {}: {reason}", chosen.selector.text()));
            }
            all.push(chosen);
        } else if text == "all" {
            for entry in registry::all() {
                all.push(Chosen::named(entry.info.name)?);
            }
        } else {
            all.push(Chosen::named(text)?);
        }
    }
    Ok(all)
}

/// The plans for people.
pub(crate) fn text(args: &PlanArgs, planned: &Planned) -> String {
    let Planned { plans, shape, threads, allowed_bytes, .. } = planned;
    let mut rows = vec![["method", "picks", "passes", "time", "peak memory", ""].map(str::to_owned).to_vec()];
    for plan in plans {
        let fits =
            if plan.peak_bytes > *allowed_bytes { "more than allowed".into() } else { missing(args, &plan.method) };
        rows.push(vec![
            plan.method.clone(),
            count(plan.budget),
            passes_text(plan.passes),
            secs_text(plan.secs),
            bytes_text(plan.peak_bytes),
            fits,
        ]);
    }
    let mut text = format!(
        "{} rows of {} values, {}, {} allowed\n\n",
        count(shape.n),
        shape.dim,
        counted(*threads, "thread"),
        bytes_text(*allowed_bytes)
    );
    text.push_str(&messages::table(&rows));
    text
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
        // Of some that is so once rows are labeled: without them there is no model that they could have trained.
        Some(Entry { info, .. })
            if info.needs.starts_with("model outputs")
                && (args.known.labeled.is_some() || !info.needs.contains("once rows are labeled"))
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
    let forms = [(sparse(&text), SPARSE), (thinned(&text, shape, budget), "which looks at 10 random rows per pick,")];
    let plans = forms.into_iter().filter_map(|(form, what)| {
        let plan = plan(&*parse_method(&form?).ok()?, shape, budget, rates);
        let sooner = || format!("`--method {}`, {what} about {}", plan.method, secs_text(plan.secs));
        (plan.secs < secs / 2.0).then(sooner)
    });
    let sooner: Vec<String> = plans.collect();
    match sooner.is_empty() {
        true => format!("{long}; `--method random` takes a few seconds"),
        false => format!("{long}; {}", sooner.join("; ")),
    }
}

/// Neighbors in the sparse form of a method, and what it is.
const NEIGHBORS: usize = 32;
const SPARSE: &str = "by lists of the nearest rows instead of all pairs,";

/// The same method with lists of neighbors, if it has them.
fn sparse(text: &str) -> Option<String> {
    let (name, settings) = text.split_once(':').unwrap_or((text, ""));
    let has = registry::find(name)?.info.params.iter().any(|param| param.name == "neighbors");
    let is_bare = has && !settings.contains("neighbors=") && !text.contains('+');
    let comma = if settings.is_empty() { "" } else { "," };
    is_bare.then(|| format!("{name}:{settings}{comma}neighbors={NEIGHBORS}"))
}

/// The same method among random rows.
fn thinned(text: &str, shape: &Shape, budget: usize) -> Option<String> {
    let is_chain = text.contains('+');
    if is_chain || budget.saturating_mul(THINNED) >= shape.n {
        return None;
    }
    let refine = if text.contains(':') { ',' } else { ':' };
    Some(format!("random+{text}{refine}refine={THINNED}"))
}
