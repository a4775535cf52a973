"""Choose which examples of a large pool to label or to train on.

```python
import subsel

rows = subsel.select(X, 1000).indices
picks = subsel.GramSchmidt(random_state=0).select(X, n=1000, labeled=done)
picks = (subsel.ProbCover(delta=0.6) >> subsel.GramSchmidt()).select(X, n=100)
```
"""

from __future__ import annotations

import json as _json
from typing import Any as _Any

from . import _native
from ._base import Method
from ._calls import (
    Advice,
    Comparison,
    Duplicates,
    Inspection,
    Judgment,
    Plan,
    Scores,
    advise,
    compare,
    dedup,
    inspect,
    judge,
    plan,
    score,
    select,
)
from ._embed import embed
from ._engine import SubselWarning
from ._methods import *  # noqa: F403
from ._methods import __all__ as _methods
from ._selection import Interrupted, Selection
from ._then import Then
from ._training import Tracker

__version__: str = _native.__version__


def methods() -> list[dict[str, _Any]]:
    """All methods: what each picks, needs and costs, its parameters and source, and when not to use it."""
    listed: list[dict[str, _Any]] = _json.loads(_native.methods())["methods"]
    return listed


def scores() -> list[dict[str, _Any]]:
    """All there is to score by, with parameters."""
    listed: list[dict[str, _Any]] = _json.loads(_native.scores())["scores"]
    return listed


__all__ = [
    *_methods,
    "Advice",
    "Comparison",
    "Duplicates",
    "Inspection",
    "Interrupted",
    "Judgment",
    "Method",
    "Plan",
    "Scores",
    "Selection",
    "SubselWarning",
    "Then",
    "Tracker",
    "advise",
    "compare",
    "dedup",
    "embed",
    "inspect",
    "judge",
    "methods",
    "plan",
    "score",
    "scores",
    "select",
]
