//! Choose which examples of a large pool to label or to train on.
//!
//! A [`Pool`] is embeddings `(n, d)` and what is known of each row; a [`Selector`] is a method with its settings;
//! [`select`] gives a [`Selection`]: picks in rank order, each with a score and a reason.
//!
//! ```
//! use subsel::{Context, Pool, Settings, parse_method, select};
//! use subsel_formats::MemorySource;
//!
//! # fn main() -> Result<(), subsel::Error> {
//! let values: Vec<f32> = (0..600).map(|i| (i * i % 31) as f32).collect();
//! let source = MemorySource::new(values, 6)?;
//! let method = parse_method("gram-schmidt")?;
//! let mut ctx = Context::new(&Settings { seed: 7, ..Settings::default() })?;
//! let selection = select(&*method, &Pool::new(&source), 5, &mut ctx)?;
//! for pick in &selection.picks {
//!     println!("row {} scored {:.3}: {}", pick.row, pick.score, pick.reason);
//! }
//! # Ok(())
//! # }
//! ```

pub mod advice;
mod allocate;
mod annotations;
mod auto;
mod budget;
pub mod clustering;
mod coarse;
mod columns;
mod constraints;
mod context;
pub mod dedup;
mod distinct;
mod error;
mod gains;
pub mod grammar;
mod label;
mod memo;
mod method;
pub mod methods;
mod neighbors;
mod outputs;
mod pairs;
pub mod plan;
mod pool;
mod random;
pub mod registry;
pub mod scan;
pub mod scores;
mod select;
mod selection;
mod shrinking;
mod start;
mod sums;
#[cfg(test)]
mod testing;
mod top;
pub mod training;
mod unit;

pub use annotations::{Annotations, Classes};
pub use auto::Auto;
pub use budget::Budget;
pub use constraints::{Axis, Constraints, Quota};
pub use context::{CACHE_BYTES, CHUNK_ROWS, Context, Progress, Settings, Silent};
pub use distinct::Distinct;
pub use error::Error;
pub use grammar::parse as parse_method;
pub use method::{Asks, Build, BuildAs, Entry, MethodInfo, ParamInfo, Selector};
pub use outputs::{OutputKind, Outputs, Uncertainty};
pub use pool::{CheckedPool, Pool, PoolFacts, rows_hash};
pub use random::{Draws, Stream};
pub use scores::{ScoreEntry, Scorer, score_checked};
pub use select::{select, select_checked};
pub use selection::{Pick, Reason, Selection};
pub use start::Start;
pub use unit::RowScale;
