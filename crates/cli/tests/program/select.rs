//! `subsel select`: its outputs.

use serde_json::Value;

use crate::support::Dir;

#[test]
fn picks_and_their_manifest_are_written_and_told() {
    let dir = Dir::with_pool(200, 8);
    let run = dir.ok("select pool.npy -n 10 --method k-center:start=3");
    assert_eq!(dir.names(), ["picks.csv", "picks.manifest.json", "pool.npy"]);
    assert_eq!(run.stdout, "");
    assert!(run.stderr.starts_with("picked 10 of 200 rows by k-center:start=3 in "), "{}", run.stderr);
    assert!(
        run.stderr.ends_with("\npicks in picks.csv; `subsel verify picks.manifest.json` repeats them\n"),
        "{}",
        run.stderr
    );
    assert_eq!(dir.read("picks.csv").lines().next(), Some("rank,row,score,reason"));
    assert_eq!(dir.column("picks.csv", "rank"), (1..=10).map(|rank| rank.to_string()).collect::<Vec<_>>());
    assert_eq!(dir.column("picks.csv", "row")[0], "3");
    let manifest: Value = serde_json::from_str(&dir.read("picks.manifest.json")).expect("the manifest is JSON");
    assert_eq!(manifest["n"], 200);
    assert_eq!(manifest["method"]["params"]["start"], 3);
    assert_eq!(manifest["method"]["params"]["driver"], "lazy", "all parameters are there");
    assert_eq!(manifest["complete"], true);
}

#[test]
fn the_default_method_and_its_reason_are_told_and_recorded() {
    let dir = Dir::with_pool(200, 8);
    let run = dir.ok("select pool.npy -n 5");
    assert!(run.stderr.starts_with("note: method random: the rows are spread as evenly as noise"), "{}", run.stderr);
    let manifest: Value = serde_json::from_str(&dir.read("picks.manifest.json")).expect("the manifest is JSON");
    assert!(manifest["method"]["default_reason"].is_string());
    let run = dir.ok("select pool.npy -n 50% -o half.csv");
    assert!(run.stderr.starts_with("note: method random: with many labels no method was worth"), "{}", run.stderr);
}

#[test]
fn every_format_of_picks_holds_the_same_rows() {
    let dir = Dir::with_pool(100, 8);
    let hash = |output: &str| {
        dir.json(&format!("select pool.npy -n 7 -m gram-schmidt -o {output} --json"))["picks_hash"].clone()
    };
    let expected = hash("picks.csv");
    for output in ["a.jsonl", "b.npy", "c.txt", "d.parquet"] {
        assert_eq!(hash(output), expected, "{output}");
    }
    let rows = dir.column("picks.csv", "row");
    assert_eq!(dir.read("c.txt").lines().collect::<Vec<_>>(), rows);
    let first: Value = serde_json::from_str(dir.read("a.jsonl").lines().next().expect("a line")).expect("JSON");
    assert_eq!(first["row"].to_string(), rows[0]);
    assert_eq!(first["reason"]["why"], "residual", "reasons are structured where the format allows");
}

#[test]
fn a_list_of_budgets_runs_a_nested_method_once_and_others_once_each() {
    let dir = Dir::with_pool(200, 32);
    let run = dir.ok("select pool.npy -n 5,20,10% -m gram-schmidt");
    assert!(run.stderr.starts_with("picked 20 of 200 rows"), "{}", run.stderr);
    assert_eq!(dir.column("picks.csv", "row").len(), 20);
    let manifest: Value = serde_json::from_str(&dir.read("picks.manifest.json")).expect("the manifest is JSON");
    assert_eq!(manifest["budgets"][0]["picks"], 5);
    assert_eq!(manifest["budgets"][2]["asked"], "10%");
    let alone = dir.json("select pool.npy -n 5 -m gram-schmidt -o five.csv --json");
    assert_eq!(manifest["budgets"][0]["picks_hash"], alone["picks_hash"]);

    let run = dir.ok("select pool.npy -n 5,8 -m k-means-centers -o each.csv");
    assert!(run.stderr.starts_with("picked 5, 8 of 200 rows"), "{}", run.stderr);
    assert!(dir.read("each.csv").starts_with("rank,row,score,reason,budget\n"));
    assert_eq!(dir.read("each.csv").lines().count(), 1 + 5 + 8);
}

