//! The Python package: built as a wheel, installed into environments of its own under the target folder, and tested there.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::steps::Steps;
use crate::{command, root, succeeds, target_dir};

/// What the quick tests need, and what those beside the real packages of others need too.
const NEEDED: &str = "crates/python/tests/requirements.txt";
const INTEGRATIONS: &str = "crates/python/tests/integrations/requirements.txt";

/// Interpreters looked for, beside `python3`.
const VERSIONS: [&str; 5] = ["python3.14", "python3.13", "python3.12", "python3.11", "python3.10"];

/// Builds the wheel once and runs its tests; with `integrations`, also on a second interpreter where there is one, and
/// beside torch, datasets, FiftyOne and their like.
pub(crate) fn test(steps: &mut Steps, integrations: bool) {
    const NAME: &str = "Python package";
    let Some(version) = version("python3") else {
        return steps.skip(NAME, "there is no Python 3.10 or later with `venv`, called `python3`");
    };
    let place = target_dir().join("python-test");
    if !place.exists() && !reaches_registry() {
        return steps.skip(NAME, "pip reaches no registry to install what its tests need");
    }
    let wheels = target_dir().join("wheels");
    let Some(python) = environment(steps, "python3", &place, NEEDED) else { return };
    // Wheels of earlier builds are not what is to be tested.
    let _ = std::fs::remove_dir_all(&wheels);
    let mut build = pip(&python, &["wheel", "--quiet", "--no-deps", "."]);
    if !steps.run(&format!("{NAME}: the wheel"), build.arg("--wheel-dir").arg(&wheels)) {
        return;
    }
    run_tests(steps, NAME, &python, &wheels, "crates/python/tests", false);
    if !integrations {
        return;
    }
    let others = VERSIONS.into_iter().filter_map(|name| Some((name, self::version(name)?)));
    match others.into_iter().find(|(_, other)| *other != version) {
        Some((name, _)) => {
            let place = target_dir().join(format!("{name}-test"));
            if let Some(python) = environment(steps, name, &place, NEEDED) {
                run_tests(steps, &format!("{NAME} on {name}"), &python, &wheels, "crates/python/tests", false);
            }
        }
        None => steps.skip("Python package on a second interpreter", "there is only one"),
    }
    if let Some(python) = environment(steps, "python3", &target_dir().join("python-integrations"), INTEGRATIONS) {
        let name = format!("{NAME} beside the packages of others");
        run_tests(steps, &name, &python, &wheels, "crates/python/tests/integrations", true);
    }
}

/// Installs the wheel and runs the tests of a folder.
fn run_tests(steps: &mut Steps, name: &str, python: &Path, wheels: &Path, tests: &str, integrations: bool) {
    let wheel = std::fs::read_dir(wheels).ok().and_then(|mut found| found.next()?.ok()).map(|entry| entry.path());
    let Some(wheel) = wheel else { return steps.skip(name, "there is no wheel") };
    let mut install = pip(python, &["install", "--quiet", "--force-reinstall", "--no-deps"]);
    if !steps.run(&format!("{name}: installed"), install.arg(wheel)) {
        return;
    }
    let mut run = command(&python.display().to_string(), &["-m", "pytest", tests]);
    if !integrations {
        run.arg("--ignore=crates/python/tests/integrations");
    }
    steps.run(name, &mut run);
}

/// A virtual environment with these requirements; made anew where they are others than when it was made.
fn environment(steps: &mut Steps, interpreter: &str, place: &Path, requirements: &str) -> Option<PathBuf> {
    let python = place.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let wanted = std::fs::read_to_string(root().join(requirements)).ok()?;
    let stamp = place.join("requirements.txt");
    if python.exists() && std::fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) {
        return Some(python);
    }
    let _ = std::fs::remove_dir_all(place);
    let mut make = command(interpreter, &["-m", "venv"]);
    let name = format!("environment of {requirements} for {interpreter}");
    let is_made = steps.run(&name, make.arg(place))
        && steps.run(&format!("{name}: packages"), &mut pip(&python, &["install", "--quiet", "-r", requirements]));
    if !is_made {
        return None;
    }
    std::fs::write(stamp, wanted).ok()?;
    Some(python)
}

/// Whether a package of a few kilobytes can be had: without a registry within reach there is nothing to test with, which is
/// no fault of the package.
fn reaches_registry() -> bool {
    let place = std::env::temp_dir().join(format!("subsel-probe-{}", std::process::id()));
    let dest = place.display().to_string();
    let found = succeeds("python3", &["-m", "pip", "download", "--quiet", "--no-deps", "--dest", &dest, "iniconfig"]);
    let _ = std::fs::remove_dir_all(place);
    found
}

fn pip(python: &Path, args: &[&str]) -> Command {
    let mut pip = command(&python.display().to_string(), &["-m", "pip", "--disable-pip-version-check"]);
    pip.args(args);
    pip
}

/// The version of an interpreter that is recent enough, such as `3.11`.
fn version(interpreter: &str) -> Option<String> {
    let code = "import sys, venv, ensurepip; assert sys.version_info >= (3, 10); print('%d.%d' % sys.version_info[:2])";
    let output = command(interpreter, &["-c", code]).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
