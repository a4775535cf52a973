//! Which format a file is in: its name says, its first bytes confirm.

use std::path::Path;

use crate::Error;
use crate::file::DataFile;

/// A format this crate knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Npy,
    Npz,
    Parquet,
    Ipc,
    Safetensors,
    Csv,
    Jsonl,
    Text,
}

/// Extensions of embedding pools, for messages.
pub(crate) const POOL_EXTENSIONS: &str = ".npy .npz .parquet .arrow .feather .safetensors .csv .tsv";

/// Extensions of side files, for messages.
pub(crate) const SIDE_EXTENSIONS: &str = ".npy .txt .csv .tsv .parquet .jsonl, and .json .xml of labeling tools";

/// Extensions of small matrices, for messages.
pub(crate) const MATRIX_EXTENSIONS: &str = ".npy .csv .tsv .parquet";

/// Bytes looked at to tell what a file is.
const HEAD_BYTES: u64 = 512;

impl Format {
    /// The format that the extension promises.
    pub(crate) fn of_name(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        Some(match extension.as_str() {
            "npy" => Format::Npy,
            "npz" => Format::Npz,
            "parquet" | "pq" => Format::Parquet,
            "arrow" | "arrows" | "feather" | "ipc" => Format::Ipc,
            "safetensors" => Format::Safetensors,
            "csv" | "tsv" => Format::Csv,
            "jsonl" | "ndjson" => Format::Jsonl,
            "txt" => Format::Text,
            _ => return None,
        })
    }

    /// The format of an open file: by its name, confirmed by its content; by its content where the name says nothing.
    pub(crate) fn of_file(file: &DataFile, known: &'static str) -> Result<Self, Error> {
        let path = file.path();
        if file.len() == 0 {
            return Err(Error::damaged(path, "is empty (0 bytes)"));
        }
        let look = Look::of(&file.head(HEAD_BYTES)?);
        match Format::of_name(path) {
            Some(named) if look.fits(named) => Ok(named),
            Some(named) => match look {
                Look::Other(found) => {
                    Err(Error::Foreign { path: path.to_owned(), expected: named.with_article(), found })
                }
                Look::Known(found) => Err(Error::Foreign {
                    path: path.to_owned(),
                    expected: named.with_article(),
                    found: found.with_article(),
                }),
                _ => Err(Error::damaged(path, format!("does not begin as {} does", named.with_article()))),
            },
            None => match look {
                Look::Known(found) => Ok(found),
                _ => Err(Error::UnknownFormat { path: path.to_owned(), known }),
            },
        }
    }

    fn with_article(self) -> &'static str {
        match self {
            Format::Npy => "an npy array",
            Format::Npz => "an npz archive",
            Format::Parquet => "a Parquet file",
            Format::Ipc => "an Arrow IPC file",
            Format::Safetensors => "a safetensors file",
            Format::Csv => "a CSV table",
            Format::Jsonl => "a JSON Lines file",
            Format::Text => "a text file",
        }
    }
}

/// What the first bytes look like.
enum Look {
    /// A format of ours that shows itself.
    Known(Format),
    /// Something else that shows itself.
    Other(&'static str),
    /// Text of some kind.
    Text,
    /// Nothing in particular.
    Unknown,
}

/// First bytes of files that people give by mistake.
const OTHERS: [(&[u8], &str); 11] = [
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\x1f\x8b", "gzip-compressed data"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed data"),
    (b"%PDF", "a PDF document"),
    (b"version https://git-lfs", "a Git LFS pointer, whose content was not downloaded"),
    (b"<!DOCTYPE", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"FEA1", "a Feather file of version 1"),
];

impl Look {
    fn of(head: &[u8]) -> Self {
        let known = [
            (crate::npy::header::MAGIC, Format::Npy),
            (b"PK\x03\x04", Format::Npz),
            (b"PK\x05\x06", Format::Npz),
            (b"PAR1", Format::Parquet),
            (b"ARROW1", Format::Ipc),
            (b"\xff\xff\xff\xff", Format::Ipc),
        ];
        if let Some((_, format)) = known.iter().find(|(magic, _)| head.starts_with(magic)) {
            return Look::Known(*format);
        }
        if let Some((_, name)) = OTHERS.iter().find(|(magic, _)| head.starts_with(magic)) {
            return Look::Other(name);
        }
        match head {
            [_, _, _, _, _, 0, 0, 0, b'{', ..] => Look::Known(Format::Safetensors),
            [0x80, 2..=5, ..] => Look::Other("a Python pickle"),
            _ if is_text(head) => Look::Text,
            _ => Look::Unknown,
        }
    }

    fn fits(&self, format: Format) -> bool {
        match (self, format) {
            (Look::Known(found), _) => *found == format,
            (Look::Text, Format::Csv | Format::Jsonl | Format::Text) => true,
            // Arrow streams of old begin without a mark of their own.
            (Look::Unknown, Format::Ipc) => true,
            _ => false,
        }
    }
}

/// Whether this is the beginning of UTF-8 text: no control bytes, and at most its last character is cut off.
fn is_text(head: &[u8]) -> bool {
    let valid = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(e) => e.error_len().is_none(),
    };
    valid && !head.iter().any(|byte| *byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format_of(name: &str, content: &[u8]) -> Result<Format, Error> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        Format::of_file(&DataFile::open(&path)?, POOL_EXTENSIONS)
    }

    #[test]
    fn names_are_confirmed_by_content() {
        assert_eq!(format_of("a.npy", b"\x93NUMPY\x01\x00").unwrap(), Format::Npy);
        assert_eq!(format_of("a.PQ", b"PAR1....").unwrap(), Format::Parquet);
        assert_eq!(format_of("a.csv", "é,1\n".as_bytes()).unwrap(), Format::Csv);
        assert_eq!(format_of("features", b"\x93NUMPY\x01\x00").unwrap(), Format::Npy);
    }

    #[test]
    fn foreign_files_are_told_for_what_they_look_like() {
        for (name, content, told) in [
            ("a.npy", b"PAR1....".as_slice(), "Parquet"),
            ("a.parquet", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
            ("a.npy", b"\x80\x04\x95", "pickle"),
            ("a.csv", b"\x89PNG\r\n", "PNG"),
        ] {
            let error = format_of(name, content).unwrap_err();
            assert!(matches!(error, Error::Foreign { .. }), "{error}");
            assert!(error.to_string().contains(told), "{error}");
        }
        assert!(matches!(format_of("a.npy", b"\x93NUM"), Err(Error::Damaged { .. })));
        assert!(matches!(format_of("a.npy", b""), Err(Error::Damaged { .. })));
        assert!(matches!(format_of("a.dat", b"1,2\n"), Err(Error::UnknownFormat { .. })));
    }
}
