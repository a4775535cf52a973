//! What a linear classifier needs of rows: their products with a few vectors of weights, and weighted sums of them.
//!
//! Canonical, in `f32` and in `f64`: value `i` goes to lane `i % 16` by a fused multiply-add, lanes are summed over the
//! fixed tree, and sums over rows run in the order of the rows. So training takes the same path on every machine.

use crate::{Kernels, LANES, arch};

/// A number that linear classifiers are trained in.
pub trait Real: Copy + Send + Sync + private::Lanes {}

impl Real for f32 {}
impl Real for f64 {}

pub(crate) mod private {
    use super::{Rows, Sums};
    use crate::Kernels;

    /// What the kernels need of a number; sealed.
    pub trait Lanes: Copy {
        const ZERO: Self;
        fn mul_add(self, by: Self, add: Self) -> Self;
        fn plus(self, other: Self) -> Self;
        fn dots(kernels: Kernels, of: Rows<'_, Self>, weights: &[Self], out: &mut [Self]);
        fn sums(kernels: Kernels, of: Sums<'_, Self>, out: &mut [Self]);
    }
}

use private::Lanes;

/// Some rows, by number.
#[derive(Clone, Copy)]
pub struct Rows<'a, T> {
    pub(crate) values: &'a [T],
    pub(crate) width: usize,
    pub(crate) picked: &'a [u32],
}

/// The same with a number for each of them and each class.
#[derive(Clone, Copy)]
pub struct Sums<'a, T> {
    pub(crate) rows: Rows<'a, T>,
    pub(crate) coefs: &'a [T],
    pub(crate) classes: usize,
}

macro_rules! lanes {
    ($real:ty, $dots:ident, $sums:ident) => {
        impl Lanes for $real {
            const ZERO: Self = 0.0;
            #[inline(always)]
            fn mul_add(self, by: Self, add: Self) -> Self {
                <$real>::mul_add(self, by, add)
            }
            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                self + other
            }
            fn dots(kernels: Kernels, of: Rows<'_, Self>, weights: &[Self], out: &mut [Self]) {
                arch::$dots(kernels, of, weights, out);
            }
            fn sums(kernels: Kernels, of: Sums<'_, Self>, out: &mut [Self]) {
                arch::$sums(kernels, of, out);
            }
        }
    };
}

lanes!(f32, class_dots_f32, class_sums_f32);
lanes!(f64, class_dots_f64, class_sums_f64);

/// Values of a row with the zeros that fill its last lanes.
pub fn padded(dim: usize) -> usize {
    dim.next_multiple_of(LANES)
}

impl Kernels {
    /// Canonical inner products `(m, C)` of the rows `picked` `(m,)` of `rows` with each row of `weights`; both have `width`
    /// values per row, [`padded`] with zeros.
    pub fn class_dots<T: Real>(self, rows: &[T], width: usize, picked: &[u32], weights: &[T], out: &mut [T]) {
        assert!(width > 0 && width.is_multiple_of(LANES), "padded rows");
        assert!(rows.len().is_multiple_of(width) && weights.len().is_multiple_of(width), "whole rows");
        assert_eq!(out.len(), picked.len() * (weights.len() / width), "out is (m, C)");
        T::dots(self, Rows { values: rows, width, picked }, weights, out);
    }

    /// Sums `(C, width)` of the rows `picked` `(m,)` of `rows`, each times its number in `coefs` `(m, C)`.
    pub fn class_sums<T: Real>(self, rows: &[T], width: usize, picked: &[u32], coefs: &[T], out: &mut [T]) {
        assert!(width > 0 && width.is_multiple_of(LANES), "padded rows");
        assert!(rows.len().is_multiple_of(width) && out.len().is_multiple_of(width), "whole rows");
        let classes = out.len() / width;
        assert_eq!(coefs.len(), picked.len() * classes, "coefs is (m, C)");
        T::sums(self, Sums { rows: Rows { values: rows, width, picked }, coefs, classes }, out);
    }
}

impl<'a, T> Rows<'a, T> {
    #[inline(always)]
    fn row(&self, i: usize) -> &'a [T] {
        let at = self.picked[i] as usize * self.width;
        &self.values[at..at + self.width]
    }
}

/// [`Kernels::class_dots`], for the wrappers of each instruction set.
#[inline(always)]
pub(crate) fn dots<T: Lanes>(of: Rows<'_, T>, weights: &[T], out: &mut [T]) {
    let classes = weights.len() / of.width;
    for (i, out) in out.chunks_exact_mut(classes.max(1)).enumerate() {
        let row = of.row(i);
        let mut first = 0;
        // Eight sums at a time hide the latency of the fused multiply-add.
        while first + 8 <= classes {
            dots_of::<T, 8>(row, &weights[first * of.width..], &mut out[first..]);
            first += 8;
        }
        if first + 4 <= classes {
            dots_of::<T, 4>(row, &weights[first * of.width..], &mut out[first..]);
            first += 4;
        }
        if first + 2 <= classes {
            dots_of::<T, 2>(row, &weights[first * of.width..], &mut out[first..]);
            first += 2;
        }
        if first < classes {
            dots_of::<T, 1>(row, &weights[first * of.width..], &mut out[first..]);
        }
    }
}

