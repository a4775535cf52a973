//! Sets of images: what they are kept in, their names and classes, and their pictures by row.

mod arrays;
mod cifar;
mod columns;
mod fingerprint;
mod folder;
mod open;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::OnceLock;

use subsel::{Classes, Context};
use subsel_formats::{Ids, Part};

use crate::{Error, Image};

/// What images come in, for messages.
pub(crate) const KNOWN: &str = "directories of images and image files (.jpg .jpeg .png .webp .bmp), Parquet with a column of \
                                images, .npz with `train_images` and the like, .npy of uint8 (n, height, width[, 3]), \
                                CIFAR's .bin";

/// Pictures read between two looks at whether to go on.
const BLOCK: usize = 256;

/// How to read a set of images.
#[derive(Clone, Debug, Default)]
pub struct SetOptions {
    /// The column of images (Parquet); by default the only one.
    pub column: Option<String>,
    /// The column of classes (Parquet); by default `label`, where it holds whole numbers.
    pub label_column: Option<String>,
    /// The column with the names of the images (Parquet); by default they are row numbers.
    pub id_column: Option<String>,
    /// Which part of an npz: `train`, `val`, `test`. By default `train`.
    pub split: Option<String>,
    /// What names the classes of files in folders.
    pub classes: By,
}

/// What names the classes of files in folders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// The folders, where every image lies in one and there are two or more of them; else nothing.
    #[default]
    Auto,
    /// The first level of folders below the directory given.
    Folder,
    /// Nothing: there are no classes.
    None,
}

/// What to do about a picture that cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnBroken {
    /// It is an error.
    #[default]
    Stop,
    /// It is left out, and told.
    Skip,
}

/// A picture that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {why}")]
pub struct Broken {
    /// Its row in the set.
    pub row: usize,
    /// What it is called: its file, or its file and row there.
    pub name: String,
    /// What is wrong with it.
    pub why: String,
}

/// A set of images, read as they are asked for.
///
/// # Kinds
/// Told by what is there. All inputs are of one kind; more files are more rows.
/// - *Directories and image files*: every image below a directory, in the order of its path's bytes; hidden files are
///   passed over, others are counted in [`ImageSet::notes`]. Its id is its path below the directory (below the first
///   argument where there are several), with `/`.
/// - *Parquet*: a column of structs with a field `bytes`, or of binary, as Hugging Face data sets have it. Row groups are
///   read as needed and never kept.
/// - *npz* with `train_images`, `train_labels` and the like, as MedMNIST has them, and *npy*: uint8 (n, height, width) or
///   (n, height, width, 3). Compressed arrays are unpacked into memory.
/// - *CIFAR's .bin*: records of 1 + 3,072 bytes, or 2 + 3,072 where the second is the fine label.
pub struct ImageSet {
    pub(crate) store: Box<dyn Store>,
    pub(crate) ids: Ids,
    pub(crate) labels: Option<Classes>,
    pub(crate) parts: Vec<Part>,
    pub(crate) notes: Vec<String>,
    /// What else decides the pictures beside the bytes of the files, for the fingerprint.
    pub(crate) salt: String,
}

/// What is done with a picture: given its place among the rows asked for, and the picture or what is wrong with it.
pub(crate) type Each<'a> = dyn Fn(usize, Result<Image, String>) + Sync + 'a;

/// Where the pictures of a set are.
pub(crate) trait Store: Send + Sync {
    /// Calls `each` once for every one of these rows, which ascend, with its place among them and its picture; in any
    /// order, on the threads it is called in.
    fn each(&self, rows: &[usize], each: &Each<'_>) -> Result<(), Error>;

    /// What a message calls the picture of this row.
    fn name(&self, row: usize) -> String;

    /// The files that hold the pictures.
    fn files(&self) -> Vec<PathBuf>;
}

impl std::fmt::Debug for ImageSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImageSet").field("len", &self.len()).field("parts", &self.parts).finish_non_exhaustive()
    }
}

impl ImageSet {
    /// Opens files, directories or globs as one set. Nothing is decoded.
    ///
    /// # Errors
    /// [`Error::NoImages`] for what is no image and no container of them; [`Error::Set`], [`Error::Disagree`]; what keeps
    /// a file from being read.
    pub fn open(paths: &[PathBuf], options: &SetOptions) -> Result<Self, Error> {
        open::open(paths, options)
    }

