//! Files that appear whole or not at all.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::Error;

/// An output written under a temporary name beside its target and renamed when it is complete.
///
/// Faults that can be known beforehand (the target exists, its directory does not or cannot be written) show at
/// [`AtomicFile::create`], before hours of work. Dropped without [`AtomicFile::commit`], it leaves nothing behind.
#[derive(Debug)]
pub struct AtomicFile {
    temp: BufWriter<tempfile::NamedTempFile>,
    path: PathBuf,
    force: bool,
}

impl AtomicFile {
    /// Starts a file that will be `path`.
    ///
    /// # Errors
    /// [`Error::Exists`] unless `force`; [`Error::NotAFile`] if `path` is a directory or device; [`Error::Io`] if its
    /// directory cannot be written.
    pub fn create(path: &Path, force: bool) -> Result<Self, Error> {
        // Through a symbolic link the file behind it is replaced, as with ordinary writing.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if let Ok(meta) = fs::metadata(&path) {
            if !meta.is_file() {
                let found = if meta.is_dir() { "a directory" } else { "a pipe or device" };
                return Err(Error::NotAFile { path, found });
            }
            if !force {
                return Err(Error::Exists { path });
            }
        }
        let temp = temp_beside(&path).map_err(|e| Error::io("write", &path, e))?;
        Ok(AtomicFile { temp: BufWriter::with_capacity(1 << 18, temp), path, force })
    }

    /// The path it will have.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file its name, once all of it is on the disk.
    ///
    /// # Errors
    /// [`Error::Exists`] if the target appeared meanwhile and may not be overwritten; [`Error::Io`].
    pub fn commit(self) -> Result<(), Error> {
        let path = self.path;
        let failed = |e| Error::io("write", &path, e);
        let temp = self.temp.into_inner().map_err(|e| failed(e.into_error()))?;
        temp.as_file().sync_all().map_err(failed)?;
        let outcome = if self.force { temp.persist(&path) } else { temp.persist_noclobber(&path) };
        match outcome {
            Ok(_) => {
                sync_directory(&path);
                Ok(())
            }
            Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => Err(Error::Exists { path }),
            Err(e) => Err(failed(e.error)),
        }
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.temp.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.temp.flush()
    }
}

fn temp_beside(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".subsel-").suffix(".partial");
    // The final file gets ordinary permissions (less the umask), not the private ones of temporary files.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(dir)
}

/// Makes the new name last through a power cut; file systems that cannot do it lose only that.
fn sync_directory(path: &Path) {
    if cfg!(unix)
        && let Some(Ok(dir)) = path.parent().map(fs::File::open)
    {
        let _ = dir.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appears_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.txt");
        let mut file = AtomicFile::create(&path, false).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);

        let mut file = AtomicFile::create(&path, false).unwrap();
        file.write_all(b"whole").unwrap();
        assert!(!path.exists());
        file.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_existing_file_is_kept_unless_forced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.txt");
        let early = AtomicFile::create(&path, false).unwrap();
        fs::write(&path, "precious").unwrap();
        assert!(matches!(AtomicFile::create(&path, false), Err(Error::Exists { .. })));
        assert!(matches!(early.commit(), Err(Error::Exists { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        AtomicFile::create(&path, true).unwrap().commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
    }

    #[test]
    fn absent_directories_and_directories_are_refused_at_the_start() {
        let dir = tempfile::tempdir().unwrap();
        let absent = dir.path().join("absent/out.txt");
        assert!(matches!(AtomicFile::create(&absent, true), Err(Error::Io { .. })));
        assert!(matches!(AtomicFile::create(dir.path(), true), Err(Error::NotAFile { .. })));
    }
}
