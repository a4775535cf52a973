//! Tasks for labeling tools, and what comes back from them.

mod common;

use std::fs;
use std::path::PathBuf;

use common::fixture;
use common::tools::*;
use serde_json::{Value, json};
use subsel_formats::{
    Error, Ids, SideColumn, SideOptions, ToolFormat, ToolOptions, ToolWriter, is_annotations, read_annotations,
};

/// One project three times, the two flat exports by Label Studio's own converter: a task with two boxes, one that was
/// skipped, one with an empty annotation, one that waits, one labeled by somebody else.
const EXPORTS: [&str; 3] = ["label-studio.json", "label-studio-min.json", "label-studio.csv"];

#[test]
fn every_export_of_label_studio_says_the_same() {
    let ids = ["/data/upload/29/a1b2c3d4-one.png", "/data/upload/29/e5f6a7b8-two.png"];
    for name in EXPORTS {
        let path = tool(name);
        assert!(is_annotations(&path), "{name}");
        let read = read_annotations(&path).unwrap();
        assert_eq!((read.len(), &read.rows, &read.ids), (2, &None, &strings(&ids)), "{name}");
        // Of several questions the usual one is meant.
        assert_eq!(read.labels(None).unwrap(), some(&["cat", "dog"]), "{name}");
        assert_eq!(read.labels(Some("quality")).unwrap(), some(&["4", "2"]), "{name}");
        // The field `id` of the flat exports is the number of a task, and no id of ours.
        assert_eq!(column(&path, &prefer(&["row", "id"])).unwrap(), texts(&ids), "{name}");
        assert_eq!(column(&path, &prefer(&["label", "labels"])).unwrap(), texts(&["cat", "dog"]), "{name}");
        assert_eq!(column(&path, &named("quality")).unwrap(), SideColumn::Ints(vec![4, 2]), "{name}");
        assert_eq!(
            told(&column(&path, &named("boxes")).unwrap_err()),
            format!(
                "{name}: task 87 is labeled both `Moonwalker` and `Rocket` | settle it in the labeling tool and export \
                 again"
            )
        );
        let error = column(&path, &prefer(&["row"])).unwrap_err();
        assert!(told(&error).starts_with(&format!("{name}: no column `row` | there are: `id`, `label`, ")), "{error}");
        assert!(matches!(column(&path, &SideOptions::default()), Err(Error::AmbiguousColumn { .. })), "{name}");
    }
}

#[test]
fn every_kind_of_answer_of_label_studio() {
    for (kind, value, expected) in [
        ("choices", json!({"choices": ["a"]}), "a"),
        ("taxonomy", json!({"taxonomy": [["animal", "cat"]]}), "animal/cat"),
        ("rectanglelabels", json!({"x": 1.5, "width": 2, "rectanglelabels": ["car"]}), "car"),
        ("polygonlabels", json!({"points": [[1, 2]], "polygonlabels": ["car"], "closed": true}), "car"),
        ("labels", json!({"start": 0, "end": 4, "text": "Rome", "labels": ["city"]}), "city"),
        ("hypertextlabels", json!({"start": "/p[1]", "text": "Rome", "hypertextlabels": ["city"]}), "city"),
        ("rating", json!({"rating": 3}), "3"),
        ("number", json!({"number": 2.5}), "2.5"),
        ("textarea", json!({"text": ["one", "two"]}), "one\ntwo"),
        ("pairwise", json!({"selected": "left"}), "left"),
    ] {
        let task = |results: Value| json!([{"id": 1, "data": {"image": "a"}, "annotations": [{"result": results}]}]);
        let result = json!({"type": kind, "from_name": "q", "to_name": "image", "value": value});
        let read = read_text("a.json", &task(json!([result])).to_string()).unwrap();
        assert_eq!(read.labels(None).unwrap(), some(&[expected]), "{kind}");
        let record = json!([{"image": "a", "id": 1, "q": [value], "annotation_id": 2, "annotator": 1}]);
        let read = read_text("a.json", &record.to_string()).unwrap();
        assert_eq!(read.labels(None).unwrap(), some(&[expected]), "{kind} in JSON-MIN");
    }
}

