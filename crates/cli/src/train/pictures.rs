//! Images for a training, with their classes.

use std::path::{Path, PathBuf};

use subsel::{Classes, Context, Draws, Stream};
use subsel_formats::Ids;
use subsel_images::{ImageSet, Pixels, SetOptions};
use subsel_nets::train::Labeled;

use crate::args::{LabeledBy, PictureArgs};
use crate::compare::given::join;
use crate::failure::Failure;
use crate::side::{self, Given};
use crate::{images, messages};

/// Images in memory, those that count, and their classes.
pub(super) struct Pictures {
    pub(super) pixels: Pixels,
    /// By number, ascending.
    pub(super) rows: Vec<usize>,
    pub(super) labels: Option<Classes>,
    /// Names of all images of the set, those that cannot be read too.
    ids: Ids,
    notes: Vec<String>,
}

impl Pictures {
    /// Reads the images of a set; those to be trained on, and the test images where there are some.
    pub(super) fn read(
        args: &PictureArgs,
        seed: u64,
        quiet: bool,
        ctx: &Context,
    ) -> Result<(Self, Option<Self>), Failure> {
        let mut train = Self::of(args, &args.set.inputs, args.set.split.as_ref(), args.labels.as_ref(), ctx)?;
        if let Some(path) = &args.rows {
            train.keep(path)?;
        }
        if let Some(size) = args.sample.filter(|size| *size < train.rows.len()) {
            let drawn = Draws::new(Stream::new(seed, "sample")).sample(train.rows.len(), size);
            train.rows = drawn.into_iter().map(|at| train.rows[at]).collect();
        }
        let test = match args.test.test_images.as_slice() {
            [] => None,
            paths => Some(Self::of(args, paths, args.test.test_split.as_ref(), args.test_labels.as_ref(), ctx)?),
        };
        let mut notes = train.notes.clone();
        let test = match (test, &mut train.labels) {
            (Some(test), Some(labels)) => {
                let (classes, more) = match &test.labels {
                    Some(classes) => join(labels, classes),
                    None => {
                        return Err(Failure::usage("the test images have no classes")
                            .hint("`--test-labels FILE` has one for each"));
                    }
                };
                notes.extend(test.notes.iter().cloned().chain(more));
                Some(Pictures { labels: Some(classes), ..test })
            }
            (test, _) => test,
        };
        notes.dedup();
        if train.rows.is_empty() {
            return Err(Failure::new("there are no images to train on"));
        }
        if !quiet {
            notes.iter().for_each(|note| messages::note(note));
        }
        Ok((train, test))
    }

    fn of(
        args: &PictureArgs,
        paths: &[PathBuf],
        split: Option<&String>,
        labels: Option<&PathBuf>,
        ctx: &Context,
    ) -> Result<Self, Failure> {
        let options = SetOptions { column: args.set.column.clone(), split: split.cloned(), ..SetOptions::default() };
        let set = ImageSet::open(paths, &options)?;
        let (pixels, mut notes) = images::pixels(&set, args.test.side, images::on_broken(args.set.skip_broken), ctx)?;
        let mut rows: Vec<usize> = (0..pixels.len()).collect();
        let labels = match labels.is_some() || pixels.labels().is_some() {
            true => {
                let (classes, known) = images::classes(&set, &pixels, labels, "--labels")?;
                rows.retain(|row| known[*row]);
                if rows.len() < pixels.len() {
                    notes.push(format!("images without a class are left out: {}", pixels.len() - rows.len()));
                }
                Some(classes)
            }
            false => None,
        };
        Ok(Pictures { ids: set.ids().clone(), pixels, rows, labels, notes })
    }

    /// Keeps the rows that a list names.
    fn keep(&mut self, path: &Path) -> Result<(), Failure> {
        let n = self.ids.len();
        // Numbers of rows are of the images that could be read where picks were made: where some could not, names decide.
        let by = match &self.ids {
            _ if self.pixels.len() == n => LabeledBy::Row,
            Ids::Text(_) => LabeledBy::Id,
            Ids::Int(_) => {
                return Err(Failure::new("images were left out, and `--rows` could mean others by its numbers")
                    .hint("mend or remove those that cannot be read"));
            }
        };
        let wanted = side::Rows { n, ids: Some(&self.ids), by: Some(by), column: None }
            .read("rows", &Given::File(path.to_owned()))?;
        let mut wanted: Vec<usize> =
            wanted.iter().filter_map(|row| self.pixels.rows().binary_search(row).ok()).collect();
        wanted.sort_unstable();
        wanted.dedup();
        self.rows.retain(|row| wanted.binary_search(row).is_ok());
        if self.rows.is_empty() {
            return Err(Failure::new(format!("{} names no image that can be read", path.display())));
        }
        Ok(())
    }

    /// The images that count with their classes.
    pub(super) fn labeled(&self) -> Result<Labeled<'_>, Failure> {
        let Some(labels) = &self.labels else {
            return Err(Failure::usage("the images have no classes").hint("`--labels FILE` has one for each"));
        };
        Ok(Labeled { pixels: &self.pixels, rows: &self.rows, labels: &labels.codes, classes: labels.names.len() })
    }
}
