"""Methods as query strategies of scikit-activeml: its contract, its wrappers and a loop of its own parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("skactiveml")

from skactiveml.classifier import ParzenWindowClassifier  # noqa: E402
from skactiveml.pool import (  # noqa: E402
    CoreSet,
    SubSamplingWrapper,
    UncertaintySampling,
)
from skactiveml.pool.multiannotator import SingleAnnotatorWrapper  # noqa: E402
from skactiveml.utils import call_func  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.datasets import make_blobs  # noqa: E402

import subsel  # noqa: E402
from subsel.contrib.skactiveml import PoolQuery  # noqa: E402

# Small pools leave much to warn of.
pytestmark = pytest.mark.filterwarnings("ignore::subsel.SubselWarning")

METHODS = [
    subsel.KCenter(),
    subsel.KMeansPP(),
    subsel.KMeansCenters(),
    subsel.TypiClust(),
    subsel.Norm(),
    subsel.GramSchmidt(),
    subsel.ProbCover(),
    subsel.FacilityLocation(),
    subsel.Random(),
    subsel.ProbCover() >> subsel.Norm(),
    "k-center:start=max-norm",
]


def rows(n: int = 60, d: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d)) + 3


def labels(n: int = 60, labeled: tuple[int, ...] = (3, 20, 41)) -> np.ndarray:
    y = np.full(n, np.nan)
    y[list(labeled)] = [row % 2 for row in labeled]
    return y


def has_utilities(picks: np.ndarray, utilities: np.ndarray, allowed: Any, n: int) -> None:
    """The best of each line is its pick; what may be picked and was not yet is known, all else is not."""
    assert utilities.shape == (len(picks), n)
    left = set(np.asarray(allowed).tolist())
    for step, pick in enumerate(picks.tolist()):
        assert set(np.flatnonzero(~np.isnan(utilities[step])).tolist()) == left
        assert np.nanargmax(utilities[step]) == pick
        assert np.isfinite(utilities[step, pick])
        left.remove(pick)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_every_way_to_ask(method: Any) -> None:
    X, y = rows(), labels()
    strategy = PoolQuery(method, random_state=0)
    unlabeled = np.flatnonzero(np.isnan(y))

    picks, utilities = strategy.query(X, y, batch_size=5, return_utilities=True)
    assert picks.shape == (5,)
    has_utilities(picks, utilities, unlabeled, 60)
    np.testing.assert_array_equal(strategy.query(X, y, batch_size=5), picks)
    np.testing.assert_array_equal(strategy.query(X, y, candidates=unlabeled, batch_size=5), picks)

    some = np.array([50, 4, 7, 30, 31, 32, 33, 34, 10, 11])
    picks, utilities = strategy.query(X, y, candidates=some, batch_size=4, return_utilities=True)
    assert set(picks) <= set(some)
    has_utilities(picks, utilities, some, 60)

    others = rows(25, seed=1)
    picks, utilities = strategy.query(X, y, candidates=others, batch_size=4, return_utilities=True)
    has_utilities(picks, utilities, np.arange(25), 25)

    picks, utilities = strategy.query(X, np.full(60, np.nan), return_utilities=True)
    has_utilities(picks, utilities, np.arange(60), 60)


def test_k_center_picks_what_core_set_picks() -> None:
    X, y = rows(), labels()
    ours, theirs = PoolQuery(subsel.KCenter(), random_state=0), CoreSet(random_state=0)
    for candidates in (None, np.arange(30, 60), rows(40, seed=2)):
        picks, utilities = ours.query(X, y, candidates, batch_size=8, return_utilities=True)
        expected, distances = theirs.query(X, y, candidates, batch_size=8, return_utilities=True)
        np.testing.assert_array_equal(picks, expected)
        of_picks = (np.arange(8), picks)
        # scikit-activeml measures by sums of squares and products.
        np.testing.assert_allclose(utilities[of_picks], distances[of_picks], rtol=1e-5)


def test_labeled_candidates_can_be_picked_again_and_still_count_as_labeled() -> None:
    X, y = rows(), labels()
    strategy = PoolQuery(subsel.KCenter(), random_state=0)
    candidates = np.array([3, 20, 8])
    picks, utilities = strategy.query(X, y, candidates, batch_size=3, return_utilities=True)
    # The labeled ones are at a distance of 0 from what is labeled.
    assert picks[0] == 8
    assert set(picks) == {3, 20, 8}
    has_utilities(picks, utilities, candidates, 60)


@pytest.mark.parametrize(
    ("missing", "known"),
    [(np.nan, [0.0, 1.0]), (-1, [0, 1]), (None, [1, 2]), (None, ["a", "b"]), ("", ["a", "b"])],
)
def test_labels_may_be_missing_in_any_way(missing: Any, known: list[Any]) -> None:
    y = np.full(60, missing, dtype=object if missing is None else np.array([missing, *known]).dtype)
    y[[3, 20]] = known
    picks = PoolQuery(subsel.KCenter(), 0, missing).query(rows(), y, batch_size=57)
    assert not set(picks) & {3, 20}
    assert picks[0] == PoolQuery("k-center", 0).query(rows(), labels(labeled=(3, 20)))[0]


def test_seeds_come_from_the_random_state_unless_the_method_has_one() -> None:
    X, y = rows(), labels()

    def picks(method: Any, state: Any) -> list[int]:
        listed: list[int] = PoolQuery(method, random_state=state).query(X, y, batch_size=10).tolist()
        return listed

    assert picks(subsel.Random(), 1) == picks(subsel.Random(), 1)
    assert picks(subsel.Random(), 1) != picks(subsel.Random(), 2)
    assert picks(subsel.Random(), np.random.RandomState(1)) == picks(subsel.Random(), 1)
    assert picks(subsel.Random(seed=7), 1) == picks(subsel.Random(seed=7), 2)
    assert picks(subsel.Random(random_state=7), 1) == picks(subsel.Random(seed=7), None)
    assert len({tuple(picks(subsel.Random(), None)) for _ in range(5)}) > 1


def test_random_candidates_are_drawn_alike() -> None:
    """1,200 draws of one in 6: five standard deviations of a binomial are 65."""
    X, y = rows(), labels()
    counts = np.zeros(60)
    for seed in range(1200):
        counts[PoolQuery(subsel.Random(), seed).query(X, y, [1, 2, 4, 5, 6, 7])[0]] += 1
    assert counts[[1, 2, 4, 5, 6, 7]].min() > 135
    assert counts.sum() == 1200


def test_what_a_model_says_goes_to_the_method() -> None:
    X, y = rows(), labels()
    clf = ParzenWindowClassifier(classes=[0, 1]).fit(X, y)
    probs = clf.predict_proba(X)
    picks = PoolQuery(subsel.UHerding(), random_state=0).query(X, y, batch_size=5, probs=probs)
    expected = subsel.UHerding().select(X, 5, labeled=[3, 20, 41], probs=probs)
    np.testing.assert_array_equal(picks, expected.indices)
    # With labeled rows among the candidates, the copies that stand for them know what these know.
    assert len(PoolQuery(subsel.UHerding(), 0).query(X, y, np.arange(60), batch_size=5, probs=probs)) == 5
    scores = np.arange(60.0)
    picks = PoolQuery(subsel.CCS(), 0).query(X, y, batch_size=5, scores=scores)
    assert len(set(picks)) == 5
    strata = np.arange(60) % 3
    assert set(strata[PoolQuery(subsel.Stratified(), 0).query(X, y, batch_size=3, labels=strata)]) == {0, 1, 2}


def test_it_clones_and_shows_itself() -> None:
    strategy = PoolQuery(subsel.KCenter(start="medoid"), random_state=3, missing_label=-1)
    copy: Any = clone(strategy)
    assert copy.method is not strategy.method
    assert copy.get_params()["method__start"] == "medoid"
    assert repr(copy) == repr(strategy)
    assert copy.set_params(method__start="max-norm").method.start == "max-norm"
    assert strategy.get_params()["method__start"] == "medoid"


def test_wrong_values_are_refused() -> None:
    X, y = rows(), labels()
    strategy = PoolQuery(subsel.KCenter(), random_state=0)
    number: Any = 3
    with pytest.raises(TypeError, match="method must be a method of subsel or its text, got int"):
        PoolQuery(number).query(X, y)
    with pytest.raises(ValueError, match="candidates must be row numbers of X where probs"):
        strategy.query(X, y, X[:5], probs=np.full((60, 2), 0.5))
    with pytest.raises(ValueError, match="59"):
        strategy.query(X, y, scores=np.ones(59))
    for wrong in ({"batch_size": 0}, {"candidates": np.nan}, {"candidates": [60]}, {"candidates": np.ones((3, 9))}):
        with pytest.raises(ValueError):
            strategy.query(X, y, **wrong)
    with pytest.raises(ValueError):
        strategy.query(X[:, None, :], y)
    with pytest.raises(ValueError, match="has no parameter|unknown|k-centre"):
        PoolQuery("k-centre").query(X, y)


def test_a_batch_larger_than_what_is_left_is_cut_with_a_warning() -> None:
    X, y = rows(), labels()
    with pytest.warns(UserWarning, match="batch_size=58"):
        assert len(PoolQuery(subsel.KCenter(), 0).query(X, y, batch_size=58)) == 57


@pytest.mark.parametrize("exclude", [False, True])
@pytest.mark.parametrize("candidates", [None, np.arange(10, 60), rows(40, seed=2)], ids=["all", "rows", "features"])
def test_sub_sampling_wrapper(exclude: bool, candidates: Any) -> None:
    X, y = rows(), labels()
    inner = PoolQuery(subsel.KCenter(), random_state=0)
    strategy = SubSamplingWrapper(inner, max_candidates=20, exclude_non_subsample=exclude, random_state=0)
    picks, utilities = strategy.query(X, y, candidates, batch_size=5, return_utilities=True)
    theirs = SubSamplingWrapper(CoreSet(random_state=0), 20, exclude, random_state=0)
    np.testing.assert_array_equal(picks, theirs.query(X, y, candidates, batch_size=5))
    assert utilities.shape == (5, 60 if candidates is None or candidates.ndim == 1 else 40)
    assert [np.nanargmax(line) for line in utilities] == picks.tolist()


def test_annotators_are_assigned_to_picks() -> None:
    X = rows()
    y = np.full((60, 3), np.nan)
    y[:4] = 1
    strategy = SingleAnnotatorWrapper(PoolQuery(subsel.KCenter(), 0), random_state=0)
    pairs = strategy.query(X, y, batch_size=6, n_annotators_per_sample=2)
    assert pairs.shape == (6, 2)
    assert len(set(pairs[:, 0])) == 3


@pytest.mark.parametrize("method", [subsel.TypiClust(), subsel.KMeansCenters(), subsel.ProbCover()], ids=str)
def test_a_loop_learns(method: subsel.Method) -> None:
    """Cycles as scikit-activeml's tutorials run them, with its classifier, beside one of its own strategies."""
    X, truth = make_blobs(300, n_features=8, centers=6, cluster_std=2.0, random_state=0)
    classifier = ParzenWindowClassifier(classes=range(6), metric_dict={"gamma": 0.05}, random_state=0)
    strategies = [PoolQuery(method, random_state=0), UncertaintySampling(random_state=0)]
    reached = []
    for strategy in strategies:
        y = np.full(300, np.nan)
        for _ in range(6):
            classifier.fit(X, y)
            picks = call_func(strategy.query, X=X, y=y, clf=classifier, batch_size=3)
            assert np.isnan(y[picks]).all()
            assert len(set(picks)) == 3
            y[picks] = truth[picks]
        reached.append(classifier.fit(X, y).score(X, truth))
    assert reached[0] > 0.9
    assert reached[0] >= reached[1] - 0.02
