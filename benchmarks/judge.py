"""Quality of picks, computed independently of who made them."""

import numpy as np


def log_volume(X, picks):
    """Logarithm of the volume that the picked rows span: what Gram-Schmidt builds up, one residual norm a pick."""
    diagonal = np.abs(np.diag(np.linalg.qr(X[picks].T.astype(np.float64), mode="r")))
    return float(np.sum(np.log(np.maximum(diagonal, np.finfo(np.float64).tiny))))


def radius(X, picks, block=8192):
    """Largest distance of a row to its nearest pick."""
    centers = X[picks].astype(np.float64)
    sq_centers = np.einsum("ij,ij->i", centers, centers)
    worst = 0.0
    for start in range(0, len(X), block):
        rows = X[start : start + block].astype(np.float64)
        sq_dists = np.einsum("ij,ij->i", rows, rows)[:, None] + sq_centers - 2 * rows @ centers.T
        worst = max(worst, float(sq_dists.min(axis=1).max()))
    return max(worst, 0.0) ** 0.5


def valid(picks, n, n_rows):
    """Whether these are `n` different rows of the pool."""
    return len(picks) == n == len(np.unique(picks)) and 0 <= picks.min() and picks.max() < n_rows


def first_difference(picks, expected):
    """`None` if equal, else where the first difference is, in words."""
    if len(picks) != len(expected):
        return f"{len(picks)} picks, expected {len(expected)}"
    different = np.flatnonzero(picks != expected)
    if not len(different):
        return None
    at = different[0]
    return f"{len(different)} picks differ, the first at rank {at + 1}: row {picks[at]}, expected {expected[at]}"
