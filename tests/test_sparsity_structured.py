"""Blocks, neurons, heads: what goes, and that what is left computes the same when it is taken out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike.sparsity.block_product import BlockMatrix
from hdspike.sparsity.head_layer import Attention, Tokens, attending, head_importance, without_heads
from hdspike.sparsity.layer import Cost, Linear, Relu
from hdspike.sparsity.pruning import apply_masks, magnitude_masks, sparsity_of
from hdspike.sparsity.structured import block_masks, neuron_importance, neuron_masks, shrink
from hdspike.sparsity.structured_forms import FORMS, executable, pruned
from hdspike.sparsity.training import Network, cross_entropy, perceptron, train
from tests.naive import sparse_pruning as slow


@given(
    widths=st.sampled_from([(1, 1), (5, 3), (7, 9, 2), (16, 17, 3)]),
    block=st.integers(1, 6),
    sparsity=st.sampled_from([0.0, 0.3, 0.5, 0.9, 0.99]),
    values=st.integers(1, 4),
    seed=st.integers(0, 50),
)
def test_block_masks_are_their_slow_twin(widths, block, sparsity, values, seed) -> None:
    random, network = np.random.default_rng(seed), perceptron(widths, rng=0, dtype=np.float64)
    for layer in network.linear:
        layer.weights[...] = random.integers(0, values, layer.weights.shape)
    masks = block_masks(network, sparsity, block=block)
    expected = slow.block_masks([layer.weights.tolist() for layer in network.linear], block, sparsity)
    assert [mask.tolist() for mask in masks] == expected
    if block == 1:
        plain = magnitude_masks(network, sparsity)
        assert all(np.array_equal(a, b) for a, b in zip(masks, plain, strict=True))


def test_blocks_of_each_layer_alone_and_of_what_exists() -> None:
    network = perceptron((8, 8, 8), rng=0)
    network.linear[1].weights[...] *= 100
    assert [m.sum() for m in block_masks(network, 0.5, block=4)] == [0, 64]
    masks = block_masks(network, 0.5, block=4, scope="layer")
    assert [m.sum() for m in masks] == [32, 32]
    apply_masks(network, magnitude_masks(network, 0.75))
    for mask, layer in zip(block_masks(network, 0.5, block=4), network.linear, strict=True):
        assert not (mask & ~layer.mask).any()


@pytest.mark.parametrize("block", [3, 4, 8])
def test_a_block_masked_network_is_its_block_products(block: int) -> None:
    network = perceptron((17, 23, 5), rng=1, dtype=np.float64)
    apply_masks(network, block_masks(network, 0.6, block=block))
    x = np.random.default_rng(0).standard_normal((9, 17))
    y = x
    for layer in network.layers:
        y = (
            layer.forward(y)
            if isinstance(layer, Relu)
            else BlockMatrix(layer.weights, size=block)(y) + layer.parameters["b"]
        )
    np.testing.assert_allclose(y, network.forward(x), atol=1e-12)


def test_importance_ignores_how_a_relu_is_scaled() -> None:
    network = perceptron((5, 4, 3), rng=0, dtype=np.float64)
    before = neuron_importance(network)[0]
    network.linear[0].weights[:, 2] *= 7
    network.linear[1].weights[2] /= 7
    np.testing.assert_allclose(neuron_importance(network)[0], before)
    expected = [
        np.sqrt(sum(network.linear[0].weights[i, u] ** 2 for i in range(5)))
        * np.sqrt(sum(network.linear[1].weights[u, o] ** 2 for o in range(3)))
        for u in range(4)
    ]
    np.testing.assert_allclose(before, expected)


@pytest.mark.parametrize(("dtype", "close"), [(np.float32, 1e-6), (np.float64, 1e-12)])
def test_a_network_without_pruned_neurons_gives_the_same(dtype, close: float) -> None:
    random = np.random.default_rng(0)
    network = perceptron((16, 60, 30, 10), rng=0, dtype=dtype)
    for layer in network.linear:
        layer.parameters["b"][...] = 0.1 * random.standard_normal(len(layer.parameters["b"]))
    apply_masks(network, neuron_masks(network, 0.9))
    assert sparsity_of(network) == pytest.approx(0.9, abs=0.01)
    small = shrink(network)
    assert all(layer.mask is None for layer in small.linear)
    assert sum(layer.weights.size for layer in small.linear) == sum(int(w.mask.sum()) for w in network.linear)
    x = random.random((50, 16)).astype(dtype) / 4
    np.testing.assert_allclose(small.forward(x), network.forward(x), atol=close, rtol=0)
    assert small.forward(x).dtype == dtype
    # the most important units are those that stayed
    stayed = network.linear[0].mask.any(axis=0)
    whole = neuron_importance(perceptron((16, 60, 30, 10), rng=0, dtype=dtype))[0]
    assert whole[stayed].min() > whole[~stayed].max()


@given(
    widths=st.sampled_from([(1, 1, 1), (3, 2, 2), (4, 7, 5, 3), (2, 3, 3, 3, 1)]),
    density=st.sampled_from([0.0, 0.1, 0.3, 1.0]),
    seed=st.integers(0, 99),
)
def test_shrinking_any_masks_changes_no_answer(widths, density: float, seed: int) -> None:
    """Units without input are constants; a layer may lose all of its units."""
    random = np.random.default_rng(seed)
    network = perceptron(widths, rng=random, dtype=np.float64)
    for layer in network.linear:
        layer.parameters["b"][...] = random.standard_normal(len(layer.parameters["b"]))
        layer.set_mask(random.random(layer.weights.shape) < density)
    small, x = shrink(network), random.standard_normal((4, widths[0]))
    weights = [layer.weights.tolist() for layer in network.linear]
    biases = [layer.parameters["b"].tolist() for layer in network.linear]
    np.testing.assert_allclose(
        small.forward(x), [slow.perceptron(row, weights, biases) for row in x.tolist()], atol=1e-12
    )
    for before, after in zip(network.linear, small.linear, strict=True):
        assert (after.weights != 0).sum() <= (before.weights != 0).sum()
    for layer, after in zip(small.linear, small.linear[1:], strict=False):
        if layer.weights.shape[1] > 1:  # a layer that lost everything keeps one silent unit
            heard = layer.weights.any(axis=0)
            assert heard.all()
            assert after.weights.any(axis=1).all()


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_pruned_and_its_program_gives_its_answers(form: str) -> None:
    network = perceptron((48, 64, 32, 10), rng=0)
    before = network.state()
    other = pruned(network, form, 0.85)
    for held, now in zip(before, network.state(), strict=True):
        assert all(np.array_equal(held[name], now[name]) for name in held)
    total = sum(layer.weights.size for layer in network.linear)
    stays = sum(np.count_nonzero(layer.weights) for layer in other.linear)
    assert 0.14 < stays / total < (0.23 if form == "16" else 0.17)  # one tile of 16 × 10 is half of a layer
    if form not in ("neurons", "single"):
        size = int(form)
        tiles = other.linear[0].mask.reshape(48 // size, size, 64 // size, size).sum(axis=(1, 3))
        assert set(tiles.ravel()) == {0, size * size}
    for batch in (1, 20):
        x = np.random.default_rng(0).random((batch, 48)).astype(np.float32)
        np.testing.assert_allclose(executable(other, form)(x), other.forward(x), atol=1e-5)
    np.testing.assert_allclose(executable(network, "dense")(x), network.forward(x), atol=1e-5)


def test_a_shrunk_network_learns_on() -> None:
    random = np.random.default_rng(0)
    x, y = random.standard_normal((60, 6)).astype(np.float32), random.integers(0, 3, 60)
    network = perceptron((6, 40, 3), rng=0)
    apply_masks(network, neuron_masks(network, 0.5))
    small = shrink(network)
    took = train(small, x, y, epochs=20, batch=10, rng=0)
    assert took.losses[-1] < took.losses[0]
    assert took.flops == 6 * 60 * 20 * small.cost().macs


# heads


def small_attention(heads: int = 3):
    return attending(
        tokens=3, pixels=2, width=4, heads=heads, head_width=2, layers=2, classes=3, dtype=np.float64, rng=0
    )


def test_attention_is_its_equation_one_head_and_token_at_a_time() -> None:
    layer = Attention(4, 5, heads=3, head_width=2, dtype=np.float64, rng=0)
    layer.gates[...] = [1, 0.5, 0]
    x = np.random.default_rng(1).standard_normal((2, 20))
    expected = x.reshape(2, 4, 5).copy()
    w = layer.parameters
    for sample, rows in enumerate(x.reshape(2, 4, 5)):
        for head in range(3):
            own = slice(2 * head, 2 * head + 2)
            for token in range(4):
                query = rows[token] @ w["Wq"][:, own]
                scores = np.array([query @ (row @ w["Wk"][:, own]) for row in rows]) / np.sqrt(2)
                shares = np.exp(scores) / np.exp(scores).sum()
                read = sum(share * (row @ w["Wv"][:, own]) for share, row in zip(shares, rows, strict=True))
                expected[sample, token] += layer.gates[head] * (read @ w["Wo"][own])
    np.testing.assert_allclose(layer.forward(x), expected.reshape(2, 20), atol=1e-12)


def test_gradients_of_attention_are_finite_differences() -> None:
    network, random = small_attention(2), np.random.default_rng(0)
    x, labels = random.standard_normal((4, 6)), random.integers(0, 3, 4)
    for layer in network.layers[1:3]:
        layer.gates[...] = [1, 0.6]
    _, gradient = cross_entropy(network.forward(x, training=True), labels)
    down = network.backward(gradient)

    def slope(array, place) -> float:
        held, step = array[place], 1e-6
        array[place] = held + step
        high = cross_entropy(network.forward(x), labels)[0]
        array[place] = held - step
        low = cross_entropy(network.forward(x), labels)[0]
        array[place] = held
        return (high - low) / (2 * step)

    for layer in network.layers[:3]:
        for name, array in layer.parameters.items():
            for place in np.ndindex(array.shape):
                assert layer.gradients[name][place] == pytest.approx(slope(array, place), abs=1e-8)
    for layer in network.layers[1:3]:
        for head in range(2):
            assert layer.gate_gradients[:, head].mean() == pytest.approx(slope(layer.gates, head), abs=1e-8)
    for place in np.ndindex(x.shape):
        assert down[place] == pytest.approx(slope(x, place), abs=1e-8)


def test_importance_is_the_mean_over_single_samples() -> None:
    network, random = small_attention(), np.random.default_rng(0)
    x, labels = random.standard_normal((5, 6)), random.integers(0, 3, 5)
    alone = []
    for i in range(5):
        _, gradient = cross_entropy(network.forward(x[i : i + 1], training=True), labels[i : i + 1])
        network.backward(gradient)
        alone.append([np.abs(layer.gate_gradients[0]) for layer in network.layers[1:3]])
    np.testing.assert_allclose(head_importance(network, x, labels), np.mean(alone, axis=0), atol=1e-14)


@pytest.mark.parametrize("kept", [[True, False, True], [False, False, False], [True, True, True]])
def test_a_removed_head_is_a_gate_at_zero(kept: list[bool]) -> None:
    network = small_attention()
    layer = network.layers[1]
    x = np.random.default_rng(0).standard_normal((6, 12))
    layer.gates[...] = kept
    small = without_heads(layer, np.array(kept))
    np.testing.assert_allclose(small.forward(x), layer.forward(x), atol=1e-14)
    assert small.cost().stored == 4 * 4 * 2 * sum(kept)
    assert small.forward(x, training=True) is not None
    np.testing.assert_array_equal(small.backward(x).shape, x.shape)
    assert set(small.gradients) == set(layer.parameters)


def test_costs_of_attention_by_hand() -> None:
    assert Tokens(3, 2, 4, rng=0).cost() == Cost(8 + 12, 20, 80, 80, 24)
    layer = Attention(3, 4, heads=2, head_width=5, rng=0)
    assert layer.cost() == Cost(160, 160, 640, 640, 3 * 160 + 2 * 2 * 9 * 5)


def test_a_small_transformer_learns() -> None:
    """Which token is the largest: nothing that one token knows alone."""
    random = np.random.default_rng(0)
    x = random.random((400, 6)).astype(np.float32)
    y = x.reshape(400, 3, 2).sum(axis=2).argmax(axis=1)
    network = attending(tokens=3, pixels=2, width=8, heads=2, head_width=4, layers=1, classes=3, rng=0)
    train(network, x, y, epochs=15, batch=40, rate=1e-2, rng=0)
    assert network.accuracy(x, y) > 0.9


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: block_masks(perceptron((3, 2), rng=0), 1.0, block=2), "sparsity must be"),
        (lambda: block_masks(perceptron((3, 2), rng=0), 0.5, block=0), "block must be at least 1"),
        (lambda: block_masks(perceptron((3, 2), rng=0), 0.5, block=2, scope="x"), "scope must be"),
        (lambda: neuron_masks(perceptron((3, 2, 2), rng=0), -1), "sparsity must be"),
        (lambda: pruned(perceptron((3, 2), rng=0), "32", 0.5), "form must be one of single"),
        (lambda: pruned(perceptron((3, 2), rng=0), "4", 1.5), "sparsity must be"),
        (lambda: executable(perceptron((3, 2), rng=0), "rows"), "form must be one of dense"),
        (lambda: shrink(Network([Relu()])), "network must be linear layers with ReLUs"),
        (lambda: shrink(Network([Linear(2, 2, rng=0), Linear(2, 2, rng=0)])), "network must be linear"),
        (lambda: neuron_masks(small_attention(), 0.5), "network must be linear layers"),
        (lambda: Attention(2, 3, heads=-1, head_width=1, rng=0), "heads must be at least 0"),
        (lambda: Attention(2, 3, heads=1, head_width=0, rng=0), "head_width must be at least 1"),
        (lambda: Tokens(0, 1, 1, rng=0), "tokens must be at least 1"),
        (lambda: attending(layers=-1, rng=0), "layers must be at least 0"),
        (lambda: without_heads(Attention(2, 3, heads=2, head_width=1, rng=0), np.ones(2)), "kept must be"),
        (
            lambda: without_heads(Attention(2, 3, heads=2, head_width=1, rng=0), np.ones(3, bool)),
            "kept must be",
        ),
        (lambda: head_importance(small_attention(), np.zeros((0, 6)), np.zeros(0, int)), "labels must be"),
    ],
)
def test_bad_input_is_named(call, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        call()
