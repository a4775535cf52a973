"""What a selection gives: an array of rows that knows why."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Iterator
from functools import cached_property
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from . import _native
from ._engine import Answer

#: Notebooks align cells to the right unless each says otherwise.
LEFT = " style='text-align:left'"

#: Picks shown where a selection is displayed.
SHOWN = 8


class Selection:
    """Picked rows in rank order. It is array-like: `X[selection]` and `dataset.select(selection)` work.

    Attributes:
        indices: Row numbers from 0, best first, int64 `(n,)`.
        scores: What the method ranks by, float64 `(n,)`; higher is likelier taken.
        ranks: 1 to n, int64 `(n,)`.
        ids: Names of the picked rows, where the pool has ids; else None.
        manifest: What was done, to what, with which seed; what `subsel verify` reads.
        secs: Seconds that checking the pool and selecting took.
        complete: False after an interruption: the picks are then a valid prefix.
        notes: What may be worth knowing of the run.

    It keeps hold of the pool, for the map that notebooks show; a pickled copy does not.
    """

    indices: NDArray[np.int64]
    scores: NDArray[np.float64]
    ids: list[str] | NDArray[np.int64] | None
    manifest: dict[str, Any]
    secs: float
    complete: bool
    notes: list[str]

    def __init__(self, answer: Answer, pool: Any = None) -> None:
        table = answer.table
        self.indices = table["row"]
        self.scores = table["score"]
        self.ids = table["id"] if "id" in table else None
        self.manifest = answer.report
        self.secs = answer.secs
        self.complete = answer.complete
        self.notes = [*answer.notes, *answer.report["warnings"]]
        self._files = (table["file"], table["file_row"]) if "file" in table else None
        self._table: Any = table
        # For the map of the notebook display; not pickled.
        self._pool = pool

    @property
    def ranks(self) -> NDArray[np.int64]:
        """1 for the best pick, and so on."""
        return np.arange(1, len(self) + 1, dtype=np.int64)

    @cached_property
    def reasons(self) -> list[str]:
        """Why each row was picked, in words."""
        reasons: list[str] = self._table.reasons()
        return reasons

    @cached_property
    def facts(self) -> list[dict[str, Any]]:
        """The same as facts with names, such as the nearest earlier pick and its distance."""
        facts: list[dict[str, Any]] = self._table.facts()
        return facts

    @property
    def method(self) -> str:
        """The method that picked, as text."""
        text: str = self.manifest["method"]["text"]
        return text

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[int]:
        return iter(self.indices.tolist())

    def __contains__(self, row: object) -> bool:
        return bool(np.isin(row, self.indices)) if isinstance(row, (int, np.integer)) else False

    @overload
    def __getitem__(self, at: int) -> int: ...
    @overload
    def __getitem__(self, at: slice) -> NDArray[np.int64]: ...
    def __getitem__(self, at: int | slice) -> int | NDArray[np.int64]:
        """A row number by its rank from 0, or several. Of a nested method, `selection[:k]` are the picks for k."""
        if isinstance(at, slice):
            return self.indices[at]
        return int(self.indices[at])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy:
            return np.array(self.indices, dtype=dtype)
        return np.asarray(self.indices, dtype=dtype)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Selection):
            return NotImplemented
        return np.array_equal(self.indices, other.indices) and np.array_equal(self.scores, other.scores, equal_nan=True)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        first = ", ".join(str(row) for row in self.indices[:SHOWN])
        more = ", ..." if len(self) > SHOWN else ""
        part = "" if self.complete else ", interrupted"
        return f"Selection({len(self):,} of {self.manifest['n']:,} rows by {self.method}{part}: [{first}{more}])"

    def _columns(self) -> dict[str, Any]:
        columns: dict[str, Any] = {"rank": self.ranks, "row": self.indices}
        if self.ids is not None:
            columns["id"] = self.ids
        columns |= {"score": self.scores, "reason": self.reasons}
        if self._files is not None:
            columns |= {"file": self._files[0], "file_row": self._files[1]}
        return columns

    def to_pandas(self) -> Any:
        """A pandas DataFrame: rank, row, id where there are ids, score, reason."""
        import pandas as pd

        return pd.DataFrame(self._columns())

    def to_polars(self) -> Any:
        """The same as a polars DataFrame."""
        import polars as pl

        return pl.DataFrame(self._columns())

    def to_arrow(self) -> Any:
        """The same as a pyarrow Table."""
        import pyarrow as pa

        return pa.table(self._columns())

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> None:
        """Writes the picks as the program does (.csv, .parquet, .jsonl, .npy or .txt), and the manifest beside them.

        Raises:
            OSError: The file is there already, unless `force`; or cannot be written.
        """
        path = os.fspath(path)
        ids = None if self.ids is None else [str(each) for each in self.ids]
        manifest = json.dumps({**self.manifest, "output": path}, indent=2) + "\n"
        rows, scores = self.indices.tolist(), self.scores.tolist()
        _native.write(path, rows, scores, self.reasons, ids, manifest, force)

    def export(
        self,
        path: str | os.PathLike[str],
        format: str,
        *,
        ids: Any = None,
        key: str | None = None,
        prefix: str | None = None,
        texts: Any = None,
        images: str | os.PathLike[str] | None = None,
        coco: str | os.PathLike[str] | None = None,
        force: bool = False,
    ) -> None:
        """Writes tasks of a labeling tool, in rank order. What the tool exports is read by `labeled=` and `labels=`.

        Args:
            path: The file: .json for "label-studio" and "coco", .jsonl for "cvat" (a manifest), .txt for "list".
            format: The tool.
            ids: File names or URLs, one per row of the pool, where the selection has none.
            key: Label Studio: the variable of the labeling configuration; "image", or "text" with `texts`.
            prefix: Label Studio: what makes an id a URL, such as "/data/local-files/?d=images/".
            texts: Label Studio: texts to show, one per row of the pool.
            images: CVAT: where the images are that the ids name, for their sizes.
            coco: COCO: the file that the images are picked out of.

        Raises:
            ValueError: The tool needs something that is not given, or has no use for something that is.
            OSError: The file is there already, unless `force`.
        """
        names = None if ids is None else [str(ids[row]) for row in self]
        if names is None and self.ids is not None:
            names = [str(each) for each in self.ids]
        shown = None if texts is None else [str(texts[row]) for row in self]
        nothing: list[str | None] = [None] * len(self)
        tasks = list(zip(self, names or nothing, self.scores.tolist(), self.reasons, shown or nothing, strict=True))
        key = "text" if key is None and texts is not None else key
        options = (key, prefix, _path(coco), _path(images))
        _native.export(os.fspath(path), format, self.method, tasks, options, force)

    def mask(self, n: int | None = None) -> NDArray[np.bool_]:
        """True for picked rows, bool `(n,)`; `n` is the pool's number of rows unless given."""
        mask = np.zeros(self.manifest["n"] if n is None else n, dtype=bool)
        mask[self.indices] = True
        return mask

    def __getstate__(self) -> dict[str, Any]:
        # Columns of the engine are no Python objects yet.
        _ = self.reasons, self.facts
        return {name: value for name, value in self.__dict__.items() if name not in ("_table", "_pool")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._table = None
        self._pool = None

    def _repr_html_(self) -> str:
        head = f"<b>{len(self):,}</b> of {self.manifest['n']:,} rows by <code>{html.escape(self.method)}</code>"
        if not self.complete:
            head += " (interrupted: a valid prefix)"
        reason = self.manifest["method"].get("default_reason")
        if reason:
            head += f"<br><small>{html.escape(reason)}</small>"
        names = ["rank", "row", *(["id"] if self.ids is not None else []), "score", "reason"]
        columns = self._columns()
        cells = [[_cell(columns[name][i]) for name in names] for i in range(min(SHOWN, len(self)))]
        body = "".join(f"<tr>{''.join(f'<td{LEFT}>{cell}</td>' for cell in row)}</tr>" for row in cells)
        more = f"<small>and {len(self) - SHOWN:,} more</small>" if len(self) > SHOWN else ""
        title = "".join(f"<th{LEFT}>{name}</th>" for name in names)
        table = f"<table><thead><tr>{title}</tr></thead><tbody>{body}</tbody></table>{more}"
        return f"<div>{head}<div style='display:flex;flex-wrap:wrap;gap:1em'><div>{table}</div>{self._map()}</div></div>"

    def _map(self) -> str:
        """The picks among a sample of the pool, along the two directions in which rows vary most."""
        if self._pool is None:
            return ""
        try:
            return f"<div style='max-width:320px'>{_native.picture(self._pool, self.indices.tolist())}</div>"
        except ValueError:
            # A pool that cannot be drawn, such as one of a single row, has no map.
            return ""


def _path(path: str | os.PathLike[str] | None) -> str | None:
    return None if path is None else os.fspath(path)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        # The first pick of methods that go by distance has nothing to be far from: the largest number there is.
        return f"{value:.5g}" if abs(value) < 1e300 else "–"
    return html.escape(str(value))


class Interrupted(KeyboardInterrupt):
    """Ctrl-C stopped a nested method: `selection` has the picks made until then, the right ones for that many."""

    def __init__(self, selection: Selection) -> None:
        super().__init__(f"interrupted after {len(selection)} picks, which `.selection` of this exception has")
        self.selection = selection
