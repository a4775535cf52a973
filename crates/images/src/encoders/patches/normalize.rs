//! Patches made comparable: contrast normalized, then whitened.

use nalgebra::{DMatrix, SymmetricEigen};
use subsel_kernels::Kernels;

/// Added to the variance of a patch (of values from 0 to 255) before it is divided by: what is nearly flat stays so.
const FLAT: f32 = 10.0;

/// Added to the variance along each direction before it is divided by: what hardly varies is noise.
const NOISE: f64 = 0.1;

/// Copies the patch at `(x, y)` out of a picture `(side, side, 3)`, channels together.
pub(super) fn cut(picture: &[u8], side: usize, patch: usize, x: usize, y: usize, out: &mut [f32]) {
    let width = 3 * patch;
    for (row, out) in out.chunks_exact_mut(width).enumerate() {
        let at = 3 * ((y + row) * side + x);
        for (out, byte) in out.iter_mut().zip(&picture[at..at + width]) {
            *out = f32::from(*byte);
        }
    }
}

/// Takes the mean away and divides by the deviation (divisor one less than the count, as the authors' code has it).
pub(super) fn normalize(patch: &mut [f32]) {
    let n = patch.len() as f32;
    // Sums of whole numbers up to 255 are exact in f32 for patches of up to 65,000 values.
    let mean = patch.iter().sum::<f32>() / n;
    let variance = patch.iter().map(|value| (value - mean) * (value - mean)).sum::<f32>() / (n - 1.0);
    let scale = 1.0 / (variance + FLAT).sqrt();
    patch.iter_mut().for_each(|value| *value = (*value - mean) * scale);
}

/// ZCA whitening: the mean taken away, then a symmetric matrix that makes all directions vary alike.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Whitening {
    /// `(w,)`.
    pub(super) mean: Vec<f32>,
    /// `(w, w)`.
    pub(super) turn: Vec<f32>,
}

impl Whitening {
    /// From patches `(m, w)`.
    pub(super) fn learn(patches: &[f32], width: usize) -> Self {
        let n = (patches.len() / width) as f64;
        let mut mean = vec![0.0_f64; width];
        for patch in patches.chunks_exact(width) {
            mean.iter_mut().zip(patch).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        mean.iter_mut().for_each(|sum| *sum /= n);
        let mut covariance = DMatrix::<f64>::zeros(width, width);
        // By slabs: one product each.
        for slab in patches.chunks(4096 * width) {
            let centered: Vec<f64> = slab
                .chunks_exact(width)
                .flat_map(|patch| patch.iter().zip(&mean).map(|(value, mean)| f64::from(*value) - mean))
                .collect();
            let columns = DMatrix::from_vec(width, slab.len() / width, centered);
            covariance.gemm(1.0, &columns, &columns.transpose(), 1.0);
        }
        covariance /= n;
        let SymmetricEigen { eigenvectors, eigenvalues } = covariance.symmetric_eigen();
        let mut scaled = eigenvectors.clone();
        for (mut vector, value) in scaled.column_iter_mut().zip(eigenvalues.iter()) {
            vector /= (value.max(0.0) + NOISE).sqrt();
        }
        let turn = &scaled * eigenvectors.transpose();
        Whitening {
            mean: mean.into_iter().map(|value| value as f32).collect(),
            turn: turn.iter().map(|value| *value as f32).collect(),
        }
    }

    /// Whitens patches `(m, w)` where they lie.
    pub(super) fn apply(&self, patches: &mut [f32], kernels: Kernels) {
        let width = self.mean.len();
        let mut out = vec![0.0; (1024 * width).min(patches.len())];
        for slab in patches.chunks_mut(1024 * width) {
            let out = &mut out[..slab.len()];
            self.turn_into(slab, out, kernels);
            slab.copy_from_slice(out);
        }
    }

    /// Centers `patches` `(m, w)` and writes them whitened into `out` `(m, w)`.
    pub(super) fn turn_into(&self, patches: &mut [f32], out: &mut [f32], kernels: Kernels) {
        let width = self.mean.len();
        for patch in patches.chunks_exact_mut(width) {
            patch.iter_mut().zip(&self.mean).for_each(|(value, mean)| *value -= mean);
        }
        // The matrix is symmetric, so its rows are its columns.
        kernels.panel_dots(patches, &self.turn, width, out);
    }
}
