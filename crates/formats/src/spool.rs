//! Rows that can only be read from front to back, made readable in any order.
//!
//! A stream is decoded once. What it yields is appended to a scratch file that has no name (nothing is left behind,
//! however the program ends) and every reader is served from there. The first pass in order therefore decodes as it
//! goes; a later pass, or a row further on, finds the rest decoded or has it decoded.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use subsel_kernels::{Block, Dtype, Rows, with_values};

use crate::file::{DataFile, write_all_at};
use crate::matrix::{RawMatrix, Scalar};
use crate::{Error, RowSource};

/// Rows from front to back.
pub(crate) trait RowStream: Send {
    /// Replaces `out` by the next rows, at least one; `false` at the end.
    fn next_block(&mut self, out: &mut Block) -> Result<bool, Error>;
}

/// Number of rows, values per row and their type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) n_rows: usize,
    pub(crate) dim: usize,
    pub(crate) dtype: Dtype,
}

/// Bytes of values that a stream yields at a time, about: large enough for sequential reading, small beside the
/// memory a method needs.
pub(crate) const BLOCK_BYTES: usize = 4 << 20;

/// Rows of a block of about [`BLOCK_BYTES`].
pub(crate) fn block_rows(dim: usize, dtype: Dtype) -> usize {
    (BLOCK_BYTES / dim.saturating_mul(dtype.size()).max(1)).clamp(1, 1 << 16)
}

/// A stream and the scratch file it is copied to.
pub(crate) struct Spooled {
    path: PathBuf,
    scratch_dir: PathBuf,
    shape: Shape,
    feed: Mutex<Feed>,
    /// The scratch file, once there is something in it.
    copy: OnceLock<RawMatrix>,
    /// Rows that may be read from `copy`.
    ready: AtomicUsize,
}

struct Feed {
    state: State,
    scratch: Option<Scratch>,
    block: Block,
}

enum State {
    Streaming(Box<dyn RowStream>),
    Done,
    Failed(String),
}

impl Spooled {
    /// A stream that will yield rows of `shape`; `path` stands for it in messages.
    pub(crate) fn new(path: &Path, shape: Shape, stream: Box<dyn RowStream>, scratch_dir: Option<&Path>) -> Self {
        Spooled {
            path: path.to_owned(),
            scratch_dir: directory(scratch_dir),
            shape,
            feed: Mutex::new(Feed { state: State::Streaming(stream), scratch: None, block: Block::new(shape.dtype) }),
            copy: OnceLock::new(),
            ready: AtomicUsize::new(0),
        }
    }

    /// The scratch file with at least the first `end` rows in it.
    fn copied(&self, end: usize) -> Result<&RawMatrix, Error> {
        assert!(end <= self.shape.n_rows, "row {end} of {}", self.shape.n_rows);
        if self.ready.load(Ordering::Acquire) < end || self.copy.get().is_none() {
            // A panic below is caught where it happens, so a poisoned lock guards a sound state.
            let mut feed = self.feed.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(error) = self.advance(&mut feed, end) {
                feed.state = State::Failed(error.to_string());
                return Err(error);
            }
        }
        Ok(self.copy.get().expect("advance() makes the scratch file before it returns"))
    }

    fn advance(&self, feed: &mut Feed, end: usize) -> Result<(), Error> {
        let Feed { state, scratch, block } = feed;
        if let State::Failed(message) = state {
            return Err(Error::FailedEarlier { message: message.clone() });
        }
        if scratch.is_none() {
            let new = Scratch::create(&self.scratch_dir)?;
            self.copy.get_or_init(|| new.matrix(&self.path, self.shape));
            *scratch = Some(new);
        }
        let scratch = scratch.as_mut().expect("made just above");
        let mut ready = self.ready.load(Ordering::Acquire);
        while let State::Streaming(stream) = state
            && (ready < end || ready == self.shape.n_rows)
        {
            if !stream.next_block(block)? {
                if ready < self.shape.n_rows {
                    let detail = format!("holds {ready} rows but declares {}", self.shape.n_rows);
                    return Err(Error::damaged(&self.path, detail));
                }
                *state = State::Done;
                break;
            }
            let rows = block.rows(self.shape.dim);
            ready += rows.len();
            if ready > self.shape.n_rows {
                let detail = format!("holds more rows than the {} it declares", self.shape.n_rows);
                return Err(Error::damaged(&self.path, detail));
            }
            scratch.append(rows)?;
            self.ready.store(ready, Ordering::Release);
        }
        Ok(())
    }
}