#[inline(always)]
fn dots_of<T: Lanes, const N: usize>(row: &[T], weights: &[T], out: &mut [T]) {
    let width = row.len();
    let mut sums = [[T::ZERO; LANES]; N];
    for at in (0..width).step_by(LANES) {
        let x: [T; LANES] = *lanes_at(row, at);
        for (class, sums) in sums.iter_mut().enumerate() {
            let w: [T; LANES] = *lanes_at(weights, class * width + at);
            // A copy, so that the compiler keeps the lanes together.
            let mut lanes = *sums;
            for lane in 0..LANES {
                lanes[lane] = x[lane].mul_add(w[lane], lanes[lane]);
            }
            *sums = lanes;
        }
    }
    for (out, sums) in out.iter_mut().zip(sums) {
        *out = tree(sums);
    }
}

/// [`Kernels::class_sums`], for the wrappers of each instruction set.
///
/// Rows go by fours through all sums, which stay in the first-level cache: a column of many rows at once would fall into
/// few of its sets.
#[inline(always)]
pub(crate) fn sums<T: Lanes>(of: Sums<'_, T>, out: &mut [T]) {
    out.fill(T::ZERO);
    let m = of.rows.picked.len();
    let mut first = 0;
    while first + 4 <= m {
        add_rows::<T, 4>(of, first, out);
        first += 4;
    }
    while first < m {
        add_rows::<T, 1>(of, first, out);
        first += 1;
    }
}

#[inline(always)]
fn add_rows<T: Lanes, const N: usize>(of: Sums<'_, T>, first: usize, out: &mut [T]) {
    let width = of.rows.width;
    let mut rows = [&of.rows.values[..0]; N];
    for (i, row) in rows.iter_mut().enumerate() {
        *row = of.rows.row(first + i);
    }
    for (class, out) in out.chunks_exact_mut(width).enumerate() {
        let mut coefs = [T::ZERO; N];
        for (i, coef) in coefs.iter_mut().enumerate() {
            *coef = of.coefs[(first + i) * of.classes + class];
        }
        for at in (0..width).step_by(LANES) {
            let mut sums: [T; LANES] = *lanes_at(out, at);
            for (coef, row) in coefs.iter().zip(rows) {
                let x: [T; LANES] = *lanes_at(row, at);
                let mut lanes = sums;
                for lane in 0..LANES {
                    lanes[lane] = coef.mul_add(x[lane], lanes[lane]);
                }
                sums = lanes;
            }
            out[at..at + LANES].copy_from_slice(&sums);
        }
    }
}

#[inline(always)]
fn lanes_at<T>(values: &[T], at: usize) -> &[T; LANES] {
    match values[at..].first_chunk() {
        Some(lanes) => lanes,
        None => unreachable!("rows are padded to whole lanes"),
    }
}

/// The fixed tree of all canonical sums.
#[inline(always)]
fn tree<T: Lanes>(mut lanes: [T; LANES]) -> T {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] = lanes[lane].plus(lanes[lane + width]);
        }
        width /= 2;
    }
    lanes[0].plus(T::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    fn values(n: usize, seed: u64) -> Vec<f32> {
        (0..n as u64).map(|i| ((i * 2_654_435_761 + seed * 977) % 2003) as f32 / 1001.5 - 1.0).collect()
    }

    #[test]
    fn products_and_sums_are_those_of_plain_loops_and_the_same_bits_everywhere() {
        for (n, dim, classes) in [(7, 16, 1), (5, 48, 3), (9, 32, 10), (4, 512, 15)] {
            let (rows, weights) = (values(n * dim, 1), values(classes * dim, 2));
            let picked: Vec<u32> = (0..2 * n as u32).map(|i| i * 5 % n as u32).collect();
            let coefs = values(picked.len() * classes, 3);
            let run = |isa| {
                let kernels = Kernels::new(isa)?;
                let mut dots = vec![7.0; picked.len() * classes];
                let mut sums = vec![7.0; classes * dim];
                kernels.class_dots(&rows, dim, &picked, &weights, &mut dots);
                kernels.class_sums(&rows, dim, &picked, &coefs, &mut sums);
                Some((dots, sums))
            };
            let (dots, sums) = run(Isa::Scalar).expect("every processor is scalar");
            for (i, row) in picked.iter().enumerate() {
                for class in 0..classes {
                    let row = &rows[*row as usize * dim..][..dim];
                    let truth: f64 =
                        row.iter().zip(&weights[class * dim..]).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum();
                    assert!((f64::from(dots[i * classes + class]) - truth).abs() < 1e-4 * dim as f64);
                }
            }
            for class in 0..classes {
                for column in 0..dim {
                    let at = |i: usize, row: u32| {
                        f64::from(coefs[i * classes + class]) * f64::from(rows[row as usize * dim + column])
                    };
                    let truth: f64 = picked.iter().enumerate().map(|(i, row)| at(i, *row)).sum();
                    assert!((f64::from(sums[class * dim + column]) - truth).abs() < 1e-5 * n as f64);
                }
            }
            for isa in Isa::ALL {
                if let Some(same) = run(isa) {
                    assert_eq!(same, (dots.clone(), sums.clone()), "{}", isa.name());
                }
            }
        }
    }
}
