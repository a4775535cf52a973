//! The pool: embeddings, and what is known of each row.
//!
//! A [`Pool`] is what a caller states. Checking it ([`CheckedPool::new`], one pass) turns it into what methods work
//! on: finite rows with known norms, a set of candidates, a fingerprint. No method re-checks anything.

use std::ops::Range;
use std::sync::Mutex;

use subsel_formats::RowSource;
use subsel_kernels::{Block, Dtype, Rows};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::Error;
use crate::annotations::{Annotations, Classes};
use crate::constraints::Constraints;
use crate::context::{CHUNK_ROWS, Context};
use crate::distinct::Distinct;
use crate::outputs::{self, Outputs};
use crate::scan::{self, BlockAt};
use crate::start;
use crate::unit::{self, Kept, Scaling};

/// Embeddings `(n, d)` and what is known of each row.
#[derive(Clone)]
pub struct Pool<'a> {
    /// The embeddings.
    pub source: &'a dyn RowSource,
    /// Rows that have a label already: never picked, taken into account by the methods that cover or span.
    pub labeled: Vec<usize>,
    /// Rows never to be picked; they still count as pool to be covered.
    pub excluded: Vec<usize>,
    /// What is known of each row.
    pub known: Annotations,
    /// Leave rows with NaN or infinite values out of the pool instead of refusing it.
    pub drop_nonfinite: bool,
    /// What picks must keep to.
    pub constraints: Constraints,
}

impl<'a> Pool<'a> {
    /// A pool of embeddings alone.
    pub fn new(source: &'a dyn RowSource) -> Self {
        Pool {
            source,
            labeled: Vec::new(),
            excluded: Vec::new(),
            known: Annotations::default(),
            drop_nonfinite: false,
            constraints: Constraints::default(),
        }
    }
}

/// What checking learned about a pool.
#[derive(Clone, Debug, Default)]
pub struct PoolFacts {
    /// Hash of the rows as `f32`, 32 hexadecimal digits: the same for every storage of the same rows.
    pub fingerprint: String,
    /// Rows whose values are all zero.
    pub zero_rows: usize,
    /// Rows left out because they hold NaN or infinite values.
    pub dropped_rows: usize,
    /// Distinct rows, counted exactly up to a few thousand and estimated beyond.
    pub distinct: Distinct,
    /// Mean of the rows' Euclidean norms.
    pub norm_mean: f64,
    /// Standard deviation of the rows' Euclidean norms.
    pub norm_sd: f64,
}

/// A pool that a method can work on: every row finite, norms known, candidates decided.
///
/// Rows are numbered within this pool; [`CheckedPool::global`] gives the number in the pool the user knows.
#[derive(Clone)]
pub struct CheckedPool<'a> {
    origin: Origin<'a>,
    /// Present where rows are to be scaled to unit length.
    scaling: Option<Scaling>,
    /// The rows as this pool gives them, where they are kept in memory.
    kept: Option<Kept>,
    sq_norms: Vec<f64>,
    candidate: Vec<bool>,
    n_candidates: usize,
    labeled: Vec<usize>,
    known: Annotations,
    constraints: Constraints,
    facts: PoolFacts,
}

