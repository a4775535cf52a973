//! Files that lie, break off or hold what embeddings are not: each is refused, and none can crash the program.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{fixture, open_one, read_file};
use subsel_formats::{Error, OpenOptions, SideOptions, read_column, read_matrix};

/// Sound pools of every format whose length is stated in the file.
const POOLS: [&str; 20] = [
    "float16.npy",
    "float64.npy",
    "bfloat16.npy",
    "fortran.npy",
    "version-3.npy",
    "stored.npz",
    "deflated.npz",
    "deflated-f64.npz",
    "f16.safetensors",
    "bf16.safetensors",
    "f16.parquet",
    "f32.parquet",
    "fixed.parquet",
    "gzip.parquet",
    "lz4.parquet",
    "zstd.parquet",
    "uncompressed.feather",
    "lz4.feather",
    "zstd.feather",
    "stream.arrows",
];

fn extension(name: &str) -> &str {
    Path::new(name).extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

/// A scratch file with the extension of `name`, rewritten by every call of the result.
fn rewriter(dir: &Path, name: &str) -> impl Fn(&[u8]) -> PathBuf {
    let path = dir.join(format!("hostile.{}", extension(name)));
    move |bytes| {
        // Some file systems wait for the disk when a file is cut to nothing and written again; a new one is quick.
        let _ = fs::remove_file(&path);
        fs::write(&path, bytes).unwrap();
        path.clone()
    }
}

#[test]
fn every_truncation_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for name in POOLS {
        let whole = fs::read(fixture(name)).unwrap();
        let rewrite = rewriter(dir.path(), name);
        assert!(read_file(&rewrite(&whole)).is_ok(), "{name}");
        for len in 0..whole.len() {
            let outcome = read_file(&rewrite(&whole[..len]));
            assert!(outcome.is_err(), "{name} cut to {len} of {} bytes was read", whole.len());
        }
    }
}

#[test]
fn trailing_bytes_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["float16.npy", "fortran.npy", "f16.safetensors", "f32.parquet", "lz4.feather", "stream.arrows"] {
        let mut bytes = fs::read(fixture(name)).unwrap();
        bytes.extend_from_slice(b"12345678");
        assert!(read_file(&rewriter(dir.path(), name)(&bytes)).is_err(), "{name}");
    }
}

/// Any single byte of a file may be wrong. The values may then differ, but nothing crashes.
#[test]
fn no_flipped_byte_crashes() {
    let dir = tempfile::tempdir().unwrap();
    for name in POOLS {
        let mut bytes = fs::read(fixture(name)).unwrap();
        let rewrite = rewriter(dir.path(), name);
        for at in 0..bytes.len() {
            // One flip a byte keeps this quick; the fuzz targets try the others.
            let flip = [0x01, 0x80, 0xff][at % 3];
            bytes[at] ^= flip;
            let _ = read_file(&rewrite(&bytes));
            bytes[at] ^= flip;
        }
    }
}

#[test]
fn what_is_no_pool_is_refused_and_told() {
    for (name, told) in [
        ("one-axis.npy", "1 axes"),
        ("three-axes.npy", "3 axes"),
        ("int64.npy", "int64"),
        ("complex.npy", "complex64"),
        ("object.npy", "object"),
        ("records.npy", "structured"),
        ("no-rows.npy", "no rows"),
        ("no-columns.npy", "no values"),
        ("labels-text.npy", "type text"),
        ("too-large.npy", "row 1, column 1: 1e39"),
        ("no-list.parquet", "no column holds lists"),
        ("ragged.parquet", "row 1 has 1 values, the first row has 2"),
        ("null-list.parquet", "row 1"),
        ("null-value.parquet", "row 1"),
        ("empty-list.parquet", "row 0"),
        ("no-rows.parquet", "no rows"),
        ("int32-list.parquet", "no column holds lists"),
    ] {
        let error = read_file(&fixture(name)).unwrap_err();
        assert!(error.to_string().contains(told), "{name}: {error}");
        assert!(error.to_string().contains(name), "{name}: {error}");
    }
}

