//! Pictures of a set in memory, at one size.

use subsel::{Classes, Context};

use crate::{Broken, Error, Fit, ImageSet, OnBroken};

/// Pictures fitted between two looks at whether to go on.
const BLOCK: usize = 1024;

/// Square pictures of one size in memory: RGB bytes `(n, side, side, 3)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    side: usize,
    bytes: Vec<u8>,
    labels: Option<Classes>,
    rows: Vec<usize>,
}

impl Pixels {
    /// Pictures of these bytes, with their classes where they are known.
    ///
    /// # Errors
    /// [`Error::Pixels`] for bytes that do not make pictures of this side, or classes of another number of them.
    pub fn new(side: usize, bytes: Vec<u8>, labels: Option<Classes>) -> Result<Self, Error> {
        let each = side.checked_mul(side).and_then(|area| area.checked_mul(3)).unwrap_or(0);
        let wrong = || Error::Pixels { got: bytes.len(), width: side, height: side };
        if each == 0 || !bytes.len().is_multiple_of(each) {
            return Err(wrong());
        }
        let n = bytes.len() / each;
        if labels.as_ref().is_some_and(|labels| labels.codes.len() != n) {
            return Err(wrong());
        }
        Ok(Pixels { side, bytes, labels, rows: (0..n).collect() })
    }

    /// Bytes of memory that [`Pixels::load`] needs for `n` pictures, beside the pictures that are just being decoded, one
    /// a thread.
    pub fn bytes_needed(n: usize, side: usize) -> u64 {
        let each = (side as u64).saturating_mul(side as u64).saturating_mul(3);
        each.saturating_mul(n as u64).saturating_add(each.saturating_mul(n.min(BLOCK) as u64))
    }

    /// Reads the pictures of a set, or those of `rows` (in their order; a row may be named twice), and fits each. Those
    /// that cannot be read are left out and given back, or the first of them is the error, as `on_broken` says.
    ///
    /// # Errors
    /// Reading; [`Error::Broken`]; [`Error::TooLarge`]; interruption.
    ///
    /// # Panics
    /// If a row goes beyond the set.
    pub fn load(
        set: &ImageSet,
        rows: Option<&[usize]>,
        fit: Fit,
        on_broken: OnBroken,
        ctx: &Context,
    ) -> Result<(Self, Vec<Broken>), Error> {
        let n = rows.map_or(set.len(), <[usize]>::len);
        let each = 3 * fit.side * fit.side;
        let too_large = || Error::TooLarge { n, side: fit.side };
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(each.checked_mul(n).ok_or_else(too_large)?).map_err(|_| too_large())?;
        let (mut kept, mut broken) = (Vec::with_capacity(n), Vec::new());
        ctx.progress().begin("images", n as u64);
        for first in (0..n).step_by(BLOCK) {
            let block = first..(first + BLOCK).min(n);
            let wanted: Vec<usize> = match rows {
                Some(rows) => rows[block.clone()].to_vec(),
                None => block.clone().collect(),
            };
            let mut ascending = wanted.clone();
            ascending.sort_unstable();
            ascending.dedup();
            let fitted = set.map(&ascending, ctx, |_, image| crate::fit(&image, fit))?;
            for row in wanted {
                let place = ascending.binary_search(&row).expect("every row is among those read");
                match &fitted[place] {
                    Ok(pixels) => {
                        bytes.extend_from_slice(pixels);
                        kept.push(row);
                    }
                    Err(one) if on_broken == OnBroken::Skip => {
                        if !broken.contains(one) {
                            broken.push(one.clone());
                        }
                    }
                    Err(one) => return Err(one.clone().into()),
                }
            }
            ctx.progress().at(block.end as u64);
        }
        let of_kept = |all: &Classes| {
            let codes = kept.iter().map(|row| all.codes[*row]).collect();
            Classes { codes, names: all.names.clone() }
        };
        let labels = set.labels().map(of_kept);
        Ok((Pixels { side: fit.side, bytes, labels, rows: kept }, broken))
    }

    /// How many pictures.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Pixels along a side.
    pub fn side(&self) -> usize {
        self.side
    }

    /// Bytes of a picture.
    pub fn image_bytes(&self) -> usize {
        3 * self.side * self.side
    }

    /// All bytes `(n, side, side, 3)`.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes `(side, side, 3)` of one picture.
    ///
    /// # Panics
    /// If there is none of this number.
    pub fn image(&self, at: usize) -> &[u8] {
        &self.bytes[at * self.image_bytes()..][..self.image_bytes()]
    }

    /// Their classes, where they are known.
    pub fn labels(&self) -> Option<&Classes> {
        self.labels.as_ref()
    }

    /// The row of each in the set it was read from.
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }
}
