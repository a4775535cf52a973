"""A bar of tqdm, where tqdm is installed and somebody may be looking."""

from __future__ import annotations

import importlib.util
import sys
import time
from typing import Any

#: Seconds after which a run is worth a bar.
PATIENCE = 1.0


def bar(progress: bool | None) -> Bar | None:
    """A bar, unless nobody wants one. `None` shows it where there is a terminal or a notebook."""
    if progress is False or (progress is None and not (sys.stderr.isatty() or _is_notebook())):
        return None
    if importlib.util.find_spec("tqdm") is None:
        if progress:
            raise ImportError("progress=True needs tqdm: `pip install tqdm`")
        return None
    return Bar()


def tqdm() -> Any:
    """The bar that fits; that of notebooks needs ipywidgets, and complains loudly without."""
    if _is_notebook() and importlib.util.find_spec("ipywidgets") is not None:
        from tqdm.notebook import tqdm as fitting
    else:
        from tqdm.std import tqdm as fitting
    return fitting


def _is_notebook() -> bool:
    shell = sys.modules.get("IPython")
    return shell is not None and type(shell.get_ipython()).__name__ == "ZMQInteractiveShell"


class Bar:
    """Shows where a run is; called by the engine."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._stage = ""
        self._began = time.monotonic()

    def __call__(self, stage: str, at: int, of: int) -> None:
        if time.monotonic() - self._began < PATIENCE or of == 0:
            return
        if self._bar is None:
            self._bar = tqdm()(total=of, leave=False, bar_format="{desc}: {percentage:3.0f}% {bar} {remaining}")
        if stage != self._stage or of != self._bar.total or at < self._bar.n:
            # One bar for all stages: what comes anew begins at its left end.
            self._bar.reset(total=of)
            self._bar.set_description(stage, refresh=False)
            self._stage = stage
        self._bar.update(at - self._bar.n)

    def close(self) -> None:
        """Takes the bar off the screen."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
