//! The program `subsel`: flags and messages over the library of the same name; and [`Call`], its commands for other
//! programs, such as the Python package.
//!
//! One file per subcommand. What they share: `args` (what a user types), `input` (the pool and its side files),
//! `run` (a selection with its memory limit, progress and interruption), `output` and `manifest` (what is
//! written), `messages` (what is said).

mod advise;
mod args;
mod call;
mod compare;
mod completions;
mod convert;
mod dedup;
mod embed;
mod encoders;
mod failure;
mod images;
mod input;
mod inspect;
mod judge;
mod manifest;
mod memory;
mod messages;
mod methods;
mod output;
mod picks;
mod plan;
mod progress;
mod proxy;
mod quickstart;
mod report;
mod run;
mod score;
mod select;
mod side;
mod summary;
mod take;
mod tools;
mod train;
mod usage;
mod verify;

use std::ffi::OsString;

use args::{Cli, Command};
use clap::FromArgMatches;

pub use call::{Answer, Call};
pub use failure::{Failure, Kind};
pub use input::Inputs;
pub use methods::{methods_json, scores_json};
pub use side::{Given, Role};
pub use tools::{Tasks, ToolSettings};

/// Runs the program with these words, the first of which is its name, and gives the exit code.
pub fn main(words: impl IntoIterator<Item = OsString>) -> u8 {
    memory::give_back_what_is_freed();
    let matches = args::command().get_matches_from(words);
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let outcome = match cli.command {
        Command::Quickstart(args) => quickstart::run(args),
        Command::Select(args) => select::run(*args),
        Command::Advise(args) => advise::run(*args),
        Command::Score(args) => score::run(*args),
        Command::Judge(args) => judge::run(*args),
        Command::Dedup(args) => dedup::run(*args),
        Command::Compare(args) => compare::run(*args),
        Command::Proxy(args) => proxy::run(*args),
        Command::Verify(args) => verify::run(args),
        Command::Report(args) => report::run(*args),
        Command::Plan(args) => plan::run(*args),
        Command::Inspect(args) => inspect::run(args),
        Command::Methods(args) => methods::run(args),
        Command::Take(args) => take::run(args),
        Command::Train(args) => train::run(args),
        Command::Embed(args) => embed::run(*args),
        Command::Convert(args) => convert::run(args),
        Command::Completions(args) => completions::run(args),
    };
    outcome.unwrap_or_else(|failure| {
        messages::error(&failure);
        failure.exit_code()
    })
}