#[test]
fn cvat_exports() {
    let path = tool("cvat.xml");
    assert!(is_annotations(&path));
    let read = read_annotations(&path).unwrap();
    assert_eq!((&read.rows, &read.ids), (&None, &strings(&["train/a.jpg", "train/b \"2\".jpg"])));
    assert_eq!(read.labels(None).unwrap(), some(&["cat", "R&D dog"]));
    let shapes = read.labels(Some("shape")).unwrap_err();
    assert!(shapes.to_string().ends_with("image `train/a.jpg` is labeled both `ear` and `paw`"), "{shapes}");
    // Whoever asks for images only is not told of labels that differ.
    assert_eq!(column(&path, &prefer(&["id"])).unwrap(), texts(&["train/a.jpg", "train/b \"2\".jpg"]));
}

#[test]
fn coco_files() {
    let path = tool("coco.json");
    assert!(is_annotations(&path));
    let read = read_annotations(&path).unwrap();
    assert_eq!(read.ids, strings(&["000000397133.jpg", "000000252219.jpg"]));
    assert_eq!(read.labels(None).unwrap(), some(&["bottle", "person"]));
    assert_eq!(column(&path, &prefer(&["label"])).unwrap(), texts(&["bottle", "person"]));
    assert_eq!(column(&path, &named("image_id")).unwrap(), SideColumn::Ints(vec![397133, 252219]));
}

#[test]
fn other_side_files_stay_what_they_are() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("a.csv", "id,label\na,cat\n"),
        ("a.jsonl", "{\"images\": 1, \"annotations\": 2}\n"),
        ("a.jsonl", "{\"version\": \"1\", \"x\": 2}\n"),
        ("a.txt", "[{\n"),
        ("a.txt", "<annotations>\n"),
    ] {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        assert!(!is_annotations(&path), "{text}");
    }
    assert!(!is_annotations(&fixture("labels-int16.npy")));
    assert!(!is_annotations(&dir.path().join("absent.json")));
    let path = dir.path().join("a.jsonl");
    assert_eq!(column(&path, &named("version")).unwrap(), texts(&["1"]));
    // Without a telling name, the content tells.
    let path = dir.path().join("export");
    fs::copy(tool("cvat.xml"), &path).unwrap();
    assert!(is_annotations(&path));
    fs::copy(tool("coco.json"), &path).unwrap();
    assert_eq!(column(&path, &prefer(&["label"])).unwrap(), texts(&["bottle", "person"]));
}

