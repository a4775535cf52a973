//! npy arrays as side files: read whole, of any type of numbers, truth values or texts.

use std::path::Path;

use half::f16;

use super::header::{self, Descr, Header, shape_text};
use crate::Error;
use crate::file::DataFile;
use crate::side::{SideColumn, SideMatrix};

/// Reads an array of one axis, or of two where the second has length 1.
pub(crate) fn read_column(file: &DataFile) -> Result<SideColumn, Error> {
    let (header, bytes) = read(file)?;
    match header.shape[..] {
        [_] | [_, 1] => decode(file.path(), header.descr, &bytes),
        _ => {
            let what = format!("an array of shape {}; one value per row is (n,)", shape_text(&header.shape));
            Err(Error::unsupported(file.path(), what, "np.save(file, array.reshape(-1))"))
        }
    }
}

/// Reads an array of two axes.
pub(crate) fn read_matrix(file: &DataFile) -> Result<SideMatrix, Error> {
    let (header, bytes) = read(file)?;
    let [n_rows, n_columns] = header.shape[..] else {
        let what = format!("an array of shape {}; a matrix is (n, c)", shape_text(&header.shape));
        return Err(Error::unsupported(file.path(), what, "np.save(file, array.reshape(n, c))"));
    };
    if n_rows == 0 || n_columns == 0 {
        return Err(Error::Empty { path: file.path().to_owned() });
    }
    // The product is the number of values that the file holds.
    let (n_rows, n_columns) = (n_rows as usize, n_columns as usize);
    let values = match decode(file.path(), header.descr, &bytes)? {
        SideColumn::Texts(_) => {
            return Err(Error::unsupported(file.path(), "a matrix of texts", "a matrix is of numbers"));
        }
        numbers => numbers.into_floats(),
    };
    let values = match header.fortran_order {
        false => values,
        true => (0..values.len()).map(|i| values[(i % n_columns) * n_rows + i / n_columns]).collect(),
    };
    Ok(SideMatrix { values, n_rows, n_columns })
}

/// The header and exactly the bytes it declares.
fn read(file: &DataFile) -> Result<(Header, Vec<u8>), Error> {
    let header = header::read(file.path(), &mut file.cursor())?;
    let available = file.len() - header.len;
    header.check_len(file.path(), available)?;
    let bytes = file.read_vec(header.len, available)?;
    Ok((header, bytes))
}

pub(crate) fn decode(path: &Path, descr: Descr, bytes: &[u8]) -> Result<SideColumn, Error> {
    /// The values of one type in either byte order.
    macro_rules! numbers {
        ($type:ty, $kind:ident, $widen:expr) => {{
            let values = bytes
                .as_chunks::<{ size_of::<$type>() }>()
                .0
                .iter()
                .map(|b| if descr.big_endian { <$type>::from_be_bytes(*b) } else { <$type>::from_le_bytes(*b) });
            SideColumn::$kind(values.map($widen).collect())
        }};
    }
    Ok(match (descr.kind, descr.size) {
        ('b', 1) => SideColumn::Ints(bytes.iter().map(|b| i64::from(*b != 0)).collect()),
        ('i', 1) => numbers!(i8, Ints, i64::from),
        ('i', 2) => numbers!(i16, Ints, i64::from),
        ('i', 4) => numbers!(i32, Ints, i64::from),
        ('i', 8) => numbers!(i64, Ints, |v| v),
        ('u', 1) => numbers!(u8, Ints, i64::from),
        ('u', 2) => numbers!(u16, Ints, i64::from),
        ('u', 4) => numbers!(u32, Ints, i64::from),
        ('u', 8) => match numbers!(i64, Ints, |v| v) {
            SideColumn::Ints(values) if values.iter().all(|v| *v >= 0) => SideColumn::Ints(values),
            _ => {
                return Err(Error::damaged(path, "holds values beyond 64-bit signed numbers"));
            }
        },
        ('f', 2) => numbers!(f16, Floats, f64::from),
        ('f', 4) => numbers!(f32, Floats, f64::from),
        ('f', 8) => numbers!(f64, Floats, |v| v),
        ('U', size) if size > 0 => texts(path, bytes.chunks_exact(size * 4).map(|text| ucs4(text, descr.big_endian)))?,
        ('S', size) if size > 0 => texts(
            path,
            bytes.chunks_exact(size).map(|text| {
                let end = text.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
                std::str::from_utf8(&text[..end]).ok().map(str::to_owned)
            }),
        )?,
        ('U' | 'S', _) => {
            return Err(Error::unsupported(path, "texts of length 0", "save the texts as a .txt"));
        }
        _ => {
            let what = format!("values of type {}", super::described(descr));
            return Err(Error::unsupported(path, what, "side files hold numbers, truth values or texts"));
        }
    })
}

fn texts(path: &Path, texts: impl Iterator<Item = Option<String>>) -> Result<SideColumn, Error> {
    let texts: Option<Vec<String>> = texts.collect();
    texts.map(SideColumn::Texts).ok_or_else(|| Error::damaged(path, "holds texts that are not Unicode"))
}

/// A text of 32-bit characters, padded with zeros.
fn ucs4(bytes: &[u8], big_endian: bool) -> Option<String> {
    let chars = bytes.as_chunks::<4>().0.iter();
    let text: Option<String> = chars
        .map(|b| char::from_u32(if big_endian { u32::from_be_bytes(*b) } else { u32::from_le_bytes(*b) }))
        .collect();
    text.map(|text| text.trim_end_matches('\0').to_owned())
}
