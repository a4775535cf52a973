//! Numbers that compare what a model says of a row with the label of the row.

/// `|p - y|`, the Euclidean distance of probabilities from the one-hot vector of a class: from 0 to the root of 2. It is
/// also the norm of the gradient of the cross-entropy by the logits.
pub(crate) fn error_norm(probabilities: impl IntoIterator<Item = f64>, label: usize) -> f64 {
    let error = |(class, p): (usize, f64)| if class == label { p - 1.0 } else { p };
    probabilities.into_iter().enumerate().map(|at| error(at).powi(2)).sum::<f64>().sqrt()
}

/// The value of a class less the largest of the others: above 0 where the class is the only likeliest one.
pub(crate) fn margin(values: impl IntoIterator<Item = f64>, label: usize) -> f64 {
    let (mut own, mut other) = (0.0, f64::NEG_INFINITY);
    for (class, value) in values.into_iter().enumerate() {
        if class == label {
            own = value;
        } else {
            other = other.max(value);
        }
    }
    own - other
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification: logits (2, 1, 0) of a row of class 1.
    const P: [f64; 3] = [0.665240955774822, 0.244728471054798, 0.090030573170380];

    #[test]
    fn numbers_match_the_worked_example() {
        assert!((error_norm(P, 1) - 1.010488).abs() < 1e-6);
        assert_eq!(margin([2.0, 1.0, 0.0], 1), -1.0);
        assert!((margin(P, 1) + 0.420512).abs() < 1e-6);
        assert_eq!(margin([2.0, 1.0, 0.0], 0), 1.0);
    }

    #[test]
    fn the_error_norm_has_its_bounds() {
        assert!((error_norm([0.1; 10], 3) - 0.948683).abs() < 1e-6, "anyone's guess of ten");
        assert_eq!(error_norm([0.0, 1.0], 1), 0.0);
        assert_eq!(error_norm([0.0, 1.0], 0), std::f64::consts::SQRT_2);
    }
}
