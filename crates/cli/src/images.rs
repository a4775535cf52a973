//! Pools of images: embedded on the way, and kept for the next run.

use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};
use subsel::{Classes, Context};
use subsel_formats::{Dtype, Ids, OpenOptions, Opened, Part, open};
use subsel_images::{Embedded, Fit, ImageSet, Job, OnBroken, Pixels, SetOptions, Skipped};
use subsel_nets::Device;
use xxhash_rust::xxh3::xxh3_64;

use crate::encoders::Named;
use crate::failure::Failure;
use crate::input::Request;
use crate::memory;
use crate::messages::{count, counted};
use crate::side::{self, Given, Role};

/// Extensions by which a path is known to be an image.
const EXTENSIONS: [&str; 5] = ["jpg", "jpeg", "png", "webp", "bmp"];

/// Changes when the same model makes other rows of the same images: what was kept is then made anew.
const ROWS_VERSION: u32 = 1;

/// The model of images where none is named.
pub(crate) const DEFAULT_MODEL: &str = "patches";

/// What is kept of a set that was embedded, beside its rows.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    dim: usize,
    skipped: Vec<Skipped>,
    /// What was to be said of the model.
    notes: Vec<String>,
}

/// Whether the paths are directories or called as images are.
pub(crate) fn is_named_so(paths: &[PathBuf]) -> bool {
    let is_image = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension))
    };
    paths.iter().any(|path| path.is_dir() || is_image(path))
}

/// Whether all are called as npz archives are.
pub(crate) fn are_npz(paths: &[PathBuf]) -> bool {
    paths.iter().all(|path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npz")))
}

/// The length of a file, or of all files below a directory but hidden ones, as sets of images have them.
pub(crate) fn bytes(path: &Path) -> io::Result<u64> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_dir() {
        return Ok(metadata.len());
    }
    let is_hidden = |entry: &fs::DirEntry| entry.file_name().as_encoded_bytes().starts_with(b".");
    let mut sum = 0;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        // Links to directories may go in circles, and others lead nowhere.
        let is_link = entry.file_type()?.is_symlink();
        if is_hidden(&entry) || is_link && entry.path().is_dir() {
            continue;
        }
        sum += bytes(&entry.path()).unwrap_or(0);
    }
    Ok(sum)
}

/// The set that these paths are.
pub(crate) fn set(paths: &[PathBuf], request: &Request) -> Result<ImageSet, Failure> {
    let options =
        SetOptions { column: request.column.clone(), id_column: request.id_column.clone(), ..SetOptions::default() };
    Ok(ImageSet::open(paths, &options)?)
}

/// The pool that these paths are as images.
pub(crate) fn open_pool(paths: &[PathBuf], request: &Request, ctx: &mut Context) -> Result<Opened, Failure> {
    embedded(&set(paths, request)?, request, ctx)
}

/// All images of a set in memory at one size; refused before if that is more than may be taken.
pub(crate) fn pixels(
    set: &ImageSet,
    side: usize,
    on_broken: OnBroken,
    ctx: &Context,
) -> Result<(Pixels, Vec<String>), Failure> {
    memory::check(Pixels::bytes_needed(set.len(), side), None)?;
    let (pixels, broken) = Pixels::load(set, None, Fit::to(side), on_broken, ctx)?;
    let mut notes = set.notes().to_vec();
    notes
        .extend(broken.first().map(|one| format!("images that cannot be read are left out: {} ({one})", broken.len())));
    Ok((pixels, notes))
}

/// The classes of images in memory: those that they came with, or those in a file, one for each image of the set. Images
/// whose class is below 0 have none, and are told apart; `option` would give them.
pub(crate) fn classes(
    set: &ImageSet,
    pixels: &Pixels,
    given: Option<&PathBuf>,
    option: &str,
) -> Result<(Classes, Vec<bool>), Failure> {
    let all = match given {
        Some(path) => {
            let all = side::classes(Role::Labels, &Given::File(path.clone()), None, set.len())?;
            Classes { codes: pixels.rows().iter().map(|row| all.codes[*row]).collect(), names: all.names }
        }
        None => pixels.labels().cloned().ok_or_else(|| {
            Failure::usage("the images have no classes").hint(format!("`{option} FILE` has one for each"))
        })?,
    };
    let is_known = |name: &String| !name.parse::<f64>().is_ok_and(|number| number < 0.0);
    let names: Vec<String> = all.names.iter().filter(|name| is_known(name)).cloned().collect();
    let places: Vec<Option<usize>> =
        all.names.iter().map(|name| names.iter().position(|known| known == name)).collect();
    let known = all.codes.iter().map(|code| places[*code as usize].is_some()).collect();
    let codes = all.codes.iter().map(|code| places[*code as usize].unwrap_or(0) as u32).collect();
    Ok((Classes { codes, names }, known))
}

/// What to do about images that cannot be read.
pub(crate) fn on_broken(skip: bool) -> OnBroken {
    if skip { OnBroken::Skip } else { OnBroken::Stop }
}

