//! What every embedder of images offers.

use std::fmt::Debug;

use crate::Error;
use crate::encoders::ModelFile;

/// How pictures of any size become what an encoder takes: the shorter side is scaled to `resize`, then the middle
/// `side` x `side` is cut out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// Pixels along both sides of what the encoder takes.
    pub side: usize,
    /// Pixels along the shorter side before the middle is cut out; at least `side`.
    pub resize: usize,
    /// How values between pixels are found.
    pub filter: Filter,
}

/// How values between pixels are found; when a picture is made smaller, over all pixels that fall into one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    /// Linear in both directions.
    #[default]
    Bilinear,
    /// Cubic (a = -0.5) in both directions.
    Bicubic,
}

impl Fit {
    /// Squares of this side, the whole of the shorter side of a picture.
    pub fn to(side: usize) -> Self {
        Fit { side, resize: side, filter: Filter::Bilinear }
    }
}

/// Turns pictures into embeddings.
pub trait Encoder: Debug + Send + Sync {
    /// Its name, as a user types it.
    fn name(&self) -> &str;

    /// Values per picture.
    fn dim(&self) -> usize;

    /// What becomes of pictures before it sees them.
    fn fit(&self) -> Fit;

    /// Pictures that it is best given at once.
    fn batch(&self) -> usize;

    /// A hash of all that decides its values: settings, weights. What was embedded by another is not continued.
    fn fingerprint(&self) -> u64;

    /// The encoder as a file, where it was learned from pictures.
    fn to_file(&self) -> Option<ModelFile> {
        None
    }

    /// Embeds pictures `(b, side, side, 3)`, RGB bytes, into `out` `(b, dim)`, on the calling thread; several threads
    /// may call at once. The values of a picture do not depend on the others.
    ///
    /// # Errors
    /// [`Error::Encoder`].
    fn encode(&self, pixels: &[u8], out: &mut [f32]) -> Result<(), Error>;
}
