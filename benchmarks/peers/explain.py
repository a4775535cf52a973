"""Where picks differ: is it a tie within the peer's single precision? Everything is worked out again in f64."""

import numpy as np

# Values nearer than this, relative to their size, are the same in float32: some roundings of 2^-24 each.
TIE = 1e-6


def unit(X):
    X = X.astype(np.float64)
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def compare(ours, theirs, value):
    """Whether the picks are the same up to a tie, and the finding in words. `value(prefix, row)` is what the greedy rule
    maximizes, as an interval where the peer's rounding leaves it open."""
    different = np.flatnonzero(ours[: len(theirs)] != theirs[: len(ours)])
    if not len(different) and len(ours) == len(theirs):
        return True, f"same picks: all {len(ours)}"
    if not len(different) and len(ours) < len(theirs) and value(ours, theirs[len(ours)])[1] == 0:
        return True, f"same picks: all {len(ours)}, after which nothing is left to gain"
    if not len(different):
        return False, f"same picks: NO, {len(ours)} and {len(theirs)} of them"
    at = different[0]
    (low, high), (their_low, their_high) = (value(ours[:at], row[at]) for row in (ours, theirs))
    gap = max(low - their_high, their_low - high, 0.0) / max(abs(high), abs(their_high), np.finfo(float).tiny)
    shared = len(np.intersect1d(ours, theirs))
    verdict = "a tie in float32" if gap <= TIE else "NO tie"
    middle, their_middle = (low + high) / 2, (their_low + their_high) / 2
    between = f"row {ours[at]} ({middle:.9g}) or {theirs[at]} ({their_middle:.9g})"
    # Commas, as notes are split at semicolons.
    return gap <= TIE, f"same picks: first {at}, then {between}, relative gap {gap:.1e}, {verdict}, {shared} in common"


def farthest(X):
    """k-center: the distance to the nearest pick so far."""

    def value(prefix, row):
        dist = float(np.linalg.norm(X[prefix].astype(np.float64) - X[row].astype(np.float64), axis=1).min())
        return dist, dist

    return value


def newly_covered(X, delta):
    """ProbCover: rows that a ball would cover. Rows at the very edge may be in or out."""
    X = unit(X)

    def within(row, radius):
        return ((X - X[row]) ** 2).sum(axis=1) <= radius**2

    def value(prefix, row):
        counts = []
        for own, others in ((1 - TIE, 1 + TIE), (1 + TIE, 1 - TIE)):
            new = within(row, delta * own)
            for pick in prefix:
                new &= ~within(pick, delta * others)
            counts.append(float(new.sum()))
        return tuple(counts)

    return value


def facility_gain(X, exponent):
    """Facility location: by how much the sum over all rows of the largest cosine to a pick (or its square) grows."""
    X = unit(X)

    def value(prefix, row):
        nearest = np.zeros(len(X))
        if len(prefix):
            nearest = np.maximum(((X @ X[prefix].T) ** exponent).max(axis=1), 0)
        gain = float(np.maximum((X @ X[row]) ** exponent - nearest, 0).sum())
        # Peers take the difference of two sums over all rows, so their rounding is that of the sums.
        slack = 2.0**-24 * float(nearest.sum())
        return gain - slack, gain + slack

    return value


def near_neighbors(X, k):
    """TypiClust with one cluster: minus the mean squared distance to the nearest rows."""
    X = unit(X)

    def value(_prefix, row):
        mean = float(np.sort(((X - X[row]) ** 2).sum(axis=1))[1 : k + 1].mean())
        return -mean, -mean

    return value
