"""Embeddings of images and texts by a model, a batch at a time, and kept where a later run finds them.

`embed` asks a `_Model` (`_models`) for the rows of one batch of `_Item`s (`_items`) after the other, unless a `_Store`
(`_cache`) has them from before.
"""

from __future__ import annotations

import itertools
import operator
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from numbers import Integral
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .._engine import SubselWarning
from .._progress import PATIENCE, bar, tqdm
from ._cache import _directory, _Store
from ._items import _Item
from ._models import _Model, _of_function, _of_name

__all__ = ["embed"]


def embed(
    items: Iterable[Any],
    model: str | Callable[[list[Any]], Any],
    *,
    batch_size: int = 64,
    device: Any = None,
    cache: bool | str | os.PathLike[str] | None = None,
    cache_key: str | None = None,
    dtype: Literal["float16", "float32"] = "float32",
    progress: bool | None = None,
) -> NDArray[Any]:
    """Embeddings of images or texts: a row for each, in their order.

    Only a batch of the items is in memory at a time, and they may come from a generator.

    Args:
        items: Images (paths, PIL, arrays of uint8 `(h, w, 3)` or `(h, w)`, encoded bytes, or as data sets of Hugging
            Face have them) or texts. Text is a path for models of images only; where a model takes both, a path is a
            `pathlib.Path`.
        model: "timm:NAME", "hf:NAME" (transformers: the mean over the tokens of a text; of an image what the model
            pools, or its first token), "st:NAME" (sentence-transformers), or a function from a list of items to
            `(batch, d)`.
        batch_size: Items that the model gets at once. Where rounding in the model depends on it, so do the rows.
        device: Where a named model runs, such as "cuda:1"; on a GPU if there is one, unless given.
        cache: Keep rows by model and content of the item, and read those kept before: True does so in `~/.cache/subsel`
            (or `$XDG_CACHE_HOME/subsel`), a path there. A run that was stopped goes on where it was.
        cache_key: What a function is, for the cache: to be changed when the function changes.
        dtype: What the result holds.
        progress: Show a bar (needs tqdm); None shows it in notebooks and terminals.

    Returns:
        `(n, d)`. Rows that are not finite are warned of, not refused: `drop_nonfinite` leaves them out of a pool.

    Raises:
        ValueError: An item is nothing that the model takes, or the model does not give rows; the message has the item.
        OSError: A file cannot be read or written.
        ImportError: A package is missing; the message has the command that installs it.
    """
    if isinstance(items, (str, bytes, os.PathLike, Mapping)) or type(items).__name__ in ("DataFrame", "Dataset"):
        raise ValueError(
            f"items must be several images or texts, such as a list or a column, got {type(items).__name__}"
        )
    if not isinstance(batch_size, Integral) or isinstance(batch_size, bool) or batch_size < 1:
        raise ValueError(f"batch_size must be a count from 1, got {batch_size!r}")
    if dtype not in ("float16", "float32"):
        raise ValueError(f"dtype must be 'float16' or 'float32', got {dtype!r}")
    directory = _directory(cache)
    if callable(model) and directory is not None and not cache_key:
        raise ValueError("cache needs cache_key for a function: a name for it, to be changed when the function changes")
    if not callable(model) and cache_key is not None:
        raise ValueError(f"cache_key is for functions; `{model}` is known by its weights")
    found = _of_function(model, device, cache_key) if callable(model) else _of_name(model, device)
    store = None if directory is None else _Store(directory, found.identity())
    rows = _Rows(operator.length_hint(items, 0), dtype)
    settings = {"total": rows.expected or None, "desc": "embed", "unit": " items", "leave": False, "delay": PATIENCE}
    meter = None if bar(progress) is None else tqdm()(**settings)
    try:
        for batch in _batches(items, batch_size):
            batch = [found.understood(item) for item in batch]
            rows.add(found.rows(batch) if store is None else _with(store, found, batch), batch)
            if meter is not None:
                meter.update(len(batch))
    finally:
        if meter is not None:
            meter.close()
        if store is not None:
            store.flush()
    return rows.finished()


def _batches(items: Iterable[Any], size: int) -> Iterator[list[_Item]]:
    each = (_Item(at, value) for at, value in enumerate(items))
    while batch := list(itertools.islice(each, size)):
        yield batch


class _Rows:
    """Grows with the rows that come, without a second copy of them."""

    def __init__(self, expected: int, dtype: str) -> None:
        self.expected = expected
        self._dtype = np.dtype(dtype)
        self._values: NDArray[Any] | None = None
        self._at = 0
        self._not_finite = 0
        self._first = ""

    def add(self, rows: NDArray[np.float32], batch: list[_Item]) -> None:
        if self._values is None:
            self._values = np.empty((max(self.expected, len(rows)), rows.shape[1]), self._dtype)
        n, d = self._values.shape
        if rows.shape[1] != d:
            raise ValueError(f"the model gives {rows.shape[1]} values from {batch[0]} on, and gave {d} before")
        end = self._at + len(rows)
        if end > n:
            # The allocator moves pages of large arrays rather than their content.
            self._values.resize((max(end, n + n // 2), d), refcheck=False)
        with np.errstate(over="ignore"):
            self._values[self._at : end] = rows
        finite = np.isfinite(self._values[self._at : end]).all(axis=1)
        if not finite.all():
            self._first = self._first or str(batch[int(np.argmin(finite))])
            self._not_finite += int((~finite).sum())
        self._at = end

    def finished(self) -> NDArray[Any]:
        values = self._values
        if values is None:
            raise ValueError("there are no items")
        values.resize((self._at, values.shape[1]), refcheck=False)
        if self._not_finite:
            hint = "; float32 holds larger values" if self._dtype == np.float16 else ""
            which = (
                f"{self._not_finite} of {self._at} rows have NaN or infinite values, the first is that of {self._first}"
            )
            warnings.warn(which + hint, SubselWarning, stacklevel=3)
        return values


def _with(store: _Store, model: _Model, batch: list[_Item]) -> NDArray[np.float32]:
    """Rows of a batch: those kept, and of the other items by the model."""
    keys = [model.key(item) for item in batch]
    found = store.find(keys)
    new = [at for at, row in enumerate(found) if row is None]
    if new:
        rows = model.rows([batch[at] for at in new])
        store.add([keys[at] for at in new], rows)
        for at, row in zip(new, rows, strict=True):
            found[at] = row
    lengths = {len(row) for row in found if row is not None}
    if len(lengths) > 1:
        raise ValueError(f"rows of {sorted(lengths)} values go by one cache_key; give a new one to a new function")
    return np.stack([row for row in found if row is not None])
