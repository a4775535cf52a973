"""Embeddings of images and texts by a model, a batch at a time, and kept where a later run finds them."""

from __future__ import annotations

import hashlib
import importlib
import io
import itertools
import json
import logging
import operator
import os
import sys
import time
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ._engine import SubselWarning
from ._progress import PATIENCE, bar

log = logging.getLogger("subsel")

#: Bytes of a digest: at a billion items the chance that any two collide is below 1e-20.
DIGEST_BYTES = 16
#: A file of the cache is written once it has so many rows, or is so many seconds old.
SEGMENT_ROWS = 4096
SEGMENT_SECS = 30.0
#: Files of the cache that are kept open.
OPEN_SEGMENTS = 64
#: Threads that decode images.
DECODERS = min(8, os.cpu_count() or 1)


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
    """Embeddings of images or texts, one row each, in their order.

    Only a batch of the items is in memory at a time, so that they may be a generator.

    Args:
        items: Images (paths, PIL, arrays of uint8 `(h, w, 3)` or `(h, w)`, encoded bytes, or as a data set of Hugging Face
            has them) or texts. Text is a path for models of images only; for those of both a path is a `pathlib.Path`.
        model: "timm:NAME", "hf:NAME" (transformers: the mean over tokens of a text; of an image what the model pools, or
            its first token), "st:NAME" (sentence-transformers), or a function from a list of items to `(batch, d)`.
        batch_size: Items that the model gets at once.
        device: Where a model with a name runs, such as "cuda:1"; a GPU if there is one.
        cache: Keep rows by the content of the item and the weights of the model, and read those that were kept. True does
            so in `~/.cache/subsel` (or `$XDG_CACHE_HOME`), a path there. A run that was stopped goes on where it was.
        cache_key: Names a function for the cache; give another name when it changes.
        dtype: What the result holds.
        progress: Show a bar (needs tqdm); None shows it in notebooks and terminals.

    Returns:
        `(n, d)`. The batch size matters to rounding only, and only if it does in the model.

    Raises:
        ValueError: An item cannot be read as what the model takes, or the model gives something else than rows.
        OSError: A file cannot be read.
        ImportError: A package is missing; the message says which.
    """
    if isinstance(items, (str, bytes, os.PathLike, Mapping)) or type(items).__name__ in ("DataFrame", "DatasetDict"):
        raise ValueError(f"items must be several images or texts, such as a list or a column; got {type(items).__name__}")
    if isinstance(batch_size, bool) or operator.index(batch_size) < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    if dtype not in ("float16", "float32"):
        raise ValueError(f"dtype must be 'float16' or 'float32', got {dtype!r}")
    if isinstance(cache, bool):
        cache = _default_directory() if cache else None
    found = _model(model, device)
    store = None if cache is None else _Store(Path(cache), found.identity(cache_key))
    rows = _Rows(operator.length_hint(items, 0), np.dtype(dtype))
    meter = _meter(progress, rows.expected)
    try:
        for batch in _batches(items, batch_size):
            rows.add(_embedded(batch, found, store), batch)
            if meter is not None:
                meter.update(len(batch))
    finally:
        if store is not None:
            store.flush()
        if meter is not None:
            meter.close()
    return rows.finished()


class _Item:
    """An item, and where it stands."""

    def __init__(self, at: int, value: Any) -> None:
        self.at = at
        self.value = value

    def __str__(self) -> str:
        path = self.path()
        return f"item {self.at}" if path is None else f"item {self.at} (`{path}`)"

    def path(self) -> str | None:
        """Where its content lies, if in a file."""
        value = self.value
        if isinstance(value, Mapping) and value.get("bytes") is None:
            value = value.get("path")
        return os.fspath(value) if isinstance(value, os.PathLike) else value if isinstance(self.value, Mapping) else None

    def encoded(self) -> bytes | None:
        """Bytes of an image file, if it is one."""
        value = self.value
        if isinstance(value, Mapping):
            value = value.get("bytes")
        if isinstance(value, (bytes, bytearray, memoryview)):
            return bytes(value)
        path = self.path()
        if path is None:
            return None
        try:
            return Path(path).read_bytes()
        except OSError as error:
            raise type(error)(error.errno, f"{self} cannot be read: {error.strerror}") from None

    def digest(self) -> bytes:
        """Says whether two items have the same content."""
        value = self.value
        if isinstance(value, str):
            return _digest("text", value.encode("utf-8", "surrogatepass"))
        encoded = self.encoded()
        if encoded is not None:
            return _digest("file", encoded)
        if type(value).__module__.startswith("PIL."):
            palette = bytes(value.getpalette() or b"") + repr(value.info.get("transparency")).encode()
            return _digest(f"image {value.mode} {value.size}", value.tobytes(), palette)
        if type(value).__module__ == "torch":
            value = value.detach().cpu().numpy()
        if isinstance(value, np.ndarray) and value.dtype != object:
            return _digest(f"array {value.dtype.str} {value.shape}", np.ascontiguousarray(value).tobytes())
        kind = type(value).__name__
        raise ValueError(f"{self}: a cache needs text, paths, bytes, images or arrays of numbers, got {kind}")


