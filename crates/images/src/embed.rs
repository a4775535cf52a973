//! From pictures to rows of embeddings: on all threads, in order, and to a file that a later run continues.

mod journal;
mod run;
#[cfg(test)]
mod tests;

use rayon::prelude::*;
use subsel::Context;

pub use run::{Embedded, Job, Skipped};

use crate::{Encoder, Error};

/// Embeds pictures in memory: row `i` of `out` `(rows, dim)` is of the picture of `rows[i]`, whose bytes
/// `(side, side, 3)` `picture` gives.
///
/// # Errors
/// Those of the encoder; interruption.
pub fn encode_all<'a>(
    encoder: &dyn Encoder,
    rows: &[usize],
    picture: impl Fn(usize) -> &'a [u8] + Sync,
    out: &mut [f32],
    ctx: &Context,
) -> Result<(), Error> {
    let (batch, dim) = (encoder.batch(), encoder.dim());
    assert_eq!(out.len(), rows.len() * dim, "a row for each");
    ctx.threads().install(|| {
        out.par_chunks_mut(batch * dim).zip(rows.par_chunks(batch)).try_for_each(|(out, rows)| {
            ctx.go_on()?;
            let pixels: Vec<u8> = rows.iter().flat_map(|row| picture(*row)).copied().collect();
            encoder.encode(&pixels, out)
        })
    })
}
