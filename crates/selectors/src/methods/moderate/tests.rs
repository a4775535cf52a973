use super::*;
use crate::annotations::Classes;
use crate::context::Settings;
use crate::testing::{line_pool, mixture_pool, picks_of, select_rows, values_of};

fn classes_of(names: &[&str]) -> Classes {
    Classes::from_names(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
}

#[test]
fn order_is_that_of_the_worked_example() {
    let mut pool = line_pool(&[0.0, 1.0, 2.0, 3.0, 4.0, 10.0]);
    pool.known.labels = Some(classes_of(&["a"; 6]));
    let selection = select_rows(&Moderate::default(), &pool, 6, 0).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(selection.rows(), [1, 4, 0, 2, 3, 5]);
    let reason = &selection.picks[2].reason;
    assert_eq!(*reason, Reason::Moderate { class: 0, distance: 2.5, median: 1.5 });
}

#[test]
fn classes_get_shares_in_proportion_at_every_budget() {
    let mut pool = line_pool(&(0..100).map(|i| i as f32).collect::<Vec<_>>());
    let names: Vec<&str> = (0..100)
        .map(|i| {
            if i < 70 {
                "a"
            } else if i < 95 {
                "b"
            } else {
                "c"
            }
        })
        .collect();
    pool.known.labels = Some(classes_of(&names));
    let rows = picks_of(&Moderate::default(), &pool, 100, 0);
    for budget in 1..=100 {
        let share =
            |range: std::ops::Range<usize>| rows[..budget].iter().filter(|row| range.contains(row)).count() as f64;
        for range in [0..70, 70..95, 95..100] {
            let exact = budget as f64 * range.len() as f64 / 100.0;
            assert!((share(range.clone()) - exact).abs() <= 1.0, "{budget}: {range:?}");
        }
    }
}

/// Everything as one would write it down, on values in memory.
fn by_the_book(values: &[f32], dim: usize, codes: &[u32], center: Center) -> Vec<f64> {
    let n_classes = codes.iter().max().map_or(0, |most| *most as usize + 1);
    let mut deviations = vec![0.0; codes.len()];
    for class in 0..n_classes {
        let rows: Vec<usize> = (0..codes.len()).filter(|row| codes[*row] as usize == class).collect();
        let center: Vec<f64> = (0..dim)
            .map(|column| {
                let of_column: Vec<f64> = rows.iter().map(|row| f64::from(values[row * dim + column])).collect();
                match center {
                    Center::Median => median(of_column),
                    Center::Mean => of_column.iter().sum::<f64>() / of_column.len() as f64,
                }
            })
            .collect();
        let distance = |row: usize| {
            let x = &values[row * dim..(row + 1) * dim];
            x.iter().zip(&center).map(|(v, c)| (f64::from(*v) - c).powi(2)).sum::<f64>().sqrt()
        };
        let distances: Vec<f64> = rows.iter().map(|&row| distance(row)).collect();
        let middle = median(distances.clone());
        rows.iter().zip(distances).for_each(|(&row, distance)| deviations[row] = (distance - middle).abs());
    }
    deviations
}

#[test]
fn deviations_are_those_of_the_book_over_chunks_and_stripes() {
    let (n, dim) = (9001, 6);
    let mut pool = mixture_pool(n, dim, 4);
    let codes: Vec<u32> = (0..n as u32).map(|row| row * 7 % 5).collect();
    pool.known.labels = Some(Classes { codes: codes.clone(), names: (0..5).map(|class| class.to_string()).collect() });
    let values = values_of(&pool);
    for center in [Center::Median, Center::Mean] {
        let expected = by_the_book(&values, dim, &codes, center);
        let method = Moderate { center, clusters: None };
        let selection = select_rows(&method, &pool, n, 0).unwrap_or_else(|error| panic!("{error}"));
        for pick in selection.picks {
            assert!(
                (pick.score + expected[pick.row]).abs() < 1e-5,
                "row {}: {} {}",
                pick.row,
                pick.score,
                expected[pick.row]
            );
        }
    }
}

#[test]
fn columns_come_in_stripes_as_memory_allows() {
    let shape = Shape {
        n: 1_000_000,
        dim: 256,
        value_bytes: 2,
        labeled: 0,
        classes: 0,
        threads: 2,
        block_rows: 2048,
        cache_bytes: 0,
        lies_in_memory: false,
        fast_codes: None,
    };
    assert_eq!(medians::passes(&shape), 16.0);
    let pool = mixture_pool(50, 3, 1);
    let ctx = Context::new(&Settings::default()).unwrap_or_else(|error| panic!("{error}"));
    let pool = crate::CheckedPool::new(&pool.pool(), &mut { ctx }).unwrap_or_else(|error| panic!("{error}"));
    let ctx = Context::new(&Settings::default()).unwrap_or_else(|error| panic!("{error}"));
    let medians = medians::of_classes(&pool, &[1; 50], 3, &ctx).unwrap_or_else(|error| panic!("{error}"));
    assert!(medians[..3].iter().chain(&medians[6..]).all(|median| *median == 0.0), "classes without rows");
}