/// Where the rows of a checked pool come from.
#[derive(Clone)]
enum Origin<'a> {
    Whole(&'a dyn RowSource),
    Some { base: &'a dyn RowSource, rows: Vec<usize> },
}

impl<'a> CheckedPool<'a> {
    /// Checks a pool in one pass: finite values, norms, zero and duplicate rows, fingerprint; then the row lists.
    ///
    /// # Errors
    /// An empty pool, non-finite values (unless they are to be dropped), row numbers beyond the pool,
    /// annotations of another length, and whatever reading meets.
    pub fn new(pool: &Pool<'a>, ctx: &mut Context) -> Result<Self, Error> {
        let n = pool.source.n_rows();
        if n == 0 {
            return Err(Error::EmptyPool);
        }
        check_rows("the labeled list", &pool.labeled, n)?;
        check_rows("the excluded list", &pool.excluded, n)?;
        pool.known.check(n)?;
        ctx.progress().begin("checking the pool", 1);
        let mut sq_norms = vec![0.0; n];
        let seen = look_over(pool.source, ctx, &mut sq_norms)?;
        if let Some(first) = seen.first_bad
            && !pool.drop_nonfinite
        {
            return Err(Error::NonFinite { count: seen.bad_values, row: first.0, column: first.1, value: first.2 });
        }
        let (norm_mean, norm_sd) = mean_and_sd(sq_norms.iter().filter(|s| s.is_finite()).map(|s| s.sqrt()));
        let facts = PoolFacts {
            fingerprint: seen.fingerprint(n, pool.source.dim()),
            zero_rows: sq_norms.iter().filter(|s| **s == 0.0).count(),
            dropped_rows: sq_norms.iter().filter(|s| !s.is_finite()).count(),
            distinct: seen.distinct,
            norm_mean,
            norm_sd,
        };
        let mut candidate = vec![true; n];
        pool.labeled.iter().chain(&pool.excluded).for_each(|&row| candidate[row] = false);
        let mut labeled = pool.labeled.clone();
        labeled.sort_unstable();
        labeled.dedup();
        let n_candidates = candidate.iter().filter(|c| **c).count();
        let whole = CheckedPool {
            origin: Origin::Whole(pool.source),
            scaling: None,
            kept: None,
            sq_norms,
            candidate,
            n_candidates,
            labeled,
            known: pool.known.clone(),
            constraints: pool.constraints.clone(),
            facts,
        };
        if whole.facts.dropped_rows == 0 {
            return Ok(whole);
        }
        let finite: Vec<usize> = (0..n).filter(|&row| whole.sq_norms[row].is_finite()).collect();
        if finite.is_empty() {
            return Err(Error::EmptyPool);
        }
        Ok(whole.keep(finite))
    }

    /// The pool of just these rows (ascending, distinct).
    pub fn keep(&self, rows: Vec<usize>) -> CheckedPool<'a> {
        let candidate: Vec<bool> = rows.iter().map(|&row| self.candidate[row]).collect();
        CheckedPool {
            sq_norms: rows.iter().map(|&row| self.sq_norms[row]).collect(),
            n_candidates: candidate.iter().filter(|c| **c).count(),
            candidate,
            labeled: self.labeled.iter().filter_map(|row| rows.binary_search(row).ok()).collect(),
            known: self.known.keep(&rows),
            constraints: self.constraints.clone(),
            facts: self.facts.clone(),
            scaling: self.scaling.as_ref().map(|scaling| scaling.keep(&rows)),
            kept: self.kept.as_ref().map(|kept| kept.keep(&rows)),
            origin: match &self.origin {
                Origin::Whole(base) => Origin::Some { base: *base, rows },
                Origin::Some { base, rows: of } => {
                    Origin::Some { base: *base, rows: rows.iter().map(|&row| of[row]).collect() }
                }
            },
        }
    }

    /// Lets the candidates of which `is_barred` not be picked from now on.
    pub(crate) fn bar(&mut self, is_barred: impl Fn(usize) -> bool) {
        for row in 0..self.len() {
            self.candidate[row] &= !is_barred(row);
        }
        self.n_candidates = self.candidate.iter().filter(|candidate| **candidate).count();
    }

    /// Forgets what class each row is of, so that no method can go by it.
    pub fn forget_labels(&mut self) {
        self.known.labels = None;
    }

    /// Counts these rows as labeled from now on.
    pub fn label(&mut self, rows: &[usize]) {
        rows.iter().for_each(|&row| self.candidate[row] = false);
        self.n_candidates = self.candidate.iter().filter(|candidate| **candidate).count();
        self.labeled.extend_from_slice(rows);
        self.labeled.sort_unstable();
        self.labeled.dedup();
    }

    /// Lets these rows, by the numbers the user knows, not be picked from now on; they still count as pool.
    pub fn exclude(&mut self, rows: &[usize]) {
        let mut barred = vec![false; self.len()];
        rows.iter().filter_map(|row| self.local(*row)).for_each(|row| barred[row] = true);
        self.bar(|row| barred[row]);
    }

    /// The same pool with rows scaled to Euclidean length 1, for methods that go by direction; zero rows stay zero.
    /// Takes one pass.
    ///
    /// # Errors
    /// Whatever reading meets.
    pub fn unit(&self, ctx: &Context) -> Result<CheckedPool<'a>, Error> {
        if self.scaling.is_some() {
            return Ok(self.clone());
        }
        let mut unit = CheckedPool {
            origin: self.origin.clone(),
            scaling: Some(Scaling { kernels: ctx.kernels(), sq_norms: self.sq_norms.clone() }),
            kept: None,
            sq_norms: Vec::new(),
            candidate: self.candidate.clone(),
            n_candidates: self.n_candidates,
            labeled: self.labeled.clone(),
            known: self.known.clone(),
            constraints: self.constraints.clone(),
            facts: self.facts.clone(),
        };
        // Rounding leaves norms that are not quite 1, and error bounds of products need the true ones.
        let mut sq_norms = vec![0.0; self.len()];
        unit.sq_norms.clone_from(&sq_norms);
        unit.kept = unit.pass_keeping(ctx, &mut sq_norms, |rows, out| ctx.kernels().sq_norms(rows, out))?;
        unit.sq_norms = sq_norms;
        Ok(unit)
    }

    /// The same pool with its rows in memory as `f32`, for methods that pass over them many times; `None` where they are
    /// there already, or are not to be kept. Takes one pass.
    ///
    /// # Errors
    /// Whatever reading meets.
    pub(crate) fn held(&self, ctx: &Context) -> Result<Option<CheckedPool<'a>>, Error> {
        if self.is_held() || self.kept.is_some() || !unit::keeps_rows(self.len(), self.dim(), ctx.cache_bytes()) {
            return Ok(None);
        }
        let kept = self.pass_keeping(ctx, &mut vec![(); self.len()], |_, _| ())?;
        Ok(Some(CheckedPool { kept, ..self.clone() }))
    }

    /// Whether rows in order are had for nothing: as `f32` in memory, one after the other.
    pub(crate) fn is_held(&self) -> bool {
        let lie = || match &self.origin {
            Origin::Whole(base) => self.scaling.is_none() && base.lies_in_memory(),
            Origin::Some { .. } => false,
        };
        self.kept.as_ref().is_some_and(Kept::is_whole) || lie()
    }

    /// One row, where rows lie in memory but not one after the other.
    pub(crate) fn lent_row(&self, row: usize) -> Option<&[f32]> {
        self.kept.as_ref().filter(|kept| !kept.is_whole()).map(|kept| kept.row(row, self.dim()))
    }

    /// One pass of `see(rows, state)`, which keeps the rows where they are to be kept.
    fn pass_keeping<T: Send>(
        &self,
        ctx: &Context,
        state: &mut [T],
        see: impl Fn(Rows<'_>, &mut [T]) + Sync,
    ) -> Result<Option<Kept>, Error> {
        let dim = self.dim();
        let is_kept = unit::keeps_rows(self.len(), dim, ctx.cache_bytes());
        let mut kept = vec![0.0; if is_kept { self.len() * dim } else { 0 }];
        let chunks: Vec<Mutex<&mut [f32]>> = kept.chunks_mut(CHUNK_ROWS * dim).map(Mutex::new).collect();
        scan::for_rows(
            self,
            ctx,
            state,
            || (),
            |(), block, state| {
                see(block.rows, state);
                if let Some(chunk) = chunks.get(block.first / CHUNK_ROWS) {
                    let first = block.first % CHUNK_ROWS;
                    let place = first * dim..(first + block.rows.len()) * dim;
                    ctx.kernels().widen(block.rows, &mut scan::lock(chunk)[place]);
                }
                Ok(())
            },
        )?;
        drop(chunks);
        Ok(is_kept.then(|| Kept::new(kept)))
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.sq_norms.len()
    }

    /// Whether there is no row; never so for a checked pool.
    pub fn is_empty(&self) -> bool {
        self.sq_norms.is_empty()
    }

    /// Values per row.
    pub fn dim(&self) -> usize {
        self.origin.base().dim()
    }

    /// The number, in the pool the user knows, of a row of this one.
    pub fn global(&self, row: usize) -> usize {
        match &self.origin {
            Origin::Whole(_) => row,
            Origin::Some { rows, .. } => rows[row],
        }
    }

    /// The row of this pool that the user knows by this number, if it is one.
    pub fn local(&self, number: usize) -> Option<usize> {
        match &self.origin {
            Origin::Whole(_) => (number < self.len()).then_some(number),
            Origin::Some { rows, .. } => rows.binary_search(&number).ok(),
        }
    }

    /// What tells these rows apart from those of any other pool.
    pub(crate) fn name(&self) -> String {
        let numbers = self.numbers().map(|rows| rows_hash(rows.iter().copied()));
        format!("{} {numbers:?} unit={}", self.facts.fingerprint, self.scaling.is_some())
    }

    /// Canonical squared Euclidean norm of each row.
    pub fn sq_norms(&self) -> &[f64] {
        &self.sq_norms
    }

    /// The mean row `(d,)`, in one pass; the same for every block size and thread count.
    ///
    /// # Errors
    /// Whatever reading meets; interruption.
    pub fn mean(&self, ctx: &Context) -> Result<Vec<f64>, Error> {
        start::mean(self, ctx)
    }

    /// Whether a row may be picked: neither labeled nor excluded.
    pub fn is_candidate(&self, row: usize) -> bool {
        self.candidate[row]
    }

    /// The rows that may be picked, ascending.
    pub fn candidates(&self) -> impl Iterator<Item = usize> + '_ {
        self.candidate.iter().enumerate().filter_map(|(row, is)| is.then_some(row))
    }

    /// How many rows may be picked.
    pub fn n_candidates(&self) -> usize {
        self.n_candidates
    }

    /// The labeled rows, ascending.
    pub fn labeled(&self) -> &[usize] {
        &self.labeled
    }

    /// What is known of the rows.
    pub fn known(&self) -> &Annotations {
        &self.known
    }

    /// Mean and standard deviation (divisor n) of each column. Two passes.
    ///
    /// # Errors
    /// Whatever reading meets.
    pub fn column_moments(&self, ctx: &Context) -> Result<(Vec<f64>, Vec<f64>), Error> {
        let mean = crate::start::mean(self, ctx)?;
        let squares = crate::start::mean_of(self, ctx, |i, v| (v - mean[i]) * (v - mean[i]))?;
        Ok((mean, squares.into_iter().map(f64::sqrt).collect()))
    }

    /// Classes of the rows, where they are known.
    pub fn labels(&self) -> Option<&Classes> {
        self.known.labels.as_ref()
    }

    /// Groups of the rows, where they are known.
    pub fn groups(&self) -> Option<&Classes> {
        self.known.groups.as_ref()
    }

    /// Scores of the rows, where they are known.
    pub fn scores(&self) -> Option<&[f64]> {
        self.known.scores.as_deref()
    }

    /// Scores of the rows, for a method that cannot do without.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub(crate) fn needed_scores(&self, method: &'static str) -> Result<&[f64], Error> {
        let hint = "`--scores FILE` gives one number per row: a difficulty from training, or one of `subsel score`";
        self.scores().ok_or(Error::Missing { method, what: "scores", hint })
    }

    /// Costs of the rows, where they are known.
    pub fn costs(&self) -> Option<&[f64]> {
        self.known.costs.as_deref()
    }

    /// What a model says of the rows, where that is known.
    pub fn outputs(&self) -> Option<&Outputs> {
        self.known.outputs.as_ref()
    }

    /// What a model says of the rows, for a method that cannot do without.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub(crate) fn needed_outputs(&self, method: &'static str) -> Result<&Outputs, Error> {
        self.outputs().ok_or_else(|| outputs::missing(method))
    }

    /// Classes of the rows, for a method that cannot do without those of labeled rows.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub(crate) fn needed_labels(&self, method: &'static str) -> Result<&Classes, Error> {
        let hint = "`--labels FILE` gives one label per row; those of rows that are not labeled are not looked at";
        self.labels().ok_or(Error::Missing { method, what: "labels of the labeled rows", hint })
    }

    /// What picks must keep to.
    pub fn constraints(&self) -> &Constraints {
        &self.constraints
    }

    /// The rows by the numbers the user knows, ascending, where they are not all.
    pub(crate) fn numbers(&self) -> Option<&[usize]> {
        match &self.origin {
            Origin::Whole(_) => None,
            Origin::Some { rows, .. } => Some(rows),
        }
    }

    /// Reads one row as given, whatever the scaling, into `out` `(d,)`.
    ///
    /// # Errors
    /// Whatever reading meets.
    pub(crate) fn raw_f32(&self, ctx: &Context, row: usize, out: &mut Vec<f32>) -> Result<(), Error> {
        let mut scratch = Block::default();
        let found = self.origin.gather(&[row], &mut scratch)?;
        out.resize(self.dim(), 0.0);
        ctx.kernels().widen(found, out);
        Ok(())
    }

    /// What checking learned.
    pub fn facts(&self) -> &PoolFacts {
        &self.facts
    }

    /// Reads the named rows as `f32` into `out` (cleared first), `(rows, d)`.
    ///
    /// # Errors
    /// Whatever reading meets.
    pub fn gather_f32(
        &self,
        ctx: &Context,
        rows: &[usize],
        scratch: &mut Block,
        out: &mut Vec<f32>,
    ) -> Result<(), Error> {
        out.resize(rows.len() * self.dim(), 0.0);
        match &self.kept {
            Some(kept) => kept.copy(rows.iter().copied(), self.dim(), out),
            None => ctx.kernels().widen(self.gather(rows, scratch)?, out),
        }
        Ok(())
    }
}

