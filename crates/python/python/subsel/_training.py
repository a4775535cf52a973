"""Scores of a training of one's own: how hard each row was to learn, by the logits that the training has anyway."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _inputs, _native

#: Names that scores go by, beside their own.
ALIASES = {"aum": "aum-logit"}


class Tracker:
    """Collects forgetting events, AUM and EL2N of `n` rows while a model is trained.

    ```python
    tracker = subsel.Tracker(len(dataset))
    for epoch in range(epochs):
        for ids, x, labels in loader:
            logits = model(x)
            tracker.update(ids, logits, labels, epoch=epoch)
            ...
    subsel.select(X, 0.3, "ccs", scores=tracker.scores("forgetting"))
    ```

    It keeps 56 bytes per row, is pickled with a checkpoint, and merges with those of other workers.

    Args:
        n: Rows of the pool.
        classes: Classes of the model; as the first logits have unless given.
        el2n_epochs: First epoch and end of those that count for EL2N; the first 10, as CCS and D2 have it.
        aum_epochs: The same for AUM; all, unless given.
    """

    def __init__(
        self,
        n: int,
        classes: int | None = None,
        *,
        el2n_epochs: tuple[int, int] = (0, 10),
        aum_epochs: tuple[int, int] | None = None,
    ) -> None:
        self._native = _native.Tracker(n, classes, el2n_epochs, aum_epochs)
        self._epoch = 0
        self._seen: NDArray[np.bool_] = np.zeros(n, dtype=bool)

    def update(self, ids: Any, logits: Any, labels: Any, *, epoch: int | None = None) -> None:
        """What a model says of a minibatch, in train mode, before the step of the optimizer.

        Args:
            ids: Rows of the pool, `(batch,)`.
            logits: `(batch, classes)`; torch tensors are detached and brought to the CPU.
            labels: Their classes, from 0, `(batch,)`.
            epoch: The epoch, from 0. Where it is not given, a new one begins as soon as a row comes again.

        Raises:
            ValueError: Rows beyond `n`, labels beyond the classes, logits of another shape or that are not finite, an
                epoch before the last; the message has the row. Nothing of the batch is kept then.
        """
        rows, classes = _whole(ids, "ids"), _whole(labels, "labels")
        values, bf16 = _inputs.array(logits, "logits")
        again = epoch is None and any(row < len(self._seen) and self._seen[row] for row in rows)
        now = epoch if epoch is not None else self._epoch + int(again)
        self._native.update(now, rows, values, bf16, classes)
        if now != self._epoch:
            self._epoch = now
            self._seen[:] = False
        self._seen[rows] = True

    def merge(self, other: Tracker) -> None:
        """Takes over what another tracker has seen of the same training: other rows, or other epochs."""
        self._native.merge(other._native)

    def scores(self, by: str = "forgetting", *, never_learned: str = "infinite") -> NDArray[np.float64]:
        """A score per row, so that harder rows have more; NaN for rows never seen.

        Args:
            by: "forgetting", "correctness", "el2n", "el2n-sum", "aum" (the mean margin of the label, of logits) or "aum-prob"
                (the sum of that of probabilities, as CCS and D2 take it).
            never_learned: What forgetting says of rows never learned: "infinite" (its authors), "most" (one more than the
                most forgotten) or "zero" (DeepCore, CCS). Methods take infinite scores: first, or as the greatest finite one
                where widths matter.
        """
        return self._scores(by, never_learned, True)

    def values(self, by: str, *, never_learned: str = "infinite") -> NDArray[np.float64]:
        """The same with the sign of its definition: low AUM is hard."""
        return self._scores(by, never_learned, False)

    def _scores(self, by: str, never_learned: str, harder_is_higher: bool) -> NDArray[np.float64]:
        raw = self._native.scores(ALIASES.get(by, by), never_learned, harder_is_higher)
        return np.frombuffer(raw, dtype=np.float64)

    @property
    def observations(self) -> NDArray[np.int64]:
        """How often each row was seen."""
        return np.frombuffer(self._native.observations(), dtype=np.uint64).astype(np.int64)

    def __len__(self) -> int:
        return len(self._seen)

    def __getstate__(self) -> dict[str, Any]:
        return {"tracker": self._native.dump(), "epoch": self._epoch, "seen": self._seen}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._native = _native.Tracker.load(state["tracker"])
        self._epoch = state["epoch"]
        self._seen = state["seen"]


def _whole(values: Any, what: str) -> list[int]:
    listed = _inputs.numbers(values)
    if listed.ndim != 1 or listed.dtype.kind not in "iu":
        raise ValueError(f"{what} must be whole numbers (batch,), got {listed.dtype} of shape {listed.shape}")
    if len(listed) and listed.min() < 0:
        raise ValueError(f"{what} must be from 0, got {listed.min()}")
    whole: list[int] = listed.tolist()
    return whole
