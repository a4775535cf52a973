"""Arrays of jax are read like those of numpy."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import subsel

jax = pytest.importorskip("jax")
warnings.simplefilter("ignore", subsel.SubselWarning)


def test_arrays_of_jax_are_read() -> None:
    X = (np.random.default_rng(1).integers(-60, 60, (300, 16)) / 2).astype(np.float32)
    expected = list(subsel.select(X, 12, "gram-schmidt"))
    for dtype in ("float32", "float16", "bfloat16"):
        array = jax.numpy.asarray(X, dtype=dtype)
        assert np.array_equal(np.asarray(array, dtype=np.float32), X), "halves are exact in all of them"
        assert list(subsel.select(array, 12, "gram-schmidt")) == expected, dtype
    rows = list(subsel.select(jax.numpy.asarray(X), 12, "gram-schmidt", labeled=jax.numpy.asarray([3, 4])))
    assert rows == list(subsel.select(X, 12, "gram-schmidt", labeled=[3, 4]))
