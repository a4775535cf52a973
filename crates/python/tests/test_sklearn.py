"""Settings by scikit-learn's conventions, chains, and the strategies of scikit-activeml."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
import pytest

import subsel
from conftest import every_method, method_class, settings_of

sklearn = pytest.importorskip("sklearn")
from sklearn.base import clone  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator  # noqa: E402

warnings.simplefilter("ignore", subsel.SubselWarning)


@pytest.mark.parametrize("name", every_method())
def test_settings_are_the_methods_own(name: str) -> None:
    kind = method_class(name)
    info = next(method for method in subsel.methods() if method["name"] == name)
    method = kind()
    assert method.text == name
    names = [param["name"] for param in info["params"]]
    params = {{"lam": "lambda"}.get(each, each): value for each, value in method.get_params().items()}
    assert list(params) == [*names, "n", "seed", "random_state"]
    assert all(params[param["name"]] == param["default"] for param in info["params"])
    assert kind.__doc__ and info["summary"][1:].rstrip(".") in " ".join(kind.__doc__.split())
    assert repr(kind(n=3, random_state=1)) == f"{kind.__name__}(n=3, random_state=1)"
    copy = clone(kind(n=7, seed=2))
    assert type(copy) is kind and copy.get_params() == kind(n=7, seed=2).get_params()
    # scikit-learn takes settings by inspection: there is nothing else in `__init__`.
    assert "**" not in str(inspect.signature(kind))


def test_settings_change_and_are_checked(digits: tuple[Any, Any]) -> None:
    method = subsel.Norm().set_params(norm="l1", n=4)
    assert method.text == "norm:norm=l1" and method.fit(digits[0]).indices_.shape == (4,)
    assert method.n_features_in_ == 64 and np.array_equal(method.scores_, method.selection_.scores)
    with pytest.raises(ValueError, match="no parameter `nrom`"):
        method.set_params(nrom="l1")
    with pytest.raises(ValueError, match="must be l1, l2 or linf, got l7"):
        subsel.Norm(norm="l7", n=3).fit(digits[0])
    assert subsel.GraphCut(lam=0.25).text == "graph-cut:lambda=0.25"


def test_chains_are_the_programs_chains(digits: tuple[Any, Any]) -> None:
    X = digits[0]
    chain = subsel.ProbCover(delta=0.6) >> subsel.GramSchmidt()
    assert chain.text == "prob-cover:delta=0.6+gram-schmidt"
    assert chain.select(X, 20, seed=1) == subsel.select(X, 20, "prob-cover:delta=0.6+gram-schmidt", seed=1)
    three = subsel.Random() >> (subsel.KCenter() >> subsel.Norm(norm="l1"))
    assert three.text == "random+k-center+norm:norm=l1"
    assert subsel.Then(subsel.Random(), subsel.Norm(), refine=3).text == "random+norm:refine=3"
    changed = clone(chain).set_params(first__delta=0.5, refine=4.0, n=10)
    assert changed.text == "prob-cover:delta=0.5+gram-schmidt:refine=4"
    assert chain.text == "prob-cover:delta=0.6+gram-schmidt"
    assert len(changed.fit(X).indices_) == 10
    # Budget and seed of the parts are not forgotten, and what a call says counts more.
    seeded = subsel.Random(random_state=5) >> subsel.Norm(n=7)
    assert seeded.select(X) == subsel.select(X, 7, "random+norm", seed=5)
    assert (subsel.Random(seed=1) >> subsel.Norm(seed=2)).select(X, 7) == subsel.select(X, 7, "random+norm", seed=2)
    nested = subsel.Random() >> (subsel.KCenter() >> subsel.Norm(random_state=3))
    assert nested.select(X, 7) == subsel.select(X, 7, "random+k-center+norm", seed=3)
    assert seeded.select(X, 9, seed=8) == subsel.select(X, 9, "random+norm", seed=8)
    with pytest.raises(TypeError):
        _ = subsel.Norm() >> 3  # type: ignore[operator]


def alone(name: str) -> bool:
    """Whether a method needs nothing beside rows."""
    needs = next(method for method in subsel.methods() if method["name"] == name)["needs"]
    return not needs.startswith(("labels", "scores", "model outputs")) or "once rows are labeled" in needs


@pytest.mark.parametrize("name", [name for name in every_method() if alone(name)])
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_own_checks(name: str) -> None:
    check_estimator(method_class(name)(n=1, **settings_of(name)))


def test_queries_are_those_of_active_learning(digits: tuple[Any, Any]) -> None:
    X = digits[0][:500]
    y = np.full(500, np.nan)
    y[[4, 9, 30]] = 1
    method = subsel.KCenter()
    picks = method.query(X, y, batch_size=6)
    assert picks.tolist() == list(subsel.select(X, 6, "k-center", labeled=[4, 9, 30]))
    allowed = np.arange(100, 200)
    picks, utilities = method.query(X, y, candidates=allowed, batch_size=4, return_utilities=True)
    assert set(picks) <= set(allowed) and utilities.shape == (4, 500)
    assert [np.nanargmax(line) for line in utilities] == picks.tolist()
    assert np.isnan(utilities[:, [4, 9, 30]]).all()
    assert method.query(X, np.array([None] * 500, dtype=object), batch_size=2).shape == (2,)
