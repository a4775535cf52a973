use super::*;
use crate::outputs::{OutputKind, Outputs};
use crate::testing::{LinePool, line_pool, picks_of, select_rows};

fn told(kind: OutputKind, rows: &[&[f32]]) -> LinePool {
    let mut pool = line_pool(&vec![1.0; rows.len()]);
    pool.known.outputs = Some(Outputs::new(kind, rows.concat(), rows[0].len()));
    pool
}

const ROWS: [&[f32]; 4] = [&[0.5, 0.3, 0.2], &[0.4, 0.35, 0.25], &[0.45, 0.45, 0.10], &[0.9, 0.05, 0.05]];

/// By each measure.
fn methods() -> [&'static dyn Selector; 3] {
    [&LeastConfidence {}, &Margin {}, &Entropy {}]
}

#[test]
fn each_measure_has_its_worked_order() {
    let pool = told(OutputKind::Probabilities, &ROWS);
    let orders = methods().map(|method| picks_of(method, &pool, 4, 0));
    assert_eq!(orders, [[1, 2, 0, 3], [2, 1, 0, 3], [1, 0, 2, 3]]);
    // Logits of the same probabilities give the same.
    let logs: Vec<Vec<f32>> = ROWS.iter().map(|row| row.iter().map(|p| p.ln() - 2.0).collect()).collect();
    let logs: Vec<&[f32]> = logs.iter().map(Vec::as_slice).collect();
    let of_logits = methods().map(|method| picks_of(method, &told(OutputKind::Logits, &logs), 4, 0));
    assert_eq!(of_logits[0], orders[0]);
    assert_eq!(of_logits[2], orders[2]);
}

#[test]
fn a_pick_tells_how_unsure_the_model_is_and_of_what() {
    let pool = told(OutputKind::Probabilities, &ROWS);
    let told = methods().map(|method| {
        let selection = select_rows(method, &pool, 1, 0).unwrap_or_else(|error| panic!("{error}"));
        selection.picks[0].reason.to_string()
    });
    assert_eq!(
        told,
        [
            "least confidence 0.6000: class 0 is likeliest, at 0.4000",
            "margin 1.0000: class 0 is likeliest, at 0.4500",
            "entropy 1.0805: class 0 is likeliest, at 0.4000",
        ]
    );
}

#[test]
fn ties_go_to_the_lowest_row_and_labeled_rows_are_left_out() {
    let mut pool = told(OutputKind::Probabilities, &[ROWS[3], ROWS[0], ROWS[0], ROWS[1], ROWS[0]]);
    pool.labeled = vec![3];
    for method in methods() {
        assert_eq!(picks_of(method, &pool, 4, 0), [1, 2, 4, 0], "{}", method.text());
    }
}

#[test]
fn a_pool_without_outputs_is_refused_by_the_methods_name() {
    for method in methods() {
        let error = select_rows(method, &line_pool(&[1.0, 2.0]), 1, 0).err().map(|error| error.to_string());
        let expected = format!("`{}` needs model outputs, and the pool has none", method.info().name);
        assert_eq!(error, Some(expected));
    }
}
