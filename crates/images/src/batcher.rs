//! Pictures on their way to a network: augmented, normalized, one channel after the other.

use std::ops::Range;

use rayon::prelude::*;
use subsel::Stream;

use crate::{Augment, Error, Normalize, Pixels, Scratch, view_draws};

/// Makes batches of pictures in memory. What a view of a picture becomes depends on stream, epoch, picture and number of
/// the view alone.
#[derive(Clone, Debug)]
pub struct Batcher<'a> {
    pixels: &'a Pixels,
    augment: Augment,
    table: Box<[[f32; 256]; 3]>,
    stream: Stream,
}

impl<'a> Batcher<'a> {
    /// Batches of `pixels`; draws come from `stream`.
    ///
    /// # Errors
    /// [`Error::Augment`] for a setting that does not suit the pictures.
    pub fn new(pixels: &'a Pixels, augment: Augment, normalize: Normalize, stream: Stream) -> Result<Self, Error> {
        augment.check(pixels.side())?;
        Ok(Batcher { pixels, augment, table: Box::new(normalize.table()), stream })
    }

    /// Values of one picture.
    pub fn image_len(&self) -> usize {
        self.pixels.image_bytes()
    }

    /// Fills `out` `(views, b, 3, side, side)` with the views `views` of the pictures `rows` in `epoch`, on `threads`: all
    /// pictures in their first view, then all in their second.
    ///
    /// # Panics
    /// If `out` is of another length, or there is no such picture.
    pub fn fill(&self, rows: &[usize], epoch: u64, views: Range<u64>, out: &mut [f32], threads: &rayon::ThreadPool) {
        let len = self.image_len();
        let n_views = (views.end - views.start) as usize;
        assert_eq!(out.len(), n_views * rows.len() * len, "values of {n_views} views of {} pictures", rows.len());
        threads.install(|| {
            out.par_chunks_exact_mut(len).enumerate().for_each_init(Scratch::default, |scratch, (place, out)| {
                let (view, row) = (views.start + (place / rows.len()) as u64, rows[place % rows.len()]);
                self.view(row, epoch, view, scratch, out);
            });
        });
    }

    /// Fills `out` `(3, side, side)` with one view of one picture, on the calling thread.
    ///
    /// # Panics
    /// If `out` is of another length, or there is no such picture.
    pub fn view(&self, row: usize, epoch: u64, view: u64, scratch: &mut Scratch, out: &mut [f32]) {
        assert_eq!(out.len(), self.image_len(), "values of a picture");
        let image = self.pixels.image(row);
        let pixels = if self.augment.steps.is_empty() {
            image
        } else {
            let mut draws = view_draws(self.stream, epoch, row as u64, view);
            self.augment.apply(image, self.pixels.side(), &mut draws, scratch)
        };
        let area = out.len() / 3;
        let (red, rest) = out.split_at_mut(area);
        let (green, blue) = rest.split_at_mut(area);
        let [of_red, of_green, of_blue] = &*self.table;
        for (((pixel, red), green), blue) in pixels.as_chunks::<3>().0.iter().zip(red).zip(green).zip(blue) {
            *red = of_red[usize::from(pixel[0])];
            *green = of_green[usize::from(pixel[1])];
            *blue = of_blue[usize::from(pixel[2])];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::picture;

    fn pixels(n: usize, side: usize) -> Pixels {
        let bytes = (0..n).flat_map(|at| picture(side, side, at, 200 + at).pixels().to_vec()).collect();
        Pixels::new(side, bytes, None).expect("pictures")
    }

    fn threads(n: usize) -> rayon::ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(n).build().expect("threads")
    }

    #[test]
    fn batches_are_views_one_by_one_for_any_number_of_threads() {
        let (pixels, side) = (pixels(7, 8), 8);
        let (stream, normalize) = (Stream::new(3, "augment"), Normalize::CIFAR10);
        for name in Augment::NAMES {
            let augment = Augment::named(name, side).expect("a name");
            let batcher = Batcher::new(&pixels, augment.clone(), normalize, stream).expect("sound");
            let rows = [5, 0, 5, 6];
            let mut naive = Vec::new();
            for view in 1..3 {
                for row in rows {
                    let mut draws = view_draws(stream, 9, row as u64, view);
                    let mut scratch = Scratch::default();
                    let bytes = augment.apply(pixels.image(row), side, &mut draws, &mut scratch);
                    for channel in 0..3 {
                        for at in 0..side * side {
                            let value = f64::from(bytes[3 * at + channel]) / 255.0;
                            let (mean, std) = (f64::from(normalize.mean[channel]), f64::from(normalize.std[channel]));
                            naive.push(((value - mean) / std) as f32);
                        }
                    }
                }
            }
            for n in [1, 3] {
                let mut out = vec![0.0; naive.len()];
                batcher.fill(&rows, 9, 1..3, &mut out, &threads(n));
                assert!(out == naive, "{name} on {n} threads");
            }
        }
    }

    #[test]
    fn a_batch_of_nothing_is_nothing() {
        let pixels = pixels(1, 4);
        let batcher = Batcher::new(&pixels, Augment::default(), Normalize::UNIT, Stream::new(0, "x")).expect("sound");
        batcher.fill(&[], 0, 0..2, &mut [], &threads(1));
    }
}
