//! Scores that go by what a model says of the label a row has: how hard the row is to learn, or how likely its label is
//! wrong. Every row needs a label whose class is known; negative ones stand for classes that are not, and are refused.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Scorer;
use crate::Error;
use crate::context::Context;
use crate::label::{error_norm, margin};
use crate::method::{MethodInfo, ParamInfo, params_of};
use crate::outputs::{OutputKind, Outputs};
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;

const NEEDS: &str = "model outputs (class probabilities or logits) and a label for every row";

pub(super) static EL2N: MethodInfo = MethodInfo {
    name: "el2n",
    aliases: &[],
    summary: "high where the model is wrong of the row's label, or not sure of it",
    needs: NEEDS,
    rows: "not looked at",
    nested: true,
    random: false,
    cost: "time O(n) per class, memory O(n)",
    source: "Paul, Ganguli, Dziugaite, Deep Learning on a Data Diet, 2021",
    not_when: "labels may be wrong and the highest are to be picked as they are: wrong labels score highest (ccs cuts them off)",
    params: &[],
};

pub(super) static GRAND: MethodInfo = MethodInfo {
    name: "grand",
    aliases: &[],
    summary: "norm of the gradient that the row gives the last layer: el2n, scaled by the row's norm",
    needs: NEEDS,
    rows: "raw: the features that the last layer of the same model is given",
    nested: true,
    random: false,
    cost: "time O(n) per class, memory O(n)",
    source: "Paul, Ganguli, Dziugaite, Deep Learning on a Data Diet, 2021; last layer only, as in DeepCore, 2022",
    not_when: "the rows are not features of the model whose outputs these are, or the model is not trained yet: then it follows the norm",
    params: &[ParamInfo {
        name: "bias",
        values: "true or false",
        doc: "whether the last layer has a bias, whose gradient counts too",
    }],
};

pub(super) static LABEL_MARGIN: MethodInfo = MethodInfo {
    name: "label-margin",
    aliases: &[],
    summary: "high where another class is far likelier than the row's label",
    needs: NEEDS,
    rows: "not looked at",
    nested: true,
    random: false,
    cost: "time O(n) per class, memory O(n)",
    source: "Pleiss et al., Identifying Mislabeled Data using the Area Under the Margin Ranking, 2020, of one look instead of all epochs",
    not_when: "a training can be watched: its mean over epochs (`subsel::training`) tells hard rows from mislabeled ones better than one look",
    params: &[ParamInfo { name: "of", values: "logits or probabilities", doc: "what is compared" }],
};

pub(super) static LABEL_QUALITY: MethodInfo = MethodInfo {
    name: "label-quality",
    aliases: &["self-confidence"],
    summary: "high where the row's label is likely wrong: 1 less the quality of the label",
    needs: NEEDS,
    rows: "not looked at",
    nested: true,
    random: false,
    cost: "time O(n) per class, memory O(n)",
    source: "Kuan, Mueller, Model-agnostic label quality scoring to detect real-world label errors, 2022 (cleanlab)",
    not_when: "the model was trained on the same labels: it has learned the wrong ones too, so take outputs of held-out folds",
    params: &[
        ParamInfo {
            name: "by",
            values: "self-confidence, normalized-margin or confidence-weighted-entropy",
            doc: "what quality is",
        },
        ParamInfo {
            name: "adjust",
            values: "true or false",
            doc: "whether each class's mean self-confidence is subtracted first, for classes of unequal size",
        },
    ],
};

/// EL2N: `|p - y|`, the distance of the probabilities from the one-hot vector of the label. From 0, sure and right, to the
/// root of 2, sure and wrong. Of a model a few epochs into its training; the mean over several runs is steadier.
///
/// # Errors
/// [`Error::Missing`], [`Error::Labels`], [`Error::ClassUnknown`].
/// # Cost
/// Time `O(n)` per class, memory `O(n)`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct El2n {}

/// GraNd of the last layer: `|p - y| sqrt(1 + |h|^2)`, where `h` is the row of the pool and has to be what the last layer is
/// given. It is the norm of the gradient of one row's loss, so it does not depend on any batch.
///
/// # Errors
/// As [`El2n`].
/// # Cost
/// Time `O(n)` per class, memory `O(n)`; norms are known from checking the pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grand {
    /// Whether the bias counts; without it `1 + |h|^2` is `|h|^2`. Default: true.
    pub bias: bool,
}

