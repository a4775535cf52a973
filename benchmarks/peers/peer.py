"""Runs one peer on one pool and prints what its work alone took: `peer.py NAME POOL -n N -o OUT [options]`.

Runs in the environment of `requirements.txt`. Imports, reading, scaling to unit length and compiling come before the
clock starts. What it writes: picks, for k-means the centers, for nearest neighbors their squared distances.
"""

import argparse
import importlib.metadata
import json
import os
import time

import numpy as np


def unlabeled(n, labeled=()):
    y = np.full(n, np.nan)
    y[list(labeled)] = 0
    return y


def to_lowest_row(module):
    """Ties go to the lowest row instead of a random one, so that picks can be compared."""
    module.rand_argmax = lambda a, **_: np.array([np.nanargmax(a)])


def core_set(args):
    from skactiveml.pool import CoreSet, _core_set

    to_lowest_row(_core_set)

    def work(X):
        rest = CoreSet(random_state=args.seed).query(X, unlabeled(len(X), [args.start]), batch_size=args.n - 1)
        return [args.start, *rest]

    return work


def typi_clust(args):
    from skactiveml.pool import TypiClust

    return lambda X: TypiClust(random_state=args.seed, k=20).query(X, unlabeled(len(X)), batch_size=args.n)


def prob_cover(args):
    from skactiveml.pool import ProbCover, _prob_cover

    to_lowest_row(_prob_cover)
    query = ProbCover(random_state=args.seed, n_classes=2, deltas=[args.delta], alpha=1e-9).query
    return lambda X: query(X, unlabeled(len(X)), batch_size=args.n)


def apricot(args):
    from apricot import FacilityLocationSelection

    def work(X):
        return FacilityLocationSelection(args.n, metric="cosine", optimizer="lazy", random_state=args.seed).fit(X).ranking

    return work


def submodlib(args):
    from submodlib import FacilityLocationFunction

    def work(X):
        function = FacilityLocationFunction(n=len(X), mode="dense", data=X, metric="cosine")
        found = function.maximize(
            budget=args.n,
            optimizer="LazyGreedy",
            stopIfZeroGain=False,
            stopIfNegativeGain=False,
            verbose=False,
            show_progress=False,
        )
        return [row for row, _gain in found]

    return work


def faiss_flat(args):
    import faiss

    if args.blocks:
        faiss.cvar.distance_compute_blas_query_bs = args.blocks
        faiss.cvar.distance_compute_blas_database_bs = args.blocks

    def work(X):
        index = faiss.IndexFlatL2(X.shape[1])
        index.add(X)
        # One more than wanted: a row finds itself.
        sq_dists, rows = index.search(X, args.n + 1)
        is_self = rows == np.arange(len(X))[:, None]
        is_self[~is_self.any(axis=1), -1] = True
        return sq_dists[~is_self].reshape(len(X), args.n)

    return work


def faiss_kmeans(args):
    import faiss

    def work(X):
        kmeans = faiss.Kmeans(
            X.shape[1], args.n, niter=args.iterations, seed=1234 + args.seed, max_points_per_centroid=len(X)
        )
        kmeans.train(X, init_centroids=X[np.load(args.start_rows)] if args.start_rows else None)
        return kmeans.centroids

    return work


def sklearn_kmeans(args):
    from sklearn.cluster import KMeans

    return lambda X: KMeans(args.n, n_init=1, random_state=args.seed).fit(X).cluster_centers_


# What each is called, and the package it comes from.
PEERS = {
    "core-set": (core_set, "scikit-activeml", "CoreSet"),
    "typi-clust": (typi_clust, "scikit-activeml", "TypiClust"),
    "prob-cover": (prob_cover, "scikit-activeml", "ProbCover"),
    "apricot": (apricot, "apricot-select", "FacilityLocationSelection cosine lazy"),
    "submodlib": (submodlib, "submodlib-py", "FacilityLocation cosine dense lazy"),
    "faiss-flat": (faiss_flat, "faiss-cpu", "IndexFlatL2"),
    "faiss-kmeans": (faiss_kmeans, "faiss-cpu", "Kmeans"),
    "sklearn-kmeans": (sklearn_kmeans, "scikit-learn", "KMeans"),
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=PEERS)
    parser.add_argument("pool", help="npy file, (n, d)")
    parser.add_argument("-n", type=int, required=True, help="picks, clusters or neighbors")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--delta", type=float)
    parser.add_argument("--start-rows", help="faiss: npy file of the rows that centers start from")
    parser.add_argument("--iterations", type=int, default=25)
    parser.add_argument("--blocks", type=int, help="faiss: rows of the blocks of its matrix products")
    parser.add_argument("--unit", action="store_true", help="scale rows to unit length first")
    args = parser.parse_args()

    # Peers print what they like, to standard error; standard output is ours.
    report = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    X = np.load(args.pool).astype(np.float32)
    if args.unit:
        X /= np.linalg.norm(X, axis=1, keepdims=True)
    prepare, package, what = PEERS[args.name]
    work = prepare(args)
    began, cpu = time.perf_counter(), time.process_time()
    answer = work(X)
    took = {"select_secs": time.perf_counter() - began, "select_cpu_secs": time.process_time() - cpu}
    with open(args.output, "wb") as file:
        np.save(file, np.asarray(answer))
    took["implementation"] = f"{package} {importlib.metadata.version(package)} {what}"
    json.dump(took, report)
    report.close()


if __name__ == "__main__":
    main()
