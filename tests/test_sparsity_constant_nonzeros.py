"""Constant nonzeros: as many weights at every width, places that never change, exact laws, bad input."""

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike.sparsity import constant_nonzeros as constant
from hdspike.sparsity.training import train
from tests.naive import sparse_budgets as naive


@given(sizes=st.lists(st.integers(1, 12), min_size=1, max_size=4), share=st.floats(0, 1))
def test_layers_give_from_large_to_small(sizes: list[int], share: float) -> None:
    nonzeros = round(share * sum(sizes))
    found, slow = constant.equalised(sizes, nonzeros), naive.equalised(sizes, nonzeros)
    assert sum(found) == nonzeros and all(0 <= k <= n for k, n in zip(found, sizes, strict=True))
    assert sorted(found) == sorted(slow)  # what is left over by whole numbers may be another layer's
    assert max(abs(a - b) for a, b in zip(found, slow, strict=True)) <= 1


@given(inputs=st.integers(1, 4), width=st.integers(1, 4), classes=st.integers(1, 3), share=st.floats(0.01, 1))
def test_living_neurons_are_those_of_all_masks(inputs: int, width: int, classes: int, share: float) -> None:
    sizes = [inputs * width, width * classes]
    nonzeros = max(1, round(share * sum(sizes)))
    slow = naive.living_width(inputs, width, classes, constant.equalised(sizes, nonzeros))
    assert constant.living_width(inputs, width, classes, nonzeros=nonzeros) == pytest.approx(slow)


@pytest.mark.parametrize("growth", [1, 2, 8, 64])
def test_the_weights_are_as_many_at_every_width_and_stay_where_they_are(growth: int) -> None:
    network = constant.wide_network(16, 5 * growth, 4, nonzeros=5 * 20, rng=growth)
    before = [None if layer.mask is None else layer.mask.copy() for layer in network.linear]
    assert network.cost().stored == network.cost().macs == 100
    assert (growth == 1) == all(mask is None for mask in before)
    random = np.random.default_rng(0)
    x, labels = random.random((40, 16), dtype=np.float32), random.integers(0, 4, 40)
    train(network, x, labels, epochs=3, batch=8, rng=0)
    for layer, mask in zip(network.linear, before, strict=True):
        assert list(layer.parameters) == list(layer.gradients) == ["W"]
        assert mask is None or (np.array_equal(layer.mask, mask) and not layer.weights[~mask].any())
    assert sum(np.count_nonzero(layer.weights) for layer in network.linear) == 100


def test_without_biases_it_computes_what_a_layer_with_zero_biases_does() -> None:
    layer = constant.Unbiased(6, 3, rng=0)
    x, upstream = np.ones((2, 6), dtype=np.float32), np.ones((2, 3), dtype=np.float32)
    assert layer.forward(x, training=True) == pytest.approx(x @ layer.weights)
    assert layer.backward(upstream) == pytest.approx(upstream @ layer.weights.T)
    assert layer.gradients["W"] == pytest.approx(x.T @ upstream)
    assert layer.cost().stored_bytes == 72 and layer.samples == 2


def test_initial_weights_are_scaled_by_the_inputs_that_are_left() -> None:
    for rescaled, expected in ((True, 2 / (64 * 0.125)), (False, 2 / 64)):
        network = constant.wide_network(64, 1280, 10, nonzeros=10_240 + 10_240, rescaled=rescaled, rng=3)
        layer = network.linear[0]
        assert layer.mask.sum() == 10_240
        assert layer.weights[layer.mask].var() == pytest.approx(expected, rel=0.05)


def test_masks_that_thin_leave_as_many_neurons_alive_as_the_law_says() -> None:
    alive = []
    for seed in range(20):
        first, second = constant.wide_network(16, 320, 4, nonzeros=400, rng=seed).linear
        alive.append(np.count_nonzero(first.mask.any(axis=0) & second.mask.any(axis=1)))
    law = constant.living_width(16, 320, 4, nonzeros=400)
    assert np.mean(alive) == pytest.approx(law, abs=4 * np.std(alive) / np.sqrt(20))


def test_a_place_takes_more_bits_the_more_places_there_are() -> None:
    bits = [
        constant.index_bits(constant.wide_network(16, 5 * g, 4, nonzeros=100, rng=0)) for g in (1, 2, 8, 64)
    ]
    assert bits[0] == pytest.approx(0, abs=1e-9) and (np.diff(bits) > 0.9).all()


def test_the_best_growth_and_how_sure_it_is() -> None:
    random = np.random.default_rng(0)
    errors = np.array([0.3, 0.2, 0.2, 0.4])[:, None] + 0.001 * random.standard_normal((4, 8))
    errors[2] += errors[1].mean() - errors[2].mean() - 1e-6  # as good as the same, and a hair better
    assert constant.best_growth(errors) == (2, 1, 2)
    assert constant.best_growth(errors[[0, 1, 3]]) == (1, 1, 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: constant.base_width(0, 64, 10), "nonzeros"),
        (lambda: constant.base_width(100, 0, 10), "inputs"),
        (lambda: constant.equalised([], 0), "sizes"),
        (lambda: constant.equalised([5, 0], 1), "sizes"),
        (lambda: constant.equalised([5, 5], 11), "nonzeros"),
        (lambda: constant.equalised([5, 5], -1), "nonzeros"),
        (lambda: constant.equalised([5, 5], 2.5), "nonzeros"),
        (lambda: constant.wide_network(4, 3, 2, nonzeros=19, rng=0), "nonzeros"),
        (lambda: constant.wide_network(4, 3, 2, nonzeros=0, rng=0), "nonzeros"),
        (lambda: constant.wide_network(4, 0, 2, nonzeros=1, rng=0), "width"),
        (lambda: constant.wide_network(4, 3, 0, nonzeros=1, rng=0), "classes"),
        (lambda: constant.living_width(0, 3, 2, nonzeros=1), "inputs"),
        (lambda: constant.best_growth([1.0, 2.0]), "errors"),
        (lambda: constant.best_growth([[1.0, np.nan]]), "errors"),
        (lambda: constant.best_growth([[1.0]], draws=0), "draws"),
    ],
)
def test_bad_input_is_refused(call, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=rf"^{message} "):
        call()


def test_the_examples_of_the_docstrings() -> None:
    assert doctest.testmod(constant).failed == 0
