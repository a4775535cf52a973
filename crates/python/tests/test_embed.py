"""Embeddings by functions: order, streaming, the cache and what is refused. Named models are in `integrations`."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import subsel
from subsel import _embed
from subsel._embed import _cache, _items, embed

WORDS = [f"word {at}" for at in range(50)]


class Net:
    """Turns text or arrays into rows, and counts."""

    def __init__(self, d: int = 3) -> None:
        self.d = d
        self.batches: list[int] = []

    def __call__(self, items: list[Any]) -> Any:
        self.batches.append(len(items))
        return np.stack(
            [np.random.default_rng(list(str(item).encode("utf-8", "replace"))).random(self.d) for item in items]
        )

    @property
    def seen(self) -> int:
        return sum(self.batches)


@pytest.mark.parametrize("batch_size", [1, 7, 50, 64])
def test_rows_are_in_order_for_any_batch_size(batch_size: int) -> None:
    net = Net()
    rows = embed(WORDS, net, batch_size=batch_size)
    assert rows.dtype == np.float32 and rows.shape == (50, 3) and rows.flags.c_contiguous and rows.flags.owndata
    assert np.array_equal(rows, Net()(WORDS).astype(np.float32))
    assert max(net.batches) <= batch_size and net.seen == 50


def test_a_selection_reads_them() -> None:
    assert len(subsel.select(embed(WORDS, Net()), 5)) == 5


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_the_type_is_the_one_asked_for(dtype: Any) -> None:
    rows = embed(WORDS, Net(), dtype=dtype)
    assert rows.dtype == dtype
    assert np.array_equal(rows, embed(WORDS, Net()).astype(dtype))


@pytest.mark.parametrize(
    "items", [tuple(WORDS), np.array(WORDS), (word for word in WORDS), dict.fromkeys(WORDS).keys(), map(str, WORDS)]
)
def test_items_may_come_from_anything(items: Any) -> None:
    assert np.array_equal(embed(items, Net(), batch_size=8), embed(WORDS, Net()))


@pytest.mark.parametrize("claimed", [0, 3, 400])
def test_a_length_that_is_not_kept_does_no_harm(claimed: int) -> None:
    class Items:
        def __len__(self) -> int:
            return claimed

        def __iter__(self) -> Iterator[str]:
            return iter(WORDS)

    rows = embed(Items(), Net(), batch_size=4)
    assert np.array_equal(rows, embed(WORDS, Net())) and rows.nbytes == 600


def test_only_a_batch_of_items_is_alive() -> None:
    alive: weakref.WeakSet[Any] = weakref.WeakSet()
    most = 0

    class Image:
        def __str__(self) -> str:
            return "x"

    def images() -> Iterator[Image]:
        nonlocal most
        for _ in range(200):
            image = Image()
            alive.add(image)
            most = max(most, len(alive))
            yield image

    assert embed(images(), Net(), batch_size=10).shape == (200, 3)
    # The batch before, that of the next item, and the one in hand.
    assert most <= 22


def test_memory_is_that_of_the_result() -> None:
    script = """
        import resource
        import numpy as np
        from subsel._embed import embed

        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

        block = np.ones((500, 512), np.float32)
        embed(range(500), lambda items: block[: len(items)], batch_size=500)
        before = peak()
        rows = embed(iter(range(120_000)), lambda items: block[: len(items)], batch_size=500)
        assert rows.nbytes == 120_000 * 2048
        print((peak() - before) / rows.nbytes)
    """
    found = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True)
    # Of unknown length the array grows by halves.
    assert float(found.stdout) < 1.6


def test_outputs_may_be_lists_and_whole_numbers() -> None:
    assert embed(WORDS, lambda items: [[len(item), 1] for item in items]).tolist()[0] == [6.0, 1.0]
    assert embed(WORDS, lambda items: [np.ones(4)] * len(items)).shape == (50, 4)


def test_nothing_but_rows_is_taken_of_a_model() -> None:
    wrong: list[tuple[Any, str]] = [
        (lambda items: np.ones(len(items)), r"float64 \(8,\) for the 8 from item 0"),
        (lambda items: np.ones((len(items) + 1, 2)), r"\(9, 2\)"),
        (lambda items: np.ones((len(items), 0)), r"\(8, 0\)"),
        (lambda items: np.array([["x"]] * len(items)), "numbers"),
        (lambda items: [[1], [1, 2]] * 4, "rows of one length"),
        (lambda items: None, "numbers"),
    ]
    for model, message in wrong:
        with pytest.raises(ValueError, match=message):
            embed(WORDS, model, batch_size=8)
    with pytest.raises(ValueError, match="2 values from item 48 on, and gave 8 before"):
        embed(WORDS, lambda items: np.ones((len(items), len(items))), batch_size=8)


def test_an_error_of_the_model_says_where() -> None:
    def model(items: list[Any]) -> Any:
        if "word 20" in items:
            raise RuntimeError("out of memory")
        return np.ones((len(items), 2))

    with pytest.raises(RuntimeError, match="out of memory") as error:
        embed(WORDS, model, batch_size=8)
    if sys.version_info >= (3, 11):
        assert error.value.__notes__ == ["in item 16 to item 23"]


def test_rows_that_are_not_finite_are_warned_of() -> None:
    def model(items: list[Any]) -> Any:
        rows = np.ones((len(items), 2))
        rows[[item in ("word 11", "word 30") for item in items], 1] = np.nan
        return rows

    with pytest.warns(subsel.SubselWarning, match="2 of 50 rows .* the first is that of item 11$") as caught:
        rows = embed(WORDS, model, batch_size=8)
    assert caught[0].filename == __file__
    assert np.flatnonzero(np.isnan(rows).any(axis=1)).tolist() == [11, 30]
    with pytest.warns(subsel.SubselWarning, match="float32 holds larger values"):
        embed(["x"], lambda items: [[1e5]], dtype="float16")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"items": "text"}, "several images or texts, .* got str"),
        ({"items": b"png"}, "got bytes"),
        ({"items": Path("a.png")}, "Path"),
        ({"items": {"a": 1}}, "got dict"),
        ({"items": []}, "there are no items"),
        ({"items": iter(())}, "there are no items"),
        ({"batch_size": 0}, "batch_size must be a count from 1, got 0"),
        ({"batch_size": 2.5}, "got 2.5"),
        ({"batch_size": True}, "got True"),
        ({"dtype": "float64"}, "dtype must be"),
        ({"device": "cpu"}, "device is for models with a name"),
        ({"cache": True}, "cache_key"),
        ({"cache": "somewhere"}, "cache_key"),
        ({"cache": True, "cache_key": ""}, "cache_key"),
        ({"model": "timm:x", "cache_key": "x"}, "cache_key is for functions"),
        ({"model": "resnet50"}, "model must be 'timm:NAME'"),
        ({"model": "timm:"}, "model must be"),
        ({"model": 3}, "got 3"),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        embed(**{"items": WORDS, "model": Net(), **given})
    assert not Path("somewhere").exists()


@pytest.mark.parametrize("model", ["timm:x", "hf:x", "st:x"])
def test_a_missing_package_is_named(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("timm", "transformers", "sentence_transformers", "torch"):
        monkeypatch.setitem(sys.modules, package, None)
        for name in [name for name in sys.modules if name.startswith(f"{package}.")]:
            monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match="is missing: `pip install "):
        embed(WORDS, model)


def test_the_cache_gives_the_same_rows_without_the_model(tmp_path: Path) -> None:
    first = embed(WORDS, Net(), cache=tmp_path, cache_key="a", batch_size=8)
    assert np.array_equal(first, embed(WORDS, Net()))
    # Other items among them, another order, repetitions and batches.
    items = ["new", *WORDS[::-1], "word 3", "word 3"]
    net = Net()
    again = embed(items, net, cache=tmp_path, cache_key="a", batch_size=5)
    assert net.seen == 1
    assert np.array_equal(again, embed(items, Net()))
    half = embed(WORDS, Net(), cache=tmp_path, cache_key="a", dtype="float16")
    assert np.array_equal(half, first.astype(np.float16))


def test_another_key_is_another_cache(tmp_path: Path) -> None:
    embed(WORDS, Net(), cache=tmp_path, cache_key="a")
    net = Net(5)
    assert embed(WORDS, net, cache=tmp_path, cache_key="b").shape == (50, 5) and net.seen == 50
    with pytest.raises(ValueError, match=r"rows of \[3, 5\] values go by one cache_key"):
        embed([*WORDS, "new"], Net(5), cache=tmp_path, cache_key="a")


def test_without_a_cache_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    embed(WORDS, Net())
    embed(WORDS, Net(), cache=False, cache_key="a")
    assert list(tmp_path.iterdir()) == []


def test_true_is_the_place_of_the_platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    embed(WORDS, Net(), cache=True, cache_key="a")
    assert len(list((tmp_path / "xdg" / "subsel").rglob("*.rows"))) == 1
    if os.name == "posix":
        monkeypatch.setenv("XDG_CACHE_HOME", "relative")
        embed(WORDS, Net(), cache=True, cache_key="a")
        assert len(list((tmp_path / "home" / ".cache" / "subsel").rglob("*.rows"))) == 1


def test_content_decides(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    file, other = tmp_path / "a.png", tmp_path / "b.png"
    file.write_bytes(b"one")
    other.write_bytes(b"one")

    def seen(item: Any) -> int:
        net = Net()
        embed([item], net, cache=cache, cache_key="a")
        return net.seen

    assert [seen(file), seen(file), seen(other), seen(b"one"), seen({"bytes": b"one", "path": "x"})] == [1, 0, 0, 0, 0]
    assert [seen({"bytes": None, "path": str(file)}), seen(str(file)), seen(str(file))] == [0, 1, 0]
    file.write_bytes(b"two")
    # A function may open what text names.
    assert [seen(file), seen(str(file)), seen(other)] == [1, 1, 0]
    array = np.arange(6)
    assert [seen(array), seen(array.copy()), seen(array.reshape(2, 3)), seen(array.astype(np.int32))] == [1, 0, 1, 1]
    assert [seen(array[::2]), seen(np.array([0, 2, 4]))] == [1, 0]
    assert [seen("one"), seen("on"), seen("e"), seen(""), seen("\0"), seen("\ud800")] == [1] * 6
    with pytest.raises(ValueError, match="item 0: a cache needs text, .* got set"):
        seen({1})
    with pytest.raises(ValueError, match="item 0: a cache needs .* got ndarray"):
        seen(np.array([object()]))
    with pytest.raises(FileNotFoundError, match=r"item 0 \(`.*gone.png`\) cannot be read: No such file"):
        seen(tmp_path / "gone.png")


def test_images_are_known_by_their_pixels(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
    other = image.fromarray(np.arange(48, dtype=np.uint8)[::-1].reshape(4, 4, 3))
    palette = pixels.convert("P", palette=image.Palette.ADAPTIVE)
    repainted = palette.copy()
    repainted.putpalette(list(reversed(palette.getpalette())))
    net = Net()
    embed(
        [pixels, pixels.copy(), other, palette, palette.copy(), repainted],
        net,
        cache=tmp_path,
        cache_key="a",
        batch_size=1,
    )
    # Rows of the same run are found once they are written.
    embed([pixels.copy(), other.copy(), palette, repainted], net, cache=tmp_path, cache_key="a")
    assert net.seen == 6
    assert len({_items._Item(0, each).digest() for each in (pixels, other, palette, repainted)}) == 4


def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    class Stopped(Net):
        def __call__(self, items: list[Any]) -> Any:
            if self.seen == 32:
                raise KeyboardInterrupt
            return super().__call__(items)

    with pytest.raises(KeyboardInterrupt):
        embed(WORDS, Stopped(), cache=tmp_path, cache_key="a", batch_size=8)
    net = Net()
    rows = embed(iter(WORDS), net, cache=tmp_path, cache_key="a", batch_size=8)
    assert net.seen == 50 - 32
    assert np.array_equal(rows, embed(WORDS, Net()))


def test_a_run_that_was_killed_leaves_what_it_wrote(tmp_path: Path) -> None:
    script = f"""
        import os, signal
        import numpy as np
        from subsel._embed import _cache, embed

        _cache.SEGMENT_ROWS = 16
        done = 0

        def model(items):
            global done
            done += len(items)
            if done > 40:
                os.kill(os.getpid(), signal.SIGKILL)
            return np.ones((len(items), 3))

        embed([f"word {{at}}" for at in range(50)], model, cache={str(tmp_path)!r}, cache_key="a", batch_size=8)
    """
    assert subprocess.run([sys.executable, "-c", textwrap.dedent(script)]).returncode != 0
    net = Net()
    embed(WORDS, net, cache=tmp_path, cache_key="a")
    assert net.seen == 50 - 32


@pytest.mark.parametrize("keep", [0, 1, 60, 100, 200, 700, -1])
def test_a_file_that_was_cut_is_as_good_as_none(tmp_path: Path, keep: int) -> None:
    first = embed(WORDS, Net(), cache=tmp_path, cache_key="a")
    (file,) = tmp_path.rglob("*.rows")
    file.write_bytes(file.read_bytes()[:keep])
    net = Net()
    assert np.array_equal(embed(WORDS, net, cache=tmp_path, cache_key="a"), first)
    assert net.seen == 50
    assert embed(WORDS, net, cache=tmp_path, cache_key="a") is not None and net.seen == 50


def test_many_files_are_found_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_cache, "SEGMENT_ROWS", 2)
    monkeypatch.setattr(_cache, "OPEN_SEGMENTS", 3)
    items = [f"item {at}" for at in range(500)]
    first = embed(items, Net(), cache=tmp_path, cache_key="a", batch_size=2)
    assert len(list(tmp_path.rglob("*.rows"))) == 250 and not list(tmp_path.rglob("*.part"))
    order = np.random.default_rng(0).permutation(500)
    net = Net()
    again = embed([items[at] for at in order], net, cache=tmp_path, cache_key="a")
    assert net.seen == 0 and np.array_equal(again, first[order])


def test_runs_may_share_a_cache(tmp_path: Path) -> None:
    script = f"""
        import numpy as np
        from subsel._embed import _cache, embed

        _cache.SEGMENT_ROWS = 4
        texts = [f"word {{at}}" for at in range(400)]
        model = lambda items: np.array([[float(text.split()[1])] for text in items])
        rows = embed(texts, model, cache={str(tmp_path)!r}, cache_key="a", batch_size=2)
        assert rows[:, 0].tolist() == list(range(400))
    """
    runs = [subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)]) for _ in range(3)]
    assert [run.wait(120) for run in runs] == [0, 0, 0]
    net = Net(1)
    assert embed([f"word {at}" for at in range(400)], net, cache=tmp_path, cache_key="a")[:, 0].tolist() == list(
        range(400)
    )
    assert net.seen == 0


def test_progress_is_shown_with_and_without_a_length(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tqdm")
    monkeypatch.setattr(_embed, "PATIENCE", 0)
    embed(WORDS, Net(), batch_size=1, progress=True)
    assert "50" in capsys.readouterr().err
    embed(iter(WORDS), Net(), batch_size=1, progress=True)
    assert "embed: " in capsys.readouterr().err
    embed(WORDS, Net(), progress=False)
    assert capsys.readouterr().err == ""