#[test]
fn tasks_for_label_studio_come_back_labeled() {
    let options = ToolOptions { prefix: "/data/local-files/?d=images/".into(), ..options() };
    let Written { path, text, _dir } =
        written("tasks.json", ToolFormat::LabelStudio, options, &tasks(&["a b.jpg", "c.jpg", "x/d.jpg"])).unwrap();
    let mut exported: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        exported[0],
        json!({
            "data": {
                "image": "/data/local-files/?d=images/a%20b.jpg",
                "subsel_key": "image",
                "subsel_id": "a b.jpg",
                "subsel_row": 7,
                "subsel_rank": 1,
                "subsel_score": 2.5,
                "subsel_reason": "farthest from what was taken",
                "subsel_method": "k-center",
            },
            "predictions": [{"model_version": "subsel 0.1.0 k-center", "score": 0.0, "result": []}],
        })
    );
    assert_eq!(exported[1]["data"].get("subsel_score"), None);
    // The lowest score is shown first there, and all of them have to lie between 0 and 1.
    let scores: Vec<f64> = (0..3).map(|i| exported[i]["predictions"][0]["score"].as_f64().unwrap()).collect();
    assert_eq!(scores, [0.0, 1.0 / 3.0, 2.0 / 3.0]);
    // As written, it is a list of rows.
    assert!(is_annotations(&path));
    assert_eq!(column(&path, &prefer(&["row"])).unwrap(), SideColumn::Ints(vec![7, 17, 27]));
    assert_eq!(column(&path, &prefer(&["id"])).unwrap(), texts(&["a b.jpg", "c.jpg", "x/d.jpg"]));
    assert!(matches!(column(&path, &prefer(&["label"])), Err(Error::NoSuchColumn { .. })));

    let answer = |label: &str| json!({"from_name": "q", "type": "choices", "value": {"choices": [label]}});
    for task in exported.as_array_mut().unwrap() {
        task["annotations"] = json!([]);
    }
    exported[2]["annotations"] = json!([{"result": [answer("dog")], "was_cancelled": false}]);
    exported[0]["annotations"] = json!([{"result": [answer("cat")]}, {"result": [answer("cat")]}]);
    fs::write(&path, exported.to_string()).unwrap();
    let read = read_annotations(&path).unwrap();
    assert_eq!((&read.rows, &read.ids), (&Some(vec![7, 27]), &strings(&["a b.jpg", "x/d.jpg"])));
    assert_eq!(read.labels(None).unwrap(), some(&["cat", "dog"]));

    // The same as JSON-MIN: the database orders the fields of the data by length, and the answers come after `id`.
    let flat = |task: usize, label: &str| {
        let mut record = serde_json::Map::new();
        let mut fields: Vec<(String, Value)> =
            exported[task]["data"].as_object().unwrap().clone().into_iter().collect();
        fields.sort_by_key(|(key, _)| (key.len(), key.clone()));
        record.extend(fields);
        record.extend([("id".into(), json!(90 + task)), ("q".into(), json!(label))]);
        record.extend([("annotator".into(), json!(1)), ("annotation_id".into(), json!(5))]);
        record.extend(["created_at", "updated_at", "lead_time"].map(|name| (name.to_owned(), json!(1.5))));
        record
    };
    let records = [flat(0, "cat"), flat(2, "dog")];
    fs::write(&path, json!(records).to_string()).unwrap();
    assert_eq!(table(&read_annotations(&path).unwrap()), table(&read));

    // And as CSV, the columns in the order of the alphabet.
    let mut names: Vec<&String> = records[0].keys().collect();
    names.sort();
    let cell =
        |value: &Value| format!("\"{}\"", value.as_str().map_or(value.to_string(), |text| text.replace('"', "\"\"")));
    let line = |record: &serde_json::Map<String, Value>| {
        names.iter().map(|name| cell(&record[*name])).collect::<Vec<_>>().join(",")
    };
    let header = names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(",");
    let csv = path.with_extension("csv");
    fs::write(&csv, format!("{header}\n{}\n{}\n", line(&records[0]), line(&records[1]))).unwrap();
    assert_eq!(table(&read_annotations(&csv).unwrap()), table(&read));
}

#[test]
fn label_studio_shows_texts_and_rows_without_ids() {
    let options = ToolOptions { key: "text".into(), ..options() };
    let mut tasks = tasks(&["first", "second"]);
    tasks[0].shown = Some("What was said.".into());
    tasks[1].id = None;
    tasks.reverse();
    let Written { path, text, _dir } = written("tasks.json", ToolFormat::LabelStudio, options, &tasks).unwrap();
    let read: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(read[0]["data"]["text"], "What was said.");
    assert_eq!(read[0]["data"]["subsel_id"], "first");
    assert_eq!(read[1]["data"]["text"], "17");
    let read = read_annotations(&path).unwrap();
    assert_eq!((read.rows, read.ids), (Some(vec![7, 17]), None));
    let empty = written("tasks.json", ToolFormat::LabelStudio, ToolOptions::default(), &[]).unwrap();
    assert_eq!(empty.text, "[\n]\n");
}