def _digest(kind: str, *parts: bytes) -> bytes:
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for part in (kind.encode(), *parts):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.digest()


def _batches(items: Iterable[Any], size: int) -> Iterator[list[_Item]]:
    each = (_Item(at, value) for at, value in enumerate(items))
    while batch := list(itertools.islice(each, size)):
        yield batch


def _embedded(batch: list[_Item], model: _Model, store: _Store | None) -> NDArray[Any]:
    """Rows of a batch: those kept, and by the model those that are not."""
    batch = [model.settled(item) for item in batch]
    if store is None:
        return model.rows(batch)
    keys = [model.key(item) for item in batch]
    kept = store.find(keys)
    new = [at for at, row in enumerate(kept) if row is None]
    if new:
        rows = model.rows([batch[at] for at in new]).astype(np.float32, copy=False)
        store.add([keys[at] for at in new], rows)
        for at, row in zip(new, rows, strict=True):
            kept[at] = row
    lengths = {len(row) for row in kept if row is not None}
    if len(lengths) > 1:
        raise ValueError(f"the cache has rows of another length than the model gives: {sorted(lengths)} values")
    return np.stack([row for row in kept if row is not None])


class _Rows:
    """Grows with the rows that come, without a second copy of them."""

    def __init__(self, expected: int, dtype: np.dtype[Any]) -> None:
        self.expected = expected
        self._dtype = dtype
        self._values: NDArray[Any] | None = None
        self._at = 0
        self._not_finite = 0
        self._first = ""

    def add(self, rows: NDArray[Any], batch: list[_Item]) -> None:
        if self._values is None:
            self._values = np.empty((max(self.expected, len(rows)), rows.shape[1]), self._dtype)
        n, d = self._values.shape
        if rows.shape[1] != d:
            raise ValueError(f"the model gives rows of {rows.shape[1]} values from {batch[0]} on, and of {d} before")
        if self._at + len(rows) > n:
            # Large arrays are moved in the page table, not copied.
            self._values.resize((max(self._at + len(rows), n + n // 2), d), refcheck=False)
        with np.errstate(over="ignore"):
            self._values[self._at : self._at + len(rows)] = rows
        finite = np.isfinite(self._values[self._at : self._at + len(rows)]).all(axis=1)
        if not finite.all():
            self._first = self._first or str(batch[int(np.argmin(finite))])
            self._not_finite += int((~finite).sum())
        self._at += len(rows)

    def finished(self) -> NDArray[Any]:
        if self._values is None:
            raise ValueError("there are no items")
        values = self._values
        values.resize((self._at, values.shape[1]), refcheck=False)
        if self._not_finite:
            hint = "; float32 holds larger values" if self._dtype == np.float16 else ""
            text = f"{self._not_finite} of {self._at} rows have NaN or infinite values, the first that of {self._first}{hint}"
            warnings.warn(text, SubselWarning, stacklevel=3)
        return values


def _meter(progress: bool | None, total: int) -> Any:
    shown = bar(progress)
    if shown is None:
        return None
    return shown._tqdm(total=total or None, desc="embed", unit=" items", leave=False, delay=PATIENCE)


class _Store:
    """Rows by digest, in files that are written whole and never changed: any number of runs may share a directory.

    A file is two arrays in the format of numpy, one after the other: digests `(rows, 16)` of uint8, and rows `(rows, d)` of
    float32. The directory is named for the model; it may be deleted at any time.
    """

    def __init__(self, directory: Path, identity: str) -> None:
        self._directory = directory / "embed" / hashlib.blake2b(identity.encode(), digest_size=DIGEST_BYTES).hexdigest()
        self._directory.mkdir(parents=True, exist_ok=True)
        self._open = lru_cache(OPEN_SEGMENTS)(_segment)
        self._files: list[tuple[Path, int]] = []
        self._new: list[tuple[list[bytes], NDArray[np.float32]]] = []
        self._began = time.monotonic()
        keys = [np.empty((0, DIGEST_BYTES), np.uint8)]
        places = [np.empty((0, 2), np.int64)]
        for file in sorted(self._directory.glob("*.rows")):
            try:
                found, offset = _keys(file)
                _segment(file, offset)
            except (OSError, ValueError, EOFError) as error:
                # As good as not there: its rows are worked out again.
                log.warning("a file of the cache cannot be read: %s: %s", file, error)
                continue
            keys.append(found)
            places.append(np.column_stack([np.full(len(found), len(self._files)), np.arange(len(found))]))
            self._files.append((file, offset))
        self._keys = np.concatenate(keys)
        # Sorted by the first half of the digests; the other half is looked at when a row is found.
        heads = _heads(self._keys)
        order = np.argsort(heads, kind="stable")
        self._heads, self._keys, self._places = heads[order], self._keys[order], np.concatenate(places)[order]

    def find(self, keys: list[bytes]) -> list[NDArray[np.float32] | None]:
        wanted = np.frombuffer(b"".join(keys), np.uint8).reshape(-1, DIGEST_BYTES)
        rows: list[NDArray[np.float32] | None] = []
        for key, at in zip(wanted, np.searchsorted(self._heads, _heads(wanted)).tolist(), strict=True):
            if at < len(self._heads) and np.array_equal(self._keys[at], key):
                file, row = self._places[at].tolist()
                rows.append(np.array(self._open(*self._files[file])[row]))
            else:
                rows.append(None)
        return rows

    def add(self, keys: list[bytes], rows: NDArray[np.float32]) -> None:
        self._new.append((keys, rows))
        if sum(len(rows) for _, rows in self._new) >= SEGMENT_ROWS or time.monotonic() - self._began > SEGMENT_SECS:
            self.flush()

    def flush(self) -> None:
        """Writes what is new."""
        new, self._new = self._new, []
        self._began = time.monotonic()
        if not new:
            return
        keys = np.frombuffer(b"".join(key for keys, _ in new for key in keys), np.uint8).reshape(-1, DIGEST_BYTES)
        name = self._directory / uuid.uuid4().hex
        part = name.with_suffix(".part")
        try:
            with open(part, "wb") as file:
                np.lib.format.write_array(file, keys, allow_pickle=False)
                np.lib.format.write_array(file, np.concatenate([rows for _, rows in new]), allow_pickle=False)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, name.with_suffix(".rows"))
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _heads(keys: NDArray[np.uint8]) -> NDArray[np.uint64]:
    return np.ascontiguousarray(keys[:, :8]).view(np.uint64)[:, 0]


def _keys(path: Path) -> tuple[NDArray[np.uint8], int]:
    """Digests of a file of the cache, and where its rows begin."""
    with open(path, "rb") as file:
        keys = np.lib.format.read_array(file, allow_pickle=False)
        if keys.dtype != np.uint8 or keys.shape[1:] != (DIGEST_BYTES,):
            raise ValueError("no digests")
        return keys, file.tell()


def _segment(path: Path, offset: int) -> NDArray[np.float32]:
    """Rows of a file of the cache, not read yet."""
    with open(path, "rb") as file:
        file.seek(offset)
        np.lib.format.read_magic(file)
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        return np.memmap(file, dtype, "r", file.tell(), shape)


def _default_directory() -> Path:
    base = os.environ.get("XDG_CACHE_HOME", "")
    # Relative ones are to be ignored, by the specification.
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "subsel"


class _Model:
    """What makes rows of items. `takes` is "image", "text", "both" or, for a function, "any"."""

    takes = "any"

    def identity(self, cache_key: str | None) -> str:
        """Differs where rows may differ."""
        raise NotImplementedError

    def compute(self, values: list[Any]) -> Any:
        """Rows of prepared values."""
        raise NotImplementedError

    def prepared(self, item: _Item) -> Any:
        """What the model gets of an item."""
        return item.value

    def settled(self, item: _Item) -> _Item:
        """The item as one of images or texts that the model takes."""
        value = item.value
        if self.takes == "any":
            return item
        if self.takes == "image" and isinstance(value, str):
            return _Item(item.at, Path(value))
        if self.takes == "text" and not isinstance(value, str):
            raise ValueError(f"{item} must be text, got {type(value).__name__}")
        return item

    def key(self, item: _Item) -> bytes:
        return item.digest()

    def rows(self, batch: list[_Item]) -> NDArray[Any]:
        try:
            rows = _numbers(self.compute([self.prepared(item) for item in batch]))
        except Exception as error:
            if hasattr(error, "add_note") and not isinstance(error, _Refused):
                error.add_note(f"while {batch[0]} to {batch[-1]} were embedded")
            raise
        if rows.ndim != 2 or len(rows) != len(batch) or rows.shape[1] == 0 or rows.dtype.kind not in "fiub":
            what = f"{rows.dtype} of shape {rows.shape}"
            raise ValueError(f"the model must give numbers (batch, d), got {what} for the {len(batch)} items from {batch[0]}")
        return rows


class _Refused(ValueError):
    """Names the item already."""
