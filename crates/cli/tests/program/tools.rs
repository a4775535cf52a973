//! Tasks for labeling tools, and their exports as what is known of the rows.

use serde_json::{Value, json};

use crate::support::Dir;

/// A pool of 40 images with ids `0.png` to `39.png`.
fn images() -> Dir {
    let dir = Dir::with_pool(40, 4);
    let names: String = (0..40).map(|row| format!("{row}.png\n")).collect();
    dir.write("ids.txt", names);
    dir
}

const SELECT: &str = "select pool.npy -n 8 -m k-center --ids ids.txt -q";

#[test]
fn a_second_round_is_the_same_command_and_the_export() {
    let dir = images();
    dir.ok(&format!("{SELECT} -o picks.csv"));
    let rows = dir.column("picks.csv", "row");
    dir.ok(&format!("{SELECT} --format label-studio -o tasks.json"));
    let mut tasks: Value = serde_json::from_str(&dir.read("tasks.json")).expect("JSON");
    let list = tasks.as_array_mut().expect("a list");
    let found: Vec<String> = list.iter().map(|task| task["data"]["subsel_row"].to_string()).collect();
    assert_eq!(found, rows, "in the order of the ranks");
    dir.ok("select pool.npy -n 3 -q --format label-studio -o auto.json");
    let auto: Value = serde_json::from_str(&dir.read("auto.json")).expect("JSON");
    let chosen: Value = serde_json::from_str(&dir.read("auto.manifest.json")).expect("JSON");
    assert_eq!(auto[0]["data"]["subsel_method"], chosen["method"]["text"], "what the evidence chose, not `auto`");
    // What a person adds in the tool: three classes, and one task skipped.
    for (task, label) in list.iter_mut().zip(["cat", "dog", "cat"]) {
        let choice =
            json!({"type": "choices", "from_name": "label", "to_name": "image", "value": {"choices": [label]}});
        task["annotations"] = json!([{"was_cancelled": false, "result": [choice]}]);
    }
    list[3]["annotations"] = json!([{"was_cancelled": true, "result": []}]);
    dir.write("export.json", tasks.to_string());
    dir.write("done.txt", rows[..3].join("\n"));
    dir.ok(&format!("{SELECT} --labeled export.json -o second.csv"));
    dir.ok(&format!("{SELECT} --labeled done.txt --labeled-by row -o same.csv"));
    assert_eq!(dir.read("second.csv"), dir.read("same.csv"));
    assert!(dir.ok("verify second.manifest.json").stdout.starts_with("same"));
    // Labels of some rows; the model's two classes are those of the labeled ones.
    let both = "--labeled export.json --labels export.json --ids ids.txt";
    let run = dir.ok(&format!("select pool.npy -n 4 -m stratified {both} -o s.csv"));
    assert!(run.stderr.contains("export.json has labels of 3 rows"), "{}", run.stderr);
    dir.write_npy("probs.npy", &[0.5; 80], 2);
    dir.ok(&format!("select pool.npy -n 4 -m dcom {both} --probs probs.npy -o d.csv"));
}

#[test]
fn each_tool_has_its_file() {
    let dir = images();
    dir.ok(&format!("{SELECT} --format list"));
    assert_eq!(dir.read("picks.txt").lines().count(), 8);
    assert!(dir.read("picks.txt").lines().all(|line| line.ends_with(".png")));
    let picked: Vec<Value> = (0..40).map(|row| json!({"id": row, "file_name": format!("{row}.png")})).collect();
    let coco = json!({"images": picked, "annotations": [], "categories": [], "info": {"year": 2025}});
    dir.write("coco.json", coco.to_string());
    dir.ok(&format!("{SELECT} --format coco --coco coco.json -o cut.json"));
    let cut: Value = serde_json::from_str(&dir.read("cut.json")).expect("JSON");
    assert_eq!((cut["images"].as_array().map(Vec::len), &cut["info"]["year"]), (Some(8), &json!(2025)));
    dir.write("texts.txt", (0..40).map(|row| format!("text {row}\n")).collect::<String>());
    dir.ok(&format!("{SELECT} --format label-studio --texts texts.txt -o texts.json"));
    let tasks: Value = serde_json::from_str(&dir.read("texts.json")).expect("JSON");
    assert_eq!(tasks[0]["data"]["text"], format!("text {}", tasks[0]["data"]["subsel_row"]));
}

#[test]
fn what_a_tool_cannot_take_is_refused_before_the_work() {
    let dir = images();
    dir.refuses(
        &format!("{SELECT} --format labelstudio"),
        2,
        "error: no labeling tool is called `labelstudio`\nhint: there are: `label-studio`, `cvat`, `coco`, `list`\n",
    );
    dir.refuses(&format!("{SELECT} --format list --data-prefix x"), 2, "error: `--data-prefix` is not for `list`\n");
    for (words, said) in [
        ("--format cvat -o picks.json", "jsonl"),
        ("--format coco", "--coco"),
        ("--format label-studio --texts ids.txt -n 3,4", "one budget"),
    ] {
        let run = dir.run(&format!(
            "select pool.npy -m k-center --ids ids.txt {words} {}",
            if words.contains("-n") { "" } else { "-n 8" }
        ));
        assert!(run.code != Some(0) && run.stderr.contains(said), "{words}: {}", run.stderr);
    }
    let run = dir.run("select pool.npy -n 8 --format cvat");
    assert!(run.code == Some(1) && run.stderr.contains("id"), "{}", run.stderr);
    // Images that are not there have no size.
    let run = dir.run(&format!("{SELECT} --format cvat"));
    assert!(run.code == Some(1) && run.stderr.contains(".png"), "{}", run.stderr);
    dir.write("export.json", r#"[{"data": {"image": "99.png"}, "annotations": [{"result": [{"type": "choices", "from_name": "label", "value": {"choices": ["x"]}}]}]}]"#);
    let run = dir.run(&format!("{SELECT} --labels export.json"));
    assert!(run.code == Some(1) && run.stderr.contains("99.png"), "{}", run.stderr);
}
