//! A linear layer on frozen features.

use subsel::Context;
use subsel_metrics::evaluators::LinearProbe;
use subsel_metrics::{Evaluation, Evaluator, Examples, Standard, Task};

use super::Labeled;
use crate::{Device, Error, Model};

/// Trains a linear layer on the model's features of labeled pictures and examines it on others: framework ii of NGS, by
/// the probe of [`subsel_metrics`].
///
/// # Errors
/// Those of [`Model::outputs`] and of the lists of `train` and `test`.
pub fn probe(
    model: &Model,
    how: &LinearProbe,
    (train, test): (Labeled<'_>, Labeled<'_>),
    seed: u64,
    device: Device,
    ctx: &Context,
) -> Result<Evaluation, Error> {
    let examples = |labeled: Labeled<'_>| -> Result<Examples, Error> {
        labeled.check()?;
        let found = model.outputs(labeled.pixels, labeled.rows, device, ctx)?;
        Ok(Examples::new(&found.features, found.dim, labeled.classes_of_rows())?)
    };
    let (train_rows, test_rows) = (examples(train)?, examples(test)?);
    let dim = train_rows.dim();
    // The probe takes features as they are.
    let standard = Standard::new(vec![0.0; dim], std::iter::repeat_n(1.0, dim));
    let classes = train.classes.max(test.classes);
    let task = Task { classes, train: &train_rows, rows: train.rows, test: &test_rows, standard: &standard };
    Ok(how.evaluate(&task, seed, ctx)?)
}
