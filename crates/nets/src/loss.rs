//! What trainings make small: losses, with their gradients.

use subsel_kernels::Kernels;

/// Cross-entropy of logits `(b, classes)` with labels `(b,)`, the mean over the batch, and its gradient by the logits.
/// With `smoothing` s the loss is `(1 - s)` times that plus s times the mean over all classes of `-ln p`.
///
/// # Panics
/// If a label is not below `classes`, or lengths do not fit.
pub fn cross_entropy(logits: &[f32], labels: &[u32], classes: usize, smoothing: f64) -> (f64, Vec<f32>) {
    assert_eq!(logits.len(), labels.len() * classes, "logits of every row");
    let b = labels.len() as f64;
    let mut loss = 0.0;
    let mut gradient = Vec::with_capacity(logits.len());
    for (logits, label) in logits.chunks_exact(classes).zip(labels) {
        let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = logits.iter().map(|z| libm::exp(f64::from(z - most))).sum();
        let log_sum = libm::log(sum);
        let log_p = |z: f32| f64::from(z - most) - log_sum;
        let right = logits[*label as usize];
        let mean_log = logits.iter().map(|z| log_p(*z)).sum::<f64>() / classes as f64;
        loss -= (1.0 - smoothing) * log_p(right) + smoothing * mean_log;
        for (class, z) in logits.iter().enumerate() {
            let target = smoothing / classes as f64 + if class == *label as usize { 1.0 - smoothing } else { 0.0 };
            gradient.push(((libm::exp(log_p(*z)) - target) / b) as f32);
        }
    }
    (loss / b, gradient)
}

/// The loss of SimCLR (NT-Xent) of projections `(2b, dim)`, first all first views, then all second ones, and its gradient by
/// them. They are scaled to length 1 here. Each view is to be nearer to the other view of its picture than to all other
/// views, by cosine over `temperature`; the mean is over all views, or with `one_sided` over the first ones only, as SCAN
/// has it.
///
/// # Panics
/// If there are not two views of each picture.
///
/// # Cost
/// Time `O(b^2 dim)`; memory of `(2b)^2` values.
///
/// # Source
/// Chen et al., A Simple Framework for Contrastive Learning of Visual Representations (2020).
pub fn nt_xent(
    kernels: Kernels,
    projections: &[f32],
    dim: usize,
    temperature: f64,
    one_sided: bool,
) -> (f64, Vec<f32>) {
    let n = projections.len() / dim;
    assert!(n.is_multiple_of(2) && n > 0 && projections.len() == n * dim, "two views of each picture");
    let b = n / 2;
    let norms: Vec<f64> = projections
        .chunks_exact(dim)
        .map(|row| row.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt().max(1e-12))
        .collect();
    let mut unit = projections.to_vec();
    for (row, norm) in unit.chunks_exact_mut(dim).zip(&norms) {
        row.iter_mut().for_each(|v| *v = (f64::from(*v) / norm) as f32);
    }
    let mut pull = vec![0.0; n * n];
    kernels.panel_dots(&unit, &unit, dim, &mut pull);
    let anchors = if one_sided { b } else { n };
    let mut loss = 0.0;
    for (i, row) in pull.chunks_exact_mut(n).enumerate() {
        if i >= anchors {
            row.fill(0.0);
            continue;
        }
        let partner = (i + b) % n;
        let most = row.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, s)| *s).fold(f32::NEG_INFINITY, f32::max);
        let near = |s: f32| libm::exp(f64::from(s - most) / temperature);
        let sum: f64 = row.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, s)| near(*s)).sum();
        loss += libm::log(sum) - f64::from(row[partner] - most) / temperature;
        for (j, s) in row.iter_mut().enumerate() {
            let share = if j == i { 0.0 } else { near(*s) / sum };
            let wanted = if j == partner { 1.0 } else { 0.0 };
            *s = ((share - wanted) / (temperature * anchors as f64)) as f32;
        }
    }
    // The loss depends on each cosine twice: d u_i = sum_j (pull_ij + pull_ji) u_j.
    for i in 0..n {
        for j in 0..i {
            let both = pull[i * n + j] + pull[j * n + i];
            (pull[i * n + j], pull[j * n + i]) = (both, both);
        }
    }
    let mut columns = vec![0.0; n * dim];
    for (i, row) in unit.chunks_exact(dim).enumerate() {
        row.iter().enumerate().for_each(|(c, v)| columns[c * n + i] = *v);
    }
    let mut gradient = vec![0.0; n * dim];
    kernels.panel_dots(&pull, &columns, n, &mut gradient);
    // Through the scaling: what lies along the row itself does not count.
    for ((gradient, unit), norm) in gradient.chunks_exact_mut(dim).zip(unit.chunks_exact(dim)).zip(&norms) {
        let along: f64 = gradient.iter().zip(unit).map(|(g, u)| f64::from(*g) * f64::from(*u)).sum();
        for (g, u) in gradient.iter_mut().zip(unit) {
            *g = ((f64::from(*g) - along * f64::from(*u)) / norm) as f32;
        }
    }
    (loss / anchors as f64, gradient)
}

