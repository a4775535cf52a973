//! `subsel take`: the chosen rows of tables with all their columns, shard by shard.

use std::path::Path;

use subsel_formats::{Part, SideColumn, SideOptions, count_rows, read_column, take};

use crate::args::TakeArgs;
use crate::failure::{DONE, Failure};
use crate::messages::{self, count, counted};

/// Runs the command.
pub(crate) fn run(args: TakeArgs) -> Result<u8, Failure> {
    let rows = picked(&args.picks)?;
    let parts = count_rows(&args.inputs)?;
    let by_part = by_part(&rows, &parts, &args.picks)?;
    let written = take(&parts, &by_part, &args.output, args.force)?;
    if !args.quiet {
        let total: usize = written.iter().map(|part| part.n_rows).sum();
        let all: usize = parts.iter().map(|part| part.n_rows).sum();
        let files = counted(written.len(), "file");
        messages::say(&format!("took {} of {} rows into {files}:", count(total), count(all)));
        let lines: Vec<Vec<String>> =
            written.iter().map(|part| vec![format!("  {}", part.path), counted(part.n_rows, "row")]).collect();
        messages::say(messages::table(&lines).trim_end());
    }
    Ok(DONE)
}

/// The rows of a table of picks: its column `row`, or whole numbers alone.
fn picked(path: &Path) -> Result<Vec<usize>, Failure> {
    let file = read_column(path, &SideOptions { column: None, prefer: vec!["row".into()] })?;
    let rows = match file.values {
        SideColumn::Ints(rows) => rows.into_iter().map(usize::try_from).collect::<Result<Vec<_>, _>>().ok(),
        _ => None,
    };
    let mut rows = rows.ok_or_else(|| {
        Failure::new(format!("{} does not hold row numbers", path.display()))
            .hint("give picks of `subsel select`, or whole numbers from 0, one a line")
    })?;
    if rows.is_empty() {
        return Err(Failure::new(format!("{} names no rows", path.display())));
    }
    let all = rows.len();
    rows.sort_unstable();
    rows.dedup();
    if rows.len() < all {
        let (name, repeats) = (path.display(), count(all - rows.len()));
        messages::warning(&format!(
            "{name} names {repeats} rows again (picks for several budgets?): each is taken once"
        ));
    }
    Ok(rows)
}

/// Row numbers of all inputs together, as numbers within each.
fn by_part(rows: &[usize], parts: &[Part], picks: &Path) -> Result<Vec<Vec<usize>>, Failure> {
    let n: usize = parts.iter().map(|part| part.n_rows).sum();
    if let Some(row) = rows.iter().find(|row| **row >= n) {
        return Err(Failure::new(format!(
            "{} names row {row}, but the inputs have {}",
            picks.display(),
            counted(n, "row")
        ))
        .hint("give the same inputs in the same order as `subsel select` had"));
    }
    let mut first = 0;
    let mut by_part = Vec::with_capacity(parts.len());
    for part in parts {
        let range = first..first + part.n_rows;
        by_part.push(rows.iter().filter(|row| range.contains(row)).map(|row| row - range.start).collect());
        first = range.end;
    }
    Ok(by_part)
}
