//! Parquet with a column of images, as Hugging Face data sets have it.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use subsel::Classes;
use subsel_formats::{BytesColumn, BytesReader, Ids, Part, SideColumn, SideOptions, read_column};

use super::{Each, ImageSet, SetOptions, Store, locate};
use crate::Error;

/// The column of classes where none is named.
const LABEL: &str = "label";

/// Under which a writer notes what its columns mean.
const NOTES: &str = "huggingface";

/// Bytes of files that may wait for being decoded.
const MAX_WAITING: usize = 32 << 20;

struct Columns {
    paths: Vec<PathBuf>,
    columns: Vec<BytesColumn>,
    lens: Vec<usize>,
    /// The reader used last, of this file: a pass continues where it stopped.
    reader: Mutex<Option<(usize, BytesReader)>>,
}

impl Store for Columns {
    fn each(&self, rows: &[usize], each: &Each<'_>) -> Result<(), Error> {
        // A reader that failed is not put back.
        let mut lent = self.reader.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut done = 0;
        while done < rows.len() {
            let files = self.files_of(&rows[done..], &mut lent)?;
            files.par_iter().enumerate().for_each(|(place, file)| {
                each(
                    done + place,
                    file.as_ref().map_or_else(|| Err("the cell is null".into()), |file| crate::decode(file)),
                );
            });
            done += files.len();
        }
        *self.reader.lock().unwrap_or_else(PoisonError::into_inner) = lent;
        Ok(())
    }

    fn name(&self, row: usize) -> String {
        let (file, row) = locate(&self.lens, row);
        format!("{}, row {row}", self.paths[file].display())
    }

    fn files(&self) -> Vec<PathBuf> {
        self.paths.clone()
    }
}

impl Columns {
    /// The files in the cells of the first of these rows, which ascend: as many as [`MAX_WAITING`] lets wait.
    fn files_of(&self, rows: &[usize], lent: &mut Option<(usize, BytesReader)>) -> Result<Vec<Option<Vec<u8>>>, Error> {
        let (mut found, mut bytes) = (Vec::new(), 0);
        for row in rows {
            let (file, row) = locate(&self.lens, *row);
            let column = &self.columns[file];
            let serves = |(of, reader): &(usize, BytesReader)| {
                *of == file && reader.row() <= row && (reader.row() == row || column.one_group(reader.row(), row))
            };
            let (_, reader) = match lent.take().filter(serves) {
                Some(reader) => lent.insert(reader),
                None => lent.insert((file, column.reader_from(row)?)),
            };
            reader.skip_to(row)?;
            let cell = reader.next()?;
            bytes += cell.as_ref().map_or(0, Vec::len);
            found.push(cell);
            if bytes > MAX_WAITING {
                break;
            }
        }
        Ok(found)
    }
}

/// Opens Parquet files.
pub(super) fn open(paths: &[PathBuf], options: &SetOptions) -> Result<ImageSet, Error> {
    let columns = paths.iter().map(|path| BytesColumn::open(path, options.column.as_deref()));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let mut notes = vec![format!("images are in column `{}`", columns[0].name())];
    if let Some(other) = columns.iter().position(|column| column.name() != columns[0].name()) {
        let detail = format!("its images are in column `{}`, not `{}`", columns[other].name(), columns[0].name());
        return Err(Error::Disagree { first: paths[0].clone(), second: paths[other].clone(), detail });
    }
    let lens: Vec<usize> = columns.iter().map(BytesColumn::n_rows).collect();
    let n: usize = lens.iter().sum();
    if n == 0 {
        return Err(subsel_formats::Error::Empty { path: paths[0].clone() }.into());
    }
    let labels = labels(paths, &columns, options, &mut notes)?;
    let ids = match &options.id_column {
        Some(name) => ids(paths, name)?,
        None => Ids::Int((0..n as i64).collect()),
    };
    let parts = paths.iter().zip(&lens).map(|(path, len)| Part { path: path.display().to_string(), n_rows: *len });
    let parts = parts.collect();
    let salt = columns[0].name().to_owned();
    let store = Columns { paths: paths.to_vec(), columns, lens, reader: Mutex::new(None) };
    Ok(ImageSet { store: Box::new(store), ids, labels, parts, notes, salt })
}

