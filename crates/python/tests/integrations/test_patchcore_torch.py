"""The memory bank of PatchCore on tensors of torch."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from subsel.contrib.patchcore import KCenterGreedy  # noqa: E402

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="copies to and from a GPU, and torch sees no CUDA device here"))]


def pool(n: int = 600, d: int = 32) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((n, d), dtype=np.float32)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("projection", [True, False])
def test_picks_are_those_of_numpy_and_rows_stay_on_their_device(device: str, projection: bool) -> None:
    X = pool()
    tensor = torch.from_numpy(X).to(device)
    sampler = KCenterGreedy(embedding=tensor, sampling_ratio=0.1, projection=projection)
    coreset = sampler.sample_coreset()
    rows = KCenterGreedy(X, 0.1, projection=projection).select_coreset_idxs()
    assert isinstance(coreset, torch.Tensor)
    assert coreset.device == tensor.device
    assert coreset.dtype is torch.float32
    assert torch.equal(coreset, tensor[rows])
    assert sampler.select_coreset_idxs() == rows
    assert all(type(row) is int for row in rows)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("projection", [True, False])
def test_other_types_give_the_picks_of_their_values_in_float32(device: str, name: str, projection: bool) -> None:
    tensor = torch.from_numpy(pool()).to(getattr(torch, name)).to(device)
    coreset = KCenterGreedy(tensor, 0.1, projection=projection).sample_coreset()
    assert coreset.dtype is getattr(torch, name)
    rows = KCenterGreedy(tensor.float().cpu().numpy(), 0.1, projection=projection).select_coreset_idxs()
    assert torch.equal(coreset, tensor[rows])


def test_gradients_and_strides_do_not_matter() -> None:
    X = torch.from_numpy(pool())
    expected = KCenterGreedy(X, 0.1).select_coreset_idxs()
    assert KCenterGreedy(X.clone().requires_grad_(), 0.1).select_coreset_idxs() == expected
    assert KCenterGreedy(X.T.contiguous().T, 0.1).select_coreset_idxs() == expected


def test_patch_features_with_four_axes_are_flattened() -> None:
    X = torch.from_numpy(pool())
    sampler = KCenterGreedy(X.reshape(600, 2, 4, 4), 0.05)
    assert sampler.sample_coreset().shape == (30, 2, 4, 4)
    assert sampler.select_coreset_idxs() == KCenterGreedy(X, 0.05, projection=False).select_coreset_idxs()


def test_selected_rows_may_be_a_tensor() -> None:
    X = torch.from_numpy(pool())
    sampler = KCenterGreedy(X, 0.05)
    assert sampler.select_coreset_idxs(torch.tensor([3, 4])) == sampler.select_coreset_idxs([3, 4])


def test_covering_radius_is_that_of_a_plain_loop_in_torch() -> None:
    X = torch.from_numpy(pool())
    sampler = KCenterGreedy(X, 0.1)
    picks = sampler.select_coreset_idxs()
    features = torch.from_numpy(sampler.features).double()
    nearest = torch.full((len(X),), torch.inf, dtype=torch.float64)
    expected = []
    row = picks[0]
    for _ in picks:
        expected.append(row)
        nearest = torch.minimum(nearest, torch.linalg.norm(features - features[row], dim=1))
        row = int(nearest.argmax())
    assert picks == expected
    radius = torch.cdist(features, features[picks]).min(dim=1).values.max()
    assert radius.item() == pytest.approx(nearest.max().item(), rel=1e-6)


def test_anomalib_takes_it_in_place_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where anomalib is installed: what its PatchCore fills the memory bank with are our picks."""
    torch_model = pytest.importorskip("anomalib.models.image.patchcore.torch_model")
    monkeypatch.setattr(torch_model, "KCenterGreedy", KCenterGreedy)
    X = torch.from_numpy(pool())
    # No more than this of a model is looked at, and a whole one would want its network downloaded.
    model = SimpleNamespace(embedding_store=list(X.split(100)), memory_bank=None)
    torch_model.PatchcoreModel.subsample_embedding(model, 0.1)
    assert torch.equal(model.memory_bank, KCenterGreedy(X, 0.1).sample_coreset())


def test_picks_are_those_of_anomalib_on_its_projection_from_its_start() -> None:
    theirs = pytest.importorskip("anomalib.models.components.sampling.k_center_greedy")
    torch.manual_seed(0)
    sampler = theirs.KCenterGreedy(embedding=torch.from_numpy(pool(3000, 256)), sampling_ratio=0.05)
    expected = sampler.select_coreset_idxs()
    ours = KCenterGreedy(sampler.features, 0.05, projection=False, start=expected[0])
    assert ours.select_coreset_idxs() == expected
