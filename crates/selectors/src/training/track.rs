//! What is kept of one row.

use serde::{Deserialize, Serialize};

use super::Epochs;
use crate::label::{error_norm, margin};
use crate::outputs::softmax;

/// What is kept of one row: 56 bytes however often it is seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Packed", into = "Packed")]
pub(super) struct Track {
    /// Observations, of all epochs.
    pub(super) seen: u32,
    /// Those in which the label was the likeliest class.
    pub(super) correct: u32,
    /// How often an observation was wrong that followed a right one.
    pub(super) forgotten: u32,
    /// Epoch of the first observation.
    pub(super) first: u32,
    /// Epoch of the last.
    pub(super) last: u32,
    /// Whether the first was right: what an earlier one, [joined](Track::join) to this, is compared with.
    pub(super) first_correct: bool,
    /// Whether the last was right.
    pub(super) last_correct: bool,
    /// Observations whose margins count.
    pub(super) margins: u32,
    /// Sum of margins of logits.
    pub(super) logit_margin: f64,
    /// Sum of margins of probabilities.
    pub(super) prob_margin: f64,
    /// Observations whose error norm counts.
    pub(super) errors: u32,
    /// Sum of error norms.
    pub(super) error_norm: f64,
}

/// The same without names, which would take more room in a file than what they name.
type Packed = (u32, u32, u32, u32, u32, bool, bool, u32, f64, f64, u32, f64);

impl From<Track> for Packed {
    fn from(t: Track) -> Self {
        (
            t.seen,
            t.correct,
            t.forgotten,
            t.first,
            t.last,
            t.first_correct,
            t.last_correct,
            t.margins,
            t.logit_margin,
            t.prob_margin,
            t.errors,
            t.error_norm,
        )
    }
}

impl From<Packed> for Track {
    fn from(packed: Packed) -> Self {
        let (seen, correct, forgotten, first, last, first_correct, last_correct, ..) = packed;
        let (.., margins, logit_margin, prob_margin, errors, error_norm) = packed;
        Track {
            seen,
            correct,
            forgotten,
            first,
            last,
            first_correct,
            last_correct,
            margins,
            logit_margin,
            prob_margin,
            errors,
            error_norm,
        }
    }
}

/// What one look at a row gives.
pub(super) struct Observation {
    correct: bool,
    logit_margin: f64,
    prob_margin: f64,
    error_norm: f64,
}

impl Observation {
    /// Of finite logits and a label that is one of their classes; `buffer` is for the probabilities.
    pub(super) fn of(logits: &[f32], label: usize, buffer: &mut Vec<(f64, f64)>) -> Self {
        buffer.clear();
        buffer.extend(logits.iter().map(|&z| (0.0, f64::from(z))));
        softmax(buffer, 1.0);
        let probabilities = || buffer.iter().map(|(p, _)| *p);
        // Of equals the lowest class is the prediction, as everywhere.
        let is_likeliest = |(class, z): (usize, &f32)| *z < logits[label] || (*z == logits[label] && class >= label);
        Observation {
            correct: logits.iter().enumerate().all(is_likeliest),
            logit_margin: margin(logits.iter().map(|&z| f64::from(z)), label),
            prob_margin: margin(probabilities(), label),
            error_norm: error_norm(probabilities(), label),
        }
    }
}

impl Track {
    /// Takes an observation into account that comes after all others.
    pub(super) fn observe(&mut self, epoch: u32, seen: &Observation, epochs: &Epochs) {
        let in_margin = epochs.margin.contains(&epoch);
        let in_el2n = epochs.el2n.contains(&epoch);
        let counted = |is: bool, value: f64| if is { value } else { 0.0 };
        let one = Track {
            seen: 1,
            correct: seen.correct.into(),
            forgotten: 0,
            first: epoch,
            last: epoch,
            first_correct: seen.correct,
            last_correct: seen.correct,
            margins: in_margin.into(),
            logit_margin: counted(in_margin, seen.logit_margin),
            prob_margin: counted(in_margin, seen.prob_margin),
            errors: in_el2n.into(),
            error_norm: counted(in_el2n, seen.error_norm),
        };
        *self = self.join(&one);
    }

    /// These observations and then those.
    pub(super) fn join(&self, later: &Track) -> Track {
        if self.seen == 0 || later.seen == 0 {
            return if self.seen == 0 { *later } else { *self };
        }
        let at_seam = u32::from(self.last_correct && !later.first_correct);
        // Counts of a state that was read may be anything.
        let sum = u32::saturating_add;
        Track {
            seen: sum(self.seen, later.seen),
            correct: sum(self.correct, later.correct),
            forgotten: sum(sum(self.forgotten, later.forgotten), at_seam),
            first: self.first,
            last: later.last,
            first_correct: self.first_correct,
            last_correct: later.last_correct,
            margins: sum(self.margins, later.margins),
            logit_margin: self.logit_margin + later.logit_margin,
            prob_margin: self.prob_margin + later.prob_margin,
            errors: sum(self.errors, later.errors),
            error_norm: self.error_norm + later.error_norm,
        }
    }

    /// Whether all observations of this may have come before all of that: they may share one epoch.
    pub(super) fn may_precede(&self, other: &Track) -> bool {
        self.seen == 0 || other.seen == 0 || self.last <= other.first
    }
}
