//! The page of one selection: a map of the pool, the picks, how they cover it.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::context;
use serde_json::{Value, json};
use subsel_formats::Ids;

use crate::comparison::Figure;
use crate::html::{fill, script, script_data};
use crate::look::{Look, knee};
use crate::plot::{self, Curves, Histograms, Mark, Plot, Point, Sample, Series, number};
use crate::table::Table;
use crate::{Error, SHOWN};

const TEMPLATE: &str = include_str!("pages/selection.html");

/// Most bytes of ids of rows that are not picked.
const ID_BYTES: usize = 2 << 20;

/// Most points of the coverage curve.
const CURVE: usize = 240;

/// A pick as its table tells it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ShownPick {
    /// The row, from 0.
    pub row: usize,
    /// What the method ranked by, if that is known.
    pub score: Option<f64>,
    /// Why it was picked; empty if that is not known.
    pub reason: String,
}

/// What a page of one selection shows. [`Look`] has what must be worked out.
#[derive(Clone, Debug, Default)]
pub struct SelectionPage<'a> {
    /// The title.
    pub title: String,
    /// What was picked from what: one or two sentences.
    pub subtitle: String,
    /// What a reader must know before trusting the picks.
    pub warnings: Vec<String>,
    /// The picks in rank order.
    pub picks: Vec<ShownPick>,
    /// What there is to see of them.
    pub look: Option<&'a Look>,
    /// Rows of the pool.
    pub n: usize,
    /// Values per row.
    pub dim: usize,
    /// Names of the rows.
    pub ids: Option<&'a Ids>,
    /// Pictures by row, as addresses that hold them; see [`crate::thumbnail`].
    pub pictures: BTreeMap<usize, String>,
    /// Texts by row.
    pub texts: BTreeMap<usize, String>,
    /// Figures of the selection beside those of random ones.
    pub metrics: Option<Table>,
    /// How to read them.
    pub metrics_text: String,
    /// The command line that makes the picks again.
    pub command: String,
    /// Fingerprint, seed, version and such: name and value of each.
    pub facts: Vec<(String, String)>,
    /// The manifest in full.
    pub manifest: String,
}

