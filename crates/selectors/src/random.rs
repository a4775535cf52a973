//! Counter-based randomness: every draw is a pure function of (seed, stream, index), so nothing depends on which
//! thread draws first, and changing one component does not shift the draws of another.

use std::collections::HashSet;

/// SplitMix64's output function (Steele, Lea and Flood 2014): a bijective scrambling of 64 bits.
fn scramble(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// A named sequence of random numbers, addressed by index.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    state: u64,
}

impl Stream {
    /// The stream `name` of `seed`. Names keep decisions apart: `"draw"`, `"accept"`, `"start"`.
    pub fn new(seed: u64, name: &str) -> Self {
        // FNV-1a of the name, scrambled into the seed twice so that near seeds give unrelated streams.
        let hash = name.bytes().fold(0xCBF2_9CE4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3));
        Stream { state: scramble(scramble(seed.wrapping_add(GOLDEN)) ^ hash) }
    }

    /// A stream of its own for each of several like decisions, such as one per stratum.
    pub fn child(self, index: u64) -> Self {
        Stream { state: scramble(self.bits(index) ^ GOLDEN) }
    }

    /// 64 random bits at `index`: SplitMix64 started from this stream.
    pub fn bits(self, index: u64) -> u64 {
        scramble(self.state.wrapping_add(GOLDEN.wrapping_mul(index.wrapping_add(1))))
    }

    /// Uniform in `[0, 1)`.
    pub fn unit(self, index: u64) -> f64 {
        (self.bits(index) >> 11) as f64 * f64::EPSILON / 2.0
    }

    /// Uniform in `(0, 1]`.
    pub fn unit_open_zero(self, index: u64) -> f64 {
        ((self.bits(index) >> 11) + 1) as f64 * f64::EPSILON / 2.0
    }
}

/// Draws in sequence from one stream, for decisions that follow one another.
#[derive(Clone, Debug)]
pub struct Draws {
    stream: Stream,
    next: u64,
}

impl Draws {
    /// Starts at index 0.
    pub fn new(stream: Stream) -> Self {
        Draws { stream, next: 0 }
    }

    fn bits(&mut self) -> u64 {
        let bits = self.stream.bits(self.next);
        self.next += 1;
        bits
    }

    /// Uniform in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * f64::EPSILON / 2.0
    }

    /// Uniform whole number below `n` (Lemire 2019, with rejection, so exactly uniform).
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "an empty range has no number to draw");
        let reject = n.wrapping_neg() % n;
        loop {
            let wide = u128::from(self.bits()) * u128::from(n);
            if wide as u64 >= reject {
                return (wide >> 64) as u64;
            }
        }
    }

    /// `size` of the numbers below `n`, ascending, every set as likely as any other (Floyd's algorithm: no memory of `n`).
    ///
    /// # Panics
    /// If `size` is more than `n`.
    pub fn sample(&mut self, n: usize, size: usize) -> Vec<usize> {
        assert!(size <= n, "{size} of {n} numbers cannot be drawn");
        let mut taken = HashSet::with_capacity(size);
        for last in n - size..n {
            let number = self.below(last as u64 + 1) as usize;
            if !taken.insert(number) {
                taken.insert(last);
            }
        }
        let mut numbers: Vec<usize> = taken.into_iter().collect();
        numbers.sort_unstable();
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix_gives_the_published_vector() {
        let zero = Stream { state: 0 };
        let got: Vec<u64> = (0..3).map(|i| zero.bits(i)).collect();
        assert_eq!(got, [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4, 0x06C4_5D18_8009_454F]);
    }

    #[test]
    fn units_stay_in_their_half_open_ranges() {
        let stream = Stream::new(7, "test");
        for i in 0..10_000 {
            assert!((0.0..1.0).contains(&stream.unit(i)));
            let open_zero = stream.unit_open_zero(i);
            assert!(open_zero > 0.0 && open_zero <= 1.0);
        }
    }

    #[test]
    fn streams_of_one_seed_differ_and_repeat() {
        assert_eq!(Stream::new(1, "a").bits(5), Stream::new(1, "a").bits(5));
        assert_ne!(Stream::new(1, "a").bits(5), Stream::new(1, "b").bits(5));
        assert_ne!(Stream::new(1, "a").bits(5), Stream::new(2, "a").bits(5));
        assert_ne!(Stream::new(1, "a").child(0).bits(5), Stream::new(1, "a").child(1).bits(5));
    }

    #[test]
    fn samples_are_sets_and_every_set_is_as_likely() {
        let mut draws = Draws::new(Stream::new(5, "sample"));
        assert_eq!((draws.sample(4, 4), draws.sample(3, 0)), (vec![0, 1, 2, 3], vec![]));
        let mut counts = std::collections::HashMap::new();
        for _ in 0..10_000 {
            *counts.entry(draws.sample(5, 2)).or_insert(0u32) += 1;
        }
        let chi2: f64 = counts.values().map(|&c| (f64::from(c) - 1e3).powi(2) / 1e3).sum();
        assert!(counts.len() == 10 && chi2 < 33.7, "chi-square {chi2} with 9 degrees of freedom, false alarm 1e-4");
    }

    #[test]
    fn below_is_uniform() {
        let mut draws = Draws::new(Stream::new(3, "below"));
        let mut counts = [0u32; 7];
        for _ in 0..70_000 {
            counts[draws.below(7) as usize] += 1;
        }
        let chi2: f64 = counts.iter().map(|&c| (f64::from(c) - 1e4).powi(2) / 1e4).sum();
        assert!(chi2 < 27.9, "chi-square {chi2} with 6 degrees of freedom, false alarm 1e-4");
    }
}
