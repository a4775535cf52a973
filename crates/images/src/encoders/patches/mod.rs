//! Features learned from the images' own patches, without a network (Coates, Lee and Ng 2011; Coates and Ng 2011).
//!
//! Small patches are normalized and whitened; k-means finds typical ones. A picture is told by how near each of its
//! patches is to each of these ("triangle" activation: by how much nearer than to the average one), summed over four
//! quadrants. The sums are then projected onto the directions in which they are largest, which keeps their norms and
//! angles nearly as they are.

mod encode;
mod normalize;
mod project;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use subsel::clustering::KMeans;
use subsel::{CheckedPool, Context, Draws, Pool, Stream};
use subsel_formats::MemorySource;
use subsel_kernels::Kernels;

use crate::Error;
use crate::encoder::{Encoder, Fit};
use crate::encoders::file::{ModelFile, Tensor};
use encode::Scratch;
use normalize::Whitening;

/// Settings of [`PatchEncoder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Patches {
    /// Pixels along a side of the squares that pictures are scaled to. Default: 32.
    pub side: usize,
    /// Pixels along a side of a patch. Default: 6, of the paper.
    pub patch: usize,
    /// Typical patches. Default: 400.
    pub centers: usize,
    /// Values per picture, at most `4 * centers`. Default: 512.
    pub dim: usize,
    /// Seed of what is learned from; another than that of a selection, so that all selections see the same. Default: 0.
    pub seed: u64,
}

impl Default for Patches {
    fn default() -> Self {
        Patches { side: 32, patch: 6, centers: 400, dim: 512, seed: 0 }
    }
}

/// Patches that whitening and k-means learn from.
const LEARNED_FROM: usize = 200_000;

/// Iterations of k-means.
const ITERATIONS: usize = 25;

/// Pictures that the projection is learned from.
const PROJECTED_FROM: usize = 4096;

/// What model files call it.
pub(crate) const NAME: &str = "patches";

/// Turns pictures into sums of activations over four quadrants, projected.
///
/// # Cost
/// Per picture `(side - patch + 1)^2` products of `3 * patch^2` values with all centers: about 1 ms of one core by default.
#[derive(Clone, Debug)]
pub struct PatchEncoder {
    settings: Patches,
    whitening: Whitening,
    /// `(k, 3 patch^2)`, of whitened patches.
    centers: Vec<f32>,
    sq_norms: Vec<f32>,
    /// `(dim, 4 k)`; `None` where nothing is projected.
    projection: Option<Vec<f32>>,
    kernels: Kernels,
}

impl Patches {
    /// What is wrong with the settings, if anything is.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |setting, rule: String, got| Err(Error::Setting { of: NAME, setting, rule, got });
        match *self {
            Patches { side, .. } if !(8..=256).contains(&side) => wrong("side", "from 8 to 256".into(), side),
            Patches { side, patch, .. } if patch < 2 || 2 * patch > side => {
                wrong("patch", format!("from 2 to half of the side, {}", side / 2), patch)
            }
            Patches { centers, .. } if !(2..=10_000).contains(&centers) => {
                wrong("centers", "from 2 to 10000".into(), centers)
            }
            Patches { dim: 0, .. } => wrong("dim", "at least 1".into(), 0),
            _ => Ok(()),
        }
    }

    /// Pictures worth learning from.
    pub fn sample(&self) -> usize {
        (20 * PROJECTED_FROM / self.side).max(PROJECTED_FROM)
    }

    pub(crate) fn fit(&self) -> Fit {
        Fit::to(self.side)
    }

    fn width(&self) -> usize {
        3 * self.patch * self.patch
    }

    /// Patches along a side.
    fn along(&self) -> usize {
        self.side - self.patch + 1
    }

    /// Learns from pictures `(m, side, side, 3)`.
    ///
    /// # Errors
    /// [`Error::Setting`]; no picture; interruption.
    pub fn learn(&self, pixels: &[u8], ctx: &mut Context) -> Result<PatchEncoder, Error> {
        self.check()?;
        let bytes = 3 * self.side * self.side;
        assert!(pixels.len().is_multiple_of(bytes), "pictures of this side");
        let n = pixels.len() / bytes;
        if n == 0 {
            return Err(Error::NothingToLearnFrom);
        }
        let mut patches = self.draw(pixels, n, Stream::new(self.seed, "patches"));
        let whitening = Whitening::learn(&patches, self.width());
        whitening.apply(&mut patches, ctx.kernels());
        let centers = self.cluster(patches, ctx)?;
        let sq_norms = centers.chunks_exact(self.width()).map(|row| row.iter().map(|v| v * v).sum()).collect();
        let kernels = ctx.kernels();
        let mut encoder = PatchEncoder { settings: *self, whitening, centers, sq_norms, projection: None, kernels };
        let (full, dim) = (encoder.dim(), self.dim.min(n));
        if dim < full {
            let some = evenly(n, PROJECTED_FROM.max(dim));
            let mut sums = vec![0.0; some.len() * full];
            crate::embed::encode_all(&encoder, &some, |row| &pixels[row * bytes..(row + 1) * bytes], &mut sums, ctx)?;
            encoder.projection = Some(project::directions(&sums, full, dim, ctx)?);
        }
        Ok(encoder)
    }

    /// Patches at places drawn at random, normalized `(m, 3 patch^2)`.
    fn draw(&self, pixels: &[u8], n: usize, stream: Stream) -> Vec<f32> {
        let (bytes, along, width) = (3 * self.side * self.side, self.along(), self.width());
        let places = n * along * along;
        let drawn = Draws::new(stream).sample(places, LEARNED_FROM.min(places));
        let mut patches = vec![0.0; drawn.len() * width];
        for (patch, place) in patches.chunks_exact_mut(width).zip(drawn) {
            let (picture, at) = (place / (along * along), place % (along * along));
            let picture = &pixels[picture * bytes..(picture + 1) * bytes];
            normalize::cut(picture, self.side, self.patch, at % along, at / along, patch);
            normalize::normalize(patch);
        }
        patches
    }

    fn cluster(&self, patches: Vec<f32>, ctx: &mut Context) -> Result<Vec<f32>, Error> {
        let source = MemorySource::new(patches, self.width())?;
        let pool = Pool::new(&source);
        let checked = CheckedPool::new(&pool, ctx)?;
        // What is remarkable about patches is no news to anyone.
        ctx.take_notes();
        // Seeded by patches drawn at random, not far from each other: centers that are rare patches are far from all
        // others, and tell little.
        let starts =
            Draws::new(Stream::new(self.seed, "centers")).sample(checked.len(), self.centers.min(checked.len()));
        let settings = KMeans { k: starts.len(), iterations: ITERATIONS };
        Ok(settings.fit_from(&checked, &starts, ctx)?.centers)
    }
}

