"""The decoder: a tiny random Llama out of a GGUF file, beside a slow twin; windows, cache, generation."""

import math

import numpy as np
import pytest

pytest.importorskip("gguf")
pytest.importorskip("tokenizers")

from gguf import GGMLQuantizationType, quants

from hdspike.models import KWTA, Cache, Llama, LlamaFile, generate, perplexity, second_half, softmax, windows
from hdspike.models import llama as decoder
from tests.naive import models as naive
from tests.tiny_models import END, LLAMA, MERGES, llama_weights, vocabulary, write_llama

SIZES = {key: LLAMA[key] for key in ("layers", "heads", "key_heads", "epsilon", "base")}
TOKENS = [5, 250, 17, 17, 99, 3]
Q8 = GGMLQuantizationType.Q8_0


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The tiny model, its weights as attribute ``given``."""
    weights = llama_weights(np.random.default_rng(0))
    made = Llama(write_llama(tmp_path_factory.mktemp("llama") / "tiny.gguf", weights))
    made.given = weights
    return made


def test_logits_and_losses_are_those_of_the_twin(model):
    wanted = naive.llama(model.given, TOKENS, **SIZES)
    assert np.allclose(model.logits(model.hidden(TOKENS)), wanted, atol=2e-4)
    assert np.allclose(model.losses(TOKENS), naive.losses(wanted, TOKENS), atol=2e-4)
    assert np.allclose(model.losses(TOKENS, first=4), naive.losses(wanted, TOKENS)[3:], atol=2e-4)
    assert len(model.losses(TOKENS, first=6)) == 0


def test_what_a_model_may_have(tmp_path):
    """A readout of its own, rotary factors, positions scaled, other bases, weights in blocks of eight bits."""
    weights = llama_weights(np.random.default_rng(1), own_readout=True, factors=True)
    kinds = {name: Q8 for name, tensor in weights.items() if tensor.ndim == 2}
    changed = {
        "llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 4.0, "llama.rope.freq_base": 500.0,
        "llama.rope.dimension_count": 8, "general.alignment": 64,
    }  # fmt: skip
    model = Llama(LlamaFile(write_llama(tmp_path / "x.gguf", weights, kinds=kinds, changed=changed)))
    for name in kinds:
        weights[name] = quants.dequantize(quants.quantize(weights[name], Q8), Q8)
    more = {"base": 500.0, "scale": 4.0, "factors": weights["rope_freqs.weight"]}
    wanted = naive.llama(weights, TOKENS, **SIZES | more)
    assert np.allclose(model.logits(model.hidden(TOKENS)), wanted, atol=2e-4)
    assert model.file.numbers == sum(w.size for w in weights.values())


def test_attention_is_a_plug(model):
    """k-winner-take-all in every layer, and what the plug is given."""
    plug, seen_by = KWTA(2, sinks=1), []

    def watched(queries, keys, values, *, layer, seen):
        seen_by.append((layer, queries.shape, keys.shape, values.shape, seen.tolist()))
        return plug(queries, keys, values, layer=layer, seen=seen)

    logits = model.logits(model.hidden(TOKENS, watched))
    wanted = naive.llama(model.given, TOKENS, **SIZES, keep=lambda s: naive.winners(s, 1, 0, 2))
    assert np.allclose(logits, wanted, atol=2e-4)
    assert not np.allclose(logits, model.logits(model.hidden(TOKENS)), atol=1e-2)
    assert seen_by == [(i, (4, 6, 8), (2, 6, 8), (2, 6, 8), [1, 2, 3, 4, 5, 6]) for i in range(2)]
    assert plug.kept == 2 * 4 * (1 + 5 * 2)


@pytest.mark.parametrize("positions", [1, 4, 512])
def test_blocks_of_positions_change_nothing(model, positions, monkeypatch):
    wanted = model.hidden(TOKENS * 3)
    monkeypatch.setattr(decoder, "POSITIONS", positions)
    monkeypatch.setattr(decoder, "READOUT", positions)
    assert np.allclose(model.hidden(TOKENS * 3), wanted, atol=1e-5)
    assert len(model.losses(TOKENS * 3)) == 17


@pytest.mark.parametrize("plug", [softmax, KWTA(3)])
@pytest.mark.parametrize("cuts", [[1, 2, 3, 4, 5], [4], []])
def test_token_by_token_is_at_once(model, plug, cuts):
    """The cache starts too small and grows."""
    cache = Cache(model.shape, capacity=2)
    before = cache.bytes
    states = [model.hidden(part, plug, cache=cache) for part in np.split(np.array(TOKENS), cuts)]
    assert np.allclose(np.concatenate(states), model.hidden(TOKENS, plug), atol=1e-5)
    assert cache.length == len(TOKENS)
    assert before == 2 * 2 * 2 * 2 * 8 * 4 < cache.bytes


def test_a_step_that_fails_leaves_the_cache(model):
    cache = Cache(model.shape)
    model.hidden(TOKENS, cache=cache)

    def broken(*arrays, layer, seen):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.hidden([1], broken, cache=cache)
    assert np.allclose(model.hidden([7], cache=cache), model.hidden([*TOKENS, 7])[-1:], atol=1e-5)


def test_generation(model):
    row = list(TOKENS)
    for _ in range(5):
        row.append(int(model.logits(model.hidden(row)[-1:])[0].argmax()))
    greedy = list(generate(model, TOKENS, 5))
    assert greedy == row[len(TOKENS) :]
    assert list(generate(model, TOKENS, 5, stop=greedy[1])) == greedy[: greedy.index(greedy[1]) + 1]
    assert list(generate(model, TOKENS, 0)) == []
    assert list(generate(model, TOKENS, 3, KWTA("100%"))) == greedy[:3]
    warm = [list(generate(model, TOKENS, 8, temperature=5.0, rng=seed)) for seed in (1, 1, 2)]
    assert warm[0] == warm[1] != warm[2]
    assert list(generate(model, TOKENS, 5, temperature=1e-6, rng=0)) == greedy


def test_draws_have_the_probabilities_of_the_logits(model):
    logits = model.logits(model.hidden(TOKENS)[-1:])[0].astype(float)
    p = np.exp(logits - logits.max())
    p /= p.sum()
    best = int(p.argmax())
    rng, draws = np.random.default_rng(0), 300
    hits = sum(next(generate(model, TOKENS, 1, temperature=1.0, rng=rng)) == best for _ in range(draws))
    assert abs(hits - draws * p[best]) < 4 * math.sqrt(draws * p[best] * (1 - p[best]))


def test_windows_and_the_perplexity_of_their_second_halves(model):
    text = np.arange(25) % 7
    cut = windows(text, 8)
    assert cut.tolist() == [text[i : i + 8].tolist() for i in (0, 8, 16)]
    assert windows(text, 8, count=2).tolist() == cut[:2].tolist()
    losses = second_half(model, cut[1])
    assert np.allclose(losses, model.losses(cut[1])[3:], atol=1e-6)
    assert len(losses) == 4
    assert math.isclose(perplexity(losses), math.exp(losses.mean()))
    shown = []
    second_half(model, cut[0], KWTA(2), progress=shown.append)
    assert shown == [0, 1]


def test_the_tokenizer(model):
    tokenizer = model.file.tokenizer()
    names = vocabulary()
    text = "the the 42 th\ne naïve €"
    ids = tokenizer.encode(text).ids
    assert [names[i] for i in ids][:5] == ["the", "Ġthe", "Ġ", "4", "2"]
    assert tokenizer.decode(ids) == text
    marked = tokenizer.encode(f"the{END}").ids
    assert marked == [names.index("the"), 259]
    assert tokenizer.decode(marked) == "the"


@pytest.mark.parametrize(
    ("pre", "number"),
    [("smollm", ["4", "2", "0", "0"]), ("gpt-2", ["420", "0"]), ("llama-bpe", ["420", "0"])],
)
def test_how_numbers_are_cut(pre, number, tmp_path):
    """Merges of digits: used unless digits are single, and over four digits only in words of three."""
    merges = ("4 2", "42 0", "0 0")
    changed = {"tokenizer.ggml.tokens": [*vocabulary()[:256], "42", "420", "00", END]}
    file = LlamaFile(
        write_llama(
            tmp_path / "x.gguf",
            llama_weights(np.random.default_rng(0)),
            pre=pre,
            merges=merges,
            changed=changed,
        )
    )
    assert file.tokenizer().encode("4200").tokens == number
    assert file.tokenizer().decode(file.tokenizer().encode("a 4200").ids) == "a 4200"


def test_a_mark_that_begins_a_text(tmp_path):
    path = write_llama(tmp_path / "x.gguf", llama_weights(np.random.default_rng(0)), bos=True)
    tokenizer = LlamaFile(path).tokenizer()
    assert tokenizer.encode("the").ids == [259, vocabulary().index("the")]
    assert tokenizer.encode("the", add_special_tokens=False).ids == [vocabulary().index("the")]
    assert len(MERGES) == 3


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda m: m.hidden([]), ValueError, "tokens must be at least one"),
        (lambda m: m.hidden([260]), ValueError, r"tokens must be in \[0, 260\), got 260"),
        (lambda m: m.hidden([-1]), ValueError, r"tokens must be in \[0, 260\), got -1"),
        (lambda m: m.hidden([[1]]), ValueError, "tokens must have 1 dimension"),
        (lambda m: m.hidden([1.5]), TypeError, "tokens must have dtype int64"),
        (lambda m: m.losses([1, 2], first=3), ValueError, "first must be at most 2"),
        (lambda m: m.losses([1, 2], first=0), ValueError, "first must be at least 1"),
        (lambda m: generate(m, [], 3), ValueError, "tokens must be at least one"),
        (lambda m: generate(m, [1], -1), ValueError, "count must be at least 0"),
        (lambda m: generate(m, [1], 1, temperature=-1.0), ValueError, "temperature must be at least 0"),
        (lambda m: generate(m, [1], 1, temperature=float("nan")), ValueError, "temperature must be at least 0"),
        (lambda m: generate(m, [1], 1, rng=-1), ValueError, "rng must be a seed"),
        (lambda m: Cache(m.shape, capacity=0), ValueError, "capacity must be at least 1"),
        (lambda m: windows([1, 2, 3], 4), ValueError, r"tokens must be at least 1 window\(s\) of 4, got 3 tokens"),
        (lambda m: windows([1, 2, 3], 2, count=2), ValueError, r"tokens must be at least 2 window\(s\) of 2"),
        (lambda m: windows([1, 2, 3], 1), ValueError, "context must be at least 2"),
        (lambda m: windows([1, 2, 3], 2, count=0), ValueError, "count must be at least 1"),
        (lambda m: second_half(m, [[1]]), ValueError, "window must have 1"),
        (lambda m: perplexity([]), ValueError, "losses must be finite and at least one"),
        (lambda m: perplexity([np.nan]), ValueError, "losses must be finite"),
    ],
)  # fmt: skip
def test_bad_input(call, kind, message, model):
    with pytest.raises(kind, match=message):
        call(model)
