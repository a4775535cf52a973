//! `subsel judge`.

use serde_json::Value;

use crate::support::Dir;

/// The line of a name in the first block.
fn line<'a>(judged: &'a Value, block: usize, name: &str) -> &'a Value {
    let lines = judged["blocks"][block]["metrics"].as_array().expect("lines");
    lines.iter().find(|line| line["name"] == name).unwrap_or_else(|| panic!("no {name} in {judged}"))
}

/// Two far apart groups on a line, nine rows near 0 for each near 10.
fn groups() -> Dir {
    let dir = Dir::new();
    let values: Vec<f32> =
        (0..100).map(|row| if usize::is_multiple_of(row, 10) { 10.0 } else { 0.01 * row as f32 }).collect();
    dir.write_npy("pool.npy", &values, 1);
    dir
}

#[test]
fn picks_of_all_formats_are_judged_alike() {
    let dir = Dir::with_pool(300, 4);
    dir.ok("select pool.npy -n 12 -m k-center -o picks.csv");
    let of = |name: &str| dir.json(&format!("judge {name} --pool pool.npy --json --random-draws 4"));
    let first = of("picks.csv");
    assert_eq!(first["method"], "k-center");
    assert_eq!(first["blocks"][0]["picks"], 12);
    for name in ["p.parquet", "p.jsonl", "p.npy", "p.txt"] {
        dir.ok(&format!("select pool.npy -n 12 -m k-center -o {name} --force"));
        assert_eq!(of(name)["blocks"], first["blocks"], "{name}");
    }
    assert_eq!(dir.json("evaluate picks.csv --pool pool.npy --json --random-draws 4")["blocks"], first["blocks"]);
    let threads = dir.json("judge picks.csv --pool pool.npy --json --random-draws 4 --threads 1 --block-rows 7");
    assert_eq!(threads["blocks"], first["blocks"]);
    dir.ok("select pool.npy -n 12 -m k-center -o picks.csv --force");
    assert_eq!(
        dir.json("judge picks.csv --json --random-draws 4")["blocks"],
        first["blocks"],
        "the manifest names the pool"
    );
    dir.write("picks.csv", "rank,row\n1,5\n");
    let run = dir.run("judge picks.csv");
    assert!(
        run.stderr.starts_with("error: picks.csv does not hold the picks of picks.manifest.json"),
        "{}",
        run.stderr
    );
    std::fs::remove_file(dir.path("picks.manifest.json")).expect("it goes");
    let run = dir.run("judge picks.csv");
    assert!(run.stderr.starts_with("error: there is no picks.manifest.json to say which pool"), "{}", run.stderr);
}

#[test]
fn a_good_selection_is_told_from_a_bad_one() {
    let dir = groups();
    dir.write("good.txt", "0\n55\n");
    dir.write("bad.txt", "1\n2\n");
    let good = dir.json("judge good.txt --pool pool.npy --json --metrics mean-distance,coverage-radius,norm-ratio");
    let value = line(&good, 0, "coverage-radius")["value"].as_f64().expect("a radius");
    assert!((value - 0.54).abs() < 1e-6, "{good}");
    assert_eq!(line(&good, 0, "norm-ratio")["better"], "neither");
    let bad = dir.json("judge bad.txt --pool pool.npy --json --metrics mean-distance,coverage-radius");
    let mean = |judged: &Value| line(judged, 0, "mean-distance")["value"].as_f64().expect("a mean");
    assert!(mean(&bad) > 1.0 && mean(&good) < 0.3, "{bad}");
    // Random draws are the same for both, whatever is judged.
    assert_eq!(line(&good, 0, "mean-distance")["random_mean"], line(&bad, 0, "mean-distance")["random_mean"]);
    let text = dir.ok("judge bad.txt --pool pool.npy --metrics mean-distance").stdout;
    assert!(text.contains("bad.txt: 2 rows of 100, beside 20 draws of 2 random rows"), "{text}");
}

