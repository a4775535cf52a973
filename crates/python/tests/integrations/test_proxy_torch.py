"""`subsel proxy` with the training program of its documentation, in PyTorch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

TRAIN = Path(__file__).parents[4] / "docs" / "examples" / "train.py"
N, M, CLASSES = 240, 120, 3


def write(folder: Path, shape: tuple[int, ...]) -> None:
    """Classes that differ by their mean, in features or in images."""
    draws = np.random.default_rng(0)
    for rows, x, y in [(N, "x.npy", "y.npy"), (M, "tx.npy", "ty.npy")]:
        labels = draws.integers(0, CLASSES, rows)
        noise = draws.standard_normal((rows, *shape), dtype=np.float32)
        noise[:, 0] += 1.5 * labels.reshape(-1, *[1] * (len(shape) - 1))
        np.save(folder / x, noise)
        np.save(folder / y, labels)


def proxy(folder: Path, *options: str) -> dict[str, Any]:
    train = f"{sys.executable} '{TRAIN}' x.npy y.npy tx.npy ty.npy --rows {{rows}} --out {{dir}} --seed {{seed}}"
    models = ["--proxy", "small", "--target", "large", "--proxy-epochs", "3", "--target-epochs", "4"]
    command = [sys.executable, "-m", "subsel", "proxy", "--labels", "y.npy", "--test-labels", "ty.npy", *models]
    command += ["--train-cmd", train + " --model {model} --epochs {epochs}", *options, "--json", "--quiet"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    report: dict[str, Any] = json.loads(run.stdout)
    return report


def test_rounds_of_a_network(tmp_path: Path) -> None:
    write(tmp_path, (6,))
    report = proxy(tmp_path, "-n", "40%", "--rounds", "20%", "--initial", "10%", "--compare-target")
    assert [at["rows"] for at in report["rounds"]] == [24, 48]
    assert report["budgets"][0]["target"]["mean"] > 0.4
    assert report["rounds"][0]["entropy_held_out"]["n"] == 1
    assert report["test_rows"] == M
    picks = np.load(tmp_path / report["picks"][0])
    assert picks.dtype == np.int64
    assert len(set(picks.tolist())) == len(picks) == 96
    assert np.load(tmp_path / "proxy-run/seed-0/proxy-24/logits.npy").shape == (N, CLASSES)


@pytest.mark.parametrize("score", ["forgetting", "k-center"])
def test_a_core_set_of_images(tmp_path: Path, score: str) -> None:
    write(tmp_path, (1, 8, 8))
    report = proxy(tmp_path, "--task", "core-set", "--score", score, "-n", "25%", "--full", *(["--initial", "5"] if score == "k-center" else []))
    assert report["budgets"][0]["rows"] == 60
    assert report["budgets"][0]["error_over_full"]["n"] == 1
