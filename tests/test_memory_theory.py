"""The laws of memories against exact integers, published numbers and simulation."""

import doctest
from collections.abc import Callable
from itertools import combinations
from math import comb, log, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from hdspike import bits, theory
from hdspike.memory import Willshaw
from hdspike.spaces import BSC, BSDC, SBC
from hdspike.theory import associative, memories
from tests.conftest import JIT

NAN = float("nan")


def intersection(n: int, d: int, dv: int) -> int:
    """Addresses within d of both: the sum of anchors.md over a (bits equal to both), exact integers."""
    total = 0
    for a in range(n - dv + 1):
        e = n - dv - a
        total += comb(n - dv, a) * sum(comb(dv, b) for b in range(max(0, e + dv - d), min(dv, d - e) + 1))
    return total


@given(st.integers(1, 70), st.data())
def test_circles_intersect_as_counted(dim: int, data: Any) -> None:
    radius, distance = (data.draw(st.integers(0, dim)) for _ in range(2))
    exact = intersection(dim, radius, distance) / 2**dim
    assert theory.circle_intersection(dim, radius, distance) == pytest.approx(exact, rel=1e-10, abs=1e-300)
    own = theory.circle_intersection(dim, radius, 0)
    assert own == pytest.approx(theory.sdm_share(dim, radius), rel=1e-10)


@pytest.mark.parametrize(
    ("dim", "radius", "high", "beta", "fit"),
    [
        (64, 5, None, 32.95, 0.970),
        (64, 11, None, 19.34, 0.965),
        (64, 15, None, 13.79, 0.949),
        (1000, 451, 451, 5.96, None),
        (1000, 451, None, 18.2, 0.68),
    ],
)
def test_softmax_of_bricken_and_pehlevan(dim: int, radius: int, high, beta: float, fit) -> None:
    slope, r2 = theory.attention_beta(dim, radius, high=high)
    assert slope == pytest.approx(beta, abs=0.05 if beta == 18.2 else 0.005)
    if fit is not None:
        assert r2 == pytest.approx(fit, abs=0.002)


def test_kanervas_numbers() -> None:
    """N = 1000, a million locations: radius 451 activates .00107; 10,000 stored, critical distance 209."""
    assert theory.sdm_share(1000, 451) == pytest.approx(0.00107, abs=5e-6)
    assert theory.sdm_radius(1000, 0.001) == 451
    share = theory.sdm_share(1000, 451)
    his = 1000 * ndtr(-theory.circle_intersection(1000, 451, 209) / (share**2 * sqrt(10_000)))
    assert his == pytest.approx(209, abs=0.5)  # every overlap at its mean: reading from 209 leads to 209
    assert theory.sdm_critical_distance(1000, 10**6, 451, 10_000) == 234
    assert theory.sdm_critical_distance(1000, 10**6, 451, 10**6) == 0  # more than it can hold


@given(st.integers(1, 200), st.floats(1e-9, 1.0))
def test_radius_is_the_smallest_that_reaches_the_share(dim: int, share: float) -> None:
    radius = theory.sdm_radius(dim, share)
    assert theory.sdm_share(dim, radius) >= min(share, 1 - 1e-12)
    assert radius == 0 or theory.sdm_share(dim, radius - 1) < share


def test_best_share_is_best() -> None:
    """Of all radii, that of the best share has nearly the most signal to noise at distance 0."""
    rho = {r: theory.sdm_signal_to_noise(1000, 10**5, r, 2000) for r in range(440, 464, 4)}
    best = theory.sdm_radius(1000, theory.sdm_best_share(10**5, 2000))
    assert theory.sdm_signal_to_noise(1000, 10**5, best, 2000) > 0.97 * max(rho.values())


@pytest.mark.skipif(not JIT, reason="a memory of 100,000 locations, far too slow un-jitted")
@pytest.mark.parametrize("auto", [True, False])
def test_bits_are_read_wrong_as_often_as_the_law_says(auto: bool) -> None:
    """Only locations that the query activates matter: their overlaps with all stored addresses give the sums."""
    n, locations, radius, stored = 256, 100_000, 105, 5000
    random = np.random.default_rng(5)
    places = bits.random(locations, n, rng=random)
    reads = 40
    for distance in (20, 60):
        wrong = []
        for _ in range(reads):
            patterns = bits.random(stored, n, rng=random)
            data = patterns if auto else bits.random(stored, n, rng=random)
            flips = np.zeros(n, dtype=np.uint8)
            flips[random.permutation(n)[:distance]] = 1
            query = patterns[:1] ^ bits.pack(flips)
            active = places[bits.hamming(query, places, n)[0] <= radius]
            overlaps = (bits.hamming(patterns, active, n) <= radius).sum(axis=1)
            sums = overlaps @ (2 * bits.unpack(data, n).astype(np.int64) - 1)
            right = bits.unpack(data[:1], n)[0]
            wrong.append(np.mean(np.where(sums == 0, 0.5, (sums > 0) != right)))
        law = theory.sdm_error(n, locations, radius, stored, distance=distance, auto=auto)
        error = np.std(wrong) / sqrt(reads)
        assert abs(np.mean(wrong) - law) < 4 * error + 0.03 * law  # the sums are not quite normal


# --- Willshaw


@pytest.mark.parametrize(
    ("n", "k", "p1", "info"),
    [(1000, 10, 0.4998, 0.510), (2000, 11, 0.4999, 0.524), (4000, 12, 0.5001, 0.532)],
)
def test_willshaw_goldens(n: int, k: int, p1: float, info: float) -> None:
    stored = theory.willshaw_capacity(n, k)
    assert stored == pytest.approx(log(2) * n * n / k / k, rel=1e-4)
    assert theory.willshaw_density(n, k, stored) == pytest.approx(p1, abs=3e-4)
    assert theory.willshaw_information(n, k, stored) == pytest.approx(info, abs=0.002)


