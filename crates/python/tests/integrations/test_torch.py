"""Tensors, subsets and samplers of PyTorch, and selections in the workers of a DataLoader."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
from collections import Counter
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import subsel  # noqa: E402
from subsel import _inputs  # noqa: E402
from subsel.torch import SelectionSampler, subset  # noqa: E402

warnings.simplefilter("ignore", subsel.SubselWarning)

METHODS = ["k-center", "gram-schmidt", "k-means-centers", "typiclust"]
FORK = pytest.mark.skipif(sys.platform == "win32", reason="forked workers are tested, and Windows has no fork")


@pytest.fixture(scope="module")
def X() -> Any:
    # Halves up to 64 are exact in all types below.
    return (np.random.default_rng(0).integers(-120, 120, (300, 16)) / 2).astype(np.float32)


@pytest.mark.parametrize("method", METHODS)
def test_picks_of_a_tensor_are_those_of_numpy(X: Any, method: str) -> None:
    expected = subsel.select(X, 12, method)
    whole = torch.from_numpy(X)
    wide = torch.zeros(300, 40)
    wide[:, 3:35:2] = whole
    for tensor in (
        whole,
        whole.clone().requires_grad_(),
        whole.clone().requires_grad_() * 1.0,
        torch.nn.Parameter(whole.clone()),
        torch.nn.Embedding.from_pretrained(whole, freeze=False).weight,
        whole.T.contiguous().T,
        wide[:, 3:35:2],
        whole.bfloat16(),
        whole.bfloat16().requires_grad_(),
        whole.bfloat16().T.contiguous().T,
        whole.half(),
        whole.double(),
        whole.bfloat16().double(),
    ):
        picks = subsel.select(tensor, 12, method)
        assert picks == expected, (tensor.dtype, tensor.stride())
    assert subsel.select((whole * 2).int(), 12, method) == subsel.select((whole * 2).to(torch.int8).float(), 12, method)


def test_a_tensor_is_not_copied(X: Any) -> None:
    for tensor in (torch.from_numpy(X), torch.from_numpy(X.copy()).requires_grad_(), torch.from_numpy(X).half()):
        values, is_bfloat16 = _inputs.array(tensor, "X")
        assert values.ctypes.data == tensor.data_ptr() and not is_bfloat16
    tensor = torch.from_numpy(X).bfloat16()
    values, is_bfloat16 = _inputs.array(tensor, "X")
    assert values.ctypes.data == tensor.data_ptr() and is_bfloat16


def test_memory_of_a_selection_is_not_that_of_a_copy() -> None:
    script = """if True:
        import resource
        import torch
        import subsel

        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

        subsel.select(torch.rand(2000, 256), 5, "norm")
        pool = torch.rand(400_000, 256)
        before = peak()
        subsel.select(pool, 5, "norm", progress=False)
        print((peak() - before) / (400_000 * 1024))
    """
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert float(found.stdout) < 0.5


def test_what_is_known_may_be_tensors(X: Any) -> None:
    y = np.arange(300) % 4
    logits = np.random.default_rng(1).normal(size=(300, 4)).astype(np.float32)
    costs = np.linspace(1, 2, 300)
    numpy: dict[str, Any] = {"labels": y, "labeled": np.arange(5), "logits": logits, "costs": costs, "cost_budget": 30}
    tensors: dict[str, Any] = {
        name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value for name, value in numpy.items()
    }
    tensors["logits"].requires_grad_()
    for method in ("u-herding", "k-center"):
        assert subsel.select(torch.from_numpy(X), 20, method, **tensors) == subsel.select(X, 20, method, **numpy)
    mask = torch.zeros(300, dtype=torch.bool)
    mask[:5] = True
    assert subsel.select(X, 5, "k-center", labeled=mask) == subsel.select(X, 5, "k-center", labeled=np.arange(5))


def test_tensors_that_are_no_rows_are_refused(X: Any) -> None:
    with pytest.raises(ValueError, match=r"X\.to_dense\(\)"):
        subsel.select(torch.from_numpy(X).to_sparse(), 5)
    with pytest.raises(ValueError):
        subsel.select(torch.from_numpy(X)[0], 5)
    with pytest.raises(NotImplementedError, match="meta tensor"):
        subsel.select(torch.from_numpy(X).to("meta"), 5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="copies to and from a GPU, and torch sees no CUDA device here")
def test_tensors_of_a_gpu_are_read(X: Any) -> None:
    tensor = torch.from_numpy(X).cuda()
    assert subsel.select(tensor, 20, "k-center") == subsel.select(X, 20, "k-center")
    assert subsel.select(tensor.bfloat16().requires_grad_(), 20, "k-center") == subsel.select(X, 20, "k-center")


def dataset(X: Any) -> Any:
    return torch.utils.data.TensorDataset(torch.from_numpy(X), torch.arange(len(X)))


def test_a_subset_has_the_picks_in_rank_order(X: Any) -> None:
    picks = subsel.select(X, 12, "k-center")
    part = subset(dataset(X), picks)
    assert isinstance(part, torch.utils.data.Subset)
    assert part.indices == list(picks) and all(type(row) is int for row in part.indices)
    assert [int(row) for _, row in part] == list(picks)
    for rows in (picks.indices, list(picks), torch.tensor(list(picks)), picks[:]):
        assert subset(dataset(X), rows).indices == list(picks)
    assert subset(dataset(X), picks.mask()).indices == sorted(picks)
    assert len(subset(dataset(X), [])) == 0


def test_rows_that_are_not_of_the_data_set_are_refused(X: Any) -> None:
    with pytest.raises(ValueError, match="row 300 is picked, and the data set has 300 rows"):
        subset(dataset(X), [3, 300])
    with pytest.raises(ValueError, match="row numbers from 0, got -1"):
        subset(dataset(X), [3, -1])
    with pytest.raises(ValueError, match="row numbers, got 'a'"):
        SelectionSampler(["a", "b"])
    with pytest.raises(ValueError, match="row numbers, got 0.5"):
        SelectionSampler([0.5])


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=FORK)])
def test_a_sampler_goes_through_the_picks(X: Any, workers: int) -> None:
    picks = subsel.select(X, 25, "k-center")
    sampler = SelectionSampler(picks)
    assert isinstance(sampler, torch.utils.data.Sampler) and len(sampler) == 25

    def rows(sampler: Any) -> list[int]:
        loader = torch.utils.data.DataLoader(
            dataset(X),
            batch_size=4,
            sampler=sampler,
            num_workers=workers,
            multiprocessing_context="fork" if workers else None,
            timeout=60 if workers else 0,
        )
        assert len(loader) == 7
        return [int(row) for _, batch in loader for row in batch]

    assert rows(sampler) == list(picks)
    shuffled = SelectionSampler(picks, shuffle=True)
    assert rows(shuffled) != list(picks) and sorted(rows(shuffled)) == sorted(picks)


def test_an_order_depends_on_seed_and_epoch_only() -> None:
    def orders(seed: int) -> list[list[int]]:
        sampler = SelectionSampler(range(100), shuffle=True, seed=seed)
        found = []
        for epoch in range(4):
            sampler.set_epoch(epoch)
            found.append(list(sampler))
            torch.rand(3)
            np.random.rand(3)
            assert list(sampler) == found[-1]
        sampler.set_epoch(1)
        assert list(sampler) == found[1]
        return found

    assert orders(0) == orders(0)
    assert len({tuple(order) for seed in range(4) for order in orders(seed)}) == 16
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    list(SelectionSampler(range(10), shuffle=True))
    assert torch.equal(before, torch.random.get_rng_state())


def test_every_order_is_as_likely() -> None:
    sampler = SelectionSampler(range(3), shuffle=True)
    found: Counter[tuple[int, ...]] = Counter()
    for epoch in range(6000):
        sampler.set_epoch(epoch)
        found[tuple(sampler)] += 1
    # Six orders, 1,000 each: the chance of any beyond 5 sigma is below 1e-5, and the seed is fixed.
    assert len(found) == 6 and all(abs(count - 1000) < 145 for count in found.values())


class Selecting(torch.utils.data.Dataset):  # type: ignore[misc, name-defined]
    """Each item is a selection of its own, made in a worker."""

    def __init__(self, X: Any, method: str) -> None:
        self.X = X
        self.method = method

    def __len__(self) -> int:
        return 8

    def __getitem__(self, seed: int) -> Any:
        return subsel.select(self.X, 10, self.method, seed=seed).indices.tolist()


@FORK
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("as_tensor", [False, True])
def test_workers_that_were_forked_select(X: Any, method: str, as_tensor: bool) -> None:
    pool = torch.from_numpy(X) if as_tensor else X
    # The engine has threads before it is forked, and the parent goes on to select while its workers do.
    expected = [subsel.select(X, 10, method, seed=seed, threads=2).indices.tolist() for seed in range(8)]
    loader = torch.utils.data.DataLoader(
        Selecting(pool, method), num_workers=2, batch_size=None, multiprocessing_context="fork", timeout=60
    )
    found = []
    for seed, rows in enumerate(loader):
        found.append(rows)
        assert subsel.select(X, 10, method, seed=seed).indices.tolist() == expected[seed]
    assert found == expected


def test_a_sampler_is_pickled(X: Any) -> None:
    sampler = pickle.loads(pickle.dumps(SelectionSampler(subsel.select(X, 10), shuffle=True, seed=3)))
    assert len(list(sampler)) == 10


def test_without_torch_the_module_says_what_to_install() -> None:
    script = "import sys; sys.modules['torch'] = None; import subsel; import subsel.torch"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "ImportError: subsel.torch needs PyTorch: `pip install torch`" in found.stderr


def test_the_package_does_not_import_torch() -> None:
    script = "import sys, subsel, numpy; subsel.select(numpy.eye(9), 2); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
