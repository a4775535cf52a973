"""Greedy k-center in numpy: one pass over every row per pick.

full-pass      squared distances in f32 by the Gram identity: one matrix-vector product per pick
full-pass-f64  the same in f64, as the truth to compare picks with
"""

import numpy as np

from common import main


def full_pass(X, n, args):
    sq_norms = np.einsum("ij,ij->i", X, X)
    nearest = np.full(len(X), np.inf, X.dtype)
    picks, row = [], args.start
    for _ in range(n):
        picks.append(row)
        sq_dists = X @ (-2 * X[row])
        sq_dists += sq_norms
        sq_dists += sq_norms[row]
        np.minimum(nearest, sq_dists, out=nearest)
        nearest[row] = 0
        row = int(np.argmax(nearest))
    return picks


if __name__ == "__main__":
    main(
        {
            "full-pass": full_pass,
            "full-pass-f64": lambda X, n, args: full_pass(X.astype(np.float64), n, args),
        }
    )
