"""Selections: arguments, results, agreement with the program."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import subsel
from conftest import every_method, method_class, needed, settings_of

warnings.simplefilter("ignore", subsel.SubselWarning)


def program(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Runs the program that came with the package."""
    return subprocess.run([sys.executable, "-m", "subsel", *words], cwd=cwd, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", every_method())
def test_every_method_picks_distinct_rows_and_repeats_itself(name: str, digits: tuple[Any, Any]) -> None:
    X, y = digits[0][:400], digits[1][:400]
    method, given = method_class(name)(**settings_of(name), random_state=3), needed(name, y)
    labeled = [5, 17, 301]
    picks = method.select(X, 40, labeled=labeled, **given)
    assert len(picks) == len(set(picks)) == 40
    assert not set(picks) & set(labeled)
    assert np.isfinite(picks.scores).all() and len(picks.reasons) == len(picks.facts) == 40
    assert picks.ranks.tolist() == list(range(1, 41))
    again = method.select(X, 40, labeled=labeled, threads=1, **given)
    assert again == picks
    info = next(each for each in subsel.methods() if each["name"] == name)
    if info["nested"]:
        assert method.select(X, 15, labeled=labeled, **given).indices.tolist() == picks[:15].tolist()
    assert method.fit(X, n=40, labeled=labeled, **given).indices_.tolist() == picks.indices.tolist()


@pytest.mark.parametrize("name", every_method())
def test_every_method_refuses_what_cannot_be(name: str, digits: tuple[Any, Any]) -> None:
    X, y = digits[0][:60], digits[1][:60]
    method, given = method_class(name)(**settings_of(name)), needed(name, y)
    for n, X_bad, rule in [(0, X, "at least 1"), (61, X, "cannot pick 61 of 60"), (5, np.full_like(X, np.nan), "non-finite")]:
        with pytest.raises(ValueError, match=rule):
            method.select(X_bad, n, **given)


@pytest.mark.parametrize("text", ["gram-schmidt", "k-center", "typiclust", "prob-cover+norm", "k-means-centers", "random"])
def test_same_picks_as_the_program(text: str, digits: tuple[Any, Any], tmp_path: Path) -> None:
    X = digits[0]
    np.save(tmp_path / "x.npy", X)
    np.savetxt(tmp_path / "labeled.txt", [3, 44], fmt="%d")
    done = program("select", "x.npy", "-n", "30", "-m", text, "--seed", "5", "--labeled", "labeled.txt", "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / "picks.manifest.json").read_text())
    in_memory = subsel.select(X, 30, text, seed=5, labeled=[3, 44])
    from_path = subsel.select(tmp_path / "x.npy", 30, text, seed=5, labeled=tmp_path / "labeled.txt")
    for picks in (in_memory, from_path):
        assert picks.manifest["picks_hash"] == manifest["picks_hash"]
        assert picks.manifest["fingerprint"] == manifest["fingerprint"]
        assert picks.manifest["method"] == manifest["method"]


GOLDEN = json.loads((Path(__file__).parents[2] / "selectors" / "tests" / "same_picks.json").read_text())


@pytest.mark.parametrize("text", GOLDEN["hashes"])
def test_same_picks_as_the_library(text: str, tmp_path: Path) -> None:
    """A test of the library holds it to the same file."""
    i = np.arange(1200, dtype=np.uint64)
    X = ((7 * i * i + 13 * i) % 1009).astype(np.float32).reshape(200, 6)
    found = subsel.select(X, GOLDEN["picks"], text, seed=GOLDEN["seed"])
    assert found.manifest["picks_hash"] == GOLDEN["hashes"][text]
    np.save(tmp_path / "x.npy", X)
    words = ["-n", str(GOLDEN["picks"]), "-m", text, "--seed", str(GOLDEN["seed"]), "--quiet"]
    done = program("select", "x.npy", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / "picks.manifest.json").read_text())
    assert manifest["picks_hash"] == GOLDEN["hashes"][text]


def test_saved_picks_are_verified_by_the_program(digits: tuple[Any, Any], tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", digits[0])
    subsel.select(digits[0], 25, "gram-schmidt", seed=2).save(tmp_path / "mine.csv")
    done = program("verify", "mine.manifest.json", "x.npy", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "same: 25 picks by gram-schmidt of 1,797 rows\n"), done.stderr
    with pytest.raises(OSError, match="mine.csv"):
        subsel.select(digits[0], 25).save(tmp_path / "mine.csv")
    without = program("verify", "mine.manifest.json", cwd=tmp_path)
    assert without.returncode == 1 and "rows in memory" in without.stderr


def test_a_selection_is_array_like(digits: tuple[Any, Any]) -> None:
    X = digits[0]
    picks = subsel.select(X, 12, "k-center", ids=[f"image-{row}" for row in range(len(X))])
    assert np.array_equal(X[picks], X[picks.indices])
    assert list(picks) == [picks[rank] for rank in range(12)] == np.asarray(picks).tolist()
    assert picks[-1] in picks and -1 not in picks and "x" not in picks
    assert picks.ids == [f"image-{row}" for row in picks]
    assert picks.mask().sum() == 12 and picks.mask()[picks[0]]
    assert picks[:5].tolist() == subsel.select(X, 5, "k-center").indices.tolist()
    assert "k-center" in repr(picks) and "12 of 1,797" in repr(picks)
    copy = pickle.loads(pickle.dumps(picks))
    assert copy == picks and copy.reasons == picks.reasons and copy.facts == picks.facts and copy.manifest == picks.manifest
    assert picks != subsel.select(X, 12, "random") and picks != 3
    assert picks.facts[1]["why"] == "far" and picks.facts[1]["nearest"] == picks[0]


def test_a_selection_becomes_tables(digits: tuple[Any, Any]) -> None:
    picks = subsel.select(digits[0], 6, "norm")
    names = ["rank", "row", "score", "reason"]
    pd, pl, pa = (pytest.importorskip(name) for name in ("pandas", "polars", "pyarrow"))
    frame = picks.to_pandas()
    assert isinstance(frame, pd.DataFrame) and list(frame) == names and frame["row"].tolist() == list(picks)
    assert isinstance(picks.to_polars(), pl.DataFrame) and picks.to_polars().columns == names
    assert isinstance(picks.to_arrow(), pa.Table) and picks.to_arrow()["score"].to_pylist() == picks.scores.tolist()


def test_a_notebook_shows_a_table_and_a_map(digits: tuple[Any, Any]) -> None:
    picks = subsel.select(digits[0], 20, "k-means-centers")
    html = picks._repr_html_()
    assert html.count("<tr>") == 9 and "and 12 more" in html
    assert "<svg" in html and html.count("h0") > 1000
    assert len(html) < 60_000
    assert "<svg" not in pickle.loads(pickle.dumps(picks))._repr_html_()
    assert "<script" not in subsel.select(digits[0], 2, ids=["<script>"] * 1797)._repr_html_()


def test_settings_of_a_run(digits: tuple[Any, Any]) -> None:
    X, y = digits
    assert len(subsel.select(X, 0.05, "norm")) == 90
    assert len(subsel.select(X, "5%", "norm")) == 90
    assert len(subsel.select(X, np.int64(3), "norm")) == 3
    same = subsel.select(X, 9, "norm", random_state=4)
    assert same == subsel.select(X, 9, "norm", seed=4) == subsel.select(X, 9, "norm", seed=4, random_state=4)
    assert same != subsel.select(X, 9, "norm", seed=5)
    with pytest.raises(ValueError, match="seed and random_state are one"):
        subsel.select(X, 9, seed=1, random_state=2)
    assert subsel.select(X, 9, random_state=np.random.RandomState(1)) == subsel.select(X, 9, random_state=np.random.RandomState(1))
    groups = y
    picks = subsel.select(X, 20, "k-center", groups=groups, per_group=2)
    assert np.bincount(y[picks]).max() == 2
    picks = subsel.select(X, 12, "random", labels=y, quota={"label=3": (5, None), "label=4": (None, 0)})
    assert (y[picks] == 3).sum() >= 5 and (y[picks] == 4).sum() == 0
    assert subsel.select(X, 12, "random", labels=y, quota="label=3:5..") == subsel.select(
        X, 12, "random", labels=y, quota=["label=3:5.."]
    )
    apart = subsel.select(X, 10, "random", min_distance=20.0)
    distances = np.linalg.norm(X[apart][:, None] - X[apart][None], axis=2)[np.triu_indices(10, 1)]
    assert distances.min() >= 20
    bought = subsel.select(X, method="random", costs=np.full(len(X), 2.0), cost_budget=15.0)
    assert len(bought) == 7
    assert subsel.select(np.repeat(X[:50], 3, axis=0), "100%", "random", dedup=0.9999).manifest["candidates"] <= 50


def test_what_is_labeled_may_be_given_in_many_ways(digits: tuple[Any, Any], tmp_path: Path) -> None:
    X = digits[0]
    first = subsel.select(X, 10, "k-center")
    mask = np.zeros(len(X), dtype=bool)
    mask[first] = True
    np.savetxt(tmp_path / "done.txt", first.indices, fmt="%d")
    first.save(tmp_path / "first.csv")
    ids = [f"i{row}" for row in range(len(X))]
    expected = subsel.select(X, 20, "k-center")[10:].tolist()
    for labeled in (first, first.indices, list(first), mask, tmp_path / "done.txt", str(tmp_path / "first.csv")):
        assert list(subsel.select(X, 10, "k-center", labeled=labeled)) == expected
    by_id = subsel.select(X, 10, "k-center", labeled=[ids[row] for row in first], ids=ids)
    assert list(by_id) == expected
    assert by_id.manifest["labeled"] == 10
    # A mask and a selection can only mean rows, whatever ids there are.
    for labeled in (first, mask):
        assert list(subsel.select(X, 10, "k-center", labeled=labeled, ids=ids)) == expected


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"n": 1.5}, "count"),
        ({"n": True}, "count"),
        ({"n": "many"}, "neither a count"),
        ({"method": subsel.KCenter}, r"did you mean `KCenter\(\)`"),
        ({"method": 3}, "its text, got int"),
        ({"method": "gram-shmidt"}, "did you mean `gram-schmidt`"),
        ({"method": "norm:norm=l3"}, "must be l1, l2 or linf, got l3"),
        ({"method": subsel.Norm(norm="l3")}, "must be l1, l2 or linf, got l3"),
        ({"seed": -1}, "from 0, got -1"),
        ({"labeled": [9999]}, "row 9999"),
        ({"labeled": ["x"]}, "`ids=`"),
        ({"labels": [1, 2]}, "2 labels for a pool of 1,797 rows"),
        ({"labels": [None] * 1797}, "row 0 is None"),
        ({"per_group": 2}, "`groups=`"),
        ({"per_group": 0}, "per_group="),
        ({"quota": "cat"}, "MIN..MAX"),
        ({"min_distance": -1.0}, "above 0, got -1"),
        ({"max_memory": "8 parsecs"}, "8GB"),
        ({"threads": 0}, "at least 1 thread"),
        ({"probs": np.full((1797, 3), 0.5)}, "sum to 1"),
        ({"probs": np.zeros(1797)}, "two axes"),
        ({"temperature": 2.0}, "logits"),
        ({"column": "embedding"}, "column `embedding`"),
    ],
)
def test_bad_values_name_parameter_rule_and_value(given: dict[str, Any], rule: str, digits: tuple[Any, Any]) -> None:
    with pytest.raises(ValueError, match=rule) as found:
        subsel.select(digits[0], **{"n": 5, **given})
    assert "--" not in str(found.value)


