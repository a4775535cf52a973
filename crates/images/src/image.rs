//! A picture in memory.

use crate::Error;

/// A picture: RGB, 8 bits a channel, rows from the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Image {
    /// A picture of these bytes `(height, width, 3)`.
    ///
    /// # Errors
    /// [`Error::Pixels`] where there are not `3 * width * height` of them, or none.
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Result<Self, Error> {
        let fits = width.checked_mul(height).and_then(|area| area.checked_mul(3)) == Some(pixels.len());
        if !fits || pixels.is_empty() {
            return Err(Error::Pixels { got: pixels.len(), width, height });
        }
        Ok(Image { width, height, pixels })
    }

    /// Pixels in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The bytes `(height, width, 3)`.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The same, to be changed.
    pub fn pixels_mut(&mut self) -> &mut [u8] {
        &mut self.pixels
    }

    /// Red, green and blue of one pixel.
    ///
    /// # Panics
    /// If it is not in the picture.
    pub fn at(&self, x: usize, y: usize) -> [u8; 3] {
        assert!(x < self.width && y < self.height, "({x}, {y}) of {} x {}", self.width, self.height);
        let at = 3 * (y * self.width + x);
        [self.pixels[at], self.pixels[at + 1], self.pixels[at + 2]]
    }
}
