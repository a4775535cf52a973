"""Items of `embed`: what is given for an image or a text, read, decoded and known by its content."""

from __future__ import annotations

import functools
import hashlib
import importlib
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

#: Bytes of a digest: that any two of a billion items share one has a chance below 1e-20.
DIGEST_BYTES = 16


class _Item:
    """An item and its number, from 0."""

    def __init__(self, at: int, value: Any) -> None:
        self.at = at
        self.value = value

    def __str__(self) -> str:
        return f"item {self.at}" if self.path is None else f"item {self.at} (`{self.path}`)"

    @property
    def path(self) -> str | None:
        """The file that it is in."""
        if isinstance(self.value, Mapping):
            # Data sets of Hugging Face that do not decode images have {"bytes": ..., "path": ...}.
            return self.value.get("path")
        return os.fspath(self.value) if isinstance(self.value, os.PathLike) else None

    @functools.cached_property
    def encoded(self) -> bytes | None:
        """The bytes of its file, if it is one."""
        value = self.value.get("bytes") if isinstance(self.value, Mapping) else self.value
        if isinstance(value, (bytes, bytearray, memoryview)):
            return bytes(value)
        if self.path is None:
            return None
        try:
            return Path(self.path).read_bytes()
        except OSError as error:
            raise type(error)(error.errno, f"{self} cannot be read: {error.strerror}") from None

    def image(self) -> Any:
        """It as an image of PIL, RGB."""
        pil = _need("PIL.Image", "pillow")
        value, encoded = self.value, self.encoded
        try:
            if encoded is not None:
                value = pil.open(io.BytesIO(encoded))
            elif isinstance(value, np.ndarray) and value.dtype == np.uint8 and _is_image(value.shape):
                value = pil.fromarray(value[:, :, 0] if value.shape[2:] == (1,) else value)
            if isinstance(value, pil.Image):
                if value.mode.startswith(("I", "F")):
                    raise ValueError(f"its mode is {value.mode}, which RGB clips to 8 bits; scale it before")
                return value.convert("RGB")
        except Exception as error:
            # PIL raises what it likes, from SyntaxError to errors of its own.
            raise ValueError(f"{self} is no image that can be used: {error}") from error
        array = f" {value.dtype} {tuple(value.shape)}" if hasattr(value, "shape") else ""
        takes = "a path, bytes, an image of PIL or an array of uint8 (h, w, 3) or (h, w)"
        raise ValueError(f"{self} must be an image: {takes}, got {type(value).__name__}{array}")

    def digest(self) -> bytes:
        """Says whether two have the same content."""
        value = self.value
        if isinstance(value, str):
            return _digest("text", value.encode("utf-8", "surrogatepass"))
        if self.encoded is not None:
            return _digest("file", self.encoded)
        module = type(value).__module__.partition(".")[0]
        if module == "PIL":
            palette = repr((value.getpalette(), value.info.get("transparency"))).encode()
            return _digest(f"image {value.mode} {value.size}", value.tobytes(), palette)
        if module == "torch":
            value = value.detach().cpu().numpy()
        if isinstance(value, np.ndarray) and not value.dtype.hasobject:
            return _digest(f"array {value.dtype} {value.shape}", value.tobytes())
        kind = type(value).__name__
        raise ValueError(f"{self}: a cache needs text, paths, bytes, images or arrays of numbers, got {kind}")


def _is_image(shape: tuple[int, ...]) -> bool:
    return len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4))


def _digest(kind: str, *parts: bytes) -> bytes:
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for part in (kind.encode(), *parts):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.digest()


def _need(package: str, install: str) -> Any:
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{package}.".startswith(f"{error.name}."):
            raise
        raise ImportError(f"{package.partition('.')[0]} is missing: `pip install {install}`") from error
