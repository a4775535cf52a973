//! Trainings: classifiers of labeled pictures, and features learned without labels.
//!
//! Everything random is a function of (seed, epoch, row, view), sums do not depend on the number of threads, and a
//! checkpoint holds all that a training remembers: two trainings of one seed give the same weights bit for bit on the
//! processor, and so do one that was stopped and one that was not.

mod classifier;
mod log;
mod order;
mod probe;
mod simclr;
mod state;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use subsel_images::{Batcher, Pixels, Scratch};

use crate::Error;
use crate::engine::{Engine, team};
use crate::outputs::check_rows;

pub use classifier::{Classifier, ClassifierOptions, classifier};
pub use log::{EpochLog, LogFile, Watch};
pub use probe::probe;
pub use simclr::{Gate, Simclr, SimclrOptions, simclr};

/// Pictures with their classes.
#[derive(Clone, Copy, Debug)]
pub struct Labeled<'a> {
    /// The pictures.
    pub pixels: &'a Pixels,
    /// Those that count, by number; one may be named more than once.
    pub rows: &'a [usize],
    /// The class of each picture `(pixels.len(),)`; those of other rows are not looked at.
    pub labels: &'a [u32],
    /// How many classes there are.
    pub classes: usize,
}

impl Labeled<'_> {
    fn check(&self) -> Result<(), Error> {
        if self.rows.is_empty() {
            return Err(Error::NoRows);
        }
        check_rows(self.pixels, self.rows)?;
        if self.labels.len() != self.pixels.len() {
            return Err(Error::Length { what: "labels", got: self.labels.len(), n: self.pixels.len() });
        }
        match self.rows.iter().find(|row| self.labels[**row] as usize >= self.classes) {
            Some(row) => {
                Err(Error::Class { row: *row, class: self.labels[*row], last: self.classes.saturating_sub(1) })
            }
            None => Ok(()),
        }
    }

    /// The classes of the rows that count.
    fn classes_of_rows(&self) -> Vec<u32> {
        self.rows.iter().map(|row| self.labels[*row]).collect()
    }

    /// The share of rows whose class is told rightly.
    fn accuracy(&self, told: impl Iterator<Item = u32>) -> f64 {
        let right = told.zip(self.rows).filter(|(told, row)| *told == self.labels[**row]).count();
        right as f64 / self.rows.len() as f64
    }
}

/// Where a training is kept while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keep {
    /// The file; it holds the trained weights in the end.
    pub path: PathBuf,
    /// Epochs from one checkpoint to the next.
    pub every: usize,
    /// Goes on where the file stands, if it is there. It must be of the same training.
    pub resume: bool,
}

/// A batch on its way to the network: view `first` of each picture, then, of `views` ones, the next of each.
pub(crate) fn pictures<E: Engine>(
    engine: &E,
    batcher: &Batcher<'_>,
    side: usize,
    rows: &[usize],
    (epoch, views): (usize, usize),
    places: &[u64],
) -> E::Maps {
    let len = batcher.image_len();
    let mut values = vec![0.0; views * rows.len() * len];
    team::each_chunk(&mut values, len, |at, out| {
        let (view, place) = (at / rows.len(), at % rows.len());
        let view = places[place] * views as u64 + view as u64;
        batcher.view(rows[place], epoch as u64, view, &mut Scratch::default(), out);
    });
    engine.maps([views * rows.len(), 3, side, side], values)
}
