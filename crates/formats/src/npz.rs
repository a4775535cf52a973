//! npz: a zip archive of npy arrays.
//!
//! The zip crate reads the directory of the archive; values are read here, stored members by position and deflated ones
//! from front to back, their checksum compared at the end. Refused: encrypted members, other compressions, sizes that
//! disagree between the archive and the array's header, and sizes that deflate cannot reach ([`MAX_DEFLATE_RATIO`]).

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::CrcReader;
use flate2::read::DeflateDecoder;
use subsel_kernels::{Block, Dtype};
use zip::{CompressionMethod, ZipArchive};

use crate::Error;
use crate::file::{Cursor, DataFile};
use crate::guard::guarded;
use crate::matrix::{NARROWED, Scalar, narrowed, to_native};
use crate::npy::{self, header};
use crate::open::{Single, SingleRows};
use crate::spool::{RowStream, Shape, block_rows};

/// Deflate makes at most 1,032 bytes of one; a larger declared size is a lie.
const MAX_DEFLATE_RATIO: u64 = 1032;

/// A member of an archive.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// Without `.npy`.
    pub(crate) name: String,
    pub(crate) start: u64,
    packed_len: u64,
    len: u64,
    crc: u32,
    pub(crate) deflated: bool,
}

/// Opens the member named `column`, or the only one with two axes.
pub(crate) fn open(file: DataFile, column: Option<&str>, dtype: Option<Dtype>) -> Result<Single, Error> {
    let members = guarded(file.path(), || list(&file))?;
    let (member, header) = choose(&file, members, column)?;
    let layout = npy::Layout::new(file.path(), &header, dtype, member.len.saturating_sub(header.len))?;
    if !member.deflated {
        return Ok(npy::single(file, member.start + header.len, layout));
    }
    if layout.fortran_order {
        return Err(Error::unsupported(
            file.path(),
            format!("member `{}` is compressed and in Fortran order", member.name),
            "np.savez(file, np.ascontiguousarray(array))",
        ));
    }
    let shape = Shape { n_rows: layout.n_rows, dim: layout.dim, dtype: layout.scalar.dtype() };
    let notes = if layout.scalar == Scalar::F64 { vec![NARROWED.to_owned()] } else { Vec::new() };
    let open = move || {
        let mut reader = member.reader(&file);
        let path = file.path().to_owned();
        let header_bytes = header.len;
        io::copy(&mut reader.by_ref().take(header_bytes), &mut io::sink()).map_err(|e| inflate_error(&path, e))?;
        Ok(Box::new(DeflatedStream { path, reader, crc: member.crc, layout, next_row: 0 }) as _)
    };
    Ok(Single { rows: SingleRows::Stream(shape, Box::new(open)), ids: None, notes })
}

