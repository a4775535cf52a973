//! Files that hold many images: Parquet, npz, npy, CIFAR's records.

mod common;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, Int64Array, LargeBinaryArray, RecordBatch, StringArray, StructArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field};
use common::{context, cut, picture, png, set, write};
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use subsel_images::{Error, Image, ImageSet, SetOptions};

fn opened(path: &Path, options: SetOptions) -> Result<ImageSet, Error> {
    ImageSet::open(&[path.to_owned()], &options)
}

fn refused(path: &Path) -> String {
    opened(path, SetOptions::default()).expect_err("refused").to_string()
}

fn structs(files: &[Vec<u8>], missing: Option<usize>) -> ArrayRef {
    let bytes: ArrayRef = Arc::new(BinaryArray::from_iter_values(files));
    let names: ArrayRef = Arc::new(StringArray::from_iter_values((0..files.len()).map(|i| format!("{i}.png"))));
    let fields = vec![Field::new("bytes", DataType::Binary, true), Field::new("path", DataType::Utf8, true)];
    let present = NullBuffer::from((0..files.len()).map(|i| Some(i) != missing).collect::<Vec<bool>>());
    Arc::new(StructArray::new(fields.into(), vec![bytes, names], Some(present)))
}

fn parquet(path: PathBuf, columns: Vec<(&str, ArrayRef)>, group_rows: usize, note: Option<&str>) -> PathBuf {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)));
    let batch = batch.expect("a batch");
    let notes = note.map(|note| vec![KeyValue::new("huggingface".into(), note.to_owned())]);
    let properties =
        WriterProperties::builder().set_key_value_metadata(notes).set_max_row_group_row_count(Some(group_rows));
    let file = std::fs::File::create(&path).expect("a file");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties.build())).expect("a writer");
    writer.write(&batch).expect("rows");
    writer.close().expect("an end");
    path
}

fn pngs(numbers: std::ops::Range<usize>) -> Vec<Vec<u8>> {
    numbers.map(|number| png(&picture(4, 5, number))).collect()
}

fn ints(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

const NAMES: &str = r#"{"info": {"features": {"img": {"_type": "Image"}, "label": {"names": ["cat", "dog", "eel"], "_type": "ClassLabel"}}}}"#;

#[test]
fn columns_of_images_are_read_through_all_files() {
    let dir = tempfile::tempdir().expect("a directory");
    let first = vec![("img", structs(&pngs(0..10), Some(4))), ("label", ints((0..10).map(|i| i % 3)))];
    let second = vec![("img", structs(&pngs(10..17), None)), ("label", ints((0..7).map(|_| 1)))];
    let paths = [
        parquet(dir.path().join("a.parquet"), first, 3, Some(NAMES)),
        parquet(dir.path().join("b.parquet"), second, 100, Some(NAMES)),
    ];
    let found = set(&paths);
    assert_eq!((found.len(), found.parts()[1].n_rows), (17, 7));
    let labels = found.labels().expect("classes");
    assert_eq!((labels.names.join(" "), labels.codes[2], labels.codes[16]), ("cat dog eel".into(), 2, 1));
    assert_eq!(found.ids().text(12), "12");
    let check = |row: usize, image: &Result<Image, subsel_images::Broken>| match image {
        Ok(image) => assert_eq!(image, &picture(4, 5, row), "row {row}"),
        Err(broken) => {
            assert_eq!((row, broken.row, broken.why.as_str()), (4, 4, "the cell is null"));
            assert_eq!(broken.name, format!("{}, row 4", paths[0].display()));
        }
    };
    // Ranges one after the other, of one row, overlapping, backwards, across the files.
    for range in [0..4, 4..9, 9..12, 12..17, 3..4, 0..17, 16..17, 2..11, 5..5] {
        let images = found.read(range.clone(), &context(2)).expect("read");
        assert_eq!(images.len(), range.len());
        range.zip(&images).for_each(|(row, image)| check(row, image));
    }
    for rows in [vec![0, 5, 8, 11], vec![16, 0, 16, 9], vec![1, 2, 15]] {
        let images = found.gather(&rows, &context(2)).expect("read");
        rows.iter().zip(&images).for_each(|(row, image)| check(*row, image));
    }
}

#[test]
fn columns_are_named_where_there_are_several() {
    let dir = tempfile::tempdir().expect("a directory");
    let large: ArrayRef = Arc::new(LargeBinaryArray::from_iter_values(pngs(0..3)));
    let keys: ArrayRef = Arc::new(StringArray::from(vec!["x", "y", "z"]));
    let kinds: ArrayRef = Arc::new(StringArray::from(vec!["b", "a", "b"]));
    let columns = vec![("img", structs(&pngs(3..6), None)), ("mask", large), ("key", keys), ("kind", kinds)];
    let path = parquet(dir.path().join("a.parquet"), columns, 100, None);
    let error = opened(&path, SetOptions::default()).expect_err("two columns");
    assert!(error.hint().is_some_and(|hint| hint.contains("`img`, `mask`")), "{error} {:?}", error.hint());
    let options = SetOptions {
        column: Some("mask".into()),
        label_column: Some("kind".into()),
        id_column: Some("key".into()),
        ..SetOptions::default()
    };
    let found = opened(&path, options.clone()).expect("a set");
    assert_eq!(found.read(1..2, &context(1)).expect("read"), [Ok(picture(4, 5, 1))]);
    assert_eq!(
        (found.ids().text(2), found.labels().map(|labels| labels.codes.clone())),
        ("z".into(), Some(vec![1, 0, 1]))
    );
    let other = opened(&path, SetOptions { column: Some("img".into()), ..SetOptions::default() }).expect("a set");
    assert_ne!(found.fingerprint(&context(1)).expect("a hash"), other.fingerprint(&context(1)).expect("a hash"));
    assert!(opened(&path, SetOptions { column: Some("key".into()), ..SetOptions::default() }).is_err());
    let plain = parquet(dir.path().join("b.parquet"), vec![("label", ints(0..3))], 100, None);
    assert!(refused(&plain).ends_with("no column holds files (binary, or structs with a field `bytes`)"));
}

#[test]
fn numbers_that_the_file_does_not_name_are_classes_of_their_own() {
    let dir = tempfile::tempdir().expect("a directory");
    let made = |name: &str, labels: [i64; 3]| {
        let columns = vec![("img", structs(&pngs(0..3), None)), ("label", ints(labels))];
        set(&[parquet(dir.path().join(name), columns, 100, Some(NAMES))])
    };
    assert_eq!(made("a.parquet", [7, 30, 7]).labels().map(|l| l.names.join(" ")), Some("7 30".into()));
    let withheld = made("b.parquet", [-1, -1, -1]);
    assert!(withheld.labels().is_none() && withheld.notes().iter().any(|note| note.contains("withheld")));
}

#[test]
fn a_cut_parquet_file_is_an_error() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = parquet(dir.path().join("a.parquet"), vec![("img", structs(&pngs(0..6), None))], 2, None);
    let whole = std::fs::read(&path).expect("bytes");
    for missing in [1, 40, whole.len() / 2, whole.len()] {
        write(dir.path(), "b.parquet", &cut(whole.clone(), missing));
        assert!(opened(&dir.path().join("b.parquet"), SetOptions::default()).is_err());
    }
    // Pages that are damaged are found as they are read.
    let mut bent = whole;
    (4..120).for_each(|at| bent[at] = !bent[at]);
    let path = write(dir.path(), "c.parquet", &bent);
    if let Ok(found) = opened(&path, SetOptions::default()) {
        assert!(found.read(0..6, &context(1)).is_err());
    }
}

