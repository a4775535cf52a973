//! Measures the program beside naive implementations. The peers are numpy and scipy, so the harness is Python
//! (`benchmarks/`); this builds the program, makes a pinned Python environment under `target/` and starts it.
//! The bench `peers` makes another one for other people's packages by itself.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::steps::Steps;
use crate::{cargo, command, root, succeeds, target_dir};

pub(crate) fn run(options: &[&str]) -> ExitCode {
    let mut steps = Steps::new();
    if !succeeds("python3", &["--version"]) {
        steps.skip("bench", "`python3` is not installed, and the peers are numpy and scipy");
        return steps.finish();
    }
    steps.run("build", &mut cargo(&["build", "--release", "-p", "subsel-cli"]));
    let Some(python) = environment(&mut steps) else { return steps.finish() };

    let harness = root().join("benchmarks/run.py");
    let program = target_dir().join("release/subsel");
    let mut bench = command(&python.to_string_lossy(), &[]);
    bench
        .arg(harness)
        .arg("--program")
        .arg(program)
        .arg("--scratch")
        .arg(target_dir().join("bench-data"))
        .args(options);
    // In a virtual machine OpenBLAS may take a kernel half as fast, which would flatter us.
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx512f") {
        bench.env("OPENBLAS_CORETYPE", "SkylakeX");
    }
    if steps.all_passed() {
        steps.run("bench", &mut bench);
    }
    steps.finish()
}

/// The Python of an environment with the pinned packages, made on first use.
fn environment(steps: &mut Steps) -> Option<PathBuf> {
    let dir = target_dir().join("bench-venv");
    let python = dir.join("bin/python3");
    let pins = root().join("benchmarks/requirements.txt");
    let stamp = dir.join("requirements.txt");
    let (wanted, present) = (std::fs::read(&pins).ok()?, std::fs::read(&stamp).ok());
    if present.as_ref() != Some(&wanted) {
        steps.run("python environment", command("python3", &["-m", "venv", "--clear"]).arg(&dir));
        steps.run("python packages", &mut install(&python, &pins));
        if !steps.all_passed() {
            return None;
        }
        std::fs::copy(&pins, &stamp).ok()?;
    }
    Some(python)
}

fn install(python: &Path, pins: &Path) -> std::process::Command {
    let mut pip =
        command(&python.to_string_lossy(), &["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    pip.arg("--requirement").arg(pins);
    pip
}
