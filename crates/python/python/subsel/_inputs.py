"""What users have in hand, as the engine takes it: without a copy wherever the values can be read where they lie."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from numbers import Integral, Real
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

#: A pool for the engine: an array and whether it is bfloat16, or a table with the columns of rows and ids.
Pool = tuple[Any, ...]

#: Options that may be paths, which then go to the engine as the program's options of the same name.
KNOWN = ("labeled", "labels", "groups", "scores", "costs", "probs", "logits", "exclude", "ids")


def is_path(value: object) -> bool:
    """Whether it names a file."""
    return isinstance(value, (str, os.PathLike))


def is_paths(value: object) -> bool:
    """Whether it names one file or several."""
    is_list = isinstance(value, (list, tuple)) and len(value) > 0
    return is_path(value) or (is_list and all(is_path(each) for each in cast("Sequence[object]", value)))


def pool(X: Any, column: str | None, id_column: str | None) -> tuple[Pool | None, list[str]]:
    """The pool in memory, or the words that name its files."""
    options = [] if column is None else ["--column", column]
    options += [] if id_column is None else ["--id-column", id_column]
    if is_paths(X):
        paths = [X] if is_path(X) else X
        return None, [*options, "--", *(os.fspath(path) for path in paths)]
    if column is not None:
        return table(X, column, id_column), []
    return matrix(X, "X", id_column), []


def table(X: Any, column: str, id_column: str | None = None) -> Pool:
    """One column of a table."""
    if hasattr(X, "__arrow_c_stream__"):
        return X, column, id_column
    try:
        values = X[column]
    except (KeyError, IndexError, TypeError):
        raise ValueError(f"X has no column `{column}`") from None
    return matrix(values, f"column `{column}`")


def matrix(X: Any, what: str, id_column: str | None = None) -> Pool:
    """Numbers with two axes."""
    if _is_numeric_frame(X):
        X = X.to_numpy()
    elif hasattr(X, "__arrow_c_stream__"):
        return X, None, id_column
    elif hasattr(X, "__arrow_c_array__"):
        import pyarrow as pa

        # As a table: columns alone have no `__arrow_c_stream__` before pyarrow 16.
        return pa.table({what: pa.array(X)}), None, id_column
    return array(X, what)


def array(X: Any, what: str) -> Pool:
    """An array of two axes, and whether its two bytes are bfloat16."""
    module = type(X).__module__.partition(".")[0]
    if module == "torch":
        return _torch(X, what)
    if module == "scipy":
        raise ValueError(f"{what} is sparse, which is not supported: {what}.toarray() makes it dense")
    if isinstance(X, np.ndarray):
        values = np.asarray(X)
    elif hasattr(X, "__array_interface__") or hasattr(X, "__array__") or not hasattr(X, "__dlpack__"):
        values = np.asarray(X)
    else:
        values = np.from_dlpack(X)
    if values.dtype.name == "bfloat16":
        return values.view(np.uint16), True
    if values.dtype == object:
        values = _stacked(values, what)
    if values.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {what} must hold real numbers, got dtype `{values.dtype}`")
    if values.dtype.kind not in "fiub":
        raise ValueError(f"{what} must hold numbers (float, int or bool), got dtype `{values.dtype}`")
    if not values.dtype.isnative:
        values = values.astype(values.dtype.newbyteorder("="))
    if values.dtype.kind == "f" and values.dtype.itemsize > 8:
        values = values.astype(np.float64)
    return values, False


def _torch(X: Any, what: str) -> Pool:
    import torch

    if X.layout is not torch.strided:
        raise ValueError(f"{what} is sparse, which is not supported: {what}.to_dense() makes it dense")
    X = X.detach()
    if X.device.type != "cpu":
        X = X.cpu()
    if X.dtype is torch.bfloat16:
        return X.view(torch.int16).numpy(), True
    return X.numpy(), False


def _is_numeric_frame(X: Any) -> bool:
    """Whether it is a table whose columns are the columns of a matrix."""
    module = type(X).__module__.partition(".")[0]
    if type(X).__name__ != "DataFrame":
        return False
    if module == "pandas":
        return all(getattr(dtype, "kind", "O") in "fiub" for dtype in X.dtypes)
    if module == "polars":
        return all(dtype.is_numeric() for dtype in X.dtypes)
    return False


def _stacked(values: np.ndarray[Any, Any], what: str) -> np.ndarray[Any, Any]:
    """Rows that are objects of their own, as a pandas column of lists has them."""
    try:
        return np.stack([np.asarray(row, dtype=np.float32) for row in values])
    except (TypeError, ValueError) as error:
        raise type(error)(f"{what} must be rows of numbers, all of one length: {error}") from None


def known(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """What is known of the rows: values for the engine, and words that name files."""
    values: dict[str, Any] = {}
    words: list[str] = []
    for name, value in given.items():
        if value is None:
            continue
        if is_path(value):
            words += [f"--{name}", os.fspath(value)]
        elif name in ("probs", "logits"):
            values[name] = matrix(value, name)
        elif name in ("labeled", "exclude"):
            values[name] = rows(value)
        else:
            values[name] = one_per_row(value, name)
    return values, words


def rows(value: Any) -> list[Any] | dict[str, list[Any]]:
    """A list of rows: numbers or ids; a mask or a selection can only mean numbers."""
    if hasattr(value, "indices") and not callable(value.indices):
        return {"rows": np.asarray(value.indices).tolist()}
    entries = numbers(value)
    if entries.dtype == bool:
        return {"rows": np.flatnonzero(entries).tolist()}
    return entries.ravel().tolist()


def row_list(value: Any) -> list[Any]:
    """The same as a plain list."""
    listed = rows(value)
    return listed["rows"] if isinstance(listed, dict) else listed


def numbers(value: Any) -> NDArray[Any]:
    """The values as numpy has them; tensors are detached and brought to the CPU."""
    if type(value).__module__.partition(".")[0] == "torch" and hasattr(value, "detach"):
        value = value.detach().cpu()
    return np.asarray(value)


def one_per_row(value: Any, what: str) -> list[Any]:
    """One number or text for each row."""
    entries = numbers(value)
    if entries.ndim == 2 and entries.shape[1] == 1:
        entries = entries[:, 0]
    if entries.ndim != 1:
        raise ValueError(f"{what} must have one axis, got shape {entries.shape}")
    listed: list[Any] = entries.tolist()
    if entries.dtype == object:
        missing = next((row for row, entry in enumerate(listed) if entry is None or entry != entry), None)
        if missing is not None:
            raise ValueError(f"{what} must be known for every row, and that of row {missing} is {listed[missing]}")
        if any(isinstance(entry, str) for entry in listed):
            return [str(entry) for entry in listed]
    if entries.dtype.kind == "b":
        return [int(entry) for entry in listed]
    return listed


def budget(n: Any) -> list[str]:
    """How many rows: a count, a share between 0 and 1, or text such as `5%`."""
    if n is None:
        return []
    if isinstance(n, str):
        return [f"-n={n}"]
    if isinstance(n, (bool, np.bool_)):
        raise ValueError(f"n must be a count, a share or text such as '5%', got {n}")
    if isinstance(n, Integral):
        return [f"-n={int(n)}"]
    if isinstance(n, Real) and 0 < float(n) < 1:
        return [f"-n={(Decimal(repr(float(n))) * 100).normalize():f}%"]
    if isinstance(n, Real):
        raise ValueError(f"n must be a count (int), a share between 0 and 1, or text such as '5%', got {n!r}")
    raise ValueError(f"n must be a count, a share or text such as '5%', got {type(n).__name__}")


def seed_of(seed: Any, random_state: Any) -> list[str]:
    """The seed, by either of its names."""
    if seed is not None and random_state is not None and seed != random_state:
        raise ValueError(f"seed and random_state are one, got {seed} and {random_state}")
    seed = random_state if seed is None else seed
    if seed is None:
        return []
    if isinstance(seed, np.random.RandomState):
        seed = seed.randint(2**31)
    elif isinstance(seed, np.random.Generator):
        seed = seed.integers(2**31)
    if not isinstance(seed, Integral) or isinstance(seed, bool) or int(seed) < 0:
        raise ValueError(f"seed must be a whole number from 0, got {seed!r}")
    return ["--seed", str(int(seed))]


def quotas(quota: Any) -> list[str]:
    """`"label=cat:10..50"`, several of them, or a mapping from `"label=cat"` to `(10, 50)`."""
    if quota is None:
        return []
    if isinstance(quota, str):
        return ["--quota", quota]
    if isinstance(quota, Mapping):
        texts = []
        for which, (least, most) in quota.items():
            texts.append(f"{which}:{'' if least is None else least}..{'' if most is None else most}")
    else:
        texts = [str(text) for text in cast("Iterable[object]", quota)]
    return [word for text in texts for word in ("--quota", text)]


def options(**given: Any) -> list[str]:
    """Options as the program takes them: names with hyphens, flags without a value."""
    words: list[str] = []
    for name, value in given.items():
        if value is None or value is False:
            continue
        option = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(option)
        else:
            # One word, since a value may begin with a sign.
            words.append(f"{option}={os.fspath(value) if isinstance(value, os.PathLike) else value}")
    return words


def words(value: Any) -> list[str]:
    """Names: one, or several."""
    return [value] if isinstance(value, str) else [str(each) for each in value]
