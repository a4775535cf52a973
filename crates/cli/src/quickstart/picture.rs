//! What the page shows of the pool: all drawings in one PNG, and their places on a plane.

use super::drawings::{BYTES, SIDE};
use super::embed::DIM;

/// Drawings in a line of the sheet.
pub(super) const ACROSS: usize = 40;

/// All drawings side by side as a `data:` address of one PNG.
pub(super) fn sheet<'a>(drawings: impl ExactSizeIterator<Item = &'a [u8]>) -> Result<String, png::EncodingError> {
    let lines = drawings.len().div_ceil(ACROSS);
    let stride = ACROSS * SIDE * 3;
    let mut pixels = vec![255; lines * SIDE * stride];
    for (i, drawing) in drawings.enumerate() {
        let corner = (i / ACROSS) * SIDE * stride + (i % ACROSS) * SIDE * 3;
        for (line, row) in drawing.chunks_exact(BYTES / SIDE).enumerate() {
            let at = corner + line * stride;
            pixels[at..at + row.len()].copy_from_slice(row);
        }
    }
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, (ACROSS * SIDE) as u32, (lines * SIDE) as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels)?;
    writer.finish()?;
    Ok(format!("data:image/png;base64,{}", base64(&file)))
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().enumerate().fold(0u32, |word, (i, byte)| word | u32::from(*byte) << (16 - 8 * i));
        for digit in 0..4 {
            let known = digit <= chunk.len();
            text.push(if known { DIGITS[(word >> (18 - 6 * digit) & 63) as usize] as char } else { '=' });
        }
    }
    text
}

/// Where the rows lie along the two directions in which they vary most, each from 0 to 1.
pub(super) fn plane(rows: &[f32]) -> Vec<(f64, f64)> {
    let mut centered: Vec<f64> = rows.iter().map(|v| f64::from(*v)).collect();
    let n = (centered.len() / DIM) as f64;
    let mut mean = [0.0; DIM];
    centered.chunks_exact(DIM).for_each(|row| mean.iter_mut().zip(row).for_each(|(m, v)| *m += v / n));
    centered.chunks_exact_mut(DIM).for_each(|row| row.iter_mut().zip(&mean).for_each(|(v, m)| *v -= m));
    let mut covariance = vec![0.0; DIM * DIM];
    for row in centered.chunks_exact(DIM) {
        for (i, line) in covariance.chunks_exact_mut(DIM).enumerate() {
            line.iter_mut().zip(row).for_each(|(c, v)| *c += row[i] * v);
        }
    }
    let first = strongest(&covariance, &[]);
    let second = strongest(&covariance, std::slice::from_ref(&first));
    let along = |direction: &[f64]| to_unit(centered.chunks_exact(DIM).map(|row| dot(row, direction)).collect());
    along(&first).into_iter().zip(along(&second)).collect()
}

/// The eigenvector of the largest eigenvalue orthogonal to `others`, by power iteration.
fn strongest(matrix: &[f64], others: &[Vec<f64>]) -> Vec<f64> {
    let mut vector: Vec<f64> = (0..DIM).map(|i| 1.0 + i as f64 / DIM as f64).collect();
    for _ in 0..300 {
        vector = matrix.chunks_exact(DIM).map(|line| dot(line, &vector)).collect();
        for other in others {
            let share = dot(&vector, other);
            vector.iter_mut().zip(other).for_each(|(v, o)| *v -= share * o);
        }
        let norm = dot(&vector, &vector).sqrt().max(1e-300);
        vector.iter_mut().for_each(|v| *v /= norm);
    }
    vector
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn to_unit(values: Vec<f64>) -> Vec<f64> {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    values.iter().map(|v| (v - low) / (high - low).max(1e-300)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_the_one_of_rfc_4648() {
        for (plain, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
