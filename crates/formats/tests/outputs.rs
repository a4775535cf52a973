//! What is written reads back as the same, by us and, where their crates are at hand, by others.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{fixture, open_one, read_all, real_data};
use half::{bf16, f16};
use proptest::prelude::*;
use serde_json::json;
use subsel_formats::{
    Block, Column, ConvertOptions, Dtype, Error, Ids, NpyWriter, OpenOptions, Part, PicksTable, PicksWriter, Rows,
    SideColumn, SideOptions, Values, convert, count_rows, read_column, take,
};

const EXTENSIONS: [&str; 5] = ["npy", "safetensors", "parquet", "arrow", "csv"];

/// The exact bits of all rows.
fn bits(path: &Path) -> (Dtype, usize, Vec<u32>) {
    let opened = open_one(path, &OpenOptions::default()).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let values = read_all(&opened, 3).unwrap().into_iter().map(f32::to_bits).collect();
    (opened.source.dtype(), opened.source.dim(), values)
}

fn write_npy(path: &Path, block: &Block, dim: usize) {
    let rows = block.rows(dim);
    let mut writer = NpyWriter::create(path, rows.dtype(), rows.len(), dim, true).unwrap();
    let half = rows.len() / 2;
    writer.push(rows.slice(0..half)).unwrap();
    writer.push(rows.slice(half..rows.len())).unwrap();
    writer.finish().unwrap();
}

/// Blocks of every type; bits are drawn, so that NaN, infinity and subnormal numbers occur.
fn any_block() -> impl Strategy<Value = (Block, usize)> {
    let bytes = proptest::collection::vec(any::<u32>(), 1..60);
    (bytes, 1usize..6, 0usize..5).prop_map(|(bits, dim, kind)| {
        let len = (bits.len() / dim).max(1) * dim;
        let bits: Vec<u32> = bits.iter().copied().cycle().take(len).collect();
        let block = match kind {
            0 => Block::F32(bits.iter().map(|bits| f32::from_bits(*bits)).collect()),
            1 => Block::F16(bits.iter().map(|bits| f16::from_bits(*bits as u16)).collect()),
            2 => Block::Bf16(bits.iter().map(|bits| bf16::from_bits(*bits as u16)).collect()),
            3 => Block::I8(bits.iter().map(|bits| *bits as i8).collect()),
            _ => Block::U8(bits.iter().map(|bits| *bits as u8).collect()),
        };
        (block, dim)
    })
}

/// NaNs have many bits and one meaning.
fn same(a: &[u32], b: &[u32]) -> bool {
    let nan = |bits: u32| f32::from_bits(bits).is_nan();
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || nan(*a) && nan(*b))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_format_gives_back_what_was_written((block, dim) in any_block()) {
        let dir = tempfile::tempdir().unwrap();
        let npy = dir.path().join("x.npy");
        write_npy(&npy, &block, dim);
        let (dtype, read_dim, values) = bits(&npy);
        prop_assert_eq!((dtype, read_dim), (block.dtype(), dim));
        let opened = open_one(&npy, &OpenOptions::default()).unwrap();
        for extension in EXTENSIONS {
            let out = dir.path().join(format!("y.{extension}"));
            let options = ConvertOptions { row_group_rows: Some(3), ..ConvertOptions::default() };
            let notes = convert(&opened, &out, &options).unwrap();
            let (stored, out_dim, back) = bits(&out);
            prop_assert!(same(&values, &back), "{}", extension);
            prop_assert_eq!(out_dim, dim);
            prop_assert_eq!(stored == dtype, notes.is_empty());
        }
    }
}

#[test]
fn safetensors_are_read_by_the_reference_library() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("x.safetensors");
    convert(&open_one(&fixture("float16.npy"), &OpenOptions::default()).unwrap(), &out, &ConvertOptions::default())
        .unwrap();
    let bytes = fs::read(&out).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let tensor = tensors.tensor("embeddings").unwrap();
    assert_eq!((tensor.dtype(), tensor.shape()), (safetensors::Dtype::F16, [5, 3].as_slice()));
}

