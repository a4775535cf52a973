//! Labels, ids, labeled and excluded rows.

use crate::support::Dir;

/// A pool of 12 rows with ids `a0` to `a11`.
fn named() -> Dir {
    let dir = Dir::with_pool(12, 4);
    dir.write("ids.txt", (0..12).map(|row| format!("a{row}\n")).collect::<String>());
    dir
}

#[test]
fn ids_stand_in_the_picks_and_round_two_reads_round_one() {
    let dir = named();
    dir.ok("select pool.npy --ids ids.txt -n 4 -m random -o one.csv");
    assert_eq!(dir.read("one.csv").lines().next(), Some("rank,row,id,score,reason"));
    let run = dir.ok("select pool.npy --ids ids.txt -n 8 -m random --labeled one.csv -o two.csv");
    assert!(run.stderr.contains("(8 new, 4 labeled)"), "{}", run.stderr);
    let (one, two) = (dir.column("one.csv", "id"), dir.column("two.csv", "id"));
    assert!(one.iter().all(|id| !two.contains(id)), "{one:?} {two:?}");
    for name in ["one.jsonl", "one.parquet", "one.txt"] {
        dir.ok(&format!("select pool.npy --ids ids.txt -n 4 -m random -o {name} --force"));
        dir.ok(&format!("select pool.npy --ids ids.txt -n 8 -m random --labeled {name} -o again.csv --force"));
        assert_eq!(dir.column("again.csv", "id"), two, "{name}");
    }
}

#[test]
fn ids_come_from_a_column_of_the_pool_too() {
    let dir = Dir::new();
    dir.write("pool.csv", "id,x,y\nu,1,2\nv,3,4\nw,5,6\n");
    dir.ok("select pool.csv --id-column id -n 100% -m norm:pick=largest");
    assert_eq!(dir.column("picks.csv", "id"), ["w", "v", "u"]);
}

#[test]
fn a_labeled_list_is_checked_entry_by_entry() {
    let dir = named();
    let select = "select pool.npy -n 2 -m random";
    dir.write("rows.txt", "3\n12\n");
    dir.refuses(
        &format!("{select} --labeled rows.txt"),
        1,
        "error: entry 2 of rows.txt is row 12, which the pool does not have; rows are 0 to 11\n",
    );
    dir.refuses(
        &format!("{select} --ids ids.txt --labeled rows.txt"),
        1,
        "error: 2 of 2 entries of rows.txt are not in the pool, the first (entry 1) is id `3`\nhint: ids look like `a0`\n",
    );
    dir.write("rows.txt", "3\n11\n");
    dir.refuses(
        &format!("{select} --ids ids.txt --labeled rows.txt"),
        1,
        "error: 2 of 2 entries of rows.txt are not in the pool, the first (entry 1) is id `3`\n\
         hint: `--labeled-by row` reads entries as row numbers\n",
    );
    dir.ok(&format!("{select} --ids ids.txt --labeled rows.txt --labeled-by row"));
}

#[test]
fn entries_that_could_be_either_are_refused_until_said() {
    let dir = Dir::with_pool(4, 4);
    dir.write("ids.txt", "3\n2\n1\n0\n");
    dir.write("done.txt", "0\n");
    let select = "select pool.npy -n 3 -m random --ids ids.txt --labeled done.txt --force";
    dir.refuses(
        select,
        1,
        "error: done.txt: every entry is the id of one row and the number of another\n\
         hint: `--labeled-by id` or `--labeled-by row` says which is meant\n",
    );
    for (by, labeled) in [("id", "3"), ("row", "0")] {
        dir.ok(&format!("{select} --labeled-by {by}"));
        assert!(!dir.column("picks.csv", "row").contains(&labeled.to_owned()), "by {by}");
    }
}

