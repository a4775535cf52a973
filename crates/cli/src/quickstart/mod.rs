//! `subsel quickstart`: a small pool of drawings, a selection, its judgment beside random, a page to look at.

mod drawings;
mod embed;
mod judge;
mod page;
mod picture;

use std::fs;
use std::path::Path;
use std::time::Instant;

use clap::Parser;
use subsel::plan::secs_text;
use subsel::{CheckedPool, Context, Selector, Settings, parse_method, select_checked};
use subsel_formats::{Dtype, MemorySource, NpyWriter, Rows};

use crate::advise;
use crate::args::{Cli, Command, QuickstartArgs};
use crate::failure::{DONE, Failure};
use crate::messages::{self, count};
use drawings::{Drawing, Kind};
use judge::{Comparison, Estimate, Quality};

/// Rows picked.
const BUDGET: usize = 40;

/// Seeds that each method is judged over.
const SEEDS: u64 = 20;

/// Seed of the drawings and of their embedding.
const POOL_SEED: u64 = 7;

/// The page, which also marks a directory as ours.
const PAGE: &str = "quickstart.html";

/// The drawings and their embeddings.
struct Pool {
    drawings: Vec<Drawing>,
    rows: Vec<f32>,
}

/// A method's picks under seed 0 and its quality under every seed.
struct Method {
    name: String,
    picks: Vec<usize>,
    qualities: Vec<Quality>,
}

/// Runs the command.
pub(crate) fn run(args: QuickstartArgs) -> Result<u8, Failure> {
    let began = Instant::now();
    let dir = &args.output;
    prepare(dir)?;
    let drawings = drawings::pool(POOL_SEED);
    let rows = embed::embed(drawings.iter().map(|drawing| &drawing.pixels[..]), POOL_SEED);
    let pool = Pool { drawings, rows };
    write_pool(&pool, dir)?;

    let source = MemorySource::new(&pool.rows[..], embed::DIM)?;
    let mut ctx = Context::new(&Settings::default())?;
    let chosen = advise::choose(None, &subsel::Pool::new(&source), BUDGET, (None, 0), &mut ctx)?;
    let (default, reason) = (chosen.selector, chosen.default_reason.unwrap_or_default());
    let random = parse_method("random").map_err(subsel::Error::from)?;
    let (ours, random) = pick(&pool, &*default, &*random)?;
    let comparison = judge::compare(&ours.qualities, &random.qualities);
    let page = page::page(&pool, [&ours, &random], &comparison)?;
    write(&dir.join(PAGE), page.as_bytes())?;
    write_picks(dir)?;
    messages::print(&report(&ours.name, &reason, &comparison, dir, began.elapsed().as_secs_f64()))?;
    Ok(DONE)
}

/// Makes the directory; one that is there must be empty or ours.
fn prepare(dir: &Path) -> Result<(), Failure> {
    let is_foreign = || fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) && !dir.join(PAGE).exists();
    if dir.exists() && (!dir.is_dir() || is_foreign()) {
        let message = format!("{} is there already and was not made by quickstart", dir.display());
        return Err(Failure::new(message).hint("`-o DIR` names another directory"));
    }
    fs::create_dir_all(dir).map_err(|error| Failure::io("create", dir, &error))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    fs::write(path, bytes).map_err(|error| Failure::io("write", path, &error))
}

fn write_pool(pool: &Pool, dir: &Path) -> Result<(), Failure> {
    let path = dir.join("embeddings.npy");
    let mut writer = NpyWriter::create(&path, Dtype::F32, pool.drawings.len(), embed::DIM, true)?;
    writer.push(Rows::from_f32(&pool.rows, embed::DIM))?;
    writer.finish()?;
    let labels: String = pool.drawings.iter().map(|drawing| format!("{}\n", drawing.kind.name())).collect();
    write(&dir.join("labels.txt"), labels.as_bytes())
}

