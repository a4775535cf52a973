//! Files written by the reference libraries are read as what they are.

mod common;

use std::fs;

use common::{column, fixture, open_one, read_all, real_data, widened};
use subsel_formats::{Block, Dtype, Error, Ids, Join, OpenOptions, open};

/// The pool in every fixture: 5 x 3 values, 0 to 14, divided by 4 unless they are integers.
fn expected(dtype: Dtype) -> Vec<f32> {
    let step = if matches!(dtype, Dtype::I8 | Dtype::U8) { 1.0 } else { 0.25 };
    (0..15).map(|value| value as f32 * step).collect()
}

fn check(name: &str, options: &OpenOptions, dtype: Dtype) {
    let opened = open_one(&fixture(name), options).unwrap_or_else(|e| panic!("{name}: {e}"));
    let source = &opened.source;
    assert_eq!((source.n_rows(), source.dim(), source.dtype()), (5, 3, dtype), "{name}");
    assert_eq!(opened.parts[0].n_rows, 5);
    let expected = expected(dtype);
    // Out of order before anything else, then by blocks of several sizes.
    let mut block = Block::default();
    let gathered = widened(source.gather(&[4, 0, 1, 1], &mut block).unwrap());
    let rows: Vec<f32> = [4, 0, 1, 1].iter().flat_map(|row| &expected[row * 3..row * 3 + 3]).copied().collect();
    assert_eq!(gathered, rows, "{name}");
    for step in [1, 2, 5] {
        assert_eq!(read_all(&opened, step).unwrap(), expected, "{name}");
    }
}

#[test]
fn arrays_of_numpy() {
    let plain = OpenOptions::default();
    for (name, dtype) in [
        ("float16.npy", Dtype::F16),
        ("float32.npy", Dtype::F32),
        ("float64.npy", Dtype::F32),
        ("bfloat16.npy", Dtype::Bf16),
        ("int8.npy", Dtype::I8),
        ("uint8.npy", Dtype::U8),
        ("big-endian.npy", Dtype::F32),
        ("big-endian-f64.npy", Dtype::F32),
        ("fortran.npy", Dtype::F16),
        ("fortran-f64.npy", Dtype::F32),
        ("version-1.npy", Dtype::F32),
        ("version-2.npy", Dtype::F32),
        ("version-3.npy", Dtype::F32),
    ] {
        check(name, &plain, dtype);
    }
    assert_eq!(open_one(&fixture("float64.npy"), &plain).unwrap().notes.len(), 1);
    assert_eq!(open_one(&fixture("float32.npy"), &plain).unwrap().notes.len(), 0);
}

#[test]
fn archives_of_numpy() {
    check("stored.npz", &OpenOptions::default(), Dtype::F32);
    check("deflated.npz", &OpenOptions::default(), Dtype::F16);
    check("deflated.npz", &column("x"), Dtype::F16);
    check("deflated-f64.npz", &OpenOptions::default(), Dtype::F32);
    check("two.npz", &column("x.npy"), Dtype::F32);
    let error = open_one(&fixture("two.npz"), &OpenOptions::default()).unwrap_err();
    assert!(error.hint().unwrap().contains("`x`, `y`"), "{error}");
    assert!(matches!(open_one(&fixture("two.npz"), &column("z")), Err(Error::NoSuchColumn { .. })));
}

#[test]
fn tensors() {
    check("f16.safetensors", &OpenOptions::default(), Dtype::F16);
    check("bf16.safetensors", &OpenOptions::default(), Dtype::Bf16);
    check("two.safetensors", &column("x"), Dtype::F32);
    assert!(matches!(
        open_one(&fixture("two.safetensors"), &OpenOptions::default()),
        Err(Error::AmbiguousColumn { .. })
    ));
}

#[test]
fn parquet_of_every_type_and_codec() {
    for (name, dtype) in [
        ("f16", Dtype::F16),
        ("f32", Dtype::F32),
        ("f64", Dtype::F32),
        ("large", Dtype::F32),
        ("fixed", Dtype::F32),
        ("i8", Dtype::I8),
        ("u8", Dtype::U8),
        ("gzip", Dtype::F32),
        ("lz4", Dtype::F32),
        ("zstd", Dtype::F32),
    ] {
        check(&format!("{name}.parquet"), &OpenOptions::default(), dtype);
    }
    check("two-lists.parquet", &column("embedding"), Dtype::F32);
    let error = open_one(&fixture("two-lists.parquet"), &OpenOptions::default()).unwrap_err();
    assert!(error.hint().unwrap().contains("`embedding`, `other`"), "{error}");
    let error = open_one(&fixture("f32.parquet"), &column("number")).unwrap_err();
    assert!(error.to_string().contains("Int64"), "{error}");
}

