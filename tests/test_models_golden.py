"""The fetched models beside ``transformers`` on the same files (``tests/golden/models_oracle.py``)."""

import json
from pathlib import Path

import numba
import numpy as np
import pytest

pytest.importorskip("gguf")
pytest.importorskip("safetensors")
pytest.importorskip("tokenizers")

from hdspike import datasets
from hdspike.models import KWTA, Encoder, Llama, generate
from tests.golden.models_oracle import NUMBERS, SENTENCES, SHOWN, TEXT

JIT = not numba.config.DISABLE_JIT
GOLDEN = json.loads(Path(__file__).with_name("golden").joinpath("models.json").read_text(encoding="utf-8"))


def folder(name):
    try:
        return datasets.path(name)
    except datasets.Absent as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """BLAS threads that wait for a busy core cost more than they bring."""
    limits = pytest.importorskip("threadpoolctl").threadpool_limits
    with limits(1, user_api="blas"):
        yield


@pytest.fixture(scope="module")
def model():
    (path,) = folder("smollm2").glob("*.gguf")
    return Llama(path)


def test_tokens_are_those_of_its_authors_tokenizer(model):
    tokenizer = model.file.tokenizer()
    assert tokenizer.encode(TEXT).ids == GOLDEN["smollm2"]["tokens"]
    assert tokenizer.decode(GOLDEN["smollm2"]["tokens"]) == TEXT
    assert tokenizer.encode("<|im_start|>user\nHi 42<|im_end|>\n").ids == GOLDEN["smollm2"]["chat"]


def test_logits_losses_and_text_are_those_of_transformers(model):
    golden = GOLDEN["smollm2"]
    tokens = golden["tokens"]
    logits = model.logits(model.hidden(tokens)[list(SHOWN)])[:, NUMBERS]
    assert np.abs(logits - golden["logits"]).max() < 1e-3
    losses = model.losses(tokens)
    assert np.abs(losses - golden["losses"]).max() < 1e-3
    assert abs(losses.mean() - np.mean(golden["losses"])) < 2e-5
    assert list(generate(model, tokens[:40], 6)) == golden["greedy"][:6]


@pytest.mark.skipif(not JIT, reason="NUMBA_DISABLE_JIT=1: a million scores are far too slow")
def test_sparse_attention_costs_quality_and_more_winners_less(model):
    tokens = GOLDEN["smollm2"]["tokens"]
    whole, *sparse = (
        model.losses(tokens, plug, first=32).mean() for plug in (KWTA("100%"), KWTA("20%"), KWTA(2))
    )
    assert abs(whole - np.mean(GOLDEN["smollm2"]["losses"][31:])) < 1e-4
    assert whole < sparse[0] < sparse[1]


def test_sentences_are_those_of_transformers():
    encoder = Encoder(folder("minilm"))
    golden = GOLDEN["minilm"]
    assert [encoder.tokenizer.encode(text).ids for text in SENTENCES] == golden["tokens"]
    out = encoder.encode(SENTENCES)
    assert np.abs(out[:, ::16] - golden["embeddings"]).max() < 2e-6
    assert np.abs(out @ out.T - golden["cosines"]).max() < 5e-6
    assert out[0] @ out[1] > 0.5 > out[0] @ out[2]
