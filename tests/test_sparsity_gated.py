"""Few neurons of a gated feed-forward: rules beside a slow twin, what is counted, a tiny model, a layer that learns."""

import doctest
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike.models.feed_forward import gated as dense
from hdspike.models.feed_forward import silu
from hdspike.sparsity import gated
from hdspike.sparsity.gated import RULES, Kept, Natural, bars, share_read
from hdspike.sparsity.gated_layer import Gated, learned
from hdspike.sparsity.gated_quality import Judge, time_of_token
from hdspike.sparsity.layer import Linear
from hdspike.sparsity.task import Task, digits
from hdspike.sparsity.training import Network, cross_entropy
from tests.naive import sparse_active as naive

SHARED = tuple(rule for rule in RULES if rule != "relu")


def drawn(tokens, dim, hidden, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(tokens, dim)).astype(np.float32)
    gate, up = (rng.normal(size=(hidden, dim)).astype(np.float32) for _ in range(2))
    return x, gate, up, rng.normal(size=(dim, hidden)).astype(np.float32)


def test_the_examples():
    assert doctest.testmod(gated).failed == 0


@given(
    by=st.sampled_from(RULES), tokens=st.integers(0, 3), dim=st.sampled_from([1, 2, 7]),
    hidden=st.sampled_from([1, 2, 33]), share=st.floats(0.01, 1), seed=st.integers(0, 99),
)  # fmt: skip
def test_a_rule_is_its_twin(by, tokens, dim, hidden, share, seed):
    x, *weights = drawn(tokens, dim, hidden, seed)
    plug = Kept(None if by == "relu" else share, by=by, rng=seed)
    found = plug(x, *weights, layer=0)
    lots = np.random.default_rng(seed).random((tokens, hidden), dtype=np.float32)
    each = [naive.gated(row, *weights, by=by, share=share, drawn=lots[i].tolist()) for i, row in enumerate(x)]
    assert np.allclose(found, np.array([one[0] for one in each]).reshape(tokens, dim), atol=1e-3)
    assert plug.kept == sum(len(one[1]) for one in each)
    assert plug.neurons == tokens * hidden
    assert found.dtype == np.float32


@given(by=st.sampled_from(["product", "gate", "up"]), bar=st.floats(0, 2), seed=st.integers(0, 99))
def test_a_threshold_lets_each_token_have_its_number(by, bar, seed):
    x, *weights = drawn(4, 5, 33, seed)
    plug = Kept(by=by, bars=np.array([9.0, bar]))
    found = plug(x, *weights, layer=1)
    each = [naive.gated(row, *weights, by=by, bar=float(np.float32(bar))) for row in x]
    assert plug.kept == sum(len(one[1]) for one in each)
    assert np.allclose(found, np.array([one[0] for one in each]), atol=1e-3)


@pytest.mark.parametrize("by", SHARED)
def test_all_neurons_are_the_dense_layer(by):
    x, *weights = drawn(5, 6, 20, 0)
    plug = Kept(1.0, by=by)
    assert np.allclose(plug(x, *weights, layer=0), dense(x, *weights, layer=0), atol=1e-5)
    assert plug.found_share == plug.read == share_read(by, 1.0) == 1


def test_the_oracle_is_nearest_to_the_dense_layer():
    """Of all choices of k neurons it leaves out those that add least, before the weights of W_down are known."""
    x, *weights = drawn(200, 16, 64, 1)
    weights[2] /= np.linalg.norm(weights[2], axis=0)
    wanted = dense(x, *weights, layer=0)
    error = {by: np.linalg.norm(Kept(0.3, by=by)(x, *weights, layer=0) - wanted) for by in SHARED}
    assert error["product"] == min(error.values())
    assert error["random"] > 1.5 * max(error["gate"], error["up"])


READ = {
    "product": 2 / 3 + 0.1,
    "gate": 1 / 3 + 0.2,
    "up": 1 / 3 + 0.2,
    "relu": 1 / 3 + 0.2,
    "random": 0.3,
    "input": 0.3,
}


@pytest.mark.parametrize(("by", "wanted"), READ.items())
def test_what_a_rule_looks_at_is_read(by, wanted):
    assert share_read(by, 0.3) == pytest.approx(wanted)
    assert share_read(by, 1) == 1


