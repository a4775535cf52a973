//! A small map of a selection, for places where a page is too much.

use std::fmt::Write;

use crate::{Error, Layout, Look};
use subsel::{CheckedPool, Context, Pool, Settings};
use subsel_formats::{MemorySource, RowSource};
use subsel_kernels::{Block, Kernels};

/// Rows drawn beside the picks, evenly spaced.
const DRAWN: usize = 2000;

/// Picks drawn: the first of them.
const PICKED: usize = 500;

/// Width and height, in pixels.
const SIZE: f32 = 300.0;

/// Draws the first 500 picks among 2,000 evenly spaced rows of a pool, along the two directions in which these vary most.
/// Rows with values that are not finite are left out. Gives SVG of about 30 KiB.
///
/// # Errors
/// Reading; a pool of which no row can be drawn; picks beyond it.
pub fn small_map(source: &dyn RowSource, picks: &[usize]) -> Result<String, Error> {
    let (n, dim) = (source.n_rows(), source.dim());
    let picks = &picks[..picks.len().min(PICKED)];
    let step = n.div_ceil(DRAWN).max(1);
    let mut rows: Vec<usize> = (0..n).step_by(step).chain(picks.iter().copied().filter(|row| *row < n)).collect();
    rows.sort_unstable();
    rows.dedup();
    let (mut values, mut kept, mut scratch) = (Vec::new(), Vec::new(), Block::default());
    let mut wide = vec![0.0; dim];
    for row in rows {
        let found = source.gather(&[row], &mut scratch).map_err(subsel::Error::from)?;
        Kernels::best().widen(found, &mut wide);
        if wide.iter().all(|value| value.is_finite()) {
            values.extend_from_slice(&wide);
            kept.push(row);
        }
    }
    let sample = MemorySource::new(values, dim).map_err(subsel::Error::from)?;
    let mut ctx = Context::new(&Settings { threads: Some(1), ..Settings::default() })?;
    let pool = CheckedPool::new(&Pool::new(&sample), &mut ctx)?;
    let local: Vec<usize> = picks.iter().filter_map(|pick| kept.binary_search(pick).ok()).collect();
    let look = Look::at(&pool, &local, Layout::Pca, &ctx)?;
    Ok(svg(&look, &local))
}

fn svg(look: &Look, picks: &[usize]) -> String {
    let at = |row: usize| look.rows.binary_search(&row).ok().map(|i| look.places[i]);
    let dots = |places: &mut dyn Iterator<Item = [f32; 2]>| {
        let mut path = String::new();
        for [x, y] in places {
            // A line of no length is a dot of the stroke's width.
            let (x, y) = (4.0 + x * (SIZE - 8.0), SIZE - 4.0 - y * (SIZE - 8.0));
            let _ = write!(path, "M{x:.0} {y:.0}h0");
        }
        path
    };
    let pool = dots(&mut look.places.iter().copied());
    let picked = dots(&mut picks.iter().filter_map(|row| at(*row)));
    let dot = |path: &str, color: &str, width: f32| {
        format!("<path d='{path}' stroke='{color}' stroke-width='{width}' stroke-linecap='round' fill='none'/>")
    };
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {SIZE} {SIZE}' width='{SIZE}' height='{SIZE}' role='img' \
         aria-label='picks among rows of the pool'>{}{}</svg>",
        dot(&pool, "#bbb", 3.0),
        dot(&picked, "#d55e00", 5.0)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pick_is_a_dot() {
        let mut values: Vec<f32> = (0..30).flat_map(|i| [i as f32, (i % 5) as f32, 1.0]).collect();
        values[5 * 3] = f32::NAN;
        let source = MemorySource::new(values, 3).unwrap_or_else(|error| panic!("{error}"));
        let svg = small_map(&source, &[29, 0, 7]).unwrap_or_else(|error| panic!("{error}"));
        let dots: Vec<usize> = svg.split("<path").skip(1).map(|path| path.matches("h0").count()).collect();
        assert_eq!(dots, [29, 3]);
        // The ends of the pool are the ends of the map.
        assert!(svg.contains("M4 ") && svg.contains("M296 "), "{svg}");
        assert!(small_map(&MemorySource::new(vec![f32::NAN; 3], 3).unwrap_or_else(|e| panic!("{e}")), &[]).is_err());
    }
}
