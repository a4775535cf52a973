"""Data sets and views of FiftyOne: which samples are read, tagged and ranked.

FiftyOne needs MongoDB: one that it starts, or that of FIFTYONE_DATABASE_URI.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("FIFTYONE_DO_NOT_TRACK", "true")
fo = pytest.importorskip("fiftyone")

import subsel  # noqa: E402
from subsel.fiftyone import select  # noqa: E402

warnings.simplefilter("ignore", subsel.SubselWarning)

N = 60
X = np.random.default_rng(0).normal(size=(N, 8)).astype(np.float32)


@pytest.fixture
def samples() -> Iterator[Any]:
    try:
        dataset = fo.Dataset()
    except (fo.core.config.FiftyOneConfigError, fo.core.service.ServiceException) as error:
        pytest.skip(f"FiftyOne has no database: {error}")
    dataset.add_samples(
        [
            fo.Sample(
                filepath=f"/pool/{at}.png",
                at=at,
                embedding=X[at],
                listed=X[at].tolist(),
                ground_truth=fo.Classification(label="abc"[at % 3]),
                difficulty=float(at),
                tags=["done"] if at < 10 else ["rest"],
            )
            for at in range(N)
        ],
        progress=False,
    )
    yield dataset
    dataset.delete()


def tagged(samples: Any, tag: str = "subsel") -> list[int]:
    return sorted(samples.match_tags(tag).values("at"))


def written(samples: Any, field: str = "subsel_rank") -> dict[int, Any]:
    return {at: value for at, value in zip(*samples.values(["at", field]), strict=True) if value is not None}


def test_picked_samples_are_tagged_and_ranked(samples: Any) -> None:
    expected = subsel.select(X, 7, "k-center")
    picks = select(samples, 7, "k-center")
    assert picks == expected
    assert picks.ids == [samples.values("id")[row] for row in expected]
    assert tagged(samples) == sorted(expected)
    assert written(samples) == dict(zip(expected, range(1, 8), strict=True))
    assert written(samples, "subsel_score") == dict(zip(expected, expected.scores.tolist(), strict=True))
    assert samples.match_tags("subsel").sort_by("subsel_rank").values("at") == list(expected)
    # Other tags stay.
    assert len(tagged(samples, "done")) == 10 and len(tagged(samples, "rest")) == 50


def test_embeddings_may_be_lists_or_an_array(samples: Any) -> None:
    expected = subsel.select(X, 7, "k-center")
    assert select(samples, 7, "k-center", embeddings="listed") == expected
    assert select(samples, 7, "k-center", embeddings=X) == expected
    assert select(samples, 0.1, subsel.KCenter(), embeddings=X, seed=3) == subsel.select(X, 6, "k-center", seed=3)


def test_a_view_is_the_pool_in_its_order(samples: Any) -> None:
    views = {
        "sorted": samples.sort_by("difficulty", reverse=True),
        "part": samples.match(fo.ViewField("difficulty") >= 20),
        "shuffled": samples.shuffle(seed=3),
        "skipped": samples.skip(5).limit(30),
        "fields": samples.select_fields(["embedding", "at"]),
        "selected": samples.select(samples.values("id")[40:10:-1], ordered=True),
    }
    for name, view in views.items():
        at = view.values("at")
        expected = [at[row] for row in subsel.select(X[at], 6, "k-center")]
        picks = select(view, 6, "k-center", tag=name, rank_field=f"{name}_rank", score_field=None)
        assert [at[row] for row in picks] == expected, name
        assert tagged(samples, name) == sorted(expected), name
        assert written(samples, f"{name}_rank") == dict(zip(expected, range(1, 7), strict=True)), name
    assert not samples.has_sample_field("subsel_score")


def test_another_selection_takes_the_place_of_the_last(samples: Any) -> None:
    first = set(select(samples, 9, "k-center"))
    by_hand = next(at for at in range(N) if at not in first)
    samples.select(samples.values("id")[by_hand]).tag_samples("subsel")
    second = select(samples, 5, "k-center", seed=1, exclude=list(first)[:4])
    assert tagged(samples) == sorted({*second, by_hand})
    assert sorted(written(samples), key=written(samples).get) == list(second)  # type: ignore[arg-type]
    assert sorted(written(samples, "subsel_score")) == sorted(second)


def test_rounds_go_on_from_what_is_tagged(samples: Any) -> None:
    first = select(samples, 5, "k-center", labeled_tag="done")
    assert first == subsel.select(X, 5, "k-center", labeled=np.arange(10))
    assert not set(first) & set(range(10))
    again = select(samples, 5, "k-center", labeled_tag="subsel")
    assert again == subsel.select(X, 5, "k-center", labeled=first)
    assert tagged(samples) == sorted({*first, *again}) and len(tagged(samples)) == 10
    assert sorted(written(samples)) == sorted(again)


def test_nothing_is_written_where_nothing_is_asked_for(samples: Any) -> None:
    before = samples.get_field_schema().keys(), samples.count_sample_tags()
    picks = select(samples, 5, "k-center", tag=None, rank_field=None, score_field=None)
    assert len(picks) == 5
    assert (samples.get_field_schema().keys(), samples.count_sample_tags()) == before


def test_fields_tell_of_samples(samples: Any, tmp_path: Path) -> None:
    y = ["abc"[at % 3] for at in range(N)]
    picks = select(samples, 6, "k-center", labels="ground_truth.label", quota="label=b:4..")
    assert picks == subsel.select(X, 6, "k-center", labels=y, quota="label=b:4..")
    assert select(samples, 6, "ccs", scores="difficulty") == subsel.select(X, 6, "ccs", scores=np.arange(N) * 1.0)
    file = tmp_path / "labels.npy"
    np.save(file, np.arange(N) % 3)
    picks = select(samples, 6, "k-center", labels=str(file), balance="label")
    assert picks == subsel.select(X, 6, "k-center", labels=np.arange(N) % 3, balance="label")


def test_labeled_may_be_ids_rows_or_a_mask(samples: Any) -> None:
    expected = subsel.select(X, 6, "k-center", labeled=[3, 5])
    ids = samples.values("id")
    assert select(samples, 6, "k-center", labeled=[ids[3], ids[5]]) == expected
    assert select(samples, 6, "k-center", labeled=[3, 5]) == expected
    assert select(samples, 6, "k-center", labeled=np.isin(np.arange(N), [3, 5])) == expected
    assert select(samples, 6, "k-center", labeled=[3, 5], labeled_by="row") == expected
    # Picks of a view are other rows of the data set.
    view = samples.sort_by("difficulty", reverse=True)
    first = select(view, 4, "k-center", tag=None)
    rows = [N - 1 - row for row in first]
    assert select(samples, 6, "k-center", labeled=first) == subsel.select(X, 6, "k-center", labeled=rows)
    assert select(samples, 6, "k-center", exclude=first) == subsel.select(X, 6, "k-center", exclude=rows)
    with pytest.raises(ValueError, match="exclude: there is no row 60 in 60 samples"):
        select(samples, 6, exclude=[2, 60])


def test_a_score_that_is_no_number_is_left_empty(samples: Any) -> None:
    picks = select(samples, 4, "random")
    assert set(written(samples, "subsel_score")) == {
        row for row, score in zip(picks, picks.scores.tolist(), strict=True) if score == score
    }
    assert sorted(written(samples)) == sorted(picks)


def test_what_cannot_be_is_refused(samples: Any) -> None:
    with pytest.raises(ValueError, match="embeddings: samples have no field `clip`; they have id, filepath, tags"):
        select(samples, 5, embeddings="clip")
    with pytest.raises(ValueError, match="labels: samples have no field `ground_truth.lable`"):
        select(samples, 5, labels="ground_truth.lable")
    with pytest.raises(ValueError, match="embeddings have 59 rows, and there are 60 samples"):
        select(samples, 5, embeddings=X[1:])
    with pytest.raises(ValueError, match="labeled and labeled_tag are one"):
        select(samples, 5, labeled=[1], labeled_tag="done")
    with pytest.raises(ValueError):
        select(samples, 51, "k-center", labeled_tag="done")
    with pytest.raises(ValueError):
        select(samples.match_tags("none"), 5)
    ids = samples.values("id")
    samples.set_values("listed", {ids[4]: [1.0, 2.0]}, key_field="id")
    with pytest.raises(ValueError, match=f"`listed` of sample {ids[4]} has 2 values, and that of {ids[0]} has 8"):
        select(samples, 5, embeddings="listed")
    samples.set_values("embedding", {ids[7]: None, ids[9]: None}, key_field="id")
    with pytest.raises(ValueError, match=f"2 of 60 samples have no `embedding`, the first is {ids[7]}; samples.exists"):
        select(samples, 5)
    assert len(select(samples.exists("embedding"), 5)) == 5
    assert tagged(samples.exists("embedding", False)) == []
