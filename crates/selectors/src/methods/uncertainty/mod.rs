//! The rows a model is most unsure of: uncertainty sampling, by any of three measures.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Error;
use crate::context::Context;
use crate::method::{MethodInfo, Selector, params_of};
use crate::outputs::{Outputs, Uncertainty};
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::selection::{Pick, Reason};
use crate::top::{Key, Smallest};

/// A method and a scorer without settings for each way to be unsure.
macro_rules! uncertainty {
    ($(#[$doc:meta])* $name:ident, $by:expr, $info:ident = $text:literal, $aliases:expr, $summary:literal, $source:literal) => {
        pub(crate) static $info: MethodInfo = MethodInfo {
            name: $text,
            aliases: $aliases,
            summary: $summary,
            needs: "model outputs (class probabilities or logits)",
            rows: "not looked at",
            nested: true,
            random: false,
            cost: "time and memory O(n) per class",
            source: $source,
            not_when: "many rows are labeled at once (they repeat each other: badge or u-herding spread them), or labels are few and the model is not to be trusted yet",
            params: &[],
        };

        $(#[$doc])*
        ///
        /// # Input
        /// Outputs of a model, one row per row of the pool; embeddings are not looked at.
        /// # Guarantees
        /// As a method: the rows of highest uncertainty, nested, ties to the lowest row.
        /// # Errors
        /// [`Error::Missing`] without model outputs.
        /// # Cost
        /// Time and memory `O(n * classes)`.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {}

        impl $name {
            /// How unsure the model is `(n,)` of every row of the pool, labeled and excluded ones too.
            ///
            /// # Errors
            /// [`Error::Missing`] without model outputs; [`Error::Interrupted`].
            pub fn scores(&self, pool: &CheckedPool<'_>, ctx: &mut Context) -> Result<Vec<f64>, Error> {
                pool.needed_outputs($text)?.uncertainties($by, 1.0, ctx)
            }
        }

        impl Selector for $name {
            fn info(&self) -> &'static MethodInfo {
                &$info
            }

            fn params(&self) -> Map<String, Value> {
                params_of(self)
            }

            fn plan(&self, shape: &Shape, budget: usize) -> Work {
                Work { bytes: (8 * shape.n + 64 * budget) as u64, ..Work::default() }
            }

            fn run(
                &self,
                pool: &CheckedPool<'_>,
                budget: usize,
                ctx: &mut Context,
                picks: &mut Vec<Pick>,
            ) -> Result<(), Error> {
                let scores = self.scores(pool, ctx)?;
                rank($by, &scores, pool, pool.needed_outputs($text)?, budget, picks);
                Ok(())
            }
        }
    };
}

uncertainty!(
    /// [`Uncertainty::Margin`]: one less how much likelier the first class is than the second.
    Margin,
    Uncertainty::Margin,
    MARGIN = "margin",
    &[],
    "rows whose two likeliest classes are about as likely",
    "Scheffer, Decomain, Wrobel, Active Hidden Markov Models for Information Extraction, 2001"
);
uncertainty!(
    /// [`Uncertainty::Entropy`], in nats.
    Entropy,
    Uncertainty::Entropy,
    ENTROPY = "entropy",
    &[],
    "rows of which many classes are about as likely",
    "Shannon, A Mathematical Theory of Communication, 1948"
);
uncertainty!(
    /// [`Uncertainty::LeastConfidence`]: one less the probability of the likeliest class.
    LeastConfidence,
    Uncertainty::LeastConfidence,
    LEAST_CONFIDENCE = "least-confidence",
    &["confidence"],
    "rows of which no class is likely",
    "Lewis, Gale, A Sequential Algorithm for Training Text Classifiers, 1994"
);

/// Picks the candidates of highest uncertainty.
fn rank(
    by: Uncertainty,
    scores: &[f64],
    pool: &CheckedPool<'_>,
    outputs: &Outputs,
    budget: usize,
    picks: &mut Vec<Pick>,
) {
    let mut best = Smallest::new(budget);
    pool.candidates().for_each(|row| best.push((Key(-scores[row]), row)));
    let mut of_row = Vec::new();
    picks.extend(best.into_sorted().into_iter().map(|(_, row)| {
        let class = outputs.class_of(row);
        outputs.probabilities(row, 1.0, &mut of_row);
        let (uncertainty, probability) = (scores[row], of_row[class].0);
        Pick::new(row, uncertainty, Reason::Unsure { by, uncertainty, class, probability })
    }));
}
