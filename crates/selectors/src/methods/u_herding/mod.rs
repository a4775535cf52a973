//! UHerding: cover softly what a model is unsure of.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use subsel_kernels::{Block, Panel, PanelScratch};

use crate::Error;
use crate::auto::Auto;
use crate::context::Context;
use crate::gains::{self, Finder, Gains};
use crate::method::{Asks, MethodInfo, ParamInfo, Selector, params_of};
use crate::methods::max_herding::{self, Driver, Kernel};
use crate::methods::random;
use crate::outputs::{OutputKind, Uncertainty};
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::scan::{self, BlockAt};
use crate::selection::{Pick, Reason};
use crate::unit::RowScale;

#[cfg(test)]
mod tests;

pub(crate) static INFO: MethodInfo = MethodInfo {
    name: "u-herding",
    aliases: &["uherding", "uncertainty-herding"],
    summary: "again and again the row that raises the kernel coverage of what a model is unsure of most",
    needs: "model outputs (class probabilities or logits) once rows are labeled",
    rows: "scaled to unit length by the method",
    nested: true,
    random: false,
    cost: "time O(n^2 d) at the rate of matrix products, half of it saved by symmetry; memory O(n)",
    source: "Bae et al., Uncertainty Herding: One Active Learning Method for All Label Budgets, 2024",
    not_when: "there is no model yet (it is max-herding then), or it is sure of everything",
    params: &[
        ParamInfo {
            name: "uncertainty",
            values: "margin, entropy or least-confidence",
            doc: "what a row counts, with its class probabilities p1, p2, ... in descending order: 1 - (p1 - p2), -sum p ln p or 1 - p1; labeled rows count 0, and all rows 1 where none is labeled",
        },
        ParamInfo {
            name: "temperature",
            values: "a number above 0 or auto",
            doc: "what logits are divided by; auto finds where confidence is right among labeled rows, for which it needs --logits and --labels",
        },
        ParamInfo { name: "kernel", values: max_herding::KERNELS, doc: max_herding::KERNEL_DOC },
        ParamInfo {
            name: "sigma",
            values: "auto or a distance above 0",
            doc: "how far a pick covers; auto takes the smallest distance between labeled rows that are not alike, else 1",
        },
        ParamInfo { name: "nu", values: max_herding::NUS, doc: max_herding::NU_DOC },
        ParamInfo {
            name: "driver",
            values: "lazy or full",
            doc: "full works out every gain at every pick, as textbooks do; same picks, for comparison",
        },
        ParamInfo { name: "rows", values: "unit or raw", doc: "whether rows are scaled to unit length first" },
    ],
};

/// Greedy kernel coverage of what a model is unsure of: repeatedly takes the row that most raises the mean, over all rows
/// of the pool, of the row's uncertainty times the kernel between it and the taken row nearest to it.
///
/// With few labels the model is unsure of nearly everything, and this is [`MaxHerding`](max_herding::MaxHerding); the
/// surer it becomes, and the nearer labeled rows lie to each other, the more the picks go to where it errs.
///
/// # Input
/// Embeddings `(n, d)`, scaled to unit length here, and outputs of a model trained on the labeled rows. Labeled rows
/// count as already taken, and nothing is gained by covering them; excluded rows still count as rows to be covered.
/// Where nothing is labeled, all rows count alike and outputs are not looked at.
/// # Guarantees
/// Nested. Ties (within a relative 2^-40) go to the lowest row. Covers at least 1 - 1/e of what the best choice of as
/// many rows could. When no candidate covers anything more, the rest is drawn uniformly.
/// # Errors
/// [`Error::Missing`] without model outputs where rows are labeled, or for `temperature=auto` without logits or labels;
/// [`Error::Labels`] where labels do not name the classes of the outputs; [`Error::Param`] for a sigma or temperature
/// that is not above 0, or a nu that is no multiple of one half.
/// # Cost
/// As max-herding: time `O(n^2 d)` at the rate of matrix products, once before the first pick, once after it, then a few
/// rows per pick; memory `O(n)`. The distances between labeled rows besides.
/// # Source
/// Bae, Oliveira, Sutherland, "Uncertainty Herding: One Active Learning Method for All Label Budgets", 2024. Their code
/// holds the whole kernel matrix of at most 35,000 candidates drawn at random; this takes all, by row. They calibrate the
/// temperature on held-out rows: `auto` has the labeled rows only, on which a model is surer than elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UHerding {
    /// What a row counts. Default: [`Uncertainty::Margin`].
    pub uncertainty: Uncertainty,
    /// What logits are divided by, beyond what the outputs say themselves. Default: 1.
    pub temperature: Auto<f64>,
    /// How much a pick covers at a distance. Default: [`Kernel::Rbf`].
    pub kernel: Kernel,
    /// How far a pick covers. Default: auto.
    pub sigma: Auto<f64>,
    /// Degrees of freedom of [`Kernel::Student`]. Default: 0.5.
    pub nu: f64,
    /// How picks are found; changes time, never picks. Default: [`Driver::Lazy`].
    pub driver: Driver,
    /// Whether rows are scaled. Default: [`RowScale::Unit`].
    pub rows: RowScale,
}

