//! `subsel advise`: which method to use on a pool, on what evidence, and how sure that is.

use std::path::PathBuf;

use serde::Serialize;
use subsel::advice::{self, Advice, Cause, Gain, LeftOut, Standing, Traits};
use subsel::plan::Shape;
use subsel::{Budget, Context, Pool, parse_method};

use crate::args::{AdviseArgs, JoinArg};
use crate::failure::{DONE, Failure};
use crate::input::{Loaded, Request, load};
use crate::memory;
use crate::messages::{self, count, counted, shell_word, wrapped};
use crate::usage::{self, Chosen};

/// The word that leaves the method to the evidence.
pub(crate) const AUTO: &str = "auto";

const WIDTH: usize = 100;

/// The JSON advice. Fields are only ever added.
#[derive(Serialize)]
pub(crate) struct Report {
    n: usize,
    d: usize,
    picks: usize,
    labeled: usize,
    #[serde(flatten)]
    advice: Advice,
    traits: Traits,
    /// Mean of what the rule costs on a data set it was not made from, in points.
    mean_regret_left_out: f64,
    command: String,
}

/// The method named; or where none is, the one that the evidence speaks for.
///
/// Looking at the rows takes memory, `beside` which is in use; more than `max_memory` in all is refused.
pub(crate) fn choose(
    text: Option<&str>,
    pool: &Pool<'_>,
    picks: usize,
    (max_memory, beside): (Option<u64>, u64),
    ctx: &mut Context,
) -> Result<Chosen, Failure> {
    match text.filter(|text| *text != AUTO) {
        Some(text) => Chosen::named(text),
        None => {
            let bytes = match advice::looks_at_rows(pool, picks) {
                true => Traits::bytes(&Shape::of(pool, ctx)) + beside,
                false => 0,
            };
            memory::check(bytes, max_memory)?;
            let advice = advice::for_pool(pool, picks, ctx)?;
            let selector = parse_method(&advice.method).map_err(subsel::Error::from)?;
            Ok(Chosen { selector, default_reason: Some(advice.reason), bytes })
        }
    }
}

/// Runs the command.
pub(crate) fn run(args: AdviseArgs) -> Result<u8, Failure> {
    // Known before any file is opened.
    usage::budgets(args.n.as_deref(), &args.other_tools)?;
    let (request, side) = Request::new(&args.read)?.knowing(&args.known);
    let mut ctx = args.run.context()?;
    let loaded = load(&request, &side, args.read.scratch.as_deref(), None, &mut ctx)?;
    for report in ask(&args, loaded, &mut ctx)? {
        if args.json {
            messages::print_json(&report)?;
        } else {
            messages::print(&text(&report))?;
        }
    }
    Ok(DONE)
}

/// Asks for advice on each budget.
pub(crate) fn ask(args: &AdviseArgs, mut loaded: Loaded, ctx: &mut Context) -> Result<Vec<Report>, Failure> {
    let budgets = usage::budgets(args.n.as_deref(), &args.other_tools)?;
    let candidates = loaded.candidates();
    let (loaded, pool) = loaded.pool();
    memory::check(Traits::bytes(&Shape::of(&pool, ctx)) + loaded.bytes(), args.run.max_memory)?;
    let traits = Traits::measure(&pool, ctx)?;
    let (n, d, labeled) = (pool.source.n_rows(), pool.source.dim(), loaded.n_labeled());
    let report = |budget: &Budget| {
        let picks = budget.resolve(candidates)?;
        let advice = advice::advise(picks, labeled, n, Some(&traits));
        let command = command(args, &budget.to_string(), &advice.method);
        let mean_regret_left_out = advice.mean_regret();
        Ok(Report { n, d, picks, labeled, advice, traits: traits.clone(), mean_regret_left_out, command })
    };
    budgets.iter().map(report).collect()
}

/// What picks by the method advised, from the same rows.
fn command(args: &AdviseArgs, n: &str, method: &str) -> String {
    let mut words = vec!["subsel".to_owned(), "select".into()];
    words.extend(args.read.inputs.iter().map(|input| shell_word(&input.display().to_string())));
    words.extend(["-n".into(), shell_word(n), "-m".into(), shell_word(method)]);
    let (read, known) = (&args.read, &args.known);
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let options = [
        ("--column", read.column.clone()),
        ("--id-column", read.id_column.clone()),
        ("--join", (read.join == JoinArg::Columns).then(|| "columns".into())),
        ("--labeled", path(&known.labeled)),
        ("--exclude", path(&known.exclude)),
        ("--ids", path(&known.ids)),
    ];
    for (option, value) in options.into_iter().filter_map(|(option, value)| Some((option, value?))) {
        words.extend([option.to_owned(), shell_word(&value)]);
    }
    if known.drop_nonfinite {
        words.push("--drop-nonfinite".into());
    }
    words.join(" ")
}

