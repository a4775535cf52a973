//! `subsel compare`: methods side by side over budgets and seeds, with error bars.

pub(crate) mod given;
mod page;
mod recipes;
mod supervised;
mod tables;
mod tell;

use std::path::{Path, PathBuf};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use subsel::plan::{Shape, plan, secs_text};
use subsel::{CheckedPool, Context};
use subsel_metrics::compare::{Arranged, Cell, Draw, Given, Journal, Recipe, Summary, Watch, run as run_all};

use crate::args::{CompareArgs, RowsArg};
use crate::failure::{DONE, Failure, INTERRUPTED};
use crate::input::{Inputs, Request, load};
use crate::run::rates;
use crate::side::Role;
use crate::{memory, messages, side};
use given::Examples;

/// A comparison made, or as much of it as there was time for.
pub(crate) struct Compared {
    pub(crate) summary: Summary,
    /// Where the tables and the page are.
    pub(crate) output: PathBuf,
    /// The result in words.
    pub(crate) text: String,
    pub(crate) stopped: bool,
    pub(crate) warnings: Vec<String>,
    secs: f64,
}

/// Runs the command.
pub(crate) fn run(args: CompareArgs) -> Result<u8, Failure> {
    if args.recipe.as_deref() == Some("list") {
        messages::print(&recipes::list()?)?;
        return Ok(DONE);
    }
    let mut ctx = args.run.context()?;
    let (quiet, json) = (args.say.quiet, args.say.json);
    let say = |what: Said<'_>| match what {
        _ if quiet => {}
        Said::Note(text) => messages::note(text),
        Said::Line(text) => messages::say(text),
    };
    let compared = compare(args, Inputs::default(), &mut ctx, &mut Progress::new(quiet), &say)?;
    compared.warnings.iter().for_each(|warning| messages::warning(warning));
    if !quiet {
        messages::say(&compared.text);
        messages::say(&format!(
            "{} in {}; {} has them as curves",
            if compared.stopped { "stopped; what was found is kept" } else { "done" },
            secs_text(compared.secs),
            compared.output.join("index.html").display()
        ));
    }
    if json {
        messages::print_json(&compared.summary)?;
    }
    Ok(if compared.stopped { INTERRUPTED } else { DONE })
}