#[test]
fn a_manifest_for_cvat_comes_back_as_xml() {
    let Written { path, text, _dir } =
        written("manifest.jsonl", ToolFormat::Cvat, options(), &tasks(&["train/b.jpg", "a & b.png"])).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(
        text.starts_with("{\"version\":\"1.1\"}\n{\"type\":\"images\"}\n{\"name\":\"train/b\",\"extension\":\".jpg\"")
    );
    assert_eq!((&lines[2]["width"], &lines[2]["height"]), (&json!(640), &json!(480)));
    assert_eq!(lines[3]["meta"]["subsel_row"], 17);
    assert_eq!(lines[3]["meta"]["related_images"], json!([]));
    assert!(is_annotations(&path));
    let read = read_annotations(&path).unwrap();
    assert_eq!((read.rows, read.ids), (Some(vec![7, 17]), strings(&["train/b.jpg", "a & b.png"])));

    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<annotations>\n  <version>1.1</version>\n");
    for (id, line) in lines[2..].iter().enumerate() {
        let name = format!("{}{}", line["name"].as_str().unwrap(), line["extension"].as_str().unwrap());
        let name = name.replace('&', "&amp;");
        let tag = if id == 1 { "<tag label=\"cat\" source=\"manual\">\n</tag>" } else { "" };
        xml += &format!("<image id=\"{id}\" name=\"{name}\" width=\"640\" height=\"480\">{tag}</image>\n");
    }
    let read = read_text("annotations.xml", &(xml + "</annotations>\n")).unwrap();
    assert_eq!((&read.rows, &read.ids), (&None, &strings(&["a & b.png"])));
    assert_eq!(read.labels(None).unwrap(), some(&["cat"]));
}

#[test]
fn images_are_picked_out_of_a_coco_file_by_name_or_number() {
    let options = || ToolOptions { coco: Some(tool("coco.json")), ..options() };
    let whole: Value = serde_json::from_str(&fs::read_to_string(tool("coco.json")).unwrap()).unwrap();
    for ids in [["000000037777.jpg", "000000397133.jpg"], ["37777", "397133"]] {
        let Written { path, text, _dir } = written("picked.json", ToolFormat::Coco, options(), &tasks(&ids)).unwrap();
        let picked: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(picked["images"], json!([whole["images"][1], whole["images"][0]]));
        assert_eq!(picked["annotations"], json!([whole["annotations"][0], whole["annotations"][2]]));
        for kept in ["info", "licenses", "categories"] {
            assert_eq!(picked[kept], whole[kept], "{kept}");
        }
        let names: Vec<&String> = picked.as_object().unwrap().keys().collect();
        assert_eq!(names, ["info", "licenses", "images", "annotations", "categories"]);

        // The one without annotations gets one, as a tool that reads and writes COCO would give it.
        let mut labeled = picked.clone();
        labeled["annotations"].as_array_mut().unwrap().push(json!({"id": 9, "image_id": 37777, "category_id": 1}));
        assert_eq!(read_annotations(&path).unwrap().ids, strings(&["000000397133.jpg"]));
        fs::write(&path, labeled.to_string()).unwrap();
        let read = read_annotations(&path).unwrap();
        assert_eq!(read.ids, strings(&["000000037777.jpg", "000000397133.jpg"]));
        assert_eq!(read.labels(None).unwrap(), some(&["person", "bottle"]));
    }
    for (ids, message) in [
        (["000000037777.jpg", "b.jpg"], "1 of 2 ids name no image by file name, the first is `b.jpg`"),
        (["1", "37777"], "1 of 2 ids name no image by number, the first is `1`"),
        (["a.jpg", "b.jpg"], "none of the 2 ids is an image of it, the first is `a.jpg`"),
    ] {
        let error = written("picked.json", ToolFormat::Coco, options(), &tasks(&ids)).unwrap_err();
        assert_eq!(told(&error), format!("coco.json: {message} | file names look like `000000397133.jpg`"));
    }
}

