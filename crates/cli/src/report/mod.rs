//! `subsel report`: one page that shows what was picked, from what, and how well it covers it.

mod beside;
mod items;
mod picks;

use std::path::Path;

use subsel::CheckedPool;
use subsel::plan::{Rates, Shape, Work, bytes_text, plan_work};
use subsel_report::{Layout, Look, SelectionPage, ShownPick};

use self::beside::beside_random;
use self::items::Items;
use self::picks::Picked;
use crate::args::{JoinArg, KnownArgs, LayoutArg, ReadArgs, ReportArgs};
use crate::failure::{DONE, Failure};
use crate::input::{Loaded, Request, load};
use crate::manifest::Manifest;
use crate::messages::{self, count, counted};
use crate::picks::Picks;
use crate::{memory, progress};

impl LayoutArg {
    fn layout(self) -> Layout {
        match self {
            LayoutArg::Pca => Layout::Pca,
            LayoutArg::Neighbors => Layout::Neighbors,
        }
    }
}

/// Runs the command.
pub(crate) fn run(args: ReportArgs) -> Result<u8, Failure> {
    refuse_existing(&args)?;
    let picks = Picks::open(&args.picks)?;
    let (read, known) = given(&args);
    let (read, known, notes) = picks.as_made(read, known)?;
    let (request, side) = Request::new(&read)?.knowing(&known);
    let mut ctx = args.run.context()?;
    let mut loaded = load(&request, &side, read.scratch.as_deref(), None, &mut ctx)?;
    picks.check_shape((loaded.source.n_rows(), loaded.source.dim()))?;
    let picked = Picked::read(&args.picks, &picks, &loaded, known.labeled_by)?;
    let rows = picked.rows();
    let items = Items::open(&args, &request, &loaded)?;
    let (loaded, pool) = loaded.pool();

    let layout = args.layout.layout();
    let rates = Rates::measure(&ctx);
    let planned = |shape: &Shape| {
        let looking = Look::bytes(shape.n, shape.dim, rows.len(), shape.threads, layout);
        let judging = if args.no_metrics { 0 } else { beside::bytes(shape, rows.len()) };
        let bytes = looking + judging + items.bytes();
        let work = Work { bytes, ..Work::default() };
        plan_work("report".into(), work, shape, rows.len(), &rates).peak_bytes + loaded.bytes()
    };
    memory::grant(&pool, &mut ctx, args.run.max_memory, planned)?;

    let watched = progress::watch(&mut ctx, args.quiet);
    let checked = CheckedPool::new(&pool, &mut ctx).map_err(|error| loaded.explain(error))?;
    picks.check_fingerprint(&checked)?;
    let local = picks.local(&checked, rows)?;
    let look = Look::at(&checked, rows, layout, &ctx)?;
    let metrics = match args.no_metrics {
        true => None,
        false => Some(beside_random(&checked, &local, &mut ctx).map_err(|error| loaded.explain(error))?),
    };
    drop(watched);

    let shown = items.show(rows, &look, loaded.source.n_rows())?;
    let mut page = SelectionPage {
        title: title(&picks, rows.len()),
        subtitle: subtitle(&picks, loaded),
        warnings: picked.warnings(),
        picks: picked.shown(),
        look: Some(&look),
        n: loaded.source.n_rows(),
        dim: loaded.source.dim(),
        ids: loaded.ids.as_ref(),
        pictures: shown.pictures,
        texts: shown.texts,
        metrics_text: beside::text(),
        metrics,
        command: picked.command(&args.picks),
        facts: facts(&picks, &checked),
        manifest: picks.text.clone().unwrap_or_default(),
    };
    page.warnings.extend(shown.warnings.iter().cloned());
    if !args.quiet {
        notes.iter().for_each(|note| messages::note(note));
    }
    shown.warnings.iter().for_each(|warning| messages::warning(warning));
    page.write(&args.output, args.force)?;
    if let Some(dir) = &args.plots {
        write_plots(dir, &page, args.force)?;
    }
    if !args.quiet {
        let size = std::fs::metadata(&args.output).map(|file| file.len()).unwrap_or(0);
        let (picks, path) = (counted(rows.len(), "pick"), args.output.display());
        messages::say(&format!("{picks} of {} rows shown in {path} ({})", count(page.n), bytes_text(size)));
    }
    Ok(DONE)
}

/// What cannot be written is refused before the work.
fn refuse_existing(args: &ReportArgs) -> Result<(), Failure> {
    match args.output.exists() && !args.force {
        true => Err(subsel_formats::Error::Exists { path: args.output.clone() }.into()),
        false => Ok(()),
    }
}

/// What is read and known, as typed.
fn given(args: &ReportArgs) -> (ReadArgs, KnownArgs) {
    let read = ReadArgs {
        inputs: args.pool.clone(),
        model: None,
        skip_broken: false,
        column: args.pool_column.clone(),
        id_column: args.id_column.clone(),
        join: JoinArg::default(),
        dtype: None,
        scratch: args.scratch.clone(),
    };
    (read, KnownArgs { ids: args.ids.clone(), ..KnownArgs::default() })
}

fn title(picks: &Picks, n: usize) -> String {
    match &picks.manifest {
        Some(manifest) => format!("{} picked by {}", counted(n, "row"), manifest.method.text),
        None => format!("{} picked", counted(n, "row")),
    }
}

fn subtitle(picks: &Picks, loaded: &Loaded) -> String {
    let name = |path: &str| Path::new(path).file_name().map_or(path.into(), |name| name.to_string_lossy().into_owned());
    let of = match &loaded.parts[..] {
        [only] => name(&only.path),
        [first, rest @ ..] => format!("{} and {} more", name(&first.path), counted(rest.len(), "file")),
        [] => "a pool".into(),
    };
    let rows = count(loaded.source.n_rows());
    let text = format!("From {of}: {rows} rows of {} values.", loaded.source.dim());
    match picks.manifest.as_ref().and_then(|manifest| manifest.method.default_reason.as_deref()) {
        Some(reason) => format!("{text} The method was chosen by default: {reason}."),
        None => text,
    }
}

fn facts(picks: &Picks, pool: &CheckedPool<'_>) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let mut fact = |name: &str, value: String| facts.push((name.to_owned(), value));
    fact("fingerprint of the pool", pool.facts().fingerprint.clone());
    if let Some(Manifest { seed, version, method, picks_hash, labeled, candidates, .. }) = &picks.manifest {
        fact("method", method.text.clone());
        fact("seed", seed.to_string());
        fact("candidates", count(*candidates));
        if *labeled > 0 {
            fact("labeled before", count(*labeled));
        }
        fact("hash of the picks", picks_hash.clone());
        fact("picked by", format!("subsel {version}"));
    }
    fact("page by", format!("subsel {}", env!("CARGO_PKG_VERSION")));
    facts
}

/// The plots of the page as files.
fn write_plots(dir: &Path, page: &SelectionPage<'_>, force: bool) -> Result<(), Failure> {
    std::fs::create_dir_all(dir).map_err(|error| crate::Failure::io("create", dir, &error))?;
    for (name, plot) in page.plots() {
        for extension in ["svg", "png"] {
            plot.write(&dir.join(format!("{name}.{extension}")), force)?;
        }
    }
    Ok(())
}
