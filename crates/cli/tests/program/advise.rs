//! `subsel advise` and `--method auto`.

use serde_json::Value;
use subsel::{Draws, Stream};

use crate::support::{Dir, rows};

/// Rows around twelve far places.
fn clustered(n: usize) -> Dir {
    let dir = Dir::new();
    let places = rows(12, 8);
    let noise = rows(n, 8);
    let values: Vec<f32> = (0..n * 8).map(|i| 8.0 * places[i / 8 % 12 * 8 + i % 8] + noise[i]).collect();
    dir.write_npy("pool.npy", &values, 8);
    dir
}

#[test]
fn few_labels_of_rows_with_structure_cover_them_and_select_does_as_advised() {
    let dir = clustered(600);
    let run = dir.ok("advise pool.npy -n 24");
    for text in [
        "24 of 600 rows: a few labels\n",
        "\nuse        k-means-centers\n",
        "\nbecause    with a few labels it gained ",
        "\nsure       mean gain ",
        "\nyour rows  structure 0.",
        "\nrun        subsel select pool.npy -n 24 -m k-means-centers\n",
        "AG News",
        "regret: ",
    ] {
        assert!(run.stdout.contains(text), "{text} is not in\n{}", run.stdout);
    }
    let advice = dir.json("advise pool.npy -n 24 --json");
    assert_eq!((advice["method"].as_str(), advice["regime"].as_str()), (Some("k-means-centers"), Some("few")));
    assert_eq!(advice["cause"], "evidence");
    assert!(advice["mean_regret_left_out"].as_f64().is_some_and(|regret| regret <= 1.5), "{advice}");
    let run = dir.ok("select pool.npy -n 24 -o default.csv");
    assert!(run.stderr.starts_with("note: method k-means-centers: with a few labels it gained "), "{}", run.stderr);
    dir.ok("select pool.npy -n 24 -m auto -o auto.csv -q");
    assert_eq!(dir.column("default.csv", "row"), dir.column("auto.csv", "row"));
    let manifest: Value = serde_json::from_str(&dir.read("auto.manifest.json")).expect("the manifest is JSON");
    assert_eq!(manifest["method"]["default_reason"], advice["reason"]);
    dir.ok("verify auto.manifest.json");
    let planned = dir.json("plan pool.npy -n 24 -m auto -m norm --json");
    assert_eq!(planned["plans"][0]["method"], "k-means-centers");
}

#[test]
fn rows_of_noise_and_labels_that_rows_do_not_tell_are_labeled_at_random() {
    let dir = Dir::new();
    let mut draws = Draws::new(Stream::new(3, "noise"));
    // Sums of four are nearly normal.
    let values: Vec<f32> = (0..900 * 32).map(|_| (0..4).map(|_| draws.unit() as f32).sum()).collect();
    dir.write_npy("pool.npy", &values, 32);
    let advice = dir.json("advise pool.npy -n 24 --json");
    assert_eq!((advice["method"].as_str(), advice["cause"].as_str()), (Some("random"), Some("rows")), "{advice}");
    let text = dir.ok("advise pool.npy -n 24").stdout;
    assert!(text.contains("\nuse        random: label at random, it is as good here\n"), "{text}");
    assert!(text.contains("the rows are spread as evenly as noise"), "{text}");
    let many = dir.json("advise pool.npy -n 50% --json");
    assert_eq!((many["method"].as_str(), many["cause"].as_str()), (Some("random"), Some("evidence")), "either way");
    let run = dir.ok("select pool.npy -n 24");
    assert!(run.stderr.starts_with("note: method random: the rows are spread as evenly as noise"), "{}", run.stderr);

    let dir = clustered(600);
    dir.write("labels.txt", (0..600).map(|_| format!("{}\n", draws.below(10))).collect::<String>());
    let text = dir.ok("advise pool.npy -n 24 --labels labels.txt").stdout;
    assert!(text.contains("neighbors share labels hardly more often than strangers"), "{text}");
    dir.write("labels.txt", (0..600).map(|row| format!("{}\n", row % 12)).collect::<String>());
    let text = dir.ok("advise pool.npy -n 24 --labels labels.txt").stdout;
    assert!(text.contains("use        k-means-centers") && text.contains("of the time (largest class"), "{text}");
}

#[test]
fn looking_at_rows_is_planned_and_refused_where_memory_is_short() {
    let dir = Dir::new();
    let (places, noise) = (rows(12, 4096), rows(300, 4096));
    let values: Vec<f32> = (0..300 * 4096).map(|i| 8.0 * places[i / 4096 % 12 * 4096 + i % 4096] + noise[i]).collect();
    dir.write_npy("wide.npy", &values, 4096);
    let told = dir.json("select wide.npy -n 12 --json -q");
    let planned = dir.json("plan wide.npy -n 12 --json")["peak_bytes"].as_u64().expect("bytes");
    assert!(planned > 16 * 300 * 4096, "looking at rows counts: {planned}");
    assert!(told["planned_bytes"].as_u64().is_some_and(|bytes| bytes > 16 * 300 * 4096), "{told}");
    for command in ["select wide.npy -n 12 --force", "advise wide.npy -n 12", "plan wide.npy -n 12"] {
        let run = dir.run(&format!("{command} --max-memory 20MB"));
        assert!(run.code == Some(1) && run.stderr.contains("19.1 MiB are allowed"), "{command}: {}", run.stderr);
    }
    // Where rows do not matter they are not looked at.
    dir.ok("select wide.npy -n 150 --force");
}

#[test]
fn the_regime_counts_labels_there_are_and_the_share_that_is_kept() {
    let dir = clustered(600);
    dir.write("done.txt", (0..90).map(|row| format!("{row}\n")).collect::<String>());
    let advice = dir.json("advise pool.npy -n 24 --labeled done.txt --json");
    assert_eq!(advice["command"], "subsel select pool.npy -n 24 -m random --labeled done.txt");
    assert_eq!((advice["regime"].as_str(), advice["labeled"].as_u64()), (Some("hundreds"), Some(90)));
    let advice = dir.json("advise pool.npy -n 50% --json");
    assert_eq!((advice["regime"].as_str(), advice["picks"].as_u64()), (Some("many"), Some(300)));
}

#[test]
fn what_cannot_be_advised_is_refused() {
    let dir = clustered(60);
    dir.refuses(
        "advise pool.npy",
        2,
        "error: how many rows to pick is not said\nhint: `-n 1000`, `-n 5%`, or a list such as `-n 100,200,400`\n",
    );
    let run = dir.run("advise pool.npy -n 61");
    assert!(run.code != Some(0) && run.stderr.starts_with("error: "), "{}", run.stderr);
    let run = dir.run("advise none.npy -n 6");
    assert!(run.stderr.starts_with("error: cannot open none.npy"), "{}", run.stderr);
    let run = dir.run("compare pool.npy -m auto -n 6 --metrics vendi");
    assert!(run.code != Some(0) && run.stderr.contains("`auto` stands alone"), "{}", run.stderr);
}
