use super::*;
use crate::encode_all;
use subsel::Settings;

fn context(threads: usize) -> Context {
    let settings = Settings { seed: 3, threads: Some(threads), ..Settings::default() };
    Context::new(&settings).unwrap_or_else(|error| panic!("{error}"))
}

/// Pictures of stripes, of another width and direction each, with noise.
fn pictures(n: usize, side: usize) -> Vec<u8> {
    let mut draws = Draws::new(Stream::new(1, "pictures"));
    let mut bytes = Vec::new();
    for picture in 0..n {
        let (period, tall) = (2 + picture % 5, picture % 2 == 0);
        for y in 0..side {
            for x in 0..side {
                let at = if tall { y } else { x };
                let level = if at / period % 2 == 0 { 60.0 } else { 180.0 };
                (0..3).for_each(|channel| bytes.push((level + 10.0 * channel as f64 + 30.0 * draws.unit()) as u8));
            }
        }
    }
    bytes
}

const SMALL: Patches = Patches { side: 12, patch: 4, centers: 10, dim: 16, seed: 0 };

fn learned(n: usize, threads: usize) -> (Vec<u8>, PatchEncoder) {
    let pixels = pictures(n, SMALL.side);
    let encoder = SMALL.learn(&pixels, &mut context(threads)).unwrap_or_else(|error| panic!("{error}"));
    (pixels, encoder)
}

fn embedded(encoder: &PatchEncoder, pixels: &[u8], at_once: usize) -> Vec<f32> {
    let bytes = 3 * encoder.settings.side.pow(2);
    let mut out = vec![0.0; pixels.len() / bytes * encoder.dim()];
    for (pixels, out) in pixels.chunks(at_once * bytes).zip(out.chunks_mut(at_once * encoder.dim())) {
        encoder.encode(pixels, out).unwrap_or_else(|error| panic!("{error}"));
    }
    out
}

/// The definition, in f64 and without products: distances of every whitened patch to every center, one by one.
fn naive(encoder: &PatchEncoder, picture: &[u8]) -> Vec<f64> {
    let Patches { side, patch, .. } = encoder.settings;
    let (along, width, k) = (side - patch + 1, 3 * patch * patch, encoder.k());
    let mut sums = vec![0.0; 4 * k];
    for y in 0..along {
        for x in 0..along {
            let mut values = Vec::new();
            for dy in 0..patch {
                for i in 0..3 * patch {
                    values.push(f64::from(picture[3 * ((y + dy) * side + x) + i]));
                }
            }
            let mean = values.iter().sum::<f64>() / width as f64;
            let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (width - 1) as f64;
            let normal: Vec<f64> = values.iter().map(|v| (v - mean) / (variance + 10.0).sqrt()).collect();
            let white: Vec<f64> = (0..width)
                .map(|i| {
                    let row = &encoder.whitening.turn[i * width..(i + 1) * width];
                    let centered = normal.iter().zip(&encoder.whitening.mean).map(|(v, mean)| v - f64::from(*mean));
                    row.iter().zip(centered).map(|(a, b)| f64::from(*a) * b).sum()
                })
                .collect();
            let dists: Vec<f64> = encoder
                .centers
                .chunks_exact(width)
                .map(|center| center.iter().zip(&white).map(|(c, w)| (f64::from(*c) - w).powi(2)).sum::<f64>().sqrt())
                .collect();
            let average = dists.iter().sum::<f64>() / k as f64;
            // 9 positions along a side: 5 in the first half.
            let quadrant = 2 * usize::from(y >= 5) + usize::from(x >= 5);
            for (sum, dist) in sums[quadrant * k..].iter_mut().zip(&dists) {
                *sum += (average - dist).max(0.0);
            }
        }
    }
    sums.iter_mut().for_each(|sum| *sum /= (along * along) as f64);
    sums
}

#[test]
fn sums_are_those_of_the_definition() {
    let (pixels, mut encoder) = learned(20, 1);
    encoder.projection = None;
    let found = embedded(&encoder, &pixels, 7);
    let bytes = 3 * SMALL.side.pow(2);
    for (picture, found) in pixels.chunks_exact(bytes).zip(found.chunks_exact(encoder.dim())) {
        let expected = naive(&encoder, picture);
        let scale = expected.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
        assert!(scale > 1e-3, "patches differ from the average one");
        for (found, expected) in found.iter().zip(&expected) {
            // A distance near 0 is the root of a difference of near numbers: half of the digits are lost.
            assert!((f64::from(*found) - expected).abs() < 1e-3 * scale, "{found} {expected}");
        }
    }
}