#[test]
fn a_list_has_ids_or_rows() {
    let mut tasks = tasks(&["b.jpg", "a.jpg"]);
    let Written { path, text, _dir } = written("list.txt", ToolFormat::List, options(), &tasks).unwrap();
    assert_eq!(text, "b.jpg\na.jpg\n");
    assert_eq!(column(&path, &SideOptions::default()).unwrap(), texts(&["b.jpg", "a.jpg"]));
    tasks[1].id = Some("a\nb".into());
    let error = written("list.txt", ToolFormat::List, options(), &tasks).unwrap_err();
    assert!(error.to_string().ends_with("the id of row 17 has several lines"), "{error}");
    tasks.iter_mut().for_each(|task| task.id = None);
    assert_eq!(written("list.txt", ToolFormat::List, options(), &tasks).unwrap().text, "7\n17\n");
}

#[test]
fn what_cannot_be_written_is_refused_before_the_work() {
    let dir = tempfile::tempdir().unwrap();
    let create = |name: &str, format, options, force| {
        ToolWriter::create(&dir.path().join(name), format, options, force).map(|_| ()).map_err(|e| told(&e))
    };
    assert_eq!(
        create("tasks.csv", ToolFormat::LabelStudio, options(), false).unwrap_err(),
        "tasks.csv: tasks for `label-studio` are not written to a file of that name | name it *.json"
    );
    for key in ["", "subsel_row"] {
        assert!(
            create("a.json", ToolFormat::LabelStudio, ToolOptions { key: key.into(), ..options() }, false).is_err()
        );
    }
    let without = create("a.json", ToolFormat::Coco, options(), false).unwrap_err();
    assert!(without.contains("none is named"), "{without}");
    let coco = |path: PathBuf| ToolOptions { coco: Some(path), ..options() };
    let no_coco = create("a.json", ToolFormat::Coco, coco(tool("label-studio.json")), false).unwrap_err();
    assert!(no_coco.starts_with("label-studio.json: is no COCO file"), "{no_coco}");
    fs::copy(tool("coco.json"), dir.path().join("own.json")).unwrap();
    let itself = create("own.json", ToolFormat::Coco, coco(dir.path().join("own.json")), true).unwrap_err();
    assert!(itself.contains("is the file that images are picked out of"), "{itself}");

    let check = |format: ToolFormat, ids: Option<Ids>| {
        let writer = ToolWriter::create(
            &dir.path().join(format!("x.{}", format.extension())),
            format,
            coco(tool("coco.json")),
            false,
        );
        writer.unwrap().check_ids(ids.as_ref()).map_err(|e| told(&e))
    };
    use ToolFormat::{Coco, Cvat, LabelStudio, List};
    let names = |names: &[&str]| Some(Ids::Text(names.iter().map(|name| (*name).to_owned()).collect()));
    assert_eq!((check(LabelStudio, None), check(List, None), check(Cvat, names(&["a"]))), (Ok(()), Ok(()), Ok(())));
    assert!(check(Cvat, None).unwrap_err().contains("rows have no ids, by which `cvat` finds images"));
    assert!(check(Coco, None).unwrap_err().contains("rows have no ids, by which `coco` finds images"));
    assert_eq!(check(Coco, names(&["absent.jpg", "000000397133.jpg"])), Ok(()));
    assert_eq!(check(Coco, Some(Ids::Int(vec![1, 37777]))), Ok(()));
    let none = check(Coco, Some(Ids::Int(vec![1, 2]))).unwrap_err();
    assert_eq!(
        none,
        "coco.json: none of the 2 ids is an image of it, the first is `1` | file names look like `000000397133.jpg`"
    );

    let path = dir.path().join("a.txt");
    fs::write(&path, "precious").unwrap();
    let refused = ToolWriter::create(&path, ToolFormat::List, options(), false);
    assert!(matches!(refused, Err(Error::Exists { .. })));
    ToolWriter::create(&path, ToolFormat::List, options(), true).unwrap().write(&tasks(&["a"])).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "a\n");
}

