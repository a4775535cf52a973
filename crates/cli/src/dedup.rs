//! `subsel dedup`: rows that are nearly the same as a row that is kept.

use std::time::Instant;

use serde::Serialize;
use subsel::dedup::{self, Dedup, Duplicate};
use subsel::plan::{Shape, secs_text};
use subsel::{CheckedPool, Context};
use subsel_formats::{Column, Listed, PicksTable};

use crate::args::DedupArgs;
use crate::failure::{DONE, Failure};
use crate::input::{Loaded, Request, load};
use crate::messages::{self, count, counted};
use crate::output::{begin_table, column, place_columns, row_columns};
use crate::run::rates;
use crate::{memory, progress};

/// The JSON summary. Fields are only ever added.
#[derive(Serialize)]
pub(crate) struct Summary {
    version: &'static str,
    threshold: f64,
    clusters: Option<usize>,
    n: usize,
    d: usize,
    fingerprint: String,
    /// Candidates before.
    candidates: usize,
    duplicates: usize,
    /// Rows kept that others are duplicates of.
    groups: usize,
    output: String,
    kept: Option<String>,
    total_secs: f64,
    planned_bytes: u64,
    pub(crate) warnings: Vec<String>,
    pub(crate) notes: Vec<String>,
}

/// Duplicates found.
pub(crate) struct Found {
    pub(crate) summary: Summary,
    /// A line for each duplicate.
    pub(crate) duplicates: PicksTable,
    /// The candidates left.
    pub(crate) kept: PicksTable,
}

/// Runs the command.
pub(crate) fn run(args: DedupArgs) -> Result<u8, Failure> {
    args.rule().check()?;
    let (request, side) = Request::new(&args.read)?.knowing(&args.known);
    let writer = begin_table(&args.output, args.say.force)?;
    let kept_writer = args.kept.as_deref().map(|path| begin_table(path, args.say.force)).transpose()?;
    let mut ctx = args.run.context()?;
    let watched = progress::watch(&mut ctx, args.say.quiet);
    let loaded = load(&request, &side, args.read.scratch.as_deref(), None, &mut ctx)?;
    let note = messages::notes_unless(args.say.quiet);
    let Found { mut summary, duplicates, kept } = dedup(&args, loaded, &mut ctx, &note)?;
    drop(watched);
    writer.write(&duplicates)?;
    if let Some(writer) = kept_writer {
        writer.write(&kept)?;
    }
    summary.output = args.output.display().to_string();
    summary.kept = args.kept.as_ref().map(|path| path.display().to_string());
    tell(&args, &summary)
}

impl DedupArgs {
    fn rule(&self) -> Dedup {
        Dedup { threshold: self.threshold, clusters: self.clusters }
    }
}

/// Finds duplicates.
pub(crate) fn dedup(
    args: &DedupArgs,
    mut loaded: Loaded,
    ctx: &mut Context,
    note: &dyn Fn(&str),
) -> Result<Found, Failure> {
    let began = Instant::now();
    let rule = args.rule();
    rule.check()?;
    let (loaded, pool) = loaded.pool();
    let rates = rates(ctx);
    let planned = |shape: &Shape| dedup::plan(&rule, shape, &rates).peak_bytes + loaded.bytes();
    let planned_bytes = memory::grant(&pool, ctx, args.run.max_memory, planned)?;
    let plan = dedup::plan(&rule, &Shape::of(&pool, ctx), &rates);
    if plan.secs > crate::plan::LONG_SECS {
        let secs = secs_text(plan.secs);
        note(&format!("comparing all rows will take about {secs}; `--clusters` looks within clusters only"));
    }
    let outcome = CheckedPool::new(&pool, ctx).and_then(|mut checked| {
        let found = rule.find(&checked, ctx)?;
        let candidates = checked.n_candidates();
        checked.exclude(&found.iter().map(|duplicate| duplicate.row).collect::<Vec<_>>());
        let kept: Vec<usize> = checked.candidates().map(|row| checked.global(row)).collect();
        Ok((checked.facts().fingerprint.clone(), candidates, found, kept))
    });
    let (fingerprint, candidates, found, kept) = outcome.map_err(|error| loaded.explain(error))?;

    let labeled: std::collections::HashSet<usize> = loaded.labeled.iter().copied().collect();
    let labeled = |row: usize| labeled.contains(&row);
    let duplicates = table(loaded, &found, pool.known.scores.as_deref(), labeled);
    let mut columns = row_columns(loaded.ids.as_ref(), &kept);
    columns.extend(place_columns(loaded, &kept));
    let (warnings, _) = ctx.take_notes();
    let summary = Summary {
        version: env!("CARGO_PKG_VERSION"),
        threshold: args.threshold,
        clusters: args.clusters,
        n: loaded.source.n_rows(),
        d: loaded.source.dim(),
        fingerprint,
        candidates,
        duplicates: found.len(),
        groups: group_sizes(&found).len(),
        output: String::new(),
        kept: None,
        total_secs: began.elapsed().as_secs_f64(),
        planned_bytes,
        warnings,
        notes: loaded.notes.clone(),
    };
    Ok(Found { summary, duplicates, kept: PicksTable { columns, listed: Listed::Rows } })
}