#[test]
fn values_depend_neither_on_the_batch_nor_on_threads() {
    let (pixels, encoder) = learned(70, 1);
    let together = embedded(&encoder, &pixels, 70);
    for at_once in [1, 3, 32, 33] {
        assert_eq!(embedded(&encoder, &pixels, at_once), together, "{at_once} at once");
    }
    let bytes = 3 * SMALL.side.pow(2);
    for threads in [1, 2, 5] {
        let (rows, ctx): (Vec<usize>, _) = ((0..70).collect(), context(threads));
        let mut out = vec![0.0; together.len()];
        let picture = |row: usize| &pixels[row * bytes..(row + 1) * bytes];
        encode_all(&encoder, &rows, picture, &mut out, &ctx).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(out, together, "{threads} threads");
        let (_, other) = learned(70, threads);
        assert_eq!(other.fingerprint(), encoder.fingerprint(), "learned by {threads} threads");
    }
}

#[test]
fn projection_keeps_norms_and_products() {
    let (pixels, mut encoder) = learned(70, 2);
    let projected = embedded(&encoder, &pixels, 70);
    assert_eq!(encoder.dim(), 16);
    let basis = encoder.projection.take().unwrap_or_default();
    let full = embedded(&encoder, &pixels, 70);
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    for (i, a) in basis.chunks_exact(encoder.dim()).enumerate() {
        for (j, b) in basis.chunks_exact(encoder.dim()).enumerate() {
            assert!((dot(a, b) - f64::from(i == j)).abs() < 1e-5, "{i} {j}: {}", dot(a, b));
        }
    }
    let (all, kept) = (dot(&full, &full), dot(&projected, &projected));
    assert!(kept <= all * (1.0 + 1e-5) && kept > 0.98 * all, "{kept} of {all}");
    // No other basis of as many directions keeps more: the eigenvalues say how much there is to keep.
    let rows = nalgebra::DMatrix::from_row_slice(70, encoder.dim(), &full).map(f64::from);
    let mut values = (rows.transpose() * &rows).symmetric_eigenvalues().as_slice().to_vec();
    values.sort_by(|a, b| b.total_cmp(a));
    let most: f64 = values[..16].iter().sum();
    assert!(kept > most * (1.0 - 1e-4), "{kept} of {most}");
}

#[test]
fn is_the_same_after_writing_and_reading() {
    let (pixels, encoder) = learned(20, 1);
    let file = ModelFile::from_bytes("m.safetensors".as_ref(), &encoder.file().to_bytes());
    let again = PatchEncoder::from_file(&file.unwrap_or_else(|error| panic!("{error}")));
    let again = again.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(embedded(&again, &pixels, 20), embedded(&encoder, &pixels, 20));
    assert_eq!(again.fingerprint(), encoder.fingerprint());
    let other = Patches { dim: 15, ..SMALL }.learn(&pixels, &mut context(1)).unwrap_or_else(|error| panic!("{error}"));
    assert_ne!(other.fingerprint(), encoder.fingerprint());
}

#[test]
fn few_pictures_and_equal_ones_make_fewer_values() {
    for (n, flat) in [(1, false), (3, false), (5, true)] {
        let pixels = if flat { vec![128; n * 3 * 144] } else { pictures(n, 12) };
        let encoder = SMALL.learn(&pixels, &mut context(1)).unwrap_or_else(|error| panic!("{error}"));
        assert!(encoder.dim() <= n.max(4), "{} values from {n}", encoder.dim());
        assert!(embedded(&encoder, &pixels, 2).iter().all(|value| value.is_finite()));
    }
    assert!(matches!(SMALL.learn(&[], &mut context(1)), Err(Error::NothingToLearnFrom)));
}

#[test]
fn settings_that_break_a_rule_are_refused() {
    for (wrong, name) in [
        (Patches { side: 7, ..SMALL }, "side"),
        (Patches { patch: 7, ..SMALL }, "patch"),
        (Patches { centers: 1, ..SMALL }, "centers"),
        (Patches { dim: 0, ..SMALL }, "dim"),
    ] {
        assert!(matches!(wrong.check(), Err(Error::Setting { setting, .. }) if setting == name), "{wrong:?}");
    }
}