#[test]
fn arrow_files_and_streams() {
    for name in ["uncompressed.feather", "lz4.feather", "zstd.feather", "stream.arrows"] {
        check(name, &OpenOptions::default(), Dtype::F32);
    }
}

#[test]
fn tables_of_numbers() {
    check("plain.csv", &OpenOptions::default(), Dtype::F32);
    let with_ids = OpenOptions { id_column: Some("id".into()), ..OpenOptions::default() };
    check("table.csv", &with_ids, Dtype::F32);
    let opened = open_one(&fixture("table.csv"), &with_ids).unwrap();
    assert!(opened.notes[0].contains("header"), "{:?}", opened.notes);
}

#[test]
fn ids_come_from_the_column_named() {
    let texts = Ids::Text(["a", "b", "c", "d", "é"].map(str::to_owned).to_vec());
    let numbers = Ids::Int((100..105).collect());
    for name in ["f32.parquet", "fixed.parquet", "uncompressed.feather", "stream.arrows"] {
        for (column, ids) in [("id", &texts), ("number", &numbers)] {
            let options = OpenOptions { id_column: Some(column.into()), ..OpenOptions::default() };
            assert_eq!(open_one(&fixture(name), &options).unwrap().ids.as_ref(), Some(ids), "{name}");
        }
    }
    let options = OpenOptions { id_column: Some("id".into()), ..OpenOptions::default() };
    assert_eq!(open_one(&fixture("table.csv"), &options).unwrap().ids, Some(texts));
    assert!(matches!(open_one(&fixture("float32.npy"), &options), Err(Error::Unsupported { .. })));
    let absent = OpenOptions { id_column: Some("absent".into()), ..OpenOptions::default() };
    assert!(matches!(open_one(&fixture("f32.parquet"), &absent), Err(Error::NoSuchColumn { .. })));
}

#[test]
fn raw_bits_are_what_the_user_says() {
    let as_f16 = OpenOptions { dtype: Some(Dtype::F16), ..OpenOptions::default() };
    let opened = open_one(&fixture("bfloat16.npy"), &as_f16).unwrap();
    assert_eq!(opened.source.dtype(), Dtype::F16);
    for name in ["float32.npy", "f32.parquet", "two.safetensors", "stream.arrows", "plain.csv"] {
        let options = OpenOptions { column: (name == "two.safetensors").then(|| "x".into()), ..as_f16.clone() };
        let error = open_one(&fixture(name), &options).unwrap_err();
        assert!(error.to_string().contains("cannot be taken as f16"), "{error}");
    }
}

#[test]
fn several_files_are_more_rows() {
    for names in [
        ["float16.npy", "fortran.npy"],
        ["f32.parquet", "fixed.parquet"],
        ["f32.parquet", "float16.npy"],
        ["stream.arrows", "stored.npz"],
    ] {
        let opened = open(&names.map(fixture), &OpenOptions::default()).unwrap();
        let source = &opened.source;
        assert_eq!((source.n_rows(), opened.parts.len()), (10, 2));
        let once = expected(Dtype::F32);
        let twice = [once.clone(), once].concat();
        let mut block = Block::default();
        let picked = widened(source.gather(&[9, 2, 5, 2], &mut block).unwrap());
        let rows: Vec<f32> = [9, 2, 5, 2].iter().flat_map(|row| &twice[row * 3..row * 3 + 3]).copied().collect();
        assert_eq!(picked, rows, "{names:?}");
        assert_eq!(source.rows(10..10, &mut block).unwrap().len(), 0);
        for step in [1, 3, 10] {
            assert_eq!(read_all(&opened, step).unwrap(), twice, "{names:?}");
        }
    }
}

#[test]
fn several_files_may_be_more_columns() {
    let join = OpenOptions { join: Join::Columns, ..OpenOptions::default() };
    for names in [["float16.npy", "fortran.npy"], ["float16.npy", "f32.parquet"]] {
        let opened = open(&names.map(fixture), &join).unwrap();
        assert_eq!((opened.source.n_rows(), opened.source.dim(), opened.parts.len()), (5, 6, 1));
        let once = expected(Dtype::F32);
        let rows: Vec<f32> = once.chunks(3).flat_map(|row| [row, row].concat()).collect();
        assert_eq!(read_all(&opened, 2).unwrap(), rows);
        let mut block = Block::default();
        assert_eq!(widened(opened.source.gather(&[4, 0], &mut block).unwrap()), [&rows[24..], &rows[..6]].concat());
    }
    let error = open(&[fixture("float16.npy"), fixture("bf16.safetensors"), fixture("labels-column.npy")], &join);
    assert!(error.is_err());
}

