//! Arrays of whole numbers of any number of axes, as sets of images come: npy, members of npz, and files of plain records.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::file::DataFile;
use crate::format::Format;
use crate::npy::header::{self, Header, shape_text};
use crate::npy::side::decode;
use crate::{Error, SideColumn};

/// Extensions of files of arrays, for messages.
const EXTENSIONS: &str = ".npy .npz";

/// What an array is, before its values are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrayInfo {
    /// The name of the member; empty for the one array of an npy.
    pub name: String,
    /// The length of each axis.
    pub shape: Vec<u64>,
    /// The type as NumPy spells it, such as `|u1`.
    pub dtype: String,
}

/// A file of arrays.
#[derive(Debug)]
pub struct Arrays {
    file: DataFile,
    arrays: Vec<(ArrayInfo, Header, Place)>,
}

/// Where the values of an array are.
#[derive(Clone, Debug)]
enum Place {
    /// In the file, from this byte on.
    At(u64),
    /// Compressed.
    #[cfg(feature = "npz")]
    Packed(crate::npz::Member),
}

impl Arrays {
    /// Opens an npy or npz; only headers are read.
    ///
    /// # Errors
    /// Whatever is wrong with the file: [`Error::Damaged`] where a header disagrees with the bytes there are.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = DataFile::open(path)?;
        let arrays = match Format::of_file(&file, EXTENSIONS)? {
            Format::Npy => {
                let header = header::read(path, &mut file.cursor())?;
                header.check_len(path, file.len() - header.len)?;
                vec![(info(String::new(), &header), header.clone(), Place::At(header.len))]
            }
            #[cfg(feature = "npz")]
            Format::Npz => {
                let members = crate::npz::members(&file)?.into_iter();
                let placed = members.map(|(member, header)| {
                    let place = match member.deflated {
                        true => Place::Packed(member.clone()),
                        false => Place::At(member.start + header.len),
                    };
                    (info(member.name, &header), header, place)
                });
                placed.collect()
            }
            #[cfg(not(feature = "npz"))]
            Format::Npz => return Err(Error::NotBuilt { path: path.to_owned(), format: "npz", feature: "npz" }),
            _ => return Err(Error::unsupported(path, "no file of arrays", format!("known: {EXTENSIONS}"))),
        };
        Ok(Arrays { file, arrays })
    }

    /// The arrays there are.
    pub fn infos(&self) -> impl Iterator<Item = &ArrayInfo> {
        self.arrays.iter().map(|(info, ..)| info)
    }

    /// The array called `name` as rows of bytes. Values that lie in the file as they are stay there; compressed ones are
    /// unpacked into memory.
    ///
    /// # Errors
    /// [`Error::NoSuchColumn`]; [`Error::Unsupported`] for values that are no unsigned bytes, or in Fortran order;
    /// [`Error::Damaged`].
    pub fn bytes(&self, name: &str) -> Result<ByteRows, Error> {
        let (info, header, place) = self.find(name)?;
        let path = self.file.path();
        if (header.descr.kind, header.descr.size) != ('u', 1) || header.shape.is_empty() {
            let what = format!("{}values of type {} and shape {}", of(name), info.dtype, shape_text(&info.shape));
            return Err(Error::unsupported(path, what, "images are arrays of uint8 (n, height, width) or (.., 3)"));
        }
        self.refuse_fortran(info, header)?;
        let shape: Vec<usize> = header.shape.iter().map(|len| *len as usize).collect();
        let backing = match place {
            Place::At(offset) => Backing::File(self.file.clone(), *offset),
            #[cfg(feature = "npz")]
            Place::Packed(_) => Backing::Memory(self.unpacked(header, place)?.into()),
        };
        Ok(ByteRows { row_bytes: shape[1..].iter().product(), n_rows: shape[0], shape, backing })
    }

    /// The array called `name` as whole numbers, in C order, read whole.
    ///
    /// # Errors
    /// As [`Arrays::bytes`], for values that are no whole numbers.
    pub fn ints(&self, name: &str) -> Result<Vec<i64>, Error> {
        let (info, header, place) = self.find(name)?;
        // One column is the same in both orders.
        if info.shape.iter().filter(|len| **len != 1).count() > 1 {
            self.refuse_fortran(info, header)?;
        }
        match decode(self.file.path(), header.descr, &self.unpacked(header, place)?)? {
            SideColumn::Ints(values) => Ok(values),
            _ => {
                let what = format!("{}values of type {}", of(name), info.dtype);
                Err(Error::unsupported(self.file.path(), what, "labels are whole numbers"))
            }
        }
    }

    fn find(&self, name: &str) -> Result<&(ArrayInfo, Header, Place), Error> {
        self.arrays.iter().find(|(info, ..)| info.name == name).ok_or_else(|| Error::NoSuchColumn {
            path: self.file.path().to_owned(),
            kind: "member",
            name: name.to_owned(),
            candidates: self.infos().map(|info| info.name.clone()).collect(),
        })
    }

    fn refuse_fortran(&self, info: &ArrayInfo, header: &Header) -> Result<(), Error> {
        if header.fortran_order && info.shape.len() > 1 {
            let what = format!("{}an array in Fortran order", of(&info.name));
            return Err(Error::unsupported(self.file.path(), what, "np.save(file, np.ascontiguousarray(array))"));
        }
        Ok(())
    }

    /// The bytes of the values.
    fn unpacked(&self, header: &Header, place: &Place) -> Result<Vec<u8>, Error> {
        match place {
            Place::At(offset) => {
                let values: u64 = header.shape.iter().product();
                let size = header.descr.item_bytes().unwrap_or(usize::MAX) as u64;
                self.file.read_vec(*offset, values.saturating_mul(size))
            }
            #[cfg(feature = "npz")]
            Place::Packed(member) => member.unpacked(&self.file, header.len),
        }
    }
}