/// One plain column through all files.
fn cells(paths: &[PathBuf], name: &str) -> Result<Vec<SideColumn>, Error> {
    let options = SideOptions { column: Some(name.to_owned()), prefer: Vec::new() };
    let read = |path: &PathBuf| read_column(path, &options).map(|file| file.values);
    Ok(paths.iter().map(read).collect::<Result<_, _>>()?)
}

fn labels(
    paths: &[PathBuf],
    columns: &[BytesColumn],
    options: &SetOptions,
    notes: &mut Vec<String>,
) -> Result<Option<Classes>, Error> {
    let name = match &options.label_column {
        Some(name) => name.as_str(),
        None if columns.iter().all(|column| column.int_columns().contains(&LABEL)) => LABEL,
        None => return Ok(None),
    };
    let mut texts = Vec::new();
    let mut ints = Vec::new();
    for values in cells(paths, name)? {
        match values {
            SideColumn::Ints(values) if texts.is_empty() => ints.extend(values),
            SideColumn::Ints(values) => texts.extend(values.iter().map(i64::to_string)),
            SideColumn::Texts(values) => {
                texts.extend(std::mem::take(&mut ints).iter().map(i64::to_string));
                texts.extend(values);
            }
            SideColumn::Floats(_) => {
                let what = format!("column `{name}` holds floating-point numbers, which are no classes");
                let hint = Some("classes are whole numbers or texts".into());
                return Err(Error::Set { path: paths[0].clone(), what, hint });
            }
        }
    }
    if !texts.is_empty() {
        return Ok(Some(Classes::from_names(&texts)));
    }
    let names = columns[0].note(NOTES).and_then(|note| class_names(note, name)).unwrap_or_default();
    if ints.iter().all(|code| (0..names.len() as i64).contains(code)) {
        notes.push(format!("classes are in column `{name}`: {}", names.len()));
        return Ok(Some(Classes { codes: ints.iter().map(|code| *code as u32).collect(), names }));
    }
    // -1 is what data sets give rows whose class is withheld: then it is no class.
    if ints.iter().all(|code| *code == -1) {
        notes.push(format!("column `{name}` is -1 throughout: the classes are withheld"));
        return Ok(None);
    }
    let texts: Vec<String> = ints.iter().map(i64::to_string).collect();
    let classes = Classes::from_names(&texts);
    notes.push(format!("column `{name}` numbers the classes: {}", classes.names.len()));
    Ok(Some(classes))
}

/// The names of the classes of a column, in the order of their numbers.
fn class_names(note: &str, column: &str) -> Option<Vec<String>> {
    let note: serde_json::Value = serde_json::from_str(note).ok()?;
    let names = note.get("info")?.get("features")?.get(column)?.get("names")?.as_array()?;
    names.iter().map(|name| name.as_str().map(str::to_owned)).collect()
}

fn ids(paths: &[PathBuf], name: &str) -> Result<Ids, Error> {
    let mut all: Option<Ids> = None;
    for (path, values) in paths.iter().zip(cells(paths, name)?) {
        let more = match values {
            SideColumn::Ints(values) => Ids::Int(values),
            SideColumn::Texts(values) => Ids::Text(values),
            SideColumn::Floats(_) => return Err(no_ids(path, name)),
        };
        all = Some(match (all, more) {
            (None, more) => more,
            (Some(Ids::Int(mut all)), Ids::Int(more)) => {
                all.extend(more);
                Ids::Int(all)
            }
            (Some(all), more) => {
                let text = |ids: &Ids| (0..ids.len()).map(|row| ids.text(row)).collect::<Vec<_>>();
                Ids::Text([text(&all), text(&more)].concat())
            }
        });
    }
    Ok(all.unwrap_or(Ids::Int(Vec::new())))
}

fn no_ids(path: &Path, name: &str) -> Error {
    let what = format!("column `{name}` holds floating-point numbers, which are no ids");
    Error::Set { path: path.to_owned(), what, hint: Some("ids are whole numbers or texts".into()) }
}