#[test]
fn ids_of_joined_files_must_agree() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        fs::write(dir.path().join(name), text).unwrap();
        dir.path().join(name)
    };
    let paths = [write("a.csv", "id,x\na,1\nb,2\n"), write("b.csv", "id,x\na,1\nc,2\n")];
    let options = OpenOptions { id_column: Some("id".into()), join: Join::Columns, ..OpenOptions::default() };
    let error = open(&paths, &options).unwrap_err();
    assert!(error.to_string().contains("row 1"), "{error}");
    let rows = OpenOptions { join: Join::Rows, ..options };
    let ids = open(&paths, &rows).unwrap().ids.unwrap();
    assert_eq!(ids, Ids::Text(["a", "b", "a", "c"].map(str::to_owned).to_vec()));
}

#[test]
fn globs_are_expanded_in_order_and_an_existing_path_is_itself() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["b.npy", "a.npy", "c[1].npy"] {
        fs::copy(fixture("float16.npy"), dir.path().join(name)).unwrap();
    }
    fs::create_dir(dir.path().join("d.npy")).unwrap();
    let opened = open(&[dir.path().join("?.npy")], &OpenOptions::default()).unwrap();
    let names: Vec<_> = opened.parts.iter().map(|part| part.path.rsplit('/').next().unwrap()).collect();
    assert_eq!(names, ["a.npy", "b.npy"]);
    assert_eq!(open(&[dir.path().join("c[1].npy")], &OpenOptions::default()).unwrap().parts.len(), 1);
    assert!(matches!(open(&[dir.path().join("x*.npy")], &OpenOptions::default()), Err(Error::Pattern { .. })));
    let twice = [dir.path().join("*.npy"), dir.path().join("a.npy")];
    assert!(open(&twice, &OpenOptions::default()).unwrap_err().to_string().contains("twice"));
    assert!(open(&[], &OpenOptions::default()).is_err());
}

#[test]
fn files_that_do_not_fit_together_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let narrow = dir.path().join("narrow.csv");
    fs::write(&narrow, "1,2\n3,4\n").unwrap();
    let paths = [fixture("float16.npy"), narrow];
    let error = open(&paths, &OpenOptions::default()).unwrap_err();
    assert!(
        matches!(&error, Error::Disagree { detail, .. } if detail.contains('2') && detail.contains('3')),
        "{error}"
    );
    let join = OpenOptions { join: Join::Columns, ..OpenOptions::default() };
    assert!(matches!(open(&paths, &join), Err(Error::Disagree { .. })));
}

#[test]
fn a_file_that_shrinks_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["float16.npy", "fortran.npy", "f16.safetensors", "stored.npz"] {
        let path = dir.path().join(name);
        fs::copy(fixture(name), &path).unwrap();
        let opened = open_one(&path, &OpenOptions::default()).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_len(100).unwrap();
        let error = opened.source.rows(0..5, &mut Block::default()).unwrap_err();
        assert!(matches!(error, Error::Shrank { .. }), "{name}: {error}");
    }
}

#[test]
fn a_directory_is_refused_with_a_hint() {
    let dir = tempfile::tempdir().unwrap();
    let error = open_one(dir.path(), &OpenOptions::default()).unwrap_err();
    assert!(matches!(error, Error::NotAFile { .. }));
    assert!(error.hint().unwrap().contains("*.parquet"));
}

#[test]
fn real_features_are_read() {
    let Some(path) = real_data("cifar10/features-mobilenet-train.npy") else { return };
    let opened = open_one(&path, &OpenOptions::default()).unwrap();
    assert_eq!((opened.source.n_rows(), opened.source.dim(), opened.source.dtype()), (50_000, 512, Dtype::F16));
    let mut block = Block::default();
    let row = widened(opened.source.gather(&[49_999], &mut block).unwrap());
    let norm = row.iter().map(|value| value * value).sum::<f32>().sqrt();
    assert!((10.0..30.0).contains(&norm), "{norm}");
}
