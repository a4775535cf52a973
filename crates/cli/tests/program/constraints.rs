//! What picks keep to.

use crate::support::Dir;

/// 40 rows, in groups of 4 and of two labels, with costs.
fn known() -> Dir {
    let dir = Dir::with_pool(40, 3);
    let lines = |of: fn(usize) -> String| (0..40).map(|row| of(row) + "\n").collect::<String>();
    dir.write("groups.txt", lines(|row| format!("p{}", row / 4)));
    dir.write("labels.txt", lines(|row| if row % 10 == 0 { "rare" } else { "common" }.into()));
    dir.write("costs.txt", lines(|row| (1 + row % 3).to_string()));
    dir
}

#[test]
fn picks_keep_to_the_rules_and_verify_repeats_them() {
    let dir = known();
    for method in ["random", "k-center", "k-means-centers", "norm+gram-schmidt"] {
        let select = format!("select pool.npy -m {method} --force -o picks.csv");
        dir.ok(&format!("{select} -n 10 --groups groups.txt --per-group 1"));
        let mut groups: Vec<usize> =
            dir.column("picks.csv", "row").iter().map(|row| row.parse::<usize>().expect("a row") / 4).collect();
        groups.sort_unstable();
        assert_eq!(groups, (0..10).collect::<Vec<_>>(), "{method}");
        assert!(dir.ok("verify picks.manifest.json").stdout.starts_with("same"), "{method}");

        dir.ok(&format!("{select} -n 8 --labels labels.txt --quota label=rare:3..3"));
        let rare = dir.column("picks.csv", "row").iter().filter(|row| row.ends_with('0')).count();
        assert_eq!(rare, 3, "{method}");

        let run = dir.ok(&format!("{select} --costs costs.txt --cost-budget 10 --json"));
        let summary: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
        assert!((3..=10).contains(&summary["picks"].as_u64().unwrap_or(0)), "{method}: {summary}");
        assert!(dir.ok("verify picks.manifest.json").stdout.starts_with("same"), "{method}");
    }
}

#[test]
fn rules_that_cannot_be_kept_are_told_with_what_to_do() {
    let dir = known();
    let select = "select pool.npy -m random -n 20";
    dir.refuses(
        &format!("{select} --groups groups.txt --per-group 1"),
        1,
        "error: `--per-group 1`: at most 10 of the 20 picks are possible\nhint: `-n 10` is the most that can be\n",
    );
    dir.refuses(
        &format!("{select} --labels labels.txt --quota label=rare:5.."),
        1,
        "error: `--quota label=rare:5..`: label `rare` is to have at least 5 picks and has 4 candidates\n\
         hint: ask for fewer, or bring more rows of it\n",
    );
    dir.refuses(
        &format!("{select} --per-group 2"),
        1,
        "error: `--per-group 2`: no groups are known\nhint: `--groups FILE` gives one group per row\n",
    );
    dir.refuses(
        &format!("{select} --labels labels.txt --quota label=rar:1"),
        1,
        "error: `--quota label=rar:1..1`: no row has the label `rar`\nhint: did you mean `rare`?\n",
    );
    let run = dir.run(&format!("{select} --quota rare:1"));
    assert!(run.code == Some(2) && run.stderr.contains("a quota is written label=NAME:MIN..MAX"), "{}", run.stderr);
    dir.refuses(&format!("{select} --min-distance 0"), 2, "error: --min-distance must be finite and above 0, got 0\n");
    assert!(!dir.path("picks.csv").exists());
}
