//! Uniform selection within strata.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Error;
use crate::allocate::{balanced, proportional};
use crate::context::Context;
use crate::method::{MethodInfo, ParamInfo, Selector, params_of};
use crate::methods::random::draw_uniform;
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::selection::{Pick, Reason};

#[cfg(test)]
mod tests;

pub(crate) static INFO: MethodInfo = MethodInfo {
    name: "stratified",
    aliases: &[],
    summary: "every stratum its share, uniformly inside",
    needs: "labels (one stratum per row)",
    rows: "any",
    nested: false,
    random: true,
    cost: "time O(n), memory O(n)",
    source: "-",
    not_when: "the strata are the labels you want to buy",
    params: &[ParamInfo {
        name: "allocation",
        values: "proportional or balanced",
        doc: "shares by stratum size (largest remainder), or as equal as sizes allow",
    }],
};

/// How the budget is shared among strata.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Allocation {
    /// By size: `budget * size / n`, rounded down, the rest to the largest remainders (ties: the lower stratum).
    #[default]
    Proportional,
    /// As equal as sizes allow.
    Balanced,
}

/// Uniform selection without replacement inside each stratum; strata are the pool's labels.
///
/// # Errors
/// [`Error::Missing`] without labels.
/// # Cost
/// Time and memory `O(n)`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stratified {
    /// How the budget is shared. Default: [`Allocation::Proportional`].
    pub allocation: Allocation,
}

impl Selector for Stratified {
    fn info(&self) -> &'static MethodInfo {
        &INFO
    }

    fn params(&self) -> Map<String, Value> {
        params_of(self)
    }

    fn plan(&self, shape: &Shape, budget: usize) -> Work {
        Work { bytes: (12 * shape.n + 32 * budget) as u64, ..Work::default() }
    }

    fn run(
        &self,
        pool: &CheckedPool<'_>,
        budget: usize,
        ctx: &mut Context,
        picks: &mut Vec<Pick>,
    ) -> Result<(), Error> {
        let labels = pool.labels().ok_or(Error::Missing {
            method: "stratified",
            what: "labels",
            hint: "`--labels FILE` gives one stratum per row",
        })?;
        let mut members = vec![Vec::new(); labels.names.len()];
        pool.candidates().for_each(|row| members[labels.codes[row] as usize].push(row));
        let sizes: Vec<usize> = members.iter().map(Vec::len).collect();
        let quotas = match self.allocation {
            Allocation::Proportional => proportional(&sizes, budget),
            Allocation::Balanced => balanced(&sizes, budget),
        };
        for (stratum, (rows, &quota)) in members.iter().zip(&quotas).enumerate() {
            let stream = ctx.stream("stratified").child(stratum as u64);
            for (key, row) in draw_uniform(pool, stream, rows.iter().copied(), quota) {
                let name = labels.names[stratum].clone();
                picks.push(Pick::new(row, key, Reason::Stratum { stratum: name, size: rows.len(), quota }));
            }
        }
        // Best keys first, so that cutting the list short does not cut off whole strata.
        picks.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row)));
        Ok(())
    }
}
