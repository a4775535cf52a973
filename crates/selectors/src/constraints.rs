//! What a selection must keep to, whatever the method: caps, quotas, distances, costs.

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::allocate::balanced;
use crate::annotations::Classes;
use crate::context::Context;
use crate::method::{Asks, Selector};
use crate::pool::CheckedPool;
use crate::selection::Pick;

/// Rules that the picks of every method keep to. They count new picks; labeled rows count for `min_distance` only.
///
/// Methods that take one row after the other ask before each, so that a row refused changes nothing. Rankings are walked
/// past rows refused. Methods whose picks depend on the budget go in rounds: what a round's refusals leave open is picked
/// in the next, with the picks so far as labeled rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Constraints {
    /// At most so many picks of one group.
    pub per_group: Option<usize>,
    /// From so many to so many picks of some classes.
    pub quotas: Vec<Quota>,
    /// As equal a number of picks of every class as their sizes allow.
    pub balance: Option<Axis>,
    /// Euclidean distance, of rows as given, that picks keep from each other and from labeled rows.
    pub min_distance: Option<f64>,
    /// What all picks together may cost.
    pub cost_budget: Option<f64>,
}

/// What rows are classed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Axis {
    /// The pool's labels.
    Label,
    /// The pool's groups.
    Group,
}

/// How many picks a class gets: `label=cat:10..50`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// What the class is one of.
    pub axis: Axis,
    /// Its name.
    pub class: String,
    /// At least so many.
    pub least: usize,
    /// At most so many.
    pub most: Option<usize>,
}

impl Axis {
    fn name(self) -> &'static str {
        match self {
            Axis::Label => "label",
            Axis::Group => "group",
        }
    }

    fn of<'p>(self, pool: &'p CheckedPool<'_>, rule: &str) -> Result<&'p Classes, Error> {
        let (found, hint) = match self {
            Axis::Label => (pool.labels(), "`--labels FILE` gives one label per row"),
            Axis::Group => (pool.groups(), "`--groups FILE` gives one group per row"),
        };
        found.ok_or_else(|| Error::Rule {
            rule: rule.into(),
            detail: format!("no {}s are known", self.name()),
            hint: hint.into(),
        })
    }
}

impl FromStr for Axis {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "label" => Ok(Axis::Label),
            "group" => Ok(Axis::Group),
            _ => Err(format!("`{text}` is neither label nor group")),
        }
    }
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = self.most.map(|most| most.to_string()).unwrap_or_default();
        write!(f, "{}={}:{}..{most}", self.axis, self.class, self.least)
    }
}

impl FromStr for Quota {
    type Err = String;

    /// Reads `label=cat:10..50`, `group=p7:..3`, `label=dog:5..` or, for just so many, `label=dog:5`.
    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "a quota is written label=NAME:MIN..MAX or group=NAME:MIN..MAX";
        let (axis, rest) = text.split_once('=').ok_or(FORM)?;
        let (class, range) = rest.rsplit_once(':').ok_or(FORM)?;
        let number = |text: &str| text.parse::<usize>().map_err(|_| format!("`{text}` is no count; {FORM}"));
        let (least, most) = match range.split_once("..") {
            None => (number(range)?, Some(number(range)?)),
            Some((least, most)) => (
                if least.is_empty() { 0 } else { number(least)? },
                if most.is_empty() { None } else { Some(number(most)?) },
            ),
        };
        if most.is_some_and(|most| most < least) {
            return Err(format!("`{range}` ends below where it begins"));
        }
        Ok(Quota { axis: axis.parse()?, class: class.into(), least, most })
    }
}

impl Constraints {
    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        *self == Constraints::default()
    }

    /// Bytes that keeping to them takes, for `n` rows of `dim` values and so many picks.
    pub fn bytes(&self, n: usize, dim: usize, budget: usize) -> u64 {
        let axes =
            usize::from(self.per_group.is_some()) + usize::from(self.balance.is_some()) + self.quotas.len().min(2);
        let taken = if self.min_distance.is_some() { 8 * budget * dim } else { 0 };
        // Codes for each axis, costs, and the view of the candidates that are allowed.
        if self.is_empty() { 0 } else { (n * (4 * axes + 64) + taken) as u64 }
    }

    /// How many picks a run makes to end up with `budget`: rankings are made of all `candidates` and walked.
    pub fn depth(&self, selector: &dyn Selector, budget: usize, candidates: usize) -> usize {
        if !self.is_empty() && selector.nested() && selector.asks() == Asks::Never { candidates } else { budget }
    }
}

