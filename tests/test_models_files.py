"""Broken, foreign and hostile model files: a clear ValueError, nothing run, nothing large allocated."""

import struct

import numpy as np
import pytest

pytest.importorskip("gguf")
pytest.importorskip("tokenizers")

from hdspike.models import Llama, LlamaFile, memory
from hdspike.models.gguf_header import read_header
from tests.tiny_models import llama_weights, vocabulary, write_llama

WEIGHTS = llama_weights(np.random.default_rng(0))
HEAD = b"GGUF" + struct.pack("<I", 3)
HUGE = 2**64 - 1


@pytest.fixture(scope="module")
def blob(tmp_path_factory):
    return write_llama(tmp_path_factory.mktemp("gguf") / "x.gguf", WEIGHTS).read_bytes()


def saved(folder, blob):
    (folder / "x.gguf").write_bytes(blob)
    return folder / "x.gguf"


def text(value):
    return struct.pack("<Q", len(value)) + value


def header(fields=b"", tensors=b"", count=(0, 0)):
    """A file of that many tensors and entries."""
    return HEAD + struct.pack("<QQ", *count) + fields + tensors


def tensor(name=b"t", shape=(4,), kind=0, offset=0):
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def test_every_truncation_is_said(blob, tmp_path):
    """At each of 150 lengths, and one byte short."""
    for size in [*range(0, len(blob), len(blob) // 150), len(blob) - 1]:
        with pytest.raises(ValueError, match=r"path must"):
            LlamaFile(saved(tmp_path, blob[:size]))


def test_a_changed_byte_is_an_error_or_another_model(blob, tmp_path):
    """200 files, each with one byte changed in the metadata: they load, or say what is wrong."""
    rng, said = np.random.default_rng(0), []
    end = blob.index(b"output_norm.weight")
    numbers = [i for i in range(end) if not 32 <= blob[i] < 127]  # the letters of tokens seldom matter
    for place in rng.choice(numbers, size=200, replace=False):
        changed = bytearray(blob)
        changed[place] ^= 1 << rng.integers(8)
        try:
            LlamaFile(saved(tmp_path, bytes(changed))).tokenizer()
        except ValueError as error:
            said.append(str(error))
    assert all(message.startswith("path must") for message in said)
    assert len(said) > 50


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (b"", "path must be a GGUF file, x.gguf has 0 bytes"),
        (b"\0" * 100, "does not begin with GGUF"),
        (b"\x93NUMPY" + bytes(100), "does not begin with GGUF"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "version 50331648, not 2 or 3"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "version 1,"),
        (header(count=(HUGE, 0)), f"states {HUGE} tensors"),
        (header(count=(0, HUGE)), f"states {HUGE} entries"),
        (header(count=(0, 9)), "ends at byte 24"),
        (header(struct.pack("<Q", HUGE), count=(0, 1)), "bytes of text"),
        (header(text(b"\xff\xfe") + bytes(9), count=(0, 1)), "utf-8"),
        (header(text(b"a") + struct.pack("<I", 13) + bytes(9), count=(0, 1)), "unknown type 13"),
        (header(text(b"a") + struct.pack("<IIQ", 9, 0, 2**60) + bytes(99), count=(0, 1)), "items"),
        (header(text(b"a") + struct.pack("<IIQ", 9, 8, 2**60) + bytes(99), count=(0, 1)), "items"),
        (header(text(b"a") + struct.pack("<IIQ", 9, 9, 1) + bytes(99), count=(0, 1)), "array of arrays"),
        (header(text(b"a") + struct.pack("<IQ", 8, 2**62) + bytes(99), count=(0, 1)), "bytes of text"),
        (header(2 * (text(b"a") + struct.pack("<IB", 0, 1)), count=(0, 2)), "'a' twice"),
        (header(tensors=2 * tensor(), count=(2, 0)) + bytes(99), "the tensor 't' twice"),
        (header(tensors=tensor(shape=()), count=(1, 0)) + bytes(99), "0 axes"),
        (header(tensors=tensor(shape=(1,) * 5), count=(1, 0)) + bytes(99), "5 axes"),
        (header(tensors=tensor(shape=(0, 4)), count=(1, 0)) + bytes(99), r"shape \(4, 0\)"),
        (header(tensors=tensor(shape=(2**40, 2**40)), count=(1, 0)) + bytes(99), "tensor of shape"),
        (header(tensors=tensor(shape=(2**41,)), count=(1, 0)) + bytes(99), "numbers along an axis"),
        (header(tensors=tensor(shape=(2**39,)), count=(1, 0)) + bytes(99), "t is stated at 64 to"),
        (header(tensors=tensor(offset=2**63), count=(1, 0)) + bytes(99), "t is stated at"),
        (header(tensors=tensor(offset=3), count=(1, 0)) + bytes(99), "t is stated at"),
        (header(tensors=tensor(kind=77), count=(1, 0)) + bytes(99), "unknown type 77"),
        (header(tensors=tensor(kind=3), count=(1, 0)) + bytes(99), "in blocks of 32"),
        (header(text(b"general.alignment") + struct.pack("<II", 4, 0), count=(0, 1)), "alignment of 0"),
        (header(text(b"general.alignment") + struct.pack("<II", 4, 24), count=(0, 1)), "alignment of 24"),
        (header(), "path must state general.architecture"),
    ],
)
def test_a_hostile_header(made, message, tmp_path):
    with pytest.raises(ValueError, match=message) as error:
        LlamaFile(saved(tmp_path, made))
    assert str(error.value).startswith("path must")


