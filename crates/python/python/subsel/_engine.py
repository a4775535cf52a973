"""The one place where the engine is called."""

from __future__ import annotations

import json
import logging
import sys
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _native
from ._progress import bar

log = logging.getLogger("subsel")


class SubselWarning(UserWarning):
    """What should be read before a result is trusted."""


class Table:
    """A table of the engine; columns become arrays and lists when they are asked for."""

    def __init__(self, native: _native.Table) -> None:
        self._native = native
        self._names = frozenset(native.names())

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def __getitem__(self, name: str) -> Any:
        kind, values = self._native.column(name)
        if kind == "text":
            return values
        array = np.frombuffer(values, dtype=f"={kind}")
        return array.astype(np.int64) if kind == "u8" else array

    def reasons(self) -> list[str]:
        """Why each pick was made, in words."""
        return self._native.reasons()

    def facts(self) -> list[dict[str, Any]]:
        """The same as facts with names."""
        facts: list[dict[str, Any]] = json.loads(self._native.facts())
        return facts


class Answer:
    """What a command answers."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.report: Any = json.loads(raw["json"])
        #: As the program prints it; [`said`][] has keyword arguments for its options.
        self.text: str = raw["text"]
        self.table = Table(raw["table"])
        self.kept: NDArray[np.int64] = np.frombuffer(raw["kept"], dtype="=u8").astype(np.int64)
        self.secs: float = raw["secs"]
        self.complete: bool = raw["complete"]
        self.warnings: list[str] = raw["warnings"]
        self.notes: list[str] = raw["notes"]

    def said(self) -> str:
        """The answer for people, as one would say it in Python."""
        return _native.in_python(self.text).strip("\n")


def run(
    command: str,
    words: list[str],
    pool: Any = None,
    known: dict[str, Any] | None = None,
    test: Any = None,
    progress: bool | None = None,
) -> Answer:
    """Runs a command of the program; its warnings become Python's, its notes go to the log."""
    shown = bar(progress)
    try:
        answer = Answer(_native.call(command, words, pool, known, test, shown))
    finally:
        if shown is not None:
            shown.close()
    for text in answer.warnings:
        warnings.warn(text, SubselWarning, stacklevel=_outside())
    for text in answer.notes:
        log.info(text)
    return answer


def _outside() -> int:
    """How far up the caller is who is not of this package."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "subsel":
        frame, level = frame.f_back, level + 1
    return level
