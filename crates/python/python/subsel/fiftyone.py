"""Picks of a FiftyOne data set or view, tagged in it.

```python
from subsel.fiftyone import select

select(dataset, 100, embeddings="clip", tag="to label")
session.view = dataset.match_tags("to label").sort_by("subsel_rank")
```
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _calls, _inputs
from ._selection import Selection

if TYPE_CHECKING:
    from ._base import Method

#: What may be told of the samples by the name of a field.
FIELDS = ("labels", "groups", "scores", "costs", "probs", "logits")


def select(
    samples: Any,
    n: int | float | str | None = None,
    method: str | Method | None = None,
    *,
    embeddings: Any = "embedding",
    tag: str | None = "subsel",
    rank_field: str | None = "subsel_rank",
    score_field: str | None = "subsel_score",
    labeled_tag: str | None = None,
    **known: Any,
) -> Selection:
    """Picks `n` samples, tags them and writes their ranks and scores.

    Ranks and scores are those of the last selection. Picks of an earlier one, which are the samples that have a rank,
    lose the tag too, unless it is the `labeled_tag`; samples that somebody else tagged keep it.

    Args:
        samples: A data set or a view; a view is the pool, and what is outside it is left alone.
        n, method: As [`subsel.select`][] takes them.
        embeddings: A field, or an array `(samples, d)` in the order of `samples`.
        tag: The tag of picked samples; None for none.
        rank_field, score_field: Fields for rank (from 1) and score; None for none.
        labeled_tag: Samples with this tag are labeled already: not picked, but taken into account.
        known: Other keyword arguments of [`subsel.select`][]. Of these `labels`, `groups`, `scores`, `costs`, `probs`
            and `logits` may be names of fields, such as "ground_truth.label"; `labeled` and `exclude` ids of samples.

    Returns:
        The selection; its `ids` are those of the samples.

    Raises:
        ValueError: A sample has no embedding, or a field is not there; and as [`subsel.select`][].
    """
    ids = samples.values("id")
    if labeled_tag is not None:
        if known.get("labeled") is not None:
            raise ValueError("labeled and labeled_tag are one")
        known["labeled"] = samples.match_tags(labeled_tag).values("id")
    for what in ("labeled", "exclude"):
        if known.get(what) is not None and not _inputs.is_path(known[what]) and known.get("labeled_by") is None:
            known[what] = _as_ids(known[what], ids, what)
    for what in FIELDS:
        name = known.get(what)
        # Anything else that is text names a file, as it does elsewhere.
        if isinstance(name, str) and (_has(samples, name) or not os.path.exists(name)):
            known[what] = _field(samples, name, what)
    X = _embeddings(samples, ids, embeddings)
    selection = _calls.select(X, n, method, ids=ids, **known)
    _write(samples, ids, selection, tag, rank_field, score_field, keep_tags=tag == labeled_tag)
    return selection


def _as_ids(value: Any, ids: list[str], what: str) -> list[Any]:
    """Rows as ids, which an earlier selection of another view has right too."""
    if isinstance(value, Selection) and value.ids is not None:
        return list(value.ids)
    rows = _inputs.row_list(value)
    wrong = next((row for row in rows if isinstance(row, int) and not 0 <= row < len(ids)), None)
    if wrong is not None:
        raise ValueError(f"{what}: there is no row {wrong} in {len(ids)} samples")
    return [ids[row] if isinstance(row, int) else row for row in rows]


def _has(samples: Any, name: str) -> bool:
    return samples.get_field(name) is not None


def _field(samples: Any, name: str, what: str) -> list[Any]:
    if not _has(samples, name):
        raise ValueError(f"{what}: samples have no field `{name}`; they have {', '.join(samples.get_field_schema())}")
    values: list[Any] = samples.values(name)
    return values


def _embeddings(samples: Any, ids: list[str], embeddings: Any) -> Any:
    if not isinstance(embeddings, str):
        if len(embeddings) != len(ids):
            raise ValueError(f"embeddings have {len(embeddings)} rows, and there are {len(ids)} samples")
        return embeddings
    rows = _field(samples, embeddings, "embeddings")
    missing = [id for id, row in zip(ids, rows, strict=True) if row is None]
    if missing:
        raise ValueError(
            f"{len(missing)} of {len(ids)} samples have no `{embeddings}`, the first is {missing[0]}; "
            f"samples.exists({embeddings!r}) is a view of those that have one"
        )
    lengths = [np.size(row) for row in rows]
    odd = next((at for at, length in enumerate(lengths) if length != lengths[0]), None)
    if odd is not None:
        raise ValueError(
            f"`{embeddings}` of sample {ids[odd]} has {lengths[odd]} values, and that of {ids[0]} has {lengths[0]}"
        )
    return np.stack([np.ravel(row) for row in rows]) if rows else np.empty((0, 1), np.float32)


def _write(
    samples: Any,
    ids: list[str],
    selection: Selection,
    tag: str | None,
    rank_field: str | None,
    score_field: str | None,
    keep_tags: bool,
) -> None:
    # Not all fields may be those of a view.
    dataset = getattr(samples, "_dataset", samples)
    picked = [str(each) for each in selection.ids] if selection.ids is not None else []
    earlier: list[str] = []
    if rank_field is not None and _has(dataset, rank_field):
        earlier = sorted(set(ids).intersection(dataset.exists(rank_field).values("id")))
    if tag is not None:
        if earlier and not keep_tags:
            dataset.select(earlier).match_tags(tag).untag_samples(tag)
        dataset.select(picked).tag_samples(tag)
    scores = [None if score != score else score for score in selection.scores.tolist()]
    for field, values in ((rank_field, selection.ranks.tolist()), (score_field, scores)):
        if field is not None:
            # By id, since the order of a view is its own.
            dataset.set_values(
                field, {**dict.fromkeys(earlier), **dict(zip(picked, values, strict=True))}, key_field="id"
            )
