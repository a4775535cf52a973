use super::*;
use crate::testing::{LinePool, matrix_pool, mixture_pool, picks_of, select_rows, values_of};

fn of(keep: Keep, balance: Balance) -> Prototypicality {
    Prototypicality { clusters: Some(2), keep, balance }
}

/// Two bundles of directions, of 5 and 3 rows of any length.
fn bundles() -> LinePool {
    let degrees: [f32; 8] = [0.0, 10.0, 20.0, 22.0, 50.0, 160.0, 171.0, 180.0];
    let point = |(i, d): (usize, &f32)| {
        let (sin, cos) = d.to_radians().sin_cos();
        [(1 + i % 3) as f32 * cos, (1 + i % 3) as f32 * sin]
    };
    matrix_pool(degrees.iter().enumerate().flat_map(point).collect(), 2)
}

#[test]
fn defaults_are_as_documented() {
    let defaults = Prototypicality { clusters: None, keep: Keep::Hard, balance: Balance::Clusters };
    assert_eq!(Prototypicality::default(), defaults);
}

#[test]
fn hard_rows_are_the_farthest_in_direction_and_easy_the_nearest() {
    for seed in 0..5 {
        // The mean directions are near 20 and 170 degrees; shares alternate, the larger cluster first.
        assert_eq!(picks_of(&of(Keep::Hard, Balance::Clusters), &bundles(), 4, seed), [4, 5, 0, 7]);
        assert_eq!(picks_of(&of(Keep::Easy, Balance::Clusters), &bundles(), 2, seed), [2, 6]);
        assert_eq!(picks_of(&of(Keep::Hard, Balance::None), &bundles(), 2, seed), [4, 0]);
    }
}

#[test]
fn scores_are_cosine_distances() {
    let pool = mixture_pool(600, 7, 1);
    let method = Prototypicality { clusters: Some(8), balance: Balance::None, ..Prototypicality::default() };
    let selection = select_rows(&method, &pool, 600, 3).unwrap_or_else(|error| panic!("{error}"));
    let unit: Vec<Vec<f64>> = values_of(&pool)
        .chunks_exact(7)
        .map(|row| {
            let norm = row.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
            row.iter().map(|v| f64::from(*v) / norm).collect()
        })
        .collect();
    let mut sums = vec![vec![0.0; 7]; 8];
    for pick in &selection.picks {
        let Reason::Prototype { cluster, .. } = pick.reason else { panic!("{:?}", pick.reason) };
        sums[cluster].iter_mut().zip(&unit[pick.row]).for_each(|(sum, v)| *sum += v);
    }
    for pick in &selection.picks {
        let Reason::Prototype { cluster, distance } = pick.reason else { panic!("{:?}", pick.reason) };
        let norm = sums[cluster].iter().map(|v| v * v).sum::<f64>().sqrt();
        let cos = unit[pick.row].iter().zip(&sums[cluster]).map(|(a, b)| a * b).sum::<f64>() / norm;
        assert!((1.0 - cos - distance).abs() < 1e-4, "{distance} is not {}", 1.0 - cos);
    }
}

#[test]
fn easy_without_balance_is_warned_of() {
    let warned = |keep, balance| {
        let selection = select_rows(&of(keep, balance), &bundles(), 2, 0).unwrap_or_else(|error| panic!("{error}"));
        selection.warnings.iter().any(|warning| warning.contains("prototypical"))
    };
    assert!(warned(Keep::Easy, Balance::None));
    assert!(!warned(Keep::Easy, Balance::Clusters) && !warned(Keep::Hard, Balance::None));
}
