//! Files read by position: no shared cursor, so that any number of threads read at once, and no memory map, so that a
//! file that shrinks under us is an error and not a crash.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::Error;

/// A regular file opened for positioned reads, and its length when it was opened.
#[derive(Debug)]
pub(crate) struct DataFile {
    file: File,
    path: PathBuf,
    len: u64,
}

impl DataFile {
    /// Opens a regular file. Anything else is refused *before* opening, because opening a pipe would wait for a writer.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let meta = fs::metadata(path).map_err(|e| Error::io("open", path, e))?;
        if !meta.is_file() {
            let found = if meta.is_dir() {
                "a directory"
            } else {
                "a pipe or device"
            };
            return Err(Error::NotAFile {
                path: path.to_owned(),
                found,
            });
        }
        let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
        let len = file
            .metadata()
            .map_err(|e| Error::io("open", path, e))?
            .len();
        Ok(DataFile {
            file,
            path: path.to_owned(),
            len,
        })
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
    pub(crate) fn read_at(&self, out: &mut [u8], offset: u64) -> Result<(), Error> {
        read_exact_at(&self.file, out, offset).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => Error::Shrank {
                path: self.path.clone(),
            },
            _ => Error::io("read", &self.path, e),
        })
    }

    /// Up to `limit` bytes from the start, fewer where the file is shorter.
    pub(crate) fn head(&self, limit: usize) -> Result<Vec<u8>, Error> {
        let len = usize::try_from(self.len).map_or(limit, |len| len.min(limit));
        let mut bytes = vec![0; len];
        self.read_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// A sequential reader of the bytes `start..end` with a cursor of its own.
    pub(crate) fn reader(&self, start: u64, end: u64) -> io::Take<Cursor<'_>> {
        io::Read::take(
            Cursor {
                file: &self.file,
                position: start,
            },
            end.saturating_sub(start),
        )
    }

    /// A second handle on the same open file.
    pub(crate) fn try_clone(&self) -> Result<File, Error> {
        self.file
            .try_clone()
            .map_err(|e| Error::io("open", &self.path, e))
    }
}

/// A sequential reader over positioned reads.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    file: &'a File,
    position: u64,
}

impl io::Read for Cursor<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = read_at(self.file, out, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

#[cfg(unix)]
fn read_at(file: &File, out: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, out, offset)
}

#[cfg(windows)]
fn read_at(file: &File, out: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, out, offset)
}

/// Fills `out` from `offset` on, or says [`io::ErrorKind::UnexpectedEof`].
pub(crate) fn read_exact_at(file: &File, mut out: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !out.is_empty() {
        match read_at(file, out, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                out = &mut out[count..];
                offset += count as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}
