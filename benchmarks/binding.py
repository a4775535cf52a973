"""What the Python package adds to a selection: wall time of the call less what the library itself took inside it.

Run with the package installed: `python benchmarks/binding.py`. Methods take turns, 20 calls each; medians.
"""

from __future__ import annotations

import platform
import statistics
import time
import warnings

import numpy as np

import subsel

CALLS = 20

SIZES = [
    ((1_000, 64), 50, ["random", "norm", "gram-schmidt", "k-center"]),
    ((50_000, 512), 1_000, ["random", "norm", "gram-schmidt", "k-means-pp"]),
]


def main() -> None:
    """Prints a line for each size and method."""
    warnings.simplefilter("ignore", subsel.SubselWarning)
    print(f"subsel {subsel.__version__}, Python {platform.python_version()}, {platform.machine()}")
    print(f"{'rows':>7} {'d':>4} {'picks':>6}  {'method':<14}{'call ms':>9}{'library ms':>12}{'overhead ms':>13}")
    rng = np.random.default_rng(0)
    for (n, d), picks, methods in SIZES:
        X = rng.normal(size=(n, d)).astype(np.float32)
        times: dict[str, list[tuple[float, float]]] = {method: [] for method in methods}
        for call in range(CALLS + 1):
            for method in methods:
                began = time.perf_counter()
                selection = subsel.select(X, picks, method, seed=call)
                took = time.perf_counter() - began
                if call:
                    times[method].append((1e3 * took, 1e3 * selection.secs))
        for method, measured in times.items():
            wall, library, over = (
                statistics.median(values)
                for values in ([w for w, _ in measured], [s for _, s in measured], [w - s for w, s in measured])
            )
            print(f"{n:>7} {d:>4} {picks:>6}  {method:<14}{wall:>9.2f}{library:>12.2f}{over:>13.2f}")


if __name__ == "__main__":
    main()
