//! Facility location: rows that every other row is alike one of.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Error;
use crate::auto::Auto;
use crate::context::Context;
use crate::gains::{self, Finder, Gains, Picked};
use crate::method::{Asks, MethodInfo, ParamInfo, Selector, params_of};
use crate::methods::random;
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::selection::{Pick, Reason};
use crate::start;
use crate::unit::RowScale;

#[cfg(test)]
mod tests;

pub(crate) static INFO: MethodInfo = MethodInfo {
    name: "facility-location",
    aliases: &["facility", "fl"],
    summary: "again and again the row that makes all rows most alike their nearest pick",
    needs: "",
    rows: "scaled to unit length by the method",
    nested: true,
    random: true,
    cost: "time O(n^2 d) at the rate of matrix products, half of it saved by symmetry; memory O(n), and 2 n^2 bytes where allowed, which saves time",
    source: "Cornuejols, Fisher, Nemhauser, Location of bank accounts, 1977; Mirzasoleiman et al., 2015, for samples",
    not_when: "the pool is so large that comparing all pairs of rows takes too long, or rare kinds of rows matter most",
    params: &[
        ParamInfo {
            name: "similarity",
            values: "shifted, cosine, squared, rbf, exp-distance, max-distance or max-sq-distance",
            doc: "how alike rows are: .5 + .5 cosine, cosine (0 if negative), its square, exp(-(distance/width)^2), exp(-distance/width), most - distance, most - distance^2",
        },
        ParamInfo {
            name: "width",
            values: "auto or a distance above 0",
            doc: "of rbf and exp-distance; auto is 1 for rbf, the number of values per row for exp-distance",
        },
        ParamInfo {
            name: "most",
            values: "auto or a number above 0",
            doc: "of max-distance and max-sq-distance, which are 0 beyond it; auto is twice the largest distance from the mean row, and for the latter its square",
        },
        ParamInfo {
            name: "neighbors",
            values: "auto or a count, at least 1",
            doc: "a row can be represented by so many rows nearest to it and itself, and has similarity 0 to all others; auto is all rows. For large pools, with lazy only",
        },
        ParamInfo {
            name: "driver",
            values: "lazy, full or stochastic",
            doc: "full works out every gain at every pick, as textbooks do; same picks, for comparison. stochastic takes the best of a random sample",
        },
        ParamInfo {
            name: "eps",
            values: "a number above 0 and below 1",
            doc: "of stochastic: samples hold candidates/budget ln(1/eps) rows, and picks are expected within eps of 1 - 1/e",
        },
        ParamInfo {
            name: "rows",
            values: "unit or raw",
            doc: "whether rows are scaled to unit length first; raw only where similarity goes by distance",
        },
    ],
};

/// How alike two rows are; names as in the libraries that made them usual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alike {
    /// `0.5 + 0.5 cosine`, as DeepCore.
    #[default]
    Shifted,
    /// The cosine, 0 where it is negative; submodlib's "cosine" but for that.
    Cosine,
    /// The square of the cosine: apricot's "cosine".
    Squared,
    /// `exp(-(distance / width)^2)`.
    Rbf,
    /// `exp(-distance / width)`: with `width` the number of values per row submodlib's "euclidean".
    ExpDistance,
    /// `most - distance`.
    MaxDistance,
    /// `most - distance^2`: apricot's "euclidean".
    MaxSqDistance,
}

impl Alike {
    fn is_cosine(self) -> bool {
        matches!(self, Alike::Shifted | Alike::Cosine | Alike::Squared)
    }
}

/// How picks are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Driver {
    /// Gains are brought up to date only where they might be the largest.
    #[default]
    Lazy,
    /// All gains are worked out at every pick.
    Full,
    /// The largest gain of a random sample. Not the textbook's picks, and not nested.
    Stochastic,
}

/// Greedy facility location: repeatedly takes the row that adds most to the sum, over all rows of the pool, of the
/// similarity to the most alike row taken.
///
/// Picks stand for dense regions first, each for the rows around it; among the strongest methods where few labels are
/// bought.
///
/// # Input
/// Embeddings `(n, d)`, scaled to unit length here. Labeled rows count as already taken; excluded rows still count as
/// rows to be represented.
/// # Guarantees
/// Nested, but for `stochastic`. Ties (within a relative 2^-40) go to the lowest row. At least 1 - 1/e of what the best
/// choice of as many rows could reach. When no candidate adds anything, the rest is drawn uniformly.
/// # Errors
/// [`Error::Param`] for a width, limit or share that is none, or a cosine of raw rows.
/// # Cost
/// Time `O(n^2 d)` at the rate of matrix products: half of that for the gains beside the first pick, and for similarities
/// other than `shifted` as much again for the first. Then few rows come up per pick. Memory `O(n)`. Where `2 n^2` bytes
/// are allowed (by themselves up to 1 GiB, else by `--max-memory`), similarities are kept in two bytes each and the work is
/// one look at each pair of rows. With `neighbors`, one look at each pair and memory `O(n neighbors)`.
/// # Source
/// Cornuejols, Fisher, Nemhauser, "Location of bank accounts to optimize float", 1977; lazily: Minoux 1978; samples:
/// Mirzasoleiman et al., "Lazier than lazy greedy", 2015.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FacilityLocation {
    /// How alike rows are. Default: [`Alike::Shifted`].
    pub similarity: Alike,
    /// Distance at which similarity has fallen to 1/e. Default: [`Auto::Auto`].
    pub width: Auto<f64>,
    /// Distance, or its square, from which similarity is 0. Default: [`Auto::Auto`].
    pub most: Auto<f64>,
    /// Rows that can represent a row. Default: [`Auto::Auto`], all.
    pub neighbors: Auto<usize>,
    /// How picks are found. Default: [`Driver::Lazy`].
    pub driver: Driver,
    /// What a sample may miss. Default: 0.01.
    pub eps: f64,
    /// Whether rows are scaled. Default: [`RowScale::Unit`].
    pub rows: RowScale,
}