#[test]
fn cvat_needs_names_and_sizes() {
    let mut tasks = tasks(&["a.jpg", "b.jpg"]);
    tasks[1].size = None;
    let error = written("m.jsonl", ToolFormat::Cvat, options(), &tasks).unwrap_err();
    assert!(error.to_string().ends_with("the width and height of `b.jpg` are not known"), "{error}");
    tasks[0].id = None;
    let error = written("m.jsonl", ToolFormat::Cvat, options(), &tasks).unwrap_err();
    assert!(error.to_string().ends_with("rows have no ids, by which `cvat` finds images"), "{error}");
}

#[test]
fn labels_in_conflict_are_told_only_to_who_asks_for_labels() {
    let answer = |label: &str| json!({"result": [{"from_name": "q", "value": {"choices": [label]}}]});
    let task = |id: u64, row: u64, labels: &[&str]| {
        let annotations: Vec<Value> = labels.iter().map(|label| answer(label)).collect();
        json!({"id": id, "data": {"image": "x", "subsel_row": row}, "annotations": annotations})
    };
    // One row may have become two tasks, too.
    for tasks in [json!([task(5, 3, &["cat", "dog"])]), json!([task(5, 3, &["cat"]), task(6, 3, &["dog"])])] {
        let read = read_text("a.json", &tasks.to_string()).unwrap();
        assert_eq!(read.rows, Some(vec![3]));
        let error = read.labels(None).unwrap_err();
        assert_eq!(
            told(&error),
            "a.json: task 5 is labeled both `cat` and `dog` | settle it in the labeling tool and export again"
        );
    }
    let several = json!([{"data": {"image": "x"}, "annotations": [
        {"result": [{"from_name": "q", "value": {"choices": ["a", "b"]}}]}]}]);
    let error = read_text("a.json", &several.to_string()).unwrap().labels(None).unwrap_err();
    assert!(error.to_string().ends_with("task number 1 is labeled both `a` and `b`"), "{error}");
}

#[test]
fn a_label_is_never_taken_for_a_row() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.json");
    let task = |n: u64| {
        let annotation = json!({"result": [{"from_name": "digit", "value": {"choices": [n.to_string()]}}]});
        json!({"id": n, "data": {"left": "a", "right": "b"}, "annotations": [annotation]})
    };
    fs::write(&path, json!([task(3), task(4)]).to_string()).unwrap();
    let error = column(&path, &prefer(&["row", "id"])).unwrap_err();
    assert_eq!(told(&error), "a.json: no column `row` | there are: `label`, `digit`");
    assert_eq!(column(&path, &prefer(&["label"])).unwrap(), SideColumn::Ints(vec![3, 4]));
}

#[test]
fn an_item_without_the_label_asked_for_is_named() {
    let tasks = json!([
        {"id": 1, "data": {"image": "a"}, "annotations": [{"result": [{"from_name": "q", "value": {"choices": ["x"]}}]}]},
        {"id": 2, "data": {"image": "b"}, "annotations": [{"result": [{"from_name": "box", "value": {"x": 1}}]}]},
    ]);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.json");
    fs::write(&path, tasks.to_string()).unwrap();
    assert_eq!(read_annotations(&path).unwrap().labels(None).unwrap(), [Some("x".to_owned()), None]);
    let error = column(&path, &prefer(&["label"])).unwrap_err();
    assert!(error.to_string().ends_with("task 2 is annotated but has no `label`"), "{error}");
    assert_eq!(column(&path, &prefer(&["id"])).unwrap(), texts(&["a", "b"]));
}

#[test]
fn exports_without_anything_labeled_are_empty() {
    for (name, text) in [
        ("a.json", "[]"),
        ("a.json", "[{\"id\": 1, \"data\": {\"image\": \"a\"}, \"annotations\": []}]"),
        ("a.json", "{\"images\": []}"),
        ("a.xml", "<annotations/>"),
    ] {
        let read = read_text(name, text).unwrap();
        assert!(read.is_empty() && read.labels(None).unwrap().is_empty(), "{text}");
        assert_eq!((read.rows, read.ids), (Some(vec![]), Some(vec![])), "{text}");
    }
}