impl RowSource for Spooled {
    fn n_rows(&self) -> usize {
        self.shape.n_rows
    }

    fn dim(&self) -> usize {
        self.shape.dim
    }

    fn dtype(&self) -> Dtype {
        self.shape.dtype
    }

    fn rows<'a>(&'a self, range: Range<usize>, scratch: &'a mut Block) -> Result<Rows<'a>, Error> {
        self.copied(range.end)?.rows(range, scratch)
    }

    fn gather<'a>(&'a self, rows: &[usize], scratch: &'a mut Block) -> Result<Rows<'a>, Error> {
        let end = rows.iter().map(|row| row + 1).max().unwrap_or(0);
        self.copied(end)?.gather(rows, scratch)
    }
}

/// Copies a whole stream whose number of rows nobody knows beforehand.
#[cfg(any(feature = "csv", feature = "parquet"))]
pub(crate) fn drain(
    path: &Path,
    dim: usize,
    dtype: Dtype,
    stream: &mut dyn RowStream,
    scratch_dir: Option<&Path>,
) -> Result<RawMatrix, Error> {
    let mut scratch = Scratch::create(&directory(scratch_dir))?;
    let mut block = Block::new(dtype);
    let mut n_rows = 0;
    while stream.next_block(&mut block)? {
        let rows = block.rows(dim);
        n_rows += rows.len();
        scratch.append(rows)?;
    }
    if n_rows == 0 {
        return Err(Error::Empty { path: path.to_owned() });
    }
    Ok(scratch.matrix(path, Shape { n_rows, dim, dtype }))
}

fn directory(scratch_dir: Option<&Path>) -> PathBuf {
    scratch_dir.map_or_else(std::env::temp_dir, Path::to_owned)
}

/// An unlinked file in the scratch directory, written by appending.
struct Scratch {
    file: Arc<File>,
    dir: PathBuf,
    len: u64,
}

impl Scratch {
    fn create(dir: &Path) -> Result<Self, Error> {
        let file = tempfile::tempfile_in(dir).map_err(|source| Error::Scratch { dir: dir.to_owned(), source })?;
        Ok(Scratch { file: Arc::new(file), dir: dir.to_owned(), len: 0 })
    }

