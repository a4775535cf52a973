//! What cannot be done is refused with the place, the value and the remedy, and nothing is lost.

use crate::support::{Dir, rows};

#[test]
fn usage_is_refused_before_any_file_is_opened() {
    let dir = Dir::new();
    dir.refuses(
        "select absent.npy",
        2,
        "error: how many rows to pick is not said\nhint: `-n 1000`, `-n 5%`, or a list such as `-n 100,200,400`\n",
    );
    dir.refuses(
        "select absent.npy -n 10 -m gram-shmidt",
        2,
        "error: there is no method `gram-shmidt`\n  gram-shmidt\n  ^\nhint: did you mean `gram-schmidt`?\n",
    );
    dir.refuses(
        "select absent.npy -n 10 -m norm+k-center:strat=3",
        2,
        "error: `k-center` has no parameter `strat`\n  norm+k-center:strat=3\n                ^\nhint: did you mean `start`?\n",
    );
    dir.refuses(
        "select absent.npy -n 10 -m norm:norm=l7",
        2,
        "error: `norm` of `norm` must be l1, l2 or linf, got l7\n  norm:norm=l7\n            ^\n",
    );
    dir.refuses(
        "methods gramschmidt",
        2,
        "error: there is no method `gramschmidt`\nhint: did you mean `gram-schmidt`?\n",
    );
    assert_eq!(dir.run("select absent.npy -n 10 --methud x").code, Some(2));
    assert_eq!(dir.run("selct").code, Some(2));
    assert_eq!(dir.run("").code, Some(2));
}

#[test]
fn names_of_other_tools_are_answered_with_ours() {
    let dir = Dir::new();
    for (given, name, here) in [
        ("--budget 500", "--budget", "-n 500"),
        ("--fraction 0.05", "--fraction", "-n 5%"),
        ("--keep=0.3", "--keep", "-n 30%"),
        ("--prune-rate 0.7", "--prune-rate", "-n 30%"),
    ] {
        let expected = format!("error: there is no `{name}`\nhint: here it is `{here}`\n");
        dir.refuses(&format!("select pool.npy {given}"), 2, &expected);
    }
}

#[test]
fn impossible_budgets() {
    let dir = Dir::with_pool(30, 4);
    dir.refuses(
        "select pool.npy -n 31 -m random",
        1,
        "error: cannot pick 31 of 30 candidate rows\n\
         hint: `-n 30` or `-n 100%` ranks all of them; labeled and excluded rows are no candidates\n",
    );
    for text in ["0", "0%", "101%", "0.5", "ten", "5,,6"] {
        let run = dir.run(&format!("select pool.npy -n {text} -m random"));
        assert_eq!(run.code, Some(2), "-n {text}: {}", run.stderr);
        assert!(run.stderr.starts_with("error: budget `"), "{}", run.stderr);
    }
    dir.ok("select pool.npy -n 30 -m random");
}

