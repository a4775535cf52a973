"""Models of `embed`: a function, or by their names those of timm, transformers and sentence-transformers."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._engine import SubselWarning
from ._items import DIGEST_BYTES, _digest, _Item, _need

#: Threads that decode images.
DECODERS = min(8, os.cpu_count() or 1)
#: Limits beyond this are how tokenizers say that they have none.
NO_LIMIT = 10**9


class _Model:
    """What makes rows of items.

    Args:
        takes: "image", "text", "both" (text is no path then), or "any" for what is given as it is.
        compute: Rows of values.
        identity: What the rows depend on besides the items.
        transform: What becomes of an image before `compute`.
    """

    def __init__(
        self,
        takes: str,
        compute: Callable[[list[Any]], Any],
        identity: Callable[[], str],
        transform: Callable[[Any], Any] = lambda image: image,
    ) -> None:
        self._takes = takes
        self._compute = compute
        self._transform = transform
        self._decoders = ThreadPoolExecutor(DECODERS)
        self.identity = identity

    def understood(self, item: _Item) -> _Item:
        """The item as text or as an image, as the model takes it."""
        is_text = isinstance(item.value, str)
        if self._takes == "image" and is_text:
            return _Item(item.at, Path(item.value))
        if self._takes == "text" and not is_text:
            raise ValueError(f"{item} must be text, got {type(item.value).__name__}")
        return item

    def key(self, item: _Item) -> bytes:
        """A digest by which rows are kept."""
        digest = item.digest()
        if self._takes == "any" and isinstance(item.value, str) and _is_file(item.value):
            # The function may open it, or not.
            return _digest("text of a path", digest, _Item(item.at, Path(item.value)).digest())
        return digest

    def rows(self, batch: list[_Item]) -> NDArray[np.float32]:
        """Rows of a batch."""
        values = [item.value for item in batch]
        texts = [isinstance(value, str) for value in values]
        if self._takes == "both" and any(texts) and not all(texts):
            raise ValueError(
                f"{batch[texts.index(False)]} is no text, and {batch[texts.index(True)]} is; embed them apart"
            )
        if self._takes == "image" or (self._takes == "both" and not any(texts)):
            values = list(self._decoders.map(lambda item: self._transform(item.image()), batch))
        try:
            rows = _numbers(self._compute(values))
        except Exception as error:
            if sys.version_info >= (3, 11):
                error.add_note(f"in {batch[0]} to {batch[-1]}")
            raise
        if rows.ndim != 2 or len(rows) != len(batch) or rows.shape[1] == 0 or rows.dtype.kind not in "fiub":
            got = f"{rows.dtype} {rows.shape}"
            raise ValueError(
                f"the model must give numbers (batch, d), got {got} for the {len(batch)} from {batch[0]} on"
            )
        with np.errstate(over="ignore"):
            return rows.astype(np.float32, copy=False)


def _is_file(text: str) -> bool:
    try:
        return os.path.isfile(text)
    except ValueError:
        return False


def _numbers(output: Any) -> NDArray[Any]:
    if type(output).__module__.partition(".")[0] == "torch":
        return np.asarray(output.detach().float().cpu())
    if isinstance(output, (list, tuple)):
        output = [_numbers(row) for row in output]
    try:
        values = np.asarray(output)
    except ValueError as error:
        raise ValueError(f"the model must give rows of one length: {error}") from None
    return values.astype(np.float32) if values.dtype.name == "bfloat16" else values


def _of_function(function: Callable[[list[Any]], Any], device: Any, cache_key: str | None) -> _Model:
    if device is not None:
        raise ValueError("device is for models with a name; a function runs where it likes")

    def compute(values: list[Any]) -> Any:
        torch = sys.modules.get("torch")
        if torch is None:
            return function(values)
        with torch.no_grad():
            return function(values)

    return _Model("any", compute, lambda: f"function {cache_key}")


def _of_name(model: Any, device: Any) -> _Model:
    kinds = {"timm": _timm, "hf": _transformers, "st": _sentence_transformers}
    kind, _, name = model.partition(":") if isinstance(model, str) else ("", "", "")
    if kind not in kinds or not name:
        raise ValueError(f"model must be 'timm:NAME', 'hf:NAME', 'st:NAME' or a function, got {model!r}")
    return kinds[kind](name, device)


def _device(device: Any) -> Any:
    torch = _need("torch", "torch")
    if device is not None:
        return torch.device(device)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _weights(net: Any) -> str:
    """A digest of all weights: a name may stand for others tomorrow."""
    torch = _need("torch", "torch")
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for name, tensor in sorted(net.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def _timm(name: str, device: Any) -> _Model:
    timm, torch, device = _need("timm", "timm"), _need("torch", "torch"), _device(device)
    net = timm.create_model(name, pretrained=True, num_classes=0).eval().to(device)
    config = timm.data.resolve_model_data_config(net)
    transform = timm.data.create_transform(**config, is_training=False)

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def compute(images: list[Any]) -> Any:
        return net(torch.stack(images).to(device))

    def identity() -> str:
        return f"timm {name} {timm.__version__} {json.dumps(config, sort_keys=True, default=str)} {_weights(net)}"

    return _Model("image", compute, identity, transform)


def _sentence_transformers(name: str, device: Any) -> _Model:
    package = _need("sentence_transformers", "sentence-transformers")
    net = package.SentenceTransformer(name, device=str(_device(device))).float().eval()

    def compute(values: list[Any]) -> Any:
        return net.encode(values, batch_size=len(values), show_progress_bar=False)

    return _Model("both", compute, lambda: f"st {name} {package.__version__} {net} {_weights(net)}")


def _transformers(name: str, device: Any) -> _Model:
    package, torch, device = _need("transformers", "transformers torch"), _need("torch", "torch"), _device(device)
    net, loading = package.AutoModel.from_pretrained(name, output_loading_info=True)
    # Half precision is how some weights are kept, and slow or not there on a CPU.
    net = net.float().eval().to(device)
    untrained = sorted(loading["missing_keys"])
    has_pooler = not any("pooler" in key for key in untrained)
    lacking = [key for key in untrained if "pooler" not in key]
    if lacking:
        text = f"`hf:{name}` has no weights for {len(lacking)} parts of its model, which are random: {lacking[0]}"
        warnings.warn(text, SubselWarning, stacklevel=4)
    if hasattr(net.config, "mask_ratio"):
        # Models of masked images (MAE) would see a random quarter of each.
        net.config.mask_ratio = 0.0
    is_dual = hasattr(net, "get_text_features") and hasattr(net, "get_image_features")
    takes = "both" if is_dual else {"pixel_values": "image", "input_ids": "text"}.get(net.main_input_name)
    if takes is None:
        raise ValueError(f"`hf:{name}` takes `{net.main_input_name}`, neither images nor texts")
    tokenizer = None if takes == "image" else _tokenizer(package, name)
    processor = None if takes == "text" else package.AutoImageProcessor.from_pretrained(name)

    def of_texts(values: list[str]) -> Any:
        assert tokenizer is not None
        # SigLIP has learned from texts of one length.
        padding = "max_length" if net.config.model_type.startswith("siglip") else True
        limit = _longest(tokenizer, net.config)
        tokens = tokenizer(values, padding=padding, truncation=limit is not None, max_length=limit, return_tensors="pt")
        tokens = tokens.to(device)
        if is_dual:
            return _pooled(net.get_text_features(**tokens))
        body = net.get_encoder() if net.config.is_encoder_decoder else net
        hidden = body(**tokens).last_hidden_state
        mask = tokens["attention_mask"].unsqueeze(-1)
        return (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)

    def of_images(values: list[Any]) -> Any:
        assert processor is not None
        pixels = processor(images=values, return_tensors="pt").to(device)
        if is_dual:
            return _pooled(net.get_image_features(**pixels))
        output = net(**pixels)
        # A pooler without weights of its own would be random.
        if has_pooler and getattr(output, "pooler_output", None) is not None:
            return output.pooler_output.flatten(1)
        hidden = output.last_hidden_state
        return hidden.mean((2, 3)) if hidden.ndim == 4 else hidden[:, 0]

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def compute(values: list[Any]) -> Any:
        return of_texts(values) if isinstance(values[0], str) else of_images(values)

    def identity() -> str:
        how = "" if processor is None else json.dumps(processor.to_dict(), sort_keys=True, default=str)
        return f"hf {name} {package.__version__} {net.config} {tokenizer!r} {how} {_weights(net)}"

    return _Model(takes, compute, identity)


def _tokenizer(package: Any, name: str) -> Any:
    tokenizer = package.AutoTokenizer.from_pretrained(name)
    if tokenizer.pad_token is None:
        # What pads does not count to the mean, nor does a causal model look at it from the left.
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "right"
    return tokenizer


def _longest(tokenizer: Any, config: Any) -> int | None:
    """Tokens that the model takes at most."""
    if tokenizer.model_max_length < NO_LIMIT:
        return int(tokenizer.model_max_length)
    positions = getattr(config, "max_position_embeddings", None)
    # RoBERTa counts them from 2.
    return None if positions is None else int(positions) - 2


def _pooled(output: Any) -> Any:
    """Features of one modality: a tensor until transformers 4, from 5 on an output that has it."""
    return getattr(output, "pooler_output", output)
