"""The sentence encoder: a tiny random BERT out of a folder, beside a slow twin; broken folders."""

import json
import math
import struct

import numpy as np
import pytest

pytest.importorskip("safetensors")
pytest.importorskip("tokenizers")

from safetensors.numpy import save_file

from hdspike.models import KWTA, Encoder, memory
from tests.naive import models as naive
from tests.tiny_models import BERT, bert_weights, config, write_bert

WEIGHTS = bert_weights(np.random.default_rng(0))
SIZES = {key: BERT[key] for key in ("layers", "heads", "epsilon")}


@pytest.fixture
def folder(tmp_path):
    return write_bert(tmp_path / "bert", WEIGHTS)


def test_states_are_those_of_the_twin(folder):
    model = Encoder(folder)
    tokens = [2, 4, 5, 9, 3]
    assert np.allclose(model.hidden(tokens), naive.bert(WEIGHTS, tokens, **SIZES), atol=2e-5)
    assert model.length == 12


def test_a_text_is_the_mean_of_its_states_without_padding(folder):
    """Marked at both ends, cut to the length, on the unit sphere; one by one or together is the same."""
    model = Encoder(folder, length=5)
    texts = ["A cats", "dog sat. a cat cat cat", "", "zebra"]
    tokens = [[2, 4, 5, 8, 3], [2, 6, 7, 9, 3], [2, 3], [2, 1, 3]]
    out = model.encode(texts)
    assert (out.shape, out.dtype) == ((4, 16), np.float32)
    for row, ids in zip(out, tokens, strict=True):
        mean = naive.bert(WEIGHTS, ids, **SIZES).mean(axis=0)
        assert np.allclose(row, mean / np.linalg.norm(mean), atol=2e-5)
    assert np.array_equal(model.encode(texts[1:2])[0], out[1])
    assert model.encode([]).shape == (0, 16)


def test_attention_is_a_plug(folder):
    model, plug = Encoder(folder), KWTA(2)
    whole, sparse = model.encode(["a cat sat."]), model.encode(["a cat sat."], plug)
    assert not np.allclose(whole, sparse, atol=1e-3)
    assert np.allclose(model.encode(["a cat sat."], KWTA("100%")), whole, atol=1e-5)
    assert (plug.rows, plug.cells, plug.kept) == (2 * 4 * 6, 2 * 4 * 36, 2 * 4 * 12)
    assert 0 < plug.captured_mass < 1


def test_tensors_may_be_named_by_their_model_and_kept_in_halves(folder):
    wanted = Encoder(folder).encode(["a cat"])
    half = {f"bert.{name}": tensor.astype(np.float16) for name, tensor in WEIGHTS.items()}
    save_file(half | {"cls.bias": np.ones(3, np.float32)}, folder / "model.safetensors")
    assert np.allclose(Encoder(folder).encode(["a cat"]), wanted, atol=5e-3)


def without(name):
    return {key: tensor for key, tensor in WEIGHTS.items() if key != name}


NAME = "encoder.layer.1.output.dense.weight"


