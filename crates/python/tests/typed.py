"""A file that uses the whole interface, for type checkers. It is also run."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import subsel

if TYPE_CHECKING:
    from typing_extensions import assert_type
else:

    def assert_type(value: object, kind: object) -> object:
        """Nothing to do at run time; `typing` has it from Python 3.11 on."""
        return value


X: NDArray[np.float32] = np.random.default_rng(0).normal(size=(200, 8)).astype(np.float32)
y: NDArray[np.int64] = np.arange(200) % 4

picks = subsel.select(X, 10, "k-center", seed=0, labeled=[1, 2], labels=y, exclude=np.array([3]))
assert_type(picks, subsel.Selection)
assert_type(picks.indices, NDArray[np.int64])
assert_type(picks.scores, NDArray[np.float64])
assert_type(picks.reasons, list[str])
assert_type(picks.facts, list[dict[str, Any]])
assert_type(picks.manifest, dict[str, Any])
assert_type(picks[0], int)
assert_type(picks[:3], NDArray[np.int64])
assert_type(picks.mask(), NDArray[np.bool_])
rows: list[int] = list(picks)

method = subsel.GramSchmidt(norm="l2", n=10, random_state=0)
assert_type(method.fit(X), subsel.GramSchmidt)
assert_type(method.indices_, NDArray[np.int64])
assert_type(method.get_params(), dict[str, Any])
assert_type(method.set_params(norm="l1"), subsel.GramSchmidt)
chain = subsel.ProbCover(delta=0.6) >> subsel.Norm()
assert_type(chain.select(X, n=5), subsel.Selection)

assert_type(subsel.score(X, "norm"), subsel.Scores)
found = subsel.dedup(X, 0.99)
assert_type(found.kept, NDArray[np.int64])
assert_type(found.groups(), dict[int, list[int]])
judgment = subsel.judge(picks, X, random_draws=2, metrics=["mean-distance"])
assert_type(judgment.metrics, dict[str, dict[str, Any]])
comparison = subsel.compare(X, [5, 10], ["norm", subsel.KCenter()], seeds=2, metrics=["mean-distance"])
assert_type(comparison.results, list[dict[str, Any]])
assert_type(subsel.plan(X, 10, "all").plans, list[dict[str, Any]])
assert_type(subsel.advise(X, 10).method, str)
assert_type(str(subsel.inspect(X)), str)
assert_type(subsel.methods(), list[dict[str, Any]])

tracker = subsel.Tracker(200)
tracker.update(np.arange(4), np.zeros((4, 3), np.float32), np.zeros(4, np.int64), epoch=0)
assert_type(tracker.scores("el2n"), NDArray[np.float64])

with TemporaryDirectory() as directory:
    picks.save(Path(directory, "picks.csv"))
    picks.export(Path(directory, "tasks.json"), "label-studio", ids=[f"{row}.png" for row in range(200)])