#[test]
fn ids_travel_with_tables_and_are_missed_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    for column in ["id", "number"] {
        let options = OpenOptions { id_column: Some(column.into()), ..OpenOptions::default() };
        let opened = open_one(&fixture("f16.parquet"), &options).unwrap();
        for extension in EXTENSIONS {
            let out = dir.path().join(format!("x.{extension}"));
            let notes = convert(&opened, &out, &ConvertOptions { force: true, ..ConvertOptions::default() }).unwrap();
            if matches!(extension, "npy" | "safetensors") {
                assert!(notes[0].contains("ids"), "{notes:?}");
                continue;
            }
            let options = OpenOptions { id_column: Some("id".into()), ..OpenOptions::default() };
            assert_eq!(open_one(&out, &options).unwrap().ids, opened.ids, "{extension}");
        }
    }
}

#[test]
fn types_change_when_asked_and_never_to_infinity() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("x.npy");
    let source = dir.path().join("source.npy");
    write_npy(&source, &Block::F32(vec![1.0, 0.1, 65519.0, -70000.0]), 2);
    let opened = open_one(&source, &OpenOptions::default()).unwrap();
    let to = |dtype| ConvertOptions { dtype: Some(dtype), force: true, ..ConvertOptions::default() };
    let error = convert(&opened, &out, &to(Dtype::F16)).unwrap_err();
    assert!(matches!(error, Error::OutOfRange { row: 1, column: 1, .. }), "{error}");
    assert!(!out.exists());
    convert(&opened, &out, &to(Dtype::Bf16)).unwrap();
    assert_eq!(bits(&out).0, Dtype::Bf16);
    assert!(matches!(convert(&opened, &out, &to(Dtype::U8)), Err(Error::Unsupported { .. })));
    let error = convert(&opened, &dir.path().join("x.parquet"), &to(Dtype::Bf16)).unwrap_err();
    assert!(error.to_string().contains("bf16"), "{error}");
    let unknown = convert(&opened, &dir.path().join("x.dat"), &ConvertOptions::default()).unwrap_err();
    assert!(unknown.hint().unwrap().contains(".safetensors"));
    convert(&opened, &out, &ConvertOptions::default()).unwrap_err();
}

#[test]
fn an_npy_of_another_shape_than_announced_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.npy");
    let mut writer = NpyWriter::create(&path, Dtype::F32, 2, 2, false).unwrap();
    assert!(writer.push(Rows::from_f32(&[0.0; 3], 3)).is_err());
    assert!(writer.push(Rows::from_f32(&[0.0; 6], 2)).is_err());
    assert!(writer.push(Rows::new(Values::U8(&[0; 4]), 2)).is_err());
    writer.push(Rows::from_f32(&[0.0; 2], 2)).unwrap();
    assert!(writer.finish().is_err());
    assert!(!path.exists());
}

fn picks() -> PicksTable {
    let columns = [
        ("rank", Column::U64(vec![1, 2, 3])),
        ("row", Column::U64(vec![7, 0, 42])),
        ("id", Column::Text(vec!["a".into(), "b, \"c\"".into(), "é".into()])),
        ("score", Column::F64(vec![0.1, 1e-300, f64::NAN])),
        (
            "reason",
            Column::Json {
                text: vec!["first".into(), "0.5 from row 7".into(), "quota".into()],
                values: vec![
                    json!({"rule": "start"}),
                    json!({"rule": "farthest", "nearest": 7, "distance": 0.5}),
                    json!({"rule": "quota", "nearest": null}),
                ],
            },
        ),
    ];
    PicksTable { columns: columns.map(|(name, column)| (name.to_owned(), column)).into(), ..PicksTable::default() }
}

fn write_picks(dir: &Path, name: &str) -> PathBuf {
    let path = dir.join(name);
    PicksWriter::create(&path, false).unwrap().write(&picks()).unwrap();
    path
}

