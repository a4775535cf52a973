//! What the channels of a set are like, and how networks are given them.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use subsel::Context;

use crate::{Broken, Error, ImageSet, OnBroken, Pixels};

/// Sums over the pixels of each channel, in whole numbers: exact, whatever the order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChannelStats {
    /// Pixels.
    pub count: u64,
    /// Sums of the values 0 to 255.
    pub sums: [u64; 3],
    /// Sums of their squares.
    pub squares: [u64; 3],
}

impl ChannelStats {
    /// Of pixels `(.., 3)`.
    pub fn of(pixels: &[u8]) -> Self {
        let mut stats = ChannelStats::default();
        for pixel in pixels.as_chunks::<3>().0 {
            for (channel, value) in pixel.iter().enumerate() {
                stats.sums[channel] += u64::from(*value);
                stats.squares[channel] += u64::from(*value).pow(2);
            }
        }
        stats.count = pixels.len() as u64 / 3;
        stats
    }

    /// Of pictures in memory.
    pub fn of_pixels(pixels: &Pixels, ctx: &Context) -> Self {
        let of = || pixels.bytes().par_chunks(pixels.image_bytes()).map(Self::of).reduce(Self::default, Self::and);
        ctx.threads().install(of)
    }

    /// Of a set, at the size its pictures come in; also those that cannot be read.
    ///
    /// # Errors
    /// Reading; [`Error::Broken`] where `on_broken` says so.
    pub fn of_set(set: &ImageSet, on_broken: OnBroken, ctx: &Context) -> Result<(Self, Vec<Broken>), Error> {
        let rows: Vec<usize> = (0..set.len()).collect();
        let (mut all, mut broken) = (Self::default(), Vec::new());
        for stats in set.map(&rows, ctx, |_, image| Self::of(image.pixels()))? {
            match stats {
                Ok(stats) => all = all.and(stats),
                Err(one) if on_broken == OnBroken::Skip => broken.push(one),
                Err(one) => return Err(one.into()),
            }
        }
        Ok((all, broken))
    }

    /// Of these pixels and those.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let add = |a: [u64; 3], b: [u64; 3]| std::array::from_fn(|i| a[i] + b[i]);
        let (sums, squares) = (add(self.sums, other.sums), add(self.squares, other.squares));
        ChannelStats { count: self.count + other.count, sums, squares }
    }

    /// Means of the channels, of values from 0 to 1; NaN without pixels.
    pub fn mean(&self) -> [f64; 3] {
        self.sums.map(|sum| sum as f64 / (255.0 * self.count as f64))
    }

    /// Standard deviations of the channels over all pixels (divided by their number), of values from 0 to 1.
    pub fn std(&self) -> [f64; 3] {
        let n = u128::from(self.count);
        std::array::from_fn(|i| {
            // n^2 times the variance, exactly: no difference of near numbers is left to floating point.
            let spread = n * u128::from(self.squares[i]) - u128::from(self.sums[i]).pow(2);
            (spread as f64).sqrt() / (255.0 * self.count as f64)
        })
    }

    /// The normalization by these; a channel that does not vary is only centered.
    pub fn normalize(&self) -> Normalize {
        let std = self.std().map(|std| if std > 0.0 { std as f32 } else { 1.0 });
        Normalize { mean: self.mean().map(|v| v as f32), std }
    }
}

/// How bytes become the numbers of a network: `(v / 255 - mean) / std`, by channel.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalize {
    /// Means of the channels, of values from 0 to 1.
    pub mean: [f32; 3],
    /// Standard deviations.
    pub std: [f32; 3],
}

impl Normalize {
    /// Nothing but the scale to 0 and 1.
    pub const UNIT: Self = Normalize { mean: [0.0; 3], std: [1.0; 3] };

    /// CIFAR-10 in Selection via Proxy (Coleman et al. 2020).
    pub const CIFAR10: Self = Normalize { mean: [0.4914, 0.4822, 0.4465], std: [0.24703, 0.24349, 0.26159] };

    /// CIFAR-10 in SCAN, whose SimCLR TypiClust, ProbCover and NGS use: the deviations are means over pictures of the
    /// deviation within each, and so smaller than those over all pixels.
    pub const CIFAR10_SIMCLR: Self = Normalize { mean: [0.4914, 0.4822, 0.4465], std: [0.2023, 0.1994, 0.2010] };

    /// CIFAR-100 in Selection via Proxy.
    pub const CIFAR100: Self = Normalize { mean: [0.5071, 0.4866, 0.4409], std: [0.26733, 0.25644, 0.27615] };

    /// ImageNet; USB takes it for CIFAR-10 too.
    pub const IMAGENET: Self = Normalize { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

    /// CIFAR-100 in USB (FlexMatch, SimMatch).
    pub const CIFAR100_USB: Self = Normalize {
        mean: [129.3 / 255.0, 124.1 / 255.0, 112.4 / 255.0],
        std: [68.2 / 255.0, 65.4 / 255.0, 70.4 / 255.0],
    };

    /// What names mean.
    pub const NAMED: [(&str, Self); 6] = [
        ("unit", Self::UNIT),
        ("cifar10", Self::CIFAR10),
        ("cifar10-simclr", Self::CIFAR10_SIMCLR),
        ("cifar100", Self::CIFAR100),
        ("imagenet", Self::IMAGENET),
        ("cifar100-usb", Self::CIFAR100_USB),
    ];

    /// The number that each byte becomes, by channel: `(v / 255 - mean) / std`, in `f64` and rounded once.
    pub fn table(&self) -> [[f32; 256]; 3] {
        std::array::from_fn(|channel| {
            let (mean, std) = (f64::from(self.mean[channel]), f64::from(self.std[channel]));
            std::array::from_fn(|value| ((value as f64 / 255.0 - mean) / std) as f32)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::picture;

    #[test]
    fn moments_are_worked_examples() {
        let stats = ChannelStats::of(&[0, 255, 51, 255, 255, 51]);
        assert_eq!(stats.count, 2);
        assert_eq!(stats.mean(), [0.5, 1.0, 0.2]);
        assert_eq!(stats.std(), [0.5, 0.0, 0.0]);
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let image = picture(30, 30, 3, 200);
        let (first, rest) = image.pixels().split_at(300);
        assert_eq!(ChannelStats::of(first).and(ChannelStats::of(rest)), ChannelStats::of(image.pixels()));
        let stats = ChannelStats::of(image.pixels());
        let values: Vec<f64> = image.pixels().iter().step_by(3).map(|v| f64::from(*v) / 255.0).collect();
        let mean = values.iter().sum::<f64>() / 900.0;
        let std = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 900.0).sqrt();
        assert!((stats.mean()[0] - mean).abs() < 1e-12 && (stats.std()[0] - std).abs() < 1e-12);
    }

    #[test]
    fn tables_are_the_formula() {
        for (_, normalize) in Normalize::NAMED {
            let table = normalize.table();
            for (channel, table) in table.iter().enumerate() {
                let (mean, std) = (f64::from(normalize.mean[channel]), f64::from(normalize.std[channel]));
                assert_eq!(table[51], ((0.2 - mean) / std) as f32);
            }
        }
    }
}
