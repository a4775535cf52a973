//! One method, then another among its picks: `A+B`.

use serde_json::{Map, Value, json};

use crate::Error;
use crate::constraints;
use crate::context::Context;
use crate::method::{Asks, MethodInfo, Selector};
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::selection::Pick;

#[cfg(test)]
mod tests;

static INFO: MethodInfo = MethodInfo {
    name: "then",
    aliases: &[],
    summary: "A+B: A takes `refine` times the budget, B keeps the budget of those",
    needs: "what its stages need",
    rows: "as its stages",
    nested: false,
    random: true,
    cost: "A at refine * budget, then B on refine * budget rows",
    source: "Effective Subset Selection Through the Lens of Neural Network Pruning, 2024, section 3",
    not_when: "A alone serves: check with `A+random`, which costs nothing",
    params: &[],
};

/// "A then B": the first method takes `ceil(refine * budget)` rows, the second keeps `budget` of them.
///
/// Both stages see the labeled rows; the second sees them and the first's picks as its whole pool. Picks come in the
/// second's order and with its reasons.
#[derive(Debug)]
pub struct Then {
    /// Takes more than is needed.
    pub first: Box<dyn Selector>,
    /// Keeps what is needed.
    pub second: Box<dyn Selector>,
    /// How many times the budget the first takes; at least 1. Default: [`Then::REFINE`].
    pub refine: f64,
}

impl Then {
    /// The paper's factor.
    pub const REFINE: f64 = 2.0;

    fn first_budget(&self, budget: usize, candidates: usize) -> usize {
        ((self.refine * budget as f64).ceil() as usize).clamp(budget, candidates)
    }
}

impl Selector for Then {
    fn info(&self) -> &'static MethodInfo {
        &INFO
    }

    fn params(&self) -> Map<String, Value> {
        let stage = |selector: &dyn Selector| json!({ "name": selector.text(), "params": selector.params() });
        let mut map = Map::new();
        map.insert("first".into(), stage(&*self.first));
        map.insert("second".into(), stage(&*self.second));
        map.insert("refine".into(), json!(self.refine));
        map
    }

    fn text(&self) -> String {
        let second = self.second.text();
        let mut text = format!("{}+{second}", self.first.text());
        if self.refine != Then::REFINE {
            text += &format!("{}refine={}", if second.contains(':') { ',' } else { ':' }, self.refine);
        }
        text
    }

    fn check(&self) -> Result<(), Error> {
        if !(self.refine.is_finite() && self.refine >= 1.0) {
            let (rule, got) = ("finite and at least 1".into(), self.refine.to_string());
            return Err(Error::Param { method: "then", param: "refine", rule, got });
        }
        self.first.check()?;
        self.second.check()
    }

    fn is_random(&self) -> bool {
        self.first.is_random() || self.second.is_random()
    }

    fn asks(&self) -> Asks {
        Asks::Itself
    }

    fn plan(&self, shape: &Shape, budget: usize) -> Work {
        let between = self.first_budget(budget, shape.n);
        let first = self.first.plan(shape, between);
        let smaller = shape.with_rows((between + shape.labeled).min(shape.n));
        let second = self.second.plan(&smaller, budget);
        let view = 32 * smaller.n as u64 + 200 * between as u64;
        Work {
            passes: first.passes + second.passes * smaller.n as f64 / shape.n as f64,
            gathered: first.gathered + second.gathered + second.passes * smaller.n as f64,
            panel_ops: first.panel_ops + second.panel_ops,
            canonical_ops: first.canonical_ops + second.canonical_ops,
            bytes: first.bytes.max(second.bytes + view),
        }
    }

    fn run(
        &self,
        pool: &CheckedPool<'_>,
        budget: usize,
        ctx: &mut Context,
        picks: &mut Vec<Pick>,
    ) -> Result<(), Error> {
        let mut taken = Vec::new();
        let most = self.first_budget(budget, pool.n_candidates());
        constraints::run(&*self.first, pool, most, true, ctx, &mut taken)?;
        let mut rows: Vec<usize> = taken.iter().map(|pick| pick.row).collect();
        drop(taken);
        rows.extend(pool.labeled());
        rows.sort_unstable();
        let view = pool.keep(rows.clone());
        // A seed of its own: the same method twice must not meet its own keys again.
        let seed = ctx.seed();
        ctx.set_seed(ctx.stream("then").bits(0));
        let result = constraints::run(&*self.second, &view, budget.min(view.n_candidates()), true, ctx, picks);
        ctx.set_seed(seed);
        picks.iter_mut().for_each(|pick| pick.reason.renumber(|row| rows[row]));
        picks.iter_mut().for_each(|pick| pick.row = rows[pick.row]);
        result
    }
}
