//! Texts and pictures of chosen rows.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray, StructArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field};
use parquet::arrow::ArrowWriter;
use subsel_formats::{Error, Item, SideOptions, count_rows, list_files, read_items};

fn text(text: &str) -> Option<Item> {
    Some(Item::Text(text.into()))
}

fn options(column: Option<&str>) -> SideOptions {
    SideOptions { column: column.map(str::to_owned), prefer: vec!["img".into(), "text".into()] }
}

fn read(paths: &[PathBuf], rows: &[usize], column: Option<&str>) -> Result<Vec<Option<Item>>, Error> {
    read_items(&count_rows(paths)?, rows, &options(column))
}

fn write(dir: &Path, name: &str, content: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, content).expect("the file is written");
    path
}

/// Ten rows: a text, a picture as data sets have it (none in row 4), a number.
fn parquet(dir: &Path) -> PathBuf {
    let bytes: Vec<Vec<u8>> = (0..10).map(|i| vec![0xFF, 0xD8, i]).collect();
    let bytes: ArrayRef = Arc::new(BinaryArray::from_iter_values(&bytes));
    let names: ArrayRef = Arc::new(StringArray::from_iter_values((0..10).map(|i| format!("{i}.jpg"))));
    let fields = vec![Field::new("bytes", DataType::Binary, true), Field::new("path", DataType::Utf8, true)];
    let present = NullBuffer::from((0..10).map(|i| i != 4).collect::<Vec<bool>>());
    let pictures: ArrayRef = Arc::new(StructArray::new(fields.into(), vec![bytes, names], Some(present)));
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..10).map(|i| format!("text {i}"))));
    let labels: ArrayRef = Arc::new(Int64Array::from_iter_values(0..10));
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("img", pictures, true),
        ("words", texts, false),
        ("label", labels, false),
    ]);
    let batch = batch.expect("a batch");
    let path = dir.join("rows.parquet");
    let file = std::fs::File::create(&path).expect("the file begins");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("rows");
    writer.close().expect("an end");
    path
}

#[test]
fn texts_come_in_the_order_asked_for_and_through_all_files() {
    let dir = tempfile::tempdir().expect("a directory");
    let first = write(dir.path(), "a.txt", "zero\n#one\n\ntwo\n");
    let second = write(dir.path(), "b.jsonl", "{\"id\": 3, \"text\": \"three\"}\n{\"id\": 4, \"text\": null}\n");
    let found = read(&[first, second], &[3, 1, 3, 0, 4], None).expect("items");
    assert_eq!(found, [text("three"), text("#one"), text("three"), text("zero"), None]);
}

#[test]
fn what_is_no_text_is_given_as_json() {
    let dir = tempfile::tempdir().expect("a directory");
    let long = "x".repeat(300);
    let path = write(dir.path(), "a.jsonl", &format!("{{\"why\": {{\"{long}\": 1}}}}\n{{\"why\": 2}}\n"));
    let found = read(&[path], &[0, 1], Some("why")).expect("items");
    assert_eq!(found, [text(&format!("{{\"{long}\":1}}")), text("2")]);
}

#[test]
fn a_column_of_a_table_is_chosen_by_name_or_by_custom() {
    let dir = tempfile::tempdir().expect("a directory");
    let table = write(dir.path(), "a.csv", "label,text,title\n1,\"one, two\",first\n2,,second\n");
    let read = |column| read(std::slice::from_ref(&table), &[1, 0], column);
    assert_eq!(read(None).expect("items"), [None, text("one, two")]);
    assert_eq!(read(Some("title")).expect("items"), [text("second"), text("first")]);
    assert!(matches!(read(Some("nobody")), Err(Error::NoSuchColumn { .. })));
}

#[test]
fn pictures_of_a_parquet_file_are_the_bytes_of_their_structs() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = parquet(dir.path());
    let paths = std::slice::from_ref(&path);
    let bytes = |i: u8| Some(Item::Bytes(vec![0xFF, 0xD8, i]));
    assert_eq!(read(paths, &[9, 4, 0, 5], None).expect("items"), [bytes(9), None, bytes(0), bytes(5)]);
    assert_eq!(read(paths, &[2, 7], Some("words")).expect("items"), [text("text 2"), text("text 7")]);
    assert_eq!(read(paths, &[2, 7], Some("label")).expect("items"), [text("2"), text("7")]);
    let twice = [path.clone(), path];
    let parts = [count_rows(&twice[..1]).expect("parts"), count_rows(&twice[1..]).expect("parts")].concat();
    let found = read_items(&parts, &[13, 3], &options(None)).expect("items");
    assert_eq!(found, [bytes(3), bytes(3)], "rows are numbered through all files");
}

#[test]
fn a_row_beyond_the_files_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = write(dir.path(), "a.txt", "zero\none\n");
    let error = read(&[path], &[0, 2], None).expect_err("no such row");
    assert_eq!(error.to_string(), "items: row 2 is asked for of 2 rows");
}

#[test]
fn files_are_listed_by_extension_in_order() {
    let dir = tempfile::tempdir().expect("a directory");
    for name in ["b.PNG", "a.jpg", "c.txt", "d"] {
        write(dir.path(), name, "");
    }
    let found = list_files(dir.path(), &["jpg", "png"]).expect("files");
    assert_eq!(found, [dir.path().join("a.jpg"), dir.path().join("b.PNG")]);
    assert!(list_files(&dir.path().join("nowhere"), &["jpg"]).is_err());
}