    fn append(&mut self, rows: Rows<'_>) -> Result<(), Error> {
        let bytes: &[u8] = with_values!(rows.values(), values => bytemuck::cast_slice(values));
        write_all_at(&self.file, bytes, self.len).map_err(|source| Error::Scratch { dir: self.dir.clone(), source })?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// The file as a source of rows; whoever calls it knows how many of them are there.
    fn matrix(&self, path: &Path, shape: Shape) -> RawMatrix {
        RawMatrix {
            file: DataFile::new(self.file.clone(), path.to_owned(), self.len),
            offset: 0,
            n_rows: shape.n_rows,
            dim: shape.dim,
            scalar: Scalar::Stored(shape.dtype),
            big_endian: cfg!(target_endian = "big"),
        }
    }
}

/// Opens a stream when its turn comes, so that a thousand files are not all open at once.
pub(crate) type Opener = Box<dyn FnOnce() -> Result<Box<dyn RowStream>, Error> + Send>;

/// Several streams of one shape as one.
pub(crate) struct Chain {
    /// In reverse order: the next one is popped.
    waiting: Vec<Link>,
    current: Option<(Box<dyn RowStream>, Link)>,
    dim: usize,
}

/// One stream of a [`Chain`] and the rows it has yet to yield.
pub(crate) struct Link {
    pub(crate) path: PathBuf,
    pub(crate) rows_left: usize,
    pub(crate) open: Option<Opener>,
}

impl Chain {
    /// The streams one after the other.
    pub(crate) fn new(mut links: Vec<Link>, dim: usize) -> Self {
        links.reverse();
        Chain { waiting: links, current: None, dim }
    }
}

impl RowStream for Chain {
    fn next_block(&mut self, out: &mut Block) -> Result<bool, Error> {
        loop {
            let Some((stream, link)) = &mut self.current else {
                let Some(mut link) = self.waiting.pop() else {
                    return Ok(false);
                };
                let open = link.open.take().expect("a link is opened once");
                self.current = Some((open()?, link));
                continue;
            };
            if stream.next_block(out)? {
                let count = out.rows(self.dim).len();
                link.rows_left = link
                    .rows_left
                    .checked_sub(count)
                    .ok_or_else(|| Error::damaged(&link.path, "holds more rows than it declares"))?;
                return Ok(true);
            }
            if link.rows_left > 0 {
                return Err(Error::damaged(&link.path, format!("ends {} rows before it should", link.rows_left)));
            }
            self.current = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts up: value `i` of the whole is `i`.
    struct Counter {
        next: usize,
        end: usize,
        step: usize,
    }

    impl RowStream for Counter {
        fn next_block(&mut self, out: &mut Block) -> Result<bool, Error> {
            let end = (self.next + self.step).min(self.end);
            *out = Block::F32((self.next..end).map(|v| v as f32).collect());
            let some = end > self.next;
            self.next = end;
            Ok(some)
        }
    }

    fn spooled(declared: usize, held: usize) -> Spooled {
        let stream = Counter { next: 0, end: held * 2, step: 6 };
        let shape = Shape { n_rows: declared, dim: 2, dtype: Dtype::F32 };
        Spooled::new(Path::new("counter"), shape, Box::new(stream), None)
    }

    fn values(rows: Rows<'_>) -> Vec<f32> {
        match rows.values() {
            subsel_kernels::Values::F32(values) => values.to_vec(),
            _ => unreachable!("the counter is f32"),
        }
    }

    #[test]
    fn any_order_of_reading_gives_the_same_rows() {
        let source = spooled(100, 100);
        let mut block = Block::default();
        assert_eq!(values(source.rows(0..0, &mut block).unwrap()), [0.0; 0]);
        assert_eq!(values(source.rows(50..51, &mut block).unwrap()), [100.0, 101.0]);
        assert_eq!(values(source.rows(3..5, &mut block).unwrap()), [6.0, 7.0, 8.0, 9.0]);
        assert_eq!(
            values(source.gather(&[99, 0, 1, 1], &mut block).unwrap()),
            [198.0, 199.0, 0.0, 1.0, 2.0, 3.0, 2.0, 3.0]
        );
        assert_eq!(values(source.gather(&[], &mut block).unwrap()), [0.0; 0]);
    }

    #[test]
    fn threads_share_one_decoder() {
        let source = spooled(1000, 1000);
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let source = &source;
                scope.spawn(move || {
                    let mut block = Block::default();
                    for start in (thread..1000).step_by(8) {
                        let rows = source.rows(start..start + 1, &mut block).unwrap();
                        assert_eq!(values(rows), [start as f32 * 2.0, start as f32 * 2.0 + 1.0]);
                    }
                });
            }
        });
    }

    #[test]
    fn a_stream_of_another_length_than_declared_is_refused_and_stays_refused() {
        let mut block = Block::default();
        let short = spooled(100, 99);
        assert!(matches!(short.rows(0..100, &mut block), Err(Error::Damaged { .. })));
        assert!(matches!(short.rows(0..100, &mut block), Err(Error::FailedEarlier { .. })));
        let long = spooled(99, 100);
        assert!(matches!(long.rows(0..99, &mut block), Err(Error::Damaged { .. })));
    }

    #[test]
    fn an_absent_scratch_directory_is_named() {
        let stream = Counter { next: 0, end: 2, step: 2 };
        let shape = Shape { n_rows: 1, dim: 2, dtype: Dtype::F32 };
        let source = Spooled::new(Path::new("c"), shape, Box::new(stream), Some(Path::new("/absent/scratch")));
        let error = source.rows(0..1, &mut Block::default()).unwrap_err();
        assert!(error.to_string().contains("/absent/scratch"), "{error}");
        assert!(error.hint().is_some());
    }

    #[test]
    fn a_chain_checks_every_link() {
        let link = |declared: usize, held: usize| Link {
            path: format!("{declared}").into(),
            rows_left: declared,
            open: Some(Box::new(move || Ok(Box::new(Counter { next: 0, end: held * 2, step: 4 }) as _))),
        };
        let shape = Shape { n_rows: 8, dim: 2, dtype: Dtype::F32 };
        let read = |links| {
            let source = Spooled::new(Path::new("chain"), shape, Box::new(Chain::new(links, 2)), None);
            source.rows(3..8, &mut Block::default()).map(values)
        };
        let sound = read(vec![link(3, 3), link(5, 5)]).unwrap();
        assert_eq!(sound, (0..10).map(|v| v as f32).collect::<Vec<_>>());
        assert!(
            matches!(read(vec![link(3, 4), link(5, 4)]), Err(Error::Damaged { path, .. }) if path == Path::new("3"))
        );
        assert!(
            matches!(read(vec![link(4, 3), link(4, 5)]), Err(Error::Damaged { path, .. }) if path == Path::new("4"))
        );
    }
}