/// Shares of the classes of one axis while rows are picked.
struct Shares {
    rule: String,
    codes: Vec<u32>,
    /// By class: picks still owed to it, and picks it may still get.
    owed: Vec<usize>,
    open: Vec<usize>,
}

/// The rules of a run under way.
pub(crate) struct Rules {
    shares: Vec<Shares>,
    /// The rule on distance, squared, and the rows to keep it from.
    min_sq_dist: Option<f64>,
    taken: Vec<f32>,
    /// What may still be spent, and what rows cost.
    left: f64,
    costs: Option<Vec<f64>>,
    /// Picks still to be made.
    slots: usize,
    /// Rows of the pool by the numbers the user knows, where they are not all.
    rows: Option<Vec<usize>>,
    refused: Refused,
    wide: Vec<f32>,
}

/// How many rows each kind of rule refused.
#[derive(Clone, Copy, Debug, Default)]
struct Refused {
    full: usize,
    reserved: usize,
    near: usize,
    dear: usize,
}

impl Rules {
    /// The rules of `pool` for so many picks.
    ///
    /// # Errors
    /// [`Error::Rule`] for rules that cannot be kept, or that need what the pool lacks.
    fn new(pool: &CheckedPool<'_>, budget: usize, may_be_fewer: bool, ctx: &Context) -> Result<Self, Error> {
        let constraints = pool.constraints();
        let may_be_fewer = may_be_fewer || constraints.cost_budget.is_some();
        let mut shares = Vec::new();
        if let Some(most) = constraints.per_group {
            let rule = format!("--per-group {most}");
            shares.push(Shares::new(pool, Axis::Group, rule, (budget, may_be_fewer), |_, size| (0, most.min(size)))?);
        }
        for axis in [Axis::Label, Axis::Group] {
            let quotas: Vec<&Quota> = constraints.quotas.iter().filter(|quota| quota.axis == axis).collect();
            if quotas.is_empty() {
                continue;
            }
            let rule = quotas.iter().map(|quota| format!("--quota {quota}")).collect::<Vec<_>>().join(" ");
            let names = &axis.of(pool, &rule)?.names;
            if let Some(unknown) = quotas.iter().find(|quota| !names.contains(&quota.class)) {
                let hint = match crate::grammar::nearest(&unknown.class, names.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are {} {axis}s, such as `{}`", names.len(), names.first().map_or("", |n| n)),
                };
                let detail = format!("no row has the {axis} `{}`", unknown.class);
                return Err(Error::Rule { rule: format!("--quota {unknown}"), detail, hint });
            }
            shares.push(Shares::new(pool, axis, rule, (budget, may_be_fewer), |class, size| {
                let quota = quotas.iter().find(|quota| quota.class == names[class]);
                quota.map_or((0, size), |quota| (quota.least, quota.most.unwrap_or(size).min(size)))
            })?);
        }
        if let Some(axis) = constraints.balance {
            let rule = format!("--balance {axis}");
            let sizes = sizes(axis.of(pool, &rule)?, pool);
            let equal = balanced(&sizes, budget);
            shares
                .push(Shares::new(pool, axis, rule, (budget, may_be_fewer), |class, _| (equal[class], equal[class]))?);
        }
        let costs = match constraints.cost_budget {
            None => None,
            Some(budget) => Some(pool.costs().ok_or_else(|| Error::Rule {
                rule: format!("--cost-budget {budget}"),
                detail: "what rows cost is not known".into(),
                hint: "`--costs FILE` gives one cost per row".into(),
            })?),
        };
        let mut rules = Rules {
            shares,
            min_sq_dist: constraints.min_distance.map(|distance| distance * distance),
            taken: Vec::new(),
            left: constraints.cost_budget.unwrap_or(f64::INFINITY),
            costs: costs.map(<[f64]>::to_vec),
            slots: budget,
            rows: pool.numbers().map(<[usize]>::to_vec),
            refused: Refused::default(),
            wide: Vec::new(),
        };
        if rules.min_sq_dist.is_some() {
            let mut near = Vec::new();
            for row in pool.labeled() {
                pool.raw_f32(ctx, *row, &mut near)?;
                rules.taken.extend_from_slice(&near);
            }
        }
        Ok(rules)
    }