impl Origin<'_> {
    fn base(&self) -> &dyn RowSource {
        match self {
            Origin::Whole(base) | Origin::Some { base, .. } => *base,
        }
    }
}

impl RowSource for CheckedPool<'_> {
    fn n_rows(&self) -> usize {
        self.len()
    }

    fn dim(&self) -> usize {
        CheckedPool::dim(self)
    }

    fn dtype(&self) -> Dtype {
        if self.scaling.is_some() || self.kept.is_some() { Dtype::F32 } else { self.origin.base().dtype() }
    }

    fn rows<'s>(&'s self, range: Range<usize>, scratch: &'s mut Block) -> Result<Rows<'s>, subsel_formats::Error> {
        match (&self.kept, &self.scaling) {
            (Some(kept), _) => Ok(kept.rows(range, self.dim(), scratch)),
            (None, None) => self.origin.rows(range, scratch),
            (None, Some(scaling)) => {
                let mut stored = unit::buffer();
                let rows = self.origin.rows(range.clone(), &mut stored);
                let scaled = rows.map(|rows| scaling.scale(rows, range, scratch));
                unit::give_back(stored);
                scaled
            }
        }
    }

    fn gather<'s>(&'s self, rows: &[usize], scratch: &'s mut Block) -> Result<Rows<'s>, subsel_formats::Error> {
        match (&self.kept, &self.scaling) {
            (Some(kept), _) => Ok(kept.gather(rows.iter().copied(), self.dim(), scratch)),
            (None, None) => self.origin.gather(rows, scratch),
            (None, Some(scaling)) => {
                let mut stored = unit::buffer();
                let found = self.origin.gather(rows, &mut stored);
                let scaled = found.map(|found| scaling.scale(found, rows.iter().copied(), scratch));
                unit::give_back(stored);
                scaled
            }
        }
    }
}