#[test]
fn files_that_are_no_pool() {
    let dir = Dir::with_pool(30, 4);
    dir.write("empty.npy", "");
    dir.write("foreign.npy", "PAR1 and so on, and so on PAR1");
    dir.write("text.npy", "not a matrix at all, only words that go on for a while");
    dir.write("noname", "what is this");
    dir.write("ragged.csv", "1,2,3\n4,5\n");
    dir.write("words.csv", "1,2\n3,four\n");
    let whole = std::fs::read(dir.path("pool.npy")).expect("the pool is there");
    dir.write("short.npy", &whole[..whole.len() - 5]);
    dir.write("long.npy", [&whole[..], b"more"].concat());
    std::fs::create_dir(dir.path("folder")).expect("a folder");
    for name in [
        "absent.npy",
        "empty.npy",
        "foreign.npy",
        "text.npy",
        "noname",
        "ragged.csv",
        "words.csv",
        "short.npy",
        "long.npy",
        "folder",
        "no*.npy",
    ] {
        let before = dir.names();
        let run = dir.run(&format!("select {name} -n 1 -m random"));
        assert_eq!(run.code, Some(1), "{name}: {}", run.stderr);
        assert!(run.stderr.starts_with("error: ") && run.stderr.contains(name), "{name}: {}", run.stderr);
        assert_eq!(dir.names(), before, "{name}");
    }
    dir.refuses("select absent.npy -n 1", 1, "error: cannot open absent.npy: No such file or directory\n");
    let run = dir.run("select folder -n 1");
    assert!(
        run.stderr.starts_with("error: folder: holds no files\nhint: known are: directories of images"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.ends_with("named by a glob, such as `dir/*.parquet`\n"), "{}", run.stderr);
    dir.refuses("select no*.npy -n 1", 1, "error: `no*.npy` matches no file\n");
}

#[test]
fn rows_without_values_and_pools_without_rows() {
    let dir = Dir::new();
    for (name, shape) in [("d0.npy", "(3, 0)"), ("n0.npy", "(0, 3)"), ("flat.npy", "(3,)")] {
        let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
        header.push_str(&" ".repeat(117 - header.len()));
        header.push('\n');
        let bytes = [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes()].concat();
        dir.write(name, [bytes, vec![0; if name == "flat.npy" { 12 } else { 0 }]].concat());
        let run = dir.run(&format!("select {name} -n 1 -m random"));
        assert_eq!(run.code, Some(1), "{name}: {}", run.stderr);
        assert!(run.stderr.starts_with("error: ") && run.stderr.contains(name), "{}", run.stderr);
    }
}

#[test]
fn values_that_are_not_finite_are_counted_and_placed() {
    let dir = Dir::new();
    let mut values = rows(20, 4);
    (values[4 * 7 + 2], values[4 * 9]) = (f32::NAN, f32::INFINITY);
    dir.write_npy("pool.npy", &values, 4);
    dir.refuses(
        "select pool.npy -n 5 -m random",
        1,
        "error: pool.npy: embeddings hold 2 non-finite values, the first (NaN) at row 7, column 2\n\
         hint: `--drop-nonfinite` leaves such rows out of the pool\n",
    );
    dir.write_npy("good.npy", &rows(10, 4), 4);
    let run = dir.run("select good.npy pool.npy -n 5 -m random");
    assert!(run.stderr.contains("at row 17, column 2 (row 7 of pool.npy)\n"), "{}", run.stderr);
    let run = dir.ok("select pool.npy -n 18 -m random --drop-nonfinite");
    assert!(
        run.stderr.contains("warning: 2 rows with non-finite values were left out of the pool\n"),
        "{}",
        run.stderr
    );
    let picked = dir.column("picks.csv", "row");
    assert!(!picked.contains(&"7".into()) && !picked.contains(&"9".into()), "{picked:?}");
}

#[test]
fn outputs_that_cannot_be_written_are_refused_before_the_work() {
    let dir = Dir::with_pool(30, 4);
    dir.refuses(
        "select absent.npy -n 5 -o here/picks.csv",
        1,
        "error: cannot open absent.npy: No such file or directory\n",
    );
    dir.refuses(
        "select pool.npy -n 5 -o absent/picks.csv",
        1,
        "error: cannot write absent/picks.csv: No such file or directory\n\
         hint: create the directory first: `mkdir -p absent`\n",
    );
    dir.refuses(
        "select pool.npy -n 5 -o picks.xlsx",
        1,
        "error: picks.xlsx: picks are not written in a format of that name\n\
         hint: known extensions: .csv .jsonl .parquet .npy .txt\n",
    );
    dir.refuses("select pool.npy -n 5 -o pool.npy --force", 1, "error: pool.npy is both an input and an output\n");
    dir.refuses("select pool.npy -n 5 --rest picks.csv", 1, "error: picks.csv is named for two outputs\n");
}

/// A limit on file size stands for a full disk: the write fails in the middle.
#[cfg(target_os = "linux")]
#[test]
fn a_write_that_fails_leaves_nothing() {
    let dir = Dir::with_pool(3000, 4);
    let run = dir.shell("trap '' XFSZ; ulimit -f 8; exec \"$SUBSEL\" select pool.npy -n 3000 -m random");
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert_eq!(run.stderr, "error: cannot write picks.csv: File too large\n");
    assert_eq!(dir.names(), ["pool.npy"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_reader_that_stops_reading_is_no_failure_and_a_full_disk_is() {
    let dir = Dir::new();
    let run = dir.shell("\"$SUBSEL\" completions bash | head -1");
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    let run = dir.shell("\"$SUBSEL\" methods > /dev/full");
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (Some(1), "error: cannot write to standard output: No space left on device\n")
    );
}
