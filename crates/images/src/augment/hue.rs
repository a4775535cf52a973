//! Turning hues in HSV.

/// Turns every hue by `turn` of the circle; greatest value and saturation stay.
///
/// In `f32`, rounded once. Pillow keeps hue and saturation in bytes on the way, so that its colors move by up to several
/// levels even where the turn is 0; with those of the definition these agree to 1 level.
pub(super) fn turn(pixels: &mut [u8], turn: f32) {
    let shift = 6.0 * turn;
    for pixel in pixels.as_chunks_mut::<3>().0 {
        let [red, green, blue] = pixel.map(f32::from);
        let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
        let spread = most - least;
        if spread == 0.0 {
            continue;
        }
        // Sixths of the circle, from red.
        let hue = if most == red {
            (green - blue) / spread
        } else if most == green {
            2.0 + (blue - red) / spread
        } else {
            4.0 + (red - green) / spread
        };
        // Between -1 and 5, and turned by up to 3: one period to either side.
        let hue = hue + shift;
        let channel = |offset: f32| {
            let mut place = hue + offset;
            if place < 0.0 {
                place += 6.0;
            }
            if place >= 6.0 {
                place -= 6.0;
            }
            if place >= 6.0 {
                place -= 6.0;
            }
            most - spread * place.min(4.0 - place).clamp(0.0, 1.0)
        };
        *pixel = [channel(5.0), channel(3.0), channel(1.0)].map(|value| (value + 0.5) as u8);
    }
}
