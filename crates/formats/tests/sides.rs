//! Side files of every format give the same values.

mod common;

use std::fs;

use common::fixture;
use subsel_formats::{Error, SideColumn, SideFile, SideOptions, read_column, read_matrix};

fn named(column: &str) -> SideOptions {
    SideOptions { column: Some(column.into()), prefer: Vec::new() }
}

fn values(name: &str) -> SideColumn {
    read_column(&fixture(name), &SideOptions::default()).unwrap().values
}

fn texts(values: &[&str]) -> SideColumn {
    SideColumn::Texts(values.iter().map(|value| (*value).to_owned()).collect())
}

/// Reads a text as a file called `name`.
fn read_text(name: &str, text: &str, options: &SideOptions) -> Result<SideFile, Error> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    fs::write(&path, text).unwrap();
    read_column(&path, options)
}

#[test]
fn arrays_of_numpy() {
    assert_eq!(values("labels-bool.npy"), SideColumn::Ints(vec![1, 0, 1]));
    assert_eq!(values("labels-int16.npy"), SideColumn::Ints(vec![1, -2, 3]));
    assert_eq!(values("labels-column.npy"), SideColumn::Ints(vec![1, 2, 3]));
    assert_eq!(values("labels-text.npy"), texts(&["cat", "é", "a long one"]));
    assert_eq!(values("labels-bytes.npy"), texts(&["cat", "dog"]));
    assert_eq!(values("scores.npy"), SideColumn::Floats(vec![0.5, -1.0, f64::INFINITY]));
    let error = read_column(&fixture("float32.npy"), &SideOptions::default()).unwrap_err();
    assert!(error.to_string().contains("(5, 3)"), "{error}");
}

#[test]
fn columns_of_parquet_and_arrow() {
    for name in ["zstd.parquet", "lz4.feather", "stream.arrows"] {
        let read = |column| read_column(&fixture(name), &named(column)).unwrap().values;
        assert_eq!(read("number"), SideColumn::Ints((100..105).collect()), "{name}");
        assert_eq!(read("id"), texts(&["a", "b", "c", "d", "é"]), "{name}");
        assert_eq!(read("kind"), texts(&["cat", "dog", "cat", "dog", "cat"]), "{name}");
    }
    let prefer = SideOptions { column: None, prefer: vec!["row".into(), "number".into()] };
    assert_eq!(read_column(&fixture("f32.parquet"), &prefer).unwrap().column.as_deref(), Some("number"));
    assert_eq!(values("no-list.parquet"), SideColumn::Ints(vec![1, 2]));
    let error = read_column(&fixture("f32.parquet"), &SideOptions::default()).unwrap_err();
    assert!(error.hint().unwrap().contains("`id`, `number`"), "{error}");
    assert!(matches!(read_column(&fixture("f32.parquet"), &named("x")), Err(Error::NoSuchColumn { .. })));
}

#[test]
fn texts_are_numbers_only_where_they_are_written_as_numbers() {
    for (text, expected) in [
        ("1\n-2\n3\n", SideColumn::Ints(vec![1, -2, 3])),
        ("# rows\n\n 1 \r\n2", SideColumn::Ints(vec![1, 2])),
        ("007\n8\n", texts(&["007", "8"])),
        ("0.5\n1\n1e-3\n", SideColumn::Floats(vec![0.5, 1.0, 1e-3])),
        ("cat\ndog\n", texts(&["cat", "dog"])),
        ("99999999999999999999\n", texts(&["99999999999999999999"])),
        ("", SideColumn::Ints(vec![])),
    ] {
        assert_eq!(read_text("a.txt", text, &SideOptions::default()).unwrap().values, expected, "{text:?}");
    }
}

