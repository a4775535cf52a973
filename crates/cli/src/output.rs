//! The tables that a selection writes, opened before the work so that what cannot be written is refused at once.

use std::fs;
use std::path::{Path, PathBuf};

use subsel::Selection;
use subsel_formats::{AtomicFile, Column, Ids, Listed, PicksTable, PicksWriter};

use crate::args::SelectArgs;
use crate::failure::Failure;
use crate::input::{Loaded, Request};
use crate::manifest;
use crate::side::Sides;
use crate::tools::{Tasks, ToolSettings, tasks};

/// Where a selection goes.
pub(crate) struct Targets {
    /// The table of picks.
    pub(crate) output: PathBuf,
    /// Its manifest.
    pub(crate) manifest: PathBuf,
    /// The table of rows left over.
    pub(crate) rest: Option<PathBuf>,
}

/// The files of a selection, begun under temporary names.
pub(crate) struct Writers {
    picks: PicksOut,
    manifest: AtomicFile,
    rest: Option<PicksWriter>,
}

/// The file of picks.
enum PicksOut {
    Table(PicksWriter),
    Tasks(Box<Tasks>),
}

impl Targets {
    /// The outputs asked for; none may be another, or an input.
    pub(crate) fn new(output: &Path, rest: Option<&Path>, pool: &Request, side: &Sides) -> Result<Self, Failure> {
        let targets = Targets {
            output: output.to_owned(),
            manifest: manifest::path_beside(output),
            rest: rest.map(Path::to_owned),
        };
        let files = pool.files.iter().map(|file| PathBuf::from(&file.path));
        let sides = side.paths().map(|(_, path)| path.to_owned());
        let read: Vec<PathBuf> = files.chain(sides).filter_map(|path| fs::canonicalize(path).ok()).collect();
        let mut written: Vec<PathBuf> = Vec::new();
        for path in targets.all() {
            let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
            if read.contains(&place) {
                return Err(Failure::new(format!("{} is both an input and an output", path.display())));
            }
            if written.contains(&place) {
                return Err(Failure::new(format!("{} is named for two outputs", path.display())));
            }
            written.push(place);
        }
        Ok(targets)
    }

    fn all(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.output, &self.manifest].into_iter().chain(&self.rest)
    }

    /// Begins the files.
    pub(crate) fn begin(&self, args: &SelectArgs) -> Result<Writers, Failure> {
        let force = args.say.force;
        // Said here for the sake of the path, which the user knows as given.
        if let (Some(path), false) = (self.all().find(|path| path.is_file()), force) {
            return Err(subsel_formats::Error::Exists { path: path.clone() }.into());
        }
        Ok(Writers {
            picks: match &args.format {
                Some(format) => {
                    let settings = ToolSettings {
                        key: args.data_key.clone().or(args.texts.as_ref().map(|_| "text".into())),
                        prefix: args.data_prefix.clone(),
                        coco: args.coco.clone(),
                        images: args.images.clone(),
                    };
                    PicksOut::Tasks(Tasks::begin(&self.output, format, settings, force)?.into())
                }
                None => PicksOut::Table(begin_table(&self.output, force)?),
            },
            manifest: AtomicFile::create(&self.manifest, force)?,
            rest: self.rest.as_deref().map(|path| begin_table(path, force)).transpose()?,
        })
    }

    fn is_structured(path: &Path) -> bool {
        path.extension().is_some_and(|extension| extension == "jsonl" || extension == "parquet")
    }

    fn is_list(path: &Path) -> bool {
        path.extension().is_some_and(|extension| extension == "npy" || extension == "txt")
    }

    /// Bytes that the table of rows left over holds in memory while it is written.
    pub(crate) fn rest_bytes(&self, loaded: &Loaded) -> u64 {
        let Some(rest) = &self.rest else { return 0 };
        let per_row = match Self::is_list(rest) {
            true => 16,
            false => {
                24 + loaded
                    .parts
                    .iter()
                    .map(|part| if loaded.parts.len() > 1 { part.path.len() + 40 } else { 0 })
                    .max()
                    .unwrap_or(0)
            }
        };
        (per_row * loaded.source.n_rows()) as u64 + loaded.bytes()
    }
}

/// Begins a table, with what to do about a name that cannot be one.
pub(crate) fn begin_table(path: &Path, force: bool) -> Result<PicksWriter, Failure> {
    PicksWriter::create(path, force).map_err(|error| match &error {
        subsel_formats::Error::UnknownFormat { known, .. } => {
            Failure::new(format!("{}: picks are not written in a format of that name", path.display()))
                .hint(format!("known extensions: {known}"))
        }
        subsel_formats::Error::Io { .. } => match path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
            Some(dir) if !dir.exists() => {
                Failure::from(error).hint(format!("create the directory first: `mkdir -p {}`", dir.display()))
            }
            _ => error.into(),
        },
        _ => error.into(),
    })
}

impl Writers {
    /// Refuses a pool whose ids a tool has no use for.
    pub(crate) fn check_ids(&self, loaded: &Loaded) -> Result<(), Failure> {
        match &self.picks {
            PicksOut::Tasks(tasks) => tasks.check_ids(loaded.ids.as_ref()),
            PicksOut::Table(_) => Ok(()),
        }
    }

