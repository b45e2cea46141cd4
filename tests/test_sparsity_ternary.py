"""Ternary and few-bit layers: the roundings, the laws of zeros, gradients straight through, costs, the two orders."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hdspike.sparsity import ternary_law
from hdspike.sparsity.layer import Linear
from hdspike.sparsity.pruning import apply_masks, magnitude_masks, sparsity_of
from hdspike.sparsity.quantised import (
    QuantisedLinear,
    prune_then_quantise,
    quantise,
    quantise_then_prune,
    quantised,
)
from hdspike.sparsity.straight_through import StraightThrough, int8_samples
from hdspike.sparsity.ternary import TernaryLinear, ternary, ternary_perceptron
from hdspike.sparsity.training import Network, cross_entropy, perceptron, train
from tests.naive import sparse_ternary as naive

QUARTERS = st.integers(-8, 8).map(lambda v: v / 4)  # ties, and sums that are exact in any order
SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 5))
FEW = settings(max_examples=25, deadline=None)


@given(SHAPES, st.data())
@FEW
def test_ternary_is_the_rule_number_by_number(shape: tuple[int, int], data: Any) -> None:
    weights = data.draw(hnp.arrays(np.float64, shape, elements=QUARTERS))
    mask = data.draw(st.none() | hnp.arrays(np.bool_, shape))
    signs, step = ternary(weights, mask=mask)
    expected, worth = naive.ternary(weights.tolist(), None if mask is None else mask.tolist())
    assert signs.tolist() == expected
    assert step == pytest.approx(worth, rel=1e-12)


@given(SHAPES, st.integers(1, 8), st.data())
@FEW
def test_quantise_is_the_rule_number_by_number(shape: tuple[int, int], bits: int, data: Any) -> None:
    weights = data.draw(hnp.arrays(np.float64, shape, elements=QUARTERS))
    mask = data.draw(st.none() | hnp.arrays(np.bool_, shape))
    whole, step = quantise(weights, bits, mask=mask)
    expected, worth = naive.uniform(weights.tolist(), bits, None if mask is None else mask.tolist())
    assert step.tolist() == pytest.approx(worth, rel=1e-12)
    assert whole.tolist() == expected
    if bits > 2:  # the largest of each output is kept, and nothing is farther off than half a step
        real = weights if mask is None else weights * mask
        assert np.abs(real - whole * step).max() <= step.max() / 2 + 1e-12


def test_ternary_of_as_good_as_nothing_is_nothing() -> None:
    signs, step = ternary(np.full((3, 2), 1e-9))
    assert not signs.any() and step == 1e-5
    assert ternary(np.empty((0, 2)))[0].shape == (0, 2)


@pytest.mark.parametrize("name", ternary_law.WEIGHTS)
def test_zeros_follow_the_law_of_their_distribution(name: str) -> None:
    rng, count = np.random.default_rng(1), 200_000
    draw = {
        "gaussian": lambda: rng.normal(0, 0.02, count),
        "laplace": lambda: rng.laplace(0, 3.0, count),
        "uniform": lambda: rng.uniform(-5, 5, count),
    }[name]
    law = ternary_law.zeros(name)
    share = float((ternary(draw()[None])[0] == 0).mean())
    assert abs(share - law) < 5 * math.sqrt(law * (1 - law) / count)


def test_gaussian_weights_are_31_percent_zeros_and_ternary_is_not_sparse() -> None:
    law = ternary_law.zeros("gaussian")
    half = 0.5 * math.sqrt(2 / math.pi)  # of a mean magnitude, in standard deviations
    assert law == pytest.approx(math.erf(half / math.sqrt(2)), abs=1e-15)
    assert round(law, 4) == 0.3101
    assert round(ternary_law.entropy(law), 2) == round(math.log2(3), 2) == 1.58
    bits = ternary_law.stored_bits(law)
    assert bits["entropy"] < bits["five in a byte"] < bits["bit map and signs"] < bits["two planes"]
    assert bits["list of places"] > 5 * bits["two planes"]
    even = ternary_law.even_density()
    assert ternary_law.stored_bits(1 - even)["list of places"] == pytest.approx(2)


@given(st.lists(st.sampled_from([-1, 0, 1]), min_size=1, max_size=50))
@FEW
def test_entropy_is_that_of_three_symbols(symbols: list[int]) -> None:
    zero = symbols.count(0) / len(symbols)
    shares = (zero, (1 - zero) / 2, (1 - zero) / 2)
    assert ternary_law.entropy(zero) == pytest.approx(-sum(p * math.log2(p) for p in shares if p))


# --- layers ----------------------------------------------------------------------------------------------


def layers() -> list[StraightThrough]:
    options: dict[str, Any] = {"dtype": np.float64, "rng": 3}
    mask = np.random.default_rng(0).random((6, 4)) < 0.6
    return [
        TernaryLinear(6, 4, **options),
        TernaryLinear(6, 4, mask=mask, rounds_activations=False, **options),
        QuantisedLinear(6, 4, bits=3, mask=mask, **options),
        QuantisedLinear(6, 4, bits=1, **options),
    ]


@pytest.mark.parametrize("number", range(4))
def test_gradients_pass_straight_through(number: int) -> None:
    """As of a plain layer that has the rounded weights and receives the rounded activations."""
    layer, rng = layers()[number], np.random.default_rng(1)
    x, upstream = rng.standard_normal((5, 6)), rng.standard_normal((5, 4))
    plain = Linear(6, 4, mask=layer.mask, dtype=np.float64, rng=0)
    plain.weights[...] = layer.rounded()
    seen = x
    if layer.rounds_activations:
        whole, unit = int8_samples(x)
        seen = whole * unit
    layer.explore = plain.explore = True
    np.testing.assert_allclose(
        layer.forward(x, training=True), plain.forward(seen, training=True), atol=1e-12
    )
    np.testing.assert_allclose(layer.backward(upstream), plain.backward(upstream), atol=1e-12)
    for name in ("W", "b"):
        np.testing.assert_allclose(layer.gradients[name], plain.gradients[name], atol=1e-12)
    if layer.mask is not None:
        assert not layer.gradients["W"][~layer.mask].any()
        assert layer.dense_gradient is not None and layer.dense_gradient[~layer.mask].any()


def task() -> tuple[Any, Any]:
    """Two classes that a few inputs tell apart."""
    rng = np.random.default_rng(5)
    x = rng.standard_normal((200, 8)).astype(np.float32)
    return x, (x[:, 0] + x[:, 1] > 0).astype(np.int64)


def test_ternary_networks_learn_and_stay_ternary() -> None:
    x, y = task()
    network = ternary_perceptron((8, 16, 2), rng=1)
    before = cross_entropy(network.forward(x), y)[0]
    train(network, x, y, epochs=20, rate=1e-2, rng=1)
    assert cross_entropy(network.forward(x), y)[0] < before / 2
    assert network.accuracy(x, y) > 0.9
    for layer in network.linear:
        assert isinstance(layer, TernaryLinear)
        assert set(np.unique(layer.integers()[0])) == {-1, 0, 1}
        assert 0.1 < layer.zeros() < 0.6
        assert layer.additions() == np.count_nonzero(layer.integers()[0])


def test_costs_are_those_of_the_formats() -> None:
    layer = TernaryLinear(64, 10, rng=0)
    assert layer.cost().stored_bytes == layer.cost().active_bytes == 2 * 640 / 8 + 4 + 40
    assert TernaryLinear(64, 10, packing="fives", rng=0).cost().stored_bytes == 1.6 * 640 / 8 + 4 + 40
    assert layer.cost().macs == 640 > layer.additions()
    few = np.zeros((64, 10), dtype=bool)
    few[0] = True
    layer.set_mask(few)
    assert layer.cost().stored_bytes == 10 * 18 / 8 + 44  # a list of places
    assert layer.cost().macs == 10
    coarse = QuantisedLinear(64, 10, bits=4, rng=0)
    assert coarse.cost().stored_bytes == 640 / 2 + 80
    coarse.set_mask(np.arange(640).reshape(64, 10) % 4 == 0)
    assert coarse.cost().stored_bytes == 640 / 8 + 160 / 2 + 80  # a bit map
    coarse.set_mask(few)
    assert coarse.cost().stored_bytes == 10 * 20 / 8 + 80
    whole = QuantisedLinear(64, 10, bits=1, rng=0)
    assert whole.cost().stored_bytes == 640 / 8 + 80


def test_zero_inputs_are_not_loaded_where_they_are_skipped() -> None:
    layer = QuantisedLinear(4, 2, bits=8, skips_zeros=True, rng=0)
    layer.forward(np.array([[1, 0, 0, 0], [1, 1, 0, 0]], dtype=np.float32))
    cost = layer.cost()
    assert (cost.stored, cost.active, cost.macs) == (10, 5, 3)
    assert (cost.stored_bytes, cost.active_bytes) == (8 + 16, 3 + 16)
    layer.forward(np.eye(4, dtype=np.float32), training=True)
    assert layer.cost().macs == 8, "training skips nothing, whatever was read before"


# --- quantised networks, and the two orders --------------------------------------------------------------


@pytest.mark.parametrize("bits", [1, 2, 3, 8, 32])
def test_quantised_networks_are_copies(bits: int) -> None:
    network = perceptron((6, 5, 3), rng=0)
    apply_masks(network, magnitude_masks(network, 0.5))
    held, x = network.state(), np.random.default_rng(0).standard_normal((4, 6)).astype(np.float32)
    made = quantised(network, bits)
    for layer, old in zip(made.linear, network.linear, strict=True):
        assert (layer.weights == old.weights).all() and (layer.mask == old.mask).all()
        assert layer.mask is not old.mask
        if isinstance(layer, QuantisedLinear):
            assert not layer.rounded()[~layer.mask].any()
    made.linear[0].weights[...] = 7
    assert (network.state()[0]["W"] == held[0]["W"]).all()
    if bits == 8:
        np.testing.assert_allclose(quantised(network, 8).forward(x), network.forward(x), atol=0.1)


def test_more_bits_err_less() -> None:
    network = perceptron((64, 32, 10), rng=0)
    weights = network.linear[0].weights
    errors = [
        float(((QuantisedLinear.rounded(quantised(network, bits).linear[0]) - weights) ** 2).mean())  # type: ignore[arg-type]
        for bits in (1, 2, 3, 4, 8)
    ]
    assert errors == sorted(errors, reverse=True)


def test_freezing_keeps_integers_and_thawing_lets_them_go() -> None:
    made = quantised(perceptron((6, 3), rng=0), 2)
    layer = made.linear[0]
    assert isinstance(layer, QuantisedLinear)
    before, step = layer.integers()
    layer.freeze()
    mask = np.arange(18).reshape(6, 3) % 2 == 0
    layer.set_mask(mask)
    whole, same = layer.integers()
    assert (whole == before * mask).all() and (same == step).all()
    layer.thaw()
    assert (layer.integers()[1] != step).any()  # the mean of those that stayed is another


@pytest.mark.parametrize("bits", [1, 2, 4, 32])
@pytest.mark.parametrize("scope", ["global", "layer", "output"])
def test_both_orders_reach_the_sparsity(bits: int, scope: str) -> None:
    network = perceptron((20, 16, 4), rng=0)
    first = prune_then_quantise(network, 0.75, bits, scope=scope)
    second = quantise_then_prune(network, 0.75, bits, scope=scope, rng=0)
    for made in (first, second):
        assert sparsity_of(made) == pytest.approx(0.75, abs=1e-3)
        if scope == "output":
            assert all((layer.mask.sum(axis=0) == len(layer.weights) / 4).all() for layer in made.linear)
    assert [layer.mask is None for layer in network.linear] == [True, True]


def test_ties_are_broken_at_random_and_by_the_seed() -> None:
    """All magnitudes of a binary output are equal: which of them go is chance, the same for the same seed."""
    network = perceptron((40, 1), rng=0)
    masks = [quantise_then_prune(network, 0.5, 1, rng=seed).linear[0].mask for seed in (0, 0, 1)]
    assert (masks[0] == masks[1]).all() and (masks[0] != masks[2]).any()
    rows = np.flatnonzero(masks[0][:, 0])
    assert len(rows) == 20 and rows.max() > 20


def test_max_scaled_orders_differ_by_ties_alone() -> None:
    """8 bits: pruning before or after leaves the same integers but for weights that round to the threshold."""
    network = perceptron((50, 6), rng=2)
    first = prune_then_quantise(network, 0.5, 8, scope="layer").linear[0]
    second = quantise_then_prune(network, 0.5, 8, scope="layer", rng=0).linear[0]
    assert isinstance(first, QuantisedLinear) and isinstance(second, QuantisedLinear)
    both = first.mask & second.mask
    assert both.sum() >= 0.9 * first.mask.sum()
    assert (first.integers()[0][both] == second.integers()[0][both]).all()
    np.testing.assert_array_equal(first.integers()[1], second.integers()[1])


@pytest.mark.parametrize(
    ("call", "kind", "match"),
    [
        (lambda: ternary([[np.nan]]), ValueError, "weights must be finite"),
        (lambda: ternary([["a"]]), TypeError, "weights must be real"),
        (
            lambda: ternary([[1.0]], mask=np.ones((2, 2), dtype=bool)),
            ValueError,
            "mask must be bool of shape",
        ),
        (lambda: int8_samples([[np.inf]]), ValueError, "x must be finite"),
        (lambda: TernaryLinear(0, 1, rng=0), ValueError, "n_in must be at least 1"),
        (lambda: TernaryLinear(1, 1, packing="tens", rng=0), ValueError, "packing must be one of"),
        (lambda: TernaryLinear(1, 1, skips_zeros=True, rng=0), ValueError, "skips_zeros must be False"),
        (lambda: ternary_perceptron((3,), rng=0), ValueError, "widths must name"),
        (lambda: ternary_perceptron((3, 0), rng=0), ValueError, "widths must be at least 1"),
        (lambda: ternary_perceptron((3, 2.5), rng=0), TypeError, "widths must be an integer"),
        (lambda: quantise([[1.0]], 0), ValueError, "bits must be at least 1"),
        (lambda: quantise([[1.0]], 9), ValueError, "bits must be at most 8"),
        (lambda: quantise([1.0], 4), ValueError, "weights must be a matrix"),
        (lambda: quantise([[np.inf]], 4), ValueError, "weights must be finite"),
        (lambda: QuantisedLinear(2, 2, bits=True, rng=0), TypeError, "bits must be an integer"),
        (lambda: quantised(perceptron((2, 2), rng=0), 16), ValueError, "bits must be at most 8"),
        (lambda: quantised(ternary_perceptron((2, 2), rng=0), 4), ValueError, "network must have plain"),
        (lambda: prune_then_quantise(perceptron((2, 2), rng=0), 1.0, 4), ValueError, "sparsity must be"),
        (
            lambda: quantise_then_prune(perceptron((2, 2), rng=0), math.nan, 4, rng=0),
            ValueError,
            "sparsity must",
        ),
        (
            lambda: prune_then_quantise(perceptron((2, 2), rng=0), 0.5, 4, scope="row"),
            ValueError,
            "scope must be",
        ),
        (lambda: ternary_law.zeros("cauchy"), ValueError, "weights must be one of"),
        (lambda: ternary_law.entropy(1.5), ValueError, "zero must be a share"),
        (lambda: ternary_law.stored_bits(math.nan), ValueError, "zero must be a share"),
    ],
)
def test_bad_input_is_refused(call: Any, kind: type[Exception], match: str) -> None:
    with pytest.raises(kind, match=match):
        call()


def test_a_form_says_how_it_rounds() -> None:
    with pytest.raises(NotImplementedError):
        Network([StraightThrough(2, 2, rng=0)]).forward(np.ones((1, 2), dtype=np.float32))