/// The set as rows: those kept from an earlier run, or embedded now and kept.
pub(crate) fn embedded(set: &ImageSet, request: &Request, ctx: &mut Context) -> Result<Opened, Failure> {
    let model = Named::parse(request.model.as_deref().unwrap_or(DEFAULT_MODEL))?;
    let fingerprint = set.fingerprint(ctx)?;
    let on_broken = on_broken(request.skip_broken);
    let mut made = None;
    let identity = match model.identity() {
        Some(identity) => identity,
        // A file is known by what is in it.
        None => {
            let found = made.insert(model.make(set, on_broken, Device::Cpu, ctx)?);
            format!("{:016x}", found.encoder.fingerprint())
        }
    };
    let key = xxh3_64(format!("{ROWS_VERSION} {fingerprint:016x} {identity} {}", request.skip_broken).as_bytes());
    let directory = directory()?;
    let rows = directory.join(format!("{key:016x}.npy"));
    let told = rows.with_extension("json");
    let (kept, is_new) = match read(&rows, &told) {
        Some(kept) => (kept, false),
        None => {
            let made = made.map_or_else(|| model.make(set, on_broken, Device::Cpu, ctx), Ok)?;
            let job = Job { set, fingerprint, encoder: &*made.encoder, on_broken, dtype: Dtype::F32, block: None };
            (embed(&rows, &told, job, made.notes, ctx)?, true)
        }
    };
    let mut opened = open(std::slice::from_ref(&rows), &OpenOptions::default())?;
    opened.ids = Some(ids(set, &kept.skipped));
    opened.parts = parts(set, &kept.skipped);
    opened.notes = notes(set, &model, request.model.is_some(), &kept, is_new.then_some(&*directory));
    Ok(opened)
}

fn embed(rows: &Path, told: &Path, job: Job<'_>, notes: Vec<String>, ctx: &Context) -> Result<Kept, Failure> {
    let Embedded { dim, skipped, .. } = job.run(rows, true, ctx)?;
    let kept = Kept { dim, skipped, notes };
    let text = serde_json::to_vec(&kept).map_err(|error| Failure::new(error.to_string()))?;
    fs::write(told, text).map_err(|error| Failure::io("write", told, &error))?;
    Ok(kept)
}

/// What an earlier run kept; nothing where it cannot be read, which is as good as not there.
fn read(rows: &Path, told: &Path) -> Option<Kept> {
    let kept = serde_json::from_slice(&fs::read(told).ok()?).ok()?;
    rows.is_file().then_some(kept)
}

/// Where embeddings of images are kept.
fn directory() -> Result<PathBuf, Failure> {
    // The specification of these directories has relative ones ignored.
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::home_dir().map(|home| home.join(".cache"));
    let directory = base.or_else(home).unwrap_or_else(std::env::temp_dir).join("subsel").join("images");
    fs::create_dir_all(&directory).map_err(|error| {
        Failure::io("create", &directory, &error)
            .hint("embeddings of images are kept there; the variable XDG_CACHE_HOME names another directory")
    })?;
    Ok(directory)
}

/// The names of the images that have a row.
pub(crate) fn ids(set: &ImageSet, skipped: &[Skipped]) -> Ids {
    let kept = kept(set, skipped);
    match set.ids() {
        Ids::Int(ids) => Ids::Int(kept.map(|row| ids[row]).collect()),
        Ids::Text(ids) => Ids::Text(kept.map(|row| ids[row].clone()).collect()),
    }
}

/// The images that have a row.
pub(crate) fn kept<'a>(set: &ImageSet, skipped: &'a [Skipped]) -> impl Iterator<Item = usize> + use<'a> {
    let mut skipped = skipped.iter().map(|skipped| skipped.row).peekable();
    (0..set.len()).filter(move |row| skipped.next_if_eq(row).is_none())
}

fn parts(set: &ImageSet, skipped: &[Skipped]) -> Vec<Part> {
    let mut first = 0;
    let mut parts = set.parts().to_vec();
    for part in &mut parts {
        let all = first..first + part.n_rows;
        first = all.end;
        part.n_rows -= skipped.iter().filter(|skipped| all.contains(&skipped.row)).count();
    }
    parts
}

/// What to know of rows that were images.
fn notes(set: &ImageSet, model: &Named, is_chosen: bool, kept: &Kept, kept_in: Option<&Path>) -> Vec<String> {
    let mut notes = set.notes().to_vec();
    let n = set.len() - kept.skipped.len();
    let place = match kept_in {
        Some(directory) => format!(", kept in {} for the next run", directory.display()),
        None => ", as an earlier run did".into(),
    };
    notes.push(format!("embedded {} by `{model}`: {} each{place}", counted(n, "image"), counted(kept.dim, "value")));
    if !is_chosen {
        notes.push(
            "`patches` knows shapes and textures, not things: a pretrained encoder tells more of content, such as \
             `--model encoder.onnx`, or `subsel.embed` in Python"
                .into(),
        );
    }
    notes.extend(kept.notes.iter().cloned());
    notes.extend(skipped_note(&kept.skipped));
    notes
}

/// Tells of images that were left out.
pub(crate) fn skipped_note(skipped: &[Skipped]) -> Option<String> {
    let first = skipped.first()?;
    Some(match skipped.len() {
        1 => format!("1 image could not be read and was left out, {}: {}", first.name, first.why),
        many => {
            format!(
                "{} images could not be read and were left out, the first is {}: {}",
                count(many),
                first.name,
                first.why
            )
        }
    })
}

/// The number of images as it is said.
pub(crate) fn n_images(n: usize) -> String {
    if n == 1 { "1 image".into() } else { format!("{} images", count(n)) }
}