#[test]
fn every_budget_has_a_block() {
    let dir = Dir::with_pool(200, 3);
    dir.ok("select pool.npy -n 5,20 -m k-means-centers -o apart.csv");
    let apart = dir.json("judge apart.csv --pool pool.npy --json --metrics vendi --random-draws 3");
    let budgets = |judged: &Value| -> Vec<(u64, u64)> {
        let blocks = judged["blocks"].as_array().expect("blocks").iter();
        blocks.map(|b| (b["budget"].as_u64().expect("a budget"), b["picks"].as_u64().expect("a count"))).collect()
    };
    assert_eq!(budgets(&apart), [(5, 5), (20, 20)]);
    // Where the picks for 5 are the first of those for 20 there is one list, and the manifest tells.
    dir.ok("select pool.npy -n 5,20 -m k-center -o nested.csv");
    assert_eq!(
        budgets(&dir.json("judge nested.csv --pool pool.npy --json --metrics vendi --random-draws 3")),
        [(5, 5), (20, 20)]
    );
}

#[test]
fn labels_and_test_rows_tell_what_can_be_learned() {
    let dir = groups();
    let label = |row: usize| if usize::is_multiple_of(row, 10) { "far\n" } else { "near\n" };
    dir.write("labels.txt", (0..100).map(label).collect::<String>());
    dir.write("good.txt", "0\n55\n");
    dir.write_npy("test.npy", &[10.0, 0.3, 0.2, 9.0], 1);
    dir.write("test.txt", "far\nnear\nnear\nfar\n");
    let judged = dir.json(
        "judge good.txt --pool pool.npy --labels labels.txt --test test.npy test.txt --evaluators logistic --metrics w1 --json",
    );
    assert_eq!(line(&judged, 0, "class-coverage")["value"], 1.0);
    assert_eq!(line(&judged, 0, "class-balance")["value"], 1.0);
    assert_eq!(line(&judged, 0, "logistic")["value"], 1.0);
    assert_eq!(line(&judged, 0, "ceiling")["value"], 1.0);
    // Of two random rows both are near most of the time.
    assert!(line(&judged, 0, "logistic")["random_mean"].as_f64().is_some_and(|mean| mean < 0.9), "{judged}");
    // A class that the test rows lack is told.
    dir.write_npy("test.npy", &[0.3, 0.2], 1);
    dir.write("test.txt", "near\nnear\n");
    let run = dir.ok("judge good.txt --pool pool.npy --labels labels.txt --test test.npy test.txt --metrics w1");
    assert!(run.stderr.contains("no test row is of class `far`"), "{}", run.stderr);
    assert!(run.stdout.contains("linear-probe accuracy") && run.stdout.contains("20nn accuracy"), "{}", run.stdout);
}

#[test]
fn one_row_is_judged_by_what_exists() {
    let dir = Dir::with_pool(60, 3);
    dir.write("one.txt", "7\n");
    let judged = dir.json("judge one.txt --pool pool.npy --json --random-draws 3");
    assert!(line(&judged, 0, "frechet")["value"].is_null() && line(&judged, 0, "largest-cosine")["value"].is_null());
    assert_eq!(line(&judged, 0, "frechet")["verdict"], "does not exist");
    assert_eq!(line(&judged, 0, "vendi")["value"], 1.0);
    assert!(line(&judged, 0, "w1")["value"].as_f64().is_some_and(|w1| w1 > 0.0));
}