/// An array as NumPy writes it.
fn npy(descr: &str, shape: &str, values: &[u8]) -> Vec<u8> {
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    text.push_str(&" ".repeat(63 - (10 + text.len()) % 64));
    text.push('\n');
    [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes(), values].concat()
}

fn npz(path: PathBuf, members: &[(&str, Vec<u8>)], deflated: bool) -> PathBuf {
    let mut archive = zip::ZipWriter::new(std::fs::File::create(&path).expect("a file"));
    let method = if deflated { zip::CompressionMethod::Deflated } else { zip::CompressionMethod::Stored };
    for (name, bytes) in members {
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        archive.start_file(format!("{name}.npy"), options).expect("a member");
        archive.write_all(bytes).expect("bytes");
    }
    archive.finish().expect("an end");
    path
}

#[test]
fn arrays_are_pictures_stored_or_deflated() {
    let dir = tempfile::tempdir().expect("a directory");
    let grey: Vec<u8> = (0..24).collect();
    let color: Vec<u8> = (100..136).collect();
    let members = [
        ("train_images", npy("|u1", "(4, 2, 3)", &grey)),
        ("train_labels", npy("|u1", "(4, 1)", &[9, 0, 9, 2])),
        ("test_images", npy("|u1", "(2, 2, 3, 3)", &color)),
        ("test_labels", npy("<i8", "(2, 3)", &[0; 48])),
    ];
    for deflated in [false, true] {
        let path = npz(dir.path().join("a.npz"), &members, deflated);
        let train = set(std::slice::from_ref(&path));
        assert_eq!(train.notes(), ["the split is `train`, of train, test"]);
        let labels = train.labels().expect("classes");
        assert_eq!((&labels.codes[..], labels.names.join(" ")), (&[2, 0, 2, 1][..], "0 2 9".to_owned()));
        let image = train.read(1..2, &context(1)).expect("read").remove(0).expect("a picture");
        assert_eq!((image.width(), image.height(), image.at(2, 1)), (3, 2, [11; 3]));
        let test = opened(&path, SetOptions { split: Some("test".into()), ..SetOptions::default() }).expect("a set");
        let image = test.gather(&[1], &context(1)).expect("read").remove(0).expect("a picture");
        assert_eq!((test.len(), image.at(0, 0), image.at(2, 1)), (2, [118, 119, 120], [133, 134, 135]));
        assert!(test.labels().is_none() && test.notes()[0].contains("3 labels per image"), "{:?}", test.notes());
        let error =
            opened(&path, SetOptions { split: Some("dev".into()), ..SetOptions::default() }).expect_err("no split");
        assert!(
            error.to_string().ends_with("no split `dev`") && error.hint().is_some_and(|h| h.contains("train, test"))
        );
        let whole = std::fs::read(&path).expect("bytes");
        assert!(opened(&write(dir.path(), "cut.npz", &cut(whole, 30)), SetOptions::default()).is_err());
    }
    let plain = write(dir.path(), "a.npy", &npy("|u1", "(2, 3, 2, 3)", &color));
    let found = set(std::slice::from_ref(&plain));
    assert!(found.labels().is_none());
    let image = found.read(0..1, &context(1)).expect("read").remove(0).expect("a picture");
    assert_eq!((image.width(), image.height(), image.at(1, 2)), (2, 3, [115, 116, 117]));
}

