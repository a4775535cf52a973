//! What can go wrong while pages and plots are made.

use std::path::PathBuf;

use thiserror::Error as ThisError;

/// Why a page or a plot could not be made. Messages are facts: lower case, no full stop.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// A plot without a single finite value.
    #[error("nothing to draw in the plot \"{title}\": it has no finite value")]
    NothingToDraw {
        /// The plot's title.
        title: String,
    },
    /// The plotting crate failed.
    #[error("cannot draw: {0}")]
    Draw(String),
    /// The templates of the pages failed.
    #[error("cannot fill the page: {0}")]
    Template(String),
    /// A plot can be written as SVG and as PNG.
    #[error("{}: plots are written as .svg or .png", path.display())]
    PlotFormat {
        /// The name asked for.
        path: PathBuf,
    },
    /// A table whose rows are not as long as its heading.
    #[error("row {row} of a table has {found} cells, its heading {expected}")]
    Table {
        /// The row, from 0.
        row: usize,
        /// Cells of the heading.
        expected: usize,
        /// Cells of the row.
        found: usize,
    },
    /// Picks that are not rows of the pool.
    #[error("pick {rank} is row {row}, but the pool has {n} rows")]
    PickOutOfRange {
        /// Its rank, from 1.
        rank: usize,
        /// The row it names.
        row: usize,
        /// Rows of the pool.
        n: usize,
    },
    /// A layout that takes more work than a page is worth.
    #[error("a layout by neighbors takes at most {most} rows, the pool has {n}")]
    TooManyRows {
        /// Rows of the pool.
        n: usize,
        /// The most.
        most: usize,
    },
    /// Pictures or texts that do not belong to the pool row by row.
    #[error("{what} has {found} entries but the pool has {n} rows")]
    Entries {
        /// Where they come from.
        what: String,
        /// How many there are.
        found: usize,
        /// Rows of the pool.
        n: usize,
    },
    /// Reading and selecting.
    #[error(transparent)]
    Pool(#[from] subsel::Error),
    /// Reading and writing files.
    #[error(transparent)]
    File(#[from] subsel_formats::Error),
}

impl Error {
    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::TooManyRows { .. } => Some("`--layout pca` takes any number of rows".into()),
            Error::PickOutOfRange { .. } => Some("give the pool that the picks were made from".into()),
            Error::Pool(error) => error.hint(),
            Error::File(error) => error.hint(),
            _ => None,
        }
    }
}
