//! A simple embedding of drawings: what a person would try first, without a network.
//!
//! The shape is centered and scaled; then histograms of its edge directions in 4 x 4 cells, a 6 x 6 map of where it is,
//! and the mean and deviation of the colors; turned onto [`DIM`] random directions, which keeps distances roughly and
//! makes rows short.

use subsel::{Draws, Stream};

use super::drawings::SIDE;

/// Values of an embedding.
pub(super) const DIM: usize = 64;

/// Width and height of the shape once it is centered and scaled.
const FRAME: usize = 16;

const CELLS: usize = 4;
const BINS: usize = 8;
const COLOR_WEIGHT: f64 = 0.25;
const COARSE: usize = 6;
const FEATURES: usize = CELLS * CELLS * BINS + COARSE * COARSE + 6;

/// Embeds drawings, `(n, DIM)` row-major.
pub(super) fn embed<'a>(drawings: impl Iterator<Item = &'a [u8]>, seed: u64) -> Vec<f32> {
    let mut draws = Draws::new(Stream::new(seed, "projection"));
    let directions: Vec<f64> = (0..DIM * FEATURES).map(|_| normal(&mut draws) / (DIM as f64).sqrt()).collect();
    let project = |features: Vec<f64>| {
        let along = move |direction: &[f64]| direction.iter().zip(&features).map(|(a, b)| a * b).sum::<f64>() as f32;
        directions.chunks_exact(FEATURES).map(along).collect::<Vec<f32>>()
    };
    drawings.flat_map(|pixels| project(features(pixels))).collect()
}

/// A standard normal number (Box and Muller).
fn normal(draws: &mut Draws) -> f64 {
    let radius = (-2.0 * (1.0 - draws.unit()).ln()).sqrt();
    radius * (std::f64::consts::TAU * draws.unit()).cos()
}

fn features(pixels: &[u8]) -> Vec<f64> {
    let light: Vec<f64> =
        pixels.chunks_exact(3).map(|p| p.iter().map(|v| f64::from(*v)).sum::<f64>() / 765.0).collect();
    let shape = centered(&contrast(&light));
    let mut features = unit(edges(&shape));
    features.extend(unit(coarse(&shape)));
    features.extend(colors(pixels).map(|v| COLOR_WEIGHT * v));
    features
}

/// How much each pixel differs from the border, where the paper is.
fn contrast(light: &[f64]) -> Vec<f64> {
    let paper = light[..SIDE].iter().chain(&light[SIDE * (SIDE - 1)..]).sum::<f64>() / (2 * SIDE) as f64;
    light.iter().map(|v| (v - paper).abs()).collect()
}

/// The shape moved to the middle and scaled to one size, by its center of gravity and its spread.
fn centered(contrast: &[f64]) -> Vec<f64> {
    let mass = contrast.iter().sum::<f64>().max(1e-9);
    let moment = |f: &dyn Fn(f64, f64) -> f64| {
        let at = |(i, weight): (usize, &f64)| weight * f((i % SIDE) as f64, (i / SIDE) as f64);
        contrast.iter().enumerate().map(at).sum::<f64>() / mass
    };
    let (x, y) = (moment(&|x, _| x), moment(&|_, y| y));
    let spread = moment(&|u, v| (u - x).powi(2) + (v - y).powi(2)).sqrt();
    // Twice the spread takes in the corners of a square.
    let step = 4.0 * spread / FRAME as f64;
    let place = |cell: usize, middle: f64| middle + (cell as f64 + 0.5 - FRAME as f64 / 2.0) * step;
    (0..FRAME * FRAME).map(|i| sample(contrast, place(i % FRAME, x), place(i / FRAME, y))).collect()
}

/// The value between four pixels; nothing beyond the border.
fn sample(image: &[f64], x: f64, y: f64) -> f64 {
    let pixel = |x: f64, y: f64| {
        let inside = (0.0..SIDE as f64).contains(&x) && (0.0..SIDE as f64).contains(&y);
        if inside { image[y as usize * SIDE + x as usize] } else { 0.0 }
    };
    let (left, top) = (x.floor(), y.floor());
    let (u, v) = (x - left, y - top);
    let line = |y: f64| (1.0 - u) * pixel(left, y) + u * pixel(left + 1.0, y);
    (1.0 - v) * line(top) + v * line(top + 1.0)
}

/// Histograms of unsigned edge directions, weighted by strength.
fn edges(shape: &[f64]) -> Vec<f64> {
    let mut bins = vec![0.0; CELLS * CELLS * BINS];
    for (y, x) in (1..FRAME - 1).flat_map(|y| (1..FRAME - 1).map(move |x| (y, x))) {
        let dx = shape[y * FRAME + x + 1] - shape[y * FRAME + x - 1];
        let dy = shape[(y + 1) * FRAME + x] - shape[(y - 1) * FRAME + x];
        let turn = (dy.atan2(dx) / std::f64::consts::PI).rem_euclid(1.0);
        let bin = ((turn * BINS as f64) as usize).min(BINS - 1);
        let cell = (y * CELLS / FRAME) * CELLS + x * CELLS / FRAME;
        bins[cell * BINS + bin] += dx.hypot(dy);
    }
    bins
}

/// Where the shape is, on a coarse grid.
fn coarse(shape: &[f64]) -> Vec<f64> {
    let mut coarse = vec![0.0; COARSE * COARSE];
    for (i, value) in shape.iter().enumerate() {
        coarse[(i / FRAME * COARSE / FRAME) * COARSE + i % FRAME * COARSE / FRAME] += value;
    }
    coarse
}

/// Mean and standard deviation of red, green and blue.
fn colors(pixels: &[u8]) -> [f64; 6] {
    let mut moments = [0.0; 6];
    let count = (pixels.len() / 3) as f64;
    for channel in 0..3 {
        let values = || pixels.iter().skip(channel).step_by(3).map(|v| f64::from(*v) / 255.0);
        let mean = values().sum::<f64>() / count;
        moments[channel] = mean;
        moments[channel + 3] = (values().map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt();
    }
    moments
}

/// Scaled to length 1, so that faint drawings count as much as bold ones.
fn unit(mut values: Vec<f64>) -> Vec<f64> {
    let norm = values.iter().map(|v| v * v).sum::<f64>().sqrt();
    values.iter_mut().for_each(|v| *v /= norm.max(1e-9));
    values
}
