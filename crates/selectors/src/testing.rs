//! Small pools and tests of laws, for the tests of methods.

use subsel_formats::MemorySource;

use crate::annotations::Annotations;
use crate::context::{Context, Settings};
use crate::method::Selector;
use crate::plan::Shape;
use crate::pool::Pool;
use crate::random::{Draws, Stream};
use crate::selection::Selection;
use crate::{Error, select};

/// A pool in memory.
#[derive(Clone)]
pub(crate) struct LinePool {
    pub(crate) source: MemorySource<Vec<f32>>,
    pub(crate) labeled: Vec<usize>,
    pub(crate) known: Annotations,
}

impl LinePool {
    pub(crate) fn pool(&self) -> Pool<'_> {
        Pool { labeled: self.labeled.clone(), known: self.known.clone(), ..Pool::new(&self.source) }
    }
}

/// Points on a line.
pub(crate) fn line_pool(values: &[f32]) -> LinePool {
    matrix_pool(values.to_vec(), 1)
}

/// Rows of `dim` values.
pub(crate) fn matrix_pool(values: Vec<f32>, dim: usize) -> LinePool {
    let source = MemorySource::new(values, dim).expect("whole rows");
    LinePool { source, labeled: Vec::new(), known: Annotations::default() }
}

/// Rows of a standard Gaussian around a few centers, so that there is something to find.
pub(crate) fn mixture_pool(n: usize, dim: usize, seed: u64) -> LinePool {
    let mut draws = Draws::new(Stream::new(seed, "mixture"));
    let mut normal = || (0..12).map(|_| draws.unit()).sum::<f64>() - 6.0;
    let centers: Vec<f64> = (0..8 * dim).map(|_| 3.0 * normal()).collect();
    let values = (0..n * dim).map(|i| (centers[(i / dim * 7 % 8) * dim + i % dim] + normal()) as f32).collect();
    matrix_pool(values, dim)
}

/// Selects, and where the method would keep things for later, also selects with no room for that: with the same picks.
pub(crate) fn select_rows(
    selector: &dyn Selector,
    pool: &LinePool,
    budget: usize,
    seed: u64,
) -> Result<Selection, Error> {
    let settings = Settings { seed, threads: Some(1), ..Settings::default() };
    let mut ctx = Context::new(&settings)?;
    let selection = select(selector, &pool.pool(), budget, &mut ctx)?;
    let roomy = Shape::of(&pool.pool(), &ctx);
    if selector.plan(&roomy, budget) != selector.plan(&Shape { cache_bytes: 0, ..roomy }, budget) {
        ctx.set_cache_bytes(0);
        let bare = select(selector, &pool.pool(), budget, &mut ctx)?;
        assert_eq!(bare.picks, selection.picks, "{} without room", selector.text());
    }
    Ok(selection)
}

pub(crate) fn picks_of(selector: &dyn Selector, pool: &LinePool, budget: usize, seed: u64) -> Vec<usize> {
    select_rows(selector, pool, budget, seed).unwrap_or_else(|error| panic!("{error}")).rows()
}

/// Whether counts agree with probabilities (of one sum): chi-square below its value at a false-alarm rate of 1e-4.
#[allow(clippy::print_stderr)] // why a test failed
pub(crate) fn chi_square_ok(counts: &[u32], probabilities: &[f64]) -> bool {
    let total: f64 = counts.iter().map(|c| f64::from(*c)).sum();
    let sum: f64 = probabilities.iter().sum();
    assert!(counts.iter().zip(probabilities).all(|(count, p)| *p > 0.0 || *count == 0), "an impossible event happened");
    let live: Vec<_> = counts.iter().zip(probabilities).filter(|(_, p)| **p > 0.0).collect();
    let chi2: f64 =
        live.iter().map(|(count, p)| (f64::from(**count) - total * **p / sum).powi(2) / (total * **p / sum)).sum();
    let df = (live.len() - 1) as f64;
    // Wilson and Hilferty 1931: the cube root of chi-square over df is nearly normal.
    let limit = df * (1.0 - 2.0 / (9.0 * df) + 3.719 * (2.0 / (9.0 * df)).sqrt()).powi(3);
    if chi2 >= limit {
        eprintln!("chi-square {chi2:.1} with {df} degrees of freedom, limit {limit:.1}: {counts:?}");
    }
    chi2 < limit
}

/// All values of a pool, row by row.
pub(crate) fn values_of(pool: &LinePool) -> Vec<f32> {
    use subsel_formats::RowSource;
    let mut scratch = subsel_kernels::Block::default();
    let rows = pool.source.rows(0..pool.source.n_rows(), &mut scratch).expect("rows in memory");
    let mut values = vec![0.0; rows.len() * rows.dim()];
    subsel_kernels::Kernels::best().widen(rows, &mut values);
    values
}
