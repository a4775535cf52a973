//! A pool made ready to judge selections of it.

use subsel::methods::random::draw_uniform;
use subsel::{CheckedPool, Context, Error, RowScale, Stream};

use super::clusters::Clusters;
use super::coverage::{self, DISTANCES};
use super::frechet::PoolMoments;
use super::members::Members;
use super::mmd::{Mmd, Points};
use super::{JudgeSettings, Metric, redundancy, transport, vendi, volume};

/// Rows whose median distance is the width of MMD's kernel.
pub(super) const MEDIAN_ROWS: usize = 2_000;

/// Judges selections of one pool: what the metrics need of the pool is worked out once, then each selection is measured.
///
/// Labeled rows count as members only where they are among the rows that are measured; excluded rows are part of the pool.
///
/// # Guarantees
/// The same numbers for any number of threads and block size, and for any order of the rows. Samples and clusters are
/// those of the seed of the context that [`Judge::new`] had.
/// # Cost
/// See [`Judge::plan`](super::Judge::plan): k-means, the pool's covariance in `O(N d^2)` and a radius in `O(N^2 d)` once,
/// each only where a metric needs it; then two passes and `O(n d^2)` for each selection.
/// # Source
/// The metrics' own pages; see [`Metric`].
pub struct Judge<'a> {
    pool: &'a CheckedPool<'a>,
    metrics: Vec<Metric>,
    settings: JudgeSettings,
    stream: Stream,
    /// The pool scaled to length 1, where distances there are asked for.
    unit: Option<CheckedPool<'a>>,
    sq_radius: Option<f64>,
    width: Option<f64>,
    moments: Option<PoolMoments>,
    mmd: Option<Mmd>,
    /// `f32` `(m, d)`.
    w1_sample: Option<Vec<f32>>,
    clusters: Option<Clusters>,
    mean_norm: f64,
}

impl<'a> Judge<'a> {
    /// Works out what these metrics need of the pool.
    ///
    /// # Errors
    /// [`Error::Param`] for settings that break a rule; reading, interruption.
    pub fn new(
        pool: &'a CheckedPool<'a>,
        metrics: &[Metric],
        settings: &JudgeSettings,
        ctx: &mut Context,
    ) -> Result<Self, Error> {
        settings.check()?;
        let norms: f64 = pool.sq_norms().iter().map(|sq| sq.sqrt()).sum();
        let mut judge = Judge {
            pool,
            metrics: metrics.to_vec(),
            settings: settings.clone(),
            stream: ctx.stream("judge-sample"),
            unit: None,
            sq_radius: None,
            width: settings.width,
            moments: None,
            mmd: None,
            w1_sample: None,
            clusters: None,
            mean_norm: norms / pool.len() as f64,
        };
        if judge.wants_unit_pool() {
            judge.unit = Some(pool.unit(ctx)?);
        }
        let (scaled, covered) = (judge.scaled(settings.rows), judge.scaled(settings.cover_rows));
        let sq_radius = match judge.wants(&[Metric::BallCoverage]) {
            true => Some(settings.delta.squared(covered, settings.classes.count(pool.labels()), ctx)?),
            false => None,
        };
        let moments = match judge.wants(&[Metric::Frechet, Metric::FrechetRest]) {
            true => Some(PoolMoments::new(scaled, ctx)?),
            false => None,
        };
        let mmd = match judge.wants(&[Metric::Mmd, Metric::MmdUnbiased]) {
            true => Some(judge.new_mmd(ctx)?),
            false => None,
        };
        let w1_sample = match judge.wants(&[Metric::W1]) {
            true => Some(judge.sample(settings.w1_rows, ctx)?.values().to_vec()),
            false => None,
        };
        let clusters = match judge.wants(&[Metric::ClusterEntropy, Metric::ClustersHit, Metric::ClusterKl]) {
            true => Some(Clusters::new(scaled, settings.clusters, ctx)?),
            false => None,
        };
        (judge.sq_radius, judge.moments, judge.w1_sample, judge.clusters) = (sq_radius, moments, w1_sample, clusters);
        if let Some((mmd, width)) = mmd {
            (judge.mmd, judge.width) = (Some(mmd), Some(width));
        }
        Ok(judge)
    }

    /// The metrics, in the order of the values.
    pub fn metrics(&self) -> &[Metric] {
        &self.metrics
    }

    /// The settings.
    pub fn settings(&self) -> &JudgeSettings {
        &self.settings
    }

