//! Files read by position: no shared cursor, so that any number of threads read at once, and no memory map, so that a
//! file that shrinks under us is an error and not a crash.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::Error;

/// A regular file opened for positioned reads, and its length when it was opened. Clones share the open file.
#[derive(Clone, Debug)]
pub(crate) struct DataFile {
    file: Arc<File>,
    path: PathBuf,
    len: u64,
}

impl DataFile {
    /// Opens a regular file. Anything else is refused *before* opening, because opening a pipe would wait for a writer.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let meta = fs::metadata(path).map_err(|e| Error::io("open", path, e))?;
        if !meta.is_file() {
            let found = if meta.is_dir() { "a directory" } else { "a pipe or device" };
            return Err(Error::NotAFile { path: path.to_owned(), found });
        }
        let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
        let len = file.metadata().map_err(|e| Error::io("open", path, e))?.len();
        Ok(DataFile { file: Arc::new(file), path: path.to_owned(), len })
    }

    /// A file opened elsewhere, known in messages as `path`.
    pub(crate) fn new(file: Arc<File>, path: PathBuf, len: u64) -> Self {
        DataFile { file, path, len }
    }

    /// Its path as given.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its length when it was opened.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Fills `out` from `offset` on.
    pub(crate) fn read_at(&self, mut out: &mut [u8], mut offset: u64) -> Result<(), Error> {
        while !out.is_empty() {
            match read_at(&self.file, out, offset) {
                Ok(0) => {
                    return Err(Error::Shrank { path: self.path.clone() });
                }
                Ok(count) => {
                    out = &mut out[count..];
                    offset += count as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Error::io("read", &self.path, e)),
            }
        }
        Ok(())
    }

    /// `len` bytes from `offset` on, which must lie inside the file: declared lengths are checked before memory is
    /// reserved for them.
    pub(crate) fn read_vec(&self, offset: u64, len: u64) -> Result<Vec<u8>, Error> {
        if offset.checked_add(len).is_none_or(|end| end > self.len) {
            return Err(Error::damaged(
                &self.path,
                format!("{len} bytes declared at {offset}, but it has {}", self.len),
            ));
        }
        let mut bytes = vec![0; len as usize];
        self.read_at(&mut bytes, offset)?;
        Ok(bytes)
    }

    /// Up to `limit` bytes from the start, fewer where the file is shorter.
    pub(crate) fn head(&self, limit: u64) -> Result<Vec<u8>, Error> {
        self.read_vec(0, self.len.min(limit))
    }

    /// A reader with a cursor of its own, which sees the first `len` bytes only: a file that grows stays the file that
    /// was opened.
    pub(crate) fn cursor(&self) -> Cursor {
        Cursor { file: self.file.clone(), position: 0, end: self.len }
    }

    /// A cursor that starts at `start` and ends at `end`, or at the end of the file.
    #[cfg(any(feature = "npz", feature = "parquet"))]
    pub(crate) fn section(&self, start: u64, end: u64) -> Cursor {
        Cursor { file: self.file.clone(), position: start, end: end.min(self.len) }
    }
}

/// A sequential reader over positioned reads.
#[derive(Debug)]
pub(crate) struct Cursor {
    file: Arc<File>,
    position: u64,
    end: u64,
}

impl Read for Cursor {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let wanted = out.len().min(left);
        let count = read_at(&self.file, &mut out[..wanted], self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for Cursor {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(by) => self.end.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// Appends without the shared cursor, which positioned reads move on some systems.
pub(crate) fn write_all_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match write_at(file, bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                bytes = &bytes[count..];
                offset += count as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

#[cfg(unix)]
use std::os::unix::fs::FileExt;
#[cfg(windows)]
use std::os::windows::fs::FileExt;

#[cfg(unix)]
fn read_at(file: &File, out: &mut [u8], offset: u64) -> io::Result<usize> {
    file.read_at(out, offset)
}

#[cfg(windows)]
fn read_at(file: &File, out: &mut [u8], offset: u64) -> io::Result<usize> {
    match file.seek_read(out, offset) {
        // Reading past the end is an error there, and the end here.
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
        outcome => outcome,
    }
}

#[cfg(unix)]
fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    file.write_at(bytes, offset)
}

#[cfg(windows)]
fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    file.seek_write(bytes, offset)
}
