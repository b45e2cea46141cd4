"""A sparse distributed memory as attention: the fit by plain numbers, published values, and a real memory."""

import doctest
from math import comb, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike import bits, theory
from hdspike.memory import SparseDistributedMemory
from hdspike.theory import memory_softmax
from tests.conftest import JIT

GOLDENS = [
    (64, 5, None, 32.95, 0.970, 10),
    (64, 11, None, 19.34, 0.965, 22),
    (64, 15, None, 13.79, 0.949, 30),
    (1000, 451, 451, 5.96, None, 451),
    (1000, 451, None, 18.2, 0.68, 902),
]


@pytest.mark.parametrize(("dim", "radius", "high", "beta", "fit", "end"), GOLDENS)
def test_published_fits_with_their_range(dim, radius, high, beta, fit, end):
    found = theory.softmax_fit(dim, radius, high=high)
    assert found.beta == pytest.approx(beta, abs=0.05 if beta == 18.2 else 0.005)
    assert (found.low, found.high) == (0, end)
    if fit is not None:
        assert found.r_squared == pytest.approx(fit, abs=0.002)
    assert (found.beta, found.r_squared) == pytest.approx(theory.attention_beta(dim, radius, high=high))


def count(n, r, v):
    """Addresses within r of two at the distance v, in whole numbers."""
    return sum(
        comb(v, b) * comb(n - v, a)
        for b in range(v + 1)
        for a in range(n - v + 1)
        if a + b <= r and a + v - b <= r
    )


@given(dim=st.integers(4, 24), data=st.data())
def test_the_fit_is_the_least_squares_of_plain_counts(dim, data):
    radius = data.draw(st.integers(1, dim))
    high = data.draw(st.integers(1, min(dim, 2 * radius)))
    low = data.draw(st.integers(0, high - 1))
    found = theory.softmax_fit(dim, radius, low=low, high=high)
    v = range(low, high + 1)
    y = [log(count(dim, radius, x)) - dim * log(2) for x in v]
    x = [1 - 2 * a / dim for a in v]
    middle, height = sum(x) / len(x), sum(y) / len(y)
    slope = sum((a - middle) * (b - height) for a, b in zip(x, y, strict=True)) / sum(
        (a - middle) ** 2 for a in x
    )
    assert found.beta == pytest.approx(slope, rel=1e-6, abs=1e-9)
    rest = [b - height - slope * (a - middle) for a, b in zip(x, y, strict=True)]
    assert found.worst == pytest.approx(max(abs(e) for e in rest), abs=1e-9)
    spread = sum((b - height) ** 2 for b in y)
    if spread > 1e-12:
        assert found.r_squared == pytest.approx(1 - sum(e * e for e in rest) / spread, abs=1e-6)
    assert (found.low, found.high) == (low, high)


def test_beta_grows_with_the_range_and_the_line_gets_worse():
    fits = [theory.softmax_fit(1000, 451, high=high) for high in (300, 451, 600, 902)]
    assert [f.beta for f in fits] == sorted(f.beta for f in fits)
    assert [f.worst for f in fits] == sorted(f.worst for f in fits)
    assert fits[0].r_squared > 0.97 > 0.7 > fits[-1].r_squared


@given(dim=st.integers(4, 20), data=st.data())
def test_weights_are_shares_of_the_shared(dim, data):
    radius = data.draw(st.integers(1, dim))
    distances = data.draw(st.lists(st.integers(0, min(dim, 2 * radius)), min_size=1, max_size=6))
    shared = [count(dim, radius, v) for v in distances]
    wanted = [s / sum(shared) for s in shared]
    assert theory.memory_weights(dim, radius, distances) == pytest.approx(wanted, rel=1e-9)
    both = theory.memory_weights(dim, radius, [distances, distances[::-1]])
    assert both[1][::-1] == pytest.approx(both[0])


@pytest.mark.parametrize(("dim", "reach"), [(64, 0.25), (256, 0.3), (400, 0.4)])
def test_the_radius_of_a_beta_gives_it_back(dim, reach):
    high = round(reach * dim)
    radii = range(-(-high // 2) + dim // 16, dim // 2, max(1, dim // 30))
    for radius in radii:
        beta = theory.softmax_fit(dim, radius, high=high).beta
        found = theory.radius_of_beta(dim, beta, reach=reach)
        assert theory.softmax_fit(dim, found, high=high).beta == pytest.approx(beta, rel=1e-6)


@pytest.mark.skipif(not JIT, reason="a memory of 20,000 locations, slow un-jitted")
def test_a_real_memory_weighs_so():
    """Locations that patterns share with a query, counted by one-hot data, against the closed form."""
    random = np.random.default_rng(0)
    dim, radius, locations = 256, 112, 20_000
    query = bits.random(1, dim, rng=random)
    flips = np.arange(dim) < np.array([0, 16, 32, 64, 96])[:, None]
    patterns = query ^ bits.pack(flips.astype(np.uint8))
    memory = SparseDistributedMemory(dim, locations, radius=radius, data_dim=5, dtype=np.int32, rng=random)
    memory.write(patterns, bits.pack(np.eye(5, dtype=np.uint8)))
    sums = memory.sums(query)[0]
    shared = (sums + sums.sum() // (2 - 5)) / 2
    law = np.array([theory.circle_intersection(dim, radius, v) for v in (0, 16, 32, 64, 96)])
    assert shared[0] == memory.active(query)[0]
    assert np.all(np.abs(shared - locations * law) < 4.5 * np.sqrt(locations * law) + 1)
    weights = theory.memory_weights(dim, radius, [0, 16, 32, 64, 96])
    assert shared / shared.sum() == pytest.approx(weights, abs=0.03)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: theory.softmax_fit(1, 1), ValueError, "dim must be at least 2, got 1"),
        (lambda: theory.softmax_fit(10, 0), ValueError, "radius must be at least 1, got 0"),
        (lambda: theory.softmax_fit(10, 11), ValueError, "radius must be at most 10, got 11"),
        (lambda: theory.softmax_fit(10, 3, high=7), ValueError, "high must be at most 6, got 7"),
        (lambda: theory.softmax_fit(10, 3, low=6), ValueError, "low must be at most 5, got 6"),
        (
            lambda: theory.softmax_fit(4000, 5),
            ValueError,
            "high must be a distance at which circles share addresses",
        ),
        (
            lambda: theory.memory_weights(10, 3, [11]),
            ValueError,
            r"distances must be at least one, each in \[0, 10\]",
        ),
        (lambda: theory.memory_weights(10, 3, []), ValueError, "distances must be at least one"),
        (lambda: theory.memory_weights(10, 3, [0.5]), TypeError, "distances"),
        (
            lambda: theory.memory_weights(10, 3, [8, 9]),
            ValueError,
            "distances must be such that a pattern shares",
        ),
        (lambda: theory.radius_of_beta(100, 0), ValueError, r"beta must be in \(0, 1e\+06\), got 0"),
        (lambda: theory.radius_of_beta(100, 9, reach=1.0), ValueError, r"reach must be in \(0, 1\), got 1"),
        (lambda: theory.radius_of_beta(1000, 5000), ValueError, "beta must be from .* got 5000"),
        (lambda: theory.radius_of_beta(7, 1), ValueError, "dim must be at least 8, got 7"),
    ],
)
def test_bad_arguments(call, error, text):
    with pytest.raises(error, match=f"^{text}"):
        call()


def test_doctests():
    results = doctest.testmod(memory_softmax)
    assert results.attempted > 0 == results.failed
