"""The cache of `embed`: where it is, and rows by the digest of their item."""

from __future__ import annotations

import functools
import logging
import os
import time
import uuid
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._items import DIGEST_BYTES, _digest

log = logging.getLogger("subsel")

#: A file of the cache is written when it has so many rows, or so many seconds after the last.
SEGMENT_ROWS = 4096
SEGMENT_SECS = 30.0
#: Files of the cache that are kept open.
OPEN_SEGMENTS = 64


def _directory(cache: bool | str | os.PathLike[str] | None) -> Path | None:
    if cache is None or cache is False:
        return None
    if cache is not True:
        return Path(cache)
    base = os.environ.get("XDG_CACHE_HOME", "")
    # Its specification says that a relative one is to be ignored.
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "subsel"


class _Store:
    """Rows by digest, in files that are written whole and never changed, so that runs may share them.

    A file is two arrays in the format of numpy, one after the other: digests `(rows, 16)` of uint8, then float32
    `(rows, d)`. The directory is that of one model; it may be deleted at any time.
    """

    def __init__(self, directory: Path, identity: str) -> None:
        self._directory = directory / "embed" / _digest(identity).hex()
        self._directory.mkdir(parents=True, exist_ok=True)
        self._rows = functools.lru_cache(OPEN_SEGMENTS)(_kept_rows)
        self._new: list[tuple[list[bytes], NDArray[np.float32]]] = []
        self._began = time.monotonic()
        self._files: list[tuple[Path, int]] = []
        keys: list[NDArray[np.uint8]] = [np.empty((0, DIGEST_BYTES), np.uint8)]
        places: list[NDArray[np.int64]] = [np.empty((0, 2), np.int64)]
        for file in sorted(self._directory.glob("*.rows")):
            try:
                found, offset = _kept_keys(file)
                if len(_kept_rows(file, offset)) != len(found):
                    raise ValueError("digests and rows differ in number")
            except (OSError, ValueError, EOFError) as error:
                # As good as not there: its rows are made again.
                log.warning("a file of the cache cannot be read: %s: %s", file, error)
                continue
            keys.append(found)
            places.append(np.column_stack([np.full(len(found), len(self._files)), np.arange(len(found))]))
            self._files.append((file, offset))
        # Sorted by the first half of the digests; all of a digest is looked at when it is found.
        order = np.argsort(_heads(np.concatenate(keys)), kind="stable")
        self._keys, self._places = np.concatenate(keys)[order], np.concatenate(places)[order]
        self._heads = _heads(self._keys)

    def find(self, keys: list[bytes]) -> list[NDArray[np.float32] | None]:
        found: list[NDArray[np.float32] | None] = [None] * len(keys)
        if len(self._keys) > 0:
            wanted = _as_array(keys)
            at = np.minimum(np.searchsorted(self._heads, _heads(wanted)), len(self._keys) - 1)
            for which in np.flatnonzero((self._keys[at] == wanted).all(axis=1)).tolist():
                file, row = self._places[at[which]].tolist()
                found[which] = self._rows(*self._files[file])[row]
        return found

    def add(self, keys: list[bytes], rows: NDArray[np.float32]) -> None:
        self._new.append((keys, rows))
        if sum(len(keys) for keys, _ in self._new) >= SEGMENT_ROWS or time.monotonic() - self._began > SEGMENT_SECS:
            self.flush()

    def flush(self) -> None:
        """Writes what is new."""
        new, self._new = self._new, []
        self._began = time.monotonic()
        if not new:
            return
        name = self._directory / uuid.uuid4().hex
        part = name.with_suffix(".part")
        try:
            with open(part, "wb") as file:
                np.save(file, _as_array([key for keys, _ in new for key in keys]))
                np.save(file, np.concatenate([rows for _, rows in new]))
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, name.with_suffix(".rows"))
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _as_array(keys: list[bytes]) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(keys), np.uint8).reshape(-1, DIGEST_BYTES)


def _heads(keys: NDArray[np.uint8]) -> NDArray[np.uint64]:
    return np.ascontiguousarray(keys[:, :8]).view(np.uint64)[:, 0]


def _kept_keys(path: Path) -> tuple[NDArray[np.uint8], int]:
    """Digests in a file of the cache, and where its rows begin."""
    with open(path, "rb") as file:
        keys: NDArray[np.uint8] = np.load(file, allow_pickle=False)
        if keys.dtype != np.uint8 or keys.shape[1:] != (DIGEST_BYTES,):
            raise ValueError("no digests")
        return keys, file.tell()


def _kept_rows(path: Path, offset: int) -> NDArray[np.float32]:
    """Rows in a file of the cache, mapped."""
    with open(path, "rb") as file:
        file.seek(offset)
        # Older numpy has no types for these.
        npy: Any = np.lib.format
        npy.read_magic(file)
        shape, _, dtype = npy.read_array_header_1_0(file)
        if dtype != np.float32 or len(shape) != 2:
            raise ValueError("no rows")
        return np.memmap(file, dtype, "r", file.tell(), shape)
