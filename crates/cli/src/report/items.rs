//! The pictures or texts that rows stand for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use subsel_formats::{Item, Part, SideOptions, count_rows, list_files, read_items};
use subsel_report::{Look, PICTURE_EXTENSIONS, SHOWN, thumbnail};

use crate::args::ReportArgs;
use crate::failure::Failure;
use crate::input::{Loaded, Request};
use crate::messages::{count, counted};

/// Columns looked for where none is named.
const NAMES: [&str; 8] = ["img", "image", "picture", "text", "sentence", "question", "title", "content"];

/// Most pictures on a page: those of picks first.
const PICTURES: usize = 1500;

/// Pools whose texts are all on the page, if they are short.
const ALL_TEXTS: usize = 20_000;

/// Most bytes of the texts of rows that are neither picks nor their neighbors.
const TEXT_BYTES: usize = 3 << 20;

/// Most letters of a text: of a pick or a neighbor, and of another row.
const LETTERS: (usize, usize) = (800, 160);

/// Largest file that is taken for a picture.
const FILE_BYTES: u64 = 64 << 20;

/// Where pictures or texts come from.
pub(super) enum Items {
    /// Nowhere.
    None,
    /// A file for each row, as far as there is one.
    Files(Vec<Option<PathBuf>>),
    /// Rows of tables.
    Tables { parts: Vec<Part>, options: SideOptions, are_pictures: bool },
}

/// What the page shows.
#[derive(Default)]
pub(super) struct Shown {
    pub(super) pictures: BTreeMap<usize, String>,
    pub(super) texts: BTreeMap<usize, String>,
    pub(super) warnings: Vec<String>,
}

impl Items {
    /// Finds out where they are; there must be one for every row, or names that say which row each is of.
    pub(super) fn open(args: &ReportArgs, request: &Request, loaded: &Loaded) -> Result<Self, Failure> {
        let n = loaded.source.n_rows();
        let (paths, are_pictures) = match (&args.images[..], &args.texts[..]) {
            ([], []) if args.column.is_none() => return Ok(Items::None),
            ([], []) => (request.files.iter().map(|file| PathBuf::from(&file.path)).collect(), false),
            ([], texts) => (texts.to_vec(), false),
            ([dir], _) if dir.is_dir() => return files(dir, loaded),
            (images, _) => (images.to_vec(), true),
        };
        let parts = count_rows(&paths)?;
        let found: usize = parts.iter().map(|part| part.n_rows).sum();
        if found != n {
            let names: Vec<&str> = parts.iter().map(|part| part.path.as_str()).collect();
            let (entries, rows) = (counted(found, "entry"), counted(n, "row"));
            return Err(Failure::new(format!("{} holds {entries} but the pool has {rows}", names.join(" and "))));
        }
        let prefer = NAMES.map(str::to_owned).to_vec();
        Ok(Items::Tables { parts, options: SideOptions { column: args.column.clone(), prefer }, are_pictures })
    }

    /// Bytes that the chosen ones may take, in round figures: files of a few dozen KiB and their pictures.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Items::None => 0,
            Items::Files(files) => FILE_BYTES + 200 * files.len() as u64,
            Items::Tables { .. } => FILE_BYTES,
        }
    }

    /// Reads those of the picks, of their neighbors, and all texts of a small pool.
    pub(super) fn show(&self, picks: &[usize], look: &Look, n: usize) -> Result<Shown, Failure> {
        let picks = &picks[..picks.len().min(SHOWN)];
        let mut rows = picks.to_vec();
        let neighbors: BTreeSet<usize> = look.neighbors.iter().flatten().map(|near| near.row).collect();
        rows.extend(neighbors.into_iter().filter(|row| !picks.contains(row)));
        let mut shown = Shown::default();
        match self {
            Items::None => {}
            Items::Files(files) => {
                rows.truncate(PICTURES);
                let read = |row: &usize| files[*row].as_deref().map(read_file);
                shown.take_pictures(rows.iter().filter_map(|row| Some((*row, read(row)?))));
            }
            Items::Tables { parts, options, are_pictures } => {
                rows.truncate(PICTURES.max(picks.len()));
                let mut first = Vec::new();
                // Some at a time, since files of pictures may be large, and in order, so that each is read once.
                rows.sort_unstable();
                for some in rows.chunks(128) {
                    let items = read_items(parts, some, options)?;
                    let mut pictures = Vec::new();
                    for (row, item) in some.iter().zip(items) {
                        match item {
                            Some(Item::Bytes(bytes)) => pictures.push((*row, Ok(bytes))),
                            Some(Item::Text(text)) => first.push((*row, text)),
                            None => {}
                        }
                    }
                    shown.take_pictures(pictures.into_iter());
                }
                if let (true, Some((row, text))) = (*are_pictures, first.first()) {
                    let what = format!("--images: row {row} is a text, `{}`", cut(text, 40));
                    return Err(Failure::new(what).hint("`--texts FILE` shows texts"));
                }
                shown.texts.extend(first.into_iter().map(|(row, text)| (row, cut(&text, LETTERS.0))));
                if !shown.texts.is_empty() && n <= ALL_TEXTS {
                    shown.take_all_texts(parts, options, n)?;
                }
            }
        }
        Ok(shown)
    }
}

