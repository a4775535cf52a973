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
from numpy.typing import NDArray

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
        known: Other keyword arguments of [`subsel.select`][]. Of these `labels`, `groups`, `scores`, `costs`, `probs`
            and `logits` may be names of columns, and `labeled` and `exclude` names of columns of true and false.

    Returns:
        A `datasets.Dataset` of the picked rows with all columns, and the selection if asked for.

    Raises:
        ValueError: `ds` is no such data set or lacks a column; and as [`subsel.select`][].
    """
    _check(ds)
    import pyarrow as pa

    columns = {name: _column(ds, name, what) for what, name in (("column", column), ("id_column", id_column)) if name}
    for what in COLUMNS:
        name = known.get(what)
        # Anything else that is text names a file, as it does elsewhere.
        if isinstance(name, str) and (name in ds.column_names or not os.path.exists(name)):
            values = _column(ds, name, what)
            known[what] = pa.table({name: values}) if what in ("probs", "logits") else values
    selection = _calls.select(pa.table(columns), n, method, column=column, id_column=id_column, **known)
    rows = np.sort(selection.indices) if sort else selection.indices
    picked = ds.select(rows.tolist())
    return (picked, selection) if return_selection else picked


def _check(ds: Any) -> None:
    if isinstance(ds, dict):
        raise ValueError(
            f"ds has the splits {', '.join(map(str, ds))}: give one, such as ds[{next(iter(ds), 'train')!r}]"
        )
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
    return values if mapping is None else _taken(values, mapping.column(0).to_numpy().astype(np.int64))


def _taken(values: Any, rows: NDArray[np.int64]) -> Any:
    """A column in another order, in one copy: `take` joins chunks before, some versions of pyarrow many times."""
    import pyarrow as pa

    begins = np.cumsum([0, *(len(chunk) for chunk in values.chunks)])
    order = np.argsort(rows, kind="stable")
    bounds = np.searchsorted(rows[order], begins)
    taken: NDArray[Any] | None = None
    for at, chunk in enumerate(values.chunks):
        to = order[bounds[at] : bounds[at + 1]]
        if len(to) == 0:
            continue
        matrix = _matrix(chunk)
        if matrix is None or (taken is not None and matrix.shape[1] != taken.shape[1]):
            # No embeddings, or wrong ones, of which the engine tells what is wrong.
            return values.combine_chunks().take(pa.array(rows))
        if taken is None:
            taken = np.empty((len(rows), matrix.shape[1]), matrix.dtype)
        taken[to] = matrix[rows[to] - begins[at]]
    if taken is None:
        return values.slice(0, 0)
    return pa.chunked_array([pa.FixedSizeListArray.from_arrays(pa.array(taken.ravel()), taken.shape[1])])


def _matrix(chunk: Any) -> NDArray[Any] | None:
    """Lists of numbers, all of one length, where they lie."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = chunk.type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)):
        return None
    flat, lengths = chunk.flatten(), pc.min_max(pc.list_value_length(chunk)).as_py()
    numeric = pa.types.is_floating(flat.type) or pa.types.is_integer(flat.type)
    if not numeric or chunk.null_count or flat.null_count or lengths["min"] != lengths["max"] or not lengths["min"]:
        return None
    matrix: NDArray[Any] = flat.to_numpy(zero_copy_only=False).reshape(len(chunk), lengths["min"])
    return matrix
