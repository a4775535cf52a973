//! Where locations lie: which columns, and where in them.

use crate::columns::{Columns, Span};
use crate::random::{Draws, Stream};

/// A location of some draw, kept for its buffers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Location {
    /// Its columns, ascending.
    pub(crate) columns: Vec<u32>,
    /// Its coordinate in each.
    pub(crate) at: Vec<f64>,
}

/// The law of the locations, each a function of seed and draw alone.
pub(crate) struct Locations<'a> {
    columns: &'a Columns,
    usable: Vec<u32>,
    dims: usize,
    stream: Stream,
}

impl<'a> Locations<'a> {
    /// Locations in `dims` of the usable columns (at least `dims` of them, ascending).
    pub(crate) fn new(columns: &'a Columns, usable: Vec<u32>, dims: usize, stream: Stream) -> Self {
        Locations { columns, usable, dims, stream }
    }

    /// The columns of a draw into `columns`, ascending; gives what the coordinates are drawn from.
    pub(crate) fn choose(&self, draw: u64, columns: &mut Vec<u32>) -> Draws {
        let mut draws = Draws::new(self.stream.child(draw));
        columns.clear();
        while columns.len() < self.dims {
            let column = self.usable[draws.below(self.usable.len() as u64) as usize];
            if let Err(place) = columns.binary_search(&column) {
                columns.insert(place, column);
            }
        }
        draws
    }

    /// The location of a draw.
    pub(crate) fn place(&self, draw: u64, location: &mut Location) {
        let mut draws = self.choose(draw, &mut location.columns);
        location.at.clear();
        for column in &location.columns {
            location.at.push(triangular(draws.unit(), self.columns.span(*column as usize)));
        }
    }
}

/// The inverse distribution function of the triangular law on a column, its mode at the median; the constant where the
/// column has one.
pub(crate) fn triangular(u: f64, span: Span) -> f64 {
    let (left, mode, right) = (f64::from(span.least), span.median, f64::from(span.most));
    let width = right - left;
    if width <= 0.0 {
        left
    } else if u <= (mode - left) / width {
        left + (u * width * (mode - left)).sqrt()
    } else {
        right - ((1.0 - u) * width * (right - mode)).sqrt()
    }
}
