//! Selection via proxy (Coleman et al. 2020): a small model, trained quickly, chooses the data that a large one learns
//! from.
//!
//! A [`Learner`] is a model that is trained from scratch when asked: a probe on embeddings ([`probe`]), a program of the
//! user's ([`Command`]), or a network of another crate. [`Setting::plan`] makes numbers of what is asked, [`run()`] does it
//! into a [`Journal`], and [`Report::of`] says what came of it. Both tasks of the paper are here: active learning, where the
//! proxy knows only the labels bought so far, and core-set selection, where it learned from all.
//!
//! Where the paper's code departs from its text, the text is followed: scores are of unaugmented rows in eval mode, entropy
//! is of log-probabilities (`0 ln 0 = 0`), a NaN is an error and never a rank, ties go to the lowest row, and accuracies are
//! those of the last epoch.

mod command;
mod error;
mod files;
mod journal;
mod learner;
pub mod probe;
mod rank;
mod report;
mod run;
mod score;
mod setting;
#[cfg(test)]
mod tests;

pub use command::{Command, CommandSettings};
pub use error::Error;
pub use journal::{Compared, Header, Journal, Of, Place, Ranked, Trained};
pub use learner::{Features, Job, Learned, Learner, Role, Seconds, Wants};
pub use rank::{overlap, random_keys, spearman, top};
pub use report::{Acceptance, AtBudget, AtRound, Report, Table, Told};
pub use run::{Given, Learners, Unwatched, Watch, dir_of, run};
pub use score::Score;
pub use setting::{BUDGET, INITIAL, Plan, ROUNDS, START, Setting, Task};
