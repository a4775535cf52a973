//! Plots as plain data, and their drawing as SVG and PNG.
//!
//! Colors are those of Okabe and Ito (2008), which people with the common color blindnesses tell apart: one per series by
//! its order, `random` always gray and dashed. Names stand beside the lines or above the plot, never on the data.

mod axis;
mod bars;
mod curves;
mod frame;
mod histograms;
mod scatter;
mod sheet;
mod style;

use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};
use subsel_formats::AtomicFile;

use crate::Error;

pub(crate) use axis::number;
pub use scatter::Regression;

/// A point of a curve and the interval around it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Where it stands, such as the number of picks.
    pub x: f64,
    /// Its height; a value that is not finite breaks the line.
    pub mean: f64,
    /// Lower end of its interval; NaN where there is none.
    pub low: f64,
    /// Upper end of its interval; NaN where there is none.
    pub high: f64,
}

impl Point {
    /// A point without an interval.
    pub fn exact(x: f64, mean: f64) -> Self {
        Point { x, mean, low: f64::NAN, high: f64::NAN }
    }
}

/// A line with a band.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Its name; `random` is drawn gray and dashed.
    pub name: String,
    /// Its points by ascending `x`.
    pub points: Vec<Point>,
}

/// A place on the x axis that is named, such as a knee.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// Where it stands.
    pub x: f64,
    /// What stands beside it.
    pub label: String,
}

/// Curves with bands of error: one line per method, say accuracy over budget. The x axis is logarithmic where the values
/// span more than a decade and are all above 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curves {
    /// The title, one line.
    pub title: String,
    /// What the x axis counts.
    pub x_label: String,
    /// What the y axis measures, with its unit.
    pub y_label: String,
    /// The lines; their order decides their colors.
    pub series: Vec<Series>,
    /// Places that are named.
    pub marks: Vec<Mark>,
}

/// Points of one name in a scatter plot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cloud {
    /// Its name.
    pub name: String,
    /// `(x, y)` of each point.
    pub points: Vec<(f64, f64)>,
}

/// Points with the least-squares line through all of them and its correlation `r` (Pearson).
///
/// Above 4,000 points every k-th is drawn; line and `r` are of all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scatter {
    /// The title, one line.
    pub title: String,
    /// What the x axis measures.
    pub x_label: String,
    /// What the y axis measures.
    pub y_label: String,
    /// The points by name; their order decides their colors.
    pub clouds: Vec<Cloud>,
}

/// Values of one name in a histogram.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Its name, such as `pool`.
    pub name: String,
    /// Its values; those that are not finite are left out.
    pub values: Vec<f64>,
}

/// Histograms over each other, each as shares of its own values in common bins.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Histograms {
    /// The title, one line.
    pub title: String,
    /// What is counted, with its unit.
    pub x_label: String,
    /// The samples; the first is drawn as a gray area, the others as lines by their order.
    pub samples: Vec<Sample>,
}

/// A bar and the interval around its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// Its name.
    pub name: String,
    /// Its length.
    pub value: f64,
    /// Lower end of its interval; NaN where there is none.
    pub low: f64,
    /// Upper end of its interval; NaN where there is none.
    pub high: f64,
}

/// Differences to a reference, such as the paired difference of each method to random. An interval that holds zero is
/// drawn gray.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bars {
    /// The title, one line.
    pub title: String,
    /// What the bars measure, with its unit.
    pub x_label: String,
    /// Whether a longer bar is worse, so that the colors change places.
    pub lower_is_better: bool,
    /// The bars from top to bottom.
    pub bars: Vec<Bar>,
}

/// Any of the plots.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Plot {
    /// Lines with bands.
    Curves(Curves),
    /// Points with a line.
    Scatter(Scatter),
    /// Histograms over each other.
    Histograms(Histograms),
    /// Bars with intervals.
    Bars(Bars),
}

impl Plot {
    /// The title.
    pub fn title(&self) -> &str {
        match self {
            Plot::Curves(plot) => &plot.title,
            Plot::Scatter(plot) => &plot.title,
            Plot::Histograms(plot) => &plot.title,
            Plot::Bars(plot) => &plot.title,
        }
    }

    /// The plot as an SVG file.
    ///
    /// # Errors
    /// [`Error::NothingToDraw`] without a finite value; [`Error::Draw`].
    pub fn svg(&self) -> Result<String, Error> {
        sheet::svg(self)
    }

    /// The plot as a PNG file, twice as many pixels as the SVG has units.
    ///
    /// # Errors
    /// As [`Plot::svg`].
    pub fn png(&self) -> Result<Vec<u8>, Error> {
        sheet::png(self)
    }

    /// Writes the plot as the name of the file says.
    ///
    /// # Errors
    /// [`Error::PlotFormat`] for an extension other than `.svg` and `.png`; [`Error::File`] for a file that exists unless
    /// `force`, or cannot be written; else as [`Plot::svg`].
    pub fn write(&self, path: &Path, force: bool) -> Result<(), Error> {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let content = match extension.to_ascii_lowercase().as_str() {
            "svg" => self.svg()?.into_bytes(),
            "png" => self.png()?,
            _ => return Err(Error::PlotFormat { path: path.to_owned() }),
        };
        write(path, &content, force)
    }

    /// The plot as an element of a page: no address of any kind in it, sized by the page, named for those who listen.
    ///
    /// # Errors
    /// As [`Plot::svg`].
    pub(crate) fn inline(&self) -> Result<String, Error> {
        sheet::inline(self)
    }
}

/// Writes a file whole or not at all.
pub(crate) fn write(path: &Path, content: &[u8], force: bool) -> Result<(), Error> {
    let mut file = AtomicFile::create(path, force)?;
    file.write_all(content).map_err(|source| subsel_formats::Error::Io {
        action: "write",
        path: path.to_owned(),
        source,
    })?;
    Ok(file.commit()?)
}

#[cfg(test)]
mod tests;
