"""Chains of methods."""

from __future__ import annotations

from typing import Any

from ._base import Method, _text


class Then(Method):
    """`first`, then `second`: the first takes `refine` times the budget, the second keeps the budget among them.

    Args:
        first: A method, or a chain.
        second: A method.
        refine: How many times the budget the first takes; at least 1.
        n: How many rows, for `fit`: a count, a share, or text such as "5%".
        seed: Seed of every random decision; `random_state` is the same.
    """

    def __init__(
        self,
        first: Method,
        second: Method,
        *,
        refine: float = 2.0,
        n: int | float | str | None = None,
        seed: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.first = first
        self.second = second
        self.refine = refine
        self.n = n
        self.seed = seed
        self.random_state = random_state

    def _text(self) -> str:
        second = self.second._text()
        return f"{self.first._text()}+{second}{',' if ':' in second else ':'}refine={_text(self.refine)}"
