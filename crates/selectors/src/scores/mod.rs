//! One number per row: what `subsel score` writes, and what methods that go by scores can be given.

mod given_label;
#[cfg(test)]
mod label_tests;
mod neighborhood;
#[cfg(test)]
mod tests;

use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub use crate::methods::uncertainty::{Entropy, LeastConfidence, Margin};
pub use given_label::{Compared, El2n, Grand, LabelMargin, LabelQuality, Quality};
pub use neighborhood::{Density, KDistance, Typicality};

use crate::Error;
use crate::context::Context;
use crate::grammar::{self, GrammarError};
use crate::method::{BuildAs, MethodInfo, Selector, settings_of};
use crate::methods::norm::{Norm, norms};
use crate::methods::prototypicality::Prototypicality;
use crate::methods::zcore::ZCore;
use crate::plan::{Plan, Rates, Shape, Work};
use crate::pool::CheckedPool;

/// A rule that gives every row a number; higher is likelier to be wanted.
pub trait Scorer: Debug + Send + Sync {
    /// Facts about it.
    fn info(&self) -> &'static MethodInfo;

    /// The settings, by name.
    fn params(&self) -> Map<String, Value>;

    /// Faults of the settings that show without data.
    ///
    /// # Errors
    /// [`Error::Param`].
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    /// What it will cost beyond checking the pool.
    fn plan(&self, shape: &Shape) -> Work;

    /// The score `(n,)` of every row of the pool, labeled and excluded ones too.
    ///
    /// # Errors
    /// Reading, [`Error::Interrupted`].
    fn scores(&self, pool: &CheckedPool<'_>, ctx: &mut Context) -> Result<Vec<f64>, Error>;
}

/// A scorer of the list: its facts, and how settings become one.
pub struct ScoreEntry {
    /// Facts about it.
    pub info: &'static MethodInfo,
    /// What its scores are.
    pub score: &'static str,
    /// Builds one from settings by name; those not named keep their defaults.
    pub build: BuildAs<dyn Scorer>,
}

/// All scorers, in the order in which they are listed.
pub fn all() -> &'static [ScoreEntry] {
    use crate::methods;
    const ALL: &[ScoreEntry] = &[
        ScoreEntry { info: &methods::norm::INFO, score: "the norm of the row", build: build::<Norm> },
        ScoreEntry {
            info: &methods::zcore::INFO,
            score: "coverage of random planes less redundancy, from 0 to 1",
            build: build::<ZCore>,
        },
        ScoreEntry {
            info: &methods::prototypicality::INFO,
            score: "cosine distance to the center of its cluster; its negative for keep=easy",
            build: build::<Prototypicality>,
        },
        ScoreEntry {
            info: &neighborhood::TYPICALITY,
            score: "one over the mean (squared) distance to its nearest neighbors",
            build: build::<Typicality>,
        },
        ScoreEntry {
            info: &neighborhood::DENSITY,
            score: "how many rows lie within a radius, the row itself not counted",
            build: build::<Density>,
        },
        ScoreEntry {
            info: &neighborhood::K_DISTANCE,
            score: "distance to its k-th nearest neighbor",
            build: build::<KDistance>,
        },
        ScoreEntry {
            info: &methods::uncertainty::MARGIN,
            score: "1 - (p1 - p2) of what a model says (--probs or --logits): from 0, sure, to 1",
            build: build::<Margin>,
        },
        ScoreEntry {
            info: &methods::uncertainty::ENTROPY,
            score: "-sum p ln p of what a model says, in nats",
            build: build::<Entropy>,
        },
        ScoreEntry {
            info: &methods::uncertainty::LEAST_CONFIDENCE,
            score: "1 - p1 of what a model says",
            build: build::<LeastConfidence>,
        },
        ScoreEntry {
            info: &given_label::EL2N,
            score: "|p - y|, distance of what a model says from the row's label (--labels): from 0 to 1.414",
            build: build::<El2n>,
        },
        ScoreEntry {
            info: &given_label::GRAND,
            score: "|p - y| sqrt(1 + |row|^2): gradient norm of the last layer, the rows being what it is given",
            build: build::<Grand>,
        },
        ScoreEntry {
            info: &given_label::LABEL_MARGIN,
            score: "largest other logit less that of the row's label: above 0 where the model is wrong",
            build: build::<LabelMargin>,
        },
        ScoreEntry {
            info: &given_label::LABEL_QUALITY,
            score: "1 less the quality of the row's label, such as 1 - p of it: high where it is likely wrong",
            build: build::<LabelQuality>,
        },
    ];
    ALL
}

/// Reads a scorer's text, `name[:key=value,...]`: the grammar of methods, without chains.
///
/// # Errors
/// [`GrammarError`] that points at the first thing that cannot be read, with the nearest known name.
pub fn parse(text: &str) -> Result<Box<dyn Scorer>, GrammarError> {
    grammar::parse_listed(text, "score", all().iter().map(|entry| (entry.info, entry.build)))
}

fn build<S: Scorer + DeserializeOwned + 'static>(params: Map<String, Value>) -> Result<Box<dyn Scorer>, String> {
    settings_of::<S>(params).map(|scorer| Box::new(scorer) as Box<dyn Scorer>)
}

/// Scores every row of a checked pool.
///
/// # Errors
/// Settings that break a rule, reading, [`Error::Interrupted`].
pub fn score_checked(scorer: &dyn Scorer, pool: &CheckedPool<'_>, ctx: &mut Context) -> Result<Vec<f64>, Error> {
    scorer.check()?;
    scorer.scores(pool, ctx)
}

/// Plans scoring a pool of this shape.
pub fn plan(scorer: &dyn Scorer, shape: &Shape, rates: &Rates) -> Plan {
    let work = scorer.plan(shape);
    // The scores and what is written of each row.
    let rows = Work { bytes: work.bytes + 40 * shape.n as u64, ..work };
    crate::plan::plan_work(scorer.info().name.into(), rows, shape, 0, rates)
}

/// A method whose numbers do not depend on what is picked is a scorer with the same settings.
macro_rules! score {
    ($method:ty, $scores:expr) => {
        impl Scorer for $method {
            fn info(&self) -> &'static MethodInfo {
                Selector::info(self)
            }

            fn params(&self) -> Map<String, Value> {
                Selector::params(self)
            }

            fn check(&self) -> Result<(), Error> {
                Selector::check(self)
            }

            fn plan(&self, shape: &Shape) -> Work {
                Selector::plan(self, shape, 0)
            }

            fn scores(&self, pool: &CheckedPool<'_>, ctx: &mut Context) -> Result<Vec<f64>, Error> {
                $scores(self, pool, ctx)
            }
        }
    };
}

score!(Norm, |method: &Norm, pool, ctx: &mut Context| norms(pool, method.norm, ctx));
score!(ZCore, ZCore::scores);
score!(Prototypicality, Prototypicality::scores);
score!(Margin, Margin::scores);
score!(Entropy, Entropy::scores);
score!(LeastConfidence, LeastConfidence::scores);
