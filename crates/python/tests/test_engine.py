"""Threads, processes, interruption, progress."""

from __future__ import annotations

import _thread
import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import subsel
from subsel import _native, _progress

warnings.simplefilter("ignore", subsel.SubselWarning)


#: Enough rows that a selection takes a while.
LARGE = np.random.default_rng(0).normal(size=(60_000, 128)).astype(np.float32)


def picks(X: Any, seed: int) -> list[int]:
    return list(subsel.select(X, 20, "gram-schmidt", seed=seed))


def test_threads_select_at_once(digits: tuple[Any, Any]) -> None:
    X = digits[0]
    expected = [picks(X, seed) for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            assert list(pool.map(lambda seed: picks(X, seed), range(8))) == expected


def test_the_interpreter_goes_on_meanwhile() -> None:
    counted, done = [0], threading.Event()

    def count() -> None:
        while not done.is_set():
            counted[0] += 1
            time.sleep(0.001)

    counter = threading.Thread(target=count)
    counter.start()
    subsel.select(LARGE, 4000, "k-center")
    done.set()
    counter.join()
    assert counted[0] > 10


def _in_child(X: Any, sender: Any) -> None:
    sender.send([picks(X, seed) for seed in range(3)])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forked processes are tested, and this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_processes_select(digits: tuple[Any, Any]) -> None:
    X = digits[0]
    expected = [picks(X, seed) for seed in range(3)]
    context = multiprocessing.get_context("fork")
    for _ in range(2):
        receiver, sender = context.Pipe(duplex=False)
        child = context.Process(target=_in_child, args=(X, sender))
        child.start()
        assert receiver.poll(60), "the child hangs"
        assert receiver.recv() == expected
        child.join()


def interrupted_after(seconds: float, work: Any) -> tuple[BaseException, float]:
    """What Ctrl-C raises, and how long it took to."""
    pressed: list[float] = []
    # A process that a shell put into the background ignores it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def press() -> None:
        pressed.append(time.monotonic())
        _thread.interrupt_main() if sys.platform == "win32" else os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(seconds, press)
    timer.start()
    try:
        work()
    except KeyboardInterrupt as interrupt:
        return interrupt, time.monotonic() - pressed[0]
    finally:
        timer.cancel()
    raise AssertionError("the work ended before it was interrupted")


def test_an_interrupted_nested_method_hands_over_its_picks() -> None:
    interrupt, took = interrupted_after(0.7, lambda: subsel.select(LARGE, 30_000, "k-center"))
    # 100 ms are promised, and seen in docs/python.md; here it must only come back long before the work is done.
    assert took < 5
    assert isinstance(interrupt, subsel.Interrupted)
    prefix = interrupt.selection
    assert 0 < len(prefix) < 30_000 and not prefix.complete
    few = min(len(prefix), 50)
    assert list(subsel.select(LARGE, few, "k-center")) == prefix[:few].tolist()


def test_an_interrupted_method_without_valid_parts_raises() -> None:
    interrupt, took = interrupted_after(0.5, lambda: subsel.select(LARGE, 10_000, "k-means-centers"))
    assert took < 5
    assert not isinstance(interrupt, subsel.Interrupted)
    # Nothing is left in a bad state.
    assert len(subsel.select(LARGE, 5, "random")) == 5


def test_progress_is_told() -> None:
    told: list[tuple[str, int, int]] = []
    _native.call("select", ["-n=8000", "--method=k-center"], (LARGE, False), None, None, lambda *at: told.append(at))
    assert told and all(0 <= at <= of for _, at, of in told)
    last = [at for stage, at, _ in told if stage == told[-1][0]]
    assert last == sorted(last)


def test_what_progress_raises_stops_the_run() -> None:
    def stop(*_: Any) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        _native.call("select", ["-n=30000", "--method=k-means-centers"], (LARGE, False), None, None, stop)
    # Also where there are picks that an interruption would hand over.
    with pytest.raises(RuntimeError, match="enough"):
        _native.call("select", ["-n=30000", "--method=k-center"], (LARGE, False), None, None, stop)


def test_a_bar_is_shown_where_somebody_looks(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    assert _progress.bar(False) is None and _progress.bar(None) is None
    monkeypatch.setattr(_progress, "PATIENCE", 0.0)
    subsel.select(LARGE, 8000, "k-center", progress=True)
    assert "%" in capsys.readouterr().err


def test_commands_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ValueError, match="`nothing`"):
        _native.call("nothing", [])
    with pytest.raises(KeyError, match="lables"):
        _native.call("select", ["-n=2"], (LARGE, False), {"lables": [1]})
