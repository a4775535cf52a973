//! safetensors: named tensors behind a JSON header.
//!
//! ```text
//! 0..8    length of the header: u64, little endian
//! 8..     the header, an object of
//!         "name": {"dtype": "F16", "shape": [n, d], "data_offsets": [begin, end]}
//!         and perhaps "__metadata__": {"key": "text"}; offsets count from the end of the header
//! ..      the values, little endian, row-major
//! ```
//! Read as embeddings: a tensor of two axes of F16, BF16, F32, F64 (narrowed to f32), I8 or U8. Refused: a header beyond
//! [`MAX_HEADER`] or beyond the file, names twice, tensors that overlap, leave holes or do not end with the file, and
//! sizes that do not follow from type and shape. The header alone is read at once; values are read by position.

use std::collections::HashSet;
use std::fmt;
use std::io::Write;
use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use subsel_kernels::{Dtype, Rows};

use crate::file::DataFile;
use crate::matrix::{RawMatrix, Scalar, taken_as};
use crate::npy::little_endian_bytes;
use crate::{AtomicFile, Error};

/// Longest header read: the limit of the reference implementation.
const MAX_HEADER: u64 = 100_000_000;

/// The name under which [`Writer`] stores embeddings.
pub(crate) const TENSOR: &str = "embeddings";