impl Origin<'_> {
    fn rows<'s>(&'s self, range: Range<usize>, scratch: &'s mut Block) -> Result<Rows<'s>, subsel_formats::Error> {
        match self {
            Origin::Whole(base) => base.rows(range, scratch),
            Origin::Some { base, rows } => base.gather(&rows[range], scratch),
        }
    }

    fn gather<'s>(&'s self, rows: &[usize], scratch: &'s mut Block) -> Result<Rows<'s>, subsel_formats::Error> {
        match self {
            Origin::Whole(base) => base.gather(rows, scratch),
            Origin::Some { base, rows: of } => {
                let rows: Vec<usize> = rows.iter().map(|&row| of[row]).collect();
                base.gather(&rows, scratch)
            }
        }
    }
}

pub(crate) fn check_rows(what: &'static str, rows: &[usize], n: usize) -> Result<(), Error> {
    match rows.iter().find(|row| **row >= n) {
        Some(row) => Err(Error::RowOutOfRange { what, row: row.to_string(), last: n - 1 }),
        None => Ok(()),
    }
}

fn mean_and_sd(values: impl Iterator<Item = f64>) -> (f64, f64) {
    // Welford: stable where the spread is small against the mean, which is what the figures are asked for.
    let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
    for value in values {
        count += 1.0;
        let step = value - mean;
        mean += step / count;
        squares += step * (value - mean);
    }
    (mean, if count > 1.0 { (squares / (count - 1.0)).sqrt() } else { 0.0 })
}