/// What the user is told to type, typed for him: picks and their manifest.
fn write_picks(dir: &Path) -> Result<(), Failure> {
    let (embeddings, picks) = (dir.join("embeddings.npy"), dir.join("picks.csv"));
    let budget = BUDGET.to_string();
    let words =
        [Path::new("subsel"), "select".as_ref(), &embeddings, "-n".as_ref(), budget.as_ref(), "-o".as_ref(), &picks];
    let flags = ["--force", "--quiet"].map(Path::new);
    let typed = Cli::try_parse_from(words.into_iter().chain(flags).map(Path::as_os_str));
    match typed.map(|cli| cli.command) {
        Ok(Command::Select(args)) => crate::select::run(*args).map(drop),
        other => unreachable!("a command line of our own is a selection, got {other:?}"),
    }
}

/// Picks by both methods under every seed and judges them.
fn pick(pool: &Pool, default: &dyn Selector, random: &dyn Selector) -> Result<(Method, Method), Failure> {
    let source = MemorySource::new(&pool.rows, embed::DIM)?;
    let mut ctx = Context::new(&Settings::default())?;
    let checked = CheckedPool::new(&subsel::Pool::new(&source), &mut ctx)?;
    let kinds: Vec<Kind> = pool.drawings.iter().map(|drawing| drawing.kind).collect();
    let mut judged = |selector: &dyn Selector| -> Result<Method, Failure> {
        let mut picks = Vec::new();
        let mut qualities = Vec::new();
        for seed in 0..SEEDS {
            ctx.set_seed(seed);
            let rows = select_checked(selector, &checked, BUDGET, &mut ctx)?.rows();
            qualities.push(judge::judge(&pool.rows, &kinds, &rows));
            if seed == 0 {
                picks = rows;
            }
        }
        Ok(Method { name: selector.text(), picks, qualities })
    };
    Ok((judged(default)?, judged(random)?))
}

/// What the pool is, in two sentences.
fn intro() -> String {
    format!(
        "A pool of {} small drawings of {} kinds: {} are rare ({} drawings each), and {} drawings are near-duplicates, \
         like frames of a video. Which {BUDGET} should be labeled first?",
        count(drawings::COUNT),
        Kind::ALL.len(),
        Kind::ALL.len() - Kind::COMMON,
        drawings::RARE,
        drawings::BURSTS * drawings::FRAMES,
    )
}

fn estimate_text(estimate: Estimate) -> String {
    let digits = if estimate.mean < 2.0 { 3 } else { 2 };
    format!("{:.digits$} ± {:.digits$}", estimate.mean, estimate.error)
}

fn report(method: &str, reason: &str, comparison: &[Comparison], dir: &Path, secs: f64) -> String {
    let mut rows = vec![vec![String::new(), method.to_owned(), "random".into(), "verdict".into()]];
    for line in comparison {
        let (ours, random) = (estimate_text(line.ours), estimate_text(line.random));
        rows.push(vec![format!("{} ({})", line.what, line.wanted), ours, random, line.verdict.text().into()]);
    }
    let program = std::env::args().next().unwrap_or_else(|| "subsel".into());
    let file = |name: &str| dir.join(name).display().to_string();
    let commands = [
        format!("{program} inspect {}", file("embeddings.npy")),
        format!("{program} select {} -n {BUDGET} -o {}", file("embeddings.npy"), file("again.csv")),
        format!("{program} verify {}", file("picks.manifest.json")),
        format!("{program} advise your-features.npy -n 100"),
        format!("{program} methods"),
    ];
    let picked = format!(
        "Picked by {method} (the default: {reason}) and at random, {SEEDS} seeds each, in {}:",
        secs_text(secs)
    );
    format!(
        "{}\n\n{}\n\n{}\n\
         ± is one standard error; better or worse means that the means are apart by more than two.\n\n\
         Look at the picks: {}\n\nNext:\n  {}\n",
        messages::wrapped(&intro(), 0, 100),
        messages::wrapped(&picked, 0, 100),
        messages::table(&rows),
        file(PAGE),
        commands.join("\n  ")
    )
}
