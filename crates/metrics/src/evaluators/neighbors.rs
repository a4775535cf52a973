//! The vote of the nearest picks, by cosine.

use subsel::{Context, Error};

use crate::evaluator::{Evaluation, Evaluator, Examples, Task, every};

/// Tells a row by its `k` nearest picks (all, if there are fewer), by cosine, each voting with `exp(cosine / 0.07)`.
///
/// Ties go to the class of the nearest pick, the first picked of equally near ones; a zero row has cosine 0 to all.
///
/// # Cost
/// Time `O(n m d)` for n picks and m test rows; memory of unit rows of both.
///
/// # Source
/// Wu et al., Unsupervised Feature Learning via Non-Parametric Instance Discrimination (2018); `k` of 1 needs no tuning at
/// few examples per class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbors {
    /// Picks that vote.
    pub k: usize,
}

const TEMPERATURE: f64 = 0.07;

/// Test rows told at once.
const AT_ONCE: usize = 256;

impl Evaluator for Neighbors {
    fn name(&self) -> &'static str {
        if self.k == 1 { "1nn" } else { "20nn" }
    }

    fn summary(&self) -> String {
        match self.k {
            1 => "class of the nearest pick by cosine".into(),
            k => format!("vote of the {k} nearest picks by cosine, weighted by exp(cosine / {TEMPERATURE})"),
        }
    }

    fn is_random(&self) -> bool {
        false
    }

    fn evaluate(&self, task: &Task<'_>, _seed: u64, ctx: &Context) -> Result<Evaluation, Error> {
        let (picks, width) = (unit(task.train, ctx), task.train.width());
        let mut told = Vec::with_capacity(task.test.len());
        let mut votes = vec![0.0; task.classes];
        let mut cosines = vec![0.0; AT_ONCE * task.train.len()];
        let rows = unit(task.test, ctx);
        for some in every(task.test.len()).chunks(AT_ONCE) {
            ctx.go_on()?;
            let cosines = &mut cosines[..some.len() * task.train.len()];
            ctx.kernels().class_dots(&rows, width, some, &picks, cosines);
            told.extend(cosines.chunks_exact(task.train.len()).map(|cosines| self.tell(task, cosines, &mut votes)));
        }
        Ok(Evaluation::of(task, told.into_iter()))
    }
}

impl Neighbors {
    /// The class that the nearest picks vote for.
    fn tell(&self, task: &Task<'_>, cosines: &[f32], votes: &mut [f64]) -> u32 {
        let mut order: Vec<usize> = (0..cosines.len()).collect();
        let nearer = |a: &usize, b: &usize| cosines[*b].total_cmp(&cosines[*a]).then(a.cmp(b));
        let k = self.k.min(order.len());
        if k < order.len() {
            order.select_nth_unstable_by(k, nearer);
            order.truncate(k);
        }
        order.sort_unstable_by(nearer);
        votes.fill(0.0);
        let labels = task.train.labels();
        // Against the largest, which keeps ratios and cannot overflow.
        let most = cosines[order[0]];
        order.iter().for_each(|&i| votes[labels[i] as usize] += libm::exp(f64::from(cosines[i] - most) / TEMPERATURE));
        let best = votes.iter().copied().fold(0.0, f64::max);
        order.iter().map(|&i| labels[i]).find(|&class| votes[class as usize] == best).unwrap_or(labels[order[0]])
    }
}

/// Rows scaled to length 1, padded.
fn unit(examples: &Examples, ctx: &Context) -> Vec<f32> {
    let mut rows = examples.features().to_vec();
    let mut sq_norms = vec![0.0; examples.len()];
    ctx.kernels().sq_norms_f32(&rows, examples.width(), &mut sq_norms);
    for (row, sq) in rows.chunks_exact_mut(examples.width()).zip(sq_norms) {
        if sq > 0.0 {
            ctx.kernels().scale(row, 1.0 / sq.sqrt());
        }
    }
    rows
}