impl Shown {
    fn take_pictures(&mut self, files: impl Iterator<Item = (usize, Result<Vec<u8>, String>)>) {
        for (row, file) in files {
            match file.and_then(|bytes| thumbnail(&bytes)) {
                Ok(address) => {
                    self.pictures.insert(row, address);
                }
                Err(reason) => self.miss(row, &reason),
            }
        }
    }

    /// Tells the first picture that cannot be shown, and counts them.
    fn miss(&mut self, row: usize, reason: &str) {
        if self.warnings.is_empty() {
            self.warnings.push(format!("the picture of row {row} cannot be shown, and perhaps others: {reason}"));
        }
    }

    fn take_all_texts(&mut self, parts: &[Part], options: &SideOptions, n: usize) -> Result<(), Failure> {
        let rows: Vec<usize> = (0..n).collect();
        let mut more = BTreeMap::new();
        let mut bytes = 0;
        for (row, item) in rows.iter().zip(read_items(parts, &rows, options)?) {
            if let (Some(Item::Text(text)), false) = (item, self.texts.contains_key(row)) {
                let text = cut(&text, LETTERS.1);
                bytes += text.len();
                more.insert(*row, text);
            }
        }
        // All or none: a page that shows some texts and not others puzzles.
        if bytes <= TEXT_BYTES {
            self.texts.append(&mut more);
        }
        Ok(())
    }
}

/// Pictures of a directory: by id where rows have ids, else by their order.
fn files(dir: &Path, loaded: &Loaded) -> Result<Items, Failure> {
    let found = list_files(dir, &PICTURE_EXTENSIONS)?;
    let n = loaded.source.n_rows();
    let Some(ids) = &loaded.ids else {
        if found.len() != n {
            let (pictures, rows) = (counted(found.len(), "picture"), counted(n, "row"));
            let what = format!("{} holds {pictures} but the pool has {rows}", dir.display());
            return Err(Failure::new(what).hint(
                "without ids there must be one for every row, in the order of their names; `--ids FILE` names the rows",
            ));
        }
        return Ok(Items::Files(found.into_iter().map(Some).collect()));
    };
    let mut by_name: HashMap<String, PathBuf> = HashMap::new();
    for path in found {
        for name in [path.file_stem(), path.file_name()].into_iter().flatten() {
            by_name.insert(name.to_string_lossy().into_owned(), path.clone());
        }
    }
    let name = |row: usize| {
        let id = ids.text(row);
        let last = Path::new(&id).file_name().map(|name| name.to_string_lossy().into_owned());
        by_name.get(&id).or_else(|| by_name.get(&last?)).cloned()
    };
    let files: Vec<Option<PathBuf>> = (0..n).map(name).collect();
    if files.iter().all(Option::is_none) {
        let (pictures, rows) = (by_name.len() / 2, count(n));
        let what = format!("{}: none of its {pictures} pictures is called as one of the {rows} rows", dir.display());
        return Err(
            Failure::new(what).hint("the id of a row is the name of its picture, with or without its extension")
        );
    }
    Ok(Items::Files(files))
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let told = |error: std::io::Error| Failure::io("read", path, &error).message;
    match std::fs::metadata(path).map_err(told)?.len() {
        ..=FILE_BYTES => std::fs::read(path).map_err(told),
        bytes => Err(format!("{} has {bytes} bytes", path.display())),
    }
}

/// A text of at most so many letters.
fn cut(text: &str, letters: usize) -> String {
    match text.char_indices().nth(letters) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}