/// What one look at every row gives, merged by chunk.
struct Seen {
    chunk_hashes: Vec<u8>,
    distinct: Distinct,
    bad_values: usize,
    first_bad: Option<(usize, usize, f32)>,
}

/// What a worker gathers from one chunk.
#[derive(Default)]
struct ChunkSeen {
    row_hashes: Vec<u128>,
    bad_values: usize,
    first_bad: Option<(usize, usize, f32)>,
}

fn look_over(source: &dyn RowSource, ctx: &Context, sq_norms: &mut [f64]) -> Result<Seen, Error> {
    let mut seen = Seen { chunk_hashes: Vec::new(), distinct: Distinct::default(), bad_values: 0, first_bad: None };
    let step = |wide: &mut Vec<f32>, folded: Option<ChunkSeen>, block: BlockAt<'_>, norms: &mut [f64]| {
        let mut chunk = folded.unwrap_or_default();
        let dim = block.rows.dim();
        wide.resize(block.rows.len() * dim, 0.0);
        ctx.kernels().widen(block.rows, wide);
        ctx.kernels().sq_norms(block.rows, norms);
        if let Some(bad) = ctx.kernels().non_finite(block.rows) {
            let value = wide[bad.first.0 * dim + bad.first.1];
            chunk.first_bad.get_or_insert((block.first + bad.first.0, bad.first.1, value));
            chunk.bad_values += bad.count;
            mark_bad(wide, dim, norms);
        }
        chunk.row_hashes.extend(wide.chunks_exact(dim).map(row_hash));
        Ok(chunk)
    };
    scan::pass(source, ctx, sq_norms, Vec::new, step, |chunk: ChunkSeen| {
        let bytes: Vec<u8> = chunk.row_hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect();
        seen.chunk_hashes.extend(xxh3_128(&bytes).to_le_bytes());
        seen.distinct.extend(chunk.row_hashes.iter().map(|hash| *hash as u64));
        seen.bad_values += chunk.bad_values;
        seen.first_bad = seen.first_bad.or(chunk.first_bad);
        Ok(())
    })?;
    Ok(seen)
}

