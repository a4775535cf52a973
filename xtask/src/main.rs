//! Project tasks: `cargo xtask test | check | bench`. Needs nothing beyond Rust; a check whose tool is absent is
//! skipped by name.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that talks to a person")]

mod bench;
mod check;
mod layering;
mod python;
mod steps;
mod tally;
mod test;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use steps::Steps;

const USAGE: &str = "usage: cargo xtask <task>

tasks:
  test [--integrations]   every test, doc tests, the layering of the crates and the Python package included; ends with
                          `N passed, N failed` (`--integrations`: also on a second Python, and beside torch, datasets,
                          FiftyOne and their like, which are large to install)
  check                   what CI runs, cheapest first: fmt, clippy, spelling, licenses, test, docs, reduced features,
                          fuzz targets, miri
  bench [NAME...] [--tiny]
                          measures beside naive implementations; appends to benchmarks/record (`--tiny`: one quick run
                          of each at a small size, nothing recorded); `bench peers` installs others' packages
                          into target/ and measures beside them";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["test"] | ["test", "--integrations"] => {
            let mut steps = Steps::new();
            test::run(&mut steps, args.len() > 1);
            steps.finish_with_tally()
        }
        ["check"] => check::run(),
        ["bench", options @ ..] => bench::run(options),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the root")
}

/// The folder that cargo builds into.
fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => std::env::current_dir().unwrap_or_default().join(dir),
        None => root().join("target"),
    }
}

/// `program args`, to be run in the root without a standard input.
fn command(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(root()).stdin(Stdio::null());
    command
}

/// `cargo args`. Through the path, not `$CARGO`, so that `+nightly` works.
fn cargo(args: &[&str]) -> Command {
    command("cargo", args)
}

/// Whether `program args` runs and succeeds: whether a tool is there.
fn succeeds(program: &str, args: &[&str]) -> bool {
    command(program, args)
        .env("RUSTUP_AUTO_INSTALL", "0")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
