//! `subsel completions`: what a shell needs to complete our command lines.

use std::process::ExitCode;

use crate::args::{self, CompletionsArgs};
use crate::failure::Failure;
use crate::messages;

/// Runs the command.
pub(crate) fn run(args: CompletionsArgs) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut args::command(), "subsel", &mut script);
    messages::print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}
