//! Scores from a training of your own: how hard each row was to learn, by the logits that the training has anyway.
//!
//! A [`Tracker`] is given every minibatch as the training sees it (train mode, augmented, before the step of the
//! optimizer: forgetting, AUM and EL2N over epochs are defined by these) and keeps 56 bytes per row. At the end it tells
//! how often a row was forgotten, how far its label was ahead and how wrong the model was. It can be saved with a
//! checkpoint, and the trackers of several workers merge into one.
//!
//! ```
//! use subsel::training::{NeverLearned, Tracker, TrainingScore};
//!
//! # fn main() -> Result<(), subsel::Error> {
//! let mut tracker = Tracker::new(3, None)?;
//! // Rows 2 and 0 in epoch 0, then in epoch 1: two classes, so two logits for each.
//! tracker.update(0, &[2, 0], &[1.0, -1.0, 0.5, 0.0], &[0, 0])?;
//! tracker.update(1, &[0, 2], &[2.0, 0.0, -1.0, 1.0], &[0, 0])?;
//! let events = tracker.scores(TrainingScore::Forgetting(NeverLearned::Infinite));
//! assert_eq!((events[0], events[2]), (0.0, 1.0)); // row 2 was right, then wrong
//! assert_eq!(tracker.unscored(TrainingScore::AumLogit), [1]); // never seen
//! # Ok(())
//! # }
//! ```
//!
//! Early in a training, or where only one look is taken, the scores `el2n`, `grand` and `label-margin` of
//! [`crate::scores`] do the same for what a model said once.

use std::ops::Range;

use serde::{Deserialize, Serialize};

mod error;
mod score;
#[cfg(test)]
mod tests;
mod track;

pub use error::TrainingError;
pub use score::{NeverLearned, TrainingScore, mean_over_runs};

use crate::Error;
use track::{Observation, Track};

/// Collects what a training says of each of `n` rows. With `serde` it is saved and read back whole, so that a training
/// that goes on from a checkpoint goes on with its tracker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tracker {
    classes: Option<usize>,
    epochs: Epochs,
    rows: Vec<Track>,
}

/// The epochs, from 0, that count. Forgetting and correctness always go by all of them.
///
/// EL2N at a checkpoint is that of one epoch, such as `20..21`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Epochs {
    /// For EL2N. Default: the first 10, as CCS and D2 have it.
    pub el2n: Range<u32>,
    /// For AUM. Default: all; its authors stop before the learning rate first drops.
    pub margin: Range<u32>,
}

impl Default for Epochs {
    fn default() -> Self {
        Epochs { el2n: 0..10, margin: 0..u32::MAX }
    }
}

impl Tracker {
    /// A tracker of `n` rows and so many classes, or as many as the first batch has.
    ///
    /// # Errors
    /// [`TrainingError::NoRows`], [`TrainingError::Classes`].
    pub fn new(n: usize, classes: Option<usize>) -> Result<Self, Error> {
        Self::over(n, classes, Epochs::default())
    }

    /// The same for these epochs.
    ///
    /// # Errors
    /// The same, or [`TrainingError::Epochs`] for an empty range.
    pub fn over(n: usize, classes: Option<usize>, epochs: Epochs) -> Result<Self, Error> {
        if n == 0 {
            return Err(TrainingError::NoRows.into());
        }
        if let Some(got) = classes.filter(|classes| *classes < 2) {
            return Err(TrainingError::Classes { got }.into());
        }
        for (what, epochs) in [("EL2N", &epochs.el2n), ("AUM", &epochs.margin)] {
            if epochs.is_empty() {
                return Err(TrainingError::Epochs { what, epochs: epochs.clone() }.into());
            }
        }
        Ok(Tracker { classes, epochs, rows: vec![Track::default(); n] })
    }

    /// Takes a minibatch into account: the rows `ids` `(b,)`, what the model said of them before the step `(b, classes)`,
    /// row by row, and their labels `(b,)`, which are columns of the logits. A row may be in a batch, and in an epoch,
    /// more than once; each time is an observation.
    ///
    /// The epoch is told rather than counted, so that workers and trainings that go on need not agree on a count. Nothing
    /// can tell whether a batch is given twice in one epoch.
    ///
    /// # Errors
    /// Lengths that do not fit, a row or label out of range, logits that are not finite, an epoch before the last one of a
    /// row. Nothing of the batch is taken into account then.
    /// # Cost
    /// Time `O(b classes)`.
    pub fn update(&mut self, epoch: u32, ids: &[usize], logits: &[f32], labels: &[usize]) -> Result<(), Error> {
        let classes = self.check(epoch, ids, logits, labels)?;
        let Some(classes) = classes else { return Ok(()) };
        self.classes = Some(classes);
        let mut buffer = Vec::with_capacity(classes);
        for ((&row, logits), &label) in ids.iter().zip(logits.chunks_exact(classes)).zip(labels) {
            let seen = Observation::of(logits, label, &mut buffer);
            self.rows[row].observe(epoch, &seen, &self.epochs);
        }
        Ok(())
    }

