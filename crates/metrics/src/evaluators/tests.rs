//! Evaluators on problems whose answer is known, and on real features.

use subsel::{Context, Settings, Stream};
use subsel_kernels::Isa;

use super::{LinearProbe, Logistic, Neighbors};
use crate::evaluator::{Evaluation, Evaluator, Examples, Standard, Task, all};

fn context(isa: Option<Isa>) -> Context {
    Context::new(&Settings { isa, ..Settings::default() }).unwrap_or_else(|error| panic!("{error}"))
}

fn examples(features: &[f32], dim: usize, labels: &[u32]) -> Examples {
    Examples::new(features, dim, labels.to_vec()).unwrap_or_else(|error| panic!("{error}"))
}

/// Blobs around corners of a simplex, `spread` wide; class by class in turn.
fn blobs(n: usize, dim: usize, classes: u32, spread: f64, seed: u64) -> Examples {
    let noise = Stream::new(seed, "blobs");
    let labels: Vec<u32> = (0..n as u32).map(|i| i % classes).collect();
    let value = |i: usize| {
        let (row, column) = (i / dim, i % dim);
        let at = if column == labels[row] as usize { 4.0 } else { 0.0 };
        (at + spread * (2.0 * noise.unit(i as u64) - 1.0)) as f32
    };
    examples(&(0..n * dim).map(value).collect::<Vec<_>>(), dim, &labels)
}

/// Rows without what pads them.
fn raw(examples: &Examples) -> Vec<f32> {
    let rows = examples.features().chunks_exact(examples.width());
    rows.flat_map(|row| row[..examples.dim()].iter().copied()).collect()
}

fn run(evaluator: &dyn Evaluator, classes: usize, train: &Examples, test: &Examples, seed: u64) -> Evaluation {
    let rows: Vec<usize> = (0..train.len()).collect();
    let standard = Standard::of_rows(&raw(test), test.dim());
    let task = Task { classes, train, rows: &rows, test, standard: &standard };
    evaluator.evaluate(&task, seed, &context(None)).unwrap_or_else(|error| panic!("{}: {error}", evaluator.name()))
}

#[test]
fn what_can_be_parted_is_told_without_a_fault() {
    for evaluator in all() {
        for (n, dim, classes) in [(2, 2, 2), (60, 19, 3), (250, 32, 10)] {
            let (train, test) = (blobs(n, dim, classes, 0.5, 1), blobs(100, dim, classes, 0.5, 2));
            let found = run(&*evaluator, classes as usize, &train, &test, 3);
            assert_eq!(found, Evaluation { accuracy: 1.0, accuracy_on_seen: 1.0, ceiling: 1.0 }, "{evaluator:?} {n}");
        }
    }
}

#[test]
fn classes_that_were_not_picked_are_the_ceiling() {
    let train = examples(&[4.0, 0.0, 0.0, 0.0, 4.0, 0.0], 3, &[0, 1]);
    let test = blobs(90, 3, 3, 0.5, 2);
    for evaluator in all() {
        let found = run(&*evaluator, 3, &train, &test, 1);
        assert!((found.ceiling - 2.0 / 3.0).abs() < 1e-12 && found.accuracy <= 0.99, "{found:?}");
        assert!(found.accuracy_on_seen > 0.9, "{evaluator:?}: {found:?}");
    }
}

#[test]
fn one_pick_tells_its_class_always() {
    let train = examples(&[1.0, 2.0], 2, &[1]);
    let test = examples(&[1.0, 2.0, -1.0, 0.5, 0.0, 0.0], 2, &[1, 0, 1]);
    for evaluator in all() {
        let found = run(&*evaluator, 2, &train, &test, 1);
        assert_eq!((found.accuracy, found.ceiling), (2.0 / 3.0, 2.0 / 3.0), "{evaluator:?}");
    }
}

#[test]
fn the_same_on_every_instruction_set() {
    let (train, test) = (blobs(37, 21, 4, 6.0, 1), blobs(500, 21, 4, 6.0, 2));
    let rows: Vec<usize> = (0..train.len()).collect();
    let standard = Standard::of_rows(&raw(&train), train.dim());
    let task = Task { classes: 4, train: &train, rows: &rows, test: &test, standard: &standard };
    for evaluator in all() {
        let of = |isa| evaluator.evaluate(&task, 5, &context(Some(isa))).unwrap_or_else(|error| panic!("{error}"));
        let scalar = of(Isa::Scalar);
        assert!(scalar.accuracy > 0.3 && scalar.accuracy < 1.0, "{evaluator:?} {scalar:?}");
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
            assert_eq!(of(isa), scalar, "{evaluator:?} {}", isa.name());
        }
        let other = evaluator.evaluate(&task, 6, &context(None)).unwrap_or_else(|error| panic!("{error}"));
        assert!(evaluator.is_random() || other == scalar, "{evaluator:?}");
    }
}