def test_all_kinds_of_metadata(tmp_path):
    values = [("<B", 0, 200), ("<b", 1, -5), ("<H", 2, 60_000), ("<h", 3, -9), ("<I", 4, 2**32 - 1), ("<i", 5, -7),
              ("<f", 6, 0.5), ("<B", 7, 1), ("<Q", 10, 2**63 + 1), ("<q", 11, -(2**62)), ("<d", 12, 0.1)]  # fmt: skip
    one = b"".join(
        text(f"k{kind}".encode()) + struct.pack("<I" + form[1], kind, v) for form, kind, v in values
    )
    many = b"".join(
        text(f"a{kind}".encode()) + struct.pack(f"<IIQ2{form[1]}", 9, kind, 2, v, v)
        for form, kind, v in values
    )
    words = text(b"s") + struct.pack("<I", 8) + text("€".encode()) + text(b"l") + struct.pack("<IIQ", 9, 8, 2)
    found = read_header(
        saved(tmp_path, header(one + many + words + text(b"x") + text(b""), count=(0, 24)))
    ).fields
    for _, kind, value in values:
        assert found[f"k{kind}"] == value
        assert found[f"a{kind}"].tolist() == [value, value]
    assert found["k7"] is True
    assert (found["s"], found["l"]) == ("€", ["x", ""])


def without(name):
    return {key: tensor for key, tensor in WEIGHTS.items() if key != name}