    /// Whether a row, by its place in the pool of the rules, may be picked as far as counts and costs tell.
    fn counts_allow(&self, at: usize) -> Result<(), fn(&mut Refused) -> &mut usize> {
        for shares in &self.shares {
            let class = shares.codes[at] as usize;
            if shares.open[class] == 0 {
                return Err(|refused| &mut refused.full);
            }
            // The last picks belong to those who are owed some.
            let owed: usize = shares.owed.iter().sum();
            if shares.owed[class] == 0 && owed >= self.slots {
                return Err(|refused| &mut refused.reserved);
            }
        }
        if self.costs.as_ref().is_some_and(|costs| costs[at] > self.left) {
            return Err(|refused| &mut refused.dear);
        }
        Ok(())
    }

    /// Whether the row may be picked; if so, it counts as picked. A row refused once is refused for good.
    ///
    /// # Errors
    /// Reading.
    pub(crate) fn take(&mut self, pool: &CheckedPool<'_>, row: usize, ctx: &Context) -> Result<bool, Error> {
        let number = pool.global(row);
        let at = match &self.rows {
            None => number,
            Some(rows) => rows.binary_search(&number).unwrap_or_else(|_| unreachable!("a view's rows are its pool's")),
        };
        if let Err(kind) = self.counts_allow(at) {
            *kind(&mut self.refused) += 1;
            return Ok(false);
        }
        if let Some(least) = self.min_sq_dist {
            let dim = pool.dim();
            pool.raw_f32(ctx, row, &mut self.wide)?;
            let mut sq_dists = vec![0.0; self.taken.len() / dim];
            ctx.kernels().sq_dists(&self.wide, &self.taken, &mut sq_dists);
            if sq_dists.iter().any(|sq_dist| *sq_dist < least) {
                self.refused.near += 1;
                return Ok(false);
            }
            self.taken.extend_from_slice(&self.wide);
        }
        for shares in &mut self.shares {
            let class = shares.codes[at] as usize;
            shares.open[class] -= 1;
            shares.owed[class] = shares.owed[class].saturating_sub(1);
        }
        if let Some(costs) = &self.costs {
            self.left -= costs[at];
        }
        self.slots = self.slots.saturating_sub(1);
        Ok(true)
    }

    /// Others see to it that nothing is owed.
    fn are_kept_inside(&mut self) {
        self.shares.iter_mut().for_each(|shares| shares.owed.fill(0));
    }

    /// What the rules refused, in words.
    fn told(&self) -> String {
        let Refused { full, reserved, near, dear } = self.refused;
        let kinds = [
            (full, "of classes or groups that have their share"),
            (reserved, "since the last picks are reserved for others"),
            (near, "too near to picked or labeled rows"),
            (dear, "dearer than what is left to spend"),
        ];
        let told: Vec<String> =
            kinds.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} rows {what}")).collect();
        if told.is_empty() { "no row was refused".into() } else { format!("refused were {}", told.join(", ")) }
    }

    fn owed(&self) -> Option<String> {
        let of = |shares: &&Shares| shares.owed.iter().any(|owed| *owed > 0);
        self.shares.iter().find(of).map(|shares| shares.rule.clone())
    }
}

/// Candidates of each class.
fn sizes(classes: &Classes, pool: &CheckedPool<'_>) -> Vec<usize> {
    let mut sizes = vec![0; classes.names.len()];
    pool.candidates().for_each(|row| sizes[classes.codes[row] as usize] += 1);
    sizes
}

impl Shares {
    /// `range` tells from how many to how many picks a class of so many candidates gets.
    fn new(
        pool: &CheckedPool<'_>,
        axis: Axis,
        rule: String,
        (budget, may_be_fewer): (usize, bool),
        range: impl Fn(usize, usize) -> (usize, usize),
    ) -> Result<Self, Error> {
        let classes = axis.of(pool, &rule)?;
        let sizes = sizes(classes, pool);
        let ranges: Vec<(usize, usize)> = sizes.iter().enumerate().map(|(class, &size)| range(class, size)).collect();
        for ((name, &size), &(least, _)) in classes.names.iter().zip(&sizes).zip(&ranges) {
            if least > size {
                let detail = format!("{axis} `{name}` is to have at least {least} picks and has {size} candidates");
                return Err(Error::Rule { rule, detail, hint: "ask for fewer, or bring more rows of it".into() });
            }
        }
        let (owed, open): (Vec<usize>, Vec<usize>) = ranges.into_iter().unzip();
        let (least, most) = (owed.iter().sum::<usize>(), open.iter().sum::<usize>());
        if least > budget {
            let detail = format!("together at least {least} picks are asked for, and the budget is {budget}");
            return Err(Error::Rule { rule, detail, hint: format!("`-n {least}` is the least that can do") });
        }
        if most < budget && !may_be_fewer {
            let detail = format!("at most {most} of the {budget} picks are possible");
            return Err(Error::Rule { rule, detail, hint: format!("`-n {most}` is the most that can be") });
        }
        Ok(Shares { rule, codes: classes.codes.clone(), owed, open })
    }
}