/// The arrays of the archive with their headers, each checked against the length of its member.
pub(crate) fn members(file: &DataFile) -> Result<Vec<(Member, header::Header)>, Error> {
    let members = guarded(file.path(), || list(file))?;
    let mut found = Vec::new();
    for member in members {
        match header::read(file.path(), &mut member.reader(file)) {
            // Records and objects may stand beside arrays.
            Err(Error::Unsupported { .. }) => {}
            Ok(header) if header.descr.kind == 'O' => {}
            Ok(header) => {
                header.check_len(file.path(), member.len.saturating_sub(header.len))?;
                found.push((member, header));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// The arrays of the archive.
fn list(file: &DataFile) -> Result<Vec<Member>, Error> {
    let damaged = |e: zip::result::ZipError| Error::damaged(file.path(), format!("not a sound npz archive: {e}"));
    let mut archive = ZipArchive::new(io::BufReader::new(file.cursor())).map_err(damaged)?;
    let mut members = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(damaged)?;
        let name = entry.name().map_err(damaged)?.into_owned();
        let Some(name) = name.strip_suffix(".npy") else {
            continue;
        };
        let deflated = match entry.compression() {
            CompressionMethod::Stored => false,
            CompressionMethod::Deflated => true,
            other => {
                let what = format!("member `{name}` is compressed by {other}");
                return Err(Error::unsupported(file.path(), what, "np.savez(...) or np.savez_compressed(...)"));
            }
        };
        if entry.encrypted() {
            return Err(Error::unsupported(file.path(), format!("member `{name}` is encrypted"), "np.savez(...)"));
        }
        let start = entry.data_start().ok_or_else(|| Error::damaged(file.path(), "a member without a place"))?;
        let (packed_len, len, crc) = (entry.compressed_size(), entry.size(), entry.crc32());
        let member = Member { name: name.to_owned(), start, packed_len, len, crc, deflated };
        member.check(file)?;
        members.push(member);
    }
    Ok(members)
}

impl Member {
    fn check(&self, file: &DataFile) -> Result<(), Error> {
        let inside = self.start.checked_add(self.packed_len).is_some_and(|end| end <= file.len());
        let possible = match self.deflated {
            true => self.len <= self.packed_len.saturating_mul(MAX_DEFLATE_RATIO),
            false => self.len == self.packed_len,
        };
        if inside && possible {
            return Ok(());
        }
        let detail =
            format!("member `{}` declares {} bytes in {} of the archive", self.name, self.len, self.packed_len);
        Err(Error::damaged(file.path(), detail))
    }

    /// All bytes after the first `skip`. Memory grows with what is really there, not with what is declared.
    pub(crate) fn unpacked(&self, file: &DataFile, skip: u64) -> Result<Vec<u8>, Error> {
        let mut reader = self.reader(file);
        let failed = |e| inflate_error(file.path(), e);
        io::copy(&mut reader.by_ref().take(skip), &mut io::sink()).map_err(failed)?;
        let (wanted, mut bytes) = (self.len.saturating_sub(skip), Vec::new());
        reader.by_ref().take(wanted.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 != wanted {
            let detail = format!("member `{}` holds other than the {} bytes it declares", self.name, self.len);
            return Err(Error::damaged(file.path(), detail));
        }
        if reader.crc().sum() != self.crc {
            return Err(Error::damaged(file.path(), "the checksum of the archive disagrees with its data"));
        }
        bytes.shrink_to_fit();
        Ok(bytes)
    }

    /// The unpacked bytes from the start.
    fn reader(&self, file: &DataFile) -> CrcReader<Box<dyn Read + Send>> {
        let packed: io::Take<Cursor> = file.section(self.start, self.start + self.packed_len).take(self.packed_len);
        CrcReader::new(match self.deflated {
            true => Box::new(DeflateDecoder::new_with_buf(packed, vec![0; 1 << 17])),
            false => Box::new(packed),
        })
    }
}

fn choose(file: &DataFile, members: Vec<Member>, column: Option<&str>) -> Result<(Member, header::Header), Error> {
    let read = |member: &Member| header::read(file.path(), &mut member.reader(file));
    let kind = "member";
    if let Some(wanted) = column {
        let wanted = wanted.strip_suffix(".npy").unwrap_or(wanted);
        let candidates = members.iter().map(|member| member.name.clone()).collect();
        let found = members.into_iter().find(|member| member.name == wanted);
        let member = found.ok_or_else(|| {
            let name = wanted.to_owned();
            Error::NoSuchColumn { path: file.path().to_owned(), kind, name, candidates }
        })?;
        let header = read(&member)?;
        return Ok((member, header));
    }
    let all = members.len();
    let mut matrices = Vec::new();
    for member in members {
        // An array that is no pool (records, objects) may stand beside one that is.
        if let Ok(header) = read(&member)
            && header.shape.len() == 2
        {
            matrices.push((member, header));
        }
    }
    match matrices.len() {
        0 => {
            let what = format!("none of its {all} members has two axes");
            Err(Error::unsupported(file.path(), what, "np.savez(file, x=array.reshape(n, d))"))
        }
        1 => Ok(matrices.remove(0)),
        _ => {
            let candidates = matrices.into_iter().map(|(member, _)| member.name).collect();
            Err(Error::AmbiguousColumn { path: file.path().to_owned(), kind, candidates })
        }
    }
}

fn inflate_error(path: &Path, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            Error::damaged(path, format!("compressed data: {error}"))
        }
        _ => Error::io("read", path, error),
    }
}

/// The rows of a deflated member from front to back.
struct DeflatedStream {
    path: PathBuf,
    reader: CrcReader<Box<dyn Read + Send>>,
    crc: u32,
    layout: npy::Layout,
    next_row: usize,
}

impl DeflatedStream {
    /// All declared rows are read: nothing may follow, and the checksum must agree.
    fn check_end(&mut self) -> Result<(), Error> {
        let more = self.reader.read(&mut [0]).map_err(|e| inflate_error(&self.path, e))?;
        if more > 0 {
            return Err(Error::damaged(&self.path, "more compressed data than the archive declares"));
        }
        if self.reader.crc().sum() != self.crc {
            return Err(Error::damaged(&self.path, "the checksum of the archive disagrees with its data"));
        }
        Ok(())
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.reader.read_exact(bytes).map_err(|e| inflate_error(&self.path, e))?;
        to_native(bytes, self.layout.scalar.size(), self.layout.big_endian);
        Ok(())
    }

    fn fill_narrowed(&mut self, out: &mut [f32]) -> Result<(), Error> {
        let mut wide = vec![0; out.len() * 8];
        self.fill(&mut wide)?;
        for (i, (narrow, bytes)) in out.iter_mut().zip(wide.as_chunks::<8>().0).enumerate() {
            let value = f64::from_ne_bytes(*bytes);
            *narrow = narrowed(value).ok_or_else(|| Error::OutOfRange {
                path: self.path.clone(),
                row: self.next_row + i / self.layout.dim,
                column: i % self.layout.dim,
                value,
                dtype: Dtype::F32.name(),
            })?;
        }
        Ok(())
    }
}

impl RowStream for DeflatedStream {
    fn next_block(&mut self, out: &mut Block) -> Result<bool, Error> {
        let npy::Layout { scalar, n_rows, dim, .. } = self.layout;
        let count = block_rows(dim, scalar.dtype()).min(n_rows - self.next_row);
        if count == 0 {
            self.check_end()?;
            return Ok(false);
        }
        let bytes = out.bytes_mut(scalar.dtype(), count * dim);
        match scalar {
            Scalar::Stored(_) => self.fill(bytes)?,
            Scalar::F64 => self.fill_narrowed(bytemuck::cast_slice_mut(bytes))?,
        }
        self.next_row += count;
        Ok(true)
    }
}
