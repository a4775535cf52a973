//! `subsel verify`: repeats the selection of a manifest and says same or different.

use std::path::{Path, PathBuf};

use serde::Serialize;
use subsel::{Budget, CheckedPool, Context, Selector};
use subsel_formats::{SideColumn, SideOptions, read_column};

use crate::args::VerifyArgs;
use crate::failure::{DONE, FAILED, Failure};
use crate::input::{Request, file_records, load};
use crate::manifest::{BudgetRecord, Manifest, locate};
use crate::messages::{self, count, counted};
use crate::run::{MemoryLimit, Order, check_pool, context};
use crate::side::{IN_MEMORY, Sides};
use crate::{progress, side, usage};

/// Something that is not as the manifest says.
#[derive(Debug, Serialize)]
struct Difference {
    /// `data`, `side file`, `method`, `picks` or `output`.
    part: &'static str,
    /// What differs.
    detail: String,
}

/// The JSON verdict. Fields are only ever added.
#[derive(Serialize)]
struct Verdict<'a> {
    same: bool,
    differences: &'a [Difference],
    /// Version that made the picks.
    version: &'a str,
    method: &'a str,
    picks: usize,
    picks_hash: &'a str,
}

/// Runs the command.
pub(crate) fn run(args: VerifyArgs) -> Result<u8, Failure> {
    let manifest = Manifest::read(&args.manifest)?;
    let dir = args.manifest.parent().unwrap_or(Path::new("")).to_owned();
    let selector = usage::method(&manifest.method.text)?;
    in_files(&manifest, &args)?;
    let side = side_paths(&manifest, &dir);
    let mut differences = changed_side_files(&manifest, &side)?;
    differences.extend(changed_method(&manifest, &*selector));
    if differences.is_empty() {
        differences = repeat(&args, &manifest, &*selector, &side, &dir)?;
    }
    differences.extend(changed_output(&manifest, &locate(&manifest.output, &dir)));
    tell(&args, &manifest, &differences)?;
    Ok(if differences.is_empty() { DONE } else { FAILED })
}

/// Refuses to repeat what nothing on disk can tell.
fn in_files(manifest: &Manifest, args: &VerifyArgs) -> Result<(), Failure> {
    if let Some(file) = manifest.side_files.iter().find(|file| file.path == IN_MEMORY) {
        let message = format!("{} were given from memory when the picks were made", file.role.name());
        return Err(Failure::new(message).hint("select again with the same data and compare the `picks_hash`"));
    }
    if manifest.pool.files.is_empty() && args.inputs.is_empty() {
        let message = "the picks were made of rows in memory, and no file of them is known";
        return Err(Failure::new(message).hint(format!("`subsel verify {} INPUT` names one", args.manifest.display())));
    }
    Ok(())
}

fn side_paths(manifest: &Manifest, dir: &Path) -> Sides {
    Sides::files(manifest.side_files.iter().map(|file| (file.role, Some(locate(&file.path, dir)))))
}

fn changed_side_files(manifest: &Manifest, side: &Sides) -> Result<Vec<Difference>, Failure> {
    let mut changed = Vec::new();
    for ((role, path), recorded) in side.paths().zip(&manifest.side_files) {
        if side::hash(path)? != recorded.xxh3 {
            let (role, path) = (role.name(), path.display());
            let detail = format!("--{role} {path} has other content than when the picks were made");
            changed.push(Difference { part: "side file", detail });
        }
    }
    Ok(changed)
}

fn changed_method(manifest: &Manifest, selector: &dyn Selector) -> Option<Difference> {
    let (then, now) = (&manifest.method.params, selector.params());
    let keys = then.keys().chain(now.keys());
    let key = keys.into_iter().find(|key| then.get(*key) != now.get(*key))?;
    let text = |value: Option<&serde_json::Value>| value.map_or("absent".into(), ToString::to_string);
    let detail = format!(
        "`{key}` of {} was {} in subsel {} and is {} in {}",
        manifest.method.text,
        text(then.get(key)),
        manifest.version,
        text(now.get(key)),
        env!("CARGO_PKG_VERSION")
    );
    Some(Difference { part: "method", detail })
}

