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


def nearest_dists(X, picks, block=8192):
    """Distance of every row to its nearest pick."""
    centers = X[picks].astype(np.float64)
    return np.sqrt(np.concatenate([nearest_sq_dists(rows, centers) for rows in blocks(X, block)]))


def inertia(X, centers, block=8192):
    """Mean squared distance of the rows to their nearest center."""
    return float(sum(nearest_sq_dists(rows, centers.astype(np.float64)).sum() for rows in blocks(X, block)) / len(X))


def typicality_dist(X, picks, k=20):
    """Mean distance of the picks to the `k` rows nearest to each: small where picks lie in dense places."""
    rows, picked = X.astype(np.float64), X[picks].astype(np.float64)
    sq_dists = np.einsum("ij,ij->i", rows, rows) - 2 * picked @ rows.T + np.einsum("ij,ij->i", picked, picked)[:, None]
    nearest = np.partition(sq_dists, k, axis=1)[:, : k + 1]
    nearest.sort(axis=1)
    return float(np.sqrt(np.maximum(nearest[:, 1:], 0)).mean())


def blocks(X, size):
    return (X[start : start + size].astype(np.float64) for start in range(0, len(X), size))


def nearest_sq_dists(rows, centers):
    sq_dists = np.einsum("ij,ij->i", centers, centers) - 2 * rows @ centers.T
    return np.maximum(sq_dists.min(axis=1) + np.einsum("ij,ij->i", rows, rows), 0)
