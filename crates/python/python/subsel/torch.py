"""Picks in PyTorch: a data set of them, and a sampler for a `DataLoader`.

```python
from subsel.torch import SelectionSampler, subset

loader = DataLoader(subset(dataset, picks), batch_size=64, shuffle=True)
loader = DataLoader(dataset, batch_size=64, sampler=SelectionSampler(picks, shuffle=True))
```
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _inputs

try:
    # By name, so that it is Any for type checkers, whether or not PyTorch is there.
    importlib.import_module("torch")
    _data: Any = importlib.import_module("torch.utils.data")
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise ImportError("subsel.torch needs PyTorch: `pip install torch`") from error


def subset(dataset: Any, selection: Any) -> Any:
    """The picked rows of a data set, in rank order.

    Args:
        dataset: A data set with an item for each row of the pool.
        selection: A selection, row numbers or a mask.

    Returns:
        A `torch.utils.data.Subset`.

    Raises:
        ValueError: A row is not of the data set.
    """
    rows = _rows(selection)
    if len(rows) and rows.max() >= len(dataset):
        raise ValueError(f"row {rows.max()} is picked, and the data set has {len(dataset)} rows")
    return _data.Subset(dataset, rows.tolist())


class SelectionSampler(_data.Sampler):  # type: ignore[misc]
    """Goes through the picked rows: in rank order, or shuffled anew every epoch.

    An order depends on `seed` and the epoch only: not on workers, on other random numbers or on what ran before. As
    with the distributed sampler of PyTorch, epochs differ once `set_epoch` is called before each.

    Args:
        selection: A selection, row numbers or a mask.
        shuffle: Another order every epoch.
        seed: Seed of these orders.
    """

    def __init__(self, selection: Any, shuffle: bool = False, seed: int = 0) -> None:
        self.rows = _rows(selection)
        self.shuffle = shuffle
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """The epoch that the next order is of."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        rows = self.rows
        if self.shuffle:
            # Both, since their sum would give epoch 1 of seed 0 and epoch 0 of seed 1 the same order.
            rows = np.random.default_rng((self.seed, self.epoch)).permutation(rows)
        return iter(rows.tolist())

    def __len__(self) -> int:
        return len(self.rows)


def _rows(selection: Any) -> NDArray[np.int64]:
    rows = np.asarray(_inputs.row_list(selection))
    if len(rows) == 0:
        return rows.astype(np.int64)
    if rows.dtype.kind not in "iu":
        raise ValueError(f"picks must be row numbers, got {rows.tolist()[0]!r}")
    if rows.min() < 0:
        raise ValueError(f"picks must be row numbers from 0, got {rows.min()}")
    return rows.astype(np.int64)