/// Reads the pool again and, if it is the same, picks again.
fn repeat(
    args: &VerifyArgs,
    manifest: &Manifest,
    selector: &dyn Selector,
    side: &Sides,
    dir: &Path,
) -> Result<Vec<Difference>, Failure> {
    let paths: Vec<PathBuf> = match args.inputs.is_empty() {
        true => manifest.pool.files.iter().map(|file| locate(&file.path, dir)).collect(),
        false => args.inputs.clone(),
    };
    let request = Request { files: file_records(&paths)?, ..manifest.pool.clone() };
    let mut ctx = context(manifest.seed, args.threads, None)?;
    let watched = progress::watch(&mut ctx, args.quiet);
    let mut loaded = load(&request, side, args.scratch.as_deref(), None, &mut ctx)?;
    let shape = (loaded.source.n_rows(), loaded.source.dim());
    if shape != (manifest.n, manifest.d) {
        let detail = format!("the pool was {} x {} and is {} x {}", manifest.n, manifest.d, shape.0, shape.1);
        return Ok(vec![Difference { part: "data", detail }]);
    }
    // What an interrupted run had picked are the picks for that many.
    let as_made = |budget: &BudgetRecord| Ok(vec![Budget::Count(budget.picks)]);
    // Where money ended it, what was asked for decides.
    let as_asked = |budget: &BudgetRecord| Budget::parse_list(&budget.asked);
    let by_cost = manifest.complete && manifest.pool.constraints.cost_budget.is_some();
    let budgets: Vec<Vec<Budget>> = match by_cost {
        true => manifest.budgets.iter().map(as_asked).collect::<Result<_, subsel::Error>>()?,
        false => manifest.budgets.iter().map(as_made).collect::<Result<_, subsel::Error>>()?,
    };
    let budgets = budgets.concat();
    let order = Order { selector, budgets: &budgets };
    let (loaded, pool) = loaded.pool();
    let limit = MemoryLimit { max_memory: args.max_memory, output_bytes: 0 };
    order.check_plan(loaded, &pool, request.dedup, &mut ctx, &limit, &messages::note)?;
    let found = check_pool(&pool, request.dedup, &mut ctx)
        .and_then(|(checked, _)| compare(manifest, &order, &checked, &mut ctx, dir));
    drop(watched);
    found.map_err(|error| loaded.explain(error))
}

fn compare(
    manifest: &Manifest,
    order: &Order<'_>,
    pool: &CheckedPool<'_>,
    ctx: &mut Context,
    dir: &Path,
) -> Result<Vec<Difference>, subsel::Error> {
    let fingerprint = &pool.facts().fingerprint;
    if *fingerprint != manifest.fingerprint {
        let detail =
            format!("the rows of the pool are others: fingerprint {fingerprint}, was {}", manifest.fingerprint);
        return Ok(vec![Difference { part: "data", detail }]);
    }
    let made = order.select(pool, ctx)?;
    if !made.is_complete() {
        return Err(subsel::Error::Interrupted);
    }
    if subsel::rows_hash(made.rows()) == manifest.picks_hash {
        return Ok(Vec::new());
    }
    let rows: Vec<usize> = made.rows().collect();
    let written = read_rows(&locate(&manifest.output, dir));
    let place = match written.filter(|written| subsel::rows_hash(written.iter().copied()) == manifest.picks_hash) {
        Some(written) => first_difference(&written, &rows),
        None => format!("picks hash {}, was {}", subsel::rows_hash(rows.iter().copied()), manifest.picks_hash),
    };
    let versions = match manifest.version == env!("CARGO_PKG_VERSION") {
        true => String::new(),
        false => format!(" (made by subsel {}, this is {})", manifest.version, env!("CARGO_PKG_VERSION")),
    };
    Ok(vec![Difference { part: "picks", detail: format!("{place}{versions}") }])
}

fn first_difference(written: &[usize], rows: &[usize]) -> String {
    match written.iter().zip(rows).position(|(a, b)| a != b) {
        Some(at) => format!("the first other pick is at rank {}: row {}, was {}", count(at + 1), rows[at], written[at]),
        None => format!("{} picks, were {}", count(rows.len()), count(written.len())),
    }
}

/// The rows of a table of picks, if there is one that can be read.
fn read_rows(path: &Path) -> Option<Vec<usize>> {
    let file = read_column(path, &SideOptions { column: None, prefer: vec!["row".into()] }).ok()?;
    match file.values {
        SideColumn::Ints(rows) => rows.into_iter().map(|row| usize::try_from(row).ok()).collect(),
        _ => None,
    }
}

/// Whether the table of picks was changed after it was written. (A txt of ids cannot tell, one that is gone neither.)
fn changed_output(manifest: &Manifest, path: &Path) -> Option<Difference> {
    let rows = read_rows(path)?;
    let is_rows = path.extension().is_none_or(|extension| extension != "txt");
    let changed = is_rows && subsel::rows_hash(rows.into_iter()) != manifest.picks_hash;
    changed.then(|| Difference {
        part: "output",
        detail: format!(
            "{} does not hold the picks of this manifest: it was changed or written by another run",
            path.display()
        ),
    })
}

fn tell(args: &VerifyArgs, manifest: &Manifest, differences: &[Difference]) -> Result<(), Failure> {
    let picks = manifest.budgets.iter().map(|budget| budget.picks).max().unwrap_or(0);
    let same = differences.is_empty();
    if args.json {
        let (version, method, picks_hash) = (&manifest.version, &manifest.method.text, &manifest.picks_hash);
        return messages::print_json(&Verdict { same, differences, version, method, picks, picks_hash });
    }
    if same {
        let picks = counted(picks, "pick");
        return messages::print(&format!("same: {picks} by {} of {} rows", manifest.method.text, count(manifest.n)));
    }
    let lines: Vec<String> =
        differences.iter().map(|difference| format!("different {}: {}", difference.part, difference.detail)).collect();
    messages::print(&lines.join("\n"))
}
