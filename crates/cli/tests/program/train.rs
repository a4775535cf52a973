//! Networks from images: trained, embedded with, chosen by, judged by.

use crate::images::photos;

const SMALL: &str = "--network resnet8 --side 16 --batch 8";

#[test]
fn classifiers_are_trained_and_embed() {
    let dir = photos();
    let train =
        format!("train classifier photos --test-images photos --epochs 3 {SMALL} --scores forgetting,aum --outputs");
    let run = dir.ok(&format!("{train} -o net.safetensors"));
    assert!(run.stderr.contains("epoch   3 of 3: loss "), "{}", run.stderr);
    assert!(run.stderr.contains("resnet8 trained on 24 images of 2 classes in"), "{}", run.stderr);
    assert_eq!(dir.read("net.log.jsonl").lines().count(), 3);
    for (name, dim) in [("net.logits.npy", 2), ("net.features.npy", 64)] {
        let inspected = dir.json(&format!("inspect {name} --json"));
        assert_eq!((&inspected["n"], &inspected["d"]), (&24.into(), &dim.into()), "{name}: {inspected}");
    }
    // What the training says is taken by the methods that go by it.
    dir.ok("select net.features.npy -n 5 -m top-score --scores net.aum.npy -o hard.csv");
    dir.ok("select net.features.npy -n 5 -m badge --logits net.logits.npy -o unsure.csv");
    // One seed, one network; and its features are those that embedding gives.
    let again = format!("{train} -o again.safetensors --threads 3 --quiet");
    assert_eq!(dir.ok(&again).stderr, "");
    let bytes = |name: &str| std::fs::read(dir.path(name)).expect("there");
    assert_eq!(bytes("again.features.npy"), bytes("net.features.npy"));
    dir.ok("embed photos --model net.safetensors -o rows.npy");
    assert_eq!(bytes("rows.npy"), bytes("net.features.npy"));

    dir.ok(&format!("train classifier photos --rows hard.csv --epochs 1 {SMALL} -o few.safetensors"));
    let probed = dir.json("train probe photos --model net.safetensors --side 16 --test-images photos --json");
    assert!(probed["accuracy"].as_f64().is_some_and(|accuracy| accuracy > 0.5), "{probed}");
}

#[test]
fn features_without_labels_pass_a_gate_or_fail_it() {
    let dir = photos();
    let run =
        dir.ok(&format!("train simclr photos --test-images photos --epochs 2 --look 1 {SMALL} -o free.safetensors"));
    assert!(run.stderr.contains("neighbors "), "{}", run.stderr);
    assert!(run.stderr.contains(" their gate: neighbors tell "), "{}", run.stderr);
    dir.ok("embed photos --model free.safetensors -o rows.npy");
    assert_eq!(dir.json("inspect rows.npy --json")["d"], 64);
    let random = dir.json("embed photos --model random-resnet18:side=16,seed=1 -o random.npy --json");
    assert_eq!((&random["d"], &random["model_file"]), (&512.into(), &serde_json::Value::Null));
    // One that goes by moments of the images is learned from them, and is kept for others.
    let told = dir.json("embed photos --model random-resnet18:side=16,calibrate=true -o told.npy --json");
    assert_eq!(told["model_file"], "told.model.safetensors");
    dir.ok("embed photos --model told.model.safetensors -o again.npy");
    let bytes = |name: &str| std::fs::read(dir.path(name)).expect("there");
    assert_eq!(bytes("again.npy"), bytes("told.npy"));
}

#[test]
fn recipes_are_listed_shown_and_read_back() {
    let dir = photos();
    assert!(dir.ok("train recipes").stdout.contains("svp-cifar-50"));
    dir.write("mine.toml", dir.ok("train recipes ccs").stdout);
    let estimate = dir.json(&format!("train classifier photos --recipe mine.toml {SMALL} --dry-run --json"));
    assert_eq!((&estimate["steps"], &estimate["batch"]), (&40_000.into(), &8.into()), "{estimate}");
    assert!(estimate["bytes"].as_u64().is_some_and(|bytes| bytes > 1 << 20), "{estimate}");
    assert!(!dir.path("model.safetensors").exists(), "nothing is trained");
    dir.write("bad.toml", "network = \"resnet8\"\n");
    for (options, part) in [
        ("--recipe bad.toml", "bad.toml: "),
        ("--recipe fast", "there is no recipe `fast`"),
        ("--network resnet9", "there is no network `resnet9`"),
        ("--epochs 0", "`length` must be at least 1, got 0"),
        ("--scores loss", "a training has no score `loss`"),
        ("--device cuda", "device `cuda` cannot be used"),
        ("--side 0", "a side is from 1 to 1024 pixels"),
        ("--sample 0", "there are no images to train on"),
    ] {
        let run = dir.run(&format!("train classifier photos {options}"));
        assert!(matches!(run.code, Some(1 | 2)) && run.stderr.contains(part), "{options}: {}", run.stderr);
    }
}

