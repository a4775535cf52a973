"""Picks of a Hugging Face data set.

```python
from subsel.hf import select

train = select(ds, 1000, "typiclust", column="embedding", labels="label")
```
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _calls

if TYPE_CHECKING:
    from ._base import Method

#: What may be told of the rows by the name of a column.
COLUMNS = ("labeled", "labels", "groups", "scores", "costs", "probs", "logits", "exclude")


def select(
    ds: Any,
    n: int | float | str | None = None,
    method: str | Method | None = None,
    *,
    column: str = "embedding",
    id_column: str | None = None,
    sort: bool = True,
    return_selection: bool = False,
    **known: Any,
) -> Any:
    """Picks `n` rows of a data set by a column of embeddings, which is read where it lies.

    Args:
        ds: A `datasets.Dataset`, also one that was shuffled, filtered or selected from.
        n, method: As [`subsel.select`][] takes them.
        column: The column of embeddings.
        id_column: A column of names for the rows.
        sort: Rows of the result in the order they have in `ds`, which is the fastest to read; else best first.
        return_selection: Also give the [`subsel.Selection`][], which has scores, reasons and the manifest.
        known: Other keyword arguments of [`subsel.select`][]. Of these `labels`, `groups`, `scores`, `costs`, `probs` and
            `logits` may be names of columns, and `labeled` and `exclude` names of columns of true and false.

    Returns:
        A `datasets.Dataset` of the picked rows with all columns, and the selection if asked for.

    Raises:
        ValueError: `ds` is no such data set or lacks a column; and as [`subsel.select`][].
    """
    _check(ds)
    columns = {name: _column(ds, name, what) for what, name in (("column", column), ("id_column", id_column)) if name}
    for what in COLUMNS:
        name = known.get(what)
        # Anything else that is text names a file, as it does elsewhere.
        if isinstance(name, str) and (name in ds.column_names or not os.path.exists(name)):
            known[what] = _column(ds, name, what)

    import pyarrow as pa

    selection = _calls.select(pa.table(columns), n, method, column=column, id_column=id_column, **known)
    rows = np.sort(selection.indices) if sort else selection.indices
    picked = ds.select(rows.tolist())
    return (picked, selection) if return_selection else picked


def _check(ds: Any) -> None:
    if isinstance(ds, dict):
        raise ValueError(f"ds has the splits {', '.join(map(str, ds))}: give one, such as ds[{next(iter(ds), 'train')!r}]")
    if not hasattr(ds, "column_names") or not hasattr(ds, "data"):
        streamed = " (a streamed one has no rows to come back to)" if type(ds).__name__ == "IterableDataset" else ""
        raise ValueError(f"ds must be a `datasets.Dataset`, got {type(ds).__name__}{streamed}")


def _column(ds: Any, name: str, what: str) -> Any:
    """A column as a pyarrow ChunkedArray, in the order of the data set."""
    if name not in ds.column_names:
        raise ValueError(f"{what}: the data set has no column `{name}`; it has {', '.join(ds.column_names)}")
    values = ds.data.column(name)
    if what in ("labeled", "exclude") and str(values.type) != "bool":
        # Numbers would be taken for row numbers.
        raise ValueError(f"{what}: column `{name}` must hold true and false, got {values.type}")
    # Where rows were shuffled or left out, `datasets` keeps the whole table and a list of rows. `flatten_indices` would
    # write a copy of all columns to its cache.
    mapping = getattr(ds, "_indices", None)
    return values if mapping is None else _wide(values).take(mapping.column(0))


def _wide(values: Any) -> Any:
    """Lists with offsets of 64 bits: those of 32 overflow where rows of several chunks are taken together."""
    import pyarrow as pa

    if pa.types.is_list(values.type):
        return values.cast(pa.large_list(values.type.value_type))
    return values
