"""What all methods have in common: settings by scikit-learn's conventions, and ways to select."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from . import _native
from ._calls import select
from ._selection import Selection

Self = TypeVar("Self", bound="Method")

#: Settings whose names Python has taken. (With an underscore at its end, scikit-learn would hold one for fitted.)
RENAMED = {"lam": "lambda"}

#: Parameters of every method that are not settings of the algorithm.
_COMMON = ("n", "seed", "random_state")


class Method:
    """A method with its settings.

    `a >> b` is "a, then b": b picks among `refine` times as many picks of a. Budget and seed are those of b, or else of a.
    """

    _name: ClassVar[str] = ""

    # Set by every subclass.
    n: Any
    seed: Any
    random_state: Any
    # Set by `fit`.
    indices_: NDArray[np.int64]
    scores_: NDArray[np.float64]
    selection_: Selection
    n_features_in_: int

    @classmethod
    def _parameters(cls) -> list[str]:
        return [name for name in inspect.signature(cls).parameters if name != "self"]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The settings by name."""
        params = {name: getattr(self, name) for name in self._parameters()}
        if deep:
            for name, value in list(params.items()):
                if isinstance(value, Method):
                    params |= {f"{name}__{key}": each for key, each in value.get_params().items()}
        return params

    def set_params(self: Self, **params: Any) -> Self:
        """Changes settings by name; those of parts as `part__name`."""
        known = self._parameters()
        for name, value in params.items():
            part, _, of_part = name.partition("__")
            if part not in known:
                raise ValueError(f"`{type(self).__name__}` has no parameter `{name}`; it has {', '.join(known)}")
            if of_part:
                getattr(self, part).set_params(**{of_part: value})
            else:
                setattr(self, name, value)
        return self

    def _settings(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._parameters() if name not in _COMMON}

    def _text(self) -> str:
        given = ((name, value) for name, value in self._settings().items() if value is not None)
        settings = [f"{RENAMED.get(name, name)}={_text(value)}" for name, value in given]
        return f"{self._name}:{','.join(settings)}" if settings else self._name

    @property
    def text(self) -> str:
        """The method as the program takes it, such as `k-center:start=3`.

        Raises:
            ValueError: A setting breaks its rule.
        """
        return _native.method_text(self._text())

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self)).parameters
        given = {name: value for name, value in self.get_params(deep=False).items() if not _same(value, defaults[name].default)}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in given.items())})"

    def __rshift__(self, other: Method) -> Method:
        from ._then import Then

        if not isinstance(other, Method):
            return NotImplemented
        if isinstance(other, Then):
            # The text form has no brackets: a then (b then c) is (a then b) then c.
            chain = Then(self >> other.first, other.second, refine=other.refine)
            return chain.set_params(n=other.n, seed=other.seed, random_state=other.random_state)._like(self)
        return Then(self, other)._like(other)._like(self)

    def _like(self: Self, part: Method) -> Self:
        """Takes budget and seed of a part, where this has none of its own."""
        if self.n is None:
            self.n = part.n
        if self.seed is None and self.random_state is None:
            self.seed, self.random_state = part.seed, part.random_state
        return self

    def select(self, X: Any, n: Any = None, **known: Any) -> Selection:
        """Picks `n` rows of `X`; takes the keyword arguments of [`subsel.select`][]."""
        if known.get("seed") is None and known.get("random_state") is None:
            known.update(seed=self.seed, random_state=self.random_state)
        return select(X, self.n if n is None else n, self, **known)

    def fit(self: Self, X: Any, y: Any = None, **known: Any) -> Self:
        """Picks `n` rows of `X`. `y` are labels, for the methods that go by them.

        Sets `indices_` (rows in rank order), `scores_` and `selection_`.
        """
        if y is not None:
            known.setdefault("labels", y)
        self.selection_ = self.select(X, **known)
        self.indices_ = self.selection_.indices
        self.scores_ = self.selection_.scores
        self.n_features_in_ = self.selection_.manifest["d"]
        return self

    def query(
        self,
        X: Any,
        y: Any = None,
        candidates: Any = None,
        batch_size: int = 1,
        return_utilities: bool = False,
        **known: Any,
    ) -> Any:
        """The next rows to label, as strategies of scikit-activeml are asked.

        Args:
            X: Rows `(n, d)`.
            y: Labels `(n,)`; NaN or None where a row has none yet. Labeled rows are not picked, but taken into account.
            candidates: Row numbers that may be picked; all without a label if None.
            batch_size: How many rows.
            return_utilities: Also give `(batch_size, n)`: in each line the scores of the picks from there on, NaN elsewhere.

        Returns:
            Row numbers in rank order, and the utilities if asked for.
        """
        n = len(X)
        labeled = np.flatnonzero(~_missing(y)) if y is not None else np.empty(0, dtype=np.int64)
        if candidates is not None:
            allowed = np.asarray(candidates)
            if allowed.ndim != 1:
                raise ValueError(f"candidates must be row numbers of X, got shape {allowed.shape}")
            barred = np.setdiff1d(np.arange(n), allowed)
            known["exclude"] = np.setdiff1d(barred, labeled)
        if len(labeled):
            known["labeled"] = labeled
        selection = self.select(X, batch_size, **known)
        if not return_utilities:
            return selection.indices
        utilities = np.full((len(selection), n), np.nan)
        for step in range(len(selection)):
            utilities[step, selection.indices[step:]] = selection.scores[step:]
        return selection.indices, utilities

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks of an estimator."""
        from sklearn.utils import Tags, TargetTags

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            transformer_tags=None,
            classifier_tags=None,
            regressor_tags=None,
        )


def _text(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value)).lower()
    if isinstance(value, (float, np.floating)):
        return repr(float(value))
    return str(value)


def _same(value: Any, default: Any) -> bool:
    return value is default or (type(value) is type(default) and bool(value == default))


def _missing(y: Any) -> NDArray[np.bool_]:
    """Where a label is not known: None or NaN."""
    values = np.asarray(y)
    if values.dtype.kind == "f":
        return np.asarray(np.isnan(values))
    if values.dtype == object:
        return np.array([each is None or each != each for each in values])
    return np.zeros(len(values), dtype=bool)
