//! `subsel completions`: what a shell needs to complete our command lines.

use crate::args::{self, CompletionsArgs};
use crate::failure::{DONE, Failure};
use crate::messages;

/// Runs the command.
pub(crate) fn run(args: CompletionsArgs) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut args::command(), "subsel", &mut script);
    messages::print(&String::from_utf8_lossy(&script))?;
    Ok(DONE)
}