#[test]
fn random_rows_are_drawn_from_what_could_have_been_picked() {
    let dir = groups();
    dir.write("done.txt", (0..98).map(|row| format!("{row}\n")).collect::<String>());
    dir.ok("select pool.npy -n 2 -m random --labeled done.txt");
    // Only rows 98 and 99 are left: every draw is the picks.
    let judged = dir.json("judge picks.csv --pool pool.npy --json --metrics mean-distance");
    let line = line(&judged, 0, "mean-distance");
    assert_eq!((line["random_sd"].as_f64(), &line["verdict"]), (Some(0.0), &Value::from("like random")));
    // With what was labeled the picks and every draw are the whole pool.
    let whole = dir.json("judge picks.csv --json --metrics mean-distance,clusters-hit --with-labeled");
    assert_eq!((&whole["labeled_counted"], &whole["blocks"][0]["picks"]), (&Value::from(98), &Value::from(2)));
    let mean = whole["blocks"][0]["metrics"][0]["value"].as_f64();
    assert!(mean.is_some_and(|mean| mean < 1e-6), "{whole}");
    let text = dir.ok("judge picks.csv --metrics mean-distance --with-labeled").stdout;
    assert!(
        text.contains("2 rows of 100 by random, beside 20 draws of 2 random rows, each with 98 labeled rows"),
        "{text}"
    );
    dir.write("none.txt", "");
    dir.refuses(
        "judge picks.csv --metrics mean-distance --with-labeled --labeled none.txt",
        2,
        "error: `--with-labeled` needs labeled rows\nhint: `--labeled FILE` names them\n",
    );
    dir.write("done.txt", "0\n");
    let run = dir.ok("judge picks.csv --pool pool.npy --metrics mean-distance");
    assert!(run.stderr.contains("--labeled done.txt of the manifest is gone or has changed"), "{}", run.stderr);
    dir.write("three.txt", "1\n2\n3\n");
    dir.write("most.txt", (0..98).map(|row| format!("{row}\n")).collect::<String>());
    let run = dir.ok("judge three.txt --pool pool.npy --metrics mean-distance --exclude most.txt");
    assert!(run.stderr.contains("there is no random to compare with"), "{}", run.stderr);
    assert!(run.stdout.contains("nothing to compare with"), "{}", run.stdout);
}

#[test]
fn what_cannot_be_judged_is_refused() {
    let dir = Dir::with_pool(50, 3);
    dir.ok("select pool.npy -n 5 -m norm");
    dir.write_npy("other.npy", &crate::support::rows(51, 3)[3..], 3);
    let run = dir.run("judge picks.csv --pool other.npy");
    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr.starts_with("error: picks.csv was not picked from this pool: its fingerprint is "),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("hint: the picks were made from pool.npy; a copy of them without picks.manifest.json"),
        "{}",
        run.stderr
    );
    dir.write_npy("longer.npy", &crate::support::rows(60, 3), 3);
    let run = dir.run("judge picks.csv --pool longer.npy");
    assert!(run.stderr.contains("it has 60 rows of 3 values, theirs had 50 of 3"), "{}", run.stderr);
    dir.write("far.txt", "3\n50\n");
    dir.refuses(
        "judge far.txt --pool pool.npy",
        1,
        "error: entry 2 of far.txt is row 50, which the pool does not have; rows are 0 to 49\n",
    );
    dir.write("twice.txt", "3\n4\n3\n");
    dir.refuses(
        "judge twice.txt --pool pool.npy",
        1,
        "error: twice.txt names row 3 twice\nhint: picks for several budgets are told apart by a column `budget`\n",
    );
    dir.write("none.txt", "");
    dir.refuses("judge none.txt --pool pool.npy", 1, "error: none.txt names no rows\n");
    let run = dir.run("judge picks.csv --pool pool.npy --test pool.npy far.txt");
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.starts_with("error: `--test` needs the labels of the picks\n"), "{}", run.stderr);
    dir.write("labels.txt", "1\n".repeat(49));
    let run = dir.run("judge picks.csv --pool pool.npy --labels labels.txt");
    assert!(run.stderr.starts_with("error: 49 labels in labels.txt for a pool of 50 rows\n"), "{}", run.stderr);
    let run = dir.run("judge picks.csv --pool pool.npy --metrics fid");
    assert!(
        run.code == Some(2)
            && run.stderr.starts_with("error: there is no metric `fid`\nhint: there are: coverage-radius")
    );
    let run = dir.run("judge picks.csv --pool pool.npy --random-draws 1");
    assert!(run.code == Some(2) && run.stderr.contains("--random-draws must be at least 2, got 1"), "{}", run.stderr);
    let run = dir.run("judge picks.csv --pool pool.npy --max-memory 1MB");
    assert!(run.code == Some(1) && run.stderr.contains("are allowed"), "{}", run.stderr);
    dir.write("labels.txt", "1\n".repeat(50));
    dir.write_npy("wide.npy", &[1.0, 2.0, 3.0, 4.0], 4);
    dir.write("one.txt", "1\n");
    let run = dir.run("judge picks.csv --pool pool.npy --labels labels.txt --test wide.npy one.txt");
    assert!(run.stderr.starts_with("error: test rows have 4 values, those of the pool 3\n"), "{}", run.stderr);
}