    /// Checks a batch and gives its classes; `None` for a batch of no rows.
    fn check(
        &self,
        epoch: u32,
        ids: &[usize],
        logits: &[f32],
        labels: &[usize],
    ) -> Result<Option<usize>, TrainingError> {
        let (rows, got) = (ids.len(), logits.len());
        if labels.len() != rows {
            return Err(TrainingError::Labels { rows, got: labels.len() });
        }
        let classes = match self.classes {
            Some(classes) if rows.checked_mul(classes) == Some(got) => classes,
            Some(classes) => return Err(TrainingError::Logits { rows, classes, got }),
            None if rows == 0 && got == 0 => return Ok(None),
            None if rows == 0 || got % rows != 0 => return Err(TrainingError::Uneven { rows, got }),
            None => got / rows,
        };
        if classes < 2 {
            return Err(TrainingError::Classes { got: classes });
        }
        for (place, (&row, &label)) in ids.iter().zip(labels).enumerate() {
            let Some(track) = self.rows.get(row) else {
                return Err(TrainingError::Row { place, row, last: self.rows.len().saturating_sub(1) });
            };
            if label >= classes {
                return Err(TrainingError::Label { row, label, last: classes - 1 });
            }
            if track.seen > 0 && epoch < track.last {
                return Err(TrainingError::Backward { row, last: track.last, epoch });
            }
        }
        if let Some(at) = logits.iter().position(|logit| !logit.is_finite()) {
            return Err(TrainingError::NonFinite { row: ids[at / classes], class: at % classes, value: logits[at] });
        }
        Ok(Some(classes))
    }

    /// Takes into account what another tracker of the same rows, classes and epochs saw: as if this one had seen it too.
    ///
    /// Workers of one training saw other rows, or the same rows in other epochs; for each row the earlier observations
    /// come first, whoever has them. Where both saw a row in one epoch only, the same, those of `self` do. Counts are
    /// those of one tracker; sums are up to the rounding of another order where both saw the row. Runs with other seeds do
    /// not merge, see [`mean_over_runs`].
    ///
    /// # Errors
    /// [`TrainingError::Unlike`]; [`TrainingError::Interleaved`] where the epochs of a row overlap by more than one end.
    /// This tracker is as before then.
    pub fn merge(&mut self, other: &Tracker) -> Result<(), Error> {
        let unlike = |what, one: String, other: String| TrainingError::Unlike { what, one, other };
        if self.rows.len() != other.rows.len() {
            return Err(unlike("rows", self.len().to_string(), other.len().to_string()).into());
        }
        if self.epochs != other.epochs {
            return Err(unlike("epochs", self.epochs.to_string(), other.epochs.to_string()).into());
        }
        let classes = match (self.classes, other.classes) {
            (Some(one), Some(other)) if one != other => {
                return Err(unlike("classes", one.to_string(), other.to_string()).into());
            }
            (one, other) => one.or(other),
        };
        let pairs = || self.rows.iter().zip(&other.rows);
        if let Some(row) = pairs().position(|(one, other)| !one.may_precede(other) && !other.may_precede(one)) {
            let of = |rows: &[Track]| (rows[row].first, rows[row].last);
            return Err(TrainingError::Interleaved { row, one: of(&self.rows), other: of(&other.rows) }.into());
        }
        for (one, other) in self.rows.iter_mut().zip(&other.rows) {
            *one = if one.may_precede(other) { one.join(other) } else { other.join(one) };
        }
        self.classes = classes;
        Ok(())
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row; never so for a tracker that was made by [`Tracker::new`].
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Classes, once they are known.
    pub fn classes(&self) -> Option<usize> {
        self.classes
    }

    /// The epochs that count.
    pub fn epochs(&self) -> &Epochs {
        &self.epochs
    }

    /// How often each row was seen `(n,)`, in all epochs.
    pub fn observations(&self) -> Vec<u32> {
        self.rows.iter().map(|track| track.seen).collect()
    }

    /// Whether the label of each row was the likeliest class when it was last seen `(n,)`; not so for a row never seen.
    pub fn last_correct(&self) -> Vec<bool> {
        self.rows.iter().map(|track| track.last_correct).collect()
    }

    /// The rows that were seen, and never with their label as the likeliest class, ascending.
    pub fn never_learned(&self) -> Vec<usize> {
        self.rows_that(|track| track.seen > 0 && track.correct == 0)
    }

    /// The rows never seen, ascending.
    pub fn unseen(&self) -> Vec<usize> {
        self.rows_that(|track| track.seen == 0)
    }

    fn rows_that(&self, is: impl Fn(&Track) -> bool) -> Vec<usize> {
        self.rows.iter().enumerate().filter_map(|(row, track)| is(track).then_some(row)).collect()
    }
}

impl std::fmt::Display for Epochs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}..{} of EL2N, ", self.el2n.start, self.el2n.end)?;
        match self.margin.end {
            u32::MAX => write!(f, "{}.. of AUM", self.margin.start),
            end => write!(f, "{}..{end} of AUM", self.margin.start),
        }
    }
}
