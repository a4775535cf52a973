//! What a tracker tells of each row in the end.

use serde::{Deserialize, Serialize};

use super::track::Track;
use super::{Tracker, TrainingError};
use crate::Error;

/// A number per row, made of what a training said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrainingScore {
    /// How often the row went from right to wrong, from one time it was seen to the next. High is hard. Most rows of an
    /// easy data set have 0: what breaks ties is then part of the method. Toneva et al., 2019.
    Forgetting(NeverLearned),
    /// How often the row was right, `correctness` in CCS. Low is hard.
    Correctness,
    /// Mean of `|p - y|` over the epochs that count, from 0 to the root of 2. High is hard. Paul et al., 2021, where it is
    /// that of one epoch, see [`Epochs`](super::Epochs), and a [mean over runs](mean_over_runs).
    El2n,
    /// Its sum, as CCS and D2 have it over the first 10 epochs. High is hard. A row that was seen less often than others
    /// has less to sum.
    El2nSum,
    /// AUM: mean over the epochs that count of the logit of the label less the largest other. **Low is hard**, or labeled
    /// wrong. Pleiss et al., 2020.
    AumLogit,
    /// *Sum* of the same of probabilities, the accumulated margin of CCS and D2. **Low is hard.**
    AumProb,
}

/// What a row counts as that was seen and never right: it cannot have been forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NeverLearned {
    /// Infinitely often forgotten, as its authors, SVP and Data Diet have it: the hardest. Methods that go by order take
    /// these rows first, ccs cuts them off first, and where widths matter (strata of ccs, importance in d2) they count as
    /// the greatest number of events of any row.
    #[default]
    Infinite,
    /// In the same order, but finite: one more event than any row has.
    Most,
    /// 0 events, as DeepCore and CCS have it, which makes the hardest rows the easiest: for comparison with what they
    /// published.
    Zero,
}

impl TrainingScore {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            TrainingScore::Forgetting(_) => "forgetting",
            TrainingScore::Correctness => "correctness",
            TrainingScore::El2n => "el2n",
            TrainingScore::El2nSum => "el2n-sum",
            TrainingScore::AumLogit => "aum-logit",
            TrainingScore::AumProb => "aum-prob",
        }
    }

    /// Whether low values are those of hard rows.
    pub fn low_is_hard(self) -> bool {
        matches!(self, TrainingScore::Correctness | TrainingScore::AumLogit | TrainingScore::AumProb)
    }

    /// Values turned so that higher is harder: as they are, or `-(value - least)` where low is hard, which is what D2
    /// makes of AUM. NaN stays NaN.
    pub fn harder_is_higher(self, mut values: Vec<f64>) -> Vec<f64> {
        if self.low_is_hard() {
            let least = values.iter().copied().fold(f64::INFINITY, f64::min);
            // Not -(value - least): the hardest would be -0.
            values.iter_mut().for_each(|value| *value = least - *value);
        }
        values
    }

    /// Of a row that was seen in the epochs that count; else NaN. `most` is the greatest number of events of any row.
    fn of(self, track: &Track, most: u32) -> f64 {
        let (seen, value) = match self {
            TrainingScore::Forgetting(never) if track.correct == 0 => (
                track.seen,
                match never {
                    NeverLearned::Infinite => f64::INFINITY,
                    NeverLearned::Most => f64::from(most) + 1.0,
                    NeverLearned::Zero => 0.0,
                },
            ),
            TrainingScore::Forgetting(_) => (track.seen, f64::from(track.forgotten)),
            TrainingScore::Correctness => (track.seen, f64::from(track.correct)),
            TrainingScore::El2n => (track.errors, track.error_norm / f64::from(track.errors)),
            TrainingScore::El2nSum => (track.errors, track.error_norm),
            TrainingScore::AumLogit => (track.margins, track.logit_margin / f64::from(track.margins)),
            TrainingScore::AumProb => (track.margins, track.prob_margin),
        };
        if seen == 0 { f64::NAN } else { value }
    }
}

impl Tracker {
    /// The values `(n,)` with the sign of their definition; NaN for rows not seen in the epochs that count.
    pub fn values(&self, score: TrainingScore) -> Vec<f64> {
        let most = self.rows.iter().map(|track| track.forgotten).max().unwrap_or(0);
        self.rows.iter().map(|track| score.of(track, most)).collect()
    }

    /// The same with the harder rows [higher](TrainingScore::harder_is_higher), for what takes the highest. Methods that
    /// ask which end is hard, such as `ccs:hard=low`, do as well with the values.
    pub fn scores(&self, score: TrainingScore) -> Vec<f64> {
        score.harder_is_higher(self.values(score))
    }

    /// The rows whose score is NaN, ascending: not seen in the epochs that count. Methods refuse them.
    pub fn unscored(&self, score: TrainingScore) -> Vec<usize> {
        self.rows_that(|track| score.of(track, 0).is_nan())
    }
}

/// The values `(n,)` as means over runs, such as those of other seeds: each row over the runs that have a value for it,
/// NaN where none has.
///
/// # Errors
/// [`TrainingError::NoRuns`], [`TrainingError::Unlike`] for runs of other numbers of rows or other epochs.
pub fn mean_over_runs(runs: &[Tracker], score: TrainingScore) -> Result<Vec<f64>, Error> {
    let first = runs.first().ok_or(TrainingError::NoRuns)?;
    let mut sums = vec![(0.0, 0.0); first.len()];
    for run in runs {
        let unlike = |what, one: String, other: String| TrainingError::Unlike { what, one, other };
        if run.len() != first.len() {
            return Err(unlike("rows", first.len().to_string(), run.len().to_string()).into());
        }
        if run.epochs != first.epochs {
            return Err(unlike("epochs", first.epochs.to_string(), run.epochs.to_string()).into());
        }
        for ((sum, count), value) in sums.iter_mut().zip(run.values(score)).filter(|(_, value)| !value.is_nan()) {
            *sum += value;
            *count += 1.0;
        }
    }
    // 0 of 0 is NaN.
    Ok(sums.into_iter().map(|(sum, count)| sum / count).collect())
}