def test_how_sparse_a_layer_is_by_itself():
    """One neuron of four holds all; one has a closed gate; one is small."""
    gate = np.array([[8.0], [8.0], [8.0], [-8.0]], dtype=np.float32)
    up = np.array([[1.0], [0.05], [0.0], [1.0]], dtype=np.float32)
    plug = Natural(2, thresholds=(0.01, 0.1), parts=(0.5, 0.9999))
    x = np.ones((3, 1), dtype=np.float32)
    for layer in (0, 1, 1):
        found = plug(x, gate, up, np.ones((1, 4), dtype=np.float32), layer=layer)
    assert np.allclose(found, dense(x, gate, up, np.ones((1, 4), dtype=np.float32), layer=0))
    assert plug.closed.tolist() == [0.25, 0.25]
    assert np.allclose(plug.below, [[0.5, 0.5], [0.75, 0.75]])
    assert np.allclose(plug.holding, [[0.25, 0.25], [0.5, 0.5]])


# --- a tiny model -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    pytest.importorskip("gguf")
    from hdspike.models import Llama
    from tests.tiny_models import llama_weights, write_llama

    path = tmp_path_factory.mktemp("llama") / "tiny.gguf"
    return Llama(write_llama(path, llama_weights(np.random.default_rng(0))))


TOKENS = np.random.default_rng(0).integers(0, 250, 24)


def test_the_model_takes_the_plug(model):
    """In each layer, in the order of the text, also where it is worked off in parts and behind a cache."""
    from hdspike.models import Cache, second_half

    reference = model.losses(TOKENS)
    assert np.array_equal(model.losses(TOKENS, feed_forward=dense), reference)
    assert np.allclose(model.losses(TOKENS, feed_forward=Kept(1.0)), reference, atol=1e-5)
    assert not np.allclose(model.losses(TOKENS, feed_forward=Kept(0.1)), reference, atol=1e-2)
    plug, called = Kept(0.25, by="gate"), []

    def watched(x, *weights, layer):
        called.append((layer, len(x)))
        return plug(x, *weights, layer=layer)

    states = model.hidden(TOKENS, feed_forward=watched)
    assert called == [(0, 24), (1, 24)]
    assert plug.found_share == 0.25 and plug.kept == 2 * 24 * 16
    cache = Cache(model.shape)
    parts = [
        model.hidden(some, cache=cache, feed_forward=Kept(0.25, by="gate")) for some in np.split(TOKENS, [7])
    ]
    assert np.allclose(np.concatenate(parts), states, atol=1e-4)
    half = second_half(model, TOKENS, feed_forward=Kept(0.25, by="gate"))
    assert np.allclose(half, model.losses(TOKENS, first=12, feed_forward=Kept(0.25, by="gate")))


@pytest.mark.parametrize("by", ["product", "gate", "up"])
def test_thresholds_keep_their_share_of_the_text_that_they_come_from(model, by):
    found = bars(model, TOKENS, (0.5, 0.1), by=by)
    assert all(bar.shape == (2,) and bar.dtype == np.float32 for bar in found.values())
    assert (found[0.1] > found[0.5]).all()
    kept = [0, 0]

    def watched(x, *weights, layer):
        plug = Kept(by=by, bars=found[0.1])
        plug(x, *weights, layer=layer)
        kept[layer] = plug.found_share
        return dense(x, *weights, layer=layer)

    model.hidden(TOKENS, feed_forward=watched)
    assert np.allclose(kept, 0.1, atol=1 / len(TOKENS))


def test_a_judge_learns_thresholds_once_and_opens_the_model_when_needed(model):
    opened = []

    def opening():
        opened.append(1)
        return model

    judge = Judge(opening, TOKENS, {"gate": (0.5, 0.2)})
    assert not opened
    whole = judge.lost(TOKENS, by="dense")
    assert np.allclose(whole["losses"], model.losses(TOKENS, first=12)) and whole["share"] == 1
    bar = judge.lost(TOKENS, by="gate", bar=0.2)
    assert bar["share"] == pytest.approx(0.2, abs=0.03)
    assert judge.plug("gate", bar=0.2).bars is judge.plug("gate", bar=0.2).bars
    assert judge.lost(TOKENS, by="up", share=0.5)["share"] == 0.5
    assert 0.3 < judge.lost(TOKENS, by="relu")["share"] < 0.7
    natural = judge.natural(np.stack([TOKENS, TOKENS[::-1]]))
    assert natural["holding"].shape == (3, 2) and (np.diff(natural["holding"], axis=0) > 0).all()
    assert opened == [1]


def test_the_time_of_a_token_is_measured():
    found = time_of_token(2, 65, 9, shares=(1.0, 0.1), rounds=2, rng=0)
    assert found["dense_seconds"] > 0 and [row["share"] for row in found["rows"]] == [1.0, 0.1]
    assert [row["read"] for row in found["rows"]] == [1.0, pytest.approx(0.4)]
    assert all(0 < row["low"] <= row["ratio"] <= row["high"] for row in found["rows"])


# --- a layer that learns ------------------------------------------------------------------------------


