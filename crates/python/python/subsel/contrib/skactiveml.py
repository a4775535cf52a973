"""Methods of subsel as query strategies of scikit-activeml.

```python
from subsel import TypiClust
from subsel.contrib.skactiveml import PoolQuery

strategy = PoolQuery(TypiClust(), random_state=0)
rows = strategy.query(X, y, batch_size=10)
```

Needs scikit-activeml.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from skactiveml.base import SingleAnnotatorPoolQueryStrategy  # type: ignore[import-not-found,import-untyped,unused-ignore]
from skactiveml.utils import MISSING_LABEL, labeled_indices  # type: ignore[import-not-found,import-untyped,unused-ignore]

from .._base import Method
from .._calls import select

__all__ = ["PoolQuery"]


class PoolQuery(SingleAnnotatorPoolQueryStrategy):  # type: ignore[misc,unused-ignore]
    """A method of subsel as a strategy that scikit-activeml can ask, wrap and compare.

    Methods give scores to their picks only. What needs a utility of every candidate, such as scikit-activeml's
    `ParallelUtilityEstimationWrapper`, cannot wrap it, while `SubSamplingWrapper` and `SingleAnnotatorWrapper` can.

    Args:
        method: A method, or its text such as "k-center". Where it has a seed of its own, that is used in every cycle.
        random_state: Where seeds come from otherwise.
        missing_label: What stands in `y` for a label that is not known.
    """

    def __init__(self, method: Method | str, random_state: Any = None, missing_label: Any = MISSING_LABEL) -> None:
        super().__init__(missing_label=missing_label, random_state=random_state)
        self.method = method

    def query(
        self,
        X: Any,
        y: Any,
        candidates: Any = None,
        batch_size: int = 1,
        return_utilities: bool = False,
        *,
        labels: Any = None,
        scores: Any = None,
        probs: Any = None,
        logits: Any = None,
    ) -> Any:
        """The rows to label next.

        Args:
            X: Rows `(n, d)`.
            y: Labels `(n,)`, with `missing_label` where there is none. Labeled rows are taken into account by the method.
            candidates: What may be picked: row numbers of `X`, or rows `(m, d)` of their own; all rows without a label if
                None. With row numbers all rows of `X` count as pool; with rows of their own these and the labeled ones.
                A candidate that has a label already can be picked again.
            batch_size: How many rows; no more than there are candidates.
            return_utilities: Also give the utilities.
            labels, scores, probs, logits: What else is known of every row of `X`, as [`subsel.select`][] takes it, for the
                methods that go by it; not where candidates are rows of their own.

        Returns:
            Row numbers, of `X` or of rows given as candidates, in rank order. With utilities also `(batch_size, n)` or
            `(batch_size, m)`: in each line the score of its pick, -inf for the other candidates (what they would be worth a
            method does not say), NaN for what cannot be picked.
        """
        if not isinstance(self.method, (Method, str)):
            raise TypeError(f"method must be a method of subsel or its text, got {type(self.method).__name__}")
        X, y, candidates, batch_size, return_utilities = self._validate_data(
            X, y, candidates, batch_size, return_utilities, check_X_dict={"allow_nd": False}
        )
        labeled = labeled_indices(y, missing_label=self.missing_label_)
        known = {"labels": labels, "scores": scores, "probs": probs, "logits": logits}
        known = {name: values for name, values in known.items() if values is not None}
        count = len(X)
        if candidates is not None and candidates.ndim > 1:
            if known:
                raise ValueError(f"candidates must be row numbers of X where {', '.join(known)} of its rows are known")
            count = len(candidates)
            pool = np.concatenate([candidates, X[labeled]])
            allowed, taken = np.arange(count), np.arange(count, len(pool))
        else:
            allowed = np.setdiff1d(np.arange(count), labeled) if candidates is None else candidates
            # No row of a pool is labeled and a candidate at once: copies of such rows stand for what is labeled.
            again = np.intersect1d(labeled, allowed)
            pool = np.concatenate([X, X[again]]) if len(again) else X
            known = {name: np.concatenate([values, np.asarray(values)[again]]) for name, values in known.items()}
            taken = np.concatenate([np.setdiff1d(labeled, again), np.arange(count, len(pool))])
        barred = np.setdiff1d(np.arange(len(pool)), np.concatenate([allowed, taken]))
        selection = select(
            pool,
            batch_size,
            self.method,
            seed=self._seed(),
            labeled=taken if len(taken) else None,
            exclude=barred if len(barred) else None,
            **known,
        )
        picks = selection.indices
        if not return_utilities:
            return picks
        utilities = np.full((len(picks), count), np.nan)
        utilities[:, allowed] = -np.inf
        for step, (pick, score) in enumerate(zip(picks, selection.scores, strict=True)):
            utilities[step, pick] = score
            utilities[step + 1 :, pick] = np.nan
        return picks, utilities

    def _seed(self) -> Any:
        if isinstance(self.method, Method):
            own = self.method.random_state if self.method.seed is None else self.method.seed
            if own is not None:
                return own
        return int(self.random_state_.randint(2**31 - 1))
