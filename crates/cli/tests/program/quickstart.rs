//! `subsel quickstart`: the first thing a new user sees.

use serde_json::Value;

use crate::support::Dir;

#[test]
fn everything_promised_is_there() {
    let dir = Dir::new();
    let run = dir.ok("quickstart");
    assert_eq!(dir.names(), ["subsel-quickstart"]);
    for line in ["kinds covered", "coverage radius", "mean distance", "subsel-quickstart/quickstart.html"] {
        assert!(run.stdout.contains(line), "{line} in {}", run.stdout);
    }
    let page = dir.read("subsel-quickstart/quickstart.html");
    assert!(page.contains("data:image/png;base64,iVBOR"));
    assert!(!page.contains("http://") && !page.contains("https://"), "the page needs nothing from elsewhere");
    let data = page.lines().find_map(|line| line.strip_prefix("const data = ")).expect("the page has data");
    let data: Value = serde_json::from_str(data.trim_end_matches(';')).expect("the data are JSON");
    assert_eq!(data["points"].as_array().map(Vec::len), Some(1200));
    assert_eq!(data["methods"][0]["picks"].as_array().map(Vec::len), Some(40));
    dir.ok("verify subsel-quickstart/picks.manifest.json");
    dir.ok("quickstart");
}

#[test]
fn a_directory_of_others_is_left_alone() {
    let dir = Dir::new();
    std::fs::create_dir(dir.path("mine")).expect("a directory");
    dir.write("mine/notes.txt", "mine");
    dir.refuses(
        "quickstart -o mine",
        1,
        "error: mine is there already and was not made by quickstart\nhint: `-o DIR` names another directory\n",
    );
}
