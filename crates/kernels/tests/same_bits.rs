//! Canonical verbs give the same bits on every instruction set, for every length and storage type.

mod common;

use common::{DTYPES, Random, bits, bits_f32, fast, lengths, scalar};
use proptest::prelude::*;
use subsel_kernels::{Block, Dtype, Kernels, NonFinite, NormKind, Rows, bf16, f16};

const ROWS: usize = 7; // not a multiple of the rows taken at once

fn norms(kernels: Kernels, rows: Rows<'_>, kind: NormKind) -> Vec<u64> {
    let mut out = vec![f64::NAN; rows.len()];
    kernels.norms(rows, kind, &mut out);
    bits(&out)
}

#[test]
fn norms_have_the_same_bits() {
    let mut random = Random(1);
    for dim in lengths() {
        for dtype in DTYPES {
            let block = random.block(dtype, ROWS * dim);
            for (kind, fast) in fast().flat_map(|f| [NormKind::L1, NormKind::L2, NormKind::Linf].map(|kind| (kind, f)))
            {
                let rows = block.rows(dim);
                assert_eq!(norms(fast, rows, kind), norms(scalar(), rows, kind), "{fast:?} {kind:?} {dtype:?} {dim}");
            }
        }
    }
}

#[test]
fn norms_follow_the_definition() {
    // One value per lane and one more: lanes 0 and 16 share the first.
    let row: Vec<f32> = (1..=17).map(|v| v as f32).collect();
    let mut out = [0.0];
    scalar().sq_norms(Rows::from_f32(&row, 17), &mut out);
    assert_eq!(out, [1785.0]); // 17 * 18 * 35 / 6
    assert_eq!(norms(scalar(), Rows::from_f32(&row, 17), NormKind::L1), bits(&[153.0]));
    assert_eq!(norms(scalar(), Rows::from_f32(&row, 17), NormKind::Linf), bits(&[17.0]));
}

#[test]
fn inner_products_have_the_same_bits() {
    let mut random = Random(2);
    for dim in lengths() {
        let draw = |random: &mut Random, len: usize| -> Vec<f64> {
            (0..len).map(|_| f64::from(random.awkward()) * (1.0 + random.unit())).collect()
        };
        let (x, panel) = (draw(&mut random, dim), draw(&mut random, ROWS * dim));
        let run = |kernels: Kernels| {
            let mut out = vec![f64::NAN; ROWS];
            kernels.dots(x.as_slice(), &panel, &mut out);
            bits(&out)
        };
        fast().for_each(|fast| assert_eq!(run(fast), run(scalar()), "{fast:?} {dim}"));
    }
}

#[test]
fn inner_products_that_underflow_below_zero_are_positive_zero_everywhere() {
    for dim in lengths() {
        let (x, y) = (vec![1e-200; dim], vec![-1e-200; ROWS * dim]);
        for kernels in fast().chain([scalar()]) {
            let mut out = vec![f64::NAN; ROWS];
            kernels.dots(&x, &y, &mut out);
            assert_eq!(bits(&out), [0; ROWS], "{kernels:?} {dim}");
        }
    }
}

#[test]
fn inner_products_of_stored_rows_are_those_of_widened_rows() {
    let mut random = Random(3);
    for dim in lengths() {
        for dtype in DTYPES {
            let block = random.block(dtype, ROWS * dim);
            let y: Vec<f64> = (0..dim).map(|_| random.unit() - 0.5).collect();
            let mut widened = vec![0.0; ROWS * dim];
            scalar().widen(block.rows(dim), &mut widened);
            let widened: Vec<f64> = widened.iter().map(|v| f64::from(*v)).collect();
            let mut want = vec![0.0; ROWS];
            scalar().dots(&y, &widened, &mut want);
            for kernels in fast().chain([scalar()]) {
                let mut out = vec![f64::NAN; ROWS];
                kernels.dots_rows(block.rows(dim), &y, &mut out);
                assert_eq!(bits(&out), bits(&want), "{kernels:?} {dtype:?} {dim}");
            }
        }
    }
}

#[test]
fn squared_distances_have_the_same_bits_and_obey_their_limit() {
    let mut random = Random(4);
    for dim in lengths() {
        let x: Vec<f32> = (0..dim).map(|_| random.awkward()).collect();
        let panel: Vec<f32> = (0..ROWS * dim).map(|_| random.awkward()).collect();
        let mut want = vec![0.0; ROWS];
        scalar().sq_dists(&x, &panel, &mut want);
        for kernels in fast().chain([scalar()]) {
            let mut out = vec![f64::NAN; ROWS];
            kernels.sq_dists(&x, &panel, &mut out);
            assert_eq!(bits(&out), bits(&want), "{kernels:?} {dim}");
            for (y, full) in panel.chunks_exact(dim).zip(&want) {
                for limit in [0.0, full / 2.0, full.next_down(), *full, full.next_up(), full * 2.0, f64::INFINITY] {
                    let got = kernels.sq_dist_below(&x, y, limit);
                    assert_eq!(got, (*full < limit).then_some(*full), "{kernels:?} {dim} {limit}");
                }
                assert_eq!(kernels.sq_dist_below(&x, y, f64::NAN), None);
            }
        }
    }
}

