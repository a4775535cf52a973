//! The commands for other programs: options as they are typed, inputs from memory or from files, answers as values.
//! Nothing is printed and no signal is listened to.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde::Serialize;
use subsel::{Context, Pick, Progress};
use subsel_formats::{Column, PicksTable};
use subsel_metrics::compare::{Cell, Watch};

use crate::args::{
    AdviseArgs, CompareArgs, DedupArgs, InspectArgs, JudgeArgs, KnownArgs, PlanArgs, ReadArgs, RunArgs, ScoreArgs,
    SelectArgs, options,
};
use crate::failure::Failure;
use crate::input::{Inputs, Loaded, Request, load};
use crate::output::{Detail, picks_table, place_columns};
use crate::{advise, compare, dedup, inspect, judge, plan, run, score, select};

/// A command with its options, ready to run.
pub struct Call {
    asked: Asked,
    ctx: Context,
    progress: Option<Arc<dyn Progress>>,
}

enum Asked {
    Select(Box<SelectArgs>),
    Score(Box<ScoreArgs>),
    Dedup(Box<DedupArgs>),
    Judge(Box<JudgeArgs>),
    Compare(Box<CompareArgs>),
    Plan(Box<PlanArgs>),
    Advise(Box<AdviseArgs>),
    Inspect(Box<InspectArgs>),
}

/// The options of a command, and the context that they ask for.
fn asked<A: clap::Args>(
    command: &'static str,
    words: &[String],
    asked: fn(Box<A>) -> Asked,
    run: fn(&A) -> &RunArgs,
) -> Result<(Asked, Context), Failure> {
    let args: A = options(command, words)?;
    let ctx = run(&args).quiet_context()?;
    Ok((asked(Box::new(args)), ctx))
}

/// What a command answers.
#[derive(Debug, Default)]
pub struct Answer {
    /// What `--json` prints, or for a selection its manifest.
    pub json: String,
    /// The answer for people.
    pub text: String,
    /// The table it writes, by column; that of a selection is without scores and reasons, which `picks` have.
    pub table: BTreeMap<String, Column>,
    /// The picks of a selection.
    pub picks: Vec<Pick>,
    /// The rows left by `dedup`.
    pub kept: Vec<usize>,
    /// Seconds that a selection took in the library, without reading, planning and converting.
    pub secs: f64,
    /// Whether all that was asked for is there; not so after an interruption.
    pub complete: bool,
    /// What should be read before the answer is trusted.
    pub warnings: Vec<String>,
    /// What may be worth knowing.
    pub notes: Vec<String>,
}

impl Call {
    /// The command of this name with these options, such as `["-n", "100", "--seed", "1"]`. Inputs are left out where they
    /// are in memory.
    ///
    /// # Errors
    /// There is no such command, or an option breaks its rule.
    pub fn new(command: &str, words: &[String]) -> Result<Self, Failure> {
        let (asked, ctx) = match command {
            "select" => asked("select", words, Asked::Select, |args| &args.run),
            "score" => asked("score", words, Asked::Score, |args| &args.run),
            "dedup" => asked("dedup", words, Asked::Dedup, |args| &args.run),
            "judge" => asked("judge", words, Asked::Judge, |args| &args.run),
            "compare" => asked("compare", words, Asked::Compare, |args| &args.run),
            "plan" => asked("plan", words, Asked::Plan, |args| &args.run),
            "advise" => asked("advise", words, Asked::Advise, |args| &args.run),
            "inspect" => {
                let args: InspectArgs = options("inspect", words)?;
                Ok((Asked::Inspect(args.into()), run::quiet_context(0, None, None)?))
            }
            other => Err(Failure::usage(format!("`{other}` is not a command that can be called"))),
        }?;
        Ok(Call { asked, ctx, progress: None })
    }

    /// The flag that stops the work as soon as it is set.
    pub fn cancel_flag(&self) -> Arc<AtomicBool> {
        self.ctx.cancel_flag()
    }

    /// Reports progress to `progress`.
    pub fn watch(&mut self, progress: Arc<dyn Progress>) {
        if let Asked::Compare(_) = self.asked {
            // Of its hundreds of selections nobody wants to see each.
            self.progress = Some(progress);
        } else {
            self.ctx.set_progress(progress);
        }
    }

