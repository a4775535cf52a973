//! `subsel proxy`: a small model chooses what a large one learns from.

mod given;
mod models;
mod tell;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use subsel::plan::secs_text;
use subsel::{CheckedPool, Context};
use subsel_formats::{Ids, Listed, PicksTable, SideColumn, SideOptions, read_column};
use subsel_proxy::{Given, Journal, Learners, Plan, Report, Role, Score, Setting, Task, run as run_all};

use crate::args::{ProxyArgs, TaskArg};
use crate::failure::{DONE, Failure, INTERRUPTED};
use crate::messages;
use crate::output::{begin_table, row_columns};
use given::Known;
use tell::Tell;

/// A run made, or as much of it as there was time for.
#[derive(Serialize)]
pub(crate) struct Done {
    #[serde(flatten)]
    report: Report,
    /// Where everything is.
    output: PathBuf,
    /// Rows chosen, in order, with their names where they have some: a file for each seed and budget.
    picks: Vec<PathBuf>,
    /// Whether it was stopped before the end.
    stopped: bool,
    warnings: Vec<String>,
    notes: Vec<String>,
    total_secs: f64,
}

/// Runs the command.
pub(crate) fn run(args: ProxyArgs) -> Result<u8, Failure> {
    let mut ctx = args.run.context()?;
    let done = proxy(&args, &mut ctx)?;
    done.warnings.iter().for_each(|warning| messages::warning(warning));
    if !args.say.quiet {
        messages::say(&tell::results(&done.report));
        let what = if done.stopped { "stopped; the same command goes on from here" } else { "done" };
        let secs = secs_text(done.total_secs);
        messages::say(&format!("{what} in {secs}; {} has the report", done.output.join("report.md").display()));
        if let Some(picks) = done.picks.last().filter(|_| !done.stopped) {
            messages::say(&format!("the rows chosen are in {}", picks.display()));
        }
    }
    if args.say.json {
        messages::print_json(&done)?;
    }
    Ok(if done.stopped { INTERRUPTED } else { DONE })
}

/// Chooses, trains, and writes what came of it.
fn proxy(args: &ProxyArgs, ctx: &mut Context) -> Result<Done, Failure> {
    let began = Instant::now();
    let setting = setting(args)?;
    models::check(args)?;
    let mut known = Known::read(args, ctx)?;
    let plan = setting.plan(known.n())?;
    let classes = known.labels.as_ref().map_or(0, |labels| labels.names.len());
    known.check_memory(args, &plan, classes, ctx)?;
    let notes = std::mem::take(&mut known.notes);
    let ids = known.ids.take();
    let (labels, test, examples) = (known.labels.take(), known.test.take(), known.examples.take());
    let mut loaded = known.loaded.take();
    let pictures = known.pictures.take();
    let pool = loaded.as_mut().map(|loaded| loaded.pool());
    let checked = match &pool {
        Some((loaded, pool)) => Some(CheckedPool::new(pool, ctx).map_err(|error| loaded.explain(error))?),
        None => None,
    };
    let given = Given { n: plan.n, pool: checked.as_ref(), labels: labels.as_ref(), test: test.as_ref() };
    let rows = models::Rows { examples: examples.as_ref(), pictures: pictures.as_ref() };
    let mut proxy = models::learner(args, Role::Proxy, &plan, &given, &rows, ctx)?;
    let mut target = models::learner(args, Role::Target, &plan, &given, &rows, ctx)?;
    let learners = Learners { proxy: &mut *proxy, target: &mut *target };
    let header = given.header(&plan, &learners, env!("CARGO_PKG_VERSION"));

    let output = &args.output;
    let mut journal = begin(output, &header, args.say.force)?;
    let mut tell = Tell::new(args, journal.len());
    if !args.say.quiet {
        notes.iter().for_each(|note| messages::note(note));
        messages::say(&tell::beginning(&plan, &header, &journal));
    }
    let outcome = run_all(&plan, &given, learners, (output, &mut journal), args.run.seed, &mut tell, ctx);
    let stopped = match outcome {
        Ok(()) => false,
        Err(subsel_proxy::Error::Subsel(subsel::Error::Interrupted)) => true,
        Err(error) => return Err(error.into()),
    };
    let (warnings, _) = ctx.take_notes();
    let report = Report::of(&plan, &header, &journal, args.run.seed);
    write(output, &report)?;
    let mut picks = picks(output, &plan, args.run.seed);
    if let Some(ids) = &ids {
        picks.iter_mut().try_for_each(|path| name(path, ids))?;
    }
    let total_secs = began.elapsed().as_secs_f64();
    Ok(Done { report, output: output.clone(), picks, stopped, warnings, notes, total_secs })
}

