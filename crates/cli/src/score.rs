//! `subsel score`: one number for every row.

use std::time::Instant;

use serde::Serialize;
use subsel::plan::{Shape, secs_text};
use subsel::{CheckedPool, Context, Scorer, scores};
use subsel_formats::{Column, Listed, PicksTable};

use crate::args::ScoreArgs;
use crate::failure::{DONE, Failure};
use crate::input::{Loaded, Request, load};
use crate::messages::{self, count, wrapped};
use crate::output::{begin_table, column, place_columns, row_columns};
use crate::run::rates;
use crate::{memory, progress};

/// The JSON summary. Fields are only ever added.
#[derive(Serialize)]
pub(crate) struct Summary {
    version: &'static str,
    score: &'static str,
    params: serde_json::Map<String, serde_json::Value>,
    seed: u64,
    n: usize,
    d: usize,
    fingerprint: String,
    output: String,
    least: f64,
    mean: f64,
    greatest: f64,
    total_secs: f64,
    planned_bytes: u64,
    pub(crate) warnings: Vec<String>,
    events: serde_json::Map<String, serde_json::Value>,
    pub(crate) notes: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(args: ScoreArgs) -> Result<u8, Failure> {
    if args.list {
        messages::print(&list())?;
        return Ok(DONE);
    }
    scorer(&args)?;
    let (request, side) = Request::new(&args.read)?.knowing(&args.known);
    let writer = begin_table(&args.output, args.say.force)?;
    let mut ctx = args.run.context()?;
    let watched = progress::watch(&mut ctx, args.say.quiet);
    let loaded = load(&request, &side, args.read.scratch.as_deref(), None, &mut ctx)?;
    let (mut summary, table) = score(&args, loaded, &mut ctx)?;
    drop(watched);
    writer.write(&table)?;
    summary.output = args.output.display().to_string();
    tell(&args, &summary)
}

fn scorer(args: &ScoreArgs) -> Result<Box<dyn Scorer>, Failure> {
    let scorer = scores::parse(args.by.as_deref().unwrap_or_default()).map_err(subsel::Error::from)?;
    scorer.check()?;
    Ok(scorer)
}

/// Scores every row.
pub(crate) fn score(args: &ScoreArgs, mut loaded: Loaded, ctx: &mut Context) -> Result<(Summary, PicksTable), Failure> {
    let began = Instant::now();
    let scorer = scorer(args)?;
    let (loaded, pool) = loaded.pool();
    let rates = rates(ctx);
    let planned = |shape: &Shape| scores::plan(&*scorer, shape, &rates).peak_bytes + loaded.bytes();
    let planned_bytes = memory::grant(&pool, ctx, args.run.max_memory, planned)?;
    let outcome = CheckedPool::new(&pool, ctx).and_then(|checked| {
        let scores = subsel::score_checked(&*scorer, &checked, ctx)?;
        // Rows left out of the pool have no score.
        let mut all = vec![f64::NAN; loaded.source.n_rows()];
        scores.iter().enumerate().for_each(|(row, score)| all[checked.global(row)] = *score);
        Ok((checked.facts().fingerprint.clone(), all))
    });
    let (fingerprint, all) = outcome.map_err(|error| loaded.explain(error))?;
    let scored = || all.iter().copied().filter(|score| !score.is_nan());
    let (least, greatest) = (scored().fold(f64::INFINITY, f64::min), scored().fold(f64::NEG_INFINITY, f64::max));
    let mean = scored().sum::<f64>() / scored().count() as f64;
    let (warnings, events) = ctx.take_notes();
    let summary = Summary {
        version: env!("CARGO_PKG_VERSION"),
        score: scorer.info().name,
        params: scorer.params(),
        seed: args.run.seed,
        n: loaded.source.n_rows(),
        d: loaded.source.dim(),
        fingerprint,
        output: String::new(),
        least,
        mean,
        greatest,
        total_secs: began.elapsed().as_secs_f64(),
        planned_bytes,
        warnings,
        events,
        notes: loaded.notes.clone(),
    };
    Ok((summary, table(loaded, all)))
}

fn tell(args: &ScoreArgs, summary: &Summary) -> Result<u8, Failure> {
    if !args.say.quiet {
        summary.notes.iter().for_each(|note| messages::note(note));
    }
    summary.warnings.iter().for_each(|warning| messages::warning(warning));
    if !args.say.quiet {
        messages::say(&format!(
            "scored {} rows by {} in {}: from {:.4} to {:.4}, mean {:.4}",
            count(summary.n),
            summary.score,
            secs_text(summary.total_secs),
            summary.least,
            summary.greatest,
            summary.mean
        ));
        messages::say(&format!("scores in {}; `--scores` of `subsel select` takes them", summary.output));
    }
    if args.say.json {
        messages::print_json(summary)?;
    }
    Ok(DONE)
}

fn table(loaded: &Loaded, scores: Vec<f64>) -> PicksTable {
    let rows: Vec<usize> = (0..scores.len()).collect();
    let mut columns = row_columns(loaded.ids.as_ref(), &rows);
    columns.push(column("score", Column::F64(scores)));
    columns.extend(place_columns(loaded, &rows));
    PicksTable { columns, listed: Listed::Scores }
}

/// What there is to score by.
fn list() -> String {
    const WIDTH: usize = 100;
    let mut text = String::new();
    let longest = scores::all().iter().map(|entry| entry.info.name.len()).max().unwrap_or(0);
    for entry in scores::all() {
        let line = wrapped(entry.score, longest + 2, WIDTH);
        text.push_str(&format!("{:longest$}  {line}\n", entry.info.name));
        for param in entry.info.params {
            let line = wrapped(&format!("{}: {}; {}", param.name, param.values, param.doc), longest + 6, WIDTH);
            text.push_str(&format!("{:longest$}    {line}\n", ""));
        }
    }
    text
}