/// How far another class is ahead of the label: the largest other logit less that of the label. The **negative** of the
/// margin that AUM is a mean of, so that harder is higher. Logits are divided by the temperature of the outputs.
///
/// # Errors
/// As [`El2n`]; [`Error::Missing`] where there are probabilities only and logits are to be compared: those of
/// probabilities that were rounded to 0 are lost.
/// # Cost
/// Time `O(n)` per class, memory `O(n)`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LabelMargin {
    /// What is compared. Default: logits.
    pub of: Compared,
}

/// What of a model's outputs is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compared {
    /// Logits, as AUM is defined.
    #[default]
    Logits,
    /// Probabilities, as CCS and D2 have it: from -1 to 1.
    Probabilities,
}

/// How likely the label is wrong: **1 less** the quality of the label, which is low where a label is suspect. The outputs
/// should be of a model that was not trained on the row, such as those of held-out folds.
///
/// # Errors
/// As [`El2n`].
/// # Cost
/// Time `O(n)` per class, twice with `adjust`; memory `O(n)`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LabelQuality {
    /// What quality is. Default: self-confidence.
    pub by: Quality,
    /// Whether the mean self-confidence of each class (over the rows labeled with it) is subtracted from its
    /// probabilities first, which are then raised by the largest of these means and sum to 1 again. A class that no row is
    /// labeled with is taken to have the largest mean. Default: false.
    pub adjust: bool,
}

/// The quality of a label `k`, from 0, suspect, to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quality {
    /// `p_k`.
    #[default]
    SelfConfidence,
    /// `(p_k - max of the others + 1) / 2`.
    NormalizedMargin,
    /// `ln(1 + r) / r` with `r = H(p) / ln(classes) / p_k`, the entropy weighed by confidence in the label.
    ConfidenceWeightedEntropy,
}

impl Default for Grand {
    fn default() -> Self {
        Grand { bias: true }
    }
}

/// A probability of a label below this counts as this, as in cleanlab.
const LEAST: f64 = 1e-6;

impl Quality {
    /// Of the probabilities of a row, the first of each pair.
    fn of(self, probabilities: &[(f64, f64)], label: usize) -> f64 {
        let p = || probabilities.iter().map(|(p, _)| *p);
        let own = probabilities[label].0;
        match self {
            Quality::SelfConfidence => own,
            Quality::NormalizedMargin => (margin(p(), label) + 1.0) / 2.0,
            Quality::ConfidenceWeightedEntropy => {
                // The entropy has to have the same floor: else nothing is uncertain about a model that is sure of another
                // class, and the worst of labels would be found perfect.
                let floored = p().enumerate().map(|(class, p)| if class == label { p.max(LEAST) } else { p });
                let entropy = -floored.filter(|p| *p > 0.0).map(|p| p * libm::log(p)).sum::<f64>();
                let ratio = entropy.max(0.0) / libm::log(probabilities.len() as f64) / own.max(LEAST);
                if ratio > 0.0 { libm::log1p(ratio) / ratio } else { 1.0 }
            }
        }
    }
}

/// What a model says of rows of known class.
struct Labeled<'a> {
    outputs: &'a Outputs,
    codes: &'a [u32],
    /// The class of each code.
    columns: Vec<usize>,
}

impl<'a> Labeled<'a> {
    fn of(pool: &'a CheckedPool<'_>, method: &'static str) -> Result<Self, Error> {
        let outputs = pool.needed_outputs(method)?;
        let hint = "`--labels FILE` gives one label per row: the column of its class, or its name";
        let labels = pool.labels().ok_or(Error::Missing { method, what: "labels of all rows", hint })?;
        let columns = outputs.columns(labels)?;
        if let Some(row) = labels.codes.iter().position(|code| columns[*code as usize].is_none()) {
            let label = labels.names[labels.codes[row] as usize].clone();
            return Err(Error::ClassUnknown { method, row: pool.global(row), label });
        }
        // Only names that no row of this pool has are left without a column.
        let columns = columns.into_iter().map(Option::unwrap_or_default).collect();
        Ok(Labeled { outputs, codes: &labels.codes, columns })
    }

    fn class(&self, row: usize) -> usize {
        self.columns[self.codes[row] as usize]
    }

