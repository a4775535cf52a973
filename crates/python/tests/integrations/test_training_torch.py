"""A training in PyTorch that scores its rows as it goes, and is repeated on those that were picked by them."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import subsel  # noqa: E402
from subsel.torch import SelectionSampler, subset  # noqa: E402

N, D, CLASSES, EPOCHS = 400, 10, 4, 12
BY = ["forgetting", "correctness", "el2n", "el2n-sum", "aum", "aum-prob"]


class Numbered(torch.utils.data.Dataset):  # type: ignore[misc, name-defined]
    """Rows that know their number, as any data set is made to."""

    def __init__(self, X: Any, y: Any) -> None:
        self.X, self.y = torch.from_numpy(X), torch.from_numpy(y)

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, row: int) -> Any:
        return row, self.X[row], self.y[row]


def net() -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(D, 16), torch.nn.ReLU(), torch.nn.Linear(16, CLASSES))


def trained(loader: Any, tracker: Any = None, sampler: Any = None, epochs: int = EPOCHS, log: Any = None) -> Any:
    model = net()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for epoch in range(epochs):
        if sampler is not None:
            sampler.set_epoch(epoch)
        for ids, x, labels in loader:
            logits = model(x)
            if tracker is not None:
                tracker.update(ids, logits, labels, epoch=epoch)
            if log is not None:
                log.append((epoch, ids.numpy(), logits.detach().numpy(), labels.numpy()))
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(logits, labels).backward()
            optimizer.step()
    return model


@pytest.fixture(scope="module")
def pool() -> tuple[Any, Any, Any]:
    """Four classes in clusters; every tenth row has a wrong label."""
    rng = np.random.default_rng(0)
    y = np.arange(N) % CLASSES
    X = (rng.normal(size=(CLASSES, D)) * 2)[y] + rng.normal(size=(N, D))
    wrong = np.arange(0, N, 10)
    y = y.copy()
    y[wrong] = (y[wrong] + 1) % CLASSES
    return X.astype(np.float32), y, wrong


@pytest.fixture(scope="module")
def training(pool: tuple[Any, Any, Any]) -> tuple[Any, list[Any]]:
    X, y, _ = pool
    tracker, log = subsel.Tracker(N), []  # type: ignore[var-annotated]
    order = SelectionSampler(np.arange(N), shuffle=True)
    loader = torch.utils.data.DataLoader(Numbered(X, y), batch_size=50, sampler=order)
    trained(loader, tracker, order, log=log)
    return tracker, log


def test_training_is_not_changed_by_the_tracker(pool: tuple[Any, Any, Any]) -> None:
    X, y, _ = pool

    def weights(tracker: Any) -> Any:
        order = SelectionSampler(np.arange(N), shuffle=True)
        loader = torch.utils.data.DataLoader(Numbered(X, y), batch_size=50, sampler=order)
        return trained(loader, tracker, order, epochs=3).state_dict()

    with_it, without = weights(subsel.Tracker(N)), weights(None)
    assert all(torch.equal(with_it[name], without[name]) for name in without)


@pytest.mark.parametrize("by", BY)
def test_wrong_labels_are_harder_than_others(by: str, training: Any, pool: tuple[Any, Any, Any]) -> None:
    tracker, _ = training
    scores = tracker.scores(by, never_learned="most") if by == "forgetting" else tracker.scores(by)
    assert scores.shape == (N,) and scores.dtype == np.float64 and np.isfinite(scores).all()
    is_wrong = np.zeros(N, bool)
    is_wrong[pool[2]] = True
    # The share of pairs that are ordered right: 0.5 by chance.
    ranks = np.argsort(np.argsort(scores, kind="stable"))
    area = (ranks[is_wrong].sum() - 40 * 39 / 2) / (40 * (N - 40))
    assert area > 0.85


def test_scores_are_those_of_the_logits(training: Any) -> None:
    tracker, log = training
    events, learned, before = np.zeros(N), np.zeros(N, bool), np.zeros(N, bool)
    correct, errors, margins, shares = np.zeros(N), np.zeros(N), np.zeros(N), np.zeros(N)
    for epoch, ids, logits, labels in log:
        for row, values, label in zip(ids, logits.astype(np.float64), labels, strict=True):
            probs = np.exp(values - values.max())
            probs /= probs.sum()
            right = values.argmax() == label
            events[row] += before[row] and not right
            before[row] = right
            learned[row] |= right
            correct[row] += right
            errors[row] += np.linalg.norm(probs - np.eye(CLASSES)[label]) if epoch < 10 else 0
            margins[row] += values[label] - np.delete(values, label).max()
            shares[row] += probs[label] - np.delete(probs, label).max()
    assert np.array_equal(tracker.values("forgetting"), np.where(learned, events, np.inf))
    assert np.array_equal(tracker.values("correctness"), correct)
    assert np.allclose(tracker.values("el2n-sum"), errors, rtol=1e-4)
    assert np.allclose(tracker.values("el2n"), errors / 10, rtol=1e-4)
    assert np.allclose(tracker.values("aum"), margins / EPOCHS, rtol=1e-4, atol=1e-4)
    # A sum, as CCS has it.
    assert np.allclose(tracker.values("aum-prob"), shares, rtol=1e-4, atol=1e-4)


def test_a_training_on_the_picks_follows(training: Any, pool: tuple[Any, Any, Any]) -> None:
    X, y, _ = pool
    tracker, _ = training
    picks = subsel.select(X, 0.5, "ccs", scores=tracker.scores("aum"))
    part = torch.utils.data.DataLoader(subset(Numbered(X, y), picks), batch_size=50, shuffle=True)
    seen = [int(row) for ids, _, _ in part for row in ids]
    assert sorted(seen) == sorted(picks) and len(seen) == N // 2
    model = trained(part)
    with torch.no_grad():
        right = (model(torch.from_numpy(X)).argmax(1).numpy() == np.arange(N) % CLASSES).mean()
    # 0.25 by chance.
    assert right > 0.8


def test_a_training_goes_on_from_a_checkpoint(pool: tuple[Any, Any, Any]) -> None:
    X, y, _ = pool
    loader = torch.utils.data.DataLoader(Numbered(X, y), batch_size=100)
    whole, first = subsel.Tracker(N), subsel.Tracker(N)
    logits = np.random.default_rng(1).normal(size=(4, N, CLASSES)).astype(np.float32)
    for epoch in range(4):
        if epoch == 2:
            first = pickle.loads(pickle.dumps(first))
        for ids, _, labels in loader:
            batch = torch.from_numpy(logits[epoch])[ids]
            whole.update(ids, batch, labels, epoch=epoch)
            first.update(ids, batch.requires_grad_(), labels)
    for by in BY:
        assert np.array_equal(whole.scores(by), first.scores(by)), by


def test_half_precision_is_taken(pool: tuple[Any, Any, Any]) -> None:
    _, y, _ = pool
    logits = torch.from_numpy(np.random.default_rng(1).integers(-9, 9, (N, CLASSES)).astype(np.float32))
    expected = subsel.Tracker(N)
    expected.update(torch.arange(N), logits, torch.from_numpy(y), epoch=0)
    for half in (logits.bfloat16(), logits.half(), logits.double()):
        tracker = subsel.Tracker(N)
        tracker.update(torch.arange(N), half, torch.from_numpy(y), epoch=0)
        assert all(np.array_equal(tracker.scores(by), expected.scores(by)) for by in BY)
