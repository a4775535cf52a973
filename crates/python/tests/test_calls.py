"""Scores, duplicates, judgments, comparisons, plans, advice."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import subsel

warnings.simplefilter("ignore", subsel.SubselWarning)


def test_scores_are_one_number_per_row(digits: tuple[Any, Any]) -> None:
    X, y = digits
    norms = subsel.score(X, "norm")
    assert norms.shape == (1797,) and np.allclose(norms, np.linalg.norm(X, axis=1))
    assert norms.report["score"] == "norm" and isinstance(norms[:3], np.ndarray)
    assert subsel.score(X, "zcore:draws=3000", seed=1).tolist() != subsel.score(X, "zcore:draws=3000", seed=2).tolist()
    with pytest.raises(ValueError, match="did you mean `norm`"):
        subsel.score(X, "nrom")
    names = [score["name"] for score in subsel.scores()]
    assert {"norm", "margin", "el2n", "grand"} <= set(names)
    picks = subsel.select(X, 30, "ccs", scores=subsel.score(X, "k-distance"))
    assert len(picks) == 30


def test_scores_of_a_model_need_its_outputs_only() -> None:
    probs = np.array([[0.5, 0.3, 0.2], [0.4, 0.35, 0.25], [0.45, 0.45, 0.10]], dtype=np.float32)
    assert np.allclose(subsel.score(probs=probs, by="margin"), [0.8, 0.95, 1.0], atol=1e-6)
    assert np.allclose(subsel.score(probs=probs, by="least-confidence"), [0.5, 0.6, 0.55], atol=1e-6)
    logits = np.log(probs)
    assert np.allclose(subsel.score(logits=logits, by="entropy"), -(probs * logits).sum(1), atol=1e-6)
    features = np.array([[3.0, 4.0], [0.0, 0.0], [1.0, 0.0]], dtype=np.float32)
    error = np.linalg.norm(probs - np.eye(3)[[0, 1, 2]], axis=1)
    assert np.allclose(subsel.score(probs=probs, labels=[0, 1, 2], by="el2n"), error, atol=1e-6)
    last = error * np.sqrt(1 + (features**2).sum(1))
    assert np.allclose(subsel.score(features=features, probs=probs, labels=[0, 1, 2], by="grand"), last, atol=1e-6)
    with pytest.raises(ValueError, match="labels="):
        subsel.score(probs=probs, by="el2n")
    with pytest.raises(ValueError, match="one"):
        subsel.score(features, features=features)


def test_duplicates_are_found(rng: np.random.Generator) -> None:
    X = rng.normal(size=(60, 8)).astype(np.float32)
    X[40:50] = X[:10] * 1.5
    X[50] = X[3]
    found = subsel.dedup(X, 0.999)
    assert sorted(found.rows.tolist()) == list(range(40, 51)) and len(found) == 11
    assert found.groups()[3] == [43, 50] and found.of[found.rows == 45] == 5
    assert set(found.kept) == set(range(60)) - set(found.rows) and (found.similarity > 0.999).all()
    assert "which comes first" in found.reasons[0] and "11 of 60 rows repeat one of 10 others" in repr(found)
    scores = np.zeros(60)
    scores[40:50] = 1
    assert 40 in subsel.dedup(X, 0.999, scores=scores).kept
    with pytest.raises(ValueError, match="threshold"):
        subsel.dedup(X, 2.0)


def test_picks_are_judged(digits: tuple[Any, Any]) -> None:
    X, y = digits
    picks = subsel.select(X[:1500], 40, "k-means-centers")
    judgment = subsel.judge(picks, X[:1500], random_draws=5, metrics=["mean-distance", "largest-cosine"])
    line = judgment.metrics["mean-distance"]
    expected = np.linalg.norm(X[:1500, None] - X[picks][None], axis=2).min(axis=1).mean()
    assert line["value"] == pytest.approx(expected, rel=1e-5)
    assert line["verdict"] == "better" and "mean distance" in str(judgment)
    learned = subsel.judge(
        picks, X[:1500], labels=y[:1500], test=(X[1500:], y[1500:]), evaluators=["1nn"], metrics=["frechet"], random_draws=4
    )
    nearest = picks.indices[np.linalg.norm(X[1500:, None] - X[picks][None], axis=2).argmin(axis=1)]
    assert learned.metrics["1nn"]["value"] == pytest.approx((y[nearest] == y[1500:]).mean(), abs=0.03)
    assert len(learned.to_pandas()) == len(learned.metrics)
    assert subsel.judge([1, 2, 3], X, metrics=["mean-distance"], random_draws=2)["blocks"][0]["picks"] == 3
    only = subsel.judge(picks, X[:1500], labels=y[:1500], test=(X[1500:], y[1500:]), metrics=[], evaluators="1nn", random_draws=2)
    assert "1nn" in only.metrics and "frechet" not in only.metrics
    assert only["method"] == "k-means-centers" and "by k-means-centers" in str(only)
    with pytest.raises(ValueError, match="not picked from this pool"):
        subsel.judge(picks, X[:1500][::-1], random_draws=2)
    with pytest.raises(ValueError, match="not picked from this pool"):
        subsel.judge(picks, X, random_draws=2)
    assert subsel.judge(picks.indices, X, metrics="mean-distance", random_draws=2)["method"] is None
    with pytest.raises(ValueError, match="row 1 twice"):
        subsel.judge([1, 1], X)
    with pytest.raises(ValueError, match="labels="):
        subsel.judge(picks, X, test=(X, y))
    with pytest.raises(ValueError, match="nothing to judge by"):
        subsel.judge(picks.indices, X, metrics=[])
    with pytest.raises(ValueError, match="random_draws="):
        subsel.judge(picks, X, random_draws=1)


def test_methods_are_compared(digits: tuple[Any, Any], tmp_path: Path) -> None:
    X, y = digits
    settings: dict[str, Any] = {"labels": y[:1200], "test": (X[1200:], y[1200:]), "seeds": 3, "evaluators": ["1nn"]}
    compared = subsel.compare(X[:1200], [10, 20], ["norm", subsel.TypiClust(), "k-center"], **settings)
    assert len(compared.results) >= 4 * 2 * 3 and {line["method"] for line in compared.results} == {
        "random", "norm", "typiclust", "k-center",
    }
    assert "typiclust" in str(compared) and len(compared.to_pandas()) == len(compared.results)
    compared.save(tmp_path / "page.html")
    assert "<svg" in (tmp_path / "page.html").read_text()
    again = subsel.compare(X[:1200], [10, 20], ["norm", "typiclust", "k-center"], output=tmp_path / "kept", **settings)
    assert [line["1nn"] for line in again.results] == [line["1nn"] for line in compared.results]
    assert (tmp_path / "kept" / "results.jsonl").exists()
    asked = [line for line in compared.results if line["asked"]]
    assert {line["budget"] for line in asked} == {10, 20} and len(asked) == 4 * 2 * 3
    assert set(compared.summary()["method"]) == {"random", "norm", "typiclust", "k-center"}
    assert compared._repr_html_().startswith("<pre") and not str(compared).startswith("\n")
    blind = subsel.compare(X, 0.02, "k-center", seeds=2, metrics="coverage-radius")
    assert {line["method"] for line in blind.results} == {"random", "k-center"}


def test_plans_and_advice(digits: tuple[Any, Any], tmp_path: Path) -> None:
    X, y = digits
    plan = subsel.plan(X, 50, ["norm", subsel.KCenter()])
    assert [each["method"] for each in plan.plans] == ["norm", "k-center"]
    assert plan.plans[0]["budget"] == 50 and plan["allowed_bytes"] > 0 and "k-center" in repr(plan)
    assert len(subsel.plan(X, 5, "all").plans) == len(subsel.methods())
    advice = subsel.advise(X, 20, labeled=np.arange(50), labels=y)
    assert advice.method and advice["labeled"] == 50
    assert f"subsel.select(X, 20, '{advice.method}')" in str(advice) and "--" not in str(advice)
    path = str(tmp_path / "x.npy")
    np.save(path, X)
    of_file = subsel.advise(path, 20)
    assert of_file.method == subsel.advise(X, 20).method and f"subsel.select({path!r}, 20, " in str(of_file)


def test_a_pool_is_inspected() -> None:
    X = np.vstack([np.eye(6), np.eye(6)[:2], np.zeros((1, 6))]).astype(np.float32)
    found = subsel.inspect(X)
    assert (found["n"], found["d"], found["zero_rows"], found["duplicate_rows"]) == (9, 6, 1, 2)
    assert "zero rows   1" in str(found)
    assert subsel.inspect(X * np.nan)["nonfinite_values"] > 0
