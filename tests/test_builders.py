"""Builders: against their definitions, their statistics, their seeds, and bad input."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from hdspike.network import Population
from hdspike.network.builders import (
    average_pool,
    conv2d,
    conv2d_shape,
    dense,
    from_edges,
    from_sparse,
    one_to_one,
    random,
    sum_pool,
)
from hdspike.network.neurons import IntegrateAndFire
from tests.conftest import JIT
from tests.naive import network as naive

SEEDS = st.integers(0, 2**32 - 1)
EXAMPLES = 40 if JIT else 15


def population(name: str, *shape: int) -> Population:
    return Population(name, int(np.prod(shape)), IntegrateAndFire(), shape)


def matrix_of(projection: Any) -> np.ndarray:
    """The dense matrix of a projection: parallel synapses add up."""
    synapses = projection.synapses
    out = np.zeros((synapses.lines, synapses.neurons))
    for line, target, weight in naive.edges(synapses):
        out[line, target] += weight
    return out


@settings(max_examples=EXAMPLES, deadline=None)
@given(SEEDS)
def test_conv2d(seed: int) -> None:
    """Odd sizes, strides beyond the kernel, padding, zeros kept or not: synapse by synapse the definition."""
    rng = np.random.default_rng(seed)
    kernel = tuple(int(v) for v in rng.integers(1, 4, 2))
    image = (*(int(rng.integers(k, 8)) for k in kernel), int(rng.integers(1, 4)))
    channels = int(rng.integers(1, 4))
    strides = tuple(int(v) for v in rng.integers(1, 5, 2))
    padding = tuple(int(v) for v in rng.integers(0, 4, 2))
    weights = rng.choice([-1.5, 0.0, 0.25, 1.0], (*kernel, image[2], channels)).astype(np.float32)
    keep = bool(rng.random() < 0.5)
    expected, shape = naive.convolution(image, weights, strides, padding, keep)
    assert conv2d_shape(image, kernel, channels, stride=strides, padding=padding) == shape
    made = conv2d(
        *(population("a", *image), population("b", *shape), weights),
        stride=strides,
        padding=padding,
        keep_zeros=keep,
    )
    edges = naive.edges(made.synapses)
    assert {(line, target): weight for line, target, weight in edges} == expected
    assert len(edges) == len(expected)
    assert [e[:2] for e in edges] == sorted(e[:2] for e in edges)


def test_conv2d_against_scipy() -> None:
    """The drive of an image of spikes is the correlation that SciPy computes."""
    from scipy.signal import correlate

    rng = np.random.default_rng(3)
    image, weights = rng.integers(0, 2, (9, 7, 2)), rng.integers(-3, 4, (3, 2, 2, 4))
    made = conv2d(population("a", 9, 7, 2), population("b", 7, 6, 4), weights)
    drive = image.reshape(-1) @ matrix_of(made)
    for o in range(4):
        expected = correlate(image, weights[..., o], mode="valid")[..., 0]
        np.testing.assert_array_equal(drive.reshape(7, 6, 4)[..., o], expected)


@pytest.mark.parametrize(("size", "stride"), [(2, None), (3, 1), ((1, 2), (2, 3))])
def test_pooling(size: Any, stride: Any) -> None:
    rng = np.random.default_rng(0)
    image = rng.random((6, 8, 3))
    step = size if stride is None else stride
    shape = conv2d_shape(image.shape, size, 3, stride=step)
    a, b = population("a", *image.shape), population("b", *shape)
    tall, wide = (size, size) if isinstance(size, int) else size
    down, right = (step, step) if isinstance(step, int) else step
    expected = np.empty(shape)
    for y, x in np.ndindex(shape[:2]):
        expected[y, x] = image[y * down : y * down + tall, x * right : x * right + wide].sum(axis=(0, 1))
    summed = sum_pool(a, b, size, stride=stride)
    assert summed.synapses.weights is None
    np.testing.assert_allclose((image.reshape(-1) @ matrix_of(summed)).reshape(shape), expected)
    mean = average_pool(a, b, size, stride=stride)
    np.testing.assert_allclose((image.reshape(-1) @ matrix_of(mean)).reshape(shape), expected / (tall * wide))


@given(SEEDS)
def test_dense(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = population("a", int(rng.integers(1, 6))), population("b", int(rng.integers(1, 6)))
    weights = rng.choice([0.0, 1.5, -2.0], (a.size, b.size))
    np.testing.assert_array_equal(matrix_of(dense(a, b, weights)), weights)
    assert len(dense(a, b, weights).synapses) == np.count_nonzero(weights)
    kept = dense(a, b, weights, keep_zeros=True)
    assert len(kept.synapses) == weights.size
    np.testing.assert_array_equal(matrix_of(kept), weights)
    assert np.all(matrix_of(dense(a, b, 3)) == 3)
    assert dense(a, b, 1).synapses.weights is None


def test_one_to_one_and_values() -> None:
    a, b = population("a", 4), population("b", 4)
    np.testing.assert_array_equal(matrix_of(one_to_one(a, b)), np.eye(4))
    made = one_to_one(a, b, [1.0, 2.0, 3.0, 4.0], delays=lambda rng, count: rng.integers(1, 5, count), rng=1)
    np.testing.assert_array_equal(matrix_of(made), np.diag([1.0, 2.0, 3.0, 4.0]))
    assert made.synapses.delays.tolist() == np.random.default_rng(1).integers(1, 5, 4).tolist()
    assert one_to_one(a, b, delays=1).synapses.delays is None
    assert one_to_one(a, b, delays=3, unit="dense").synapses.delays.tolist() == [3] * 4


@given(SEEDS)
def test_from_edges_and_from_sparse(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = population("a", int(rng.integers(1, 7))), population("b", int(rng.integers(1, 7)))
    count = int(rng.integers(0, 20))
    lines, targets, weights = (
        rng.integers(0, a.size, count),
        rng.integers(0, b.size, count),
        rng.random(count),
    )
    expected = np.zeros((a.size, b.size))
    np.add.at(expected, (lines, targets), weights)
    made = from_edges(a, b, lines, targets, weights)
    assert len(made.synapses) == count
    np.testing.assert_allclose(matrix_of(made), expected)
    late = from_edges(a, b, lines, targets, delays=rng.integers(1, 9, count))
    assert (late.synapses.longest_delay > 1) == (late.synapses.delays is not None)
    for form in (sparse.csr_array, sparse.csc_array, sparse.coo_array):
        np.testing.assert_allclose(matrix_of(from_sparse(a, b, form(expected))), expected)


@settings(max_examples=EXAMPLES, deadline=None)
@given(SEEDS)
def test_fixed_degrees(seed: int) -> None:
    """The degree is exact, partners are distinct unless they may repeat, and nobody meets itself if told so."""
    rng = np.random.default_rng(seed)
    a, b = population("a", int(rng.integers(2, 30))), population("b", int(rng.integers(1, 30)))
    degree = int(rng.integers(0, a.size + 1))
    made = random(a, b, in_degree=degree, rng=rng)
    matrix = matrix_of(made)
    assert np.all(matrix.sum(axis=0) == degree)
    assert matrix.max(initial=0) <= 1
    out = int(rng.integers(0, b.size + 1))
    assert np.all(matrix_of(random(a, b, out_degree=out, rng=rng)).sum(axis=1) == out)
    own = random(a, a, in_degree=int(rng.integers(0, a.size)), self_connections=False, rng=rng)
    assert np.trace(matrix_of(own)) == 0
    again = random(a, b, out_degree=3 * b.size, parallel=True, rng=rng)
    assert again.synapses.parallel
    assert np.all(matrix_of(again).sum(axis=1) == 3 * b.size)


def test_random_is_uniform() -> None:
    """Every pair equally often, within five deviations, for each of the rules."""
    a, b = population("a", 6), population("b", 5)
    times = 800
    rules: list[tuple[dict[str, Any], float]] = [
        ({"probability": 0.3}, 0.3),
        ({"in_degree": 2}, 2 / 6),
        ({"in_degree": 5}, 5 / 6),
        ({"out_degree": 2}, 2 / 5),
    ]
    for rule, p in rules:
        rng = np.random.default_rng(1)
        total = sum(matrix_of(random(a, b, **rule, rng=rng)) for _ in range(times))
        assert np.all(np.abs(total - times * p) < 5 * np.sqrt(times * p * (1 - p))), rule
    rng = np.random.default_rng(2)
    total = sum(
        matrix_of(random(a, a, probability=0.5, self_connections=False, rng=rng)) for _ in range(times)
    )
    assert np.trace(total) == 0
    assert np.all(np.abs(total[~np.eye(6, dtype=bool)] - times / 2) < 5 * np.sqrt(times / 4))


def test_random_edges_and_seeds() -> None:
    a, b = population("a", 40), population("b", 50)
    assert len(random(a, b, probability=0.0, rng=0).synapses) == 0
    assert len(random(a, b, probability=1.0, rng=0).synapses) == 2000
    assert len(random(a, b, probability=1e-300, rng=0).synapses) == 0

    def drawn(seed: int) -> Any:
        return random(
            *(a, b),
            probability=0.1,
            weights=lambda rng, count: rng.normal(size=count),
            delays=lambda rng, count: rng.integers(1, 4, count),
            rng=seed,
        ).synapses

    for name in ("indptr", "targets", "weights", "delays"):
        np.testing.assert_array_equal(getattr(drawn(1), name), getattr(drawn(1), name))
    assert not np.array_equal(drawn(1).targets, drawn(2).targets)


A, B, IMAGE = population("a", 3), population("b", 4), population("i", 4, 4, 2)
BAD: list[tuple[Any, type[Exception], str]] = [
    (lambda: dense("a", B, 1), TypeError, "^source"),
    (lambda: dense(A, None, 1), TypeError, "^target"),
    (lambda: dense(A, B, np.ones((4, 3))), ValueError, "^weights must have shape"),
    (lambda: dense(A, B, [["x"]]), TypeError, "^weights"),
    (lambda: dense(A, B, 1, delays=0), ValueError, "^delays"),
    (lambda: dense(A, B, 1, delays=1.5), TypeError, "^delays"),
    (lambda: one_to_one(A, B), ValueError, "^target must have as many"),
    (lambda: one_to_one(A, A, [1.0, 2.0]), ValueError, "^weights must be one value or one per synapse"),
    (lambda: one_to_one(A, A, np.nan), ValueError, "^weights must be finite"),
    (lambda: random(A, B), ValueError, "^probability, in_degree or out_degree"),
    (lambda: random(A, B, probability=0.5, in_degree=1), ValueError, "^probability, in_degree or out_degree"),
    (lambda: random(A, B, probability=1.5), ValueError, r"^probability must be in \[0, 1\]"),
    (lambda: random(A, B, probability="half"), TypeError, "^probability"),
    (lambda: random(A, B, in_degree=4), ValueError, "^in_degree must be at most 3"),
    (lambda: random(A, A, in_degree=3, self_connections=False), ValueError, "^in_degree must be at most 2"),
    (lambda: random(A, B, out_degree=1.0), TypeError, "^out_degree"),
    (lambda: conv2d(A, IMAGE, np.ones((1, 1, 1, 1))), ValueError, "^source must have a shape"),
    (lambda: conv2d(IMAGE, B, np.ones((3, 3, 2))), ValueError, "^weights must have shape"),
    (lambda: conv2d(IMAGE, B, np.ones((3, 3, 1, 1))), ValueError, "^weights must have 2 channels"),
    (lambda: conv2d(IMAGE, B, np.ones((3, 3, 2, 3))), ValueError, "^target must have the shape"),
    (lambda: conv2d(IMAGE, B, np.ones((5, 3, 2, 1))), ValueError, "^kernel_size must fit"),
    (lambda: conv2d(IMAGE, B, np.ones((3, 3, 2, 1)), stride=0), ValueError, "^stride"),
    (lambda: conv2d(IMAGE, B, np.ones((3, 3, 2, 1)), padding=(1, 2, 3)), ValueError, "^padding"),
    (lambda: from_sparse(A, B, np.ones((3, 4))), TypeError, "^matrix"),
    (lambda: from_sparse(A, B, sparse.eye_array(3)), ValueError, "^matrix must have shape"),
    (lambda: from_edges(A, B, [0, 5], [0, 0]), ValueError, "^lines"),
]


@pytest.mark.parametrize(("call", "kind", "message"), BAD)
def test_bad_input(call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call()
