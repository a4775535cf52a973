"""The memory bank of PatchCore, on numpy: beside a plain loop that measures all distances after every pick."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import subsel
from subsel.contrib.patchcore import BLOCK, KCenterGreedy, SparseProjection


def pool(n: int = 700, d: int = 48, seed: int = 0) -> NDArray[np.float32]:
    """A Gaussian mixture."""
    rng = np.random.default_rng(seed)
    centers = 3 * rng.standard_normal((12, d), dtype=np.float32)
    return centers[rng.integers(12, size=n)] + rng.standard_normal((n, d), dtype=np.float32)


def dists(features: Any, row: int) -> NDArray[np.float64]:
    wide = np.asarray(features, dtype=np.float64)
    difference = wide - wide[row]
    lengths: NDArray[np.float64] = np.sqrt(np.einsum("ij,ij->i", difference, difference))
    return lengths


def naive(features: Any, count: int, start: int | None, labeled: list[int]) -> tuple[list[int], float]:
    """Picks and covering radius."""
    nearest = np.full(len(features), np.inf)
    picks: list[int] = []
    for row in labeled:
        nearest = np.minimum(nearest, dists(features, row))
    while len(picks) < count:
        row = start if start is not None and not picks else int(nearest.argmax())
        picks.append(row)
        nearest = np.minimum(nearest, dists(features, row))
    return picks, float(nearest.max())


def radius(features: Any, rows: list[int]) -> float:
    nearest = np.min([dists(features, row) for row in rows], axis=0)
    return float(nearest.max())


@pytest.mark.parametrize("projection", [True, False])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_picks_and_covering_radius_are_those_of_the_plain_loop(projection: bool, seed: int) -> None:
    sampler = KCenterGreedy(pool(), 0.1, projection=projection, seed=seed)
    picks = sampler.select_coreset_idxs()
    expected, expected_radius = naive(sampler.features, 70, picks[0], [])
    assert picks == expected
    assert radius(sampler.features, picks) == pytest.approx(expected_radius, rel=1e-12)


def test_selected_rows_count_as_taken_and_are_not_picked() -> None:
    selected = [5, 17, 300]
    sampler = KCenterGreedy(pool(), 0.05)
    picks = sampler.select_coreset_idxs(selected)
    assert picks == naive(sampler.features, 35, None, selected)[0]
    assert not set(picks) & set(selected)
    assert sampler.select_coreset_idxs([]) == sampler.select_coreset_idxs()


def test_rows_come_back_as_they_went_in() -> None:
    X = pool()
    sampler = KCenterGreedy(X, 0.02)
    coreset = sampler.sample_coreset()
    assert coreset.dtype == np.float32
    assert coreset.shape == (14, 48)
    np.testing.assert_array_equal(coreset, X[sampler.select_coreset_idxs()])


def test_as_many_components_as_anomalib_has() -> None:
    # sklearn.random_projection.johnson_lindenstrauss_min_dim(n, eps=0.9)
    counts = {2: 17, 100: 113, 700: 161, 163_840: 296, 1_000_000: 341}
    assert {n: SparseProjection(n, 4).n_components for n in counts} == counts
    assert SparseProjection(1, 4).n_components == 1


def test_projection_is_sparse_and_keeps_distances_on_average() -> None:
    projection = SparseProjection(163_840, 400)
    matrix = projection.matrix()
    assert set(np.unique(matrix)) == {-matrix.max(), 0, matrix.max()}
    # 296 x 400 draws of chance 1/20, half of them negative: five standard deviations.
    draws = matrix.size
    assert abs((matrix != 0).mean() - 1 / 20) < 5 * (0.05 * 0.95 / draws) ** 0.5
    assert abs((matrix > 0).mean() - 1 / 40) < 5 * (0.025 * 0.975 / draws) ** 0.5
    X = pool(200, 400)
    ratio = dists(projection.transform(X), 0)[1:] / dists(X, 0)[1:]
    assert abs(ratio.mean() - 1) < 0.05
    assert ratio.min() > 0.7
    assert ratio.max() < 1.3


def test_blocks_and_last_rows_are_projected_like_a_product() -> None:
    for n in (1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 3):
        X = pool(n, 20)
        projection = SparseProjection(n, 20, seed=3)
        np.testing.assert_allclose(projection.transform(X), X @ projection.matrix().T, rtol=1e-5, atol=1e-5)


def test_one_column_and_two_rows_work() -> None:
    X = np.array([[1.0], [2.0]], dtype=np.float32)
    assert sorted(KCenterGreedy(X, 1.0).select_coreset_idxs()) == [0, 1]
    assert KCenterGreedy(X, 0.5, start=1).select_coreset_idxs() == [1]


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int8, ">f4"])
def test_other_types_are_projected_as_float32(dtype: Any) -> None:
    X = (8 * pool()).astype(dtype)
    picks = KCenterGreedy(X, 0.05).select_coreset_idxs()
    assert picks == KCenterGreedy(X.astype(np.float32), 0.05).select_coreset_idxs()


def test_more_axes_are_flattened_and_not_projected() -> None:
    X = pool()
    sampler = KCenterGreedy(X.reshape(700, 4, 12), 0.05)
    assert sampler.sample_coreset().shape == (35, 4, 12)
    assert sampler.select_coreset_idxs() == KCenterGreedy(X, 0.05, projection=False).select_coreset_idxs()


def test_same_seed_same_picks_for_any_threads() -> None:
    X = pool()
    one, two, other = (
        KCenterGreedy(X, 0.1, seed=seed, threads=threads).select_coreset_idxs()
        for seed, threads in ((4, 1), (4, 2), (5, 2))
    )
    assert one == two
    assert one != other


def test_golden_picks_stay() -> None:
    # A change of these is one of results: say so in the change log.
    X = 1 + (np.arange(300)[:, None] * np.arange(1, 9)[None] ** 2 % 97).astype(np.float32)
    assert KCenterGreedy(X, 0.02).select_coreset_idxs() == [7, 66, 0, 96, 89, 91]


def test_selection_has_the_distances() -> None:
    sampler = KCenterGreedy(pool(), 0.02, start=3)
    picks = sampler.select_coreset_idxs()
    assert picks[0] == 3
    assert sampler.selection.method == "k-center:start=3"
    assert sampler.selection.scores[1] == pytest.approx(dists(sampler.features, 3).max(), rel=1e-12)


def test_bad_values_are_refused() -> None:
    X = pool()
    for ratio in (0.0, -0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="sampling_ratio must be above 0 and at most 1"):
            KCenterGreedy(X, ratio)
    with pytest.raises(ValueError, match="must be one row or more, got 0.001 of 700 rows"):
        KCenterGreedy(X, 0.001)
    for value in (np.nan, np.inf):
        X[600, 7] = value
        with pytest.raises(ValueError, match="row 600, column 7"):
            KCenterGreedy(X, 0.1).select_coreset_idxs()
        with pytest.raises(ValueError, match="row 600"):
            KCenterGreedy(X, 0.1, projection=False).select_coreset_idxs()
    with pytest.raises(ValueError, match="numbers"):
        KCenterGreedy(np.array([["a", "b"], ["c", "d"]]), 0.5).select_coreset_idxs()
    with pytest.raises(ValueError):
        KCenterGreedy(pool(), 1.0).select_coreset_idxs([3])
    with pytest.raises(ValueError):
        KCenterGreedy(pool(), 0.1).select_coreset_idxs([700])


def test_every_other_row_may_be_picked() -> None:
    sampler = KCenterGreedy(pool(10, 4), 0.5)
    assert sorted(sampler.select_coreset_idxs([0, 1, 2, 3, 4])) == [5, 6, 7, 8, 9]


def test_picks_are_those_of_the_method() -> None:
    sampler = KCenterGreedy(pool(), 0.1)
    picks = sampler.select_coreset_idxs()
    assert picks == subsel.KCenter(seed=0).select(sampler.features, 70).indices.tolist()
