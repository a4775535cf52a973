"""Embeddings by models with names. Their weights are random and made here: nothing is downloaded."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
torch = pytest.importorskip("torch")
image_of = pytest.importorskip("PIL.Image")

import subsel  # noqa: E402
from subsel._embed import _models, embed  # noqa: E402

WORDS = "the cat sat on a mat and looked at two small dogs that did not see it".split()


def near(one: Any, other: Any) -> bool:
    """The same up to the rounding that shapes of batches make."""
    return bool(np.allclose(one, other, rtol=1e-4, atol=1e-5))


@pytest.fixture(scope="module")
def images() -> list[Any]:
    rng = np.random.default_rng(0)
    return [image_of.fromarray(rng.integers(0, 256, (40 + at, 50, 3), dtype=np.uint8)) for at in range(11)]


@pytest.fixture(scope="module")
def files(images: list[Any], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("images")
    for at, image in enumerate(images):
        image.save(folder / f"{at}.png")
    return [folder / f"{at}.png" for at in range(len(images))]


@pytest.fixture(scope="module")
def texts() -> list[str]:
    rng = np.random.default_rng(0)
    return [" ".join(rng.choice(WORDS, size=1 + at)) for at in range(11)]


@pytest.fixture(scope="module")
def timm_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    timm = pytest.importorskip("timm")
    folder = tmp_path_factory.mktemp("timm")
    torch.manual_seed(0)
    net = timm.create_model("test_resnet", num_classes=7)
    timm.models.save_for_hf(net, str(folder), model_config={"num_classes": 7}, safe_serialization=True)
    return f"timm:local-dir:{folder}"


def test_timm_gives_features_before_the_classes(timm_model: str, images: list[Any]) -> None:
    timm = pytest.importorskip("timm")
    rows = embed(images, timm_model, device="cpu")
    net = timm.create_model(timm_model[5:], pretrained=True, num_classes=0).eval()
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(net))
    with torch.no_grad():
        expected = torch.stack([net(transform(image)[None])[0] for image in images])
    assert rows.shape == (11, net.num_features) and rows.dtype == np.float32
    assert near(rows, expected.numpy())
    assert np.array_equal(embed(images, timm_model, device="cpu"), rows)


def test_images_are_the_same_however_they_are_given(timm_model: str, images: list[Any], files: list[Path]) -> None:
    rows = embed(images, timm_model, device="cpu", batch_size=4)
    ways: dict[str, Any] = {
        "paths": files,
        "text": [str(file) for file in files],
        "bytes": [file.read_bytes() for file in files],
        "arrays": [np.asarray(image) for image in images],
        "rgba": [np.asarray(image.convert("RGBA")) for image in images],
        "dicts": [{"bytes": file.read_bytes(), "path": None} for file in files],
        "dicts of paths": [{"bytes": None, "path": str(file)} for file in files],
        "generator": (image for image in images),
        "mixed": [images[0], files[1], str(files[2]), *map(np.asarray, images[3:])],
    }
    for name, way in ways.items():
        assert np.array_equal(embed(way, timm_model, device="cpu", batch_size=4), rows), name
    gray = [image.convert("L") for image in images]
    expected = embed(gray, timm_model, device="cpu")
    assert np.array_equal(embed([np.asarray(image) for image in gray], timm_model, device="cpu"), expected)
    assert np.array_equal(embed([np.asarray(image)[:, :, None] for image in gray], timm_model, device="cpu"), expected)
    for batch_size in (1, 3, 11, 64):
        assert near(embed(files, timm_model, device="cpu", batch_size=batch_size), rows)


def test_a_column_of_a_data_set_is_read(timm_model: str, images: list[Any], files: list[Path]) -> None:
    datasets = pytest.importorskip("datasets")
    rows = embed(images, timm_model, device="cpu")
    ds = datasets.Dataset.from_dict({"image": [str(file) for file in files]}).cast_column("image", datasets.Image())
    assert np.array_equal(embed(ds["image"], timm_model, device="cpu"), rows)
    raw = ds.cast_column("image", datasets.Image(decode=False))
    assert np.array_equal(embed(raw["image"], timm_model, device="cpu"), rows)
    assert np.array_equal(embed((row["image"] for row in ds.to_iterable_dataset()), timm_model, device="cpu"), rows)
    with pytest.raises(ValueError, match="several images or texts, such as a list or a column, got Dataset"):
        embed(ds, timm_model, device="cpu")


def test_an_item_that_is_no_image_is_named(timm_model: str, files: list[Path], tmp_path: Path) -> None:
    broken, short, deep = tmp_path / "broken.png", tmp_path / "short.png", tmp_path / "deep.png"
    broken.write_bytes(b"no image")
    short.write_bytes(files[0].read_bytes()[:-2000])
    image_of.fromarray(np.full((9, 9), 3000, np.uint16)).save(deep)
    cases: list[tuple[Any, type[Exception], str]] = [
        (broken, ValueError, rf"item 5 \(`{broken}`\) is no image that can be used: cannot identify image file"),
        (str(broken), ValueError, rf"item 5 \(`{broken}`\)"),
        (short, ValueError, rf"item 5 \(`{short}`\) is no image that can be used: .*truncated"),
        (deep, ValueError, "its mode is I;16, which RGB clips to 8 bits"),
        (tmp_path / "gone.png", FileNotFoundError, r"item 5 \(`.*gone.png`\) cannot be read: No such file"),
        (tmp_path, OSError, r"item 5 \(`.*`\) cannot be read"),
        (np.zeros((4, 4, 3)), ValueError, r"item 5 must be an image: .* got ndarray float64 \(4, 4, 3\)"),
        (np.zeros((3, 4, 9), np.uint8), ValueError, r"item 5 must be an image: .* got ndarray uint8 \(3, 4, 9\)"),
        (torch.zeros(3, 4, 4), ValueError, r"item 5 must be an image: .* got Tensor torch.float32 \(3, 4, 4\)"),
        (None, ValueError, "item 5 must be an image: .* got NoneType"),
        ({"image": 1}, ValueError, "item 5 must be an image: .* got dict"),
    ]
    for item, kind, message in cases:
        with pytest.raises(kind, match=message):
            embed([*files[:5], item], timm_model, device="cpu", batch_size=2)


def test_the_cache_goes_by_content_and_weights(timm_model: str, files: list[Path], tmp_path: Path) -> None:
    rows = embed(files, timm_model, device="cpu", cache=tmp_path / "cache", batch_size=4)
    assert np.array_equal(rows, embed(files, timm_model, device="cpu", batch_size=4))
    computed: list[int] = []
    original = _models._Model.rows

    def counting(self: Any, batch: list[Any]) -> Any:
        computed.append(len(batch))
        return original(self, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_models._Model, "rows", counting)
        moved = tmp_path / "moved.png"
        moved.write_bytes(files[3].read_bytes())
        again = embed([moved, *files], timm_model, device="cpu", cache=tmp_path / "cache", batch_size=5)
        assert computed == [] and np.array_equal(again, rows[[3, *range(11)]])
        # The same name with other weights.
        weights = Path(timm_model.partition("local-dir:")[2]) / "model.safetensors"
        before = weights.read_bytes()
        try:
            changed = bytearray(before)
            changed[-3] ^= 1
            weights.write_bytes(changed)
            embed(files, timm_model, device="cpu", cache=tmp_path / "cache")
        finally:
            weights.write_bytes(before)
        assert sum(computed) == 11


@pytest.mark.skipif(not torch.cuda.is_available(), reason="copies to and from a GPU, and torch sees no CUDA device here")
def test_a_gpu_gives_nearly_the_same(timm_model: str, images: list[Any]) -> None:
    assert np.allclose(embed(images, timm_model), embed(images, timm_model, device="cpu"), rtol=1e-2, atol=1e-3)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    transformers = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *dict.fromkeys(WORDS)]
    words = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({name: at for at, name in enumerate(names)}, unk_token="[UNK]")
    )
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    words.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=8,
    )


def saved(net: Any, folder: Path, *parts: Any) -> str:
    for part in (net, *parts):
        part.save_pretrained(folder)
    return f"hf:{folder}"


def bert(**settings: Any) -> Any:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(1)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = transformers.BertConfig(vocab_size=30, max_position_embeddings=40, **sizes)
    return transformers.BertModel(config, **settings)


def test_texts_are_the_mean_of_their_tokens(tokenizer: Any, texts: list[str], tmp_path: Path) -> None:
    name = saved(bert(), tmp_path / "bert", tokenizer)
    rows = embed(texts, name, device="cpu")
    net = bert().eval()
    with torch.no_grad():
        # One at a time, without padding.
        tokens = [tokenizer(text, truncation=True, return_tensors="pt") for text in texts]
        expected = np.stack([net(**each).last_hidden_state[0].mean(0).numpy() for each in tokens])
    assert near(rows, expected)
    # The tokenizer cuts at eight tokens, the last being [SEP].
    assert near(embed([texts[-1]], name), embed([" ".join(texts[-1].split()[:6])], name))
    for batch_size in (1, 4):
        assert near(embed(iter(texts), name, device="cpu", batch_size=batch_size), rows)
    half = embed(texts, name, device="cpu", dtype="float16")
    assert half.dtype == np.float16 and np.array_equal(half, rows.astype(np.float16))
    with pytest.raises(ValueError, match=r"item 1 \(`a.txt`\) must be text, got PosixPath"):
        embed(["a", Path("a.txt")], name)
    cached = embed(texts, name, device="cpu", cache=tmp_path / "cache")
    assert np.array_equal(cached, rows) and np.array_equal(
        embed(texts, name, device="cpu", cache=tmp_path / "cache"), rows
    )


def test_texts_beyond_the_model_are_cut_where_the_tokenizer_has_no_limit(tokenizer: Any, tmp_path: Path) -> None:
    unlimited = type(tokenizer)(tokenizer_object=tokenizer.backend_tokenizer, pad_token="[PAD]", unk_token="[UNK]")
    assert unlimited.model_max_length > 1e9
    name = saved(bert(), tmp_path / "bert", unlimited)
    assert embed(["cat " * 100, "dogs"], name, device="cpu").shape == (2, 16)


def test_weights_of_half_precision_are_read_as_float32(tokenizer: Any, texts: list[str], tmp_path: Path) -> None:
    name = saved(bert().bfloat16(), tmp_path / "half", tokenizer)
    same = saved(bert().bfloat16().float(), tmp_path / "float", tokenizer)
    assert np.array_equal(embed(texts, name, device="cpu"), embed(texts, same, device="cpu"))


def test_a_causal_model_needs_no_token_for_padding(tokenizer: Any, texts: list[str], tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(2)
    net = transformers.GPT2Model(transformers.GPT2Config(vocab_size=30, n_positions=40, n_embd=16, n_layer=1, n_head=2))
    plain = type(tokenizer)(
        tokenizer_object=tokenizer.backend_tokenizer, eos_token="[SEP]", unk_token="[UNK]", padding_side="left"
    )
    name = saved(net, tmp_path / "gpt2", plain)
    assert near(embed(texts, name, device="cpu"), embed(texts, name, device="cpu", batch_size=1))


def test_an_encoder_and_decoder_gives_what_the_encoder_says(tokenizer: Any, texts: list[str], tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(3)
    config = transformers.T5Config(
        vocab_size=30, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, decoder_start_token_id=0
    )
    name = saved(transformers.T5Model(config), tmp_path / "t5", tokenizer)
    rows = embed(texts, name, device="cpu")
    assert rows.shape == (11, 16) and near(rows, embed(texts, name, device="cpu", batch_size=1))


def vit(**settings: Any) -> Any:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(4)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    return transformers.ViTModel(transformers.ViTConfig(image_size=32, patch_size=16, **sizes), **settings)


def processor() -> Any:
    transformers = pytest.importorskip("transformers")
    return transformers.ViTImageProcessor(size={"height": 32, "width": 32})


def test_images_are_pooled_by_the_model(images: list[Any], files: list[Path], tmp_path: Path) -> None:
    name = saved(vit(), tmp_path / "vit", processor())
    rows = embed(images, name, device="cpu")
    with torch.no_grad():
        output = vit().eval()(**processor()(images=images, return_tensors="pt"))
    assert near(rows, output.pooler_output.numpy())
    assert np.array_equal(embed(files, name, device="cpu"), rows)
    assert np.array_equal(embed([str(file) for file in files], name, device="cpu"), rows)


def test_a_pooler_without_weights_is_not_used(images: list[Any], tmp_path: Path) -> None:
    name = saved(vit(add_pooling_layer=False), tmp_path / "vit", processor())
    with warnings.catch_warnings():
        warnings.simplefilter("error", subsel.SubselWarning)
        rows = embed(images, name, device="cpu")
    assert np.array_equal(rows, embed(images, name, device="cpu"))
    with torch.no_grad():
        output = vit(add_pooling_layer=False).eval()(**processor()(images=images, return_tensors="pt"))
    assert near(rows, output.last_hidden_state[:, 0].numpy())


def test_other_weights_that_lack_are_warned_of(images: list[Any], tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    name = saved(vit(), tmp_path / "vit", processor())
    file = tmp_path / "vit" / "model.safetensors"
    weights = safetensors.load_file(file)
    gone = next(each for each in weights if each.startswith("layernorm"))
    safetensors.save_file({each: value for each, value in weights.items() if each != gone}, file, {"format": "pt"})
    with pytest.warns(
        subsel.SubselWarning, match="has no weights for 1 parts of its model, which are random: layernorm"
    ):
        embed(images, name, device="cpu")


def test_a_convolutional_model_gives_a_row_per_image(images: list[Any], tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(5)
    config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")
    rows = embed(images, saved(transformers.ResNetModel(config), tmp_path / "resnet", processor()), device="cpu")
    assert rows.shape == (11, 16)


def test_a_model_of_masked_images_sees_all_of_them(images: list[Any], tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(5)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    net = transformers.ViTMAEModel(transformers.ViTMAEConfig(image_size=32, patch_size=16, **sizes))
    name = saved(net, tmp_path / "mae", processor())
    assert near(embed(images, name, device="cpu"), embed(images, name, device="cpu"))


def test_a_model_of_both_takes_text_as_text(
    tokenizer: Any, texts: list[str], images: list[Any], files: list[Path], tmp_path: Path
) -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(6)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = transformers.CLIPConfig(
        text_config={
            **sizes,
            "vocab_size": 30,
            "max_position_embeddings": 40,
            "eos_token_id": 3,
            "bos_token_id": 2,
            "pad_token_id": 0,
        },
        vision_config={**sizes, "image_size": 32, "patch_size": 16},
        projection_dim=12,
    )
    size = {"height": 32, "width": 32}
    name = saved(
        transformers.CLIPModel(config),
        tmp_path / "clip",
        tokenizer,
        transformers.CLIPImageProcessor(size=size, do_center_crop=False),
    )
    of_texts, of_images = embed(texts, name, device="cpu"), embed(images, name, device="cpu")
    assert of_texts.shape == of_images.shape == (11, 12)
    assert near(embed(texts, name, device="cpu", batch_size=1), of_texts)
    assert np.array_equal(embed(files, name, device="cpu"), of_images)
    with pytest.raises(ValueError, match="item 2 is no text, and item 0 is; embed them apart"):
        embed([*texts[:2], images[0]], name, device="cpu")


def test_a_model_of_sound_is_refused(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    convolutions = {"conv_dim": (8,), "conv_stride": (2,), "conv_kernel": (2,), "num_feat_extract_layers": 1}
    positions = {"num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2}
    config = transformers.Wav2Vec2Config(**sizes, **convolutions, **positions)
    with pytest.raises(ValueError, match="takes `input_values`, neither images nor texts"):
        embed(["a"], saved(transformers.Wav2Vec2Model(config), tmp_path / "sound"), device="cpu")


def test_sentence_transformers_embed(tokenizer: Any, texts: list[str], tmp_path: Path) -> None:
    package = pytest.importorskip("sentence_transformers")
    saved(bert(), tmp_path / "bert", tokenizer)
    net = package.SentenceTransformer(str(tmp_path / "bert"), device="cpu")
    net.save(str(tmp_path / "st"))
    rows = embed(texts, f"st:{tmp_path / 'st'}", device="cpu", batch_size=4)
    assert near(rows, net.encode(texts))
    assert near(embed(iter(texts), f"st:{tmp_path / 'st'}", device="cpu", batch_size=1), rows)
    cached = embed(texts, f"st:{tmp_path / 'st'}", device="cpu", batch_size=4, cache=tmp_path / "cache")
    assert np.array_equal(cached, rows)


@pytest.mark.parametrize("name", ["float32", "float16", "bfloat16", "float64", "int32"])
def test_functions_may_give_tensors(name: str) -> None:
    weight = torch.ones(3, requires_grad=True)

    def model(items: list[str]) -> Any:
        values = torch.tensor([[float(len(item))] * 3 for item in items]) * weight
        assert not values.requires_grad
        return values.to(getattr(torch, name))

    rows = embed(["a", "bb", "ccc"], model, batch_size=2)
    assert rows.dtype == np.float32 and rows.tolist() == [[1.0] * 3, [2.0] * 3, [3.0] * 3]
    assert embed(["a", "bb"], lambda items: list(model(items))).tolist() == [[1.0] * 3, [2.0] * 3]


def test_tensors_are_known_by_their_content(tmp_path: Path) -> None:
    seen: list[int] = []

    def model(items: list[Any]) -> Any:
        seen.append(len(items))
        return torch.stack(items).flatten(1)

    items = [torch.full((2, 2), float(at)) for at in range(5)]
    for _ in range(2):
        assert embed(items, model, cache=tmp_path, cache_key="a").shape == (5, 4)
    assert seen == [5]


def test_models_that_are_not_there_are_told_by_their_packages(images: list[Any], tmp_path: Path) -> None:
    pytest.importorskip("timm")
    with pytest.raises(RuntimeError, match="nothing_like_it"):
        embed(images, "timm:nothing_like_it")
    pytest.importorskip("transformers")
    with pytest.raises(OSError):
        embed(images, f"hf:{tmp_path / 'gone'}")


def test_encoded_images_are_decoded_in_any_format(timm_model: str, images: list[Any]) -> None:
    rows = embed(images, timm_model, device="cpu")
    for form in ("PNG", "BMP", "WEBP"):
        encoded = []
        for image in images:
            file = io.BytesIO()
            image.save(file, form, lossless=True)
            encoded.append(file.getvalue())
        assert np.array_equal(embed(encoded, timm_model, device="cpu"), rows), form
