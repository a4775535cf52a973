//! What a set is, by content: where it lies and when it was written do not matter.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rayon::prelude::*;
use subsel::Context;
use xxhash_rust::xxh3::Xxh3Default;

use super::ImageSet;
use crate::Error;

/// Bytes read at a time.
const PIECE: usize = 1 << 18;

/// Changed whenever decoding gives other pixels for the same file.
const DECODER: u64 = 1;

/// A hash of names and bytes.
pub(super) fn of(set: &ImageSet, ctx: &Context) -> Result<u64, Error> {
    let files = set.store.files();
    let hash = |path: &std::path::PathBuf| {
        ctx.go_on()?;
        file_hash(path)
    };
    let hashes: Vec<u128> = ctx.threads().install(|| files.par_iter().map(hash).collect::<Result<_, Error>>())?;
    let mut all = Xxh3Default::new();
    all.update(&DECODER.to_le_bytes());
    let mut text = |text: &str| {
        all.update(&(text.len() as u64).to_le_bytes());
        all.update(text.as_bytes());
    };
    text(&set.salt);
    (0..set.len()).for_each(|row| text(&set.ids.text(row)));
    hashes.iter().for_each(|hash| all.update(&hash.to_le_bytes()));
    Ok(all.digest())
}

fn file_hash(path: &Path) -> Result<u128, Error> {
    let failed = |source| subsel_formats::Error::Io { action: "read", path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let (mut hash, mut piece) = (Xxh3Default::new(), vec![0; PIECE]);
    loop {
        match file.read(&mut piece).map_err(failed)? {
            0 => return Ok(hash.digest128()),
            count => hash.update(&piece[..count]),
        }
    }
}