#[test]
fn picks_read_back_as_side_files() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["p.csv", "p.jsonl", "p.parquet"] {
        let path = write_picks(dir.path(), name);
        let read = |column: &str| {
            let options = SideOptions { column: Some(column.into()), prefer: Vec::new() };
            read_column(&path, &options).map(|file| file.values)
        };
        assert_eq!(read("row").unwrap(), SideColumn::Ints(vec![7, 0, 42]), "{name}");
        let ids = ["a", "b, \"c\"", "é"].map(str::to_owned).to_vec();
        assert_eq!(read("id").unwrap(), SideColumn::Texts(ids), "{name}");
        assert!(matches!(read("score"), Err(Error::Null { row: 2, .. })), "{name}");
    }
    assert_eq!(
        read_column(&write_picks(dir.path(), "p.npy"), &SideOptions::default()).unwrap().values,
        SideColumn::Ints(vec![7, 0, 42])
    );
    assert_eq!(fs::read_to_string(write_picks(dir.path(), "p.txt")).unwrap(), "a\nb, \"c\"\né\n");
}

#[test]
fn picks_look_as_documented() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(
        fs::read_to_string(write_picks(dir.path(), "p.csv")).unwrap(),
        "rank,row,id,score,reason\n\
         1,7,a,0.1,first\n\
         2,0,\"b, \"\"c\"\"\",1e-300,0.5 from row 7\n\
         3,42,é,,quota\n"
    );
    let jsonl = fs::read_to_string(write_picks(dir.path(), "p.jsonl")).unwrap();
    let second =
        r#"{"rank":2,"row":0,"id":"b, \"c\"","score":1e-300,"reason":{"rule":"farthest","nearest":7,"distance":0.5}}"#;
    assert_eq!(jsonl.lines().nth(1), Some(second));
}

#[test]
fn outputs_that_cannot_be_written_fail_before_the_work() {
    let dir = tempfile::tempdir().unwrap();
    let error = PicksWriter::create(&dir.path().join("p.xlsx"), false).unwrap_err();
    assert!(error.hint().unwrap().contains(".csv .jsonl .parquet .npy .txt"));
    write_picks(dir.path(), "p.csv");
    assert!(matches!(PicksWriter::create(&dir.path().join("p.csv"), false), Err(Error::Exists { .. })));
    assert!(PicksWriter::create(&dir.path().join("absent/p.csv"), false).is_err());
    let uneven = PicksTable {
        columns: vec![("a".into(), Column::U64(vec![1])), ("b".into(), Column::U64(vec![]))],
        ..PicksTable::default()
    };
    assert!(PicksWriter::create(&dir.path().join("q.csv"), false).unwrap().write(&uneven).is_err());
    assert!(!dir.path().join("q.csv").exists());
}

fn part(path: &Path, n_rows: usize) -> Part {
    Part { path: path.display().to_string(), n_rows }
}