#[test]
fn arrays_that_are_no_pictures_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let npy_file = |descr: &str, shape: &str, n: usize| write(dir.path(), "a.npy", &npy(descr, shape, &vec![0; n]));
    assert!(refused(&npy_file("<f4", "(2, 2, 2)", 32)).contains("values of type <f4 and shape (2, 2, 2)"));
    assert!(refused(&npy_file("|u1", "(2, 8)", 16)).contains("images are of shape [2, 8]"));
    assert!(refused(&npy_file("|u1", "(2, 2, 2, 4)", 32)).contains("of shape [2, 2, 2, 4]"));
    assert!(refused(&npy_file("|u1", "(2, 0, 2)", 0)).contains("of shape"));
    assert!(refused(&npy_file("|u1", "(0, 2, 2)", 0)).contains("holds no rows"));
    assert!(refused(&npy_file("|u1", "(2, 2, 2)", 7)).contains("7 bytes follow"));
    assert!(refused(&npy_file("|u1", "(9000000000, 2000000000, 3)", 7)).contains("bytes follow"));
    let path = dir.path().join("a.npz");
    let images = npy("|u1", "(1, 2, 2)", &[0; 4]);
    assert!(
        refused(&npz(path.clone(), &[("x", images.clone())], true))
            .contains("no member ends in `_images`; there are: x")
    );
    let wrong = [("train_images", images), ("train_labels", npy("|u1", "(3, 1)", &[0; 3]))];
    assert!(
        refused(&npz(path.clone(), &wrong, true)).contains("`train_labels` is of shape [3, 1], and there are 1 images")
    );
    assert!(
        refused(&npz(path, &[("train_images", npy("<f8", "(1, 2, 2)", &[0; 32]))], true))
            .contains("member `train_images`: values of type <f8")
    );
}

#[test]
fn cifar_records_are_planes_behind_labels() {
    let dir = tempfile::tempdir().expect("a directory");
    let record = |labels: &[u8], red: u8| [labels, &[red; 1024], &[red + 1; 1024], &[red + 2; 1024]].concat();
    let paths = [
        write(dir.path(), "data_batch_1.bin", &[record(&[1], 10), record(&[0], 20)].concat()),
        write(dir.path(), "data_batch_2.bin", &record(&[1], 30)),
    ];
    let unnamed = set(&paths);
    assert_eq!(unnamed.labels().map(|labels| labels.names.join(" ")), Some("0 1".into()));
    write(dir.path(), "batches.meta.txt", b"airplane\nautomobile\n\n");
    let found = set(&[dir.path().join("data_batch_*.bin")]);
    let labels = found.labels().expect("classes");
    assert_eq!(
        (found.len(), labels.names.join(" "), &labels.codes[..]),
        (3, "airplane automobile".into(), &[1, 0, 1][..])
    );
    let images = found.read(0..3, &context(2)).expect("read");
    assert_eq!(images[2].as_ref().map(|image| (image.width(), image.at(31, 31))), Ok((32, [30, 31, 32])));
    let hundred = write(dir.path(), "train.bin", &[record(&[3, 42], 1), record(&[3, 7], 2)].concat());
    let fine = set(&[hundred]);
    assert_eq!(fine.labels().map(|labels| labels.names.join(" ")), Some("7 42".into()));
    assert_eq!(fine.read(1..2, &context(1)).expect("read")[0].as_ref().map(|image| image.at(0, 5)), Ok([2, 3, 4]));
}

#[test]
fn records_of_a_wrong_length_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let short = write(dir.path(), "data_batch_1.bin", &[0; 3072]);
    assert!(refused(&short).ends_with("3072 bytes are neither records of CIFAR-10 (3073) nor of CIFAR-100 (3074)"));
    assert!(refused(&write(dir.path(), "x.bin", b"")).contains("0 bytes are neither"));
    // A length that makes records of both kinds: the name decides, or nothing does.
    let both = |name: &str| {
        let path = write(dir.path(), name, b"");
        let file = std::fs::OpenOptions::new().write(true).open(&path).expect("a file");
        file.set_len(3073 * 3074).expect("a length");
        path
    };
    assert_eq!(set(&[both("test_batch.bin")]).len(), 3074);
    assert_eq!(set(&[both("test.bin")]).len(), 3073);
    assert!(refused(&both("other.bin")).contains("make records of 3073 and of 3074"));
}
