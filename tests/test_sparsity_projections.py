"""A decoder's projections, watched and exchanged, on a tiny random model: exact moments, the model as it was before."""

import numpy as np
import pytest

pytest.importorskip("gguf")
pytest.importorskip("tokenizers")

from hdspike.models import Llama, softmax
from hdspike.sparsity import decoder_bytes, decoder_keys, equal_bytes, projections, short_keys
from hdspike.sparsity.low_rank import truncated
from tests.tiny_models import LLAMA, llama_weights, write_llama


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "tiny.gguf"
    write_llama(path, llama_weights(np.random.default_rng(0)))
    return Llama(path)


@pytest.fixture(scope="module")
def windows():
    return np.random.default_rng(1).integers(0, 250, (3, 40))


def arrays(model):
    return [array for block in model.blocks for array in block.values()]


def test_a_watched_model_computes_the_same_and_comes_back(model, windows):
    before = arrays(model)
    plain = model.hidden(windows[0])
    with projections.watched(model) as moments:
        np.testing.assert_array_equal(model.hidden(windows[0]), plain)
    assert all(one is other for one, other in zip(arrays(model), before, strict=True))
    assert set(moments.counts.values()) == {40}
    assert len(moments.counts) == 4 * LLAMA["layers"]


def test_the_moments_of_the_queries_are_those_of_the_normed_embedding(model, windows):
    moments = decoder_bytes.moments_of(model, windows, layers=[0])
    x = model.embedding[windows.ravel()].astype(np.float64)
    x *= model.blocks[0]["attn_norm"] / np.sqrt(np.mean(x * x, axis=1, keepdims=True) + LLAMA["epsilon"])
    np.testing.assert_allclose(moments.of(0, "q"), x.T @ x / len(x), rtol=1e-4, atol=1e-5)
    assert moments.of(0, "k") is not None  # the inputs are the same
    np.testing.assert_array_equal(moments.of(0, "v"), moments.of(0, "q"))
    assert moments.of(0, "down").shape == (LLAMA["hidden"],) * 2
    assert set(moments.counts.values()) == {windows.size}


def test_exchanged_weights_act_and_leave(model, windows):
    before, plain = arrays(model), model.hidden(windows[0])
    own = {
        (layer, kind): projections.weights_of(model, layer, kind)
        for layer in (0, 1)
        for kind in projections.KINDS
    }
    with projections.exchanged(model, own):
        np.testing.assert_array_equal(model.hidden(windows[0]), plain)
    with projections.exchanged(model, {(1, "up"): 2 * own[1, "up"], (1, "down"): own[1, "down"] / 2}):
        np.testing.assert_allclose(model.hidden(windows[0]), plain, rtol=1e-3, atol=1e-3)  # up·2 · down/2
    with pytest.raises(TypeError), projections.exchanged(model, {(1, "up"): 2 * own[1, "up"]}):
        model.hidden("not tokens")
    assert all(one is other for one, other in zip(arrays(model), before, strict=True))
    with projections.exchanged(model, {(0, "o"): 0 * own[0, "o"]}):
        assert np.abs(model.hidden(windows[0]) - plain).max() > 0.1


def test_more_bytes_are_nearer_and_known_inputs_help_the_outputs(model, windows):
    known = decoder_bytes.moments_of(model, windows)
    rows = {
        share: decoder_bytes.projection_errors(model, [0, 1], share, known, known) for share in (0.3, 0.6)
    }
    for few, many in zip(rows[0.3], rows[0.6], strict=True):
        assert many["weights"] < few["weights"]
        n_in, n_out = projections.weights_of(model, few["layer"], few["kind"]).shape
        assert few["bytes"] <= 0.3 * 2 * n_in * n_out
    mean = {
        method: np.mean([row["outputs"] for row in rows[0.6] if row["method"] == method])
        for method in decoder_bytes.METHODS
    }
    assert mean["low rank, inputs known"] < mean["low rank"]
    assert mean["sparse, inputs known"] < mean["sparse"]
    weights = projections.weights_of(model, 0, "gate")
    made = decoder_bytes.exchanged_weights(model, "gate", "low rank", 0.6, known)
    kept = equal_bytes.low_rank(weights, int(0.6 * 2 * weights.size))
    np.testing.assert_array_equal(made[0, "gate"], kept.weights.astype(np.float32))
    direct = truncated(weights, kept.numbers // sum(weights.shape)).error
    assert equal_bytes.relative_error(weights, kept.weights) == pytest.approx(direct, abs=2e-3)  # float16


def test_a_curve_falls_and_stands_beside_its_laws():
    weights = np.random.default_rng(0).normal(size=(60, 80))
    entry = decoder_bytes.curve(weights, (0.2, 0.5, 0.8), known=np.eye(60), judged=np.eye(60))
    for method in ("low rank", "sparse"):
        found = entry["methods"][method]["weights"]
        assert found[0] > found[1] > found[2]
        np.testing.assert_allclose(found, entry["law"][method], atol=0.06)
        np.testing.assert_allclose(found, entry["methods"][method]["outputs"], rtol=1e-6)
    assert 1 < entry["effective_rank"] < 60


def test_recall_of_a_head_is_that_of_its_own_keys(model, windows):
    rows = decoder_keys.key_recall(model, windows[0], windows[1:], layers=[1], rooms=[16], every=3, share=0.1)
    assert [row["kind"] for row in rows] == list(short_keys.KINDS)
    assert all(len(row["heads"]) == LLAMA["heads"] for row in rows)
    whole = next(row for row in rows if row["kind"] == "low rank float16")  # 8 of 8 numbers
    assert min(whole["heads"]) > 0.9
    heads = decoder_keys.Heads([1])
    model.hidden(windows[1], heads)
    assert list(heads.held) == [1]
    queries, keys = heads.held[1]
    assert queries.shape[0] == 2 * keys.shape[0] == LLAMA["heads"]
    seen = np.arange(1, 41)
    np.testing.assert_array_equal(
        heads(queries, keys, keys, layer=0, seen=seen), softmax(queries, keys, keys, layer=0, seen=seen)
    )


BAD = [
    (lambda m: projections.weights_of(m, 2, "q"), ValueError, "layer must be at most 1, got 2"),
    (lambda m: projections.weights_of(m, 0, "x"), ValueError, "kind must be one of q, k, v"),
    (lambda m: projections.inputs_of("x"), ValueError, "kind must be one of q, k, v"),
    (
        lambda m: projections.Moments().of(0, "q"),
        ValueError,
        "layer must be one that was watched, got 0 for q",
    ),
    (lambda m: decoder_bytes.moments_of(m, [], layers=[5]), ValueError, "layers must be at most 1, got 5"),
    (
        lambda m: projections.exchanged(m, {(0, "q"): np.eye(3)}).__enter__(),
        ValueError,
        "others must hold finite",
    ),
    (
        lambda m: decoder_bytes.smaller(np.eye(3), "x", 0.5, None),
        ValueError,
        "method must be one of low rank",
    ),
    (
        lambda m: decoder_bytes.smaller(np.eye(3), "sparse", 0, None),
        ValueError,
        r"share must be in \(0, 1\], got 0",
    ),
    (
        lambda m: decoder_keys.key_recall(m, [1], [], layers=[0], rooms=[4], every=0),
        ValueError,
        "every must be at least 1, got 0",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_a_bad_argument_is_named_with_its_rule_and_value(model, call, error, message):
    with pytest.raises(error, match=f"^{message}"):
        call(model)