#[test]
fn tables_have_a_header_unless_all_is_numbers() {
    let plain = SideOptions::default();
    assert_eq!(read_text("a.csv", "3\n4\n", &plain).unwrap().values, SideColumn::Ints(vec![3, 4]));
    let labels = read_text("a.csv", "label\ncat\ndog\n", &plain).unwrap();
    assert_eq!((labels.column.as_deref(), labels.values), (Some("label"), texts(&["cat", "dog"])));
    let picks = "rank,row,id,score\n1,7,x,0.5\n2,3,y,0.25\n";
    let prefer = SideOptions { column: None, prefer: vec!["id".into(), "row".into()] };
    assert_eq!(read_text("a.csv", picks, &prefer).unwrap().values, texts(&["x", "y"]));
    assert_eq!(read_text("a.csv", picks, &named("row")).unwrap().values, SideColumn::Ints(vec![7, 3]));
    assert_eq!(read_text("a.csv", picks, &named("score")).unwrap().values, SideColumn::Floats(vec![0.5, 0.25]));
    assert!(matches!(read_text("a.csv", picks, &plain), Err(Error::AmbiguousColumn { .. })));
    assert!(matches!(read_text("a.csv", picks, &named("gain")), Err(Error::NoSuchColumn { .. })));
    assert!(matches!(read_text("a.csv", "1,2\n3,4\n", &plain), Err(Error::AmbiguousColumn { .. })));
    assert!(matches!(read_text("a.csv", "a,b\n1,\n", &named("b")), Err(Error::Null { row: 0, .. })));
    assert!(matches!(read_text("a.csv", "a,b\n1\n", &named("b")), Err(Error::Null { row: 0, .. })));
}

#[test]
fn fields_of_json_lines() {
    let lines = "{\"text\": \"a\", \"label\": 1, \"score\": 0.5}\n\n{\"label\": 2, \"text\": \"b\", \"score\": 1}\n";
    assert_eq!(read_text("a.jsonl", lines, &named("label")).unwrap().values, SideColumn::Ints(vec![1, 2]));
    assert_eq!(read_text("a.jsonl", lines, &named("score")).unwrap().values, SideColumn::Floats(vec![0.5, 1.0]));
    assert_eq!(read_text("a.jsonl", lines, &named("text")).unwrap().values, texts(&["a", "b"]));
    let plain = SideOptions::default();
    assert!(matches!(read_text("a.jsonl", lines, &plain), Err(Error::AmbiguousColumn { .. })));
    assert_eq!(read_text("a.jsonl", "{\"x\": true}\n", &plain).unwrap().values, SideColumn::Ints(vec![1]));
    for (text, told) in [
        ("{\"x\": 1}\n{\"x\": \"a\"}\n", "line 2"),
        ("{\"x\": \"a\"}\n{\"x\": 1}\n", "line 2"),
        ("{\"x\": 1}\n{\"y\": 1}\n", "row 1"),
        ("{\"x\": null}\n", "row 0"),
        ("{\"x\": 18446744073709551615}\n", "64-bit"),
        ("{\"x\": 1\n", "line 1"),
        ("{\"x\": [1]}\n", "line 1"),
    ] {
        let error = read_text("a.jsonl", text, &named("x")).unwrap_err();
        assert!(error.to_string().contains(told), "{text:?}: {error}");
    }
}

#[test]
fn matrices_keep_f64() {
    let probs = read_matrix(&fixture("probs-fortran.npy"), &SideOptions::default()).unwrap();
    assert_eq!((probs.n_rows, probs.n_columns), (3, 2));
    assert_eq!(probs.values, [0.25, 0.75, 0.5, 0.5, 1.0, 0.0]);
    let expected: Vec<f64> = (0..15).map(|value| f64::from(value) / 4.0).collect();
    for name in ["float64.npy", "big-endian.npy", "f64.parquet", "fixed.parquet", "plain.csv"] {
        let matrix = read_matrix(&fixture(name), &SideOptions::default()).unwrap();
        assert_eq!((matrix.values, matrix.n_rows, matrix.n_columns), (expected.clone(), 5, 3), "{name}");
    }
    for name in ["ragged.parquet", "null-value.parquet", "one-axis.npy", "labels-text.npy", "table.csv"] {
        assert!(read_matrix(&fixture(name), &SideOptions::default()).is_err(), "{name}");
    }
}
