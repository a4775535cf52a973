"""The memory bank of PatchCore: greedy k-center after a sparse random projection, in place of anomalib's class.

```python
from anomalib.models.image.patchcore import torch_model
from subsel.contrib.patchcore import KCenterGreedy

torch_model.KCenterGreedy = KCenterGreedy
```

Only numpy is needed; tensors of torch are taken where there are any.

Roth et al., Towards Total Recall in Industrial Anomaly Detection, 2022; Li, Hastie and Church, Very Sparse Random
Projections, 2006.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Generic, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from .. import _inputs
from .._calls import select
from .._methods import KCenter
from .._selection import Selection

__all__ = ["KCenterGreedy", "SparseProjection"]

Embedding = TypeVar("Embedding")

#: How far projected distances may be off, as anomalib sets it: 296 values a row for 163,840 rows.
EPS = 0.9

#: Rows projected at a time: what is gathered then fits a cache.
BLOCK = 1024


class SparseProjection:
    """A random matrix `(n_components, n_features)` of which each value is not 0 with probability `1 / sqrt(n_features)`.

    Each component sums the few columns it has in a fixed order and not by a matrix product, whose last bits depend on
    the machine: so the same rows and seed give the same picks everywhere. Sums are float32.

    Args:
        n_rows: Rows that are to be projected; distances among more of them need more components.
        n_features: Values a row has.
        seed: Seed of the matrix.
    """

    def __init__(self, n_rows: int, n_features: int, seed: int = 0) -> None:
        self.n_components = _components(n_rows)
        self.n_features = n_features
        density = 1 / math.sqrt(n_features)
        # Bits of the generator, which numpy promises never to change; what it makes of them may change.
        bits = np.random.PCG64(seed).random_raw(self.n_components * n_features).reshape(self.n_components, n_features)
        taken = (bits >> np.uint64(11)) * 2.0**-53 < density
        is_plus = (bits & np.uint64(1)).astype(bool)
        self._plus = [np.flatnonzero(row) for row in taken & is_plus]
        self._minus = [np.flatnonzero(row) for row in taken & ~is_plus]
        self._scale = np.float32(math.sqrt(1 / density / self.n_components))

    def matrix(self) -> NDArray[np.float32]:
        """The matrix, `(n_components, n_features)`."""
        matrix = np.zeros((self.n_components, self.n_features), dtype=np.float32)
        for component, (plus, minus) in enumerate(zip(self._plus, self._minus, strict=True)):
            matrix[component, plus] = self._scale
            matrix[component, minus] = -self._scale
        return matrix

    def transform(self, X: Any) -> NDArray[np.float32]:
        """The rows projected, `(n, n_components)`, by blocks.

        Raises:
            ValueError: A value is NaN or infinite.
        """
        projected = np.empty((len(X), self.n_components), dtype=np.float32)
        for start in range(0, len(X), BLOCK):
            rows = _float32(X[start : start + BLOCK])
            if not np.isfinite(rows).all():
                row, column = np.argwhere(~np.isfinite(rows))[0]
                value = rows[row, column]
                raise ValueError(f"embedding must be finite, got {value} at row {start + row}, column {column}")
            self._project(rows, projected[start : start + BLOCK])
        return projected

    def _project(self, rows: NDArray[np.float32], out: NDArray[np.float32]) -> None:
        columns = np.ascontiguousarray(rows.T)
        sums = np.empty((self.n_components, len(rows)), dtype=np.float32)
        for component, (plus, minus) in enumerate(zip(self._plus, self._minus, strict=True)):
            np.add.reduce(columns[plus], axis=0, out=sums[component])
            sums[component] -= np.add.reduce(columns[minus], axis=0)
        np.multiply(sums.T, self._scale, out=out)


class KCenterGreedy(Generic[Embedding]):
    """Picks the rows of a memory bank: again and again the row farthest from everything taken.

    Takes what anomalib's class of this name takes, and gives rows of the same kind and on the same device. What differs:
    all randomness is `seed`'s; distances are exact, so that ties (and nothing else) go to the lowest row; and see
    `selected_idxs`.

    Args:
        embedding: Rows `(n, d)`, numpy or torch. More axes are flattened, and then nothing is projected.
        sampling_ratio: Share of the rows to pick: `int(n * sampling_ratio)`.
        projection: Measure distances between randomly projected rows, as anomalib does.
        start: The first pick where nothing is selected: random, max-norm, medoid or a row number.
        seed: Seed of the projection and of a random start.
        threads: Worker threads; they do not change the picks.
        max_memory: Bytes, or text such as "8GB": less is refused.

    Attributes:
        coreset_size: How many rows are picked.
        features: The rows that distances are measured between, once something was picked.
        selection: The last picks with their distances.

    Raises:
        ValueError: That share of the rows is not a single one, or is more than all.
    """

    features: Any
    selection: Selection

    def __init__(
        self,
        embedding: Embedding,
        sampling_ratio: float,
        *,
        projection: bool = True,
        start: str | int = "random",
        seed: int = 0,
        threads: int | None = None,
        max_memory: int | str | None = None,
    ) -> None:
        self.embedding = embedding
        self.projection = projection
        self.start = start
        self.seed = seed
        self.threads = threads
        self.max_memory = max_memory
        self.n_observations = len(cast(Any, embedding))
        if not 0 < sampling_ratio <= 1:
            raise ValueError(f"sampling_ratio must be above 0 and at most 1, got {sampling_ratio}")
        self.coreset_size = int(self.n_observations * sampling_ratio)
        if self.coreset_size == 0:
            raise ValueError(f"sampling_ratio must be one row or more, got {sampling_ratio} of {self.n_observations} rows")

    def select_coreset_idxs(self, selected_idxs: Sequence[int] | None = None) -> list[int]:
        """Row numbers, in the order they were picked.

        Args:
            selected_idxs: Rows that are in the memory bank already. As many others are picked as without them, the first
                of them the farthest. (anomalib 2.0 took them, 2.2 does not; of rows with two axes it looked at none of
                them, but raised an error when it came to pick one.)
        """
        self.features = self._features()
        labeled = None if selected_idxs is None or len(selected_idxs) == 0 else selected_idxs
        self.selection = select(
            self.features,
            self.coreset_size,
            KCenter(start=self.start),
            seed=self.seed,
            labeled=labeled,
            threads=self.threads,
            max_memory=self.max_memory,
        )
        rows: list[int] = self.selection.indices.tolist()
        return rows

    def sample_coreset(self, selected_idxs: Sequence[int] | None = None) -> Embedding:
        """The rows picked, of the same kind and on the same device as `embedding`."""
        return cast(Embedding, cast(Any, self.embedding)[self.select_coreset_idxs(selected_idxs)])

    def _features(self) -> Any:
        rows = cast(Any, self.embedding)
        if rows.ndim != 2:
            return rows.reshape(self.n_observations, -1)
        if not self.projection:
            return rows
        return SparseProjection(self.n_observations, rows.shape[1], self.seed).transform(rows)


def _components(n_rows: int) -> int:
    """Values a projected row needs by the lemma of Johnson and Lindenstrauss."""
    return max(1, int(4 * math.log(n_rows) / (EPS**2 / 2 - EPS**3 / 3)))


def _float32(rows: Any) -> NDArray[np.float32]:
    """Rows of numpy or torch as float32 in main memory."""
    values, is_bfloat16 = _inputs.array(rows, "embedding")
    if is_bfloat16:
        # The upper half of a float32.
        return cast("NDArray[np.float32]", (values.astype(np.uint32) << 16).view(np.float32))
    return cast("NDArray[np.float32]", values.astype(np.float32, copy=False))
