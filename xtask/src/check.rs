//! What CI runs and what it would run if every tool were there, cheapest first; stops at the first failure.

use std::process::{Command, ExitCode};

use crate::steps::Steps;
use crate::{cargo, command, root, succeeds, test};

/// A check: what runs, and what must be there for it.
struct Check {
    name: &'static str,
    missing: Option<&'static str>,
    command: Command,
}

pub(crate) fn run() -> ExitCode {
    let mut steps = Steps::new();
    for check in cheap() {
        run_check(&mut steps, check);
    }
    if steps.all_passed() {
        test::run(&mut steps, false);
    }
    for check in dear() {
        run_check(&mut steps, check);
    }
    steps.finish_with_tally()
}

fn run_check(steps: &mut Steps, mut check: Check) {
    match check.missing {
        _ if !steps.all_passed() => {}
        Some(why) => steps.skip(check.name, why),
        None => drop(steps.run(check.name, &mut check.command)),
    }
}

fn cheap() -> Vec<Check> {
    let check = |name, command| Check { name, missing: None, command };
    vec![
        check("formatting", cargo(&["fmt", "--all", "--check"])),
        Check {
            name: "spelling (typos)",
            missing: (!succeeds("typos", &["--version"])).then_some("`typos` is not installed"),
            command: command("typos", &[]),
        },
        Check {
            name: "licenses and advisories (cargo-deny)",
            missing: (!succeeds("cargo", &["deny", "--version"])).then_some("`cargo-deny` is not installed"),
            command: cargo(&["deny", "check"]),
        },
        check("clippy", cargo(&["clippy", "--release", "--workspace", "--all-targets", "--", "--deny", "warnings"])),
    ]
}

fn dear() -> Vec<Check> {
    let nightly = succeeds("cargo", &["+nightly", "--version"]);
    let mut docs = cargo(&["doc", "--release", "--no-deps", "--workspace"]);
    docs.env("RUSTDOCFLAGS", "--deny warnings");
    vec![
        Check { name: "documentation", missing: None, command: docs },
        Check {
            name: "networks on Burn's processor backend",
            missing: None,
            command: cargo(&["test", "--release", "-p", "subsel-nets", "--features", "burn", "--lib", "burn"]),
        },
        Check {
            name: "networks on CUDA compile",
            missing: None,
            command: cargo(&["check", "--release", "-p", "subsel-nets", "--features", "cuda"]),
        },
        Check {
            name: "without default features",
            missing: None,
            command: cargo(&["check", "--release", "-p", "subsel-formats", "-p", "subsel", "--no-default-features"]),
        },
        Check {
            name: "fuzz targets compile",
            missing: match (root().join("fuzz/Cargo.toml").exists(), nightly) {
                (false, _) => Some("there is no fuzz/"),
                (_, false) => Some("there is no nightly toolchain"),
                _ => None,
            },
            command: cargo(&["+nightly", "check", "--manifest-path", "fuzz/Cargo.toml"]),
        },
        Check {
            name: "kernels under miri",
            missing: (!succeeds("cargo", &["+nightly", "miri", "--version"])).then_some("miri is not installed"),
            command: miri(),
        },
    ]
}

/// Some tests of the kernels, interpreted. Miri has no AVX-512, but with AVX2 promised it takes the SIMD code, which is
/// the one with `unsafe` in it.
fn miri() -> Command {
    let mut miri = cargo(&["+nightly", "miri", "test", "-p", "subsel-kernels", "--test", "same_bits", "--"]);
    miri.args(["any_shape", "blocks_of_no_rows", "norms_follow"]);
    // Proptest looks for its file of known failures, and a case takes seconds.
    miri.env("MIRIFLAGS", "-Zmiri-disable-isolation").env("PROPTEST_CASES", "8");
    if cfg!(target_arch = "x86_64") {
        miri.env("RUSTFLAGS", "-Ctarget-feature=+avx2,+fma,+f16c");
    }
    miri
}
