//! From a picture to its sums of activations.

use super::{PatchEncoder, normalize};

/// Pictures whose sums are projected by one product. Always so many, of which the last may be blank: then the values of
/// a picture do not depend on how many came with it.
pub(super) const GROUP: usize = 32;

/// Sums that run side by side, so that they can be vectorized.
const LANES: usize = 16;

/// Buffers for one thread.
pub(super) struct Scratch {
    patches: Vec<f32>,
    white: Vec<f32>,
    dots: Vec<f32>,
    sums: Vec<f32>,
    projected: Vec<f32>,
}

impl Scratch {
    pub(super) fn of(encoder: &PatchEncoder) -> Self {
        let (count, width) = (encoder.settings.along().pow(2), encoder.settings.width());
        let projected = if encoder.projection.is_some() { GROUP * encoder_dim(encoder) } else { 0 };
        Scratch {
            patches: vec![0.0; count * width],
            white: vec![0.0; count * width],
            dots: vec![0.0; count * encoder.k()],
            sums: vec![0.0; GROUP * 4 * encoder.k()],
            projected: vec![0.0; projected],
        }
    }

    /// Embeds pictures `(b, side, side, 3)` into `out` `(b, dim)`.
    pub(super) fn encode(&mut self, encoder: &PatchEncoder, pixels: &[u8], out: &mut [f32]) {
        let (bytes, full, dim) = (3 * encoder.settings.side.pow(2), 4 * encoder.k(), encoder_dim(encoder));
        assert!(pixels.len() / bytes * dim == out.len(), "one row of values per picture");
        for (pixels, out) in pixels.chunks(GROUP * bytes).zip(out.chunks_mut(GROUP * dim)) {
            let mut sums = std::mem::take(&mut self.sums);
            let count = pixels.len() / bytes;
            for (picture, sums) in pixels.chunks_exact(bytes).zip(sums.chunks_exact_mut(full)) {
                self.sums_of(encoder, picture, sums);
            }
            sums[count * full..].fill(0.0);
            match &encoder.projection {
                None => out.copy_from_slice(&sums[..count * full]),
                Some(projection) => {
                    encoder.kernels.panel_dots(&sums, projection, full, &mut self.projected);
                    out.copy_from_slice(&self.projected[..count * dim]);
                }
            }
            self.sums = sums;
        }
    }

    /// Activations of all patches of one picture, summed over its quadrants and divided by their number: `(4, k)`.
    fn sums_of(&mut self, encoder: &PatchEncoder, picture: &[u8], sums: &mut [f32]) {
        let settings = &encoder.settings;
        let (along, width, k) = (settings.along(), settings.width(), encoder.k());
        for (at, patch) in self.patches.chunks_exact_mut(width).enumerate() {
            normalize::cut(picture, settings.side, settings.patch, at % along, at / along, patch);
            normalize::normalize(patch);
        }
        encoder.whitening.turn_into(&mut self.patches, &mut self.white, encoder.kernels);
        encoder.kernels.panel_dots(&self.white, &encoder.centers, width, &mut self.dots);
        sums.fill(0.0);
        let half = along.div_ceil(2);
        for (at, (white, dots)) in self.white.chunks_exact(width).zip(self.dots.chunks_exact_mut(k)).enumerate() {
            let quadrant = 2 * usize::from(at / along >= half) + usize::from(at % along >= half);
            let sums = &mut sums[quadrant * k..(quadrant + 1) * k];
            add_activations(sq_norm(white), &encoder.sq_norms, dots, sums);
        }
        let scale = 1.0 / (along * along) as f32;
        sums.iter_mut().for_each(|sum| *sum *= scale);
    }
}

fn encoder_dim(encoder: &PatchEncoder) -> usize {
    crate::Encoder::dim(encoder)
}

fn sq_norm(values: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    for values in values.chunks(LANES) {
        lanes.iter_mut().zip(values).for_each(|(lane, value)| *lane += value * value);
    }
    lanes.iter().sum()
}

/// Adds to `sums` by how much each center is nearer than the average one. `dots` are the patch's products with the
/// centers, and are overwritten by its distances to them.
fn add_activations(sq_norm: f32, sq_norms: &[f32], dots: &mut [f32], sums: &mut [f32]) {
    for (dot, center) in dots.iter_mut().zip(sq_norms) {
        *dot = (sq_norm + center - 2.0 * *dot).max(0.0).sqrt();
    }
    let mut lanes = [0.0_f32; LANES];
    for dists in dots.chunks(LANES) {
        lanes.iter_mut().zip(dists).for_each(|(lane, dist)| *lane += dist);
    }
    let mean = lanes.iter().sum::<f32>() / dots.len() as f32;
    for (sum, dist) in sums.iter_mut().zip(&*dots) {
        *sum += (mean - dist).max(0.0);
    }
}