/// The probe as one would write it: every repeated row by itself, in `f64`.
fn probe_by_hand(probe: &LinearProbe, train: &Examples, classes: usize, seed: u64) -> Vec<f64> {
    let (dim, width, n) = (train.dim(), train.width(), train.len());
    let start = Stream::new(seed, "probe-start");
    let at = |i: usize| (2.0 * start.unit(i as u64) - 1.0) / (dim as f64).sqrt();
    // Weights with the bias behind them.
    let mut layer: Vec<f64> = (0..classes * (dim + 1))
        .map(|i| {
            let (class, column) = (i / (dim + 1), i % (dim + 1));
            f64::from(at(if column < dim { class * dim + column } else { classes * dim + class }) as f32)
        })
        .collect();
    let mut steps = vec![0.0; layer.len()];
    let mut rows: Vec<u32> = (0..n as u32).collect();
    while rows.len() < probe.batch {
        rows.extend_from_within(..);
    }
    let mut draws = subsel::Draws::new(Stream::new(seed, "probe-order"));
    for epoch in 0..probe.epochs {
        let rate =
            f64::from(probe.rate) * 0.5 * (1.0 + (std::f64::consts::PI * epoch as f64 / probe.epochs as f64).cos());
        for last in (1..rows.len()).rev() {
            rows.swap(last, draws.below(last as u64 + 1) as usize);
        }
        for batch in rows.chunks_exact(probe.batch) {
            let mut gradient = vec![0.0; layer.len()];
            for &row in batch {
                let x: Vec<f64> = train.features()[row as usize * width..][..dim]
                    .iter()
                    .map(|v| f64::from(*v))
                    .chain([1.0])
                    .collect();
                let logits: Vec<f64> =
                    layer.chunks_exact(dim + 1).map(|w| w.iter().zip(&x).map(|(w, x)| w * x).sum()).collect();
                let most = logits.iter().copied().fold(f64::MIN, f64::max);
                let sum: f64 = logits.iter().map(|logit| (logit - most).exp()).sum();
                for (class, logit) in logits.iter().enumerate() {
                    let error =
                        (logit - most).exp() / sum - f64::from(u32::from(class as u32 == train.labels()[row as usize]));
                    for (g, x) in gradient[class * (dim + 1)..].iter_mut().zip(&x) {
                        *g += error * x / probe.batch as f64;
                    }
                }
            }
            for ((w, step), g) in layer.iter_mut().zip(&mut steps).zip(&gradient) {
                let g = g + f64::from(probe.weight_decay) * *w;
                *step = f64::from(probe.momentum) * *step + g;
                *w -= rate * (g + f64::from(probe.momentum) * *step);
            }
        }
    }
    layer
}

#[test]
fn the_probe_takes_the_steps_that_are_written_down() {
    for n in [7, 100, 160, 230] {
        let (train, test) = (blobs(n, 6, 3, 3.0, 4), blobs(300, 6, 3, 3.0, 5));
        // Few epochs at a small rate: later, differences of rounding grow.
        let probe = LinearProbe { epochs: 40, rate: 0.05, ..LinearProbe::default() };
        let layer = probe_by_hand(&probe, &train, 3, 9);
        let rows: Vec<usize> = (0..n).collect();
        let standard = Standard::of_rows(&raw(&train), train.dim());
        let task = Task { classes: 3, train: &train, rows: &rows, test: &test, standard: &standard };
        let ours =
            probe.train(&task, 9, &context(None), &mut |_, _, _| Ok(())).unwrap_or_else(|error| panic!("{error}"));
        for class in 0..3 {
            let (by_hand, ours_of) = (&layer[class * 7..][..7], &ours.weights[class * 16..][..6]);
            for (theirs, ours) in by_hand.iter().zip(ours_of.iter().chain([&ours.biases[class]])) {
                assert!((theirs - f64::from(*ours)).abs() < 1e-4, "{n} {class}: {theirs} {ours}");
            }
        }
    }
}

#[test]
fn logistic_regression_finds_the_optimum() {
    let train = blobs(60, 5, 3, 7.0, 4);
    let standard = Standard::of_rows(&raw(&train), train.dim());
    let rows: Vec<usize> = (0..60).collect();
    let task = Task { classes: 3, train: &train, rows: &rows, test: &train, standard: &standard };
    for lambda in [1e-4, 1e-2, 1.0] {
        let logistic = Logistic { lambda };
        let length = logistic.gradient_length(&task, &context(None)).unwrap_or_else(|error| panic!("{error}"));
        assert!(length < 1e-6, "{lambda}: {length}");
    }
}

#[test]
fn votes_are_weighted_and_ties_go_to_the_nearest() {
    // Cosines to the test row (1, 0): 1, 0.9999.., and two of a class further off, which cannot outvote the nearest.
    let train = examples(&[1.0, 0.0, 0.6, 0.8, 0.6, -0.8, 0.8, 0.6], 2, &[0, 1, 1, 1]);
    let test = examples(&[1.0, 0.0], 2, &[0]);
    assert_eq!(run(&Neighbors { k: 20 }, 2, &train, &test, 0).accuracy, 1.0);
    // Two picks alike: the first picked is the nearest.
    let train = examples(&[2.0, 0.0, 1.0, 0.0], 2, &[1, 0]);
    assert_eq!(run(&Neighbors { k: 1 }, 2, &train, &test, 0).accuracy, 0.0);
    assert_eq!(run(&Neighbors { k: 20 }, 2, &train, &test, 0).accuracy, 0.0);
}
