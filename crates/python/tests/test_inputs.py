"""What X may be, and that it is not copied."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import subsel
from subsel import _native

warnings.simplefilter("ignore", subsel.SubselWarning)


def picks(X: Any, **known: Any) -> list[int]:
    return list(subsel.select(X, 12, "gram-schmidt", **known))


@pytest.fixture(scope="module")
def X() -> Any:
    # Halves are exact in every type below.
    return (np.random.default_rng(1).integers(-60, 60, (300, 16)) / 2).astype(np.float32)


def test_any_layout_is_read_right(X: Any) -> None:
    expected = picks(X)
    wide = np.zeros((300, 40), np.float32)
    wide[:, 3:35:2] = X
    deep = np.zeros((600, 16), np.float32)
    deep[::2] = X
    unaligned = np.frombuffer(b"\0" + X.tobytes(), dtype=np.uint8)[1:].view(np.float32).reshape(X.shape)
    assert not unaligned.flags.aligned
    layouts = {
        "fortran": np.asfortranarray(X),
        "columns": wide[:, 3:35:2],
        "every other row": deep[::2],
        "backwards": X[::-1].copy()[::-1],
        "both": np.asfortranarray(wide)[:, 3:35:2],
        "transposed": np.ascontiguousarray(X.T).T,
        "unaligned": unaligned,
        "read only": np.frombuffer(X.tobytes(), np.float32).reshape(X.shape),
    }
    for name, layout in layouts.items():
        assert np.array_equal(layout, X), name
        assert picks(layout) == expected, name
    # `x.T` is another pool, of 16 rows, and is never read as if it lay the other way round.
    transposed = subsel.select(X.T, 5, "k-center")
    assert transposed.manifest["n"] == 16 and transposed.manifest["d"] == 300
    assert transposed.manifest["fingerprint"] == subsel.select(X.T.copy(), 5, "k-center").manifest["fingerprint"]
    assert transposed == subsel.select(X.T.copy(), 5, "k-center")


def test_any_type_of_number_is_read_right(X: Any) -> None:
    expected = picks(X)
    for dtype in ("float16", "float64", ">f4", "longdouble"):
        assert picks(X.astype(dtype)) == expected, dtype
    whole = np.round(X * 2)
    expected = picks(whole)
    for dtype in ("int8", "int16", "int32", "int64", ">i4"):
        assert picks(whole.astype(dtype)) == expected, dtype
    positive = whole - whole.min()
    for dtype in ("uint8", "uint16", "uint32", "uint64"):
        assert picks(positive.astype(dtype)) == picks(positive), dtype
    bits = X > 0
    assert picks(bits) == picks(bits.astype(np.float32))
    assert picks(X.tolist()) == picks(X)


def test_bfloat16_is_read_as_it_lies(X: Any) -> None:
    """numpy has no such type: it is the upper half of a float32, which halves do not go beyond."""
    bits = (X.view(np.uint32) >> 16).astype(np.uint16)
    for laid_out in (bits, np.asfortranarray(bits)):
        answer = _native.call("select", ["-n=12", "--method=gram-schmidt"], (laid_out, True))
        found = np.frombuffer(answer["table"].column("row")[1], dtype=np.uint64)
        assert found.tolist() == picks(X)


def test_rows_that_need_not_be_kept_give_the_same_clusters(X: Any) -> None:
    """float32 in memory is read where it lies by what keeps a copy of all else."""
    expected = subsel.select(X, 12, "k-means-centers")
    assert expected == subsel.select(np.asfortranarray(X), 12, "k-means-centers")
    assert expected == subsel.select(X.astype(np.float16), 12, "k-means-centers")


def test_doubles_beyond_f32_are_refused(X: Any) -> None:
    far = X.astype(np.float64)
    far[7, 3] = 1e300
    with pytest.raises(ValueError, match="row 7, column 3"):
        picks(far)
    far[7, 3] = np.inf
    with pytest.raises(ValueError, match="row 7, column 3"):
        picks(far)


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        (np.zeros(5, np.float32), r"two axes \(n, d\), got shape \[5\]"),
        (np.zeros((2, 3, 4), np.float32), "got shape"),
        (np.zeros((3, 0), np.float32), "minimum of 1"),
        (np.zeros((3, 2), complex), "complex"),
        (np.array([["a", "b"]]), "dtype"),
        ([[1.0], [1.0, 2.0]], "."),
        (np.zeros((3, 2), dtype="datetime64[s]"), "dtype"),
    ],
)
def test_what_is_no_matrix_is_refused(bad: Any, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        subsel.select(bad, 1)


def test_empty_pools_are_refused() -> None:
    with pytest.raises(ValueError, match="no rows"):
        subsel.select(np.zeros((0, 4), np.float32), 1)


def test_objects_with_the_protocols_are_read(X: Any) -> None:
    expected = picks(X)

    class WithArray:
        def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
            return X if dtype is None else X.astype(dtype)

    class WithDlpack:
        def __dlpack__(self, **options: Any) -> Any:
            return X.__dlpack__()

        def __dlpack_device__(self) -> Any:
            return X.__dlpack_device__()

    assert picks(WithArray()) == expected
    assert picks(WithDlpack()) == expected
    assert picks(memoryview(X)) == expected


def test_tables_are_read(X: Any) -> None:
    pa, pl, pd = (pytest.importorskip(name) for name in ("pyarrow", "polars", "pandas"))
    expected = picks(X)
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), 16)
    table = pa.table({"id": [f"r{i}" for i in range(300)], "embedding": fixed})
    chunked = pa.concat_tables([table[:100], table[100:]])
    for each in (fixed, pa.chunked_array([fixed[:7], fixed[7:]])):
        assert picks(each) == expected
    for each in (table, chunked, table.to_batches()[0]):
        assert picks(each, column="embedding") == expected
        assert picks(each) == expected
    named = subsel.select(chunked, 12, "gram-schmidt", column="embedding", id_column="id")
    assert named.ids == [f"r{row}" for row in named]
    assert picks(pa.array(X.astype(np.float64).tolist())) == expected
    for frame in (pl.from_arrow(table), pl.from_arrow(chunked)):
        assert picks(frame, column="embedding") == expected
        assert picks(frame["embedding"]) == expected
    assert picks(pl.DataFrame(X)) == expected
    assert picks(pd.DataFrame(X)) == expected
    lists = pd.DataFrame({"name": range(300), "embedding": list(X)})
    assert picks(lists, column="embedding") == expected
    assert picks(lists["embedding"]) == expected
    for bad, rule in [
        (pa.table({"a": [1, 2]}), "no column holds lists"),
        (pa.table({"a": [[1.0], [2.0, 3.0]]}), "row 1"),
        (pa.table({"a": [[1.0], None]}), "row 1"),
        (pa.table({"a": [[1.0], [2.0]], "b": [[1.0], [2.0]]}), "`a`, `b`"),
    ]:
        with pytest.raises(ValueError, match=rule):
            subsel.select(bad, 1)
    with pytest.raises(ValueError, match="nope"):
        subsel.select(table, 1, column="nope")


@pytest.mark.parametrize("kind", ["float32", "float16", "memmap", "arrow"])
def test_large_pools_are_not_copied(kind: str, tmp_path: Path) -> None:
    """Peak memory of a process that selects from 400 MB grows by far less than that."""
    if kind == "arrow":
        pytest.importorskip("pyarrow")
    code = f"""
        import numpy as np
        import subsel

        kind = {kind!r}
        rows, dim = 200_000, 512 if kind != "float16" else 1024
        if kind == "memmap":
            X = np.lib.format.open_memmap({str(tmp_path / "x.npy")!r}, "w+", np.float32, (rows, dim))
            X[:] = 1
            X.flush()
            X = np.load({str(tmp_path / "x.npy")!r}, mmap_mode="r")
        else:
            X = np.ones((rows, dim), dtype="float16" if kind == "float16" else "float32")
        if kind == "arrow":
            import pyarrow as pa
            X = pa.FixedSizeListArray.from_arrays(pa.array(X.reshape(-1)), dim)
        subsel.select(np.ones((10, 4), np.float32), 2, "random")

        def anonymous():
            with open("/proc/self/status") as status:
                return next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))

        import threading
        most, done = anonymous(), threading.Event()
        before = most
        def watch():
            global most
            while not done.wait(0.002):
                most = max(most, anonymous())
        watcher = threading.Thread(target=watch)
        watcher.start()
        subsel.select(X, 100, "random")
        subsel.select(X, 100, "norm")
        if kind == "float32":
            # k-means keeps rows that it would have to convert again, and these it need not.
            subsel.select(X[:100_000], 20, "k-means-centers:iterations=2")
        done.set()
        watcher.join()
        print((most - before) / 1024)
    """
    if not Path("/proc/self/status").exists():
        pytest.skip("needs /proc")
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 100, f"{done.stdout} MiB more"


def test_the_owner_lives_as_long_as_it_is_read() -> None:
    count = sys.getrefcount(X := np.ones((50, 4), np.float32))
    for _ in range(20):
        _native.call("select", ["-n=3", "--method=random"], (X, False))
    assert sys.getrefcount(X) == count
