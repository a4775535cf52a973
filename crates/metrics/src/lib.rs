//! Judge selections, without labels and with them, and compare methods with error bars.
//!
//! An [`Evaluator`] learns from the picked rows and is examined on others: [`evaluators`].

mod evaluator;
pub mod evaluators;

pub use evaluator::{Evaluation, Evaluator, Examples, Standard, Task, all as all_evaluators, evaluator};