def test_false_ones_are_counted_exactly() -> None:
    """All pairs of patterns of a tiny memory: n = 5, k = 2, n' = 4, k' = 1, three pairs stored."""
    n, k, m, k2 = 5, 2, 4, 1
    inputs, outputs = list(combinations(range(n), k)), list(combinations(range(m), k2))
    asked, right = inputs[0], outputs[0]
    for missing in (0, 1):
        cue = asked[missing:]
        total, false = 0, 0
        for x1 in inputs:
            for y1 in outputs:
                for x2 in inputs:
                    for y2 in outputs:
                        pairs = ((asked, right), (x1, y1), (x2, y2))
                        for j in range(1, m):
                            false += all(any(i in x and j in y for x, y in pairs) for i in cue)
                            total += 1
        law = theory.willshaw_false_ones(n, k, 3, missing=missing, n_out=m, k_out=k2)
        assert law == pytest.approx(false / total, rel=1e-12)


@pytest.mark.skipif(not JIT, reason="a memory of a million synapses, slow un-jitted")
def test_false_ones_and_density_by_simulation() -> None:
    n, k, stored = 500, 8, 2500
    random = np.random.default_rng(0)
    memory = Willshaw(n)
    patterns = np.array([random.choice(n, k, replace=False) for _ in range(2 * stored)])
    memory.store(patterns[:stored], patterns[stored:])
    assert memory.density == pytest.approx(theory.willshaw_density(n, k, stored), abs=0.003)
    for missing in (0, 3):
        ones = bits.popcount(memory.recall(patterns[:stored, missing:]), n)
        assert ones.min() >= k
        law = theory.willshaw_false_ones(n, k, stored, missing=missing) * (n - k)
        assert (ones - k).mean() == pytest.approx(law, rel=0.06)  # one matrix: the trials are not independent
        assert (ones - k).mean() > 1.08 * (n - k) * theory.willshaw_density(n, k, stored) ** (k - missing)


@given(st.integers(2, 60), st.data())
def test_false_ones_is_a_chance_and_grows(n: int, data: Any) -> None:
    k = data.draw(st.integers(1, n - 1))
    stored = data.draw(st.integers(1, 300))
    values = [theory.willshaw_false_ones(n, k, s) for s in (1, stored, stored + 1)]
    assert values[0] == 0.0
    assert 0 <= values[1] <= values[2] <= 1
    assert values[1] >= theory.willshaw_density(n, k, stored - 1) ** k - 1e-12  # Jensen


def test_chance_of_spaces() -> None:
    assert theory.chance_score(SBC(1280, blocks=128)) == (12.8, pytest.approx(sqrt(128 * 0.1 * 0.9)))
    mean, deviation = theory.chance_score(BSDC(100, ones=10))
    overlaps = [comb(10, x) * comb(90, 10 - x) / comb(100, 10) for x in range(11)]
    assert mean == pytest.approx(sum(x * p for x, p in enumerate(overlaps)))
    assert deviation == pytest.approx(sqrt(sum((x - mean) ** 2 * p for x, p in enumerate(overlaps))))


def test_best_of_many_by_chance() -> None:
    assert theory.chance_best(1, error=0.5) == pytest.approx(0, abs=1e-12)
    for items in (10, 10**6):
        z = theory.chance_best(items, error=0.01)
        assert 1 - ndtr(z) ** items == pytest.approx(0.01, rel=1e-6)


CASES: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: theory.chance_best(0), ValueError, "items must be at least 1"),
    (lambda: theory.chance_best(1, error=1.0), ValueError, "error must be in"),
    (lambda: theory.sdm_share(10, 11), ValueError, "radius must be at most 10"),
    (lambda: theory.sdm_radius(10, 0), ValueError, r"share must be in \(0, 1\]"),
    (lambda: theory.sdm_radius(10, NAN), ValueError, "share must be in"),
    (lambda: theory.sdm_best_share(0, 1), ValueError, "locations must be at least 1"),
    (lambda: theory.circle_intersection(10, 1, 11), ValueError, "distance must be at most 10"),
    (lambda: theory.attention_beta(10, 0), ValueError, "radius must be at least 1"),
    (lambda: theory.attention_beta(10, 2, high=5), ValueError, "high must be at most 4"),
    (lambda: theory.sdm_error(10, 5, 2, 0), ValueError, "stored must be at least 1"),
    (lambda: theory.willshaw_density(10, 11, 1), ValueError, "k must be at most 10"),
    (lambda: theory.willshaw_capacity(10, 1, density=0), ValueError, "density must be in"),
    (lambda: theory.willshaw_false_ones(10, 2, 1, missing=3), ValueError, "missing must be at most 2"),
    (lambda: theory.willshaw_false_ones(10, 2, 0), ValueError, "stored must be at least 1"),
    (lambda: theory.willshaw_information(10, 2, 5, false_ones=9), ValueError, "false_ones must be in"),
]


@pytest.mark.parametrize(("call", "error", "message"), CASES)
def test_bad_input_is_a_clear_error(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}"):
        call()


@pytest.mark.parametrize("module", [memories, associative])
def test_doctests(module) -> None:
    results = doctest.testmod(module)
    assert results.attempted > 0
    assert results.failed == 0


def test_a_dense_space_is_the_default_chance() -> None:
    assert theory.chance_score(BSC(400)) == (200.0, 10.0)
