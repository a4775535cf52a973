"""Scores of a training of one's own."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import subsel


def run(tracker: subsel.Tracker, epochs: int = 4, seed: int = 0, explicit: bool = True) -> list[Any]:
    """A training of nobody: random logits, every row once an epoch."""
    rng = np.random.default_rng(seed)
    all_logits = []
    for epoch in range(epochs):
        logits = rng.normal(size=(30, 3)).astype(np.float32)
        all_logits.append(logits)
        for rows in np.array_split(rng.permutation(30), 4):
            tracker.update(rows, logits[rows], rows % 3, epoch=epoch if explicit else None)
    return all_logits


def test_scores_are_those_of_their_definitions() -> None:
    tracker = subsel.Tracker(30, el2n_epochs=(0, 2))
    logits = run(tracker)
    labels = np.arange(30) % 3
    right = np.array([each.argmax(1) == labels for each in logits])
    forgotten = (right[:-1] & ~right[1:]).sum(0).astype(float)
    learned = right.any(0)
    found = tracker.scores("forgetting")
    assert np.array_equal(found[learned], forgotten[learned]) and np.isinf(found[~learned]).all()
    zero = tracker.scores("forgetting", never_learned="zero")
    assert (zero[~learned] == 0).all() and np.isfinite(tracker.scores("forgetting", never_learned="most")).all()

    def margin(each: Any) -> Any:
        own = each[np.arange(30), labels]
        others = np.where(np.eye(3, dtype=bool)[labels], -np.inf, each).max(1)
        return own - others

    aum = np.mean([margin(each) for each in logits], axis=0)
    assert np.allclose(tracker.values("aum"), aum, atol=1e-6)
    assert np.allclose(tracker.scores("aum"), -(aum - aum.min()), atol=1e-6)
    probs = [np.exp(each) / np.exp(each).sum(1, keepdims=True) for each in logits[:2]]
    el2n = np.mean([np.linalg.norm(each - np.eye(3)[labels], axis=1) for each in probs], axis=0)
    assert np.allclose(tracker.scores("el2n"), el2n, atol=1e-6)
    assert tracker.observations.tolist() == [4] * 30 and len(tracker) == 30


def test_epochs_are_told_apart_by_rows_that_come_again() -> None:
    told, guessed = subsel.Tracker(30), subsel.Tracker(30)
    run(told)
    run(guessed, explicit=False)
    for by in ("forgetting", "aum", "el2n"):
        assert np.array_equal(told.scores(by), guessed.scores(by))


def test_trackers_are_saved_and_merged() -> None:
    whole, first = subsel.Tracker(30), subsel.Tracker(30)
    run(whole)
    rng = np.random.default_rng(0)
    second = subsel.Tracker(30)
    for epoch in range(4):
        logits = rng.normal(size=(30, 3)).astype(np.float32)
        for rows in np.array_split(rng.permutation(30), 4):
            part = second if epoch >= 2 else first
            part.update(rows, logits[rows], rows % 3, epoch=epoch)
        first = pickle.loads(pickle.dumps(first))
    first.merge(second)
    assert np.array_equal(first.scores("forgetting"), whole.scores("forgetting"))
    assert np.allclose(first.scores("aum"), whole.scores("aum"), atol=1e-12)


@pytest.mark.parametrize(
    ("batch", "rule"),
    [
        (([30], [[0.0, 1.0]], [0]), "30"),
        (([1], [[0.0, 1.0]], [2]), "2"),
        (([1, 2], [[0.0, 1.0]], [0, 1]), "."),
        (([1], [[0.0, np.nan]], [0]), "finite|nan|NaN"),
        (([1.5], [[0.0, 1.0]], [0]), "whole"),
        (([-1], [[0.0, 1.0]], [0]), "from 0"),
        (([1], [0.0, 1.0], [0]), "two axes"),
    ],
)
def test_bad_batches_are_refused_whole(batch: Any, rule: str) -> None:
    tracker = subsel.Tracker(30)
    with pytest.raises(ValueError, match=rule):
        tracker.update(batch[0], np.array(batch[1], dtype=np.float32), batch[2])
    assert not tracker.observations.any()
    with pytest.raises(ValueError, match="never_learned"):
        tracker.scores(never_learned="maybe")
    with pytest.raises(ValueError, match="aum-prob"):
        tracker.scores("aumm")