@pytest.mark.parametrize(
    ("weights", "changed", "message"),
    [
        (WEIGHTS, {"model_type": "roberta"}, "model with model_type 'bert', got 'roberta'"),
        (WEIGHTS, {"model_type": None}, "model with model_type 'bert', got None"),
        (WEIGHTS, {"hidden_act": "relu"}, "model with hidden_act 'gelu', got 'relu'"),
        (WEIGHTS, {"position_embedding_type": "relative_key"}, "position_embedding_type 'absolute'"),
        (WEIGHTS, {"hidden_size": -1}, "state hidden_size from 1 to"),
        (WEIGHTS, {"hidden_size": True}, "state hidden_size from 1 to .* got True"),
        (WEIGHTS, {"hidden_size": 2**40}, "state hidden_size from 1 to"),
        (WEIGHTS, {"num_hidden_layers": 2**24}, "weights of 16777216 layers, the file is smaller"),
        (WEIGHTS, {"num_hidden_layers": 3}, "hold the tensor encoder.layer.2"),
        (WEIGHTS, {"num_attention_heads": 3}, "heads that share 16 evenly, got 3"),
        (WEIGHTS, {"layer_norm_eps": 0}, "layer_norm_eps between 0 and 1, got 0"),
        (WEIGHTS, {"vocab_size": 11}, r"word_embeddings.weight of shape \(11, 16\), .* has \(10, 16\)"),
        (without(NAME), {}, f"hold the tensor {NAME}"),
        (WEIGHTS | {NAME: np.ones((16, 31), np.float32)}, {}, f"hold {NAME} of shape"),
        (WEIGHTS | {NAME: np.full((16, 32), np.nan, np.float32)}, {}, f"finite floats in {NAME}"),
        (WEIGHTS | {NAME: np.ones((16, 32), np.int32)}, {}, f"finite floats in {NAME}"),
    ],
)
def test_another_model_than_it_says(weights, changed, message, tmp_path):
    folder = write_bert(tmp_path / "x", weights, **changed)
    with pytest.raises(ValueError, match=message) as error:
        Encoder(folder)
    assert str(error.value).startswith("folder must")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
@pytest.mark.parametrize("left", [None, 0, 5, 200, -1])
def test_a_file_missing_or_cut(folder, name, left):
    blob = (folder / name).read_bytes()
    (folder / name).unlink()
    if left is not None:
        (folder / name).write_bytes(blob[:left])
    with pytest.raises(ValueError, match=rf"^(folder|path) must hold (.*{name}|weights of 2 layers)"):
        Encoder(folder)


@pytest.mark.parametrize(
    ("name", "blob"),
    [
        ("config.json", b"[]"),
        ("config.json", b"[" * 100_000),
        ("config.json", b"\xff\xfe"),
        ("config.json", b" " * (1 << 20) + b"{}"),
        ("model.safetensors", struct.pack("<Q", 2**63) + b"{}" + bytes(999)),
        ("model.safetensors", struct.pack("<Q", 2) + b"{}" + bytes(999)),
        ("model.safetensors", b"\x80\x04pickled." + bytes(999)),
        ("tokenizer.json", b'{"model": {"type": "None"}}'),
    ],
)
def test_hostile_files(folder, name, blob):
    (folder / name).write_bytes(blob)
    with pytest.raises(ValueError, match=r"^(folder|path) must hold"):
        Encoder(folder)


def test_tokens_without_an_embedding(folder):
    made = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    made["model"]["vocab"]["more"] = 10
    (folder / "tokenizer.json").write_text(json.dumps(made), encoding="utf-8")
    with pytest.raises(ValueError, match=r"folder must hold an embedding for each token, bert has 10 for 11"):
        Encoder(folder)


def test_a_model_too_large_is_said(folder, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 1000)
    with pytest.raises(
        ValueError, match=r"path must be a model that fits in memory, model.safetensors needs"
    ):
        Encoder(folder)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda m: m.hidden([]), ValueError, "tokens must be 1 to 12, got 0"),
        (lambda m: m.hidden([1] * 13), ValueError, "tokens must be 1 to 12, got 13"),
        (lambda m: m.hidden([10]), ValueError, r"tokens must be in \[0, 10\), got 10"),
        (lambda m: m.hidden([0.5]), TypeError, "tokens must have dtype int64"),
        (lambda m: m.encode("a cat"), TypeError, "texts must be a sequence of texts"),
        (lambda m: m.encode([1]), TypeError, "texts must be a sequence of texts"),
        (lambda m: Encoder(m.folder, length=13), ValueError, "length must be at most 12"),
        (lambda m: Encoder(m.folder, length=2), ValueError, "length must be at least 3"),
        (lambda m: Encoder(m.folder / "none"), ValueError, "folder must hold a config.json"),
    ],
)
def test_bad_input(call, kind, message, folder):
    with pytest.raises(kind, match=message):
        call(Encoder(folder))


def test_the_tiny_model_is_what_it_says():
    assert config()["hidden_size"] == 16
    assert math.prod(WEIGHTS[NAME].shape) == 16 * 32
