//! The SIMD paths, and the only place of this crate with `unsafe`.
//!
//! `vector` is a small trait over sixteen lanes, `generic` the bodies written over it, `x86` the thin wrappers that
//! compile each body for one instruction set. This file chooses among them: every function takes the [`Kernels`],
//! whose existence proves that the processor has the instruction set it names.
//!
//! Sizes are asserted by the methods of [`Kernels`]. Were one wrong, the functions here would leave values out or
//! panic, but never read or write outside a slice.

#![allow(unsafe_code)]

use crate::alike::{Gains, Units};
use crate::linear;
use crate::{Isa, Kernels, Rows, scalar};

pub(crate) mod codes;
mod columns;
#[cfg(target_arch = "x86_64")]
mod generic;
mod product;
#[cfg(target_arch = "x86_64")]
mod vector;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(crate) use columns::{count_at_most, keep_at_most, l1_dists, l1_least, l1_nearest, l1_within, l1_within_all};
pub(crate) use product::{pack, product, product_packed, strip};

/// Calls `$name` of the module for the instruction set of `$kernels`.
macro_rules! dispatch {
    ($kernels:expr, $name:ident($($arg:expr),*)) => {
        match $kernels.isa {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a `Kernels` is made only for an instruction set that this processor has.
            Isa::Avx512 | Isa::Avx512Vnni => unsafe { x86::avx512::$name($($arg),*) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Isa::Avx2 => unsafe { x86::avx2::$name($($arg),*) },
            _ => scalar::$name($($arg),*),
        }
    };
}

/// Declares functions that only dispatch.
macro_rules! verbs {
    ($($name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)?;)*) => {
        $(pub(crate) fn $name(kernels: Kernels, $($arg: $type),*) $(-> $result)? {
            dispatch!(kernels, $name($($arg),*))
        })*
    };
}

verbs! {
    sq_norms_f32(rows: &[f32], dim: usize, out: &mut [f64]);
    l1_norms_f32(rows: &[f32], dim: usize, out: &mut [f64]);
    linf_norms_f32(rows: &[f32], dim: usize, out: &mut [f64]);
    dots(x: &[f64], panel: &[f64], out: &mut [f64]);
    dots_f32(y: &[f64], rows: &[f32], out: &mut [f64]);
    sq_dists(x: &[f32], panel: &[f32], out: &mut [f64]);
    sq_dist_below(x: &[f32], y: &[f32], limit: f64) -> Option<f64>;
    sums_f32(rows: &[f32], out: &mut [f64]);
    subtract_scaled(v: &mut [f64], coef: f64, q: &[f64]);
    scale(v: &mut [f32], by: f64);
    subtract_offset(rows: &mut [f32], offset: &[f32]);
    widen(rows: Rows<'_>, out: &mut [f32]);
    has_non_finite(rows: Rows<'_>) -> bool;
    any_within(dots: &[f32], offsets: &[f32], limit: f32) -> bool;
    either_within(dots: &[f32], offsets: &[f32], limit: f32, others: &[f32], other_limit: f32, masks: &mut [u16]) -> bool;
    two_least(dots: &[f32], offsets: &[f32]) -> scalar::TwoLeast;
    count_within(dots: &[f32], offsets: &[f32], certain: f32, maybe: f32, counts: &mut [u32]) -> (u32, u32);
    gains(of: Gains<'_>, lower: &mut [f32], upper: &mut [f32]) -> (f32, f32);
    units(of: Units<'_>, out: &mut [u16]);
    units_above(units: &[u16], levels: &[u16]) -> u64;
    units_above_weighted(units: &[u16], levels: &[u16], weights: &[u16]) -> u64;
    least_both(dots: &[f32], offsets: &[f32], own: f32, least: &mut [f32]) -> f32;
    dots_few(x: &[f32], rows: &[f32], which: &[u32], out: &mut [f32]);
    floors(dots: &[f32], offsets: &[f32], own: f32, per_unit: f32, out: &mut [u16]);
    lower_floors(floors: &mut [u16], moved: &[u16], limit: u16, open: &mut Vec<u32>);
    shortfalls_both(dots: &[f32], offsets: &[f32], reach: f32, sums: &mut [f32]) -> f32;
    class_dots_f32(of: linear::Rows<'_, f32>, weights: &[f32], out: &mut [f32]);
    class_dots_f64(of: linear::Rows<'_, f64>, weights: &[f64], out: &mut [f64]);
    class_sums_f32(of: linear::Sums<'_, f32>, out: &mut [f32]);
    class_sums_f64(of: linear::Sums<'_, f64>, out: &mut [f64]);
}

/// Begins to load values that are needed soon.
pub(crate) fn prefetch(values: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    for line in values.chunks(LINE_VALUES) {
        // SAFETY: a prefetch reads nothing; every x86-64 processor has it.
        unsafe { std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}

/// Values of a cache line.
#[cfg(target_arch = "x86_64")]
const LINE_VALUES: usize = 16;
