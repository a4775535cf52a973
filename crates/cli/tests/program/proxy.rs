//! `subsel proxy`: probes and programs, reports, resuming, and what it refuses.

use subsel::Stream;

use crate::support::Dir;

/// Blobs that overlap, their classes and test rows: `x.npy`, `y.txt`, `tx.npy`, `ty.txt`.
fn with_labels() -> Dir {
    const DIM: usize = 6;
    let dir = Dir::new();
    for (features, labels, n, seed) in [("x.npy", "y.txt", 300, 1), ("tx.npy", "ty.txt", 150, 2)] {
        let noise = Stream::new(seed, "blobs");
        let class = |row: usize| (row * 7 + row / 4) % 3;
        let value = |i: usize| {
            let at = if i % DIM == class(i / DIM) { 1.0 } else { 0.0 };
            at + 2.0 * noise.unit(i as u64) as f32
        };
        dir.write_npy(features, &(0..n * DIM).map(value).collect::<Vec<f32>>(), DIM);
        dir.write(labels, (0..n).map(|row| format!("{}\n", class(row))).collect::<String>());
    }
    dir
}

const PROBES: &str = "proxy x.npy --labels y.txt --test-features tx.npy --test-labels ty.txt --target logistic";

#[test]
fn probes_choose_and_the_report_says_what_it_was_worth() {
    let dir = with_labels();
    let args = "--proxy linear-probe:epochs=10 -n 20% --rounds 10% --initial 12 --seeds 2 --compare-target -o out";
    let run = dir.ok(&format!("{PROBES} {args} --json"));
    for text in [
        "active learning by least-confidence of 300 rows: 2 trainings of the proxy and 4 of the target, 2 times",
        "proxy   linear layer on raw features, 10 epochs of SGD",
        "target  logistic regression on standardized features",
        "seed 1: target on 60 random rows: ",
        "differences are paired by seed",
        "times as fast",
        "entropy-spearman",
        "out/report.md has the report",
        "the rows chosen are in out/seed-1/picks-60.npy",
    ] {
        assert!(run.stderr.contains(text), "`{text}` in {}", run.stderr);
    }
    let report: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!((report["complete"].as_u64(), report["stopped"].as_bool()), (Some(2), Some(false)));
    assert_eq!((report["rounds"][1]["rows"].as_u64(), report["rounds"][1]["picks"].as_u64()), (Some(30), Some(30)));
    let budget = &report["budgets"][0];
    assert_eq!((budget["rows"].as_u64(), budget["target"]["n"].as_u64()), (Some(60), Some(2)));
    let accuracy = budget["target"]["mean"].as_f64().expect("an accuracy");
    assert!(accuracy > 0.5 && accuracy <= 1.0, "{accuracy}");
    for name in ["report.md", "report.json", "rounds.csv", "budgets.csv", "journal.jsonl", "seed-0/picks-60.npy"] {
        assert!(dir.path("out").join(name).is_file(), "{name}");
    }
    assert_eq!(dir.column("out/rounds.csv", "rows"), ["12", "30"]);
    assert!(dir.read("out/report.md").contains("subsel proxy x.npy --labels y.txt"), "the command is told");

    // A third seed is added; what is known is not trained again.
    let before = dir.read("out/journal.jsonl");
    let again = dir.ok(&format!("{} {}", PROBES.replace("proxy x", "svp x"), args.replace("--seeds 2", "--seeds 3")));
    assert!(again.stderr.contains("12 trainings known already"), "{}", again.stderr);
    assert!(dir.read("out/journal.jsonl").starts_with(&before), "nothing is done twice");

    let other = format!("{PROBES} {} --score margin", args.replace("--compare-target", ""));
    dir.refuses(
        &other,
        1,
        "error: out/journal.jsonl holds another run: the score (there \"least-confidence\", here \"margin\") differs\n\
         hint: choose another `-o`, or `--force` to begin anew\n",
    );
    dir.ok(&format!("{other} --force --quiet"));
    assert!(!dir.path("out/seed-2").exists(), "what was trained before is gone");
}

#[test]
fn a_core_set_by_forgetting_keeps_as_many_as_asked() {
    let dir = with_labels();
    let args = "--task core-set --score forgetting --proxy linear-probe:epochs=20,batch=300 -n 30,50% --full";
    let run = dir.ok(&format!("{PROBES} {args} --quiet"));
    assert_eq!(run.stderr, "", "quiet");
    assert_eq!(dir.column("proxy-run/budgets.csv", "rows"), ["30", "150"]);
    assert!(dir.column("proxy-run/budgets.csv", "error_over_full").iter().all(|cell| !cell.is_empty()));
    assert!(dir.path("proxy-run/seed-0/picks-150.npy").is_file());
}

/// A program that says of every row what it has learned by heart: rows are told as the first class but for those given.
#[cfg(unix)]
const SCRIPT: &str = r#"
import json, os, struct, sys
rows, out, labels = sys.argv[1:4]
classes = [int(line) for line in open(labels)]
known = {int(line) for line in open(rows)}
logits = [[4.0 if (row in known and c == classes[row]) else 0.1 * c for c in range(3)] for row in range(len(classes))]
head = "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, 3), }" % len(classes)
head += " " * (63 - (10 + len(head)) % 64) + "\n"
with open(os.path.join(out, "logits.npy"), "wb") as file:
    file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode())
    file.write(b"".join(struct.pack("<3f", *row) for row in logits))
