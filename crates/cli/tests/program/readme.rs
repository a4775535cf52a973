//! What the README says is so.

use std::path::Path;

use subsel::registry;

fn repository(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Contents of the code blocks that begin with this fence.
fn blocks(text: &str, fence: &str) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match (inside, line.starts_with("```")) {
            (false, true) if line == fence => {
                inside = true;
                blocks.push(String::new());
            }
            (true, true) => inside = false,
            (true, false) => blocks.last_mut().expect("a block is open").push_str(&format!("{line}\n")),
            _ => {}
        }
    }
    blocks
}

#[test]
fn its_first_two_commands_are_the_quickstart_and_the_tests() {
    let commands = blocks(&repository("README.md"), "```");
    assert_eq!(commands[..2], ["cargo run --release -- quickstart\n", "cargo xtask test\n"]);
}

#[test]
fn its_library_example_is_the_one_that_is_tested() {
    let readme = blocks(&repository("README.md"), "```rust").concat();
    let source = repository("crates/selectors/src/lib.rs");
    let comment =
        |line: &str| line.strip_prefix("//!").map(|text| format!("{}\n", text.strip_prefix(' ').unwrap_or(text)));
    let documentation: String = source.lines().map_while(comment).collect();
    let tested = blocks(&documentation, "```").concat();
    let shown: String = tested.lines().filter(|line| !line.starts_with("# ")).map(|line| format!("{line}\n")).collect();
    assert_eq!(readme, shown);
}

#[test]
fn its_table_lists_every_method() {
    let readme = repository("README.md");
    for entry in registry::all() {
        assert!(readme.contains(&format!("\n| `{}` | ", entry.info.name)), "{}", entry.info.name);
    }
}

#[test]
fn every_field_printed_as_json_is_documented() {
    let page = repository("crates/cli/JSON.md");
    let dir = crate::support::Dir::with_pool(40, 4);
    for args in [
        "select pool.npy -n 5 -m random --json --quiet",
        "verify picks.manifest.json --json",
        "judge picks.csv --pool pool.npy --random-draws 2 --json",
        "plan pool.npy -n 5 -m random --json",
        "inspect pool.npy --json",
        "methods random --json",
    ] {
        for field in dir.json(args).as_object().expect("an object").keys() {
            assert!(page.contains(&format!("`{field}`")), "`{field}` of subsel {args}");
        }
    }
}
