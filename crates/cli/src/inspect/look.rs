//! One pass over a pool that refuses nothing: norms, zero, duplicate and non-finite rows.

use serde::Serialize;
use subsel::{CHUNK_ROWS, Context};
use subsel_formats::RowSource;
use subsel_kernels::Block;
use xxhash_rust::xxh3::xxh3_128;

use crate::failure::Failure;

/// What one pass tells.
#[derive(Serialize)]
pub(super) struct Look {
    /// Of the finite rows; null where there is none.
    pub(super) norms: Option<Norms>,
    pub(super) zero_rows: usize,
    pub(super) distinct_rows: usize,
    /// Rows that repeat an earlier one, counted by 128-bit hashes of their values.
    pub(super) duplicate_rows: usize,
    /// How often the most frequent row stands in the pool.
    pub(super) most_frequent: usize,
    /// Its first number.
    pub(super) most_frequent_row: usize,
    pub(super) nonfinite_rows: usize,
    pub(super) nonfinite_values: usize,
    pub(super) first_nonfinite: Option<NonFinite>,
}

/// Euclidean norms.
#[derive(Serialize)]
pub(super) struct Norms {
    pub(super) mean: f64,
    pub(super) sd: f64,
    pub(super) min: f64,
    pub(super) q01: f64,
    pub(super) q25: f64,
    pub(super) median: f64,
    pub(super) q75: f64,
    pub(super) q99: f64,
    pub(super) max: f64,
}

/// A value that is NaN or infinite.
#[derive(Serialize)]
pub(super) struct NonFinite {
    pub(super) row: usize,
    pub(super) column: usize,
    /// As text: JSON has no such numbers.
    pub(super) value: String,
}

/// What is kept of every row during the pass: 24 bytes.
struct Seen {
    norms: Vec<f64>,
    hashes: Vec<u128>,
    nonfinite_values: usize,
    first_nonfinite: Option<NonFinite>,
}

/// Looks at every row once. Also gives the finite rows.
pub(super) fn look(source: &dyn RowSource, ctx: &Context) -> Result<(Look, Vec<usize>), Failure> {
    let seen = pass(source, ctx)?;
    let finite: Vec<usize> = (0..seen.norms.len()).filter(|&row| seen.norms[row].is_finite()).collect();
    let norms: Vec<f64> = finite.iter().map(|&row| seen.norms[row]).collect();
    let repeats = repeats(seen.hashes);
    let look = Look {
        zero_rows: norms.iter().filter(|norm| **norm == 0.0).count(),
        norms: describe(norms),
        distinct_rows: repeats.distinct,
        duplicate_rows: source.n_rows() - repeats.distinct,
        most_frequent: repeats.most,
        most_frequent_row: repeats.row,
        nonfinite_rows: source.n_rows() - finite.len(),
        nonfinite_values: seen.nonfinite_values,
        first_nonfinite: seen.first_nonfinite,
    };
    Ok((look, finite))
}

fn pass(source: &dyn RowSource, ctx: &Context) -> Result<Seen, Failure> {
    let (n, dim) = (source.n_rows(), source.dim());
    let mut seen =
        Seen { norms: vec![0.0; n], hashes: Vec::with_capacity(n), nonfinite_values: 0, first_nonfinite: None };
    let (mut scratch, mut wide) = (Block::new(source.dtype()), Vec::new());
    let at_once = ctx.block_rows(dim);
    ctx.progress().begin("looking", n.div_ceil(CHUNK_ROWS) as u64);
    for first in (0..n).step_by(at_once) {
        ctx.go_on()?;
        let end = (first + at_once).min(n);
        let rows = source.rows(first..end, &mut scratch)?;
        wide.resize(rows.len() * dim, 0.0);
        ctx.kernels().widen(rows, &mut wide);
        ctx.kernels().sq_norms(rows, &mut seen.norms[first..end]);
        seen.norms[first..end].iter_mut().for_each(|norm| *norm = norm.sqrt());
        seen.hashes.extend(wide.chunks_exact(dim).map(|row| xxh3_128(bytemuck::cast_slice(row))));
        if ctx.kernels().non_finite(rows).is_some() {
            seen.mark_nonfinite(first, &wide, dim);
        }
        ctx.progress().at((end / CHUNK_ROWS) as u64);
    }
    Ok(seen)
}

impl Seen {
    /// Rows with a bad value get the norm NaN, so that they are told apart even where the sum would be finite.
    fn mark_nonfinite(&mut self, first: usize, wide: &[f32], dim: usize) {
        for (i, value) in wide.iter().enumerate().filter(|(_, value)| !value.is_finite()) {
            let (row, column) = (first + i / dim, i % dim);
            self.norms[row] = f64::NAN;
            self.nonfinite_values += 1;
            self.first_nonfinite.get_or_insert_with(|| NonFinite { row, column, value: value.to_string() });
        }
    }
}

/// How often rows repeat.
#[derive(Debug, PartialEq)]
struct Repeats {
    distinct: usize,
    most: usize,
    row: usize,
}

fn repeats(hashes: Vec<u128>) -> Repeats {
    let mut order: Vec<u32> = (0..hashes.len() as u32).collect();
    order.sort_unstable_by_key(|&row| (hashes[row as usize], row));
    let mut repeats = Repeats { distinct: 0, most: 0, row: 0 };
    for group in order.chunk_by(|&a, &b| hashes[a as usize] == hashes[b as usize]) {
        repeats.distinct += 1;
        let first = group[0] as usize;
        if group.len() > repeats.most || (group.len() == repeats.most && first < repeats.row) {
            (repeats.most, repeats.row) = (group.len(), first);
        }
    }
    repeats
}

fn describe(mut norms: Vec<f64>) -> Option<Norms> {
    if norms.is_empty() {
        return None;
    }
    norms.sort_unstable_by(f64::total_cmp);
    let count = norms.len() as f64;
    let mean = norms.iter().sum::<f64>() / count;
    let squares: f64 = norms.iter().map(|norm| (norm - mean).powi(2)).sum();
    let at = |share: f64| norms[((norms.len() - 1) as f64 * share).round() as usize];
    Some(Norms {
        mean,
        sd: if norms.len() > 1 { (squares / (count - 1.0)).sqrt() } else { 0.0 },
        min: at(0.0),
        q01: at(0.01),
        q25: at(0.25),
        median: at(0.5),
        q75: at(0.75),
        q99: at(0.99),
        max: at(1.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_are_counted_and_the_most_frequent_row_is_named() {
        assert_eq!(repeats(vec![5, 7, 5, 9, 7, 7]), Repeats { distinct: 3, most: 3, row: 1 });
        assert_eq!(repeats(vec![9, 1, 5]), Repeats { distinct: 3, most: 1, row: 0 });
    }

    #[test]
    fn quantiles_are_values_of_the_sample() {
        let norms = describe((0..=100).rev().map(f64::from).collect()).expect("there are norms");
        assert_eq!((norms.min, norms.q01, norms.median, norms.q99, norms.max), (0.0, 1.0, 50.0, 99.0, 100.0));
        assert_eq!(norms.mean, 50.0);
    }
}