fn tell(args: &DedupArgs, summary: &Summary) -> Result<u8, Failure> {
    if !args.say.quiet {
        summary.notes.iter().for_each(|note| messages::note(note));
    }
    summary.warnings.iter().for_each(|warning| messages::warning(warning));
    if !args.say.quiet {
        let within = match summary.clusters {
            Some(clusters) => format!(" within {}", counted(clusters, "cluster")),
            None => String::new(),
        };
        messages::say(&format!(
            "{} of {} candidates are duplicates (cosine above {}){within} of {}, found in {}",
            count(summary.duplicates),
            count(summary.candidates),
            summary.threshold,
            counted(summary.groups, "kept row"),
            secs_text(summary.total_secs)
        ));
        let kept = summary.kept.as_ref().map(|path| format!(", the rows kept in {path}")).unwrap_or_default();
        messages::say(&format!("duplicates in {}{kept}; `--exclude` of `subsel select` takes them", summary.output));
    }
    if args.say.json {
        messages::print_json(summary)?;
    }
    Ok(DONE)
}

/// How many duplicates each row kept has.
fn group_sizes(found: &[Duplicate]) -> std::collections::BTreeMap<usize, u64> {
    let mut sizes = std::collections::BTreeMap::new();
    found.iter().for_each(|duplicate| *sizes.entry(duplicate.of).or_insert(0) += 1);
    sizes
}

/// One line for each duplicate: of which row, how alike, how many that row has, and why the other is kept.
fn table(
    loaded: &Loaded,
    found: &[Duplicate],
    scores: Option<&[f64]>,
    is_labeled: impl Fn(usize) -> bool,
) -> PicksTable {
    let sizes = group_sizes(found);
    let rows: Vec<usize> = found.iter().map(|duplicate| duplicate.row).collect();
    let why = |duplicate: &Duplicate| {
        let Duplicate { row, of, similarity } = *duplicate;
        let because = match scores {
            _ if is_labeled(of) => "is labeled".to_owned(),
            Some(scores) if scores[of] > scores[row] => format!("scores {} to its {}", scores[of], scores[row]),
            _ => "comes first".into(),
        };
        format!("cosine {similarity:.4} to row {of}, which {because}")
    };
    let mut columns = row_columns(loaded.ids.as_ref(), &rows);
    columns.push(column("of", Column::U64(found.iter().map(|duplicate| duplicate.of as u64).collect())));
    columns.push(column("similarity", Column::F64(found.iter().map(|duplicate| duplicate.similarity).collect())));
    columns.push(column("group_size", Column::U64(found.iter().map(|duplicate| sizes[&duplicate.of] + 1).collect())));
    columns.push(column("reason", Column::Text(found.iter().map(why).collect())));
    columns.extend(place_columns(loaded, &rows));
    PicksTable { columns, listed: Listed::Rows }
}
