//! What was measured: `evidence.csv`, and the data sets it was measured on.

use std::sync::OnceLock;

use serde::Serialize;

/// A data set of the evidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct DataSet {
    /// Its name in `evidence.csv`.
    pub name: &'static str,
    /// As people call it.
    pub title: &'static str,
    /// What its rows are.
    pub features: &'static str,
    /// [`Traits::structure`](super::Traits::structure) of its rows.
    pub structure: f64,
    /// [`Traits::norm_spread`](super::Traits::norm_spread) of its rows.
    pub norm_spread: f64,
    /// [`Lift::share`](super::Lift::share) of its rows.
    pub lift: f64,
}

/// Rows without structure, and classes by a linear rule: what methods gain there is chance.
pub(super) const CONTROL: &str = "gaussian";

/// The data sets, but for the control.
pub fn sets() -> &'static [DataSet] {
    const fn set(
        name: &'static str,
        title: &'static str,
        features: &'static str,
        [structure, norm_spread, lift]: [f64; 3],
    ) -> DataSet {
        DataSet { name, title, features, structure, norm_spread, lift }
    }
    const SETS: &[DataSet] = &[
        set("agnews", "AG News", "MiniLM embeddings of news", [0.89, 0.0, 0.74]),
        set("trec", "TREC", "MiniLM embeddings of questions", [0.86, 0.0, 0.44]),
        set("sst2", "SST-2", "MiniLM embeddings of film reviews", [0.94, 0.0, 0.29]),
        set("mobilenet", "CIFAR-10, MobileNet", "MobileNet features of pictures", [0.91, 0.07, 0.50]),
        set("random-network", "CIFAR-10, random network", "random ResNet-18 features of pictures", [0.89, 0.25, 0.12]),
        set("pneumonia", "PneumoniaMNIST", "pixels of X-ray pictures", [0.86, 0.13, 0.51]),
    ];
    SETS
}

/// The least and the largest structure of the data sets.
pub fn structures() -> (f64, f64) {
    let of = sets().iter().map(|set| set.structure);
    (of.clone().fold(f64::INFINITY, f64::min), of.fold(0.0, f64::max))
}

/// What a method gained over random labels on one data set at one number of picks.
pub(super) struct Line {
    pub(super) data: &'static str,
    /// Its text.
    pub(super) method: &'static str,
    pub(super) picks: usize,
    /// Rows of the pool picked from.
    pub(super) pool: usize,
    /// Points of accuracy, by seed.
    pub(super) over_random: Vec<f64>,
}

/// All lines, but for those of random itself.
pub(super) fn lines() -> &'static [Line] {
    static LINES: OnceLock<Vec<Line>> = OnceLock::new();
    LINES.get_or_init(|| {
        let mut lines = include_str!("evidence.csv").lines();
        let seeds = lines.next().map_or(0, |head| head.split(',').count() - 4);
        lines.filter_map(|text| line(text, seeds)).filter(|line| line.method != "random").collect()
    })
}

/// A test reads every line, so that none is left out.
pub(super) fn line(text: &'static str, seeds: usize) -> Option<Line> {
    let mut fields = text.split(',');
    let line = Line {
        data: fields.next()?,
        method: fields.next()?,
        picks: fields.next()?.parse().ok()?,
        pool: fields.next()?.parse().ok()?,
        over_random: fields.map(str::parse).collect::<Result<_, _>>().ok()?,
    };
    (line.over_random.len() == seeds).then_some(line)
}
