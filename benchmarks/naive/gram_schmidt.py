"""Gram-Schmidt selection in numpy: every pick looks at every row.

textbook          the algorithm as the paper writes it: a matrix of residuals, one rank-1 update per pick
textbook-blocked  the same, update and norms done block by block while the rows are in cache
norms-only        only residual norms are kept: one matrix-vector product per pick
textbook-largest  `textbook`, taking the largest norm instead of drawing
pivoted-qr        `pick=largest` by LAPACK in f64: QR of the transposed pool with column pivoting (of full rank)
"""

import numpy as np
import scipy.linalg
from scipy.linalg.blas import sger

from common import main


def drawn(weights, rng):
    """A row in proportion to its weight."""
    sums = np.cumsum(weights, dtype=np.float64)
    return int(np.searchsorted(sums, rng.random() * sums[-1], side="right"))


def largest(weights, _rng):
    return int(np.argmax(weights))


def textbook(X, n, args, choose=drawn):
    rng = np.random.default_rng(args.seed)
    R, picks = X.copy(), []
    norms = np.sqrt(np.einsum("ij,ij->i", R, R))
    for _ in range(n):
        row = choose(norms, rng)
        picks.append(row)
        q = R[row] / norms[row]
        sger(-1.0, q, R @ q, a=R.T, overwrite_a=1)  # R -= outer(R @ q, q), without a temporary matrix
        norms = np.sqrt(np.einsum("ij,ij->i", R, R))
        norms[picks] = 0
    return picks


def textbook_blocked(X, n, args, block=256):
    rng = np.random.default_rng(args.seed)
    R, picks = X.copy(), []
    sq_norms = np.einsum("ij,ij->i", R, R)
    for _ in range(n):
        norms = np.sqrt(sq_norms)
        norms[picks] = 0
        row = drawn(norms, rng)
        picks.append(row)
        q = R[row] / norms[row]
        for start in range(0, len(R), block):
            rows = R[start : start + block]
            rows -= np.outer(rows @ q, q)
            np.einsum("ij,ij->i", rows, rows, out=sq_norms[start : start + block])
    return picks


def norms_only(X, n, args):
    rng = np.random.default_rng(args.seed)
    Q, picks = np.empty((n, X.shape[1]), np.float32), []
    sq_norms = np.einsum("ij,ij->i", X, X)
    for t in range(n):
        row = drawn(np.sqrt(np.maximum(sq_norms, 0)), rng)
        picks.append(row)
        q = X[row].copy()
        for _ in range(2):  # twice is enough
            q -= (Q[:t] @ q) @ Q[:t]
        Q[t] = q / np.linalg.norm(q)
        sq_norms -= (X @ Q[t]) ** 2
        sq_norms[picks] = 0
    return picks


def pivoted_qr(X, n, _args):
    _, pivots = scipy.linalg.qr(X.T.astype(np.float64), mode="r", pivoting=True, overwrite_a=True, check_finite=False)
    return pivots[:n]


if __name__ == "__main__":
    main(
        {
            "textbook": textbook,
            "textbook-blocked": textbook_blocked,
            "textbook-largest": lambda X, n, args: textbook(X, n, args, choose=largest),
            "norms-only": norms_only,
            "pivoted-qr": pivoted_qr,
        }
    )
