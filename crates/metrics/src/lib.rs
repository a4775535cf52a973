//! Judge selections, without labels and with them, and compare methods with error bars.
//!
//! [`Evaluator`] says what is learned from the picked rows.

mod evaluator;

pub use evaluator::{Evaluation, Evaluator, Task};
