"""Measures the memory bank of PatchCore: 10 % of 163,840 rows of 1,536 values by k-center, with and without projection.

    python benchmarks/patchcore.py [--tiny] [--write] [--naive-picks N]

Needs the Python package `subsel` and numpy; with torch, anomalib's expressions are timed in torch as well. Takes 1 GB for
the rows and 2 GB more for the plain loops. The plain loops make only the first picks, and the time of all is worked out
from theirs: every pick takes them the same time. `--write` puts the table into docs/patchcore.md.
"""

from __future__ import annotations

import argparse
import datetime
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import judge
import record
import subsel
from subsel.contrib.patchcore import KCenterGreedy, SparseProjection

PAGE = Path(__file__).parents[1] / "docs" / "patchcore.md"
BEGIN, END = "<!-- table: begin (generated) -->", "<!-- table: end -->"
RATIO = 0.1
SEED = 0
HEAD = ("distances between", "picked by", "wall s", "CPU s", "how")

Rows = NDArray[np.float32]
#: Takes rows, the first pick and a count; gives each pick and moves on when asked for the next.
Loop = Callable[[Rows, int], Iterator[int]]


def pool(n: int, d: int, kinds: int = 100, directions: int = 16, block: int = 8192) -> Rows:
    """Patch features in the making: kinds of patches, each of which varies in a few directions, and a little noise."""
    rng = np.random.default_rng(SEED)
    centers = rng.standard_normal((kinds, d), dtype=np.float32)
    spread = rng.standard_normal((kinds, directions, d), dtype=np.float32) / np.float32(directions**0.5)
    rows = np.empty((n, d), dtype=np.float32)
    for start in range(0, n, block):
        part = rows[start : start + block]
        part[:] = rng.standard_normal(part.shape, dtype=np.float32)
        part *= np.float32(0.1)
        kind = rng.integers(kinds, size=len(part))
        within = rng.standard_normal((len(part), directions), dtype=np.float32)
        for each in range(kinds):
            of_kind = kind == each
            part[of_kind] += centers[each] + within[of_kind] @ spread[each]
    return rows


def numpy_loop(rows: Rows, row: int) -> Iterator[int]:
    """All differences to the last pick, as anomalib writes it."""
    nearest = np.full(len(rows), np.inf, dtype=np.float32)
    while True:
        yield row
        np.minimum(nearest, np.linalg.norm(rows - rows[row], axis=1), out=nearest)
        row = int(nearest.argmax())


def blas_loop(rows: Rows, row: int) -> Iterator[int]:
    """One product of the matrix with the last pick."""
    sq_norms = np.einsum("ij,ij->i", rows, rows)
    nearest = np.full(len(rows), np.inf, dtype=np.float32)
    while True:
        yield row
        np.minimum(nearest, sq_norms - 2 * (rows @ rows[row]) + sq_norms[row], out=nearest)
        nearest[row] = 0
        row = int(nearest.argmax())


def torch_loop(rows: Rows, row: int) -> Iterator[int]:
    """As anomalib measures them: norms of all differences, on the CPU."""
    import torch

    features = torch.from_numpy(rows)
    nearest = torch.full((len(rows),), torch.inf)
    while True:
        yield row
        nearest = torch.minimum(nearest, torch.linalg.norm(features - features[row], ord=2, dim=1))
        row = int(nearest.argmax())


LOOPS: dict[str, Loop] = {"numpy, differences": numpy_loop, "numpy, products": blas_loop, "torch, differences": torch_loop}


class Clock:
    """Wall and CPU seconds of what is done within."""

    def __enter__(self) -> Clock:
        self.load = os.getloadavg()[0]
        self._began = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall = time.perf_counter() - self._began[0]
        self.cpu = time.process_time() - self._began[1]


class Table:
    """Lines of the page, shown as they come."""

    def __init__(self, *head: str) -> None:
        self.lines: list[str] = []
        self.add(*head)
        self.lines.append("|---" * len(head) + "|")

    def add(self, *cells: str) -> None:
        self.lines.append(f"| {' | '.join(cells)} |")
        print(self.lines[-1], flush=True)


def ours(X: Rows, projection: bool) -> tuple[KCenterGreedy[Rows], Clock]:
    sampler = KCenterGreedy(X, RATIO, projection=projection, seed=SEED)
    with Clock() as clock:
        sampler.select_coreset_idxs()
    return sampler, clock


