//! Embedding a set into an npy file.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use subsel::Context;
use subsel_formats::{Block, Dtype, Error as FormatError, NpyWriter, Rows, Values};

use super::encode_all;
use super::journal::{Header, Journal};
use crate::{Broken, Encoder, Error, ImageSet, OnBroken};

/// Most bytes of pictures in memory at once, beside those being decoded.
const BLOCK_BYTES: usize = 64 << 20;

/// Most pictures embedded between two looks at the disk.
const BLOCK: usize = 2048;

/// Embeds a set by an encoder.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// The pictures.
    pub set: &'a ImageSet,
    /// [`ImageSet::fingerprint`] of them.
    pub fingerprint: u64,
    /// What turns them into rows.
    pub encoder: &'a dyn Encoder,
    /// What to do about a picture that cannot be read.
    pub on_broken: OnBroken,
    /// What the file stores: `f32` or `f16`.
    pub dtype: Dtype,
    /// Pictures embedded between two looks at the disk; `None` chooses by their size.
    pub block: Option<usize>,
}

/// A picture left out, since it could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Its row in the set.
    pub row: usize,
    /// What it is called.
    pub name: String,
    /// What is wrong with it.
    pub why: String,
}

/// A set embedded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Embedded {
    /// Rows of the file.
    pub rows: usize,
    /// Values per row.
    pub dim: usize,
    /// Pictures left out; the others keep their order.
    pub skipped: Vec<Skipped>,
    /// Pictures that an earlier run had embedded.
    pub continued_from: usize,
}

impl Job<'_> {
    /// Where the rows are before all of them are there: beside `out`.
    pub fn partial(out: &Path) -> PathBuf {
        let mut name = out.file_name().unwrap_or_default().to_owned();
        name.push(".partial");
        out.with_file_name(name)
    }

    /// Embeds all pictures into the npy file `out`, `(rows, dim)`. Until it is complete the rows are in
    /// [`Job::partial`], and a later call with the same set and encoder goes on from there.
    ///
    /// # Errors
    /// Reading and writing; [`Error::Broken`] where `on_broken` says so; those of the encoder; a value that `f16` cannot
    /// hold; interruption.
    /// # Cost
    /// Memory: a block of pictures (at most 64 MiB at the encoder's size) and its rows.
    pub fn run(&self, out: &Path, force: bool, ctx: &Context) -> Result<Embedded, Error> {
        let (n, dim) = (self.set.len(), self.encoder.dim());
        if out.exists() && !force {
            return Err(FormatError::Exists { path: out.to_owned() }.into());
        }
        let header =
            Header { set: self.fingerprint, encoder: self.encoder.fingerprint(), n: n as u64, dim: dim as u64 };
        let partial = Self::partial(out);
        let mut journal = Journal::open(&partial, header)?;
        let continued_from = journal.end;
        // A run that may leave pictures out had come so far.
        if let (OnBroken::Stop, Some(first)) = (self.on_broken, journal.skipped.first()) {
            let Skipped { row, name, why } = first.clone();
            return Err(Broken { row, name, why }.into());
        }
        ctx.progress().begin("embedding", n as u64);
        ctx.progress().at(continued_from as u64);
        while journal.end < n {
            ctx.go_on()?;
            let end = (journal.end + self.block()).min(n);
            let (rows, skipped) = self.embed(journal.end..end, ctx)?;
            journal.push(end, &rows, skipped)?;
            ctx.progress().at(end as u64);
        }
        let embedded = Embedded { rows: journal.rows, dim, skipped: journal.skipped.clone(), continued_from };
        if embedded.rows == 0 {
            let first = embedded.skipped.first().expect("every picture has a row or is left out").clone();
            return Err(Broken { row: first.row, name: first.name, why: first.why }.into());
        }
        self.write(journal, &embedded, out, force)?;
        std::fs::remove_file(&partial).map_err(|error| Error::io("remove", &partial, error))?;
        Ok(embedded)
    }

    /// Pictures of a block: whole batches of the encoder.
    fn block(&self) -> usize {
        let (side, batch) = (self.encoder.fit().side, self.encoder.batch());
        self.block.unwrap_or((BLOCK_BYTES / (3 * side * side)).clamp(1, BLOCK)).next_multiple_of(batch.max(1))
    }

    fn embed(&self, range: std::ops::Range<usize>, ctx: &Context) -> Result<(Vec<f32>, Vec<Skipped>), Error> {
        let fit = self.encoder.fit();
        let rows: Vec<usize> = range.collect();
        let (mut pictures, mut skipped) = (Vec::with_capacity(rows.len()), Vec::new());
        for found in self.set.map(&rows, ctx, |_, image| crate::fit(&image, fit))? {
            match (found, self.on_broken) {
                (Ok(pixels), _) => pictures.push(pixels),
                (Err(Broken { row, name, why }), OnBroken::Skip) => skipped.push(Skipped { row, name, why }),
                (Err(broken), OnBroken::Stop) => return Err(broken.into()),
            }
        }
        let mut out = vec![0.0; pictures.len() * self.encoder.dim()];
        let places: Vec<usize> = (0..pictures.len()).collect();
        encode_all(self.encoder, &places, |at| &pictures[at], &mut out, ctx)?;
        Ok((out, skipped))
    }

    fn write(&self, journal: Journal, embedded: &Embedded, out: &Path, force: bool) -> Result<(), Error> {
        let dim = embedded.dim;
        let mut writer = NpyWriter::create(out, self.dtype, embedded.rows, dim, force)?;
        let (mut cast, mut at) = (Block::default(), 0);
        journal.for_each(|values| {
            let rows = Rows::new(Values::F32(values), dim);
            let rows = subsel_formats::cast_rows(rows, self.dtype, &mut cast, at, out)?;
            at += values.len() / dim;
            Ok(writer.push(rows)?)
        })?;
        Ok(writer.finish()?)
    }
}
