//! `subsel verify`: same, or what differs.

use serde_json::Value;

use crate::support::{Dir, rows};

fn picked() -> Dir {
    let dir = Dir::with_pool(300, 6);
    dir.write("done.txt", "5\n6\n");
    dir.ok("select pool.npy -n 20 -m gram-schmidt --seed 4 --labeled done.txt");
    dir
}

#[test]
fn picks_repeat() {
    let dir = picked();
    let run = dir.ok("verify picks.manifest.json");
    assert_eq!(run.stdout, "same: 20 picks by gram-schmidt of 300 rows\n");
    assert_eq!(run.stderr, "");
    let verdict = dir.json("verify picks.manifest.json --json");
    assert_eq!((&verdict["same"], verdict["differences"].as_array().map(Vec::len)), (&Value::Bool(true), Some(0)));
    dir.ok("select pool.npy -n 5,9 -m k-means-centers -o two.csv");
    dir.ok("verify two.manifest.json");
}

#[test]
fn a_manifest_may_be_verified_from_elsewhere_and_on_a_moved_pool() {
    let dir = picked();
    std::fs::create_dir(dir.path("sub")).expect("a directory");
    let from_below = dir.shell("cd sub && \"$SUBSEL\" verify ../picks.manifest.json");
    assert_eq!((from_below.code, from_below.stderr.as_str()), (Some(0), ""));
    dir.ok("convert pool.npy pool.parquet");
    std::fs::remove_file(dir.path("pool.npy")).expect("the pool is there");
    dir.refuses("verify picks.manifest.json", 1, "error: cannot open pool.npy: No such file or directory\n");
    dir.ok("verify picks.manifest.json pool.parquet");
}

#[test]
fn other_data_are_told() {
    let dir = picked();
    let mut values = rows(300, 6);
    values[100] += 0.5;
    dir.write_npy("pool.npy", &values, 6);
    let run = dir.run("verify picks.manifest.json");
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stdout.starts_with("different data: the rows of the pool are others: fingerprint "), "{}", run.stdout);
    dir.write_npy("pool.npy", &values[6..], 6);
    let run = dir.run("verify picks.manifest.json");
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), "different data: the pool was 300 x 6 and is 299 x 6\n"));
}

#[test]
fn other_side_files_are_told() {
    let dir = picked();
    dir.write("done.txt", "5\n7\n");
    let run = dir.run("verify picks.manifest.json");
    let expected = "different side file: --labeled done.txt has other content than when the picks were made\n";
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), expected));
}

#[test]
fn other_picks_are_told_by_rank() {
    let dir = picked();
    // A manifest whose seed was changed stands for a program that picks otherwise.
    let manifest = dir.read("picks.manifest.json").replace("\"seed\": 4", "\"seed\": 5");
    dir.write("picks.manifest.json", manifest);
    let run = dir.run("verify picks.manifest.json");
    assert_eq!(run.code, Some(1));
    assert!(run.stdout.starts_with("different picks: the first other pick is at rank 1: row "), "{}", run.stdout);
}

#[test]
fn a_table_that_was_changed_is_told() {
    let dir = picked();
    let lines: Vec<String> = dir.read("picks.csv").lines().map(str::to_owned).collect();
    dir.write("picks.csv", lines[..15].join("\n"));
    let run = dir.run("verify picks.manifest.json");
    assert_eq!(run.code, Some(1));
    assert!(
        run.stdout.starts_with("different output: picks.csv does not hold the picks of this manifest"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_file_that_is_no_manifest_is_refused() {
    let dir = picked();
    let run = dir.run("verify picks.csv");
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.starts_with("error: picks.csv is not a manifest of subsel "), "{}", run.stderr);
    dir.refuses("verify absent.json", 1, "error: cannot open absent.json: No such file or directory\n");
}
