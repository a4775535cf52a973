//! `subsel embed`: images as rows of values.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;
use subsel::plan::secs_text;
use subsel_formats::{AtomicFile, ConvertOptions, Dtype, Ids, OpenOptions, convert, open};
use subsel_images::{Embedded, ImageSet, Job, SetOptions, Skipped};
use subsel_nets::Device;

use crate::args::{DtypeArg, EmbedArgs};
use crate::encoders::{Made, Named};
use crate::failure::{DONE, Failure, Kind};
use crate::messages::{self, count};
use crate::run::context;
use crate::{images, manifest, progress};

/// What lies beside the embeddings, and is the JSON summary. Fields are only ever added.
#[derive(Serialize)]
struct Summary {
    version: &'static str,
    /// Hash of the images: names and bytes.
    images: String,
    model: String,
    /// Hash of the encoder: settings and weights.
    encoder: String,
    n: usize,
    d: usize,
    dtype: &'static str,
    output: String,
    /// Names of the rows, where the images have names.
    ids: Option<String>,
    /// Their classes, where the images have them.
    labels: Option<String>,
    /// The encoder, where it was learned from these images.
    model_file: Option<String>,
    skipped: Vec<Skipped>,
    secs: f64,
    images_per_sec: f64,
    notes: Vec<String>,
}

/// The files written beside the embeddings.
struct Beside {
    ids: PathBuf,
    labels: PathBuf,
    model: PathBuf,
    manifest: PathBuf,
}

impl Beside {
    fn of(output: &Path) -> Self {
        Beside {
            ids: output.with_extension("ids.txt"),
            labels: output.with_extension("labels.txt"),
            model: output.with_extension("model.safetensors"),
            manifest: manifest::path_beside(output),
        }
    }
}

/// Runs the command.
pub(crate) fn run(args: EmbedArgs) -> Result<u8, Failure> {
    let beside = Beside::of(&args.output);
    let model = Named::parse(&args.model)?;
    let device: Device = args.device.parse()?;
    device.check()?;
    let dtype = match args.dtype {
        DtypeArg::F32 => Dtype::F32,
        DtypeArg::F16 => Dtype::F16,
        _ => return Err(Failure::usage("embeddings are stored as f32 or f16")),
    };
    if !is_called_so(
        &args.output,
        &["npy", "parquet", "pq", "arrow", "arrows", "feather", "ipc", "safetensors", "csv", "tsv"],
    ) {
        let message = format!("{}: embeddings are not written in a format of that name", args.output.display());
        return Err(Failure::usage(message).hint("known extensions: .npy .parquet .arrow .safetensors .csv"));
    }
    for path in [&args.output, &beside.ids, &beside.labels, &beside.model, &beside.manifest] {
        if path.exists() && !args.say.force {
            return Err(subsel_formats::Error::Exists { path: path.clone() }.into());
        }
    }
    let mut ctx = context(0, args.threads, None)?;
    let watched = progress::watch(&mut ctx, args.say.quiet);
    let options = SetOptions {
        column: args.set.column.clone(),
        label_column: args.label_column.clone(),
        id_column: args.id_column.clone(),
        split: args.set.split.clone(),
        ..SetOptions::default()
    };
    let set = ImageSet::open(&args.set.inputs, &options)?;
    let fingerprint = set.fingerprint(&ctx)?;
    let began = Instant::now();
    let Made { encoder, learned, notes } =
        model.make(&set, images::on_broken(args.set.skip_broken), device, &mut ctx)?;
    let learned_secs = began.elapsed().as_secs_f64();
    let job = Job {
        set: &set,
        fingerprint,
        encoder: &*encoder,
        on_broken: images::on_broken(args.set.skip_broken),
        dtype,
        block: None,
    };
    let began = Instant::now();
    let embedded = write(&job, &args, &ctx).map_err(|failure| match failure.kind {
        Kind::Interrupted => failure.or_hint("what was embedded is kept; the same command goes on from there"),
        _ => failure,
    })?;
    let secs = began.elapsed().as_secs_f64();
    drop(watched);

    // Those of other images that were there would be taken for these.
    for path in [&beside.ids, &beside.labels] {
        if path.exists() {
            fs::remove_file(path).map_err(|error| Failure::io("remove", path, &error))?;
        }
    }
    let ids = images::ids(&set, &embedded.skipped);
    let has_names = !matches!(&ids, Ids::Int(ids) if ids.iter().enumerate().all(|(row, id)| row as i64 == *id));
    if has_names {
        let lines = (0..ids.len()).map(|row| ids.text(row));
        write_lines(&beside.ids, lines, args.say.force)?;
    }
    if let Some(labels) = set.labels() {
        let lines = images::kept(&set, &embedded.skipped).map(|row| labels.names[labels.codes[row] as usize].clone());
        write_lines(&beside.labels, lines, args.say.force)?;
    }
    if let Some(file) = &learned {
        fs::write(&beside.model, file).map_err(|error| Failure::io("write", &beside.model, &error))?;
    }
    let text = |path: &Path| path.display().to_string();
    let summary = Summary {
        version: env!("CARGO_PKG_VERSION"),
        images: format!("{fingerprint:016x}"),
        model: model.to_string(),
        encoder: format!("{:016x}", encoder.fingerprint()),
        n: embedded.rows,
        d: embedded.dim,
        dtype: dtype.name(),
        output: text(&args.output),
        ids: has_names.then(|| text(&beside.ids)),
        labels: set.labels().map(|_| text(&beside.labels)),
        model_file: learned.map(|_| text(&beside.model)),
        images_per_sec: (set.len() - embedded.continued_from) as f64 / secs,
        skipped: embedded.skipped.clone(),
        secs: learned_secs + secs,
        notes: set.notes().iter().chain(&notes).cloned().collect(),
    };
    let json = serde_json::to_string_pretty(&summary).map_err(|error| Failure::new(error.to_string()))?;
    fs::write(&beside.manifest, json).map_err(|error| Failure::io("write", &beside.manifest, &error))?;
    tell(&args, &summary, &embedded, learned_secs);
    if args.say.json {
        messages::print_json(&summary)?;
    }
    Ok(DONE)
}

