"""The smallest dimensions of Schlegel, Neubert & Protzel (2021), by their own protocol and by law.

Their protocol: 1000 random items at each of the dimensions 4, 16, 36 … 1600; bundle k of them; the share of the k that
is among the k nearest items, in the mean of 10 runs; the smallest dimension where it is 99 %. BSC: majority, Hamming
distance. BSDC-SEG: √D segments of √D places with one bit each, OR without thinning, overlap.
"""

import numpy as np
import pytest

from hdspike import sim, theory
from tests.conftest import JIT

ITEMS, RUNS = 1000, 600
GOLDEN = {
    "bsc": {5: 196, 11: 676, 15: 784, 21: 900, 31: 1444},
    "or": {5: 144, 11: 256, 15: 324, 21: 400, 31: 576},
}

among_nearest = sim.load("bundle_capacity").among_nearest  # the simulation that the figure shows

heavy = pytest.mark.skipif(not JIT, reason="statistics of many bundles, too slow un-jitted")


def step(dim: int) -> int:
    return theory.SQUARES.index(dim)


@heavy
@pytest.mark.parametrize("code", GOLDEN)
def test_simulation_finds_their_dimensions_within_a_step_of_the_grid(code):
    """So it is if 99 % is reached one step above theirs, and not yet two steps below.

    In the mean of 600 runs: ten, as they took, scatter by up to two steps from one ten to the next.
    """
    for k, golden in GOLDEN[code].items():
        for away, reached in ((-2, False), (1, True)):
            dim = theory.SQUARES[step(golden) + away]
            accuracy = among_nearest(code, dim, k, RUNS, np.random.default_rng([2021, k])).mean()
            assert (accuracy >= 0.99) == reached, (code, k, dim, accuracy)


@pytest.mark.parametrize("code", GOLDEN)
def test_the_law_finds_their_dimensions_within_a_step_of_the_grid(code):
    for k, golden in GOLDEN[code].items():
        found = theory.smallest_top(ITEMS, k, code=code)
        assert abs(step(found) - step(golden)) <= 1, (k, found, golden)


@heavy
@pytest.mark.parametrize(
    ("code", "dim", "k"),
    [("bsc", 100, 5), ("bsc", 400, 11), ("bsc", 900, 31), ("or", 100, 5), ("or", 484, 31)],
)
def test_the_law_of_the_share_among_the_nearest(code, dim, k):
    shares = among_nearest(code, dim, k, RUNS, np.random.default_rng([dim, k]))
    side = round(dim**0.5)
    law = theory.top_share(dim, ITEMS, k) if code == "bsc" else theory.top_share_or(side, side, ITEMS, k)
    assert 0.7 < law < 0.99
    # for bsc an approximation, of independent members: it may be off by a little more than chance
    slack = 2e-3 if code == "bsc" else 0
    assert abs(shares.mean() - law) < 3 * shares.std(ddof=1) / RUNS**0.5 + slack


def test_nothing_on_the_grid_is_none():
    assert theory.smallest_top(ITEMS, 200, code="bsc") is None
    assert theory.smallest_top(ITEMS, 31, code="sbc") is None  # the mode of √D blocks: OR is the way there
    assert theory.smallest_top(ITEMS, 5, code="sbc", dims=[s * s for s in range(40, 60)]) == 53**2