    /// How many pictures.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is none; a set that opens has at least one.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Their names: paths below the directory, values of the id column, or row numbers.
    pub fn ids(&self) -> &Ids {
        &self.ids
    }

    /// Their classes, where they are known.
    pub fn labels(&self) -> Option<&Classes> {
        self.labels.as_ref()
    }

    /// The inputs in the order of their rows.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// What a user should know, such as which files were passed over. One sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// A hash of the content: names, bytes of the files in their order, and options that choose among them. The same for
    /// a copy elsewhere; reads every file once, in parallel.
    ///
    /// # Errors
    /// Reading; interruption.
    pub fn fingerprint(&self, ctx: &Context) -> Result<u64, Error> {
        fingerprint::of(self, ctx)
    }

    /// The pictures `range`, in order, decoded on the threads of `ctx`. Memory: those pictures. Consecutive ranges are
    /// one pass over the files.
    ///
    /// # Errors
    /// Reading; interruption. A picture that cannot be read is no error here, but its answer.
    ///
    /// # Panics
    /// If the range goes beyond the set.
    pub fn read(&self, range: Range<usize>, ctx: &Context) -> Result<Vec<Result<Image, Broken>>, Error> {
        assert!(range.end <= self.len(), "{range:?} of {} pictures", self.len());
        self.map(&range.collect::<Vec<_>>(), ctx, |_, image| image)
    }

    /// The pictures of the rows named, in the order named; a row may be named twice. Rows that ascend cost least.
    ///
    /// # Errors
    /// As [`ImageSet::read`].
    ///
    /// # Panics
    /// If a row goes beyond the set.
    pub fn gather(&self, rows: &[usize], ctx: &Context) -> Result<Vec<Result<Image, Broken>>, Error> {
        assert!(rows.iter().all(|row| *row < self.len()), "rows beyond {} pictures", self.len());
        if rows.is_sorted_by(|a, b| a < b) {
            return self.map(rows, ctx, |_, image| image);
        }
        let mut wanted = rows.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let found = self.map(&wanted, ctx, |_, image| image)?;
        let place = |row: &usize| wanted.binary_search(row).expect("every row is among those wanted");
        Ok(rows.iter().map(|row| found[place(row)].clone()).collect())
    }

    /// What `make` makes of the pictures of these rows, which ascend, each once: given the row and the picture, called in
    /// parallel. A picture is dropped when `make` is done with it, so that one per thread is in memory, whatever their
    /// number and size.
    ///
    /// # Errors
    /// As [`ImageSet::read`].
    ///
    /// # Panics
    /// If rows do not ascend, or go beyond the set.
    pub fn map<T: Send + Sync>(
        &self,
        rows: &[usize],
        ctx: &Context,
        make: impl Fn(usize, Image) -> T + Sync,
    ) -> Result<Vec<Result<T, Broken>>, Error> {
        assert!(rows.is_sorted_by(|a, b| a < b), "rows ascend");
        assert!(rows.last().is_none_or(|last| *last < self.len()), "rows beyond {} pictures", self.len());
        let mut all = Vec::with_capacity(rows.len());
        for block in rows.chunks(BLOCK) {
            ctx.go_on()?;
            let slots: Vec<OnceLock<Result<T, Broken>>> = block.iter().map(|_| OnceLock::new()).collect();
            let each = |place: usize, found: Result<Image, String>| {
                let row = block[place];
                let made = match found {
                    Ok(image) => Ok(make(row, image)),
                    Err(why) => Err(Broken { row, name: self.store.name(row), why }),
                };
                // Every place is given once.
                let _ = slots[place].set(made);
            };
            ctx.threads().install(|| self.store.each(block, &each))?;
            all.extend(slots.into_iter().map(|slot| slot.into_inner().expect("every place is given")));
        }
        Ok(all)
    }
}

/// The file of a row among files of `lens` rows one after the other, and its row there.
fn locate(lens: &[usize], row: usize) -> (usize, usize) {
    let mut first = 0;
    for (file, len) in lens.iter().enumerate() {
        if row < first + len {
            return (file, row - first);
        }
        first += len;
    }
    unreachable!("row {row} of {first}")
}
