//! Sixteen lanes of one instruction set: all that the bodies in `generic` know of it.

/// Sixteen `f64` lanes (the lanes of a canonical sum) and sixteen `f32` lanes.
///
/// # Safety
/// Every function requires that the processor has the instruction set, and every function taking a pointer that
/// sixteen values (`len` values for those ending in `_part`) can be read or written there. Loads and stores need no
/// alignment. All are meant to be inlined into a function with the right `target_feature`.
pub(super) trait Vector: Copy {
    /// Sixteen `f64` lanes.
    type F64: Copy;
    /// Sixteen `f32` lanes.
    type F32: Copy;

    /// All lanes +0.0.
    unsafe fn zero() -> Self::F64;
    /// Sixteen values.
    unsafe fn load_f64(from: *const f64) -> Self::F64;
    /// `len < 16` values, then zeros.
    unsafe fn load_f64_part(from: *const f64, len: usize) -> Self::F64;
    /// Sixteen `f32` values, widened.
    unsafe fn load_widened(from: *const f32) -> Self::F64;
    /// `len < 16` `f32` values, widened, then zeros.
    unsafe fn load_widened_part(from: *const f32, len: usize) -> Self::F64;
    /// `a + b`.
    unsafe fn add(a: Self::F64, b: Self::F64) -> Self::F64;
    /// `a - b`.
    unsafe fn sub(a: Self::F64, b: Self::F64) -> Self::F64;
    /// `a * b + c`, rounded once.
    unsafe fn mul_add(a: Self::F64, b: Self::F64, c: Self::F64) -> Self::F64;
    /// `|a|`.
    unsafe fn abs(a: Self::F64) -> Self::F64;
    /// The sum over the tree of `scalar::reduce`.
    unsafe fn sum(a: Self::F64) -> f64;

    /// All lanes `value`.
    unsafe fn splat_f32(value: f32) -> Self::F32;
    /// Sixteen values.
    unsafe fn load_f32(from: *const f32) -> Self::F32;
    /// `len < 16` values, then zeros.
    unsafe fn load_f32_part(from: *const f32, len: usize) -> Self::F32;
    /// Sixteen halves, given by their bits, widened.
    unsafe fn load_f16(from: *const u16) -> Self::F32;
    /// Sixteen whole numbers, rounded.
    unsafe fn load_i32(from: *const i32) -> Self::F32;
    /// Sixteen values.
    unsafe fn store_f32(to: *mut f32, a: Self::F32);
    /// `a + b`.
    unsafe fn add_f32(a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a * b + c`, rounded once.
    unsafe fn mul_add_f32(a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32;
    /// `|a|`.
    unsafe fn abs_f32(a: Self::F32) -> Self::F32;
    /// The lesser; `b` where either is NaN.
    unsafe fn min_f32(a: Self::F32, b: Self::F32) -> Self::F32;
    /// The greater; `b` where either is NaN.
    unsafe fn max_f32(a: Self::F32, b: Self::F32) -> Self::F32;
    /// Lane by lane: `value` where `a < b`, else `other`. False where either is NaN.
    unsafe fn select_less(a: Self::F32, b: Self::F32, value: Self::F32, other: Self::F32) -> Self::F32;
    /// Lane by lane: `value` where `a == b`, else `other`.
    unsafe fn select_equal(a: Self::F32, b: Self::F32, value: Self::F32, other: Self::F32) -> Self::F32;
    /// The least of the lanes, none of them NaN.
    unsafe fn least(a: Self::F32) -> f32;
    /// A mask of the lanes, the first the lowest bit, in which `a > b` is false, as it is where either is NaN.
    unsafe fn not_greater(a: Self::F32, b: Self::F32) -> u16;
}
