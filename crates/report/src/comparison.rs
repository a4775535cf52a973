//! The page of a comparison of methods: plain data in, one self-contained HTML file out.

use std::path::Path;

use minijinja::context;

use crate::Error;
use crate::html::{fill, script};
use crate::plot::{self, Plot};
use crate::table::Table;

const TEMPLATE: &str = include_str!("pages/comparison.html");

/// A page that compares methods. Fill what there is, leave the rest empty: nothing empty is shown.
///
/// ```
/// use subsel_report::{Cell, ComparisonPage, Curves, Figure, Plot, Point, Section, Series, Table, Tone, View};
///
/// # fn main() -> Result<(), subsel_report::Error> {
/// let curve = |name: &str, lift: f64| Series {
///     name: name.into(),
///     points: [10.0, 20.0, 40.0].map(|x| Point { x, mean: lift + x / 100.0, low: lift, high: lift + 0.5 }).to_vec(),
/// };
/// let curves = Curves {
///     title: "Accuracy by labels bought".into(),
///     x_label: "labels".into(),
///     y_label: "accuracy on the test rows, %".into(),
///     series: vec![curve("random", 0.3), curve("typiclust", 0.4)],
///     ..Curves::default()
/// };
/// let mut table = Table::new(["method", "labels", "over random", "verdict"]);
/// table.push(vec![
///     Cell::text("typiclust"),
///     Cell::number(40.0, 0),
///     Cell::interval(0.1, 0.05, 0.15, 2),
///     Cell::verdict("better", Tone::Better),
/// ]);
/// let page = ComparisonPage {
///     title: "Two methods on AG News".into(),
///     subtitle: "10 seeds, pools of 5,000 of 10,001 rows".into(),
///     figures: vec![Figure { value: "33".into(), label: "labels by typiclust do the work of 60 at random".into() }],
///     sections: vec![Section {
///         heading: "Accuracy".into(),
///         text: "Bands are 95 % intervals of the mean over seeds.".into(),
///         views: vec![View { name: "linear probe".into(), plot: Some(Plot::Curves(curves)), table: Some(table) }],
///     }],
///     command: "subsel compare features.npy -n 10,20,40 --seeds 10".into(),
///     ..ComparisonPage::default()
/// };
/// assert!(page.html()?.starts_with("<!doctype html>"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ComparisonPage {
    /// The title.
    pub title: String,
    /// What was compared on what: one or two sentences.
    pub subtitle: String,
    /// The few numbers a reader came for, such as labels saved.
    pub figures: Vec<Figure>,
    /// What must be known before the numbers are believed, such as a probe that stands for a network.
    pub notes: Vec<String>,
    /// The parts of the page, from top to bottom.
    pub sections: Vec<Section>,
    /// The settings in full, such as the TOML of a recipe.
    pub config: String,
    /// The command line that makes it again.
    pub command: String,
    /// Version, seeds, time, machine: name and value of each.
    pub facts: Vec<(String, String)>,
}

/// A number that is read first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// The number with its interval, such as `33 (27 to 41)`.
    pub value: String,
    /// What it means.
    pub label: String,
}

/// A part of the page: one or several views of the same thing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Section {
    /// Its heading.
    pub heading: String,
    /// How to read it.
    pub text: String,
    /// What it shows. Several views, such as one per evaluator or metric, get a switch; views of one name are switched
    /// together in all sections.
    pub views: Vec<View>,
}

/// A plot, a table, or both.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// What the switch calls it; not shown where it is the only one.
    pub name: String,
    /// The plot.
    pub plot: Option<Plot>,
    /// The table.
    pub table: Option<Table>,
}

impl ComparisonPage {
    /// The page as text: no address of another place in it, so that it works offline and for good.
    ///
    /// # Errors
    /// Whatever a plot cannot draw; [`Error::Table`] for a table with a row of another length than its heading.
    pub fn html(&self) -> Result<String, Error> {
        let figures: Vec<_> = self
            .figures
            .iter()
            .map(|figure| context! { value => figure.value.as_str(), label => figure.label.as_str() })
            .collect();
        let sections = self.sections.iter().map(Section::view).collect::<Result<Vec<_>, Error>>()?;
        let values = context! {
            title => self.title.as_str(),
            subtitle => self.subtitle.as_str(),
            figures => figures,
            notes => self.notes.clone(),
            sections => sections,
            config => self.config.as_str(),
            command => self.command.as_str(),
            facts => self.facts.clone(),
            script => script(&[include_str!("pages/common.js"), include_str!("pages/comparison.js")]),
        };
        fill(TEMPLATE, values)
    }

    /// Writes the page.
    ///
    /// # Errors
    /// As [`ComparisonPage::html`]; [`Error::File`] for a file that exists unless `force`, or cannot be written.
    pub fn write(&self, path: &Path, force: bool) -> Result<(), Error> {
        plot::write(path, self.html()?.as_bytes(), force)
    }

    /// All plots with a name for a file of each, such as `accuracy-linear-probe`, for writing them as SVG or PNG.
    pub fn plots(&self) -> Vec<(String, &Plot)> {
        let mut plots: Vec<(String, &Plot)> = Vec::new();
        for section in &self.sections {
            for view in &section.views {
                let Some(plot) = &view.plot else { continue };
                let name = match section.views.len() {
                    1 => slug(&section.heading),
                    _ => slug(&format!("{} {}", section.heading, view.name)),
                };
                let before = plots.iter().filter(|(other, _)| *other == name).count();
                plots.push((if before > 0 { format!("{name}-{}", plots.len() + 1) } else { name }, plot));
            }
        }
        plots
    }
}

impl Section {
    fn view(&self) -> Result<minijinja::Value, Error> {
        let view = |view: &View| -> Result<minijinja::Value, Error> {
            let plot = view.plot.as_ref().map(Plot::inline).transpose()?;
            let table = view.table.as_ref().map(Table::view).transpose()?;
            Ok(
                context! { name => view.name.as_str(), plot => plot.map(minijinja::Value::from_safe_string), table => table },
            )
        };
        let views = self.views.iter().map(view).collect::<Result<Vec<_>, Error>>()?;
        Ok(context! { heading => self.heading.as_str(), text => self.text.as_str(), views => views })
    }
}

/// Letters and digits in lower case, parted by dashes.
fn slug(text: &str) -> String {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests;