/// A row with a bad value gets the norm NaN, so that it is told apart even where the sum would be finite.
fn mark_bad(wide: &[f32], dim: usize, norms: &mut [f64]) {
    for (row, norm) in wide.chunks_exact(dim).zip(norms) {
        if row.iter().any(|v| !v.is_finite()) {
            *norm = f64::NAN;
        }
    }
}

/// Hash of a row's values as little-endian `f32`.
fn row_hash(row: &[f32]) -> u128 {
    if cfg!(target_endian = "little") {
        xxh3_128(bytes_of(row))
    } else {
        let bytes: Vec<u8> = row.iter().flat_map(|v| v.to_le_bytes()).collect();
        xxh3_128(&bytes)
    }
}

fn bytes_of(row: &[f32]) -> &[u8] {
    bytemuck::cast_slice(row)
}

impl Seen {
    fn fingerprint(&self, n: usize, dim: usize) -> String {
        let mut bytes = Vec::with_capacity(16 + self.chunk_hashes.len());
        bytes.extend((n as u64).to_le_bytes());
        bytes.extend((dim as u64).to_le_bytes());
        bytes.extend(&self.chunk_hashes);
        format!("{:032x}", xxh3_128(&bytes))
    }
}

/// Hash of rows in order, as a manifest names its picks: XXH3 (64 bits) of their numbers as little-endian 64-bit integers,
/// in 16 hexadecimal digits.
pub fn rows_hash(rows: impl Iterator<Item = usize>) -> String {
    let bytes: Vec<u8> = rows.flat_map(|row| (row as u64).to_le_bytes()).collect();
    format!("{:016x}", xxh3_64(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Settings;
    use crate::testing::{matrix_pool, mixture_pool};

    fn checked<T>(pool: &Pool<'_>, look: impl FnOnce(&CheckedPool<'_>, &mut Context) -> T) -> T {
        let mut ctx = Context::new(&Settings::default()).unwrap_or_else(|error| panic!("{error}"));
        let checked = CheckedPool::new(pool, &mut ctx).unwrap_or_else(|error| panic!("{error}"));
        look(&checked, &mut ctx)
    }

    #[test]
    fn unit_rows_have_length_one_in_passes_and_gathers_and_views() {
        let pool = mixture_pool(5000, 7, 1);
        checked(&pool.pool(), |whole, ctx| {
            let unit = whole.unit(ctx).unwrap_or_else(|error| panic!("{error}"));
            assert!(unit.sq_norms().iter().all(|sq| (sq - 1.0).abs() < 1e-6));
            let rows = [4999, 3, 17, 3];
            let (mut scratch, mut plain, mut scaled) = (Block::default(), Vec::new(), Vec::new());
            whole.gather_f32(ctx, &rows, &mut scratch, &mut plain).unwrap_or_else(|error| panic!("{error}"));
            unit.gather_f32(ctx, &rows, &mut scratch, &mut scaled).unwrap_or_else(|error| panic!("{error}"));
            for (i, row) in rows.iter().enumerate() {
                let norm = whole.sq_norms()[*row].sqrt();
                for j in 0..7 {
                    assert!((f64::from(plain[i * 7 + j]) / norm - f64::from(scaled[i * 7 + j])).abs() < 1e-7);
                }
            }
            let view = unit.keep(vec![3, 17, 4999]);
            let mut again = Vec::new();
            view.gather_f32(ctx, &[2, 0], &mut scratch, &mut again).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(again, scaled[..14]);
            assert_eq!((view.global(2), view.local(17), view.local(4)), (4999, Some(1), None));
        });
    }

    /// Rows that are not known to lie in memory.
    struct Elsewhere<'a>(&'a dyn RowSource);

    impl RowSource for Elsewhere<'_> {
        fn n_rows(&self) -> usize {
            self.0.n_rows()
        }

        fn dim(&self) -> usize {
            self.0.dim()
        }

        fn dtype(&self) -> Dtype {
            self.0.dtype()
        }

        fn rows<'s>(&'s self, range: Range<usize>, out: &'s mut Block) -> Result<Rows<'s>, subsel_formats::Error> {
            self.0.rows(range, out)
        }

        fn gather<'s>(&'s self, rows: &[usize], out: &'s mut Block) -> Result<Rows<'s>, subsel_formats::Error> {
            self.0.gather(rows, out)
        }
    }

    #[test]
    fn held_rows_are_those_given_in_passes_and_gathers_and_views() {
        let pool = mixture_pool(5000, 7, 2);
        let whole = pool.pool();
        let elsewhere = Elsewhere(whole.source);
        checked(&whole, |whole, ctx| {
            assert!(whole.is_held() && whole.held(ctx).unwrap_or_else(|error| panic!("{error}")).is_none());
        });
        checked(&Pool { source: &elsewhere, ..whole.clone() }, |whole, ctx| {
            let held = whole.held(ctx).unwrap_or_else(|error| panic!("{error}")).expect("room for the rows");
            assert!(held.held(ctx).unwrap_or_else(|error| panic!("{error}")).is_none());
            let view = held.keep(vec![3, 17, 4097, 4999]);
            assert!(held.is_held() && !view.is_held() && !whole.is_held());
            let (mut scratch, mut given, mut got) = (Block::default(), Vec::new(), Vec::new());
            let mut other = Block::default();
            for (pool, rows, numbers) in
                [(&held, [4999, 3, 4097], [4999, 3, 4097]), (&view, [3, 0, 2], [4999, 3, 4097])]
            {
                whole.gather_f32(ctx, &numbers, &mut scratch, &mut given).unwrap_or_else(|error| panic!("{error}"));
                pool.gather_f32(ctx, &rows, &mut scratch, &mut got).unwrap_or_else(|error| panic!("{error}"));
                assert_eq!(got, given);
            }
            let in_order = [(&held, 4090..4100, 4090), (&view, 2..3, 4097)];
            for (pool, range, first) in in_order {
                let len = range.len();
                let got = pool.rows(range, &mut scratch).unwrap_or_else(|error| panic!("{error}"));
                let given = whole.rows(first..first + len, &mut other).unwrap_or_else(|error| panic!("{error}"));
                assert_eq!(format!("{got:?}"), format!("{given:?}"));
            }
            ctx.set_cache_bytes(0);
            assert!(whole.held(ctx).unwrap_or_else(|error| panic!("{error}")).is_none());
        });
    }

    #[test]
    fn zero_rows_have_no_direction_and_stay_zero() {
        let pool = matrix_pool(vec![0.0, 0.0, 3.0, 4.0], 2);
        checked(&pool.pool(), |whole, ctx| {
            let unit = whole.unit(ctx).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(unit.sq_norms()[0], 0.0);
            assert_eq!(whole.facts().zero_rows, 1);
        });
    }

    #[test]
    fn the_fingerprint_is_of_the_values_alone() {
        let print = |values: Vec<f32>, dim| {
            checked(&matrix_pool(values, dim).pool(), |pool, _| pool.facts().fingerprint.clone())
        };
        let values: Vec<f32> = (0..24).map(|i| i as f32).collect();
        assert_eq!(print(values.clone(), 4), print(values.clone(), 4));
        assert_ne!(print(values.clone(), 4), print(values.clone(), 6));
        let mut other = values;
        other[23] = -1.0;
        assert_ne!(print(other, 4), print((0..24).map(|i| i as f32).collect(), 4));
    }

    #[test]
    fn classes_are_coded_in_order_of_number_or_text() {
        let names = ["10", "9", "9.5", "10"].map(String::from);
        assert_eq!(Classes::from_names(&names).codes, [2, 0, 1, 2]);
        let names = ["b", "a", "10"].map(String::from);
        assert_eq!(Classes::from_names(&names).names, ["10", "a", "b"]);
    }
}
