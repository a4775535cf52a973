//! What can be wrong with what a training hands over.

use std::ops::Range;

/// Why something could not be tracked. What was tracked before is as it was.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TrainingError {
    /// A tracker of no rows.
    #[error("a tracker must have at least 1 row, got 0")]
    NoRows,
    /// Logits of too few classes.
    #[error("logits must be of at least 2 classes, got {got} per row")]
    Classes {
        /// Classes they have.
        got: usize,
    },
    /// Epochs of which there are none.
    #[error("the epochs that {what} is taken over must be at least one, got {} to before {}", .epochs.start, .epochs.end)]
    Epochs {
        /// Of which number.
        what: &'static str,
        /// What was given.
        epochs: Range<u32>,
    },
    /// Another number of labels than of rows.
    #[error("a batch of {rows} rows must have as many labels, got {got}")]
    Labels {
        /// Rows of the batch.
        rows: usize,
        /// Labels given.
        got: usize,
    },
    /// Logits that are not so many for each row.
    #[error("a batch of {rows} rows must have {classes} logits for each, got {got} in all")]
    Logits {
        /// Rows of the batch.
        rows: usize,
        /// Classes.
        classes: usize,
        /// Logits given.
        got: usize,
    },
    /// A number of logits that cannot tell how many classes there are.
    #[error("a batch of {rows} rows must have as many logits for each, got {got} in all")]
    Uneven {
        /// Rows of the batch.
        rows: usize,
        /// Logits given.
        got: usize,
    },
    /// A row beyond those that are tracked.
    #[error("entry {place} of the batch is row {row}, but rows 0 to {last} are tracked")]
    Row {
        /// Place in the batch, from 0.
        place: usize,
        /// The row.
        row: usize,
        /// The last row tracked.
        last: usize,
    },
    /// A label that is no class.
    #[error("row {row} is labeled {label}, but the logits are of classes 0 to {last}")]
    Label {
        /// The row.
        row: usize,
        /// Its label.
        label: usize,
        /// The last class.
        last: usize,
    },
    /// A logit that is NaN or infinite.
    #[error("logits must be finite, and that of class {class} of row {row} is {value}")]
    NonFinite {
        /// The row.
        row: usize,
        /// The class.
        class: usize,
        /// The logit.
        value: f32,
    },
    /// An epoch that was over for a row.
    #[error("row {row} was seen in epoch {last} and cannot be seen in epoch {epoch} after that")]
    Backward {
        /// The row.
        row: usize,
        /// The last epoch it was seen in.
        last: u32,
        /// The epoch given.
        epoch: u32,
    },
    /// Two trackers that saw a row by turns.
    #[error(
        "row {row} was seen in epochs {} to {} by one tracker and {} to {} by the other: in what order is not known",
        .one.0, .one.1, .other.0, .other.1
    )]
    Interleaved {
        /// The row.
        row: usize,
        /// First and last epoch of the one.
        one: (u32, u32),
        /// First and last epoch of the other.
        other: (u32, u32),
    },
    /// Trackers that do not track the same.
    #[error("trackers must have the same {what}, got {one} and {other}")]
    Unlike {
        /// What differs.
        what: &'static str,
        /// Of the one.
        one: String,
        /// Of the other.
        other: String,
    },
    /// A mean over no runs.
    #[error("a mean over runs needs at least 1 run, got 0")]
    NoRuns,
}

impl TrainingError {
    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            TrainingError::Backward { .. } => {
                "a training that goes on from a checkpoint goes on with the tracker saved beside it"
            }
            TrainingError::Interleaved { .. } => {
                "where rows change workers, merge the workers' trackers at the end of each epoch"
            }
            TrainingError::NonFinite { .. } => {
                "a training that diverged, or overflowed in half precision, has no scores to give"
            }
            _ => return None,
        };
        Some(hint.into())
    }
}
