//! Typed views of row-major blocks: how raw embeddings reach a kernel, still in the type they are stored in.

use half::{bf16, f16};

/// How one value of an embedding is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dtype {
    /// IEEE binary32.
    F32,
    /// IEEE binary16.
    F16,
    /// bfloat16: the upper half of a binary32.
    Bf16,
    /// Signed byte, taken as the number it is.
    I8,
    /// Unsigned byte, taken as the number it is.
    U8,
}

impl Dtype {
    /// Bytes per value.
    pub fn size(self) -> usize {
        match self {
            Dtype::F32 => 4,
            Dtype::F16 | Dtype::Bf16 => 2,
            Dtype::I8 | Dtype::U8 => 1,
        }
    }

    /// The name used in messages and options, such as `f16`.
    pub fn name(self) -> &'static str {
        match self {
            Dtype::F32 => "f32",
            Dtype::F16 => "f16",
            Dtype::Bf16 => "bf16",
            Dtype::I8 => "i8",
            Dtype::U8 => "u8",
        }
    }
}

/// The values of a block, row-major, as stored.
#[derive(Clone, Copy, Debug)]
pub enum Values<'a> {
    /// See [`Dtype::F32`].
    F32(&'a [f32]),
    /// See [`Dtype::F16`].
    F16(&'a [f16]),
    /// See [`Dtype::Bf16`].
    Bf16(&'a [bf16]),
    /// See [`Dtype::I8`].
    I8(&'a [i8]),
    /// See [`Dtype::U8`].
    U8(&'a [u8]),
}

/// Runs `$body` with `$slice` bound to the typed slice, whatever its type.
#[macro_export]
macro_rules! with_values {
    ($values:expr, $slice:ident => $body:expr) => {
        match $values {
            $crate::Values::F32($slice) => $body,
            $crate::Values::F16($slice) => $body,
            $crate::Values::Bf16($slice) => $body,
            $crate::Values::I8($slice) => $body,
            $crate::Values::U8($slice) => $body,
        }
    };
}

/// One stored number that widens exactly to `f32`.
pub trait Element: Copy + Send + Sync + 'static {
    /// The value; exact for every type that implements this.
    fn to_f32(self) -> f32;
}

impl Element for f32 {
    #[inline(always)]
    fn to_f32(self) -> f32 {
        self
    }
}
impl Element for f16 {
    #[inline(always)]
    fn to_f32(self) -> f32 {
        self.to_f32()
    }
}
impl Element for bf16 {
    #[inline(always)]
    fn to_f32(self) -> f32 {
        self.to_f32()
    }
}
impl Element for i8 {
    #[inline(always)]
    fn to_f32(self) -> f32 {
        f32::from(self)
    }
}
impl Element for u8 {
    #[inline(always)]
    fn to_f32(self) -> f32 {
        f32::from(self)
    }
}

/// A block of rows `(n, d)`, row-major, borrowed, in its stored type.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    values: Values<'a>,
    dim: usize,
}

impl<'a> Rows<'a> {
    /// A view of `values` as rows of `dim` values each.
    ///
    /// # Panics
    /// If `dim` is 0 or does not divide the number of values: the caller has checked its shapes.
    pub fn new(values: Values<'a>, dim: usize) -> Self {
        let len = with_values!(values, v => v.len());
        assert!(dim > 0 && len.is_multiple_of(dim), "{len} values do not make rows of {dim}");
        Rows { values, dim }
    }

    /// A view of `f32` rows.
    pub fn from_f32(values: &'a [f32], dim: usize) -> Self {
        Rows::new(Values::F32(values), dim)
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        with_values!(self.values, v => v.len()) / self.dim
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Values per row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The stored type.
    pub fn dtype(&self) -> Dtype {
        match self.values {
            Values::F32(_) => Dtype::F32,
            Values::F16(_) => Dtype::F16,
            Values::Bf16(_) => Dtype::Bf16,
            Values::I8(_) => Dtype::I8,
            Values::U8(_) => Dtype::U8,
        }
    }

    /// All values, row-major.
    pub fn values(&self) -> Values<'a> {
        self.values
    }

    /// The rows `range` of this block.
    pub fn slice(&self, range: std::ops::Range<usize>) -> Rows<'a> {
        let span = range.start * self.dim..range.end * self.dim;
        let values = match self.values {
            Values::F32(v) => Values::F32(&v[span]),
            Values::F16(v) => Values::F16(&v[span]),
            Values::Bf16(v) => Values::Bf16(&v[span]),
            Values::I8(v) => Values::I8(&v[span]),
            Values::U8(v) => Values::U8(&v[span]),
        };
        Rows { values, dim: self.dim }
    }
}

/// An owned block that readers fill and reuse: the other side of [`Rows`].
#[derive(Clone, Debug)]
pub enum Block {
    /// See [`Dtype::F32`].
    F32(Vec<f32>),
    /// See [`Dtype::F16`].
    F16(Vec<f16>),
    /// See [`Dtype::Bf16`].
    Bf16(Vec<bf16>),
    /// See [`Dtype::I8`].
    I8(Vec<i8>),
    /// See [`Dtype::U8`].
    U8(Vec<u8>),
}

impl Default for Block {
    fn default() -> Self {
        Block::F32(Vec::new())
    }
}

impl Block {
    /// An empty block of this type.
    pub fn new(dtype: Dtype) -> Self {
        match dtype {
            Dtype::F32 => Block::F32(Vec::new()),
            Dtype::F16 => Block::F16(Vec::new()),
            Dtype::Bf16 => Block::Bf16(Vec::new()),
            Dtype::I8 => Block::I8(Vec::new()),
            Dtype::U8 => Block::U8(Vec::new()),
        }
    }

    /// The stored type.
    pub fn dtype(&self) -> Dtype {
        match self {
            Block::F32(_) => Dtype::F32,
            Block::F16(_) => Dtype::F16,
            Block::Bf16(_) => Dtype::Bf16,
            Block::I8(_) => Dtype::I8,
            Block::U8(_) => Dtype::U8,
        }
    }

    /// Makes this a block of `len` values of `dtype` (contents unspecified) and gives its bytes, native endian,
    /// for a reader to fill. Keeps the allocation where type and size allow.
    pub fn bytes_mut(&mut self, dtype: Dtype, len: usize) -> &mut [u8] {
        if self.dtype() != dtype {
            *self = Block::new(dtype);
        }
        match self {
            Block::F32(v) => {
                v.resize(len, 0.0);
                bytemuck::cast_slice_mut(v)
            }
            Block::F16(v) => {
                v.resize(len, f16::ZERO);
                bytemuck::cast_slice_mut(v)
            }
            Block::Bf16(v) => {
                v.resize(len, bf16::ZERO);
                bytemuck::cast_slice_mut(v)
            }
            Block::I8(v) => {
                v.resize(len, 0);
                bytemuck::cast_slice_mut(v)
            }
            Block::U8(v) => {
                v.resize(len, 0);
                v
            }
        }
    }

    /// The whole block as rows of `dim`.
    ///
    /// # Panics
    /// As [`Rows::new`].
    pub fn rows(&self, dim: usize) -> Rows<'_> {
        let values = match self {
            Block::F32(v) => Values::F32(v),
            Block::F16(v) => Values::F16(v),
            Block::Bf16(v) => Values::Bf16(v),
            Block::I8(v) => Values::I8(v),
            Block::U8(v) => Values::U8(v),
        };
        Rows::new(values, dim)
    }
}
