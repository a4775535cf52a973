//! Training from scratch on what was picked, as a judge of it.

use subsel::{Context, Error as SubselError};
use subsel_images::Pixels;
use subsel_metrics::{Evaluation, Evaluator, Task};
use xxhash_rust::xxh3::Xxh3;

use crate::train::{ClassifierOptions, Labeled, classifier};
use crate::{Device, Error, Length, Recipe};

/// Trains a network from scratch on the picked pictures and examines it on the test pictures: framework i of NGS.
///
/// Rows of a task are numbers of pictures in the pool; its test rows are the test pictures, all of them, in order. Accuracy
/// is that after the last epoch.
///
/// # Cost
/// A training per evaluation, on the calling thread: see [`classifier`].
#[derive(Debug)]
pub struct Supervised {
    recipe: Recipe,
    pool: Pixels,
    test: Pixels,
    device: Device,
}

impl Supervised {
    /// Trains by `recipe` on pictures of `pool`, and examines on those of `test`.
    ///
    /// # Errors
    /// [`Error::Side`] for pictures of two sizes; [`Error::Setting`] of the recipe.
    pub fn new(recipe: Recipe, pool: Pixels, test: Pixels, device: Device) -> Result<Self, Error> {
        recipe.check()?;
        if pool.side() != test.side() {
            return Err(Error::Side { got: test.side(), side: pool.side() });
        }
        Ok(Supervised { recipe, pool, test, device })
    }

    fn judge(&self, task: &Task<'_>, seed: u64, ctx: &Context) -> Result<Evaluation, Error> {
        if task.test.len() != self.test.len() {
            return Err(Error::Length { what: "test rows", got: task.test.len(), n: self.test.len() });
        }
        crate::outputs::check_rows(&self.pool, task.rows)?;
        let mut labels = vec![0; self.pool.len()];
        task.rows.iter().zip(task.train.labels()).for_each(|(row, label)| labels[*row] = *label);
        let data = Labeled { pixels: &self.pool, rows: task.rows, labels: &labels, classes: task.classes };
        let options = ClassifierOptions { device: self.device, seed, ..ClassifierOptions::default() };
        let trained = classifier(&self.recipe, data, options, ctx)?;
        let rows: Vec<usize> = (0..self.test.len()).collect();
        let outputs = trained.model.outputs(&self.test, &rows, self.device, ctx)?;
        Ok(Evaluation::of(task, outputs.classes_told()))
    }
}

impl Evaluator for Supervised {
    fn name(&self) -> &'static str {
        "supervised"
    }

    fn summary(&self) -> String {
        let length = match self.recipe.length {
            Length::Epochs(epochs) => format!("{epochs} epochs"),
            Length::Steps(steps) => format!("{steps} steps"),
        };
        // All that decides what is found: results of other pictures or settings are not taken for these.
        let recipe = serde_json::to_string(&self.recipe).unwrap_or_default();
        let mut hash = Xxh3::new();
        hash.update(recipe.as_bytes());
        hash.update(self.device.to_string().as_bytes());
        [&self.pool, &self.test].into_iter().for_each(|pixels| hash.update(pixels.bytes()));
        let (network, hash) = (&self.recipe.network, hash.digest());
        format!("{network} trained from scratch on the picked pictures, {length} ({hash:016x})")
    }

    fn is_random(&self) -> bool {
        true
    }

    fn evaluate(&self, task: &Task<'_>, seed: u64, ctx: &Context) -> Result<Evaluation, SubselError> {
        self.judge(task, seed, ctx).map_err(|error| match error {
            Error::Subsel(error) => error,
            other => SubselError::Settings(format!("supervised: {other}")),
        })
    }
}

#[cfg(test)]
mod tests {
    use subsel::Settings;
    use subsel_metrics::{Examples, Standard};

    use super::*;
    use crate::{Batches, Length};

    /// Pictures of 8 x 8 that are dark or bright by their class, with some noise.
    fn pictures(n: usize, salt: usize) -> (Pixels, Vec<u32>) {
        let labels: Vec<u32> = (0..n as u32).map(|i| i % 2).collect();
        let bytes = labels.iter().enumerate().flat_map(|(i, label)| {
            (0..3 * 64).map(move |at| (60 + 120 * label + ((at * 37 + i * 11 + salt) % 60) as u32) as u8)
        });
        (Pixels::new(8, bytes.collect(), None).expect("pictures"), labels)
    }

    #[test]
    fn picks_are_looked_up_trained_on_and_examined() {
        let ctx = Context::new(&Settings::default()).expect("a context");
        let (pool, labels) = pictures(30, 0);
        let (test, test_labels) = pictures(16, 5);
        let recipe = Recipe {
            network: "resnet8".into(),
            length: Length::Epochs(12),
            batches: Batches { size: 16, whole: true, repeat: true, drop_last: true },
            ..Recipe::named("ngs-supervised").expect("a name")
        };
        let evaluator = Supervised::new(recipe, pool, test, Device::Cpu).expect("sound");
        assert_eq!(evaluator.name(), "supervised");
        let rows = [3, 8, 12, 21, 27, 4];
        let picked: Vec<u32> = rows.iter().map(|row| labels[*row]).collect();
        // Features play no part in it.
        let train = Examples::new(&[0.0; 6], 1, picked).expect("rows");
        let test = Examples::new(&[0.0; 16], 1, test_labels).expect("rows");
        let standard = Standard::new(vec![0.0], std::iter::once(1.0));
        let task = Task { classes: 2, train: &train, rows: &rows, test: &test, standard: &standard };
        let found = evaluator.evaluate(&task, 1, &ctx).expect("an evaluation");
        assert!(found.accuracy > 0.9 && found.ceiling == 1.0, "{found:?}");
        assert_eq!(evaluator.evaluate(&task, 1, &ctx).expect("the same"), found);
        let few = Examples::new(&[0.0; 3], 1, vec![0; 3]).expect("rows");
        let error = evaluator.evaluate(&Task { test: &few, ..task }, 1, &ctx).expect_err("other test rows");
        assert_eq!(error.to_string(), "supervised: 3 test rows for 16 pictures");
    }
}
