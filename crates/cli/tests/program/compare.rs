//! `subsel compare`: results, tables and pages, and what it refuses.

use crate::support::Dir;
use subsel::Stream;

/// A pool of blobs of unequal size with labels, and a test set: `x.npy`, `y.txt`, `tx.npy`, `ty.txt`.
fn with_labels() -> Dir {
    const DIM: usize = 9;
    let dir = Dir::new();
    let class = |i: usize| if i % 16 < 11 { 0 } else { i % 16 - 10 };
    for (features, labels, n, seed) in [("x.npy", "y.txt", 400, 1), ("tx.npy", "ty.txt", 120, 2)] {
        let noise = Stream::new(seed, "blobs");
        let value = |i: usize| {
            let at = if i % DIM == class(i / DIM) { 4.0 } else { 0.0 };
            at + noise.unit(i as u64) as f32
        };
        dir.write_npy(features, &(0..n * DIM).map(value).collect::<Vec<f32>>(), DIM);
        dir.write(labels, (0..n).map(|i| format!("class {}\n", class(i))).collect::<String>());
    }
    dir
}

const LABELED: &str = "compare x.npy --labels y.txt --test-features tx.npy --test-labels ty.txt";

#[test]
fn results_tables_and_page_are_written_and_gone_on_with() {
    let dir = with_labels();
    let args = "-m k-center,norm:pick=largest -n 6,5% --pool-size 200 --evaluators 1nn --metrics norm-ratio -o out";
    let run = dir.ok(&format!("{LABELED} {args} --seeds 3"));
    assert!(
        run.stderr.contains("comparing 3 methods at 2 budgets over 3 seeds on samples of 200 of 400 rows"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("1nn, percent of the test rows: random, and what the others are over it"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("norm:pick=largest"), "{}", run.stderr);
    for name in ["results.csv", "results.parquet", "results.jsonl", "summary.csv", "summary.json", "index.html"] {
        assert!(dir.path("out").join(name).is_file(), "{name}");
    }
    let page = dir.read("out/index.html");
    assert!(page.starts_with("<!doctype html>") && page.contains("k-center") && !page.contains("http"), "page");
    assert!(dir.path("out/by-budget-1nn.svg").is_file() && dir.path("out/by-budget-1nn.png").is_file());
    // Two budgets of three methods, and those at which random alone is judged.
    let seeds = dir.column("out/results.csv", "seed");
    assert_eq!(seeds.len() % 3, 0);
    assert!(seeds.len() >= 3 * 6, "{}", seeds.len());

    let before = dir.read("out/results.jsonl");
    let again = dir.ok(&format!("{LABELED} {args} --seeds 4 --json"));
    assert!(again.stderr.contains(&format!("{} results known already", seeds.len())), "{}", again.stderr);
    assert!(dir.read("out/results.jsonl").starts_with(&before), "nothing is found twice");
    // Whoever keeps the summary is told what its time was for.
    let told = dir.read("out/summary.md");
    assert!(
        told.contains(&format!("; {} of ", seeds.len())) && told.contains(" results were known from others."),
        "{told}"
    );
    let summary: serde_json::Value = serde_json::from_str(&again.stdout).expect("JSON");
    assert_eq!((summary["seeds"].as_u64(), summary["methods"][0].as_str()), (Some(4), Some("random")));

    dir.refuses(
        &format!("{LABELED} {args} --initial 2"),
        1,
        "error: out/results.jsonl holds results of another comparison: the initial rows (there 0, here 2) differs\n\
         hint: choose another `-o`, or `--force` to begin anew\n",
    );
    dir.ok(&format!("{LABELED} {args} --initial 2 --force --quiet"));
}

#[test]
fn without_labels_it_goes_by_metrics() {
    let dir = with_labels();
    let run = dir.ok("compare x.npy -m k-means-centers,k-center -n 10 --seeds 3 --pool-size 150");
    assert!(run.stderr.contains("mean-distance: random"), "{}", run.stderr);
    assert!(dir.path("comparison/index.html").is_file());
    let verdicts = dir.column("comparison/summary.csv", "verdict");
    assert!(verdicts.iter().any(|verdict| verdict == "better"), "{verdicts:?}");
}

#[test]
fn classes_that_are_not_in_both_are_told() {
    let dir = with_labels();
    let labels = dir.read("ty.txt").replace("class 3", "class 9");
    dir.write("ty.txt", labels);
    let run = dir.ok(&format!("{LABELED} -m norm -n 6 --seeds 2 --evaluators 1nn"));
    assert!(
        run.stderr.contains("note: no test row is of class `class 3`: what is known of them counts for nothing"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("note: no row of the pool is of class `class 9`: their test rows cannot be told rightly"),
        "{}",
        run.stderr
    );
}

#[test]
fn recipes_are_listed_read_and_changed() {
    let dir = with_labels();
    let list = dir.ok("compare --recipe list").stdout;
    for name in ["linear-probe", "labeling", "pruning", "frechet", "norm-correlation"] {
        assert!(list.lines().any(|line| line.starts_with(name)), "{name} in {list}");
    }
    dir.write(
        "mine.toml",
        "title = \"Mine\"\nabout = \"A study.\"\ndraw = [\"table\", { correlation = \"norm-ratio\" }, \"norms\"]\n\
         [data]\nfeatures = \"x.npy\"\nlabels = \"y.txt\"\ntest-features = \"tx.npy\"\ntest-labels = \"ty.txt\"\n\
         [compare]\nmethods = [\"norm\"]\nbudgets = [\"8\"]\nseeds = 9\nevaluators = [\"1nn\"]\n\
         metrics = [\"norm-ratio\"]\nnorms = true\n",
    );
    dir.ok("compare --recipe mine.toml --data . --seeds 5");
    let page = dir.read("comparison-mine/index.html");
    assert!(page.contains("Mine") && page.contains("Does norm-ratio tell accuracy?") && page.contains("Norms"), "page");
    let run = dir.run("compare --recipe nine");
    let message = "error: there is no recipe `nine`\nhint: there are: linear-probe, ";
    assert!(run.code == Some(2) && run.stderr.starts_with(message), "{}", run.stderr);
    dir.write("bad.toml", "title = 3\n");
    let run = dir.run("compare --recipe bad.toml");
    assert!(run.code == Some(1) && run.stderr.contains("bad.toml"), "{}", run.stderr);
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let dir = with_labels();
    for (args, code, message) in [
        ("compare x.npy -n 5", 2, "error: no method is named\n"),
        ("compare x.npy -m norm", 2, "error: no budget is named\n"),
        ("compare x.npy -m norm -n 5 --evaluators 1nn", 2, "error: there are evaluators but no labels of the pool\n"),
        ("compare x.npy -m norm -n 401 --metrics norm-ratio", 1, "error: cannot pick 401 of 400 candidate rows\n"),
        ("compare x.npy -m norm -n 5 --metrics beauty", 2, "error: there is no metric `beauty`\n"),
        ("compare x.npy -m norn -n 5", 2, "error: there is no method `norn`"),
        (
            "compare x.npy -m norm -n 5 --test-features tx.npy",
            2,
            "error: `--test-features` and `--test-labels` go together\n",
        ),
        ("compare x.npy -m norm -n 5 --pool-size 500", 2, "error: `pool-size` must be from 1 to 400, got 500\n"),
        ("compare x.npy -m ccs -n 5 --seeds 1", 1, "error: ccs failed at budget 5, seed 0: "),
    ] {
        let run = dir.run(&format!("{args} -o refused"));
        assert!(run.code == Some(code) && run.stderr.contains(message), "{args}: {:?} {}", run.code, run.stderr);
        assert!(args.contains("ccs") || !dir.path("refused").exists(), "{args} leaves no file");
    }
}
