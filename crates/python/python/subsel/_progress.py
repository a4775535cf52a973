"""A bar of tqdm, where tqdm is installed and somebody may be looking."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

#: Seconds after which a run is worth a bar.
PATIENCE = 1.0


def bar(progress: bool | None) -> Bar | None:
    """A bar, unless nobody wants one. `None` shows it where there is a terminal or a notebook."""
    if progress is False or (progress is None and not (sys.stderr.isatty() or _is_notebook())):
        return None
    try:
        from tqdm.auto import tqdm
    except ImportError:
        if progress:
            raise ImportError("progress=True needs tqdm: `pip install tqdm`") from None
        return None
    return Bar(tqdm)


def _is_notebook() -> bool:
    shell = sys.modules.get("IPython")
    return shell is not None and type(shell.get_ipython()).__name__ == "ZMQInteractiveShell"


class Bar:
    """Shows where a run is; called by the engine."""

    def __init__(self, tqdm: Callable[..., Any]) -> None:
        self._tqdm = tqdm
        self._bar: Any = None
        self._stage = ""
        self._began = time.monotonic()

    def __call__(self, stage: str, at: int, of: int) -> None:
        if time.monotonic() - self._began < PATIENCE or of == 0:
            return
        if self._bar is None or stage != self._stage:
            self.close()
            self._bar = self._tqdm(total=of, desc=stage, leave=False, bar_format="{desc}: {percentage:3.0f}% {bar} {remaining}")
            self._stage = stage
        self._bar.update(at - self._bar.n)

    def close(self) -> None:
        """Takes the bar off the screen."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
