//! Turning, shearing and shifting: nearest pixel, black where there is none.

/// For a place `(x, y)` of the answer, the place `(a x + b y + c, d x + e y + f)` of the picture that it shows; pixels are
/// where their middles are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Affine(pub(super) [f64; 6]);

impl Affine {
    pub(super) fn shear_x(by: f64) -> Self {
        Affine([1.0, by, 0.0, 0.0, 1.0, 0.0])
    }

    pub(super) fn shear_y(by: f64) -> Self {
        Affine([1.0, 0.0, 0.0, by, 1.0, 0.0])
    }

    pub(super) fn translate(x: f64, y: f64) -> Self {
        Affine([1.0, 0.0, x, 0.0, 1.0, y])
    }

    /// Turns about the middle, counterclockwise.
    pub(super) fn rotate(degrees: f64, side: usize) -> Self {
        let angle = -degrees.to_radians();
        // Pillow rounds to 15 places, so that right angles are exact.
        let rounded = |value: f64| (value * 1e15).round() / 1e15;
        let (sin, cos) = (rounded(libm::sin(angle)), rounded(libm::cos(angle)));
        let middle = side as f64 / 2.0;
        Affine([cos, sin, middle - cos * middle - sin * middle, -sin, cos, middle + sin * middle - cos * middle])
    }

    /// Whether every row and column is only moved.
    fn is_shift(&self) -> bool {
        self.0[1] == 0.0 && self.0[3] == 0.0
    }

    /// `out` is the picture so changed.
    ///
    /// Places are kept in 16 binary places as Pillow does, except for mere shifts: which of two pixels is nearest, where
    /// they are as near, is decided as there.
    pub(super) fn apply(&self, from: &[u8], out: &mut Vec<u8>, side: usize) {
        out.clear();
        out.resize(from.len(), 0);
        let [a, b, c, d, e, f] = self.0;
        if self.is_shift() {
            let place = |at: usize, scale: f64, shift: f64| inside((scale * (at as f64 + 0.5) + shift).floor(), side);
            for (y, line) in out.chunks_exact_mut(3 * side).enumerate() {
                let Some(row) = place(y, e, f) else { continue };
                for (x, pixel) in line.as_chunks_mut::<3>().0.iter_mut().enumerate() {
                    if let Some(column) = place(x, a, c) {
                        pixel.copy_from_slice(&from[3 * (row * side + column)..][..3]);
                    }
                }
            }
            return;
        }
        let fixed = |value: f64| (value * 65536.0 + 0.5).floor() as i64;
        let [dx, dy] = [[fixed(a), fixed(d)], [fixed(b), fixed(e)]];
        let mut start = [fixed(c + a * 0.5 + b * 0.5), fixed(f + d * 0.5 + e * 0.5)];
        for line in out.chunks_exact_mut(3 * side) {
            let [mut x, mut y] = start;
            for pixel in line.as_chunks_mut::<3>().0 {
                let (column, row) = (x >> 16, y >> 16);
                if (0..side as i64).contains(&column) && (0..side as i64).contains(&row) {
                    pixel.copy_from_slice(&from[3 * (row as usize * side + column as usize)..][..3]);
                }
                x += dx[0];
                y += dx[1];
            }
            start = [start[0] + dy[0], start[1] + dy[1]];
        }
    }
}

fn inside(place: f64, side: usize) -> Option<usize> {
    (0.0 <= place && place < side as f64).then_some(place as usize)
}