@pytest.mark.parametrize("relu", [False, True])
def test_gradients_are_those_of_differences(relu):
    rng = np.random.default_rng(0)
    layer = Gated(5, 7, 4, relu=relu, dtype=np.float64, rng=rng)
    x, labels = rng.normal(size=(6, 5)), rng.integers(0, 4, 6)
    x[0] = 0  # a gate of exactly zero
    x[1:] += 0.01

    def loss():
        return cross_entropy(layer.forward(x, training=True), labels)

    _, upstream = loss()
    back = layer.backward(upstream)
    arrays = {**layer.parameters, "x": x}
    for name, array in arrays.items():
        exact = back if name == "x" else layer.gradients[name]
        for place in list(np.ndindex(array.shape))[:: max(1, array.size // 12)]:
            if relu and name == "x" and place[0] == 0:
                continue  # a corner
            held, step = array[place], 1e-6
            array[place] = held + step
            more = loss()[0]
            array[place] = held - step
            less = loss()[0]
            array[place] = held
            assert exact[place] == pytest.approx((more - less) / (2 * step), abs=1e-7)


def test_the_layer_is_the_feed_forward_and_takes_its_plugs():
    layer = Gated(5, 40, 5, rng=0)
    x = np.random.default_rng(0).normal(size=(9, 5)).astype(np.float32)
    weights = [layer.parameters[name] for name in ("W_gate", "W_up", "W_down")]
    assert np.allclose(layer.forward(x), dense(x, *weights, layer=0), atol=1e-6)
    assert layer.cost().macs == layer.cost().stored == 3 * 5 * 40
    layer.plug = Kept(0.25, by="gate")
    found = layer.forward(x)
    assert np.allclose(found, Kept(0.25, by="gate")(x, *weights, layer=0), atol=1e-6)
    assert layer.cost().macs == pytest.approx(600 * 0.5) and layer.cost().stored == 600
    layer.relu, layer.plug = True, None
    h = np.maximum(x @ weights[0].T, 0) * (x @ weights[1].T)
    assert np.allclose(layer.forward(x), h @ weights[2].T, atol=1e-6)
    assert Network([layer, Linear(5, 2, rng=0)]).forward(x).shape == (9, 2)


def test_what_is_learned_is_lost_when_few_speak():
    whole = digits(rng=0)
    task = Task("digits", whole.train_x[:500], whole.train_y[:500], whole.test_x[:200], whole.test_y[:200])
    found = learned(task, {"product": (1.0, 0.02), "random": (0.2,)}, hidden=48, epochs=12, rng=1)
    assert found["dense"] == found["rules"]["product"][0] > 0.75
    assert found["rules"]["product"][1] < found["dense"] - 0.1
    assert found["rules"]["random"][0] < found["dense"] - 0.1
    assert found["retrained"] > 0.75 and found["from scratch"] > 0.75
    assert all(0.1 < share < 0.9 for share in found["zeros"])


def test_silu_bears_any_number():
    assert silu(np.array([-1e4, 0, 1e4], dtype=np.float32)).tolist() == [0, 0, 1e4]
    assert math.isclose(float(silu(np.array(1.0))), 1 / (1 + math.exp(-1)))


BAD = [
    (lambda: Kept(0), ValueError, "share must be above 0, got 0"),
    (lambda: Kept(1.01), ValueError, r"share must be in \[0, 1\], got 1.01"),
    (lambda: Kept(float("nan")), ValueError, "share must be in"),
    (lambda: Kept("all"), TypeError, "share must be a number"),
    (lambda: Kept(), ValueError, "product must be given share or bars, not both, got share None, bars None"),
    (lambda: Kept(0.5, bars=np.ones(2)), ValueError, "product must be given share or bars, not both"),
    (lambda: Kept(0.5, by="relu"), ValueError, "relu must be given neither share nor bars"),
    (lambda: Kept(by="input", bars=np.ones(2)), ValueError, "bars must be of product, gate, up, got by 'input'"),
    (lambda: Kept(0.5, by="oracle"), ValueError, "by must be one of product, gate, .*relu, got 'oracle'"),
    (lambda: share_read("gate", 1.5), ValueError, "share must be in"),
    (lambda: share_read("dense", 0.5), ValueError, "by must be one of"),
    (lambda: bars(None, TOKENS, (0.5,), by="input"), ValueError, "by must be one of product, gate, up"),
    (lambda: bars(None, TOKENS, (1.5,), by="gate"), ValueError, "share must be in"),
    (lambda: Natural(0), ValueError, "layers must be at least 1"),
    (lambda: Gated(4, 0, 4, rng=0), ValueError, "hidden must be at least 1, got 0"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "message"), BAD)
def test_what_is_refused(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
