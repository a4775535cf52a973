//! Scores that go by what a model says of the rows.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Scorer;
use crate::Error;
use crate::context::Context;
use crate::method::{MethodInfo, params_of};
use crate::outputs::Uncertainty;
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;

/// A scorer without settings for each way to be unsure.
macro_rules! uncertainty {
    ($(#[$doc:meta])* $name:ident, $by:expr, $info:ident = $text:literal, $aliases:expr, $summary:literal, $source:literal) => {
        pub(super) static $info: MethodInfo = MethodInfo {
            name: $text,
            aliases: $aliases,
            summary: $summary,
            needs: "model outputs (class probabilities or logits)",
            rows: "not looked at",
            nested: true,
            random: false,
            cost: "time and memory O(n) per class",
            source: $source,
            not_when: "the highest are to be labeled as they are and labels are few: they repeat each other and the model is not to be trusted yet",
            params: &[],
        };

        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {}

        impl Scorer for $name {
            fn info(&self) -> &'static MethodInfo {
                &$info
            }

            fn params(&self) -> Map<String, Value> {
                params_of(self)
            }

            fn plan(&self, shape: &Shape) -> Work {
                Work { bytes: 8 * shape.n as u64, ..Work::default() }
            }

            fn scores(&self, pool: &CheckedPool<'_>, ctx: &mut Context) -> Result<Vec<f64>, Error> {
                pool.needed_outputs($text)?.uncertainties($by, 1.0, ctx)
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
    "high where the two likeliest classes are about as likely",
    "Scheffer, Decomain, Wrobel, Active Hidden Markov Models for Information Extraction, 2001"
);
uncertainty!(
    /// [`Uncertainty::Entropy`], in nats.
    Entropy,
    Uncertainty::Entropy,
    ENTROPY = "entropy",
    &[],
    "high where many classes are about as likely",
    "Shannon, A Mathematical Theory of Communication, 1948"
);
uncertainty!(
    /// [`Uncertainty::LeastConfidence`]: one less the probability of the likeliest class.
    LeastConfidence,
    Uncertainty::LeastConfidence,
    LEAST_CONFIDENCE = "least-confidence",
    &["confidence"],
    "high where no class is likely",
    "Lewis, Gale, A Sequential Algorithm for Training Text Classifiers, 1994"
);