fn is_called_so(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    extensions.iter().any(|known| known.eq_ignore_ascii_case(extension))
}

/// Embeds into an npy file, and writes that in the format asked for if it is another.
fn write(job: &Job<'_>, args: &EmbedArgs, ctx: &subsel::Context) -> Result<Embedded, Failure> {
    if is_called_so(&args.output, &["npy"]) {
        return Ok(job.run(&args.output, args.say.force, ctx)?);
    }
    let mut name = args.output.file_name().unwrap_or_default().to_owned();
    name.push(".rows.npy");
    let rows = args.output.with_file_name(name);
    let embedded = job.run(&rows, true, ctx)?;
    let mut opened = open(std::slice::from_ref(&rows), &OpenOptions::default())?;
    opened.ids = Some(images::ids(job.set, &embedded.skipped));
    let options = ConvertOptions { force: args.say.force, ..ConvertOptions::default() };
    convert(&opened, &args.output, &options)?;
    fs::remove_file(&rows).map_err(|error| Failure::io("remove", &rows, &error))?;
    Ok(embedded)
}

fn write_lines(path: &Path, lines: impl Iterator<Item = String>, force: bool) -> Result<(), Failure> {
    use std::io::Write;
    let mut file = AtomicFile::create(path, force)?;
    for line in lines {
        writeln!(file, "{line}").map_err(|error| Failure::io("write", path, &error))?;
    }
    Ok(file.commit()?)
}

fn tell(args: &EmbedArgs, summary: &Summary, embedded: &Embedded, learned_secs: f64) {
    if let Some(note) = images::skipped_note(&summary.skipped) {
        messages::warning(&note);
    }
    if args.say.quiet {
        return;
    }
    summary.notes.iter().for_each(|note| messages::note(note));
    if embedded.continued_from > 0 {
        messages::note(&format!(
            "{} had been embedded by a run that was stopped",
            images::n_images(embedded.continued_from)
        ));
    }
    let learned = if summary.model_file.is_some() {
        format!(", after {} of learning", secs_text(learned_secs))
    } else {
        String::new()
    };
    messages::say(&format!(
        "{} by {}: {} values each, {} a second{learned}",
        images::n_images(summary.n),
        summary.model,
        count(summary.d),
        images::n_images(summary.images_per_sec as usize),
    ));
    let mut written = vec![format!("embeddings in {}", summary.output)];
    written.extend(summary.ids.iter().map(|path| format!("names in {path} (`--ids`)")));
    written.extend(summary.labels.iter().map(|path| format!("classes in {path} (`--labels`)")));
    messages::say(&written.join(", "));
    if let Some(path) = &summary.model_file {
        messages::say(&format!("`--model {path}` gives other images, such as test images, the same features"));
    }
}