/// What the options ask for.
fn setting(args: &ProxyArgs) -> Result<Setting, Failure> {
    let list = |text: &Option<String>| -> Vec<String> {
        text.iter().flat_map(|text| text.split(',')).map(|text| text.trim().to_owned()).collect()
    };
    Ok(Setting {
        task: match args.task {
            TaskArg::ActiveLearning => Task::ActiveLearning,
            TaskArg::CoreSet => Task::CoreSet,
        },
        score: args.score.as_deref().map(str::parse::<Score>).transpose()?,
        budgets: list(&args.n),
        rounds: list(&args.rounds),
        initial: args.initial.clone(),
        seeds: args.seeds,
        target_every_round: args.target_every_round,
        compare_target: args.compare_target,
        random: !args.no_random,
        full: args.full,
    })
}

/// Opens the directory of a run, or begins it.
fn begin(output: &Path, header: &subsel_proxy::Header, force: bool) -> Result<Journal, Failure> {
    let path = output.join(Journal::NAME);
    if force && path.exists() {
        // Only where the directory is one of ours is anything in it taken away.
        if !Journal::is_one(&path) {
            return Err(Failure::new(format!("{} is no journal of a run", path.display()))
                .hint("choose another `-o`, or take it away yourself"));
        }
        remove_seeds(output)?;
        std::fs::remove_file(&path).map_err(|error| Failure::io("remove", &path, &error))?;
    }
    std::fs::create_dir_all(output).map_err(|error| Failure::io("create", output, &error))?;
    Ok(Journal::open(&path, header)?)
}

/// Takes away what was trained in a run that is begun anew: checkpoints of it must not be gone on from.
fn remove_seeds(output: &Path) -> Result<(), Failure> {
    let entries = std::fs::read_dir(output).map_err(|error| Failure::io("read", output, &error))?;
    for entry in entries.flatten() {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("seed-")).map(str::parse::<u64>);
        if let (Some(Ok(_)), true) = (number, entry.path().is_dir()) {
            let path = entry.path();
            std::fs::remove_dir_all(&path).map_err(|error| Failure::io("remove", &path, &error))?;
        }
    }
    Ok(())
}

/// Writes the report in all its forms.
fn write(output: &Path, report: &Report) -> Result<(), Failure> {
    let words = std::env::args().skip(1).map(|word| messages::shell_word(&word)).collect::<Vec<_>>().join(" ");
    let json = serde_json::to_string_pretty(report).map_err(|error| Failure::new(error.to_string()))?;
    for (name, text) in [("report.json", json), ("report.md", report.markdown(&format!("subsel {words}")))] {
        let path = output.join(name);
        std::fs::write(&path, text).map_err(|error| Failure::io("write", &path, &error))?;
    }
    begin_table(&output.join("budgets.csv"), true)?.write(&report.budgets_csv())?;
    begin_table(&output.join("rounds.csv"), true)?.write(&report.rounds_csv())?;
    Ok(())
}

/// The files of rows chosen that are there.
fn picks(output: &Path, plan: &Plan, first_seed: u64) -> Vec<PathBuf> {
    let seeds = first_seed..first_seed + plan.setting.seeds as u64;
    let all = seeds.flat_map(|seed| {
        let dir = output.join(format!("seed-{seed}"));
        plan.budgets.iter().map(move |(_, size)| dir.join(format!("picks-{size}.npy")))
    });
    all.filter(|path| path.is_file()).collect()
}

/// Writes rows chosen once more with their names, and takes that file for the other.
fn name(path: &mut PathBuf, ids: &Ids) -> Result<(), Failure> {
    let SideColumn::Ints(rows) = read_column(path, &SideOptions::default())?.values else {
        return Err(Failure::new(format!("{} must hold row numbers", path.display())));
    };
    let rows: Vec<usize> = rows.into_iter().map(|row| row as usize).filter(|row| *row < ids.len()).collect();
    path.set_extension("csv");
    let table = PicksTable { columns: row_columns(Some(ids), &rows), listed: Listed::Rows };
    Ok(begin_table(path, true)?.write(&table)?)
}

/// Reads a time such as `90s`, `30m` or `12h`; a number alone is seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let trimmed = text.trim();
    let (number, unit) = trimmed.split_at(trimmed.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(trimmed.len()));
    let factor = match unit {
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return Err(format!("`{unit}` is no unit of time; write 90s, 30m or 12h")),
    };
    match number.trim().parse::<f64>() {
        Ok(value) if value.is_finite() && value > 0.0 && value * factor < 1e9 => {
            Ok(Duration::from_secs_f64(value * factor))
        }
        _ => Err("write a time such as 90s, 30m or 12h".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        for (text, secs) in [("90", 90.0), ("90s", 90.0), ("30m", 1800.0), ("1.5h", 5400.0), ("2 d", 172_800.0)] {
            assert_eq!(duration(text).map(|found| found.as_secs_f64()), Ok(secs), "{text}");
        }
        for text in ["", "-3", "0", "nan", "3 weeks", "1e300h"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
