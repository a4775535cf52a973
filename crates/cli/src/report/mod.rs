//! `subsel report`: one page that shows what was picked, from what, and how well it covers it.

mod beside;
mod items;
mod picks;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use subsel::plan::{Rates, Shape, Work, bytes_text, plan_work};
use subsel::{CheckedPool, Constraints};
use subsel_report::{Layout, Look, SelectionPage, ShownPick};

use self::beside::beside_random;
use self::items::Items;
use self::picks::Picked;
use crate::args::{JoinArg, LayoutArg, ReportArgs};
use crate::failure::Failure;
use crate::input::{Loaded, Request, file_records, load};
use crate::manifest::Manifest;
use crate::messages::{self, count, counted};
use crate::side::{Role, SidePaths};
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
pub(crate) fn run(args: ReportArgs) -> Result<ExitCode, Failure> {
    refuse_existing(&args)?;
    let picked = Picked::read(&args.picks)?;
    let (request, side) = request(&args, &picked)?;
    let mut ctx = args.run.context()?;
    let mut loaded = load(&request, &side, args.scratch.as_deref())?;
    picked.check_shape(&loaded)?;
    let rows = picked.rows(&args.picks, &loaded)?;
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
    picked.check_fingerprint(&checked)?;
    let look = Look::at(&checked, &rows, layout, &ctx)?;
    let metrics = match args.no_metrics {
        true => None,
        false => Some(beside_random(&checked, &rows, &mut ctx).map_err(|error| loaded.explain(error))?),
    };
    drop(watched);

    let shown = items.show(&rows, &look, loaded.source.n_rows())?;
    let mut page = SelectionPage {
        title: title(&picked, rows.len()),
        subtitle: subtitle(&picked, loaded),
        warnings: picked.warnings(),
        picks: picked.shown(&rows),
        look: Some(&look),
        n: loaded.source.n_rows(),
        dim: loaded.source.dim(),
        ids: loaded.ids.as_ref(),
        pictures: shown.pictures,
        texts: shown.texts,
        metrics_text: beside::text(),
        metrics,
        command: picked.command(&args.picks),
        facts: facts(&picked, &checked),
        manifest: picked.text.clone().unwrap_or_default(),
    };
    page.warnings.extend(shown.warnings.iter().cloned());
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
    Ok(ExitCode::SUCCESS)
}

/// What cannot be written is refused before the work.
fn refuse_existing(args: &ReportArgs) -> Result<(), Failure> {
    match args.output.exists() && !args.force {
        true => Err(subsel_formats::Error::Exists { path: args.output.clone() }.into()),
        false => Ok(()),
    }
}

/// The pool as the manifest has it, where there is one, and as the options say.
fn request(args: &ReportArgs, picked: &Picked) -> Result<(Request, SidePaths), Failure> {
    let dir = args.picks.parent().unwrap_or(Path::new("")).to_owned();
    let base = picked.manifest.as_ref().map(|manifest| manifest.pool.clone());
    let files: Vec<PathBuf> = match (&args.pool[..], &base) {
        ([], Some(pool)) => pool.files.iter().map(|file| crate::verify::locate(&file.path, &dir)).collect(),
        ([], None) => {
            let (picks, beside) = (args.picks.display(), crate::manifest::path_beside(&args.picks));
            return Err(Failure::usage(format!("there is no {} to say which pool {picks} is of", beside.display()))
                .hint("`--pool FILE` names it"));
        }
        (files, _) => files.to_vec(),
    };
    let nothing = Request {
        files: Vec::new(),
        column: None,
        id_column: None,
        join: JoinArg::default(),
        dtype: None,
        drop_nonfinite: false,
        labeled_by: None,
        temperature: None,
        dedup: None,
        constraints: Constraints::default(),
    };
    let base = base.unwrap_or(nothing);
    let request = Request {
        files: file_records(&files)?,
        column: args.pool_column.clone().or_else(|| base.column.clone()),
        id_column: args.id_column.clone().or_else(|| base.id_column.clone()),
        // Rules of the selection, which is made already.
        constraints: Constraints::default(),
        ..base
    };
    let ids_then = picked.manifest.iter().flat_map(|manifest| &manifest.side_files);
    let mut ids_then =
        ids_then.filter(|file| file.role == Role::Ids).map(|file| crate::verify::locate(&file.path, &dir));
    let ids = args.ids.clone().or_else(|| ids_then.next_back());
    Ok((request, SidePaths::new([(Role::Ids, ids)])))
}

fn title(picked: &Picked, picks: usize) -> String {
    match &picked.manifest {
        Some(manifest) => format!("{} picked by {}", counted(picks, "row"), manifest.method.text),
        None => format!("{} picked", counted(picks, "row")),
    }
}

fn subtitle(picked: &Picked, loaded: &Loaded) -> String {
    let name = |path: &str| Path::new(path).file_name().map_or(path.into(), |name| name.to_string_lossy().into_owned());
    let of = match &loaded.parts[..] {
        [only] => name(&only.path),
        [first, rest @ ..] => format!("{} and {} more", name(&first.path), counted(rest.len(), "file")),
        [] => "a pool".into(),
    };
    let rows = count(loaded.source.n_rows());
    let text = format!("From {of}: {rows} rows of {} values.", loaded.source.dim());
    match picked.manifest.as_ref().and_then(|manifest| manifest.method.default_reason.as_deref()) {
        Some(reason) => format!("{text} The method was chosen by default: {reason}."),
        None => text,
    }
}

fn facts(picked: &Picked, pool: &CheckedPool<'_>) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let mut fact = |name: &str, value: String| facts.push((name.to_owned(), value));
    fact("fingerprint of the pool", pool.facts().fingerprint.clone());
    if let Some(Manifest { seed, version, method, picks_hash, labeled, candidates, .. }) = &picked.manifest {
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
    std::fs::create_dir_all(dir).map_err(|error| crate::failure::io("create", dir, &error))?;
    for (name, plot) in page.plots() {
        for extension in ["svg", "png"] {
            plot.write(&dir.join(format!("{name}.{extension}")), force)?;
        }
    }
    Ok(())
}
