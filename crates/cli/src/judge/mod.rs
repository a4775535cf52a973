//! `subsel judge`: one selection, with random rows beside it.

mod measure;
pub(crate) mod verdict;

use std::time::Instant;

use serde::Serialize;
use subsel::plan::{Plan, Shape, Work, plan_work, secs_text};
use subsel::{CheckedPool, Context, Pool};
use subsel_metrics::{Evaluator, Judge, JudgeSettings, Metric, all_evaluators, evaluator};

use crate::args::{JudgeArgs, KnownArgs, ReadArgs};
use crate::compare::given::Examples;
use crate::failure::{DONE, Failure};
use crate::input::{Inputs, Request, load};
use crate::messages::{self, count, counted};
use crate::picks::{Block, Picks};
use crate::run::rates;
use crate::side::Role;
use crate::{memory, progress};
use measure::{Labeled, Measured, measure};
use verdict::Line;

/// The JSON judgment. Fields are only ever added.
#[derive(Serialize)]
pub(crate) struct Report {
    version: &'static str,
    picks: String,
    /// The method of the manifest, where there is one.
    method: Option<String>,
    n: usize,
    d: usize,
    fingerprint: String,
    seed: u64,
    random_draws: usize,
    /// Labeled rows that count to the picks.
    labeled_counted: usize,
    settings: JudgeSettings,
    /// The radius of ball coverage and the width of MMD's kernel that were found.
    radius: Option<f64>,
    width: Option<f64>,
    blocks: Vec<Judged>,
    total_secs: f64,
    planned_bytes: u64,
    pub(crate) warnings: Vec<String>,
    pub(crate) notes: Vec<String>,
}

/// What is said of the picks for one budget.
#[derive(Serialize)]
struct Judged {
    budget: Option<usize>,
    picks: usize,
    metrics: Vec<Line>,
}

/// In the place of names: none at all, where nothing said would be all.
const NONE: &str = "none";

/// What judges.
struct Judges {
    metrics: Vec<Metric>,
    evaluators: Vec<Box<dyn Evaluator>>,
}

/// Runs the command.
pub(crate) fn run(args: JudgeArgs) -> Result<u8, Failure> {
    let mut ctx = args.run.context()?;
    let watched = progress::watch(&mut ctx, args.quiet);
    let report = judge(&args, Inputs::default(), &mut ctx, &messages::note)?;
    drop(watched);
    if !args.quiet {
        report.notes.iter().for_each(|note| messages::note(note));
    }
    report.warnings.iter().for_each(|warning| messages::warning(warning));
    if args.json {
        messages::print_json(&report)?
    } else {
        messages::print(&text(&report))?
    }
    Ok(DONE)
}

