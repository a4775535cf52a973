//! Every test. The release profile is the one of `cargo run --release -- quickstart`, so that a fresh clone builds the
//! dependencies once; and numeric code is too slow without optimization.

use crate::steps::Steps;
use crate::{cargo, python, root};

/// Runs them; with `integrations`, also those beside heavy packages of others.
pub(crate) fn run(steps: &mut Steps, integrations: bool) {
    // The extension module is tested from Python, against the symbols of a real interpreter.
    let args = ["test", "--release", "--workspace", "--exclude", "subsel-python", "--no-fail-fast"];
    steps.run("tests and doc tests", &mut cargo(&args));
    if root().join("crates/kernels/benches/panel.rs").exists() {
        // Of the whole workspace, so that nothing is built anew for it.
        let args = ["bench", "--workspace", "--exclude", "subsel-python", "--bench", "panel", "--", "--tiny"];
        steps.run("kernel benches, once at a tiny size", &mut cargo(&args));
    }
    python::test(steps, integrations);
}
