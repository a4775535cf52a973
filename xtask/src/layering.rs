//! Which crate may depend on which: arrows point down the list only. The tests below read the manifests.

#![cfg(test)]

use std::path::Path;

/// Our packages from the bottom up. A package may depend on those of earlier lines only.
const LAYERS: [&[&str]; 8] = [
    &["subsel-kernels"],
    &["subsel-formats"],
    &["subsel"],
    &["subsel-metrics", "subsel-images"],
    &["subsel-report", "subsel-proxy", "subsel-onnx"],
    &["subsel-nets"],
    &["subsel-cli"],
    &["subsel-python", "subsel-explorer"],
];

fn layer(package: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&package))
}

/// The arrows of one manifest that point up or sideways, in words; a package without a layer is one too.
fn wrong_arrows(manifest: &str) -> Vec<String> {
    let package = package_name(manifest);
    let Some(from) = layer(package) else {
        return vec![format!("package `{package}` has no layer: give it one in xtask/src/layering.rs")];
    };
    dependencies(manifest)
        .filter(|name| layer(name).is_some_and(|to| to >= from))
        .map(|name| format!("`{package}` depends on `{name}`, which does not lie below it"))
        .collect()
}

fn package_name(manifest: &str) -> &str {
    let line = manifest.lines().find_map(|line| line.strip_prefix("name = ")).expect("a manifest names its package");
    line.trim().trim_matches('"')
}

/// Packages named in any table of dependencies: `[dependencies]`, `[dev-dependencies]`, `[target.'..'.dependencies]`,
/// `[dependencies.name]`, and renamed ones by their `package`.
fn dependencies(manifest: &str) -> impl Iterator<Item = &str> {
    let mut in_table = false;
    manifest.lines().filter_map(move |line| {
        if let Some(header) = line.trim().strip_prefix('[') {
            let header = header.trim_end().trim_end_matches(']');
            let (table, entry) = match header.rsplit_once("dependencies.") {
                Some((_, entry)) => (true, Some(entry)),
                None => (header.ends_with("dependencies"), None),
            };
            in_table = table;
            return entry;
        }
        if !in_table {
            return None;
        }
        let (key, value) = line.split_once('=')?;
        let renamed = value.split_once("package = \"").and_then(|(_, rest)| rest.split_once('"'));
        match (key.trim(), renamed) {
            (_, Some((package, _))) => Some(package),
            ("package", None) => Some(value.trim().trim_matches('"')),
            (key, None) => Some(key.split('.').next().unwrap_or(key)),
        }
    })
}

#[test]
fn arrows_between_crates_point_down() {
    let crates = crate::root().join("crates");
    let mut wrong = Vec::new();
    let mut seen = 0;
    for entry in std::fs::read_dir(&crates).expect("crates/ is readable") {
        let path = entry.expect("crates/ is readable").path().join("Cargo.toml");
        if let Ok(manifest) = std::fs::read_to_string(&path) {
            seen += 1;
            wrong.extend(wrong_arrows(&manifest));
        }
    }
    assert!(seen >= 4, "only {seen} manifests found in {}", crates.display());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn xtask_stands_apart() {
    let manifest = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).expect("readable");
    assert_eq!(dependencies(&manifest).next(), None, "xtask builds first and alone: no dependencies");
}

#[test]
fn an_arrow_up_is_named() {
    let manifest =
        "[package]\nname = \"subsel-kernels\"\n[dependencies]\nhalf.workspace = true\nsubsel.workspace = true\n";
    assert_eq!(wrong_arrows(manifest), ["`subsel-kernels` depends on `subsel`, which does not lie below it"]);
}

#[test]
fn every_way_to_name_a_dependency_is_seen() {
    for arrow in [
        "[dependencies]\nsubsel-python = { path = \"../cli\" }",
        "[dev-dependencies]\nsubsel-python.workspace = true",
        "[target.'cfg(unix)'.dependencies]\nsubsel-python = \"1\"",
        "[dependencies.subsel-python]\nversion = \"1\"",
        "[dependencies]\nfront = { package = \"subsel-python\", path = \"../cli\" }",
        "[dependencies.front]\npackage = \"subsel-python\"",
    ] {
        let manifest = format!("[package]\nname = \"subsel-explorer\"\n{arrow}\n");
        assert_eq!(wrong_arrows(&manifest).len(), 1, "fronts do not depend on each other: {arrow}");
    }
}

#[test]
fn a_new_package_must_be_given_a_layer() {
    assert_eq!(wrong_arrows("[package]\nname = \"subsel-new\"\n").len(), 1);
}
