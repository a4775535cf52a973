//! What the tests of this crate share: instruction sets, storage types and awkward values.
#![allow(dead_code, unreachable_pub)] // each test file uses some of it

use subsel_kernels::{Block, Dtype, Isa, Kernels, bf16, f16};

pub const DTYPES: [Dtype; 5] = [Dtype::F32, Dtype::F16, Dtype::Bf16, Dtype::I8, Dtype::U8];

pub fn scalar() -> Kernels {
    Kernels::new(Isa::Scalar).expect("always there")
}

/// The kernels of this processor, the portable ones left out.
pub fn fast() -> impl Iterator<Item = Kernels> {
    Isa::ALL.into_iter().filter(|isa| *isa != Isa::Scalar).filter_map(Kernels::new)
}

/// Lengths around every vector width, unrolling and chunk size.
pub fn lengths() -> impl Iterator<Item = usize> {
    (1..=130).chain([191, 192, 193, 255, 256, 257, 383, 384, 385, 511, 512, 513, 1023, 1024, 1025, 4095, 4096, 4097])
}

/// A small generator (SplitMix64): tests need no more.
pub struct Random(pub u64);

impl Random {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform over [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// About normal: mean 0, variance 1.
    pub fn normal(&mut self) -> f32 {
        ((0..12).map(|_| self.unit()).sum::<f64>() - 6.0) as f32
    }

    pub fn normals(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.normal()).collect()
    }

    /// Any finite `f32`: now and then zero of either sign, subnormal, huge.
    pub fn awkward(&mut self) -> f32 {
        match self.bits() % 16 {
            0 => 0.0,
            1 => -0.0,
            2 => f32::from_bits(self.bits() as u32 & 0x807f_ffff),
            3 => 1e30 * self.normal(),
            4 => 1e-30 * self.normal(),
            5 => f32::MAX,
            6 => -f32::MIN_POSITIVE,
            _ => self.normal(),
        }
    }

    /// `len` values stored as `dtype`, all bit patterns of the type that are finite among them.
    pub fn block(&mut self, dtype: Dtype, len: usize) -> Block {
        match dtype {
            Dtype::F32 => Block::F32((0..len).map(|_| self.awkward()).collect()),
            Dtype::F16 => Block::F16((0..len).map(|_| finite(|| f16::from_bits(self.bits() as u16))).collect()),
            Dtype::Bf16 => Block::Bf16((0..len).map(|_| finite_bf16(|| bf16::from_bits(self.bits() as u16))).collect()),
            Dtype::I8 => Block::I8((0..len).map(|_| self.bits() as i8).collect()),
            Dtype::U8 => Block::U8((0..len).map(|_| self.bits() as u8).collect()),
        }
    }
}

fn finite(mut draw: impl FnMut() -> f16) -> f16 {
    std::iter::repeat_with(&mut draw).find(|v| v.is_finite()).expect("some are")
}

fn finite_bf16(mut draw: impl FnMut() -> bf16) -> bf16 {
    std::iter::repeat_with(&mut draw).find(|v| v.is_finite()).expect("some are")
}

pub fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|v| v.to_bits()).collect()
}

pub fn bits_f32(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

/// What makes rows awkward.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Plain,
    /// A mean far larger than the spread: distances by products cancel.
    FarMean,
    /// Few different values: ties and duplicates everywhere.
    Ties,
    Subnormal,
    /// Plain, with a row of 1e30 now and then: products overflow.
    Outliers,
    /// Every magnitude in one row.
    Mixed,
}

pub const KINDS: [Kind; 6] = [Kind::Plain, Kind::FarMean, Kind::Ties, Kind::Subnormal, Kind::Outliers, Kind::Mixed];

pub fn values(random: &mut Random, kind: Kind, rows: usize, dim: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(rows * dim);
    for _ in 0..rows {
        let huge = random.bits().is_multiple_of(13);
        out.extend((0..dim).map(|_| match kind {
            Kind::Plain => random.normal(),
            Kind::FarMean => 300.0 + random.normal(),
            Kind::Ties => (random.bits() % 2) as f32,
            Kind::Subnormal => 1e-40 * random.normal(),
            Kind::Outliers if huge => 1e30 * random.normal(),
            Kind::Outliers => random.normal(),
            Kind::Mixed => random.awkward(),
        }));
    }
    out
}

/// Canonical squared distances of every row to every center.
pub fn exact(left: &[f32], centers: &[f32], dim: usize) -> Vec<Vec<f64>> {
    let of_row = |row: &[f32]| {
        let mut out = vec![0.0; centers.len() / dim];
        Kernels::best().sq_dists(row, centers, &mut out);
        out
    };
    left.chunks_exact(dim).map(of_row).collect()
}
