//! What `subsel select` says at its end: for people on stderr, for programs on stdout.

use serde::Serialize;
use subsel::plan::secs_text;
use subsel_kernels::Isa;

use crate::args::SelectArgs;
use crate::failure::Failure;
use crate::manifest::{BudgetRecord, Manifest};
use crate::memory;
use crate::messages::{self, count};
use crate::output::Targets;
use crate::run::Made;

/// Times and sizes of a run.
pub(crate) struct Measured {
    /// The whole command.
    pub(crate) total_secs: f64,
    /// Until the pool was read and checked.
    pub(crate) check_secs: f64,
    /// Most memory, as planned.
    pub(crate) planned_bytes: u64,
    /// Worker threads.
    pub(crate) threads: usize,
    /// Instruction set.
    pub(crate) isa: Isa,
}

/// The JSON summary. Fields are only ever added.
#[derive(Serialize)]
struct Summary<'a> {
    version: &'a str,
    /// False after an interruption: the picks are a valid prefix.
    complete: bool,
    method: &'a str,
    /// Null where the method was named.
    default_reason: Option<&'a str>,
    seed: u64,
    n: usize,
    d: usize,
    candidates: usize,
    labeled: usize,
    picks: usize,
    budgets: &'a [BudgetRecord],
    picks_hash: &'a str,
    fingerprint: &'a str,
    output: &'a str,
    manifest: String,
    rest: Option<&'a str>,
    threads: usize,
    isa: &'a str,
    /// Until the pool was read and checked.
    check_secs: f64,
    /// Selecting alone.
    select_secs: f64,
    /// Selecting, summed over cores.
    select_cpu_secs: Option<f64>,
    /// The whole command.
    total_secs: f64,
    /// Most memory resident at once.
    peak_bytes: Option<u64>,
    planned_bytes: u64,
    warnings: &'a [String],
    notes: &'a [String],
}

/// Says what was made.
pub(crate) fn tell(
    args: &SelectArgs,
    manifest: &Manifest,
    targets: &Targets,
    made: &Made,
    measured: &Measured,
) -> Result<(), Failure> {
    if !args.say.quiet {
        manifest.notes.iter().for_each(|note| messages::note(note));
    }
    manifest.warnings.iter().for_each(|warning| messages::warning(warning));
    let picks = made.rows().count();
    if !manifest.complete {
        let asked = made.asked.iter().max().copied().unwrap_or(0);
        messages::warning(&format!(
            "interrupted: these are the first {} of {} picks, and the right ones for that many",
            count(picks),
            count(asked)
        ));
    }
    if !args.say.quiet {
        messages::say(&sentence(manifest, picks, measured));
        messages::say(&places(manifest, targets));
    }
    if args.say.json { messages::print_json(&summary(manifest, targets, made, picks, measured)) } else { Ok(()) }
}

fn summary<'a>(
    manifest: &'a Manifest,
    targets: &Targets,
    made: &Made,
    picks: usize,
    measured: &Measured,
) -> Summary<'a> {
    Summary {
        version: &manifest.version,
        complete: manifest.complete,
        method: &manifest.method.text,
        default_reason: manifest.method.default_reason.as_deref(),
        seed: manifest.seed,
        n: manifest.n,
        d: manifest.d,
        candidates: manifest.candidates,
        labeled: manifest.labeled,
        picks,
        budgets: &manifest.budgets,
        picks_hash: &manifest.picks_hash,
        fingerprint: &manifest.fingerprint,
        output: &manifest.output,
        manifest: targets.manifest.display().to_string(),
        rest: manifest.rest.as_deref(),
        threads: measured.threads,
        isa: measured.isa.name(),
        check_secs: measured.check_secs,
        select_secs: made.select_secs,
        select_cpu_secs: made.select_cpu_secs,
        total_secs: measured.total_secs,
        peak_bytes: memory::peak_bytes(),
        planned_bytes: measured.planned_bytes,
        warnings: &manifest.warnings,
        notes: &manifest.notes,
    }
}

/// `picked 100 of 50,000 rows by gram-schmidt in 210 ms (reading and checking the pool: 50 ms)`.
fn sentence(manifest: &Manifest, picks: usize, measured: &Measured) -> String {
    let labeled = match manifest.labeled {
        0 => String::new(),
        labeled => format!(" ({} new, {} labeled)", count(picks), count(labeled)),
    };
    let picked = match &manifest.budgets[..] {
        [_] => count(picks),
        // A nested method is run once; the others once per budget.
        many if many.iter().map(|budget| budget.picks).max() == Some(picks) => count(picks),
        many => many.iter().map(|budget| count(budget.picks)).collect::<Vec<_>>().join(", "),
    };
    format!(
        "picked {} of {} rows by {}{labeled} in {} (reading and checking the pool: {})",
        picked,
        count(manifest.n),
        manifest.method.text,
        secs_text(measured.total_secs),
        secs_text(measured.check_secs)
    )
}

/// Where the files are and what to do with them.
fn places(manifest: &Manifest, targets: &Targets) -> String {
    let rest = manifest.rest.as_ref().map(|path| format!(", the rest in {path}")).unwrap_or_default();
    format!("picks in {}{rest}; `subsel verify {}` repeats them", manifest.output, targets.manifest.display())
}