print("learned", len(known), "rows", os.environ["SUBSEL_WANTS"])
json.dump({"test_accuracy": len(known) / len(classes), "test_rows": 1000}, open(os.path.join(out, "metrics.json"), "w"))
if os.path.exists("broken") and sys.argv[4] == "target":
    sys.exit("the disk is on fire")
"#;

#[cfg(unix)]
#[test]
#[allow(clippy::print_stderr, reason = "says that it was skipped, and why")]
fn a_program_of_the_users_trains_fails_and_is_gone_on_with() {
    if std::process::Command::new("python3").arg("--version").output().is_err() {
        eprintln!("skipped: there is no python3 to run the program of a user with");
        return;
    }
    let dir = with_labels();
    dir.write("my train.py", SCRIPT);
    dir.write("broken", "");
    let script = r#""$SUBSEL" proxy --labels y.txt -n 30% --rounds 15% -o 'my run' --train-cmd "python3 'my train.py' {rows_txt} {dir} y.txt {role}""#;
    let run = dir.shell(script);
    let log = "my run/seed-0/target-90-picks/log.txt";
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let message = format!(
        "error: the command of the target (round 2, 90 rows) exited with status 1; the end of {log}:\n  learned 90 rows accuracy\n  \
         the disk is on fire\nhint: the same command line goes on from here once that is mended\n"
    );
    assert!(run.stderr.ends_with(&message), "{}", run.stderr);
    std::fs::remove_file(dir.path("broken")).expect("the fire is out");
    let run = dir.shell(&format!("{script} --json"));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("2 trainings known already"), "{}", run.stderr);
    assert!(run.stderr.contains("target on 90 rows chosen: begins; its log is my run/seed-0/"), "{}", run.stderr);
    let report: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(report["budgets"][0]["target"]["mean"].as_f64(), Some(0.3));
    assert_eq!(report["test_rows"].as_u64(), Some(1000));
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_the_program_and_what_is_done_is_kept() {
    let dir = with_labels();
    let script = r#"
        "$SUBSEL" proxy --labels y.txt -n 30% -o out --proxy-cmd "sleep 60" --target-cmd true 2> err &
        pid=$!
        i=0; while [ ! -e out/seed-0/proxy-6/log.txt ] && [ $i -lt 200 ]; do sleep 0.05; i=$((i + 1)); done
        kill -INT $pid; wait $pid"#;
    // A shell without job control starts what is in the background deaf to Ctrl-C; the program listens all the same.
    let run = dir.shell(script);
    assert_eq!(run.code, Some(130), "{}", dir.read("err"));
    assert!(dir.read("err").contains("stopped; the same command goes on from here"), "{}", dir.read("err"));
    assert!(dir.path("out/report.md").is_file());
}

#[test]
fn what_cannot_be_done_is_refused() {
    let dir = with_labels();
    for (args, code, stderr) in [
        (
            "proxy x.npy --labels y.txt",
            2,
            "error: no proxy is named\nhint: `--proxy linear-probe` learns from embeddings; `--proxy-cmd` and `--train-cmd` run a program of yours\n",
        ),
        (
            "proxy --proxy logistic --target logistic",
            2,
            "error: `--proxy logistic` learns from embeddings and labels\nhint: such as `subsel proxy features.npy --labels labels.npy`\n",
        ),
        (
            "proxy x.npy --labels y.txt --proxy logistic --target logistic",
            2,
            "error: nothing tells how good `--target logistic` is\nhint: `--test-features FILE --test-labels FILE` are examined\n",
        ),
        (
            "proxy x.npy --labels y.txt --proxy logistik --target logistic",
            2,
            "error: there is no probe `logistik`\n  logistik\n  ^\nhint: did you mean `logistic`?\n",
        ),
        (
            "proxy --train-cmd true",
            2,
            "error: nothing says how many rows the pool has\nhint: `--labels FILE` has one class per row; embeddings, where there are some, are named first\n",
        ),
        (
            "proxy --labels y.txt --train-cmd true --score beauty",
            2,
            "error: there is no score `beauty`\nhint: there are: least-confidence, margin, entropy, k-center, forgetting, forgetting-zero, el2n, aum, random\n",
        ),
        (
            "proxy --labels y.txt --train-cmd true --score el2n",
            2,
            "error: `el2n` needs the label of every row, which active learning has yet to buy\nhint: `--task core-set` ranks rows that are labeled; least-confidence, margin, entropy and k-center need no label\n",
        ),
        (
            "proxy --labels y.txt --train-cmd true -n 301",
            1,
            "error: cannot pick 301 of 300 candidate rows\nhint: `-n 300` or `-n 100%` ranks all of them; labeled and excluded rows are no candidates\n",
        ),
        (
            "proxy --labels y.txt --train-cmd x{row}",
            2,
            "error: --train-cmd `x{row}`: `{row}` is nothing that can be filled in\nhint: there are {rows}, {rows_txt}, {dir}, {seed}, {round}, {count}, {n}, {role}, {model}, {epochs}, {score}, {wants}; `{{` is a brace\n",
        ),
        (
            "proxy x.npy --labels y.txt --proxy logistic --target-cmd true --score random --proxy-epochs 3",
            2,
            "error: `--proxy-epochs` is for commands\nhint: `--proxy linear-probe:epochs=20`\n",
        ),
        (
            "proxy x.npy --labels ty.txt --train-cmd true",
            1,
            "error: 150 labels in ty.txt for a pool of 300 rows\nhint: there must be one for each row, in the order of the rows\n",
        ),
    ] {
        dir.refuses(args, code, stderr);
    }
}