    /// The radius of ball coverage, where that is asked for; infinite where the pool has one pseudo-class only.
    pub fn radius(&self) -> Option<f64> {
        self.sq_radius.map(f64::sqrt)
    }

    /// The width of MMD's kernel, where that is asked for.
    pub fn width(&self) -> Option<f64> {
        self.width
    }

    /// Measures a selection: one value per metric, in their order. `rows` are distinct row numbers within the pool the judge
    /// was made of, in any order. A value that does not exist is NaN; see [`Metric`].
    ///
    /// # Errors
    /// [`Error::Judged`] for no row or a row twice, [`Error::RowOutOfRange`]; reading, interruption.
    pub fn measure(&self, rows: &[usize], ctx: &Context) -> Result<Vec<f64>, Error> {
        // Sorted, so that sums run in one order whatever that of the picks.
        let rows = self.checked(rows)?;
        let mut found = Found::default();
        let raw = self.scaled(self.settings.rows);
        if self.wants(&DISTANCES) || self.shares_distances() {
            let members = Members::gather(raw, &rows, RowScale::Raw, ctx)?;
            let sq_dists = coverage::nearest_sq_dists(raw, members.values(), ctx)?;
            if self.shares_distances() {
                self.cover(&sq_dists, &mut found);
            }
            found.set(&DISTANCES, coverage::distances(sq_dists));
        }
        if self.wants_cover() && !self.shares_distances() {
            let pool = self.scaled(self.settings.cover_rows);
            let members = Members::gather(pool, &rows, RowScale::Raw, ctx)?;
            self.cover(&coverage::nearest_sq_dists(pool, members.values(), ctx)?, &mut found);
        }
        if let Some(clusters) = &self.clusters {
            let spread = clusters.spread(&rows);
            found.set(
                &[Metric::ClusterEntropy, Metric::ClustersHit, Metric::ClusterKl],
                [spread.entropy, spread.hit, spread.kl],
            );
        }
        let norms: f64 = rows.iter().map(|&row| self.pool.sq_norms()[row].sqrt()).sum();
        found.set(&[Metric::NormRatio], [norms / rows.len() as f64 / self.mean_norm]);
        self.measure_members(&rows, &mut found, ctx)?;
        Ok(self.metrics.iter().map(|metric| found.0[*metric as usize]).collect())
    }

    /// What is told of the members' own values.
    fn measure_members(&self, rows: &[usize], found: &mut Found, ctx: &Context) -> Result<(), Error> {
        let pool = self.scaled(self.settings.rows);
        let cosines = self.wants(&[Metric::Vendi, Metric::LargestCosine, Metric::ClosePairs]);
        if self.moments.is_some() || self.wants(&[Metric::LogVolume]) {
            let members = Members::gather(pool, rows, RowScale::Raw, ctx)?;
            if let Some(moments) = &self.moments {
                let both = moments.distances(&members, self.wants(&[Metric::FrechetRest]), ctx)?;
                found.set(&[Metric::Frechet, Metric::FrechetRest], [both.to_pool, both.to_rest]);
            }
            if self.wants(&[Metric::LogVolume]) {
                found.set(&[Metric::LogVolume], [volume::log_volume(&members, ctx)?]);
            }
        }
        if let Some(mmd) = &self.mmd {
            let some = self.some_of(rows, self.settings.mmd_rows);
            let points = Points::new(&Members::gather(pool, &some, RowScale::Raw, ctx)?);
            let statistics = mmd.measure(&points, ctx)?;
            found.set(&[Metric::Mmd, Metric::MmdUnbiased], [statistics.v, statistics.u]);
        }
        if let Some(sample) = &self.w1_sample {
            let some = self.some_of(rows, self.settings.w1_rows);
            let members = Members::gather(pool, &some, RowScale::Raw, ctx)?;
            found.set(&[Metric::W1], [transport::w1(sample, members.values(), pool.dim(), ctx)?]);
        }
        if cosines {
            // From the rows as given: scaled in `f64` here.
            let members = Members::gather(self.pool, rows, RowScale::Unit, ctx)?;
            if self.wants(&[Metric::Vendi]) {
                found.set(&[Metric::Vendi], [vendi::cosine(&members, ctx)?]);
            }
            if self.wants(&[Metric::LargestCosine, Metric::ClosePairs]) {
                let some = self.some_of(rows, self.settings.cosine_rows);
                let places: Vec<usize> = some.iter().filter_map(|row| rows.binary_search(row).ok()).collect();
                let redundancy = redundancy::measure(&members, &places, ctx)?;
                found.set(&[Metric::LargestCosine, Metric::ClosePairs], [redundancy.largest, redundancy.close]);
            }
        }
        Ok(())
    }