    /// Does the work.
    ///
    /// # Errors
    /// As the command of the program. After an interruption, only what has no valid part is one.
    pub fn run(self, inputs: Inputs) -> Result<Answer, Failure> {
        let Call { asked, mut ctx, progress } = self;
        let told = Mutex::new(Vec::new());
        let note = |text: &str| told.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(text.to_owned());
        let mut answer = match asked {
            Asked::Select(args) => selected(&args, inputs, &mut ctx, &note)?,
            Asked::Score(args) => {
                let loaded = opened(&args.read, &args.known, inputs, &mut ctx)?;
                let (summary, table) = score::score(&args, loaded, &mut ctx)?;
                let (warnings, notes) = (summary.warnings.clone(), summary.notes.clone());
                Answer { table: by_name(table), warnings, notes, ..Answer::of(&summary, String::new()) }
            }
            Asked::Dedup(args) => {
                let loaded = opened(&args.read, &args.known, inputs, &mut ctx)?;
                let found = dedup::dedup(&args, loaded, &mut ctx, &note)?;
                let (warnings, notes) = (found.summary.warnings.clone(), found.summary.notes.clone());
                let kept = rows(&found.kept);
                let answer = Answer::of(&found.summary, String::new());
                Answer { table: by_name(found.duplicates), kept, warnings, notes, ..answer }
            }
            Asked::Judge(args) => {
                let report = judge::judge(&args, inputs, &mut ctx, &note)?;
                let (warnings, notes) = (report.warnings.clone(), report.notes.clone());
                Answer { warnings, notes, ..Answer::of(&report, judge::text(&report)) }
            }
            Asked::Compare(args) => compared(*args, inputs, progress, &mut ctx)?,
            Asked::Plan(args) => {
                let loaded = opened(&args.read, &args.known, inputs, &mut ctx)?;
                let planned = plan::make(&args, loaded, &mut ctx, &note)?;
                let answer = Answer::of(&planned.json(), plan::text(&args, &planned));
                Answer { notes: planned.notes, ..answer }
            }
            Asked::Advise(args) => {
                let loaded = opened(&args.read, &args.known, inputs, &mut ctx)?;
                let reports = advise::ask(&args, loaded, &mut ctx)?;
                let text: Vec<String> = reports.iter().map(advise::text).collect();
                Answer::of(&reports, text.join("\n"))
            }
            Asked::Inspect(args) => {
                let (request, pool) = (Request::new(&args.read)?, inputs.pool);
                let loaded = load(&request, &Default::default(), args.read.scratch.as_deref(), pool, &mut ctx)?;
                let (report, text) = inspect::inspect(&request, &loaded, &mut ctx)?;
                Answer::of(&report, text)
            }
        };
        answer.notes.extend(told.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner));
        Ok(answer)
    }
}

impl Answer {
    fn of(report: &impl Serialize, text: String) -> Self {
        // Reports are plain structs with names as keys: writing them cannot fail.
        let json = serde_json::to_string(report).unwrap_or_default();
        Answer { json, text, complete: true, ..Answer::default() }
    }
}

/// The pool of a call.
fn opened(read: &ReadArgs, known: &KnownArgs, inputs: Inputs, ctx: &mut Context) -> Result<Loaded, Failure> {
    let (request, side) = Request::new(read)?.knowing(known);
    load(&request, &side.with(inputs.side), read.scratch.as_deref(), inputs.pool, ctx)
}

fn selected(args: &SelectArgs, inputs: Inputs, ctx: &mut Context, note: &dyn Fn(&str)) -> Result<Answer, Failure> {
    let began = Instant::now();
    let (budgets, request, side) = select::understand(args)?;
    let loaded = load(&request, &side.with(inputs.side), args.read.scratch.as_deref(), inputs.pool, ctx)?;
    let selected = select::select(args, (budgets, request), loaded, (began, 0), ctx, note)?;
    let picks: Vec<Pick> = selected.made.selections.iter().flat_map(|selection| selection.picks.clone()).collect();
    let mut table = by_name(picks_table(&selected.loaded, &selected.selections(), Detail::List));
    let rows: Vec<usize> = picks.iter().map(|pick| pick.row).collect();
    table.extend(place_columns(&selected.loaded, &rows));
    let manifest = &selected.manifest;
    let (complete, warnings, notes) = (manifest.complete, manifest.warnings.clone(), manifest.notes.clone());
    let secs = selected.library_secs;
    Ok(Answer { table, picks, secs, complete, warnings, notes, ..Answer::of(manifest, String::new()) })
}

fn compared(
    args: CompareArgs,
    inputs: Inputs,
    progress: Option<Arc<dyn Progress>>,
    ctx: &mut Context,
) -> Result<Answer, Failure> {
    let notes = Mutex::new(Vec::new());
    let say = |what: compare::Said<'_>| {
        if let compare::Said::Note(text) = what {
            notes.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(text.to_owned());
        }
    };
    let compared = compare::compare(args, inputs, ctx, &mut Cells { progress, has_begun: false }, &say)?;
    let (complete, warnings) = (!compared.stopped, compared.warnings.clone());
    let notes = notes.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    Ok(Answer { complete, warnings, notes, ..Answer::of(&compared.summary, compared.text) })
}

/// Progress of a comparison: a step for each result.
struct Cells {
    progress: Option<Arc<dyn Progress>>,
    has_begun: bool,
}

impl Watch for Cells {
    fn found(&mut self, _cell: &Cell, done: usize, all: usize) {
        let Some(progress) = &self.progress else { return };
        if !std::mem::replace(&mut self.has_begun, true) {
            progress.begin("comparing", all as u64);
        }
        progress.at(done as u64);
    }
}

fn by_name(table: PicksTable) -> BTreeMap<String, Column> {
    table.columns.into_iter().collect()
}

fn rows(table: &PicksTable) -> Vec<usize> {
    table.columns.iter().find(|(name, _)| name == "row").map_or_else(Vec::new, |(_, column)| match column {
        Column::U64(rows) => rows.iter().map(|row| *row as usize).collect(),
        _ => Vec::new(),
    })
}
