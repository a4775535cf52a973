//! `plan`, `inspect`, `methods`, `take`, `convert`, `completions`.

use crate::support::{Dir, rows};

#[test]
fn a_plan_tells_passes_time_and_memory() {
    let dir = Dir::with_pool(500, 8);
    let run = dir.ok("plan pool.npy -n 50 -m random -m k-center --threads 1");
    assert!(run.stdout.starts_with("500 rows of 8 values, 1 thread, "), "{}", run.stdout);
    assert_eq!(run.stdout.lines().filter(|line| line.contains("MiB")).count(), 2, "{}", run.stdout);
    let plan = dir.json("plan pool.npy -n 50 -m all --json");
    assert!(plan["peak_bytes"].as_u64().is_some_and(|bytes| bytes > 0));
    assert!(plan["plans"].as_array().is_some_and(|plans| plans.len() > 5));
    assert_eq!(plan["plans"][0]["method"], plan["method"]);
}

#[test]
fn a_run_beyond_the_memory_allowed_is_refused() {
    let dir = Dir::with_pool(500, 8);
    let run = dir.run("select pool.npy -n 50 -m random --max-memory 1MB");
    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr.starts_with("error: this needs about ") && run.stderr.contains("hint: raise `--max-memory`"),
        "{}",
        run.stderr
    );
    assert_eq!(dir.names(), ["pool.npy"]);
    assert_eq!(dir.run("select pool.npy -n 50 -m random --max-memory lots").code, Some(2));
}

#[test]
fn inspection_counts_and_refuses_nothing() {
    let dir = Dir::new();
    let mut values = rows(50, 4);
    values.extend_from_within(..12);
    values.extend([0.0; 8]);
    values.extend([1.0, f32::NAN, f32::NEG_INFINITY, 2.0]);
    dir.write_npy("pool.npy", &values, 4);
    let report = dir.json("inspect pool.npy --json");
    assert_eq!((report["n"].as_u64(), report["d"].as_u64()), (Some(56), Some(4)));
    assert_eq!(report["duplicate_rows"], 4, "three copies and a second zero row");
    assert_eq!(report["zero_rows"], 2);
    assert_eq!(report["nonfinite_rows"], 1);
    assert_eq!(report["nonfinite_values"], 2);
    assert_eq!(report["first_nonfinite"]["column"], 1);
    assert_eq!(report["rank"]["rank"], 4);
    let text = dir.ok("inspect pool.npy").stdout;
    assert!(text.contains("1 row with 2 values, the first (NaN) at row 55, column 1"), "{text}");
    assert!(text.contains("`--drop-nonfinite`"), "{text}");
}

#[test]
fn inspection_finds_a_low_rank() {
    let dir = Dir::new();
    let short = rows(100, 3);
    let long: Vec<f32> =
        short.chunks(3).flat_map(|row| [row[0], row[1], row[2], row[0] + row[1], row[1] - row[2]]).collect();
    dir.write_npy("pool.npy", &long, 5);
    let report = dir.json("inspect pool.npy --json");
    assert_eq!((&report["rank"]["rank"], &report["rank"]["is_whole"]), (&3.into(), &true.into()));
    assert!(report["hints"].to_string().contains("3 of 5 dimensions"), "{report}");
}

#[test]
fn methods_are_listed_and_told() {
    let dir = Dir::new();
    let list = dir.ok("methods").stdout;
    for name in ["random", "gram-schmidt", "k-center", "k-means-centers"] {
        assert!(list.lines().any(|line| line.starts_with(name)), "{name} in {list}");
        let page = dir.ok(&format!("methods {name}")).stdout;
        assert!(page.contains("\nnot when") && page.contains("\nsource"), "{page}");
    }
    let method = dir.json("methods coreset --json");
    assert_eq!((method["name"].as_str(), method["params"][0]["default"].as_str()), (Some("k-center"), Some("random")));
}

#[test]
fn chosen_rows_are_taken_out_of_every_shard() {
    let dir = Dir::with_pool(20, 4);
    dir.write("texts.txt", (0..20).map(|i| format!("text {i}\n")).collect::<String>());
    dir.write("picks.txt", "3\n17\n0\n");
    let run = dir.ok("take picks.txt texts.txt -o out");
    assert_eq!(run.stderr, "took 3 of 20 rows into 1 file:\n  out/texts.txt  3 rows\n");
    assert_eq!(dir.read("out/texts.txt"), "text 0\ntext 3\ntext 17\n");
    dir.ok("convert pool.npy a.parquet");
    dir.ok("convert pool.npy b.parquet");
    dir.ok("select a.parquet b.parquet -n 10 -m random");
    dir.ok("take picks.csv a.parquet b.parquet -o shards");
    let report = dir.json("inspect shards/a.parquet shards/b.parquet --json");
    assert_eq!(report["n"], 10);
    dir.write("picks.txt", "20\n");
    dir.refuses(
        "take picks.txt texts.txt -o out",
        1,
        "error: picks.txt names row 20, but the inputs have 20 rows\n\
         hint: give the same inputs in the same order as `subsel select` had\n",
    );
}

#[test]
fn pools_are_converted_and_never_overwritten_silently() {
    let dir = Dir::with_pool(20, 4);
    let run = dir.ok("convert pool.npy pool.parquet");
    assert_eq!(run.stderr, "20 rows of 4 values in pool.parquet\n");
    dir.refuses(
        "convert pool.npy pool.parquet",
        1,
        "error: pool.parquet exists already\nhint: `--force` overwrites it\n",
    );
    dir.refuses("convert pool.npy pool.npy --force", 1, "error: pool.npy is both the input and the output\n");
    dir.ok("convert pool.parquet half.npy --dtype f16");
    assert_eq!(dir.json("inspect half.npy --json")["dtype"], "f16");
}

#[test]
fn shells_get_their_completions() {
    let dir = Dir::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(dir.ok(&format!("completions {shell}")).stdout.contains("quickstart"), "{shell}");
    }
}
