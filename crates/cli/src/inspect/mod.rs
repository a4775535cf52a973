//! `subsel inspect`: what a pool is like, before anything is picked from it.

mod look;
mod rank;

use serde::Serialize;
use subsel::Context;
use subsel_formats::Part;

use crate::args::InspectArgs;
use crate::failure::{DONE, Failure};
use crate::input::{Loaded, Request, load};
use crate::messages::{self, count, counted};
use crate::side::Sides;
use crate::{progress, run};
use look::{Look, Norms};
use rank::Rank;

/// Norms are flat below this ratio of deviation to mean, as in the warning of `norm`.
const FLAT: f64 = 0.1;

/// What was found. In JSON, fields are only ever added.
#[derive(Serialize)]
pub(crate) struct Report {
    n: usize,
    d: usize,
    dtype: &'static str,
    /// Bytes of the files.
    bytes: u64,
    files: Vec<File>,
    #[serde(flatten)]
    look: Look,
    /// Null where no row is finite.
    rank: Option<Rank>,
    hints: Vec<String>,
    notes: Vec<String>,
}

/// A file of the pool.
#[derive(Serialize)]
struct File {
    path: String,
    rows: usize,
}

/// Runs the command.
pub(crate) fn run(args: InspectArgs) -> Result<u8, Failure> {
    let request = Request::new(&args.read)?;
    let mut ctx = run::context(0, None, None)?;
    let watched = progress::watch(&mut ctx, args.quiet);
    let loaded = load(&request, &Sides::default(), args.read.scratch.as_deref(), None, &mut ctx)?;
    let (report, text) = inspect(&request, &loaded, &mut ctx)?;
    drop(watched);
    if args.json {
        messages::print_json(&report)?
    } else {
        messages::print(&text)?
    }
    Ok(DONE)
}

/// Looks at a pool; also in words.
pub(crate) fn inspect(request: &Request, loaded: &Loaded, ctx: &mut Context) -> Result<(Report, String), Failure> {
    let source = &*loaded.source;
    let (look, finite) = look::look(source, ctx)?;
    let rank = rank::estimate(source, &finite, ctx)?;
    let file = |part: &Part| File { path: part.path.clone(), rows: part.n_rows };
    let (n, d) = (source.n_rows(), source.dim());
    let report = Report {
        n,
        d,
        dtype: source.dtype().name(),
        bytes: match request.files.is_empty() {
            true => (n * d * source.dtype().size()) as u64,
            false => request.files.iter().map(|file| file.bytes).sum(),
        },
        files: loaded.parts.iter().map(file).collect(),
        hints: hints(n, d, &look, rank.as_ref()),
        look,
        rank,
        notes: loaded.notes.clone(),
    };
    let text = text(&report, loaded);
    Ok((report, text))
}

fn text(report: &Report, loaded: &Loaded) -> String {
    let look = &report.look;
    let mut lines = Vec::new();
    let mut line = |label: &str, value: String| lines.push(vec![label.to_owned(), value]);
    line("shape", format!("{} rows of {} values, {}", count(report.n), count(report.d), report.dtype));
    line("size", subsel::plan::bytes_text(report.bytes));
    if report.files.len() > 1 {
        line("files", count(report.files.len()));
    }
    if let Some(norms) = &look.norms {
        line("norms", format!("mean {:.4}, standard deviation {:.4}", norms.mean, norms.sd));
        line("", format!("min {:.4}, 1 % {:.4}, 25 % {:.4}", norms.min, norms.q01, norms.q25));
        line(
            "",
            format!("median {:.4}, 75 % {:.4}, 99 % {:.4}, max {:.4}", norms.median, norms.q75, norms.q99, norms.max),
        );
    }
    if let Some(rank) = &report.rank {
        line("rank", rank.to_string());
    }
    line("zero rows", count(look.zero_rows));
    line("duplicates", duplicates(look));
    line("non-finite", non_finite(look, loaded));
    let mut text = messages::table(&lines);
    if report.files.len() > 1 {
        text.push('\n');
        let row = |file: &File| vec![file.path.clone(), counted(file.rows, "row")];
        text.push_str(&messages::table(&report.files.iter().map(row).collect::<Vec<_>>()));
    }
    for sentence in report.notes.iter().chain(&report.hints) {
        text.push_str(&format!("\n- {}", messages::wrapped(sentence, 2, 100)));
    }
    text
}

fn duplicates(look: &Look) -> String {
    match look.duplicate_rows {
        0 => "0: all rows are distinct".into(),
        repeats => format!(
            "{} repeat an earlier row ({} distinct; the most frequent stands {} times, first at row {})",
            count(repeats),
            count(look.distinct_rows),
            count(look.most_frequent),
            look.most_frequent_row
        ),
    }
}

fn non_finite(look: &Look, loaded: &Loaded) -> String {
    let Some(first) = &look.first_nonfinite else { return "0".into() };
    let place = loaded.place(first.row).map(|(file, row)| format!(" (row {row} of {file})")).unwrap_or_default();
    format!(
        "{} with {}, the first ({}) at row {}, column {}{place}",
        counted(look.nonfinite_rows, "row"),
        counted(look.nonfinite_values, "value"),
        first.value,
        first.row,
        first.column
    )
}

/// What follows for a choice of method.
fn hints(n: usize, d: usize, look: &Look, rank: Option<&Rank>) -> Vec<String> {
    let mut hints = Vec::new();
    if look.nonfinite_rows > 0 {
        hints.push("`subsel select` refuses non-finite values; `--drop-nonfinite` leaves their rows out".into());
    }
    if let Some(Norms { mean, sd, .. }) = look.norms
        && sd < FLAT * mean
    {
        let percent = 100.0 * sd / mean;
        hints.push(format!("norms hardly vary (standard deviation {percent:.1} % of the mean): drawing by norm is nearly drawing at random"));
    }
    if look.zero_rows > 0 {
        hints.push("zero rows have no direction and no norm: they are often missing data".into());
    }
    if look.duplicate_rows * 100 > n {
        hints.push(
            "more than 1 % of the rows repeat others: methods that spread or cover pass over repeats, random does not"
                .into(),
        );
    }
    if let Some(rank) = rank
        && rank.is_whole
        && rank.rank < n.min(d)
    {
        hints.push(format!(
            "the rows span {} of {d} dimensions: gram-schmidt begins anew after {} picks",
            rank.rank, rank.rank
        ));
    }
    hints
}