#[test]
fn tables_that_are_no_tables_of_numbers_are_refused_and_told() {
    let dir = tempfile::tempdir().unwrap();
    for (text, told) in [
        ("1,2\n3\n", "line 2 has 1 cells, the first row has 2"),
        ("1,2\n3,x\n", "line 2, column 2: `x` is not a number"),
        ("1,2\n3,\n", "line 2, column 2: `` is not a number"),
        ("1,2\n\n# remark\n3,4,5\n", "line 4 has 3 cells"),
        ("1,2\n3,1e39\n", "row 1, column 1: 1e39"),
        ("1,2\n3,1e999\n", "row 1, column 1"),
        ("a,b\n", "no rows"),
        ("a,b\nc,d\n", "line 2, column 1: `c`"),
        ("# only remarks\n", "no rows"),
        ("1,2\n3,\u{7}\n", "does not begin"),
    ] {
        let path = dir.path().join("x.csv");
        fs::write(&path, text).unwrap();
        let error = read_file(&path).unwrap_err();
        assert!(error.to_string().contains(told), "{text:?}: {error}");
    }
    fs::write(dir.path().join("x.csv"), b"1,2\n3,\xff\n").unwrap();
    assert!(read_file(&dir.path().join("x.csv")).is_err());
}

#[test]
fn a_table_cut_off_shows_in_its_number_of_rows() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.csv");
    let text = "1.5,2\n3,4.25\n5,6\n";
    for len in 1..=text.len() {
        fs::write(&path, &text[..len]).unwrap();
        // Either a row is incomplete, or the part says how many there are.
        if let Ok(opened) = open_one(&path, &OpenOptions::default()) {
            assert_eq!(opened.parts[0].n_rows, text[..len].lines().count());
        }
    }
}

#[test]
fn separators_and_marks_of_tables_are_found() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("a.csv", "1;2\n3;4\n"),
        ("a.tsv", "1\t2\n3\t4\n"),
        ("b.csv", "\u{feff}1,2\r\n3,4\r\n"),
        ("c.csv", "# x\nu,v\n 1 , 2 \n\n\"3\",4"),
    ] {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        assert_eq!(read_file(&path).unwrap(), [1.0, 2.0, 3.0, 4.0], "{text:?}");
    }
}

#[test]
fn infinity_and_nan_are_left_to_the_pool_to_judge() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.csv");
    fs::write(&path, "inf,1\n-inf,NaN\n").unwrap();
    let values = read_file(&path).unwrap();
    assert!(values[0].is_infinite() && values[2].is_infinite() && values[3].is_nan());
}

#[test]
fn side_files_are_refused_at_every_truncation_or_keep_their_count() {
    let dir = tempfile::tempdir().unwrap();
    let options = SideOptions { column: None, prefer: vec!["number".into()] };
    for name in ["labels-bool.npy", "labels-text.npy", "scores.npy", "f32.parquet", "lz4.feather"] {
        let whole = fs::read(fixture(name)).unwrap();
        let rewrite = rewriter(dir.path(), name);
        read_column(&rewrite(&whole), &options).unwrap();
        for len in 0..whole.len() {
            assert!(read_column(&rewrite(&whole[..len]), &options).is_err(), "{name} cut to {len}");
        }
    }
    let whole = fs::read(fixture("probs-fortran.npy")).unwrap();
    let rewrite = rewriter(dir.path(), "probs.npy");
    for len in 0..whole.len() {
        assert!(read_matrix(&rewrite(&whole[..len]), &options).is_err(), "{len}");
    }
}

#[test]
fn a_header_that_declares_more_than_there_is_reserves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for shape in
        ["(4611686018427387904, 1)", "(1, 4611686018427387904)", "(3037000500, 3037000500)", "(0, 9223372036854775807)"]
    {
        let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend_from_slice(&(text.len() as u16).to_le_bytes());
        bytes.extend_from_slice(text.as_bytes());
        let path = dir.path().join("x.npy");
        fs::write(&path, bytes).unwrap();
        assert!(matches!(read_file(&path), Err(Error::Damaged { .. } | Error::Empty { .. })), "{shape}");
        assert!(read_matrix(&path, &SideOptions::default()).is_err());
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_is_refused_without_waiting_for_a_writer() {
    let error = read_file(Path::new("/dev/null")).unwrap_err();
    assert!(matches!(error, Error::NotAFile { .. }), "{error}");
}
