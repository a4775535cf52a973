//! Sharing a budget among strata of given sizes.

/// Shares by size: `budget * size / total` rounded down, the rest one each to the largest remainders (ties: the lower
/// stratum). A share never exceeds its stratum, since `budget` is at most the total.
pub(crate) fn proportional(sizes: &[usize], budget: usize) -> Vec<usize> {
    let total: u128 = sizes.iter().map(|size| *size as u128).sum();
    let exact = |size: usize| budget as u128 * size as u128;
    let mut shares: Vec<usize> = sizes.iter().map(|size| (exact(*size) / total.max(1)) as usize).collect();
    let missing = budget - shares.iter().sum::<usize>();
    let mut by_remainder: Vec<usize> = (0..sizes.len()).collect();
    by_remainder.sort_by_key(|&i| (std::cmp::Reverse(exact(sizes[i]) % total.max(1)), i));
    by_remainder.iter().take(missing).for_each(|&i| shares[i] += 1);
    shares
}

/// Shares as equal as sizes allow: strata by ascending size (ties: the lower first) each take
/// `min(size, rest / strata left)`. Less than the budget if all strata together hold less.
pub(crate) fn balanced(sizes: &[usize], budget: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|&i| (sizes[i], i));
    let mut shares = vec![0; sizes.len()];
    let mut rest = budget;
    for (done, &i) in order.iter().enumerate() {
        shares[i] = sizes[i].min(rest / (sizes.len() - done));
        rest -= shares[i];
    }
    shares
}

/// The strata in the order in which [`balanced`] gives out its shares as the budget grows, each with how many it had
/// before: round after round over all that hold more, the largest first (ties: the higher, which also gets the odd one
/// there). So picks in this order are nested.
pub(crate) fn balanced_rounds(sizes: &[usize], budget: usize) -> Vec<(usize, usize)> {
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse((sizes[i], i)));
    let mut taken = Vec::with_capacity(budget);
    for round in 0.. {
        // Sizes descend, so that the strata with more than `round` rows come first.
        let holding = order.partition_point(|&i| sizes[i] > round);
        taken.extend(order[..holding.min(budget - taken.len())].iter().map(|&i| (i, round)));
        if holding == 0 || taken.len() == budget {
            return taken;
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn match_the_worked_examples() {
        assert_eq!(proportional(&[50, 30, 15, 5], 10), [5, 3, 2, 0]);
        assert_eq!(balanced(&[3, 0, 40, 7, 10], 20), [3, 0, 6, 5, 6]);
        assert_eq!(balanced(&[2, 0, 30, 9], 20), [2, 0, 9, 9]);
        assert_eq!(balanced(&[5, 5, 5], 7), [2, 2, 3]);
        assert_eq!(balanced(&[1, 1, 1], 10), [1, 1, 1]);
    }

    proptest::proptest! {
        #[test]
        fn shares_fit_and_add_up(sizes in proptest::collection::vec(0usize..50, 1..8), part in 0.0f64..1.0) {
            let total: usize = sizes.iter().sum();
            let budget = (part * total as f64) as usize;
            let mut by_rounds = vec![0; sizes.len()];
            for (stratum, round) in balanced_rounds(&sizes, budget) {
                proptest::prop_assert_eq!(by_rounds[stratum], round);
                by_rounds[stratum] += 1;
            }
            proptest::prop_assert_eq!(by_rounds, balanced(&sizes, budget));
            for shares in [proportional(&sizes, budget), balanced(&sizes, budget)] {
                proptest::prop_assert_eq!(shares.iter().sum::<usize>(), budget);
                proptest::prop_assert!(shares.iter().zip(&sizes).all(|(share, size)| share <= size));
            }
        }
    }
}