#[cfg(test)]
mod tests {
    use subsel_kernels::Isa;

    use super::*;

    fn kernels() -> Kernels {
        Kernels::new(Isa::best()).expect("the best there is")
    }

    #[test]
    fn cross_entropy_is_the_worked_example() {
        let (loss, gradient) = cross_entropy(&[2.0, 1.0, 0.0], &[1], 3, 0.0);
        assert!((loss - 1.407606).abs() < 1e-6, "{loss}");
        for (got, want) in gradient.iter().zip([0.665241, -0.755272, 0.090031]) {
            assert!((got - want).abs() < 1e-6, "{gradient:?}");
        }
    }

    #[test]
    fn smoothing_is_a_mixture_with_the_mean_over_classes() {
        let logits = [2.0, 1.0, 0.0];
        let nll = [0.407606_f64, 1.407606, 2.407606];
        let want = 0.9 * nll[1] + 0.1 * nll.iter().sum::<f64>() / 3.0;
        assert!((cross_entropy(&logits, &[1], 3, 0.1).0 - want).abs() < 1e-6);
    }

    #[test]
    fn gradients_of_cross_entropy_are_slopes() {
        let logits = [0.3, -1.2, 0.8, 2.0, 0.1, -0.4_f32];
        let labels = [2, 0];
        let (_, gradient) = cross_entropy(&logits, &labels, 3, 0.1);
        for i in 0..logits.len() {
            let at = |step: f32| {
                let mut moved = logits;
                moved[i] += step;
                cross_entropy(&moved, &labels, 3, 0.1).0
            };
            let slope = (at(1e-2) - at(-1e-2)) / 2e-2;
            assert!((slope - f64::from(gradient[i])).abs() < 1e-4, "{i}: {slope} and {}", gradient[i]);
        }
    }

    #[test]
    fn nt_xent_is_the_worked_examples() {
        let first = [1.0, 0.0, 0.0, 1.0, 0.8, 0.6, 0.6, 0.8];
        let of = |views: &[f32], t, one_sided| nt_xent(kernels(), views, 2, t, one_sided).0;
        let swapped = [&first[4..], &first[..4]].concat();
        let cases = [
            (of(&first, 0.1, true), 0.127223),
            (of(&swapped, 0.1, true), 1.806380),
            (of(&first, 0.1, false), 0.966802),
            (of(&first, 0.5, true), 0.627123),
            (of(&swapped, 0.5, true), 1.114304),
            (of(&first, 0.5, false), 0.870714),
        ];
        for (got, want) in cases {
            assert!((got - want).abs() < 2e-6, "{got}, not {want}");
        }
        let second = [1.0, 0.0, 0.6, 0.8, 0.8, 0.6, 0.0, 1.0];
        for one_sided in [true, false] {
            assert!((of(&second, 0.1, one_sided) - 0.966802).abs() < 2e-6);
            assert!((of(&second, 0.5, one_sided) - 0.870714).abs() < 2e-6);
        }
        // Lengths do not count.
        let longer: Vec<f32> = first.iter().map(|v| 3.0 * v).collect();
        assert!((of(&longer, 0.1, false) - 0.966802).abs() < 2e-6);
    }

    #[test]
    fn gradients_of_nt_xent_are_slopes() {
        let views: Vec<f32> = (0..24).map(|i| ((i * 7 % 11) as f32 - 5.0) / 4.0).collect();
        for one_sided in [true, false] {
            let (_, gradient) = nt_xent(kernels(), &views, 4, 0.5, one_sided);
            for i in 0..views.len() {
                let at = |step: f32| {
                    let mut moved = views.clone();
                    moved[i] += step;
                    nt_xent(kernels(), &moved, 4, 0.5, one_sided).0
                };
                let slope = (at(1e-2) - at(-1e-2)) / 2e-2;
                assert!((slope - f64::from(gradient[i])).abs() < 2e-4, "{i}: {slope} and {}", gradient[i]);
            }
        }
    }
}
