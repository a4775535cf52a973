"""Data sets of Hugging Face: which rows are read, which come back, and how columns tell of rows."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

datasets = pytest.importorskip("datasets")

import subsel  # noqa: E402
from subsel.hf import select  # noqa: E402

warnings.simplefilter("ignore", subsel.SubselWarning)

N = 200
X = np.random.default_rng(0).normal(size=(N, 8)).astype(np.float32)


def columns() -> dict[str, Any]:
    return {
        "embedding": list(X),
        "label": [at % 3 for at in range(N)],
        "kind": ["ab"[at % 2] for at in range(N)],
        "weight": [1.0 + at % 5 for at in range(N)],
        "logits": list(np.random.default_rng(1).normal(size=(N, 3)).astype(np.float32)),
        "done": [at < 20 for at in range(N)],
        "done_as_numbers": [int(at < 20) for at in range(N)],
        "name": [f"row-{at}" for at in range(N)],
        "text": [f"text {at}" for at in range(N)],
    }


TYPES = {
    "List": datasets.Sequence(datasets.Value("float32")),
    "fixed": datasets.Sequence(datasets.Value("float32"), length=8),
    "float64": datasets.Sequence(datasets.Value("float64")),
}
if hasattr(datasets, "LargeList"):
    TYPES["LargeList"] = datasets.LargeList(datasets.Value("float32"))


@pytest.fixture(params=TYPES, scope="module")
def ds(request: pytest.FixtureRequest) -> Any:
    return datasets.Dataset.from_dict(columns()).cast_column("embedding", TYPES[request.param])


def rows(ds: Any) -> list[int]:
    return [int(name[4:]) for name in ds["name"]]


def test_a_data_set_of_the_picks_comes_back(ds: Any) -> None:
    expected = subsel.select(X, 15, "k-center")
    picked = select(ds, 15, "k-center")
    assert isinstance(picked, datasets.Dataset) and picked.features == ds.features
    assert rows(picked) == sorted(expected)
    assert rows(select(ds, 15, "k-center", sort=False)) == list(expected)
    assert np.array_equal(np.array(picked["embedding"], np.float32), X[sorted(expected)])
    both, selection = select(ds, 15, "k-center", return_selection=True, id_column="name")
    assert rows(both) == sorted(expected) and selection == expected
    assert selection.ids == [f"row-{row}" for row in expected]
    assert rows(select(ds, 15, subsel.KCenter())) == sorted(expected)
    assert rows(select(ds, 0.1, "k-center", seed=3)) == sorted(subsel.select(X, 20, "k-center", seed=3))


def test_rows_are_those_of_the_data_set_as_it_is(ds: Any) -> None:
    ways = {
        "shuffled": ds.shuffle(seed=1),
        "selected": ds.select([*range(150, 40, -1), 3]),
        "twice": ds.shuffle(seed=1).select(range(20, 120)).shuffle(seed=2),
        "repeated": ds.select([5, 5, *range(60), 7]),
        "filtered": ds.filter(lambda row: row["label"] != 1),
        "sliced": ds.select(range(30, 130)),
        "sorted": ds.sort("weight"),
        "shard": ds.shard(3, 1),
        "split": ds.train_test_split(0.3, seed=0)["train"],
        "flattened": ds.shuffle(seed=1).flatten_indices(),
        "joined": datasets.concatenate_datasets([ds.select(range(50)), ds.shuffle(seed=3), ds.select([1, 0])]),
        "mapped": ds.shuffle(seed=1).map(lambda row: {"more": row["label"]}),
    }
    for name, way in ways.items():
        at = np.array(rows(way))
        expected = subsel.select(X[at], 12, "k-center", labels=[row % 3 for row in at], balance="label")
        picked, selection = select(way, 12, "k-center", labels="label", balance="label", return_selection=True)
        assert selection == expected, name
        assert rows(picked) == at[np.sort(expected.indices)].tolist(), name
        # Again of what came back, which has a list of rows itself.
        inner = rows(select(picked, 5, "k-center"))
        assert (
            inner
            == at[np.sort(expected.indices)][np.sort(subsel.select(X[rows(picked)], 5, "k-center").indices)].tolist()
        )


@pytest.mark.parametrize("form", ["numpy", "torch", "arrow", "pandas"])
def test_the_format_of_a_data_set_does_not_matter(ds: Any, form: str) -> None:
    if form == "torch":
        pytest.importorskip("torch")
    formed = ds.shuffle(seed=1).with_format(form, columns=["label"])
    _, selection = select(formed, 9, "k-center", return_selection=True)
    assert selection == select(ds.shuffle(seed=1), 9, "k-center", return_selection=True)[1]


def test_a_data_set_on_disk_is_mapped(ds: Any, tmp_path: Path) -> None:
    ds.save_to_disk(tmp_path / "ds", num_shards=3)
    loaded = datasets.load_from_disk(str(tmp_path / "ds"))
    assert loaded.data.column("embedding").num_chunks >= 3
    expected = subsel.select(X, 15, "k-center")
    assert rows(select(loaded, 15, "k-center")) == sorted(expected)
    before = sorted(tmp_path.rglob("*"))
    _, selection = select(loaded.shuffle(seed=1, keep_in_memory=True), 15, "k-center", return_selection=True)
    assert selection == subsel.select(X[rows(loaded.shuffle(seed=1))], 15, "k-center")
    assert [path for path in sorted(tmp_path.rglob("*")) if path not in before and "cache" not in path.name] == []


def test_a_column_is_read_where_it_lies() -> None:
    pa = pytest.importorskip("pyarrow")
    from subsel.hf import _column

    plain = datasets.Dataset.from_dict(columns())
    before = pa.total_allocated_bytes()
    values = _column(plain, "embedding", "column")
    assert values.chunk(0).buffers()[-1].address == plain.data.column("embedding").chunk(0).buffers()[-1].address
    assert pa.total_allocated_bytes() == before


def test_columns_tell_of_rows(ds: Any) -> None:
    shuffled = ds.shuffle(seed=5)
    at = np.array(rows(shuffled))
    known: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("k-center", {"labels": "label", "balance": "label"}, {"labels": at % 3, "balance": "label"}),
        ("k-center", {"groups": "kind", "per_group": 4}, {"groups": [int(row) % 2 for row in at], "per_group": 4}),
        (
            "k-center",
            {"labels": "kind", "quota": "label=a:2..3"},
            {"labels": ["ab"[row % 2] for row in at], "quota": "label=a:2..3"},
        ),
        ("ccs", {"scores": "weight"}, {"scores": 1.0 + at % 5}),
        ("k-center", {"costs": "weight", "cost_budget": 20}, {"costs": 1.0 + at % 5, "cost_budget": 20}),
        ("k-center", {"labeled": "done"}, {"labeled": at < 20}),
        ("k-center", {"exclude": "done"}, {"exclude": at < 20}),
        ("k-center", {"labeled": [4, 5]}, {"labeled": [4, 5]}),
        ("u-herding", {"logits": "logits"}, {"logits": np.array(ds["logits"], np.float32)[at]}),
    ]
    for method, by_column, by_value in known:
        _, selection = select(shuffled, 8, method, return_selection=True, **by_column)
        assert selection == subsel.select(X[at], 8, method, **by_value), by_column


def test_labeled_rows_may_be_told_by_id(ds: Any) -> None:
    _, selection = select(ds, 8, "k-center", id_column="name", labeled=["row-3", "row-9"], return_selection=True)
    assert selection == subsel.select(X, 8, "k-center", labeled=[3, 9])


@pytest.mark.parametrize("names", ["name", "number"])
def test_columns_tell_of_rows_that_have_names(ds: Any, names: str) -> None:
    named = ds.add_column("number", [(at * 7) % N for at in range(N)]).shuffle(seed=5)
    at = np.array(rows(named))
    for what in ("labeled", "exclude"):
        by_column: dict[str, Any] = {what: "done"}
        by_value: dict[str, Any] = {what: at < 20}
        _, selection = select(named, 8, "k-center", id_column=names, return_selection=True, **by_column)
        assert selection == subsel.select(X[at], 8, "k-center", **by_value)


def test_text_that_is_no_column_is_a_file(ds: Any, tmp_path: Path) -> None:
    file = tmp_path / "labels.npy"
    np.save(file, np.arange(N) % 3)
    for path in (file, str(file)):
        _, selection = select(ds, 8, "k-center", labels=path, balance="label", return_selection=True)
        assert selection == subsel.select(X, 8, "k-center", labels=np.arange(N) % 3, balance="label")


def test_what_cannot_be_is_refused(ds: Any) -> None:
    with pytest.raises(ValueError, match="column: the data set has no column `vector`; it has embedding, label, kind"):
        select(ds, 5, column="vector")
    with pytest.raises(ValueError, match="id_column: the data set has no column `uid`"):
        select(ds, 5, id_column="uid")
    with pytest.raises(ValueError, match="labels: the data set has no column `labell`"):
        select(ds, 5, labels="labell")
    with pytest.raises(ValueError, match="labeled: column `done_as_numbers` must hold true and false, got int64"):
        select(ds, 5, labeled="done_as_numbers")
    with pytest.raises(ValueError, match="text"):
        select(ds, 5, column="text")
    with pytest.raises(ValueError, match=r"ds has the splits train, test: give one, such as ds\['train'\]"):
        select(datasets.DatasetDict(train=ds, test=ds), 5)
    with pytest.raises(ValueError, match="must be a `datasets.Dataset`, got IterableDataset .a streamed one"):
        select(ds.to_iterable_dataset(), 5)
    with pytest.raises(ValueError, match="must be a `datasets.Dataset`, got ndarray"):
        select(X, 5)
    with pytest.raises(ValueError, match="201"):
        select(ds, 201, "k-center")


def test_rows_without_an_embedding_are_refused() -> None:
    missing = datasets.Dataset.from_dict({"embedding": [[1.0, 2.0], None, [3.0, 4.0]]})
    for each in (missing, missing.select([2, 1])):
        with pytest.raises(ValueError):
            select(each, 1)
    with pytest.raises(ValueError, match="labeled"):
        select(datasets.Dataset.from_dict({"embedding": [[1.0], [2.0]], "done": [True, None]}), 1, labeled="done")


def test_embeddings_are_added_to_a_data_set() -> None:
    plain = datasets.Dataset.from_dict(
        {"text": [f"text {at}" for at in range(40)], "name": [f"row-{at}" for at in range(40)]}
    )
    from subsel._embed import embed

    rows_of = embed(plain["text"], lambda texts: [[float(text.split()[1]), 1.0] for text in texts], batch_size=7)
    with_rows = plain.add_column("embedding", list(rows_of))
    assert rows(select(with_rows, 5, "k-center")) == sorted(subsel.select(rows_of, 5, "k-center"))