def first_picks(loop: Loop, features: Rows, picks: list[int], count: int, of: int) -> tuple[str, str, str]:
    """Seconds for all picks, worked out from the first, and how these went."""
    running = loop(features, picks[0])
    made = [next(running), next(running)]
    with Clock() as clock:
        made += [next(running) for _ in range(count)]
    each = [of * spent / count for spent in (clock.wall, clock.cpu)]
    same = next((rank for rank, (own, other) in enumerate(zip(picks, made)) if own != other), len(made))
    agree = "all the same as ours" if same == len(made) else f"the first {same} the same as ours"
    return seconds(each[0]), seconds(each[1]), f"from {count} picks, {agree}; load {clock.load:.1f}"


def seconds(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def torch_is_there() -> bool:
    try:
        import torch  # noqa: F401
    except ImportError:
        return False
    return True


def radius(rows: Rows, picks: NDArray[np.int64], block: int = 1024) -> str:
    """Largest distance of a row to its nearest pick: found by products in float32, worked out in float64 for the 256
    rows that are farthest by these, whose last digits cannot be relied on."""
    centers = rows[picks]
    sq_norms = np.einsum("ij,ij->i", centers, centers)
    nearest = np.empty(len(rows), dtype=np.float32)
    for start in range(0, len(rows), block):
        part = rows[start : start + block]
        products = part @ centers.T
        products *= -2
        products += sq_norms
        nearest[start : start + block] = products.min(axis=1) + np.einsum("ij,ij->i", part, part)
    farthest = np.argsort(nearest)[-256:]
    sq_dists = judge.nearest_sq_dists(rows[farthest].astype(np.float64), centers.astype(np.float64))
    return f"{float(sq_dists.max()) ** 0.5:.4g}"


def measure(args: argparse.Namespace) -> list[str]:
    X = pool(args.rows, args.dim)
    count = int(args.rows * RATIO)
    print(f"{args.rows:,} x {args.dim:,}, {count:,} picks", flush=True)
    with Clock() as projecting:
        projection = SparseProjection(args.rows, args.dim, SEED)
        projected = projection.transform(X)
    table = Table(*HEAD)
    among = {f"{projection.n_components:,} projected values": projected, f"all {args.dim:,} values": X}
    picked = []
    # Times first and next to each other, as others may come to use the machine.
    for name, features in among.items():
        is_projected = features is projected
        for planned in subsel.plan(features, count, "k-center").plans:
            print(f"predicted: {planned['secs']:.0f} s", flush=True)
        sampler, clock = ours(X, is_projected)
        picked.append(sampler.selection.indices)
        how = f"projecting alone {seconds(projecting.wall)} s; " if is_projected else ""
        table.add(name, "subsel", seconds(clock.wall), seconds(clock.cpu), f"{how}load {clock.load:.1f}")
        for loop_name, loop in LOOPS.items():
            if loop is not torch_loop or torch_is_there():
                spent = first_picks(loop, features, picked[-1].tolist(), args.naive_picks, count)
                table.add(name, loop_name, *spent)
    radii = Table("radius between", "k-center, projected", "k-center, all values", "random rows")
    picked.append(subsel.Random(seed=SEED).select(X, count).indices)
    for name, features in among.items():
        radii.add(name, *(radius(features, picks) for picks in picked))
    where = f"{record.machine()}, {datetime.date.today().isoformat()}, subsel {subsel.__version__}"
    return [f"{args.rows:,} rows of {args.dim:,} values, {count:,} picks: {where}.", "", *table.lines, "", *radii.lines]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=163_840)
    parser.add_argument("--dim", type=int, default=1536)
    parser.add_argument("--naive-picks", type=int, default=40, help="picks that the plain loops make")
    parser.add_argument("--tiny", action="store_true", help="whether it runs at all: 2,000 rows of 64 values")
    parser.add_argument("--write", action="store_true", help="put the table into docs/patchcore.md")
    args = parser.parse_args()
    if args.tiny:
        args.rows, args.dim, args.naive_picks = 2000, 64, 20
    lines = measure(args)
    if args.write:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        after = rest.partition(END)[2]
        PAGE.write_text("\n".join([before + BEGIN, *lines, END + after]))


if __name__ == "__main__":
    main()