#[test]
fn taken_rows_keep_everything_they_hold() {
    let dir = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> =
        ["zstd.parquet", "f64.parquet", "three-axes.npy", "labels-text.npy", "table.csv"].map(fixture).into();
    let parts = count_rows(&paths).unwrap();
    assert_eq!(parts.iter().map(|part| part.n_rows).collect::<Vec<_>>(), [5, 5, 5, 3, 5]);
    let chosen = [vec![4, 0, 4], vec![], vec![3, 1], vec![2], vec![1, 4]];
    let written = take(&parts, &chosen, dir.path(), false).unwrap();
    assert_eq!(written.iter().map(|part| part.n_rows).collect::<Vec<_>>(), [2, 2, 1, 2]);
    assert!(!dir.path().join("f64.parquet").exists());

    let column = |name: &str, column: &str| {
        let options = SideOptions { column: Some(column.into()), prefer: Vec::new() };
        read_column(&dir.path().join(name), &options).unwrap().values
    };
    let texts = |values: &[&str]| SideColumn::Texts(values.iter().map(|v| (*v).to_owned()).collect());
    assert_eq!(column("zstd.parquet", "id"), texts(&["a", "é"]));
    assert_eq!(column("zstd.parquet", "kind"), texts(&["cat", "cat"]));
    let embeddings = open_one(&dir.path().join("zstd.parquet"), &OpenOptions::default()).unwrap();
    assert_eq!(read_all(&embeddings, 5).unwrap(), [0.0, 0.25, 0.5, 3.0, 3.25, 3.5]);
    assert_eq!(column("labels-text.npy", ""), texts(&["a long one"]));
    assert_eq!(column("table.csv", "id"), texts(&["b", "é"]));
    let cube = fs::read(dir.path().join("three-axes.npy")).unwrap();
    assert!(String::from_utf8_lossy(&cube).contains("(2, 3, 1)"));
    let values: Vec<f32> =
        cube[cube.len() - 24..].chunks(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    assert_eq!(values, [0.75, 1.0, 1.25, 2.25, 2.5, 2.75]);

    assert!(matches!(take(&parts, &chosen, dir.path(), false), Err(Error::Exists { .. })));
    take(&parts, &chosen, dir.path(), true).unwrap();
}

#[test]
fn lines_are_taken_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.jsonl");
    fs::write(&path, "{\"t\": 1}\n\n{\"t\":   2}\n{\"t\": 3}").unwrap();
    let parts = count_rows(std::slice::from_ref(&path)).unwrap();
    assert_eq!(parts, [part(&path, 3)]);
    let out = dir.path().join("out");
    take(&parts, &[vec![1, 2]], &out, false).unwrap();
    assert_eq!(fs::read_to_string(out.join("a.jsonl")).unwrap(), "{\"t\":   2}\n{\"t\": 3}\n");
}

#[test]
fn rows_that_cannot_be_taken_are_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("x.npy");
    fs::copy(fixture("float16.npy"), &source).unwrap();
    let out = dir.path().join("out");
    assert!(take(&[part(&source, 5)], &[vec![5]], &out, false).is_err());
    assert!(take(&[part(&source, 5)], &[], &out, false).is_err());
    let error = take(&[part(&source, 5)], &[vec![0]], dir.path(), true).unwrap_err();
    assert!(error.to_string().contains("overwrite itself"), "{error}");
    let twice = [part(&source, 5), part(&fixture("../fixtures/float16.npy"), 5), part(&fixture("float16.npy"), 5)];
    assert!(take(&twice, &[vec![0], vec![0], vec![0]], &out, false).is_err());
    assert!(matches!(count_rows(&[fixture("stored.npz")]), Err(Error::Unsupported { .. })));
    assert!(matches!(count_rows(&[fixture("fortran.npy")]), Err(Error::Unsupported { .. })));
    assert!(!out.exists());
}

#[test]
fn real_shards_keep_their_columns_and_metadata() {
    let Some(shard) = real_data("cifar10/test-00000-of-00001.parquet") else { return };
    let dir = tempfile::tempdir().unwrap();
    let parts = count_rows(std::slice::from_ref(&shard)).unwrap();
    assert_eq!(parts[0].n_rows, 10_000);
    take(&parts, &[vec![0, 4999, 5000, 9999]], dir.path(), false).unwrap();
    let options = SideOptions { column: Some("label".into()), prefer: Vec::new() };
    let (all, taken) = (
        read_column(&shard, &options).unwrap().values,
        read_column(&dir.path().join("test-00000-of-00001.parquet"), &options).unwrap().values,
    );
    let (SideColumn::Ints(all), SideColumn::Ints(taken)) = (all, taken) else { panic!("labels are whole numbers") };
    assert_eq!(taken, [0, 4999, 5000, 9999].map(|row: usize| all[row]));
    let bytes = fs::read(dir.path().join("test-00000-of-00001.parquet")).unwrap();
    assert!(bytes.windows(11).any(|window| window == b"huggingface"));
}

#[test]
fn ids_of_both_kinds_count_and_print() {
    assert_eq!(Ids::Int(vec![3]).text(0), "3");
    assert_eq!((Ids::Text(vec!["a".into()]).len(), Ids::Int(vec![]).is_empty()), (1, true));
}
