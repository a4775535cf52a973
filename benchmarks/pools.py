"""Where the pools of the benches come from."""

import os
from pathlib import Path

import numpy as np

DATA = Path(os.environ.get("SUBSEL_DATA") or Path(__file__).parents[2] / "shared/data")
CIFAR10 = DATA / "cifar10/features-mobilenet-train.npy"


def generated(folder, n, dim, seed=0, clusters=100, block=50_000):
    """An f16 npy file of `n` rows like the features of a network behind a ReLU: a mixture of `clusters` Gaussians
    (centers standard normal, spread 1 around them), values below 0 set to 0. Made once; a function of its arguments
    and the pinned numpy."""
    path = folder / f"relu-mixture-{n}x{dim}-seed{seed}.npy"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    centers = rng.standard_normal((clusters, dim), dtype=np.float32)
    unfinished = path.with_suffix(".part")
    rows = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.float16, shape=(n, dim))
    for start in range(0, n, block):
        size = min(block, n - start)
        values = centers[rng.integers(clusters, size=size)]
        values += rng.standard_normal((size, dim), dtype=np.float32)
        rows[start : start + size] = np.maximum(values, 0)
    rows.flush()
    unfinished.rename(path)
    return path


def first_rows(folder, pool, n):
    """A file of the first `n` rows of another."""
    path = folder / f"first-{n}-{pool.name}"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        np.save(path, np.load(pool, mmap_mode="r")[:n])
    return path
