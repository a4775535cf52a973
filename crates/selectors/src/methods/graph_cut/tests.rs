use super::*;
use crate::testing::{LinePool, mixture_pool, picks_of, select_rows, values_of};

/// The function greedily maximized as it is written down, all sums anew for every pick.
fn by_the_book(
    pool: &LinePool,
    dim: usize,
    settings: &GraphCut,
    labeled: &[usize],
    budget: usize,
) -> Vec<(usize, f64)> {
    let values = values_of(pool);
    let unit: Vec<Vec<f64>> = values
        .chunks_exact(dim)
        .map(|row| {
            let norm = row.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
            row.iter().map(|v| if norm > 0.0 { f64::from(*v) / norm } else { 0.0 }).collect()
        })
        .collect();
    let s = |a: usize, b: usize| {
        let dot: f64 = unit[a].iter().zip(&unit[b]).map(|(x, y)| x * y).sum();
        let sq_dist: f64 = unit[a].iter().zip(&unit[b]).map(|(x, y)| (x - y).powi(2)).sum();
        match settings.similarity {
            Similarity::Shifted => 0.5 + 0.5 * dot,
            Similarity::Cosine => dot,
            Similarity::Rbf => (-sq_dist / settings.width.powi(2)).exp(),
        }
    };
    let value = |set: &[usize]| -> f64 {
        let all: f64 = set.iter().map(|&j| (0..unit.len()).map(|i| s(i, j)).sum::<f64>()).sum();
        all - settings.lambda * set.iter().map(|&j| set.iter().map(|&k| s(j, k)).sum::<f64>()).sum::<f64>()
    };
    let (mut taken, mut picks) = (labeled.to_vec(), Vec::new());
    for _ in 0..budget {
        let before = value(&taken);
        let gains = (0..unit.len())
            .filter(|row| !taken.contains(row))
            .map(|row| (row, value(&[&taken[..], &[row]].concat()) - before));
        let best = gains.fold((0, f64::NEG_INFINITY), |best, found| if found.1 > best.1 + 1e-9 { found } else { best });
        taken.push(best.0);
        picks.push(best);
    }
    picks
}

#[test]
fn equals_the_book_with_every_similarity() {
    let mut pool = mixture_pool(90, 4, 6);
    for similarity in [Similarity::Shifted, Similarity::Cosine, Similarity::Rbf] {
        for (lambda, labeled) in [(0.5, vec![]), (2.0, vec![3, 40])] {
            let settings = GraphCut { similarity, width: 0.7, lambda };
            pool.labeled.clone_from(&labeled);
            let selection = select_rows(&settings, &pool, 12, 0).unwrap_or_else(|error| panic!("{error}"));
            let book = by_the_book(&pool, 4, &settings, &labeled, 12);
            for (pick, (row, gain)) in selection.picks.iter().zip(book) {
                assert!(pick.row == row && (pick.score - gain).abs() < 1e-5, "{settings:?}: {pick:?}, {row} {gain}");
            }
        }
    }
}

#[test]
fn without_a_price_it_takes_the_rows_most_alike_to_all() {
    let pool = mixture_pool(50, 3, 2);
    let free = GraphCut { lambda: 0.0, ..GraphCut::default() };
    let selection = select_rows(&free, &pool, 50, 0).unwrap_or_else(|error| panic!("{error}"));
    assert!(selection.picks.windows(2).all(|pair| pair[0].score >= pair[1].score));
    assert_ne!(picks_of(&GraphCut { lambda: 5.0, ..free }, &pool, 10, 0), selection.rows()[..10]);
    for wrong in ["graph-cut:lambda=-1", "graph-cut:width=0"] {
        assert!(crate::parse_method(wrong).is_ok_and(|method| method.check().is_err()), "{wrong}");
    }
}