#[test]
fn labels_make_strata() {
    let dir = Dir::with_pool(12, 4);
    dir.write("labels.csv", format!("row,label\n{}", (0..12).map(|i| format!("{i},{}\n", i % 3)).collect::<String>()));
    dir.ok("select pool.npy -n 6 -m stratified --labels labels.csv");
    let mut classes: Vec<usize> =
        dir.column("picks.csv", "row").iter().map(|row| row.parse::<usize>().expect("a row") % 3).collect();
    classes.sort_unstable();
    assert_eq!(classes, [0, 0, 1, 1, 2, 2]);
    dir.write("labels.txt", "cat\n".repeat(11));
    dir.refuses(
        "select pool.npy -n 6 -m stratified --labels labels.txt --force",
        1,
        "error: 11 labels in labels.txt for a pool of 12 rows\n\
         hint: a first line that is no header in a csv counts as one; a txt has no header\n",
    );
}

/// Probabilities of 3 classes, one row per row.
fn probs(n: usize) -> Vec<f32> {
    (0..n).flat_map(|row| [0.5 + 0.03125 * (row % 8) as f32, 0.25, 0.25 - 0.03125 * (row % 8) as f32]).collect()
}

#[test]
fn model_outputs_are_read_from_any_format_of_embeddings() {
    let dir = Dir::with_pool(40, 4);
    dir.write_npy("probs.npy", &probs(40), 3);
    dir.ok("score pool.npy --by margin --probs probs.npy -o margin.csv");
    let want = dir.column("margin.csv", "score");
    assert_eq!((want[0].as_str(), want[4].as_str()), ("0.75", "0.625"));
    for name in ["probs.parquet", "probs.safetensors", "probs.csv"] {
        dir.ok(&format!("convert probs.npy {name}"));
        dir.ok(&format!("score pool.npy --by margin --probs {name} -o again.csv --force"));
        assert_eq!(dir.column("again.csv", "score"), want, "{name}");
    }
    let logits: Vec<f32> = probs(40).iter().map(|p| p.max(1e-30).ln() * 3.0 + 7.0).collect();
    dir.write_npy("logits.npy", &logits, 3);
    dir.ok("score pool.npy --by margin --logits logits.npy --temperature 3 -o again.csv --force");
    for (got, want) in dir.column("again.csv", "score").iter().zip(&want) {
        let number = |text: &str| text.parse::<f64>().expect("a number");
        assert!((number(got) - number(want)).abs() < 1e-5, "{got} {want}");
    }
}

#[test]
fn model_outputs_that_are_none_are_refused() {
    let dir = Dir::with_pool(8, 4);
    let score = "score pool.npy --by margin";
    dir.write_npy("probs.npy", &probs(7), 3);
    dir.refuses(
        &format!("{score} --probs probs.npy"),
        1,
        "error: 7 probs in probs.npy for a pool of 8 rows\n\
         hint: a first line that is no header in a csv counts as one; a txt has no header\n",
    );
    let mut wrong = probs(8);
    wrong[3 * 5] += 0.5;
    wrong[3 * 5] -= 0.5625;
    dir.write_npy("probs.npy", &wrong, 3);
    dir.refuses(
        &format!("{score} --probs probs.npy"),
        1,
        "error: probabilities must sum to 1 in every row, and those of row 5 sum to 0.937500\n\
         hint: `--logits FILE` takes what a model says before softmax\n",
    );
    dir.ok(&format!("{score} --logits probs.npy"));
    wrong[3 * 2] = 4.0;
    dir.write_npy("probs.npy", &wrong, 3);
    dir.refuses(
        &format!("{score} --probs probs.npy -o other.npy"),
        1,
        "error: probabilities must be from 0 to 1, and that of row 2 is 4\n\
         hint: `--logits FILE` takes what a model says before softmax\n",
    );
    dir.write_npy("one.npy", &[1.0; 8], 1);
    dir.refuses(
        &format!("{score} --probs one.npy -o other.npy"),
        1,
        "error: probabilities must be of at least 2 classes, got 1 per row\n",
    );
    dir.refuses(
        &format!("{score} -o other.npy"),
        1,
        "error: `margin` needs model outputs, and the pool has none\n\
         hint: `--probs FILE` gives one class probability per row and class, `--logits FILE` what a model says before softmax\n",
    );
    assert_eq!(dir.run(&format!("{score} --probs probs.npy --logits probs.npy")).code, Some(2));
    assert_eq!(dir.run(&format!("{score} --probs probs.npy --temperature 2")).code, Some(2));
    dir.refuses(
        &format!("{score} --logits probs.npy --temperature 0 -o other.npy"),
        2,
        "error: a temperature must be finite and above 0, got 0\n",
    );
}

