//! The rows embedded so far, on disk: blocks that are believed only whole, so that a run that was stopped, however, is
//! continued after the last of them.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::Skipped;
use crate::Error;

/// What the first bytes of a journal are.
const MAGIC: &[u8; 8] = b"subselE1";

/// Most bytes of a block that are believed to be one.
const MOST: u64 = 1 << 32;

/// All that decides the rows of a journal: one of another run is not continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The content of the set.
    pub(super) set: u64,
    /// The encoder.
    pub(super) encoder: u64,
    /// Pictures.
    pub(super) n: u64,
    /// Values per row.
    pub(super) dim: u64,
}

/// What is told of a block before its values.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    /// The first picture after the block.
    end: usize,
    /// Rows in the block.
    rows: usize,
    skipped: Vec<Skipped>,
}

/// A journal, at its end.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    dim: usize,
    /// The first picture that is not in it.
    pub(super) end: usize,
    /// Rows in it.
    pub(super) rows: usize,
    /// Pictures that could not be read.
    pub(super) skipped: Vec<Skipped>,
}

impl Journal {
    /// Continues the journal at `path` if it is one of the same run, else begins it anew.
    pub(super) fn open(path: &Path, header: Header) -> Result<Self, Error> {
        let failed = |error| Error::io("open", path, error);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
        // Two runs at once would write over each other's rows.
        file.try_lock().map_err(|error| {
            Error::io("write", path, std::io::Error::other(format!("another run is at work on it ({error})")))
        })?;
        let mut journal =
            Journal { path: path.to_owned(), file, dim: header.dim as usize, end: 0, rows: 0, skipped: Vec::new() };
        let mut first = [0; 40];
        let begins = journal.file.read_exact(&mut first).is_ok() && first == header.bytes();
        let good = if begins { journal.replay().map_err(failed)? } else { 0 };
        let good = if good == 0 {
            journal.file.seek(SeekFrom::Start(0)).map_err(failed)?;
            journal.file.set_len(0).map_err(failed)?;
            journal.file.write_all(&header.bytes()).map_err(failed)?;
            40
        } else {
            good
        };
        // What was cut off in the middle of a block.
        journal.file.set_len(good).map_err(failed)?;
        journal.file.seek(SeekFrom::Start(good)).map_err(failed)?;
        Ok(journal)
    }

    /// Reads over all whole blocks, and gives the offset after the last.
    fn replay(&mut self) -> std::io::Result<u64> {
        let len = self.file.metadata()?.len();
        let mut reader = BufReader::with_capacity(1 << 20, &self.file);
        let mut good = 40;
        while let Some((told, values, block)) = next(&mut reader, len - good)? {
            if told.rows.checked_mul(4 * self.dim) != Some(values.len()) {
                break;
            }
            self.end = told.end;
            self.rows += told.rows;
            self.skipped.extend(told.skipped);
            good += block;
        }
        Ok(good)
    }

    /// Adds a block: rows `(m, dim)` of the pictures before `end`, and those of them that could not be read.
    pub(super) fn push(&mut self, end: usize, rows: &[f32], skipped: Vec<Skipped>) -> Result<(), Error> {
        let told = Told { end, rows: rows.len() / self.dim, skipped };
        let text = serde_json::to_vec(&told).expect("plain data");
        let values: Vec<u8> = rows.iter().flat_map(|value| value.to_le_bytes()).collect();
        let mut block = Vec::with_capacity(24 + text.len() + values.len());
        block.extend((text.len() as u64).to_le_bytes());
        block.extend((values.len() as u64).to_le_bytes());
        block.extend(text);
        block.extend(values);
        let hash = xxh3_64(&block);
        block.extend(hash.to_le_bytes());
        self.file.write_all(&block).map_err(|error| Error::io("write", &self.path, error))?;
        self.end = told.end;
        self.rows += told.rows;
        self.skipped.extend(told.skipped);
        Ok(())
    }

    /// Hands the values of all blocks over, in order.
    pub(super) fn for_each(mut self, mut visit: impl FnMut(&[f32]) -> Result<(), Error>) -> Result<(), Error> {
        let failed = |error| Error::io("read", &self.path, error);
        self.file.seek(SeekFrom::Start(40)).map_err(failed)?;
        let len = self.file.metadata().map_err(failed)?.len();
        let mut reader = BufReader::with_capacity(1 << 20, &self.file);
        let (mut at, mut seen) = (40, 0);
        while seen < self.rows {
            let Some((told, values, block)) = next(&mut reader, len - at).map_err(failed)? else {
                return Err(failed(std::io::ErrorKind::UnexpectedEof.into()));
            };
            let values = values.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
            visit(&values.collect::<Vec<_>>())?;
            (at, seen) = (at + block, seen + told.rows);
        }
        Ok(())
    }
}

impl Header {
    fn bytes(self) -> [u8; 40] {
        let mut bytes = [0; 40];
        bytes[..8].copy_from_slice(MAGIC);
        for (place, value) in [self.set, self.encoder, self.n, self.dim].into_iter().enumerate() {
            bytes[8 + 8 * place..16 + 8 * place].copy_from_slice(&value.to_le_bytes());
        }
        bytes
    }
}

/// The next block, if a whole one is there: what it tells, its values, its length.
fn next(reader: &mut impl Read, left: u64) -> std::io::Result<Option<(Told, Vec<u8>, u64)>> {
    let mut lens = [0; 16];
    if left < 24 {
        return Ok(None);
    }
    reader.read_exact(&mut lens)?;
    let len = |at: usize| u64::from_le_bytes(lens[at..at + 8].try_into().expect("eight bytes"));
    let (text, values) = (len(0), len(8));
    if text > MOST || values > MOST || 24 + text + values > left {
        return Ok(None);
    }
    let mut block = lens.to_vec();
    block.resize((24 + text + values) as usize, 0);
    reader.read_exact(&mut block[16..])?;
    let whole = block.len() - 8;
    if block[whole..] != xxh3_64(&block[..whole]).to_le_bytes() {
        return Ok(None);
    }
    let Ok(told) = serde_json::from_slice(&block[16..16 + text as usize]) else { return Ok(None) };
    let total = block.len() as u64;
    block.truncate(whole);
    Ok(Some((told, block.split_off(16 + text as usize), total)))
}
