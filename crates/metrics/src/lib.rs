//! Judge selections, without labels and with them, and compare methods with error bars.
//!
//! [`Judge`] measures what needs no labels: coverage, likeness to the pool, redundancy. [`ClassSpread`] tells how
//! labels are spread. An [`Evaluator`] learns from the picked rows and is examined on others: [`evaluators`]. [`compare`]
//! holds methods, budgets and seeds side by side.
//!
//! ```
//! use subsel::{CheckedPool, Context, Pool, Settings};
//! use subsel_formats::MemorySource;
//! use subsel_metrics::{Judge, JudgeSettings, Metric};
//!
//! # fn main() -> Result<(), subsel::Error> {
//! let source = MemorySource::new(vec![0.0_f32, 1.0, 2.0, 3.0, 10.0, 11.0], 1)?;
//! let mut ctx = Context::new(&Settings::default())?;
//! let pool = CheckedPool::new(&Pool::new(&source), &mut ctx)?;
//! let metrics = [Metric::CoverageRadius, Metric::W1];
//! let judge = Judge::new(&pool, &metrics, &JudgeSettings::default(), &mut ctx)?;
//! let values = judge.measure(&[1, 4], &ctx)?;
//! assert_eq!(values[0], 2.0);
//! # Ok(())
//! # }
//! ```

mod classes;
pub mod compare;
mod error;
mod evaluator;
pub mod evaluators;
mod lines;
mod unlabeled;

pub use classes::ClassSpread;
pub use error::Error;
pub use evaluator::{Evaluation, Evaluator, Examples, Standard, Task, all as all_evaluators, evaluator};
pub use lines::Lines;
pub use unlabeled::{Better, Judge, JudgeSettings, Metric};