/// At most `most` of the numbers below `n`, evenly spaced.
pub(crate) fn evenly(n: usize, most: usize) -> Vec<usize> {
    let count = n.min(most);
    (0..count).map(|i| (i as u128 * n as u128 / count as u128) as usize).collect()
}

impl PatchEncoder {
    fn k(&self) -> usize {
        self.sq_norms.len()
    }

    pub(crate) fn file(&self) -> ModelFile {
        let (width, k) = (self.settings.width(), self.k());
        let mut tensors = vec![
            Tensor::new("centers", vec![k, width], self.centers.clone()),
            Tensor::new("whitening.mean", vec![width], self.whitening.mean.clone()),
            Tensor::new("whitening.turn", vec![width, width], self.whitening.turn.clone()),
        ];
        if let Some(projection) = &self.projection {
            tensors.push(Tensor::new("projection", vec![projection.len() / (4 * k), 4 * k], projection.clone()));
        }
        ModelFile::new(NAME, &self.settings, tensors)
    }

    pub(crate) fn from_file(file: &ModelFile) -> Result<Self, Error> {
        let settings: Patches = file.settings()?;
        settings.check()?;
        let (width, k) = (settings.width(), file.rows("centers"));
        let centers = file.tensor("centers", &[k.max(1), width])?.to_vec();
        let whitening = Whitening {
            mean: file.tensor("whitening.mean", &[width])?.to_vec(),
            turn: file.tensor("whitening.turn", &[width, width])?.to_vec(),
        };
        let projection = match file.rows("projection") {
            0 => None,
            dim => Some(file.tensor("projection", &[dim, 4 * k])?.to_vec()),
        };
        let sq_norms = centers.chunks_exact(width).map(|row| row.iter().map(|v| v * v).sum()).collect();
        Ok(PatchEncoder { settings, whitening, centers, sq_norms, projection, kernels: Kernels::best() })
    }
}

impl Encoder for PatchEncoder {
    fn name(&self) -> &str {
        NAME
    }

    fn dim(&self) -> usize {
        self.projection.as_ref().map_or(4 * self.k(), |projection| projection.len() / (4 * self.k()))
    }

    fn fit(&self) -> Fit {
        self.settings.fit()
    }

    fn batch(&self) -> usize {
        encode::GROUP
    }

    fn fingerprint(&self) -> u64 {
        self.file().fingerprint()
    }

    fn to_file(&self) -> Option<ModelFile> {
        Some(self.file())
    }

    fn encode(&self, pixels: &[u8], out: &mut [f32]) -> Result<(), Error> {
        Scratch::of(self).encode(self, pixels, out);
        Ok(())
    }
}