impl SelectionPage<'_> {
    /// The page as text: no address of another place in it, so that it works offline and for good.
    ///
    /// # Errors
    /// Whatever a plot cannot draw; a table with a row of another length than its heading.
    pub fn html(&self) -> Result<String, Error> {
        let look = self.look.cloned().unwrap_or_default();
        let inline = |plot: &Plot| plot.inline().map(minijinja::Value::from_safe_string);
        let plots = self.plots().iter().map(|(_, plot)| inline(plot)).collect::<Result<Vec<_>, Error>>()?;
        let figures: Vec<_> = self
            .figures(&look)
            .iter()
            .map(|figure| context! { value => figure.value.as_str(), label => figure.label.as_str() })
            .collect();
        let mut notes: Vec<String> = look.notes.clone();
        if self.look.is_some() && !has_norms(&look) {
            notes.push("all rows have nearly the same norm, so that there is no histogram of them".into());
        }
        let values = context! {
            title => self.title.as_str(),
            subtitle => self.subtitle.as_str(),
            warnings => self.warnings.clone(),
            notes => notes,
            figures => figures,
            axes => look.axes.as_str(),
            picks => self.pick_rows(),
            shown => self.picks.len().min(SHOWN),
            all => number(self.picks.len() as f64, 0),
            has_ids => self.ids.is_some(),
            has_scores => self.picks.iter().any(|pick| pick.score.is_some()),
            has_reasons => self.picks.iter().any(|pick| !pick.reason.is_empty()),
            has_pictures => !self.pictures.is_empty(),
            has_texts => !self.texts.is_empty(),
            plots => plots,
            metrics => self.metrics.as_ref().map(Table::view).transpose()?,
            metrics_text => self.metrics_text.as_str(),
            command => self.command.as_str(),
            facts => self.facts.clone(),
            manifest => self.manifest.as_str(),
            data => minijinja::Value::from_safe_string(script_data(&self.data(&look))?),
            script => script(&[include_str!("pages/common.js"), include_str!("pages/map.js"), include_str!("pages/selection.js")]),
        };
        fill(TEMPLATE, values)
    }

    /// Writes the page.
    ///
    /// # Errors
    /// As [`SelectionPage::html`]; [`Error::File`] for a file that exists unless `force`, or cannot be written.
    pub fn write(&self, path: &Path, force: bool) -> Result<(), Error> {
        plot::write(path, self.html()?.as_bytes(), force)
    }

    /// The plots of the page with a name for a file of each: coverage over budget with its knee, norms.
    pub fn plots(&self) -> Vec<(&'static str, Plot)> {
        let Some(look) = self.look else { return Vec::new() };
        let mut plots = Vec::new();
        if look.coverage.len() > 1 {
            plots.push(("coverage", Plot::Curves(coverage(look))));
        }
        if has_norms(look) {
            let norms = look.norms.iter().map(|norm| f64::from(*norm)).collect();
            let samples = vec![
                Sample { name: "pool".into(), values: norms },
                Sample { name: "picks".into(), values: look.pick_norms.clone() },
            ];
            let (title, x_label) = ("Norms of the pool and of the picks".into(), "Euclidean norm".into());
            plots.push(("norms", Plot::Histograms(Histograms { title, x_label, samples })));
        }
        plots
    }

    fn figures(&self, look: &Look) -> Vec<Figure> {
        let figure = |value: String, label: String| Figure { value, label };
        let count = |value: usize| number(value as f64, 0);
        let share = 100.0 * self.picks.len() as f64 / self.n.max(1) as f64;
        let decimals = if share >= 10.0 {
            0
        } else if share >= 1.0 {
            1
        } else {
            2
        };
        let mut figures = vec![figure(
            count(self.picks.len()),
            format!("picks, {} % of {} rows", number(share, decimals), count(self.n)),
        )];
        if let Some(last) = look.coverage.last() {
            figures.push(figure(significant(last.mean), "mean distance of a row to its nearest pick".into()));
            figures.push(figure(significant(last.radius), "coverage radius: the row farthest from any pick".into()));
        }
        if let Some(knee) = knee(&look.coverage) {
            let label = format!("picks at the knee of the coverage curve: mean distance {}", significant(knee.mean));
            figures.push(figure(count(knee.picks), label));
        }
        figures
    }

    fn id(&self, row: usize) -> Option<String> {
        self.ids.filter(|ids| row < ids.len()).map(|ids| ids.text(row))
    }

    fn pick_rows(&self) -> Vec<minijinja::Value> {
        let neighbors = self.look.map(|look| look.neighbors.as_slice()).unwrap_or_default();
        let row = |(i, pick): (usize, &ShownPick)| {
            let near: Vec<_> = neighbors
                .get(i)
                .into_iter()
                .flatten()
                .map(|near| context! { row => near.row, distance => significant(near.distance) })
                .collect();
            let score = pick.score.map(significant).unwrap_or_default();
            let key = pick.score.map(|score| format!("{score:?}")).unwrap_or_default();
            context! {
                rank => i + 1,
                row => pick.row,
                id => self.id(pick.row),
                score => score,
                key => key,
                reason => pick.reason.as_str(),
                text => self.texts.get(&pick.row).map(String::as_str),
                near => near,
            }
        };
        self.picks.iter().take(SHOWN).enumerate().map(row).collect()
    }

    /// What the script of the page draws. Numbers of rows are packed: a page of 100,000 rows stays at about a megabyte.
    fn data(&self, look: &Look) -> Value {
        let n = self.n;
        let is_all = look.rows.len() == n;
        let places: Vec<u16> = look.places.iter().flatten().map(|at| (at * 65535.0).round() as u16).collect();
        let most = look.distances.iter().copied().fold(0.0, f32::max);
        let share = |value: f32, most: f32| if most > 0.0 { (value / most * 65535.0).round() as u16 } else { 0 };
        let distances: Vec<u16> = look.distances.iter().map(|distance| share(*distance, most)).collect();
        let longest = look.norms.iter().copied().fold(0.0, f32::max);
        let norms: Vec<u16> = look.norms.iter().map(|norm| share(*norm, longest)).collect();
        let neighbors = |i: usize| -> Vec<Value> {
            let near = look.neighbors.get(i).into_iter().flatten();
            near.map(|near| json!([near.row, significant(near.distance)])).collect()
        };
        let picks: Vec<Value> = self
            .picks
            .iter()
            .enumerate()
            .map(|(i, pick)| {
                json!([pick.row, pick.score.map(significant).unwrap_or_default(), pick.reason, neighbors(i)])
            })
            .collect();
        json!({
            "n": n,
            "rows": (!is_all).then(|| packed(look.rows.iter().flat_map(|row| (*row as u32).to_le_bytes()))),
            "places": packed(places.iter().flat_map(|at| at.to_le_bytes())),
            "nearest": packed(look.nearest_pick.iter().flat_map(|pick| pick.to_le_bytes())),
            "distances": packed(distances.iter().flat_map(|distance| distance.to_le_bytes())),
            "farthest": most,
            "norms": packed(norms.iter().flat_map(|norm| norm.to_le_bytes())),
            "longest": longest,
            "picks": picks,
            "ids": self.id_data(look),
            "pictures": self.pictures,
            "texts": self.texts,
        })
    }

    /// Ids of the drawn rows, or where that is too much of the picks and their neighbors.
    fn id_data(&self, look: &Look) -> BTreeMap<usize, String> {
        if self.ids.is_none() {
            return BTreeMap::new();
        }
        let near = look.neighbors.iter().flatten().map(|near| near.row);
        let told = self.picks.iter().map(|pick| pick.row).chain(near);
        let mut ids: BTreeMap<usize, String> = told.filter_map(|row| Some((row, self.id(row)?))).collect();
        let mut bytes = 0;
        let all: Option<Vec<(usize, String)>> = look
            .rows
            .iter()
            .map(|row| {
                let id = self.id(*row)?;
                bytes += id.len() + 10;
                (bytes <= ID_BYTES).then_some((*row, id))
            })
            .collect();
        ids.extend(all.unwrap_or_default());
        ids
    }
}