    /// Writes everything; the manifest last, so that where one is, its picks are.
    pub(crate) fn write(
        self,
        targets: &Targets,
        loaded: &Loaded,
        picks: &[(Option<usize>, &Selection)],
        duplicates: &[usize],
        texts: Option<&[String]>,
        manifest: &manifest::Manifest,
    ) -> Result<(), Failure> {
        let detail = match &targets.output {
            path if Targets::is_list(path) => Detail::List,
            path if Targets::is_structured(path) => Detail::Facts,
            _ => Detail::Words,
        };
        match self.picks {
            PicksOut::Table(writer) => writer.write(&picks_table(loaded, picks, detail))?,
            PicksOut::Tasks(writer) => {
                let all = picks.iter().flat_map(|(_, selection)| &selection.picks).cloned();
                let tasks = tasks(&all.collect::<Vec<_>>(), loaded.ids.as_ref(), texts);
                writer.write(tasks, &manifest.method.text)?;
            }
        }
        if let (Some(writer), Some(path)) = (self.rest, &targets.rest) {
            writer.write(&rest_table(loaded, picks, duplicates, path))?;
        }
        manifest.write(self.manifest)
    }
}

/// How much is told of each pick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Which row it is.
    List,
    /// Score, and reason in words.
    Words,
    /// Score, and reason as facts with names.
    Facts,
}

/// The picks of one or several selections as columns.
pub(crate) fn picks_table(loaded: &Loaded, selections: &[(Option<usize>, &Selection)], detail: Detail) -> PicksTable {
    let picks = || selections.iter().flat_map(|(_, selection)| &selection.picks);
    let rows: Vec<usize> = picks().map(|pick| pick.row).collect();
    let ranks = selections.iter().flat_map(|(_, selection)| 1..=selection.picks.len() as u64).collect();
    let mut columns = vec![column("rank", Column::U64(ranks))];
    columns.extend(row_columns(loaded.ids.as_ref(), &rows));
    if detail != Detail::List {
        columns.push(column("score", Column::F64(picks().map(|pick| pick.score).collect())));
        let text: Vec<String> = picks().map(|pick| pick.reason.to_string()).collect();
        let reason = match detail == Detail::Facts {
            true => Column::Json { text, values: picks().map(|pick| serde_json::json!(pick.reason)).collect() },
            false => Column::Text(text),
        };
        columns.push(column("reason", reason));
        columns.extend(place_columns(loaded, &rows));
        if selections.iter().any(|(budget, _)| budget.is_some()) {
            let budgets = selections
                .iter()
                .flat_map(|(budget, selection)| std::iter::repeat_n(budget.unwrap_or(0) as u64, selection.picks.len()));
            columns.push(column("budget", Column::U64(budgets.collect())));
        }
    }
    PicksTable { columns, listed: Listed::Rows }
}

/// The rows that were neither picked nor barred from picking.
fn rest_table(
    loaded: &Loaded,
    selections: &[(Option<usize>, &Selection)],
    duplicates: &[usize],
    path: &Path,
) -> PicksTable {
    let mut left = vec![true; loaded.source.n_rows()];
    let picked = selections.iter().flat_map(|(_, selection)| selection.picks.iter().map(|pick| pick.row));
    picked
        .chain(loaded.labeled.iter().chain(&loaded.excluded).chain(duplicates).copied())
        .for_each(|row| left[row] = false);
    let rows: Vec<usize> = (0..left.len()).filter(|&row| left[row]).collect();
    let mut columns = row_columns(loaded.ids.as_ref(), &rows);
    if !Targets::is_list(path) {
        columns.extend(place_columns(loaded, &rows));
    }
    PicksTable { columns, listed: Listed::Rows }
}

pub(crate) fn column(name: &str, column: Column) -> (String, Column) {
    (name.into(), column)
}

/// The number of each row, and its id where there are ids.
pub(crate) fn row_columns(ids: Option<&Ids>, rows: &[usize]) -> Vec<(String, Column)> {
    let mut columns = vec![column("row", Column::U64(rows.iter().map(|row| *row as u64).collect()))];
    match ids {
        Some(Ids::Int(ids)) => columns.push(column("id", Column::I64(rows.iter().map(|&row| ids[row]).collect()))),
        Some(Ids::Text(ids)) => {
            columns.push(column("id", Column::Text(rows.iter().map(|&row| ids[row].clone()).collect())))
        }
        None => {}
    }
    columns
}

/// The file of each row and its number there, where there are several files.
pub(crate) fn place_columns(loaded: &Loaded, rows: &[usize]) -> Vec<(String, Column)> {
    let places: Option<Vec<(&str, usize)>> = rows.iter().map(|&row| loaded.place(row)).collect();
    match places {
        Some(places) if loaded.parts.len() > 1 => vec![
            column("file", Column::Text(places.iter().map(|(file, _)| (*file).to_owned()).collect())),
            column("file_row", Column::U64(places.iter().map(|(_, row)| *row as u64).collect())),
        ],
        _ => Vec::new(),
    }
}
