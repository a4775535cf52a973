//! Every test. The release profile is the one of `cargo run --release -- quickstart`, so that a fresh clone builds the
//! dependencies once; and numeric code is too slow without optimization.

use crate::steps::Steps;
use crate::{cargo, root};

pub(crate) fn run(steps: &mut Steps) {
    steps.run("tests and doc tests", &mut cargo(&["test", "--release", "--workspace", "--no-fail-fast"]));
    if root().join("crates/kernels/benches/panel.rs").exists() {
        let args = ["bench", "-p", "subsel-kernels", "--bench", "panel", "--", "--tiny"];
        steps.run("kernel benches, once at a tiny size", &mut cargo(&args));
    }
}
