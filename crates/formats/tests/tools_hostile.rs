//! Files that are no annotations, or break off: each is refused with its place, and none can crash the program.

mod common;

use std::fs;

use common::tools::*;
use proptest::prelude::*;
use serde_json::{Value, json};
use subsel_formats::{Error, ToolFormat, ToolOptions, ToolWriter, is_annotations, read_annotations, read_column};

#[test]
fn files_that_are_no_annotations_are_refused_with_their_place() {
    let image = "{\"images\": [{\"id\": 1, \"file_name\": \"a\"}]";
    for (name, text, expected) in [
        ("a.json", "", "is empty"),
        ("a.json", "[{\"id\": 1,\n}]", "is no JSON: trailing comma at line 2"),
        ("a.json", "[1, 2]", "entry 1 of the array is no task"),
        ("a.json", "[{\"data\": {}, \"annotations\": []}, {\"x\": 1}]", "entry 2 of the array is no task"),
        ("a.json", "{\"a\": 1}", "without `images`"),
        ("a.json", "{\"id\": 1, \"data\": {}}", "where an array of tasks is needed"),
        ("a.json", "3", "neither an array of tasks nor"),
        ("a.json", "[{\"id\": 7, \"data\": {\"image\": \"a\"}}]", "task 7 has no field `annotations`"),
        ("a.json", "[{\"id\": 7, \"data\": {}, \"annotations\": 3}]", "task 7: `annotations` is no array"),
        ("a.json", "[{\"id\": 7, \"data\": {}, \"annotations\": [3]}]", "task 7: an annotation is no object"),
        ("a.json", "[{\"data\": {}, \"annotations\": [{}]}]", "task number 1: an annotation has no array `result`"),
        (
            "a.json",
            "[{\"id\": 7, \"data\": {\"subsel_row\": 1.5}, \"annotations\": []}]",
            "task 7: `subsel_row` is 1.5, no row number",
        ),
        ("a.json", "{\"images\": [{\"id\": 1}]}", "entry 1 of `images` has no `file_name`"),
        ("a.json", "{\"images\": [{\"file_name\": \"a\"}]}", "entry 1 of `images` has no `id`"),
        ("a.json", &format!("{image}, \"annotations\": 3}}"), "`annotations` is no array"),
        ("a.json", &format!("{image}, \"annotations\": [{{}}]}}"), "entry 1 of `annotations` has no `image_id`"),
        ("a.json", &format!("{image}, \"annotations\": [{{\"image_id\": 2}}]}}"), "is of image 2, which is not among"),
        (
            "a.json",
            &format!(
                "{image}, \"categories\": [{{\"id\": 1, \"name\": \"x\"}}], \"annotations\": [{{\"image_id\": 1, \"category_id\": 5}}]}}"
            ),
            "is of category 5, which is not among",
        ),
        ("a.xml", "no XML", "it has no element"),
        ("a.xml", "<annotation><object/></annotation>", "the root `annotation`, not `annotations`"),
        ("a.xml", "<annotations>\n<image id=\"0\">\n</image></annotations>", "line 2 is no XML: an image has no name"),
        ("a.xml", "<annotations>\n<image name=\"a\">", "breaks off before the end"),
        ("a.xml", "<annotations>\n\n<image name=\"&nbsp;\"/></annotations>", "line 3 is no XML"),
        ("a.xml", "<annotations></image>", "line 1 is no XML"),
        ("a.xml", "<annotations><track id=\"0\" label=\"car\"></track></annotations>", "holds tracks of a video"),
        ("a.zip", "PK", "a zip archive"),
        ("a.jsonl", "{\"version\":\"1.1\"}\n", "breaks off after its first line"),
        ("a.jsonl", "{\"version\":\"1.1\"}\n{\"type\":\"video\"}\n", "is a manifest, but not of images"),
        (
            "a.jsonl",
            "{\"version\":\"1.1\"}\n{\"type\":\"images\"}\n{\"name\":\"a\"}\n",
            "line 3: has no text `extension`",
        ),
        ("a.csv", "a,b\n1,2\n", "no file of annotations"),
    ] {
        let error = read_text(name, text).unwrap_err();
        assert!(error.to_string().contains(expected), "{text}: {error}");
        if matches!(error, Error::Unsupported { .. }) {
            assert!(error.hint().is_some(), "{error}");
        }
    }
}

/// Texts near to what is read: pieces of the fixtures, cut, repeated and mixed.
fn nearly(name: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let whole = fs::read(tool(name)).unwrap();
    let len = whole.len();
    let edit = (0..len, 0..len, 0..4_usize, any::<u8>());
    proptest::collection::vec(edit, 1..4).prop_map(move |edits| {
        let mut bytes = whole.clone();
        for (a, b, kind, byte) in edits {
            let (a, b) = (a.min(b).min(bytes.len()), a.max(b).min(bytes.len()));
            match kind {
                0 => bytes.truncate(b),
                1 => drop(bytes.drain(a..b)),
                2 => bytes.extend_from_within(a..b),
                _ if a < bytes.len() => bytes[a] = byte,
                _ => {}
            }
        }
        bytes
    })
}

/// Values such as a task or a COCO file is made of, in places where they do not belong.
fn any_json() -> impl Strategy<Value = Value> {
    let names = ["data", "annotations", "result", "value", "choices", "images", "id", "image_id", "file_name"];
    let names = proptest::sample::select(names.to_vec());
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((names.clone(), inner), 0..5)
                .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

fn try_everything(name: &str, bytes: &[u8]) -> Result<(), TestCaseError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    fs::write(&path, bytes).unwrap();
    is_annotations(&path);
    let mut errors: Vec<Error> = Vec::new();
    match read_annotations(&path) {
        Ok(read) => errors.extend(read.labels(None).err()),
        Err(error) => errors.push(error),
    }
    errors.extend(["row", "id", "label", "choice"].iter().filter_map(|name| read_column(&path, &named(name)).err()));
    for error in errors {
        prop_assert!(!error.to_string().contains("its parser gave up"), "{}", error);
    }
    let options = ToolOptions { coco: Some(path), ..ToolOptions::default() };
    if let Ok(writer) = ToolWriter::create(&dir.path().join("out.json"), ToolFormat::Coco, options, false) {
        let _ = writer.write(&tasks(&["000000037777.jpg"]));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn damaged_json_crashes_nothing(bytes in prop_oneof![nearly("label-studio.json"), nearly("label-studio-min.json"), nearly("coco.json")]) {
        try_everything("a.json", &bytes)?;
    }

    #[test]
    fn damaged_xml_crashes_nothing(bytes in nearly("cvat.xml")) {
        try_everything("a.xml", &bytes)?;
    }

    #[test]
    fn damaged_tables_crash_nothing(bytes in nearly("label-studio.csv")) {
        try_everything("a.csv", &bytes)?;
    }

    #[test]
    fn json_of_any_shape_crashes_nothing(value in any_json()) {
        try_everything("a.json", value.to_string().as_bytes())?;
        try_everything("a.json", json!([value]).to_string().as_bytes())?;
        try_everything("a.json", json!({"images": value, "annotations": [value]}).to_string().as_bytes())?;
    }
}
