//! What rows are chosen by.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use subsel::Uncertainty;
use subsel::training::{NeverLearned, TrainingScore};

use crate::error::Error;
use crate::learner::Wants;

/// A number per row, of which the largest are taken; or for k-center, an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Score {
    /// How unsure the model is of the row.
    Unsure(Uncertainty),
    /// Greedy k-center on the model's penultimate features.
    KCenter,
    /// How hard the row was to learn: needs labels of all rows, hence core-set selection only.
    Trained(TrainingScore),
    /// Uniformly: what everything else has to beat.
    Random,
}

/// What a user types, and what it is.
const ALL: [(&str, &[&str], Score); 9] = [
    ("least-confidence", &["confidence"], Score::Unsure(Uncertainty::LeastConfidence)),
    ("margin", &[], Score::Unsure(Uncertainty::Margin)),
    ("entropy", &[], Score::Unsure(Uncertainty::Entropy)),
    ("k-center", &["k-centers", "kcenters"], Score::KCenter),
    ("forgetting", &["forgetting-events"], Score::Trained(TrainingScore::Forgetting(NeverLearned::Infinite))),
    ("forgetting-zero", &[], Score::Trained(TrainingScore::Forgetting(NeverLearned::Zero))),
    ("el2n", &[], Score::Trained(TrainingScore::El2n)),
    ("aum", &[], Score::Trained(TrainingScore::AumLogit)),
    ("random", &["uniform"], Score::Random),
];

impl Score {
    /// Its name.
    pub fn name(self) -> &'static str {
        ALL.iter().find(|(.., score)| *score == self).map_or("trained", |(name, ..)| name)
    }

    /// The names there are.
    pub fn names() -> String {
        ALL.map(|(name, ..)| name).join(", ")
    }

    /// What a model must give for it.
    pub fn wants(self) -> Wants {
        match self {
            Score::Unsure(_) => Wants { logits: true, ..Wants::default() },
            Score::KCenter => Wants { features: true, ..Wants::default() },
            Score::Trained(score) => Wants { dynamics: Some(score), ..Wants::default() },
            Score::Random => Wants::default(),
        }
    }
}

impl FromStr for Score {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = ALL.iter().find(|(name, aliases, _)| *name == text || aliases.contains(&text));
        let unknown = || Error::Unknown { what: "score", name: text.into(), known: Score::names() };
        found.map(|(.., score)| *score).ok_or_else(unknown)
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Score> for String {
    fn from(score: Score) -> String {
        score.name().into()
    }
}

impl TryFrom<String> for Score {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_aliases_are_read_and_written() {
        for (name, aliases, score) in ALL {
            assert_eq!((score.name(), name.parse::<Score>().ok()), (name, Some(score)));
            assert!(aliases.iter().all(|alias| alias.parse::<Score>().ok() == Some(score)), "{name}");
        }
        let error = "forgetful".parse::<Score>().expect_err("no such score");
        assert_eq!(error.to_string(), "there is no score `forgetful`");
        assert!(error.hint().is_some_and(|hint| hint.contains("forgetting-zero")));
    }
}
