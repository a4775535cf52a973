"""What the tests share."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import subsel


@pytest.fixture(scope="session")
def digits() -> tuple[Any, Any]:
    """1,797 images of digits as rows of 64 values, and their classes: real input that scikit-learn carries."""
    load_digits = pytest.importorskip("sklearn.datasets").load_digits
    features, classes = load_digits(return_X_y=True)
    return features.astype(np.float32), classes


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def every_method() -> list[str]:
    """The names of all methods."""
    return [method["name"] for method in subsel.methods()]


def method_class(name: str) -> Any:
    """The class of a method."""
    return next(
        each for each in vars(subsel).values() if isinstance(each, type) and getattr(each, "_name", None) == name
    )


def needed(name: str, classes: Any) -> dict[str, Any]:
    """What a method cannot do without, made of the classes of the rows."""
    needs = next(method for method in subsel.methods() if method["name"] == name)["needs"]
    given: dict[str, Any] = {}
    if "labels" in needs:
        given["labels"] = classes
    if needs.startswith("scores"):
        given["scores"] = np.linspace(0, 1, len(classes))
    if "model outputs" in needs:
        given["probs"] = np.full((len(classes), 10), 0.1, dtype=np.float32)
    return given


def settings_of(name: str) -> dict[str, Any]:
    """The settings that keep a method quick here."""
    return {"draws": 2000} if name == "zcore" else {}


def as_json(value: Any) -> Any:
    """The same after JSON."""
    return json.loads(json.dumps(value))