/// Judges picks.
pub(crate) fn judge(
    args: &JudgeArgs,
    inputs: Inputs,
    ctx: &mut Context,
    note: &dyn Fn(&str),
) -> Result<Report, Failure> {
    let began = Instant::now();
    let knows_labels = args.labels.is_some() || inputs.side.iter().any(|(role, _)| *role == Role::Labels);
    let judges = Judges::of(args, inputs.test.is_some(), knows_labels)?;
    let picks = match (inputs.picks, &args.picks) {
        (Some(given), _) => Picks::of(given, inputs.picks_manifest.as_deref())?,
        (None, Some(path)) => Picks::open(path)?,
        (None, None) => return Err(Failure::usage("there are no picks to judge")),
    };
    let (read, known) = args.given();
    let (read, known, mut notes) = match inputs.pool.is_some() {
        true => (read, known, Vec::new()),
        false => picks.as_made(read, known)?,
    };
    let (request, side) = Request::new(&read)?.knowing(&known);
    let mut loaded = load(&request, &side.with(inputs.side), read.scratch.as_deref(), inputs.pool, ctx)?;
    let (n, d) = (loaded.source.n_rows(), loaded.source.dim());
    picks.check_shape((n, d))?;
    let mut blocks = picks.blocks(n, loaded.ids.as_ref(), known.labeled_by)?;
    let (loaded, mut pool) = loaded.pool();
    let examples = match (inputs.test, args.test.as_slice()) {
        (Some((features, labels)), _) => Some(Examples::of("the test rows", features, &labels, None, &mut pool)?),
        (None, [features, labels]) => Some(Examples::open(features, labels, &read, &mut pool)?),
        _ => None,
    };
    notes.extend(loaded.notes.iter().cloned());
    notes.extend(examples.iter().flat_map(|examples| examples.notes.clone()));
    let beside = loaded.bytes() + examples.as_ref().map_or(0, |examples| examples.bytes() + 8 * examples.logits());
    let labeled_counted = if args.with_labeled { loaded.n_labeled() } else { 0 };
    if args.with_labeled && labeled_counted == 0 {
        return Err(Failure::usage("`--with-labeled` needs labeled rows").hint("`--labeled FILE` names them"));
    }
    let largest = labeled_counted + blocks.iter().map(|block| block.rows.len()).max().unwrap_or(1);
    let planned_bytes = plan(args, &judges, &pool, (blocks.len(), largest), beside, ctx, note)?;

    let checked = CheckedPool::new(&pool, ctx).map_err(|error| loaded.explain(error))?;
    picks.check_fingerprint(&checked)?;
    for block in &mut blocks {
        block.rows = picks.local(&checked, &block.rows)?;
    }
    let settings = JudgeSettings::default();
    let judge = Judge::new(&checked, &judges.metrics, &settings, ctx)?;
    let labeled = Labeled::new(&checked, examples.and_then(|examples| examples.test), &judges.evaluators, ctx)?;
    let mut all = Vec::with_capacity(blocks.len());
    for block in &blocks {
        all.push(judge_block(args, &judge, &labeled, &checked, block, ctx)?);
    }
    let (warnings, _) = ctx.take_notes();
    Ok(Report {
        version: env!("CARGO_PKG_VERSION"),
        picks: picks.name,
        method: picks.manifest.map(|manifest| manifest.method.text),
        n,
        d,
        fingerprint: checked.facts().fingerprint.clone(),
        seed: args.run.seed,
        random_draws: args.random_draws,
        labeled_counted,
        settings,
        radius: judge.radius(),
        width: judge.width(),
        blocks: all,
        total_secs: began.elapsed().as_secs_f64(),
        planned_bytes,
        warnings,
        notes,
    })
}

impl JudgeArgs {
    /// What is read and known, as typed.
    fn given(&self) -> (ReadArgs, KnownArgs) {
        let read = ReadArgs {
            inputs: self.pool.clone(),
            model: None,
            skip_broken: false,
            column: self.column.clone(),
            id_column: self.id_column.clone(),
            join: self.join,
            dtype: self.dtype,
            scratch: self.scratch.clone(),
        };
        let known = KnownArgs {
            ids: self.ids.clone(),
            labels: self.labels.clone(),
            labeled: self.labeled.clone(),
            exclude: self.exclude.clone(),
            labeled_by: self.labeled_by,
            drop_nonfinite: self.drop_nonfinite,
            ..KnownArgs::default()
        };
        (read, known)
    }
}

impl Judges {
    fn of(args: &JudgeArgs, tests: bool, labels: bool) -> Result<Self, Failure> {
        let tests = tests || !args.test.is_empty();
        if tests && !labels {
            return Err(Failure::usage("`--test` needs the labels of the picks").hint(
                "`--labels FILE` gives one label per row of the pool; those of rows that are never picked may be anything",
            ));
        }
        if args.random_draws < 2 {
            let message = format!("--random-draws must be at least 2, got {}", args.random_draws);
            return Err(Failure::usage(message).hint("a spread needs two draws; 20 tell it well"));
        }
        if args.evaluators.iter().any(|name| name != NONE) && !tests {
            return Err(Failure::usage("`--evaluators` need test rows").hint("`--test FEATURES LABELS` gives them"));
        }
        let parsed = args.metrics.iter().filter(|name| *name != NONE).map(|name| name.parse());
        let mut metrics: Vec<Metric> = parsed.collect::<Result<_, subsel_metrics::Error>>()?;
        let named = args.evaluators.iter().filter(|name| *name != NONE).map(|name| evaluator(name));
        let mut evaluators: Vec<Box<dyn Evaluator>> = named.collect::<Result<_, _>>()?;
        if metrics.is_empty() && !args.metrics.is_empty() && !labels {
            return Err(Failure::usage("`--metrics none` leaves nothing to judge by")
                .hint("`--labels FILE` tells how classes are spread, with `--test` what can be learned"));
        }
        if args.metrics.is_empty() {
            metrics = Metric::ALL.to_vec();
        }
        if args.evaluators.is_empty() && tests {
            evaluators = all_evaluators();
        }
        Ok(Judges { metrics, evaluators })
    }
}

