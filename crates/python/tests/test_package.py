"""What is generated is what the engine says, and types are right."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import subsel

HERE = Path(__file__).parent


def test_classes_are_those_of_the_engine() -> None:
    spec = importlib.util.spec_from_file_location("generate", HERE.parent / "generate.py")
    assert spec is not None and spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    written = Path(subsel.__file__).with_name("_methods.py").read_text(encoding="utf-8")
    assert written == generate.source(), "run `python crates/python/generate.py`"


def test_everything_public_has_documentation() -> None:
    for name in subsel.__all__:
        public = getattr(subsel, name)
        assert public.__doc__, name
        if isinstance(public, type):
            for attribute, value in vars(public).items():
                if callable(value) and not attribute.startswith("_"):
                    assert value.__doc__, f"{name}.{attribute}"


def check(*words: str) -> None:
    done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, check=False, cwd=HERE.parents[2])
    assert done.returncode == 0, done.stdout + done.stderr


def test_types_are_right() -> None:
    pytest.importorskip("mypy")
    check("mypy", "--strict", str(HERE / "typed.py"))
    check("mypy", "--strict", "-p", "subsel")


def test_types_are_right_for_pyright() -> None:
    pytest.importorskip("pyright")
    check("pyright", "--pythonpath", sys.executable, str(HERE / "typed.py"))


def test_what_is_checked_for_types_also_runs() -> None:
    subprocess.run([sys.executable, "-W", "ignore", str(HERE / "typed.py")], check=True)