fn info(name: String, header: &Header) -> ArrayInfo {
    ArrayInfo { name, shape: header.shape.clone(), dtype: header.descr_text.clone() }
}

/// How a message names an array.
fn of(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!("member `{name}`: ") }
}

/// Rows of as many bytes each, read by number.
#[derive(Clone, Debug)]
pub struct ByteRows {
    shape: Vec<usize>,
    n_rows: usize,
    row_bytes: usize,
    backing: Backing,
}

#[derive(Clone)]
enum Backing {
    Memory(Arc<[u8]>),
    File(DataFile, u64),
}

impl std::fmt::Debug for Backing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Backing::Memory(bytes) => write!(f, "{} bytes in memory", bytes.len()),
            Backing::File(file, offset) => write!(f, "{} from {offset}", file.path().display()),
        }
    }
}

impl ByteRows {
    /// A file that is nothing but records of `row_bytes` bytes.
    ///
    /// # Errors
    /// [`Error::Damaged`] if its length is no multiple of them; [`Error::Empty`]; what keeps it from being opened.
    pub fn records(path: &Path, row_bytes: usize) -> Result<Self, Error> {
        let file = DataFile::open(path)?;
        let len = file.len();
        if len == 0 {
            return Err(Error::Empty { path: path.to_owned() });
        }
        if row_bytes == 0 || !len.is_multiple_of(row_bytes as u64) {
            return Err(Error::damaged(path, format!("{len} bytes do not make records of {row_bytes}")));
        }
        let n_rows = usize::try_from(len / row_bytes as u64);
        let n_rows = n_rows.map_err(|_| Error::damaged(path, "more records than this machine can address"))?;
        Ok(ByteRows { shape: vec![n_rows, row_bytes], n_rows, row_bytes, backing: Backing::File(file, 0) })
    }

    /// The length of each axis; the first is the rows.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How many rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Bytes of a row.
    pub fn row_bytes(&self) -> usize {
        self.row_bytes
    }

    /// Reads one row into `out`, which is of its length.
    ///
    /// # Errors
    /// [`Error::Shrank`], [`Error::Io`].
    ///
    /// # Panics
    /// If there is no such row, or `out` is of another length.
    pub fn read(&self, row: usize, out: &mut [u8]) -> Result<(), Error> {
        self.read_part(row, 0, out)
    }

    /// Reads bytes of one row, from `skip` on, into `out`.
    ///
    /// # Errors
    /// As [`ByteRows::read`].
    ///
    /// # Panics
    /// If they are not in the row.
    pub fn read_part(&self, row: usize, skip: usize, out: &mut [u8]) -> Result<(), Error> {
        assert!(row < self.n_rows && skip + out.len() <= self.row_bytes, "row {row} of {:?}", self.shape);
        let start = row * self.row_bytes + skip;
        match &self.backing {
            Backing::Memory(bytes) => out.copy_from_slice(&bytes[start..start + out.len()]),
            Backing::File(file, offset) => file.read_at(out, offset + start as u64)?,
        }
        Ok(())
    }
}

/// A plain file that is to be read whole, at most `limit` bytes of it.
///
/// # Errors
/// [`Error::Unsupported`] for a longer one; what keeps it from being read.
pub fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let file = DataFile::open(path)?;
    if file.len() > limit {
        let what = format!("{} bytes, and at most {limit} are read of one file", file.len());
        return Err(Error::Unsupported { path: PathBuf::from(path), what, hint: None });
    }
    file.head(limit)
}