#[test]
fn several_inputs_are_one_pool_and_picks_know_their_file() {
    let dir = Dir::with_pool(30, 4);
    dir.ok("convert pool.npy more.npy");
    dir.ok("select pool.npy more.npy -n 60 -m random");
    assert_eq!(dir.read("picks.csv").lines().next(), Some("rank,row,score,reason,file,file_row"));
    let (rows, files) = (dir.column("picks.csv", "row"), dir.column("picks.csv", "file"));
    let place = rows.iter().position(|row| row == "42").expect("row 42 is picked");
    assert_eq!((files[place].as_str(), dir.column("picks.csv", "file_row")[place].as_str()), ("more.npy", "12"));
    let wide = dir.json("select pool.npy more.npy --join columns -n 3 -m random -o wide.csv --json");
    assert_eq!((wide["n"].as_u64(), wide["d"].as_u64()), (Some(30), Some(8)));
}

#[test]
fn the_rest_is_what_is_neither_picked_nor_labeled_nor_excluded() {
    let dir = Dir::with_pool(10, 4);
    dir.write("done.txt", "0\n1\n");
    dir.write("bad.txt", "9\n");
    let run =
        dir.ok("select pool.npy -n 3 -m random --labeled done.txt --exclude bad.txt --rest rest.txt -o picks.txt");
    assert!(run.stderr.contains("(3 new, 2 labeled)"), "{}", run.stderr);
    let mut all: Vec<String> = ["picks.txt", "rest.txt"]
        .iter()
        .flat_map(|name| dir.read(name).lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    all.sort();
    assert_eq!(all, ["2", "3", "4", "5", "6", "7", "8"]);
}

#[test]
fn files_are_overwritten_only_by_force() {
    let dir = Dir::with_pool(20, 4);
    dir.write("picks.csv", "precious");
    let exists = "error: picks.csv exists already\nhint: `--force` overwrites it\n";
    dir.refuses("select pool.npy -n 2 -m random", 1, exists);
    assert_eq!(dir.read("picks.csv"), "precious");
    dir.ok("select pool.npy -n 2 -m random --force");
    assert!(dir.read("picks.csv").starts_with("rank,"));
    std::fs::remove_file(dir.path("picks.csv")).expect("the picks are there");
    let exists = "error: picks.manifest.json exists already\nhint: `--force` overwrites it\n";
    dir.refuses("select pool.npy -n 2 -m random", 1, exists);
}

#[test]
fn quiet_says_warnings_only() {
    let dir = Dir::new();
    dir.write_npy("pool.npy", &[1.0; 40], 4);
    let run = dir.ok("select pool.npy -n 4 -m norm --quiet");
    assert!(run.stderr.lines().all(|line| line.starts_with("warning: ")), "{}", run.stderr);
    assert!(run.stderr.contains("distinct"), "{}", run.stderr);
}

#[test]
fn the_json_summary_keeps_its_fields() {
    let dir = Dir::with_pool(50, 4);
    let summary = dir.json("select pool.npy -n 5 -m random --seed 9 --threads 1 --json --quiet");
    let fields: Vec<&str> = summary.as_object().expect("an object").keys().map(String::as_str).collect();
    let documented = [
        "version",
        "complete",
        "method",
        "default_reason",
        "seed",
        "n",
        "d",
        "candidates",
        "labeled",
        "picks",
        "budgets",
        "picks_hash",
        "fingerprint",
        "output",
        "manifest",
        "rest",
        "threads",
        "isa",
        "check_secs",
        "select_secs",
        "select_cpu_secs",
        "total_secs",
        "peak_bytes",
        "planned_bytes",
        "warnings",
        "notes",
    ];
    assert_eq!(fields, documented);
    assert_eq!((summary["seed"].as_u64(), summary["threads"].as_u64()), (Some(9), Some(1)));
}
