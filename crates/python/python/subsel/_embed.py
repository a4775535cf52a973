"""Embeddings of images and texts by a model, a batch at a time, and kept where a later run finds them.

`embed` asks a `_Model` for the rows of one batch after the other, unless a `_Store` has them from before.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import io
import itertools
import json
import logging
import operator
import os
import sys
import time
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from numbers import Integral
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ._engine import SubselWarning
from ._progress import PATIENCE, bar

log = logging.getLogger("subsel")

#: Bytes of a digest: that any two of a billion items share one has a chance below 1e-20.
DIGEST_BYTES = 16
#: A file of the cache is written when it has so many rows, or so many seconds after the last.
SEGMENT_ROWS = 4096
SEGMENT_SECS = 30.0
#: Files of the cache that are kept open.
OPEN_SEGMENTS = 64
#: Threads that decode images.
DECODERS = min(8, os.cpu_count() or 1)
#: Limits beyond this are how tokenizers say that they have none.
NO_LIMIT = 10**9


def embed(
    items: Iterable[Any],
    model: str | Callable[[list[Any]], Any],
    *,
    batch_size: int = 64,
    device: Any = None,
    cache: bool | str | os.PathLike[str] | None = None,
    cache_key: str | None = None,
    dtype: Literal["float16", "float32"] = "float32",
    progress: bool | None = None,
) -> NDArray[Any]:
    """Embeddings of images or texts: a row for each, in their order.

    Only a batch of the items is in memory at a time, and they may come from a generator.

    Args:
        items: Images (paths, PIL, arrays of uint8 `(h, w, 3)` or `(h, w)`, encoded bytes, or as data sets of Hugging Face
            have them) or texts. Text is a path for models of images only; where a model takes both, a path is a
            `pathlib.Path`.
        model: "timm:NAME", "hf:NAME" (transformers: the mean over the tokens of a text; of an image what the model pools,
            or its first token), "st:NAME" (sentence-transformers), or a function from a list of items to `(batch, d)`.
        batch_size: Items that the model gets at once. Where rounding in the model depends on it, so do the rows.
        device: Where a named model runs, such as "cuda:1"; on a GPU if there is one, unless given.
        cache: Keep rows by model and content of the item, and read those kept before: True does so in `~/.cache/subsel`
            (or `$XDG_CACHE_HOME/subsel`), a path there. A run that was stopped goes on where it was.
        cache_key: What a function is, for the cache: to be changed when the function changes.
        dtype: What the result holds.
        progress: Show a bar (needs tqdm); None shows it in notebooks and terminals.

    Returns:
        `(n, d)`. Rows that are not finite are warned of, not refused: `drop_nonfinite` leaves them out of a pool.

    Raises:
        ValueError: An item is nothing that the model takes, or the model does not give rows; the message has the item.
        OSError: A file cannot be read or written.
        ImportError: A package is missing; the message has the command that installs it.
    """
    if isinstance(items, (str, bytes, os.PathLike, Mapping)) or type(items).__name__ in ("DataFrame", "Dataset"):
        raise ValueError(f"items must be several images or texts, such as a list or a column, got {type(items).__name__}")
    if not isinstance(batch_size, Integral) or isinstance(batch_size, bool) or batch_size < 1:
        raise ValueError(f"batch_size must be a count from 1, got {batch_size!r}")
    if dtype not in ("float16", "float32"):
        raise ValueError(f"dtype must be 'float16' or 'float32', got {dtype!r}")
    directory = _directory(cache)
    if callable(model) and directory is not None and not cache_key:
        raise ValueError("cache needs cache_key for a function: a name for it, to be changed when the function changes")
    if not callable(model) and cache_key is not None:
        raise ValueError(f"cache_key is for functions; `{model}` is known by its weights")
    found = _of_function(model, device, cache_key) if callable(model) else _of_name(model, device)
    store = None if directory is None else _Store(directory, found.identity())
    rows = _Rows(operator.length_hint(items, 0), dtype)
    shown = bar(progress)
    total = rows.expected or None
    meter = shown and shown._tqdm(total=total, desc="embed", unit=" items", leave=False, delay=PATIENCE)
    try:
        for batch in _batches(items, batch_size):
            batch = [found.understood(item) for item in batch]
            rows.add(found.rows(batch) if store is None else _with(store, found, batch), batch)
            if meter is not None:
                meter.update(len(batch))
    finally:
        if meter is not None:
            meter.close()
        if store is not None:
            store.flush()
    return rows.finished()


def _directory(cache: bool | str | os.PathLike[str] | None) -> Path | None:
    if cache is None or cache is False:
        return None
    if cache is not True:
        return Path(cache)
    base = os.environ.get("XDG_CACHE_HOME", "")
    # Its specification says that a relative one is to be ignored.
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "subsel"


class _Item:
    """An item, and the how manieth it is."""

    def __init__(self, at: int, value: Any) -> None:
        self.at = at
        self.value = value

    def __str__(self) -> str:
        return f"item {self.at}" if self.path is None else f"item {self.at} (`{self.path}`)"

    @property
    def path(self) -> str | None:
        """The file that it is in."""
        if isinstance(self.value, Mapping):
            # Data sets of Hugging Face that do not decode images have {"bytes": ..., "path": ...}.
            return self.value.get("path")
        return os.fspath(self.value) if isinstance(self.value, os.PathLike) else None

    @functools.cached_property
    def encoded(self) -> bytes | None:
        """The bytes of its file, if it is one."""
        value = self.value.get("bytes") if isinstance(self.value, Mapping) else self.value
        if isinstance(value, (bytes, bytearray, memoryview)):
            return bytes(value)
        if self.path is None:
            return None
        try:
            return Path(self.path).read_bytes()
        except OSError as error:
            raise type(error)(error.errno, f"{self} cannot be read: {error.strerror}") from None

    def image(self) -> Any:
        """It as an image of PIL, RGB."""
        pil = _need("PIL.Image", "pillow")
        value, encoded = self.value, self.encoded
        try:
            if encoded is not None:
                value = pil.open(io.BytesIO(encoded))
            elif isinstance(value, np.ndarray) and value.dtype == np.uint8 and _is_image(value.shape):
                value = pil.fromarray(value[:, :, 0] if value.shape[2:] == (1,) else value)
            if isinstance(value, pil.Image):
                if value.mode.startswith(("I", "F")):
                    raise ValueError(f"its mode is {value.mode}, which RGB clips to 8 bits; scale it before")
                return value.convert("RGB")
        except Exception as error:
            # PIL raises what it likes, from SyntaxError to errors of its own.
            raise ValueError(f"{self} is no image that can be used: {error}") from error
        array = f" {value.dtype} {tuple(value.shape)}" if hasattr(value, "shape") else ""
        takes = "a path, bytes, an image of PIL or an array of uint8 (h, w, 3) or (h, w)"
        raise ValueError(f"{self} must be an image: {takes}, got {type(value).__name__}{array}")

    def digest(self) -> bytes:
        """Says whether two have the same content."""
        value = self.value
        if isinstance(value, str):
            return _digest("text", value.encode("utf-8", "surrogatepass"))
        if self.encoded is not None:
            return _digest("file", self.encoded)
        module = type(value).__module__.partition(".")[0]
        if module == "PIL":
            palette = repr((value.getpalette(), value.info.get("transparency"))).encode()
            return _digest(f"image {value.mode} {value.size}", value.tobytes(), palette)
        if module == "torch":
            value = value.detach().cpu().numpy()
        if isinstance(value, np.ndarray) and not value.dtype.hasobject:
            return _digest(f"array {value.dtype} {value.shape}", value.tobytes())
        kind = type(value).__name__
        raise ValueError(f"{self}: a cache needs text, paths, bytes, images or arrays of numbers, got {kind}")


def _is_image(shape: tuple[int, ...]) -> bool:
    return len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4))


def _digest(kind: str, *parts: bytes) -> bytes:
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for part in (kind.encode(), *parts):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.digest()


def _batches(items: Iterable[Any], size: int) -> Iterator[list[_Item]]:
    each = (_Item(at, value) for at, value in enumerate(items))
    while batch := list(itertools.islice(each, size)):
        yield batch


class _Rows:
    """Grows with the rows that come, without a second copy of them."""

    def __init__(self, expected: int, dtype: str) -> None:
        self.expected = expected
        self._dtype = np.dtype(dtype)
        self._values: NDArray[Any] | None = None
        self._at = 0
        self._not_finite = 0
        self._first = ""

    def add(self, rows: NDArray[np.float32], batch: list[_Item]) -> None:
        if self._values is None:
            self._values = np.empty((max(self.expected, len(rows)), rows.shape[1]), self._dtype)
        n, d = self._values.shape
        if rows.shape[1] != d:
            raise ValueError(f"the model gives {rows.shape[1]} values from {batch[0]} on, and gave {d} before")
        end = self._at + len(rows)
        if end > n:
            # The allocator moves pages of large arrays rather than their content.
            self._values.resize((max(end, n + n // 2), d), refcheck=False)
        with np.errstate(over="ignore"):
            self._values[self._at : end] = rows
        finite = np.isfinite(self._values[self._at : end]).all(axis=1)
        if not finite.all():
            self._first = self._first or str(batch[int(np.argmin(finite))])
            self._not_finite += int((~finite).sum())
        self._at = end

    def finished(self) -> NDArray[Any]:
        values = self._values
        if values is None:
            raise ValueError("there are no items")
        values.resize((self._at, values.shape[1]), refcheck=False)
        if self._not_finite:
            hint = "; float32 holds larger values" if self._dtype == np.float16 else ""
            which = f"{self._not_finite} of {self._at} rows have NaN or infinite values, the first is that of {self._first}"
            warnings.warn(which + hint, SubselWarning, stacklevel=3)
        return values


class _Store:
    """Rows by digest, in files that are written whole and never changed, so that runs may share them.

    A file is two arrays in the format of numpy, one after the other: digests `(rows, 16)` of uint8, then float32
    `(rows, d)`. The directory is that of one model; it may be deleted at any time.
    """

    def __init__(self, directory: Path, identity: str) -> None:
        self._directory = directory / "embed" / _digest(identity).hex()
        self._directory.mkdir(parents=True, exist_ok=True)
        self._rows = functools.lru_cache(OPEN_SEGMENTS)(_kept_rows)
        self._new: list[tuple[list[bytes], NDArray[np.float32]]] = []
        self._began = time.monotonic()
        self._files: list[tuple[Path, int]] = []
        keys, places = [np.empty((0, DIGEST_BYTES), np.uint8)], [np.empty((0, 2), np.int64)]
        for file in sorted(self._directory.glob("*.rows")):
            try:
                found, offset = _kept_keys(file)
                if len(_kept_rows(file, offset)) != len(found):
                    raise ValueError("digests and rows differ in number")
            except (OSError, ValueError, EOFError) as error:
                # As good as not there: its rows are made again.
                log.warning("a file of the cache cannot be read: %s: %s", file, error)
                continue
            keys.append(found)
            places.append(np.column_stack([np.full(len(found), len(self._files)), np.arange(len(found))]))
            self._files.append((file, offset))
        # Sorted by the first half of the digests; all of a digest is looked at when it is found.
        order = np.argsort(_heads(np.concatenate(keys)), kind="stable")
        self._keys, self._places = np.concatenate(keys)[order], np.concatenate(places)[order]
        self._heads = _heads(self._keys)

    def find(self, keys: list[bytes]) -> list[NDArray[np.float32] | None]:
        found: list[NDArray[np.float32] | None] = [None] * len(keys)
        if len(self._keys) > 0:
            wanted = _as_array(keys)
            at = np.minimum(np.searchsorted(self._heads, _heads(wanted)), len(self._keys) - 1)
            for which in np.flatnonzero((self._keys[at] == wanted).all(axis=1)).tolist():
                file, row = self._places[at[which]].tolist()
                found[which] = self._rows(*self._files[file])[row]
        return found

    def add(self, keys: list[bytes], rows: NDArray[np.float32]) -> None:
        self._new.append((keys, rows))
        if sum(len(keys) for keys, _ in self._new) >= SEGMENT_ROWS or time.monotonic() - self._began > SEGMENT_SECS:
            self.flush()

    def flush(self) -> None:
        """Writes what is new."""
        new, self._new = self._new, []
        self._began = time.monotonic()
        if not new:
            return
        name = self._directory / uuid.uuid4().hex
        part = name.with_suffix(".part")
        try:
            with open(part, "wb") as file:
                np.save(file, _as_array([key for keys, _ in new for key in keys]))
                np.save(file, np.concatenate([rows for _, rows in new]))
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, name.with_suffix(".rows"))
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _as_array(keys: list[bytes]) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(keys), np.uint8).reshape(-1, DIGEST_BYTES)


def _heads(keys: NDArray[np.uint8]) -> NDArray[np.uint64]:
    return np.ascontiguousarray(keys[:, :8]).view(np.uint64)[:, 0]


def _kept_keys(path: Path) -> tuple[NDArray[np.uint8], int]:
    """Digests in a file of the cache, and where its rows begin."""
    with open(path, "rb") as file:
        keys: NDArray[np.uint8] = np.load(file, allow_pickle=False)
        if keys.dtype != np.uint8 or keys.shape[1:] != (DIGEST_BYTES,):
            raise ValueError("no digests")
        return keys, file.tell()


def _kept_rows(path: Path, offset: int) -> NDArray[np.float32]:
    """Rows in a file of the cache, mapped."""
    with open(path, "rb") as file:
        file.seek(offset)
        np.lib.format.read_magic(file)
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        if dtype != np.float32 or len(shape) != 2:
            raise ValueError("no rows")
        return np.memmap(file, dtype, "r", file.tell(), shape)


def _with(store: _Store, model: _Model, batch: list[_Item]) -> NDArray[np.float32]:
    """Rows of a batch: those kept, and of the other items by the model."""
    keys = [model.key(item) for item in batch]
    found = store.find(keys)
    new = [at for at, row in enumerate(found) if row is None]
    if new:
        rows = model.rows([batch[at] for at in new])
        store.add([keys[at] for at in new], rows)
        for at, row in zip(new, rows, strict=True):
            found[at] = row
    lengths = {len(row) for row in found if row is not None}
    if len(lengths) > 1:
        raise ValueError(f"rows of {sorted(lengths)} values go by one cache_key; give a new one to a new function")
    return np.stack([row for row in found if row is not None])


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
            raise ValueError(f"{batch[texts.index(False)]} is no text, and {batch[texts.index(True)]} is; embed them apart")
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
            raise ValueError(f"the model must give numbers (batch, d), got {got} for the {len(batch)} from {batch[0]} on")
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


def _need(package: str, install: str) -> Any:
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{package}.".startswith(f"{error.name}."):
            raise
        raise ImportError(f"{package.partition('.')[0]} is missing: `pip install {install}`") from error


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