/// Refuses what needs more memory than allowed, and tells of what takes long.
fn plan(
    args: &JudgeArgs,
    judges: &Judges,
    pool: &Pool<'_>,
    (blocks, largest): (usize, usize),
    beside: u64,
    ctx: &mut Context,
    note: &dyn Fn(&str),
) -> Result<u64, Failure> {
    let rates = rates(ctx);
    let selections = args.random_draws + 1;
    let planned = |shape: &Shape| -> Plan {
        let work: Work = Judge::plan(&judges.metrics, &JudgeSettings::default(), shape, largest, selections * blocks);
        plan_work("judge".into(), work, shape, largest, &rates)
    };
    let picked = 4 * (largest * pool.source.dim()) as u64 * u64::from(!judges.evaluators.is_empty());
    let bytes = memory::grant(pool, ctx, args.run.max_memory, |shape| planned(shape).peak_bytes + beside + picked)?;
    let secs = planned(&Shape::of(pool, ctx)).secs;
    if secs > crate::plan::LONG_SECS {
        note(&format!(
            "this will take about {}; fewer `--random-draws`, or `--metrics` without w1, mmd and frechet take less",
            secs_text(secs)
        ));
    }
    Ok(bytes)
}

/// Measures the picks for one budget and as many random rows, again and again.
fn judge_block(
    args: &JudgeArgs,
    judge: &Judge<'_>,
    labeled: &Labeled<'_>,
    pool: &CheckedPool<'_>,
    block: &Block,
    ctx: &mut Context,
) -> Result<Judged, Failure> {
    let n = block.rows.len();
    let in_hand = if args.with_labeled { pool.labeled() } else { &[] };
    // Somebody else's list may name labeled rows too: each counts once.
    let new = block.rows.iter().copied().filter(|row| in_hand.binary_search(row).is_err());
    let ours: Vec<usize> = in_hand.iter().copied().chain(new).collect();
    let picks = measure(judge, labeled, &ours, args.run.seed, ctx)?;
    let candidates = pool.n_candidates();
    let mut draws: Vec<Measured> = Vec::with_capacity(args.random_draws);
    if n > candidates {
        ctx.warn(format!(
            "{} cannot be drawn from {} that are neither labeled nor excluded: there is no random to compare with",
            counted(n, "row"),
            counted(candidates, "row")
        ));
    } else {
        ctx.progress().begin("judging random rows", args.random_draws as u64);
        for draw in 0..args.random_draws {
            let stream = ctx.stream("judge-random").child(draw as u64);
            let drawn = subsel::methods::random::draw_uniform(pool, stream, pool.candidates(), n);
            let rows: Vec<usize> = in_hand.iter().copied().chain(drawn.into_iter().map(|(_, row)| row)).collect();
            draws.push(measure(judge, labeled, &rows, args.run.seed.wrapping_add(draw as u64), ctx)?);
            ctx.progress().begin("judging random rows", args.random_draws as u64);
            ctx.progress().at(draw as u64 + 1);
        }
    }
    let line = |(i, value): (usize, &measure::Value)| {
        let of_draws: Vec<f64> = draws.iter().map(|draw| draw[i].value).collect();
        Line::new(&value.name, &value.label, value.better, value.value, &of_draws)
    };
    Ok(Judged { budget: block.budget, picks: n, metrics: picks.iter().enumerate().map(line).collect() })
}

/// The judgment for people.
pub(crate) fn text(report: &Report) -> String {
    let by = report.method.as_ref().map_or(String::new(), |method| format!(" by {method}"));
    let and = match report.labeled_counted {
        0 => String::new(),
        labeled => format!(", each with {}", counted(labeled, "labeled row")),
    };
    let mut text = String::new();
    for block in &report.blocks {
        text.push_str(&format!(
            "{}: {} of {}{by}, beside {} draws of {}{and}\n\n",
            report.picks,
            counted(block.picks, "row"),
            count(report.n),
            count(report.random_draws),
            if block.picks == 1 { "a random row".into() } else { format!("{} random rows", count(block.picks)) }
        ));
        let mut rows = vec![["", "picks", "random", ""].map(str::to_owned).to_vec()];
        rows.extend(block.metrics.iter().map(Line::cells));
        text.push_str(&messages::table(&rows));
        text.push('\n');
    }
    text.push_str(
        "± is the standard deviation of the draws; better and worse are 3 of them and more from their mean, perhaps\n\
         2 to 3. Distances are of rows as given; balls, kernels and cosines of rows of length 1. Fréchet distance,\n\
         W1 and MMD are large for few rows whatever they are: compare at equal numbers only.\n",
    );
    text
}
