"""Tasks for labeling tools, and the way back: one round trip each."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import subsel

warnings.simplefilter("ignore", subsel.SubselWarning)

NAMES = [f"{row:04}.png" for row in range(60)]


@pytest.fixture
def X(rng: np.random.Generator) -> Any:
    return rng.normal(size=(60, 8)).astype(np.float32)


def second_round(X: Any, export: Path, done: list[int]) -> None:
    """The same call plus the tool's export leaves out what was labeled."""
    again = subsel.select(X, 10, "k-center", ids=NAMES, labeled=export)
    assert list(again) == list(subsel.select(X, 10, "k-center", labeled=done))
    assert again.manifest["labeled"] == len(done)


def test_label_studio(X: Any, tmp_path: Path) -> None:
    picks = subsel.select(X, 10, "k-center", ids=NAMES)
    picks.export(tmp_path / "tasks.json", "label-studio", prefix="/data/local-files/?d=")
    tasks = json.loads((tmp_path / "tasks.json").read_text())
    assert [task["data"]["subsel_row"] for task in tasks] == list(picks)
    scores = [task["predictions"][0]["score"] for task in tasks]
    assert scores == sorted(scores) and 0 <= scores[0] < scores[-1] <= 1
    for task in tasks[:4]:
        choice = {"type": "choices", "from_name": "label", "to_name": "image", "value": {"choices": ["cat"]}}
        task["annotations"] = [{"id": 1, "was_cancelled": False, "result": [choice]}]
    tasks[4]["annotations"] = [{"id": 2, "was_cancelled": True, "result": []}]
    (tmp_path / "export.json").write_text(json.dumps(tasks[:5]))
    second_round(X, tmp_path / "export.json", picks[:4].tolist())
    stratified = subsel.select(X, 5, "stratified", ids=NAMES, labels=tmp_path / "export.json", labeled=tmp_path / "export.json")
    assert any("labels of 4 rows" in note for note in stratified.notes)


def test_texts_are_shown(X: Any, tmp_path: Path) -> None:
    subsel.select(X, 3, "norm").export(tmp_path / "t.json", "label-studio", texts=[f"text {row}" for row in range(60)])
    task = json.loads((tmp_path / "t.json").read_text())[0]
    assert task["data"]["text"] == f"text {task['data']['subsel_row']}"


def png(path: Path) -> None:
    header = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (40).to_bytes(4, "big") + (30).to_bytes(4, "big") + b"\x08\x02\0\0\0" + b"\0" * 4
    path.write_bytes(header)


def test_cvat(X: Any, tmp_path: Path) -> None:
    for name in NAMES:
        png(tmp_path / name)
    picks = subsel.select(X, 10, "k-center", ids=NAMES)
    picks.export(tmp_path / "manifest.jsonl", "cvat", images=tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "manifest.jsonl").read_text().splitlines()]
    assert lines[1] == {"type": "images"} and [line["name"] + line["extension"] for line in lines[2:]] == picks.ids
    assert (lines[2]["width"], lines[2]["height"]) == (40, 30)
    images = "".join(
        f'<image id="{i}" name="{name}" width="40" height="30">{"<tag label=" + chr(34) + "cat" + chr(34) + "/>" if i < 3 else ""}</image>'
        for i, name in enumerate(picks.ids or [])
    )
    (tmp_path / "annotations.xml").write_text(f'<?xml version="1.0"?><annotations><version>1.1</version>{images}</annotations>')
    second_round(X, tmp_path / "annotations.xml", picks[:3].tolist())


def test_coco(X: Any, tmp_path: Path) -> None:
    images = [{"id": 100 + row, "file_name": name, "width": 4, "height": 3} for row, name in enumerate(NAMES)]
    whole = {"info": {"year": 2024}, "images": images, "annotations": [], "categories": [{"id": 7, "name": "cat"}]}
    (tmp_path / "all.json").write_text(json.dumps(whole))
    picks = subsel.select(X, 10, "k-center", ids=NAMES)
    picks.export(tmp_path / "cut.json", "coco", coco=tmp_path / "all.json")
    cut = json.loads((tmp_path / "cut.json").read_text())
    assert [image["file_name"] for image in cut["images"]] == picks.ids and cut["info"] == {"year": 2024}
    cut["annotations"] = [{"id": i, "image_id": cut["images"][i]["id"], "category_id": 7, "bbox": [0, 0, 1, 1]} for i in range(2)]
    (tmp_path / "labeled.json").write_text(json.dumps(cut))
    second_round(X, tmp_path / "labeled.json", picks[:2].tolist())


def test_lists(X: Any, tmp_path: Path) -> None:
    picks = subsel.select(X, 10, "k-center", ids=NAMES)
    picks.export(tmp_path / "list.txt", "list")
    assert (tmp_path / "list.txt").read_text().split() == picks.ids
    second_round(X, tmp_path / "list.txt", list(picks))


def test_the_program_writes_the_same(X: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    (tmp_path / "ids.txt").write_text("\n".join(NAMES) + "\n")
    subsel.select(X, 10, "k-center", ids=NAMES).export(tmp_path / "ours.json", "label-studio")
    words = ["select", "x.npy", "-n", "10", "-m", "coreset", "--ids", "ids.txt", "--format", "label-studio", "--quiet"]
    done = subprocess.run([sys.executable, "-m", "subsel", *words], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "picks.json").read_text()) == json.loads((tmp_path / "ours.json").read_text())


def test_what_a_tool_cannot_take_is_refused(X: Any, tmp_path: Path) -> None:
    picks = subsel.select(X, 3, "norm")
    for format, options, rule in [
        ("labelstudio", {}, "label-studio"),
        ("cvat", {}, "id"),
        ("coco", {"ids": NAMES}, "coco="),
        ("list", {"prefix": "x"}, "data_prefix="),
    ]:
        suffix = {"cvat": "jsonl", "list": "txt"}.get(format, "json")
        with pytest.raises(ValueError, match=rule):
            picks.export(tmp_path / f"out.{suffix}", format, **options)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())
