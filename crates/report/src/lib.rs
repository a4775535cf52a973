//! Pages and plots: what a selection or a comparison looks like.
//!
//! A [`Plot`] is plain data that draws itself as SVG or PNG; a [`ComparisonPage`] puts plots and tables of results on a
//! page. Pages are one HTML file each that asks for nothing from elsewhere: they work offline and in ten years.

mod comparison;
mod error;
mod html;
mod look;
mod plot;
mod table;

pub use comparison::{ComparisonPage, Figure, Section, View};
pub use error::Error;
pub use look::{Covered, DRAWN, Layout, Look, Neighbor, SHOWN, knee};
pub use plot::{Bar, Bars, Cloud, Curves, Histograms, Mark, Plot, Point, Regression, Sample, Scatter, Series};
pub use table::{Cell, Table, Tone};
