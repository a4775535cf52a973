//! Steps that change colors, each pixel by itself or by a table.
//!
//! Pillow's enhancements blend a picture with a degenerate one (black, its mean grey, its own grey, a smoothed one):
//! `degenerate + factor * (picture - degenerate)` in `f32`, cut to bytes towards zero.

use subsel::Draws;

use super::{between, hue};

/// The grey of a pixel as Pillow has it: `0.299 R + 0.587 G + 0.114 B` in 16 binary places, rounded.
pub(super) fn grey(pixel: [u8; 3]) -> u8 {
    let [red, green, blue] = pixel.map(u32::from);
    ((19_595 * red + 38_470 * green + 7_471 * blue + 0x8000) >> 16) as u8
}

/// One blended value.
fn blend(degenerate: u8, value: u8, factor: f32) -> u8 {
    let degenerate = f32::from(degenerate);
    // The cast cuts, and keeps to the range of bytes.
    (degenerate + factor * (f32::from(value) - degenerate)) as u8
}

/// Replaces every value by its entry.
pub(super) fn map(pixels: &mut [u8], table: &[u8; 256]) {
    pixels.iter_mut().for_each(|value| *value = table[usize::from(*value)]);
}

/// Replaces every value by its entry in the table of its channel.
pub(super) fn map_channels(pixels: &mut [u8], tables: &[[u8; 256]; 3]) {
    for pixel in pixels.as_chunks_mut::<3>().0 {
        *pixel = std::array::from_fn(|channel| tables[channel][usize::from(pixel[channel])]);
    }
}

pub(super) fn to_grey(pixels: &mut [u8]) {
    pixels.as_chunks_mut::<3>().0.iter_mut().for_each(|pixel| *pixel = [grey(*pixel); 3]);
}

pub(super) fn brightness(pixels: &mut [u8], factor: f64) {
    map(pixels, &std::array::from_fn(|value| blend(0, value as u8, factor as f32)));
}

pub(super) fn contrast(pixels: &mut [u8], factor: f64) {
    let all = pixels.as_chunks::<3>().0;
    let (sum, count) = (all.iter().map(|pixel| u64::from(grey(*pixel))).sum::<u64>(), all.len() as u64);
    let mean = ((2 * sum + count) / (2 * count)) as u8;
    map(pixels, &std::array::from_fn(|value| blend(mean, value as u8, factor as f32)));
}

pub(super) fn saturation(pixels: &mut [u8], factor: f64) {
    for pixel in pixels.as_chunks_mut::<3>().0 {
        let grey = grey(*pixel);
        *pixel = pixel.map(|value| blend(grey, value, factor as f32));
    }
}

/// Blends with the mean of the nine pixels around, the middle one counted five times; the outermost pixels stay.
pub(super) fn sharpness(pixels: &mut [u8], smooth: &mut Vec<u8>, side: usize, factor: f64) {
    smooth.clear();
    smooth.extend_from_slice(pixels);
    let width = 3 * side;
    for y in 1..side.saturating_sub(1) {
        for at in y * width + 3..(y + 1) * width - 3 {
            let three = |at: usize| u32::from(pixels[at - 3]) + u32::from(pixels[at]) + u32::from(pixels[at + 3]);
            let sum = three(at - width) + three(at) + three(at + width) + 4 * u32::from(pixels[at]);
            smooth[at] = ((2 * sum + 13) / 26) as u8;
        }
    }
    pixels.iter_mut().zip(smooth).for_each(|(value, smooth)| *value = blend(*smooth, *value, factor as f32));
}

/// How often each value occurs, by channel.
fn histograms(pixels: &[u8]) -> [[u32; 256]; 3] {
    let mut counts = [[0; 256]; 3];
    for pixel in pixels.as_chunks::<3>().0 {
        (0..3).for_each(|channel| counts[channel][usize::from(pixel[channel])] += 1);
    }
    counts
}

/// Stretches each channel from its least value to its greatest.
pub(super) fn autocontrast(pixels: &mut [u8]) {
    let tables = histograms(pixels).map(|counts| {
        let low = counts.iter().position(|count| *count > 0).unwrap_or(0);
        let high = counts.iter().rposition(|count| *count > 0).unwrap_or(0);
        let scale = 255.0 / high.saturating_sub(low) as f64;
        let stretched = |value: usize| (value as f64 * scale - low as f64 * scale) as u8;
        std::array::from_fn(|value| if high > low { stretched(value) } else { value as u8 })
    });
    map_channels(pixels, &tables);
}

/// Spreads the values of each channel evenly over the range.
pub(super) fn equalize(pixels: &mut [u8]) {
    let tables = histograms(pixels).map(|counts| {
        let last = counts.iter().rposition(|count| *count > 0).unwrap_or(0);
        // Of the pixels below the greatest value, so that it ends at 255; none where there is one value only.
        let step = (counts.iter().sum::<u32>() - counts[last]) / 255;
        let mut below = step / 2;
        std::array::from_fn(|value| {
            let spread = below.checked_div(step).map_or(value as u8, |spread| spread.min(255) as u8);
            below += counts[value];
            spread
        })
    });
    map_channels(pixels, &tables);
}

/// Keeps the upper bits.
pub(super) fn posterize(pixels: &mut [u8], bits: u32) {
    let mask = !(0xFFu32 >> bits) as u8;
    pixels.iter_mut().for_each(|value| *value &= mask);
}

/// Inverts values from `threshold` on.
pub(super) fn solarize(pixels: &mut [u8], threshold: f64) {
    pixels.iter_mut().filter(|value| f64::from(**value) >= threshold).for_each(|value| *value = 255 - *value);
}

/// Brightness, contrast, saturation and hue in random order.
pub(super) fn jitter(pixels: &mut [u8], amounts: [f64; 3], hue: f64, draws: &mut Draws) {
    let mut order = [0, 1, 2, 3];
    for last in (1..order.len()).rev() {
        order.swap(last, draws.below(last as u64 + 1) as usize);
    }
    let factors = amounts.map(|amount| between(draws, ((1.0 - amount).max(0.0), 1.0 + amount)));
    let turn = between(draws, (-hue, hue));
    for what in order {
        match what {
            0 => brightness(pixels, factors[0]),
            1 => contrast(pixels, factors[1]),
            2 => saturation(pixels, factors[2]),
            _ => hue::turn(pixels, turn as f32),
        }
    }
}