#[test]
fn column_sums_do_not_depend_on_blocks_or_instructions() {
    let mut random = Random(5);
    for dim in lengths() {
        for dtype in DTYPES {
            let block = random.block(dtype, ROWS * dim);
            let start: Vec<f64> = (0..dim).map(|_| random.unit()).collect();
            let mut want = start.clone();
            (0..ROWS).for_each(|row| scalar().sums(block.rows(dim).slice(row..row + 1), &mut want));
            for kernels in fast().chain([scalar()]) {
                let mut out = start.clone();
                kernels.sums(block.rows(dim), &mut out);
                assert_eq!(bits(&out), bits(&want), "{kernels:?} {dtype:?} {dim}");
            }
        }
    }
}

#[test]
fn elementwise_verbs_have_the_same_bits() {
    let mut random = Random(6);
    for dim in lengths() {
        let v: Vec<f64> = (0..dim).map(|_| f64::from(random.awkward())).collect();
        let q: Vec<f64> = (0..dim).map(|_| random.unit()).collect();
        let offset: Vec<f32> = (0..dim).map(|_| random.awkward()).collect();
        let subtracted = |kernels: Kernels| {
            let mut v = v.clone();
            kernels.subtract_scaled(&mut v, 1.0 / 3.0, &q);
            bits(&v)
        };
        let scaled = |kernels: Kernels| {
            let mut v = offset.clone();
            kernels.scale(&mut v, 1.0 / 3.0);
            bits_f32(&v)
        };
        for fast in fast() {
            assert_eq!(subtracted(fast), subtracted(scalar()), "{fast:?} {dim}");
            assert_eq!(scaled(fast), scaled(scalar()), "{fast:?} {dim}");
            for dtype in DTYPES {
                let block = random.block(dtype, ROWS * dim);
                let widened = |kernels: Kernels| {
                    let (mut plain, mut less) = (vec![0.0; ROWS * dim], vec![0.0; ROWS * dim]);
                    kernels.widen(block.rows(dim), &mut plain);
                    kernels.widen_offset(block.rows(dim), &offset, &mut less);
                    (bits_f32(&plain), bits_f32(&less))
                };
                assert_eq!(widened(fast), widened(scalar()), "{fast:?} {dtype:?} {dim}");
            }
        }
    }
}

#[test]
fn every_half_widens_to_its_value() {
    let halves: Vec<f16> = (0..=u16::MAX).map(f16::from_bits).filter(|v| !v.is_nan()).collect();
    let brains: Vec<bf16> = (0..=u16::MAX).map(bf16::from_bits).filter(|v| !v.is_nan()).collect();
    for kernels in fast().chain([scalar()]) {
        let mut out = vec![0.0; halves.len()];
        kernels.widen(Block::F16(halves.clone()).rows(1), &mut out);
        assert!(halves.iter().zip(&out).all(|(half, v)| half.to_f32().to_bits() == v.to_bits()));
        let mut out = vec![0.0; brains.len()];
        kernels.widen(Block::Bf16(brains.clone()).rows(1), &mut out);
        assert!(brains.iter().zip(&out).all(|(brain, v)| brain.to_f32().to_bits() == v.to_bits()));
    }
}

#[test]
fn the_first_value_that_is_not_finite_is_found_wherever_it_is() {
    let dim = 37;
    for place in [0, 1, 36, 37, 1023, 1024, 1025, 2000, 60 * dim - 1] {
        for bad in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut values = vec![f32::MAX; 60 * dim];
            values[place] = bad;
            let halves: Vec<f16> = values.iter().map(|v| f16::from_f32(v.min(65504.0))).collect();
            let brains: Vec<bf16> = values.iter().map(|v| bf16::from_f32(v.min(1e38))).collect();
            let want = NonFinite { count: 1, first: (place / dim, place % dim) };
            for kernels in fast().chain([scalar()]) {
                assert_eq!(kernels.non_finite(Rows::from_f32(&values, dim)), Some(want));
                if !(bad == f32::INFINITY || bad.is_nan()) {
                    assert_eq!(kernels.non_finite(Block::F16(halves.clone()).rows(dim)), Some(want));
                    assert_eq!(kernels.non_finite(Block::Bf16(brains.clone()).rows(dim)), Some(want));
                }
            }
        }
    }
    let mut random = Random(7);
    for dtype in DTYPES {
        let block = random.block(dtype, 60 * dim);
        fast().for_each(|kernels| assert_eq!(kernels.non_finite(block.rows(dim)), None));
    }
}

proptest! {
    #[test]
    fn any_shape_and_values_have_the_same_bits(dim in 1_usize..300, rows in 0_usize..12, seed: u64, dtype in 0_usize..5) {
        let mut random = Random(seed);
        let block = random.block(DTYPES[dtype], rows * dim);
        let y: Vec<f64> = (0..dim).map(|_| random.unit() - 0.5).collect();
        let run = |kernels: Kernels| {
            let mut dots = vec![0.0; rows];
            kernels.dots_rows(block.rows(dim), &y, &mut dots);
            (norms(kernels, block.rows(dim), NormKind::L2), bits(&dots))
        };
        for fast in fast() {
            prop_assert_eq!(run(fast), run(scalar()));
        }
    }
}

#[test]
fn blocks_of_no_rows_are_fine() {
    for kernels in fast().chain([scalar()]) {
        for dtype in DTYPES {
            let empty = Block::new(dtype);
            kernels.sq_norms(empty.rows(3), &mut []);
            kernels.sums(empty.rows(3), &mut [0.0; 3]);
            assert_eq!(kernels.non_finite(empty.rows(3)), None);
        }
        assert_eq!(kernels.sq_dist_below(&[1.0], &[2.0], 2.0), Some(1.0));
        assert_eq!(Dtype::F32.size(), 4);
    }
}
