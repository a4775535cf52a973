//! `subsel score`, `subsel dedup`, and what `select` makes of them.

use crate::support::Dir;

#[test]
fn scores_are_written_as_any_table_and_read_back_by_select() {
    let dir = Dir::with_pool(200, 4);
    for name in ["s.npy", "s.txt", "s.csv", "s.parquet", "s.jsonl"] {
        let run = dir.ok(&format!("score pool.npy --by k-distance:k=3 -o {name}"));
        assert!(run.stderr.contains("scored 200 rows by k-distance"), "{}", run.stderr);
        dir.ok(&format!("select pool.npy -n 20 -m ccs --scores {name} -o picks.csv --force"));
        let rows = dir.column("picks.csv", "row");
        dir.ok("select pool.npy -n 20 -m ccs --scores s.npy -o again.csv --force");
        assert_eq!(rows, dir.column("again.csv", "row"), "{name}");
        assert!(dir.ok("verify picks.manifest.json").stdout.starts_with("same"));
    }
    assert_eq!(dir.column("s.csv", "row").len(), 200);
    dir.write("s.npy", "");
    assert!(!dir.run("verify again.manifest.json").stdout.starts_with("same"), "a side file has changed");
}

#[test]
fn rows_that_were_dropped_have_no_score() {
    let dir = Dir::new();
    dir.write("pool.csv", "x,y\n1,2\nnan,4\n5,6\n");
    dir.ok("score pool.csv --by norm --drop-nonfinite -o s.csv");
    assert_eq!(dir.column("s.csv", "score")[1], "");
    let run = dir.ok("score pool.csv --by norm --drop-nonfinite -o s.npy --json");
    let summary: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert!(summary["least"].as_f64().is_some_and(|least| (least - 5_f64.sqrt()).abs() < 1e-9), "{summary}");
}

#[test]
fn what_cannot_be_scored_by_is_refused() {
    let dir = Dir::with_pool(5, 2);
    dir.refuses(
        "score pool.npy --by denity",
        2,
        "error: there is no score `denity`\n  denity\n  ^\nhint: did you mean `density`?\n",
    );
    dir.refuses("score pool.npy --by k-distance:k=0", 2, "error: `k` of `k-distance` must be at least 1, got 0\n");
    dir.write("s.txt", "1\n2\n3\n4\n");
    dir.refuses(
        "select pool.npy -n 2 -m ccs --scores s.txt",
        1,
        "error: 4 scores in s.txt for a pool of 5 rows\n\
         hint: a first line that is no header in a csv counts as one; a txt has no header\n",
    );
    dir.write("s.txt", "1\n2\nx\n4\n5\n");
    dir.refuses(
        "select pool.npy -n 2 -m ccs --scores s.txt",
        1,
        "error: s.txt: scores must be numbers, that of row 2 is `x`\n",
    );
    dir.write("s.txt", "1\n2\nnan\n4\n5\n");
    dir.refuses(
        "select pool.npy -n 2 -m ccs --scores s.txt",
        1,
        "error: scores must be numbers, finite or infinite, and that of row 2 is NaN\n",
    );
    assert!(dir.ok("score --list").stdout.contains("k-distance"));
}

/// Three directions: two rows, three rows and one row.
fn twins() -> Dir {
    let dir = Dir::new();
    dir.write("pool.csv", "x,y\n1,0\n0,1\n2,0.01\n0.01,3\n1,1\n0,5\n");
    dir
}

#[test]
fn duplicates_are_told_with_what_is_kept_and_why() {
    let dir = twins();
    let run = dir.ok("dedup pool.csv --threshold 0.99 --kept kept.txt");
    assert!(
        run.stderr.contains("3 of 6 candidates are duplicates (cosine above 0.99) of 2 kept rows"),
        "{}",
        run.stderr
    );
    assert_eq!(dir.column("duplicates.csv", "row"), ["2", "3", "5"]);
    assert_eq!(dir.column("duplicates.csv", "of"), ["0", "1", "1"]);
    assert_eq!(dir.column("duplicates.csv", "group_size"), ["2", "3", "3"]);
    assert_eq!(dir.read("kept.txt"), "0\n1\n4\n");
    assert!(dir.read("duplicates.csv").contains("to row 0, which comes first"));
    // Labeled rows are kept, then those that score higher.
    dir.write("scores.txt", "1\n1\n5\n1\n1\n1\n");
    dir.write("labeled.txt", "5\n");
    dir.ok("dedup pool.csv --threshold 0.99 --scores scores.txt --labeled labeled.txt --force");
    assert_eq!(dir.column("duplicates.csv", "row"), ["0", "1", "3"]);
    let text = dir.read("duplicates.csv");
    assert!(
        text.contains("to row 2, which scores 5 to its 1") && text.contains("to row 5, which is labeled"),
        "{text}"
    );
    dir.refuses("dedup pool.csv --threshold 1", 2, "error: `threshold` of `dedup` must be from 0 to below 1, got 1\n");
}

#[test]
fn select_leaves_duplicates_out_and_verify_repeats_that() {
    let dir = twins();
    dir.ok("select pool.csv -n 100% -m norm:pick=largest --dedup 0.99 --rest rest.csv");
    assert_eq!(dir.column("picks.csv", "row"), ["4", "0", "1"]);
    assert!(dir.column("rest.csv", "row").is_empty());
    assert!(dir.ok("verify picks.manifest.json").stdout.starts_with("same: 3 picks"));
    dir.ok("dedup pool.csv --threshold 0.99");
    dir.ok("select pool.csv -n 3 -m norm:pick=largest --exclude duplicates.csv -o two.csv");
    assert_eq!(dir.column("two.csv", "row"), ["4", "0", "1"]);
    let error = dir.run("select pool.csv -n 4 -m norm --dedup 0.99 -o three.csv").stderr;
    assert!(error.contains("cannot pick 4 of 3 candidate rows"), "{error}");
}

#[test]
fn what_a_model_says_is_held_against_the_labels() {
    let dir = Dir::with_pool(3, 2);
    dir.write_npy("probs.npy", &[0.5, 0.3, 0.2, 0.4, 0.35, 0.25, 0.1, 0.1, 0.8], 3);
    dir.write("labels.txt", "0\n1\n2\n");
    let words = "--probs probs.npy --labels labels.txt";
    dir.ok(&format!("score pool.npy --by el2n {words} -o el2n.csv"));
    let found: Vec<f64> = dir.column("el2n.csv", "score").iter().map(|text| text.parse().expect("a number")).collect();
    let want = [0.38_f64.sqrt(), (0.16_f64 + 0.4225 + 0.0625).sqrt(), 0.06_f64.sqrt()];
    found.iter().zip(want).for_each(|(found, want)| assert!((found - want).abs() < 1e-6, "{found} {want}"));
    dir.write("labels.txt", "0\n1\n-1\n");
    let run = dir.run(&format!("score pool.npy --by el2n {words} -o again.csv"));
    assert!(run.code == Some(1) && run.stderr.contains("row 2"), "{}", run.stderr);
}