impl Default for UHerding {
    fn default() -> Self {
        UHerding {
            uncertainty: Uncertainty::Margin,
            temperature: Auto::Value(1.0),
            kernel: Kernel::Rbf,
            sigma: Auto::Auto,
            nu: max_herding::NU,
            driver: Driver::Lazy,
            rows: RowScale::Unit,
        }
    }
}

/// Labeled rows compared with the others at once, at most.
const GROUP: usize = 1024;

/// Rows whose squared distance is at most this share of their squared length are alike: scaling to unit length parts
/// rows of one direction by rounding.
const ALIKE: f64 = 1e-12;

impl UHerding {
    /// What each row counts; `None` where all count alike.
    fn weights(&self, pool: &CheckedPool<'_>, ctx: &mut Context) -> Result<Option<Vec<f64>>, Error> {
        if pool.labeled().is_empty() {
            return Ok(None);
        }
        let outputs = pool.needed_outputs(INFO.name)?;
        let temperature = match self.temperature {
            Auto::Value(temperature) => temperature,
            Auto::Auto => {
                const METHOD: &str = "u-herding:temperature=auto";
                if outputs.kind() != OutputKind::Logits {
                    let hint = "`--logits FILE` gives what a model says before softmax";
                    return Err(Error::Missing { method: METHOD, what: "logits", hint });
                }
                let classes = outputs.columns_of(pool.needed_labels(METHOD)?, pool.labeled())?;
                let found = outputs.calibrated(pool.labeled(), &classes);
                ctx.record("temperature", found);
                found
            }
        };
        let mut weights = outputs.uncertainties(self.uncertainty, temperature, ctx)?;
        pool.labeled().iter().for_each(|&row| weights[row] = 0.0);
        Ok(Some(weights))
    }

    /// How far a pick covers.
    fn sigma(&self, pool: &CheckedPool<'_>, ctx: &mut Context) -> Result<f64, Error> {
        if let Auto::Value(sigma) = self.sigma {
            return Ok(sigma);
        }
        let sigma = least_sq_dist(pool, pool.labeled(), ctx)?.map_or(1.0, f64::sqrt);
        ctx.record("sigma", sigma);
        Ok(sigma)
    }
}