#[test]
fn methods_that_go_by_a_model_are_repeated_from_their_manifest() {
    let dir = Dir::with_pool(60, 4);
    dir.write_npy("probs.npy", &probs(60), 3);
    dir.write("labels.txt", (0..60).map(|row| format!("{}\n", row * 7 % 3)).collect::<String>());
    dir.write("done.txt", "3\n17\n40\n41\n");
    let known = "--labeled done.txt --labels labels.txt";
    for (method, settings) in [("u-herding", ""), ("dcom", ":a=0.1,k=3")] {
        let select = format!("select pool.npy -n 10 -m {method}{settings} {known} --force");
        dir.ok(&format!("{select} --probs probs.npy"));
        let manifest: serde_json::Value = serde_json::from_str(&dir.read("picks.manifest.json")).expect("JSON");
        let roles: Vec<&str> = manifest["side_files"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|file| file["role"].as_str())
            .collect();
        assert_eq!(roles, ["labels", "probs", "labeled"], "{method}");
        assert!(dir.ok("verify picks.manifest.json").stdout.starts_with("same: 10 picks"), "{method}");
        let first = dir.read("picks.csv");
        // Other temperatures are other models, and the manifest keeps them.
        let logits: Vec<f32> = probs(60).iter().enumerate().map(|(i, p)| 40.0 * p + (i % 5) as f32).collect();
        dir.write_npy("logits.npy", &logits, 3);
        dir.ok(&format!("{select} --logits logits.npy --temperature 4"));
        assert_ne!(dir.read("picks.csv"), first, "{method}");
        let manifest: serde_json::Value = serde_json::from_str(&dir.read("picks.manifest.json")).expect("JSON");
        assert_eq!(manifest["pool"]["temperature"], 4.0);
        assert!(dir.ok("verify picks.manifest.json").stdout.starts_with("same: 10 picks"), "{method}");
        dir.write_npy("logits.npy", &logits.iter().map(|z| z * 2.0).collect::<Vec<_>>(), 3);
        let differs = dir.run("verify picks.manifest.json");
        let told = "--logits logits.npy has other content than when the picks were made";
        assert!(differs.code == Some(1) && differs.stdout.contains(told), "{}", differs.stdout);
        dir.refuses(
            &format!("{select} -o other.csv"),
            1,
            &format!(
                "error: `{method}` needs model outputs, and the pool has none\n\
                 hint: `--probs FILE` gives one class probability per row and class, `--logits FILE` what a model says before softmax\n"
            ),
        );
        let plan = format!("plan pool.npy -n 10 -m {method} {known}");
        assert!(dir.ok(&plan).stdout.contains("needs model outputs"), "{method}");
        assert!(!dir.ok(&format!("{plan} --probs probs.npy")).stdout.contains("needs"), "{method}");
        // Where nothing is labeled there is no model.
        let plan = format!("plan pool.npy -n 10 -m {method}");
        assert!(!dir.ok(&plan).stdout.contains("needs"), "{method}");
        dir.ok(&format!("select pool.npy -n 10 -m {method} --force"));
    }
    dir.refuses(
        "select pool.npy -n 10 -m dcom --labeled done.txt --probs probs.npy -o other.csv",
        1,
        "error: `dcom` needs labels of the labeled rows, and the pool has none\n\
         hint: `--labels FILE` gives one label per row; those of rows that are not labeled are not looked at\n",
    );
    dir.write("labels.txt", (0..60).map(|row| format!("{}\n", row % 7)).collect::<String>());
    dir.refuses(
        &format!("select pool.npy -n 10 -m dcom {known} --probs probs.npy -o other.csv"),
        1,
        "error: the 7 different labels, such as `6`, do not name the 3 classes of the model outputs\n\
         hint: labels are the numbers of the outputs' columns, from 0 (-1 where the class is not known), or as many names as there are columns, in ascending order\n",
    );
}