def test_files_and_memory_have_errors_of_their_own(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nope.npy"):
        subsel.select(tmp_path / "nope.npy", 5)
    (tmp_path / "bad.npy").write_bytes(b"\x93NUMPY\x01\x00")
    with pytest.raises(ValueError, match="bad.npy"):
        subsel.select(tmp_path / "bad.npy", 5)
    with pytest.raises(MemoryError, match="max_memory="):
        subsel.select(np.zeros((1000, 8), np.float32), 5, max_memory="1MB")


def test_pools_from_files(digits: tuple[Any, Any], tmp_path: Path) -> None:
    X = digits[0]
    np.save(tmp_path / "a.npy", X[:900])
    np.save(tmp_path / "b.npy", X[900:])
    whole = subsel.select(X, 15, "gram-schmidt")
    for paths in ([tmp_path / "a.npy", tmp_path / "b.npy"], str(tmp_path / "*.npy")):
        picks = subsel.select(paths, 15, "gram-schmidt")
        assert picks == whole
        assert picks.to_pandas()["file"].str.endswith(".npy").all()
    assert subsel.inspect(tmp_path / "a.npy")["n"] == 900


def test_the_default_is_what_the_evidence_says(digits: tuple[Any, Any]) -> None:
    picks = subsel.select(digits[0], 20)
    assert picks.manifest["method"]["default_reason"]
    assert subsel.advise(digits[0], 20).method == picks.method
    assert any(picks.method in note for note in picks.notes)


def test_warnings_point_at_the_caller(digits: tuple[Any, Any]) -> None:
    with pytest.warns(subsel.SubselWarning, match="all zero") as caught:
        subsel.select(np.vstack([digits[0][:50], np.zeros((2, 64), np.float32)]), 5, "norm")
    assert {Path(each.filename).name for each in caught} == {"test_select.py"}


def test_the_program_is_in_the_package(tmp_path: Path) -> None:
    done = program("--version", cwd=tmp_path)
    assert done.stdout == f"subsel {subsel.__version__}\n"
    assert program("select", "nope.npy", "-n", "3", cwd=tmp_path).returncode == 1
    assert program("selct", cwd=tmp_path).returncode == 2
