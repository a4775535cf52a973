//! Pooling of maps with channels last.

use super::team;

/// Side of the window of a max-pool, its stride and what is around the picture.
pub(super) const WINDOW: (usize, usize, usize) = (3, 2, 1);

/// Pixels along a side after the max-pool.
pub(super) fn pooled(side: usize) -> usize {
    let (window, stride, padding) = WINDOW;
    (side + 2 * padding - window) / stride + 1
}

/// The largest of each window, and by `winner` which of its nine places had it (the first of equals; NaN wins).
fn each_window([h, w, c]: [usize; 3], x: &[f32], mut found: impl FnMut(usize, usize, f32)) {
    let (window, stride, padding) = WINDOW;
    let (oh, ow) = (pooled(h), pooled(w));
    for oy in 0..oh {
        for ox in 0..ow {
            for channel in 0..c {
                let (mut best, mut at) = (f32::NEG_INFINITY, None);
                for y in (oy * stride).saturating_sub(padding)..(oy * stride + window - padding).min(h) {
                    for x_at in (ox * stride).saturating_sub(padding)..(ox * stride + window - padding).min(w) {
                        let place = (y * w + x_at) * c + channel;
                        if at.is_none() || x[place] > best || x[place].is_nan() {
                            (best, at) = (x[place], Some(place));
                        }
                    }
                }
                found((oy * ow + ox) * c + channel, at.unwrap_or(0), best);
            }
        }
    }
}

/// Max-pool of `x (n, h, w, c)`.
pub(super) fn max([_, h, w, c]: [usize; 4], x: &[f32], out: &mut [f32]) {
    let (picture, out_picture) = (h * w * c, pooled(h) * pooled(w) * c);
    team::each_chunk(out, out_picture, |i, out| {
        each_window([h, w, c], &x[i * picture..][..picture], |to, _, value| out[to] = value);
    });
}

/// Its gradient.
pub(super) fn max_back([_, h, w, c]: [usize; 4], x: &[f32], dy: &[f32], dx: &mut [f32]) {
    let (picture, out_picture) = (h * w * c, pooled(h) * pooled(w) * c);
    team::each_chunk(dx, picture, |i, dx| {
        let dy = &dy[i * out_picture..][..out_picture];
        dx.fill(0.0);
        each_window([h, w, c], &x[i * picture..][..picture], |to, from, _| dx[from] += dy[to]);
    });
}

/// The mean of each channel `(n, c)`.
pub(super) fn mean([_, h, w, c]: [usize; 4], x: &[f32], out: &mut [f32]) {
    let scale = 1.0 / (h * w) as f32;
    team::each_chunk(out, c, |i, out| {
        out.fill(0.0);
        for pixel in x[i * h * w * c..][..h * w * c].chunks_exact(c) {
            out.iter_mut().zip(pixel).for_each(|(sum, v)| *sum += v);
        }
        out.iter_mut().for_each(|sum| *sum *= scale);
    });
}

/// Its gradient.
pub(super) fn mean_back([_, h, w, c]: [usize; 4], dy: &[f32], dx: &mut [f32]) {
    let scale = 1.0 / (h * w) as f32;
    team::each_chunk(dx, h * w * c, |i, dx| {
        for pixel in dx.chunks_exact_mut(c) {
            pixel.iter_mut().zip(&dy[i * c..][..c]).for_each(|(v, dy)| *v = dy * scale);
        }
    });
}