#[derive(Debug, Deserialize)]
struct Info {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

/// The tensors of a header in the order written.
struct Tensors(Vec<(String, Info)>);

impl<'de> Deserialize<'de> for Tensors {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Tensors;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tensors, A::Error> {
                let mut tensors = Vec::new();
                let mut seen = HashSet::new();
                while let Some(name) = map.next_key::<String>()? {
                    if !seen.insert(name.clone()) {
                        return Err(A::Error::custom(format!("tensor `{name}` stands there twice")));
                    }
                    if name == "__metadata__" {
                        map.next_value::<IgnoredAny>()?;
                    } else {
                        tensors.push((name, map.next_value()?));
                    }
                }
                Ok(Tensors(tensors))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// Opens the tensor named `column`, or the only one with two axes.
pub(crate) fn open(file: DataFile, column: Option<&str>, dtype: Option<Dtype>) -> Result<RawMatrix, Error> {
    let (tensors, data_start) = read_header(&file)?;
    let (name, info) = choose(file.path(), tensors, column)?;
    let [n_rows, dim] = info.shape[..] else {
        return Err(Error::unsupported(
            file.path(),
            format!("tensor `{name}` has {} axes; embeddings have 2, (n, d)", info.shape.len()),
            "save it as tensor.reshape(n, d)",
        ));
    };
    let scalar = scalar(file.path(), &name, &info.dtype, dtype)?;
    if dim == 0 {
        return Err(Error::damaged(
            file.path(),
            format!("rows of tensor `{name}` have no values: its shape is (n, 0)"),
        ));
    }
    if n_rows == 0 {
        return Err(Error::Empty { path: file.path().to_owned() });
    }
    // The header's checks bound `n_rows * dim` by the file's length.
    let (n_rows, dim) = (n_rows as usize, dim as usize);
    Ok(RawMatrix { offset: data_start + info.data_offsets.0, file, n_rows, dim, scalar, big_endian: false })
}

/// Reads and checks the whole header; also gives where the values begin.
fn read_header(file: &DataFile) -> Result<(Vec<(String, Info)>, u64), Error> {
    let damaged = |detail: String| Error::damaged(file.path(), detail);
    let len = file.read_vec(0, 8)?;
    let len = u64::from_le_bytes(len.try_into().expect("eight bytes were read"));
    if len > MAX_HEADER {
        return Err(damaged(format!("header of {len} bytes, at most {MAX_HEADER} are read")));
    }
    let text = file.read_vec(8, len)?;
    let Tensors(tensors) =
        serde_json::from_slice(&text).map_err(|e| damaged(format!("the safetensors header is malformed: {e}")))?;
    check_offsets(&tensors, file.len() - 8 - len).map_err(damaged)?;
    Ok((tensors, 8 + len))
}

/// Every tensor as long as its type and shape say, and together exactly the bytes there are.
fn check_offsets(tensors: &[(String, Info)], data_len: u64) -> Result<(), String> {
    let mut spans: Vec<(u64, u64, &str)> = Vec::with_capacity(tensors.len());
    for (name, info) in tensors {
        let (begin, end) = info.data_offsets;
        let values = info.shape.iter().try_fold(1u64, |all, len| all.checked_mul(*len));
        let bits =
            bits_per_value(&info.dtype).ok_or_else(|| format!("tensor `{name}` has unknown type {}", info.dtype))?;
        let declared = values.and_then(|values| values.checked_mul(bits)).map(|bits| bits / 8);
        if declared.is_none() || end.checked_sub(begin) != declared {
            let shape = &info.shape;
            return Err(format!("tensor `{name}`: bytes {begin} to {end} do not hold {} {shape:?}", info.dtype));
        }
        spans.push((begin, end, name));
    }
    spans.sort_unstable();
    let mut covered = 0;
    for (begin, end, name) in spans {
        if begin != covered {
            return Err(format!("tensor `{name}` begins at {begin} where the one before ends at {covered}"));
        }
        covered = end;
    }
    if covered != data_len {
        return Err(format!("the tensors take {covered} bytes, but {data_len} follow the header"));
    }
    Ok(())
}

fn bits_per_value(dtype: &str) -> Option<u64> {
    Some(match dtype {
        "F4" => 4,
        "F6_E2M3" | "F6_E3M2" => 6,
        "BOOL" | "U8" | "I8" | "F8_E5M2" | "F8_E4M3" | "F8_E8M0" | "F8_E4M3FNUZ" | "F8_E5M2FNUZ" => 8,
        "I16" | "U16" | "F16" | "BF16" => 16,
        "I32" | "U32" | "F32" => 32,
        "I64" | "U64" | "F64" | "C64" => 64,
        _ => return None,
    })
}

fn choose(path: &Path, tensors: Vec<(String, Info)>, column: Option<&str>) -> Result<(String, Info), Error> {
    let names = |tensors: &[(String, Info)]| tensors.iter().map(|(name, _)| name.clone()).collect();
    if let Some(wanted) = column {
        let candidates = names(&tensors);
        return tensors.into_iter().find(|(name, _)| name == wanted).ok_or_else(|| Error::NoSuchColumn {
            path: path.to_owned(),
            kind: "tensor",
            name: wanted.to_owned(),
            candidates,
        });
    }
    let all = tensors.len();
    let mut matrices: Vec<_> = tensors.into_iter().filter(|(_, info)| info.shape.len() == 2).collect();
    match matrices.len() {
        0 => Err(Error::unsupported(path, format!("none of its {all} tensors has two axes"), "embeddings are (n, d)")),
        1 => Ok(matrices.remove(0)),
        _ => Err(Error::AmbiguousColumn { path: path.to_owned(), kind: "tensor", candidates: names(&matrices) }),
    }
}

fn scalar(path: &Path, name: &str, stored: &str, dtype: Option<Dtype>) -> Result<Scalar, Error> {
    let scalar = match stored {
        "F32" => Scalar::Stored(Dtype::F32),
        "F16" => Scalar::Stored(Dtype::F16),
        "BF16" => Scalar::Stored(Dtype::Bf16),
        "I8" => Scalar::Stored(Dtype::I8),
        "U8" => Scalar::Stored(Dtype::U8),
        "F64" => Scalar::F64,
        _ => {
            return Err(Error::unsupported(
                path,
                format!("tensor `{name}` is {stored}; embeddings are F16, BF16, F32, F64, I8 or U8"),
                "save it as tensor.float()",
            ));
        }
    };
    taken_as(path, scalar, dtype)
}

/// Writes one tensor, [`TENSOR`], block by block.
#[derive(Debug)]
pub(crate) struct Writer {
    file: AtomicFile,
}

impl Writer {
    /// Starts a file of `n_rows` rows of `dim` values.
    pub(crate) fn create(path: &Path, dtype: Dtype, n_rows: usize, dim: usize, force: bool) -> Result<Self, Error> {
        let mut file = AtomicFile::create(path, force)?;
        let len = n_rows * dim * dtype.size();
        let name = dtype.name().to_ascii_uppercase();
        let mut header =
            format!(r#"{{"{TENSOR}":{{"dtype":"{name}","shape":[{n_rows},{dim}],"data_offsets":[0,{len}]}}}}"#);
        // Values begin at a multiple of eight, as the format asks.
        while !header.len().is_multiple_of(8) {
            header.push(' ');
        }
        let start = [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat();
        file.write_all(&start).map_err(|e| Error::io("write", path, e))?;
        Ok(Writer { file })
    }

    /// Appends rows of the type and dimension announced.
    pub(crate) fn push(&mut self, rows: Rows<'_>) -> Result<(), Error> {
        let bytes = little_endian_bytes(&rows);
        self.file.write_all(&bytes).map_err(|e| Error::io("write", self.file.path(), e))
    }

    /// Gives the file its name.
    pub(crate) fn finish(self) -> Result<(), Error> {
        self.file.commit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open_header(header: &str, data: usize) -> Result<RawMatrix, Error> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.safetensors");
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.resize(bytes.len() + data, 0);
        std::fs::write(&path, bytes).unwrap();
        open(DataFile::open(&path).unwrap(), None, None)
    }

    #[test]
    fn a_plain_header_is_understood() {
        let header = r#"{"__metadata__":{"a":"b"},"bias":{"dtype":"F32","shape":[2],"data_offsets":[12,20]},
            "x":{"dtype":"BF16","shape":[3,2],"data_offsets":[0,12]}}"#;
        let matrix = open_header(header, 20).unwrap();
        assert_eq!((matrix.n_rows, matrix.dim, matrix.scalar), (3, 2, Scalar::Stored(Dtype::Bf16)));
    }

    #[test]
    fn headers_that_lie_are_refused() {
        for (header, data, told) in [
            ("{", 0, "malformed"),
            ("[]", 0, "malformed"),
            (r#"{"x":{"dtype":"F32","shape":[3,-2],"data_offsets":[0,24]}}"#, 24, "malformed"),
            (r#"{"x":{"dtype":"F32","shape":[3,2],"data_offsets":[0,20]}}"#, 20, "do not hold"),
            (r#"{"x":{"dtype":"F32","shape":[3,2],"data_offsets":[24,0]}}"#, 24, "do not hold"),
            (r#"{"x":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#, 0, "do not hold"),
            (r#"{"x":{"dtype":"F32","shape":[3,2],"data_offsets":[0,24]}}"#, 23, "24 bytes"),
            (r#"{"x":{"dtype":"F32","shape":[3,2],"data_offsets":[0,24]}}"#, 25, "24 bytes"),
            (r#"{"x":{"dtype":"F32","shape":[3,2],"data_offsets":[4,28]}}"#, 28, "begins at 4"),
            (
                r#"{"x":{"dtype":"U8","shape":[2,2],"data_offsets":[0,4]},"y":{"dtype":"U8","shape":[2,2],"data_offsets":[2,6]}}"#,
                6,
                "begins at 2",
            ),
            (
                r#"{"x":{"dtype":"U8","shape":[2,2],"data_offsets":[0,4]},"x":{"dtype":"U8","shape":[2,2],"data_offsets":[0,4]}}"#,
                4,
                "twice",
            ),
            (r#"{"x":{"dtype":"Q3","shape":[3,2],"data_offsets":[0,24]}}"#, 24, "unknown type"),
            (r#"{"x":{"dtype":"I32","shape":[3,2],"data_offsets":[0,24]}}"#, 24, "embeddings are"),
            (r#"{"x":{"dtype":"F32","shape":[6],"data_offsets":[0,24]}}"#, 24, "two axes"),
            (r#"{"x":{"dtype":"F32","shape":[3,0],"data_offsets":[0,0]}}"#, 0, "no values"),
            (r#"{"x":{"dtype":"F32","shape":[0,3],"data_offsets":[0,0]}}"#, 0, "no rows"),
            ("{}", 0, "none of its 0 tensors"),
        ] {
            let error = open_header(header, data).unwrap_err();
            assert!(error.to_string().contains(told), "{error} for {header}");
        }
    }

    #[test]
    fn a_header_longer_than_the_file_or_the_limit_is_refused_before_it_is_read() {
        for len in [9u64, MAX_HEADER + 1, u64::MAX] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("x.safetensors");
            std::fs::write(&path, [len.to_le_bytes().as_slice(), b"{}      "].concat()).unwrap();
            assert!(matches!(open(DataFile::open(&path).unwrap(), None, None), Err(Error::Damaged { .. })), "{len}");
        }
    }
}