@pytest.mark.parametrize(
    ("weights", "options", "message"),
    [
        (WEIGHTS, {"family": "gpt2"}, "must be a model of the Llama family, x.gguf is 'gpt2'"),
        (without("blk.1.attn_k.weight"), {}, "must hold the tensor blk.1.attn_k.weight"),
        (without("token_embd.weight"), {}, "must hold the tensor token_embd.weight"),
        (WEIGHTS | {"blk.0.attn_q.bias": np.ones(32, np.float32)}, {}, "has 'blk.0.attn_q.bias' too"),
        (WEIGHTS | {"blk.0.attn_q.weight": np.ones((32, 31), np.float32)}, {},
         r"blk.0.attn_q.weight of shape \(32, 32\), x.gguf has \(32, 31\)"),
        (WEIGHTS | {"output_norm.weight": np.ones(33, np.float32)}, {}, "output_norm.weight of shape"),
        (WEIGHTS, {"changed": {"llama.block_count": 3}}, "must hold the tensor blk.2."),
        (WEIGHTS, {"changed": {"llama.block_count": 2**31}}, "state llama.block_count from 1 to 4096"),
        (WEIGHTS, {"changed": {"llama.block_count": 0}}, "state llama.block_count from 1"),
        (WEIGHTS, {"changed": {"llama.block_count": None}}, "state llama.block_count, x.gguf does not"),
        (WEIGHTS, {"changed": {"llama.block_count": "2"}}, "state llama.block_count as int, x.gguf has '2'"),
        (WEIGHTS, {"changed": {"llama.attention.head_count": [4, 4]}}, "state llama.attention.head_count as int"),
        (WEIGHTS, {"changed": {"llama.attention.head_count": 64}}, "state llama.attention.key_length"),
        (WEIGHTS, {"changed": {"llama.attention.head_count_kv": 3}}, "share key heads evenly, x.gguf has 4 and 3"),
        (WEIGHTS, {"changed": {"llama.rope.dimension_count": 4}}, "rope.dimension_count equal .* 8, x.gguf has 4"),
        (WEIGHTS, {"changed": {"llama.rope.scaling.type": "yarn"}}, "scaled linearly, x.gguf has 'yarn'"),
        (WEIGHTS, {"changed": {"llama.rope.scaling.type": "linear"}}, "state llama.rope.scaling.factor"),
        (WEIGHTS, {"changed": {"llama.rope.freq_base": float("nan")}}, "state llama.rope.freq_base above 0"),
        (WEIGHTS, {"changed": {"llama.attention.layer_norm_rms_epsilon": 0.0}}, "epsilon above 0"),
    ],
)  # fmt: skip
def test_another_model_than_it_says(weights, options, message, tmp_path):
    with pytest.raises(ValueError, match=message) as error:
        LlamaFile(write_llama(tmp_path / "x.gguf", weights, **options))
    assert str(error.value).startswith("path must")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pre": "tekken"}, "split text in a known way .* has 'tekken'"),
        ({"merges": ("t h", "q zebra")}, "merges of its own tokens"),
        ({"merges": ("th",)}, "merges of two parts"),
        ({"changed": {"tokenizer.ggml.model": "llama"}}, "byte-level BPE tokenizer .* has 'llama'"),
        ({"changed": {"tokenizer.ggml.model": None}}, "byte-level BPE tokenizer .* has None"),
        ({"changed": {"tokenizer.ggml.tokens": ["a", "b"]}}, "hold 260 tokens, .* has 2"),
        ({"changed": {"tokenizer.ggml.tokens": ["a"] * 260}}, "list each token once, x.gguf has 259 again"),
        ({"changed": {"tokenizer.ggml.tokens": list(range(260))}}, "list tokens and merges"),
        ({"changed": {"tokenizer.ggml.merges": None}}, "list tokens and merges"),
        ({"changed": {"tokenizer.ggml.tokens": 260}}, "list tokens and merges"),
        ({"changed": {"tokenizer.ggml.token_type": 3}}, "kind of each token as a number"),
        ({"changed": {"tokenizer.ggml.token_type": ["a"] * 260}}, "kind of each token as a number"),
        ({"bos": True, "changed": {"tokenizer.ggml.bos_token_id": 260}}, "begins a text, x.gguf has 260"),
    ],
)
def test_a_tokenizer_that_cannot_be(options, message, tmp_path):
    file = LlamaFile(write_llama(tmp_path / "x.gguf", WEIGHTS, **options))
    with pytest.raises(ValueError, match=message) as error:
        file.tokenizer()
    assert str(error.value).startswith("path must")


def test_weights_that_are_not_numbers(tmp_path):
    broken = WEIGHTS["blk.0.ffn_up.weight"].copy()
    broken[3, 3] = np.nan
    path = write_llama(tmp_path / "x.gguf", WEIGHTS | {"blk.0.ffn_up.weight": broken})
    with pytest.raises(ValueError, match=r"path must hold finite weights in blk.0.ffn_up.weight"):
        Llama(path)
    with pytest.raises(ValueError, match=r"path must hold the tensor none"):
        LlamaFile(path).weight("none")


def test_a_type_that_nobody_dequantises(tmp_path):
    path = write_llama(tmp_path / "x.gguf", WEIGHTS | {"output_norm.weight": np.ones(32, np.int32)})
    with pytest.raises(
        ValueError, match=r"output_norm.weight in a type that gguf can dequantise, x.gguf has I32"
    ):
        Llama(path)


def test_a_file_that_shrinks_after_it_was_opened(blob, tmp_path):
    file = LlamaFile(saved(tmp_path, blob))
    saved(tmp_path, blob[:-200])
    with pytest.raises(ValueError, match=r"path must hold \d+ bytes of"):
        Llama(file)


def test_a_model_too_large_is_said_before_it_is_read(blob, tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 100_000)
    monkeypatch.setattr(LlamaFile, "weight", lambda *_: pytest.fail("read"))
    with pytest.raises(ValueError, match=r"path must be a model that fits in memory, x.gguf needs .* GB"):
        Llama(saved(tmp_path, blob))


def test_memory_is_known_or_not_asked(monkeypatch):
    assert memory.available() > 1e6
    monkeypatch.setattr(memory, "available", lambda: None)
    memory.require_room("x", 2**80)


def test_a_path_that_is_no_file(tmp_path):
    for path in (tmp_path, tmp_path / "none.gguf"):
        with pytest.raises(ValueError, match=r"path must be an existing GGUF file, got"):
            LlamaFile(path)
    assert len(vocabulary()) == 260