    /// `of(probabilities and their logarithms, label)` of each row `(n,)`.
    fn numbers(&self, ctx: &Context, of: impl Fn(&mut [(f64, f64)], usize) -> f64 + Sync) -> Result<Vec<f64>, Error> {
        self.outputs.numbers(ctx, |buffer, row| {
            self.outputs.probabilities(row, 1.0, buffer);
            of(buffer, self.class(row))
        })
    }

    /// EL2N of each row.
    fn error_norms(&self, ctx: &Context) -> Result<Vec<f64>, Error> {
        self.numbers(ctx, |p, label| error_norm(p.iter().map(|(p, _)| *p), label))
    }

    /// How much less each class's mean self-confidence is than the largest of them `(classes,)`.
    fn lacks(&self, ctx: &Context) -> Result<Vec<f64>, Error> {
        let own = self.numbers(ctx, |p, label| p[label].0)?;
        let mut sums = vec![(0.0, 0.0); self.outputs.classes()];
        for (row, p) in own.iter().enumerate() {
            let (sum, count) = &mut sums[self.class(row)];
            *sum += p;
            *count += 1.0;
        }
        let means: Vec<f64> = sums.into_iter().map(|(sum, count)| sum / count).collect();
        // The mean over no rows is NaN, which neither is the largest nor lacks anything.
        let most = means.iter().copied().fold(0.0, f64::max);
        Ok(means.into_iter().map(|mean| if mean.is_nan() { 0.0 } else { most - mean }).collect())
    }
}

/// The facts and settings of a scorer that holds its scores and little else.
macro_rules! facts {
    ($info:expr) => {
        fn info(&self) -> &'static MethodInfo {
            &$info
        }

        fn params(&self) -> Map<String, Value> {
            params_of(self)
        }

        fn plan(&self, shape: &Shape) -> Work {
            Work { bytes: 8 * shape.n as u64, ..Work::default() }
        }
    };
}

impl Scorer for El2n {
    facts!(EL2N);

    fn scores(&self, pool: &CheckedPool<'_>, ctx: &mut Context) -> Result<Vec<f64>, Error> {
        Labeled::of(pool, EL2N.name)?.error_norms(ctx)
    }
}

impl Scorer for Grand {
    facts!(GRAND);

    fn scores(&self, pool: &CheckedPool<'_>, ctx: &mut Context) -> Result<Vec<f64>, Error> {
        let mut scores = Labeled::of(pool, GRAND.name)?.error_norms(ctx)?;
        let bias = f64::from(u8::from(self.bias));
        scores.iter_mut().zip(pool.sq_norms()).for_each(|(score, sq_norm)| *score *= (bias + sq_norm).sqrt());
        Ok(scores)
    }
}

impl Scorer for LabelMargin {
    facts!(LABEL_MARGIN);

    fn scores(&self, pool: &CheckedPool<'_>, ctx: &mut Context) -> Result<Vec<f64>, Error> {
        let labeled = Labeled::of(pool, LABEL_MARGIN.name)?;
        let outputs = labeled.outputs;
        match (self.of, outputs.kind()) {
            (Compared::Probabilities, _) => {
                labeled.numbers(ctx, |p, label| 0.0 - margin(p.iter().map(|(p, _)| *p), label))
            }
            (Compared::Logits, OutputKind::Logits) => {
                let logits = |row| outputs.row(row).iter().map(|z| f64::from(*z));
                outputs.numbers(ctx, |_, row| (0.0 - margin(logits(row), labeled.class(row))) / outputs.temperature())
            }
            (Compared::Logits, OutputKind::Probabilities) => {
                let hint = "`--logits FILE` gives what a model says before softmax; `label-margin:of=probabilities` goes by probabilities";
                Err(Error::Missing { method: LABEL_MARGIN.name, what: "logits", hint })
            }
        }
    }
}

impl Scorer for LabelQuality {
    facts!(LABEL_QUALITY);

    fn scores(&self, pool: &CheckedPool<'_>, ctx: &mut Context) -> Result<Vec<f64>, Error> {
        let labeled = Labeled::of(pool, LABEL_QUALITY.name)?;
        let lacks = if self.adjust { Some(labeled.lacks(ctx)?) } else { None };
        labeled.numbers(ctx, |p, label| {
            if let Some(lacks) = &lacks {
                p.iter_mut().zip(lacks).for_each(|((p, _), lack)| *p += lack);
                let sum: f64 = p.iter().map(|(p, _)| *p).sum();
                p.iter_mut().for_each(|(p, _)| *p /= sum);
            }
            1.0 - self.by.of(p, label)
        })
    }
}