#[test]
fn images_without_a_class_and_those_left_out_keep_the_others_in_place() {
    let dir = photos();
    let labels = |i: usize| {
        if i < 2 {
            "-1"
        } else if i.is_multiple_of(2) {
            "3"
        } else {
            "5"
        }
    };
    dir.write("labels.txt", (0..24).map(|i| format!("{}\n", labels(i))).collect::<String>());
    let train = format!("train classifier photos --epochs 1 {SMALL} --quiet --json");
    let found = dir.json(&format!("{train} --labels labels.txt -o some.safetensors"));
    assert_eq!((&found["images"], &found["classes"]), (&22.into(), &2.into()), "{found}");
    // Picks by name are found where an image before them cannot be read.
    let whole = std::fs::read(dir.path("photos/tall/03.png")).expect("there");
    dir.write("photos/tall/03.png", &whole[..60]);
    dir.write("picks.csv", "rank,row,id\n1,3,tall/04.png\n2,22,wide/11.png\n");
    let found = dir.json(&format!("{train} --rows picks.csv --skip-broken -o few.safetensors"));
    assert_eq!(found["images"], 2, "{found}");
}

#[test]
fn networks_choose_for_networks() {
    let dir = photos();
    let report = dir.json(
        "proxy photos --test-images photos --side 16 --proxy resnet8:epochs=1,batch=8 --target resnet8:epochs=2,batch=8 \
         -n 50% --initial 4 --rounds 8 --json -o run",
    );
    assert!(dir.path("run/report.md").is_file(), "{report}");
    // Images in folders have names.
    let picks = dir.read("run/seed-0/picks-12.csv");
    assert!(picks.starts_with("row,id\n") && picks.lines().count() == 13 && picks.contains(".png"), "{picks}");
    assert!(report["picks"][0].as_str().is_some_and(|path| path.ends_with("picks-12.csv")), "{report}");
    let core = "proxy photos --test-images photos --side 16 --proxy resnet8:epochs=2,batch=8 --target resnet8:epochs=1,batch=8 \
                --task core-set --score forgetting -n 12 -o core";
    dir.ok(core);
    let journal = dir.read("core/journal.jsonl");
    assert!(journal.lines().count() > 2, "{journal}");
    // Everything is there: nothing is trained again.
    dir.ok(core);
    assert_eq!(dir.read("core/journal.jsonl"), journal);
    let run = dir.run("proxy photos --proxy resnet8 --target resnet8 -n 50% -o none");
    assert!(run.code == Some(2) && run.stderr.contains("`--test-images INPUT` are examined"), "{}", run.stderr);
}

#[test]
fn methods_are_judged_by_training_from_scratch() {
    let dir = photos();
    dir.ok("embed photos --model rgb:side=4 -o rows.npy");
    let files = "--labels rows.labels.txt --test-features rows.npy --test-labels rows.labels.txt";
    let images = "--images photos --test-images photos --side 16 --network resnet8 --epochs 2";
    let compared = dir.json(&format!(
        "compare rows.npy {files} {images} -m norm -n 4 --seeds 2 --evaluators supervised,1nn --json -o found"
    ));
    assert!(compared.to_string().contains("supervised"), "{compared}");
    let run = dir.run(&format!(
        "compare rows.npy {files} --images photos/tall --test-images photos --side 16 -m norm -n 4 --evaluators supervised -o none"
    ));
    assert!(run.code == Some(1) && run.stderr.contains("12 images for 24 rows"), "{}", run.stderr);
    let run = dir.run(&format!("compare rows.npy {files} -m norm -n 4 --evaluators supervised -o none"));
    assert!(run.code == Some(2) && run.stderr.contains("`supervised` trains on images"), "{}", run.stderr);
}
