//! Pages and plots: what a selection or a comparison looks like.
//!
//! A [`Plot`] is plain data that draws itself as SVG or PNG; a [`ComparisonPage`] puts plots and tables of results on a
//! page; a [`SelectionPage`] shows one selection, of which a [`Look`] works out what there is to see. Pages are one HTML file each that asks for nothing from elsewhere: they work offline and in ten years.

mod comparison;
mod error;
mod html;
mod look;
mod pictures;
mod plot;
mod selection;
mod small;
mod table;

pub use comparison::{ComparisonPage, Figure, Section, View};
pub use error::Error;
pub use look::{Covered, DRAWN, Layout, Look, Neighbor, SHOWN, knee};
pub use pictures::{PICTURE_EXTENSIONS, thumbnail};
pub use plot::{Bar, Bars, Cloud, Curves, Histograms, Mark, Plot, Point, Regression, Sample, Scatter, Series};
pub use selection::{SelectionPage, ShownPick};
pub use small::small_map;
pub use table::{Cell, Table, Tone};