/// Runs `selector` under the rules of `pool`: `budget` picks, or fewer where `may_be_fewer` or the money ends.
///
/// # Errors
/// As the selector, and [`Error::Rule`] where the rules leave fewer rows than are to be picked.
pub(crate) fn run(
    selector: &dyn Selector,
    pool: &CheckedPool<'_>,
    budget: usize,
    may_be_fewer: bool,
    ctx: &mut Context,
    picks: &mut Vec<Pick>,
) -> Result<(), Error> {
    if pool.constraints().is_empty() {
        return selector.run(pool, budget, ctx, picks);
    }
    let mut rules = Rules::new(pool, budget, may_be_fewer, ctx)?;
    let mut open = pool.clone();
    open.bar(|row| rules.counts_allow(row).is_err());
    let most = budget.min(open.n_candidates());
    // What runs inside others asks nothing of rules that those outside ask about.
    let before = ctx.set_rules(None);
    let outcome = match selector.asks() {
        _ if most == 0 => Ok(()),
        Asks::Never => walk(selector, open, budget, &mut rules, ctx, picks),
        Asks::Itself => {
            rules.are_kept_inside();
            selector.run(&open, most, ctx, picks)
        }
        Asks::BeforeEach => {
            ctx.set_rules(Some(rules));
            let outcome = selector.run(&open, most, ctx, picks);
            rules = ctx.set_rules(None).unwrap_or_else(|| unreachable!("set above"));
            outcome
        }
    };
    ctx.set_rules(before);
    outcome?;
    let spent = pool.costs().filter(|_| pool.constraints().cost_budget.is_some());
    let spent = spent.map(|costs| picks.iter().map(|pick| costs[pick.row]).sum::<f64>());
    if let Some(spent) = spent {
        ctx.record("cost", spent);
    }
    if let Some(rule) = rules.owed() {
        let detail = format!("{} picks were made, and some that it asks for were not: {}", picks.len(), rules.told());
        return Err(Error::Rule { rule, detail, hint: "the rules contradict each other here: ease one".into() });
    }
    if picks.len() < budget && !may_be_fewer && spent.is_none() {
        return Err(Error::Rule {
            rule: "the rules together".into(),
            detail: format!("{} of {budget} picks could be made: {}", picks.len(), rules.told()),
            hint: format!("`-n {}`, or ease the rule that refused most", picks.len().max(1)),
        });
    }
    Ok(())
}

/// Takes what the rules let pass of a method's ranking, in rounds where it has none of all rows.
fn walk(
    selector: &dyn Selector,
    mut open: CheckedPool<'_>,
    budget: usize,
    rules: &mut Rules,
    ctx: &mut Context,
    picks: &mut Vec<Pick>,
) -> Result<(), Error> {
    while picks.len() < budget && open.n_candidates() > 0 {
        let want =
            if selector.nested() { open.n_candidates() } else { (budget - picks.len()).min(open.n_candidates()) };
        let mut ranked = Vec::new();
        selector.run(&open, want, ctx, &mut ranked)?;
        if ranked.is_empty() {
            break;
        }
        let (mut accepted, mut refused) = (Vec::new(), Vec::new());
        for pick in ranked {
            if picks.len() == budget {
                break;
            }
            if rules.take(&open, pick.row, ctx)? {
                accepted.push(pick.row);
                picks.push(pick);
            } else {
                refused.push(pick.row);
            }
        }
        if selector.nested() {
            break;
        }
        open.label(&accepted);
        refused.sort_unstable();
        open.bar(|row| refused.binary_search(&row).is_ok() || rules.counts_allow(row).is_err());
    }
    Ok(())
}