/// What is said while a comparison is made.
pub(crate) enum Said<'a> {
    Note(&'a str),
    Line(&'a str),
}

/// Compares, and writes tables and page.
pub(crate) fn compare(
    args: CompareArgs,
    inputs: Inputs,
    ctx: &mut Context,
    watch: &mut dyn Watch,
    say: &dyn Fn(Said<'_>),
) -> Result<Compared, Failure> {
    let knows_labels = inputs.side.iter().any(|(role, _)| *role == Role::Labels) && inputs.test.is_some();
    let (recipe, mut args) = recipe(args, knows_labels)?;
    let mut n_images = None;
    let find = |name: &String| match name.as_str() {
        supervised::NAME => {
            let (evaluator, images) = supervised::evaluator(&args, recipe.supervised.as_ref(), ctx, say)?;
            n_images = Some(images);
            Ok::<_, Failure>(evaluator)
        }
        name => Ok(subsel_metrics::evaluator(name)?),
    };
    let arranged = recipe.compare.arrange_by(find)?;
    let output = args.output.clone().unwrap_or_else(|| PathBuf::from("comparison"));
    if args.known.labeled.is_some() || args.known.exclude.is_some() {
        return Err(Failure::usage("`--labeled` and `--exclude` are not for comparisons")
            .hint("`--initial ROWS` labels rows at random, in every seed others"));
    }
    // Read apart: such a file has more rows than the pool.
    let first_labels = if recipe.data.first_labels { args.known.labels.take() } else { None };
    let (request, paths) = Request::new(&args.read)?.knowing(&args.known);
    let scratch = args.read.scratch.as_deref();
    let mut loaded = load(&request, &paths.with(inputs.side), scratch, inputs.pool, ctx)?;
    let (loaded, mut pool) = loaded.pool();
    if let Some(path) = first_labels {
        let classes = side::first_classes(&path, args.read.column.as_deref(), pool.source.n_rows())?;
        pool.known.labels = Some(classes);
    }
    let examples = Examples::read(&args, inputs.test, &mut pool)?;
    check_memory(&args, &arranged, &pool, &examples, loaded.bytes(), ctx)?;

    let checked = CheckedPool::new(&pool, ctx).map_err(|error| loaded.explain(error))?;
    let n = checked.len();
    // A recipe whose file of classes goes on says so of its images too.
    let rows = pool.source.n_rows();
    if let Some(images) = n_images.filter(|images| *images < rows || (*images > rows && !recipe.data.first_labels)) {
        return Err(Failure::new(format!("there are {images} images for {rows} rows of embeddings"))
            .hint("`--images` are those of the pool, row by row"));
    }
    let given = Given { pool: &checked, test: examples.test };
    given.check(&arranged)?;
    std::fs::create_dir_all(&output).map_err(|error| Failure::io("create", &output, &error))?;
    let header = given.header(&arranged, env!("CARGO_PKG_VERSION"));
    let path = output.join("results.jsonl");
    if args.say.force && path.exists() {
        std::fs::remove_file(&path).map_err(|error| Failure::io("remove", &path, &error))?;
    }
    let mut journal = Journal::open(&path, &header)?;
    examples.notes.iter().for_each(|note| say(Said::Note(note)));
    say(Said::Line(&tell::beginning(&arranged, n, &journal)));
    let (began, known) = (Instant::now(), journal.len());
    let stopped = match run_all(&arranged, &given, &mut journal, watch, ctx) {
        Ok(()) => false,
        Err(subsel_metrics::Error::Subsel(subsel::Error::Interrupted)) => true,
        Err(error) => return Err(error.into()),
    };
    let (warnings, _) = ctx.take_notes();
    let summary = Summary::of(&arranged, &journal, n);
    let report =
        page::Report { recipe: &recipe, arranged: &arranged, given: &given, journal: &journal, summary: &summary };
    let secs = began.elapsed().as_secs_f64();
    let took = match known {
        0 => secs_text(secs),
        known => format!("{}; {known} of {} results were known from others", secs_text(secs), journal.len()),
    };
    write(&output, &report, &took)?;
    let text = tell::results(&arranged, &summary);
    Ok(Compared { summary, output, text, stopped, warnings, secs })
}

/// The recipe asked for, changed by the other options; and the options, with the files it names.
fn recipe(mut args: CompareArgs, knows_labels: bool) -> Result<(Recipe, CompareArgs), Failure> {
    let mut recipe = match &args.recipe {
        Some(name) => {
            let recipe = recipes::find(name)?;
            let data = args.data.clone().unwrap_or_else(recipes::data_dir);
            let at = |path: &String| data.join(path);
            // What the user has stands in the place of what the recipe names, file by file.
            if args.read.inputs.is_empty() {
                args.read.inputs = vec![args.features.clone().unwrap_or_else(|| at(&recipe.data.features))];
            }
            args.known.labels = args.known.labels.or(recipe.data.labels.as_ref().map(at));
            args.test_features = args.test_features.or(recipe.data.test_features.as_ref().map(at));
            args.test_labels = args.test_labels.or(recipe.data.test_labels.as_ref().map(at));
            if args.images.is_empty() {
                args.images = recipe.data.images.iter().map(at).collect();
            }
            if args.test_pictures.test_images.is_empty() {
                args.test_pictures.test_images = recipe.data.test_images.iter().map(at).collect();
            }
            args.output.get_or_insert_with(|| {
                let stem = Path::new(name).file_stem().unwrap_or_default();
                PathBuf::from(format!("comparison-{}", stem.to_string_lossy()))
            });
            recipe
        }
        None => recipes::blank(&args),
    };
    let compare = &mut recipe.compare;
    if !args.methods.is_empty() {
        compare.methods = args.methods.iter().flat_map(|text| given::methods(text)).collect();
    }
    if let Some(n) = &args.n {
        compare.budgets = n.split(',').map(|text| text.trim().to_owned()).collect();
    }
    compare.seeds = args.seeds.unwrap_or(compare.seeds);
    compare.pool_size = args.pool_size.or(compare.pool_size);
    compare.initial = args.initial.unwrap_or(compare.initial);
    compare.show_labels |= args.show_labels;
    if let Some(rows) = args.rows {
        compare.rows = match rows {
            RowsArg::Raw => subsel_metrics::compare::RowsAs::Raw,
            RowsArg::Unit => subsel_metrics::compare::RowsAs::Unit,
        };
    }
    let in_files = args.known.labels.is_some() && args.test_features.is_some() && args.test_labels.is_some();
    let has_labels = knows_labels || in_files;
    if !args.evaluators.is_empty() {
        compare.evaluators.clone_from(&args.evaluators);
    } else if compare.evaluators.is_empty() && has_labels && args.recipe.is_none() {
        compare.evaluators = vec!["linear-probe".into()];
    }
    if !args.metrics.is_empty() {
        compare.metrics.clone_from(&args.metrics);
    } else if compare.metrics.is_empty() && compare.evaluators.is_empty() {
        compare.metrics = given::USUAL_METRICS.iter().map(|name| (*name).to_owned()).collect();
    }
    if recipe.draw.is_empty() {
        recipe.draw = Draw::usual();
    }
    Ok((recipe, args))
}

/// Refuses a comparison beyond the memory allowed, and lets methods keep things in what is left of it.
fn check_memory(
    args: &CompareArgs,
    arranged: &Arranged,
    pool: &subsel::Pool<'_>,
    examples: &Examples,
    beside: u64,
    ctx: &mut subsel::Context,
) -> Result<(), Failure> {
    let rates = rates(ctx);
    let n = pool.source.n_rows();
    let size = arranged.comparison.pool_size.unwrap_or(n).min(n);
    let most =
        arranged.budgets.iter().filter_map(|budget| budget.resolve(arranged.candidates(n)).ok()).max().unwrap_or(1);
    let dim = pool.source.dim() as u64;
    let sample = if size < n { 4 * size as u64 * dim } else { 0 };
    let threads = ctx.threads().current_num_threads() as u64;
    let planned = |shape: &Shape| {
        let shape = Shape { n: size, ..*shape };
        let methods = arranged.methods.iter().map(|method| plan(&**method, &shape, most, &rates).peak_bytes);
        // Picks as examples, one budget after the other in memory at once, and the logits of the test rows.
        let judged = 4 * dim * (arranged.budgets.len() * most) as u64 + threads * 8 * examples.logits();
        methods.max().unwrap_or(0) + sample + judged + examples.bytes() + beside
    };
    memory::grant(pool, ctx, args.run.max_memory, planned).map(drop)
}

/// Writes tables, page and plots.
fn write(output: &Path, report: &page::Report<'_>, took: &str) -> Result<(), Failure> {
    tables::results(report, &output.join("results.csv"))?;
    tables::results(report, &output.join("results.parquet"))?;
    tables::summary(report, &output.join("summary.csv"))?;
    let text = serde_json::to_string_pretty(report.summary).map_err(|error| Failure::new(error.to_string()))?;
    let path = output.join("summary.json");
    std::fs::write(&path, text).map_err(|error| Failure::io("write", &path, &error))?;
    let page = report.page(took)?;
    let text = tell::markdown(report.recipe, report.summary, &page.command, &page.subtitle, took);
    let path = output.join("summary.md");
    std::fs::write(&path, text).map_err(|error| Failure::io("write", &path, &error))?;
    page.write(&output.join("index.html"), true)?;
    for (name, plot) in page.plots() {
        for extension in ["svg", "png"] {
            plot.write(&output.join(format!("{name}.{extension}")), true)?;
        }
    }
    Ok(())
}

/// Progress over all results, with the time remaining.
struct Progress {
    bar: Option<ProgressBar>,
    quiet: bool,
    seed: Option<u64>,
    began: Instant,
    first: Option<usize>,
}

impl Progress {
    fn new(quiet: bool) -> Self {
        let shown = !quiet && std::io::IsTerminal::is_terminal(&std::io::stderr());
        let bar = shown.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
            let style = ProgressStyle::with_template("{msg:40} {bar:32} {pos} of {len}  {eta} left");
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Progress { bar, quiet, seed: None, began: Instant::now(), first: None }
    }
}

impl Watch for Progress {
    fn found(&mut self, cell: &Cell, done: usize, all: usize) {
        let first = *self.first.get_or_insert(done - 1);
        match &self.bar {
            Some(bar) => {
                bar.set_length(all as u64);
                bar.set_position(done as u64);
                bar.set_message(format!("seed {}: {}", cell.place.seed, cell.place.method));
            }
            None if !self.quiet && self.seed != Some(cell.place.seed) => {
                let per = self.began.elapsed().as_secs_f64() / (done - first) as f64;
                let left = if self.seed.is_some() { secs_text(per * (all - done) as f64) } else { String::new() };
                let left = if left.is_empty() { left } else { format!(", about {left} left") };
                messages::say(&format!("seed {}: {} of {all} results{left}", cell.place.seed, done - 1));
            }
            None => {}
        }
        self.seed = Some(cell.place.seed);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