/// Whether norms differ by more than a hundredth: rows scaled to one length differ by rounding alone.
fn has_norms(look: &Look) -> bool {
    let (least, most) = look.norms.iter().fold((f32::INFINITY, 0.0), |(a, b): (f32, f32), v| (a.min(*v), b.max(*v)));
    most - least > 0.01 * most
}

/// Coverage over budget.
fn coverage(look: &Look) -> Curves {
    let stride = look.coverage.len().div_ceil(CURVE);
    let last = look.coverage.len() - 1;
    let points = |value: fn(&crate::Covered) -> f64| -> Vec<Point> {
        let chosen = look.coverage.iter().enumerate().filter(|(i, _)| i % stride == 0 || *i == last);
        chosen.map(|(_, at)| Point::exact(at.picks as f64, value(at))).collect()
    };
    let mark = knee(&look.coverage).map(|at| Mark { x: at.picks as f64, label: format!("knee: {} picks", at.picks) });
    Curves {
        title: "How the pool is covered as picks accumulate".into(),
        x_label: "picks".into(),
        y_label: "Euclidean distance to the nearest pick".into(),
        series: vec![
            Series { name: "mean of all rows".into(), points: points(|at| at.mean) },
            Series { name: "farthest row".into(), points: points(|at| at.radius) },
        ],
        marks: mark.into_iter().collect(),
    }
}

/// Bytes as a script reads them back.
fn packed(bytes: impl Iterator<Item = u8>) -> String {
    STANDARD.encode(bytes.collect::<Vec<u8>>())
}

/// A number with four significant digits.
fn significant(value: f64) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    // The first pick of methods that go by distance has nothing to be far from.
    if value.abs() >= f64::MAX {
        return if value > 0.0 { "∞".into() } else { "−∞".into() };
    }
    let magnitude = if value == 0.0 { 0 } else { value.abs().log10().floor() as i32 };
    match magnitude {
        -5..=9 => number(value, (3 - magnitude).clamp(0, 8) as usize),
        _ => format!("{value:.3e}"),
    }
}

#[cfg(test)]
mod tests;