impl Default for FacilityLocation {
    fn default() -> Self {
        FacilityLocation {
            similarity: Alike::default(),
            width: Auto::Auto,
            most: Auto::Auto,
            neighbors: Auto::Auto,
            driver: Driver::default(),
            eps: 0.01,
            rows: RowScale::default(),
        }
    }
}

impl FacilityLocation {
    fn kernel(&self, pool: &CheckedPool<'_>, ctx: &mut Context) -> Result<subsel_kernels::Similarity, Error> {
        use subsel_kernels::Similarity;
        Ok(match self.similarity {
            Alike::Shifted => Similarity::ShiftedDot,
            Alike::Cosine => Similarity::Dot,
            Alike::Squared => Similarity::SquaredDot,
            Alike::Rbf => Similarity::Gaussian(self.width.or(1.0).powi(2).recip()),
            Alike::ExpDistance => Similarity::Laplace(self.width.or(pool.dim() as f64).recip()),
            Alike::MaxDistance => Similarity::Near(self.most(pool, ctx, f64::sqrt)?),
            Alike::MaxSqDistance => Similarity::SqNear(self.most(pool, ctx, |sq_dist| sq_dist)?),
        })
    }

    /// The limit, found if need be: no two rows are farther apart than twice the largest distance from the mean row.
    fn most(&self, pool: &CheckedPool<'_>, ctx: &mut Context, of: fn(f64) -> f64) -> Result<f64, Error> {
        if let Auto::Value(most) = self.most {
            return Ok(most);
        }
        let negative = start::negative_sq_dists_to_mean(pool, ctx)?;
        let sq_radius = -negative.into_iter().fold(0.0, f64::min);
        // Up by more than rounding can have taken off; above 0 even where all rows are one.
        let most = of(4.0 * sq_radius * (1.0 + 1e-9)).max(f64::MIN_POSITIVE);
        ctx.record("most", most);
        Ok(most)
    }
}

impl Selector for FacilityLocation {
    fn info(&self) -> &'static MethodInfo {
        &INFO
    }

    fn params(&self) -> Map<String, Value> {
        params_of(self)
    }

    fn check(&self) -> Result<(), Error> {
        let refuse =
            |param, rule: &str, got: String| Err(Error::Param { method: INFO.name, param, rule: rule.into(), got });
        if !self.width.is_positive() {
            return refuse("width", "auto, or finite and above 0", self.width.or(1.0).to_string());
        }
        if !self.most.is_positive() {
            return refuse("most", "auto, or finite and above 0", self.most.or(1.0).to_string());
        }
        if !(self.eps > 0.0 && self.eps < 1.0) {
            return refuse("eps", "above 0 and below 1", self.eps.to_string());
        }
        if self.neighbors == Auto::Value(0) {
            return refuse("neighbors", "auto, or at least 1", "0".into());
        }
        if self.neighbors != Auto::Auto && self.driver != Driver::Lazy {
            return refuse("driver", "lazy where `neighbors` are given", params_of(self)["driver"].to_string());
        }
        if self.rows == RowScale::Raw && self.similarity.is_cosine() {
            return refuse("rows", "unit where similarity is a cosine", "raw".into());
        }
        Ok(())
    }

    fn nested(&self) -> bool {
        self.driver != Driver::Stochastic
    }

    fn asks(&self) -> Asks {
        Asks::BeforeEach
    }

    fn plan(&self, shape: &Shape, budget: usize) -> Work {
        let (n, d) = (shape.n as f64, shape.dim as f64);
        let bare_start = self.similarity == Alike::Shifted && shape.labeled == 0;
        let lazy = Gains::plan(shape, budget, !bare_start);
        let work = match self.driver {
            Driver::Lazy => match self.neighbors {
                Auto::Auto => lazy,
                Auto::Value(k) => gains::sparse::plan(shape, k),
            },
            Driver::Full => Gains::plan_full(shape, budget),
            Driver::Stochastic => {
                let tries = n * (1.0 / self.eps).ln();
                Work { panel_ops: n * d * tries, passes: lazy.passes + tries / 256.0, ..lazy }
            }
        };
        let found = if self.most == Auto::Auto { 2.0 } else { 0.0 };
        Work { passes: work.passes + 1.0 + found, bytes: work.bytes + RowScale::bytes(shape), ..work }
    }

    fn run(
        &self,
        pool: &CheckedPool<'_>,
        budget: usize,
        ctx: &mut Context,
        picks: &mut Vec<Pick>,
    ) -> Result<(), Error> {
        let scaled = self.rows.apply(pool, ctx)?;
        let pool = scaled.as_ref().unwrap_or(pool);
        let similarity = self.kernel(pool, ctx)?;
        let finder = match self.driver {
            Driver::Lazy => Finder::Lazy,
            Driver::Full => Finder::Full,
            Driver::Stochastic => {
                let share = pool.n_candidates() as f64 / budget as f64;
                Finder::Sample(((share * (1.0 / self.eps).ln()).ceil() as usize).max(1))
            }
        };
        let picked = |found: Picked| {
            picks.push(Pick::new(found.row, found.gain, Reason::Represents { gain: found.gain, rows: found.rows }));
        };
        let represented = match self.neighbors {
            Auto::Auto => gains::pick(pool, similarity, None, finder, budget, ctx, picked)?,
            Auto::Value(k) => gains::sparse::pick(pool, similarity, k, budget, ctx, picked)?,
        };
        ctx.record("represented", represented);
        random::fill(pool, "no row left represents any better", budget, ctx, picks)
    }
}