    fn wants(&self, any: &[Metric]) -> bool {
        any.iter().any(|metric| self.metrics.contains(metric))
    }

    fn wants_cover(&self) -> bool {
        self.wants(&[Metric::BallCoverage, Metric::KernelCoverage])
    }

    /// Whether balls and kernels go by the distances that are told.
    fn shares_distances(&self) -> bool {
        self.wants_cover() && self.settings.rows == self.settings.cover_rows
    }

    fn wants_unit_pool(&self) -> bool {
        let scaled = [DISTANCES.as_slice(), &BY_ROWS].concat();
        (self.settings.rows == RowScale::Unit && self.wants(&scaled))
            || (self.settings.cover_rows == RowScale::Unit && self.wants_cover())
    }

    /// The pool of this scale; as given where nothing needs it scaled.
    fn scaled(&self, scale: RowScale) -> &CheckedPool<'a> {
        match (scale, &self.unit) {
            (RowScale::Unit, Some(unit)) => unit,
            _ => self.pool,
        }
    }

    /// At most so many of these ascending rows, uniformly, ascending: the same ones for the same rows.
    fn some_of(&self, rows: &[usize], most: usize) -> Vec<usize> {
        if rows.len() <= most {
            return rows.to_vec();
        }
        let drawn = draw_uniform(self.pool, self.stream, rows.iter().copied(), most);
        let mut some: Vec<usize> = drawn.into_iter().map(|(_, row)| row).collect();
        some.sort_unstable();
        some
    }

    /// At most so many rows of the pool. Of two samples the smaller is part of the larger.
    fn sample(&self, most: usize, ctx: &Context) -> Result<Members, Error> {
        let mut rows: Vec<usize> = (0..self.pool.len()).collect();
        if rows.len() > most {
            rows = self.some_of(&rows, most);
        }
        Members::gather(self.scaled(self.settings.rows), &rows, RowScale::Raw, ctx)
    }

    fn new_mmd(&self, ctx: &Context) -> Result<(Mmd, f64), Error> {
        let width = match self.settings.width {
            Some(width) => width,
            None => Points::new(&self.sample(MEDIAN_ROWS, ctx)?).median_distance(ctx)?,
        };
        let points = Points::new(&self.sample(self.settings.mmd_rows, ctx)?);
        Ok((Mmd::new(points, width, ctx)?, width))
    }

    fn cover(&self, sq_dists: &[f64], found: &mut Found) {
        if let Some(sq_radius) = self.sq_radius {
            found.set(&[Metric::BallCoverage], [coverage::balls(sq_dists, sq_radius)]);
        }
        found.set(&[Metric::KernelCoverage], [coverage::kernel(sq_dists, self.settings.sigma)]);
    }

    fn checked(&self, rows: &[usize]) -> Result<Vec<usize>, Error> {
        if rows.is_empty() {
            return Err(Error::Judged("there are none".into()));
        }
        let mut rows = rows.to_vec();
        rows.sort_unstable();
        let last = self.pool.len() - 1;
        if let Some(row) = rows.last().filter(|row| **row > last) {
            return Err(Error::RowOutOfRange { what: "the selection", row: row.to_string(), last });
        }
        match rows.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Error::Judged(format!("row {} is among them twice", self.pool.global(pair[0])))),
            None => Ok(rows),
        }
    }
}

/// What goes by [`JudgeSettings::rows`], distances apart.
const BY_ROWS: [Metric; 9] = [
    Metric::W1,
    Metric::Frechet,
    Metric::FrechetRest,
    Metric::Mmd,
    Metric::MmdUnbiased,
    Metric::ClusterEntropy,
    Metric::ClustersHit,
    Metric::ClusterKl,
    Metric::LogVolume,
];

/// Values by metric.
struct Found([f64; Metric::ALL.len()]);

impl Default for Found {
    fn default() -> Self {
        Found([f64::NAN; Metric::ALL.len()])
    }
}

impl Found {
    fn set<const N: usize>(&mut self, metrics: &[Metric; N], values: [f64; N]) {
        metrics.iter().zip(values).for_each(|(metric, value)| self.0[*metric as usize] = value);
    }
}