/// The advice for people.
pub(crate) fn text(report: &Report) -> String {
    let Report { advice, traits, .. } = report;
    let labeled = match report.labeled {
        0 => String::new(),
        labeled => format!(" beside {} labeled", count(labeled)),
    };
    let mut text =
        format!("{} of {}{labeled}: {}\n\n", count(report.picks), counted(report.n, "row"), advice.regime.text());
    let chosen = match advice.is_random() {
        true => "random: label at random, it is as good here".to_owned(),
        false => advice.method.clone(),
    };
    let ask = "your own labels, where you have some: `subsel compare` with --labels and test rows tells what is gained on them";
    for (label, what) in [
        ("use", wrapped(&chosen, 11, WIDTH)),
        ("because", wrapped(&advice.reason, 11, WIDTH)),
        ("sure", wrapped(&sure(advice), 11, WIDTH)),
        ("your rows", wrapped(&rows(traits), 11, WIDTH)),
        // Whole, to be copied.
        ("run", report.command.to_owned()),
        ("or ask", wrapped(ask, 11, WIDTH)),
    ] {
        text.push_str(&format!("{label:<11}{what}\n"));
    }
    if advice.standings.is_empty() {
        return text;
    }
    text.push_str("\nPoints of accuracy over random labels, linear probe, 30 paired seeds:\n\n");
    text.push_str(&messages::table(&table(&advice.standings)));
    text.push_str(
        "\nregret: the most a method was behind the best of a data set; the rule takes the smallest, if the mean gain is\n\
         half a point or more and above 0 beyond the spread of the data sets. noise: rows without structure.\n",
    );
    text
}

/// How far the advice can be trusted.
fn sure(advice: &Advice) -> String {
    if advice.cause == Cause::Labels {
        return "labels that nothing in the rows tells are as well asked for at random; other features may tell them"
            .into();
    }
    if advice.cause == Cause::Rows {
        let gains = advice.standings.iter().filter_map(|each| Some((each.method, each.control?)));
        let best = gains.max_by(|(_, a), (_, b)| a.0.total_cmp(&b.0));
        return match best {
            Some((method, (mean, error))) => format!(
                "on rows of noise, with classes by a linear rule, the best of {} methods was {method} with {mean:+.1} ± \
                 {error:.1} points over chance",
                advice.standings.len()
            ),
            None => "no comparison with so many labels was made on such rows".into(),
        };
    }
    let again = advice.left_out.iter().filter(|left| left.method == advice.method).count();
    let sets = advice.left_out.len();
    let regret = advice.mean_regret();
    let clear = advice.left_out.iter().filter(|LeftOut { gain: (mean, error), .. }| mean - 1.96 * error > 0.0).count();
    let mut text = match &advice.gain {
        Some(Gain { low, high, .. }) => format!(
            "mean gain {low:.1} to {high:.1} points (95 %, over data sets). Leaving one data set out, the rule says the \
             same {again} times of {sets}, and what it says is ahead of random on {clear} of them beyond the error"
        ),
        None => format!("leaving one data set out, the rule says random {again} times of {sets}"),
    };
    text.push_str(&format!("; it is {regret:.1} points behind the best method there on average"));
    if let Some(left) = advice.left_out.iter().max_by(|a, b| a.regret.total_cmp(&b.regret)) {
        text.push_str(&format!(", {:.1} at most ({})", left.regret, left.data));
    }
    text
}

/// What was measured of the rows.
fn rows(traits: &Traits) -> String {
    let mut parts = Vec::new();
    let (least, most) = advice::structures();
    if let Some(structure) = traits.structure {
        parts.push(format!(
            "structure {structure:.2} (nearest rows are so far apart, times that of noise with the same covariance; the \
             evidence has {least:.2} to {most:.2})"
        ));
    }
    let spread = 100.0 * traits.norm_spread;
    parts.push(match advice::is_flat(traits.norm_spread) {
        true => format!("norms vary by {spread:.1} % and are nothing to go by"),
        false => format!("norms vary by {spread:.0} %"),
    });
    if let Some(lift) = &traits.lift {
        parts.push(format!(
            "a row's nearest has its label {:.0} % of the time (largest class {:.0} %, {} rows)",
            100.0 * lift.accuracy,
            100.0 * lift.majority,
            count(lift.rows)
        ));
    }
    parts.push(format!("from {} sampled", counted(traits.sampled_rows, "row")));
    parts.join("; ")
}

fn table(standings: &[Standing]) -> Vec<Vec<String>> {
    let mut head = vec!["method".to_owned()];
    let titles = standings.iter().take(1).flat_map(|first| &first.by_data).map(|data| data.0.to_owned());
    head.extend(titles);
    head.extend(["mean", "regret", "noise"].map(str::to_owned));
    let mut rows = vec![head];
    for each in standings {
        let mut row = vec![each.method.to_owned()];
        row.extend(each.by_data.iter().map(|(_, mean, error)| format!("{mean:+.1} ± {error:.1}")));
        row.push(format!("{:+.1}", each.gain.mean));
        row.push(format!("{:.1}", each.worst_regret));
        row.push(each.control.map_or("-".into(), |(mean, error)| format!("{mean:+.1} ± {error:.1}")));
        rows.push(row);
    }
    rows
}
