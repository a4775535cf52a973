//! Everything measured of one list of rows.

use subsel::{CheckedPool, Context};
use subsel_kernels::Block;
use subsel_metrics::{Better, ClassSpread, Evaluation, Evaluator, Examples, Judge, Standard, Task};

use crate::failure::Failure;

/// One value.
pub(super) struct Value {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) better: Better,
    pub(super) value: f64,
}

/// All values, in the same order for all lists of rows.
pub(super) type Measured = Vec<Value>;

/// What judges by labels.
pub(super) struct Labeled<'a> {
    pool: &'a CheckedPool<'a>,
    test: Option<(Examples, Standard)>,
    evaluators: &'a [Box<dyn Evaluator>],
}

impl<'a> Labeled<'a> {
    /// With test rows where there are any, whose classes are numbered as those of the pool.
    pub(super) fn new(
        pool: &'a CheckedPool<'a>,
        test: Option<Examples>,
        evaluators: &'a [Box<dyn Evaluator>],
        ctx: &Context,
    ) -> Result<Self, Failure> {
        let test = match test {
            None => None,
            Some(test) if test.dim() != pool.dim() => {
                return Err(subsel_metrics::Error::Width { test: test.dim(), pool: pool.dim() }.into());
            }
            Some(test) if test.is_empty() => return Err(Failure::new("there are no test rows")),
            Some(test) => {
                let (mean, sd) = pool.column_moments(ctx)?;
                Some((test, Standard::new(mean, sd.into_iter())))
            }
        };
        Ok(Labeled { pool, test, evaluators })
    }

    fn measure(&self, rows: &[usize], seed: u64, ctx: &Context, found: &mut Measured) -> Result<(), Failure> {
        let Some(labels) = self.pool.labels() else { return Ok(()) };
        let spread = ClassSpread::of(&labels.codes, labels.names.len(), rows);
        let mut add = |name: &str, label: &str, better, value| {
            found.push(Value { name: name.into(), label: label.into(), better, value });
        };
        add("classes-present", "classes present", Better::High, spread.present as f64);
        add("class-coverage", "class coverage", Better::High, spread.coverage);
        add("class-balance", "class balance", Better::High, spread.balance);
        add("class-ratio", "most of a class over fewest", Better::Low, spread.ratio);
        add("class-kl", "class divergence", Better::Low, spread.kl);
        let Some((test, standard)) = &self.test else { return Ok(()) };
        let mut features = Vec::new();
        self.pool.gather_f32(ctx, rows, &mut Block::default(), &mut features)?;
        let codes = rows.iter().map(|row| labels.codes[*row]).collect();
        let train = Examples::new(&features, self.pool.dim(), codes)?;
        let task = Task { classes: labels.names.len(), train: &train, rows, test, standard };
        let mut ceiling = f64::NAN;
        for evaluator in self.evaluators {
            ctx.go_on()?;
            let found: Evaluation = evaluator.evaluate(&task, seed, ctx)?;
            let name = evaluator.name();
            add(name, &format!("{name} accuracy"), Better::High, found.accuracy);
            add(&format!("{name}-on-seen"), "  on classes picked", Better::Neither, found.accuracy_on_seen);
            ceiling = found.ceiling;
        }
        if !self.evaluators.is_empty() {
            add("ceiling", "test rows of classes picked", Better::High, ceiling);
        }
        Ok(())
    }
}

/// Measures a list of rows of the checked pool.
pub(super) fn measure(
    judge: &Judge<'_>,
    labeled: &Labeled<'_>,
    rows: &[usize],
    seed: u64,
    ctx: &Context,
) -> Result<Measured, Failure> {
    let values = judge.measure(rows, ctx)?;
    let named = |(metric, value): (&subsel_metrics::Metric, f64)| Value {
        name: metric.name().into(),
        label: metric.label().into(),
        better: metric.better(),
        value,
    };
    let mut found: Measured = judge.metrics().iter().zip(values).map(named).collect();
    labeled.measure(rows, seed, ctx, &mut found)?;
    Ok(found)
}