/// The smallest canonical squared distance between any two of these rows (ascending) that are not alike.
///
/// # Errors
/// Reading, interruption.
fn least_sq_dist(pool: &CheckedPool<'_>, rows: &[usize], ctx: &Context) -> Result<Option<f64>, Error> {
    if rows.len() < 2 {
        return Ok(None);
    }
    let (kernels, dim) = (ctx.kernels(), pool.dim());
    let of = pool.keep(rows.to_vec());
    let sq_norms = of.sq_norms();
    let are_alike = |a: usize, b: usize, sq_dist: f64| sq_dist <= ALIKE * sq_norms[a].max(sq_norms[b]);
    let (mut block, mut wide) = (Block::default(), Vec::new());
    let mut least = f64::INFINITY;
    for first in (0..of.len()).step_by(GROUP) {
        let group: Vec<usize> = (first..(first + GROUP).min(of.len())).collect();
        of.gather_f32(ctx, &group, &mut block, &mut wide)?;
        // Some pairs as they come, so that few of the others have to be worked out.
        for (at, pair) in wide.chunks_exact(dim).zip(wide.chunks_exact(dim).skip(1)).enumerate() {
            if let Some(found) = kernels.sq_dist_below(pair.0, pair.1, least)
                && !are_alike(first + at, first + at + 1, found)
            {
                least = found;
            }
        }
        let panel = Panel::new(kernels, &wide, dim, None);
        let start = least;
        let step = |scratch: &mut PanelScratch, folded: Option<f64>, block: BlockAt<'_>, _: &mut [()]| {
            let mut found = folded.unwrap_or(start);
            let (mut limits, mut wide) = (vec![found; block.rows.len()], vec![0.0; dim]);
            let norms = Some(&sq_norms[block.range()]);
            kernels.candidates_shrinking(block.rows, norms, &panel, &mut limits, scratch, |row, center, limit| {
                let (a, b) = (block.first + row, first + center);
                if a < b {
                    kernels.widen(block.rows.slice(row..row + 1), &mut wide);
                    if let Some(sq_dist) = kernels.sq_dist_below(&wide, panel.center(center), found)
                        && !are_alike(a, b, sq_dist)
                    {
                        found = sq_dist;
                    }
                }
                limit.min(found)
            });
            Ok(found)
        };
        scan::pass(&of, ctx, &mut vec![(); of.len()], PanelScratch::default, step, |found: f64| {
            least = least.min(found);
            Ok(())
        })?;
    }
    Ok(least.is_finite().then_some(least))
}

impl Selector for UHerding {
    fn info(&self) -> &'static MethodInfo {
        &INFO
    }

    fn params(&self) -> Map<String, Value> {
        params_of(self)
    }

    fn check(&self) -> Result<(), Error> {
        for (param, value) in [("sigma", self.sigma), ("temperature", self.temperature)] {
            if !value.is_positive() {
                let (rule, got) = ("auto, or finite and above 0".into(), value.or(1.0).to_string());
                return Err(Error::Param { method: INFO.name, param, rule, got });
            }
        }
        max_herding::check_nu(INFO.name, self.nu)
    }

    fn asks(&self) -> Asks {
        Asks::BeforeEach
    }

    fn plan(&self, shape: &Shape, budget: usize) -> Work {
        let work = match self.driver {
            Driver::Lazy => Gains::plan(shape, budget, true),
            Driver::Full => Gains::plan_full(shape, budget),
        };
        let (labeled, d) = (shape.labeled as f64, shape.dim as f64);
        let group = GROUP.min(shape.labeled);
        let pairs = (group * shape.dim * 12 + shape.labeled * 64) as u64
            + shape.threads as u64 * PanelScratch::bytes(shape.block_rows.min(shape.labeled), group, shape.dim);
        Work {
            passes: work.passes + 1.0,
            panel_ops: work.panel_ops + labeled * labeled * d,
            // Weights, once more while they are made.
            bytes: work.bytes + RowScale::bytes(shape) + 16 * shape.n as u64 + pairs,
            ..work
        }
    }

    fn run(
        &self,
        pool: &CheckedPool<'_>,
        budget: usize,
        ctx: &mut Context,
        picks: &mut Vec<Pick>,
    ) -> Result<(), Error> {
        // Before anything that takes time: what is missing is known at once.
        let weights = self.weights(pool, ctx)?;
        let scaled = self.rows.apply(pool, ctx)?;
        let pool = scaled.as_ref().unwrap_or(pool);
        let similarity = self.kernel.similarity(self.sigma(pool, ctx)?, self.nu);
        let finder = match self.driver {
            Driver::Lazy => Finder::Lazy,
            Driver::Full => Finder::Full,
        };
        let n = pool.len() as f64;
        let covered = gains::pick(pool, similarity, weights, finder, budget, ctx, |found| {
            let reason = Reason::Represents { gain: found.gain, rows: found.rows };
            picks.push(Pick::new(found.row, found.gain / n, reason));
        })?;
        ctx.record("coverage", covered / n);
        random::fill(pool, "no row left covers any more of what the model is unsure of", budget, ctx, picks)
    }
}
